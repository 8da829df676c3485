"""Reports: findings as a table, as JSON and as delimited text."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory

import envlock

HOME = os.path.expanduser("~")


FINDINGS = [
    envlock.Finding(
        "Unrequired",
        "six-1.16.0",
        "",
        (f"{HOME}/env/site-packages",),
        "/env/bin/python",
        "not in the bound",
    ),
    envlock.Finding(
        "Missing",
        "",
        "zipp==3.18.1",
        (),
        "/env/bin/python",
        "not installed",
        envlock.BoundFile("sub/r.txt"),
        7,
    ),
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
        cut = "".join(f"{line[:29].rstrip()}…\n" for line in TABLE.splitlines())
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
        self.assertEqual(
            envlock.format_table([finding]).splitlines()[1].split()[0], "a\\nb\\x1b[2Jc\\udce9"
        )


class DataTest(unittest.TestCase):
    def test_json_has_null_for_what_is_absent(self) -> None:
        keys = (
            *("name", "package", "dependency", "explain", "reason"),
            *("sites", "executable", "detail", "file", "line"),
        )
        site, python = [f"{HOME}/env/site-packages"], "/env/bin/python"
        rows = [
            (
                "six",
                "six-1.16.0",
                None,
                "Unrequired",
                None,
                site,
                python,
                "not in the bound",
                None,
                None,
            ),
            (
                "zipp",
                None,
                "zipp==3.18.1",
                "Missing",
                None,
                [],
                python,
                "not installed",
                "sub/r.txt",
                7,
            ),
        ]
        findings = [one._replace(name=row[0]) for one, row in zip(FINDINGS, rows)]
        self.assertEqual(
            json.loads(envlock.format_json(findings)), [dict(zip(keys, row)) for row in rows]
        )
        self.assertEqual(envlock.format_json([]), "[]\n")

    def test_delimited_text_quotes_its_delimiter(self) -> None:
        findings = [envlock.Finding("Missing", dependency="a>=1,<2")]
        self.assertEqual(
            envlock.format_delimited(findings, ","),
            'Package,Dependency,Explain,Sites\n,"a>=1,<2",Missing,\n',
        )
        self.assertEqual(
            envlock.format_delimited(findings, "|"),
            "Package|Dependency|Explain|Sites\n|a>=1,<2|Missing|\n",
        )


class GithubTest(unittest.TestCase):
    def lines(
        self, *findings: envlock.Finding, bounds: tuple[str, ...] = ("-", "lock.txt", "b.txt")
    ) -> list[str]:
        return envlock.format_github(findings, bounds).splitlines()

    def test_an_annotation_points_at_the_requirement(self) -> None:
        expected = [
            "::error file=lock.txt,line=1,title=envlock%3A Unrequired::six-1.16.0: not in the bound (/env/bin/python)",
            "::error file=sub/r.txt,line=7,title=envlock%3A Missing::zipp==3.18.1: not installed (/env/bin/python)",
        ]
        self.assertEqual(self.lines(*FINDINGS), expected)
        self.assertEqual(self.lines(), [])

    def test_what_githubs_commands_are_made_of_is_escaped(self) -> None:
        file = envlock.BoundFile("a,b:c%\r\n.txt")
        finding = envlock.Finding("Missing", "", "x, y: 100%", (), "/e\nv\033", "gone\r\n", file, 2)
        (line,) = self.lines(finding)
        place = "file=a%2Cb%3Ac%25%0D%0A.txt,line=2,title=envlock%3A Missing"
        self.assertEqual(line, f"::error {place}::x, y: 100%25: gone%0D%0A (/e%0Av\\x1b)")

    def test_what_is_no_file_is_not_named(self) -> None:
        title = "::error title=envlock%3A Missing::x: gone (/env)"
        for name in ("<stdin>", "https://host.example/r.txt"):
            finding = envlock.Finding(
                "Missing", "", "x", (), "/env", "gone", envlock.BoundFile(name), 2
            )
            self.assertEqual(self.lines(finding), [title])
        nothing = envlock.Finding("Missing", "", "x", (), "/env", "gone")
        self.assertEqual(self.lines(nothing, bounds=("-", "https://host.example/r.txt")), [title])

    def test_a_file_is_named_relative_to_the_checkout_or_the_working_directory(self) -> None:
        folder = TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        root = Path(folder.name).resolve()
        (root / "repo" / "sub").mkdir(parents=True)
        (root / "link").symlink_to(root / "repo")
        os.chdir(root / "repo" / "sub")
        self.addCleanup(os.environ.pop, "GITHUB_WORKSPACE", None)
        for workspace, bound, expected in (
            ("", "r.txt", "r.txt"),
            ("", str(root / "repo" / "sub" / "r.txt"), "r.txt"),
            ("", "../r.txt", f"{root}/repo/r.txt"),
            (str(root / "link"), "../r.txt", "r.txt"),
            (str(root / "repo"), "r.txt", "sub/r.txt"),
            (str(root / "repo"), str(root / "link" / "sub" / "r.txt"), "sub/r.txt"),
            (str(root / "re"), "r.txt", "r.txt"),
        ):
            with self.subTest(workspace=workspace, bound=bound):
                os.environ["GITHUB_WORKSPACE"] = workspace
                (line,) = self.lines(FINDINGS[0], bounds=(bound,))
                self.assertIn(f"::error file={expected},line=1,", line)


if __name__ == "__main__":
    unittest.main()
