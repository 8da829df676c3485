"""Real environments for the tests: virtual environments with fabricated records, and envlock in its own process; and
folders of bound files.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import time
import unittest
import zipfile
from pathlib import Path
from typing import Any, Callable, ClassVar, Iterable, Iterator, Sequence, TypeVar

from envlock import (
    Bound,
    BoundError,
    BoundRequirement,
    EnvlockError,
    Finding,
    GuardConfiguration,
    ReadContext,
    Selection,
    _toml_parser,
    format_table,
    read_bounds,
    start_once,
    url_of_path,
)

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
ENVLOCK = ROOT / "envlock.py"
DATA = ROOT / "tests" / "data"
LOCKS = [
    path
    for tool in ("uv", "poetry", "pdm", "pipfile", "pylock")
    for path in sorted((DATA / tool).glob("*"))
]
if sys.implementation.name == "pypy":  # its start with TOML is slow
    LOCKS = LOCKS[::4]
COMMIT = "31ec7eaf960d3c1f4ce6082279f8ee853aaea0bf"
SHA256 = "0123456789abcdef" * 4

PASS = "To pass once: set ENVLOCK_DISABLE=1\n"
RESTORE = "put the lock right, or name another with site-install"
RENEW = "renew the guard with site-install"
CODE = 78  # the default exit status of a start that is not aligned
YOUNG = 2.1  # seconds after which a time stamp is trusted
LEAKS = """
import os, signal, sys
print(sorted(set(sys.modules) - {"_envlock"}))
print([entry for entry in sys.path], sys.argv, sys.warnoptions)
print(sorted(item for item in os.environ.items()))
print([str(signal.getsignal(number)) for number in (1, 2, 13, 15)])
print(sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else "")
import warnings
print(warnings.filters)
"""

COMMAND = f"import sys; sys.path[0] = {str(ROOT)!r}; from envlock import main; sys.exit(main())"

# What the user has set must not change a verdict of the tests.
CLEAN = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("PYTHON", "ENVLOCK", "VIRTUAL_ENV", "PIP_"))
    and key not in ("NO_COLOR", "FORCE_COLOR")
}


try:
    _toml_parser()
    NO_TOML = ""
except BoundError as error:
    NO_TOML = str(error)

# Begins a command that permissions are to hold for, whoever runs the tests; a reason where there can be none.
POWERLESS = (
    ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    if os.name == "posix" and os.geteuid() == 0
    else []
)
NO_PERMISSIONS = (
    ""
    if os.name == "posix" and all(map(shutil.which, POWERLESS[:1]))
    else "needs POSIX, or setpriv for root"
)


def run(
    command: Sequence[object], *, env: dict[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command with its output captured as text; `env` is added to a clean environment."""
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault(
        "timeout", 600
    )  # against a test that hangs; the machine may be busy
    return subprocess.run(
        list(map(str, command)),
        check=False,
        stdout=options.pop("stdout", subprocess.PIPE),
        stderr=options.pop("stderr", subprocess.PIPE),
        encoding="utf-8",
        errors="surrogateescape",
        env={**CLEAN, **(env or {})},
        **{
            key: value
            for key, value in options.items()
            if not (key == "stdin" and "input" in options)
        },
    )


