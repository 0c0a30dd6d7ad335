-- Messages with the deliveries that a viewer may see, and their facts. ARGV: `id` and an id, or `sent` and a limit; the viewer, its
-- tag, and the key of what it sent. Each: number, address, message, then slug, delivery and facts of each recipient.
local viewer, tag, sent = ARGV[4], ARGV[5], ARGV[6]
local _, own = header(viewer)

local function deliveries(made, number, address, boxes)
  for _, box in ipairs(boxes) do
    local delivery = call('HGET', box .. DELIVERIES, number)
    if delivery then
      made[#made + 1] = {box == own and viewer or owner(box), delivery, call('HGET', box .. FACTS, number) or ''}
    end
  end
  return made
end

local function story(number, address, all)
  local message, to = unpack(call('HMGET', beside(address), number, number .. ' to'))
  if not message then
    return nil
  end
  local boxes = {own}
  if all then
    boxes = {}
    for box in string.gmatch(to or '', '%S+') do
      boxes[#boxes + 1] = box
    end
  end
  return deliveries({number, address, message}, number, address, boxes)
end

local made = {}
if ARGV[2] == 'id' then
  for _, line in ipairs(lines(call('HGET', IDS, ARGV[3]) or '')) do
    made[#made + 1] = story(line[1], line[4], line[2] == tag)
  end
elseif tonumber(ARGV[3]) > 0 then
  for _, number in ipairs(call('ZREVRANGE', sent, 0, tonumber(ARGV[3]) - 1)) do
    local member = call('ZRANGEBYSCORE', LOG, number, number)[1]
    made[#made + 1] = member and story(number, string.match(member, '^%d+ %-?%d+ (.*)$'), true)
  end
end
return made
