#!lua
-- Stores a value under a lease.
-- KEYS: the key, the generations' hashes, perhaps a board. ARGV: the field, the generations' names, the token, the age, the
-- soft age, the row, when the lease was granted if it was claimed, perhaps the version of the board. Returns the mastership under which
-- it is stored, or nothing if it is not. What has another type than it should have is as if it were not there: the next lease puts it
-- in order.
local key, hash1, hash2 = KEYS[1], KEYS[2], KEYS[3]
local lease_field = 'l:' .. ARGV[1]

-- N13, M3: only who holds the lease may fill. What is not there was dropped by a writer, and so was the lease. Of a lease there is
-- its token of 16 bytes, its deadline, the time of its grant, and the head of what may be filled. Who has claimed it knows the time himself.
local lease = redis.pcall('HGET', key, lease_field)
if type(lease) ~= 'string' or lease:sub(1, 16) ~= ARGV[4] then return '' end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local granted = tonumber(lease:sub(30, 42)) or 0
if granted == 0 then granted = tonumber(ARGV[8]) or 0 end
local dies = granted + ARGV[5]
local good = (tonumber(lease:sub(17, 29)) or 0) > now and dies > now

-- Another board may lack the notice of the rule: not all writers would drop what is stored here.
good = good and (not KEYS[4] or redis.pcall('HGET', KEYS[4], 'version') == ARGV[9])

-- N12: the mastership and the generations are those of the lease. The generations must still be those of now. The mastership need
-- not: what is stored under another than the server's is never read. Who wants to count on the fill compares the two.
if good then
  local nonce1, nonce2
  if hash1 == hash2 then
    local both = redis.pcall('HMGET', hash1, 'n:' .. ARGV[2], 'n:' .. ARGV[3])
    nonce1, nonce2 = both[1], both[2]
  else
    nonce1, nonce2 = redis.pcall('HGET', hash1, 'n:' .. ARGV[2]), redis.pcall('HGET', hash2, 'n:' .. ARGV[3])
  end
  good = type(nonce1) == 'string' and type(nonce2) == 'string' and lease:sub(84) == nonce1 .. nonce2
end
if not good then
  redis.call('HDEL', key, lease_field)
  return ''
end

-- A key lives as long as the first of its values may. So that a value which is renewed again and again does not keep
-- the short time that the others left it, it drops them.
local others, again = {}, false
if redis.call('HLEN', key) > 1 then -- more than the lease
  local all = redis.call('HKEYS', key)
  for i = 1, #all do
    local f = all[i]
    if f:sub(1, 2) == 'v:' then
      if f:sub(3) == ARGV[1] then again = true else others[#others + 1] = f end
    end
  end
end
if again and #others > 0 then
  redis.call('HDEL', key, unpack(others))
  others = {}
end
local till = string.format('%013d', dies)
redis.call('HSET', key, 'v:' .. ARGV[1], lease:sub(43) .. string.format('%013d', granted + ARGV[6]) .. till .. ARGV[7])
redis.call('HDEL', key, lease_field)
local left = #others > 0 and redis.call('PTTL', key) or -1
if left < 0 or now + left > dies then redis.call('PEXPIREAT', key, till) end

-- Generations live longer than what was stored under them: if one is lost, all that is goes with it.
local day = 24 * 60 * 60 * 1000
for i = 2, hash1 == hash2 and 2 or 3 do
  left = redis.call('PTTL', KEYS[i])
  if left < 0 or now + left < dies then redis.call('PEXPIREAT', KEYS[i], dies + day) end
end
return lease:sub(44, 83)