def allow_interrupt() -> None:
    """For `preexec_fn`: a job in the background, as CI may be, has its children ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(holds: Callable[[], object], what: str) -> None:
    """Wait for a sign; the long limit is for what never gives it."""
    limit = time.monotonic() + 300
    while not holds():
        if time.monotonic() > limit:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.01)


def assert_linear(work: Callable[[T], object], small: T, large: T) -> None:
    """The time for an input grows with its size alone; `large` is `small` eight times over.

    What counts is the processor's time, since other programs may take the clock's, and the best of some tries, since
    they share its caches, too. Quadratic time grows 64 times. Less than two milliseconds count as two.
    """

    def seconds(value: T) -> float:
        began = time.process_time()
        work(value)
        return max(time.process_time() - began, 0.002)

    ratios: list[float] = []
    while not ratios or ratios[-1] > 24:
        if len(ratios) == 4:
            raise AssertionError(
                f"an input eight times as large takes {min(ratios):.0f} times the time"
            )
        ratios.append(seconds(large) / seconds(small))


def peak_memory(work: Callable[[T], object], value: T) -> int:
    """The most bytes that Python has asked for at a time, beyond those before; 0 where that can't be told."""
    try:
        import tracemalloc
    except ImportError:  # PyPy
        work(value)
        return 0
    tracemalloc.start()
    try:
        work(value)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def is_waiting(process: int) -> bool:
    """Whether a process's main thread waits for something (Linux); true where that can't be told."""
    try:
        return (
            Path(f"/proc/{process}/task/{process}/stat")
            .read_text()
            .rpartition(")")[2]
            .split()[0]
            == "S"
        )
    except OSError:
        return True


def interrupted(command: Sequence[object]) -> tuple[bytes, bytes, int]:
    """Run a command on a terminal, interrupt it once it shows something: what it has shown, its output, its status."""
    import pty

    main, side = pty.openpty()
    child = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=side,
        env=CLEAN,
        preexec_fn=allow_interrupt,
    )
    os.close(side)
    shown = os.read(main, 1000)
    time.sleep(0.1)
    wait_until(
        lambda: is_waiting(child.pid), "the command has written what was read here"
    )
    child.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while True:
            shown += os.read(main, 1000)
    os.close(main)
    return shown, child.communicate()[0], child.returncode


