"""Debian's programs that embed the system's Python, whose guard must warn them and not end them.

All happens in a mount namespace of its own: what Debian's packages hold is laid over /usr, /etc and /var, and what is
written there, the guard and a server's files among it, is in memory and gone at the end. `programs` is the outer part.
"""

from __future__ import annotations

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conformance.guarded import (
    CODE,
    PATIENCE,
    Checks,
    Guarded,
    Server,
    free_port,
    get,
    messages,
    tables,
    until,
)
from tests.support import add_record, run
from tests.tools.check import CACHE, ROOT

PACKAGES = (
    "gdb",
    "vim-nox",
    "postgresql",
    "postgresql-plpython3-VERSION",
    "libpam-python",
    "uwsgi-core",
    "uwsgi-plugin-python3",
    "apache2-bin",
    "libapache2-mod-wsgi-py3",
)
PYTHON = "/usr/bin/python3"
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
OVERLAID = ("usr", "etc", "var")
TELLS_EMBEDDING = "embed"
STATIC = "/index.html"

APACHE = """\
ServerRoot FOLDER
ServerName localhost
PidFile FOLDER/apache.pid
Mutex file:FOLDER
ErrorLog FOLDER/apache.log
User nobody
Group nogroup
Listen 127.0.0.1:PORT
StartServers 1
LoadModule mpm_event_module MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule wsgi_module MODULES/mod_wsgi.so
WSGISocketPrefix FOLDER/wsgi
DocumentRoot FOLDER/static
DAEMON
WSGIScriptAlias /one FOLDER/one.py
WSGIScriptAlias /two FOLDER/two.py
<Directory FOLDER>
Require all granted
</Directory>
"""
WSGI = """\
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("NAME %d" % os.getpid()).encode()]
"""
PAM = """\
def pam_sm_authenticate(pamh, flags, arguments):
    return pamh.PAM_SUCCESS

def pam_sm_setcred(pamh, flags, arguments):
    return pamh.PAM_SUCCESS
"""
PAM_SERVICE = """\
auth required pam_python.so FOLDER/pam.py
account required pam_permit.so
session required pam_permit.so
"""
PLPYTHON = """\
CREATE EXTENSION plpython3u;
CREATE FUNCTION answer() RETURNS int LANGUAGE plpython3u AS 'return 42';
"""


# -- outside: the packages, and the namespace


def unpacked() -> Path:
    """What the packages that this machine lacks hold, unpacked below the cache and not installed."""
    folder = CACHE / "debian"
    latest = run(["apt-cache", "depends", "postgresql"]).stdout
    names = [
        name.replace("VERSION", re.findall(r"postgresql-(\d+)", latest)[0])
        for name in PACKAGES
    ]
    names += [
        f"postgresql-{name.rpartition('-')[2]}" for name in names if "plpython3" in name
    ]
    words = [
        "install",
        "-y",
        "--no-install-recommends",
        *[name for name in names if name != "postgresql"],
    ]
    planned = run(["apt-get", "-s", *words])
    if planned.returncode:
        raise OSError(planned.stderr.strip().rpartition("\n")[2])
    lacking = "".join(
        sorted(
            line + "\n"
            for line in planned.stdout.splitlines()
            if line.startswith("Inst ")
        )
    )
    if (
        not (folder / "unpacked").exists()
        or (folder / "unpacked").read_text() != lacking
    ):
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "archives" / "partial").mkdir(parents=True)
        done = run(
            [
                "apt-get",
                "--download-only",
                "-o",
                f"Dir::Cache::archives={folder}/archives",
                *words,
            ],
            timeout=300,
        )
        if done.returncode:
            raise OSError(done.stderr.strip().rpartition("\n")[2])
        for place in OVERLAID:
            (folder / "root" / place).mkdir(parents=True)
        for link in ("lib", "bin", "sbin", "lib64"):  # as /usr has been merged
            (folder / "root" / "usr" / link).mkdir()
            (folder / "root" / link).symlink_to(f"usr/{link}")
        for archive in sorted((folder / "archives").glob("*.deb")):
            command = (
                'dpkg-deb --fsys-tarfile "$0" | tar x --keep-directory-symlink -C "$1"'
            )
            subprocess.run(["sh", "-c", command, archive, folder / "root"], check=True)
        shutil.rmtree(folder / "archives")
        (folder / "unpacked").write_text(lacking)
    return folder / "root"


