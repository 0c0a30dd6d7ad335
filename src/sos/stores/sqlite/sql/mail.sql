-- name: agent_id
SELECT id, status FROM agent WHERE slug = ?
-- name: address_id
SELECT id FROM address WHERE text = ?
-- name: add_address
INSERT INTO address (text, project) VALUES (?, ?)
-- name: recipient
SELECT id, status, (SELECT count(*) FROM (SELECT 1 FROM delivery WHERE recipient = agent.id AND live = 1 LIMIT ?))
FROM agent WHERE slug = ?
-- name: add_message
INSERT INTO message (id, kind, sender, address, audience, text, content_type, thread, in_reply_to, priority, deadline, expires,
    hops, sent_at, headers, assurance, seal) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id, sender) DO NOTHING
-- name: add_delivery
INSERT INTO delivery (message, recipient, live, timer, rank, shown, arrival, absent, attempts, fence)
VALUES (?, ?, 1, ?, ?, 0, 0, 0, 0, 0)
-- name: message
SELECT m.seq, m.id, m.kind, m.sender, a.text, a.project, m.audience, m.text, m.content_type, m.thread, m.in_reply_to,
    m.priority, m.deadline, m.expires, m.hops, m.sent_at, m.headers, m.assurance, m.seal
FROM message AS m JOIN address AS a ON a.id = m.address WHERE m.id = ? AND m.sender = ?
-- name: messages
SELECT m.seq, m.id, m.kind, m.sender, a.text, a.project, m.audience, m.text, m.content_type, m.thread, m.in_reply_to,
    m.priority, m.deadline, m.expires, m.hops, m.sent_at, m.headers, m.assurance, m.seal
FROM message AS m JOIN address AS a ON a.id = m.address WHERE m.id = ?
-- name: sent
SELECT m.seq, m.id, m.kind, m.sender, a.text, a.project, m.audience, m.text, m.content_type, m.thread, m.in_reply_to,
    m.priority, m.deadline, m.expires, m.hops, m.sent_at, m.headers, m.assurance, m.seal
FROM message AS m JOIN address AS a ON a.id = m.address WHERE m.sender = ? ORDER BY m.seq DESC LIMIT ?
-- name: asked
SELECT e.* FROM (SELECT seq, kind FROM message WHERE sender = ? ORDER BY seq DESC LIMIT 500) AS m JOIN entry AS e ON e.seq = m.seq
WHERE m.kind = 1 AND e.live = 1 ORDER BY e.seq, e.slug LIMIT ?
-- name: view_unread
SELECT * FROM entry WHERE recipient = :agent AND live = 1 AND shown = 0 AND leased_until IS NULL AND seq > :after
ORDER BY rank, seq LIMIT :limit
-- name: view_due
SELECT * FROM entry WHERE recipient = :agent AND live = 1 AND seq > :after
AND ((shown = 0 AND leased_until IS NULL) OR next_turn <= coalesce(:turn, (SELECT turn FROM agent WHERE id = :agent)))
ORDER BY rank, seq LIMIT :limit
-- name: view_open
SELECT * FROM entry WHERE recipient = :agent AND live = 1 AND kind = 1 AND seq > :after ORDER BY rank, seq LIMIT :limit
-- name: view_pending
SELECT * FROM entry WHERE recipient = :agent AND live = 1 AND arrival = 1 AND seq > :after ORDER BY rank, seq LIMIT :limit
-- name: view_dead
SELECT * FROM entry WHERE recipient = :agent AND ended = 'dead' AND seq > :after ORDER BY rank, seq LIMIT :limit
-- name: view_recent
SELECT * FROM entry WHERE recipient = :agent AND seq > :after ORDER BY seq DESC LIMIT :limit
-- name: rings
SELECT 1 FROM delivery WHERE recipient = ? AND live = 1 AND shown = 0 AND leased_until IS NULL AND message > ? LIMIT 1
-- name: leasable
SELECT d.message, m.sender FROM delivery AS d JOIN message AS m ON m.seq = d.message
WHERE d.recipient = ? AND d.live = 1 AND d.shown = 0 AND (d.leased_until IS NULL OR d.leased_until <= ?) AND d.attempts < ?
AND m.sender NOT IN (SELECT value FROM json_each(?)) ORDER BY d.rank, d.message LIMIT ?
-- name: by_id
SELECT * FROM entry WHERE recipient = ? AND id = ?
-- name: by_id_of
SELECT * FROM entry WHERE recipient = (SELECT id FROM agent WHERE slug = ?) AND id = ?
-- name: by_number
SELECT * FROM entry WHERE recipient = ? AND seq = ?
-- name: by_numbers
SELECT * FROM entry WHERE recipient = ? AND seq IN (SELECT value FROM json_each(?))
-- name: by_message
SELECT * FROM entry WHERE seq = ? ORDER BY slug
-- name: due_timers
SELECT * FROM entry WHERE timer <= ? ORDER BY timer LIMIT ?
-- name: next_timer
SELECT min(timer) FROM delivery WHERE timer IS NOT NULL
-- name: save_delivery
UPDATE delivery SET live = ?, timer = ?, shown = ?, shown_at = ?, shown_in = (SELECT id FROM body WHERE session = ?), mark = ?,
    arrival = ?, absent = ?, next_turn = ?, acked_at = ?, replied_at = ?, ended = ?, ended_at = ?, reason = ?, attempts = ?,
    fence = ?, leased_until = ?, overdue_at = ?
