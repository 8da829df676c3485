"""The room Processes."""

from __future__ import annotations

import ast
import os
import sys
import unittest

import envlock
from tests import support


class OtherSystemsTest(support.TestCase):
    """What this system may never execute: how others tell command lines."""

    def test_no_program_is_started_by_its_bare_name(self) -> None:
        # What lies in the working directory (Windows) or on PATH under that name must not be run.
        literals = [
            node.elts[0].value
            for node in ast.walk(ast.parse(support.ENVLOCK.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
            and getattr(node.func, "attr", "") in ("run", "Popen")
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
        self.assertEqual(
            done.stdout, str([sys.executable, "-c", *code.split()]) + "\n", done.stderr
        )

    def test_words_as_macos_keeps_them(self) -> None:
        count, path = (3).to_bytes(4, sys.byteorder), b"/usr/bin/python3\0\0\0\0\0"
        words = ["python3", "-c", "print('a b')"]
        data = (
            count
            + path
            + b"\0".join(word.encode() for word in words)
            + b"\0HOME=/Users/x\0\0"
        )
        self.assertEqual(envlock._split_process_arguments(data), words)
        without = (0).to_bytes(4, sys.byteorder) + path
        self.assertEqual(
            (
                envlock._split_process_arguments(without),
                envlock._split_process_arguments(b""),
            ),
            ([], []),
        )

    def test_a_folder_may_be_a_root(self) -> None:
        self.assertTrue(envlock.is_inside("/lib/site-packages", "/"))
        self.assertTrue(envlock.is_inside("/v/lib", "/v"))
        for path, folder in (
            ("/", "/"),
            ("/v", "/v"),
            ("/v/", "/v"),
            ("/venv", "/v"),
            ("/V/lib", "/v"),
        ):
            self.assertEqual(
                envlock.is_inside(path, folder),
                os.name == "nt" and path == "/V/lib",
                (path, folder),
            )


if __name__ == "__main__":
    unittest.main()
