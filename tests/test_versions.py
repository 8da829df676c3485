"""PEP 503 names, PEP 440 versions and specifiers."""

from __future__ import annotations

import itertools
import unittest

from envlock import (
    EnvlockError,
    InvalidSpecifier,
    InvalidVersion,
    Specifier,
    SpecifierSet,
    Version,
    canonicalize_name,
    excerpt,
)
from tests.support import assert_linear

# In their order; those of a line are equal.
ORDERED = [
    ["0.dev0"],
    ["1.dev0", "1.0-dev", "v1.0.0_DEV00"],
    ["1.0.dev4+local.2"],
    ["1.0a.dev3"],
    ["1a0", "1.0-alpha", "1.0.A.0"],
    ["1a2.post1.dev1"],
    ["1a2.post1"],
    ["1b1", "1.0_beta_1"],
    ["1rc1", "1.0c1", "1-pre.1", "1.0preview1"],
    ["1", "1.0", "1.0.0", "0!1", " v1.0\n"],
    ["1+abc"],
    ["1+abc.1", "1+ABC-01"],
    ["1+5", "1.0+5"],
    ["1+5.a"],
    ["1.post0.dev2"],
    ["1.post0", "1.0-0", "1.0post", "1rev0", "1.R"],
    ["1.post2"],
    ["1.0.1.dev1"],
    ["1.1"],
    ["1.10"],
    ["2024.1"],
    ["1!0.1"],
]


class TestNames(unittest.TestCase):
    def test_runs_of_separators_become_one_hyphen_and_case_is_folded(self) -> None:
        for name, expected in {
            "requests": "requests",
            "typing-extensions": "typing-extensions",
            "Typing_Extensions": "typing-extensions",
            "zope.interface": "zope-interface",
            "a-_.b--C": "a-b-c",
            "_private-": "-private-",
            "Ünï": "ünï",
        }.items():
            with self.subTest(name):
                self.assertEqual(canonicalize_name(name), expected)


