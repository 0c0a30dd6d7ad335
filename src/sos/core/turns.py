"""A hook run over a wire, in two requests: everything that it may show, and, after the flush, what became of it.

Embedded, a hook reads the store itself, bit by bit as it needs it (hook/session.py); the rules are the same.
"""

from __future__ import annotations

from sos.core import history
from sos.core.inbox import PAGE
from sos.model.errors import Forbidden, InvalidInput
from sos.model.transitions import Arrive, GiveUpEvidence, Miss, Surface
from sos.model.turns import PENDING, Look, Mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent, Body
    from sos.model.times import Millis
    from sos.model.transitions import Action
    from sos.ports import Store

MAX_WORDS = 4096
"""Characters of one field of a body."""


def look(store: Store, me: Agent, session: str, now: Millis, *, begins: bool, epoch: str, seen: int) -> Look:
    """What a run may need. `begins`: with this event a turn may begin, so what is due is what the next one shows."""
    head, current = history.compare(store, me.slug, epoch, seen, now)
    mail, agents = store.mail, store.agents
    turn = me.turn + begins
    body = agents.body(session)
    if body is not None and body.agent != me.slug:
        body = None  # the session was another agent's: this one begins anew
    due = mail.entries(me.slug, "due", PAGE, turn=turn)
    return Look(
        agent=me,
        body=body,
        bodies=tuple(agents.bodies(me.slug)),
        head=head,
        epoch=current,
        turn=turn,
        due=tuple(due),
        due_count=len(due) if len(due) < PAGE else mail.count(me.slug, "due", turn),
        unread=mail.count(me.slug, "unread"),
        pending=tuple(mail.entries(me.slug, "pending", PENDING)),
        open=tuple(mail.entries(me.slug, "open", PAGE)),
        open_count=mail.count(me.slug, "open"),
        asked=tuple(mail.asked(me.slug, PAGE)),
        skills=tuple(store.skills.list(me.project, me.slug)),
        notices=tuple(agents.notices(me.slug)),
        note=agents.note(me.slug),
        lost=tuple(mail.lost(me.slug)),
    )


def settle(
    store: Store,
    me: Agent,
    session: str,
    body: Body,
    turn: int,
    marks: Sequence[Mark],
    told: Millis | None,
    proven: str | None,
    now: Millis,
    *,
    lost: bool,
    takes: bool,
) -> bool:
    """End the run as one step: marks, body, turn. Whether all is quiet now. Raises Forbidden for another's body.

    `takes`: the inbox is this body's from now on, as if it had said so by `take`.
    """
    if (body.agent, body.session) != (me.slug, session) or not session:
        raise Forbidden("a body is written by itself alone")
    known = store.agents.body(session)
    if known is not None and known.agent != me.slug and known.presence != "closed":
        raise Forbidden("that session is another agent's")
    if not 0 <= turn - me.turn <= 1 or any(isinstance(each, str) and len(each) > MAX_WORDS for each in body.fields().values()):
        raise InvalidInput("that is no state of a body")
    if told is not None:
        store.agents.told(me.slug, told)
    if lost:
        store.mail.forget_lost(me.slug)
    if proven is not None and me.proven_at is None:
        store.agents.prove(me.slug, "proven", now, by=proven[:MAX_WORDS])
    # When it was seen is said by our clock: peers ask us whether it hears.
    seen = body.replace(seen_at=now, hook_at=now, holder=known is not None and body.holder)
    return store.mail.settle(seen, turn, [(mark.number, _action(mark, session, turn)) for mark in marks], takes=takes)


def _action(mark: Mark, session: str, turn: int) -> Action:
    match mark.kind:
        case "surfaced":
            return Surface(at=mark.at, body=session, turn=turn, mark=mark.mark, provable=mark.provable)
        case "arrived":
            return Arrive(at=mark.at, body=session, evidence=mark.evidence)
        case "missed":
            return Miss(at=mark.at, body=session, evidence=mark.evidence, turn=turn)
        case "no evidence":
            return GiveUpEvidence(at=mark.at, body=session)


def mark_of(number: int, action: Action) -> Mark:
    """A mark for what a hook run does to a delivery."""
    match action:
        case Surface():
            return Mark(number=number, kind="surfaced", at=action.at, mark=action.mark, provable=action.provable)
        case Arrive():
            return Mark(number=number, kind="arrived", at=action.at, evidence=action.evidence)
        case Miss():
            return Mark(number=number, kind="missed", at=action.at, evidence=action.evidence)
        case _:
            return Mark(number=number, kind="no evidence", at=action.at)
