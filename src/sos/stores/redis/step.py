"""One step: what was read and must still be so, what changes, what is posted. Written by one script, or not at all.

The rules are Python and stand once, in model/transitions.py. So a step reads, decides, and writes on the condition that what it
read has not changed; if it has, it is done again. Posting alone reads nothing first.
"""

from __future__ import annotations

import os
import random
import threading
import time

from sos.model import transitions
from sos.model.errors import StoreUnreachable
from sos.model.events import event
from sos.stores.redis import keys, rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from sos.model.deliveries import Entry, Fact
    from sos.model.parcels import Parcel
    from sos.model.times import Millis
    from sos.model.transitions import Action
    from sos.stores.redis.posting import Post
    from sos.stores.redis.server import Server

    T = TypeVar("T")

CONFLICTS = 200
"""Times that a step is done again because others were faster; each time one of them got on."""


class Loaded:
    """A delivery that a step has read, and what the step makes of it."""

    __slots__ = ("before", "box", "entry", "facts", "raw", "retime")

    def __init__(self, row: list[Any]) -> None:
        self.entry: Entry = rows.entry_of(row)
        self.before = self.entry.delivery
        self.box = keys.Box(row[1].decode())
        self.raw: bytes = row[3]
        self.facts: list[Fact] = []
        #: Its timer is set to the truth, also where nothing else changes.
        self.retime = False