def envlock(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run envlock as its installed command does, with the interpreter that runs the tests: unlike a script, it isn't
    compiled each time.
    """
    return run([sys.executable, "-c", COMMAND, *arguments], **options)


def on_terminal(
    *arguments: object,
    columns: int = 300,
    env: dict[str, str] | None = None,
    command: Sequence[object] = (sys.executable, "-c", COMMAND),
    **options: Any,
) -> str:
    """What `envlock.py` shows on a terminal, both streams as they come."""
    import fcntl
    import pty
    import struct
    import termios

    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 50, columns, 0, 0))
    words = list(map(str, (*command, *arguments)))
    env = {**CLEAN, "NO_COLOR": "1", **(env or {})}
    shown = b""
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=side, stderr=side, env=env, **options
    ):
        os.close(side)
        with contextlib.suppress(OSError):  # Linux tells the end so
            while True:
                data = os.read(main, 10_000)
                if not data:
                    break
                shown += data
    os.close(main)
    return shown.decode().replace("\r\n", "\n")


def add_record(
    site: Path,
    name: str,
    version: str,
    direct_url: dict[str, Any] | None = None,
    requires: Sequence[str] = (),
) -> Path:
    """Write a *.dist-info as an installer leaves it."""
    record = site / f"{name.replace('-', '_')}-{version}.dist-info"
    record.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}"
    (record / "METADATA").write_text(metadata, encoding="utf-8")
    (record / "RECORD").write_text("", encoding="utf-8")
    if direct_url is not None:
        (record / "direct_url.json").write_text(
            json.dumps(direct_url), encoding="utf-8"
        )
    return record


def recorded_hash(data: bytes, algorithm: str = "sha256") -> str:
    """A file's hash as RECORD has it."""
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


class Environment:
    """A virtual environment without pip."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path = path
        made = run([sys.executable, "-m", "venv", "--without-pip", *options, path])
        assert made.returncode == 0, made.stderr
        self.python = path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        scheme = {"base": str(path), "platbase": str(path)}
        code = "import site; print(site.getsitepackages()[0])"
        self.site = Path(
            run([self.python, "-I", "-c", code]).stdout.strip()
            or sysconfig.get_path("purelib", vars=scheme)
        )

    def add(
        self,
        name: str,
        version: str,
        direct_url: dict[str, Any] | None = None,
        requires: Sequence[str] = (),
    ) -> Path:
        return add_record(self.site, name, version, direct_url, requires)

    def remove(self, name: str) -> None:
        for record in self.site.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(record)

    def validate(
        self, *arguments: object, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return envlock("-e", self.python, "validate", *arguments, **options)

    def findings(self, *arguments: object) -> list[tuple[str, str, str]]:
        """(package, dependency, explain) of each row that `validate … json` prints."""
        done = self.validate(*arguments, "json")
        assert done.returncode in (0, 3), done.stderr
        return [
            (row["package"], row["dependency"], row["explain"])
            for row in json.loads(done.stdout)
        ]


MOST_GROWTH = 6  # see `growth`


def growth(
    run: Callable[[Any], object], make: Callable[[int], Any], size: int
) -> float:
    """How many times as long four times as much input takes.

    CPU time at the best of up to thirty tries, without the garbage collector: whatever else the
    machine does, linear work comes to 4 in one of them, and quadratic work never below 10.
    """
    inputs = make(size), make(4 * size)
    best = [float("inf"), float("inf")]
    ratio = float("inf")
    gc.disable()
    try:
        for _ in range(30):
            for index, value in enumerate(inputs):
                start = time.process_time()
                run(value)
                best[index] = min(best[index], time.process_time() - start)
            ratio = best[1] / max(best[0], 0.001)
            if ratio <= 5.5:
                break
            gc.collect()
    finally:
        gc.enable()
    return ratio


class TestCase(unittest.TestCase):
    """A test case with a scratch folder and, for the whole class, one environment."""

    environment: Environment
    _class_folder: tempfile.TemporaryDirectory[str]
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        cls._class_folder = tempfile.TemporaryDirectory(prefix="envlock-")
        cls.environment = Environment(Path(cls._class_folder.name).resolve() / "venv")

    @classmethod
    def tearDownClass(cls) -> None:
        cls._class_folder.cleanup()

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name).resolve()
        for entry in self.environment.site.iterdir():
            shutil.rmtree(
                entry
            ) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def assertRefused(
        self, done: subprocess.CompletedProcess[str], message: str
    ) -> None:
        """One line on standard error, exit 2, nothing on standard output."""
        self.assertEqual(
            (done.stderr, done.stdout, done.returncode),
            (f"envlock: error: {message}\n", "", 2),
        )


def make_wheel(
    folder: Path, name: str, version: str, requires: Sequence[str] = ()
) -> Path:
    """Write a wheel with one empty module, as a build backend would."""
    stem = f"{name.replace('-', '_')}-{version}"
    record = f"{stem}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{name.replace('-', '_')}.py": f'__version__ = "{version}"\n',
        f"{record}/METADATA": metadata
        + "".join(f"Requires-Dist: {requirement}\n" for requirement in requires),
        f"{record}/WHEEL": "Wheel-Version: 1.0\nGenerator: envlock-tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
        rows = [
            f"{inside},{recorded_hash(text.encode())},{len(text)}\n"
            for inside, text in files.items()
        ]
        archive.writestr(f"{record}/RECORD", "".join(rows) + f"{record}/RECORD,,\n")
    return path


def chosen(**fields: Any) -> Selection:
    """A selection: names of extras and groups between blanks, and switches."""
    values: Any = {
        key: frozenset(value.split()) if isinstance(value, str) else value
        for key, value in fields.items()
    }
    return Selection(**values)


class InFolder(unittest.TestCase):
    """Bound files in a scratch folder, which is the working directory."""

    def setUp(self) -> None:
        before = os.getcwd()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, before)
        self.folder = os.path.realpath(scratch.name)
        os.chdir(self.folder)
        self.context = ReadContext(lambda: LINUX)

    def write(self, name: str, content: str | bytes) -> str:
        path = Path(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def read(
        self,
        content: str | bytes,
        name: str = "requirements.txt",
        selection: Selection | None = None,
    ) -> Bound:
        self.context = ReadContext(lambda: LINUX, selection or Selection())
        return read_bounds([self.write(name, content)], self.context)

    def texts(
        self,
        content: str | bytes,
        name: str = "requirements.txt",
        selection: Selection | None = None,
    ) -> list[str]:
        return [each.text for each in self.read(content, name, selection).requirements]

    def one(self, line: str) -> BoundRequirement:
        (found,) = self.read(line + "\n").requirements
        return found

    def refuses(
        self,
        message: str,
        content: str | bytes,
        name: str = "requirements.txt",
        selection: Selection | None = None,
    ) -> None:
        with self.assertRaises(EnvlockError) as caught:
            self.read(content, name, selection)
        self.assertEqual(message, str(caught.exception))


def marker_variables(version: str = "3.11", platform: str = "linux") -> dict[str, str]:
    """The marker variables of an interpreter."""
    return {
        "os_name": "nt" if platform == "win32" else "posix",
        "sys_platform": platform,
        "platform_machine": "x86_64",
        "platform_system": "Windows" if platform == "win32" else "Linux",
        "platform_release": "6.1",
        "platform_version": "1",
        "python_version": version,
        "python_full_version": version + ".7",
        "implementation_name": "cpython",
        "implementation_version": version + ".7",
        "platform_python_implementation": "CPython",
    }


LINUX = marker_variables()


def selected(options: str) -> Selection:
    """A selection as the command line spells it."""
    words = iter(options.split())
    found: dict[str, Any] = {}
    for word in words:
        key = word[2:].replace("-", "_")
        if isinstance(getattr(Selection(), key, None), bool):
            found[key] = True
        else:
            found.setdefault(key + "s", set()).add(next(words))
    sets: Any = {
        key: frozenset(value) if isinstance(value, set) else value
        for key, value in found.items()
    }
    return Selection(**sets)


def lock_in(folder: Path) -> Path:
    names = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
    return next(folder / name for name in names if (folder / name).exists())


def read_bound(path: Path, options: str = "", version: str = "3.11") -> Bound:
    return read_bounds(
        [str(path)], ReadContext(lambda: marker_variables(version), selected(options))
    )


class Scratch(unittest.TestCase):
    """Locks written by a test."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(os.path.realpath(scratch.name))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def texts(
        self, name: str, text: str, options: str = "", version: str = "3.11"
    ) -> list[str]:
        """What a lock demands, as the report shows it, with this folder's path left out."""
        bound = read_bound(self.write(name, text), options, version)
        home = url_of_path(str(self.folder))
        return [each.text.replace(home, "file:///here") for each in bound.requirements]

    def error(self, name: str, text: str, options: str = "") -> str:
        path = self.write(name, text)
        with self.assertRaises(BoundError) as caught:
            read_bound(path, options)
        return str(caught.exception).replace(str(self.folder) + os.sep, "")

    def assertErrors(self, invalid: Sequence[tuple[str, str, str]]) -> None:
        """Each has the name of a file, its text and the message."""
        for name, text, message in invalid:
            with self.subTest(message):
                self.assertEqual(self.error(name, text), message)


