"""The operator of a deployment: enrolled once, with a home where `sos serve` was started, and the administrator's token in it."""

from __future__ import annotations

from sos.core.access import record_of
from sos.homes import home as homes
from sos.model.agents import Joining
from sos.model.errors import BusMismatch, HomeDamaged
from sos.model.names import OPERATOR
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint
from sos.server import log
from sos.wiring import guiding
from sos.wiring.local import SystemClock, make_operator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent
    from sos.model.tokens import Service
    from sos.ports import Store
    from sos.settings import Settings


def settle(settings: Settings, store: Store, url: str) -> None:
    """Make sure of the operator. `url`: where the server is; over Redis the operator's own commands go there too.

    Raises BusMismatch where the operator of this SOS_HOME is of an embedded store, HomeNotPrivate, StorageFull.
    """
    if settings.redis is None:
        make_operator(settings)
        _hold(settings, store, _enrolled(store), ("admin",))
        return
    home = _home(settings)
    if home is not None and not home.remote:
        raise BusMismatch(
            f"the operator of {settings.home} uses the store {home.store}",
            next_step="export SOS_HOME=… for this server, an empty one",
        )
    agent = _enrolled(store)
    _hold(settings, store, agent, (*AGENT_SERVICES, "admin"))
    here = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    if home is None or (home.store, home.epoch) != (here, store.epoch):
        homes.save(settings.home, agent, here, store.epoch)
    guiding.install(settings, agent)


def _home(settings: Settings) -> homes.Home | None:
    try:
        return homes.load(settings.home, OPERATOR)
    except HomeDamaged:
        return None  # written anew


def _enrolled(store: Store) -> Agent:
    joining = Joining(slug=OPERATOR, name=OPERATOR, role="human", label="operator", project="default")
    return store.agents.agent(OPERATOR) or store.agents.enrol(joining, SystemClock().now()).agent


def _hold(settings: Settings, store: Store, agent: Agent, services: tuple[Service, ...]) -> None:
    """Tokens for these services stand in the operator's home, and count."""
    place = homes.private(settings.home, OPERATOR)
    for service in services:
        token = homes.sound_token(place, service)
        if token is None:
            token = mint(SERVICES[service])
            homes.save_token(place, token)
            if service == "admin":
                log.say("admin_token", path=homes.token_path(place, service), id=token.key_id)
        store.tokens.add(record_of(token, agent.slug, agent.project, SystemClock().now()))
