"""The second rung: whether the runtimes of an agent's sessions open, and whether they run our hook."""

from __future__ import annotations

import os

from sos import files
from sos.core.readiness import shell_word
from sos.doctor.trouble import Looked, Trouble, found, raised
from sos.model.errors import SosError
from sos.recovery import repair
from sos.runtimes import NAMES, configs, versions
from sos.runtimes.connector import connector_of
from sos.runtimes.looking import BY_CONNECTING, again, content, deaf
from sos.wiring import connecting, installing, probing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sos.doctor.opening import Opened
    from sos.doctor.patient import Patient
    from sos.model.agents import Body
    from sos.model.configs import Config
    from sos.model.times import Millis


def look(patient: Patient, now: Millis, *, deep: bool) -> Looked:
    """Look at the runtimes that an agent's sessions are in. One without any (a program, a watched one) has nothing to break."""
    bound, readable = _bound(patient)
    bodies = _bodies(patient, now)
    runtimes = _runtimes(patient, bound, bodies)
    if not runtimes:
        return Looked(rung="runtime", agent=patient.slug, troubles=(_alone(patient),))
    well: list[str] = []
    cwds = [body.cwd for body in bodies if body.cwd]
    places = [place for place in dict.fromkeys((*bound, *cwds)) if place != "*"]
    troubles = [*_gone(patient, places)]
    if readable and not bound:
        troubles.append(_unbound(patient))
    opened = _opened(patient, runtimes, places) if deep else {}
    for runtime in runtimes:
        seen = [*_configs(patient, runtime, places, well), *_files(patient, runtime, places)]
        if not connector_of(runtime).EVENTS:
            well.append(f"{connector_of(runtime).TITLE} runs no hooks: {patient.slug} sees its mail when it asks for it")
        elif not any(trouble.finding.severity == "critical" for trouble in seen):
            seen += _hook(patient, runtime, well)
        if runtime in opened:
            known = {trouble.finding.code for trouble in seen}
            seen += [trouble for trouble in opened[runtime].troubles if trouble.finding.code not in known]
            well += opened[runtime].well
        seen += _version(patient, runtime, well, deep=deep)
        troubles += seen
    return Looked(rung="runtime", agent=patient.slug, well=tuple(well), troubles=tuple(troubles))


def _bound(patient: Patient) -> tuple[list[str], bool]:
    """The directories that are bound to it, and whether that could be read."""
    try:
        return patient.bound(), True
    except SosError:
        return [], False  # said of the machine's bindings


def _runtimes(patient: Patient, bound: list[str], bodies: list[Body]) -> list[str]:
    """The runtimes that it is connected to by its own record, and those of its sessions that any agent here is connected to.

    What was disconnected on purpose is not missed, nor what never was connected. Where sessions are expected, and no record says
    in what, it is what is installed; Claude Code where nothing is.
    """
    seen = [body.runtime for body in bodies if body.runtime in NAMES]
    known = patient.connected()
    if known is not None:
        try:
            here = installing.connected_here(patient.settings)
        except SosError:
            here = set(seen)  # a home that is not private is said of that agent
        return list(dict.fromkeys(each for each in (*known, *(each for each in seen if each in here)) if each in NAMES))
    if not bound and not bodies:
        return []
    return list(dict.fromkeys((*connecting.runtimes(patient.settings, patient.slug), *seen))) or ["claude"]


def _alone(patient: Patient) -> Trouble:
    return found(
        "note",
        "not_connected",
        f"{patient.slug} is connected to no runtime",
        "It is reached by sos inbox, the SDK or sos watch; no session is shown its mail by itself.",
        patient.binding().replace("connect claude", "connect RUNTIME") + "   (where a session is to be shown its mail)",
    )


def _unbound(patient: Patient) -> Trouble:
    return found(
        "warning",
        "unbound",
        f"no directory is bound to {patient.slug}: only a session started with SOS_AGENT={patient.slug} is its own",
        "Any other session that starts is not this agent, and is shown none of its mail.",
        patient.binding(),
    )


def _opened(patient: Patient, runtimes: list[str], places: list[str]) -> dict[str, Opened]:
    from sos.doctor import opening  # which brings threads

    return opening.all_of(patient.settings, runtimes, places)


