"""Cursor: its editor's agent, and `cursor-agent`."""
