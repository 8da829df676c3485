"""Which tool sees which drift, and what it costs: part of `make bench`. Prints a table in Markdown.

Each tool judges in a project of its own kind, made and synced by the tool that it belongs to, and changed by one
command; the packages are the same in all. A tool's best is tried: options that let it see more are given, and those
that make it quiet and fast (`-q`: fetter's animation sleeps, even where nobody sees it).
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.commands import FETTER, ROUNDS, compare, tool
from tests.conformance import locks
from tests.conformance.lock_projects import Project
from tests.support import ENVLOCK

FOLDER = locks.CACHE / "peers"
# Versions that every Python of the benchmark can hold; click needs colorama on Windows only.
NEEDED = (
    "requests==2.31.0",
    "attrs==23.1.0",
    "click<8.2",
    "idna<3.7",
    "urllib3<2.3",
    "certifi<2024.9",
    "charset-normalizer<3.4",
)
PYPROJECT = f"""[project]
name = "peers"
version = "0.1"
requires-python = ">=3.10,<4"
dependencies = {list(NEEDED)}
[tool.poetry]
package-mode = false
[tool.pdm]
distribution = false
"""
EXCLUDED = "3.9"
KINDS = ("uv", "pip-tools", "poetry2", "pdm")
# fetter can't read a requirements file with options in it.
COMPILE = "--no-emit-index-url --no-emit-find-links"


class Peer(NamedTuple):
    """A command that judges an environment; the table shows its first kind of project, the others must agree."""

    title: str
    kinds: tuple[str, ...]
    command: str
    change: str = ""  # what it prints for a change; empty: its exit status tells
    copied: str = ""  # of envlock: the same, compiled at each run


COPY = ", a copied file"
# As its installed command does it: with the bytecode that Python keeps.
INSTALLED = f"import sys; sys.path.insert(0, {str(FOLDER)!r}); from envlock import main; sys.exit(main())"
ARGUMENTS = " -e {folder}/.venv -q validate --bound {folder}/{bound}"
VALIDATE, COPIED = (
    "{python} -c {installed}" + ARGUMENTS,
    "{python} {envlock}" + ARGUMENTS,
)
PEERS = (
    Peer("envlock validate", KINDS, VALIDATE, copied=COPIED),
    Peer(
        "envlock validate --integrity",
        KINDS,
        VALIDATE + " --integrity",
        copied=COPIED + " --integrity",
    ),
    # It would miss the project itself, which uv doesn't install.
    Peer(
        "fetter -q validate",
        KINDS[:2],
        "{fetter} -q -c 0 -e {folder}/.venv/bin/python validate -b {folder}/{bound} --ignore pip --ignore peers json",
        '"explain":',
    ),
    Peer("uv sync --check", ("uv",), "{uv} -q sync --check --project {folder}"),
    Peer(
        "uv pip sync --check",
        ("pip-tools",),
        "{uv} -q pip sync --check -p {folder}/.venv {folder}/{bound}",
    ),
    Peer("uv pip check", KINDS, "{uv} -q pip check -p {folder}/.venv"),
    Peer(
        "pip check",
        ("pip-tools",),
        "{folder}/.venv/bin/python -m pip --disable-pip-version-check -q check",
    ),
    Peer(
        "pip-sync --dry-run",
        ("pip-tools",),
        "{tools}/pip-sync -q --dry-run --python-executable {folder}/.venv/bin/python {folder}/{bound}",
    ),
    Peer(
        "poetry sync --dry-run",
        ("poetry2",),
        "{poetry2}/poetry -C {folder} sync --dry-run",
        locks.POETRY_CHANGE,
    ),
    Peer(
        "pdm sync --clean --dry-run",
        ("pdm",),
        "{pdm}/pdm sync --clean --dry-run -p {folder}",
        r"^\s+- \S+ ",
    ),
)

VERSIONS = (
    "{uv}",
    "{fetter}",
    "{folder}/.venv/bin/pip",
    "{tools}/pip-sync",
    "{poetry2}/poetry",
    "{pdm}/pdm",
)

AS_SYNCED = "as it was synced"
# In a project's folder; `{install}` takes no dependencies.
DRIFTS = {
    AS_SYNCED: "true",
    "a package upgraded": "{install} attrs==23.2.0",
    "a dependency of a dependency downgraded": "{install} idna==3.4",
    "a package removed": "{uv} pip uninstall -q -p .venv certifi",
    "a package added": "{install} six==1.16.0",
    "the same version as an editable": "{install} -e {local}",
    "the same version from a repository": "{install} git+https://git.example/peer",
    "two records after a broken upgrade": "cp -r {site}/attrs-23.1.0.dist-info kept && {install} attrs==23.2.0"
    " && mv kept {site}/attrs-23.1.0.dist-info",
    "a record without METADATA": "rm {site}/idna-3.6.dist-info/METADATA",
    "a Python that `requires-python` excludes": "{uv} pip freeze -q -p .venv | grep -v ^pip= > held"
    " && {uv} venv -q --clear {seed} -p {excluded} .venv && {uv} pip uninstall -q -p .venv setuptools wheel packaging"
    " && {install} -r held",
    "the lock renewed, not synced": "sed -i s/attrs==23.1.0/attrs==23.2.0/ pyproject.toml requirements.in && {lock}",
    "a file of a package edited": "echo '# edited' >> {site}/idna/core.py",
    "a start-up file that nobody owns": "echo 'import sys' > {site}/telemetry.pth",
}


def bare_python() -> str:
    """A Python whose start no other package's files slow down."""
    return str(tool(FETTER) / "python")


