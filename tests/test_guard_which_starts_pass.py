"""The room Guard: which starts pass."""

from __future__ import annotations

import ast
import os
import shutil
import sys
import unittest

import envlock
from tests import support
from tests.support import PASS, GuardTestCase


class PassTest(GuardTestCase):
    @unittest.skipIf(sys.implementation.name == "pypy", "asks for /proc itself")
    def test_where_there_is_no_proc_ps_tells_who_asks(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        answers = '[ "$4" = "$ASKER" ] && echo /h/bin/poetry install || echo python -c pass'
        self.write("ps", f"#!/bin/sh\n{answers}\n").chmod(0o755)
        mounts = 'mount --bind "$PS" /bin/ps && mount -t tmpfs none /proc'
        hidden = ["unshare", "-rm", "sh", "-c", f'{mounts} && ASKER=$$ "$@"; exit $?', "sh"]
        words = {"PS": str(self.folder / "ps")}
        if (
            shutil.which("unshare") is None
            or support.run([*hidden, shutil.which("true")], env=words).returncode
        ):
            self.skipTest("needs Linux, and the right to hide /proc")
        for there, expected in (
            (words["PS"], ("", "ran\n", 0)),
            ("/dev/null", (self.failure + PASS, "", 3)),
        ):
            command = [*hidden, self.environment.python, "-c", "print('ran')"]
            done = support.run(command, env={"PS": there})
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


class RepairTest(unittest.TestCase):
    """Which starts may go on in a drifted environment: judged by their command line and their parent's."""

    def allowed(self, command: str, parent: str = "sh") -> bool:
        return envlock.is_repair(
            envlock._python_command(["python", *command.split()]), parent.split()
        )

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
        for command in (
            "pipeline.py",
            "uvicorn",
            "-m pipeline",
            "pip.py",
            "-c pip",
            "-m pip.x",
            "",
            "-",
            "pip3.x",
        ):
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
            self.assertTrue(
                self.allowed(command, "/usr/bin/python3 /usr/bin/py3compile -p python3-six"),
                command,
            )
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
            self.assertTrue(
                envlock.is_worker(envlock._python_command(["python", "-c", code])), code
            )
            self.assertTrue(
                envlock.is_worker(envlock._python_command(["python", "-c", *code.split()])), code
            )
        for code in (
            "from multiprocessing import Pool",
            "print(1) # from multiprocessing.spawn import spawn_main;",
        ):
            self.assertFalse(
                envlock.is_worker(envlock._python_command(["python", "-c", code])), code
            )


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
        self.assertEqual(
            done.stdout, str([sys.executable, "-c", *code.split()]) + "\n", done.stderr
        )

    def test_words_as_macos_keeps_them(self) -> None:
        count, path = (3).to_bytes(4, sys.byteorder), b"/usr/bin/python3\0\0\0\0\0"
        words = ["python3", "-c", "print('a b')"]
        data = count + path + b"\0".join(word.encode() for word in words) + b"\0HOME=/Users/x\0\0"
        self.assertEqual(envlock._split_process_arguments(data), words)
        without = (0).to_bytes(4, sys.byteorder) + path
        self.assertEqual(
            (envlock._split_process_arguments(without), envlock._split_process_arguments(b"")),
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
