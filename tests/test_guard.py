"""The guard, in real environments and real starts."""

from __future__ import annotations

import ast
import contextlib
import json
import marshal
import os
import shutil
import subprocess
import sys
import threading
import time
import unittest
import zipfile
from pathlib import Path
from typing import Any, Callable

import envlock
from tests import support

REFUSAL = "a guard reads its bound at every start: it takes a file, no stream and nothing from the network"
PASS = "To pass once: set ENVLOCK_DISABLE=1\n"
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


def tree(folder: Path) -> dict[str, bytes]:
    """All that is below a folder."""
    paths = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"" for path in paths}


class GuardTestCase(support.TestCase):
    """An environment with six 1.0, and a bound that asks for it."""

    def setUp(self) -> None:
        super().setUp()
        self.environment.add("six", "1.0")
        self.bound = self.write("requirements.txt", "six==1.0\n")
        self.failure = self.message("ham-2.0              Unrequired")

    def message(self, row: str, bound: Path | None = None) -> str:
        site = envlock.format_table([envlock.Finding("", sites=(str(self.environment.site),))]).split()[-1]
        return (
            f"Failed: envlock {envlock.__version__}: validate --bound {bound or self.bound}\n"
            f"Package  Dependency  Explain     Sites\n{row}  {site}\n"
        )

    def install(self, *arguments: object) -> None:
        done = support.envlock("-e", self.environment.python, "site-install", "--bound", self.bound, *arguments)
        words = [str(word) for word in arguments]
        what = f"exit {words[-1] if '--code' in words else 3}" if "exit" in words else "warn"
        self.assertEqual((done.stderr, done.returncode), (self.note(self.environment.python, self.bound, what), 0))

    def note(self, python: Path, bound: Path | str, what: str) -> str:
        return f"envlock: {python}: every start is checked against {bound} ({what})\n"

    def start(self, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return support.run([self.environment.python, *(arguments or ("-c", "print('ran')"))], **options)

    def assertRuns(self, *arguments: object, **options: Any) -> None:
        done = self.start(*arguments, **options)
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "ran\n", 0))

    def assertStopped(self, message: str, *arguments: object, code: int = 3, **options: Any) -> None:
        done = self.start(*arguments, **options)
        message += PASS * message.startswith("Failed")
        self.assertEqual((done.stderr, done.stdout, done.returncode), (message, "", code))


