"""The room Arguments: options and words as a user types them, and the help."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.support import COMMAND, ENVLOCK, TestCase, run
from tests.support import envlock as run_envlock

WORDS = "display, json, github, sarif, junit, write, exit"


class ArgumentsTest(TestCase):
    def test_wrong_usage_is_one_line(self) -> None:
        for arguments, message in (
            (
                ("-q",),
                "expected a command: validate, site-install, site-uninstall, site-status (see: envlock --help)",
            ),
            (("validate", "-b"), "-b: expected FILE"),
            (("validate", "--bound", "-q"), "--bound: expected FILE, found '-q'"),
            (("validate", "--bound="), "--bound: expected a file, found ''"),
            (
                ("validate", "-b", "x", "--extra", ""),
                "--extra: expected a name, found ''",
            ),
            (("validate", "-b", "x", "--quiet=yes"), "--quiet takes no value"),
            (
                ("validate", "-b", "x", "--code", "0"),
                "--code: expected an exit status from 1 to 255, found '0'",
            ),
            (
                ("validate", "-b", "x", "write", "-o", "y", "-d", ""),
                "--delimiter: expected a single character, found ''",
            ),
            (
                ("validate", "-b", "x", "--color", "yes"),
                "--color: expected auto, always or never, found 'yes'",
            ),
            (
                ("validate", "-b", "x", "write"),
                "write needs --output (did you mean 'envlock validate write -o FILE'?)",
            ),
            (
                ("validate", "-b", "x", "json", "-d", ";"),
                "--delimiter goes with 'write' alone (did you mean 'envlock validate write -d CHAR'?)",
            ),
            (
                ("site-install", "-b", "x", "warn", "--code", "4"),
                "--code goes with 'exit' alone (did you mean 'envlock site-install exit --code N'?)",
            ),
            (
                ("site-status", "--bound", "x"),
                "--bound is no option of site-status (see: envlock site-status --help)",
            ),
            (
                ("validate", "-b", "x", "json", "exit"),
                "'json' and 'exit': only one of them can be had",
            ),
            (
                ("validate", "-b", "x", "-q", "display", "jsn"),
                "there is no use for the word 'jsn' (did you mean 'json'?)",
            ),
            (
                ("site-uninstall", "please"),
                "there is no use for the word 'please' (site-uninstall takes none)",
            ),
            (
                ("site-instal",),
                "there is no command 'site-instal' (did you mean 'site-install'?)",
            ),
            (
                ("-e", "validate", "zzz"),
                "there is no command 'zzz' (it is one of validate, site-install, site-uninstall, site-status)",
            ),
            (
                ("validate", "--ignore", "json", "-b", "x", "-q", "zzz"),
                f"there is no use for the word 'zzz' (after validate may stand {WORDS})",
            ),
            (
                ("validate", "--zzz"),
                "there is no option --zzz (see: envlock validate --help)",
            ),
            (
                ("-e", "no-such-python", "validate", "-b", "x"),
                "no-such-python: no such folder, and no such interpreter on PATH",
            ),
        ):
            with self.subTest(arguments=arguments):
                self.assertRefused(run_envlock(*arguments), message)

    def test_options_stand_anywhere(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.17.0\n")
        exe = str(self.environment.path)
        for words in (
            ("-q", "-e", exe, "validate", "-b", lock, "--code", "9", "json"),
            ("validate", "json", "-qe", exe, f"-b{lock}", "--code=9"),
            ("--code", "9", "--bound", lock, "validate", f"--exe={exe}", "json", "-q"),
            ("validate", "json", "--code", "9", "-b", lock, "-e", exe, "--"),
        ):
            with self.subTest(words=words):
                done = run_envlock(*words)
                self.assertEqual((done.returncode, done.stderr), (9, ""))
                self.assertEqual(
                    [row["explain"] for row in json.loads(done.stdout)], ["Misdefined"]
                )

    def test_without_a_word_the_help_is_printed(self) -> None:
        done = run_envlock()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, run_envlock("--help").stdout)

    def test_the_program_is_named_as_it_was_called(self) -> None:
        python = Path(sys.executable).name
        for command, name in (
            ([ENVLOCK], f"{python} {ENVLOCK}"),
            (["-m", "envlock"], f"{python} -m envlock"),
            (["-c", COMMAND], "envlock"),
        ):
            done = run(
                [sys.executable, *command, "validate", "--help"], cwd=ENVLOCK.parent
            )
            self.assertTrue(
                done.stdout.startswith(f"usage: {name} validate "),
                done.stdout + done.stderr,
            )
