"""The config files of Copilot CLI. (Copilot CLI 1.0.102 passes over each that does not parse, and ends with 0.)"""

from __future__ import annotations

import glob
import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not; of the hooks those that are there."""
    home = os.path.join(places.user, ".copilot")
    hooks = sorted(glob.glob(os.path.join(glob.escape(home), "hooks", "*.json")))
    paths = (os.path.join(home, "mcp-config.json"), os.path.join(home, "settings.json"), *hooks)
    return tuple(Config(runtime="copilot", title="Copilot CLI", path=path, dialect="json", broken="ignored") for path in paths)
