"""How one runtime is connected: what each runtime's `connector.py` has. Each is loaded alone, where it is needed."""

from __future__ import annotations

import sys

from sos.model.errors import InvalidInput
from sos.runtimes import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from sos.model.configs import Merge, Own, Places
    from sos.model.findings import Finding

    class Connector(Protocol):
        """One runtime's. `home` is SOS_HOME, absolute; `places` say where the runtime keeps its files."""

        #: As people call it.
        TITLE: str
        #: Hook events and the seconds that the runtime gives each; none where it runs no hooks, and has no speech.
        EVENTS: Mapping[str, int]
        #: The event, of its own names, that a probe runs: a prompt, or another one whose text is taken.
        PROMPT: str
        #: A command of its own that lists what it loads, and what must stand in the list; empty where there is none.
        LISTS: Sequence[str]
        LISTED: str
        #: What its user has to do after connecting. `{mcp}` stands for the program that offers our tools.
        NEXT: str
        #: What wakes it at an idle prompt, or that nothing does.
        WAKES: str

        def owned(self, home: str, places: Places, guide: str) -> Sequence[Own]:
            """What is ours as a whole. `guide`: the recovery guide, or nothing where only the paths matter."""
            ...

        def merges(self, home: str, places: Places) -> Sequence[Merge]:
            """What of ours stands in files that are its own."""
            ...

        def command(self, home: str, places: Places, event: str) -> str:
            """The shell line of a hook, as it is installed. Raises RuntimeConfigError."""
            ...

        def look(self, home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
            """What else its files say that keeps our hooks from running in sessions in these directories. Nothing is started."""
            ...

        def ask(self, program: str, home: str, projects: Sequence[str], seconds: float) -> list[Finding]:
            """What the program itself, started for it, says that keeps our hooks from running in sessions in these directories.

            Raises RuntimeConfigError where it does not answer within so many seconds.
            """
            ...

        def heeded(self, event: str, printed: bytes) -> str:
            """The text that the runtime would take from what a hook printed at a prompt; empty where it would take none."""
            ...


def connector_of(name: str) -> Connector:
    """The connector of a runtime by its name. Raises InvalidInput."""
    if name not in NAMES:
        raise InvalidInput(f"{name[:40]!a} is no runtime that can be connected", next_step=f"one of: {', '.join(NAMES)}")
    module = f"sos.runtimes.{name}.connector"
    __import__(module)
    connector: Connector = sys.modules[module]  # the tests hold each to it
    return connector
