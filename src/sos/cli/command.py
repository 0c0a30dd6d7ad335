"""What every command shares: its parser, who acts, and how it prints."""

from __future__ import annotations

import os
import sys

from sos.cli import output
from sos.cli.parsing import argparse
from sos.homes import lineage
from sos.model.errors import InvalidInput, NotFound, SosError, StoreUnreachable, TextTooLong
from sos.settings import Settings, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn

    from sos.model.tokens import Service
    from sos.model.work import Sending
    from sos.ports.connection import Connection

MAX_INPUT = 16 << 20
"""Bytes that are read of a standard input without end."""
MAX_LIMIT = 100_000
TOKENLESS = frozenset(
    ("connect", "disconnect", "hook", "guide", "doctor", "completion", "demo", "token", "move", "watch", "watchdog", "repair",
     "sentinel")
)  # fmt: skip
"""Commands that show no token, or (`token`, `move`) say themselves what a token in a file is for."""


class Command:
    """One running command: its arguments, its settings, its output. `settings` raises InvalidInput for a value that cannot be."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self._settings: Settings | None = None
        self._connection: Connection | None = None
        self._bus: str | None = None

    @property
    def settings(self) -> Settings:
        """What the environment says, read when it is first asked for: a wrong value must not keep the guide closed."""
        if self._settings is None:
            place = getattr(self.arguments, "token_file", None)
            made = load()
            made = made.replace(session=lineage.session_of(made.home, made.sessions))
            self._settings = made if place is None else made.replace(token=token_in(place))
        return self._settings

    def settings_now(self) -> Settings:
        """The same, with the session that the runtime is in now: one that was cleared goes on as another."""
        return self.settings.replace(session=lineage.session_of(self.settings.home, self.settings.sessions))

    @property
    def json(self) -> bool:
        """Whether one stable JSON object (or lines of them) is wanted."""
        return bool(self.arguments.json)

    def connect(self) -> Connection:
        """The connection of whoever acts here."""
        from sos.wiring.freshening import freshen
        from sos.wiring.local import connect, drain_outbox

        freshen(self.settings)
        self._connection = connection = connect(self.settings, self.arguments.as_agent)
        connection.tick()
        for refused in drain_outbox(self.settings, connection).refused:
            self.remark(f"sos: not sent, and never will be: {refused}")
        return connection

    def has_moved(self) -> bool:
        """Whether the agent's home names another bus than when it was connected: who waits for long asks now and then."""
        from sos.homes import home as homes

        if self._connection is None:
            return False
        home = homes.load(self.settings.home, self._connection.slug)
        before, self._bus = self._bus, None if home is None else home.store
        return before is not None and before != self._bus

    def renew(self) -> None:
        """Renew the agent's tokens if a server said, in what was asked so far, that it is time."""
        expires = getattr(self._connection, "expires", None)
        if expires is None:  # as always with the embedded store
            return
        from sos.wiring import renewing

        try:
            for service in renewing.renew_due(self.settings, self._connection):
                self.remark(f"sos: renewed the {service} token")
        except SosError as error:
            self.remark(f"sos: the tokens expire, and could not be renewed: {error.message}; {error.next_step}")

    def token_in(self, place: str, service: Service) -> str:
        """The token in a file, or on standard input (`-`), checked offline. Raises NotFound, TokenDamaged, TokenWrongKind."""
        from sos.model.tokens import parse_token, require_kind

        token = parse_token(token_in(place))
        require_kind(token, service)
        return token.text

    def send(self, given: Sending) -> int:
        """Send and print the receipt; where no store takes it, queue it and say so with exit 75."""
        from sos.cli import receipts
        from sos.model import forms
        from sos.model.work import dispatch
        from sos.wiring.local import require_here

        try:
            connection = self.connect()
            require_here(self.settings, connection, given)
            receipt = dispatch(given, connection)
        except StoreUnreachable as error:
            return receipts.queue(self, given, error)
        self.out(receipts.said(receipt), forms.receipt(receipt))
        return 0

    def out(self, text: str, value: object) -> None:
        """Print the text for people, or the value as JSON."""
        if self.json:
            output.value(value)
        else:
            output.answer(text)

    def remark(self, text: str) -> None:
        """Say something beside the answer."""
        output.remark(text)

    def text(self, words: list[str]) -> str:
        """The text that goes last; `-` reads standard input. Raises InvalidInput where there is none: an unset variable."""
        text = _standard_input() if words == ["-"] else " ".join(words)
        if not text.strip():
            raise InvalidInput("the text is empty; nothing was sent", next_step="give a text, or - to read standard input")
        return text


