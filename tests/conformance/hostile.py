"""What strangers write makes envlock neither hang nor swell nor crash: mutations of every file that it reads. Offline.

`hostile.py [NUMBER]...`: all 50,000 mutations, or these alone.
"""

from __future__ import annotations

import json
import marshal
import mmap
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile
from _imp import source_hash
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import envlock
from tests.support import CLEAN, DATA, ENVLOCK, make_wheel, recorded_hash

MUTATIONS = 50_000
SEED = 14
WORKERS = 2
CPU_SECONDS = 5  # of one mutation
WAITING_SECONDS = 30  # for something that never comes; the machine may be busy
MEMORY = 200 << 20  # bytes beyond what the worker had before
FAST_FOLDER = "/dev/shm"
STARTS = 80  # of a guarded interpreter whose guard's files were changed

# What readers look for, and what they can trip over.
TOKENS = [
    *(
        b"\0 \xff \xc3 \x80 \xef\xbb\xbf \xff\xfe \xfe\xff \x1b[31m \r \n \t \\ \\\n ' \" ''' \"\"\""
        b" # ; , : = == === ~= !="
    ).split(b" "),
    *(
        b"< > @ @@ ? * ** ^ | || && ! % %s %00 %2f { } {} {0} [ ] [] [[ ]] ( ) () ${HOME} ${} $ ~ - -- . .. ../.. / //"
    ).split(b" "),
    *(
        b"file:// file:///etc/hostname file:.. git+ git+ssh://git@h.example/r.git@main #egg= #egg=a[b] &subdirectory="
    ).split(b" "),
    *(
        b"-r -c -e -r. -r/dev/null --hash=sha256: --hash --pre -i --no-such -rx --requirement= --editable="
    ).split(b" "),
    *(
        b"0 1 -1 00 1e999 0x1 1_0 99999999999999999999 1.0 1!1 1.0+l 1.0.dev1 1.* nan inf true false null None"
    ).split(b" "),
    *(
        b"2024-01-01 07:32:00Z extra extras dependency_groups python_version sys_platform in not and or extra=='x'"
    ).split(b" "),
    *(
        b"name version source marker dependencies groups package metadata requires-python import sha256= RECORD ./ \\r"
    ).split(b" "),
    "é \u0130 \u017f \uff10 \u0661 \u2028 \u202e \U0001f40d \ud800".encode(
        "utf-8", "surrogatepass"
    ),
    b" ",
    b"\n\n",
    b"import os; ",
    b"coding: punycode",
    b"# -*- coding: idna -*-\n",
    b"?token=x",
    b"\n[[package]]\n",
    b"\n[project]\n",
    b"Name: \n",
    b"Version: 1\n",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    "a",
    "\0",
    "\ud800",
    "é" * 50,
    [],
    {},
    [[]],
    {"": ""},
]
VALUES += [
    ["a", 1],
    {"url": 1},
    {"vcs_info": None},
    "file:///x",
    "https://h.example/x",
    "x" * 5000,
    b"",
    b"\xff",
    (),
    ...,
]


class Subject:
    """A file that is mutated, and what reads it."""

    def __init__(self, path: Path, read: Callable[[random.Random], None]) -> None:
        self.path, self.read, self.data = path, read, path.read_bytes()


# -- mutations


def mutated(data: bytes, rng: random.Random, other: bytes) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        data = rng.choice(OPERATIONS)(data, rng, other)
    return data[: 2 << 20]


def span(data: bytes, rng: random.Random, most: int = 200) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randrange(1, most))