class TestVersion(unittest.TestCase):
    def test_versions_are_ordered_as_pep_440_says(self) -> None:
        ranked = [
            (rank, Version(text))
            for rank, texts in enumerate(ORDERED)
            for text in texts
        ]
        for (i, left), (j, right) in itertools.product(ranked, repeat=2):
            found = (
                left < right,
                left <= right,
                left == right,
                left != right,
                left >= right,
                left > right,
            )
            self.assertEqual(
                found, (i < j, i <= j, i == j, i != j, i >= j, i > j), f"{left} {right}"
            )
            if i == j:
                self.assertEqual(hash(left), hash(right))

    def test_text_is_normalised(self) -> None:
        for text, expected in {
            "1.2.3": "1.2.3",
            "V01.002": "1.2",
            "0!1.0": "1.0",
            "1!1.0.ALPHA-1_rev.2.dev": "1!1.0a1.post2.dev0",
            "1.0-3": "1.0.post3",
            "1.0c": "1.0rc0",
            "1.0+Ubuntu-01_B": "1.0+ubuntu.1.b",
        }.items():
            with self.subTest(text):
                self.assertEqual(str(Version(text)), expected)

    def test_parts_are_told(self) -> None:
        version = Version("2!1.4rc5.post6.dev7+linux.8")
        self.assertEqual(
            (version.epoch, version.release, version.pre), (2, (1, 4), ("rc", 5))
        )
        self.assertEqual((version.post, version.dev, version.local), (6, 7, "linux.8"))
        self.assertEqual((version.major, version.minor, version.micro), (1, 4, 0))
        self.assertEqual(
            (version.public, version.base_version), ("2!1.4rc5.post6.dev7", "2!1.4")
        )
        self.assertEqual(
            (version.is_prerelease, version.is_postrelease, version.is_devrelease),
            (True, True, True),
        )
        final = Version("3")
        self.assertEqual(
            (final.pre, final.post, final.dev, final.local), (None, None, None, None)
        )
        self.assertEqual(
            (final.is_prerelease, final.is_postrelease, final.is_devrelease),
            (False, False, False),
        )
        self.assertEqual((final.major, final.minor, final.micro), (3, 0, 0))

    def test_a_debugger_shows_class_and_text(self) -> None:
        self.assertEqual(repr(Version("1.0alpha1")), "<Version('1.0a1')>")

    def test_rejects_what_is_no_version(self) -> None:
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "1..2",
            "french toast",
            "1.0a 1",
            "1+",
            "1+a+b",
            "1+_",
            "1.0x",
            "1!",
            "\u0663.\u0661",
            "1.0po\u017ft1",
        ]:
            with self.subTest(text), self.assertRaises(InvalidVersion) as caught:
                Version(text)
            self.assertEqual(str(caught.exception), f"invalid version {excerpt(text)}")
        for thing in [None, 1, b"1.0", ["1"]]:
            with self.subTest(thing), self.assertRaises(InvalidVersion):
                Version(thing)  # type: ignore[arg-type]

    def test_an_invalid_version_is_an_error_of_envlock_and_of_values(self) -> None:
        self.assertTrue(
            issubclass(InvalidVersion, EnvlockError)
            and issubclass(InvalidVersion, ValueError)
        )

    def rejected(self, text: str) -> None:
        with self.assertRaises(InvalidVersion) as caught:
            Version(text)
        self.assertLess(len(str(caught.exception)), 120)

    def test_numbers_too_long_for_the_interpreter_are_rejected_in_linear_time_and_quoted_in_brief(
        self,
    ) -> None:
        for text in ("1" * 5000, "1.0a" + "1" * 5000, "1.0+" + "1" * 5000):
            self.rejected(text)
        assert_linear(self.rejected, "1" * 400_000, "1" * 3_200_000)

    def test_a_text_that_is_too_long_for_a_version_is_rejected(self) -> None:
        self.assertEqual(len(Version("1.0+" + "a." * 30_000 + "b").local or ""), 60_001)
        for text in ("1.0+" + "a." * 40_000 + "b", "1" + ".1" * 40_000):
            self.rejected(text)

    def test_compares_with_versions_only(self) -> None:
        self.assertFalse(Version("1") == "1")
        with self.assertRaises(TypeError):
            Version("1") < "2"  # noqa: B015


