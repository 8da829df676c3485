"""The room Bound records."""

from __future__ import annotations

import os
import sys
import unittest

import envlock
from envlock import BoundError, ReadContext, Selection
from tests.support import LINUX, InFolder


class TestBoundFile(unittest.TestCase):
    def test_what_is_not_there_is_told_by_what_would_hold_it(self) -> None:
        file = envlock.BoundFile("x")
        file.text = "[a]\n[[a.b]]\nc = 1\n"
        for place, line in (("a.b[0].d", 2), ("a.b[7].c", 1), ("a.z", 1), ("z", 1)):
            self.assertEqual(line, file.line_of(place), place)


class TestSelection(unittest.TestCase):
    KNOWN = frozenset(("a", "b", "c"))

    def test_extras_count_if_they_are_asked_for_and_known(self) -> None:
        for selection, expected in (
            (Selection(), ""),
            (Selection(extras=frozenset("ax")), "a"),
            (Selection(options=frozenset("bx")), "b"),
            (
                Selection(
                    extras=frozenset("a"), options=frozenset("b"), groups=frozenset("c")
                ),
                "ab",
            ),
            (Selection(all_extras=True), "abc"),
            (Selection(all_groups=True), ""),
        ):
            self.assertEqual(
                envlock.selected_extras(selection, self.KNOWN), set(expected), selection
            )

    def test_groups_count_by_default_too_and_one_that_is_excluded_never(self) -> None:
        for selection, expected in (
            (Selection(), "a"),
            (Selection(no_default_groups=True), ""),
            (Selection(groups=frozenset("bx")), "ab"),
            (Selection(options=frozenset("cx"), extras=frozenset("b")), "ac"),
            (Selection(groups=frozenset("b"), no_default_groups=True), "b"),
            (Selection(all_groups=True), "abc"),
            (Selection(all_groups=True, no_default_groups=True), "abc"),
            (Selection(all_groups=True, no_groups=frozenset("ab")), "c"),
            (Selection(groups=frozenset("b"), no_groups=frozenset("b")), "a"),
            (Selection(no_groups=frozenset("a")), ""),
            (Selection(all_extras=True), "a"),
        ):
            found = envlock.selected_groups(selection, self.KNOWN, frozenset("a"))
            self.assertEqual(found, set(expected), selection)


class TestReadContext(InFolder):
    def test_files_are_noted_once_whether_they_are_there_or_not(self) -> None:
        self.write("there.txt", "six\n")
        self.assertTrue(self.context.is_file("there.txt"))
        self.assertFalse(self.context.is_file("absent.txt"))
        self.assertEqual(self.context.read_text("there.txt"), "six\n")
        self.assertEqual(
            list(self.context.files),
            [os.path.join(self.folder, name) for name in ("there.txt", "absent.txt")],
        )

    def test_a_file_is_read_once_and_by_all_that_share_its_texts(self) -> None:
        self.write("r.txt", "six\n")
        self.assertEqual(self.context.read_text("r.txt"), "six\n")
        self.write("r.txt", "attrs\n")
        self.assertEqual(self.context.read_text("./r.txt"), "six\n")
        other = ReadContext(lambda: LINUX, texts=self.context.texts)
        self.assertEqual(other.read_text("r.txt"), "six\n")
        self.assertEqual(list(other.files), [os.path.join(self.folder, "r.txt")])
        self.assertEqual(ReadContext(lambda: LINUX).read_text("r.txt"), "attrs\n")

    def test_the_interpreter_is_asked_only_if_a_marker_must_be_judged(self) -> None:
        context = ReadContext(lambda: sys.exit("asked"))
        self.assertTrue(context.holds(None))
        with self.assertRaises(SystemExit):
            context.holds(envlock.Marker('os_name == "posix"'))

    def test_a_marker_that_cannot_be_judged_is_an_error(self) -> None:
        with self.assertRaises(BoundError) as caught:
            self.context.holds(envlock.Marker('os_name ~= "posix"'))
        message = """the marker os_name ~= "posix" cannot be judged: '~=' has no meaning between 'posix' and 'posix'"""
        self.assertEqual(str(caught.exception), message)

    def test_an_extra_is_a_variable_of_its_own(self) -> None:
        marker = envlock.Marker("extra == 'Test_X'")
        self.assertEqual(
            [self.context.holds(marker, extra) for extra in ("", "test-x", "y")],
            [False, True, False],
        )


class TestValues(InFolder):
    def test_requires_python_is_a_requirement_of_python(self) -> None:
        self.assertEqual(envlock.python_requirement(envlock.ParsedTable({})), [])
        (found,) = envlock.python_requirement(
            envlock.ParsedTable({"requires-python": ">=3.9"}, "project")
        )
        self.assertEqual(
            (found.name, found.text, found.key_path),
            ("python", "python>=3.9", "project.requires-python"),
        )
        with self.assertRaises(BoundError) as caught:
            envlock.python_requirement(
                envlock.ParsedTable({"requires-python": "3"}, "project")
            )
        self.assertEqual(caught.exception.key_path, "project.requires-python")

    def test_two_spellings_of_one_extra_are_an_error(self) -> None:
        text = "[project]\n[project.optional-dependencies]\na_b = []\nA-B = []\n"
        message = "pyproject.toml:4: project.optional-dependencies: 'A-B' and 'a_b' are the same name"
        self.refuses(message, text, "pyproject.toml")


if __name__ == "__main__":
    unittest.main()
