"""A repair that meets other hands: locks, changes meanwhile, copies that cannot be made; and what it shows of secrets."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from sos import files
from sos.model.configs import Config
from sos.model.errors import Conflict, NotFound, RuntimeConfigError, SosError, StoreUnreachable
from sos.recovery import masking, repair
from sos.recovery.repair import Plan
from tests import tools
from tests.configs import CONFIGS, TOML, Written

BROKEN = b'{"a": 1, "b": [true'


def quiet(text: str) -> None:
    """Nobody listens."""


class Place:
    """A config that is cut off, with a lock, and a home of ours."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "sos"
        self.path = folder / "config.json"
        self.path.write_bytes(BROKEN)
        self.lock = folder / "config.json.lock"
        self.config = Config(runtime="x", title="X", path=str(self.path), dialect="json", broken="closed", lock=str(self.lock),
                             backups=(f"{folder}/config.json.backup.*",))  # fmt: skip

    def plan(self) -> Plan:
        return repair.plan(self.config)

    def apply(self, plan: Plan, seconds: float = 0.2) -> Path:
        return Path(repair.apply(plan, str(self.home), quiet, seconds))

    def refuses(self, plan: Plan, kind: type[SosError], data: bytes = BROKEN) -> None:
        before = sorted(os.listdir(self.path.parent))
        with pytest.raises(kind) as refused:
            self.apply(plan)
        assert "nothing was written" in refused.value.message or "stays as it is" in refused.value.message
        assert self.path.read_bytes() == data
        assert sorted({*os.listdir(self.path.parent), "sos"}) == sorted({*before, "sos"})


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.promise("REPAIR-003")
def test_a_repair_keeps_the_broken_bytes_and_the_files_mode_and_gives_the_lock_back(place: Place) -> None:
    place.path.chmod(0o640)
    before = os.umask(0o077)
    try:
        kept = place.apply(place.plan())
    finally:
        os.umask(before)
    assert place.path.read_bytes() == b'{"a": 1}'
    assert kept.read_bytes() == BROKEN
    assert stat.S_IMODE(place.path.stat().st_mode) == 0o640
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not place.lock.exists()
    assert place.plan().state == "sound"


@pytest.mark.promise("REPAIR-003")
def test_a_file_keeps_its_owner(place: Place) -> None:
    if os.geteuid() != 0:
        tools.not_allowed("give files away")
    os.chown(place.path, 12345, 54321)
    place.apply(place.plan())
    assert (place.path.stat().st_uid, place.path.stat().st_gid) == (12345, 54321)


@pytest.mark.promise("REPAIR-003")
def test_a_lock_that_another_holds_is_waited_for_and_respected(place: Place) -> None:
    plan = place.plan()
    place.lock.mkdir()
    place.refuses(plan, StoreUnreachable)
    assert place.lock.is_dir()
    old = time.time() - 11
    os.utime(place.lock, (old, old))
    place.apply(plan)
    assert place.path.read_bytes() == b'{"a": 1}'


@pytest.mark.promise("REPAIR-003")
def test_what_stands_where_the_lock_belongs_is_left_alone(place: Place) -> None:
    place.lock.write_text("mine")
    os.utime(place.lock, (0, 0))
    place.refuses(place.plan(), RuntimeConfigError)
    assert place.lock.read_text() == "mine"


