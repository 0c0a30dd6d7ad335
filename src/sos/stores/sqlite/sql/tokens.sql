-- name: add
INSERT INTO token (key_id, digest, service, agent, project, scopes, created_at, expires_at, used_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id) DO NOTHING
-- name: by_key
SELECT key_id, digest, service, agent, project, scopes, created_at, expires_at, used_at, revoked_at FROM token WHERE key_id = ?
-- name: of_agent
SELECT key_id, digest, service, agent, project, scopes, created_at, expires_at, used_at, revoked_at FROM token WHERE agent = ?
ORDER BY created_at, key_id
-- name: all
SELECT key_id, digest, service, agent, project, scopes, created_at, expires_at, used_at, revoked_at FROM token
ORDER BY agent, created_at, key_id
-- name: revoke
UPDATE token SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL
-- name: rescope
UPDATE token SET scopes = ? WHERE key_id = ?
-- name: skill_owner
SELECT owner FROM skill WHERE project = ? AND id = ?
-- name: put_skill
INSERT OR REPLACE INTO skill (project, id, owner, descriptor) VALUES (?, ?, ?, ?)
-- name: skills
SELECT descriptor FROM skill WHERE (:project IS NULL OR project = :project) AND (:owner IS NULL OR owner = :owner)
ORDER BY project, id
