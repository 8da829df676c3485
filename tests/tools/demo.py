"""The whole story, offline, in a throw-away virtual environment: `make demo`. Ends with 1 if any step isn't as told."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.support import ENVLOCK, make_wheel, run


def say(text: str) -> None:
    print(f"\n# {text}")


def has_pip() -> bool:
    """Whether this Python has a pip that knows `--python`."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return tuple(map(int, metadata.version("pip").split(".")[:2])) >= (22, 3)
    return False


class Story:
    """Commands run in a scratch project, shown with their output; a status that wasn't expected is kept."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self.python = project / (
            ".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python"
        )
        self.surprises: list[str] = []
        # The pip of this Python, or of the environment: to install one there takes half of the time.
        self.pip_words: list[object] = [self.python, "-m", "pip"]
        if has_pip():
            self.pip_words = [sys.executable, "-m", "pip", "--python", ".venv"]
        self.pip_shown = " ".join(["pip", *map(str, self.pip_words[3:])])

    def make(self) -> bool:
        """Make the virtual environment."""
        words = ["--without-pip"] if has_pip() else []
        print(f"$ python3 -m venv {' '.join([*words, '.venv'])}   # in {self.project}")
        made = run([sys.executable, "-m", "venv", *words, ".venv"], cwd=self.project)
        print(made.stdout + made.stderr, end="")
        return made.returncode == 0

    def pip(self, *arguments: str) -> None:
        command = [
            *self.pip_words,
            "-q",
            "--disable-pip-version-check",
            *arguments,
        ]
        local = (
            ["--no-index", "--find-links", "wheels"]
            if arguments[0] == "install"
            else []
        )
        done = run(
            [*command, *local], cwd=self.project, env={"PIP_CONFIG_FILE": os.devnull}
        )
        print(f"$ {self.pip_shown} {' '.join(arguments)}")
        if done.returncode:
            self.surprises.append(f"pip {arguments[0]}: {done.stderr}")

    def freeze(self, lock: str) -> None:
        done = run([*self.pip_words, "freeze"], cwd=self.project)
        (self.project / lock).write_text(done.stdout, encoding="utf-8")
        print(f"$ {self.pip_shown} freeze > {lock}")

    def envlock(self, *arguments: str, status: int) -> None:
        # Of a copy, as a project would have it, and by -m: so it is compiled once.
        command = [sys.executable, "-m", "envlock", "-q", *arguments]
        done = run(command, cwd=self.project)
        shown = (done.stdout + done.stderr).replace(f"{self.project}{os.sep}", "")
        shown = f"{shown}[exit status {done.returncode}]"
        print(f"$ python3 -m envlock {' '.join(arguments)}\n{shown}")
        if done.returncode != status:
            self.surprises.append(
                f"envlock {' '.join(arguments)}: exit status {done.returncode}, not {status}"
            )

    def start(self, *words: str, status: int, **env: str) -> None:
        done = run([self.python, *words], cwd=self.project, env=env)
        shown = (done.stderr + done.stdout).replace(f"{self.project}{os.sep}", "")
        settings = "".join(f"{name}={value} " for name, value in env.items())
        print(
            f"$ {settings}python {' '.join(words)}\n{shown}[exit status {done.returncode}]"
        )
        if done.returncode != status:
            self.surprises.append(
                f"python {' '.join(words)}: exit status {done.returncode}, not {status}"
            )


def tell(story: Story) -> None:
    (story.project / "requirements.txt").write_text(
        "web-client==2.32.3\n", encoding="utf-8"
    )
    say("A project, and a lock of all that pip has installed for it.")
    story.pip("install", "-r", "requirements.txt")
    story.freeze("requirements.lock")
    say("An environment that is equal to its lock: nothing is printed.")
    story.envlock("validate", status=0)
    tell_guard(story)


def tell_guard(story: Story) -> None:
    (story.project / "app.py").write_text(
        "print('the application runs')\n", encoding="utf-8"
    )
    say(
        "A guard: from now on every start of this Python compares, before any other code runs."
    )
    story.envlock("site-install", "exit", status=0)
    story.start("app.py", status=0)
    say("Drift: a package is added, one is another version.")
    story.pip("install", "url-parts==1.25.0", "colour-tools")
    story.envlock("validate", status=3)
    story.start("app.py", status=78)
    say("pip may start, and repairs. Then the application runs again.")
    story.pip("install", "--no-deps", "url-parts==1.26.0")
    story.pip("uninstall", "-y", "colour-tools")
    story.start("app.py", status=0)
    say("And away with the guard:")
    story.envlock("site-uninstall", status=0)


NEXT = """
# What to do next, in a project of yours with a .venv and a lock file:
#   python3 -m envlock validate             compare once
#   python3 -m envlock site-install exit    compare at every start
#   python3 -m envlock --help               all commands; README.md has recipes for CI, Docker and services"""


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-demo-")).resolve()
    try:
        project = folder / "project"
        wheels = project / "wheels"
        make_wheel(wheels, "web-client", "2.32.3", ["url-parts<2", "char-tables"])
        for name, version in (
            ("url-parts", "1.25.0"),
            ("url-parts", "1.26.0"),
            ("char-tables", "3.3.2"),
            ("colour-tools", "0.4.6"),
        ):
            make_wheel(wheels, name, version)
        shutil.copy(ENVLOCK, project)
        story = Story(project)
        if not story.make():
            return 1
        tell(story)
        print(
            "".join(f"\nNot as told: {surprise}" for surprise in story.surprises)
            or NEXT
        )
        return 1 if story.surprises else 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
