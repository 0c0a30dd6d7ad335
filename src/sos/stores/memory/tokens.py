"""Token records and skills in memory."""

from __future__ import annotations

from sos.model.errors import Conflict, IdConflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.names import Slug
    from sos.model.skills import Skill
    from sos.model.times import Millis
    from sos.model.tokens import TokenRecord
    from sos.stores.memory.store import State


class MemoryTokens:
    """The port `TokenStore` over a `State`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, record: TokenRecord) -> None:
        """See `ports.TokenStore.add`."""
        with self._state.step():
            known = self._state.tokens.setdefault(record.key_id, record)
            if known.digest != record.digest:
                raise IdConflict(f"the key id {record.key_id} belongs to another token")

    def by_key(self, key_id: str) -> TokenRecord | None:
        """See `ports.TokenStore.by_key`."""
        with self._state.lock:
            return self._state.tokens.get(key_id)

    def of(self, agent: Slug | None) -> list[TokenRecord]:
        """See `ports.TokenStore.of`."""
        with self._state.lock:
            found = [record for record in self._state.tokens.values() if agent in {None, record.agent}]
        return sorted(found, key=lambda record: (record.created_at, record.key_id))

    def revoke(self, key_id: str, now: Millis) -> bool:
        """See `ports.TokenStore.revoke`."""
        with self._state.step():
            record = self._state.tokens.get(key_id)
            if record is None or record.revoked_at is not None:
                return False
            self._state.tokens[key_id] = record.replace(revoked_at=now)
            return True

    def rescope(self, key_id: str, scopes: Sequence[str]) -> bool:
        """See `ports.TokenStore.rescope`."""
        with self._state.step():
            record = self._state.tokens.get(key_id)
            if record is None or record.revoked_at is not None or record.scopes == tuple(scopes):
                return False
            self._state.tokens[key_id] = record.replace(scopes=tuple(scopes))
            return True


class MemorySkills:
    """The port `SkillStore` over a `State`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, skills: Sequence[Skill]) -> None:
        """See `ports.SkillStore.put`."""
        with self._state.step():
            for skill in skills:
                known = self._state.skills.get((skill.project, skill.id), skill)
                if known.owner != skill.owner:
                    raise Conflict(f"the skill {skill.id!r} belongs to {known.owner}")
                self._state.skills[skill.project, skill.id] = skill

    def list(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """See `ports.SkillStore.list`."""
        with self._state.lock:
            found = [skill for _, skill in sorted(self._state.skills.items(), key=lambda kept: kept[0])]
        return [skill for skill in found if project in {None, skill.project} and owner in {None, skill.owner}]
