"""Tokens as their owner handles them: where they are, which counts, minting, rotating, importing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sos.model.tokens import mint
from tests.shell import Shell

S1 = "5a12d4d5-0000-4000-8000-000000000001"
OLDER = "sk-bus-kasra-0123456789abcdef"


def private(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text + "\n")
    return path


def home_token(shell: Shell, agent: str, service: str = "bus") -> str:
    return (shell.root / "agents" / agent / f"token.{service}").read_text().strip()


def used(shell: Shell, agent: str) -> dict[str, str]:
    """service → place, of the tokens that count."""
    rows = shell.json("token", "where", "--as", agent)["tokens"]
    return {row["service"]: row["place"] for row in rows if row["used"]}


@pytest.mark.promise("TOKEN-006")
def test_where_prints_every_place_in_order_with_key_ids_and_no_value(shell: Shell, tmp_path: Path) -> None:
    assert used(shell, "aa")["bus"] == str(shell.root / "agents" / "aa" / "token.bus")
    file = private(tmp_path / "token", home_token(shell, "aa"))
    with_file = Shell(shell.home, {"SOS_BUS_TOKEN_FILE": str(file)})
    assert used(with_file, "aa")["bus"] == "SOS_BUS_TOKEN_FILE"
    with_both = Shell(shell.home, {"SOS_BUS_TOKEN_FILE": str(file), "SOS_BUS_TOKEN": home_token(shell, "aa")})
    assert used(with_both, "aa")["bus"] == "SOS_BUS_TOKEN"
    for text in (with_both.run("token", "where", "--as", "aa").out, with_both.run("token", "list", "--as", "aa").out):
        for service in ("registry", "squad", "bus"):
            token = home_token(shell, "aa", service)
            assert token[8:18] in text or token[8:18] in with_file.run("token", "where", "--as", "aa").out
            assert token[20:50] not in text


@pytest.mark.promise("TOKEN-005", "WHO-001")
def test_the_variable_counts_before_the_file_and_both_before_the_home(shell: Shell, tmp_path: Path) -> None:
    of_bb = home_token(shell, "bb")
    file = private(tmp_path / "token", of_bb)
    for extra in ({"SOS_BUS_TOKEN": of_bb}, {"SOS_BUS_TOKEN_FILE": str(file)}):
        ran = Shell(shell.home, extra).run("inbox", "--json", "--as", "aa")
        assert (ran.code, ran.json["error"]) == (1, "token_refused")  # the token is the identity, and it is not aa
        assert Shell(shell.home, extra).run("inbox", "--as", "bb").code == 0
    extra = {"SOS_BUS_TOKEN": home_token(shell, "aa"), "SOS_BUS_TOKEN_FILE": str(file)}
    assert Shell(shell.home, extra).run("inbox", "--as", "aa").code == 0
    gone = Shell(shell.home, {"SOS_BUS_TOKEN_FILE": str(tmp_path / "gone")}).run("inbox", "--json", "--as", "aa")
    assert (gone.code, gone.json["error"]) == (1, "home_damaged")


@pytest.mark.promise("TOKEN-004", "TOKEN-005")
def test_no_other_services_token_is_taken_instead(shell: Shell) -> None:
    (shell.root / "agents" / "aa" / "token.bus").unlink()
    assert shell.run("inbox", "--json", "--as", "aa").json["error"] == "token_refused"
    wrong = Shell(shell.home, {"SOS_BUS_TOKEN": home_token(shell, "aa", "squad")}).run("inbox", "--json", "--as", "aa")
    assert (wrong.code, wrong.json["error"]) == (1, "token_wrong_kind")
    assert "sos_bus_" in wrong.json["message"]


@pytest.mark.parametrize("harm", ["gone", "cut", "garbage"])
def test_a_token_that_is_refused_leads_to_a_page_that_opens_and_to_a_mend(shell: Shell, harm: str) -> None:
    path = shell.root / "agents" / "aa" / "token.bus"
    path.write_text({"gone": "", "cut": path.read_text()[:40], "garbage": "x\n"}[harm])
    ran = shell.run("inbox", "--json", "--as", "aa")
    assert ran.code == 1
    where = shell.run("token", "where", "--as", "aa")
    assert where.code == 0
    assert ("(none)" if harm == "gone" else "(damaged)") in where.out
    assert "sos join --name" in where.out
    assert shell.run("join", "--name", "aa").code == 0
    assert shell.run("inbox", "--as", "aa").code == 0


@pytest.mark.promise("TOKEN-007", "TOKEN-013")
def test_minted_tokens_work_and_are_described_and_do_not_expire(shell: Shell, tmp_path: Path) -> None:
    made = shell.json("token", "mint", "bus", "--as", "aa")
    with_it = Shell(shell.home, {"SOS_BUS_TOKEN": made["token"]})
    assert with_it.run("inbox", "--as", "aa").code == 0
    path = tmp_path / "token"
    assert "token" not in shell.json("token", "mint", "registry", "--as", "aa", "--out", str(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    records = {record["id"]: record for record in shell.json("token", "list", "--as", "aa")["tokens"]}
    assert len(records) == 5
    assert records[made["id"]]["service"] == "bus"
    assert "inbox:self" in records[made["id"]]["scopes"]
    assert {record["expires_at"] for record in records.values()} == {None}
    assert made["id"] in shell.run("token", "show", "bus", "--as", "aa").out
    assert made["id"] not in shell.run("token", "show", "squad", "--as", "aa").out
    assert shell.run("token", "mint", "admin", "--as", "aa").code == 2


@pytest.mark.promise("TOKEN-018")
def test_an_older_token_is_imported_from_a_file_or_stdin_and_works(shell: Shell, tmp_path: Path) -> None:
    file = private(tmp_path / "older", OLDER)
    shell.json("token", "import", "--as", "aa", "--token-file", str(file))
    assert home_token(shell, "aa") == OLDER
    assert shell.run("inbox", "--as", "aa").code == 0
    again = shell.run("token", "import", "--as", "aa", "--token-file", "-", stdin=OLDER)
    assert again.code == 0
    assert OLDER not in again.out + shell.run("token", "list", "--as", "aa").out


def test_a_token_of_another_or_a_revoked_one_is_not_imported_and_harms_nothing(shell: Shell) -> None:
    ran = shell.run("token", "import", "--json", "--as", "aa", "--token-file", "-", stdin=home_token(shell, "bb"))
    assert (ran.code, ran.json["error"]) == (1, "conflict")
    before = home_token(shell, "aa")
    shell.json("token", "rotate", "bus", "--as", "aa")
    ran = shell.run("token", "import", "--json", "--as", "aa", "--token-file", "-", stdin=before)
    assert (ran.code, ran.json["error"]) == (1, "conflict")
    assert shell.run("inbox", "--as", "aa").code == 0
    assert shell.run("token", "import", "--as", "aa").code == 2
    damaged = shell.run("token", "import", "--json", "--as", "aa", "--token-file", "-", stdin=mint("bus").text[:-1])
    assert damaged.json["error"] == "token_damaged"


def test_only_its_owner_and_the_operator_revoke_a_token(shell: Shell) -> None:
    key = home_token(shell, "aa")[8:18]
    assert shell.run("token", "revoke", key, "--as", "bb").code == 1
    assert shell.run("inbox", "--as", "aa").code == 0
    assert shell.json("token", "revoke", key)["revoked"] is True
    assert shell.json("token", "revoke", key)["revoked"] is False


@pytest.mark.promise("TOKEN-005", "WHO-001")
def test_the_token_that_was_given_counts_before_every_other_place_and_says_who_acts(shell: Shell, tmp_path: Path) -> None:
    file, of_bb = private(tmp_path / "token", home_token(shell, "aa")), home_token(shell, "bb")
    other = Shell(shell.home, {"SOS_BUS_TOKEN": of_bb, "SOS_AGENT": "bb"})
    assert other.json("whoami", "--token-file", str(file))["why"] == "the token given"
    assert other.json("send", "--token-file", "-", "bb", "x", stdin=home_token(shell, "aa"))["recipients"] == ["bb"]
    assert [entry["sender"] for entry in shell.json("inbox", "--as", "bb")["entries"]] == ["aa"]
    where = other.json("token", "where", "--token-file", str(file))
    assert [(row["place"], row["id"]) for row in where["tokens"] if row["used"]][-1] == (
        "--token-file",
        home_token(shell, "aa")[8:18],
    )
    for words in (["--as", "bb", "--token-file", str(file)], ["--token-file", str(tmp_path / "gone")]):
        assert shell.run("inbox", *words).code == 1
    wrong = private(tmp_path / "wrong", home_token(shell, "aa", "squad"))
    assert shell.run("inbox", "--json", "--token-file", str(wrong)).json["error"] == "token_wrong_kind"
    shell.event("SessionStart", S1, source="startup")
    assert shell.inside(S1).run("inbox", "--json", "--token-file", str(file)).json["error"] == "wrong_agent"


def narrowed(shell: Shell, place: Path, *scopes: str, agent: str = "aa") -> Path:
    """A bus token of `aa` with these scopes alone, in a file."""
    flags = [word for scope in scopes for word in ("--scope", scope)]
    shell.json("token", "mint", "bus", "--as", agent, "--out", str(place), *flags)
    return place


@pytest.mark.promise("TOKEN-014")
def test_what_a_token_has_no_scope_for_is_refused_and_changes_nothing(shell: Shell, tmp_path: Path) -> None:
    shell.json("join", "--name", "far", "--project", "elsewhere")
    identifier = shell.json("send", "--as", "bb", "aa", "hello")["id"]
    key = home_token(shell, "aa")[8:18]
    operations = {
        "send:project": [["send", "bb", "x"]],
        "send:any-project": [["send", "bb", "x"], ["send", "far", "x"]],
        "broadcast:project": [["broadcast", "x"]],
        "inbox:self": [["inbox"], ["read"], ["sent"], ["wait", "--timeout", "1ms"], ["dead", "list"], ["trace", identifier]],
        "none of these": [["broadcast", "--everywhere", "x"], ["skill", "add", "skill-x"], ["squad", "add", "squad-x", "aa"],
                          ["token", "mint", "bus"], ["token", "rotate", "bus"], ["token", "revoke", key], ["leave", "--yes"],
                          ["join"]],
    }  # fmt: skip
    before = shell.json("token", "list", "--as", "aa")
    for scope in list(operations)[:-1]:
        file = narrowed(shell, tmp_path / scope, scope)
        for name, calls in operations.items():
            for words in calls:
                ran = shell.run(words[0], "--json", "--token-file", str(file), *words[1:])
                allowed = name == scope or (words == ["send", "bb", "x"] and scope.startswith("send:"))
                assert ran.code == 0 if allowed else ran.json["error"] == "scope_missing", (scope, words, ran)
    assert len(shell.json("token", "list", "--as", "aa")["tokens"]) == len(before["tokens"]) + 4
    assert shell.json("skill", "list")["skills"] == []
    help_me = narrowed(shell, tmp_path / "help", "send:project")
    assert shell.run("send", "--token-file", str(help_me), "operator", "help").code == 0


@pytest.mark.promise("TOKEN-014")
def test_an_agents_token_never_carries_admin_and_a_narrowed_one_runs_no_hook(shell: Shell) -> None:
    for scope in ("admin", "skills:self", "x"):
        assert shell.run("token", "mint", "bus", "--as", "aa", "--scope", scope).code == 2
    listed = shell.json("token", "list")["tokens"]
    assert {token["agent"] for token in listed if "admin" in token["scopes"]} == {"operator"}
    assert {token["agent"] for token in listed} == {"operator", "aa", "bb"}
    assert {token["agent"] for token in shell.json("token", "list", "--as", "aa")["tokens"]} == {"aa"}
    shell.json("send", "--as", "aa", "bb", "hello")
    narrowed(shell, shell.root / "agents" / "bb" / "token.bus", "send:project", agent="bb")
    shown = shell.event("SessionStart", S1, source="startup")
    assert shown is not None
    assert "inbox:self" in shown
    assert "hello" not in shown


@pytest.mark.promise("CLI-009")
def test_what_is_no_token_file_is_said_to_be_none_and_no_mode_is_to_be_changed(shell: Shell, tmp_path: Path) -> None:
    (words := tmp_path / "words").write_text("no token")
    words.chmod(0o644)
    (open_to_all := tmp_path / "open to all").write_text(home_token(shell, "aa"))
    open_to_all.chmod(0o644)
    for place in ("/dev/null", "/", str(tmp_path), str(words)):
        for line in (["inbox", "--token-file", place], ["token", "import", "--token-file", place],
                     ["join", "--name", "cc", "--url", "http://127.0.0.1:1", "--invite", place]):  # fmt: skip
            ran = shell.run(*line, "--json")
            assert (ran.code, ran.json["error"]) == (2, "invalid_input"), (line, ran)
            assert "is no token file" in ran.json["message"]
            assert "chmod" not in ran.json["next"]
    ran = shell.run("inbox", "--json", "--token-file", str(open_to_all))
    assert (ran.json["error"], ran.json["next"]) == ("home_not_private", f"chmod 600 '{open_to_all}'")


@pytest.mark.promise("TOKEN-007")
def test_a_new_token_is_written_over_no_file(shell: Shell, tmp_path: Path) -> None:
    path = str(tmp_path / "invitation")
    words = ["token", "mint", "join", "--name", "cc", "--out", path]
    shell.json(*words)
    before, live = Path(path).read_text(), shell.json("token", "list")
    ran = shell.run(*words)
    assert (ran.code, "is there already" in ran.err, f"rm {path}" in ran.err) == (2, True, True)
    assert (Path(path).read_text(), shell.json("token", "list")) == (before, live)


def test_a_join_of_the_operator_names_no_command_that_is_refused(shell: Shell) -> None:
    assert shell.run("join", "--name", "operator").out.splitlines()[-1] == "next: sos inbox"
    assert shell.run("join", "--name", "aa").out.splitlines()[-1].startswith("next: sos connect claude --as aa ")
