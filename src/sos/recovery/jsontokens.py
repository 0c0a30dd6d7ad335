"""The tokens of a JSON text that may be broken, and which of its quotes can be believed."""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    |(?P<comment>//[^\n\x00]*|/\*.*?\*/)
    |(?P<string>"[^"\\\x00\n]*(?:\\[^\x00\n][^"\\\x00\n]*)*")
    |(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)|(?P<colon>:)|(?P<nul>\x00+)
    |(?P<word>(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?=[ \t\r\n,\]}/]|\Z))
    |(?P<unfinished>"[^\n\x00]*|/\*.*\Z)
    |(?P<other>[^\s"{}\[\],:\x00/]+|.)""",
    re.VERBOSE | re.DOTALL,
)
NOISE = re.compile(r'[^"{}\[\],:\n/]*(?=\{)')
"""What stands before the first brace and cannot be the rest of a document."""
#: What may follow a string; and a string that something of it follows.
_ENDED = re.compile(r"[ \t\r\n,:}\]\x00]|//|/\*|\Z")
_SOUND = re.compile(r'"[^"\\\x00\n]*(?:\\[^\x00\n][^"\\\x00\n]*)*"(?=[ \t\r\n]*(?:[,:}\]]|\Z))')
_COLON = re.compile(r"[ \t\r\n]*:")


def is_key(text: str, end: int) -> bool:
    """Whether a string that ends there is a key: a colon follows."""
    return _COLON.match(text, end) is not None


def torn_string(text: str, start: int, end: int) -> int:
    """Where the rest of a string ends, or a quote too many, whose last quote begins a sound string; 0 where it is none.

    What stands directly before that string makes it half a string too.
    """
    if _ENDED.match(text, end):
        return 0
    sound = _SOUND.match(text, end - 1)
    if sound is None:
        return 0
    joined = end - start > 2 and text[end - 2] not in " \t,:[{"
    return sound.end() if joined else end - 1


def number(text: str) -> int | float:
    """A number, as JSON has it. (Python refuses to make whole numbers of more than 4300 digits.)"""
    return float(text) if not text.lstrip("-").isdigit() or len(text) > 4000 else int(text)
