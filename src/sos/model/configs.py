"""What a config file of a runtime is: where it stands, how it is written, and what its runtime does when it is broken."""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Dialect = Literal["json", "json-comments", "jsonc", "toml"]
    #: What a runtime does with a file that it cannot parse: it does not open, or it goes on as if the file were not there.
    Broken = Literal["closed", "ignored"]

DIALECTS: tuple[Dialect, ...] = ("json", "json-comments", "jsonc", "toml")


class Config(Record):
    """One config file of a runtime."""

    #: The runtime as `--runtime` names it, and as people do.
    runtime: str
    title: str
    path: str
    dialect: Dialect
    broken: Broken
    #: Patterns of the runtime's own backups of it, for `glob`.
    backups: tuple[str, ...] = ()
    #: Whether the runtime takes a byte order mark.
    bom: bool = False
    #: The directory that is made, and removed again, by whoever writes the file; None where the runtime has no lock.
    lock: str | None = None
    #: What the runtime does without the file.
    without: str = "it starts with its defaults"


class Places(Record):
    """Where runtimes keep their files: the user's home, what environment variables move, and the directory of a project."""

    user: str
    claude: str
    codex: str
    #: Below which programs keep a directory each: `~/.config`.
    config: str
    project: str