def _bodies(patient: Patient, now: Millis) -> list[Body]:
    try:
        return patient.bodies(now)
    except SosError:
        return []  # the rungs below say why


def _gone(patient: Patient, places: list[str]) -> Iterator[Trouble]:
    for place in places:
        if not os.path.isdir(place):
            yield found(
                "warning",
                "directory_gone",
                f"the directory {place} is gone",
                "No new session can start there.",
                f"sos connect RUNTIME --as {patient.slug} --dir PATH",
            )


def _configs(patient: Patient, runtime: str, places: list[str], well: list[str]) -> Iterator[Trouble]:
    """Whether the config files of a runtime parse, as it reads them itself."""
    settings = patient.settings
    known: dict[str, Config] = {}
    for project in (*places, settings.home):  # at least once, also where every session is this agent's
        known |= {config.path: config for config in configs.known(settings.places(project), runtime)}
    for path, config in known.items():
        try:
            reason = repair.reason(config)
        except SosError as error:
            yield raised(error, "Whether the runtime can read it is not known.", severity="warning")
            continue
        if not reason:
            well.append(f"{path} parses")
            continue
        yield _broken(patient, runtime, config, reason, places)


def _broken(patient: Patient, runtime: str, config: Config, reason: str, places: list[str]) -> Trouble:
    """A config that does not parse. One that is empty, and in which ours has to stand, is made anew by connecting."""
    closed = config.broken == "closed"
    merges = connector_of(runtime).merges(patient.settings.home, patient.settings.places(""))
    ours = [put for merge in merges if merge.config.path == config.path for put in merge.puts]
    empty = bool(ours) and not (content(config.path) or b"").strip() and not files.in_archive()
    return found(
        "critical" if closed or any(put.element for put in ours) else "warning",
        f"config_{config.broken}",
        f"{config.path} is broken: {reason}",
        f"{config.title} does not open." if closed else f"{config.title} ignores all of it, hooks included, without a word.",
        again(runtime).replace("AGENT", patient.slug)
        if empty
        else f"sos repair {shell_word(config.path)}   (shows what would be written, and asks; --yes writes it)",
        mend=_connect(patient, runtime, places) if empty else None,
    )


def _files(patient: Patient, runtime: str, places: list[str]) -> Iterator[Trouble]:
    settings = patient.settings
    for finding in installing.look(settings, runtime, places):
        step, mend = finding.next_step.replace("AGENT", patient.slug), None
        if finding.code in BY_CONNECTING:
            if files.in_archive():
                step = f"install sos-lifeline again, then: {step}"
            else:
                mend = _connect(patient, runtime, places)
        yield Trouble(finding=finding.replace(next_step=step), mend=mend)


def _connect(patient: Patient, runtime: str, places: list[str]) -> Callable[[], str]:
    def mend() -> str:
        place = next((place for place in places if os.path.isdir(place)), None)
        made = connecting.connect(patient.settings, runtime, patient.slug, place=place, everywhere=place is None)
        return f"connected {connector_of(runtime).TITLE} again: {len(made.written)} files"

    return mend


def _hook(patient: Patient, runtime: str, well: list[str]) -> Iterator[Trouble]:
    """Start the installed hook, in a session that is nobody's: it has to end with nothing, in its own time."""
    title = connector_of(runtime).TITLE
    try:
        took = probing.starts(patient.settings, runtime)
    except SosError as error:
        yield raised(error, deaf(title), mend=_connect(patient, runtime, patient.bound()))
        return
    well.append(f"{title}'s hook is installed, and starts in {took} ms")


def _version(patient: Patient, runtime: str, well: list[str], *, deep: bool) -> Iterator[Trouble]:
    """Whether the version that is installed was tried. `deep`: where no file says which it is, the program is asked.

    Where that is not to be seen, nothing is said: it is no sign of trouble, and the canary shows whether a message arrives.
    """
    connector = connector_of(runtime)
    if not connector.LISTS:
        return
    version = versions.installed(connector.LISTS[0])
    if version is None and deep:
        from sos.doctor import opening

        version = opening.version(connector.LISTS[0])
    if version is None:
        return
    finding = versions.unverified(runtime, connector.TITLE, version)
    if finding is None:
        well.append(f"{connector.TITLE} {version} was tried")
    else:
        yield Trouble(finding=finding.replace(next_step=finding.next_step.replace("AGENT", patient.slug)))
