-- The first schema. Within a major version schemas only add.
-- Identifiers are small on purpose: 16-byte ids, agents as integers, half a digest (1.5 x the body instead of 1.9 x, measured).
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE agent (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    label TEXT NOT NULL,
    project TEXT NOT NULL,
    joined_at INTEGER NOT NULL,
    status TEXT NOT NULL DEFAULT 'open',
    closed_at INTEGER,
    bodies TEXT NOT NULL DEFAULT 'fenced',
    wake TEXT NOT NULL DEFAULT 'peers',
    wake_every INTEGER NOT NULL DEFAULT 30000,
    quiet TEXT NOT NULL DEFAULT 'never',
    turn INTEGER NOT NULL DEFAULT 0,
    canary_at INTEGER,
    proven_at INTEGER,
    proven_by TEXT
);

CREATE INDEX agent_closed ON agent (closed_at) WHERE status = 'closed';

CREATE TABLE body (
    id INTEGER PRIMARY KEY,
    session TEXT NOT NULL UNIQUE,
    agent INTEGER NOT NULL REFERENCES agent (id),
    runtime TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    host TEXT NOT NULL,
    boot TEXT NOT NULL,
    pid INTEGER NOT NULL,
    cwd TEXT NOT NULL,
    version TEXT NOT NULL,
    presence TEXT NOT NULL,
    holder INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    offered INTEGER NOT NULL,
    transcript TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    hook_event TEXT NOT NULL,
    hook_at INTEGER,
    hook_outcome TEXT NOT NULL
);
CREATE INDEX body_agent ON body (agent, seen_at);

CREATE TABLE squad (
    project TEXT NOT NULL,
    name TEXT NOT NULL,
    agent INTEGER NOT NULL REFERENCES agent (id),
    PRIMARY KEY (project, name, agent)
) WITHOUT ROWID;

CREATE TABLE address (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, project TEXT NOT NULL);

-- `seq` is the order; the row with the highest one is never removed, so that a number is never given twice.
CREATE TABLE message (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    kind INTEGER NOT NULL,
    sender TEXT NOT NULL,
    address INTEGER NOT NULL REFERENCES address (id),
    audience TEXT,
    text TEXT NOT NULL,
    content_type TEXT,
    thread TEXT,
    in_reply_to BLOB,
    priority INTEGER NOT NULL,
    deadline INTEGER,
    expires INTEGER,
    hops INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    headers TEXT,
    assurance INTEGER NOT NULL,
    seal BLOB NOT NULL
);
CREATE UNIQUE INDEX message_id ON message (id, sender);
CREATE INDEX message_sent ON message (sender, seq);

CREATE TABLE delivery (
    message INTEGER NOT NULL,
    recipient INTEGER NOT NULL REFERENCES agent (id),
    live INTEGER NOT NULL,
    timer INTEGER,
    rank INTEGER NOT NULL,
    shown INTEGER NOT NULL,
    shown_at INTEGER,
    shown_in INTEGER,
    mark TEXT,
    arrival INTEGER NOT NULL,
    absent INTEGER NOT NULL,
    next_turn INTEGER,
    acked_at INTEGER,
    replied_at INTEGER,
    ended TEXT,
    ended_at INTEGER,
    reason TEXT,
    attempts INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    leased_until INTEGER,
    overdue_at INTEGER,
    PRIMARY KEY (message, recipient)
) WITHOUT ROWID;
-- What an inbox looks at: reading stays flat however much was ever consumed.
CREATE INDEX delivery_live ON delivery (recipient, rank, message) WHERE live = 1;
CREATE INDEX delivery_timer ON delivery (timer) WHERE timer IS NOT NULL;
CREATE INDEX delivery_dead ON delivery (recipient, message) WHERE ended IS NOT NULL;

-- `later`: milliseconds after the message's `sent_at`, half as long as a time.
CREATE TABLE fact (
    message INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    number INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    later INTEGER NOT NULL,
    body INTEGER,
    evidence ANY,
    PRIMARY KEY (message, recipient, number)
) WITHOUT ROWID;

CREATE TABLE token (
    key_id TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    service TEXT NOT NULL,
    agent TEXT NOT NULL,
    project TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    used_at INTEGER,
    revoked_at INTEGER
) WITHOUT ROWID;
CREATE INDEX token_agent ON token (agent);

CREATE TABLE skill (
    project TEXT NOT NULL,
    id TEXT NOT NULL,
    owner TEXT NOT NULL,
    descriptor TEXT NOT NULL,
    PRIMARY KEY (project, id)
) WITHOUT ROWID;

CREATE TABLE notice (
    agent TEXT NOT NULL,
    code TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    told_at INTEGER,
    PRIMARY KEY (agent, code, text)
) WITHOUT ROWID;

CREATE TABLE waiter (path TEXT PRIMARY KEY, agent TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX waiter_agent ON waiter (agent);

CREATE VIEW entry AS
SELECT
    d.message AS seq, m.id, m.kind, m.sender, a.text AS address, a.project, m.audience, m.text, m.content_type, m.thread,
    m.in_reply_to, m.priority, m.deadline, m.expires, m.hops, m.sent_at, m.headers, m.assurance, m.seal,
    r.slug, d.rank, d.shown, d.shown_at, b.session, d.mark, d.arrival, d.absent, d.next_turn, d.acked_at, d.replied_at,
    d.ended, d.ended_at, d.reason, d.attempts, d.fence, d.leased_until, d.overdue_at, d.recipient, d.live, d.timer
FROM delivery AS d
JOIN agent AS r ON r.id = d.recipient
LEFT JOIN message AS m ON m.seq = d.message
LEFT JOIN address AS a ON a.id = m.address
LEFT JOIN body AS b ON b.id = d.shown_in;

-- Where each agent stands in each stream that others write. As many rows as there are addresses that an agent reads.
CREATE TABLE stream_cursor (
    agent INTEGER NOT NULL REFERENCES agent (id),
    stream TEXT NOT NULL,
    position TEXT NOT NULL,
    mark TEXT NOT NULL,
    since INTEGER NOT NULL,
    backlog INTEGER NOT NULL,
    again TEXT NOT NULL,
    PRIMARY KEY (agent, stream)
) WITHOUT ROWID;
