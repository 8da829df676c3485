"""The room Lock graph."""

from __future__ import annotations

import json
import unittest
from typing import Any, ClassVar, Iterable

import envlock
from envlock import BoundError, BoundFile, BoundRequirement, ParsedLock, ReadContext
from tests.support import (
    DATA,
    LOCKS,
    NO_TOML,
    SHA256,
    Environment,
    Scratch,
    assert_linear,
    lock_in,
    marker_variables,
    read_bound,
)
from tests.support import envlock as run_envlock

UV = 'version = 1\nrequires-python = ">=3.9"\n'


@unittest.skipIf(NO_TOML, NO_TOML)
class ArchiveTables(Scratch):
    """What is cut out of a lock before it is parsed."""

    def test_a_table_that_is_almost_one_takes_linear_time(self) -> None:
        def refused(number: int) -> None:
            with self.assertRaises(BoundError):
                envlock.load_lock("sdist = { " + "a = 1-" * number + "\n")

        assert_linear(refused, 5000, 40_000)

    def test_an_array_with_another_end_takes_linear_time(self) -> None:
        uv = '{ url = "u", hash = "h", size = 1, upload-time = "t" }'
        for table in (uv, '{file = "f", hash = "h"}'):

            def refused(number: int, table: str = table) -> None:
                with self.assertRaises(BoundError):
                    envlock.load_lock(f"\nfiles = [\n{f' {table},' * number}\nx\n")
                with self.assertRaises(BoundError):
                    lines = f" {table},\n" * number
                    envlock.load_lock(f"\nfiles = [\n{lines}x\n")

            assert_linear(refused, 2, 16)

    PACKAGE = (
        UV.replace("3.9", "3.8")
        + '[manifest]\nmembers = ["a"]\n[[package]]\nname = "a"\nversion = "1"\nsource = {{ registry = "i" }}\n{}'
    )

    def hashes(self, artifacts: str) -> set[str]:
        bound = read_bound(self.write("uv.lock", self.PACKAGE.format(artifacts)))
        return {
            text for each in bound.requirements for text in envlock.locked_hashes(each)
        }

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
        wheels = (
            "wheels = [\n    { url = \"u\", hash = 'sha256:0' },\n<<<<<<< HEAD\n]\n"
        )
        self.assertEqual(
            self.error("uv.lock", self.PACKAGE.format(wheels)),
            "uv.lock:11: invalid TOML: Invalid value",
        )


@unittest.skipIf(NO_TOML, NO_TOML)
class HashesOfArchives(Scratch):
    """A record that tells its archive's hash, against a lock whose archives were cut out."""

    def findings(self, digest: str) -> str:
        place = Environment(self.folder / "env")
        info = {
            "url": "file:///a-1.whl",
            "archive_info": {"hashes": {"sha256": digest}},
        }
        place.add("a", "1", info)
        lock = ArchiveTables.PACKAGE.format(
            f'wheels = [\n    {{ url = "u", hash = "sha256:{SHA256}" }},\n]\n'
        )
        path = self.write("uv.lock", lock)
        result = run_envlock("-e", place.python, "validate", "--bound", path, "json")
        return ", ".join(finding["detail"] for finding in json.loads(result.stdout))

    def test_the_same_archive_is_aligned(self) -> None:
        self.assertEqual(self.findings(SHA256), "")

    def test_another_archive_is_told(self) -> None:
        self.assertEqual(
            self.findings(SHA256[::-1]), "the hash of its archive is another"
        )


def hashed(requirement: BoundRequirement) -> tuple[str, frozenset[str]]:
    return requirement.text, envlock.locked_hashes(requirement)


