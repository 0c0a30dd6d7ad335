"""Agents, bodies, squads and notices in Redis."""

from __future__ import annotations

import hashlib

from sos.model.agents import Agent, Note, enrolled, taken
from sos.model.errors import ProjectChanged, UnknownAgent
from sos.model.findings import Notice
from sos.model.names import SYSTEM, Slug
from sos.model.times import DAY, Millis
from sos.stores.redis import keys, rows
from sos.stores.redis.rows import Kept
from sos.stores.redis.server import one_call
from sos.stores.redis.tokens import forget_all, revoke_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from sos.model.agents import Bodies, Body, Enrolment, Joining
    from sos.model.attention import Attention
    from sos.stores.redis.keys import Box
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps

TOLD_FOR = 30 * DAY
_NOTICES = 20
_BODIES = 50
_LOOKED_AT = 100
"""Messages that may stand in an inbox which is taken back: more, and they are no canaries."""
_FORGOTTEN = 100
"""Old notices that one new one takes with it."""


class RedisDirectory:
    """The port `Directory` over a server."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    # --- agents -------------------------------------------------------------------------------------------------------

    def agent(self, slug: Slug) -> Agent | None:
        """See `ports.Directory.agent`. Inside a step, the agent must still be the same when it is written."""
        step, place = self._steps.current, (keys.AGENTS, slug)
        (found,) = step.get(place) if step is not None else self._server.read(("HGET", *place))
        return None if found is None else rows.agent_of(slug, found).agent

    @one_call
    def agents(self) -> list[Agent]:
        """See `ports.Directory.agents`."""
        found: dict[str, Agent] = {}
        cursor = b"0"
        while True:  # in pages, so that no call holds up the server
            ((cursor, flat),) = self._server.read(("HSCAN", keys.AGENTS, cursor.decode(), "COUNT", 1000))
            names = [name.decode() for name in flat[::2]]
            found.update({name: rows.agent_of(name, value).agent for name, value in zip(names, flat[1::2], strict=True)})
            if cursor == b"0":
                return [found[name] for name in sorted(found) if "/" not in name]

    def enrol(self, joining: Joining, now: Millis) -> Enrolment:
        """See `ports.Directory.enrol`."""
        return self._steps.run(lambda step: self._enrol(step, joining, now))

    def _enrol(self, step: Step, joining: Joining, now: Millis) -> Enrolment:
        known, number = _kept(step, joining.slug), 1
        if known is not None and known.agent.name != joining.name:
            if known.agent.status == "open":
                raise taken(joining.slug, known.agent.name, self._free(joining.slug))
            number = keys.number_of(known.box) + 1
            self._move_away(step, known, now)
            known = None
        if known is not None and known.agent.project != joining.project:
            raise ProjectChanged(f"{joining.slug} is in project {known.agent.project!r}, not {joining.project!r}")
        place = keys.box(joining.slug, joining.project, number) if known is None else known.box
        fields = joining.fields()
        fields.pop("squads")
        made = Agent(**fields, joined_at=now) if known is None else known.agent.replace(role=joining.role, label=joining.label)
        squads = () if known is None else known.squads
        for squad in joining.squads:
            step.write("SADD", keys.squad(joining.project, squad), joining.slug)
        squads = tuple(sorted({*squads, *((joining.project, squad) for squad in joining.squads)}))
        step.write("ZREM", keys.CLOSED, place)
        agent = _save(step, Kept(made.replace(status="open", closed_at=None), place, squads))
        return enrolled(None if known is None else known.agent, agent)

    def _free(self, slug: str) -> str:
        number = 2
        while self._server.read(("HEXISTS", keys.AGENTS, f"{slug[:60]}-{number}"))[0]:
            number += 1
        return f"{slug[:60]}-{number}"

    def _move_away(self, step: Step, kept: Kept, now: Millis) -> None:
        # The one that left keeps its inbox under a slug that no name can have: the next one inherits no mail, token or notice.
        slug = kept.agent.slug
        former = Slug(f"{slug}/{keys.number_of(kept.box)}")
        for session, body in self._bodies(step, kept.box):
            number, place, found = rows.body_of(body)
            step.write("HSET", keys.BODIES, session, rows.body_value(number, place, found.replace(agent=former)))
        for project, name in kept.squads:
            step.write("SREM", keys.squad(project, name), slug)
            step.write("SADD", keys.squad(project, name), former)
        revoke_all(self._server, step, slug, former, now)
        step.write("DEL", keys.notices(slug), keys.part(kept.box, "CURSORS"))
        _save(step, Kept(kept.agent.replace(slug=former), kept.box, kept.squads))

    def _change(self, slug: str, change: Any) -> None:
        def work(step: Step) -> None:
            kept = _kept(step, slug)
            if kept is not None:
                _save(step, Kept(change(step, kept), kept.box, kept.squads))

        self._steps.run(work)

    def close(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.close`."""

        def leave(step: Step, kept: Kept) -> Agent:
            if kept.agent.status == "closed":
                return kept.agent
            step.write("ZADD", keys.CLOSED, now, kept.box)
            return kept.agent.replace(status="closed", closed_at=now)

        self._change(slug, leave)

    def withdraw(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.withdraw`."""

        def work(step: Step) -> None:
            kept = _kept(step, slug)
            if kept is None:
                return
            found = [rows.entry_of(row) for row in self._server.script("view", slug, "recent", _LOOKED_AT, 0, "") if row[5]]
            if any(entry.message.sender != SYSTEM for entry in found):
                self.close(slug, now)
            else:
                self._forget(step, kept, [entry.message.seq for entry in found])

        self._steps.run(work)

    def _forget(self, step: Step, kept: Kept, numbers: list[int]) -> None:
        slug = kept.agent.slug
        for number in numbers:
            step.write("ZREM", keys.TIMERS, rows.timer_member(number, kept.box))
        for session, _ in self._bodies(step, kept.box):
            step.write("HDEL", keys.BODIES, session)
            step.write("ZREM", keys.SEEN, session)
        for project, name in kept.squads:
            step.write("SREM", keys.squad(project, name), slug)
        for field, _, _ in self._notices(slug):
            step.write("ZREM", keys.TOLD, f"{slug} {field}")
        forget_all(self._server, step, slug)
        step.write("DEL", keys.notices(slug), *(keys.part(kept.box, name) for name in keys.PARTS if name != "MESSAGES"))
        step.write("ZREM", keys.CLOSED, kept.box)
        step.write("HDEL", keys.AGENTS, slug)

    def attend(self, slug: Slug, attention: Attention, bodies: Bodies) -> None:
        """See `ports.Directory.attend`."""
        rules = {"wake": attention.wake, "wake_every": attention.every, "quiet": attention.quiet, "bodies": bodies}
        self._change(slug, lambda _, kept: kept.agent.replace(**rules))

    @one_call
    def note(self, slug: Slug) -> Note | None:
        """See `ports.Directory.note`."""
        (record,) = self._server.read(("HGET", keys.AGENTS, slug))
        if record is None:
            return None
        (found,) = self._server.read(("GET", keys.part(rows.agent_of(slug, record).box, "NOTE")))
        return None if found is None else Note(**dict(zip(("at", "text"), rows.loads(found), strict=True)))

    def leave_note(self, slug: Slug, note: Note | None) -> None:
        """See `ports.Directory.leave_note`."""

        def work(step: Step) -> None:
            kept = _kept(step, slug)
            if kept is None:
                return
            place = keys.part(kept.box, "NOTE")
            if note is None:
                step.write("DEL", place)
            else:
                step.write("SET", place, rows.dumps([note.at, note.text]))

        self._steps.run(work)

    def prove(self, slug: Slug, field: Literal["canary", "proven"], at: Millis, by: str = "") -> None:
        """See `ports.Directory.prove`."""

        def proven(_: Step, kept: Kept) -> Agent:
            if field == "canary":
                return kept.agent.replace(canary_at=at)
            return kept.agent.replace(proven_at=at, proven_by=by) if kept.agent.proven_at is None else kept.agent

        self._change(slug, proven)

    # --- bodies -------------------------------------------------------------------------------------------------------

    def body(self, session: str) -> Body | None:
        """See `ports.Directory.body`."""
        (found,) = self._server.read(("HGET", keys.BODIES, session))
        return None if found is None else rows.body_of(found)[2]

    @one_call
    def bodies(self, agent: Slug) -> list[Body]:
        """See `ports.Directory.bodies`."""
        (record,) = self._server.read(("HGET", keys.AGENTS, agent))
        if record is None:
            return []
        sessions = keys.part(rows.agent_of(agent, record).box, "SESSIONS")
        (newest,) = self._server.read(("ZREVRANGE", sessions, 0, _BODIES - 1))
        (found,) = self._server.read(("HMGET", keys.BODIES, *newest)) if newest else ([],)
        made = sorted(
            (rows.body_of(value) for value in found if value is not None), key=lambda each: (-each[2].seen_at, -each[0])
        )
        return [body for _, _, body in made]

    def _bodies(self, step: Step, place: str) -> list[tuple[bytes, bytes]]:
        (sessions,) = self._server.read(("ZRANGE", keys.part(place, "SESSIONS"), 0, -1))
        found = step.get(*((keys.BODIES, each.decode()) for each in sessions)) if sessions else []
        return [(session, value) for session, value in zip(sessions, found, strict=True) if value is not None]

    def save_body(self, body: Body) -> None:
        """See `ports.Directory.save_body`. Raises UnknownAgent."""
        self._steps.run(lambda step: self._save_body(step, body, _kept(step, body.agent, checked=False)))

    def settle(self, step: Step, body: Body, turn: int, *, takes: bool) -> Box | None:
        """A body's new state, as the inbox's holder or not, and its agent's turn, inside a step; the agent's box."""
        kept = _kept(step, body.agent, checked=False)
        if takes and kept is not None:
            self._release(step, str(kept.box), body.session)
        self._save_body(step, body, kept, takes=takes)
        if kept is not None and turn > kept.agent.turn:
            again = _kept(step, body.agent)
            if again is not None:
                _save(step, Kept(again.agent.replace(turn=max(turn, again.agent.turn)), again.box, again.squads))
        return None if kept is None else kept.box

    def _save_body(self, step: Step, body: Body, kept: Kept | None, *, takes: bool = False) -> None:
        if kept is None:
            raise UnknownAgent(f"no agent {body.agent!r}")
        (before,) = step.get((keys.BODIES, body.session))
        holds = takes or body.holder
        if before is None:
            (counted,) = self._server.read(("HGET", keys.META, "bodies"))
            number, place = int(counted or 0) + 1, str(kept.box)
            step.write("HINCRBY", keys.META, "bodies", 1)
        else:
            number, place, known = rows.body_of(before)
            holds = takes or (body.holder and known.holder)
        if place != kept.box:
            step.write("ZREM", keys.part(place, "SESSIONS"), body.session)
        step.write("HSET", keys.BODIES, body.session, rows.body_value(number, kept.box, body.replace(holder=holds)))
        step.write("ZADD", keys.part(kept.box, "SESSIONS"), body.seen_at, body.session)
        step.write("ZADD", keys.SEEN, body.seen_at, body.session)

    def hold(self, session: str) -> None:
        """See `ports.Directory.hold`."""

        def work(step: Step) -> None:
            (found,) = step.get((keys.BODIES, session))
            if found is None:
                return
            number, place, body = rows.body_of(found)
            self._release(step, place, session)
            step.write("HSET", keys.BODIES, session, rows.body_value(number, place, body.replace(holder=True)))

        self._steps.run(work)

    def _release(self, step: Step, place: str, session: str) -> None:
        """No other body of this box holds its inbox."""
        for key, value in self._bodies(step, place):
            number, _, body = rows.body_of(value)
            if body.holder and key.decode() != session:
                step.write("HSET", keys.BODIES, key, rows.body_value(number, place, body.replace(holder=False)))

    # --- squads -------------------------------------------------------------------------------------------------------

    @one_call
    def squad(self, project: str, name: str) -> tuple[Slug, ...]:
        """See `ports.Directory.squad`."""
        (members,) = self._server.read(("SMEMBERS", keys.squad(project, name)))
        slugs = sorted(each.decode() for each in members)
        (found,) = self._server.read(("HMGET", keys.AGENTS, *slugs)) if slugs else ([],)
        agents = [rows.agent_of(slug, value).agent for slug, value in zip(slugs, found, strict=True) if value is not None]
        return tuple(agent.slug for agent in agents if agent.status == "open")

    def change_squad(self, project: str, name: str, agent: Slug, *, member: bool) -> None:
        """See `ports.Directory.change_squad`."""

        def work(step: Step) -> None:
            kept = _kept(step, agent)
            if kept is not None:
                squads = {*kept.squads, (project, name)} if member else {*kept.squads} - {(project, name)}
                step.write("SADD" if member else "SREM", keys.squad(project, name), agent)
                _save(step, Kept(kept.agent, kept.box, tuple(sorted(squads))))

        self._steps.run(work)

    # --- notices ------------------------------------------------------------------------------------------------------

    def notices(self, agent: Slug) -> list[Notice]:
        """See `ports.Directory.notices`."""
        found = [(notice, told) for _, notice, told in self._notices(agent)]
        return sorted(
            (notice for notice, told in found if told is None), key=lambda notice: (notice.at, notice.code, notice.text)
        )[:_NOTICES]

    def _notices(self, agent: str) -> list[tuple[str, Notice, Millis | None]]:
        (flat,) = self._server.read(("HGETALL", keys.notices(agent)))
        made = []
        for field, value in zip(flat[::2], flat[1::2], strict=True):
            at, code, text, told = rows.loads(value)
            made.append((field.decode(), Notice(agent=agent, at=Millis(at), code=code, text=text), told))
        return made

    def notify(self, notice: Notice) -> None:
        """See `ports.Directory.notify`."""
        self._steps.run(lambda step: self._notify(step, notice))

    def _notify(self, step: Step, notice: Notice) -> None:
        key, field = keys.notices(notice.agent), hashlib.sha256(f"{notice.code}\0{notice.text}".encode()).hexdigest()[:32]
        (old,) = self._server.read(("ZRANGEBYSCORE", keys.TOLD, "-inf", f"({notice.at - TOLD_FOR}", "LIMIT", 0, _FORGOTTEN))
        for member in old:
            agent, _, told = member.decode().rpartition(" ")
            step.write("HDEL", keys.notices(agent), told)
            step.write("ZREM", keys.TOLD, member)
        (there,) = step.get((key, field))
        if there is not None:
            told_at = rows.loads(there)[3]
            if told_at is None or told_at >= notice.at - TOLD_FOR:
                return
        step.write("HSET", key, field, rows.dumps([notice.at, notice.code, notice.text, None]))
        step.write("ZREM", keys.TOLD, f"{notice.agent} {field}")

    def told(self, agent: Slug, up_to: Millis) -> None:
        """See `ports.Directory.told`."""

        def work(step: Step) -> None:
            found = [field for field, notice, told in self._notices(agent) if told is None and notice.at <= up_to]
            for field, value in zip(
                found, step.get(*((keys.notices(agent), each) for each in found)) if found else [], strict=True
            ):
                if value is not None:
                    step.write("HSET", keys.notices(agent), field, rows.dumps([*rows.loads(value)[:3], up_to]))
                    step.write("ZADD", keys.TOLD, up_to, f"{agent} {field}")

        self._steps.run(work)


def _kept(step: Step, slug: str, *, checked: bool = True) -> Kept | None:
    (found,) = step.get((keys.AGENTS, slug), checked=checked)
    return None if found is None else rows.agent_of(slug, found)


def _save(step: Step, kept: Kept) -> Agent:
    step.write("HSET", keys.AGENTS, kept.agent.slug, rows.agent_value(kept))
    names = sorted(name for project, name in kept.squads if project == kept.agent.project)
    return kept.agent.replace(squads=tuple(names))
