"""PEP 508 requirements and markers."""

from __future__ import annotations

import inspect
import os
import platform
import subprocess
import sys
import unittest
from typing import Any

import envlock
from envlock import (
    EnvlockError,
    InvalidMarker,
    InvalidRequirement,
    Marker,
    Requirement,
    default_environment,
)
from tests.support import assert_linear

LINUX = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1.0-18-amd64",
    "platform_system": "Linux",
    "platform_version": "#1 SMP",
    "python_full_version": "3.11.7",
    "python_version": "3.11",
    "sys_platform": "linux",
}


class TestMarkerEvaluation(unittest.TestCase):
    def check(self, table: dict[str, bool], **variables: Any) -> None:
        for text, expected in table.items():
            with self.subTest(text):
                self.assertIs(Marker(text).evaluate({**LINUX, **variables}), expected)

    def test_versions_compare_as_versions(self) -> None:
        table = {
            "python_version >= '3.8'": True,
            "python_version < '3.9'": False,
            "'3.9' < python_version": True,
            "python_version == '3.11.*'": True,
            "python_version ~= '3.8'": True,
            "python_full_version != '3.11.7.0'": False,
            "implementation_version === '3.11.7'": True,
            "platform_release >= '6'": False,
        }
        self.check(table)
        self.check(
            {"python_full_version >= '3.12'": True}, python_full_version="3.13.0a2"
        )
        self.check(
            {"python_full_version < '3.12'": True}, python_full_version="3.11.1+"
        )

    def test_texts_have_no_order(self) -> None:
        table = {
            "sys_platform == 'linux'": True,
            "sys_platform != 'linux'": False,
            "sys_platform > 'a'": False,
            "sys_platform < 'z'": False,
            "sys_platform >= 'linux'": True,
            "sys_platform <= 'z'": False,
            "python_version > 'three'": False,
            "'SMP' in platform_version": True,
            "platform_machine not in 'arm64 aarch64'": True,
            "python_version in '2.7 3.11'": True,
            "os_name == 'Posix'": False,
        }
        self.check(table)

    def test_and_binds_closer_than_or_and_parentheses_closer_than_both(self) -> None:
        yes, no = "os_name == 'posix'", "os_name == 'nt'"
        table = {
            f"{yes} or {yes} and {no}": True,
            f"({yes} or {yes}) and {no}": False,
            f"{no} and {no} or {yes}": True,
            f"{no} and ({no} or {yes})": False,
            f"(({yes}))and(({yes} or {no}))": True,
        }
        self.check(table)

    def test_extras_compare_normalised(self) -> None:
        self.check(
            {
                "extra == 'Foo_Bar'": True,
                "'foo.bar' == extra": True,
                "extra == 'foo'": False,
            },
            extra="foo-BAR",
        )
        self.check({"extra == 'foo'": False, "extra == ''": True})

    def test_extras_and_groups_of_a_lock_file_are_sets(self) -> None:
        for name in ("extras", "dependency_groups"):
            table = {
                f"'Foo_Bar' in {name}": True,
                f"'foo' in {name}": False,
                f"'foo' not in {name}": True,
            }
            self.check(table, **{name: frozenset({"foo.bar", "x"})})

    def test_a_set_of_extras_is_compared_as_a_whole(self) -> None:
        table = {
            "extra == 'Foo_Bar'": True,
            "'a' == extra and extra == 'foo.bar'": True,
            "extra != 'a'": False,
        }
        for kind in (set, frozenset, list, tuple):
            self.check(
                {**table, "extra != 'b'": True, "extra == ''": False},
                extra=kind(["foo-BAR", "a"]),
            )
            self.check(
                {"extra == ''": True, "extra == 'a'": False, "extra != 'a'": True},
                extra=kind(),
            )
        for text in (
            "extra in 'a'",
            "'a' not in extra",
            "extra >= 'a'",
            "os_name == 'a' or extra ~= 'a'",
        ):
            with self.subTest(text), self.assertRaises(InvalidMarker) as caught:
                Marker(text).evaluate({"os_name": "a", "extra": {"a"}})
            self.assertIn(
                "has no meaning between 'extra' and a set of extras",
                str(caught.exception),
            )

    def test_extras_and_groups_of_a_lock_file_are_no_texts(self) -> None:
        for name in ("extras", "dependency_groups"):
            with self.subTest(name), self.assertRaises(InvalidMarker) as caught:
                Marker(f"'a' in {name}").evaluate({name: "a"})
            self.assertEqual(
                f"'{name}' must be a set, found 'a'", str(caught.exception)
            )

    def test_older_spellings_of_the_variables_are_known(self) -> None:
        table = {
            "os.name == 'posix'": True,
            "sys.platform == 'linux'": True,
            "platform.machine == 'x86_64'": True,
            "platform.version == '#1 SMP'": True,
            "platform.python_implementation == 'CPython'": True,
            "python_implementation == 'CPython'": True,
        }
        self.check(table)

    def test_a_comparison_without_meaning_is_an_error_wherever_it_stands(self) -> None:
        for text, expected in {
            "os_name ~= '2'": "'~=' has no meaning between 'posix' and '2'",
            "os_name == 'posix' or os_name === 'posix'": "'===' has no meaning between 'posix' and 'posix'",
            "extras == 'a'": "'extras' can only stand behind 'in' and 'not in'",
            "'a' in dependency_groups": "the marker variable 'dependency_groups' has no value here",
        }.items():
            with self.subTest(text), self.assertRaises(InvalidMarker) as caught:
                Marker(text).evaluate({**LINUX, "extras": frozenset()})
            self.assertEqual(str(caught.exception), expected)

    def test_a_missing_variable_is_that_of_the_running_interpreter(self) -> None:
        self.assertTrue(
            Marker(f"sys_platform == {sys.platform!r} and os_name == 'x'").evaluate(
                {"os_name": "x"}
            )
        )
        self.assertTrue(Marker(f"os_name == {os.name!r}").evaluate())

    def test_the_running_interpreter_is_not_asked_where_all_variables_are_given(
        self,
    ) -> None:
        code = f"""
import sys, envlock
envlock.Marker("python_version >= '3' and extra != 'a' and sys_platform == 'linux'").evaluate({LINUX!r})
assert "platform" not in sys.modules
"""
        subprocess.run(
            [sys.executable, "-S", "-c", code],
            check=True,
            cwd=os.path.dirname(envlock.__file__),
        )


