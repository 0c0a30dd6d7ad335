"""The five runtimes behind one face: each against one endpoint, connected to one bus, and prompted without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .claude_code import ClaudeCode
from .claude_install import install_claude_code
from .codex_cli import Codex
from .codex_install import install_codex
from .copilot_cli import CopilotCli, install_copilot
from .gemini_cli import Gemini
from .gemini_install import install_gemini
from .machine import Machine
from .model_endpoint import Json, ToolUse
from .opencode_cli import OpenCode, install_opencode


@dataclass(frozen=True, slots=True)
class Kind:
    """One runtime: how it is installed and driven, how its model names a tool of ours, and what lets it use them headless."""

    name: str
    install: Callable[[], Any]
    driver: Callable[[Any, Path, str], Any]
    tool: str
    allowing: tuple[str, ...] = ()
    namespace: str | None = None


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("claude", install_claude_code, ClaudeCode, "mcp__plugin_sos_sos__{}", ("--allowedTools", "mcp__plugin_sos_sos")),
        Kind("codex", install_codex, Codex, "{}", namespace="mcp__sos"),
        Kind("gemini", install_gemini, Gemini, "mcp_sos_{}", ("--allowed-mcp-server-names", "sos")),
        Kind("copilot", install_copilot, CopilotCli, "sos-{}"),
        Kind("opencode", install_opencode, OpenCode, "sos_{}"),
    )
}


@dataclass(frozen=True, slots=True)
class Seat:
    """One agent in one runtime; `agent` is its slug."""

    kind: Kind
    agent: str
    machine: Machine[Any]

    def prompt(self, text: str) -> None:
        """One turn of a new session without a terminal, in which the model may use our tools."""
        self.machine.runtime.run(text, extra_args=self.kind.allowing)

    def call(self, body: Json, tool: str, **arguments: Any) -> ToolUse:
        """What its model answers to call a tool of ours; Claude Code loads tools when they are searched for."""
        name = self.kind.tool.format(tool)
        if self.kind.name == "claude" and name not in [each["name"] for each in body["tools"]]:
            return ToolUse("ToolSearch", {"query": f"select:{name}", "max_results": 10})
        return ToolUse(name, arguments, self.kind.namespace)


@contextmanager
def seated(name: str, root: Path, url: str, *, connect: bool = True) -> Iterator[Seat]:
    """A runtime in a home of its own below `root`, and its agent `NAME-agent` on the bus in `root/sos`, which all seats share."""
    kind = KINDS[name]
    with kind.driver(kind.install(), root / name, url) as runtime:
        runtime.environment["SOS_HOME"] = str(root / "sos")
        seat = Seat(kind, f"{name}-agent", Machine(runtime, name))
        seat.machine.join(seat.agent, connect=connect)
        if connect and isinstance(runtime, Codex):
            runtime.trust_hooks()
        yield seat
