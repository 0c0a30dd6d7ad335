"""The promises and the tests that prove them, checked against each other in both directions, from the sources alone."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

import pytest

from tests.requirements import PROMISES, Promise, State

ROOT = Path(__file__).resolve().parent.parent
ID = re.compile(r"[A-Z]+-[0-9]{3}")
SECTION = re.compile(r"§([1-9]|1[0-4])")
# Marks under which a test may not run, or may fail: it proves nothing then. (`skipif` runs somewhere, so it counts.)
NO_PROOF = frozenset({"skip", "xfail"})


@dataclass(frozen=True, slots=True)
class Mark:
    """One id named at one place; `proves` is False where pytest would never run the test, or would let it fail."""

    id: str
    place: str
    proves: bool


@dataclass(slots=True)
class Found:
    """What the sources hold: marks on tests, and uses of the marker that name nothing or stand on no test."""

    marks: list[Mark] = field(default_factory=list)
    misused: list[str] = field(default_factory=list)


def mark_name(node: ast.expr) -> str | None:
    """The X of `pytest.mark.X`, called or bare."""
    node = node.func if isinstance(node, ast.Call) else node
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute) and node.value.attr == "mark":
        return node.attr
    return None


def members(node: ast.expr) -> Iterator[ast.expr]:
    """The marks in `pytestmark = …` or `marks=…`: one, or a list or tuple of them."""
    if isinstance(node, ast.List | ast.Tuple):
        yield from node.elts
    else:
        yield node


def assigned(body: Iterable[ast.stmt]) -> list[ast.expr]:
    """The marks that `pytestmark` gives to all tests of this module or class."""
    return [
        mark
        for statement in body
        if isinstance(statement, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in statement.targets)
        for mark in members(statement.value)
    ]


def parametrised(decorators: Iterable[ast.expr]) -> Iterator[list[ast.expr]]:
    """The marks of each `pytest.param(…, marks=…)` that stands inside a parametrize decorator."""
    for decorator in decorators:
        if mark_name(decorator) == "parametrize":
            for node in ast.walk(decorator):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "param":
                    yield [mark for word in node.keywords if word.arg == "marks" for mark in members(word.value)]


def base_names(node: ast.ClassDef) -> set[str]:
    """The plain names of the classes that this one inherits from."""
    names = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
    return {base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else "" for base in names}


def run_classes(trees: dict[str, ast.Module]) -> set[str]:
    """Names of the classes that pytest runs: Test* in a test module, and what these inherit from (contract suites)."""
    bases: dict[str, set[str]] = {}
    reached: set[str] = set()
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(base_names(node))
                if node.name.startswith("Test") and is_test_module(path):
                    reached.add(node.name)
    todo = list(reached)
    while todo:
        new = bases.get(todo.pop(), set()) - reached
        reached |= new
        todo.extend(new)
    return reached


def is_test_module(path: str) -> bool:
    """Whether pytest collects tests from this file by itself."""
    return path.startswith("tests/") and Path(path).name.startswith("test_")


class Collector:
    """Walks one module the way pytest does, and keeps account of which uses of the marker it met on a test."""

    def __init__(self, path: str, run: set[str], found: Found) -> None:
        self.path, self.run, self.found = path, run, found
        self.met: set[ast.AST] = set()

    def module(self, tree: ast.Module) -> None:
        self.body(tree.body, is_test_module(self.path), assigned(tree.body), ())
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and mark_name(node) == "promise" and node not in self.met:
                self.found.misused.append(f"{self.path}:{node.lineno}: this promise mark stands on no test")

    def body(self, statements: Iterable[ast.stmt], runs: bool, given: list[ast.expr], outer: tuple[ast.expr, ...]) -> None:
        """Give the marks of a module or class (`given`) a place if it holds a test, then go through what it holds."""
        statements = list(statements)
        if runs and any(self.is_test(statement) for statement in statements):
            self.take(given, (*outer, *given))
        for statement in statements:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                self.function(statement, runs, (*outer, *given))
            elif isinstance(statement, ast.ClassDef):
                marks = [*statement.decorator_list, *assigned(statement.body)]
                inherits = statement.name in self.run and bool(statement.bases)
                if inherits:  # its tests may all be inherited ones
                    self.take(marks, (*outer, *given, *marks))
                self.body(statement.body, statement.name in self.run, [] if inherits else marks, (*outer, *given))

    def is_test(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.ClassDef):
            return statement.name in self.run
        return isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name.startswith("test")

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, runs: bool, outer: tuple[ast.expr, ...]) -> None:
        if runs and self.is_test(node):
            self.take(node.decorator_list, (*outer, *node.decorator_list))
            for marks in parametrised(node.decorator_list):
                self.take(marks, (*outer, *node.decorator_list, *marks))

    def take(self, marks: Iterable[ast.expr], all_marks: Iterable[ast.expr]) -> None:
        """Note the ids in `marks`; `all_marks` is everything that holds for the same tests."""
        proves = not NO_PROOF & {mark_name(mark) for mark in all_marks}
        for mark in marks:
            if mark_name(mark) != "promise":
                continue
            self.met.add(mark.func if isinstance(mark, ast.Call) else mark)
            place = f"{self.path}:{mark.lineno}"
            ids = mark.args if isinstance(mark, ast.Call) else []
            if not ids or (isinstance(mark, ast.Call) and mark.keywords):
                self.found.misused.append(f"{place}: a promise mark takes ids, and nothing else")
            for argument in ids:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    self.found.marks.append(Mark(argument.value, place, proves))
                else:
                    self.found.misused.append(f"{place}: write the id itself, so that a search finds it")


def collect(sources: dict[str, str]) -> Found:
    """Find the promise marks in sources by path from the repository's root ("tests/unit/test_names.py")."""
    trees = {path: ast.parse(text, path) for path, text in sources.items()}
    found, run = Found(), run_classes(trees)
    for path, tree in trees.items():
        Collector(path, run, found).module(tree)
    return found


