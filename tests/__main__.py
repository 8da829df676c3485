"""The whole suite, each module in a process of its own, some at once: many tests wait for a clock or for a child.

`python -m tests`; one module alone is `python -m unittest tests.test_guard`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
AT_ONCE = (os.cpu_count() or 1) + 2
MINUTES = 2
# How the names begin of those that take the longest: they start first, so that none is left alone at the end.
FIRST = (
    "test_bound_files",
    "test_guard_",
    "test_readme",
    "test_command_line",
    "test_integrity",
    "test_streams",
    "test_",
)


def run(module: str) -> tuple[str, int, str]:
    command = [sys.executable, "-m", "unittest", f"tests.{module}"]
    env = dict(os.environ)
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # else each module compiles envlock.py
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return module, done.returncode, done.stdout.decode(errors="replace")


def main() -> int:
    began = time.monotonic()
    modules = [path.stem for path in (ROOT / "tests").glob("test_*.py")]
    modules.sort(
        key=lambda name: ([name.startswith(start) for start in FIRST].index(True), name)
    )
    print(
        f"{len(modules)} test modules, {AT_ONCE} at once, offline; about {MINUTES} minutes on two cores",
        flush=True,
    )
    passed = skipped = failed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for job in as_completed([pool.submit(run, module) for module in modules]):
            module, status, output = job.result()
            ran = re.search(r"^Ran (\d+) tests? in (.+)$", output, re.MULTILINE)
            summary = output.rpartition("\n\n")[2]
            told = dict(
                re.findall(
                    r"[(,] ?(failures|errors|unexpected successes|skipped)=(\d+)",
                    summary,
                )
            )
            skips = int(told.pop("skipped", 0))
            bad = max(sum(map(int, told.values())), int(status != 0 or not ran))
            print(
                f"{'FAILED' if bad else 'ok':8}{module}{f': {ran[1]} tests in {ran[2]}' if ran else ''}",
                flush=True,
            )
            if bad:
                print(output, flush=True)
            passed += max(int(ran[1]) - skips - bad, 0) if ran else 0
            skipped, failed = skipped + skips, failed + bad
    print(
        f"{passed} passed, {skipped} skipped, {failed} failed, in {time.monotonic() - began:.0f} s"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
