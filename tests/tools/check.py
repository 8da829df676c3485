"""What CI runs: lint, the tests on every interpreter found, conformance; and branch coverage.

`check.py [lint | test | conformance | coverage]...`
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ENVLOCK_CACHE", ROOT / ".cache"))
DEV_TOOLS = ("ruff==0.17.6", "mypy==2.4.1")
COVERAGE = "coverage==7.17.5"
FEWEST_INTERPRETERS = 4
AT_ONCE = 3  # most wait for a network now and then
ALONE = {"windows"}  # its starts have a time limit, and Wine is slow beside others

# Prints what tells two interpreters apart, if they can run the tests at all.
PROBE = "import sys, venv; print(sys.version_info >= (3, 8), sys.implementation.name, '%d.%d' % sys.version_info[:2])"

# For the end of threading.py: a thread is traced if something in this place starts its tracer.
THREAD_START = "_trace_hook = _sys.modules['encodings'].trace_thread\n"

# Gives coverage.py what its tracer has noted: from line to line, packed into a number of twice 28 bits and two signs.
UNPACK = """\
import sys, coverage
steps, data, source = sys.argv[1:]
signed = lambda number, sign: -number if sign else number
arcs = {
    (signed(step & 0xFFFFFFF, step >> 56 & 1), signed(step >> 28 & 0xFFFFFFF, step >> 57 & 1))
    for step in map(int, open(steps))
}
noted = coverage.CoverageData(data)
noted.add_arcs({source: arcs})
noted.write()
"""


class Tally:
    """Checks passed and failed, over everything that ran."""

    def __init__(self) -> None:
        self.passed = self.failed = 0

    def add(self, title: str, passed: int, failed: int, output: str) -> None:
        self.passed += passed
        self.failed += failed
        print(
            f"{'FAILED' if failed else 'ok':8}{title}: {passed} passed, {failed} failed",
            flush=True,
        )
        if failed:
            print(output, flush=True)


def timed(command: list[str]) -> tuple[int, str, float]:
    began = time.monotonic()
    return (*run(command), time.monotonic() - began)


def run(command: list[str], **options: str) -> tuple[int, str]:
    env = {**os.environ, "ENVLOCK_CACHE": str(CACHE), **options}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # else tools compile themselves each time
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return done.returncode, done.stdout.decode(errors="replace")


def interpreters() -> dict[str, str]:
    """One interpreter of each implementation and version on this machine: {"cpython 3.8": path}."""
    places = os.environ["PATH"].split(os.pathsep) + glob.glob(
        os.path.expanduser("~/.pyenv/versions/*/bin")
    )
    places.append(str(CACHE / "pythons" / "bin"))
    found: dict[str, str] = {}
    for place in places:
        for path in sorted(
            glob.glob(f"{place}/python3*") + glob.glob(f"{place}/pypy3*")
        ):
            if not re.fullmatch(
                r"(python|pypy)3(\.\d+)?t?", os.path.basename(path)
            ) or not os.access(path, os.X_OK):
                continue
            status, output = run([path, "-c", PROBE])
            words = output.split()
            if status == 0 and words[:1] == ["True"]:
                found.setdefault(" ".join(words[1:]), path)
    return dict(
        sorted(
            found.items(),
            key=lambda item: (item[0].split()[0], int(item[0].rpartition(".")[2])),
        )
    )


def installed(folder: Path, *requirements: str) -> Path:
    """The folder of commands of an environment that holds these requirements, made unless it is there."""
    commands = folder / ("Scripts" if os.name == "nt" else "bin")
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_text() != "\n".join(requirements):
        venv.create(folder, with_pip=True, clear=True)
        if requirements:
            print(f"{folder}: installing {', '.join(requirements)}", flush=True)
            status, output = run(
                [str(commands / "python"), "-m", "pip", "install", "-q", *requirements]
            )
            if status:
                raise SystemExit(output)
        stamp.write_text("\n".join(requirements))
    return commands


def lint(tally: Tally) -> None:
    for words in (
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("mypy", "--strict"),
    ):
        status, output = run(
            [str(installed(CACHE / "dev", *DEV_TOOLS) / words[0]), *words[1:]]
        )
        tally.add(" ".join(words), int(status == 0), int(status != 0), output)


def test(tally: Tally) -> None:
    found = interpreters()
    print("interpreters:", ", ".join(found), flush=True)
    if len(found) < FEWEST_INTERPRETERS:
        tally.add(
            f"at least {FEWEST_INTERPRETERS} interpreters",
            0,
            1,
            "only " + ", ".join(found),
        )
    for name, python in found.items():
        status, output = run(["make", "-s", "test", f"PYTHON={python}"])
        said = re.search(
            r"^(\d+) passed, (\d+) skipped, (\d+) failed, in (\d+) s$",
            output,
            re.MULTILINE,
        )
        passed, skipped, failed, seconds = (
            map(int, said.groups()) if said else (0, 0, 0, 0)
        )
        failed = max(failed, int(status != 0 or not passed))
        tally.add(
            f"make test on {name} ({skipped} skipped, {seconds} s)",
            passed,
            failed,
            output,
        )


def conformance(tally: Tally) -> None:
    scripts = [
        path
        for path in sorted((ROOT / "tests" / "conformance").glob("*.py"))
        if "__main__" in path.read_text()
    ]
    scripts.sort(key=lambda path: path.stem != "locks")  # takes longer than others
    beside = [script for script in scripts if script.stem not in ALONE]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = {
            pool.submit(timed, [sys.executable, str(script)]): script
            for script in beside
        }
        for job in as_completed(jobs):
            add_script(tally, jobs[job], *job.result())
    for script in scripts:
        if script not in beside:
            add_script(tally, script, *timed([sys.executable, str(script)]))


def add_script(
    tally: Tally, script: Path, status: int, output: str, seconds: float
) -> None:
    """Count what a script of conformance has said."""
    skipped = re.search(r"^\w+: skipped: .*$", output, re.MULTILINE)
    if skipped and status == 0:
        print(f"{'skipped':8}conformance/{skipped[0]}", flush=True)
        return
    said = re.findall(r"^.*: (\d+) comparisons, (\d+) failures$", output, re.MULTILINE)
    passed, failed = (int(number) for number in said[-1]) if said else (0, 0)
    bad = max(failed, int(status != 0 or not passed))
    tally.add(
        f"conformance/{script.name} ({seconds:.0f} s)",
        passed - failed,
        bad,
        output,
    )
    for part in re.findall(
        r"^  (.*: skipped: .*)$", "" if bad else output, re.MULTILINE
    ):
        print(f"{'skipped':8}conformance/{script.stem}: {part}", flush=True)


def traced_interpreter(tracer: str, steps: Path) -> str:
    """This interpreter, of links but for what has each of its processes, and of its environments', run `tracer.py`."""
    folder = CACHE / "traced"
    shutil.rmtree(folder, ignore_errors=True)
    library = Path(sysconfig.get_path("stdlib"))
    own = folder / library.relative_to(sys.base_prefix)
    for place in ("", "encodings"):
        (own / place).mkdir(parents=True)
        for entry in (library / place).iterdir():
            if entry.name not in ("__init__.py", "__pycache__", "encodings"):
                (own / place / entry.name).symlink_to(entry)
    shutil.copy(ROOT / "tests" / "tools" / "tracer.py", own / "encodings")
    start = f"from encodings import tracer\ntracer.start{(tracer, str(ROOT / 'envlock.py'), str(steps))}\n"
    for name, line in (
        ("encodings/__init__.py", start),
        ("threading.py", THREAD_START),
    ):
        (own / name).unlink(missing_ok=True)
        (own / name).write_text((library / name).read_text() + "\n" + line)
    (folder / "bin").mkdir()
    return str(shutil.copy(sys.executable, folder / "bin" / "python3"))


def coverage(tally: Tally) -> None:
    """Branch coverage of envlock.py, in all processes that the tests start (CPython from 3.11); see `tracer.py`."""
    tools, steps, data = (
        installed(CACHE / "coverage", COVERAGE),
        CACHE / "steps",
        CACHE / "coverage.data",
    )
    python = str(tools / "python")
    steps.unlink(missing_ok=True)
    data.unlink(missing_ok=True)
    _, tracer = run(
        [
            python,
            "-c",
            "import coverage.tracer as tracer; print(tracer.__file__, end='')",
        ]
    )
    status, output = run([traced_interpreter(tracer, steps), "-m", "tests"])
    tally.add("the tests, traced", int(status == 0), int(status != 0), output)
    run([python, "-c", UNPACK, str(steps), str(data), str(ROOT / "envlock.py")])
    status, output = run([str(tools / "coverage"), "report", f"--data-file={data}"])
    print(output)
    tally.add("branch coverage", int(status == 0), int(status != 0), "")


CI = {"lint": lint, "test": test, "conformance": conformance}
PARTS = {**CI, "coverage": coverage}


def main() -> int:
    tally = Tally()
    for name in sys.argv[1:] or CI:
        PARTS[name](tally)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
