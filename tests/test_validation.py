"""Validation: from what is installed and what is required to findings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import envlock
from tests.support import TestCase, add_record

BUILDER = {"url": "file:///croot/certifi_1/work/certifi", "dir_info": {}}
COMMIT, OTHER = "ab" * 20, "cd" * 20


class ValidationTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = self.folder / "site-packages"
        self.site.mkdir()

    library: str | None = None

    def check(
        self,
        *requirements: str,
        version: tuple[int, int, int] = (3, 13, 0),
        **policy: Any,
    ) -> list[tuple[str, str, str]]:
        """(package, dependency, explain) of each finding against lines of a requirements file."""
        path = self.write(
            "requirements.txt", "".join(f"{line}\n" for line in requirements)
        )
        environment = envlock.default_environment()
        bound = envlock.read_bounds(
            [str(path)], envlock.ReadContext(lambda: environment)
        )
        return self.compare(bound, version, **policy)

    def compare(
        self,
        bound: envlock.Bound,
        version: tuple[int, int, int] = (3, 13, 0),
        **policy: Any,
    ) -> list[tuple[str, str, str]]:
        interpreter = envlock.Interpreter(
            "/env/python",
            "cpython",
            version,
            "/env",
            (str(self.site),),
            None,
            self.library,
            {},
        )
        self.findings = envlock.check(interpreter, bound, envlock.Policy(**policy))
        return [(one.package, one.dependency, one.explain) for one in self.findings]

    def locked(self, *requirements: envlock.BoundRequirement) -> envlock.Bound:
        return envlock.Bound(requirements=requirements)


class UnnamedTest(ValidationTest):
    """Requirements that tell a source alone: records tell the names."""

    def setUp(self) -> None:
        super().setUp()
        self.write("app/setup.py", "from setuptools import setup\nsetup(name=NAME)\n")
        self.app = f"file://{self.folder}/app"

    def test_an_editable_directory(self) -> None:
        add_record(
            self.site,
            "Lamp_Post",
            "0.5",
            {"url": self.app, "dir_info": {"editable": True}},
        )
        for line in (
            f"-e {self.folder}/app",
            f"-e {self.app}",
            f"-e {self.folder}/app[x]",
        ):
            self.assertEqual(self.check(line), [], line)
        self.assertEqual(
            self.check(f"{self.folder}/app"),
            [("Lamp_Post-0.5", f"{self.folder}/app", "Misdefined")],
        )
        self.assertEqual(self.findings[0].reason, "editable")

    def test_a_directory(self) -> None:
        add_record(self.site, "lamp", "0.5", {"url": f"{self.app}/", "dir_info": {}})
        self.assertEqual(self.check(f"{self.folder}/app"), [])

    def test_a_repository(self) -> None:
        vcs = {"vcs": "git", "commit_id": COMMIT}
        add_record(
            self.site,
            "one",
            "1",
            {"url": "https://h/r.git", "vcs_info": vcs, "subdirectory": "a"},
        )
        add_record(
            self.site,
            "two",
            "1",
            {"url": "https://h/r.git", "vcs_info": vcs, "subdirectory": "b"},
        )
        lines = [
            f"git+https://u:p@h/r@{COMMIT}#subdirectory={folder}" for folder in "ba"
        ]
        self.assertEqual(self.check(*lines), [])
        lines[0] = lines[0].replace(COMMIT, OTHER)
        text = f"git+https://h/r@{OTHER}#subdirectory=b"
        self.assertEqual(self.check(*lines), [("two-1", text, "Misdefined")])

    def test_an_archive(self) -> None:
        url, info = "https://files.example/main.tar.gz", {"hashes": {"sha256": "ab"}}
        add_record(self.site, "lamp", "0.5", {"url": url, "archive_info": info})
        self.assertEqual(self.check(url), [])
        self.assertEqual(self.check(f"{url}#sha256=ab"), [])
        self.assertEqual(
            self.check(f"{url}#sha256=cd"),
            [("lamp-0.5", f"{url}#sha256=cd", "Misdefined")],
        )
        self.assertEqual(self.findings[0].reason, "hash")

    def test_several_records_of_one_source(self) -> None:
        for name, commit in (("one", COMMIT), ("two", OTHER)):
            add_record(
                self.site,
                name,
                "1",
                {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": commit}},
            )
        rows = self.check(f"git+https://h/r@{OTHER}")
        self.assertEqual(rows, [("one-1", "", "Unrequired")])

    def test_what_was_not_installed_from_there_is_missing(self) -> None:
        add_record(self.site, "lamp", "0.5")
        line = "git+https://h/r"
        self.assertEqual(
            self.check(line, "zipp"),
            [
                ("lamp-0.5", "", "Unrequired"),
                ("", line, "Missing"),
                ("", "zipp", "Missing"),
            ],
        )
        self.assertEqual(
            ("", "no installed package tells that it comes from there"),
            (self.findings[1].name, self.findings[1].detail),
        )
        self.assertEqual(
            self.check(line, subset=True), [("lamp-0.5", "", "Unrequired")]
        )

    def test_a_comment_of_pip_freeze_names_what_is_not_there(self) -> None:
        comment = "# Editable install with no version control (lamp==0.5)"
        line = f"-e {self.folder}/app"
        self.assertEqual(self.check(comment, line), [("", line, "Missing")])
        self.assertEqual(self.findings[0].name, "lamp")
        add_record(self.site, "lamp", "0.5")
        self.assertEqual(self.check(comment, line), [("lamp-0.5", line, "Misdefined")])

    def test_a_record_from_there_counts_more_than_a_comment_of_pip_freeze(self) -> None:
        comment = "# Editable install with no version control (lamp==0.5)"
        line, url = f"-e {self.folder}/app", (self.folder / "app").as_uri()
        directory = {"url": url, "dir_info": {"editable": True}}
        add_record(self.site, "torch", "0.6", directory)
        self.assertEqual(self.check(comment, line), [])
        add_record(self.site, "lamp", "0.5")
        unrequired = [("lamp-0.5", "", "Unrequired")]
        self.assertEqual(self.check(comment, line), unrequired)

    def test_a_record_without_a_name_is_no_match(self) -> None:
        record = add_record(self.site, "lamp", "0.5")
        (record / "METADATA").write_text("Name: -\n")
        record.rename(self.site / "odd.dist-info")
        rows = self.check("git+https://h/r")
        self.assertEqual(
            rows, [("odd", "", "Unreadable"), ("", "git+https://h/r", "Missing")]
        )


class FileUrlTest(ValidationTest):
    def test_one_slash_is_as_good_as_three(self) -> None:
        vcs = {"vcs": "git", "commit_id": COMMIT}
        add_record(self.site, "lamp", "1", {"url": "file:///src/lamp", "vcs_info": vcs})
        self.assertEqual(self.check("lamp @ git+file:/src/lamp"), [])
        text = "lamp @ git+file:/src/other"
        self.assertEqual(self.check(text), [("lamp-1", text, "Misdefined")])


class CondaTest(ValidationTest):
    """The direct_url.json of a package that conda installed tells where conda's builder had it."""

    def test_a_pin_is_met_by_its_version(self) -> None:
        record = add_record(self.site, "certifi", "2023.11.17", BUILDER)
        (record / "INSTALLER").write_text("conda\n")
        self.assertEqual(self.check("certifi==2023.11.17"), [])
        self.assertEqual(self.check("certifi==2023.11.17 --hash=sha256:ab"), [])
        self.assertEqual(
            self.check("certifi==2024.1"),
            [("certifi-2023.11.17", "certifi==2024.1", "Misdefined")],
        )

    def test_a_lock_asks_for_the_index(self) -> None:
        record = add_record(self.site, "certifi", "2023.11.17", BUILDER)
        (record / "INSTALLER").write_text("conda\n")
        pinned = envlock.BoundRequirement(
            "certifi", "certifi==2023.11.17", version="2023.11.17"
        )
        rows = self.compare(self.locked(pinned))
        self.assertEqual(
            rows, [("certifi-2023.11.17", "certifi==2023.11.17", "Misdefined")]
        )

    def test_conda_lists_what_it_installed(self) -> None:
        record = add_record(self.site, "certifi", "2023.11.17", BUILDER)
        (record / "INSTALLER").write_text("pip\n")
        expected = [("certifi-2023.11.17", "certifi==2023.11.17", "Misdefined")]
        self.assertEqual(self.check("certifi==2023.11.17"), expected)
        listed = self.write(
            "conda-meta/ca-certifi-2023.11.17-py_0.json",
            '{"files": ["lib/other/METADATA"]}',
        )
        self.assertEqual(self.check("certifi==2023.11.17"), expected)
        listed.write_text(
            '{"files": ["lib/python3.13/site-packages/certifi-2023.11.17.dist-info/METADATA"]}'
        )
        self.assertEqual(self.check("certifi==2023.11.17"), [])


