"""The second rung: whether the runtime of an agent's sessions opens, and whether it runs our hook."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

from sos import files
from sos.core.readiness import shell_word
from sos.doctor.trouble import Looked, Trouble, found, raised
from sos.model.configs import Places
from sos.model.errors import SosError
from sos.recovery import repair
from sos.runtimes import configs
from sos.runtimes.claude import health
from sos.wiring import connecting, probing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sos.doctor.patient import Patient
    from sos.model.configs import Config
    from sos.model.times import Millis

RUNTIME = "claude"
"""The one that agents' sessions can be connected to so far."""
OPENS_SECONDS = 5.0
"""That a runtime's program may take to answer."""


def look(patient: Patient, now: Millis, *, deep: bool) -> Looked:
    """Look at the runtime that an agent's sessions are in. One without any (a program, a watched one) has nothing to break."""
    try:
        bound = patient.bound()
    except SosError:
        bound = []  # said of the machine's bindings
    bodies = _cwds(patient, now)
    if not bound and not bodies:
        return Looked(rung="runtime", agent=patient.slug, skipped="no runtime is connected to it")
    well: list[str] = []
    places = [place for place in dict.fromkeys((*bound, *bodies)) if place != "*"]
    troubles = [*_configs(patient, places, well), *_files(patient, places)]
    if not any(trouble.finding.severity == "critical" for trouble in troubles):
        troubles += _hook(patient, well)
    if deep:
        troubles += _program(patient, well)
    return Looked(rung="runtime", agent=patient.slug, well=tuple(well), troubles=tuple(troubles))


def _cwds(patient: Patient, now: Millis) -> list[str]:
    try:
        return [body.cwd for body in patient.bodies(now) if body.cwd]
    except SosError:
        return []  # the rungs below say why


def _configs(patient: Patient, places: list[str], well: list[str]) -> Iterator[Trouble]:
    """Whether the config files of the runtime parse, as it reads them itself."""
    settings = patient.settings
    known: dict[str, Config] = {}
    for project in (*places, settings.home):  # at least once, also where every session is this agent's
        found_here = configs.known(
            Places(
                user=settings.user_home,
                claude=settings.claude_home,
                codex=settings.codex_home,
                config=settings.config_home,
                project=project,
            ),
            RUNTIME,
        )
        known |= {config.path: config for config in found_here}
    for path, config in known.items():
        try:
            reason = repair.reason(config)
        except SosError as error:
            yield raised(error, "Whether the runtime can read it is not known.", severity="warning")
            continue
        if not reason:
            well.append(f"{path} parses")
            continue
        closed = config.broken == "closed"
        yield found(
            "critical" if closed else "warning",
            f"config_{config.broken}",
            f"{path} is broken: {reason}",
            f"{config.title} does not open." if closed else f"{config.title} ignores all of it, hooks included, without a word.",
            f"sos repair {shell_word(path)}   (shows what would be written, and asks; --yes writes it)",
        )


def _files(patient: Patient, places: list[str]) -> Iterator[Trouble]:
    settings = patient.settings
    for finding in health.look(settings.home, settings.claude_home, settings.user_home, places):
        step, mend = finding.next_step.replace("AGENT", patient.slug), None
        if finding.code in health.BY_CONNECTING:
            if files.in_archive():
                step = f"install sos-lifeline again, then: {step}"
            else:
                mend = _connect(patient, places)
        yield Trouble(finding=finding.replace(next_step=step), mend=mend)
    for place in places:
        if not os.path.isdir(place):
            yield found(
                "warning",
                "directory_gone",
                f"the directory {place} is gone",
                "No new session can start there.",
                f"sos connect claude --as {patient.slug} --dir PATH",
            )


def _connect(patient: Patient, places: list[str]) -> Callable[[], str]:
    def mend() -> str:
        place = next((place for place in places if os.path.isdir(place)), None)
        everywhere = place is None
        written = connecting.connect_claude(patient.settings, patient.slug, place=place, everywhere=everywhere).written
        return f"connected Claude Code again: {len(written)} files"

    return mend


def _hook(patient: Patient, well: list[str]) -> Iterator[Trouble]:
    """Start the installed hook, in a session that is nobody's: it has to end with nothing, in its own time."""
    try:
        took = probing.starts(patient.settings)
    except SosError as error:
        yield raised(error, health.DEAF, mend=_connect(patient, patient.bound()))
        return
    well.append(f"Claude Code's hook is installed, and starts in {took} ms")


def _program(patient: Patient, well: list[str]) -> Iterator[Trouble]:
    """Whether Claude Code itself opens, and has our plugin."""
    program = shutil.which("claude")
    if program is None:
        yield found(
            "warning",
            "runtime_missing",
            "claude is not on this terminal's PATH",
            "Whether it opens was not tried.",
            "type: claude --version, where your sessions run",
        )
        return
    try:
        ran = _ran([program, "plugin", "list", "--json"])
    except (OSError, subprocess.TimeoutExpired) as error:
        yield found("critical", "runtime_closed", f"{program} does not open: {error}", health.DEAF, "claude doctor")
        return
    if ran.returncode:
        said = ascii(ran.stderr.decode("utf-8", "replace").strip())[1:-1][:300]
        yield found(
            "critical",
            "runtime_closed",
            f"{program} ends with {ran.returncode}: {said}",
            "A runtime that does not open cannot read its bus.",
            "sos repair --runtime claude",
        )
    elif health.PLUGIN.encode() not in ran.stdout:
        yield found(
            "critical",
            "plugin_unseen",
            f"Claude Code opens, and does not know the plugin {health.PLUGIN}",
            health.DEAF,
            "claude plugin list; sos connect claude",
        )
    else:
        well.append(f"Claude Code opens, and knows {health.PLUGIN}")


def _ran(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, or for OPENS_SECONDS: then it is ended with all that it started. Raises OSError, TimeoutExpired."""
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        out, err = running.communicate(timeout=OPENS_SECONDS)
    except BaseException:  # also where somebody types Ctrl-C: a runtime that hangs would stay behind
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise
    return subprocess.CompletedProcess(command, running.returncode, out, err)
