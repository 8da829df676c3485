"""Integrity: installed files against what the records say of them."""

from __future__ import annotations

import base64
import hashlib
import json
import marshal
import os
import shutil
import sys
import time
import unittest
from pathlib import Path
from typing import Any

import envlock
from tests.support import (
    ENVLOCK,
    TestCase,
    add_record,
    assert_linear,
    interrupted,
    make_wheel,
    recorded_hash,
    run,
)
from tests.support import envlock as run_envlock

LAUNCHER = """\
#!{python}
# -*- coding: utf-8 -*-
import re
import sys
from {module} import {function}
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit({function}())
"""


class IntegrityTest(TestCase):
    """Fabricated installations in a folder that looks like an environment's."""

    version: tuple[int, int, int] = (3, 13, 0)
    library: str | None = None

    def setUp(self) -> None:
        super().setUp()
        self.prefix = self.folder / "env"
        self.site = self.prefix / "lib" / "python3.13" / "site-packages"
        self.site.mkdir(parents=True)
        self.sites = [str(self.site)]
        self.notes: list[str] = []

    def put(self, path: str, data: bytes = b"") -> Path:
        """Write a file, given relative to site-packages."""
        target = Path(os.path.normpath(self.site / path))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return target

    def unrecorded(self) -> list[str]:
        """The paths of the findings, which are Unrecorded and of no package."""
        rows = self.check()
        self.assertEqual(
            {(package, verdict) for package, verdict, _ in rows} - {("", "Unrecorded")},
            set(),
        )
        return [path for _, _, path in rows]

    def install(self, name: str, version: str, **files: bytes) -> Path:
        """A distribution with modules, recorded as pip does."""
        named = {f"{stem}.py": data for stem, data in files.items()}
        return self.install_files(name, version, named)

    def install_files(self, name: str, version: str, files: dict[str, bytes]) -> Path:
        rows = []
        for path, data in files.items():
            self.put(path, data)
            quoted = f'"{path}"' if "," in path else path
            rows.append(f"{quoted},{recorded_hash(data)},{len(data)}")
        return self.record(name, version, *rows)

    def record(self, name: str, version: str, *rows: str) -> Path:
        record = add_record(self.site, name, version)
        lines = [*rows, f"{record.name}/METADATA,,", f"{record.name}/RECORD,,"]
        (record / "RECORD").write_text(
            "".join(f"{line}\n" for line in lines), encoding="utf-8"
        )
        return record

    def interpreter(self) -> envlock.Interpreter:
        return envlock.Interpreter(
            str(self.prefix / "bin" / "python"),
            "cpython",
            self.version,
            str(self.prefix),
            tuple(self.sites),
            None,
            self.library,
            {},
        )

    def check(self, **policy: Any) -> list[tuple[str, str, str]]:
        """(package, verdict, path and remark) of each finding; the path relative to site-packages."""
        self.notes = []
        self.findings = envlock.check(
            self.interpreter(),
            envlock.Bound(),
            envlock.Policy(superset=True, integrity=True, **policy),
            lambda text, passing: self.notes.append(text),
        )
        start = f"{os.path.realpath(self.site)}{os.sep}"
        return [
            (one.package, one.explain, one.detail.replace(start, ""))
            for one in self.findings
        ]


