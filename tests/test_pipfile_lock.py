"""The room Pipfile.lock."""

from __future__ import annotations

import json
import os
import unittest
from typing import ClassVar

import envlock
from tests.support import COMMIT, NO_TOML, Scratch, read_bound


class Pipfiles(Scratch):
    HEAD: ClassVar = {
        "_meta": {"pipfile-spec": 6, "requires": {"python_version": "3.2"}}
    }
    LOCK = json.dumps(
        {
            **HEAD,
            "default": {
                "any": {"version": "*"},
                "six": {"version": "==1.16.0", "hashes": ["sha256:AB"]},
                "win": {"version": "==1", "markers": "sys_platform == 'win32'"},
                "repo": {
                    "git": "https://git.example/r",
                    "ref": COMMIT,
                    "subdirectory": "s",
                },
                "lib": {"path": "lib", "editable": True},
            },
            "develop": {"dev-only": {"version": "==2"}},
            "Docs": {"six": {"version": "==1.16.0"}, "docs-only": {"version": "==3"}},
        }
    )

    def test_the_key_of_an_archive_is_not_its_name(self) -> None:
        self.write(
            "src/setup.py",
            "from setuptools import setup\nsetup(name='-'.join(['a', 'b']))\n",
        )
        entries = {
            "9a8b7c6": {"path": "./till_tools-0.3-py3-none-any.whl"},
            "mine": {"file": "https://files.example/six-1.17.0-py2.py3-none-any.whl"},
            "other": {"file": "https://files.example/archive/main.zip"},
            "source": {"path": "src"},
        }
        path = self.write("Pipfile.lock", json.dumps({**self.HEAD, "default": entries}))
        names = [each.name for each in read_bound(path).requirements]
        self.assertEqual(names, ["till-tools", "six", "", ""])

    def test_only_some_categories(self) -> None:
        for options, expected in (
            ("--only-group docs", "docs-only six"),
            ("--only-group default", "any lib repo six"),
            ("--only-group docs --only-group develop", "dev-only docs-only six"),
        ):
            bound = read_bound(self.write("Pipfile.lock", self.LOCK), options)
            names = " ".join(sorted(each.name or "lib" for each in bound.requirements))
            self.assertEqual(names, expected, options)

    def test_of_what_the_tools_own_python_decides_both_is_right(self) -> None:
        marked = {"version": "==1", "markers": "implementation_version >= '3'"}
        lock = json.dumps({**self.HEAD, "default": {"marked": marked}})
        bound = read_bound(self.write("Pipfile.lock", lock))
        self.assertEqual((bound.requirements, bound.permitted), ((), {"marked"}))

    def test_repositories_of_other_kinds(self) -> None:
        for kind in ("hg", "svn", "bzr"):
            lock = json.dumps(
                {
                    **self.HEAD,
                    "default": {"six": {kind: "https://h.example/six", "ref": "abc"}},
                }
            )
            self.assertEqual(
                self.texts("Pipfile.lock", lock),
                [f"six @ {kind}+https://h.example/six@abc"],
            )

    def test_a_path_that_cannot_be_is_told(self) -> None:
        lock = json.dumps({**self.HEAD, "default": {"six": {"path": "./\ud800"}}})
        message = f"Pipfile.lock: there can be no such path: {str(self.folder / chr(0xD800))!a}"
        self.assertEqual(
            self.error("Pipfile.lock", lock),
            message.replace(str(self.folder) + os.sep, ""),
        )

    @unittest.skipIf(NO_TOML, NO_TOML)
    def test_categories_are_groups(self) -> None:
        expected = [
            "any",
            "six==1.16.0",
            f"repo @ git+https://git.example/r@{COMMIT}#subdirectory=s",
            "-e lib @ file:///here/lib",
        ]
        self.assertEqual(self.texts("Pipfile.lock", self.LOCK), expected)
        self.assertEqual(
            self.texts("Pipfile.lock", self.LOCK, "--group develop"),
            [*expected, "dev-only==2"],
        )
        self.assertEqual(
            self.error("Pipfile.lock", self.LOCK, "--group nope"),
            "Pipfile.lock: there is no group 'nope' (it has default, develop, docs)",
        )

    def test_hashes_are_told(self) -> None:
        bound = read_bound(self.write("Pipfile.lock", self.LOCK))
        self.assertEqual(envlock.locked_hashes(bound.requirements[1]), {"sha256:ab"})


INVALID = [
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
class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        self.assertErrors(INVALID)


if __name__ == "__main__":
    unittest.main()
