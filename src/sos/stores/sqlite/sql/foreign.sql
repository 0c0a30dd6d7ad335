-- name: agent
SELECT id, status FROM agent WHERE slug = ?
-- name: cursors
SELECT stream, position, mark, since, backlog, again FROM stream_cursor WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: heir_since
SELECT coalesce(max(closed_at), 0) FROM agent WHERE slug GLOB ? || '/*'
-- name: save_cursor
INSERT INTO stream_cursor (agent, stream, position, mark, since, backlog, again) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (agent, stream) DO UPDATE SET position = excluded.position, mark = excluded.mark, since = excluded.since,
    backlog = excluded.backlog, again = excluded.again
-- name: kept
SELECT m.seq, m.id, m.sender, m.text, a.text, d.recipient IS NOT NULL
FROM message AS m JOIN address AS a ON a.id = m.address LEFT JOIN delivery AS d ON d.message = m.seq AND d.recipient = ?
WHERE m.id IN (?, ?) AND m.sender IN (?, ?)
-- name: depth
SELECT count(*) FROM (SELECT 1 FROM delivery WHERE recipient = ? AND live = 1 LIMIT ?)
-- name: add_delivery
INSERT INTO delivery (message, recipient, live, timer, rank, shown, arrival, absent, attempts, fence)
SELECT seq, ?, 1, expires, 4, 0, 0, 0, 0, 0 FROM message WHERE seq = ?