class ComparedTest(IntegrityTest):
    def test_files_as_recorded_are_aligned(self) -> None:
        self.install_files(
            "six",
            "1.0",
            {
                "six.py": b"x = 1\n",
                "six/data.bin": bytes(3_000_000),
                "six/empty.txt": b"",
            },
        )
        self.assertEqual((self.check(), self.notes), ([], []))

    def test_a_file_with_another_content_is_modified(self) -> None:
        self.install("six", "1.0", six=b"x = 1\n")
        self.put("six.py", b"x = 2\n")
        self.assertEqual(self.check(), [("six-1.0", "Modified", "six.py")])
        self.assertEqual(self.findings[0].sites, (str(self.site),))
        self.assertEqual(
            self.findings[0].executable, str(self.prefix / "bin" / "python")
        )

    def test_a_changed_byte_far_into_a_large_file_is_found(self) -> None:
        self.install_files("big", "1.0", {"big/data": bytes(5_000_000)})
        with open(self.site / "big" / "data", "r+b") as file:
            file.seek(4_999_999)
            file.write(b"x")
        self.assertEqual(self.check(), [("big-1.0", "Modified", "big/data")])

    def test_a_file_that_is_gone_is_deleted(self) -> None:
        self.install_files("six", "1.0", {"six/a.py": b"", "six/b.py": b""})
        (self.site / "six" / "a.py").unlink()
        self.assertEqual(self.check(), [("six-1.0", "Deleted", "six/a.py")])

    def test_rows_come_by_normalised_name_then_file(self) -> None:
        for name in ("Zope.b", "attrs", "Babel"):
            self.install_files(
                name, "1.0", {f"{name}_2.txt": b"1", f"{name}_1.txt": b"1"}
            )
            self.put(f"{name}_1.txt", b"2")
            self.put(f"{name}_2.txt", b"2")
        self.put("loose.py")
        stems = ["attrs", "Babel", "Zope.b"]
        expected = [
            (f"{stem}-1.0", "Modified", f"{stem}_{number}.txt")
            for stem in stems
            for number in (1, 2)
        ]
        self.assertEqual(self.check(), [("", "Unrecorded", "loose.py"), *expected])

    def test_an_ignored_package_is_not_compared_and_owns_its_files_still(self) -> None:
        self.install("six", "1.0", six=b"x = 1\n")
        self.put("six.py", b"x = 2\n")
        self.assertEqual(self.check(ignore=frozenset({"six"})), [])

    def test_an_ignored_file_has_no_finding(self) -> None:
        self.install_files(
            "six",
            "1.0",
            {"six.py": b"1", "six/data/a.txt": b"1", "six/data/deep/a.txt": b"1"},
        )
        for name in ("six.py", "six/data/a.txt", "six/data/deep/a.txt", "loose.py"):
            self.put(name, b"2")
        self.put("six/data/a.txt").unlink()
        script = self.put("../../../bin/tool", b"2")
        self.record("tool", "1.0", f"../../../bin/tool,{recorded_hash(b'1')},1")
        found = {
            "loose.py",
            "six.py",
            "six/data/a.txt",
            "six/data/deep/a.txt",
            str(script),
        }
        nothing: set[str] = set()
        for patterns, ignored in (
            (("nothing", "*.txt", "six/*", "data/*"), nothing),
            (("six.py", "loose.*"), {"six.py", "loose.py"}),
            (("six/data/*",), {"six/data/a.txt"}),
            (("six/**/a.txt",), {"six/data/a.txt", "six/data/deep/a.txt"}),
            (
                ("six/**", "s?x.[op]y"),
                {"six/data/a.txt", "six/data/deep/a.txt", "six.py"},
            ),
            (("../../../bin/t*",), {str(script)}),
            (("**",), found),
        ):
            with self.subTest(patterns):
                rows = self.check(ignore_files=frozenset(patterns))
                self.assertEqual({path for _, _, path in rows}, found - ignored)

    def test_without_the_policy_no_file_is_read(self) -> None:
        self.install("six", "1.0", six=b"x = 1\n")
        self.put("six.py", b"x = 2\n")
        policy = envlock.Policy(superset=True)
        self.assertEqual(envlock.check(self.interpreter(), envlock.Bound(), policy), [])

    def test_shadowed_distributions_are_compared_too(self) -> None:
        other = self.folder / "user" / "lib" / "python3.13" / "site-packages"
        self.install("six", "1.0", six=b"1")
        mine, self.site = self.site, other
        self.install("six", "2.0", six=b"2")
        self.put("six.py", b"3")
        self.sites = [str(mine), str(other)]
        self.assertEqual(self.check(), [("six-2.0", "Modified", "six.py")])


class DigestTest(IntegrityTest):
    DATA = b"import this\n"

    def compare(self, digest: str, size: object = "") -> list[str]:
        self.put("one.py", self.DATA)
        for old in self.site.glob("*.dist-info/*"):
            old.unlink()
        for folder in self.site.glob("*.dist-info"):
            folder.rmdir()
        self.record("one", "1.0", f"one.py,{digest},{size}")
        return [verdict for _, verdict, _ in self.check()]

    def test_every_spelling_of_a_right_digest_is_right(self) -> None:
        for algorithm in (
            "sha256",
            "sha512",
            "sha384",
            "sha1",
            "md5",
            "blake2b",
            "sha3_256",
        ):
            digest = hashlib.new(algorithm, self.DATA)
            plain = base64.b64encode(digest.digest()).decode()
            urlsafe = base64.urlsafe_b64encode(digest.digest()).decode()
            for text in (
                urlsafe.rstrip("="),
                urlsafe,
                plain,
                digest.hexdigest(),
                digest.hexdigest().upper(),
            ):
                self.assertEqual(
                    self.compare(f"{algorithm}={text}"), [], (algorithm, text)
                )
        self.assertEqual(
            self.compare(f"SHA256={hashlib.sha256(self.DATA).hexdigest()}"), []
        )

    def test_a_wrong_or_malformed_digest_is_not(self) -> None:
        for text in (
            "sha256=AAAA",
            "sha256=" + "0" * 64,
            "md5=\N{SNOWMAN}",
            "sha256=%%%",
            "sha512=" + "_" * 86,
        ):
            self.assertEqual(self.compare(text), ["Modified"], text)

    def test_an_algorithm_that_is_not_known_claims_nothing_beyond_the_size(
        self,
    ) -> None:
        for name in ("crc99", "shake_128", "", "sha256\N{SNOWMAN}"):
            self.assertEqual(self.compare(f"{name}=AAAA"), [], name)
            self.assertEqual(self.compare(f"{name}=AAAA", len(self.DATA)), [], name)
            self.assertEqual(self.compare(f"{name}=AAAA", 5), ["Modified"], name)

    def test_an_algorithm_with_a_stray_byte_is_not_known(self) -> None:
        self.put("one.py", b"x")
        record = self.record("one", "1.0")
        (record / "RECORD").write_bytes(b"one.py,sha\xff256=AAAA,1\n")
        self.assertEqual(self.check(), [])

    def test_a_size_alone_is_compared(self) -> None:
        self.assertEqual(self.compare("", len(self.DATA)), [])
        self.assertEqual(self.compare("", len(self.DATA) + 1), ["Modified"])
        for size in ("x", "-1", "9" * 5000, "\N{SUPERSCRIPT TWO}"):
            self.assertEqual(self.compare("", size), [], size[:9])

    def test_a_right_digest_beside_a_wrong_size_is_right(self) -> None:
        self.assertEqual(self.compare(recorded_hash(self.DATA), 99999), [])

    def test_without_hash_and_size_nothing_is_claimed(self) -> None:
        self.record("one", "1.0", "one.py,,", "gone.py,,")
        self.put("one.py", b"anything")
        self.assertEqual(self.check(), [])
        self.assertEqual(
            self.notes,
            ["1 packages without hashes in their records, not compared: one-1.0"],
        )