def items_of(value: Any) -> Iterable[tuple[Any, Any]]:
    """The members of a table or an array by their keys; none of any other value."""
    if isinstance(value, dict):
        return value.items()
    return enumerate(value if isinstance(value, list) else ())


def members(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document."""
    for key, member in items_of(value):
        yield value, key
        yield from members(member)


def tree(folder: Path) -> dict[str, bytes]:
    """All that is below a folder."""
    paths = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in paths
    }


def without_advice(text: str) -> str:
    """What a guard says, without the commands that would align the environment: they have a test of their own."""
    return "".join(
        line for line in text.splitlines(True) if not line.startswith("To align: ")
    )


def stopped(message: str) -> str:
    """A guard's words in exit mode, by those in warn mode."""
    first, mark, rest = message.partition("\n")
    sentence, colon, reason = first.partition(" with its lock: ")
    if colon:
        return f"{sentence} with its lock and was not started: {reason}{mark}{rest}"
    return f"{first} and was not started{mark}{rest}"


class GuardTestCase(TestCase):
    """An environment with six 1.0, and a bound that asks for it."""

    guards: ClassVar[dict[str, dict[str, bytes]]] = {}  # see `install`
    copies_guards = True  # not where site-install itself is what is tested

    def setUp(self) -> None:
        super().setUp()
        self.folder = self.environment.path.parent / "work" / "here"  # for each test
        self.folder.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, self.folder)
        self.environment.add("six", "1.0")
        self.bound = self.write("requirements.txt", "six==1.0\n")
        self.failure = self.message("ham-2.0              Unrequired")

    def message(self, row: str, bound: Path | None = None) -> str:
        """What a start says in warn mode, for one row of the table without its last column."""
        site = format_table([Finding("", sites=(str(self.environment.site),))]).split()[
            -1
        ]
        rows = f"Package  Dependency  Explain     Sites\n{row}  {site}\n"
        return self.differs(rows, bound)

    def differs(self, rows: str, bound: Path | None = None) -> str:
        where = f"({self.environment.path}) differs from its lock {bound or self.bound}"
        return f"envlock: this Python {where}\n{rows}{self.last_lines()}"

    def unusable(self, reason: str, repair: str = RESTORE) -> str:
        """What a start says in warn mode of a bound that can't be used."""
        where = f"({self.environment.path}) cannot be compared with its lock"
        return f"envlock: this Python {where}: {reason}\nTo repair: {repair}\n{self.last_lines()}"

    def last_lines(self) -> str:
        python, folder = self.environment.python, self.environment.site / "_envlock"
        return f"{PASS}To remove the guard: {python} {folder}/envlock.py -e {python} site-uninstall\n"

    def install(self, *arguments: object) -> None:
        """Guard the environment.

        `site-install` compiles envlock.py, which would take most of the time of most tests. So the first test that
        gives some words runs it; the others copy the files that it left, and start the interpreter as it does.
        """
        python, site = self.environment.python, self.environment.site
        given = list(map(str, arguments))
        words = ["-e", str(python), "site-install", "--bound", str(self.bound), *given]
        home = str(self.environment.path.parent)
        files = self.guards.get(" ".join(words).replace(home, ""), {})
        # site-install over another guard removes what is left of that.
        if not self.copies_guards or (site / "_envlock").exists():
            files = {}
        for name, data in files.items():
            (site / name).parent.mkdir(exist_ok=True)
            (site / name).write_bytes(data.replace(b"@home@", os.fsencode(home)))
        if files:
            start_once(str(python), GuardConfiguration.read(f"{site}/_envlock"))
            return
        done = envlock(*words)
        what = "warn"
        if "exit" in given:
            what = f"exit {given[-1] if '--code' in given else CODE}"
        note = self.note(python, self.bound, what)
        self.assertEqual((done.stderr[: len(note)], done.returncode), (note, 0))
        self.guards[" ".join(words).replace(home, "")] = {
            str(path.relative_to(site)): path.read_bytes().replace(
                os.fsencode(home), b"@home@"
            )
            for path in (*site.glob("0-envlock.*"), *site.glob("_envlock/*"))
            if ".state" not in path.name
        }

    def note(self, python: Path, bound: Path | str, what: str) -> str:
        return f"envlock: {python}: every start is checked against {bound} ({what})\n"

    def start(
        self, *arguments: object, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        return self.started(
            [self.environment.python, *(arguments or ("-c", "print('ran')"))], **options
        )

    def started(
        self, command: Sequence[object], raw: bool = False, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """A start; unless it is to be raw, without advice on standard error."""
        done = run(command, **options)
        done.stderr = done.stderr if raw else without_advice(done.stderr)
        return done

    def assertRuns(self, *arguments: object, **options: Any) -> None:
        done = self.start(*arguments, **options)
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "ran\n", 0))

    def assertStopped(
        self, message: str, *arguments: object, code: int = CODE, **options: Any
    ) -> None:
        done = self.start(*arguments, **options)
        said = (
            stopped(message) if message.startswith("envlock: this Python") else message
        )
        self.assertEqual((done.stderr, done.stdout, done.returncode), (said, "", code))
