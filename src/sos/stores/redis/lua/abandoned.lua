-- Rows of what still waits in a box. ARGV: box, limit.
local box, rows = ARGV[2], {}
for _, place in ipairs(ranked(box .. LIVE, tonumber(ARGV[3]), 0)) do
  rows[#rows + 1] = row(owner(box), box, whole(place % RANK))
end
return rows
