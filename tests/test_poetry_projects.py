"""Poetry projects: Poetry's constraints, and its own tables in pyproject.toml."""

from __future__ import annotations

import contextlib
import textwrap
import unittest

import envlock
from envlock import EnvlockError
from tests.support import (
    COMMIT,
    MOST_GROWTH,
    NO_TOML,
    Scratch,
    growth,
    read_bound,
)


@unittest.skipIf(NO_TOML, NO_TOML)
class PoetryProjects(Scratch):
    PACKAGE = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\n'
    METADATA = '[metadata]\nlock-version = "2.0"\n'

    def test_constraints_mean_what_poetry_means(self) -> None:
        for constraint, admitted, refused in (
            ("^1.2.3", "1.2.3 1.9", "1.2.2 2.0 2.0rc1"),
            ("^0.2.3", "0.2.3 0.2.9", "0.3 0.2.2"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0", "0.0.9", "0.1"),
            ("^0", "0.9", "1.0"),
            ("~1.2.3", "1.2.9", "1.3"),
            ("~1.2", "1.2.9", "1.3"),
            ("~1", "1.9", "2.0"),
            ("1.*", "1.0 1.9", "2.0"),
            ("*", "0.1 9", ""),
            ("1.2.3", "1.2.3", "1.2.4"),
            ("= 1.2", "1.2.0", "1.3"),
            (">= 1.0 < 2.0, != 1.5", "1.0 1.6", "1.5 2.0"),
            ("<1 || >= 2, !=2.5", "0.9 2.0 3", "1.0 2.5"),
            ("~=1.4", "1.9", "2.0"),
            (">=3.6.*, !=3.7.*", "3.6 3.8", "3.5 3.7.1"),
            ("^1!2.1", "1!2.1 1!2.9", "2.5 1!3.0 2!2.5"),
            ("~1!2.1", "1!2.1.9", "1!2.2"),
            ("~=1", "1.0 1.9", "0.9 2.0"),
            ("*.*", "0.1 9", ""),
            ("^2.0.1+cu117", "2.0.1+cu117 2.9", "2.0 3.0"),
        ):
            specifier = envlock.parse_constraint(constraint, "")
            for version in admitted.split():
                self.assertTrue(
                    specifier.contains(version, prereleases=True), (constraint, version)
                )
            for version in refused.split():
                self.assertFalse(
                    specifier.contains(version, prereleases=True), (constraint, version)
                )

    def test_platforms_mean_what_poetry_means(self) -> None:
        for constraint, admitted, refused in (
            ("", "linux win32", ""),
            ("*", "linux win32", ""),
            ("linux", "linux", "win32"),
            ("==linux", "linux", "win32"),
            ("!=win32", "linux darwin", "win32"),
            ("!= win32", "linux", "win32"),
            ("!=win32,!=darwin", "linux", "win32 darwin"),
            ("linux || darwin", "linux darwin", "win32"),
            ("linux|darwin", "linux darwin", "win32"),
        ):
            for platform in admitted.split():
                self.assertTrue(
                    envlock._admits_platform(constraint, platform),
                    (constraint, platform),
                )
            for platform in refused.split():
                self.assertFalse(
                    envlock._admits_platform(constraint, platform),
                    (constraint, platform),
                )

    def test_groups_of_a_project_are_told_in_two_places_and_include_each_other(
        self,
    ) -> None:
        text = """\
            [tool.poetry.dependencies]
            a = "*"
            [dependency-groups]
            dev = ["b==1.0", {include-group = "Lint_x"}]
            lint-x = ["c==1.0"]
            [tool.poetry.group.lint-x]
            optional = true
            [tool.poetry.group.more]
            include-groups = ["docs"]
            [tool.poetry.group.docs]
            optional = true
            [tool.poetry.group.docs.dependencies]
            d = "*"
            """
        for options, demanded in (
            ("", ["a *", "b ==1.0", "c ==1.0", "d *"]),
            ("--no-group more", ["a *", "b ==1.0", "c ==1.0"]),
            ("--no-group dev --no-group more", ["a *"]),
            ("--no-group dev --group lint-x", ["a *", "c ==1.0", "d *"]),
        ):
            self.assertEqual(
                sorted(self.texts("pyproject.toml", text, options)), demanded
            )
        lock = (
            "".join(self.PACKAGE.format(name, "1.0") for name in "abcd") + self.METADATA
        )
        # Poetry 1.8, which wrote such locks, knows no standard groups
        self.assertEqual(self.texts("poetry.lock", lock), ["a==1.0", "d==1.0"])
        self.assertEqual(self.texts("poetry.lock", lock, "--no-group more"), ["a==1.0"])
        for group in (
            '[dependency-groups]\nx = [{include-group = "y"}]',
            '[tool.poetry.group.x]\ninclude-groups = ["y"]',
        ):
            self.assertRegex(
                self.error("pyproject.toml", f"[tool.poetry]\n{group}\n"),
                ": there is no group 'y'",
            )

    def test_a_project_that_poetry_completes(self) -> None:
        extra = '[project.optional-dependencies]\nx = ["six @ https://files.example/six-1.0.zip", "e @ ./e-1.0.zip"]\n'
        poetry = """\
            [tool.poetry.dependencies]
            a = "^1"
            b = {file = "dist/b-1.0-py3-none-any.whl"}
            c = {version = "*", optional = true}
            [tool.poetry.extras]
            y = ["c"]
            """
        python, own = (
            "python>=3.9",
            ["a ^1", "b @ file:///here/dist/b-1.0-py3-none-any.whl"],
        )
        six = ["six @ https://files.example/six-1.0.zip", "e @ file:///here/e-1.0.zip"]
        for rest, options, demanded in (
            ("", "", own),
            ("", "--extra y", [*own, "c *"]),
            (extra, "", []),
            (extra, "--extra x", six),
            ('dynamic = ["dependencies"]\n' + extra, "", own),
            ('dynamic = ["dependencies"]\n' + extra, "--extra x", [*six, *own]),
        ):
            text = f'[project]\nname = "root"\nrequires-python = ">=3.9"\n{rest}{textwrap.dedent(poetry)}'
            self.assertEqual(
                self.texts("pyproject.toml", text, options),
                [python, *demanded],
                (rest, options),
            )
        with self.assertRaisesRegex(EnvlockError, "no extra 'y'"):
            self.texts(
                "pyproject.toml",
                f'[project]\nname = "root"\n{extra}{textwrap.dedent(poetry)}',
                "--extra y",
            )

    def test_of_a_group_in_two_places_poetry_tells_more_of_what_the_standard_lists(
        self,
    ) -> None:
        text = """\
            [tool.poetry]
            [dependency-groups]
            dev = ["a", "b; sys_platform == 'win32'", "c; sys_platform == 'linux'", "f"]
            [tool.poetry.group.dev.dependencies]
            a = "<2"
            b = "<2"
            c = {version = "<2", markers = "python_version < '3'"}
            d = "*"
            f = {version = "*", platform = "win32"}
            [tool.poetry.dev-dependencies]
            e = "*"
            """
        self.assertEqual(self.texts("pyproject.toml", text), ["a *", "a <2"])

    def test_the_project_alone_is_a_bound(self) -> None:
        path = self.write(
            "pyproject.toml",
            f"""\
            [tool.poetry]
            name = "Root_x"
            [tool.poetry.dependencies]
            python = "^3.8"
            Six = "^1.16"
            mark = {{version = "*", markers = "sys_platform == 'win32'"}}
            lib = {{path = "lib", develop = true}}
            repo = {{git = "https://git.example/r.git", rev = "{COMMIT}"}}
            [tool.poetry.group.dev.dependencies]
            either = "^1 || ^3"
            [tool.poetry.group.docs]
            optional = true
            [tool.poetry.group.docs.dependencies]
            sphinx = "*"
            """,
        )
        bound = read_bound(path)
        home = envlock.url_of_path(str(self.folder))
        self.assertEqual(
            [each.text.replace(home, "file:///here") for each in bound.requirements],
            [
                "python ^3.8",
                "six ^1.16",
                "-e lib @ file:///here/lib",
                f"repo @ git+https://git.example/r.git@{COMMIT}",
                "either ^1 || ^3",
            ],
        )
        self.assertEqual(str(bound.requirements[1].specifier), "<2,>=1.16")
        self.assertEqual(bound.permitted, {"root-x"})
        self.assertIn(
            "sphinx *",
            [each.text for each in read_bound(path, "--group docs").requirements],
        )


@unittest.skipIf(NO_TOML, NO_TOML)
class LinearTime(unittest.TestCase):
    PIECES = (">", " ", "^", "=", "1.", "1,", ">=1 ", "1||", "|", "!=", "linux ||")

    def test_of_constraints_and_platforms(self) -> None:
        def judge(text: str) -> None:
            with contextlib.suppress(EnvlockError):
                envlock.parse_constraint(text, "")
            with contextlib.suppress(EnvlockError):
                envlock._admits_platform(text, "linux")

        for piece in self.PIECES:
            for start, end in (("", ""), ("1", "x"), ("a", "\n!")):

                def make(
                    number: int, parts: tuple[str, str, str] = (start, piece, end)
                ) -> str:
                    return parts[0] + parts[1] * number + parts[2]

                with self.subTest(piece=piece, start=start):
                    self.assertLessEqual(
                        growth(judge, make, 16_000 // len(piece)), MOST_GROWTH
                    )
