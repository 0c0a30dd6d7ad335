"""One agent's home on disk: `agent.toml`, one token file per service, `RECOVERY.md`. Directories 0700, files 0600."""

from __future__ import annotations

import os

from sos import files
from sos.model import wire
from sos.model.errors import HomeDamaged, HomeNotPrivate, InvalidInput, SosError, TokenDamaged, UnknownAgent
from sos.model.names import OPERATOR, Slug, is_slug
from sos.model.record import Record
from sos.model.redaction import looks_like_token
from sos.model.shell import shell_word
from sos.model.tokens import parse_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.model.tokens import Service, Token

_HEADER = "# Written by `sos join`. One `key = value` a line, each value a JSON text, which is TOML too.\n"


class Home(Record):
    """What a home says of its agent and of the bus that it joined."""

    path: str
    slug: Slug
    name: str
    project: str
    role: str
    #: The bus: the store's file, or the URL of a server; and the epoch of its history when this agent last looked.
    store: str
    epoch: str

    @property
    def remote(self) -> bool:
        """Whether the bus is behind a server."""
        return is_url(self.store)


def is_url(bus: str) -> bool:
    """Whether a bus is named by the URL of its server, and not by the path of its store."""
    return bus.startswith(("http://", "https://"))


def path_of(root: str, slug: str) -> str:
    """Where the home of an agent is. The operator's stands beside the agents', not among them."""
    return os.path.join(root, OPERATOR) if slug == OPERATOR else os.path.join(root, "agents", slug)


def private(root: str, slug: str) -> str:
    """Make the directory of a home, and those that it stands in; its path. Raises HomeNotPrivate, StorageFull."""
    path = path_of(root, slug)
    for place in (root, os.path.dirname(path), path):
        files.private_directory(place)
    return path


def save(root: str, agent: Agent, store: str, epoch: str) -> Home:
    """Write an agent's identity file. Raises HomeNotPrivate, StorageFull."""
    home = Home(
        path=path_of(root, agent.slug),
        slug=agent.slug,
        name=agent.name,
        project=agent.project,
        role=agent.role,
        store=store,
        epoch=epoch,
    )
    private(root, agent.slug)
    _set_aside_outbox(root, home)
    lines = [f"{key} = {wire.dumps(value)}\n" for key, value in home.fields().items() if key != "path"]
    files.write(os.path.join(home.path, "agent.toml"), (_HEADER + "".join(lines)).encode())
    return home


def _set_aside_outbox(root: str, home: Home) -> None:
    # What the slug's former owner could not send must never be sent in the name of its new one.
    try:
        before = load(root, home.slug)
    except HomeDamaged:
        return  # most likely the same agent's, whose broken file is written anew
    place = os.path.join(home.path, "outbox")
    if before is not None and before.name != home.name and os.path.isdir(place):
        os.rename(place, f"{place}-of-{os.urandom(4).hex()}")


def remove(root: str, slug: str) -> None:
    """Remove the home of a join that failed, with what that join has put into it."""
    place = path_of(root, slug)
    for folder, _, names in os.walk(place, topdown=False):
        for name in names:
            files.remove(os.path.join(folder, name))
        os.rmdir(folder)


def load(root: str, slug: str) -> Home | None:
    """Read a home, or None where there is none. Raises HomeDamaged, HomeNotPrivate."""
    path = path_of(root, slug)
    file = os.path.join(path, "agent.toml")
    if not os.path.lexists(file):
        if _is_closed(path):
            raise HomeDamaged(f"{path}: Permission denied", next_step=f"chmod u+rwx {shell_word(path)}")
        return None
    files.check_private(path)
    data = files.read(file)
    if data is None:
        return None
    fields, number = {}, 0
    try:
        for number, line in enumerate(data.decode("utf-8").split("\n"), 1):  # noqa: B007  # told where it is no line of ours
            if line and not line.startswith("#"):
                key, _, value = line.partition(" = ")
                fields[key] = wire.loads(value)
        home = Home(path=path, **fields)
    except (SosError, TypeError, UnicodeDecodeError) as error:
        wrong = f"line {number} is none of ours" if isinstance(error, SosError) else "it is not what sos join wrote"
        raise HomeDamaged(f"{file} cannot be read: {wrong}", next_step=f"sos join --name {slug}   (writes it anew)") from error
    if home.slug != slug or not all(isinstance(value, str) for value in home.fields().values()):
        raise HomeDamaged(f"{file} is not the identity of {slug}", next_step=f"sos join --name {slug}   (writes it anew)")
    return home


