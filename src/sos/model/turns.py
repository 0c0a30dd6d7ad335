"""What a hook run asks for and says over a wire."""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sos.model.agents import Agent, Body, Note
    from sos.model.deliveries import Entry
    from sos.model.findings import Notice
    from sos.model.skills import Skill
    from sos.model.times import Millis

PENDING = 200
"""Messages that one run looks for in its transcript."""


class Look(Record):
    """Everything that a run may show or say, at one time."""

    agent: Agent
    body: Body | None
    bodies: tuple[Body, ...]
    head: int
    epoch: str
    #: The turn that `due` is due at.
    turn: int
    due: tuple[Entry, ...]
    due_count: int
    unread: int
    pending: tuple[Entry, ...]
    open: tuple[Entry, ...]
    open_count: int
    asked: tuple[Entry, ...]
    skills: tuple[Skill, ...]
    notices: tuple[Notice, ...]
    note: Note | None
    #: Numbers of what another hand took away unread.
    lost: tuple[int, ...]


class Mark(Record):
    """What a run did to one message, by its number."""

    number: int
    kind: Literal["surfaced", "arrived", "missed", "no evidence"]
    #: By the clock of the machine that the transcript is on.
    at: Millis
    mark: str = ""
    evidence: str = ""
    provable: bool = False
