"""Recorded files: which files records list, and whose a file is."""

from __future__ import annotations

import os
import shutil
import time
import unittest

from tests.support import (
    add_record,
    recorded_hash,
)
from tests.test_integrity import IntegrityTest


class RecordTest(IntegrityTest):
    def test_quoted_paths_and_odd_names(self) -> None:
        names = [
            "pkg/a,b.txt",
            "pkg/caf\N{LATIN SMALL LETTER E WITH ACUTE}.txt",
            "pkg/ .txt",
            "pkg/a\x0cb\x85c.txt",
        ]
        self.install_files("pkg", "1.0", {name: name.encode() for name in names})
        self.assertEqual(self.check(), [])
        self.put("pkg/a,b.txt", b"else")
        self.assertEqual(self.check(), [("pkg-1.0", "Modified", "pkg/a,b.txt")])

    def test_absolute_and_climbing_paths(self) -> None:
        data = self.put("../../../share/pkg/data", b"1")
        script = self.put("../../../etc/pkg.conf", b"2")
        rows = [
            f"{data},{recorded_hash(b'1')},1",
            f"../../../etc/pkg.conf,{recorded_hash(b'2')},1",
        ]
        self.record("pkg", "1.0", *rows)
        self.assertEqual(self.check(), [])
        script.write_bytes(b"3")
        data.unlink()
        prefix = os.path.realpath(self.prefix)
        expected = [
            ("pkg-1.0", "Modified", f"{prefix}/etc/pkg.conf"),
            ("pkg-1.0", "Deleted", f"{prefix}/share/pkg/data"),
        ]
        self.assertEqual(self.check(), expected)

    def test_backslashes_of_a_wheel_made_on_windows(self) -> None:
        self.put("pkg/one.py", b"1")
        self.record("pkg", "1.0", f"pkg\\one.py,{recorded_hash(b'1')},1")
        self.assertEqual(self.check(), [])

    def test_files_that_installers_write_anew(self) -> None:
        record = self.install("pkg", "1.0", pkg=b"1")
        names = (
            "INSTALLER",
            "REQUESTED",
            "direct_url.json",
            "RECORD.jws",
            "uv_cache.json",
        )
        with open(record / "RECORD", "a") as file:
            other = recorded_hash(b"other")
            file.writelines(
                f"{record.name}/{name},{other},5\n"
                for name in (*names, "entry_points.txt")
            )
        (record / "INSTALLER").write_text("uv")
        (record / "entry_points.txt").write_text("evil")
        self.assertEqual(
            self.check(), [("pkg-1.0", "Modified", f"{record.name}/entry_points.txt")]
        )

    def test_a_gitignore_that_editables_share_may_be_gone(self) -> None:
        self.record("app", "1.0", f".gitignore,{recorded_hash(b'*')},1")
        self.assertEqual(self.check(), [])

    def test_bytecode_caches_are_never_compared(self) -> None:
        rows = [
            f"__pycache__/pkg.cpython-313.pyc,{recorded_hash(b'1')},1",
            "pkg/__pycache__/a.pyo,sha256=AAAA,2",
        ]
        self.record("pkg", "1.0", f"pkg.py,{recorded_hash(b'')},0", *rows)
        self.put("pkg.py")
        self.put("__pycache__/pkg.cpython-313.pyc", b"2")
        self.assertEqual(self.check(), [])

    def test_a_module_that_exists_as_bytecode_alone_is_compared(self) -> None:
        self.record("pkg", "1.0", f"pkg.pyc,{recorded_hash(b'1')},1")
        self.put("pkg.pyc", b"2")
        self.assertEqual(self.check(), [("pkg-1.0", "Modified", "pkg.pyc")])

    def test_a_file_of_several_packages_is_as_one_of_them_says(self) -> None:
        self.install_files("one", "1.0", {"ns/__init__.py": b"first"})
        self.install_files("two", "1.0", {"ns/__init__.py": b"second"})
        self.assertEqual(self.check(), [])
        self.put("ns/__init__.py", b"third")
        self.assertEqual(self.check(), [("one-1.0", "Modified", "ns/__init__.py")])
        self.record("three", "1.0", "ns/__init__.py,,")
        self.assertEqual(self.check(), [("one-1.0", "Modified", "ns/__init__.py")])

    def test_a_row_without_a_hash_silences_none_that_has_one(self) -> None:
        digest = f"{recorded_hash(b'x = 1')},5"
        silent = (
            *(
                "own/__init__.py,,",
                "own/__init__.py",
                "./own/__init__.py,,5",
                "own/../own/__init__.py,,",
            ),
            *(
                "own/__init__.py,nothing=AAAA,",
                "own/__init__.py,sha256=,",
                "own/__init__.py,shake_128=AAAA,",
            ),
        )
        for other in silent:
            for title, own, package in (
                ("in the same record", (other, f"./own/__init__.py,{digest}"), ""),
                ("in one that is read before", (f"own/__init__.py,{digest}",), "aaa"),
                ("in one that is read after", (f"own/__init__.py,{digest}",), "zzz"),
            ):
                with self.subTest(title, row=other):
                    records = [self.record("own", "1.0", *own)]
                    records += [self.record(package, "1.0", other)] if package else []
                    self.put("own/__init__.py", b"x = 1")
                    self.assertEqual(self.check(), [])
                    self.put("own/__init__.py", b"x = 2")
                    self.assertEqual(
                        self.check(), [("own-1.0", "Modified", "own/__init__.py")]
                    )
                    (self.site / "own" / "__init__.py").unlink()
                    self.assertEqual(
                        self.check(), [("own-1.0", "Deleted", "own/__init__.py")]
                    )
                    for record in records:
                        shutil.rmtree(record)

    def test_an_unquoted_comma_belongs_to_the_path(self) -> None:
        digest, size = recorded_hash(b"1"), 1
        for path in ("a,b.txt", "a,b,c.txt", "a, ,.txt"):
            self.put(path, b"1")
        self.record(
            "pkg",
            "1.0",
            f"a,b.txt,{digest},{size}",
            f"a,b,c.txt,{digest},{size}",
            "a, ,.txt,,",
        )
        self.assertEqual(self.check(), [])
        self.put("a,b.txt", b"2")
        self.assertEqual(self.check(), [("pkg-1.0", "Modified", "a,b.txt")])

    def test_fields_beyond_the_size_are_passed_over(self) -> None:
        self.put("one.py", b"1")
        self.record(
            "pkg",
            "1.0",
            f"one.py,{recorded_hash(b'1')},1,,",
            f"one.py,{recorded_hash(b'1')},1,x",
        )
        self.assertEqual(self.check(), [])

    def test_a_folder_may_be_listed(self) -> None:
        self.install("pkg", "1.0", pkg=b"1")
        (self.site / "data").mkdir()
        self.record("two", "1.0", f"data/,{recorded_hash(b'')},0", "data,,")
        self.assertEqual(self.check(), [])

    def test_what_conda_has_installed_is_not_held_against_pips_record(self) -> None:
        record = self.install("pkg", "1.0", pkg=b"1")
        (record / "INSTALLER").write_text("conda\n")
        self.put("pkg.py", b"with the prefix of this environment")
        self.assertEqual(self.check(), [])
        self.assertEqual(
            self.notes,
            ["1 packages without hashes in their records, not compared: pkg-1.0"],
        )

    def test_shared_objects_of_an_externally_managed_python_may_be_stripped(
        self,
    ) -> None:
        self.install_files(
            "pkg", "1.0", {"pkg/_speed.abi3.so": b"1", "pkg/__init__.py": b"1"}
        )
        (self.site.parent / "EXTERNALLY-MANAGED").touch()
        self.put("pkg/_speed.abi3.so", b"2")
        self.assertEqual(self.check(), [])
        self.put("pkg/__init__.py", b"2")
        self.assertEqual(self.check(), [("pkg-1.0", "Modified", "pkg/__init__.py")])

    def test_packages_without_hashes_are_counted_in_one_line(self) -> None:
        for number in range(7):
            add_record(self.site, f"p{number}", "1.0")
        (self.site / "old-1.0.egg-info").write_text("Name: old\nVersion: 1.0\n")
        self.check()
        shown = "old-1.0, p0-1.0, p1-1.0, p2-1.0, p3-1.0, ..."
        self.assertEqual(
            self.notes,
            [f"8 packages without hashes in their records, not compared: {shown}"],
        )

    def test_broken_records_never_raise(self) -> None:
        texts = [
            b'"' + b"x" * 200_000,
            b"\0\0,\0\n",
            b"\xff\xfe,sha256=\xff,1\n",
            b",,,\n,\n",
            b"a\n",
            b"..,sha256=A,\n",
        ]
        texts += [
            b"x" * 5000 + b",sha256=AAAA,1\n",
            b"/" * 9000 + b",sha256=AAAA,1\n",
            b".,sha256=AAAA,1\n",
        ]
        for number, text in enumerate(texts):
            (add_record(self.site, f"p{number}", "1.0") / "RECORD").write_bytes(text)
        self.put("old-1.0.egg-info/installed-files.txt", b"../a\0b/c.py\n")
        self.assertEqual(
            {verdict for _, verdict, _ in self.check()}, {"Deleted", "Modified"}
        )


