"""Servers with reloaders, and pools of processes, for real, in a guarded environment that drifts while they run.

A reloader ends once, with the guard's code; the children of a start that was judged pass without a word.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.guarded import (
    CODE,
    PATIENCE,
    QUIET,
    Checks,
    Guarded,
    Server,
    free_port,
    get,
    messages,
    scratch,
    tables,
    until,
)
from tests.tools.check import CACHE, installed, interpreters

AT_ONCE = 3  # they wait more than they compute
PACKAGES = (
    "django==6.1.3; python_version >= '3.12'",
    "django==5.2.1; python_version < '3.12'",
    "flask==3.1.3",
    "bottle==0.13.4",
    "gunicorn==27.0.1",
    "uvicorn==0.54.0",
    "celery==5.7.0",
    "joblib==1.6.0",
    "loky==3.7.0",
    "multiprocess==0.70.19",
    "billiard==4.3.2",
)

DJANGO = """\
import app
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path

settings.configure(DEBUG=True, SECRET_KEY="x", ROOT_URLCONF=__name__)
urlpatterns = [path("", lambda request: HttpResponse(app.TEXT))]
if __name__ == "__main__":
    execute_from_command_line()
"""
FLASK = """\
import app
from flask import Flask

web = Flask(__name__)
web.add_url_rule("/", view_func=lambda: app.TEXT)
"""
BOTTLE = """\
import sys
import app
import bottle

bottle.route("/")(lambda: app.TEXT)
bottle.run(host="127.0.0.1", port=int(sys.argv[1]), reloader=True, interval=0.3, quiet=True)
"""
WSGI = """\
import app

