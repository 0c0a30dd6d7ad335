"""Waiting for mail: one connection that listens for any number of readers, and a slow look at the truth behind it.

A ring is a hint. It is published in the step that stores, and lost where the connection is; so who waits looks again by itself.
"""

from __future__ import annotations

import threading
import time

import redis

from sos.stores.redis import keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from redis.client import PubSub

    from sos.stores.redis.server import Server

NUDGE = b"?"
"""What ends a wait although nothing came."""
SWEEP_SECONDS = 2.0
"""How often a waiting reader looks at least."""
LISTEN_SECONDS = 1.0
AGAIN_SECONDS = 0.5
"""Before a lost connection is made anew."""


class Ring:
    """Made with the store; its thread and connection begin with the first reader that waits."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._listening: PubSub | None = None
        #: How many wait for an agent, how often it was rung, and on which channels the server has us.
        self._waiting: dict[str, int] = {}
        self._rung: dict[str, int] = {}
        self._nudged: dict[str, int] = {}
        self._heard: set[str] = set()

    def wait(self, agent: str, seconds: float, check: Callable[[], bool]) -> bool:
        """Listen, check, wait, in this order, so that no ring falls between. Whether `check` came true in time, or a nudge."""
        ends, channel = time.monotonic() + seconds, keys.channel(self._server.epoch, agent)
        self._join(channel)
        nudged = self._nudged.get(channel, 0)
        try:
            while True:
                with self._changed:
                    before = self._rung.get(channel, 0)
                    heard = channel in self._heard
                if check() or self._nudged.get(channel, 0) != nudged:
                    return True
                left = ends - time.monotonic()
                if left <= 0 or self._closed:
                    return False
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._rung.get(channel, 0) != before or (channel in self._heard) != heard or self._closed,  # noqa: B023
                        min(left, SWEEP_SECONDS),
                    )
        finally:
            self._leave(channel)

    def _join(self, channel: str) -> None:
        with self._changed:
            self._waiting[channel] = self._waiting.get(channel, 0) + 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sos-redis-ring", daemon=True)
                self._thread.start()
            elif self._waiting[channel] == 1 and self._listening is not None:
                self._tell(self._listening, self._listening.subscribe, channel)

    def _leave(self, channel: str) -> None:
        with self._changed:
            self._waiting[channel] -= 1
            if not self._waiting[channel]:
                del self._waiting[channel]
                self._rung.pop(channel, None)
                self._nudged.pop(channel, None)
                self._heard.discard(channel)
                if self._listening is not None:
                    self._tell(self._listening, self._listening.unsubscribe, channel)

    def _tell(self, listening: PubSub, command: Callable[[str], object], channel: str) -> None:
        # On a broken one a command would connect anew, while the thread gives the same connection up: a socket stayed open.
        connection: Any = listening.connection
        if connection is None or not connection.is_connected:
            return
        try:
            command(channel)
        except (redis.RedisError, OSError):
            return  # the thread finds the broken connection, and subscribes to everything anew

    def _run(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except (redis.RedisError, OSError, ValueError):
                # Whatever it is, readers look by themselves until it is over.
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, AGAIN_SECONDS)

    def _listen(self) -> None:
        listening = self._server.subscriber()
        try:
            # Connects, which may take its time, so not under the lock; the channel is one that nobody rings.
            listening.subscribe(keys.channel(self._server.epoch, "/"))
            with self._changed:
                if self._waiting:
                    listening.subscribe(*self._waiting)
                self._listening = listening
            while not self._closed:
                message = listening.get_message(timeout=LISTEN_SECONDS)
                if message is not None:
                    self._take(message["type"], message["channel"].decode(), message["data"])
        finally:
            with self._changed:
                self._listening = None
                self._heard.clear()
            listening.close()

    def nudge(self, agent: str) -> bool:
        """End the waits for an agent, wherever they are; whether there are any."""
        return int(self._server.command("PUBLISH", keys.channel(self._server.epoch, agent), NUDGE)) > 0

    def _take(self, kind: str, channel: str, data: object) -> None:
        with self._changed:
            if channel not in self._waiting:
                return
            if kind == "subscribe":
                self._heard.add(channel)
            elif kind == "message":
                self._rung[channel] = self._rung.get(channel, 0) + 1
                if data == NUDGE:
                    self._nudged[channel] = self._nudged.get(channel, 0) + 1
            self._changed.notify_all()

    def close(self) -> None:
        """End the thread and all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            listening, thread = self._listening, self._thread
            if listening is not None:
                self._tell(listening, listening.unsubscribe, keys.channel(self._server.epoch, "/"))
        if thread is not None:
            thread.join(LISTEN_SECONDS + 1)
