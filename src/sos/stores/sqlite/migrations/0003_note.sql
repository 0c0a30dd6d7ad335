-- What an agent left for its next self: one note each, at most.
CREATE TABLE note (agent INTEGER PRIMARY KEY REFERENCES agent (id), at INTEGER NOT NULL, text TEXT NOT NULL);
