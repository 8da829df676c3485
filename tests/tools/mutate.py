"""Changes envlock.py at random and tells which changes no test notices: `make mutants`.

`mutate.py [--seed N] [--number N] [--near]`: each room gets as many mutations as the others, or one more. A mutation is
tried in a copy of the repository, by the tests of its room, by those that name the changed function, and, without
`--near`, by all others; the first that fails ends it. Survivors are shown as a diff: either a test is missing, or the
change changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.test_rooms import BANNER, module_of
from tests.tools.check import ROOT

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
HANG = 900  # seconds; a test module that takes longer has noticed something, too


class Mutation(NamedTuple):
    kind: str
    node: ast.expr | ast.stmt  # its text is replaced
    text: str


class Trial(NamedTuple):
    room: str
    function: str  # the top-level name around the change
    mutation: Mutation


def mutations(node: ast.AST) -> Iterator[Mutation]:
    """What can be changed in one node by itself."""
    if isinstance(node, ast.expr):
        yield from of_expression(node)
    if isinstance(node, ast.stmt):
        yield from of_statement(node)
    tests = getattr(node, "ifs", [])
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        tests = [node.test]
    for test in tests:
        yield Mutation("condition", test, f"(not ({ast.unparse(test)}))")


def of_expression(node: ast.expr) -> Iterator[Mutation]:
    other: Any = copy.copy(node)
    if isinstance(node, ast.Compare):
        for number, operator in enumerate(node.ops):
            other.ops = [*node.ops]
            other.ops[number] = COMPARISONS[type(operator)]()
            yield Mutation("comparison", node, ast.unparse(other))
    elif isinstance(node, ast.BoolOp):
        other.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield Mutation("operator", node, f"({ast.unparse(other)})")
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        if not is_text(node.left) and not is_text(node.right):
            other.op = OPERATORS[type(node.op)]()
            yield Mutation("operator", node, f"({ast.unparse(other)})")
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield Mutation("constant", node, repr(not node.value))
        elif isinstance(node.value, (int, str)):
            value = f"{node.value}?" if isinstance(node.value, str) else node.value + 1
            yield Mutation("constant", node, repr(value))


def of_statement(node: ast.stmt) -> Iterator[Mutation]:
    if (
        isinstance(node, ast.Return)
        and node.value
        and ast.unparse(node.value) != "None"
    ):
        yield Mutation("return", node, "return None")
    elif isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete)):
        yield Mutation("statement", node, "pass")
    elif isinstance(node, (ast.Continue, ast.Break)):
        yield Mutation("jump", node, "pass")


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """What runs: no docstrings, no annotations, no parts of f-strings (older Pythons don't tell their places)."""
    if isinstance(node, ast.Expr) and is_text(node.value):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "not TYPE_CHECKING",
    ):
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns") or isinstance(node, ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from parts(child)


def trials(source: str) -> dict[str, list[Trial]]:
    """All that can be changed, by room."""
    starts = [
        (source.count("\n", 0, banner.start()) + 1, banner[1])
        for banner in BANNER.finditer(source)
    ]
    found: dict[str, list[Trial]] = {title: [] for _, title in starts}
    for statement in ast.parse(source).body:
        titles = [title for line, title in starts if line < statement.lineno]
        if titles and not isinstance(statement, (ast.Import, ast.ImportFrom)):
            for node in parts(statement):
                for mutation in mutations(node):
                    found[titles[-1]].append(
                        Trial(titles[-1], name_of(statement), mutation)
                    )
    return {room: some for room, some in found.items() if some}


def name_of(statement: ast.stmt) -> str:
    target = (
        getattr(statement, "target", None)
        or [*getattr(statement, "targets", []), None][0]
    )
    return str(getattr(statement, "name", None) or getattr(target, "id", ""))


