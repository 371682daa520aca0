#!lua flags=allow-oom
-- KEYS: the generations' hash, then what the step is about. ARGV: the step, the steps to leave out, the step's own.
local G, K, step, faults = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local function without(label) return string.find(faults, ' ' .. label .. ' ', 1, true) ~= nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A value is good only under the mastership under which it was leased.
local function epoch()
  if without('N10') then return 'none' end
  if without('N11') then return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') end
  local info = redis.call('INFO', 'replication')
  if not string.find(info, 'role:master', 1, true) then return nil end
  return string.match(info, 'master_replid:(%w+)')
end

-- What is stored begins with numbers and names that hold no blank.
local function words(text, n)
  local list, at = {}, 1
  for i = 1, n do
    local to = string.find(text, ' ', at, true)
    if not to then return nil end
    list[i] = string.sub(text, at, to - 1)
    at = to + 1
  end
  return list, string.sub(text, at)
end

local function fields(hash, prefix)
  local list, all = {}, redis.call('HGETALL', hash)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #prefix) == prefix then list[#list + 1] = {all[i], all[i + 1]} end
  end
  return list
end

-- live reports whether a writer is at work, and forgets those whose time is up.
local function live(hash, prefix)
  local any = false
  for _, q in ipairs(fields(hash, prefix)) do
    if tonumber(q[2]) > now then any = true else redis.call('HDEL', hash, q[1]) end
  end
  return any
end

local function writers(generation) return 'q:' .. #generation .. ':' .. generation .. ':' end
local function nonce(generation) return redis.call('HGET', G, 'g:' .. generation) or '' end

local function drop(hash, prefix)
  for _, f in ipairs(fields(hash, prefix)) do redis.call('HDEL', hash, f[1]) end
end

-- keep lets a key live for at least so long.
local function keep(hash, d)
  local left = redis.call('PTTL', hash)
  if left == -1 or (left < tonumber(d) and not without('T2')) then redis.call('PEXPIRE', hash, d) end
end

-- good returns a row and its soft deadline: v is epoch, both generations, the soft and the hard deadline, the row.
local function good(field, e, g1, g2)
  local text = redis.call('HGET', K, 'v:' .. field)
  if not text then return nil end
  local w, row = words(text, 5)
  if w[1] == e and w[2] ~= '' and w[2] == g1 and w[3] ~= '' and w[3] == g2 and now < tonumber(w[5]) then
    return row, tonumber(w[4])
  end
end

if step == 'get' then
  local e, g1, g2 = epoch(), nonce(ARGV[4]), nonce(ARGV[5])
  if without('M29') and ARGV[6] ~= '' then g1, g2 = ARGV[6], ARGV[7] end -- as they were some time ago
  local row, soft = good(ARGV[3], e, g1, g2)
  if e and row and now < soft then return {'value', row, g1, g2} end
  return {'none', '', g1, g2}
end

if step == 'lease' then
  local field, token, d, renew = ARGV[3], ARGV[6], ARGV[7], ARGV[8] == '1'
  local e = epoch()
  if not e then return {'bypass'} end
  local busy = live(G, writers(ARGV[4]))
  busy = live(G, writers(ARGV[5])) or busy
  busy = live(K, 'q:') or busy
  if busy then return {'bypass'} end
  local g = {}
  for i = 1, 2 do
    g[i] = nonce(ARGV[3 + i])
    if g[i] == '' then
      g[i] = redis.sha1hex(token) .. i
      redis.call('HSET', G, 'g:' .. ARGV[3 + i], g[i])
    end
  end
  -- l is the deadline, the time of the grant, epoch, both generations, the token
  local leased, old = false, redis.call('HGET', K, 'l:' .. field)
  if old then
    local w, holder = words(old, 5)
    leased = tonumber(w[1]) > now and w[3] == e and w[4] == g[1] and w[5] == g[2] and holder ~= token
  end
  local row, soft = good(field, e, g[1], g[2])
  if row then
    if renew and leased then return {'wait'} end
    if not renew and (leased or now < soft) then return {'value', row} end
  elseif leased then
    return {'wait'}
  else
    redis.call('HDEL', K, 'v:' .. field)
  end
  local grant = e .. ' ' .. g[1] .. ' ' .. g[2] .. ' '
  local fresh = redis.call('EXISTS', K) == 0
  redis.call('HSET', K, 'l:' .. field, (now + d) .. ' ' .. now .. ' ' .. grant .. token)
  if fresh or #fields(K, 'v:') == 0 then keep(K, d) end
  return {'lease', now .. ' ' .. grant}
