"""A small world for contract tests: a fresh store with three agents, a clock, and short words for what they do."""

from __future__ import annotations

from sos.model.addresses import inbox_address
from sos.model.agents import Body, Joining
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.parcels import Parcel
from sos.model.transitions import Surface
from sos.testing.clock import FakeClock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.agents import Enrolment
    from sos.model.deliveries import Delivery, Entry, View
    from sos.model.ids import MessageId
    from sos.model.messages import MessageKind
    from sos.model.parcels import Posted
    from sos.model.transitions import Action
    from sos.ports import Store

SESSION = "session-of-b"


class World:
    """`a` and `b` are in project p, `c` in another."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = FakeClock()
        for slug, project in (("aa", "p"), ("bb", "p"), ("cc", "q"), ("operator", "default")):
            self.enrol(slug, project=project)
        self.body()

    def enrol(self, slug: str, *, name: str | None = None, project: str = "p", label: str = "x") -> Enrolment:
        """An agent joins."""
        joining = Joining(slug=Slug(slug), name=name or slug, role="executor", label=label, project=project)
        return self.store.agents.enrol(joining, self.clock.now())

    def body(self, agent: str = "bb", session: str = SESSION, **fields: Any) -> Body:
        """A session of an agent, written down."""
        now = self.clock.now()
        made = Body(session=session, agent=Slug(agent), runtime="test", started_at=now, seen_at=now, **fields)
        self.store.agents.save_body(made)
        return made

    def parcel(
        self, text: str = "hello", *, to: str = "bb", sender: str = "aa", kind: MessageKind = "message", **fields: Any
    ) -> Parcel:
        """A parcel from `aa` to `bb`, or as said; fields of the draft or of the parcel."""
        assurance = fields.pop("assurance", "same-user")
        recipients = fields.pop("recipients", (to,))
        draft = Draft(id=fields.pop("id", new_id(self.clock.now())), to=to, text=text, kind=kind, **fields)
        address = inbox_address(Slug(to), "p")
        return Parcel(
            draft=draft,
            sender=sender,
            recipients=recipients,
            project="p",
            address=address,
            assurance=assurance,
            sent_at=self.clock.now(),
        )

    def post(self, text: str = "hello", **fields: Any) -> Posted:
        """Post one parcel."""
        return self.store.mail.post([self.parcel(text, **fields)])[0]

    def send(self, text: str = "hello", **fields: Any) -> MessageId:
        """Post one parcel; its id."""
        return self.post(text, **fields).message.id

    def apply(self, identifier: MessageId, action: Action, agent: str = "bb") -> Delivery:
        """Apply one action."""
        return self.store.mail.apply(Slug(agent), [(identifier, action)])[0].delivery

    def show(self, identifier: MessageId, turn: int = 0, *, provable: bool = False, mark: str = "") -> Delivery:
        """The message was shown to `bb`."""
        return self.apply(identifier, Surface(at=self.clock.now(), body=SESSION, turn=turn, provable=provable, mark=mark))

    def entries(self, view: View = "unread", agent: str = "bb") -> list[Entry]:
        """A view of an inbox."""
        return self.store.mail.entries(Slug(agent), view, 100)

    def texts(self, view: View = "unread", agent: str = "bb") -> list[str]:
        """The texts of a view."""
        return [entry.message.text for entry in self.entries(view, agent)]

    def one(self, identifier: MessageId, agent: str = "bb") -> Delivery:
        """Where a message stands for an agent."""
        return self.store.mail.find(Slug(agent), [identifier])[0].delivery

    def turn(self, number: int) -> None:
        """`bb` is at this turn."""
        self.store.mail.settle(self.body(), number, [])
