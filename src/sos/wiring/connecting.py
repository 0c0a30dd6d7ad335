"""Connecting a runtime: what it needs from us, and which sessions of it are which agent."""

from __future__ import annotations

import os

from sos import files
from sos.homes import connected, resolver
from sos.homes import home as homes
from sos.model.configs import Own
from sos.model.errors import GuideTampered, InvalidInput, UnknownAgent
from sos.model.names import OPERATOR, address_name
from sos.model.record import Record
from sos.recovery import archive, guide, rescue
from sos.runtimes import HOOKED, NAMES, launchers, owned
from sos.wiring import installing
from sos.wiring.freshening import compile_hook, is_compiled
from sos.wiring.local import store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Bodies
    from sos.settings import Settings


PATIENCE = 30.0
"""Seconds that another connect or disconnect is waited for."""


class Connected(Record):
    """What connecting did."""

    slug: str
    runtime: str
    place: str
    written: tuple[str, ...]
    #: What would change in files that are not ours, where it was only planned.
    diff: str = ""
    planned: bool = False
    #: Whose the place was until now, where it was another agent's.
    former: str | None = None


def connect(
    settings: Settings,
    runtime: str,
    name: str | None,
    *,
    place: str | None = None,
    everywhere: bool = False,
    dry_run: bool = False,
) -> Connected:
    """Write what a runtime needs and bind a directory (default: this one), or every session, to an agent."""
    slug = agent_named(settings, runtime, name)
    bound = "*" if everywhere else os.path.realpath(place or here(runtime))
    if bound != "*" and not os.path.isdir(bound):
        raise InvalidInput(f"{bound} is not a directory", next_step="name the directory that the agent works in")
    places = settings.places("" if bound == "*" else bound)
    if dry_run:
        paths, diff = installing.planned(settings, runtime, places)
        planned = (*paths, rescue.path_of(settings.home), archive.path_of(settings.home))
        return Connected(slug=slug, runtime=runtime, place=bound, written=planned, diff=diff, planned=True)
    with _alone(settings):
        written = installing.install(settings, runtime, places, _guide(settings))
        written.append(rescue.install(settings.home))
        _compile()
        written.append(archive.keep(settings.home))
        former = resolver.bind(settings.home, bound, slug)
        connected.add(settings.home, slug, runtime)
    return Connected(slug=slug, runtime=runtime, place=bound, written=tuple(written), former=former)


def runtimes(settings: Settings, slug: str) -> list[str]:
    """The runtimes that serve an agent here: those that it is connected in; where it never was in any, all that are connected."""
    known = connected.recorded(settings.home, slug)
    if known is not None:
        return [each for each in known if each in NAMES]
    places = settings.places("")
    return [each for each in NAMES if installing.installed(settings, each, places)]


def hooked(settings: Settings, slug: str) -> list[str]:
    """Those of them that run our hooks."""
    return [each for each in runtimes(settings, slug) if each in HOOKED]


def marketplace(settings: Settings, directory: str, *, dry_run: bool = False) -> tuple[str, list[str]]:
    """Write a plugin with a marketplace file into a directory of its own; where, and what was (or would be) written.

    Raises EphemeralInterpreter, RuntimeConfigError where the directory holds something else, StorageFull.
    """
    own = _market(settings, directory)
    if dry_run:
        return own.path, owned.paths(own)
    launchers.check(settings.home)
    written = [*launchers.write(settings.home), *owned.write(own)]
    _compile()
    return own.path, written


def without_marketplace(directory: str) -> tuple[str, bool]:
    """Remove it; where, and whether it was there."""
    own = Own(path=os.path.abspath(directory), contents={})
    return own.path, owned.remove(own)


def _market(settings: Settings, directory: str) -> Own:
    from sos.runtimes import marketplace as market

    return Own(path=os.path.abspath(directory), contents=market.contents(settings.home, _guide(settings)))


def here(runtime: str) -> str:
    """The working directory. Raises InvalidInput where it is gone."""
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise InvalidInput("the working directory is gone", next_step=f"sos connect {runtime} --dir PATH") from error


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
        return guide.fill(facts)
    except GuideTampered:
        return guide.SHORT


def _compile() -> None:
    # Without .pyc files a hook starts in 16.2 ms instead of 12.6 (measured); -S processes never write them.
    if is_compiled():
        return
    import compileall

    compileall.compile_dir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), quiet=2, workers=1)
    compile_hook()


def agent_named(settings: Settings, runtime: str, name: str | None) -> str:
    """The agent that is meant: the only one with a home here, where none is named. Raises UnknownAgent, InvalidInput."""
    here = homes.slugs(settings.home)
    if name is None and len(here) == 1:
        return here[0]
    if name is None:
        raise UnknownAgent(
            f"which agent? Homes here: {', '.join(here) or 'none'}",
            next_step=f"sos connect {runtime} --as AGENT" if here else "sos join --name NAME --role ROLE",
        )
    slug = address_name(name)
    if slug == OPERATOR:
        step = f"sos connect {runtime} --as AGENT   (homes here: {', '.join(here) or 'none'})"
        raise InvalidInput("a session is never the operator", next_step=step)
    if slug not in here:
        raise homes.unknown(settings.home, slug)
    return slug


class Disconnected(Record):
    """What disconnecting did."""

    #: Whether what connecting wrote is gone, and was there.
    removed: bool
    #: Agents that were connected in the runtime and are not any longer, and those for which it stays.
    agents: tuple[str, ...]
    stays_for: tuple[str, ...]
    #: Directories (`*`: every session) that are nobody's now.
    unbound: tuple[str, ...] = ()


def disconnect(settings: Settings, runtime: str, name: str | None = None) -> Disconnected:
    """Take back what connecting wrote for a runtime: for all agents here, or for one.

    What serves them is one set of files, which stays while it serves another agent. Bindings stay too, since they say who and not
    how, but for those of an agent that is then connected in no runtime.
    """
    slug = None if name is None else agent_named(settings, runtime, name)
    with _alone(settings):
        served = connected.served(settings.home, runtime)
        gone = [each for each in served if slug in {None, each}]
        stays = [] if slug is None else [each for each in served if each != slug]
        removed = not stays and installing.uninstall(settings, runtime, settings.places(""))
        for each in gone:
            connected.drop(settings.home, each, runtime)
        unbound = []
        if slug is not None and not connected.runtimes(settings.home, slug):
            unbound = [place for place, whose in resolver.load_bindings(settings.home).items() if whose == slug]
            for place in unbound:
                resolver.bind(settings.home, place, None)
    return Disconnected(removed=removed, agents=tuple(gone), stays_for=tuple(stays), unbound=tuple(unbound))


def _alone(settings: Settings) -> files.Lock:
    """One connects or disconnects at a time. Raises HomeNotPrivate, and StoreUnreachable where another one takes too long."""
    run = files.private_directory(os.path.join(settings.home, "run"))
    return files.Lock(os.path.join(run, "connect.lock"), PATIENCE)