def chosen(source: str, seed: int, number: int) -> list[Trial]:
    """Of each room as many; of each kind that a room has, as likely."""
    dice, found = random.Random(seed), trials(source)
    rooms: list[str] = []
    while len(rooms) < number:
        rooms += dice.sample(sorted(found), len(found))
    picked = []
    for room in rooms[:number]:
        kind = dice.choice(sorted({trial.mutation.kind for trial in found[room]}))
        picked.append(
            dice.choice([trial for trial in found[room] if trial.mutation.kind == kind])
        )
    return picked


def mutated(source: str, mutation: Mutation) -> str:
    lines = source.encode().splitlines(keepends=True)  # columns count bytes
    node = mutation.node
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    before = (
        b"".join(lines[: node.lineno - 1]) + lines[node.lineno - 1][: node.col_offset]
    )
    after = lines[node.end_lineno - 1][node.end_col_offset :] + b"".join(
        lines[node.end_lineno :]
    )
    return (before + mutation.text.encode() + after).decode()


def modules_for(trial: Trial, near: bool) -> list[str]:
    """The test modules, those first that are likely to notice."""
    paths = sorted((ROOT / "tests").glob("test_*.py"))
    own = f"test_{module_of(trial.room)}_"
    word = (
        re.compile(rf"\b{re.escape(trial.function)}\b")
        if trial.function
        else re.compile("$.")
    )

    def distance(path: Path) -> int:
        return (
            0
            if f"{path.stem}_".startswith(own)
            else 1
            if word.search(path.read_text("utf-8"))
            else 2
        )

    ranked = sorted(paths, key=distance)
    return [path.stem for path in ranked if not near or distance(path) < 2]


def passes(module: str, source: str) -> bool:
    """Whether a test module passes with an envlock.py of this text, in a copy of the repository."""
    ignore = shutil.ignore_patterns(".*", "__pycache__", "dist")
    with tempfile.TemporaryDirectory(prefix="envlock-mutant-") as scratch:
        folder = Path(scratch) / "repository"
        shutil.copytree(ROOT, folder, ignore=ignore)
        (folder / "envlock.py").write_text(source, encoding="utf-8")
        command = [sys.executable, "-m", "unittest", "-q", "-f", f"tests.{module}"]
        # What a hanging test has started ends with it.
        child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return child.wait(HANG) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            end_group(child)


def end_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def noticed_by(trial: Trial, source: str, near: bool, sound: dict[str, bool]) -> str:
    """The test module that notices a mutation, or nothing. Modules that fail without it don't count."""
    mutant = mutated(source, trial.mutation)
    for module in modules_for(trial, near):
        if not passes(module, mutant):
            if module not in sound:
                sound[module] = passes(module, source)
            if sound[module]:
                return module
            print(f"{module} fails without a mutation, too", flush=True)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--number", type=int, default=30)
    parser.add_argument(
        "--near",
        action="store_true",
        help="only tests of the room, and those that name the function",
    )
    parser.add_argument(
        "--only", type=int, action="append", metavar="N", help="only the Nth of them"
    )
    options = parser.parse_args(arguments)
    source = (ROOT / "envlock.py").read_text(encoding="utf-8")
    sound: dict[str, bool] = {}
    survivors = 0
    print(f"seed {options.seed}", flush=True)
    for number, trial in enumerate(chosen(source, options.seed, options.number), 1):
        if options.only and number not in options.only:
            continue
        began = time.monotonic()
        module = noticed_by(trial, source, options.near, sound)
        what = f"{trial.room}, line {trial.mutation.node.lineno}, {trial.function}: {trial.mutation.kind}"
        seconds = time.monotonic() - began
        print(
            f"{number:3} {what}: {f'noticed by {module}' if module else 'SURVIVES'} ({seconds:.0f} s)",
            flush=True,
        )
        if not module:
            survivors += 1
            lines = (source.splitlines(), mutated(source, trial.mutation).splitlines())
            print(
                "\n".join(
                    difflib.unified_diff(
                        *lines, "envlock.py", "mutant", n=2, lineterm=""
                    )
                ),
                flush=True,
            )
    print(f"{survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
