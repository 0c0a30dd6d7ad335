-- name: agent
SELECT a.slug, a.name, a.role, a.label, a.project, a.joined_at, a.status, a.closed_at, a.bodies, a.wake, a.wake_every, a.quiet, a.turn, a.canary_at,
    a.proven_at, a.proven_by,
    (SELECT group_concat(s.name) FROM squad AS s WHERE s.agent = a.id AND s.project = a.project)
FROM agent AS a WHERE a.slug = ?
-- name: agents
SELECT a.slug, a.name, a.role, a.label, a.project, a.joined_at, a.status, a.closed_at, a.bodies, a.wake, a.wake_every, a.quiet, a.turn, a.canary_at,
    a.proven_at, a.proven_by,
    (SELECT group_concat(s.name) FROM squad AS s WHERE s.agent = a.id AND s.project = a.project)
FROM agent AS a ORDER BY a.slug
-- name: slug_exists
SELECT 1 FROM agent WHERE slug = ?
-- name: add_agent
INSERT INTO agent (slug, name, role, label, project, joined_at) VALUES (?, ?, ?, ?, ?, ?)
-- name: update_agent
UPDATE agent SET role = ?, label = ?, status = 'open', closed_at = NULL WHERE slug = ?
-- name: rename_closed
UPDATE agent SET slug = slug || '/' || id WHERE slug = ? AND status = 'closed'
-- name: drop_tokens
UPDATE token SET agent = agent || '/', revoked_at = coalesce(revoked_at, ?) WHERE agent = ?
-- name: drop_notices
DELETE FROM notice WHERE agent = ?
-- name: close_agent
UPDATE agent SET status = 'closed', closed_at = ? WHERE slug = ? AND status = 'open'
-- name: has_mail
SELECT 1 FROM delivery AS d JOIN agent AS a ON a.id = d.recipient JOIN message AS m ON m.seq = d.message
WHERE a.slug = ? AND m.sender <> 'system' LIMIT 1
-- name: withdraw_deliveries
DELETE FROM delivery WHERE recipient = (SELECT id FROM agent WHERE slug = ?)
-- name: withdraw_facts
DELETE FROM fact WHERE recipient = (SELECT id FROM agent WHERE slug = ?)
-- name: withdraw_squads
DELETE FROM squad WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: withdraw_bodies
DELETE FROM body WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: withdraw_cursors
DELETE FROM stream_cursor WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: withdraw_tokens
DELETE FROM token WHERE agent = ?
-- name: withdraw_skills
DELETE FROM skill WHERE owner = ?
-- name: withdraw_notices
DELETE FROM notice WHERE agent = ?
-- name: withdraw_note
DELETE FROM note WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: note
SELECT at, text FROM note WHERE agent = (SELECT id FROM agent WHERE slug = ?)
-- name: leave_note
INSERT OR REPLACE INTO note (agent, at, text) SELECT id, ?, ? FROM agent WHERE slug = ?
-- name: withdraw_agent
DELETE FROM agent WHERE slug = ?
-- name: attend
UPDATE agent SET wake = ?, wake_every = ?, quiet = ?, bodies = ? WHERE slug = ?
-- name: canary
UPDATE agent SET canary_at = ? WHERE slug = ?
-- name: proven
UPDATE agent SET proven_at = ?, proven_by = ? WHERE slug = ? AND proven_at IS NULL
-- name: body
SELECT b.session, a.slug, b.runtime, b.started_at, b.seen_at, b.host, b.boot, b.pid, b.cwd, b.version, b.presence, b.holder,
    b.spent, b.offered, b.transcript, b."offset", b.hook_event, b.hook_at, b.hook_outcome
FROM body AS b JOIN agent AS a ON a.id = b.agent WHERE b.session = ?
-- name: bodies
SELECT b.session, a.slug, b.runtime, b.started_at, b.seen_at, b.host, b.boot, b.pid, b.cwd, b.version, b.presence, b.holder,
    b.spent, b.offered, b.transcript, b."offset", b.hook_event, b.hook_at, b.hook_outcome
FROM body AS b JOIN agent AS a ON a.id = b.agent WHERE a.slug = ? ORDER BY b.seen_at DESC, b.id DESC LIMIT 50
-- name: save_body
INSERT INTO body (session, agent, runtime, started_at, seen_at, host, boot, pid, cwd, version, presence, holder, spent, offered,
    transcript, "offset", hook_event, hook_at, hook_outcome)
VALUES (?, (SELECT id FROM agent WHERE slug = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (session) DO UPDATE SET agent = excluded.agent, runtime = excluded.runtime, seen_at = excluded.seen_at,
    host = excluded.host, boot = excluded.boot, pid = excluded.pid, cwd = excluded.cwd, version = excluded.version,
    presence = excluded.presence, holder = min(body.holder, excluded.holder), spent = excluded.spent, offered = excluded.offered,
    transcript = excluded.transcript, "offset" = excluded."offset", hook_event = excluded.hook_event,
    hook_at = excluded.hook_at, hook_outcome = excluded.hook_outcome
-- name: release_holders
UPDATE body SET holder = 0 WHERE holder = 1 AND agent = (SELECT agent FROM body WHERE session = ?)
-- name: hold
UPDATE body SET holder = 1 WHERE session = ?
-- name: squad
SELECT a.slug FROM squad AS s JOIN agent AS a ON a.id = s.agent WHERE s.project = ? AND s.name = ? AND a.status = 'open'
ORDER BY a.slug
-- name: add_member
INSERT OR IGNORE INTO squad (project, name, agent) SELECT ?, ?, id FROM agent WHERE slug = ?
-- name: remove_member
DELETE FROM squad WHERE project = ? AND name = ? AND agent = (SELECT id FROM agent WHERE slug = ?)
-- name: notices
SELECT agent, at, code, text FROM notice WHERE agent = ? AND told_at IS NULL ORDER BY at LIMIT 20
-- name: notify
INSERT OR IGNORE INTO notice (agent, code, text, at) VALUES (?, ?, ?, ?)
-- name: told
UPDATE notice SET told_at = ? WHERE agent = ? AND told_at IS NULL AND at <= ?
-- name: forget_told
DELETE FROM notice WHERE told_at < ?
