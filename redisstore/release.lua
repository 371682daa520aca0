#!lua flags=allow-oom
-- Ends a writer's quarantine of keys. KEYS: the keys. ARGV: the writer.
for i = 1, #KEYS do
  local key = KEYS[i]
  local set = field(key, 'q')
  local others, last = '', 0
  if set and not (#set == 29 and set:sub(1, 16) == ARGV[1]) then
    others, last = live(set, ARGV[1])
  end
  -- N14, M11: the quarantine may have run out, and a reader may have leased or filled since.
  if others == '' then
    redis.call('DEL', key)
  else
    keep(key, names(key), 'q', others, last)
  end
end
return 1
