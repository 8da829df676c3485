"""Reports: findings as a table, as JSON and as delimited text."""

from __future__ import annotations

import json
import os
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

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
        self.assertIn(
            "six-1.16.0                \033[36mUnrequired\033[0m  ~/env", colored
        )
        self.assertIn("\033[31mMissing\033[0m\n", colored)
        for code in ("\033[36m", "\033[31m", "\033[1m", "\033[0m"):
            colored = colored.replace(code, "")
        self.assertEqual(colored, TABLE)

    def test_escapes_what_a_terminal_would_obey(self) -> None:
        finding = envlock.Finding("Unreadable", "a\nb\033[2Jc\udce9")
        self.assertEqual(
            envlock.format_table([finding]).splitlines()[1].split()[0],
            "a\\nb\\x1b[2Jc\\udce9",
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
            json.loads(envlock.format_json(findings)),
            [dict(zip(keys, row)) for row in rows],
        )
        self.assertEqual(envlock.format_json([]), "[]\n")

    def test_delimited_text_holds_no_formula(self) -> None:
        heading = "Package,Dependency,Explain,Sites\n"
        for sign in "=+-@\uff1d\uff0b\uff0d\uff20":
            with self.subTest(sign):
                finding = envlock.Finding("Missing", dependency=f"{sign}1+1")
                expected = f"{heading},'{sign}1+1,Missing,\n"
                self.assertEqual(envlock.format_delimited([finding], ","), expected)
        for text in ("a=1", "", "'=1", "1-1"):
            with self.subTest(text):
                finding = envlock.Finding("Missing", dependency=text)
                self.assertEqual(
                    envlock.format_delimited([finding], ","),
                    f"{heading},{text},Missing,\n",
                )

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


class DetailTest(unittest.TestCase):
    def test_a_fifth_column_holds_the_details(self) -> None:
        expected = """\
Package     Dependency    Explain     Sites                Detail
six-1.16.0                Unrequired  ~/env/site-packages  not in the bound
            zipp==3.18.1  Missing                          not installed
"""
        self.assertEqual(envlock.format_table(FINDINGS, detail=True), expected)

    def test_verdicts_are_counted(self) -> None:
        self.assertEqual(envlock.count_verdicts(FINDINGS), "1 Unrequired, 1 Missing")
        self.assertEqual(
            [envlock.count(n, "package") for n in (0, 1, 2)],
            ["0 packages", "1 package", "2 packages"],
        )


class DocumentsTest(unittest.TestCase):
    """SARIF 2.1.0, and JUnit XML as GitLab's parser reads it."""

    bounds = ("-", "lock.txt")

    def test_a_sarif_log_without_findings_has_its_rules_and_no_results(self) -> None:
        log = json.loads(envlock.format_sarif([], self.bounds))
        self.assertEqual(
            (log["version"], list(log)), ("2.1.0", ["$schema", "version", "runs"])
        )
        (run,) = log["runs"]
        self.assertEqual(run["results"], [])
        driver = run["tool"]["driver"]
        self.assertEqual(
            (driver["name"], driver["version"]), ("envlock", envlock.__version__)
        )
        words = [
            value
            for key, value in vars(envlock.Verdict).items()
            if isinstance(value, str) and key.isupper()
        ]
        self.assertEqual([rule["id"] for rule in driver["rules"]], words)

    def test_a_sarif_result_points_at_the_requirement(self) -> None:
        (run,) = json.loads(envlock.format_sarif(FINDINGS, self.bounds))["runs"]
        places = []
        for result in run["results"]:
            place = result["locations"][0]["physicalLocation"]
            line = place["region"]["startLine"]
            places.append(
                (
                    result["ruleId"],
                    result["level"],
                    place["artifactLocation"]["uri"],
                    line,
                )
            )
        self.assertEqual(
            places,
            [
                ("Unrequired", "error", "lock.txt", 1),
                ("Missing", "error", "sub/r.txt", 7),
            ],
        )
        texts = [result["message"]["text"] for result in run["results"]]
        expected = (
            "six-1.16.0: not in the bound (/env/bin/python)",
            "zipp==3.18.1: not installed (/env/bin/python)",
        )
        self.assertEqual(texts, list(expected))

    def test_sarif_results_on_one_line_stay_apart(self) -> None:
        prints = []
        other = FINDINGS[0]._replace(package="zipp-3.18.1")
        for result in json.loads(
            envlock.format_sarif([FINDINGS[0], other, FINDINGS[0]], self.bounds)
        )["runs"][0]["results"]:
            prints.append(result["partialFingerprints"]["primaryLocationLineHash"])
        self.assertEqual(len(set(prints)), 3)
        self.assertEqual(prints[2], prints[0][:-1] + "2")
        moved = FINDINGS[1]._replace(key_path=9)  # the same finding at another line
        one, two = (
            json.loads(envlock.format_sarif([finding], self.bounds))["runs"][0][
                "results"
            ][0]["partialFingerprints"]
            for finding in (FINDINGS[1], moved)
        )
        self.assertEqual(one, two)

    def test_what_is_no_file_has_no_place(self) -> None:
        finding = envlock.Finding(
            "Missing", "", "x", (), "/env", "gone", envlock.BoundFile("<stdin>"), 2
        )
        self.assertNotIn("locations", envlock.format_sarif([finding], ("-",)))
        self.assertNotIn("file=", envlock.format_junit([finding], ("-",)))

    def test_junit_has_a_failed_case_for_each_finding(self) -> None:
        expected = """\
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="envlock" tests="2" failures="2">
  <testsuite name="envlock" tests="2" failures="2" errors="0" skipped="0">
    <testcase classname="/env/bin/python" name="Unrequired six-1.16.0" file="lock.txt" line="1">
      <failure type="Unrequired" message="six-1.16.0: not in the bound (/env/bin/python)">\
lock.txt:1: six-1.16.0: not in the bound (/env/bin/python)</failure>
    </testcase>
    <testcase classname="/env/bin/python" name="Missing zipp==3.18.1" file="sub/r.txt" line="7">
      <failure type="Missing" message="zipp==3.18.1: not installed (/env/bin/python)">\
sub/r.txt:7: zipp==3.18.1: not installed (/env/bin/python)</failure>
    </testcase>
  </testsuite>
</testsuites>
"""
        self.assertEqual(envlock.format_junit(FINDINGS, self.bounds), expected)

    def test_junit_is_xml_whatever_a_name_holds(self) -> None:
        finding = envlock.Finding(
            "Unreadable",
            'a<&>"\0\ud800',
            "",
            (),
            "/env",
            "no ]]> name",
            envlock.BoundFile("é.txt"),
            1,
        )
        (case,) = ElementTree.fromstring(
            envlock.format_junit([finding], self.bounds)
        ).iter("testcase")
        self.assertEqual(
            (case.get("name"), case.get("file")),
            ('Unreadable a<&>"\\x00\\ud800', "é.txt"),
        )

    def test_junit_cases_have_names_of_their_own(self) -> None:
        findings = [
            envlock.Finding(
                "Modified",
                "six-1.0",
                "",
                ("/env",),
                "/env/bin/python",
                f"/env/{name}.py",
            )
            for name in "ab"
        ]
        cases = ElementTree.fromstring(
            envlock.format_junit(findings, self.bounds)
        ).iter("testcase")
        self.assertEqual(
            [case.get("name") for case in cases],
            ["Modified six-1.0 /env/a.py", "Modified six-1.0 /env/b.py"],
        )

    def test_junit_without_findings_is_a_suite_without_cases(self) -> None:
        suites = ElementTree.fromstring(envlock.format_junit([], self.bounds))
        self.assertEqual(
            [(each.tag, each.get("tests")) for each in suites], [("testsuite", "0")]
        )


