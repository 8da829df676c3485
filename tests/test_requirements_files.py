"""The room Requirements files."""

from __future__ import annotations

import os
import unittest

import envlock
from envlock import BoundRequirement
from tests.support import COMMIT, DATA, InFolder


class TestRequirementsFiles(InFolder):
    def test_a_requirement_tells_name_specifier_file_and_line(self) -> None:
        expected = BoundRequirement(
            "zope-interface", "Zope.Interface==5.4", envlock.SpecifierSet("==5.4")
        )
        self.assertEqual(
            expected._replace(file=envlock.BoundFile("requirements.txt"), line=2),
            self.one("\nZope.Interface==5.4"),
        )

    def test_blank_lines_and_comments_are_passed_over(self) -> None:
        self.assertEqual(
            ["six", "zipp"], self.texts("# x\n\n   # y\nsix # z\nzipp\t#\n")
        )

    def test_a_hash_sign_within_a_word_begins_no_comment(self) -> None:
        self.assertEqual("six", self.one("git+https://h/x#egg=six").name)

    def test_a_backslash_joins_lines_under_the_first_ones_number(self) -> None:
        found = self.read("six \\\n  == \\\n 1.16\nzipp\n").requirements
        self.assertEqual(
            [("six==1.16", 1), ("zipp", 4)], [(each.text, each.line) for each in found]
        )

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
        found = self.one("six==${ENVLOCK_TEST}")
        self.assertEqual(
            ("six==${ENVLOCK_TEST}", "==1.16"), (found.text, str(found.specifier))
        )
        self.refuses(
            "requirements.txt:1: expected a package name, found '${ENVLOCK_'...",
            "${ENVLOCK_UNSET}\n",
        )

    @unittest.skipIf(os.name == "nt", "needs named pipes")
    def test_a_file_names_regular_files_alone(self) -> None:
        os.mkfifo("pipe.txt")
        for option in ("-r", "-c"):
            wrong = "requirements.txt:1: pipe.txt: cannot be read (not a regular file)"
            self.refuses(wrong, f"{option} pipe.txt\n")
            wrong = "requirements.txt:1: /dev/zero: cannot be read (not a regular file)"
            self.refuses(wrong, f"{option} /dev/zero\n")

    def test_values_of_variables_are_not_shown(self) -> None:
        os.environ["ENVLOCK_TEST"] = "https://h.example/private-part/x"
        self.addCleanup(os.environ.pop, "ENVLOCK_TEST")
        self.assertEqual(
            "six @ ${ENVLOCK_TEST}", self.one("six @ ${ENVLOCK_TEST}").text
        )
        wrong = "requirements.txt:1: expected a version specifier after 'six', found 'https://'..."
        self.refuses(wrong, "six ${ENVLOCK_TEST}\n")
        os.environ["ENVLOCK_TEST"] = "private-part-of-it"
        wrong = "requirements.txt:1: expected a version specifier after 'six', found ${ENVLOCK_TEST}..."
        self.refuses(wrong, "six ${ENVLOCK_TEST}\n")
        wrong = "requirements.txt:1: unknown option --${ENVLOCK_TEST}"
        self.refuses(wrong, "--${ENVLOCK_TEST}\n")

    def test_a_false_marker_requires_nothing(self) -> None:
        self.assertEqual(
            ["zipp"],
            self.texts("six; python_version < '3'\nzipp ; sys_platform == 'linux'\n"),
        )

    def test_a_false_marker_needs_no_name(self) -> None:
        self.assertEqual([], self.texts("git+https://h/x ; python_version < '3'\n"))

    def test_extras_stay_in_the_text_alone(self) -> None:
        found = self.one("requests [socks, use_chardet] >= 2, <3")
        self.assertEqual(
            ("requests", "requests[socks,use_chardet]<3,>=2"), (found.name, found.text)
        )

    def test_words_among_options_are_passed_over(self) -> None:
        found = self.one(
            "six --hash=sha256:ab word - --hash=sha256:cd -- --hash=sha256:ef"
        )
        self.assertEqual(
            ("six", {"sha256:ab", "sha256:cd"}), (found.text, found.hashes)
        )

    def test_options_that_pip_knows_are_passed_over(self) -> None:
        lines = "-i https://index.example/simple\n--pre --no-index\n-f.\n--trusted-host=h\n--req\\\nuire-hashes\nsix\n"
        self.assertEqual(["six"], self.texts(lines))

    def test_nested_files_are_relative_to_the_file_that_names_them(self) -> None:
        self.write("sub/a.txt", "-r b.txt\n")
        self.write("sub/b.txt", "six\n--requirement=../c.txt")
        self.write("c.txt", "zipp")
        self.assertEqual(["six", "zipp"], self.texts("-rsub/a.txt\n"))
        files = [
            "requirements.txt",
            "sub/a.txt",
            "sub/b.txt",
            "c.txt",
            "pyproject.toml",
        ]
        self.assertEqual(
            [os.path.join(self.folder, name) for name in files],
            list(self.context.files),
        )

    def test_a_nested_file_may_be_a_file_url(self) -> None:
        self.write("with blank.txt", "six\n")
        self.assertEqual(
            ["six"], self.texts(f"-r file://{self.folder}/with%20blank.txt\n")
        )

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
            self.assertEqual(
                ["six"], self.texts("# é\nsix\n".encode(encoding)), encoding
            )
        self.assertEqual(
            ["six"],
            self.texts("# -*- coding: latin-1 -*-\n# é\nsix\n".encode("latin-1")),
        )
        self.refuses(
            "requirements.txt:1: unknown encoding 'see'", "# coding: see below\nsix\n"
        )

    def test_toml_is_utf_8_whatever_a_comment_says(self) -> None:
        text = '# Rules for coding: see below\n[project]\ndependencies = ["six"]\n'
        self.assertEqual(["six"], self.texts(text, "pyproject.toml"))


class TestRealFiles(InFolder):
    def data(self, name: str) -> str:
        return (DATA / "requirements" / name).read_text(encoding="utf-8")

    def test_pip_freeze(self) -> None:
        self.write("plain/pyproject.toml", '[project]\nname = "plain-lib"\n')
        found = self.read(
            self.data("pip-freeze.txt").replace(
                "/home/user/src/plain\n", f"{self.folder}/plain\n"
            )
        ).requirements
        self.assertEqual(
            ["dir-lib", "plain-lib", "six", "vcs-lib", "zipp"],
            [each.name for each in found],
        )
        references = [each.reference for each in found]
        self.assertEqual(
            ["directory", "directory", "archive", "vcs", None],
            [each and each.kind for each in references],
        )
        self.assertEqual(
            [False, True, False, False, None],
            [each and each.editable for each in references],
        )
        self.assertEqual(COMMIT, references[3] and references[3].commit)

    def test_pip_compile_with_hashes(self) -> None:
        found = self.read(self.data("pip-compile.txt")).requirements
        self.assertEqual(
            "certifi charset-normalizer click idna pysocks requests urllib3",
            " ".join(each.name for each in found),
        )
        self.assertEqual([True] * 7, [len(each.hashes) >= 2 for each in found])

    def test_uv_export(self) -> None:
        found = self.read(self.data("uv-export.txt")).requirements
        names = (
            "certifi charset-normalizer click idna iniconfig pysocks requests urllib3"
        )
        self.assertEqual(names, " ".join(each.name for each in found))


if __name__ == "__main__":
    unittest.main()
