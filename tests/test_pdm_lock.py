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
            self.texts("pdm.lock", self.LOCK),
            ["python>=3.9", "a==1", "b==1", "c==1", "d==1"],
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--extra one"),
            ["python>=3.9", "a==1", "b==1", "c==1"],
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--group dev"),
            ["python>=3.9", "a==1", "b==1"],
        )
        self.assertEqual(
            self.texts("pdm.lock", self.LOCK, "--no-default-groups"),
            ["python>=3.9", "a==1"],
        )

    PROJECT = (
        '[project]\nname = "p"\n[project.optional-dependencies]\none = []\ntwo = []\n'
        "[dependency-groups]\ndev = []\n"
    )

    def test_each_selection_of_pdm(self) -> None:
        self.write("pyproject.toml", self.PROJECT)
        for options, expected in (
            ("--all-groups", "a b"),
            ("--all-extras", "a b c d"),
            ("--all-groups --all-extras", "a b c d"),
            ("--only-group dev", "b"),
            ("--only-group default", "a"),
            ("--only-group default --only-group dev", "a b"),
            ("--only-group one", "b c"),  # as `pdm sync --no-default -G one`
            ("--only-group one --only-group dev", "b c"),
            ("--no-default-groups --extra one", "a c"),
            ("--no-extra two", "a b c"),
            ("--no-group dev", "a c d"),
        ):
            with self.subTest(options):
                found = self.texts("pdm.lock", self.LOCK, options)[1:]
                self.assertEqual(
                    " ".join(text.partition("=")[0] for text in found), expected
                )

    def test_the_project_may_be_there_unless_pdm_takes_it_away(self) -> None:
        self.write("pyproject.toml", self.PROJECT)
        path = self.write("pdm.lock", self.LOCK)
        for options, permitted in (
            ("", {"p"}),
            ("--only-group default", {"p"}),
            ("--only-group dev", set()),
            ("--no-install-project", set()),
        ):
            with self.subTest(options):
                self.assertEqual(read_bound(path, options).permitted, permitted)

    def test_of_what_the_tools_own_python_decides_both_is_right(self) -> None:
        text = self.LOCK.replace(
            'groups = ["dev"]',
            'groups = ["dev"]\n        marker = "implementation_version > \'3\'"',
        )
        bound = read_bound(self.write("pdm.lock", text))
        self.assertNotIn("b", [each.name for each in bound.requirements])
        self.assertIn("b", bound.permitted)

    def test_without_editables(self) -> None:
        text = self.LOCK + 'path = "./lib"\n        editable = true\n'
        self.assertIn("-e d @ file:///here/lib", self.texts("pdm.lock", text))
        self.assertIn(
            "d @ file:///here/lib", self.texts("pdm.lock", text, "--no-editable")
        )

    OLD = """\
        [metadata]
        lock_version = "4.0"
        """ + "".join(
        f'[[package]]\n        name = "{name}"\n        version = "1"\n        '
        for name in ("a", "b", "c", "d")
    )

    def test_without_groups_in_the_lock_the_project_tells_them(self) -> None:
        self.write(
            "pyproject.toml",
            """\
            [project]
            name = "p"
            dependencies = ["a @ file:///${PROJECT_ROOT}/a"]
            [project.optional-dependencies]
            one = ["c"]
            all = ["p[one]", "d"]
            [tool.pdm.dev-dependencies]
            dev = ["-e file:///${PROJECT_ROOT}/b#egg=b", "p[one]"]
            """,
        )
        for options, expected in (
            ("", "a b c"),
            ("--extra all", "a b c d"),
            ("--group dev", "a b c"),
            ("--extra one", "a b c"),
            ("--no-default-groups", "a"),
            ("--only-group all", "b c d"),
        ):
            with self.subTest(options):
                found = self.texts("pdm.lock", self.OLD, options)
                self.assertEqual(
                    " ".join(text.partition("=")[0] for text in found), expected
                )
        self.assertEqual(
            self.error("pdm.lock", self.OLD, "--group nope"),
            "pdm.lock: there is no group 'nope' (it has all, default, dev, one)",
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

    def test_without_inherited_metadata_the_lock_is_walked_from_the_project(
        self,
    ) -> None:
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
            (
                'platform = "linux"\nimplementation = "cpython"\ngil_disabled = false',
                "python>=3.9",
            ),
            (
                'platform = "freebsd_14_amd64"',
                "python>=3.9",
            ),  # how that names itself isn't known: not judged
            ('platform = "windows_amd64"', "python for windows_amd64"),
            ('platform = "macos"', "python for macos"),
            (
                'platform = "manylinux_2_17_aarch64"',
                "python for manylinux_2_17_aarch64",
            ),
            ('implementation = "pypy"', "python for pypy"),
        ):
            with self.subTest(target=told):
                target = f'requires_python = ">=3.9"\n{told}\n'
                lock = textwrap.dedent(self.LOCK).replace(
                    'requires_python = ">=3.9"\n', target, 1
                )
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
