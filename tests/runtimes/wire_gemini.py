"""Gemini's generateContent and streamGenerateContent, as Gemini CLI speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from .wire import Json, Part, Reply, Role, Said, event_stream, json_reply

STREAM = ":streamGenerateContent"


class GeminiGenerate:
    """POST /v1beta/models/NAME:generateContent and :streamGenerateContent."""

    def serves(self, path: str) -> bool:
        return path.endswith((":generateContent", STREAM))

    def reads(self, body: Json) -> bool:
        return "contents" in body

    def said(self, body: Json) -> Iterator[Said]:
        for part in (body.get("systemInstruction") or {}).get("parts", []):
            yield Said("instructions", str(part.get("text", "")))
        for content in body["contents"]:
            yield from _content_said(content)

    def is_background(self, body: Json) -> bool:
        # Compression offers no tools to the model.
        return not body.get("tools")

    def reply(self, path: str, body: Json, number: int, parts: list[Part]) -> Reply:
        content = {"role": "model", "parts": [_part(part) for part in parts]}
        whole = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15},
            "modelVersion": path.rpartition("/")[2].partition(":")[0],
            "responseId": f"response-{number:06d}",
        }
        return event_stream([whole], named=False) if path.endswith(STREAM) else json_reply(whole)


def _content_said(content: Json) -> Iterator[Said]:
    role: Role = "model" if content.get("role") == "model" else "user"
    for part in content.get("parts", []):
        if "functionResponse" in part:
            response = part["functionResponse"].get("response", {})
            yield Said("tool", str(response["output"]) if "output" in response else json.dumps(response))
        else:
            yield Said(role, str(part.get("text", "")))


def _part(part: Part) -> Json:
    if isinstance(part, str):
        return {"text": part}
    return {"functionCall": {"name": part.name, "args": part.input}}
