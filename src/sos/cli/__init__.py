"""The command line: a table of commands, of which only the chosen one is loaded and parsed."""

from __future__ import annotations

import os
import sys

from sos.model.errors import InvalidInput, SosError, TokenInArguments, UnreadableJson
from sos.model.redaction import looks_like_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, str] = {
    "join": "give an agent an identity, an inbox and a guide",
    "leave": "give the slug back",
    "send": "send a message to an agent",
    "inbox": "list what waits, without marking it",
    "read": "show messages whole",
    "reply": "answer a message",
    "ack": "acknowledge messages",
    "broadcast": "send to everybody of the project, or of a squad",
    "sent": "where everything stands that you sent",
    "outbox": "what could not be sent yet",
    "trace": "the story of one message",
    "dead": "dead letters: list, show, requeue, drop",
    "wait": "wait until mail comes",
    "peers": "the other agents",
    "whoami": "who you are, and the four answers",
    "take": "take the inbox over into this session",
    "token": "tokens: where they are, list, show, mint, rotate, revoke, import",
    "skill": "skills: list, find, add",
    "squad": "squads: list, add, remove",
    "guide": "what to do when stuck; works without anything else",
    "connect": "connect a runtime: sos connect claude",
    "disconnect": "remove what connect wrote",
    "hook": "what a runtime runs at its events",
    "backup": "copy the store to a file, or list copies",
    "demo": "show the main job in a temporary home",
}
USAGE = 2
BUG = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 well, 1 expected trouble, 2 usage, 3 our bug, 75 try again later."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        sys.stdout.write(_overview())
        return 0
    if given[0] in {"-V", "--version"}:
        from sos import __version__

        sys.stdout.write(f"sos {__version__}\n")
        return 0
    as_json = "--json" in given
    try:
        return _dispatch(given[0], given[1:])
    except SosError as error:
        return _refuse(error, as_json=as_json)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        return 130


def _dispatch(name: str, rest: list[str]) -> int:
    if name not in COMMANDS:
        raise InvalidInput(f"there is no command {name!a}", next_step="sos --help")
    if any(looks_like_token(argument) for argument in rest):
        raise TokenInArguments("an argument looks like a token; it was not read")
    from importlib import import_module

    from sos.cli import command

    return command.execute(name, import_module(f"sos.cli.{name}"), rest)


def _refuse(error: SosError, *, as_json: bool) -> int:
    if as_json:
        from sos.model import wire

        sys.stdout.write(wire.dumps({"error": error.code, "message": error.message, "next": error.next_step}) + "\n")
    sys.stderr.write(f"sos: {error.message}\n     next: {error.next_step}\n")
    return USAGE if isinstance(error, InvalidInput) and not isinstance(error, UnreadableJson) else error.exit_code


def _overview() -> str:
    lines = [
        "SOS, the agent lifeline: identity, inbox and a way back when stuck.\n\nusage: sos COMMAND [--as AGENT] [--json] …\n"
    ]
    lines += [f"  {name:<11} {what}" for name, what in COMMANDS.items()]
    lines.append("\nExamples: sos join --name mumega.codecheck --role code-reviewer --project sos --skill code-review")
    lines.append('          sos send mumega-codecheck "please look at the parser"\n          sos COMMAND --help\n')
    return "\n".join(lines)


def run() -> None:
    """The console script: as `main`, then out without closing the store, which would be a hidden checkpoint."""
    try:
        code = main()
        sys.stdout.flush()
    except SystemExit as stop:  # argparse: usage (2) or --help (0)
        code = stop.code if isinstance(stop.code, int) else USAGE
        sys.stdout.flush()
    except BrokenPipeError:
        code = 1
    except Exception:  # noqa: BLE001  # process entry: a bug is written down with its trace and has its own exit code
        import traceback

        traceback.print_exc()
        sys.stderr.write("sos: this is a defect of SOS; please report the lines above\n")
        code = BUG
    sys.stderr.flush()
    os._exit(code)
