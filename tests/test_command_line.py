"""The room Command line: what a user types, in processes of its own, against real environments."""

from __future__ import annotations

import contextlib
import gc
import glob
import hashlib
import io
import json
import os
import socketserver
import sys
import threading
import unittest
from pathlib import Path

import envlock
from tests.support import (
    CLEAN,
    DATA,
    ENVLOCK,
    Environment,
    TestCase,
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
        rows = run(
            [
                self.environment.python,
                ENVLOCK,
                "validate",
                "--bound",
                self.drifted,
                "json",
            ]
        )
        self.assertEqual(
            json.loads(rows.stdout)[0]["executable"], str(self.environment.python)
        )
        self.assertEqual(
            rows.stdout,
            self.environment.validate("--bound", self.drifted, "json").stdout,
        )

    def test_a_drifted_one_prints_a_table_and_exits_3(self) -> None:
        done = self.environment.validate("--bound", self.drifted)
        site = self.environment.site
        table = (
            "Package     Dependency   Explain     Sites\n"
            f"six-1.16.0  six==1.17.0  Misdefined  {site}\n"
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, table, ""))

    def test_a_piped_table_is_never_cut_or_coloured(self) -> None:
        self.write("long.lock", f"six==1.{'1' * 300}\n")
        done = self.environment.validate(
            "--bound", self.folder / "long.lock", env={"COLUMNS": "20"}
        )
        self.assertIn("1" * 300, done.stdout)
        self.assertNotIn("\033", done.stdout)

    def test_a_start_in_an_activated_shell_is_found_on_path(self) -> None:
        path = os.pathsep.join((str(self.environment.python.parent), CLEAN["PATH"]))
        env = {"PATH": path, "VIRTUAL_ENV": str(self.environment.path)}
        done = run(
            [
                sys.executable,
                ENVLOCK,
                "-e",
                "python3",
                "validate",
                "-b",
                self.drifted,
                "json",
            ],
            env=env,
        )
        executable = json.loads(done.stdout)[0]["executable"]
        self.assertEqual(Path(executable).parent, self.environment.python.parent)

    def test_options_may_stand_before_and_after_the_command(self) -> None:
        other = Environment(self.folder / "other")
        done = run_envlock(
            "-e",
            self.environment.path,
            "validate",
            "-e",
            other.path,
            "--bound",
            self.drifted,
        )
        self.assertEqual(done.returncode, 3, done.stderr)
        blocks = done.stdout.split(f"{other.python}\n")
        self.assertTrue(
            blocks[0].startswith(f"{self.environment.python}\nPackage"), done.stdout
        )
        self.assertIn("six==1.17.0  Missing", blocks[1])

    def test_several_bounds_are_joined(self) -> None:
        more = self.write("more.txt", "idna==3.7\n")
        for arguments in (("--bound", self.lock, more), ("-b", self.lock, "-b", more)):
            with self.subTest(arguments=arguments):
                self.assertEqual(
                    self.environment.findings(*arguments),
                    [(None, "idna==3.7", "Missing")],
                )

    def test_standard_input_is_a_bound_for_every_environment(self) -> None:
        exes = ["-e", self.environment.path] * 2
        for bounds in (["--bound", "-"], ["--bound", "-", "-b", "-"]):
            words = (*exes, "validate", *bounds, "json")
            done = run_envlock(*words, input="six==1.17.0\n")
            self.assertEqual(
                [row["explain"] for row in json.loads(done.stdout)], ["Misdefined"] * 2
            )

    def test_a_url_is_a_bound_for_every_environment(self) -> None:
        exes = ["-e", self.environment.path] * 2
        with socketserver.TCPServer(("127.0.0.1", 0), OneLock) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            url = f"http://127.0.0.1:{server.server_address[1]}/r.txt"
            env = {"no_proxy": "*"}
            done = run_envlock(
                *exes,
                "validate",
                "--bound",
                url.replace("//", "//me:pass@") + "?key=1",
                "json",
                env=env,
            )
            thread.join()
        rows = [
            (row["explain"], row["file"], row["line"])
            for row in json.loads(done.stdout)
        ]
        self.assertEqual(
            (rows, done.stderr, done.returncode), ([("Misdefined", url, 2)] * 2, "", 3)
        )
        self.assertRefused(
            run_envlock("validate", "-b", url, env=env),
            f"{url}: cannot be read (Connection refused)",
        )

    def test_ignored_names_may_be_joined_by_commas(self) -> None:
        self.environment.add("idna", "3.7")
        done = self.environment.validate(
            "--bound", self.drifted, "--ignore", "SIX, idna"
        )
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_the_output_decides_the_form(self) -> None:
        done = self.environment.validate(
            "--bound", self.drifted, "exit", "--code", "42"
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (42, "", ""))
        done = self.environment.validate("--bound", self.lock, "exit", "--code", "42")
        self.assertEqual(done.returncode, 0)
        done = self.environment.validate(
            "--bound", self.drifted, "display", "--code", "4"
        )
        self.assertEqual(done.returncode, 4)
        self.assertEqual(
            self.environment.validate("--bound", self.lock, "json").stdout, "[]\n"
        )
        report = self.folder / "report.csv"
        done = self.environment.validate(
            "--bound", self.drifted, "write", "-o", report, "-d", "|"
        )
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        expected = f"Package|Dependency|Explain|Sites\nsix-1.16.0|six==1.17.0|Misdefined|{self.environment.site}\n"
        self.assertEqual(report.read_text(encoding="utf-8"), expected)

    def test_annotations_name_the_line_of_a_lock(self) -> None:
        text = "-c c.txt\nidna==3.7\n-r drifted.lock\n"
        self.write("all.txt", text)
        self.write("c.txt", "")
        arguments = ("--bound", "all.txt", "github", "--code", "4")
        done = self.environment.validate(
            *arguments, cwd=self.folder, env={"GITHUB_WORKSPACE": str(self.folder)}
        )
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
        self.write(
            "Pipfile.lock",
            '{"_meta": {"pipfile-spec": 6},\n"default":\n{"idna": {"version": "==3.7"}}}\n',
        )
        done = self.environment.validate(
            "--bound", "Pipfile.lock", "--superset", "json", cwd=self.folder
        )
        self.assertEqual(
            [(row["file"], row["line"]) for row in json.loads(done.stdout)],
            [("Pipfile.lock", 3)],
        )
        done = self.environment.validate(
            "--bound", "-", "--superset", "json", input="\nidna==3.7\n"
        )
        self.assertEqual(
            [(row["file"], row["line"]) for row in json.loads(done.stdout)],
            [("<stdin>", 2)],
        )

    def test_colour_is_asked_for_in_the_usual_ways(self) -> None:
        def colored(*options: str, **env: str) -> bool:
            done = run_envlock(
                *options,
                "-e",
                self.environment.path,
                "validate",
                "--bound",
                self.drifted,
                env=env,
            )
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
            for command in (
                [sys.executable, ENVLOCK, "-e", environment.python],
                [environment.python, ENVLOCK],
            ):
                done = run([*command, *words], env=home)
                self.assertEqual(
                    "userpkg-1.0" in done.stdout, expected, done.stdout + done.stderr
                )


