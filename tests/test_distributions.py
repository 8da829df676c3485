"""The room Distributions."""

from __future__ import annotations

import json
import os
import sys
import unittest
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import envlock
from tests.support import (
    ENVLOCK,
    NO_PERMISSIONS,
    POWERLESS,
    Environment,
    TestCase,
    add_record,
    run,
)

METADATA = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"


def looking_at(
    *sites: Path, version: tuple[int, int, int] = (3, 13, 0)
) -> envlock.Interpreter:
    return envlock.Interpreter(
        "python", "cpython", version, "/prefix", tuple(map(str, sites)), None, None, {}
    )


class RecordTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = self.folder / "site-packages"
        self.site.mkdir()

    def record(self, path: str, text: str | None = None) -> None:
        """A record: a directory, with a METADATA or PKG-INFO if there is text; or, for a path in it, a file."""
        target = self.site / path
        if text is None:
            target.mkdir(parents=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def labels(
        self, *sites: Path, version: tuple[int, int, int] = (3, 13, 0)
    ) -> list[str]:
        return [
            one.label
            for one in envlock.scan(
                looking_at(*(sites or (self.site,)), version=version)
            )
        ]

    def named(self) -> list[tuple[str, str]]:
        return [(one.name, one.version) for one in envlock.scan(looking_at(self.site))]

    def test_a_plain_directory_name_tells_name_and_version(self) -> None:
        for path in (
            "typing_extensions-4.12.2.dist-info",
            "zope.interface-6.0.dist-info",
            "Six-1.16.0+local.1.egg-info",
        ):
            self.record(path)
        expected = [
            ("six", "1.16.0+local.1"),
            ("typing-extensions", "4.12.2"),
            ("zope-interface", "6.0"),
        ]
        self.assertEqual(self.named(), expected)
        self.assertEqual(
            self.labels(),
            ["Six-1.16.0+local.1", "typing_extensions-4.12.2", "zope.interface-6.0"],
        )

    def test_an_egg_info_name_may_end_with_python_and_platform(self) -> None:
        self.record("PyYAML-5.4-py3.8.egg-info")
        self.record("cffi-1.15-py3.8-linux-x86_64.egg-info", "a file")
        self.assertEqual(self.named(), [("cffi", "1.15"), ("pyyaml", "5.4")])

    def test_an_ambiguous_directory_name_is_settled_by_the_metadata(self) -> None:
        self.record(
            "my-old-pkg-1.0.dist-info/METADATA", METADATA.format("my-old-pkg", "1.0")
        )
        self.record("post-1.0_1.egg-info/PKG-INFO", METADATA.format("post", "1.0-1"))
        self.record("plain.egg-info/PKG-INFO", METADATA.format("plain", "2.0"))
        self.record("file.egg-info", METADATA.format("file", "3.0"))
        expected = [
            ("file", "3.0"),
            ("my-old-pkg", "1.0"),
            ("plain", "2.0"),
            ("post", "1.0-1"),
        ]
        self.assertEqual(self.named(), expected)

    def test_metadata_that_is_no_utf_8_is_read(self) -> None:
        (self.site / "latin.egg-info").write_bytes(
            METADATA.format("latin", "1.0").encode() + b"Author: Andr\xe9\n"
        )
        self.assertEqual(self.named(), [("latin", "1.0")])

    def test_a_record_without_metadata_is_told_by_its_directory_name(self) -> None:
        self.record("six-1.16.0.dist-info")
        self.assertEqual(self.named(), [("six", "1.16.0")])

    def test_a_version_with_letters_is_settled_by_the_metadata_where_it_tells_one(
        self,
    ) -> None:
        self.record("foo-1x.dist-info/METADATA", METADATA.format("foo", "1.0"))
        self.record("bar-1.0.post1.dist-info/METADATA", METADATA.format("bar", "1.0-1"))
        self.record("gone-1.0rc1.dist-info")
        self.record("Evil-1.0.DIST-INFO")
        expected = [
            ("bar", "1.0-1"),
            ("evil", "1.0"),
            ("foo", "1.0"),
            ("gone", "1.0rc1"),
        ]
        self.assertEqual(self.named(), expected)

    def test_a_record_that_tells_no_name_or_version_has_neither(self) -> None:
        self.record("nothing.dist-info")
        self.record("a-b-c.dist-info/METADATA", "Name: a\n")
        self.record("spaced out.egg-info/PKG-INFO", METADATA.format("not a name", "1"))
        self.assertEqual(self.named(), [("", ""), ("", ""), ("", "")])
        self.assertEqual(self.labels(), ["a-b-c", "nothing", "spaced out"])

    def test_leftovers_are_passed_over(self) -> None:
        for path in (
            "~ip-24.0.dist-info",
            "-ip-24.0.dist-info",
            "~etuptools-65.0.egg-info",
            "pip-24.1.dist-info",
        ):
            self.record(path)
        self.assertEqual(self.labels(), ["pip-24.1"])

    @unittest.skipUnless(sys.platform == "linux", "file names are bytes")
    def test_an_undecodable_file_name_is_an_unreadable_record(self) -> None:
        os.mkdir(os.fsencode(self.site) + b"/caf\xe9-1.0.dist-info")
        self.record("six-1.16.0.dist-info")
        self.assertEqual(self.named(), [("", ""), ("six", "1.16.0")])

    def test_two_records_of_one_project_are_both_told(self) -> None:
        self.record("six-1.15.0.dist-info")
        self.record("six-1.16.0.dist-info")
        self.assertEqual(self.labels(), ["six-1.15.0", "six-1.16.0"])

    def test_the_first_directory_shadows_later_ones(self) -> None:
        later = self.folder / "later"
        add_record(self.site, "six", "1.16.0")
        add_record(later, "six", "1.15.0")
        add_record(later, "idna", "3.7")
        self.assertEqual(self.labels(self.site, later), ["idna-3.7", "six-1.16.0"])
        self.assertEqual(self.labels(later, self.site), ["idna-3.7", "six-1.15.0"])

    def test_a_path_line_adds_a_directory_behind_its_site(self) -> None:
        added, later = self.folder / "added é", self.folder / "later"
        add_record(added, "six", "1.16.0")
        add_record(later, "six", "1.15.0")
        self.record(
            "paths.pth",
            f"# {later}\n\nimport this_never_runs\n{added}\n/does/not/exist\n",
        )
        self.assertEqual(self.labels(self.site, later), ["six-1.16.0"])

    def test_a_directory_that_is_added_again_counts_once(self) -> None:
        self.record("six-1.16.0.dist-info")
        add_record(self.folder / "added", "attrs", "25.1.0")
        self.record(
            "paths.pth", f".\n{self.folder / 'added'}\n{self.folder / 'added'}/\n"
        )
        self.assertEqual(self.labels(), ["attrs-25.1.0", "six-1.16.0"])

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no named pipes here")
    def test_a_named_pipe_is_no_start_up_file(self) -> None:
        os.mkfifo(self.site / "pipe.pth")
        self.record("six-1.16.0.dist-info")
        self.assertEqual(self.labels(), ["six-1.16.0"])

    def test_a_path_line_may_be_relative_and_have_a_byte_order_mark(self) -> None:
        add_record(self.folder / "added", "six", "1.16.0")
        (self.site / "paths.pth").write_bytes(b"\xef\xbb\xbf../added\r\n")
        self.assertEqual(self.labels(version=(3, 13, 0)), ["six-1.16.0"])
        self.assertEqual(self.labels(version=(3, 12, 9)), [])

    def test_blanks_before_a_path_count_until_3_15(self) -> None:
        add_record(self.folder / "added", "six", "1.16.0")
        self.record("paths.pth", "  ../added\n")
        self.assertEqual(self.labels(version=(3, 15, 0)), ["six-1.16.0"])
        self.assertEqual(self.labels(version=(3, 14, 0)), [])

    def test_path_lines_are_those_of_a_real_start(self) -> None:
        starts = ("", "\ufeff", " ", "\t", "#", "\x0c", "x\x0c", "x\x85")
        for number, start in enumerate(starts):
            add_record(
                self.environment.path / f"added{number}", f"package{number}", "1"
            )
            line = f"{start}{self.environment.path}/added{number}\n"
            (self.environment.site / f"{number}.pth").write_text(line, encoding="utf-8")
        path = run(
            [self.environment.python, "-X", "utf8", "-c", "import sys; print(sys.path)"]
        ).stdout
        expected = [
            f"package{number}"
            for number in range(len(starts))
            if f"/added{number}'" in path
        ]
        asked = envlock.ask_interpreters([str(self.environment.python)])[0]
        self.assertEqual(
            [one.name for one in envlock.scan(asked) if one.name.startswith("package")],
            expected,
        )

    def test_a_hidden_pth_counts_only_where_site_reads_it(self) -> None:
        add_record(self.folder / "added", "six", "1.16.0")
        self.record(".hidden.pth", "../added\n")
        self.assertEqual(self.labels(version=(3, 13, 0)), [])
        self.assertEqual(self.labels(version=(3, 8, 18)), ["six-1.16.0"])
        self.assertEqual(self.labels(version=(3, 8, 19)), [])
        self.assertEqual(self.labels(version=(3, 7, 17)), ["six-1.16.0"])

    def test_an_egg_counts_if_a_path_line_names_it(self) -> None:
        self.record(
            "lazy-1.0-py3.8.egg/EGG-INFO/PKG-INFO", METADATA.format("lazy", "1.0")
        )
        self.record(
            "unused-1.0-py3.8.egg/EGG-INFO/PKG-INFO", METADATA.format("unused", "1.0")
        )
        for name in ("zipped-2.0-py3.8.egg", "odd.egg"):
            with zipfile.ZipFile(self.site / name, "w") as archive:
                archive.writestr(
                    "EGG-INFO/PKG-INFO",
                    METADATA.format(name.partition("-")[0].partition(".")[0], "2.0"),
                )
        self.record(
            "easy-install.pth",
            "./lazy-1.0-py3.8.egg\n./zipped-2.0-py3.8.egg\n./odd.egg\n",
        )
        self.assertEqual(
            self.named(), [("lazy", "1.0"), ("odd", "2.0"), ("zipped", "2.0")]
        )

    def test_an_egg_that_tells_nothing_is_an_unreadable_record(self) -> None:
        self.record("broken.egg", "no zip")
        with zipfile.ZipFile(self.site / "empty.egg", "w") as archive:
            archive.writestr("module.py", "")
        with zipfile.ZipFile(
            self.site / "cut.egg", "w", zipfile.ZIP_DEFLATED
        ) as archive:
            archive.writestr("EGG-INFO/PKG-INFO", METADATA.format("cut", "1.0"))
        data = (self.site / "cut.egg").read_bytes()
        (self.site / "cut.egg").write_bytes(data.replace(data[46:60], b"\xff" * 14))
        self.record("easy-install.pth", "./broken.egg\n./cut.egg\n./empty.egg\n")
        self.assertEqual(
            (self.named(), self.labels()), ([("", "")] * 3, ["broken", "cut", "empty"])
        )

    def test_an_egg_link_makes_an_egg_info_an_editable_install(self) -> None:
        source = self.folder / "source"
        for name in ("my_pkg", "bystander"):
            (source / f"{name}.egg-info").mkdir(parents=True)
            text = METADATA.format(name, "0.1")
            (source / f"{name}.egg-info" / "PKG-INFO").write_text(
                text, encoding="utf-8"
            )
        self.record("easy-install.pth", f"{source}\n")
        self.record("my-pkg.egg-link", f"{source}\n.")
        bystander, linked = envlock.scan(looking_at(self.site))
        self.assertIsNone(envlock.recorded_reference(bystander))
        reference = envlock.recorded_reference(linked)
        self.assertEqual(
            reference,
            envlock.DirectReference("directory", source.as_uri(), editable=True),
        )

    def test_a_site_directory_that_is_not_there_holds_nothing(self) -> None:
        self.assertEqual(self.labels(self.folder / "absent"), [])

    def test_scanning_grows_with_the_number_of_packages_only(self) -> None:
        for number in range(2000):
            self.record(f"package_{number}-1.{number}.dist-info")
        self.assertEqual(len(envlock.scan(looking_at(self.site))), 2000)

    @unittest.skipIf(os.name == "nt", "no named pipes")
    def test_a_named_pipe_for_a_record_is_unreadable(self) -> None:
        os.mkfifo(self.site / "pipe.egg-info")
        self.assertEqual(
            [(one.name, one.label) for one in envlock.scan(looking_at(self.site))],
            [("", "pipe")],
        )

    def test_only_the_headers_of_metadata_are_read(self) -> None:
        self.record("plain/x", "")
        for end in ("\n\n", "\r\n\r\n", "\n\r\n"):
            with self.subTest(end=end):
                text = f"Name: told-by-it{end}Version: 2.0\n"
                self.record("a.dist-info/METADATA", "Version: 1.0\n" + text)
                self.assertEqual(self.named(), [("told-by-it", "1.0")])

    def test_headers_beyond_the_limit_tell_nothing(self) -> None:
        head = METADATA.format("big", "1.0")
        for size, expected in (
            (envlock.METADATA_LIMIT - 100, ("big", "1.0")),
            (envlock.METADATA_LIMIT + 20_000, ("", "")),
        ):
            with self.subTest(size=size):
                self.record("big.dist-info/METADATA", head + "x" * size + "\n\n")
                self.assertEqual(self.named(), [expected])

    def test_a_zipped_egg_is_unpacked_up_to_its_headers(self) -> None:
        egg = self.site / "bomb.egg"
        self.record("bomb.pth", "bomb.egg\n")
        head = METADATA.format("bomb", "1.0")
        for start, expected in ((f"{head}\n", ("bomb", "1.0")), (head, ("", ""))):
            for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
                with self.subTest(start=start, method=method):
                    with zipfile.ZipFile(egg, "w", method) as archive:
                        archive.writestr(
                            "EGG-INFO/PKG-INFO",
                            start + "x" * (envlock.METADATA_LIMIT + 100_000),
                        )
                    large = egg.stat().st_size > envlock.METADATA_LIMIT
                    self.assertEqual(self.named(), [("", "") if large else expected])

    def test_a_start_up_file_adds_no_more_than_ten_thousand_lines(self) -> None:
        path = self.site / "many.pth"
        path.write_text("# comment\n" * 20_000 + "/nowhere\n" * 10_000)
        self.assertEqual(self.named(), [])
        path.write_text("/nowhere\n" * 10_001)
        with self.assertRaises(envlock.EnvlockError) as caught:
            self.named()
        self.assertEqual(
            str(caught.exception), f"{path}: more than 10000 lines that add to the path"
        )

    def test_a_direct_reference_beyond_a_megabyte_is_no_use(self) -> None:
        reference = {
            "url": "https://h.example/r.git",
            "vcs_info": {"vcs": "git", "commit_id": "a" * 40},
        }
        record = add_record(self.site, "six", "1.0", reference)
        (distribution,) = envlock.scan(looking_at(self.site))
        self.assertIsNotNone(envlock.recorded_reference(distribution))
        (record / "direct_url.json").write_text(json.dumps(reference) + " " * (1 << 20))
        self.assertIsNone(envlock.recorded_reference(distribution))


class DirectUrlTest(TestCase):
    def reference(self, text: str) -> envlock.DirectReference | None:
        record = add_record(self.folder, "six", "1.16.0")
        (record / "direct_url.json").write_text(text, encoding="utf-8")
        return envlock.recorded_reference(envlock.scan(looking_at(self.folder))[0])

    def test_reads_a_version_control_origin(self) -> None:
        info = {"vcs": "git", "requested_revision": "main", "commit_id": "ab" * 20}
        data = {
            "url": "https://host.example/six.git",
            "vcs_info": info,
            "subdirectory": "sub",
        }
        expected = envlock.DirectReference(
            "vcs",
            "https://host.example/six.git",
            "git",
            "main",
            "ab" * 20,
            subdirectory="sub",
        )
        self.assertEqual(self.reference(json.dumps(data)), expected)

    def test_reads_both_spellings_of_an_archive_hash(self) -> None:
        data = {
            "url": "file:///six.whl",
            "archive_info": {"hash": "sha256=AB", "hashes": {"sha512": "cd"}},
        }
        expected = envlock.DirectReference(
            "archive", "file:///six.whl", hashes=frozenset(("sha256:ab", "sha512:cd"))
        )
        self.assertEqual(self.reference(json.dumps(data)), expected)

    def test_reads_an_editable_directory(self) -> None:
        data = {"url": "file:///src", "dir_info": {"editable": True}}
        self.assertEqual(
            self.reference(json.dumps(data)),
            envlock.DirectReference("directory", "file:///src", editable=True),
        )

    def test_a_file_that_is_no_use_tells_nothing(self) -> None:
        for text in (
            *(
                "",
                "{",
                "{}",
                "[]",
                "7",
                '{"url": 7}',
                '{"url": "x", "vcs_info": 7}',
                "[" * 100_000,
            ),
            '{"vcs_info": {}}',
            '{"url": "x", "vcs_info": {"vcs": "git", "commit_id": 7}}',
            '{"url": "x", "dir_info": {}, "subdirectory": 7}',
        ):
            with self.subTest(text=text[:40]):
                self.assertIsNone(self.reference(text))
                self.setUp()


class HiddenFilesTest(TestCase):
    def test_a_flag_or_an_attribute_hides_a_file(self) -> None:
        statuses: list[Any] = [
            os.stat(self.folder),
            SimpleNamespace(st_flags=0),
            SimpleNamespace(st_file_attributes=0x20),
            SimpleNamespace(st_flags=0x8000),  # macOS
            SimpleNamespace(st_file_attributes=0x22),  # Windows
        ]
        self.assertEqual(
            list(map(envlock._has_hidden_flag, statuses)),
            [False, False, False, True, True],
        )


class SiteDirectoriesTest(TestCase):
    def started(
        self, python: Path, *flags: str, env: dict[str, str] | None = None
    ) -> list[str]:
        done = run(
            [python, *flags, "-c", "import sys; print('\\n'.join(sys.path[1:]))"],
            env=env,
        )
        return done.stdout.splitlines()

    def assert_as_started(
        self, python: Path, env: dict[str, str] | None = None
    ) -> envlock.Interpreter:
        """The site directories that exist are those of a real start's sys.path, in that order."""
        code = f"import sys; sys.path.insert(0, {str(ENVLOCK.parent)!r}); import envlock, json; "
        inside = run(
            [python, "-c", code + "print(json.dumps(envlock.describe_interpreter()))"],
            env=env,
        )
        described = json.loads(inside.stdout)
        path = [
            entry
            for entry in self.started(python, env=env)
            if "-packages" in entry or entry == described["library"]
        ]
        self.assertEqual(
            [site for site in described["sites"] if os.path.isdir(site)], path
        )
        before = {name: os.environ.get(name) for name in (env or {})}
        os.environ.update(env or {})
        try:
            asked = envlock.ask_interpreters([str(python)])[0]
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update(
                    {name: value}
                )
        self.assertEqual([site for site in asked.sites if os.path.isdir(site)], path)
        return asked

    def test_a_virtual_environment_has_its_own_alone(self) -> None:
        asked = self.assert_as_started(self.environment.python)
        self.assertEqual(
            [site for site in asked.sites if site != asked.library][:1],
            [str(self.environment.site)],
        )
        self.assertIsNone(asked.user)
        self.assertEqual(Path(asked.prefix), self.environment.path)

    def test_the_user_site_can_be_added_to_any(self) -> None:
        (asked,) = envlock.ask_interpreters([str(self.environment.python)], True)
        self.assertIsNotNone(asked.user)
        self.assertEqual(asked.sites[-1], asked.user)

    def test_with_system_site_packages_user_and_base_follow(self) -> None:
        environment = Environment(self.folder / "venv", "--system-site-packages")
        home = {"PYTHONUSERBASE": str(self.folder / "home")}
        code = "import site; print(site.getusersitepackages())"
        user = run([environment.python, "-c", code], env=home).stdout.strip()
        Path(user).mkdir(parents=True)
        asked = self.assert_as_started(environment.python, env=home)
        self.assertEqual(asked.user, user)
        self.assertIn(user, asked.sites)
        without = self.assert_as_started(
            environment.python, env={**home, "PYTHONNOUSERSITE": "1"}
        )
        self.assertIsNone(without.user)
        self.assertNotIn(user, without.sites)

    def test_the_base_interpreter_has_what_site_gives_it(self) -> None:
        self.assert_as_started(Path(os.path.realpath(sys.executable)))

    @unittest.skipIf(NO_PERMISSIONS, NO_PERMISSIONS)
    def test_what_may_not_be_read_adds_no_directory_and_tells_no_name(self) -> None:
        add_record(self.folder / "added", "six", "1.16.0")
        paths, record = (
            self.environment.site / "paths.pth",
            self.environment.site / "secret.dist-info",
        )
        paths.write_text(f"{self.folder / 'added'}\n")
        record.mkdir()
        (record / "METADATA").write_text(METADATA.format("secret", "1.0"))
        words = [
            "-e",
            self.environment.python,
            "validate",
            "-b",
            self.write("none.txt", ""),
            "json",
        ]
        for mode, expected in ((0o644, ["secret-1.0", "six-1.16.0"]), (0, ["secret"])):
            for path in (paths, record / "METADATA"):
                path.chmod(mode)
            done = run([*POWERLESS, sys.executable, ENVLOCK, *words])
            self.assertEqual(
                [row["package"] for row in json.loads(done.stdout)], expected
            )

    @unittest.skipIf(NO_PERMISSIONS, NO_PERMISSIONS)
    def test_a_pyvenv_cfg_that_may_not_be_read_is_an_error(self) -> None:
        config = self.environment.path / "pyvenv.cfg"
        config.chmod(0)
        self.addCleanup(config.chmod, 0o644)
        words = ["-S", ENVLOCK, "validate", "-b", self.write("none.txt", "")]
        done = run([*POWERLESS, self.environment.python, *words])
        self.assertRefused(done, f"{config}: cannot be read (Permission denied)")


if __name__ == "__main__":
    unittest.main()
