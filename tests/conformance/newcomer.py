"""envlock as newcomers get it, by the real tools: `uv tool`, uvx, `uv run --with`, pipx, pre-commit, pip and a copy.

However it was installed, it takes the project's environment and lock without a word, and never its own environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import CLEAN, ENVLOCK, ROOT, add_record
from tests.tools.check import CACHE, installed

TOOLS = ("uv==0.13.9", "pipx==1.18.4", "pre-commit==4.7.0", "mypy==2.4.1")
TAKEN = "envlock: the environment is .venv (the nearest .venv; -e names another)\n"
BOUND = "envlock: the bound is requirements.lock (the lock of this project; --bound names another)\n"
ROW = "six-1.15.0  six==1.16.0  Misdefined  "

HOOKS = """\
repos:
  - repo: {repository}
    rev: v1
    hooks:
      - id: envlock-validate
"""
TYPED = """\
import envlock

findings: list[envlock.Finding] = envlock.validate("requirements.lock", exe=".venv")
line: int = findings[0].line
line = findings[0].package
"""
WRONG = 'typed.py:5: error: Incompatible types in assignment (expression has type "str", variable has type "int")'


class Newcomer:
    """A project with a `.venv` that holds six, and everything that tools write below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, folder / "project"
        self.count = 0
        self.failures: list[str] = []
        self.commands = installed(CACHE / "newcomer", *TOOLS)
        self.env = {
            **CLEAN,
            **{
                key: value
                for key, value in os.environ.items()
                if key.startswith("PIP_")
            },
            "PATH": f"{self.commands}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder / "home"),
            "UV_TOOL_DIR": str(folder / "uv-tools"),
            "UV_TOOL_BIN_DIR": str(folder / "uv-bin"),
            "PIPX_HOME": str(folder / "pipx"),
            "PIPX_BIN_DIR": str(folder / "pipx-bin"),
            "PRE_COMMIT_HOME": str(folder / "pre-commit"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "UV_PYTHON": sys.executable,
        }
        self.source = folder / "source"
        self.source.mkdir()
        for name in (
            "envlock.py",
            "pyproject.toml",
            "README.md",
            ".pre-commit-hooks.yaml",
        ):
            shutil.copy(ROOT / name, self.source)
        self.project.mkdir()
        self.run(sys.executable, "-m", "venv", "--without-pip", ".venv")
        self.site = next((self.project / ".venv").glob("lib/python*/site-packages"))
        (self.project / "requirements.lock").write_text("six==1.16.0\n")
        self.git(self.project, "init", "-q")

    def run(
        self, *command: object, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        words = list(map(str, command))
        kept = {
            "cwd": cwd or self.project,
            "env": self.env,
            "stdin": subprocess.DEVNULL,
        }
        return subprocess.run(
            words, capture_output=True, text=True, timeout=600, **kept
        )

    def must(self, *command: object, cwd: Path | None = None) -> str:
        done = self.run(*command, cwd=cwd)
        if done.returncode:
            raise SystemExit(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def git(self, folder: Path, *words: str) -> None:
        user = ("-c", "user.name=newcomer", "-c", "user.email=newcomer@index.example")
        self.must("git", *user, *words, cwd=folder)

    def check(self, title: str, truth: bool, found: object) -> None:
        self.count += 1
        if not truth:
            self.failures.append(f"{title}: {found}")

    def hold(self, version: str) -> None:
        for record in self.site.glob("six-*"):
            shutil.rmtree(record)
        add_record(self.site, "six", version)

    def compare(self, title: str, *command: object, notes: str = TAKEN + BOUND) -> None:
        """Without a word it finds the project's environment aligned, and then drifted; and guards that one alone."""
        self.hold("1.16.0")
        done = self.run(*command, "validate")
        self.check(
            f"{title}, aligned",
            (done.returncode, done.stdout, done.stderr) == (0, "", notes),
            done,
        )
        self.hold("1.15.0")
        done = self.run(*command, "-q", "validate")
        told = (done.returncode, done.stderr, ROW in done.stdout)
        self.check(f"{title}, drifted", told == (3, "", True), done)
        self.hold("1.16.0")
        done = self.run(*command, "-q", "site-install", "exit")
        guarded = (self.site / "_envlock").is_dir()
        self.check(f"{title}, guarded", (done.returncode, guarded) == (0, True), done)
        done = self.run(*command, "-q", "site-uninstall")
        self.check(f"{title}, unguarded", not (self.site / "_envlock").exists(), done)

    def refuse(self, title: str, *command: object) -> None:
        """Where there is no environment but its own, it says so."""
        away = self.folder / "away"
        away.mkdir(exist_ok=True)
        (away / "requirements.lock").write_text("six==1.16.0\n")
        reason = "was made for envlock alone, and there is no .venv here: name the environment, as in -e .venv\n"
        for words in (
            ("validate",),
            ("site-install", "exit"),
            ("site-uninstall",),
            ("site-status",),
        ):
            done = self.run(*command, *words, cwd=away)
            told = (
                done.returncode == 2
                and not done.stdout
                and done.stderr.endswith(reason)
            )
            self.check(f"{title}, {words[0]} without an environment", told, done)


def try_tools(one: Newcomer) -> None:
    one.must("uv", "tool", "install", "-q", one.source)
    one.must("pipx", "install", "-q", one.source)
    for title, command in (
        ("uv tool", [one.folder / "uv-bin" / "envlock"]),
        ("pipx", [one.folder / "pipx-bin" / "envlock"]),
    ):
        one.compare(title, *command)
        one.refuse(title, *command)
    one.must("uv", "tool", "uninstall", "-q", "envlock")
    command = ["uvx", "-q", "--from", one.source, "envlock"]
    one.compare("uvx", *command)
    one.refuse("uvx", *command)


def try_uv_run(one: Newcomer) -> None:
    """`uv run --with` puts an environment of its own before that of the project."""
    (one.project / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.8"\n'
    )
    where = one.project / ".venv"
    notes = f"envlock: the environment is {where} (`uv run` extends it; -e names another)\n{BOUND}"
    one.compare(
        "uv run --with",
        "uv",
        "run",
        "-q",
        "--no-sync",
        "--with",
        one.source,
        "envlock",
        notes=notes,
    )
    (one.project / "pyproject.toml").unlink()
    (one.project / "uv.lock").unlink(missing_ok=True)


def try_copies(one: Newcomer) -> None:
    """A copied file, and `pip install` into the environment itself."""
    shutil.copy(ENVLOCK, one.project)
    one.compare("a copy", sys.executable, "envlock.py")
    one.compare("a copy, -m", sys.executable, "-m", "envlock")
    one.check(
        "a copy keeps its bytecode",
        (one.project / "__pycache__").is_dir(),
        "no __pycache__",
    )
    done = one.run("./envlock.py", "-q", "-e", ".venv", "validate")
    one.check("a copy runs by its name", done.returncode == 0, done)
    (one.project / "envlock.py").unlink()
    one.must("uv", "pip", "install", "-q", "-p", ".venv", one.source)
    one.compare("pip install", one.project / ".venv" / "bin" / "envlock", notes=BOUND)
    one.must("uv", "pip", "uninstall", "-q", "-p", ".venv", "envlock")


def try_pre_commit(one: Newcomer) -> None:
    """The hook, from a repository, judges the project's environment."""
    repository = one.folder / "repository"
    shutil.copytree(
        one.source, repository, ignore=shutil.ignore_patterns("build", "*.egg-info")
    )
    for words in (
        ("init", "-q"),
        ("add", "."),
        ("commit", "-qm", "one"),
        ("tag", "v1"),
    ):
        one.git(repository, *words)
    (one.project / ".pre-commit-config.yaml").write_text(
        HOOKS.format(repository=repository)
    )
    one.git(one.project, "add", ".pre-commit-config.yaml", "requirements.lock")
    one.hold("1.16.0")
    done = one.run("pre-commit", "run", "--all-files")
    one.check(
        "pre-commit, aligned", done.returncode == 0 and "Passed" in done.stdout, done
    )
    one.hold("1.15.0")
    done = one.run("pre-commit", "run", "--all-files")
    told = done.returncode == 1 and ROW in done.stdout and "exit code: 3" in done.stdout
    one.check("pre-commit, drifted", told, done)


def try_types(one: Newcomer) -> None:
    """`mypy --strict` sees the types: of a copy as it is, of an installed envlock if told to."""
    program = one.folder / "typed"
    program.mkdir()
    (program / "typed.py").write_text(TYPED)
    shutil.copy(ENVLOCK, program)
    check_types(one, "a copy", program, [])
    (program / "envlock.py").unlink()
    one.must("uv", "pip", "install", "-q", "-p", ".venv", one.source)
    words = [
        f"--python-executable={one.project}/.venv/bin/python",
        "--follow-untyped-imports",
    ]
    check_types(one, "installed", program, words)


def check_types(one: Newcomer, title: str, program: Path, words: Sequence[str]) -> None:
    done = one.run("mypy", "--strict", *words, "typed.py", cwd=program)
    told = [
        line.partition("  [")[0]
        for line in done.stdout.splitlines()
        if ": error: " in line
    ]
    one.check(f"mypy, {title}", told == [WRONG], done)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-newcomer-")).resolve()
    try:
        one = Newcomer(folder)
        for part in (try_tools, try_uv_run, try_copies, try_pre_commit, try_types):
            part(one)
    finally:
        shutil.rmtree(folder)
    print("".join(f"{failure}\n" for failure in one.failures), end="")
    print(f"newcomers: {one.count} comparisons, {len(one.failures)} failures")
    return 1 if one.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
