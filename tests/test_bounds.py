"""The room Bound files."""

from __future__ import annotations

import base64
import contextlib
import gc
import io
import json
import os
import random
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import time
import unittest
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import envlock
from envlock import Bound, BoundError, BoundRequirement, DirectReference, EnvlockError, ReadContext, Selection
from tests.support import ENVLOCK, run

DATA = Path(__file__).parent / "data"
LINUX = {
    "os_name": "posix",
    "sys_platform": "linux",
    "platform_machine": "x86_64",
    "platform_system": "Linux",
    "platform_release": "6.1",
    "platform_version": "1",
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "platform_python_implementation": "CPython",
}
COMMIT = "31ec7eaf960d3c1f4ce6082279f8ee853aaea0bf"


def chosen(extras: str = "", groups: str = "", no_groups: str = "", options: str = "", **flags: bool) -> Selection:
    extra, group, no_group, option = (frozenset(names.split()) for names in (extras, groups, no_groups, options))
    return Selection(
        extra, flags.get("all_extras", False), group, flags.get("all_groups", False), no_group, options=option
    )


class InFolder(unittest.TestCase):
    """Bound files in a scratch folder, which is the working directory."""

    def setUp(self) -> None:
        before = os.getcwd()
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, before)
        self.folder = os.path.realpath(scratch.name)
        os.chdir(self.folder)
        self.target = ReadContext(lambda: LINUX)

    def write(self, name: str, content: str | bytes) -> str:
        path = Path(self.folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return name

    def read(self, content: str | bytes, name: str = "requirements.txt", selection: Selection | None = None) -> Bound:
        self.target = ReadContext(lambda: LINUX, selection or Selection())
        return envlock.read_bounds([self.write(name, content)], self.target)

    def texts(
        self, content: str | bytes, name: str = "requirements.txt", selection: Selection | None = None
    ) -> list[str]:
        return [each.text for each in self.read(content, name, selection).requirements]

    def one(self, line: str) -> BoundRequirement:
        (found,) = self.read(line + "\n").requirements
        return found

    def refuses(
        self, message: str, content: str | bytes, name: str = "requirements.txt", selection: Selection | None = None
    ) -> None:
        with self.assertRaises(EnvlockError) as caught:
            self.read(content, name, selection)
        self.assertEqual(message, str(caught.exception))


class TestRequirementsFiles(InFolder):
    def test_a_requirement_tells_name_specifier_file_and_line(self) -> None:
        expected = BoundRequirement("zope-interface", "Zope.Interface==5.4", envlock.SpecifierSet("==5.4"))
        self.assertEqual(
            expected._replace(file=envlock.BoundFile("requirements.txt"), line=2), self.one("\nZope.Interface==5.4")
        )

    def test_blank_lines_and_comments_are_passed_over(self) -> None:
        self.assertEqual(["six", "zipp"], self.texts("# x\n\n   # y\nsix # z\nzipp\t#\n"))

    def test_a_hash_sign_within_a_word_begins_no_comment(self) -> None:
        self.assertEqual("six", self.one("git+https://h/x#egg=six").name)

    def test_a_backslash_joins_lines_under_the_first_ones_number(self) -> None:
        found = self.read("six \\\n  == \\\n 1.16\nzipp\n").requirements
        self.assertEqual([("six==1.16", 1), ("zipp", 4)], [(each.text, each.line) for each in found])

    def test_a_comment_line_ends_a_continuation(self) -> None:
        self.assertEqual(["six", "zipp"], self.texts("six \\\n# x \\\nzipp\n"))

    def test_a_backslash_at_the_end_of_the_file_continues_nothing(self) -> None:
        self.assertEqual(["six"], self.texts("six \\"))

    def test_hashes_are_kept_in_lower_case(self) -> None:
        line = "six --hash=sha256:AB --hash sha512:cd '--hash=sha384:ef'"
        self.assertEqual({"sha256:ab", "sha512:cd", "sha384:ef"}, self.one(line).hashes)

    def test_variables_are_expanded_where_they_are_set(self) -> None:
        os.environ["ENVLOCK_TEST"] = "1.16"
        self.addCleanup(os.environ.pop, "ENVLOCK_TEST")
        self.assertEqual("six==1.16", self.one("six==${ENVLOCK_TEST}").text)
        self.refuses("requirements.txt:1: expected a package name, found '${ENVLOCK_UNSET}'", "${ENVLOCK_UNSET}\n")

    def test_a_false_marker_requires_nothing(self) -> None:
        self.assertEqual(["zipp"], self.texts("six; python_version < '3'\nzipp ; sys_platform == 'linux'\n"))

    def test_a_false_marker_needs_no_name(self) -> None:
        self.assertEqual([], self.texts("git+https://h/x ; python_version < '3'\n"))

    def test_extras_stay_in_the_text_alone(self) -> None:
        found = self.one("requests [socks, use_chardet] >= 2, <3")
        self.assertEqual(("requests", "requests[socks,use_chardet]<3,>=2"), (found.name, found.text))

    def test_words_among_options_are_passed_over(self) -> None:
        found = self.one("six --hash=sha256:ab word - --hash=sha256:cd -- --hash=sha256:ef")
        self.assertEqual(("six", {"sha256:ab", "sha256:cd"}), (found.text, found.hashes))

    def test_options_that_pip_knows_are_passed_over(self) -> None:
        lines = "-i https://index.example/simple\n--pre --no-index\n-f.\n--trusted-host=h\n--req\\\nuire-hashes\nsix\n"
        self.assertEqual(["six"], self.texts(lines))

    def test_nested_files_are_relative_to_the_file_that_names_them(self) -> None:
        self.write("sub/a.txt", "-r b.txt\n")
        self.write("sub/b.txt", "six\n--requirement=../c.txt")
        self.write("c.txt", "zipp")
        self.assertEqual(["six", "zipp"], self.texts("-rsub/a.txt\n"))
        files = ["requirements.txt", "sub/a.txt", "sub/b.txt", "c.txt"]
        self.assertEqual([os.path.join(self.folder, name) for name in files], self.target.files)

    def test_a_nested_file_may_be_a_file_url(self) -> None:
        self.write("with blank.txt", "six\n")
        self.assertEqual(["six"], self.texts(f"-r file://{self.folder}/with%20blank.txt\n"))

    def test_constraints_are_marked(self) -> None:
        self.write("c.txt", "six<2\n-r r.txt\n")
        self.write("r.txt", "zipp\n")
        found = self.read("-c c.txt\nsix\n").requirements
        expected = [("six<2", True), ("zipp", False), ("six", False)]
        self.assertEqual(expected, [(each.text, each.constraint) for each in found])

    def test_a_file_named_twice_counts_once(self) -> None:
        for level in range(40):
            self.write(f"{level}.txt", f"-r {level + 1}.txt\n-r {level + 1}.txt\n")
        self.write("40.txt", "six\n")
        self.assertEqual(["six"], self.texts("-r 0.txt\n"))

    def test_a_long_chain_of_files_is_an_error(self) -> None:
        for level in range(110):
            self.write(f"{level}.txt", f"-r {level + 1}.txt\n")
        self.refuses("99.txt:1: 100.txt: files nested more than 100 deep", "-r 0.txt\n")

    def test_byte_order_marks_and_encoding_comments_are_understood(self) -> None:
        for encoding in ("utf-8-sig", "utf-16", "utf-32"):
            self.assertEqual(["six"], self.texts("# é\nsix\n".encode(encoding)), encoding)
        self.assertEqual(["six"], self.texts("# -*- coding: latin-1 -*-\n# é\nsix\n".encode("latin-1")))
        self.refuses("requirements.txt:1: unknown encoding 'see'", "# coding: see below\nsix\n")

    def test_toml_is_utf_8_whatever_a_comment_says(self) -> None:
        text = '# Rules for coding: see below\n[project]\ndependencies = ["six"]\n'
        self.assertEqual(["six"], self.texts(text, "pyproject.toml"))


class TestLocations(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.write("proj/pyproject.toml", '[build-system]\nrequires = []\n[project]\nname = "The.Project"\n')

    def url(self, path: str) -> str:
        return f"file://{self.folder}/{path}"

    def test_a_directory_is_named_by_its_pyproject(self) -> None:
        found = self.one("./proj[x]")
        self.assertEqual(("the-project", "./proj[x]"), (found.name, found.text))
        self.assertEqual(DirectReference("directory", self.url("proj")), found.reference)
        self.assertIn(os.path.join(self.folder, "proj", "pyproject.toml"), self.target.files)

    def test_a_directory_is_named_by_its_setup_cfg(self) -> None:
        self.write("old/setup.py", "from setuptools import setup\nsetup()\n")
        self.write("old/setup.cfg", "[metadata]\nname = old-one\n")
        self.assertEqual("old-one", self.one("./old").name)

    def test_a_directory_is_named_by_its_setup_py(self) -> None:
        self.write("old/setup.py", "import setuptools as s\nx = s.Extension(name='no')\ns.setup(name='old-two')\n")
        self.assertEqual("old-two", self.one("./old").name)

    def test_a_directory_is_named_by_poetry(self) -> None:
        self.write("p/pyproject.toml", '[tool.poetry]\nname = "poem"\n')
        self.assertEqual("poem", self.one("-e p").name)

    def test_a_name_that_only_the_build_tells_is_an_error(self) -> None:
        message = "requirements.txt:1: cannot tell the name of the project (write 'NAME @ URL'): ./old"
        for script in (
            "from setuptools import setup\nsetup(name=NAME)\n",
            "import own_builder\n",
            "print 'Python 2'\n",
            "x = " + "-" * 5000 + "1\n",
        ):
            self.write("old/setup.py", script)
            self.refuses(message, "./old\n")
        self.write("old/setup.cfg", "name = outside of a section\n")
        self.refuses(message, "./old\n")

    def test_an_editable_directory(self) -> None:
        found = self.one("-e ./proj[x]")
        self.assertEqual(("the-project", "-e ./proj[x]"), (found.name, found.text))
        self.assertEqual(DirectReference("directory", self.url("proj"), editable=True), found.reference)

    def test_an_editable_file_url(self) -> None:
        found = self.one(f"-e {self.url('proj')}")
        self.assertEqual(("the-project", f"-e {self.url('proj')}"), (found.name, found.text))
        self.assertEqual(DirectReference("directory", self.url("proj"), editable=True), found.reference)

    def test_a_named_editable(self) -> None:
        found = self.one('-e "six[a] @ git+https://u:p@h/x@v1"')
        reference = DirectReference("vcs", "https://h/x", "git", "v1", editable=True)
        self.assertEqual(("six", "-e six[a] @ git+https://h/x@v1", reference), (*found[:2], found.reference))
        self.refuses(
            "requirements.txt:1: expected a project's directory or a VCS URL after -e, found 'six@https://h/six.zip'",
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

    def test_a_targets_directory_stands_for_the_working_directory(self) -> None:
        self.write("requirements.txt", "./proj\n")
        os.chdir("/")
        bound = envlock.read_bounds(["requirements.txt"], ReadContext(lambda: LINUX, directory=self.folder))
        self.assertEqual("the-project", bound.requirements[0].name)

    def test_a_wheels_file_name_tells_name_and_version(self) -> None:
        found = self.one("https://u:p@files.example/Zope.Interface-5.4+cpu-py3-none-any.whl#sha256=AB")
        self.assertEqual(("zope-interface", "==5.4+cpu"), (found.name, str(found.specifier)))
        url = "https://files.example/Zope.Interface-5.4+cpu-py3-none-any.whl"
        self.assertEqual(url + "#sha256=AB", found.text)
        self.assertEqual(DirectReference("archive", url, hashes=frozenset({"sha256:ab"})), found.reference)

    def test_an_sdists_file_name_tells_name_and_version(self) -> None:
        found = self.one("./dist/my-pkg-1.0.tar.gz")
        self.assertEqual(("my-pkg", "==1.0"), (found.name, str(found.specifier)))
        self.assertEqual(DirectReference("archive", self.url("dist/my-pkg-1.0.tar.gz")), found.reference)

    def test_a_named_url(self) -> None:
        found = self.one("six[x] @ https://files.example/main.zip ; sys_platform == 'linux'")
        self.assertEqual(("six", "six[x] @ https://files.example/main.zip"), (found.name, found.text))
        self.assertEqual(DirectReference("archive", "https://files.example/main.zip"), found.reference)

    def test_a_vcs_url_with_revision_and_subdirectory(self) -> None:
        found = self.one("-e git+ssh://git@h/x.git@v1.0#egg=six[a]&subdirectory=lib")
        reference = DirectReference("vcs", "ssh://git@h/x.git", "git", "v1.0", "", True, "lib")
        self.assertEqual(("six", reference), (found.name, found.reference))

    def test_a_whole_commit_is_exact(self) -> None:
        found = self.one(f"six @ git+https://u:p@h/x.git@{COMMIT}")
        self.assertEqual(DirectReference("vcs", "https://h/x.git", "git", COMMIT, COMMIT), found.reference)
        self.assertEqual(f"six @ git+https://h/x.git@{COMMIT}", found.text)

    def test_file_urls(self) -> None:
        self.assertEqual(DirectReference("directory", self.url("proj")), self.one(f"x @ {self.url('proj')}").reference)
        self.assertEqual(DirectReference("directory", self.url("proj")), self.one("file:./proj").reference)
        reference = DirectReference("archive", self.url("a%20b-1.0.zip"))
        self.assertEqual(reference, self.one("x @ file:a%20b-1.0.zip").reference)

    def test_a_windows_path_is_a_file_name_elsewhere(self) -> None:
        found = self.one("c:\\dist\\x.tar.gz#egg=x") if os.name == "nt" else None
        self.assertIsNone(found)
        self.refuses(
            "requirements.txt:1: cannot tell the name of the project (write 'NAME @ URL'): c:\\x-1.zip", "c:\\x-1.zip\n"
        )


class TestPyproject(InFolder):
    PROJECT = (
        '[project]\nname = "My_Project"\ndependencies = ["six", "my-project[b]", "zipp; os_name == \'nt\'"]\n'
        'requires-python = ">=3.8"\n'
        '[project.optional-dependencies]\na = ["a1", "My.Project[B]"]\nB = ["b1"]\nc = ["c1"]\n'
        '[dependency-groups]\nDev_1 = ["d1", {include-group = "test"}]\ntest = ["t1"]\n'
    )

    def texts_with(self, **names: Any) -> list[str]:
        return self.texts(self.PROJECT, "pyproject.toml", chosen(**names))

    def test_dependencies_and_requires_python_count_by_default(self) -> None:
        bound = self.read(self.PROJECT, "pyproject.toml")
        self.assertEqual(["python>=3.8", "six", "b1"], [each.text for each in bound.requirements])
        self.assertEqual("python", bound.requirements[0].name)
        self.assertEqual({"my-project"}, bound.permitted)
        self.assertEqual(({"a", "b", "c"}, {"dev-1", "test"}), (bound.extras, bound.groups))

    def test_extras_and_groups_count_on_request(self) -> None:
        base = ["python>=3.8", "six"]
        self.assertEqual([*base, "a1", "b1"], self.texts_with(extras="a"))
        self.assertEqual([*base, "d1", "t1", "b1"], self.texts_with(groups="dev-1"))
        self.assertEqual([*base, "a1", "b1", "c1", "b1"], self.texts_with(all_extras=True))
        self.assertEqual([*base, "t1", "b1"], self.texts_with(all_groups=True, no_groups="dev-1"))
        self.assertEqual([*base, "c1", "t1", "b1"], self.texts_with(options="c test"))

    def test_a_project_without_dependencies_demands_nothing(self) -> None:
        self.assertEqual([], self.texts('[project]\nname = "x"\n', "pyproject.toml"))

    def test_a_direct_reference(self) -> None:
        (found,) = self.read('[project]\ndependencies = ["six @ git+https://h/x@v1"]\n', "pyproject.toml").requirements
        self.assertEqual(DirectReference("vcs", "https://h/x", "git", "v1"), found.reference)

    @unittest.skipIf(sys.implementation.name == "pypy", "its stack has no end")
    def test_a_long_chain_of_groups_is_an_error(self) -> None:
        lines = [f'g{n} = [{{include-group = "g{n + 1}"}}]' for n in range(1200)]
        text = "\n".join(["[dependency-groups]", *lines, 'g1200 = ["six"]'])
        self.refuses("pyproject.toml:2: nested too deeply", text, "pyproject.toml", chosen(groups="g0"))

    def test_crossing_groups_stay_small(self) -> None:
        lines = [f'g{n} = [{{include-group = "g{n + 1}"}}, {{include-group = "g{n + 1}"}}]' for n in range(40)]
        text = "\n".join(["[dependency-groups]", *lines, 'g40 = ["six"]'])
        self.assertEqual(["six"], self.texts(text, "pyproject.toml", chosen(groups="g0")))


class TestScripts(InFolder):
    def test_a_script_block_is_read(self) -> None:
        head = '#!/usr/bin/env python3\n# /// script\n# requires-python = ">=3.8"\n'
        script = head + '# dependencies = [\n#   "six", # comment\n#\n#   "zipp>1",\n# ]\n# ///\n\nimport six\n'
        self.assertEqual(["python>=3.8", "six", "zipp>1"], self.texts(script, "tool.py"))
        self.assertEqual(["python>=3.8", "six", "zipp>1"], self.texts(script.replace("\n", "\r\n"), "tool"))

    def test_tools_and_other_blocks_are_passed_over(self) -> None:
        script = '# /// other\n# x\n# ///\n\n# /// script\n# dependencies = ["six"]\n# [tool.uv]\n# x = 1\n# ///\n'
        self.assertEqual(["six"], self.texts(script, "tool.py"))


class TestRecognition(InFolder):
    def test_requirements_files_are_known_by_name_or_content(self) -> None:
        for name in ("requirements.lock", "dev.in", "requirements", "prod.lock", "constraints.txt", "noext"):
            self.assertEqual(["six==1.16"], self.texts("# comment\n\nsix==1.16\n", name), name)

    def test_other_formats_are_known_by_content(self) -> None:
        self.assertEqual(["six"], self.texts('# six\n[project]\ndependencies = ["six"]\n', "other.toml"))
        self.assertEqual([], self.texts("", "empty.lock"))

    def test_several_files_make_a_union(self) -> None:
        self.write("a.txt", "six\n")
        self.write("pyproject.toml", '[project]\nname = "x"\ndependencies = ["zipp"]\n')
        bound = envlock.read_bounds(["a.txt", "pyproject.toml"], self.target)
        self.assertEqual(["six", "zipp"], [each.text for each in bound.requirements])
        self.assertEqual(
            ({"x"}, {"a.txt", "pyproject.toml"}), (bound.permitted, {each.file for each in bound.requirements})
        )

    def test_a_name_that_no_file_has_is_an_error(self) -> None:
        project = "[project]\n[project.optional-dependencies]\nb = []\na = []\n[dependency-groups]\ng = []\n"
        self.refuses(
            "pyproject.toml: there is no extra 'x' (it has a, b)", project, "pyproject.toml", chosen(extras="x")
        )
        self.refuses(
            "pyproject.toml: there is no group 'a' (it has g)", project, "pyproject.toml", chosen(no_groups="a")
        )
        message = "pyproject.toml: there is no extra or group 'x' (it has a, b, g)"
        self.refuses(message, project, "pyproject.toml", chosen(options="x"))
        self.refuses("requirements.txt: there is no extra 'x' (it has none)", "six\n", selection=chosen(extras="x"))

    def test_standard_input_is_read_only_where_it_may_be(self) -> None:
        with self.assertRaises(BoundError) as caught:
            envlock.read_bounds(["-"], envlock.ReadContext(dict, texts={"-": "six\n=\n"}))
        self.assertEqual("<stdin>:2: expected a package name, found '='", str(caught.exception))
        for bound, shown in (("-", "<stdin>"), ("https://u:p@host.example/r", "https://host.example/r")):
            with self.assertRaises(BoundError) as caught:
                envlock.read_bounds([bound], self.target)
            self.assertEqual(f"{shown}: cannot be a bound here, where it is no file", str(caught.exception))


class TestRealFiles(InFolder):
    def data(self, name: str) -> str:
        return (DATA / "requirements" / name).read_text(encoding="utf-8")

    def test_pip_freeze(self) -> None:
        self.write("plain/pyproject.toml", '[project]\nname = "plain-lib"\n')
        found = self.read(
            self.data("pip-freeze.txt").replace("/home/user/src/plain\n", f"{self.folder}/plain\n")
        ).requirements
        self.assertEqual(["dir-lib", "plain-lib", "six", "vcs-lib", "zipp"], [each.name for each in found])
        references = [each.reference for each in found]
        self.assertEqual(
            ["directory", "directory", "archive", "vcs", None], [each and each.kind for each in references]
        )
        self.assertEqual([False, True, False, False, None], [each and each.editable for each in references])
        self.assertEqual(COMMIT, references[3] and references[3].commit)

    def test_pip_compile_with_hashes(self) -> None:
        found = self.read(self.data("pip-compile.txt")).requirements
        self.assertEqual(
            "certifi charset-normalizer click idna pysocks requests urllib3", " ".join(each.name for each in found)
        )
        self.assertEqual([True] * 7, [len(each.hashes) >= 2 for each in found])

    def test_uv_export(self) -> None:
        found = self.read(self.data("uv-export.txt")).requirements
        names = "certifi charset-normalizer click idna iniconfig pysocks requests urllib3"
        self.assertEqual(names, " ".join(each.name for each in found))


class TestLines(InFolder):
    TOML = """\
# [project]
title = \'\'\'
[project]
dependencies = ["zero"]
\'\'\'
a.b . "c.d" = {x = 1.5, "y z" = [1, 2, # "three" [
 3], q = {}}
[tool.other]
project = "]"
dependencies = ["no]"] # [
[ project ]  # c
dependencies = [ # first [
  "six[x]>=1", "idna", # , "no"

  'attrs; extra == "[,"',
]
optional-dependencies.dev = ["d1",
 "d2"]
optional-dependencies."a.b" = ["e1"]
[[array.within]]
x = 1
[[array.within]]
[[array.within.it]]
[[array.within.it]]
[array.within.it."x.y"]
z = [
  ["a"],
  [1]
]
"""

    def test_the_line_of_a_place_is_exact(self) -> None:
        lines = envlock.lines_of(self.TOML)
        for place, line in (
            ("project", 11),
            ("project.dependencies", 12),
            ("project.dependencies[0]", 13),
            ("project.dependencies[1]", 13),
            ("project.dependencies[2]", 15),
            ("project.optional-dependencies.dev[1]", 18),
            ('project.optional-dependencies."a.b"[0]', 19),
            ("tool.other.dependencies[0]", 10),
            ('a.b."c.d".y z[2]', 7),
            ('a.b."c.d".q', 7),
            ("array.within[0].x", 21),
            ("array.within[1].it[0]", 23),
            ('array.within[1].it[1]."x.y".z', 26),
            ('array.within[1].it[1]."x.y".z[1]', 28),
        ):
            self.assertEqual(line, lines.get(place), place)

    def test_json_has_lines_too(self) -> None:
        text = '{"x": {\n"default": {}},\n"default": {\n"a.b": {"markers": "{",\n"c": []},\n"markers" :\n{}}}\n'
        lines = envlock.lines_of(text)
        for place, line in (("default", 3), ('default."a.b".c', 5), ("default.markers", 6), ("x.default", 2)):
            self.assertEqual(line, lines.get(place), place)

    def test_what_is_not_there_is_told_by_what_would_hold_it(self) -> None:
        file = envlock.BoundFile("x")
        file.text = "[a]\n[[a.b]]\nc = 1\n"
        for place, line in (("a.b[0].d", 2), ("a.b[7].c", 1), ("a.z", 1), ("z", 1)):
            self.assertEqual(line, file.line_of(place), place)

    def test_requirements_of_all_kinds_of_files_know_their_lines(self) -> None:
        script = '#!/usr/bin/env python3\nx = """\n"""\n# /// script\n# requires-python = ">=3.8"\n'
        script += '# dependencies = [\n#   "six", # "no"\n#\n#   "zipp",\n# ]\n# ///\n'
        poetry = '[tool.poetry.dependencies]\npython = "*"\nsix = "*"\n"zope.interface" = "*"\n'
        poetry += '[tool.poetry.group.dev.dependencies]\nzipp = {version = "1"}\n'
        self.write("proj/pyproject.toml", '[project]\nname = "proj"\n')
        for name, text, expected in (
            ("tool.py", script, {"python": 5, "six": 7, "zipp": 9}),
            ("pyproject.toml", poetry, {"python": 2, "six": 3, "zope-interface": 4, "zipp": 6}),
            ("requirements.txt", "# x\nsix\n-e ./proj\n", {"six": 2, "proj": 3}),
        ):
            found = self.read(text, name).requirements
            lines = {each.name: each.line or each.file.line_of(each.place) for each in found}
            self.assertEqual(expected, lines, name)


class Answers(BaseHTTPRequestHandler):
    """A server on this machine; what it is asked for tells how it answers."""

    asked: ClassVar[list[tuple[str, str | None]]] = []
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
        body = {"/pyproject.toml": b'[project]\ndependencies = ["six"]\n', "/nested.txt": b"six\n-r more.txt\n"}.get(
            path
        )
        body = body or {"/nested.txt": b"", "/wrong.txt": b"six\n=\n", "/latin.txt": b"\xe9"}.get(path, b"# x\nsix\n")
        self.send_response({"/absent": 404, "/empty": 204}.get(path, 200))
        if path not in ("/endless", "/drip", "/stall"):
            self.send_header("Content-Length", str(len(body) + (path == "/cut.txt")))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)
            for _ in range({"/endless": 40, "/drip": 20}.get(path, 0)):
                self.wfile.write(b"#" * (1 << 20) if path == "/endless" else b"#")
                time.sleep(0.1 if path == "/drip" else 0)
            time.sleep(2 if path == "/stall" else 0)

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
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    for cleanup in (server.server_close, thread.join, server.shutdown):
        test.addCleanup(cleanup)
    return f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"


class TestUrls(InFolder):
    def setUp(self) -> None:
        super().setUp()
        ignoring = warnings.catch_warnings()  # before Python 3.14 a socket is lost when a certificate fails
        ignoring.__enter__()
        warnings.simplefilter("ignore", ResourceWarning)
        self.addCleanup(ignoring.__exit__, None, None, None)
        self.addCleanup(gc.collect)
        os.environ["no_proxy"] = "*"
        self.addCleanup(os.environ.pop, "no_proxy")
        self.server = serve(self)
        Answers.asked.clear()
        Answers.other = self.server

    def fetch(self, path: str, server: str = "") -> Bound:
        url = (server or self.server) + path
        return envlock.read_bounds([url], ReadContext(lambda: LINUX, texts=envlock.read_streams([url])))

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
        self.assertEqual(("six", f"{self.server}/requirements.txt", 2), (six.text, six.file, six.line))

    def test_the_path_tells_the_format_or_else_the_content(self) -> None:
        for path in ("/requirements.txt?raw=pyproject.toml", "/raw/2#uv.lock", "/pyproject.toml?x=/r.txt"):
            self.assertEqual(["six"], [each.text for each in self.fetch(path).requirements], path)

    def test_what_may_be_secret_is_sent_and_never_shown(self) -> None:
        server = self.server.replace("//", "//me:p%40ss@")
        (six,) = self.fetch("/r.txt?key=1", server).requirements
        self.assertEqual(f"{self.server}/r.txt", six.file)
        basic = "Basic " + base64.b64encode(b"me:p@ss").decode()
        self.assertEqual([("/r.txt?key=1", basic)], Answers.asked)
        for path, message in (
            ("/wrong.txt?key=1", "SERVER/wrong.txt:2: expected a package name, found '='"),
            ("/absent?key=1", "SERVER/absent: cannot be read (HTTP status 404)"),
            ("/redirect?/absent?key=2", "SERVER/redirect: cannot be read (HTTP status 404)"),
        ):
            self.assertEqual(message, self.problem(path, server), path)
        self.assertEqual(
            "https://…: expected https://HOST/PATH or http://HOST/PATH", self.problem("", "https://u:p/w@h/")
        )

    def test_who_one_is_is_not_told_another_host(self) -> None:
        Answers.other = self.server.replace("127.0.0.1", "localhost")
        self.fetch("/redirect?OTHER/r.txt", self.server.replace("//", "//me:pass@"))
        self.assertEqual([False, True], [told is None for _, told in Answers.asked])

    def test_other_schemes_are_refused(self) -> None:
        self.write("r.txt", "six\n")
        for scheme in ("file", "ftp", "gopher"):
            message = f"{scheme}://…: expected https://HOST/PATH or http://HOST/PATH"
            self.assertEqual(message, self.problem("/r.txt", f"{scheme}://{self.folder}"))
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
            self.assertEqual(f"{server}/r: cannot be read (Connection refused)", self.problem("/r", server))

    def test_a_slow_server_is_not_waited_for(self) -> None:
        self.patch(_READ_SECONDS=0.5)
        self.assertEqual("SERVER/stall: cannot be read (timed out)", self.problem("/stall"))
        self.patch(_URL_SECONDS=1)
        begun = time.monotonic()
        self.assertEqual("SERVER/drip: cannot be read (it takes more than 1 seconds)", self.problem("/drip"))
        self.assertLess(time.monotonic() - begun, 1.8)

    def test_further_files_are_not_fetched(self) -> None:
        self.write("more.txt", "six\n")
        message = "is not fetched from here: give it as a bound of its own"
        self.assertEqual(f"SERVER/nested.txt:2: more.txt {message}", self.problem("/nested.txt"))
        with self.assertRaises(EnvlockError) as caught:
            self.read("-r https://me:pass@host.example/r.txt\n")
        self.assertEqual(f"requirements.txt:1: https://host.example/r.txt {message}", str(caught.exception))

    def test_a_lock_is_read_without_the_project_in_the_working_directory(self) -> None:
        text = 'version = 1\n[[package]]\nname = "a"\nversion = "1"\nsource = { editable = "." }\n'
        text += '[package.optional-dependencies]\nx = []\n[package.dev-dependencies]\ng = [{ name = "b" }]\n'
        text += '[[package]]\nname = "b"\nversion = "2"\nsource = { registry = "i" }\n'
        self.write("pyproject.toml", '[project]\nname = "other"\n[tool.uv]\ndefault-groups = ["g"]\n')
        for bound, expected in (("https://host.example/uv.lock", []), ("-", ["b==2"])):
            found = envlock.read_bounds([bound], ReadContext(lambda: LINUX, texts={bound: text}))
            self.assertEqual([f"-e a @ file://{self.folder}", *expected], [each.text for each in found.requirements])

    @unittest.skipUnless(shutil.which("openssl"), "needs openssl for a certificate")
    def test_https_holds_to_certificates_and_to_https(self) -> None:
        words = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
        made = run(["openssl", *words.split(), "-keyout", "key.pem", "-out", "certificate.pem"])
        self.assertEqual(made.returncode, 0, made.stderr)
        both = Path("key.pem").read_text() + Path("certificate.pem").read_text()
        self.write("both.pem", both)
        secure = serve(self, os.path.join(self.folder, "both.pem"))
        said = self.problem("/r.txt", secure)
        self.assertRegex(said, rf"\A{secure}/r.txt: cannot be read \(.*certificate verify failed.*\)\Z")
        os.environ["SSL_CERT_FILE"] = os.path.join(self.folder, "certificate.pem")
        self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        self.assertEqual("six", self.fetch("/r.txt", secure).requirements[0].text)
        message = f"{secure}/redirect: cannot be read (it redirects to SERVER/r.txt)"
        self.assertEqual(message, self.problem("/redirect?OTHER/r.txt?key=1", secure))
        Answers.other = secure
        self.assertEqual("six", self.fetch("/redirect?OTHER/r.txt").requirements[0].text)


class TestErrors(InFolder):
    def test_invalid_files_are_told_with_file_and_line(self) -> None:
        expected = json.loads((DATA / "invalid_bounds.json").read_text(encoding="utf-8"))
        selection = Selection(all_extras=True, all_groups=True)
        for folder in ("requirements", "pyproject", "script"):
            for path in sorted((DATA / folder / "invalid").iterdir()):
                name = path.relative_to(DATA).as_posix()
                with self.subTest(name), self.assertRaises(EnvlockError) as caught:
                    envlock.read_bounds([str(path)], ReadContext(lambda: LINUX, selection))
                message = str(caught.exception).replace(str(path.parent) + os.sep, "")
                self.assertEqual(expected.pop(name), message)
        self.assertEqual({}, expected)

    def test_files_that_cannot_be_read(self) -> None:
        os.mkdir("folder.txt")
        for name, message in (
            ("nowhere.txt", "nowhere.txt: cannot be read (No such file or directory)"),
            ("folder.txt", "folder.txt: cannot be read (Is a directory)"),
            ("/dev/zero", "/dev/zero: larger than 32 MB: no bound file"),
        ):
            with self.assertRaises(EnvlockError) as caught:
                envlock.read_bounds([name], self.target)
            self.assertEqual(message, str(caught.exception))

    def test_a_relative_bound_where_the_working_directory_is_gone(self) -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir("../gone")
        with self.assertRaises(EnvlockError) as caught:
            envlock.read_bounds(["r.txt"], self.target)
        self.assertEqual(
            "r.txt: the working directory cannot be told (No such file or directory)", str(caught.exception)
        )

    def test_too_much_of_anything_is_told(self) -> None:
        many = "six\n" * 100_000
        self.assertEqual(1, len(set(self.texts(many))))
        self.refuses("requirements.txt:100001: more than 100000 requirements: no requirements file", many + "six\n")
        long_key = "[a]\n" + "x = 1.5\n" * 1500 + ".".join("a" * 101) + " = 1\n"
        self.refuses("pyproject.toml:1502: invalid TOML: a key of a hundred parts", long_key, "pyproject.toml")
        self.refuses("Pipfile.lock:2: nested too deeply", "\n" + "[" * 100_000, "Pipfile.lock")

    def test_json_that_is_no_object_is_no_lock(self) -> None:
        self.refuses("Pipfile.lock:1: expected an object, found an empty array", "[]", "Pipfile.lock")

    def test_toml_that_only_a_parser_reads_needs_one(self) -> None:
        self.write("uv.lock", "version = 0x1\n")
        code = "import sys, envlock\nfor name in 'tomllib', 'tomli', 'pip': sys.modules[name] = None\n"
        code += "sys.exit(envlock.main(['validate', '-b', sys.argv[1]]))"
        done = run([sys.executable, "-c", code, os.path.abspath("uv.lock")], cwd=ENVLOCK.parent)
        version = "{}.{}".format(*sys.version_info)
        message = f"reading TOML on Python {version} needs the package 'tomli' (pip install tomli)"
        self.assertEqual(
            (f"envlock: error: {self.folder}/uv.lock: {message}\n", "", 2), (done.stderr, done.stdout, done.returncode)
        )

    def test_standard_input_that_cannot_be_read(self) -> None:
        command = f'"{sys.executable}" "{ENVLOCK}" validate --bound - '
        for redirection, message in (("<&-", "it is closed"), ("<&1", "[Errno 9] Bad file descriptor")):
            with open("output", "wb") as output:
                done = run(["sh", "-c", command + redirection], stdout=output)
            self.assertEqual(
                (f"envlock: error: <stdin>: cannot be read ({message})\n", 2), (done.stderr, done.returncode)
            )

    def test_typed_getters_tell_the_place(self) -> None:
        table = {"packages": [{"version": 7}, {"name": True}], "empty": None}
        packages = envlock.get_list(table, "packages", dict)
        with self.assertRaises(BoundError) as caught:
            envlock.get_as(packages[0], "version", str, "packages[0]")
        self.assertEqual("packages[0].version: expected a string, found 7", str(caught.exception))
        with self.assertRaises(BoundError) as caught:
            envlock.get_required(packages[1], "version", str, "packages[1]")
        self.assertEqual("packages[1].version: missing, expected a string", str(caught.exception))
        with self.assertRaises(BoundError) as caught:
            envlock.get_as(packages[1], "name", int)
        self.assertEqual("name: expected an integer, found true", str(caught.exception))
        self.assertIsNone(envlock.get_as(table, "empty", str))

    def test_huge_junk_ends_soon(self) -> None:
        size = 1 << 20
        junk = [
            "a" * size,
            "#" * size,
            " " * size + "#x",
            "\\\n" * (size // 2),
            '-"' + "a" * size,
            "[" * size,
            "{" * size,
        ]
        junk += [
            "${A}" * (size // 4),
            "six --hash=sha256:ab" + " x" * (size // 2),
            "a[" * (size // 2),
            "six;" + "(" * size,
        ]
        for text in junk:
            for name in ("requirements.txt", "x.lock", "pyproject.toml", "x.py"):
                start = time.monotonic()
                with contextlib.suppress(EnvlockError):
                    self.read(text, name)
                self.assertLess(time.monotonic() - start, 10, (name, text[:10]))

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

    def test_random_bytes_and_cut_files_raise_nothing_else(self) -> None:
        rng = random.Random(7)
        real = [path for path in sorted(DATA.glob("[prs]*/**/*")) if path.is_file()]
        for number in range(200):
            data = bytearray(rng.choice(real).read_bytes()[:3000])
            if number % 3 == 0:
                data = bytearray(rng.randrange(256) for _ in range(rng.randrange(60)))
            for _ in range(rng.randrange(4)):
                data[rng.randrange(len(data) + 1) :][:1] = bytes([rng.choice(b"\"'[]{}=,#\\;@\n -r")])
            data = data[: rng.randrange(len(data) + 1)]
            name = rng.choice(["requirements.txt", "x.lock", "pyproject.toml", "x.py"])
            try:
                self.read(bytes(data), name, Selection(all_extras=True, all_groups=True))
            except EnvlockError as error:
                self.assertNotIn("\n", str(error))


if __name__ == "__main__":
    unittest.main()
