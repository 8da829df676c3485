"""Locks made and synced by the real tools, against envlock.

An environment that a tool has just synced is aligned; any single change to it is exactly one row. Each project takes
its turn of the Pythons; where Python's version decides, it has all of them.

`locks.py [--all] [--save] [PATTERN...]`: PATTERN picks projects. `--all` (CI doesn't: it takes an hour) syncs every
project on every Python, and notes where the tool's own check (`uv sync --check`, `poetry sync --dry-run` …) says
something else. `--save` keeps the locks in tests/data.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import json
import multiprocessing
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import Iterable, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.conformance.lock_projects import (
    BACKEND,
    BUILD,
    EVERYWHERE,
    PROJECTS,
    Project,
)
from tests.tools.check import CACHE as SHARED
from tests.tools.check import ROOT, installed

CACHE = SHARED / "locks"
PDM_CACHE = CACHE / "pdm-cache"
PYTHONS = ("3.9", "3.11", "3.13")
AT_ONCE = 4  # projects: half of their time they wait for an index
PACKAGES = {
    "uv": ("uv",),
    "poetry18": (
        "poetry==1.8.*",
        "packaging<26.4",
    ),  # has each target run its packaging: 26.4 can't in Python 3.9
    "poetry2": ("poetry>=2.1",),
    "pdm": ("pdm[locked]",),
    "pdm212": ("pdm==2.12.*", "packaging<26.4"),
    "pipenv": ("pipenv",),
    "pip": ("pip>=26",),
    "piptools": ("pip-tools",),
    "hatch": ("hatch",),
    "nab": ("nab",),
}
POETRY_CHANGE = r"^\s*[-•] (?:Installing|Updating|Removing|Downgrading) (?!the current project)(?!.*Skipped)"


class Tool(NamedTuple):
    """How a tool locks, syncs and checks; `{py}` is an interpreter, `{options}` a selection."""

    bound: str
    lock: str
    sync: str
    check: str = ""
    change: str = ""  # what the check prints for a change; empty: its exit status tells
    seeded: bool = False  # its environments hold pip
    each: bool = False  # locks for one interpreter only


PIP_SYNC = (
    "{uv} pip sync -p .venv pylock.toml",
    "{uv} pip sync -p .venv --dry-run pylock.toml",
    "^ [-+~] ",
)
TOOLS = {
    "uv": Tool(
        "uv.lock",
        "{uv} lock -p {py}",
        "{uv} sync --locked -p {py} {options}",
        "{uv} sync --locked --check -p {py} {options}",
    ),
    "poetry18": Tool(
        "poetry.lock",
        "{poetry18}/poetry lock",
        "{poetry18}/poetry install --sync {options}",
        "{poetry18}/poetry install --sync --dry-run {options}",
        POETRY_CHANGE,
    ),
    "poetry2": Tool(
        "poetry.lock",
        "{poetry2}/poetry lock",
        "{poetry2}/poetry sync {options}",
        "{poetry2}/poetry sync --dry-run {options}",
        POETRY_CHANGE,
    ),
    "pdm": Tool(
        "pdm.lock",
        "{pdm}/pdm lock {options}",
        "{pdm}/pdm sync --only-keep {options}",
        "{pdm}/pdm sync --only-keep --dry-run {options}",
        r"^\s+- \S+ ",
    ),
    # Its lock, made one of lock_version 4.0: without groups and strategy.
    "pdm212": Tool(
        "pdm.lock",
        "{pdm212}/pdm lock -S no_inherit_metadata {options} && sed -i -e '/^groups = /d' -e '/^strategy = /d'"
        " -e 's/^lock_version = .*/lock_version = \"4.0\"/' pdm.lock",
        "{pdm212}/pdm sync --only-keep {options}",
        "{pdm212}/pdm sync --only-keep --dry-run {options}",
        r"^\s+- \S+ ",
    ),
    "pipenv": Tool(
        "Pipfile.lock",
        "{pipenv}/pipenv lock",
        "{pipenv}/pipenv sync {options}",
        seeded=True,
        each=True,
    ),
    "pip-lock": Tool(
        "pylock.toml",
        "{pip}/pip --python .venv lock -q -r requirements.in -o pylock.toml",
        *PIP_SYNC,
        each=True,
    ),
    "pip-lock-pip": Tool(
        "pylock.toml",
        "{pip}/pip --python .venv lock -q -r requirements.in -o pylock.toml",
        "{pip}/pip --python .venv install -q -r pylock.toml",
        each=True,
    ),
    "uv-export": Tool(
        "pylock.toml",
        "{uv} export -q --format pylock.toml {options} -o pylock.toml",
        *PIP_SYNC,
    ),
    "pdm-export": Tool(
        "pylock.toml",
        "{pdm}/pdm lock && {pdm}/pdm export -f pylock -o pylock.toml",
        *PIP_SYNC,
    ),
    "nab": Tool(
        "pylock.toml",
        "{nab}/nab -q lock --python {version} {options}",
        *PIP_SYNC,
        each=True,
    ),
    "hatch": Tool(
        "pylock.toml",
        "HATCH_DATA_DIR=$PWD/.hatch/{version} HATCH_PYTHON={py} {hatch}/hatch -q env lock default",
        *PIP_SYNC,
        each=True,
    ),
    "pip-group": Tool(
        "pyproject.toml", "", "{pip}/pip --python .venv install -q {options}", each=True
    ),
    "pip-tools": Tool(
        "requirements.txt",
        "{tools}/pip-compile --no-strip-extras -q {options} -o requirements.txt requirements.in",
        "{tools}/pip-sync --python-executable .venv/bin/python requirements.txt",
        "{tools}/pip-sync --python-executable .venv/bin/python --dry-run requirements.txt",
        seeded=True,
    ),
}


class Tally:
    """What was compared."""

    def __init__(self) -> None:
        self.comparisons = self.failures = 0
        self.notes: list[str] = []

    def judge(self, passed: bool, what: str) -> None:
        self.comparisons += 1
        if not passed:
            self.failures += 1
            print("FAILED", what, flush=True)

    def note(self, what: str) -> None:
        self.notes.append(what)

    def add(self, other: Tally) -> None:
        self.comparisons += other.comparisons
        self.failures += other.failures
        self.notes += other.notes


def run(
    command: str, cwd: Path, check: bool = True, **extra: str
) -> subprocess.CompletedProcess[str]:
    """A shell command in a project's own environment."""
    result = subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env={**ENVIRONMENT, **extra},
        capture_output=True,
        text=True,
        timeout=900,
    )
    if check and result.returncode:
        raise RuntimeError(f"{command}\n{result.stdout[-1500:]}{result.stderr[-1500:]}")
    return result


