"""What a join left undone, tried again at a session's start and by the doctor; what is still left is said."""

from __future__ import annotations

from sos.homes import undone
from sos.model.errors import SosError
from sos.model.skills import declared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.homes.undone import Undone
    from sos.ports.connection import Connection
    from sos.settings import Settings


def resume(settings: Settings, connection: Connection, home: str) -> list[Undone]:
    """Try each step again; what is left. A hook that runs this is the proof that runtime and hook are connected."""
    before = undone.load(home)
    left = [each for each in before if each.step not in {"runtime", "hook"} and not _done(settings, connection, home, each)]
    if left != before:
        undone.save(home, left)
    return left


def finish(settings: Settings, connection: Connection, home: str) -> list[Undone]:
    """Try every step again, that of the runtime and of its hook too, where nothing else proves them; what is left."""
    before = undone.load(home)
    left = [each for each in before if not _finished(settings, connection, home, each)]
    if left != before:
        undone.save(home, left)
    return left


def _finished(settings: Settings, connection: Connection, home: str, step: Undone) -> bool:
    if step.step not in {"runtime", "hook"}:
        return _done(settings, connection, home, step)
    from sos.wiring import canary, connecting, probing

    try:
        if step.step == "runtime":
            connecting.connect(settings, step.values[0], connection.slug, place=step.values[1] or None)
            return True
        sent, _ = canary.came_back(settings, connection, anew=True)
        shown = [probing.shows(settings, each, connection.slug, sent.id, sent.nonce) for each in step.values]
        return not any(each.broken for each in shown)
    except SosError:
        return False


def _done(settings: Settings, connection: Connection, home: str, step: Undone) -> bool:
    try:
        if step.step == "skills":
            connection.put_skills([declared(name, connection.me.slug, connection.me.project) for name in step.values])
        else:
            from sos.wiring import guiding

            guiding.install(settings, connection.me)
    except SosError:
        return False
    return True
