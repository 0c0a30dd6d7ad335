"""What many clients ask at once is done in lots, and each hears of its own alone."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from sos.core.access import record_of
from sos.model.errors import StoreUnreachable, UnknownAgent
from sos.model.names import Slug
from sos.model.parcels import Parcel
from sos.model.tokens import mint
from sos.ports import Store
from sos.server.lots import MOST, Lots, Outbound
from sos.stores.memory.store import MemoryStore
from sos.testing.world import World

pytestmark = pytest.mark.promise("SERVER-013")


@pytest.fixture
def world() -> World:
    return World(MemoryStore())


def at_once(store: Store, world: World, works: list[Any], lots: int = 1) -> list[Any]:
    async def run() -> list[Any]:
        with ThreadPoolExecutor(8) as workers:
            made = Lots(store, world.clock, workers, lots)
            return await asyncio.gather(*(made.do(work) for work in works), return_exceptions=True)

    return asyncio.run(run())


@pytest.mark.parametrize("lots", [1, 4])
def test_each_gets_its_own_answer_and_an_error_is_its_own_alone(world: World, lots: int) -> None:
    def fails() -> None:
        raise UnknownAgent("nobody")

    works: list[Any] = [lambda number=number: number * 2 for number in range(3 * MOST)]
    works[7] = works[MOST + 7] = fails
    answers = at_once(world.store, world, works, lots)
    assert [answers.pop(place).code for place in (MOST + 7, 7)] == ["unknown_agent"] * 2
    assert answers == [number * 2 for number in range(3 * MOST) if number not in {7, MOST + 7}]


def test_sends_are_stored_together_and_one_that_is_refused_touches_no_other(world: World) -> None:
    shown = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
    parcels = [world.parcel(f"no. {number}") for number in range(20)]
    parcels[3] = parcels[3].replace(recipients=("nobody",))
    submitted: list[Parcel] = []
    real = world.store.mail.submit

    def counted(parcel: Parcel) -> Any:
        submitted.append(parcel)
        return real(parcel)

    world.store.mail.submit = counted  # type: ignore[method-assign]
    answers = at_once(world.store, world, [lambda each=each: Outbound(each, shown) for each in parcels])
    # The first was alone when it was asked for; the rest gathered while it was stored.
    assert submitted == parcels[1:]
    assert isinstance(answers.pop(3), UnknownAgent)
    assert {record for _, record in answers} == {shown}
    assert world.texts() == [f"no. {number}" for number in range(20) if number != 3]


def test_a_store_that_fails_a_whole_lot_fails_those_in_it_and_no_other(world: World) -> None:
    shown = record_of(mint("bus"), Slug("aa"), "p", world.clock.now())
    real = world.store.mail.submit

    def refuses(parcel: Parcel) -> Any:
        raise StoreUnreachable("the store is closed")

    async def run() -> list[Any]:
        with ThreadPoolExecutor(2) as workers:
            made = Lots(world.store, world.clock, workers, 1)
            world.store.mail.submit = refuses  # type: ignore[method-assign]
            sends = [made.do(partial(Outbound, world.parcel(text), shown)) for text in ("one", "two", "three")]
            first = await asyncio.wait_for(asyncio.gather(*sends, return_exceptions=True), 10)
            world.store.mail.submit = real  # type: ignore[method-assign]
            return [*first, await asyncio.wait_for(made.do(lambda: "goes on"), 10)]

    *sent, last = asyncio.run(run())
    assert [type(each).__name__ for each in sent[1:]] == ["StoreUnreachable", "StoreUnreachable"]
    assert last == "goes on"
