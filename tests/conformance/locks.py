"""Locks made and synced by the real tools, against envlock.

An environment that a tool has just synced is aligned; any single change to it is exactly one row. What the tool's own
check says (`uv sync --check`, `poetry sync --dry-run` …) is told where it differs. `locks.py [--save] [PATTERN...]`
picks projects, and keeps their locks in tests/data.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import urllib.request
import zipfile
from pathlib import Path
from typing import Iterable, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.conformance.lock_projects import BACKEND, BUILD, PROJECTS, Project
from tests.tools.check import CACHE as SHARED
from tests.tools.check import ROOT, installed

CACHE = SHARED / "locks"
PDM_CACHE = CACHE / "pdm-cache"
PYTHONS = ("3.9", "3.11", "3.13")
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
        self.lock = threading.Lock()
        self.comparisons = 0
        self.failures: list[str] = []
        self.notes: list[str] = []

    def judge(self, passed: bool, what: str) -> None:
        with self.lock:
            self.comparisons += 1
            if not passed:
                self.failures.append(what)
                print("FAILED", what, flush=True)

    def note(self, what: str) -> None:
        with self.lock:
            self.notes.append(what)


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
    """Without what would turn a tool to another project; a git host that is a local folder."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not re.match("VIRTUAL_ENV|UV_|POETRY_|PDM_|PIPENV_", key)
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
    }


ENVIRONMENT = clean_environment()
FACTS: dict[str, str] = {}
SAVE = "--save" in sys.argv
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
    """Each tool in an environment of its own; the folders of their commands."""
    places = {
        name: installed(CACHE / "tools" / name, *PACKAGES[name]) for name in names
    }
    commands = {name: str(place) for name, place in places.items()}
    if (
        "pdm" in places and not (PDM_CACHE / ".compat_libs").exists()
    ):  # pdm has Pythons before 3.10 run the newest ones
        libraries = [str(PDM_CACHE / ".compat_libs"), "dep-logic<0.7", "packaging<26.4"]
        subprocess.run(
            [
                places["pdm"] / "python",
                "-m",
                "pip",
                "install",
                "-q",
                "--target",
                *libraries,
            ],
            check=True,
        )
    return {**commands, "uv": str(places["uv"] / "uv"), "tools": commands["piptools"]}


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
        # a seed before Python 3.12 brings wheel, and that brings packaging
        run(
            f"{self.commands['uv']} pip uninstall -q -p .venv wheel setuptools packaging",
            self.folder,
        )

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
        bound = self.folder / self.tool.bound
        command = [
            sys.executable,
            str(ROOT / "envlock.py"),
            "-e",
            str(self.folder / ".venv"),
            "validate",
        ]
        command += ["--bound", str(bound), *options.split(), "json"]
        # a relative path in a requirements file means the working directory
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=ENVIRONMENT,
            check=False,
        )
        if result.returncode not in (0, 3):
            return [("error", result.stderr.strip()[-400:])]
        return [row_of(finding) for finding in json.loads(result.stdout)]

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
    name = (finding["package"] or "").rpartition("-")[0]
    if not name:  # `NAME==VERSION`, `NAME @ URL`, `-e NAME @ URL`, `-e ./NAME`
        name = re.split(
            r"[\s=<>~!@\[]", re.sub(r"^-e (\./)?", "", finding["dependency"])
        )[0]
    return finding["explain"], envlock.canonicalize_name(name)


def check_project(
    project: Project, commands: dict[str, str], facts: dict[str, str], tally: Tally
) -> None:
    """Lock, and for each interpreter sync, compare, change and compare."""
    folder = CACHE / "projects" / f"{project.tool}-{project.name}"
    write_project(project, folder, facts)
    scratch = Scratch(project, TOOLS[project.tool], folder, commands, tally)
    pythons = find_pythons()
    if scratch.tool.each:
        pythons.pop(
            "3.9", None
        )  # tools that lock for one interpreter run in it, and need 3.10
    if project.tool == "pip-tools":
        pythons = {"own": f"{commands['tools']}/python"}
    for number, (version, python) in enumerate(pythons.items()):
        scratch = scratch._replace(python=python, version=version)
        scratch.environment()
        if number == 0 or scratch.tool.each or project.each:
            scratch.tool_run(scratch.tool.lock, project.lock)
        title = f"{project.tool} {project.name} on {version}"
        for run_options in project.runs:
            check_run(scratch, version, title, run_options)
        for ours, theirs in project.refused:
            check_refusal(scratch, title, ours, theirs)
        if len(project.runs) > 1 or project.refused:
            scratch.environment()
            scratch.tool_run(scratch.tool.sync, project.runs[0][1])
        check_changes(scratch, title)


