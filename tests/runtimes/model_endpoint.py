"""A loopback stand-in for the model providers that records what a runtime sends and answers from a script."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Literal, Self

from .wire import Json, Part, Reply, Said, ToolUse, Wire, json_reply
from .wire_anthropic import AnthropicMessages
from .wire_gemini import GeminiGenerate
from .wire_openai import OpenAIResponses

__all__ = [
    "Json",
    "ModelEndpoint",
    "ModelRequest",
    "Said",
    "ToolUse",
    "new_texts",
    "said",
    "sees",
    "texts",
    "tool_results",
    "when",
]

RequestKind = Literal["main", "background"]
Answer = Part | list[Part]
AnswerFunction = Callable[[Json], Answer]

WIRES: tuple[Wire, ...] = (AnthropicMessages(), OpenAIResponses(), GeminiGenerate())


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request for an answer: its parsed body, when it arrived (UTC), its headers in lower case, and its path."""

    body: Json
    arrived: datetime
    headers: dict[str, str]
    kind: RequestKind
    path: str


def said(request: ModelRequest | Json) -> list[Said]:
    """Every text the model sees in a request, with its role: system prompt, messages and tool results, in that order."""
    body = request.body if isinstance(request, ModelRequest) else request
    return [each for wire in WIRES if wire.reads(body) for each in wire.said(body)]


def texts(request: ModelRequest | Json) -> list[str]:
    """The same without the roles."""
    return [each.text for each in said(request)]


def sees(needle: str) -> Callable[[ModelRequest], bool]:
    """A predicate for `wait_for`: the model sees this text somewhere in the request."""
    return lambda request: any(needle in text for text in texts(request))


def _latest(request: ModelRequest | Json) -> list[Said]:
    # What is new is all that follows the last answer.
    everything = said(request)
    answered = [index for index, each in enumerate(everything) if each.role == "model"]
    return everything[answered[-1] + 1 :] if answered else [each for each in everything if each.role != "instructions"]


def new_texts(request: ModelRequest | Json) -> list[str]:
    """The texts that came after the model's last answer: prompt, tool results and what hooks added."""
    return [each.text for each in _latest(request)]


def tool_results(request: ModelRequest | Json) -> list[str]:
    """The text of each tool result that answers the model's last message; empty when there is none."""
    return [each.text for each in _latest(request) if each.role == "tool"]


def when(*rules: tuple[str, Answer]) -> AnswerFunction:
    """Answer with the first rule whose text stands in the new texts of a request, and "ok" where none does."""

    def answer(body: Json) -> Answer:
        new = new_texts(body)
        return next((reply for needle, reply in rules if any(needle in text for text in new)), "ok")

    return answer


class ModelEndpoint:
    """Serves 127.0.0.1:<free port>; `answer` may be replaced at any time, also between two requests of a turn.

    The path of a request decides which provider it stands for.
    """

    def __init__(self, answer: AnswerFunction | None = None) -> None:
        self.answer: AnswerFunction = answer or (lambda _body: "ok")
        self.failures: list[Exception] = []
        self.other_paths: list[str] = []
        self._all: list[ModelRequest] = []
        self._changed = threading.Condition()
        self._numbers = count(1)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _request_class(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="model-endpoint", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def all_requests(self) -> list[ModelRequest]:
        """Every request for an answer so far, in order of arrival."""
        with self._changed:
            return list(self._all)

    @property
    def requests(self) -> list[ModelRequest]:
        """Requests that belong to a conversation (also a subagent's), without title generation and the like."""
        return [request for request in self.all_requests if request.kind == "main"]

    def wait_for(self, predicate: Callable[[ModelRequest], bool], timeout: float = 30.0, *, after: int = 0) -> ModelRequest:
        """The first main request, from index `after` on, for which the predicate holds; else TimeoutError."""
        found: list[ModelRequest] = []

        def look() -> bool:
            main = [request for request in self._all if request.kind == "main"]
            found[:] = [request for request in main[after:] if predicate(request)][:1]
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(look, timeout):
                seen = [texts(request)[-1][-200:] for request in self._all if texts(request)]
                raise TimeoutError(f"no such request in {timeout} s; last texts of those that came: {seen}")
        return found[0]

    def respond(self, wire: Wire, path: str, body: Json, headers: dict[str, str]) -> Reply:
        """Record one request and return what answers it."""
        kind: RequestKind = "background" if wire.is_background(body) else "main"
        request = ModelRequest(body, datetime.now(UTC), headers, kind, path)
        with self._changed:
            self._all.append(request)
            number = next(self._numbers)
            self._changed.notify_all()
        answer = self.answer(body) if request.kind == "main" else "ok"
        return wire.reply(path, body, number, answer if isinstance(answer, list) else [answer])


def _request_class(endpoint: ModelEndpoint) -> type[BaseHTTPRequestHandler]:
    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: pytest shows the recorded requests when a test fails."""

        def do_HEAD(self) -> None:
            self._send(200, Reply("application/json", b""))

        def do_GET(self) -> None:
            endpoint.other_paths.append(self.path)
            self._send(404, json_reply({"type": "error", "error": {"type": "not_found_error", "message": self.path}}))

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            path = self.path.split("?", 1)[0]
            wire = next((wire for wire in WIRES if wire.serves(path)), None)
            if wire is not None:
                self._answer(wire, path, json.loads(raw))
            elif path == "/v1/messages/count_tokens":
                self._send(200, json_reply({"input_tokens": max(1, len(raw) // 4)}))
            else:
                endpoint.other_paths.append(self.path)
                self._send(200, json_reply({}))

        def _answer(self, wire: Wire, path: str, body: Json) -> None:
            try:
                reply = endpoint.respond(wire, path, body, {key.lower(): value for key, value in self.headers.items()})
            except Exception as error:  # noqa: BLE001  # the script is the test's code: report there, keep the server alive
                endpoint.failures.append(error)
                problem = {"type": "invalid_request_error", "message": f"test script failed: {error!r}"}
                self._send(400, json_reply({"type": "error", "error": problem}))
                return
            self._send(200, reply)

        def _send(self, status: int, reply: Reply) -> None:
            self.send_response(status)
            self.send_header("content-type", reply.content_type)
            self.send_header("content-length", str(len(reply.data)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the runtime was interrupted or killed
                self.wfile.write(reply.data)

    return Request
