"""The room Guard: files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unittest

import envlock
from tests import support
from tests.support import GuardTestCase
from tests.test_integrity import IntegrityTest

REFUSAL = "a guard reads its bound at every start: it takes a file, no stream and nothing from the network"


class GuardFilesTest(GuardTestCase):
    copies_guards = False

    def test_refuses_a_bound_that_cannot_be_read_again(self) -> None:
        for bound in ("-", "https://index.example/r.txt", "/dev/null"):
            done = support.envlock(
                "-e", self.environment.python, "site-install", "--bound", bound
            )
            self.assertRefused(
                done, f"--bound {bound.replace('-', '<stdin>')}: {REFUSAL}"
            )
        done = support.envlock(
            "-e",
            self.environment.python,
            "site-install",
            "-b",
            "https://me:pass@h.example/r?key=1",
        )
        self.assertRefused(done, f"--bound https://h.example/r: {REFUSAL}")

    @unittest.skipUnless(hasattr(os, "mkfifo"), "needs named pipes")
    def test_a_named_pipe_is_no_bound(self) -> None:
        self.install("exit")
        self.assertRuns()
        self.bound.unlink()
        os.mkfifo(str(self.bound))
        said = f"--bound {self.bound}: {REFUSAL}"
        self.assertStopped(self.unusable(said))
        done = support.envlock(
            "-e", self.environment.python, "site-install", "--bound", self.bound
        )
        self.assertEqual(
            (done.stderr, done.returncode), (f"envlock: error: {said}\n", 2)
        )

    @unittest.skipIf(os.name == "nt", "has none either way")
    def test_several_installs_at_once(self) -> None:
        words = ["-q", "-e", self.environment.python, "site-install", "-b", self.bound]
        command = [sys.executable, support.ENVLOCK, *words]
        installs = [
            subprocess.Popen([*map(str, command), "exit"], env=support.CLEAN)
            for _ in range(3)
        ]
        self.assertEqual([install.wait() for install in installs], [0, 0, 0])
        self.assertRuns()
        names = {path.suffix for path in (self.environment.site / "_envlock").iterdir()}
        self.assertNotIn(".tmp", names)


class GuardSiteTest(support.TestCase):
    def test_apples_python_is_guarded_below_its_prefix(self) -> None:
        # Apple's Python processes /Library/Python/3.9/site-packages, too, which other Pythons share.
        prefix = self.folder / "Python3.framework" / "Versions" / "3.9"
        own, shared = (
            prefix / "lib" / "python3.9" / "site-packages",
            self.folder / "Library" / "site-packages",
        )
        shared.mkdir(parents=True)
        apple = envlock.this_interpreter()._replace(
            prefix=str(prefix), sites=(str(shared), str(own)), user=None
        )
        with self.assertRaisesRegex(
            envlock.GuardError,
            "there is no site-packages directory that a guard could stand",
        ):
            envlock.guard_site(apple)
        own.mkdir(parents=True)
        self.assertEqual(envlock.guard_site(apple), str(own))


class KnownFilesTest(IntegrityTest):
    def test_the_start_up_file_of_a_guard_is_known_by_its_bytes(self) -> None:
        for version in ((3, 8, 0), (3, 18, 0)):
            self.version = version
            for code in (0, 3, 255):
                for name, data in envlock.start_up_texts(
                    code, self.interpreter()
                ).items():
                    self.put(name, data)
                self.assertEqual(self.unrecorded(), [])
            self.put(name, data + b"#")
            self.assertEqual(
                self.unrecorded(), [f"{name} (not as this envlock writes it)"]
            )
            (self.site / name).unlink()

    def test_what_only_has_the_names_of_a_guard_is_reported(self) -> None:
        names = (
            "0-envlock.pth",
            "0-envlock.start",
            "_envlock/__init__.py",
            "_envlock/envlock.py",
            "_envlock/evil.so",
        )
        for name in (*names, "_envlock/more/deep.py"):
            self.put(name, b"import evil")
        for name in (
            "guard.json",
            "30d00f0",
            "30d00f0.state0",
            "envlock.py.17.tmp",
            "__pycache__/x.pyc",
        ):
            self.put(f"_envlock/{name}")
        expected = [
            f"{name} (not as this envlock writes it)"
            for name in (*names, "_envlock/more")
        ]
        self.assertEqual(self.unrecorded(), expected)

    def test_a_package_may_record_what_has_the_name_of_a_guard(self) -> None:
        self.install_files(
            "pkg", "1.0", {"0-envlock.pth": b"import pkg", "_envlock/pkg.py": b""}
        )
        self.assertEqual(self.unrecorded(), [])


if __name__ == "__main__":
    unittest.main()


class ConfigurationTest(unittest.TestCase):
    def test_a_field_of_another_type_is_refused(self) -> None:
        guard = envlock.GuardConfiguration.for_bounds(
            ["a.lock"], envlock.Selection(), envlock.Policy(ignore=frozenset({"b"}))
        )
        self.assertEqual(envlock.GuardConfiguration.from_json(guard.to_json()), guard)
        for table, key, value in (
            ("policy", "ignore", 1),
            ("policy", "subset", "yes"),
            ("selection", "extras", "web"),
            ("selection", "groups", [1]),
        ):
            plain = json.loads(guard.to_json())
            plain[table][key] = value
            with self.subTest(key), self.assertRaises(TypeError):
                envlock.GuardConfiguration.from_json(json.dumps(plain))
