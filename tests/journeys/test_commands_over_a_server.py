"""Every command of an agent's own session, word for word the same, with its bus embedded and behind a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.test_contract_of_commands import TROUBLE, WELL
from tests.serving import Serving, shell_at
from tests.shell import Shell

SESSION = "5a12d4d5-0000-4000-8000-000000000001"
OF_THE_MACHINE_THAT_SERVES = {
    ("join", "--name", "cc"): "invitation_needed",
    ("token", "grant", "aa"): "token_refused",
    ("sentinel", "--once"): "invalid_input",
    ("backup",): "conflict",
    ("move", "--to", "http://127.0.0.1:1", "--dry-run"): "invalid_input",
}
"""What is done where `sos serve` runs, and how it is refused elsewhere."""


def session(shell: Shell) -> Shell:
    """The shell of a session of `aa`."""
    shell.connect("aa")
    assert shell.event("SessionStart", SESSION, source="startup")
    return shell.inside(SESSION)


@pytest.fixture
def embedded(tmp_path: Path) -> Shell:
    made = shell_at(tmp_path / "embedded")
    for name in ("aa", "bb"):
        made.join(name)
    return session(made)


@pytest.fixture
def remote(serving: Serving, tmp_path: Path) -> Shell:
    made = shell_at(tmp_path / "laptop")
    for name in ("aa", "bb"):
        made.json("join", "--name", name, "--url", serving.url, "--invite", serving.invitation(name, "demo"))
    made.extra["SOS_URL"] = serving.url
    return session(made)


@pytest.mark.full
@pytest.mark.promise("SERVER-010")
def test_every_command_ends_the_same_and_says_the_same_things(embedded: Shell, remote: Shell) -> None:
    for words in [*WELL, *(words for words, _, _ in TROUBLE)]:
        here, there = embedded.run(*words, "--json"), remote.run(*words, "--json")
        refused = OF_THE_MACHINE_THAT_SERVES.get(tuple(words))
        if refused is not None:
            assert (there.json["error"], bool(there.json["next"])) == (refused, True), words
            continue
        assert (there.code, there.json.get("error")) == (here.code, here.json.get("error")), words
        assert set(there.json) == set(here.json), words