class StartTest(GuardTestCase):
    def test_an_aligned_start_is_silent(self) -> None:
        self.install("exit")
        for _ in range(3):
            self.assertRuns()

    def test_warn_prints_the_table_once_and_goes_on(self) -> None:
        self.environment.add("ham", "2.0")
        self.install("warn")
        for _ in range(3):
            done = self.start()
            self.assertEqual((done.stderr, done.stdout, done.returncode), (self.failure, "ran\n", 0))

    def test_exit_ends_the_process_with_the_code(self) -> None:
        self.install("exit", "--code", "42")
        self.environment.add("ham", "2.0")
        for _ in range(3):
            self.assertStopped(self.failure, code=42)

    def test_site_install_prints_what_it_finds(self) -> None:
        self.environment.add("ham", "2.0")
        done = support.envlock("-e", self.environment.python, "site-install", "--bound", self.bound, "exit")
        self.assertEqual((done.stdout, done.returncode), (self.failure.split("\n", 1)[1], 0))
        self.assertEqual(done.stderr, self.note(self.environment.python, self.bound, "exit 3"))

    def test_installing_again_replaces(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        self.install("--superset", "exit")
        self.assertRuns()
        self.install("--ignore", "Ham", "exit")
        self.assertRuns()

    def test_a_relative_bound_holds_in_any_working_directory(self) -> None:
        done = support.envlock(
            "-e", self.environment.python, "site-install", "-b", "requirements.txt", "exit", cwd=self.folder
        )
        note = self.note(self.environment.python, "requirements.txt", "exit 3")
        self.assertEqual((done.stderr, done.stdout, done.returncode), (note, "", 0))
        self.assertRuns(cwd="/")

    def test_stops_every_way_to_start(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        script = self.write("pipeline.py", "print('ran')")
        with zipfile.ZipFile(self.folder / "app.pyz", "w") as archive:
            archive.writestr("__main__.py", "print('ran')")
        ways: list[tuple[object, ...]] = [
            (script,),
            ("-m", "this"),
            (self.folder / "app.pyz",),
            *((option, "-c", "print('ran')") for option in ("-I", "-E", "-s", "-B", "-OO", "-u")),
            ("-X", "dev", "-c", "print('ran')"),
        ]
        for way in ways:
            with self.subTest(way=way):
                self.assertStopped(self.failure, *way)
        console = self.write("uvicorn", f"#!{self.environment.python}\nprint('ran')\n")
        console.chmod(0o755)
        done = support.run([console])
        self.assertEqual((done.stderr, done.stdout, done.returncode), (self.failure + PASS, "", 3))
        self.assertStopped(self.failure, "-", input="print('ran')\n")
        self.assertStopped(self.failure, "-i", input="print('ran')\n")

    def test_runs_before_other_start_up_files(self) -> None:
        for name in ("00_a.pth", "A.pth"):
            (self.environment.site / name).write_text("import os;os.write(1, b'payload')\n")
        self.install("exit")
        self.assertEqual(self.start("-c", "").stdout.count("payload") % 2, 0)
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)

    def test_closed_streams_do_not_matter(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        for closed in ("2>&-", "2>&- >&-", "<&-"):
            done = support.run(["sh", "-c", f'"{self.environment.python}" -c "print(1)" {closed}'])
            self.assertEqual((done.stdout, done.returncode), ("", 3), closed)

    def test_one_command_may_be_let_through(self) -> None:
        self.install("exit")
        self.bound.unlink()
        self.assertRuns(env={"ENVLOCK_DISABLE": "1"})

    def test_an_environment_on_top_of_the_guarded_one_is_not_judged(self) -> None:
        above = support.Environment(self.folder / "above", "--system-site-packages")
        within = support.Environment(above.path / "within")
        home = {"PYTHONUSERBASE": str(self.environment.path)}
        user = support.run([above.python, "-c", "import site; print(site.getusersitepackages())"], env=home).stdout
        if user.strip() != str(self.environment.site):
            self.skipTest("the user site has another layout")
        for guarded, env, code in (
            (self.environment, home, "print('ran')"),
            (within, {}, f"import site; site.addsitedir({str(within.site)!r}); print('ran')"),
        ):
            support.envlock("-q", "-e", guarded.python, "site-install", "-b", self.bound, "exit")
            guarded.add("ham", "2.0")
            for damaged in (False, True):
                if damaged:
                    (guarded.site / "_envlock" / f"{sys.implementation.hexversion:x}").unlink()
                done = support.run([above.python, "-c", code], env=env)
                self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "ran\n", 0))
            self.assertEqual(support.run([guarded.python, "-c", ""]).returncode, 3)

    @unittest.skipIf(sys.implementation.name == "pypy", "asks for /proc itself")
    def test_where_there_is_no_proc_ps_tells_who_asks(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        answers = '[ "$4" = "$ASKER" ] && echo /h/bin/poetry install || echo python -c pass'
        self.write("bin/ps", f"#!/bin/sh\n{answers}\n").chmod(0o755)
        hidden = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs none /proc && PATH=$HERE ASKER=$$ "$@"; exit $?', "sh"]
        if shutil.which("unshare") is None or support.run([*hidden, shutil.which("true")]).returncode:
            self.skipTest("needs Linux, and the right to hide /proc")
        for here, expected in (("bin", ("", "ran\n", 0)), ("nowhere", (self.failure + PASS, "", 3))):
            command = [*hidden, self.environment.python, "-c", "print('ran')"]
            done = support.run(command, env={"HERE": str(self.folder / here)})
            self.assertEqual((done.stderr, done.stdout, done.returncode), expected)

    def test_children_of_multiprocessing_pass(self) -> None:
        self.install("exit")
        script = self.write(
            "pool.py",
            "import multiprocessing, os, sys\n"
            "from multiprocessing import resource_tracker\n"
            "if __name__ == '__main__':\n"
            "    os.mkdir(sys.argv[1])  # the environment drifts\n"
            "    resource_tracker.ensure_running()\n"
            "    for method in ('spawn', 'forkserver'):\n"
            "        with multiprocessing.get_context(method).Pool(1) as pool: print(sum(pool.map(abs, [1, -2])))\n",
        )
        done = self.start(script, self.environment.site / "ham-2.0.dist-info")
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "3\n3\n", 0))
        self.assertStopped(self.failure)

    def test_modules_on_pythonpath_do_not_take_part(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        for name in ("_envlock", "envlock", "platform", "json", "enum", "selectors"):
            self.write(f"own/{name}.py", "import os; os.write(1, b'user code')")
        for path in (str(self.folder / "own"), "own", ":own:"):
            self.assertStopped(self.failure, env={"PYTHONPATH": path}, cwd=self.folder)
        self.environment.remove("ham")
        done = self.start("-c", "import platform", env={"PYTHONPATH": "own"}, cwd=self.folder)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("user code", "", 0))

    def test_odd_circumstances(self) -> None:
        self.install("exit")
        gone = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" "$@"'
        more = ":relative" * (sys.version_info < (3, 11))  # newer ones can't start so
        for drifted in (False, True):
            for words, env in (
                ((), {"HOME": ""}),
                (("-X", "importtime"), {}),
                (("-W", "error"), {}),
                (("-X", "dev", "-W", "error", "-bb"), {"PYTHONSTARTUP": "nowhere.py"}),
                (("-O",), {"PYTHONPATH": f"{self.folder}{more}", "PYTHONHASHSEED": "0"}),
            ):
                command = ["sh", "-c", gone, self.environment.python, *words, "-c", "print('ran')"]
                done = support.run(command, env=env, cwd=self.folder)
                self.assertEqual((done.stdout, done.returncode), ("", 3) if drifted else ("ran\n", 0), done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                os.utime(self.bound)
            if not drifted:
                self.environment.add("ham", "2.0")


class VerdictTest(GuardTestCase):
    """A verdict is given again for exactly the state that it was found for."""

    def test_follows_every_change_at_once(self) -> None:
        self.install("exit")
        self.assertRuns()
        for _ in range(2):
            self.environment.add("ham", "2.0")
            self.assertStopped(self.failure)
            self.environment.remove("ham")
            self.assertRuns()

    def test_a_bound_rewritten_in_the_same_size_with_its_time_forged(self) -> None:
        self.install("exit")
        self.assertRuns()
        before = self.bound.stat()
        self.bound.write_text("six==1.1\n")
        os.utime(self.bound, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertStopped(self.message("six-1.0  six==1.1    Misdefined"))

    def test_a_record_that_only_tells_another_origin(self) -> None:
        self.install("exit")
        self.assertRuns()
        self.environment.remove("six")
        self.environment.add("six", "1.0", {"url": "file:///src/six", "dir_info": {"editable": True}})
        self.assertStopped(self.message("six-1.0  six==1.0    Misdefined"))

    def test_a_record_whose_name_tells_no_version(self) -> None:
        record = self.environment.site / "ham.egg-info"
        record.write_text("Name: ham\nVersion: 2.0\n")
        self.bound.write_text("six==1.0\nham==2.0\n")
        self.install("exit")
        self.assertRuns()
        record.unlink()
        record.write_text("Name: ham\nVersion: 3.0\n")
        self.assertStopped(self.message("ham-3.0  ham==2.0    Misdefined"))

    def test_a_record_that_is_written_anew_in_its_place(self) -> None:
        source, link = self.folder / "source", self.environment.site / "ham.pth"
        (source / "ham.egg-info").mkdir(parents=True)
        link.write_text(f"{source}\n")
        told = source / "ham.egg-info" / "PKG-INFO"
        told.write_text("Name: ham\nVersion: 2.0\n")
        self.bound.write_text("six==1.0\nham==2.0\n")
        self.install("exit")
        time.sleep(YOUNG)
        self.assertRuns()
        told.write_text("Name: ham\nVersion: 3.0\n")
        self.assertEqual(self.start().returncode, 3)
        told.write_text("Name: ham\nVersion: 2.0\n")
        self.assertRuns()

    def test_nested_bound_files_are_watched(self) -> None:
        nested = self.write("nested/more.txt", "")
        self.bound.write_text("six==1.0\n-r nested/more.txt\n")
        self.install("exit")
        self.assertRuns()
        nested.write_text("ham==2.0\n")
        missing = (
            self.message("").splitlines()[0] + "\nPackage  Dependency  Explain  Sites\n         ham==2.0    Missing\n"
        )
        self.assertStopped(missing)

    def test_directories_that_path_lines_add_are_watched(self) -> None:
        (self.environment.site / "more.pth").write_text(f"{self.folder / 'more'}\n")
        self.install("exit")
        quiet = self.start()
        self.assertEqual((quiet.stdout, quiet.returncode), ("ran\n", 0))
        support.add_record(self.folder / "more", "ham", "2.0")
        self.assertEqual((self.start().returncode, self.start().returncode), (3, 3))
        shutil.rmtree(self.folder / "more" / "ham-2.0.dist-info")
        self.assertRuns()

    def test_damaged_files_of_the_guard(self) -> None:
        self.install("exit")
        self.assertRuns()
        folder = self.environment.site / "_envlock"
        for name in [path.name for path in folder.iterdir() if path.suffix not in (".py", ".json")]:
            for content in (b"", (folder / name).read_bytes()[:-9], os.urandom(200)):
                (folder / name).write_bytes(b"\xff" + content if content else b"")
                with self.subTest(name=name, size=len(content)):
                    self.assertRuns()
                    self.environment.add("ham", "2.0")
                    self.assertStopped(self.failure)
                    self.environment.remove("ham")
        self.assertEqual([path.name for path in folder.iterdir() if path.suffix == ".tmp"], [])

    def test_a_moved_and_a_copied_environment(self) -> None:
        self.install("exit")
        self.assertRuns()
        copy = self.folder / "copy"
        shutil.copytree(self.environment.path, copy, symlinks=True)
        site = copy / self.environment.site.relative_to(self.environment.path)
        python = copy / self.environment.python.relative_to(self.environment.path)
        self.assertEqual(support.run([python, "-c", "print('ran')"]).stdout, "ran\n")
        support.add_record(site, "ham", "2.0")
        self.assertEqual(support.run([python, "-c", "print('ran')"]).returncode, 3)
        self.assertRuns()
        copy.rename(self.folder / "moved")
        python = self.folder / "moved" / self.environment.python.relative_to(self.environment.path)
        self.assertEqual(support.run([python, "-c", "print('ran')"]).returncode, 3)

    def test_many_starts_at_once_after_a_change(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        pipe, command = subprocess.PIPE, [str(self.environment.python), "-c", "print('ran')"]
        starts = [subprocess.Popen(command, stdout=pipe, stderr=pipe, env=support.CLEAN) for _ in range(32)]
        answers = {(*map(os.fsdecode, start.communicate()), start.returncode) for start in starts}
        self.assertEqual(answers, {("", self.failure + PASS, 3)})
        self.assertEqual(list((self.environment.site / "_envlock").glob("*.tmp")), [])

    def test_killed_starts_leave_nothing_that_lasts(self) -> None:
        self.install("exit")
        began = time.monotonic()
        self.assertRuns()
        one = time.monotonic() - began
        for number in range(12):
            self.environment.add("ham", "2.0")
            child = subprocess.Popen([str(self.environment.python), "-c", ""], stderr=subprocess.DEVNULL)
            time.sleep(one * number / 12)
            child.kill()
            child.wait()
            self.assertStopped(self.failure)
            self.environment.remove("ham")
        folder = self.environment.site / "_envlock"
        old = time.time() - 100
        for name in ("x.state0.1.tmp", "x.full.1.tmp"):
            (folder / name).write_text("")
            os.utime(folder / name, (old, old))
        time.sleep(YOUNG)  # until then, a verdict may stand without being written
        self.assertRuns()
        self.assertEqual(list(folder.glob("*.tmp")), [])

    def test_an_interpreter_upgraded_in_place(self) -> None:
        self.install("exit")
        self.assertRuns()
        folder = self.environment.site / "_envlock"
        mine = f"{sys.implementation.hexversion:x}"
        for path in folder.glob(mine + "*"):
            path.rename(folder / path.name.replace(mine, "30800f0"))
        other = {path.name: path.read_bytes() for path in folder.glob("30800f0*")}
        self.environment.add("ham", "2.0")
        for _ in range(2):
            self.assertStopped(self.failure)
        self.environment.remove("ham")
        self.assertRuns()
        self.assertEqual({path.name: path.read_bytes() for path in folder.glob("30800f0*")}, other)
        for suffix in ("", ".lean", ".full", ".state0"):
            self.assertTrue((folder / (mine + suffix)).exists(), suffix)


@unittest.skipIf(support.NO_PERMISSIONS, support.NO_PERMISSIONS)
class FaultTest(GuardTestCase):
    """Disks and rights."""

    def test_a_folder_that_cannot_be_written(self) -> None:
        self.install("exit")
        folder = self.environment.site / "_envlock"
        command = [*support.POWERLESS, self.environment.python, "-c", "print('ran')"]
        before = tree(folder)
        folder.chmod(0o555)
        self.environment.site.chmod(0o555)
        try:
            for _ in range(2):
                self.assertEqual(support.run(command).stdout, "ran\n")
            self.environment.site.chmod(0o755)
            self.environment.add("ham", "2.0")
            self.environment.site.chmod(0o555)
            for _ in range(2):
                done = support.run(command)
                self.assertEqual((done.stderr, done.stdout, done.returncode), (self.failure + PASS, "", 3))
            self.assertEqual(tree(folder), before)
            words = ["-e", self.environment.python, "site-install", "-b", self.bound, "warn"]
            done = support.run([*support.POWERLESS, sys.executable, support.ENVLOCK, *words])
            self.assertRegex(done.stderr, r"envlock: error: .*: cannot be written \(Permission denied\)\n\Z")
            self.assertEqual((done.stdout, done.returncode, tree(folder)), ("", 2, before))
            for mode in (0o555, 0o755):
                self.environment.site.chmod(mode)
                done = support.run([*support.POWERLESS, sys.executable, support.ENVLOCK, *words[:2], "site-uninstall"])
                self.assertRegex(done.stderr, r"envlock: error: .*: cannot be removed \(Permission denied\)\n\Z")
                self.assertEqual((done.stdout, done.returncode, tree(folder)), ("", 2, before))
        finally:
            self.environment.site.chmod(0o755)
            folder.chmod(0o755)

    def test_a_folder_that_cannot_be_listed(self) -> None:
        self.install("exit")
        folder = self.environment.site / "_envlock"
        state = folder / f"{sys.implementation.hexversion:x}.state0"
        folder.chmod(0o333)
        try:
            for number in range(2):
                before = state.read_bytes()
                self.bound.write_text(f"six=={number}\n")
                time.sleep(0.2)  # what changes meanwhile has its verdict not kept
                done = support.run([*support.POWERLESS, self.environment.python, "-c", "print('ran')"])
                self.assertEqual((done.stdout, done.returncode), ("ran\n", 0) if number else ("", 3), done.stderr)
                self.assertNotIn("error", done.stderr)
                self.assertNotEqual(state.read_bytes(), before)
        finally:
            folder.chmod(0o755)
        self.assertEqual(list(folder.glob("*.tmp")), [])

    def test_another_user(self) -> None:
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if support.run([*nobody, sys.executable, "-c", ""]).returncode:
            self.skipTest("needs root, and an interpreter that others may run")
        self.install("exit")
        for folder in (self.folder, self.environment.path.parent):
            folder.chmod(0o755)
        command = [*nobody, self.environment.python, "-c", "print('ran')"]
        before = tree(self.environment.site / "_envlock")
        self.assertEqual(support.run(command).stdout, "ran\n")
        self.environment.add("ham", "2.0")
        for _ in range(2):
            done = support.run(command)
            self.assertEqual((done.stderr, done.stdout, done.returncode), (self.failure + PASS, "", 3))
        self.assertEqual(tree(self.environment.site / "_envlock"), before)

    def test_a_full_disk(self) -> None:
        folder = self.environment.site / "_envlock"
        folder.mkdir()
        size = (support.ENVLOCK.stat().st_size * 4 >> 12) + 100
        if support.run(["mount", "-t", "tmpfs", "-o", f"size={size * 4096}", "tmpfs", folder]).returncode:
            self.skipTest("needs root, to mount a small file system")
        try:
            self.fill(folder / "filler")
            done = support.envlock("-e", self.environment.python, "site-install", "-b", self.bound, "exit")
            self.assertRegex(done.stderr, r"envlock: error: .*: cannot be written \(No space left on device\)\n\Z")
            self.assertEqual((done.returncode, os.listdir(str(folder))), (2, ["filler"]))
            (folder / "filler").unlink()
            self.install("exit")
            (folder / f"{sys.implementation.hexversion:x}.state0").unlink() if list(folder.glob("*.state0")) else None
            self.fill(folder / "filler")
            names = sorted(os.listdir(str(folder)))
            for _ in range(2):
                self.assertRuns()
            self.environment.add("ham", "2.0")
            for _ in range(2):
                self.assertStopped(self.failure)
            self.assertEqual(sorted(os.listdir(str(folder))), names)
        finally:
            support.run(["umount", folder])

    def fill(self, path: Path) -> None:
        with open(path, "wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def test_a_site_packages_that_vanishes_during_a_start(self) -> None:
        kept = self.folder / "kept"
        for mode, codes in (("exit", {0, 3}), ("warn", {0})):
            self.install(mode)
            for number in range(10):
                pipe = subprocess.PIPE
                child = subprocess.Popen(
                    [str(self.environment.python), "-c", ""], stdout=pipe, stderr=pipe, env=support.CLEAN
                )
                time.sleep(0.002 * number)
                self.environment.site.rename(kept)
                errors = child.communicate()[1]
                kept.rename(self.environment.site)
                self.assertNotIn(b"Traceback", errors)
                self.assertLessEqual(errors.count(b"\n"), 3)
                self.assertIn(child.returncode, codes, errors)

    def test_a_start_up_file_that_vanishes_while_it_runs(self) -> None:
        # what the start-up line runs takes all away, as an uninstall at the same time might
        vanish = compile("import shutil; shutil.rmtree(sitedir); 1 / 0", "x", "exec")
        for mode, outcome in (("exit", ("", 3)), ("warn", ("ran\n", 0))):
            self.install(mode)
            path = self.environment.site / "_envlock" / f"{sys.implementation.hexversion:x}"
            path.write_bytes(marshal.dumps(vanish))
            done = self.start()
            self.environment.site.mkdir()
            self.assertEqual((done.stdout, done.returncode), outcome)
            self.assertEqual(done.stderr, "envlock: error: the guard is gone\n")


class FailureTest(GuardTestCase):
    """A lock that fails open is no lock; a warning goes on."""

    def spoil(self, how: str) -> str:
        """Make the bound unusable; returns what the guard says."""
        self.bound.unlink()
        if how == "gone":
            return "cannot be read (No such file or directory)"
        if how == "directory":
            self.bound.mkdir()
            return "cannot be read (Is a directory)"
        self.bound.write_text("six==1.0\n\n==\n")
        return ""

    def test_an_unusable_bound(self) -> None:
        for how in ("gone", "directory", "garbage"):
            for mode, code in (("exit", 3), ("warn", 0)):
                with self.subTest(how=how, mode=mode):
                    self.install(mode)
                    said = self.spoil(how)
                    done = self.start()
                    self.assertEqual((done.returncode, done.stdout), (code, "" if code else "ran\n"))
                    self.assertEqual(done.stderr.count("\n"), 1)
                    self.assertTrue(done.stderr.startswith(f"envlock: error: {self.bound}:"), done.stderr)
                    self.assertIn(said, done.stderr)
                    if self.bound.is_dir():
                        self.bound.rmdir()
                    self.bound.write_text("six==1.0\n")

    def test_a_fault_in_the_guard_is_one_line(self) -> None:
        for mode, outcome in (("exit", ("", 3)), ("warn", ("ran\n", 0))):
            self.install(mode)
            source = self.environment.site / "_envlock" / "envlock.py"
            text = source.read_text(encoding="utf-8")
            broken = text.replace("    interpreter = this_interpreter()\n", "    raise MemoryError('of 1 GB')\n")
            code = compile(broken, str(source), "exec", dont_inherit=True, optimize=2)
            source.with_name(f"{sys.implementation.hexversion:x}.full").write_bytes(marshal.dumps(code))
            self.bound.write_text(f"six==1.0 # {mode}\n")
            done = self.start()
            self.assertEqual((done.stdout, done.returncode), outcome)
            self.assertEqual(done.stderr, "envlock: error: the guard failed: MemoryError: of 1 GB\n")

    def test_a_guard_without_its_folder(self) -> None:
        message = "envlock: error: the guard failed (site-install renews it, ENVLOCK_DISABLE=1 passes)\n"
        folder = self.environment.site / "_envlock"
        for spoil in (lambda: shutil.rmtree(folder), lambda: (folder / "guard.json").write_text("[")):
            self.install("exit", "--code", "9")
            spoil()
            self.assertStopped(message, code=9)
            self.assertRuns(env={"ENVLOCK_DISABLE": "1"})
            self.install("warn")
            spoil()
            done = self.start()
            self.assertEqual((done.stderr, done.stdout, done.returncode), (message, "ran\n", 0))


class InstallTest(GuardTestCase):
    def test_uninstall_leaves_the_tree_as_it_was(self) -> None:
        before = tree(self.environment.path)
        self.install("exit")
        self.environment.add("ham", "2.0")
        self.start()
        self.environment.remove("ham")
        for said in ("the guard is removed", "there is no guard to remove"):
            done = support.envlock("-e", self.environment.python, "site-uninstall")
            self.assertEqual((done.stdout, done.returncode), ("", 0))
            self.assertEqual(done.stderr, f"envlock: {self.environment.python}: {said}\n")
            self.assertEqual(tree(self.environment.path), before)

    def test_quiet_leaves_the_notes_out(self) -> None:
        words = ("-q", "-e", self.environment.python)
        done = support.envlock(*words, "site-install", "-b", self.bound)
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "", 0))
        for _ in range(2):
            done = support.envlock(*words, "site-uninstall")
            self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "", 0))

    def test_refuses_a_bound_that_cannot_be_read_again(self) -> None:
        for bound in ("-", "https://index.example/r.txt", "/dev/null"):
            done = support.envlock("-e", self.environment.python, "site-install", "--bound", bound)
            self.assertRefused(done, f"--bound {bound.replace('-', '<stdin>')}: {REFUSAL}")
        done = support.envlock("-e", self.environment.python, "site-install", "-b", "https://me:pass@h.example/r?key=1")
        self.assertRefused(done, f"--bound https://h.example/r: {REFUSAL}")

    @unittest.skipUnless(hasattr(os, "mkfifo"), "needs named pipes")
    def test_a_named_pipe_is_no_bound(self) -> None:
        self.install("exit")
        self.assertRuns()
        self.bound.unlink()
        os.mkfifo(str(self.bound))
        said = f"envlock: error: --bound {self.bound}: {REFUSAL}\n"
        self.assertStopped(said)
        done = support.envlock("-e", self.environment.python, "site-install", "--bound", self.bound)
        self.assertEqual((done.stderr, done.returncode), (said, 2))

    def test_an_unusable_bound_changes_nothing(self) -> None:
        before = tree(self.environment.path)
        done = support.envlock("-e", self.environment.python, "site-install", "--bound", self.folder / "none.txt")
        self.assertRefused(done, f"{self.folder / 'none.txt'}: cannot be read (No such file or directory)")
        self.assertEqual(tree(self.environment.path), before)

    def test_leaves_a_verdict_for_those_who_cannot_keep_one(self) -> None:
        self.install("exit")
        probe = "import sys; print(hasattr(sys.modules['_envlock'], 'finish_start'))"
        self.assertEqual(self.start("-c", probe).stdout, "False\n")

    @unittest.skipIf(os.name == "nt", "has no umask")
    def test_every_user_can_read_it_whatever_the_umask(self) -> None:
        words = ["-q", "-e", self.environment.python, "site-install", "-b", self.bound, "exit"]
        done = support.envlock(*words, preexec_fn=lambda: os.umask(0o077))
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        folder = self.environment.site / "_envlock"
        for path in (self.environment.site / "0-envlock.pth", *folder.iterdir()):
            self.assertEqual(oct(path.stat().st_mode & 0o777), "0o644", path)
        self.assertEqual(oct(folder.stat().st_mode & 0o777), "0o755")

    def test_an_interpreter_that_runs_no_start_up_file(self) -> None:
        self.install("warn")
        before = tree(self.environment.path)
        wrapper = self.write("venv/bin/python", f'#!/bin/sh\nexec "{self.environment.python}" -S "$@"\n')
        wrapper.chmod(0o755)
        done = support.envlock("-e", wrapper, "site-install", "--bound", self.bound, "exit")
        self.assertRefused(
            done,
            f"{wrapper}: the guard cannot work in this interpreter: it is started with -S, "
            "so that no start-up file runs",
        )
        self.assertEqual(tree(self.environment.path), before)

    @unittest.skipIf(sys.version_info < (3, 15), "before .start files")
    def test_a_start_up_file_that_another_suppresses(self) -> None:
        (self.environment.site / "0-envlock.start").write_text("")
        before = tree(self.environment.path)
        done = support.envlock("-e", self.environment.python, "site-install", "--bound", self.bound, "exit")
        self.assertRefused(
            done,
            f"{self.environment.python}: the guard cannot work in this interpreter: "
            f"{self.environment.site / '0-envlock.start'} suppresses the start-up file of the same name",
        )
        self.assertEqual(tree(self.environment.path), before)

    def test_where_the_guard_cannot_be_tried_all_stays_as_it_was(self) -> None:
        noise, start = self.environment.site / "noise.pth", self.environment.site / "0-envlock.start"
        prepare: list[Callable[[], object]] = [lambda: None, lambda: start.write_text(""), lambda: self.install("warn")]
        for step in prepare:
            step()
            noise.write_text("import os; os._exit(9)\n")
            before = tree(self.environment.path)
            done = support.envlock("-e", self.environment.python, "site-install", "-b", self.bound, "exit")
            self.assertRefused(done, f"{self.environment.python}: the guard cannot be tried: 9")
            self.assertEqual(tree(self.environment.path), before)
            noise.unlink()
            start.unlink() if start.exists() else None

    @unittest.skipIf(os.name == "nt", "no shell")
    def test_an_interpreter_that_hangs_when_the_guard_is_tried(self) -> None:
        (interpreter,) = envlock.ask_interpreters([str(self.environment.python)])
        guard = envlock.GuardConfiguration.for_bounds([str(self.bound)], envlock.Selection(), envlock.Policy())
        hanging = self.write("hanging", "#!/bin/sh\nexec sleep 600\n")
        hanging.chmod(0o755)
        before = tree(self.environment.path)
        self.addCleanup(setattr, envlock, "ASK_SECONDS", envlock.ASK_SECONDS)
        envlock.ASK_SECONDS = 2
        with self.assertRaises(envlock.GuardError) as caught:
            envlock.install_guard(interpreter, guard, str(hanging))
        message = rf"\A{hanging}: cannot be started to try the guard \(Command .* timed out after 2 seconds\)\Z"
        self.assertRegex(str(caught.exception), message)
        self.assertEqual(tree(self.environment.path), before)

    def test_what_an_interpreter_prints_at_its_end_does_not_disturb(self) -> None:
        line = "import atexit; atexit.register(print, 'one\\ntwo\\nthree\\nfour\\nfive\\nsix')\n"
        (self.environment.site / "noise.pth").write_text(line)
        self.install("exit")
        status = json.loads(support.envlock("-e", self.environment.python, "site-status", "json").stdout)[0]
        self.assertEqual((status["guard"], status["version"]), ("armed", envlock.__version__))

    def test_without_a_working_directory(self) -> None:
        gone = self.folder / "gone"
        gone.mkdir()
        words = [sys.executable, support.ENVLOCK, "-e", self.environment.python, "site-install", "-b", self.bound]
        done = support.run(["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *words], cwd=gone)
        self.assertRefused(done, "the working directory cannot be told (No such file or directory)")

    @unittest.skipIf(support.NO_PERMISSIONS, support.NO_PERMISSIONS)
    def test_a_folder_that_may_not_be_read_is_said(self) -> None:
        words = [*support.POWERLESS, sys.executable, support.ENVLOCK, "-e", self.environment.python]
        self.environment.site.chmod(0o311)
        try:
            done = support.run([*words, "site-install", "-b", self.bound])
        finally:
            self.environment.site.chmod(0o755)
        self.assertRefused(done, f"{self.environment.site}: cannot be written (Permission denied)")

    def test_a_guard_goes_while_starts_keep_their_verdicts(self) -> None:
        self.install("exit")
        folder, stop = self.environment.site / "_envlock", threading.Event()

        def keep() -> None:
            while not stop.is_set():
                with contextlib.suppress(OSError):
                    (folder / "busy.tmp").write_bytes(b"")

        busy = threading.Thread(target=keep)
        busy.start()
        try:
            for _ in range(5):
                self.install("exit")
                (interpreter,) = envlock.ask_interpreters([str(self.environment.python)])
                self.assertTrue(envlock.uninstall_guard(interpreter))
                self.assertFalse(folder.exists())
        finally:
            stop.set()
            busy.join()

    @unittest.skipUnless(sys.implementation.name == "pypy", "has its library among the site directories")
    def test_the_library_of_pypy_is_no_place_for_a_guard(self) -> None:
        (base,) = envlock.ask_interpreters([os.path.realpath(sys.executable)])
        self.assertIn(base.library, base.sites)
        self.assertNotEqual(envlock.guard_site(base), base.library)

    def test_an_environment_without_site_packages(self) -> None:
        shutil.rmtree(self.environment.site)
        self.addCleanup(self.environment.site.mkdir)
        for words in (("site-install", "-b", self.write("none.txt", "")), ("site-uninstall",)):
            done = support.envlock("-e", self.environment.python, *words)
            message = "there is no site-packages directory that a guard could stand in"
            self.assertRefused(done, f"{self.environment.python}: {message}")

    @unittest.skipIf(sys.version_info < (3, 15), "before .start files")
    def test_a_start_entry_where_import_lines_are_ignored(self) -> None:
        interpreter = envlock.ask_interpreters([str(self.environment.python)])[0]._replace(version=(3, 18, 0))
        guard = envlock.GuardConfiguration.for_bounds([str(self.bound)], envlock.Selection(), envlock.Policy())
        before = tree(self.environment.path)
        envlock.install_guard(interpreter, guard._replace(code=5))
        self.assertFalse((self.environment.site / "0-envlock.pth").exists())
        shutil.rmtree(self.environment.site / "_envlock" / "__pycache__", ignore_errors=True)  # a start keeps it there
        guarded = tree(self.environment.path)
        self.assertEqual(envlock.guard_status(interpreter, interpreter.executable)["guard"], "armed")
        self.assertEqual(tree(self.environment.path), guarded)
        self.assertRuns()
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure, code=5)
        shutil.rmtree(self.environment.site / "ham-2.0.dist-info")
        envlock.uninstall_guard(interpreter)
        self.assertEqual(tree(self.environment.path), before)

    @unittest.skipIf(os.name == "nt", "has none either way")
    def test_installs_where_there_is_no_fcntl(self) -> None:
        code = "import sys; sys.modules['fcntl'] = None; import envlock; sys.exit(envlock.main(sys.argv[1:]))"
        words = ["-q", "-e", self.environment.python, "site-install", "-b", self.bound, "exit"]
        done = support.run([sys.executable, "-c", code, *words], cwd=support.ROOT)
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "", 0))
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)

    @unittest.skipIf(os.name == "nt", "no shell")
    def test_of_several_interpreters_all_are_guarded_or_none(self) -> None:
        other = support.Environment(self.folder / "other")
        silent = self.write("silent", f'#!/bin/sh\nexec "{other.python}" -S "$@"\n')
        silent.chmod(0o755)
        words = ["-e", self.environment.python, "-e", silent, "site-install", "-b", self.bound, "exit", "--code", "5"]
        for guarded in (False, True):
            if guarded:
                self.install("exit")
            before = tree(self.environment.path), tree(other.path)
            done = support.envlock(*words)
            self.assertRegex(done.stderr, r"\Aenvlock: error: .*silent: the guard cannot work .* -S, .*\n\Z")
            self.assertEqual((done.stdout, done.returncode), ("", 2))
            self.assertEqual((tree(self.environment.path), tree(other.path)), before)
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)

    def test_several_installs_at_once(self) -> None:
        words = ["-q", "-e", self.environment.python, "site-install", "-b", self.bound]
        command = [sys.executable, support.ENVLOCK, *words]
        installs = [subprocess.Popen([*map(str, command), "exit"], env=support.CLEAN) for _ in range(3)]
        self.assertEqual([install.wait() for install in installs], [0, 0, 0])
        self.assertRuns()
        names = {path.suffix for path in (self.environment.site / "_envlock").iterdir()}
        self.assertNotIn(".tmp", names)

    def test_odd_paths(self) -> None:
        odd = support.Environment(self.folder / "a b'c\"d%s$HOME{x}é\\ \n#")
        bound = self.write("é \"'.txt", "")
        done = support.envlock("-q", "-e", odd.python, "site-install", "--bound", bound, "exit")
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        for _ in range(2):
            done = support.run([odd.python, "-c", "print('ran')"], env={"LC_ALL": "C"})
            self.assertEqual((done.stdout, done.returncode), ("ran\n", 0), done.stderr)
        odd.add("ham", "2.0")
        self.assertEqual(support.run([odd.python, "-c", "print('ran')"], env={"LC_ALL": "C"}).returncode, 3)


