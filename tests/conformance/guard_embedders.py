"""Programs that embed Python, which a guard warns and doesn't end, and subinterpreters, which it doesn't judge again.

A program in C that is built for each interpreter that can be embedded; the interpreters' own subinterpreters; and, in
`debian_programs`, Debian's gdb, vim, PostgreSQL, PAM, uWSGI and mod_wsgi.
"""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.debian_programs import TELLS_EMBEDDING, programs
from tests.conformance.guarded import CODE, Checks, Guarded, messages, scratch, tables
from tests.support import run
from tests.tools.check import interpreters

SUBINTERPRETERS = 23
# What a subinterpreter may cost with a guard, beside one without: today's cost of judging it again is 3 times.
AT_MOST = 1.6

EMBEDDING = r"""
#include <Python.h>

static int run(const char *code) { return PyRun_SimpleString(code); }

int main(int argc, char **argv)
{
    wchar_t *name = Py_DecodeLocale(argv[1], NULL);
    Py_SetProgramName(name);
    Py_InitializeEx(0);
    int failed = run("import sys; print('embedded in', sys.prefix, flush=True)");
    PyThreadState *first = PyThreadState_Get();
    for (int number = 0; number < 3; number++) {
        PyThreadState *other = Py_NewInterpreter();
        if (!other) return 9;
        failed |= run("print('in a subinterpreter', flush=True)");
        Py_EndInterpreter(other);
        PyThreadState_Swap(first);
    }
    failed |= Py_FinalizeEx();
    printf("the end\n");
    return failed ? 8 : 0;
}
"""
EMBEDDED = "embedded in {0}\n" + 3 * "in a subinterpreter\n" + "the end\n"

# What an interpreter makes its subinterpreters with.
MODULE = """\
import os, sys, time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters

def run(code):
    one = interpreters.create()
    try:
        (getattr(interpreters, "run_string", None) or interpreters.exec)(one, code)
    finally:
        interpreters.destroy(one)
"""
MANY = (
    MODULE
    + """
if sys.argv[1] != "-":
    os.rename(sys.argv[1] + "/ham-1.0.dist-info", sys.argv[1] + "/ham-2.0.dist-info")
try:
    for number in range(23):
        run("import os; os.write(1, b'.')")
finally:
    sys.stdout.write("the end\\n")
"""
)
POOL = """\
import os, sys
from concurrent.futures import InterpreterPoolExecutor

os.rename(sys.argv[1] + "/ham-1.0.dist-info", sys.argv[1] + "/ham-2.0.dist-info")
with open(sys.argv[2], "w") as file:
    file.write("unwritten")
    try:
        with InterpreterPoolExecutor(3) as pool:
            print(sum(pool.map(abs, range(-9, 0))))
    finally:
        file.write(" and written")
"""
# Subinterpreters with the guard's start-up file and without it, by turns. What counts is the least processor time of
# each, and the least of three tries: programs that are busy meanwhile make it longer, and none makes it shorter.
COST = (
    MODULE
    + """
start_up, aside = sys.argv[1:]

def cost():
    began = time.process_time()
    run("pass")
    return time.process_time() - began

def ratio():
    guarded, bare = [], []
    for number in range(8):
        guarded.append(cost())
        os.rename(start_up, aside)
        bare.append(cost())
        os.rename(aside, start_up)
    return min(guarded) / min(bare)

run("pass")
print(min(ratio() for attempt in range(3)))
"""
)


def build(python: str, folder: Path) -> str:
    """The program in C for an interpreter; "" where that lacks what is needed."""
    real = Path(python).resolve().parent
    config = next(iter(sorted(real.glob("python3.*-config"))), None)
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not config or not compiler:
        return ""
    flags = (
        run([config, "--cflags"]).stdout.split()
        + run([config, "--embed", "--ldflags"]).stdout.split()
    )
    library = run([config, "--prefix"]).stdout.strip() + "/lib"
    (folder / "program.c").write_text(EMBEDDING)
    flags = [flag for flag in flags if not flag.startswith("-W")]
    command = [
        compiler,
        folder / "program.c",
        "-o",
        folder / "program",
        "-w",
        "-O0",
        *flags,
        f"-Wl,-rpath,{library}",
    ]
    return str(folder / "program") if run(command).returncode == 0 else ""