class TestMarkerText(unittest.TestCase):
    def test_is_written_with_double_quotes_and_the_parentheses_that_matter(
        self,
    ) -> None:
        for text, expected in {
            "python_version>='3.8'": 'python_version >= "3.8"',
            "((os.name=='nt'))": 'os_name == "nt"',
            "'a'not  in\tsys_platform": '"a" not in sys_platform',
            "os_name=='a'and(os_name=='b'or(os_name=='c'))": 'os_name == "a" and (os_name == "b" or os_name == "c")',
            "(os_name=='a' or os_name=='b')": 'os_name == "a" or os_name == "b"',
            "os_name == 'say \"a\"'": "os_name == 'say \"a\"'",
            r"""os_name == "\x22'" """: r"""os_name == '"\x27'""",
            "extra == 'A__b'": 'extra == "a-b"',
            "'A.b' in extras": '"a-b" in extras',
        }.items():
            with self.subTest(text):
                marker = Marker(text)
                self.assertEqual(str(marker), expected)
                self.assertEqual(
                    (Marker(expected), hash(Marker(expected))), (marker, hash(marker))
                )
        self.assertFalse(Marker("os_name == 'a'") == "os_name == 'a'")

    def test_quoted_texts_mean_what_they_mean_in_python(self) -> None:
        self.assertTrue(Marker(r"os_name == '\x41\d'").evaluate({"os_name": "A\\d"}))

    def test_rejects_what_is_no_marker(self) -> None:
        for text, expected in {
            "": "expected a marker variable or a quoted text, found the end",
            "python_version": "expected a comparison after 'python_version', found the end",
            "python_version > 3": "expected a marker variable or a quoted text, found '3'",
            "python > '3'": "expected a marker variable or a quoted text, found 'python'",
            "os_name not 'a'": "expected a comparison after 'os_name', found 'not'",
            "os_name = 'a'": "unexpected \"= 'a'\" in a marker",
            "os_name == 'a": 'unexpected "\'a" in a marker',
            "(" * 201
            + "os_name == 'a'"
            + ")" * 201: "a marker nested more than 200 levels deep",
            "os_name == 'a'\n": "unexpected '\\n' in a marker",
            "(os_name == 'a'": "expected 'and', 'or' or ')', found the end",
            "os_name == 'a')": "expected 'and', 'or' or the end, found ')'",
            "os_name == 'a' os_name": "expected 'and', 'or' or the end, found 'os_name'",
            "os_name == 'a' and": "expected a marker variable or a quoted text, found the end",
            r"os_name == '\x'": "invalid quoted text " + repr(r"'\x'"),
        }.items():
            with self.subTest(text), self.assertRaises(InvalidMarker) as caught:
                Marker(text)
            self.assertEqual(str(caught.exception), expected)
        self.assertTrue(
            issubclass(InvalidMarker, EnvlockError)
            and issubclass(InvalidMarker, ValueError)
        )


