"""The sentinel's judgement: whether an agent hears, and if not why, from facts that others have gathered. No I/O.

Judged is each message that waits, by the opportunities that its agent's hooks had to show it, and never silence alone: turns are
heavy-tailed (median 25 s, 3 % of 5 to 30 minutes), and a heartbeat of 300 s would give 48 false alarms an agent and day.
"""

from __future__ import annotations

from sos.model.agents import PASSED_OVER, presence_of
from sos.model.record import Record
from sos.model.times import MINUTE, SECOND, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from sos.model.agents import Body

    Hearing = Literal["hearing", "late", "deaf", "unknown"]
    #: The twelve causes of the design; `not_woken`: it is idle, and nothing of what should wake it has; "": none, or not told.
    Cause = Literal[
        "", "dead", "frozen", "terminal_gone", "waiting", "hook_gone", "wrong_stream", "token", "cursor_ahead",
        "config_broken", "disk_full", "ignoring", "watch_slow", "not_woken",
    ]  # fmt: skip

OPPORTUNITIES = 2
"""Hook runs that might have shown a message, and did not, after which its agent is deaf. One may be a race."""
SILENT = 15 * MINUTE
"""Milliseconds without a hook run while mail waits, after which its agent is deaf; more where its tools may run for longer."""
LONG_TOOL = 30 * MINUTE
"""Milliseconds that a tool of a coding agent runs at most, where nobody has said otherwise: 3 % of turns take 5 to 30 minutes.
With `SILENT` alone such an agent gave 16 false alarms a day (simulated)."""
LATE_LOOP = 2 * SECOND
"""Milliseconds by which the sentinel's own loop may be late and still trust its clock against others."""

_CODES: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    ("disk_full", ("storage_full", "disk_critical")),
    ("config_broken", ("config_closed", "config_ignored", "runtime_closed")),
    ("hook_gone", ("hook_gone", "hook_changed", "hook_closed", "hook_foreign", "launcher_gone", "launcher_changed", "python_gone",
                   "plugin_disabled", "plugin_unseen", "hooks_disabled", "not_trusted", "hook_deaf", "runtime_config")),
    ("dead", ("session_gone",)),
    ("frozen", ("frozen",)),
    ("terminal_gone", ("terminal_gone",)),
    ("wrong_stream", ("bus_mismatch",)),
    ("cursor_ahead", ("cursor_ahead",)),
    ("token", ("token_refused", "token_damaged", "token_wrong_kind", "token_expired", "token_revoked")),
)  # fmt: skip
CAUSE_OF: dict[str, Cause] = {code: cause for cause, codes in _CODES for code in codes}
"""What was found on the agent's machine (codes of the doctor's findings) → the cause that it is."""

SAID: dict[Cause, tuple[str, str]] = {
    "": ("why is not known", "sos doctor --as {agent}"),
    "dead": ("its process has ended without saying so", "start its runtime again, in the same directory"),
    "frozen": ("its process is stopped", "sos doctor --as {agent}   (it names the process to go on)"),
    "terminal_gone": ("its terminal is gone: nobody sees it", "sos doctor --as {agent}"),
    "waiting": ("it is at work and no hook runs: it may wait for a permission", "look at its terminal"),
    "hook_gone": ("its hook is gone or does not run", "sos doctor --as {agent} --fix"),
    "wrong_stream": ("what is written to it is not what it reads", "sos doctor --as {agent}"),
    "token": ("its token has expired, was revoked, or is gone", "sos join --name {agent}"),
    "cursor_ahead": ("it has read further than its store goes: the store was put back", "sos doctor --as {agent} --fix"),
    "config_broken": ("the config of its runtime is broken", "sos repair --runtime claude"),
    "disk_full": ("the disk is full", "sos watchdog --once"),
    "ignoring": ("it hears, and answers no request", "ask it in its own terminal"),
    "watch_slow": ("the sentinel itself is late, and accuses nobody", "see what keeps this machine busy: uptime"),
    "not_woken": ("it is idle, and nothing has woken it", "type a prompt in its session; sos watch status"),
}
"""What a cause means, and the command or deed that helps."""


