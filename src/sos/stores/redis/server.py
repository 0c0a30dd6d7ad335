"""The one doorway to a Redis or Valkey server: connections, scripts, one deadline for each call, and errors in our words.

The client library retries by itself, and so executes a command twice whose reply was lost, and waits 58 s for a server that
was stopped (measured). Its retries are off. Ours repeat only what may be executed twice: reading, and steps that know themselves
again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from functools import cache, partial, wraps
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    ClusterDownError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    TryAgainError,
)
from redis.retry import Retry

from sos.model.errors import InvalidInput, StorageFull, StoreDamaged, StoreError, StoreMissing, StoreUnfit, StoreUnreachable
from sos.model.redaction import redacted
from sos.stores.redis import cluster, keys, sentinel
from sos.stores.redis.primary import PrimaryConnection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Literal, ParamSpec, TypeVar

    from sos.stores.redis.cluster import Cluster
    from sos.stores.redis.primary import Finder

    Word = str | int | bytes
    P = ParamSpec("P")
    T = TypeVar("T")

CALL_SECONDS = 5.0
"""How long one call may take, all attempts together."""
MAX_CONNECTIONS = 1000
"""One for each thread that is in a call; who waits for mail needs none. The library's own limit is 100, and then it fails."""
ATTEMPTS = 3
PAUSE_SECONDS = 0.02
"""Before the second attempt; each further one waits three times as long."""
_SHORTEST = 0.01
"""Seconds without which no attempt is worth beginning."""
#: The library takes the code of an error for some of them out of its text and makes a type of it.
_FULL = ("MISCONF",)
_PASSING = (ReadOnlyError, MasterDownError, ClusterDownError, TryAgainError, AskError)
"""Another server is the primary, or will be: `MovedError` is an `AskError`, and who is asked for a slot on the move waits."""
_BUSY = ("BUSY", "UNBLOCKED", "NOREPLICAS")
_LONGEST_PAUSE = 0.2
"""Seconds between attempts while a primary is looked for."""


def _packed(words: Sequence[Word]) -> bytes:
    """Words as the server reads them. With the library's own packing a small call took 37 µs of processor time instead of 26."""
    parts = []
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"".join(parts)


def _request(*words: Word) -> bytes:
    return b"*%d\r\n%b" % (len(words), _packed(words))


