"""What a tool is, and how its arguments are described and read."""

from __future__ import annotations

from sos.model.errors import InvalidInput
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from sos.model.agents import Agent
    from sos.model.deliveries import Entry
    from sos.model.errors import StoreUnreachable
    from sos.model.work import Sending
    from sos.ports.connection import Connection

    Json = dict[str, Any]
    Run = Callable[[Connection, Json, "Face"], "Done"]

    class Face(Protocol):
        """What a tool asks of the face that it is called through."""

        def escape(self, text: str) -> str:
            """The text with what does not print written out."""
            ...

        def whole(self, entry: Entry, reader: Agent) -> str:
            """A message whole, in its frame (core/rendering.py)."""
            ...

        def guide(self, reader: Agent) -> str | None:
            """The path of the agent's installed guide, if it can be read."""
            ...

        def examine(self) -> Json:
            """What is wrong with the agent, as far as it is seen from here: `place`, `well` and `findings`."""
            ...

        def queue(self, given: Sending, error: StoreUnreachable) -> Json:
            """Keep what no store took, and say so; raises the error again where it cannot be kept."""
            ...


class Done(Record):
    """What a call gave."""

    value: Json
    #: What the model reads; where there is none, the value.
    text: str | None = None
    #: What is to be done once the answer was written and flushed: nothing is marked as shown before.
    after: Callable[[], None] | None = None


def _needs_nothing(connection: Connection, given: Json, face: Face) -> Done:
    raise NotImplementedError  # `alone` stands in its place


class Tool(Record):
    """One tool."""

    name: str
    title: str
    description: str
    #: Argument → JSON Schema; those in `required` must be given.
    arguments: Json
    required: tuple[str, ...] = ()
    #: Fields of the result → JSON Schema.
    result: Json
    #: What it does, by the names of model/rights.py: a token that may not all of it does not see the tool.
    operations: tuple[str, ...]
    reads_only: bool = False
    run: Run = _needs_nothing
    #: What a tool does instead that works where there is no connection.
    alone: Callable[[Face], Done] | None = None

    def call(self, connect: Callable[[], Connection], given: Json, face: Face) -> Done:
        """Run it, with a connection where it needs one. What it gave is `spelled`."""
        done = self.alone(face) if self.alone is not None else self.run(connect(), given, face)
        return done.replace(value=spelled(done.value, face))

    def described(self) -> Json:
        """As `tools/list` has it."""
        closed = {"additionalProperties": False}
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {"type": "object", "properties": self.arguments, "required": list(self.required), **closed},
            "outputSchema": {"type": "object", "properties": self.result, "required": sorted(self.result)},
            "annotations": {
                "readOnlyHint": self.reads_only,
                "destructiveHint": False,
                "idempotentHint": self.reads_only,
                "openWorldHint": False,  # agents of one bus, and nothing beyond it; Codex refuses another in a sandbox
            },
        }

    def checked(self, given: object) -> Json:
        """The arguments of a call, where they are of their form. Raises InvalidInput."""
        if not isinstance(given, dict):
            raise InvalidInput("the arguments are an object", next_step="tools/list")
        for name in given:
            if name not in self.arguments:
                raise InvalidInput(f"{self.name} takes no {str(name)[:60]!a}", next_step="tools/list")
        for name in self.required:
            if name not in given:
                raise InvalidInput(f"{self.name} needs {name}", next_step="tools/list")
        return {name: _checked(name, self.arguments[name], value) for name, value in given.items()}


def spelled(value: Any, face: Face) -> Any:
    """A value as JSON has it, each text in it as the face shows text: Claude Code and Codex give their model the value itself.

    Names and threads too, for senders choose them. What prints and is no tag of a runtime's stays as it is.
    """
    if isinstance(value, str):
        return face.escape(value)
    if isinstance(value, dict):
        return {face.escape(key): spelled(each, face) for key, each in value.items()}
    return [spelled(each, face) for each in value] if isinstance(value, (list, tuple)) else value


_KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "integer": (int,), "boolean": (bool,), "array": (list,)}


def _checked(name: str, schema: Json, value: Any) -> Any:
    kind = schema["type"]
    if type(value) not in _KINDS[kind]:
        raise InvalidInput(f"{name} is of type {kind}", next_step="tools/list")
    if "enum" in schema and value not in schema["enum"]:
        raise InvalidInput(f"{name} is one of {', '.join(schema['enum'])}", next_step="tools/list")
    if kind == "integer" and not schema["minimum"] <= value <= schema["maximum"]:
        raise InvalidInput(f"{name} is {schema['minimum']} to {schema['maximum']}", next_step="tools/list")
    if kind == "array":
        return [_checked(f"{name}[{place}]", schema["items"], each) for place, each in enumerate(value)]
    return value


def string(description: str, **more: Any) -> Json:
    """The schema of a text."""
    return {"type": "string", "description": description, **more}


def flag(description: str) -> Json:
    """The schema of a yes or no."""
    return {"type": "boolean", "description": description}


def whole(description: str, least: int, most: int) -> Json:
    """The schema of a whole number."""
    return {"type": "integer", "description": description, "minimum": least, "maximum": most}


def strings(description: str) -> Json:
    """The schema of several texts."""
    return {"type": "array", "description": description, "items": {"type": "string"}}


def objects(description: str) -> Json:
    """The schema of several objects."""
    return {"type": "array", "description": description, "items": {"type": "object"}}
