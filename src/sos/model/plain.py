"""Records as plain JSON values and back, by the types that their fields declare. Both ends of every wire use this.

A type is written as in an annotation: `str`, `int | None`, `list[Entry]`, `dict[str, tuple[Delivery, tuple[Fact, ...]]]`.
"""

from __future__ import annotations

from sos.model.agents import Agent, Body, Enrolment, Joining, Myself, Note, Peer
from sos.model.attention import Attention
from sos.model.deliveries import ARRIVALS, FACTS, VIEWS, Delivery, Entry, Fact, Story
from sos.model.errors import InvalidInput
from sos.model.findings import Answer, Finding, Notice
from sos.model.messages import ASSURANCES, KINDS, Draft, Message, Receipt
from sos.model.record import Record
from sos.model.skills import STATUSES, Skill
from sos.model.tasks import DEEDS, NewTask, Task, TaskChange
from sos.model.tasks import STATUSES as TASK_STATUSES
from sos.model.tasks import VIEWS as TASK_VIEWS
from sos.model.tokens import SERVICES, KnownToken, TokenRecord
from sos.model.turns import Look, Mark
from sos.model.work import Sending

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reader = Callable[[Any, str], Any]

RECORDS: dict[str, type[Record]] = {
    record.__name__: record
    for record in (
        Agent, Body, Note, Peer, Myself, Joining, Enrolment, Draft, Message, Receipt, Delivery, Fact, Entry, Story, Skill, Answer,
        Finding, KnownToken, TokenRecord, Attention, Notice, Look, Mark, NewTask, Task, TaskChange, Sending,
    )
}  # fmt: skip
"""What crosses a wire. No token in hand is among them."""
SCALARS: dict[str, type] = {
    **dict.fromkeys(("str", "Slug", "Address", "MessageId", "Role"), str),
    **dict.fromkeys(("int", "Millis"), int),
    "bool": bool,
}
CHOICES: dict[str, tuple[str, ...]] = {
    "View": VIEWS,
    "MessageKind": KINDS,
    "Assurance": ASSURANCES,
    "Durability": ("disk", "fsync≤1s", "memory"),
    "Told": ("within a second", "at the next command or hook"),
    "FactKind": FACTS,
    "Arrival": ARRIVALS,
    "Ending": ("expired", "dead"),
    "SkillStatus": STATUSES,
    "TaskStatus": TASK_STATUSES,
    "TaskView": TASK_VIEWS,
    "TaskDeed": DEEDS,
    "Service": tuple(SERVICES),
    "Status": ("open", "closed"),
    "Presence": ("working", "idle", "closed", "unknown", "stale", "gone"),
    "Severity": ("note", "warning", "critical"),
    "Bodies": ("fenced", "headers"),
    "Wakers": ("peers", "requests", "operator", "nobody"),
}
MAX_SHOWN = 60
LARGEST = 2**53 - 1
"""Of whole numbers: the largest that every reader of JSON takes for itself (RFC 8259)."""


def plain(value: object) -> Any:
    """A value as JSON has it: records as objects, tuples as arrays, bytes in hexadecimal."""
    if isinstance(value, Record):
        return {field: plain(each) for field, each in value.fields().items()}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.hex() if isinstance(value, bytes) else value


def made(kind: str, value: Any, place: str = "value") -> Any:
    """The value of a type from plain JSON. What a newer side added to a record is passed over. Raises InvalidInput."""
    return _reader(kind)(value, place)


def fields_of(record: type[Record]) -> dict[str, str]:
    """The fields of a record with their types as written."""
    found: dict[str, str] = {}
    for each in reversed(record.__mro__):
        found |= {field: str(kind) for field, kind in vars(each).get("__annotations__", {}).items() if field in record._fields}
    return found


def split(kind: str, separator: str) -> list[str]:
    """A type's parts at the separators that stand in no brackets."""
    parts, depth, begun = [], 0, 0
    for place, letter in enumerate(kind):
        depth += (letter == "[") - (letter == "]")
        if depth == 0 and kind.startswith(separator, place):
            parts.append(kind[begun:place])
            begun = place + len(separator)
    return [*parts, kind[begun:]]