@unittest.skipIf(NO_TOML, NO_TOML)
class RealArchiveTables(unittest.TestCase):
    def test_the_tables_cut_out_of_a_lock_are_told_when_asked_for(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            if path.suffix != ".lock" or path.name == "Pipfile.lock":
                continue
            with self.subTest(lock=folder.name):
                text = path.read_text(encoding="utf-8")
                form = envlock._format_of(str(path), text)
                target = ReadContext(marker_variables)
                file = BoundFile(path)
                quick = form.read(envlock.load_lock(text), file, target)
                whole = form.read(ParsedLock(envlock.load_toml(text)), file, target)
                self.assertEqual(
                    list(map(hashed, quick.requirements)),
                    list(map(hashed, whole.requirements)),
                )

    def test_the_tables_of_archives_are_cut_out_of_real_locks(self) -> None:
        for folder in LOCKS:
            path = lock_in(folder)
            text = path.read_text(encoding="utf-8")
            if (
                path.name != "Pipfile.lock"
                and "pip-lock" not in folder.name
                and "hash" in text
            ):
                with self.subTest(lock=folder.name):
                    self.assertNotIn(
                        "hash = ", json.dumps(envlock.load_lock(text).data)
                    )
                    self.assertNotIn(
                        "sha256:",
                        json.dumps(envlock.load_lock(text).data.get("package")),
                    )


@unittest.skipIf(NO_TOML, NO_TOML)
class MalformedLocks(Scratch):
    def test_a_table_of_an_archive_that_is_cut_out_must_be_right(self) -> None:
        package = 'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "r" }\n'
        for archives in (
            r'sdist = { url = "a\q", hash = "sha256:00" }',
            'wheels = [\n    { url = "a\n    b", hash = "sha256:00" },\n]',
            'sdist = { url = "a", hash = "sha256:00" }\nsdist = { url = "a", hash = "sha256:00" }',
        ):
            with self.subTest(archives=archives):
                self.assertRegex(
                    self.error("uv.lock", f"{package}{archives}\n"),
                    r"^uv\.lock:[67]: invalid TOML: ",
                )

    def test_an_error_in_the_project_beside_a_lock_names_that(self) -> None:
        self.write("pyproject.toml", "[project]\nname =\n")
        self.assertEqual(
            self.error("uv.lock", UV), "pyproject.toml:2: invalid TOML: Invalid value"
        )

    def test_a_wrong_type_in_the_project_beside_a_lock_is_told_as_its(self) -> None:
        self.write("pyproject.toml", "[tool.poetry.dependencies]\na = 3\n")
        message = "poetry.lock:1: pyproject.toml: tool.poetry.dependencies.a: expected a table, found 3"
        self.assertEqual(
            self.error("poetry.lock", '[metadata]\nlock-version = "2.0"\n'), message
        )


@unittest.skipIf(NO_TOML, NO_TOML)
class MarkersByTool(Scratch):
    """The answers that uv 0.13.9, Poetry 2.5.1 and PDM 2.29.4 gave by real syncs, as a lock has the markers."""

    MEASURED = json.loads((DATA / "markers.json").read_text(encoding="utf-8"))

    def judged(
        self, name: str, texts: Iterable[str], poetry: str = "2.1", **variables: str
    ) -> dict[str, bool]:
        """Which markers hold in a lock; of those that can't be told, none."""
        known = {**self.MEASURED["variables"], **variables}
        target = ReadContext(lambda: known)
        lock = {
            "metadata": {"lock-version": poetry, "lock_version": "4.5.0"},
            "version": 1,
        }
        reader = self.READERS[name](ParsedLock(lock), str(self.folder / name), target)
        return {
            text: reader.judge(text, "")
            for text in texts
            if not self.is_open(reader, text)
        }

    def is_open(self, reader: envlock.LockReader, text: str) -> bool:
        reader.judge(text, "")
        found, reader.has_assumed = reader.has_assumed, False
        reader.answers.clear()
        return found

    READERS: ClassVar[dict[str, Any]] = {
        "uv.lock": envlock._UvLock,
        "poetry.lock": envlock._PoetryLock,
        "pdm.lock": envlock._PdmLock,
    }

    def test_a_lock_of_each_tool_is_judged_as_it_judges(self) -> None:
        for name in self.READERS:
            with self.subTest(name):
                measured = self.MEASURED[name]
                judged = self.judged(name, measured)
                self.assertEqual(judged, {text: measured[text] for text in judged})
                self.assertGreater(len(judged), 65)

    def test_what_depends_on_the_tools_own_python_is_left_open(self) -> None:
        measured = self.MEASURED["pdm.lock"]
        left_open = set(measured) - set(self.judged("pdm.lock", measured))
        self.assertEqual(
            {text for text in left_open if "implementation_version" not in text},
            {
                'python_version >= "3.12.1"',
                'python_version < "3.12.1"',
                'python_version == "3.12.1"',
                'python_version != "3.12.1"',
                '"12" in python_full_version',
            },
        )
        for name in ("uv.lock", "poetry.lock"):
            measured = self.MEASURED[name]
            self.assertEqual(set(self.judged(name, measured)), set(measured))

    def test_uv_orders_releases_of_macos_as_versions(self) -> None:
        on_macos = {
            "platform_release >= '9.0'": True,
            "platform_release < '9.0'": False,
            "platform_release == '23.*'": True,
            "platform_release > '23'": True,
            "platform_release <= '23.1'": True,
            "platform_release == '23.1'": True,
            "platform_version >= '9'": True,
            "platform_version < 'Darwin L'": True,
        }
        release = {
            "platform_release": "23.1.0",
            "platform_version": "Darwin Kernel Version 23.1.0",
        }
        judged = self.judged("uv.lock", on_macos, sys_platform="darwin", **release)
        self.assertEqual(judged, on_macos)
        elsewhere = {
            "platform_release >= '9.0'": False,
            "platform_release < '9.0'": True,
            "platform_release == '23.*'": False,
            "platform_release > '23'": True,
            "platform_release <= '23.1'": False,
            "platform_release == '23.1'": False,
            "platform_version >= '9'": False,
        }
        release["platform_version"] = "10.0.19045"
        self.assertEqual(self.judged("uv.lock", elsewhere, **release), elsewhere)

    def test_uv_takes_a_pre_release_of_python_for_its_release(self) -> None:
        answers = {
            "python_full_version >= '3.15'": True,
            "python_full_version < '3.15'": False,
            "python_full_version == '3.15.*'": True,
            "python_full_version > '3.15'": False,
            "python_full_version <= '3.15'": True,
            "implementation_version >= '3.15'": False,
            "implementation_version < '3.15'": True,
        }
        python = {
            "python_full_version": "3.15.0b1",
            "implementation_version": "3.15.0b1",
        }
        self.assertEqual(
            self.judged("uv.lock", answers, python_version="3.15", **python), answers
        )

    def test_poetry_1_has_a_variable_on_the_left_of_in(self) -> None:
        answers = {  # of poetry-core 1.9.1 and 2.5.0
            "'nux' in sys_platform": (False, True),
            "'nux' not in sys_platform": (True, False),
            "'linux darwin' in sys_platform": (True, False),
            "'linux darwin' not in sys_platform": (False, True),
            "'linux' in sys_platform": (True, True),
            "'3.11 3.12' in python_version": (True, True),
            "sys_platform in 'linux darwin'": (True, True),
        }
        before, since = (
            self.judged("poetry.lock", answers, version) for version in ("2.0", "2.1")
        )
        judged = {text: (before[text], since[text]) for text in answers}
        self.assertEqual(judged, answers)

    def test_the_releases_of_distributions_are_versions_for_poetry(self) -> None:
        for release, answers in (
            ("6.1.0-13-amd64", (True, False, True, False)),
            ("5.15.167.4-microsoft-standard-WSL2", (False, True, True, False)),
            ("6.1.0", (True, False, True, False)),
            ("10", (True, False, True, True)),
        ):
            texts = (
                "platform_release >= '6.0'",
                "platform_release < '6.0'",
                "platform_release != '6'",
                "platform_release > '9'",
            )
            judged = self.judged("poetry.lock", texts, platform_release=release)
            self.assertEqual(tuple(judged.values()), answers, release)

    def test_a_release_that_is_no_version_for_poetry_ends_nothing(self) -> None:
        release = {"platform_release": "5.14.0-427.13.1.el9_4.x86_64"}
        texts = ["platform_release >= '5.10'"]
        self.assertEqual(
            self.judged("poetry.lock", texts, **release), {texts[0]: False}
        )


if __name__ == "__main__":
    unittest.main()
