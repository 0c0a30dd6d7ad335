"""Enrolling over a wire: by an invitation, which is bound and for one use; or again, by the agent's own token."""

from __future__ import annotations

from sos.core.access import grantable, record_of
from sos.core.readiness import mend
from sos.model.digests import sha256
from sos.model.errors import Conflict, Forbidden, IdConflict, InvalidInput, TokenRevoked
from sos.model.findings import Notice
from sos.model.names import OPERATOR, address_name, label
from sos.model.roles import UNKNOWN, role_of
from sos.model.times import MINUTE, Millis
from sos.model.tokens import AGENT_SERVICES, LIFE, TokenRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sos.model.agents import Agent, Enrolment, Joining
    from sos.model.tokens import KnownToken
    from sos.ports import Store

INVITATION_LIFE = 15 * MINUTE
_ROLE = "role="
MAX_INSTALL = 64


def invitation(token: KnownToken, name: str, role: str, project: str, now: Millis) -> TokenRecord:
    """What the store keeps of an invitation: whom it is for, as what, where. Raises InvalidInput, BadName."""
    if token.service != "join":
        raise InvalidInput(f"a {token.service} token is no invitation")
    return TokenRecord(
        key_id=token.key_id,
        digest=token.digest,
        service="join",
        agent=address_name(name),
        project=label(project, "project"),
        scopes=("join", _ROLE + label(role or UNKNOWN, "role")),
        created_at=now,
        expires_at=Millis(now + INVITATION_LIFE),
    )


def invited(
    store: Store, record: TokenRecord, joining: Joining, tokens: Sequence[KnownToken], install: str, now: Millis
) -> Enrolment:
    """Enrol whom an invitation is for. The same installation may do it again; another one is refused, and the operator told.

    An empty label or project of `joining` is what the invitation says. Raises Forbidden for what it is not for, TokenRevoked
    where another installation used it, SlugTaken, ProjectChanged, InvalidInput.
    """
    role = next(scope.removeprefix(_ROLE) for scope in record.scopes if scope.startswith(_ROLE))
    known = store.agents.agent(record.agent)
    if known is not None and known.status == "open" and joining.name == known.slug:
        joining = joining.replace(name=known.name)  # as it is addressed, and the invitation is for that address
    asked = _filled(joining, role, record.project if known is None else known.project)
    given = (asked.slug, asked.project, label(asked.label, "role"))
    if given != (record.agent, record.project, role):
        raise Forbidden(f"this invitation is for {record.agent} as {role} in project {record.project}, and for nothing else",
                        next_step="join as that, or ask the operator for another invitation")  # fmt: skip
    if not (0 < len(install) <= MAX_INSTALL and install.isalnum() and install.isascii()):
        raise InvalidInput(f"an install id is 1 to {MAX_INSTALL} letters and digits")
    _require(store, asked, tokens)
    _claim(store, record, install, now)
    made = store.agents.enrol(asked, now)
    _keep(store, made.agent, tokens, now)
    store.tokens.revoke(record.key_id, now)
    store.nudge(made.agent.slug)  # streams of who had this slug before end
    return made


def again(store: Store, me: Agent, joining: Joining, tokens: Sequence[KnownToken], now: Millis) -> Enrolment:
    """The same agent joins again, by its own token: role and skills may change, and lost tokens are replaced."""
    if joining.name not in {me.name, me.slug}:
        raise Forbidden(f"the token given is {me.name}'s", next_step=mend(me))
    asked = _filled(joining.replace(name=me.name), me.label, me.project)
    _require(store, asked, tokens)
    made = store.agents.enrol(asked, now)
    _keep(store, made.agent, tokens, now)
    return made


def _filled(joining: Joining, role: str, project: str) -> Joining:
    said = joining.label or role
    return joining.replace(label=said, role=role_of(said)[0], project=label(joining.project or project, "project"),
                           squads=tuple(label(squad, "squad") for squad in joining.squads))  # fmt: skip


def _require(store: Store, asked: Joining, tokens: Sequence[KnownToken]) -> None:
    """Raises InvalidInput, Conflict: before anything is written."""
    if (OPERATOR if asked.name == OPERATOR else address_name(asked.name)) != asked.slug:
        raise InvalidInput(f"the slug of {ascii(asked.name)[:60]} is {address_name(asked.name)}")
    if sorted(token.service for token in tokens) != sorted(AGENT_SERVICES):
        raise InvalidInput(f"an agent has one token for each of {', '.join(AGENT_SERVICES)}")
    for token in tokens:
        if len(token.digest) != 32 or not (0 < len(token.key_id) <= 10 and token.key_id.isalnum() and token.key_id.isascii()):
            raise InvalidInput("a token's key id is 1 to 10 letters and digits, its digest SHA-256")
        kept = store.tokens.by_key(token.key_id)
        if kept is not None and (kept.agent != asked.slug or kept.digest != token.digest or kept.revoked_at is not None):
            raise Conflict(f"the {token.service} token {token.key_id} is another's, or was revoked")


def _claim(store: Store, record: TokenRecord, install: str, now: Millis) -> None:
    """Bind an invitation to the first installation that shows it: adding a record compares and sets."""
    mark = record.replace(key_id=f"i{record.key_id[:9]}", digest=sha256(install.encode()), revoked_at=now)
    try:
        store.tokens.add(mark)
    except IdConflict as error:
        text = f"The invitation {record.key_id} for {record.agent} was shown by a second installation, and refused."
        store.agents.notify(Notice(agent=OPERATOR, at=now, code="invitation_cloned", text=text))
        raise TokenRevoked(f"the invitation {record.key_id} was used by another installation",
                           next_step="ask the operator for an invitation of your own") from error  # fmt: skip


def _keep(store: Store, agent: Agent, tokens: Sequence[KnownToken], now: Millis) -> None:
    for token in tokens:
        scopes = grantable(store, agent, token.service, embedded=False)
        store.tokens.add(record_of(token, agent.slug, agent.project, now, Millis(now + LIFE), scopes))
