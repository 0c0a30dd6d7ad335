-- One step: compare what was read, judge what is posted, then write all of it, or nothing.
-- ARGV: nonce (or empty), `all` or `each`, and then, each list with its length in front: checks (key, field, and `-` or `=value`),
-- operations (words, with their number), posts (below), and where to look whether all is quiet (box and number, or empty).
-- Gives JSON: "conflict", or outcomes of the posts and whether it is quiet.
-- Nothing may fail once writing has begun: the engine takes nothing back.
local at = 1
local function take()
  at = at + 1
  return ARGV[at]
end
local function words()
  local made = {}
  for place = 1, tonumber(take()) do
    made[place] = take()
  end
  return made
end
local function list(read)
  local made = {}
  for place = 1, tonumber(take()) do
    made[place] = read()
  end
  return made
end

local nonce, mode = take(), take()
local before = nonce ~= '' and call('GET', STEP .. nonce)
if before then
  return before -- its reply was lost, and the caller asks again
end

local same = true
list(function()
  local key, field, expected = take(), take(), take()
  local now = call('HGET', key, field)
  if now == false then
    same = same and expected == '-'
  else
    same = same and string.sub(expected, 1, 1) == '=' and string.sub(expected, 2) == now
  end
end)
if not same then
  return '"conflict"'
end
local operations = list(words)
local posts = list(function()
  local post = {}
  -- optional: dropped without a word where its recipient is not here · limit: live deliveries of a full inbox, or empty
  for _, name in ipairs({'optional', 'id', 'tag', 'sent', 'limit', 'address', 'sha', 'sent_at', 'timer', 'base', 'open'}) do
    post[name] = take()
  end
  post.message, post.delivery = take(), take()
  post.entry, post.to, post.answered = words(), words(), list(words)
  return post
end)

-- Judging. `depths` and `new` hold what this very step has let in so far.
local depths, new = {}, {}
local function judge(post, place)
  post.boxes = {}
  for which, slug in ipairs(post.to) do
    local status, box = header(slug)
    if status ~= 'o' then
      return {post.optional == '1' and 'dropped' or 'unknown', slug}
    end
    post.boxes[which] = box
  end
  for _, line in ipairs(lines(post.id)) do
    if line[2] == post.tag then
      local kept = call('HGET', beside(line[4]), line[1])
      return {string.sub(kept, 1, 64) == post.sha and 'known' or 'clash', tonumber(line[1]), line[4], kept}
    end
  end
  local twin = new[post.tag .. post.id]
  if twin then
    return {posts[twin].sha == post.sha and 'same' or 'clash', twin}
  end
  local deepest = 0
  for which, box in ipairs(post.boxes) do
    local depth = depths[box] or call('ZCARD', box .. LIVE)
    if post.limit ~= '' and depth >= tonumber(post.limit) then
      return {'full', post.to[which], depth}
    end
    deepest = math.max(deepest, depth + 1)
  end
  for _, box in ipairs(post.boxes) do
    depths[box] = (depths[box] or call('ZCARD', box .. LIVE)) + 1
  end
  new[post.tag .. post.id] = place
  return {'new', 0, deepest}
end

local outcomes = {}
for place, post in ipairs(posts) do
  outcomes[place] = judge(post, place)
  local verdict = outcomes[place][1]
  if mode == 'all' and (verdict == 'unknown' or verdict == 'clash' or verdict == 'full') then
    return cjson.encode({refused = place, outcomes = outcomes})
  end
end

-- Writing.
local function write(operation)
  if operation[1] == 'ADDLINE' then
    local _, key, field, line = unpack(operation)
    local kept = call('HGET', key, field)
    call('HSET', key, field, kept and kept .. '\n' .. line or line)
  elseif operation[1] == 'CUTLINE' then
    local _, key, field, number = unpack(operation)
    local kept = {}
    for line in string.gmatch(call('HGET', key, field) or '', '[^\n]+') do
      if string.match(line, '^%d+') ~= number then
        kept[#kept + 1] = line
      end
    end
    if #kept > 0 then
      call('HSET', key, field, table.concat(kept, '\n'))
    else
      call('HDEL', key, field)
    end
  elseif operation[1] == 'CLEAR' then
    if call('TYPE', operation[2]).ok == 'stream' and call('XLEN', operation[2]) == 0 then
      call('DEL', operation[2])
    end
  elseif operation[1] == 'XDEL' then
    redis.pcall(unpack(operation)) -- a foreign hand may have put something else in its place
  else
    call(unpack(operation))
  end
end

local function deliver(post, number, box, slug, delivery)
  local own = '{' .. post.address .. '}'
  local address = string.sub(box, 1, #own) == own and '' or post.address
  call('HSET', box .. DELIVERIES, number, address .. '\n' .. delivery)
  call('ZADD', box .. ALL, number, number)
  call('PUBLISH', RING .. EPOCH .. ':' .. slug, '!')
end

local function store(post)
  local number = call('INCR', HEAD)
  local entry = '-'
  if #post.entry > 0 then
    local added = redis.pcall('XADD', post.address, '*', unpack(post.entry))
    entry = type(added) == 'string' and added or '-' -- the readable copy is for others: the message does not rest on it
  end
  call('HSET', beside(post.address), number, post.message, number .. ' to', table.concat(post.boxes, ' '))
  local line = table.concat({number, post.tag, entry, post.address}, ' ')
  local kept = call('HGET', IDS, post.id)
  call('HSET', IDS, post.id, kept and kept .. '\n' .. line or line)
  call('ZADD', LOG, number, table.concat({number, post.sent_at, post.address}, ' '))
  call('ZADD', post.sent, number, number)
  local place, answered = whole(tonumber(post.base) + number), {}
  for _, words in ipairs(post.answered) do
    answered[words[1]] = words
  end
  for which, box in ipairs(post.boxes) do
    local slug = post.to[which]
    local over = answered[slug]
    deliver(post, number, box, slug, over and over[2] or post.delivery)
    if over then
      call('HSET', box .. FACTS, number, over[3])
    else
      call('ZADD', box .. LIVE, place, number)
      call('ZADD', box .. UNREAD, place, number)
      if post.open == '1' then
        call('ZADD', box .. OPEN, place, number)
      end
      if post.timer ~= '' then
        call('ZADD', TIMERS, post.timer, string.format('%016d %s', number, box))
      end
    end
  end
  return number
end

for _, operation in ipairs(operations) do
  write(operation)
end
for place, post in ipairs(posts) do
  if outcomes[place][1] == 'new' then
    outcomes[place][2] = store(post)
  end
end

local box, offered, quiet = take(), take(), true
if box ~= '' then
  quiet = #ranked(box .. UNREAD, 1, tonumber(offered)) == 0
end
local result = cjson.encode({outcomes = outcomes, quiet = quiet})
if nonce ~= '' then
  call('SET', STEP .. nonce, result, 'PX', 60000)
end
return result
