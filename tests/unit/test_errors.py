"""Errors: a code each that never changes, and a way on that exists."""

from __future__ import annotations

import re

import pytest

from sos.cli import COMMANDS
from sos.model import errors

CODES = {
    "answer_lost", "bad_name", "bus_mismatch", "conflict", "ephemeral_interpreter", "error", "forbidden", "guide_tampered",
    "held_elsewhere", "home_damaged", "home_error", "home_not_private", "id_conflict", "inbox_full", "invalid_input",
    "network_file_system", "no_recipients", "nobody_here", "not_found", "project_changed", "reserved_name", "runtime_config",
    "slug_taken", "stale_fence", "storage_full", "store_damaged", "store_error", "store_missing", "store_unreachable",
    "text_too_long", "token_damaged", "token_expired", "token_in_arguments", "token_refused", "token_revoked",
    "token_wrong_kind", "unauthenticated", "unknown_agent", "unknown_message", "unreadable_json", "upgrade_needed",
    "wrong_agent",
}  # fmt: skip


def tree(kind: type[errors.SosError]) -> list[type[errors.SosError]]:
    """An error and everything below it."""
    return [kind, *[each for child in kind.__subclasses__() for each in tree(child)]]


@pytest.mark.promise("CLI-009")
def test_every_error_has_a_code_of_its_own_and_none_that_scripts_know_is_gone() -> None:
    codes = [kind.code for kind in tree(errors.SosError)]
    assert len(set(codes)) == len(codes)
    assert set(codes) >= CODES
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.promise("CLI-009")
def test_every_error_names_a_way_on_and_only_commands_that_exist() -> None:
    for kind in tree(errors.SosError):
        assert kind.next_step, kind
        assert set(re.findall(r"(?:^|[(:] ?)sos ([a-z]+)", kind.next_step)) <= set(COMMANDS), kind
        assert kind.exit_code in {1, 2, 75}


def test_an_error_says_what_happened_and_what_to_do_with_or_without_a_step_of_its_own() -> None:
    plain, own = errors.UnknownAgent("no x"), errors.UnknownAgent("no x", next_step="sos join --name x")
    assert (str(plain), plain.message, plain.next_step) == ("no x", "no x", "sos peers")
    assert own.next_step == "sos join --name x"
