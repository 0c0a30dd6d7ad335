"""JSON without the price of `import json`: the C scanner and encoder, held to strict rules.

`json` imports `re` (about 8 ms on a cold Python 3.11); the hook has 25 ms in all. The same C code does the work here.
Duplicate keys, NaN and infinities are refused: they are how two readers of one document come to disagree.
"""

from __future__ import annotations

import _json

from sos.model.errors import UnreadableJson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_DEPTH = 32


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{digits[:40]} is too large for a number")
    return value


class _Context:
    """What `_json.make_scanner` asks of a decoder."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(_pairs)
    parse_float = staticmethod(_finite)
    parse_int = int
    parse_constant = staticmethod(_no_constant)
    memo: dict[str, str] = {}  # the scanner clears it after each document


_scan = _json.make_scanner(_Context())  # type: ignore[arg-type]  # typeshed wants json.JSONDecoder; the C code wants its attributes
_SPACE = " \t\r\n"


def loads(text: str | bytes) -> Any:
    """Parse one strict JSON document. Raises UnreadableJson for anything else, with the place."""
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableJson(f"not UTF-8 at byte {error.start}") from error
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration as error:
        raise UnreadableJson(f"no JSON value at character {error.value}") from None
    except (ValueError, RecursionError) as error:
        raise UnreadableJson(str(error) or "nested too deeply") from error
    except SystemError as error:
        # The C code raises json.JSONDecodeError, and where nobody imported `json` it fails to say even that.
        raise UnreadableJson("cut off or not JSON") from error
    if text[end:].strip(_SPACE):
        raise UnreadableJson(f"something follows the document at character {end}")
    return value


def dumps(value: object, *, indent: int | None = None) -> str:
    """Write JSON in ASCII. Keys must be strings; raises TypeError for a value that JSON has no form for."""
    return _dump(value, indent, 0)


def _dump(value: object, indent: int | None, depth: int) -> str:
    if isinstance(value, str):
        return _json.encode_basestring_ascii(value)
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError("NaN and infinities have no form in JSON")
        return repr(value)
    if depth > MAX_DEPTH:
        raise TypeError(f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        parts = [f"{_json.encode_basestring_ascii(key)}: {_dump(item, indent, depth + 1)}" for key, item in value.items()]
        return _wrap("{", parts, "}", indent, depth)
    if isinstance(value, (list, tuple)):
        return _wrap("[", [_dump(item, indent, depth + 1) for item in value], "]", indent, depth)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _wrap(opening: str, parts: list[str], closing: str, indent: int | None, depth: int) -> str:
    if not parts or indent is None:
        return opening + ", ".join(parts) + closing
    pad = "\n" + " " * indent * (depth + 1)
    return opening + pad + ("," + pad).join(parts) + "\n" + " " * indent * depth + closing
