"""SQLite without `functools`, of which its C module needs one function: importing it costs a third of a bare Python's start."""

from __future__ import annotations

import sys

if "functools" in sys.modules or sys.implementation.name != "cpython":
    import _sqlite3 as sqlite
else:
    from _functools import _lru_cache_wrapper  # type: ignore[import-not-found]  # what `functools.lru_cache` is made of

    _lean = type(sys)("functools")
    setattr(_lean, "lru_cache", lambda size: lambda function: _lru_cache_wrapper(function, size, False, tuple))  # noqa: B010
    sys.modules["functools"] = _lean
    try:
        import _sqlite3 as sqlite
    finally:
        del sys.modules["functools"]

__all__ = ["sqlite"]
