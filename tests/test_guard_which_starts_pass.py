"""The room Guard: which starts pass."""

from __future__ import annotations

import shutil
import sys
import unittest

import envlock
from tests import support
from tests.support import CODE, GuardTestCase, stopped


class PassTest(GuardTestCase):
    @unittest.skipIf(sys.implementation.name == "pypy", "asks for /proc itself")
    def test_where_there_is_no_proc_ps_tells_who_asks(self) -> None:
        self.install("exit")
        self.environment.add("ham", "2.0")
        answers = (
            '[ "$4" = "$ASKER" ] && echo /h/bin/poetry install || echo python -c pass'
        )
        self.write("ps", f"#!/bin/sh\n{answers}\n").chmod(0o755)
        mounts = 'mount --bind "$PS" /bin/ps && mount -t tmpfs none /proc'
        hidden = [
            "unshare",
            "-rm",
            "sh",
            "-c",
            f'{mounts} && ASKER=$$ "$@"; exit $?',
            "sh",
        ]
        words = {"PS": str(self.folder / "ps")}
        if (
            shutil.which("unshare") is None
            or support.run([*hidden, shutil.which("true")], env=words).returncode
        ):
            self.skipTest("needs Linux, and the right to hide /proc")
        for there, expected in (
            (words["PS"], ("", "ran\n", 0)),
            ("/dev/null", (stopped(self.failure), "", CODE)),
        ):
            command = [*hidden, self.environment.python, "-c", "print('ran')"]
            done = self.started(command, env={"PS": there})
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
            envlock.python_command(["python", *command.split()]), parent.split(), False
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
                self.allowed(
                    command, "/usr/bin/python3 /usr/bin/py3compile -p python3-six"
                ),
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
            "from multiprocessing.semaphore_tracker import main;main(4)",
            "from multiprocess.spawn import spawn_main; spawn_main(tracker_fd=5)",
            "from billiard.forkserver import main; main(6, 7, ['__main__'], **{})",
            "from loky.backend.resource_tracker import main; main(4, False)",
            "from joblib.externals.loky.backend.resource_tracker import main; main(4, False)",
            "from joblib.externals.loky.backend.popen_loky_win32 import main; main(pipe_handle=4)",
        ):
            self.assertTrue(
                envlock.is_worker(envlock.python_command(["python", "-c", code])), code
            )
            self.assertTrue(
                envlock.is_worker(
                    envlock.python_command(["python", "-c", *code.split()])
                ),
                code,
            )
        for code in (
            "from multiprocessing import Pool",
            "print(1) # from multiprocessing.spawn import spawn_main;",
            "from multiprocessing.spawn import main; main()",
            "from multiprocessing.forkserver import spawn_main; spawn_main()",
            "from another.spawn import spawn_main; spawn_main()",
            "from loky.backend import resource_tracker; resource_tracker.main()",
            "from multiprocessing.spawn import spawn_main; spawn_main(); more()",
            "from multiprocessing.spawn import spawn_main; spawn_main(lambda: 1)",
        ):
            self.assertFalse(
                envlock.is_worker(envlock.python_command(["python", "-c", code])), code
            )


class WorkerTest(unittest.TestCase):
    """Children of multiprocessing and its like, matched whole."""

    def is_worker(self, *words: str) -> bool:
        return envlock.is_worker(envlock.python_command(["python", *words]))

    def test_those_of_packages_like_multiprocessing(self) -> None:
        loky = "joblib.externals.loky.backend"
        for code in (
            "from multiprocess.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)",
            "from billiard.semaphore_tracker import main;main(4)",
            "from billiard.forkserver import main; main(5, 6, ['__main__'], **{'sys_path': ['']})",
            f"from {loky}.resource_tracker import main; main(4, False)",
            "import sys; from multiprocessing.forkserver import main; main(sys_argv=sys.argv[1:])",
        ):
            self.assertTrue(self.is_worker("-c", code), code)
        words = [
            "-m",
            f"{loky}.popen_loky_posix",
            "--process-name",
            "Loky-1",
            "--pipe",
            "9",
        ]
        self.assertTrue(self.is_worker(*words))

    def test_code_that_does_more_is_none(self) -> None:
        start = "from multiprocessing.spawn import spawn_main; "
        for code in (
            f"{start}import app",
            f"{start}print(1)",
            f"{start}spawn_main(exec('1'))",
            f"{start}(lambda: 1)()",
            f"{start}spawn_main(",
            "from multiprocessing.pool import main; main()",
            "import multiprocessing.spawn",
        ):
            self.assertFalse(self.is_worker("-c", code), code)
        self.assertFalse(
            self.is_worker("-m", "joblib.externals.loky.backend.popen_loky_posix")
        )
        self.assertFalse(
            self.is_worker("-m", "app", "--process-name", "Loky-1", "--pipe", "9")
        )


class PdmTest(unittest.TestCase):
    def passes(self, parent: str, isolated: bool = False) -> bool:
        command = envlock.python_command(["python", "-c", "pass"])
        return envlock.is_repair(command, parent.split(), isolated)

    def test_its_own_commands_repair(self) -> None:
        for parent in (
            "pdm sync",
            "python /h/bin/pdm -v install",
            "pdm -c pdm.toml lock",
            "pdm",
        ):
            self.assertTrue(self.passes(parent), parent)
        self.assertTrue(self.passes("pdm run start", isolated=True))

    def test_a_shortcut_runs_the_code_of_the_user(self) -> None:
        for parent in (
            "pdm start",
            "pdm -v start sync",
            "python -m pdm start",
            "pdm -c x start",
        ):
            self.assertFalse(self.passes(parent), parent)


if __name__ == "__main__":
    unittest.main()
