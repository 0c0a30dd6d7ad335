"""The only reader of environment variables. Unset is None; an empty value is unset."""

from __future__ import annotations

import os

from sos.model.errors import InvalidInput
from sos.model.record import Record
from sos.model.tokens import AGENT_SERVICES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from sos.model.addresses import Convention, GlobalSpelling
    from sos.model.configs import Places
    from sos.model.tokens import Service

STORE_PREFIX = "sqlite://"
SESSION_VARIABLES = ("CLAUDE_CODE_SESSION_ID", "CODEX_SESSION_ID", "COPILOT_AGENT_SESSION_ID", "SOS_SESSION")
"""What runtimes name a session by, to whatever they start in it."""
REDIS_PREFIXES = ("redis://", "rediss://", "unix://", "redis+")


class Settings(Record):
    """What the environment says."""

    #: Where homes, the store and rings live: `SOS_HOME`, default `~/.sos`.
    home: str
    #: The store's file: `SOS_STORE=sqlite:///path`, default `sos.db` beside the homes.
    store: str | None = None
    #: `SOS_STORE=redis://…` (also `rediss://`, `unix://`, `redis+sentinel://`, `redis+cluster://`): the store of `sos serve`,
    #: which alone opens it.
    redis: str | None = None
    #: `SOS_URL`: a server in front of the store.
    url: str | None = None
    #: `SOS_HOST`, `SOS_PORT`: where `sos serve` listens, default 127.0.0.1:7690.
    host: str = "127.0.0.1"
    port: int = 7690
    #: `SOS_AGENT`: the agent of a session that is being started.
    agent: str | None = None
    #: The running runtime session, where there is one: `CLAUDE_CODE_SESSION_ID`, `CODEX_SESSION_ID`, `COPILOT_AGENT_SESSION_ID`,
    #: `SOS_SESSION` (which our own plugin for OpenCode sets).
    session: str | None = None
    #: Which of these variables are set, and to what: more than one where a runtime was started inside another.
    sessions: dict[str, str] = {}  # a Record's default is never changed
    #: The process of that session: `CLAUDE_PID`.
    session_pid: int = 0
    #: `CLAUDE_CONFIG_DIR`, default `~/.claude`: where Claude Code keeps its files.
    claude_home: str = ""
    #: `TMPDIR`, default `/tmp`: the temporary directory, whose room the watchdog looks at.
    temporary: str = "/tmp"  # only looked at
    #: `CODEX_HOME`, default `~/.codex`: where Codex keeps its files.
    codex_home: str = ""
    #: `XDG_CONFIG_HOME`, default `~/.config`: where OpenCode keeps its files, and systemd its user services.
    config_home: str = ""
    #: Where a service is that is not at SOS_URL: `SOS_REGISTRY_URL`, `SOS_SQUAD_URL`, `SOS_BUS_URL`.
    urls: dict[Service, str] = {}  # a Record's default is never changed
    #: The token for a service: `SOS_BUS_TOKEN`, `SOS_REGISTRY_TOKEN`, `SOS_SQUAD_TOKEN`, `SOS_ADMIN_TOKEN`.
    tokens: dict[Service, str] = {}
    #: Path of a file with it: `SOS_BUS_TOKEN_FILE`, `SOS_REGISTRY_TOKEN_FILE`, `SOS_SQUAD_TOKEN_FILE`, `SOS_ADMIN_TOKEN_FILE`.
    token_files: dict[Service, str] = {}
    #: `SOS_GLOBAL_STREAM`: how the stream of an agent without a project is spelled: `agent` (default) or `global`.
    global_stream: GlobalSpelling = "agent"
    #: `SOS_CONVENTIONS`: addresses that agents of `sos serve` read besides the usual, such as `team:{project}:inbox:{agent}`;
    #: commas between several.
    conventions: tuple[Convention, ...] = ()
    #: `SOS_RATE`: requests a second of one token that a process of `sos serve` answers for long (twice as many at once); 0: all.
    rate: int = 200
    #: `SOS_WEBHOOK`: a URL that the sentinel tells what it tells the operator. `SOS_WEBHOOK_PRIVATE=yes`: it may be on this
    #: machine or in a private network, and without TLS.
    webhook: str | None = None
    webhook_private: bool = False
    # Where the user's files are: `HOME`, or what the system has for this user.
    user_home: str = ""
    # Not of the environment: the bus token that was given to this command (`--token-file`).
    token: str | None = None

    def places(self, project: str) -> Places:
        """Where runtimes keep their files, for sessions in a directory."""
        from sos.model.configs import Places

        return Places(
            user=self.user_home, claude=self.claude_home, codex=self.codex_home, config=self.config_home, project=project
        )


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment. Raises InvalidInput for a value that cannot be."""
    user_home = environment.get("HOME") or os.path.expanduser("~")
    home = environment.get("SOS_HOME") or os.path.join(user_home, ".sos")
    if not os.path.isabs(home):
        raise InvalidInput(f"SOS_HOME={home!r} is not an absolute path", next_step="export SOS_HOME=/an/absolute/path")
    pid = environment.get("CLAUDE_PID") or "0"
    sessions = {name: value for name in SESSION_VARIABLES if (value := environment.get(name))}
    return Settings(
        home=os.path.normpath(home),
        store=_store_path(environment.get("SOS_STORE")),
        redis=_redis_url(environment.get("SOS_STORE")),
        url=environment.get("SOS_URL") or None,
        host=environment.get("SOS_HOST") or "127.0.0.1",
        port=_port(environment.get("SOS_PORT") or "7690"),
        agent=environment.get("SOS_AGENT") or None,
        session=next(iter(sessions.values()), None),
        sessions=sessions,
        session_pid=int(pid) if pid.isdigit() and pid.isascii() else 0,
        claude_home=environment.get("CLAUDE_CONFIG_DIR") or os.path.join(user_home, ".claude"),
        temporary=environment.get("TMPDIR") or "/tmp",
        codex_home=environment.get("CODEX_HOME") or os.path.join(user_home, ".codex"),
        config_home=environment.get("XDG_CONFIG_HOME") or os.path.join(user_home, ".config"),
        user_home=user_home,
        global_stream=_spelling(environment.get("SOS_GLOBAL_STREAM") or "agent"),
        conventions=_conventions(environment.get("SOS_CONVENTIONS") or ""),
        rate=_rate(environment.get("SOS_RATE") or "200"),
        webhook=environment.get("SOS_WEBHOOK") or None,
        webhook_private=_yes("SOS_WEBHOOK_PRIVATE", environment.get("SOS_WEBHOOK_PRIVATE") or "no"),
        urls=_by_service(environment, "URL", AGENT_SERVICES),
        tokens=_by_service(environment, "TOKEN", (*AGENT_SERVICES, "admin")),
        token_files=_by_service(environment, "TOKEN_FILE", (*AGENT_SERVICES, "admin")),
    )


def _by_service(environment: Mapping[str, str], what: str, services: tuple[Service, ...]) -> dict[Service, str]:
    return {service: value for service in services if (value := environment.get(f"SOS_{service.upper()}_{what}"))}


def _spelling(value: str) -> GlobalSpelling:
    known: dict[str, GlobalSpelling] = {"agent": "agent", "global": "global"}
    if value not in known:
        raise InvalidInput(f"SOS_GLOBAL_STREAM={value[:40]!a} is no spelling of a stream", next_step="use agent or global")
    return known[value]


def _conventions(value: str) -> tuple[Convention, ...]:
    from sos.model.addresses import parse_convention

    return tuple(parse_convention(each.strip()) for each in value.split(",")) if value else ()


def _rate(value: str) -> int:
    if not (value.isdigit() and value.isascii() and len(value) <= 6):
        raise InvalidInput(f"SOS_RATE={value[:40]!a} is no number of requests", next_step="use 1 to 999999, or 0 for no limit")
    return int(value)


def _yes(name: str, value: str) -> bool:
    if value not in {"yes", "no"}:
        raise InvalidInput(f"{name}={value[:40]!a} is neither yes nor no", next_step=f"export {name}=yes")
    return value == "yes"


def _port(value: str) -> int:
    if not (value.isdigit() and value.isascii() and len(value) <= 5 and int(value) < 65536):
        raise InvalidInput(f"SOS_PORT={value[:40]!a} is no port", next_step="use 1 to 65535")
    return int(value)


def _redis_url(value: str | None) -> str | None:
    return value if value and value.startswith(REDIS_PREFIXES) else None


def _store_path(value: str | None) -> str | None:
    if not value or value.startswith(REDIS_PREFIXES):
        return None
    if not value.startswith(STORE_PREFIX + "/"):
        raise InvalidInput(f"SOS_STORE={value.split(':')[0]}:… is not a store that this program opens",
                           next_step="write it like sqlite:///absolute/path/sos.db")  # fmt: skip
    return os.path.normpath(value.removeprefix(STORE_PREFIX))
