"""The room uv.lock."""

from __future__ import annotations

import unittest

import envlock
from tests.support import COMMIT, NO_TOML, Scratch, assert_linear, read_bound

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

    WORKSPACE = """\
        version = 1
        requires-python = ">=3.9"
        [manifest]
        members = ["demo-app", "member-a", "member-b"]
        [[package]]
        name = "demo-app"
        version = "1"
        source = { editable = "." }
        dependencies = [{ name = "base" }, { name = "member-a" }, { name = "ed-lib" }]
        [package.optional-dependencies]
        one = [{ name = "extra-one" }]
        [package.dev-dependencies]
        dev = [{ name = "tool" }]
        own = [{ name = "demo-app", extra = ["one"] }]
        lint = [{ name = "linter" }]
        [[package]]
        name = "member-a"
        version = "1"
        source = { editable = "a" }
        dependencies = [{ name = "deep" }]
        [package.dev-dependencies]
        own = [{ name = "linter" }]
        [[package]]
        name = "member-b"
        version = "1"
        source = { editable = "b" }
        [[package]]
        name = "ed-lib"
        version = "1"
        source = { editable = "ed_lib" }
        """ + "".join(
        f'''[[package]]
        name = "{name}"
        version = "1"
        source = {{ registry = "https://index.example/simple" }}
        '''
        for name in ("base", "deep", "extra-one", "linter", "tool")
    )

    def names(self, options: str) -> str:
        """What counts besides Python; with an asterisk what is editable."""
        bound = read_bound(self.write("uv.lock", self.WORKSPACE), options)
        found = [each for each in bound.requirements if each.name != "python"]
        editable = [
            "*" * bool(each.reference and each.reference.editable) for each in found
        ]
        return " ".join(each.name + sign for each, sign in zip(found, editable))

    def test_each_selection_of_uv(self) -> None:
        project = "demo-app* member-a* ed-lib* base deep"
        for options, expected in (
            ("", f"{project} tool"),
            ("--only-group lint", "linter"),
            ("--only-group own", f"{project} extra-one"),
            (
                "--only-group own --no-install-project",
                "member-a* ed-lib* base deep extra-one",
            ),
            ("--only-group lint --no-group lint", ""),
            ("--package member-a --only-group own", "linter"),
            ("--package member-a --only-group lint", "linter"),
            ("--no-editable", "demo-app member-a ed-lib base deep tool"),
            ("--no-install-project", "member-a* ed-lib* base deep tool"),
            ("--no-install-workspace", "ed-lib* base deep tool"),
            ("--package member-a --no-install-project", "deep"),
            (
                "--package member-a --package member-b --no-install-project",
                "member-a* member-b* deep",
            ),
            (
                "--all-packages --no-install-project",
                "member-a* member-b* ed-lib* base deep tool",
            ),
            ("--all-packages --no-install-workspace", "ed-lib* base deep tool"),
            ("--all-extras --no-extra one", f"{project} tool"),
            ("--extra one --no-default-groups", f"{project} extra-one"),
            ("--all-groups", f"{project} extra-one linter tool"),
        ):
            with self.subTest(options):
                self.assertEqual(self.names(options), expected)

    def test_the_project_may_be_there_unless_uv_takes_it_away(self) -> None:
        self.write("pyproject.toml", "[project]\nname = 'demo-app'\n")
        path = self.write("uv.lock", self.WORKSPACE)
        self.assertEqual(read_bound(path).permitted, {"demo-app"})
        self.assertEqual(read_bound(path, "--no-editable").permitted, {"demo-app"})
        for options in (
            "--only-group lint",
            "--package member-b",
            "--no-install-project",
            "--no-install-workspace",
        ):
            with self.subTest(options):
                self.assertEqual(read_bound(path, options).permitted, frozenset())

    def test_a_group_may_require_a_python(self) -> None:
        text = self.WORKSPACE.replace(
            "[package.dev-dependencies]\n        dev",
            "[package.group-requires-python]\n        dev = '>=3.13'\n        lint = '>=3.8,<3.12'\n"
            "        [package.dev-dependencies]\n        dev",
        )
        for options, expected in (
            ("", ["python>=3.9", "python>=3.13"]),
            ("--no-default-groups", ["python>=3.9"]),
            ("--only-group lint", ["python>=3.9", "python<3.12,>=3.8"]),
        ):
            with self.subTest(options):
                found = self.texts("uv.lock", text, options)
                self.assertEqual(
                    [each for each in found if each.startswith("python")], expected
                )

    def test_the_python_of_a_group_is_what_the_project_says(self) -> None:
        # uv 0.13.9: whatever the lock says, and for a group that includes it, too
        project = """
        [project]
        name = "demo-app"
        [dependency-groups]
        dev = ["tool", {include-group = "Lint_X"}]
        Lint_X = ["linter"]
        """
        lock = self.WORKSPACE.replace(
            "[package.dev-dependencies]\n        dev",
            "[package.group-requires-python]\n        dev = '>=3.12'\n"
            "        [package.dev-dependencies]\n        dev",
        )
        settings = (
            '[tool.uv.dependency-groups]\nlint-x = { requires-python = ">=3.13" }'
        )
        for added, expected in (
            ("", ["python>=3.9"]),
            (settings, ["python>=3.9", "python>=3.13"]),
        ):
            with self.subTest(added):
                self.write("pyproject.toml", project + added)
                found = self.texts("uv.lock", lock, "")
                self.assertEqual(
                    [each for each in found if each.startswith("python")], expected
                )

    def test_a_chain_of_groups_takes_linear_time(self) -> None:
        def read(number: int) -> None:
            groups = {
                f"g{index}": [{"include-group": f"g{index + 1}"}]
                for index in range(number)
            }
            table = envlock.ParsedTable({**groups, f"g{number}": []})
            found = envlock.included_groups(table, frozenset({"g0"}))
            self.assertEqual(len(found), number + 1)

        assert_linear(read, 1000, 8000)

    def test_a_chain_of_extras_takes_linear_time(self) -> None:
        def read(conflicts: str, number: int) -> None:
            text = UV + conflicts + '[[package]]\nname = "p"\nversion = "1"\n'
            text += 'source = { editable = "." }\n[package.optional-dependencies]\n'
            marker = ", marker = \"extra == 'extra-1-p-e{0}'\"" if conflicts else ""
            for index in range(number):
                edge = f'name = "p", extra = ["e{index + 1}"]' + marker.format(index)
                text += f"e{index} = [{{ {edge} }}]\n"
            path = self.write("uv.lock", text + f"e{number} = []\n")
            self.assertEqual(len(read_bound(path, "--extra e0").requirements), 2)

        assert_linear(lambda number: read("", number), 500, 4000)
        conflicts = 'conflicts = [[{ package = "p", extra = "e0" }]]\n'
        assert_linear(lambda number: read(conflicts, number), 500, 4000)

    def test_an_unknown_name_is_told_with_those_that_there_are(self) -> None:
        for options, message in (
            (
                "--package nope",
                "workspace member 'nope' (it has demo-app, member-a, member-b)",
            ),
            ("--only-group nope", "group 'nope' (it has dev, lint, own)"),
            ("--no-extra nope", "extra 'nope' (it has one)"),
            ("--package nope --package member-a", "workspace member 'nope'"),
        ):
            with self.subTest(options):
                found = self.error("uv.lock", self.WORKSPACE, options)
                self.assertIn(f"uv.lock: there is no {message}", found)

    def test_an_unsupported_platform_is_told_of_python(self) -> None:
        text = UV + "supported-markers = [\"sys_platform == 'win32'\"]\n"
        self.assertEqual(
            self.texts("uv.lock", text),
            ["python>=3.9", "python; sys_platform == 'win32'"],
        )

    def test_a_newer_revision_is_read(self) -> None:
        self.assertEqual(
            self.texts(
                "uv.lock", 'version = 1\nrevision = 99\nrequires-python = ">=3.9"\n'
            ),
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
        self.assertEqual(
            self.texts("uv.lock", text), ["python>=3.9", "other==1", "a2==1"]
        )
        self.assertEqual(
            self.texts("uv.lock", text, "--extra a"),
            ["python>=3.9", "other==1", "a1==1", "a2==1"],
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
            text += f'[[package]]\nname = "{name}"\nversion = "1"\nsource = {{ {name} = "{where}" }}\n'
        parent = envlock.url_of_path(str(self.folder.parent))
        self.assertEqual(
            [
                text.replace(parent, "file:///parent")
                for text in self.texts("uv.lock", text)
            ],
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
    (
        "uv.lock",
        'version = "1"\n',
        "uv.lock:1: version: expected an integer, found '1'",
    ),
    (
        "uv.lock",
        "[[package]]\nname = 'x'\n",
        "uv.lock: version: missing, expected an integer",
    ),
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
