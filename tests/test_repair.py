"""The room Repair."""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
import unittest
from pathlib import Path
from typing import ClassVar

from envlock import quote_for_windows
from tests.support import (
    DATA,
    ENVLOCK,
    NO_PERMISSIONS,
    NO_TOML,
    POWERLESS,
    Environment,
    TestCase,
    add_record,
    on_terminal,
    run,
)

EDITABLE = {"url": "file:///src/six", "dir_info": {"editable": True}}


@unittest.skipIf(os.name == "nt", "no terminals")
class RepairTest(TestCase):
    """What a table on a terminal says would align the environment; each command was tried with its tool."""

    def setUp(self) -> None:
        super().setUp()
        self.python = self.environment.python
        self.environment.add("pip", "24.0")
        self.requirements = self.write("requirements.txt", "six==1.16.0\n")

    def said(self, *arguments: object, python: object = "", **env: str) -> list[str]:
        """The commands, in a working directory with the bound."""
        env = {"PATH": str(self.folder), **env}
        words = ("-e", python or self.python, "validate", *arguments)
        shown = on_terminal(*words, env=env, cwd=self.folder).splitlines()
        table = next(
            index for index, line in enumerate(shown) if line.startswith("Package ")
        )
        advice = [
            index for index, line in enumerate(shown) if line.startswith("To align: ")
        ]
        self.assertTrue(all(index > table for index in advice), shown)
        return [shown[index][10:] for index in advice]

    def tool(self, name: str) -> None:
        """A command on PATH."""
        self.write(name, "").chmod(0o755)

    def locked(self, fixture: str) -> None:
        """The files of a project that a tool has locked."""
        for path in (DATA / fixture).iterdir():
            if path.is_file():
                self.write(path.name, path.read_text(encoding="utf-8"))

    def test_lines_follow_the_table(self) -> None:
        self.environment.add("idna", "3.7")
        shown = on_terminal(
            "-e", self.python, "validate", "-b", "requirements.txt", cwd=self.folder
        )
        site = self.environment.site
        self.assertEqual(
            shown,
            "Package   Dependency   Explain     Sites\n"
            f"idna-3.7               Unrequired  {site}\n"
            "          six==1.16.0  Missing\n"
            f"envlock: not aligned: 1 Unrequired, 1 Missing: 2 packages of {self.python}, requirements.txt\n"
            f"To align: {self.python} -m pip uninstall -y idna\n"
            f"To align: {self.python} -m pip install -r requirements.txt\n",
        )

    def test_nothing_is_said_elsewhere(self) -> None:
        done = self.environment.validate("-b", self.requirements)
        self.assertEqual((done.stderr, done.stdout.count("\n")), ("", 2))
        for words in (
            ("-q", "validate", "-b", self.requirements),
            ("validate", "-b", self.requirements, "json"),
        ):
            self.assertNotIn("To align", on_terminal("-e", self.python, *words))

    def test_site_install_says_it_too(self) -> None:
        shown = on_terminal(
            "-e", self.python, "site-install", "-b", "requirements.txt", cwd=self.folder
        )
        self.assertIn(
            f"\nTo align: {self.python} -m pip install -r requirements.txt\n", shown
        )

    def test_what_is_installed_from_elsewhere_is_uninstalled_first(self) -> None:
        self.environment.add("six", "1.16.0", EDITABLE)
        pip = f"{self.python} -m pip"
        commands = [f"{pip} uninstall -y six", f"{pip} install -r requirements.txt"]
        self.assertEqual(self.said("-b", "requirements.txt"), commands)
        self.environment.remove("six")
        self.environment.add("six", "1.15.0")
        self.assertEqual(self.said("-b", "requirements.txt"), commands[1:])

    def test_what_a_required_package_needs_stays(self) -> None:
        self.environment.add(
            "six", "1.16.0", requires=["Needed>1", "extra-one; extra == 'x'"]
        )
        self.environment.add(
            "needed", "1.0", requires=["deeper[x] (>=1) ; python_version > '3'"]
        )
        self.environment.add("deeper", "1.0", requires=["extra-two ; extra=='x'"])
        for name in ("extra-one", "extra-two"):
            self.environment.add(name, "1.0")
        command = f"{self.python} -m pip uninstall -y extra-one"
        reason = "in the bound (what the bound names needs them)"
        kept = (
            f"give --superset, or name deeper-1.0, extra_two-1.0, needed-1.0 {reason}"
        )
        self.assertEqual(self.said("-b", "requirements.txt"), [command, kept])
        self.write("requirements.txt", "six[x]==1.16.0\n")
        kept = f"give --superset, or name deeper-1.0, extra_one-1.0, extra_two-1.0 and 1 more {reason}"
        self.assertEqual(self.said("-b", "requirements.txt"), [kept])

    def test_the_nearest_pip_is_named(self) -> None:
        install = "install -r requirements.txt"
        self.assertEqual(
            self.said("-b", "requirements.txt"), [f"{self.python} -m pip {install}"]
        )
        self.environment.remove("pip")
        self.assertEqual(self.said("-b", "requirements.txt"), [])
        self.tool("pip")
        self.assertEqual(
            self.said("-b", "requirements.txt"),
            [f"pip --python={self.python} {install}"],
        )
        self.tool("uv")
        self.assertEqual(
            self.said("-b", "requirements.txt"),
            [f"UV_PYTHON={self.python} uv pip {install}"],
        )

    def test_files_may_be_several_and_have_blanks(self) -> None:
        self.write("sub dir/more.txt", "idna==3.7\n")
        command = (
            f"{self.python} -m pip install -r requirements.txt -r 'sub dir/more.txt'"
        )
        self.assertEqual(
            self.said("-b", "requirements.txt", "sub dir/more.txt"), [command]
        )

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_project_or_a_script_has_what_differs_installed(self) -> None:
        self.write(
            "pyproject.toml",
            '[project]\ndependencies = ["six<2,>=1", "idna[x] @ https://host.example/i.zip"]\n',
        )
        self.write("tool.py", '# /// script\n# dependencies = ["six<2,>=1"]\n# ///\n')
        command = f"{self.python} -m pip install 'six<2,>=1'"
        self.assertEqual(self.said("-b", "tool.py"), [command])
        more = f"{self.python} -m pip install 'idna[x] @ https://host.example/i.zip' 'six<2,>=1'"
        self.assertEqual(self.said("-b", "pyproject.toml"), [more])
        self.write("pyproject.toml", '[tool.poetry.dependencies]\nsix = "^1"\n')
        self.assertEqual(self.said("-b", "pyproject.toml"), [])

    def test_no_command_is_named_whose_hidden_part_is_needed(self) -> None:
        for url in ("git+ssh://git@host.example/r", "https://host.example/a.zip?key=1"):
            self.write(
                "x.py", f'# /// script\n# dependencies = ["six @ {url}"]\n# ///\n'
            )
            self.assertEqual(self.said("-b", "x.py"), [])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_tool_has_its_own_words_for_a_selection(self) -> None:
        prefix = self.environment.path
        for fixture, options, command in (
            ("uv/uv-groups", "", "UV_PROJECT_ENVIRONMENT={} uv sync"),
            (
                "uv/uv-groups",
                "--superset",
                "UV_PROJECT_ENVIRONMENT={} uv sync --inexact",
            ),
            (
                "uv/uv-groups",
                "--group docs --group lint --all-extras",
                "UV_PROJECT_ENVIRONMENT={} uv sync --all-extras --group=docs --group=lint",
            ),
            (
                "uv/uv-groups",
                "--bound-options docs",
                "UV_PROJECT_ENVIRONMENT={} uv sync --group=docs",
            ),
            (
                "uv/uv-extras",
                "--bound-options one two",
                "UV_PROJECT_ENVIRONMENT={} uv sync --extra=one --extra=two",
            ),
            (
                "uv/uv-groups",
                "--no-default-groups",
                "UV_PROJECT_ENVIRONMENT={} uv sync --no-default-groups",
            ),
            (
                "poetry/poetry2-po-extras",
                "--extra both",
                "VIRTUAL_ENV={} poetry sync --extras=both",
            ),
            (
                "poetry/poetry2-po-standard",
                "--group docs",
                "VIRTUAL_ENV={} poetry sync --with=docs",
            ),
            (
                "poetry/poetry2-po-standard",
                "--no-group test",
                "VIRTUAL_ENV={} poetry sync --without=test",
            ),
            ("poetry/poetry2-po-basic", "--superset", "VIRTUAL_ENV={} poetry install"),
            (
                "poetry/poetry2-po-standard",
                "--group docs --no-group test",
                "VIRTUAL_ENV={} poetry sync --with=docs --without=test",
            ),
            (
                "pdm/pdm-pdm-groups",
                "",
                "PDM_PYTHON={}/bin/python pdm sync --clean-unselected",
            ),
            (
                "pdm/pdm-pdm-groups",
                "--superset --group test",
                "PDM_PYTHON={}/bin/python pdm sync -Gtest",
            ),
            (
                "uv/uv-groups",
                "--only-group docs --only-group lint",
                "UV_PROJECT_ENVIRONMENT={} uv sync --only-group=docs --only-group=lint",
            ),
            (
                "uv/uv-extras",
                "--all-extras --no-extra two --no-editable",
                "UV_PROJECT_ENVIRONMENT={} uv sync --all-extras --no-extra=two --no-editable",
            ),
            (
                "uv/uv-groups",
                "--no-install-project --no-install-workspace",
                "UV_PROJECT_ENVIRONMENT={} uv sync --no-install-project --no-install-workspace",
            ),
            (
                "poetry/poetry2-po-standard",
                "--only-group docs --no-install-project",
                "VIRTUAL_ENV={} poetry sync --no-root --only=docs",
            ),
            (
                "pdm/pdm-pdm-groups",
                "--only-group test --no-editable",
                "PDM_PYTHON={}/bin/python pdm sync --clean-unselected --no-default -Gtest --no-editable",
            ),
            (
                "pdm/pdm-pdm-groups",
                "--no-default-groups --no-install-project",
                "PDM_PYTHON={}/bin/python pdm sync --clean-unselected --prod --no-self",
            ),
            (
                "pdm/pdm-pdm-groups",
                "--all-groups",
                "PDM_PYTHON={}/bin/python pdm sync --clean-unselected --dev",
            ),
            (
                "pylock/uv-export-pl-uv",
                "",
                "uv pip sync --python={}/bin/python pylock.toml",
            ),
            (
                "pylock/uv-export-pl-uv",
                "--superset",
                "uv pip install --python={}/bin/python -r pylock.toml",
            ),
        ):
            with self.subTest(fixture=fixture, options=options):
                self.locked(fixture)
                bound = {"pylock": "pylock.toml"}.get(
                    fixture.split("/")[0], fixture.split("/")[0] + ".lock"
                )
                self.assertEqual(
                    self.said("-b", bound, *options.split()), [command.format(prefix)]
                )

    def test_pipenv_installs_and_pip_uninstalls(self) -> None:
        self.locked("pipfile/pipenv-pe-basic")
        self.write("Pipfile", "")
        prefix = self.environment.path
        self.assertEqual(
            self.said("-b", "Pipfile.lock"), [f"VIRTUAL_ENV={prefix} pipenv sync"]
        )
        self.environment.add("further", "1.0")
        commands = [
            f"{self.python} -m pip uninstall -y further",
            f"VIRTUAL_ENV={prefix} pipenv sync --categories=default,develop,docs",
        ]
        self.assertEqual(
            self.said("-b", "Pipfile.lock", "--group", "docs", "--group", "develop"),
            commands,
        )
        os.mkdir(self.folder / "sub")
        for name in ("Pipfile", "Pipfile.lock"):
            os.rename(self.folder / name, self.folder / "sub" / name)
        self.environment.remove("further")
        command = f"PIPENV_PIPFILE=sub/Pipfile VIRTUAL_ENV={prefix} pipenv sync"
        self.assertEqual(self.said("-b", "sub/Pipfile.lock"), [command])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_an_environment_that_the_tool_takes_anyway_is_not_named(self) -> None:
        self.locked("poetry/poetry2-po-basic")
        prefix = str(self.environment.path)
        self.assertEqual(
            self.said("-b", "poetry.lock", VIRTUAL_ENV=prefix), ["poetry sync"]
        )
        own = Environment(self.folder / ".venv")
        self.assertEqual(
            self.said("-b", "poetry.lock", python=own.python), ["poetry sync"]
        )
        command = f"VIRTUAL_ENV={own.path} poetry sync"
        self.assertEqual(
            self.said("-b", "poetry.lock", python=own.python, VIRTUAL_ENV=prefix),
            [command],
        )
        os.mkdir(self.folder / "sub dir")
        for name in ("pyproject.toml", "poetry.lock", ".venv"):
            os.rename(self.folder / name, self.folder / "sub dir" / name)
        python = self.folder / "sub dir" / ".venv" / "bin" / "python"
        command = "poetry sync --directory='sub dir'"
        self.assertEqual(
            self.said("-b", "sub dir/poetry.lock", python=python), [command]
        )

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_tool_that_passes_over_another_source_is_helped(self) -> None:
        self.environment.add("idna", "3.20", EDITABLE)
        for fixture, lock, helped in (
            ("uv/uv-groups", "uv.lock", False),
            ("pdm/pdm-pdm-groups", "pdm.lock", True),
        ):
            self.locked(fixture)
            version = re.search(
                r'name = "idna"\nversion = "([^"]+)"',
                (self.folder / lock).read_text(encoding="utf-8"),
            )
            assert version
            self.environment.remove("idna")
            self.environment.add("idna", version[1], EDITABLE)
            commands = self.said("-b", lock)
            self.assertEqual(
                commands[:-1],
                [f"{self.python} -m pip uninstall -y idna"] * helped,
                lock,
            )

    def test_changed_files_are_installed_once_more(self) -> None:
        for name, source in (
            ("six", None),
            ("own", {"url": "file:///src/own", "dir_info": {}}),
        ):
            record = self.environment.add(name, "1.16.0", source)
            (record / "RECORD").write_text(
                f"{name}.py,sha256=AAAA,1\n", encoding="utf-8"
            )
        self.environment.add("further", "1.0")
        command = (
            f"{self.python} -m pip install --force-reinstall --no-deps six==1.16.0"
        )
        self.write("requirements.txt", "six\nown\n")
        self.assertEqual(
            self.said("-b", "requirements.txt", "--superset", "--integrity"), [command]
        )
        self.write("requirements.txt", "six==1.17.0\nown\n")  # which is another file
        command = f"{self.python} -m pip install -r requirements.txt"
        self.assertEqual(
            self.said("-b", "requirements.txt", "--superset", "--integrity"), [command]
        )

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_where_no_command_would_do_none_is_named(self) -> None:
        self.write("stray.py", "")
        for name in ("uv", "poetry"):
            self.locked(
                {"uv": "uv/uv-groups", "poetry": "poetry/poetry2-po-standard"}[name]
            )
        self.write(
            "alone/uv.lock", (self.folder / "uv.lock").read_text(encoding="utf-8")
        )
        for name in ("uv.lock", "pyproject.toml"):
            self.write(f"twin/{name}", (self.folder / name).read_text(encoding="utf-8"))
        self.write("prod.lock", (self.folder / "uv.lock").read_text(encoding="utf-8"))
        for bounds, options in (
            ("requirements.txt", "--ignore idna"),  # it might be touched
            ("requirements.txt uv.lock", ""),
            ("uv.lock poetry.lock", "--superset"),
            ("uv.lock twin/uv.lock", ""),
            ("alone/uv.lock", ""),  # no project beside it
            ("prod.lock", ""),
            ("poetry.lock", "--all-packages"),
        ):
            with self.subTest(bounds=bounds, options=options):
                self.assertEqual(self.said("-b", *bounds.split(), *options.split()), [])
        for version in ("1.15.0", "1.16.0"):
            self.environment.add("six", version)
        self.assertEqual(self.said("-b", "requirements.txt"), [])

    def test_what_lies_outside_of_the_environment_is_left_alone(self) -> None:
        self.environment.add("six", "1.16.0")
        outside = self.folder / "outside"
        add_record(outside, "further", "1.0")
        (self.environment.site / "outside.pth").write_text(
            f"{outside}\n", encoding="utf-8"
        )
        self.assertEqual(self.said("-b", "requirements.txt"), [])


