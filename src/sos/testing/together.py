"""The contract of sends in flight at the same time: futures, threads, refusals among them, closing."""

from __future__ import annotations

import threading

from sos.model.errors import IdConflict, StoreUnreachable, UnknownAgent
from sos.model.ids import new_id
from sos.testing.contracts import Contract, refused

WAIT = 30
"""Seconds that a future may take before a test gives up."""


class TogetherContract(Contract):
    """Many sends at once."""

    def test_what_was_submitted_is_stored_in_order_before_its_future_ends(self) -> None:
        world = self.world()
        futures = [world.store.mail.submit(world.parcel(f"no. {number}")) for number in range(700)]
        posted = [future.result(WAIT) for future in futures]
        numbers = [each.message.seq for each in posted]
        assert numbers == sorted(set(numbers))
        assert world.texts() == [f"no. {number}" for number in range(100)]
        assert [each.depth for each in posted] == list(range(1, 701))

    def test_a_refused_one_touches_no_other(self) -> None:
        world = self.world()
        used = world.post("first", id=(same := new_id(world.clock.now())))
        parcels = [
            world.parcel("before"),
            world.parcel("nobody", to="nobody"),
            world.parcel("first", id=same),
            world.parcel("other", id=same),
            world.parcel("after"),
        ]
        futures = [world.store.mail.submit(parcel) for parcel in parcels]
        assert isinstance(futures[1].exception(WAIT), UnknownAgent)
        assert futures[2].result(WAIT).message == used.message
        assert isinstance(futures[3].exception(WAIT), IdConflict)
        assert world.texts() == ["first", "before", "after"]

    def test_threads_that_post_at_once_lose_and_double_nothing(self) -> None:
        world = self.world()
        failed: list[Exception] = []

        def send(thread: int) -> None:
            try:
                for number in range(20):
                    world.send(f"{thread}/{number}")
            except Exception as error:  # noqa: BLE001  # a thread's error would be lost; here it fails the test
                failed.append(error)

        threads = [threading.Thread(target=send, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
        assert failed == []
        texts = world.texts()
        assert sorted(texts) == sorted(f"{thread}/{number}" for thread in range(4) for number in range(20))
        for which in range(4):
            assert [text for text in texts if text.startswith(f"{which}/")] == [f"{which}/{number}" for number in range(20)]

    def test_closing_stores_what_waits_and_takes_no_more(self) -> None:
        world = self.world()
        futures = [world.store.mail.submit(world.parcel(f"no. {number}")) for number in range(50)]
        world.store.close()
        assert all(future.done() and future.exception() is None for future in futures)
        refused(StoreUnreachable, lambda: world.store.mail.submit(world.parcel("late")).result(WAIT))
