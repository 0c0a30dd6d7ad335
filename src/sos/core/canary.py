"""The canary: a test message from the mesh to one agent, through the whole inbox and back."""

from __future__ import annotations

from sos.core.sending import address_of
from sos.model.errors import UnknownMessage
from sos.model.messages import Draft
from sos.model.names import SYSTEM, Slug
from sos.model.parcels import Parcel
from sos.model.transitions import Ack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.addresses import GlobalSpelling
    from sos.model.agents import Agent
    from sos.model.deliveries import Entry, Story
    from sos.model.ids import MessageId
    from sos.model.messages import Assurance, Message
    from sos.model.times import Millis
    from sos.ports import Store


HEADER = "canary"
"""The header of a canary that a peer sends, over the whole path (`sos probe`). Its kind is `event`: nobody is told of its end."""
SESSION = "sos-probe-"
"""How the session begins in which the installed hook shows a canary; its id follows."""
STARTS = f"{SESSION}starts-"
"""How a session begins that is nobody's, and asks the installed hook only whether it starts."""
STARTED = "[sos] the hook starts"
"""What the hook answers there: silence would look like a hook that did not run."""


def find(store: Store, agent: Agent, identifier: MessageId) -> Entry | None:
    """A canary as it stands in the inbox, or None where it is not there."""
    try:
        return next(entry for entry in store.mail.find(agent.slug, [identifier]) if _is_canary(entry))
    except (UnknownMessage, StopIteration):
        return None


def _is_canary(entry: Entry) -> bool:
    message = entry.message
    # What is only claimed to be sent is none: it came through a stream of older clients, whoever wrote it.
    sent = message.kind == "event" and message.assurance != "claimed" and (HEADER in message.headers or entry.damaged)
    return message.kind == "system" or sent


def send(
    store: Store, agent: Agent, identifier: MessageId, nonce: str, now: Millis, spelling: GlobalSpelling, assurance: Assurance
) -> Entry | None:
    """Send one unless it is there; what stands in the inbox then. None: the id is that of another agent's."""
    draft = Draft(id=identifier, to=agent.slug, text=f"canary {nonce}", kind="system")
    address = address_of(agent, spelling)
    parcel = Parcel(draft=draft, sender=SYSTEM, recipients=(agent.slug,), project=agent.project, address=address,
                    assurance=assurance, sent_at=now)  # fmt: skip
    store.mail.post([parcel])
    return find(store, agent, identifier)


def came_back(store: Store, agent: Agent, identifier: MessageId, now: Millis) -> None:
    """It was read back whole: acknowledge it, and write down that the inbox is tested. Whoever sent it takes it away so.

    Raises UnknownMessage.
    """
    entry = find(store, agent, identifier)
    if entry is not None and entry.message.to == agent.slug:
        store.mail.apply(agent.slug, [(entry.message.seq, Ack(at=now, body=""))])
        store.agents.prove(agent.slug, "canary", now)
        return
    story = store.mail.story(identifier, agent.slug, agent.slug)
    if not _is_probes(story.message):
        raise UnknownMessage(f"no test message {identifier}")
    for slug in story.deliveries:
        store.mail.apply(Slug(slug), [(story.message.seq, Ack(at=now, body=""))])


def sent(store: Store, agent: Agent, limit: int) -> list[Story]:
    """The newest messages that an agent sent, its probes' canaries not among them."""
    most = limit
    while True:
        found = store.mail.sent(agent.slug, most)
        kept = [story for story in found if not _is_probes(story.message)]
        if len(kept) >= limit or len(found) < most:
            return kept[:limit]
        most *= 2


def _is_probes(message: Message) -> bool:
    return message.kind == "event" and HEADER in message.headers
