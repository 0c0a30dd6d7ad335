"""Whether a store is still the one that an agent knew: a restore, or a loss, is told to it once."""

from __future__ import annotations

from sos.model.findings import Notice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis
    from sos.ports import Store

_RESTORED = (
    "The store was restored or replaced (its history is now {epoch}): messages since its backup may be lost; "
    "ask your peers to send again."
)
_BEHIND = (
    "The store was put back to an older state: {count} numbers that you had seen are gone, and so is what was sent since; "
    "ask your peers to send again."
)


def compare(store: Store, agent: str, epoch: str, seen: int, now: Millis) -> tuple[int, str]:
    """Notice a restore by its epoch, or by a newest number below what was `seen`. The newest number and the epoch as they are."""
    head, current = store.mail.head(), store.epoch
    if current != epoch:
        store.agents.notify(Notice(agent=agent, at=now, code="store_restored", text=_RESTORED.format(epoch=current[:8])))
    elif head < seen:
        text = _BEHIND.format(count=seen - head)
        store.agents.notify(Notice(agent=agent, at=now, code="store_behind", text=text))
    return head, current
