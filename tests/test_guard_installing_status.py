"""The room Guard: installing. What `site-status` says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path
from typing import Any, Callable

import envlock
from tests import support
from tests.support import YOUNG, GuardTestCase


class StatusTest(GuardTestCase):
    """What `site-status` says is what the next start would do."""

    def say(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Ask, and see that nothing was changed by it."""
        before = {
            path: path.stat().st_mtime_ns for path in self.environment.path.rglob("*")
        }
        done = support.envlock("-e", self.environment.python, "site-status", *words)
        self.assertEqual(done.stderr, "")
        self.assertEqual(
            {
                path: path.stat().st_mtime_ns
                for path in self.environment.path.rglob("*")
            },
            before,
        )
        return done

    def status(self, *words: object) -> tuple[dict[str, Any], int]:
        done = self.say("json", *words)
        (status,) = json.loads(done.stdout)
        return status, done.returncode

    def assertStatus(self, code: int, **expected: Any) -> None:
        status, found = self.status()
        self.assertEqual(
            ({key: status[key] for key in expected}, found), (expected, code)
        )

    def assertNotArmed(self, note: str) -> None:
        self.assertStatus(4, guard="not armed", now=None, notes=[note])

    def silent(self, reason: str) -> str:
        return f"{self.environment.python}: the guard cannot work in this interpreter: {reason}"

    def test_where_there_is_no_guard(self) -> None:
        done = self.say()
        self.assertEqual(
            (done.stdout, done.returncode),
            (f"executable: {self.environment.python}\nguard: none\n", 4),
        )

    def test_an_armed_guard_tells_when_its_verdict_was_found(self) -> None:
        began = time.time()
        self.install("exit")
        head = f"executable: {self.environment.python}\nguard: armed\nmode: exit 78\nbounds: {self.bound}\n"
        head += f"version: {envlock.__version__}\n"
        self.assertRuns()
        moments = [
            time.gmtime(second) for second in range(int(began), int(time.time()) + 1)
        ]
        os.utime(self.bound)
        time.sleep(YOUNG)
        for _ in range(
            2
        ):  # before and after a start that finds the same content, and keeps the verdict anew
            done = self.say()
            at = re.search("at: (.*)", done.stdout)
            assert at
            self.assertIn(
                at[1],
                [time.strftime("%Y-%m-%dT%H:%M:%SZ", moment) for moment in moments],
            )
            tail = f"last verdict: aligned\nlast verdict at: {at[1]}\nnow: aligned\n"
            self.assertEqual((done.stdout, done.returncode), (head + tail, 0))
            self.assertRuns()

    def test_json_has_all_keys(self) -> None:
        expected: dict[str, Any] = {
            "executable": str(self.environment.python),
            "guard": "none",
            "mode": None,
        }
        expected.update(
            bounds=[], version=None, last_verdict=None, last_verdict_at=None, now=None
        )
        expected.update(log=None, notes=[], findings=[])
        self.assertEqual(self.status(), (expected, 4))
        self.install("warn")
        for state in (self.environment.site / "_envlock").glob("*.state?"):
            state.unlink()
        expected.update(
            guard="armed",
            mode="warn",
            bounds=[str(self.bound)],
            version=envlock.__version__,
            now="aligned",
        )
        self.assertEqual(self.status(), (expected, 0))

    def test_tells_the_last_verdict_from_the_present(self) -> None:
        self.install("exit")
        self.assertRuns()
        self.environment.add("ham", "2.0")
        self.assertStatus(
            3, guard="armed", last_verdict="aligned", now="not aligned", notes=[]
        )
        self.assertStopped(self.failure)
        self.assertStatus(
            3, guard="armed", last_verdict="not aligned", now="not aligned", notes=[]
        )
        self.environment.remove("ham")
        self.assertStatus(
            0, guard="armed", last_verdict="not aligned", now="aligned", notes=[]
        )

    def test_judges_by_what_site_install_was_told(self) -> None:
        self.environment.add("ham", "2.0")
        self.environment.remove("six")
        source = self.write("source/setup.cfg", "[metadata]\nname = six\n").parent
        self.environment.add(
            "six", "1.0", {"url": source.as_uri(), "dir_info": {"editable": True}}
        )
        self.bound = self.write("bounds/requirements.txt", "-e ./source\n")
        words = [
            "-e",
            self.environment.python,
            "site-install",
            "-b",
            "bounds/requirements.txt",
            "--superset",
        ]
        self.assertEqual(support.envlock("-q", *words, cwd=self.folder).stdout, "")
        self.assertStatus(0, bounds=[str(self.bound)], now="aligned")

    def test_an_unusable_bound(self) -> None:
        self.install("exit")
        self.bound.unlink()
        note = f"{self.bound}: cannot be read (No such file or directory)"
        self.assertStatus(3, guard="armed", now=None, notes=[note])
        self.bound.write_text("==\n")
        status, code = self.status()
        self.assertEqual((status["guard"], status["now"], code), ("armed", None, 3))
        self.assertIn(f"{self.bound}:1: ", status["notes"][0])

    @unittest.skipUnless(hasattr(os, "mkfifo"), "needs named pipes")
    def test_a_bound_that_has_become_a_named_pipe(self) -> None:
        self.install("exit")
        self.bound.unlink()
        os.mkfifo(str(self.bound))
        why = "a guard reads its bound at every start: it takes a file, no stream and nothing from the network"
        note = f"--bound {self.bound}: {why}"
        self.assertStatus(3, guard="armed", now=None, notes=[note])

    def test_a_start_up_file_that_is_gone_or_changed(self) -> None:
        path = self.environment.site / "0-envlock.pth"
        for spoil in (path.unlink, lambda: path.write_text("import sys\n")):
            self.install("exit")
            spoil()
            self.assertNotArmed(
                self.silent(f"{path.name} in {path.parent} is gone or changed")
            )

    @unittest.skipIf(sys.version_info < (3, 15), "before .start files")
    def test_a_start_up_file_that_another_suppresses(self) -> None:
        self.install("exit")
        start = self.environment.site / "0-envlock.start"
        start.write_text("")
        self.assertNotArmed(
            self.silent(f"{start} suppresses the start-up file of the same name")
        )

    def test_a_guard_that_fails_when_it_starts(self) -> None:
        self.install("exit")
        folder = self.environment.site / "_envlock"
        (folder / f"{sys.implementation.hexversion:x}").unlink()
        source = (folder / "envlock.py").read_bytes()
        (folder / "envlock.py").write_bytes(
            source.replace(
                b"\nimport os\n", b"\nimport __main__\n__main__.m\nimport os\n", 1
            )
        )
        self.assertNotArmed(self.silent("its start-up file does not run, or fails"))

    def test_a_folder_that_is_gone_or_damaged(self) -> None:
        folder = self.environment.site / "_envlock"
        damaged = f"{folder}/guard.json is missing or damaged"
        lost = f"No such file or directory: '{folder}/envlock.py'"
        tried = f"{self.environment.python}: the guard cannot be tried: FileNotFoundError: [Errno 2] {lost}"
        spoils: dict[str, list[Callable[[], object]]] = {
            damaged: [
                lambda: shutil.rmtree(folder),
                lambda: (folder / "guard.json").write_text('[{"a": 1}, 2, 3]'),
            ],
            tried: [(folder / "envlock.py").unlink],
        }
        for note, ways in spoils.items():
            for spoil in ways:
                self.install("exit")
                spoil()
                self.assertNotArmed(note)

    def test_code_that_a_start_renews_by_itself(self) -> None:
        self.install("exit")
        (
            self.environment.site / "_envlock" / f"{sys.implementation.hexversion:x}"
        ).unlink()
        self.assertStatus(0, guard="armed", now="aligned", notes=[])

    def test_a_wrapper_that_runs_no_start_up_file(self) -> None:
        self.install("exit")
        wrapper = self.write(
            "wrapper", f'#!/bin/sh\nexec "{self.environment.python}" -S "$@"\n'
        )
        wrapper.chmod(0o755)
        (status,) = json.loads(
            support.envlock("-e", wrapper, "site-status", "json").stdout
        )
        reason = "it is started with -S, so that no start-up file runs"
        note = f"{wrapper}: the guard cannot work in this interpreter: {reason}"
        self.assertEqual((status["guard"], status["notes"]), ("not armed", [note]))

    def test_a_start_that_fails(self) -> None:
        self.install("exit")
        (self.environment.site / "noise.pth").write_text(
            "import os; print('noise'); os._exit(9)\n"
        )
        self.assertNotArmed(f"{self.environment.python}: the guard cannot be tried: 9")
        (self.environment.site / "noise.pth").write_text(
            "import os; print('noise'); os._exit(0)\n"
        )
        self.assertNotArmed(
            f"{self.environment.python}: the guard cannot be tried: no answer"
        )
        (self.environment.site / "noise.pth").write_text("import os; print('noise')\n")
        self.assertStatus(0, guard="armed", now="aligned", notes=[])

    def test_the_guard_of_another_environment_is_not_taken_for_its_own(self) -> None:
        other = support.Environment(self.folder / "other")
        other.add("six", "1.0")
        support.envlock("-q", "-e", other.python, "site-install", "--bound", self.bound)
        self.install("exit")
        (self.environment.site / "z.pth").write_text(
            f"import site; site.addsitedir({str(other.site)!r})\n"
        )
        self.assertStatus(0, guard="armed", notes=[])
        (self.environment.site / "0-envlock.pth").write_text("")
        self.assertIn(
            "_envlock", self.start("-c", "import sys; print(*sys.modules)").stdout
        )
        self.assertNotArmed(
            self.silent(f"0-envlock.pth in {self.environment.site} is gone or changed")
        )

    def test_another_version_of_envlock_in_the_guard(self) -> None:
        self.install("exit")
        copy = self.environment.site / "_envlock" / "envlock.py"
        copy.write_bytes(
            re.sub(
                b'\n__version__ = ".*"', b'\n__version__ = "0.0.1"', copy.read_bytes()
            )
        )
        note = f"its copy of envlock is another than this one, {envlock.__version__} (site-install renews it)"
        self.assertStatus(
            0, guard="armed", version="0.0.1", now="aligned", notes=[note]
        )

    def test_several_interpreters_answer_by_the_worst(self) -> None:
        other = support.Environment(self.folder / "other")
        words = ["-e", self.environment.python, "-e", other.python, "site-status"]
        self.install("exit")
        done = support.envlock(*words)
        blocks = done.stdout.split("\n\n")
        self.assertEqual(
            (blocks[1], done.returncode),
            (f"executable: {other.python}\nguard: none\n", 4),
        )
        self.assertEqual(blocks[0] + "\n", self.say().stdout)
        support.envlock("-q", "-e", other.python, "site-install", "--bound", self.bound)
        done = support.envlock(*words, "json")
        statuses = [
            (one["executable"], one["guard"], one["now"])
            for one in json.loads(done.stdout)
        ]
        expected = [
            (str(self.environment.python), "armed", "aligned"),
            (str(other.python), "armed", "not aligned"),
        ]
        self.assertEqual((statuses, done.returncode), (expected, 3))

    def test_the_interpreter_that_runs_envlock_needs_no_exe(self) -> None:
        self.install("exit")
        done = support.run([self.environment.python, support.ENVLOCK, "site-status"])
        self.assertEqual((done.stdout, done.returncode), (self.say().stdout, 0))

    def test_modules_in_the_working_directory_do_not_take_part(self) -> None:
        self.install("exit")
        for name in ("re", "collections", "enum", "time", "json"):
            self.write(f"own/{name}.py", "1 / 0")
        words = ["-I", support.ENVLOCK, "-e", self.environment.python, "site-status"]
        done = support.run([sys.executable, *words], cwd=self.folder / "own")
        self.assertEqual((done.stderr, done.returncode), ("", 0), done.stdout)

    def test_wrong_usage(self) -> None:
        folder = Path(self.write("empty/file", "")).parent
        for words, message in (
            (
                ["-e", folder, "site-status"],
                f"{folder}: this folder holds no Python (expected ",
            ),
            (
                ["site-status", "write"],
                "there is no use for the word 'write' (after site-status may stand json)",
            ),
        ):
            done = support.envlock(*words)
            self.assertTrue(
                done.stderr.startswith(f"envlock: error: {message}"), done.stderr
            )
            self.assertEqual(
                (done.stdout, done.stderr.count("\n"), done.returncode), ("", 1, 2)
            )


if __name__ == "__main__":
    unittest.main()
