"""The fourth rung: who the agent is, and its three tokens, of which none stands in for another."""

from __future__ import annotations

import os
import stat

from sos import files
from sos.core.readiness import shell_word
from sos.doctor.patient import Patient
from sos.doctor.trouble import Looked, found, raised, unwritable
from sos.homes import home as homes
from sos.homes import resolver, undone
from sos.model.errors import Conflict, Forbidden, HomeNotPrivate, SosError, TokenDamaged, TokenRefused, Unauthenticated
from sos.model.times import DAY, Millis, iso
from sos.model.tokens import AGENT_SERVICES, parse_token, require_kind
from sos.wiring import local, renewing, resuming

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sos.doctor.trouble import Trouble
    from sos.model.tokens import Service, Token, TokenRecord
    from sos.settings import Settings

SOON = 3 * DAY
"""Milliseconds before its end at which a token that has not been renewed is a warning."""
CLOSED_OUT = "Without it the agent is nobody: it reads nothing and sends nothing."
_LACKS: dict[Service, str] = {
    "registry": "The agent cannot join again by itself, nor see its peers.",
    "squad": "Its skills and tasks are out of reach.",
}


def look(patient: Patient, now: Millis) -> Looked:
    """Look at an agent's identity."""
    well: list[str] = []
    troubles = [*_home(patient, well)]
    if not troubles:
        tokens = _tokens(patient)
        troubles += [each for each in tokens.values() if not isinstance(each, tuple)]
        troubles += _known(patient, {service: each[1] for service, each in tokens.items() if isinstance(each, tuple)}, now, well)
        troubles += [*_guide(patient, well), *_undone(patient)]
    return Looked(rung="identity", agent=patient.slug, well=tuple(well), troubles=tuple(troubles))


def left(patient: Patient) -> Looked:
    """What there is to say of an agent that has left: that was its wish, or its operator's."""
    agent = patient.myself().agent
    step = f"sos join --name {shell_word(agent.name)}   (if it is to come back)"
    trouble = found("note", "left", f"{patient.slug} has left", "Nobody can write to it.", step, since=agent.closed_at)
    return Looked(rung="identity", agent=patient.slug, troubles=(trouble,))


# --- the home ---------------------------------------------------------------------------------------------------------


def _home(patient: Patient, well: list[str]) -> Iterator[Trouble]:
    why = "Whoever can read it is this agent, and what others can write no agent should believe."
    for path in (patient.settings.home, patient.path):
        try:
            files.check_private(path)
        except HomeNotPrivate as error:
            yield raised(error, why, mend=_private(path))
        except OSError as error:
            yield raised(files.translated(error, path), CLOSED_OUT)
            return
    closed = unwritable(patient.path, "Its hook cannot lock, mark or log there, and says that the bus is unreachable.")
    if closed is not None:
        yield closed
        return
    try:
        home = patient.home
    except SosError as error:
        yield raised(error, CLOSED_OUT)
        return
    well.append(f"{home.name} ({home.slug}) of project {home.project}, at {home.store}")


def _private(path: str) -> Callable[[], str] | None:
    """Make it private, where it is ours and no link; else its owner has to decide."""
    if os.path.islink(path) or os.lstat(path).st_uid != os.geteuid():
        return None

    def mend() -> str:
        mode = 0o700 if os.path.isdir(path) else 0o600
        os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) & mode)
        return f"{path} is private again"

    return mend


def _guide(patient: Patient, well: list[str]) -> Iterator[Trouble]:
    try:
        agent = patient.myself().agent
    except SosError:
        return  # said above, and the guide is filled with what the bus knows of the agent
    if local.guide_path(patient.settings, agent) is None:

        def mend() -> str:
            path = local.guide_path(patient.settings, agent, keep=True)
            if path is None:
                raise TokenRefused("the packaged guide is not the one that was shipped", next_step="reinstall sos-lifeline")
            return f"the guide stands at {path} again"

        yield found(
            "warning",
            "guide_missing",
            f"the recovery guide in {patient.path} is gone, or was changed",
            "It is what an agent follows when nothing else works.",
            "sos doctor --fix",
            mend=mend,
        )
    else:
        well.append("its guide is whole")


def _undone(patient: Patient) -> Iterator[Trouble]:
    def mend() -> str:
        left = resuming.finish(patient.settings, patient.own(), patient.path)
        if left:
            raise Conflict(f"still undone: {', '.join(each.step for each in left)}", next_step=left[0].next_step)
        return "what its join left undone is done"

    for each in undone.load(patient.path):
        yield found(
            "warning",
            "join_undone",
            f"its join left undone: {each.step}: {each.what}",
            "It has joined, and something that it needs is missing.",
            each.next_step,
            since=each.since,
            mend=mend,
        )


