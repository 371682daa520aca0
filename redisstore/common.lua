-- What all scripts share. It stands in each of them behind what is usual, which does without: a script makes its functions anew each
-- time that it gets to them, and that costs as much as a command.

-- Deadlines are the server's own time, in milliseconds: clients' clocks differ.
local clock
local function now()
  if not clock then
    local time = redis.call('TIME')
    clock = time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return clock
end

-- A number of milliseconds is stored in 13 digits: they last until the year 2286.
local function digits(ms) return string.format('%013d', ms) end

-- clear takes away what is no hash: it was not put there by us, and hides what was. Another error, as of a user who may not read, says
-- nothing of what is there: it ends the script.
local function clear(key, failure)
  if failure.err:sub(1, 9) ~= 'WRONGTYPE' then error(failure) end
  redis.call('DEL', key)
end

-- field reads a field of a hash.
local function field(key, name)
  local value = redis.pcall('HGET', key, name)
  if type(value) == 'table' then
    clear(key, value)
    return false
  end
  return value
end

-- names are those of the fields of a hash.
local function names(key)
  local all = redis.pcall('HKEYS', key)
  if all.err then
    clear(key, all)
    return {}
  end
  return all
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
    elseif till > now() then
      kept[#kept + 1] = set:sub(at, at + 28)
      last = math.max(last, till)
    end
  end
  return table.concat(kept), last, own
end

-- keep drops all of these fields of a key but one, which is put there first: while a slot of a cluster moves, a script may not
-- put back a key that it has dropped.
local function keep(key, all, name, value, till)
  redis.call('HSET', key, name, value)
  local others = {}
  for i = 1, #all do
    if all[i] ~= name then others[#others + 1] = all[i] end
  end
  for i = 1, #others, 1000 do -- Lua has no room for all arguments at once
    redis.call('HDEL', key, unpack(others, i, math.min(i + 999, #others)))
  end
  redis.call('PEXPIREAT', key, till)
end

-- outlive lets a key live until a deadline at least. T2: no key is without one.
local function outlive(key, till, slack)
  local left = redis.call('PTTL', key)
  if left < 0 or now() + left < till then
    redis.call('PEXPIREAT', key, till + (slack or 0))
  end
end

-- epochOf is what this server's mastership is known by: 40 digits. To find them by a pattern takes half as long as to ask.
local function epochOf(info)
  local at = info:find('master_replid:', 1, true)
  return at and info:sub(at + 14, at + 53)
end
