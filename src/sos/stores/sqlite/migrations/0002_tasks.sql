-- Tasks: the document is the whole task as JSON (model/tasks.py); the other columns are what is searched by.
CREATE TABLE task (
    project TEXT NOT NULL,
    id TEXT NOT NULL,
    live INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (project, id)
) WITHOUT ROWID;
CREATE INDEX task_live ON task (project, created_at, id) WHERE live = 1;
CREATE INDEX task_ended ON task (project, changed_at) WHERE live = 0;
