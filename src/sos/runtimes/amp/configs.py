"""The file with the settings of Amp, as documented (2026); Amp itself was not run."""

from __future__ import annotations

import os

from sos.model.configs import Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Places


def configs(places: Places) -> tuple[Config, ...]:
    """The file with its servers, whether it is there or not."""
    path = os.path.join(places.config, "amp", "settings.json")
    return (Config(runtime="amp", title="Amp", path=path, dialect="jsonc", broken="ignored", bom=True),)
