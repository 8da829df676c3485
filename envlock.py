#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keep a Python environment equal to its lock file.

`validate` compares the packages that an interpreter holds with a lock file; `site-install` makes every start of that
interpreter compare them before any user code runs. One file, the standard library alone: copy it anywhere.

The rooms, in the order in which the data flows; each has its file in tests/:

    Names and versions           PEP 503 names, PEP 440 versions and specifiers
    Requirements and markers     PEP 508
    Bound files                  from the text of a bound file to the requirements that stand in it
    Interpreters                 an interpreter, its site directories and the distributions in them
    Validation                   (distributions, requirements, policy) to findings
    Reports                      findings to text
    Guard                        what every start of a guarded interpreter runs, and how it gets there
    Command line                 arguments, exit status

Between rooms, a name is defined above its use; `main` is last. Only Interpreters, Guard and Command line touch the
world, and Bound files where one file names another. What not every run needs is imported where it is used.
"""

from __future__ import annotations

import os
import re
import sys
from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import subprocess
    from typing import Any, Callable, Iterable, Iterator, Mapping, NamedTuple, NoReturn, Sequence, TextIO, TypeVar

    _Named = TypeVar("_Named", "BoundRequirement", "Distribution")
else:

    class _RecordType(type):
        """Makes `class X(NamedTuple)` mean what it means in typing, whose import would be a third of a short run."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = body["__annotations__"]
            record = namedtuple(
                name, fields, defaults=[body[field] for field in fields if field in body], module=__name__
            )
            for key in set(body) - set(fields) - {"__annotations__", "__module__", "__qualname__"}:
                setattr(record, key, body[key])
            return record

    class NamedTuple(metaclass=_RecordType):
        pass


__version__ = "0.1.0"


class EnvlockError(Exception):
    """Input that cannot be used; its text is the one line that `main` prints."""


# ======================================================================================================================
# Names and versions
# ======================================================================================================================


# ======================================================================================================================
# Requirements and markers
# ======================================================================================================================


# ======================================================================================================================
# Bound files
# ======================================================================================================================