WHERE message = ? AND recipient = ?
-- name: add_fact
INSERT INTO fact (message, recipient, number, kind, later, body, evidence)
SELECT :message, :recipient, 1 + coalesce(max(number), 0), :kind, :later, (SELECT id FROM body WHERE session = :body), :evidence
FROM fact WHERE message = :message AND recipient = :recipient
-- name: facts
SELECT f.kind, f.later, coalesce(b.session, ''), f.evidence FROM fact AS f LEFT JOIN body AS b ON b.id = f.body
WHERE f.message = ? AND f.recipient = ? ORDER BY f.number
-- name: set_turn
UPDATE agent SET turn = ? WHERE slug = ? AND turn < ?
-- name: position
SELECT coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'pruned'), 0)
-- name: move
INSERT INTO meta (key, value) VALUES ('pruned', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
-- name: first
SELECT sent_at FROM message WHERE seq > ? ORDER BY seq LIMIT 1
-- name: look
SELECT m.seq, m.sent_at < ? AND m.seq < (SELECT max(seq) FROM message) AND NOT EXISTS (
    SELECT 1 FROM delivery AS d WHERE d.message = m.seq
    AND (d.live = 1 OR CASE WHEN d.ended = 'dead' THEN d.ended_at >= ? ELSE m.sent_at >= ? END)
)
FROM message AS m WHERE m.seq > ? ORDER BY m.seq LIMIT ?
-- name: abandoned
SELECT * FROM entry WHERE recipient IN (SELECT id FROM agent WHERE status = 'closed' AND closed_at < ?) AND live = 1 LIMIT ?
-- name: forget_bodies
DELETE FROM body WHERE seen_at < ? AND id IN (SELECT id FROM body WHERE id < (SELECT max(id) FROM body) ORDER BY id LIMIT ?)
-- name: remove_facts
DELETE FROM fact WHERE message = ?
-- name: remove_deliveries
DELETE FROM delivery WHERE message = ?
-- name: remove_message
DELETE FROM message WHERE seq = ?
-- name: orphans
SELECT d.message, r.slug FROM delivery AS d JOIN agent AS r ON r.id = d.recipient
WHERE d.recipient = ? AND d.live = 1 AND NOT EXISTS (SELECT 1 FROM message AS m WHERE m.seq = d.message) LIMIT 100
