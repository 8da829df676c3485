"""What real tools have installed is intact, and one change to it is one row. Needs the network.

Each tool makes an environment for one of the interpreters found here, in rotation; `integrity.py --all`: for each.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import CLEAN, COMMAND
from tests.tools.check import CACHE, installed, interpreters

Row = tuple  # (package or None, verdict, path below the environment)

# Scripts, data, start-up files, files that several packages list.
PURE = ("requests", "jmespath", "coverage", "pytest-cov")
# Extension modules, a namespace, and more scripts; not for PyPy and what is too new: it would have to compile.
MORE = ("pyyaml", "zope.interface", "docutils", "setuptools")
WITH_WHEELS = [f"cpython 3.{minor}" for minor in range(8, 14)]
BACKENDS = {
    "by_setuptools": ("setuptools.build_meta", "setuptools>=64"),
    "by_hatchling": ("hatchling.build", "hatchling"),
    "by_flit": ("flit_core.buildapi", "flit_core>=3.8"),
    "by_pdm": ("pdm.backend", "pdm-backend"),
    "by_uv": ("uv_build", "uv_build"),
    "by_poetry": ("poetry.core.masonry.api", "poetry-core>=2"),
    "by_meson": ("mesonpy", "meson-python"),
    "by_scikit": ("scikit_build_core.build", "scikit-build-core"),
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
dependencies = {3}
[project.scripts]
{0} = "{0}:main"
"""
FURTHER_FILES = {
    "by_meson/meson.build": """\
        project('by_meson', version: '1.0')
        python = import('python').find_installation()
        python.install_sources('src/by_meson/__init__.py', subdir: 'by_meson')
        """,
    "by_scikit/CMakeLists.txt": """\
        cmake_minimum_required(VERSION 3.15...3.30)
        project(by_scikit LANGUAGES NONE)
        """,
}
NOXFILE = """\
import nox
@nox.session(python={!r})
def tests(session):
    session.install("idna", "-e", ".")
"""
SETUP = "from setuptools import setup\nsetup(name='legacy', version='1.0', packages=['legacy'])\n"
# Published with a RECORD that is wrong: what pip and uv install isn't as recorded.
WRONG_RECORDS = {
    "decord-0.6.0": "top_level.txt",
    "sentry_cli-3.8.0": "WHEEL",
    "yggdrasil_engine-2.0.0": "WHEEL",
}


