"""Serve registry, squad and bus over HTTP, until SIGTERM or Ctrl-C. The store is SOS_STORE: sqlite:///PATH or redis://HOST."""

from __future__ import annotations

from sos.model.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command

EXAMPLE = "sos serve --port 7690"
MAX_PORT = 65_535


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos serve`."""
    parser.add_argument("--only", action="append", choices=["registry", "squad", "bus"], help="this service (may be repeated)")
    parser.add_argument("--host", metavar="ADDRESS", help="the address to listen on (default: SOS_HOST, or 127.0.0.1)")
    parser.add_argument(
        "--port", metavar="N", type=int, help="the port to listen on (default: SOS_PORT, or 7690; 0: any free one)"
    )
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="a name that clients may reach it by")


def run(command: Command) -> int:
    """Serve."""
    given = command.arguments
    try:
        from sos.server.serving import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "sos":
            raise
        raise InvalidInput(f"sos serve needs the extra server ({error.name} is missing)",
                           next_step="uv tool install 'sos-lifeline[server]'") from error  # fmt: skip
    settings = command.settings
    if given.host is not None:
        settings = settings.replace(host=given.host)
    if given.port is not None:
        if not 0 <= given.port <= MAX_PORT:
            raise InvalidInput(f"{given.port} is no port: 0 to {MAX_PORT}", next_step=EXAMPLE)
        settings = settings.replace(port=given.port)

    def ready(url: str) -> None:
        command.out(f"serving {', '.join(given.only or ['registry', 'squad', 'bus'])} at {url}", {"id": url, "url": url})

    return serve(settings, given.only or (), given.allow_host, ready)
