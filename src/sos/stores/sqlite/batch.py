"""What one transaction of the mailbox has looked up, and whom it rings at its end."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sos.stores.sqlite.ring import Ring


class Batch:
    """Used inside a transaction: `with database.write(), Batch(ring) as batch`. Knows nothing once that is over."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._rung: set[str] = set()
        #: Key and live deliveries of an agent, while nothing but posting has changed them.
        self.recipients: dict[str, tuple[int, int]] = {}
        self.addresses: dict[str, int] = {}

    def ring(self, agent: str) -> None:
        """There is something for this agent: its quiet file goes at once, its waiting readers wake after the commit."""
        if agent not in self._rung:
            self._ring.unquiet(agent)
            self._rung.add(agent)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._ring.wake_after_commit(self._rung)
