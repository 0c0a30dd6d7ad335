"""The Anthropic Messages API, as Claude Code speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .wire import Json, Part, Reply, Role, Said, event_stream, json_reply


class AnthropicMessages:
    """POST /v1/messages."""

    def serves(self, path: str) -> bool:
        return path == "/v1/messages"

    def reads(self, body: Json) -> bool:
        return "messages" in body

    def said(self, body: Json) -> Iterator[Said]:
        for text in _texts(body.get("system")):
            yield Said("instructions", text)
        for message in body.get("messages", []):
            yield from _message_said(message)

    def is_background(self, body: Json) -> bool:
        # Title generation, quota probes and summaries of the screen carry no tools or run on the small model.
        return "haiku" in str(body.get("model", "")) or not body.get("tools")

    def reply(self, path: str, body: Json, number: int, parts: list[Part]) -> Reply:
        message = _message(number, str(body.get("model", "claude")), parts)
        return event_stream(_events(message), named=True) if body.get("stream") else json_reply(message)


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for block in content:
            yield from _texts(block)
    elif isinstance(content, dict) and content.get("type") == "text":
        yield str(content["text"])


def _message_said(message: Json) -> Iterator[Said]:
    # Claude Code puts a message of role "system" behind the user's.
    roles: dict[str, Role] = {"assistant": "model", "system": "system"}
    role = roles.get(message["role"], "user")
    content = message["content"]
    said = 0
    for block in content if isinstance(content, list) else [content]:
        if isinstance(block, dict) and block.get("type") == "tool_result":
            yield Said("tool", "".join(_texts(block.get("content"))))
            continue
        for text in _texts(block):
            said += 1
            yield Said(role, text)
    if role == "model" and not said:
        yield Said("model", "")  # only tool calls: it still parts what is old from what is new


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


def _events(message: Json) -> Iterator[Json]:
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
