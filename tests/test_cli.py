"""Command line: what a user types, in processes of its own, against real environments."""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

import envlock
from tests.support import (
    CLEAN,
    DATA,
    ENVLOCK,
    NO_TOML,
    Environment,
    TestCase,
    add_record,
    allow_interrupt,
    on_terminal,
    run,
)
from tests.support import envlock as run_envlock


class OneLock(socketserver.StreamRequestHandler):
    """Answers with a lock."""

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n# \xc3\xa9\nsix==1.17.0\n")


class ValidateTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.environment.add("six", "1.16.0")
        self.lock = self.write("requirements.lock", "six==1.16.0\n")
        self.drifted = self.write("drifted.lock", "six==1.17.0\n")

    def test_an_aligned_environment_prints_nothing(self) -> None:
        done = self.environment.validate("--bound", self.lock)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_the_environment_that_runs_envlock_needs_no_exe(self) -> None:
        done = run([self.environment.python, ENVLOCK, "validate", "--bound", self.lock])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        rows = run([self.environment.python, ENVLOCK, "validate", "--bound", self.drifted, "json"])
        self.assertEqual(json.loads(rows.stdout)[0]["executable"], str(self.environment.python))
        self.assertEqual(rows.stdout, self.environment.validate("--bound", self.drifted, "json").stdout)

    def test_a_drifted_one_prints_a_table_and_exits_3(self) -> None:
        done = self.environment.validate("--bound", self.drifted)
        site = self.environment.site
        table = "Package     Dependency   Explain     Sites\n" + f"six-1.16.0  six==1.17.0  Misdefined  {site}\n"
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, table, ""))

    def test_a_piped_table_is_never_cut_or_coloured(self) -> None:
        self.write("long.lock", f"six==1.{'1' * 300}\n")
        done = self.environment.validate("--bound", self.folder / "long.lock", env={"COLUMNS": "20"})
        self.assertIn("1" * 300, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_a_start_in_an_activated_shell_is_found_on_path(self) -> None:
        path = os.pathsep.join((str(self.environment.python.parent), CLEAN["PATH"]))
        env = {"PATH": path, "VIRTUAL_ENV": str(self.environment.path)}
        done = run([sys.executable, ENVLOCK, "-e", "python3", "validate", "-b", self.drifted, "json"], env=env)
        executable = json.loads(done.stdout)[0]["executable"]
        self.assertEqual(Path(executable).parent, self.environment.python.parent)

    def test_options_may_stand_before_and_after_the_command(self) -> None:
        other = Environment(self.folder / "other")
        done = run_envlock("-e", self.environment.path, "validate", "-e", other.path, "--bound", self.drifted)
        self.assertEqual(done.returncode, 3, done.stderr)
        blocks = done.stdout.split(f"{other.python}\n")
        self.assertTrue(blocks[0].startswith(f"{self.environment.python}\nPackage"), done.stdout)
        self.assertIn("six==1.17.0  Missing", blocks[1])

    def test_several_bounds_are_joined(self) -> None:
        more = self.write("more.txt", "idna==3.7\n")
        for arguments in (("--bound", self.lock, more), ("-b", self.lock, "-b", more)):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.environment.findings(*arguments), [(None, "idna==3.7", "Missing")])

    def test_standard_input_is_a_bound_for_every_environment(self) -> None:
        arguments = ("-e", self.environment.path, "-e", self.environment.path, "validate", "--bound", "-", "json")
        for words in (arguments, (*arguments[:-1], "-b", "-", "json")):  # or twice
            done = run_envlock(*words, input="six==1.17.0\n")
            self.assertEqual([row["explain"] for row in json.loads(done.stdout)], ["Misdefined"] * 2)

    def test_a_url_is_a_bound_for_every_environment(self) -> None:
        arguments = ("-e", self.environment.path, "-e", self.environment.path, "validate")
        with socketserver.TCPServer(("127.0.0.1", 0), OneLock) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            url = f"http://127.0.0.1:{server.server_address[1]}/r.txt"
            env = {"no_proxy": "*"}
            done = run_envlock(*arguments, "--bound", url.replace("//", "//me:pass@") + "?key=1", "json", env=env)
            thread.join()
        rows = [(row["explain"], row["file"], row["line"]) for row in json.loads(done.stdout)]
        self.assertEqual((rows, done.stderr, done.returncode), ([("Misdefined", url, 2)] * 2, "", 3))
        self.assertRefused(run_envlock("validate", "-b", url, env=env), f"{url}: cannot be read (Connection refused)")

    def test_ignored_names_may_be_joined_by_commas(self) -> None:
        self.environment.add("idna", "3.7")
        done = self.environment.validate("--bound", self.drifted, "--ignore", "SIX, idna")
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_output_decides_the_form(self) -> None:
        done = self.environment.validate("--bound", self.drifted, "exit", "--code", "42")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (42, "", ""))
        done = self.environment.validate("--bound", self.lock, "exit", "--code", "42")
        self.assertEqual(done.returncode, 0)
        done = self.environment.validate("--bound", self.drifted, "display", "--code", "4")
        self.assertEqual(done.returncode, 4)
        self.assertEqual(self.environment.validate("--bound", self.lock, "json").stdout, "[]\n")
        report = self.folder / "report.csv"
        done = self.environment.validate("--bound", self.drifted, "write", "-o", report, "-d", "|")
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        expected = f"Package|Dependency|Explain|Sites\nsix-1.16.0|six==1.17.0|Misdefined|{self.environment.site}\n"
        self.assertEqual(report.read_text(encoding="utf-8"), expected)

    def test_annotations_name_the_line_of_a_lock(self) -> None:
        text = "-c c.txt\nidna==3.7\n-r drifted.lock\n"
        self.write("all.txt", text)
        self.write("c.txt", "")
        arguments = ("--bound", "all.txt", "github", "--code", "4")
        done = self.environment.validate(*arguments, cwd=self.folder, env={"GITHUB_WORKSPACE": str(self.folder)})
        python = self.environment.python
        expected = (
            "::error file=drifted.lock,line=1,title=envlock%3A Misdefined"
            f"::six==1.17.0: version 1.16.0 is installed ({python})\n"
            f"::error file=all.txt,line=2,title=envlock%3A Missing::idna==3.7: not installed ({python})\n"
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (4, expected, ""))
        done = self.environment.validate("--bound", self.lock, "github")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_json_names_the_line_of_a_lock(self) -> None:
        self.write("Pipfile.lock", '{"_meta": {"pipfile-spec": 6},\n"default":\n{"idna": {"version": "==3.7"}}}\n')
        done = self.environment.validate("--bound", "Pipfile.lock", "--superset", "json", cwd=self.folder)
        self.assertEqual([(row["file"], row["line"]) for row in json.loads(done.stdout)], [("Pipfile.lock", 3)])
        done = self.environment.validate("--bound", "-", "--superset", "json", input="\nidna==3.7\n")
        self.assertEqual([(row["file"], row["line"]) for row in json.loads(done.stdout)], [("<stdin>", 2)])

    def test_colour_is_asked_for_in_the_usual_ways(self) -> None:
        def colored(*options: str, **env: str) -> bool:
            done = run_envlock(*options, "-e", self.environment.path, "validate", "--bound", self.drifted, env=env)
            return "\033[33mMisdefined\033[0m" in done.stdout

        self.assertTrue(colored("--color", "always", NO_COLOR="1"))
        self.assertTrue(colored(FORCE_COLOR="1"))
        self.assertFalse(colored(FORCE_COLOR="1", NO_COLOR="1"))
        self.assertFalse(colored("--color", "never", FORCE_COLOR="1"))

    def test_the_user_site_counts_on_request(self) -> None:
        environment = Environment(self.folder / "venv", "--system-site-packages")
        home = {"PYTHONUSERBASE": str(self.folder / "home"), "PYTHONNOUSERSITE": "1"}
        code = "import site; print(site.getusersitepackages())"
        user = run([environment.python, "-c", code], env=home).stdout.strip()
        os.makedirs(os.path.join(user, "userpkg-1.0.dist-info"))
        for options, expected in (((), False), (("--user-site",), True)):
            words = (*options, "validate", "-b", self.lock)
            for command in ([sys.executable, ENVLOCK, "-e", environment.python], [environment.python, ENVLOCK]):
                done = run([*command, *words], env=home)
                self.assertEqual("userpkg-1.0" in done.stdout, expected, done.stdout + done.stderr)


