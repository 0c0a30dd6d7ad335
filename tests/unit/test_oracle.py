"""The judge of fault trials finds each broken rule, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sos.model.ids import MessageId
from sos.model.names import Slug
from sos.model.transitions import Ack
from sos.stores.memory.store import MemoryStore
from sos.testing.oracle import RULES, Log, Rule, judge
from sos.testing.world import World

pytestmark = pytest.mark.promise("FAULT-001")


class Trial:
    """Three messages from aa to bb: sent, told, shown, marked, the first acked with one effect."""

    def __init__(self) -> None:
        self.world, self.log = World(MemoryStore()), Log()
        self.ids = [self.send(f"text {number}") for number in range(3)]
        for number, identifier in enumerate(self.ids):
            self.show(identifier, f"text {number}")
        self.world.apply(self.ids[0], Ack(at=self.world.clock.now()))
        self.log.ack("bb", "aa", self.ids[0])
        self.log.effect("bb", "aa", self.ids[0])
        self.log.stale_ack(accepted=False)

    def send(self, text: str) -> MessageId:
        parcel = self.world.parcel(text)
        self.log.begin("aa", ["bb"], parcel.draft.id, text)
        message = self.world.store.mail.post([parcel])[0].message
        self.log.sent["aa", message.id].sha256 = message.sha256
        self.log.told("aa", message.id)
        return message.id

    def show(self, identifier: MessageId, text: str) -> None:
        self.log.show("bb", "aa", identifier, text, body="s")
        self.world.show(identifier)

    def broken(self, *, drained: bool = True) -> set[Rule]:
        return {each.rule for each in judge(self.world.store, self.log, drained=["bb"] if drained else [])}


def lost(trial: Trial) -> None:
    trial.log.begin("aa", ["bb"], "never stored", "x")
    trial.log.told("aa", "never stored")


def invented(trial: Trial) -> None:
    made = trial.world.send("from nowhere")
    trial.log.show("bb", "aa", made, "from nowhere")
    trial.log.sent["aa", made] = trial.log.sent["aa", trial.ids[0]]
    trial.log.sent["aa", made].recipients = ("cc",)


def doubled(trial: Trial) -> None:
    entries = trial.world.store.mail.entries

    def twice(agent: Slug, *rest: object) -> list[object]:
        found = entries(agent, *rest)  # type: ignore[arg-type]
        return [*found, found[0]]

    trial.world.store.mail.entries = twice  # type: ignore[method-assign, assignment]


def changed(trial: Trial) -> None:
    trial.log.sent["aa", trial.ids[1]].sha256 = "0" * 64


def hidden_mark(trial: Trial) -> None:
    trial.log.shown.pop()


def never_shown(trial: Trial) -> None:
    trial.send("nobody saw it")


def stored_late(trial: Trial) -> None:
    early, late = (trial.log.sent["aa", trial.ids[place]] for place in (0, 2))
    early.begun, early.told, late.begun, late.told = 90, 91, 80, 81


def shown_late(trial: Trial) -> None:
    trial.log.shown.reverse()


def undone(trial: Trial) -> None:
    trial.log.ack("bb", "aa", trial.ids[1])


def effect(trial: Trial) -> None:
    trial.log.effect("bb", "aa", trial.ids[0])


def stale(trial: Trial) -> None:
    trial.log.stale_ack(accepted=True)


def failed(trial: Trial) -> None:
    trial.log.fail("TypeError: x")


BREAKS: list[tuple[Rule, Callable[[Trial], None]]] = [
    ("lost", lost), ("invented", invented), ("doubled", doubled), ("changed", changed), ("hidden", hidden_mark),
    ("hidden", never_shown), ("order", stored_late), ("order", shown_late),
    ("undone", undone), ("effect", effect), ("stale", stale), ("failed", failed),
]  # fmt: skip


def test_nothing_is_found_where_all_is_well() -> None:
    assert Trial().broken() == set()


def test_what_was_never_told_may_be_missing_or_there() -> None:
    trial = Trial()
    trial.log.begin("aa", ["bb"], "unknown", "x")
    assert trial.broken() == set()


def test_what_nobody_looked_for_yet_need_not_be_shown() -> None:
    trial = Trial()
    never_shown(trial)
    assert trial.broken(drained=False) == set()


@pytest.mark.parametrize(("rule", "breaks"), BREAKS, ids=[breaks.__name__ for _, breaks in BREAKS])
def test_each_broken_rule_is_found_and_named(rule: Rule, breaks: Callable[[Trial], None]) -> None:
    trial = Trial()
    breaks(trial)
    assert rule in trial.broken()


def test_every_rule_is_broken_once_here() -> None:
    assert {rule for rule, _ in BREAKS} == set(RULES)
