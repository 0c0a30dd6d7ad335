"""A power cut at any moment: what a receipt was given for is there, acks stay, and nothing unread is silent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults import disk, scenario
from tests.faults.conftest import Recording


def log_is_not_synced(path: str) -> bool:
    """As with `synchronous=NORMAL`."""
    return not path.endswith("-wal")


def homes_are_not_synced(path: str) -> bool:
    return "/agents" not in path


@pytest.fixture
def home(home: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In memory: the disk whose power is cut is only played."""
    made = memory / "home"
    (made / ".sos").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(made))
    monkeypatch.setenv("SOS_HOME", str(made / ".sos"))
    return made


@pytest.mark.promise("INBOX-001", "HOOK-008", "HOOK-009")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "count",
    [pytest.param(80, id="short"), *(pytest.param(1700, id=f"long-{part}", marks=pytest.mark.full) for part in range(6))],
)
def test_no_receipt_is_broken_by_a_power_cut(home: Path, tmp_path: Path, count: int, record: Recording) -> None:
    recorder = disk.library(tmp_path)
    shell = scenario.Recording(home)
    shell.begin(recorder, tmp_path / "log")
    scenario.perform(shell)
    found = disk.records(tmp_path / "log")
    seed = int.from_bytes(os.urandom(4), "big")

    bad, findings = scenario.trials(found, shell.done, disk.Disk(shell.root), count, seed)
    record("power cuts of everything: store, homes, hook, plugin", trials=count, broken=bad, note=f"seed {seed}")
    assert not bad, f"seed {seed}: {findings[:20]}"

    # The same cuts, judged by the same rules, on disks that do not do what a sync asks of them.
    tries, since = max(count // 20, 60), scenario.after_joins(found, shell.done)
    control, findings = scenario.trials(found, shell.done, disk.Disk(shell.root, log_is_not_synced), tries, seed, since)
    lost = {text.partition(":")[0] for text in findings if ": lost: " in text}
    print(
        f"negative control: with the store's log not synced, {control} of {tries} cuts broke a promise, {len(lost)} lost messages"
    )
    assert lost, findings
    assert control > tries / 10, findings
    control, findings = scenario.trials(found, shell.done, disk.Disk(shell.root, homes_are_not_synced), tries, seed)
    print(f"negative control: with homes not synced, {control} of {tries} cuts broke a promise")
    assert control > tries / 10, findings
