"""The config files of Codex, and what it does when one of them is broken.

Seen with Codex 0.169.0: with a config.toml that does not parse no command runs; a byte order mark is taken. It keeps no backup.
Of hooks that do not parse it warns, and goes on.
"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not."""
    settings, hooks = (os.path.join(places.codex, name) for name in ("config.toml", "hooks.json"))
    return (
        Config(runtime="codex", title="Codex", path=settings, dialect="toml", broken="closed", bom=True),
        Config(runtime="codex", title="Codex", path=hooks, dialect="json", broken="ignored"),
    )
