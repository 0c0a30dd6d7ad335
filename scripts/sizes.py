"""The size ratchet: no file or function grows beyond its limit, and named exceptions only shrink."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = "scripts/sizes.toml"


def functions(node: ast.AST, inside: str = "") -> Iterator[tuple[str, int]]:
    """Yield every function below a node, nested ones too, as (qualified name, lines)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{inside}.{child.name}" if inside else child.name
            if not isinstance(child, ast.ClassDef):
                yield name, (child.end_lineno or child.lineno) - child.lineno + 1
            yield from functions(child, name)
        else:
            yield from functions(child, inside)


def measured(root: Path, table: dict[str, dict[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Yield (name, lines, limit) of every file and function that has a limit."""
    for directory, limit in table["files"].items():
        for path in sorted((root / directory).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            name = path.relative_to(root).as_posix()
            yield name, len(text.splitlines()), limit
            if directory in table["functions"]:
                for function, lines in functions(ast.parse(text, filename=name)):
                    yield f"{name}:{function}", lines, table["functions"][directory]


def judge(root: Path, table: dict[str, dict[str, int]]) -> list[str]:
    """Return one sentence for each thing that is too large, and for each exception that is no longer true."""
    exceptions = dict(table["exceptions"])
    # Two functions may share a name (a property and its setter); the larger one counts.
    sizes: dict[str, tuple[int, int]] = {}
    for name, lines, limit in measured(root, table):
        sizes[name] = max(sizes.get(name, (0, limit)), (lines, limit))
    complaints = []
    for name, (lines, limit) in sizes.items():
        allowed = exceptions.pop(name, None)
        if allowed is None:
            if lines > limit:
                complaints.append(f"{name} has {lines} lines, the limit is {limit}: make two of it")
        elif lines <= limit:
            complaints.append(f"{name} has {lines} lines and needs no exception: remove it from {TABLE}")
        elif lines > allowed:
            complaints.append(f"{name} has {lines} lines, its exception allows {allowed}: it may only shrink")
        elif lines < allowed:
            complaints.append(f"{name} shrank to {lines} lines: write {lines} instead of {allowed} in {TABLE}")
    complaints += [f"{name} does not exist: remove its exception from {TABLE}" for name in exceptions]
    return complaints


def main() -> int:
    """Print what is wrong, and return the exit code."""
    complaints = judge(ROOT, tomllib.loads((ROOT / TABLE).read_text(encoding="utf-8")))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
