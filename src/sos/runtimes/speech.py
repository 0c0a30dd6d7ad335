"""How the hooks of one runtime speak: what each runtime's `speech.py` has. Each is loaded alone: a hook serves one runtime."""

from __future__ import annotations

import sys

from sos.model.errors import InvalidInput
from sos.runtimes import HOOKED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, Protocol

    from sos.model.agents import Bodies
    from sos.runtimes.transcripts import Lines

    #: When a hook runs, by the names that Claude Code gave and others took over: at a session's start (or after a compaction,
    #: or with a cleared context), at a prompt, after the tools of one step, at the end of a turn, before a compaction, at the
    #: session's end. Where a start or a compaction can put nothing into the context, the next prompt brings the packet. Where
    #: nothing marks the hooks of a subagent, it begins with its tool.
    Moment = Literal["SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop", "PreCompact", "SubagentStart", "SessionEnd"]

    class Speech(Protocol):
        """One runtime's."""

        #: As `sos connect` names it, and as people do.
        NAME: str
        TITLE: str
        #: Its own name of each event → the moment.
        MOMENTS: Mapping[str, Moment]
        #: Moments whose output reaches the model.
        SPEAKING: frozenset[Moment]
        #: The most that may stand in its context of what peers wrote.
        BODIES: Bodies
        #: Bytes that one turn gives to messages, at most `core.rendering.BUDGET`.
        BUDGET: int
        #: Its names of what a hook is told: ours → its own, where they differ. Where a text is wanted, a list means its first; a
        #: number above zero means that a turn was continued already. `ended`: how it ended; one that did not complete is left.
        KEYS: Mapping[str, str]
        #: The variable that names the session to its hooks, and beside which `CLAUDE_PID` names its process; empty: none does.
        SESSION: str
        #: Whether one process of it runs one session, so that what runs below that process is in this session.
        ALONE: bool
        #: The tool that runs a subagent whose hooks carry no mark of it; empty: each is marked.
        SUBAGENT: str
        #: Whether the hooks of a session's start and of its first prompt may run at the same time.
        OVERLAPS: bool
        #: What stands in the command line of a process of it whose hooks have somebody else's environment; empty: in none.
        DAEMON: str
        #: How its transcript is read; None where it keeps none that could be evidence.
        LINES: Lines | None

        def transcript(self, session: str, given: str, user_home: str) -> str:
            """Where its transcript is, by what the hook was told; empty where there is none."""
            ...

        def answer(self, event: str, moment: Moment, text: str) -> str:
            """Its JSON that puts `text` into the context at an event of its own. At Stop it also continues the turn."""
            ...


def speech_of(name: str) -> Speech:
    """The speech of a runtime by its name. Raises InvalidInput."""
    if name not in HOOKED:
        raise InvalidInput(f"{name[:40]!a} is no runtime whose hooks are known", next_step=f"one of: {', '.join(HOOKED)}")
    module = f"sos.runtimes.{name}.speech"
    __import__(module)
    speech: Speech = sys.modules[module]  # the tests hold each to it
    return speech