class ScriptTest(IntegrityTest):
    def script(self, text: str, name: str = "run") -> Path:
        return self.put(f"../../../bin/{name}", text.encode())

    def recorded_script(self, text: str, entry_points: str = "") -> None:
        self.script(text)
        shutil.rmtree(self.site / "pkg-1.0.dist-info", ignore_errors=True)
        record = self.record(
            "pkg", "1.0", f"../../../bin/run,{recorded_hash(text.encode())},{len(text)}"
        )
        (record / "entry_points.txt").write_text(entry_points)

    def test_a_rewritten_first_line_is_no_change(self) -> None:
        here = f"{self.prefix}/bin/python"
        long = f"#!/bin/sh\n'''exec' \"{here}\" \"$0\" \"$@\"\n' '''"
        movable = "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python3' \"$0\" \"$@\"\n' '''"
        for first in ("#!python", "#!/usr/bin/env python3", f"#!{here}3.13"):
            self.recorded_script(f"{first}\nprint(1)\n")
            quoted = (
                long.replace('"' + here, "'" + here).replace(here + '"', here + "'"),
                long.replace('" "$0"', '" -I "$0"'),
            )
            self.assertEqual(len({long, *quoted}), 3)
            for now in (
                f"#!{here}",
                f"#!{here} -sE",
                "#!/usr/bin/env python",
                long,
                movable,
                *quoted,
            ):
                self.script(f"{now}\nprint(1)\n")
                self.assertEqual(self.check(), [], (first, now))
            self.script(f"#!{here}\nprint(2)\n")
            self.assertEqual([verdict for _, verdict, _ in self.check()], ["Modified"])

    def test_a_script_for_another_python_is_modified(self) -> None:
        self.recorded_script("#!python\nprint(1)\n")
        shell = "#!/bin/sh\n'''exec' {} \"$0\" \"$@\"\n' '''"
        for first in (
            "#!/tmp/evil/python",
            f"#!{self.prefix}-old/bin/python",
            f"#!/tmp/evil/python {self.prefix}/bin/python",
            f"#!{self.prefix}/bin/python # coding: utf-7",
            f"#!{self.prefix}/bin/python -cevil",
            f"#!{self.prefix}/bin/evil",
            f"#!{self.prefix}/bin/../../../python",
            "#!/usr/bin/env python -cevil",
            shell.format(f"{self.prefix}/bin/python;evil"),
            shell.format(f"'{self.prefix}/bin/python' -cevil"),
            "#!/usr/bin/env -S evil",
            shell.format("/tmp/evil/python"),
            shell.format(f"/tmp/evil/python {self.prefix}/bin/python"),
            shell.format(f'"{self.prefix}/$(evil)/python"'),
            shell.format(f'"$(dirname -- "$(evil)")"/{self.prefix}/bin/python'),
        ):
            self.script(f"{first}\nprint(1)\n")
            self.assertEqual(
                [verdict for _, verdict, _ in self.check()], ["Modified"], first
            )

    def test_a_rewritten_script_that_is_recorded_without_a_hash_is_judged_by_its_size(
        self,
    ) -> None:
        self.script(f"#!{self.prefix}/bin/python\nprint(1)\n")
        self.record("pkg", "1.0", "../../../bin/run,,17")
        self.assertEqual([verdict for _, verdict, _ in self.check()], ["Modified"])

    def test_a_launcher_made_anew_is_no_change(self) -> None:
        old = LAUNCHER.format(
            python="/old/place/python", module="pkg.cli", function="main"
        )
        self.recorded_script(old, "[console_scripts]\nrun = pkg.cli:main\n")
        python = f"{self.prefix}/bin/python"
        self.script(LAUNCHER.format(python=python, module="pkg.cli", function="main"))
        self.assertEqual(self.check(), [])
        text = "#!{}\nimport sys\nfrom pkg.cli import main\nif __name__ == '__main__':\n    {}\n    sys.exit(main())\n"
        for argv in (
            "sys.argv[0] = sys.argv[0].removesuffix('.exe')",
            "sys.argv[0] = sys.argv[0][:-4]",
            "",
        ):
            self.script(text.format(python, argv))
            self.assertEqual(self.check(), [], argv)

    def test_a_launcher_that_does_more_is_modified(self) -> None:
        old = LAUNCHER.format(
            python="/old/place/python", module="pkg.cli", function="main"
        )
        self.recorded_script(old, "[console_scripts]\nrun = pkg.cli:main\n")
        python = f"{self.prefix}/bin/python"
        good = LAUNCHER.format(python=python, module="pkg.cli", function="main")
        other = LAUNCHER.format(python=python, module="evil", function="main")
        self.assertIn("coding: utf-8", good)
        for text in (
            good + "import evil\n",
            good.replace("import re\n", "import re; import evil\n"),
            good.replace("utf-8", "utf-7").replace(
                "import re\n", "#+AAo-import evil\nimport re\n"
            ),
            *(other, "", "\n"),
        ):
            self.script(text)
            self.assertEqual(
                [verdict for _, verdict, _ in self.check()], ["Modified"], text
            )

    def test_long_blank_runs_are_judged_in_linear_time(self) -> None:
        def judged(lines: int) -> None:
            self.script(
                f"#!{self.prefix}/bin/python\n"
                + " \n" * lines
                + "from x import y\n"
                + "\n" * lines
                + "!"
            )
            self.assertEqual([verdict for _, verdict, _ in self.check()], ["Modified"])

        self.recorded_script("#!python\n")
        assert_linear(judged, 25_000, 200_000)

    def test_a_long_first_line_is_judged_in_linear_time(self) -> None:
        def judged(options: int) -> None:
            self.script(f"#!{self.prefix}/bin/python{' -s' * options} -x\n")
            self.assertEqual([verdict for _, verdict, _ in self.check()], ["Modified"])

        self.recorded_script("#!python\n")
        assert_linear(judged, 5_000, 40_000)


