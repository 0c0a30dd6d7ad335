"""The hook fed what nobody promised it, in a world that hangs: it ends in time, with 0, and with valid JSON or nothing."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import sos.hook
from sos.hook.run import DEADLINE, LAST
from tests.shell import Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"
BOOT = Path(sos.hook.__file__).with_name("boot.py")
LINE = [sys.executable, "-I", "-S", str(BOOT), "claude"]
BOUND = DEADLINE + LAST + 1.5
"""Its own deadline, and the seconds that a loaded machine may take to start and to end a process."""


@pytest.fixture
def shell(home: Path) -> Shell:
    """bb in a session, with one message unread."""
    made = Shell(home, {"CLAUDE_CODE_SESSION_ID": S1, "CLAUDE_PID": str(os.getpid())})
    outside = Shell(home)
    outside.join("aa")
    outside.join("bb")
    outside.connect("bb")
    outside.event("SessionStart", S1, source="startup")
    outside.json("send", "--as", "aa", "bb", "hello")
    return made


def told(shell: Shell, **fields: Any) -> dict[str, Any]:
    given = {"session_id": S1, "hook_event_name": "UserPromptSubmit", "cwd": str(shell.home), "transcript_path": "", **fields}
    return {key: value for key, value in given.items() if value is not ...}


def fed(shell: Shell, data: bytes, event: str = "UserPromptSubmit", **options: Any) -> str:
    """Run the hook on these bytes: it ends with 0 in time; the text that it puts into the context, or nothing."""
    begun = time.monotonic()
    options = {"env": shell.environment, "cwd": shell.home, "timeout": 30, **options}
    done = subprocess.run([*LINE, event], input=data, capture_output=True, check=False, **options)
    assert time.monotonic() - begun < BOUND
    assert done.returncode == 0, done
    assert done.stderr == b"", done
    return context(done.stdout)


def settled(shell: Shell, data: bytes, event: str = "UserPromptSubmit", **options: Any) -> str:
    """The text of a run that was not late. A machine under load may strike the deadline: that is said, and the next run is."""
    text = ""
    for _ in range(4):
        text = fed(shell, data, event, **options)
        if "in time. Messages may be waiting" not in text:
            break
    return text


def shows(shell: Shell, data: bytes, event: str = "UserPromptSubmit", **options: Any) -> bool:
    """Whether the message comes."""
    return "| hello" in settled(shell, data, event, **options)


def context(out: bytes) -> str:
    if not out:
        return ""
    made = json.loads(out)["hookSpecificOutput"]
    assert set(made) == {"hookEventName", "additionalContext"}
    assert "a defect of SOS" not in made["additionalContext"], made
    return str(made["additionalContext"])


def unread(shell: Shell) -> int:
    return len(Shell(shell.home).json("inbox", "--as", "bb")["entries"])


NOTHING = {
    "nothing": b"",
    "garbage": b"\x00\xff garbage",
    "not UTF-8": b'{"session_id": "\xff\xfe"}',
    "a list": b"[]",
    "cut in a text": b'{"session_id": "5a12d4d5-00',
    "cut": b'{"session_id": ',
    "deep": b'{"a":' * 200_000,
    "deep and whole": b"[" * 100_000 + b"]" * 100_000,
    "a key twice": b'{"session_id": "a", "session_id": "b"}',
    "no end": b'{"prompt": "' + b"x" * (20 << 20),
    "a number that is none": b'{"session_id": NaN}',
    "a very long number": b'{"session_id": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.promise("HOOK-001", "HOOK-002")
@pytest.mark.parametrize("name", NOTHING)
def test_bytes_that_are_no_event_are_no_event(shell: Shell, name: str) -> None:
    for event in ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop", "SessionEnd", "Unknown", ""):
        assert settled(shell, NOTHING[name], event) == ""
    assert unread(shell) == 1


ODD: list[Any] = [None, 7, True, [], {}, ["x"], "", "x" * 100_000, "\x00", "\ud800", "../../etc", "-", 1e300, ...]
INTACT = ("cwd", "source", "transcript_path", "stop_hook_active", "prompt", "permission_mode")


@pytest.mark.promise("HOOK-001", "HOOK-002")
def test_fields_of_a_wrong_type_keep_no_message_back(shell: Shell) -> None:
    for value in ODD:
        odd = dict.fromkeys(INTACT, value)
        for event in ("SessionStart", "UserPromptSubmit", "Stop"):
            data = json.dumps(told(shell, **odd, hook_event_name=event)).encode()
            assert shows(shell, data, event) == (event == "UserPromptSubmit"), (event, value)
        Shell(shell.home).json("send", "--as", "aa", "bb", "hello")


@pytest.mark.promise("HOOK-001", "HOOK-002")
@pytest.mark.parametrize("name", ["session_id", "hook_event_name", "agent_id"])
def test_an_event_that_does_not_say_whose_or_when_breaks_nothing(shell: Shell, name: str) -> None:
    for value in ODD:
        for event in ("SessionStart", "UserPromptSubmit"):
            fed(shell, json.dumps(told(shell, **{"hook_event_name": event, name: value})).encode(), event)


@pytest.mark.promise("HOOK-001", "HOOK-002")
def test_a_prompt_of_ten_megabytes_takes_the_message_or_says_why_not(shell: Shell) -> None:
    text = fed(shell, json.dumps(told(shell, prompt="x" * (10 << 20), more=[{"a": [1] * 1000}] * 300)).encode())
    assert "| hello" in text or "bus unreachable since" in text


@pytest.mark.promise("HOOK-002", "HOOK-005")
@pytest.mark.parametrize("begun", [b"", b'{"session_id": "'])
def test_an_input_that_never_ends_is_given_up_and_said(shell: Shell, begun: bytes) -> None:
    read, write = os.pipe()
    os.write(write, begun)
    started = time.monotonic()
    done = subprocess.run(
        [*LINE, "UserPromptSubmit"], stdin=read, env=shell.environment, capture_output=True, check=False, timeout=30
    )
    assert time.monotonic() - started < BOUND
    os.close(read)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "bus unreachable since" in context(done.stdout)
    assert unread(shell) == 1


HOLD = "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.flock(f,2); print(1,flush=True); sys.stdin.read()"
EXCLUSIVE = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA locking_mode = EXCLUSIVE"); c.execute("BEGIN EXCLUSIVE")
print(1, flush=True); sys.stdin.read()
"""
WRITING = EXCLUSIVE.replace('c.execute("PRAGMA locking_mode = EXCLUSIVE"); ', "")


