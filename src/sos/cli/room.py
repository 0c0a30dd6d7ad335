"""What a command does where a write found no room: the watchdog looks at once, and gives its ballast up where it is critical."""

from __future__ import annotations

from sos.cli import output
from sos.model.errors import SosError


def look() -> None:
    """Look, and say what has changed since the last look. The error that led here is told whatever comes of this."""
    from sos.settings import load
    from sos.wiring import watchdog

    try:
        found = watchdog.look(load(), after_failure=True)
    except (SosError, OSError) as error:
        output.remark(f"sos: the watchdog could not look: {error}")
        return
    for alert in found.alerts:
        output.remark(f"sos: {alert}")
