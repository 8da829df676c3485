"""The room Bound files: tools' locks. The fixtures are what tests/conformance/locks.py made and the tools installed."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import re
import sys
import tempfile
import textwrap
import time
import unittest
from pathlib import Path
from typing import Any, ClassVar, Iterator

import envlock
from envlock import Bound, BoundError, BoundFile, BoundRequirement, EnvlockError, ParsedLock, ReadContext, Selection
from tests.support import NO_TOML, Environment
from tests.support import envlock as run_envlock

DATA = Path(__file__).parent / "data"
LOCKS = [path for folder in ("uv", "poetry", "pdm", "pipfile", "pylock") for path in sorted((DATA / folder).glob("*"))]
if sys.implementation.name == "pypy":  # its start with TOML is slow
    LOCKS = LOCKS[::4]
COMMIT = "31ec7eaf960d3c1f4ce6082279f8ee853aaea0bf"
SHA256 = "0123456789abcdef" * 4


def environment(version: str = "3.11", platform: str = "linux") -> dict[str, str]:
    """The marker variables of an interpreter."""
    return {
        "os_name": "nt" if platform == "win32" else "posix",
        "sys_platform": platform,
        "platform_machine": "x86_64",
        "platform_system": "Windows" if platform == "win32" else "Linux",
        "platform_release": "6.1",
        "platform_version": "1",
        "python_version": version,
        "python_full_version": version + ".7",
        "implementation_name": "cpython",
        "implementation_version": version + ".7",
        "platform_python_implementation": "CPython",
    }


def selected(options: str) -> Selection:
    """A selection as the command line spells it."""
    words = iter(options.split())
    found: dict[str, Any] = {}
    for word in words:
        key = word[2:].replace("-", "_")
        if key in ("all_extras", "all_groups", "all_packages", "no_default_groups"):
            found[key] = True
        else:
            found.setdefault(key + "s", set()).add(next(words))
    sets: Any = {key: frozenset(value) if isinstance(value, set) else value for key, value in found.items()}
    return Selection(**sets)


def lock_in(folder: Path) -> Path:
    names = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
    return next(folder / name for name in names if (folder / name).exists())


def read(path: Path, options: str = "", version: str = "3.11") -> Bound:
    return envlock.read_bounds([str(path)], ReadContext(lambda: environment(version), selected(options)))


class Scratch(unittest.TestCase):
    """Locks written by a test."""

    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(os.path.realpath(scratch.name))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def texts(self, name: str, text: str, options: str = "", version: str = "3.11") -> list[str]:
        """What a lock demands, as the report shows it, with this folder's path left out."""
        bound = read(self.write(name, text), options, version)
        home = envlock.url_of_path(str(self.folder))
        return [each.text.replace(home, "file:///here") for each in bound.requirements]

    def error(self, name: str, text: str, options: str = "") -> str:
        path = self.write(name, text)
        with self.assertRaises(BoundError) as caught:
            read(path, options)
        return str(caught.exception).replace(str(self.folder) + os.sep, "")


