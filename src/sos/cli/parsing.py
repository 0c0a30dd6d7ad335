"""argparse without `gettext`: looking for translations that we do not have costs two of a command's milliseconds."""

from __future__ import annotations

import sys

if "gettext" in sys.modules:
    import argparse
else:
    _plain = type(sys)("gettext")
    setattr(_plain, "gettext", lambda text: text)  # noqa: B010  # a module's attribute, which no checker knows
    setattr(_plain, "ngettext", lambda one, many, count: one if count == 1 else many)  # noqa: B010
    sys.modules["gettext"] = _plain
    try:
        import argparse
    finally:
        del sys.modules["gettext"]

__all__ = ["argparse"]
