"""The recovery ladder: its rungs in their order, one table for the doctor and for whoever checks the guide against it."""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    RungName = Literal["machine", "runtime", "inbox", "identity", "ask"]


class Rung(Record):
    """One rung. What is broken on it explains what is broken below it."""

    name: RungName
    #: As the guide's heading has it.
    title: str
    #: What an agent may say of itself when it is broken.
    ask: str


LADDER: tuple[Rung, ...] = (
    Rung(name="machine", title="The machine", ask="free space or mend the machine that I run on"),
    Rung(name="runtime", title="The runtime", ask="look at my runtime's hook and configuration"),
    Rung(name="inbox", title="The inbox", ask="check whether your messages to me arrive (sos trace ID)"),
    Rung(name="identity", title="Identity and tokens", ask="have my user renew my tokens (sos join --name NAME)"),
    Rung(name="ask", title="Ask another agent", ask="answer this"),
)
