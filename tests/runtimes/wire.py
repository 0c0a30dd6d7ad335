"""What the protocols of the model providers have in common: what is said to a model, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Json = dict[str, Any]
Role = Literal["instructions", "system", "developer", "user", "model", "tool"]


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call that the model makes; `input` must fit the tool's schema.

    `namespace` is for the OpenAI protocol only: there the tools of one MCP server share a namespace.
    """

    name: str
    input: Json
    namespace: str | None = None


Part = str | ToolUse


@dataclass(frozen=True, slots=True)
class Said:
    """One text of a request body.

    `model` is what the model itself said or did; `tool` is what a tool gave back; `instructions` stand before the conversation.
    """

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an HTTP answer with status 200."""

    content_type: str
    data: bytes


class Wire(Protocol):
    """One provider's protocol."""

    def serves(self, path: str) -> bool:
        """Whether a POST to this path (without its query) asks a model for an answer."""

    def reads(self, body: Json) -> bool:
        """Whether a request body is of this protocol."""

    def said(self, body: Json) -> Iterator[Said]:
        """Every text the model sees in a request, in its order."""

    def is_background(self, body: Json) -> bool:
        """Whether a request belongs to no conversation: title generation, quota probes, routing, summaries."""

    def reply(self, path: str, body: Json, number: int, parts: list[Part]) -> Reply:
        """The answer to the `number`-th request, streamed or whole as the request asks."""


def json_reply(value: Json) -> Reply:
    """A whole answer."""
    return Reply("application/json", json.dumps(value).encode())


def event_stream(events: Iterable[Json], *, named: bool) -> Reply:
    """Server-sent events; `named` puts each event's `type` on a line of its own."""
    lines = ((f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events)
    return Reply("text/event-stream", "".join(lines).encode())
