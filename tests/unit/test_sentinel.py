"""Whom the sentinel tells, in which order, and that it repeats nothing: rounds over a store, with a clock that is set."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sos.core import sentinel as core
from sos.core.hearing import Verdict
from sos.core.sentinel import BUDGET, PATIENCE, Memory
from sos.model.agents import Agent
from sos.model.errors import HomeDamaged, StorageFull, StoreUnreachable
from sos.model.names import Slug
from sos.model.times import HOUR, MINUTE, SECOND, Millis
from sos.model.transitions import Ack
from sos.ports import Store
from sos.server.metrics import Metrics
from sos.server.sentinel import Sentinel
from sos.stores.memory.store import MemoryStore
from sos.stores.redis.store import RedisStore
from sos.stores.sqlite.store import SqliteStore
from sos.testing.clock import FakeClock
from sos.testing.world import World
from sos.wiring import sentinel
from tests import servers


class Watch:
    """A store whose `bb` is at work and hears nothing: a message waits, and its hooks run no more."""

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self.root = str(root)
        self.world = World(store or MemoryStore())
        self.message = self.world.send("waits")
        self.hear("bb")
        self.world.clock.tick(31 * MINUTE)
        self.hear("aa")

    def hear(self, name: str) -> None:
        now = self.world.clock.now()
        self.world.body(name, f"of-{name}", hook_at=now, presence="working")

    def round(self, lag: int = 0) -> list[tuple[str, str]]:
        """One round, 30 s after the last; whom it told, and by which way."""
        self.world.clock.tick(sentinel.EVERY)
        self.hear("aa")
        self.found = sentinel.look(self.root, self.world.store, self.world.clock.now(), lag=lag)
        return [(each.way, each.to) for each in self.found.told]

    def inbox(self, name: str) -> list[str]:
        return [text for text in self.world.texts(agent=name) if "hear" in text]


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


@pytest.fixture(params=["memory", "sqlite", *servers.KINDS])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param not in servers.KINDS:
        made = MemoryStore() if request.param == "memory" else SqliteStore(f"{tmp_path}/sos.db", f"{tmp_path}/run", create=True)
        yield made
        made.close()
        return
    server = servers.RunningServer(request.param)
    kept = RedisStore(server.url(0), create=True)
    yield kept
    kept.close()
    server.remove()


@pytest.mark.promise("SENTINEL-003")
def test_it_tells_the_agent_then_a_peer_then_the_operator_and_repeats_nothing(store: Store, tmp_path: Path) -> None:
    watch = Watch(tmp_path, store)
    told = [watch.round() for _ in range(20)]
    expected: list[list[tuple[str, str]]] = [[] for _ in range(20)]
    expected[0] = [("notice", "bb")]
    expected[PATIENCE] = [("message", "aa")]
    expected[2 * PATIENCE] = [("message", "operator")]
    assert told == expected
    (notice,) = watch.world.store.agents.notices(Slug("bb"))
    assert notice.code == "hearing"
    assert "mail waited for you since" in notice.text
    (text,) = watch.inbox("aa")
    assert text.startswith("bb hears nothing: mail waits for it since ")
    assert watch.inbox("operator") == [text]
    (entry,) = [each for each in watch.world.entries(agent="aa") if "hears nothing" in each.message.text]
    assert (entry.message.sender, entry.message.kind) == ("system", "system")
    # It hears again: those who were told are told of it, once, and a new silence is told anew.
    watch.world.store.mail.apply(Slug("bb"), [(watch.message, Ack(at=watch.world.clock.now()))])
    watch.hear("bb")
    assert watch.round() == [("message", "aa"), ("message", "operator")]
    assert [watch.round() for _ in range(3)] == [[], [], []]
    assert "hears again, after" in watch.inbox("operator")[-1]
    watch.world.send("waits again")
    watch.world.clock.tick(31 * MINUTE)
    assert watch.round() == [("notice", "bb")]


@pytest.mark.promise("SENTINEL-003")
def test_without_a_peer_of_its_role_that_hears_the_operator_is_next(watch: Watch) -> None:
    watch.world.body("aa", "of-aa", hook_at=watch.world.clock.now(), presence="closed")
    watch.hear = lambda name: None  # type: ignore[method-assign]  # aa has no session from here on
    assert [watch.round() for _ in range(6)] == [[("notice", "bb")], [], [("message", "operator")], [], [], []]


@pytest.mark.promise("SENTINEL-004")
def test_a_round_that_is_late_accuses_nobody_and_forgets_nothing(watch: Watch) -> None:
    assert [watch.round(lag=3 * SECOND) for _ in range(10)] == [[]] * 10
    assert not watch.found.cases
    assert watch.found.verdicts["bb"] == Verdict(hearing="unknown", cause="watch_slow")
    assert watch.round(lag=2 * SECOND) == [("notice", "bb")]
    assert watch.round(lag=3 * SECOND) == []
    assert [case.agent for case in watch.found.cases] == ["bb"]
    assert [watch.round() for _ in range(2)] == [[], [("message", "aa")]]


@pytest.mark.promise("SENTINEL-003")
def test_killed_between_its_decision_and_its_word_it_says_it_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(PATIENCE):
        watch.round()
    with monkeypatch.context() as patched:
        real = watch.world.store.mail.post

        def killed(parcels: object) -> None:
            real(parcels)  # type: ignore[arg-type]
            raise KeyboardInterrupt

        patched.setattr(watch.world.store.mail, "post", killed)
        with pytest.raises(KeyboardInterrupt):
            watch.round()
    assert len(watch.inbox("aa")) == 1
    assert watch.round() == [("message", "aa")]  # the same message: the store answers as before
    assert len(watch.inbox("aa")) == 1


@pytest.mark.promise("SENTINEL-003")
def test_what_cannot_be_said_now_is_said_later(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(notice: object) -> None:
        raise StorageFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(watch.world.store.agents, "notify", refuse)
        assert watch.round() == []
        assert watch.found.failures == ("bb is not told of bb yet: no space left",)
    assert watch.round() == [("notice", "bb")]


def test_an_agent_whose_session_ends_is_a_case_no_longer(watch: Watch) -> None:
    for _ in range(PATIENCE + 1):
        watch.round()
    watch.world.body("bb", "of-bb", hook_at=watch.world.clock.now(), presence="closed")
    assert watch.round() == [("message", "aa")]
    assert watch.found.told[0].text == "bb runs no more: what waits for it, waits for its next session."
    assert watch.round() == []
    assert not watch.found.cases
    assert "bb" not in watch.found.verdicts


def test_a_memory_that_cannot_be_read_is_said_and_not_taken_for_an_empty_one(watch: Watch) -> None:
    watch.round()
    path = Path(watch.root) / "run" / "sentinel.json"
    path.write_text(json.dumps({"cases": [{"agent": "bb"}], "spent": [], "pending": []}))
    with pytest.raises(HomeDamaged, match=r"sentinel.json cannot be read"):
        watch.round()


def agents(count: int) -> list[Agent]:
    return [
        Agent(slug=Slug(f"a{number}"), name=f"a{number}", role="executor", label="x", project="p", joined_at=Millis(0))
        for number in range(count)
    ]


@pytest.mark.promise("SENTINEL-003")
def test_a_store_that_breaks_for_all_is_ten_messages_an_hour_and_not_a_thousand() -> None:
    many = agents(200)
    deaf = {str(agent.slug): Verdict(hearing="deaf", cause="", since=Millis(0)) for agent in many}
    memory, now, sent = Memory(), Millis(0), []
    for _ in range(2 * HOUR // sentinel.EVERY):
        now = Millis(now + sentinel.EVERY)
        memory = core.step(memory, many, deaf, now)
        sent += [telling.at for telling in memory.pending if telling.way == "message"]
        memory = memory.replace(pending=())
    assert max(sum(begun <= at < begun + HOUR for at in sent) for begun in sent) == BUDGET
    assert len(sent) > BUDGET


VERDICTS = st.sampled_from(
    [
        Verdict(hearing="hearing"),
        Verdict(hearing="late"),
        Verdict(hearing="unknown"),
        Verdict(hearing="unknown", cause="watch_slow"),
        Verdict(hearing="deaf", cause="waiting", since=Millis(1)),
        Verdict(hearing="deaf", cause="", since=Millis(2)),
        Verdict(hearing="hearing", cause="ignoring"),
    ]
)


@pytest.mark.promise("SENTINEL-003")
@given(st.lists(st.tuples(VERDICTS, VERDICTS, VERDICTS), max_size=60))
def test_whatever_is_judged_nobody_hears_the_same_of_an_agent_twice_until_it_recovers(rounds: list[tuple[Verdict, ...]]) -> None:
    three = agents(3)
    memory, now = Memory(), Millis(0)
    said: Counter[tuple[str, str, str]] = Counter()
    for verdicts in rounds:
        now = Millis(now + sentinel.EVERY)
        judged = {str(agent.slug): verdict for agent, verdict in zip(three, verdicts, strict=True)}
        memory = core.step(memory, three, judged, now)
        late = any(verdict.cause == "watch_slow" for verdict in verdicts)
        assert not (late and memory.pending)
        for telling in memory.pending:
            assert telling.to != telling.about or telling.way == "notice"
            if "hears again" in telling.text:
                assert judged[telling.about].hearing == "hearing"
                continue
            if "runs no more" in telling.text:
                assert judged[telling.about].hearing == "unknown"
                continue
            assert judged[telling.about].alarm
            cause = judged[telling.about].cause if telling.way == "notice" else ""
            said[telling.about, telling.to, cause] += 1
            assert said[telling.about, telling.to, cause] == 1
        memory = memory.replace(pending=())
        for slug in {agent.slug for agent in three} - {case.agent for case in memory.cases}:
            for key in [key for key in said if key[0] == slug]:
                del said[key]  # its case is closed: what comes is news


class Slept(FakeClock):
    """A machine that sleeps for hours: its monotonic clock stands still meanwhile."""

    def sleep(self, milliseconds: int) -> None:
        self._now += milliseconds


@pytest.mark.promise("SENTINEL-004")
def test_a_loop_that_was_held_up_or_slept_is_late_and_counts_no_silence_before_it() -> None:
    clock = Slept()
    pace = sentinel.Pace(clock, 30.0)
    assert (pace.late(), pace.awake) == (0, 0)
    assert pace.rest() == 30.0
    clock.tick(30_500)
    assert (pace.late(), pace.awake) == (500, 0)
    pace.rest()
    clock.tick(35_000)  # held up
    assert (pace.late(), pace.awake) == (5_000, clock.now())
    pace.rest()
    clock.sleep(8 * HOUR)
    clock.tick(30_000)
    assert (pace.late(), pace.awake) == (8 * HOUR, clock.now())
    pace.rest()
    clock.tick(30_000)
    assert pace.late() == 0


def test_rounds_that_take_long_come_less_often() -> None:
    clock = FakeClock()
    pace = sentinel.Pace(clock, 30.0, share=0.01)
    for took, rest in ((100, 30.0), (300, 30.0), (1_000, 100.0)):
        assert pace.late() == 0
        clock.tick(took)
        assert pace.rest() == pytest.approx(rest)
        clock.tick(round(rest * SECOND))


@pytest.mark.promise("SENTINEL-004")
def test_after_a_night_asleep_nobody_is_accused_until_it_is_silent_anew(watch: Watch) -> None:
    clock = watch.world.clock
    awake = clock.tick(8 * HOUR)

    def told() -> list[str]:
        return [each.to for each in sentinel.look(watch.root, watch.world.store, clock.now(), awake=awake).told]

    assert told() == []
    clock.tick(29 * MINUTE)
    assert told() == []
    clock.tick(2 * MINUTE)
    assert told() == ["bb"]


# --- inside a server --------------------------------------------------------------------------------------------------


@pytest.mark.promise("SENTINEL-003", "SENTINEL-004")
def test_a_server_looks_again_and_again_counts_the_deaf_and_outlives_a_round_that_fails(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = threading.Event()
    metrics = Metrics(lambda: 0)
    rounds = 0

    def look(lag: int, awake: Millis) -> sentinel.Round:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise StoreUnreachable("no lock")
        watch.round()
        if rounds == 2 + 2 * PATIENCE:
            done.set()
        return watch.found

    made = Sentinel(watch.root, look, FakeClock(), metrics, every=0.001)
    made.start()
    assert done.wait(20)
    made.stop()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("told", line["event"]) for line in lines] == ["bb", "cannot_judge", "aa", "operator"]
    assert "sos_deaf_agents 1.0" in metrics.text().decode()


def test_of_two_processes_in_one_home_one_looks(watch: Watch) -> None:
    lock = sentinel.lock(watch.root)
    assert lock.acquire()
    looked = threading.Event()

    def look(lag: int, awake: Millis) -> sentinel.Round:
        looked.set()
        watch.round()
        return watch.found

    made = Sentinel(watch.root, look, FakeClock(), Metrics(lambda: 0), every=0.001)
    made.start()
    assert not looked.wait(0.5)
    lock.close()
    assert looked.wait(20)
    made.stop()