def copy(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


class Trial:
    """A synced project of one kind, and what is asked in it."""

    def __init__(
        self, kind: str, commands: dict[str, str], facts: dict[str, str]
    ) -> None:
        self.kind, self.folder, self.kept = kind, FOLDER / kind, FOLDER / f"{kind}-kept"
        files = {"pyproject.toml": PYPROJECT, "requirements.in": "\n".join(NEEDED)}
        project = Project(
            kind, "peers", files, lock=COMPILE if kind == "pip-tools" else ""
        )
        locks.write_project(project, self.folder, facts)
        python = (
            f"{commands['tools']}/python" if kind == "pip-tools" else sys.executable
        )
        scratch = locks.Scratch(
            project, locks.TOOLS[kind], self.folder, commands, locks.Tally(), python
        )
        scratch.environment()
        scratch.tool_run(scratch.tool.lock, project.lock)
        scratch.tool_run(scratch.tool.sync)
        self.words = {
            **commands,
            "python": bare_python(),
            "envlock": str(ENVLOCK),
            "installed": shlex.quote(INSTALLED),
            "fetter": str(tool(FETTER) / "fetter"),
            "folder": str(self.folder),
            "bound": scratch.tool.bound,
            "seed": "--seed" if scratch.tool.seeded else "",
            "excluded": locks.find_pythons().get(EXCLUDED, ""),
            "local": str(FOLDER / "peer"),
            "install": f"{commands['uv']} pip install -q --no-deps -p .venv",
            "lock": scratch.command(scratch.tool.lock, project.lock),
            "site": str(
                next((self.folder / ".venv").glob("lib/python*/site-packages"))
            ),
        }
        copy(self.folder, self.kept)
        self.usual: dict[
            str, str
        ] = {}  # what a tool says of the environment as it was synced, if that is an alarm

    def judge(self, drift: str) -> dict[str, bool]:
        """Which tools see a drift."""
        locks.run(DRIFTS[drift].format(**self.words), self.folder)
        seen = {
            peer.title: self.sees(peer, drift)
            for peer in PEERS
            if self.kind in peer.kinds
        }
        copy(self.kept, self.folder)
        return seen

    def sees(self, peer: Peer, drift: str) -> bool:
        """Whether it alarms, and not with the alarm that it has for the environment as it was synced."""
        done = locks.run(peer.command.format(**self.words), self.folder, check=False)
        told = done.stdout + done.stderr
        if "Traceback" in told:
            # pip-sync, where a record has no METADATA
            print(
                f"{peer.title}, {drift}: ends in a traceback, which counts as an alarm"
            )
            if drift == AS_SYNCED:
                raise SystemExit(told)
        changes = re.search(peer.change, told, re.MULTILINE) if peer.change else None
        alarm = bool(done.returncode or changes) and told != self.usual.get(peer.title)
        if alarm and drift == AS_SYNCED:
            self.usual[peer.title] = told
        return alarm


def table(seen: dict[str, dict[str, bool]], taken: dict[str, float]) -> list[list[str]]:
    """The rows: a drift each, and the times."""
    rows = [["", *(f"`{peer.title}`" for peer in PEERS)], ["---"] * (len(PEERS) + 1)]
    for drift, verdicts in seen.items():
        words = ("quiet", "**false alarm**") if drift == AS_SYNCED else ("no", "yes")
        rows.append([drift, *(words[verdicts[peer.title]] for peer in PEERS)])
    times = [f"{taken[peer.title]:.0f} ms" for peer in PEERS]
    copies = [taken.get(peer.title + COPY) for peer in PEERS]
    compiled = ["" if each is None else f"{each:.0f} ms" for each in copies]
    return [
        *rows,
        ["time beyond a bare start", *times],
        ["the same as `python3 envlock.py`", *compiled],
    ]


def versions(words: dict[str, str]) -> str:
    """The tools that were asked."""
    commands = [command.format(**words) for command in VERSIONS]
    told = [locks.run(f"{command} --version", FOLDER).stdout for command in commands]
    numbers = [re.findall(r"\d+(?:\.\d+)+", each)[0] for each in told]
    return ", ".join(
        f"{Path(command).name} {number}" for command, number in zip(commands, numbers)
    )


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.copy(ENVLOCK, FOLDER)
    commands = locks.install_tools(["uv", "poetry2", "pdm", "pip", "piptools"])
    locks.write_repository("peer", "attrs 23.1.0")
    locks.write_local(FOLDER / "peer", "attrs 23.1.0")
    facts = locks.index_facts(commands)
    trials = {kind: Trial(kind, commands, facts) for kind in KINDS}
    seen: dict[str, dict[str, bool]] = {}
    unlike = []
    for drift, change in DRIFTS.items():
        if "{excluded}" in change and EXCLUDED not in locks.find_pythons():
            continue
        each = {kind: trial.judge(drift) for kind, trial in trials.items()}
        seen[drift] = {peer.title: each[peer.kinds[0]][peer.title] for peer in PEERS}
        for kind, verdicts in each.items():
            others = [
                title
                for title, verdict in verdicts.items()
                if verdict != seen[drift][title]
            ]
            unlike += [
                f"  {title}, {kind} project, {drift}: {'yes' if verdicts[title] else 'no'}"
                for title in others
            ]
    print(
        f"milliseconds beyond a bare start, in the environment as it was synced, medians of {ROUNDS} rounds:"
    )
    asked = {}
    for peer in PEERS:
        words = trials[peer.kinds[0]].words
        asked[peer.title] = shlex.split(peer.command.format(**words))
        if peer.copied:
            asked[peer.title + COPY] = shlex.split(peer.copied.format(**words))
    taken = compare(
        {"bare start (python -c pass)": [bare_python(), "-c", "pass"], **asked},
        env=locks.ENVIRONMENT,
    )
    print(f"who sees which drift ({versions(trials['pip-tools'].words)}):")
    print("\n".join(f"| {' | '.join(row)} |" for row in table(seen, taken)))
    print("\n".join(["where another kind of project makes a difference:", *unlike]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
