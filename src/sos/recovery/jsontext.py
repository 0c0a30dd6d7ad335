"""Reads broken JSON: what of it is complete, what is wrong with it, and the smallest edits that make it parse.

Pure text in, values out. It never recurses and reads each character a bounded number of times, so neither 10^5 brackets nor
10 MB break it. What it does NOT do: guess a value. A string, number or word that is not whole is left out and named.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of one string, which typeshed does not name

from sos.recovery.jsonparts import Astray, Edit, Part, Read, closing, indent, path_text
from sos.recovery.jsontokens import NOISE, TOKEN, is_key, number, torn_string
from sos.recovery.places import Places, end_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.recovery.jsonparts import Kind

MAX_DEPTH = 100
"""Levels of nesting that are looked into. Real configs have less than 20; Python's own parser ends at some hundred."""
_SPACE = " \t\r\n"
_NEXT = re.compile(r"[ \t\r\n]*[^ \t\r\n\x00]")
_OPENS = re.compile(r'[ \t\x00]*[{\[][ \t]*["\r\n{}\[\]]')
_WORDS = {"true": True, "false": False, "null": None}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


class TooDeep(ValueError):
    """It is nested deeper than MAX_DEPTH."""


def read(text: str, places: Places | None = None) -> Read:
    """Read JSON that may be broken. Raises TooDeep."""
    reader = Reader(text, places or Places(text))
    reader.read()
    return reader.done()


