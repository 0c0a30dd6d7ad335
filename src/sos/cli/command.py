"""What every command shares: its parser, who acts, and how it prints."""

from __future__ import annotations

import argparse
import sys

from sos.model import wire
from sos.model.errors import StoreUnreachable
from sos.settings import Settings, load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from sos.core.connection import LocalConnection
    from sos.model.ids import MessageId
    from sos.model.messages import Draft


class Command:
    """One running command: its arguments, its settings, its output. `settings` raises InvalidInput for a value that cannot be."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """What the environment says, read when it is first asked for: a wrong value must not keep the guide closed."""
        if self._settings is None:
            self._settings = load()
        return self._settings

    @property
    def json(self) -> bool:
        """Whether one stable JSON object (or lines of them) is wanted."""
        return bool(self.arguments.json)

    def connect(self) -> LocalConnection:
        """The connection of whoever acts here."""
        from sos.wiring.local import connect, drain_outbox

        connection = connect(self.settings, self.arguments.as_agent)
        connection.store.mail.tick(connection.clock.now())
        for refused in drain_outbox(self.settings, connection):
            self.remark(f"sos: not sent, and never will be: {refused}")
        return connection

    def send(self, draft: Draft, *, broadcast: bool = False, squad: str | None = None, answered: MessageId | None = None) -> int:
        """Send a draft and print its receipt; where no store takes it, queue it and say so with exit 75."""
        from sos.cli import receipts

        try:
            connection = self.connect()
            if answered is not None:
                receipt = connection.reply(answered, draft)
            elif broadcast:
                receipt = connection.broadcast(draft, squad)
            else:
                receipt = connection.send(draft)
        except StoreUnreachable as error:
            if answered is not None:
                raise  # to whom an answer goes stands in the store: it cannot be queued
            return receipts.queue(self, draft, error, broadcast=broadcast, squad=squad)
        self.out(receipts.said(receipt), receipts.form(receipt))
        return 0

    def out(self, text: str, value: object) -> None:
        """Print the text for people, or the value as JSON."""
        sys.stdout.write((wire.dumps(value) if self.json else text) + "\n")
        sys.stdout.flush()

    def remark(self, text: str) -> None:
        """Say something beside the answer."""
        sys.stderr.write(text + "\n")

    def text(self, words: list[str]) -> str:
        """The text that goes last; `-` reads standard input."""
        if words == ["-"]:
            return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        return " ".join(words)


def execute(name: str, module: ModuleType, rest: list[str]) -> int:
    """Parse the rest of the line for one command and run it."""
    parser = argparse.ArgumentParser(
        prog=f"sos {name}",
        description=module.__doc__,
        epilog=f"example: {module.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--as", dest="as_agent", metavar="AGENT", help="act for, or look at, this agent")
    parser.add_argument("--json", action="store_true", help="one JSON object (or lines of them)")
    module.arguments(parser)
    return int(module.run(Command(parser.parse_args(rest))))
