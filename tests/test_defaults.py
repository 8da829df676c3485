"""The room Defaults: the environment, the bound and the options that nobody has named."""

from __future__ import annotations

import os
import shutil
import sys
import unittest
from pathlib import Path
from typing import Any

from tests.support import COMMAND, NO_TOML, Environment, TestCase, run

TOOL_LOCKS = "uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml, requirements.lock, requirements.txt"
NO_LOCK = (
    f"there is no lock here (looked for {TOOL_LOCKS}): name it, as in --bound FILE"
)
BOUND_NOTE = (
    "envlock: the bound is {} (the lock of this project; --bound names another)\n"
)
NEAREST_NOTE = "envlock: the environment is {} (the nearest .venv; -e names another)\n"


class DefaultsCase(TestCase):
    """A project with a `.venv` and a lock that demands six 1.16.0; envlock is run by a Python that is in none."""

    def setUp(self) -> None:
        super().setUp()
        self.project = self.folder / "project"
        self.project.mkdir()
        (self.project / ".git").mkdir()

    def environment_at(self, path: Path, six: str) -> Environment:
        made = Environment(path)
        made.add("six", six)
        return made

    def run_in(
        self, folder: Path, *words: object, python: object = sys.executable, **env: str
    ) -> tuple[int, str, str]:
        done = run([python, "-c", COMMAND, *words], cwd=folder, env=env)
        return done.returncode, done.stdout, done.stderr

    def refused_in(
        self, folder: Path, message: str, *words: object, **options: Any
    ) -> None:
        self.assertEqual(
            self.run_in(folder, *words, **options),
            (2, "", f"envlock: error: {message}\n"),
        )


@unittest.skipIf(sys.prefix != sys.base_prefix, "runs in a virtual environment itself")
class EnvironmentTest(DefaultsCase):
    def setUp(self) -> None:
        super().setUp()
        self.lock = self.write("project/requirements.lock", "six==1.16.0\n")
        self.words = ("validate", "-b", self.lock, "exit")

    def test_the_nearest_environment_is_taken(self) -> None:
        self.environment_at(self.project / ".venv", "1.16.0")
        (self.project / "src" / "deep").mkdir(parents=True)
        self.assertEqual(
            self.run_in(self.project, *self.words),
            (0, "", NEAREST_NOTE.format(".venv")),
        )
        self.assertEqual(self.run_in(self.project, "-q", *self.words), (0, "", ""))
        deep = self.run_in(self.project / "src" / "deep", *self.words)
        self.assertEqual(
            deep, (0, "", NEAREST_NOTE.format(os.path.join("..", "..", ".venv")))
        )

    def test_not_one_above_the_repository_nor_a_folder_that_is_none(self) -> None:
        self.environment_at(self.folder / ".venv", "1.16.0")
        (self.project / ".venv").mkdir()
        status, _, notes = self.run_in(self.project, *self.words)
        self.assertEqual((status, notes), (3, ""))

    def test_the_active_one_comes_before_it(self) -> None:
        self.environment_at(self.project / ".venv", "1.15.0")
        active = self.environment_at(self.folder / "active", "1.16.0")
        note = f"envlock: the environment is {active.path} (it is active: $VIRTUAL_ENV; -e names another)\n"
        env = {"VIRTUAL_ENV": str(active.path)}
        self.assertEqual(self.run_in(self.project, *self.words, **env), (0, "", note))

    def test_the_one_that_runs_envlock_comes_first(self) -> None:
        self.environment_at(self.project / ".venv", "1.15.0")
        own = self.environment_at(self.folder / "own", "1.16.0")
        env = {"VIRTUAL_ENV": str(self.project / ".venv")}
        self.assertEqual(
            self.run_in(self.project, *self.words, python=own.python, **env),
            (0, "", ""),
        )

    def test_one_made_for_a_tool_is_never_taken(self) -> None:
        reason = "was made for envlock alone, and there is no .venv here: name the environment, as in -e .venv"
        for place, receipt, env in (
            ("tool", "uv-receipt.toml", {}),
            ("pipx", "pipx_metadata.json", {}),
            ("archive-v0/Xy12", "", {}),
            ("py_env-python3", "", {"PRE_COMMIT": "1"}),
        ):
            with self.subTest(place=place):
                tool = self.environment_at(self.folder / place, "1.16.0")
                if receipt:
                    (tool.path / receipt).write_text("", encoding="utf-8")
                env["VIRTUAL_ENV"] = str(tool.path)
                for words in (
                    self.words,
                    ("site-install", "-b", self.lock),
                    ("site-status",),
                    ("site-uninstall",),
                ):
                    self.refused_in(
                        self.project,
                        f"{tool.path} {reason}",
                        *words,
                        python=tool.python,
                        **env,
                    )
                self.environment_at(self.project / ".venv", "1.16.0")
                found = self.run_in(
                    self.project, *self.words, python=tool.python, **env
                )
                self.assertEqual(found, (0, "", NEAREST_NOTE.format(".venv")))
                shutil.rmtree(self.project / ".venv")
                named = self.run_in(
                    self.project,
                    "-e",
                    tool.path,
                    *self.words,
                    python=tool.python,
                    **env,
                )
                self.assertEqual(named, (0, "", ""))

    def test_one_that_uv_run_puts_before_another_stands_for_that(self) -> None:
        extended = self.environment_at(self.folder / "extended", "1.16.0")
        overlay = self.environment_at(self.folder / "overlay", "1.15.0")
        with open(overlay.path / "pyvenv.cfg", "a", encoding="utf-8") as file:
            file.write(f"extends-environment = {extended.path}\n")
        note = f"envlock: the environment is {extended.path} (`uv run` extends it; -e names another)\n"
        env = {"VIRTUAL_ENV": str(overlay.path)}
        self.assertEqual(
            self.run_in(self.project, *self.words, python=overlay.python, **env),
            (0, "", note),
        )