class OutsideTest(IntegrityTest):
    def test_what_lies_outside_is_not_read_and_said(self) -> None:
        secret = self.folder / "secret"
        secret.write_bytes(b"1")
        if hasattr(os, "mkfifo"):
            os.mkfifo(self.folder / "pipe")
        rows = [
            f"{path},sha256=AAAA,1"
            for path in ("../../../../secret", secret, "/dev/zero", "../../../../pipe")
        ]
        self.record("pkg", "1.0", *rows)
        self.assertEqual(self.check(), [])
        outside = (
            f"{self.folder}/secret, {self.folder}/secret, /dev/zero, {self.folder}/pipe"
        )
        self.assertEqual(
            self.notes,
            [f"4 recorded files outside of the environment, not read: {outside}"],
        )

    def test_a_folder_that_is_a_link_does_not_lead_outside(self) -> None:
        (self.folder / "else").mkdir()
        (self.folder / "else" / "file").write_bytes(b"1")
        os.symlink(self.folder / "else", self.prefix / "share")
        self.record("pkg", "1.0", f"../../../share/file,{recorded_hash(b'1')},1")
        self.check()
        where = f"{self.folder}/else/file"
        self.assertEqual(
            self.notes,
            [f"1 recorded files outside of the environment, not read: {where}"],
        )

    def test_links_are_followed_and_named_where_they_lead_astray(self) -> None:
        cache = self.folder / "cache"
        cache.mkdir()
        (cache / "one.py").write_bytes(b"1")
        os.symlink(cache / "one.py", self.site / "one.py")
        os.symlink("/dev/zero", self.site / "zero.py")
        os.symlink("loop.py", self.site / "loop.py")
        os.symlink("nowhere", self.site / "gone.py")
        names = ("one", "zero", "loop", "gone")
        self.record(
            "pkg", "1.0", *(f"{name}.py,{recorded_hash(b'1')},1" for name in names)
        )
        expected = [
            ("pkg-1.0", "Deleted", "gone.py (a link to nowhere)"),
            ("pkg-1.0", "Deleted", "loop.py (a link to loop.py)"),
            ("pkg-1.0", "Modified", "zero.py (a link to /dev/zero)"),
        ]
        self.assertEqual(self.check(), expected)
        (cache / "one.py").write_bytes(b"2")
        self.assertIn(
            ("pkg-1.0", "Modified", f"one.py (a link to {cache}/one.py)"), self.check()
        )

    @unittest.skipUnless(hasattr(os, "mkfifo"), "no FIFOs here")
    def test_neither_pipes_nor_folders_nor_sockets_hang(self) -> None:
        record = self.record(
            "pkg", "1.0", "pipe.py,sha256=AAAA,1", "folder.py,sha256=AAAA,1"
        )
        os.mkfifo(self.site / "pipe.py")
        (self.site / "folder.py").mkdir()
        other = add_record(self.site, "two", "1.0")
        (other / "RECORD").unlink()
        os.mkfifo(other / "RECORD")
        os.mkfifo(record / "INSTALLER")
        os.mkfifo(record / "entry_points.txt")
        expected = [(name, "not a regular file") for name in ("folder.py", "pipe.py")]
        self.assertEqual(
            self.check(),
            [("pkg-1.0", "Modified", f"{name} ({what})") for name, what in expected],
        )

    def test_a_vast_sparse_file_is_not_read(self) -> None:
        self.record("pkg", "1.0", "vast,sha256=AAAA,1", "unsized,sha256=AAAA,")
        for name in ("vast", "unsized"):
            with open(self.site / name, "wb") as file:
                file.truncate(10 << 30)
        began = time.process_time()
        self.assertEqual(
            self.check(),
            [("pkg-1.0", "Modified", name) for name in ("unsized", "vast")],
        )
        self.assertLess(
            time.process_time() - began, 1
        )  # of the processor's time: reading it would take several

    @unittest.skipIf(
        not hasattr(os, "getuid") or os.getuid() == 0, "root may read everything"
    )
    def test_what_may_not_be_read_is_said(self) -> None:
        self.install("pkg", "1.0", pkg=b"1")
        (self.site / "pkg.py").chmod(0)
        self.assertEqual(self.check(), [])
        self.assertEqual(
            self.notes, [f"1 recorded files that cannot be read: {self.site}/pkg.py"]
        )
