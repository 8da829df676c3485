"""The tools that repair an environment, run for real against one whose guard stops every start: each must succeed, the
next start must be silent, and user code under `uv run` and its likes must still be stopped. Needs the network."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.guarded import CODE
from tests.support import CLEAN, ENVLOCK
from tests.tools.check import CACHE, installed

PYPROJECT = """\
[project]
name = "app"
version = "1"
requires-python = ">=3.8"
dependencies = ["six==1.16.0"]
[tool.poetry]
package-mode = false
[[tool.poetry.source]]
name = "index"
url = "INDEX"
[tool.pdm]
distribution = false
[tool.pdm.scripts]
start = "python app.py"
go = {call = "app:main"}
"""
PIPFILE = """\
[[source]]
name = "index"
url = "INDEX"
verify_ssl = true
[packages]
six = "==1.16.0"
"""
APP = "def main():\n    print('ran')\n\nif __name__ == '__main__':\n    main()\n"
SETUP = "from setuptools import setup\nsetup(name='made', version='1', py_modules=[])\n"


TOOLS = {
    "uv": "uv",
    "poetry": "poetry",
    "pdm": "pdm[locked]",
    "pipenv": "pipenv",
    "pip-sync": "pip-tools",
    "virtualenv": "virtualenv",
}
AT_ONCE = 2
# What pip-tools brings into the environment itself.
IGNORED = "setuptools,wheel,pip-tools,click,build,packaging,pyproject_hooks,tomli,importlib-metadata,zipp"


def uv_command() -> str:
    """The path of uv, which makes the other tools' environments in a fraction of pip's time."""
    return str(installed(CACHE / "repair" / "uv", TOOLS["uv"]) / "uv")


def tool(name: str) -> str:
    """The path of a tool's command, installed below the cache in an environment of its own."""
    if name == "uv":
        return uv_command()
    folder = CACHE / "repair" / TOOLS[name].partition("[")[0]
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder)
        command = [uv_command(), "pip", "install", "-q", "-p", folder, TOOLS[name]]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        (folder / "installed").touch()
    return str(folder / "bin" / name)


def tools() -> dict[str, str]:
    """Every tool's command, by name; two runs with one cache wait for each other."""
    (CACHE / "repair").mkdir(parents=True, exist_ok=True)
    with open(CACHE / "repair" / "lock", "w") as file, ThreadPoolExecutor(
        AT_ONCE
    ) as pool:
        fcntl.flock(file, fcntl.LOCK_EX)
        uv_command()  # which the others need
        return dict(zip(TOOLS, pool.map(tool, TOOLS)))


