"""Joining a bus behind a server: with an invitation, or again with the agent's own token.

The tokens are made here and stand in the home before the server hears of them: of each it gets a digest. So a join that was
killed goes on with the same ones, and the server knows it again.
"""

from __future__ import annotations

import os

from sos import files
from sos.homes import home as homes
from sos.model.agents import Joining
from sos.model.errors import Conflict, InvitationNeeded, TokenExpired, TokenRevoked, WrongAgent
from sos.model.roles import role_of
from sos.model.shell import shell_word
from sos.model.tokens import AGENT_SERVICES, SERVICES, mint
from sos.wiring.remote import connection_to

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.agents import Agent, Enrolment
    from sos.model.tokens import Token
    from sos.ports.connection import Connection
    from sos.settings import Settings

INSTALL = "install"
"""The file with this home's install id: by it a server knows a retry from a copy."""


def _another(asked: Joining) -> str:
    """How one comes to another invitation."""
    role = f" --role {shell_word(asked.label)}" if asked.label else ""
    project = f" --project {asked.project}" if asked.project else ""
    return f"ask the operator for a new one: sos token mint join --name {shell_word(asked.name)}{role}{project} --out FILE"


class OverServer:
    """Joining the bus at a URL."""

    def __init__(self, settings: Settings, url: str, invitation: str | None) -> None:
        self._settings = settings
        self._invitation = invitation
        self._tokens: list[Token] = []
        self.bus = url

    def name_of(self, named: str | None) -> str:
        """The name of the agent whose token was given."""
        agent = connection_to(self._settings, self.bus, {"bus": self._settings.token or ""}).myself().agent
        if named is not None and named.strip() not in {agent.name, agent.slug}:
            raise WrongAgent(f"the token given is {agent.slug}'s", next_step="leave out --name, or give the other token")
        return agent.name

    def prepare(self) -> None:
        """Nothing: the operator is the server's."""

    def completed(self, asked: Joining, role: str | None, project: str | None) -> Joining:
        """What was not said stays as the invitation, or the home, has it: empty until the server fills it."""
        home = homes.load(self._settings.home, asked.slug)
        place = homes.path_of(self._settings.home, asked.slug)
        self._had = {service: token for service in AGENT_SERVICES if (token := homes.sound_token(place, service)) is not None}
        if self._invitation is None and "registry" not in self._had:
            raise InvitationNeeded(f"{asked.name} is not known to {self.bus} yet, and there is no invitation")
        if home is not None and asked.name == home.slug:
            asked = asked.replace(name=home.name)
        if home is not None and home.name != asked.name:
            raise WrongAgent(f"{place} is the home of {home.name}, not {asked.name}")
        told = role_of(role)[0] if role else asked.role
        return asked.replace(label=role or "", role=told, project=asked.project if project else "")

    def enrol(self, asked: Joining) -> Enrolment:
        """Make the tokens, then have the server enrol agent and tokens as one step.

        A token that the home has and that was revoked is replaced by the operator's leave alone, which is an invitation.
        """
        try:
            return self._enrol(asked)
        except Conflict as error:
            if error.code != Conflict.code or not self._had:
                raise
            if self._invitation is None:
                raise InvitationNeeded(f"{self.bus} does not take this home's tokens any longer: {error.message}") from error
            self._had, self._tokens = {}, []
            return self._enrol(asked)

    def _enrol(self, asked: Joining) -> Enrolment:
        place = homes.private(self._settings.home, asked.slug)
        for service in AGENT_SERVICES:
            token = self._had.get(service)
            if token is None:
                token = mint(SERVICES[service])
                homes.save_token(place, token)
            self._tokens.append(token)
        known = [token.known for token in self._tokens]
        if self._invitation is not None:
            connection = connection_to(self._settings, self.bus, {"join": self._invitation})
            try:
                return connection.enrol(asked, known, self._install())
            except (TokenRevoked, TokenExpired) as error:
                if "registry" not in self._had:
                    raise type(error)(error.message.replace("join token", "invitation"), next_step=_another(asked)) from error
                # It was used by this very join before, whose answer was lost: then the server knows our tokens.
        connection = connection_to(self._settings, self.bus, {"registry": self._tokens[0].text})
        return connection.join_again(asked, known)

    def _install(self) -> str:
        path = os.path.join(self._settings.home, INSTALL)
        data = files.read(path, limit=200)
        text = (data or b"").decode("ascii", "replace").strip()
        if not (len(text) == 32 and text.isalnum()):
            text = os.urandom(16).hex()
            files.write(path, (text + "\n").encode())
        return text

    def settle(self, agent: Agent) -> tuple[Connection, list[Token]]:
        """The home, and the agent's connection."""
        tokens = {token.service: token.text for token in self._tokens}
        connection = connection_to(self._settings, self.bus, tokens, agent.slug)
        homes.save(self._settings.home, agent, self.bus, connection.myself().epoch)
        return connection, self._tokens

    def take_back(self, enrolment: Enrolment) -> None:
        """What the server enrolled stays with it: the same command again goes on with it, by the same tokens."""
