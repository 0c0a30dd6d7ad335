-- name: find
SELECT document FROM task WHERE project = ? AND id = ?
-- name: live
SELECT document FROM task WHERE project = ? AND live = 1 ORDER BY created_at, id LIMIT ?
-- name: ended
SELECT document FROM task WHERE project = ? AND live = 0 ORDER BY changed_at DESC, id LIMIT ?
-- name: count_live
SELECT count(*) FROM task WHERE project = ? AND live = 1
-- name: forget
DELETE FROM task WHERE project = :project AND id IN (
    SELECT id FROM task WHERE project = :project AND live = 0 AND changed_at < :before ORDER BY changed_at LIMIT :most
)
-- name: save
INSERT OR REPLACE INTO task (project, id, live, created_at, changed_at, document) VALUES (?, ?, ?, ?, ?, ?)
