"""JSON-RPC, one document a line, in both eras of the protocol: with a handshake (until 2025-11-25) and without (2026-07-28).

Who it speaks for is looked up at each call: a session that is bound after this process has started is served as its agent.
"""

from __future__ import annotations

import os

from sos import __version__
from sos.core import rendering
from sos.homes import resolver
from sos.model import wire
from sos.model.errors import InvalidInput, NobodyHere, SosError, StoreUnreachable, UnreadableJson
from sos.model.names import OPERATOR
from sos.tools import protocol
from sos.tools.table import TOOLS
from sos.wiring import guiding
from sos.wiring.local import connect, drain_outbox, guide_path, here, queue, who_am_i

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sos.model.agents import Agent
    from sos.model.deliveries import Entry
    from sos.model.work import Sending
    from sos.ports.connection import Connection
    from sos.settings import Settings
    from sos.tools.tool import Done, Tool

    Json = dict[str, Any]

HANDSHAKE = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = ("2026-07-28",)
MAX_LINE = 16 << 20
META = "io.modelcontextprotocol/"
PARSE_ERROR, INVALID_REQUEST, NO_METHOD, INVALID_PARAMS, INTERNAL = -32700, -32600, -32601, -32602, -32603
UNSUPPORTED_VERSION = -32022


class Refused(Exception):
    """A request that the protocol has an error for."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


class Loop:
    """One client's connection. `load` gives the settings, `named` is the agent that was named, `examine` is the doctor."""

    def __init__(
        self,
        load: Callable[[], Settings],
        named: str | None,
        write: Callable[[bytes], None],
        examine: Callable[[Settings, str | None], Json],
    ) -> None:
        self._given = load
        #: The session that a call named: Codex hands its servers no variable, and says it with each call.
        self._session: str | None = None
        self._named = named
        self._write = write
        self._examine = examine
        #: What a call wants done once its answer is out.
        self._after: Callable[[], None] | None = None
        self._methods: dict[str, Callable[[Json], Json]] = {
            "initialize": self._initialize,
            "server/discover": self._discover,
            "ping": lambda _: {},
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": lambda _: protocol.resources(),
            "resources/templates/list": lambda _: protocol.templates(),
            "resources/read": self._read_resource,
        }

    def take(self, line: bytes) -> None:
        """Answer one line."""
        try:
            request = wire.loads(line)
        except UnreadableJson as error:
            self._say({"id": None, "error": {"code": PARSE_ERROR, "message": error.message}})
            return
        if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
            if not isinstance(request, dict) or "method" in request or "id" not in request:
                self._say({"id": None, "error": {"code": INVALID_REQUEST, "message": "this is no JSON-RPC 2.0 request"}})
            return  # else an answer to a question that we never ask
        if "id" not in request:
            return  # a notification
        self._say({"id": request["id"], **self._answer(request)})
        after, self._after = self._after, None
        if after is not None:
            try:
                after()
            except SosError:
                return  # what could not be marked is shown again

    def _answer(self, request: Json) -> Json:
        params = request.get("params", {})
        try:
            if not isinstance(params, dict):
                raise Refused(INVALID_PARAMS, "params is an object")
            modern = _is_modern(params)
            method = self._methods.get(request["method"])
            if method is None:
                raise Refused(NO_METHOD, f"there is no method {request['method'][:60]!a}")
            result = method(params)
        except Refused as error:
            data = {} if error.data is None else {"data": error.data}
            return {"error": {"code": error.code, "message": str(error), **data}}
        except SosError as error:
            data = {"code": error.code, "next": error.next_step}
            return {"error": {"code": INTERNAL, "message": error.message, "data": data}}
        return {"result": {**result, "resultType": "complete"} if modern else result}

    def _say(self, document: Json) -> None:
        self._write(wire.dumps({"jsonrpc": "2.0", **document}).encode() + b"\n")

    def _load(self) -> Settings:
        """What the environment and the call say."""
        settings = self._given()
        return settings if self._session is None else settings.replace(session=self._session)

    # --- beginning ------------------------------------------------------------------------------------------------------

    def _initialize(self, params: Json) -> Json:
        asked = params.get("protocolVersion")
        version = asked if asked in HANDSHAKE else HANDSHAKE[-1]
        return {"protocolVersion": version, "serverInfo": _INFO, **self._offered()}

    def _discover(self, params: Json) -> Json:
        return {
            "supportedVersions": [*MODERN, *HANDSHAKE],
            "ttlMs": 0,
            "cacheScope": "private",
            "_meta": {META + "serverInfo": _INFO},
            **self._offered(),
        }

    def _offered(self) -> Json:
        return {"capabilities": {"tools": {}, "resources": {}}, "instructions": self._instructions()}

    def _instructions(self) -> str:
        """The four answers, for an agent that knows nothing yet."""
        try:
            connection = self._connect()
            return protocol.instructions(connection, guide_path(self._load(), connection.me))
        except SosError as error:
            return protocol.instructions_of_nobody(error)

    # --- tools ----------------------------------------------------------------------------------------------------------

    def _list_tools(self, params: Json) -> Json:
        try:
            tools = protocol.permitted(self._connect().allowed())
        except NobodyHere:
            tools = [] if self._is_nobodys() else list(TOOLS)
        except SosError:
            tools = list(TOOLS)  # what is wrong, the call says
        return protocol.listed(tools)

    def _is_nobodys(self) -> bool:
        """Whether this is the session of a runtime that nothing here binds: it is left in peace."""
        settings = self._load()
        return settings.session is not None and not resolver.bound(settings.home, agent=settings.agent, directory=here())

    def _call_tool(self, params: Json) -> Json:
        tool = protocol.named(params.get("name"))
        if tool is None:
            raise Refused(INVALID_PARAMS, f"there is no tool {str(params.get('name'))[:60]!a}")
        self._session = _session_of(params)
        try:
            done = self._run(tool, params.get("arguments", {}))
        except SosError as error:
            return protocol.failed(error)
        self._after = done.after
        return protocol.called(done)

    def _run(self, tool: Tool, arguments: object) -> Done:
        given = tool.checked(arguments)
        settings = self._load()
        face = Terminal(settings, self._acting(settings), self._examine)
        connections: list[Connection] = []

        def connect() -> Connection:
            connections.append(self._connect())
            connections[0].tick()
            drain_outbox(settings, connections[0])
            return connections[0]

        done = tool.call(connect, given, face)
        for connection in connections:
            if getattr(connection, "expires", None) is not None:
                self._renew(settings, connection)
        return done

    def _renew(self, settings: Settings, connection: Connection) -> None:
        """Renew the agent's tokens if it is time. What fails is tried again at the next call, and the hook warns in the end."""
        from sos.wiring import renewing

        try:
            renewing.renew_due(settings, connection)
        except SosError:
            return

    def _connect(self) -> Connection:
        """The connection of this session's agent. Raises NobodyHere where it would be the operator: no program is, unasked."""
        settings = self._load()
        named = self._acting(settings)
        if who_am_i(settings, named).slug == OPERATOR and named is None and settings.token is None:
            raise NobodyHere("no agent is bound here, and a program does not act as the operator unasked",
                             next_step="sos connect claude --as SLUG   (or start it as: sos mcp --as SLUG)")  # fmt: skip
        return connect(settings, named, own=True)

    def _acting(self, settings: Settings) -> str | None:
        """The agent that was named; else, where a runtime without hooks started this and names no session, the directory's."""
        if self._named is not None or settings.session is not None or settings.agent is not None or settings.token is not None:
            return self._named
        found = resolver.bound(settings.home, agent=None, directory=here())
        return None if found is None else found.slug

    # --- resources ------------------------------------------------------------------------------------------------------

    def _read_resource(self, params: Json) -> Json:
        uri = params.get("uri")
        if uri == protocol.GUIDE:
            return protocol.contents(uri, guiding.text(self._load, self._named)[0])
        if uri == protocol.INBOX:
            settings = self._load()
            face = Terminal(settings, self._acting(settings), self._examine)
            return protocol.contents(uri, protocol.inbox(self._connect(), face))
        raise Refused(INVALID_PARAMS, f"there is no resource {str(uri)[:80]!a}", {"uri": str(uri)[:200]})


