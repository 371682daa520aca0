#!lua
-- Stores a value under a lease.
-- KEYS: the key, the generations' hashes, perhaps a board. ARGV: the field, the generations' names, the token, the age, the
-- soft age, the row, perhaps the version of the board. Returns 1 if it is stored.
local key, name, token = KEYS[1], ARGV[1], ARGV[4]

-- N13, M3: only who holds the lease may fill. What is not there was dropped by a writer, and so was the lease.
local lease = field(key, 'l:' .. name)
if not lease or lease:sub(1, 16) ~= token then return 0 end
local function refuse()
  redis.call('HDEL', key, 'l:' .. name)
  return 0
end

-- Another board may lack the notice of the rule: not all writers would drop what is stored here.
if KEYS[4] and field(KEYS[4], 'version') ~= ARGV[8] then return refuse() end

-- N12: the epoch and the generations are those of the lease, and must still be those of now.
local nonce1, nonce2
if KEYS[2] == KEYS[3] then
  local both = fields(KEYS[2], 'n:' .. ARGV[2], 'n:' .. ARGV[3])
  nonce1, nonce2 = nonce(both[1]), nonce(both[2])
else
  nonce1, nonce2 = nonce(field(KEYS[2], 'n:' .. ARGV[2])), nonce(field(KEYS[3], 'n:' .. ARGV[3]))
end
local epoch = epochOf(redis.call('INFO', 'replication'))
if not epoch or not leased(lease, head(epoch, nonce1, nonce2)) then return refuse() end

local granted = tonumber(lease:sub(30, 42)) or 0
local dies = granted + ARGV[5]
if dies <= now() then return refuse() end

-- A key lives as long as the first of its values may. So that a value which is renewed again and again does not keep
-- the short time that the others left it, it drops them.
local others, again = {}, false
local all = names(key)
for i = 1, #all do
  local f = all[i]
  if f:sub(1, 2) == 'v:' then
    if f:sub(3) == name then again = true else others[#others + 1] = f end
  end
end
if again and #others > 0 then
  redis.call('HDEL', key, unpack(others))
  others = {}
end
redis.call('HSET', key, 'v:' .. name, lease:sub(43) .. digits(granted + ARGV[6]) .. digits(dies) .. ARGV[7])
redis.call('HDEL', key, 'l:' .. name)
local left = #others > 0 and redis.call('PTTL', key) or -1
if left < 0 or now() + left > dies then redis.call('PEXPIREAT', key, dies) end
outlive(KEYS[2], dies, day)
if KEYS[3] ~= KEYS[2] then outlive(KEYS[3], dies, day) end
return 1
