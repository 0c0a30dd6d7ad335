-- What every script begins with, after the names of keys. ARGV[1] is the epoch that its store was opened under.
local call = redis.call
local EPOCH = ARGV[1]
if call('HGET', META, 'epoch') ~= EPOCH then
  return redis.error_reply('SOSGONE this is not the history that was opened')
end

-- Status, box and turn of an agent.
local function header(slug)
  local record = call('HGET', AGENTS, slug)
  if record then
    return string.match(record, '^(%a) (%S+) (%d+)\n')
  end
end

-- The slug that a box belongs to: that of the present holder, or a former one's.
local function owner(box)
  local slug, number = string.match(box, ':agent:([^:]+):(%d+)$')
  local _, current = header(slug)
  return current == box and slug or slug .. '/' .. number
end

local function whole(number)
  return string.format('%.0f', number)
end

-- The stream that a box stands beside.
local function stream_of(box)
  return string.match(box, '^{sos}:(.*):%d+$')
end

-- The key beside a stream where its messages are.
local function beside(address)
  return TAG .. address .. MESSAGES
end

-- A delivery and its message: slug, box, number, delivery, message.
local function row(slug, box, number)
  local delivery = call('HGET', box .. DELIVERIES, number)
  if not delivery then
    return nil
  end
  local address = string.match(delivery, '^([^\n]*)\n') or ''
  if address == '' then
    address = stream_of(box)
  end
  return {slug, box, number, delivery, address, call('HGET', beside(address), number)}
end

-- Lines of the index of ids: number, tag, entry, address.
local function lines(text)
  local found = {}
  for line in string.gmatch(text or '', '[^\n]+') do
    found[#found + 1] = {string.match(line, '^(%d+) (%S+) (%S+) (.*)$')}
  end
  return found
end

-- Numbers of a set that is ordered by rank and number: those after a number, in the order of showing, as places in that order.
local function ranked(key, limit, after)
  local places = {}
  for rank = 0, 4 do
    if #places >= limit then
      break
    end
    local low, high = '(' .. whole(rank * RANK + after), '(' .. whole((rank + 1) * RANK)
    for _, number in ipairs(call('ZRANGEBYSCORE', key, low, high, 'LIMIT', 0, limit - #places)) do
      places[#places + 1] = rank * RANK + tonumber(number)
    end
  end
  return places
end
