"""The main job with real tools on every interpreter of this machine: what pip installed and froze is aligned, and one
change is one row. Needs the network; pip caches what it downloads."""

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

Row = tuple  # (package or None, dependency or None, verdict)

SETUP = "from setuptools import setup\nsetup(name='{0}', version='0.3', py_modules=['{0}'])\n"
TOML = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


class ToolError(Exception):
    pass


class Story:
    """One virtual environment, and what is compared in it."""

    def __init__(self, title: str, python: str, folder: Path) -> None:
        self.title, self.folder, self.count = title, folder, 0
        self.failures: list[str] = []
        folder.mkdir()
        self.run(python, "-m", "venv", ".venv")
        self.python = str(folder / ".venv" / "bin" / "python")

    def run(self, *command: str, env: dict[str, str] | None = None) -> str:
        """Standard output of a command that must succeed."""
        kept = {
            key: value for key, value in os.environ.items() if key.startswith("PIP_")
        }
        settings = {
            **CLEAN,
            **kept,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **(env or {}),
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=-1,
            stderr=-1,
            timeout=600,
        )
        if done.returncode:
            raise ToolError(
                f"{' '.join(command)}: {done.stderr.decode(errors='replace')[-2000:]}"
            )
        return done.stdout.decode()

    def pip(self, *words: str) -> str:
        return self.run(self.python, "-m", "pip", *words)

    def install(self, *words: str) -> None:
        self.pip("install", "-q", *words)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def freeze(self) -> None:
        self.write("requirements.lock", self.pip("freeze"))

    def rows(self, bound: str, *words: str, inside: bool = False) -> list[Row]:
        start = (
            [self.python, str(ENVLOCK)]
            if inside
            else [sys.executable, str(ENVLOCK), "-e", ".venv"]
        )
        done = subprocess.run(
            [*start, "validate", "--bound", bound, *words, "json"],
            cwd=self.folder,
            env=CLEAN,
            stdout=-1,
            stderr=-1,
        )
        if done.returncode not in (0, 3):
            raise ToolError(f"validate --bound {bound}: {done.stderr.decode()}")
        rows = json.loads(done.stdout)
        return [(row["package"], row["dependency"], row["explain"]) for row in rows]

    def expect(self, what: str, rows: list[Row], expected: list[Row]) -> None:
        self.count += 1
        if rows != expected:
            self.failures.append(f"{self.title}: {what}: {rows}, expected {expected}")

    def installed(self) -> dict[str, str]:
        """What pip says is installed: {name: version}."""
        listed: list[dict[str, str]] = json.loads(self.pip("list", "--format", "json"))
        return {each["name"]: each["version"] for each in listed}


def tell(story: Story, new_enough: bool) -> None:
    """Install, freeze, add, upgrade, remove."""
    story.write(
        "requirements.txt", "requests==2.31.0\n" if new_enough else "requests==2.25.1\n"
    )
    story.write(
        "old.txt",
        "certifi==2021.10.8\nurllib3==1.26.9\nidna==2.10\nchardet==4.0.0\nsetuptools==59.6.0\n",
    )
    story.install(
        "-r",
        "requirements.txt",
        "setuptools",
        *(["wheel"] if new_enough else ["-c", "old.txt"]),
    )
    if new_enough:
        try:
            story.install("--only-binary", ":all:", "numpy")
            story.write("requirements.txt", "requests==2.31.0\nnumpy\n")
        except ToolError:
            pass  # no wheel for this interpreter
    needed = {name for name, _, _ in story.rows("requirements.txt") if name}
    story.expect("transitive packages are unrequired", [len(needed) >= 4], [True])  # type: ignore[list-item]
    story.expect("superset", story.rows("requirements.txt", "--superset"), [])
    story.freeze()
    modern = (
        story.run(story.python, "-c", "import sys; print(sys.version_info >= (3, 12))")
        == "True\n"
    )
    frozen = (story.folder / "requirements.lock").read_text()
    if not modern:
        story.expect(
            "setuptools isn't frozen before 3.12", ["setuptools" in frozen], [False]
        )  # type: ignore[list-item]
    story.expect("frozen", story.rows("requirements.lock"), [])
    if new_enough:
        story.expect(
            "frozen, seen from inside", story.rows("requirements.lock", inside=True), []
        )
    drift(story)


