"""The page of the runtimes says what the shipped table says, and the table keeps what it was given, within its bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts import conformance
from sos.runtimes import HOOKED, versions
from sos.runtimes.connector import connector_of
from sos.runtimes.speech import speech_of

DOCUMENTED = ("cursor",)
"""Connected as its documentation says, and not run: it needs an account."""


def row(name: str, version: str, date: str = "2026-01-01") -> dict[str, Any]:
    lands = {"role": "user", "before": "<tag a|b>", "behind": "</tag>"}
    moment = {"event": "Start", "moment": "Stop", "fires": True, "reply": "{}", "lands": lands, "whole": [200, 9000]}
    wake = {"how": "not at all", "wakes": False, "lands": None}
    return {
        "name": name, "title": name, "version": version, "date": date, "ran": "a turn", "moments": [moment], "wake": wake,
    }  # fmt: skip


@pytest.mark.promise("CONNECT-014")
def test_page_and_shipped_table_say_the_same() -> None:
    rows = versions.table()
    assert conformance.PAGE.read_text(encoding="utf-8") == conformance.page(rows)
    assert Path(versions.TABLE).read_text(encoding="utf-8") == conformance.table(rows)


@pytest.mark.promise("CONNECT-014")
@pytest.mark.parametrize("name", [name for name in HOOKED if name not in DOCUMENTED])
def test_each_runtime_whose_hooks_we_serve_has_a_row_and_what_we_say_there_lands(name: str) -> None:
    newest = next(row for row in versions.table() if row["name"] == name)
    assert newest["title"] == connector_of(name).TITLE
    speech = speech_of(name)
    for moment in newest["moments"]:
        assert speech.MOMENTS[moment["event"]] == moment["moment"]
        assert moment["fires"]
        if moment["moment"] in speech.SPEAKING and (name, moment["moment"]) != ("opencode", "Stop"):  # its run ends before
            assert moment["lands"] is not None
            assert max(moment["whole"]) >= speech.BUDGET


def test_a_row_of_the_same_version_is_replaced_and_others_stay_within_the_bound() -> None:
    old = [row("codex", f"1.0.{number}", f"2026-01-0{number}") for number in range(1, 8)]
    made = conformance.merged(old, [row("codex", "1.0.5", "2026-02-01"), row("claude", "2")])
    assert [(each["name"], each["version"]) for each in made] == [
        ("claude", "2"), ("codex", "1.0.5"), ("codex", "1.0.7"), ("codex", "1.0.6"), ("codex", "1.0.4"), ("codex", "1.0.3"),
    ]  # fmt: skip
    assert made[1]["date"] == "2026-02-01"


def test_both_files_are_written_and_say_what_was_seen(tmp_path: Path) -> None:
    rows = [row("codex", "1.0.0")]
    conformance.write(rows, tmp_path / "table.json", tmp_path / "page.md")
    assert (tmp_path / "table.json").read_text() == conformance.table(rows)
    assert "| Start | yes | user | `<tag a/b>` `</tag>` | 9,000 | `{}` |" in (tmp_path / "page.md").read_text()


def test_what_is_no_runtime_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["emacs"]) == 2
    assert "emacs: no runtime" in capsys.readouterr().err
