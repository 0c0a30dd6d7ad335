"""What an agent sends: each kind from what it wrote to a parcel, and on to the store."""

from __future__ import annotations

from sos.core import access
from sos.core.acting import Acting
from sos.model.errors import Forbidden, InvalidInput
from sos.model.messages import EVERYWHERE
from sos.model.names import OPERATOR
from sos.model.tokens import ADMIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.ids import MessageId
    from sos.model.messages import Draft, Receipt
    from sos.model.parcels import Parcel


class Outgoing(Acting):
    """The part of `LocalConnection` that sends. A server has many parcels made, and stores them together."""

    def send(self, draft: Draft) -> Receipt:
        """Send to one agent. See `core.sending`."""
        return self._post(self.send_parcel(draft))

    def broadcast(self, draft: Draft, squad: str | None = None, project: str | None = None) -> Receipt:
        """Send to everybody of the project, or of a squad of it, or (`EVERYWHERE`) of all projects."""
        return self._post(self.broadcast_parcel(draft, squad, project))

    def reply(self, answered: MessageId, draft: Draft, sender: str | None = None) -> Receipt:
        """Answer a message of the own inbox; that closes a request. `draft.to` is filled here. Raises TooManyHops."""
        return self._post(self.reply_parcel(answered, draft, sender))

    def _post(self, parcel: Parcel) -> Receipt:
        from sos.core import sending

        return sending.send(self.store, parcel, self.clock.now())

    def send_parcel(self, draft: Draft) -> Parcel:
        """What `send` stores."""
        from sos.core import sending

        self._allow("send")
        parcel = sending.parcel_for(self.store, self.me, draft, self.clock.now(), self._spelling, self._sees_over_a_wire)
        if parcel.project != self.me.project and parcel.recipients != (OPERATOR,):
            access.allow(self.scopes, "send:any-project")
        return parcel.replace(assurance=self._assurance)

    def broadcast_parcel(self, draft: Draft, squad: str | None = None, project: str | None = None) -> Parcel:
        """What `broadcast` stores."""
        from sos.core import sending

        self._allow("broadcast")
        if project not in {None, self.me.project} and self.me.slug != OPERATOR:
            raise Forbidden(f"{self.me.slug} broadcasts to its own project alone", next_step="leave out --project")
        if squad == EVERYWHERE or project not in {None, self.me.project}:
            access.allow(self.scopes, ADMIN)
        parcel = sending.broadcast_parcel(self.store, self.me, draft, self.clock.now(), squad, project)
        return parcel.replace(assurance=self._assurance)

    def reply_parcel(self, answered: MessageId, draft: Draft, sender: str | None = None) -> Parcel:
        """What `reply` stores."""
        from sos.core import sending

        self._allow("reply")
        entry = self._meant(answered, sender)
        found = entry.message
        if entry.damaged:
            raise InvalidInput("the stored row of that message is damaged: nobody knows who sent it")
        if found.assurance == "claimed":
            raise InvalidInput("the sender of that message is only claimed: there is nobody sure to answer to")
        # One hop more than what it answers, whoever answers: so two that answer each other by themselves die down.
        filled = {"to": found.sender, "in_reply_to": answered, "thread": found.thread, "hops": found.hops + 1}
        answer = draft.replace(kind="reply", **filled)
        # Whoever wrote may be answered, whatever project it is of.
        parcel = sending.parcel_for(self.store, self.me, answer, self.clock.now(), self._spelling)
        return parcel.replace(assurance=self._assurance)