def _is_closed(path: str) -> bool:
    """Whether a directory is there that may not be looked into: what is in it is not gone."""
    return os.path.isdir(path) and not os.access(path, os.X_OK)


def slugs(root: str) -> list[str]:
    """The agents that have a home here, the operator not among them."""
    try:
        found = os.listdir(os.path.join(root, "agents"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.translated(error, os.path.join(root, "agents")) from error
    # Whatever else stands there is nobody's: no name with a line break in it is ever shown or asked for.
    return sorted(name for name in found if is_slug(name) and _is_home(os.path.join(root, "agents", name)))


def _is_home(path: str) -> bool:
    return os.path.lexists(os.path.join(path, "agent.toml")) or _is_closed(path)


def unknown(root: str, slug: str) -> UnknownAgent:
    """The error for an agent that has no home here, with the name that comes nearest."""
    from difflib import get_close_matches

    here, again = slugs(root), f"sos join --name {slug}"
    near = get_close_matches(slug, here)
    if not near:
        return UnknownAgent(f"no agent {slug!r} has a home here (homes: {', '.join(here) or 'none'})", next_step=again)
    step = f"sos whoami --as {near[0]}   (or, if it is no slip of the pen: {again})"
    return UnknownAgent(f"no agent {slug!r} has a home here; nearest: {', '.join(near)}", next_step=step)


def token_path(home: str, service: Service) -> str:
    """Where a home keeps its token for a service."""
    return os.path.join(home, "token.adm" if service == "admin" else f"token.{service}")


def save_token(home: str, token: Token) -> None:
    """Write a token into its home, 0600, as one step."""
    files.write(token_path(home, token.service), (token.text + "\n").encode())


def load_token(home: str, service: Service) -> str | None:
    """The text of a home's token, or None where there is none. Raises HomeNotPrivate."""
    data = files.read(token_path(home, service), limit=4096)
    return None if data is None else data.decode("ascii", "replace").strip()


def given_token(path: str) -> str | None:
    """The token in a file that somebody named, or None where there is none.

    Raises HomeNotPrivate; InvalidInput for what is no token file: nobody is told to change the mode of another thing.
    """
    step = "name the file that holds the token"
    try:
        held = files.peek(path, 4096).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{path} is no token file: {error.strerror}", next_step=step) from error
    try:
        files.check_private(path)
    except HomeNotPrivate as error:
        if looks_like_token(held):
            raise
        raise InvalidInput(f"{path} is no token file", next_step=step) from error
    return held.strip()


def sound_token(home: str, service: Service) -> Token | None:
    """A home's token where it is sound and of this service."""
    try:
        text = load_token(home, service)
        token = parse_token(text) if text is not None else None
    except (HomeDamaged, TokenDamaged):
        return None  # replaced by a fresh one; the damaged one opens nothing
    return token if token is not None and token.service == service else None


def token_places(
    home: str, service: Service, value: str | None, file: str | None, given: str | None = None
) -> list[tuple[str, str | None]]:
    """The places of a service's token in their order, each with the token that stands there: the first one counts.

    `given` was given to this command; `value` and `file` are what `SOS_…_TOKEN` and `SOS_…_TOKEN_FILE` say. Raises
    HomeNotPrivate, HomeDamaged.
    """
    variable = f"SOS_{service.upper()}_TOKEN"
    asked = file if file and not value and not given else None
    filed = given_token(asked) if asked else None
    if asked and filed is None:
        raise HomeDamaged(f"{file} ({variable}_FILE) is not there", next_step=f"unset {variable}_FILE, or put the file there")
    variables = [("--token-file", given), (variable, value), (f"{variable}_FILE", filed)]
    return [*variables, (token_path(home, service), load_token(home, service))]