class ProjectBesideTest(ValidationTest):
    """The project of the pyproject.toml beside a bound is never Unrequired."""

    def test_whatever_the_bound(self) -> None:
        add_record(
            self.site,
            "My_App",
            "1",
            {"url": "file:///app", "dir_info": {"editable": True}},
        )
        self.assertEqual(self.check(), [("My_App-1", "", "Unrequired")])
        self.write("pyproject.toml", '[project]\nname = "my.app"\n')
        self.assertEqual(self.check(), [])
        path = self.write(
            "Pipfile.lock", '{"_meta": {"pipfile-spec": 6}, "default": {}}'
        )
        bound = envlock.read_bounds(
            [str(path)], envlock.ReadContext(envlock.default_environment)
        )
        self.assertEqual(self.compare(bound), [])

    def test_one_that_cannot_be_read_names_nothing(self) -> None:
        add_record(self.site, "six", "1")
        self.write("pyproject.toml", "[project\nname = \n")
        self.assertEqual(self.check(), [("six-1", "", "Unrequired")])


class NamesTest(ValidationTest):
    def test_an_equal_environment_is_aligned(self) -> None:
        add_record(self.site, "Six", "1.16.0")
        self.assertEqual(self.check("six==1.16.0"), [])

    def test_names_compare_normalised(self) -> None:
        add_record(self.site, "typing_extensions", "4.12.2")
        add_record(self.site, "zope.interface", "6.0")
        self.assertEqual(
            self.check("Typing.Extensions==4.12.2", "zope-interface==6.0"), []
        )

    def test_reports_installed_packages_first_then_missing_ones_each_by_name(
        self,
    ) -> None:
        for name in ("zipp", "Attrs", "six"):
            add_record(self.site, name, "1.0")
        rows = self.check("zope==2", "six==2", "Babel==2")
        expected = [
            ("Attrs-1.0", "", "Unrequired"),
            ("six-1.0", "six==2", "Misdefined"),
            ("zipp-1.0", "", "Unrequired"),
            ("", "Babel==2", "Missing"),
            ("", "zope==2", "Missing"),
        ]
        self.assertEqual(rows, expected)

    def test_a_finding_knows_where_the_requirement_stands(self) -> None:
        self.check("# first", "six==2")
        finding = self.findings[0]
        self.assertEqual(
            (Path(finding.file).name, finding.line), ("requirements.txt", 2)
        )
        self.assertEqual(
            (finding.executable, finding.detail), ("/env/python", "not installed")
        )


