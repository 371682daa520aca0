#!lua
-- Asks for the right to fill a slot.
-- KEYS: the key, the generations' hashes, which may be one, the key's writers. ARGV: the field, the generations' names, the token, for how
-- long, whether to renew, the grace time, how many fields a key may have, whether the token is of a claim that came to nothing. Returns
-- the answer; with 2 also what the generations are known by, the mastership, the time, the deadline, and whether the lease renews; with 3
-- the value.
-- common

-- fields reads several fields of a hash at once, as field does.
local function fields(key, ...)
  local values = redis.pcall('HMGET', key, ...)
  if values.err then
    clear(key, values)
    return {}
  end
  return values
end

-- Generations live longer than what was stored under them: if one is lost, all that is goes with it.
local day = 24 * 60 * 60 * 1000

-- busy reports whether a writer is at work on the key. Of each there is for how long he wants it; and once somebody has asked, his
-- deadline behind an "@": who was broken off holds it for so long after that, however many others come. N4: a set and not a flag, for
-- the first writer that is done must not free what the second still needs.
local function busy(key)
  local all = redis.pcall('HGETALL', key)
  if all.err then
    clear(key, all)
    return false
  end
  local live = false
  for i = 1, #all, 2 do
    local till = tonumber(all[i + 1]:match('^@(%d+)$'))
    if not till or till > now() + 4e12 then
      local hold = tonumber(all[i + 1])
      if not (hold and hold > 0 and hold < 4e12) then hold = 0 end -- it is not from here
      till = now() + hold
      redis.call('HSET', key, all[i], '@' .. digits(till))
    end
    if till > now() then
      live = true
    else
      redis.call('HDEL', key, all[i])
    end
  end
  -- The last to come says for how long the set is there, with his next command; but he may have been broken off.
  if live and redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, 60 * 60 * 1000) end
  return live
end

-- nonce is by what a generation is known, if it is there.
local function nonce(value) return value and #value == 16 and value end

local epochLen, headLen = 40, 73

-- What is stored begins with the mastership and the generations under which it was leased; nil if one of them is not
-- there, or in quarantine. The epoch is this very server's, whichever connection the script came by.
local function head(epoch, nonce1, nonce2)
  return nonce1 and nonce2 and '2' .. epoch .. nonce1 .. nonce2
end

-- mark is what a lease has of a head: see appendLease.
local function mark(head) return head:sub(2, 5) .. head:sub(46, 49) .. head:sub(54, 57) .. head:sub(62, 65) .. head:sub(70, 73) end

-- isLive is about a lease: its token of 16 bytes, its deadline, and a mark of the head of what may be filled.
local function isLive(lease) return (tonumber(lease:sub(17, 29)) or 0) > now() end

-- counts reports whether a value stands beside its lease.
local function counts(stored, given) return stored and given and #given == 49 and stored:sub(100, 115) == given:sub(1, 16) end

local key, hash1, hash2 = KEYS[1], KEYS[2], KEYS[3]
local name, generation1, generation2, token = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local till, renew, grace, most = now() + ARGV[5], ARGV[6] == '1', tonumber(ARGV[7]), tonumber(ARGV[8])
local claimed = ARGV[9] == '1'
local wait, lease, value = { 1 }, 2, 3

-- own reports whether a lease is the one that the caller's claim has left.
local function own(given) return claimed and given and given:sub(1, 16) == token end

-- bypass is the answer while a writer is at work.
local function bypass()
  if own(field(key, 'l:' .. name)) then redis.call('HDEL', key, 'l:' .. name) end
  return { 0 }
end

local info = redis.call('INFO', 'replication')
local epoch = epochOf(info)
if not epoch or #epoch ~= epochLen or not info:find('role:master', 1, true) then
  return redis.error_reply('READONLY not a master')
end

-- The generations come first: one that is in quarantine stands for every key of its rule.
local first, second
if hash1 == hash2 then
  first = fields(hash1, 'e', 'q:' .. generation1, 'n:' .. generation1, 'q:' .. generation2, 'n:' .. generation2)
  second = { first[4], first[5] }
else
  first = fields(hash1, 'e', 'q:' .. generation1, 'n:' .. generation1)
  second = fields(hash2, 'q:' .. generation2, 'n:' .. generation2)
end
local since, set1, set2, nonce1, nonce2 = first[1], first[2], second[1], nonce(first[3]), nonce(second[2])
if set1 and live(set1) ~= '' or set2 and live(set2) ~= '' then return bypass() end
if set1 then redis.call('HDEL', hash1, 'q:' .. generation1) end
if set2 then redis.call('HDEL', hash2, 'q:' .. generation2) end
if busy(KEYS[4]) then return bypass() end
local values = fields(key, 'v:' .. name, 'l:' .. name, 'r:' .. name)
local stored, given = values[1], values[2]

