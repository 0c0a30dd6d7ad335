"""The contract of every store's import from foreign streams: each entry once, and nothing behind a cursor that was not stored."""

from __future__ import annotations

from sos.core.backlog import LIMIT
from sos.model.addresses import read_addresses
from sos.model.deliveries import INBOX_LIMIT, INBOX_RESERVE
from sos.model.errors import InvalidInput, StorageFull, UnknownAgent
from sos.model.ids import new_id
from sos.model.names import Slug
from sos.model.times import DAY, HOUR, MINUTE, SECOND
from sos.model.transitions import Ack
from sos.testing.contracts import Contract, refused
from sos.testing.streams import EVERYBODY, GLOBAL, OLDER, PRIVATE, PROJECT, Deployment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.findings import Notice


def _no_room(notice: Notice) -> None:
    raise StorageFull(f"no room for {notice.code}")


class Importing(Contract):
    """What both halves share."""

    def deployment(self) -> Deployment:
        """A fresh one; `bb` has looked into its own streams once."""
        made = Deployment(self.world())
        made.world.clock.tick(MINUTE)
        made.drain(PROJECT, GLOBAL, PRIVATE, OLDER)
        return made


class StreamContract(Importing):
    """Foreign entries become messages exactly once."""

    def test_an_entry_becomes_a_claimed_message_once(self) -> None:
        old = self.deployment()
        place = old.add("hello")
        old.drain()
        old.drain()
        (entry,) = old.world.entries()
        message = entry.message
        assert (message.text, message.sender, message.assurance, message.address) == ("hello", "agent:old", "claimed", GLOBAL)
        assert (entry.delivery.rank, message.id, message.to) == (4, f"raw:{GLOBAL}:{place}", "bb")
        cursor = old.cursor()
        assert cursor is not None
        assert cursor.position == place

    def test_one_message_in_several_streams_is_one_and_two_with_one_place_are_two(self) -> None:
        old = self.deployment()
        same = new_id(old.world.clock.now())
        for name in (PROJECT, GLOBAL, PRIVATE, OLDER):
            old.add("written everywhere", name, id=same)
        places = [old.add(f"only in {name}", name) for name in (PROJECT, GLOBAL)]
        old.drain(PROJECT, GLOBAL, PRIVATE, OLDER)
        assert places[0] == places[1]
        assert sorted(old.world.texts()) == sorted(["written everywhere", f"only in {PROJECT}", f"only in {GLOBAL}"])

    def test_bursts_over_streams_lose_nothing_and_repeat_nothing(self) -> None:
        old = self.deployment()
        names = (PROJECT, GLOBAL, PRIVATE)
        for number in range(60):
            old.add(str(number), names[number % 3])
            if number % 7 == 0:
                old.step(names[number % 2])
        old.drain(*names)
        assert sorted(map(int, old.world.texts())) == list(range(60))

    def test_whoever_writes_first_under_an_id_hides_nobody(self) -> None:
        old = self.deployment()
        same = new_id(old.world.clock.now())
        old.add("forged", PROJECT, id=same, source="agent:aa")
        old.add("true", GLOBAL, id=same, source="agent:aa")
        old.add("forged", PRIVATE, id=same, source="agent:cc")
        old.drain(PROJECT, GLOBAL, PRIVATE)
        old.drain(PROJECT, GLOBAL, PRIVATE)
        shown = sorted((entry.message.text, entry.message.sender) for entry in old.world.entries())
        assert shown == [("forged", "agent:aa"), ("forged", "agent:cc"), ("true", "agent:aa")]
        old.world.send("by aa itself", id=same)
        assert old.world.texts()[0] == "by aa itself"

    def test_a_copy_of_what_its_sender_truly_sent_is_not_shown_again(self) -> None:
        old = self.deployment()
        same = old.world.send("once")
        old.add("once", id=same, source="agent:aa")
        old.drain()
        assert old.world.texts() == ["once"]

    def test_a_claim_has_no_rights_of_the_name_that_it_claims(self) -> None:
        old = self.deployment()
        asked = old.world.send("please", kind="request")
        for name in ("bb", "agent:bb", "operator", "system", "agent:operator"):
            old.stream(EVERYBODY).add(old.world.clock.now(), text=f"{{ack_for:{asked}, ok:true}}", source=name, type="ack")
        old.drain(EVERYBODY)
        old.drain(EVERYBODY, slug="aa")
        assert len(old.world.texts(agent="aa")) == 5
        assert not old.world.one(asked).answered
        sent = [story.message.text for slug in ("bb", "operator") for story in old.world.store.mail.sent(Slug(slug), 10)]
        assert sent == []
        assert {entry.delivery.rank for entry in old.world.entries(agent="aa")} == {4}

    def test_a_stale_importer_changes_nothing_and_is_told(self) -> None:
        old = self.deployment()
        old.add("one")
        slow = old.prepare()
        old.add("two")
        quick = old.prepare()
        assert not old.take(quick).stale
        before = old.world.texts(), old.cursor()
        late = old.take(slow)
        assert (late.stale, late.cursor, late.stored) == (True, old.cursor(), ())
        assert (old.world.texts(), old.cursor()) == before
        assert old.world.texts() == ["one", "two"]

    def test_a_second_first_import_is_stale_too(self) -> None:
        old = Deployment(self.world())
        old.add("old", ago=HOUR)
        batches = [old.prepare(), old.prepare()]
        assert [old.take(batch).stale for batch in batches] == [False, True]
        assert old.world.texts() == ["old"]

    def test_a_cursor_that_would_pass_what_is_not_stored_is_refused(self) -> None:
        old = self.deployment()
        first, second = old.add("one"), old.add("two")
        batch = old.prepare()
        assert batch is not None
        back = batch.replace(cursor=batch.cursor.replace(position=first))
        turned = batch.replace(entries=batch.entries[::-1])
        elsewhere = batch.replace(stream=PROJECT)
        again = batch.replace(expected=batch.cursor.replace(position=second))
        for wrong in (back, turned, elsewhere, again):
            refused(InvalidInput, lambda wrong=wrong: old.take(wrong))  # type: ignore[misc]  # bound at once
        assert old.world.texts() == []

    def test_a_full_inbox_holds_the_cursor_and_nothing_is_lost(self) -> None:
        old = self.deployment()
        fill = INBOX_LIMIT - INBOX_RESERVE - 2
        filled = [old.world.parcel(str(number)) for number in range(fill)]
        old.world.store.mail.post(filled)
        places = [old.add(f"foreign {number}", source="operator") for number in range(4)]
        taken = old.take(old.prepare())
        assert (len(taken.stored), taken.held, taken.cursor) == (2, 2, old.cursor())
        assert taken.cursor is not None
        assert taken.cursor.position == places[1]
        nothing = old.take(old.prepare())
        assert (nothing.stored, nothing.held, nothing.cursor) == ((), 2, taken.cursor)
        for parcel in filled[:2]:
            old.world.apply(parcel.draft.id, Ack(at=old.world.clock.now()))
        old.drain()
        found = [entry.message.text for entry in old.world.store.mail.entries(Slug("bb"), "recent", 4)]
        assert found == [f"foreign {number}" for number in (3, 2, 1, 0)]

    def test_who_is_not_here_gets_nothing(self) -> None:
        old = self.deployment()
        old.add("one")
        batches = [old.prepare(), old.prepare(EVERYBODY)]
        old.world.store.agents.close(Slug("bb"), old.world.clock.now())
        for batch in batches:
            refused(UnknownAgent, lambda batch=batch: old.take(batch))  # type: ignore[misc]  # bound at once
        assert old.cursor(EVERYBODY) is None

    def test_an_import_rings(self) -> None:
        old = self.deployment()
        body = old.world.body(offered=old.world.store.mail.head())
        assert old.world.store.mail.settle(body, 1, []) is True
        old.add("one")
        old.drain()
        assert old.world.store.mail.settle(body, 1, []) is False
        assert old.world.store.wait(Slug("bb"), 0.01) is True

    def test_a_broadcast_stream_is_one_message_for_each_reader(self) -> None:
        old = self.deployment()
        for slug in ("bb", "aa", "cc"):
            old.drain(EVERYBODY, slug=slug)
        same = new_id(old.world.clock.now())
        old.add("to all", EVERYBODY, id=same)
        old.add("raw to all", EVERYBODY)
        for slug in ("bb", "aa", "cc", "bb"):
            old.drain(EVERYBODY, slug=slug)
        for slug in ("bb", "aa", "cc"):
            entries = old.world.entries(agent=slug)
            assert [(entry.message.text, entry.message.kind) for entry in entries] == [
                ("to all", "broadcast"),
                ("raw to all", "broadcast"),
            ]
        assert old.world.store.mail.head() == old.world.entries()[-1].message.seq

    def test_one_id_written_to_two_agents_reaches_both_once(self) -> None:
        old = self.deployment()
        same = new_id(old.world.clock.now())
        theirs = read_addresses(Slug("aa"), "aa", "p")[:2]
        for name in (*theirs, PROJECT, GLOBAL):
            old.add("to both", name, id=same)
        for _ in range(2):
            old.drain(*theirs, slug="aa")
            old.drain(PROJECT, GLOBAL)
        assert (old.world.texts(agent="aa"), old.world.texts()) == (["to both"], ["to both"])


