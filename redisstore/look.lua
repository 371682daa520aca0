#!lua
-- Looks for the version of a board on a cluster. KEYS: the board. Returns nothing for one of another mastership: this server may
-- have lost what came after it, while other servers have kept the rows that were stored under that.
-- common
local version = field(KEYS[1], 'version')
return version and version:sub(1, 40) == epochOf(redis.call('INFO', 'replication')) and version or ''
