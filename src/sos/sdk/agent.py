"""`Agent`: an identity, an inbox that is handled, and everything that an agent's author would otherwise write by hand."""

from __future__ import annotations

import os
import sys
import threading

from sos.model.errors import InvalidInput, StoreUnreachable
from sos.model.ids import new_id, parse_id
from sos.model.messages import Draft, parse_deadline
from sos.model.work import Sending, dispatch
from sos.sdk.handlers import Caller, Handler, running
from sos.sdk.messages import Sent
from sos.sdk.requests import Request, Requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Any, Self, TypeVar, overload

    from sos.homes.home import Home
    from sos.model.agents import Agent as Record
    from sos.model.agents import Peer
    from sos.model.findings import Answer
    from sos.model.messages import MessageKind
    from sos.model.skills import Skill
    from sos.model.tasks import Task
    from sos.ports.connection import Connection
    from sos.sdk.handlers import Handle
    from sos.sdk.loop import Loop
    from sos.sdk.messages import Message

    H = TypeVar("H", bound=Handle)

GRACE = 10.0
"""Seconds that a stopping agent gives to handlers which are running."""
TIMEOUT = 60.0
MAX_CONCURRENCY = 64
MOST_AT_ONCE = 1000
"""Messages that one `run_once` handles: an agent that writes to itself would have it go on for ever."""


