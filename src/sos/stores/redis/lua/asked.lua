-- Rows of the open requests among the newest 500 messages of a sender. ARGV: the key of what it sent.
local made = {}
for _, number in ipairs(call('ZREVRANGE', ARGV[2], 0, 499)) do
  local member = call('ZRANGEBYSCORE', LOG, number, number)[1]
  local address = member and string.match(member, '^%d+ %-?%d+ (.*)$')
  local to = address and call('HGET', beside(address), number .. ' to') or ''
  for box in string.gmatch(to, '%S+') do
    if call('ZSCORE', box .. OPEN, number) then
      made[#made + 1] = row(owner(box), box, number)
    end
  end
end
return made
