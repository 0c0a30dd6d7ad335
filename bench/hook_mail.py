"""The hook with 10 messages, 1 M stored (or as many as are asked for) and 0.2 MB of new transcript, against a bare Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from bench._measure import parcel, place, quantile, say
from sos.model.names import Slug
from sos.model.times import Millis
from sos.model.transitions import Ack


def main(stored: int = 1_000_000) -> None:
    """Measure."""
    with place() as made:
        made.hook("SessionStart")
        fill(made.store(), stored)
        transcript = os.path.join(made.folder, "transcript.jsonl")
        store = made.store()
        filler = json.dumps({"type": "user", "message": {"role": "user", "content": "y" * 900}}) + "\n"
        bare: list[float] = []
        hook: list[float] = []
        printed = b""
        for _ in range(101):
            with open(transcript, "a", encoding="ascii") as file:
                file.write(evidence(printed) + filler * 220)
            store.mail.post([parcel(text="hello") for _ in range(10)])
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
            middle = time.perf_counter()
            printed = made.hook("UserPromptSubmit", transcript)
            bare.append(middle - begun)
            hook.append(time.perf_counter() - middle)
            if b"| hello" not in printed:
                raise SystemExit(f"the hook showed nothing: {printed!r}")
        if store.mail.count(Slug("bb"), "pending") > 10:
            raise SystemExit("the hook did not find its evidence")
        say(f"hook with 10 messages, {stored:,} stored", quantile(hook, 0.5) / quantile(bare, 0.5), "python -I -S", 2.6)
        print(f"  bare {quantile(bare, 0.5):.1f} ms, hook p50 {quantile(hook, 0.5):.1f} ms, p99 {quantile(hook, 0.99):.1f} ms")


def evidence(printed: bytes) -> str:
    """The transcript line that Claude Code writes for a hook's output, and the request after it."""
    if not printed:
        return ""
    text = json.loads(printed)["hookSpecificOutput"]["additionalContext"]
    attachment = {"type": "hook_additional_context", "content": [text], "hookEvent": "UserPromptSubmit"}
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
    line = {"type": "attachment", "attachment": attachment, "rendered": [{"content": text}]}
    return json.dumps(line) + "\n" + json.dumps({"type": "api-request", "timestamp": stamp}) + "\n"


def fill(store: object, count: int) -> None:
    """Put consumed messages into the inbox of `bb`."""
    mail = store.mail  # type: ignore[attr-defined]  # a SqliteStore
    for _ in range(0, count, 1000):
        posted = mail.post([parcel() for _ in range(min(1000, count))])
        mail.apply(Slug("bb"), [(each.message.id, Ack(at=Millis(each.message.sent_at))) for each in posted])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