class ResetContract(Importing):
    """First looks, and streams that are not what they were."""

    def test_the_first_look_gives_direct_mail_of_a_day_and_at_most_fifty_and_says_how_much_is_left(self) -> None:
        old = Deployment(self.world())
        for number in range(10):
            old.add(f"too old {number}", ago=DAY + MINUTE)
        for number in range(LIMIT + 7):
            old.add(f"young {number}", ago=HOUR)
        old.drain()
        assert old.world.texts() == [f"young {number}" for number in range(7, LIMIT + 7)]
        (notice,) = old.world.store.agents.notices(Slug("bb"))
        assert (notice.code, notice.text[:17]) == ("backlog", "17 older entries ")
        old.add("new")
        old.drain()
        assert old.world.texts()[-1] == "new"

    def test_an_import_that_fails_on_its_way_has_done_nothing(self) -> None:
        old = Deployment(self.world())
        for number in range(LIMIT + 1):
            old.add(str(number), ago=HOUR)
        batch = old.prepare()
        assert batch is not None
        assert batch.notice is not None
        agents = old.world.store.agents
        whole = agents.notify
        agents.notify = _no_room  # type: ignore[method-assign]  # the last thing that an import does
        refused(StorageFull, lambda: old.take(batch))
        agents.notify = whole  # type: ignore[method-assign]
        assert (old.world.texts(), old.cursor(), old.notices()) == ([], None, [])
        assert len(old.take(batch).stored) == LIMIT

    def test_a_claim_of_an_old_time_makes_no_second_message_of_a_copy(self) -> None:
        old = self.deployment()
        same = new_id(old.world.clock.now())
        long_ago = str((old.world.clock.now() - 99 * DAY) // SECOND)
        for name in (PROJECT, GLOBAL):
            old.add("once", name, id=same, timestamp=long_ago)
        old.drain(PROJECT)
        old.world.apply(same, Ack(at=old.world.clock.now()))
        old.world.send("newer")
        old.world.store.mail.prune(old.world.clock.tick(DAY), 10)
        old.drain(GLOBAL)
        assert old.world.texts() == ["newer"]

    def test_fifty_is_over_all_streams(self) -> None:
        old = Deployment(self.world())
        for number in range(LIMIT):
            old.add(str(number), (PROJECT, GLOBAL)[number % 2], ago=HOUR)
            old.add(f"private {number}", PRIVATE, ago=HOUR)
        old.drain(PROJECT, GLOBAL, PRIVATE)
        assert len(old.world.texts()) == LIMIT

    def test_what_came_after_the_join_is_no_backlog(self) -> None:
        old = Deployment(self.world())
        old.world.clock.tick(MINUTE)
        for number in range(LIMIT + 60):
            old.add(str(number))
        old.drain()
        assert len(old.world.texts("due")) == 100
        assert old.world.store.mail.count(Slug("bb"), "unread") == LIMIT + 60
        assert old.notices() == []

    def test_a_broadcast_stream_gives_nothing_from_before_the_join_and_all_that_came_after(self) -> None:
        old = Deployment(self.world())
        old.add("before", EVERYBODY, ago=SECOND)
        old.world.clock.tick(SECOND)
        old.add("after", EVERYBODY)
        old.drain(EVERYBODY)
        assert (old.world.texts(), old.notices()) == (["after"], [])

    def test_an_entry_in_the_future_or_a_wrong_clock_hides_nothing(self) -> None:
        old = Deployment(self.world())
        old.stream(GLOBAL).add(99_999_999_999_999, text="from the future", source="x")
        old.drain()
        old.add("later")
        old.drain()
        assert old.world.texts() == ["from the future", "later"]
        assert all(entry.message.sent_at <= old.world.clock.now() for entry in old.world.entries())

    def test_a_restored_stream_is_read_again_without_repeating_and_the_agent_is_told_once(self) -> None:
        old = self.deployment()
        old.add("kept")
        backup = old.stream(GLOBAL).saved()
        old.add("lost in the failover, and read before")
        old.drain()
        old.stream(GLOBAL).restore(backup)
        old.world.clock.tick(-10)
        old.add("written behind the old cursor")
        old.world.clock.tick(10)
        old.drain()
        old.drain()
        assert old.world.texts() == ["kept", "lost in the failover, and read before", "written behind the old cursor"]
        assert old.notices() == ["cursor_ahead"]

    def test_a_flushed_stream_is_read_from_its_beginning(self) -> None:
        old = self.deployment()
        old.stream(GLOBAL).add(99_999_999_999_999, text="one", source="x")
        old.drain()
        old.stream(GLOBAL).flush()
        old.drain()
        old.world.clock.tick(3 * DAY)
        old.add("two")
        old.world.clock.tick(3 * DAY)
        old.drain()
        assert (old.world.texts(), old.notices()) == (["one", "two"], ["cursor_ahead"])

    def test_a_hole_where_the_cursor_stands_is_noticed_although_the_stream_ends_after_it(self) -> None:
        old = self.deployment()
        old.add("one")
        backup = old.stream(GLOBAL).saved()
        old.world.clock.tick(SECOND)
        old.add("two")
        old.drain()
        old.stream(GLOBAL).restore(backup)
        old.add("behind the cursor", ago=SECOND // 2)
        old.world.clock.tick(SECOND)
        old.add("after the cursor")
        old.drain()
        assert old.world.texts() == ["one", "two", "behind the cursor", "after the cursor"]

    def test_a_trimmed_stream_is_no_other_stream(self) -> None:
        old = self.deployment()
        for number in range(5):
            old.add(str(number))
        old.drain()
        old.stream(GLOBAL).trim(0)
        old.drain()
        old.add("5")
        old.drain()
        old.stream(GLOBAL).trim(0)
        old.add("6")
        old.drain()
        assert (old.world.texts(), old.notices()) == ([str(number) for number in range(7)], [])

    def test_reading_again_brings_no_history_that_was_only_counted(self) -> None:
        old = Deployment(self.world())
        for number in range(5):
            old.add(f"history {number}", ago=2 * DAY)
        old.world.clock.tick(MINUTE)
        old.add("read")
        backup = old.stream(GLOBAL).saved()
        old.world.clock.tick(MINUTE)
        old.add("read and lost")
        old.drain()
        old.stream(GLOBAL).restore(backup)
        old.drain()
        assert (old.world.texts(), old.notices()) == (["read", "read and lost"], ["backlog", "cursor_ahead"])

    def test_reading_again_brings_no_broadcast_from_before_the_join(self) -> None:
        old = Deployment(self.world())
        old.add("before", EVERYBODY, ago=SECOND)
        backup = old.stream(EVERYBODY).saved()
        old.world.clock.tick(SECOND)
        old.add("after", EVERYBODY)
        old.drain(EVERYBODY)
        old.stream(EVERYBODY).restore(backup)
        old.drain(EVERYBODY)
        assert (old.world.texts(), old.notices()) == (["after"], ["cursor_ahead"])

    def test_whoever_takes_a_free_slug_gets_no_mail_of_the_one_that_left(self) -> None:
        old = self.deployment()
        old.add("for the first bb, read")
        old.drain()
        old.add("for the first bb, unread")
        old.world.clock.tick(MINUTE)
        old.world.store.agents.close(Slug("bb"), old.world.clock.now())
        old.world.clock.tick(MINUTE)
        backup = old.stream(GLOBAL).saved()
        old.add("for whoever comes")
        old.world.clock.tick(MINUTE)
        old.world.enrol("bb", name="b.b")
        assert old.cursor() is None
        old.drain()
        assert old.world.texts() == ["for whoever comes"]
        old.stream(GLOBAL).restore(backup)
        old.drain()
        assert (old.world.texts(), old.notices()[-1]) == (["for whoever comes"], "cursor_ahead")
