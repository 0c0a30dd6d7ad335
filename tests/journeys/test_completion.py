"""Completion, asked as the shells ask for it."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from sos.cli import COMMANDS
from tests import tools
from tests.shell import Shell


def completed(shell: Shell, *words: str) -> list[str]:
    """What bash offers for the last word of a line."""
    bash = tools.find("bash")
    script = shell.run("completion", "bash").out
    line = " ".join(f"'{word}'" for word in words)
    ask = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _sos; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run([bash, "-c", ask], env=shell.environment, capture_output=True, text=True, check=True).stdout.split()


def test_bash_completes_commands_options_words_and_agents(shell: Shell) -> None:
    assert completed(shell, "sos", "") == list(COMMANDS)
    assert completed(shell, "sos", "tr") == ["trace"]
    assert {"--request", "--as", "--json", "aa", "bb"} <= set(completed(shell, "sos", "send", ""))
    assert completed(shell, "sos", "send", "--de") == ["--deadline"]
    assert completed(shell, "sos", "dead", "re") == ["requeue"]
    assert completed(shell, "sos", "inbox", "--as", "") == ["aa", "bb"]
    assert completed(shell, "sos", "inbox", "a") == []


@pytest.mark.parametrize("program", ["bash", "zsh", "fish"])
def test_the_script_is_whole_and_its_shell_takes_it(shell: Shell, program: str) -> None:
    ran = shell.run("completion", program)
    assert ran.code == 0
    assert all(name in ran.out for name in COMMANDS)
    assert "%(" not in ran.out
    if shutil.which(program):
        subprocess.run([program, "-n"], input=ran.out, text=True, check=True)
