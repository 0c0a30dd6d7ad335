"""Attention belongs to the recipient: who may wake it, how often, when it wants quiet. What a sender calls urgent is a claim."""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.record import Record
from sos.model.times import SECOND, parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Wakers = Literal["peers", "requests", "operator", "nobody"]

WAKERS: dict[Wakers, tuple[int, ...]] = {"peers": (0, 1, 2), "requests": (0, 1), "operator": (0,), "nobody": ()}
"""Ranks (model/deliveries.rank_of) that may wake. Broadcasts and claimed senders wake nobody."""
MIN_EVERY = 5 * SECOND
DAY_MINUTES = 24 * 60


class Attention(Record):
    """The rules of one agent."""

    #: Who may wake it at an idle prompt, or have a turn continued: peers, only requests, only the operator, or nobody.
    wake: Wakers = "peers"
    #: Milliseconds between two wakes.
    every: int = 30 * SECOND
    #: Between which times of the day, local time, nothing wakes it: like 22:00-07:00, or never.
    quiet: str = "never"

    def wakes(self, rank: int) -> bool:
        """Whether a delivery of this rank may ever wake the agent."""
        return rank in WAKERS[self.wake]

    def is_quiet(self, minute: int) -> bool:
        """Whether nothing may wake it at this minute of the day."""
        if self.quiet == "never":
            return False
        start, end = _span(self.quiet)
        return start <= minute < end if start <= end else minute >= start or minute < end


def attention_of(before: Attention, wake: str | None, every: str | None, quiet: str | None) -> Attention:
    """The rules after some of them were set anew; None leaves one as it was. Raises InvalidInput."""
    after = before
    if wake is not None:
        if wake not in WAKERS:
            raise InvalidInput(f"{ascii(wake)[:40]} is nobody who wakes", next_step=f"use one of {', '.join(WAKERS)}")
        after = after.replace(wake=wake)
    if every is not None:
        span = parse_duration(every)
        if not MIN_EVERY <= span <= DAY_MINUTES * 60 * SECOND:
            raise InvalidInput("an agent is woken every 5s at most, and at least once in 24h")
        after = after.replace(every=span)
    if quiet is not None:
        start, end = (0, 0) if quiet == "never" else _span(quiet)
        after = after.replace(quiet="never" if start == end else f"{_clock(start)}-{_clock(end)}")
    return after


def _span(text: str) -> tuple[int, int]:
    start, dash, end = text.partition("-")
    if not dash:
        raise InvalidInput(f"{ascii(text)[:40]} is no span of the day", next_step="for example 22:00-07:00, or never")
    return _minute(start), _minute(end)


def _minute(text: str) -> int:
    hours, colon, minutes = text.strip().partition(":")
    if colon and len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit() and len(hours) <= 2:
        made = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and made < DAY_MINUTES:
            return made
    raise InvalidInput(f"{ascii(text)[:40]} is no time of the day", next_step="for example 22:00-07:00, or never")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