class GithubTest(unittest.TestCase):
    def lines(
        self,
        *findings: envlock.Finding,
        bounds: tuple[str, ...] = ("-", "lock.txt", "b.txt"),
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
        finding = envlock.Finding(
            "Missing", "", "x, y: 100%", (), "/e\nv\033", "gone\r\n", file, 2
        )
        (line,) = self.lines(finding)
        place = "file=a%2Cb%3Ac%25%0D%0A.txt,line=2,title=envlock%3A Missing"
        self.assertEqual(
            line, f"::error {place}::x, y: 100%25: gone%0D%0A (/e%0Av\\x1b)"
        )

    def test_what_is_no_file_is_not_named(self) -> None:
        title = "::error title=envlock%3A Missing::x: gone (/env)"
        for name in ("<stdin>", "https://host.example/r.txt"):
            finding = envlock.Finding(
                "Missing", "", "x", (), "/env", "gone", envlock.BoundFile(name), 2
            )
            self.assertEqual(self.lines(finding), [title])
        nothing = envlock.Finding("Missing", "", "x", (), "/env", "gone")
        self.assertEqual(
            self.lines(nothing, bounds=("-", "https://host.example/r.txt")), [title]
        )

    def test_a_file_is_named_relative_to_the_checkout_or_the_working_directory(
        self,
    ) -> None:
        folder = TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        root = Path(folder.name).resolve()
        (root / "repo" / "sub").mkdir(parents=True)
        (root / "link").symlink_to(root / "repo")
        os.chdir(root / "repo" / "sub")
        self.addCleanup(os.environ.pop, "GITHUB_WORKSPACE", None)
        (root / "other" / ".git").mkdir(parents=True)
        for workspace, bound, expected in (
            ("", "r.txt", "r.txt"),
            ("", str(root / "repo" / "sub" / "r.txt"), "r.txt"),
            ("", "../r.txt", f"{root}/repo/r.txt"),
            (str(root / "link"), "../r.txt", "r.txt"),
            (str(root / "repo"), "r.txt", "sub/r.txt"),
            (str(root / "repo"), str(root / "link" / "sub" / "r.txt"), "sub/r.txt"),
            (str(root / "re"), "r.txt", "r.txt"),
            ("", str(root / "other" / "sub" / "r.txt"), "sub/r.txt"),
        ):
            with self.subTest(workspace=workspace, bound=bound):
                os.environ["GITHUB_WORKSPACE"] = workspace
                (line,) = self.lines(FINDINGS[0], bounds=(bound,))
                self.assertIn(f"::error file={expected},line=1,", line)


if __name__ == "__main__":
    unittest.main()
