"""Tokens: where each service's stands, and minting, rotating, revoking. Values are never printed, except once by mint."""

from __future__ import annotations

import os

from sos import files
from sos.cli.command import token_in
from sos.homes import home as homes
from sos.model.addresses import DEFAULT_PROJECT
from sos.model.errors import InvalidInput, TokenDamaged
from sos.model.shell import shell_word
from sos.model.times import iso
from sos.model.tokens import AGENT_SERVICES, SERVICES, TokenRecord, mint, parse_token
from sos.wiring.local import token_places, who_am_i

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.model.tokens import Service, Token
    from sos.ports.connection import Connection

EXAMPLE = "sos token where"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos token`."""
    parser.add_argument("what", choices=["where", "list", "show", "mint", "rotate", "revoke", "grant", "import"])
    parser.add_argument(
        "which",
        metavar="SERVICE|KEYID|AGENT",
        nargs="?",
        help="registry, squad or bus; mint: join; revoke: a key id; grant: an agent",
    )
    parser.add_argument("--token-file", metavar="PATH", help="where the token is that is imported, or shown; - reads it")
    parser.add_argument("--name", help="mint join: whom the invitation is for")
    parser.add_argument("--role", default="", help="mint join: as what")
    parser.add_argument("--project", help="mint join: in which project")
    parser.add_argument("--scope", action="append", help="mint: only this of its scopes (may be repeated); grant: which")
    parser.add_argument("--take-back", action="store_true", help="grant: take it away again")
    parser.add_argument("--out", metavar="PATH", help="mint: write the token to this file (0600) instead of printing it")


def run(command: Command) -> int:
    """Do it."""
    what = command.arguments.what
    if what == "import":
        command.arguments.imported, command.arguments.token_file = command.arguments.token_file, None
    return _where(command) if what == "where" else _ACTIONS[what](command, command.connect())


def _service(command: Command) -> Service:
    which = command.arguments.which or "bus"
    for service in AGENT_SERVICES:
        if service == which:
            return service
    raise InvalidInput(f"{which!a} is not a service", next_step=f"use one of {', '.join(AGENT_SERVICES)}")


def _where(command: Command) -> int:
    # Without the store and without opening anything: this is where a refused token sends people to.
    settings = command.settings
    slug = who_am_i(settings, command.arguments.as_agent).slug
    home = homes.path_of(settings.home, slug)
    rows: list[dict[str, object]] = []
    for service in AGENT_SERVICES:
        places = token_places(settings, home, service)
        used = next((place for place, token in places if token), None)
        rows += [{"service": service, "place": at, "id": _key(token), "used": at == used} for at, token in places]
    lines = ["the first place that holds a token counts; one service's token is never another's"]
    lines += [f"{'*' if row['used'] else ' '} {row['service']:<9} {row['id'] or '(none)':<11} {row['place']}" for row in rows]
    lines.append(f"lost, damaged or refused? sos join --name {slug} makes its home whole")
    command.out("\n".join(lines), {"agent": slug, "tokens": rows})
    return 0


def _key(token: str | None) -> str:
    try:
        return parse_token(token).key_id if token else ""
    except TokenDamaged:
        return "(damaged)"


def _form(record: TokenRecord) -> dict[str, object]:
    times = {
        name: None if (at := getattr(record, name)) is None else iso(at) for name in ("created_at", "expires_at", "revoked_at")
    }
    return {
        "id": record.key_id, "service": record.service, "agent": record.agent, "project": record.project,
        "scopes": list(record.scopes), **times,
    }  # fmt: skip


def _line(record: TokenRecord) -> str:
    state = "revoked" if record.revoked_at is not None else "live"
    return f"{record.key_id}  {record.service:<9} {record.agent:<24} {state:<8} {iso(record.created_at)}"


def _list(command: Command, connection: Connection) -> int:
    records = connection.tokens()
    command.out("\n".join(_line(each) for each in records), {"tokens": [_form(each) for each in records]})
    return 0


def _show(command: Command, connection: Connection) -> int:
    service = _service(command)
    mine = connection.me.slug
    records = [record for record in connection.tokens() if record.service == service and record.agent == mine]
    command.out("\n".join(_line(each) for each in records) or "none", {"tokens": [_form(each) for each in records]})
    return 0


def _mint(command: Command, connection: Connection) -> int:
    given = command.arguments
    if given.which == "join" and given.out and os.path.lexists(given.out):
        step = f"name another file after --out; or, where nobody needs it any more: rm {shell_word(given.out)}"
        raise InvalidInput(f"{given.out} is there already, and the invitation in it may be live", next_step=step)
    token = _invitation(connection, given) if given.which == "join" else _new(connection, _service(command), given.scope)
    if given.out:
        files.write(command.arguments.out, (token.text + "\n").encode())
        command.out(f"{token.service} token {token.key_id} is in {command.arguments.out}", {"id": token.key_id})
        return 0
    command.remark("this token is shown once; keep it in a file with mode 0600")
    command.out(token.text, {"id": token.key_id, "token": token.text})
    return 0


def _invitation(connection: Connection, given: argparse.Namespace) -> Token:
    """A join token, for one use within 15 minutes."""
    if not given.name:
        step = "sos token mint join --name mumega.codecheck --role code-reviewer --project sos --out FILE"
        raise InvalidInput("an invitation is for somebody", next_step=step)
    token = mint("join")
    connection.invite(token.known, given.name, given.role, given.project or DEFAULT_PROJECT)
    return token


def _new(connection: Connection, service: Service, scopes: list[str] | None = None) -> Token:
    token = mint(SERVICES[service])
    connection.add_token(token.known, scopes)
    return token


def _rotate(command: Command, connection: Connection) -> int:
    service = _service(command)
    path = homes.path_of(command.settings.home, connection.me.slug)
    with files.Lock(f"{path}/token.lock", 5.0):
        before = homes.load_token(path, service)
        token = _new(connection, service)
        homes.save_token(path, token)
        command.connect()  # the new one is proven before the old one dies
        if before is not None:
            connection.revoke_token(parse_token(before).key_id)
    command.out(f"{service}: {token.key_id} from now on; the one before is revoked", {"id": token.key_id, "service": service})
    return 0


def _revoke(command: Command, connection: Connection) -> int:
    key = command.arguments.which
    if not key:
        raise InvalidInput("which token? It is named by its key id", next_step="sos token list")
    live = connection.revoke_token(key)
    command.out(f"{key} {'is revoked' if live else 'was revoked before'}", {"id": key, "revoked": live})
    return 0


def _grant(command: Command, connection: Connection) -> int:
    """Over a server the operator says who may send to other projects."""
    given = command.arguments
    if not given.which:
        raise InvalidInput("whose tokens?", next_step="sos token grant AGENT")
    (scope,) = given.scope or ["send:any-project"]
    changed = connection.grant(given.which, scope, granted=not given.take_back)
    what = f"{scope} {'taken from' if given.take_back else 'granted to'} {given.which}"
    command.out(f"{what}: {len(changed)} tokens changed", {"agent": given.which, "tokens": [_form(each) for each in changed]})
    return 0


def _import(command: Command, connection: Connection) -> int:
    place = command.arguments.imported
    if not place:
        raise InvalidInput("which token?", next_step="sos token import --token-file PATH   (or '-' to read standard input)")
    token = parse_token(token_in(place))
    connection.add_token(token.known)
    homes.save_token(homes.path_of(command.settings.home, connection.me.slug), token)
    command.out(f"{token.service} token {token.key_id} is {connection.me.slug}'s now", {"id": token.key_id})
    return 0


_ACTIONS = {
    "list": _list, "show": _show, "mint": _mint, "rotate": _rotate, "revoke": _revoke, "grant": _grant,
    "import": _import,
}  # fmt: skip
