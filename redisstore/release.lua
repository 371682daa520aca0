#!lua flags=allow-oom
-- Ends a writer's quarantine of keys. KEYS: the keys. ARGV: the writer.
for _, key in ipairs(KEYS) do
  local set, last = live(field(key, 'q'), ARGV[1])
  -- N14, M11: the quarantine may have run out, and a reader may have leased or filled since.
  if set == '' then
    redis.call('DEL', key)
  else
    keep(key, 'q', set, last)
  end
end
return 1