@unittest.skipIf(NO_TOML, NO_TOML)
class WhatTheToolsInstalled(unittest.TestCase):
    def test_a_lock_demands_what_its_tool_installs(self) -> None:
        for folder in LOCKS:
            answers: dict[str, dict[str, str]] = json.loads((folder / "installed.json").read_text(encoding="utf-8"))
            for run, installed in answers.items():
                with self.subTest(lock=folder.name, run=run):
                    version, _, options = run.partition(" ")
                    self.compare(read(lock_in(folder), options, version), installed)

    def compare(self, bound: Bound, installed: dict[str, str]) -> None:
        versions = {envlock.canonicalize_name(name): version for name, version in installed.items()}
        demanded = {each.name: each for each in bound.requirements if each.name != "python"}
        left_out = bound.permitted | {"pip"}
        self.assertEqual(set(demanded) - {"pip"}, set(versions) - (left_out - set(demanded)))
        for name, each in demanded.items():
            if each.version is not None:
                self.assertEqual(each.version, versions[name], name)
            self.assertTrue(each.specifier is None or each.specifier.contains(versions[name]), name)

    def test_the_tables_cut_out_of_a_lock_are_told_when_asked_for(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            if path.suffix != ".lock" or path.name == "Pipfile.lock":
                continue
            with self.subTest(lock=folder.name):
                text = path.read_text(encoding="utf-8")
                form = envlock._format_of(str(path), text)
                target = ReadContext(environment)
                file = BoundFile(path)
                quick = form.read(envlock.load_lock(text), file, target)
                whole = form.read(ParsedLock(envlock.load_toml(text)), file, target)
                self.assertEqual(list(map(hashed, quick.requirements)), list(map(hashed, whole.requirements)))

    def test_the_tables_of_archives_are_cut_out_of_real_locks(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            if path.name != "Pipfile.lock" and "pip-lock" not in folder.name and "hash" in text:
                with self.subTest(lock=folder.name):
                    self.assertNotIn("hash = ", json.dumps(envlock.load_lock(text).data))
                    self.assertNotIn("sha256:", json.dumps(envlock.load_lock(text).data.get("package")))

    def test_the_format_is_known_by_the_content(self) -> None:
        for folder in LOCKS:
            with self.subTest(lock=folder.name):
                text = lock_in(folder).read_text(encoding="utf-8")
                self.assertEqual(envlock._format_of("prod.lock", text).title, lock_in(folder).name)


@unittest.skipIf(NO_TOML, NO_TOML)
class Lines(Scratch):
    def test_a_requirement_of_a_real_lock_knows_its_line(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            lines = path.read_text(encoding="utf-8").split("\n")
            with self.subTest(lock=folder.name):
                for each in read(path).requirements:
                    line = each.file.line_of(each.place)
                    if path.name == "Pipfile.lock":
                        self.assertIn(each.name, envlock.canonicalize_name(lines[line - 1]))
                    elif each.name == "python":
                        self.assertRegex(lines[line - 1], "python|markers|environments|targets")
                    else:
                        self.assertRegex(lines[line - 1], r"\A\[\[packages?\]\]\Z")
                        self.assertEqual(envlock.canonicalize_name(lines[line][8:-1]), each.name)

    def test_a_value_in_a_real_file_stands_on_its_line(self) -> None:
        projects = sorted(DATA.glob("*/*/pyproject.toml"))
        for path in [*map(lock_in, LOCKS), *projects]:
            text = path.read_text(encoding="utf-8")
            data = envlock.load_json(text) if path.name == "Pipfile.lock" else envlock.load_toml(text)
            found, lines = envlock.lines_of(text), text.split("\n")
            with self.subTest(path=path):
                for place, value in strings(data):
                    if not re.search("sdist|wheels|files|hashes", place):
                        self.assertIn(json.dumps(value, ensure_ascii=False)[1:-1], lines[found[place] - 1], place)


def strings(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every string in a document, with its place."""
    if isinstance(value, str):
        yield place, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in pairs:
        yield from strings(member, envlock.key_path_of(place, key))


def hashed(requirement: BoundRequirement) -> tuple[str, frozenset[str]]:
    return requirement.text, envlock.locked_hashes(requirement)


@unittest.skipIf(NO_TOML, NO_TOML)
class PlainToml(unittest.TestCase):
    """What is read without a TOML parser is what a TOML parser reads."""

    PIECES = (
        *(
            '"',
            "\\",
            '\\"',
            "{",
            "}",
            "[",
            "]",
            ",",
            ", ",
            " ",
            "\n",
            " = ",
            "#",
            ":",
            "'",
            "1",
            "0",
            "-",
            ".",
            "\t",
            "\r",
            "\x7f",
        ),
        *(
            "true",
            "null",
            "NaN",
            "a = 1",
            "[a]",
            "[[a]]",
            "[package]",
            "[[package]]",
            '    "x",\n',
            "%s",
            "%",
            "\u00e9",
            "}, {",
        ),
    )

    def agree(self, text: str) -> bool:
        """Whether a text is plain; if it is, both readers must give the same."""
        plain = envlock._plain_toml(text)
        if plain is not None:
            self.assertEqual(plain, envlock._toml_parser().loads(text), text)
        return plain is not None

    def test_locks_as_the_tools_write_them_are_plain(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            if path.name != "Pipfile.lock":
                with self.subTest(lock=folder.name):
                    cut = re.sub(envlock.ARCHIVE_TABLES, envlock._cut_out, text)
                    # nested arrays, and pdm's tables without blanks, are left to the parser
                    self.assertIs(self.agree(cut), not re.search(r"\[\[$|,url = ", cut, re.MULTILINE))

    def test_a_damaged_lock_is_read_as_a_parser_reads_it_or_not_at_all(self) -> None:
        chance, plain = random.Random(751), 0
        texts = [lock_in(folder).read_text(encoding="utf-8") for folder in LOCKS]
        cuts = [re.sub(envlock.ARCHIVE_TABLES, envlock._cut_out, text).split("\n") for text in texts]
        for _ in range(300 if sys.implementation.name == "pypy" else 3000):
            lines = chance.choice(cuts)
            start = chance.randrange(len(lines))
            text = "\n".join(lines[start : start + chance.randrange(1, 30)])
            for _ in range(chance.randrange(3)):
                at = chance.randrange(len(text) + 1)
                text = text[:at] + chance.choice(self.PIECES) + text[at + chance.choice((0, 0, 1, 5)) :]
            plain += self.agree(text)
        self.assertGreater(plain, 50)

    def test_what_only_looks_plain_is_left_to_the_parser(self) -> None:
        for text in (
            "a = 1\na = 2",
            '[a]\n"b" = 1\nb = 2',
            "[a]\n[a]",
            "[a]\n[[a]]",
            "[[a]]\n[a]",
            "a = []\n[[a]]",
            "a = { b = 1 }\n[a.c]",
            "a = { b = 1, b = 2 }",
            "a = [\n    1,\nb = 2\n]",
            "a = [\n[b]\n]",
            "a = { b = 1\n}",
            'a = {"b": 1}',
            "a = null",
            "a = 01",
            'a = "\\/"',
            'a = "\\ud800"',
            'a = "\x7f"',
            'a = "%s"',
            "a = %s",
            'a = "b\nc"',
            "a = " + "[" * 9 + "]" * 9,
            "# a bell: \x07\na = 1",
            "[a[]]",
            "[[1]s]",
            "[[a[1]]]",
        ):
            with self.subTest(text=text):
                self.assertIsNone(envlock._plain_toml(text))


@unittest.skipIf(NO_TOML, NO_TOML)
class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        for name, text, message in INVALID:
            with self.subTest(message):
                self.assertEqual(self.error(name, text), message)

    def test_a_table_of_an_archive_that_is_cut_out_must_be_right(self) -> None:
        package = 'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "r" }\n'
        for archives in (
            r'sdist = { url = "a\q", hash = "sha256:00" }',
            'wheels = [\n    { url = "a\n    b", hash = "sha256:00" },\n]',
            'sdist = { url = "a", hash = "sha256:00" }\nsdist = { url = "a", hash = "sha256:00" }',
        ):
            with self.subTest(archives=archives):
                self.assertRegex(self.error("uv.lock", f"{package}{archives}\n"), r"^uv\.lock:[67]: invalid TOML: ")

    def test_an_error_in_the_project_beside_a_lock_names_that(self) -> None:
        self.write("pyproject.toml", "[project]\nname =\n")
        self.assertEqual(self.error("uv.lock", UV), "pyproject.toml:2: invalid TOML: Invalid value")

    def test_a_wrong_type_in_the_project_beside_a_lock_is_told_as_its(self) -> None:
        self.write("pyproject.toml", "[tool.poetry.dependencies]\na = 3\n")
        message = "poetry.lock:1: pyproject.toml: tool.poetry.dependencies.a: expected a table, found 3"
        self.assertEqual(self.error("poetry.lock", '[metadata]\nlock-version = "2.0"\n'), message)

    def test_any_cut_is_read_or_refused_in_words(self) -> None:
        dice = random.Random(4)
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            for _ in range(2):
                self.refused_or_read(path, text[: dice.randrange(len(text))])

    def test_any_value_of_another_type_is_read_or_refused_in_words(self) -> None:
        dice = random.Random(5)
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            form = envlock._format_of(str(path), text)
            loaded = form.load(text)
            data = loaded.data if isinstance(loaded, ParsedLock) else loaded
            for _ in range(8):
                twisted = copy.deepcopy(data)
                table, key = dice.choice(list(members(twisted)))
                table[key] = dice.choice([7, "", "x", [], {}, True, [7], ["x"], {"x": 1}, [{}], None])
                with contextlib.suppress(EnvlockError):
                    value = loaded._replace(data=twisted) if isinstance(loaded, ParsedLock) else twisted
                    bound = form.read(value, BoundFile(path), ReadContext(environment))
                    for each in bound.requirements:
                        envlock.locked_hashes(each)

    def refused_or_read(self, path: Path, text: str) -> None:
        form = envlock._format_of(str(path), text)
        with contextlib.suppress(EnvlockError):
            form.read(form.load(text), BoundFile(path), ReadContext(environment))


def members(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in pairs:
        yield value, key
        yield from members(member)


UV = 'version = 1\nrequires-python = ">=3.9"\n'
PYLOCK = 'lock-version = "1.0"\ncreated-by = "me"\n'
INVALID = [
    ("uv.lock", "version = 2\n", "uv.lock:1: version: envlock doesn't know version '2' of this format"),
    ("uv.lock", 'version = "1"\n', "uv.lock:1: version: expected an integer, found '1'"),
    ("uv.lock", "[[package]]\nname = 'x'\n", "uv.lock: version: missing, expected an integer"),
    (
        "uv.lock",
        UV + '[[package]]\nname = "a"\nversion = 7\nsource = { registry = "i" }\n[manifest]\nmembers = ["a"]\n',
        "uv.lock:5: package[0].version: expected a string, found 7",
    ),
    (
        "uv.lock",
        UV + '[[package]]\nname = "a"\nsource = { virtual = "." }\ndependencies = [{ name = "b" }]\n',
        "uv.lock:6: package[0].dependencies[0]: there is no such package 'b'",
    ),
    (
        "uv.lock",
        UV + '[[package]]\nname = "a"\nsource = { }\n',
        (
            "uv.lock:5: package[0].source: expected one of registry, git, url, path, editable, virtual, directory, "
            "found an empty table"
        ),
    ),
    ("uv.lock", UV + "<<<<<<< HEAD\n", "uv.lock:3: invalid TOML: Invalid statement"),
    ("uv.lock", UV + "[manifest]\n[manifest]\n", "uv.lock:4: invalid TOML: Cannot declare ('manifest',) twice"),
    (
        "poetry.lock",
        '[metadata]\nlock-version = "3.0"\n',
        "poetry.lock:2: metadata.lock-version: envlock doesn't know version '3.0' of this format",
    ),
    (
        "pdm.lock",
        '[metadata]\nlock_version = "5.0"\n',
        "pdm.lock:2: metadata.lock_version: envlock doesn't know version '5.0' of this format",
    ),
    (
        "poetry.lock",
        '[[package]]\nname = "a"\nversion = "1"\n[package.source]\ntype = "ftp"\n[metadata]\n',
        "poetry.lock:4: package[0].source.type: expected legacy, directory, git, file or url, found 'ftp'",
    ),
    (
        "poetry.lock",
        '[[package]]\nname = "a"\nversion = "1"\npython-versions = ">=3.8 (!)"\n[metadata]\n',
        "poetry.lock:1: package[0]: expected a version constraint, found '>=3.8 (!)'",
    ),
    (
        "pylock.toml",
        'lock-version = "2.0"\n',
        "pylock.toml:1: lock-version: envlock doesn't know version '2.0' of this format",
    ),
    (
        "pylock.toml",
        PYLOCK + '[[packages]]\nname = "a"\n',
        "pylock.toml:3: packages[0]: expected one of vcs, directory, archive, or sdist and wheels, found none",
    ),
    (
        "pylock.toml",
        PYLOCK + '[[packages]]\nname = "a"\nversion = "x!"\nwheels = []\n',
        "pylock.toml:5: packages[0].version: expected a version, found 'x!'",
    ),
    (
        "Pipfile.lock",
        '{"_meta": {"pipfile-spec": 7}}',
        "Pipfile.lock:1: _meta.pipfile-spec: envlock doesn't know version '7' of this format",
    ),
    (
        "Pipfile.lock",
        '{"_meta": {"pipfile-spec": 6},\n"default": {"a": 7}}',
        "Pipfile.lock:2: default.a: expected a table, found 7",
    ),
]


@unittest.skipIf(NO_TOML, NO_TOML)
class ArchiveTables(Scratch):
    """What is cut out of a lock before it is parsed."""

    def test_a_table_that_is_almost_one_costs_no_time(self) -> None:
        begun = time.perf_counter()
        with self.assertRaises(BoundError):
            envlock.load_lock("sdist = { " + "a = 1-" * 5000 + "\n")
        self.assertLess(time.perf_counter() - begun, 2)

    PACKAGE = (
        UV.replace("3.9", "3.8")
        + '[manifest]\nmembers = ["a"]\n[[package]]\nname = "a"\nversion = "1"\nsource = {{ registry = "i" }}\n{}'
    )

    def hashes(self, artifacts: str) -> set[str]:
        bound = read(self.write("uv.lock", self.PACKAGE.format(artifacts)))
        return {text for each in bound.requirements for text in envlock.locked_hashes(each)}

    def test_an_unusual_shape_is_parsed_whole(self) -> None:
        wheel = f'{{ url = "https://files.example/a-1.whl", hash = "sha256:{SHA256}" }}'
        for artifacts in (
            f"wheels = [\n    {wheel},\n]\n",
            f"wheels = [\n    {wheel},\n]\n".replace("\n", "\r\n"),
            f"wheels = [{wheel}] # the only one\n",
            f"'wheels' = [\n# one\n{wheel}\n]\n",
            f"wheels = [\n    {wheel},\n]\n[package.metadata]\nnote = '''\nsdist = {{ hash = 'sha256:f' }}\n'''\n",
            f'[[package.wheels]]\nhash = "sha256:{SHA256}"\n',
        ):
            with self.subTest(artifacts):
                self.assertEqual(self.hashes(artifacts), {"sha256:" + SHA256})

    def test_a_malformed_table_is_refused_with_its_line(self) -> None:
        wheels = "wheels = [\n    { url = \"u\", hash = 'sha256:0' },\n<<<<<<< HEAD\n]\n"
        self.assertEqual(self.error("uv.lock", self.PACKAGE.format(wheels)), "uv.lock:11: invalid TOML: Invalid value")


@unittest.skipIf(NO_TOML, NO_TOML)
class UvLocks(Scratch):
    def test_groups_without_a_project_have_their_defaults(self) -> None:
        text = """\
            version = 1
            [manifest.dependency-groups]
            dev = [{ name = "a" }]
            lint = [{ name = "b" }]
            [[package]]
            name = "a"
            version = "1"
            source = { registry = "https://index.example/simple" }
            [[package]]
            name = "b"
            version = "2"
            source = { registry = "https://index.example/simple" }
            """
        self.assertEqual(self.texts("uv.lock", text), ["a==1"])
        self.assertEqual(self.texts("uv.lock", text, "--group lint"), ["a==1", "b==2"])
        self.assertEqual(self.texts("uv.lock", text, "--no-default-groups"), [])
        self.write("pyproject.toml", '[tool.uv]\ndefault-groups = ["lint"]\n')
        self.assertEqual(self.texts("uv.lock", text), ["b==2"])

    def test_an_unsupported_platform_is_told_of_python(self) -> None:
        text = UV + "supported-markers = [\"sys_platform == 'win32'\"]\n"
        self.assertEqual(self.texts("uv.lock", text), ["python>=3.9", "python; sys_platform == 'win32'"])

    def test_a_newer_revision_is_read(self) -> None:
        self.assertEqual(
            self.texts("uv.lock", 'version = 1\nrevision = 99\nrequires-python = ">=3.9"\n'), ["python>=3.9"]
        )

    def test_a_script_lock_has_its_roots_in_the_manifest(self) -> None:
        text = """\
            version = 1
            [manifest]
            requirements = [{ name = "a", extras = ["x"] }, { name = "c", marker = "sys_platform == 'win32'" }]
            [[package]]
            name = "a"
            version = "1"
            source = { registry = "https://index.example/simple" }
            [package.optional-dependencies]
            x = [{ name = "b" }]
            [[package]]
            name = "b"
            version = "2"
            source = { registry = "https://index.example/simple" }
            [[package]]
            name = "c"
            version = "3"
            source = { registry = "https://index.example/simple" }
            """
        self.assertEqual(self.texts("tool.py.lock", text), ["a==1", "b==2"])

    def test_an_unknown_member_is_an_error_that_lists_them(self) -> None:
        text = UV + '[[package]]\nname = "Root.A"\nsource = { virtual = "." }\n'
        self.assertEqual(
            self.error("uv.lock", text, "--package nope"),
            "uv.lock: there is no workspace member 'nope' (it has root-a)",
        )

    def test_a_format_without_members_has_none(self) -> None:
        self.assertEqual(
            self.error("pylock.toml", PYLOCK, "--package nope"),
            "pylock.toml: there is no workspace member 'nope' (it has none)",
        )

    def test_an_extra_without_dependencies_is_known(self) -> None:
        text = UV + '[[package]]\nname = "a"\nsource = { virtual = "." }\n[package.metadata]\nprovides-extras = ["e"]\n'
        self.assertEqual(self.texts("uv.lock", text, "--extra e"), ["python>=3.9"])
        self.assertEqual(
            self.error("uv.lock", text, "--extra f"), "{}: there is no extra 'f' (it has e)".format("uv.lock")
        )

    def test_sources_are_told_in_full(self) -> None:
        sources = {
            "git": f"https://git.example/r?subdirectory=sub+dir&tag=v1#{COMMIT}",
            "url": "https://files.example/url-1.whl",
            "path": "../path-1.whl",
            "directory": "lib",
            "editable": "ed",
            "virtual": "v",
        }
        members = ", ".join(f'"{name}"' for name in sources)
        text = UV + f"[manifest]\nmembers = [{members}]\n"
        for name, where in sources.items():
            text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ {name} = "{where}" }}\n'
        parent = envlock.url_of_path(str(self.folder.parent))
        self.assertEqual(
            [text.replace(parent, "file:///parent") for text in self.texts("uv.lock", text)],
            [
                "python>=3.9",
                f"git @ git+https://git.example/r@{COMMIT}#subdirectory=sub dir",
                "url @ https://files.example/url-1.whl",
                "path @ file:///parent/path-1.whl",
                "directory @ file:///here/lib",
                "-e editable @ file:///here/ed",
            ],
        )


POETRY_OLD = """\
    [[package]]
    name = "a"
    version = "1.0"
    optional = false
    python-versions = "*"

    [package.dependencies]
    b = {version = "*", markers = "sys_platform == \\"win32\\""}
    c = [
        {version = "<2", python = "<3.10"},
        {version = ">=2", python = ">=3.10"},
    ]
    d = {version = ">=1", optional = true}

    [package.extras]
    deep = ["D (>=1)"]

    [[package]]
    name = "b"
    version = "1.0"
    optional = false
    python-versions = "*"

    [[package]]
    name = "c"
    version = "1.0"
    optional = false
    python-versions = "*"

    [[package]]
    name = "c"
    version = "2.0"
    optional = false
    python-versions = ">=3.10"

    [[package]]
    name = "D"
    version = "1.0"
    optional = false
    python-versions = "*"

    [metadata]
    lock-version = "1.1"
    python-versions = "^3.8"
    content-hash = "0"

    [metadata.files]
    a = [
        {file = "a-1.0.tar.gz", hash = "sha256:0123"},
    ]
    """


@unittest.skipIf(NO_TOML, NO_TOML)
class PoetryLocks(Scratch):
    PACKAGE = '[[package]]\nname = "{}"\nversion = "{}"\noptional = false\n[package.dependencies]\n{}\n'
    METADATA = '[metadata]\nlock-version = "2.0"\n'

    def project(self, dependencies: str, rest: str = "") -> None:
        self.write(
            "pyproject.toml", f'[tool.poetry]\nname = "root"\n[tool.poetry.dependencies]\n{dependencies}\n{rest}'
        )

    def test_an_old_lock_is_walked_from_the_project(self) -> None:
        self.project('python = "^3.8"\na = "*"')
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD), ["python ^3.8", "a==1.0", "c==2.0"])
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD, "", "3.9"), ["python ^3.8", "a==1.0", "c==1.0"])

    def test_an_extra_of_a_dependency_brings_what_it_lists(self) -> None:
        self.project('a = {version = "*", extras = ["deep"]}')
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD), ["python ^3.8", "a==1.0", "c==2.0", "d==1.0"])

    def test_an_optional_dependency_counts_with_its_extra_alone(self) -> None:
        self.project('b = {version = "*", optional = true}', '[tool.poetry.extras]\nBig_One = ["b"]\n')
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD), ["python ^3.8"])
        self.assertEqual(self.texts("poetry.lock", POETRY_OLD, "--extra big-one"), ["python ^3.8", "b==1.0"])

    def test_without_the_project_what_a_false_marker_reaches_is_allowed(self) -> None:
        bound = read(self.write("poetry.lock", POETRY_OLD))
        self.assertEqual([each.text for each in bound.requirements], ["python ^3.8", "a==1.0", "c==2.0"])
        self.assertEqual(bound.permitted, {"b", "c", "d"})

    def test_a_long_chain_without_the_project_takes_no_time(self) -> None:
        chain = "".join(
            f'[[package]]\nname = "p{n}"\nversion = "1"\noptional = {"true" if n == 2999 else "false"}\n'
            f'[package.dependencies]\np{n - 1} = "*"\n'
            for n in range(3000)
        )
        begun = time.perf_counter()
        bound = read(self.write("poetry.lock", chain + '[metadata]\nlock-version = "2.0"\n'))
        self.assertLess(time.perf_counter() - begun, 10)
        self.assertEqual((bound.requirements, len(bound.permitted)), ((), 3000))

    def test_without_the_project_what_also_a_true_marker_reaches_counts(self) -> None:
        lock = "".join(
            self.PACKAGE.format(name, "1", dependencies)
            for name, dependencies in (
                ("a", "b = { version = '*', markers = 'sys_platform == \"win32\"' }\nd = '*'"),
                ("b", "c = '*'\nd = '*'"),
                ("c", ""),
                ("d", ""),
            )
        )
        bound = read(self.write("poetry.lock", lock + self.METADATA))
        self.assertEqual([each.text for each in bound.requirements], ["a==1", "d==1"])
        self.assertEqual(bound.permitted, {"b", "c"})

    def test_of_two_versions_an_alternative_chooses(self) -> None:
        self.project('a = "*"')
        for constraint, chosen in (("<2 || >=3", "c==1"), ("<0.5 || >=2", "c==2")):
            lock = self.PACKAGE.format("a", "1", f'c = "{constraint}"')
            lock += self.PACKAGE.format("c", "1", "") + self.PACKAGE.format("c", "2", "")
            self.assertEqual(self.texts("poetry.lock", lock + self.METADATA), ["a==1", chosen])

    def test_a_choice_that_takes_back_its_reason_is_made_all_the_same(self) -> None:
        self.project('x = "*"')
        lock = self.PACKAGE.format("x", "1", "") + self.PACKAGE.format("x", "2", 'y = "*"')
        lock += self.PACKAGE.format("y", "1", 'x = "<2"')
        self.assertEqual(self.texts("poetry.lock", lock + self.METADATA), ["x==1"])

    def test_the_hashes_of_a_lock_1_stand_apart(self) -> None:
        bound = read(self.write("poetry.lock", POETRY_OLD))
        self.assertEqual(envlock.locked_hashes(bound.requirements[1]), {"sha256:0123"})

    def test_groups_have_markers_of_their_own(self) -> None:
        text = """\
            [[package]]
            name = "a"
            version = "1.0"
            groups = ["main", "dev"]
            markers = {main = "sys_platform == \\"win32\\"", dev = "python_version < \\"3.10\\""}
            [metadata]
            lock-version = "2.1"
            """
        self.assertEqual(self.texts("poetry.lock", text), [])
        self.assertEqual(self.texts("poetry.lock", text, "", "3.9"), ["a==1.0"])
        self.assertEqual(self.texts("poetry.lock", text, "--no-group dev", "3.9"), [])

    def test_the_files_read_are_told(self) -> None:
        target = ReadContext(environment)
        path = self.write("poetry.lock", POETRY_OLD)
        envlock.read_bounds([str(path)], target)
        self.assertEqual(target.files, [str(path), str(self.folder / "pyproject.toml")])

    def test_constraints_mean_what_poetry_means(self) -> None:
        for constraint, admitted, refused in (
            ("^1.2.3", "1.2.3 1.9", "1.2.2 2.0 2.0rc1"),
            ("^0.2.3", "0.2.3 0.2.9", "0.3 0.2.2"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0", "0.0.9", "0.1"),
            ("^0", "0.9", "1.0"),
            ("~1.2.3", "1.2.9", "1.3"),
            ("~1.2", "1.2.9", "1.3"),
            ("~1", "1.9", "2.0"),
            ("1.*", "1.0 1.9", "2.0"),
            ("*", "0.1 9", ""),
            ("1.2.3", "1.2.3", "1.2.4"),
            ("= 1.2", "1.2.0", "1.3"),
            (">= 1.0 < 2.0, != 1.5", "1.0 1.6", "1.5 2.0"),
            ("<1 || >= 2, !=2.5", "0.9 2.0 3", "1.0 2.5"),
            ("~=1.4", "1.9", "2.0"),
            (">=3.6.*, !=3.7.*", "3.6 3.8", "3.5 3.7.1"),
            ("^1!2.1", "1!2.1 1!2.9", "2.5 1!3.0 2!2.5"),
            ("~1!2.1", "1!2.1.9", "1!2.2"),
            ("~=1", "1.0 1.9", "0.9 2.0"),
            ("*.*", "0.1 9", ""),
            ("^2.0.1+cu117", "2.0.1+cu117 2.9", "2.0 3.0"),
        ):
            specifier = envlock.parse_constraint(constraint, "")
            for version in admitted.split():
                self.assertTrue(specifier.contains(version, prereleases=True), (constraint, version))
            for version in refused.split():
                self.assertFalse(specifier.contains(version, prereleases=True), (constraint, version))

    def test_platforms_mean_what_poetry_means(self) -> None:
        for constraint, admitted, refused in (
            ("", "linux win32", ""),
            ("*", "linux win32", ""),
            ("linux", "linux", "win32"),
            ("==linux", "linux", "win32"),
            ("!=win32", "linux darwin", "win32"),
            ("!= win32", "linux", "win32"),
            ("!=win32,!=darwin", "linux", "win32 darwin"),
            ("linux || darwin", "linux darwin", "win32"),
            ("linux|darwin", "linux darwin", "win32"),
        ):
            for platform in admitted.split():
                self.assertTrue(envlock._admits_platform(constraint, platform), (constraint, platform))
            for platform in refused.split():
                self.assertFalse(envlock._admits_platform(constraint, platform), (constraint, platform))

    def test_groups_of_a_project_are_told_in_two_places_and_include_each_other(self) -> None:
        text = """\
            [tool.poetry.dependencies]
            a = "*"
            [dependency-groups]
            dev = ["b==1.0", {include-group = "Lint_x"}]
            lint-x = ["c==1.0"]
            [tool.poetry.group.lint-x]
            optional = true
            [tool.poetry.group.more]
            include-groups = ["docs"]
            [tool.poetry.group.docs]
            optional = true
            [tool.poetry.group.docs.dependencies]
            d = "*"
            """
        for options, demanded in (
            ("", ["a *", "b ==1.0", "c ==1.0", "d *"]),
            ("--no-group more", ["a *", "b ==1.0", "c ==1.0"]),
            ("--no-group dev --no-group more", ["a *"]),
            ("--no-group dev --group lint-x", ["a *", "c ==1.0", "d *"]),
        ):
            self.assertEqual(sorted(self.texts("pyproject.toml", text, options)), demanded)
        lock = "".join(self.PACKAGE.format(name, "1.0", "") for name in "abcd") + self.METADATA
        # Poetry 1.8, which wrote such locks, knows no standard groups
        self.assertEqual(self.texts("poetry.lock", lock), ["a==1.0", "d==1.0"])
        self.assertEqual(self.texts("poetry.lock", lock, "--no-group more"), ["a==1.0"])
        for group in (
            '[dependency-groups]\nx = [{include-group = "y"}]',
            '[tool.poetry.group.x]\ninclude-groups = ["y"]',
        ):
            self.assertRegex(self.error("pyproject.toml", f"[tool.poetry]\n{group}\n"), ": there is no group 'y'")

    def test_a_project_that_poetry_completes(self) -> None:
        extra = '[project.optional-dependencies]\nx = ["six @ https://files.example/six-1.0.zip", "e @ ./e-1.0.zip"]\n'
        poetry = """\
            [tool.poetry.dependencies]
            a = "^1"
            b = {file = "dist/b-1.0-py3-none-any.whl"}
            c = {version = "*", optional = true}
            [tool.poetry.extras]
            y = ["c"]
            """
        python, own = "python>=3.9", ["a ^1", "b @ file:///here/dist/b-1.0-py3-none-any.whl"]
        six = ["six @ https://files.example/six-1.0.zip", "e @ file:///here/e-1.0.zip"]
        for rest, options, demanded in (
            ("", "", own),
            ("", "--extra y", [*own, "c *"]),
            (extra, "", []),
            (extra, "--extra x", six),
            ('dynamic = ["dependencies"]\n' + extra, "", own),
            ('dynamic = ["dependencies"]\n' + extra, "--extra x", [*six, *own]),
        ):
            text = f'[project]\nname = "root"\nrequires-python = ">=3.9"\n{rest}{textwrap.dedent(poetry)}'
            self.assertEqual(self.texts("pyproject.toml", text, options), [python, *demanded], (rest, options))
        with self.assertRaisesRegex(EnvlockError, "no extra 'y'"):
            self.texts("pyproject.toml", f'[project]\nname = "root"\n{extra}{textwrap.dedent(poetry)}', "--extra y")

    def test_of_a_group_in_two_places_poetry_tells_more_of_what_the_standard_lists(self) -> None:
        text = """\
            [tool.poetry]
            [dependency-groups]
            dev = ["a", "b; sys_platform == 'win32'", "c; sys_platform == 'linux'", "f"]
            [tool.poetry.group.dev.dependencies]
            a = "<2"
            b = "<2"
            c = {version = "<2", markers = "python_version < '3'"}
            d = "*"
            f = {version = "*", platform = "win32"}
            [tool.poetry.dev-dependencies]
            e = "*"
            """
        self.assertEqual(self.texts("pyproject.toml", text), ["a *", "a <2"])

    def test_the_project_alone_is_a_bound(self) -> None:
        path = self.write(
            "pyproject.toml",
            f"""\
            [tool.poetry]
            name = "Root_x"
            [tool.poetry.dependencies]
            python = "^3.8"
            Six = "^1.16"
            mark = {{version = "*", markers = "sys_platform == 'win32'"}}
            lib = {{path = "lib", develop = true}}
            repo = {{git = "https://git.example/r.git", rev = "{COMMIT}"}}
            [tool.poetry.group.dev.dependencies]
            either = "^1 || ^3"
            [tool.poetry.group.docs]
            optional = true
            [tool.poetry.group.docs.dependencies]
            sphinx = "*"
            """,
        )
        bound = read(path)
        home = envlock.url_of_path(str(self.folder))
        self.assertEqual(
            [each.text.replace(home, "file:///here") for each in bound.requirements],
            [
                "python ^3.8",
                "six ^1.16",
                "-e lib @ file:///here/lib",
                f"repo @ git+https://git.example/r.git@{COMMIT}",
                "either ^1 || ^3",
            ],
        )
        self.assertEqual(str(bound.requirements[1].specifier), "<2,>=1.16")
        self.assertEqual(bound.permitted, {"root-x"})
        self.assertIn("sphinx *", [each.text for each in read(path, "--group docs").requirements])


@unittest.skipIf(NO_TOML, NO_TOML)
class PdmLocks(Scratch):
    LOCK = """\
        [metadata]
        groups = ["default", "dev", "one", "two"]
        strategy = ["inherit_metadata"]
        lock_version = "4.5.0"
        [[metadata.targets]]
        requires_python = ">=3.9"
        """ + "".join(
        f'[[package]]\n        name = "{name}"\n        version = "1"\n        groups = ["{group}"]\n        '
        for name, group in (("a", "default"), ("b", "dev"), ("c", "one"), ("d", "two"))
    )

    def test_all_groups_count_until_one_is_named(self) -> None:
        self.write(
            "pyproject.toml",
            '[project]\nname = "p"\n[project.optional-dependencies]\none = []\ntwo = []\n'
            "[dependency-groups]\ndev = []\n",
        )
        self.assertEqual(self.texts("pdm.lock", self.LOCK), ["python>=3.9", "a==1", "b==1", "c==1", "d==1"])
        self.assertEqual(self.texts("pdm.lock", self.LOCK, "--extra one"), ["python>=3.9", "a==1", "b==1", "c==1"])
        self.assertEqual(self.texts("pdm.lock", self.LOCK, "--group dev"), ["python>=3.9", "a==1", "b==1"])
        self.assertEqual(self.texts("pdm.lock", self.LOCK, "--no-default-groups"), ["python>=3.9", "a==1"])

    WALKED = """\
        [metadata]
        groups = ["default", "dev"]
        lock_version = "4.4"
        [[package]]
        name = "a"
        version = "1"
        dependencies = ["b; sys_platform == 'win32'", "c>=1"]
        [[package]]
        name = "b"
        version = "1"
        [[package]]
        name = "c"
        version = "1"
        [[package]]
        name = "c"
        version = "2"
        [[package]]
        name = "d"
        version = "1"
        dependencies = ["c<2"]
        """

    def test_without_inherited_metadata_the_lock_is_walked_from_the_project(self) -> None:
        self.write("pyproject.toml", '[project]\nname = "p"\ndependencies = ["a"]\n[dependency-groups]\ndev = ["d"]\n')
        self.assertEqual(self.texts("pdm.lock", self.WALKED, "--no-default-groups"), ["a==1", "c==2"])
        self.assertEqual(self.texts("pdm.lock", self.WALKED), ["a==1", "c==1", "d==1"])
        self.assertEqual(self.texts("pdm.lock", self.WALKED, "--no-group default"), ["c==1", "d==1"])

    def test_without_the_project_what_a_false_marker_reaches_is_allowed(self) -> None:
        bound = read(self.write("pdm.lock", self.WALKED))
        self.assertEqual([each.text for each in bound.requirements], ["a==1", "d==1"])
        self.assertEqual(bound.permitted, {"b", "c"})

    def test_a_target_must_be_this_platform_and_implementation(self) -> None:
        for told, row in (
            ('platform = "manylinux_2_99_x86_64"', "python>=3.9"),
            ('platform = "linux"\nimplementation = "cpython"\ngil_disabled = false', "python>=3.9"),
            ('platform = "freebsd_14_amd64"', "python>=3.9"),  # how that names itself isn't known: not judged
            ('platform = "windows_amd64"', "python for windows_amd64"),
            ('platform = "macos"', "python for macos"),
            ('platform = "manylinux_2_17_aarch64"', "python for manylinux_2_17_aarch64"),
            ('implementation = "pypy"', "python for pypy"),
        ):
            with self.subTest(target=told):
                target = f'requires_python = ">=3.9"\n{told}\n'
                lock = textwrap.dedent(self.LOCK).replace('requires_python = ">=3.9"\n', target, 1)
                self.assertEqual(self.texts("pdm.lock", lock)[0], row)


class Pipfiles(Scratch):
    HEAD: ClassVar = {"_meta": {"pipfile-spec": 6, "requires": {"python_version": "3.2"}}}
    LOCK = json.dumps(
        {
            **HEAD,
            "default": {
                "any": {"version": "*"},
                "six": {"version": "==1.16.0", "hashes": ["sha256:AB"]},
                "win": {"version": "==1", "markers": "sys_platform == 'win32'"},
                "repo": {"git": "https://git.example/r", "ref": COMMIT, "subdirectory": "s"},
                "lib": {"path": "lib", "editable": True},
            },
            "develop": {"dev-only": {"version": "==2"}},
            "Docs": {"six": {"version": "==1.16.0"}, "docs-only": {"version": "==3"}},
        }
    )

    def test_repositories_of_other_kinds(self) -> None:
        for kind in ("hg", "svn", "bzr"):
            lock = json.dumps({**self.HEAD, "default": {"six": {kind: "https://h.example/six", "ref": "abc"}}})
            self.assertEqual(self.texts("Pipfile.lock", lock), [f"six @ {kind}+https://h.example/six@abc"])

    def test_a_path_that_cannot_be_is_told(self) -> None:
        lock = json.dumps({**self.HEAD, "default": {"six": {"path": "./\ud800"}}})
        message = f"Pipfile.lock: there can be no such path: {str(self.folder / chr(0xD800))!a}"
        self.assertEqual(self.error("Pipfile.lock", lock), message.replace(str(self.folder) + os.sep, ""))

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_categories_are_groups(self) -> None:
        expected = [
            "any",
            "six==1.16.0",
            f"repo @ git+https://git.example/r@{COMMIT}#subdirectory=s",
            "-e lib @ file:///here/lib",
        ]
        self.assertEqual(self.texts("Pipfile.lock", self.LOCK), expected)
        self.assertEqual(self.texts("Pipfile.lock", self.LOCK, "--group develop"), [*expected, "dev-only==2"])
        self.assertEqual(
            self.error("Pipfile.lock", self.LOCK, "--group nope"),
            "Pipfile.lock: there is no group 'nope' (it has default, develop, docs)",
        )

    def test_hashes_are_told(self) -> None:
        bound = read(self.write("Pipfile.lock", self.LOCK))
        self.assertEqual(envlock.locked_hashes(bound.requirements[1]), {"sha256:ab"})


@unittest.skipIf(NO_TOML, NO_TOML)
class Pylocks(Scratch):
    LOCK = (
        PYLOCK
        + """\
extras = ["e"]
dependency-groups = ["g"]
default-groups = ["d"]
"""
        + "".join(
            f'[[packages]]\nname = "{name}"\nversion = "1"\nmarker = "{marker}"\nwheels = []\n'
            for name, marker in (
                ("always", "python_version > '3'"),
                ("extra", "'e' in extras"),
                ("group", "'g' in dependency_groups"),
                ("default", "'d' in dependency_groups"),
            )
        )
    )

    def test_a_version_may_be_absent_and_a_repository_be_of_another_kind(self) -> None:
        text = (
            PYLOCK + '[[packages]]\nname = "a"\nwheels = [{ hashes = { sha256 = "00" } }]\n[[packages]]\nname = "b"\n'
        )
        vcs = f'vcs = {{ type = "hg", url = "https://h.example/b", commit-id = "{COMMIT}" }}\n'
        bound = read(self.write("pylock.toml", text + vcs))
        self.assertEqual([each.text for each in bound.requirements], ["a", f"b @ hg+https://h.example/b@{COMMIT}"])
        self.assertEqual(envlock.locked_hashes(bound.requirements[0]), {"sha256:00"})
        self.assertEqual(
            self.error("pylock.toml", text + vcs.replace("hg", "cvs")),
            "pylock.toml:8: packages[1].vcs.type: expected one of git, hg, svn, bzr, found 'cvs'",
        )

    def test_a_named_group_replaces_the_default_groups(self) -> None:
        self.assertEqual(self.texts("pylock.toml", self.LOCK), ["always==1", "default==1"])
        self.assertEqual(self.texts("pylock.toml", self.LOCK, "--group g"), ["always==1", "group==1"])
        self.assertEqual(self.texts("pylock.toml", self.LOCK, "--no-default-groups"), ["always==1"])
        self.assertEqual(self.texts("pylock.toml", self.LOCK, "--extra e"), ["always==1", "extra==1", "default==1"])

    def test_an_environment_that_the_lock_does_not_have_is_told_of_python(self) -> None:
        text = PYLOCK + "environments = [\"sys_platform == 'win32'\", \"python_version < '3.4'\"]\npackages = []\n"
        bound = read(self.write("pylock.toml", text))
        self.assertEqual(
            [each.text for each in bound.requirements], ["python; sys_platform == 'win32' or python_version < '3.4'"]
        )
        self.assertFalse(bound.requirements[0].specifier is None or bound.requirements[0].specifier.contains("3.11.7"))

    def test_a_package_that_counts_twice_is_an_error(self) -> None:
        package = '[[packages]]\nname = "a"\nversion = "1"\nwheels = []\n'
        self.assertEqual(
            self.error("pylock.toml", PYLOCK + package + package),
            "pylock.toml:7: packages[1]: 'a' counts twice for this interpreter",
        )

    def test_hashes_stand_in_tables(self) -> None:
        text = (
            PYLOCK
            + f"""\
[[packages]]
name = "a"
version = "1"
wheels = [{{ url = "https://files.example/a-1.whl", hashes = {{ sha256 = "{SHA256}" }} }}]
[[packages]]
name = "b"
[packages.archive]
url = "https://files.example/b-1.whl"
[packages.archive.hashes]
sha256 = "{SHA256}"
"""
        )
        bound = read(self.write("pylock.toml", text))
        self.assertEqual(envlock.locked_hashes(bound.requirements[0]), {"sha256:" + SHA256})
        reference = bound.requirements[1].reference
        self.assertEqual(reference and reference.hashes, {"sha256:" + SHA256})


@unittest.skipIf(NO_TOML, NO_TOML)
class HashesOfArchives(Scratch):
    """A record that tells its archive's hash, against a lock whose archives were cut out."""

    def findings(self, digest: str) -> str:
        place = Environment(self.folder / "env")
        info = {"url": "file:///a-1.whl", "archive_info": {"hashes": {"sha256": digest}}}
        place.add("a", "1", info)
        lock = ArchiveTables.PACKAGE.format(f'wheels = [\n    {{ url = "u", hash = "sha256:{SHA256}" }},\n]\n')
        path = self.write("uv.lock", lock)
        result = run_envlock("-e", place.python, "validate", "--bound", path, "json")
        return ", ".join(finding["detail"] for finding in json.loads(result.stdout))

    def test_the_same_archive_is_aligned(self) -> None:
        self.assertEqual(self.findings(SHA256), "")

    def test_another_archive_is_told(self) -> None:
        self.assertEqual(self.findings(SHA256[::-1]), "the hash of its archive is another")


if __name__ == "__main__":
    unittest.main()
