"""Every order in which writers and readers of one inbox can meet, each of them able to die at every step.

A plain model of the quiet file: programs are sequences of operations, and all interleavings of them are walked. It knows nothing
of the code; test_quiet_protocol.py runs the orders through it that the code was seen to take.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Operation = Literal["lock", "unlock", "begin", "commit", "insert", "unlink", "read", "print", "mark", "query", "settle"]
Program = tuple[Operation, ...]

#: As in the protocol that was prototyped: the ring stands round the insert, all of it under the lock.
WRITER: Program = ("lock", "unlink", "begin", "insert", "commit", "unlock")
READER: Program = ("read", "print", "lock", "begin", "mark", "query", "commit", "settle", "unlock")


@dataclass(frozen=True, slots=True)
class Process:
    """One run of a program. Sets of messages are bit masks; message n is the one that program n inserts."""

    place: int = 0
    dead: bool = False
    seen: int = 0
    inserting: int = 0
    marking: int = 0
    nothing_due: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """The quiet file, the lock's holder, what is stored, marked and was printed, and every process."""

    quiet: bool
    processes: tuple[Process, ...]
    holder: int | None = None
    stored: int = 0
    marked: int = 0
    printed: int = 0

    def with_process(self, number: int, process: Process) -> State:
        """The same with another process `number`."""
        return replace(self, processes=(*self.processes[:number], process, *self.processes[number + 1 :]))


@dataclass(slots=True)
class Verdict:
    """What a walk through all states found."""

    states: int = 0
    #: Quiet while stored mail was never printed, at any moment.
    hidden: int = 0
    #: The same when every process has ended or died: nobody will ring any more.
    lost: int = 0
    #: When all is at rest, quiet while the store holds mail that nobody marked, though it may have been printed.
    unmarked: int = 0


def explore(programs: tuple[Program, ...], *, crashes: bool = True) -> Verdict:
    """Walk every state that these processes can reach."""
    idle = tuple(Process() for _ in programs)
    waiting = [State(quiet=quiet, processes=idle) for quiet in (True, False)]
    known, verdict = set(waiting), Verdict()
    while waiting:
        state = waiting.pop()
        _judge(state, programs, verdict)
        for after in _steps(state, programs, crashes=crashes):
            if after not in known:
                known.add(after)
                waiting.append(after)
    verdict.states = len(known)
    return verdict


def _judge(state: State, programs: tuple[Program, ...], verdict: Verdict) -> None:
    if not state.quiet:
        return
    resting = all(each.dead or each.place == len(programs[n]) for n, each in enumerate(state.processes))
    verdict.hidden += bool(state.stored & ~state.printed)
    verdict.lost += resting and bool(state.stored & ~state.printed)
    verdict.unmarked += resting and bool(state.stored & ~state.marked)


def _steps(state: State, programs: tuple[Program, ...], *, crashes: bool) -> list[State]:
    found = []
    for number, process in enumerate(state.processes):
        if process.dead or process.place == len(programs[number]):
            continue
        waits = programs[number][process.place] == "lock" and state.holder is not None
        if not waits:
            found += _done(state, number, programs[number])
        if crashes:
            # The kernel gives the lock back, and the store forgets what was not committed. Files stay as they are.
            holder = None if state.holder == number else state.holder
            found.append(replace(state, holder=holder).with_process(number, Process(dead=True)))
    return found


def _done(state: State, number: int, program: Program) -> list[State]:
    before = state.processes[number]
    process = replace(before, place=before.place + 1)
    after = state.with_process(number, process)
    unread = state.stored & ~state.marked
    match program[before.place]:
        case "lock":
            return [replace(after, holder=number)]
        case "unlock":
            return [replace(after, holder=None)]
        case "begin":
            return [after]
        case "insert":
            return [state.with_process(number, replace(process, inserting=1 << number))]
        case "unlink":
            return [replace(after, quiet=False)]
        case "read":
            return [state.with_process(number, replace(process, seen=unread))]
        case "print":
            return [replace(after, printed=state.printed | process.seen)]
        case "mark":
            return [state.with_process(number, replace(process, marking=process.seen))]
        case "query":
            return [state.with_process(number, replace(process, nothing_due=not unread & ~process.marking))]
        case "settle":
            return [replace(after, quiet=process.nothing_due)]
        case "commit":
            ended = replace(process, inserting=0, marking=0)
            kept = replace(after, stored=state.stored | process.inserting, marked=state.marked | process.marking)
            # A full disk refuses it: the store rolls back, and what follows under the lock is left out.
            refused = replace(ended, place=program.index("unlock", process.place))
            return [kept.with_process(number, ended), state.with_process(number, refused)]
