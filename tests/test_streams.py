"""The room Streams and URLs."""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import unittest
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import envlock
from envlock import Bound, EnvlockError, ReadContext
from tests.support import (
    CLEAN,
    COMMAND,
    ENVLOCK,
    LINUX,
    Environment,
    InFolder,
    TestCase,
    allow_interrupt,
    run,
    wait_until,
)
from tests.support import envlock as run_envlock


class Answers(BaseHTTPRequestHandler):
    """A server on this machine; what it is asked for tells how it answers."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
    over = threading.Event()  # ends those answers that take forever
    other = ""  # where it redirects to

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        path, _, query = self.path.partition("?")
        if path == "/garbage":
            self.wfile.write(b"no status " + query.encode())
            return
        if path == "/redirect":
            self.send_response(302)
            self.send_header("Location", query.replace("OTHER", self.other))
            self.end_headers()
            return
        body = {
            "/pyproject.toml": b'[project]\ndependencies = ["six"]\n',
            "/nested.txt": b"six\n-r more.txt\n",
        }.get(path)
        body = body or {
            "/nested.txt": b"",
            "/wrong.txt": b"six\n=\n",
            "/latin.txt": b"\xe9",
        }.get(path, b"# x\nsix\n")
        self.send_response({"/absent": 404, "/empty": 204}.get(path, 200))
        if path not in ("/endless", "/drip", "/stall"):
            self.send_header("Content-Length", str(len(body) + (path == "/cut.txt")))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
            for _ in range(40 if path == "/endless" else 0):
                self.wfile.write(b"#" * (1 << 20))
            while path in ("/drip", "/stall") and not self.over.wait(0.1):
                self.wfile.write(b"#" if path == "/drip" else b"")

    def handle(self) -> None:
        with contextlib.suppress(OSError):  # who distrusts the certificate hangs up
            super().handle()

    def log_message(self, *details: Any) -> None:
        pass


def serve(test: unittest.TestCase, certificate: str = "") -> str:
    """Start a server, and tell its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for cleanup in (server.server_close, thread.join, server.shutdown):
        test.addCleanup(cleanup)
    return f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"