def token_in(place: str) -> str:
    """The token in a file, or on standard input. Raises NotFound, InvalidInput for another file, HomeNotPrivate."""
    from sos.homes import home

    if place == "-":
        return _standard_input().strip()
    text = home.given_token(place)
    if text is None:
        raise NotFound(f"{place} is not there", next_step="name the file that holds the token")
    return text


def _standard_input() -> str:
    if sys.stdin is None:
        raise InvalidInput("standard input is closed", next_step="give the text itself instead of -")
    data = sys.stdin.buffer.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise TextTooLong(f"the text has more than {MAX_INPUT:,} bytes")
    return data.decode("utf-8", "surrogateescape")


def limit(text: str) -> int:
    """How many entries a list shows at most: 1 to 100,000."""
    number = int(text) if text.isdigit() and text.isascii() and len(text) <= 6 else 0
    if not 0 < number <= MAX_LIMIT:
        raise argparse.ArgumentTypeError(f"a limit is 1 to {MAX_LIMIT:,}")
    return number


class Help(argparse.RawDescriptionHelpFormatter):
    """As wide as the terminal. (Asked for its width, argparse loads `shutil`, a tenth of a command's time.)"""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except OSError:
            columns = 80
        super().__init__(prog, width=max(columns - 2, 40))


class Parser(argparse.ArgumentParser):
    """Refuses as everything of ours does: with a code, a message, and the command to type next."""

    def error(self, message: str) -> NoReturn:
        """Raise InvalidInput."""
        step = f"{self.prog} --help   (a text that begins with a dash goes after --)"
        raise InvalidInput(f"{self.prog.removeprefix('sos ')}: {message}", next_step=step)


def parser_of(name: str, module: ModuleType) -> Parser:
    """The parser of one command: what every command has, and its own."""
    parser = Parser(
        prog=f"sos {name}",
        description=module.__doc__,
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--as", dest="as_agent", metavar="AGENT", help="act for, or look at, this agent")
    parser.add_argument("--json", action="store_true", help="one JSON object (or lines of them)")
    if name not in TOKENLESS:
        parser.add_argument("--token-file", metavar="PATH", help="act as the agent whose bus token is in this file (- reads it)")
    module.arguments(parser)
    return parser


def execute(name: str, module: ModuleType, rest: list[str]) -> int:
    """Parse the rest of the line for one command and run it."""
    command = Command(_parsed(parser_of(name, module), rest))
    code = int(module.run(command))
    if name not in TOKENLESS:
        command.renew()
    return code


def _parsed(parser: Parser, rest: list[str]) -> argparse.Namespace:
    """Parse; every word after the first `--` is as it is written. (argparse takes more of them away, by version differently.)"""
    if "--" in rest:
        place = rest.index("--")
        rest = rest[:place] + [f"\0{word}" if word.startswith("-") else word for word in rest[place + 1 :]]
    # Intermixed: options may stand between the words, as in `sos skill add --as aa review`.
    found = parser.parse_intermixed_args(rest)  # no argument of a process holds a NUL, so it marks what is not an option
    for name, value in vars(found).items():
        if isinstance(value, list):
            setattr(found, name, [word.removeprefix("\0") for word in value])
        elif isinstance(value, str):
            setattr(found, name, value.removeprefix("\0"))
    return found
