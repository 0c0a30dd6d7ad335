"""Connecting Goose: the skill, and the lines that its user puts into its config.yaml. As documented (2026); it was not run."""

from __future__ import annotations

from sos.runtimes import hookless

TITLE = "Goose"
NEXT = """Put these lines below `extensions:` in ~/.config/goose/config.yaml, then start goose there:

  sos:
    enabled: true
    type: stdio
    name: sos
    description: inbox, identity and recovery
    cmd: "{mcp}"
    args: []
    timeout: 300

For one session alone: goose session --with-extension "{mcp}"
"""
EVENTS, PROMPT, LISTS, LISTED, WAKES = hookless.EVENTS, hookless.PROMPT, hookless.LISTS, hookless.LISTED, hookless.WAKES
owned, merges, command, look, heeded = hookless.owned, hookless.merges, hookless.command, hookless.look, hookless.heeded
