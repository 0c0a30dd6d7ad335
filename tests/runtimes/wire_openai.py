"""The OpenAI Responses API, as Codex speaks it to a provider of `wire_api = "responses"`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .wire import Json, Part, Reply, Role, Said, event_stream, json_reply

ROLES: dict[str, Role] = {"assistant": "model", "developer": "developer", "system": "system", "user": "user"}


class OpenAIResponses:
    """POST /v1/responses."""

    def serves(self, path: str) -> bool:
        return path == "/v1/responses"

    def reads(self, body: Json) -> bool:
        return "input" in body

    def said(self, body: Json) -> Iterator[Said]:
        if body.get("instructions"):
            yield Said("instructions", str(body["instructions"]))
        for item in body["input"]:
            yield from _item_said(item)

    def is_background(self, body: Json) -> bool:
        return not body.get("tools")

    def reply(self, path: str, body: Json, number: int, parts: list[Part]) -> Reply:
        items = [_item(number, position, part) for position, part in enumerate(parts)]
        response = {
            "id": f"resp_{number:06d}",
            "object": "response",
            "status": "completed",
            "model": str(body.get("model", "gpt")),
            "output": items,
            "usage": {
                "input_tokens": 10,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 15,
            },
        }
        return event_stream(_events(response), named=True) if body.get("stream") else json_reply(response)


def _item_said(item: Json) -> Iterator[Said]:
    kind = item.get("type", "message")
    if kind == "message":
        for block in item["content"] if isinstance(item["content"], list) else [{"text": item["content"]}]:
            yield Said(ROLES[item["role"]], str(block.get("text", "")))
    elif kind.endswith("_output"):
        yield Said("tool", _output_text(item.get("output", "")))
    else:  # a call, a reasoning item: the model's own
        yield Said("model", "")


def _output_text(output: object) -> str:
    if isinstance(output, list):
        return "".join(str(block.get("text", "")) for block in output)
    return str(output)


def _item(number: int, position: int, part: Part) -> Json:
    name = f"{number:04d}{position:02d}"
    if isinstance(part, str):
        content = [{"type": "output_text", "text": part, "annotations": []}]
        return {"type": "message", "id": f"msg_{name}", "role": "assistant", "status": "completed", "content": content}
    call = {
        "type": "function_call",
        "id": f"fc_{name}",
        "call_id": f"call_{name}",
        "name": part.name,
        "arguments": json.dumps(part.input),
        "status": "completed",
    }
    return call if part.namespace is None else {**call, "namespace": part.namespace}


def _events(response: Json) -> Iterator[Json]:
    yield {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}}
    for index, item in enumerate(response["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "status": "in_progress"}}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": response}