class Step:
    """What one script will check and write."""

    def __init__(self, server: Server, post: Callable[..., Post]) -> None:
        self._server = server
        self._post = post
        self._checks: dict[tuple[str, str], bytes | None] = {}
        self._operations: list[tuple[str | bytes, ...]] = []
        self._loaded: dict[tuple[str, int], Loaded] = {}
        self.posts: list[Post] = []
        self._quiet: tuple[str, int] = ("", 0)
        self.is_quiet = True
        #: Refusals of single posts are told to their futures instead of ending the step.
        self.each = False
        #: What an import (streams.py) has looked up.
        self.index: Any = None

    # --- reading --------------------------------------------------------------------------------------------------------

    def get(self, *places: tuple[str, str], checked: bool = True) -> list[bytes | None]:
        """Fields of hashes by (key, field). `checked`: they must not have changed when the step is written."""
        found = self._server.read(*(("HGET", *place) for place in places))
        if checked:
            self._checks.update(zip(places, found, strict=True))
        return found

    def expect(self, key: str, field: str, value: bytes | None) -> None:
        """A field that a script has read must not have changed."""
        self._checks[key, field] = value

    def load(self, row: list[Any]) -> Loaded:
        """A row of a script; the same one as before where this step has read it already."""
        loaded = Loaded(row)
        return self._loaded.setdefault((loaded.box, loaded.entry.message.seq), loaded)

    # --- writing --------------------------------------------------------------------------------------------------------

    def write(self, *words: str | int | bytes) -> None:
        """A command of the step."""
        # Numbers as they are written: in the script they are doubles, and lose their last digits when they become text again.
        self._operations.append(tuple(str(word) if isinstance(word, int) else word for word in words))

    def beside(self, now: Millis, command: str, stream: str, word: str = "") -> None:
        """XDEL or CLEAR of a stream that others write too: in this step, or after it where the stream may be out of its reach."""
        if self._server.is_cluster:
            self.write("ZADD", keys.OWED, now, f"{command} {word} {stream}")
        else:
            self.write(command, stream, *([word] if word else []))

    def change(self, loaded: Loaded, action: Action) -> Entry:
        """Apply an action to a delivery, and tell its sender what it must know."""
        message, before = loaded.entry.message, loaded.entry.delivery
        outcome = transitions.apply(message, before, action)
        loaded.entry = loaded.entry.replace(delivery=outcome.delivery)
        loaded.facts += outcome.facts
        if outcome.event is not None:
            told = event(outcome.event, message, before.recipient, outcome.delivery.reason, action.at)
            if told is not None:
                self.tell(told)
        if isinstance(action, (transitions.Requeue, transitions.Lapse)):
            self.ring(before.recipient)
        return loaded.entry

    def tell(self, parcel: Parcel) -> None:
        """Post to an agent, unless it has left."""
        self.posts.append(self._post(parcel, optional=True))

    def ring(self, agent: str) -> None:
        """Wake whoever waits for this agent's mail."""
        self.write("PUBLISH", keys.channel(self._server.epoch, agent), "!")

    def ask_quiet(self, place: str, offered: int) -> None:
        """Have the script say at its end whether anything above this number is unread."""
        self._quiet = (place, offered)

    def _save(self, loaded: Loaded) -> None:
        """Write what became of a delivery, on the condition that it is still what was read."""
        message, number = loaded.entry.message, str(loaded.entry.message.seq)
        if loaded.entry.delivery == loaded.before and not loaded.retime:
            return
        key = keys.part(loaded.box, "DELIVERIES")
        self.expect(key, number, loaded.raw)
        head = loaded.raw[: loaded.raw.index(b"\n") + 1]
        self.write("HSET", key, number, head + rows.delivery_value(loaded.entry.delivery).encode())
        before = rows.places(loaded.box, message, loaded.before)
        after = rows.places(loaded.box, message, loaded.entry.delivery)
        gone = before.keys() - after.keys()
        if loaded.retime:
            gone |= {(keys.TIMERS, rows.timer_member(message.seq, loaded.box))} - after.keys()
        for index, member in sorted(gone):
            self.write("ZREM", index, member)
        for (index, member), score in after.items():
            if loaded.retime or before.get((index, member)) != score:
                self.write("ZADD", index, score, member)
        if loaded.facts:
            facts = "\n".join(rows.fact_value(message, fact) for fact in loaded.facts)
            self.write("ADDLINE", keys.part(loaded.box, "FACTS"), number, facts)

    def words(self) -> list[str]:
        """All of it, as the script reads it. Empty where there is nothing to write."""
        for loaded in self._loaded.values():
            self._save(loaded)
        if not (self._operations or self.posts or self._quiet[0]):
            return []
        # What only posts needs no mark of its own to be known again: a message has its id.
        nonce = os.urandom(12).hex() if self._operations else ""
        checks = [(key, field, "-" if value is None else b"=" + value) for (key, field), value in self._checks.items()]
        posts = [post.words() for post in self.posts]
        mode = "each" if self.each else "all"
        document = rows.dumps([nonce, mode, checks, self._operations, posts, self._quiet, self._server.is_cluster])
        # Texts stand beside it: inside, they would be quoted here and taken apart there, letter by letter.
        return [document, *(text for post in self.posts for text in post.texts())]

    def settle(self, reply: bytes, *, unsure: bool) -> bool:
        """Take the script's reply. False where something that was read has changed. Raises what a post was refused for.

        `unsure`: an earlier attempt may have been executed, and its reply was lost.
        """
        result = rows.loads(reply)
        if result == "conflict":
            return False
        if "refused" in result:
            place = result["refused"] - 1
            raise self.posts[place].refusal(result["outcomes"][place])
        for post, outcome in zip(self.posts, result["outcomes"] or (), strict=True):
            post.settle(outcome, self.posts, unsure=unsure)
        self.is_quiet = result["quiet"]
        return True

    def commit(self, *, unsure: bool = False) -> bool:
        """Write all of it, and `settle`."""
        words = self.words()
        if not words:
            return True
        reply, again = self._server.tried_script("step", words)
        return self.settle(reply, unsure=unsure or again)


class Steps:
    """Runs steps: one at a time in each thread, what is called inside one is part of it."""

    def __init__(self, server: Server, post: Callable[..., Post]) -> None:
        self._server = server
        self._post = post
        self._local = threading.local()

    @property
    def current(self) -> Step | None:
        """The step that this thread is in."""
        return getattr(self._local, "step", None)

    def new(self, *, each: bool) -> Step:
        """A step that the caller writes by itself."""
        step = Step(self._server, self._post)
        step.each = each
        return step

    def run(self, work: Callable[[Step], T]) -> T:
        """Do a step, again where others were faster. Raises StoreUnreachable where they always are."""
        if self.current is not None:
            return work(self.current)
        with self._server.call():
            return self._until_written(work)

    def _until_written(self, work: Callable[[Step], T]) -> T:
        ends = time.monotonic() + self._server.call_seconds
        for tried in range(CONFLICTS):
            self._local.step = step = Step(self._server, self._post)
            try:
                result = work(step)
            finally:
                self._local.step = None
            if step.commit():
                return result
            if time.monotonic() > ends:
                break
            time.sleep(random.random() * 0.001 * min(tried, 20))  # so that two do not meet again
        raise StoreUnreachable("others were faster each time, for as long as this call may take; nothing was changed")
