"""The room Guesses: what users of other tools type is answered by what they should."""

from __future__ import annotations

import unittest

import envlock
from tests.support import TestCase
from tests.support import envlock as run_envlock

# What is typed, and the whole of what is answered.
NO_PACKAGE = (
    "(envlock changes no package: on a terminal it names the command that does)"
)
GUESSES = {
    "validate requirements.txt": "there is no use for the word 'requirements.txt'"
    " (did you mean 'envlock validate --bound requirements.txt'?)",
    "validate -r requirements.txt": "there is no option -r (did you mean 'envlock validate --bound requirements.txt'?)",
    "validate --requirement=r.txt": "there is no option --requirement (did you mean 'envlock validate --bound r.txt'?)",
    "validate --lock": "there is no option --lock (did you mean 'envlock validate --bound FILE'?)",
    "validate --lockfile uv.lock": "there is no option --lockfile (did you mean 'envlock validate --bound uv.lock'?)",
    "validate --bouns x": "there is no option --bouns (did you mean '--bound'?)",
    "validate --json": "there is no option --json (did you mean 'envlock validate json'?)",
    "validate --format json": "there is no option --format (did you mean 'envlock validate json'?)",
    "validate --output-format=github": "there is no option --output-format (did you mean 'envlock validate github'?)",
    "validate --output-format text": "there is no option --output-format"
    " (the output is a word without dashes: display, json, github, sarif, junit, write, exit)",
    "validate --csv out.csv": "there is no option --csv (did you mean 'envlock validate write -o out.csv'?)",
    "validate csv": "there is no use for the word 'csv' (did you mean 'envlock validate write -o FILE'?)",
    "validate --junitxml": "there is no option --junitxml (did you mean 'envlock validate junit'?)",
    "validate -p .venv": "there is no option -p (did you mean 'envlock validate --exe .venv'?)",
    "validate --python 3.12": "there is no option --python (did you mean 'envlock validate --exe 3.12'?)",
    "site-status --venv .venv": "there is no option --venv (did you mean 'envlock site-status --exe .venv'?)",
    "validate --dev": "there is no option --dev (did you mean 'envlock validate --group dev'?)",
    "validate --no-dev": "there is no option --no-dev (did you mean 'envlock validate --no-group dev'?)",
    "validate --with docs": "there is no option --with (did you mean 'envlock validate --group docs'?)",
    "validate --without test": "there is no option --without (did you mean 'envlock validate --no-group test'?)",
    "validate -E web": "there is no option -E (did you mean 'envlock validate --extra web'?)",
    "validate --extras web": "there is no option --extras (did you mean 'envlock validate --extra web'?)",
    "validate --exclude pip": "there is no option --exclude (did you mean 'envlock validate --ignore pip'?)",
    "validate --inexact": "there is no option --inexact (did you mean 'envlock validate --superset'?)",
    "validate --hashes": "there is no option --hashes (did you mean 'envlock validate --integrity'?)",
    "validate --no-color": "there is no option --no-color (did you mean 'envlock validate --color never'?)",
    "validate --exit-code 9": "there is no option --exit-code (did you mean 'envlock validate --code 9'?)",
    "validate --strict": "there is no option --strict (leave it out: every difference counts)",
    "validate --frozen": "there is no option --frozen (leave it out: envlock changes no lock)",
    "validate --fix": f"there is no option --fix {NO_PACKAGE}",
    "check": "there is no command 'check' (did you mean 'envlock validate'?)",
    "verify --bound x": "there is no command 'verify' (did you mean 'envlock validate'?)",
    "status": "there is no command 'status' (did you mean 'envlock site-status'?)",
    "install": "there is no command 'install' (did you mean 'envlock site-install'?)",
    "uninstall": "there is no command 'uninstall' (did you mean 'envlock site-uninstall'?)",
    "sync": f"there is no command 'sync' {NO_PACKAGE}",
    "freeze": "there is no command 'freeze' (envlock makes no lock: pip freeze and every packaging tool do)",
    "help": "there is no command 'help' (did you mean 'envlock --help'?)",
    "json": "there is no command 'json' (did you mean 'envlock validate json'?)",
    "requirements.txt": "there is no command 'requirements.txt'"
    " (did you mean 'envlock validate --bound requirements.txt'?)",
    "site-install block --bound x": "there is no use for the word 'block' (did you mean 'envlock site-install exit'?)",
    # never a secret
    "validate https://user:secret@host.example/r.txt?token=1": "there is no use for the word"
    " 'https://host.example/r.txt' (did you mean 'envlock validate --bound https://host.example/r.txt'?)",
    "validate -r https://user:secret@host.example/r.txt?token=1": "there is no option -r"
    " (did you mean 'envlock validate --bound https://host.example/r.txt'?)",
}


class GuessesTest(TestCase):
    def test_each_is_answered_by_the_right_spelling(self) -> None:
        for words, message in GUESSES.items():
            with self.subTest(words=words):
                with self.assertRaises(envlock.UsageError) as caught:
                    given, plain = envlock.split_words(
                        words.split(), envlock.COMMANDS, "envlock"
                    )
                    envlock.parse_arguments(given, plain, envlock.COMMANDS, "envlock")
                self.assertEqual(str(caught.exception), message)

    def test_it_is_one_line_and_exit_2(self) -> None:
        words = "validate -r requirements.txt"
        self.assertRefused(run_envlock(*words.split()), GUESSES[words])

    def test_a_folder_is_an_environment(self) -> None:
        message = f"there is no command '{self.folder}' (did you mean 'envlock -e {self.folder} validate'?)"
        self.assertRefused(run_envlock(self.folder), message)


class RightTest(unittest.TestCase):
    def test_each_answer_is_understood(self) -> None:
        known = {"validate", "site-install", "site-uninstall", "site-status"}
        known |= {word.word for command in envlock.COMMANDS for word in command.words}
        known |= {
            name
            for command in envlock.COMMANDS
            for option in command.options()
            for name in option.names
        }
        for right, wrongs in (*envlock.OPTION_GUESSES, *envlock.WORD_GUESSES):
            with self.subTest(right=right):
                self.assertTrue(wrongs)
                if right[0] != "(" and right != "WORD":
                    self.assertIn(right.split()[0], known)

    def test_no_guess_is_a_right_spelling(self) -> None:
        names = {
            name
            for command in envlock.COMMANDS
            for option in command.options()
            for name in option.names
        }
        for _, wrongs in envlock.OPTION_GUESSES:
            self.assertEqual(names & set(wrongs.split()), set())
