#!lua flags=allow-oom
-- Ends a writer's quarantine of a key. KEYS: the key. ARGV: the writer.
local set, last = live(field(KEYS[1], 'q'), ARGV[1])
-- N14, M11: the quarantine may have run out, and a reader may have leased or filled since.
if set == '' then
  redis.call('DEL', KEYS[1])
else
  keep(KEYS[1], 'q', set, last)
end
return 1
