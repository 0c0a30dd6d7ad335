"""Random lives of an inbox, over both stores at once, against a plain model of it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.inbox_machine import InboxMachine

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


def live(lives: int, steps: int) -> None:
    chosen = settings(max_examples=lives, stateful_step_count=steps, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(InboxMachine, settings=chosen)


@pytest.mark.timeout(600)  # it takes seconds; what it finds takes minutes to be made small
@pytest.mark.promise("STORE-001", "INBOX-003", "INBOX-004", "INBOX-005", "INBOX-006", "INBOX-011", "INBOX-015", "INBOX-017")
@pytest.mark.promise("LEASE-002", "LEASE-003", "SEND-001", "REQUEST-002", "RETENTION-001")
def test_both_stores_do_what_the_model_says() -> None:
    live(20, 40)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.promise("STORE-001")
def test_both_stores_do_what_the_model_says_for_long() -> None:
    live(400, 60)
