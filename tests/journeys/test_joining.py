"""Joining again, and the four answers that are computed."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.shell import Json, Ran, Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"


def typed(shell: Shell, line: str) -> Ran:
    """Type a line that SOS printed, in a real shell."""
    program = shell.home / "bin" / "sos"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m sos "$@"\n')
    program.chmod(0o700)
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", "-c", line], env={**shell.environment, "PATH": path}, cwd=shell.home, capture_output=True, check=False
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def bad(shell: Shell, agent: str) -> list[Json]:
    """The answers that are not good."""
    return [answer for answer in shell.run("whoami", "--json", "--as", agent).json["answers"] if not answer["good"]]


def change(shell: Shell, statement: str) -> None:
    with sqlite3.connect(shell.root / "sos.db") as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.promise("NAME-005", "CLI-009")
@pytest.mark.parametrize("name", ["ag.1", "ag-1"])
def test_an_agent_whose_home_is_gone_is_known_by_its_name_and_by_its_slug(shell: Shell, name: str) -> None:
    shell.join("ag.1")
    shell.json("send", "ag-1", "hello")
    assert shell.json("join", "--name", name)["outcome"] == "same"
    shutil.rmtree(shell.root / "agents" / "ag-1")
    rungs = shell.run("doctor", "--json", "--as", "ag-1").json["rungs"]
    assert "sos join --name ag-1" in {found["next_step"] for rung in rungs for found in rung["findings"]}
    made = shell.json("join", "--name", name)
    assert (made["outcome"], made["name"], made["project"]) == ("same", "ag.1", "demo")
    assert [entry["text"] for entry in shell.json("inbox", "--as", "ag-1")["entries"]] == ["hello"]
    assert 'name = "ag.1"' in (shell.root / "agents" / "ag-1" / "agent.toml").read_text()


@pytest.mark.promise("NAME-003", "CLI-009")
def test_another_identity_is_refused_a_slug_and_its_owner_is_told_what_to_type(shell: Shell) -> None:
    shell.join("ag '1")
    ran = shell.run("join", "--json", "--name", "ag.1")
    assert (ran.code, ran.json["error"]) == (1, "slug_taken")
    owner = ran.json["next"].split(";")[0].removeprefix("its owner: ")
    assert typed(shell, owner).code == 0
    other = Shell(shell.home, {"SOS_HOME": str(shell.home / "other")})  # its homes are others', its store is another
    other.join("ag-1")
    (shell.root / "agents" / "ag-1" / "agent.toml").write_bytes((other.home / "other/agents/ag-1/agent.toml").read_bytes())
    assert shell.run("join", "--json", "--name", "ag-1").json["error"] == "slug_taken"
    shell.json("leave", "--as", "aa", "--yes")
    late = shell.run("send", "--json", "--as", "aa", "bb", "x").json
    assert (late["error"], late["next"]) == ("forbidden", "sos join --name aa")


@pytest.mark.promise("OPERATOR-001")
def test_the_first_command_makes_the_operator(home: Path) -> None:
    shell = Shell(home)
    assert shell.json("inbox") == {"agent": "operator", "unread": 0, "open": 0, "entries": []}
    assert (shell.json("whoami")["role"], shell.json("whoami")["onboarded"]) == ("human", True)
    shell.join("aa")
    shell.json("send", "--as", "aa", "operator", "help")
    assert shell.json("inbox")["unread"] == 1


@pytest.mark.promise("NAME-006")
def test_joining_again_updates_and_prints_the_difference(shell: Shell) -> None:
    words = ["--name", "aa", "--role", "qa", "--skill", "testing", "--squad", "pp"]
    made = shell.json("join", *words)
    assert made["outcome"] == "updated"
    changes = {"role": ["executor", "specialist"], "label": ["builder", "qa"], "skills": ["none", "testing"]}
    assert made["changes"] == {**changes, "squads": ["()", "('pp',)"]}
    assert "changed role: specialist → coordinator" in shell.run("join", "--name", "aa", "--role", "lead").out
    before = shell.json("whoami", "--as", "aa")
    ran = shell.run("join", "--json", "--name", "aa", "--project", "other", "--role", "sre")
    assert (ran.code, ran.json["error"]) == (1, "project_changed")
    assert shell.json("whoami", "--as", "aa") == before


def test_the_name_alone_keeps_role_project_skills_and_squads(shell: Shell) -> None:
    shell.json("join", "--name", "aa", "--role", "qa", "--skill", "testing", "--squad", "pp")
    before = shell.json("whoami", "--as", "aa")
    again = shell.json("join", "--name", "aa")
    assert (again["outcome"], again["changes"]) == ("same", {})
    after = shell.json("whoami", "--as", "aa")
    assert {**after, "canary_at": "", "answers": []} == {**before, "canary_at": "", "answers": []}


UNDONE = {
    "Who am I?": "UPDATE agent SET status = 'closed' WHERE slug = 'a-b'",
    "Where is my inbox?": "UPDATE agent SET canary_at = NULL WHERE slug = 'a-b'",
    "What do I do when stuck?": "",
}


@pytest.mark.promise("READY-001", "READY-002", "READY-004")
@pytest.mark.parametrize("question", UNDONE)
def test_an_answer_whose_ground_is_gone_is_missing_and_its_command_mends_it(shell: Shell, question: str) -> None:
    shell.join("a 'b")
    assert bad(shell, "a-b") == []
    if UNDONE[question]:
        change(shell, UNDONE[question])
    else:
        (shell.root / "agents" / "a-b" / "RECOVERY.md").unlink()
    (answer,) = bad(shell, "a-b")
    assert answer["question"] == question
    ran = shell.run("whoami", "--as", "a-b")
    assert (ran.code, "merely running" in ran.out) == (1, True)
    assert f"! {question}" in ran.out
    assert f"next: {answer['next_step']}" in ran.out
    mended = typed(shell, answer["next_step"])
    assert mended.code == 0, mended
    assert bad(shell, "a-b") == []
    assert shell.run("whoami", "--as", "a-b").code == 0


@pytest.mark.promise("READY-004")
def test_the_skills_answer_names_what_others_see(shell: Shell) -> None:
    def answer() -> str:
        return str(shell.json("whoami", "--as", "aa")["answers"][2]["answer"])

    assert answer() == "none declared"
    shell.json("skill", "add", "--as", "aa", "code review")
    assert answer() == "code-review"
    (seen,) = shell.json("skill", "find", "--as", "bb", "review")["skills"]
    assert (seen["id"], seen["owner"]) == ("code-review", "aa")


@pytest.mark.promise("SQUAD-001")
def test_a_full_descriptor_given_by_flags_comes_back_unchanged(shell: Shell, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    (tmp_path / "out.json").write_text('{"type": "array", "items": {"type": "string"}}')
    words = ["--description", "reads code", "--version", "2.1", "--label", "review", "--label", "python", "--keyword", "parser",
             "--input-schema", json.dumps(schema), "--output-schema", f"@{tmp_path}/out.json", "--entrypoint", "agent:aa#review",
             "--status", "deprecated", "--loading-level", "2"]  # fmt: skip
    shell.json("skill", "add", "--as", "aa", "code review", *words)
    wanted = {
        "id": "code-review", "name": "code review", "description": "reads code", "owner": "aa", "project": "demo",
        "version": "2.1", "input_schema": schema, "output_schema": {"type": "array", "items": {"type": "string"}},
        "labels": ["review", "python"], "keywords": ["parser"], "entrypoint": "agent:aa#review", "status": "deprecated",
        "trust_tier": 1, "loading_level": 2,
    }  # fmt: skip
    found = {**wanted, "role": "executor", "presence": "unknown", "hearing": "unknown"}
    assert shell.json("skill", "list", "--as", "bb")["skills"] == [found]
    for wrong in (["--input-schema", "{"], ["--input-schema", "[]"], ["--version", ""], ["--label", "x" * 129],
                  ["--keyword", "\x1b"], ["--status", "best"], ["--trust-tier", "4"], ["--output-schema", "@/nowhere"],
                  *[[word for number in range(33) for word in ("--label", str(number))]]):  # fmt: skip
        assert shell.run("skill", "add", "--as", "aa", "code review", *wrong).code in {1, 2}, wrong
    assert shell.json("skill", "list", "--as", "bb")["skills"] == [found]


@pytest.mark.promise("SQUAD-003", "SQUAD-004")
def test_skills_come_from_files_and_are_found_by_who_offers_them(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "SKILL.md").write_text("---\nname: pdf-forms\ndescription: fills forms\nlabels: [pdf]\n---\n")
    (tmp_path / "skills.toml").write_text('[[skill]]\nname = "one"\n[[skill]]\nname = "two"\n')
    for path in (tmp_path, tmp_path / "skills.toml"):
        shell.json("skill", "add", "--as", "aa", "--file", str(path))
    assert [each["id"] for each in shell.json("skill", "list", "--as", "bb")["skills"]] == ["one", "pdf-forms", "two"]
    (found,) = shell.json("skill", "find", "--as", "bb", "--label", "pdf", "--role", "builder")["skills"]
    assert (found["id"], found["description"], found["role"], found["hearing"]) == (
        "pdf-forms",
        "fills forms",
        "executor",
        "unknown",
    )
    for wrong in (["--file", str(tmp_path / "none.toml")], ["--file", "/dev/null"], ["name", "--file", str(tmp_path)]):
        ran = shell.run("skill", "add", "--as", "aa", *wrong)
        assert (ran.code, "next: " in ran.err) == (2, True), wrong
    assert shell.json("skill", "find", "--as", "bb", "--role", "medic")["skills"] == []


ROLES = ["coordinator", "executor", "specialist", "oracle", "medic", "service", "human"]


@pytest.mark.promise("OPERATOR-003")
def test_no_role_and_no_rank_gives_a_right_over_another_agent(shell: Shell) -> None:
    shell.json("skill", "add", "--as", "bb", "review")
    mail = shell.json("send", "--as", "aa", "bb", "for bb")["id"]
    key = (shell.root / "agents" / "bb" / "token.bus").read_text()[8:18]
    over_others = [["ack", mail], ["dead", "drop", mail], ["reply", mail, "x"], ["trace", mail], ["skill", "add", "review"],
                   ["broadcast", "--everywhere", "x"], ["token", "revoke", key]]  # fmt: skip
    own = [["send", "bb", "x"], ["broadcast", "x"], ["squad", "add", "pp", "bb"], ["inbox"], ["peers"], ["token", "list"]]
    answers = {}
    for role in ROLES:
        shell.json("join", "--name", f"a {role}", "--role", role, "--project", "demo")
        slug = f"a-{role}"
        ran = [shell.run(words[0], "--json", "--as", slug, *words[1:]) for words in over_others]
        assert all(each.code == 1 for each in ran), (role, ran)
        answers[role] = [each.json["error"] for each in ran], [shell.run(*words, "--as", slug).code for words in own]
    assert all(answer == answers["human"] for answer in answers.values())
    assert answers["human"][1] == [0] * len(own)
    for words in over_others[:4]:  # nor has the operator, whose rank is the first
        assert shell.run(words[0], "--json", *words[1:]).json["error"] == "unknown_message", words
    assert [fact["kind"] for fact in shell.json("trace", "--as", "aa", mail)["deliveries"][0]["facts"]] == ["accepted", "stored"]
    shell.json("send", "bb", "from the operator")
    first = shell.json("inbox", "--as", "bb")["entries"][0]
    assert (first["text"], first["assurance"], first["priority"]) == ("from the operator", "same-user", 0)


@pytest.mark.promise("SQUAD-002")
def test_nobody_replaces_the_skill_of_another(shell: Shell) -> None:
    shell.json("skill", "add", "--as", "aa", "review", "--description", "mine")
    ran = shell.run("skill", "add", "--json", "--as", "bb", "review", "--description", "yours")
    assert (ran.code, ran.json["error"]) == (1, "conflict")
    assert [skill["description"] for skill in shell.json("skill", "list")["skills"]] == ["mine"]
    joined = shell.json("join", "--name", "bb", "--skill", "review")
    assert [finding["code"] for finding in joined["findings"]] == ["join_skills"]


@pytest.mark.promise("JOIN-003", "JOIN-004", "JOIN-005")
def test_a_join_leaves_three_tokens_full_skills_and_a_canary_that_came_back(home: Path) -> None:
    shell = Shell(home)
    made = shell.join("aa", "--skill", "review")
    tokens = {token["service"]: token["id"] for token in shell.json("token", "list", "--as", "aa")["tokens"]}
    assert set(tokens) == {"registry", "squad", "bus"}
    for service, key in tokens.items():
        assert (
            (shell.root / "agents" / "aa" / f"token.{service}")
            .read_text()
            .startswith(f"sos_{service[:3].replace('squ', 'sqd')}_{key}")
        )
    (skill,) = shell.json("skill", "list")["skills"]
    assert {"input_schema", "output_schema", "version", "trust_tier", "entrypoint", "status"} <= set(skill)
    canary = next(step for step in made["steps"] if step["name"] == "canary")
    assert (canary["ok"], made["canary_at"] is not None) == (True, True)
    (entry,) = shell.json("inbox", "--as", "aa", "--view", "recent")["entries"]
    assert (entry["kind"], entry["delivery"]["state"]) == ("system", "acked")
    assert shell.json("inbox", "--as", "aa")["unread"] == 0


@pytest.mark.promise("HOME-001")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_a_home_is_private_whatever_the_umask(home: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        made = Shell(home, {"SOS_HOME": str(home / "new")}).run("join", "--name", "aa")
    finally:
        os.umask(before)
    assert made.code == 0, made
    for folder, _, names in os.walk(home / "new"):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
        assert [name for name in names if os.stat(os.path.join(folder, name)).st_mode & 0o077] == []


@pytest.mark.promise("HOME-001")
@pytest.mark.parametrize("place", ["", "agents/aa", "agents/aa/agent.toml", "agents/aa/token.bus"])
@pytest.mark.parametrize("rights", [0o040, 0o004, 0o020, 0o002])
def test_a_home_that_others_can_read_or_write_is_refused_with_the_command_that_mends_it(
    shell: Shell, place: str, rights: int
) -> None:
    path = shell.root / place
    path.chmod(path.stat().st_mode | rights)
    ran = shell.run("inbox", "--json", "--as", "aa")
    assert (ran.code, ran.json["error"]) == (1, "home_not_private")
    assert typed(shell, ran.json["next"]).code == 0
    assert shell.run("inbox", "--as", "aa").code == 0


def test_the_operator_whose_token_is_gone_is_whole_after_one_command(shell: Shell) -> None:
    shell.json("send", "--as", "aa", "operator", "hello")
    (shell.root / "operator" / "token.bus").unlink()
    ran = shell.run("inbox", "--json")
    assert ran.json["error"] == "token_refused"
    assert typed(shell, ran.json["next"]).code == 0
    assert (shell.json("inbox")["unread"], shell.json("whoami")["role"]) == (1, "human")
    assert shell.json("join", "--name", "operator", "--role", "builder")["role"] == "human"


STEPS = ["name", "role", "tokens", "enrolled", "skills", "home", "runtime", "canary", "hook", "answers"]


@pytest.mark.promise("JOIN-001")
def test_a_join_prints_its_nine_steps_each_with_its_state_and_ends_with_the_four_answers(home: Path) -> None:
    shell = Shell(home)
    words = ["join", "--name", "mumega.codecheck", "--role", "code-reviewer", "--project", "sos", "--skill", "code-review"]
    lines = shell.run(*words, "--runtime", "claude").out.splitlines()
    assert [line.split()[:2] for line in lines[: len(STEPS)]] == [["✔", name] for name in STEPS]
    assert [line[2:].split("?")[0] for line in lines[len(STEPS) :]] == [
        "Who am I", "Where is my inbox", "What can I do", "What do I do when stuck",
    ]  # fmt: skip
    place = shell.root / "agents" / "mumega-codecheck"
    said = "\n".join(lines)
    for part in ("mumega.codecheck → mumega-codecheck", "code-reviewer → specialist", "new, read back", "code-review",
                 str(place), str(shell.root / "sos.db"), "claude connected", "the installed hook showed the canary",
                 "through sos:stream:project:sos:agent:mumega-codecheck", "4 of 4 good"):  # fmt: skip
        assert part in said
    for service in ("registry", "squad", "bus"):
        assert (place / f"token.{service}").read_text().split("_")[2][:10] in said
    assert {"agent.toml", "token.registry", "token.squad", "token.bus", "RECOVERY.md"} <= {each.name for each in place.iterdir()}
    without = shell.run("join", "--name", "other", "--role", "zookeeper").out.splitlines()
    assert [line.split()[:2] for line in without[:2]] == [["✔", "name"], ["!", "role"]]
    assert any(line.startswith("✔ runtime   none named") for line in without)


@pytest.mark.promise("JOIN-002")
def test_joining_again_sends_no_second_canary_and_makes_no_second_token_or_skill(shell: Shell) -> None:
    def made() -> tuple[object, ...]:
        canaries = shell.json("inbox", "--as", "cc", "--view", "recent")["entries"]
        tokens = [token["id"] for token in shell.json("token", "list", "--as", "cc")["tokens"]]
        skills = [skill["id"] for skill in shell.json("skill", "list")["skills"]]
        return len(canaries), [entry["id"] for entry in canaries], tokens, skills, len(shell.json("peers")["peers"])

    shell.join("cc", "--skill", "review")
    before = made()
    again = shell.join("cc", "--skill", "review")
    assert again["outcome"] == "same"
    assert "came through at" in next(step["detail"] for step in again["steps"] if step["name"] == "canary")
    assert made() == before
    change(shell, "UPDATE agent SET canary_at = NULL WHERE slug = 'cc'")
    change(shell, "UPDATE delivery SET acked_at = NULL, live = 1 WHERE recipient = (SELECT id FROM agent WHERE slug = 'cc')")
    shell.join("cc")  # killed after its canary was posted and before that was acknowledged
    assert made() == before
    assert shell.json("inbox", "--as", "cc")["unread"] == 0


HALVES = {
    "enrolment": "BEFORE INSERT ON agent BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END",
    "tokens": "BEFORE INSERT ON token WHEN NEW.service = 'bus' BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END",
    "bus": "BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'broken on purpose'); END",
    "read back": "AFTER INSERT ON message BEGIN UPDATE message SET text = 'other' WHERE seq = NEW.seq; END",
}


@pytest.mark.promise("JOIN-007")
@pytest.mark.parametrize("half", [*HALVES, "home"])
def test_a_join_that_cannot_be_reached_fails_and_leaves_nothing_half_made(shell: Shell, half: str) -> None:
    before = shell.json("peers", "--all"), shell.json("token", "list"), sorted((shell.root / "agents").iterdir())
    if half == "home":
        (shell.root / "agents" / "cc").touch(0o600)
    else:
        change(shell, f"CREATE TRIGGER broken {HALVES[half]}")
    ran = shell.run("join", "--json", "--name", "cc", "--skill", "review", "--squad", "pp", "--runtime", "claude")
    assert ran.code in {1, 75}
    assert set(ran.json) == {"error", "message", "next"}
    if half == "home":
        (shell.root / "agents" / "cc").unlink()
    else:
        change(shell, "DROP TRIGGER broken")
    assert (shell.json("peers", "--all"), shell.json("token", "list"), sorted((shell.root / "agents").iterdir())) == before
    assert (shell.json("skill", "list")["skills"], shell.json("squad", "list", "--project", "demo")["agents"]) == ([], {})
    whole = shell.join("cc", "--skill", "review")
    assert (whole["outcome"], all(step["ok"] for step in whole["steps"])) == ("new", True)


def undone(shell: Shell, agent: str) -> list[tuple[str, str]]:
    return [(each["step"], each["next_step"]) for each in shell.json("whoami", "--as", agent)["undone"]]


@pytest.mark.promise("JOIN-009")
def test_a_runtime_that_cannot_be_connected_is_a_finding_and_the_join_succeeds(home: Path) -> None:
    (home / ".claude" / "skills" / "sos").mkdir(parents=True)
    (home / ".claude" / "skills" / "sos" / "SKILL.md").touch()  # somebody else's
    shell = Shell(home)
    made = shell.json("join", "--name", "aa", "--runtime", "claude")
    (finding,) = made["findings"]
    assert (finding["code"], "is not ours" in finding["what"]) == ("join_runtime", True)
    assert finding["next_step"].startswith("move ")
    assert shell.run("inbox", "--as", "aa").code == 0
    assert undone(shell, "aa") == [("runtime", finding["next_step"])]
    assert "! left undone since" in shell.run("whoami", "--as", "aa").out


@pytest.mark.promise("JOIN-010")
def test_what_a_join_left_undone_is_done_by_the_next_join_without_naming_it_again(home: Path) -> None:
    shell, place = Shell(home), home / ".claude" / "skills" / "sos"
    place.mkdir(parents=True)
    (place / "SKILL.md").touch()  # somebody else's
    (home / "work").mkdir()
    shell.json("skill", "add", "review")  # the operator's, in the same project
    Shell(home / "work").json("join", "--name", "aa", "--skill", "review", "--skill", "write", "--runtime", "claude")
    assert [step for step, _ in undone(shell, "aa")] == ["skills", "runtime"]
    since = shell.json("whoami", "--as", "aa")["undone"][0]["since"]
    shell.json("join", "--name", "aa")
    again = shell.json("whoami", "--as", "aa")["undone"]
    assert (again[0]["step"], again[0]["since"]) == ("skills", since)
    (place / "SKILL.md").unlink()
    change(shell, "DELETE FROM skill")
    made = shell.json("join", "--name", "aa")
    assert (made["findings"], undone(shell, "aa")) == ([], [])
    assert [skill["id"] for skill in shell.json("skill", "list")["skills"]] == ["review", "write"]
    assert json.loads((shell.root / "bindings.json").read_text()) == {os.path.realpath(home / "work"): "aa"}


@pytest.mark.promise("JOIN-010")
def test_what_a_join_left_undone_is_tried_at_each_start_of_a_session_and_said_until_it_is_done(shell: Shell) -> None:
    shell.json("skill", "add", "--as", "aa", "review")
    shell.join("bb", "--skill", "review")
    first = shell.event("SessionStart", S1, source="startup")
    assert first is not None
    assert "Left undone by your join (skills)" in first
    change(shell, "DELETE FROM skill")
    second = shell.event("SessionStart", S1, source="compact")
    assert second is not None
    assert "Left undone" not in second
    assert [(skill["id"], skill["owner"]) for skill in shell.json("skill", "list")["skills"]] == [("review", "bb")]
    assert undone(shell, "bb") == []


@pytest.mark.promise("GUIDE-001")
@pytest.mark.parametrize("mender", ["join", "session"])
def test_an_installed_guide_that_was_changed_is_noticed_and_replaced(shell: Shell, mender: str) -> None:
    path = shell.root / "agents" / "bb" / "RECOVERY.md"
    whole = path.read_text()
    path.chmod(0o600)
    path.write_text(whole.replace("df -h", "rm -rf"))
    (answer,) = bad(shell, "bb")
    assert (answer["question"], "was changed" in answer["answer"]) == ("What do I do when stuck?", True)
    if mender == "join":
        assert typed(shell, answer["next_step"]).code == 0
    else:
        text = shell.event("SessionStart", S1, source="startup")
        assert text is not None
        assert f"What do I do when stuck? {path}" in text
    assert path.read_text() == whole
    assert bad(shell, "bb") == []


@pytest.mark.promise("GUIDE-002")
def test_the_guide_has_the_agents_own_facts_and_no_token_and_stands_beside_the_skill(shell: Shell) -> None:
    shell.json("join", "--name", "a.guide", "--project", "other")
    place = shell.root / "agents" / "a-guide"
    text = (place / "RECOVERY.md").read_text()
    for fact in ("# Recovery guide of a-guide", "You are: a.guide (a-guide), project other", f"Your home: {place}",
                 f"Your store: {shell.root}/sos.db"):  # fmt: skip
        assert fact in text
    skill = shell.home / ".claude" / "skills" / "sos" / "skills" / "sos"
    beside = (skill / "GUIDE.md").read_text()
    assert "GUIDE.md" in (skill / "SKILL.md").read_text()
    own = {line for line in text.splitlines() if "a-guide" in line or line.startswith(("You are", "Your "))}
    assert [line for line in text.splitlines() if line not in own] == [
        line for line, mine in zip(beside.splitlines(), text.splitlines(), strict=True) if mine not in own
    ]
    for path in shell.root.glob("agents/*/token.*"):
        assert path.read_text().strip()[8:] not in text + beside
    assert "sos_" not in text + beside
