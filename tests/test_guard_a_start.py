"""The room Guard: a start. In real environments and real starts."""

from __future__ import annotations

import marshal
import os
import shutil
import sys
import time
import unittest
import zipfile
from importlib.util import find_spec
from pathlib import Path

from tests import support
from tests.support import CODE, LEAKS, RENEW, YOUNG, GuardTestCase, stopped

SUBINTERPRETERS = next(
    (name for name in ("_interpreters", "_xxsubinterpreters") if find_spec(name)), ""
)


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
            self.assertEqual(
                (done.stderr, done.stdout, done.returncode), (self.failure, "ran\n", 0)
            )

    def test_exit_ends_the_process_with_the_code(self) -> None:
        self.install("exit", "--code", "42")
        self.environment.add("ham", "2.0")
        for _ in range(3):
            self.assertStopped(self.failure, code=42)

    def test_site_install_prints_what_it_finds(self) -> None:
        self.environment.add("ham", "2.0")
        done = support.envlock(
            "-e", self.environment.python, "site-install", "--bound", self.bound, "exit"
        )
        table = "".join(self.failure.splitlines(True)[1:3])
        self.assertEqual((done.stdout, done.returncode), (table, 0))
        python = self.environment.python
        removal = self.last_lines().splitlines()[1].partition(": ")[2]
        expected = (
            f"{self.note(python, self.bound, f'exit {CODE}')}"
            f"envlock: {python} will not start until this is repaired\n"
            f"envlock: to take the guard back: {removal}\n"
        )
        self.assertEqual(done.stderr, expected)

    def test_installing_again_replaces(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        self.install("--superset", "exit")
        self.assertRuns()
        self.install("--ignore", "Ham", "exit")
        self.assertRuns()

    def test_a_relative_bound_holds_in_any_working_directory(self) -> None:
        done = support.envlock(
            "-e",
            self.environment.python,
            "site-install",
            "-b",
            "requirements.txt",
            "exit",
            cwd=self.folder,
        )
        note = self.note(self.environment.python, "requirements.txt", f"exit {CODE}")
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
            *(
                (option, "-c", "print('ran')")
                for option in ("-I", "-E", "-s", "-B", "-OO", "-u")
            ),
            ("-X", "dev", "-c", "print('ran')"),
        ]
        for way in ways:
            with self.subTest(way=way):
                self.assertStopped(self.failure, *way)
        console = self.write("uvicorn", f"#!{self.environment.python}\nprint('ran')\n")
        console.chmod(0o755)
        done = self.started([console])
        self.assertEqual(
            (done.stderr, done.stdout, done.returncode),
            (stopped(self.failure), "", CODE),
        )
        self.assertStopped(self.failure, "-", input="print('ran')\n")
        self.assertStopped(self.failure, "-i", input="print('ran')\n")

    def test_runs_before_other_start_up_files(self) -> None:
        for name in ("00_a.pth", "A.pth"):
            (self.environment.site / name).write_text(
                "import os;os.write(1, b'payload')\n"
            )
        self.install("exit")
        self.assertEqual(self.start("-c", "").stdout.count("payload") % 2, 0)
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)

    def test_closed_streams_do_not_matter(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        for closed in ("2>&-", "2>&- >&-", "<&-"):
            done = support.run(
                ["sh", "-c", f'"{self.environment.python}" -c "print(1)" {closed}']
            )
            self.assertEqual((done.stdout, done.returncode), ("", CODE), closed)

    def test_one_command_may_be_let_through(self) -> None:
        self.install("exit")
        self.bound.unlink()
        self.assertRuns(env={"ENVLOCK_DISABLE": "1"})

    def test_an_environment_on_top_of_the_guarded_one_is_not_judged(self) -> None:
        above = support.Environment(self.folder / "above", "--system-site-packages")
        within = support.Environment(above.path / "within")
        home = {"PYTHONUSERBASE": str(self.environment.path)}
        user = support.run(
            [above.python, "-c", "import site; print(site.getusersitepackages())"],
            env=home,
        ).stdout
        if user.strip() != str(self.environment.site):
            self.skipTest("the user site has another layout")
        for guarded, env, code in (
            (self.environment, home, "print('ran')"),
            (
                within,
                {},
                f"import site; site.addsitedir({str(within.site)!r}); print('ran')",
            ),
        ):
            support.envlock(
                "-q", "-e", guarded.python, "site-install", "-b", self.bound, "exit"
            )
            guarded.add("ham", "2.0")
            for damaged in (False, True):
                if damaged:
                    (
                        guarded.site / "_envlock" / f"{sys.implementation.hexversion:x}"
                    ).unlink()
                done = support.run([above.python, "-c", code], env=env)
                self.assertEqual(
                    (done.stderr, done.stdout, done.returncode), ("", "ran\n", 0)
                )
            self.assertEqual(support.run([guarded.python, "-c", ""]).returncode, CODE)

    def test_an_environment_that_extends_the_guarded_one_is_judged(self) -> None:
        """As `uv run --with` makes one: a line in pyvenv.cfg, and a start-up file that adds the other's packages."""
        above = support.Environment(self.folder / "above")
        overlay = f"import site; site.addsitedir({str(self.environment.site)!r})\n"
        (above.site / "_overlay.pth").write_text(overlay)
        settings = above.path / "pyvenv.cfg"
        plain = settings.read_text()
        self.install("exit")
        for drifted in (False, True):
            if drifted:
                self.environment.add("ham", "2.0")
            for extended in (None, above.path, self.environment.path):
                line = f"extends-environment = {extended}\n" if extended else ""
                settings.write_text(plain + line)
                stops = drifted and extended == self.environment.path
                done = support.run([above.python, "-c", "print('ran')"])
                expected = ("", CODE) if stops else ("ran\n", 0)
                self.assertEqual(
                    (done.stdout, done.returncode), expected, (extended, done.stderr)
                )
                self.assertEqual("ham-2.0" in done.stderr, stops)

    def test_modules_on_pythonpath_do_not_take_part(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        for name in ("_envlock", "envlock", "platform", "json", "enum", "selectors"):
            self.write(f"own/{name}.py", "import os; os.write(1, b'user code')")
        for path in (str(self.folder / "own"), "own", ":own:"):
            self.assertStopped(self.failure, env={"PYTHONPATH": path}, cwd=self.folder)
        self.environment.remove("ham")
        done = self.start(
            "-c", "import platform", env={"PYTHONPATH": "own"}, cwd=self.folder
        )
        self.assertEqual(
            (done.stdout, done.stderr, done.returncode), ("user code", "", 0)
        )

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
                (
                    ("-O",),
                    {"PYTHONPATH": f"{self.folder}{more}", "PYTHONHASHSEED": "0"},
                ),
            ):
                command = [
                    "sh",
                    "-c",
                    gone,
                    self.environment.python,
                    *words,
                    "-c",
                    "print('ran')",
                ]
                done = support.run(command, env=env, cwd=self.folder)
                self.assertEqual(
                    (done.stdout, done.returncode),
                    ("", CODE) if drifted else ("ran\n", 0),
                    done.stderr,
                )
                self.assertNotIn("Traceback", done.stderr)
                os.utime(self.bound)
            if not drifted:
                self.environment.add("ham", "2.0")

    @unittest.skipUnless(SUBINTERPRETERS, "has none that a program can make")
    def test_subinterpreters_pass_without_a_word(self) -> None:
        self.install("exit")
        script = self.write(
            "program.py",
            f"import os, sys, {SUBINTERPRETERS} as interpreters\n"
            "os.mkdir(sys.argv[1])  # the environment drifts\n"
            "for number in range(3):\n"
            "    one = interpreters.create()\n"
            "    interpreters.run_string(one, 'import os; os.write(1, b\"ran \")')\n"
            "    interpreters.destroy(one)\n"
            "print('end')\n",
        )
        done = self.start(script, self.environment.site / "ham-2.0.dist-info")
        self.assertEqual(
            (done.stderr, done.stdout, done.returncode), ("", "ran ran ran end\n", 0)
        )
        self.assertStopped(self.failure)


class FailureTest(GuardTestCase):
    """A lock that fails open is no lock; a warning goes on."""

    def spoil(self, how: str) -> str:
        """Make the bound unusable; returns what the guard says."""
        self.bound.unlink()
        if how == "gone":
            return ": cannot be read (No such file or directory)"
        if how == "directory":
            self.bound.mkdir()
            return ": expected a file, found a folder (no lock is in it)"
        self.bound.write_text("six==1.0\n\n\0\n")
        return ":3: not a text file (it holds a NUL character)"

    def test_an_unusable_bound(self) -> None:
        for mode, code in (("exit", CODE), ("warn", 0)):
            self.install(mode)
            for how in ("gone", "directory", "garbage"):
                with self.subTest(how=how, mode=mode):
                    said = self.unusable(f"{self.bound}{self.spoil(how)}")
                    done = self.start()
                    if self.bound.is_dir():
                        self.bound.rmdir()
                    self.bound.write_text("six==1.0\n")
                    expected = (stopped(said), "", code) if code else (said, "ran\n", 0)
                    self.assertEqual(
                        (done.stderr, done.stdout, done.returncode), expected
                    )

    def test_a_fault_in_the_guard_is_one_line(self) -> None:
        for mode, outcome in (("exit", ("", CODE)), ("warn", ("ran\n", 0))):
            self.install(mode)
            source = self.environment.site / "_envlock" / "envlock.py"
            text = source.read_text(encoding="utf-8")
            broken = text.replace(
                "    interpreter = _guarded_interpreter(",
                "    raise MemoryError('of 1 GB')\n    (",
            )
            code = compile(broken, str(source), "exec", dont_inherit=True, optimize=2)
            source.with_name(f"{sys.implementation.hexversion:x}.full").write_bytes(
                marshal.dumps((code, b""))
            )
            self.bound.write_text(f"six==1.0 # {mode}\n")
            done = self.start()
            self.assertEqual((done.stdout, done.returncode), outcome)
            said = self.unusable("the guard failed: MemoryError: of 1 GB", RENEW)
            self.assertEqual(done.stderr, stopped(said) if mode == "exit" else said)

    def test_a_guard_without_its_folder(self) -> None:
        message = self.unusable("the guard failed", RENEW).rpartition("To remove")[0]
        message += "To remove the guard: site-uninstall\n"
        folder = self.environment.site / "_envlock"
        for spoil in (
            lambda: shutil.rmtree(folder),
            lambda: (folder / "guard.json").write_text("["),
        ):
            shutil.rmtree(folder, ignore_errors=True)
            self.install("exit", "--code", "9")
            spoil()
            self.assertStopped(message, code=9)
            self.assertRuns(env={"ENVLOCK_DISABLE": "1"})
            shutil.rmtree(folder, ignore_errors=True)
            self.install("warn")
            spoil()
            done = self.start()
            self.assertEqual(
                (done.stderr, done.stdout, done.returncode), (message, "ran\n", 0)
            )


class UserSiteTest(GuardTestCase):
    def test_counts_for_a_start_that_has_it(self) -> None:
        venv = support.Environment(self.folder / "venv", "--system-site-packages")
        bound = self.write("superset.txt", "six==1.0\n")
        home = {"PYTHONUSERBASE": str(self.folder / "user"), "HOME": str(self.folder)}
        done = support.envlock(
            "-e",
            venv.python,
            "site-install",
            "-b",
            bound,
            "--superset",
            "exit",
            env=home,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        user = support.run(
            [venv.python, "-m", "site", "--user-site"],
            env={**home, "ENVLOCK_DISABLE": "1"},
        )
        support.add_record(Path(user.stdout.strip()), "six", "1.0")
        for _ in range(2):
            for options, code in ((), 0), (("-s",), CODE), (("-I",), CODE):
                done = support.run(
                    [venv.python, *options, "-c", "print('ran')"], env=home
                )
                self.assertEqual(done.returncode, code, (options, done.stderr))
        other = {**home, "PYTHONUSERBASE": str(self.folder / "other")}
        self.assertEqual(
            support.run([venv.python, "-c", "print('ran')"], env=other).returncode, CODE
        )

    @unittest.skipUnless(
        sys.implementation.name == "cpython" and os.name == "posix",
        "made as CPython is installed",
    )
    def test_users_without_a_user_site_have_one_verdict(self) -> None:
        python = self.make_interpreter(self.folder / "usr")
        empty = self.write("empty.txt", "")
        homes = [{"HOME": str(self.folder / name)} for name in ("ada", "bob")]
        done = support.envlock(
            "-q", "-e", python, "site-install", "-b", empty, "exit", env=homes[0]
        )
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        probe = "import sys; print(hasattr(sys.modules['_envlock'], 'finish_start'))"
        for home in homes:
            self.assertEqual(
                support.run([python, "-c", probe], env=home).stdout, "False\n"
            )
        user = support.run(
            [python, "-m", "site", "--user-site"],
            env={**homes[1], "ENVLOCK_DISABLE": "1"},
        )
        support.add_record(Path(user.stdout.strip()), "ham", "2.0")
        time.sleep(0.2)  # else the verdict isn't kept
        for number, code in ((0, 0), (1, CODE), (0, 0)):
            self.assertEqual(
                support.run([python, "-c", ""], env=homes[number]).returncode, code
            )

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
        done = support.run(
            [
                python,
                "-c",
                "import site, sys; print(sys.prefix, *site.getsitepackages())",
            ]
        )
        if done.stdout.split() != [str(prefix), str(own / "site-packages")]:
            self.skipTest(
                f"this Python is made in another way: {done.stdout}{done.stderr}"
            )
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
        (
            self.environment.site / "_envlock" / f"{sys.implementation.hexversion:x}"
        ).unlink()
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
        self.assertEqual(self.start().returncode, CODE)
        self.environment.add("six", "1.0")
        self.assertRuns()
        self.assertEqual(set(states), {path.name for path in folder.iterdir()})


if __name__ == "__main__":
    unittest.main()
