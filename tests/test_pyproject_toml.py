"""The room pyproject.toml and scripts."""

from __future__ import annotations

import sys
import unittest
from typing import Any

from envlock import DirectReference
from tests.support import InFolder, chosen


class TestPyproject(InFolder):
    PROJECT = (
        '[project]\nname = "My_Project"\ndependencies = ["six", "my-project[b]", "zipp; os_name == \'nt\'"]\n'
        'requires-python = ">=3.8"\n'
        '[project.optional-dependencies]\na = ["a1", "My.Project[B]"]\nB = ["b1"]\nc = ["c1"]\n'
        '[dependency-groups]\nDev_1 = ["d1", {include-group = "test"}]\ntest = ["t1"]\n'
    )

    def texts_with(self, **names: Any) -> list[str]:
        return self.texts(self.PROJECT, "pyproject.toml", chosen(**names))

    def test_dependencies_and_requires_python_count_by_default(self) -> None:
        bound = self.read(self.PROJECT, "pyproject.toml")
        self.assertEqual(
            ["python>=3.8", "six", "b1"], [each.text for each in bound.requirements]
        )
        self.assertEqual("python", bound.requirements[0].name)
        self.assertEqual({"my-project"}, bound.permitted)
        self.assertEqual(
            ({"a", "b", "c"}, {"dev-1", "test"}), (bound.extras, bound.groups)
        )

    def test_extras_and_groups_count_on_request(self) -> None:
        base = ["python>=3.8", "six"]
        self.assertEqual([*base, "a1", "b1"], self.texts_with(extras="a"))
        self.assertEqual([*base, "d1", "t1", "b1"], self.texts_with(groups="dev-1"))
        self.assertEqual(
            [*base, "a1", "b1", "c1", "b1"], self.texts_with(all_extras=True)
        )
        self.assertEqual(
            [*base, "t1", "b1"], self.texts_with(all_groups=True, no_groups="dev-1")
        )
        self.assertEqual([*base, "c1", "t1", "b1"], self.texts_with(options="c test"))

    def test_groups_alone_ask_nothing_of_the_project(self) -> None:
        self.assertEqual(["d1", "t1"], self.texts_with(only_groups="dev-1"))
        self.assertEqual(
            ["t1"], self.texts_with(only_groups="dev-1 test", no_groups="dev-1")
        )

    def test_an_extra_of_another_project_is_not_its_own(self) -> None:
        text = '[project]\n{}dependencies = ["other[a]", "mine[b]"]\n'
        text += '[project.optional-dependencies]\na = ["a1"]\nb = ["b1"]\n'
        self.assertEqual(
            ["other[a]", "b1"],
            self.texts(text.format('name = "mine"\n'), "pyproject.toml"),
        )
        self.assertEqual(
            ["other[a]", "mine[b]"], self.texts(text.format(""), "pyproject.toml")
        )

    def test_a_project_without_dependencies_demands_nothing(self) -> None:
        self.assertEqual([], self.texts('[project]\nname = "x"\n', "pyproject.toml"))

    def test_a_direct_reference(self) -> None:
        (found,) = self.read(
            '[project]\ndependencies = ["six @ git+https://h/x@v1"]\n', "pyproject.toml"
        ).requirements
        self.assertEqual(
            DirectReference("vcs", "https://h/x", "git", "v1"), found.reference
        )

    @unittest.skipIf(sys.implementation.name == "pypy", "its stack has no end")
    def test_a_long_chain_of_groups_is_an_error(self) -> None:
        lines = [f'g{n} = [{{include-group = "g{n + 1}"}}]' for n in range(1200)]
        text = "\n".join(["[dependency-groups]", *lines, 'g1200 = ["six"]'])
        self.refuses(
            "pyproject.toml:2: nested too deeply",
            text,
            "pyproject.toml",
            chosen(groups="g0"),
        )

    def test_crossing_groups_stay_small(self) -> None:
        lines = [
            f'g{n} = [{{include-group = "g{n + 1}"}}, {{include-group = "g{n + 1}"}}]'
            for n in range(40)
        ]
        text = "\n".join(["[dependency-groups]", *lines, 'g40 = ["six"]'])
        self.assertEqual(
            ["six"], self.texts(text, "pyproject.toml", chosen(groups="g0"))
        )


class TestScripts(InFolder):
    def test_a_script_block_is_read(self) -> None:
        head = '#!/usr/bin/env python3\n# /// script\n# requires-python = ">=3.8"\n'
        script = (
            head
            + '# dependencies = [\n#   "six", # comment\n#\n#   "zipp>1",\n# ]\n# ///\n\nimport six\n'
        )
        self.assertEqual(
            ["python>=3.8", "six", "zipp>1"], self.texts(script, "tool.py")
        )
        self.assertEqual(
            ["python>=3.8", "six", "zipp>1"],
            self.texts(script.replace("\n", "\r\n"), "tool"),
        )

    def test_tools_and_other_blocks_are_passed_over(self) -> None:
        script = '# /// other\n# x\n# ///\n\n# /// script\n# dependencies = ["six"]\n# [tool.uv]\n# x = 1\n# ///\n'
        self.assertEqual(["six"], self.texts(script, "tool.py"))


if __name__ == "__main__":
    unittest.main()
