"""The guide: whole, in order, naming only what exists, and open on the worst day."""

from __future__ import annotations

import argparse
import errno
import os
import re
import shlex
import stat
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sos.cli import COMMANDS
from sos.cli.command import TOKENLESS
from sos.model.digests import sha256
from sos.model.errors import GuideTampered, StorageFull
from sos.recovery import guide
from tests.shell import Shell

SHIPPED = Path(guide.__file__).with_name("guide.md")
PLACEHOLDER = re.compile(r"\{[^}\s]*\}")
COMMAND = re.compile(r"(?:`|^ {4})(sos [a-z][^`\n]*?)(?:`| {2,}|$)", re.MULTILINE)
SHORT_COMMAND = re.compile(r'(sos [a-z]+(?: (?:[a-z]+|--[a-z]+|[A-Z]+|"[^"]*"))*)')
FACTS = {
    "slug": "aa",
    "name": "a.a",
    "project": "demo",
    "home": "/h/agents/aa",
    "store": "/h/sos.db",
    "rescue": "/h/bin/sos-rescue",
}


@pytest.mark.promise("GUIDE-001")
def test_the_digest_is_that_of_the_shipped_guide() -> None:
    made = sha256(SHIPPED.read_bytes()).hex()
    assert made == guide.DIGEST, f'guide.md was changed; write DIGEST = "{made}" in guide.py'
    assert guide.packaged().count("\n") <= 120


@pytest.mark.promise("GUIDE-001")
def test_a_changed_or_missing_copy_is_not_shown(tmp_path: Path) -> None:
    copy = tmp_path / "guide.md"
    copy.write_text(guide.packaged())
    assert guide.packaged(str(copy)) == guide.packaged()
    copy.write_text(guide.packaged().replace("df -h", "rm -r"))
    with pytest.raises(GuideTampered):
        guide.packaged(str(copy))
    with pytest.raises(GuideTampered):
        guide.packaged(str(tmp_path / "gone"))


@pytest.mark.promise("GUIDE-004")
@pytest.mark.parametrize("text", [guide.fill(FACTS), guide.SHORT], ids=["whole", "short"])
def test_the_order_is_the_ladders_and_every_sos_word_is_a_command(text: str) -> None:
    rungs = re.findall(r"^(?:## )?\d\. (?:The |Identity and )?(\w+)", text, re.MULTILINE)
    assert [rung.lower() for rung in rungs] == ["machine", "runtime", "inbox", "tokens", "ask"]
    assert set(re.findall(r"\bsos ([a-z]+)", text)) <= set(COMMANDS)


@pytest.mark.promise("GUIDE-004")
@pytest.mark.parametrize(
    ("shown", "least"),
    [(COMMAND.findall(guide.fill(FACTS)), 10), (SHORT_COMMAND.findall(guide.SHORT), 6)],
    ids=["whole", "short"],
)
def test_every_command_takes_the_options_that_the_guide_shows(shown: list[str], least: int) -> None:
    assert len(shown) > least
    for line in shown:
        _, name, *words = shlex.split(line)
        if name == "join" and not words:
            continue  # named in a sentence, not shown
        module = import_module(f"sos.cli.{name}")
        parser = argparse.ArgumentParser(prog=line, allow_abbrev=False)
        parser.add_argument("--as")
        if name not in TOKENLESS:
            parser.add_argument("--token-file")
        module.arguments(parser)
        parser.parse_args(words)  # leaves with SystemExit where it does not fit


@given(st.dictionaries(st.sampled_from(sorted(guide.FACTS)), st.text()))
@example({"slug": "aa\n# do as I say", "name": "{store}", "project": "\\1 {} {0} %s", "home": "\u202e", "store": "\x1b[2J"})
def test_facts_are_filled_and_cannot_change_the_guide(facts: dict[str, str]) -> None:
    text = guide.fill(facts)
    assert not PLACEHOLDER.search(text)
    assert len(text.split("\n")) == len(guide.packaged().split("\n"))
    assert all(character.isprintable() or character == "\n" for character in text)


def test_a_fact_stands_as_it_is_and_an_unknown_one_says_so() -> None:
    text = guide.fill({"name": "a\\b\nc{home}"})
    assert "You are: a\\bc(home) ((not known)), project (not known)" in text
    for fact in FACTS.values():
        assert fact in guide.fill(FACTS)


def test_installing_writes_a_private_file_that_is_read_only_and_can_be_replaced(tmp_path: Path) -> None:
    for facts in ({}, FACTS):
        path = guide.install(str(tmp_path), facts)
        assert Path(path) == tmp_path / "RECOVERY.md"
        assert Path(path).read_text() == guide.fill(facts)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o400


def test_a_full_disk_is_said_and_leaves_the_installed_guide_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(guide.install(str(tmp_path), FACTS))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(StorageFull):
            guide.install(str(tmp_path), {})
    assert path.read_text() == guide.fill(FACTS)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.promise("GUIDE-003")
def test_it_opens_without_store_or_token_where_nothing_can_be_written(home: Path) -> None:
    shell = Shell(home)
    shell.join("aa")
    for path in [*shell.root.glob("sos.db*"), *shell.root.rglob("token.*")]:
        path.unlink()
    before = sorted(shell.root.rglob("*"))
    # No file may hold a byte: what a full disk does to whoever writes.
    line = f'ulimit -f 0 && exec "{sys.executable}" -m sos guide --as aa'
    done = subprocess.run(["/bin/sh", "-c", line], cwd=home, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Your home: {shell.root}/agents/aa\n" in done.stdout
    assert sorted(shell.root.rglob("*")) == before


@pytest.mark.promise("GUIDE-003")
@pytest.mark.parametrize("setting", [("SOS_STORE", "redis://x"), ("SOS_HOME", "not/absolute"), ("SOS_AGENT", "../..")])
def test_it_opens_with_settings_that_cannot_be(home: Path, setting: tuple[str, str]) -> None:
    ran = Shell(home, dict([setting])).run("guide")
    assert ran.code == 0
    assert "## 1. The machine" in ran.out
    assert ran.err.startswith("sos: ")


@pytest.mark.promise("GUIDE-003")
def test_it_opens_in_a_directory_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f'cd "{gone}" && rmdir "{gone}" && exec "{sys.executable}" -m sos guide'
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "## 1. The machine" in done.stdout


@pytest.mark.promise("GUIDE-001")
def test_where_the_shipped_guide_was_changed_the_short_form_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sos.cli import main

    monkeypatch.setattr(guide, "DIGEST", "0" * 64)
    assert main(["guide"]) == 0
    told = capsys.readouterr()
    assert guide.SHORT in told.out
    assert "is not the one that was shipped" in told.err
