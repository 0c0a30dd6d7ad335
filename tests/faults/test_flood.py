"""Too much of everything: a flood, two that answer each other for ever, a message that kills its handler."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sos.core import inbox
from sos.core.connection import LocalConnection
from sos.core.rendering import BUDGET
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE, MAX_ATTEMPTS
from sos.model.errors import InboxFull, TooManyHops
from sos.model.ids import new_id
from sos.model.messages import MAX_HOPS, Draft
from sos.model.names import Slug
from sos.model.tokens import AGENT_SCOPES
from sos.stores.sqlite.store import SqliteStore
from sos.testing.faults import acts
from sos.testing.oracle import Log, judge
from sos.testing.world import World
from tests.faults.conftest import Recording

BB = Slug("bb")
FLOODERS = [f"flooder-{number:02}" for number in range(100)]


@pytest.fixture
def world(home: Path) -> World:
    return World(SqliteStore(str(home / ".sos" / "sos.db"), str(home / ".sos" / "run"), create=True))


def flood(world: World) -> int:
    """A hundred agents send until they are refused; how many messages wait."""
    for slug in FLOODERS:
        world.enrol(slug)
    count = 0
    try:
        while True:
            parcels = [world.parcel(f"flood {count}", sender=slug, kind="request") for slug in FLOODERS]
            count += len(world.store.mail.post(parcels))
    except InboxFull:
        return count


def next_run(world: World) -> str:
    """What the next hook run of bb would print."""
    reader, body = world.store.agents.agent(BB), world.body()
    assert reader is not None
    rendered, _ = inbox.show(world.store, reader, body, world.clock.now(), "nonce")
    return rendered.text


@pytest.mark.promise("RETENTION-001", "INBOX-011", "INBOX-012")
def test_in_a_flood_the_operator_is_heard_at_the_next_turn_and_nothing_is_lost(world: World, record: Recording) -> None:
    log = Log()
    polite = world.parcel("from a polite sender, before the flood", sender="cc")
    log.begin("cc", ["bb"], polite.draft.id, polite.draft.text)
    world.store.mail.post([polite])
    log.told("cc", polite.draft.id)
    waiting = flood(world)
    assert waiting + 1 <= INBOX_LIMIT - INBOX_RESERVE < waiting + 1 + len(FLOODERS)
    with pytest.raises(InboxFull):  # by name: whoever is refused knows it
        world.store.mail.post([world.parcel(str(number), sender="cc") for number in range(200)])
    for number in range(INBOX_RESERVE // 2):
        world.send(f"operator {number}", sender="operator")
    text = next_run(world)
    assert "| operator 0\n" in text
    assert "flood" not in text
    assert len(text.encode()) < BUDGET + 500
    assert "more: sos inbox" in text
    assert world.store.mail.find(BB, [polite.draft.id])[0].delivery.unread
    assert [each for each in judge(world.store, log) if each.rule != "invented"] == []
    record("messages of a flood, beside the operator's", trials=waiting)


@pytest.mark.promise("MESSAGE-004")
def test_two_that_answer_everything_die_down_where_they_count_their_hops(world: World) -> None:
    sides = []
    for slug in ("aa", "bb"):
        agent = world.store.agents.agent(Slug(slug))
        assert agent is not None
        sides.append(LocalConnection(world.store, agent, world.clock, scopes=AGENT_SCOPES["bus"]))
    sides[0].send(Draft(id=new_id(world.clock.now()), to="bb", text="hello"))
    for answers in range(100):
        side = sides[(answers + 1) % 2]
        (entry,) = side.read([])
        side.mark_read([entry])
        try:
            side.reply(entry.message.id, Draft(id=new_id(world.clock.now()), to="", text="and to you"))
        except TooManyHops:
            break
    assert answers == MAX_HOPS


HANDLER = """
import os, signal, sys
from sos.model.times import Millis
from sos.model.transitions import Ack
from sos.testing.faults import acts
store = acts.opened(sys.argv[1], sys.argv[2])
store.mail.tick(acts.now())
while taken := store.mail.lease(acts.HANDLER, "handler", 1, Millis(acts.now() + 400), acts.now()):
    (entry,) = taken
    if entry.message.text == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    store.mail.apply(acts.HANDLER, [(entry.message.seq, Ack(at=acts.now(), fence=entry.delivery.fence))])
    print(entry.message.text, flush=True)
"""


@pytest.mark.promise("LEASE-003")
def test_a_message_that_kills_its_handler_is_a_dead_letter_and_holds_nobody_up(home: Path, record: Recording) -> None:
    place = str(home / ".sos" / "sos.db"), str(home / ".sos" / "run")
    store = acts.opened(*place, create=True)
    acts.settle_in(store)
    texts = ["poison", *(f"no. {number}" for number in range(20))]
    poison = store.mail.post([acts.parcel("aa", acts.HANDLER, text) for text in texts])[0].message.id
    handled, starts = list[str](), 0
    for _ in range(100):
        ran = subprocess.run([sys.executable, "-c", HANDLER, *place], capture_output=True, check=False, text=True)
        starts += ran.returncode == -signal.SIGKILL
        handled += ran.stdout.split("\n")[:-1]
        if starts == 2:
            assert handled, "what stands behind it waited for more than one lease"
        store.mail.tick(acts.now())
        if store.mail.find(acts.HANDLER, [poison])[0].delivery.ended:
            break
    delivery = store.mail.find(acts.HANDLER, [poison])[0].delivery
    assert (starts, delivery.ended, delivery.attempts) == (MAX_ATTEMPTS, "dead", MAX_ATTEMPTS)
    assert sorted(handled) == sorted(texts[1:])
    (told,) = store.mail.entries(Slug("aa"), "unread", 10)
    assert (told.message.kind, told.message.in_reply_to) == ("event", poison)
    store.close()
    record("a handler killed by its message", trials=starts)
    assert not os.path.exists(place[0] + "-wal")
