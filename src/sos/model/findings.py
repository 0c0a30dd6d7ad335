"""Findings: what a check says, why it matters, and the command that mends it."""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sos.model.times import Millis

    Severity = Literal["note", "warning", "critical"]


class Finding(Record):
    """One thing that is not as it should be."""

    code: str
    severity: Severity
    what: str
    why: str = ""
    next_step: str = ""
    since: Millis | None = None


class Notice(Record):
    """A finding that the store keeps for an agent until a hook has told it."""

    agent: str
    at: Millis
    code: str
    text: str


class Answer(Record):
    """One of the four questions, its answer, and what to do where the answer is not good."""

    question: str
    good: bool
    answer: str
    next_step: str = ""
