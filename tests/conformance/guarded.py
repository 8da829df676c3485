"""What the modules on the guard share: environments that drift, real servers on loopback, and the count of checks."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

from tests.support import CLEAN, ENVLOCK, add_record, run

CODE = 78  # EX_CONFIG, which an ended start has for its status
DRIFT, ALIGNED = "2.0", "1.0"
PATIENCE = 30  # seconds until something that should happen counts as not happening
QUIET = 1.5  # seconds in which a loop would show


def tables(text: str) -> int:
    """How many tables of findings a program has printed."""
    return len(re.findall(r"^Package +Dependency +Explain", text, re.MULTILINE))


def messages(text: str) -> int:
    """How many times a guard has spoken, in whatever length."""
    return len(
        re.findall(
            r"^envlock: this Python \(.*\) differs from its lock ", text, re.MULTILINE
        )
    )


class Checks:
    """Counts what is compared, and prints what is not as it should be."""

    def __init__(self, title: str) -> None:
        self.title, self.count, self.failures = title, 0, 0

    def expect(
        self, what: str, found: object, expected: object, said: str = ""
    ) -> None:
        self.count += 1
        if found != expected:
            self.failures += 1
            print(f"  {what}: {found!r}, expected {expected!r}", flush=True)
            if said.strip():
                print(
                    "    " + "\n    ".join(said.strip().splitlines()[-12:]), flush=True
                )

    def skip(self, what: str, why: object) -> None:
        print(f"  {what}: skipped: {why}", flush=True)

    @contextlib.contextmanager
    def part(self, what: str) -> Iterator[None]:
        """A part that fails as a whole, if something else goes wrong in it than is compared."""
        began = time.monotonic()
        try:
            yield
        except Exception as error:  # the other parts are still to be seen
            self.expect(what, f"{type(error).__name__}: {error}", "no error")
        print(f"  {what} ({time.monotonic() - began:.0f} s)", flush=True)

    def end(self) -> int:
        print(f"{self.title}: {self.count} comparisons, {self.failures} failures")
        return 1 if self.failures or not self.count else 0


class Guarded:
    """An environment whose lock asks for ham 1.0 beside what it holds; it drifts when ham is another."""

    def __init__(
        self, folder: Path, python: str = sys.executable, packages: Path | None = None
    ) -> None:
        self.folder, self.path = folder, folder / ".venv"
        folder.mkdir(exist_ok=True)
        self.python = str(self.path / "bin" / "python")
        done = run([python, "-m", "venv", "--without-pip", self.path])
        assert done.returncode == 0, done.stderr
        self.site = next(
            path
            for path in self.path.glob("lib*/*/site-packages")
            if not path.parent.is_symlink()
        )
        if packages:
            place = next(packages.glob("lib/*/site-packages"))
            shutil.copytree(
                place,
                self.site,
                copy_function=linked,
                dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("pip*"),
            )
        self.lock = folder / "requirements.txt"
        self.lock.write_text("ham==1.0\n")
        add_record(self.site, "ham", ALIGNED)

    def guard(self, *mode: str) -> None:
        command = [
            sys.executable,
            ENVLOCK,
            "-e",
            self.python,
            "site-install",
            "--bound",
            self.lock,
            "--superset",
            *mode,
        ]
        done = run(command)
        assert done.returncode == 0, done.stderr

    def drift(self, to: str = DRIFT) -> None:
        """Another version of ham is there, in one step."""
        record = next(self.site.glob("ham-*.dist-info"))
        record.rename(record.with_name(f"ham-{to}.dist-info"))

    def mend(self) -> None:
        self.drift(ALIGNED)

    def run(self, *words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return run([self.python, *words], cwd=self.folder, **options)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path


def linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


class Server:
    """A program that goes on, with all that it starts; its output is kept in a file."""

    def __init__(
        self,
        command: Sequence[object],
        folder: Path,
        name: str = "server",
        **settings: str,
    ) -> None:
        self.log = folder / f"{name}.log"
        self.file = open(self.log, "wb")  # noqa: SIM115
        self.process = subprocess.Popen(
            list(map(str, command)),
            cwd=folder,
            env={**CLEAN, "PYTHONUNBUFFERED": "1", **settings},
            stdin=subprocess.DEVNULL,
            stdout=self.file,
            stderr=self.file,
            start_new_session=True,
        )

    def __enter__(self) -> Server:  # noqa: PYI034
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        self.file.close()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def says(self, text: str, times: int = 1) -> bool:
        """Wait until the program has said something."""
        return until(
            lambda: self.said().count(text) >= times or self.process.poll() is not None
        ) and (self.said().count(text) >= times)

    def status(self) -> int | None:
        """The exit status, once the program has ended; None if it goes on."""
        until(lambda: self.process.poll() is not None)
        return self.process.poll()


def until(true: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Wait until something is true; tells whether it has become so."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.03)
    return True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def get(port: int, path: str = "/", seconds: float = PATIENCE) -> str:
    """What a server on loopback answers, once it does; "" if it doesn't."""
    found = [""]

    def answers() -> bool:
        with contextlib.suppress(OSError):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(
                f"http://127.0.0.1:{port}{path}", timeout=max(1, min(10, seconds))
            ) as answer:
                found[0] = answer.read().decode()
            return True
        return False

    until(answers, seconds)
    return found[0]


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    folder = tempfile.mkdtemp(prefix="envlock-real-")
    os.chmod(folder, 0o755)
    try:
        yield Path(folder).resolve()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
