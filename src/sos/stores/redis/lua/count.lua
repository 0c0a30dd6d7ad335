-- How many entries a view holds. ARGV: slug, view, turn.
local _, box, turn = header(ARGV[2])
if not box then
  return 0
end
local keys = {unread = UNREAD, open = OPEN, pending = PENDING, dead = DEAD, recent = ALL, live = LIVE, due = UNREAD}
local count = call('ZCARD', box .. keys[ARGV[3]])
if ARGV[3] == 'due' then
  count = count + call('ZCOUNT', box .. AGAIN, '-inf', ARGV[4] ~= '' and ARGV[4] or turn)
end
return count
