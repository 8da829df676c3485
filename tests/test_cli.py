"""Command line: what a user types, in processes of its own, against real environments."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import envlock
from tests.support import CLEAN, DATA, ENVLOCK, Environment, TestCase, allow_interrupt, run
from tests.support import envlock as run_envlock


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
        done = run_envlock(*arguments, input="six==1.17.0\n")
        self.assertEqual([row["explain"] for row in json.loads(done.stdout)], ["Misdefined"] * 2)

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
            done = run_envlock("-e", environment.python, *options, "validate", "-b", self.lock, env=home)
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
            (("validate", "-b", "x", "--colour"), "unrecognized arguments: --colour (see: envlock --help)"),
            (("-e", "no-such-python", "validate", "-b", "x"), "no-such-python: no such interpreter on PATH"),
        ):
            with self.subTest(arguments=arguments):
                self.assertRefused(run_envlock(*arguments), message)

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


class LibraryTest(TestCase):
    def test_validate_returns_the_findings(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        drifted = self.write("drifted.lock", "six==1.17.0\n")
        self.assertEqual(envlock.validate(str(lock), exe=str(self.environment.path)), [])
        (finding,) = envlock.validate([str(lock), str(drifted)], exe=str(self.environment.path))
        self.assertEqual((finding.explain, finding.dependency), ("Misdefined", "six==1.17.0"))
        self.assertEqual(finding.executable, str(self.environment.python))

    def test_main_returns_the_exit_status(self) -> None:
        lock = self.write("requirements.lock", "absent==1\n")
        self.assertEqual(envlock.main(["-e", str(self.environment.path), "validate", "-b", str(lock), "exit"]), 3)
