"""The room Guard: installing."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import time
import unittest
from functools import partial
from typing import Callable

import envlock
from tests import support
from tests.support import CODE, GuardTestCase, tree


class InstallTest(GuardTestCase):
    copies_guards = False

    def test_uninstall_leaves_the_tree_as_it_was(self) -> None:
        before = tree(self.environment.path)
        self.install("exit")
        self.environment.add("ham", "2.0")
        self.start()
        self.environment.remove("ham")
        for said in ("the guard is removed", "there is no guard to remove"):
            done = support.envlock("-e", self.environment.python, "site-uninstall")
            self.assertEqual((done.stdout, done.returncode), ("", 0))
            self.assertEqual(
                done.stderr, f"envlock: {self.environment.python}: {said}\n"
            )
            self.assertEqual(tree(self.environment.path), before)

    def test_quiet_leaves_the_notes_out(self) -> None:
        words = ("-q", "-e", self.environment.python)
        done = support.envlock(*words, "site-install", "-b", self.bound)
        self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "", 0))
        for _ in range(2):
            done = support.envlock(*words, "site-uninstall")
            self.assertEqual((done.stderr, done.stdout, done.returncode), ("", "", 0))

    def test_the_code_that_reloaders_take_for_another_start_has_a_note(self) -> None:
        python = self.environment.python
        words = ["-e", python, "site-install", "--bound", self.bound, "exit"]
        done = support.envlock(*words, "--code", "3")
        note = "envlock: --code 3: the reloaders of Django, Flask and bottle take it for 'start again'\n"
        told = note + self.note(python, self.bound, "exit 3")
        self.assertEqual((done.stderr, done.stdout, done.returncode), (told, "", 0))

    def test_an_unusable_bound_changes_nothing(self) -> None:
        before = tree(self.environment.path)
        done = support.envlock(
            "-e",
            self.environment.python,
            "site-install",
            "--bound",
            self.folder / "none.txt",
        )
        self.assertRefused(
            done,
            f"{self.folder / 'none.txt'}: cannot be read (No such file or directory)",
        )
        self.assertEqual(tree(self.environment.path), before)

    def test_leaves_a_verdict_for_those_who_cannot_keep_one(self) -> None:
        self.install("exit")
        probe = "import sys; print(hasattr(sys.modules['_envlock'], 'finish_start'))"
        self.assertEqual(self.start("-c", probe).stdout, "False\n")

    def test_an_interpreter_that_runs_no_start_up_file(self) -> None:
        self.install("warn")
        before = tree(self.environment.path)
        wrapper = self.write(
            "venv/bin/python", f'#!/bin/sh\nexec "{self.environment.python}" -S "$@"\n'
        )
        wrapper.chmod(0o755)
        done = support.envlock(
            "-e", wrapper, "site-install", "--bound", self.bound, "exit"
        )
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
        done = support.envlock(
            "-e", self.environment.python, "site-install", "--bound", self.bound, "exit"
        )
        self.assertRefused(
            done,
            f"{self.environment.python}: the guard cannot work in this interpreter: "
            f"{self.environment.site / '0-envlock.start'} suppresses the start-up file of the same name",
        )
        self.assertEqual(tree(self.environment.path), before)

    def test_where_the_guard_cannot_be_tried_all_stays_as_it_was(self) -> None:
        noise, start = (
            self.environment.site / "noise.pth",
            self.environment.site / "0-envlock.start",
        )
        prepare: list[Callable[[], object]] = [
            lambda: None,
            lambda: start.write_text(""),
            lambda: self.install("warn"),
        ]
        for step in prepare:
            step()
            noise.write_text("import os; os._exit(9)\n")
            before = tree(self.environment.path)
            done = support.envlock(
                "-e", self.environment.python, "site-install", "-b", self.bound, "exit"
            )
            self.assertRefused(
                done, f"{self.environment.python}: the guard cannot be tried: 9"
            )
            self.assertEqual(tree(self.environment.path), before)
            noise.unlink()
            start.unlink() if start.exists() else None

    @unittest.skipIf(os.name == "nt", "no shell")
    def test_an_interpreter_that_hangs_when_the_guard_is_tried(self) -> None:
        (interpreter,) = envlock.ask_interpreters([str(self.environment.python)])
        guard = envlock.GuardConfiguration.for_bounds(
            [str(self.bound)], envlock.Selection(), envlock.Policy()
        )
        hanging = self.write("hanging", "#!/bin/sh\nexec sleep 600\n")
        hanging.chmod(0o755)
        before = tree(self.environment.path)
        self.addCleanup(setattr, envlock, "ASK_SECONDS", envlock.ASK_SECONDS)
        for seconds in (
            2,
            8,
            32,
            128,
        ):  # on a busy machine the interpreter itself takes long to write the guard's code
            envlock.ASK_SECONDS = seconds
            with self.assertRaises(envlock.GuardError) as caught:
                envlock.install_guard(interpreter, guard, str(hanging))
            if str(caught.exception).startswith(str(hanging)):
                break
        message = rf"\A{hanging}: cannot be started to try the guard \(Command .* timed out after {seconds} seconds\)\Z"
        self.assertRegex(str(caught.exception), message)
        self.assertEqual(tree(self.environment.path), before)

    def test_what_an_interpreter_prints_at_its_end_does_not_disturb(self) -> None:
        line = "import atexit; atexit.register(print, 'one\\ntwo\\nthree\\nfour\\nfive\\nsix')\n"
        (self.environment.site / "noise.pth").write_text(line)
        self.install("exit")
        status = json.loads(
            support.envlock("-e", self.environment.python, "site-status", "json").stdout
        )[0]
        self.assertEqual(
            (status["guard"], status["version"]), ("armed", envlock.__version__)
        )

    def test_without_a_working_directory(self) -> None:
        gone = self.folder / "gone"
        gone.mkdir()
        words = [
            sys.executable,
            support.ENVLOCK,
            "-e",
            self.environment.python,
            "site-install",
            "-b",
            self.bound,
        ]
        done = support.run(
            ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *words], cwd=gone
        )
        self.assertRefused(
            done, "the working directory cannot be told (No such file or directory)"
        )

    @unittest.skipIf(support.NO_PERMISSIONS, support.NO_PERMISSIONS)
    def test_a_folder_that_may_not_be_read_is_said(self) -> None:
        words = [
            *support.POWERLESS,
            sys.executable,
            support.ENVLOCK,
            "-e",
            self.environment.python,
        ]
        self.environment.site.chmod(0o311)
        try:
            done = support.run([*words, "site-install", "-b", self.bound])
        finally:
            self.environment.site.chmod(0o755)
        self.assertRefused(
            done, f"{self.environment.site}: cannot be written (Permission denied)"
        )

    def test_a_guard_goes_while_starts_keep_their_verdicts(self) -> None:
        self.install("exit")
        folder, stop = self.environment.site / "_envlock", threading.Event()

        def keep() -> None:
            while not stop.wait(0.0005):  # more often than a folder can be removed
                with contextlib.suppress(OSError):
                    (folder / "0000000.state0.1.tmp").write_bytes(b"")

        busy = threading.Thread(target=keep)
        busy.start()
        try:
            for _ in range(3):
                self.install("exit")
                (interpreter,) = envlock.ask_interpreters(
                    [str(self.environment.python)]
                )
                self.assertTrue(envlock.uninstall_guard(interpreter))
                self.assertFalse(folder.exists())
        finally:
            stop.set()
            busy.join()

    @unittest.skipUnless(
        sys.implementation.name == "pypy", "has its library among the site directories"
    )
    def test_the_library_of_pypy_is_no_place_for_a_guard(self) -> None:
        (base,) = envlock.ask_interpreters([os.path.realpath(sys.executable)])
        self.assertIn(base.library, base.sites)
        self.assertNotEqual(envlock.guard_site(base), base.library)

    def test_an_environment_without_site_packages(self) -> None:
        shutil.rmtree(self.environment.site)
        self.addCleanup(self.environment.site.mkdir)
        for words in (
            ("site-install", "-b", self.write("none.txt", "")),
            ("site-uninstall",),
        ):
            done = support.envlock("-e", self.environment.python, *words)
            message = "there is no site-packages directory that a guard could stand in"
            self.assertRefused(done, f"{self.environment.python}: {message}")

    @unittest.skipIf(sys.version_info < (3, 15), "before .start files")
    def test_a_start_entry_where_import_lines_are_ignored(self) -> None:
        interpreter = envlock.ask_interpreters([str(self.environment.python)])[
            0
        ]._replace(version=(3, 18, 0))
        guard = envlock.GuardConfiguration.for_bounds(
            [str(self.bound)], envlock.Selection(), envlock.Policy()
        )
        before = tree(self.environment.path)
        envlock.install_guard(interpreter, guard._replace(code=5))
        self.assertFalse((self.environment.site / "0-envlock.pth").exists())
        shutil.rmtree(
            self.environment.site / "_envlock" / "__pycache__", ignore_errors=True
        )  # a start keeps it there
        guarded = tree(self.environment.path)
        self.assertEqual(
            envlock.guard_status(interpreter, interpreter.executable)["guard"], "armed"
        )
        self.assertEqual(tree(self.environment.path), guarded)
        self.assertRuns()
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure, code=5)
        shutil.rmtree(self.environment.site / "ham-2.0.dist-info")
        envlock.uninstall_guard(interpreter)
        self.assertEqual(tree(self.environment.path), before)

    @unittest.skipIf(os.name == "nt", "no shell")
    def test_of_several_interpreters_all_are_guarded_or_none(self) -> None:
        other = support.Environment(self.folder / "other")
        silent = self.write("silent", f'#!/bin/sh\nexec "{other.python}" -S "$@"\n')
        silent.chmod(0o755)
        words = [
            "-e",
            self.environment.python,
            "-e",
            silent,
            "site-install",
            "-b",
            self.bound,
            "exit",
            "--code",
            "5",
        ]
        for guarded in (False, True):
            if guarded:
                self.install("exit")
            before = tree(self.environment.path), tree(other.path)
            done = support.envlock(*words)
            self.assertRegex(
                done.stderr,
                r"\Aenvlock: error: .*silent: the guard cannot work .* -S, .*\n\Z",
            )
            self.assertEqual((done.stdout, done.returncode), ("", 2))
            self.assertEqual((tree(self.environment.path), tree(other.path)), before)
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)

    def test_odd_paths(self) -> None:
        odd = support.Environment(self.folder / "a b'c\"d%s$HOME{x}é\\ \n#")
        bound = self.write("é \"'.txt", "")
        done = support.envlock(
            "-q", "-e", odd.python, "site-install", "--bound", bound, "exit"
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        for _ in range(2):
            done = support.run([odd.python, "-c", "print('ran')"], env={"LC_ALL": "C"})
            self.assertEqual((done.stdout, done.returncode), ("ran\n", 0), done.stderr)
        odd.add("ham", "2.0")
        self.assertEqual(
            support.run(
                [odd.python, "-c", "print('ran')"], env={"LC_ALL": "C"}
            ).returncode,
            CODE,
        )


class ForeignFolderTest(GuardTestCase):
    """What stands at `_envlock` and isn't envlock's own is not touched."""

    copies_guards = False

    def assertUntouched(self, problem: str) -> None:
        before = tree(self.folder), tree(self.environment.path)
        for words in (
            ("site-install", "--bound", self.bound, "exit"),
            ("site-uninstall",),
        ):
            done = support.envlock("-e", self.environment.python, *words)
            folder = self.environment.site / "_envlock"
            said = f"{folder}: not as envlock made it: {problem}; nothing was changed"
            self.assertRefused(done, said)
        self.assertEqual((tree(self.folder), tree(self.environment.path)), before)

    def test_a_link_to_a_folder(self) -> None:
        self.write("mine/envlock.py", "1")
        (self.environment.site / "_envlock").symlink_to(self.folder / "mine")
        self.assertUntouched("it is a link")

    def test_a_file(self) -> None:
        (self.environment.site / "_envlock").write_text("mine")
        self.assertUntouched("it is no folder")

    def test_a_folder_of_somebody_else(self) -> None:
        (self.environment.site / "_envlock").mkdir()
        (self.environment.site / "_envlock" / "mine.py").write_text("")
        self.assertUntouched("it holds 'mine.py'")

    def test_what_a_killed_install_left_goes(self) -> None:
        stray = self.environment.site / "0-envlock.pth.0123abcd.tmp"
        for words in (("site-install", "--bound", self.bound), ("site-uninstall",)):
            stray.write_text("")
            support.envlock("-q", "-e", self.environment.python, *words)
            self.assertFalse(stray.exists())

    @unittest.skipIf(os.name == "nt", "has no umask")
    def test_all_may_read_it_and_its_owner_alone_write_it_whatever_the_umask(
        self,
    ) -> None:
        words = ["-q", "-e", self.environment.python, "site-install"]
        folder = self.environment.site / "_envlock"
        for umask in (0o077, 0):
            masked = partial(os.umask, umask)
            support.envlock(*words, "-b", self.bound, "exit", preexec_fn=masked)
            self.bound.write_text("six==1.0\n\n")
            time.sleep(0.3)  # else the verdict isn't kept
            self.assertRuns(preexec_fn=masked)
            self.assertEqual(oct(folder.stat().st_mode & 0o777), "0o755")
            for path in (self.environment.site / "0-envlock.pth", *folder.iterdir()):
                self.assertEqual(oct(path.stat().st_mode & 0o777), "0o644", path)


if __name__ == "__main__":
    unittest.main()
