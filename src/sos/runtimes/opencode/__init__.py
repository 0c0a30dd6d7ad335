"""OpenCode (verified with 1.18.33): a plugin of ours, and our tools in its opencode.json."""
