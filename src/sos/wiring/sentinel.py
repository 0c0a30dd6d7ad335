"""The sentinel's round over a store: look at each agent that has a session, judge, remember, tell. It ends no process.

What is to be said stands in its memory, `run/sentinel.json`, before it is said: killed in between, it says it again under the
same id, which is one message. Where that file is lost, each agent that is deaf is told once more.
"""

from __future__ import annotations

import os

from sos import files
from sos.core import hearing, listening, sentinel
from sos.core.hearing import Verdict
from sos.core.sending import address_of
from sos.core.sentinel import Case, Memory, Telling
from sos.model import wire
from sos.model.errors import HomeDamaged, SosError, UnknownAgent, UnreadableJson
from sos.model.findings import Notice
from sos.model.messages import Draft
from sos.model.names import OPERATOR, SYSTEM
from sos.model.parcels import Parcel
from sos.model.record import Record
from sos.model.shell import shell_word
from sos.model.times import SECOND, Millis

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sos.core.hearing import Facts
    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.agents import Agent
    from sos.ports import Clock, Store
    from sos.settings import Settings
    from sos.wiring.webhook import Webhook

    #: What the machine of an agent adds to what its store knows.
    Look = Callable[[Agent, Facts], Facts]

EVERY = 30 * SECOND
"""Milliseconds from one round to the next."""
MOST_WAITING = 20
"""What a webhook is to be told that does not answer, the newest. The operator's inbox has all of it."""
CODE = "hearing"
"""Of the notices that it leaves for agents."""


class Round(Record):
    """What a round found: how each agent is that has a session, what was told, and whom nobody could be told of."""

    verdicts: dict[str, Verdict]
    cases: tuple[Case, ...]
    told: tuple[Telling, ...]
    failures: tuple[str, ...] = ()


class Pace:
    """When the next round is to be, and how late it is: by both clocks, since a machine that slept lost no monotonic second.

    `share`: of the time, which rounds may take at most. A store of very many agents is looked at less often, and not without end.
    """

    def __init__(self, clock: Clock, every: float, share: float = 1.0) -> None:
        self._clock = clock
        self._every = every
        self._share = share
        self._wanted, self._at = clock.monotonic(), clock.now()
        self._begun = self._wanted
        #: When it was late last: until then it may have slept.
        self.awake = Millis(0)

    def late(self) -> int:
        """By how many milliseconds the round that begins now is late."""
        now, self._begun = self._clock.now(), self._clock.monotonic()
        late = max(round((self._begun - self._wanted) * SECOND), now - self._at, 0)
        if late > hearing.LATE_LOOP:
            self.awake = now
        return late

    def rest(self) -> float:
        """The round has ended: the seconds to rest."""
        ended = self._clock.monotonic()
        rest = max(self._every, (ended - self._begun) / self._share)
        self._wanted = ended + rest
        self._at = Millis(self._clock.now() + round(rest * SECOND))
        return rest


def webhook_of(settings: Settings) -> Webhook | None:
    """The operator's URL, if one is set. Raises InvalidInput."""
    if settings.webhook is None:
        return None
    from sos.wiring.webhook import Webhook  # TLS and HTTP, which nobody else loads

    return Webhook(settings.webhook, private=settings.webhook_private)


def lock(root: str) -> files.Lock:
    """Held by the one sentinel that runs in a home. Raises HomeNotPrivate, StorageFull."""
    return files.Lock(os.path.join(files.private_directory(os.path.join(root, "run")), "sentinel.lock"), 0.1)


