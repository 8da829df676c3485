"""The room pylock.toml."""

from __future__ import annotations

import unittest

import envlock
from tests.support import COMMIT, NO_TOML, SHA256, Scratch, read_bound

PYLOCK = 'lock-version = "1.0"\ncreated-by = "me"\n'


@unittest.skipIf(NO_TOML, NO_TOML)
class Pylocks(Scratch):
    LOCK = (
        PYLOCK
        + """\
extras = ["e"]
dependency-groups = ["g"]
default-groups = ["d"]
"""
        + "".join(
            f'[[packages]]\nname = "{name}"\nversion = "1"\nmarker = "{marker}"\nwheels = []\n'
            for name, marker in (
                ("always", "python_version > '3'"),
                ("extra", "'e' in extras"),
                ("group", "'g' in dependency_groups"),
                ("default", "'d' in dependency_groups"),
            )
        )
    )

    def test_only_some_groups(self) -> None:
        found = self.texts("pylock.toml", self.LOCK, "--only-group g")
        self.assertEqual(found, ["always==1", "group==1"])
        found = self.texts("pylock.toml", self.LOCK, "--all-extras --no-extra e")
        self.assertEqual(found, ["always==1", "default==1"])

    def test_the_project_and_editables(self) -> None:
        self.write("pyproject.toml", "[project]\nname = 'p'\n")
        directories = "".join(
            f'[[packages]]\nname = "{name}"\ndirectory = {{ path = "{path}", editable = true }}\n'
            for name, path in (("p", "."), ("lib", "./lib"))
        )
        for options, expected, permitted in (
            ("", ["-e p @ file:///here", "-e lib @ file:///here/lib"], {"p"}),
            ("--no-editable", ["p @ file:///here", "lib @ file:///here/lib"], {"p"}),
            ("--no-install-project", ["-e lib @ file:///here/lib"], set()),
        ):
            with self.subTest(options):
                self.assertEqual(
                    self.texts("pylock.toml", PYLOCK + directories, options), expected
                )
                bound = read_bound(self.folder / "pylock.toml", options)
                self.assertEqual(bound.permitted, permitted)

    def test_a_version_may_be_absent_and_a_repository_be_of_another_kind(self) -> None:
        text = (
            PYLOCK
            + '[[packages]]\nname = "a"\nwheels = [{ hashes = { sha256 = "00" } }]\n[[packages]]\nname = "b"\n'
        )
        vcs = f'vcs = {{ type = "hg", url = "https://h.example/b", commit-id = "{COMMIT}" }}\n'
        bound = read_bound(self.write("pylock.toml", text + vcs))
        self.assertEqual(
            [each.text for each in bound.requirements],
            ["a", f"b @ hg+https://h.example/b@{COMMIT}"],
        )
        self.assertEqual(envlock.locked_hashes(bound.requirements[0]), {"sha256:00"})
        self.assertEqual(
            self.error("pylock.toml", text + vcs.replace("hg", "cvs")),
            "pylock.toml:8: packages[1].vcs.type: expected one of git, hg, svn, bzr, found 'cvs'",
        )

    def test_a_named_group_replaces_the_default_groups(self) -> None:
        self.assertEqual(
            self.texts("pylock.toml", self.LOCK), ["always==1", "default==1"]
        )
        self.assertEqual(
            self.texts("pylock.toml", self.LOCK, "--group g"), ["always==1", "group==1"]
        )
        self.assertEqual(
            self.texts("pylock.toml", self.LOCK, "--no-default-groups"), ["always==1"]
        )
        self.assertEqual(
            self.texts("pylock.toml", self.LOCK, "--extra e"),
            ["always==1", "extra==1", "default==1"],
        )

    def test_an_environment_that_the_lock_does_not_have_is_told_of_python(self) -> None:
        text = (
            PYLOCK
            + "environments = [\"sys_platform == 'win32'\", \"python_version < '3.4'\"]\npackages = []\n"
        )
        bound = read_bound(self.write("pylock.toml", text))
        self.assertEqual(
            [each.text for each in bound.requirements],
            ["python; sys_platform == 'win32' or python_version < '3.4'"],
        )
        self.assertFalse(
            bound.requirements[0].specifier is None
            or bound.requirements[0].specifier.contains("3.11.7")
        )

    def test_a_package_that_counts_twice_is_an_error(self) -> None:
        package = '[[packages]]\nname = "a"\nversion = "1"\nwheels = []\n'
        self.assertEqual(
            self.error("pylock.toml", PYLOCK + package + package),
            "pylock.toml:7: packages[1]: 'a' counts twice for this interpreter",
        )

    def test_hashes_stand_in_tables(self) -> None:
        text = (
            PYLOCK
            + f"""\
[[packages]]
name = "a"
version = "1"
wheels = [{{ url = "https://files.example/a-1.whl", hashes = {{ sha256 = "{SHA256}" }} }}]
[[packages]]
name = "b"
[packages.archive]
url = "https://files.example/b-1.whl"
[packages.archive.hashes]
sha256 = "{SHA256}"
"""
        )
        bound = read_bound(self.write("pylock.toml", text))
        self.assertEqual(
            envlock.locked_hashes(bound.requirements[0]), {"sha256:" + SHA256}
        )
        reference = bound.requirements[1].reference
        self.assertEqual(reference and reference.hashes, {"sha256:" + SHA256})


@unittest.skipIf(NO_TOML, NO_TOML)
class Members(Scratch):
    def test_a_format_without_members_has_none(self) -> None:
        self.assertEqual(
            self.error("pylock.toml", PYLOCK, "--package nope"),
            "pylock.toml: there is no workspace member 'nope' (it has none)",
        )


INVALID = [
    (
        "pylock.toml",
        'lock-version = "2.0"\n',
        "pylock.toml:1: lock-version: envlock doesn't know version '2.0' of this format",
    ),
    (
        "pylock.toml",
        PYLOCK + '[[packages]]\nname = "a"\n',
        "pylock.toml:3: packages[0]: expected one of vcs, directory, archive, or sdist and wheels, found none",
    ),
    (
        "pylock.toml",
        PYLOCK + '[[packages]]\nname = "a"\nversion = "x!"\nwheels = []\n',
        "pylock.toml:5: packages[0].version: expected a version, found 'x!'",
    ),
]


@unittest.skipIf(NO_TOML, NO_TOML)
class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        self.assertErrors(INVALID)


if __name__ == "__main__":
    unittest.main()
