"""Immutable values, at a hundredth of the start-up cost of dataclasses.

The hook and every command load the model. On Debian's Python 3.11 `import dataclasses` alone costs two bare interpreter
starts, and each frozen slotted dataclass about a millisecond more; this costs some microseconds. A record's fields are its
`__dict__`, set as a whole: with slots, one by one, making a record took twice as long (measured).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, Self, dataclass_transform

    @dataclass_transform(kw_only_default=True, frozen_default=True)
    class RecordType(type):
        """What the type checker sees: keyword-only, frozen fields."""

else:

    class RecordType(type):
        """Turns annotated names of a class body into fields, and their values into defaults."""

        def __new__(mcs, name, bases, space):
            fields = tuple(space.get("__annotations__", ()))
            defaults = {field: space.pop(field) for field in fields if field in space}
            made = super().__new__(mcs, name, bases, space)
            inherited = getattr(bases[0], "_fields", ()) if bases else ()
            made._fields = inherited + fields
            made._names = frozenset(made._fields)
            made._defaults = {**(getattr(bases[0], "_defaults", {}) if bases else {}), **defaults}
            return made


_set = object.__setattr__


class Record(metaclass=RecordType):
    """A value: fields by keyword, compared by content, never changed after it was made.

    Raises TypeError for a missing or an unknown field.
    """

    if TYPE_CHECKING:
        _fields: ClassVar[tuple[str, ...]]
        _names: ClassVar[frozenset[str]]
        _defaults: ClassVar[dict[str, Any]]
    else:

        def __init__(self, **values):
            if self._defaults:
                values = {**self._defaults, **values}
            if values.keys() != self._names:
                self._refuse(values)
            _set(self, "__dict__", values)

        def _refuse(self, values):
            for field in self._fields:
                if field not in values:
                    raise TypeError(f"{type(self).__name__} needs {field}")
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(values.keys() - self._names))}")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; use replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; {name} stays")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.fields().values())))

    def __repr__(self) -> str:
        inside = ", ".join(f"{field}={value!r}" for field, value in self.fields().items())
        return f"{type(self).__name__}({inside})"

    @classmethod
    def needed(cls) -> tuple[str, ...]:
        """The fields without a default."""
        return tuple(field for field in cls._fields if field not in cls._defaults)

    def fields(self) -> dict[str, Any]:
        """All fields by name, in the order of their declaration."""
        return {field: getattr(self, field) for field in self._fields}

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        values = {**self.__dict__, **changes}
        if len(values) != len(self._fields):
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(values.keys() - self._names))}")
        made = object.__new__(type(self))
        _set(made, "__dict__", values)
        return made
