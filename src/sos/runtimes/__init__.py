"""Agent runtimes: which files they own, how their hooks speak, and what in their transcripts is evidence."""

NAMES: tuple[str, ...] = ("claude", "codex", "gemini", "copilot", "opencode", "cursor")
"""Those that can be connected, as `sos connect` names them."""
