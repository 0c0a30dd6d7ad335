"""Writes the hook's modules into one file, compiled, which boot.py reads: found one by one they cost half a bare Python more.

It is a cache like the `.pyc` files beside it: made by `sos connect`, and believed only while it is of this very Python and every
source is as it was. Run as a script, under `python -I -S`.
"""

from __future__ import annotations

import marshal
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

HERE = os.path.dirname(os.path.abspath(__file__))


class Recorder:
    """Finds modules as usual, and keeps the names of ours in the order in which they were ready."""

    def __init__(self) -> None:
        self.ready: list[str] = []

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        spec = PathFinder.find_spec(name, path, target) if name.partition(".")[0] == "sos" else None
        if spec is not None and spec.origin is not None:
            spec.loader = Loader(name, spec.origin, self.ready)
        return spec


class Loader(SourceFileLoader):
    """Says when a module is ready."""

    def __init__(self, name: str, path: str, ready: list[str]) -> None:
        super().__init__(name, path)
        self._ready = ready

    def exec_module(self, module: ModuleType) -> None:
        """See `importlib.abc.Loader`."""
        super().exec_module(module)
        self._ready.append(module.__name__)


def made(names: list[str]) -> bytes:
    """The bundle of these modules: for each its name, its source as it is now, and its code (nobody reads its docstrings)."""
    modules: list[tuple[str, str, int, int, CodeType]] = []
    for name in names:
        path = str(sys.modules[name].__file__)
        with open(path, "rb") as file:
            found, source = os.fstat(file.fileno()), file.read()
        code = compile(source, path, "exec", dont_inherit=True, optimize=2)
        modules.append((name, path, found.st_mtime_ns, found.st_size, code))
    return marshal.dumps((sys.version, modules))


def main() -> None:
    """Write the bundle as one step. Raises OSError where the package's directory cannot be written."""
    sys.path.append(os.path.dirname(os.path.dirname(HERE)))
    recorder = Recorder()
    sys.meta_path.insert(0, recorder)
    import sos.hook.run
    import sos.runtimes.claude.speech  # noqa: F401  # with all that they need; other runtimes' are found one by one

    target = os.path.join(HERE, "__pycache__", f"hook.{sys.implementation.cache_tag}.bundle")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    temporary = f"{target}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(made(recorder.ready))
    os.replace(temporary, target)


if __name__ == "__main__":
    main()