def check_run(
    scratch: Scratch, version: str, title: str, options: tuple[str, str]
) -> None:
    """Sync with a selection: aligned."""
    ours, theirs = options
    if scratch.tool.each:  # its sync removes nothing
        scratch.environment()
    scratch.tool_run(scratch.tool.sync, theirs)
    rows = scratch.rows(ours)
    if (
        rows and scratch.fine(theirs) is False
    ):  # two Poetries may trip over their shared cache
        scratch.tool_run(scratch.tool.sync, theirs)
        rows = scratch.rows(ours)
    scratch.tally.judge(not rows, f"{title} {ours or 'as synced'}: {rows}")
    if options == scratch.project.runs[0] and scratch.fine(theirs) is False:
        scratch.tally.note(
            f"{title} {theirs}: the tool itself isn't content after its sync"
        )
    if SAVE and not rows and scratch.tool.bound in DATA:
        save(scratch, version, ours)


def check_refusal(scratch: Scratch, title: str, ours: str, theirs: str) -> None:
    """A sync that the tool refuses for some Pythons: envlock has a row for Python there, and no other."""
    done = scratch.tool_run(scratch.tool.sync, theirs, check=False)
    rows = scratch.rows(ours)
    found = ("Misdefined", "python") in rows if done.returncode else not rows
    scratch.tally.judge(found, f"{title} {ours}: status {done.returncode}, {rows}")


def save(scratch: Scratch, version: str, options: str) -> None:
    """Keep a lock as a fixture of the offline tests: the files, and what the tool installed."""
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
    shutil.copytree(site, kept, symlinks=True)
    for number, (change, expected) in enumerate(changes(scratch)):
        run(change, scratch.folder)
        rows = scratch.rows(scratch.project.runs[0][0])
        scratch.tally.judge(rows == [expected], f"{title} {expected}: {rows}")
        if (scratch.project.tool == "uv" or number < 3) and scratch.fine() is True:
            scratch.tally.note(f"{title}: the tool is content with {expected}")
        shutil.rmtree(site)
        shutil.copytree(kept, site, symlinks=True)


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
    write_local(made / "extra", "zz-extra 1.0")
    install = f"{uv} pip install -q --no-deps --no-index -p .venv"
    found = [(f"{install} {made / 'extra'}", ("Unrequired", "zz-extra"))]
    for name, version in dict.fromkeys(
        [*names[:1], *names[len(names) // 2 :][:1], *names[-1:]]
    ):
        key = envlock.canonicalize_name(name)
        found.append((f"{uv} pip uninstall -q -p .venv {name}", ("Missing", key)))
        write_local(made / key, f"{name} {version}")
        if key == own:
            continue  # a project's own version may change without its lock
        if not (scratch.project.tool == "pipenv" and key == "gitpkg"):  # it is editable
            found.append((f"{install} -e {made / key}", ("Misdefined", key)))
        write_local(made / (key + "-0"), f"{name} 0.0.1")
        build(made / (key + "-0"), "wheel", made / "wheels")
        other = f"{install} --find-links {made / 'wheels'} --reinstall {name}==0.0.1"
        found.append((other, ("Misdefined", key)))
    return found


def main(patterns: list[str]) -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    commands = install_tools()
    facts = index_facts(commands)
    FACTS.update(facts)
    write_repository()
    tally = Tally()
    chosen = [
        each
        for each in PROJECTS
        if not patterns or any(text in f"{each.tool}-{each.name}" for text in patterns)
    ]
    chosen.sort(
        key=lambda each: each.tool in ("uv", "uv-export")
    )  # the slow ones first
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = {
            pool.submit(check_project, each, commands, facts, tally): each
            for each in chosen
        }
        for task in concurrent.futures.as_completed(tasks):
            project, error = tasks[task], task.exception()
            tally.judge(error is None, f"{project.tool} {project.name}: {error}")
    for note in tally.notes:
        print("note:", note)
    print(f"{len(chosen)} projects on Python {', '.join(find_pythons())}")
    print(f"locks: {tally.comparisons} comparisons, {len(tally.failures)} failures")
    return 1 if tally.failures else 0


if __name__ == "__main__":
    raise SystemExit(main([word for word in sys.argv[1:] if word != "--save"]))
