"""The room Options: the tables of options."""

from __future__ import annotations

import unittest

import envlock


class OptionsTest(unittest.TestCase):
    def test_a_spelling_means_the_same_everywhere(self) -> None:
        meanings: dict[str, envlock.Option] = {}
        for command in envlock.COMMANDS:
            for option in command.options():
                for name in option.names:
                    self.assertIs(meanings.setdefault(name, option), option, name)
        self.assertGreater(len(meanings), 25)

    def test_the_last_spelling_is_a_long_one(self) -> None:
        for command in envlock.COMMANDS:
            for option in command.options():
                self.assertRegex(option.names[-1], r"\A--[a-z]+(-[a-z]+)*\Z")
                self.assertEqual(option.key, option.names[-1][2:])

    def test_what_the_configuration_may_hold(self) -> None:
        keys: set[str] = set()
        for command in envlock.COMMANDS:
            keys.update(option.key for option in command.options() if option.configured)
        expected = """bound extra group only-group no-group package ignore ignore-file log all-extras
        all-groups no-default-groups subset superset integrity no-editable no-install-project
        no-install-workspace"""
        self.assertEqual(keys, set(expected.split()))