@cache
def _lua(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text()


def _sha(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Script:
    """One of the files in lua/, with the names of keys in front."""

    def __init__(self, name: str) -> None:
        self.text = "\n".join([keys.in_lua(), _lua("prelude"), _lua(name)])
        self.sha = _sha(self.text)
        rest: tuple[Word, ...] = (len(keys.FIXED), *keys.FIXED.values())
        self._heads = {"EVALSHA": _packed(("EVALSHA", self.sha, *rest)), "EVAL": _packed(("EVAL", self.text, *rest))}
        self._count = 2 + len(rest)

    def request(self, command: Literal["EVALSHA", "EVAL"], epoch: str, words: Sequence[Word]) -> bytes:
        """A call of it, as it goes over the wire."""
        return b"*%d\r\n%b%b" % (self._count + 1 + len(words), self._heads[command], _packed((epoch, *words)))


class Server:
    """A server by its URL. Threads may share it. `epoch` is the history that scripts insist on."""

    def __init__(self, url: str, *, call_seconds: float = CALL_SECONDS) -> None:
        self.epoch = ""
        self.call_seconds = call_seconds
        # Half of the time of a call: a connection that died without a word leaves time for another one.
        self._attempt_seconds = call_seconds / 2
        self._scripts: dict[str, Script] = {}
        self._local = threading.local()
        self._finder: Finder | None = None
        self._cluster: Cluster | None = None
        found: dict[str, Any] = {}
        if url.startswith(sentinel.SCHEME):
            self._finder, url = sentinel.parse(url)
        elif url.startswith(cluster.SCHEME):
            self._cluster, url = cluster.parse(url, self._attempt_seconds)
            self._finder = self._cluster
        if self._finder is not None:
            found = {"connection_class": PrimaryConnection, "finder": self._finder}
        try:
            self._pool = redis.ConnectionPool.from_url(
                url,
                **found,
                protocol=2,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=self._attempt_seconds,
                socket_connect_timeout=self._attempt_seconds,
                health_check_interval=0,
                max_connections=MAX_CONNECTIONS,
            )
        except ValueError as error:
            raise InvalidInput(f"{redacted(str(error))[:200]}", next_step=_SCHEMES) from None

    @property
    def may_move(self) -> bool:
        """Whether another server may become the primary: sentinels or a Cluster say which it is."""
        return self._finder is not None

    @property
    def is_cluster(self) -> bool:
        """Whether streams that others write too stand on other nodes: no step reaches them."""
        return self._cluster is not None

    @property
    def moves(self) -> int:
        """How often another server has become the primary."""
        return 0 if self._finder is None else self._finder.moves

    # --- calls ----------------------------------------------------------------------------------------------------------

    def script(self, name: str, *arguments: Word) -> Any:
        """Run a script that only reads. Raises StoreUnreachable, StoreMissing and others of StoreError."""
        return self.tried_script(name, arguments)[0]

    def tried_script(self, name: str, arguments: Sequence[Word]) -> tuple[Any, bool]:
        """Run a script; its reply, and whether an earlier attempt may have been executed, its reply lost."""
        script = self._script(name)
        return self._tried(
            script.request("EVALSHA", self.epoch, arguments), lambda: script.request("EVAL", self.epoch, arguments)
        )

    def _script(self, name: str) -> Script:
        if name not in self._scripts:
            self._scripts[name] = Script(name)
        return self._scripts[name]

    def read(self, *commands: tuple[str | int, ...]) -> list[Any]:
        """Several reading commands at one moment."""
        flat: list[str | int] = []
        for command in commands:
            flat += [len(command), *command]
        return self.script("get", *flat)  # type: ignore[no-any-return]  # a list by what get.lua is

    def command(self, *words: Word) -> Any:
        """One command, tried again where that may help."""
        request = _request(*words)
        return self._tried(request, lambda: request)[0]

    # --- what stands in other slots -------------------------------------------------------------------------------------

    def at(self, key: str, *words: Word) -> Any:
        """One command at the node that has a key which is not ours, tried again where that may help."""
        request = _request(*words)
        return self._tried(request, lambda: request, self._pool_at(key))[0]

    def script_at(self, name: str, key: str, *arguments: Word) -> Any:
        """Run a script that knows nothing of us at the node that has a key which is not ours."""
        return self._bare(name, (1, key, *arguments), self._pool_at(key))

    def scripts(self, name: str) -> list[Callable[..., Any]]:
        """For each node, what runs a reading script there. Raises StoreUnreachable where nobody says which nodes there are."""
        if self._cluster is None:
            return [partial(self.script, name)]
        try:
            pools = [partial(self._cluster.pool_of, place) for place in self._cluster.primaries()]
        except redis.RedisError as error:
            raise translated(error) from error
        # The first argument of all is the epoch, which stands on one node alone.
        return [lambda *arguments, pool=pool: self._bare(name, (0, "", *arguments), pool) for pool in pools]

    def _bare(self, name: str, words: tuple[Word, ...], pool: Callable[[], Any] | None) -> Any:
        text = f"local call = redis.call\n{_lua(name)}"
        known, unknown = _request("EVALSHA", _sha(text), *words), _request("EVAL", text, *words)
        return self._tried(known, lambda: unknown, pool)[0]

    def _pool_at(self, key: str) -> Callable[[], Any] | None:
        return None if self._cluster is None else partial(self._cluster.pool, key_slot(key.encode()))

    # --- attempts ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def call(self, begun: float | None = None) -> Iterator[None]:
        """All commands inside are one call, with one deadline. `begun`: when it began, by the monotonic clock."""
        before = getattr(self._local, "ends", None)
        self._local.ends = before or (time.monotonic() if begun is None else begun) + self.call_seconds
        try:
            yield
        finally:
            self._local.ends = before

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is inside may take so long at most, of the time that its call has."""
        before = getattr(self._local, "ends", None)
        ends = time.monotonic() + seconds
        self._local.ends = ends if before is None else min(before, ends)
        try:
            yield
        finally:
            self._local.ends = before

    def _tried(self, request: bytes, unknown: Callable[[], bytes], pool: Callable[[], Any] | None = None) -> tuple[Any, bool]:
        """`unknown`: what to say instead where the server does not know the script: a new one, or one that was restarted.

        `pool`: where to, if not to the server of our own keys; asked at each attempt.
        """
        ends = getattr(self._local, "ends", None) or time.monotonic() + self.call_seconds
        tried, unsure = 0, False
        reason: Exception | None = None
        while True:
            tried += 1
            try:
                return self._once(request, ends, pool), unsure
            except (AuthenticationError, AuthorizationError) as error:
                raise StoreUnfit(f"the server refuses our name or password: {_said(error)}", next_step=_CREDENTIALS) from error
            except (redis.ConnectionError, redis.TimeoutError, redis.InvalidResponse) as error:
                unsure = True
                self._pause(tried, ends, reason or error)
            except NoScriptError:
                request = unknown()
            except redis.ResponseError as error:
                if not isinstance(error, _PASSING) and not str(error).startswith(_BUSY):
                    raise translated(error) from error
                reason = error  # says more than that the last attempt had no time left
                self._pause(tried, ends, error)

    def _pause(self, tried: int, ends: float, error: Exception) -> None:
        pause = min(PAUSE_SECONDS * 3.0 ** (tried - 1), _LONGEST_PAUSE)
        # Where another server may take over, it does so within the time of a call, or not.
        is_last = tried >= ATTEMPTS and self._finder is None
        if is_last or time.monotonic() + pause > ends - _SHORTEST:
            raise StoreUnreachable(f"the Redis server did not answer: {_said(error)}") from error
        if self._cluster is not None:
            self._cluster.look_again()
        time.sleep(pause)

    def _once(self, request: bytes, ends: float, choose: Callable[[], Any] | None) -> Any:
        pool: Any = self._pool if choose is None else choose()
        connection = pool.get_connection()
        try:
            if getattr(connection, "is_astray", False):
                connection.disconnect()
            connection.send_packed_command([request])
            return connection.read_response(timeout=max(_SHORTEST, min(self._attempt_seconds, ends - time.monotonic())))
        except _PASSING:
            connection.disconnect()  # it is no primary any more
            raise
        except redis.ResponseError:
            raise
        except BaseException:
            connection.disconnect()  # half a reply may stand in it
            raise
        finally:
            pool.release(connection)

    def line(self) -> Line:
        """A connection of its own on which the next request is sent before the last reply has come."""
        return Line(self._pool, self._script("step"), self.epoch, self._attempt_seconds)

    def subscriber(self) -> PubSub:
        """A connection of its own that listens. The caller translates its errors with `translated`."""
        return PubSub(self._pool)

    def close(self) -> None:
        """Close all connections."""
        self._pool.disconnect()
        if self._cluster is not None:
            self._cluster.close()


def one_call(method: Callable[P, T]) -> Callable[P, T]:
    """A method that asks its server several times, under one deadline."""

    @wraps(method)
    def limited(*arguments: P.args, **named: P.kwargs) -> T:
        server: Server = arguments[0]._server  # type: ignore[attr-defined]  # noqa: SLF001  # of the object that it is a method of
        with server.call():
            return method(*arguments, **named)

    return limited


class Line:
    """Several steps on their way to the server at once, in their order. Raises `LINE_ERRORS`, and is of no more use then."""

    def __init__(self, pool: Any, script: Script, epoch: str, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds
        self._script = script
        self._epoch = epoch
        self._connection = pool.get_connection()
        try:
            self._connection.send_command("SCRIPT", "LOAD", script.text)
            self.receive()
        except BaseException:
            self.close()
            raise

    @property
    def is_astray(self) -> bool:
        """Whether another server has become the primary since."""
        return bool(getattr(self._connection, "is_astray", False))

    def send(self, words: Sequence[Word]) -> None:
        """Send a step."""
        self._connection.send_packed_command([self._script.request("EVALSHA", self._epoch, words)])

    def receive(self) -> Any:
        """The reply to the oldest step on its way."""
        return self._connection.read_response(timeout=self._seconds)

    def close(self) -> None:
        """Give the connection up: replies may still come on it."""
        self._connection.disconnect()
        self._pool.release(self._connection)


LINE_ERRORS = (redis.RedisError, OSError)
_SCHEMES = "use redis://HOST:PORT/DB, rediss://, unix://, redis+sentinel:// or redis+cluster://"
_CREDENTIALS = "give the URL a user and a password that may use the keys {sos*, sos:*, and EVALSHA, EVAL, PUBLISH, SUBSCRIBE"


def _said(error: Exception) -> str:
    return redacted(str(error))[:200]


def translated(error: redis.RedisError) -> StoreError:
    """An error of the server or the client library in our words."""
    text = str(error)
    if text.startswith("SOSGONE"):
        return StoreMissing(
            "the Redis database is not the one that was opened: it was flushed, restored or exchanged",
            next_step="restore its file, or join again with sos join",
        )
    if isinstance(error, OutOfMemoryError) or text.startswith(_FULL):
        return StorageFull(f"the Redis server has no room: {_said(error)}")
    if isinstance(error, NoPermissionError):
        return StoreUnfit(f"the server does not let us: {_said(error)}", next_step=_CREDENTIALS)
    if isinstance(error, (redis.ConnectionError, redis.TimeoutError)):
        return StoreUnreachable(f"the Redis server did not answer: {_said(error)}")
    if text.startswith("WRONGTYPE"):
        return StoreDamaged("somebody else has written to keys of ours", next_step="look for who uses keys that begin with {sos")
    return StoreError(f"the Redis server refused: {_said(error)}")
