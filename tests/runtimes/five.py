"""The five runtimes behind one face: each against one endpoint, connected to one bus, and prompted without a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import claude_install, codex_install, copilot_cli, gemini_install, opencode_cli
from .claude_code import ClaudeCode
from .codex_cli import Codex
from .copilot_cli import CopilotCli
from .gemini_cli import Gemini
from .machine import Machine
from .model_endpoint import Json, ToolUse
from .npm_tools import installed_version
from .opencode_cli import OpenCode


@dataclass(frozen=True, slots=True)
class Kind:
    """One runtime: how it is installed and driven, how its model names a tool of ours, and what lets it use them headless.

    `shell` is its model's call of a shell that prints "shell", which `free` allows headless.
    """

    name: str
    package: str
    install: Callable[[], Any]
    driver: Callable[[Any, Path, str], Any]
    tool: str
    shell: ToolUse
    allowing: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    namespace: str | None = None

    def version(self) -> str:
        """Of what is installed."""
        return installed_version(self.install().program.parents[1], self.package)


ECHO = {"command": "echo shell", "description": "say"}
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "claude",
            claude_install.PACKAGE,
            claude_install.install_claude_code,
            ClaudeCode,
            "mcp__plugin_sos_sos__{}",
            ToolUse("Bash", ECHO),
            allowing=("--allowedTools", "mcp__plugin_sos_sos"),
        ),
        Kind(
            "codex",
            codex_install.PACKAGE,
            codex_install.install_codex,
            Codex,
            "{}",
            ToolUse("exec_command", {"cmd": "echo shell"}),
            namespace="mcp__sos",
        ),
        Kind(
            "gemini",
            gemini_install.PACKAGE,
            gemini_install.install_gemini,
            Gemini,
            "mcp_sos_{}",
            ToolUse("run_shell_command", ECHO),
            allowing=("--allowed-mcp-server-names", "sos"),
            free=("--yolo",),
        ),
        Kind("copilot", copilot_cli.PACKAGE, copilot_cli.install_copilot, CopilotCli, "sos-{}", ToolUse("bash", ECHO)),
        Kind("opencode", opencode_cli.PACKAGE, opencode_cli.install_opencode, OpenCode, "sos_{}", ToolUse("bash", ECHO)),
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
