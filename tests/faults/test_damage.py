"""Files of a home and of the store, cut, overwritten or replaced: always said, never silence, and nothing is silently emptied."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sos.homes import home as homes
from sos.model.errors import HomeDamaged
from tests.shell import Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"
QUEUED = "01a20b4a-b6d8-7455-aa1d-55d6b6d6c693"
GARBAGE = {
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "cut": b'{"a": "b',
    "text": b"hello = world\n[x]\n",
    "list": b"[1, 2]",
    "deep": b"[" * 100_000,
    "types": b'{"draft": 5, "*": 7, "squad": [], "broadcast": 3}',
    "huge": b"x" * (2 << 20),
}
KINDS = [*GARBAGE, "directory", "link"]


def harm(path: Path, kind: str) -> None:
    """Put something else where a file is."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "directory":
        path.mkdir(mode=0o700)
    elif kind == "link":
        path.symlink_to("/nowhere/at/all")
    else:
        path.touch(mode=0o600)
        path.write_bytes(GARBAGE[kind])


@dataclass
class Damage:
    """A file, and what its damage makes of `sos inbox --as bb`: the codes that may be said; none: it works."""

    path: str
    codes: set[str] = field(default_factory=set)
    mended: bool = True
    """Whether `sos join` puts it right, save where a directory or a link stands in the way."""
    kinds: list[str] = field(default_factory=lambda: KINDS)


IN_THE_WAY = {"home_damaged", "home_not_private"}
FILES = {
    "identity": Damage("agents/bb/agent.toml", IN_THE_WAY),
    "token": Damage("agents/bb/token.bus", {"token_damaged", "token_refused", *IN_THE_WAY}),
    "operator": Damage("operator/agent.toml"),
    "bindings": Damage("bindings.json"),
    "session": Damage(f"run/session-{S1}"),
    "outbox": Damage(f"agents/bb/outbox/{QUEUED}.json"),
    "guide": Damage("agents/bb/RECOVERY.md"),
    "unreachable": Damage("run/unreachable-bb"),
    "quiet": Damage("run/quiet-bb"),
    "session link": Damage(f"run/q-{S1}"),
    "hook lock": Damage("agents/bb/hook.lock", kinds=["directory", "link"]),
    "store": Damage("sos.db", {"store_damaged", "store_unreachable", "store_missing", "home_not_private"}, mended=False),
    "store lock": Damage("sos.db.lock", {"home_damaged"}, mended=False, kinds=["directory", "link"]),
    "outbox folder": Damage("agents/bb/outbox", kinds=["text", "link"]),
    "homes": Damage("agents", IN_THE_WAY, mended=False, kinds=["text"]),
}


@pytest.fixture
def fresh(home: Path, tmp_path: Path) -> Callable[[], Shell]:
    """A home with bb in a session and three messages unread, put back as it was at each call."""
    shell = Shell(home)
    shell.join("aa")
    shell.join("bb")
    shell.connect("bb")
    shell.event("SessionStart", S1, source="startup")
    for number in range(3):
        shell.json("send", "--as", "aa", "bb", f"hello {number}")
    shutil.copytree(shell.root, tmp_path / "kept", symlinks=True)

    def again() -> Shell:
        shutil.rmtree(shell.root)
        shutil.copytree(tmp_path / "kept", shell.root, symlinks=True)
        return shell

    return again


def said(shell: Shell, *words: str) -> str:
    """Run a command that may be refused, but well: the code of its refusal, or nothing."""
    ran = shell.run(words[0], "--json", *words[1:])
    assert ran.code in {0, 1, 75}, (words, ran)
    assert "Traceback" not in ran.err, (words, ran)
    made = ran.json
    if "error" in made:
        assert made.get("next") or made.get("queued"), (words, ran)
    elif ran.code:
        assert words[0] in {"whoami", "outbox"}, (words, ran)  # an answer that is missing, a message that waits
    return str(made.get("error", ""))


def heard(shell: Shell) -> Iterator[str]:
    """What a session of bb reads at its start, at a prompt and at a tool batch."""
    for event in ("SessionStart", "UserPromptSubmit", "PostToolBatch"):
        begun = time.monotonic()
        text = shell.event(event, S1, source="resume") or ""
        assert time.monotonic() - begun < 2, event  # 400 ms of its own, and a loaded machine
        assert "a defect of SOS" not in text, text
        yield text


