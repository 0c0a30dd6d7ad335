"""The embedded store: one SQLite file for one OS user, durable before it answers, no daemon."""
