"""Agents, bodies, squads, notices, tokens and skills in SQLite."""

from __future__ import annotations

from sos.model import wire
from sos.model.agents import Note, enrolled, taken
from sos.model.errors import Conflict, IdConflict, ProjectChanged
from sos.model.findings import Notice
from sos.model.skills import Skill
from sos.model.times import DAY
from sos.model.tokens import TokenRecord
from sos.stores.sqlite import rows
from sos.stores.sqlite.database import queries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from sos.model.agents import Agent, Bodies, Body, Enrolment, Joining
    from sos.model.attention import Attention
    from sos.model.names import Slug
    from sos.model.times import Millis
    from sos.stores.sqlite.database import Database, Row

TOLD_FOR = 30 * DAY


class SqliteDirectory:
    """The port `Directory` over one database file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("agents")

    def _run(self, name: str, values: object = ()) -> list[Row]:
        return self._database.read(self._sql[name], values)

    def enrol(self, joining: Joining, now: Millis) -> Enrolment:
        """See `ports.Directory.enrol`."""
        with self._database.write():
            known = self.agent(joining.slug)
            if known is not None and known.name != joining.name:
                if known.status == "open":
                    raise taken(joining.slug, known.name, self._free(joining.slug))
                # Another identity takes the slug: it inherits no mail, no token and no notice.
                self._run("rename_closed", (joining.slug,))
                self._run("drop_tokens", (now, joining.slug))
                self._run("drop_notices", (joining.slug,))
                known = None
            if known is not None and known.project != joining.project:
                raise ProjectChanged(f"{joining.slug} is in project {known.project!r}, not {joining.project!r}")
            return self._enrol(joining, known, now)

    def _enrol(self, joining: Joining, known: Agent | None, now: Millis) -> Enrolment:
        columns = (joining.slug, joining.name, joining.role, joining.label, joining.project)
        if known is None:
            self._run("add_agent", (*columns, now))
        else:
            self._run("update_agent", (joining.role, joining.label, joining.slug))
        for squad in joining.squads:
            self._run("add_member", (joining.project, squad, joining.slug))
        agent = self.agent(joining.slug)
        if agent is None:
            raise Conflict(f"{joining.slug} was enrolled and cannot be read back")
        return enrolled(known, agent)

    def _free(self, slug: str) -> str:
        number = 2
        while self._run("slug_exists", (f"{slug[:60]}-{number}",)):
            number += 1
        return f"{slug[:60]}-{number}"

    def agent(self, slug: Slug) -> Agent | None:
        """See `ports.Directory.agent`."""
        found = self._run("agent", (slug,))
        return rows.agent_of(found[0]) if found else None

    def agents(self) -> list[Agent]:
        """See `ports.Directory.agents`."""
        return [rows.agent_of(row) for row in self._run("agents") if "/" not in row[0]]

    def close(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.close`."""
        with self._database.write():
            self._run("close_agent", (now, slug))

    def withdraw(self, slug: Slug, now: Millis) -> None:
        """See `ports.Directory.withdraw`."""
        with self._database.write():
            if self._run("has_mail", (slug,)):
                self._run("close_agent", (now, slug))
                return
            for name in ("deliveries", "facts", "squads", "bodies", "cursors", "tokens", "skills", "notices", "note", "agent"):
                self._run(f"withdraw_{name}", (slug,))

    def attend(self, slug: Slug, attention: Attention, bodies: Bodies) -> None:
        """See `ports.Directory.attend`."""
        with self._database.write():
            self._run("attend", (attention.wake, attention.every, attention.quiet, bodies, slug))

    def note(self, slug: Slug) -> Note | None:
        """See `ports.Directory.note`."""
        found = self._run("note", (slug,))
        return Note(at=found[0][0], text=found[0][1]) if found else None

    def leave_note(self, slug: Slug, note: Note | None) -> None:
        """See `ports.Directory.leave_note`."""
        with self._database.write():
            if note is None:
                self._run("withdraw_note", (slug,))
            else:
                self._run("leave_note", (note.at, note.text, slug))

    def prove(self, slug: Slug, field: Literal["canary", "proven"], at: Millis, by: str = "") -> None:
        """See `ports.Directory.prove`."""
        with self._database.write():
            self._run(field, (at, slug) if field == "canary" else (at, by, slug))

    def body(self, session: str) -> Body | None:
        """See `ports.Directory.body`."""
        found = self._run("body", (session,))
        return rows.body_of(found[0]) if found else None

    def bodies(self, agent: Slug) -> list[Body]:
        """See `ports.Directory.bodies`."""
        return [rows.body_of(row) for row in self._run("bodies", (agent,))]

    def save_body(self, body: Body) -> None:
        """See `ports.Directory.save_body`."""
        with self._database.write():
            self._run("save_body", rows.body_values(body))

    def hold(self, session: str) -> None:
        """See `ports.Directory.hold`."""
        with self._database.write():
            self._run("release_holders", (session,))
            self._run("hold", (session,))

    def squad(self, project: str, name: str) -> tuple[Slug, ...]:
        """See `ports.Directory.squad`."""
        return tuple(row[0] for row in self._run("squad", (project, name)))

    def change_squad(self, project: str, name: str, agent: Slug, *, member: bool) -> None:
        """See `ports.Directory.change_squad`."""
        with self._database.write():
            self._run("add_member" if member else "remove_member", (project, name, agent))

    def notices(self, agent: Slug) -> list[Notice]:
        """See `ports.Directory.notices`."""
        return [Notice(agent=row[0], at=row[1], code=row[2], text=row[3]) for row in self._run("notices", (agent,))]

    def notify(self, notice: Notice) -> None:
        """See `ports.Directory.notify`."""
        with self._database.write():
            self._run("forget_told", (notice.at - TOLD_FOR,))
            self._run("notify", (notice.agent, notice.code, notice.text, notice.at))

    def told(self, agent: Slug, up_to: Millis) -> None:
        """See `ports.Directory.told`."""
        with self._database.write():
            self._run("told", (up_to, agent, up_to))


