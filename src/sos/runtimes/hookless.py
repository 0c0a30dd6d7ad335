"""What connectors of runtimes that run no hooks have in common: tools over MCP, and nothing that shows mail by itself.

Their user or their model has to ask: `inbox` among the tools, or `sos inbox`.
"""

from __future__ import annotations

from sos.model.configs import Merge, Put
from sos.model.errors import RuntimeConfigError
from sos.runtimes import launchers, skill

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sos.model.configs import Config, Own, Places
    from sos.model.findings import Finding

EVENTS: Mapping[str, int] = {}
PROMPT = ""
LISTS: Sequence[str] = ()
LISTED = ""
WAKES = "nothing wakes it, and nothing is shown to it by itself: it sees its mail when it calls `inbox`, or types sos inbox"
NOWHERE = "offers it no tools? its server is not started in the agent's directory: connect it with --everywhere"
"""What to say where a runtime starts its servers wherever it likes: by the directory we know whose session it is."""


def owned(home: str, places: Places, guide: str) -> Sequence[Own]:
    """The skill."""
    return (skill.own(places, guide),)


def merges(home: str, places: Places) -> Sequence[Merge]:  # where its config is none that we write
    """None."""
    return ()


def tools(config: Config, home: str, *steps: str) -> Sequence[Merge]:
    """Our tools, at a place in a config."""
    return (Merge(config=config, puts=(Put(steps=steps, value={"command": launchers.path_of(home, "sos-mcp"), "args": []}),)),)


def command(home: str, places: Places, event: str) -> str:
    """Raises RuntimeConfigError: there is no hook."""
    raise RuntimeConfigError("it runs no hooks", next_step="sos inbox")


def look(home: str, places: Places, projects: Sequence[str]) -> list[Finding]:
    """See `sos.runtimes.connector.Connector`: none that is known."""
    return []


def heeded(event: str, printed: bytes) -> str:
    """See `sos.runtimes.connector.Connector`: nothing."""
    return ""
