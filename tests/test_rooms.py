"""How envlock.py is laid out: titled rooms in the order of use, and a guard whose first steps need none of them."""

from __future__ import annotations

import ast
import builtins
import dis
import re
import unittest
from collections import Counter
from types import CodeType
from typing import Iterator

import envlock
from tests.support import ENVLOCK, ROOT

SOURCE = ENVLOCK.read_text(encoding="utf-8")
BANNER = re.compile(r"^# =+\n# (.+)\n# =+$", re.MULTILINE)
MAP_LINE = re.compile(r"^    (\S.*?)( \*)?(?: {2,}.*)?$", re.MULTILINE)
LONGEST_ROOM = 550  # lines

# How code reaches the world: files, streams, the environment, processes.
WORLD = re.compile(
    r"\b(?:open\(|sys\.std(?:in|out|err)|subprocess\.|os\.environ|os\.path\.(?:is(?:file|dir|link)|l?exists|realpath"
    r"|expanduser)|os\.(?:getcwd|l?stat|listdir|scandir|walk|open|read|write|replace|unlink|rmdir|mkdir|umask|_exit)\()"
)


def rooms() -> dict[str, tuple[int, int]]:
    """Each room's first and last line, by its title."""
    banners = [
        (match[1], SOURCE.count("\n", 0, match.start()) + 1)
        for match in BANNER.finditer(SOURCE)
    ]
    ends = [line - 1 for _, line in banners[1:]] + [SOURCE.count("\n")]
    return {title: (line, end) for (title, line), end in zip(banners, ends)}


def module_of(title: str) -> str:
    """The name of a room's tests: `text` for "Text, TOML and JSON", `uv_lock` for "uv.lock"."""
    return re.sub("[^a-z]+", "_", re.split(",| and ", title)[0].lower())


def defined(statement: ast.stmt) -> list[str]:
    """The names that a statement of the module gives."""
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    targets = getattr(statement, "targets", [getattr(statement, "target", None)])
    return [target.id for target in targets if isinstance(target, ast.Name)]


def local_names(function: ast.FunctionDef | ast.Lambda) -> set[str]:
    """What a function's own names hide: its arguments, and what it assigns or imports."""
    names = {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(
                (alias.asname or alias.name).partition(".")[0] for alias in node.names
            )
    return names


def used(node: ast.AST, hidden: frozenset[str] = frozenset()) -> Iterator[str]:
    """The module's names that a piece of code uses, in its annotations too."""
    if isinstance(node, ast.Name):
        if node.id not in hidden:
            yield node.id
        return
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        outside = ast.walk(node.args) if isinstance(node, ast.FunctionDef) else iter(())
        for part in outside:
            if isinstance(part, ast.arg) and part.annotation:
                yield from used(part.annotation, hidden)
        if isinstance(node, ast.FunctionDef) and node.returns:
            yield from used(node.returns, hidden)
        hidden |= local_names(node)
    elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        targets = [name for part in node.generators for name in ast.walk(part.target)]
        hidden |= {name.id for name in targets if isinstance(name, ast.Name)}
    for child in ast.iter_child_nodes(node):
        yield from used(child, hidden)


def global_names(code: CodeType) -> Iterator[str]:
    """The names that a function's code, and the code inside of it, looks for outside."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from global_names(constant)


class RoomsTests(unittest.TestCase):
    rooms: dict[str, tuple[int, int]]
    statements: list[ast.stmt]

    @classmethod
    def setUpClass(cls) -> None:
        cls.rooms = rooms()
        cls.statements = ast.parse(SOURCE).body

    def room_of(self, line: int) -> int:
        """The number of the room that a line stands in; -1 above the first."""
        return sum(start <= line for start, _ in self.rooms.values()) - 1

    def map_lines(self) -> list[tuple[str, bool]]:
        found = MAP_LINE.findall(envlock.__doc__ or "")
        return [(title, bool(star)) for title, star in found]

    def test_the_map_lists_the_banners_in_their_order(self) -> None:
        self.assertGreater(len(self.rooms), 20)
        self.assertEqual(len(BANNER.findall(SOURCE)), len(self.rooms))
        self.assertEqual([title for title, _ in self.map_lines()], list(self.rooms))

    def test_the_map_tells_which_rooms_touch_the_world(self) -> None:
        lines = SOURCE.split("\n")
        for title, star in self.map_lines():
            start, end = self.rooms[title]
            with self.subTest(title):
                self.assertEqual(bool(WORLD.search("\n".join(lines[start:end]))), star)

    def test_each_room_has_its_tests_and_all_tests_have_a_room(self) -> None:
        """A room's tests may stand in further modules, whose names begin with the room's."""
        tests = {
            path.stem[len("test_") :] for path in (ROOT / "tests").glob("test_*.py")
        }
        modules = [module_of(title) for title in self.rooms]
        self.assertEqual(len(set(modules)), len(self.rooms))
        self.assertEqual([module for module in modules if module not in tests], [])
        roomless = {
            test
            for test in tests
            if not any(f"{test}_".startswith(f"{module}_") for module in modules)
        }
        self.assertEqual(roomless, {"readme", "rooms"})

    def test_no_room_is_too_long(self) -> None:
        lengths = {title: end - start + 1 for title, (start, end) in self.rooms.items()}
        self.assertEqual(
            {
                title: length
                for title, length in lengths.items()
                if length > LONGEST_ROOM
            },
            {},
        )

    def test_no_use_runs_upward(self) -> None:
        """A name is defined in the room of its use or in one above."""
        places = {
            name: self.room_of(statement.lineno)
            for statement in self.statements
            for name in defined(statement)
        }
        self.assertGreater(len(places), 400)
        upward = [
            f"{name} in line {statement.lineno}"
            for statement in self.statements
            for name in used(statement)
            if places.get(name, -1) > self.room_of(statement.lineno) >= 0
        ]
        self.assertEqual(upward, [])

    def test_each_name_is_defined_once(self) -> None:
        counts = Counter(
            name for statement in self.statements for name in defined(statement)
        )
        self.assertEqual([name for name, count in counts.items() if count > 1], [])

    def test_the_lean_functions_use_each_other_alone(self) -> None:
        """They run without the rest of envlock.py; the first two among the names of `site`, which has os and sys."""
        functions = {
            function.__name__: function
            for function in (*envlock.LEAN_FUNCTIONS, *envlock.TELLING_FUNCTIONS)
        }
        self.assertIn("start_step_2", functions)
        functions["start_step_1"] = envlock.start_step_1
        for name, function in functions.items():
            site = {"os", "sys"} if name in ("start_step_1", "load_lean") else set()
            with self.subTest(name):
                allowed = {*functions, *dir(builtins), "__builtins__", *site}
                self.assertEqual(set(global_names(function.__code__)) - allowed, set())
