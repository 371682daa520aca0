#!lua flags=allow-oom
-- Ends a writer's quarantine of generations. KEYS: the generations' hash. ARGV: the writer, the generations' names.
-- common
for i = 2, #ARGV do
  local set = live(field(KEYS[1], 'q:' .. ARGV[i]), ARGV[1])
  -- N14: it may have run out, and a generation may have been begun since.
  redis.call('HDEL', KEYS[1], 'n:' .. ARGV[i])
  if set == '' then
    redis.call('HDEL', KEYS[1], 'q:' .. ARGV[i])
  else
    redis.call('HSET', KEYS[1], 'q:' .. ARGV[i], set)
  end
end
return 1
