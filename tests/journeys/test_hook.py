"""The installed hook line, run as Claude Code runs it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import sos.hook
from sos import files
from sos.hook.event import parse_event
from sos.hook.session import begin
from sos.runtimes.speech import speech_of
from sos.settings import load
from sos.stores.sqlite.store import SqliteStore
from tests.shell import Shell
from tests.watching import until

S1, S2 = "5a12d4d5-0000-4000-8000-000000000001", "5a12d4d5-0000-4000-8000-000000000002"


def start(shell: Shell, session: str = S1) -> str:
    text = shell.event("SessionStart", session, source="startup")
    assert text is not None
    return text


def send(shell: Shell, text: str, *flags: str) -> str:
    return str(shell.json("send", "--as", "aa", *flags, "bb", text)["id"])


def facts(shell: Shell, identifier: str) -> list[str]:
    found = shell.json("trace", "--as", "aa", identifier)["deliveries"][0]["facts"]
    return [fact["kind"] for fact in found]


def transcript(home: Path, *lines: dict[str, object]) -> Path:
    path = home / "transcript.jsonl"
    with path.open("a") as file:
        file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    return path


def request_line() -> dict[str, object]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() + 5)) + ".000Z"
    return {"type": "api-request", "timestamp": stamp}


def tokens(text: str) -> int:
    """More tokens than any tokenizer makes of it: two characters of an id or a time each, four of a word, every sign its own."""
    parts = re.findall(r"[A-Za-z]+|[0-9a-f]+|[^\sA-Za-z0-9]", text)
    return sum(-(-len(part) // (4 if part.isalpha() else 2)) if part.isalnum() else len(part.encode()) for part in parts)


@pytest.mark.promise("HOOK-006")
def test_the_resume_packet_tells_who_it_is_what_is_open_both_ways_and_where_the_guide_is(shell: Shell) -> None:
    inside = shell.inside(S1)
    start(shell)
    asked, own = send(shell, "now?", "--request"), inside.json("send", "--request", "aa", "and you?")["id"]
    for number in range(25):
        inside.json("send", "aa", f"later {number}")
    send(shell, "plain")
    packets = {
        source: shell.event("SessionStart", S1, source=source) or "" for source in ("startup", "compact", "clear", "resume")
    }
    assert len(set(packets.values())) == 1  # the same state, the same packet, though a second has gone by
    text = packets["compact"]
    assert text.startswith(f"[sos] You are bb, because of the directory {os.path.realpath(shell.home)}.\n")
    for part in ("Who am I? bb (bb), executor, project demo", "Where is my inbox? tested", "What can I do? none declared",
                 f"What do I do when stuck? {shell.root}/agents/bb/RECOVERY.md", "Unread: 2",
                 f"Open request {asked} from aa (same-user)", f"You wait for aa on your request {own}"):  # fmt: skip
        assert part in text
    assert tokens(text) <= 600


@pytest.mark.promise("HOOK-006")
@pytest.mark.parametrize("length", [0, 12])
def test_the_resume_packet_stays_within_600_tokens_and_keeps_whole_lines_and_counts(home: Path, length: int) -> None:
    (deep := home / "/".join(["a-long-path"] * length)).mkdir(parents=True, exist_ok=True)
    shell = Shell(deep, {"HOME": str(deep), "SOS_HOME": str(deep / ".sos")})
    inside = shell.inside(S1)
    shell.join("aa")
    shell.join("bb", *(word for number in range(40) for word in ("--skill", f"skill number {number}")))
    shell.connect("bb")
    start(shell)
    for number in range(7):
        send(shell, f"{number}", "--request")
        inside.json("send", "--request", "aa", f"{number}")
    start(shell, S2)
    text = shell.event("SessionStart", S2, source="compact") or ""
    assert "Another live session" in text
    assert "- +4 open requests: sos inbox --view open\n" in text
    assert "- You wait for more than 3 answers: sos sent" in text
    assert f"What do I do when stuck? {shell.root}/agents/bb/RECOVERY.md\n" in text  # half a path opens nothing
    listed = (text.count("- Open request"), text.count("- You wait for aa"))
    # Paths take the room of some: long ones of more, and this machine's own are of any length.
    assert listed[0] > 0 if length else (listed[0], listed[1] > 0) == (3, True), listed
    assert tokens(text) <= 600, tokens(text)
    assert all(line.startswith(("[sos] ", "- ")) for line in text.splitlines())


@pytest.mark.promise("HOOK-016")
@pytest.mark.parametrize("missed", ["killed before it began", "another hook at it", "store gone"])
def test_a_session_whose_start_was_missed_starts_with_its_first_prompt(shell: Shell, missed: str) -> None:
    send(shell, "hello")
    if missed == "another hook at it":
        with files.Lock(str(shell.root / "agents/bb/hook.lock"), 1.0):
            assert shell.event("SessionStart", S1, source="startup") is None
    if missed == "store gone":
        (shell.root / "sos.db").rename(shell.root / "away")
        assert "bus unreachable since" in start(shell)
        (shell.root / "away").rename(shell.root / "sos.db")
    shown = shell.event("UserPromptSubmit", S1) or ""
    assert shown.startswith("[sos] You are bb, because of the directory ")
    assert "| hello" in shown
    assert shell.inside(S1).json("whoami")["id"] == "bb"
    assert shell.event("UserPromptSubmit", S1) is None
    shell.event("SessionEnd", S1)
    assert not (shell.root / "run" / f"due-{S1}").exists()


@pytest.mark.promise("HOOK-016", "WHO-004", "WHO-007")
def test_a_session_that_started_as_nobodys_stays_so_whatever_is_bound_later(shell: Shell) -> None:
    (elsewhere := shell.home.with_name("elsewhere")).mkdir()
    assert shell.event("SessionStart", S1, source="startup", cwd=str(elsewhere)) is None
    shell.json("connect", "claude", "--as", "bb", "--dir", str(elsewhere))
    assert shell.event("UserPromptSubmit", S1, cwd=str(elsewhere)) is None


@pytest.mark.promise("INBOX-016")
def test_an_open_request_is_shown_four_times_and_then_counted_until_it_is_answered(shell: Shell) -> None:
    start(shell)
    identifier, shown = send(shell, "answer me", "--request"), {}
    for turn in range(24):
        shown[turn] = shell.event("UserPromptSubmit", S1) or ""
    assert [turn for turn, text in shown.items() if "| answer me" in text] == [0, 1, 5, 20]
    counted = "[sos] 1 open request waits for your answer: sos inbox --view open"
    assert [turn for turn, text in shown.items() if text.endswith(counted)] == [21, 22, 23]
    assert all(text in ("", counted) for turn, text in shown.items() if turn not in {0, 1, 5, 20})
    assert shell.event("PostToolBatch", S1) is None
    assert shell.event("Stop", S1) is None
    shell.inside(S1).json("ack", identifier)
    assert shell.event("UserPromptSubmit", S1) is None


@pytest.mark.promise("HOOK-004")
def test_a_message_is_shown_once_and_marked_after_the_flush(shell: Shell) -> None:
    start(shell)
    identifier = send(shell, "hello")
    shown = shell.event("UserPromptSubmit", S1, prompt="x")
    assert shown is not None
    assert "| hello" in shown
    assert identifier in shown
    assert facts(shell, identifier) == ["accepted", "stored", "surfaced"]
    assert shell.event("UserPromptSubmit", S1, prompt="x") is None


@pytest.mark.promise("HOOK-007")
def test_a_tool_batch_is_silent_when_quiet_and_shows_what_came_since(shell: Shell) -> None:
    start(shell)
    assert shell.event("UserPromptSubmit", S1, prompt="x") is None
    assert (shell.root / "run" / "quiet-bb").exists()
    assert shell.event("PostToolBatch", S1) is None
    send(shell, "now")
    assert not (shell.root / "run" / "quiet-bb").exists()
    shown = shell.event("PostToolBatch", S1)
    assert shown is not None
    assert "| now" in shown
    assert (shell.root / "run" / "quiet-bb").exists()


@pytest.mark.promise("WHO-007")
def test_an_unbound_session_is_left_in_peace(shell: Shell, tmp_path: Path) -> None:
    send(shell, "hello")
    for event in ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop", "SessionEnd"):
        assert shell.event(event, S1, cwd=str(tmp_path)) is None
    assert (shell.root / "run" / f"q-{S1}").readlink() == Path(".")


def test_an_unset_session_id_rings_instead_of_being_quiet_for_ever(shell: Shell) -> None:
    line = json.loads((shell.home / ".claude/skills/sos/hooks/hooks.json").read_text())["hooks"]["PostToolBatch"]
    assert "/q-$CLAUDE_CODE_SESSION_ID" in line[0]["hooks"][0]["command"]
    assert not (shell.root / "run" / "q-").exists()


@pytest.mark.promise("WHO-007")
def test_events_of_subagents_print_and_mark_nothing(shell: Shell) -> None:
    start(shell)
    identifier = send(shell, "hello")
    assert shell.event("PostToolBatch", S1, agent_id="sub") is None
    assert facts(shell, identifier) == ["accepted", "stored"]


@pytest.mark.promise("HOOK-003")
def test_stop_continues_only_for_unread_requests_and_only_once(shell: Shell) -> None:
    start(shell)
    send(shell, "plain")
    assert shell.event("Stop", S1, stop_hook_active=False) is None
    send(shell, "urgent", "--request")
    assert shell.event("Stop", S1, stop_hook_active=True) is None
    shown = shell.event("Stop", S1, stop_hook_active=False)
    assert shown is not None
    assert "| urgent" in shown
    assert shell.event("Stop", S1, stop_hook_active=False) is None


@pytest.mark.promise("HOOK-013", "READY-003")
def test_arrival_needs_evidence_and_its_own_showing(shell: Shell, home: Path) -> None:
    start(shell)
    path = transcript(home, {"type": "mode"})
    identifier = send(shell, "hello")
    shown = shell.event("UserPromptSubmit", S1, transcript_path=str(path))
    assert shown is not None
    forged = shown.replace("[sos ", "[sos 00")
    attachment = {"type": "hook_additional_context", "content": [forged], "hookEvent": "UserPromptSubmit"}
    transcript(home, {"type": "attachment", "attachment": attachment, "rendered": [{"content": forged}]})
    thrown = {"type": "hook_success", "stdout": shown, "content": shown, "hookEvent": "UserPromptSubmit"}
    transcript(home, {"type": "attachment", "attachment": thrown})
    shell.event("Stop", S1, transcript_path=str(path))
    assert "in context" not in facts(shell, identifier)
    real = {"type": "hook_additional_context", "content": [shown], "hookEvent": "UserPromptSubmit"}
    transcript(home, {"type": "attachment", "attachment": real, "rendered": [{"content": shown}]}, request_line())
    shell.event("Stop", S1, transcript_path=str(path))
    assert facts(shell, identifier) == ["accepted", "stored", "surfaced", "in context"]
    assert shell.json("whoami", "--as", "bb")["proven_at"] is not None


@pytest.mark.promise("INBOX-015", "INBOX-014")
def test_what_did_not_arrive_comes_again_marked_and_then_the_sender_is_told(shell: Shell, home: Path) -> None:
    start(shell)
    path = transcript(home, {"type": "mode"})
    identifier = send(shell, "hello")
    for number in (1, 2, 3):
        shown = shell.event("UserPromptSubmit", S1, transcript_path=str(path))
        assert shown is not None
        assert ("again (no." in shown) == (number > 1)
        transcript(home, request_line())
        shell.event("Stop", S1, transcript_path=str(path))
    assert shell.event("UserPromptSubmit", S1, transcript_path=str(path)) is None
    assert facts(shell, identifier)[-1] == "dead"
    told = shell.json("inbox", "--as", "aa")["entries"]
    assert [entry["kind"] for entry in told] == ["event"]


@pytest.mark.promise("WHO-009")
def test_a_second_live_session_is_told_who_holds_and_can_take(shell: Shell) -> None:
    start(shell, S1)
    assert "Another live session" in start(shell, S2)
    send(shell, "hello")
    assert shell.event("UserPromptSubmit", S2) is None
    taken = shell.inside(S2).run("take")
    assert taken.code == 0, taken
    assert shell.event("UserPromptSubmit", S1) is None
    shown = shell.event("UserPromptSubmit", S2)
    assert shown is not None
    assert "| hello" in shown


@pytest.mark.promise("WHO-011")
def test_while_a_program_of_the_agent_receives_a_session_only_lists(shell: Shell) -> None:
    start(shell)
    code = """
