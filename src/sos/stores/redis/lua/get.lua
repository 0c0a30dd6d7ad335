-- Several reading commands at one moment. ARGV: for each, how many words it has, and the words.
local results, at = {}, 2
while at <= #ARGV do
  local words = tonumber(ARGV[at])
  results[#results + 1] = call(unpack(ARGV, at + 1, at + words))
  at = at + words + 1
end
return results
