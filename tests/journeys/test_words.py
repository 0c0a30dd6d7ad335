"""What commands say when something is wrong: what it is, and a next step that fits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sos.cli.command import MAX_INPUT
from tests.journeys.test_completion import completed
from tests.shell import Shell

pytestmark = pytest.mark.promise("CLI-009")


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_an_error_of_usage(home: Path, port: str) -> None:
    ran = Shell(home).run("serve", f"--port={port}", "--json")
    assert (ran.code, ran.json["error"], "Traceback" in ran.err) == (2, "invalid_input", False)


def test_a_path_with_spaces_is_quoted_in_the_next_step(tmp_path: Path) -> None:
    home = tmp_path / "a b"
    home.mkdir()
    shell = Shell(home, {"HOME": str(home), "SOS_HOME": str(home / ".sos")})
    shell.join("aa")
    shell.root.chmod(0o755)
    ran = shell.run("join", "--name", "aa", "--json")
    assert ran.json["next"] == f"chmod 700 '{shell.root}'"
    assert subprocess.run(["/bin/sh", "-c", ran.json["next"]], check=False).returncode == 0
    assert shell.run("join", "--name", "aa").code == 0


@pytest.mark.parametrize(("text", "said"), [("x", "line 1 is none of ours"), ("a = 1", "it is not what sos join wrote")])
def test_a_damaged_identity_is_not_said_to_be_no_json(shell: Shell, text: str, said: str) -> None:
    (shell.root / "agents" / "aa" / "agent.toml").write_text(text)
    ran = shell.run("inbox", "--as", "aa", "--json")
    assert (ran.code, said in ran.json["message"], "JSON" in ran.json["message"]) == (1, True, False)
    assert ran.json["next"] == "sos join --name aa   (writes it anew)"
    assert shell.run("join", "--name", "aa").code == 0
    assert shell.run("inbox", "--as", "aa").code == 0


def test_a_text_beyond_what_is_read_is_said_to_have_more(shell: Shell) -> None:
    ran = shell.run("send", "bb", "-", "--json", stdin="x" * (MAX_INPUT + 1))
    assert (ran.code, ran.json["error"], "more than 16,777,216 bytes" in ran.json["message"]) == (2, "text_too_long", True)


@pytest.mark.parametrize("value", ["{bad", "@/nope", "[]"])
def test_the_schema_that_is_wrong_is_named(shell: Shell, value: str) -> None:
    ran = shell.run("skill", "add", "--as", "aa", "review", "--output-schema", value, "--json")
    assert (ran.code, ran.json["message"].startswith("--output-schema: ")) == (2, True)
    assert ran.json["next"].startswith("give a JSON object: --output-schema ")


def test_a_dry_run_says_nothing_as_if_it_were_done(shell: Shell) -> None:
    ran = shell.run("connect", "claude", "--as", "aa", "--dry-run")
    assert "nothing was written" in ran.out
    assert ran.out.splitlines()[-2] == "next: the same command without --dry-run"
    assert ("takes it back" in ran.out, "Start Claude Code" in ran.out) == (False, False)
    assert "takes it back" in shell.run("connect", "claude", "--as", "aa").out


def test_bash_completes_an_agent_after_the_word_and_the_values_of_an_option(shell: Shell) -> None:
    assert completed(shell, "sos", "watch", "a") == ["add"]
    assert completed(shell, "sos", "watch", "add", "a") == ["aa"]
    assert completed(shell, "sos", "inbox", "--view", "o") == ["open"]
    assert completed(shell, "sos", "task", "list", "--view", "") == ["live", "mine", "ended"]


def test_an_error_that_ends_a_program_shows_its_next_step(shell: Shell) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from sos.sdk import Agent; Agent(name='nobodyhere')"],
        env=shell.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "next: sos join --name nobodyhere"


def test_an_answer_that_could_not_be_written_names_a_step_of_its_command(shell: Shell) -> None:
    for words, step in ((["join", "--name", "aa"], "the same command again"), (["guide"], "the same command again"),
                        (["send", "bb", "x"], "sos sent"), (["task", "add", "x"], "sos task list")):  # fmt: skip
        with open("/dev/full", "wb") as full:
            done = subprocess.run([sys.executable, "-m", "sos", *words], env=shell.environment, stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)  # fmt: skip
        assert (done.returncode, f"next: {step}" in done.stderr) == (1, True), done.stderr


def test_only_the_characters_at_fault_are_named_and_that_an_agent_stays_behind(tmp_path: Path) -> None:
    home = tmp_path / "\u00fc'$"
    home.mkdir()
    shell = Shell(home, {"HOME": str(home), "SOS_HOME": str(home / ".sos")})
    shell.join("aa")
    ran = shell.run("connect", "claude", "--as", "aa", "--json")
    assert ran.json["message"].endswith("has characters that a shell line cannot carry: ' $")
    assert ("xfc" in ran.json["message"], "stays behind" in ran.json["next"]) == (False, True)
