"""Names and slugs: the one rule that turns what people call an agent into its address.

A slug never maps two scripts, paths or control characters onto a clean name: what could surprise is refused before any mapping.
"""

from __future__ import annotations

from sos.model.errors import BadName, ReservedName
from sos.model.redaction import looks_like_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NewType

    Slug = NewType("Slug", str)
else:
    Slug = str

MAX_LENGTH = 63
RESERVED = frozenset(
    ("operator", "system", "admin", "root", "all", "broadcast", "global", "squad", "channel", "private", "project")
)
OPERATOR = Slug("operator")
SYSTEM = Slug("system")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_KEPT = _LETTERS | frozenset("0123456789")


def slug(name: str) -> Slug:
    """The slug of a name: `mumega.codecheck` → `mumega-codecheck`. Idempotent. Raises BadName or ReservedName."""
    made = _checked(name, "name")
    if made in RESERVED:
        raise ReservedName(f"the name {made!r} is reserved", next_step=f"choose another, for example {made}-agent")
    return made


def label(name: str, what: str) -> Slug:
    """The same rule for projects and squads (`what` names it in errors), where words reserved for agents are free."""
    return _checked(name, what)


def address_name(text: str) -> Slug:
    """The slug that a sender addresses: as `slug`, and the operator may be written to."""
    return _checked(text, "name")


def is_slug(text: str) -> bool:
    """Whether a text is an address as it stands."""
    return _problem(text) is None and len(text) >= 2 and text[0] in _LETTERS and _mapped(text) == text


def _checked(name: str, what: str) -> Slug:
    problem = _problem(name)
    made = _mapped(name)
    if problem is None and not (2 <= len(made) <= MAX_LENGTH and made[0] in _LETTERS):
        problem = "its slug needs at least 2 characters and a letter first"
    if problem is None:
        return made
    raise BadName(f"{_shown(name)} cannot be a {what}: {problem}", next_step=f"choose another, for example {_proposal(made)}")


def _shown(name: str) -> str:
    return ascii(name) if len(name) <= MAX_LENGTH else f"{name[:MAX_LENGTH]!a}..."


def _problem(name: str) -> str | None:
    if not name.strip():
        return "it is empty"
    if not name.isascii():
        return "only ASCII letters and digits keep look-alike names apart"
    if any(character < " " or character == "\x7f" for character in name):
        return "it holds control characters"
    if "/" in name or "\\" in name or ".." in name:
        return "'/', '\\' and '..' belong to paths"
    if looks_like_token(name):
        return "it looks like a token"
    if len(name) > MAX_LENGTH:
        return f"it is longer than {MAX_LENGTH} characters"
    return None


def _mapped(name: str) -> Slug:
    mapped = "".join(character if character in _KEPT else "-" for character in name.lower())
    return Slug("-".join(part for part in mapped.split("-") if part))


def _proposal(made: str) -> str:
    if looks_like_token(made):
        return "agent"
    body = made[: MAX_LENGTH - 6].strip("-")
    if len(body) < 2 or body[0] not in _LETTERS:
        body = f"agent-{body}".strip("-")
    return body if body not in RESERVED else f"{body}-agent"