class BoundError(EnvlockError):
    """A bound file that cannot be used: `FILE:LINE: message`; a reader that knows the line alone leaves file empty."""

    def __init__(self, message: str, line: int = 0, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message


class DirectReference(NamedTuple):
    """Where a distribution comes from when it isn't an index (PEP 610), as a bound asks for it or a record tells it."""

    kind: str  # "vcs", "archive" or "directory"
    url: str  # without the "git+" of a requirement; a directory as a file: URL
    vcs: str = ""  # "git", "hg", "svn", "bzr"
    revision: str = ""  # the branch, tag or commit that was asked for
    commit: str = ""  # the exact commit
    editable: bool = False
    subdirectory: str = ""
    hashes: frozenset[str] = frozenset()  # "sha256:0123…", an archive's


class BoundRequirement(NamedTuple):
    """One package as a bound demands it; its marker has held already."""

    name: str  # normalised; "python" stands for the interpreter itself (requires-python)
    text: str  # as the report shows it: "zipp==3.18.1", "six @ git+file:///r@COMMIT"
    specifier: SpecifierSet | None = None  # a requirement: PEP 440 matching, pre-releases admitted
    version: str | None = None  # a tool's lock: this version exactly, the local label included
    reference: DirectReference | None = None
    hashes: frozenset[str] = frozenset()  # "sha256:0123…": an archive that tells its hash must have one of these
    constraint: bool = False  # narrows a requirement that is there, requires nothing by itself
    file: str = ""
    line: int = 0


class Bound(NamedTuple):
    """What bound files demand of an environment."""

    requirements: tuple[BoundRequirement, ...] = ()
    permitted: frozenset[str] = frozenset()  # normalised names that may be present and need not be: the project itself
    extras: frozenset[str] = frozenset()  # normalised names that a selection may give
    groups: frozenset[str] = frozenset()


class Selection(NamedTuple):
    """Which optional parts of a bound count; all names are normalised."""

    extras: frozenset[str] = frozenset()
    all_extras: bool = False
    groups: frozenset[str] = frozenset()
    all_groups: bool = False
    no_groups: frozenset[str] = frozenset()
    no_default_groups: bool = False
    package: str = ""  # a workspace member
    options: frozenset[str] = frozenset()  # --bound-options: each an extra or a group, whichever the file has


class Target:
    """For what a bound is read: the interpreter's marker variables, the selection; keeps the files read."""

    def __init__(self, environment: Callable[[], Mapping[str, str]], selection: Selection = Selection()) -> None:
        self.environment = environment  # called only if a marker or requires-python must be judged
        self.selection = selection
        self.files: list[str] = []  # absolute, in the order of reading; a file looked for and not found too

    def read_text(self, path: str) -> str:
        """Decode a bound file (BOM, PEP 263, else UTF-8); errors are BoundError without a traceback's noise."""
        raise NotImplementedError


# ======================================================================================================================
# Interpreters
# ======================================================================================================================

# An interpreter that is asked prints this before its answer: what a wrapper prints besides is passed over.
_ANSWER = "envlock-interpreter: "
_ASK_SECONDS = 30

# The first micro versions of 3.8 to 3.12 whose `site` passes over a .pth file with a leading dot; from 3.13 all do.
_HIDDEN_PTH_SINCE = {8: 19, 9: 19, 10: 14, 11: 8, 12: 2}


class InterpreterError(EnvlockError):
    """An interpreter that can't be found, doesn't answer or is no Python."""


# A foreign Python as old as 3.6 runs this function's source too: no later syntax, quoted annotations.
def describe_interpreter(user_site: "bool | None" = None) -> "dict[str, Any]":  # noqa: UP037
    """Tell, as JSON data, where this Python's packages lie, without running a start-up file.

    Works before, while and after `site` runs, and under -S. `user_site` says whether a usual start has the user site;
    None: as this one. `sites` are directories in the order of sys.path, existing or not; `user` is the user site or null.
    """
    import os
    import site
    import sys

    prefixes = [sys.base_prefix] + [sys.base_exec_prefix] * (sys.base_exec_prefix != sys.base_prefix)
    private, system = None, True
    scripts = os.path.dirname(os.path.abspath(sys.executable)) if sys.executable else ""
    for folder in (scripts, os.path.dirname(scripts)):
        config = os.path.join(folder, "pyvenv.cfg")
        if scripts and os.path.isfile(config):
            private = os.path.dirname(scripts)
            with open(config, encoding="utf-8", errors="surrogateescape") as file:
                pairs = [line.partition("=") for line in file if "=" in line]
            values = {key.strip().lower(): value.strip().lower() for key, _, value in pairs}
            system = values.get("include-system-site-packages", "true") == "true"
            break
    if user_site is None:
        user_site = not sys.flags.no_user_site
    if hasattr(os, "getuid"):
        user_site = user_site and os.getuid() == os.geteuid() and os.getgid() == os.getegid()
    user = site.getusersitepackages() if user_site and system else None
    before = sys.prefix, sys.exec_prefix  # under -S they are the base's; Debian's site decides by them
    if private:
        sys.prefix = sys.exec_prefix = private
    try:
        own = site.getsitepackages([private]) if private else []
        base = site.getsitepackages(prefixes) if system else []
    finally:
        sys.prefix, sys.exec_prefix = before
    sites = own + [user] * bool(user) + base
    return {
        "executable": sys.executable,
        "implementation": sys.implementation.name,
        "version": list(sys.version_info[:3]),
        "prefix": private or sys.base_prefix,
        "sites": [path for index, path in enumerate(sites) if path not in sites[:index]],
        "user": user,
    }


class Interpreter(NamedTuple):
    """A Python, and the directories that its packages lie in."""

    executable: str
    implementation: str  # "cpython", "pypy"
    version: tuple[int, int, int]
    prefix: str  # the virtual environment's folder, or the installation's
    sites: tuple[str, ...]  # in the order of sys.path, existing or not
    user: str | None  # the one of these that is the user site
    variables: Mapping[str, str] | None  # for markers; None: this very interpreter's, found out when needed

    def environment(self) -> Mapping[str, str]:
        return default_environment() if self.variables is None else self.variables


def this_interpreter(user_site: bool | None = None) -> Interpreter:
    """The interpreter that runs envlock; `user_site` True adds the user site where a start would leave it out."""
    return _interpreter(describe_interpreter(user_site), None)


def _interpreter(answer: dict[str, Any], variables: Mapping[str, str] | None) -> Interpreter:
    return Interpreter(
        answer["executable"],
        answer["implementation"],
        tuple(answer["version"]),
        answer["prefix"],
        tuple(answer["sites"]),
        answer["user"],
        variables,
    )


def find_executable(exe: str) -> str:
    """The path behind -e: a virtual environment's folder, a path, or a name to look up on PATH."""
    path = os.path.expanduser(exe)
    for inside in ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe"):
        if os.path.isfile(os.path.join(path, inside)):
            return os.path.abspath(os.path.join(path, inside))
    if os.path.dirname(path):
        if os.path.isdir(path):
            raise InterpreterError(f"{exe}: this folder holds no Python (expected {path}/bin/python)")
        if not os.path.exists(path):
            raise InterpreterError(f"{exe}: no such interpreter")
        return os.path.abspath(path)
    import shutil

    found = shutil.which(path)
    if not found:
        raise InterpreterError(f"{exe}: no such interpreter on PATH")
    return os.path.abspath(found)


def ask_interpreters(exes: Sequence[str], user_site: bool | None = None) -> list[Interpreter]:
    """Ask interpreters, all at once; without any, the one that runs envlock. Raises InterpreterError.

    The protocol: each runs the source of `describe_interpreter` and `default_environment`, isolated and without `site`
    (none of its start-up files run), and answers with one line of JSON.
    """
    if not exes:
        return [this_interpreter(user_site)]
    import inspect

    sources = [inspect.getsource(function) for function in (describe_interpreter, default_environment)]
    wanted = "True" if user_site else 'not os.environ.get("PYTHONNOUSERSITE")'
    answer = f"json.dumps([describe_interpreter({wanted}), default_environment()])"
    code = "\n".join((*sources, "import json, os", f"print({_ANSWER!r} + {answer})"))
    children: list[subprocess.Popen[bytes]] = []
    try:
        for exe in exes:
            children.append(_start(exe, [find_executable(exe), "-I", "-S", "-B", "-c", code]))
        return [_hear(exe, child) for exe, child in zip(exes, children)]
    finally:
        for child in children:
            _end(child)


def _start(exe: str, command: list[str]) -> subprocess.Popen[bytes]:
    import subprocess

    pipe, apart = subprocess.PIPE, os.name == "posix"
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, start_new_session=apart)
    except OSError as error:
        raise InterpreterError(f"{exe}: cannot be run: {error.strerror}") from None


