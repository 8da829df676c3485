"""The room Guard: a kept verdict. What verdicts rest on, and what a start does where it can't keep them."""

from __future__ import annotations

import io
import json
import marshal
import os
import shutil
import subprocess
import sys
import time
import unittest
import zipfile
from pathlib import Path

from tests import support
from tests.support import CODE, YOUNG, GuardTestCase, stopped, tree, without_advice


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
        self.environment.add(
            "six", "1.0", {"url": "file:///src/six", "dir_info": {"editable": True}}
        )
        self.assertStopped(self.message("six-1.0  six==1.0    Misdefined"))

    def test_an_origin_that_comes_into_an_old_record_of_a_demanded_one(self) -> None:
        url, commit = "https://host.example/ham", 40 * "1"
        record = self.environment.add("ham", "2.0")
        self.bound.write_text(f"six==1.0\nham @ git+{url}@{commit}\n")
        self.install("exit")
        time.sleep(YOUNG)
        self.assertEqual(self.start().returncode, CODE)
        vcs = {"vcs": "git", "commit_id": commit}
        origin = record / "direct_url.json"
        origin.write_text(json.dumps({"url": url, "vcs_info": vcs}))
        self.assertRuns()
        origin.unlink()
        self.assertEqual(self.start().returncode, CODE)

    def test_an_origin_that_comes_into_an_old_record_without_a_version(self) -> None:
        record = self.environment.site / "ham.egg-info"
        record.mkdir()
        (record / "PKG-INFO").write_text("Name: ham\nVersion: 2.0\n")
        self.bound.write_text("six==1.0\nham==2.0\n")
        self.install("exit")
        time.sleep(YOUNG)
        self.assertRuns()
        told = {"url": "file:///src/ham", "dir_info": {"editable": True}}
        (record / "direct_url.json").write_text(json.dumps(told))
        self.assertStopped(self.message("ham-2.0  ham==2.0    Misdefined"))

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
        self.assertEqual(self.start().returncode, CODE)
        told.write_text("Name: ham\nVersion: 2.0\n")
        self.assertRuns()

    def test_a_zipped_egg_that_is_rewritten_in_its_place(self) -> None:
        def egg(version: str) -> bytes:
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                archive.writestr(
                    "EGG-INFO/PKG-INFO", f"Name: ham\nVersion: {version}\n"
                )
            return data.getvalue()

        self.bound.write_text("six==1.0\nham==2.0\n")
        for path in (self.environment.site / "ham.egg", self.folder / "ham.egg"):
            path.write_bytes(egg("2.0"))
            (self.environment.site / "easy-install.pth").write_text(f"{path}\n")
            self.install("exit")
            time.sleep(YOUNG)
            self.assertRuns()
            before = path.stat()
            path.write_bytes(egg("3.0"))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            for _ in range(2):
                done = self.start()
                self.assertEqual((done.stdout, done.returncode), ("", CODE))
                self.assertRegex(done.stderr, r"\nham-3\.0 +ham==2\.0 +Misdefined ")
            path.write_bytes(egg("2.0"))
            self.assertRuns()
            path.unlink()

    def test_nested_bound_files_are_watched(self) -> None:
        nested = self.write("nested/more.txt", "")
        self.bound.write_text("six==1.0\n-r nested/more.txt\n")
        self.install("exit")
        self.assertRuns()
        nested.write_text("ham==2.0\n")
        self.assertStopped(
            self.differs(
                "Package  Dependency  Explain  Sites\n         ham==2.0    Missing\n"
            )
        )

    def test_directories_that_path_lines_add_are_watched(self) -> None:
        (self.environment.site / "more.pth").write_text(f"{self.folder / 'more'}\n")
        self.install("exit")
        quiet = self.start()
        self.assertEqual((quiet.stdout, quiet.returncode), ("ran\n", 0))
        support.add_record(self.folder / "more", "ham", "2.0")
        self.assertEqual(
            (self.start().returncode, self.start().returncode), (CODE, CODE)
        )
        shutil.rmtree(self.folder / "more" / "ham-2.0.dist-info")
        self.assertRuns()

    def test_damaged_files_of_the_guard(self) -> None:
        self.install("exit")
        self.assertRuns()
        folder = self.environment.site / "_envlock"
        for name in [
            path.name
            for path in folder.iterdir()
            if path.suffix not in (".py", ".json")
        ]:
            for content in (b"", (folder / name).read_bytes()[:-9], os.urandom(200)):
                (folder / name).write_bytes(b"\xff" + content if content else b"")
                with self.subTest(name=name, size=len(content)):
                    if not content:
                        self.assertRuns()
                    self.environment.add("ham", "2.0")
                    self.assertStopped(self.failure)
                    self.environment.remove("ham")
        self.assertEqual(
            [path.name for path in folder.iterdir() if path.suffix == ".tmp"], []
        )

    @unittest.skipIf(os.name == "nt", "needs named pipes")
    def test_a_fault_in_step_2_leaves_the_start_to_the_source(self) -> None:
        def fail(base: str) -> str:
            raise MemoryError(base)

        self.install("exit")
        folder = self.environment.site / "_envlock"
        lean = folder / f"{sys.implementation.hexversion:x}.lean"
        good = lean.read_bytes()
        code = fail.__code__.replace(co_name="guarded_prefix")
        codes = [
            code if one.co_name == "guarded_prefix" else one
            for one in marshal.loads(good)
        ]
        lean.write_bytes(marshal.dumps(codes))
        self.environment.add("ham", "2.0")
        self.assertStopped(self.failure)
        self.assertEqual(lean.read_bytes(), good)

    def test_a_kept_verdict_that_is_no_regular_file_keeps_no_start_waiting(
        self,
    ) -> None:
        self.install("exit")
        self.assertRuns()
        (state,) = (self.environment.site / "_envlock").glob("*.state0")
        for make in (os.mkfifo, lambda path: os.symlink("/dev/zero", path), os.mkdir):
            with self.subTest(make=make):
                state.unlink()
                make(state)
                self.environment.add("ham", "2.0")
                self.assertStopped(self.failure)
                self.environment.remove("ham")
                self.assertRuns()
                if state.is_dir():  # else a start has replaced it
                    state.rmdir()
                    state.write_bytes(b"")

    def test_a_moved_and_a_copied_environment(self) -> None:
        self.install("exit")
        self.assertRuns()
        copy = self.folder / "copy"
        shutil.copytree(self.environment.path, copy, symlinks=True)
        site = copy / self.environment.site.relative_to(self.environment.path)
        python = copy / self.environment.python.relative_to(self.environment.path)
        self.assertEqual(support.run([python, "-c", "print('ran')"]).stdout, "ran\n")
        support.add_record(site, "ham", "2.0")
        self.assertEqual(support.run([python, "-c", "print('ran')"]).returncode, CODE)
        self.assertRuns()
        copy.rename(self.folder / "moved")
        python = (
            self.folder
            / "moved"
            / self.environment.python.relative_to(self.environment.path)
        )
        self.assertEqual(support.run([python, "-c", "print('ran')"]).returncode, CODE)

    def test_many_starts_at_once_after_a_change(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        pipe, command = (
            subprocess.PIPE,
            [str(self.environment.python), "-c", "print('ran')"],
        )
        starts = [
            subprocess.Popen(command, stdout=pipe, stderr=pipe, env=support.CLEAN)
            for _ in range(32)
        ]
        answers = set()
        for start in starts:
            output, errors = map(os.fsdecode, start.communicate())
            answers.add((output, without_advice(errors), start.returncode))
        self.assertEqual(answers, {("", stopped(self.failure), CODE)})
        self.assertEqual(list((self.environment.site / "_envlock").glob("*.tmp")), [])

    def test_killed_starts_leave_nothing_that_lasts(self) -> None:
        self.install("exit")
        began = time.monotonic()
        self.assertRuns()
        one = time.monotonic() - began
        for number in range(12):
            self.environment.add("ham", "2.0")
            child = subprocess.Popen(
                [str(self.environment.python), "-c", ""], stderr=subprocess.DEVNULL
            )
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
        self.assertEqual(
            {path.name: path.read_bytes() for path in folder.glob("30800f0*")}, other
        )
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
                done = self.started(command)
                self.assertEqual(
                    (done.stderr, done.stdout, done.returncode),
                    (stopped(self.failure), "", CODE),
                )
            self.assertEqual(tree(folder), before)
            words = [
                "-e",
                self.environment.python,
                "site-install",
                "-b",
                self.bound,
                "warn",
            ]
            done = support.run(
                [*support.POWERLESS, sys.executable, support.ENVLOCK, *words]
            )
            self.assertRegex(
                done.stderr,
                r"envlock: error: .*: cannot be written \(Permission denied\)\n\Z",
            )
            self.assertEqual(
                (done.stdout, done.returncode, tree(folder)), ("", 2, before)
            )
            for mode in (0o555, 0o755):
                self.environment.site.chmod(mode)
                done = support.run(
                    [
                        *support.POWERLESS,
                        sys.executable,
                        support.ENVLOCK,
                        *words[:2],
                        "site-uninstall",
                    ]
                )
                self.assertRegex(
                    done.stderr,
                    r"envlock: error: .*: cannot be removed \(Permission denied\)\n\Z",
                )
                self.assertEqual(
                    (done.stdout, done.returncode, tree(folder)), ("", 2, before)
                )
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
                done = support.run(
                    [*support.POWERLESS, self.environment.python, "-c", "print('ran')"]
                )
                self.assertEqual(
                    (done.stdout, done.returncode),
                    ("ran\n", 0) if number else ("", CODE),
                    done.stderr,
                )
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
            done = self.started(command)
            self.assertEqual(
                (done.stderr, done.stdout, done.returncode),
                (stopped(self.failure), "", CODE),
            )
        self.assertEqual(tree(self.environment.site / "_envlock"), before)

    def test_a_full_disk(self) -> None:
        folder = self.environment.site / "_envlock"
        folder.mkdir()
        size = (support.ENVLOCK.stat().st_size * 4 >> 12) + 100
        if support.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size * 4096}", "tmpfs", folder]
        ).returncode:
            self.skipTest("needs root, to mount a small file system")
        try:
            self.fill(folder / "0000000")
            done = support.envlock(
                "-e", self.environment.python, "site-install", "-b", self.bound, "exit"
            )
            self.assertRegex(
                done.stderr,
                r"envlock: error: .*: cannot be written \(No space left on device\)\n\Z",
            )
            self.assertEqual(
                (done.returncode, os.listdir(str(folder))), (2, ["0000000"])
            )
            (folder / "0000000").unlink()
            self.install("exit")
            (folder / f"{sys.implementation.hexversion:x}.state0").unlink() if list(
                folder.glob("*.state0")
            ) else None
            self.fill(folder / "0000000")
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
        for mode, codes in (("exit", {0, CODE}), ("warn", {0})):
            self.install(mode)
            for number in range(10):
                pipe = subprocess.PIPE
                child = subprocess.Popen(
                    [str(self.environment.python), "-c", ""],
                    stdout=pipe,
                    stderr=pipe,
                    env=support.CLEAN,
                )
                time.sleep(0.002 * number)
                self.environment.site.rename(kept)
                errors = child.communicate()[1]
                kept.rename(self.environment.site)
                self.assertNotIn(b"Traceback", errors)
                self.assertLessEqual(errors.count(b"\n"), 3)
                self.assertIn(child.returncode, codes, errors)

    def test_nobody_is_ended_for_a_guard_that_was_removed(self) -> None:
        # What the start-up line runs takes the guard away, as an uninstall at the same time might.
        gone = (
            "import shutil; os.unlink(fullname); shutil.rmtree(sitedir + '/_envlock')"
        )
        for code in (gone, f"{gone}; 1 / 0"):
            self.install("exit")
            path = (
                self.environment.site
                / "_envlock"
                / f"{sys.implementation.hexversion:x}"
            )
            path.write_bytes(marshal.dumps(compile(code, "x", "exec")))
            self.environment.add("ham", "2.0")
            self.assertRuns()
            names = sorted(os.listdir(self.environment.site))
            self.assertEqual(names, ["ham-2.0.dist-info", "six-1.0.dist-info"])
            self.environment.remove("ham")


if __name__ == "__main__":
    unittest.main()