class StartUpFilesTest(TestCase):
    def test_noise_and_failures_at_start_do_not_disturb(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        for line in ("print('noise')", "raise SystemExit(5)", "1/0", "os._exit(9)"):
            with self.subTest(line=line):
                (self.environment.site / "noise.pth").write_text(f"import os; {line}\n", encoding="utf-8")
                done = self.environment.validate("--bound", lock)
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class UsageTest(TestCase):
    def test_wrong_usage_is_one_line(self) -> None:
        for arguments, message in (
            ((), "the following arguments are required: COMMAND (see: envlock --help)"),
            (("validate",), "the following arguments are required: -b/--bound (see: envlock validate --help)"),
            (
                ("validate", "-b", "x", "exit", "--code", "0"),
                "argument --code: invalid exit status from 1 to 255 value: '0' (see: envlock validate exit --help)",
            ),
            (
                ("validate", "-b", "x", "write", "-o", "y", "-d", ""),
                "argument -d/--delimiter: invalid single character value: '' (see: envlock validate write --help)",
            ),
            (("validate", "-b", "x", "--code", "4"), "unrecognized arguments: --code 4 (see: envlock --help)"),
            (
                ("validate", "-b", "x", "-q", "display", "jsn"),
                "unrecognized arguments: jsn (see: envlock --help)",
            ),
            (("validate", "-b", "x", "--colour"), "unrecognized arguments: --colour (see: envlock --help)"),
            (
                ("-e", "no-such-python", "validate", "-b", "x"),
                "no-such-python: no such folder, and no such interpreter on PATH",
            ),
        ):
            with self.subTest(arguments=arguments):
                self.assertRefused(run_envlock(*arguments), message)

    def test_all_choices_are_named(self) -> None:
        commands, outputs = "validate.*site-install.*site-uninstall.*site-status", "display.*json.*github.*write.*exit"
        for arguments, choices in (
            (("site-statu",), commands),
            (("-e", "validate", "site-statu"), commands),
            (("validate", "--ignore", "json", "-b", "x", "-q", "displya"), outputs),
        ):
            message = (
                rf"\Aenvlock: error: argument [A-Z]+: invalid choice: '{arguments[-1]}'.* \(choose from .*{choices}"
            )
            self.assertRegex(run_envlock(*arguments).stderr, message)

    def test_a_report_that_cannot_be_written_is_said(self) -> None:
        lock = self.write("requirements.lock", "six==1.16.0\n")
        path = self.folder / "absent" / "report.csv"
        self.assertRefused(
            self.environment.validate("-b", lock, "write", "-o", path), f"{path}: No such file or directory"
        )

    @unittest.skipIf(os.name == "nt", "no symbolic links")
    def test_a_report_is_written_through_a_link(self) -> None:
        lock = self.write("requirements.lock", "six==1.16.0\n")
        path, link = self.write("report.csv", ""), self.folder / "link.csv"
        link.symlink_to(path)
        self.assertEqual(self.environment.validate("-b", lock, "write", "-o", link).returncode, 3)
        self.assertTrue(link.is_symlink())
        self.assertIn("six==1.16.0", path.read_text(encoding="utf-8"))
        path.unlink()
        self.assertEqual(self.environment.validate("-b", lock, "write", "-o", link).returncode, 3)
        self.assertTrue(link.is_symlink())
        self.assertIn("six==1.16.0", path.read_text(encoding="utf-8"))
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.csv*")), ["link.csv", "report.csv"])

    def test_version_and_help(self) -> None:
        self.assertEqual(run_envlock("--version").stdout, f"envlock {envlock.__version__}\n")
        for arguments in (("--help",), ("validate", "--help")):
            done = run_envlock(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for part in ("usage: envlock", "examples:", "exit status:"):
                self.assertIn(part, done.stdout)

    def test_no_traceback_is_ever_seen_for_a_bad_bound(self) -> None:
        files = [path for path in DATA.glob("**/invalid/*") if path.suffix != ".err" and path.is_file()]
        self.assertGreater(len(files), 20)
        for path in files:
            with self.subTest(path=path.name):
                arguments = ("validate", "--bound", path.name, "--all-extras", "--all-groups")
                done = run_envlock(*arguments, cwd=path.parent)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, r"\Aenvlock: error: \S.*\n\Z")


class StreamsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(1000):
            (self.environment.site / f"package_{number}-1.0.dist-info").mkdir()
        self.lock = self.write("requirements.lock", "")
        self.command = [
            sys.executable,
            str(ENVLOCK),
            "-e",
            str(self.environment.python),
            "validate",
            "-b",
            str(self.lock),
        ]

    def test_a_closed_pipe_ends_quietly(self) -> None:
        child = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN)
        assert child.stdout and child.stderr
        child.stdout.read(10)
        child.stdout.close()
        self.assertEqual(child.stderr.read(), b"")
        child.stderr.close()
        self.assertEqual(child.wait(), 3)

    @unittest.skipIf(os.name == "nt", "no shell")
    def test_a_missing_standard_output_is_no_error(self) -> None:
        done = run(["sh", "-c", 'exec "$@" >&-', "sh", *self.command])
        self.assertEqual((done.returncode, done.stderr), (3, ""))

    def test_from_standard_input_it_can_ask_no_other_interpreter(self) -> None:
        arguments = ["-e", str(self.environment.python), "validate", "-b", str(self.lock)]
        with open(ENVLOCK, "rb") as source:
            self.assertRefused(run([sys.executable, "-", *arguments], stdin=source), "-e needs envlock as a file")

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_is_said(self) -> None:
        with open("/dev/full", "wb") as full:
            done = run(self.command, stdout=full)
        self.assertEqual(done.stderr, "envlock: error: standard output: No space left on device\n")
        self.assertEqual(done.returncode, 2)

    @unittest.skipIf(os.name == "nt", "no such pipes")
    def test_a_standard_input_that_does_not_wait_is_told(self) -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.write(writing, b"six\n")
        with open(reading, "rb") as stream, open(writing, "wb"):
            done = run([sys.executable, ENVLOCK, "validate", "-b", "-"], stdin=stream)
        message = "envlock: error: <stdin>: cannot be read ([Errno 11] Resource temporarily unavailable)\n"
        self.assertEqual((done.stderr, done.stdout, done.returncode), (message, "", 2))

    @unittest.skipIf(os.name == "nt", "no named pipes")
    def test_a_bound_from_a_pipe_is_one_for_every_environment(self) -> None:
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        other = Environment(self.folder / "other")
        command = [sys.executable, ENVLOCK, "-e", self.environment.python, "-e", other.python, "validate", "-b", pipe]
        with subprocess.Popen([*map(str, command), "json"], stdout=subprocess.PIPE, env=CLEAN) as child:
            pipe.write_text("six==1.16.0\n", encoding="utf-8")
            assert child.stdout
            self.assertEqual(child.stdout.read().count(b"Missing"), 2)

    def test_help_ends_quietly_with_a_closed_pipe_and_says_a_full_disk(self) -> None:
        for words in ("--help", "--version", "validate --help"):
            command = [sys.executable, ENVLOCK, *words.split()]
            for env in ({}, {"PYTHONUNBUFFERED": "1"}):
                reading, writing = os.pipe()
                os.close(reading)
                with open(writing, "wb") as closed:
                    done = run(command, stdout=closed, env=env)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                if os.path.exists("/dev/full"):
                    with open("/dev/full", "wb") as full:
                        done = run(command, stdout=full, env=env)
                    self.assertEqual(done.stderr, "envlock: error: standard output: No space left on device\n")
                    self.assertEqual(done.returncode, 2)

    @unittest.skipIf(os.name == "nt", "the working directory can't go")
    def test_without_a_working_directory(self) -> None:
        gone = self.folder / "gone"
        gone.mkdir()
        done = run(["sh", "-c", 'rmdir "$PWD" && exec "$@" github', "sh", *self.command], cwd=gone)
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertIn(f"::error file={self.lock},line=1", done.stdout)

    @unittest.skipIf(os.name == "nt", "no such names")
    def test_a_heading_cannot_be_forged(self) -> None:
        other = Environment(self.folder / "new\nline")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        done = run_envlock("-e", other.path, "-e", self.environment.path, "validate", "-b", lock)
        self.assertIn("new\\nline", done.stdout)
        self.assertNotIn("new\nline", done.stdout)

    def test_text_that_the_stream_cannot_show_is_escaped(self) -> None:
        self.write("requirements.lock", "six @ file:///caf\u00e9/six-1.0.tar.gz\n")
        done = run(self.command, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
        self.assertIn("caf\\xe9", done.stdout)
        self.assertEqual((done.returncode, done.stderr), (3, ""))

    @unittest.skipIf(os.name == "nt", "no signals")
    def test_control_c_exits_130_quietly_and_at_once(self) -> None:
        slow = self.write("slow", "#!/bin/sh\nsleep 60\n")
        slow.chmod(0o755)
        command = [sys.executable, ENVLOCK, "-e", slow, "-e", slow, "validate", "-b", self.lock]
        child = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=CLEAN,
            preexec_fn=allow_interrupt,
        )
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=10)
        self.assertEqual((child.returncode, output, errors), (130, b"", b""))