def _hear(exe: str, child: subprocess.Popen[bytes]) -> Interpreter:
    import json
    import subprocess

    try:
        output, errors = child.communicate(timeout=_ASK_SECONDS)
    except subprocess.TimeoutExpired:
        raise InterpreterError(f"{exe}: no answer from this interpreter in {_ASK_SECONDS} seconds") from None
    lines = output.decode(errors="replace").splitlines()
    line = next((line for line in reversed(lines) if line.startswith(_ANSWER)), None)
    if line is None:
        last = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise InterpreterError(
            f"{exe}: not a Python 3.6 or newer (exit status {child.returncode}{last and ', ' + repr(last)})"
        )
    return _interpreter(*json.loads(line[len(_ANSWER) :]))


def _end(child: subprocess.Popen[bytes]) -> None:
    import signal

    if child.poll() is None:
        # The child of a wrapper script holds the pipes open: the whole group has to go.
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
    for stream in (child.stdout, child.stderr):
        if stream:
            stream.close()


class Distribution(NamedTuple):
    """An installed distribution: what its record tells."""

    name: str  # normalised; empty if the record doesn't tell it
    version: str  # as recorded; empty if the record doesn't tell it
    label: str  # NAME-VERSION as recorded
    site: str  # the directory on the path
    record: str  # the path of the *.dist-info, the *.egg-info or the egg
    develop: str = ""  # the source folder of a `setup.py develop` install, which has no direct_url.json


def site_directories(interpreter: Interpreter) -> Iterator[tuple[str, list[str]]]:
    """Each directory that holds packages, as (path, entries) in the order of sys.path; those of path lines too."""
    seen = set()
    for site in interpreter.sites:
        entries = _entries(site)
        directories = [(site, entries)]
        directories += [(path, _entries(path)) for path in _path_lines(start_up_files(site, entries, interpreter))]
        for path, inside in directories:
            identity = os.path.normcase(os.path.abspath(path))
            if identity not in seen:
                seen.add(identity)
                yield path, inside