class StartUpFilesTest(TestCase):
    def test_noise_and_failures_at_start_do_not_disturb(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        for line in ("print('noise')", "raise SystemExit(5)", "1/0", "os._exit(9)"):
            with self.subTest(line=line):
                (self.environment.site / "noise.pth").write_text(
                    f"import os; {line}\n", encoding="utf-8"
                )
                done = self.environment.validate("--bound", lock)
                self.assertEqual(
                    (done.returncode, done.stdout, done.stderr), (0, "", "")
                )


class UsageTest(TestCase):
    def test_a_report_that_cannot_be_written_is_said(self) -> None:
        lock = self.write("requirements.lock", "six==1.16.0\n")
        path = self.folder / "absent" / "report.csv"
        self.assertRefused(
            self.environment.validate("-b", lock, "write", "-o", path),
            f"{path}: No such file or directory",
        )

    @unittest.skipIf(os.name == "nt", "no symbolic links")
    def test_a_report_is_written_through_a_link(self) -> None:
        lock = self.write("requirements.lock", "six==1.16.0\n")
        path, link = self.write("report.csv", ""), self.folder / "link.csv"
        link.symlink_to(path)
        self.assertEqual(
            self.environment.validate("-b", lock, "write", "-o", link).returncode, 3
        )
        self.assertTrue(link.is_symlink())
        self.assertIn("six==1.16.0", path.read_text(encoding="utf-8"))
        path.unlink()
        self.assertEqual(
            self.environment.validate("-b", lock, "write", "-o", link).returncode, 3
        )
        self.assertTrue(link.is_symlink())
        self.assertIn("six==1.16.0", path.read_text(encoding="utf-8"))
        self.assertEqual(
            sorted(path.name for path in self.folder.glob("*.csv*")),
            ["link.csv", "report.csv"],
        )

    def test_version_and_help(self) -> None:
        self.assertEqual(
            run_envlock("--version").stdout, f"envlock {envlock.__version__}\n"
        )
        for arguments in (("--help",), ("validate", "--help")):
            done = run_envlock(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            for part in ("usage: envlock", "examples:", "exit status:"):
                self.assertIn(part, done.stdout)

    def test_no_traceback_is_ever_seen_for_a_bad_bound(self) -> None:
        files = [
            path
            for path in DATA.glob("**/invalid/*")
            if path.suffix != ".err" and path.is_file()
        ]
        self.assertGreater(len(files), 20)
        self.addCleanup(os.chdir, os.getcwd())
        options = ("--all-extras", "--all-groups")
        for path in files:
            with self.subTest(path=path.name):
                os.chdir(path.parent)
                output, errors = io.StringIO(), io.StringIO()
                with contextlib.redirect_stdout(output), contextlib.redirect_stderr(
                    errors
                ):
                    status = envlock.main(["validate", "--bound", path.name, *options])
                self.assertEqual((status, output.getvalue()), (2, ""))
                self.assertRegex(errors.getvalue(), r"\Aenvlock: error: \S.*\n\Z")
                self.assertTrue(gc.isenabled())  # again, for who calls `main`


OLD_PYTHON = next(
    iter(sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.7*/bin/python")))), ""
)


class OldPythonTest(TestCase):
    @unittest.skipUnless(OLD_PYTHON, "no Python 3.7 here")
    def test_an_old_python_is_told_which_is_needed(self) -> None:
        lock = self.write("requirements.lock", "")
        version = run(
            [OLD_PYTHON, "-c", "import platform; print(platform.python_version())"]
        ).stdout.strip()
        reason = f"this is Python {version}, and {{}} needs 3.8 or newer"
        message = f"{OLD_PYTHON}: {reason.format('a guard')} (validate can look at it)"
        self.assertRefused(
            run_envlock("-e", OLD_PYTHON, "site-install", "-b", lock), message
        )
        done = run([OLD_PYTHON, ENVLOCK, "validate", "-b", lock])
        self.assertRefused(
            done, f"{reason.format('envlock')} (-e can name an older one)"
        )

    @unittest.skipIf(os.name == "nt", "no links")
    def test_a_guard_whose_python_is_gone_can_be_removed(self) -> None:
        environment = Environment(self.folder / "gone")
        lock = self.write("requirements.lock", "")
        self.assertEqual(
            run_envlock(
                "-q", "-e", environment.path, "site-install", "-b", lock
            ).returncode,
            0,
        )
        for link in (environment.path / "bin").glob("python*"):
            link.unlink()
        (environment.path / "bin" / "python").symlink_to("/gone/python3")
        why = f"{environment.path}: its Python is gone ({environment.python} is a link to /gone/python3)"
        files = f"{environment.site}/0-envlock.pth and {environment.site}/_envlock"
        done = run_envlock("-e", environment.path, "site-uninstall")
        self.assertRefused(done, f"{why}; its guard is removed by deleting {files}")
        self.assertRefused(run_envlock("-e", environment.path, "site-status"), why)


class LibraryTest(TestCase):
    def test_the_promised_names_are_the_public_ones(self) -> None:
        names = """canonicalize_name default_environment Version InvalidVersion Specifier SpecifierSet InvalidSpecifier
        Marker InvalidMarker Requirement InvalidRequirement validate Policy Selection Finding EnvlockError format_table
        main"""
        self.assertEqual(envlock.__all__, sorted(names.split()))
        self.assertEqual(
            [name for name in envlock.__all__ if not hasattr(envlock, name)], []
        )

    def test_validate_returns_the_findings(self) -> None:
        self.environment.add("six", "1.16.0")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        drifted = self.write("drifted.lock", "six==1.17.0\n")
        self.assertEqual(
            envlock.validate(str(lock), exe=str(self.environment.path)), []
        )
        self.assertEqual(envlock.validate(lock, exe=self.environment.path), [])
        (finding,) = envlock.validate(
            [str(lock), drifted], exe=str(self.environment.path)
        )
        self.assertEqual(
            (finding.explain, finding.dependency), ("Misdefined", "six==1.17.0")
        )
        self.assertEqual(finding.executable, str(self.environment.python))

    def test_main_returns_the_exit_status(self) -> None:
        lock = self.write("requirements.lock", "absent==1\n")
        self.assertEqual(
            envlock.main(
                ["-e", str(self.environment.path), "validate", "-b", str(lock), "exit"]
            ),
            3,
        )


if __name__ == "__main__":
    unittest.main()


class NotesTest(TestCase):
    """What standard error says besides."""

    def setUp(self) -> None:
        super().setUp()
        self.environment.add("six", "1.16.0")
        self.environment.add("idna", "3.7")
        self.lock = self.write("requirements.lock", "six==1.16.0\nidna==3.7\n")
        self.words = (
            "-e",
            self.environment.path,
            "validate",
            "-b",
            "requirements.lock",
        )

    @unittest.skipIf(os.name == "nt", "no terminals")
    def test_a_terminal_is_told_what_was_compared(self) -> None:
        shown = f"{self.environment.python}, requirements.lock\n"
        expected = f"envlock: aligned: 2 packages of {shown}"
        self.assertEqual(on_terminal(*self.words, cwd=self.folder), expected)
        self.assertEqual(on_terminal("-q", *self.words, cwd=self.folder), "")
        self.assertEqual(on_terminal(*self.words, "exit", cwd=self.folder), "")
        ignoring = on_terminal(*self.words, "--ignore", "six", cwd=self.folder)
        self.assertEqual(ignoring, f"envlock: aligned: 1 package of {shown}")
        self.write("requirements.lock", "six==1.15.0\nidna==3.7\nabsent==1\n")
        lines = on_terminal(*self.words, cwd=self.folder).splitlines(keepends=True)
        counted = (
            f"envlock: not aligned: 1 Missing, 1 Misdefined: 2 packages of {shown}"
        )
        self.assertIn(counted, lines)

    def test_verbose_tells_everybody_with_the_hash(self) -> None:
        digest = hashlib.sha256(self.lock.read_bytes()).hexdigest()
        where = f"2 packages of {self.environment.python}, requirements.lock (sha256 {digest})"
        for word in ("display", "exit", "json"):
            done = run_envlock(*self.words, word, "-v", cwd=self.folder)
            self.assertEqual(
                (done.returncode, done.stderr),
                (0, f"envlock: aligned: {where}\n"),
                word,
            )

    def test_verbose_adds_the_details(self) -> None:
        self.write("requirements.lock", "six==1.15.0\nidna==3.7\n")
        done = run_envlock(*self.words, "-v", cwd=self.folder)
        self.assertEqual(done.stdout.splitlines()[0].split()[-1], "Detail")
        self.assertTrue(
            done.stdout.endswith("  version 1.16.0 is installed\n"), done.stdout
        )

    def test_requirements_without_an_exact_version_are_counted(self) -> None:
        self.write("requirements.lock", "six>=1\nidna==3.7\n-c c.txt\n")
        self.write("c.txt", "")
        note = (
            "envlock: 1 of 2 requirements name no exact version:"
            " drift among the versions that they admit can't be seen\n"
        )
        done = run_envlock(*self.words, "-v", cwd=self.folder)
        self.assertTrue(done.stderr.endswith(note), done.stderr)
        self.write("c.txt", "six==1.16.0\n")
        self.assertNotIn(
            "exact", run_envlock(*self.words, "-v", cwd=self.folder).stderr
        )

    def test_a_name_to_ignore_that_is_nowhere_is_noted(self) -> None:
        for names, noted in (
            ("six,idna", []),
            ("sixx", ["sixx"]),
            ("Idna, b_c", ["b-c"]),
        ):
            done = run_envlock(*self.words, "exit", "--ignore", names, cwd=self.folder)
            note = (
                "envlock: --ignore {}: no such package is installed or in the bound\n"
            )
            self.assertEqual(done.stderr, "".join(map(note.format, noted)))
            self.assertEqual(done.returncode, 0)

    def test_a_name_to_ignore_may_stand_in_a_comment_of_pip_freeze(self) -> None:
        comment = "# Editable install with no version control (lamp==0.5)"
        self.write("app/setup.py", "setup(name=NAME)\n")
        self.write(
            "requirements.lock", f"six==1.16.0\nidna==3.7\n{comment}\n-e ./app\n"
        )
        done = run_envlock(*self.words, "exit", "--ignore", "lamp", cwd=self.folder)
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_documents_come_through_the_command_line(self) -> None:
        self.write("requirements.lock", "six==1.15.0\nidna==3.7\n")
        done = run_envlock(*self.words, "sarif", "--code", "4", cwd=self.folder)
        result = json.loads(done.stdout)["runs"][0]["results"][0]
        self.assertEqual(
            (result["ruleId"], done.returncode, done.stderr), ("Misdefined", 4, "")
        )
        done = run_envlock(*self.words, "junit", cwd=self.folder)
        self.assertIn(
            'name="Misdefined six-1.16.0" file="requirements.lock" line="1"',
            done.stdout,
        )
        self.assertEqual(done.returncode, 3)