class PolicyTest(ValidationTest):
    def test_subset_allows_absence_only(self) -> None:
        add_record(self.site, "six", "1.0")
        self.assertEqual(
            self.check("absent==1", subset=True), [("six-1.0", "", "Unrequired")]
        )

    def test_superset_allows_further_packages_only(self) -> None:
        add_record(self.site, "six", "1.0")
        add_record(self.site, "idna", "3.0")
        rows = self.check("absent==1", "idna==4", superset=True)
        self.assertEqual(
            rows, [("idna-3.0", "idna==4", "Misdefined"), ("", "absent==1", "Missing")]
        )

    def test_ignored_names_are_left_out_of_every_comparison(self) -> None:
        for name, version in (
            ("extra", "1"),
            ("other", "1"),
            ("twice", "1"),
            ("twice", "2"),
        ):
            add_record(self.site, name, version)
        ignored = frozenset(("extra", "other", "twice", "absent"))
        self.assertEqual(self.check("other==2", "absent==1", ignore=ignored), [])

    def test_what_pip_freeze_leaves_out_is_never_unrequired(self) -> None:
        for name in ("pip", "setuptools", "wheel", "distribute", "envlock"):
            add_record(self.site, name, "1.0")
        self.assertEqual(self.check(version=(3, 11, 9)), [])
        rows = [package for package, _, _ in self.check(version=(3, 12, 0))]
        self.assertEqual(rows, ["distribute-1.0", "setuptools-1.0", "wheel-1.0"])

    def test_a_pin_of_what_pip_freeze_leaves_out_is_checked(self) -> None:
        add_record(self.site, "pip", "24.0")
        self.assertEqual(
            self.check("pip==24.1"), [("pip-24.0", "pip==24.1", "Misdefined")]
        )

    def test_what_came_with_the_interpreter_satisfies_and_is_never_unrequired(
        self,
    ) -> None:
        self.library = str(self.site)
        add_record(self.site, "cffi", "1.15.1")
        self.assertEqual(self.check(), [])
        self.assertEqual(self.check("cffi==1.15.1"), [])
        self.assertEqual(
            self.check("cffi==2.0"), [("cffi-1.15.1", "cffi==2.0", "Misdefined")]
        )

    def test_the_project_itself_is_never_unrequired(self) -> None:
        add_record(self.site, "my_app", "1.0")
        self.assertEqual(
            self.compare(envlock.Bound(permitted=frozenset(("my-app",)))), []
        )


