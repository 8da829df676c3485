"""The room Findings."""

from __future__ import annotations

import unittest
from typing import ClassVar

import envlock
from envlock import BoundFile, Finding, Reason, Verdict


class WordsTest(unittest.TestCase):
    WORDS: ClassVar[list[tuple[type, set[str]]]] = [
        (
            Verdict,
            {
                "Unrequired",
                "Missing",
                "Misdefined",
                "Duplicate",
                "Unreadable",
                "Modified",
                "Deleted",
                "Unrecorded",
            },
        ),
        (Reason, {"version", "source", "commit", "editable", "hash", "python"}),
    ]

    def test_each_word_stands_once(self) -> None:
        for kind, expected in self.WORDS:
            words = [
                value
                for key, value in vars(kind).items()
                if key[0] != "_" and isinstance(value, str)
            ]
            with self.subTest(kind.__name__):
                self.assertEqual(sorted(words), sorted(expected))

    def test_the_verdicts_on_files_are_verdicts(self) -> None:
        self.assertEqual(Verdict.OF_FILES, ("Modified", "Deleted", "Unrecorded"))


class FindingTest(unittest.TestCase):
    def test_the_line_is_that_of_the_requirement(self) -> None:
        file = BoundFile("uv.lock")
        file.text = "a = 1\n\n[[package]]\nname = 'six'\n"
        for place, line in (
            (7, 7),
            ("package[0]", 3),
            ("package[0].name", 4),
            ("package[0].version", 3),
        ):
            self.assertEqual(
                Finding("Missing", file=file, key_path=place).line, line, place
            )

    def test_without_a_requirement_there_is_no_line(self) -> None:
        self.assertEqual(Finding("Unrequired").line, 0)

    def test_a_policy_allows_nothing_by_itself(self) -> None:
        self.assertFalse(any(envlock.Policy()))


if __name__ == "__main__":
    unittest.main()
