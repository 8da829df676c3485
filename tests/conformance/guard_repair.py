"""The tools that repair an environment, run for real against one whose guard stops every start: each must succeed, the
next start must be silent, and user code under `uv run` and its likes must still be stopped. Needs the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.check import CACHE
from tests.support import CLEAN, ENVLOCK

PYPROJECT = """\
[project]
name = "app"
version = "1"
requires-python = ">=3.8"
dependencies = ["six==1.16.0"]
[tool.poetry]
package-mode = false
[tool.pdm]
distribution = false
"""
SETUP = "from setuptools import setup\nsetup(name='made', version='1', py_modules=[])\n"


def tool(name: str, requirement: str = "") -> str:
    """The path of a tool's command, installed below the cache in an environment of its own."""
    requirement = requirement or name
    folder = CACHE / "repair" / requirement
    if not (folder / "bin" / name).exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "-q", requirement], check=True)
    return str(folder / "bin" / name)


class Project:
    """A project with a guarded environment that has drifted: six 1.16.0 is asked for, and is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = str(folder / ".venv" / "bin" / "python")
        self.settings = {**CLEAN, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "POETRY_VIRTUALENVS_IN_PROJECT": "true"}
        self.settings.update(PIPENV_VENV_IN_PROJECT="1", PDM_CHECK_UPDATE="0", PIPENV_YES="1")
        for name, text in (
            ("pyproject.toml", PYPROJECT),
            ("requirements.txt", "six==1.16.0\n"),
            ("Pipfile", sources() + '[packages]\nsix = "==1.16.0"\n'),
        ):
            (folder / name).write_text(text, encoding="utf-8")
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

    def prepare(self, *commands: list[str]) -> None:
        """Make the environment, lock, guard and drift."""
        steps = [[sys.executable, "-m", "venv", str(self.folder / ".venv")], *commands]
        guard = [sys.executable, str(ENVLOCK), "-e", self.python, "site-install", "-b", "requirements.txt"]
        ignored = [
            "--ignore",
            "setuptools,wheel,pip-tools,click,build,packaging,pyproject_hooks,tomli,importlib-metadata,zipp",
        ]
        for step in (*steps, [*guard, *ignored, "exit"]):
            done = self.run(*step)
            assert done.returncode == 0, (step, done.stdout[-1000:], done.stderr[-1000:])
        assert self.start().returncode == 3

    def start(self) -> subprocess.CompletedProcess[str]:
        return self.run(self.python, "-c", "pass")


def sources() -> str:
    """The Pipfile's section for the index that pip is set up with; pipenv has a default."""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    url = os.environ.get("PIP_INDEX_URL") or subprocess.run(command, capture_output=True).stdout.decode().strip()
    return f'[[source]]\nname = "index"\nurl = "{url}"\nverify_ssl = true\n' if url else ""


def cases() -> dict[str, tuple[list[list[str]], list[str], list[str]]]:
    """Title: commands that prepare, the command that repairs, the one that runs user code (or none)."""
    uv, poetry, pdm, pipenv = tool("uv"), tool("poetry"), tool("pdm"), tool("pipenv")
    sync, code = tool("pip-sync", "pip-tools"), ["python", "-c", "print('ran')"]
    inside = ".venv/bin/"
    install = ["install", "-q", "-r", "requirements.txt"]
    return {
        "pip, console script": ([], [inside + "pip", *install], []),
        "pip, -m": ([], [inside + "python", "-m", "pip", *install], []),
        "pip, glued -Im": ([], [inside + "python", "-Impip", *install], []),
        "ensurepip": ([], [inside + "python", "-m", "ensurepip"], []),
        "venv": ([], [inside + "python", "-m", "venv", "other"], []),
        "pip, an sdist": ([], [inside + "pip", "install", "-q", "--no-deps", "--target", "t", "./made"], []),
        "uv pip install": ([], [uv, "pip", "install", "-q", "-p", ".venv", "-r", "requirements.txt"], []),
        "uv sync, cold cache": (
            [[uv, "lock", "-q"]],
            [uv, "sync", "-q", "--cache-dir", "cold"],
            [uv, "run", "--no-sync", *code],
        ),
        "poetry install": ([[poetry, "lock", "-q"]], [poetry, "install", "-q"], [poetry, "run", *code]),
        "pdm sync": ([[pdm, "lock", "-q"]], [pdm, "sync", "-q"], [pdm, "run", *code]),
        "pipenv sync": ([[pipenv, "lock"]], [pipenv, "sync"], [pipenv, "run", *code]),
        "pip-sync": ([], [sync, "-q", "--python-executable", inside + "python", "requirements.txt"], []),
    }


def judge(project: Project, repair: list[str], user: list[str]) -> str:
    """What went wrong, or ""."""
    inode = (project.folder / ".venv").stat().st_ino
    if user:
        stopped = project.run(*user)
        if "ran" in stopped.stdout or stopped.returncode == 0:
            return f"user code ran: {stopped.stdout} {stopped.stderr}"
    if (project.folder / ".venv").stat().st_ino != inode or project.start().returncode != 3:
        return "the environment was made anew"
    done = project.run(*repair)
    if done.returncode:
        return f"exit status {done.returncode}: {done.stdout[-600:]} {done.stderr[-600:]}"
    if (project.folder / ".venv").stat().st_ino != inode:
        return "the environment was made anew"
    if "six" not in project.run(project.python, "-m", "pip", "freeze").stdout:
        return ""  # this command installs nothing
    after = project.start()
    return "" if (after.returncode, after.stderr) == (0, "") else f"not repaired: {after.stderr}"


def main() -> int:
    failures = 0
    table = cases()
    for title, (prepare, repair, user) in table.items():
        folder = Path(tempfile.mkdtemp(prefix="envlock-repair-"))
        try:
            project = Project(folder)
            project.prepare(*prepare)
            wrong = judge(project, repair, user)
        except (AssertionError, subprocess.SubprocessError) as error:
            wrong = str(error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        failures += bool(wrong)
        print(f"  {title}: {wrong or 'repaired'}", flush=True)
    print(f"guard_repair: {len(table)} comparisons, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
