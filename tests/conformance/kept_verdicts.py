"""A verdict that a guard keeps is that of a fresh validation, whatever changes between starts and during them.

Random operations, by a seed, on records, bounds, links, path lines, users and environments: before a start, while it
judges, and after it. Then the next start's answer must be what `validate` finds. Most starts run Python's own `site` in
a child of a process that has all modules already, with the guard's time windows shortened; the operations happen
before a call of the system by the guard that is drawn. The others are real starts, and real time.

`kept_verdicts.py [--seed N] [--world N] [--operations N] [--starts N]`: how many operations there shall be during the
judging of the one kind of starts and of the other; `--world` is one of those printed.
"""

from __future__ import annotations

import argparse
import builtins
import contextlib
import ctypes
import gc
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

OPERATIONS, REAL_OPERATIONS = 10_000, 1_000
WORKERS, THREADS = 4, 6
CYCLES, REAL_CYCLES = 60, 6  # of one world; then comes another
DURING = (1, 2, 4, 8, 16, 32, 48)  # operations while a start judges
SCALE = 10
# The name of envlock in a guard, which doesn't compare its own code with what an interpreter would make of it: that
# takes seconds, and nothing here changes it.
GUARD = "_envlock"
TELL_AT_MOST = 3  # differences of a world
USERS = (0, 65534, 65533)
PER_LINUX32, PER_LINUX = 8, 0
NAMES = ("ham", "spam", "foo", "evil", "lib", "bar")
VERSIONS = ("1.0", "2.0")
# The bounds that a bound names: pins alone.
PINNED = (
    "nested/more.txt",
    "pins.txt",
    "a.txt",
    "b.txt",
    "one/lock.txt",
    "two/lock.txt",
)
COMMITS = ("1" * 40, "2" * 40)
WHEEL = 'url = "https://files.example/x.whl", hashes = {sha256 = "' + "0" * 64 + '"}'
Undo = Callable[[], Any]
Operation = Callable[[], "tuple[str, Undo | None]"]


class Context(NamedTuple):
    """Who starts Python, and on what machine."""

    user: int = 0
    home: str = ""  # not set
    base: str = ""
    machine: int = PER_LINUX

    def environment(self) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in ("PATH", "LANG", "TMPDIR")
        }
        told = {"HOME": self.home, "PYTHONUSERBASE": self.base}
        return {**kept, **{key: value for key, value in told.items() if value}}


class Answer(NamedTuple):
    """What a start says, or what a fresh validation finds."""

    rows: tuple[str, ...] = ()
    error: str = ""
    kept: bool = False
    calls: int = 0  # of the system, by the guard


# -- the world that changes


class Template(NamedTuple):
    """A guarded environment of one Python, which worlds copy: only its bounds and its policy are still to be told."""

    folder: Path
    envlock: Path  # that it is guarded by
    ignored: list[
        str
    ]  # the names that the base interpreter has, which are of no interest
    users: tuple[int, ...]  # who can start it

    @classmethod
    def make(
        cls, folder: Path, python: str, envlock: Path, users: Sequence[int]
    ) -> Template:
        folder.mkdir()
        venv = folder / "venv"
        check([python, "-m", "venv", "--without-pip", venv])
        bound = folder / "requirements.txt"
        bound.write_text("")
        target = ["-e", venv / "bin" / "python", "site-install", "-b", bound, "warn"]
        check([sys.executable, envlock, "-q", *target])
        for state in venv.glob("lib/python3*/site-packages/_envlock/*.state*"):
            state.unlink()
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import envlock;"
            "print(*{one.name for one in envlock.scan(envlock.this_interpreter())})"
        )
        settings = {**os.environ, "PYTHONNOUSERSITE": "1"}
        done = check([python, "-c", code, envlock.parent], env=settings)
        names = set(done.split()) - set(NAMES) | {"setuptools"}
        template = cls(folder, envlock, sorted(names), tuple(users))
        plain = [str(folder), str(envlock), template.ignored, template.users]
        (folder / "template.json").write_text(json.dumps(plain))
        return template

    @classmethod
    def read(cls, folder: Path) -> Template:
        path, envlock, ignored, users = json.loads(
            (folder / "template.json").read_text()
        )
        return cls(Path(path), Path(envlock), ignored, tuple(users))