def _session_of(params: Json) -> str | None:
    """The session of Codex that a call comes from, as its `_meta` says (seen with 0.169.0); None where it says none."""
    meta = params.get("_meta")
    turn = meta.get("x-codex-turn-metadata") if isinstance(meta, dict) else None
    session = turn.get("session_id") if isinstance(turn, dict) else None
    return session if isinstance(session, str) else None


class Terminal:
    """The face of an agent's own process."""

    def __init__(self, settings: Settings, named: str | None, examine: Callable[[Settings, str | None], Json]) -> None:
        self._settings = settings
        self._named = named
        self._examine = examine

    def escape(self, text: str) -> str:
        """See `tools.tool.Face`."""
        return rendering.escape(text)

    def whole(self, entry: Entry, reader: Agent) -> str:
        """See `tools.tool.Face`."""
        from sos.wiring.local import SystemClock

        return rendering.fenced(entry, reader, SystemClock().now(), os.urandom(16).hex())

    def guide(self, reader: Agent) -> str | None:
        """See `tools.tool.Face`."""
        return guide_path(self._settings, reader)

    def examine(self) -> Json:
        """See `tools.tool.Face`."""
        return self._examine(self._settings, self._named)

    def queue(self, given: Sending, error: StoreUnreachable) -> Json:
        """See `tools.tool.Face`."""
        queue(self._settings, self._named, given)
        return {"id": given.draft.id, "to": given.whom, "queued": True, "error": error.code, "message": error.message}


_INFO = {"name": "sos", "title": protocol.TITLE, "version": __version__}


def _is_modern(params: Json) -> bool:
    """Whether a request is of the era without a handshake. Raises Refused for a version that we do not speak."""
    meta = params.get("_meta")
    version = meta.get(META + "protocolVersion") if isinstance(meta, dict) else None
    if version is None or version in HANDSHAKE:
        return False
    if version not in MODERN:
        raise Refused(UNSUPPORTED_VERSION, f"version {str(version)[:40]!a} of the protocol is not spoken here",
                      {"supported": [*MODERN, *HANDSHAKE], "requested": str(version)[:40]})  # fmt: skip
    return True


def serve(load: Callable[[], Settings], named: str | None, examine: Callable[[Settings, str | None], Json]) -> int:
    """Serve standard input until it ends. `examine`: the doctor. Raises InvalidInput for a line without end."""
    loop, rest = Loop(load, named, _write, examine), b""
    while part := os.read(0, 1 << 16):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if line.strip():
                loop.take(line)
        if len(rest) > MAX_LINE:
            raise InvalidInput(f"a line of more than {MAX_LINE:,} bytes", next_step="send one JSON document a line")
    return 0


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
