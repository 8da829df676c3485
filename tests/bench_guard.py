"""What a guarded start costs beyond the same start with a comment in the guard's place: part of `make bench`.

Instructions are counted by valgrind's callgrind, where it is there; times are medians of paired differences.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.bench import FETTER, SIZES, Fabricated, timed, tool
from tests.check import ROOT

PAIRS = 100
YOUNG = 2.1  # seconds after which the guard trusts a time stamp


class Guarded:
    """A fabricated environment whose start-up file can be the guard's or a comment."""

    def __init__(self, folder: Path, packages: int) -> None:
        self.made = Fabricated(folder, packages)
        self.start = [self.made.python, "-c", "pass"]
        install = [sys.executable, str(ROOT / "envlock.py"), "-e", self.made.python, "site-install", "-q"]
        subprocess.run([*install, "-b", self.made.lock, "exit"], check=True)
        self.site = next((folder / "lib").glob("*/site-packages"))
        self.file = self.site / "0-envlock.pth"
        self.comment, self.kept = self.site / "1-comment.pth", folder / "kept.pth"

    def plain(self) -> None:
        """The same start with a comment in the guard's place."""
        self.file.rename(self.kept)
        self.comment.write_text("# nothing\n")

    def guarded(self) -> None:
        self.comment.unlink()
        self.kept.rename(self.file)

    def settle(self) -> None:
        """Let time stamps grow old enough to be trusted, and the guard note that."""
        time.sleep(YOUNG)
        timed(self.start)


def guarded_by_fetter(folder: Path, packages: int) -> list[str]:
    """A start of a fabricated environment that holds fetter and its guard."""
    one = Guarded(folder, packages)
    one.plain()
    subprocess.run([sys.executable, "-m", "pip", "--python", one.made.python, "install", "-q", FETTER], check=True)
    words = ["-e", one.made.python, "site-install", "--bound", one.made.lock, "--superset", "exit"]
    subprocess.run([str(tool(FETTER) / "fetter"), *words], check=True, stdout=subprocess.DEVNULL)
    return one.start


def instructions(command: list[str]) -> int:
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        cwd=os.sep,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
    )
    found = re.search(rb"Collected : (\d+)", done.stderr)
    if not found:
        raise SystemExit(done.stderr.decode())
    return int(found[1])


def paired(plain: list[str], other: list[str], pairs: int = PAIRS) -> tuple[float, float]:
    """The median of the first's times, and of the differences, in milliseconds."""
    taken = [(timed(plain), timed(other)) for _ in range(pairs)]
    return statistics.median(one for one, _ in taken), statistics.median(two - one for one, two in taken)


def count_instructions(environments: dict[int, Guarded]) -> None:
    print("unchanged start, instructions (callgrind):")
    extra = {}
    for size, one in environments.items():
        guarded = instructions(one.start)
        one.plain()
        plain = instructions(one.start)
        one.guarded()
        extra[size] = guarded - plain
        print(f"  {size:5} packages {plain:12,} {extra[size]:+10,}  {extra[size] / plain:+.2%}")
    sizes = sorted(extra)
    print(f"  growth from {sizes[0]} to {sizes[-1]} packages: {extra[sizes[-1]] / extra[sizes[0]]:.3f} times")


def measure_times(folder: Path) -> None:
    one, other = Guarded(folder / "guarded", 325), Guarded(folder / "plain", 325)
    other.plain()
    one.settle()
    print("325 packages, requirements lock, milliseconds beyond a start without the guard:")
    base, more = paired(other.start, one.start)
    print(f"  unchanged      {more:+7.2f} of {base:.1f}")
    more = statistics.median(changed(one, "same") - timed(other.start) for _ in range(21))
    print(f"  same content   {more:+7.2f}")
    more = statistics.median(changed(one, "content") - timed(other.start) for _ in range(21))
    print(f"  changed        {more:+7.2f}")
    base, theirs = paired(other.start, guarded_by_fetter(folder / "fetter", 325), 21)
    print(f"  fetter's guard {theirs:+7.2f}")


def changed(one: Guarded, what: str) -> float:
    """The time of the first start after a touch, or after a change of the bound."""
    if what == "same":
        os.utime(one.site)
    else:
        with open(one.made.lock, "a") as file:
            file.write("\n")
        time.sleep(0.2)  # a change that is still going on is never kept
    return timed(one.start)


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-bench-"))
    try:
        if shutil.which("valgrind"):
            environments = {size: Guarded(folder / str(size), size) for size in SIZES}
            for one in environments.values():
                one.settle()
            count_instructions(environments)
        measure_times(folder)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
