"""The Redis store as one thing: opening it, never silently anew, and its parts."""

from __future__ import annotations

import os

from sos.model.errors import Conflict, StoreMissing
from sos.stores.redis import keys, settings
from sos.stores.redis.agents import RedisDirectory
from sos.stores.redis.history import History
from sos.stores.redis.listener import listening
from sos.stores.redis.mail import RedisMailbox
from sos.stores.redis.posting import Post
from sos.stores.redis.reader import RedisReader
from sos.stores.redis.ring import Ring
from sos.stores.redis.server import CALL_SECONDS, Server
from sos.stores.redis.step import Steps
from sos.stores.redis.streams import RedisStreams
from sos.stores.redis.tasks import RedisTasks
from sos.stores.redis.tokens import RedisSkills, RedisTokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sos.model.messages import Durability
    from sos.model.names import Slug
    from sos.stores.redis.listener import RedisListener


class RedisStore:
    """The port `Store` over the database that `url` names (`redis://`, `rediss://`, `unix://`, `redis+sentinel://`,
    `redis+cluster://`).

    Threads may share it.

    Raises StoreUnfit where the server cannot keep the promise, StoreMissing where `create` is not set and there is no store.
    """

    def __init__(self, url: str, *, create: bool = False, call_seconds: float = CALL_SECONDS) -> None:
        self._server = Server(url, call_seconds=call_seconds)
        try:
            self._terms = self._open(create=create)
        except BaseException:
            self._server.close()
            raise
        terms = self._terms
        # What tells a sender of a change is posted with the change, whatever the server has become.
        steps = Steps(self._server, lambda parcel, *, optional: Post(parcel, terms.found.durability, optional=optional))
        self._ring = Ring(self._server)
        self.agents = RedisDirectory(self._server, steps)
        history = History(self._server, self.agents.notify)
        self.mail = RedisMailbox(self._server, steps, self.agents, terms, history)
        self.tokens = RedisTokens(self._server, steps)
        self.skills = RedisSkills(self._server, steps)
        self.tasks = RedisTasks(self._server, steps)
        self.streams = RedisStreams(self._server, steps, self.mail, self.agents)
        #: Looks into the streams that others write in the same database.
        self.reader = RedisReader(self._server)

    @property
    def durability(self) -> Durability:
        """See `ports.Store.durability`. As it was when something was last sent."""
        return self._terms.found.durability

    @property
    def remark(self) -> str:
        """Why the durability is not `disk`, or empty."""
        return self._terms.found.remark

    def _open(self, *, create: bool) -> settings.Terms:
        with self._server.call():
            found = settings.Terms(self._server)
            if create:
                self._server.command("HSETNX", keys.META, "epoch", os.urandom(16).hex())
            self._server.epoch = self._read_epoch()
        return found

    def _read_epoch(self) -> str:
        found = self._server.command("HGET", keys.META, "epoch")
        if found is None:
            raise StoreMissing(
                "there is no store in this Redis database: it is empty, was flushed, or is not the one that was meant",
                next_step="restore its file, or name the right database",
            )
        return str(found.decode())

    @property
    def epoch(self) -> str:
        """See `ports.Store.epoch`. Read anew each time. Raises StoreMissing after a flush."""
        return self._read_epoch()

    def copy(self, path: str) -> int:
        """See `ports.Store.copy`: a server's data are copied by the server."""
        raise Conflict(
            f"a Redis store cannot be copied to {path}",
            next_step="copy the server's own files (BGREWRITEAOF or BGSAVE, then its directory)",
        )

    def wait(self, agent: Slug, seconds: float) -> bool:
        """See `ports.Store.wait`."""
        return self._ring.wait(agent, seconds, lambda: self.mail.count(agent, "unread") > 0)

    def nudge(self, agent: Slug) -> bool:
        """See `ports.Store.nudge`."""
        return self._ring.nudge(agent)

    def listen(self) -> AbstractContextManager[RedisListener]:
        """See `ports.Store.listen`."""
        return listening(self._server)

    def close(self) -> None:
        """See `ports.Store.close`."""
        self.mail.close()
        self._ring.close()
        self._server.close()
