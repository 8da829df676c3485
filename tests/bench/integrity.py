"""What `--integrity` costs beside reading and hashing the same bytes with nothing else.

The environment is a real one, installed below the cache the first time: tens of thousands of files.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.tools.check import CACHE, ROOT, installed

PACKAGES = (
    "jupyter",
    "pandas",
    "scikit-learn",
    "pyarrow",
    "polars",
    "matplotlib",
    "boto3",
    "django",
    "sympy",
    "plotly",
    "bokeh",
    "spacy",
    "dask",
    "ansible",
)
ROUNDS = 7

# As many threads, the same files in the same shares, and no comparison.
BARE = """\
import hashlib, os, sys
from concurrent.futures import ThreadPoolExecutor
def share(paths):
    for path in paths:
        with open(path, 'rb', 0) as file:
            hash, data = hashlib.sha256(), file.read(1 << 20)
            while data:
                hash.update(data)
                data = file.read(1 << 20)
        hash.digest()
with open(sys.argv[1]) as file:
    paths = file.read().split('\\n')
paths.sort(key=os.path.getsize, reverse=True)
count = len(paths) // 64 + 1
with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
    list(pool.map(share, [paths[index::count] for index in range(count)]))
"""


def run(command: list[str]) -> tuple[float, float]:
    """(seconds, most memory in MB) of one run."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = status
    if status:
        raise SystemExit(f"{command}: wait status {status}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> int:
    python = str(installed(CACHE / "bench" / "integrity", *PACKAGES) / "python")
    interpreter = envlock.ask_interpreters([python])[0]
    hashes: dict[str, str] = {}
    envlock.integrity_findings(interpreter, envlock.Policy(), hashes=hashes)
    files = [path for path, digest in hashes.items() if digest]
    size = sum(map(os.path.getsize, files)) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        names, bound = Path(folder, "names"), Path(folder, "requirements.txt")
        names.write_text("\n".join(files))
        bound.write_text("")
        words = ["-q", "-e", python, "validate", "--bound", str(bound), "--superset"]
        commands = {
            "read and hash, nothing else": [sys.executable, "-c", BARE, str(names)],
            "validate --integrity": [
                sys.executable,
                str(ROOT / "envlock.py"),
                *words,
                "--integrity",
            ],
        }
        taken: dict[str, list[tuple[float, float]]] = {
            title: [run(command)] for title, command in commands.items()
        }
        for _ in range(ROUNDS):
            for title, command in commands.items():
                taken[title].append(run(command))
    print(
        f"integrity: {len(files)} files, {size:.0f} MB, {os.cpu_count()} cores, medians of {ROUNDS} rounds:"
    )
    medians = []
    for title, runs in taken.items():
        medians.append(statistics.median(seconds for seconds, _ in runs[1:]))
        print(
            f"  {title:44} {medians[-1]:7.2f} s  {max(memory for _, memory in runs):7.0f} MB"
        )
    ratio = statistics.median(
        one[0] / bare[0] for bare, one in list(zip(*taken.values()))[1:]
    )
    print(f"  ratio, round by round: {ratio:.2f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