def look(
    root: str,
    store: Store,
    now: Millis,
    *,
    lag: int = 0,
    awake: int = 0,
    long_tool: int = hearing.LONG_TOOL,
    machine: Look | None = None,
    spelling: GlobalSpelling = "agent",
    conventions: Sequence[Convention] = (),
    webhook: Webhook | None = None,
) -> Round:
    """One round. `lag`, `awake`: as its `Pace` has them. Raises HomeDamaged, StorageFull, StoreUnreachable."""
    agents = [agent for agent in store.agents.agents() if agent.status == "open" and agent.slug != OPERATOR]
    verdicts: dict[str, Verdict] = {}
    for agent in agents:
        if not hearing.present(store.agents.bodies(agent.slug)):
            continue  # it runs nowhere: what waits, waits for its next session
        found = listening.facts(store, agent, now, conventions)
        found = found.replace(lag=lag, awake=Millis(awake), long_tool=long_tool)
        if machine is not None and lag <= hearing.LATE_LOOP:
            found = machine(agent, found)
        verdicts[agent.slug] = hearing.judge(found)
    memory = sentinel.step(load(root), agents, verdicts, now)
    if memory.pending:
        save(root, memory)
    told, kept, failures = _tell(store, memory.pending, spelling, webhook)
    save(root, memory.replace(pending=kept))
    return Round(verdicts=verdicts, cases=memory.cases, told=told, failures=failures)


def _tell(
    store: Store, pending: Sequence[Telling], spelling: GlobalSpelling, webhook: Webhook | None
) -> tuple[tuple[Telling, ...], tuple[Telling, ...], tuple[str, ...]]:
    """What was said, what is to be tried again, and what could not be said."""
    told, kept, failures = [], [], []
    left = list(pending)
    while left:
        telling = left.pop(0)
        try:
            if telling.way != "webhook":
                _say(store, telling, spelling)
            elif webhook is not None:
                webhook.tell(telling)
            told.append(telling)
            if (telling.to, telling.way) == (OPERATOR, "message") and webhook is not None:
                left.append(telling.replace(way="webhook"))
        except UnknownAgent as error:
            failures.append(f"nobody could be told of {telling.about}: {error.message}")
        except SosError as error:
            kept.append(telling)
            who = "the webhook" if telling.way == "webhook" else telling.to
            failures.append(f"{who} is not told of {telling.about} yet: {error.message}")
    waiting = [each for each in kept if each.way == "webhook"]
    forgotten = {each.id for each in waiting[:-MOST_WAITING]}
    return tuple(told), tuple(each for each in kept if each.id not in forgotten), tuple(failures)


def _say(store: Store, telling: Telling, spelling: GlobalSpelling) -> None:
    if telling.way == "notice":
        store.agents.notify(Notice(agent=telling.to, at=telling.at, code=CODE, text=telling.text))
        return
    to = store.agents.agent(telling.to)  # type: ignore[arg-type]  # the slug of an agent that was seen
    if to is None:
        raise UnknownAgent(f"no agent {telling.to!r}")
    draft = Draft(id=telling.id, to=to.slug, text=telling.text, kind="system")
    parcel = Parcel(draft=draft, sender=SYSTEM, recipients=(to.slug,), project=to.project, address=address_of(to, spelling),
                    assurance="same-user", sent_at=telling.at)  # fmt: skip
    store.mail.post([parcel])


# --- its memory -------------------------------------------------------------------------------------------------------


def load(root: str) -> Memory:
    """What it knew after its last round. Raises HomeDamaged, HomeNotPrivate."""
    path = _path(root)
    data = files.read(path)
    if data is None:
        return Memory()
    try:
        made = wire.loads(data)
        cases = [Case(**{**each, "causes": tuple(each["causes"]), "told": tuple(each["told"])}) for each in made["cases"]]
        pending = tuple(Telling(**each) for each in made["pending"])
        return Memory(cases=tuple(cases), spent=tuple(made["spent"]), pending=pending)
    except (UnreadableJson, KeyError, TypeError) as error:
        raise HomeDamaged(
            f"{path} cannot be read: {error}", next_step=f"mv {shell_word(path)} {shell_word(path + '.damaged')}"
        ) from error


def save(root: str, memory: Memory) -> None:
    """Write it down. Raises StorageFull, HomeNotPrivate."""
    made = {
        "cases": [{**case.fields(), "causes": list(case.causes), "told": list(case.told)} for case in memory.cases],
        "spent": list(memory.spent),
        "pending": [telling.fields() for telling in memory.pending],
    }
    data = wire.dumps(made, indent=1).encode()
    if files.read(_path(root)) != data:
        files.private_directory(os.path.join(root, "run"))
        files.write(_path(root), data)


def _path(root: str) -> str:
    return os.path.join(root, "run", "sentinel.json")