class UnrecordedTest(IntegrityTest):
    def test_start_up_files_and_modules_that_no_record_lists(self) -> None:
        names = (
            "a.pth",
            "b.start",
            "c.py",
            "d.pyc",
            "e.cpython-313-x86_64-linux-gnu.so",
            "f.pyd",
            "sitecustomize.py",
        )
        for name in (
            *names,
            "g/__init__.py",
            "h/deep/er/module.py",
            "usercustomize/__init__.py",
        ):
            self.put(name)
        self.assertEqual(self.unrecorded(), sorted([*names, "g", "h", "usercustomize"]))

    def test_what_cannot_be_imported_is_nobodys_business(self) -> None:
        names = (
            "README.txt",
            "not-a-name.py",
            "1a.py",
            "__pycache__/c.cpython-313.pyc",
            "~ip/__init__.py",
            "data/x.json",
        )
        for name in (
            *names,
            "left/__pycache__/over.cpython-313.pyc",
            "a-b/c.py",
            ".hidden.pth",
            "lib-1.so",
        ):
            self.put(name)
        (self.site / "folder.pth").mkdir()
        os.symlink("nowhere", self.site / "dangling.pth")
        self.assertEqual(self.unrecorded(), [])

    def test_a_link_in_a_folder_may_lead_to_modules(self) -> None:
        (self.site / "space").mkdir()
        (self.folder / "other").mkdir()
        (self.folder / "module.py").touch()
        os.symlink(self.folder, self.site / "space" / "not-a-name")
        os.symlink(self.folder / "other", self.site / "space" / "other")
        self.assertEqual(self.unrecorded(), [])
        os.symlink(self.folder, self.site / "space" / "name")
        self.assertEqual(self.unrecorded(), ["space"])

    def test_hidden_start_up_files_count_where_site_reads_them(self) -> None:
        self.put(".hidden.pth")
        self.version = (3, 8, 10)
        self.assertEqual(self.unrecorded(), [".hidden.pth"])

    def test_recorded_ones_are_known(self) -> None:
        files = {
            "a.pth": b"import a",
            "a.start": b"",
            "a.py": b"",
            "sitecustomize.py": b"",
            "ns/sub/x.py": b"",
        }
        self.install_files("a", "1.0", files)
        self.put("ns/other/y.py")
        self.put("a.pyc", b"compiled beside its source")
        self.put("b.pyc", b"without a source")
        self.record("b", "1.0", "b.pyc,,", "__pycache__/c.cpython-313.pyc,,")
        self.assertEqual(self.unrecorded(), [])

    def test_an_editable_install_owns_its_files(self) -> None:
        files = {
            "__editable__.pkg-1.0.pth": b"/src",
            "__editable___pkg_1_0_finder.py": b"",
            "_pkg.pth": b"/src\n",
        }
        self.install_files("pkg", "1.0", files)
        source = self.folder / "src"
        (source / "pkg").mkdir(parents=True)
        (source / "sitecustomize.py").touch()
        self.put("_pkg.pth", os.fsencode(source))
        self.assertEqual(self.check(), [("pkg-1.0", "Modified", "_pkg.pth")])

    def test_files_of_develop_and_easy_install_are_known(self) -> None:
        self.put("zope.pkg.egg-link", os.fsencode(self.folder))
        self.put("zope.pkg-nspkg.pth", b"import sys, types, os; ...")
        lines = b"import sys; sys.__plen = len(sys.path)\n./Leg_Pkg-1.0-py3.8.egg\n/src/of/pkg\n/import of/pkg\n"
        end = b"import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; p=getattr(sys,'__egginsert',0); "
        end += b"sys.path[p:p]=new; sys.__egginsert = p+len(new)\n"
        self.put("easy-install.pth", lines + end)
        self.put("setuptools.pth", b"./setuptools-1.0-py2.7.egg\n")
        precedence = b"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; enabled = os.environ.get(var, 'local') == 'local'; "
        precedence += b"enabled and __import__('_distutils_hack').add_shim(); "
        self.put("distutils-precedence.pth", precedence)
        self.assertEqual(self.unrecorded(), [])
        for more in (
            *(b"import evil\n", b"import\tevil\n", end.rstrip() + b"; import evil\n"),
            *(
                b"  import evil\n",
                b"\xef\xbb\xbfimport evil\n",
                end.rstrip() + b"\f; import evil\n",
            ),
        ):
            for version in ((3, 8, 0), (3, 13, 0), (3, 15, 0)):
                self.version = version
                self.put("easy-install.pth", lines + more)
                self.assertEqual(
                    self.unrecorded(), ["easy-install.pth"], (more, version)
                )
        self.put("easy-install.pth", lines)
        self.put("distutils-precedence.pth", precedence + b"import evil")
        for name in ("zope.pkg.pth", "Setuptools.pth", "setuptools-1-nspkg.pth"):
            self.put(name, b"import evil")
        found = [
            "Setuptools.pth",
            "distutils-precedence.pth",
            "setuptools-1-nspkg.pth",
            "zope.pkg.pth",
        ]
        self.assertEqual(self.unrecorded(), found)

    def test_the_start_up_file_of_pipx_is_known_in_its_environments(self) -> None:
        self.put("pipx_shared.pth", b"/srv/pipx/shared/lib/python3.13/site-packages\n")
        self.assertEqual(self.check(), [("", "Unrecorded", "pipx_shared.pth")])
        (self.prefix / "pipx_metadata.json").write_text("{}")
        self.assertEqual(self.check(), [])
        self.put("pipx_shared.pth", b"import os\n")
        self.assertEqual(self.check(), [("", "Unrecorded", "pipx_shared.pth")])

    def test_the_patch_of_virtualenv_is_known_in_its_environments(self) -> None:
        self.put("_virtualenv.pth", b"import _virtualenv")
        self.put("_virtualenv.py")
        self.assertEqual(self.unrecorded(), ["_virtualenv.pth", "_virtualenv.py"])
        for maker in ("virtualenv = 20.26.0", "uv = 0.5.0"):
            self.put("../../../pyvenv.cfg", f"home = /usr/bin\n{maker}\n".encode())
            self.assertEqual(self.unrecorded(), [])
        self.put("_virtualenv.pth", b"import _virtualenv; import evil")
        self.assertEqual(self.unrecorded(), ["_virtualenv.pth"])

    def test_a_start_file_that_silences_another_ones_pth_is_reported(self) -> None:
        self.version = (3, 15, 0)
        self.install_files(
            "good",
            "1.0",
            {
                "good.pth": b"import good",
                "good.py": b"",
                "own.pth": b"",
                "own.start": b"",
            },
        )
        self.install_files("bad", "1.0", {"good.start": b""})
        self.put(
            "0-envlock.pth",
            envlock.start_up_texts(3, self.interpreter())["0-envlock.pth"],
        )
        self.put("0-envlock.start")
        expected = [
            "0-envlock.start (it silences 0-envlock.pth)",
            "good.start (it silences good.pth)",
        ]
        self.assertEqual(self.unrecorded(), expected)
        (self.site / "0-envlock.start").unlink()
        self.put(".hidden.start")
        self.put(".hidden.pth")
        (self.site / "own2.start").mkdir()
        self.install_files("more", "1.0", {"own2.pth": b""})
        self.assertEqual(self.unrecorded(), expected[1:])
        self.version = (3, 14, 0)
        self.assertEqual(self.unrecorded(), [])

    def test_packages_that_list_no_files_but_tell_their_modules(self) -> None:
        record = self.site / "old-1.0.egg-info"
        record.mkdir()
        (record / "PKG-INFO").write_text("Name: old\nVersion: 1.0\n")
        (record / "top_level.txt").write_text("old\n_old\n")
        for name in ("old/__init__.py", "_old.so", "new.py", "old-1.0-py3.8-nspkg.pth"):
            self.put(name)
        self.assertEqual(self.unrecorded(), ["new.py"])

    def test_legacy_installs_list_their_files(self) -> None:
        record = self.site / "old-1.0-py3.8.egg-info"
        record.mkdir()
        (record / "PKG-INFO").write_text("Name: old\nVersion: 1.0\n")
        (record / "installed-files.txt").write_text(
            "../old/__init__.py\n../old.pth\nPKG-INFO\n../../../../bin/old\n"
        )
        for name in ("old/__init__.py", "old.pth", "older.py"):
            self.put(name)
        self.assertEqual(self.unrecorded(), ["older.py"])

    def test_where_a_package_tells_nothing_only_start_up_code_is_reported(self) -> None:
        (self.site / "gi-1.0.egg-info").write_text("Name: gi\nVersion: 1.0\n")
        for name in (
            "gi/__init__.py",
            "pygtkcompat.py",
            "sitecustomize.py",
            "evil.pth",
        ):
            self.put(name)
        self.assertEqual(self.unrecorded(), ["evil.pth", "sitecustomize.py"])

    def test_conda_lists_files_of_its_own(self) -> None:
        (add_record(self.site, "pkg", "1.0") / "RECORD").unlink()
        for name in ("pkg/__init__.py", "pkg.pth", "evil.py"):
            self.put(name)
        files = [
            "lib/python3.13/site-packages/pkg/__init__.py",
            "lib/python3.13/site-packages/pkg.pth",
        ]
        self.put(
            "../../../conda-meta/pkg-1.0-0.json", json.dumps({"files": files}).encode()
        )
        self.assertEqual(self.unrecorded(), ["evil.py"])

    def test_files_in_the_other_library_folder_are_owned(self) -> None:
        other = self.prefix / "lib64" / "python3.13" / "site-packages"
        self.sites.append(str(other))
        self.put("../../../lib64/python3.13/site-packages/_speed/__init__.py")
        self.record(
            "pkg", "1.0", "../../../lib64/python3.13/site-packages/_speed/__init__.py,,"
        )
        self.assertEqual(self.unrecorded(), [])

    def test_one_site_directory_under_two_names_counts_once(self) -> None:
        os.symlink("lib", self.prefix / "lib64")
        self.sites.append(str(self.prefix / "lib64" / "python3.13" / "site-packages"))
        self.install("pkg", "1.0", pkg=b"1")
        self.put("evil.pth")
        self.put("pkg.py", b"2")
        self.assertEqual(
            self.check(),
            [("", "Unrecorded", "evil.pth"), ("pkg-1.0", "Modified", "pkg.py")],
        )

    def test_the_standard_library_of_pypy_holds_modules(self) -> None:
        self.put("os.py")
        self.put("sitecustomize.py")
        self.library = str(self.site)
        self.assertEqual(self.unrecorded(), ["sitecustomize.py"])


