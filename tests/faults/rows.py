"""The rows of the evidence page: what one trial of each is, what its check would have seen, and whether it counts as a fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Zero = Literal["lost", "effect", "stale", "changed"]
ZEROES: dict[Zero, str] = {
    "lost": "acknowledged messages lost, or acks undone",
    "effect": "messages with more or less than one effect",
    "stale": "acks of lost leases accepted, of those that were tried",
    "changed": "messages silently changed, doubled or not listed",
}
"""What must never happen: the promise, in four counts. The late acks are counted one by one: not every trial comes to one."""

LOST: frozenset[Zero] = frozenset({"lost", "changed"})
ALL: frozenset[Zero] = frozenset(ZEROES)
CHANGED: frozenset[Zero] = frozenset({"changed"})
NONE: frozenset[Zero] = frozenset()


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of trial: one sentence that says what a trial is, and the zeroes that each trial checks whole.

    A trial that checks "stale" tries the acks of all leases that were lost in it. `fault`: something was broken in each trial. Rows without it (plain load) stand apart and in no sum.
    """

    trial: str
    zeroes: frozenset[Zero]
    fault: bool = True


# One line for each, so that a search for a row shows all of it.
# ruff: noqa: E501
# fmt: off
ROWS: dict[str, Row] = {
    "power cuts of the store": Row("After a moment of a recorded process with two writers, a reader and a handler the disk is rebuilt with what was not synced kept, dropped or torn by sector; the judge reads all of it, then a lost lease's ack is tried.", ALL),
    "power cuts of everything: store, homes, hook, plugin": Row("After a moment of 41 recorded commands and hooks the whole disk is rebuilt so; joins are finished, every receipt is looked up, and the next session must be told of its mail.", LOST),
    "kill -9 of writers, a reader, a handler": Row("One of four processes at work on one store is killed at a random moment; the rest is drained and judged after at most 40.", ALL),
    "a handler stopped past its lease": Row("A handler is stopped until its lease has lapsed and another has done the work; then it goes on and acknowledges.", ALL),
    "clock steps inside a lease": Row("The clock jumps by a second to ten years, either way, while a lease is held; whoever lost it acknowledges.", ALL),
    "the same message sent again": Row("A sender is killed before it knows, and two send the same id again at once; then another text under that id.", ALL),
    "files cut or changed, on copies": Row("The database or its log is cut or one bit of it changed, on a copy: refused, or set aside, or a beginning without a gap.", CHANGED),
    "kill -9 of a command that sends in a loop": Row("A process that sends without end is killed at a random moment; what it printed is in the inbox, once.", LOST),
    "kill -9 of a join": Row("`sos join` is killed at a moment; the next join finishes it.", NONE),
    "kill -9 of a token's rotation": Row("`sos token rotate` is killed at a moment; the token in the home works.", NONE),
    "kill -9 of the installed hook": Row("The hook as it is installed is killed at a random moment; no message is marked and not shown.", LOST),
    "kill -9 after a single change of a file": Row("A command is killed right after its n-th change of a file, for each n; it is whole or not begun.", LOST),
    "kill -9 of a command at a random moment": Row("A command is killed at a random moment before its end; it is whole or not begun.", LOST),
    "kill -9 at a system call": Row("A command is killed by strace at one of its system calls on our files; it is whole or not begun.", LOST),
    "an error of a system call": Row("One system call of a command on our files fails with EIO, ENOSPC, EROFS, EINTR or EMFILE; a named error or a receipt that holds.", LOST),
    "a failed sync, then the send again": Row("The sync that a receipt rests on fails; the message is written again before the next receipt.", LOST),
    "kill -9 at a change, in one step of the store": Row("A send, a showing, a lease with its ack, or an answer is killed at its n-th change of a file; another process goes on, and the judge reads all.", ALL),
    "a full or failing disk, in one step of the store": Row("From its n-th change of a file on, a step of the store is told ENOSPC or EIO, once or until its end; then the disk is well, the step is made again, and the judge reads all.", ALL),
    "a reply of Redis that is lost, cut short or never comes": Row("The answer to one step of the Redis store is lost, cut at a byte, reset, garbled or held back; the step is made again, and the judge and a check of every index read all.", ALL),
    "a handler killed by its message": Row("A message kills the process that handles it; after five starts it is a dead letter, and what stands behind it was handled.", LOST),
    "one bit changed in a message": Row("One bit of a stored text is changed: that message is set aside, and all others are listed.", CHANGED),
    "one bit changed anywhere in the database": Row("One bit of the database file is changed: no text is listed that nobody sent.", NONE),
    "the database cut to a length": Row("The database file is cut: refused by name, or (in its last page, see SQLITE-015) nothing wrong is listed.", NONE),
    "the log cut or a bit of it changed": Row("The log is cut or one bit of it changed: what is listed is a beginning without a gap, as after a power cut.", NONE),
    "steps on a disk at its limit (inodes)": Row("A command on a disk without free inodes: named errors, and nothing lost when there is room again.", LOST),
    "steps on a disk at its limit (readonly)": Row("A command on a disk that is read-only: named errors, and nothing lost when it is not.", LOST),
    "commands and hooks without file descriptors": Row("A command or hook that may open 5 to 12 files: a named error or its work.", NONE),
    "two bodies at one inbox": Row("Two handlers lease from one inbox at the same time: no message goes to both.", ALL, fault=False),
    "messages of a flood, beside the operator's": Row("One of some thousand messages of a hundred senders, until they are refused.", LOST, fault=False),
}
# fmt: on
