"""What one transaction of the mailbox has looked up, and whom it rings at its end."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sos.stores.sqlite.database import Database
    from sos.stores.sqlite.ring import Ring

MOST = 10_000
"""Agents that are remembered between two transactions."""


class Known:
    """What the last transaction had looked up: still true for the next one where nobody wrote in between.

    Counting a deep inbox costs a millisecond; a process that sends many messages counts once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = 0
        self._state: tuple[int, int] | None = None
        #: Key and live deliveries of an agent.
        self.recipients: dict[str, tuple[int, int]] = {}
        #: Key of an address, and the agent that it names.
        self.addresses: dict[str, tuple[int, str]] = {}
        #: Agents for whom nobody waits.
        self.unheard: set[str] = set()

    def begin(self) -> None:
        """Inside a transaction: forget all of it if anything was committed since, by others or by us."""
        # Changes with each commit of another connection, and with none of ours (https://sqlite.org/pragma.html#pragma_data_version).
        self._version = int(self._database.read("PRAGMA data_version")[0][0])
        if (self._database.commits, self._version) != self._state or len(self.recipients) > MOST:
            self.recipients.clear()
            self.addresses.clear()
            self.unheard.clear()
        self._state = None  # a transaction that fails leaves nothing behind

    def at_commit(self) -> None:
        """What is known now holds from the commit of this transaction on."""
        self._database.once_committed(self._keep)

    def _keep(self) -> None:
        self._state = (self._database.commits, self._version)


class Batch:
    """Used inside a transaction: `with database.write(), Batch(known, ring) as batch`."""

    def __init__(self, known: Known, ring: Ring) -> None:
        self._known = known
        self._ring = ring
        self._rung: set[str] = set()
        self.recipients = known.recipients
        self.addresses = known.addresses

    def ring(self, agent: str) -> None:
        """There is something for this agent: its quiet file goes at once, its waiting readers wake after the commit."""
        if agent not in self._rung:
            self._ring.unquiet(agent)
            self._rung.add(agent)

    def forget(self) -> None:
        """A part of the transaction was undone: what was looked up meanwhile holds no more. A needless ring does no harm."""
        self.recipients.clear()
        self.addresses.clear()

    def __enter__(self) -> Self:
        self._known.begin()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            if not self._rung <= self._known.unheard and not self._ring.wake_after_commit(self._rung):
                self._known.unheard |= self._rung
            self._known.at_commit()
