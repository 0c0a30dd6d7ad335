"""Who acts upon a store, and what it may see and change: what every part of `LocalConnection` stands on."""

from __future__ import annotations

from sos.core import access
from sos.model.errors import Conflict, Forbidden, UnknownMessage
from sos.model.names import OPERATOR
from sos.model.rights import OWN, RIGHTS
from sos.model.tokens import ADMIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.agents import Agent
    from sos.model.deliveries import Entry
    from sos.model.ids import MessageId
    from sos.model.messages import Assurance
    from sos.model.names import Slug
    from sos.ports import Clock, Store


class Acting:
    """An agent at a store. The arguments are those of `LocalConnection`."""

    def __init__(
        self,
        store: Store,
        me: Agent,
        clock: Clock,
        session: str = "",
        *,
        scopes: tuple[str, ...],
        own: bool = True,
        spelling: GlobalSpelling = "agent",
        assurance: Assurance = "same-user",
        conventions: Sequence[Convention] = (),
    ) -> None:
        self.store = store
        self._conventions = conventions
        self._spelling = spelling
        self._assurance = assurance
        self.me = me
        self.scopes = scopes
        self.clock = clock
        self.session = session
        self.own = own

    @property
    def slug(self) -> Slug:
        """The agent's."""
        return self.me.slug

    def _sees_over_a_wire(self, agent: Agent) -> bool:
        """Who shares the store's file knows who is in it; anybody else must not tell a foreign agent from an absent one."""
        return self._assurance == "same-user" or self._sees(agent)

    def _sees(self, agent: Agent) -> bool:
        """Whether this agent may know of another: of its own project, the operator, or with the right to send to any project."""
        near = agent.project == self.me.project or OPERATOR in {agent.slug, self.me.slug}
        return near or "send:any-project" in self.scopes or ADMIN in self.scopes

    def _meant(self, identifier: MessageId, sender: str | None = None) -> Entry:
        """The one message that an id names here. Raises UnknownMessage; Conflict where several senders used the id."""
        found = [entry for entry in self.store.mail.find(self.me.slug, [identifier]) if sender in {None, entry.message.sender}]
        # A foreign entry may carry the id of a message that somebody truly sent: the true one is meant.
        found = [entry for entry in found if entry.message.assurance != "claimed"] or found
        if not found:
            raise UnknownMessage(f"no message {identifier} from {ascii(sender)[1:-1]}")
        if len(found) > 1:
            names = ", ".join(entry.message.sender for entry in found)
            raise Conflict(f"{len(found)} messages here have the id {identifier}: from {names}", next_step="add --from SENDER")
        return found[0]

    def _fetch(self) -> None:
        """Bring in what older clients wrote to this agent, where there are any: their streams ring for nobody."""
        reader = self.store.reader
        if reader is not None and self.me.status == "open":
            from sos.core import reading

            reading.read(self.me, self.store, reader, self.clock, conventions=self._conventions)

    def _allow(self, operation: str) -> None:
        """Refuse what the token shown has no scope for, and what is the own body's alone. Raises ScopeMissing, Forbidden."""
        for group in RIGHTS[operation]:
            access.allow(self.scopes, *group)
        if operation in OWN and not self.own:
            raise Forbidden(
                f"only {self.me.slug} itself changes what is its own; this is a look from outside",
                next_step="run it inside the agent's own session",
            )
