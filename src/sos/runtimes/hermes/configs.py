"""The config of Hermes is YAML, which SOS does not write: it would lose comments and order."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Config, Places


def configs(places: Places) -> tuple[Config, ...]:  # none in a dialect that we read
    """None."""
    return ()
