#!lua flags=allow-oom
-- Puts a writer among those of keys where plain commands cannot: it passes when memory is full, for a write waits for it; it drops what
-- is no set of writers; and it puts a quarantine back that is perhaps lost, which ends no earlier than the one that is there, for the
-- writer may have renewed it meanwhile. KEYS: the writers of each key. ARGV: the writer, for how long, for how long the set is there.
-- common
local hold = tonumber(ARGV[2])
for i = 1, #KEYS do
  local old = field(KEYS[i], ARGV[1]) or ''
  local till, held = tonumber(old:match('^@(%d+)$')), tonumber(old)
  local left = till and till - now() or held or 0
  if not (left >= hold and left < 4e12) then redis.call('HSET', KEYS[i], ARGV[1], ARGV[2]) end
  redis.call('PEXPIRE', KEYS[i], ARGV[3])
end
return 1
