"""Reports: findings as a table, as JSON and as delimited text."""

from __future__ import annotations

import json
import os
import stat
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import envlock

HOME = os.path.expanduser("~")
FINDINGS = [
    envlock.Finding(
        "Unrequired", "six-1.16.0", "", (f"{HOME}/env/site-packages",), "/env/bin/python", "not in the bound"
    ),
    envlock.Finding("Missing", "", "zipp==3.18.1", (), "/env/bin/python", "not installed"),
]
TABLE = """\
Package     Dependency    Explain     Sites
six-1.16.0                Unrequired  ~/env/site-packages
            zipp==3.18.1  Missing
"""


class TableTest(unittest.TestCase):
    def test_aligns_columns_without_trailing_blanks(self) -> None:
        self.assertEqual(envlock.format_table(FINDINGS), TABLE)

    def test_cuts_lines_to_a_width(self) -> None:
        cut = "".join(line[:30].rstrip() + "\n" for line in TABLE.splitlines())
        self.assertEqual(envlock.format_table(FINDINGS, width=30), cut)

    def test_colours_only_the_verdict(self) -> None:
        colored = envlock.format_table(FINDINGS, color=True)
        self.assertIn("six-1.16.0                \033[36mUnrequired\033[0m  ~/env", colored)
        self.assertIn("\033[31mMissing\033[0m\n", colored)
        for code in ("\033[36m", "\033[31m", "\033[1m", "\033[0m"):
            colored = colored.replace(code, "")
        self.assertEqual(colored, TABLE)

    def test_escapes_what_a_terminal_would_obey(self) -> None:
        finding = envlock.Finding("Unreadable", "a\nb\033[2Jc\udce9")
        self.assertEqual(envlock.format_table([finding]).splitlines()[1].split()[0], "a\\nb\\x1b[2Jc\\udce9")


class DataTest(unittest.TestCase):
    def test_json_has_null_for_what_is_absent(self) -> None:
        keys = ("package", "dependency", "explain", "sites", "executable", "detail")
        rows = [
            ("six-1.16.0", None, "Unrequired", [f"{HOME}/env/site-packages"], "/env/bin/python", "not in the bound"),
            (None, "zipp==3.18.1", "Missing", [], "/env/bin/python", "not installed"),
        ]
        self.assertEqual(json.loads(envlock.format_json(FINDINGS)), [dict(zip(keys, row)) for row in rows])
        self.assertEqual(envlock.format_json([]), "[]\n")

    def test_delimited_text_quotes_its_delimiter(self) -> None:
        findings = [envlock.Finding("Missing", dependency="a>=1,<2")]
        self.assertEqual(
            envlock.format_delimited(findings, ","), 'Package,Dependency,Explain,Sites\n,"a>=1,<2",Missing,\n'
        )
        self.assertEqual(
            envlock.format_delimited(findings, "|"), "Package|Dependency|Explain|Sites\n|a>=1,<2|Missing|\n"
        )


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_replaces_a_file_and_leaves_nothing_beside_it(self) -> None:
        path = self.folder / "report"
        envlock.write_file(str(path), b"one")
        envlock.write_file(str(path), b"two")
        self.assertEqual((path.read_bytes(), os.listdir(self.folder)), (b"two", ["report"]))

    def test_a_failure_leaves_what_was_there(self) -> None:
        with self.assertRaises(OSError):
            envlock.write_file(str(self.folder / "absent" / "report"), b"one")
        self.assertEqual(os.listdir(self.folder), [])

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no named pipes here")
    def test_writes_to_what_is_no_regular_file(self) -> None:
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        envlock.write_file(str(pipe), b"through")
        self.assertEqual(os.read(reader, 100), b"through")
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))
