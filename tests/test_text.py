"""The room Text, TOML and JSON."""

from __future__ import annotations

import json
import os
import random
import re
import sys
import unittest
from typing import Any, Iterator

import envlock
from envlock import (
    BoundError,
)
from tests.support import (
    DATA,
    ENVLOCK,
    LOCKS,
    NO_TOML,
    InFolder,
    Scratch,
    items_of,
    lock_in,
    peak_memory,
    run,
)


class TestLines(InFolder):
    TOML = """\
# [project]
title = \'\'\'
[project]
dependencies = ["zero"]
\'\'\'
a.b . "c.d" = {x = 1.5, "y z" = [1, 2, # "three" [
 3], q = {}}
[tool.other]
project = "]"
dependencies = ["no]"] # [
[ project ]  # c
dependencies = [ # first [
  "six[x]>=1", "idna", # , "no"

  'attrs; extra == "[,"',
]
optional-dependencies.dev = ["d1",
 "d2"]
optional-dependencies."a.b" = ["e1"]
[[array.within]]
x = 1
[[array.within]]
[[array.within.it]]
[[array.within.it]]
[array.within.it."x.y"]
z = [
  ["a"],
  [1]
]
"""

    def test_the_line_of_a_place_is_exact(self) -> None:
        lines = envlock.lines_of(self.TOML)
        for place, line in (
            ("project", 11),
            ("project.dependencies", 12),
            ("project.dependencies[0]", 13),
            ("project.dependencies[1]", 13),
            ("project.dependencies[2]", 15),
            ("project.optional-dependencies.dev[1]", 18),
            ('project.optional-dependencies."a.b"[0]', 19),
            ("tool.other.dependencies[0]", 10),
            ('a.b."c.d".y z[2]', 7),
            ('a.b."c.d".q', 7),
            ("array.within[0].x", 21),
            ("array.within[1].it[0]", 23),
            ('array.within[1].it[1]."x.y".z', 26),
            ('array.within[1].it[1]."x.y".z[1]', 28),
        ):
            self.assertEqual(line, lines.get(place), place)

    def test_json_has_lines_too(self) -> None:
        text = '{"x": {\n"default": {}},\n"default": {\n"a.b": {"markers": "{",\n"c": []},\n"markers" :\n{}}}\n'
        lines = envlock.lines_of(text)
        for place, line in (
            ("default", 3),
            ('default."a.b".c', 5),
            ("default.markers", 6),
            ("x.default", 2),
        ):
            self.assertEqual(line, lines.get(place), place)


class TestErrors(InFolder):
    def test_toml_that_only_a_parser_reads_needs_one(self) -> None:
        self.write("uv.lock", "version = 0x1\n")
        code = "import sys, envlock\nfor name in 'tomllib', 'tomli', 'pip': sys.modules[name] = None\n"
        code += "sys.exit(envlock.main(['validate', '-b', sys.argv[1]]))"
        done = run(
            [sys.executable, "-c", code, os.path.abspath("uv.lock")], cwd=ENVLOCK.parent
        )
        version = "{}.{}".format(*sys.version_info)
        message = f"reading TOML on Python {version} needs the package 'tomli' (pip install tomli)"
        self.assertEqual(
            (f"envlock: error: {self.folder}/uv.lock: {message}\n", "", 2),
            (done.stderr, done.stdout, done.returncode),
        )

    def test_typed_getters_tell_the_place(self) -> None:
        table = envlock.ParsedTable(
            {"packages": [{"version": 7}, {"name": True}], "empty": None}
        )
        first, second = table.tables("packages")
        with self.assertRaises(BoundError) as caught:
            first.text("version")
        self.assertEqual(
            "packages[0].version: expected a string, found 7", str(caught.exception)
        )
        with self.assertRaises(BoundError) as caught:
            second.require("version", str)
        self.assertEqual(
            "packages[1].version: missing, expected a string", str(caught.exception)
        )
        with self.assertRaises(BoundError) as caught:
            envlock.ParsedTable(second.data).get("name", int)
        self.assertEqual("name: expected an integer, found true", str(caught.exception))
        self.assertIsNone(table.get("empty", str))


@unittest.skipIf(NO_TOML, NO_TOML)
class RealLines(Scratch):
    def test_a_value_in_a_real_file_stands_on_its_line(self) -> None:
        projects = sorted(DATA.glob("*/*/pyproject.toml"))
        for path in [*map(lock_in, LOCKS), *projects]:
            text = path.read_text(encoding="utf-8")
            data = (
                envlock.load_json(text)
                if path.name == "Pipfile.lock"
                else envlock.load_toml(text)
            )
            found, lines = envlock.lines_of(text), text.split("\n")
            with self.subTest(path=path):
                for place, value in strings(data):
                    if not re.search("sdist|wheels|files|hashes", place):
                        self.assertIn(
                            json.dumps(value, ensure_ascii=False)[1:-1],
                            lines[found[place] - 1],
                            place,
                        )


