"""Codex (verified with 0.169.0): hooks of ours in its hooks.json, our tools in its config.toml, its rollout as evidence."""
