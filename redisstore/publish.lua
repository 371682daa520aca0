#!lua flags=allow-oom
-- Puts notices on a board. KEYS: the board. ARGV: a version that never was, a claim or nothing, and for each notice its life
-- and its text. Returns the version and all texts; if there is no board, an empty version and a claim to it.
-- common
local board = KEYS[1]
local day = 24 * 60 * 60 * 1000
-- Versions and claims begin with the mastership under which they were made. One of another may come from a copy that lacks what was
-- put on the board last; on a cluster the rows that were stored since are on other servers, and still there.
local epoch = epochOf(redis.call('INFO', 'replication')) or ''
local fresh = epoch .. ARGV[1]
local version = field(board, 'version')
if version and version:sub(1, 40) ~= epoch then version = false end
local changed = not version
if not version then
  -- A claim that is not there was lost, and with it what stood on a board meanwhile: the rows of its rules must go first.
  if ARGV[2]:sub(1, 40) ~= epoch or not field(board, 'c:' .. ARGV[2]) then
    redis.call('HSET', board, 'c:' .. fresh, '')
    outlive(board, now() + day)
    return { '', fresh }
  end
  keep(board, names(board), 'version', fresh, now() + day) -- and nothing else: not a notice whose version was lost, no other claims
end
local last = now()
for i = 3, #ARGV, 2 do
  local text, till = 't:' .. ARGV[i + 1], now() + ARGV[i]
  local old = tonumber(field(board, text) or 0)
  changed = changed or old == 0
  -- Two processes may want it for different times.
  redis.call('HSET', board, text, digits(math.max(till, old)))
end
local texts = {}
local all = redis.call('HGETALL', board)
for i = 1, #all, 2 do
  if all[i]:sub(1, 2) == 't:' then
    local till = tonumber(all[i + 1]) or 0
    if till <= now() then
      redis.call('HDEL', board, all[i])
      changed = true
    else
      texts[#texts + 1] = all[i]:sub(3)
      last = math.max(last, till)
    end
  end
end
if changed then
  version = fresh
  redis.call('HSET', board, 'version', version)
end
outlive(board, last + day, day)
table.insert(texts, 1, version)
return texts
