-- Rows of a view of an inbox. ARGV: slug, view, limit, after, turn (empty: the one that the agent is at; a time for `leasable`).
local slug, view, limit, after = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local _, box, turn = header(slug)
if not box then
  return {}
end
local at = ARGV[6] ~= '' and ARGV[6] or turn

local numbers = {}
if view == 'recent' then
  numbers = call('ZREVRANGEBYSCORE', box .. ALL, '+inf', '(' .. whole(after), 'LIMIT', 0, limit)
else
  local places
  if view == 'due' then
    places = ranked(box .. UNREAD, limit, after)
    for _, place in ipairs(call('ZRANGEBYSCORE', box .. AGAIN, '-inf', at)) do
      if tonumber(place) % RANK > after then
        places[#places + 1] = tonumber(place)
      end
    end
    table.sort(places)
  elseif view == 'leasable' then
    places = ranked(box .. UNREAD, limit, after)
    for _, number in ipairs(call('ZRANGEBYSCORE', box .. LEASED, '-inf', at)) do
      places[#places + 1] = tonumber(call('ZSCORE', box .. LIVE, number))
    end
    table.sort(places)
  else
    local keys = {unread = UNREAD, open = OPEN, pending = PENDING, dead = DEAD, live = LIVE}
    places = ranked(box .. keys[view], limit, after)
  end
  for place = 1, math.min(#places, limit) do
    numbers[place] = whole(places[place] % RANK)
  end
end

local rows = {}
for _, number in ipairs(numbers) do
  rows[#rows + 1] = row(slug, box, number)
end
return rows