class UserSiteTest(GuardTestCase):
    def test_counts_for_a_start_that_has_it(self) -> None:
        venv = support.Environment(self.folder / "venv", "--system-site-packages")
        bound = self.write("superset.txt", "six==1.0\n")
        home = {"PYTHONUSERBASE": str(self.folder / "user"), "HOME": str(self.folder)}
        done = support.envlock("-e", venv.python, "site-install", "-b", bound, "--superset", "exit", env=home)
        self.assertEqual(done.returncode, 0, done.stderr)
        user = support.run([venv.python, "-m", "site", "--user-site"], env={**home, "ENVLOCK_DISABLE": "1"})
        support.add_record(Path(user.stdout.strip()), "six", "1.0")
        for _ in range(2):
            for options, code in ((), 0), (("-s",), 3), (("-I",), 3):
                done = support.run([venv.python, *options, "-c", "print('ran')"], env=home)
                self.assertEqual(done.returncode, code, (options, done.stderr))
        other = {**home, "PYTHONUSERBASE": str(self.folder / "other")}
        self.assertEqual(support.run([venv.python, "-c", "print('ran')"], env=other).returncode, 3)

    @unittest.skipUnless(sys.implementation.name == "cpython" and os.name == "posix", "made as CPython is installed")
    def test_users_without_a_user_site_have_one_verdict(self) -> None:
        python = self.make_interpreter(self.folder / "usr")
        empty = self.write("empty.txt", "")
        homes = [{"HOME": str(self.folder / name)} for name in ("ada", "bob")]
        done = support.envlock("-q", "-e", python, "site-install", "-b", empty, "exit", env=homes[0])
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        probe = "import sys; print(hasattr(sys.modules['_envlock'], 'finish_start'))"
        for home in homes:
            self.assertEqual(support.run([python, "-c", probe], env=home).stdout, "False\n")
        user = support.run([python, "-m", "site", "--user-site"], env={**homes[1], "ENVLOCK_DISABLE": "1"})
        support.add_record(Path(user.stdout.strip()), "ham", "2.0")
        time.sleep(0.2)  # else the verdict isn't kept
        for number, code in ((0, 0), (1, 3), (0, 0)):
            self.assertEqual(support.run([python, "-c", ""], env=homes[number]).returncode, code)

    def make_interpreter(self, prefix: Path) -> Path:
        """One that is no virtual environment, and whose site-packages may be written."""
        library = Path(os.__file__).parent
        own = prefix / "lib" / library.name
        (own / "site-packages").mkdir(parents=True)
        for entry in library.iterdir():
            if entry.name != "site-packages":
                (own / entry.name).symlink_to(entry)
        python = prefix / "bin" / "python3"
        python.parent.mkdir()
        shutil.copy(getattr(sys, "_base_executable", sys.executable), python)
        done = support.run([python, "-c", "import site, sys; print(sys.prefix, *site.getsitepackages())"])
        if done.stdout.split() != [str(prefix), str(own / "site-packages")]:
            self.skipTest(f"this Python is made in another way: {done.stdout}{done.stderr}")
        return python