import sys
from sos.sdk import Agent
agent = Agent(name="bb")
@agent.on_message
def handle(message):
    print("handled", message.text, flush=True)
agent.run_in_background()
print("runs", flush=True)
sys.stdin.readline()
agent.stop()
"""
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=shell.environment) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "runs\n"
        send(shell, "for the program")
        assert program.stdout.readline() == "handled for the program\n"
        packet = start(shell, S2)
        assert "A program of yours (sdk, process " in packet
        assert "Another live session" not in packet
        program.send_signal(signal.SIGSTOP)  # it neither handles nor ends
        send(shell, "while it lives")
        assert shell.event("UserPromptSubmit", S1) is None
        assert [entry["text"] for entry in shell.inside(S1).json("inbox")["entries"]] == ["while it lives"]
        program.send_signal(signal.SIGCONT)
        program.stdin.write("\n")
        program.stdin.flush()
        program.stdout.read()
    send(shell, "after it has ended")
    assert "| after it has ended" in (shell.event("UserPromptSubmit", S1) or "")


@pytest.mark.promise("WHO-011")
def test_a_program_that_was_killed_gives_the_inbox_back_at_once(shell: Shell) -> None:
    start(shell)
    code = (
        "import sys; from sos.sdk import Agent; a = Agent(name='bb'); a.run_in_background(); print('runs', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=shell.environment
    ) as made:
        assert made.stdout is not None
        assert made.stdout.readline() == b"runs\n"
        until(lambda: "A program of yours" in start(shell, S2))
        made.kill()
        made.wait()
    send(shell, "nobody else reads")
    assert "| nobody else reads" in (shell.event("UserPromptSubmit", S1) or "")


@pytest.mark.promise("INBOX-012")
def test_budget_holds_back_and_counts(shell: Shell) -> None:
    start(shell)
    for number in range(6):
        send(shell, f"{number}" * 3000)
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert len(shown.encode()) <= 9000
    assert "+4 more: sos inbox" in shown
    assert shell.event("PostToolBatch", S1) is None
    later = shell.event("UserPromptSubmit", S1)
    assert later is not None
    assert "2" * 3000 in later


@pytest.mark.promise("INBOX-013")
def test_a_body_over_the_budget_is_cut_and_counts_as_shown(shell: Shell) -> None:
    start(shell)
    identifier = str(shell.json("send", "--as", "aa", "bb", "-", stdin="x" * 60_000)["id"])
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert f"sos read {identifier}" in shown
    assert len(shown.encode()) <= 9000
    assert facts(shell, identifier)[-1] == "surfaced"


@pytest.mark.parametrize("stdin", [b"", b"garbage", b"[]", b'{"session_id": 7}', b"\xff\xfe", b'{"a":' * 5000])
@pytest.mark.promise("HOOK-001")
def test_a_hook_fed_garbage_ends_well_and_says_nothing(shell: Shell, stdin: bytes) -> None:
    ran = shell.run("hook", "claude", "UserPromptSubmit", stdin=stdin)
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.promise("HOOK-005")
def test_a_broken_store_is_said_and_never_looks_like_silence(shell: Shell) -> None:
    start(shell)
    (shell.root / "sos.db-wal").unlink(missing_ok=True)
    (shell.root / "sos.db").write_bytes(b"not a database" * 1000)
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "bus unreachable since" in shown


@pytest.mark.promise("HOOK-002")
def test_a_held_lock_delays_at_most_the_deadline_and_the_message_comes_again(shell: Shell) -> None:
    start(shell)
    send(shell, "hello")
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun = time.monotonic()
        shown = shell.event("UserPromptSubmit", S1)
        assert time.monotonic() - begun < 2  # 400 ms of our own, and a loaded machine
    assert shown is not None
    again = shell.event("UserPromptSubmit", S1)
    assert again is not None
    assert "| hello" in again


@pytest.mark.promise("HOOK-005", "INBOX-010")
def test_what_was_shown_and_could_not_be_marked_is_said_to_have_been_shown(shell: Shell) -> None:
    start(shell)
    send(shell, "hello")
    with (shell.root / "sos.db.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        first = shell.event("UserPromptSubmit", S1) or ""
        second = shell.event("UserPromptSubmit", S1) or ""
    assert "| hello" in first
    assert "may have been shown before" not in first
    third = shell.event("UserPromptSubmit", S1) or ""
    for again in (second, third):
        assert re.match(
            r"\[sos\] since 20[^ ]+Z nothing could be marked as shown \(.*\): what follows may have been shown before\n", again
        )
        assert "| hello" in again
    assert shell.event("UserPromptSubmit", S1) is None
    send(shell, "and more")
    assert (shell.event("UserPromptSubmit", S1) or "").startswith("[sos] 1 message for bb.")


@pytest.mark.promise("HOOK-005")
@pytest.mark.parametrize("harm", ["agent.toml", "bindings.json", "bindings empty", "home gone", "home open", "root open"])
def test_where_it_cannot_be_said_whose_a_session_is_the_hook_says_what_is_wrong(shell: Shell, harm: str) -> None:
    home = shell.root / "agents" / "bb"
    match harm:
        case "agent.toml":
            (home / "agent.toml").write_text("garbage")
        case "bindings.json" | "bindings empty":
            (shell.root / "bindings.json").write_text("garbage" if harm == "bindings.json" else "")
        case "home gone":
            home.rename(shell.home / "away")
        case "home open":
            home.chmod(0o755)
        case "root open":
            shell.root.chmod(0o755)
    for event in ("SessionStart", "UserPromptSubmit", "UserPromptSubmit"):
        assert "bus unreachable since" in (shell.event(event, S1) or ""), event


@pytest.mark.promise("CONNECT-012")
@pytest.mark.parametrize("stale", [('p="', 'p="/gone'), ('f="', 'f="/gone'), ("exit 0\n", "exit 0 # older\n")])
def test_a_stale_launcher_is_written_anew_by_the_next_command(shell: Shell, stale: tuple[str, str]) -> None:
    launcher = shell.root / "bin" / "sos-hook"
    whole = launcher.read_text()
    for words in (["whoami", "--as", "aa"], ["send", "aa", "x"], ["join", "--name", "aa"]):
        launcher.write_text(whole.replace(*stale))
        os.utime(launcher, (1, 1))  # from before this installation
        assert shell.run(*words).code == 0
        assert launcher.read_text() == whole, words
    launcher.write_text(whole.replace(*stale))
    launcher.chmod(0o700)
    assert (shell.run("guide").code, launcher.read_text() == whole) == (0, False)  # it touches nothing


@pytest.mark.promise("CONNECT-012")
def test_after_an_upgrade_the_next_command_compiles_the_hook_anew_and_the_ones_after_it_do_not(shell: Shell) -> None:
    launcher = shell.root / "bin" / "sos-hook"
    (bundle,) = (Path(sos.hook.__file__).parent / "__pycache__").glob(f"hook.{sys.implementation.cache_tag}.bundle")
    os.utime(bundle, (1, 1))
    os.utime(launcher, (1, 1))  # from before this installation
    shell.json("whoami", "--as", "aa")
    assert (bundle.stat().st_mtime > 1, launcher.stat().st_mtime > 1) == (True, True)
    looked = launcher.stat().st_mtime_ns
    shell.json("whoami", "--as", "aa")
    assert launcher.stat().st_mtime_ns == looked


@pytest.mark.promise("CONNECT-012")
def test_the_launcher_of_another_installation_that_works_stays(shell: Shell) -> None:
    launcher, other = shell.root / "bin" / "sos-hook", shell.home / "python"
    other.symlink_to(sys.executable)
    changed = launcher.read_text().replace(f'"{sys.executable}"', f'"{other}"')
    assert changed != launcher.read_text()
    launcher.write_text(changed)
    assert (shell.run("peers").code, launcher.read_text()) == (0, changed)
    shell.json("disconnect", "claude")
    launcher.unlink()
    assert (shell.run("peers").code, launcher.exists()) == (0, False)


@pytest.mark.promise("CONNECT-012")
def test_a_gone_interpreter_is_said_by_the_launcher_itself(shell: Shell) -> None:
    start(shell)
    launcher = shell.root / "bin" / "sos-hook"
    launcher.write_text(launcher.read_text().replace('p="', 'p="/gone'))
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "SOS cannot start" in shown


@pytest.mark.promise("HOOK-009")
@pytest.mark.parametrize("event", ["UserPromptSubmit", "Stop", "SessionStart"])
def test_a_quiet_file_that_lies_hides_mail_from_a_tool_batch_alone(shell: Shell, event: str) -> None:
    start(shell)
    send(shell, "urgent", "--request")
    (shell.root / "run" / "quiet-bb").touch(0o600)
    assert shell.event("PostToolBatch", S1) is None
    shown = shell.event(event, S1, source="resume")
    assert shown is not None
    assert ("Unread: 1" if event == "SessionStart" else "| urgent") in shown


@pytest.mark.promise("HOOK-011")
def test_of_hooks_that_run_at_once_one_shows(shell: Shell) -> None:
    start(shell)
    identifiers = [send(shell, f"number {number}") for number in range(3)]
    with ThreadPoolExecutor(6) as pool:
        shown = list(pool.map(lambda _: shell.event("PostToolBatch", S1), range(6)))
    assert sum("| number 0" in text for text in shown if text) == 1
    assert all(facts(shell, identifier).count("surfaced") == 1 for identifier in identifiers)


@pytest.mark.promise("HOOK-011")
def test_while_another_hook_is_at_it_a_hook_prints_and_marks_nothing_and_leaves_it_rung(shell: Shell) -> None:
    start(shell)
    identifier = send(shell, "hello")
    path = shell.root / "agents" / "bb" / "hook.lock"
    with path.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(path)  # it has just begun
        assert shell.event("UserPromptSubmit", S1) is None
    assert facts(shell, identifier) == ["accepted", "stored"]
    shown = shell.event("PostToolBatch", S1)
    assert shown is not None
    assert "| hello" in shown


@pytest.mark.promise("HOOK-012")
def test_each_run_leaves_its_mark(shell: Shell) -> None:
    def mark() -> tuple[str, str, bool]:
        store = SqliteStore(str(shell.root / "sos.db"), str(shell.root / "run"))
        body = store.agents.body(S1)
        store.close()
        assert body is not None
        return body.hook_event, body.hook_outcome, (body.hook_at or 0) >= before

    before = int(time.time() * 1000)
    start(shell)
    assert mark() == ("SessionStart", "shown", True)
    shell.event("Stop", S1)
    assert mark() == ("Stop", "nothing new", True)
    send(shell, "hello")
    before = int(time.time() * 1000)
    shell.event("UserPromptSubmit", S1)
    assert mark() == ("UserPromptSubmit", "shown", True)


@pytest.mark.promise("HOOK-012", "SENTINEL-001")
def test_runs_that_mail_waits_for_and_that_show_none_of_it_are_counted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def outcome(name: str, *, blind: bool = False) -> str:
        """Of one run in this process; `blind`: what is due is asked for where nothing is."""
        settings = load({**shell.environment, "CLAUDE_CODE_SESSION_ID": S1})
        told = {"session_id": S1, "hook_event_name": name, "cwd": str(shell.home)}
        turn = begin(settings, parse_event(speech_of("claude"), name, json.dumps(told).encode()))
        assert turn is not None
        store = turn._store
        entries = store.mail.entries
        with monkeypatch.context() as patched:
            if blind:
                patched.setattr(store.mail, "entries", lambda *words, **more: [] if "due" in words else entries(*words, **more))
            turn.settle(printed=bool(turn.text()))
        body = store.agents.body(S1)
        store.close()
        assert body is not None
        return body.hook_outcome

    start(shell)
    assert outcome("UserPromptSubmit", blind=True) == "nothing new"
    send(shell, "hello")
    assert outcome("UserPromptSubmit", blind=True) == "passed over"
    assert outcome("Stop", blind=True) == "passed over"  # it was no opportunity
    assert outcome("UserPromptSubmit", blind=True) == "passed over again"
    assert outcome("PostToolBatch", blind=True) == "passed over again"
    assert outcome("PostToolBatch") == "shown"
    assert outcome("UserPromptSubmit") == "nothing new"
    send(shell, "x" * 9000)
    send(shell, "y" * 9000)
    assert outcome("UserPromptSubmit") == "shown"
    assert outcome("PostToolBatch") == "nothing new"  # what the turn's budget holds back was not missed
