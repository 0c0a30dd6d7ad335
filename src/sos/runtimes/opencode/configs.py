"""The config files of OpenCode, and what it does when one of them is broken.

Seen with OpenCode 1.18.33: comments, trailing commas, a byte order mark and an empty file are read; with what does not parse
it ends with 1.
"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not."""
    folders = (os.path.join(places.config, "opencode"), places.project)
    paths = (os.path.join(folder, name) for folder in folders for name in ("opencode.json", "opencode.jsonc"))
    return tuple(
        Config(runtime="opencode", title="OpenCode", path=path, dialect="jsonc", broken="closed", bom=True, empty=True)
        for path in paths
    )
