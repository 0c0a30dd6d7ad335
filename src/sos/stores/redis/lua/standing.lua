-- Where an agent stands in all its foreign streams. ARGV: slug. Gives streams and cursors, and the record of the slug's last holder.
local slug = ARGV[2]
local _, box = header(slug)
if not box then
  return {{}}
end
local number = tonumber(string.match(box, '%d+$'))
return {call('HGETALL', box .. CURSORS), call('HGET', AGENTS, slug .. '/' .. whole(number - 1))}