class World:
    """Two environments, one of them current; bounds; homes; and what may be done to all of that."""

    def __init__(self, folder: Path, template: Template, seed: int) -> None:
        self.folder, self.seed, self.random = folder, seed, random.Random(seed)
        self.users, self.envlock = template.users, template.envlock
        self.history: list[str] = []
        self.count = 0
        folder.mkdir()
        folder.chmod(0o755)
        self.integrity = self.random.random() < 0.25
        self.kind = self.random.choice(
            ("requirements", "link", "release", "linked folder", "pylock")
        )
        with_base = self.random.random() < 0.6 and not self.integrity
        for side in "blue", "green":
            shutil.copytree(template.folder / "venv", folder / side, symlinks=True)
            settings = folder / side / "pyvenv.cfg"
            text = settings.read_text()
            settings.write_text(
                text.replace("= false", "= true") if with_base else text
            )
        self.switch_link(folder / "current", "blue")
        self.python = str(folder / "current" / "bin" / "python")
        self.sites = [
            next((folder / side).glob("lib/python3*/site-packages"))
            for side in ("blue", "green")
        ]
        version = self.sites[0].parent.name
        self.homes = [
            str(folder / "homes" / name) for name in ("ada", "bob", "root", "nobody")
        ]
        self.bases = [str(folder / "bases" / name) for name in ("one", "two")]
        places = [f"{home}/.local" for home in self.homes] + self.bases
        self.user_sites = (
            [Path(place) / "lib" / version / "site-packages" for place in places]
            if with_base
            else []
        )
        for site in self.user_sites[: self.random.randrange(1, 6)]:
            site.mkdir(parents=True)
        self.project = folder / "project"
        self.make_project()
        self.ignored = template.ignored if with_base else ["setuptools"]
        self.install()

    # what is there

    def make_project(self) -> None:
        for place in ("nested", "one", "two", "paths/one", "paths/two", "away"):
            (self.project / place).mkdir(parents=True, exist_ok=True)
        self.switch_link(self.project / "paths" / "link", "one")
        self.switch_link(self.project / "folder", "one")
        self.write(self.project / "requirements.txt", self.requirements())
        for name in PINNED:
            self.write(self.project / name, self.pins())
        for side in "blue", "green":
            self.write(self.folder / side / "release.txt", self.pins())
        self.write(self.project / "pylock.toml", self.pylock())
        self.switch_link(self.project / "link.txt", "a.txt")
        for site in self.sites:
            for _ in range(3):
                self.add_record(site)
            self.write(site / "paths.pth", self.path_lines())

    @property
    def bounds(self) -> list[Path]:
        project = self.project
        return {
            "requirements": [project / "requirements.txt"],
            "link": [project / "requirements.txt", project / "link.txt"],
            "release": [self.folder / "current" / "release.txt"],
            "linked folder": [project / "folder" / "lock.txt"],
            "pylock": [project / "pylock.toml"],
        }[self.kind]

    def pins(self) -> str:
        names = self.random.sample(NAMES, 3)
        return "".join(f"{name}=={self.random.choice(VERSIONS)}\n" for name in names)

    def requirements(self) -> str:
        choose = self.random.choice
        lines = [
            "ham==" + choose(VERSIONS),
            "foo @ git+https://host.example/foo@" + choose(COMMITS),
            choose(("-r nested/more.txt", "-c pins.txt", "bar==1.0")),
            choose(("-e ./lib", "./lib", "lib==1.0")),
            f'spam=={choose(VERSIONS)}; platform_machine == "{choose(("x86_64", "i686"))}"',
        ]
        return "".join(f"{line}\n" for line in lines if self.random.random() < 0.7)

    def pylock(self) -> str:
        text = 'lock-version = "1.0"\ncreated-by = "x"\n'
        for name in self.random.sample(NAMES, 3):
            text += f'[[packages]]\nname = "{name}"\nversion = "{self.random.choice(VERSIONS)}"\n'
            text += self.random.choice(
                ("", "marker = \"platform_machine == 'x86_64'\"\n")
            )
            text += f'wheels = [{{name = "{name}-1.0-py3-none-any.whl", {WHEEL}}}]\n'
        return text

    def path_lines(self) -> str:
        folders = (
            "paths/one",
            "paths/two",
            "paths/link",
            "paths/away",
            "eggs/bar-1.0-py3.egg",
            "eggs/zip-1.0-py3.egg",
            "lib",
        )
        return "".join(
            f"{self.project}/{name}\n"
            for name in self.random.sample(folders, self.random.randrange(4))
        )

    def places(self) -> list[Path]:
        """Where records may be."""
        paths = [self.project / "paths" / name for name in ("one", "two")]
        return [
            *self.sites,
            *self.sites,
            self.folder / "current" / self.sites[0].relative_to(self.folder / "blue"),
            *paths,
            *self.user_sites,
        ]

    def records(self) -> list[Path]:
        endings = (".dist-info", ".egg-info", ".egg-link")
        found = [
            path
            for place in self.places()
            if place.is_dir()
            for path in place.iterdir()
        ]
        return sorted(
            {
                path.parent.resolve() / path.name
                for path in found
                if path.name.lower().endswith(endings)
            }
        )

    # the guard

    def install(self) -> None:
        """Tell both environments' guards what they are to compare."""
        envlock = loaded(self.envlock)
        policy = envlock.Policy(
            integrity=self.integrity, ignore=frozenset(self.ignored)
        )
        configuration = envlock.GuardConfiguration(
            tuple(map(str, self.bounds)),
            str(self.project),
            envlock.Selection(),
            policy,
        )
        shared = self.random.random() < 0.5
        for site in self.sites:
            guard = site / "_envlock"
            (guard / "guard.json").write_text(configuration.to_json())
            if shared:  # an environment that several users may write
                for path in (guard, *guard.iterdir()):
                    path.chmod(0o777 if path.is_dir() else 0o666)

    def context(self) -> Context:
        choose = self.random.choice
        user = choose(self.users)
        home = choose(["", *self.homes[:2]])
        base = choose(["", "", "", *self.bases])
        return Context(user, home, base, choose((PER_LINUX,) * 5 + (PER_LINUX32,)))

    # primitives

    def write(self, path: Path, text: str, how: str = "replace") -> None:
        """Write a file in place, in one step, or with its old time."""
        data = text.encode()
        if how == "replace" or not path.exists():
            temporary = path.parent / f".{path.name}.{self.random.random()}"
            temporary.write_bytes(data)
            os.replace(temporary, path)
            return
        times = path.stat()
        with open(path, "r+b") as file:
            file.write(data)
            file.truncate()
        if how == "forged":
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def rewrite(self, path: Path, text: str) -> tuple[str, Undo | None]:
        how = self.random.choice(("replace", "place", "forged"))
        before = path.read_text() if path.is_file() else None
        self.write(path, text, how)
        undo = (
            (lambda: self.write(path, before, how))
            if before is not None
            else path.unlink
        )
        return f"{how} {self.short(path)}: {text!r}", undo

    def switch_link(self, link: Path, target: str) -> None:
        temporary = link.parent / f".{link.name}.new"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(target)
        os.replace(temporary, link)

    def hide(self, path: Path) -> tuple[str, Undo | None]:
        """Move something away, where it can be had again with its inode."""
        self.count += 1
        aside = self.project / "away" / str(self.count)
        os.rename(path, aside)
        return f"away with {self.short(path)}", lambda: os.rename(aside, path)

    def short(self, path: Path) -> str:
        return str(path).replace(str(self.folder), "")

    # operations: each tells what it has done, and how that is taken back

    def add_record(self, site: Path | None = None) -> tuple[str, Undo | None]:
        choose = self.random.choice
        site = site or choose(self.places())
        name, version = choose(NAMES), choose(VERSIONS)
        form = choose(
            (
                "plain",
                "plain",
                "plain",
                "odd",
                "bad version",
                "egg-info",
                "egg file",
                "egg link",
                "bare",
            )
        )
        stem = {
            "plain": f"{name}-{version}.dist-info",
            "odd": choose(
                (
                    f"{name.title()}-{version}.DIST-INFO",
                    f"{name}-{version}.Egg-Info",
                    f"{name}-{version}.Dist-info",
                )
            ),
            "bad version": f"{name}-{choose('12')}x.dist-info",
            "egg-info": f"{name}-{version}.egg-info",
            "egg file": choose((f"{name}.egg-info", f"{name}-{version}-py3.egg-info")),
            "egg link": f"{name}.egg-link",
            "bare": choose((f"{name}.dist-info", f"{name}.egg-info")),
        }[form]
        record = site / stem
        if os.path.lexists(record):
            return self.hide(record)
        site.mkdir(parents=True, exist_ok=True)
        headers = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if form in ("egg file", "egg link"):
            self.write(
                record, f"{self.project}/lib\n.\n" if form == "egg link" else headers
            )
            return f"add {self.short(record)}", record.unlink
        made = self.project / "away" / f"made-{self.random.random()}"
        made.mkdir()
        (
            made
            / choose(
                ("METADATA", "PKG-INFO")
                if form == "bare"
                else ("PKG-INFO" if "egg" in stem.lower() else "METADATA",)
            )
        ).write_text(headers)
        (made / "RECORD").write_text("")
        if choose((True, False, False)):
            (made / "direct_url.json").write_text(self.origin())
        os.rename(made, record)
        return f"add {self.short(record)} ({version})", lambda: self.hide(record)

    def origin(self) -> str:
        url = {
            "url": "https://host.example/foo",
            "vcs_info": {"vcs": "git", "commit_id": self.random.choice(COMMITS)},
        }
        folder = {
            "url": (self.project / "lib").as_uri(),
            "dir_info": {"editable": self.random.random() < 0.5},
        }
        return json.dumps(self.random.choice((url, folder)))

    def drop_record(self) -> tuple[str, Undo | None]:
        records = self.records()
        return self.hide(self.random.choice(records)) if records else self.add_record()

    def move_record(self) -> tuple[str, Undo | None]:
        """Another version, in one step."""
        records = [
            path
            for path in self.records()
            if any(f"-{version}" in path.name for version in VERSIONS)
        ]
        if not records:
            return self.add_record()
        record = self.random.choice(records)
        version = next(version for version in VERSIONS if f"-{version}" in record.name)
        target = record.with_name(
            record.name.replace(version, "2.0" if version == "1.0" else "1.0")
        )
        if os.path.lexists(target):
            return self.hide(target)
        os.rename(record, target)
        return f"rename {self.short(record)} to {target.name}", lambda: os.rename(
            target, record
        )

    def change_record(self) -> tuple[str, Undo | None]:
        """A record that is changed in place: what it tells of its version, or of its origin."""
        records = [
            path for path in self.records() if path.name.lower().endswith("-info")
        ]
        if not records:
            return self.add_record()
        record = self.random.choice(records)
        if record.is_file():
            name = re.split(r"[-.]", record.name)[0].lower()
            return self.rewrite(
                record,
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {self.random.choice(VERSIONS)}\n",
            )
        if self.random.random() < 0.6:
            return self.change_origin(record)
        tells = [
            record / name
            for name in ("METADATA", "PKG-INFO")
            if (record / name).exists()
        ]
        name = re.split(r"[-.]", record.name)[0].lower()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {self.random.choice(VERSIONS)}\n"
        return self.rewrite(tells[0] if tells else record / "METADATA", text)

    def change_origin(self, record: Path) -> tuple[str, Undo | None]:
        """Another origin, or none, or one where there was none.

        No start looks whether one has come into an old record whose name tells its version, unless the bound demands
        an origin of that name, or integrity: so the record is replaced then, as installers do.
        """
        origin = record / "direct_url.json"
        gone = origin.exists() and self.random.random() < 0.4
        text = "" if gone else self.origin()
        demands = record.name.startswith("foo-") and "foo @" in "".join(
            bound.read_text() for bound in self.bounds if bound.is_file()
        )
        is_plain = re.search(r"-\d\.\d\.", record.name)
        if is_plain and not self.integrity and not demands:
            return self.replace_record(record, text)
        return self.hide(origin) if gone else self.rewrite(origin, text)

    def replace_record(self, record: Path, origin: str) -> tuple[str, Undo | None]:
        """Put in a record's place one with this origin, or with none."""
        self.count += 1
        new, old = (
            self.project / "away" / f"{self.count}-{age}" for age in ("new", "old")
        )
        shutil.copytree(record, new)
        (new / "direct_url.json").unlink(missing_ok=True)
        if origin:
            (new / "direct_url.json").write_text(origin)
        os.rename(record, old)
        os.rename(new, record)

        def undo() -> None:
            os.rename(record, new)
            os.rename(old, record)

        return f"replace {self.short(record)}, origin {origin!r}", undo

    def link_record(self) -> tuple[str, Undo | None]:
        """A record behind a link, or that link switched."""
        site, name = self.random.choice(self.sites), "spam-1.0.dist-info"
        record = site / name
        if os.path.lexists(record) and not record.is_symlink():
            return self.hide(record)
        for side in "one", "two":
            place = self.project / "away" / f"record-{side}"
            place.mkdir(exist_ok=True)
            (place / "METADATA").write_text(
                "Metadata-Version: 2.1\nName: spam\nVersion: 1.0\n"
            )
        (self.project / "away" / "record-two" / "direct_url.json").write_text(
            self.origin()
        )
        before = os.readlink(record) if record.is_symlink() else ""
        target = str(
            self.project
            / "away"
            / ("record-two" if before.endswith("one") else "record-one")
        )
        self.switch_link(record, target)
        undo = (lambda: self.switch_link(record, before)) if before else (record.unlink)
        return f"link {self.short(record)} to {target[-3:]}", undo

    def eggs(self) -> tuple[str, Undo | None]:
        """An egg folder or a zipped egg, which a path line may name."""
        version = self.random.choice(VERSIONS)
        headers = f"Metadata-Version: 2.1\nName: bar\nVersion: {version}\n"
        eggs = self.project / "eggs"
        eggs.mkdir(exist_ok=True)
        if self.random.random() < 0.5:
            inside = eggs / "bar-1.0-py3.egg" / "EGG-INFO"
            inside.mkdir(parents=True, exist_ok=True)
            if self.random.random() < 0.3:
                return self.rewrite(inside / "direct_url.json", self.origin())
            return self.rewrite(inside / "PKG-INFO", headers)
        egg = eggs / self.random.choice(("zip-1.0-py3.egg", "bar-1.0-py3.egg"))
        if egg.exists():
            return self.hide(egg)
        temporary = eggs / "new.zip"
        with zipfile.ZipFile(temporary, "w") as archive:
            archive.writestr("EGG-INFO/PKG-INFO", headers.replace("bar", "zip"))
        os.replace(temporary, egg)
        return f"zip {self.short(egg)} ({version})", lambda: self.hide(egg)

    def path_file(self) -> tuple[str, Undo | None]:
        site = self.random.choice(self.sites)
        path = site / self.random.choice(
            ("paths.pth", "paths.pth", "more.pth", ".hidden.pth")
        )
        if path.exists() and self.random.random() < 0.3:
            return self.hide(path)
        return self.rewrite(path, self.path_lines())

    def path_folder(self) -> tuple[str, Undo | None]:
        """A folder that a path line may name comes or goes."""
        path = self.project / "paths" / self.random.choice(("one", "two", "away"))
        if path.exists():
            return self.hide(path)
        path.mkdir()
        return f"make {self.short(path)}", lambda: self.hide(path)

    def switch(self) -> tuple[str, Undo | None]:
        """A link that leads elsewhere, in one step."""
        link = self.random.choice(
            [self.folder / "current"] * 2
            + [self.project / "link.txt"] * 2
            + [self.project / "folder", self.project / "paths" / "link"]
        )
        before = os.readlink(link) if link.is_symlink() else ""
        others = {
            "blue": "green",
            "green": "blue",
            "a.txt": "b.txt",
            "b.txt": "a.txt",
            "one": "two",
            "two": "one",
        }
        if before not in others:
            return self.hide(link) if os.path.lexists(link) else self.relink()
        self.switch_link(link, others[before])
        return (
            f"switch {self.short(link)} to {others[before]}",
            lambda: self.switch_link(link, before),
        )

    def relink(self) -> tuple[str, Undo | None]:
        for link, target in (
            (self.project / "link.txt", "a.txt"),
            (self.project / "folder", "one"),
        ):
            if not os.path.lexists(link):
                self.switch_link(link, target)
        return "links are there", None

    def bound(self) -> tuple[str, Undo | None]:
        """A bound's text, or that of one that it names."""
        names = [*PINNED]
        if self.kind in ("requirements", "link"):
            names += ["requirements.txt"] * 6
        if self.kind == "pylock":
            return self.rewrite(self.project / "pylock.toml", self.pylock())
        path = self.project / self.random.choice(names)
        if self.kind == "release":
            path = self.folder / self.random.choice(("blue", "green")) / "release.txt"
        return self.rewrite(
            path,
            self.requirements() if path.name == "requirements.txt" else self.pins(),
        )

    def bound_gone(self) -> tuple[str, Undo | None]:
        path = self.random.choice(
            [
                *self.bounds,
                self.project / "nested" / "more.txt",
                self.project / "pins.txt",
            ]
        )
        if os.path.lexists(path):
            return self.hide(path)
        if path.name in ("link.txt", "lock.txt"):
            return self.relink()
        text = {"pylock.toml": self.pylock, "requirements.txt": self.requirements}.get(
            path.name, self.pins
        )()
        return self.rewrite(path, text)

    def bound_unreadable(self) -> tuple[str, Undo | None]:
        path = self.random.choice([*self.bounds, self.project / "nested" / "more.txt"])
        if not path.exists():
            return self.bound_gone()
        mode = path.stat().st_mode & 0o777
        other = 0o600 if mode & 0o004 else 0o644
        path.chmod(other)
        return f"mode {other:o} of {self.short(path)}", lambda: path.chmod(mode)

    def library(self) -> tuple[str, Undo | None]:
        """The folder that `-e ./lib` means: not there, without a name, with one name or another."""
        folder = self.project / "lib"
        choice = self.random.random()
        if folder.exists() and choice < 0.4:
            return self.hide(folder)
        folder.mkdir(exist_ok=True)
        if choice < 0.6:
            info = folder / "lib.egg-info"
            info.mkdir(exist_ok=True)
            return self.rewrite(
                info / "PKG-INFO",
                f"Metadata-Version: 2.1\nName: lib\nVersion: {self.random.choice(VERSIONS)}\n",
            )
        name = self.random.choice(("lib", "lib", "ham"))
        return self.rewrite(
            folder / "pyproject.toml", f'[project]\nname = "{name}"\nversion = "1.0"\n'
        )

    def touch(self) -> tuple[str, Undo | None]:
        """Times change, and nothing else; or a file is replaced by its copy."""
        path = self.random.choice([*self.sites, *self.bounds, *self.records()[:3]])
        if not path.exists():
            return self.bound_gone()
        if path.is_file() and not path.is_symlink() and self.random.random() < 0.5:
            self.write(path, path.read_text())
            return f"copy {self.short(path)}", None
        os.utime(path)
        return f"touch {self.short(path)}", None

    def loose(self) -> tuple[str, Undo | None]:
        """A module that no record lists, which integrity finds, or one that a record lists, changed."""
        site = self.random.choice(self.sites)
        path = site / self.random.choice(("loose.py", "listed.py", "sitecustom.pth"))
        record = site / "spam-1.0.dist-info"
        if (
            path.name == "listed.py"
            and record.is_dir()
            and not record.is_symlink()
            and self.random.random() < 0.5
        ):
            text = f"listed.py,,{self.random.choice((2, 3))}\n"
            return self.rewrite(record / "RECORD", text)
        if path.exists() and self.random.random() < 0.4:
            return self.hide(path)
        return self.rewrite(path, "#" * self.random.choice((1, 2, 3)))

    def operation(self) -> tuple[str, Undo | None]:
        """One that is drawn. What it meant to change may be gone by others: then it does less, or nothing."""
        weighted: dict[Operation, int] = {
            self.add_record: 3,
            self.drop_record: 3,
            self.move_record: 4,
            self.change_record: 4,
            self.link_record: 2,
            self.eggs: 2,
            self.path_file: 2,
            self.path_folder: 2,
            self.switch: 6,
            self.bound: 5,
            self.bound_gone: 2,
            self.bound_unreadable: 1,
            self.library: 2,
            self.touch: 2,
            self.loose: 3 * self.integrity,
        }
        chosen = self.random.choices(list(weighted), list(weighted.values()))[0]
        try:
            return chosen()
        except OSError as error:
            return f"{chosen.__name__}: {error}", None

    def operate(self, undo: Undo | None = None) -> Undo | None:
        """Do one, or take one back; it is noted."""
        if undo:
            with contextlib.suppress(OSError):
                undo()
            self.history.append("  taken back")
            return None
        told, undo = self.operation()
        self.history.append(told)
        return undo


