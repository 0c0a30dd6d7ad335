"""By which way an agent is woken: a file in the agent's home, written by `sos watch add` alone.

This is the allowlist: what runs is an array of arguments that the operator wrote down, and nothing of a message is ever in it.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.model import wire
from sos.model.errors import HomeDamaged, InvalidInput, NotFound, UnreadableJson
from sos.model.names import OPERATOR, Slug
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Way = Literal["handover", "desktop", "tmux", "command", "codex"]

WAYS: tuple[Way, ...] = ("handover", "desktop", "tmux", "command", "codex")
NOTICES: tuple[Way, ...] = WAYS[1:]
"""Each message is handed to a command; or the messages stay in the inbox for the agent's own session, and a notice of them goes
to the desktop, into the tmux pane of that session, to a command, or into the queue of its session of Codex."""

TIMEOUT, LONGEST = 300, 24 * 3600
"""Seconds that one run of a command may take: where nothing is said, and at most."""
MOST_AT_ONCE = 16


class Rule(Record):
    """What is done for one agent."""

    agent: Slug
    way: Way
    #: The command's absolute path, and its arguments; nothing where the way needs none.
    argv: tuple[str, ...]
    #: Where it runs.
    directory: str
    #: Whether what it prints is the answer.
    reply: bool
    #: Seconds that one run may take.
    timeout: int
    #: How many run at once, for messages of different senders.
    at_once: int


def checked(rule: Rule) -> Rule:
    """The same rule. Raises InvalidInput where it cannot be."""
    program = rule.argv[0] if rule.argv else ""
    if rule.way in {"desktop", "tmux"}:
        if rule.argv:
            step = f"sos watch add {rule.agent} --notice command -- PROGRAM"
            raise InvalidInput(f"a notice by {rule.way} takes no program", next_step=step)
    elif not (os.path.isabs(program) and os.path.isfile(program) and os.access(program, os.X_OK)):
        raise InvalidInput(f"{ascii(program)[:200]} is no program", next_step="sos watch add AGENT -- PROGRAM ARGUMENT...")
    if not 0 < rule.timeout <= LONGEST:
        raise InvalidInput(f"a run may take 1 second to {LONGEST // 3600} hours", next_step="sos watch --help")
    if not 0 < rule.at_once <= MOST_AT_ONCE:
        raise InvalidInput(f"1 to {MOST_AT_ONCE} runs at once", next_step="sos watch --help")
    return rule


def _path(root: str, agent: str) -> str:
    return os.path.join(homes.path_of(root, agent), "watch.json")


def save(root: str, rule: Rule) -> None:
    """Write an agent's rule, in place of one that it had. Raises UnknownAgent without a home here, InvalidInput, StorageFull."""
    if rule.agent == OPERATOR:
        raise InvalidInput("the operator's mail is for people", next_step="sos inbox")
    if homes.load(root, rule.agent) is None:
        raise homes.unknown(root, rule.agent)
    files.write(_path(root, rule.agent), wire.dumps({**checked(rule).fields(), "argv": list(rule.argv)}).encode())


def remove(root: str, agent: str) -> None:
    """Take an agent's rule away. Raises NotFound where there is none."""
    if files.read(_path(root, agent)) is None:
        raise NotFound(f"{agent} is not watched", next_step="sos watch list")
    files.remove(_path(root, agent))


def load(root: str, agent: str) -> Rule | None:
    """An agent's rule, or None. Raises HomeDamaged where it cannot be read, HomeNotPrivate where others could have written it."""
    path = _path(root, agent)
    data = files.read(path)
    if data is None:
        return None
    try:
        made = _rule(wire.loads(data))
    except (UnreadableJson, TypeError, ValueError) as error:
        raise HomeDamaged(f"{path} is no rule: {error}", next_step=f"sos watch add {agent} -- PROGRAM") from error
    if made.agent != agent:
        raise HomeDamaged(f"{path} is the rule of {made.agent}", next_step=f"sos watch add {agent} -- PROGRAM")
    return made


def _rule(given: Any) -> Rule:
    if not isinstance(given, dict) or not isinstance(given.get("argv"), list):
        raise ValueError("argv is missing")
    made = Rule(**{**given, "argv": tuple(given["argv"])})
    kinds = {"agent": str, "directory": str, "reply": bool, "timeout": int, "at_once": int}
    wrong = [name for name, kind in kinds.items() if type(getattr(made, name)) is not kind]
    if wrong or not all(isinstance(each, str) for each in made.argv):
        raise ValueError(f"{', '.join(wrong) or 'argv'} is of another type")
    if made.way not in WAYS:
        raise ValueError(f"{made.way!a} is no way to wake an agent")
    return made.replace(agent=Slug(made.agent))