class TestRequirement(unittest.TestCase):
    def test_parts_are_told(self) -> None:
        requirement = Requirement(
            "Foo.bar[B, a_1] >= 1.0 , <2 ; python_version >= '3.8'"
        )
        self.assertEqual(
            (requirement.name, requirement.extras, requirement.url),
            ("Foo.bar", {"B", "a_1"}, None),
        )
        self.assertEqual(
            (requirement.specifier, requirement.marker),
            (">=1.0,<2", Marker("python_version >= '3.8'")),
        )
        bare = Requirement(" foo ")
        self.assertEqual(
            (bare.name, bare.extras, bare.specifier, bare.marker),
            ("foo", set(), "", None),
        )

    def test_both_forms_are_written_normalised(self) -> None:
        for text, expected in {
            "foo": "foo",
            "foo_[]": "foo_",
            "Foo [b,a]<2,>=1": "Foo[a,b]<2,>=1",
            "foo(==1.0, )": "foo==1.0",
            "foo()": "foo",
            "foo ( >=1,\t!=1.5 ) ;os_name=='a'": 'foo!=1.5,>=1; os_name == "a"',
            "foo @ https://host.example/a;b": "foo @ https://host.example/a;b",
            "foo[a]@git+https://u:p@host.example/r@v1#egg=x ;os_name=='a'": (
                'foo[a] @ git+https://u:p@host.example/r@v1#egg=x ; os_name == "a"'
            ),
            "foo @ file:///a  ": "foo @ file:///a",
        }.items():
            with self.subTest(text):
                requirement = Requirement(text)
                self.assertEqual(str(requirement), expected)
                self.assertEqual(Requirement(expected), requirement)

    def test_equality_is_that_of_the_meaning(self) -> None:
        left, right = (
            Requirement("Foo_bar[A.b]==1.0; extra=='X_y'"),
            Requirement("foo-bar[a-b]==1; extra == 'x-y'"),
        )
        self.assertEqual((left, hash(left)), (right, hash(right)))
        for other in [
            "foo-bar==1",
            "foo-bar[a-b]==1",
            "foo-bar[a-b]==2; extra == 'x-y'",
            "foo-bar[a-b] @ u ; extra == 'x-y'",
        ]:
            self.assertNotEqual(left, Requirement(other))
        self.assertNotEqual(left, str(left))

    def test_an_error_says_what_was_expected_and_what_was_found(self) -> None:
        for text, expected in {
            "": "expected a package name",
            "==1.0": "expected a package name, found '==1.0'",
            "-e foo": "expected a package name, found '-e foo'",
            "foo-": "expected a package name, found 'foo-'",
            "my-package=1.0": "expected a version specifier after 'my-package', found '=1.0' (did you mean '==1.0'?)",
            "foo => 1.0": "expected a version specifier after 'foo', found '=> 1.0' (did you mean '>=1.0'?)",
            "foo 1.0": "expected a version specifier after 'foo', found '1.0' (did you mean '==1.0'?)",
            "foo bar": "expected a version specifier after 'foo', found 'bar'",
            "foo==": "expected a version specifier after 'foo', found '=='",
            "foo==1.0 bar": "expected ',' or ';' after 'foo==1.0', found 'bar'",
            "foo>=1 <2": "expected ',' or ';' after 'foo>=1', found '<2'",
            "foo==1.x": "invalid version specifier '==1.x': '1.x' is no version",
            "foo>=1.*": "invalid version specifier '>=1.*': '.*' can only follow '==' and '!='",
            "foo (>=1": "expected ')' after the version specifier of 'foo'",
            "foo (bar)": "expected ')' after the version specifier of 'foo', found 'bar)'",
            "foo[a": "expected extras as in [one,two], found '[a'",
            "foo[a,]": "expected extras as in [one,two], found '[a,]'",
            "foo[a b]": "expected extras as in [one,two], found '[a b]'",
            "foo[a-]": "expected extras as in [one,two], found '[a-]'",
            "foo @": "expected a URL after '@' of 'foo'",
            "foo @ u bar": "expected ' ;' and a marker after 'u', found 'bar'",
            "foo @ u; os_name=='a'": (
                "expected ' ;' and a marker after 'u;', found \"os_name=='\"... (a blank must stand before ';')"
            ),
            "foo;": "expected a marker variable or a quoted text, found the end",
            "foo; python_version": "expected a comparison after 'python_version', found the end",
        }.items():
            with self.subTest(text), self.assertRaises(InvalidRequirement) as caught:
                Requirement(text)
            self.assertEqual(str(caught.exception), expected)
        self.assertTrue(
            issubclass(InvalidRequirement, EnvlockError)
            and issubclass(InvalidRequirement, ValueError)
        )

    def test_a_comma_ends_a_version_that_is_compared_as_text(self) -> None:
        for text, expected in {
            "foo===x,>= 1": "foo===x,>=1",
            "foo (===x , >= 1)": "foo===x,>=1",
            "foo===x, ===y,;os_name == 'a'": 'foo===x,===y; os_name == "a"',
        }.items():
            self.assertEqual(expected, str(Requirement(text)), text)
        for text in (
            "foo===",
            "foo ===;os_name == 'a'",
            "foo===x,y",
            "foo===,x",
            "foo===\u00e9,>= 1",
        ):
            with self.subTest(text), self.assertRaises(InvalidRequirement):
                Requirement(text)

    def test_white_space_ends_a_url(self) -> None:
        for space in "\n\r\x0b\x0c\x85\u00a0\u2028":
            for text in (
                f"foo @ u{space}",
                f"foo @ u{space}v",
                f"foo @ u{space} ; os_name == 'a'",
            ):
                with self.subTest(text), self.assertRaises(
                    InvalidRequirement
                ) as caught:
                    Requirement(text)
                self.assertEqual(
                    f"expected a blank after 'u', found {space!r}",
                    str(caught.exception),
                )

    def test_line_breaks_are_no_blanks(self) -> None:
        for text in [
            "foo\n",
            "foo>=1\n",
            "foo>=1,\n<2",
            "\nfoo",
            "foo; os_name == 'a'\r\n",
        ]:
            with self.subTest(text), self.assertRaises(InvalidRequirement):
                Requirement(text)


