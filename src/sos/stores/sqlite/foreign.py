"""Foreign streams in SQLite: cursors, and what importing asks of the store. Not loaded by the hook or a plain send."""

from __future__ import annotations

from sos.model.addresses import Address
from sos.model.foreign import Kept, names_of
from sos.model.ids import loaded, stored
from sos.model.streams import Cursor
from sos.stores.foreign import ROOM, TakingStreams
from sos.stores.sqlite.database import queries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sos.model.foreign import Foreign
    from sos.stores.sqlite.agents import SqliteDirectory
    from sos.stores.sqlite.database import Database, Row
    from sos.stores.sqlite.mail import SqliteMailbox


class SqliteStreams(TakingStreams):
    """The port `Streams` over one database file."""

    def __init__(self, database: Database, mail: SqliteMailbox, directory: SqliteDirectory) -> None:
        super().__init__(mail, directory)
        self._database = database
        self._box = mail
        self._sql = queries("foreign")

    def _run(self, name: str, values: object = ()) -> list[Row]:
        return self._database.read(self._sql[name], values)

    def _step(self) -> AbstractContextManager[object]:
        return self._database.write()

    def _cursors(self, agent: str) -> dict[Address, Cursor]:
        return {
            Address(stream): Cursor(position=position, mark=mark, since=since, backlog=backlog, again=again)
            for stream, position, mark, since, backlog, again in self._run("cursors", (agent,))
        }

    def _heir_since(self, agent: str) -> int:
        return int(self._run("heir_since", (agent,))[0][0])

    def _save(self, agent: str, stream: Address, cursor: Cursor) -> None:
        fields = (cursor.position, cursor.mark, cursor.since, cursor.backlog, cursor.again)
        self._run("save_cursor", (self._key(agent), stream, *fields))

    def _depth(self, agent: str) -> int:
        return int(self._run("depth", (self._key(agent), ROOM + 1))[0][0])

    def _kept(self, entry: Foreign, agent: str) -> list[Kept]:
        ids, senders = names_of(entry, agent)
        found = self._run("kept", (self._key(agent), *map(stored, ids), *senders))
        return [
            Kept(number=number, id=loaded(identifier), sender=sender, text=text, address=Address(address), mine=bool(mine))
            for number, identifier, sender, text, address, mine in found
        ]

    def _share(self, number: int, agent: str) -> None:
        with self._box.batch() as batch:
            self._run("add_delivery", (self._key(agent), number))
            batch.recipients.pop(agent, None)
            batch.ring(agent)

    def _key(self, agent: str) -> int:
        return int(self._run("agent", (agent,))[0][0])
