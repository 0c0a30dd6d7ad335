"""The config files of Gemini CLI, and what it does when one of them is broken.

Seen with Gemini CLI 0.61.0: comments are read, a trailing comma or a byte order mark is not; it ends with 52.
"""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """All of them, whether they are there or not."""
    paths = (os.path.join(place, ".gemini", "settings.json") for place in (places.user, places.project))
    return tuple(
        Config(runtime="gemini", title="Gemini CLI", path=path, dialect="json-comments", broken="closed") for path in paths
    )
