"""Token records and skills in Redis."""

from __future__ import annotations

from sos.model.errors import Conflict, IdConflict
from sos.model.skills import Skill
from sos.model.tokens import TokenRecord
from sos.stores.redis import keys, rows
from sos.stores.redis.server import one_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.names import Slug
    from sos.model.times import Millis
    from sos.stores.redis.server import Server
    from sos.stores.redis.step import Step, Steps


class RedisTokens:
    """The port `TokenStore` over a server."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    def add(self, record: TokenRecord) -> None:
        """See `ports.TokenStore.add`."""

        def work(step: Step) -> None:
            (known,) = step.get((keys.TOKENS, record.key_id))
            if known is None:
                _save(step, record)
                step.write("SADD", keys.tokens_of(record.agent), record.key_id)
            elif _record_of(known).digest != record.digest:
                raise IdConflict(f"the key id {record.key_id} belongs to another token")

        self._steps.run(work)

    def by_key(self, key_id: str) -> TokenRecord | None:
        """See `ports.TokenStore.by_key`."""
        (found,) = self._server.read(("HGET", keys.TOKENS, key_id))
        return None if found is None else _record_of(found)

    @one_call
    def of(self, agent: Slug | None) -> list[TokenRecord]:
        """See `ports.TokenStore.of`."""
        if agent is None:
            (found,) = self._server.read(("HVALS", keys.TOKENS))
        else:
            found = _of(self._server, agent)
        return sorted(map(_record_of, found), key=lambda record: (record.created_at, record.key_id))

    def revoke(self, key_id: str, now: Millis) -> bool:
        """See `ports.TokenStore.revoke`."""

        def work(step: Step) -> bool:
            (known,) = step.get((keys.TOKENS, key_id))
            if known is None or (record := _record_of(known)).revoked_at is not None:
                return False
            _save(step, record.replace(revoked_at=now))
            return True

        return self._steps.run(work)

    def rescope(self, key_id: str, scopes: Sequence[str]) -> bool:
        """See `ports.TokenStore.rescope`."""

        def work(step: Step) -> bool:
            (known,) = step.get((keys.TOKENS, key_id))
            if known is None or (record := _record_of(known)).revoked_at is not None or record.scopes == tuple(scopes):
                return False
            _save(step, record.replace(scopes=tuple(scopes)))
            return True

        return self._steps.run(work)


def revoke_all(server: Server, step: Step, agent: Slug, former: Slug, now: Millis) -> None:
    """What an agent that left had for tokens is its own still, under its former slug, and opens nothing."""
    for value in _of(server, agent):
        record = _record_of(value)
        step.expect(keys.TOKENS, record.key_id, value)
        _save(step, record.replace(agent=former, revoked_at=record.revoked_at or now))
        step.write("SADD", keys.tokens_of(former), record.key_id)
    step.write("DEL", keys.tokens_of(agent))


def forget_all(server: Server, step: Step, agent: str) -> None:
    """Remove the tokens and skills of an agent that is taken back."""
    (ids, skills) = server.read(("SMEMBERS", keys.tokens_of(agent)), ("SMEMBERS", keys.skills_of("owner", agent)))
    for each in ids:
        step.write("HDEL", keys.TOKENS, each)
    for each in skills:
        step.write("HDEL", keys.SKILLS, each)
        step.write("SREM", keys.skills_of("project", each.decode().partition(" ")[0]), each)
    step.write("DEL", keys.tokens_of(agent), keys.skills_of("owner", agent))


def _of(server: Server, agent: str) -> list[bytes]:
    (ids,) = server.read(("SMEMBERS", keys.tokens_of(agent)))
    (found,) = server.read(("HMGET", keys.TOKENS, *ids)) if ids else ([],)
    return [each for each in found if each is not None]


def _save(step: Step, record: TokenRecord) -> None:
    fields = {name: value for name, value in record.fields().items() if value is not None}
    step.write("HSET", keys.TOKENS, record.key_id, rows.dumps({**fields, "digest": record.digest.hex()}))


def _record_of(value: bytes) -> TokenRecord:
    fields = rows.loads(value)
    return TokenRecord(**{**fields, "digest": bytes.fromhex(fields["digest"]), "scopes": tuple(fields["scopes"])})


class RedisSkills:
    """The port `SkillStore` over a server."""

    def __init__(self, server: Server, steps: Steps) -> None:
        self._server = server
        self._steps = steps

    def put(self, skills: Sequence[Skill]) -> None:
        """See `ports.SkillStore.put`."""

        def work(step: Step) -> None:
            for skill in skills:
                field = f"{skill.project} {skill.id}"
                (known,) = step.get((keys.SKILLS, field))
                if known is not None and (owner := _skill_of(known).owner) != skill.owner:
                    raise Conflict(f"the skill {skill.id!r} belongs to {owner}", next_step="declare it under another name")
                step.write("HSET", keys.SKILLS, field, rows.dumps(skill.fields()))
                for key in (keys.skills_of("project", skill.project), keys.skills_of("owner", skill.owner)):
                    step.write("SADD", key, field)

        self._steps.run(work)

    @one_call
    def list(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """See `ports.SkillStore.list`."""
        if project is None and owner is None:
            (values,) = self._server.read(("HVALS", keys.SKILLS))
        else:
            key = keys.skills_of("owner", owner) if owner is not None else keys.skills_of("project", str(project))
            (fields,) = self._server.read(("SMEMBERS", key))
            (values,) = self._server.read(("HMGET", keys.SKILLS, *fields)) if fields else ([],)
        found = sorted((_skill_of(each) for each in values if each is not None), key=lambda skill: (skill.project, skill.id))
        return [skill for skill in found if project in {None, skill.project} and owner in {None, skill.owner}]


def _skill_of(value: bytes) -> Skill:
    fields = rows.loads(value)
    return Skill(**{**fields, "labels": tuple(fields["labels"]), "keywords": tuple(fields["keywords"])})