class Commands:
    """The tools, each in an environment of its own below the cache; what they keep is theirs alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uv = str(installed(CACHE / "integrity-tools" / "uv", "uv") / "uv")
        kept = ("PIP_", "UV_")
        self.settings = {
            **CLEAN,
            **{key: text for key, text in os.environ.items() if key.startswith(kept)},
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_CACHE_DIR": str(folder / "uv-cache"),
            "PDM_CACHE_DIR": str(folder / "pdm-cache"),
            "PDM_CHECK_UPDATE": "0",
            "PIPENV_VENV_IN_PROJECT": "1",
            "PIPX_HOME": str(folder / "pipx"),
            "PIPX_BIN_DIR": str(folder / "pipx-bin"),
            "PIPX_MAN_DIR": str(folder / "pipx-man"),
            "HATCH_DATA_DIR": str(folder / "hatch"),
            "VIRTUALENV_NO_PERIODIC_UPDATE": "1",
        }

    def run(self, *command: object, cwd: object = None, **settings: str) -> str:
        words = list(map(str, command))
        done = subprocess.run(
            words,
            env={**self.settings, **settings},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=-1,
            stderr=-1,
            timeout=900,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise RuntimeError(f"{' '.join(words)}: {said[-2000:]}")
        return done.stdout.decode()

    def tool(self, name: str) -> str:
        place = CACHE / "integrity-tools" / name
        if not (place / "bin" / name).exists():
            self.run(self.uv, "venv", "-q", "--clear", "-p", sys.executable, place)
            # The newest of what pdm needs doesn't always fit it.
            requirement = "pdm[locked]" if name == "pdm" else name
            self.run(self.uv, "pip", "install", "-q", "-p", place, requirement)
        return str(place / "bin" / name)


class Environment:
    def __init__(self, title: str, folder: Path, commands: Commands) -> None:
        self.title, self.folder, self.commands = title, folder, commands
        self.count, self.failures = 0, list[str]()
        self.python = str(folder / "bin" / "python")

    def run(self, *command: object, cwd: object = None) -> None:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        settings = {"VIRTUAL_ENV": str(self.folder), "PATH": path}
        self.commands.run(*command, cwd=cwd, **settings)

    def venv(self, python: str, *words: str) -> None:
        self.run(
            self.commands.uv, "venv", "-q", *words, "--python", python, self.folder
        )

    def pip(self, *words: object) -> None:
        self.run(self.python, "-m", "pip", "install", "-q", *words)

    def uv(self, *words: object) -> None:
        self.run(self.commands.uv, "pip", "install", "-q", *words)

    @property
    def site(self) -> Path:
        return next(self.folder.glob("lib/*/site-packages"))

    def rows(self, *options: str) -> list[Row]:
        bound = self.folder / "bound.txt"
        bound.write_text("")
        words = ["-q", "-e", self.python, "validate", "-b", str(bound), *options]
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                COMMAND,
                *words,
                "--superset",
                "--integrity",
                "json",
            ],
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

    def expect(self, what: str, expected: list[Row], *options: str) -> None:
        self.count += 1
        rows = self.rows(*options)
        if rows != expected:
            self.failures.append(f"{self.title}: {what}: {rows}, expected {expected}")

    def damage(self) -> None:
        """One change of each kind, and back, with scripts as tools that relocate environments leave them."""
        inside = str(self.site.relative_to(self.folder))
        modules = sorted(path for path in self.site.glob("idna/*.py"))
        record = next(self.site.glob("idna-*.dist-info")).name[:-10]
        module, other = modules[0], modules[1]
        before, also = module.read_bytes(), other.read_bytes()
        module.unlink()  # it may be a link to an installer's cache
        module.write_bytes(before + b"\n")
        other.unlink()
        (self.site / "evil.pth").write_text("import os")
        expected: list[Row] = [
            (None, "Unrecorded", f"{inside}/evil.pth"),
            (record, "Modified", f"{inside}/idna/{module.name}"),
            (record, "Deleted", f"{inside}/idna/{other.name}"),
        ]
        self.expect("changed", expected)
        (self.site / "evil.pth").unlink()
        module.write_bytes(before)
        other.write_bytes(also)
        self.move()
        self.expect("put back, scripts with another first line", [])

    def move(self) -> None:
        for script in (self.folder / "bin").iterdir():
            if script.is_symlink() or not script.is_file():
                continue
            first, _, rest = script.read_bytes().partition(b"\n")
            if first.startswith(b"#!") and b"/bin/python" in first:
                script.write_bytes(b"#!/usr/bin/env python3\n" + rest)


def write_project(folder: Path, name: str, dependencies: str = "[]") -> Path:
    source = folder / name / "src" / name
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("def main():\n    pass\n")
    text = PROJECT.format(name, *BACKENDS[name], dependencies)
    (folder / name / "pyproject.toml").write_text(text)
    for file, text in FURTHER_FILES.items():
        if file.startswith(f"{name}/"):
            (folder / file).write_text(textwrap.dedent(text))
    return folder / name


def write_projects(folder: Path) -> list[Path]:
    return [write_project(folder, name) for name in BACKENDS]


# -- environments: each function makes one below a folder, for an interpreter

Maker = Callable[[str, str, Path, Commands], Environment]


def with_pip(title: str, python: str, folder: Path, commands: Commands) -> Environment:
    made = Environment(f"pip on {title}", folder, commands)
    made.run(python, "-m", "venv", made.folder)
    made.expect("fresh", [])
    made.pip("--prefer-binary", *PURE, *(MORE[:2] if title in WITH_WHEELS else ()))
    made.expect("installed", [])
    made.run(made.python, "-m", "compileall", "-q", "-f", made.site / "idna")
    made.pip("--no-compile", "--force-reinstall", "--no-deps", "urllib3")
    made.expect("compiled anew, and without bytecode", [])
    if title in WITH_WHEELS[:4]:  # setuptools' own way, as long as distutils is there
        made.pip("setuptools<60", "wheel")
        legacy = folder / "src" / "legacy"
        (legacy / "legacy").mkdir(parents=True)
        (legacy / "legacy" / "__init__.py").write_text("")
        (legacy / "setup.py").write_text(SETUP)
        made.run(made.python, "setup.py", "-q", "develop", cwd=legacy)
        made.expect("setup.py develop", [])
    made.damage()
    return made


def with_pip_on_pypy(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    made = Environment(f"pip on {title}", folder, commands)
    made.venv(python, "--seed")
    made.pip("idna")
    made.damage()
    return made


def with_editables(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    """Each backend's, by pip and then by uv."""
    made = Environment(f"editables on {title}", folder, commands)
    made.venv(python, "--seed")
    found = ("cmake", "ninja")
    made.uv(
        "editables",  # hatchling asks for it
        *(requirement for _, requirement in BACKENDS.values()),
        *(name for name in found if not shutil.which(name)),
    )
    projects = write_projects(folder / "src")
    made.pip("--no-build-isolation", *(f"-e{path}" for path in projects))
    made.expect("editable, by pip", [])
    made.uv("--no-build-isolation", *(f"-e{path}" for path in projects))
    made.expect("editable, by uv", [])
    made.uv("--no-build-isolation", "--reinstall", "--no-deps", *projects)
    made.expect("installed, by uv", [])
    return made