class TestUrls(InFolder):
    def setUp(self) -> None:
        super().setUp()
        ignoring = (
            warnings.catch_warnings()
        )  # before Python 3.14 a socket is lost when a certificate fails
        ignoring.__enter__()
        warnings.simplefilter("ignore", ResourceWarning)
        self.addCleanup(ignoring.__exit__, None, None, None)
        self.addCleanup(gc.collect)
        os.environ["no_proxy"] = "*"
        self.addCleanup(os.environ.pop, "no_proxy")
        self.server = serve(self)
        Answers.asked.clear()
        Answers.over.clear()
        self.addCleanup(Answers.over.set)
        Answers.other = self.server

    def fetch(self, path: str, server: str = "") -> Bound:
        url = (server or self.server) + path
        return envlock.read_bounds(
            [url], ReadContext(lambda: LINUX, texts=envlock.read_streams([url]))
        )

    def problem(self, path: str, server: str = "") -> str:
        with self.assertRaises(EnvlockError) as caught:
            self.fetch(path, server)
        return str(caught.exception).replace(self.server, "SERVER")

    def patch(self, **seconds: float) -> None:
        for name, value in seconds.items():
            self.addCleanup(setattr, envlock, name, getattr(envlock, name))
            setattr(envlock, name, value)

    def test_a_requirement_is_known_by_the_url(self) -> None:
        (six,) = self.fetch("/requirements.txt").requirements
        self.assertEqual(
            ("six", f"{self.server}/requirements.txt", 2),
            (six.text, six.file, six.line),
        )

    def test_the_path_tells_the_format_or_else_the_content(self) -> None:
        for path in (
            "/requirements.txt?raw=pyproject.toml",
            "/raw/2#uv.lock",
            "/pyproject.toml?x=/r.txt",
        ):
            self.assertEqual(
                ["six"], [each.text for each in self.fetch(path).requirements], path
            )

    def test_what_may_be_secret_is_sent_and_never_shown(self) -> None:
        server = self.server.replace("//", "//me:p%40ss@")
        (six,) = self.fetch("/r.txt?key=1", server).requirements
        self.assertEqual(f"{self.server}/r.txt", six.file)
        basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
        self.assertEqual([("/r.txt?key=1", basic)], Answers.asked)
        for path, message in (
            (
                "/wrong.txt?key=1",
                "SERVER/wrong.txt:2: expected a package name, found '='",
            ),
            ("/absent?key=1", "SERVER/absent: cannot be read (HTTP status 404)"),
            (
                "/redirect?/absent?key=2",
                "SERVER/redirect: cannot be read (HTTP status 404)",
            ),
        ):
            self.assertEqual(message, self.problem(path, server), path)
        self.assertEqual(
            "https://…: expected https://HOST/PATH or http://HOST/PATH",
            self.problem("", "https://u:p/w@h/"),
        )

    def test_who_one_is_is_not_told_another_host(self) -> None:
        Answers.other = self.server.replace("127.0.0.1", "localhost")
        self.fetch("/redirect?OTHER/r.txt", self.server.replace("//", "//me:pass@"))
        self.assertEqual([False, True], [told is None for _, told in Answers.asked])

    def test_other_schemes_are_refused(self) -> None:
        self.write("r.txt", "six\n")
        for scheme in ("file", "ftp", "gopher"):
            message = f"{scheme}://…: expected https://HOST/PATH or http://HOST/PATH"
            self.assertEqual(
                message, self.problem("/r.txt", f"{scheme}://{self.folder}")
            )
        message = "SERVER/redirect: cannot be read (HTTP status 302)"
        self.assertEqual(message, self.problem(f"/redirect?file://{self.folder}/r.txt"))
        message = "SERVER/redirect: cannot be read (it redirects to ftp://…)"
        self.assertEqual(message, self.problem("/redirect?ftp://127.0.0.1/r.txt"))

    def test_what_cannot_be_read_is_told(self) -> None:
        for path, message in (
            ("/absent", "SERVER/absent: cannot be read (HTTP status 404)"),
            ("/empty", "SERVER/empty: cannot be read (HTTP status 204)"),
            ("/cut.txt", "SERVER/cut.txt: cannot be read (it ends too early)"),
            ("/latin.txt", "SERVER/latin.txt:1: not text in the encoding utf-8"),
            ("/garbage?key=1", "SERVER/garbage: cannot be read (BadStatusLine)"),
            ("/endless", "SERVER/endless: larger than 32 MB: no bound file"),
        ):
            self.assertEqual(message, self.problem(path))
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            server = f"http://127.0.0.1:{unused.getsockname()[1]}"
            self.assertEqual(
                f"{server}/r: cannot be read (Connection refused)",
                self.problem("/r", server),
            )

    def test_a_slow_server_is_not_waited_for(self) -> None:
        """Neither answer below would ever end."""
        self.patch(_READ_SECONDS=0.5, _URL_SECONDS=300)
        self.assertEqual(
            "SERVER/stall: cannot be read (timed out)", self.problem("/stall")
        )
        self.patch(_READ_SECONDS=300, _URL_SECONDS=1)
        self.assertEqual(
            "SERVER/drip: cannot be read (it takes more than 1 seconds)",
            self.problem("/drip"),
        )

    def test_further_files_are_not_fetched(self) -> None:
        self.write("more.txt", "six\n")
        message = "is not fetched from here: give it as a bound of its own"
        self.assertEqual(
            f"SERVER/nested.txt:2: more.txt {message}", self.problem("/nested.txt")
        )
        with self.assertRaises(EnvlockError) as caught:
            self.read("-r https://me:pass@host.example/r.txt\n")
        self.assertEqual(
            f"requirements.txt:1: https://host.example/r.txt {message}",
            str(caught.exception),
        )

    def test_a_lock_is_read_without_the_project_in_the_working_directory(self) -> None:
        text = 'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = { editable = "." }\n'
        text += '[package.optional-dependencies]\nx = []\n[package.dev-dependencies]\ng = [{ name = "b" }]\n'
        text += '[[package]]\nname = "b"\nversion = "2"\nsource = { registry = "i" }\n'
        self.write(
            "pyproject.toml",
            '[project]\nname = "other"\n[tool.uv]\ndefault-groups = ["g"]\n',
        )
        for bound, expected in (("https://host.example/uv.lock", []), ("-", ["b==2"])):
            found = envlock.read_bounds(
                [bound], ReadContext(lambda: LINUX, texts={bound: text})
            )
            self.assertEqual(
                [f"-e a @ file://{self.folder}", *expected],
                [each.text for each in found.requirements],
            )

    @unittest.skipUnless(shutil.which("openssl"), "needs openssl for a certificate")
    def test_https_holds_to_certificates_and_to_https(self) -> None:
        words = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        made = run(
            ["openssl", *words.split(), "-keyout", "key.pem", "-out", "certificate.pem"]
        )
        self.assertEqual(made.returncode, 0, made.stderr)
        both = Path("key.pem").read_text() + Path("certificate.pem").read_text()
        self.write("both.pem", both)
        secure = serve(self, os.path.join(self.folder, "both.pem"))
        said = self.problem("/r.txt", secure)
        self.assertRegex(
            said,
            rf"\A{secure}/r.txt: cannot be read \(.*certificate verify failed.*\)\Z",
        )
        os.environ["SSL_CERT_FILE"] = os.path.join(self.folder, "certificate.pem")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        self.assertEqual("six", self.fetch("/r.txt", secure).requirements[0].text)
        message = f"{secure}/redirect: cannot be read (it redirects to SERVER/r.txt)"
        self.assertEqual(message, self.problem("/redirect?OTHER/r.txt?key=1", secure))
        Answers.other = secure
        self.assertEqual(
            "six", self.fetch("/redirect?OTHER/r.txt").requirements[0].text
        )


