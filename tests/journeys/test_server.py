"""`sos serve` as people use it: a server process, homes on other machines (other HOMEs), the real commands and the real hook."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sos.model.times import HOUR
from tests.serving import Serving, shell_at
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
OTHER = "5a12d4d5-0000-4000-8000-000000000002"


@pytest.fixture
def laptop(serving: Serving, tmp_path: Path) -> Shell:
    """Another machine, where `aa` and `bb` have joined, and `bb` has Claude Code."""
    made = shell_at(tmp_path / "laptop")
    for name in ("aa", "bb"):
        made.json("join", "--name", name, "--url", serving.url, "--invite", serving.invitation(name))
    made.connect("bb")
    return made


def in_context(laptop: Shell) -> Shell:
    """A session of `bb` that has started; its own shell."""
    assert "You are bb" in (laptop.event("SessionStart", SESSION) or "")
    return laptop.inside(SESSION)


@pytest.mark.promise("SERVER-001", "SERVER-010", "MESSAGE-010")
def test_the_main_job_over_a_server(laptop: Shell) -> None:
    inside = in_context(laptop)
    sent = laptop.json("send", "--as", "aa", "--request", "bb", "please review")
    shown = laptop.event("UserPromptSubmit", SESSION) or ""
    assert f"{sent['id']}] request from aa (token) · your project" in shown
    assert "| please review" in shown
    assert inside.json("reply", sent["id"], "I can take this.")["recipients"] == ["aa"]
    (entry,) = laptop.json("inbox", "--as", "aa")["entries"]
    assert (entry["sender"], entry["assurance"], entry["text"]) == ("bb", "token", "I can take this.")
    facts = [fact["kind"] for fact in laptop.json("trace", "--as", "aa", sent["id"])["deliveries"][0]["facts"]]
    assert facts == ["accepted", "stored", "surfaced", "replied"]


@pytest.mark.promise("SERVER-010")
def test_arrival_is_proven_from_the_transcript_on_the_agents_machine(laptop: Shell, tmp_path: Path) -> None:
    in_context(laptop)
    transcript = tmp_path / "transcript.jsonl"
    transcript.touch()
    sent = laptop.json("send", "--as", "aa", "bb", "hello")
    shown = laptop.event("UserPromptSubmit", SESSION, transcript_path=str(transcript)) or ""
    attachment = {"type": "hook_additional_context", "content": [shown], "hookEvent": "UserPromptSubmit"}
    line = {"type": "attachment", "attachment": attachment, "rendered": [{"content": shown}]}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
    transcript.write_text(json.dumps(line) + "\n" + json.dumps({"type": "api-request", "timestamp": stamp}) + "\n")
    assert laptop.event("PostToolBatch", SESSION, transcript_path=str(transcript)) is None
    facts = laptop.json("trace", "--as", "aa", sent["id"])["deliveries"][0]["facts"]
    assert [fact["kind"] for fact in facts] == ["accepted", "stored", "surfaced", "in context"]
    assert "proven" in laptop.run("whoami", "--as", "bb").out


def test_a_second_session_anywhere_only_lists(laptop: Shell, serving: Serving, tmp_path: Path) -> None:
    in_context(laptop)
    laptop.event("UserPromptSubmit", SESSION)
    started = laptop.event("SessionStart", OTHER) or ""
    assert f"Another live session ({SESSION}" in started
    laptop.json("send", "--as", "aa", "bb", "hello")
    assert laptop.event("UserPromptSubmit", OTHER) is None
    assert laptop.inside(OTHER).json("take")["session"] == OTHER
    assert "| hello" in (laptop.event("UserPromptSubmit", OTHER) or "")


@pytest.mark.promise("SERVER-011")
@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_a_hook_without_its_server_says_so_in_time_and_a_send_is_queued(laptop: Shell, serving: Serving, how: str) -> None:
    in_context(laptop)
    if how == "stopped":
        serving.stop(signal.SIGKILL)
    else:
        serving.process.send_signal(signal.SIGSTOP)
    begun = time.monotonic()
    shown = laptop.event("UserPromptSubmit", SESSION) or ""
    assert time.monotonic() - begun < 5  # the limit of 400 ms is measured in bench/hook_outage.py
    assert "[sos] bus unreachable since" in shown
    ran = laptop.run("send", "--json", "--as", "aa", "bb", "later")
    assert (ran.code, ran.json["queued"]) == (75, True)
    if how == "stopped":
        serving.start()
    else:
        serving.process.send_signal(signal.SIGCONT)
    assert laptop.json("inbox", "--as", "aa")["unread"] == 0  # any command of the sender drains
    assert "| later" in (laptop.event("UserPromptSubmit", SESSION) or "")
    assert laptop.json("outbox", "--as", "aa")["outbox"] == []


def lying(answer: bytes) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answers() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken:
                    taken.recv(65536)
                    taken.sendall(answer)

        threading.Thread(target=answers, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


LIES = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "garbage": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff{]}",
    "another shape": b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"head": "x"}',
    "cut off": b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"agent": ',
    "endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "a proxy's error": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n",
}


@pytest.mark.promise("SERVER-011")
@pytest.mark.parametrize("lie", LIES)
def test_a_lying_server_is_no_empty_inbox(laptop: Shell, serving: Serving, lie: str) -> None:
    in_context(laptop)
    for url in lying(LIES[lie]):
        shell = Shell(laptop.home, {**laptop.extra, "SOS_BUS_URL": url})
        assert "[sos] bus unreachable since" in (shell.event("UserPromptSubmit", SESSION) or "")
        ran = shell.run("inbox", "--json", "--as", "aa")
        assert (ran.code, ran.json["error"]) == (75, "store_unreachable"), ran
        assert shell.run("send", "--json", "--as", "aa", "bb", "x").code == 75


def _ages(serving: Serving, left: int) -> None:
    """All tokens of `bb` have `left` milliseconds to live."""
    database = sqlite3.connect(serving.shell.root / "sos.db")
    database.execute("UPDATE token SET expires_at = ? WHERE agent = 'bb'", (time.time_ns() // 1_000_000 + left,))
    database.commit()
    database.close()


@pytest.mark.promise("TOKEN-012")
def test_a_command_renews_the_agents_tokens_and_a_hook_warns_where_none_has(laptop: Shell, serving: Serving) -> None:
    in_context(laptop)
    home = laptop.root / "agents" / "bb"
    before = {path.name: path.read_text() for path in home.glob("token.*") if path.name != "token.lock"}
    _ages(serving, 50 * HOUR)
    shown = laptop.event("UserPromptSubmit", SESSION) or ""
    assert "in less than 72 h, and no sos command has renewed it. Run: sos whoami --as bb" in shown
    assert laptop.event("UserPromptSubmit", SESSION) is None
    ran = laptop.run("inbox", "--as", "bb")
    assert (ran.code, ran.err.count("renewed the")) == (0, 3)
    after = {path.name: path.read_text() for path in home.glob("token.*") if path.name != "token.lock"}
    assert set(after) == set(before) == {"token.bus", "token.registry", "token.squad"}
    assert all(after[name] != before[name] for name in before)
    assert laptop.run("inbox", "--as", "bb").err == ""
    assert laptop.event("UserPromptSubmit", SESSION) is None
    kept = laptop.json("token", "list", "--as", "bb")["tokens"]
    assert sorted(token["service"] for token in kept if token["revoked_at"] is None) == ["bus", "registry", "squad"]


@pytest.mark.promise("TOKEN-012")
def test_a_call_of_a_tool_renews_the_agents_tokens_as_well(laptop: Shell, serving: Serving) -> None:
    token = laptop.root / "agents" / "bb" / "token.bus"
    before = token.read_text()
    _ages(serving, 50 * HOUR)
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}
    assert '"isError": false' in laptop.run("mcp", "--as", "bb", stdin=json.dumps(call) + "\n").out
    assert token.read_text() != before


@pytest.mark.promise("TOKEN-011", "NAME-005", "PRESENCE-005")
def test_an_invitation_is_for_one_name_one_installation_and_one_use(serving: Serving, tmp_path: Path) -> None:
    one, two = shell_at(tmp_path / "one"), shell_at(tmp_path / "two")
    invitation = serving.invitation("cc", project="qq", role="code-reviewer")
    words = ["--url", serving.url, "--invite", invitation]
    for wrong in (["--name", "dd"], ["--name", "cc", "--role", "lead"], ["--name", "cc", "--project", "pp"]):
        assert one.run("join", "--json", *wrong, *words).json["error"] == "forbidden"
    assert not (one.root / "agents" / "dd").exists()
    joined = one.json("join", "--name", "cc", *words)
    assert (joined["project"], joined["label"], joined["role"]) == ("qq", "code-reviewer", "specialist")
    assert one.json("join", "--name", "cc", *words)["outcome"] == "same"
    spent = two.run("join", "--json", "--name", "cc", *words).json
    assert spent["error"] == "token_revoked"
    assert spent["next"] == "ask the operator for a new one: sos token mint join --name cc --out FILE"
    assert two.run("join", "--json", "--name", "cc", "--url", serving.url).json["error"] == "invitation_needed"
    ran = two.run("join", "--json", "--name", "cc", "--url", serving.url, "--invite", str(one.root / "agents/cc/token.bus"))
    assert ran.json["error"] == "token_wrong_kind"


@pytest.mark.promise("TOKEN-011", "NAME-005")
def test_over_a_server_too_an_agent_is_known_by_its_slug(serving: Serving, tmp_path: Path) -> None:
    shell = shell_at(tmp_path / "one")
    words = ["join", "--name", "ag-1", "--url", serving.url]
    shell.json("join", "--name", "ag.1", "--url", serving.url, "--invite", serving.invitation("ag.1"))
    assert shell.json(*words)["outcome"] == "same"
    shutil.rmtree(shell.root)
    (serving.shell.home / "invitation-ag.1").unlink()
    made = shell.json(*words, "--invite", serving.invitation("ag.1"))
    assert (made["outcome"], made["name"]) == ("same", "ag.1")
    assert 'name = "ag.1"' in (shell.root / "agents" / "ag-1" / "agent.toml").read_text()


@pytest.mark.promise("TOKEN-011", "PRESENCE-005")
def test_a_copied_invitation_is_refused_while_it_is_in_use_and_the_operator_is_told(serving: Serving, tmp_path: Path) -> None:
    one, two = shell_at(tmp_path / "one"), shell_at(tmp_path / "two")
    words = ["join", "--json", "--name", "cc", "--url", serving.url, "--invite", serving.invitation("cc")]
    running = [
        subprocess.Popen([sys.executable, "-m", "sos", *words], env=shell.environment, stdout=subprocess.PIPE, text=True)
        for shell in (one, two)
    ]
    answers = [json.loads(each.communicate(timeout=60)[0]) for each in running]
    assert sorted(answer.get("outcome", answer.get("error")) for answer in answers) == ["new", "token_revoked"]
    with sqlite3.connect(serving.shell.root / "sos.db") as database:
        codes = [row[0] for row in database.execute("SELECT code FROM notice")]
    assert codes in ([], ["invitation_cloned"])  # none where the first had finished before the second began


def test_a_home_that_holds_anothers_token_is_found_out(laptop: Shell) -> None:
    theirs = (laptop.root / "agents/bb/token.bus").read_text()
    (laptop.root / "agents/aa/token.bus").write_text(theirs)
    ran = laptop.run("send", "--json", "--as", "aa", "bb", "x")
    assert (ran.code, ran.json["error"]) == (1, "token_refused")
    assert "is bb's" in ran.json["message"]


@pytest.mark.promise("SERVER-012", "SERVER-002")
def test_tokens_never_go_to_another_service(laptop: Shell) -> None:
    for service, words in (("registry", ["peers"]), ("squad", ["skill", "list"]), ("bus", ["inbox"])):
        seen: list[bytes] = []
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def capture(take: Callable[[bytes], None] = seen.append, listening: socket.socket = listening) -> None:
                taken, _ = listening.accept()
                with taken:
                    take(taken.recv(65536))
                    taken.sendall(b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n")

            thread = threading.Thread(target=capture)
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            shell = Shell(laptop.home, {**laptop.extra, f"SOS_{service.upper()}_URL": url})
            assert shell.run(*words, "--as", "aa").code == 75
            thread.join(10)
        own = {
            name: (laptop.root / f"agents/aa/token.{name}").read_text().strip().encode() for name in ("registry", "squad", "bus")
        }
        assert [name for name, token in own.items() if token in seen[0]] == [service]
        assert b"?" not in seen[0].split(b"\r\n")[0] or own[service] not in seen[0].split(b"\r\n")[0]


@pytest.mark.promise("WHO-002")
def test_where_agents_joined_a_server_a_command_of_nobody_says_who_could_act(laptop: Shell) -> None:
    ran = laptop.run("send", "bb", "hello")
    assert (ran.code, "whose operator is not at home here" in ran.err, "--as aa" in ran.err) == (1, True, True)


def test_who_joined_a_server_is_not_taken_elsewhere_by_the_environment(laptop: Shell, tmp_path: Path) -> None:
    for extra in ({"SOS_URL": "http://127.0.0.1:1"}, {"SOS_STORE": f"sqlite://{tmp_path}/other.db"}):
        ran = Shell(laptop.home, {**laptop.extra, **extra}).run("inbox", "--json", "--as", "aa")
        assert ran.json["error"] == "bus_mismatch", ran
    assert laptop.run("join", "--json", "--name", "dd").json["error"] == "invalid_input"


def test_a_server_stops_while_a_client_waits_and_answers_it(laptop: Shell, serving: Serving) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "sos", "wait", "--as", "bb", "--timeout", "20s", "--json"],
        env=laptop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(0.7)
    assert serving.stop() == 0
    time.sleep(0.3)
    serving.start()
    laptop.json("send", "--as", "aa", "bb", "hello")
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, json.loads(out)["unread"]) == (0, 1), (out, err)  # it waited for the server as well


def test_a_wait_whose_time_is_up_while_the_server_is_away_says_so_and_not_that_there_is_nothing(
    laptop: Shell, serving: Serving
) -> None:
    assert serving.stop() == 0
    ran = laptop.run("wait", "--as", "bb", "--timeout", "1s")
    assert (ran.code, ran.out) == (75, "")
    assert ran.err.count("still waiting") == 1, ran


@pytest.mark.promise("CLI-006")
def test_a_monitor_that_starts_while_the_server_is_away_hears_when_it_is_back(laptop: Shell, serving: Serving) -> None:
    assert serving.stop() == 0
    monitor = subprocess.Popen(
        [sys.executable, "-m", "sos", "wait", "--line", "--as", "bb"],
        env=laptop.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        time.sleep(2)
        assert monitor.poll() is None
        serving.start()
        laptop.json("send", "--as", "aa", "bb", "hello")
        assert monitor.stdout is not None
        assert monitor.stdout.readline() == "1 unread message for bb: sos inbox\n"
    finally:
        monitor.kill()
        monitor.communicate()


def test_a_wait_over_a_server_ends_with_the_mail(laptop: Shell) -> None:
    waiting = subprocess.Popen(
        [sys.executable, "-m", "sos", "wait", "--as", "bb", "--json"], env=laptop.environment, stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.3)
    laptop.json("send", "--as", "aa", "bb", "hello")
    out, _ = waiting.communicate(timeout=30)
    assert json.loads(out)["unread"] == 1


def test_a_restored_store_is_noticed_by_who_uses_it_from_afar(laptop: Shell, serving: Serving) -> None:
    in_context(laptop)
    copy = serving.shell.json("backup")["id"]
    laptop.json("send", "--as", "aa", "bb", "lost with the restore")
    laptop.event("UserPromptSubmit", SESSION)
    serving.stop()
    for ending in ("-wal", "-shm"):
        (serving.shell.root / f"sos.db{ending}").unlink(missing_ok=True)
    Path(copy).rename(serving.shell.root / "sos.db")
    serving.start()
    shown = laptop.event("UserPromptSubmit", SESSION) or ""
    assert "The store was restored or replaced" in shown
    assert laptop.event("PostToolBatch", SESSION) is None


def test_a_server_without_its_redis_says_what_to_look_at(tmp_path: Path) -> None:
    shell = shell_at(tmp_path / "alone")
    shell.extra["SOS_STORE"] = "redis://user:secret@127.0.0.1:1/0"
    ran = shell.run("serve", "--port", "0")
    assert (ran.code, "secret" in ran.err, "redis-cli PING" in ran.err, "outbox" in ran.err) == (75, False, True, False)
    shell.extra["SOS_CONVENTIONS"] = "a b"
    assert "'a b' is no address of a stream" in shell.run("serve", "--port", "0").err


def test_a_server_that_cannot_begin_says_why(serving: Serving, tmp_path: Path) -> None:
    other = shell_at(tmp_path / "other")
    ran = other.run("serve", "--json", "--port", serving.port)
    assert (ran.code, ran.json["error"]) == (2, "invalid_input")
    assert "cannot be listened on" in ran.json["message"]
    ran = Shell(other.home, {**other.extra, "SOS_STORE": "redis://127.0.0.1:1/0"}).run("serve", "--json", "--port", "0")
    assert ran.json["error"] in {"store_unreachable", "invalid_input"}, ran
    ran = Shell(other.home, {**other.extra, "SOS_STORE": "redis://127.0.0.1:1/0"}).run("inbox", "--json")
    assert ran.json["error"] == "invalid_input"


SQUAD_TROUBLE = {
    "404": b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found",
    "405": b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n",
    "422": b'HTTP/1.1 422 Unprocessable\r\nContent-Length: 13\r\n\r\n{"detail": 1}',
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "garbage": b"\x00\x01\x02",
    "nothing": b"",
}


@pytest.mark.promise("JOIN-008", "JOIN-010")
@pytest.mark.parametrize("trouble", SQUAD_TROUBLE)
def test_squad_in_trouble_is_a_finding_that_mends_itself(serving: Serving, tmp_path: Path, trouble: str) -> None:
    shell = shell_at(tmp_path / "other")
    words = ["--name", "cc", "--skill", "review", "--url", serving.url, "--invite", serving.invitation("cc")]
    for url in lying(SQUAD_TROUBLE[trouble]):
        joined = Shell(shell.home, {**shell.extra, "SOS_SQUAD_URL": url}).json("join", *words)
        assert [finding["code"] for finding in joined["findings"]] == ["join_skills"], joined
        assert [step["name"] for step in joined["steps"] if not step["ok"]] == ["skills"]
    assert [each["step"] for each in shell.json("whoami", "--as", "cc")["undone"]] == ["skills"]
    shell.connect("cc")
    assert "You are cc" in (shell.event("SessionStart", SESSION) or "")
    assert shell.json("whoami", "--as", "cc")["undone"] == []
    assert [skill["id"] for skill in shell.json("skill", "list", "--as", "cc")["skills"]] == ["review"]


@pytest.mark.promise("SERVER-009")
def test_the_first_start_makes_the_administrators_token_and_never_says_it(serving: Serving) -> None:
    path = serving.shell.root / "operator" / "token.adm"
    token = path.read_text().strip()
    assert token.startswith("sos_adm_")
    assert path.stat().st_mode & 0o777 == 0o600
    serving.stop()
    logged = [json.loads(line) for line in (serving.shell.home / "log").read_text().splitlines()]
    (said,) = [line for line in logged if line["event"] == "admin_token"]
    assert said["path"] == str(path)
    assert token not in (serving.shell.home / "log").read_text()
    serving.start()
    assert path.read_text().strip() == token


@pytest.mark.promise("JOIN-012", "TOKEN-011")
def test_an_invitation_can_be_read_from_standard_input(serving: Serving, tmp_path: Path) -> None:
    shell = shell_at(tmp_path / "other")
    text = Path(serving.invitation("cc")).read_text()
    assert shell.json("join", "--name", "cc", "--url", serving.url, "--invite", "-", stdin=text)["outcome"] == "new"


@pytest.mark.promise("JOIN-002")
def test_a_join_whose_answer_was_lost_goes_on_with_the_same_command(serving: Serving, tmp_path: Path) -> None:
    shell = shell_at(tmp_path / "other")
    words = ["join", "--json", "--name", "cc", "--url", serving.url, "--invite", serving.invitation("cc")]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def swallow() -> None:
            """Hand the request on, and lose the answer."""
            taken, _ = listening.accept()
            with taken, socket.create_connection(("127.0.0.1", int(serving.port))) as onward:
                onward.sendall(taken.recv(65536))
                onward.recv(65536)

        thread = threading.Thread(target=swallow)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ran = Shell(shell.home, {**shell.extra, "SOS_REGISTRY_URL": url}).run(*words)
        thread.join(10)
    assert (ran.code, ran.json["error"]) == (75, "store_unreachable")
    assert shell.run(*words).json["outcome"] == "same"
    assert len(shell.json("token", "list", "--as", "cc")["tokens"]) == 5  # three, the invitation, and its mark


@pytest.mark.promise("DISK-002")
def test_a_server_looks_at_its_disks(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "server", TMPDIR=str(tmp_path / "gone"))
    memory = serving.shell.root / "run" / "disk.json"
    ends = time.monotonic() + 20
    level = f'sos_disk_level{{mount="{tmp_path / "gone"}"}} 2.0'
    while level not in _metrics(serving) and time.monotonic() < ends:
        time.sleep(0.05)
    assert level in _metrics(serving)
    assert memory.exists()
    assert serving.stop() == 0
    said = [json.loads(line) for line in (serving.shell.home / "log").read_text().splitlines()]
    (line,) = [each for each in said if each["event"] == "disk" and each["level"] == "unknown"]
    assert line["places"] == ["temporary"]
    assert serving.shell.run("watchdog", "status", "--json").json["stale"] is False


def _metrics(serving: Serving) -> str:
    with urllib.request.urlopen(f"{serving.url}/metrics") as answer:
        return str(answer.read().decode())


@pytest.mark.promise("AMNESIA-001")
def test_an_agent_whose_token_was_revoked_is_whole_again_by_an_invitation(laptop: Shell, serving: Serving) -> None:
    listed = laptop.json("token", "list", "--as", "bb")["tokens"]
    key = next(each["id"] for each in listed if each["service"] == "bus")
    serving.shell.json("token", "revoke", key)
    assert laptop.run("inbox", "--as", "bb", "--json").json["error"] == "token_revoked"
    refused = laptop.run("join", "--name", "bb", "--json")
    assert (refused.code, refused.json["error"]) == (1, "invitation_needed")
    assert "sos token mint join" in refused.json["next"]
    laptop.json("send", "--as", "aa", "bb", "it waits")
    laptop.json("join", "--name", "bb", "--url", serving.url, "--invite", serving.invitation("bb"))
    assert [entry["text"] for entry in laptop.json("inbox", "--as", "bb")["entries"]] == ["it waits"]