class RecordsTest(ValidationTest):
    def test_two_versions_in_one_directory_are_a_row_each(self) -> None:
        add_record(self.site, "six", "1.15.0")
        add_record(self.site, "six", "1.16.0")
        expected = [
            ("six-1.15.0", "six==1.16.0", "Duplicate"),
            ("six-1.16.0", "six==1.16.0", "Duplicate"),
        ]
        self.assertEqual(self.check("six==1.16.0"), expected)

    def test_two_records_of_one_version_are_none(self) -> None:
        add_record(self.site, "six", "1.16.0")
        (self.site / "six-1.16.0-py3.8.egg-info").mkdir()
        (self.site / "six-1.16.dist-info").mkdir()
        self.assertEqual(self.check("six==1.16.0"), [])

    def test_a_record_that_tells_no_name_is_unreadable(self) -> None:
        (self.site / "nothing.dist-info").mkdir()
        self.assertEqual(self.check(superset=True), [("nothing", "", "Unreadable")])


class VersionsTest(ValidationTest):
    def assertVerdict(self, installed: str, line: str, satisfied: bool) -> None:
        with self.subTest(installed=installed, line=line):
            record = add_record(self.site, "pkg", installed)
            rows = self.check(line)
            self.assertEqual(
                rows, [] if satisfied else [(f"pkg-{installed}", line, "Misdefined")]
            )
            for entry in record.iterdir():
                entry.unlink()
            record.rmdir()

    def test_specifiers_admit_what_pep_440_says(self) -> None:
        for installed, line, satisfied in (
            ("1.0", "pkg==1.0.0", True),
            ("2.1.0+cpu", "pkg==2.1.0", True),
            ("2.1.0+cpu", "pkg===2.1.0", False),
            ("2.1.0", "pkg==2.1.0+cpu", False),
            ("2.0a1", "pkg>=1.0", True),
            ("1.4.9", "pkg~=1.4.2", True),
            ("1.5", "pkg~=1.4.2", False),
            ("1.4.2", "pkg==1.4.*", True),
            ("1!1.0", "pkg>=2020.1", True),
            ("1.0", "pkg", True),
            ("1.0", "pkg>1", False),
            ("1.0", "pkg[extra]==1.0", True),
        ):
            self.assertVerdict(installed, line, satisfied)

    def test_a_lock_names_one_version_the_local_label_included(self) -> None:
        add_record(self.site, "pkg", "2.1.0+cpu")
        requirement = envlock.BoundRequirement("pkg", "pkg==2.1.0", version="2.1.0")
        self.assertEqual(
            self.compare(self.locked(requirement)),
            [("pkg-2.1.0+cpu", "pkg==2.1.0", "Misdefined")],
        )
        self.assertEqual(
            self.compare(self.locked(requirement._replace(version="2.1+CPU"))), []
        )

    def test_a_version_that_pep_440_does_not_know_compares_as_text(self) -> None:
        (self.site / "old-2004d.egg-info").write_text(
            "Name: old\nVersion: 2004d\n", encoding="utf-8"
        )
        self.assertEqual(self.check("old===2004d"), [])
        self.assertEqual(
            self.check("old==2004"), [("old-2004d", "old==2004", "Misdefined")]
        )
        self.assertEqual(
            self.compare(
                self.locked(envlock.BoundRequirement("old", "old", version="2004d"))
            ),
            [],
        )

    def test_every_requirement_of_a_name_counts(self) -> None:
        add_record(self.site, "pkg", "1.5")
        self.assertEqual(
            self.check("pkg>=1", "pkg<1.5"), [("pkg-1.5", "pkg<1.5", "Misdefined")]
        )

    def test_a_constraint_narrows_and_requires_nothing(self) -> None:
        add_record(self.site, "pkg", "1.5")
        self.write("constraints.txt", "pkg<1.5\nabsent==1\n")
        constraint = f"-c {self.folder}/constraints.txt"
        self.assertEqual(
            self.check(constraint, "pkg"), [("pkg-1.5", "pkg<1.5", "Misdefined")]
        )
        self.assertEqual(self.check(constraint), [("pkg-1.5", "", "Unrequired")])
        self.assertEqual(
            self.check(constraint, "absent"),
            [("pkg-1.5", "", "Unrequired"), ("", "absent", "Missing")],
        )

    def test_requires_python_is_judged_by_the_release(self) -> None:
        specifier = envlock.SpecifierSet(">=3.11")
        bound = self.locked(
            envlock.BoundRequirement("python", "python>=3.11", specifier)
        )
        self.assertEqual(
            self.compare(bound, (3, 8, 18)),
            [("python-3.8.18", "python>=3.11", "Misdefined")],
        )
        self.assertEqual(self.compare(bound, (3, 11, 0)), [])


