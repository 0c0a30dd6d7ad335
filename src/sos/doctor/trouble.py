"""What the doctor finds on one rung."""

from __future__ import annotations

import os
import stat

from sos import files
from sos.model.errors import SosError
from sos.model.findings import Finding
from sos.model.record import Record
from sos.model.shell import shell_word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sos.model.findings import Severity
    from sos.model.times import Millis
    from sos.recovery.ladder import RungName


class Trouble(Record):
    """A finding, and how it is mended where that is safe without asking: the call says in words what it did."""

    finding: Finding
    mend: Callable[[], str] | None = None


class Looked(Record):
    """One rung, looked at for one agent, or (`agent` is empty) for the machine."""

    rung: RungName
    agent: str = ""
    #: What was seen to be well, in words.
    well: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    #: Why it could not be looked at; empty where it was.
    skipped: str = ""

    @property
    def broken(self) -> bool:
        """Whether whoever stands on this rung falls. A warning does not break it."""
        return any(trouble.finding.severity == "critical" for trouble in self.troubles)


def found(
    severity: Severity,
    code: str,
    what: str,
    why: str,
    next_step: str,
    *,
    since: Millis | None = None,
    mend: Callable[[], str] | None = None,
) -> Trouble:
    """A trouble."""
    finding = Finding(code=code, severity=severity, what=what, why=why, next_step=next_step, since=since)
    return Trouble(finding=finding, mend=mend)


def unwritable(path: str, why: str) -> Trouble | None:
    """The trouble where nothing can be written into a directory: a quota, a mount and a lost right are seen by trying alone."""
    probe = os.path.join(path, ".doctor")
    try:
        files.write(probe, b"")
        files.remove(probe)
    except SosError as error:
        trouble = raised(error, why)
        if os.access(path, os.W_OK | os.X_OK) or os.lstat(path).st_uid != os.geteuid():
            return trouble
        finding = trouble.finding.replace(
            what=f"{path} cannot be written: {error.message}", next_step=f"chmod u+rwx {shell_word(path)}"
        )
        return Trouble(finding=finding, mend=lambda: _opened(path))
    return None


def _opened(path: str) -> str:
    try:
        os.chmod(path, stat.S_IMODE(os.lstat(path).st_mode) | 0o700)
    except OSError as error:
        raise files.translated(error, path) from error
    return f"{path} can be written again"


def raised(error: SosError, why: str, *, severity: Severity = "critical", mend: Callable[[], str] | None = None) -> Trouble:
    """The trouble that an error is."""
    return found(severity, error.code, error.message, why, error.next_step, mend=mend)
