"""The room poetry.lock."""

from __future__ import annotations

import unittest

import envlock
from envlock import ReadContext
from tests.support import (
    NO_TOML,
    Scratch,
    assert_linear,
    marker_variables,
    read_bound,
)

POETRY_OLD = """\
    [[package]]
    name = "a"
    version = "1.0"
    optional = false
    python-versions = "*"

    [package.dependencies]
    b = {version = "*", markers = "sys_platform == \\"win32\\""}
    c = [
        {version = "<2", python = "<3.10"},
        {version = ">=2", python = ">=3.10"},
    ]
    d = {version = ">=1", optional = true}

    [package.extras]
    deep = ["D (>=1)"]

    [[package]]
    name = "b"
    version = "1.0"
    optional = false
    python-versions = "*"

    [[package]]
    name = "c"
    version = "1.0"
    optional = false
    python-versions = "*"

    [[package]]
    name = "c"
    version = "2.0"
    optional = false
    python-versions = ">=3.10"

    [[package]]
    name = "D"
    version = "1.0"
    optional = false
    python-versions = "*"

    [metadata]
    lock-version = "1.1"
    python-versions = "^3.8"
    content-hash = "0"

    [metadata.files]
    a = [
        {file = "a-1.0.tar.gz", hash = "sha256:0123"},
    ]
    """