@unittest.skipIf(NO_TOML, NO_TOML)
class Memory(unittest.TestCase):
    """What is read takes memory by its size, not a hundred bytes for each character."""

    TEXTS = (
        'a = "{}"'.format("b" * 200_000),
        'a = "{}"'.format('\\"' * 100_000),
        'a = """{}"""'.format("b" * 200_000),
        "a = '{}'".format("b" * 200_000),
        "#" + "b" * 200_000,
        "\n" * 200_000,
        "[a]\n" + "\n" * 200_000 + "b = 1",
        "[project]\n" + "\n" * 200_000 + 'name = "a"',
    )

    def test_reading_and_finding_lines(self) -> None:
        for text in self.TEXTS:
            for read in (envlock.load_lock, envlock.lines_of, envlock.toml_name):
                with self.subTest(text[:12], read=read.__name__):
                    peak = peak_memory(read, text)
                    self.assertLess(peak, 50 * len(text))


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a document, with its place."""
    if isinstance(value, str):
        yield place, value
    for key, member in items_of(value):
        yield from strings(member, envlock.key_path_of(place, key))


@unittest.skipIf(NO_TOML, NO_TOML)
class PlainToml(unittest.TestCase):
    """What is read without a TOML parser is what a TOML parser reads."""

    PIECES = (
        *(
            '"',
            "\\",
            '\\"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ", ",
            " ",
            "\n",
            " = ",
            "#",
            ":",
            "'",
            "1",
            "0",
            "-",
            ".",
            "\t",
            "\r",
            "\x7f",
        ),
        *(
            "true",
            "null",
            "NaN",
            "a = 1",
            "[a]",
            "[[a]]",
            "[package]",
            "[[package]]",
            '    "x",\n',
            "%s",
            "%",
            "\u00e9",
            "}, {",
        ),
    )

    def agree(self, text: str) -> bool:
        """Whether a text is plain; if it is, both readers must give the same."""
        plain = envlock._plain_toml(text)
        if plain is not None:
            self.assertEqual(plain, envlock._toml_parser().loads(text), text)
        return plain is not None

    def test_locks_as_the_tools_write_them_are_plain(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            if path.name != "Pipfile.lock":
                with self.subTest(lock=folder.name):
                    cut = re.sub(envlock.ARCHIVE_TABLES, envlock._cut_out, text)
                    # nested arrays, and pdm's tables without blanks, are left to the parser
                    self.assertIs(
                        self.agree(cut),
                        not re.search(r"\[\[$|,url = ", cut, re.MULTILINE),
                    )

    def test_a_damaged_lock_is_read_as_a_parser_reads_it_or_not_at_all(self) -> None:
        chance, plain = random.Random(751), 0
        texts = [lock_in(folder).read_text(encoding="utf-8") for folder in LOCKS]
        cuts = [
            re.sub(envlock.ARCHIVE_TABLES, envlock._cut_out, text).split("\n")
            for text in texts
        ]
        for _ in range(300 if sys.implementation.name == "pypy" else 3000):
            lines = chance.choice(cuts)
            start = chance.randrange(len(lines))
            text = "\n".join(lines[start : start + chance.randrange(1, 30)])
            for _ in range(chance.randrange(3)):
                at = chance.randrange(len(text) + 1)
                text = (
                    text[:at]
                    + chance.choice(self.PIECES)
                    + text[at + chance.choice((0, 0, 1, 5)) :]
                )
            plain += self.agree(text)
        self.assertGreater(plain, 50)

    def test_what_only_looks_plain_is_left_to_the_parser(self) -> None:
        for text in (
            "a = 1\na = 2",
            '[a]\n"b" = 1\nb = 2',
            "[a]\n[a]",
            "[a]\n[[a]]",
            "[[a]]\n[a]",
            "a = []\n[[a]]",
            "a = { b = 1 }\n[a.c]",
            "a = { b = 1, b = 2 }",
            "a = [\n    1,\nb = 2\n]",
            "a = [\n[b]\n]",
            "a = { b = 1\n}",
            'a = {"b": 1}',
            "a = null",
            "a = 01",
            'a = "\\/"',
            'a = "\\ud800"',
            'a = "\x7f"',
            'a = "%s"',
            "a = %s",
            'a = "b\nc"',
            "a = " + "[" * 9 + "]" * 9,
            "# a bell: \x07\na = 1",
            "[a[]]",
            "[[1]s]",
            "[[a[1]]]",
        ):
            with self.subTest(text=text):
                self.assertIsNone(envlock._plain_toml(text))


if __name__ == "__main__":
    unittest.main()