def programs(checks: Checks) -> None:
    """Run `inside` in a namespace; what it counts is added."""
    needed = ["apt-get", "apt-cache", "dpkg-deb", "unshare", "setpriv"]
    lacking = [name for name in needed if not shutil.which(name)] + ["root"] * (
        os.geteuid() != 0
    )
    if lacking:
        checks.skip("Debian's programs", "needs " + ", ".join(lacking))
        return
    try:
        root = unpacked()
    except (OSError, subprocess.SubprocessError) as error:
        checks.skip("Debian's programs", error)
        return
    namespace = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "--kill-child=KILL",
    ]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        checks.skip("Debian's programs", "no private mount namespace can be had")
        return
    code = "import sys; from tests.conformance.debian_programs import inside; sys.exit(inside(*sys.argv[1:]))"
    command = [*namespace, sys.executable, "-c", code, str(root), *sys.argv[1:]]
    # Else an embedded Python might take the home of a python3 that stands before the system's.
    settings = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=-1,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    said = done.stdout.decode(errors="replace")
    print(said, end="", flush=True)
    counted = re.findall(
        r"^debian_programs: (\d+) comparisons, (\d+) failures$", said, re.MULTILINE
    )
    checks.expect("Debian's programs: seen to the end", len(counted), 1)
    for comparisons, failures in counted:
        checks.count += int(comparisons)
        checks.failures += int(failures)


# -- inside


def inside(root: str, *chosen: str) -> int:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"], check=True
    )
    for place in OVERLAID:
        upper, work = f"/mnt/{place}/upper", f"/mnt/{place}/work"
        os.makedirs(upper)
        os.mkdir(work)
        options = f"lowerdir={root}/{place}:/{place},upperdir={upper},workdir={work}"
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", options, f"/{place}"],
            check=True,
        )
    os.chdir("/mnt")
    checks = Checks("debian_programs")
    for mode in ("exit", "exit --embedded", "warn"):
        for title, part in PARTS.items():
            if chosen and title not in chosen:
                continue
            folder = Path("/mnt") / f"{title} {mode}".replace(" ", "-").replace("'", "")
            with checks.part(f"{title}, {mode}"):
                part(checks, System(folder, *mode.split()))
    checks.end()
    return 0