def clean_environment() -> dict[str, str]:
    """Without what would turn a tool to another project, or have Python compile it at each start.

    A git host is a local folder.
    """
    environment = {
        key: value
        for key, value in os.environ.items()
        if not re.match(
            "VIRTUAL_ENV|UV_|POETRY_|PDM_|PIPENV_|PYTHONDONTWRITEBYTECODE", key
        )
    }
    return {
        **environment,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{(CACHE / 'git').as_uri()}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://git.example/",
        "POETRY_SYSTEM_GIT_CLIENT": "true",
        "POETRY_EXPERIMENTAL_SYSTEM_GIT_CLIENT": "true",
        "POETRY_NO_INTERACTION": "1",
        "PDM_CHECK_UPDATE": "0",
        "PDM_CACHE_DIR": str(PDM_CACHE),
        "PIPENV_VERBOSITY": "-1",
        "PIPENV_YES": "1",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_COMPILE": "1",
        "XDG_CACHE_HOME": str(CACHE / "downloads"),
    }


ENVIRONMENT = clean_environment()
FACTS: dict[str, str] = {}
SAVE = "--save" in sys.argv
ALL = SAVE or "--all" in sys.argv
DATA = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipfile",
    "pylock.toml": "pylock",
}


def find_pythons() -> dict[str, str]:
    """The interpreters that are there, by version."""
    found = {}
    for version in PYTHONS:
        pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python3"))
        path = str(pyenv[-1]) if pyenv else shutil.which(f"python{version}")
        if path:
            found[version] = path
    return found


