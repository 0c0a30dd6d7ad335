"""Agent runtimes: which files they own, how their hooks speak, and what in their transcripts is evidence."""

NAMES: tuple[str, ...] = ("claude",)
"""Those whose hooks are known, as `sos connect` names them."""
