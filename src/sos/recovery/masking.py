"""Shows a config and what changes in it without the secrets that stand in it.

Cautious rather than exact: whatever stands under a key that sounds like a secret, under `env` or `headers`, behind an option that
sounds like one, or looks like a token, is shown as `…`.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from sos.model.redaction import redacted
from sos.recovery.merging import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sos.model.configs import Dialect
    from sos.recovery.merging import Conflict

MOST_LINES = 5000
"""Changed lines up to which a difference is looked for line by line: the time grows with their square."""
WIDEST = 240
CONTEXT = 3
_SECRET = re.compile(
    r"token|secret|passw|passphrase|api_?key|access_?key|private|auth|credential|cookie|bearer|signature|(?:^|[-_.\"])key$|Key$|_KEY"
    r"|(?:^|[.\"])(?:env|headers)(?:$|[.\"\[])",
    re.IGNORECASE,
)
_OPTION = re.compile(r"\"-[-\w]*(?:token|secret|passw|key|auth|header|cookie|credential|-u\b|-e\b|-H\b)", re.IGNORECASE)
_TOKEN = re.compile(
    r"\b(?:sk|pk|rk|xox[a-z]|gh[a-z]|glpat|github_pat|hf|AKIA|AIza|eyJ)[-_A-Za-z0-9.]{8,}"
    r"|(?=[-+=.~\w]*[0-9])(?=[-+=.~\w]*[A-Z])(?=[-+=.~\w]*[a-z])[-+=.~\w]{20,}|\b[0-9a-fA-F]{32,}\b"
)
_ACCOUNT = re.compile(r"(?<=://)[^/\s\"'@]+(?=@)")
_JSON = re.compile(
    r"(?P<string>\"(?:[^\"\\\n\x00]|\\[^\n])*\"?)|(?P<open>[{\[])|(?P<close>[}\]])|(?P<comma>,)|(?P<other>[^\"{}\[\],]+)"
)
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"?|'[^'\n]*'?")


def masked(text: str, dialect: Dialect) -> str:
    """The text line by line as it is, its secrets as `…`."""
    made = "\n".join(_toml(text)) if dialect == "toml" else "".join(_json(text))
    return _ACCOUNT.sub("…", _TOKEN.sub("…", redacted(made)))


def _json(text: str) -> Iterator[str]:
    hidden = [False]  # for each open bracket, whether all in it is a secret
    secret = option = False
    for found in _JSON.finditer(text):
        kind, piece = found.lastgroup, found[0]
        if kind == "open":
            hidden.append(hidden[-1] or secret)
            secret = option = False
        elif kind == "close":
            if len(hidden) > 1:
                hidden.pop()
        elif kind == "comma":
            secret = False
        elif kind == "string" and _is_key(text, found.end()):
            secret, option = _SECRET.search(piece.strip('"')) is not None, False
        elif kind == "string":
            whole = piece.endswith('"') and len(piece) > 1
            if not whole:
                yield '"…'  # what it would have been is not known
            else:
                yield '"…"' if hidden[-1] or secret or option else piece
            option = _OPTION.match(piece) is not None
            continue
        yield piece


def _is_key(text: str, end: int) -> bool:
    return text[end : end + 40].lstrip(" \t\r\n").startswith(":")


def _toml(text: str) -> Iterator[str]:
    table = secret = False
    for line in text.split("\n"):
        bare = _STRING.sub('""', line)
        if line.lstrip().startswith("[") and "=" not in bare:
            table, secret = any(_SECRET.search(step) for step in line.strip("[] \t\r").split(".")), False
            yield line
            continue
        if "=" in bare:
            secret = any(_SECRET.search(step.strip(' "')) for part in bare.split("=") for step in re.split(r"[{,.\s]+", part))
        if table or secret:
            yield _STRING.sub('"…"', line)
        else:
            yield "".join(_json(line))


def difference(before: str, after: str, dialect: Dialect) -> str:
    """What changes, as a unified diff without file names, its secrets as `…`; too much of it as a number."""
    old, new = before.split("\n"), after.split("\n")
    first = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new)))
    last = 0
    while last < min(len(old), len(new)) - first and old[-1 - last] == new[-1 - last]:
        last += 1
    begin, rest = max(first - CONTEXT, 0), max(last - CONTEXT, 0)
    if max(len(old), len(new)) - first - last > MOST_LINES:
        return f"@@ {len(old) - first - last} lines become {len(new) - first - last}: too many to be shown @@"
    shown_old, shown_new = masked(before, dialect).split("\n"), masked(after, dialect).split("\n")
    old, new = old[begin : len(old) - rest], new[begin : len(new) - rest]
    lines: list[str] = []
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT):
        _, a, _, b, _ = group[0]
        lines.append(f"@@ -{begin + a + 1},{group[-1][2] - a} +{begin + b + 1},{group[-1][4] - b} @@")
        for what, a, to_a, b, to_b in group:
            if what == "equal":
                lines += [" " + _clipped(shown_old[begin + at]) for at in range(a, to_a)]
            else:
                lines += ["-" + _clipped(shown_old[begin + at]) for at in range(a, to_a)]
                lines += ["+" + _clipped(shown_new[begin + at]) for at in range(b, to_b)]
    return "\n".join(lines)


def clash(conflict: Conflict, dialect: Dialect) -> str:
    """A key with two values in one line, the one that stays first."""
    if conflict.key.endswith("]"):
        return f"{conflict.key} was also another"  # what stands before it in its array would say whether it is a secret
    kept, other = (
        _clipped(masked(dumps({conflict.key: value}), dialect if dialect != "toml" else "json").partition(": ")[2][:-1])
        for value in (conflict.kept, conflict.other)
    )
    return f"{conflict.key} stays {kept}, and was also {other}"


def _clipped(line: str) -> str:
    line = line.rstrip("\r")
    if len(line) <= WIDEST:
        return line
    return f"{line[: WIDEST // 2]} … {line[-WIDEST // 2 :]} ({len(line):,} characters)"
