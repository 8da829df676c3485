"""What a guarded start costs beyond the same start with a comment in the guard's place: part of `make bench`.

With `--before FILE`, an older envlock.py, only its instructions beside today's are printed.
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
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.commands import FETTER, SIZES, Fabricated, timed, tool
from tests.support import recorded_hash
from tests.tools.check import ROOT

PAIRS, FEW_PAIRS = 100, 21
FILES = (5_000, 57_000)
YOUNG = 2.1  # seconds after which the guard trusts a time stamp


class Guarded:
    """A fabricated environment whose start-up file can be the guard's or a comment."""

    def __init__(
        self,
        folder: Path,
        packages: int,
        files: int = 0,
        source: str = str(ROOT / "envlock.py"),
        mode: str = "exit",
    ) -> None:
        self.made = Fabricated(folder, packages)
        self.start = [self.made.python, "-c", "pass"]
        self.site = next((folder / "lib").glob("*/site-packages"))
        self.modules = list(recorded_modules(self.site, files))
        install = [
            sys.executable,
            source,
            "-e",
            self.made.python,
            "site-install",
            "-q",
        ]
        policy = []
        if files:
            policy = ["--integrity"]
            (self.site / "envlock.py").unlink()  # no record lists it
        subprocess.run([*install, "-b", self.made.lock, *policy, mode], check=True)
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


def recorded_modules(site: Path, count: int) -> Iterator[Path]:
    """Give fabricated packages their shares of files, with hashes in their records."""
    records, data = sorted(site.glob("*.dist-info")), b"x = 1\n" * 100
    told = f"{recorded_hash(data)},{len(data)}"
    for index, record in enumerate(records):
        name, rows = record.name.partition("-")[0], []
        for number in range(index, count, len(records)):
            inside = f"{name}/part_{number // 9000}/module_{number}.py"
            path = site / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            rows.append(f"{inside},{told}\n")
            yield path
        (record / "RECORD").write_text("".join(rows))


def guarded_by_fetter(folder: Path, packages: int) -> list[str]:
    """A start of a fabricated environment that holds fetter and its guard."""
    one = Guarded(folder, packages)
    one.plain()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            one.made.python,
            "install",
            "-q",
            FETTER,
        ],
        check=True,
    )
    words = [
        "-e",
        one.made.python,
        "site-install",
        "--bound",
        one.made.lock,
        "--superset",
        "exit",
    ]
    subprocess.run(
        [str(tool(FETTER) / "fetter"), *words], check=True, stdout=subprocess.DEVNULL
    )
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


def paired(
    plain: list[str], other: list[str], pairs: int = PAIRS
) -> tuple[float, float]:
    """The median of the first's times, and of the differences, in milliseconds."""
    taken = [(timed(plain), timed(other)) for _ in range(pairs)]
    return statistics.median(one for one, _ in taken), statistics.median(
        two - one for one, two in taken
    )


def count_instructions(environments: dict[int, Guarded]) -> None:
    print("unchanged start, instructions (callgrind):")
    extra = {}
    for size, one in environments.items():
        guarded = instructions(one.start)
        one.plain()
        plain = instructions(one.start)
        one.guarded()
        extra[size] = guarded - plain
        print(
            f"  {size:5} packages {plain:12,} {extra[size]:+10,}  {extra[size] / plain:+.2%}"
        )
    sizes = sorted(extra)
    print(
        f"  growth from {sizes[0]} to {sizes[-1]} packages: {extra[sizes[-1]] / extra[sizes[0]]:.3f} times"
    )


def measure_times(folder: Path) -> None:
    one, other = Guarded(folder / "guarded", 325), Guarded(folder / "plain", 325)
    other.plain()
    one.settle()
    print(
        "325 packages, requirements lock, milliseconds beyond a start without the guard:"
    )
    base, more = paired(other.start, one.start)
    print(f"  unchanged      {more:+7.2f} of {base:.1f}")
    more = statistics.median(
        changed(one, "same") - timed(other.start) for _ in range(FEW_PAIRS)
    )
    print(f"  same content   {more:+7.2f}")
    more = statistics.median(
        changed(one, "content") - timed(other.start) for _ in range(FEW_PAIRS)
    )
    print(f"  changed        {more:+7.2f}")
    base, theirs = paired(
        other.start, guarded_by_fetter(folder / "fetter", 325), FEW_PAIRS
    )
    print(f"  fetter's guard {theirs:+7.2f}")


def measure_integrity(folder: Path) -> None:
    other = Guarded(folder / "plain", 325)
    other.plain()
    print("325 packages, --integrity, milliseconds beyond a start without the guard:")
    for count in FILES:
        one = Guarded(folder / str(count), 325, count)
        one.settle()
        subprocess.run(one.start, check=True)
        base, more = paired(other.start, one.start, FEW_PAIRS)
        print(f"  {count:6,} files, unchanged {more:+7.1f} of {base:.1f}")
        touched = []
        for path in one.modules[:5]:
            os.utime(path)
            touched.append(timed(one.start) - timed(other.start))
        print(f"  {count:6,} files, one touched {statistics.median(touched):+7.1f}")


def kinds_of_starts(folder: Path, source: str) -> dict[str, int]:
    """Instructions beyond a bare start, by the kind of a start, for the guard of an envlock.py."""
    one = Guarded(folder / "aligned", 325, source=source)
    one.plain()
    bare = instructions(one.start)
    one.guarded()
    one.settle()
    one.settle()
    found = {"unchanged": instructions(one.start) - bare}
    for what in ("same", "content"):
        change(one, what)
        found[what] = instructions(one.start) - bare
        one.settle()
    drifted = Guarded(folder / "drifted", 325, source=source, mode="warn")
    record = drifted.site / "drift-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: drift\nVersion: 1.0\n"
    )
    drifted.settle()
    drifted.settle()
    found["drifted, warned"] = instructions(drifted.start) - bare
    return found


def compare_with(folder: Path, source: str) -> None:
    """Print the guard's instructions beside those of an older envlock.py."""
    before = kinds_of_starts(folder / "before", source)
    now = kinds_of_starts(folder / "now", str(ROOT / "envlock.py"))
    print("325 packages, requirements lock, instructions beyond a bare start:")
    for kind, count in before.items():
        print(
            f"  {kind:16} {count:12,} before {now[kind]:12,} now {now[kind] / count:6.3f} times"
        )


def changed(one: Guarded, what: str) -> float:
    """The time of the first start after a touch, or after a change of the bound."""
    change(one, what)
    return timed(one.start)


def change(one: Guarded, what: str) -> None:
    """Touch the site directory ("same"), or change the bound."""
    if what == "same":
        os.utime(one.site)
    else:
        with open(one.made.lock, "a") as file:
            file.write("\n")
        time.sleep(0.2)  # a change that is still going on is never kept


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="envlock-bench-"))
    try:
        if sys.argv[1:2] == ["--before"]:
            compare_with(folder, sys.argv[2])
            return 0
        if shutil.which("valgrind"):
            environments = {size: Guarded(folder / str(size), size) for size in SIZES}
            for one in environments.values():
                one.settle()
            count_instructions(environments)
        measure_times(folder)
        measure_integrity(folder / "integrity")
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
