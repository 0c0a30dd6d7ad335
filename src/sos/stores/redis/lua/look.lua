-- Looks into foreign streams. Reads only. ARGV: for each stream, after, before (or +), limit, `newest` or `oldest`.
-- Gives for each: nothing where there is no stream, or last id ever given, first entry's id, the entry after which to look (if it is
-- there), entries, how many stand before them, how many the stream was ever given (-1: there are more after these entries).
local function look(stream, after, before, limit, order)
  if call('TYPE', stream).ok ~= 'stream' then
    return {}
  end
  local info = call('XINFO', 'STREAM', stream)
  local facts = {}
  for place = 1, #info, 2 do
    facts[info[place]] = info[place + 1]
  end
  local first = facts['first-entry'] and facts['first-entry'][1] or '0-0'
  local entries, earlier, added = {}, 0, -1
  if order == 'newest' then
    local found = call('XREVRANGE', stream, before, '(' .. after, 'COUNT', limit)
    for place = #found, 1, -1 do
      entries[#entries + 1] = found[place]
    end
    if #entries > 0 then
      -- Ids have no ranks: what stands from here on is counted (not more than came since the agent joined), the rest is before it.
      local from, later = entries[1][1], 0
      repeat
        local page = call('XRANGE', stream, from, '+', 'COUNT', 1000)
        later = later + #page
        from = #page > 0 and '(' .. page[#page][1]
      until #page < 1000
      earlier = facts['length'] - later
    end
  else
    entries = call('XRANGE', stream, '(' .. after, before, 'COUNT', limit)
    if before == '+' and #entries < tonumber(limit) then
      added = facts['entries-added'] or -1
    end
  end
  return {facts['last-generated-id'], first, call('XRANGE', stream, after, after), entries, earlier, added}
end

local looks = {}
for place = 2, #ARGV, 5 do
  looks[#looks + 1] = look(unpack(ARGV, place, place + 4))
end
return looks
