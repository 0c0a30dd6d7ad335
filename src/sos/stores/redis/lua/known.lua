-- What an import must know. ARGV: slug, stream, then ids that its entries name.
-- Gives: box, cursor, live deliveries, and for each id: the lines of the index as they stand, and for each of its messages number,
-- entry, address, message, and whether the agent has it.
local _, box = header(ARGV[2])
if not box then
  return {}
end
local found = {box, call('HGET', box .. CURSORS, ARGV[3]), call('ZCARD', box .. LIVE)}
for place = 4, #ARGV do
  local kept = {call('HGET', IDS, ARGV[place])}
  for _, line in ipairs(lines(kept[1] or '')) do
    local mine = call('HEXISTS', box .. DELIVERIES, line[1])
    kept[#kept + 1] = {line[1], line[3], line[4], call('HGET', beside(line[4]), line[1]), mine}
  end
  found[#found + 1] = kept
end
return found
