"""Builds wheel and sdist of the commit that is checked out, twice the same bytes: `make release`.

Everything lands in dist/, with SHA256SUMS of `envlock.py`, the wheel and the sdist.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import envlock
from tests.tools.check import CACHE, ROOT, installed

TOOLS = ("build==1.6.1", "flit_core==4.2.0")


def git(*arguments: str) -> bytes:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE
    ).stdout


def with_absolute_links(readme: str, version: str) -> str:
    """The README as an index page can show it: an index has none of the repository's files."""
    return re.sub(
        r"\]\((?=tests/|envlock\.py)",
        f"]({envlock.PROJECT_URL}/raw/v{version}/",
        readme,
    )


def build(source: Path, target: Path) -> None:
    """Build from the commit's own files, with its own time in all of them."""
    with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as archive:
        archive.extractall(source)
    readme = source / "README.md"
    text = with_absolute_links(readme.read_text(encoding="utf-8"), envlock.__version__)
    readme.write_text(text, encoding="utf-8")
    epoch = git("log", "-1", "--format=%ct").decode().strip()
    python = installed(CACHE / "release", *TOOLS) / "python"
    command = [
        str(python),
        "-m",
        "build",
        "--no-isolation",
        "--outdir",
        str(target),
        str(source),
    ]
    env = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise SystemExit(done.stdout.decode())
    shutil.copy(source / "envlock.py", target)


def digests(folder: Path) -> str:
    """As `sha256sum` prints them, so that `sha256sum -c SHA256SUMS` compares."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in files
    )


def main() -> int:
    if f"### {envlock.__version__} (" not in (ROOT / "README.md").read_text(
        encoding="utf-8"
    ):
        raise SystemExit(f"README.md tells no changes of {envlock.__version__}")
    with tempfile.TemporaryDirectory(prefix="envlock-release-") as scratch:
        sums = []
        for name in ("once", "again"):
            target = Path(scratch) / f"dist-{name}"
            build(Path(scratch) / name, target)
            sums.append(digests(target))
        if sums[0] != sums[1]:
            raise SystemExit(f"two builds differ:\n{sums[0]}{sums[1]}")
        dist = ROOT / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        shutil.copytree(target, dist)
    (dist / "SHA256SUMS").write_text(sums[0], encoding="ascii")
    print(sums[0], end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