class LeakTest(GuardTestCase):
    def test_a_changed_start_leaves_nothing_behind(self) -> None:
        (self.environment.site / "0-envlock.pth").write_text("import sys\n")
        own = self.folder / "own"
        own.mkdir()
        env = {"PYTHONPATH": f"{own}:{self.environment.site}"}
        plain = self.start("-c", LEAKS, env=env)
        self.install("--superset", "warn")
        for bound in ("six==1.0 # again\n", "six\n", "six==1.1\n"):
            self.bound.write_text(bound)
            guarded = self.start("-c", LEAKS, env=env)
            self.assertEqual(guarded.stdout, plain.stdout)
        self.assertIn("Misdefined", guarded.stderr)
        (self.environment.site / "_envlock" / f"{sys.implementation.hexversion:x}").unlink()
        self.assertEqual(self.start("-c", LEAKS, env=env).stdout, plain.stdout)


class UnchangedTest(GuardTestCase):
    def test_nothing_leaks(self) -> None:
        (self.environment.site / "0-envlock.pth").write_text("import sys\n")
        plain = self.start("-c", LEAKS)
        self.install("exit")
        time.sleep(YOUNG)
        for _ in range(3):
            guarded = self.start("-c", LEAKS)
        self.assertEqual((guarded.stdout, guarded.stderr), (plain.stdout, plain.stderr))
        folder = self.environment.site / "_envlock"
        states = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        self.environment.site.touch()
        self.assertRuns()
        shutil.rmtree(self.environment.site / "six-1.0.dist-info")
        self.assertEqual(self.start().returncode, 3)
        self.environment.add("six", "1.0")
        self.assertRuns()
        self.assertEqual(set(states), {path.name for path in folder.iterdir()})