EDITABLE = {"url": "file:///src/six", "dir_info": {"editable": True}}


@unittest.skipIf(os.name == "nt", "no terminals")
class RepairTest(TestCase):
    """What a table on a terminal says would align the environment; each command was tried with its tool."""

    def setUp(self) -> None:
        super().setUp()
        self.python = self.environment.python
        self.environment.add("pip", "24.0")
        self.requirements = self.write("requirements.txt", "six==1.16.0\n")

    def said(self, *arguments: object, python: object = "", **env: str) -> list[str]:
        """The commands, in a working directory with the bound."""
        env = {"PATH": str(self.folder), **env}
        words = ("-e", python or self.python, "validate", *arguments)
        shown = on_terminal(*words, env=env, cwd=self.folder)
        self.assertRegex(shown, r"\A(envlock: .*\n)*Package .*\n(.*  .*\n)*(To align: .*\n)*\Z")
        return [line[10:] for line in shown.splitlines() if line.startswith("To align: ")]

    def tool(self, name: str) -> None:
        """A command on PATH."""
        self.write(name, "").chmod(0o755)

    def locked(self, fixture: str) -> None:
        """The files of a project that a tool has locked."""
        for path in (DATA / fixture).iterdir():
            if path.is_file():
                self.write(path.name, path.read_text(encoding="utf-8"))

    def test_lines_follow_the_table(self) -> None:
        self.environment.add("idna", "3.7")
        shown = on_terminal("-e", self.python, "validate", "-b", "requirements.txt", cwd=self.folder)
        site = self.environment.site
        self.assertEqual(
            shown,
            "Package   Dependency   Explain     Sites\n"
            f"idna-3.7               Unrequired  {site}\n"
            "          six==1.16.0  Missing\n"
            f"To align: {self.python} -m pip uninstall -y idna\n"
            f"To align: {self.python} -m pip install -r requirements.txt\n",
        )

    def test_nothing_is_said_elsewhere(self) -> None:
        done = self.environment.validate("-b", self.requirements)
        self.assertEqual((done.stderr, done.stdout.count("\n")), ("", 2))
        for words in (("-q", "validate", "-b", self.requirements), ("validate", "-b", self.requirements, "json")):
            self.assertNotIn("To align", on_terminal("-e", self.python, *words))

    def test_site_install_says_it_too(self) -> None:
        shown = on_terminal("-e", self.python, "site-install", "-b", "requirements.txt", cwd=self.folder)
        self.assertIn(f"\nTo align: {self.python} -m pip install -r requirements.txt\n", shown)

    def test_what_is_installed_from_elsewhere_is_uninstalled_first(self) -> None:
        self.environment.add("six", "1.16.0", EDITABLE)
        pip = f"{self.python} -m pip"
        commands = [f"{pip} uninstall -y six", f"{pip} install -r requirements.txt"]
        self.assertEqual(self.said("-b", "requirements.txt"), commands)
        self.environment.remove("six")
        self.environment.add("six", "1.15.0")
        self.assertEqual(self.said("-b", "requirements.txt"), commands[1:])

    def test_what_a_required_package_needs_stays(self) -> None:
        self.environment.add("six", "1.16.0", requires=["Needed>1", "extra-one; extra == 'x'"])
        self.environment.add("needed", "1.0", requires=["deeper[x] (>=1) ; python_version > '3'"])
        self.environment.add("deeper", "1.0", requires=["extra-two ; extra=='x'"])
        for name in ("extra-one", "extra-two"):
            self.environment.add(name, "1.0")
        command = f"{self.python} -m pip uninstall -y "
        self.assertEqual(self.said("-b", "requirements.txt"), [command + "extra-one"])
        self.write("requirements.txt", "six[x]==1.16.0\n")
        self.assertEqual(self.said("-b", "requirements.txt"), [])

    def test_the_nearest_pip_is_named(self) -> None:
        install = "install -r requirements.txt"
        self.assertEqual(self.said("-b", "requirements.txt"), [f"{self.python} -m pip {install}"])
        self.environment.remove("pip")
        self.assertEqual(self.said("-b", "requirements.txt"), [f"pip --python={self.python} {install}"])
        self.tool("uv")
        self.assertEqual(self.said("-b", "requirements.txt"), [f"UV_PYTHON={self.python} uv pip {install}"])

    def test_files_may_be_several_and_have_blanks(self) -> None:
        self.write("sub dir/more.txt", "idna==3.7\n")
        command = f"{self.python} -m pip install -r requirements.txt -r 'sub dir/more.txt'"
        self.assertEqual(self.said("-b", "requirements.txt", "sub dir/more.txt"), [command])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_project_or_a_script_has_what_differs_installed(self) -> None:
        self.write(
            "pyproject.toml", '[project]\ndependencies = ["six<2,>=1", "idna[x] @ https://host.example/i.zip"]\n'
        )
        self.write("tool.py", '# /// script\n# dependencies = ["six<2,>=1"]\n# ///\n')
        command = f"{self.python} -m pip install 'six<2,>=1'"
        self.assertEqual(self.said("-b", "tool.py"), [command])
        more = f"{self.python} -m pip install 'idna[x] @ https://host.example/i.zip' 'six<2,>=1'"
        self.assertEqual(self.said("-b", "pyproject.toml"), [more])
        self.write("pyproject.toml", '[tool.poetry.dependencies]\nsix = "^1"\n')
        self.assertEqual(self.said("-b", "pyproject.toml"), [])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_tool_has_its_own_words_for_a_selection(self) -> None:
        prefix = self.environment.path
        for fixture, options, command in (
            ("uv/uv-groups", "", "UV_PROJECT_ENVIRONMENT={} uv sync"),
            ("uv/uv-groups", "--superset", "UV_PROJECT_ENVIRONMENT={} uv sync --inexact"),
            (
                "uv/uv-groups",
                "--group docs --group lint --all-extras",
                "UV_PROJECT_ENVIRONMENT={} uv sync --all-extras --group=docs --group=lint",
            ),
            ("uv/uv-groups", "--bound-options docs", "UV_PROJECT_ENVIRONMENT={} uv sync --group=docs"),
            ("uv/uv-extras", "--bound-options one two", "UV_PROJECT_ENVIRONMENT={} uv sync --extra=one --extra=two"),
            ("uv/uv-groups", "--no-default-groups", "UV_PROJECT_ENVIRONMENT={} uv sync --no-default-groups"),
            ("poetry/poetry2-po-extras", "--extra both", "VIRTUAL_ENV={} poetry sync --extras=both"),
            ("poetry/poetry2-po-standard", "--group docs", "VIRTUAL_ENV={} poetry sync --with=docs"),
            ("poetry/poetry2-po-standard", "--no-group test", "VIRTUAL_ENV={} poetry sync --without=test"),
            ("poetry/poetry2-po-basic", "--superset", "VIRTUAL_ENV={} poetry install"),
            (
                "poetry/poetry2-po-standard",
                "--group docs --no-group test",
                "VIRTUAL_ENV={} poetry sync --with=docs --without=test",
            ),
            ("pdm/pdm-pdm-groups", "", "PDM_PYTHON={}/bin/python pdm sync --clean-unselected"),
            ("pdm/pdm-pdm-groups", "--superset --group test", "PDM_PYTHON={}/bin/python pdm sync -Gtest"),
            ("pdm/pdm-pdm-groups", "--all-groups", "PDM_PYTHON={}/bin/python pdm sync --clean-unselected -G:all"),
            ("pylock/uv-export-pl-uv", "", "uv pip sync --python={}/bin/python pylock.toml"),
            ("pylock/uv-export-pl-uv", "--superset", "uv pip install --python={}/bin/python -r pylock.toml"),
        ):
            with self.subTest(fixture=fixture, options=options):
                self.locked(fixture)
                bound = {"pylock": "pylock.toml"}.get(fixture.split("/")[0], fixture.split("/")[0] + ".lock")
                self.assertEqual(self.said("-b", bound, *options.split()), [command.format(prefix)])

    def test_pipenv_installs_and_pip_uninstalls(self) -> None:
        self.locked("pipfile/pipenv-pe-basic")
        self.write("Pipfile", "")
        prefix = self.environment.path
        self.assertEqual(self.said("-b", "Pipfile.lock"), [f"VIRTUAL_ENV={prefix} pipenv sync"])
        self.environment.add("further", "1.0")
        commands = [
            f"{self.python} -m pip uninstall -y further",
            f"VIRTUAL_ENV={prefix} pipenv sync --categories=default,develop,docs",
        ]
        self.assertEqual(self.said("-b", "Pipfile.lock", "--group", "docs", "--group", "develop"), commands)
        os.mkdir(self.folder / "sub")
        for name in ("Pipfile", "Pipfile.lock"):
            os.rename(self.folder / name, self.folder / "sub" / name)
        self.environment.remove("further")
        command = f"PIPENV_PIPFILE=sub/Pipfile VIRTUAL_ENV={prefix} pipenv sync"
        self.assertEqual(self.said("-b", "sub/Pipfile.lock"), [command])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_an_environment_that_the_tool_takes_anyway_is_not_named(self) -> None:
        self.locked("poetry/poetry2-po-basic")
        prefix = str(self.environment.path)
        self.assertEqual(self.said("-b", "poetry.lock", VIRTUAL_ENV=prefix), ["poetry sync"])
        own = Environment(self.folder / ".venv")
        self.assertEqual(self.said("-b", "poetry.lock", python=own.python), ["poetry sync"])
        command = f"VIRTUAL_ENV={own.path} poetry sync"
        self.assertEqual(self.said("-b", "poetry.lock", python=own.python, VIRTUAL_ENV=prefix), [command])
        os.mkdir(self.folder / "sub dir")
        for name in ("pyproject.toml", "poetry.lock", ".venv"):
            os.rename(self.folder / name, self.folder / "sub dir" / name)
        python = self.folder / "sub dir" / ".venv" / "bin" / "python"
        command = "poetry sync --directory='sub dir'"
        self.assertEqual(self.said("-b", "sub dir/poetry.lock", python=python), [command])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_a_tool_that_passes_over_another_source_is_helped(self) -> None:
        self.environment.add("idna", "3.20", EDITABLE)
        for fixture, lock, helped in (("uv/uv-groups", "uv.lock", False), ("pdm/pdm-pdm-groups", "pdm.lock", True)):
            self.locked(fixture)
            version = re.search(r'name = "idna"\nversion = "([^"]+)"', (self.folder / lock).read_text(encoding="utf-8"))
            assert version
            self.environment.remove("idna")
            self.environment.add("idna", version[1], EDITABLE)
            commands = self.said("-b", lock)
            self.assertEqual(commands[:-1], [f"{self.python} -m pip uninstall -y idna"] * helped, lock)

    def test_changed_files_are_installed_once_more(self) -> None:
        for name, source in (("six", None), ("own", {"url": "file:///src/own", "dir_info": {}})):
            record = self.environment.add(name, "1.16.0", source)
            (record / "RECORD").write_text(f"{name}.py,sha256=AAAA,1\n", encoding="utf-8")
        self.environment.add("further", "1.0")
        command = f"{self.python} -m pip install --force-reinstall --no-deps six==1.16.0"
        self.write("requirements.txt", "six\nown\n")
        self.assertEqual(self.said("-b", "requirements.txt", "--superset", "--integrity"), [command])
        self.write("requirements.txt", "six==1.17.0\nown\n")  # which is another file
        command = f"{self.python} -m pip install -r requirements.txt"
        self.assertEqual(self.said("-b", "requirements.txt", "--superset", "--integrity"), [command])

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_where_no_command_would_do_none_is_named(self) -> None:
        self.write("stray.py", "")
        for name in ("uv", "poetry"):
            self.locked({"uv": "uv/uv-groups", "poetry": "poetry/poetry2-po-standard"}[name])
        self.write("alone/uv.lock", (self.folder / "uv.lock").read_text(encoding="utf-8"))
        for name in ("uv.lock", "pyproject.toml"):
            self.write(f"twin/{name}", (self.folder / name).read_text(encoding="utf-8"))
        self.write("prod.lock", (self.folder / "uv.lock").read_text(encoding="utf-8"))
        for bounds, options in (
            ("requirements.txt", "--ignore idna"),  # it might be touched
            ("requirements.txt uv.lock", ""),
            ("uv.lock poetry.lock", "--superset"),
            ("uv.lock twin/uv.lock", ""),
            ("alone/uv.lock", ""),  # no project beside it
            ("prod.lock", ""),
            ("poetry.lock", "--no-default-groups"),
        ):
            with self.subTest(bounds=bounds, options=options):
                self.assertEqual(self.said("-b", *bounds.split(), *options.split()), [])
        for version in ("1.15.0", "1.16.0"):
            self.environment.add("six", version)
        self.assertEqual(self.said("-b", "requirements.txt"), [])

    def test_what_lies_outside_of_the_environment_is_left_alone(self) -> None:
        self.environment.add("six", "1.16.0")
        outside = self.folder / "outside"
        add_record(outside, "further", "1.0")
        (self.environment.site / "outside.pth").write_text(f"{outside}\n", encoding="utf-8")
        self.assertEqual(self.said("-b", "requirements.txt"), [])


class LibraryTest(TestCase):
    def test_validate_returns_the_findings(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        drifted = self.write("drifted.lock", "six==1.17.0\n")
        self.assertEqual(envlock.validate(str(lock), exe=str(self.environment.path)), [])
        self.assertEqual(envlock.validate(lock, exe=self.environment.path), [])
        (finding,) = envlock.validate([str(lock), drifted], exe=str(self.environment.path))
        self.assertEqual((finding.explain, finding.dependency), ("Misdefined", "six==1.17.0"))
        self.assertEqual(finding.executable, str(self.environment.python))

    def test_main_returns_the_exit_status(self) -> None:
        lock = self.write("requirements.lock", "absent==1\n")
        self.assertEqual(envlock.main(["-e", str(self.environment.path), "validate", "-b", str(lock), "exit"]), 3)
