"""Whom the sentinel tells what, and when: once at each edge, the agent itself first, then a peer, then the operator. No I/O."""

from __future__ import annotations

from sos.core import hearing
from sos.model.ids import new_id
from sos.model.names import OPERATOR
from sos.model.record import Record
from sos.model.times import HOUR, ago, iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from sos.core.hearing import Cause, Verdict
    from sos.model.agents import Agent
    from sos.model.ids import MessageId
    from sos.model.times import Millis

    #: `notice`: shown by the agent's next hook. `message`: from the mesh itself into an inbox. `webhook`: to the operator's URL.
    Way = Literal["notice", "message", "webhook"]

PATIENCE = 2
"""Rounds that a rung of the telling has before the next one is told: the agent, a peer of its role, the operator."""
BUDGET = 10
"""Messages to peers and the operator in an hour. A store that broke for all is one thing to say, not a thousand."""


class Case(Record):
    """One agent that does not hear, until it does again."""

    agent: str
    cause: Cause
    since: Millis
    #: Rounds in which it was seen so.
    rounds: int = 0
    #: Who was told: the agent (by cause), and peers and the operator.
    causes: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    #: The round in which somebody was told last.
    told_in: int = 0


class Telling(Record):
    """Something to be said. Its id makes it the same message where it has to be said again after a crash."""

    id: MessageId
    way: Way
    to: str
    about: str
    at: Millis
    text: str


class Memory(Record):
    """What the sentinel knows from one round to the next."""

    cases: tuple[Case, ...] = ()
    #: When messages were sent, in the last hour.
    spent: tuple[Millis, ...] = ()
    #: What was decided and may not have been said yet.
    pending: tuple[Telling, ...] = ()


def step(memory: Memory, agents: Sequence[Agent], verdicts: dict[str, Verdict], now: Millis) -> Memory:
    """One round: the cases as they stand now; `pending` holds what is to be said.

    An agent without a verdict has left, or has no session any more: its case is closed. A round in which the sentinel itself is
    late changes nothing.
    """
    if any(verdict.cause == "watch_slow" for verdict in verdicts.values()):
        return memory
    known = {case.agent: case for case in memory.cases}
    spent = [at for at in memory.spent if 0 <= now - at < HOUR]
    cases: list[Case] = []
    pending = list(memory.pending)
    for agent in agents:
        verdict, case = verdicts.get(agent.slug), known.get(agent.slug)
        if verdict is None or verdict.hearing == "unknown":
            continue
        known.pop(agent.slug, None)
        if verdict.alarm:
            since = now if verdict.since is None else verdict.since
            case = case or Case(agent=agent.slug, cause=verdict.cause, since=since)
            case, said = _alarm(case.replace(cause=verdict.cause, rounds=case.rounds + 1), agent, agents, verdicts, spent, now)
            cases.append(case)
            pending += said
        elif case is not None and verdict.hearing == "hearing":
            pending += [_closing(case, to, f"hears again, after {ago(max(now - case.since, 0))}", now) for to in case.told]
        elif case is not None:
            cases.append(case)  # late: whether it hears again is not known yet
    for case in known.values():
        pending += [_closing(case, to, "runs no more: what waits for it, waits for its next session", now) for to in case.told]
    return Memory(cases=tuple(cases), spent=tuple(spent), pending=tuple(pending))


def _alarm(
    case: Case, agent: Agent, agents: Sequence[Agent], verdicts: dict[str, Verdict], spent: list[Millis], now: Millis
) -> tuple[Case, list[Telling]]:
    if case.cause not in case.causes:
        first = not case.causes
        said = [_telling("notice", agent.slug, case, now)]
        case = case.replace(causes=(*case.causes, case.cause), told_in=case.rounds if first else case.told_in)
        return case, said
    if case.rounds - case.told_in < PATIENCE or OPERATOR in case.told:
        return case, []
    if len(spent) >= BUDGET:
        return case, []  # it is told when there is room again
    to = None if case.told else _peer(agent, agents, verdicts)
    spent.append(now)
    telling = _telling("message", to or OPERATOR, case, now)
    return case.replace(told=(*case.told, telling.to), told_in=case.rounds), [telling]


def _peer(agent: Agent, agents: Sequence[Agent], verdicts: dict[str, Verdict]) -> str | None:
    """A peer of the same role and project that hears."""
    near = (each for each in agents if (each.role, each.project) == (agent.role, agent.project) and each.slug != agent.slug)
    hears = (each.slug for each in near if (found := verdicts.get(each.slug)) and found.hearing == "hearing" and not found.alarm)
    return next(hears, None)


def _telling(way: Way, to: str, case: Case, now: Millis) -> Telling:
    what, helps = hearing.SAID[case.cause]
    helps = helps.replace("{agent}", case.agent)
    if way == "notice" and case.cause == "ignoring":
        text = f"requests to you were shown as often as they ever are, and have no answer: sos inbox --as {case.agent}"
    elif way == "notice":
        text = f"mail waited for you since {iso(case.since)}, and no hook of yours showed it: {what}. Next: {helps}"
    elif case.cause == "ignoring":
        text = f"{case.agent} answers no request, although each was shown to it several times. {helps}"
    else:
        text = f"{case.agent} hears nothing: mail waits for it since {iso(case.since)}; {what}. What helps: {helps}"
    return Telling(id=new_id(now), way=way, to=to, about=case.agent, at=now, text=text)


def _closing(case: Case, to: str, how: str, now: Millis) -> Telling:
    return Telling(id=new_id(now), way="message", to=to, about=case.agent, at=now, text=f"{case.agent} {how}.")
