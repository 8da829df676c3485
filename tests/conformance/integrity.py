"""What real tools have installed is intact on every interpreter, and one change to it is one row. Needs the network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import CLEAN, ENVLOCK
from tests.tools.check import CACHE, interpreters

Row = tuple  # (package or None, verdict, path below the environment)

# Scripts, data, extension modules, start-up files, a namespace, files that several packages list.
PACKAGES = (
    "requests",
    "pyyaml",
    "jmespath",
    "docutils",
    "zope.interface",
    "coverage",
    "pytest-cov",
    "setuptools",
)
BACKENDS = {
    "by_setuptools": ("setuptools.build_meta", "setuptools>=64"),
    "by_hatchling": ("hatchling.build", "hatchling"),
    "by_flit": ("flit_core.buildapi", "flit_core>=3.8"),
    "by_pdm": ("pdm.backend", "pdm-backend"),
    "by_uv": ("uv_build", "uv_build"),
}
PROJECT = """\
[build-system]
requires = ["{2}"]
build-backend = "{1}"
[project]
name = "{0}"
version = "1.0"
description = "a project"
requires-python = ">=3.8"
[project.scripts]
{0} = "{0}:main"
"""
SETUP = "from setuptools import setup\nsetup(name='legacy', version='1.0', packages=['legacy'])\n"


class Environment:
    def __init__(self, title: str, folder: Path) -> None:
        self.title, self.folder, self.count = title, folder, 0
        self.failures: list[str] = []
        self.python = str(folder / "bin" / "python")

    def run(self, *command: object, cwd: object = None) -> str:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key.startswith(("PIP_", "UV_"))
        }
        settings = {
            **CLEAN,
            **kept,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "VIRTUAL_ENV": str(self.folder),
        }
        words = list(map(str, command))
        done = subprocess.run(
            words,
            env=settings,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=-1,
            stderr=-1,
            timeout=900,
        )
        if done.returncode:
            raise RuntimeError(
                f"{' '.join(words)}: {done.stderr.decode(errors='replace')[-2000:]}"
            )
        return done.stdout.decode()

    def pip(self, *words: object) -> None:
        self.run(self.python, "-m", "pip", "install", "-q", *words)

    def rows(self) -> list[Row]:
        bound = self.folder / "bound.txt"
        bound.write_text("")
        words = [
            sys.executable,
            str(ENVLOCK),
            "-q",
            "-e",
            self.python,
            "validate",
            "-b",
            str(bound),
        ]
        done = subprocess.run(
            [*words, "--superset", "--integrity", "json"],
            env=CLEAN,
            stdout=-1,
            stderr=-1,
        )
        if done.returncode not in (0, 3) or done.stderr:
            raise RuntimeError(done.stderr.decode())
        start = f"{os.path.realpath(self.folder)}/"
        return [
            (row["package"], row["explain"], row["detail"].replace(start, ""))
            for row in json.loads(done.stdout)
        ]

    def expect(self, what: str, expected: list[Row]) -> None:
        self.count += 1
        rows = self.rows()
        if rows != expected:
            self.failures.append(f"{self.title}: {what}: {rows}, expected {expected}")

    def damage(self) -> None:
        """One change of each kind, and back."""
        site = next(self.folder.glob("lib/*/site-packages"))
        inside = str(site.relative_to(self.folder))
        modules = sorted(path for path in site.glob("idna/*.py"))
        record = next(site.glob("idna-*.dist-info")).name[:-10]
        module, other = modules[0], modules[1]
        before, also = module.read_bytes(), other.read_bytes()
        module.unlink()  # it may be a link to an installer's cache
        module.write_bytes(before + b"\n")
        other.unlink()
        (site / "evil.pth").write_text("import os")
        expected: list[Row] = [
            (None, "Unrecorded", f"{inside}/evil.pth"),
            (record, "Modified", f"{inside}/idna/{module.name}"),
            (record, "Deleted", f"{inside}/idna/{other.name}"),
        ]
        self.expect("changed", expected)
        (site / "evil.pth").unlink()
        module.write_bytes(before)
        other.write_bytes(also)
        self.expect("put back", [])

    def move(self) -> None:
        """Give scripts another spelling of their first line, as tools that relocate environments do."""
        for script in (self.folder / "bin").iterdir():
            if script.is_symlink() or not script.is_file():
                continue
            data = script.read_bytes()
            first, _, rest = data.partition(b"\n")
            if first.startswith(b"#!") and b"/bin/python" in first:
                script.write_bytes(b"#!/usr/bin/env python3\n" + rest)
        self.expect("scripts with another first line", [])


def write_projects(folder: Path) -> dict[str, Path]:
    projects = {}
    for name, (backend, requirement) in BACKENDS.items():
        source = folder / name / "src" / name
        source.mkdir(parents=True)
        (source / "__init__.py").write_text("def main():\n    pass\n")
        (folder / name / "pyproject.toml").write_text(
            PROJECT.format(name, backend, requirement)
        )
        projects[name] = folder / name
    (folder / "legacy" / "legacy").mkdir(parents=True)
    (folder / "legacy" / "legacy" / "__init__.py").write_text("")
    (folder / "legacy" / "setup.py").write_text(SETUP)
    return projects


def with_pip(title: str, python: str, folder: Path, projects: bool) -> Environment:
    made = Environment(f"pip on {title}", folder / "pip")
    made.run(python, "-m", "venv", made.folder)
    made.expect("fresh", [])
    made.pip("--prefer-binary", *PACKAGES)
    made.expect("installed", [])
    made.run(
        made.python,
        "-m",
        "compileall",
        "-q",
        "-f",
        next(made.folder.glob("lib/*/site-packages")) / "idna",
    )
    made.expect("compiled anew", [])
    made.pip("--no-compile", "--force-reinstall", "--no-deps", "idna")
    made.expect("without bytecode", [])
    newer = (
        made.run(made.python, "-c", "import sys; print(sys.version_info >= (3, 9))")
        == "True\n"
    )
    for name, project in write_projects(folder / "pip-projects").items():
        if projects and (newer or name != "by_uv"):
            made.pip("-e", project)
            made.expect(f"editable {name}", [])
            made.pip("--force-reinstall", "--no-deps", project)
            made.expect(f"installed {name}", [])
    old = (
        made.run(made.python, "-c", "import sys; print(sys.version_info < (3, 12))")
        == "True\n"
    )
    if old:
        made.pip("setuptools<60", "wheel")
        made.run(
            made.python,
            "setup.py",
            "-q",
            "develop",
            cwd=folder / "pip-projects" / "legacy",
        )
        made.expect("setup.py develop", [])
    made.damage()
    made.move()
    return made


def with_uv(title: str, python: str, folder: Path, uv: str, mode: str) -> Environment:
    made = Environment(f"uv ({mode}) on {title}", folder / f"uv-{mode}")
    made.run(uv, "venv", "-q", "--seed", "--python", python, made.folder)
    made.expect("fresh", [])
    made.run(
        uv, "pip", "install", "-q", "--link-mode", mode, "--compile-bytecode", *PACKAGES
    )
    made.expect("installed", [])
    for name, project in write_projects(folder / f"uv-{mode}-projects").items():
        made.run(uv, "pip", "install", "-q", "-e", project)
        made.expect(f"editable {name}", [])
    made.damage()
    made.move()
    return made


def with_virtualenv(title: str, python: str, folder: Path, tools: Path) -> Environment:
    made = Environment(f"virtualenv on {title}", folder / "virtualenv")
    made.run(
        tools / "virtualenv",
        "-q",
        "--no-periodic-update",
        "--python",
        python,
        made.folder,
    )
    made.expect("fresh", [])
    made.pip("idna")
    made.damage()
    made.move()
    return made


def with_poetry(folder: Path, tools: Path) -> Environment:
    """Poetry installs the project itself by its own means."""
    project = folder / "poetry"
    (project / "app").mkdir(parents=True)
    (project / "app" / "__init__.py").write_text("def main():\n    pass\n")
    text = PROJECT.format("app", "poetry.core.masonry.api", "poetry-core").replace(
        ">=3.8", ">=3.9"
    )
    (project / "pyproject.toml").write_text(
        f'{text}[tool.poetry]\npackages = [{{ include = "app" }}]\n'
    )
    made = Environment("poetry", project / ".venv")
    made.run(sys.executable, "-m", "venv", made.folder)
    made.run(tools / "poetry", "install", "-q", cwd=project)
    made.expect("installed", [])
    made.pip("idna")
    made.damage()
    return made


def tools_folder() -> Path:
    """uv, virtualenv and poetry, installed below the cache."""
    folder = CACHE / "integrity-tools"
    if not (folder / "bin" / "poetry").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        tools = ["uv", "virtualenv", "poetry"]
        subprocess.run(
            [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *tools],
            check=True,
        )
    return folder / "bin"


def main() -> int:
    tools = tools_folder()
    folder = Path(tempfile.mkdtemp(prefix="envlock-integrity-"))
    jobs: list[Any] = []
    done: list[Environment] = []
    failures: list[str] = []
    try:
        with ThreadPoolExecutor(2) as pool:
            found = list(interpreters().items())
            for number, (title, python) in enumerate(found):
                place = folder / title.replace(" ", "-")
                place.mkdir()
                jobs.append(
                    pool.submit(with_pip, title, python, place, number in (0, 4))
                )
                if title != "cpython 3.8":  # virtualenv knows it no more
                    jobs.append(
                        pool.submit(with_virtualenv, title, python, place, tools)
                    )
            for (title, python), mode in zip(
                found[1:], ("copy", "hardlink", "symlink")
            ):
                place = folder / title.replace(" ", "-")
                jobs.append(
                    pool.submit(with_uv, title, python, place, str(tools / "uv"), mode)
                )
            jobs.append(pool.submit(with_poetry, folder, tools))
        for job in jobs:
            try:
                done.append(job.result())
            except Exception as error:  # a tool that fails is a failure, not an end
                failures.append(f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    failures += [failure for one in done for failure in one.failures]
    print("\n".join(failures))
    print(
        f"integrity: {sum(one.count for one in done)} comparisons, {len(failures)} failures"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
