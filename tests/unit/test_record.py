"""Records: immutable values by keyword."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.record import Record


class Point(Record):
    x: int
    y: int = 0
    tags: tuple[str, ...] = ()

    @property
    def sum(self) -> int:
        return self.x + self.y


class Point3(Point):
    z: int


class Other(Record):
    x: int
    y: int = 0
    tags: tuple[str, ...] = ()


def test_fields_come_by_keyword_and_defaults_fill_the_rest() -> None:
    assert Point(x=1).fields() == {"x": 1, "y": 0, "tags": ()}
    assert Point3(x=1, z=3).fields() == {"x": 1, "y": 0, "tags": (), "z": 3}
    assert Point(y=2, x=1).sum == 3
    assert repr(Point3(z=1, x=2)) == "Point3(x=2, y=0, tags=(), z=1)"


@pytest.mark.parametrize("values", [{}, {"y": 1}, {"x": 1, "q": 2}, {"x": 1, "_fields": ()}])
def test_a_missing_or_an_unknown_field_is_a_type_error(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Point(**values)
    with pytest.raises(TypeError):
        Point(x=1).replace(q=2)
    with pytest.raises(TypeError):
        Point(1)  # type: ignore[call-arg]  # the mistake under test


def test_nothing_changes_a_record() -> None:
    made: Any = Point(x=1)
    for name in ("x", "y", "q", "__dict__"):
        with pytest.raises(AttributeError):
            setattr(made, name, 2)
        with pytest.raises(AttributeError):
            delattr(made, name)
    assert made == Point(x=1)


@given(st.integers(), st.integers(), st.integers())
def test_records_compare_and_hash_by_class_and_content(x: int, y: int, z: int) -> None:
    made = Point(x=x, y=y)
    assert made == Point(x=x, y=y)
    assert hash(made) == hash(Point(x=x, y=y))
    assert (made == Point(x=x, y=z)) == (y == z)
    assert made != Other(x=x, y=y)
    assert made != Point3(x=x, y=y, z=z)
    assert made != made.fields()
    assert made.replace(y=z).replace(y=y) == made
    assert made.replace() is not made


def test_a_default_of_a_subclass_stays_in_the_subclass() -> None:
    class Shifted(Point):
        z: int = 9

    assert Shifted(x=1).z == 9
    assert "z" not in Point(x=1).fields()
    with pytest.raises(TypeError):
        Point3(x=1)  # type: ignore[call-arg]  # the mistake under test