def _entries(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:  # not there, no directory (a zipped egg), or not ours to read: Python can't import from it either
        return []


def start_up_files(site: str, entries: list[str], interpreter: Interpreter) -> list[str]:
    """The .pth files that `site` reads in a directory, in its order."""
    major, minor, micro = interpreter.version
    hidden = (major, minor) >= (3, 13) or micro >= _HIDDEN_PTH_SINCE.get(minor, 0)
    return [
        os.path.join(site, entry) for entry in entries if entry.endswith(".pth") and not (hidden and entry[0] == ".")
    ]


def _path_lines(files: list[str]) -> Iterator[str]:
    for path in files:
        try:
            with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.strip() and not line.startswith(("#", "import ", "import\t")) and "\0" not in line:
                added = os.path.abspath(os.path.join(os.path.dirname(path), line.rstrip()))
                if os.path.exists(added):
                    yield added


def scan(interpreter: Interpreter) -> list[Distribution]:
    """The distributions that count for an interpreter, by normalised name; shadowed ones are left out."""
    found: dict[str, list[Distribution]] = {}
    links: set[str] = set()
    for site, entries in site_directories(interpreter):
        links.update(canonicalize_name(entry[:-9]) for entry in entries if entry.endswith(".egg-link"))
        linked = links if site not in interpreter.sites else set()
        for distribution in _distributions(site, entries, linked):
            known = found.setdefault(distribution.name, [])
            if not known or not distribution.name or known[0].site == site:
                known.append(distribution)
    return [distribution for name in sorted(found) for distribution in found[name]]


def _distributions(site: str, entries: list[str], linked: set[str]) -> Iterator[Distribution]:
    if site.endswith(".egg"):
        yield _distribution(site, os.path.basename(site), site, linked)
    for entry in entries:
        # Leftovers of an interrupted uninstall start with "~" (older pips: "-"): pip passes over them.
        if entry.lower().endswith((".dist-info", ".egg-info")) and entry[0] not in "~-":
            yield _distribution(site, entry, f"{site}{os.sep}{entry}", linked)


def _distribution(site: str, entry: str, record: str, linked: set[str]) -> Distribution:
    stem, _, suffix = entry.rpartition(".")
    parts = stem.split("-")
    # Each part of a record's name is escaped, so one dash divides it; an egg's may end with -py3.8 and a platform.
    plain = len(parts) == 2 or (len(parts) > 2 and suffix != "dist-info" and parts[2].startswith("py"))
    name, version = (parts[0], parts[1]) if plain else ("", "")
    if not _is_version(version) or not _is_name(name):
        name, version = _recorded_name_and_version(record)
    develop = site if canonicalize_name(name) in linked and stem == entry[:-9] and len(parts) == 1 else ""
    label = f"{name}-{version}" if name and version else stem
    return Distribution(canonicalize_name(name), version, label, site, record, develop)


def _is_version(text: str) -> bool:
    if text.replace(".", "0").isdigit() and text[0] != "." and text[-1] != "." and ".." not in text:
        return True
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def _is_name(text: str) -> bool:
    return bool(re.match(r"(?i)[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z", text))


def _recorded_name_and_version(record: str) -> tuple[str, str]:
    """Name and version from a record's METADATA or PKG-INFO; ("", "") where either can't be told."""
    from email.parser import BytesHeaderParser

    headers = BytesHeaderParser().parsebytes(_core_metadata(record))
    name, version = (str(headers.get(key, "")).strip() for key in ("Name", "Version"))
    return (name, version) if _is_name(name) and version else ("", "")


def _core_metadata(record: str) -> bytes:
    for inside in ("METADATA", "PKG-INFO", "EGG-INFO/PKG-INFO", ""):
        try:
            with open(f"{record}/{inside}" if inside else record, "rb") as file:
                data = file.read()
        except OSError:
            continue
        return data if inside or not record.endswith(".egg") else _zipped_metadata(record)
    return b""


def _zipped_metadata(egg: str) -> bytes:
    import zipfile

    try:
        with zipfile.ZipFile(egg) as archive:
            return archive.read("EGG-INFO/PKG-INFO")
    except (OSError, KeyError, zipfile.BadZipFile):
        return b""


def recorded_reference(distribution: Distribution) -> DirectReference | None:
    """What a distribution's direct_url.json tells (PEP 610); None for an index install, or if the file is no use."""
    if distribution.develop:
        return DirectReference("directory", _file_url(distribution.develop), editable=True)
    path = f"{distribution.record}/direct_url.json"
    if not os.path.exists(path):  # nearly always: cheaper than an exception
        return None
    import json

    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
        return _recorded_reference(data) if isinstance(data.get("url"), str) else None
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return None  # pip too takes such a record for an index install


def _recorded_reference(data: dict[str, Any]) -> DirectReference:
    url, subdirectory = data["url"], data.get("subdirectory") or ""
    if "vcs_info" in data:
        info = data["vcs_info"]
        revision, commit = info.get("requested_revision") or "", info.get("commit_id") or ""
        return DirectReference("vcs", url, info.get("vcs", ""), revision, commit, subdirectory=subdirectory)
    if "dir_info" in data:
        editable = bool(data["dir_info"].get("editable", False))
        return DirectReference("directory", url, editable=editable, subdirectory=subdirectory)
    info = data.get("archive_info") or {}
    hashes = {f"{name}:{value}".lower() for name, value in (info.get("hashes") or {}).items()}
    if info.get("hash"):
        hashes.add(info["hash"].replace("=", ":", 1).lower())
    return DirectReference("archive", url, subdirectory=subdirectory, hashes=frozenset(hashes))


def _file_url(path: str) -> str:
    from urllib.request import pathname2url

    return "file://" + pathname2url(os.path.abspath(path))


# ======================================================================================================================
# Validation
# ======================================================================================================================

# `pip freeze` leaves these out, the last three only before Python 3.12 (pip's commands/freeze.py). envlock is here
# because the tool that checks an environment may stand in it.
_NEVER_UNREQUIRED = frozenset(("pip", "argparse", "wsgiref", "python", "envlock"))
_NEVER_UNREQUIRED_BEFORE_3_12 = _NEVER_UNREQUIRED | {"setuptools", "wheel", "distribute"}


class Policy(NamedTuple):
    """Which differences count."""

    subset: bool = False  # locked packages may be absent
    superset: bool = False  # further packages may be present
    ignore: frozenset[str] = frozenset()  # normalised names


class Finding(NamedTuple):
    """One difference between an environment and its bound."""

    explain: str  # Unrequired, Missing, Misdefined, Duplicate, Unreadable
    package: str = ""  # NAME-VERSION as recorded; empty if it isn't installed
    dependency: str = ""  # the bound's requirement; empty if there is none
    sites: tuple[str, ...] = ()
    executable: str = ""
    detail: str = ""  # one sentence that says what differs
    file: str = ""  # where the bound's requirement stands
    line: int = 0


def validate(
    bounds: str | Sequence[str],
    exe: str | None = None,
    selection: Selection = Selection(),
    policy: Policy = Policy(),
    user_site: bool | None = None,
) -> list[Finding]:
    """Compare an interpreter's environment with bound files; an empty list means aligned. Raises EnvlockError.

    `exe` is what -e takes; None is the interpreter that runs this.
    """
    interpreter = ask_interpreters([exe] if exe else [], user_site)[0]
    paths = [bounds] if isinstance(bounds, str) else list(bounds)
    return check(interpreter, read_bounds(paths, Target(interpreter.environment, selection)), policy)


def check(interpreter: Interpreter, bound: Bound, policy: Policy) -> list[Finding]:
    """The findings for one interpreter: installed distributions by name, then what is missing by name."""
    required = _by_name(bound.requirements, policy)
    # Constraints "only control which version of a requirement is installed, not whether it is installed" (pip).
    required = {name: asked for name, asked in required.items() if not all(one.constraint for one in asked)}
    exempt = _NEVER_UNREQUIRED if interpreter.version >= (3, 12) else _NEVER_UNREQUIRED_BEFORE_3_12
    findings = _python_findings(interpreter, required.pop("python", []))
    for name, records in _by_name(scan(interpreter), policy).items():
        asked = required.pop(name, [])
        permitted = policy.superset or name in exempt or name in bound.permitted
        findings += _record_findings(records, asked, permitted)
    if not policy.subset:
        findings += [_finding("Missing", None, _first(required[name]), "not installed") for name in sorted(required)]
    return [finding._replace(executable=interpreter.executable) for finding in findings]


def _by_name(entries: Iterable[_Named], policy: Policy) -> dict[str, list[_Named]]:
    grouped: dict[str, list[_Named]] = {}
    for entry in entries:
        if entry.name not in policy.ignore:
            grouped.setdefault(entry.name, []).append(entry)
    return grouped


def _first(asked: list[BoundRequirement]) -> BoundRequirement | None:
    return next((requirement for requirement in asked if not requirement.constraint), None)


def _finding(
    explain: str, distribution: Distribution | None, requirement: BoundRequirement | None, detail: str
) -> Finding:
    return Finding(
        explain,
        package=distribution.label if distribution else "",
        dependency=requirement.text if requirement else "",
        sites=(distribution.site,) if distribution else (),
        detail=detail,
        file=requirement.file if requirement else "",
        line=requirement.line if requirement else 0,
    )


def _python_findings(interpreter: Interpreter, asked: list[BoundRequirement]) -> list[Finding]:
    # pip, uv and poetry compare requires-python with the release alone: 3.14.0rc1 counts as 3.14.0.
    version = ".".join(map(str, interpreter.version))
    python = Distribution("python", version, f"python-{version}", interpreter.prefix, "")
    failed = [one for one in asked if one.specifier is not None and not one.specifier.contains(version)]
    return [_finding("Misdefined", python, one, f"the interpreter is Python {version}") for one in failed[:1]]


def _record_findings(records: list[Distribution], asked: list[BoundRequirement], permitted: bool) -> list[Finding]:
    """The findings for all records of one name: of several in one site directory, or one."""
    requirement = _first(asked)
    if not records[0].name:
        return [_finding("Unreadable", one, None, f"no name or version in {one.record}") for one in records]
    if any(not _same_version(one.version, records[0].version) for one in records):
        detail = "this site directory holds records of " + " and ".join(one.version for one in records)
        return [_finding("Duplicate", one, requirement, detail) for one in records]
    if not asked:
        return [] if permitted else [_finding("Unrequired", records[0], None, "not in the bound")]
    for one in asked:
        difference = mismatch(records[0], one)
        if difference:
            return [_finding("Misdefined", records[0], one, difference)]
    return []


def _same_version(one: str, other: str) -> bool:
    """PEP 440 equality, the local label included; text where either is no PEP 440 version."""
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def mismatch(distribution: Distribution, requirement: BoundRequirement) -> str:
    """What about a distribution isn't as the requirement says, in one sentence; empty if it satisfies it."""
    version, specifier = distribution.version, requirement.specifier
    if requirement.version is not None and not _same_version(version, requirement.version):
        return f"version {version} is installed"
    if specifier is not None and not specifier.contains(version, prereleases=True):
        return f"version {version} is installed"
    recorded = recorded_reference(distribution)
    if requirement.reference is not None:
        return _reference_mismatch(requirement.reference, recorded)
    if recorded is None:
        return ""
    if recorded.kind != "archive":
        return f"it was installed from {_shown(recorded)}"
    return "" if _hashes_meet(requirement.hashes, recorded.hashes) else "the hash of its archive is another"


def _hashes_meet(asked: frozenset[str], recorded: frozenset[str]) -> bool:
    """False only where both sides tell a hash by the same algorithm and none is the same."""
    told = {text.partition(":")[0] for text in recorded}
    comparable = {text for text in asked if text.partition(":")[0] in told}
    return not comparable or bool(comparable & recorded)


def _shown(reference: DirectReference) -> str:
    at = reference.commit or reference.revision
    url = f"{reference.vcs}+{reference.url}" if reference.kind == "vcs" else reference.url
    return f"{'the editable ' * reference.editable}{url}{at and '@' + at}"


def _reference_mismatch(asked: DirectReference, recorded: DirectReference | None) -> str:
    """How PEP 610's record differs from the reference that was asked for; what either doesn't tell is not compared."""
    if recorded is None:
        return "it was installed from an index"
    source = f"it was installed from {_shown(recorded)}"
    if asked.kind == "vcs" and asked.editable:
        # `pip install -e git+URL` leaves a record that is an editable directory and tells neither URL nor commit.
        return "" if recorded.editable else source
    if asked.kind != recorded.kind or asked.editable != recorded.editable:
        return source
    if asked.kind == "archive" and asked.hashes and recorded.hashes:
        return "" if _hashes_meet(asked.hashes, recorded.hashes) else "the hash of its archive is another"
    if not _same_url(asked.url, recorded.url) or asked.subdirectory.strip("/") != recorded.subdirectory.strip("/"):
        return source
    if asked.commit and recorded.commit and asked.commit != recorded.commit:
        return source
    return "" if _meets_revision(asked.revision, recorded) else source


def _meets_revision(revision: str, recorded: DirectReference) -> bool:
    if not revision or not recorded.commit or revision == recorded.revision:
        return True
    return bool(re.match(r"[0-9a-f]{7,}\Z", revision)) and recorded.commit.startswith(revision)


def _same_url(one: str, other: str) -> bool:
    return one == other or _comparable_url(one) == _comparable_url(other)


def _comparable_url(url: str) -> str:
    """A URL without what doesn't name the resource: credentials, a trailing `.git` or `/`, the fragment, quoting."""
    from urllib.parse import unquote, urlsplit

    scp = re.match(r"(?:[^/@:]+@)?([^/:@]{2,}):(?!//)(.*)\Z", url)  # git's own host:path
    parts = urlsplit(f"ssh://{scp[1]}/{scp[2].lstrip('/')}" if scp and "://" not in url else url)
    path = unquote(parts.path).rstrip("/")
    path = path[:-4] if path.endswith(".git") else path
    scheme = parts.scheme.lower().rpartition("+")[2]
    host = parts.netloc.rpartition("@")[2].lower()
    if scheme == "file":
        host, path = "", os.path.normcase(os.path.realpath(path))
    return f"{scheme}://{host}{path}?{parts.query}"


# ======================================================================================================================
# Reports
# ======================================================================================================================

_COLUMNS = ("Package", "Dependency", "Explain", "Sites")
_COLORS = {"Unrequired": "36", "Missing": "31", "Misdefined": "33"}


def format_table(findings: Sequence[Finding], width: int = 0, color: bool = False) -> str:
    """Findings as four aligned columns; lines are cut to `width` columns unless it is 0."""
    rows = [_COLUMNS, *(tuple(map(_printable, _row(finding))) for finding in findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    start, lines = widths[0] + widths[1] + 4, []
    for row in rows:
        cells = [cell.ljust(wide) for cell, wide in zip(row, widths)]
        line = "  ".join((*cells, row[3])).rstrip()
        line = line[:width].rstrip() if width else line
        if color:
            end = start + len(row[2])
            code = _COLORS.get(row[2], "1" if row is _COLUMNS else "35")
            line = f"{line[:start]}\033[{code}m{line[start:end]}\033[0m{line[end:]}"
        lines.append(line + "\n")
    return "".join(lines)


def _row(finding: Finding) -> tuple[str, ...]:
    home = os.path.expanduser("~").rstrip(os.sep) + os.sep
    sites = [f"~{os.sep}{site[len(home) :]}" if site.startswith(home) else site for site in finding.sites]
    return finding.package, finding.dependency, finding.explain, ", ".join(sites)


def _printable(text: str) -> str:
    """Text with line breaks, terminal controls and undecodable bytes escaped: names on disk may hold anything."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def format_json(findings: Sequence[Finding]) -> str:
    """Findings as one JSON array; an absent value is null."""
    import json

    keys = ("package", "dependency", "explain", "sites", "executable", "detail")
    rows = [{key: getattr(finding, key) or None for key in keys} for finding in findings]
    return json.dumps([{**row, "sites": row["sites"] or []} for row in rows], indent=2) + "\n"


def format_delimited(findings: Sequence[Finding], delimiter: str) -> str:
    """Findings as the four columns, delimited, with a heading line (module csv)."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([_printable(cell) for cell in _row(finding)] for finding in findings)
    return out.getvalue()


def write_file(path: str, data: bytes) -> None:
    """Write a file so that it is there whole or not at all; what is no regular file (a pipe) is just written to."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(data)
        return
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


# ======================================================================================================================
# Guard
# ======================================================================================================================


# ======================================================================================================================
# Command line
# ======================================================================================================================

_OUTPUTS = ("display", "json", "write", "exit")

_DESCRIPTION = """\
Keep a Python environment equal to its lock file.

validate compares the packages that an interpreter holds with a lock file and prints what differs."""

_EPILOG = """\
examples:
  envlock validate --bound requirements.lock           this interpreter against a lock file
  envlock -e .venv validate --bound requirements.lock  another environment
  envlock -e python3.12 -e .venv validate --bound requirements.txt --superset
  envlock validate --help                              the options of one command

exit status:
  0  aligned    3  not aligned (or --code N)    2  wrong usage or unusable input    130  interrupted"""

_VALIDATE_EPILOG = """\
examples:
  envlock validate --bound requirements.lock                    print a table of what differs
  envlock validate --bound requirements.txt --superset          further packages may be present
  envlock validate --bound pyproject.toml --extra web --group dev
  envlock validate --bound requirements.lock --ignore ipython json
  envlock validate --bound requirements.lock write -o report.csv
  pip freeze | envlock -e .venv validate --bound - exit --code 1

verdicts:
  Unrequired  installed, not in the bound
  Missing     in the bound, not installed
  Misdefined  installed, but not as the bound says
  Duplicate   two records of one project in one site directory
  Unreadable  a record whose name or version can't be told

exit status:
  0  aligned    3  not aligned (or --code N)    2  wrong usage or unusable input    130  interrupted"""


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; a command's options are added only if its word stands in `argv`, since each costs a run time."""
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise EnvlockError(f"{message} (see: {self.prog} --help)")

    style: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = Parser(prog="envlock", description=_DESCRIPTION, epilog=_EPILOG, **style)
    parser.add_argument("--version", action="version", version=f"envlock {__version__}")
    _add_general_options(parser, "before")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, title="commands", prog="envlock")
    for name, (summary, epilog, add_options) in _COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", epilog=epilog, **style
        )
        if name in argv:
            add_options(command)
    return parser


def _add_validate_options(command: argparse.ArgumentParser) -> None:
    _add_general_options(command, "after")
    _add_comparison_options(command)
    outputs = command.add_subparsers(
        dest="output", metavar="OUTPUT", title="output (default: display)", prog=command.prog
    )
    for name, what in (("display", "print a table"), ("exit", "print nothing, answer by the exit status")):
        output = outputs.add_parser(name, help=what, allow_abbrev=False)
        output.add_argument("--code", metavar="N", type=_code, help="exit status if not aligned, 1 to 255 (default: 3)")
    outputs.add_parser("json", help="print a JSON array", allow_abbrev=False)
    write = outputs.add_parser("write", help="write delimited text to a file", allow_abbrev=False)
    write.add_argument("-o", "--output", dest="path", metavar="FILE", required=True, help="the file to write")
    write.add_argument(
        "-d", "--delimiter", metavar="CHAR", type=_delimiter, default=",", help="between columns (default: a comma)"
    )


def _add_general_options(parser: argparse.ArgumentParser, place: str) -> None:
    # Before and after the command word: each place keeps its own values, or argparse would overwrite the first.
    general = parser.add_argument_group("general options, before or after the command")
    general.add_argument(
        "-e",
        "--exe",
        action="append",
        default=[],
        dest=f"exe_{place}",
        metavar="EXE",
        help="an interpreter: a path, a name on PATH, or a virtual environment's folder; repeatable "
        "(default: the Python that runs envlock)",
    )
    general.add_argument(
        "--user-site", action="store_true", dest=f"user_site_{place}", help="look at the user site, too"
    )
    general.add_argument("-q", "--quiet", action="store_true", dest=f"quiet_{place}", help="no notes on standard error")
    general.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        dest=f"color_{place}",
        help="colour the table (default: auto, on a terminal; NO_COLOR and FORCE_COLOR are honoured)",
    )