local now_head = head(epoch, nonce1, nonce2)
local good = now_head and counts(stored, given) and stored:sub(1, headLen) == now_head and (tonumber(stored:sub(87, 99)) or 0) > now()
-- Where a value is that does not count, nobody can fill: so nobody is waited for.
local under_way = good and values[3] or not stored and not own(given) and given
local taken = under_way and now_head and under_way:sub(30) == mark(now_head) and isLive(under_way)
if good then
  if renew and taken then return wait end
  if not renew and (taken or (tonumber(stored:sub(74, 86)) or 0) > now()) then return { value, stored } end
elseif taken then
  if redis.call('PTTL', key) < 0 then outlive(key, till) end -- who claimed it was broken off in between
  return wait
end

-- After a failover writers that were at work before it may have lost their quarantines: until they have put them back
-- nothing is leased. Who asks first notes since when this server is the master. A server that never was a replica has
-- been it since it started; of one that was promoted nobody knows when, so it counts from now. So it does if the clock has gone back
-- since it was noted: otherwise nothing would be leased for as long as it went.
if not since or since:sub(1, #epoch) ~= epoch or (tonumber(since:sub(#epoch + 1)) or 0) > now() then
  local from = now()
  if not since and info:find('master_replid2:0+\r') then
    from = now() - 1000 * (tonumber(redis.call('INFO', 'server'):match('uptime_in_seconds:(%d+)')) or 0)
  end
  since = epoch .. digits(from)
  redis.call('HSET', hash1, 'e', since)
  outlive(hash1, now() + day)
end
if now() < (tonumber(since:sub(#epoch + 1)) or now()) + grace then return bypass() end

-- Room for one more field: not that of a lease which is live. It also shows whether anything is stored under the key.
local others, count, filled = {}, 0, false
local all = names(key)
for i = 1, #all do
  local f = all[i]
  local kind, of = f:sub(1, 2), f:sub(3)
  if kind == 'v:' and (good or of ~= name) then filled = true end
  if of ~= name and not others[of] then
    others[of], count = true, count + 1
  end
end
if count >= most then
  local victim
  for of in pairs(others) do
    local l = field(key, 'l:' .. of)
    if not l or not isLive(l) or counts(field(key, 'v:' .. of), l) then
      victim = of
      break
    end
  end
  if not victim then return bypass() end
  redis.call('HDEL', key, 'v:' .. victim, 'l:' .. victim, 'r:' .. victim)
end

if not now_head then
  -- No hash grows without end. To forget a generation is to end it: so a few go, and not all, of a hundred databases with a dozen
  -- rules each. Which ones goes by the token, which is another one each time; but not those that this is about.
  if redis.call('HLEN', hash1) > 1024 then
    local all, from, gone = names(hash1), token:byte(15) * 256 + token:byte(16), 0
    for i = 1, #all do
      local f = all[(from + i) % #all + 1]
      local kind, of = f:sub(1, 2), f:sub(3)
      if kind == 'q:' and live(field(hash1, f)) == '' then
        redis.call('HDEL', hash1, f)
      elseif kind == 'n:' and of ~= generation1 and of ~= generation2 and gone < 16 then
        redis.call('HDEL', hash1, f)
        gone = gone + 1
      end
    end
  end
  -- A generation that is not there gets a nonce that never was: this token, which is sent only once.
  if not nonce1 then redis.call('HSET', hash1, 'n:' .. generation1, token) end
  if not nonce2 and not (hash1 == hash2 and generation1 == generation2) then
    redis.call('HSET', hash2, 'n:' .. generation2, token)
  end
  outlive(hash1, till, day)
  if hash2 ~= hash1 then outlive(hash2, till, day) end
end
local record = token .. digits(till) .. mark(head(epoch, nonce1 or token, nonce2 or token))
if good then
  redis.call('HSET', key, 'r:' .. name, record) -- beside the lease by which the value counts until then
else
  redis.call('HSET', key, 'l:' .. name, record)
  -- What is dead goes last: see keep.
  if stored or values[3] then redis.call('HDEL', key, 'v:' .. name, 'r:' .. name) end
end
-- What is stored keeps its time: with a longer one it would be served past its age.
if not filled then outlive(key, till) end
return { lease, nonce1 or token, nonce2 or token, epoch, digits(now()), digits(till), good and '1' or '0' }
