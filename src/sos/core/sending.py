"""Sending: from what somebody wrote to a parcel with recipients, address and time, and to its receipt."""

from __future__ import annotations

from sos.core import listening
from sos.model.addresses import broadcast_address, inbox_address, squad_address
from sos.model.errors import Forbidden, InvalidInput, NoRecipients, UnknownAgent, UnknownMessage
from sos.model.messages import DEADLINES, EVERYWHERE, FROM_PROJECT, Receipt, ack_for_in, checked, request_id_in
from sos.model.names import OPERATOR, Slug, address_name, label
from sos.model.parcels import Parcel, is_call_for_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.model.addresses import Address, GlobalSpelling
    from sos.model.agents import Agent
    from sos.model.messages import Draft, Told
    from sos.model.parcels import Posted
    from sos.model.times import Millis
    from sos.ports import Store

    Sees = Callable[[Agent], bool]


def address_of(recipient: Agent, spelling: GlobalSpelling = "agent") -> Address:
    """The one stream that mail to an agent is written to: its project's; the operator is of no project."""
    return inbox_address(recipient.slug, None if recipient.slug == OPERATOR else recipient.project, spelling)


def parcel_for(
    store: Store, me: Agent, draft: Draft, now: Millis, spelling: GlobalSpelling = "agent", sees: Sees = lambda _: True
) -> Parcel:
    """A direct message as a parcel. `sees`: whom the sender may know of; to anybody else it is as if they were not there.

    Raises UnknownAgent (with the nearest names), InvalidInput, TextTooLong.
    """
    _require_member(me)
    recipient = store.agents.agent(address_name(draft.to))
    if recipient is not None and not sees(recipient):
        recipient = None
    if recipient is None or (recipient.status != "open" and not _sent_before(store, me, draft)):
        raise unknown(store, draft.to, left=recipient is not None, sees=sees)
    draft = _understood(checked(draft.replace(to=recipient.slug)))
    return Parcel(
        draft=draft.replace(headers=_headers(me, recipient, draft.headers)),
        sender=me.slug,
        recipients=(recipient.slug,),
        project=recipient.project,
        address=address_of(recipient, spelling),
        assurance="same-user",
        sent_at=now,
    )


def _headers(me: Agent, recipient: Agent, given: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in given.items() if name != FROM_PROJECT}
    abroad = me.project != recipient.project and OPERATOR not in {me.slug, recipient.slug}
    return {**kept, FROM_PROJECT: me.project} if abroad else kept


def _sent_before(store: Store, me: Agent, draft: Draft) -> bool:
    """Whether this id was sent: then the store answers as before, although the recipient has left since."""
    try:
        store.mail.story(draft.id, me.slug, me.slug)
    except UnknownMessage:
        return False
    return True


def _require_member(me: Agent) -> None:
    if me.status != "open":
        from sos.core.readiness import mend

        raise Forbidden(f"{me.slug} has left: it sends nothing until it joins again", next_step=mend(me))


def _understood(draft: Draft) -> Draft:
    """What older agents write into the text: a request's id, or an acknowledgement of one."""
    answered = ack_for_in(draft.text)
    if answered is not None and draft.in_reply_to is None:
        return draft.replace(kind="ack", in_reply_to=answered)
    if request_id_in(draft.text) is not None and draft.kind == "message":
        return draft.replace(kind="request", deadline_in=draft.deadline_in or DEADLINES["routine"])
    return draft


def broadcast_parcel(
    store: Store, me: Agent, draft: Draft, now: Millis, squad: str | None = None, project: str | None = None
) -> Parcel:
    """A broadcast as a parcel: its recipients are fixed here, the sender is none of them. Raises NoRecipients."""
    _require_member(me)
    project = me.project if project is None else label(project, "project")
    if squad == EVERYWHERE:
        squad = None
        members = tuple(agent.slug for agent in store.agents.agents() if agent.status == "open" and agent.slug != OPERATOR)
        audience, address = "all projects", broadcast_address(None)
    elif squad is not None:
        squad = label(squad, "squad")
        members = store.agents.squad(project, squad)
        audience, address = f"squad {squad}", squad_address(project, squad)
    else:
        members = tuple(
            agent.slug
            for agent in store.agents.agents()
            if agent.status == "open" and agent.project == project and agent.slug != OPERATOR
        )
        audience, address = f"project {project}", broadcast_address(project)
    recipients = tuple(slug for slug in members if slug != me.slug)
    if not recipients and not _sent_before(store, me, draft):
        raise _nobody(store, me, audience, project)
    return Parcel(
        draft=checked(draft.replace(to=audience, kind="broadcast")),
        sender=me.slug,
        recipients=recipients,
        project=project,
        address=address,
        assurance="same-user",
        sent_at=now,
    )


