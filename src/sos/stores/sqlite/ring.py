"""Rings: the quiet file that a shell can test, and the datagram that wakes a waiting reader. Hints; the store is the truth.

`quiet-<agent>` exists ⇔ a reader, under the store's lock, saw nothing to show. A writer removes it under the lock before it
inserts. So a crash, a full disk or a power cut can only ring needlessly: a file that is *made* to ring was lost in 6 of 6 power
cuts (measured).
"""

from __future__ import annotations

import os
import time

from sos.files import private_directory
from sos.model import wire
from sos.model.errors import SosError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sos.stores.sqlite.database import Database, Row

MAX_SOCKET_PATH = 103
"""Bytes of a socket's path that every system takes (bind fails from 108 on Linux)."""
SWEEP_SECONDS = 2.0
"""A ring can be lost: its writer may be killed between the commit and the ring. So a reader looks again this often at least."""
NUDGE = b"t"
"""What is sent to a reader that shall look at the clock; a ring for mail is `!`."""
EVERYBODY = "*"
"""In the place of an agent: who hears all rings, each with the names that it is for."""
MAX_NAMES = 1000
"""In one datagram: 64 kB of the 208 kB that a Linux socket takes."""
_ADD = "INSERT OR REPLACE INTO waiter (path, agent) VALUES (?, ?)"
_REMOVE = "DELETE FROM waiter WHERE path = ?"
_FIND_ONE = "SELECT path, agent FROM waiter WHERE agent IN (?, '*')"
_FIND = "SELECT path, agent FROM waiter WHERE agent IN (SELECT value FROM json_each(?))"


class Ring:
    """The quiet files and waiting readers of one store."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run
        self._idle: dict[str, list[socket.socket]] = {}

    def quiet_path(self, agent: str) -> str:
        """The quiet file of an agent."""
        return os.path.join(self._run, f"quiet-{agent}")

    def unquiet(self, agent: str) -> None:
        """Ring: remove the quiet file. Only under the lock, before the commit. An error must not stop the send."""
        try:
            os.unlink(self.quiet_path(agent))
        except OSError:
            return  # absent already rings; a directory that refuses is found by the next full check

    def settle(self, agent: str, *, quiet: bool) -> None:
        """Set the quiet file to the truth. Only under the lock. If it cannot be made, the next tool batch rings needlessly."""
        if not quiet:
            self.unquiet(agent)
            return
        try:
            private_directory(self._run)
            os.close(os.open(self.quiet_path(agent), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except (OSError, SosError):
            # The marks are committed. Whoever heard of an error now would make them again, and one showing would count as two.
            self.unquiet(agent)

    def wake_after_commit(self, agents: set[str]) -> bool:
        """Wake the readers of these agents once the transaction is committed and the lock given back; whether there are any.

        Who waits is looked up inside the transaction: a reader registers under the lock and only then checks for mail, so that
        whoever comes later sees what is committed here.
        """
        several = len(agents) != 1
        sql, values = (_FIND, (wire.dumps([EVERYBODY, *sorted(agents)]),)) if several else (_FIND_ONE, tuple(agents))
        waiters = self._database.read(sql, values)
        if waiters:
            self._database.after_commit(lambda: self._wake(waiters, agents))
        return bool(waiters)

    def _wake(self, waiters: list[Row], agents: set[str]) -> None:
        import socket

        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for path, waits_for in waiters:
                try:
                    for ring in _rings(agents) if waits_for == EVERYBODY else (b"!",):
                        sender.sendto(ring, path)
                except BlockingIOError:
                    continue  # its queue is full: it has been woken already
                except OSError:
                    self._forget_durably(path)  # the reader is gone

    def _forget_durably(self, path: str) -> None:
        try:
            with self._database.write():
                self._forget(path)
        except SosError:
            return  # what rang is committed and must not look refused; the next ring to that path tries again

    def _forget(self, path: str) -> None:
        self._database.read(_REMOVE, (path,))
        try:
            os.unlink(path)
        except OSError:
            return

    def nudge(self, agent: str) -> bool:
        """End the waits for this agent, though nothing came: a timer was set that they do not know of. Whether there are any."""
        import socket

        reached = False
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for path, waits_for in self._database.read(_FIND_ONE, (agent,)):
                try:
                    sender.sendto(f"!{agent}".encode() if waits_for == EVERYBODY else NUDGE, path)
                except BlockingIOError:
                    pass  # its queue is full: it is woken already
                except OSError:
                    continue  # gone; the next send to this agent forgets it
                reached = True
        return reached

    def wait(self, agent: str, seconds: float, check: Callable[[], bool]) -> bool:
        """Bind, register, check, wait, in this order, so that no ring falls between.

        Whether `check` came true in time, or a nudge asked to look at the clock.

        The registration is kept for the next wait: making and removing it are durable commits, and a reader that was woken wants
        its message first.
        """
        receiver, ends = self._receiver(agent), time.monotonic() + seconds
        try:
            if _drain(receiver):
                return True
            while not check():
                left = ends - time.monotonic()
                if left <= 0:
                    return False
                if _rung(receiver, min(left, SWEEP_SECONDS)) == NUDGE:
                    return True
            return True
        finally:
            self._idle.setdefault(agent, []).append(receiver)

    def listener(self) -> Listener:
        """One who hears all rings."""
        return Listener(self._register(EVERYBODY))

    def dismiss(self, listener: Listener) -> None:
        """End one."""
        with self._database.write():
            self._forget(listener.receiver.getsockname())
        listener.receiver.close()

    def _receiver(self, agent: str) -> socket.socket:
        try:
            return self._idle.get(agent, []).pop()
        except IndexError:
            return self._register(agent)

    def _register(self, agent: str) -> socket.socket:
        import socket

        folder = private_directory(f"/tmp/sos-{os.geteuid()}")  # 0700 and checked to be ours; short on purpose
        path = f"{folder}/{os.getpid()}-{os.urandom(4).hex()}"
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        receiver.bind(path)
        with self._database.write():
            self._database.read(_ADD, (path, agent))
        return receiver

    def close(self) -> None:
        """Give up the registrations of this process."""
        receivers = [receiver for idle in self._idle.values() for receiver in idle]
        self._idle.clear()
        if receivers:
            with self._database.write():
                for receiver in receivers:
                    self._forget(receiver.getsockname())
        for receiver in receivers:
            receiver.close()


class Listener:
    """The port `Listener`."""

    def __init__(self, receiver: socket.socket) -> None:
        self.receiver = receiver

    def heard(self, seconds: float) -> set[str]:
        """See `ports.Listener.heard`."""
        found: set[str] = set()
        while len(found) < MAX_NAMES and (ring := _rung(self.receiver, 0.0 if found else seconds)):
            found.update(ring[1:].decode("ascii", "replace").split(" "))
        return found


def _rings(agents: set[str]) -> list[bytes]:
    names = sorted(agents)
    return [b"!" + " ".join(names[at : at + MAX_NAMES]).encode() for at in range(0, len(names), MAX_NAMES)]


def _rung(receiver: socket.socket, seconds: float) -> bytes:
    receiver.settimeout(max(seconds, 0.001))
    try:
        return receiver.recv(1 << 17)
    except TimeoutError:
        return b""


def _drain(receiver: socket.socket) -> bool:
    """Take what rang before: what it was about, the check that follows sees; a timer it does not. Whether there was a nudge."""
    receiver.setblocking(False)
    nudged = False
    try:
        while True:
            nudged |= receiver.recv(16) == NUDGE
    except BlockingIOError:
        return nudged
