"""What looks like a token, and the one place that takes it out of a text: no error, log or refusal ever repeats one."""

from __future__ import annotations

_OLDER = "sk-bus-"
_PREFIXES = (_OLDER, *(f"sos{mark}{kind}{mark}" for kind in ("join", "reg", "sqd", "bus", "adm") for mark in "_-"))
"""With `-` as well: what a token becomes where it is mapped to a name."""
_SHORTEST = {_OLDER: 8}
"""Characters after a prefix from which on it may be a token, or the beginning of one that was cut."""


def redacted(text: str) -> str:
    """The text with everything that looks like a token cut down to its prefix and `…`."""
    kept = ""
    while (found := _first(text)) is not None:
        start, end, prefix = found
        kept += f"{text[:start]}{prefix}…"
        text = text[end:]
    return kept + text


def looks_like_token(text: str) -> bool:
    """Whether a text holds what may be a token: such an argument is refused unread."""
    return _first(text) is not None


def _first(text: str) -> tuple[int, int, str] | None:
    """Start, end and prefix of the first thing that may be a token, in any case."""
    lowered = text.lower()
    found = [(start, end, prefix) for prefix in _PREFIXES for start, end in _runs(lowered, prefix)]
    return min(found, default=None)


def _runs(lowered: str, prefix: str) -> list[tuple[int, int]]:
    start = lowered.find(prefix)
    while start >= 0:
        end = begin = start + len(prefix)
        while end < len(lowered) and _belongs(lowered[end], prefix):
            end += 1
        if end - begin >= _SHORTEST.get(prefix, 20):
            return [(start, end)]
        start = lowered.find(prefix, begin)
    return []


def _belongs(character: str, prefix: str) -> bool:
    if prefix == _OLDER:
        return character.isascii() and character.isprintable() and character not in " '\""
    return character.isascii() and character.isalnum()
