"""The config files of Codex. (Codex 0.169.0: no command loads a config.toml that does not parse; it keeps no backup.)"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not."""
    return (
        Config(runtime="codex", title="Codex", path=os.path.join(places.codex, "config.toml"), dialect="toml", broken="closed"),
        Config(runtime="codex", title="Codex", path=os.path.join(places.codex, "hooks.json"), dialect="json", broken="ignored"),
    )
