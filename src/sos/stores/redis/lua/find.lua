-- Rows of an inbox by number or id. ARGV: slug, then `#number` or `=id` each. A list of rows for each.
local slug, found = ARGV[2], {}
local _, box = header(slug)
for place = 3, #ARGV do
  local rows, reference = {}, string.sub(ARGV[place], 2)
  if box and string.sub(ARGV[place], 1, 1) == '#' then
    rows[1] = row(slug, box, reference)
  elseif box then
    for _, line in ipairs(lines(call('HGET', IDS, reference) or '')) do
      rows[#rows + 1] = row(slug, box, line[1])
    end
  end
  found[#found + 1] = rows
end
return found
