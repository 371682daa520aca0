#!lua
-- Puts notices on a board. KEYS: the board. ARGV: a version that never was, whether the board may be made, and for each
-- notice its life and its text. Returns the version and all texts, or nothing if there is no board.
local board = KEYS[1]
local version = field(board, 'version')
local changed = not version
if not version then
  if ARGV[2] ~= '1' then return {} end
  redis.call('DEL', board) -- a version that was lost, and with it what it said
end
local last = now
for i = 3, #ARGV, 2 do
  local text, till = 't:' .. ARGV[i + 1], now + ARGV[i]
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
    if till <= now then
      redis.call('HDEL', board, all[i])
      changed = true
    else
      texts[#texts + 1] = all[i]:sub(3)
      last = math.max(last, till)
    end
  end
end
if changed then
  version = ARGV[1]
  redis.call('HSET', board, 'version', version)
end
outlive(board, last + day, day)
table.insert(texts, 1, version)
return texts
