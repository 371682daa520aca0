#!lua flags=allow-oom
-- Ends a writer's quarantine of keys. KEYS: the keys, and the board if its version is wanted. ARGV: the writer, whether the version
-- is wanted. Returns that, if it is there.

-- Usually no other writer is at work on a key. N14, M11: the quarantine may have run out, and a reader may have leased or filled
-- since.
local others, board = {}, ARGV[2] and KEYS[#KEYS]
for i = 1, #KEYS - (board and 1 or 0) do
  local set = redis.pcall('HGET', KEYS[i], 'q')
  if type(set) == 'string' and (#set ~= 29 or set:sub(1, 16) ~= ARGV[1]) then
    others[#others + 1] = KEYS[i]
  else
    redis.call('DEL', KEYS[i])
  end
end
if #others == 0 then return board and redis.call('HGET', board, 'version') or '' end
-- common

for i = 1, #others do
  local set, last = live(field(others[i], 'q'), ARGV[1])
  if set == '' then
    redis.call('DEL', others[i])
  else
    keep(others[i], names(others[i]), 'q', set, last)
  end
end
return board and redis.call('HGET', board, 'version') or ''
