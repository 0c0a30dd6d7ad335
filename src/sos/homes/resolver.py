"""Who am I here? One resolver for hook, commands, MCP and SDK, and it never guesses."""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.model import wire
from sos.model.errors import HomeDamaged, NobodyHere, SosError, WrongAgent
from sos.model.names import OPERATOR, address_name, is_slug
from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.times import Millis

_SESSION_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
SESSIONS_KEPT = 30 * 24 * 3600
"""Seconds after which the record of a session that never ended is removed."""


_ANEW = "sos connect claude --as SLUG, in each directory (keeps the damaged file beside it)"


_RECORDED = "this session ("
_OF_SESSIONS = ("session-", "q-", "due-", "below-", "p-")
"""How the files begin that are of one session, below `run/`."""


class Who(Record):
    """An answer: which agent, and which of the rules said so."""

    slug: str
    why: str


def session_name(session: str) -> str | None:
    """The session id where it can be part of a file's name, else None."""
    return session if 0 < len(session) <= 64 and set(session) <= _SESSION_CHARACTERS else None


def resolve(root: str, *, named: str | None, session: str | None, agent: str | None, directory: str) -> Who:
    """Who acts: `--as` > the session's record > `SOS_AGENT` > nearest bound directory > everywhere > refuse.

    Outside any session (`session` is None) it is `--as`, `SOS_AGENT`, or the operator: a directory binds sessions, not the
    operator's own terminal in it. Raises WrongAgent, NobodyHere, UnknownAgent.
    """
    recorded = recorded_agent(root, session) if session else None
    if named is not None:
        slug = _existing(root, named)
        if recorded is not None and recorded.slug != slug:
            raise WrongAgent(f"this session is {recorded.slug}; it does not act as {slug}")
        return recorded or Who(slug=slug, why="--as")
    if recorded is not None:
        return recorded
    if session is None:
        if agent is not None:
            return Who(slug=_existing(root, agent), why="SOS_AGENT")
        return Who(slug=OPERATOR, why="a terminal outside any session")
    found = bound(root, agent=agent, directory=directory)
    if found is not None:
        return found
    raise NobodyHere(f"this session is bound to no agent. Agents here: {', '.join(homes.slugs(root)) or 'none'}")


def bound(root: str, *, agent: str | None, directory: str) -> Who | None:
    """What a session that starts now is bound to: `SOS_AGENT`, the nearest bound directory, or everywhere. Else None."""
    if agent is not None:
        return Who(slug=_existing(root, agent), why="SOS_AGENT")
    bindings = load_bindings(root)
    place = os.path.realpath(directory)
    while True:
        if place in bindings:
            return Who(slug=_existing(root, bindings[place]), why=f"the directory {place}")
        parent = os.path.dirname(place)
        if parent == place:
            break
        place = parent
    return Who(slug=_existing(root, bindings["*"]), why="bound everywhere") if "*" in bindings else None


def _existing(root: str, name: str) -> str:
    slug = address_name(name)
    if slug == OPERATOR or homes.load(root, slug) is not None:
        return slug
    raise homes.unknown(root, slug)


def load_bindings(root: str) -> dict[str, str]:
    """directory → slug, with `*` for everywhere. Raises HomeDamaged."""
    path = os.path.join(root, "bindings.json")
    data = files.read(path)
    if data is None:
        return {}
    try:
        made = wire.loads(data)
    except SosError as error:
        raise HomeDamaged(f"{path} cannot be read: {error}", next_step=_ANEW) from error
    if not isinstance(made, dict) or not all(isinstance(value, str) for value in made.values()):
        raise HomeDamaged(f"{path} does not say which directory is whose", next_step=_ANEW)
    return made


def bind(root: str, place: str, slug: str | None) -> str | None:
    """Bind a directory (or `*`) to an agent, or unbind it with None. Whose it was, where that was another one."""
    with files.Lock(os.path.join(root, "bindings.lock"), 2.0):
        try:
            bindings = load_bindings(root)
        except HomeDamaged:
            os.replace(os.path.join(root, "bindings.json"), os.path.join(root, "bindings.json.damaged"))
            bindings = {}
        former = bindings.pop(place, None)
        if slug is not None:
            bindings[place] = slug
        files.write(os.path.join(root, "bindings.json"), wire.dumps(dict(sorted(bindings.items())), indent=1).encode())
    return former if former != slug else None


