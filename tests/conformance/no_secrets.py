"""Nothing that envlock prints or keeps shows a URL's user, password or query, wherever the URL stands. Offline.

`no_secrets.py [PLACE]`: all places, or those whose names contain this, each with what was printed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import envlock
from tests.support import CLEAN, COMMAND, ENVLOCK

SECRET = "s3c"  # begins each secret below, and occurs nowhere else
# No name server is asked for this host, and nothing listens there.
FORMS = {
    "user and password": "https://s3cuser:s3cpass@127.0.0.1:1/x",
    "one letter each": "https://s3cret@127.0.0.1:1/x",
    "escapes": "https://s3cret%40home:s3c%2Fret@127.0.0.1:1/x",
    "other schemes": "git+ssh://git:s3cret@127.0.0.1:1/x.git",
    "capitals": "HTTPS://User:s3cret@127.0.0.1:1/x",
    "a query": "https://127.0.0.1:1/x-1.0-py3-none-any.whl?X-Signature=s3cret&y=s3c",
    "a query before a fragment": "https://127.0.0.1:1/x-1.0.tar.gz?s3cret#egg=x",
    "git's own form": "s3cuser@127.0.0.1:team/x.git",
    "git's own form with a password": "user:s3cret@127.0.0.1:team/x.git",
    "a slash in the password": "https://user:s3c/ret@127.0.0.1:1/x",
    "a blank in the password": "https://user:s3c ret@127.0.0.1:1/x",
    "a sign in the password": "https://user:s3c@ret@127.0.0.1:1/x",
    "no slashes": "https:user:s3cret@127.0.0.1:1/x",
    "a reference": "git+https://s3cuser:s3cret@127.0.0.1:1/x.git@main#egg=x",
}

REQUIREMENTS = (
    *(
        "a {}",
        "a @ {}",
        "a @ {} ; bad",
        "a @ {} --bad",
        "{}",
        "{} trailing",
        "x=={}",
        "a[{}]",
        "a ; {}",
        "a[b] @{}",
    ),
    *(
        "-e {}",
        "-e {}#egg=a",
        "-e a @ {}",
        "-e git+{}",
        "-e git+{}#egg=?{}",
        "a @ {}#egg=?{}",
        "git+{}",
        "git+{}@",
    ),
    *(
        "{}#egg=a",
        "{}.whl",
        "./{}",
        "{}/x-1.0.tar.gz",
        "file:{}",
        "file://{}",
        "a @ file://{}",
        "a @ git+{}@v1",
    ),
    *(
        "--pre={}",
        "--no-index {}",
        "-i {}",
        "-i {} x",
        "--index-url={}",
        "--extra-index-url {} {}",
        "-f {}",
        "-F{}",
    ),
    *(
        "-r {}",
        "-c {}",
        "-r{}",
        "--requirement={}",
        "--constraint {}",
        "--hash={}",
        "a==1 --hash={}",
        "--what={}",
    ),
    *(
        "a==1 --hash=sha256:{}",
        "a==1 --config-settings={}",
        "-C{}",
        "--trusted-host {} x",
        "a==1 --{}",
        "--{}",
    ),
    *(
        "'{}",
        "a ; python_version == '{}'",
        "a ; '{}' < 'x'",
        "a ; x == '{}'",
        "root:{}",
        "a @ '{}'",
        "a ~= {}",
    ),
    *(
        "a @ {}\\\n {}",
        "a @ ${{URL}}",
        "-r ${{URL}}",
        "${{URL}}",
        "a ${{URL}}",
        "a==${{URL}}",
        "--pre=${{URL}}",
    ),
    *(
        "{{'url': '{}'}}",
        '"{}"',
        "{}[a]",
        "a==={}",
        "<a href='{}'>",
        "a @ hg+{}",
        "=={}",
    ),
)
PYPROJECT = "[project]\nname = 'x'\nversion = '1'\n"
PYPROJECTS = (
    *(
        "dependencies = ['a @ {}']",
        "dependencies = ['a {}']",
        "dependencies = ['{}']",
        "requires-python = '{}'",
    ),
    *(
        "dependencies = [{}]",
        "dependencies = {}",
        "dependencies = '{}'",
        "dynamic = ['{}']",
        "dynamic = '{}'",
    ),
    *(
        "optional-dependencies = {{ '{}' = 1 }}",
        "optional-dependencies = {{ a = ['b; {}'] }}",
        "'{}' = {}",
    ),
    *(
        "[dependency-groups]\n'{}' = 1",
        "[dependency-groups]\na = [{{include-group = '{}'}}]",
    ),
    *(
        "[dependency-groups]\na = ['{}']",
        "[dependency-groups]\na = [{{'{}' = 1}}]",
        "[dependency-groups]\na = '{}'",
    ),
)
POETRY = "[tool.poetry]\nname = 'x'\nversion = '1'\n[tool.poetry.dependencies]\n"
POETRY_TABLES = (
    *(
        "a = '{}'",
        "python = '{}'",
        "a = {{git = '{}'}}",
        "a = {{url = '{}'}}",
        "a = {{path = '{}'}}",
        "a = {}",
    ),
    *(
        "a = {{version = '{}'}}",
        "a = {{git = '{}', branch = '{}'}}",
        "a = {{git = '{}', rev = 1}}",
        "a = ['{}']",
    ),
    *(
        "a = {{version = '1', markers = '{}'}}",
        "a = {{version = '1', python = '{}'}}",
        "'{}' = '1'",
    ),
)
UV = "version = 1\nrequires-python = '>=3.8'\n[[package]]\nname = 'r'\nversion = '1'\nsource = {{ virtual = '.' }}\n"
UV += "dependencies = [{{ name = 'a' }}]\n[[package]]\nname = 'a'\n"
UV_TABLES = (
    *(
        "version = '1'\nsource = {{ git = '{}' }}",
        "source = {{ git = '{}?rev=main#{sha}' }}",
        "source = '{}'",
    ),
    *(
        "version = '1'\nsource = {{ url = '{}' }}",
        "source = {{ path = '{}' }}",
        "source = {{ editable = '{}' }}",
    ),
    *(
        "version = '{}'\nsource = {{ registry = '{}' }}",
        "version = '1'\nsource = {{ registry = '{}' }}",
    ),
    *(
        "source = {{ directory = '{}' }}",
        "source = {{ '{}' = 1 }}",
        "version = '1'\nresolution-markers = ['{}']",
    ),
    *(
        "version = '1'\nsource = {{ registry = 'x' }}\ndependencies = [{{ name = 'b', marker = '{}' }}]",
        "version = {}",
    ),
    *(
        "version = '1'\nsource = {{ registry = 'x' }}\ndependencies = [{{ name = '{}' }}]",
        "version = ['{}']",
    ),
)
POETRY_LOCK = "[metadata]\nlock-version = '2.1'\npython-versions = '*'\n[[package]]\nname = 'a'\nversion = '1'\n"
POETRY_LOCK += "optional = false\ngroups = ['main']\n"
POETRY_LOCKS = (
    *(
        "[package.source]\ntype = 'git'\nurl = '{}'\nreference = 'm'\nresolved_reference = '{sha}'",
        "groups = ['{}']",
    ),
    *(
        "[package.source]\ntype = 'url'\nurl = '{}'",
        "[package.source]\ntype = '{}'\nurl = 'x'",
        "markers = '{}'",
    ),
    *(
        "[package.source]\ntype = 'file'\nurl = '{}'",
        "[package.source]\ntype = 'directory'\nurl = '{}'",
        "{}",
    ),
    *(
        "[package.source]\ntype = 'git'\nurl = 'x'\nresolved_reference = '{}'",
        "markers = {{ main = '{}' }}",
    ),
)
PDM = "[metadata]\ngroups = ['default']\nstrategy = ['inherit_metadata']\nlock_version = '4.5.0'\ncontent_hash = 'x'\n"
PDM += "[[package]]\nname = 'a'\nversion = '1'\ngroups = ['default']\n"
PDM_TABLES = (
    *(
        "git = '{}'\nrevision = '{sha}'",
        "url = '{}'",
        "path = '{}'",
        "marker = '{}'",
        "requires_python = '{}'",
    ),
    *("git = '{}'", "git = 'x'\nrevision = '{}'", "git = ['{}']", "{}"),
)
PYLOCK = "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'a'\n"
PYLOCK_TABLES = (
    *(
        "vcs = {{ type = 'git', url = '{}', commit-id = '{sha}' }}",
        "archive = {{ url = '{}', hashes = {{}} }}",
    ),
    *(
        "vcs = {{ type = 'git', url = 'x', commit-id = '{}' }}",
        "vcs = {{ type = '{}', url = 'x' }}",
        "marker = '{}'",
    ),
    *(
        "version = '1'\nindex = '{}'\nwheels = [{{ url = '{}', hashes = {{}} }}]",
        "directory = {{ path = '{}' }}",
    ),
    *(
        "version = '1'\nsdist = {{ url = '{}', hashes = {{}} }}",
        "requires-python = '{}'",
        "version = '{}'",
        "{}",
    ),
)
PIPFILE = '{{"_meta": {{"hash": {{"sha256": ""}}, "pipfile-spec": 6, "requires": {{}}, "sources": [{{"url": "{}"}}]}},'
PIPFILE += '"default": {{"a": '
PIPFILES = (
    *(
        '{{"git": "{}", "ref": "{sha}"}}',
        '{{"file": "{}"}}',
        '{{"path": "{}"}}',
        '{{"version": "{}"}}',
        '"{}"',
        "{}",
    ),
    *(
        '{{"version": "==1", "markers": "{}"}}',
        '{{"git": "x", "ref": "{}"}}',
        '{{"git": ["{}"]}}',
    ),
    *('{{"file": "{}", "editable": true}}', '{{"version": "==1", "index": "{}"}}'),
)
# An argument each, beside a bound.
ARGUMENTS = (
    *(
        ["--bound", "{}"],
        ["--extra", "{}"],
        ["--group", "{}"],
        ["--no-group", "{}"],
        ["--package", "{}"],
        ["{}"],
    ),
    *(
        ["--bound-options", "{}"],
        ["--ignore", "{}"],
        ["-e", "{}"],
        ["--color", "{}"],
        ["--{}"],
        ["write", "-o", "{}"],
    ),
    *(
        ["write", "-o", "x", "-d", "{}"],
        ["exit", "--code", "{}"],
        ["--what={}"],
        ["--integrity={}"],
    ),
)
REFERENCES = (
    '{{"url": "{}", "vcs_info": {{"vcs": "git", "commit_id": "{sha}"}}}}',
    '{{"url": "{}", "vcs_info": {{"vcs": "git", "commit_id": "{sha}", "requested_revision": "{}"}}}}',
    '{{"url": "{}", "vcs_info": {{"vcs": "git", "commit_id": "{}"}}}}',
    '{{"url": "{}", "vcs_info": {{"vcs": "{}"}}}}',
    '{{"url": "{}", "archive_info": {{"hashes": {{"sha256": "{sha}"}}}}}}',
    '{{"url": "{}", "dir_info": {{"editable": true}}}}',
    '{{"url": "{}", "dir_info": {{}}, "subdirectory": "{}"}}',
)
RECORDS = {
    "METADATA": "Name: r\nVersion: {}\n",
    "RECORD": "{},sha256=abc,1\n../../../../../../{},sha256=abc,1\nr/{},sha256=abc,1\n",
}
# What a reference is compared with, in this environment.
ASKED = (
    "r==1.0\n",
    "r @ git+https://127.0.0.1:1/other@main\n",
    "r @ https://127.0.0.1:1/o.whl\n",
    "-e ./r\n",
)


class Place:
    """Where a URL stands: files by name, relative to a folder, and the words of a command."""

    def __init__(
        self, name: str, files: dict[str, str], words: list[str] | None = None
    ) -> None:
        self.name, self.files = name, files
        self.words = words or ["--bound", next(iter(files))]


# Where a path or NAME @ PATH may stand, what is no URL means a path, and a name is no secret.
PATHS = (
    "path =",
    "directory =",
    "editable =",
    '"path"',
    '"editable"',
    "'path'",
    "./{}",
    "file:{}",
    "'file'",
)
PATHS += ("'directory'", '"file"', "RECORD", "@ '{}'", "METADATA", "subdirectory")
NO_PATHS = (
    "a query",
    "a query before a fragment",
    "no slashes",
    "a slash in the password",
)
NO_PATHS += ("a blank in the password",)
REMOTE_PATHS = ("git's own form", "git's own form with a password")
URLS = ("git = '{}'", "url = '{}'", '"git": "{}"', '"url": "{}"', "git+{}")


def is_meant(form: str, place: Place) -> bool:
    """Whether a form is one that can hold a secret in a place."""
    if form in REMOTE_PATHS:
        return any(url in place.name for url in URLS)
    return form not in NO_PATHS or not any(path in place.name for path in PATHS)


def filled(text: str, url: str) -> str:
    """A template with the URL in each of its braces."""
    return text.format(*[url] * text.count("{}"), sha="0123456789" * 4)


def places(url: str) -> Iterator[Place]:
    for template in REQUIREMENTS:
        yield Place(
            f"requirements: {template}",
            {"requirements.txt": filled(template, url) + "\n"},
        )
    nested = filled("a {}\n", url)
    yield Place(
        "a nested file", {"requirements.txt": "-r nested.txt\n", "nested.txt": nested}
    )
    tables: list[tuple[str, str, tuple[str, ...], str]] = [
        ("pyproject.toml", PYPROJECT, PYPROJECTS, ""),
        ("pyproject.toml", POETRY, POETRY_TABLES, ""),
        ("uv.lock", UV, UV_TABLES, ""),
        ("poetry.lock", POETRY_LOCK, POETRY_LOCKS, ""),
        ("pdm.lock", PDM, PDM_TABLES, ""),
        ("pylock.toml", PYLOCK, PYLOCK_TABLES, ""),
        ("Pipfile.lock", PIPFILE, PIPFILES, "}}"),
    ]
    for file, head, templates, end in tables:
        for template in templates:
            text = filled(head + template, url) + end + "\n"
            yield Place(
                f"{file}: {template}",
                {file: text},
                ["--bound", file, "--all-extras", "--all-groups"],
            )
    yield Place(
        "a script",
        {
            "x.py": filled(
                "# /// script\n# dependencies = ['a @ {}', 'b {}']\n# ///\n", url
            )
        },
    )
    for arguments in ARGUMENTS:
        words = [filled(word, url) for word in arguments]
        yield Place(
            f"arguments {words}", {"bound.txt": "a\n"}, ["--bound", "bound.txt", *words]
        )


def installed_places(site: Path, url: str) -> Iterator[Place]:
    """Where a URL stands in the environment itself; the record is written before each is returned."""
    record = site / "r-1.0.dist-info"
    record.mkdir(exist_ok=True)
    for template in REFERENCES:
        (record / "METADATA").write_text("Name: r\nVersion: 1.0\n")
        (record / "direct_url.json").write_text(filled(template, url))
        for asked in ASKED:
            yield Place(
                f"direct_url.json: {template}, {asked!r}", {"requirements.txt": asked}
            )
    shutil.rmtree(record)
    record = site / "r.dist-info"
    for name, template in RECORDS.items():
        record.mkdir()
        (record / "METADATA").write_text("Name: r\nVersion: 1.0\n")
        (record / name).write_text(filled(template, url))
        words = ["--bound", "requirements.txt", "--integrity"]
        yield Place(f"{name}: {template!r}", {"requirements.txt": "r==1.0\n"}, words)
        shutil.rmtree(record)
    (site / "secret.pth").write_text(f"{url}\n")
    (site / "r.egg-link").write_text(f"{url}\n.")
    yield Place("path lines", {"requirements.txt": "r==1.0\n"})
    (site / "secret.pth").unlink()
    (site / "r.egg-link").unlink()


# -- outputs


def outputs() -> list[list[str]]:
    """Words of the command line, each with another kind of output."""
    done = subprocess.run(
        [sys.executable, str(ENVLOCK), "validate", "--help"],
        stdout=-1,
        env=CLEAN,
        check=True,
    )
    known = done.stdout.decode()
    named = [
        [name]
        for name in ("json", "github", "sarif", "junit", "exit")
        if f"\n    {name} " in known
    ]
    return [
        [],
        *([["-v"]] if "--verbose" in known else []),
        *named,
        ["write", "-o", "report.csv"],
    ]


def shown(words: list[str]) -> tuple[int, str]:
    """Exit status and all that a command prints or writes."""
    out, err = io.StringIO(), io.StringIO()
    report = Path("report.csv")
    report.unlink(missing_ok=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = envlock.main(["validate", *words])
        except SystemExit as ended:
            status = int(str(ended.code))
    return status, out.getvalue() + err.getvalue() + (
        report.read_text() if report.exists() else ""
    )


class Table:
    """Compares each place with each output."""

    def __init__(self, chosen: str) -> None:
        self.chosen, self.count, self.failures = chosen, 0, list[str]()

    def look(self, form: str, place: Place, kinds: list[list[str]]) -> None:
        if self.chosen not in place.name or not is_meant(form, place):
            return
        for name, text in place.files.items():
            Path(name).write_text(text)
        for number, kind in enumerate(kinds):
            closed = place.words[-2:-1] in (["-o"], ["-d"], ["--code"])
            status, text = shown([*place.words, *([] if closed else kind)])
            self.note(f"{form}: {place.name} {' '.join(kind)}", status, text)
            if status not in (0, 3) or closed:
                break  # an error is the same whatever the output
            if status == 0 and number:
                break

    def note(self, title: str, status: int, text: str) -> None:
        self.count += 1
        bad = SECRET in text.lower()
        if bad or "Traceback" in text or status not in (0, 2, 3) or self.chosen:
            self.failures += (
                [f"{title}: status {status}: {text!r}"]
                if bad or not self.chosen
                else []
            )
            if self.chosen and not bad:
                print(title, status, repr(text))

    def expect(self, title: str, holds: bool) -> None:
        """Without this a test of what is printed could hold since nothing is."""
        self.count += 1
        self.failures += [] if holds else [f"{title}: it says nothing"]


def look_inside(folder: Path, chosen: str) -> Table:
    """Everything that a comparison prints, by the environment that runs this."""
    os.chdir(folder)
    site = Path(envlock.this_interpreter().sites[0])
    table, kinds = Table(chosen), outputs()
    for form, url in FORMS.items():
        os.environ["URL"] = url
        for place in places(url):
            table.look(form, place, kinds)
        for place in installed_places(site, url):
            table.look(form, place, kinds)
    return table


def look_at_guard(folder: Path, python: str) -> Table:
    """What a guard prints as it is installed and at a start, and keeps in its folder and its log.

    It is installed once, with a record of each form; then each form stands in a record and in the bound.
    """
    table = Table("")
    site = next((folder / "venv" / "lib").glob("*/site-packages"))
    command = [sys.executable, "-c", COMMAND, "-e", python]
    bound, log = folder / "guard.txt", folder / "log"
    names = [f"r{number}" for number in range(len(FORMS))]
    for name, url in zip(names, FORMS.values()):
        write_reference(site, name, url)
    bound.write_text("".join(ASKED[0].replace("r", name, 1) for name in names))
    words = [*command, "site-install", "--bound", str(bound), "--log", str(log), "exit"]
    table.note("a guard's installation", 0, run(words, folder))
    for name in names:
        shutil.rmtree(site / f"{name}-1.0.dist-info")
    for form, url in FORMS.items():
        write_reference(site, "r", url)
        for text in (ASKED[0], filled("a @ {}\n", url), filled("--pre={}\n", url)):
            if form in REMOTE_PATHS and text.startswith("a @"):
                continue  # a path
            bound.write_text(text)
            commands = [[python, "-c", "pass"], [*command, "site-status", "json"]]
            if text == ASKED[0]:  # again, by what is kept; and as people read it
                commands += [[python, "-c", "pass"], [*command, "site-status"]]
            done = [run(words, folder) for words in commands]
            kept = [
                path
                for path in (site / "_envlock").iterdir()
                if path.suffix.startswith((".state", ".json"))
            ]
            texts = [path.read_bytes().decode("latin-1") for path in (*kept, log)]
            table.note(f"{form}: a guard with {text!r}", 0, "\n".join([*done, *texts]))
            table.expect(f"{form}: a start", "envlock: this Python" in done[0])
    return table


def write_reference(site: Path, name: str, url: str) -> None:
    """A record that was installed from a repository."""
    record = site / f"{name}-1.0.dist-info"
    record.mkdir(exist_ok=True)
    (record / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    (record / "direct_url.json").write_text(filled(REFERENCES[0], url))


def run(words: list[str], folder: Path) -> str:
    done = subprocess.run(
        words, cwd=folder, env=CLEAN, stdin=-3, stdout=-1, stderr=-2, timeout=120
    )
    return done.stdout.decode(errors="replace")


def main() -> int:
    if sys.argv[1:2] == ["--inside"]:
        table = look_inside(Path(sys.argv[2]), sys.argv[3])
        print("\n" + json.dumps([table.count, table.failures]))
        return 0
    chosen = "".join(sys.argv[1:])
    fast = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = Path(tempfile.mkdtemp(prefix="envlock-secrets-", dir=fast))
    try:
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")],
            check=True,
        )
        python = str(folder / "venv" / "bin" / "python")
        words = [python, __file__, "--inside", str(folder), chosen]
        done = subprocess.run(words, env=CLEAN, stdin=-3, stdout=-1, check=True)
        text, _, last = done.stdout.decode().rstrip("\n").rpartition("\n")
        count, failures = json.loads(last)
        if chosen:
            print(text)
        else:
            guard = look_at_guard(folder, python)
            count, failures = count + guard.count, failures + guard.failures
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(failures))
    print(f"secrets: {count} comparisons, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