class DirectReferenceTest(ValidationTest):
    def test_a_reason_is_a_word_for_programs(self) -> None:
        url = "https://host.example/pkg.git"
        git = {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
        tag = {
            "url": url,
            "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "v1"},
        }
        archive = {
            "url": "https://host.example/pkg-1.0.zip",
            "archive_info": {"hashes": {"sha256": "a" * 64}},
        }
        editable = {"url": "file:///src", "dir_info": {"editable": True}}
        cases: tuple[tuple[str, dict[str, Any] | None, str], ...] = (
            ("pkg==2.0", None, "version"),
            (f"pkg @ git+{url}", None, "source"),
            (f"pkg @ git+{url}x", git, "source"),
            (f"pkg @ git+{url}@{'f' * 40}", git, "commit"),
            (f"pkg @ git+{url}@other", tag, "commit"),
            ("pkg @ file:///src", editable, "editable"),
            ("pkg==1.0", editable, "editable"),
            ("pkg==1.0", git, "source"),
            (
                f"pkg @ https://host.example/pkg-1.0.zip#sha256={'b' * 64}",
                archive,
                "hash",
            ),
        )
        for asked, recorded, reason in cases:
            with self.subTest(asked, recorded=recorded):
                self.differs(asked, recorded)
                self.assertEqual(
                    [(one.name, one.reason) for one in self.findings], [("pkg", reason)]
                )

    def differs(
        self, asked: str | envlock.DirectReference, recorded: dict[str, Any] | None
    ) -> str:
        """The detail of the one finding; empty if the record satisfies the requirement."""
        record = add_record(self.site, "pkg", "1.0", recorded)
        if isinstance(asked, str):
            self.check(asked)
        else:
            self.compare(
                self.locked(
                    envlock.BoundRequirement("pkg", "pkg @ somewhere", reference=asked)
                )
            )
        for entry in record.iterdir():
            entry.unlink()
        record.rmdir()
        self.assertLessEqual(len(self.findings), 1)
        return self.findings[0].detail if self.findings else ""

    def git(
        self,
        url: str = "https://host.example/pkg.git",
        revision: str = "v1",
        commit: str = COMMIT,
    ) -> dict[str, Any]:
        return {
            "url": url,
            "vcs_info": {
                "vcs": "git",
                "requested_revision": revision,
                "commit_id": commit,
            },
        }

    def test_a_pin_takes_an_index_install_and_an_archive_from_a_file(self) -> None:
        self.assertEqual(self.differs("pkg==1.0", None), "")
        self.assertEqual(
            self.differs(
                "pkg==1.0", {"url": "file:///w/pkg-1.0.tar.gz", "archive_info": {}}
            ),
            "",
        )

    def test_a_pin_takes_no_directory_editable_or_checkout(self) -> None:
        directory = {"url": "file:///src/pkg", "dir_info": {}}
        editable = {"url": "file:///src/pkg", "dir_info": {"editable": True}}
        self.assertEqual(
            self.differs("pkg==1.0", directory), "it was installed from file:///src/pkg"
        )
        self.assertEqual(
            self.differs("pkg==1.0", editable),
            "it was installed from the editable file:///src/pkg",
        )
        source = f"it was installed from git+https://host.example/pkg.git@{COMMIT}"
        self.assertEqual(self.differs("pkg==1.0", self.git()), source)

    def test_what_is_no_pin_takes_any_source(self) -> None:
        editable = {"url": "file:///src/pkg", "dir_info": {"editable": True}}
        for requirement in ("pkg", "pkg>=1", "pkg~=1.0", "pkg==1.*"):
            self.assertEqual(self.differs(requirement, editable), "", requirement)

    def test_a_constraint_leaves_the_source_to_the_requirement(self) -> None:
        self.write("constraints.txt", "pkg==1.0\n")
        add_record(
            self.site, "pkg", "1.0", {"url": f"file://{self.folder}", "dir_info": {}}
        )
        constraint = f"-c {self.folder}/constraints.txt"
        self.assertEqual(self.check(constraint, f"pkg @ file://{self.folder}"), [])
        self.assertEqual(
            self.check(constraint, "pkg"), [("pkg-1.0", "pkg==1.0", "Misdefined")]
        )

    def test_hashes_must_meet_where_both_sides_tell_one(self) -> None:
        archive = {
            "url": "file:///w/pkg-1.0.tar.gz",
            "archive_info": {"hashes": {"sha256": "ab" * 32}},
        }
        pin = "pkg==1.0 --hash=sha256:{}"
        self.assertEqual(self.differs(pin.format("ab" * 32), archive), "")
        self.assertEqual(
            self.differs(pin.format("cd" * 32), archive),
            "the hash of its archive is another",
        )
        self.assertEqual(
            self.differs("pkg==1.0 --hash=sha512:" + "cd" * 64, archive), ""
        )
        self.assertEqual(self.differs(pin.format("cd" * 32), None), "")

    def test_a_repository_is_the_same_however_it_is_written(self) -> None:
        for url in (
            "https://host.example/pkg.git",
            "https://user:secret@host.example/pkg",
            "https://HOST.example/pkg/",
        ):
            with self.subTest(url=url):
                self.assertEqual(self.differs(f"pkg @ git+{url}@v1", self.git()), "")
        ssh = self.git("ssh://git@host.example/team/pkg.git")
        self.assertEqual(
            self.differs("pkg @ git+ssh://git@host.example/team/pkg@v1", ssh), ""
        )
        asked = envlock.DirectReference(
            "vcs", "git@host.example:team/pkg.git", commit=COMMIT
        )
        self.assertEqual(self.differs(asked, ssh), "")
        self.assertNotEqual(
            self.differs("pkg @ git+https://host.example/fork", self.git()), ""
        )

    def test_a_commit_decides_and_a_tag_only_if_it_was_asked_for(self) -> None:
        pin = "pkg @ git+https://host.example/pkg.git@{}"
        self.assertEqual(self.differs(pin.format(COMMIT), self.git()), "")
        self.assertEqual(self.differs(pin.format(COMMIT[:10]), self.git()), "")
        self.assertEqual(self.differs(pin.format("v1"), self.git()), "")
        self.assertNotEqual(self.differs(pin.format("v2"), self.git()), "")
        self.assertNotEqual(self.differs(pin.format(OTHER), self.git()), "")
        self.assertEqual(self.differs(pin.format("")[:-1], self.git()), "")
        locked = envlock.DirectReference(
            "vcs", "https://host.example/pkg", commit=COMMIT
        )
        self.assertEqual(self.differs(locked, self.git(revision="")), "")
        self.assertNotEqual(self.differs(locked, self.git(commit=OTHER)), "")

    def test_subdirectory_and_kind_must_agree(self) -> None:
        pin = "pkg @ git+https://host.example/pkg.git#subdirectory=sub"
        self.assertNotEqual(self.differs(pin, self.git()), "")
        self.assertEqual(self.differs(pin, {**self.git(), "subdirectory": "sub/"}), "")
        self.assertEqual(
            self.differs("pkg @ https://host.example/pkg-1.0.tar.gz", None),
            "it was installed from an index",
        )
        directory = {"url": "file:///src/pkg", "dir_info": {}}
        self.assertNotEqual(
            self.differs("pkg @ https://host.example/pkg-1.0.tar.gz", directory), ""
        )

    def test_an_archive_is_the_same_by_its_hash_or_else_its_address(self) -> None:
        address = "https://host.example/pkg-1.0.tar.gz"
        recorded = {"url": address, "archive_info": {"hash": "sha256=" + "ab" * 32}}
        self.assertEqual(self.differs(f"pkg @ {address}", recorded), "")
        self.assertEqual(
            self.differs(f"pkg @ {address}#sha256={'ab' * 32}", recorded), ""
        )
        self.assertNotEqual(
            self.differs(f"pkg @ {address}#sha256={'cd' * 32}", recorded), ""
        )
        self.assertNotEqual(
            self.differs("pkg @ https://host.example/pkg-1.1.tar.gz", recorded), ""
        )
        other = f"pkg @ https://other.example/x-1.0.tar.gz#sha512={'ab' * 64}"
        self.assertNotEqual(self.differs(other, recorded), "")
        self.assertEqual(
            self.differs(f"pkg @ {address}#sha512={'ab' * 64}", recorded), ""
        )
        mirror = f"pkg @ https://mirror.example/pkg-1.0.tar.gz#sha256={'ab' * 32}"
        self.assertEqual(self.differs(mirror, recorded), "")

    def test_a_directory_is_the_same_through_links_and_quoting(self) -> None:
        source = self.folder / "my source"
        source.mkdir()
        (self.folder / "link").symlink_to(source)
        recorded = {"url": source.as_uri(), "dir_info": {}}
        self.assertEqual(
            self.differs(f"pkg @ {(self.folder / 'link').as_uri()}", recorded), ""
        )
        other = {"url": self.folder.as_uri(), "dir_info": {}}
        self.assertNotEqual(self.differs(f"pkg @ {source.as_uri()}", other), "")

    def test_a_url_that_is_none_is_only_the_same_as_itself(self) -> None:
        for url in ("http://[::1", "git@[x:y", "file:///a%00b", ""):
            asked = envlock.DirectReference("archive", url)
            with self.subTest(url=url):
                self.assertEqual(
                    self.differs(asked, {"url": url, "archive_info": {}}), ""
                )
                self.assertNotEqual(
                    self.differs(
                        asked, {"url": "https://host.example/x.whl", "archive_info": {}}
                    ),
                    "",
                )

    def test_the_editable_flag_must_agree(self) -> None:
        url = self.folder.as_uri()
        editable = {"url": url, "dir_info": {"editable": True}}
        locked = envlock.DirectReference("directory", url, editable=True)
        self.assertEqual(self.differs(locked, editable), "")
        self.assertNotEqual(self.differs(locked, {"url": url, "dir_info": {}}), "")
        self.assertNotEqual(self.differs(locked._replace(editable=False), editable), "")

    def test_an_editable_checkout_tells_no_commit(self) -> None:
        line = f"-e git+https://host.example/pkg.git@{COMMIT}#egg=pkg"
        self.assertEqual(
            self.differs(
                line, {"url": self.folder.as_uri(), "dir_info": {"editable": True}}
            ),
            "",
        )
        self.assertNotEqual(self.differs(line, None), "")
