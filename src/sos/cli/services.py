"""What `install` and `uninstall` of a command answer: whether its user service runs, or what to type instead."""

from __future__ import annotations

from sos.wiring import units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.cli.command import Command
    from sos.wiring.units import State, Unit


def install(command: Command, unit: Unit, does: str) -> int:
    """Have systemd or launchd run it; 1 where it was not seen to run. `does`: what it does from now on, in words."""
    found = units.install(command.settings, unit)
    if found.running:
        text = f"installed and running: {does} ({found.path})"
    else:
        text = f"{f'written, but not running ({found.path})' if found.installed else 'not installed'}: {found.problem}"
        text += f"\nnext: {found.next_step}"
    command.out(text, form(unit.name, found))
    return 0 if found.running else 1


def uninstall(command: Command, name: str) -> int:
    """Have it stopped, and remove its files; 1 where it could not be stopped."""
    found = units.uninstall(command.settings, name)
    text = "it does not start by itself any more"
    if found.problem:
        text = f"its files are removed, and it could not be stopped: {found.problem}\nnext: {found.next_step}"
    command.out(text, form(name, found))
    return 1 if found.problem else 0


def said(found: State, again: str) -> str:
    """How it stands, in words. `again`: the command that installs it."""
    if not found.installed:
        return f"not installed for this user: {again}"
    return f"installed, and {'runs' if found.running else f'does not run: {found.problem}'} ({found.path})"


def form(name: str, found: State) -> dict[str, object]:
    """As JSON."""
    return {
        "id": name,
        "installed": found.installed,
        "running": found.running,
        "path": found.path,
        "problem": found.problem,
        "next": found.next_step,
    }
