"""Tells a URL of the operator's what the sentinel tells the operator: off unless `SOS_WEBHOOK` says so, one POST for each.

What it is told holds nothing that an agent wrote: which agent, since when, why, and what helps. It goes to the address that was
checked, whatever a name server says a moment later, follows no redirect, and never to the machine itself, a private network or a
cloud's own metadata, unless `SOS_WEBHOOK_PRIVATE` allows just that (https://cheatsheetseries.owasp.org, SSRF prevention).
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import urllib.parse

from sos.model import wire
from sos.model.errors import InvalidInput, StoreUnreachable
from sos.model.times import iso

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.core.sentinel import Telling

SECONDS = 5.0
"""For each step of a POST: the sentinel's round must not wait for a URL that hangs."""
_STEP = "look at SOS_WEBHOOK: https://HOST/PATH (http only with SOS_WEBHOOK_PRIVATE=yes)"


class Webhook:
    """One URL. `private`: it may be on this machine, or in a network that is not public, and without TLS."""

    def __init__(self, url: str, *, private: bool) -> None:
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidInput(f"SOS_WEBHOOK is no URL: {error}", next_step=_STEP) from error
        if parts.scheme not in ({"https", "http"} if private else {"https"}) or not parts.hostname:
            raise InvalidInput("SOS_WEBHOOK is not the URL of a service with TLS", next_step=_STEP)
        if parts.username is not None or not url.isascii() or not url.isprintable():
            raise InvalidInput("SOS_WEBHOOK holds a password or a character that no URL has", next_step=_STEP)
        self._tls = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._tls else 80)
        self._target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._private = private

    def tell(self, telling: Telling) -> None:
        """POST it as JSON, its id as the key by which a second one is known. Raises StoreUnreachable where no 2xx came back."""
        said = {"id": telling.id, "agent": telling.about, "at": iso(telling.at), "text": telling.text}
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": telling.id,
            "Host": self._host if self._port in {80, 443} else f"{self._host}:{self._port}",
            "Connection": "close",
        }
        try:
            status = self._post(wire.dumps(said).encode(), headers)
        except (OSError, http.client.HTTPException) as error:
            raise StoreUnreachable(f"the webhook at {self._host} does not answer: {error}", next_step=_STEP) from error
        if not 200 <= status < 300:
            raise StoreUnreachable(f"the webhook at {self._host} answered {status}", next_step=_STEP)

    def _post(self, body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=SECONDS)
        with socket.create_connection((self._address(), self._port), timeout=SECONDS) as plain:
            tls = ssl.create_default_context().wrap_socket(plain, server_hostname=self._host) if self._tls else plain
            with tls:
                connection.sock = tls
                connection.request("POST", self._target, body, headers)
                return connection.getresponse().status

    def _address(self) -> str:
        """An address of the host that may be spoken to. Raises StoreUnreachable, OSError."""
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        for *_, place in found:
            address = ipaddress.ip_address(str(place[0]).partition("%")[0])
            known = getattr(address, "ipv4_mapped", None) or address
            if self._private and not (known.is_link_local or known.is_multicast or known.is_unspecified):
                return str(place[0])
            if known.is_global and not known.is_multicast:
                return str(place[0])
        raise StoreUnreachable(
            f"the webhook's host {self._host} is at no public address, and nothing was sent",
            next_step="another SOS_WEBHOOK; or, where it is meant: SOS_WEBHOOK_PRIVATE=yes",
        )
