"""The room Bound records."""

from __future__ import annotations

import unittest

from tests.support import InFolder, chosen


class TestSelection(InFolder):
    def test_a_name_that_no_file_has_is_an_error(self) -> None:
        project = "[project]\n[project.optional-dependencies]\nb = []\na = []\n[dependency-groups]\ng = []\n"
        self.refuses(
            "pyproject.toml: there is no extra 'x' (it has a, b)", project, "pyproject.toml", chosen(extras="x")
        )
        self.refuses(
            "pyproject.toml: there is no group 'a' (it has g)", project, "pyproject.toml", chosen(no_groups="a")
        )
        message = "pyproject.toml: there is no extra or group 'x' (it has a, b, g)"
        self.refuses(message, project, "pyproject.toml", chosen(options="x"))
        self.refuses("requirements.txt: there is no extra 'x' (it has none)", "six\n", selection=chosen(extras="x"))


if __name__ == "__main__":
    unittest.main()
