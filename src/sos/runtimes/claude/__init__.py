"""Claude Code (verified with 2.1.330): a plugin directory of ours, its hooks, and its transcript as evidence."""
