"""What a runtime does with what our hooks say, asked of the real program: what fires, lands where, is cut, and wakes it."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sos.runtimes.connector import connector_of
from sos.runtimes.speech import speech_of

from .five import KINDS, Seat, seated
from .model_endpoint import Json, ModelEndpoint, Said, said, sees, when
from .waiting import wait_until

if TYPE_CHECKING:
    from sos.runtimes.speech import Moment

TRIED: tuple[Moment, ...] = ("SessionStart", "UserPromptSubmit", "PostToolBatch", "Stop", "SessionEnd")
"""Moments that each run has. A compaction is not among them."""
SMALL, SIZES = 200, (9_000, 12_000, 60_000)
"""Characters that a hook says: to see where they land, and whether they land whole. Ours gives messages 8 KiB a turn."""
NOTICE = "1 unread message"
RAN = "prompts without a terminal, each with one shell call, under the hooks of `sos connect`; an idle terminal for the wake"

# Stands in the place of our hook's launcher: notes its event, and says what the probe has put there for it.
HOOK = """
import json, sys
from pathlib import Path
folder, event = Path(sys.argv[1]), sys.argv[3]
call = json.loads(sys.stdin.read() or "{}")
with open(folder / "calls", "a") as file:
    file.write(event + "\\n")
answer = folder / f"{event}.json"
if answer.exists() and not (call.get("stop_hook_active") or call.get("stopHookActive")):
    sys.stdout.write(answer.read_text())
"""


def probe(name: str, root: Path, endpoint: ModelEndpoint) -> Json:
    """One row of the table: what a runtime's installed version does, by some turns of it below `root`."""
    with seated(name, root / "hooks", endpoint.url) as seat:
        moments = hooks(seat, root / "notes", endpoint)
    connector = connector_of(name)
    return {
        "name": name,
        "title": connector.TITLE,
        "version": KINDS[name].version(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "ran": RAN,
        "moments": moments,
        "wake": {"how": connector.WAKES, **wake(name, root / "wake", endpoint)},
    }


def hooks(seat: Seat, notes: Path, endpoint: ModelEndpoint) -> list[Json]:
    """By event: whether its hook ran, what it answers, where the text landed, and which sizes came whole."""
    notes.mkdir()
    (notes / "hook.py").write_text(HOOK)
    launchers = Path(seat.machine.runtime.environment["SOS_HOME"], "bin")
    (launchers / "sos-hook").write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{notes}/hook.py" "{notes}" "$@"\n')
    (launchers / "sos-wait").write_text("#!/bin/sh\n")  # the real one would mend the other
    speech = speech_of(seat.kind.name)
    events = {moment: event for event, moment in speech.MOMENTS.items() if moment in TRIED}
    endpoint.answer = when(("run it", seat.kind.shell))
    landed: dict[str, Json] = {}
    whole: dict[str, list[int]] = {event: [] for event in events.values()}
    for size in (SMALL, *SIZES):
        words = {event: _words(event, size) for moment, event in events.items() if moment in speech.SPEAKING}
        for moment, event in events.items():
            if event in words:
                (notes / f"{event}.json").write_text(speech.answer(event, moment, words[event]))
        before = len(endpoint.requests)
        seat.machine.runtime.run("run it", extra_args=seat.kind.free)
        texts = [each for request in endpoint.requests[before:] for each in said(request)]
        for event, text in words.items():
            whole[event] += [size] if any(text in each.text for each in texts) else []
            found = [each for each in texts if text in each.text]
            if size == SMALL and found:
                landed[event] = _place(found[0], text)
    ran = set((notes / "calls").read_text().split())
    return [
        {
            "event": event,
            "moment": moment,
            "fires": event in ran,
            "reply": speech.answer(event, moment, "TEXT") if moment in speech.SPEAKING else "",
            "lands": landed.get(event),
            "whole": whole[event],
        }
        for moment, event in events.items()
    ]


def wake(name: str, root: Path, endpoint: ModelEndpoint) -> Json:
    """Whether mail starts a turn in an idle terminal, and where the notice of it stands; None where there is nothing to try."""
    if name == "gemini":
        return {"wakes": None, "lands": None}
    with seated(name, root, endpoint.url) as seat:
        machine = seat.machine
        machine.join("reviewer")
        if name == "copilot":
            machine.runtime.settings(enabledFeatureFlags={"EXTENSIONS": True})
        endpoint.answer = lambda _body: "ok"
        before = len(endpoint.requests)
        session: Any = machine.runtime.interactive()
        session.submit("hello")
        endpoint.wait_for(sees(f"You are {seat.agent}"), after=before)
        if name == "codex":
            session.wait_turns(1)
        wait_until(lambda: machine.presence(seat.agent) == "idle", 30, "the session is idle")
        if name == "codex":
            machine.sos("watch", "add", seat.agent, "--notice", "codex", "--", str(machine.runtime.binary.program))
            with machine.running("watch", "run"):
                return _woken(seat, endpoint)
        return _woken(seat, endpoint)


def _woken(seat: Seat, endpoint: ModelEndpoint) -> Json:
    before = len(endpoint.requests)
    seat.machine.send("wake up", seat.agent)
    try:
        request = endpoint.wait_for(sees(NOTICE), after=before)
    except TimeoutError:
        return {"wakes": False, "lands": None}
    found = next(each for each in said(request) if NOTICE in each.text)
    return {"wakes": True, "lands": {"role": found.role}}


def _words(event: str, size: int) -> str:
    head, tail = f"walrus {event} {size} ", " walrus end"
    return head + "x" * (size - len(head) - len(tail)) + tail


def _place(where: Said, text: str) -> Json:
    """Role, and what of the runtime's own stands right before and behind a text: tags and headings, on its line or the next."""
    before, _, behind = where.text.partition(text)
    last = before.rstrip("\n").rpartition("\n")[2]
    next_ = behind.lstrip("\n").partition("\n")[0]
    tag = re.search(r"<[^/<>][^<>]*>$|[A-Z][^<>]*: ?$", last)
    end = re.match(r"</[^<>]*>", next_)
    return {"role": where.role, "before": re.sub('/[^"<> ]*/', "…/", tag[0] if tag else ""), "behind": end[0] if end else ""}


def main() -> None:
    """Print one row, for a look at a runtime: `python -m tests.runtimes.conformance NAME`."""
    import tempfile

    with tempfile.TemporaryDirectory() as root, ModelEndpoint() as endpoint:
        print(json.dumps(probe(sys.argv[1], Path(root), endpoint), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
