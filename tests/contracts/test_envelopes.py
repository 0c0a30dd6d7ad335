"""Whatever a sender may write comes back from a store as it was sent, sealed and with the same digest."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.model.addresses import broadcast_address, inbox_address
from sos.model.ids import MessageId
from sos.model.messages import ASSURANCES, KINDS, Draft, digest
from sos.model.names import Slug
from sos.model.parcels import Parcel, draft_of
from sos.ports import Store
from sos.stores.memory.store import MemoryStore
from sos.stores.redis.store import RedisStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.world import World
from tests import servers

#: Any Unicode that has a form in UTF-8, with what a database or a terminal could stumble over.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["\x00", " a\r\nb\t", "'; --", "\u202e", ""]
)
SPANS = st.none() | st.integers(0, 10**9)
#: Ids of ours, and ids of older deployments and foreign streams, which are stored as they came.
IDS = st.uuids().map(str) | TEXTS.filter(bool)
DRAFTS = st.builds(
    Draft,
    id=IDS,
    to=st.sampled_from(["bb", "project p"]) | TEXTS,
    text=TEXTS,
    kind=st.sampled_from(KINDS),
    content_type=st.sampled_from(["text/plain", "text/markdown"]),
    thread=st.none() | TEXTS,
    in_reply_to=st.none() | IDS,
    priority=st.integers(0, 9),
    deadline_in=SPANS,
    expires_in=SPANS,
    hops=st.integers(0, 8),
    headers=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
ADDRESSES = st.sampled_from([inbox_address(Slug("bb"), "p"), inbox_address(Slug("bb"), None), broadcast_address("p")])


@pytest.fixture(scope="module", params=["memory", "sqlite", *servers.KINDS])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One store serves many examples: they only add to it."""
    if request.param in servers.KINDS:
        server = servers.RunningServer(request.param)
        kept = RedisStore(server.url(0), create=True)
        yield World(kept)
        kept.close()
        server.remove()
        return
    with tempfile.TemporaryDirectory() as folder:
        store: Store = (
            MemoryStore() if request.param == "memory" else SqliteStore(f"{folder}/sos.db", f"{folder}/run", create=True)
        )
        yield World(store)
        store.close()


@pytest.mark.promise("MESSAGE-001")
@given(DRAFTS, ADDRESSES, st.sampled_from(ASSURANCES), st.data())
def test_every_field_of_an_envelope_comes_back(world: World, draft: Draft, address: Any, assurance: Any, data: Any) -> None:
    sender = data.draw(st.sampled_from(["aa", "cc", "operator"]) | TEXTS)
    parcel = Parcel(
        draft=draft,
        sender=sender,
        recipients=("bb",),
        project="p",
        address=address,
        assurance=assurance,
        sent_at=world.clock.tick(1),
    )
    taken = {(story.message.id, sender) for story in world.store.mail.sent(Slug(sender), 10_000)}
    if (draft.id, sender) in taken:
        return  # an id is used once
    posted = world.store.mail.post([parcel])[0].message
    (found,) = [entry for entry in world.store.mail.find(Slug("bb"), [MessageId(draft.id)]) if entry.message.seq == posted.seq]
    assert not found.damaged
    assert found.message == posted
    assert draft_of(found.message) == draft
    assert (found.message.sender, found.message.sent_at, found.message.assurance) == (sender, parcel.sent_at, assurance)
    assert (found.message.address, found.message.project) == (address, "p")
    assert found.message.sha256 == digest(draft).hex()
