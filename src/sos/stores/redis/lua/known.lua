-- What is there under ids that entries of a foreign stream name. ARGV: slug, then ids.
-- For each: the line of the index as it stands, and for each of its messages: number, entry, address, message, whether the agent has it.
local _, box = header(ARGV[2])
local found = {}
for place = 3, #ARGV do
  local kept = {call('HGET', IDS, ARGV[place])}
  for _, line in ipairs(lines(kept[1] or '')) do
    local mine = box and call('HEXISTS', box .. DELIVERIES, line[1]) or 0
    kept[#kept + 1] = {line[1], line[3], line[4], call('HGET', beside(line[4]), line[1]), mine}
  end
  found[#found + 1] = kept
end
return found