def _add_comparison_options(parser: argparse.ArgumentParser) -> None:
    bound = parser.add_argument_group("bound")
    bound.add_argument(
        "-b",
        "--bound",
        action="append",
        required=True,
        metavar="FILE",
        help="a lock or requirements file; - is standard input; repeatable, the union counts",
    )
    selection = parser.add_argument_group("selection: which optional parts of the bound count")
    for option, what in (
        ("--extra", "count this extra; repeatable"),
        ("--group", "count this dependency group; repeatable"),
        ("--no-group", "leave this group out; repeatable"),
        ("--bound-options", "names of extras or groups, whichever the file has"),
    ):
        selection.add_argument(option, action="append", default=[], metavar="NAME", type=canonicalize_name, help=what)
    selection.add_argument("--all-extras", action="store_true", help="count every extra")
    selection.add_argument("--all-groups", action="store_true", help="count every dependency group")
    selection.add_argument("--no-default-groups", action="store_true", help="count only the groups that are named")
    selection.add_argument(
        "--package",
        metavar="NAME",
        type=canonicalize_name,
        default="",
        help="a member of the workspace, instead of its root",
    )
    policy = parser.add_argument_group("policy: which differences count")
    policy.add_argument("--subset", action="store_true", help="locked packages may be absent")
    policy.add_argument("--superset", action="store_true", help="further packages may be present")
    policy.add_argument(
        "--ignore",
        action="append",
        default=[],
        metavar="NAME",
        help="leave this package out; repeatable, or with commas",
    )


