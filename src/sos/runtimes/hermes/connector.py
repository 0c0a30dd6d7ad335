"""Connecting Hermes: the skill, and the lines that its user puts into its config.yaml. As documented (2026); it was not run."""

from __future__ import annotations

from sos.runtimes import hookless

TITLE = "Hermes"
NEXT = """Put these lines below `mcp_servers:` in ~/.hermes/config.yaml, then start hermes there:

  sos:
    command: "{mcp}"
    args: []
"""
EVENTS, PROMPT, LISTS, LISTED, WAKES = hookless.EVENTS, hookless.PROMPT, hookless.LISTS, hookless.LISTED, hookless.WAKES
owned, merges, command, look, heeded = hookless.owned, hookless.merges, hookless.command, hookless.look, hookless.heeded