class SqliteTokens:
    """The port `TokenStore` over one database file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tokens")

    def _run(self, name: str, values: object = ()) -> list[Row]:
        return self._database.read(self._sql[name], values)

    def add(self, record: TokenRecord) -> None:
        """See `ports.TokenStore.add`."""
        with self._database.write():
            known = self.by_key(record.key_id)
            if known is not None and known.digest != record.digest:
                raise IdConflict(f"the key id {record.key_id} belongs to another token")
            self._run("add", tuple({**record.fields(), "scopes": " ".join(record.scopes)}.values()))

    def by_key(self, key_id: str) -> TokenRecord | None:
        """See `ports.TokenStore.by_key`."""
        found = self._run("by_key", (key_id,))
        return _token_of(found[0]) if found else None

    def of(self, agent: Slug | None) -> list[TokenRecord]:
        """See `ports.TokenStore.of`."""
        found = self._run("all") if agent is None else self._run("of_agent", (agent,))
        return [_token_of(row) for row in found]

    def revoke(self, key_id: str, now: Millis) -> bool:
        """See `ports.TokenStore.revoke`."""
        with self._database.write():
            record = self.by_key(key_id)
            self._run("revoke", (now, key_id))
            return record is not None and record.revoked_at is None

    def rescope(self, key_id: str, scopes: Sequence[str]) -> bool:
        """See `ports.TokenStore.rescope`."""
        with self._database.write():
            record = self.by_key(key_id)
            if record is None or record.revoked_at is not None or record.scopes == tuple(scopes):
                return False
            self._run("rescope", (" ".join(scopes), key_id))
            return True


def _token_of(row: Row) -> TokenRecord:
    fields = dict(zip(TokenRecord._fields, row, strict=True))  # the order of fields is the order of columns
    return TokenRecord(**{**fields, "scopes": tuple(fields["scopes"].split())})


class SqliteSkills:
    """The port `SkillStore` over one database file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql = queries("tokens")

    def put(self, skills: Sequence[Skill]) -> None:
        """See `ports.SkillStore.put`."""
        with self._database.write():
            for skill in skills:
                owner = self._database.read(self._sql["skill_owner"], (skill.project, skill.id))
                if owner and owner[0][0] != skill.owner:
                    raise Conflict(f"the skill {skill.id!r} belongs to {owner[0][0]}", next_step="declare it under another name")
                fields = {**skill.fields(), "labels": list(skill.labels), "keywords": list(skill.keywords)}
                self._database.read(self._sql["put_skill"], (skill.project, skill.id, skill.owner, wire.dumps(fields)))

    def list(self, project: str | None = None, owner: Slug | None = None) -> list[Skill]:
        """See `ports.SkillStore.list`."""
        found = self._database.read(self._sql["skills"], {"project": project, "owner": owner})
        return [_skill_of(wire.loads(row[0])) for row in found]


def _skill_of(fields: dict[str, object]) -> Skill:
    labels, keywords = fields["labels"], fields["keywords"]
    assert isinstance(labels, list)
    assert isinstance(keywords, list)
    return Skill(**{**fields, "labels": tuple(labels), "keywords": tuple(keywords)})  # type: ignore[arg-type]  # our own JSON
