-- Which streams hold entries, and the id of the oldest of each. Reads only. ARGV: where the search stands (or empty, where these
-- streams alone are meant), how many keys to look at, what their names begin with, then streams by their names.
-- Gives: where the search stands now (0: it is over), then names and ids in turn.
local position, found = ARGV[2], {}
local names = {unpack(ARGV, 5)}
if position ~= '' then
  position, names = unpack(call('SCAN', position, 'MATCH', ARGV[4] .. '*', 'COUNT', ARGV[3], 'TYPE', 'stream'))
end
for _, stream in ipairs(names) do
  local first = call('TYPE', stream).ok == 'stream' and call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  if first then
    found[#found + 1] = stream
    found[#found + 1] = first[1]
  end
end
return {position, found}
