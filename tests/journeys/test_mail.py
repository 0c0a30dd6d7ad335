"""Mail from send to its end, as sender and recipient see it on the command line and in the session."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
import uuid
from datetime import datetime, timedelta

import pytest

from tests.shell import Json, Shell

S1, S2 = "5a12d4d5-0000-4000-8000-000000000001", "5a12d4d5-0000-4000-8000-000000000002"


def started(shell: Shell) -> Shell:
    """The shell of a session of `bb` that has begun."""
    assert shell.event("SessionStart", S1, source="startup") is not None
    return shell.inside(S1)


def send(shell: Shell, *words: str) -> str:
    return str(shell.json("send", "--as", "aa", *words)["id"])


def texts(shell: Shell, agent: str, *flags: str) -> list[str]:
    return [entry["text"] for entry in shell.json("inbox", "--as", agent, *flags)["entries"]]


def facts(shell: Shell, identifier: str) -> list[Json]:
    (delivery,) = shell.json("trace", "--as", "aa", identifier)["deliveries"]
    return list(delivery["facts"])


@pytest.mark.promise("MESSAGE-001")
def test_an_id_is_a_uuid_7_and_a_reply_carries_thread_and_what_it_answers(shell: Shell) -> None:
    inside = started(shell)
    identifier = send(shell, "--thread", "t-1", "--request", "bb", "is it green?")
    assert uuid.UUID(identifier).version == 7
    inside.json("reply", identifier, "yes")
    (answer,) = shell.json("inbox", "--as", "aa")["entries"]
    assert uuid.UUID(answer["id"]).version == 7
    assert (answer["kind"], answer["thread"], answer["in_reply_to"]) == ("reply", "t-1", identifier)
    assert (answer["sender"], answer["to"], answer["assurance"]) == ("bb", "aa", "same-user")


@pytest.mark.promise("INBOX-003", "INBOX-011")
def test_operator_first_then_requests_then_messages_each_in_their_order(shell: Shell) -> None:
    started(shell)
    for text in ("message 1", "message 2", "message 3"):
        send(shell, "bb", text)
    for text in ("request 1", "request 2"):
        send(shell, "--request", "bb", text)
    shell.json("send", "bb", "operator 1")
    shell.json("send", "bb", "operator 2")
    wanted = ["operator 1", "operator 2", "request 1", "request 2", "message 1", "message 2", "message 3"]
    assert texts(shell, "bb") == wanted
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert [line[2:] for line in shown.splitlines() if line.startswith("| ")] == wanted


@pytest.mark.promise("INBOX-004")
def test_a_reminder_is_marked_again_and_an_answered_request_comes_no_more(shell: Shell) -> None:
    inside = started(shell)
    identifier = send(shell, "--request", "bb", "now?")
    first, second = (shell.event("UserPromptSubmit", S1) or "" for _ in range(2))
    assert ("again (no. 2)" in first, "again (no. 2)" in second) == (False, True)
    inside.json("ack", identifier)
    assert [shell.event("UserPromptSubmit", S1) for _ in range(5)] == [None] * 5


@pytest.mark.promise("INBOX-005", "INBOX-018")
def test_an_expired_message_is_not_shown_and_its_sender_is_told(shell: Shell) -> None:
    inside = started(shell)
    identifier = send(shell, "--expires", "1ms", "bb", "stale")
    assert inside.json("read")["entries"] == []
    assert shell.event("UserPromptSubmit", S1) is None
    (told,) = shell.json("inbox", "--as", "aa")["entries"]
    assert (told["kind"], told["in_reply_to"]) == ("event", identifier)
    assert "expired before it was read" in told["text"]
    assert facts(shell, identifier)[-1]["kind"] == "expired"


@pytest.mark.promise("LEASE-005", "INBOX-005")
def test_dead_letters_are_listed_with_their_reason_brought_back_and_removed(shell: Shell) -> None:
    inside = started(shell)
    identifier = send(shell, "bb", "unwanted")
    inside.json("dead", "drop", identifier)
    (told,) = shell.json("inbox", "--as", "aa")["entries"]
    assert "dropped by its recipient" in told["text"]
    listed = inside.run("dead", "list").out
    assert identifier in listed
    assert "dropped by its recipient" in listed
    assert "| unwanted" in inside.run("dead", "show", identifier).out
    inside.json("dead", "requeue", identifier)
    assert (texts(shell, "bb"), inside.run("dead", "list").out) == (["unwanted"], "no dead letters\n")
    assert [fact["kind"] for fact in facts(shell, identifier)] == ["accepted", "stored", "dead", "requeued"]
    shown = shell.event("UserPromptSubmit", S1)
    assert shown is not None
    assert "| unwanted" in shown


@pytest.mark.promise("INBOX-006", "TRACE-001")
def test_every_fact_has_its_time_its_body_and_its_evidence(shell: Shell) -> None:
    inside = started(shell)
    identifier = send(shell, "--request", "bb", "now?")
    shell.event("UserPromptSubmit", S1)
    reply = inside.json("reply", identifier, "yes")["id"]
    found = facts(shell, identifier)
    assert [fact["kind"] for fact in found] == ["accepted", "stored", "surfaced", "replied"]
    assert found[2]["body"] == S1
    assert [fact["evidence"] for fact in found][1:] == ["disk: committed and synced before the receipt", "no. 1", f"by {reply}"]
    assert sorted(fact["at"] for fact in found) == [fact["at"] for fact in found]
    (delivery,) = shell.json("trace", "--as", "aa", identifier)["deliveries"]
    assert delivery["arrival"] == "no evidence"  # a reply by a command proves no arrival in the context
    assert "no evidence that it stood in the context" in shell.run("trace", "--as", "aa", identifier).out


@pytest.mark.promise("INBOX-008")
def test_every_face_counts_the_same(shell: Shell) -> None:
    for text in ("one", "two"):
        send(shell, "bb", text)
    send(shell, "--request", "bb", "three")
    start = shell.event("SessionStart", S1, source="startup")
    assert start is not None
    assert ("Unread: 3" in start, start.count("Open request")) == (True, 1)
    assert shell.json("wait", "--as", "bb")["unread"] == 3
    found = shell.json("inbox", "--as", "bb")
    assert (found["unread"], found["open"], len(found["entries"])) == (3, 1, 3)
    assert "3 unread" in shell.run("leave", "--as", "bb").out
    shell.event("UserPromptSubmit", S1)
    assert (shell.json("inbox", "--as", "bb")["unread"], shell.json("inbox", "--as", "bb")["open"]) == (0, 1)
    again = shell.event("SessionStart", S1, source="resume")
    assert again is not None
    assert ("Unread: 0" in again, again.count("Open request")) == (True, 1)


@pytest.mark.promise("MESSAGE-004")
def test_two_that_answer_each_other_die_down_after_eight_answers(shell: Shell) -> None:
    sessions = {"bb": started(shell)}
    shell.json("connect", "claude", "--as", "aa", "--dir", str(shell.home))
    shell.event("SessionStart", S2, source="startup")
    sessions["aa"] = shell.inside(S2)
    identifier, answers = send(shell, "bb", "ping"), list[str]()
    refused = None
    while refused is None and len(answers) < 20:
        ran = sessions["bb" if len(answers) % 2 == 0 else "aa"].run("reply", "--json", identifier, "pong")
        if ran.code:
            refused = ran
        else:
            answers.append(identifier := ran.json["id"])
    assert refused is not None
    assert (len(answers), refused.code, refused.json["error"]) == (8, 1, "too_many_hops")
    listed = [entry for name in ("aa", "bb") for entry in shell.json("inbox", "--as", name, "--view", "recent")["entries"]]
    found = {entry["id"]: entry["hops"] for entry in listed}
    assert [found[each] for each in answers] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert "sos send" in refused.json["next"]
    assert sessions["bb"].run("send", "aa", "on purpose").code == 0


def test_where_two_senders_used_one_id_the_sender_is_named(shell: Shell) -> None:
    inside = started(shell)
    shell.join("cc")
    identifier = send(shell, "--request", "bb", "from aa")
    shell.json("send", "--as", "cc", "--request", "--id", identifier, "bb", "from cc")
    for words in (["ack"], ["reply"]):
        ran = inside.run(*words, "--json", identifier, *(["x"] if words == ["reply"] else []))
        assert (ran.code, ran.json["error"], "aa, cc" in ran.json["message"]) == (1, "conflict", True)
    assert inside.json("inbox")["open"] == 2
    (acked,) = inside.json("ack", "--from", "cc", identifier)["entries"]
    assert acked["text"] == "from cc"
    assert texts(shell, "bb", "--view", "open") == ["from aa"]
    assert inside.json("reply", "--from", "aa", identifier, "yes")["recipients"] == ["aa"]
    assert inside.run("ack", "--json", "--from", "dd", identifier).json["error"] == "unknown_message"


@pytest.mark.promise("REQUEST-002")
def test_an_overdue_request_is_one_event_raised_by_whoever_comes_next(shell: Shell) -> None:
    identifier = send(shell, "--request", "--deadline", "1ms", "bb", "now?")
    shell.run("peers")  # the operator, who has nothing to do with it
    shell.run("inbox", "--as", "aa")
    (told,) = shell.json("inbox", "--as", "aa")["entries"]
    assert (told["kind"], told["in_reply_to"], "no answer by its deadline" in told["text"]) == ("event", identifier, True)
    assert texts(shell, "bb") == ["now?"]  # it is late, and still to be answered
    inside = started(shell)
    inside.json("reply", identifier, "here")
    assert facts(shell, identifier)[-1]["evidence"].endswith("after its deadline")


@pytest.mark.promise("REQUEST-003")
@pytest.mark.parametrize("line", [[], ["--line"]])
def test_overdue_is_told_within_a_second_where_somebody_waits_and_the_receipt_says_which(shell: Shell, line: list[str]) -> None:
    shell.connect("aa")
    inside = started(shell)
    quiet = inside.json("send", "--request", "bb", "nobody waits for aa")
    assert (quiet["told"], "told" in quiet) == ("at the next command or hook", True)
    inside.json("read")
    words = [sys.executable, "-m", "sos", "wait", *line]
    waiting = subprocess.Popen(words, env=inside.environment, cwd=shell.home, stdout=subprocess.PIPE, text=True)
    assert waiting.stdout is not None
    try:
        while inside.json("send", "--request", "--deadline", "1h", "bb", "is it there?")["told"] != "within a second":
            assert waiting.poll() is None
        asked = inside.json("send", "--request", "--deadline", "1500ms", "bb", "now?")
        assert "told within a second" in inside.run("send", "--request", "--deadline", "1h", "bb", "later").out
        assert waiting.stdout.readline().startswith("1 unread")
        late = time.time() - datetime.fromisoformat(asked["deadline"]).timestamp()
        assert 0 <= late < 2  # a second, and the command's own time on a loaded machine
    finally:
        waiting.kill()
        waiting.communicate()
    (told,) = [fact for fact in inside.json("trace", asked["id"])["deliveries"][0]["facts"] if fact["kind"] == "overdue"]
    assert datetime.fromisoformat(told["at"]) - datetime.fromisoformat(asked["deadline"]) < timedelta(seconds=1)


@pytest.mark.promise("REQUEST-004")
def test_what_older_agents_write_into_texts_is_a_request_and_its_ack(shell: Shell) -> None:
    inside = started(shell)
    other = "0f8fad5b-d9cb-469f-a165-70867728950e"
    identifier = send(shell, "bb", f"[request_id:{other}] is it green?")
    (entry,) = shell.json("inbox", "--as", "bb")["entries"]
    assert (entry["kind"], entry["deadline"] is None) == ("request", False)
    inside.json("send", "aa", f"{{ack_for:{identifier}, ok:true}}")
    assert facts(shell, identifier)[-1]["kind"] == "acked"
    assert shell.json("inbox", "--as", "bb")["open"] == 0


@pytest.mark.promise("BROADCAST-001")
def test_a_broadcast_reaches_who_is_there_and_not_its_sender_nor_who_comes_later(shell: Shell) -> None:
    shell.join("cc")
    receipt = shell.json("broadcast", "--as", "aa", "all of you")
    assert receipt["recipients"] == ["bb", "cc"]
    shell.join("dd")
    assert [texts(shell, agent) for agent in ("aa", "bb", "cc", "dd")] == [[], ["all of you"], ["all of you"], []]
    story = shell.json("trace", "--as", "aa", receipt["id"])
    assert [each["recipient"] for each in story["deliveries"]] == ["bb", "cc"]
    seen_by_one = shell.json("trace", "--as", "bb", receipt["id"])
    assert [each["recipient"] for each in seen_by_one["deliveries"]] == ["bb"]


@pytest.mark.promise("BROADCAST-003")
def test_a_broadcast_to_nobody_is_an_error_and_stores_nothing(shell: Shell) -> None:
    shell.json("leave", "--as", "bb", "--yes")
    for flags in ([], ["--squad", "pp"]):
        ran = shell.run("broadcast", "--json", "--as", "aa", *flags, "anybody?")
        assert (ran.code, ran.json["error"]) == (1, "no_recipients")
    assert shell.json("sent", "--as", "aa")["sent"] == []


@pytest.mark.promise("BROADCAST-003")
def test_a_broadcast_to_all_projects_is_the_operators_alone(shell: Shell) -> None:
    shell.json("join", "--name", "far", "--project", "elsewhere")
    ran = shell.run("broadcast", "--json", "--as", "aa", "--everywhere", "all of you")
    assert (ran.code, ran.json["error"]) == (1, "scope_missing")
    assert shell.run("broadcast", "--squad", "*", "all of you").code == 2
    made = shell.json("broadcast", "--everywhere", "all of you")
    assert made["recipients"] == ["aa", "bb", "far"]
    (entry,) = shell.json("inbox", "--as", "far")["entries"]
    assert (entry["text"], entry["kind"], entry["address"]) == ("all of you", "broadcast", "sos:stream:global:broadcast")
    assert shell.json("sent", "--as", "aa")["sent"] == []


@pytest.mark.promise("ADDRESS-002")
def test_a_send_writes_one_stream_which_no_sender_chooses(shell: Shell) -> None:
    shell.json("join", "--name", "loner")  # without a project
    other = Shell(shell.home, {"SOS_GLOBAL_STREAM": "global"})
    sent = [shell.json("send", "--as", "aa", to, "x")["id"] for to in ("bb", "BB", "loner", "operator")]
    sent += [other.json("send", "--as", "aa", to, "x")["id"] for to in ("bb", "operator")]
    assert [shell.json("trace", "--as", "aa", identifier)["address"] for identifier in sent] == [
        "sos:stream:project:demo:agent:bb", "sos:stream:project:demo:agent:bb", "sos:stream:project:default:agent:loner",
        "sos:stream:agent:operator", "sos:stream:project:demo:agent:bb", "sos:stream:global:agent:operator",
    ]  # fmt: skip
    assert [entry["id"] for entry in shell.json("inbox")["entries"]] == [sent[3], sent[5]]
    assert Shell(shell.home, {"SOS_GLOBAL_STREAM": "sos:stream:x"}).run("send", "bb", "x").code == 2
    for flag in ("--address", "--stream", "--project"):
        assert shell.run("send", "--as", "aa", flag, "sos:stream:agent:bb", "bb", "x").code == 2


@pytest.mark.promise("ADDRESS-007")
def test_a_message_to_a_squad_reaches_its_members_of_that_moment(shell: Shell) -> None:
    shell.join("cc", "--squad", "parsers")
    shell.join("dd")
    assert shell.json("squad", "add", "--as", "aa", "parsers", "bb", "dd")["members"] == ["bb", "cc", "dd"]
    assert shell.json("squad", "remove", "--as", "aa", "parsers", "dd")["members"] == ["bb", "cc"]
    shell.json("broadcast", "--as", "aa", "--squad", "Parsers", "moved")
    assert [texts(shell, agent) for agent in ("bb", "cc", "dd")] == [["moved"], ["moved"], []]
    assert shell.json("squad", "list", "--as", "aa")["agents"] == {"bb": ["parsers"], "cc": ["parsers"]}


def test_a_squad_takes_no_agent_of_another_project(shell: Shell) -> None:
    ran = shell.run("squad", "add", "--json", "parsers", "aa")
    assert (ran.code, "project demo" in ran.json["message"]) == (2, True)
    assert shell.run(*ran.json["next"].split()[1:]).code == 0


@pytest.mark.promise("TOKEN-016")
def test_an_embedded_agent_may_send_to_any_project(shell: Shell) -> None:
    shell.json("join", "--name", "far", "--project", "elsewhere")
    identifier = send(shell, "far", "hello")
    (entry,) = shell.json("inbox", "--as", "far")["entries"]
    assert (entry["id"], entry["project"]) == (identifier, "elsewhere")
    assert entry["address"] == "sos:stream:project:elsewhere:agent:far"


@pytest.mark.promise("INBOX-009")
def test_a_message_of_another_is_not_found_by_any_command(shell: Shell) -> None:
    inside = started(shell)
    shell.join("cc")
    identifier = send(shell, "cc", "private")
    for words in (["read", identifier], ["ack", identifier], ["reply", identifier, "x"], ["trace", identifier],
                  ["dead", "requeue", identifier], ["dead", "drop", identifier]):  # fmt: skip
        ran = inside.run(words[0], "--json", *words[1:])
        assert (ran.code, ran.json["error"]) == (1, "unknown_message"), words
    assert [fact["kind"] for fact in facts(shell, identifier)] == ["accepted", "stored"]


@pytest.mark.promise("CLI-007", "SENTINEL-005")
def test_peers_and_a_receipt_say_how_an_agent_is(shell: Shell) -> None:
    shell.json("skill", "add", "--as", "bb", "review")

    def peer() -> tuple[str, str, str, list[str]]:
        found = next(peer for peer in shell.json("peers", "--as", "aa")["peers"] if peer["id"] == "bb")
        return found["role"], found["presence"], found["hearing"], found["skills"]

    assert peer() == ("executor", "unknown", "unknown", ["review"])
    started(shell)
    assert peer() == ("executor", "idle", "hearing", ["review"])
    shell.event("UserPromptSubmit", S1)
    assert peer()[1] == "working"
    assert shell.json("send", "--as", "aa", "bb", "x")["hearing"] == {"bb": "hearing"}
    mark(shell, "passed over again")
    assert peer()[2] == "deaf"
    assert shell.json("send", "--as", "aa", "bb", "y")["hearing"] == {"bb": "deaf"}
    assert "bb: deaf (mail waits" in shell.run("send", "--as", "aa", "bb", "z").out
    assert "| x" in (shell.event("UserPromptSubmit", S1) or "")
    assert peer()[2] == "hearing"
    shell.event("SessionEnd", S1)
    assert peer()[1:3] == ("closed", "unknown")
    assert "review" in shell.run("peers", "--as", "aa").out


def mark(shell: Shell, outcome: str) -> None:
    """As if the last hook runs had ended so."""
    with sqlite3.connect(shell.root / "sos.db") as connection:
        assert connection.execute("UPDATE body SET hook_outcome = ?", (outcome,)).rowcount == 1
    connection.close()


@pytest.mark.promise("PRESENCE-003")
def test_silence_alone_calls_no_coding_agent_stale_or_gone(shell: Shell) -> None:
    started(shell)
    shell.event("UserPromptSubmit", S1)
    with sqlite3.connect(shell.root / "sos.db") as connection:
        connection.execute("UPDATE body SET seen_at = seen_at - 3 * 86400000, hook_at = hook_at - 3 * 86400000")
    connection.close()
    (peer,) = [each for each in shell.json("peers", "--as", "aa")["peers"] if each["id"] == "bb"]
    assert (peer["presence"], peer["hearing"], peer["status"]) == ("working", "late", "open")
    said = shell.run("peers", "--as", "aa").out + shell.run("send", "--as", "aa", "bb", "x").out
    assert not any(word in said for word in ("stale", "gone", "closed"))
    shown = shell.event("UserPromptSubmit", S1)  # back from lunch: the same session, and still the holder
    assert shown is not None
    assert "| x" in shown
