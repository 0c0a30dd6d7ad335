"""Copilot CLI (verified with 1.0.102): a file of hooks and an extension of ours, our tools in its mcp-config.json."""
