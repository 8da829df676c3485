"""Interpreters: which directories hold an interpreter's packages, and which distributions their records tell."""

from __future__ import annotations

import os
import stat
import sys
import unittest
from pathlib import Path

import envlock
from tests.support import ENVLOCK, TestCase, run, wait_until


class IsolationTest(TestCase):
    def test_start_up_files_do_not_run_when_an_interpreter_is_asked(self) -> None:
        flag = self.folder / "ran"
        line = f"import os; print('noise'); open({str(flag)!r}, 'w').close(); os._exit(7)\n"
        (self.environment.site / "noise.pth").write_text(line, encoding="utf-8")
        self.assertEqual(run([self.environment.python, "-c", "pass"]).returncode, 7)
        flag.unlink()
        asked = envlock.ask_interpreters([str(self.environment.python)])[0]
        self.assertEqual(asked.version, sys.version_info[:3])
        self.assertFalse(flag.exists())


class PyodideTest(TestCase):
    @unittest.skipUnless(hasattr(os, "geteuid"), "no POSIX")
    def test_a_system_that_tells_no_effective_user(self) -> None:
        self.write("requirements.txt", "")
        code = "import os, sys; del os.geteuid, os.getegid; sys.path.insert(0, sys.argv[1])"
        code += "; import envlock; print(envlock.this_interpreter().version)"
        code += "; sys.exit(envlock.main(['validate', '-b', 'requirements.txt']))"
        python = self.environment.python
        done = run([python, "-c", code, ENVLOCK.parent], cwd=self.folder)
        version = f"{sys.version_info[:3]}\n"
        self.assertEqual((done.returncode, done.stdout), (0, version), done.stderr)


def has_ended(process: int) -> bool:
    try:
        os.kill(process, 0)
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except ProcessLookupError:
        return True
    except OSError:  # there is no /proc
        return False


class AskTest(TestCase):
    def script(self, name: str, text: str) -> str:
        path = self.write(name, f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    def assertUnusable(self, exe: str, message: str) -> None:
        with self.assertRaises(envlock.InterpreterError) as caught:
            envlock.ask_interpreters([exe])
        self.assertEqual(str(caught.exception), message)

    def test_finds_the_interpreter_of_a_folder_a_path_and_a_name(self) -> None:
        python = str(self.environment.python)
        self.assertEqual(envlock.find_executable(str(self.environment.path)), python)
        self.assertEqual(envlock.find_executable(python), python)
        self.assertTrue(os.path.isabs(envlock.find_executable("sh")))

    def test_says_what_was_not_found(self) -> None:
        self.assertUnusable(
            "no-such-python-here",
            "no-such-python-here: no such folder, and no such interpreter on PATH",
        )
        absent = str(self.folder / "absent")
        self.assertUnusable(absent, f"{absent}: no such interpreter")
        self.assertUnusable("", "-e: expected an interpreter, found an empty name")
        # Not the test's own folder: beside that may be anybody's environment.
        folder = str(self.folder / "empty")
        os.mkdir(folder)
        self.assertUnusable(
            folder,
            f"{folder}: this folder holds no Python (expected {folder}/bin/python)",
        )

    @unittest.skipIf(os.name == "nt", "links and a shell")
    def test_says_what_was_probably_meant(self) -> None:
        found = str(self.environment.python)
        self.assertEqual(envlock.find_executable(os.path.dirname(found)), found)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        none = "no such folder, and no such interpreter on PATH"
        self.write("tool", "")
        self.assertUnusable("tool", f"tool: {none} (did you mean ./tool?)")
        self.write(".venv/pyvenv.cfg", "")
        self.assertUnusable("venv", f"venv: {none} (did you mean .venv?)")
        self.assertUnusable(
            "./venv", "./venv: no such interpreter (did you mean .venv?)"
        )
        self.assertUnusable(
            str(self.folder),
            f"{self.folder}: this folder holds no Python (did you mean {self.folder}/.venv?)",
        )
        self.assertUnusable(
            ".venv", ".venv: this folder holds no Python (expected .venv/bin/python)"
        )

    @unittest.skipIf(os.name == "nt", "links and a shell")
    def test_says_that_a_link_dangles(self) -> None:
        link = self.folder / "python"
        link.symlink_to("/gone/python3")
        self.assertUnusable(
            str(link), f"{link}: a link to /gone/python3, which is not there"
        )
        (self.folder / "bin").mkdir()
        link.rename(self.folder / "bin" / "python")
        gone = f"{self.folder}/bin/python is a link to /gone/python3"
        self.assertUnusable(
            str(self.folder), f"{self.folder}: its Python is gone ({gone})"
        )

    @unittest.skipIf(os.name == "nt", "links and a shell")
    def test_never_quotes_the_source_that_was_to_run(self) -> None:
        parrot = self.script("parrot", 'echo "unknown: $*" >&2; exit 2')
        self.assertUnusable(
            parrot, f"{parrot}: not a Python 3.6 or newer (exit status 2)"
        )

    def test_noise_around_the_answer_is_passed_over(self) -> None:
        wrapper = self.script(
            "noisy",
            f'echo "Welcome"; echo oh >&2; printf Hi; "{sys.executable}" "$@"; echo Bye',
        )
        self.assertEqual(
            envlock.ask_interpreters([wrapper])[0].version, sys.version_info[:3]
        )

    def test_what_is_no_python_is_refused(self) -> None:
        refusal = "not a Python 3.6 or newer"
        other = self.script("other", "echo what is this >&2; exit 5")
        self.assertUnusable(
            other, f"{other}: {refusal} (exit status 5, 'what is this')"
        )
        liar = self.script("liar", f"echo '{envlock.ANSWER}[1'")
        self.assertUnusable(liar, f"{liar}: {refusal} (exit status 0)")
        plain = str(self.write("plain", "text"))
        self.assertUnusable(plain, f"{plain}: cannot be run: Permission denied")

    def test_an_interpreter_that_hangs_is_ended_with_its_children(self) -> None:
        hanging = self.script(
            "hanging", f"sleep 600 & echo $! > '{self.folder}/child'; wait"
        )
        note = self.folder / "child"
        for seconds in (
            1,
            4,
            16,
            64,
        ):  # a busy machine may take long until the child is there
            self.set_patience(seconds)
            self.assertUnusable(
                hanging,
                f"{hanging}: no answer from this interpreter in {seconds} seconds",
            )
            if note.exists() and note.read_text():
                break
        child = int(note.read_text())
        wait_until(lambda: has_ended(child), "the child of the wrapper is ended")

    def test_several_interpreters_are_asked_at_once(self) -> None:
        """Each waits until all have been started."""
        names = ["slow0", "slow1", "slow2"]
        here = " && ".join(f"[ -e {name}.on ]" for name in names)
        wait = f'cd "$(dirname "$0")"; touch "$0.on"; until {here}; do sleep 0.01; done'
        slow = [
            self.script(name, f'{wait}; exec "{sys.executable}" "$@"') for name in names
        ]
        self.set_patience(300)
        self.assertEqual(len(envlock.ask_interpreters(slow)), 3)

    def set_patience(self, seconds: int) -> None:
        self.addCleanup(setattr, envlock, "ASK_SECONDS", envlock.ASK_SECONDS)
        envlock.ASK_SECONDS = seconds

    def test_the_answer_holds_the_marker_variables(self) -> None:
        asked = envlock.ask_interpreters([str(self.environment.python)])[0]
        self.assertEqual(asked.environment(), envlock.default_environment())


if __name__ == "__main__":
    unittest.main()
