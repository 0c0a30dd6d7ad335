"""Give an agent an identity, an inbox and a guide. Joining again is the same agent; what was left undone is done."""

from __future__ import annotations

from sos.cli import forms
from sos.model.errors import InvalidInput
from sos.model.names import OPERATOR
from sos.runtimes import NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sos.cli.command import Command
    from sos.wiring.joining import Joined

EXAMPLE = "sos join --name mumega.codecheck --role code-reviewer --project sos --skill code-review"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos join`."""
    parser.add_argument("--name", help="what the agent is called; its slug is made of it (not needed with --token-file)")
    parser.add_argument(
        "--role", help="what it does, in your words: code-reviewer, builder, lead, … (default: as before, or executor)"
    )
    parser.add_argument("--project", help="the project that it works in (default: as before, or default)")
    parser.add_argument("--skill", action="append", default=[], help="something it can do (may be repeated)")
    parser.add_argument("--squad", action="append", default=[], help="a squad that it belongs to (may be repeated)")
    parser.add_argument("--url", help="the server whose bus it joins (default: SOS_URL, or the store on this machine)")
    parser.add_argument("--invite", metavar="PATH", help="the file with its invitation, which a server asks for; - reads it")
    parser.add_argument("--runtime", choices=NAMES, help="connect this runtime as well")


def run(command: Command) -> int:
    """Join and say how each step went."""
    from sos.wiring.freshening import freshen
    from sos.wiring.joining import join

    freshen(command.settings)
    given = command.arguments
    if given.name is None and given.token_file is None:
        raise InvalidInput("sos join needs a name", next_step=EXAMPLE)
    settings = command.settings if given.url is None else command.settings.replace(url=given.url)
    invitation = None if given.invite is None else command.token_in(given.invite, "join")
    joined = join(settings, given.name, given.role, given.project, tuple(given.skill), tuple(given.squad), given.runtime,
                  invitation=invitation)  # fmt: skip
    command.out(_text(joined), _json(joined))
    return 0


def _text(joined: Joined) -> str:
    lines = [f"{'✔' if step.ok else '!'} {step.name:<9} {step.detail}" for step in joined.steps]
    lines += [f"  changed {field}: {before} → {after}" for field, (before, after) in joined.changes.items()]
    lines += [f"{'✔' if each.good else '!'} {each.question} {each.answer}" for each in joined.answers]
    lines += [f"! {finding.what}  next: {finding.next_step}" for finding in joined.findings]
    if not any(step.name == "runtime" and step.ok and " connected " in step.detail for step in joined.steps):
        step = f"sos connect claude --as {joined.agent.slug}    (in the directory that it works in)"
        lines.append(f"next: {'sos inbox' if joined.agent.slug == OPERATOR else step}")
    return "\n".join(lines)


def _json(joined: Joined) -> dict[str, object]:
    return {
        **forms.agent(joined.agent),
        "outcome": joined.outcome,
        "changes": {field: list(pair) for field, pair in joined.changes.items()},
        "steps": [step.fields() for step in joined.steps],
        "answers": [each.fields() for each in joined.answers],
        "findings": [finding.fields() for finding in joined.findings],
    }
