"""Texts as words of a shell: a command that is printed as the next step can be typed as it stands."""

from __future__ import annotations

_PLAIN = str.maketrans("", "", ".-_/")


def shell_word(text: str) -> str:
    """A text as one word of a shell, quoted where it must be."""
    return text if text.translate(_PLAIN).isalnum() else "'" + text.replace("'", "'\\''") + "'"