def _code(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 255:
        raise ValueError(text)
    return int(text)


_code.__name__ = "exit status from 1 to 255"  # argparse: "invalid … value: '0'"


def _delimiter(text: str) -> str:
    text = "\t" if text in ("\\t", "tab") else text
    if len(text) != 1 or text in '\r\n"':
        raise ValueError(text)
    return text


_delimiter.__name__ = "single character"


# Command word: what it does, the end of its help, its options.
_COMMANDS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "validate": (
        "compare an environment with a lock file, and print what differs",
        _VALIDATE_EPILOG,
        _add_validate_options,
    ),
}


def _spread(argv: Sequence[str]) -> list[str]:
    """Let `--bound a b` stand for `--bound a --bound b`, up to the next option or output word."""
    spread: list[str] = []
    option, fresh = "", False
    for word in argv:
        if fresh or not option:
            fresh = False
        elif word != "-" and (word.startswith("-") or word in _OUTPUTS):
            option = ""
        else:
            spread.append(option)
        if not option and word in ("-b", "--bound", "--bound-options"):
            option, fresh = word, True
        spread.append(word)
    return spread


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        words = _spread(sys.argv[1:] if argv is None else argv)
        options = _parser(words).parse_args(words)
        return _validate_command(options)
    except EnvlockError as error:
        _say(f"envlock: error: {_printable(str(error))}\n", sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _validate_command(options: argparse.Namespace) -> int:
    interpreters = ask_interpreters(
        options.exe_before + options.exe_after, (options.user_site_before or options.user_site_after) or None
    )
    selection, policy = _selection(options), _policy(options)
    reports = [
        (one, check(one, read_bounds(options.bound, Target(one.environment, selection)), policy))
        for one in interpreters
    ]
    findings = [finding for _, found in reports for finding in found]
    _report(options, reports, findings)
    code: int = getattr(options, "code", None) or 3
    return code if findings else 0


def _report(
    options: argparse.Namespace, reports: list[tuple[Interpreter, list[Finding]]], findings: list[Finding]
) -> None:
    if options.output == "json":
        _say(format_json(findings), sys.stdout)
    elif options.output == "write":
        data = format_delimited(findings, options.delimiter).encode("utf-8", "surrogateescape")
        try:
            write_file(options.path, data)
        except OSError as error:
            raise EnvlockError(f"{options.path}: {error.strerror}") from None
    elif options.output != "exit":
        width, color = _terminal(options.color_after or options.color_before or "auto")
        for interpreter, found in reports:
            if found:
                heading = f"{interpreter.executable}\n" if len(reports) > 1 else ""
                _say(heading + format_table(found, width, color), sys.stdout)


def _selection(options: argparse.Namespace) -> Selection:
    return Selection(
        frozenset(options.extra),
        options.all_extras,
        frozenset(options.group),
        options.all_groups,
        frozenset(options.no_group),
        options.no_default_groups,
        options.package,
        frozenset(options.bound_options),
    )


def _policy(options: argparse.Namespace) -> Policy:
    ignored = [name.strip() for names in options.ignore for name in names.split(",")]
    return Policy(options.subset, options.superset, frozenset(canonicalize_name(name) for name in ignored if name))


def _terminal(when: str) -> tuple[int, bool]:
    """The width of the terminal behind standard output (0: it is none) and whether to colour (no-color.org)."""
    try:
        width = os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else 0
    except (AttributeError, ValueError, OSError):
        width = 0
    if when != "auto":
        return width, when == "always"
    if os.environ.get("NO_COLOR"):
        return width, False
    return width, bool(os.environ.get("FORCE_COLOR")) or (width > 0 and os.environ.get("TERM") != "dumb")


def _say(text: str, stream: TextIO | None) -> None:
    """Print and flush; a closed pipe ends it quietly, a character that the stream can't show is escaped."""
    try:
        if stream is not None:
            encoding = stream.encoding or "utf-8"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
    except BrokenPipeError:
        # Python flushes once more at its end: give it a place to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno() if stream else 1)


if __name__ == "__main__":
    raise SystemExit(main())
