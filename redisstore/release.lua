#!lua flags=allow-oom
-- Ends a writer's quarantine of a key. KEYS: the key. ARGV: the writer.
local set, last = live(field(KEYS[1], 'q'), ARGV[1])
-- N14, M11: the quarantine may have run out, and a reader may have leased or filled since.
redis.call('DEL', KEYS[1])
if set ~= '' then
  redis.call('HSET', KEYS[1], 'q', set)
  redis.call('PEXPIREAT', KEYS[1], last)
end
return 1
