#!/usr/bin/env python3
"""Compare envlock with packaging on random versions, specifiers, markers and requirements, valid and invalid.

The seed is fixed, or the first argument. The virtual environment that holds packaging is made on the first run.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator

VERSION = "26.4"
SCALE = 1000  # a 370th of the number of cases
PARTS = 20
ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ENVLOCK_CACHE") or ROOT / ".cache")

SPACES = ["", "", "", "", " ", "  ", "\t", "\n", "\u00a0"]
BLANKS = ["", "", "", " ", "  ", "\t"]
NUMBERS = ["0", "1", "2", "3", "10", "00", "01", "2024"]
SEPARATORS = ["", "", ".", "-", "_"]
OPERATORS = ["==", "!=", "<=", ">=", "<", ">", "~=", "==="]
NOISE = [
    *"0129.-_+!*=<>~,;()[]@ \t\n'\"\\abcrv",
    "post",
    "dev",
    " and ",
    " or ",
    " in ",
    "not ",
    "\u00e9",
    ".*",
    "===",
]
VARIABLES = [
    *(
        "python_version",
        "python_full_version",
        "os_name",
        "sys_platform",
        "platform_release",
        "platform_system",
    ),
    *(
        "platform_version",
        "platform_machine",
        "platform_python_implementation",
        "implementation_name",
    ),
    *(
        "implementation_version",
        "extra",
        "extras",
        "dependency_groups",
        "os.name",
        "sys.platform",
        "platform.version",
    ),
    *(
        "platform.machine",
        "platform.python_implementation",
        "python_implementation",
        "os.version",
        "python.version",
    ),
]
NAMES = [
    "a",
    "A",
    "foo",
    "Foo-Bar",
    "foo__bar",
    "a.b",
    "9",
    "x-",
    "_y",
    "z_",
    "zope.interface",
    "a--b",
    "",
]
ENVIRONMENTS: list[dict[str, Any]] = [
    {},
    {
        "python_version": "3.8",
        "python_full_version": "3.8.0a1",
        "extra": "Foo_Bar",
        "os_name": "nt",
    },
    {
        "python_version": "2.7",
        "python_full_version": "3.13.0+",
        "platform_release": "5.15.0-1-generic",
        "extra": None,
    },
    {
        "extras": {"Foo_Bar", "a"},
        "dependency_groups": frozenset({"a--b"}),
        "platform_release": "6.1",
        "os_name": "3.8",
    },
    {
        "extras": "foo-bar",
        "dependency_groups": "",
        "extra": "a",
        "implementation_version": "7.3.11",
        "sys_platform": "a",
    },
    {"extra": {"Foo_Bar", "a"}, "os_name": "nt", "python_version": "3.8"},
    {"extra": frozenset(), "platform_release": "5.10"},
    {"extra": ["X.y", "2.7.*"], "extras": set()},
]


class Texts:
    """Random texts of each kind."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def noisy(self, text: str, share: float = 0.15) -> str:
        """Now and then insert, replace or remove something, so that the text may become invalid."""
        while self.chance(share):
            at, end = self.random.randrange(len(text) + 1), self.random.randrange(2)
            text = text[:at] + self.pick([*NOISE, ""]) + text[at + end :]
        return text

    def version(self) -> str:
        pick, chance = self.pick, self.chance
        text = pick(["", "", "", "v", "V"]) + pick(["", "", "", "", "0!", "1!", "2!"])
        text += ".".join(pick(NUMBERS) for _ in range(pick([1, 2, 2, 3, 3, 4])))
        if chance(0.3):
            letters = pick(
                ["a", "b", "c", "rc", "alpha", "beta", "pre", "preview", "RC", "Alpha"]
            )
            text += pick(SEPARATORS) + letters + pick(SEPARATORS) + pick([*NUMBERS, ""])
        if chance(0.25):
            post = (
                pick(SEPARATORS)
                + pick(["post", "rev", "r", "POST"])
                + pick(SEPARATORS)
                + pick([*NUMBERS, ""])
            )
            text += pick([post, post, "-" + pick(NUMBERS)])
        if chance(0.25):
            text += (
                pick(SEPARATORS)
                + pick(["dev", "DEV"])
                + pick(SEPARATORS)
                + pick([*NUMBERS, ""])
            )
        if chance(0.2):
            text += "+" + pick(["", "."]).join(
                pick(["abc", "1", "01", "Ubuntu", "1.2", "a-b_c"]) for _ in range(2)
            )
        return text

    def any_version(self) -> str:
        return self.noisy(self.pick(SPACES) + self.version() + self.pick(SPACES))

    def specifier(self, spaces: list[str]) -> str:
        version = self.version()
        if self.chance(0.6):
            version = ".".join(
                self.pick(NUMBERS) for _ in range(self.pick([1, 2, 3]))
            ) + self.pick(["", "", ".*", "a1"])
        if self.chance(0.03):
            version = self.pick(
                ["", "", "foo", "1.x", "lolwat,2", "a;b", "x)y", ",", "a,"]
            )
        return (
            self.pick(spaces)
            + self.pick(OPERATORS)
            + self.pick(spaces)
            + version
            + self.pick(spaces)
        )

    def specifiers(self, spaces: list[str], share: float = 0.1) -> str:
        return self.noisy(
            ",".join(
                self.specifier(spaces) for _ in range(self.pick([0, 1, 1, 1, 2, 2, 3]))
            ),
            share,
        )

    def quoted(self) -> str:
        values = [
            "3.8",
            "3.10",
            "linux",
            "posix",
            "foo_bar",
            "A",
            "a",
            "2.7.*",
            "",
            "cpython",
            "\\x41",
            "a\\tb",
            "a'b",
        ]
        value = self.pick([*values, self.version()])
        return f'"{value}"' if self.chance(0.6) or "'" in value else f"'{value}'"

    def marker(self, depth: int = 0) -> str:
        pick, blanks = self.pick, self.pick(["", " "])
        if depth < 3 and self.chance(0.4):
            if self.chance(0.01):
                nested = pick([1, 99, 100, 101, 199, 200, 201])
                return "(" * nested + self.marker(3) + ")" * nested
            joint = f" {pick(['and', 'or'])} "
            inner = joint.join(
                self.marker(depth + 1) for _ in range(pick([1, 2, 2, 3]))
            )
            return (
                f"({pick(BLANKS)}{inner}{pick(BLANKS)})" if self.chance(0.7) else inner
            )
        left, right = pick(VARIABLES[:-2]), self.quoted()
        if self.chance(0.06):
            left, right = (
                pick([*VARIABLES, self.quoted()]),
                pick([*VARIABLES, self.quoted()]),
            )
        if self.chance(0.4):
            left, right = right, left
        words = pick([*OPERATORS[:-1] * 3, "===", "in", "in", "not in", "not  in"])
        space = " " if "in" in words else blanks
        return f"{pick(BLANKS)}{left}{space}{words}{space}{right}{pick(BLANKS)}"

    def requirement(self) -> str:
        pick = self.pick
        extras = ""
        if self.chance(0.3):
            extras = (
                "["
                + ",".join(
                    pick(BLANKS) + pick(NAMES) + pick(BLANKS)
                    for _ in range(pick([0, 1, 2]))
                )
                + "]"
            )
        rest = self.specifiers(pick([BLANKS, SPACES]), 0.03)
        if self.chance(0.2):
            rest = f"({rest})"
        if self.chance(0.2):
            url = pick(
                [
                    "https://index.example/a.zip",
                    "file:///a b",
                    "git+https://x@y/z@ref#egg=a",
                    "",
                    "a;b",
                ]
            )
            url += pick(["", "", "", "", "\n", "\r", "\ny", "\u00a0", "\x0b", "\x85z"])
            rest = f"@{pick(BLANKS)}{url}{pick(['', ' '])}"
        marker = f";{self.marker()}" if self.chance(0.3) else ""
        return self.noisy(
            f"{pick(BLANKS)}{pick(NAMES)}{pick(BLANKS)}{extras}{pick(BLANKS)}{rest}{marker}",
            0.08,
        )


