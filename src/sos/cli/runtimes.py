"""What connect and disconnect share: which of runtime, --all and --agents-md was asked for, and going through all runtimes."""

from __future__ import annotations

from sos.model.errors import InvalidInput, SosError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Literal

    from sos.cli.command import Command

    Done = tuple[str, dict[str, object]]
    Chosen = Literal["one", "all", "agents-md", "marketplace"]


def chosen(command: Command, verb: str) -> Chosen:
    """What was asked for. Raises InvalidInput where it is not exactly one of them."""
    given = command.arguments
    asked: dict[Chosen, bool] = {
        "one": given.runtime is not None,
        "all": given.every_runtime,
        "agents-md": given.agents_md is not None,
        "marketplace": given.marketplace is not None,
    }
    if sum(asked.values()) != 1:
        what = f"sos {verb} needs one of: a runtime, --all, --agents-md, --marketplace DIR"
        raise InvalidInput(what, next_step=f"sos {verb} --help")
    return next(each for each, was in asked.items() if was)


def each(command: Command, names: Sequence[str], do: Callable[[str], Done | None]) -> int:
    """Do it with each, whatever the others say; None from `do`: it is not here. A line for each, or an array of their forms.

    0 where all went well, 1 where one was refused.
    """
    lines: list[str] = []
    forms: list[dict[str, object]] = []
    refused = False
    for name in names:
        try:
            done = do(name)
        except SosError as error:
            refused = True
            lines.append(f"! {name}: {error.message}; next: {error.next_step}")
            forms.append({"runtime": name, "error": error.code, "message": error.message, "next": error.next_step})
            continue
        if done is None:
            lines.append(f"· {name}: not found here")
            forms.append({"runtime": name, "found": False})
            continue
        text, form = done
        lines.append(f"✔ {name}: {_short(text, form)}")
        forms.append({"runtime": name, "found": True, **form})
    command.out("\n".join(lines), forms)
    return 1 if refused else 0


def _short(text: str, form: dict[str, object]) -> str:
    """A report in one line. (What its user has to do comes with `sos connect NAME`, and in the JSON.)"""
    if "written" not in form:
        return text
    written = form["written"]
    count = len(written) if isinstance(written, list) else 0
    done = f"{'would write' if form['planned'] else 'connected,'} {count} files"
    return f"{done}; next: {str(form['next']).partition(chr(10))[0]}"
