#!lua flags=allow-oom
-- Quarantines keys, or renews that, or puts back what was lost: it must pass when memory is full, for a write waits for
-- it. KEYS: the keys, and the board if its version is wanted. ARGV: the writer, for how long, whether it is put back: then it ends
-- no earlier than it would, for the writer may have renewed it meanwhile; whether the version is wanted. Returns that, if it is there.

-- Usually no other writer is at work on a key. All values go, and N15: all leases.
local time = redis.call('TIME')
local till = string.format('%013d', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
local others, board = {}, ARGV[4] and KEYS[#KEYS]
for i = 1, #KEYS - (board and 1 or 0) do
  local all = redis.pcall('HKEYS', KEYS[i])
  local odd = all.err or #all > 1000
  for k = 1, #all do
    if all[k] == 'q' then odd = true end
  end
  if odd then
    others[#others + 1] = KEYS[i]
  else
    -- The quarantine first: while a slot of a cluster moves, a script may not put back a key that it has dropped.
    redis.call('HSET', KEYS[i], 'q', ARGV[1] .. till)
    if #all > 0 then redis.call('HDEL', KEYS[i], unpack(all)) end
    redis.call('PEXPIREAT', KEYS[i], till)
  end
end
if #others == 0 then return board and redis.call('HGET', board, 'version') or '' end
-- common

for i = 1, #others do
  local key, till = others[i], now() + ARGV[2]
  local all = names(key)
  local set, last, own = live(field(key, 'q'), ARGV[1])
  if ARGV[3] == '1' then till = math.max(till, own) end
  keep(key, all, 'q', set .. ARGV[1] .. digits(till), math.max(till, last))
end
return board and redis.call('HGET', board, 'version') or ''