ADMITTED = """
==1.0       1 1.0.0 v1.0 1.0+local 1.0+1
==1.0+a     1.0+a 1.0+A
!=1.0       1.0.1 1.0a1 1.0.post1 2
!=1.0+a     1.0 1.0+b 1.0.0+a.1
==1.2.*     1.2 1.2.0 1.2.3 1.2a1 1.2.dev0 1.2.post1 1.2.9+local
==1.0.*     1 1.0.1
==1!1.*     1!1.5
!=1.2.*     1.1 1.3.dev0 1!1.2
<=1.0       1.0 1.0+local 0.9 1.0rc1
>=1.0       1.0 1.0+local 1.0.post1.dev0 1!0
>=1.0a2     1.0a2 1.0b1 1.0
<1.0        0.9 0.9.post1 0.99a1
<1.0rc1     1.0b9 1.0.dev0
<1.0.post2  1.0 1.0.dev1 1.0.post1 1.0+local
>1.0        1.0.1 1.1a1 2 1!0
>1.0.post1  1.0.post2 1.0.post2.dev0
>1.0.dev1   1.0.dev2 1.0a1 1.0 1.0.post1
>1.0a1      1.0a2.dev0 1.0
~=1.4.2     1.4.2 1.4.9 1.4.10+local 1.4.3a1
~=2.2.post3 2.2.post3 2.3 2.99
~=1!1.4     1!1.9
===1.0      1.0
===Foo-Bar  foo-bar FOO-BAR
"""
REFUSED = """
==1.0       1.0.1 1.0.post1 1.0a1 1!1.0 garbage
==1.0+a     1.0 1.0+b
!=1.0       1.0 1.0.0+local
!=1.0+a     1.0+a
==1.2.*     1.3 1.20 1.3.dev0 1!1.2 1
!=1.2.*     1.2 1.2.3a1
<=1.0       1.0.post1 1.1.dev0
>=1.0       1.0rc1 0.9 garbage
<1.0        1.0 1.0a1 1.0.dev1 1.0a1.post1 1.0+local
<1.0.post2  1.0.post2.dev1 1.0.post2
>1.0        1.0 1.0.post1 1.0.post1.dev2 1.0+local
>1.0.post1  1.0.post1 1.0.post1+local
>1.0.dev1   1.0.dev1+local 1.0.dev0
>1.0a1      1.0a1.post1 1.0a1+local
~=1.4.2     1.4.1 1.5 1.4.2rc1 1.5.dev0
~=2.2.post3 2.2 2.2.post2 3
===1.0      1.0.0 1 v1.0
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [
        (line.split()[0], version)
        for line in table.strip().splitlines()
        for version in line.split()[1:]
    ]


class TestSpecifier(unittest.TestCase):
    def test_admits_and_refuses_as_pep_440_says(self) -> None:
        for table, expected in [(ADMITTED, True), (REFUSED, False)]:
            for text, version in rows(table):
                with self.subTest(specifier=text, version=version):
                    self.assertIs(Specifier(text).contains(version), expected)
                    self.assertIs(version in SpecifierSet(text), expected)

    def test_a_version_object_is_compared_like_its_text(self) -> None:
        self.assertIn(Version("1.0+local"), Specifier("==1.0"))
        self.assertIn(Version("1.0-1"), Specifier("===1.0.post1"))
        self.assertNotIn("1.0-1", Specifier("===1.0.post1"))

    def test_pre_releases_are_refused_only_if_excluded(self) -> None:
        for configured, asked, expected in [
            (None, None, True),
            (None, True, True),
            (None, False, False),
            (False, None, False),
            (False, True, True),
            (True, False, False),
        ]:
            for kind in (Specifier, SpecifierSet):
                with self.subTest(configured=configured, asked=asked, kind=kind):
                    self.assertIs(
                        kind(">=1", configured).contains("2.0rc1", prereleases=asked),
                        expected,
                    )
                    self.assertIs(
                        kind("===2.0rc1", configured).contains(
                            "2.0rc1", prereleases=asked
                        ),
                        expected,
                    )
        self.assertNotIn("2rc1", SpecifierSet("", prereleases=False))

    def test_tells_whether_pre_releases_were_asked_for(self) -> None:
        for text, expected in {
            ">=1": False,
            ">=1a1": True,
            "<1.dev0": True,
            "!=1a1": False,
            "==1.*": False,
            "===1a1": True,
            "===what": None,
        }.items():
            with self.subTest(text):
                self.assertIs(Specifier(text).prereleases, expected)
        self.assertIs(Specifier(">=1", prereleases=True).prereleases, True)
        self.assertIs(SpecifierSet("").prereleases, None)
        self.assertIs(SpecifierSet(">=1,<2").prereleases, None)
        self.assertIs(SpecifierSet(">=1a1,<2").prereleases, True)
        self.assertIs(SpecifierSet(">=1a1", prereleases=False).prereleases, False)

    def test_tells_operator_and_version_as_written(self) -> None:
        specifier = Specifier(" >=\tv1.0-A1 ")
        self.assertEqual(
            (specifier.operator, specifier.version, str(specifier)),
            (">=", "v1.0-A1", ">=v1.0-A1"),
        )

    def test_equality_ignores_spelling_where_the_meaning_is_the_same(self) -> None:
        for left, right, expected in [
            ("==1.0", "== 1.0.0", True),
            (">=1.0a1", ">=1.0.alpha-1", True),
            ("~=1.0", "~=1.0.0", False),
            ("==1.*", "==1.0.*", False),
            ("===1.0", "===1.0.0", False),
            ("==1", "===1", False),
        ]:
            with self.subTest(left=left, right=right):
                self.assertIs(Specifier(left) == Specifier(right), expected)
                self.assertIs(Specifier(left) == right, expected)
                self.assertIs(SpecifierSet(left) == SpecifierSet(right), expected)
                self.assertIs(hash(Specifier(left)) == hash(Specifier(right)), expected)
        self.assertFalse(Specifier("==1") == "nonsense")
        self.assertFalse(SpecifierSet("==1") == 1)

    def test_rejects_what_is_no_specifier(self) -> None:
        for text, expected in {
            "": "invalid version specifier ''",
            "1.0": "invalid version specifier '1.0' (did you mean '==1.0'?)",
            "=1.0": "invalid version specifier '=1.0' (did you mean '==1.0'?)",
            "=>1.0": "invalid version specifier '=>1.0' (did you mean '>=1.0'?)",
            "==": "invalid version specifier '==': no version",
            "==1.x": "invalid version specifier '==1.x': '1.x' is no version",
            "==.*": "invalid version specifier '==.*': '.*' is no version",
            "==1 .*": "invalid version specifier '==1 .*': '1 .*' is no version",
            ">=1.*": "invalid version specifier '>=1.*': '.*' can only follow '==' and '!='",
            "==1a1.*": (
                "invalid version specifier '==1a1.*': '.*' cannot follow a pre-, post-, development or local version"
            ),
            ">1+a": "invalid version specifier '>1+a': a local version can only follow '==' and '!='",
            "~=1": "invalid version specifier '~=1': '~=' needs two numbers at least",
            "===a b": "invalid version specifier '===a b'",
            "===": "invalid version specifier '==='",
            "=== ": "invalid version specifier '=== '",
        }.items():
            with self.subTest(text), self.assertRaises(InvalidSpecifier) as caught:
                Specifier(text)
            self.assertEqual(str(caught.exception), expected)
        self.assertTrue(
            issubclass(InvalidSpecifier, EnvlockError)
            and issubclass(InvalidSpecifier, ValueError)
        )


class TestSpecifierSet(unittest.TestCase):
    def test_all_clauses_count(self) -> None:
        specifiers = SpecifierSet(" >=1.0 , <2,!=1.5.*, ")
        self.assertIn("1.4", specifiers)
        for version in ["0.9", "2", "1.5.1", "garbage"]:
            self.assertNotIn(version, specifiers)
        self.assertEqual((len(specifiers), str(specifiers)), (3, "!=1.5.*,<2,>=1.0"))
        self.assertEqual(
            [str(specifier) for specifier in specifiers], [">=1.0", "<2", "!=1.5.*"]
        )

    def test_a_plain_pin_is_a_set_of_one(self) -> None:
        pin, same = SpecifierSet.of_plain_pin("1.0"), SpecifierSet("==1.0")
        self.assertEqual(
            (str(pin), len(pin), list(pin), pin.prereleases),
            ("==1.0", 1, [Specifier("==1.0")], None),
        )
        self.assertTrue(pin == same == pin and hash(pin) == hash(same) and pin == "==1")
        for version in ("1.0", "1", "1.0.0", "1.0+cpu", Version("1.0")):
            self.assertTrue(
                pin.contains(version) and pin.contains(version, prereleases=False),
                version,
            )
        for version in ("1.0.1", "1.0rc1", "what", Version("2")):
            self.assertFalse(pin.contains(version), version)

    def test_the_empty_set_admits_anything(self) -> None:
        self.assertIn("1.0", SpecifierSet())
        self.assertIn("garbage", SpecifierSet(""))
        self.assertFalse(SpecifierSet(""))

    def test_order_and_repetition_do_not_matter(self) -> None:
        left, right = SpecifierSet(">=1,<2,>=1.0"), SpecifierSet("<2,>=1")
        self.assertEqual(
            (left, hash(left), str(left)), (right, hash(right), str(right))
        )

    def test_rejects_a_set_with_an_invalid_clause(self) -> None:
        with self.assertRaises(InvalidSpecifier):
            SpecifierSet(">=1,2")
        self.assertFalse(SpecifierSet(">=1") == ">=1,2")


if __name__ == "__main__":
    unittest.main()
