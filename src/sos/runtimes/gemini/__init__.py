"""Gemini CLI (verified with 0.61.0): an extension directory of ours, its hooks, and its chat recording as evidence."""
