#!lua flags=allow-oom
-- Gives a lease back. KEYS: the key. ARGV: the field, the token.
-- common
local lease = field(KEYS[1], 'l:' .. ARGV[1])
if lease and lease:sub(1, 16) == ARGV[2] then redis.call('HDEL', KEYS[1], 'l:' .. ARGV[1]) end
return 1
