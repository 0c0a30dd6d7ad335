"""When a file system is an alarm: levels, edges, what is kept, how long it will last, where the space went, and the ballast."""

from __future__ import annotations

import errno
import os
import threading
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.times import HOUR, MINUTE, Millis
from sos.recovery import ballast, disk, watchdog
from sos.recovery.consumers import consumers
from sos.recovery.disk import GIB, MIB, Amount, FileSystem, Place
from sos.recovery.watchdog import Watched

if TYPE_CHECKING:
    from sos.recovery.disk import Level

HOME = Place(name="home", path="/there")
NOW = Millis(1_800_000_000_000)


def amount(percent: int, total: int = 100 * GIB) -> Amount:
    used = total * percent // 100
    return Amount(total=total, used=used, free=total - used)


def file_system(space: Amount | None, inodes: Amount | None = None, *, read_only: bool = False, name: str = "home") -> FileSystem:
    place = HOME.replace(name=name)
    failure = "" if space else "/there: Input/output error"
    return FileSystem(mount="/", places=(place,), space=space, inodes=inodes, read_only=read_only, failure=failure)


def level(percent: int, before: Level = "ok", total: int = 100 * GIB) -> Level:
    return disk.judge(file_system(amount(percent, total)), before).level


def replay(systems: list[FileSystem]) -> tuple[list[Level], list[str]]:
    """Levels and alerts of looks, a quarter of an hour apart."""
    watched: tuple[Watched, ...] = ()
    levels: list[Level] = []
    alerts: list[str] = []
    for number, system in enumerate(systems):
        watched, rung = watchdog.step(watched, [system], Millis(NOW + number * watchdog.EVERY))
        levels.append(watched[0].level)
        alerts += rung
    return levels, alerts


# --- levels ---------------------------------------------------------------------------------------------------------


@pytest.mark.promise("DISK-001")
def test_it_warns_at_90_is_critical_at_95_and_resets_below_85() -> None:
    assert [level(percent) for percent in (0, 85, 89, 90, 94, 95, 100)] == [
        "ok", "ok", "ok", "warning", "warning", "critical", "critical"
    ]  # fmt: skip
    assert [level(percent, "warning") for percent in (84, 85, 89, 94, 95)] == ["ok", "warning", "warning", "warning", "critical"]
    assert [level(percent, "critical") for percent in (84, 85, 89, 90, 95)] == [
        "ok", "warning", "warning", "critical", "critical"
    ]  # fmt: skip


@pytest.mark.promise("DISK-001")
def test_inodes_count_as_bytes_do_and_where_there_are_none_they_do_not_count() -> None:
    few = [disk.judge(file_system(amount(10), amount(percent, 1000))).level for percent in (89, 90, 95)]
    assert few == ["ok", "warning", "critical"]
    reason = disk.judge(file_system(amount(10), amount(95, 1000))).reason
    assert reason == "95 % of its inodes are used, 50 left"


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [
        (4096 * GIB, 200 * GIB, "warning"),  # 95 % of 4 TB is fine
        (4096 * GIB, 50 * GIB, "critical"),
        (8 * GIB, 400 * MIB, "critical"),  # of 8 GB it is not
        (3 * GIB, 511 * MIB, "warning"),
        (3 * GIB, 512 * MIB, "ok"),
        (600 * MIB, 63 * MIB, "critical"),
        (600 * MIB, 64 * MIB, "warning"),
        (100 * MIB, 100 * MIB, "ok"),  # an empty small one is no alarm
        (12 * MIB, 2 * MIB, "critical"),
        (0, 0, "critical"),
    ],
)
def test_bytes_count_beside_the_share(total: int, free: int, expected: str) -> None:
    space = Amount(total=total, used=total - free, free=free)
    assert disk.judge(file_system(space)).level == expected


def test_the_share_is_that_of_df_without_what_root_keeps() -> None:
    space = Amount(total=1000, used=800, free=150)
    assert space.percent == 85  # df: 84.2 rounded up


def test_what_cannot_be_written_is_critical_where_sos_writes_and_said_elsewhere() -> None:
    assert disk.judge(file_system(amount(10), read_only=True)).level == "critical"
    elsewhere = disk.judge(file_system(amount(10), read_only=True, name="claude"))
    assert (elsewhere.level, elsewhere.reason.rpartition("; ")[2]) == ("ok", "it is mounted read-only")


