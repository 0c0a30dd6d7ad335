"""The contract of tasks: of every store, and of every connection."""

from __future__ import annotations

import threading
from functools import partial

from sos.model.errors import (
    Forbidden,
    IdConflict,
    InvalidInput,
    StaleFence,
    TaskBlocked,
    TaskTaken,
    TextTooLong,
    UnknownAgent,
    UnknownTask,
)
from sos.model.ids import new_id
from sos.model.names import OPERATOR, Slug
from sos.model.tasks import DEEDS, FORGOTTEN_AT_ONCE, KEPT, LEASE, MAX_CLAIMS, NewTask, Task, TaskChange
from sos.model.times import Millis
from sos.testing.connections import Connected
from sos.testing.contracts import Contract, refused
from sos.testing.world import World

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sos.model.ids import MessageId
    from sos.ports.connection import Connection

AA, BB = Slug("aa"), Slug("bb")


class TaskStoreContract(Contract):
    """What a store does with tasks."""

    def task(self, world: World, **fields: Any) -> Task:
        """A task of `aa` in p."""
        now = world.clock.now()
        return Task(
            **{"id": new_id(now), "title": "t", "project": "p", "creator": AA, "created_at": now, "changed_at": now, **fields}
        )

    def test_a_task_comes_back_whole_and_only_in_its_project(self) -> None:
        world = self.world()
        made = self.task(world, text="böse \n line", assignee=BB, blocked_by=(new_id(world.clock.now()),))
        assert world.store.tasks.add(made, []) == made
        assert world.store.tasks.find("p", [made.id, new_id(world.clock.now())]) == [made]
        assert world.store.tasks.find("q", [made.id]) == []
        assert world.store.tasks.list("q", live=True, limit=10) == []
        assert world.store.tasks.add(made.replace(title="other", project="q"), []).title == "other"

    def test_a_known_id_gives_what_stands_there_and_posts_nothing(self) -> None:
        world = self.world()
        first = self.task(world)
        world.store.tasks.add(first, [world.parcel("told")])
        assert world.store.tasks.add(first.replace(title="other"), [world.parcel("told again")]) == first
        assert world.texts() == ["told"]

    def test_a_swap_happens_once_and_tells_with_it(self) -> None:
        world = self.world()
        before = world.store.tasks.add(self.task(world), [])
        after = before.replace(status="done", version=2, changed_at=world.clock.tick(5))
        assert world.store.tasks.swap(before, after, [world.parcel("it is done")]) is True
        assert world.store.tasks.swap(before, after.replace(result="late"), [world.parcel("late")]) is False
        assert world.store.tasks.find("p", [before.id]) == [after]
        assert world.texts() == ["it is done"]
        assert world.store.tasks.swap(self.task(world), after, []) is False

    def test_whom_it_is_for_and_who_has_left_is_not_told_and_nothing_else_fails(self) -> None:
        world = self.world()
        before = world.store.tasks.add(self.task(world), [])
        world.store.agents.close(BB, world.clock.now())
        after = before.replace(status="failed", version=2)
        assert world.store.tasks.swap(before, after, [world.parcel("to nobody")]) is True
        assert world.store.tasks.find("p", [before.id]) == [after]

    def test_of_many_swaps_at_once_one_wins(self) -> None:
        world = self.world()
        before = world.store.tasks.add(self.task(world), [])
        won: list[int] = []

        def swaps(number: int) -> None:
            if world.store.tasks.swap(before, before.replace(fence=number, version=2), []):
                won.append(number)

        threads = [threading.Thread(target=swaps, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [world.store.tasks.find("p", [before.id])[0].fence] == won

    def test_live_ones_are_listed_by_age_and_ended_ones_by_their_end(self) -> None:
        world = self.world()
        made = []
        for _ in range(4):
            world.clock.tick(10)
            made.append(world.store.tasks.add(self.task(world), []))
        for place in (2, 0):
            after = made[place].replace(status="done", version=2, changed_at=world.clock.tick(10))
            assert world.store.tasks.swap(made[place], after, [])
        assert [task.id for task in world.store.tasks.list("p", live=True, limit=10)] == [made[1].id, made[3].id]
        assert [task.id for task in world.store.tasks.list("p", live=False, limit=10)] == [made[0].id, made[2].id]
        assert [task.id for task in world.store.tasks.list("p", live=True, limit=1)] == [made[1].id]
        back = world.store.tasks.find("p", [made[0].id])[0]
        assert world.store.tasks.swap(back, back.replace(status="open", version=3), [])
        assert [task.id for task in world.store.tasks.list("p", live=True, limit=1)] == [made[0].id]

    def test_what_ended_long_ago_goes_some_at_a_time(self) -> None:
        world = self.world()
        for _ in range(FORGOTTEN_AT_ONCE + 2):
            world.store.tasks.add(self.task(world, status="done"), [])
        live = world.store.tasks.add(self.task(world), [])
        world.clock.tick(KEPT + 1)
        world.store.tasks.add(self.task(world), [])
        assert len(world.store.tasks.list("p", live=False, limit=100)) == 2
        world.store.tasks.add(self.task(world), [])
        assert world.store.tasks.list("p", live=False, limit=100) == []
        assert world.store.tasks.list("p", live=True, limit=1) == [live]


class TaskConnectionContract(Connected):
    """What a connection does with tasks. `aa` and `bb` are in one project, `cc` in another."""

    def give(self, connection: Connection, world: World, title: str = "look at the parser", **fields: Any) -> Task:
        """A task, given."""
        return connection.add_task(NewTask(**{"id": new_id(world.clock.now()), "title": title, **fields}))

    def claimed(self, connection: Connection, identifier: MessageId, lease: int = LEASE) -> Task:
        """A task, claimed."""
        found = connection.claim_task(identifier, lease)
        assert found is not None
        return found

    def test_the_same_task_given_again_is_the_same(self) -> None:
        world = self.world()
        connection, same = self.of(world), new_id(world.clock.now())
        first = self.give(connection, world, id=same)
        assert (first.creator, first.project, first.status, first.fence) == ("aa", "p", "open", 0)
        self.claimed(self.of(world, "bb"), same)
        again = self.give(connection, world, id=same)
        assert (again.status, again.owner) == ("claimed", "bb")
        refused(IdConflict, lambda: self.give(connection, world, "another", id=same))
        refused(IdConflict, lambda: self.give(self.of(world, "bb"), world, id=same))
        assert [task.id for task in connection.tasks("live", 10)] == [same]

    def test_of_many_claims_at_once_one_wins(self) -> None:
        world = self.world()
        for number in range(6):
            world.enrol(f"w-{number}")
        task = self.give(self.of(world), world)
        connections = [self.of(world, f"w-{number}") for number in range(6)]
        won: list[Task] = []

        def claims(connection: Connection) -> None:
            try:
                won.append(self.claimed(connection, task.id))
            except TaskTaken:
                return

        threads = [threading.Thread(target=claims, args=(each,)) for each in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [(each.fence, each.leased_until) for each in won] == [(1, world.clock.now() + LEASE)]
        assert self.of(world).task(task.id) == won[0]

    def test_a_claim_repeated_is_the_same_claim_and_lasts_longer(self) -> None:
        world = self.world()
        task, worker = self.give(self.of(world), world), self.of(world, "bb", "s-1")
        first = self.claimed(worker, task.id, 60_000)
        world.clock.tick(1000)
        again = self.claimed(worker, task.id, 60_000)
        assert (first.fence, again.fence, again.leased_until) == (1, 1, world.clock.now() + 60_000)
        refused(TaskTaken, lambda: self.of(world, "bb", "s-2").claim_task(task.id))

    def test_a_result_ends_a_task_once_and_its_creator_hears(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        task = self.give(giver, world)
        self.claimed(worker, task.id)
        done = worker.change_task(task.id, TaskChange(deed="done", text="42"))
        assert (done.status, done.result, done.owner, done.leased_until) == ("done", "42", "bb", None)
        assert worker.change_task(task.id, TaskChange(deed="done", text="42")) == done
        refused(TaskTaken, lambda: worker.change_task(task.id, TaskChange(deed="done", text="43")))
        refused(TaskTaken, lambda: worker.claim_task(task.id))
        (told,) = giver.inbox("unread", 10)
        assert (told.message.sender, told.message.kind, task.id in told.message.text) == ("system", "event", True)
        assert "parser" not in told.message.text
        assert giver.tasks("live", 10) == []
        assert giver.tasks("ended", 10) == [done]

    def test_a_lapsed_claim_comes_back_and_its_old_owner_is_refused(self) -> None:
        world = self.world()
        world.enrol("dd")
        task = self.give(self.of(world), world)
        old, new = self.of(world, "bb"), self.of(world, "dd")
        first = self.claimed(old, task.id, 60_000)
        world.clock.tick(60_001)
        assert self.of(world).task(task.id).status == "open"
        second = self.claimed(new, task.id)
        assert (first.fence, second.fence, second.owner, second.lapses) == (1, 2, "dd", 1)
        for deed in DEEDS:
            for fence in (1, None):
                refused(StaleFence, partial(old.change_task, task.id, TaskChange(deed=deed, text="late", fence=fence)))
        refused(StaleFence, lambda: new.change_task(task.id, TaskChange(deed="done", fence=1)))
        assert self.of(world).task(task.id) == second
        assert new.change_task(task.id, TaskChange(deed="done", fence=2)).status == "done"

    def test_a_claim_that_lapsed_counts_until_another_is_made(self) -> None:
        world = self.world()
        task, worker = self.give(self.of(world), world), self.of(world, "bb")
        self.claimed(worker, task.id, 60_000)
        world.clock.tick(60_001)
        renewed = worker.change_task(task.id, TaskChange(deed="renew", lease=60_000))
        assert (renewed.status, renewed.leased_until) == ("claimed", world.clock.now() + 60_000)

    def test_another_body_of_the_owner_names_the_claim(self) -> None:
        world = self.world()
        task = self.give(self.of(world), world)
        self.claimed(self.of(world, "bb", "s-1"), task.id)
        other = self.of(world, "bb", "s-2")
        refused(StaleFence, lambda: other.change_task(task.id, TaskChange(deed="done")))
        assert other.change_task(task.id, TaskChange(deed="done", fence=1)).status == "done"

    def test_a_task_that_kills_its_workers_is_given_up(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        task = self.give(giver, world)
        for _ in range(MAX_CLAIMS):
            self.claimed(worker, task.id, 60_000)
            world.clock.tick(60_001)
        refused(TaskTaken, lambda: worker.claim_task(task.id))
        found = giver.task(task.id)
        assert (found.status, found.lapses) == ("failed", MAX_CLAIMS)
        assert giver.tasks("live", 10) == []
        assert [entry.message.headers["event"] for entry in giver.inbox("unread", 10)] == ["task_failed"]
        opened = giver.change_task(task.id, TaskChange(deed="open"))
        assert (opened.status, opened.lapses) == ("open", 0)
        assert self.claimed(worker, task.id).fence == MAX_CLAIMS + 1

    def test_what_waits_for_others_cannot_be_claimed_until_they_are_done(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        first = self.give(giver, world, "first")
        second = self.give(giver, world, "second", blocked_by=(first.id,))
        assert second.status == "blocked"
        refused(TaskBlocked, lambda: worker.claim_task(second.id))
        refused(UnknownTask, lambda: self.give(giver, world, blocked_by=(new_id(world.clock.now()),)))
        assert [task and task.id for task in (worker.claim_task(), worker.claim_task())] == [first.id, None]
        worker.change_task(first.id, TaskChange(deed="done"))
        found = worker.claim_task()
        assert found is not None
        assert (found.id, found.status) == (second.id, "claimed")

    def test_the_next_one_is_found_behind_any_number_that_are_claimed(self) -> None:
        world = self.world()
        now = world.clock.now()
        taken: dict[str, Any] = {
            "status": "claimed",
            "owner": AA,
            "claimed_at": now,
            "leased_until": Millis(now + LEASE),
            "fence": 1,
        }
        usual: dict[str, Any] = {"title": "t", "project": "p", "creator": AA, "created_at": now, "changed_at": now}
        for _ in range(250):
            world.store.tasks.add(Task(id=new_id(now), **usual, **taken), [])
        world.clock.tick(10)
        task = self.give(self.of(world), world)
        found = self.of(world, "bb").claim_task()
        assert found is not None
        assert found.id == task.id

    def test_a_blocked_one_goes_on_when_its_reason_is_gone(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        task, other = self.give(giver, world), self.give(giver, world, "the other")
        self.claimed(worker, task.id)
        refused(InvalidInput, lambda: worker.change_task(task.id, TaskChange(deed="block")))
        blocked = worker.change_task(task.id, TaskChange(deed="block", text="no key"))
        assert (blocked.status, blocked.owner, blocked.result) == ("blocked", None, "no key")
        refused(TaskBlocked, lambda: worker.claim_task(task.id))
        refused(StaleFence, lambda: worker.change_task(task.id, TaskChange(deed="open")))
        assert giver.change_task(task.id, TaskChange(deed="open")).status == "open"
        self.claimed(worker, task.id)
        assert worker.change_task(task.id, TaskChange(deed="block", blocked_by=(other.id,))).status == "blocked"
        refused(InvalidInput, lambda: self._blocks(worker, other.id, task.id))
        worker.change_task(other.id, TaskChange(deed="done"))
        assert giver.task(task.id).status == "open"

    def _blocks(self, worker: Connection, identifier: MessageId, by: MessageId) -> None:
        self.claimed(worker, identifier)
        worker.change_task(identifier, TaskChange(deed="block", blocked_by=(by,)))

    def test_a_creator_cancels_and_the_owner_hears(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        task = self.give(giver, world)
        self.claimed(worker, task.id)
        cancelled = giver.change_task(task.id, TaskChange(deed="cancel", text="no more"))
        assert (cancelled.status, cancelled.result) == ("cancelled", "no more")
        assert [entry.message.headers["event"] for entry in worker.inbox("unread", 10)] == ["task_cancelled"]
        assert giver.count("unread") == 0
        refused(TaskTaken, lambda: worker.change_task(task.id, TaskChange(deed="done")))
        refused(TaskTaken, lambda: giver.change_task(task.id, TaskChange(deed="open")))

    def test_a_task_for_one_agent_is_its_own_to_claim_and_it_hears(self) -> None:
        world = self.world()
        world.enrol("dd")
        giver, worker = self.of(world), self.of(world, "bb")
        common = self.give(giver, world, "anybody's")
        world.clock.tick(10)
        task = self.give(giver, world, assignee="bb")
        assert task.assignee == "bb"
        assert [entry.message.headers["event"] for entry in worker.inbox("unread", 10)] == ["task_open"]
        refused(Forbidden, lambda: self.of(world, "dd").claim_task(task.id))
        assert [each.id for each in worker.tasks("mine", 10)] == [task.id]
        assert self.of(world, "dd").tasks("mine", 10) == []
        assert [found and found.id for found in (worker.claim_task(), worker.claim_task(), worker.claim_task())] == [
            task.id,
            common.id,
            None,
        ]
        for nobody in ("cc", "nobody"):
            refused(UnknownAgent, partial(self.give, giver, world, assignee=nobody))

    def test_who_takes_a_free_slug_takes_over_no_task(self) -> None:
        world = self.world()
        giver, worker = self.of(world), self.of(world, "bb")
        task, given = self.give(giver, world, assignee="bb"), self.give(worker, world, "of the former")
        self.claimed(worker, task.id)
        worker.leave()
        world.clock.tick(10)
        world.enrol("bb", name="b_b")
        heir = self.of(world, "bb")
        assert heir.tasks("mine", 10) == []
        refused(StaleFence, lambda: heir.change_task(task.id, TaskChange(deed="done", fence=1)))
        refused(StaleFence, lambda: heir.change_task(given.id, TaskChange(deed="cancel")))
        self.claimed(giver, given.id)
        giver.change_task(given.id, TaskChange(deed="done"))
        assert heir.count("unread") == 0

    def test_a_look_from_outside_changes_no_task(self) -> None:
        world = self.world()
        task = self.give(self.of(world), world)
        outside = self.of(world, "bb", own=False)
        assert outside.task(task.id) == task
        refused(Forbidden, lambda: outside.claim_task(task.id))
        refused(Forbidden, lambda: outside.change_task(task.id, TaskChange(deed="cancel")))

    def test_of_another_projects_tasks_nothing_can_be_told_from_nothing(self) -> None:
        world = self.world()
        task, stranger = self.give(self.of(world), world), self.of(world, "cc")
        absent = new_id(Millis(world.clock.now() + 1))
        for identifier in (task.id, absent):
            for ask in (
                partial(stranger.task, identifier),
                partial(stranger.claim_task, identifier),
                partial(stranger.change_task, identifier, TaskChange(deed="cancel")),
                partial(self.give, stranger, world, blocked_by=(identifier,)),
            ):
                assert identifier in refused(UnknownTask, ask).message
        assert stranger.tasks("live", 10) == []
        assert stranger.claim_task() is None
        refused(Forbidden, lambda: stranger.tasks("live", 10, "p"))
        operator = self.of(world, OPERATOR)
        assert operator.tasks("live", 10, "p") == [task]
        assert operator.change_task(task.id, TaskChange(deed="cancel"), "p").status == "cancelled"

    def test_what_is_out_of_its_limits_is_refused(self) -> None:
        world = self.world()
        connection = self.of(world)
        for title in ("", "  ", "two\nlines", "x" * 201):
            refused(InvalidInput, partial(self.give, connection, world, title))
        refused(TextTooLong, lambda: self.give(connection, world, text="x" * 65_537))
        refused(InvalidInput, lambda: self.give(connection, world, id="no id"))
        task = self.give(connection, world)
        for lease in (0, 999, 86_400_001):
            refused(InvalidInput, partial(connection.claim_task, task.id, lease))
        self.claimed(connection, task.id)
        refused(TextTooLong, lambda: connection.change_task(task.id, TaskChange(deed="done", text="x" * 65_537)))
        refused(InvalidInput, lambda: connection.change_task(task.id, TaskChange(deed="block", blocked_by=(task.id,))))
        assert connection.task(task.id).status == "claimed"
