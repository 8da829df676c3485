"""Costs side by side in one run, as medians of interleaved rounds: `make bench`. Ratios count, not milliseconds."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Sequence

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.tools.check import CACHE, ROOT, installed

FETTER, UV = "fetter==4.0.1", "uv"
# Without -q it shows an animation, whose steps sleep even where nobody sees it.
QUIET_FETTER = "fetter -q validate, no cache"
ROUNDS = 21
# The records of an installer don't differ in what is read of them: a directory's name.
SIZES = (10, 325, 2000)


def timed(command: list[str], env: dict[str, str] | None = None) -> float:
    """Milliseconds of one run; its verdict doesn't matter here, that it ran does."""
    start = time.perf_counter()
    done = subprocess.run(  # not from here: `-c` would find this envlock.py first
        command,
        cwd=os.sep,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    elapsed = (time.perf_counter() - start) * 1000
    if done.returncode not in (0, 3, 78) or b"Traceback" in done.stderr:
        raise SystemExit(f"{command}: {done.stderr.decode()}")
    return elapsed


def compare(
    commands: dict[str, list[str]],
    rounds: int = ROUNDS,
    env: dict[str, str] | None = None,
) -> dict[str, float]:
    """Median milliseconds of each command beyond the first, all in turn in each round."""
    for command in commands.values():
        timed(command, env)
    times: dict[str, list[float]] = {title: [] for title in commands}
    for _ in range(rounds):
        for title, command in commands.items():
            times[title].append(timed(command, env))
    base = next(iter(times.values()))
    for title, taken in times.items():
        more = statistics.median(one - start for one, start in zip(taken, base))
        print(f"  {title:44} {statistics.median(taken):7.1f} ms  {more:+7.1f} ms")
    return {
        title: statistics.median(one - start for one, start in zip(taken, base))
        for title, taken in times.items()
    }


def tool(requirement: str) -> Path:
    """The folder of commands of a tool, installed below the cache."""
    return installed(CACHE / "bench" / requirement.partition("=")[0], requirement)


# What pulls in some three hundred packages, so that the lock has 1.5 MB.
LARGE_PROJECT = """[project]
name = "large"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["apache-airflow[celery,amazon,google]", "jupyterlab", "streamlit", "scikit-learn"]
"""


class Fabricated:
    """A virtual environment that holds records, their lock, and envlock as `pip install` leaves it."""

    def __init__(
        self, folder: Path, packages: int, names: Sequence[tuple[str, str]] = ()
    ) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = str(folder / "bin" / "python")
        site = next((folder / "lib").glob("*/site-packages"))
        names = names or [
            (f"package_number_{number}", f"1.{number}.{number % 7}")
            for number in range(packages)
        ]
        for name, version in names:
            record = site / f"{name}-{version}.dist-info"
            record.mkdir()
            (record / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
        self.lock = str(folder / "requirements.lock")
        Path(self.lock).write_text(
            "".join(f"{name.replace('_', '-')}=={version}\n" for name, version in names)
        )
        shutil.copy(ROOT / "envlock.py", site)
        compiled = (
            "import py_compile; py_compile.compile("
            + repr(str(site / "envlock.py"))
            + ")"
        )
        subprocess.run([self.python, "-c", compiled], check=True)
        self.installed = [
            self.python,
            "-c",
            "import sys; from envlock import main; sys.exit(main())",
        ]


def bench_validate(folder: Path) -> None:
    made = {size: Fabricated(folder / str(size), size) for size in SIZES}
    one = made[325]
    words = ["validate", "--bound", one.lock]
    fetter = str(tool(FETTER) / "fetter")
    print("validate, 325 packages, lock by pip freeze, no cache:")
    more = compare(
        {
            "bare start (python -c pass)": [one.python, "-c", "pass"],
            "python envlock.py validate": [
                one.python,
                str(ROOT / "envlock.py"),
                *words,
            ],
            "python -m envlock validate": [one.python, "-m", "envlock", *words],
            "envlock validate (installed)": [*one.installed, *words],
            QUIET_FETTER: [fetter, "-q", "-c", "0", "-e", one.python, *words],
            "fetter validate with its animation": [
                fetter,
                "-c",
                "0",
                "-e",
                one.python,
                *words,
            ],
        }
    )
    copied, kept = (
        more["python envlock.py validate"],
        more["python -m envlock validate"],
    )
    installed_one, fetters = more["envlock validate (installed)"], more[QUIET_FETTER]
    print(
        f"  beyond a bare start, `-m envlock` costs {kept / copied:.2f} of `envlock.py`;"
    )
    print(
        f"  {installed_one / fetters:.2f} (installed), {copied / fetters:.2f} (a file) of fetter -q"
    )
    print("validate, growth with the number of packages (installed envlock):")
    growth = compare(
        {
            f"{size} packages": [*each.installed, "validate", "--bound", each.lock]
            for size, each in made.items()
        }
    )
    each = (growth["2000 packages"] - growth["325 packages"]) / (2000 - 325) * 1000
    print(f"  {each:.0f} microseconds a package")


def bench_lock(folder: Path) -> None:
    """A large uv.lock made by uv, and an environment that holds what uv would install."""
    uv = str(tool(UV) / "uv")
    folder.mkdir()
    (folder / "pyproject.toml").write_text(LARGE_PROJECT)
    words = ["--project", str(folder), "--python", sys.executable]
    subprocess.run([uv, "lock", "-q", *words], check=True)
    export = [
        uv,
        "export",
        "-q",
        "--no-hashes",
        "--no-emit-project",
        "--no-header",
        *words,
    ]
    listed = subprocess.run(export, check=True, capture_output=True).stdout.decode()
    pins = (line.partition(";") for line in listed.splitlines() if "==" in line)
    held = (
        pin.strip()
        for pin, _, marker in pins
        if not marker or envlock.Marker(marker).evaluate()
    )
    names = [
        (name.partition("[")[0].replace("-", "_"), version)
        for name, _, version in (pin.partition("==") for pin in held)
    ]
    one = Fabricated(folder / "venv", 0, names)
    lock = folder / "uv.lock"
    print(
        f"validate, uv.lock of {lock.stat().st_size / 1e6:.1f} MB, {len(names)} packages installed, no cache:"
    )
    # The root is an editable that isn't fabricated.
    words = ["validate", "--bound", str(lock), "--ignore", "large"]
    fetter = str(tool(FETTER) / "fetter")
    compare(
        {
            "bare start (python -c pass)": [one.python, "-c", "pass"],
            "python envlock.py validate": [
                one.python,
                str(ROOT / "envlock.py"),
                *words,
                "exit",
                "--code",
                "9",
            ],
            "envlock validate (installed)": [
                *one.installed,
                *words,
                "exit",
                "--code",
                "9",
            ],
            QUIET_FETTER: [fetter, "-q", "-c", "0", "-e", one.python, *words],
        }
    )


def main() -> int:
    print(
        f"{sys.implementation.name} {sys.version.split()[0]}, {os.cpu_count()} cores, medians of {ROUNDS} rounds"
    )
    folder = Path(tempfile.mkdtemp(prefix="envlock-bench-"))
    try:
        bench_validate(folder)
        bench_lock(folder / "large")
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
