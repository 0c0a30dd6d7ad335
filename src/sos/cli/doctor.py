"""Find out why an agent hears nothing: climb the ladder (machine, runtime, inbox, identity) down to the first broken rung.

Each finding says what is wrong, since when, why it matters, and the command that mends it. Looks at the agent of this session,
else at all agents that have a home here. Ends with 1 where anything is wrong. The last rung is a call for help: it is composed,
and sent with --send alone.
"""

from __future__ import annotations

from sos.homes import home as homes
from sos.model.errors import NobodyHere, SosError
from sos.model.names import address_name
from sos.model.times import iso
from sos.recovery.ladder import LADDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from typing import Any

    from sos.cli.command import Command
    from sos.doctor.asking import Call
    from sos.doctor.examining import Mended
    from sos.doctor.inbox import Watching
    from sos.doctor.patient import Patient
    from sos.doctor.trouble import Looked, Trouble
    from sos.model.times import Millis
    from sos.settings import Settings

EXAMPLE = "sos doctor --fix"
_SIGNS = {"critical": "✘", "warning": "!", "note": "·"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `sos doctor`."""
    parser.add_argument("--all", action="store_true", help="go on below a broken rung")
    parser.add_argument("--deep", action="store_true", help="also open the runtime, and send a test message through the hook")
    parser.add_argument("--fix", action="store_true", help="mend what is safe to mend, then look again")
    parser.add_argument("--send", action="store_true", help="send the call for help, where anything stays broken")


def run(command: Command) -> int:
    """Examine; 1 where anything is wrong."""
    from sos.doctor import examining

    given, settings = command.arguments, command.settings
    patients = _patients(settings, given.as_agent, command.remark)
    looked = _climb(settings, patients, everything=given.all, deep=given.deep)
    mended: list[Mended] = []
    for _ in LADDER if given.fix else ():  # what is mended may uncover what is broken behind it
        new = [each for each in examining.mend(looked) if each not in mended]
        mended += new
        if not any(each.done for each in new):
            break
        patients = _patients(settings, given.as_agent, command.remark)
        looked = _climb(settings, patients, everything=given.all, deep=given.deep)
    calls = _calls(patients, looked)
    sent = _send(command, calls) if command.arguments.send else {}
    troubles = [trouble for each in looked for trouble in each.troubles]
    well = all(trouble.finding.severity == "note" for trouble in troubles)
    lines = [_mended(each) for each in mended]
    alike = _alike(looked)
    for each in looked:
        lines += _lines(each, alike)
    lines += _call_lines(calls, sent)
    lines.append("All is well." if well else _summary(troubles, fixed=command.arguments.fix))
    value = {
        "well": well,
        "rungs": [_form(each) for each in looked],
        "mended": [each.fields() for each in mended],
        "calls": [{**call.fields(), "command": call.command, "sent": sent.get(call.sender)} for call in calls],
    }
    command.out("\n".join(lines), value)
    return 0 if well else 1


def examined(settings: Settings, named: str | None) -> dict[str, Any]:
    """What the tool `doctor` answers: the findings of the agent of this session, or of the one named, whatever is broken."""
    patients = _patients(settings, named, lambda _: None)
    looked = _climb(settings, patients, everything=False, deep=False)
    findings = [{"rung": each.rung, "agent": each.agent, **found} for each in looked for found in _findings(each)]
    well = all(found["severity"] == "note" for found in findings)
    return {"place": "the agent's machine", "well": well, "findings": findings}


def _patients(settings: Settings, named: str | None, remark: Callable[[str], None]) -> list[Patient]:
    from sos.doctor.patient import Patient
    from sos.wiring.local import who_am_i

    slugs = _here(settings.home)
    if named is not None:
        slugs = [address_name(named)]
    elif settings.session is not None:
        try:
            slugs = [who_am_i(settings, None).slug]
        except NobodyHere as error:
            remark(f"sos: {error.message}: looking at all of them")
    return [Patient(settings, slug) for slug in slugs]


def _here(root: str) -> list[str]:
    """The agents here; none where that cannot be seen, which is a finding of the machine, and ends no climb."""
    try:
        return homes.slugs(root)
    except SosError:
        return []


def _climb(settings: Settings, patients: Sequence[Patient], *, everything: bool, deep: bool) -> list[Looked]:
    from sos.doctor import examining
    from sos.wiring.local import SystemClock

    watching, now = _watching(settings.home), SystemClock().now()
    return list(examining.climb(settings, patients, watching, now, everything=everything, deep=deep))


def _watching(root: str) -> Watching:
    """How `sos watch` stands here. A rule that cannot be read is trouble of its agent's, as the watch itself has it.

    Where the watch's own state cannot be read, that is the trouble of each agent that it is to serve.
    """
    from sos.doctor.inbox import Watching
    from sos.watch import rules, state

    running, standings, unknown = False, [], ""
    try:
        running = state.runs(root)
        standings = state.load(root) if running else []
    except SosError as error:
        unknown = error.message
    ways: dict[str, str] = {}
    troubles: dict[str, tuple[str, Millis | None]] = {}
    for slug in _here(root):
        try:
            rule = rules.load(root, slug)
            if rule is not None:
                ways[slug] = str(rules.checked(rule).way)
        except SosError as error:
            ways[slug], troubles[slug] = "handover", (error.message, None)
    troubles |= {each.agent: (each.trouble, each.since) for each in standings if each.trouble}
    if unknown:
        troubles |= {slug: (f"how it stands cannot be seen: {unknown}", None) for slug in ways if slug not in troubles}
    return Watching(running=running, ways=ways, troubles=troubles)


# --- the last rung ----------------------------------------------------------------------------------------------------


def _calls(patients: Sequence[Patient], looked: Sequence[Looked]) -> list[Call]:
    from sos.doctor import asking

    made = []
    for patient in patients:
        call = asking.compose(patient, [each for each in looked if each.agent in {"", patient.slug}])
        if call is not None:
            made.append(call)
    return asking.together(made)


def _send(command: Command, calls: Sequence[Call]) -> dict[str, str]:
    """Send them; by sender the id of each, or why not."""
    from sos.model.errors import SosError
    from sos.model.ids import new_id
    from sos.model.messages import Draft
    from sos.wiring.local import connect

    made = {}
    for call in calls:
        try:
            connection = connect(command.settings, call.sender, own=True)
            draft = Draft(id=new_id(connection.clock.now()), to=call.to, text=call.text, kind="request")
            made[call.sender] = str(connection.send(draft).id)
        except SosError as error:
            made[call.sender] = f"not sent: {error.message}"
    return made


def _call_lines(calls: Sequence[Call], sent: dict[str, str]) -> list[str]:
    lines = []
    for call in calls:
        if call.sender in sent:
            lines.append(f"call for help of {call.sender} to {call.to}: {sent[call.sender]}")
        elif call.sendable:
            lines.append(f"to ask {call.to} for help: {call.command}")
        else:
            lines.append(f"to tell its user: {call.text}")
    return lines


# --- in words ---------------------------------------------------------------------------------------------------------


def _alike(looked: Sequence[Looked]) -> dict[tuple[str, str], list[str]]:
    """Whose each finding is, by its code and words, in the order of the agents: the first one's lines say it for all."""
    whose: dict[tuple[str, str], list[str]] = {}
    for each in looked:
        for trouble in each.troubles:
            whose.setdefault((trouble.finding.code, trouble.finding.what), []).append(each.agent)
    return whose


def _lines(looked: Looked, alike: dict[tuple[str, str], list[str]]) -> list[str]:
    rung = next(rung for rung in LADDER if rung.name == looked.rung)
    of = f" of {looked.agent}" if looked.agent else ""
    warned = any(trouble.finding.severity == "warning" for trouble in looked.troubles)
    sign = "✘" if looked.broken else "·" if looked.skipped else "!" if warned else "✔"
    head = f"{sign} {LADDER.index(rung) + 1}. {rung.title}{of}"
    if looked.skipped:
        return [f"{head}: {looked.skipped}"]
    lines = [head, *(f"    ✔ {each}" for each in looked.well)]
    for trouble in looked.troubles:
        first, *others = dict.fromkeys(alike[trouble.finding.code, trouble.finding.what])
        if first == looked.agent:
            lines += _trouble(trouble, others)
        else:
            lines.append(f"    {_SIGNS[trouble.finding.severity]} as with {first} ({trouble.finding.code})")
    return lines


def _trouble(trouble: Trouble, others: Sequence[str]) -> list[str]:
    finding = trouble.finding
    since = f", since {iso(finding.since)}" if finding.since is not None else ""
    lines = [f"    {_SIGNS[finding.severity]} {finding.what} ({finding.code}{since})"]
    lines += [f"      So it is with {', '.join(others)}."] if others else []
    lines.append(f"      {finding.why}")
    lines.append(f"      next: {finding.next_step}" + ("   (sos doctor --fix does it)" if trouble.mend is not None else ""))
    return lines


def _mended(each: Mended) -> str:
    of = f" of {each.agent}" if each.agent else ""
    return f"mended {each.code}{of}: {each.done}" if each.done else f"not mended {each.code}{of}: {each.failed}"


def _summary(troubles: Sequence[Trouble], *, fixed: bool) -> str:
    counts = [
        f"{count} {word}"
        for severity, word in (("critical", "broken"), ("warning", "to look at"))
        if (count := sum(trouble.finding.severity == severity for trouble in troubles))
    ]
    mendable = sum(trouble.mend is not None for trouble in troubles)
    return ", ".join(counts) + (f"; sos doctor --fix mends {mendable} of it" if mendable and not fixed else "")


# --- as JSON ----------------------------------------------------------------------------------------------------------


def _form(looked: Looked) -> dict[str, object]:
    state = "skipped" if looked.skipped else "broken" if looked.broken else "well"
    return {
        "rung": looked.rung,
        "agent": looked.agent,
        "state": state,
        "well": list(looked.well),
        "skipped": looked.skipped,
        "findings": _findings(looked),
    }


def _findings(looked: Looked) -> list[dict[str, Any]]:
    return [
        {
            **trouble.finding.fields(),
            "since": trouble.finding.since and iso(trouble.finding.since),
            "mendable": trouble.mend is not None,
        }
        for trouble in looked.troubles
    ]