def web(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [app.TEXT.encode()]
"""
ASGI = """\
import app

async def web(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": app.TEXT.encode()})
"""
CELERY = """\
import celery

tasks = celery.Celery("tasks", broker="filesystem://", backend="file://" + "FOLDER/results")
tasks.conf.broker_transport_options = {key: "FOLDER/" + name for key, name in (
    ("data_folder_in", "queue"), ("data_folder_out", "queue"), ("control_folder", "control"))}
tasks.conf.worker_max_tasks_per_child = 1

@tasks.task
def double(number):
    return 2 * number
"""
ASK_CELERY = (
    "import sys, tasks; print(tasks.double.delay(int(sys.argv[1])).get(timeout=30))"
)

# A program that was judged, and starts a pool after its environment has drifted.
POOL = """\
import os, sys
{imports}

if __name__ == "__main__":
    os.rename(sys.argv[1] + "/ham-1.0.dist-info", sys.argv[1] + "/ham-2.0.dist-info")
    try:
{work}
    finally:
        print("the end")
"""
SPAWNED = """\
        for method in "spawn", "forkserver":
            with get_context(method).Pool(2) as pool:
                print(sum(pool.map(abs, range(-9, 0))))
"""
LOKY = """\
        print(sum(get_reusable_executor(max_workers=2).map(abs, range(-9, 0))))
"""
PARALLEL = """\
        work = (delayed(abs)(number) for number in range(-9, 0))
        print(sum(Parallel(n_jobs=2, backend="{}")(work)))
"""
POOLS = {
    "multiprocessing": ("from multiprocessing import get_context", SPAWNED),
    "multiprocess": ("from multiprocess import get_context", SPAWNED),
    "billiard": ("from billiard import get_context", SPAWNED),
    "loky": ("from loky import get_reusable_executor", LOKY),
    "joblib": (
        "from joblib import Parallel, delayed",
        PARALLEL.format("loky"),
    ),
    "joblib, multiprocessing": (
        "from joblib import Parallel, delayed",
        PARALLEL.format("multiprocessing"),
    ),
    "concurrent.futures": (
        "from concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context",
        "        print(sum(ProcessPoolExecutor(2, get_context('spawn')).map(abs, range(-9, 0))))\n",
    ),
}


class Web:
    """An environment with a web program whose source changes."""

    def __init__(self, folder: Path, program: str) -> None:
        self.one = Guarded(folder, packages=packages())
        self.one.write("web.py", program)
        self.edit("one")
        self.port = free_port()

    def edit(self, text: str) -> None:
        self.one.write("app.py", f"TEXT = {text!r}\n")

    def serve(self, *words: object, name: str = "server") -> Server:
        self.port = free_port()
        told = [str(word).replace("PORT", str(self.port)) for word in words]
        return Server([self.one.python, *told], self.one.folder, name)

    def edit_until(self, text: str, true: Callable[[], object]) -> bool:
        """Edit, and again if need be: to a reloader that had not looked before, an edit is no change."""
        for _ in range(4):
            self.edit(text)
            if until(true, PATIENCE / 4):
                return True
        return False

    def serves(self, text: str) -> bool:
        return until(lambda: get(self.port) == text)


def packages() -> Path:
    return CACHE / "servers" / ".".join(map(str, sys.version_info[:2]))


RELOADERS = {
    "Django": (DJANGO, ["web.py", "runserver", "127.0.0.1:PORT"]),
    "Flask": (
        FLASK,
        ["-m", "flask", "--app", "web:web", "run", "--debug", "--port", "PORT"],
    ),
    "bottle": (BOTTLE, ["web.py", "PORT"]),
}


def reloader(checks: Checks, folder: Path, title: str) -> None:
    program, words = RELOADERS[title]
    web = Web(folder, program)
    web.one.guard("exit")
    with checks.part(f"{title}, exit"), web.serve(*words) as server:
        checks.expect(f"{title} serves", web.serves("one"), True, server.said())
        web.one.drift()
        web.edit_until(
            "two", lambda: messages(server.said()) or server.process.poll() is not None
        )
        time.sleep(QUIET)
        checks.expect(
            f"{title}'s reloader after a drift: status, messages",
            (server.status(), messages(server.said())),
            (CODE, 1),
            server.said(),
        )
        checks.expect(f"{title}: nobody serves any more", get(web.port, seconds=0), "")
    web.one.guard("warn")
    with checks.part(f"{title}, warn"), web.serve(*words, name="warned") as server:
        checks.expect(f"{title} serves in warn", web.serves("two"), True, server.said())
        found = tables(server.said()), messages(server.said())
        checks.expect(
            f"{title} in warn: tables, messages of parent and child",
            found,
            (1, 2),
            server.said(),
        )
        reloaded = web.edit_until("three", lambda: get(web.port) == "three")
        checks.expect(f"{title} reloads in warn", reloaded, True, server.said())
        checks.expect(
            f"{title} in warn: tables after a reload",
            tables(server.said()),
            1,
            server.said(),
        )


def gunicorn(checks: Checks, folder: Path) -> None:
    web = Web(folder, WSGI)
    web.one.guard("exit")
    words = [
        "-m",
        "gunicorn",
        "-b",
        "127.0.0.1:PORT",
        "-w",
        "2",
        "--pid",
        "pid",
        "web:web",
    ]
    with checks.part("gunicorn"), web.serve(*words) as server:
        checks.expect("gunicorn serves", web.serves("one"), True, server.said())
        web.one.drift()
        web.edit("two")
        server.signal(signal.SIGHUP)
        checks.expect(
            "gunicorn serves anew after HUP", web.serves("two"), True, server.said()
        )
        checks.expect(
            "gunicorn's workers after HUP: messages",
            messages(server.said()),
            0,
            server.said(),
        )
        server.signal(signal.SIGUSR2)
        until(lambda: messages(server.said()))
        time.sleep(QUIET)
        found = messages(server.said()), web.serves("two"), server.process.poll()
        checks.expect(
            "gunicorn's next binary, by USR2, ends; the old one serves",
            found,
            (1, True, None),
            server.said(),
        )
    with checks.part("gunicorn, restarted"), web.serve(
        *words, name="restarted"
    ) as server:
        checks.expect(
            "gunicorn after a drift: status, messages",
            (server.status(), messages(server.said())),
            (CODE, 1),
            server.said(),
        )


def uvicorn(checks: Checks, folder: Path) -> None:
    web = Web(folder, ASGI)
    web.one.guard("exit")
    command = ["-m", "uvicorn", "--port", "PORT", "web:web"]
    with checks.part("uvicorn"), web.serve(*command, "--reload") as server:
        checks.expect("uvicorn serves", web.serves("one"), True, server.said())
        web.one.drift()
        checks.expect(
            "uvicorn reloads after a drift: its child was judged",
            web.edit_until("two", lambda: get(web.port) == "two"),
            True,
            server.said(),
        )
        checks.expect(
            "uvicorn: messages",
            (messages(server.said()), server.process.poll()),
            (0, None),
            server.said(),
        )
    web.one.mend()
    with checks.part("uvicorn --workers"), web.serve(
        *command, "--workers", "2", name="workers"
    ) as server:
        checks.expect("uvicorn's workers serve", web.serves("two"), True, server.said())
        web.one.drift()
        web.edit("three")
        server.signal(signal.SIGHUP)
        until(lambda: server.said().count("Started server process") >= 4)
        checks.expect(
            "uvicorn's workers serve after HUP",
            web.serves("three"),
            True,
            server.said(),
        )
        checks.expect(
            "uvicorn's workers: messages",
            (messages(server.said()), server.process.poll()),
            (0, None),
            server.said(),
        )
    with checks.part("uvicorn, restarted"), web.serve(
        *command, "--reload", name="restarted"
    ) as server:
        checks.expect(
            "uvicorn after a drift: status, messages",
            (server.status(), messages(server.said())),
            (CODE, 1),
            server.said(),
        )


def celery(checks: Checks, folder: Path) -> None:
    one = Guarded(folder, packages=packages())
    one.write("tasks.py", CELERY.replace("FOLDER", str(folder)))
    for name in "queue", "results", "control":
        (folder / name).mkdir()
    one.guard("exit")
    words = [
        "-m",
        "celery",
        "-A",
        "tasks:tasks",
        "worker",
        "-c",
        "1",
        "--pool",
        "prefork",
        "--without-mingle",
        "--without-gossip",
        "-l",
        "INFO",
    ]
    with checks.part("celery"), Server([one.python, *words], folder) as server:
        checks.expect("celery is ready", server.says(" ready."), True, server.said())
        done = one.run("-c", ASK_CELERY, "2")
        checks.expect(
            "celery's first child works",
            done.stdout,
            "4\n",
            done.stderr + server.said(),
        )
        one.drift()
        done = one.run("-c", ASK_CELERY, "3", env={"ENVLOCK_DISABLE": "1"})
        checks.expect(
            "celery's next child works after a drift",
            done.stdout,
            "6\n",
            done.stderr + server.said(),
        )
        checks.expect("celery: messages", messages(server.said()), 0, server.said())
    done = one.run(*words, timeout=60)
    checks.expect(
        "celery after a drift: status, messages",
        (done.returncode, messages(done.stderr)),
        (CODE, 1),
        done.stderr,
    )


def pools(checks: Checks, folder: Path) -> None:
    one = Guarded(folder, packages=packages())
    one.guard("exit")
    for title, (imports, work) in POOLS.items():
        with checks.part(title):
            program = one.write("pool.py", POOL.format(imports=imports, work=work))
            with Server([one.python, program, one.site], folder, title) as server:
                status, said = server.status(), server.said()
            numbers = [line for line in said.splitlines() if line in ("45", "the end")]
            expected = ["45"] * (1 + ("for method" in work)) + ["the end"]
            checks.expect(
                f"{title} in a judged program: status, output",
                (status, numbers),
                (0, expected),
                said,
            )
            checks.expect(
                f"{title} in a judged program: messages", messages(said), 0, said
            )
            one.mend()


def every_multiprocessing(checks: Checks, folder: Path) -> None:
    """multiprocessing's own pools, on every interpreter of this machine."""
    imports, work = POOLS["multiprocessing"]
    folder.mkdir()
    for name, python in interpreters().items():
        with checks.part(f"multiprocessing, {name}"):
            one = Guarded(folder / name.replace(" ", "-"), python)
            one.guard("exit")
            program = one.write("pool.py", POOL.format(imports=imports, work=work))
            with Server([one.python, program, one.site], one.folder) as server:
                status, said = server.status(), server.said()
            checks.expect(
                f"multiprocessing, {name}",
                (status, said),
                (0, "45\n45\nthe end\n"),
                said,
            )


def main() -> int:
    fitting = interpreters().get("cpython 3.13")
    if sys.version_info < (3, 12) and fitting:  # the newest Django asks for it
        os.execv(fitting, [fitting, *sys.argv])
    installed(packages(), *PACKAGES)
    checks = Checks("guard_servers")
    parts: dict[str, Callable[[Path], None]] = {
        "every": lambda folder: every_multiprocessing(checks, folder),
        "pools": lambda folder: pools(checks, folder),
        "celery": lambda folder: celery(checks, folder),
        "gunicorn": lambda folder: gunicorn(checks, folder),
        "uvicorn": lambda folder: uvicorn(checks, folder),
        **{
            title: lambda folder, title=title: reloader(checks, folder, title)
            for title in RELOADERS
        },  # type: ignore[misc]
    }
    with scratch() as folder, ThreadPoolExecutor(AT_ONCE) as pool:
        chosen = sys.argv[1:] or list(parts)
        list(pool.map(lambda title: parts[title](folder / title), chosen))
    return checks.end()


if __name__ == "__main__":
    raise SystemExit(main())