class QuoteForWindowsTest(unittest.TestCase):
    def test_words_with_what_a_shell_reads_stand_in_double_quotes(self) -> None:
        for word, expected in (
            (r"C:\env\Scripts\python.exe", r"C:\env\Scripts\python.exe"),
            (r"C:\my env\python.exe", r'"C:\my env\python.exe"'),
            ("six<2,>=1", '"six<2,>=1"'),
            ("a&b", '"a&b"'),
            ("a^b\\", '"a^b\\\\"'),
            ("six==1.16.0", "six==1.16.0"),
            ("", '""'),
        ):
            self.assertEqual(quote_for_windows(word), expected)


if __name__ == "__main__":
    unittest.main()


@unittest.skipIf(
    os.name == "nt" or sys.implementation.name != "cpython", "an installation of links"
)
class InstallationTest(TestCase):
    """A Python that is no virtual environment: nothing may be removed from it."""

    loader: ClassVar = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR"))}

    def setUp(self) -> None:
        super().setUp()
        self.root = self.folder / "python"
        standard = Path(sysconfig.get_path("stdlib"))
        self.library = self.root / "lib" / standard.name
        self.library.mkdir(parents=True)
        for entry in standard.iterdir():
            kept_out = ("site-packages", "dist-packages", "EXTERNALLY-MANAGED")
            if entry.name not in (*kept_out, "__pycache__"):
                (self.library / entry.name).symlink_to(entry)
        (self.root / "bin").mkdir()
        self.python = self.root / "bin" / f"python{sys.version_info[0]}"
        shutil.copy(os.path.realpath(sys.executable), self.python)
        # Debian's interpreters have other directories than a build from source.
        code = "import site; print(site.getsitepackages()[-1])"
        self.site = Path(run([self.python, "-c", code], env=self.loader).stdout.strip())
        for name, version in (("pip", "24.0"), ("idna", "3.7"), ("zipp", "3.18.1")):
            add_record(self.site, name, version)
        self.write("requirements.txt", "six==1.16.0\n")

    def said(self) -> list[str]:
        words = ("-e", self.python, "validate", "-b", "requirements.txt")
        shown = on_terminal(*words, env=self.loader, cwd=self.folder).splitlines()
        self.assertEqual(
            [line for line in shown if line.startswith("envlock: error")], []
        )
        return [line[10:] for line in shown if line.startswith("To align: ")]

    def test_nothing_is_uninstalled_from_it(self) -> None:
        reason = "nothing is uninstalled from a Python that is no virtual environment"
        kept = f"give --superset, or name idna-3.7, zipp-3.18.1 in the bound ({reason})"
        self.assertEqual(
            self.said(), [f"{self.python} -m pip install -r requirements.txt", kept]
        )
        (self.library / "EXTERNALLY-MANAGED").write_text(
            "[externally-managed]\n", encoding="utf-8"
        )
        self.assertEqual(self.said(), [kept])

    @unittest.skipIf(NO_PERMISSIONS, NO_PERMISSIONS)
    def test_a_command_that_this_user_cannot_run_is_not_named(self) -> None:
        self.site.chmod(0o555)
        self.addCleanup(self.site.chmod, 0o755)
        words = ("-e", self.python, "validate", "-b", "requirements.txt")
        shown = on_terminal(
            *words, command=[*POWERLESS, sys.executable, ENVLOCK], cwd=self.folder
        )
        self.assertIn("zipp-3.18.1", shown)
        self.assertNotIn("pip install", shown)