@pytest.mark.promise("HOOK-001", "HOOK-002", "HOOK-005", "CLI-009", "SQLITE-015", "HOOK-009", "GUIDE-003")
@pytest.mark.parametrize("few", [pytest.param(True, id="few"), pytest.param(False, id="all", marks=pytest.mark.full)])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_said_and_nothing_is_emptied(fresh: Callable[[], Shell], name: str, few: bool) -> None:
    damage = FILES[name]
    for kind in damage.kinds:
        if few and len(damage.kinds) > 4 and kind not in {"empty", "binary", "cut", "directory"}:
            continue
        shell = fresh()
        harm(shell.root / damage.path, kind)
        code = said(shell, "inbox", "--as", "bb")
        assert code in damage.codes or (not code and name not in {"identity", "token", "store"}), (kind, code)
        for words in (
            ("send", "--as", "aa", "bb", "x"),
            ("whoami", "--as", "bb"),
            ("whoami",),
            ("peers",),
            ("outbox", "--as", "bb"),
        ):
            said(shell, *words)
        said(shell.inside(S1), "whoami")
        assert shell.run("guide").code == 0
        start, prompt, _ = heard(shell)
        assert start.startswith("[sos]"), (kind, start)
        assert "| hello 2" in prompt or "bus unreachable since" in prompt, (kind, prompt)
        refused = said(shell, "join", "--name", "bb", "--role", "builder", "--project", "demo")
        in_the_way = name in {"identity", "token", "operator"} and kind in {"directory", "link"}
        assert bool(refused) <= (in_the_way or not damage.mended), (kind, refused)
        assert refused or damage.mended, kind
        if name == "store" and kind in GARBAGE:
            assert (shell.root / "sos.db").read_bytes() == GARBAGE[kind]
        if not refused:
            texts = [entry["text"] for entry in shell.json("inbox", "--as", "bb", "--view", "recent")["entries"]]
            assert {"hello 0", "hello 1", "hello 2"} <= set(texts), kind


@pytest.mark.promise("SQLITE-012", "SQLITE-015")
def test_damaged_bindings_are_kept_beside_the_new_ones(fresh: Callable[[], Shell]) -> None:
    for kind in GARBAGE:
        shell = fresh()
        harm(shell.root / "bindings.json", kind)
        text = shell.event("SessionStart", "another-session", source="startup")
        assert text is not None
        assert "bindings.json" in text
        shell.connect("bb")
        assert (shell.root / "bindings.json.damaged").read_bytes() == GARBAGE[kind]
        assert json.loads((shell.root / "bindings.json").read_text()) == {str(shell.home): "bb"}


@pytest.mark.promise("SEND-003")
def test_an_outbox_file_that_cannot_be_read_is_kept_and_said_and_stops_no_other(fresh: Callable[[], Shell]) -> None:
    for kind in [*GARBAGE, "directory"]:
        shell = fresh()
        harm(shell.root / "agents/aa/outbox" / f"{QUEUED}.json", kind)
        ran = shell.run("send", "--as", "aa", "bb", "flows on")
        assert ran.code == 0
        kept = shell.root / "agents/aa/outbox" / f"{QUEUED}.json.damaged"
        assert str(kept) in ran.err
        assert shell.run("outbox", "--as", "aa", "--json").json["damaged"] == [str(kept)]
        assert kept.is_dir() or kept.read_bytes() == GARBAGE[kind]


@pytest.mark.promise("HOME-001")
def test_an_identity_cut_anywhere_is_whole_or_refused(fresh: Callable[[], Shell]) -> None:
    root = fresh().root
    file, whole = root / "agents/bb/agent.toml", homes.load(str(root), "bb")
    data = file.read_bytes()
    for length in range(len(data) - 1):
        file.write_bytes(data[:length])
        with pytest.raises(HomeDamaged) as refused:
            homes.load(str(root), "bb")
        assert "sos join" in refused.value.next_step
    file.write_bytes(data[:-1])  # the end of the last line says nothing
    assert homes.load(str(root), "bb") == whole


@pytest.mark.promise("TOKEN-004", "CLI-009")
@pytest.mark.parametrize("other", ["of another agent", "of another service", "twice", "cut", "unknown"])
def test_a_wrong_token_is_refused_and_said_and_joining_again_mends_it(fresh: Callable[[], Shell], other: str) -> None:
    shell = fresh()
    file = shell.root / "agents/bb/token.bus"
    mine, another = file.read_bytes(), (shell.root / "agents/aa/token.bus").read_bytes()
    squad = (shell.root / "agents/bb/token.squad").read_bytes()
    file.write_bytes(
        {
            "of another agent": another,
            "of another service": squad,
            "twice": mine + another,
            "cut": mine[:40],
            "unknown": b"secret",
        }[other]
    )
    codes = {"of another agent": "token_refused", "of another service": "token_wrong_kind"}
    assert said(shell, "inbox", "--as", "bb") == codes.get(other, "token_damaged")
    assert said(shell, "send", "--as", "bb", "aa", "x")
    for text in heard(shell):
        assert "bus unreachable since" in text
    assert said(shell, "join", "--name", "bb", "--role", "builder", "--project", "demo") == ""
    assert len(shell.json("inbox", "--as", "bb")["entries"]) == 3


@pytest.mark.promise("HOOK-009")
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "Stop"])
def test_a_quiet_file_of_foreign_hands_hides_nothing_from_a_full_check(fresh: Callable[[], Shell], event: str) -> None:
    shell = fresh()
    shell.json("send", "--as", "aa", "--request", "bb", "urgent")
    quiet = shell.root / "run/quiet-bb"
    quiet.touch(mode=0o600)
    assert shell.event("PostToolBatch", S1) is None  # that is what the file says
    shown = shell.event(event, S1, source="resume", stop_hook_active=False)
    assert shown is not None
    assert ("Unread: 4" if event == "SessionStart" else "| urgent") in shown
    assert quiet.exists() == (event != "SessionStart")
    assert os.listdir(shell.root / "run")
