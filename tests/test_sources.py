"""The room Sources."""

from __future__ import annotations

import os
import unittest

import envlock
from envlock import DirectReference, ReadContext
from tests.support import COMMIT, LINUX, InFolder, TestCase


class TestLocations(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.write(
            "proj/pyproject.toml",
            '[build-system]\nrequires = []\n[project]\nname = "The.Project"\n',
        )

    def url(self, path: str) -> str:
        return f"file://{self.folder}/{path}"

    def test_a_directory_is_named_by_its_pyproject(self) -> None:
        found = self.one("./proj[x]")
        self.assertEqual(("the-project", "./proj[x]"), (found.name, found.text))
        self.assertEqual(
            DirectReference("directory", self.url("proj")), found.reference
        )
        self.assertIn(
            os.path.join(self.folder, "proj", "pyproject.toml"), self.context.files
        )

    def test_a_directory_is_named_by_its_setup_cfg(self) -> None:
        self.write("old/setup.py", "from setuptools import setup\nsetup()\n")
        self.write("old/setup.cfg", "[metadata]\nname = old-one\n")
        self.assertEqual("old-one", self.one("./old").name)

    def test_a_directory_is_named_by_its_setup_py(self) -> None:
        self.write(
            "old/setup.py",
            "import setuptools as s\nx = s.Extension(name='no')\ns.setup(name='old-two')\n",
        )
        self.assertEqual("old-two", self.one("./old").name)

    def test_a_directory_is_named_by_poetry(self) -> None:
        self.write("p/pyproject.toml", '[tool.poetry]\nname = "poem"\n')
        self.assertEqual("poem", self.one("-e p").name)

    def test_a_directory_is_named_by_a_constant_of_its_setup_py(self) -> None:
        self.write(
            "old/setup.py",
            "from setuptools import setup\nNAME = 'old-three'\nsetup(name=NAME)\n",
        )
        self.assertEqual("old-three", self.one("./old").name)
        for other in (
            "NAME = 'x'\n",
            "NAME += 'x'\n",
            "for NAME in 'xy': pass\n",
            "del NAME\n",
        ):
            self.write(
                "old/setup.py",
                f"from setuptools import setup\nNAME = 'old-three'\n{other}setup(name=NAME)\n",
            )
            self.assertEqual("", self.one("./old").name, other)

    def test_a_name_that_only_the_build_tells_is_empty(self) -> None:
        for script in (
            "from setuptools import setup\nsetup(name=NAME)\n",
            "from setuptools import setup\nif 1:\n    NAME = 'x'\nsetup(name=NAME)\n",
            "import own_builder\n",
            "print 'Python 2'\n",
            "x = " + "-" * 5000 + "1\n",
            "setup(name='x')\n" + "#" * (1 << 20),
        ):
            self.write("old/setup.py", script)
            self.assertEqual(("", "./old"), self.one("./old")[:2], script[:80])
        self.write(
            "old/setup.cfg", "name = outside of a section\n[options]\nname = x\n"
        )
        self.assertEqual("", self.one("-e ./old").name)
        self.write("old/setup.cfg", "[options]\nx = 1\n[metadata]\nNAME: old-four\n")
        self.assertEqual("old-four", self.one("-e ./old").name)

    def test_pip_freeze_tells_the_name_of_an_editable_in_a_comment(self) -> None:
        self.write("old/setup.py", "from setuptools import setup\nsetup(name=NAME)\n")
        for comment, name in {
            "# Editable install with no version control (Old_Five==0.5)\n": "old-five",
            "# Editable Git install with no remote (old.six==0.5)\n": "old-six",
            "# Editable Git install (old-7==0.5) with either a deleted local remote or invalid URI:\n# 'x'\n": "old-7",
            "## !! Could not determine repository location\n": "",
            "# Editable install with no version control (old==1)\nsix\n": "",
            "# Editable install with no version control (-old==1)\n": "",
        }.items():
            found = self.read(f"six\n{comment}-e {self.folder}/old\n").requirements
            told = found[-1].name, found[-1].likely_name
            self.assertEqual(("", name), told, comment)
        found = self.read(
            "# Editable install with no version control (old==1)\n./old\n"
        ).requirements
        self.assertEqual(("", ""), (found[0].name, found[0].likely_name))

    def test_a_pyproject_is_parsed_where_a_glance_does_not_tell_the_name(self) -> None:
        for text in (
            '[project]\nversion = "1"\n\nname="one"\n',
            "[project]\nname = 'one'\n",
            'project.name = "one"\n',
            "x = '''\n[project]\nname = \"two\"\n'''\n[project]\nname = \"one\"\n",
            '[tool.x]\nname = "two"\n[project]\nname = "one"\n',
            '[project]\nx = ["a"]\n[tool.poetry]\nname = "one"\n',
        ):
            self.write("p/pyproject.toml", text)
            self.assertEqual("one", self.one("./p").name, text)

    def test_an_editable_directory(self) -> None:
        found = self.one("-e ./proj[x]")
        self.assertEqual(("the-project", "-e ./proj[x]"), (found.name, found.text))
        self.assertEqual(
            DirectReference("directory", self.url("proj"), editable=True),
            found.reference,
        )

    def test_an_editable_file_url(self) -> None:
        found = self.one(f"-e {self.url('proj')}")
        self.assertEqual(
            ("the-project", f"-e {self.url('proj')}"), (found.name, found.text)
        )
        self.assertEqual(
            DirectReference("directory", self.url("proj"), editable=True),
            found.reference,
        )

    def test_a_named_editable(self) -> None:
        found = self.one('-e "six[a] @ git+https://u:p@h/x@v1"')
        reference = DirectReference("vcs", "https://h/x", "git", "v1", editable=True)
        self.assertEqual(
            ("six", "-e six[a] @ git+https://h/x@v1", reference),
            (*found[:2], found.reference),
        )
        self.refuses(
            "requirements.txt:1: expected a project's directory or a VCS URL after -e, found '@https://'...",
            "-e six@https://h/six.zip\n",
        )

    def test_an_editable_directory_with_blanks_as_pip_freeze_writes_it(self) -> None:
        self.write("a b/pyproject.toml", "[project]\nname = 'blank'\n")
        self.assertEqual("blank", self.one(f"-e {self.folder}/a b").name)

    def test_hashes_of_an_editable_are_passed_over(self) -> None:
        self.assertEqual(frozenset(), self.one("-e ./proj --hash=sha256:ab").hashes)

    def test_an_editable_directory_with_a_marker_as_uv_writes_it(self) -> None:
        self.assertEqual([], self.texts("-e ./proj ; sys_platform == 'win32'\n"))

    def test_a_relative_path_falls_back_to_the_folder_of_its_file(self) -> None:
        self.write("sub/inner/pyproject.toml", '[project]\nname = "inner"\n')
        self.write("sub/r.txt", "./inner\n-e ./proj\n")
        found = self.read("-r sub/r.txt\n").requirements
        self.assertEqual(["inner", "the-project"], [each.name for each in found])

    def test_a_relative_path_falls_back_to_the_folder_of_the_bound(self) -> None:
        self.write("app/libs/plain/setup.cfg", "[metadata]\nname = plain\n")
        self.write("app/libs/plain/setup.py", "")
        self.write("app/pyproject.toml", "[project]\nname = 'app'\n")
        self.write(
            "app/dist/gone.txt",
            "dist/gone-1.0-py3-none-any.whl\nx @ dist/gone-1.0.zip\n",
        )
        self.write("app/reqs/base.txt", "-e ./libs/plain\n-r ../dist/gone.txt\n-e .\n")
        self.write("app/r.txt", "-r reqs/base.txt\n")
        os.mkdir("elsewhere")
        os.chdir("elsewhere")
        found = envlock.read_bounds(
            [f"{self.folder}/app/r.txt"], self.context
        ).requirements
        self.assertEqual(["plain", "gone", "x", "app"], [each.name for each in found])
        paths = [
            "libs/plain",
            "dist/gone-1.0-py3-none-any.whl",
            "dist/gone-1.0.zip",
            "",
        ]
        urls = [self.url(f"app/{path}").rstrip("/") for path in paths]
        self.assertEqual(
            urls, [each.reference and each.reference.url for each in found]
        )
        self.assertIn(f"{self.folder}/elsewhere/pyproject.toml", self.context.files)

    def test_the_working_directory_comes_first(self) -> None:
        for folder in ("", "sub/"):
            self.write(f"{folder}dist/one-1.0-py3-none-any.whl", "")
        self.write("sub/r.txt", "dist/one-1.0-py3-none-any.whl\n")
        (found,) = envlock.read_bounds(["sub/r.txt"], self.context).requirements
        self.assertEqual(
            self.url("dist/one-1.0-py3-none-any.whl"),
            found.reference and found.reference.url,
        )

    def test_a_wheels_file_name_is_a_path(self) -> None:
        wheel = "one-1.0-py3-none-any.whl"
        self.write(wheel, "")
        for line in (wheel, f"{wheel}[x] ; python_version > '3'"):
            found = self.one(line)
            self.assertEqual("one", found.name)
            self.assertEqual(
                DirectReference("archive", self.url(wheel)), found.reference
            )

    def test_an_archive_is_watched_only_while_it_is_missing(self) -> None:
        self.write("one-1.0-py3-none-any.whl", "")
        lines = "./one-1.0-py3-none-any.whl\ntwo-1.0-py3-none-any.whl\n"
        self.write("r.txt", f"{lines}one-1.0-py3-none-any.whl\n")
        envlock.read_bounds(["r.txt"], self.context)
        watched = [os.path.relpath(path, self.folder) for path in self.context.files]
        self.assertIn("two-1.0-py3-none-any.whl", watched)
        self.assertNotIn("one-1.0-py3-none-any.whl", watched)

    def test_a_targets_directory_stands_for_the_working_directory(self) -> None:
        self.write("requirements.txt", "./proj\n")
        os.chdir("/")
        bound = envlock.read_bounds(
            ["requirements.txt"], ReadContext(lambda: LINUX, directory=self.folder)
        )
        self.assertEqual("the-project", bound.requirements[0].name)

    def test_a_wheels_file_name_tells_name_and_version(self) -> None:
        found = self.one(
            "https://u:p@files.example/Zope.Interface-5.4+cpu-py3-none-any.whl#sha256=AB"
        )
        self.assertEqual(
            ("zope-interface", "==5.4+cpu"), (found.name, str(found.specifier))
        )
        url = "https://files.example/Zope.Interface-5.4+cpu-py3-none-any.whl"
        self.assertEqual(url + "#sha256=AB", found.text)
        self.assertEqual(
            DirectReference("archive", url, hashes=frozenset({"sha256:ab"})),
            found.reference,
        )

    def test_an_sdists_file_name_tells_name_and_version(self) -> None:
        found = self.one("./dist/my-pkg-1.0.tar.gz")
        self.assertEqual(("my-pkg", "==1.0"), (found.name, str(found.specifier)))
        self.assertEqual(
            DirectReference("archive", self.url("dist/my-pkg-1.0.tar.gz")),
            found.reference,
        )

    def test_a_named_url(self) -> None:
        found = self.one(
            "six[x] @ https://files.example/main.zip ; sys_platform == 'linux'"
        )
        self.assertEqual(
            ("six", "six[x] @ https://files.example/main.zip"), (found.name, found.text)
        )
        self.assertEqual(
            DirectReference("archive", "https://files.example/main.zip"),
            found.reference,
        )

    def test_a_vcs_url_with_revision_and_subdirectory(self) -> None:
        found = self.one("-e git+ssh://git@h/x.git@v1.0#egg=six[a]&subdirectory=lib")
        reference = DirectReference(
            "vcs", "ssh://git@h/x.git", "git", "v1.0", "", True, "lib"
        )
        self.assertEqual(("six", reference), (found.name, found.reference))

    def test_a_whole_commit_is_exact(self) -> None:
        found = self.one(f"six @ git+https://u:p@h/x.git@{COMMIT}")
        self.assertEqual(
            DirectReference("vcs", "https://h/x.git", "git", COMMIT, COMMIT),
            found.reference,
        )
        self.assertEqual(f"six @ git+https://h/x.git@{COMMIT}", found.text)

    def test_file_urls(self) -> None:
        self.assertEqual(
            DirectReference("directory", self.url("proj")),
            self.one(f"x @ {self.url('proj')}").reference,
        )
        self.assertEqual(
            DirectReference("directory", self.url("proj")),
            self.one("file:./proj").reference,
        )
        reference = DirectReference("archive", self.url("a%20b-1.0.zip"))
        self.assertEqual(reference, self.one("x @ file:a%20b-1.0.zip").reference)

    def test_a_windows_path_is_a_file_name_elsewhere(self) -> None:
        found = self.one("c:\\dist\\x.tar.gz#egg=x") if os.name == "nt" else None
        self.assertIsNone(found)
        self.assertEqual(("", "c:\\x-1.zip"), self.one("c:\\x-1.zip")[:2])


class TestFolderThatIgnoresCase(TestCase):
    """As usual on macOS and Windows; here a link stands for the other spelling of a folder."""

    def test_is_told_by_the_folder_itself(self) -> None:
        folder = self.folder / "site-packages"
        folder.mkdir()
        self.assertEqual(
            envlock.ignores_case(str(folder)),
            os.path.exists(self.folder / "SITE-PACKAGES"),
        )
        if not os.path.exists(self.folder / "SITE-PACKAGES"):
            (self.folder / "SITE-PACKAGES").symlink_to(folder)
            self.assertTrue(envlock.ignores_case(str(folder)))

    def test_names_are_the_same_in_any_case_and_composition(self) -> None:
        self.assertEqual(
            envlock.fold_name("Gr\u00f6\u00dfe.PY"),
            envlock.fold_name("gro\u0308\u00dfe.py"),
        )
        self.assertNotEqual(envlock.fold_name("a.py"), envlock.fold_name("b.py"))

    def test_two_spellings_may_lead_to_one_file(self) -> None:
        one, other = self.write("a.whl", ""), self.folder / "b.whl"
        os.link(one, other)
        self.assertTrue(envlock.is_same_file(str(one), str(other)))
        self.assertFalse(envlock.is_same_file(str(one), str(self.write("c.whl", ""))))
        self.assertFalse(envlock.is_same_file(str(one), "\0"))


if __name__ == "__main__":
    unittest.main()