def check(command: Sequence[object], **options: Any) -> str:
    done = subprocess.run(
        list(map(str, command)),
        stdin=subprocess.DEVNULL,
        stdout=-1,
        stderr=-1,
        **options,
    )
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stdout.decode()}{done.stderr.decode()}")
    return str(done.stdout.decode())


# What a guard may call of the system, in `os`.
CALLS = (
    "access",
    "chmod",
    "fstat",
    "listdir",
    "lstat",
    "open",
    "read",
    "readlink",
    "replace",
    "scandir",
    "stat",
    "unlink",
)


# -- starts: `site` run in a child, and real ones


class Forked:
    """Starts without starting: a child of this process runs `site`, as it does at a start."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.usual = 400  # calls of the system by a guard that judges
        told = check(
            [sys.executable, "-S", "-c", "import sys; print(*sys.path[1:], sep='\\n')"]
        )
        self.path = told.splitlines()
        # Whatever is imported and compiled in a start is so here, before the first.
        loaded(world.envlock)
        modules, patterns = json.loads(self.in_child(Context(), self.rehearse)[1])
        for name in modules:
            with contextlib.suppress(ImportError):
                __import__(name)
        for pattern, flags in patterns:
            re.compile(pattern, flags)
        gc.collect()
        gc.freeze()

    def start(self, context: Context, operations: Sequence[Undo]) -> tuple[Answer, int]:
        """The answer, and how many of the operations happened meanwhile, each at a line of the guard."""
        draw = self.world.random
        # Often before the last call of those that find a kept verdict good, too.
        most = draw.choice((self.usual, self.usual, self.usual, 40))
        at = sorted(draw.randrange(1, most) for _ in operations)
        said, told, done = self.in_child(
            context, lambda: self.judge(at), list(operations)
        )
        if not told:
            raise RuntimeError(f"world {self.world.seed}: {said}")
        kept, calls = told.split()
        if operations and kept == "False":
            self.usual = max(60, int(calls))
        return read_message(said)._replace(kept=kept == "True", calls=int(calls)), done

    def compare(self, context: Context) -> tuple[Answer, Answer]:
        """What a start says, and what a fresh validation finds: in one child, for that is half of what they cost."""

        def both() -> str:
            return f"{self.judge([])} {self.validate()}"

        said, told, _ = self.in_child(context, both)
        if not told:
            raise RuntimeError(f"world {self.world.seed}: {said}")
        kept, _, found = told.split(" ", 2)
        rows, error = json.loads(found)
        answer = read_message(said)._replace(kept=kept == "True")
        return answer, Answer(tuple(rows), error)

    def in_child(
        self,
        context: Context,
        function: Callable[[], str],
        operations: list[Undo] | None = None,
    ) -> tuple[str, str, int]:
        """What a child says on standard error, what its function returns, and how many operations it asked for."""
        asked, answer = os.pipe(), os.pipe()
        said = tempfile.TemporaryFile()  # noqa: SIM115 - the child's, too
        process = os.fork()
        if not process:
            os.dup2(said.fileno(), 2)
            self.ask, self.hear = asked[1], answer[0]
            self.be_child(context, function)
        os.close(asked[1])
        os.close(answer[0])
        told, done = self.serve(asked[0], answer[1], operations or [])
        os.waitpid(process, 0)
        os.close(asked[0])
        os.close(answer[1])
        said.seek(0)
        with said:
            return said.read().decode(errors="replace"), told, done

    def be_child(self, context: Context, function: Callable[[], str]) -> None:
        """Tell what a function returns, and end; the parent must not go on twice."""
        try:
            self.become(context)
            result = function()
            os.write(self.ask, b"=" + result.encode("utf-8", "surrogateescape"))
            os._exit(0)
        except BaseException:
            import traceback

            os.write(2, traceback.format_exc().encode())
            os._exit(9)

    def serve(self, asked: int, answer: int, operations: list[Undo]) -> tuple[str, int]:
        """Do one operation whenever the child asks; returns what it tells, and how many those were."""
        told, done = b"", 0
        while True:
            data = os.read(asked, 1 << 16)
            if not data:
                return told[1:].decode(errors="surrogateescape"), done
            if data == b"!":
                operations[done]()
                done += 1
                os.write(answer, b".")
            else:
                told += data

    def become(self, context: Context) -> None:
        """What a start of Python finds before it runs `site`."""
        import site

        os.environ.clear()
        os.environ.update(context.environment())
        if context.machine:
            ctypes.CDLL(None).personality(context.machine)
        if context.user:
            os.setgroups([])
            os.setresgid(context.user, context.user, context.user)
            os.setresuid(context.user, context.user, context.user)
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.executable = self.world.python
        sys.path[:] = self.path
        if sys.version_info < (3, 14):
            sys.prefix, sys.exec_prefix = sys.base_prefix, sys.base_exec_prefix
        site.PREFIXES[:] = [sys.prefix, sys.exec_prefix]
        site.ENABLE_USER_SITE = site.USER_SITE = site.USER_BASE = None
        sys.argv[:] = ["-c"]
        if sys.version_info >= (3, 10):
            sys.orig_argv[:] = [sys.executable, "-c", "pass"]

    def judge(self, at: list[int]) -> str:
        """Run `site`, with operations before the calls of these numbers; tells of the guard's module."""
        import site

        write, read, calls = os.write, os.read, 0

        def note() -> None:
            nonlocal calls
            # Between two calls of the system nothing that happens can make a difference.
            calls += "_envlock" in sys.modules
            while at and calls >= at[0]:
                at.pop(0)
                write(self.ask, b"!")
                read(self.hear, 1)

        if at:
            for name in CALLS:
                setattr(os, name, noted(getattr(os, name), note))
            builtins.open = io.open = noted(open, note, note)  # type: ignore[assignment]
        site.main()
        guard = sys.modules.get("_envlock")
        if guard is None:
            raise RuntimeError("the guard has not run")
        return f"{not hasattr(guard, 'finish_start')} {calls}"

    def validate(self) -> str:
        """What a fresh validation finds, in a child that has run `site`."""
        world, envlock = self.world, loaded(self.world.envlock)
        envlock.__name__ = GUARD
        os.chdir(world.project)
        policy = envlock.Policy(
            integrity=world.integrity, ignore=frozenset(world.ignored)
        )
        try:
            findings = envlock.validate(
                [str(bound) for bound in world.bounds], policy=policy
            )
        except envlock.EnvlockError as error:
            return json.dumps(([], str(error)))
        return json.dumps((table_rows(envlock, findings), ""))

    def rehearse(self) -> str:
        """The names of all modules that a start and a validation import, and the patterns that they compile."""
        self.judge([])
        self.validate()
        modules = [name for name in sys.modules if "." not in name and name != GUARD]
        cache: dict[Any, Any] = re._cache  # type: ignore[attr-defined]
        patterns = [(key[1], int(key[2])) for key in cache if isinstance(key[1], str)]
        return json.dumps((modules, patterns))


