"""The config files of Copilot CLI, and what it does when one of them is broken.

Seen with Copilot CLI 1.0.102: each that does not parse is passed over. In settings and servers it reads comments, trailing commas
and a byte order mark; a file of hooks with one of these is passed over too.
"""

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
    lenient = (os.path.join(home, "mcp-config.json"), os.path.join(home, "settings.json"))
    title = "Copilot CLI"
    return (
        *(Config(runtime="copilot", title=title, path=path, dialect="jsonc", broken="ignored", bom=True) for path in lenient),
        *(Config(runtime="copilot", title=title, path=path, dialect="json", broken="ignored") for path in hooks),
    )