def drift(story: Story) -> None:
    story.install("typing-extensions==4.1.1")
    added = [("typing_extensions-4.1.1", None, "Unrequired")]
    story.expect("added", story.rows("requirements.lock"), added)
    story.pip("uninstall", "-q", "-y", "typing-extensions")
    before = story.installed()["idna"]
    other = "2.8" if before != "2.8" else "2.9"
    story.install("--no-deps", f"idna=={other}")
    story.expect(
        "another version",
        story.rows("requirements.lock"),
        [(f"idna-{other}", f"idna=={before}", "Misdefined")],
    )
    story.pip("uninstall", "-q", "-y", "idna")
    missing = [(None, f"idna=={before}", "Missing")]
    story.expect("missing", story.rows("requirements.lock"), missing)
    story.expect("missing, subset", story.rows("requirements.lock", "--subset"), [])


def make_projects(story: Story) -> None:
    for name in ("plain", "edited", "checked"):
        story.write(f"{name}/setup.py", SETUP.format(name))
        story.write(f"{name}/pyproject.toml", TOML)
        story.write(f"{name}/{name}.py", "")
    git = (
        "git",
        "-C",
        "checked",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@host.example",
    )
    for words in (("init", "-q"), ("add", "."), ("commit", "-q", "-m", "one")):
        story.run(*git, *words)


def tell_origins(story: Story) -> None:
    """`pip freeze` of directory, editable, repository and archive installs, and each swapped for another."""
    make_projects(story)
    commit = story.run("git", "-C", "checked", "rev-parse", "HEAD").strip()
    story.install("setuptools", "wheel")
    story.pip(
        "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "wheels", "./plain"
    )
    wheel = next((story.folder / "wheels").glob("*.whl"))
    url = f"git+file://{story.folder}/checked"
    here = ("--no-build-isolation", "--no-deps")
    for title, words in (
        ("directory", (f"{story.folder}/plain",)),
        ("archive", (str(wheel),)),
        ("editable", ("-e", f"{story.folder}/plain")),
    ):
        story.install(*here, "--force-reinstall", *words)
        story.freeze()
        story.expect(title, story.rows("requirements.lock"), [])
        story.write("pin.lock", "plain==0.3\n")
        rows = [] if title == "archive" else [("plain-0.3", "plain==0.3", "Misdefined")]
        story.expect(
            f"{title} against a pin", story.rows("pin.lock", "--superset"), rows
        )
    story.install(*here, url)
    story.freeze()
    frozen = (story.folder / "requirements.lock").read_text()
    story.expect(
        "repository is frozen with its commit",
        [f"checked @ {url}@{commit}" in frozen],
        [True],
    )  # type: ignore[list-item]
    story.expect("repository", story.rows("requirements.lock"), [])
    story.write("requirements.lock", frozen.replace(commit, "0" * 40))
    other = [("checked-0.3", f"checked @ {url}@{'0' * 40}", "Misdefined")]
    story.expect("another commit", story.rows("requirements.lock"), other)
    story.install(*here, "-e", f"{url}#egg=checked")
    story.freeze()
    story.expect("editable repository", story.rows("requirements.lock"), [])


def tell_eggs(story: Story) -> None:
    """`setup.py develop` and `setup.py install` as an old setuptools does them: egg-links, eggs, egg-info."""
    make_projects(story)
    story.install("setuptools==57.5.0")
    for words in (("develop",), ("install",)):
        shutil.rmtree(story.folder / "edited" / "build", ignore_errors=True)
        project = "edited" if words[0] == "develop" else "plain"
        code = f"import os, runpy, sys; os.chdir({project!r}); sys.argv[:] = ['setup.py', {words[0]!r}]; "
        code += "runpy.run_path('setup.py')"
        story.run(story.python, "-c", code)
        story.freeze()
        story.expect(f"setup.py {words[0]}", story.rows("requirements.lock"), [])
        names = (
            {name.rpartition("-")[0] for name, _, _ in story.rows("empty.lock") if name}
            if words
            else set()
        )
        story.expect(f"setup.py {words[0]} is seen", [project in names], [True])  # type: ignore[list-item]


