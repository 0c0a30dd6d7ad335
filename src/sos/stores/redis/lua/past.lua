-- What a step of pruning looks at. ARGV: limit; the times before which a message may go, an agent left long ago, a body is forgotten;
-- how many such agents and bodies.
-- Gives: how far the round has come, and will have · abandoned boxes, each with what else it holds, its slug's record, and rows of
-- what waits there · sessions and bodies · messages that may go: number, address, member of the log, message, its lines in the
-- index of ids, rows of its deliveries.
local limit, bound = tonumber(ARGV[2]), tonumber(ARGV[3])

local left = {}
for _, box in ipairs(call('ZRANGEBYSCORE', CLOSED, '-inf', '(' .. ARGV[4], 'LIMIT', 0, ARGV[6])) do
  local rows = {}
  for _, place in ipairs(ranked(box .. LIVE, limit, 0)) do
    rows[#rows + 1] = row(owner(box), box, whole(place % RANK))
  end
  local slug = string.match(box, ':agent:([^:]+):%d+$')
  left[#left + 1] = {box, call('ZCARD', box .. ALL), slug, call('HGET', AGENTS, slug), rows}
end

local bodies = {}
for _, session in ipairs(call('ZRANGEBYSCORE', SEEN, '-inf', '(' .. ARGV[5], 'LIMIT', 0, ARGV[7])) do
  bodies[#bodies + 1] = {session, call('HGET', BODIES, session)}
end

local head, found = call('GET', HEAD), {}
local function candidates(from, upto, count)
  local members = call('ZRANGEBYSCORE', LOG, '(' .. from, upto, 'LIMIT', 0, count)
  for _, member in ipairs(members) do
    local number, sent_at, address = string.match(member, '^(%d+) (%-?%d+) (.*)$')
    if tonumber(sent_at) < bound and number ~= head then
      local message, to = unpack(call('HMGET', beside(address), number, number .. ' to'))
      local rows = {}
      for box in string.gmatch(to or '', '%S+') do
        rows[#rows + 1] = row(owner(box), box, number)
      end
      local sound, fields = pcall(cjson.decode, message and string.sub(message, 97) or '')
      local id = sound and type(fields) == 'table' and type(fields[1]) == 'string' and fields[1]
      found[#found + 1] = {number, address, member, message, id and call('HGET', IDS, id), rows}
    end
  end
  return #members, #members > 0 and string.match(members[#members], '^%d+') or nil
end

local position = call('HGET', META, 'pruned')
local start = position or '0'
local oldest = call('ZRANGE', LOG, 0, 0)[1]
if not oldest or tonumber(string.match(oldest, '^%d+ (%-?%d+)')) >= bound then
  return {position, start, left, bodies, found} -- all are younger: a store of some days has nothing to go round for
end
local count, last = candidates(start, '+inf', limit)
if count < limit and start ~= '0' then -- round the end
  local _, again = candidates('0', start, limit - count)
  last = again or last
end
return {position, last or '0', left, bodies, found}
