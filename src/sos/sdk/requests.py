"""Requests that this process has made and waits for."""

from __future__ import annotations

import math
import threading
import time

from sos.model.errors import SosError
from sos.sdk.messages import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.deliveries import Entry
    from sos.model.ids import MessageId
    from sos.ports.connection import Connection
    from sos.sdk.messages import Sent

SHORTEST, SLICE = 0.02, 1.0
"""Seconds between two looks at the inbox: at first where other mail waits in it, and at most."""


class NoAnswer(SosError):
    """The deadline of a request passed without an answer."""

    code = "no_answer"
    next_step = "sos trace ID   (where the request stands)"


class Request:
    """A request on its way; `wait` for its answer."""

    def __init__(self, sent: Sent, seconds: float, asked: Requests) -> None:
        self.id = sent.id
        self.to = sent.to
        self._seconds = seconds
        self._asked = asked

    def __repr__(self) -> str:
        return f"Request({self.id} to {self.to})"

    def wait(self, timeout: float | None = None) -> Message:
        """The answer, which counts as acknowledged then; waits `timeout` seconds, or for its deadline. Raises NoAnswer."""
        seconds = self._seconds if timeout is None else timeout
        answer = self._asked.answer(self.id, seconds)
        if answer is None:
            raise NoAnswer(f"{self.to} has not answered {self.id} within {seconds:g} s", next_step=f"sos trace {self.id}")
        return answer


class Requests:
    """Who waits for which answer. `receives`: whether the agent's loop runs, and hands answers over.

    An answer is waited for until the deadline of its request, or as long as `answer` is called for: what comes later, or where
    nobody asked, goes to the handlers as any other message.
    """

    def __init__(self, connection: Connection, receives: Callable[[], bool]) -> None:
        self._connection = connection
        self._receives = receives
        self._changed = threading.Condition()
        #: By request: until when its answer is waited for, and the answer.
        self._waiting: dict[str, tuple[float, Entry | None]] = {}

    def expect(self, identifier: MessageId, seconds: float) -> None:
        """An answer to this is waited for."""
        now = time.monotonic()
        with self._changed:
            self._waiting = {each: (ends, found) for each, (ends, found) in self._waiting.items() if ends > now}
            self._waiting[identifier] = (now + seconds, None)

    def forget(self, identifier: MessageId) -> None:
        """It is waited for no more."""
        with self._changed:
            self._waiting.pop(identifier, None)

    def take(self, entry: Entry) -> bool:
        """Whether this answers a request that is waited for: then nobody else handles it."""
        answered = entry.message.in_reply_to
        if answered is None or entry.message.assurance == "claimed":
            return False
        with self._changed:
            ends, found = self._waiting.get(answered, (0.0, None))
            if found is not None or ends <= time.monotonic():
                return False
            self._waiting[answered] = (ends, entry)
            self._changed.notify_all()
            return True

    def answer(self, identifier: MessageId, seconds: float) -> Message | None:
        """Wait for the answer to a request; None where none came in time. It is waited for once."""
        ends, rest = time.monotonic() + seconds, SHORTEST
        with self._changed:
            self._waiting[identifier] = (math.inf, self._waiting.get(identifier, (ends, None))[1])
        try:
            while True:
                if not self._receives():
                    self._look()
                with self._changed:
                    found = self._waiting[identifier][1]
                left = ends - time.monotonic()
                if found is not None or left <= 0:
                    return None if found is None else Message(found)
                self._rest(identifier, min(left, SLICE), min(left, rest))
                rest = min(2 * rest, SLICE)
        finally:
            self.forget(identifier)

    def _rest(self, identifier: MessageId, seconds: float, busy: float) -> None:
        """Until the loop has taken something, or, where none runs, mail has come; at most `seconds`.

        While other mail waits, which rings for as long as it does: `busy` seconds.
        """
        if self._receives():
            with self._changed:
                if self._waiting[identifier][1] is None:
                    self._changed.wait(seconds)
        elif self._connection.count("unread"):
            time.sleep(busy)
        else:
            self._connection.wait(seconds)

    def _look(self) -> None:
        """Without a loop: take answers from the inbox."""
        found = [entry for entry in self._connection.inbox("unread", 200) if self.take(entry)]
        for entry in found:
            self._connection.ack([entry.message.id], entry.message.sender)