class Agent:
    """An agent that has joined (`sos join`), as one process of it.

    `name` or `token` says which one: with a name its home holds the tokens, with a token that is the identity and the name only a
    check. Behind a server the home says where that is, else `SOS_URL`.

    Every message of its inbox, by whichever stream it came, is handed to the handlers that are for it, at least once, in order
    per sender; up to `concurrency` senders at the same time. What a handler sends and its acknowledgement are stored together
    after it returned, or not at all; a handler that raises is tried again, five times at most. An effect elsewhere can be made
    once by `message.id`. Several processes of one agent share its work. `connection`: one that is there already (sos.testing).

    Raises, when it is made: NobodyHere, TokenWrongKind, TokenExpired, TokenRevoked, TokenRefused, WrongAgent where the name is
    not the token's, HomeNotPrivate, StoreUnreachable.
    """

    def __init__(
        self, name: str | None = None, *, token: str | None = None, concurrency: int = 8, connection: Connection | None = None
    ) -> None:
        if not 0 < concurrency <= MAX_CONCURRENCY:
            raise InvalidInput(f"a concurrency is 1 to {MAX_CONCURRENCY}")
        from sos.settings import load  # here and below: who imports `sos.sdk` waits for no more than the name

        self._settings = load() if token is None else load().replace(token=token)
        self._home: Home | None = None
        if connection is None:
            from sos.wiring import bodies

            session = f"sdk-{os.getpid()}-{os.urandom(6).hex()}"
            connection, self._home = bodies.connect(self._settings, name, session)
        self._connection = connection
        self._concurrency = concurrency
        self._handlers: list[Handler] = []
        self._caller = Caller()
        self._requests = Requests(connection, lambda: self._loop is not None and self._loop.runs)
        self._loop: Loop | None = None
        self._stopped = threading.Event()
        #: The agent's record as it was when this was made.
        self.me: Record = connection.me

    def __repr__(self) -> str:
        return f"Agent({self.me.slug})"

    @property
    def slug(self) -> str:
        """Its address."""
        return self.me.slug

    @property
    def recovery_guide(self) -> str | None:
        """The path of its recovery guide, which opens without any service; None where it has no home here."""
        home = self._home
        path = None if home is None else os.path.join(home.path, "RECOVERY.md")
        return path if path is not None and os.path.exists(path) else None

    # --- handlers -----------------------------------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def on_message(self, handler: H) -> H: ...

        @overload
        def on_message(
            self, *, kind: MessageKind | None = None, sender: str | None = None, timeout: float = TIMEOUT
        ) -> Callable[[H], H]: ...

    def on_message(self, handler: Any = None, *, kind: Any = None, sender: str | None = None, timeout: float = TIMEOUT) -> Any:
        """Handle messages: `@agent.on_message`, or with filters `@agent.on_message(kind="request", sender="bb")`.

        All handlers that a message is for are called, in the order in which they were made. `timeout`: seconds that this one
        may take without a sign of progress (see `progress`); then the message is given to another attempt, and this one has no
        effect.
        """

        def made(call: Any) -> Any:
            self._handlers.append(Handler(call, kind, sender, timeout))
            return call

        return made if handler is None else made(handler)

    def on_error(self, error: Exception, message: Message | None) -> None:
        """Told of what a handler raised, and (without a message) of trouble with the bus. Override it; this prints."""
        import traceback

        what = "".join(traceback.format_exception(error)) if message is not None else f"{type(error).__name__}: {error}\n"
        sys.stderr.write(f"{self!r}: {message!r}: {what}" if message is not None else f"{self!r}: {what}")

    def progress(self) -> None:
        """Inside a handler: it goes on, and may take its timeout anew."""
        handling = running()
        if handling is not None:
            handling.progress()

    # --- running ------------------------------------------------------------------------------------------------------

    def run_in_background(self) -> None:
        """Receive, in threads of its own, until `stop`."""
        loop = self._made()
        self._stopped.clear()
        loop.start()
        self._loop = loop

    def run_once(self, most: int = MOST_AT_ONCE) -> int:
        """Handle in this thread what is due now, at most `most` messages, and return how many were handled to their end.

        For a job that is started now and then, and for tests (`sos.testing.Bus`). What fails is told to `on_error`, and comes
        again when its rest is over. Raises StoreUnreachable, which `start` would wait for.
        """
        return self._made().run_once(most)

    def _made(self) -> Loop:
        if self._loop is not None:
            raise InvalidInput("this agent runs already")
        from sos import __version__
        from sos.homes import processes
        from sos.model.agents import Body
        from sos.sdk.loop import Loop

        body = Body(
            session=self._connection.session,
            agent=self.me.slug,
            runtime="sdk",
            started_at=self._connection.clock.now(),
            seen_at=self._connection.clock.now(),
            host=os.uname().nodename,
            boot=processes.boot(),
            version=__version__,
            pid=os.getpid(),
            cwd=os.getcwd(),
            presence="idle",
        )
        work = (self._handlers, self._caller, self._requests, self._concurrency)
        return Loop(self._connection, body, *work, failed=self._told, tend=self._tend)

    def _told(self, error: Exception, message: Message | None) -> None:
        try:
            self.on_error(error, message)
        except Exception:  # noqa: BLE001  # what tells of errors must not end the loop
            sys.stderr.write(f"{self!r}: on_error failed for {error!r}\n")

    def _tend(self) -> None:
        """Now and then, while the bus answers: send what was queued, renew tokens that are about to expire."""
        if self._home is None:
            return
        from sos.wiring import local, renewing

        for refused in local.drain_outbox(self._settings, self._connection).refused:
            self._told(InvalidInput(f"not sent, and never will be: {refused}"), None)
        if getattr(self._connection, "expires", None) is not None:
            renewing.renew_due(self._settings, self._connection)

    def start(self) -> None:
        """Receive until `stop`, SIGTERM or SIGINT; what is in work then is finished or given back."""
        import signal

        before: dict[int, Any] = {}

        def end(number: int, frame: FrameType | None) -> None:
            self._stopped.set()

        if threading.current_thread() is threading.main_thread():
            before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            self.run_in_background()
            while not self._stopped.wait(3600):
                pass
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.stop()

    def stop(self, grace: float = GRACE) -> None:
        """Take no more messages; handlers that run may end within `grace` seconds. Does nothing where it does not run."""
        self._stopped.set()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.stop(grace)
        self._caller.close()

    def __enter__(self) -> Self:
        self.run_in_background()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # --- sending ------------------------------------------------------------------------------------------------------

    def send(self, to: str, text: str, *, thread: str | None = None, id: str | None = None) -> Sent:
        """Send a message. Inside a handler it is stored with the handler's end; else it is on disk when this returns.

        `id`: of your own (UUID): the same again is sent once. Where no store can be reached it goes to the outbox (`queued`).
        Raises UnknownAgent, InvalidInput, TextTooLong, IdConflict, InboxFull, ScopeMissing; inside a handler its end does.
        """
        return self._send(Sending(draft=self._draft(to, text, id, thread=thread)))

    def reply(self, message: Message, text: str) -> Sent:
        """Answer a message; that closes a request. As `send`."""
        draft = self._draft("", text, None, kind="reply")
        return self._send(Sending(draft=draft, answered=message.id, sender=message.sender), to=message.sender)

    def broadcast(self, text: str, *, squad: str | None = None) -> Sent:
        """Send to everybody of the project, or of a squad of it. As `send`. Raises NoRecipients."""
        return self._send(Sending(draft=self._draft("", text, None, kind="broadcast"), squad=squad), to=squad or "the project")

    def request(self, to: str, text: str, *, deadline: str | float = "routine") -> Request:
        """Ask, and `wait` for the answer. It is sent at once, also inside a handler.

        An answer that comes before the deadline is kept for `wait`; a later one, and a second one, goes to the handlers.

        `deadline`: critical (30 s), routine (60 s), a span like 10m, or seconds. Raises what `send` does, and StoreUnreachable.
        """
        milliseconds = parse_deadline(deadline) if isinstance(deadline, str) else int(deadline * 1000)
        draft = self._draft(to, text, None, kind="request", deadline_in=milliseconds)
        self._requests.expect(draft.id, milliseconds / 1000)
        try:
            receipt = self._connection.send(draft)
        except BaseException:
            self._requests.forget(draft.id)
            raise
        return Request(Sent(draft.id, draft.to, receipt), milliseconds / 1000, self._requests)

    def ack(self, message: Message) -> None:
        """Acknowledge a message outside of a handler; a handler's own is acknowledged when it returns."""
        handling = running()
        if handling is None or handling.entry.message.id != message.id:
            self._connection.ack([message.id], message.sender)

    def _draft(self, to: str, text: str, identifier: str | None, **fields: Any) -> Draft:
        made = new_id(self._connection.clock.now()) if identifier is None else parse_id(identifier)
        return Draft(**{"id": made, "to": to, "text": text, "kind": "message", **fields})

    def _send(self, given: Sending, to: str | None = None) -> Sent:
        sent = Sent(given.draft.id, to or given.draft.to)
        handling = running()
        if handling is not None:
            handling.progress()
            handling.sends.append((given, sent))
            return sent
        try:
            sent.receipt = dispatch(given, self._connection)
        except StoreUnreachable:
            if self._home is None:
                raise
            from sos.homes import outbox

            outbox.put(self._home.path, outbox.Queued(given=given))
            sent.queued = True
        return sent

    # --- what it knows ------------------------------------------------------------------------------------------------

    def peers(self) -> list[Peer]:
        """The other agents that it may know of."""
        return self._connection.peers()

    def skills(self) -> list[Skill]:
        """What the agents of its project can do."""
        return self._connection.skills()

    def tasks(self) -> list[Task]:
        """Tasks that it has claimed, or that wait for it alone."""
        return self._connection.tasks("mine", 100)

    def whoami(self) -> list[Answer]:
        """The four answers."""
        return self._connection.answers(self.recovery_guide)