class RepairTest(unittest.TestCase):
    """Which starts may go on in a drifted environment: judged by their command line and their parent's."""

    def allowed(self, command: str, parent: str = "sh") -> bool:
        return envlock.is_repair(envlock._python_command(["python", *command.split()]), parent.split())

    def test_tools_pass(self) -> None:
        for command in (
            "-m pip install x",
            "-mpip",
            "-Im pip",
            "-W ignore -m ensurepip",
            "--check-hash-based-pycs always -m pip",
            "-X dev -mvenv x",
            "-m piptools sync",
            "-m poetry install",
            "-m uv sync",
            "/e/bin/pdm sync",
            "/e/bin/pip-compile",
            "/e/bin/pip install",
            "/e/bin/pip3.13",
            "/x/__pip-runner__.py",
            "_in_process.py build_wheel",
            "/l/pipenv/resolver/main.py",
            "/usr/bin/py3compile -p python3-six",
            "/usr/bin/pypy3clean -p pypy3-six",
            "envlock.py site-install",
            "-m envlock",
        ):
            self.assertTrue(self.allowed(command), command)

    def test_look_alikes_do_not(self) -> None:
        for command in ("pipeline.py", "uvicorn", "-m pipeline", "pip.py", "-c pip", "-m pip.x", "", "-", "pip3.x"):
            self.assertFalse(self.allowed(command), command)

    def test_code_passes_by_its_parent(self) -> None:
        for parent in (
            "/h/bin/poetry install",
            "python /h/bin/poetry install",
            "pipenv sync",
            "pip-sync",
            "uv sync",
            "pdm sync",
            "python -m pip install x",
            "python -Im ensurepip",
            "python -m venv x",
            "python -m piptools sync",
            "python -m pdm sync",
        ):
            self.assertTrue(self.allowed("-c pass", parent), parent)
        for command in ("-c pass", "-m py_compile -"):
            self.assertTrue(self.allowed(command, "/usr/bin/python3 /usr/bin/py3compile -p python3-six"), command)
        for parent in (
            "uv run python",
            "python /h/pdm run python",
            "python -m pdm run python",
            "uvicorn",
            "bash",
            "python -m pipeline",
            "python3 -m py_compile -",
            "",
        ):
            self.assertFalse(self.allowed("-c pass", parent), parent)

    def test_children_of_multiprocessing(self) -> None:
        for code in (
            "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5)",
            "import sys; from multiprocessing.forkserver import main; main(1)",
            "from multiprocessing.resource_tracker import main;main(4)",
        ):
            self.assertTrue(envlock.is_worker(envlock._python_command(["python", "-c", code])), code)
            self.assertTrue(envlock.is_worker(envlock._python_command(["python", "-c", *code.split()])), code)
        for code in ("from multiprocessing import Pool", "print(1) # from multiprocessing.spawn import spawn_main;"):
            self.assertFalse(envlock.is_worker(envlock._python_command(["python", "-c", code])), code)