class Failed:
    """A call that raised an expected error."""

    def __repr__(self) -> str:
        return "an error"


FAILED = Failed()


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a call returns, or that it fails: KeyError stands for a marker variable without a value."""
    try:
        return function(*arguments)
    except (ValueError, KeyError):
        return FAILED


VERSION_FIELDS = (
    *(
        "epoch",
        "release",
        "pre",
        "post",
        "dev",
        "local",
        "public",
        "base_version",
        "major",
        "minor",
        "micro",
    ),
    *("is_prerelease", "is_postrelease", "is_devrelease"),
)


def describe_name(module: Any, text: str) -> str:
    return str(module.canonicalize_name(text))


def describe_version(module: Any, text: str) -> list[Any]:
    version = module.Version(text)
    return [str(version), *(getattr(version, field) for field in VERSION_FIELDS)]


def compare_versions(module: Any, left: str, right: str) -> list[bool]:
    a, b = module.Version(left), module.Version(right)
    return [a < b, a <= b, a == b, a != b, a >= b, a > b, len({a, b}) == 1]


def describe_specifier(
    module: Any, kind: str, text: str, other: str, configured: bool | None
) -> list[Any]:
    specifier = getattr(module, kind)(text, configured)
    clauses = specifier if kind == "SpecifierSet" else [specifier]
    parts = [
        (clause.operator, clause.version, clause.prereleases) for clause in clauses
    ]
    equal = [
        specifier == getattr(module, kind)(text),
        specifier == outcome(getattr(module, kind), other),
    ]
    same_hash = hash(specifier) == hash(getattr(module, kind)(text))
    return [parts, specifier.prereleases, equal, same_hash, str(specifier)]


def admits(
    module: Any,
    kind: str,
    text: str,
    version: str,
    configured: bool | None,
    asked: bool | None,
) -> list[Any]:
    specifier = getattr(module, kind)(text, configured)
    item = outcome(module.Version, version)
    results = [specifier.contains(version, prereleases=asked), version in specifier]
    return (
        results
        if item is FAILED
        else [*results, specifier.contains(item, prereleases=asked), item in specifier]
    )


def describe_marker(module: Any, text: str, environment: dict[str, Any]) -> list[Any]:
    marker = module.Marker(text)
    written = outcome(str, marker)
    again = outcome(lambda: module.Marker(written) == marker)
    return [written, again, outcome(marker.evaluate, environment)]


def describe_requirement(module: Any, text: str, other: str) -> list[Any]:
    requirement = module.Requirement(text)
    fields = [
        requirement.name,
        requirement.extras,
        str(requirement.specifier),
        requirement.url,
    ]
    equal = requirement == outcome(module.Requirement, other)
    same_hash = hash(requirement) == hash(module.Requirement(text))
    return [*fields, equal, same_hash, str(requirement), str(requirement.marker)]


def cases(
    texts: Texts, scale: int
) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """(function to call with each module, its further arguments)"""
    pick = texts.pick
    for _ in range(60 * scale):
        yield describe_version, (texts.any_version(),)
    for _ in range(10 * scale):
        yield describe_name, (texts.noisy(pick(NAMES), 0.6),)
    for _ in range(60 * scale):
        yield compare_versions, (texts.version(), texts.version())
    for _ in range(40 * scale):
        kind, text, share = (
            pick(["Specifier", "SpecifierSet"]),
            texts.specifiers(SPACES),
            [None, True, False],
        )
        other = texts.noisy(text, 0.5).replace(".0", "")
        yield describe_specifier, (kind, text, other, pick(share))
    for _ in range(120 * scale):
        kind = pick(["Specifier", "SpecifierSet"])
        text = (
            texts.specifier(SPACES)
            if kind == "Specifier"
            else texts.specifiers(SPACES, 0.02)
        )
        version = (
            texts.any_version()
            if texts.chance(0.5)
            else texts.noisy(text.strip(" \t\n=<>!~"), 0.3)
        )
        yield (
            admits,
            (
                kind,
                text,
                version,
                pick([None, None, True, False]),
                pick([None, None, True, False]),
            ),
        )
    for _ in range(40 * scale):
        yield describe_marker, (texts.noisy(texts.marker(), 0.05), pick(ENVIRONMENTS))
    for _ in range(40 * scale):
        text = texts.requirement()
        yield describe_requirement, (text, texts.noisy(text, 0.5))


def excluded(function: Callable[..., Any], theirs: Any) -> bool:
    """packaging cannot write a marker whose text holds both kinds of quotes; envlock can."""
    return function is describe_marker and theirs is not FAILED and theirs[0] is FAILED


def compare(seed: int, scale: int) -> tuple[int, int, list[str]]:
    """How many cases were compared, how many of them packaging accepts, and the differences."""
    from packaging import markers, requirements, specifiers, utils, version

    import envlock

    theirs = type(
        "theirs",
        (),
        {
            k: v
            for m in (markers, requirements, specifiers, utils, version)
            for k, v in vars(m).items()
        },
    )
    count = valid = 0
    differences = []
    for function, arguments in cases(Texts(seed), scale):
        expected, found = (
            outcome(function, theirs, *arguments),
            outcome(function, envlock, *arguments),
        )
        count += 1
        valid += expected is not FAILED
        if expected != found and not excluded(function, expected):
            differences.append(
                f"{function.__name__}{arguments!r}\n  packaging: {expected}\n  envlock:   {found}"
            )
    return count, valid, differences


def compare_all(seed: int, scale: int) -> int:
    """Spread the cases over the processors; each part has a seed of its own."""
    sys.path.insert(0, str(ROOT))
    with ProcessPoolExecutor() as pool:
        parts = list(
            pool.map(
                compare,
                range(seed * 1000, seed * 1000 + PARTS),
                [scale // PARTS] * PARTS,
            )
        )
    differences = [difference for part in parts for difference in part[2]]
    print("\n".join(differences[:40]))
    count = sum(part[0] for part in parts)
    print(
        f"packaging_fuzz: seed {seed}, {sum(part[1] for part in parts)} of {count} accepted by packaging"
    )
    print(f"packaging_fuzz: {count} comparisons, {len(differences)} failures")
    return 1 if differences else 0


def main(argv: list[str]) -> int:
    try:
        from packaging import __version__ as found
    except ImportError:
        found = ""
    if found == VERSION:
        return compare_all(
            int(argv[0]) if argv else 1, int(argv[1]) if len(argv) > 1 else SCALE
        )
    folder = CACHE / "fuzz-venv-{}.{}".format(*sys.version_info)
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True
        )
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            f"packaging=={VERSION}",
        ]
        subprocess.run(install, check=True)
        (folder / "complete").touch()
    return subprocess.run([str(python), __file__, *argv], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
