"""Connect a runtime to an agent: hooks where it runs any, tools, skill; and bind a directory, or every session, to the agent.

Files of ours come first. What has to stand in a file of the runtime's own is put in without another change, and `sos disconnect`
takes it out again. `--all` connects every runtime that is found here; one that refuses does not stop the others.
"""

from __future__ import annotations

from sos.runtimes import HOOKED, NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.agents import Agent
    from sos.wiring.connecting import Connected

EXAMPLE = "sos connect claude --as mumega-codecheck --dir ~/code/parser"
AGAIN = "the same command without --dry-run"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos connect`."""
    parser.add_argument("runtime", nargs="?", choices=NAMES)
    parser.add_argument("--all", action="store_true", dest="every_runtime", help="each runtime that is found here")
    parser.add_argument(
        "--marketplace", metavar="DIR", help="write a plugin that Claude Code, Codex and Copilot CLI install from there"
    )
    parser.add_argument(
        "--agents-md", metavar="PATH", nargs="?", const="", help="put our block into an AGENTS.md (default: here)"
    )
    parser.add_argument("--dir", metavar="PATH", help="sessions in this directory are this agent (default: here)")
    parser.add_argument("--everywhere", action="store_true", help="every session that nothing else binds is this agent")
    parser.add_argument("--wake", metavar="WHO", help="who may wake it when idle: peers (default), requests, operator, nobody")
    parser.add_argument("--every", metavar="SPAN", help="time between two wakes (default: 30s)")
    parser.add_argument("--quiet", metavar="HOURS", help="when nothing wakes it, local time: 22:00-07:00, or never (default)")
    parser.add_argument("--bodies", choices=["fenced", "headers"], help="show whole messages, or only who wrote and the id")
    parser.add_argument("--dry-run", action="store_true", help="say what would be written and what would change, write nothing")


def run(command: Command) -> int:
    """Connect."""
    from sos.cli import runtimes
    from sos.model.attention import Attention, attention_of

    given = command.arguments
    chosen = runtimes.chosen(command, "connect")
    attention_of(Attention(), given.wake, given.every, given.quiet)  # a wrong rule is refused before anything is written
    if chosen == "agents-md":
        return _agents_md(command)
    if chosen == "marketplace":
        return _marketplace(command)
    if chosen == "all":
        from sos.runtimes import presence
        from sos.wiring import connecting

        connecting.agent_named(command.settings, "--all", given.as_agent)
        here = presence.found(command.settings.places(""))
        return runtimes.each(command, NAMES, lambda name: _one(command, name) if name in here else None)
    text, value = _one(command, given.runtime)
    command.out(text, value)
    return 0


def _agents_md(command: Command) -> int:
    from sos.wiring import agentsmd

    path = agentsmd.path_of(command.arguments.agents_md, "sos connect")
    if command.arguments.dry_run:
        command.out(f"would write {path}", {"path": path, "written": False, "planned": True})
        return 0
    written = agentsmd.put(command.settings.home, path)
    what = "wrote our block into" if written else "our block stands already in"
    command.out(f"{what} {path}; sos disconnect --agents-md takes it out", {"path": path, "written": written, "planned": False})
    return 0


def _marketplace(command: Command) -> int:
    from sos.wiring import connecting

    given = command.arguments
    path, written = connecting.marketplace(command.settings, given.marketplace, dry_run=given.dry_run)
    verbs = {"claude": "install", "codex": "add", "copilot": "install"}
    installs = [f"{name} plugin marketplace add {path}; {name} plugin {verb} sos@sos" for name, verb in verbs.items()]
    lines = [f"{'would write' if given.dry_run else 'wrote'} {each}" for each in written]
    lines += ["install it, with one of:", *(f"  {line}" for line in installs)]
    lines.append("whose a directory is: SOS_AGENT at the session's start, or what sos connect RUNTIME has bound")
    command.out("\n".join(lines), {"path": path, "written": written, "planned": given.dry_run, "install": installs})
    return 0


def _one(command: Command, runtime: str) -> tuple[str, dict[str, object]]:
    """Connect one; what to say, and its form."""
    from sos.runtimes import launchers
    from sos.runtimes.connector import connector_of
    from sos.wiring import connecting

    given, connector = command.arguments, connector_of(runtime)
    made = connecting.connect(
        command.settings, runtime, given.as_agent, place=given.dir, everywhere=given.everywhere, dry_run=given.dry_run
    )
    rules = None
    if not made.planned:
        rules = connecting.attend(
            command.settings, made.slug, wake=given.wake, every=given.every, quiet=given.quiet, bodies=given.bodies
        )
    then = connector.NEXT.replace("{mcp}", launchers.path_of(command.settings.home, "sos-mcp")).rstrip("\n")
    if made.planned:
        then = AGAIN
    value: dict[str, object] = {
        "runtime": made.runtime,
        "next": then,
        "wakes": connector.WAKES,
        "id": made.slug,
        "place": made.place,
        "former": made.former,
        "written": list(made.written),
        "planned": made.planned,
        "diff": made.diff,
    }
    lines = [*_written(made, then), f"{connector.TITLE}: {connector.WAKES}"]
    if rules is not None:
        lines.append(_rules(runtime, rules))
        value |= {"wake": rules.wake, "wake_every": rules.wake_every, "quiet": rules.quiet, "bodies": rules.bodies}
        value["shown"] = _shown(runtime, rules)
    return "\n".join(lines), value


def _written(made: Connected, then: str) -> list[str]:
    where = "every session" if made.place == "*" else f"sessions in {made.place}"
    lines = [f"{'would write' if made.planned else 'wrote'} {path}" for path in made.written]
    if made.diff:
        lines += ["what would change in files that are not ours:", made.diff.rstrip("\n")]
    if made.planned:
        return [*lines, f"would make {where} {made.slug}'s; nothing was written", f"next: {then}"]
    if made.former:
        lines.append(f"{where} belonged to {made.former} until now; those that run go on as {made.former}")
    lines.append(f"{where}: {made.slug}; sos disconnect {made.runtime} --as {made.slug} takes it back")
    return [*lines, f"next: {then}"]


def _rules(runtime: str, rules: Agent) -> str:
    if runtime not in HOOKED:
        return "of messages its context has what it asks for, and nothing before"
    span = f"every {rules.wake_every // 1000} s at most, quiet: {rules.quiet}"
    return f"woken at idle by {rules.wake}, {span}; messages stand {_shown(runtime, rules)} in its context"


def _shown(runtime: str, rules: Agent) -> str:
    """How messages will stand in its context by themselves: as its rule says, but in no more than the runtime takes."""
    if runtime not in HOOKED:
        return "nothing"
    from sos.runtimes.speech import speech_of

    return rules.bodies if speech_of(runtime).BODIES == "fenced" else speech_of(runtime).BODIES
