"""The command line: a table of commands, of which only the chosen one is loaded and parsed."""

from __future__ import annotations

import gc
import os
import sys

from sos.cli import output
from sos.model.errors import AnswerLost, InvalidInput, SosError, StorageFull, TokenInArguments, UnreadableJson
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
    "watch": "receive for agents that do not run, tell those that are idle: add, list, remove, run, status, …",
    "peers": "the other agents",
    "whoami": "who you are, and the four answers",
    "note": "leave a note for your next self",
    "take": "take the inbox over into this session",
    "token": "tokens: where they are, list, show, mint, rotate, revoke, grant, import",
    "skill": "skills: list, find, add",
    "squad": "squads: list, add, remove",
    "task": "tasks: add, list, show, claim, renew, done, fail, block, open, cancel",
    "watchdog": "how full the disks are, and an alert where that changes: --once, status, install, uninstall",
    "probe": "send a test message over an agent's real path: each hop with its time, or which one is broken",
    "sentinel": "find agents that hear nothing, and tell: --once, run",
    "doctor": "find out why an agent hears nothing, and mend what is safe",
    "guide": "what to do when stuck; works without anything else",
    "repair": "mend broken config files of runtimes",
    "connect": "connect a runtime: sos connect claude",
    "disconnect": "remove what connect wrote",
    "hook": "what a runtime runs at its events",
    "serve": "serve registry, squad and bus over HTTP",
    "mcp": "the agent's tools over MCP, on standard input and output",
    "backup": "copy the store to a file, or list copies",
    "move": "take an embedded deployment to a server",
    "faults": "break fresh stores on purpose, and see what is lost",
    "completion": "completion for bash, zsh or fish",
    "demo": "show the main job in a temporary home",
}
LOST = {
    **dict.fromkeys(("send", "reply", "broadcast", "ack", "inbox", "read", "wait"), AnswerLost.next_step),
    **{name: f"sos {name} list   (what was done)" for name in ("task", "token", "dead", "watch", "skill", "squad")},
}
"""What to type where a command's answer could not be written; else `AGAIN`: what is the same when it is done twice."""
AGAIN = "the same command again, where its answer can be written"
USAGE = 2
BUG = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 well, 1 expected trouble, 2 usage, 3 our bug, 75 try again later."""
    given = _command_first(list(sys.argv[1:] if arguments is None else arguments))
    as_json = "--json" in given[: given.index("--") if "--" in given else None]
    try:
        return _answer(given)
    except SosError as error:
        if isinstance(error, AnswerLost):
            error.next_step = LOST.get(given[0] if given else "", AGAIN)
        return _refuse(error, as_json=as_json)
    except BrokenPipeError:
        output.forget_output()
        return 1
    except OSError as error:
        from sos import files  # loaded already by nearly all that opens files

        if error.errno not in files.LACKING:
            raise
        return _refuse(files.translated(error, str(error.filename or "a file")), as_json=as_json)
    except KeyboardInterrupt:
        output.remark("")
        return 130


def _command_first(given: list[str]) -> list[str]:
    """`--as AGENT` and `--json` before the command mean what they mean after it."""
    place = 0
    while place < len(given) and (given[place] == "--json" or given[place].partition("=")[0] == "--as"):
        place += 2 if given[place] == "--as" else 1
    return [*given[place : place + 1], *given[:place], *given[place + 1 :]]


def _answer(given: list[str]) -> int:
    if not given or given[0] in {"-h", "--help", "help"}:
        output.answer(_overview())
        return 0
    if given[0] in {"-V", "--version"}:
        from sos import __version__

        output.answer(f"sos {__version__}")
        return 0
    return _dispatch(given[0], given[1:])


def _dispatch(name: str, rest: list[str]) -> int:
    if name not in COMMANDS:
        from difflib import get_close_matches

        near = ", ".join(f"sos {each}" for each in get_close_matches(name, COMMANDS))
        raise InvalidInput(f"there is no command {name!a}", next_step=f"{near} (or: sos --help)" if near else "sos --help")
    if any(looks_like_token(argument) for argument in rest):
        raise TokenInArguments("an argument looks like a token; it was not read")
    from importlib import import_module

    from sos.cli import command

    return command.execute(name, import_module(f"sos.cli.{name}"), rest)


def _refuse(error: SosError, *, as_json: bool) -> int:
    if as_json and not isinstance(error, AnswerLost):
        try:
            output.value({"error": error.code, "message": error.message, "next": error.next_step})
        except AnswerLost:
            as_json = False  # it stands on standard error in words
    if isinstance(error, StorageFull):
        from sos.cli import room

        room.look()
    output.remark(f"sos: {error.message}\n     next: {error.next_step}")
    return USAGE if isinstance(error, InvalidInput) and not isinstance(error, UnreadableJson) else error.exit_code


def _overview() -> str:
    lines = [
        "SOS, the agent lifeline: identity, inbox and a way back when stuck.\n\nusage: sos COMMAND [--as AGENT] [--json] …\n"
    ]
    lines += [f"  {name:<11} {what}" for name, what in COMMANDS.items()]
    lines.append("\nExamples: sos join --name mumega.codecheck --role code-reviewer --project sos --skill code-review")
    lines.append('          sos send mumega-codecheck "please look at the parser"\n          sos COMMAND --help')
    return "\n".join(lines)


def run() -> None:
    """The console script: as `main`, then out without closing the store, which would be a hidden checkpoint."""
    gc.set_threshold(50_000)  # loading a command makes no garbage, and looking for it 20 times costs a millisecond
    output.prepare()
    try:
        code = main()
    except SystemExit as stop:  # argparse: --help
        code = stop.code if isinstance(stop.code, int) else USAGE
    except Exception as error:  # noqa: BLE001  # process entry: a bug is written down with its trace and has its own exit code
        code = _defect(error)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)


def _defect(error: Exception) -> int:
    import traceback

    output.remark("".join(traceback.format_exception(error)) + "sos: this is a defect of SOS; please report the lines above")
    if "--json" in sys.argv:
        what = {"error": "defect", "message": f"{type(error).__name__}: {error}", "next": "report the lines on standard error"}
        try:
            output.value(what)
        except (AnswerLost, BrokenPipeError):
            return BUG
    return BUG