class HashesTest(IntegrityTest):
    """What a guard keeps: every path that findings rest on, and the digests that are known."""

    def found(self, hashes: dict[str, str]) -> list[str]:
        findings = envlock.integrity_findings(
            self.interpreter(), envlock.Policy(integrity=True), hashes=hashes
        )
        return [
            os.path.basename(one.detail) for each in findings.values() for one in each
        ]

    def test_has_every_path_that_findings_rest_on(self) -> None:
        record = self.install_files(
            "pkg", "1.0", {"pkg/__init__.py": b"", "a.txt": b"1", "gone.txt": b""}
        )
        self.record("other", "1.0", "__pycache__/x.pyc,,", "size.txt,,1")
        add_record(self.site, "old", "1.0").joinpath("RECORD").unlink()
        self.put("a.txt", b"2")
        self.put("size.txt", b"2")
        (self.site / "gone.txt").unlink()
        self.put("data/deep/table.json")
        hashes = {f"{self.site}/forgotten.txt": "sha256=AAAA"}
        self.assertEqual(self.found(hashes), ["a.txt", "gone.txt"])
        records = (record.name, "other-1.0.dist-info", "old-1.0.dist-info")
        names = {
            f"{name}/{inside}" for name in records for inside in ("RECORD", "INSTALLER")
        }
        names |= {
            f"old-1.0.dist-info/{name}"
            for name in ("installed-files.txt", "top_level.txt")
        }
        names |= {f"{name}/METADATA" for name in records[:2]}
        names |= {
            "pkg/__init__.py",
            "a.txt",
            "gone.txt",
            "size.txt",
            "data",
            "data/deep",
        }
        self.assertEqual(set(hashes), {f"{self.site}/{name}" for name in names})
        digests = {path: digest for path, digest in hashes.items() if digest}
        self.assertEqual(digests, {f"{self.site}/pkg/__init__.py": recorded_hash(b"")})

    def test_what_is_known_to_be_right_is_not_read(self) -> None:
        self.install_files("pkg", "1.0", {"a.txt": b"", "b.txt": b""})
        self.put("a.txt", b"1")
        self.put("b.txt", b"1")
        hashes = {
            f"{self.site}/a.txt": recorded_hash(b""),
            f"{self.site}/b.txt": recorded_hash(b"1"),
        }
        self.assertEqual(self.found(hashes), ["b.txt"])
        self.assertEqual(hashes[f"{self.site}/a.txt"], recorded_hash(b""))
        self.assertEqual(hashes[f"{self.site}/b.txt"], "")

    def test_a_file_of_several_packages_is_known_by_the_one_that_it_meets(self) -> None:
        self.install_files("one", "1.0", {"ns.py": b"1"})
        self.install_files("two", "1.0", {"ns.py": b"2"})
        hashes: dict[str, str] = {}
        for _ in range(2):
            self.assertEqual(self.found(hashes), [])
            self.assertEqual(hashes[f"{self.site}/ns.py"], recorded_hash(b"2"))
        shutil.rmtree(self.site / "two-1.0.dist-info")
        self.assertEqual(self.found(hashes), ["ns.py"])

    def test_a_folder_behind_a_link_is_watched_by_both_names(self) -> None:
        (self.prefix / "other").mkdir()
        os.symlink("other", self.prefix / "bin")
        self.put("../../../bin/run", b"1")
        self.record("pkg", "1.0", f"../../../bin/run,{recorded_hash(b'1')},1")
        hashes: dict[str, str] = {}
        self.assertEqual(self.found(hashes), [])
        self.assertLessEqual(
            {f"{self.prefix}/bin", f"{self.prefix}/other/run"}, set(hashes)
        )