def noted(
    function: Callable[..., Any],
    before: Callable[[], object],
    after: Callable[[], object] = int,
) -> Callable[..., Any]:
    """A function of the system, with something before each call and after it."""

    def call(*arguments: Any, **named: Any) -> Any:
        before()
        result = function(*arguments, **named)
        after()
        return result

    return call


def loaded(path: Path) -> Any:
    import importlib.util

    known = sys.modules.get("envlock")
    if known is None:
        spec = importlib.util.spec_from_file_location("envlock", path)
        assert spec and spec.loader
        known = sys.modules["envlock"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(known)
    return known


def table_rows(envlock: Any, findings: Any) -> list[str]:
    return (
        [" ".join(line.split()) for line in envlock.format_table(findings).splitlines()]
        if findings
        else []
    )


class Real:
    """Starts that are such, as a program in the environment would be."""

    FRESH = """
import json, sys
sys.path.insert(0, sys.argv[1])
import envlock
envlock.__name__ = "_envlock"
policy = envlock.Policy(integrity=sys.argv[2] == "True", ignore=frozenset(sys.argv[3].split(",")))
try:
    findings = envlock.validate(sys.argv[4:], policy=policy)
    rows = [" ".join(line.split()) for line in envlock.format_table(findings).splitlines()] if findings else []
    print(json.dumps((rows, "")))
except envlock.EnvlockError as error:
    print(json.dumps(([], str(error))))
"""
    PROBE = "import sys; print(not hasattr(sys.modules['_envlock'], 'finish_start'))"

    def __init__(self, world: World) -> None:
        self.world = world

    def command(self, context: Context, *words: object) -> list[str]:
        before: list[str] = []
        if context.user:
            before += [
                "setpriv",
                f"--reuid={context.user}",
                f"--regid={context.user}",
                "--clear-groups",
            ]
        if context.machine:
            before += ["setarch", "i686"]
        return [*before, self.world.python, *map(str, words)]

    def start(self, context: Context, operations: Sequence[Undo]) -> tuple[Answer, int]:
        process = subprocess.Popen(
            self.command(context, "-c", self.PROBE),
            env=context.environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=-1,
            stderr=-1,
        )
        heard: list[bytes] = []
        listener = threading.Thread(target=lambda: heard.extend(process.communicate()))
        listener.start()
        began, done = time.monotonic(), 0
        for delay, operation in sorted(
            (self.world.random.uniform(0, 0.15), index)
            for index in range(len(operations))
        ):
            time.sleep(max(0, began + delay - time.monotonic()))
            done += process.poll() is None
            operations[operation]()
        listener.join()
        said, errors = (data.decode(errors="replace") for data in heard)
        if said.strip() not in ("True", "False"):
            raise RuntimeError(
                f"world {self.world.seed}: the start printed {said!r}, {errors!r} "
                + subprocess.getoutput("namei -l " + self.world.python)
            )
        return read_message(errors)._replace(kept=said.strip() == "True"), done

    def compare(self, context: Context) -> tuple[Answer, Answer]:
        return self.start(context, [])[0], self.fresh(context)

    def fresh(self, context: Context) -> Answer:
        world = self.world
        words = [
            world.envlock.parent,
            world.integrity,
            ",".join(world.ignored),
            *world.bounds,
        ]
        said = check(
            self.command(context, "-c", self.FRESH, *words),
            env={**context.environment(), "ENVLOCK_DISABLE": "1"},
            cwd=world.project,
        )
        rows, error = json.loads(said)
        return Answer(tuple(rows), error)


def read_message(said: str) -> Answer:
    """The table's rows of a guard's message, or else all of it."""
    lines = [" ".join(line.split()) for line in said.splitlines()]
    head = next(
        (
            index
            for index, line in enumerate(lines)
            if line.startswith("Package Dependency Explain")
        ),
        None,
    )
    return Answer(tuple(lines[head:])) if head is not None else Answer(error=said)


def same(answer: Answer, fresh: Answer) -> bool:
    """A message shows ten findings at most, and what to do below them."""
    if fresh.error:
        return fresh.error in answer.error
    if not fresh.rows:
        return answer[:2] == ((), "")
    return answer.rows[: len(fresh.rows)][:11] == fresh.rows[:11]


# -- one world's course


class Tally:
    """What has happened in some worlds."""

    def __init__(self) -> None:
        self.during = self.between = self.compared = self.kept = self.differences = 0

    def add(self, numbers: Sequence[int]) -> None:
        names = ("during", "between", "compared", "kept", "differences")
        for name, number in zip(names, numbers):
            setattr(self, name, getattr(self, name) + number)

    def __str__(self) -> str:
        return (
            f"{self.during} operations during judging, {self.between} between; "
            f"{self.compared} answers compared, {self.kept} of them kept verdicts; "
            f"differences: {self.differences}"
        )

    def numbers(self) -> list[int]:
        return [self.during, self.between, self.compared, self.kept, self.differences]


def cycle(world: World, starts: Any, tally: Tally, waits: Sequence[float]) -> None:
    """Operations before a start and during it; then the next start's answer is compared."""
    choose = world.random.choice
    undone: Undo | None = None
    for _ in range(choose((0, 1, 2, 3))):
        undone = world.operate()
        tally.between += 1
    time.sleep(choose(waits))
    context = world.context()
    undo: list[Undo | None] = [undone]
    world.history.append(
        f"start {context.user, context.home[-3:], context.base[-3:], context.machine}"
    )

    def anew() -> None:
        undo.append(world.operate())

    def back() -> None:
        world.operate(undo.pop() if undo else None)

    some = [choose((anew, anew, anew, back)) for _ in range(choose(DURING))]
    operations = choose((some, some, some, [anew, back], [anew, back, anew, back]))
    _, during = starts.start(context, operations)
    tally.during += during
    time.sleep(choose(waits))
    if world.random.random() < 0.25:
        world.operate(undo.pop() if undo and world.random.random() < 0.7 else None)
        tally.between += 1
        time.sleep(choose(waits))
    for _ in range(choose((1, 1, 2))):
        context = context if world.random.random() < 0.6 else world.context()
        compare(world, starts, tally, context)


def compare(world: World, starts: Any, tally: Tally, context: Context) -> None:
    answer, fresh = starts.compare(context)
    world.history.append(f"compared, kept: {answer.kept}")
    tally.compared += 1
    tally.kept += answer.kept
    if same(answer, fresh):
        return
    tally.differences += 1
    version = world.sites[0].parent.name
    told = (world.kind, f"integrity {world.integrity}", type(starts).__name__, version)
    lines = [
        f"  DIFFERENCE in world {world.seed} ({', '.join(map(str, told))}), kept: {answer.kept}",
        *world.history[-14:],
        str(context),
        f"the start said {answer.rows or answer.error!r}",
        f"validate finds {fresh.rows or fresh.error!r}",
    ]
    print("\n    ".join(lines), flush=True)


def live(world: World, starts: Any, cycles: int, waits: Sequence[float]) -> Tally:
    tally = Tally()
    for _ in range(cycles):
        cycle(world, starts, tally, waits)
        if tally.differences >= TELL_AT_MOST:
            break
    print(f"  world {world.seed} ({type(starts).__name__}): {tally}", flush=True)
    return tally


# -- all of them


def scaled(source: Path, folder: Path) -> Path:
    """A copy of envlock.py whose guard distrusts time stamps for a shorter time, if long enough for any clock."""
    text = source.read_text(encoding="utf-8")
    for window in ("2_000_000_000", "100_000_000"):
        if window not in text:
            raise SystemExit(
                f"{source} has no {window} any more, which is to be scaled"
            )
        text = text.replace(window, str(int(window) // SCALE))
    path = folder / "envlock.py"
    path.write_text(text, encoding="utf-8")
    return path


def work(options: argparse.Namespace) -> int:
    """The forked starts of a worker: one world after another, until enough operations have happened during starts."""
    total, number = Tally(), options.worker
    template = Template.read(Path(options.folder))
    while total.during < options.operations:
        place = template.folder / f"world-{number}"
        world = World(place, template, number)
        with contextlib.suppress(BrokenPipeError):
            waits = (0, 0.015, 0.015, 0.25)
            total.add(live(world, Forked(world), CYCLES, waits).numbers())
        shutil.rmtree(place, ignore_errors=True)
        number += WORKERS
        if options.world is not None:
            break
    print("tally", *total.numbers(), flush=True)
    return 0


def start_worker(
    options: argparse.Namespace, number: int, python: str, template: Template
) -> Any:
    """A process of a Python that works on worlds from a number on, or on one alone."""
    operations = -(-options.operations // WORKERS)
    words = ["--worker", number, "--folder", template.folder]
    words += ["--operations", operations]
    words += ["--world", options.world] if options.world is not None else []
    command = list(map(str, [python, Path(__file__).resolve(), *words]))
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=-1, stderr=subprocess.STDOUT
    )


def heed(worker: Any) -> list[int]:
    """Pass on what a worker prints; returns the numbers of its tally, none if it failed."""
    numbers: list[int] = []
    for line in worker.stdout:
        text = line.decode(errors="replace")
        if text.startswith("tally "):
            numbers = list(map(int, text.split()[1:]))
        else:
            print(text, end="", flush=True)
    return [] if worker.wait() else numbers


def real_starts(options: argparse.Namespace, templates: Sequence[Template]) -> Tally:
    total, lock = Tally(), threading.Lock()

    def run(index: int) -> None:
        number = options.seed + 100_000 + index
        while total.during < options.starts:
            template = templates[number % len(templates)]
            place = template.folder / f"world-{number}"
            world = World(place, template, number)
            tally = live(world, Real(world), REAL_CYCLES, (0, 0.15, 0.15, 2.3))
            with lock:
                total.add(tally.numbers())
            shutil.rmtree(place, ignore_errors=True)
            number += THREADS

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))
    return total


NAMESPACE = "ENVLOCK_KEPT_VERDICTS"


def own_namespace() -> str:
    """Go on in a mount namespace, where /etc/passwd may be changed; returns why that can't be had."""
    if os.environ.get(NAMESPACE):
        return ""
    namespace = ["unshare", "--mount"]
    if sys.platform != "linux" or os.geteuid() or not shutil.which(namespace[0]):
        return "it needs Linux, root and unshare"
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        return "no mount namespace can be made here"
    os.environ[NAMESPACE] = "1"
    return os.execvp(namespace[0], [*namespace, sys.executable, *sys.argv])


def change_homes(folder: Path) -> None:
    """Give two users homes that a world can fill."""
    lines = Path("/etc/passwd").read_text().splitlines()
    homes = {"root": folder / "homes" / "root", "nobody": folder / "homes" / "nobody"}
    for index, line in enumerate(lines):
        fields = line.split(":")
        if fields[0] in homes:
            fields[5] = str(homes[fields[0]])
            lines[index] = ":".join(fields)
    (folder / "passwd").write_text("\n".join(lines) + "\n")
    check(["mount", "--bind", folder / "passwd", "/etc/passwd"])


def fitting() -> tuple[list[str], list[str], str]:
    """Pythons for forked starts and for real ones, and one of these that other users can run, or ""."""
    from tests.tools.check import interpreters

    found = {
        name: path
        for name, path in interpreters().items()
        if name.startswith("cpython")
    }
    forked = [path for name, path in found.items() if int(name.rpartition(".")[2]) < 14]
    real = list(found.values())
    nobody = ["setpriv", f"--reuid={USERS[1]}", f"--regid={USERS[1]}", "--clear-groups"]
    # What it may start as nobody is not all: it must read its library, too, and be started again by itself.
    code = (
        "import json, os, subprocess, sys, venv; os.listdir(os.path.dirname(os.__file__));"
        "sys.exit(sys.version_info < (3, 8) or subprocess.call([sys.executable, '-c', '']))"
    )
    for path in [*forked, "/usr/bin/python3"]:
        if not shutil.which(path) or os.geteuid() or not shutil.which(nobody[0]):
            continue
        done = subprocess.run([*nobody, path, "-c", code], capture_output=True)
        if done.returncode == 0:
            return forked, real, path
    return forked, real, ""


def drawn(seed: int, pythons: Sequence[str], shared: str) -> list[str]:
    """The Python that other users can run, the oldest, the newest, and others by the seed."""
    chosen = [shared] * bool(shared) + [pythons[0], pythons[-1]]
    others = pythons[1:-1] or pythons
    while len(chosen) < WORKERS:
        chosen.append(others[(seed + len(chosen)) % len(others)])
    return chosen


def make_templates(
    folder: Path, envlock: Path, pythons: Sequence[str], shared: str
) -> list[Template]:
    folder.mkdir()

    def make(index: int) -> Template:
        users = USERS if pythons[index] == shared else USERS[:1]
        return Template.make(folder / str(index), pythons[index], envlock, users)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(make, range(len(pythons))))