def flip(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, _ = span(data, rng)
    return data[:start] + bytes([rng.randrange(256)]) + data[start + 1 :]


def remove(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, end = span(data, rng)
    return data[:start] + data[end:]


def insert(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, _ = span(data, rng)
    return data[:start] + rng.choice(TOKENS) + data[start:]


def replace(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, end = span(data, rng, 12)
    return data[:start] + rng.choice(TOKENS) + data[end:]


def replace_word(data: bytes, rng: random.Random, other: bytes) -> bytes:
    word = re.compile(rb"[\w.+-]+|\"[^\"\n]*\"").search(
        data, rng.randrange(len(data) + 1)
    )
    return (
        data[: word.start()] + rng.choice(TOKENS) + data[word.end() :] if word else data
    )


def cut(data: bytes, rng: random.Random, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def repeat(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, end = span(data, rng)
    return data[:end] + data[start:end] * rng.choice((1, 2, 50, 1000)) + data[end:]


def nest(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """Tokens, and brackets, many times over."""
    start, _ = span(data, rng)
    token = rng.choice(
        (*TOKENS, b"[", b"{", b"(", b"{a=", b'{"a":', b"a.", b"((", b" ", b"1")
    )
    return data[:start] + token * rng.choice((10, 150, 3000, 60_000)) + data[start:]


def swap_lines(data: bytes, rng: random.Random, other: bytes) -> bytes:
    lines = data.split(b"\n")
    one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[one], lines[two] = lines[two], lines[one]
    return b"\n".join(lines)


def splice(data: bytes, rng: random.Random, other: bytes) -> bytes:
    start, end = span(other, rng, 2000)
    at, _ = span(data, rng)
    return data[:at] + other[start:end] + data[at:]


def change_value(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """A value in JSON, in TOML or in marshalled data becomes another, of any type."""
    if data[8:9] in (b"\xa9", b"\xa8", b"(", b")") and data[:8] == source_hash(
        0, data[8:]
    ):
        changed = marshal.dumps(changed_value(marshal.loads(data[8:]), rng))
        return source_hash(0, changed) + changed
    value = rng.choice(VALUES[:20])
    try:
        return json.dumps(changed_value(json.loads(data), rng, VALUES[:20])).encode(
            "utf-8", "surrogatepass"
        )
    except (ValueError, RecursionError):
        found = list(re.finditer(rb"(?m)(?<== )[^\n]+$", data))
        if not found:
            return data
        start, end = rng.choice(found).span()
        return data[:start] + json.dumps(value).encode() + data[end:]


def changed_value(value: Any, rng: random.Random, values: list[Any] = VALUES) -> Any:
    if rng.random() < 0.2 or not isinstance(value, (list, tuple, dict)) or not value:
        return rng.choice(values)
    if isinstance(value, dict):
        key = rng.choice(sorted(value))
        return {
            **value,
            (key if rng.random() < 0.9 else key + "x"): changed_value(
                value[key], rng, values
            ),
        }
    index = rng.randrange(len(value))
    end = index + (rng.random() < 0.95)
    return type(value)(
        [*value[:index], changed_value(value[index], rng, values), *value[end:]]
    )


OPERATIONS = (
    flip,
    remove,
    insert,
    replace,
    replace_word,
    cut,
    repeat,
    nest,
    swap_lines,
    splice,
    change_value,
)
OPERATIONS += (change_value, replace_word, insert)


# -- readers


def look_at(
    findings: list[envlock.Finding], bounds: list[str], rng: random.Random
) -> None:
    """The table of findings, and what one of the other outputs prints of them."""
    write = rng.choice(
        (
            envlock.format_json,
            lambda findings: envlock.format_github(findings, bounds),
            lambda findings: envlock.format_sarif(findings, bounds),
            lambda findings: envlock.format_junit(findings, bounds),
            lambda findings: envlock.format_delimited(findings, ","),
        )
    )
    for text in (envlock.format_table(findings), write(findings)):
        text.encode("utf-8", "surrogateescape")


class Readers:
    """What reads each file, in the environment that runs this."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.interpreter = envlock.this_interpreter()
        self.site = Path(self.interpreter.sites[0])
        self.variables = envlock.default_environment()
        self.bound = str(folder / "bound.txt")
        self.base = envlock.guard_base(str(self.site))

    def read_bound(self, path: str) -> Callable[[random.Random], None]:
        def read(rng: random.Random) -> None:
            selection = envlock.Selection()
            if rng.random() < 0.5:
                selection = selection._replace(all_extras=True, all_groups=True)
            context = envlock.ReadContext(
                lambda: self.variables, selection, os.path.dirname(path)
            )
            bound = envlock.read_bounds([path], context)
            findings = envlock.check(self.interpreter, bound, envlock.Policy())
            look_at(findings, [path], rng)
            if rng.random() < 0.05:
                report = self.interpreter, bound, findings
                envlock.repair_commands(report, [path], selection, envlock.Policy())

        return read

    def read_environment(self, rng: random.Random) -> None:
        interpreter = envlock.this_interpreter()
        context = envlock.ReadContext(lambda: self.variables)
        bound = envlock.read_bounds([self.bound], context)
        # Where pyvenv.cfg lets those of the base in, there may be hundreds of packages.
        own = interpreter.sites == self.interpreter.sites
        policy = envlock.Policy(superset=not own, integrity=own and rng.random() < 0.5)
        findings = envlock.check(interpreter, bound, policy)
        look_at(findings, [self.bound], rng)
        if rng.random() < 0.2:
            report = interpreter, bound, findings
            envlock.repair_commands(
                report, [self.bound], envlock.Selection(), envlock.Policy()
            )

    def read_guard(self, rng: random.Random) -> None:
        is_known = rng.random() < 0.2
        envlock.reuse_verdict(self.base, self.interpreter.prefix, is_known)
        envlock._known_files(self.base)
        envlock.describe_guard(str(self.site))
        configuration = envlock.GuardConfiguration.read(os.path.dirname(self.base))
        if rng.random() < 0.3:
            envlock._start_step_3(self.base, self.interpreter.prefix, configuration)


def subjects(readers: Readers) -> list[list[Subject]]:
    """Bound files, files of an environment, files of a guard."""
    data = readers.folder / "data"
    skipped = ("installed.json", "invalid_bounds.json", ".svg")
    files = [
        path
        for path in sorted(data.rglob("*"))
        if path.is_file() and not path.name.endswith(skipped)
    ]
    bounds = [Subject(path, readers.read_bound(bound_of(path))) for path in files]
    environment = [
        Subject(path, readers.read_environment) for path in environment_files(readers)
    ]
    state = Path(f"{readers.base}.state{sys.flags.no_user_site}")
    guard = [
        Subject(path, readers.read_guard)
        for path in (state, state.parent / "guard.json")
    ]
    return [bounds] * 5 + [environment] * 2 + [guard]


def bound_of(path: Path) -> str:
    """The bound by which a file is read: the lock beside a project's own file."""
    names = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
    for folder in (path.parent, path.parent.parent):
        for name in names:
            if (
                path.name not in names
                and path.suffix == ".toml"
                and (folder / name).exists()
            ):
                return str(folder / name)
    return str(path)


def environment_files(readers: Readers) -> list[Path]:
    site = readers.site
    names = [
        *(
            "pip-*.dist-info/METADATA",
            "pip-*.dist-info/RECORD",
            "pip-*.dist-info/entry_points.txt",
        ),
        *(
            "alpha-1.0.dist-info/*",
            "legacy.egg-info/*",
            "old-0.1.egg-info",
            "*.egg",
            "*.pth",
            "*.egg-link",
        ),
        *(
            "tree/EGG-INFO/PKG-INFO",
            "source/linked.egg-info/PKG-INFO",
            "_virtualenv.pth",
        ),
    ]
    found = [
        path for name in names for path in sorted(site.glob(name)) if path.is_file()
    ]
    prefix = Path(readers.interpreter.prefix)
    return [
        *found,
        prefix / "pyvenv.cfg",
        prefix / "conda-meta" / "alpha-1.0-0.json",
        prefix / "bin" / "alpha",
    ]


# -- an environment and a guard, as the tools write them


def make_base(folder: Path) -> None:
    """A virtual environment with what pip installs; each part has a copy of it."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    needs = ["pip>=20; python_version > '3'", "idna[all]"]
    wheel = make_wheel(folder / "wheels", "alpha", "1.0", needs)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "-q", "install", "--no-index"]
    subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
    shutil.rmtree(folder / "wheels")
    site = next((folder / "lib").glob("*/site-packages"))
    keep_some_rows(next(site.glob("pip-*.dist-info/RECORD")))
    for pattern in ("setuptools*", "pkg_resources", "_distutils_hack"):
        for path in site.glob(pattern):
            shutil.rmtree(path)


def make_environment(folder: Path, base: Path) -> str:
    """A virtual environment with a record of each kind, guarded; the path of its interpreter."""
    shutil.copytree(base, folder / "venv", symlinks=True)
    python = str(folder / "venv" / "bin" / "python")
    site = next((folder / "venv" / "lib").glob("*/site-packages"))
    for name, text in environment_texts(site).items():
        path = Path(os.path.normpath(site / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with zipfile.ZipFile(
        site / "zipped-2.0-py3.8.egg", "w", zipfile.ZIP_DEFLATED
    ) as egg:
        egg.writestr(
            "EGG-INFO/PKG-INFO", "Metadata-Version: 1.2\nName: zipped\nVersion: 2.0\n"
        )
    bound = folder / "bound.txt"
    bound.write_text(
        "alpha==1.0\nlegacy==1.0\n-e git+https://h.example/r.git#egg=linked\n"
    )
    words = ["-e", python, "site-install", "--bound", str(bound)]
    command = [sys.executable, str(ENVLOCK), *words, "--superset", "--integrity"]
    subprocess.run(command, check=True, capture_output=True)
    return python


def keep_some_rows(record: Path) -> None:
    """A big record takes long, and shows no more."""
    rows = record.read_text().splitlines(keepends=True)
    record.write_text(
        "".join(row for row in rows if "/__pycache__/" not in row)[:1500].rpartition(
            "\n"
        )[0]
        + "\n"
    )


def environment_texts(site: Path) -> dict[str, str]:
    module = b"x = 1\n"
    row = f"alpha_more.py,{recorded_hash(module)},{len(module)}\n"
    info = "Metadata-Version: 1.1\nName: {}\nVersion: {}\nSummary: a project\n\nText.\n"
    script = "#!/usr/bin/python3\nimport sys\nfrom alpha import main\n"
    script += "if __name__ == '__main__':\n    sys.exit(main())\n"
    reference = {
        "url": "https://h.example/r.git",
        "vcs_info": {"vcs": "git", "commit_id": "a" * 40},
    }
    return {
        "alpha_more.py": module.decode(),
        "alpha-1.0.dist-info/RECORD": (
            site / "alpha-1.0.dist-info" / "RECORD"
        ).read_text()
        + row
        + "../../../bin/alpha,,\n",
        "alpha-1.0.dist-info/entry_points.txt": "[console_scripts]\nalpha = alpha:main\n",
        "../../../bin/alpha": script,
        "beta-1.0.dist-info/METADATA": info.format("beta", "1.0"),
        "beta-1.0.dist-info/direct_url.json": json.dumps(reference),
        "legacy.egg-info/PKG-INFO": info.format("legacy", "1.0"),
        "legacy.egg-info/installed-files.txt": "../legacy.py\nPKG-INFO\ntop_level.txt\n",
        "legacy.egg-info/top_level.txt": "legacy\n",
        "legacy.py": "",
        "old-0.1.egg-info": info.format("old", "0.1"),
        "tree/EGG-INFO/PKG-INFO": info.format("tree", "3.0"),
        "source/linked.egg-info/PKG-INFO": info.format("linked", "0.1"),
        "linked.egg-link": f"{site}/source\n../\n",
        "easy-install.pth": f"{site}/source\n./zipped-2.0-py3.8.egg\n./tree\n",
        "zz-nspkg.pth": "import sys, types, os;has_mfs = sys.version_info > (3, 5)\n",
        "distutils-precedence.pth": "import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = "
        "os.environ.get(var, 'local') == 'local'; enabled and __import__('_distutils_hack').add_shim(); \n",
        "_virtualenv.pth": "import _virtualenv",
        "_virtualenv.py": "",
        "_distutils_hack/__init__.py": "def add_shim():\n    pass\n",
        "../../../conda-meta/alpha-1.0-0.json": json.dumps(
            {"name": "alpha", "files": ["lib/python3/alpha.py"]}
        ),
    }


# -- workers


def work(folder: Path, numbers: list[int], current: Any) -> None:
    """Run mutations by their numbers, and write what is wrong to `failures`, a line each."""
    readers = Readers(folder)
    kinds = subjects(readers)
    every = sorted(
        {subject.path: subject for kind in kinds for subject in kind}.items()
    )
    for number in numbers:
        current[:8] = struct.pack("q", number)
        rng = random.Random(SEED * 1_000_003 + number)
        kind = kinds[number % len(kinds)]
        subject = kind[number // len(kinds) % len(kind)]
        data = mutated(subject.data, rng, rng.choice(every)[1].data)
        subject.path.write_bytes(data)
        before = forget_peak()
        failure = run_one(subject, rng)
        subject.path.write_bytes(subject.data)
        swollen = peak() - before
        if swollen > MEMORY:
            failure = failure or f"{swollen >> 20} MB"
        if failure:
            with open(
                folder / "failures", "a", encoding="utf-8", errors="backslashreplace"
            ) as file:
                file.write(
                    f"mutation {number} of {subject.path.name}: {failure or 'right'}\n"
                )


def peak() -> int:
    """The most bytes that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def forget_peak() -> int:
    """Let the peak begin anew, where Linux lets us; the bytes that this process has now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    return peak()


def run_one(subject: Subject, rng: random.Random) -> str:
    """What is wrong about one mutation; empty if all is right."""
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)  # ends the process
    signal.setitimer(signal.ITIMER_REAL, WAITING_SECONDS)
    began = time.process_time()
    try:
        subject.read(rng)
    except envlock.EnvlockError as error:
        if len(str(error)) > 5000:
            return f"an error of {len(str(error))} characters"
    except BaseException:  # whatever it is, a user would see its traceback
        return traceback.format_exc(limit=-3).strip().replace("\n", " | ")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    spent = time.process_time() - began
    return f"{spent:.1f} s" if spent > CPU_SECONDS else ""


def supervise(folder: Path, python: str, numbers: list[int]) -> list[str]:
    """Run a worker, and another for the rest when one ends."""
    failures: list[str] = []
    place = folder / "current"
    place.write_bytes(bytes(8))
    while numbers:
        (folder / "numbers").write_text(json.dumps(numbers))
        done = subprocess.run(
            [python, __file__, "--worker", str(folder)],
            env=CLEAN,
            stdin=-3,
            stdout=-3,
            stderr=-1,
        )
        if done.returncode == 0:
            break
        (number,) = struct.unpack("q", place.read_bytes())
        said = done.stderr.decode(errors="replace")[-500:]
        failures.append(
            f"mutation {number}: ended by {-done.returncode or done.returncode} {said}"
        )
        restore(folder)
        numbers = numbers[numbers.index(number) + 1 :]
    path = folder / "failures"
    return failures + (
        path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
        if path.exists()
        else []
    )


def restore(folder: Path) -> None:
    """What a worker that was ended hasn't written back."""
    for name in ("data", "venv", "bound.txt"):
        kept = folder / "kept" / name
        if kept.is_dir():
            shutil.rmtree(folder / name)
            shutil.copytree(kept, folder / name, symlinks=True)
        else:
            shutil.copy2(kept, folder / name)


def prepare(folder: Path, base: Path, keep_guard: bool = False) -> str:
    folder.mkdir()
    shutil.copytree(DATA, folder / "data")
    python = make_environment(folder, base)
    if not keep_guard:  # integrity has the interpreter tell whether a guard's code is its own: that takes long
        site = next((folder / "venv" / "lib").glob("*/site-packages"))
        (site / "0-envlock.pth").unlink()
        (site / "_envlock" / "envlock.py").unlink()
    (folder / "kept").mkdir()
    for name in ("data", "venv"):
        shutil.copytree(folder / name, folder / "kept" / name, symlinks=True)
    shutil.copy2(folder / "bound.txt", folder / "kept" / "bound.txt")
    return python


# -- what is no plain file, or a very large one


def special_files(folder: Path, python: str) -> tuple[int, list[str]]:
    """Each file that is read becomes a named pipe, a folder, a link to itself, an endless device, 300 MB of nothing."""
    code = f"import sys; sys.path.insert(0, {str(ENVLOCK.parent)!r}); import envlock; sys.exit(envlock.main())"
    venv = folder / "venv"
    site = next((venv / "lib").glob("*/site-packages"))
    nested = folder / "nested.txt"
    (folder / "outer.txt").write_text("-r nested.txt\n")
    places = [
        nested,
        venv / "pyvenv.cfg",
        venv / "bin" / "alpha",
        *sorted(site.glob("*.dist-info/*")),
    ]
    places += [
        *sorted(site.glob("*.pth")),
        *sorted(site.glob("legacy.egg-info/*")),
        site / "old-0.1.egg-info",
    ]
    places += [
        site / "zipped-2.0-py3.8.egg",
        site / "linked.egg-link",
        site / "source" / "linked.egg-info" / "PKG-INFO",
    ]
    places += [
        venv / "conda-meta" / "alpha-1.0-0.json",
        site / "alpha.py",
        site / "beta-1.0.dist-info" / "RECORD",
    ]
    count, failures = 0, []
    for place in places:
        for make in (
            os.mkfifo,
            os.mkdir,
            link_to_itself,
            link_to_zero,
            make_large,
            make_bomb,
        ):
            if place.name == "pyvenv.cfg" and make is not make_large:
                continue  # Python itself reads that
            if make is make_bomb and place.suffix != ".egg":
                continue
            with replaced(place, make):
                bound = folder / ("outer.txt" if place == nested else "bound.txt")
                words = [
                    "validate",
                    "-b",
                    str(bound),
                    "--superset",
                    "--integrity",
                    "json",
                ]
                count += 1
                wrong = run_limited([sys.executable, "-c", code, "-e", python, *words])
                if wrong:
                    failures.append(
                        f"{place.relative_to(folder)} as {make.__name__}: {wrong}"
                    )
    return count, failures


class replaced:  # noqa: N801
    def __init__(self, place: Path, make: Callable[[Path], object]) -> None:
        self.place, self.make, self.kept = (
            place,
            make,
            place.with_name(place.name + ".kept~"),
        )

    def __enter__(self) -> None:
        if os.path.lexists(self.place):
            os.rename(self.place, self.kept)
        self.make(self.place)

    def __exit__(self, *_: object) -> None:
        if self.place.is_dir() and not self.place.is_symlink():
            self.place.rmdir()
        else:
            self.place.unlink()
        if os.path.lexists(self.kept):
            os.rename(self.kept, self.place)


def link_to_itself(place: Path) -> None:
    place.symlink_to(place)


def link_to_zero(place: Path) -> None:
    place.symlink_to("/dev/zero")


def make_large(place: Path) -> None:
    with open(place, "wb") as file:
        file.truncate(300 << 20)


def make_bomb(place: Path) -> None:
    """An egg of half a megabyte whose metadata are 300 MB."""
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as egg, egg.open(
        "EGG-INFO/PKG-INFO", "w"
    ) as file:
        file.write(b"Name: zipped\nVersion: 2.0\n")
        for _ in range(300):
            file.write(b" " * (1 << 20))


def limit_processor_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))


MEASURED = """\
import os, resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(2, b"\\n%d %d" % (status, usage.ru_maxrss))
"""


def run_limited(command: list[str], statuses: tuple[int, ...] = (0, 2, 3)) -> str:
    """What is wrong about a command: hanging, memory, a traceback, an exit status of none of these."""
    command = [sys.executable, "-c", MEASURED, *command]
    try:
        done = subprocess.run(
            command,
            env=CLEAN,
            stdin=-3,
            stdout=-1,
            stderr=-1,
            timeout=WAITING_SECONDS,
            preexec_fn=limit_processor_time,
        )
    except subprocess.TimeoutExpired:
        return "it hangs"
    errors, _, measured = done.stderr.decode(errors="replace").rpartition("\n")
    status, peak = map(int, measured.split())
    if "Traceback" in errors or status not in statuses:
        return f"status {status}: {errors[-300:]}"
    return f"{peak >> 10} MB" if peak * 1024 > MEMORY + (40 << 20) else ""


def guarded_starts(folder: Path, python: str) -> tuple[int, list[str]]:
    """Starts of a guarded interpreter whose guard's own files were changed, or are no files."""
    site = next((folder / "venv" / "lib").glob("*/site-packages"))
    names = [
        "guard.json",
        *(path.name for path in (site / "_envlock").glob("*.state0")),
    ]
    count, failures = 0, []
    for name in names:
        place = site / "_envlock" / name
        data = place.read_bytes()
        for number in range(STARTS // len(names)):
            rng = random.Random(number)
            place.write_bytes(mutated(data, rng, data))
            count += 1
            wrong = run_limited([python, "-c", "pass"], (0,))
            if wrong:
                failures.append(f"start with {name} changed, {number}: {wrong}")
            place.write_bytes(data)
        for make in (os.mkfifo, os.mkdir, link_to_itself, link_to_zero, make_large):
            with replaced(place, make):
                count += 1
                wrong = run_limited([python, "-c", "pass"], (0,))
                if wrong:
                    failures.append(f"start with {name} as {make.__name__}: {wrong}")
    return count, failures


def main() -> int:
    if sys.argv[1:2] == ["--worker"]:
        folder = Path(sys.argv[2])
        with open(folder / "current", "r+b") as file, mmap.mmap(
            file.fileno(), 8
        ) as current:
            work(folder, json.loads((folder / "numbers").read_text()), current)
        return 0
    words = sys.argv[1:]
    chosen = [int(word) for word in words] or list(range(MUTATIONS))
    folder = Path(
        tempfile.mkdtemp(
            prefix="envlock-hostile-",
            dir=FAST_FOLDER if os.path.isdir(FAST_FOLDER) else None,
        )
    )
    count, failures = len(chosen), []
    try:
        base = folder / "base"
        make_base(base)
        homes = [folder / str(number) for number in range(WORKERS)]
        shares = [chosen[share::WORKERS] for share in range(WORKERS)]
        with ThreadPoolExecutor(WORKERS) as pool:
            pythons = list(pool.map(prepare, homes, [base] * WORKERS))
            for part in pool.map(supervise, homes, pythons, shares):
                failures += part
        if not words:
            for name, part in (("plain", special_files), ("guarded", guarded_starts)):
                python = prepare(folder / name, base, part is guarded_starts)
                number, found = part(folder / name, python)
                count += number
                failures += found
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(failures))
    print(f"hostile: {count} comparisons, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
