-- Which streams hold entries, and the id of the oldest of each. Reads only. ARGV: where the search stands (or empty, where these
-- streams alone are meant), how many keys to look at, what their names begin with, then streams by their names.
-- Gives: where the search stands now (0: it is over), then names and ids in turn.
local position, found = ARGV[2], {}
local names = {unpack(ARGV, 5)}
if position ~= '' then
  position, names = unpack(call('SCAN', position, 'MATCH', ARGV[4] .. '*', 'COUNT', ARGV[3], 'TYPE', 'stream'))
end
for _, stream in ipairs(names) do
  local entries = redis.pcall('XRANGE', stream, '-', '+', 'COUNT', 1) -- it may be no stream, or on its way to another node
  local first = not entries.err and entries[1]
  if first then
    found[#found + 1] = stream
    found[#found + 1] = first[1]
  end
end
return {position, found}
