#!lua flags=allow-oom
-- Quarantines keys where plain commands do not: it passes when memory is full, for a write waits for it, and it drops what is no set of
-- writers. KEYS: the keys, and then the writers of each. ARGV: the writer, for how long, whether it is put back.
-- common
local count = #KEYS / 2
for i = 1, count do
  local writers = KEYS[count + i]
  if not field(writers, ARGV[1]) or ARGV[3] ~= '1' then redis.call('HSET', writers, ARGV[1], ARGV[2]) end
  if redis.call('PTTL', writers) < tonumber(ARGV[2]) then redis.call('PEXPIRE', writers, ARGV[2]) end
  redis.call('DEL', KEYS[i])
end
return 1