PERCENTS = st.lists(st.integers(0, 100), max_size=30)


@pytest.mark.promise("DISK-001")
@given(PERCENTS, st.booleans())
def test_no_alert_repeats_and_every_change_of_level_rings_once(percents: list[int], of_inodes: bool) -> None:
    systems = [file_system(amount(10), amount(each)) if of_inodes else file_system(amount(each)) for each in percents]
    levels, alerts = replay([system for system in systems for _ in range(3)])
    changes = [after for before, after in zip(["ok", *levels], levels, strict=False) if before != after]
    assert len(alerts) == len(changes) == len(set(alerts))
    for alert, now in zip(alerts, changes, strict=True):
        assert ("well again" if now == "ok" else f"is {now}") in alert
    # Above a limit it is never less than that limit's level, and below the reset it is never an alarm.
    for percent, found in zip([each for each in percents for _ in range(3)], levels, strict=True):
        assert disk.RANKS[found] >= disk.RANKS["critical" if percent >= 95 else "warning" if percent >= 90 else "ok"]
        assert found == "ok" or percent >= 85


@pytest.mark.promise("DISK-001")
@given(st.sampled_from([90, 95]), st.lists(st.integers(-4, 4), min_size=1, max_size=40))
def test_what_swings_about_a_limit_rings_at_most_once(limit: int, swings: list[int]) -> None:
    levels, alerts = replay([file_system(amount(88)), *(file_system(amount(limit + swing)) for swing in swings)])
    assert len([alert for alert in alerts if f"is {'warning' if limit == 90 else 'critical'}" in alert]) <= 1
    assert len(alerts) <= 2
    assert [disk.RANKS[each] for each in levels] == sorted(disk.RANKS[each] for each in levels)


@given(st.integers(1, 1 << 44), st.integers(0, 1 << 44))
def test_more_free_is_never_worse_and_the_ballast_ends_no_alarm(total: int, free: int) -> None:
    free = min(free, total)
    space = Amount(total=total, used=total - free, free=free)
    found = disk.judge(file_system(space))
    more = min(free + ballast.BYTES, total)
    eased = file_system(Amount(total=total, used=total - more, free=more))
    assert disk.RANKS[disk.judge(eased).level] <= disk.RANKS[found.level]
    if total > 2 * GIB:
        assert found.level == disk.judge(eased, found.level).level or found.level == "ok"


@pytest.mark.parametrize(
    ("total", "began", "eased", "over"), [(600 * MIB, 60 * MIB, 92 * MIB, 100 * MIB), (4096 * GIB, 49 * GIB, 74 * GIB, 76 * GIB)]
)
def test_an_alarm_for_bytes_ends_with_half_as_many_again(total: int, began: int, eased: int, over: int) -> None:
    systems = [file_system(Amount(total=total, used=total - free, free=free)) for free in (began, eased, began, eased, over)]
    assert replay(systems)[0] == ["critical"] * 4 + ["warning"]


@pytest.mark.promise("DISK-001")
def test_what_cannot_be_seen_is_unknown_and_never_well() -> None:
    bad, well, unseen = file_system(amount(96)), file_system(amount(10)), file_system(None)
    levels, alerts = replay([well, unseen, unseen, well, bad, unseen, file_system(amount(91))])
    assert levels == ["ok", "unknown", "unknown", "ok", "critical", "unknown", "critical"]  # the last: it had not ended
    assert [alert.split(" since ")[0].split(" at 2")[0] for alert in alerts] == [
        "disk: / cannot be looked at", "disk: / is well again", "disk: / is critical", "disk: / cannot be looked at",
        "disk: / is critical",
    ]  # fmt: skip
    assert disk.worst(["ok", "warning", "unknown"]) == "unknown"


# --- the doorway ----------------------------------------------------------------------------------------------------