@unittest.skipIf(NO_TOML, NO_TOML)
class PoetryLocks(Scratch):
    PACKAGE = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\n[package.dependencies]\n{}\n'
    METADATA = '[metadata]\nlock-version = "2.0"\n'

    def project(self, dependencies: str, rest: str = "") -> None:
        self.write(
            "pyproject.toml",
            f'[tool.poetry]\nname = "root"\n[tool.poetry.dependencies]\n{dependencies}\n{rest}',
        )

    def test_an_old_lock_is_walked_from_the_project(self) -> None:
        self.project('python = "^3.8"\na = "*"')
        self.assertEqual(
            self.texts("poetry.lock", POETRY_OLD), ["python ^3.8", "a==1.0", "c==2.0"]
        )
        self.assertEqual(
            self.texts("poetry.lock", POETRY_OLD, "", "3.9"),
            ["python ^3.8", "a==1.0", "c==1.0"],
        )

    def test_an_extra_of_a_dependency_brings_what_it_lists(self) -> None:
        self.project('a = {version = "*", extras = ["deep"]}')
        self.assertEqual(
            self.texts("poetry.lock", POETRY_OLD),
            ["python ^3.8", "a==1.0", "c==2.0", "d==1.0"],
        )

    def test_an_optional_dependency_counts_with_its_extra_alone(self) -> None:
        self.project(
            'b = {version = "*", optional = true}',
            '[tool.poetry.extras]\nBig_One = ["b"]\n',
        )
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD), ["python ^3.8"])
        self.assertEqual(
            self.texts("poetry.lock", POETRY_OLD, "--extra big-one"),
            ["python ^3.8", "b==1.0"],
        )

    def test_without_the_project_what_a_false_marker_reaches_is_allowed(self) -> None:
        bound = read_bound(self.write("poetry.lock", POETRY_OLD))
        self.assertEqual(
            [each.text for each in bound.requirements],
            ["python ^3.8", "a==1.0", "c==2.0"],
        )
        self.assertEqual(bound.permitted, {"b", "c", "d"})

    def test_a_long_chain_without_the_project_takes_linear_time(self) -> None:
        def chain(length: int) -> None:
            packages = "".join(
                f'[[package]]\nname = "p{n}"\nversion = "1"\noptional = {"true" if n == length - 1 else "false"}\n'
                f'[package.dependencies]\np{n - 1} = "*"\n'
                for n in range(length)
            )
            bound = read_bound(
                self.write(
                    "poetry.lock", packages + '[metadata]\nlock-version = "2.0"\n'
                )
            )
            self.assertEqual((bound.requirements, len(bound.permitted)), ((), length))

        assert_linear(chain, 400, 3200)

    def test_without_the_project_what_also_a_true_marker_reaches_counts(self) -> None:
        lock = "".join(
            self.PACKAGE.format(name, "1", dependencies)
            for name, dependencies in (
                (
                    "a",
                    "b = { version = '*', markers = 'sys_platform == \"win32\"' }\nd = '*'",
                ),
                ("b", "c = '*'\nd = '*'"),
                ("c", ""),
                ("d", ""),
            )
        )
        bound = read_bound(self.write("poetry.lock", lock + self.METADATA))
        self.assertEqual([each.text for each in bound.requirements], ["a==1", "d==1"])
        self.assertEqual(bound.permitted, {"b", "c"})

    def test_of_two_versions_an_alternative_chooses(self) -> None:
        self.project('a = "*"')
        for constraint, chosen in (("<2 || >=3", "c==1"), ("<0.5 || >=2", "c==2")):
            lock = self.PACKAGE.format("a", "1", f'c = "{constraint}"')
            lock += self.PACKAGE.format("c", "1", "") + self.PACKAGE.format(
                "c", "2", ""
            )
            self.assertEqual(
                self.texts("poetry.lock", lock + self.METADATA), ["a==1", chosen]
            )

    def test_a_choice_that_takes_back_its_reason_is_made_all_the_same(self) -> None:
        self.project('x = "*"')
        lock = self.PACKAGE.format("x", "1", "") + self.PACKAGE.format(
            "x", "2", 'y = "*"'
        )
        lock += self.PACKAGE.format("y", "1", 'x = "<2"')
        self.assertEqual(self.texts("poetry.lock", lock + self.METADATA), ["x==1"])

    def test_the_hashes_of_a_lock_1_stand_apart(self) -> None:
        bound = read_bound(self.write("poetry.lock", POETRY_OLD))
        self.assertEqual(envlock.locked_hashes(bound.requirements[1]), {"sha256:0123"})

    def test_groups_have_markers_of_their_own(self) -> None:
        text = """\
            [[package]]
            name = "a"
            version = "1.0"
            groups = ["main", "dev"]
            markers = {main = "sys_platform == \\"win32\\"", dev = "python_version < \\"3.10\\""}
            [metadata]
            lock-version = "2.1"
            """
        self.assertEqual(self.texts("poetry.lock", text), [])
        self.assertEqual(self.texts("poetry.lock", text, "", "3.9"), ["a==1.0"])
        self.assertEqual(self.texts("poetry.lock", text, "--no-group dev", "3.9"), [])

    def test_the_files_read_are_told(self) -> None:
        target = ReadContext(marker_variables)
        path = self.write("poetry.lock", POETRY_OLD)
        envlock.read_bounds([str(path)], target)
        self.assertEqual(
            list(target.files), [str(path), str(self.folder / "pyproject.toml")]
        )


INVALID = [
    (
        "poetry.lock",
        "",
        "poetry.lock:1: metadata.lock-version: missing, expected a string",
    ),
    (
        "poetry.lock",
        '[[package]]\nname = "a"\nversion = "1"\n[metadata]\ncontent-hash = "0"\n',
        "poetry.lock:4: metadata.lock-version: missing, expected a string",
    ),
    (
        "poetry.lock",
        '[metadata]\nlock-version = "3.0"\n',
        "poetry.lock:2: metadata.lock-version: envlock doesn't know version '3.0' of this format",
    ),
    (
        "poetry.lock",
        '[[package]]\nname = "a"\nversion = "1"\n[package.source]\ntype = "ftp"\n[metadata]\nlock-version = "1.1"\n',
        "poetry.lock:4: package[0].source.type: expected legacy, directory, git, file or url, found 'ftp'",
    ),
    (
        "poetry.lock",
        '[[package]]\nname = "a"\nversion = "1"\npython-versions = ">=3.8 (!)"\n[metadata]\nlock-version = "2.0"\n',
        "poetry.lock:1: package[0]: expected a version constraint, found '>=3.8 (!)'",
    ),
]


class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        self.assertErrors(INVALID)


if __name__ == "__main__":
    unittest.main()
