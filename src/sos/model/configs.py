"""What a config file of a runtime is: where it stands, how it is written, and what its runtime does when it is broken."""

from __future__ import annotations

from sos.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

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
    #: Whether the runtime takes an empty file for one without any key.
    empty: bool = False
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


class Own(Record):
    """A file that is ours as a whole, or a directory that is."""

    path: str
    #: Of a directory: path inside it → text. Of a file: one text, under the empty path.
    contents: dict[str, str]
    #: Beginnings of the paths without which no hook runs; empty where it holds no hook.
    vital: tuple[str, ...] = ()
    #: Whether other runtimes read it too: it stays as long as one of them is connected.
    shared: bool = False


class Put(Record):
    """One thing of ours in a config of a runtime: the member at a place, or an element of the list that stands there."""

    #: Keys, from the outside in.
    steps: tuple[str, ...]
    value: Any
    element: bool = False


class Merge(Record):
    """What of ours stands in a config that is a runtime's own."""

    config: Config
    puts: tuple[Put, ...]
    #: What a new file says besides.
    base: dict[str, Any] = {}  # a Record's default is never changed