def statvfs(path: str) -> os.statvfs_result:
    if path.endswith("broken"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    if path.endswith("hanging"):
        threading.Event().wait(20)
    return os.statvfs_result((4096, 4096, 1000, 300, 200, 100, 40, 30, os.ST_RDONLY if path.endswith("sealed") else 0, 255))


def test_places_of_one_file_system_are_seen_together(tmp_path: Path) -> None:
    names = ["home", "store", "broken", "hanging", "sealed"]
    places = [Place(name=name, path=str(tmp_path / name)) for name in names]
    for place in places:
        Path(place.path).mkdir()
    gone = Place(name="gone", path=str(tmp_path / "gone"))
    seen = disk.look_at([*places, gone, gone.replace(name="codex", optional=True)], seconds=0.5, statvfs=_ask)
    assert [[place.name for place in each.places] for each in seen] == [
        ["home", "store"], ["broken"], ["hanging"], ["sealed"], ["gone"]
    ]  # fmt: skip
    good, broken, hanging, sealed, missing = seen
    assert good.space == Amount(total=1000 * 4096, used=700 * 4096, free=200 * 4096)
    assert good.inodes == Amount(total=100, used=60, free=30)
    assert (broken.space, broken.failure) == (None, f"{places[2].path}: Input/output error")
    assert hanging.failure == "the system did not answer within 0.5 s"
    assert sealed.read_only
    assert missing.failure == f"{gone.path}: No such file or directory"


def _ask(path: str) -> os.statvfs_result:
    if path.endswith("gone"):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    return statvfs(path)


def test_this_machine_is_seen_as_df_sees_it(tmp_path: Path) -> None:
    (seen,) = disk.look_at([Place(name="home", path=str(tmp_path))])
    assert seen.space is not None
    assert os.path.ismount(seen.mount)
    assert str(tmp_path).startswith(seen.mount)
    assert seen.space.used + seen.space.free <= seen.space.total


# --- what is kept ---------------------------------------------------------------------------------------------------


def kept(home: Path, percent: int, at: int = NOW) -> watchdog.Look:
    """A look that found this, written down."""
    memory = watchdog.load(str(home))
    systems, alerts = watchdog.step(memory.systems if memory else (), [file_system(amount(percent))], Millis(at))
    return watchdog.remember(str(home), watchdog.Look(at=Millis(at), systems=systems, alerts=alerts, ballast="", remarks=()))


@pytest.mark.promise("DISK-001")
def test_an_alarm_stands_over_restarts(tmp_path: Path) -> None:
    assert len(kept(tmp_path, 91).alerts) == 1
    assert kept(tmp_path, 88, NOW + HOUR).alerts == ()
    memory = watchdog.load(str(tmp_path))
    assert memory is not None
    (system,) = memory.systems
    assert (memory.at, system.level, system.since) == (NOW + HOUR, "warning", NOW)
    assert [sample[0] for sample in system.samples] == [NOW, NOW + HOUR]
    assert len(kept(tmp_path, 84, NOW + 2 * HOUR).alerts) == 1


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"at": 1, "systems": [{}]}', b'{"at": "x", "systems": []}', b"null"])
def test_a_memory_that_cannot_be_read_begins_anew_and_says_so(tmp_path: Path, data: bytes) -> None:
    kept(tmp_path, 91)
    Path(watchdog.path_of(str(tmp_path))).write_bytes(data)
    found = watchdog.look(str(tmp_path), [Place(name="temporary", path=str(tmp_path))], NOW)
    assert found.remarks[0].startswith("the watchdog's memory begins anew: ")
    assert watchdog.load(str(tmp_path)) is not None


