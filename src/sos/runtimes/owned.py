"""Files below a runtime's own that are ours as a whole: a directory, written file by file and removed as one, or one file."""

from __future__ import annotations

import os

from sos import files
from sos.model.errors import RuntimeConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.model.configs import Own

MARK = ".sos-owned"
"""The file that says so of a directory. It is written first and removed last: killed between, it goes on."""
_SAYS = b"sos connect"
"""What every single file of ours says of itself, or what it starts does."""
_MOST = 1 << 20


def write(own: Own) -> list[str]:
    """Write it; the paths. Raises RuntimeConfigError where something else stands there, StorageFull."""
    if os.path.lexists(own.path) and not is_ours(own):
        raise RuntimeConfigError(f"{own.path} exists and is not ours", next_step=f"move {own.path} away, then connect again")
    mark = {} if _is_file(own) else {MARK: "This directory belongs to `sos connect`; `sos disconnect` removes it.\n"}
    written = []
    for name, text in {**mark, **own.contents}.items():
        path = os.path.join(own.path, name) if name else own.path
        try:
            files.make_directories(os.path.dirname(path), 0o755)
        except OSError as error:
            raise files.translated(error, str(error.filename or path)) from error
        files.write(path, text.encode(), mode=0o644)
        written.append(path)
    return written


def paths(own: Own) -> list[str]:
    """All files of it."""
    return [os.path.join(own.path, name) if name else own.path for name in own.contents]


def is_ours(own: Own) -> bool:
    """Whether what stands there is ours: it says so, or it holds nothing but what a killed beginning or end of ours leaves."""
    if _is_file(own):
        try:
            data = files.peek(own.path, _MOST)
        except OSError:
            return False
        return _SAYS in data or b"/bin/sos-" in data or _is_rest(data, own.contents[""].encode())
    if os.path.exists(os.path.join(own.path, MARK)):
        return True
    try:
        return all(name.startswith(MARK) for name in os.listdir(own.path)) or is_whole(own)
    except OSError:
        return False  # no directory, or one that others have closed


def is_whole(own: Own) -> bool:
    """Whether a directory holds each file as we write it, and no other: then it is ours, whatever became of its mark."""
    there = {os.path.join(folder, name) for folder, _, names in os.walk(own.path) for name in names}
    if _is_file(own) or there - {os.path.join(own.path, MARK)} != set(paths(own)):
        return False
    try:
        data = {path: files.peek(path, _MOST) for path in paths(own)}
    except OSError:
        return False
    wanted = {os.path.join(own.path, name): text.encode() for name, text in own.contents.items()}
    return all(data[path] == wanted[path] or (bool(data[path]) and not wanted[path]) for path in data)


def _is_rest(data: bytes, whole: bytes) -> bool:
    """Whether this is what is left of ours, cut off: its beginning, or nothing at all, and NUL bytes where a crash left them."""
    return whole.startswith(data.rstrip(b"\0"))


def exists(own: Own) -> bool:
    """Whether it is there, and says that it is ours."""
    return is_ours(own) if _is_file(own) else os.path.exists(os.path.join(own.path, MARK))


def remove(own: Own) -> bool:
    """Remove it, if it is ours; whether it was there. What a link in it leads to stays. Raises HomeDamaged, StoreUnreachable."""
    if not os.path.lexists(own.path) or not is_ours(own):
        return False
    if _is_file(own):
        files.clear(own.path)
        files.remove(own.path)
        return True
    try:
        for folder, folders, names in os.walk(own.path, topdown=False):
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in sorted((*links, *names), key=lambda name: name == MARK):
                files.remove(os.path.join(folder, name))
            os.rmdir(folder)
    except OSError as error:
        raise files.translated(error, str(error.filename or own.path)) from error
    return True


def _is_file(own: Own) -> bool:
    return "" in own.contents
