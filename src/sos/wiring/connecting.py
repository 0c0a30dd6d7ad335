"""Connecting a runtime: its plugin, and which sessions of it are which agent."""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.homes import resolver
from sos.model.errors import GuideTampered, InvalidInput, UnknownAgent
from sos.model.names import OPERATOR, address_name
from sos.model.record import Record
from sos.recovery import archive, guide, rescue
from sos.runtimes.claude import plugin
from sos.wiring.launchers import compile_hook, is_compiled
from sos.wiring.local import store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Bodies
    from sos.settings import Settings


class Connected(Record):
    """What connecting did."""

    slug: str
    place: str
    written: tuple[str, ...]
    planned: bool = False


def connect_claude(
    settings: Settings, name: str | None, *, place: str | None = None, everywhere: bool = False, dry_run: bool = False
) -> Connected:
    """Write Claude Code's plugin and bind a directory (default: this one), or every session, to an agent."""
    slug = _agent(settings, name)
    bound = "*" if everywhere else os.path.realpath(place or here())
    if bound != "*" and not os.path.isdir(bound):
        raise InvalidInput(f"{bound} is not a directory", next_step="name the directory that the agent works in")
    if dry_run:
        target = plugin.directory(settings.claude_home)
        own = tuple(os.path.join(target, name) for name in (*plugin.contents(settings.home), plugin.GUIDE))
        planned = (*own, rescue.path_of(settings.home), archive.path_of(settings.home))
        return Connected(slug=slug, place=bound, written=planned, planned=True)
    written = [*plugin.install(settings.home, settings.claude_home), _guide(settings), rescue.install(settings.home)]
    _compile()
    written.append(archive.keep(settings.home))
    resolver.bind(settings.home, bound, slug)
    return Connected(slug=slug, place=bound, written=tuple(written))


def here() -> str:
    """The working directory. Raises InvalidInput where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise InvalidInput("the working directory is gone", next_step="sos connect claude --dir PATH") from error


def attend(
    settings: Settings, slug: str, *, wake: str | None, every: str | None, quiet: str | None, bodies: Bodies | None
) -> Agent:
    """Set who may wake an agent and what a hook may put into its context; None leaves a rule as it was. Raises InvalidInput."""
    from sos.model.attention import attention_of
    from sos.wiring.local import connect

    connection = connect(settings.replace(session=None), slug)
    agent = connection.myself().agent
    rules = attention_of(agent.attention, wake, every, quiet)
    if (rules, bodies or agent.bodies) == (agent.attention, agent.bodies):
        return agent
    return connection.attend(rules, bodies or agent.bodies)


def _guide(settings: Settings) -> str:
    """The recovery guide beside the skill. One plugin serves all agents here, so it names where each one's facts are."""
    facts = {"slug": "SLUG", "name": "see: sos whoami", "project": "see: sos whoami", "store": store_path(settings),
             "home": homes.path_of(settings.home, "SLUG"), "rescue": rescue.path_of(settings.home)}  # fmt: skip
    try:
        text = guide.fill(facts)
    except GuideTampered:
        text = guide.SHORT
    path = os.path.join(plugin.directory(settings.claude_home), plugin.GUIDE)
    files.write(path, text.encode(), mode=0o644)
    return path


def _compile() -> None:
    # Without .pyc files a hook starts in 16.2 ms instead of 12.6 (measured); -S processes never write them.
    if is_compiled():
        return
    import compileall

    compileall.compile_dir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), quiet=2, workers=1)
    compile_hook()


def _agent(settings: Settings, name: str | None) -> str:
    here = homes.slugs(settings.home)
    if name is None and len(here) == 1:
        return here[0]
    if name is None:
        raise UnknownAgent(
            f"which agent? Homes here: {', '.join(here) or 'none'}",
            next_step="sos connect claude --as AGENT" if here else "sos join --name NAME --role ROLE",
        )
    slug = address_name(name)
    if slug == OPERATOR:
        step = f"sos connect claude --as AGENT   (homes here: {', '.join(here) or 'none'})"
        raise InvalidInput("a session is never the operator", next_step=step)
    if slug not in here:
        raise UnknownAgent(f"no agent {slug!r} has a home here", next_step=f"sos join --name {slug} --role ROLE")
    return slug


def disconnect_claude(settings: Settings) -> bool:
    """Remove the plugin; whether there was one. Bindings stay: they say who, not how."""
    return plugin.uninstall(settings.claude_home)
