"""The room Guard: a verdict."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import envlock
from tests import support
from tests.support import CODE, YOUNG, GuardTestCase, stopped


class DigestTest(support.Scratch):
    def test_of_a_file_that_has_become_too_large_nothing_is_read(self) -> None:
        path = self.write("uv.lock", "")
        files = [str(path)]
        digests = {envlock.content_digest([], files)}
        with open(path, "wb") as file:
            file.truncate(100 << 20)

        def digest(files: list[str]) -> None:
            digests.add(envlock.content_digest([], files))

        self.assertLess(support.peak_memory(digest, files), 1 << 20)
        path.unlink()
        digest(files)
        self.assertEqual(len(digests), 3)


class LogTest(GuardTestCase):
    """The drift log: a line whenever a start finds another verdict than the one before."""

    def lines(self, log: Path) -> list[dict[str, Any]]:
        return [
            json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()
        ]

    def test_tells_when_an_environment_changed(self) -> None:
        log = self.folder / "drift.log"
        self.install("--log", log, "warn")
        self.assertRuns()
        self.assertFalse(log.exists())
        for _ in range(2):
            self.environment.add("ham", "2.0")
            self.start()
            self.start()
            self.environment.remove("ham")
            self.assertRuns()
        lines = self.lines(log)
        self.assertEqual(
            [line["verdict"] for line in lines], ["not aligned", "aligned"] * 2
        )
        keys = ["time", "executable", "bounds", "verdict", "findings", "pid", "user"]
        self.assertEqual([list(line) for line in lines], [keys] * 4)
        found = [(row["package"], row["explain"]) for row in lines[0]["findings"]]
        self.assertEqual(found, [("ham-2.0", "Unrequired")])
        self.assertEqual(lines[0]["executable"], str(self.environment.python))
        self.assertEqual(lines[0]["bounds"], [str(self.bound)])

    def test_a_log_that_cannot_be_written_changes_no_start(self) -> None:
        for log in (self.folder, self.folder / "none" / "drift.log", Path("/dev/full")):
            self.install("--log", log, "exit")
            self.assertRuns()
            self.environment.add("ham", "2.0")
            self.assertStopped(self.failure)
            self.environment.remove("ham")

    @unittest.skipIf(support.NO_PERMISSIONS, support.NO_PERMISSIONS)
    def test_tells_of_the_return_where_no_verdict_can_be_kept(self) -> None:
        log, folder = self.folder / "drift.log", self.environment.site / "_envlock"
        log.touch()
        self.install("--log", log, "warn")
        time.sleep(YOUNG)
        self.assertRuns()
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        command = [*support.POWERLESS, self.environment.python, "-c", "print('ran')"]
        for _ in range(2):
            self.environment.add("ham", "2.0")
            for _ in range(2):
                self.assertEqual(self.started(command).stderr, self.failure)
            self.environment.remove("ham")
            for _ in range(2):
                self.assertEqual(self.started(command).stderr, "")
        self.assertEqual(
            [line["verdict"] for line in self.lines(log)],
            ["not aligned", "aligned"] * 2,
        )


class MessageTest(GuardTestCase):
    def test_ten_rows_and_how_many_more(self) -> None:
        for number in range(12):
            self.environment.add(f"ham{number:02}", "2.0")
        self.install("exit")
        done = self.start()
        lines = done.stderr.splitlines()
        self.assertEqual(done.returncode, CODE)
        self.assertEqual(lines[0] + "\n", stopped(self.differs("")).splitlines(True)[0])
        self.assertEqual(
            [line.split()[0] for line in lines[1:12]],
            ["Package", *(f"ham{n:02}-2.0" for n in range(10))],
        )
        self.assertEqual(lines[12], "and 2 more: site-status lists all")
        self.assertEqual("\n".join(lines[13:]) + "\n", self.last_lines())

    def test_says_how_to_align(self) -> None:
        self.environment.add("pip", "24.0")
        self.bound.write_text("six==1.1\n")
        self.install("warn")
        done = self.start("-c", "print('ran')", raw=True)
        advice = [
            line for line in done.stderr.splitlines() if line.startswith("To align: ")
        ]
        self.assertEqual(
            advice,
            [f"To align: {self.environment.python} -m pip install -r {self.bound}"],
        )

    def test_a_child_of_a_warned_parent_says_it_in_one_line(self) -> None:
        self.install("warn")
        self.environment.add("ham", "2.0")
        code = (
            "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1)'])"
        )
        first = self.failure.splitlines(True)[0]
        for _ in range(3):
            done = self.start("-c", code)
            self.assertEqual((done.stderr, done.stdout), (self.failure + first, "1\n"))

    def test_the_removal_command_works(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        command = self.last_lines().splitlines()[1].partition(": ")[2]
        done = self.started(["sh", "-c", command])
        said = f"envlock: {self.environment.python}: the guard is removed\n"
        self.assertEqual((done.stderr, done.stdout, done.returncode), (said, "", 0))
        self.assertRuns()


@unittest.skipUnless(hasattr(os, "geteuid"), "needs POSIX")
class WhoseTest(GuardTestCase):
    """A verdict that depends on the user, the machine or the kernel counts for these alone."""

    def setUp(self) -> None:
        super().setUp()
        self.bound.write_text("six==1.0\nham==2.0; platform_machine == 'i686'\n")
        self.install("warn")
        time.sleep(YOUNG)
        self.assertRuns()
        base = envlock.guard_base(str(self.environment.site))
        self.verdict = envlock.read_state(base)

    def said(self, **changes: Any) -> str:
        """What a start without HOME says where a verdict with these changes is kept."""
        planted = {**self.verdict, "message": "planted", **changes}
        base = envlock.guard_base(str(self.environment.site))
        envlock.write_state(base, planted)  # type: ignore[arg-type]
        command = ["env", "-u", "HOME", self.environment.python, "-c", "print('ran')"]
        done = self.started(command)
        self.assertEqual((done.stdout, done.returncode), ("ran\n", 0))
        return done.stderr

    def test_the_same_one_is_told(self) -> None:
        self.assertEqual(self.said(), "envlock: planted\n")

    def test_another_machine_or_kernel(self) -> None:
        release, version, machine = os.uname()[2:]
        for kernel in (
            (None, None, "i686"),
            (release + "+", None, machine),
            (None, version + "+", machine),
        ):
            with self.subTest(kernel):
                now = tuple(one or "" for one in kernel)
                whose = (None, None, None, os.geteuid(), now)
                self.assertEqual(self.said(kernel=kernel, whose=whose), "")

    def test_another_user_where_none_has_a_home(self) -> None:
        """With HOME unset the user alone tells whose user site it was."""
        other = os.geteuid() + 1
        whose = (None, None, None, other, os.uname()[2:])
        self.assertEqual(self.said(home=str(self.folder), whose=whose), "")
        self.assertEqual(self.said(user=other, whose=whose), "")

    @unittest.skipUnless(
        platform.machine() == "x86_64" and shutil.which("setarch"),
        "needs Linux on x86_64",
    )
    def test_a_start_as_on_another_machine(self) -> None:
        done = self.started(
            ["setarch", "i686", self.environment.python, "-c", "print('ran')"]
        )
        row = "         ham==2.0    Missing"
        told = self.differs(f"Package  Dependency  Explain  Sites\n{row}\n")
        self.assertEqual((done.stderr, done.stdout), (told, "ran\n"))
        self.assertRuns()


class StaleTest(GuardTestCase):
    """A verdict is kept only for what was compared."""

    def test_a_link_that_was_turned_meanwhile(self) -> None:
        for name in ("blue", "green"):
            self.write(f"{name}/r.txt", name)
        link = self.folder / "current"
        link.symlink_to("blue")
        time.sleep(0.3)
        path = str(link / "r.txt")
        began = time.time_ns()
        self.assertFalse(envlock.was_turned([path], began))
        self.assertTrue(
            envlock.is_settled([(path, envlock.file_identity(path))], began)
        )
        time.sleep(0.05)  # the clock of file systems is coarse
        (self.folder / "new").symlink_to("green")
        (self.folder / "new").replace(link)
        self.assertTrue(envlock.was_turned([path], began))
        self.assertFalse(
            envlock.is_settled([(path, envlock.file_identity(path))], began)
        )

    def test_a_folder_that_was_put_in_the_place_of_another(self) -> None:
        for name in ("blue", "green"):
            self.write(f"{name}/deep/r.txt", name)
        time.sleep(0.3)
        path = str(self.folder / "blue" / "deep" / "r.txt")
        began = time.time_ns()
        self.assertFalse(envlock.was_turned([path], began))
        time.sleep(0.05)  # the clock of file systems is coarse
        (self.folder / "blue").rename(self.folder / "old")
        (self.folder / "green").rename(self.folder / "blue")
        self.assertTrue(envlock.was_turned([path], began))

    def test_a_bound_that_is_gone_when_all_else_was_settled(self) -> None:
        self.install("exit")
        site, aside = self.environment.site, self.folder / "aside.txt"
        (site / "meddle.py").write_text(
            "import os, sys\n"
            "def note(frame, event, _):\n"
            "    if event == 'return' and frame.f_code.co_name == 'is_settled':\n"
            "        sys.setprofile(None)\n"
            f"        os.rename({str(self.bound)!r}, {str(aside)!r})\n"
            "sys.setprofile(note)\n"
        )
        (site / "0-a.pth").write_text("import meddle\n")  # before the guard's
        time.sleep(0.3)
        self.assertRuns()
        self.assertTrue(aside.exists())
        done = self.start()
        self.assertIn("cannot be read (No such file or directory)", done.stderr)
        self.assertEqual(done.returncode, CODE)

    def test_a_path_that_was_not_there(self) -> None:
        library = self.folder / "library"
        self.bound.write_text(f"-e {library}\nsix==1.0\n")
        self.write("library/pyproject.toml", "[project]\nname = 'library'\n")
        self.install("warn")
        first = self.start().stderr
        shutil.rmtree(library)
        time.sleep(0.3)
        self.assertNotEqual(self.start().stderr, first)
        self.write("library/pyproject.toml", "[project]\nname = 'library'\n")
        time.sleep(0.3)
        self.assertEqual(self.start().stderr, first)

    def test_records_are_read_by_the_rules_of_validation(self) -> None:
        site = self.environment.site
        self.install("exit")
        time.sleep(YOUNG)
        self.assertRuns()
        (site / "Eve-1.0.DIST-INFO").mkdir()
        self.assertStopped(self.message("Eve-1.0              Unrequired"))
        (site / "Eve-1.0.DIST-INFO").rmdir()
        self.assertRuns()
        vague = site / "six-1x.dist-info"
        (site / "six-1.0.dist-info").rename(vague)
        (vague / "METADATA").write_text("Name: six\nVersion: 1.0\n")
        time.sleep(YOUNG)
        self.assertRuns()
        (vague / "METADATA").write_text("Name: six\nVersion: 1.1\n")
        self.assertStopped(self.message("six-1.1  six==1.0    Misdefined"))

    @unittest.skipIf(os.name == "nt", "users are told apart by rights there")
    def test_a_bound_that_another_user_cannot_read(self) -> None:
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if (
            shutil.which("setpriv") is None
            or support.run([*nobody, sys.executable, "-c", ""]).returncode
        ):
            self.skipTest("needs root, and an interpreter that others may run")
        for folder in (self.folder, self.environment.path.parent):
            folder.chmod(0o755)
        self.bound.chmod(0o600)
        self.install("exit")
        time.sleep(YOUNG)
        self.assertRuns()
        done = self.started([*nobody, self.environment.python, "-c", "print('ran')"])
        said = stopped(
            self.unusable(f"{self.bound}: cannot be read (Permission denied)")
        )
        self.assertEqual((done.stderr, done.stdout, done.returncode), (said, "", CODE))
        self.assertRuns()


if __name__ == "__main__":
    unittest.main()
