-- The next messages in a round through all of them. ARGV: how far the round has come, limit, the time before which a message may go.
-- For each its number, and where it may go: address, message, its line in the index of ids, key of that line, rows of its deliveries.
local found = {}
local head = call('GET', HEAD)
for _, member in ipairs(call('ZRANGEBYSCORE', LOG, '(' .. ARGV[2], '+inf', 'LIMIT', 0, ARGV[3])) do
  local number, sent_at, address = string.match(member, '^(%d+) (%-?%d+) (.*)$')
  local one = {number}
  if tonumber(sent_at) < tonumber(ARGV[4]) and number ~= head then
    local message, to = unpack(call('HMGET', beside(address), number, number .. ' to'))
    one = {number, address, member, message, {}}
    for box in string.gmatch(to or '', '%S+') do
      one[5][#one[5] + 1] = row(owner(box), box, number)
    end
  end
  found[#found + 1] = one
end
return found
