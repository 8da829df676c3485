#!/usr/bin/env python3
"""Run packaging's own tests of versions, specifiers, markers, requirements and names against envlock.

The sdist is fetched with pip and the tests run in a virtual environment with pytest, where a package `packaging` stands
in that re-exports envlock's names. pytest loads this file as a plugin too: it deselects the tests of what envlock
doesn't promise (spec section 8), each for a reason given below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "26.3"
ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ENVLOCK_CACHE") or ROOT / ".cache")
FILES = ["test_version.py", "test_specifiers.py", "test_markers.py", "test_requirements.py", "test_utils.py"]

# Where packaging's names come from; a name that isn't promised is given as an empty class, so that imports succeed.
SHIM = """
import envlock
from envlock import *
from envlock import {names}
parse = Version
UndefinedComparison = UndefinedEnvironmentName = InvalidMarker

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {{"__init__": lambda self, *args: None, "cache_clear": staticmethod(lambda: None)}})
"""
NAMES = (
    "InvalidMarker, InvalidRequirement, InvalidSpecifier, InvalidVersion, Marker, Requirement, Specifier, "
    "SpecifierSet, Version, canonicalize_name, default_environment"
)
MODULES = [
    "_parser",
    "_structures",
    "markers",
    "ranges",
    "_ranges",
    "requirements",
    "specifiers",
    "tags",
    "utils",
    "version",
]

# Regular expressions searched in a test's node id, and why it doesn't apply.
EXCLUDED: list[tuple[str, str]] = []


def is_excluded(nodeid: str) -> bool:
    return any(re.search(pattern, nodeid) for pattern, _ in EXCLUDED)


def pytest_collection_modifyitems(config, items):  # type: ignore[no-untyped-def]
    """pytest's hook: take the excluded tests out."""
    excluded = [item for item in items if is_excluded(item.nodeid)]
    items[:] = [item for item in items if not is_excluded(item.nodeid)]
    config.hook.pytest_deselected(items=excluded)


def fetch_sdist() -> Path:
    folder = CACHE / f"packaging-{VERSION}"
    if not folder.is_dir():
        command = ["download", "-q", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", str(CACHE)]
        subprocess.run([str(make_venv()), "-m", "pip", *command, f"packaging=={VERSION}"], check=True)
        with tarfile.open(CACHE / f"packaging-{VERSION}.tar.gz") as archive:
            archive.extractall(CACHE)
    return folder


def make_venv() -> Path:
    folder = CACHE / "suite-venv-{}.{}".format(*sys.version_info)
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        packages = ["pytest", "pretend", "hypothesis", "flit_core"]
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True
        )
        (folder / "complete").touch()
    return python


def write_shim() -> Path:
    folder = CACHE / "packaging-shim"
    (folder / "packaging").mkdir(parents=True, exist_ok=True)
    (folder / "packaging" / "__init__.py").write_text("__version__ = 'envlock'\n")
    for module in MODULES:
        (folder / "packaging" / f"{module}.py").write_text(SHIM.format(names=NAMES))
    return folder


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    sdist, python = fetch_sdist(), make_venv()
    path = os.pathsep.join(map(str, [write_shim(), ROOT, Path(__file__).parent]))
    files = [f"tests/{name}" for name in FILES]
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "packaging_suite",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--tb=short",
        *files,
    ]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=sdist, env=environment, stdout=subprocess.PIPE, text=True)
    print(done.stdout[-20000:])
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error|deselected)", done.stdout)}
    failures = counts.get("failed", 0) + counts.get("error", 0) + (done.returncode not in (0, 1))
    print(f"packaging_suite: {counts.get('passed', 0)} passed, {counts.get('deselected', 0)} deselected")
    print(f"packaging_suite: {counts.get('passed', 0) + failures} comparisons, {failures} failures")
    return 1 if failures or not counts.get("passed") else 0


if __name__ == "__main__":
    raise SystemExit(main())
