"""Agent runtimes: which files they own, how their hooks speak, and what in their transcripts is evidence."""

HOOKED: tuple[str, ...] = ("claude", "codex", "gemini", "copilot", "opencode", "cursor")
"""Those that run our hooks, as `sos connect` names them."""
NAMES: tuple[str, ...] = (*HOOKED, "vscode", "windsurf", "amp", "goose", "hermes")
"""Those that can be connected."""
