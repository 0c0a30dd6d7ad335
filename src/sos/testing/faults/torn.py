"""Copies of a store's files, cut short or with a bit changed, and what opening them may say."""

from __future__ import annotations

import os
import random
import shutil

from sos.model.errors import SosError
from sos.testing.faults import acts
from sos.testing.faults.children import Child
from sos.testing.oracle import Broken, Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.testing.faults.children import Say

MESSAGES = 30


def fill(place: tuple[str, str], log: Log) -> list[str]:
    """Messages half in the database file, half in its log, as a killed process leaves them; their texts in order."""
    texts = []
    for half in range(2):
        store = acts.opened(*place)
        for number in range(MESSAGES // 2):
            made = acts.parcel("aa", acts.CONTEXT, f"torn {half}/{number} " + "abcdefgh" * 20)
            log.begin("aa", [acts.CONTEXT], made.draft.id, made.draft.text)
            store.mail.post([made])
            log.told("aa", made.draft.id)
            texts.append(made.draft.text)
        if half == 0:
            store.close()
        else:
            for suffix in ("", "-wal"):
                shutil.copyfile(place[0] + suffix, f"{place[0]}.kept{suffix}")
            store.close()
    return texts


def trial(place: tuple[str, str], sent: list[str], chance: random.Random) -> list[Broken]:
    """Damage a copy and look into it: what is shown was sent; of a damaged log a beginning is left, with no gap in it."""
    folder = os.path.join(os.path.dirname(place[0]), "copy")
    os.makedirs(folder, 0o700, exist_ok=True)
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    copy, suffix, how = os.path.join(folder, "sos.db"), chance.choice(("", "-wal")), chance.choice(("cut", "bit"))
    for each in ("", "-wal"):
        with open(f"{place[0]}.kept{each}", "rb") as file:
            data = bytearray(file.read())
        if each == suffix:
            offset = chance.randrange(len(data))
            if how == "cut":
                del data[offset:]
            else:
                data[offset] ^= 1 << chance.randrange(8)
        with open(os.open(copy + each, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(data)
    what = f"{how} in sos.db{suffix}"
    said = Child(_look, copy, place[1]).end()
    if any(each["kind"] == "failed" for each in said):
        return [Broken("failed", f"{what}: {said[-1]['error']}")]
    if any(each["kind"] == "refused" for each in said):
        return []
    texts = [each["text"] for each in said]
    return [Broken("changed", f"{what}: {text}") for text in _wrong(texts, sent, log_only=suffix == "-wal")]


def _look(say: Say, path: str, run: str) -> None:
    """A process of its own: a store that was refused half-way may stay open, and a fork must not carry it over."""
    try:
        store = acts.opened(path, run)
        entries = store.mail.entries(acts.CONTEXT, "unread", 2 * MESSAGES)
    except SosError as error:
        say("refused", code=error.code)
        return
    for entry in entries:
        if not entry.damaged:
            say("text", text=entry.message.text)


def _wrong(texts: list[str], sent: list[str], *, log_only: bool) -> list[str]:
    wrong = [f"a text that nobody sent: {text[:40]!r}" for text in texts if text not in sent]
    if log_only and texts != sent[: len(texts)]:
        wrong.append(f"{len(texts)} messages with a gap in them")
    if log_only and len(texts) < len(sent) // 2:
        wrong.append(f"only {len(texts)} of the {len(sent) // 2} messages that were in the database file")
    return wrong