class Reader:
    """One pass over the text, with the parts that are open in a list instead of on Python's own stack."""

    def __init__(self, text: str, places: Places) -> None:
        self.text = text
        self.places = places
        self.edits: list[Edit] = []
        self.unsaved: list[str] = []
        self.whole = True
        self.root: Part | None = None
        self.rest = -1
        self.shadowed: list[Any] = []
        self.astray: list[Astray] = []
        self.open: list[Part] = []
        #: Where the line comment ends that was read last: nothing may be written behind it on its line.
        self.commented = -1
        #: Where the document was closed.
        self.closed = -1
        #: Where a token begins that reaches to the end of the text.
        self.partial = -1
        #: Whether of two objects under one key the first says nothing, as in sound JSON.
        self.last_counts = True

    def done(self) -> Read:
        """What was read."""
        whole = self.whole and self.root is not None and self.root.finished
        return Read(text=self.text, root=self.root, edits=self.edits, places=self.places, unsaved=self.unsaved, whole=whole,
                    rest=self.rest, shadowed=tuple(self.shadowed), astray=tuple(self.astray))  # fmt: skip

    def begun(self, part: Part) -> None:
        """A part begins."""

    def read(self) -> None:
        """Read all of it."""
        at = len(self.text) - len(self.text.lstrip("\ufeff"))  # two where a program that writes one met another's
        if at:
            self.edit(0, at, "fault", "it begins with a byte order mark")
        noise = NOISE.match(self.text, at)
        if noise is not None and noise[0].strip():
            self.damage(at, noise.end(), f"{noise.end() - at} characters before the beginning")
            at = noise.end()
        stop = end_of(self.text)
        while at < stop:
            found = TOKEN.match(self.text, at, stop)
            assert found is not None, "the last pattern takes any character"
            kind, end = str(found.lastgroup), found.end()
            if kind == "string" and (stray := torn_string(self.text, at, end)):
                kind, end = "unfinished", stray
            if not self.token(kind, at, end, stop):
                break
            at = end
        if stop < len(self.text):
            self.places.add(stop, f"{len(self.text) - stop} NUL bytes at the end")
        if self.open:
            self.cut(stop)
        elif stop < len(self.text) and self.rest < 0:
            self.edit(stop, len(self.text), "fault")

    def token(self, kind: str, start: int, end: int, stop: int) -> bool:
        """Take one token; False where the reading ends before it."""
        if kind == "space":
            return True
        if kind == "comment":
            self.commented = end if self.text[start + 1] == "/" else self.commented
            self.edit(start, end, "comment", "a comment")
        elif self.root is not None and not self.open:
            return self.behind(kind, start, end)
        elif end == stop and kind in {"word", "unfinished", "other"}:
            self.partial = start  # nobody knows whether it goes on
            return False
        elif not self.open:
            return self.begin(kind, start)
        elif kind == "nul":
            self.damage(start, end, f"{end - start} NUL bytes")
        elif kind == "comma":
            self.comma(start)
        elif kind == "close":
            self.close(start)
        elif kind == "open" and is_key(self.text, end):
            self.damage(start, end, f"{self.text[start]} before a colon")
        elif isinstance(self.open[-1].value, dict):
            self.member(kind, start, end)
        else:
            self.element(kind, start, end)
        return True

    def begin(self, kind: str, start: int) -> bool:
        if kind != "open":
            # Which level it belongs to is not known, so nothing of it is: an inner object must not become the whole.
            self.damage(start, len(self.text), "it does not begin with { or [, so its beginning is lost")
            return False
        self.root = Part(start, self.text[start])
        self.begun(self.root)
        self.open.append(self.root)
        return True

    def behind(self, kind: str, start: int, end: int) -> bool:
        """A token behind the end of the document."""
        assert self.root is not None
        if kind == "comma" and isinstance(self.root.value, dict):
            # A bracket too many closed it: what follows are its members.
            self.damage(self.closed - 1, self.closed, f"{self.text[self.closed - 1]} closes the document too early")
            self.root.finished = False
            self.open.append(self.root)
            self.comma(start)
        elif kind in {"nul", "close"}:
            self.damage(start, end, f"{end - start} NUL bytes" if kind == "nul" else f"{self.text[start]} closes nothing")
        else:
            self.rest = start
            self.damage(start, len(self.text), "something follows the end of the document")
        return self.rest < 0

    def member(self, kind: str, start: int, end: int) -> None:
        """A token inside of an object."""
        part = self.open[-1]
        if part.key is None:
            key = self.string(start, end) if kind == "string" else None
            if key is None:
                self.refuse(kind, start, end)
            else:
                part.key, part.key_at, part.colon = key[0], start, False
        elif kind == "colon":
            if part.colon:
                self.damage(start, end, "a second colon")
            part.colon = True
        elif kind == "string" and (not part.colon or is_key(self.text, end)):
            self.drop(start, "has no value")
            self.member(kind, start, end)
        else:
            if kind in {"other", "nul"} and _OPENS.match(self.text, end):
                self.damage(start, end, f"{self.shown(start, end)} before the value of {self.name()}")
                return
            if not part.colon:
                self.edit(start, start, "fault", f"a colon is missing before {self.shown(start, end)}", text=": ")
                part.colon = True
            if not self.value(kind, start, end):
                self.places.add(start, f"{self.name()} has no readable value: {self.shown(start, end)}")
                self.drop(end)

    def element(self, kind: str, start: int, end: int) -> None:
        """A token inside of an array."""
        if kind == "string" and is_key(self.text, end) and isinstance(self.open[-2:][0].value, dict):
            self.missing(start)
            self.member(kind, start, end)
        elif kind == "word" and self.is_rest(start):
            self.damage(start, end, f"{self.shown(start, end)} behind what cannot be read")
        elif not self.value(kind, start, end):
            self.refuse(kind, start, end)

    def is_rest(self, start: int) -> bool:
        """Whether what stands directly before could not be read."""
        while self.text[start - 1] in _SPACE:
            start -= 1
        return bool(self.edits) and (self.edits[-1].kind, self.edits[-1].end) == ("damage", start)

    def refuse(self, kind: str, start: int, end: int) -> None:
        if kind == "open":  # a value without a key: it is read, so that its end is found, and left out
            self.descend(start)
        else:
            self.damage(start, end, f"{self.shown(start, end)} does not belong here")

    def value(self, kind: str, start: int, end: int) -> bool:
        """Take a value; False where it is none."""
        if kind == "open":
            self.descend(start)
        elif kind == "word":
            self.keep(self.word(start, end), start, end)
        elif kind == "string" and (found := self.string(start, end)) is not None:
            self.keep(found[0], start, end)
        else:
            return False
        return True

    def descend(self, start: int) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise TooDeep(f"it is nested deeper than {MAX_DEPTH} levels")
        part = Part(start, self.text[start])
        self.begun(part)
        self.open.append(part)

    def word(self, start: int, end: int) -> Any:
        text = self.text[start:end]
        if text in _WORDS:
            return _WORDS[text]
        return number(text)

    def string(self, start: int, end: int) -> tuple[str] | None:
        """The string of a token, mended where only its writing is wrong; None where it cannot be read."""
        try:
            return (scanstring(self.text, start + 1, True)[0],)
        except ValueError:
            mended = _ESCAPE.sub(_escaped, self.text[start:end])
            value = json.loads(mended, strict=False)
            self.edit(start, end, "fault", "a character or an escape in a string that JSON has not", text=json.dumps(value))
            return (value,)

    def keep(self, value: Any, start: int, end: int, order: float = 0.0, inner: Part | None = None) -> None:
        """A member of the innermost part is complete (or, at the end of the text, as complete as it gets)."""
        part = self.open[-1]
        begin = start
        place: str | int = len(part.value)
        if isinstance(part.value, dict):
            assert part.key is not None
            begin, place = part.key_at, part.key
            if inner is not None and place in part.value and not (inner.finished and self.last_counts):
                self.shadow(part.value[place])
            part.value[place] = value
            part.key = None
        else:
            part.value.append(value)
        part.parts.pop(place, None)
        if inner is not None:
            part.parts[place] = inner
        if part.count and part.comma < 0:
            self.edit(part.end, part.end, "fault", "a comma is missing", text=",", order=part.order + 0.1)
        part.comma, part.count = -1, part.count + 1
        part.last, part.end, part.order = begin, end, order

    def shadow(self, value: Any) -> None:
        for place in range(len(self.open) - 1, -1, -1):
            part = self.open[place]
            if part.key is None:
                return  # which element it would be is not known, or what it stands in is left out
            value = {part.key: value}
            if part.astray:
                self.stray(part, value, place - 1)
                return
        self.shadowed.append(value)

    def comma(self, start: int) -> None:
        part = self.open[-1]
        if part.key is not None:
            self.drop(start, "has no value")
        if not part.count or part.comma >= 0:
            self.edit(start, start + 1, "fault", "a comma too many")
        else:
            part.comma = start

    def close(self, start: int) -> None:
        kind: type = dict if self.text[start] == "}" else list
        wanted = next((depth for depth in range(len(self.open) - 1, -1, -1) if isinstance(self.open[depth].value, kind)), None)
        if wanted is None or (wanted == 0 < len(self.open) - 1 and _NEXT.match(self.text, start + 1)):
            # Rather one bracket of the wrong kind than the end of all.
            due = closing(self.open[-1])
            self.tidy(start)
            self.damage(start, start + 1, f"{self.text[start]} stands where {due} belongs", text=due)
            self.end(start + 1, 0.0)
            return
        for _ in self.open[:wanted:-1]:
            self.missing(start)
        self.tidy(start)
        self.end(start + 1, 0.0)

    def missing(self, at: int, pad: str = "", finished: bool = True) -> None:
        """The innermost part ends at a place without its bracket."""
        self.tidy(at)
        wanted = closing(self.open[-1])
        self.damage(at, at, f"{wanted} is missing before {self.text[at : at + 1]!a}", text=pad + wanted)
        self.end(at, self.edits[-1].order + 0.5, finished)

    def tidy(self, at: int) -> None:
        """What dangles in the innermost part before it is closed."""
        part = self.open[-1]
        if part.key is not None:
            self.drop(at, "has no value")
        if part.comma >= 0:
            self.edit(part.comma, part.comma + 1, "trailing", "a comma before the closing bracket")

    def end(self, at: int, order: float, finished: bool = True) -> None:
        """The innermost part ends, and is a member of the next; one without a key there is left out."""
        part = self.open.pop()
        part.finished = finished
        if not self.open:
            self.closed = at
            return
        outer = self.open[-1]
        if part.astray:
            del self.edits[part.mark :]  # they lie inside
            self.stray(part, part.value, len(self.open) - 1)
            self.damage(part.at, at, "the beginning of an object is lost")
        elif isinstance(outer.value, dict) and outer.key is None:
            self.damage(part.at, at, "a value without a key")
        else:
            self.keep(part.value, part.at, at, order, part)

    def stray(self, part: Part, value: dict[str, Any], place: int) -> None:
        """Keep beside what stands in a part whose beginning is lost, in the open part of this place."""
        path = tuple(str(each.key) for each in self.open[:place])
        self.astray.append(Astray(path=path, value=value, anywhere=part.level < 0))

    def drop(self, at: int, why: str = "") -> None:
        """Leave out the member whose key stands, up to `at`."""
        part = self.open[-1]
        name = self.name()
        self.damage(part.key_at, at, f"{name} {why}" if why else "")
        self.unsaved.append(name)
        part.key = None

    def cut(self, stop: int) -> None:
        """The text ends inside of parts: leave out what is not complete, and close what is."""
        self.whole = False
        self.places.add(stop, f"the text ends inside of {self.name() or 'the document'}")
        at = self.complete(stop)
        at = max(len(self.text[:at].rstrip(_SPACE)), self.open[-1].end)
        line = "\n" in self.text or self.commented >= at
        order = len(self.edits) + 1.0
        while self.open:
            part = self.open[-1]
            if part.comma >= 0:
                self.edit(part.comma, part.comma + 1, "close")
            order += 1
            pad = "\n" + indent(self.text, part.at) if line else ""
            self.edits.append(Edit(start=at, end=at, text=pad + closing(part), kind="close", order=order))
            self.open.pop()
            if self.open:
                self.keep(part.value, part.at, at, order + 0.5, part)
        self.edits.append(Edit(start=at, end=len(self.text), text="", kind="close", order=order + 1))

    def complete(self, stop: int) -> int:
        """Let go of what is open and holds nothing complete; where that begins."""
        at = self.partial if self.partial >= 0 else stop
        for depth in range(1, len(self.open)):
            outer = self.open[depth - 1]
            if isinstance(outer.value, dict) and outer.key is None:  # a value without a key
                at = self.open[depth].at
                del self.open[depth:]
                break
        while len(self.open) > 1 and not self.open[-1].count:
            at = self.open.pop().at
        part = self.open[-1]
        if part.key is not None:
            self.unsaved.append(self.name())
            at, part.key = part.key_at, None
        return at

    def name(self) -> str:
        """The path of what is being read."""
        steps = [part.key if isinstance(part.value, dict) else len(part.value) for part in self.open]
        return path_text([step for step in steps if step is not None])

    def shown(self, start: int, end: int) -> str:
        """What stands there, without what it says: it may be a secret."""
        return ascii(self.text[start]) if end - start == 1 else f"{end - start} characters"

    def damage(self, start: int, end: int, what: str, text: str = "") -> None:
        self.whole = False
        self.edit(start, end, "damage", what, text=text)

    def edit(self, start: int, end: int, kind: Kind, what: str = "", *, text: str = "", order: float = 0.0) -> None:
        self.edits.append(Edit(start=start, end=end, text=text, kind=kind, order=order or len(self.edits) + 1.0))
        if what:
            self.places.add(start, what, kind)


def _escaped(found: re.Match[str]) -> str:
    # `\U` of a path of Windows: the backslash was meant.
    return found[0] if found[1][0] in '"\\/bfnrt' or len(found[1]) == 5 else "\\\\" + found[1]