class TestHostileInput(unittest.TestCase):
    """Long and deep input is answered at once, by a short error."""

    @staticmethod
    def texts(many: int) -> list[str]:
        return [
            "foo; " + "(" * many + "os_name == 'a'" + ")" * many,
            "foo; " + "(" * many,
            "foo; " + "os_name == 'a' and " * many,
            "foo; '" + "x" * many,
            "foo; " + " " * many + "!",
            "foo" + " " * many + "!",
            "foo-" * many,
            "foo" + "[" * many,
            "foo[" + "a," * many,
            "foo[" + "a." * many + "!]",
            "foo>=" + "1." * many,
            "foo==1" + ".0" * many + "x",
            "foo==1" + "-post" * many,
            "foo==1+" + "a." * many,
            "foo==" + "1" * many,
            "foo" + "==1," * many + "!",
            "foo" + "~" * many,
            "foo @ " + "x" * many + " y",
        ]

    def rejected(self, text: str) -> None:
        with self.assertRaises(InvalidRequirement) as caught:
            Requirement(text)
        self.assertLess(len(str(caught.exception)), 400)
        self.assertNotIn("\n", str(caught.exception))

    def test_is_rejected_in_linear_time(self) -> None:
        for small, large in zip(self.texts(12_500), self.texts(100_000)):
            with self.subTest(large[:20]):
                assert_linear(self.rejected, small, large)

    def test_long_valid_input_is_accepted_in_linear_time(self) -> None:
        def zeros(number: int) -> None:
            self.assertEqual(
                Requirement("foo==1" + ".0" * number), Requirement("foo==1")
            )

        def digits(number: int) -> None:
            self.assertEqual(
                len(Requirement("foo==" + ".".join(["1" * 4000] * number)).specifier), 1
            )

        assert_linear(zeros, 4_000, 32_000)  # of 65,536 characters at most
        assert_linear(digits, 2, 16)

    def test_long_and_deep_markers_are_judged(self) -> None:
        self.assertTrue(
            Marker(" or ".join(["os_name == 'a'"] * 20_000)).evaluate({"os_name": "a"})
        )
        self.assertTrue(
            Marker("(" * 200 + "os_name == 'a'" + ")" * 200).evaluate({"os_name": "a"})
        )


class TestDefaultEnvironment(unittest.TestCase):
    def test_describes_the_running_interpreter(self) -> None:
        environment = default_environment()
        self.assertEqual(set(environment), set(LINUX))
        self.assertEqual(
            environment["python_version"], "{}.{}".format(*sys.version_info)
        )
        self.assertEqual(environment["python_full_version"], platform.python_version())
        self.assertEqual(environment["implementation_name"], sys.implementation.name)
        self.assertTrue(
            environment["implementation_version"].startswith(
                "{}.{}.{}".format(*sys.implementation.version)
            )
        )
        self.assertEqual(
            (environment["os_name"], environment["sys_platform"]),
            (os.name, sys.platform),
        )

    def test_its_source_runs_on_its_own(self) -> None:
        names: dict[str, Any] = {}
        exec(inspect.getsource(default_environment), names)
        self.assertEqual(names["default_environment"](), default_environment())


if __name__ == "__main__":
    unittest.main()