class OtherSystemsTest(support.TestCase):
    """What this system may never execute: how others tell command lines."""

    def test_no_program_is_started_by_its_bare_name(self) -> None:
        # What lies in the working directory (Windows) or on PATH under that name must not be run.
        literals = [
            node.elts[0].value
            for node in ast.walk(ast.parse(support.ENVLOCK.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("run", "Popen")
            for node in node.args[:1]
            if isinstance(node, ast.List) and isinstance(node.elts[0], ast.Constant)
        ]
        self.assertEqual(literals, ["/bin/ps"])

    @unittest.skipUnless(os.access("/bin/ps", os.X_OK), "needs /bin/ps")
    def test_ps_of_the_working_directory_is_not_asked(self) -> None:
        fake = self.write("ps", "#!/bin/sh\necho pip install x\n")
        fake.chmod(0o755)
        code = "import os, envlock; print(envlock._ps_words(os.getpid()))"
        path = f"{self.folder}{os.pathsep}."
        settings = {"PYTHONPATH": str(support.ROOT), "PATH": path}
        done = support.run([sys.executable, "-c", code], cwd=self.folder, env=settings)
        self.assertEqual(done.stdout, str([sys.executable, "-c", *code.split()]) + "\n", done.stderr)

    def test_words_as_macos_keeps_them(self) -> None:
        count, path = (3).to_bytes(4, sys.byteorder), b"/usr/bin/python3\0\0\0\0\0"
        words = ["python3", "-c", "print('a b')"]
        data = count + path + b"\0".join(word.encode() for word in words) + b"\0HOME=/Users/x\0\0"
        self.assertEqual(envlock._split_process_arguments(data), words)
        without = (0).to_bytes(4, sys.byteorder) + path
        self.assertEqual((envlock._split_process_arguments(without), envlock._split_process_arguments(b"")), ([], []))

    def test_a_folder_may_be_a_root(self) -> None:
        self.assertTrue(envlock.is_inside("/lib/site-packages", "/"))
        self.assertTrue(envlock.is_inside("/v/lib", "/v"))
        for path, folder in (("/", "/"), ("/v", "/v"), ("/v/", "/v"), ("/venv", "/v"), ("/V/lib", "/v")):
            self.assertEqual(envlock.is_inside(path, folder), os.name == "nt" and path == "/V/lib", (path, folder))


if __name__ == "__main__":
    unittest.main()
