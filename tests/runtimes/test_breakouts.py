"""No message leaves its frame: a corpus of break-outs, sent to an agent in each real program, is held to what its model got."""

from __future__ import annotations

import html
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sos.core import importing
from sos.model.addresses import read_addresses
from sos.model.errors import InvalidInput
from sos.model.ids import new_id
from sos.model.messages import Draft
from sos.model.names import Slug
from sos.model.times import Millis
from sos.runtimes.speech import speech_of
from sos.settings import load
from sos.stores.sqlite.store import SqliteStore
from sos.testing.streams import ForeignStream
from sos.wiring.local import connect

from .breakouts import LARGE, REFUSED, Breakout, corpus, escaped, quoted, unseen
from .five import Seat, seated
from .model_endpoint import Json, ModelEndpoint, ToolUse, said

FENCED = ["claude", "gemini", *(pytest.param(name, marks=pytest.mark.full) for name in ("copilot", "opencode"))]
WRAPPED = {"gemini": "</hook_context>", "copilot": "</system_reminder>"}
"""What ends the wrapper of hook text at a prompt; in the others it has none."""
CHANGED: dict[str, Callable[[str], str]] = {"gemini": lambda text: html.escape(text, quote=False).replace("&amp;", "&")}
"""What a runtime itself does to hook text: Gemini CLI writes < and > as entities, and leaves & as it is."""
MOST_TURNS = 60
CANARY = re.compile("zq[0-9]{3}qz")
TAG = re.compile(
    r"<[ \t\n/]*(?:hook[-_]context|hook[-_]prompt|system[-_]reminder|task[-_]notification|untrusted[-_]context)", re.I
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A break-out that was sent: the id of its message."""

    id: str
    breakout: Breakout


@contextmanager
def opened(seat: Seat) -> Iterator[SqliteStore]:
    """The store of a seat's bus."""
    home = seat.machine.runtime.environment["SOS_HOME"]
    store = SqliteStore(os.path.join(home, "sos.db"), os.path.join(home, "run"))
    yield store
    store.close()


def nonce_of(texts: list[str], agent: str) -> str:
    """The nonce of the frames in a request: in our first line for them, before which nothing stands that a sender wrote.

    Empty where there is none: on a busy machine a hook may run out of time, and the next turn shows what waits.
    """
    ours = re.compile(rf"(?:^|[\n>]|additional context: )\[sos\] [0-9]+ messages? for {agent}\. [^\n]+\n\[sos ([0-9a-f]{{32}}) ")
    found = [first[1] for first in map(ours.search, texts) if first]
    assert len(found) <= 1
    return found[0] if found else ""


def post(seat: Seat, endpoint: ModelEndpoint) -> dict[str, Sent]:
    """The whole corpus into the inbox of an agent, one frame of which its senders have seen; what they sent, by its id."""
    seat.machine.join("reviewer")
    seat.machine.send("hello", seat.agent)
    seat.prompt("hello")
    made = corpus(seat.agent, nonce_of([each.text for each in said(endpoint.requests[0])], seat.agent))
    claims(seat, [each for each in made if each.sender is not None])
    reviewer = connect(load(seat.machine.runtime.environment), "reviewer", own=True)
    for text in REFUSED:
        with pytest.raises(InvalidInput):
            reviewer.send(Draft(id=new_id(reviewer.clock.now()), to=seat.agent, text=text))
    for each in made:
        if each.sender is None:
            identifier = new_id(reviewer.clock.now())
            reviewer.send(Draft(id=identifier, to=seat.agent, text=each.text, thread=each.thread, headers=each.headers))
    with opened(seat) as store:
        stored = {entry.message.text: str(entry.message.id) for entry in store.mail.entries(Slug(seat.agent), "unread", 1000)}
    return {stored[each.text]: Sent(stored[each.text], each) for each in made}


def claims(seat: Seat, breakouts: list[Breakout]) -> None:
    """What older clients wrote under names that they chose, imported as it stands."""
    address = read_addresses(Slug(seat.agent), seat.agent, "demo")[1]
    now, stream = Millis(time.time_ns() // 1_000_000), ForeignStream(address)
    for each in breakouts:
        stream.add(now, text=each.text, source=str(each.sender), type="chat")
    with opened(seat) as store:
        agent = store.agents.agent(Slug(seat.agent))
        assert agent is not None
        while True:
            standing = store.streams.standing(agent.slug)
            batch = importing.batch(agent, standing, stream.look(importing.wanted(agent, standing, address, now)), now)
            if batch is None:
                return
            store.streams.take(agent.slug, batch, now)


def show(seat: Seat) -> None:
    """Turn after turn, each in a new session, until nothing waits."""
    for turn in range(MOST_TURNS):
        seat.prompt(f"turn {turn}")
        if not seat.machine.sos("inbox", "--as", seat.agent)["entries"]:
            return
    raise AssertionError(f"mail waits after {MOST_TURNS} turns")


def header(each: Sent, nonce: str) -> re.Pattern[str]:
    """What must stand in the header of a break-out, whose age alone is not known."""
    breakout = each.breakout
    name = quoted((breakout.sender or "").removeprefix("agent:").strip())
    who = "reviewer (same-user)" if breakout.sender is None else f"someone who claims to be {name}"
    words = [f"[sos {nonce} {each.id}] message from {who}", "your project", "AGE"]
    words += [f"thread {quoted(breakout.thread)}"] if breakout.thread else []
    words += [f"{unseen(breakout.text)} hidden characters escaped"] if unseen(breakout.text) else []
    return re.compile(re.escape(" · ".join(words)).replace("AGE", "[0-9]+ (?:s|m) ago"))


def frame(text: str, each: Sent, nonce: str, changed: Callable[[str], str]) -> str:
    """The frame of a break-out in a text, from its marker to its last line, each of its bytes held to what it must be."""
    start = text.index(f"\n[sos {nonce} {each.id}]") + 1
    end = f"\n[end {nonce}]"
    whole = text[start : text.index(end, start) + len(end)]
    first, _, body = whole.removesuffix(end).partition("\n")
    assert re.fullmatch(changed(header(each, nonce).pattern), first), (header(each, nonce).pattern, first)
    wanted = changed("\n".join(f"| {line}" for line in escaped(each.breakout.text).split("\n")))
    if len(each.breakout.text) < min(map(len, LARGE)):
        assert body == wanted, each.breakout.canary
        return whole
    assert len(body.encode()) > 1024, "a large one is begun"
    assert wanted.startswith(body)
    cut = re.match(rf"\n\(cut: \+[0-9]+ bytes; all of it: sos read {each.id}\)", text[start + len(whole) :])
    assert cut is not None
    return whole + cut[0]


def here(texts: list[str], nonce: str, left: dict[str, Sent]) -> list[Sent]:
    """Those whose marker stands in a request, which are then no longer left."""
    found = [each for each in left.values() if any(f"[sos {nonce} {each.id}]" in text for text in texts)]
    for each in found:
        del left[each.id]
    return found


def outside(texts: list[str], frames: list[str]) -> str:
    """All that a model got but these frames, each of which must stand in it once."""
    rest = "\n".join(texts)
    for each in frames:
        assert rest.count(each) == 1
        rest = rest.replace(each, "")
    return rest


@pytest.mark.promise("RENDER-011", "RENDER-002", "RENDER-003")
@pytest.mark.parametrize("name", FENCED)
def test_each_stands_in_its_frame_byte_for_byte_and_nowhere_else(name: str, endpoint: ModelEndpoint, tmp_path: Path) -> None:
    with seated(name, tmp_path, endpoint.url) as seat:
        left = post(seat, endpoint)
        before = len(endpoint.requests)
        assert len(left) >= 200
        show(seat)
    for request in endpoint.requests[before:]:
        texts = [each.text for each in said(request)]
        nonce = nonce_of(texts, seat.agent)
        if not nonce:
            assert not CANARY.search("\n".join(texts))
            continue
        (text,) = (text for text in texts if f"\n[sos {nonce} " in text)
        frames = [frame(text, each, nonce, CHANGED.get(name, str)) for each in here(texts, nonce, left)]
        assert text.count(f"\n[end {nonce}]") == len(frames)
        assert not CANARY.search(outside(texts, frames))
        assert not any(TAG.search(each) for each in frames)
        assert sum(len(html.unescape(each).encode()) + 1 for each in frames) <= speech_of(name).BUDGET
        if name in WRAPPED:
            assert text.count(WRAPPED[name]) == 1
            assert text.index(WRAPPED[name]) > max(text.index(each) for each in frames)
    assert left == {}


def listed(each: Sent, nonce: str) -> re.Pattern[str]:
    """The line of a break-out where its body must not stand."""
    return re.compile(f"^{header(each, nonce).pattern} — read it: sos read {re.escape(each.id)}$", re.M)


@pytest.mark.promise("RENDER-011", "RENDER-004")
def test_in_codex_only_headers_stand_outside_of_a_tools_result_where_bodies_are_json(
    endpoint: ModelEndpoint, tmp_path: Path
) -> None:
    waiting: list[str] = []

    with seated("codex", tmp_path, endpoint.url) as seat:

        def answer(body: Json) -> ToolUse | str:
            new = "\n".join(each.text for each in said(body) if each.role == "developer")
            waiting.extend(found for found in re.findall("sos read ([^ \n]+)$", new, re.M) if found not in asked)
            asked.update(waiting)
            some, waiting[:] = waiting[:5], waiting[5:]
            return seat.call(body, "read", ids=some) if some else "done"

        asked: set[str] = set()
        sent = post(seat, endpoint)
        before = len(endpoint.requests)
        endpoint.answer = answer
        assert len(sent) >= 200
        show(seat)
    read: dict[str, Json] = {}
    left = dict(sent)
    for request in endpoint.requests[before:]:
        texts = [each.text for each in said(request) if each.role != "tool"]
        nonce = nonce_of(texts, seat.agent) or "none"
        found = [listed(each, nonce).search("\n".join(texts)) for each in here(texts, nonce, dict(sent))]
        lines = [each[0] for each in found if each]
        assert len(lines) == len(found) == sum(text.count(f"[sos {nonce} ") for text in texts)
        assert not CANARY.search(outside(texts, lines))
        here(texts, nonce, left)
        results = [each.text for each in said(request) if each.role == "tool"]
        assert not any(TAG.search(each) for each in (*lines, *results))
        for result in results:
            if "truncated" not in result:
                read |= {entry["id"]: entry for entry in json.loads(result[result.index("{") :])["entries"]}
    assert left == {}
    wanted = {each.id: escaped(each.breakout.text) for each in sent.values() if each.id in read}
    assert {identifier: entry["text"] for identifier, entry in read.items()} == wanted
    assert len(wanted) >= len(sent) - 5 * len(LARGE)
