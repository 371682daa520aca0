-- What lease.lua and fill.lua share.

-- fields reads several fields of a hash at once, as field does.
local function fields(key, ...)
  local values = redis.pcall('HMGET', key, ...)
  if values.err then
    redis.call('DEL', key)
    return {}
  end
  return values
end

-- Generations live longer than what was stored under them: if one is lost, all that is goes with it.
local day = 24 * 60 * 60 * 1000

-- nonce is by what a generation is known, if it is there.
local function nonce(value) return value and #value == 16 and value end

-- epochOf is what this server's mastership is known by: 40 digits. To find them by a pattern takes half as long as to ask.
local epochLen, headLen = 40, 73
local function epochOf(info)
  local at = info:find('master_replid:', 1, true)
  return at and info:sub(at + 14, at + 53)
end

-- What is stored begins with the mastership and the generations under which it was leased; nil if one of them is not
-- there, or in quarantine. The epoch is this very server's, whichever connection the script came by.
local function head(epoch, nonce1, nonce2)
  return nonce1 and nonce2 and '1' .. epoch .. nonce1 .. nonce2
end

-- A lease is its token of 16 bytes, its deadline, the time of its grant, and the head of what may be filled.
local function leased(lease, head)
  return lease and head and lease:sub(43) == head and (tonumber(lease:sub(17, 29)) or 0) > now()
end
