"""The last rung: a call for help that says who is stuck, on which rung, what still works, and what is asked of whom."""

from __future__ import annotations

from sos.core.readiness import shell_word
from sos.model.errors import SosError
from sos.model.names import OPERATOR
from sos.model.record import Record
from sos.recovery.ladder import LADDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.doctor.patient import Patient
    from sos.doctor.trouble import Looked
    from sos.model.agents import Agent, Peer

MOST = 400
"""Characters of what is broken: a message is read by somebody who has work of their own."""


_OWN_STEPS = frozenset(("home_damaged", "home_not_private", "clock_back"))
"""Codes of what no freed space and no new token mends, whatever rung it stands on."""


class Call(Record):
    """A message that was composed, and not sent."""

    sender: str
    to: str
    text: str

    #: Whether the bus would take it now.
    sendable: bool

    @property
    def command(self) -> str:
        """What sends it; empty where the bus is closed to its sender: then it is for its user's eyes."""
        return f"sos send --as {self.sender} --request {self.to} {shell_word(self.text)}" if self.sendable else ""


def compose(patient: Patient, looked: Sequence[Looked]) -> Call | None:
    """The call for help of an agent whose ladder is broken; None where it is whole."""
    broken = next((each for each in looked if each.broken), None)
    if broken is None:
        return None
    rung = next(rung for rung in LADDER if rung.name == broken.rung)
    finding = next(trouble.finding for trouble in broken.troubles if trouble.finding.severity == "critical")
    works = ", ".join(each.rung for each in looked if not each.broken and not each.skipped) or "nothing that was looked at"
    what = finding.what if len(finding.what) <= MOST else f"{finding.what[:MOST]}…"
    text = f"I am {patient.slug}. Broken: {rung.title.lower()} (rung {LADDER.index(rung) + 1}, {finding.code}): {what}. "
    ask = f"have my user do this: {finding.next_step}" if finding.code in _OWN_STEPS else rung.ask
    text += f"Works: {works}. Please {ask}."
    try:
        return Call(sender=patient.slug, to=_helper(patient), text=text, sendable=True)
    except SosError:
        return Call(sender=patient.slug, to=OPERATOR, text=text, sendable=False)


def together(calls: Sequence[Call]) -> list[Call]:
    """Calls that say the same of several agents, as one, to none of these: whoever helps mends it once."""
    alike: dict[tuple[bool, str], list[Call]] = {}
    for call in calls:
        alike.setdefault((call.sendable, call.text.removeprefix(f"I am {call.sender}.")), []).append(call)
    made = []
    for (_, said), group in alike.items():
        first, *others = [call.sender for call in group]
        also = f" So it is with {', '.join(others)}." if others else ""
        to = next((call.to for call in group if call.to not in {first, *others}), OPERATOR)
        made.append(group[0].replace(to=to, text=f"I am {first}.{also}{said}"))
    return made


def _helper(patient: Patient) -> str:
    """Who is asked: a medic of the project that hears, then one of the same role, then the operator."""
    me = patient.myself().agent
    peers = [peer for peer in patient.connection().peers() if peer.agent.status == "open" and peer.hearing == "hearing"]
    near = [peer for peer in peers if peer.agent.project == me.project and peer.agent.role != "human"]
    return next((peer.agent.slug for peer in sorted(near, key=lambda peer: _order(peer, me)) if _order(peer, me) < 2), OPERATOR)


def _order(peer: Peer, me: Agent) -> int:
    return 0 if peer.agent.role == "medic" else 1 if peer.agent.role == me.role else 2
