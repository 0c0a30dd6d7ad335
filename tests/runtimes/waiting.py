"""Waiting, with a bound, for something that another process does and cannot tell us about."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

LOOK_EVERY = 0.02


def wait_until(look: Callable[[], Found | None], timeout: float, what: str) -> Found:
    """The first truthy answer of `look`; TimeoutError that says `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(LOOK_EVERY)