end

if step == 'fill' then
  local field, token, row = ARGV[3], ARGV[6], ARGV[8]
  local g1, g2, e = nonce(ARGV[4]), nonce(ARGV[5]), epoch()
  local stamp = words(ARGV[7], 4)
  local text = redis.call('HGET', K, 'l:' .. field)
  local held, lease, holder = false, nil, nil
  if text then
    lease, holder = words(text, 5)
    held = holder == token and tonumber(lease[1]) > now
  end
  if without('N13') and redis.call('EXISTS', K) == 0 then held = true end
  if without('N1') then held = not live(K, 'q:') end
  if held then redis.call('HDEL', K, 'l:' .. field) end
  if not held or not e then return {'refused'} end
  if without('N12') or without('N1') then
    -- as they are now, not as they were at the lease
    stamp[2], stamp[3], stamp[4] = e, g1, g2
  elseif stamp[2] ~= e or stamp[3] ~= g1 or stamp[4] ~= g2 then
    return {'refused'}
  end
  local hard = tonumber(stamp[1]) + ARGV[9]
  local soft = ARGV[10] == '0' and hard or stamp[1] + ARGV[10]
  redis.call('HSET', K, 'v:' .. field, stamp[2] .. ' ' .. stamp[3] .. ' ' .. stamp[4] .. ' ' .. soft .. ' ' .. hard .. ' ' .. row)
  redis.call('PEXPIREAT', K, hard)
  return {'filled'}
end

if step == 'abandon' then
  local text = redis.call('HGET', K, 'l:' .. ARGV[3])
  if text then
    local _, holder = words(text, 5)
    if holder == ARGV[4] then redis.call('HDEL', K, 'l:' .. ARGV[3]) end
  end
  return {'abandoned'}
end

if step == 'quarantine' or step == 'release' then
  local writer, d = ARGV[3], ARGV[4]
  local marks, drops = step == 'quarantine', true
  if marks and without('before') then marks, drops = false, false end -- N1, N3c: nothing is done before
  if marks and without('mark') then marks = false end                 -- N2, N3: dropped, but not marked
  if step == 'release' and without('after') then drops = false end    -- N3: nothing is done after
  for i = 5, #ARGV do
    local g = ARGV[i]
    if drops then redis.call('HDEL', G, 'g:' .. g) end
    live(G, writers(g))
    redis.call('HDEL', G, writers(g) .. writer)
    if marks then redis.call('HSET', G, writers(g) .. writer, now + d) end
  end
  for i = 3, #KEYS do
    local k = KEYS[i]
    local values, leases = drops, drops
    if step == 'release' and without('N14') then values, leases = false, false end
    if step == 'release' and without('M11') then leases = false end
    if step == 'quarantine' and without('N15') then leases = false end
    if values then drop(k, 'v:') end
    if leases then drop(k, 'l:') end
    live(k, 'q:')
    redis.call('HDEL', k, 'q:' .. writer)
    if marks then
      redis.call('HSET', k, 'q:' .. writer, now + d)
      keep(k, d)
    end
  end
  return {'done', redis.call('HGET', K, 'version') or ''}
end

if step == 'publish' then
  local changed = redis.call('HEXISTS', K, 'version') == 0
  if changed then
    if redis.call('HDEL', K, 'c:' .. ARGV[3]) == 0 then
      redis.call('HSET', K, 'c:' .. ARGV[4], '')
      return {'claim', ARGV[4]}
    end
    redis.call('DEL', K)
  end
  for _, f in ipairs(fields(K, 'n:')) do
    if tonumber(f[2]) <= now then
      redis.call('HDEL', K, f[1])
      changed = true
    end
  end
  for i = 5, #ARGV, 2 do
    if redis.call('HSET', K, 'n:' .. ARGV[i], now + ARGV[i + 1]) == 1 then changed = true end
  end
  if changed then redis.call('HSET', K, 'version', time[1] .. '.' .. time[2] .. '.' .. (epoch() or '')) end
  local board = {'board', redis.call('HGET', K, 'version')}
  for _, f in ipairs(fields(K, 'n:')) do board[#board + 1] = string.sub(f[1], 3) end
  return board
end
return redis.error_reply('no such step')
