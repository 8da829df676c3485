"""The room Guard: code."""

from __future__ import annotations

import marshal
import sys
import unittest
from types import CodeType
from typing import Iterator

from tests.support import GuardTestCase


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


class CodeTest(GuardTestCase):
    @unittest.skipUnless(sys.implementation.name == "cpython", "what others keep is as compiled")
    def test_keeps_no_tables_that_only_tracebacks_need(self) -> None:
        self.install("warn")
        folder = self.environment.site / "_envlock"
        whole = next(folder.glob("*.full"))
        table = "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"
        sizes = {len(getattr(code, table)) for code in codes(marshal.loads(whole.read_bytes()))}
        self.assertEqual(sizes, {0})

    def test_each_interpreter_has_its_own_files(self) -> None:
        self.install("warn")
        stem = f"{sys.implementation.hexversion:x}"
        names = sorted(path.name for path in (self.environment.site / "_envlock").iterdir())
        states = [name for name in names if ".state" in name]
        expected = [stem, *(f"{stem}.{kind}" for kind in ("full", "lean", "tell"))]
        self.assertEqual(
            sorted(set(names) - set(states)), sorted([*expected, "envlock.py", "guard.json"])
        )
        self.assertEqual(states, [f"{stem}.state0"])


if __name__ == "__main__":
    unittest.main()
