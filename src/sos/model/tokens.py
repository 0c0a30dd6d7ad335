"""Tokens: their form, their checksum, and what a store may keep of them.

`sos_<kind>_<keyid><secret><crc>`: the key id is public (10 characters), the secret is 256 bits (43), the CRC32 (6) finds a typo
or a cut offline. Everything after the kind is base 62, so that one double click selects the token. Stores keep SHA-256 only:
with 256 random bits a slow hash protects nothing more.
"""

from __future__ import annotations

import binascii
import os

from sos.model.digests import sha256
from sos.model.errors import TokenDamaged, TokenWrongKind
from sos.model.record import Record
from sos.model.times import DAY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from sos.model.names import Slug
    from sos.model.times import Millis

    Kind = Literal["join", "reg", "sqd", "bus", "adm"]
    Service = Literal["registry", "squad", "bus", "admin", "join"]

KINDS: dict[Kind, Service] = {"join": "join", "reg": "registry", "sqd": "squad", "bus": "bus", "adm": "admin"}
SERVICES: dict[Service, Kind] = {service: kind for kind, service in KINDS.items()}
AGENT_SERVICES: tuple[Service, ...] = ("registry", "squad", "bus")
OLDER_PREFIX = "sk-bus-"

KEY_ID_LENGTH = 10
SECRET_LENGTH = 43
CRC_LENGTH = 6
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

AGENT_SCOPES: dict[Service, tuple[str, ...]] = {
    "bus": ("inbox:self", "send:project", "send:any-project", "broadcast:project"),
    "squad": ("skills:self", "tasks:project"),
    "registry": ("enrol:self", "peers:read"),
    "admin": ("admin",),
    "join": ("join",),
}


GRANTED = frozenset(("send:any-project",))
"""Scopes that an agent's token over a server has only where the operator granted them."""
LIFE = 30 * DAY
"""Milliseconds that an agent's token lives over a server."""
RENEWED = LIFE // 3
"""Before its end: from then on the agent's own side makes a new one."""
WARNED = (1, 24, 72)
"""Hours before its end at which the agent is told, where that has not been done."""
ADMIN = "admin"
"""What the operator's token carries beside an agent's scopes, and an agent's never."""


def scopes_of(service: Service, *, operator: bool = False) -> tuple[str, ...]:
    """All scopes that a token for this service may have."""
    return (*AGENT_SCOPES[service], ADMIN) if operator and service == "bus" else AGENT_SCOPES[service]


class Token(Record):
    """A token in hand. Its repr and str never show the secret."""

    kind: Kind
    key_id: str
    text: str

    def __repr__(self) -> str:
        return f"Token({self.kind} {self.key_id} …)"

    __str__ = __repr__

    @property
    def service(self) -> Service:
        """The one service that accepts this token."""
        return KINDS[self.kind]

    @property
    def digest(self) -> bytes:
        """What a store keeps: SHA-256 of the whole text, 32 bytes."""
        return sha256(self.text.encode())

    @property
    def known(self) -> KnownToken:
        """What others may know of it."""
        return KnownToken(key_id=self.key_id, digest=self.digest, service=self.service)


class KnownToken(Record):
    """What a token's owner hands over of it, so that it counts: all but its secret."""

    key_id: str
    digest: bytes
    service: Service


class TokenRecord(Record):
    """What a store knows of a token."""

    key_id: str
    digest: bytes
    service: Service
    agent: Slug
    project: str
    scopes: tuple[str, ...]
    created_at: Millis
    expires_at: Millis | None = None
    used_at: Millis | None = None
    revoked_at: Millis | None = None


def mint(kind: Kind) -> Token:
    """A fresh token of 256 random bits."""
    key_id = _base62(int.from_bytes(os.urandom(8), "big"), KEY_ID_LENGTH + 1)[-KEY_ID_LENGTH:]
    secret = _base62(int.from_bytes(os.urandom(32), "big"), SECRET_LENGTH)
    body = f"sos_{kind}_{key_id}{secret}"
    return Token(kind=kind, key_id=key_id, text=body + _checksum(body))


def parse_token(text: str) -> Token:
    """Read a token. Raises TokenDamaged; the message never holds the token."""
    text = text.strip()
    if text.startswith(OLDER_PREFIX):
        return _older(text)
    parts = text.split("_")
    kind = next((known for known in KINDS if len(parts) == 3 and parts[0] == "sos" and parts[1] == known), None)
    if kind is None:
        raise TokenDamaged("this is not a token of SOS (they begin with sos_bus_, sos_reg_, sos_sqd_, …)")
    rest = parts[2]
    if len(rest) != KEY_ID_LENGTH + SECRET_LENGTH + CRC_LENGTH or not set(rest) <= set(_DIGITS):
        raise TokenDamaged(f"this {KINDS[kind]} token is cut or has stray characters ({len(rest)} instead of 59)")
    if _checksum(text[:-CRC_LENGTH]) != text[-CRC_LENGTH:]:
        raise TokenDamaged(f"the checksum of this {KINDS[kind]} token is wrong: a character was changed")
    return Token(kind=kind, key_id=rest[:KEY_ID_LENGTH], text=text)


def _older(text: str) -> Token:
    # Tokens of older deployments have no checksum and no public part: the first ten characters of their digest serve as one.
    if not (12 <= len(text) <= 200 and text.isascii() and text.isprintable() and " " not in text):
        raise TokenDamaged("this older bus token is cut or has stray characters")
    return Token(kind="bus", key_id="k" + sha256(text.encode()).hex()[: KEY_ID_LENGTH - 1], text=text)


def require_kind(token: Token, service: Service) -> None:
    """Refuse a token of another service. Raises TokenWrongKind, which names what was shown and what is needed."""
    if token.service != service:
        raise TokenWrongKind(
            f"this is a {token.service} token ({token.key_id}); the {service} needs sos_{SERVICES[service]}_…",
            next_step=f"sos token show {service}",
        )


def _checksum(body: str) -> str:
    return _base62(binascii.crc32(body.encode()), CRC_LENGTH)


def _base62(value: int, width: int) -> str:
    digits = []
    for _ in range(width):
        value, digit = divmod(value, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
