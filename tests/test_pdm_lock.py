"""The room pdm.lock."""

from __future__ import annotations

import textwrap
import unittest

from tests.support import NO_TOML, Scratch, read_bound


@unittest.skipIf(NO_TOML, NO_TOML)
class PdmLocks(Scratch):
    LOCK = """\
        [metadata]
        groups = ["default", "dev", "one", "two"]
        strategy = ["inherit_metadata"]
        lock_version = "4.5.0"
        [[metadata.targets]]
        requires_python = ">=3.9"
        """ + "".join(
        f'[[package]]\n        name = "{name}"\n        version = "1"\n        groups = ["{group}"]\n        '
        for name, group in (("a", "default"), ("b", "dev"), ("c", "one"), ("d", "two"))
    )

    def test_all_groups_count_until_one_is_named(self) -> None:
        self.write(
            "pyproject.toml",
            '[project]\nname = "p"\n[project.optional-dependencies]\none = []\ntwo = []\n'
            "[dependency-groups]\ndev = []\n",
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK), ["python>=3.9", "a==1", "b==1", "c==1", "d==1"]
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--extra one"),
            ["python>=3.9", "a==1", "b==1", "c==1"],
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--group dev"), ["python>=3.9", "a==1", "b==1"]
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--no-default-groups"), ["python>=3.9", "a==1"]
        )

    WALKED = """\
        [metadata]
        groups = ["default", "dev"]
        lock_version = "4.4"
        [[package]]
        name = "a"
        version = "1"
        dependencies = ["b; sys_platform == 'win32'", "c>=1"]
        [[package]]
        name = "b"
        version = "1"
        [[package]]
        name = "c"
        version = "1"
        [[package]]
        name = "c"
        version = "2"
        [[package]]
        name = "d"
        version = "1"
        dependencies = ["c<2"]
        """

    def test_without_inherited_metadata_the_lock_is_walked_from_the_project(self) -> None:
        self.write(
            "pyproject.toml",
            '[project]\nname = "p"\ndependencies = ["a"]\n[dependency-groups]\ndev = ["d"]\n',
        )
        self.assertEqual(
            self.texts("pdm.lock", self.WALKED, "--no-default-groups"), ["a==1", "c==2"]
        )
        self.assertEqual(self.texts("pdm.lock", self.WALKED), ["a==1", "c==1", "d==1"])
        self.assertEqual(
            self.texts("pdm.lock", self.WALKED, "--no-group default"), ["c==1", "d==1"]
        )

    def test_without_the_project_what_a_false_marker_reaches_is_allowed(self) -> None:
        bound = read_bound(self.write("pdm.lock", self.WALKED))
        self.assertEqual([each.text for each in bound.requirements], ["a==1", "d==1"])
        self.assertEqual(bound.permitted, {"b", "c"})

    def test_a_target_must_be_this_platform_and_implementation(self) -> None:
        for told, row in (
            ('platform = "manylinux_2_99_x86_64"', "python>=3.9"),
            ('platform = "linux"\nimplementation = "cpython"\ngil_disabled = false', "python>=3.9"),
            (
                'platform = "freebsd_14_amd64"',
                "python>=3.9",
            ),  # how that names itself isn't known: not judged
            ('platform = "windows_amd64"', "python for windows_amd64"),
            ('platform = "macos"', "python for macos"),
            ('platform = "manylinux_2_17_aarch64"', "python for manylinux_2_17_aarch64"),
            ('implementation = "pypy"', "python for pypy"),
        ):
            with self.subTest(target=told):
                target = f'requires_python = ">=3.9"\n{told}\n'
                lock = textwrap.dedent(self.LOCK).replace('requires_python = ">=3.9"\n', target, 1)
                self.assertEqual(self.texts("pdm.lock", lock)[0], row)


INVALID = [
    (
        "pdm.lock",
        '[metadata]\nlock_version = "5.0"\n',
        "pdm.lock:2: metadata.lock_version: envlock doesn't know version '5.0' of this format",
    ),
]


@unittest.skipIf(NO_TOML, NO_TOML)
class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        self.assertErrors(INVALID)


if __name__ == "__main__":
    unittest.main()