def problems(promises: Iterable[Promise], found: Found, root: Path) -> list[str]:
    """Everything in which the promises and the marks disagree."""
    known = {promise.id: promise for promise in promises}
    proven = {mark.id for mark in found.marks if mark.proves}
    wrong = list(found.misused)
    for mark in found.marks:
        if mark.id not in known:
            wrong.append(f"{mark.place}: {mark.id} is not in tests/requirements.py")
        elif known[mark.id].state == "planned":
            wrong.append(f"{mark.place}: {mark.id} is named here, but its state is planned")
    for promise in known.values():
        if promise.state == "kept" and promise.bench is None and promise.id not in proven:
            wrong.append(f"{promise.id} is kept, but no test that has to pass names it")
        if promise.state == "kept" and promise.bench is not None and not (root / promise.bench).is_file():
            wrong.append(f"{promise.id} is kept, but {promise.bench} does not exist")
    return wrong


def table_problems(promises: Iterable[Promise]) -> list[str]:
    """What is wrong with the table itself: ids, sections, states, sentences, and commands of numbers."""
    wrong: list[str] = []
    ids: set[str] = set()
    texts: set[str] = set()
    for promise in promises:
        if not ID.fullmatch(promise.id):
            wrong.append(f"{promise.id}: an id is a word in capitals, a dash and three digits")
        if promise.id in ids:
            wrong.append(f"{promise.id} stands twice")
        if promise.text in texts or not promise.text.endswith("."):
            wrong.append(f"{promise.id}: the text is one sentence of its own, with a full stop")
        if not SECTION.fullmatch(promise.source):
            wrong.append(f"{promise.id}: {promise.source} is no section of the design")
        if promise.state not in get_args(State):
            wrong.append(f"{promise.id}: {promise.state} is no state")
        if promise.id.startswith("PERF-") != (promise.bench is not None):
            wrong.append(f"{promise.id}: numbers, and only they, have a command under bench/")
        if promise.bench is not None and not re.fullmatch(r"bench/[a-z0-9_]+\.py", promise.bench):
            wrong.append(f"{promise.id}: {promise.bench} is no command under bench/")
        ids.add(promise.id)
        texts.add(promise.text)
    return wrong


def repository_sources() -> dict[str, str]:
    """Every Python file in which a promise may be named."""
    paths = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "src/sos/testing").rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


def test_promises_and_tests_agree() -> None:
    assert problems(PROMISES, collect(repository_sources()), ROOT) == []


def test_the_table_is_well_formed() -> None:
    assert table_problems(PROMISES) == []


# The checks above pass on a good repository; what follows shows that they fail on a bad one.

SAMPLE = {
    "tests/unit/test_sample.py": '''
import pytest
from sos.testing.inbox import InboxContract

pytestmark = [pytest.mark.promise("MODULE-001"), pytest.mark.full]

@pytest.mark.promise("FUNCTION-001", "FUNCTION-002")
def test_function(): ...

@pytest.mark.promise("ASYNC-001")
async def test_async(): ...

@pytest.mark.promise("CLASS-001")
class TestClass:
    pytestmark = pytest.mark.promise("CLASS-002")
    @pytest.mark.promise("METHOD-001")
    def test_method(self): ...

@pytest.mark.parametrize("n", [pytest.param(1, marks=pytest.mark.promise("PARAM-001")),
                               pytest.param(2, marks=[pytest.mark.promise("PARAM-002"), pytest.mark.skip])])
def test_parametrised(n): ...

@pytest.mark.skip(reason="later")
@pytest.mark.promise("SKIPPED-001")
def test_skipped(): ...

@pytest.mark.xfail
class TestExpectedFailure:
    @pytest.mark.promise("XFAIL-001")
    def test_method(self): ...

@pytest.mark.promise("SUBCLASS-001")
class TestMemory(InboxContract): ...
''',
    "src/sos/testing/inbox.py": '''
import pytest

class InboxContract:
    @pytest.mark.promise("CONTRACT-001")
    def test_order(self): ...
''',
}  # fmt: skip

