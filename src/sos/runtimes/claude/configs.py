"""The config files of Claude Code, and what it does when one of them is broken.

Seen with Claude Code 2.1.330: a byte order mark is taken in all of them. A state that does not parse ends each command with 1;
settings with a comma or a comment too many, and such a .mcp.json, are passed over, and it ends with 0. The lock stands beside the
path as it is named, also where that is a symbolic link.
"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places

TITLE = "Claude Code"


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not."""
    beside = os.path.join(places.user, ".claude.json")
    inside = os.path.join(places.claude, ".claude.json")
    moved = os.path.normpath(places.claude) != os.path.join(places.user, ".claude")
    # With CLAUDE_CONFIG_DIR the state stands inside of it, also where it names the usual directory.
    states = (inside,) if moved else (beside, inside)
    backups = os.path.join(places.claude, "backups", ".claude.json.backup.*")
    settings = (
        os.path.join(places.claude, "settings.json"),
        os.path.join(places.project, ".claude", "settings.json"),
        os.path.join(places.project, ".claude", "settings.local.json"),
        os.path.join(places.project, ".mcp.json"),
    )
    return (
        *(
            Config(
                runtime="claude", title=TITLE, path=path, dialect="json", broken="closed", backups=(backups,), bom=True,
                lock=f"{path}.lock", without="it starts with its defaults: its MCP servers and the trust in projects are gone",
            )
            for path in states
        ),
        *(Config(runtime="claude", title=TITLE, path=path, dialect="json", broken="ignored", bom=True) for path in settings),
    )  # fmt: skip
