"""Windsurf: its agent, Cascade."""
