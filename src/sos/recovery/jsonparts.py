"""What a reading of JSON is made of: the parts of a text, the edits that mend it, and the names of its keys."""

from __future__ import annotations

import json

from sos.model.record import Record
from sos.recovery.places import Places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    #: comment, trailing (comma): a dialect may allow them. fault: mended without loss. damage: something could not be read.
    #: close: a bracket or a member that is written where one is missing.
    Kind = Literal["comment", "trailing", "fault", "damage", "close"]

KINDS: frozenset[Kind] = frozenset(("comment", "trailing", "fault", "damage", "close"))


class Edit(Record):
    """One change of the text: what stands from `start` to `end` becomes `text`. `order` sorts edits of one place."""

    start: int
    end: int
    text: str
    kind: Kind
    order: float


class Part:
    """An object or array of the text: its value so far, and where another member of it would be written."""

    __slots__ = ("astray", "at", "colon", "comma", "count", "end", "finished", "indent", "key", "key_at", "last", "level", "mark",
                 "order", "parts", "row", "value")  # fmt: skip

    def __init__(self, at: int, opening: str) -> None:
        self.value: Any = {} if opening == "{" else []
        self.at = at
        #: Its parts that are objects or arrays, by key or index.
        self.parts: dict[str | int, Part] = {}
        self.finished = False
        #: Behind its last member (with the order of what is written there), and where that begins.
        self.end, self.order, self.last = at + 1, 0.0, -1
        self.count = 0
        #: A comma behind the last member, and a key whose value is still to come.
        self.comma = -1
        self.key: str | None = None
        self.key_at, self.colon = -1, False
        #: Where lines count: the line that it begins on, how deep that stands, and how deep its members do (-1: not known).
        self.row, self.indent, self.level = -1, -1, -1
        #: Whether its own beginning is lost, and which of the edits are inside of it.
        self.astray, self.mark = False, 0


class Astray(Record):
    """Members of an object whose name is lost: the path of what it stood in, as far as that is known, and what it says."""

    path: tuple[str, ...]
    value: dict[str, Any]
    #: Whether it may have stood anywhere else too: the beginning of its line is lost.
    anywhere: bool = False


class Read(Record):
    """What was read."""

    text: str
    root: Part | None
    edits: list[Edit]
    #: What is wrong, in the order of reading.
    places: Places
    #: Names of what had begun and is not complete.
    unsaved: list[str]
    #: Whether everything that there was is in the value.
    whole: bool
    #: Where something begins behind the document, or -1.
    rest: int
    #: What was complete under a key that stands again later, and is cut off there: documents with that key alone.
    shadowed: tuple[Any, ...]
    #: What was complete in an object whose beginning is lost.
    astray: tuple[Astray, ...] = ()

    def edited(self, allowed: frozenset[str] = frozenset(), more: tuple[Edit, ...] = ()) -> str:
        """The text with all edits done but those of the allowed kinds, and with more."""
        done: list[str] = []
        at = 0
        for edit in sorted((*self.edits, *more), key=lambda edit: (edit.start, edit.order)):
            if edit.start < at or edit.kind in allowed:
                continue  # it lies inside of what was taken out
            done += (self.text[at : edit.start], edit.text)
            at = edit.end
        return "".join(done) + self.text[at:]


def indent(text: str, at: int) -> str:
    """The space with which the line of a place begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def path_text(steps: list[str | int]) -> str:
    """A path into a document: `projects."/code/parser".allowedTools[2]`."""
    done = ""
    for step in steps:
        if isinstance(step, int):
            done += f"[{step}]"
        else:
            done += ("." if done else "") + (step if step.replace("_", "a").replace("-", "a").isalnum() else json.dumps(step))
    return done


def closing(part: Part) -> str:
    """The bracket that ends a part."""
    return "}" if isinstance(part.value, dict) else "]"
