-- What all scripts share. It is put below the first line of each.

-- Deadlines are the server's own time, in milliseconds: clients' clocks differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A number of milliseconds is stored in 13 digits: they last until the year 2286.
local function digits(ms) return string.format('%013d', ms) end

-- field reads a field of a hash. What is no hash was not put there by us, and hides what was: it goes.
local function field(key, name)
  local value = redis.pcall('HGET', key, name)
  if type(value) == 'table' then
    redis.call('DEL', key)
    return false
  end
  return value
end

-- fields reads several fields of a hash at once, as field does: each command costs a script far more than what it reads.
local function fields(key, ...)
  local values = redis.pcall('HMGET', key, ...)
  if values.err then
    redis.call('DEL', key)
    return {}
  end
  return values
end

-- A set of quarantines is one text: the writer's 16 bytes and the deadline of each. live leaves out those that have run
-- out, and the one writer's; it returns the last deadline and the one writer's own too. N4: a set and not a flag, for the
-- first writer that is done must not free what the second still needs.
local function live(set, but)
  local kept, last, own = {}, 0, 0
  for at = 1, #(set or ''), 29 do
    local till = tonumber(set:sub(at + 16, at + 28)) or 0
    if set:sub(at, at + 15) == but then
      own = till
    elseif till > now then
      kept[#kept + 1] = set:sub(at, at + 28)
      last = math.max(last, till)
    end
  end
  return table.concat(kept), last, own
end

-- keep drops all fields of a key but one, which is put there first: while a slot of a cluster moves, a script may not put
-- back a key that it has dropped.
local function keep(key, name, value, till)
  redis.call('HSET', key, name, value)
  for _, f in ipairs(redis.call('HKEYS', key)) do
    if f ~= name then redis.call('HDEL', key, f) end
  end
  redis.call('PEXPIREAT', key, till)
end

-- outlive lets a key live until a deadline at least. T2: no key is without one.
local function outlive(key, till, slack)
  local left = redis.call('PTTL', key)
  if left < 0 or now + left < till then
    redis.call('PEXPIREAT', key, till + (slack or 0))
  end
end

-- Generations live longer than what was stored under them: if one is lost, all that is goes with it.
local day = 24 * 60 * 60 * 1000

-- nonces reads by what the generations are known.
local function nonces(hash1, generation1, hash2, generation2)
  local value1, value2
  if hash1 == hash2 then
    local values = fields(hash1, 'n:' .. generation1, 'n:' .. generation2)
    value1, value2 = values[1], values[2]
  else
    value1, value2 = field(hash1, 'n:' .. generation1), field(hash2, 'n:' .. generation2)
  end
  return value1 and #value1 == 16 and value1, value2 and #value2 == 16 and value2
end

-- epochOf is what this server's mastership is known by: 40 digits. To find them by a pattern takes half as long as to ask.
local function epochOf(info)
  local at = info:find('master_replid:', 1, true)
  return at and info:sub(at + 14, at + 53)
end

-- What is stored begins with the mastership and the generations under which it was leased; nil if one of them is not
-- there, or in quarantine. The epoch is this very server's, whichever connection the script came by.
local function head(epoch, nonce1, nonce2)
  return nonce1 and nonce2 and '1' .. epoch .. nonce1 .. nonce2
end
local epochLen, headLen = 40, 73

-- A lease is its token of 16 bytes, its deadline, the time of its grant, and the head of what may be filled.
local function leased(lease, head)
  return lease and head and lease:sub(43) == head and (tonumber(lease:sub(17, 29)) or 0) > now
end