@contextmanager
def stopped(program: str, path: Path) -> Iterator[None]:
    """A process that took something and then stopped for ever."""
    holder = subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline()
    holder.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        holder.send_signal(signal.SIGCONT)
        holder.communicate(b"")


@pytest.mark.promise("HOOK-002", "HOOK-005", "INBOX-010")
@pytest.mark.parametrize("what", ["lock", "writer", "exclusive", "hook lock"])
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop"])
def test_a_store_held_by_a_stopped_process_costs_the_deadline_and_no_message(shell: Shell, what: str, event: str) -> None:
    program, name = {
        "lock": (HOLD, "sos.db.lock"),
        "writer": (WRITING, "sos.db"),
        "exclusive": (EXCLUSIVE, "sos.db"),
        "hook lock": (HOLD, "agents/bb/hook.lock"),
    }[what]
    path = shell.root / name
    if what == "exclusive":  # it takes the whole database only where no wal-index is shared yet
        (shell.root / "sos.db-shm").unlink(missing_ok=True)
    data = json.dumps(told(shell, hook_event_name=event, source="resume", stop_hook_active=False)).encode()
    with stopped(program, path):
        text = fed(shell, data, event)
    if what == "exclusive":
        assert "bus unreachable since" in text
    if what != "hook lock" and event in {"UserPromptSubmit", "PostToolBatch"}:
        assert "| hello" in text or "bus unreachable since" in text
    assert unread(shell) == 1  # nothing could be marked
    os.utime(shell.root / "agents/bb/hook.lock", (0, 0))
    assert shows(shell, json.dumps(told(shell)).encode())


@pytest.mark.promise("HOOK-001")
def test_a_hook_lock_held_for_long_is_passed_over(shell: Shell) -> None:
    with stopped(HOLD, shell.root / "agents/bb/hook.lock"):
        os.utime(shell.root / "agents/bb/hook.lock", (0, 0))
        assert shows(shell, json.dumps(told(shell)).encode())


