"""Taking over what an embedded deployment had (`sos move`): agents with their tokens and skills, mail that waits, tasks.

Each call is the administrator's, is complete in itself and may be repeated: what is here already stays as it is.
"""

from __future__ import annotations

from sos.model import tasks
from sos.model.agents import Joining
from sos.model.errors import Conflict, InvalidInput
from sos.model.names import OPERATOR, Slug, address_name, label
from sos.model.parcels import Parcel, draft_of
from sos.model.roles import role_of
from sos.model.skills import checked
from sos.model.times import Millis
from sos.model.tokens import AGENT_SERVICES, GRANTED, LIFE, scopes_of
from sos.model.transitions import Surface

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent, Enrolment
    from sos.model.deliveries import Delivery
    from sos.model.messages import Message
    from sos.model.parcels import Posted
    from sos.model.skills import Skill
    from sos.model.tasks import Task
    from sos.model.tokens import TokenRecord
    from sos.ports import Store

ELSEWHERE = "before the move"
"""The body in which a moved message was shown, where it is not known."""


def agent(store: Store, moved: Agent, tokens: Sequence[TokenRecord], skills: Sequence[Skill], now: Millis) -> Enrolment:
    """Enrol an agent as it was: its name, role, project, squads and the time since when its slug is its own.

    Its tokens open the same here, for 30 days, save for what is only granted. Raises InvalidInput, SlugTaken, ProjectChanged,
    Conflict where a token or a skill is another's.
    """
    if moved.slug != address_name(moved.name) or moved.project != label(moved.project, "project"):
        raise InvalidInput(f"{ascii(moved.name)[:60]} is no agent of {ascii(moved.slug)[:60]}")
    for record in tokens:
        known = store.tokens.by_key(record.key_id)
        if known is not None and (known.agent, known.digest) != (moved.slug, record.digest):
            raise Conflict(f"the token {record.key_id} is another's here", next_step="sos token rotate, then move again")
    joining = Joining(
        slug=moved.slug,
        name=moved.name,
        role=role_of(moved.label)[0],
        label=moved.label,
        project=moved.project,
        squads=moved.squads,
    )
    before = store.agents.agent(moved.slug)
    made = store.agents.enrol(joining, moved.joined_at if before is None else now)
    store.agents.attend(moved.slug, moved.attention, moved.bodies)
    for record in tokens:
        if record.service in AGENT_SERVICES and record.revoked_at is None:
            store.tokens.add(_here(record, made.agent, now))
    store.skills.put([checked(skill.replace(owner=made.agent.slug, project=made.agent.project)) for skill in skills])
    return made


def _here(record: TokenRecord, owner: Agent, now: Millis) -> TokenRecord:
    scopes = tuple(scope for scope in scopes_of(record.service) if scope in record.scopes and scope not in GRANTED)
    return record.replace(
        agent=owner.slug, project=owner.project, scopes=scopes, created_at=now, expires_at=Millis(now + LIFE), used_at=None
    )


def mail(store: Store, message: Message, deliveries: Sequence[Delivery]) -> int:
    """Store a message for those of its recipients that are here, with its sender, time and id; for how many it was new.

    What was shown already counts as shown. What its sender was told already (that it is overdue) is not told again.
    """
    here = [
        each for each in deliveries if (found := store.agents.agent(Slug(each.recipient))) is not None and found.status == "open"
    ]
    if not here:
        return 0
    draft = draft_of(message)
    if all(each.overdue_at is not None for each in here):
        draft = draft.replace(deadline_in=None)
    parcel = Parcel(
        draft=draft,
        sender=message.sender,
        recipients=tuple(each.recipient for each in here),
        project=message.project,
        address=message.address,
        assurance="claimed" if message.assurance == "claimed" else "same-user",
        sent_at=message.sent_at,
    )
    posted = store.mail.post([parcel])[0]
    for each in here:
        shown = Surface(at=each.shown_at or message.sent_at, body=each.shown_in or ELSEWHERE, turn=0)
        # Looked at anew: a server that was killed here has stored it and not marked it.
        if each.shown and _is_unread(store, each.recipient, posted):
            store.mail.apply(Slug(each.recipient), [(posted.seq, shown)])
    return 0 if posted.duplicate else len(here)


def _is_here(store: Store, slug: str) -> bool:
    found = store.agents.agent(Slug(slug))
    return found is not None and found.status == "open"


def _is_unread(store: Store, slug: str, posted: Posted) -> bool:
    found = store.mail.find(Slug(slug), [posted.message.id])
    return any(entry.delivery.unread for entry in found if entry.message.seq == posted.seq)


def task(store: Store, moved: Task) -> bool:
    """Keep a task as it stands; whether it was new. Raises InvalidInput, Conflict."""
    if moved.project != label(moved.project, "project") or moved.status not in tasks.STATUSES or moved.owner == OPERATOR:
        raise InvalidInput(f"{ascii(moved.id)[:60]} is no task that can be moved")
    return bool(store.tasks.add(moved, []) == moved)
