"""The sdist and the wheel: built by the standard front end, installed offline; tests pass from the sdist."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.support import CLEAN, ENVLOCK, ROOT
from tests.tools.check import CACHE, installed


def run(*command: object, folder: Path = ROOT) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=CLEAN,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    if done.returncode:
        raise SystemExit(f"{command}: {done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode()


def main() -> int:
    builder = installed(CACHE / "build", "build", "flit_core>=3.8,<4") / "python"
    failures = []
    with tempfile.TemporaryDirectory(prefix="envlock-build-") as name:
        out = Path(name)
        run(builder, "-m", "build", "--no-isolation", "--outdir", out / "dist", ROOT)
        sdist, wheel = sorted((out / "dist").iterdir(), key=lambda path: path.suffix)
        python = installed(out / "venv", "flit_core>=3.8,<4") / "python"
        checks = {}
        for archive in (wheel, sdist):
            offline = ["--force-reinstall", "--no-index", "--no-build-isolation"]
            run(python, "-m", "pip", "install", "-q", *offline, archive)
            site = Path(
                run(python, "-c", "import envlock; print(envlock.__file__)").strip()
            )
            checks[f"{archive.suffix}: the file"] = (
                site.read_bytes() == ENVLOCK.read_bytes()
            )
            version = run(out / "venv" / "bin" / "envlock", "--version")
            checks[f"{archive.suffix}: the command"] = (
                version == f"envlock {envlock.__version__}\n"
            )
        with tarfile.open(sdist) as archived:
            archived.extractall(out / "source")
        (source,) = (out / "source").iterdir()
        for expected in (
            "envlock.py",
            "README.md",
            "Makefile",
            "tests/support.py",
            "tests/test_command_line.py",
            "tests/conformance/locks.py",
        ):
            checks[f"sdist holds {expected}"] = (source / expected).is_file()
        # Those that need more than envlock.py; each ends this if it fails.
        modules = ("rooms", "readme", "bound_files", "uv_lock", "poetry_lock")
        tests = [f"tests.test_{module}" for module in modules]
        run(sys.executable, "-m", "unittest", *tests, folder=source)
        failures = [check for check, held in checks.items() if not held]
    print("\n".join(failures))
    print(f"build: {len(checks)} comparisons, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