def without_override() -> None:
    """Root reads everything; take that away from the program that is about to start (PR_CAPBSET_DROP of CAP_DAC_*)."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        assert libc.prctl(24, 1) == libc.prctl(24, 2) == 0


@pytest.mark.promise("HOOK-001", "HOOK-005")
def test_a_home_that_cannot_be_read_is_said_at_the_start_of_a_session(shell: Shell) -> None:
    data = json.dumps(told(shell, hook_event_name="SessionStart")).encode()
    options: dict[str, Any] = {"cwd": "/", "preexec_fn": without_override}
    shell.root.chmod(0)
    try:
        assert "bus unreachable since" in fed(shell, data, "SessionStart", **options)
        for event in ("UserPromptSubmit", "PostToolBatch", "Stop", "SessionEnd"):
            fed(shell, json.dumps(told(shell, hook_event_name=event)).encode(), event, **options)
    finally:
        shell.root.chmod(0o700)


@pytest.mark.promise("HOOK-002", "HOOK-005")
def test_trouble_is_said_in_time_although_telling_it_properly_hangs(shell: Shell) -> None:
    (shell.root / "agents" / "bb" / "token.bus").write_text("no token\n")
    os.mkfifo(shell.root / "run" / "unreachable-bb", 0o600)  # since when is kept here; nobody will ever write it
    assert "bus unreachable since" in fed(shell, json.dumps(told(shell)).encode())


@pytest.mark.promise("HOOK-001")
def test_without_home_or_directory_or_environment_it_ends_well(shell: Shell, tmp_path: Path) -> None:
    data = json.dumps(told(shell)).encode()
    bare = {"SOS_HOME": str(shell.root), "CLAUDE_CODE_SESSION_ID": S1}
    assert shows(shell, data, env=bare)
    assert fed(shell, data, env={"CLAUDE_CODE_SESSION_ID": S1, "HOME": str(tmp_path / "nowhere")}) == ""
    assert fed(shell, data, env={"SOS_HOME": "relative", "CLAUDE_CODE_SESSION_ID": S1}) == ""
    assert fed(shell, data, env={**bare, "SOS_STORE": "redis://localhost"}) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.promise("HOOK-001")
@pytest.mark.parametrize("cwd", ["", ...])
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit"])
def test_a_directory_that_is_gone_is_no_matter(shell: Shell, tmp_path: Path, cwd: Any, event: str) -> None:
    gone = tmp_path / "gone"
    for session in (S1, "another"):
        gone.mkdir()
        line = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
        data = json.dumps(told(shell, cwd=cwd, hook_event_name=event, session_id=session)).encode()
        done = subprocess.run(
            ["/bin/sh", "-c", line, "sh", *LINE, event], input=data, env=shell.environment, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), done
        if session == S1:
            assert context(done.stdout)
        else:
            context(done.stdout)


def fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(pipe, b"x" * size)
        except BlockingIOError:
            continue
    os.set_blocking(pipe, True)


@pytest.mark.promise("HOOK-001", "HOOK-002", "INBOX-010")
@pytest.mark.parametrize("event", ["SessionStart", "UserPromptSubmit", "PostToolBatch"])
@pytest.mark.parametrize("out", ["closed", "nobody reads", "full", "full, and the store too"])
def test_what_could_not_be_printed_is_not_marked(shell: Shell, out: str, event: str) -> None:
    read, write = os.pipe()
    if out == "nobody reads":
        os.close(read)
    if out.startswith("full"):
        fill(write)
    if out.endswith("too"):
        (shell.root / "sos.db").rename(shell.root / "away.db")
    line = 'exec "$@" >&-' if out == "closed" else 'exec "$@"'
    begun = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *LINE, event],
        input=json.dumps(told(shell, hook_event_name=event)).encode(),
        stdout=write, stderr=subprocess.PIPE, env=shell.environment, check=False, timeout=30,
    )  # fmt: skip
    assert time.monotonic() - begun < BOUND
    assert (done.returncode, done.stderr) == (0, b"")
    os.close(write)
    if out != "nobody reads":
        os.close(read)
    if out.endswith("too"):
        (shell.root / "away.db").rename(shell.root / "sos.db")
    assert unread(shell) == 1
    assert shows(shell, json.dumps(told(shell)).encode())


@pytest.mark.promise("HOOK-001", "HOOK-002")
@pytest.mark.parametrize("kind", ["fifo", "directory", "endless", "one long line", "binary"])
def test_a_transcript_of_another_kind_delays_and_hides_nothing(shell: Shell, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "transcript"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "endless":
            path = Path("/dev/zero")
        case "one long line":
            path.write_bytes(b"x" * (8 << 20))
        case _:
            path.write_bytes(b'{"type": "api-request", \xff "[sos \n' * 3000)
    for event in ("UserPromptSubmit", "Stop", "UserPromptSubmit"):
        data = json.dumps(told(shell, hook_event_name=event, transcript_path=str(path), stop_hook_active=False)).encode()
        assert shows(shell, data, event) or event == "Stop"
        Shell(shell.home).json("send", "--as", "aa", "bb", "hello")


@pytest.mark.promise("HOOK-005")
def test_the_notice_tells_since_when_until_the_bus_answers_again(shell: Shell) -> None:
    data, store = json.dumps(told(shell)).encode(), shell.root / "sos.db"
    store.rename(shell.root / "away.db")
    first, second = fed(shell, data), fed(shell, data)
    assert first == second
    since = first.partition("bus unreachable since ")[2][:24]
    assert since.endswith("Z")
    (shell.root / "away.db").rename(store)
    assert shows(shell, data)
    store.rename(shell.root / "away.db")
    assert "bus unreachable since" in fed(shell, data)
    assert since not in fed(shell, data)