NOWHERE = {
    "tests/unit/test_helper.py": '@pytest.mark.promise("A-001")\ndef check(): ...\n',
    "tests/unit/test_empty.py": 'pytestmark = pytest.mark.promise("A-001")\n',
    "tests/unit/test_class.py": '@pytest.mark.promise("A-001")\nclass Names:\n    def test_it(self): ...\n',
    "tests/unit/test_nested.py": 'def f():\n    @pytest.mark.promise("A-001")\n    def test_it(): ...\n',
    "tests/unit/test_alias.py": 'named = pytest.mark.promise("A-001")\n\n@named\ndef test_it(): ...\n',
    "tests/unit/names.py": '@pytest.mark.promise("A-001")\ndef test_it(): ...\n',
    "src/sos/testing/unused.py": 'class Contract:\n    @pytest.mark.promise("A-001")\n    def test_it(self): ...\n',
}


def promise(name: str, state: State, bench: str | None = None) -> Promise:
    return Promise(name, f"{name} holds.", "§1", state, bench)


def test_the_collector_finds_every_way_to_name_a_promise() -> None:
    found = collect(SAMPLE)
    assert found.misused == []
    assert sorted(mark.id for mark in found.marks if mark.proves) == [
        "ASYNC-001", "CLASS-001", "CLASS-002", "CONTRACT-001", "FUNCTION-001", "FUNCTION-002",
        "METHOD-001", "MODULE-001", "PARAM-001", "SUBCLASS-001",
    ]  # fmt: skip
    assert sorted(mark.id for mark in found.marks if not mark.proves) == ["PARAM-002", "SKIPPED-001", "XFAIL-001"]


@pytest.mark.parametrize("path", NOWHERE)
def test_a_mark_that_stands_on_no_test_is_reported(path: str) -> None:
    found = collect({path: NOWHERE[path]})
    assert found.marks == []
    assert len(found.misused) == 1
    assert found.misused[0].startswith(path)


@pytest.mark.parametrize("mark", ["promise", "promise()", "promise(*ids)", 'promise("A-" + "001")', 'promise(id="A-1")'])
def test_a_mark_without_a_literal_id_is_reported(mark: str) -> None:
    found = collect({"tests/test_it.py": f"@pytest.mark.{mark}\ndef test_it(): ...\n"})
    assert found.marks == []
    assert len(found.misused) == 1


@pytest.mark.parametrize(
    ("promises", "expected"),
    [
        ([], "A-001 is not in"),
        ([promise("A-001", "planned")], "its state is planned"),
        ([promise("A-001", "kept"), promise("B-001", "kept")], "B-001 is kept, but no test"),
        ([promise("A-001", "kept"), promise("PERF-001", "kept", "bench/absent.py")], "bench/absent.py does not exist"),
    ],
)
def test_a_disagreement_is_reported(promises: list[Promise], expected: str, tmp_path: Path) -> None:
    found = Found(marks=[Mark("A-001", "tests/test_it.py:1", proves=True)])
    (problem,) = problems(promises, found, tmp_path)
    assert expected in problem


def test_a_skipped_test_keeps_no_promise(tmp_path: Path) -> None:
    found = collect({"tests/test_it.py": '@pytest.mark.skip\n@pytest.mark.promise("A-001")\ndef test_it(): ...\n'})
    assert problems([promise("A-001", "kept")], found, tmp_path) == ["A-001 is kept, but no test that has to pass names it"]


def test_what_is_kept_open_or_planned_rightly_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench/hook.py").touch()
    good = [
        promise("A-001", "kept"),
        promise("B-001", "open"),
        promise("C-001", "open"),
        promise("D-001", "planned"),
        promise("PERF-001", "kept", "bench/hook.py"),
        promise("PERF-002", "planned", "bench/absent.py"),
    ]
    found = Found(marks=[Mark("A-001", "tests/test_it.py:1", proves=True), Mark("B-001", "x", proves=True)])
    assert problems(good, found, tmp_path) == []
    assert table_problems(good) == []


@pytest.mark.parametrize(
    "bad",
    [
        [promise("A-1", "kept")],
        [promise("a-001", "kept")],
        [promise("A-001", "kept"), Promise("A-001", "Another.", "§1", "kept")],
        [promise("A-001", "kept"), Promise("A-002", "A-001 holds.", "§1", "kept")],
        [Promise("A-001", "No full stop", "§1", "kept")],
        [Promise("A-001", "It holds.", "§15", "kept")],
        [Promise("A-001", "It holds.", "§1", "done")],  # type: ignore[arg-type]  # the mistake under test
        [promise("PERF-001", "kept")],
        [promise("A-001", "kept", "bench/hook.py")],
        [promise("PERF-001", "kept", "../bench/hook.py")],
    ],
)
def test_a_malformed_table_is_reported(bad: list[Promise]) -> None:
    assert len(table_problems(bad)) == 1
