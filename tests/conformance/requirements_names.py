#!/usr/bin/env python3
"""Lines that tell no name, as pip, uv and pip-tools write and install them, against envlock.

Projects whose setup.py computes their name are installed from directories, repositories and
archives, by path and by URL. What the tools then write must be aligned, from each working
directory, and misaligned after each single change.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Callable, Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock

CACHE = Path(
    os.environ.get("ENVLOCK_CACHE") or Path(envlock.__file__).parent / ".cache"
)
SETUP = "from setuptools import setup\nsetup(name='-'.join(['{}', '{}']), version='0.5', py_modules=[])\n"
PROJECTS = ("edit", "plain", "repo", "moved", "path", "url", "fresh")
# pip is older where it runs on an older Python.
TOOLS = ("pip", "uv", "pip-tools", "setuptools", "wheel")


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stderr}")
    return done.stdout


def tools() -> Path:
    """The folder of the tools' commands, installed below the cache."""
    folder = CACHE / "requirements_names-{}.{}".format(*sys.version_info)
    if not (folder / "complete").exists():
        run(sys.executable, "-m", "venv", "--clear", folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "-q", "-U", *TOOLS)
        (folder / "complete").touch()
    return folder / "bin"


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a server of a folder on loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


class Comparison:
    """An environment, its projects, and how many of envlock's answers were right."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url, self.bin = folder, url, tools()
        self.count = self.failures = 0
        for name in PROJECTS:
            (folder / name).mkdir()
            (folder / name / "setup.py").write_text(SETUP.format("lamp", name))
        for name in ("repo", "moved"):
            self.commit(name)
        for name in ("path", "url"):
            shutil.make_archive(str(folder / f"{name}-main"), "gztar", folder, name)
        self.python = folder / "venv" / "bin" / "python"
        run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
        self.pip("install", "setuptools", "wheel")
        self.lines = [
            "-e ./edit",
            "./plain",
            f"git+file://{folder}/repo",
            "./path-main.tar.gz",
            f"{url}/url-main.tar.gz",
        ]
        (folder / "requirements.in").write_text(
            "".join(f"{line}\n" for line in self.lines)
        )

    def commit(self, name: str) -> None:
        git = (
            "git",
            "-C",
            self.folder / name,
            "-c",
            "user.name=x",
            "-c",
            "user.email=x",
        )
        run(*git[:3], "init", "-q")
        run(*git[:3], "add", ".")
        run(*git, "commit", "-q", "-m", "x")

    def pip(self, *arguments: object) -> str:
        return run(
            self.bin / "pip",
            f"--python={self.python}",
            "-q",
            *arguments,
            cwd=self.folder,
        )

    def uv(self, *arguments: object) -> str:
        return run(
            self.bin / "uv", "-q", *arguments, "-p", self.python, cwd=self.folder
        )

    def written(self) -> dict[str, str]:
        """What each tool writes of the environment, or of the lines that it was made from."""
        source = self.folder / "requirements.in"
        isolated = ("--no-build-isolation", source)
        compiled = run(
            self.bin / "pip-compile", "-q", *isolated, "-o", "-", cwd=self.folder
        )
        texts = {
            "by hand": source.read_text(),
            "pip freeze": self.pip("freeze"),
            "uv pip freeze": self.uv("pip", "freeze"),
            "pip-compile": compiled,
            "uv pip compile": self.uv("pip", "compile", *isolated),
        }
        nested = self.folder / "reqs"
        nested.mkdir(exist_ok=True)
        (nested / "base.txt").write_text(source.read_text())
        return {**texts, "nested": "-r reqs/base.txt\n"}

    def findings(self, text: str, directory: Path) -> list[str]:
        """`EXPLAIN PACKAGE` of each finding, seen from a working directory."""
        bound = self.folder / "requirements.txt"
        bound.write_text(text)
        os.chdir(directory)
        policy = envlock.Policy(
            ignore=frozenset({"setuptools", "wheel", "packaging", "pip"})
        )
        found = envlock.validate(bound, exe=self.python, policy=policy)
        return [f"{one.explain} {one.name or one.dependency}" for one in found]

    def expect(
        self, title: str, text: str, right: Callable[[list[str]], bool], directory: Path
    ) -> None:
        try:
            found = self.findings(text, directory)
        except envlock.EnvlockError as error:
            found = [f"error: {error}"]
        self.count += 1
        if not right(found):
            self.failures += 1
            print(f"{title}, from {directory}: {found}\n{text}")

    def compare(self, installer: str) -> None:
        """All texts, aligned as they are and misaligned after each single change."""
        for tool, text in self.written().items():
            for directory in (self.folder, self.folder / "edit", Path(os.sep)):
                self.expect(
                    f"{installer}: {tool}", text, lambda found: not found, directory
                )
            for change, changed in changes(text):
                self.expect(
                    f"{installer}: {tool}: {change}", changed, bool, self.folder
                )


def changes(text: str) -> Iterator[tuple[str, str]]:
    """A text with one line changed: its source is another, or it isn't there."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        words = line.strip()
        is_source = any(f"/{name}" in words for name in PROJECTS)
        if words.startswith(("#", "--", "-r")) or not is_source:
            continue
        others = ["", *other_sources(line)]
        for other in others:
            yield (
                f"{words!r} to {other.strip()!r}",
                "".join([*lines[:number], other, *lines[number + 1 :]]),
            )


def other_sources(line: str) -> Iterator[str]:
    for name, other in (("/edit", "/fresh"), ("/plain", "/fresh"), ("/repo", "/moved")):
        if name in line:
            yield line.replace(name, other)
    if line.startswith("-e "):
        yield line[3:]
    if "sha256=" in line:
        head, _, digest = line.partition("sha256=")
        yield f"{head}sha256={digest[::-1].strip()}\n"
    elif "/path-main" in line:
        yield line.replace("/path-main", "/url-main")
    elif "/url-main" in line:
        yield line.replace("/url-main", "/x/url-main")


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-names-")).resolve()
    start = os.getcwd()
    try:
        with served(folder) as url:
            comparison = Comparison(folder, url)
            isolated = ("--no-build-isolation", "-r", folder / "requirements.in")
            comparison.pip("install", *isolated)
            comparison.compare("pip")
            comparison.pip(
                "uninstall",
                "-y",
                *(f"lamp-{name}" for name in PROJECTS[:3]),
                "lamp-path",
                "lamp-url",
            )
            comparison.uv("pip", "install", *isolated)
            comparison.compare("uv")
    finally:
        os.chdir(start)
        shutil.rmtree(folder)
    print(
        f"requirements_names: {comparison.count} comparisons, {comparison.failures} failures"
    )
    return int(comparison.failures > 0)


if __name__ == "__main__":
    raise SystemExit(main())
