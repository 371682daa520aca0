#!lua
-- Stores a value under a lease.
-- KEYS: the key, the generations' hashes. ARGV: the field, the generations' names, the token, the age, the soft age, the
-- row. Returns 1 if it is stored.
local key, name, token = KEYS[1], ARGV[1], ARGV[4]

-- N13, M3: only who holds the lease may fill. What is not there was dropped by a writer, and so was the lease.
local lease = field(key, 'l:' .. name)
if not lease or lease:sub(1, 16) ~= token then return 0 end
local function refuse()
  redis.call('HDEL', key, 'l:' .. name)
  return 0
end

-- N12: the epoch and the generations are those of the lease, and must still be those of now.
local epoch = epochOf(redis.call('INFO', 'replication'))
local leased_head = lease:sub(43)
if not leased(lease, head(epoch, nonces(KEYS[2], ARGV[2], KEYS[3], ARGV[3]))) then return refuse() end

local granted = tonumber(lease:sub(30, 42)) or 0
local dies = granted + ARGV[5]
if dies <= now then return refuse() end

-- A key lives as long as the first of its values may. So that a value which is renewed again and again does not keep
-- the short time that the others left it, it drops them.
local others = {}
for _, f in ipairs(redis.call('HKEYS', key)) do
  if f:sub(1, 2) == 'v:' and f:sub(3) ~= name then others[#others + 1] = f end
end
if #others > 0 and redis.call('HEXISTS', key, 'v:' .. name) == 1 then
  redis.call('HDEL', key, unpack(others))
  others = {}
end
redis.call('HSET', key, 'v:' .. name, leased_head .. digits(granted + ARGV[6]) .. digits(dies) .. ARGV[7])
redis.call('HDEL', key, 'l:' .. name)
local left = redis.call('PTTL', key)
if #others == 0 or left < 0 or now + left > dies then redis.call('PEXPIREAT', key, dies) end
outlive(KEYS[2], dies, day)
if KEYS[3] ~= KEYS[2] then outlive(KEYS[3], dies, day) end
return 1
