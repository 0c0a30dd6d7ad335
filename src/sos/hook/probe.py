"""A probe session: the installed command answers with one canary and marks that, and touches nothing else of the inbox.

Its id is `sos-probe-` and the id of the canary (`wiring/probing.py`). No body is written, no turn begun, no other message shown.
A session whose id begins with `sos-probe-starts-` is nobody's: it is told that the hook has started, and nothing is looked at.
"""

from __future__ import annotations

from sos.core import canary, rendering
from sos.homes import home as homes
from sos.homes import resolver
from sos.model.errors import UnknownMessage
from sos.model.ids import MessageId
from sos.wiring.local import SystemClock, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.hook.event import Event
    from sos.settings import Settings


def run(settings: Settings, event: Event, show: Callable[[str], None]) -> None:
    """Show the canary that the session is named after, then mark it. Raises what a hook run raises."""
    if event.session.startswith(canary.STARTS):
        show(canary.STARTED)
        return
    who = resolver.recorded_agent(settings.home, event.session)
    home = homes.load(settings.home, who.slug) if who is not None else None
    if home is None:
        return  # nobody's session, like any other
    # In this very session: not every runtime names it in the environment, and elsewhere somebody else may act.
    connection = connect(settings.replace(session=event.session))
    entry = connection.canary(MessageId(event.session.removeprefix(canary.SESSION)))
    if entry is None or entry.damaged:
        raise UnknownMessage("a probe shows canaries alone")
    rendered = rendering.batch([entry], connection.me, SystemClock().now(), "probe", total=1)
    show(rendered.text)
    connection.mark_read([entry])