def install_tools(names: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Each tool in an environment of its own, made by uv; the folders of their commands."""
    uv = str(installed(CACHE / "tools" / "uv", *PACKAGES["uv"]) / "uv")
    commands = {"uv": uv}
    for name in names:
        if name != "uv":
            folder = CACHE / "tools" / name
            commands[name] = str(install_tool(uv, folder, PACKAGES[name]))
    if "pdm" in commands and not (PDM_CACHE / ".compat_libs").exists():
        # pdm has Pythons before 3.10 run the newest ones
        into = f"-p {commands['pdm']}/python --target {PDM_CACHE / '.compat_libs'}"
        run(f"{uv} pip install -q {into} 'dep-logic<0.7' 'packaging<26.4'", CACHE)
    return {**commands, "tools": commands.get("piptools", "")}


def install_tool(uv: str, folder: Path, requirements: tuple[str, ...]) -> Path:
    """The folder of commands of an environment with these requirements."""
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(requirements):
        print(f"{folder}: installing {', '.join(requirements)}", flush=True)
        run(f"{uv} venv -q --clear -p {sys.executable} {folder}", CACHE)
        words = f"pip install -q -p {folder} {shlex.join(requirements)}"
        run(f"{uv} {words}", CACHE)
        stamp.write_text("\n".join(requirements))
    return folder / "bin"


def index_facts(commands: dict[str, str]) -> dict[str, str]:
    """The index that pip takes by default, and the URL of a wheel there."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    url = run(f"{commands['pip']}/python -c {shlex.quote(code)}", CACHE).stdout.strip()
    request = urllib.request.Request(
        url + "/six/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    six = next(
        file["url"]
        for file in files
        if file["filename"] == "six-1.17.0-py2.py3-none-any.whl"
    )
    return {"INDEX_URL": url, "SIX_URL": six}


def write_local(folder: Path, described: str) -> None:
    """A local package: `NAME VERSION [REQUIREMENT; REQUIREMENT…]`, or `dynamic` for a version that the build tells."""
    name, version, *rest = described.split(" ", 2)
    requirements = (
        [text.strip() for text in rest[0].split(";")]
        if rest and rest[0] != "dynamic"
        else []
    )
    told = 'dynamic = ["version"]' if rest == ["dynamic"] else f'version = "{version}"'
    folder.mkdir(parents=True, exist_ok=True)
    project = f'[project]\nname = "{name}"\n{told}\nrequires-python = ">=3.9"\n'
    project += f"dependencies = {json.dumps(requirements)}\n"
    (folder / "pyproject.toml").write_text(project + BUILD)
    (folder / "backend.py").write_text(BACKEND)
    write_metadata(folder, name, version, requirements)


def write_metadata(
    folder: Path, name: str, version: str, requirements: list[str]
) -> None:
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        "Requires-Python: >=3.9",
    ]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    (folder / "PKG-INFO.in").write_text("\n".join(lines) + "\n")


def build(folder: Path, what: str, into: Path) -> Path:
    """A wheel or sdist of a local package."""
    into.mkdir(parents=True, exist_ok=True)
    code = f"import backend; print(backend.build_{what}({str(into)!r}))"
    return (
        into
        / run(
            f"{sys.executable} -c {shlex.quote(code)}", folder, PYTHONPATH="."
        ).stdout.strip()
    )


def write_wheel(folder: Path, name: str, version: str) -> None:
    """A wheel that holds nothing but its metadata; quicker than a build."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}-{version}"
    files = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["RECORD"] = "".join(
        f"{stem}.dist-info/{file},,\n" for file in [*files, "RECORD"]
    )
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{file}"), text)


def write_project(project: Project, folder: Path, facts: dict[str, str]) -> None:
    """A project's files, with what is known only here put in."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, text in project.files.items():
        target = folder / path
        if path.startswith("wheels/"):
            write_wheel(target.parent, *text.split())
        elif path.startswith(("dist/", "links/")):
            write_local(folder / "src" / path, text)
            build(
                folder / "src" / path,
                "sdist" if path == "dist/tgz" else "wheel",
                target.parent,
            )
        elif path.endswith("/"):
            write_local(target, text)
        elif path.endswith("+"):
            with open(str(target)[:-1], "a", encoding="utf-8") as stream:
                stream.write(text)
        elif path == "PKG-INFO.in":
            name, version = text.split()
            write_metadata(folder, name, version, [])
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                text.replace("INDEX_URL", facts["INDEX_URL"]).replace(
                    "SIX_URL", facts["SIX_URL"]
                )
            )
    if project.tool.startswith("poetry"):
        with open(folder / "pyproject.toml", "a", encoding="utf-8") as stream:
            stream.write(
                f'\n[[tool.poetry.source]]\nname = "index"\nurl = "{facts["INDEX_URL"]}"\npriority = "primary"\n'
            )