class CommandTest(TestCase):
    """The option, in a real environment."""

    def setUp(self) -> None:
        super().setUp()
        self.bound = self.write("requirements.txt", "pkg==1.0\n")
        wheel = make_wheel(self.folder, "pkg", "1.0")
        code = (
            "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])"
        )
        run([sys.executable, "-c", code, wheel, self.environment.site])
        self.module = self.environment.site / "pkg.py"
        data = self.module.read_bytes()
        self.row = f"pkg.py,{recorded_hash(data)},{len(data)}\n"
        self.record = self.environment.site / "pkg-1.0.dist-info" / "RECORD"
        self.record.write_text(self.row)

    def test_an_intact_environment_prints_nothing(self) -> None:
        done = self.environment.validate("--bound", self.bound, "--integrity")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))

    def test_a_row_shows_the_file(self) -> None:
        self.module.write_text("evil = 1\n")
        (self.environment.site / "evil.pth").write_text("import os")
        done = self.environment.validate("--bound", self.bound, "--integrity")
        site = os.path.realpath(self.environment.site)
        expected = f"""\
Package  Dependency  Explain     Sites
                     Unrecorded  {site}/evil.pth
pkg-1.0              Modified    {site}/pkg.py
"""
        self.assertEqual((done.stdout, done.stderr, done.returncode), (expected, "", 3))
        done = self.environment.validate("--bound", self.bound, "--integrity", "json")
        rows = [
            (row["package"], row["explain"], row["sites"], row["detail"])
            for row in json.loads(done.stdout)
        ]
        modified = (
            "pkg-1.0",
            "Modified",
            [str(self.environment.site)],
            f"{site}/pkg.py",
        )
        self.assertEqual(
            rows, [(None, "Unrecorded", [site], f"{site}/evil.pth"), modified]
        )
        done = self.environment.validate("--bound", self.bound)
        self.assertEqual((done.stdout, done.returncode), ("", 0))

    def test_a_guard_is_known_as_long_as_it_is_as_installed(self) -> None:
        done = run_envlock(
            "-q",
            "-e",
            self.environment.python,
            "site-install",
            "-b",
            self.bound,
            "--integrity",
            "exit",
        )
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))
        words = ("--bound", self.bound, "--integrity", "json")
        self.assertEqual(self.environment.validate(*words).stdout, "[]\n")
        folder = self.environment.site / "_envlock"
        codes = [
            path for path in folder.iterdir() if path.suffix in ("", ".lean", ".full")
        ]
        self.assertEqual(len(codes), 3)
        contents = (
            marshal.dumps(compile("import evil", "evil", "exec")),
            b"",
            b"\xff",
            b"import evil",
        )
        for path, content in zip((*codes, folder / "envlock.py"), contents):
            kept = path.read_bytes()
            path.write_bytes(content)
            rows = json.loads(self.environment.validate(*words).stdout)
            detail = f"{os.path.realpath(path)} (not as this envlock writes it)"
            self.assertEqual(
                [(row["explain"], row["detail"]) for row in rows],
                [("Unrecorded", detail)],
            )
            path.write_bytes(kept)
        codes[0].unlink()
        self.assertEqual(self.environment.validate(*words).stdout, "[]\n")

    def test_the_note_is_one_line_that_quiet_silences(self) -> None:
        self.record.write_text("pkg.py,,\n")
        done = self.environment.validate("--bound", self.bound, "--integrity")
        note = "envlock: 1 packages without hashes in their records, not compared: pkg-1.0\n"
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", note, 0))
        done = self.environment.validate("--bound", self.bound, "--integrity", "-q")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 0))

    def test_a_name_that_the_locale_cannot_express_is_not_judged(self) -> None:
        rows = "na\u00efve.py,sha256=AAAA,1\npkg/../na\u00efve/x.py,sha256=AAAA,1\n"
        self.record.write_text(self.row + rows, encoding="utf-8")
        words = ("--bound", self.bound, "--integrity")
        ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        told = run(
            [sys.executable, "-c", "import sys; print(sys.getfilesystemencoding())"],
            env=ascii_alone,
        ).stdout
        if told != "ascii\n":
            self.skipTest(f"file names are {told.strip()}, whatever the locale")
        done = self.environment.validate(*words, env=ascii_alone)
        site = os.path.realpath(self.environment.site)
        note = f"envlock: 2 recorded files that cannot be read: {site}/na\\xefve.py, {site}/na\\xefve/x.py\n"
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", note, 0))
        self.assertIn("Deleted", self.environment.validate(*words).stdout)

    @unittest.skipUnless(
        shutil.which("dpkg") and os.path.exists("/usr/lib/python3/dist-packages"),
        "needs Debian",
    )
    def test_what_dpkg_has_installed_is_never_reported(self) -> None:
        words = (
            "validate",
            "-b",
            self.write("none.txt", ""),
            "--superset",
            "--integrity",
            "json",
        )
        rows = json.loads(run_envlock("-e", "/usr/bin/python3", *words).stdout)
        lists = Path("/var/lib/dpkg/info").glob("*.list")
        listed = {
            line
            for path in lists
            for line in path.read_text(encoding="utf-8").splitlines()
        }
        self.assertEqual({row["detail"] for row in rows} & listed, set())

    def test_the_library_call_prints_nothing(self) -> None:
        self.record.write_text("pkg.py,,\n")
        self.module.unlink()
        code = "import envlock as e, sys; print(e.validate(sys.argv[1], sys.argv[2], policy=e.Policy(integrity=True)))"
        done = run(
            [sys.executable, "-c", code, self.bound, self.environment.python],
            cwd=ENVLOCK.parent,
        )
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))

    @unittest.skipUnless(os.name == "posix", "terminals")
    def test_progress_is_shown_on_a_terminal_and_an_interrupt_ends_it_cleanly(
        self,
    ) -> None:
        names = [f"vast{number}" for number in range(4)]
        for name in names:
            with open(self.environment.site / name, "wb") as file:
                file.truncate(7 << 30)
        self.record.write_text(
            self.row + "".join(f"{name},sha512=AAAA,\n" for name in names)
        )
        words = [
            "-e",
            self.environment.python,
            "validate",
            "-b",
            self.bound,
            "--integrity",
        ]
        begun = time.monotonic()
        shown, output, status = interrupted([sys.executable, ENVLOCK, *words])
        self.assertGreater(
            time.monotonic() - begun, 1
        )  # who is done before that shows nothing
        self.assertEqual((output, status), (b"", 130))
        self.assertRegex(shown, rb"\A(\r\x1b\[K\d of 5 files compared)+\r\x1b\[K\Z")

    def test_no_progress_elsewhere(self) -> None:
        with open(self.environment.site / "vast", "wb") as file:
            file.truncate(3 << 27)
        self.record.write_text(self.row + "vast,sha512=AAAA,\n")
        done = self.environment.validate("-b", self.bound, "--integrity", "exit")
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("", "", 3))


if __name__ == "__main__":
    unittest.main()
