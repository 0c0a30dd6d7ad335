"""Start of the hook under `python -I -S`: no site-packages but our own, no module that is not needed."""

import gc
import marshal
import os
import sys

gc.disable()  # a process of some milliseconds leaves nothing to collect, and looking for it costs one of them

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.dirname(os.path.dirname(HERE)))


def bundled() -> None:
    """Load the modules of the hook from their bundle (bundle.py). Where it is missing or stale, nothing is done."""
    try:
        with open(os.path.join(HERE, "__pycache__", f"hook.{sys.implementation.cache_tag}.bundle"), "rb") as file:
            version, modules = marshal.loads(file.read())
        if version != sys.version:
            return
        for _, path, changed, size, _ in modules:
            found = os.stat(path)
            if found.st_mtime_ns != changed or found.st_size != size:
                return
    except (OSError, EOFError, ValueError, TypeError):
        return
    for name, path, _, _, _ in modules:
        module = sys.modules[name] = type(sys)(name)
        module.__file__ = path
        if path.endswith("__init__.py"):
            module.__path__ = [os.path.dirname(path)]
    for name, _, _, _, code in modules:
        exec(code, sys.modules[name].__dict__)  # noqa: S102  # compiled from our own sources
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, sys.modules[name])


try:
    bundled()
    from sos.hook.run import main  # the path must be there first

    main(sys.argv[1:])
except BaseException:  # noqa: BLE001  # the outermost line: whatever comes this far, the agent's turn goes on
    os._exit(0)
os._exit(0)
