"""A loopback stand-in for the Anthropic API that records what a runtime sends and answers from a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from types import TracebackType
from typing import Any, Literal, Self

Json = dict[str, Any]
RequestKind = Literal["main", "background"]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call that the model makes; `input` must fit the tool's schema."""

    name: str
    input: Json


Part = str | ToolUse
Answer = Part | list[Part]
AnswerFunction = Callable[[Json], Answer]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One POST /v1/messages: its parsed body, when it arrived (UTC), and its headers in lower case."""

    body: Json
    arrived: datetime
    headers: dict[str, str]
    kind: RequestKind


def _block_texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            yield from _block_texts(block)
    elif isinstance(content, dict):
        if content.get("type") == "text":
            yield str(content["text"])
        elif content.get("type") == "tool_result":
            yield from _block_texts(content.get("content"))


def texts(request: ModelRequest | Json) -> list[str]:
    """Every text the model sees in a request: system prompt, messages and tool results, in that order."""
    body = request.body if isinstance(request, ModelRequest) else request
    found = list(_block_texts(body.get("system")))
    for message in body.get("messages", []):
        found.extend(_block_texts(message["content"]))
    return found


def sees(needle: str) -> Callable[[ModelRequest], bool]:
    """A predicate for `wait_for`: the model sees this text somewhere in the request."""
    return lambda request: any(needle in text for text in texts(request))


def _latest(body: Json) -> list[Json]:
    # Claude Code puts a message of role "system" behind the user's: what is new is all that follows the last answer.
    messages: list[Json] = body.get("messages", [])
    answered = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[answered[-1] + 1 :] if answered else messages


def new_texts(request: ModelRequest | Json) -> list[str]:
    """The texts that came after the model's last answer: prompt, tool results and what hooks added."""
    body = request.body if isinstance(request, ModelRequest) else request
    return [text for message in _latest(body) for text in _block_texts(message["content"])]


def tool_results(request: ModelRequest | Json) -> list[str]:
    """The text of each tool result that answers the model's last message; empty when there is none."""
    body = request.body if isinstance(request, ModelRequest) else request
    lists = [message["content"] for message in _latest(body) if isinstance(message["content"], list)]
    blocks = [block for content in lists for block in content if block.get("type") == "tool_result"]
    return ["".join(_block_texts(block)) for block in blocks]


def when(*rules: tuple[str, Answer]) -> AnswerFunction:
    """Answer with the first rule whose text stands in the new texts of a request, and "ok" where none does."""

    def answer(body: Json) -> Answer:
        new = new_texts(body)
        return next((reply for needle, reply in rules if any(needle in text for text in new)), "ok")

    return answer


def _kind(body: Json) -> RequestKind:
    # Title generation, quota probes and summaries of the screen carry no tools or run on the small model.
    small = "haiku" in str(body.get("model", ""))
    return "background" if small or not body.get("tools") else "main"


class ModelEndpoint:
    """Serves 127.0.0.1:<free port>; `answer` may be replaced at any time, also between two requests of a turn."""

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
        """Every POST /v1/messages so far, in order of arrival."""
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

    def respond(self, body: Json, headers: dict[str, str]) -> Json:
        """Record one request and return the complete message that answers it."""
        request = ModelRequest(body, datetime.now(UTC), headers, _kind(body))
        with self._changed:
            self._all.append(request)
            number = next(self._numbers)
            self._changed.notify_all()
        answer = self.answer(body) if request.kind == "main" else "ok"
        return _message(number, str(body.get("model", "claude")), answer if isinstance(answer, list) else [answer])


def _message(number: int, model: str, parts: list[Part]) -> Json:
    content: list[Json] = []
    for position, part in enumerate(parts):
        if isinstance(part, str):
            content.append({"type": "text", "text": part})
        else:
            tool_id = f"toolu_{number:04d}{position:02d}"
            content.append({"type": "tool_use", "id": tool_id, "name": part.name, "input": part.input})
    calls_tool = any(not isinstance(part, str) for part in parts)
    return {
        "id": f"msg_{number:06d}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": "tool_use" if calls_tool else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


def stream_events(message: Json) -> Iterator[Json]:
    """The server-sent events that carry one complete message."""
    opening = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            start: Json = {"type": "text", "text": ""}
            delta: Json = {"type": "text_delta", "text": block["text"]}
        else:
            start = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 5}}
    yield {"type": "message_stop"}


def _request_class(endpoint: ModelEndpoint) -> type[BaseHTTPRequestHandler]:
    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: pytest shows the recorded requests when a test fails."""

        def do_HEAD(self) -> None:
            self._send(200, "application/json", b"")

        def do_GET(self) -> None:
            endpoint.other_paths.append(self.path)
            self._send_json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            path = self.path.split("?", 1)[0]
            if path == "/v1/messages":
                self._answer(json.loads(raw))
            elif path == "/v1/messages/count_tokens":
                self._send_json(200, {"input_tokens": max(1, len(raw) // 4)})
            else:
                endpoint.other_paths.append(self.path)
                self._send_json(200, {})

        def _answer(self, body: Json) -> None:
            try:
                message = endpoint.respond(body, {key.lower(): value for key, value in self.headers.items()})
            except Exception as error:  # noqa: BLE001  # the script is the test's code: report there, keep the server alive
                endpoint.failures.append(error)
                problem = {"type": "invalid_request_error", "message": f"test script failed: {error!r}"}
                self._send_json(400, {"type": "error", "error": problem})
                return
            if not body.get("stream"):
                self._send_json(200, message)
                return
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in stream_events(message))
            self._send(200, "text/event-stream", "".join(lines).encode())

        def _send_json(self, status: int, value: Json) -> None:
            self._send(status, "application/json", json.dumps(value).encode())

        def _send(self, status: int, content_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Request
