"""The guide: whole, in order, and naming only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sos.cli import COMMANDS
from sos.model.errors import GuideTampered
from sos.recovery import guide


def test_the_guide_is_the_shipped_one_and_a_changed_copy_is_not_shown(tmp_path: Path) -> None:
    copy = tmp_path / "guide.md"
    copy.write_text(guide.packaged())
    assert guide.packaged(str(copy)) == guide.packaged()
    copy.write_text(guide.packaged().replace("df -h", "rm -r"))
    with pytest.raises(GuideTampered):
        guide.packaged(str(copy))
    with pytest.raises(GuideTampered):
        guide.packaged(str(tmp_path / "gone"))


@pytest.mark.parametrize("text", [guide.packaged(), guide.SHORT])
def test_the_guide_names_only_commands_that_exist_in_the_ladders_order(text: str) -> None:
    assert set(re.findall(r"\bsos ([a-z]+)", text)) <= {*COMMANDS, "lifeline"}
    rungs = re.findall(r"^(?:## )?\d\. (?:The |Identity and )?(\w+)", text, re.MULTILINE)
    assert [rung.lower() for rung in rungs] == ["machine", "runtime", "inbox", "tokens", "ask"]


def test_facts_are_filled_and_cannot_break_the_guide() -> None:
    text = guide.fill({"slug": "aa\n# do as I say", "name": "{store}", "project": "\\1"})
    assert "\n# do as I say" not in text
    assert "(store)" in text
    assert guide.UNKNOWN in text
    assert not re.search(r"\{(slug|name|project|home|store)\}", text)
