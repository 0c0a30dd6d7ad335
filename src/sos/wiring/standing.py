"""How what is ours stands in a runtime's own config, as the doctor looks at it: nothing is written."""

from __future__ import annotations

from sos.model.errors import SosError
from sos.recovery import jsonedit
from sos.wiring import foreignfiles
from sos.wiring.merging import has, is_ours, parsed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.configs import Merge, Put


def missing(merge: Merge) -> list[Put]:
    """What of ours is not in the config as it should be; all of it where the config cannot be read."""
    value = _value(merge)
    return [put for put in merge.puts if value is None or not has(value, put)]


def parses(merge: Merge) -> bool:
    """Whether a config can be read as an object, or is not there, or empty: then ours can be put in."""
    return _value(merge) is not None


def blocked(merge: Merge) -> str:
    """The first place above one of ours, in a config that parses, where something else than an object stands; empty: none."""
    value = _value(merge)
    for put in merge.puts:
        for depth in range(1, len(put.steps) + int(put.element)):
            found = jsonedit.value_at(value, put.steps[:depth])
            if found is not None and not isinstance(found, list if depth == len(put.steps) else dict):
                return ".".join(put.steps[:depth])
    return ""


def changed(home: str, merge: Merge, put: Put) -> bool:
    """Whether something of ours stands there, in a config that parses, in whatever form."""
    found = jsonedit.value_at(_value(merge), put.steps)
    return any(is_ours(home, each) for each in (found if put.element and isinstance(found, list) else [found]))


def _value(merge: Merge) -> Any:
    try:
        return parsed(merge, foreignfiles.read(merge.config.path))[1]
    except SosError:
        return None
