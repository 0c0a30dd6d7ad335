-- One step: compare what was read, judge what is posted, then write all of it, or nothing.
-- ARGV: a JSON document: nonce (or empty), `all` or `each`, checks (key, field, and `-` or `=value`), operations (lists of words),
-- posts (named below), where to look whether all is quiet (box or empty, and a number), and whether streams stand elsewhere, out of
-- reach; then for each post the message as it is kept, and the payload of its readable copy.
-- Gives JSON: "conflict", or outcomes of the posts and whether it is quiet.
-- Nothing may fail once writing has begun: the engine takes nothing back.
local nonce, mode, checks, operations, sent, ask, elsewhere = unpack(cjson.decode(ARGV[2]))
local before = nonce ~= '' and call('GET', STEP .. nonce)
if before then
  return before -- its reply was lost, and the caller asks again
end
for _, check in ipairs(checks) do
  local now, expected = call('HGET', check[1], check[2]), check[3]
  local same = expected == '-'
  if now then
    same = #expected == #now + 1 and string.sub(expected, 2) == now
  end
  if not same then
    return '"conflict"'
  end
end
local posts = {}
for place, words in ipairs(sent) do
  local post = {}
  -- optional: dropped without a word where its recipient is not here · limit: live deliveries of a full inbox, or empty
  post.optional, post.id, post.tag, post.sent, post.limit, post.address, post.sha, post.sent_at, post.timer, post.base, post.open,
    post.delivery, post.entry, post.to, post.answered = unpack(words)
  post.message = ARGV[2 * place + 1]
  if #post.entry > 0 then
    post.entry[#post.entry + 1] = ARGV[2 * place + 2]
  end
  posts[place] = post
end

-- Judging. `depths` and `new` hold what this very step has let in so far, `visits` how often it goes to a box.
local depths, new, open, visits = {}, {}, {}, {}
local function judge(post, place)
  -- What is here already is answered as before, whoever has left since.
  post.line = call('HGET', IDS, post.id)
  for _, line in ipairs(post.line and lines(post.line) or {}) do
    if line[2] == post.tag then
      local kept = call('HGET', beside(line[4]), line[1])
      return {string.sub(kept or '', 1, 64) == post.sha and 'known' or 'clash', tonumber(line[1]), line[4], kept}
    end
  end
  post.boxes = {}
  for which, slug in ipairs(post.to) do
    if not open[slug] then
      local status, box = header(slug)
      if status ~= 'o' then
        return {post.optional == 1 and 'dropped' or 'unknown', slug}
      end
      open[slug] = box
    end
    post.boxes[which] = open[slug]
  end
  local twin = new[post.tag .. post.id]
  if twin then
    return {posts[twin].sha == post.sha and 'same' or 'clash', twin}
  end
  local deepest = 0
  for which, box in ipairs(post.boxes) do
    depths[box] = depths[box] or call('ZCARD', box .. LIVE)
    local depth = depths[box]
    if post.limit ~= '' and depth >= post.limit then
      return {'full', post.to[which], depth}
    end
    deepest = math.max(deepest, depth + 1)
  end
  for _, box in ipairs(post.boxes) do
    depths[box] = depths[box] + 1
    visits[box] = (visits[box] or 0) + 1
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

-- Fields and members for one key are written by one command: a call from a script costs as much as what it does.
local gathered = {}
local function gather(command, key, first, second)
  local words = gathered[key]
  if not words then
    words = {}
    gathered[key], gathered[#gathered + 1] = words, {command, key, words}
  end
  words[#words + 1], words[#words + 2] = first, second
end
local function write_gathered()
  for _, each in ipairs(gathered) do
    local command, key, words = unpack(each)
    for from = 1, #words, 1000 do
      call(command, key, unpack(words, from, math.min(from + 999, #words)))
    end
  end
end

local rung = {}
local function deliver(post, number, box, slug, delivery)
  local address = stream_of(box) == post.address and '' or post.address
  local put = visits[box] > 1 and gather or call
  put('HSET', box .. DELIVERIES, number, address .. '\n' .. delivery)
  put('ZADD', box .. ALL, number, number)
  if not rung[slug] then
    rung[slug] = true
    call('PUBLISH', RING .. EPOCH .. ':' .. slug, '!')
  end
end

local taken = {}
local function store(post, number)
  local entry = '-'
  if #post.entry > 0 and elsewhere then
    gather('ZADD', OWED, post.sent_at, 'copy ' .. number .. ' ' .. post.address)
  elseif #post.entry > 0 then
    local added = redis.pcall('XADD', post.address, '*', unpack(post.entry))
    entry = type(added) == 'string' and added or '-' -- the readable copy is for others: the message does not rest on it
  end
  call('HSET', beside(post.address), number, post.message, number .. ' to', table.concat(post.boxes, ' '))
  local line = table.concat({number, post.tag, entry, post.address}, ' ')
  -- Another post of this step may have used the id in another sender's name.
  local kept = taken[post.id] or post.line
  taken[post.id] = kept and kept .. '\n' .. line or line
  gather('HSET', IDS, post.id, taken[post.id])
  gather('ZADD', LOG, number, table.concat({number, post.sent_at, post.address}, ' '))
  gather('ZADD', post.sent, number, number)
  local place, answered = whole(post.base + number), {}
  for _, words in ipairs(post.answered) do
    answered[words[1]] = words
  end
  for which, box in ipairs(post.boxes) do
    local slug = post.to[which]
    local over = answered[slug]
    deliver(post, number, box, slug, over and over[2] or post.delivery)
    if over then
      gather('HSET', box .. FACTS, number, over[3])
    else
      local put = visits[box] > 1 and gather or call
      put('ZADD', box .. LIVE, place, number)
      put('ZADD', box .. UNREAD, place, number)
      if post.open == 1 then
        gather('ZADD', box .. OPEN, place, number)
      end
      if post.timer ~= '' then
        gather('ZADD', TIMERS, post.timer, string.format('%016d %s', tonumber(number), box))
      end
    end
  end
end

for _, operation in ipairs(operations) do
  write(operation)
end
local count = 0
for place in ipairs(posts) do
  if outcomes[place][1] == 'new' then
    count = count + 1
    outcomes[place][2] = count
  end
end
local number = count > 0 and call('INCRBY', HEAD, count) - count
for place, post in ipairs(posts) do
  if outcomes[place][1] == 'new' then
    outcomes[place][2] = number + outcomes[place][2]
    store(post, whole(outcomes[place][2]))
  end
end
write_gathered()

local quiet = ask[1] == '' or #ranked(ask[1] .. UNREAD, 1, ask[2]) == 0
local result = cjson.encode({outcomes = outcomes, quiet = quiet})
if nonce ~= '' then
  call('SET', STEP .. nonce, result, 'PX', 60000)
end
return result