class BoundTest(DefaultsCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment.add("six", "1.16.0")
        self.words = ("-e", self.environment.path, "validate", "exit")

    def test_the_one_lock_is_taken(self) -> None:
        (self.project / "src").mkdir()
        self.refused_in(self.project, NO_LOCK, *self.words)
        self.write("requirements.txt", "above==1\n")  # above the repository
        self.refused_in(self.project / "src", NO_LOCK, *self.words)
        self.write("project/requirements.txt", "six==1.15.0\n")
        self.assertEqual(
            self.run_in(self.project, *self.words),
            (3, "", BOUND_NOTE.format("requirements.txt")),
        )
        self.write("project/requirements.lock", "six==1.16.0\n")
        self.assertEqual(
            self.run_in(self.project, *self.words),
            (0, "", BOUND_NOTE.format("requirements.lock")),
        )
        self.assertEqual(self.run_in(self.project, "-q", *self.words), (0, "", ""))
        above = BOUND_NOTE.format(os.path.join("..", "requirements.lock"))
        self.assertEqual(self.run_in(self.project / "src", *self.words), (0, "", above))

    def test_a_tools_lock_comes_before_requirements(self) -> None:
        self.write("project/requirements.lock", "six==1.15.0\n")
        self.write(
            "project/Pipfile.lock",
            '{"_meta": {"pipfile-spec": 6}, "default": {"six": {"version": "==1.16.0"}}}',
        )
        self.assertEqual(
            self.run_in(self.project, *self.words),
            (0, "", BOUND_NOTE.format("Pipfile.lock")),
        )
        self.write("project/uv.lock", "version = 1\n")
        message = f"there are uv.lock, Pipfile.lock in {self.project}: choose one, as in --bound uv.lock"
        self.refused_in(self.project, message, *self.words)

    def test_a_guard_takes_it_too(self) -> None:
        lock = self.write("project/requirements.lock", "six==1.16.0\n")
        done = self.run_in(
            self.project, "-e", self.environment.path, "site-install", "exit"
        )
        self.assertEqual(done[:2], (0, ""), done[2])
        status = self.run_in(self.folder, "-e", self.environment.path, "site-status")
        self.assertIn(f"bounds: {lock}\n", status[1])
        self.run_in(self.folder, "-e", self.environment.path, "site-uninstall")


@unittest.skipIf(NO_TOML, NO_TOML)
class ConfigurationTest(DefaultsCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment.add("six", "1.16.0")
        self.write("project/locks/all.txt", "six==1.16.0\nabsent==1\n")
        self.words = ("-e", self.environment.path, "validate", "exit")

    def configure(self, text: str) -> None:
        self.write(
            "project/pyproject.toml", f'[project]\nname = "p"\n[tool.envlock]\n{text}'
        )

    def test_its_values_stand_for_options(self) -> None:
        self.configure('bound = "locks/all.txt"\nsubset = true\n')
        (self.project / "src").mkdir()
        for folder, shown, source in (
            (self.project, "locks/all.txt", "pyproject.toml"),
            (self.project / "src", "../locks/all.txt", "../pyproject.toml"),
        ):
            note = f"envlock: the bound is {shown} (of [tool.envlock] in {source}; --bound names another)\n"
            self.assertEqual(
                self.run_in(folder, *self.words), (0, "", note.replace("/", os.sep))
            )

    def test_the_command_line_wins_key_by_key(self) -> None:
        self.configure('bound = ["locks/all.txt"]\nignore = ["absent"]\n')
        self.assertEqual(self.run_in(self.project, "-q", *self.words), (0, "", ""))
        self.assertEqual(
            self.run_in(self.project, "-q", *self.words, "--ignore", "six"), (3, "", "")
        )
        self.write("project/other.txt", "six==1.15.0\n")
        words = ("-q", *self.words, "-b", "other.txt")
        self.assertEqual(self.run_in(self.project, *words), (3, "", ""))

    def test_it_can_be_passed_over(self) -> None:
        self.configure('bound = "locks/all.txt"\nno-such = 1\n')
        self.refused_in(self.project, NO_LOCK, *self.words, "--no-config")

    def test_what_is_wrong_in_it_names_file_and_key(self) -> None:
        for text, line, message in (
            (
                "bounds = 'x'\n",
                4,
                "tool.envlock: there is no key 'bounds' (did you mean 'bound'?)",
            ),
            ("subset = true\nexe = 'x'\n", 5, "tool.envlock: there is no key 'exe'"),
            (
                "bound = 3\n",
                4,
                "tool.envlock.bound: expected an array of strings, found 3",
            ),
            (
                "subset = 'yes'\n",
                4,
                "tool.envlock.subset: expected true or false, found 'yes'",
            ),
            (
                "ignore = 'six'\n",
                4,
                "tool.envlock.ignore: expected an array of strings, found 'six'",
            ),
            (
                "extra = [1]\n",
                4,
                "tool.envlock.extra: expected an array of strings, found ",
            ),
        ):
            with self.subTest(text=text):
                self.configure(text)
                status, output, errors = self.run_in(self.project, *self.words)
                self.assertEqual((status, output), (2, ""))
                self.assertTrue(
                    errors.startswith(
                        f"envlock: error: pyproject.toml:{line}: {message}"
                    ),
                    errors,
                )

    def test_a_guard_keeps_what_it_was_told(self) -> None:
        self.configure('bound = "locks/all.txt"\nsubset = true\n')
        done = self.run_in(
            self.project, "-q", "-e", self.environment.path, "site-install", "exit"
        )
        self.assertEqual(done, (0, "", ""))
        self.configure("bound = []\n")
        self.assertEqual(run([self.environment.python, "-c", "print(1)"]).stdout, "1\n")
        self.run_in(self.project, "-e", self.environment.path, "site-uninstall")
