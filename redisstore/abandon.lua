#!lua flags=allow-oom
-- Gives a lease back, and takes away what was filled under it and does not count. KEYS: the key. ARGV: the field, the token.
-- common
local key, name, token = KEYS[1], ARGV[1], ARGV[2]
-- is reports whether what stands in a field is of the token, which begins there.
local function is(kind, at)
  local text = field(key, kind .. name)
  return text and text:sub(at, at + 15) == token
end
local lease, value = is('l:', 1), is('v:', 100)
if lease and not value then redis.call('HDEL', key, 'l:' .. name) end
if value and not lease then redis.call('HDEL', key, 'v:' .. name) end
if is('r:', 1) then redis.call('HDEL', key, 'r:' .. name) end
return 1