def with_uv(
    mode: str, title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    made = Environment(f"uv ({mode}) on {title}", folder, commands)
    made.venv(python, "--seed")
    made.expect("fresh", [])
    more = MORE if title in WITH_WHEELS else ()
    compiled = ["--compile-bytecode"] if mode == "symlink" else []
    made.uv("--link-mode", mode, *compiled, *PURE, *more)
    made.expect("installed", [])
    made.damage()
    return made


def with_virtualenv(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    made = Environment(f"virtualenv on {title}", folder, commands)
    made.run(commands.tool("virtualenv"), "-q", "--python", python, made.folder)
    made.expect("fresh", [])
    made.pip("idna")
    made.damage()
    return made


def with_poetry(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    """Poetry installs the project itself by its own means."""
    project = write_project(folder, "by_poetry")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace(">=3.8", ">=3.9"))
    made = Environment(f"poetry on {title}", project / ".venv", commands)
    made.venv(python)
    made.run(commands.tool("poetry"), "install", "-n", cwd=project)
    made.expect("installed", [])
    made.uv("idna")
    made.damage()
    return made


def with_pdm(title: str, python: str, folder: Path, commands: Commands) -> Environment:
    project = write_project(folder, "by_pdm", '["idna"]')
    made = Environment(f"pdm on {title}", project / ".venv", commands)
    pdm = commands.tool("pdm")
    commands.run(pdm, "venv", "create", "-w", "venv", python, cwd=project)
    made.run(pdm, "install", "-q", cwd=project)
    made.damage()
    return made


def with_pipenv(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    made = Environment(f"pipenv on {title}", folder / "app" / ".venv", commands)
    (folder / "app").mkdir(parents=True)
    words = ["--python", python, "install", "-q", "idna"]
    commands.run(commands.tool("pipenv"), *words, cwd=folder / "app")
    made.damage()
    return made


def with_pipx(title: str, python: str, folder: Path, commands: Commands) -> Environment:
    place = folder / "pipx" / "venvs" / "requests"
    made = Environment(f"pipx on {title}", place, commands)
    words = ["install", "--python", python, "--include-deps", "requests"]
    settings = {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "bin")}
    commands.run(commands.tool("pipx"), *words, **settings)
    made.damage()
    return made


def with_hatch(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    project = write_project(folder, "by_hatchling", '["idna"]')
    with open(project / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write(f'[tool.hatch.envs.default]\npath = ".venv"\npython = "{python}"\n')
    made = Environment(f"hatch on {title}", project / ".venv", commands)
    commands.run(commands.tool("hatch"), "-q", "env", "create", cwd=project)
    made.damage()
    return made


def with_nox(title: str, python: str, folder: Path, commands: Commands) -> Environment:
    project = write_project(folder, "by_flit")
    (project / "noxfile.py").write_text(NOXFILE.format(python))
    commands.run(commands.tool("nox"), "-s", "tests", cwd=project)
    place = next((project / ".nox").glob("*/pyvenv.cfg")).parent
    made = Environment(f"nox on {title}", place, commands)
    made.damage()
    return made


def with_wrong_records(
    title: str, python: str, folder: Path, commands: Commands
) -> Environment:
    """Rightly modified as soon as they are installed; there is a way to live with it."""
    made = Environment(f"wrong records on {title}", folder, commands)
    made.venv(python)
    made.uv("--no-deps", *(name.replace("-", "==") for name in WRONG_RECORDS))
    inside = made.site.relative_to(folder)
    files = {
        record: f"{record}.dist-info/{file}" for record, file in WRONG_RECORDS.items()
    }
    made.expect(
        "installed",
        [(record, "Modified", f"{inside}/{file}") for record, file in files.items()],
    )
    made.expect("ignored", [], *(f"--ignore-file={file}" for file in files.values()))
    return made


def jobs(found: dict[str, str], whole: bool) -> Iterator[tuple[Maker, str]]:
    """What makes an environment, and the title of the interpreter that it is for."""
    newer = [title for title in found if title not in ("cpython 3.8", *pypy(found))]
    modern = [title for title in newer if title != "cpython 3.9"]
    # What pdm, pipenv and pipx run in the environment itself needs 3.10.
    makers: dict[Maker, list[str]] = dict.fromkeys(
        (with_pdm, with_pipenv, with_pipx), modern
    )
    makers.update(
        dict.fromkeys((with_poetry, with_hatch, with_nox, with_virtualenv), newer)
    )
    for number, (maker, titles) in enumerate(makers.items()):
        for title in titles if whole else [titles[number % len(titles)]]:
            yield maker, title
    cpythons = [title for title in found if title not in pypy(found)]
    for title in cpythons if whole else [cpythons[0], cpythons[-1]]:
        yield with_pip, title
    for title in pypy(found) if whole else pypy(found)[-1:]:
        yield with_pip_on_pypy, title
    for title in modern if whole else modern[len(modern) // 2 :][:1]:
        yield with_editables, title
    if "cpython 3.11" in found and platform.machine() == "x86_64":
        yield with_wrong_records, "cpython 3.11"
    for number, title in enumerate(found):
        mode = ("copy", "hardlink", "symlink")[number % 3]
        yield partial(with_uv, mode), title


def pypy(found: dict[str, str]) -> list[str]:
    return [title for title in found if title.startswith("pypy")]


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-integrity-"))
    done: list[Environment] = []
    failures: list[str] = []
    found = interpreters()
    try:
        commands = Commands(folder)
        running: list[Any] = []
        with ThreadPoolExecutor(2) as pool:
            for number, (maker, title) in enumerate(jobs(found, "--all" in sys.argv)):
                place = folder / str(number)
                running.append(pool.submit(maker, title, found[title], place, commands))
        for job in running:
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