class Project:
    """A project with a guarded environment that has drifted: six 1.16.0 is asked for, and is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = str(folder / ".venv" / "bin" / "python")
        self.settings = {
            **CLEAN,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
        }
        self.settings.update(
            PIPENV_VENV_IN_PROJECT="1", PDM_CHECK_UPDATE="0", PIPENV_YES="1"
        )
        self.settings["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
        for name, text in (
            ("pyproject.toml", PYPROJECT.replace("INDEX", index())),
            ("requirements.txt", "six==1.16.0\n"),
            ("Pipfile", PIPFILE.replace("INDEX", index())),
        ):
            (folder / name).write_text(text, encoding="utf-8")
        (folder / "app.py").write_text(APP, encoding="utf-8")
        (folder / "made").mkdir()
        (folder / "made" / "setup.py").write_text(SETUP, encoding="utf-8")

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
        )

    def prepare(self, with_pip: bool, commands: Sequence[list[str]]) -> None:
        """Make the environment, lock, guard and drift."""
        environment = str(self.folder / ".venv")
        make = [sys.executable, "-m", "venv", "--without-pip", environment]
        pip = [uv_command(), "pip", "install", "-q", "-p", ".venv", "pip"]
        guard = [
            sys.executable,
            str(ENVLOCK),
            "-e",
            self.python,
            "site-install",
            "-b",
            "requirements.txt",
        ]
        guard += ["--ignore", IGNORED, "exit"]
        for step in (make, *[pip] * with_pip, *commands, guard):
            done = self.run(*step)
            assert done.returncode == 0, (
                step,
                done.stdout[-1000:],
                done.stderr[-1000:],
            )
        assert self.start().returncode == CODE

    def site(self) -> Path:
        return next((self.folder / ".venv").glob("lib/python3*/site-packages"))

    def start(self) -> subprocess.CompletedProcess[str]:
        return self.run(self.python, "-c", "pass")


def index() -> str:
    """The address of the index that pip takes."""
    told = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        capture_output=True,
    )
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    default = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True
    )
    return (
        os.environ.get("PIP_INDEX_URL")
        or (told.stdout or default.stdout).decode().strip()
    )


class Case(NamedTuple):
    """An environment, and the commands that repair it, each after it has drifted anew."""

    title: str
    prepare: Sequence[list[str]]  # before the guard
    repairs: Sequence[list[str]]
    users: Sequence[list[str]] = ()  # what runs user code by the tool
    with_pip: bool = False
    installs: bool = True  # what is missing


def cases() -> list[Case]:
    inside, path, code = ".venv/bin/", tools(), ["python", "-c", "print('ran')"]
    uv, poetry, pdm, pipenv = path["uv"], path["poetry"], path["pdm"], path["pipenv"]
    pdm_words = [["run", *code], ["run", "start"], ["start"], ["run", "go"], ["go"]]
    python, pip = [inside + "python"], [inside + "pip"]
    install = ["install", "-q", "-r", "requirements.txt"]
    into = ["--python-executable", *python, "-q", "requirements.txt"]
    return [  # the slowest first
        Case(
            "pip",
            [],
            [
                [*pip, *install],
                [*python, "-m", "pip", *install],
                [*python, "-Impip", *install],
            ],
            with_pip=True,
        ),
        Case(
            "pip-sync",
            [[uv, "pip", "install", "-q", "-p", ".venv", "pip-tools"]],
            [
                [path["pip-sync"], *into],
                [inside + "pip-sync", "-q", "requirements.txt"],
            ],
            with_pip=True,
        ),
        Case(
            "pip, an sdist",
            [],
            [[*pip, "install", "-q", "--target", "t", "./made"]],
            with_pip=True,
            installs=False,
        ),
        Case(
            "pipenv", [[pipenv, "lock"]], [[pipenv, "sync"]], [[pipenv, "run", *code]]
        ),
        Case(
            "poetry",
            [[poetry, "lock", "-q"]],
            [[poetry, "install", "-q"]],
            [[poetry, "run", *code]],
        ),
        Case(
            "pdm",
            [[pdm, "lock", "-q"]],
            [[pdm, "sync", "-q"]],
            [[pdm, *words] for words in pdm_words],
        ),
        Case(
            "no packages",
            [],
            [
                [*python, "-m", "ensurepip"],
                [*python, "-m", "venv", "other"],
                [path["virtualenv"], "-q", "-p", *python, "another"],
            ],
            installs=False,
        ),
        Case(
            "uv",
            [[uv, "lock", "-q"]],
            [
                [uv, "pip", "install", "-q", "-p", ".venv", "-r", "requirements.txt"],
                [uv, "sync", "-q", "--cache-dir", "cold"],
            ],
            # The second in an environment of its own that extends the guarded one.
            [
                [uv, "run", "--no-sync", *more, *code]
                for more in ([], ["--with", "toml==0.10.2"])
            ],
        ),
    ]


def check_stopped(project: Project, case: Case, command: list[str]) -> None:
    """User code in a drifted environment."""
    stopped = project.run(*command)
    assert "ran" not in stopped.stdout.splitlines(), f"user code ran: {stopped.stderr}"
    assert "differs from its lock" in stopped.stderr, (
        f"not stopped by the guard: {stopped.stdout} {stopped.stderr}"
    )
    assert stopped.returncode, "no exit status"


def check_passing(project: Project, case: Case, command: list[str]) -> None:
    """User code in an environment that is aligned again."""
    passing = project.run(*command)
    assert "ran" in passing.stdout.splitlines(), (
        f"user code did not run: {passing.stderr}"
    )
    assert "envlock" not in passing.stderr, f"not silent: {passing.stderr}"


def check_repair(project: Project, case: Case, command: list[str]) -> None:
    for path in project.site().glob("six*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert project.start().returncode == CODE, "no drift"
    done = project.run(*command)
    assert done.returncode == 0, (
        f"exit status {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}"
    )
    after = project.start()
    assert (project.site() / "six-1.16.0.dist-info").exists() == case.installs, (
        "six 1.16.0 is not installed"
    )
    assert not case.installs or (after.returncode, after.stderr) == (0, ""), (
        f"not silent: {after.stderr}"
    )


def attempt(case: Case) -> list[str]:
    """What went wrong in each command of a case, or ""."""
    folder = Path(tempfile.mkdtemp(prefix="envlock-repair-"))
    project, wrong = Project(folder), []
    try:
        project.prepare(case.with_pip, case.prepare)
        made = os.stat(folder / ".venv").st_ino
        steps = [(check_stopped, command) for command in case.users]
        steps += [(check_repair, command) for command in case.repairs]
        for check, command in steps + [
            (check_passing, command) for command in case.users
        ]:
            began, error = time.monotonic(), ""
            try:
                check(project, case, command)
                assert os.stat(folder / ".venv").st_ino == made, (
                    "the environment was made anew"
                )
            except (AssertionError, subprocess.SubprocessError) as caught:
                error = str(caught)
            wrong.append(error)
            words = [
                os.path.basename(word) if word.startswith("/") else word
                for word in command
            ]
            title = f"{case.title}: {' '.join(words)}: {error or 'as it should'}"
            print(f"  {title} ({time.monotonic() - began:.0f} s)", flush=True)
    except (AssertionError, subprocess.SubprocessError) as error:
        print(f"  {case.title}: {error}", flush=True)
        wrong.append(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return wrong


def main() -> int:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [each for one in pool.map(attempt, cases()) for each in one]
    failures = sum(map(bool, wrong))
    print(f"guard_repair: {len(wrong)} comparisons, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