class TestErrors(InFolder):
    def test_files_that_cannot_be_read(self) -> None:
        os.mkdir("folder.txt")
        for name, message in (
            ("nowhere.txt", "nowhere.txt: cannot be read (No such file or directory)"),
            (
                "folder.txt",
                "folder.txt: expected a file, found a folder (no lock is in it)",
            ),
            ("/dev/zero", "/dev/zero: larger than 32 MB: no bound file"),
        ):
            with self.assertRaises(EnvlockError) as caught:
                envlock.read_bounds([name], self.context)
            self.assertEqual(message, str(caught.exception))

    def test_a_relative_bound_where_the_working_directory_is_gone(self) -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")
        with self.assertRaises(EnvlockError) as caught:
            envlock.read_bounds(["r.txt"], self.context)
        self.assertEqual(
            "r.txt: the working directory cannot be told (No such file or directory)",
            str(caught.exception),
        )

    def test_standard_input_that_cannot_be_read(self) -> None:
        command = f'"{sys.executable}" "{ENVLOCK}" validate --bound - '
        for redirection, message in (
            ("<&-", "it is closed"),
            ("<&1", "[Errno 9] Bad file descriptor"),
        ):
            with open("output", "wb") as output:
                done = run(["sh", "-c", command + redirection], stdout=output)
            self.assertEqual(
                (f"envlock: error: <stdin>: cannot be read ({message})\n", 2),
                (done.stderr, done.returncode),
            )

    def test_what_is_read_is_asked_for_in_pieces(self) -> None:
        asked = []

        class File(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                asked.append(size or 0)
                return super().read(size)

        data = bytes(range(256)) * 1000
        for size in (0, 1, 70_000, len(data) - 1, len(data), envlock.SIZE_LIMIT + 1):
            self.assertEqual(envlock.read_at_most(File(data), size), data[:size])
        self.assertGreater(min(asked), 0)
        self.assertLessEqual(max(asked), 1 << 16)


class StreamsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(1000):
            (self.environment.site / f"package_{number}-1.0.dist-info").mkdir()
        self.lock = self.write("requirements.lock", "")
        self.command = [
            sys.executable,
            "-c",
            COMMAND,
            "-e",
            str(self.environment.python),
            "validate",
            "-b",
            str(self.lock),
        ]

    def test_a_closed_pipe_ends_quietly(self) -> None:
        child = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN
        )
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
        arguments = [
            "-e",
            str(self.environment.python),
            "validate",
            "-b",
            str(self.lock),
        ]
        with open(ENVLOCK, "rb") as source:
            self.assertRefused(
                run([sys.executable, "-", *arguments], stdin=source),
                "-e needs envlock as a file",
            )

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_is_said(self) -> None:
        with open("/dev/full", "wb") as full:
            done = run(self.command, stdout=full)
        self.assertEqual(
            done.stderr, "envlock: error: standard output: No space left on device\n"
        )
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
        command = [
            sys.executable,
            ENVLOCK,
            "-e",
            self.environment.python,
            "-e",
            other.python,
            "validate",
            "-b",
            pipe,
        ]
        with subprocess.Popen(
            [*map(str, command), "json"], stdout=subprocess.PIPE, env=CLEAN
        ) as child:
            pipe.write_text("six==1.16.0\n", encoding="utf-8")
            assert child.stdout
            self.assertEqual(child.stdout.read().count(b"Missing"), 2)

    def test_help_ends_quietly_with_a_closed_pipe_and_says_a_full_disk(self) -> None:
        for words in ("--help", "--version", "validate --help"):
            command = [sys.executable, "-c", COMMAND, *words.split()]
            for env in ({}, {"PYTHONUNBUFFERED": "1"}):
                reading, writing = os.pipe()
                os.close(reading)
                with open(writing, "wb") as closed:
                    done = run(command, stdout=closed, env=env)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                if os.path.exists("/dev/full"):
                    with open("/dev/full", "wb") as full:
                        done = run(command, stdout=full, env=env)
                    self.assertEqual(
                        done.stderr,
                        "envlock: error: standard output: No space left on device\n",
                    )
                    self.assertEqual(done.returncode, 2)

    @unittest.skipIf(os.name == "nt", "the working directory can't go")
    def test_without_a_working_directory(self) -> None:
        gone = self.folder / "gone"
        gone.mkdir()
        done = run(
            ["sh", "-c", 'rmdir "$PWD" && exec "$@" github', "sh", *self.command],
            cwd=gone,
        )
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertIn(f"::error file={self.lock},line=1", done.stdout)

    @unittest.skipIf(os.name == "nt", "no such names")
    def test_a_heading_cannot_be_forged(self) -> None:
        other = Environment(self.folder / "new\nline")
        lock = self.write("requirements.lock", "six==1.16.0\n")
        done = run_envlock(
            "-e", other.path, "-e", self.environment.path, "validate", "-b", lock
        )
        self.assertIn("new\\nline", done.stdout)
        self.assertNotIn("new\nline", done.stdout)

    def test_text_that_the_stream_cannot_show_is_escaped(self) -> None:
        self.write("requirements.lock", "six @ file:///caf\u00e9/six-1.0.tar.gz\n")
        done = run(self.command, env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
        self.assertIn("caf\\xe9", done.stdout)
        self.assertEqual((done.returncode, done.stderr), (3, ""))

    @unittest.skipIf(os.name == "nt", "no signals")
    def test_control_c_exits_130_quietly_and_at_once(self) -> None:
        started = [self.folder / name for name in ("one", "two")]
        slow = [
            self.write(f"{path}.sh", f"#!/bin/sh\ntouch '{path}'\nexec sleep 600\n")
            for path in started
        ]
        for path in slow:
            path.chmod(0o755)
        command = [
            sys.executable,
            ENVLOCK,
            "-e",
            slow[0],
            "-e",
            slow[1],
            "validate",
            "-b",
            self.lock,
        ]
        child = subprocess.Popen(
            list(map(str, command)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=CLEAN,
            preexec_fn=allow_interrupt,
        )
        wait_until(
            lambda: all(path.exists() for path in started),
            "both interpreters are asked",
        )
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=300)
        self.assertEqual((child.returncode, output, errors), (130, b"", b""))


class WriteTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="envlock-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_replaces_a_file_and_leaves_nothing_beside_it(self) -> None:
        path = self.folder / "report"
        envlock.write_file(str(path), b"one")
        envlock.write_file(str(path), b"two")
        self.assertEqual(
            (path.read_bytes(), os.listdir(self.folder)), (b"two", ["report"])
        )

    def test_a_failure_leaves_what_was_there(self) -> None:
        with self.assertRaises(OSError):
            envlock.write_file(str(self.folder / "absent" / "report"), b"one")
        self.assertEqual(os.listdir(self.folder), [])

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no named pipes here")
    def test_writes_to_what_is_no_regular_file(self) -> None:
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        envlock.write_file(str(pipe), b"through")
        self.assertEqual(os.read(reader, 100), b"through")
        self.assertTrue(stat.S_ISFIFO(pipe.stat().st_mode))


if __name__ == "__main__":
    unittest.main()