class Facts(Record):
    """What is known of one agent at one time. Times are of the store's clock."""

    now: Millis
    bodies: tuple[Body, ...] = ()
    #: Messages that wait unread, and since when the oldest of those looked at does.
    unread: int = 0
    oldest: Millis | None = None
    #: Open requests that were shown as often as they ever are, and have no answer.
    ignored: int = 0
    #: Hook runs since `oldest` that ended in an error before they could show anything, as the agent's own log has them.
    failed: int = 0
    #: Whether nothing is to wake it now for what waits (its own rules of attention).
    left_alone: bool = False
    #: Whether no bus token of its own counts any more.
    tokenless: bool = False
    #: Whether what waits stands in a stream that it does not read; whether it has read further than the store goes.
    astray: bool = False
    ahead: bool = False
    #: The hop at which the last canary since `oldest` broke; empty where it came through, or none was sent.
    broken: str = ""
    #: Codes of what is wrong on its machine, in the order of the ladder; empty where nobody looked.
    found: tuple[str, ...] = ()
    #: Milliseconds that its longest tool may run, where it is more than `SILENT`: counted only while it is at work.
    long_tool: int = 0
    #: Silence before this does not count: until then the judge's machine slept, and so, it may be, did the agent.
    awake: Millis = Millis(0)
    #: Milliseconds that the judge's own loop is late.
    lag: int = 0


class Verdict(Record):
    """How an agent is, and why it is not well, as far as that can be told."""

    hearing: Hearing
    cause: Cause = ""
    since: Millis | None = None

    @property
    def alarm(self) -> bool:
        """Whether somebody is to be told."""
        return self.hearing == "deaf" or self.cause == "ignoring"


def judge(facts: Facts) -> Verdict:
    """How an agent is. `unknown` where no hook or heartbeat of it is known, or the judge itself is late."""
    if facts.lag > LATE_LOOP:
        return Verdict(hearing="unknown", cause="watch_slow")
    here = present(facts.bodies)
    if not here:
        return Verdict(hearing="unknown")
    ran = max(body.hook_at for body in here if body.hook_at is not None)
    missed = opportunities(here) + facts.failed
    if facts.unread and facts.oldest is not None:
        quiet_since = max(ran, facts.oldest, facts.awake)
        works = any(body.presence == "working" for body in here)
        limit = max(SILENT, facts.long_tool) if works else SILENT
        silent = facts.now - quiet_since > limit and not facts.left_alone
        if missed >= OPPORTUNITIES or facts.broken or silent:
            since = facts.oldest if missed >= OPPORTUNITIES or facts.broken else quiet_since
            return Verdict(hearing="deaf", cause=_cause(facts, here, missed), since=since)
    elif facts.broken:
        return Verdict(hearing="deaf", cause=_cause(facts, here, missed), since=facts.now)
    lately = facts.now - ran <= SILENT
    if facts.ignored and lately:
        return Verdict(hearing="hearing", cause="ignoring")
    return Verdict(hearing="hearing" if lately and not (facts.unread and missed) else "late")


def present(bodies: Iterable[Body]) -> list[Body]:
    """The bodies that have not ended, as far as they say, and of which a hook run or heartbeat is known."""
    return [body for body in bodies if body.presence != "closed" and body.hook_at is not None]


def opportunities(bodies: Iterable[Body]) -> int:
    """Hook runs in succession that mail waited for, and that showed none of it: counted to two by the mark of the last run.

    That of the session whose hook ran last: what another saw before it says nothing of now.
    """
    last = max(bodies, key=lambda body: body.hook_at or 0, default=None)
    return PASSED_OVER.index(last.hook_outcome) + 1 if last is not None and last.hook_outcome in PASSED_OVER else 0


def _cause(facts: Facts, here: list[Body], missed: int) -> Cause:
    """The first that explains it: what was seen on its machine, in the ladder's order; then what the store knows."""
    for code in facts.found:
        if code in CAUSE_OF:
            return CAUSE_OF[code]
    known: tuple[tuple[Cause, bool], ...] = (
        ("token", facts.tokenless),
        ("cursor_ahead", facts.ahead),
        ("wrong_stream", facts.astray or facts.broken == "inbox"),
        ("hook_gone", facts.broken in {"hook", "context"}),
        ("", missed >= OPPORTUNITIES or bool(facts.broken)),
        ("dead", all(presence_of(body, facts.now) == "gone" for body in here)),
        ("waiting", any(body.presence == "working" for body in here)),
    )
    return next((cause for cause, holds in known if holds), "not_woken")


def said(agent: str, verdict: Verdict) -> tuple[str, str]:
    """Why an agent does not hear, in words, and what helps."""
    what, step = SAID[verdict.cause]
    return what, step.replace("{agent}", agent)
