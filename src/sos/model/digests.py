"""SHA-256 without the price of `import hashlib`, which loads OpenSSL (about 5 ms)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256 as _sha256
else:
    try:
        from _sha256 import sha256 as _sha256  # Python 3.11
    except ImportError:
        try:
            from _sha2 import sha256 as _sha256  # Python 3.12 and later
        except ImportError:
            from hashlib import sha256 as _sha256  # a build without the C modules


def sha256(data: bytes) -> bytes:
    """The 32 bytes of SHA-256."""
    return _sha256(data).digest()
