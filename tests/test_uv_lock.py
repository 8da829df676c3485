"""The room uv.lock."""

from __future__ import annotations

import unittest

import envlock
from tests.support import COMMIT, NO_TOML, Scratch

UV = 'version = 1\nrequires-python = ">=3.9"\n'


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
        self.assertEqual(
            self.texts("uv.lock", text), ["python>=3.9", "python; sys_platform == 'win32'"]
        )

    def test_a_newer_revision_is_read(self) -> None:
        self.assertEqual(
            self.texts("uv.lock", 'version = 1\nrevision = 99\nrequires-python = ">=3.9"\n'),
            ["python>=3.9"],
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

    def test_an_extra_of_another_package_is_not_its_own(self) -> None:
        text = (
            f'{UV}[[package]]\nname = "mine"\nversion = "1"\nsource = {{ virtual = "." }}\n'
            'dependencies = [{ name = "other", extra = ["a"] }]\n'
            '[package.optional-dependencies]\na = [{ name = "a1" }]\n'
            '[[package]]\nname = "other"\nversion = "1"\nsource = { registry = "i" }\n'
            '[package.optional-dependencies]\na = [{ name = "a2" }]\nb = [{ name = "a1" }]\n'
        )
        for name in ("a1", "a2"):
            text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ registry = "i" }}\n'
        self.assertEqual(self.texts("uv.lock", text), ["python>=3.9", "other==1", "a2==1"])
        self.assertEqual(
            self.texts("uv.lock", text, "--extra a"), ["python>=3.9", "other==1", "a1==1", "a2==1"]
        )

    def test_an_extra_without_dependencies_is_known(self) -> None:
        text = (
            UV
            + '[[package]]\nname = "a"\nsource = { virtual = "." }\n[package.metadata]\nprovides-extras = ["e"]\n'
        )
        self.assertEqual(self.texts("uv.lock", text, "--extra e"), ["python>=3.9"])
        self.assertEqual(
            self.error("uv.lock", text, "--extra f"),
            "{}: there is no extra 'f' (it has e)".format("uv.lock"),
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
            text += (
                f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ {name} = "{where}" }}\n'
            )
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


INVALID = [
    (
        "uv.lock",
        "version = 2\n",
        "uv.lock:1: version: envlock doesn't know version '2' of this format",
    ),
    ("uv.lock", 'version = "1"\n', "uv.lock:1: version: expected an integer, found '1'"),
    ("uv.lock", "[[package]]\nname = 'x'\n", "uv.lock: version: missing, expected an integer"),
    (
        "uv.lock",
        UV
        + '[[package]]\nname = "a"\nversion = 7\nsource = { registry = "i" }\n[manifest]\nmembers = ["a"]\n',
        "uv.lock:5: package[0].version: expected a string, found 7",
    ),
    (
        "uv.lock",
        UV
        + '[[package]]\nname = "a"\nsource = { virtual = "." }\ndependencies = [{ name = "b" }]\n',
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
    (
        "uv.lock",
        UV + "[manifest]\n[manifest]\n",
        "uv.lock:4: invalid TOML: Cannot declare ('manifest',) twice",
    ),
]


@unittest.skipIf(NO_TOML, NO_TOML)
class MalformedLocks(Scratch):
    def test_an_error_names_file_line_and_place(self) -> None:
        self.assertErrors(INVALID)


if __name__ == "__main__":
    unittest.main()