def test_what_cannot_be_written_down_is_said_and_rings_again(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    for _ in range(2):
        systems, alerts = watchdog.step((), [file_system(amount(96))], NOW)
        look = watchdog.Look(at=NOW, systems=systems, alerts=alerts, ballast="", remarks=())
        found = watchdog.remember(str(tmp_path), look)
        assert len(found.alerts) == 1
        assert found.remarks[0].startswith("this look could not be written down: ")


@given(st.lists(st.integers(0, 30), max_size=150))
def test_the_history_is_bounded(minutes: list[int]) -> None:
    watched: tuple[Watched, ...] = ()
    at = NOW
    for each in minutes:
        at = Millis(at + each * MINUTE)
        watched, _ = watchdog.step(watched, [file_system(amount(50))], at)
    times = [sample[0] for sample in watched[0].samples] if watched else []
    assert len(times) <= watchdog.SAMPLES
    assert all(after - before >= watchdog.APART for before, after in pairwise(times))


# --- how long it will last ------------------------------------------------------------------------------------------


def test_the_time_until_it_is_full_is_that_of_a_straight_line() -> None:
    falling = [(NOW + number * HOUR, (100 - number) * GIB, -1) for number in range(10)]
    assert disk.time_to_full(falling, Millis(NOW + 9 * HOUR)) == 91 * HOUR
    assert disk.time_to_full(falling, Millis(NOW + 19 * HOUR)) == 81 * HOUR
    cleaned = [*((NOW - (9 - number) * HOUR, number * GIB, -1) for number in range(9)), *falling]
    assert disk.time_to_full(cleaned, Millis(NOW + 9 * HOUR)) == 91 * HOUR
    inodes = [(at, 7 * GIB, free // GIB) for at, free, _ in falling]
    assert disk.time_to_full(inodes, Millis(NOW + 9 * HOUR)) == 91 * HOUR


@pytest.mark.parametrize("frees", [[], [5] * 20, list(range(20)), [9, 8, 7], [10**9 - each for each in range(9)]])
def test_nothing_is_said_of_what_does_not_fall_or_hardly(frees: list[int]) -> None:
    assert disk.time_to_full([(NOW + number * HOUR, free, -1) for number, free in enumerate(frees)], NOW) is None


# --- where the space went -------------------------------------------------------------------------------------------


def fill(path: Path, kib: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(kib << 10))
    return path


@pytest.mark.promise("DISK-003")
def test_the_largest_directories_come_first_and_nothing_counts_twice(tmp_path: Path) -> None:
    home, runtime = tmp_path / "home", tmp_path / "home" / "claude"
    fill(home / "store", 64)
    fill(home / "agents" / "aa" / "deep" / "er" / "log", 256)
    big = fill(runtime / "projects" / "one" / "talk", 512)
    os.link(big, runtime / "projects" / "one" / "again")
    outside = fill(tmp_path / "outside" / "huge", 4096)
    (runtime / "link").symlink_to(outside.parent)
    (runtime / "file").symlink_to(outside)
    found = consumers([Place(name="home", path=str(home)), Place(name="claude", path=str(runtime))])
    named = {each.path: each.bytes >> 10 for each in found.largest}
    assert next(iter(named)) == str(runtime / "projects" / "one")
    assert 512 <= named[str(runtime / "projects" / "one")] < 600
    assert 256 <= named[str(home / "agents" / "aa")] < 300
    assert sum(named.values()) < 1000
    assert (found.stopped, found.closed) == ((), 0)


def test_the_walk_says_where_it_stopped(tmp_path: Path) -> None:
    for number in range(600):
        (tmp_path / f"{number}").touch()
    found = consumers([Place(name="home", path=str(tmp_path))], seconds=0)
    assert found.stopped == (str(tmp_path),)
    assert 0 < found.entries < 600


def test_where_inodes_are_lacking_entries_count(tmp_path: Path) -> None:
    fill(tmp_path / "large" / "one", 512)
    for number in range(50):
        fill(tmp_path / "many" / f"{number}", 1)
    place = [Place(name="home", path=str(tmp_path))]
    assert consumers(place).largest[0].path.endswith("large")
    assert consumers(place, by_entries=True).largest[0].path.endswith("many")


# --- the ballast ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fallocate", [True, False])
def test_the_ballast_takes_real_room_and_is_given_up_at_critical_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fallocate: bool
) -> None:
    if not fallocate:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    home, roomy, tight = str(tmp_path), amount(10), Amount(total=100 * GIB, used=0, free=GIB)
    made = [ballast.settle(home, level, space) for level, space in (("critical", None), ("warning", roomy), ("ok", tight))]  # type: ignore[arg-type]  # levels
    assert (made, os.listdir(home)) == (["", "", ""], [])
    assert ballast.settle(home, "ok", roomy) == "made"
    assert os.stat(ballast.path_of(home)).st_blocks * 512 >= ballast.BYTES
    assert [ballast.settle(home, "ok", roomy), ballast.settle(home, "warning", roomy), ballast.settle(home, "unknown", None)] == [
        "", "", ""
    ]  # fmt: skip
    assert ballast.settle(home, "critical", tight) == "released"
    assert os.listdir(home) == []


def test_a_ballast_is_made_where_all_was_well_before_and_not_where_a_write_has_just_found_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "look_at", lambda places: [file_system(amount(10))])
    made = [
        watchdog.look(str(tmp_path), [HOME], Millis(NOW + minute), after_failure=failed).ballast
        for minute, failed in enumerate((False, True, False, False))
    ]
    assert made == ["", "", "made", ""]
    monkeypatch.setattr(disk, "look_at", lambda places: [file_system(amount(99))])
    assert watchdog.look(str(tmp_path), [HOME], Millis(NOW + HOUR), after_failure=True).ballast == "released"
