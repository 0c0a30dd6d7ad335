"""The evidence page says what was counted, names every planted defect, and no machine."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from scripts import evidence
from tests.faults.controls import CONTROLS, ELSEWHERE
from tests.faults.rows import ROWS, ZEROES
from tests.requirements import PROMISES

ROW = {
    "what": "power cuts of the store",
    "trials": 300,
    "broken": 0,
    "late": 20,
    "note": "",
    "test": "tests/faults/test_power.py::test_x[a]",
    "passed": True,
}
CAUGHT = {f"tests/faults/test_controls.py::test_it[{each.id}-x]": "passed" for each in CONTROLS}


def made(*rows: dict[str, Any], outcomes: dict[str, str] | None = None) -> str:
    return evidence.page(
        {"rows": rows, "outcomes": CAUGHT | (outcomes or {}), "skips": ["test_x.py: NOT TRIED: no tool"]}, "fast"
    )


@pytest.mark.promise("FAULT-005")
def test_counts_are_summed_and_a_zero_has_its_bound() -> None:
    text = made(ROW, {**ROW, "trials": 700})
    assert "| power cuts of the store | 1,000 | 0 | 3.0e-03 | test_power.py |" in text
    assert "| **all faults** | **1,000** | **0** | 3.0e-03 | |" in text
    assert f"- **power cuts of the store**: {ROWS['power cuts of the store'].trial}" in text
    assert f"| {ZEROES['lost']} | 1,000 | 0 | 3.0e-03 |" in text
    assert f"| {ZEROES['stale']} | 40 | 0 | 7.5e-02 |" in text
    assert "NOT TRIED: no tool" in text
    assert socket.gethostname() not in text


@pytest.mark.promise("FAULT-005")
def test_what_was_broken_or_not_caught_has_no_bound_and_is_named() -> None:
    name = f"tests/faults/test_controls.py::test_it[{CONTROLS[0].id}-x]"
    text = made({**ROW, "broken": 2}, outcomes={name: "failed"})
    assert "| power cuts of the store | 300 | 2 | - |" in text
    assert f"| {ZEROES['changed']} | 300 | 2 | - |" in text
    assert f"| {CONTROLS[0].id} | {CONTROLS[0].defect} | **not caught** |" in text
    assert f"- {name}" in text


@pytest.mark.promise("FAULT-005")
def test_plain_load_stands_apart_and_in_no_sum() -> None:
    flood = "messages of a flood, beside the operator's"
    text = made(ROW, {**ROW, "what": flood, "trials": 7900})
    faults, _, load = text.partition("## Load")
    assert f"| {flood} | 7,900 |" in load
    assert f"| {flood} |" not in faults
    assert "| **all faults** | **300** |" in faults


@pytest.mark.promise("FAULT-005")
def test_every_row_says_what_one_trial_is_in_one_sentence() -> None:
    for what, row in ROWS.items():
        assert row.trial.endswith("."), what
        assert ". " not in row.trial, what


RUN = (
    "import sys; from pathlib import Path; from scripts import evidence; sys.exit(evidence.main(sys.argv[2:], Path(sys.argv[1])))"
)


def running(page: Path, *words: str) -> subprocess.Popen[str]:
    """The script at work on a page of ours."""
    # Whatever runs in the background of a shell is told to ignore Ctrl-C, and hands that on.
    heeding = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {RUN}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    return subprocess.Popen(
        [sys.executable, "-c", heeding, str(page), "-n", "0", *words], cwd=evidence.ROOT, start_new_session=True,
        env={**environment, "TMPDIR": str(page.parent)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (made := tmp_path / "evidence.md").write_text("as committed")
    return made


@pytest.mark.promise("FAULT-005")
def test_a_run_that_chooses_among_the_tests_leaves_the_page_as_it_was(page: Path) -> None:
    done = running(page, "-k", "test_there_are_enough_and_each_is_another")
    _, err = done.communicate(timeout=50)
    assert (done.returncode, page.read_text()) == (0, "as committed"), err
    (kept,) = page.parent.glob("evidence-*.md")
    assert f"{page} stays as it was\nwhat was counted stands in {kept}\n" in err
    assert "## Negative controls" in kept.read_text()


@pytest.mark.promise("FAULT-005")
def test_an_interrupted_run_leaves_the_page_as_it_was(page: Path) -> None:
    done = running(page, "-k", "test_ctrl_c_ends_it or test_no_acknowledged", "-s", "-v")
    assert done.stdout is not None
    line = next(line for line in done.stdout if "::" in line)
    os.killpg(done.pid, signal.SIGINT)
    _, err = done.communicate(timeout=50)
    assert (done.returncode, page.read_text()) == (evidence.INTERRUPTED, "as committed"), (line, err)
    assert f"{page} stays as it was" in err


@pytest.mark.promise("FAULT-005")
@pytest.mark.parametrize(("failed", "text"), [(0, "# Evidence"), (1, "as committed")])
def test_a_whole_run_replaces_the_page_in_one_step_and_one_that_failed_does_not(
    page: Path, monkeypatch: pytest.MonkeyPatch, failed: int, text: str
) -> None:
    found = {"rows": [ROW], "outcomes": CAUGHT, "skips": []}
    monkeypatch.setattr(evidence, "run", lambda part, more: (failed, found))
    monkeypatch.setenv("TMPDIR", str(page.parent))
    monkeypatch.setattr(tempfile, "tempdir", None)
    before = page.stat().st_ino
    assert evidence.main([], page) == failed
    assert text in page.read_text()
    assert (page.stat().st_ino == before) == bool(failed), "written in place, a page could be seen in half"
    assert len(list(page.parent.glob("evidence*"))) == 1 + failed


@pytest.mark.promise("FAULT-005")
def test_the_page_in_the_docs_is_of_these_controls_and_all_were_caught() -> None:
    text = evidence.PAGE.read_text(encoding="utf-8")
    for identifier in [*(each.id for each in CONTROLS), *(each[0] for each in ELSEWHERE)]:
        assert f"| {identifier} |" in text, f"{identifier} is new: run scripts/evidence"
    assert "not caught" not in text
    assert "## Failed\n\nNothing." in text
    for what in re.findall(r"^- \*\*(.+?)\*\*: ", text, re.MULTILINE):
        assert f"- **{what}**: {ROWS[what].trial}" in text, f"the row {what!r} is another one now: run scripts/evidence"


@pytest.mark.promise("PERF-023")
def test_a_hundred_thousand_trials_are_promised_only_while_the_page_counts_them() -> None:
    text = evidence.PAGE.read_text(encoding="utf-8")
    found = re.search(r"^\| \*\*all faults\*\* \| \*\*([\d,]+)\*\* \| \*\*(\d+)\*\* \|", text, re.MULTILINE)
    assert found is not None
    trials, broken = int(found[1].replace(",", "")), int(found[2])
    (promise,) = [each for each in PROMISES if each.id == "PERF-023"]
    assert broken == 0
    assert (promise.state == "kept") == (trials >= 100_000), (
        f"{trials} trials, and PERF-023 is {promise.state}: scripts/evidence --full"
    )
