"""The room Guard: code."""

from __future__ import annotations

import builtins
import dis
import marshal
import os
import sys
import unittest
import warnings
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Iterator

import envlock
from tests.support import GuardTestCase


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


class CodeTest(GuardTestCase):
    @unittest.skipUnless(
        sys.implementation.name == "cpython", "what others keep is as compiled"
    )
    def test_keeps_no_tables_that_only_tracebacks_need(self) -> None:
        self.install("warn")
        folder = self.environment.site / "_envlock"
        whole = next(folder.glob("*.full"))
        table = "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"
        first, rest = marshal.loads(whole.read_bytes())
        loaded = [*codes(first), *codes(marshal.loads(rest))]
        sizes = {len(getattr(code, table)) for code in loaded}
        self.assertEqual(sizes, {0})

    def test_what_starts_execute_needs_no_name_that_is_not_there(self) -> None:
        module = self.loaded()
        for code in codes(module.code):
            for instruction in dis.get_instructions(code):
                if instruction.opname == "LOAD_GLOBAL":
                    name = str(instruction.argval)
                    self.assertTrue(
                        name in vars(module) or hasattr(builtins, name), name
                    )

    def test_the_rest_is_added_where_it_is_needed(self) -> None:
        module = self.loaded()
        self.assertFalse(hasattr(module, "LockGraph"))
        stubs = [(name, vars(module)[name]) for name in self.late_names()]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.assertEqual(module.load_toml("a = [1]"), {"a": [1]})
        for name in [name for name in vars(envlock) if not name.startswith("__")]:
            self.assertTrue(name == "annotations" or hasattr(module, name), name)
        for name, stub in stubs:
            self.assertIs(vars(module)[name], stub)
            self.assertEqual(stub.__defaults__, getattr(envlock, name).__defaults__)

    @unittest.skipUnless(sys.implementation.name == "cpython", "PyPy has no _json")
    def test_a_judged_start_with_plain_pins_loads_neither_the_rest_nor_re(self) -> None:
        module = self.loaded()
        code = f"""import marshal, os, sys
m = type(sys)("_envlock")
m.__file__ = {module.__file__!r}
folder = os.path.dirname(m.__file__)
with open({str(self.whole())!r}, "rb") as file:
    code, m.REST = marshal.loads(file.read())
known = set(sys.modules)
exec(code, vars(m))
configuration = m.GuardConfiguration.read(folder)
verdict = m._start_step_3({str(self.whole())[:-5]!r}, sys.prefix, configuration)
dear = {{"re", "json", "ast", "subprocess", "collections", "__future__"}} - known
print([verdict["message"], m.REST is None, sorted(dear.intersection(sys.modules))])
"""
        done = self.start("-I", "-c", code, env={**os.environ, "ENVLOCK_DISABLE": "1"})
        self.assertEqual((done.stdout, done.stderr), ("['', False, []]\n", ""))

    def late_names(self) -> list[str]:
        return [function.__name__ for function in envlock.LATE_FUNCTIONS]

    def whole(self) -> Path:
        return next((self.environment.site / "_envlock").glob("*.full"))

    def loaded(self) -> Any:
        """The code of a guard that is installed, as a start executes it."""
        self.install("warn")
        module: Any = ModuleType("_envlock")
        module.__file__ = str(self.whole().parent / "envlock.py")
        module.code, module.REST = marshal.loads(self.whole().read_bytes())
        exec(module.code, vars(module))
        return module

    def test_each_interpreter_has_its_own_files(self) -> None:
        self.install("warn")
        stem = f"{sys.implementation.hexversion:x}"
        names = sorted(
            path.name for path in (self.environment.site / "_envlock").iterdir()
        )
        states = [name for name in names if ".state" in name]
        expected = [stem, *(f"{stem}.{kind}" for kind in ("full", "lean", "tell"))]
        self.assertEqual(
            sorted(set(names) - set(states)),
            sorted([*expected, "envlock.py", "guard.json"]),
        )
        self.assertEqual(states, [f"{stem}.state0"])


if __name__ == "__main__":
    unittest.main()