# --- sessions ---------------------------------------------------------------------------------------------------------


def _session_path(root: str, session: str) -> str | None:
    name = session_name(session)
    return None if name is None else os.path.join(root, "run", f"session-{name}")


def recorded_agent(root: str, session: str) -> Who | None:
    """Who a session was recorded as at its start, or None. Raises HomeDamaged for a record that names nobody."""
    path = _session_path(root, session)
    data = files.read(path) if path is not None and os.path.lexists(path) else None
    if data is None:
        return None
    slug, _, why = data.decode("utf-8", "replace").partition("\n")
    if not is_slug(slug):
        raise HomeDamaged(f"{path} does not name an agent", next_step="end this session and start it anew")
    return Who(slug=slug, why=f"{_RECORDED}{why.strip()})")


def original(who: Who) -> str:
    """Why a session is this agent, as it was found at its start."""
    why = who.why
    while why.startswith(_RECORDED):
        why = why.removeprefix(_RECORDED).removesuffix(")")
    return why


def recorded(root: str, session: str) -> bool:
    """Whether a session has a record, readable or not."""
    path = _session_path(root, session)
    return path is not None and os.path.lexists(path)


def has_started(root: str, session: str) -> bool:
    """Whether a session's start was seen, whomever it was bound to, or nobody."""
    name = session_name(session)
    return name is not None and os.path.lexists(os.path.join(root, "run", f"q-{name}"))


def due_path(root: str, session: str) -> str:
    """The file that stands while this session's resume packet is due. `session`: fit for a file's name (`session_name`)."""
    return os.path.join(root, "run", f"due-{session}")


def record_session(root: str, session: str, who: Who | None, now: Millis) -> None:
    """Write down whom a session is bound to, and where its tool batches look for quiet: `q-<session>`, a symbolic link.

    An unbound session's link leads to `.`, which always exists: it is left in peace. Where nobody joined, nothing is made.
    """
    name = session_name(session)
    if name is None or (who is None and not os.path.isdir(root)):
        return
    run = files.private_directory(os.path.join(root, "run"))
    _remove_old(run, now)
    if who is not None:
        files.write(os.path.join(run, f"session-{name}"), f"{who.slug}\n{original(who)}\n".encode())
    link = os.path.join(run, f"q-{name}")
    target = f"quiet-{who.slug}" if who is not None else "."
    try:
        if os.readlink(link) == target:
            return
    except OSError:
        pass  # there is none, or something else stands in its place
    try:
        files.remove(link)
        os.symlink(target, link)
    except OSError as error:
        raise files.translated(error, link) from error


def sessions(root: str, slug: str) -> list[str]:
    """The sessions that were recorded here as this agent's and have not ended, by their names."""
    try:
        names = os.listdir(os.path.join(root, "run"))
    except FileNotFoundError:
        return []
    found = sorted(name.removeprefix("session-") for name in names if name.startswith("session-"))
    return [session for session in found if (who := _readable(root, session)) is not None and who.slug == slug]


def _readable(root: str, session: str) -> Who | None:
    try:
        return recorded_agent(root, session)
    except HomeDamaged:
        return None  # a record that names nobody is nobody's; its own hook says so


def forget_session(root: str, session: str) -> None:
    """The session is over."""
    name = session_name(session)
    if name is not None:
        files.remove(os.path.join(root, "run", f"session-{name}"))
        files.remove(os.path.join(root, "run", f"q-{name}"))
        files.remove(due_path(root, name))
        files.remove(os.path.join(root, "run", f"below-{name}"))


def _remove_old(run: str, now: Millis) -> None:
    try:
        for name in os.listdir(run):
            path = os.path.join(run, name)
            if name.startswith(_OF_SESSIONS) and os.lstat(path).st_mtime < now / 1000 - SESSIONS_KEPT:
                files.remove(path)
    except (OSError, SosError):
        return  # another session removes it at the same time, or the disk refuses: no start waits for tidiness