@pytest.mark.promise("REPAIR-003")
def test_a_lock_that_was_taken_away_meanwhile_stops_the_repair(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = repair._keep

    def late(home: str, target: str, data: bytes) -> str:
        place.lock.rename(place.lock.with_name("elsewhere"))
        place.lock.mkdir()
        return keep(home, target, data)

    monkeypatch.setattr(repair, "_keep", late)
    with pytest.raises(Conflict):
        place.apply(place.plan())
    assert place.path.read_bytes() == BROKEN
    assert place.lock.is_dir(), "the other's lock stays"


@pytest.mark.promise("REPAIR-003")
def test_a_file_that_changed_since_the_plan_is_not_touched(place: Place) -> None:
    plan = place.plan()
    place.path.write_bytes(b'{"new": 1}')
    place.refuses(plan, Conflict, b'{"new": 1}')
    other = place.path.with_name("other.json")
    place.path.rename(other)
    other.write_bytes(BROKEN)
    place.path.symlink_to(other)
    place.refuses(plan, Conflict)


@pytest.mark.promise("REPAIR-003")
def test_without_a_copy_of_the_broken_file_nothing_is_written(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    files.private_directory(str(place.home))
    (place.home / "backups").write_text("in the way")
    with pytest.raises(SosError):
        place.apply(place.plan())
    assert place.path.read_bytes() == BROKEN
    (place.home / "backups").unlink()
    monkeypatch.setattr(files, "read", lambda path, limit: b"something else")
    place.refuses(place.plan(), SosError)


@pytest.mark.promise("REPAIR-003")
def test_the_broken_copies_of_one_file_are_bounded_and_the_newest_stay(place: Place) -> None:
    kept: list[Path] = []
    for number in range(repair.KEPT + 5):
        place.path.write_bytes(BROKEN + b" " * number)
        kept.append(place.apply(place.plan()))
        os.utime(kept[-1], (number, number))
    again = place.path.with_name("another.json")
    again.write_bytes(BROKEN)
    repair.apply(repair.plan(place.config.replace(path=str(again), lock=None)), str(place.home), quiet)
    assert [path.exists() for path in kept] == [False] * 5 + [True] * repair.KEPT
    assert len(list((place.home / "backups/configs").iterdir())) == repair.KEPT + 1


@pytest.mark.promise("REPAIR-001")
def test_the_newest_backup_that_parses_is_the_base(place: Place) -> None:
    folder = place.path.parent
    for stamp, text in (
        (1764000000001, '{"old": 1}'),
        (1764000000002, '{"b": [0, 2, 3], "new": 1}'),
        (1764000000003, '{"cut": '),
    ):
        path = folder / f"config.json.backup.{stamp}"
        path.write_text(text)
        os.utime(path, (2e9 - stamp % 10, 2e9 - stamp % 10))  # the name counts, not the file's time
    plan = place.plan()
    assert plan.base == str(folder / "config.json.backup.1764000000002")
    assert json.loads(plan.mended) == {"a": 1, "b": [0, 2, 3], "new": 1}
    place.path.write_bytes(b"\0" * 100)
    plan = place.plan()
    assert (plan.state, plan.mended) == ("mendable", b'{"b": [0, 2, 3], "new": 1}')
    place.path.write_bytes(b'{"a": 1, }')
    assert place.plan().base is None, "a file that lost nothing needs no backup"


@pytest.mark.promise("REPAIR-001")
def test_what_is_nested_too_deeply_is_left_alone_even_with_a_backup(place: Place) -> None:
    (place.path.parent / "config.json.backup.1764000000001").write_text('{"old": 1}')
    place.path.write_bytes(b'{"a": 1, "b": ' + b"[" * 100_000)
    plan = place.plan()
    assert (plan.state, plan.mended) == ("lost", b"")
    with pytest.raises(RuntimeConfigError):
        place.apply(plan)


def test_only_regular_files_are_read(place: Place) -> None:
    place.path.unlink()
    with pytest.raises(NotFound):
        place.plan()
    os.mkfifo(place.path)
    with pytest.raises(RuntimeConfigError):
        place.plan()
    place.path.unlink()
    place.path.mkdir()
    with pytest.raises(RuntimeConfigError):
        place.plan()


SECRETS = {
    "accessToken": "short",
    "apiKey": "abc def",
    "OPENAI_API_KEY": "x1",
    "password": "correct horse",
    "env": {"HARMLESS": "but-hidden"},
    "headers": {"X-Team": "team-9"},
    "args": ["--token", "hunter2", "-y"],
    "note": "ghp_" + "a1" * 18,
    "other": "sk-ant-api03-abcdefgh",
    "url": "https://user:pa55@example.org/x",
    "blob": "Ab1" * 10,
    "ours": "sos_bus_" + "0123456789abcdefghij" * 2,
}
HIDDEN = (
    "short",
    "abc def",
    "x1",
    "correct horse",
    "but-hidden",
    "team-9",
    "hunter2",
    "a1a1a1",
    "abcdefgh",
    "pa55",
    "Ab1Ab1",
    "0123456789",
)


@pytest.mark.promise("REPAIR-003")
@pytest.mark.parametrize("step", [None, 2])
def test_no_secret_is_shown_at_any_offset_of_truncation(place: Place, step: int | None) -> None:
    text = json.dumps({"plain": "to be seen", "deep": SECRETS, "last": 1}, indent=step)
    other = json.dumps(
        {"deep": {key: [value, value] for key, value in SECRETS.items()}, "args": ["--api-key", "hunter2"]}, indent=step
    )
    (place.path.parent / "config.json.backup.1764000000001").write_text(other)
    seen = 0
    for size in range(1, len(text), 3):
        place.path.write_text(text[:size])
        plan = place.plan()
        shown = "\n".join((*plan.problems, *plan.conflicts, *plan.unsaved, *plan.added, plan.diff))
        assert [secret for secret in HIDDEN if secret in shown] == [], size
        seen += "to be seen" in shown or "deep" in shown
    assert seen > 10


def test_secrets_of_toml_are_hidden_and_the_rest_is_shown() -> None:
    text = (
        'model = "gpt"\n[mcp.a.env]\nX = "hidden1"\n[mcp.a]\nargs = ["--token", "hidden2", "seen"]\nbearer_token = \'hidden3\'\n'
    )
    text += 'headers = { A = "hidden4" }\nb = { api_key = "hidden5" }\nurl = "https://u:hidden6@x.org"\ntoken = "hidden7\n'
    shown = masking.masked(text, "toml")
    assert "hidden" not in shown
    assert all(word in shown for word in ('"gpt"', '"seen"', "x.org", "[mcp.a.env]"))
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize("written", [*CONFIGS, TOML], ids=lambda written: written.name)
def test_what_is_shown_has_the_lines_of_the_text(written: Written) -> None:
    text = written.data.decode()
    assert masking.masked(text, written.dialect).count("\n") == text.count("\n")
    assert masking.difference(text, text, written.dialect) == ""


def test_a_difference_that_is_too_large_is_said_as_a_number_and_a_long_line_is_cut() -> None:
    lines = "\n".join(str(number) for number in range(20_000))
    assert "20000 lines become 1" in masking.difference(lines, "x", "json")
    text = json.dumps(["word"] * 1000)
    shown = masking.difference(text, text + "\n", "json")
    assert f"({len(text):,} characters)" in shown
    assert all(len(line) < 2 * masking.WIDEST for line in shown.split("\n"))