# --- tokens -----------------------------------------------------------------------------------------------------------


def _tokens(patient: Patient) -> dict[Service, tuple[str, Token] | Trouble]:
    """Each service's token with its place, or what is wrong with it."""
    again = f"sos join --name {shell_word(patient.home.name)}"
    made: dict[Service, tuple[str, Token] | Trouble] = {}
    for service in AGENT_SERVICES:
        place = homes.token_path(patient.path, service)
        try:
            places = local.token_places(patient.settings, patient.path, service)
            place, text = next(((place, token) for place, token in places if token), (place, None))
            if text is None:
                raise TokenRefused(f"there is no {service} token: {place}", next_step=again)
            token = parse_token(text)
            require_kind(token, service)
            made[service] = (place, token)
        except HomeNotPrivate as error:
            made[service] = raised(error, "Whoever can read a token is this agent.", mend=_private(place))
        except TokenRefused as error:
            what = error.message if place in error.message else f"{error.message} ({place})"
            step = again if isinstance(error, TokenDamaged) else error.next_step
            made[service] = found("critical", error.code, what, _why(service), step)
        except SosError as error:
            made[service] = raised(error, _why(service))
    return made


def _why(service: Service) -> str:
    return _LACKS.get(service, CLOSED_OUT)


def _known(patient: Patient, tokens: dict[Service, Token], now: Millis, well: list[str]) -> Iterator[Trouble]:
    """What the bus knows of these tokens, and of the agent."""
    again = f"sos join --name {shell_word(patient.home.name)}"
    try:
        patient.myself()
        records = {record.key_id: record for record in patient.connection().tokens()}
    except (Unauthenticated, Forbidden) as error:
        if "bus" in tokens:
            yield found("critical", error.code, error.message, CLOSED_OUT, again)
        return
    except SosError as error:
        well.append(f"(whether the bus knows its tokens was not seen: {error.message})")
        return
    for service, token in tokens.items():
        yield from _record(patient, service, records.get(token.key_id), again, now, well)


def _record(
    patient: Patient, service: Service, record: TokenRecord | None, again: str, now: Millis, well: list[str]
) -> Iterator[Trouble]:
    if record is None:
        yield found("critical", "token_refused", f"its {service} token is not known to the bus", _why(service), again)
    elif record.revoked_at is not None:
        what = f"its {service} token {record.key_id} was revoked"
        yield found("critical", "token_revoked", what, _why(service), again, since=record.revoked_at)
    elif record.expires_at is None:
        well.append(f"{service} token {record.key_id}")
    elif record.expires_at < now:
        what = f"its {service} token {record.key_id} has expired"
        yield found("critical", "token_expired", what, _why(service), again, since=record.expires_at)
    elif record.expires_at < now + SOON:

        def mend() -> str:
            renewed = renewing.renew_due(patient.settings, patient.connection())
            if not renewed:
                raise TokenRefused("nothing was renewed", next_step=again)
            return f"renewed: {', '.join(renewed)}"

        what = f"its {service} token {record.key_id} expires at {iso(record.expires_at)}"
        yield found("warning", "token_expires", what, _why(service), "sos doctor --fix", mend=mend)
    else:
        well.append(f"{service} token {record.key_id}, until {iso(record.expires_at)}")


def bindings(settings: Settings) -> Iterator[Trouble]:
    """Directories that are bound to agents which have no home here."""
    root = settings.home
    try:
        bound = resolver.load_bindings(root)
    except SosError as error:
        trouble = raised(error, "No new session can say which agent it is.")
        anew = [patient.binding() for slug in homes.slugs(root) if (patient := Patient(settings, slug)).connected()]
        keeps = "   (keeps the damaged file beside it; DIR: where that agent works)"
        step = "; ".join(anew) + keeps if anew else trouble.finding.next_step
        yield trouble.replace(finding=trouble.finding.replace(next_step=step))
        return
    here = homes.slugs(root)
    for place, slug in bound.items():
        if slug not in here:
            where = "every session" if place == "*" else f"the directory {place}"
            yield found(
                "warning",
                "binding_dangling",
                f"{where} is bound to {slug}, which has no home here",
                "A session there is nobody, and is shown nothing.",
                f"sos join --name {slug}, or sos connect claude --as AGENT --dir {shell_word(place)}",
            )
