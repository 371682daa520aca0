#!lua
-- Stores a value under a lease that is to renew one, and lets it count by that lease. KEYS: the key. ARGV: the field, the token, the value,
-- the lease as it stands beside a value. Returns 1 if the lease was there.
local lease = redis.call('HGET', KEYS[1], 'r:' .. ARGV[1])
if not lease or lease:sub(1, 16) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'v:' .. ARGV[1], ARGV[3], 'l:' .. ARGV[1], ARGV[4])
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[1])
return 1
