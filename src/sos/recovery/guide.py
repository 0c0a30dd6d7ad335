"""The recovery guide: shipped in the package, checked by its hash, filled with an agent's facts, readable without service."""

from __future__ import annotations

import os

from sos import files
from sos.model.digests import sha256
from sos.model.errors import GuideTampered, SosError

DIGEST = "6191f9053686bd09b66eb69e3bbfe935ce8119ec4aba28da87a51aead17a5d09"
"""SHA-256 of guide.md. It has the highest authority at the worst moment, so a changed copy is not shown."""
_PATH = os.path.join(os.path.dirname(__file__), "guide.md")
FACTS = ("slug", "name", "project", "home", "store", "rescue")
UNKNOWN = "(not known)"

SHORT = """# Recovery, the short form (the packaged guide is missing or was changed: reinstall sos-lifeline)

Go down in this order and stop at the first broken rung.

1. Machine: df -h; df -i; date. At 95 % full, free space first.
2. Runtime: does it open? sos repair; sos connect claude --as NAME, then a new session.
3. Inbox: sos whoami; sos inbox; sos peers.
4. Tokens: sos token where. Lost or refused? sos join --name NAME
5. Ask: sos send --request operator "I am NAME. Broken: … Works: … Please …"
"""


def packaged(path: str = _PATH) -> str:
    """The guide as it was shipped. Raises GuideTampered where the file is missing or is not the shipped one."""
    try:
        data = files.shipped(path)
    except OSError as error:
        raise GuideTampered(f"the recovery guide {path} cannot be read: {error.strerror}") from error
    if sha256(data).hex() != DIGEST:
        raise GuideTampered(f"the recovery guide {path} is not the one that was shipped")
    return data.decode("utf-8")


def fill(facts: dict[str, str]) -> str:
    """The guide with the agent's facts in place. What is not known says so. Raises GuideTampered."""
    text = packaged()
    for name in FACTS:
        value = "".join(character for character in facts.get(name, "") if character.isprintable())
        text = text.replace("{" + name + "}", value.replace("{", "(").replace("}", ")") or UNKNOWN)
    return text


def install(home: str, facts: dict[str, str]) -> str:
    """Write the filled guide to `RECOVERY.md` in a home, read-only and private as the home is; its path.

    Raises GuideTampered, StorageFull.
    """
    path = os.path.join(home, "RECOVERY.md")
    files.write(path, fill(facts).encode(), mode=0o400)
    return path


def installed(home: str, facts: dict[str, str]) -> str | None:
    """The path of a home's guide; None where it is not there, or is not what `install` wrote. Raises nothing."""
    path = os.path.join(home, "RECOVERY.md")
    try:
        return path if files.read(path) == fill(facts).encode() else None
    except SosError:
        return None


def keep(home: str, facts: dict[str, str]) -> str | None:
    """As `installed`; one that is gone or was changed is replaced first, where that can be."""
    if installed(home, facts) is None:
        try:
            return install(home, facts)
        except SosError:
            return None
    return os.path.join(home, "RECOVERY.md")
