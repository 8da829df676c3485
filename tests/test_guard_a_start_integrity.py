"""The room Guard: a start. The guard that compares files, too."""

from __future__ import annotations

import marshal
import os
import shutil
import sys
import time
import unittest
from pathlib import Path
from typing import Callable

import envlock
from tests import support
from tests.support import CODE, LEAKS, YOUNG, GuardTestCase, stopped, without_advice


class IntegrityTest(GuardTestCase):
    """`site-install --integrity`: every recorded file is watched."""

    def setUp(self) -> None:
        super().setUp()
        self.environment.remove("six")
        self.record({"six.py": b"x = 1\n", "six_data/table.json": b"{}"})

    def record(
        self, files: dict[str, bytes], name: str = "six", version: str = "1.0"
    ) -> Path:
        """Install files with their hashes, as pip does."""
        record = self.environment.add(name, version)
        rows = []
        for inside, data in files.items():
            path = self.environment.site / inside
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            rows.append(f"{inside},{support.recorded_hash(data)},{len(data)}\n")
        (record / "RECORD").write_text("".join(rows))
        return record

    def rows(self, *rows: tuple[str, str, str]) -> str:
        """The guard's words for rows of (package, verdict, path and remark)."""
        site = os.path.realpath(self.environment.site)
        findings = [
            envlock.Finding(verdict, package, detail=f"{site}/{path}")
            for package, verdict, path in rows
        ]
        return self.differs(envlock.format_table(findings))

    def assertFinds(self, *rows: tuple[str, str, str]) -> None:
        for _ in range(2):
            self.assertStopped(self.rows(*rows))

    def test_every_way_to_change_a_file_is_noticed_at_once(self) -> None:
        module, other = (
            self.environment.site / "six.py",
            self.write("evil.py", "x = 2\n"),
        )
        kept = self.write("kept.py", "x = 1\n")
        before = module.stat()
        times = before.st_atime_ns, before.st_mtime_ns
        self.install("--integrity", "exit")

        def forge() -> None:
            module.write_text("x = 2\n")
            os.utime(module, ns=times)

        def instead(make: Callable[..., object], *arguments: object) -> None:
            module.unlink()
            make(*arguments)

        ways: list[tuple[str, Callable[[], object], str]] = [
            ("Modified", lambda: module.write_text("x = 1\nx = 2\n"), ""),
            ("Modified", forge, ""),
            ("Modified", lambda: shutil.copy(other, module), ""),
            ("Modified", lambda: instead(os.link, other, module), ""),
            (
                "Modified",
                lambda: instead(module.symlink_to, other),
                f" (a link to {other})",
            ),
            ("Modified", lambda: instead(module.mkdir), " (not a regular file)"),
            ("Deleted", module.unlink, ""),
        ]
        for verdict, change, remark in ways:
            self.assertRuns()
            change()
            self.assertFinds(("six-1.0", verdict, f"six.py{remark}"))
            module.rmdir() if module.is_dir() else module.unlink() if module.is_symlink() or module.exists() else None
            shutil.copy2(kept, module)
        self.assertRuns()

    def test_warns_at_every_start(self) -> None:
        self.install("--integrity", "warn")
        (self.environment.site / "six_data" / "table.json").unlink()
        time.sleep(YOUNG)
        for _ in range(3):
            done = self.start()
            said = self.rows(("six-1.0", "Deleted", "six_data/table.json"))
            self.assertEqual(
                (done.stderr, done.stdout, done.returncode), (said, "ran\n", 0)
            )
        self.assertEqual(
            support.envlock("-e", self.environment.python, "site-status").returncode, 3
        )

    def test_what_no_record_lists_is_stopped_before_it_runs(self) -> None:
        self.environment.site.joinpath("data", "deep").mkdir(parents=True)
        self.install("--integrity", "exit")
        for names, shown in (
            (["data/deep/evil.py"], ["data"]),
            (["00.pth", "evil.py"], ["00.pth", "evil.py"]),
        ):
            self.assertRuns()
            paths = [self.environment.site / name for name in names]
            for path in paths:
                path.write_text("import os; os.write(1, b'payload')\n")
            self.assertFinds(*(("", "Unrecorded", name) for name in shown))
            for path in paths:
                path.unlink()
            time.sleep(YOUNG)
            self.assertRuns()

    def test_what_lies_in_its_own_folder_is_not_judged_by_a_start(self) -> None:
        self.install("--integrity", "exit")
        (self.environment.site / "_envlock" / "evil.py").write_text("")
        os.utime(self.environment.site / "six.py")
        self.assertRuns()
        done = self.environment.validate("--bound", self.bound, "--integrity", "exit")
        self.assertEqual((done.stderr, done.returncode), ("", 3))

    def test_a_record_that_says_otherwise(self) -> None:
        self.install("--integrity", "exit")
        record = self.environment.site / "six-1.0.dist-info" / "RECORD"
        said = record.read_text()
        record.write_text(
            said.replace(support.recorded_hash(b"{}"), support.recorded_hash(b"[]"))
        )
        self.assertFinds(("six-1.0", "Modified", "six_data/table.json"))
        record.write_text(said)
        self.assertRuns()
        record.unlink()
        self.assertRuns()  # no hash, no claim

    def test_the_working_directory_is_not_taken_for_pythonpath(self) -> None:
        self.install("--integrity", "exit")
        code = "import os, _hashlib; print(os.path.dirname(getattr(_hashlib, '__file__', os.__file__)))"
        place = support.run([sys.executable, "-c", code]).stdout.strip()
        for _ in range(2):
            self.environment.site.touch()
            self.assertRuns(cwd=place)

    def test_an_upgraded_package(self) -> None:
        self.bound.write_text("six\n")
        self.install("--integrity", "exit")
        self.assertRuns()
        self.environment.remove("six")
        self.record({"six.py": b"x = 2\n"}, version="2.0")
        self.assertRuns()
        (self.environment.site / "six.py").write_bytes(b"x = 3\n")
        self.assertFinds(("six-2.0", "Modified", "six.py"))

    @unittest.skipUnless(
        os.path.exists("/proc/self/io"), "tells what a process has read"
    )
    def test_only_files_that_changed_are_hashed_again(self) -> None:
        large, small = (
            self.environment.site / "large.bin",
            self.environment.site / "small.bin",
        )
        self.record({"large.bin": bytes(1 << 25), "small.bin": bytes(1 << 24)}, "ham")
        self.bound.write_text("six==1.0\nham==1.0\n")
        self.install("--integrity", "exit")

        def read() -> float:
            """The megabytes that a start reads."""
            done = self.start("-c", "print(open('/proc/self/io').read().split()[1])")
            self.assertEqual((done.stderr, done.returncode), ("", 0))
            return int(done.stdout) / (1 << 20)

        self.assertLess(read(), 16)
        os.utime(small)
        self.assertTrue(16 < read() < 32)
        os.utime(large)
        time.sleep(YOUNG)
        self.assertTrue(32 < read() < 64)  # the small one, too, if it was too young
        self.environment.site.touch()
        self.assertLess(read(), 16)

    def test_a_verdict_on_many_files_stands_while_nothing_changes(self) -> None:
        self.record(
            {f"many/file_with_number_{number}.txt": b"" for number in range(1000)},
            "ham",
        )
        self.bound.write_text("six==1.0\nham==1.0\n")
        self.install("--integrity", "exit")
        probe = "import sys; print(hasattr(sys.modules['_envlock'], 'finish_start'))"
        self.assertEqual(self.start("-c", probe).stdout, "False\n")
        self.environment.site.joinpath("many", "file_with_number_999.txt").write_bytes(
            b"1"
        )
        self.assertFinds(("ham-1.0", "Modified", "many/file_with_number_999.txt"))

    @unittest.skipIf(support.NO_PERMISSIONS, support.NO_PERMISSIONS)
    def test_a_folder_that_cannot_be_written(self) -> None:
        self.install("--integrity", "exit")
        folder = self.environment.site / "_envlock"
        folder.chmod(0o555)
        try:
            for data, code in ((b"x = 1\n", 0), (b"x = 2\n", CODE), (b"x = 1\n", 0)):
                (self.environment.site / "six.py").write_bytes(data)
                for _ in range(2):
                    done = support.run(
                        [*support.POWERLESS, self.environment.python, "-c", ""]
                    )
                    said = (
                        stopped(self.rows(("six-1.0", "Modified", "six.py")))
                        if code
                        else ""
                    )
                    self.assertEqual(
                        (without_advice(done.stderr), done.returncode), (said, code)
                    )
        finally:
            folder.chmod(0o755)

    def test_starts_without_the_user_site_have_their_own_verdict(self) -> None:
        self.install("--integrity", "exit")
        for options in ((), ("-s",), ("-I",)):
            self.assertRuns(*options, "-c", "print('ran')")
        (self.environment.site / "six.py").write_bytes(b"x = 2\n")
        for options in ((), ("-s",), ("-I",)):
            self.assertStopped(
                self.rows(("six-1.0", "Modified", "six.py")),
                *options,
                "-c",
                "print('ran')",
            )

    def test_hashing_leaves_nothing_behind(self) -> None:
        (self.environment.site / "0-envlock.pth").write_text("import sys\n")
        # PyPy's hashlib leaves libffi open, wherever it is imported.
        leaks = (
            LEAKS
            if sys.implementation.name == "cpython"
            else LEAKS.replace("/proc/self/fd", "/none")
        )
        plain = self.start("-c", leaks)
        self.install("--integrity", "exit")
        program = self.write(
            "program.py",
            "import concurrent.futures, hashlib, multiprocessing, os, threading\n"
            "with concurrent.futures.ThreadPoolExecutor(3) as pool: numbers = list(pool.map(abs, range(9)))\n"
            "if hasattr(os, 'fork'):\n"
            "    child = os.fork()\n"
            "    if not child: os._exit(threading.active_count() - 1)\n"
            "    numbers.append(os.waitpid(child, 0)[1])\n"
            "print(sum(numbers), threading.active_count(), threading.main_thread() is threading.current_thread())\n",
        )
        for _ in range(2):
            os.utime(self.environment.site / "six.py")
            self.assertEqual(self.start("-c", leaks).stdout, plain.stdout)
            os.utime(self.environment.site / "six.py")
            done = self.start("-X", "dev", "-W", "ignore", program)
            self.assertEqual((done.stdout, done.stderr), ("36 1 True\n", ""))

    @unittest.skipIf(os.name == "nt", "no terminals")
    @unittest.skipIf(
        sys.implementation.name == "pypy", "minds signals only after `site`"
    )
    def test_a_start_on_a_terminal_shows_how_far_it_is_and_can_be_interrupted(
        self,
    ) -> None:
        self.install("--integrity", "warn")
        with open(self.environment.site / "vast", "wb") as file:
            file.truncate(7 << 30)
        with open(
            self.environment.site / "six-1.0.dist-info" / "RECORD",
            "a",
            encoding="utf-8",
        ) as record:
            record.write("vast,sha512=AAAA,\n")
        shown, output, status = support.interrupted(
            [self.environment.python, "-c", "print('ran')"]
        )
        self.assertRegex(shown, rb"\A(\r\x1b\[K\d of \d files compared)+\r\x1b\[K\Z")
        self.assertEqual((output, status), (b"", 130))

    def test_an_interrupt_ends_a_start(self) -> None:
        for mode in ("warn", "exit"):
            self.install("--integrity", mode)
            path = (
                self.environment.site
                / "_envlock"
                / f"{sys.implementation.hexversion:x}"
            )
            path.write_bytes(
                marshal.dumps(compile("raise KeyboardInterrupt", "x", "exec"))
            )
            self.assertStopped("", code=130)


if __name__ == "__main__":
    unittest.main()
