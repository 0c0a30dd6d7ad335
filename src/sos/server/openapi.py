"""The OpenAPI document, made from the table of operations and the records that it names."""

from __future__ import annotations

from sos import __version__
from sos.model.messages import MAX_TEXT
from sos.model.operations import OPERATIONS
from sos.model.plain import CHOICES, LARGEST, RECORDS, SCALARS, fields_of, split
from sos.model.rights import RIGHTS
from sos.server.events import PATH as EVENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sos.model.operations import Operation
    from sos.model.tokens import Service

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; `code` is stable, `next` is the command to type",
    "properties": {
        **{name: {"type": "string"} for name in ("type", "title", "detail", "code", "next", "request")},
        "status": {"type": "integer"},
    },
    "required": ["type", "title", "status", "detail", "code", "next"],
}
_REFUSALS = {
    "400": "not JSON",
    "401": "no token, or not this one",
    "403": "not allowed",
    "404": "not there, or not yours",
    "409": "clashes with what is there",
    "413": "too long",
    "415": "not JSON by its type",
    "421": "another host's name",
    "422": "not of its form",
    "429": "asked too often",
    "431": "too long a head",
    "503": "the store does not answer",
    "507": "the disk is full",
}


_EVENTS = {
    "operationId": "events",
    "summary": "Wait for mail by server-sent events: `mail` says how many are unread, `end` why no more will come.",
    "tags": ["bus"],
    "security": [{"bus": ["inbox:self"]}],
    "responses": {
        "200": {"description": "a stream without an end", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
    },
}


def document(services: Sequence[Service]) -> dict[str, Any]:
    """The document for these services (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        if operation.service in services:
            paths.setdefault(operation.path, {})[operation.verb.lower()] = _operation(operation)
    if "bus" in services:
        paths[EVENTS] = {"get": _EVENTS}
    schemes = {service: {"type": "http", "scheme": "bearer", "description": f"the {service} token"} for service in services}
    return {
        "openapi": "3.1.0",
        "info": {"title": "SOS, the agent lifeline", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **{name: _record(name) for name in RECORDS}},
            "securitySchemes": schemes,
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    needed = [name for name in operation.arguments if name not in operation.defaults]
    answer = {"description": "done", "content": {"application/json": {"schema": schema(operation.result)}}}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    refusals = {status: {"description": why, "content": problem} for status, why in _REFUSALS.items()}
    made: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.says,
        "tags": [operation.service],
        # For a bearer token these are no OAuth scopes but names of rights (OpenAPI 3.1, "Security Requirement Object").
        "security": [{operation.service: [" or ".join(group) for group in RIGHTS[operation.name]]}],
        "responses": {"200": answer, **refusals},
    }
    if operation.verb == "GET":
        # A query has no null: what may be null may be left out.
        made["parameters"] = [
            {"name": name, "in": "query", "required": name in needed and not kind.startswith("list["),
             "schema": schema(kind.removesuffix(" | None"))}
            for name, kind in operation.arguments.items()
        ]  # fmt: skip
    else:
        properties = {name: schema(kind) for name, kind in operation.arguments.items()}
        body = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return made


def _record(name: str) -> dict[str, Any]:
    record = RECORDS[name]
    fields = {field: schema(kind) for field, kind in fields_of(record).items()}
    if name == "Draft":
        fields["text"] |= {"maxLength": MAX_TEXT}
    return {"type": "object", "properties": fields, "required": list(record.needed())}


def schema(kind: str) -> dict[str, Any]:
    """JSON Schema of a type as it is written."""
    either = split(kind, " | ")
    if len(either) == 2:
        return {"anyOf": [schema(either[0]), {"type": "null"}]}
    name, _, rest = kind.partition("[")
    parts = split(rest.removesuffix("]"), ", ") if rest else []
    if name == "Literal":
        return {"type": "string", "enum": [part[1:-1] for part in parts]}
    if name == "dict":
        return {"type": "object", "additionalProperties": schema(parts[1])}
    if name == "tuple" and parts[-1] != "...":
        return {"type": "array", "prefixItems": [schema(part) for part in parts], "minItems": len(parts), "maxItems": len(parts)}
    if parts:
        return {"type": "array", "items": schema(parts[0])}
    if name in RECORDS:
        return {"$ref": f"#/components/schemas/{name}"}
    return _SIMPLE.get(name) or {"type": "string"}


_SIMPLE: dict[str, dict[str, Any]] = {
    **{name: {"type": "string", "enum": list(values)} for name, values in CHOICES.items()},
    **{name: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST} for name, kind in SCALARS.items() if kind is int},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "bytes": {"type": "string", "pattern": "^([0-9a-f]{2})*$"},
    "None": {"type": "null"},
    "Any": {},
}