def _nobody(store: Store, me: Agent, audience: str, project: str) -> NoRecipients:
    """The error for a broadcast without recipients; to the operator, who sees all projects, it names the others."""
    others = sorted(
        {agent.project for agent in store.agents.agents() if agent.status == "open" and agent.slug != OPERATOR} - {project}
    )
    if me.slug != OPERATOR or not others:
        return NoRecipients(f"nobody would receive this broadcast to {audience}")
    step = f"add --project {others[0]}   (there are agents in: {', '.join(others)})"
    return NoRecipients(f"nobody would receive this broadcast to {audience}, in project {project}", next_step=step)


def send(store: Store, parcel: Parcel, now: Millis) -> Receipt:
    """Store a parcel durably and say where it is and how its recipients are."""
    return receipt(store, store.mail.post([parcel])[0], now)


def send_each(store: Store, parcels: Sequence[Parcel], now: Millis) -> list[Receipt | Exception]:
    """`send` of several senders at once, which share what it costs; what one was refused for touches no other."""
    outcomes: list[Receipt | Exception] = []
    # A call for help is stored on a full disk too, by itself: others there are refused together.
    waiting = [None if len(parcels) == 1 or is_call_for_help(parcel) else store.mail.submit(parcel) for parcel in parcels]
    for parcel, future in zip(parcels, waiting, strict=True):
        try:
            outcomes.append(receipt(store, store.mail.post([parcel])[0] if future is None else future.result(), now))
        except Exception as error:  # noqa: BLE001  # each belongs to the one who asked
            outcomes.append(error)
    return outcomes


def receipt(store: Store, posted: Posted, now: Millis) -> Receipt:
    """What the sender of a message that is stored holds."""
    message, recipients = posted.message, posted.parcel.recipients
    if posted.duplicate:  # the same receipt as before, whoever came or left since
        sender = Slug(message.sender)
        recipients = tuple(store.mail.story(message.id, sender, sender).deliveries)
    return Receipt(
        id=message.id,
        to=message.to,
        duplicate=posted.duplicate,
        durability=store.durability,
        recipients=recipients,
        inbox_depth=posted.depth,
        hearing={slug: listening.brief(store, Slug(slug), now) for slug in recipients[:20]},
        deadline=message.deadline,
        told=None if message.deadline is None else _told(store, Slug(message.sender)),
    )


def _told(store: Store, sender: Slug) -> Told:
    """Who waits for the sender's mail watches its deadlines too, this new one included; else the next one to come does."""
    return "within a second" if store.nudge(sender) else "at the next command or hook"


def unknown(store: Store, name: str, *, left: bool = False, sees: Sees = lambda _: True) -> UnknownAgent:
    """The error for a recipient that is not there, with the names that come nearest."""
    wanted = set(name.lower())
    slugs = [agent.slug for agent in store.agents.agents() if agent.status == "open" and sees(agent)]
    near = sorted(slugs, key=lambda slug: (not slug.startswith(name[:3].lower()), -len(wanted & set(slug)), slug))[:3]
    gone = "has left" if left else "is not here"
    hint = f"; nearest: {', '.join(near)}" if near else ""
    return UnknownAgent(f"the agent {ascii(name)[1:-1]} {gone}{hint}")


def deadline_for(kind: str, text: str | None) -> int | None:
    """The deadline of a request in milliseconds, `routine` where none was given. Raises InvalidInput."""
    from sos.model.messages import parse_deadline

    if text is None:
        return DEADLINES["routine"] if kind == "request" else None
    if kind != "request":
        raise InvalidInput("only a request has a deadline", next_step="add --request")
    return parse_deadline(text)