def embedding(checks: Checks, name: str, one: Guarded) -> None:
    program = build(one.python, one.folder)
    if not program:
        checks.skip(f"a program in C, {name}", "no compiler, headers or library")
        return
    for mode in "exit", "exit --embedded", "warn":
        one.guard(*mode.split())
        what = f"a program in C, {name}, {mode}"
        for drifted in False, True:
            one.drift() if drifted else None
            done = run(
                [program, one.python, "-m", "pip"], cwd=one.folder
            )  # words of its own
            ends = drifted and mode == "exit --embedded"
            found = (
                done.returncode,
                done.stdout,
                tables(done.stderr),
                messages(done.stderr),
            )
            expected = (CODE, "") if ends else (0, EMBEDDED.format(one.path))
            checks.expect(
                f"{what}, drifted {drifted}",
                found,
                (*expected, int(drifted), int(drifted)),
                done.stderr,
            )
            if drifted and mode == "exit":
                checks.expect(
                    f"{what}: says why",
                    TELLS_EMBEDDING in done.stderr,
                    True,
                    done.stderr,
                )
        done = one.run("-c", "print('ran')")
        found = done.returncode, done.stdout
        checks.expect(
            f"Python itself, {name}, {mode}",
            found,
            (0, "ran\n") if mode == "warn" else (CODE, ""),
            done.stderr,
        )
        one.mend()


def subinterpreters(checks: Checks, name: str, one: Guarded) -> None:
    if one.run("-c", MODULE).returncode:
        checks.skip(f"subinterpreters, {name}", "it has none")
        return
    dots = SUBINTERPRETERS * "." + "the end\n"
    one.guard("exit")
    done = one.run("-c", MANY, one.site)
    found = done.returncode, done.stdout, done.stderr
    checks.expect(
        f"subinterpreters of a judged program, {name}",
        found,
        (0, dots, ""),
        done.stderr,
    )
    one.guard("warn")
    done = one.run("-c", MANY, "-")
    found = done.returncode, done.stdout, tables(done.stderr), messages(done.stderr)
    checks.expect(
        f"subinterpreters of a warned program, {name}",
        found,
        (0, dots, 1, 1),
        done.stderr,
    )
    one.mend()
    if (
        one.run(
            "-c", "from concurrent.futures import InterpreterPoolExecutor"
        ).returncode
        == 0
    ):
        one.guard("exit")
        written = one.folder / "written"
        done = one.run("-c", POOL, one.site, written)
        found = done.returncode, done.stdout, done.stderr, written.read_text()
        checks.expect(
            f"InterpreterPoolExecutor, {name}",
            found,
            (0, "45\n", "", "unwritten and written"),
            done.stderr,
        )
        one.mend()


def subinterpreter_cost(checks: Checks, name: str, one: Guarded) -> None:
    """In a drifted environment, where judging again would cost most."""
    if one.run("-c", MODULE).returncode:
        return
    one.guard("warn")
    one.drift()
    names = ("0-envlock.pth", "0-envlock.start")
    start_up = next(one.site / name for name in names if (one.site / name).exists())
    ratio = float(one.run("-c", COST, start_up, one.folder / "aside").stdout)
    print(
        f"  a subinterpreter, {name}: {ratio:.2f} times the cost of one without a guard",
        flush=True,
    )
    checks.expect(
        f"a subinterpreter's cost, {name}, is at most {AT_MOST} times",
        ratio <= AT_MOST,
        True,
        str(ratio),
    )


def own_interpreters(checks: Checks, folder: Path) -> None:
    for name, python in interpreters().items():
        if name.startswith("cpython"):
            with checks.part(f"a program in C, {name}"):
                one = Guarded(folder / name.replace(" ", "-"), python)
                embedding(checks, name, one)
            with checks.part(f"subinterpreters, {name}"):
                subinterpreters(checks, name, one)
                subinterpreter_cost(checks, name, one)


def main() -> int:
    checks = Checks("guard_embedders")
    with scratch() as folder:
        other = threading.Thread(target=own_interpreters, args=(checks, folder))
        other.start()
        programs(checks)
        other.join()
    return checks.end()


if __name__ == "__main__":
    raise SystemExit(main())