def forked_starts(
    options: argparse.Namespace, folder: Path, pythons: Sequence[str], shared: str
) -> list[Any]:
    """The processes that work on worlds of forked starts."""
    (folder / "scaled").mkdir()
    envlock = scaled(ROOT / "envlock.py", folder / "scaled")
    chosen = drawn(options.seed, pythons, shared)
    numbers = [options.seed + index for index in range(WORKERS)]
    if options.world is not None:
        index = (options.world - options.seed) % WORKERS
        chosen, numbers = [chosen[index]], [options.world]
    templates = make_templates(folder / "forked", envlock, chosen, shared)
    return [
        start_worker(options, number, python, template)
        for number, python, template in zip(numbers, chosen, templates)
    ]


def run_all(options: argparse.Namespace, folder: Path) -> int:
    forked, real, shared = fitting()
    change_homes(folder)
    print(f"  seed {options.seed}, other users: {bool(shared)}", flush=True)
    began = time.monotonic()
    workers = forked_starts(options, folder, forked, shared)
    tallies = {}
    with ThreadPoolExecutor(WORKERS) as pool:
        waiting = [pool.submit(heed, worker) for worker in workers]
        if options.world is None:
            (folder / "whole").mkdir()
            envlock = Path(shutil.copy(ROOT / "envlock.py", folder / "whole"))
            loaded(envlock)  # before there are threads
            chosen = drawn(options.seed, real, shared)
            templates = make_templates(folder / "real", envlock, chosen, shared)
            tallies["real starts"] = real_starts(options, templates)
        told = [one.result() for one in waiting]
    total, failures = Tally(), told.count([])
    for numbers in told:
        total.add(numbers)
    tallies["the guard's own functions"] = total
    for title, one in tallies.items():
        print(f"  {title}: {one}")
    seconds = sum(os.times()[:4])
    print(f"  {time.monotonic() - began:.0f} s, {seconds:.0f} s of the processor")
    compared = sum(one.compared for one in tallies.values())
    failures += sum(one.differences for one in tallies.values())
    print(f"kept_verdicts: {compared} comparisons, {failures} failures")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--world", type=int)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--starts", type=int, default=REAL_OPERATIONS)
    parser.add_argument("--worker", type=int)
    parser.add_argument("--folder")
    options = parser.parse_args()
    if options.worker is not None:
        return work(options)
    missing = own_namespace()
    if missing:
        print(f"kept_verdicts: skipped: {missing}")
        return 0
    folder = Path(tempfile.mkdtemp(prefix="envlock-kept-"))
    folder.chmod(0o755)
    try:
        return run_all(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    raise SystemExit(main())