def tell_locks(story: Story) -> None:
    """pip-compile with hashes and pip-sync; uv export and uv pip sync."""
    story.write(
        "requirements.in", "requests==2.31.0\ncolorama; sys_platform == 'win32'\n"
    )
    story.install("pip-tools", "uv")
    tools = str(Path(story.python).parent)
    story.run(story.python, "-m", "venv", "synced")
    target = str(story.folder / "synced" / "bin" / "python")
    story.run(
        f"{tools}/pip-compile",
        "-q",
        "--generate-hashes",
        "--strip-extras",
        "-o",
        "compiled.txt",
        "requirements.in",
    )
    story.run(f"{tools}/pip-sync", "-q", "--python-executable", target, "compiled.txt")
    story.run("rm", "-rf", "kept")
    (story.folder / ".venv").rename(story.folder / "kept")
    (story.folder / "synced").rename(story.folder / ".venv")
    story.expect("pip-compile, pip-sync", story.rows("compiled.txt"), [])
    project = '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.8"\ndependencies = ["requests==2.31.0"]\n'
    story.write("pyproject.toml", project)
    story.run("kept/bin/uv", "export", "-q", "-o", "exported.txt", "--no-emit-project")
    shutil.rmtree(story.folder / ".venv")
    story.run("kept/bin/uv", "venv", "-q", ".venv")
    story.run("kept/bin/uv", "pip", "sync", "-q", "exported.txt")
    story.expect("uv export, uv pip sync", story.rows("exported.txt"), [])


def tell_system(story: Story) -> None:
    """The interpreters of this machine as they are: what their own pip freezes is aligned."""
    for python in filter(
        os.path.exists, ("/usr/bin/python3", os.path.realpath(sys.executable))
    ):
        try:
            frozen = story.run(python, "-m", "pip", "freeze")
        except ToolError:
            continue  # no pip there
        story.write("system.lock", frozen)
        done = subprocess.run(
            [
                sys.executable,
                str(ENVLOCK),
                "-e",
                python,
                "validate",
                "--bound",
                "system.lock",
            ],
            cwd=story.folder,
            env=CLEAN,
            stdout=-1,
            stderr=-1,
        )
        story.expect(f"{python} as pip froze it", [done.stdout + done.stderr], [b""])  # type: ignore[list-item]


def old_interpreters() -> dict[str, str]:
    """Those that envlock can look at and not run on."""
    places = {
        f"cpython 3.{minor}": Path.home().glob(
            f".pyenv/versions/3.{minor}.*/bin/python3"
        )
        for minor in (6, 7)
    }
    return {
        name: str(path) for name, paths in places.items() for path in list(paths)[:1]
    }


def jobs() -> list[tuple[str, str, Any]]:
    new, old = interpreters(), old_interpreters()
    told: list[tuple[str, str, Any]] = [
        (name, path, lambda story: tell(story, True)) for name, path in new.items()
    ]
    told += [
        (name, path, lambda story: tell(story, False)) for name, path in old.items()
    ]
    told += [
        (f"{name}, origins", new[name], tell_origins)
        for name in ("cpython 3.8", "cpython 3.13")
        if name in new
    ]
    told += [
        (f"{name}, eggs", new[name], tell_eggs)
        for name in ("cpython 3.8",)
        if name in new
    ]
    told += [
        (f"{name}, locks", new[name], tell_locks)
        for name in ("cpython 3.11",)
        if name in new
    ]
    return [*told, ("the machine's own", sys.executable, tell_system)]


def perform(job: tuple[str, str, Any], folder: Path) -> Story | None:
    title, python, act = job
    try:
        story = Story(title, python, folder)
    except ToolError as error:
        print(f"{title}: {error}")
        return None
    try:
        story.write("empty.lock", "")
        act(story)
    except ToolError as error:
        story.failures.append(f"{title}: {error}")
    return story


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="envlock-story-"
    ) as name, ThreadPoolExecutor(2) as pool:
        folders = [Path(name).resolve() / str(number) for number in range(len(jobs()))]
        stories = list(pool.map(perform, jobs(), folders))
    failures = [
        failure
        for story in stories
        for failure in (story.failures if story else ["no environment"])
    ]
    print("\n".join(failures))
    print(
        f"story: {sum(story.count for story in stories if story)} comparisons, {len(failures)} failures"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
