"""The room Bound files."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import sys
import unittest
from pathlib import Path
from typing import Callable

import envlock
from envlock import (
    Bound,
    BoundError,
    BoundFile,
    EnvlockError,
    ParsedLock,
    ReadContext,
    Selection,
)
from tests.support import (
    DATA,
    LINUX,
    LOCKS,
    MOST_GROWTH,
    NO_TOML,
    InFolder,
    Scratch,
    assert_linear,
    chosen,
    growth,
    lock_in,
    marker_variables,
    members,
    read_bound,
)


class TestRecognition(InFolder):
    def test_requirements_files_are_known_by_name_or_content(self) -> None:
        for name in (
            "requirements.lock",
            "dev.in",
            "requirements",
            "prod.lock",
            "constraints.txt",
            "noext",
        ):
            self.assertEqual(
                ["six==1.16"], self.texts("# comment\n\nsix==1.16\n", name), name
            )

    def test_a_name_is_known_as_a_whole_in_any_case(self) -> None:
        content = "# /// script\n"  # that of another format
        for title, names in (
            ("pyproject.toml", "pyproject.toml PyProject.TOML"),
            ("*.py (PEP 723)", "tool.py tool.pyw"),
            (
                "requirements files",
                "a.txt a.in a.pip requirements constraints requirements-dev.lock",
            ),
            ("pylock.toml", "pylock.toml pylock.dev.toml"),
            ("uv.lock", "uv.lock tool.py.lock"),
            ("poetry.lock", "poetry.lock"),
            ("pdm.lock", "pdm.lock"),
            ("Pipfile.lock", "Pipfile.lock pipfile.lock"),
        ):
            for name in names.split():
                with self.subTest(name):
                    self.assertEqual(
                        envlock._format_of(f"/home/{name}", content).title, title
                    )
        for name in [
            "my-pyproject.toml",
            "pylock.tom",
            "pylock.a.b.toml",
            "pylockxtoml",
            "uvxlock",
            "uv.locks",
        ]:
            with self.subTest(name):
                self.assertEqual(
                    envlock._format_of(name, content).title, "*.py (PEP 723)"
                )

    def test_other_formats_are_known_by_content(self) -> None:
        self.assertEqual(
            ["six"],
            self.texts('# six\n[project]\ndependencies = ["six"]\n', "other.toml"),
        )
        self.assertEqual([], self.texts("", "empty.lock"))

    def test_files_of_other_tools_are_answered_by_what_to_do(self) -> None:
        freeze = "freeze what is installed: python -m pip list --format=freeze > requirements.lock"
        for name, text, instead in (
            (
                "environment.yml",
                "dependencies:\n- numpy=1\n",
                "conda's environment.yml is not read yet; ",
            ),
            ("environment.yaml", "", "conda's environment.yaml is not read yet; "),
            ("pixi.lock", "version: 6\n", "pixi.lock is not read yet; "),
            ("conda-lock.yml", "version: 1\n", "conda-lock.yml is not read yet; "),
            ("setup.py", "import setuptools\n", "a setup.py names no versions; "),
            ("setup.cfg", "[metadata]\n", "a setup.cfg names no versions; "),
        ):
            with self.subTest(name=name):
                self.refused(text, f"{name}: {instead}{freeze}", name)
        pipfile = (
            "Pipfile: a Pipfile names no versions; Pipfile.lock does (pipenv lock)"
        )
        self.refused("[packages]\n", pipfile, "Pipfile")

    def test_a_folder_is_answered_by_the_lock_in_it(self) -> None:
        os.mkdir(os.path.join(self.folder, "sub"))
        folder = "expected a file, found a folder"
        for name, hint in (
            ("", "no lock"),
            ("requirements.txt", "sub/requirements.txt"),
            ("uv.lock", "sub/uv.lock"),
        ):
            if name:
                self.write(f"sub/{name}", "")
            with self.assertRaises(BoundError) as caught:
                envlock.read_bounds(["sub"], self.context)
            message = f"sub: {folder} ({hint} is in it)".replace("/", os.sep)
            self.assertEqual(str(caught.exception), message)

    def refused(self, text: str, message: str, name: str) -> None:
        self.write(name, text)
        with self.assertRaises(BoundError) as caught:
            envlock.read_bounds([name], self.context)
        self.assertEqual(str(caught.exception), message)

    def test_several_files_make_a_union(self) -> None:
        self.write("a.txt", "six\n")
        self.write("pyproject.toml", '[project]\nname = "x"\ndependencies = ["zipp"]\n')
        bound = envlock.read_bounds(["a.txt", "pyproject.toml"], self.context)
        self.assertEqual(["six", "zipp"], [each.text for each in bound.requirements])
        self.assertEqual(
            ({"x"}, {"a.txt", "pyproject.toml"}),
            (bound.permitted, {each.file for each in bound.requirements}),
        )

    def test_a_name_that_no_file_has_is_an_error(self) -> None:
        project = "[project]\n[project.optional-dependencies]\nb = []\na = []\n[dependency-groups]\ng = []\n"
        self.refuses(
            "pyproject.toml: there is no extra 'x' (it has a, b)",
            project,
            "pyproject.toml",
            chosen(extras="x"),
        )
        self.refuses(
            "pyproject.toml: there is no group 'a' (it has g)",
            project,
            "pyproject.toml",
            chosen(no_groups="a"),
        )
        message = "pyproject.toml: there is no extra or group 'x' (it has a, b, g)"
        self.refuses(message, project, "pyproject.toml", chosen(options="x"))
        self.refuses(
            "requirements.txt: there is no extra 'x' (it has none)",
            "six\n",
            selection=chosen(extras="x"),
        )

    def test_standard_input_is_read_only_where_it_may_be(self) -> None:
        with self.assertRaises(BoundError) as caught:
            envlock.read_bounds(
                ["-"], envlock.ReadContext(dict, texts={"-": "six\n=\n"})
            )
        self.assertEqual(
            "<stdin>:2: expected a package name, found '='", str(caught.exception)
        )
        for bound, shown in (
            ("-", "<stdin>"),
            ("https://u:p@host.example/r", "https://host.example/r"),
        ):
            with self.assertRaises(BoundError) as caught:
                envlock.read_bounds([bound], self.context)
            self.assertEqual(
                f"{shown}: only a file can be a bound here", str(caught.exception)
            )


class TestLines(InFolder):
    def test_requirements_of_all_kinds_of_files_know_their_lines(self) -> None:
        script = '#!/usr/bin/env python3\nx = """\n"""\n# /// script\n# requires-python = ">=3.8"\n'
        script += '# dependencies = [\n#   "six", # "no"\n#\n#   "zipp",\n# ]\n# ///\n'
        poetry = '[tool.poetry.dependencies]\npython = "*"\nsix = "*"\n"zope.interface" = "*"\n'
        poetry += '[tool.poetry.group.dev.dependencies]\nzipp = {version = "1"}\n'
        self.write("proj/pyproject.toml", '[project]\nname = "proj"\n')
        for name, text, expected in (
            ("tool.py", script, {"python": 5, "six": 7, "zipp": 9}),
            (
                "pyproject.toml",
                poetry,
                {"python": 2, "six": 3, "zope-interface": 4, "zipp": 6},
            ),
            ("requirements.txt", "# x\nsix\n-e ./proj\n", {"six": 2, "proj": 3}),
        ):
            found = self.read(text, name).requirements
            lines = {
                each.name: each.line or each.file.line_of(each.key_path)
                for each in found
            }
            self.assertEqual(expected, lines, name)


def many(text: str, number: int) -> str:
    """The text as often, with the number of each in place of `#`."""
    return "".join([text.replace("#", str(each)) for each in range(number)])


# How an input of a size looks, and a size. Four times that is near a limit, or enough to tell.
LINES: dict[str, tuple[Callable[[int], str], int]] = {
    "pins": (lambda n: many("a#==1.0\n", n), 5_000),
    "requirements": (lambda n: many("a#>=1 ; os_name == 'posix'\n", n), 1_000),
    "a line in pieces": (lambda n: "a==1 " + "\\\n" * n, 100_000),
    "hashes": (lambda n: "a==1" + " \\\n --hash=sha256:ab" * n, 4_000),
    "a long word": (lambda n: f"-i '{'a' * n}'", 250_000),
    "escapes": (lambda n: "-i " + "\\a" * n, 120_000),
    # small enough that the stack of the regular expression stays within the processor's caches
    "an open quote": (lambda n: '-i "' + '\\"' * n, 15_000),
    "an unknown option": (lambda n: "--" + "a" * n, 250_000),
    "options": (lambda n: "--pre " * n, 40_000),
    "variables": (lambda n: "${" * n, 120_000),
    "comments": (lambda n: "# x\n" * n, 40_000),
    "a comment": (lambda n: "a " + "#" * n, 250_000),
    "a fragment": (lambda n: "git+https://h/r#" + "a" * n, 16_000),
    "fields": (lambda n: "git+https://h/r#" + "a&" * n, 8_000),
    "revisions": (lambda n: "git+https://h/r" + "@a" * n, 8_000),
    "credentials": (lambda n: "git+https://" + "a@" * n, 8_000),
    "white space": (lambda n: "a" + "\x0b" * n + "1", 16_000),
    "white space after =": (lambda n: "a =" + "\u00a0" * n + "1", 16_000),
    "a wheel": (lambda n: "a-1-" + "a." * n + "-x.whl", 8_000),
    "an sdist": (lambda n: "https://h/a-1" + ".tar.a" * n, 2_500),
    "extras": (lambda n: "a[" + "a," * n + "b]", 8_000),
    "clauses": (lambda n: "a" + ">=1," * n + "<2", 4_000),
    "equal texts": (lambda n: "a" + "===1," * n + "<= 2", 3_000),
    "parentheses": (lambda n: "a;" + "(" * n, 16_000),
    "a marker": (lambda n: "a;" + "os_name=='a' or " * n + "os_name=='a'", 1_000),
    "escapes in a marker": (lambda n: "a;os_name=='" + "\\a" * n + "'", 8_000),
    "a path": (lambda n: "./" + "a/" * n, 8_000),
    "a file again": (lambda n: "-r nested.in\n" * n, 4_000),
}
FILES: dict[str, tuple[str, Callable[[int], str], int]] = {
    "plain TOML": (
        "pyproject.toml",
        lambda n: "[project]\ndependencies = [\n" + many('    "a#",\n', n) + "]\n",
        3_000,
    ),
    "TOML": (
        "pyproject.toml",
        lambda n: "[project]\ndependencies = [\n" + many('"a#", # x\n', n) + "]\n",
        3_000,
    ),
    "groups": (
        "pyproject.toml",
        lambda n: "[dependency-groups]\n" + many('g# = ["a"]\n', n),
        1_000,
    ),
    "extras": (
        "pyproject.toml",
        lambda n: (
            "[project]\n[project.optional-dependencies]\n" + many('g# = ["a"]\n', n)
        ),
        1_000,
    ),
    "a group of groups": (
        "pyproject.toml",
        lambda n: (
            "[dependency-groups]\n"
            + many('g# = ["a"]\n', n)
            + "x = ["
            + many('{include-group = "g#"}, ', n)
            + "]\n"
        ),
        1_000,
    ),
    "a script": (
        "a.py",
        lambda n: (
            "# /// script\n# dependencies = [\n"
            + many('#   "a#",\n', n)
            + "# ]\n# ///\n"
        ),
        3_000,
    ),
    "an unknown file of comments": ("unknown", lambda n: "#\n" * n + "(", 16_000),
    "an unknown file of brackets": ("unknown", lambda n: "a[" + "]" * n + "x", 16_000),
    "Pipfile.lock": (
        "Pipfile.lock",
        lambda n: (
            '{"_meta": {"pipfile-spec": 6}, "default": {'
            + many('"a#": {"version": "==1"}, ', n)
            + '"b": {}}}'
        ),
        2_000,
    ),
    "pylock.toml": (
        "pylock.toml",
        lambda n: (
            'lock-version = "1.0"\ncreated-by = "x"\n'
            + many('[[packages]]\nname = "a#"\nversion = "1"\n', n)
        ),
        1_500,
    ),
}


UV_PACKAGE = '[[package]]\nname = "{}"\nversion = "1"\nsource = {{ {} }}\n'
UV_ROOT = "version = 1\n" + UV_PACKAGE.format("p", 'editable = "."')
UV_PIN = UV_PACKAGE.format("a#", 'registry = "https://index.example/simple"')
POETRY_PIN = '[[package]]\nname = "a#"\nversion = "1"\noptional = false\n'
POETRY_END = '[metadata]\nlock-version = "{}"\n'
PDM_PIN = '[[package]]\nname = "a#"\nversion = "1"\n'
PDM_END = '[metadata]\nlock_version = "4.5.0"\ngroups = ["default"]\nstrategy = [{}]\n'


def chain(package: str, dependency: str, number: int) -> str:
    """Packages, each with a dependency (`@` in its text) on the next."""
    return "".join(
        (package + dependency.replace("@", str(each + 1))).replace("#", str(each))
        for each in range(number)
    ) + package.replace("#", str(number))


POETRY_PROJECT = '[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\n'
PDM_PROJECT = '[project]\nname = "p"\ndependencies = ["a0"]\n'
# The project, the lock and its name, and a size.
TOOL_LOCKS: dict[str, tuple[Callable[[int], str], str, Callable[[int], str], int]] = {
    "uv: side by side": (
        lambda n: "",
        "uv.lock",
        lambda n: (
            UV_ROOT
            + "dependencies = [\n"
            + many('    { name = "a#" },\n', n)
            + "]\n"
            + many(UV_PIN, n)
        ),
        400,
    ),
    "uv: a chain": (
        lambda n: "",
        "uv.lock",
        lambda n: (
            UV_ROOT
            + 'dependencies = [{ name = "a0" }]\n'
            + chain(UV_PIN, 'dependencies = [{ name = "a@" }]\n', n)
        ),
        400,
    ),
    "Poetry: side by side": (
        lambda n: POETRY_PROJECT,
        "poetry.lock",
        lambda n: (
            many(POETRY_PIN + 'groups = ["main"]\n', n) + POETRY_END.format("2.1")
        ),
        800,
    ),
    "Poetry: a chain of extras": (
        lambda n: POETRY_PROJECT + 'a0 = {version = "*", extras = ["x"]}\n',
        "poetry.lock",
        lambda n: (
            chain(
                POETRY_PIN,
                "[package.dependencies]\n"
                'a@ = {version = "*", extras = ["x"], optional = true}\n'
                '[package.extras]\nx = ["a@[x]"]\n',
                n,
            )
            + POETRY_END.format("2.0")
        ),
        150,
    ),
    "Poetry: many extras of one package": (
        lambda n: (
            POETRY_PROJECT
            + 'b = {version = "*", extras = ['
            + many('"x#", ', n)
            + '"x"]}\n'
        ),
        "poetry.lock",
        lambda n: (
            many(POETRY_PIN, n)
            + POETRY_PIN.replace("a#", "b")
            + "[package.dependencies]\n"
            + many('a# = {version = "*", optional = true}\n', n)
            + "[package.extras]\n"
            + many('x# = ["a#"]\n', n)
            + POETRY_END.format("2.0")
        ),
        200,
    ),
    "PDM: side by side": (
        lambda n: PDM_PROJECT,
        "pdm.lock",
        lambda n: (
            PDM_END.format('"inherit_metadata"')
            + many(PDM_PIN + 'groups = ["default"]\n', n)
        ),
        800,
    ),
    "PDM: a chain": (
        lambda n: PDM_PROJECT,
        "pdm.lock",
        lambda n: PDM_END.format("") + chain(PDM_PIN, 'dependencies = ["a@"]\n', n),
        300,
    ),
    "PDM: a chain without the project": (
        lambda n: "",
        "pdm.lock",
        lambda n: PDM_END.format("") + chain(PDM_PIN, 'dependencies = ["a@"]\n', n),
        300,
    ),
    "PDM: a chain of extras": (
        lambda n: PDM_PROJECT.replace("a0", "a0[x]"),
        "pdm.lock",
        lambda n: (
            PDM_END.format("")
            + chain(PDM_PIN + 'extras = ["x"]\n', 'dependencies = ["a@[x]"]\n', n)
        ),
        300,
    ),
}


@unittest.skipIf(
    sys.implementation.name == "pypy", "its compiler works at times of its own"
)
class TestLinearTime(InFolder):
    """What reading costs grows with the size of the input, and no faster."""

    def assertLinear(self, name: str, make: Callable[[int], str], size: int) -> None:
        selection = Selection(all_extras=True, all_groups=True)

        def read(path: str) -> None:
            with contextlib.suppress(EnvlockError):
                envlock.read_bounds([path], ReadContext(lambda: LINUX, selection))

        def write(number: int) -> str:
            os.makedirs(str(number), exist_ok=True)
            return self.write(f"{number}/{name}", make(number))

        self.assertLessEqual(growth(read, write, size), MOST_GROWTH)

    def test_lines_of_requirements_files(self) -> None:
        for folder in (16_000, 4_000):
            self.write(f"{folder}/nested.in", "six\n")
        for title, (make, size) in LINES.items():
            with self.subTest(title):
                self.assertLinear("requirements.txt", make, size)

    def test_files_of_other_formats(self) -> None:
        for title, (name, make, size) in FILES.items():
            if not NO_TOML or not name.endswith("toml"):
                with self.subTest(title):
                    self.assertLinear(name, make, size)

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_locks_of_tools(self) -> None:
        selection = Selection(all_extras=True)

        def read(path: str) -> None:
            bound = envlock.read_bounds([path], ReadContext(lambda: LINUX, selection))
            pins = [each for each in bound.requirements if each.version == "1"]
            number = int(path.rsplit("/", 2)[-2])
            self.assertGreaterEqual(len(pins) + len(bound.permitted), number)

        for title, (project, name, lock, size) in TOOL_LOCKS.items():
            paths = {}
            for number in (size, 4 * size):
                os.makedirs(f"{title}/{number}")
                self.write(f"{title}/{number}/pyproject.toml", project(number))
                paths[number] = self.write(f"{title}/{number}/{name}", lock(number))
            with self.subTest(title):
                self.assertLessEqual(growth(read, paths.__getitem__, size), MOST_GROWTH)

    def test_files_side_by_side(self) -> None:
        for number in range(1_200):
            self.write(f"nested/{number}.in", "six\n")
        self.assertLinear(
            "requirements.txt", lambda n: many("-r ../nested/#.in\n", n), 300
        )

    def test_lines_of_values(self) -> None:
        self.assertLessEqual(
            growth(
                envlock.lines_of, lambda n: many("[[a#]]\n[a#.b]\nx = 1\n", n), 1_000
            ),
            MOST_GROWTH,
        )
        self.assertLessEqual(
            growth(envlock.lines_of, lambda n: many("a# = 1\n", n), 8_000), MOST_GROWTH
        )


class TestLengthLimit(InFolder):
    def test_one_requirement_or_marker_is_as_long_in_each_format(self) -> None:
        long, message = "a" * 70_000, "longer than 65536 characters: no requirement"
        self.refuses(f"requirements.txt:2: {message}", f"six\n{long}\n")
        self.refuses(f"requirements.txt:1: {message}", f"a ; os_name == '{long}'\n")
        self.refuses(f"requirements.txt:1: {message}", f"-e ./{long}\n")
        project = f'[project]\ndependencies = [\n  "{long}",\n]\n'
        place = f"project.dependencies[0]: {message}"
        self.refuses(f"pyproject.toml:3: {place}", project, "pyproject.toml")
        place = f"project.requires-python: {message}"
        project = f'[project]\nrequires-python = ">={long}"\n'
        self.refuses(f"pyproject.toml:2: {place}", project, "pyproject.toml")
        pylock = f'lock-version = "1.0"\n[[packages]]\nname = "a"\nmarker = "os_name == \'{long}\'"\n'
        self.refuses(
            f"pylock.toml:4: packages[0].marker: {message}", pylock, "pylock.toml"
        )


class TestErrors(InFolder):
    def test_invalid_files_are_told_with_file_and_line(self) -> None:
        expected = json.loads(
            (DATA / "invalid_bounds.json").read_text(encoding="utf-8")
        )
        selection = Selection(all_extras=True, all_groups=True)
        for folder in ("requirements", "pyproject", "script"):
            for path in sorted((DATA / folder / "invalid").iterdir()):
                name = path.relative_to(DATA).as_posix()
                with self.subTest(name), self.assertRaises(EnvlockError) as caught:
                    envlock.read_bounds(
                        [str(path)], ReadContext(lambda: LINUX, selection)
                    )
                message = str(caught.exception).replace(str(path.parent) + os.sep, "")
                self.assertEqual(expected.pop(name), message)
        self.assertEqual({}, expected)

    def test_too_much_of_anything_is_told(self) -> None:
        self.refuses(  # so the hundred thousand before it were read
            "requirements.txt:100001: more than 100000 requirements: no requirements file",
            "six\n" * 100_001,
        )
        long_key = "[a]\n" + "x = 1.5\n" * 1500 + ".".join("a" * 101) + " = 1\n"
        self.refuses(
            "pyproject.toml:1502: invalid TOML: a key of a hundred parts",
            long_key,
            "pyproject.toml",
        )
        self.refuses(
            "Pipfile.lock:2: nested too deeply", "\n" + "[" * 100_000, "Pipfile.lock"
        )

    def test_json_that_is_no_object_is_no_lock(self) -> None:
        self.refuses(
            "Pipfile.lock:1: expected an object, found an empty array",
            "[]",
            "Pipfile.lock",
        )

    @staticmethod
    def junk(size: int) -> list[str]:
        return [
            "a" * size,
            "#" * size,
            " " * size + "#x",
            "\\\n" * (size // 2),
            '-"' + "a" * size,
            "[" * size,
            "{" * size,
            "${A}" * (size // 4),
            "six --hash=sha256:ab" + " x" * (size // 2),
            "a[" * (size // 2),
            "six;" + "(" * size,
        ]

    def test_huge_junk_takes_linear_time(self) -> None:
        for name in ("requirements.txt", "x.lock", "pyproject.toml", "x.py"):

            def read(text: str, name: str = name) -> None:
                with contextlib.suppress(EnvlockError):
                    self.read(text, name)

            for small, large in zip(self.junk(1 << 17), self.junk(1 << 20)):
                with self.subTest(name=name, text=large[:10]):
                    assert_linear(read, small, large)

    def test_random_bytes_and_cut_files_raise_nothing_else(self) -> None:
        rng = random.Random(7)
        real = [path for path in sorted(DATA.glob("[prs]*/**/*")) if path.is_file()]
        for number in range(200):
            data = bytearray(rng.choice(real).read_bytes()[:3000])
            if number % 3 == 0:
                data = bytearray(rng.randrange(256) for _ in range(rng.randrange(60)))
            for _ in range(rng.randrange(4)):
                data[rng.randrange(len(data) + 1) :][:1] = bytes(
                    [rng.choice(b"\"'[]{}=,#\\;@\n -r")]
                )
            data = data[: rng.randrange(len(data) + 1)]
            name = rng.choice(["requirements.txt", "x.lock", "pyproject.toml", "x.py"])
            try:
                self.read(
                    bytes(data), name, Selection(all_extras=True, all_groups=True)
                )
            except EnvlockError as error:
                self.assertNotIn("\n", str(error))


@unittest.skipIf(NO_TOML, NO_TOML)
class WhatTheToolsInstalled(unittest.TestCase):
    def test_a_lock_demands_what_its_tool_installs(self) -> None:
        for folder in LOCKS:
            answers: dict[str, dict[str, str]] = json.loads(
                (folder / "installed.json").read_text(encoding="utf-8")
            )
            for run, installed in answers.items():
                with self.subTest(lock=folder.name, run=run):
                    version, _, options = run.partition(" ")
                    self.compare(
                        read_bound(lock_in(folder), options, version), installed
                    )

    def compare(self, bound: Bound, installed: dict[str, str]) -> None:
        versions = {
            envlock.canonicalize_name(name): version
            for name, version in installed.items()
        }
        demanded = {
            each.name: each for each in bound.requirements if each.name != "python"
        }
        left_out = bound.permitted | {"pip"}
        self.assertEqual(
            set(demanded) - {"pip"}, set(versions) - (left_out - set(demanded))
        )
        for name, each in demanded.items():
            if each.version is not None:
                self.assertEqual(each.version, versions[name], name)
            self.assertTrue(
                each.specifier is None or each.specifier.contains(versions[name]), name
            )

    def test_the_format_is_known_by_the_content(self) -> None:
        for folder in LOCKS:
            with self.subTest(lock=folder.name):
                text = lock_in(folder).read_text(encoding="utf-8")
                self.assertEqual(
                    envlock._format_of("prod.lock", text).title, lock_in(folder).name
                )


@unittest.skipIf(NO_TOML, NO_TOML)
class LinesOfLocks(Scratch):
    def test_a_requirement_of_a_real_lock_knows_its_line(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            lines = path.read_text(encoding="utf-8").split("\n")
            with self.subTest(lock=folder.name):
                for each in read_bound(path).requirements:
                    line = each.file.line_of(each.key_path)
                    if path.name == "Pipfile.lock":
                        self.assertIn(
                            each.name, envlock.canonicalize_name(lines[line - 1])
                        )
                    elif each.name == "python":
                        self.assertRegex(
                            lines[line - 1], "python|markers|environments|targets"
                        )
                    else:
                        self.assertRegex(lines[line - 1], r"\A\[\[packages?\]\]\Z")
                        self.assertEqual(
                            envlock.canonicalize_name(lines[line][8:-1]), each.name
                        )


@unittest.skipIf(NO_TOML, NO_TOML)
class DamagedLocks(Scratch):
    def test_any_cut_is_read_or_refused_in_words(self) -> None:
        dice = random.Random(4)
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            for _ in range(2):
                self.refused_or_read(path, text[: dice.randrange(len(text))])

    def test_any_value_of_another_type_is_read_or_refused_in_words(self) -> None:
        dice = random.Random(5)
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            form = envlock._format_of(str(path), text)
            loaded = form.load(text)
            data = loaded.data if isinstance(loaded, ParsedLock) else loaded
            for _ in range(8):
                twisted = copy.deepcopy(data)
                table, key = dice.choice(list(members(twisted)))
                table[key] = dice.choice(
                    [7, "", "x", [], {}, True, [7], ["x"], {"x": 1}, [{}], None]
                )
                with contextlib.suppress(EnvlockError):
                    value = (
                        loaded._replace(data=twisted)
                        if isinstance(loaded, ParsedLock)
                        else twisted
                    )
                    bound = form.read(
                        value, BoundFile(path), ReadContext(marker_variables)
                    )
                    for each in bound.requirements:
                        envlock.locked_hashes(each)

    def refused_or_read(self, path: Path, text: str) -> None:
        form = envlock._format_of(str(path), text)
        with contextlib.suppress(EnvlockError):
            form.read(form.load(text), BoundFile(path), ReadContext(marker_variables))


if __name__ == "__main__":
    unittest.main()