class System(Guarded):
    """The system's Python, with ham 1.0, as its lock asks; a mode of the guard."""

    def __init__(self, folder: Path, *mode: str) -> None:
        self.folder, self.path, self.python, self.mode = (
            folder,
            Path("/usr"),
            PYTHON,
            " ".join(mode),
        )
        folder.mkdir(mode=0o755)
        told = run(
            [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"],
            env={"ENVLOCK_DISABLE": "1"},
        )
        self.site = Path(told.stdout.strip())
        self.lock = folder / "requirements.txt"
        self.lock.write_text("ham==1.0\n")
        for record in self.site.glob("ham-*"):
            shutil.rmtree(record)
        add_record(self.site, "ham", "1.0")
        self.guard(*mode)

    @property
    def ends(self) -> bool:
        return self.mode == "exit --embedded"


def gdb(checks: Checks, one: System) -> None:
    for words, shown in (
        (["--version"], "GNU gdb"),
        (["-batch", "-ex", "python print(6*7)"], "42"),
    ):
        for drifted in False, True:
            one.drift() if drifted else None
            done = run(["gdb", "-nx", *words])
            ends = one.ends and drifted
            found = done.returncode, shown in done.stdout, messages(done.stderr)
            expected = (CODE if ends else 0, not ends, int(drifted))
            checks.expect(
                f"gdb {' '.join(words)}, {one.mode}, drifted {drifted}",
                found,
                expected,
                done.stderr,
            )
            if drifted and one.mode == "exit":
                checks.expect(
                    "gdb: the message says why it goes on",
                    TELLS_EMBEDDING in done.stderr,
                    True,
                    done.stderr,
                )
        one.mend()


def vim(checks: Checks, one: System) -> None:
    one.drift()
    for name in "text", "pip":  # words of its own, which are no Python's
        file = one.write(name, "before\n")
        words = [
            "vim.nox",
            name,
            "-u",
            "NONE",
            "-es",
            "-c",
            "py3 import vim; vim.current.buffer[0] = 'after'",
            "-c",
            "wq",
        ]
        done = run(words, cwd=one.folder)
        found = done.returncode, file.read_text(), messages(done.stderr + done.stdout)
        expected = (CODE, "before\n", 1) if one.ends else (0, "after\n", 1)
        checks.expect(f"vim {name}, {one.mode}", found, expected, done.stderr)
    if one.ends:
        return
    file = one.write("on a terminal", "before\n")
    status, shown = typed(
        ["vim.nox", "-u", "NONE", "-N", str(file)],
        "ccunsaved\x1b",
        ":py3 import sys\r",
        "\r",
        ":wq\r",
    )
    found = status, file.read_text(), "\x1b[?1049l" in shown
    checks.expect(
        f"vim on a terminal, {one.mode}: status, text, screen given back",
        found,
        (0, "unsaved\n", True),
        shown,
    )


def typed(command: list[str], *keys: str) -> tuple[int, str]:
    """The exit status of a program on a terminal that somebody types to, and what it has shown."""
    process, terminal = pty.fork()
    if not process:
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    shown = b""
    os.set_blocking(terminal, False)

    def read() -> bool:
        nonlocal shown
        try:
            while True:
                shown += os.read(terminal, 10_000)
        except BlockingIOError:
            return False
        except OSError:  # the program has ended
            return True

    for key in keys:
        until(read, 0.7)
        try:
            os.write(terminal, key.encode())
        except OSError:
            break
    if not until(read, 10):
        os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    os.close(terminal)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(
        status
    ), shown.decode(errors="replace")


def postgresql(checks: Checks, one: System) -> None:
    commands = max(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda path: int(path.parent.name),
    )
    one.folder.chmod(0o777)
    home = {"HOME": str(one.folder), "LC_ALL": "C"}
    made = run(
        [
            *NOBODY,
            commands / "initdb",
            "-D",
            one.folder / "data",
            "-A",
            "trust",
            "-U",
            "me",
            "--no-sync",
        ],
        env=home,
    )
    checks.expect("initdb", made.returncode, 0, made.stderr)
    ask = ["psql", "-X", "-h", one.folder, "-U", "me", "-At", "postgres", "-c"]

    def query(text: str) -> subprocess.CompletedProcess[str]:
        return run([*ask, text])

    serve = [
        *NOBODY,
        commands / "postgres",
        "-D",
        one.folder / "data",
        "-k",
        one.folder,
        "-h",
        "",
        "-F",
    ]
    with Server(serve, one.folder, **home) as server:
        server.says("ready to accept connections")
        for statement in PLPYTHON.strip().splitlines():
            checks.expect("PL/Python is there", query(statement).returncode, 0)
        checks.expect(
            "PL/Python, aligned", query("SELECT answer()").stdout, "42\n", server.said()
        )
        one.drift()
        other = subprocess.Popen(
            list(map(str, [*ask, "SELECT pg_sleep(2), 'alive'"])),
            stdout=-1,
            stderr=subprocess.STDOUT,
        )
        time.sleep(0.5)
        done = query("SELECT answer()")
        checks.expect(
            f"PL/Python, drifted, {one.mode}",
            done.stdout,
            "" if one.ends else "42\n",
            done.stderr,
        )
        alive = other.communicate()[0].decode()
        checks.expect(
            f"another session, {one.mode}", "alive" in alive, not one.ends, alive
        )
        checks.expect(
            f"PostgreSQL's log, {one.mode}", messages(server.said()), 1, server.said()
        )


def pam(checks: Checks, one: System) -> None:
    one.write("pam.py", PAM)
    Path("/etc/pam.d/su").write_text(PAM_SERVICE.replace("FOLDER", str(one.folder)))
    command = ["su", "-s", "/bin/sh", "nobody", "-c", "echo in"]
    for drifted in False, True:
        one.drift() if drifted else None
        done = run(command, env={"HOME": "/root"})
        ends = one.ends and drifted
        found = done.returncode, done.stdout, messages(done.stderr)
        checks.expect(
            f"su, {one.mode}, drifted {drifted}",
            found,
            (CODE, "", 1) if ends else (0, "in\n", int(drifted)),
            done.stderr,
        )


def uwsgi(checks: Checks, one: System) -> None:
    one.write("web.py", WSGI.replace("NAME", "one"))
    port = free_port()
    plugin = next(Path("/usr/lib/uwsgi/plugins").glob("python3*_plugin.so"))
    plugins = [
        "--plugins-dir",
        plugin.parent,
        "--plugin",
        plugin.name.partition("_")[0],
    ]
    command = [
        "uwsgi-core",
        *plugins,
        "--http-socket",
        f"127.0.0.1:{port}",
        "--master",
        "--processes",
        "2",
    ]
    command += ["--disable-logging", "--need-app"]
    with Server([*command, "--wsgi-file", "web.py"], one.folder) as server:
        checks.expect("uwsgi serves", get(port).split()[:1], ["one"], server.said())
        server.says("spawned uWSGI worker 2")
        time.sleep(0.5)  # until its master listens to signals
        one.drift()
        one.write("web.py", WSGI.replace("NAME", "two"))
        server.signal(signal.SIGHUP)
        until(
            lambda: (
                get(port, seconds=0).startswith("two")
                or server.process.poll() is not None
            ),
            10,
        )
        found = (
            get(port, seconds=0).split()[:1],
            messages(server.said()),
            server.process.poll(),
        )
        expected = ([], 1, CODE) if one.ends else (["two"], 1, None)
        checks.expect(
            f"uwsgi after SIGHUP, {one.mode}: answer, messages, status",
            found,
            expected,
            server.said(),
        )
    if one.ends:
        return
    with Server([*command, "--wsgi-file", "web.py"], one.folder, "restarted") as server:
        found = get(port).split()[:1], messages(server.said())
        checks.expect(
            f"uwsgi started after a drift, {one.mode}",
            found,
            (["two"], 1),
            server.said(),
        )


def mod_wsgi(checks: Checks, one: System) -> None:
    for name in "one", "two":
        one.write(f"{name}.py", WSGI.replace("NAME", name))
    one.write("static/index.html", "static")
    for daemon in (
        "",
        "WSGIDaemonProcess daemon processes=1 threads=2\nWSGIProcessGroup daemon",
    ):
        title = f"mod_wsgi, {'a daemon' if daemon else 'embedded'}, {one.mode}"
        log = one.folder / "apache.log"
        log.unlink(missing_ok=True)
        with Apache(one, daemon) as (server, port):
            first = get(port, "/one").split()
            checks.expect(
                f"{title}: aligned",
                (get(port, STATIC), first[:1]),
                ("static", ["one"]),
                server.said(),
            )
            one.drift()
            second = get(port, "/two").split()
            found = second[:1], second[1:] == first[1:], messages(log.read_text())
            checks.expect(
                f"{title}: a second application group after a drift",
                found,
                (["two"], True, 0),
                log.read_text(),
            )
        log.unlink(missing_ok=True)
        with Apache(one, daemon) as (server, port):
            patience = 2 if one.ends else PATIENCE
            found = [
                get(port, path, patience).partition(" ")[0]
                for path in (STATIC, "/one", "/two")
            ]
            said = log.read_text() + server.said()
            if one.ends:
                checks.expect(
                    f"{title}: started after a drift", found[1:], ["", ""], said
                )
            else:
                checks.expect(
                    f"{title}: started after a drift",
                    found,
                    ["static", "one", "two"],
                    said,
                )
                checks.expect(
                    f"{title}: tables, for each process that holds Python",
                    tables(said),
                    1 + bool(daemon),
                    said,
                )
        one.mend()


class Apache(Server):
    def __init__(self, one: System, daemon: str) -> None:
        self.port = free_port()
        text = APACHE.replace("DAEMON", daemon).replace(
            "MODULES", "/usr/lib/apache2/modules"
        )
        text = text.replace("FOLDER", str(one.folder)).replace("PORT", str(self.port))
        super().__init__(
            ["apache2", "-f", one.write("apache.conf", text), "-DFOREGROUND"],
            one.folder,
        )

    def __enter__(self) -> tuple[Server, int]:  # type: ignore[override]
        return self, self.port


PARTS = {
    "gdb": gdb,
    "vim": vim,
    "PAM": pam,
    "uWSGI": uwsgi,
    "mod_wsgi": mod_wsgi,
    "PostgreSQL": postgresql,
}
