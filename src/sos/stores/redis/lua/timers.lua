-- Rows of deliveries whose timer has come, the earliest first, and after each row its member. ARGV: now, limit.
local rows = {}
for _, member in ipairs(call('ZRANGEBYSCORE', TIMERS, '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local number, box = string.match(member, '^0*(%d+) (.*)$')
  rows[#rows + 1] = {member, row(owner(box), box, number)}
end
return rows
