#!lua flags=allow-oom
-- Quarantines generations: all keys of their rules at once. KEYS: the generations' hash. ARGV: the writer, for how long,
-- whether it is put back, the generations' names.
-- common
for i = 4, #ARGV do
  local set, last, own = live(field(KEYS[1], 'q:' .. ARGV[i]), ARGV[1])
  local till = now() + ARGV[2]
  if ARGV[3] == '1' then till = math.max(till, own) end
  -- A generation without a nonce is nobody's: a hit need not look for writers.
  redis.call('HDEL', KEYS[1], 'n:' .. ARGV[i])
  redis.call('HSET', KEYS[1], 'q:' .. ARGV[i], set .. ARGV[1] .. digits(till))
  outlive(KEYS[1], math.max(till, last))
end
return 1