_READERS: dict[str, Reader] = {}
"""By type: as many as our records and operations name."""


def _reader(kind: str) -> Reader:
    found = _READERS.get(kind)
    if found is None:
        found = _READERS[kind] = _made_reader(kind)
    return found


def _made_reader(kind: str) -> Reader:
    either = split(kind, " | ")
    if len(either) == 2 and either[1] == "None":
        inner = _reader(either[0])
        return lambda value, place: None if value is None else inner(value, place)
    name, _, rest = kind.partition("[")
    if rest:
        return _of_several(name, split(rest.removesuffix("]"), ", "))
    if kind in RECORDS:
        return _record(RECORDS[kind])
    if kind in CHOICES:
        return _choice(CHOICES[kind])
    if kind == "bytes":
        return _bytes
    if kind in {"Any", "None"}:
        return lambda value, _: value
    if kind == "float":
        return _number
    return {str: _text, int: _whole, bool: _flag}[SCALARS[kind]]


def _of_several(name: str, parts: list[str]) -> Reader:
    if name == "Literal":
        return _choice(tuple(part[1:-1] for part in parts))
    if name == "dict":
        inner = _reader(parts[1])
        return lambda value, place: {
            _text(key, place): inner(each, f"{place}.{key[:MAX_SHOWN]}") for key, each in _object(value, place).items()
        }
    if name == "tuple" and parts[-1] != "...":
        readers = [_reader(part) for part in parts]
        return lambda value, place: _pair(readers, value, place)
    inner, whole = _reader(parts[0]), tuple if name == "tuple" else list
    return lambda value, place: whole(inner(each, f"{place}[{number}]") for number, each in enumerate(_list(value, place)))


def _pair(readers: list[Reader], value: Any, place: str) -> tuple[Any, ...]:
    found = _list(value, place)
    if len(found) != len(readers):
        raise InvalidInput(f"{place} is an array of {len(readers)}")
    return tuple(read(each, f"{place}[{number}]") for number, (read, each) in enumerate(zip(readers, found, strict=True)))


def _record(record: type[Record]) -> Reader:
    readers: dict[str, Reader] = {}  # made when first used: records may hold each other

    def read(value: Any, place: str) -> Record:
        if not readers:
            readers.update({field: _reader(kind) for field, kind in fields_of(record).items()})
        given = _object(value, place)
        found = {field: read(given[field], f"{place}.{field}") for field, read in readers.items() if field in given}
        try:
            return record(**found)
        except TypeError as error:
            raise InvalidInput(f"{place}: {error}") from error

    return read


def _choice(allowed: tuple[str, ...]) -> Reader:
    def read(value: Any, place: str) -> str:
        if value not in allowed:
            raise InvalidInput(f"{place} is one of {', '.join(allowed)}; not {str(value)[:MAX_SHOWN]!a}")
        return str(value)

    return read


def _text(value: Any, place: str) -> str:
    if type(value) is not str:
        raise InvalidInput(f"{place} is a string; not {str(value)[:MAX_SHOWN]!a}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{place} holds half of a character at {error.start}") from error
    return value


def _whole(value: Any, place: str) -> int:
    if type(value) is not int or abs(value) > LARGEST:
        raise InvalidInput(f"{place} is a whole number of at most {LARGEST:,}; not {str(value)[:MAX_SHOWN]!a}")
    return value


def _flag(value: Any, place: str) -> bool:
    if type(value) is not bool:
        raise InvalidInput(f"{place} is true or false; not {str(value)[:MAX_SHOWN]!a}")
    return value


def _number(value: Any, place: str) -> float:
    if type(value) not in (int, float) or abs(value) > LARGEST:
        raise InvalidInput(f"{place} is a number; not {str(value)[:MAX_SHOWN]!a}")
    return float(value)


def _bytes(value: Any, place: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except (TypeError, ValueError):
        raise InvalidInput(f"{place} is in hexadecimal; not {str(value)[:MAX_SHOWN]!a}") from None


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{place} is an object; not {str(value)[:MAX_SHOWN]!a}")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise InvalidInput(f"{place} is an array; not {str(value)[:MAX_SHOWN]!a}")
    return value