def write_repository(name: str = "repo", described: str = "gitpkg 1.0") -> None:
    """A git repository with a tag, a branch and a package in a subdirectory."""
    folder = CACHE / "git" / name
    if folder.exists():
        return
    write_local(folder, described)
    write_local(folder / "sub dir", "gitsub 3.0")
    commit = "git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m"
    run(
        f"git init -q && git add -A && {commit} one && git tag v1 && git branch br && {commit} two",
        folder,
    )


class Scratch(NamedTuple):
    """A project on disk, ready to sync."""

    project: Project
    tool: Tool
    folder: Path
    commands: dict[str, str]
    tally: Tally
    python: str = ""
    version: str = ""

    def command(self, text: str, options: str = "") -> str:
        return text.format(
            py=self.python, version=self.version, options=options, **self.commands
        )

    def environment(self) -> None:
        """A new environment, for tools that don't make it themselves."""
        shutil.rmtree(self.folder / ".venv", ignore_errors=True)
        seed = "--seed" if self.tool.seeded else ""
        run(f"{self.commands['uv']} venv -q {seed} -p {self.python} .venv", self.folder)
        if seed:  # before Python 3.12 it brings wheel, and that brings packaging
            command = "pip uninstall -q -p .venv wheel setuptools packaging"
            run(f"{self.commands['uv']} {command}", self.folder)

    def tool_run(
        self, text: str, options: str = "", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return run(
            self.command(text, options),
            self.folder,
            check,
            VIRTUAL_ENV=str(self.folder / ".venv"),
        )

    def rows(self, options: str = "") -> list[tuple[str, str]]:
        """envlock's findings: verdict and name."""
        bound, output, errors = self.tool.bound, io.StringIO(), io.StringIO()
        words = ["-e", ".venv", "validate", "--bound", bound, *options.split(), "json"]
        # a relative path in a requirements file means the working directory
        os.chdir(self.folder)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            status = envlock.main(words)
        if status not in (0, 3):
            return [("error", errors.getvalue().strip()[-400:])]
        return [row_of(finding) for finding in json.loads(output.getvalue())]

    def fine(self, options: str = "") -> bool | None:
        """What the tool itself says of the environment; None if it can't tell."""
        if not self.tool.check:
            return None
        result = self.tool_run(self.tool.check, options, check=False)
        if not self.tool.change:
            return result.returncode == 0
        lines = (result.stdout + result.stderr).splitlines()
        return not any(re.search(self.tool.change, line) for line in lines)


def row_of(finding: dict[str, str]) -> tuple[str, str]:
    return finding["explain"], finding["name"] or finding["dependency"]


def pythons_of(project: Project, turn: int, commands: dict[str, str]) -> dict[str, str]:
    """The interpreters that a project is synced on: one, unless it asks for all of them."""
    if project.tool == "pip-tools":
        return {"own": f"{commands['tools']}/python"}
    pythons = find_pythons()
    if TOOLS[project.tool].each:
        # tools that lock for one interpreter run in it, and need 3.10
        pythons.pop("3.9", None)
    if ALL or project.name in EVERYWHERE:
        return pythons
    version = list(pythons)[turn % len(pythons)]
    return {version: pythons[version]}


def check_project(
    project: Project, turn: int, commands: dict[str, str], facts: dict[str, str]
) -> Tally:
    """Lock, and for each interpreter sync, compare, change and compare."""
    began, tally = (time.monotonic(), cpu_seconds()), Tally()
    folder = CACHE / "projects" / f"{project.tool}-{project.name}"
    write_project(project, folder, facts)
    scratch = Scratch(project, TOOLS[project.tool], folder, commands, tally)
    for version, python in pythons_of(project, turn, commands).items():
        scratch = scratch._replace(python=python, version=version)
        scratch.environment()
        if (
            not (folder / scratch.tool.bound).exists()
            or scratch.tool.each
            or project.each
        ):
            scratch.tool_run(scratch.tool.lock, project.lock)
        check_python(scratch, f"{project.tool} {project.name} on {version}")
    seconds, cpu = time.monotonic() - began[0], cpu_seconds() - began[1]
    told = f"{tally.comparisons} comparisons, {tally.failures} failures"
    print(f"{folder.name}: {told}, {seconds:.0f} s, {cpu:.0f} s of CPU", flush=True)
    return tally


def cpu_seconds() -> float:
    """The processor time of this process and of its children so far."""
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(each.ru_utime + each.ru_stime for each in used)


def check_python(scratch: Scratch, title: str) -> None:
    """All selections of a project on one interpreter, and the changes to its first."""
    for number, options in enumerate(scratch.project.runs):
        check_run(scratch, title, options)
        if number == 0:
            check_changes(scratch, title)
    for ours, theirs in scratch.project.refused:
        check_refusal(scratch, title, ours, theirs)


def check_run(scratch: Scratch, title: str, options: tuple[str, str]) -> None:
    """Sync with a selection: aligned."""
    ours, theirs = options
    if scratch.tool.each and options != scratch.project.runs[0]:
        scratch.environment()  # its sync removes nothing
    scratch.tool_run(scratch.tool.sync, theirs)
    rows = scratch.rows(ours)
    if rows and scratch.fine(theirs) is False:
        # two Poetries may trip over their shared cache
        scratch.tool_run(scratch.tool.sync, theirs)
        rows = scratch.rows(ours)
    scratch.tally.judge(not rows, f"{title} {ours or 'as synced'}: {rows}")
    first = options == scratch.project.runs[0]
    if ALL and first and scratch.fine(theirs) is False:
        scratch.tally.note(
            f"{title} {theirs}: the tool itself isn't content after its sync"
        )
    if SAVE and not rows and scratch.tool.bound in DATA:
        save(scratch, ours)


def check_refusal(scratch: Scratch, title: str, ours: str, theirs: str) -> None:
    """A sync that the tool refuses for some Pythons: envlock has a row for Python there, and no other."""
    done = scratch.tool_run(scratch.tool.sync, theirs, check=False)
    rows = scratch.rows(ours)
    found = ("Misdefined", "python") in rows if done.returncode else not rows
    scratch.tally.judge(found, f"{title} {ours}: status {done.returncode}, {rows}")


def save(scratch: Scratch, options: str) -> None:
    """Keep a lock as a fixture of the offline tests: the files, and what the tool installed."""
    version = scratch.version
    if scratch.tool.each and version != "3.11":
        return
    folder = (
        ROOT
        / "tests"
        / "data"
        / DATA[scratch.tool.bound]
        / f"{scratch.project.tool}-{scratch.project.name}"
    )
    paths = [Path(scratch.tool.bound)]
    paths += [
        path.relative_to(scratch.folder)
        for path in scratch.folder.rglob("pyproject.toml")
    ]
    for path in paths:
        if not {".venv", ".kept", "made", "src"} & set(path.parts):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(
                without_hosts((scratch.folder / path).read_text(), scratch.folder)
            )
    listed = json.loads(
        run(
            f"{scratch.commands['uv']} pip list -q --format json -p .venv",
            scratch.folder,
        ).stdout
    )
    answers = folder / "installed.json"
    known = json.loads(answers.read_text()) if answers.exists() else {}
    known[f"{version} {options}".strip()] = {
        each["name"]: each["version"] for each in listed
    }
    answers.write_text(json.dumps(known, indent=1) + "\n")


def without_hosts(text: str, folder: Path) -> str:
    """Without what names the index or this machine."""
    text = text.replace(folder.as_uri(), "file:///project").replace(
        str(folder), "/project"
    )
    index, files = FACTS["INDEX_URL"], re.match("https?://[^/]*", FACTS["SIX_URL"])
    return text.replace(index, "https://index.example/simple").replace(
        files[0] if files else "", "https://files.example"
    )


def check_changes(scratch: Scratch, title: str) -> None:
    """One package removed, added, of another version, editable: exactly that row."""
    site = next((scratch.folder / ".venv").glob("lib/python*/site-packages"))
    kept = scratch.folder / ".kept"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(site, kept, symlinks=True, copy_function=os.link)
    for number, (change, expected) in enumerate(changes(scratch)):
        run(change, scratch.folder)
        rows = scratch.rows(scratch.project.runs[0][0])
        scratch.tally.judge(rows == [expected], f"{title} {expected}: {rows}")
        asked = ALL and (scratch.project.tool == "uv" or number < 3)
        if asked and scratch.fine() is True:
            scratch.tally.note(f"{title}: the tool is content with {expected}")
        shutil.rmtree(site)
        shutil.copytree(kept, site, symlinks=True, copy_function=os.link)


def changes(scratch: Scratch) -> list[tuple[str, tuple[str, str]]]:
    """Shell commands that change one package each, and the row that each must give."""
    uv, made = scratch.commands["uv"], scratch.folder / "made"
    listed = json.loads(
        run(f"{uv} pip list -q --format json -p .venv", scratch.folder).stdout
    )
    own = envlock.canonicalize_name(scratch.project.name)
    left_out = {own, "pip", "setuptools", "wheel"} - (
        {own} if scratch.project.tool == "uv" else set()
    )
    names = [
        (each["name"], each["version"])
        for each in listed
        if each["name"] not in left_out and not each["name"].startswith("open")
    ]
    wheels = made / "wheels"
    write_wheel(wheels, "zz_extra", "1.0")
    install = f"{uv} pip install -q --no-deps --no-index --find-links {wheels} -p .venv"
    found = [(f"{install} zz-extra", ("Unrequired", "zz-extra"))]
    editables = len(names) if ALL else 1  # a build each
    for name, version in dict.fromkeys(
        [*names[:1], *names[len(names) // 2 :][:1], *names[-1:]]
    ):
        key = envlock.canonicalize_name(name)
        found.append((f"{uv} pip uninstall -q -p .venv {name}", ("Missing", key)))
        write_local(made / key, f"{name} {version}")
        if key == own:
            continue  # a project's own version may change without its lock
        is_editable = scratch.project.tool == "pipenv" and key == "gitpkg"
        if editables and not is_editable:
            found.append((f"{install} -e {made / key}", ("Misdefined", key)))
            editables -= 1
        write_wheel(wheels, key.replace("-", "_"), "0.0.1")
        other = f"{install} --reinstall {name}==0.0.1"
        found.append((other, ("Misdefined", key)))
    return found


def main(patterns: list[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    commands = install_tools()
    facts = index_facts(commands)
    FACTS.update(facts)
    write_repository()
    tally = Tally()
    turns: dict[str, int] = {}  # how many projects a tool has had
    chosen = []
    for project in PROJECTS:
        turns[project.tool] = turn = turns.get(project.tool, -1) + 1
        if not patterns or any(
            text in f"{project.tool}-{project.name}" for text in patterns
        ):
            chosen.append((project, turn))
    # the quick ones last; few of one tool at once, for they share its cache
    chosen.sort(key=lambda pair: (pair[0].tool in ("uv", "uv-export"), pair[1]))
    os.environ.clear()
    os.environ.update(ENVIRONMENT)  # envlock runs in these processes, and obeys it
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(AT_ONCE, mp_context=fork) as pool:
        tasks = {
            pool.submit(check_project, *pair, commands, facts): pair[0]
            for pair in chosen
        }
        for task in concurrent.futures.as_completed(tasks):
            project, error = tasks[task], task.exception()
            tally.judge(error is None, f"{project.tool} {project.name}: {error}")
            if error is None:
                tally.add(task.result())
    for note in tally.notes:
        print("note:", note)
    print(f"{len(chosen)} projects on Python {', '.join(find_pythons())}")
    print(f"locks: {tally.comparisons} comparisons, {tally.failures} failures")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main([word for word in sys.argv[1:] if not word.startswith("--")]))
