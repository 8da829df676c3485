#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Keep a Python environment equal to its lock file.

`validate` compares the packages that an interpreter holds with a lock file; `site-install` makes every start of that
interpreter compare them before any user code runs. One file, the standard library alone: copy it anywhere.

The rooms, in the order in which the data flows; each has its file in tests/:

    Names and versions           PEP 503 names, PEP 440 versions and specifiers
    Requirements and markers     PEP 508
    Bound files                  from the text of a bound file to the requirements that stand in it
    Interpreters                 an interpreter, its site directories and the distributions in them
    Validation                   (distributions, requirements, policy) to findings
    Reports                      findings to text
    Guard                        what every start of a guarded interpreter runs, and how it gets there
    Command line                 arguments, exit status

Between rooms, a name is defined above its use; `main` is last. Only the rooms Interpreters, Guard and Command line touch
the world, and Bound files where one file names another. Modules that not every run needs are imported where they are used.
"""

from __future__ import annotations

import os
import re
import sys
from typing import NamedTuple, Tuple, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

T = TypeVar("T")

__version__ = "0.1.0"


class EnvlockError(Exception):
    """Input that cannot be used; its text is the one line that `main` prints."""


# ======================================================================================================================
# Names and versions
# ======================================================================================================================


_NUMBER_DIGITS = 4300  # the interpreter's own default limit since 3.11; without one, int() takes minutes for megabytes


def excerpt(text: object) -> str:
    """Quote a piece of input for an error message, on one line and not longer than one can read."""
    shown = repr(text[:80] if isinstance(text, str) else text)
    return shown if len(str(text)) <= 80 else shown + "..."


def canonicalize_name(name: str) -> str:
    """Normalise a project, extra or group name (PEP 503)."""
    if name.replace("-", "").isalnum() and "--" not in name and name == name.lower():
        return name
    return re.sub("[-_.]+", "-", name).lower()


class InvalidVersion(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 440 version."""


class InvalidSpecifier(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 440 version specifier."""


VERSION_PATTERN = r"""(?aix)
    v? (?: (?P<epoch>\d+) ! )? (?P<release> \d+ (?:\.\d+)* )
    (?: [-_.]? (?P<pre> alpha|a|beta|b|preview|pre|c|rc ) [-_.]? (?P<pre_number>\d*) )?
    (?P<post> -(?P<post_bare>\d+) | [-_.]? (?:post|rev|r) [-_.]? (?P<post_number>\d*) )?
    (?P<dev> [-_.]? dev [-_.]? (?P<dev_number>\d*) )?
    (?: \+ (?P<local> [a-z0-9]+ (?:[-_.][a-z0-9]+)* ) )?"""

_PRE_SPELLINGS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

# Where versions without a, b or rc stand among those with one: development releases before them, finals after them.
_BEFORE_PRE: tuple[str, int] = ("", 0)
_AFTER_PRE: tuple[str, int] = ("z", 0)
_NO_DEV = float("inf")


def _local_key(local: str | None) -> tuple[tuple[int, int, str], ...]:
    """PEP 440: "comparison … numerically … numeric segments compare greater than lexicographic ones"."""
    segments = local.split(".") if local else ()
    return tuple((1, int(segment), "") if segment.isdigit() else (0, 0, segment) for segment in segments)


def _key_comparison(method: str) -> Callable[[Version, object], Any]:
    """A rich comparison of two versions by their sort keys; with anything else they don't compare."""
    compare = getattr(tuple, method)

    def comparison(version: Version, other: object) -> Any:
        return compare(version.key, other.key) if isinstance(other, Version) else NotImplemented

    return comparison


class Version:
    """A PEP 440 version."""

    __slots__ = ("dev", "epoch", "key", "local", "post", "pre", "release")
    epoch: int
    release: tuple[int, ...]
    pre: tuple[str, int] | None
    post: int | None
    dev: int | None
    local: str | None

    def __init__(self, text: str) -> None:
        self.epoch, self.pre, self.post, self.dev, self.local = 0, None, None, None, None
        try:
            if len(text) > _NUMBER_DIGITS and re.search(rf"\d{{{_NUMBER_DIGITS + 1}}}", text):
                raise InvalidVersion
            if text.strip("0123456789."):
                self._parse(text.strip())
            else:  # nearly all versions
                self.release = tuple(map(int, text.split(".")))
        except (ValueError, TypeError, AttributeError):
            raise InvalidVersion(f"invalid version {excerpt(text)}") from None
        self.key = self._sort_key()

    def _parse(self, text: str) -> None:
        """[v][epoch!]release[pre][post][dev][+local], with all spellings that PEP 440 normalises."""
        match = re.fullmatch(VERSION_PATTERN, text)
        if not match:
            raise InvalidVersion
        part = match.group
        self.epoch = int(part("epoch") or 0)
        self.release = tuple(map(int, part("release").split(".")))
        if part("pre"):
            letter = part("pre").lower()
            self.pre = (_PRE_SPELLINGS.get(letter, letter), int(part("pre_number") or 0))
        if part("post"):
            self.post = int(part("post_bare") or part("post_number") or 0)
        if part("dev"):
            self.dev = int(part("dev_number") or 0)
        if part("local"):
            segments = re.split("[-_.]", part("local").lower())
            self.local = ".".join(str(int(segment)) if segment.isdigit() else segment for segment in segments)

    def _sort_key(self) -> tuple[Any, ...]:
        """(epoch, release without trailing zeros, pre, post, dev, local); the first five are the public version's."""
        release = self.release
        while release and not release[-1]:
            release = release[:-1]
        only_dev = self.dev is not None and self.post is None
        return (
            self.epoch,
            release,
            self.pre or (_BEFORE_PRE if only_dev else _AFTER_PRE),
            -1 if self.post is None else self.post,
            _NO_DEV if self.dev is None else self.dev,
            _local_key(self.local),
        )

    __lt__ = _key_comparison("__lt__")
    __le__ = _key_comparison("__le__")
    __eq__ = _key_comparison("__eq__")
    __ge__ = _key_comparison("__ge__")
    __gt__ = _key_comparison("__gt__")

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return f"{self.public}+{self.local}" if self.local else self.public

    def __repr__(self) -> str:
        return f"<Version({str(self)!r})>"

    @property
    def base_version(self) -> str:
        release = ".".join(map(str, self.release))
        return f"{self.epoch}!{release}" if self.epoch else release

    @property
    def public(self) -> str:
        pre = "{}{}".format(*self.pre) if self.pre else ""
        post = "" if self.post is None else f".post{self.post}"
        dev = "" if self.dev is None else f".dev{self.dev}"
        return f"{self.base_version}{pre}{post}{dev}"

    @property
    def is_prerelease(self) -> bool:
        return self.pre is not None or self.dev is not None

    @property
    def is_postrelease(self) -> bool:
        return self.post is not None

    @property
    def is_devrelease(self) -> bool:
        return self.dev is not None

    @property
    def major(self) -> int:
        return self.release[0]

    @property
    def minor(self) -> int:
        return self.release[1] if len(self.release) > 1 else 0

    @property
    def micro(self) -> int:
        return self.release[2] if len(self.release) > 2 else 0


def _as_version(item: Version | str) -> Version | None:
    """What is installed may call itself anything: None for what is no PEP 440 version."""
    try:
        return item if isinstance(item, Version) else Version(item)
    except InvalidVersion:
        return None


def _starts_with(version: Version, epoch: int, prefix: tuple[int, ...]) -> bool:
    """Whether `==PREFIX.*` admits the version: a shorter release counts as padded with zeros."""
    padded = version.release + (0,) * len(prefix)
    return version.epoch == epoch and padded[: len(prefix)] == prefix


def _is_below(version: Version, limit: Version) -> bool:
    """PEP 440: `<V` admits a pre-release of V only if V is a pre-release itself."""
    epoch, release, pre, post, dev, _ = limit.key
    if not limit.is_prerelease:
        pre, dev = (_BEFORE_PRE if limit.post is None else pre), 0
    return bool(version.key[:5] < (epoch, release, pre, post, dev))


def _is_above(version: Version, limit: Version) -> bool:
    """PEP 440: `>V` admits a post-release of V only if V is a post-release itself, and never a local version of V."""
    if limit.post is None and limit.dev is None and version.key[:3] == limit.key[:3]:
        return False
    return bool(version.key[:5] > limit.key[:5])


def _equals(version: Version, wanted: Version) -> bool:
    """PEP 440: a public version identifier admits every local version of it."""
    return bool(version.key == wanted.key if wanted.local else version.key[:5] == wanted.key[:5])


def _is_compatible(version: Version, wanted: Version) -> bool:
    """PEP 440: "~=2.2.post3" is ">=2.2.post3,==2.*"."""
    return bool(version.key >= wanted.key and _starts_with(version, wanted.epoch, wanted.release[:-1]))


_COMPARISONS: dict[str, Callable[[Version, Version], bool]] = {
    "==": _equals,
    "!=": lambda version, wanted: not _equals(version, wanted),
    "<=": lambda version, wanted: bool(version.key[:5] <= wanted.key[:5]),
    ">=": lambda version, wanted: bool(version.key >= wanted.key),
    "<": _is_below,
    ">": _is_above,
    "~=": _is_compatible,
}


class Specifier:
    """One PEP 440 clause, such as `>=1.0`."""

    __slots__ = ("_configured", "_wanted", "_wildcard", "operator", "version")

    def __init__(self, text: str, prereleases: bool | None = None) -> None:
        match = re.match(r"\s*(===|[~=!<>]=|[<>])\s*(.*)", text, re.DOTALL)
        if not match:
            raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}{_specifier_hint(text)}")
        self.operator, self.version = match[1], match[2].rstrip()
        self._configured = prereleases
        self._wildcard = self.version.endswith(".*") and self.operator in ("==", "!=")
        self._wanted = self._parse_version(text)

    def _parse_version(self, text: str) -> Version | None:
        if self.operator == "===":
            if re.search(r"[\s;)]", self.version):
                raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}")
            return None
        wanted = _as_version(self.version[:-2] if self._wildcard else self.version)
        problem = self._problem(wanted)
        if problem:
            raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}: {problem}")
        return wanted

    def _problem(self, wanted: Version | None) -> str:
        """What keeps the parsed version from following the operator."""
        if not self.version:
            return "no version"
        if self.version.endswith(".*") and not self._wildcard:
            return "'.*' can only follow '==' and '!='"
        if wanted is None or (self._wildcard and self.version[-3] not in "0123456789"):
            return f"{excerpt(self.version)} is no version"
        if self._wildcard and (wanted.is_prerelease or wanted.is_postrelease or wanted.local):
            return "'.*' cannot follow a pre-, post-, development or local version"
        if wanted.local and self.operator not in ("==", "!="):
            return "a local version can only follow '==' and '!='"
        if self.operator == "~=" and len(wanted.release) < 2:
            return "'~=' needs two numbers at least"
        return ""

    @property
    def prereleases(self) -> bool | None:
        """Whether pre-releases were asked for: by the argument, else by naming one."""
        if self._configured is not None:
            return self._configured
        if self.operator == "!=" or self._wildcard:
            return False
        wanted = _as_version(self.version) if self._wanted is None else self._wanted
        return wanted.is_prerelease if wanted else None

    def contains(self, version: Version | str, prereleases: bool | None = None) -> bool:
        """Whether the version satisfies this; pre-releases do too, unless they are excluded explicitly."""
        return _contains((self,), version, self._configured if prereleases is None else prereleases)

    __contains__ = contains

    def admits(self, item: Version | str, version: Version | None) -> bool:
        """The bare comparison; `version` is the parsed item, None for what is no PEP 440 version."""
        if self._wanted is None:  # ===
            return str(item).lower() == self.version.lower()
        if version is None:
            return False
        if self._wildcard:
            return _starts_with(version, self._wanted.epoch, self._wanted.release) is (self.operator == "==")
        return _COMPARISONS[self.operator](version, self._wanted)

    @property
    def _identity(self) -> tuple[Any, ...]:
        """`==1.0` is `==1.0.0`, but `~=1.0` isn't `~=1.0.0`."""
        if self._wanted is None or self._wildcard:
            return (self.operator, self.version)
        return (self.operator, self._wanted.key, len(self._wanted.release) if self.operator == "~=" else 0)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            try:
                other = Specifier(other)
            except InvalidSpecifier:
                return NotImplemented
        return self._identity == other._identity if isinstance(other, Specifier) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity)

    def __str__(self) -> str:
        return self.operator + self.version

    def __repr__(self) -> str:
        return f"<Specifier({str(self)!r})>"


def _specifier_hint(text: str) -> str:
    """What somebody who wrote `=1.0`, `=>1.0` or `1.0` meant."""
    match = re.match(r"\s*(=[<>]|=?)\s*(\d[^\s,;()]*)", text)
    if not match or _as_version(match[2]) is None:
        return ""
    return f" (did you mean '{match[1][::-1] if len(match[1]) == 2 else '=='}{match[2]}'?)"


def _contains(specifiers: Iterable[Specifier], item: Version | str, prereleases: bool | None) -> bool:
    """PEP 440: pre-releases count where nothing else is there to choose, and one version leaves no choice."""
    version = _as_version(item)
    if prereleases is False and version is not None and version.is_prerelease:
        return False
    return all(specifier.admits(item, version) for specifier in specifiers)


class SpecifierSet:
    """PEP 440 clauses that a version must satisfy all, such as `>=1.0,<2`; none admit any version."""

    __slots__ = ("_configured", "_specifiers")

    def __init__(self, text: str = "", prereleases: bool | None = None) -> None:
        self._specifiers = tuple([Specifier(part) for part in text.split(",") if part and not part.isspace()])
        self._configured = prereleases

    @property
    def prereleases(self) -> bool | None:
        """Whether pre-releases were asked for: by the argument, else by a clause that names one."""
        if self._configured is not None:
            return self._configured
        return any(specifier.prereleases for specifier in self._specifiers) or None

    def contains(self, version: Version | str, prereleases: bool | None = None) -> bool:
        """Whether the version satisfies every clause; pre-releases do too, unless they are excluded explicitly."""
        return _contains(self._specifiers, version, self._configured if prereleases is None else prereleases)

    __contains__ = contains

    def __iter__(self) -> Iterator[Specifier]:
        return iter(self._specifiers)

    def __len__(self) -> int:
        return len(self._specifiers)

    def _canonical(self) -> tuple[Specifier, ...]:
        """Sorted, each clause once."""
        return tuple(dict.fromkeys(sorted(self._specifiers, key=str)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (str, Specifier)):
            try:
                other = SpecifierSet(str(other))
            except InvalidSpecifier:
                return NotImplemented
        return self._canonical() == other._canonical() if isinstance(other, SpecifierSet) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._canonical())

    def __str__(self) -> str:
        return ",".join(map(str, self._canonical()))

    def __repr__(self) -> str:
        return f"<SpecifierSet({str(self)!r})>"


# ======================================================================================================================
# Requirements and markers
# ======================================================================================================================


class InvalidMarker(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 508 marker, or a marker that cannot be evaluated."""


class InvalidRequirement(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 508 requirement."""


# The source of this function is also run by interpreters as old as 3.6 that know nothing of this module.
def default_environment() -> "dict[str, str]":  # noqa: UP037
    """The marker variables (PEP 508) of the running interpreter."""
    import os
    import platform
    import sys

    version = sys.implementation.version
    suffix = "" if version.releaselevel == "final" else version.releaselevel[0] + str(version.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": f"{version.major}.{version.minor}.{version.micro}{suffix}",
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


_VERSION_VARIABLES = frozenset({"implementation_version", "platform_release", "python_full_version", "python_version"})
_SET_VARIABLES = frozenset({"dependency_groups", "extras"})  # PEP 751
_OTHER_VARIABLES = frozenset(
    {
        "extra",
        "implementation_name",
        "os_name",
        "platform_machine",
        "platform_python_implementation",
        "platform_system",
        "platform_version",
        "sys_platform",
    }
)
# PEP 345's spellings, and the one of setuptools.
_VARIABLE_ALIASES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_MARKER_WORD = r"""[ \t]*(\w[\w.]*|'[^']*'|"[^"]*"|===|[~=!<>]=|[<>()]|\Z)"""
_MARKER_OPERATORS = frozenset({"===", "==", "~=", "!=", "<=", ">=", "<", ">", "in", "not in"})
_MARKER_DEPTH = 100  # parentheses in parentheses; a hundred thousand of them would exhaust the interpreter's stack


class MarkerComparison(NamedTuple):
    """`python_version >= "3.8"`; PEP 508 allows a variable on either side, or on both."""

    left: str
    operator: str
    right: str
    left_is_variable: bool
    right_is_variable: bool

    def __str__(self) -> str:
        left = self.left if self.left_is_variable else _quote(self.left)
        right = self.right if self.right_is_variable else _quote(self.right)
        return f"{left} {self.operator} {right}"


if TYPE_CHECKING:
    # Comparisons and nested lists with "and" and "or" between; "and" binds closer.
    MarkerList = list[Any]


def _quote(text: str) -> str:
    if '"' not in text:
        return f'"{text}"'
    return "'{}'".format(text.replace("'", r"\x27"))


def _unquote(token: str) -> str:
    """A quoted text means what it means in Python."""
    if not re.search(r"[\\\r\n\0]", token):
        return token[1:-1]
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown escape such as "\d" stands for itself
            return str(ast.literal_eval(token))
    except (SyntaxError, ValueError):
        raise InvalidMarker(f"invalid quoted text {excerpt(token)}") from None


def _marker_tokens(text: str) -> list[str]:
    """All tokens; the last one is empty, for the end."""
    match_token = re.compile(_MARKER_WORD).match
    tokens: list[str] = []
    position = 0
    while not tokens or tokens[-1]:
        match = match_token(text, position)
        if not match:
            raise InvalidMarker(f"unexpected {excerpt(text[position : position + 81].lstrip())} in a marker")
        tokens.append(match[1])
        position = match.end()
    return tokens


def _expected(what: str, token: str) -> InvalidMarker:
    return InvalidMarker(f"expected {what}, found {excerpt(token) if token else 'the end'}")


def _parse_marker(tokens: Sequence[str], position: int, depth: int = 0) -> tuple[int, MarkerList]:
    """marker = atom (('and' | 'or') atom)*"""
    position, atom = _parse_marker_atom(tokens, position, depth)
    parts = [atom]
    while tokens[position] in ("and", "or"):
        parts.append(tokens[position])
        position, atom = _parse_marker_atom(tokens, position + 1, depth)
        parts.append(atom)
    return position, parts


def _parse_marker_atom(tokens: Sequence[str], position: int, depth: int) -> tuple[int, Any]:
    """atom = '(' marker ')' | comparison"""
    if tokens[position] != "(":
        return _parse_comparison(tokens, position)
    if depth == _MARKER_DEPTH:
        raise InvalidMarker(f"a marker with more than {_MARKER_DEPTH} parentheses in each other")
    position, parts = _parse_marker(tokens, position + 1, depth + 1)
    if tokens[position] != ")":
        raise _expected("'and', 'or' or ')'", tokens[position])
    return position + 1, parts[0] if len(parts) == 1 else parts


def _parse_comparison(tokens: Sequence[str], position: int) -> tuple[int, MarkerComparison]:
    """comparison = operand operator operand"""
    left, left_is_variable = _parse_operand(tokens[position])
    operator = tokens[position + 1]
    if operator == "not" and tokens[position + 2] == "in":
        operator, position = "not in", position + 1
    if operator not in _MARKER_OPERATORS:
        raise _expected(f"a comparison after {excerpt(tokens[position])}", operator)
    right, right_is_variable = _parse_operand(tokens[position + 2])
    # "tools MUST normalize the names being compared" (PEP 685)
    if left_is_variable and left == "extra" and not right_is_variable:
        right = canonicalize_name(right)
    elif right_is_variable and not left_is_variable and (right == "extra" or right in _SET_VARIABLES):
        left = canonicalize_name(left)
    return position + 3, MarkerComparison(left, operator, right, left_is_variable, right_is_variable)


def _parse_operand(token: str) -> tuple[str, bool]:
    """operand = variable | quoted text"""
    if token[:1] in ("'", '"') and token:
        return _unquote(token), False
    name = _VARIABLE_ALIASES.get(token, token)
    if name in _OTHER_VARIABLES or name in _VERSION_VARIABLES or name in _SET_VARIABLES:
        return name, True
    raise _expected("a marker variable or a quoted text", token)


def _format_marker(parts: MarkerList) -> str:
    return " ".join(f"({_format_marker(part)})" if isinstance(part, list) else str(part) for part in parts)


def _marker_holds(parts: MarkerList, variables: dict[str, Any]) -> bool:
    """All comparisons are made, so that one without a meaning is told wherever it stands."""
    alternatives: list[list[bool]] = [[]]
    for part in parts:
        if part == "or":
            alternatives.append([])
        elif isinstance(part, list):
            alternatives[-1].append(_marker_holds(part, variables))
        elif part != "and":
            alternatives[-1].append(_comparison_holds(part, variables))
    return any(map(all, alternatives))


def _comparison_holds(comparison: MarkerComparison, variables: dict[str, Any]) -> bool:
    """PEP 508: variables that are versions compare as versions where the other side is one, all else as text."""
    left, operator, right, left_is_variable, _ = comparison
    name = left if left_is_variable else right
    value = _variable(name, variables)
    subject, other = (value, right) if left_is_variable else (left, value)
    if not isinstance(subject, str):
        raise InvalidMarker(f"{name!r} can only stand behind 'in' and 'not in'")
    if name in _SET_VARIABLES:
        other = canonicalize_name(other) if isinstance(other, str) else set(map(canonicalize_name, other))
        return _compare_text(canonicalize_name(subject), operator, other)
    if name in _VERSION_VARIABLES and operator not in ("in", "not in"):
        try:
            return Specifier(f"{operator}{other}").contains(subject)
        except InvalidSpecifier:
            pass
    return _compare_text(subject, operator, other)


def _compare_text(left: str, operator: str, right: str | set[str]) -> bool:
    """Texts have no order: `<=` and `>=` are `==` between them, `<` and `>` never hold."""
    if operator in ("in", "not in"):
        return (left in right) is (operator == "in")
    if operator in ("==", "!=", "<=", ">="):
        return (left == right) is (operator != "!=")
    if operator in ("<", ">"):
        return False
    raise InvalidMarker(f"{operator!r} has no meaning between {excerpt(left)} and {excerpt(right)}")


def _variable(name: str, variables: dict[str, Any]) -> Any:
    """Look a marker variable up; ask the running interpreter only for one that wasn't given, as that is slow."""
    if name not in variables:
        for known, value in default_environment().items():
            variables.setdefault(known, value)
    if name not in variables:
        raise InvalidMarker(f"the marker variable {name!r} has no value here")
    value = variables[name]
    if name == "extra":
        return canonicalize_name(value or "")
    # An interpreter built between two releases calls itself "3.13.0+", which is no version.
    return value + "local" if name == "python_full_version" and value.endswith("+") else value


class Marker:
    """A PEP 508 marker, such as `python_version >= "3.8" and os_name == "posix"`."""

    __slots__ = ("_parts",)

    def __init__(self, text: str) -> None:
        tokens = _marker_tokens(text)
        position, parts = _parse_marker(tokens, 0)
        if tokens[position]:
            raise _expected("'and', 'or' or the end", tokens[position])
        self._parts: MarkerList = parts[0] if isinstance(parts[0], list) and len(parts) == 1 else parts

    def evaluate(self, environment: Mapping[str, Any] | None = None) -> bool:
        """Whether the marker holds; variables that are not given are those of the running interpreter."""
        return _marker_holds(self._parts, {"extra": "", **(environment or {})})

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other) if isinstance(other, Marker) else NotImplemented

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return _format_marker(self._parts)

    def __repr__(self) -> str:
        return f"<Marker({str(self)!r})>"


_IDENTIFIER = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REQUIREMENT_HEAD = r"[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(\[[^\]]*\]?)?[ \t]*(@[ \t]*)?"
_CLAUSE = r"(===\s*[^\s;)]*|(?:[~=!<>]=|[<>])\s*[^\s,;)=<>]+)[ \t]*(,[ \t]*)?"


def _parse_extras(text: str | None) -> set[str]:
    """extras = '[' (identifier (',' identifier)*)? ']'"""
    if not text:
        return set()
    inner = text[1:-1].strip(" \t")
    extras = [extra.strip(" \t") for extra in inner.split(",")] if inner else []
    wrong = [extra for extra in extras if not re.fullmatch(_IDENTIFIER, extra)]
    if wrong or not text.endswith("]"):
        raise InvalidRequirement(f"expected extras as in [one,two], found {excerpt(text)}")
    return set(extras)


def _parse_specifiers(text: str, position: int, name: str) -> tuple[int, str]:
    """specifiers = '(' many? ')' | many?        many = specifier (',' specifier)* ','?"""
    parenthesis = re.compile(r"\([ \t]*").match(text, position)
    position = parenthesis.end() if parenthesis else position
    found = []
    match_token = re.compile(_CLAUSE).match
    match = match_token(text, position)
    while match:
        found.append(match[1])
        position = match.end()
        match = match_token(text, position) if match[2] else None
    if parenthesis:
        if text[position : position + 1] != ")":
            raise InvalidRequirement(f"expected ')' after the version specifier of {name!r}{_found(text, position)}")
        position += 1
    return position, ",".join(found)


def _found(text: str, position: int) -> str:
    rest = text[position : position + 81].strip()
    return f", found {excerpt(rest)}" if rest else ""


class Requirement:
    """A PEP 508 requirement: `name[extras] specifiers; marker` or `name[extras] @ url ; marker`."""

    __slots__ = ("extras", "marker", "name", "specifier", "url")
    url: str | None
    marker: Marker | None

    def __init__(self, text: str) -> None:
        head = re.match(_REQUIREMENT_HEAD, text)
        if not head or head[1][-1] in ".-":
            raise InvalidRequirement(f"expected a package name{_found(text, 0)}")
        self.name, self.url, self.marker = head[1], None, None
        self.extras = _parse_extras(head[2])
        position, specifiers = head.end(), ""
        if head[3]:
            position = self._parse_url(text, position)
        else:
            position, specifiers = _parse_specifiers(text, position, self.name)
        try:
            self.specifier = SpecifierSet(specifiers)
            self.marker = self._parse_marker(text, position, specifiers)
        except (InvalidSpecifier, InvalidMarker) as error:
            raise InvalidRequirement(str(error)) from None

    def _parse_url(self, text: str, position: int) -> int:
        """url = (any character but a blank)+, and a blank before the ';' that may follow"""
        match = re.compile(r"[^ \t]+").match(text, position)
        if not match:
            raise InvalidRequirement(f"expected a URL after '@' of {self.name!r}")
        self.url = match[0]
        return match.end()

    def _parse_marker(self, text: str, position: int, specifiers: str) -> Marker | None:
        """(';' marker)?"""
        match = re.compile(r"[ \t]*(;|\Z)").match(text, position)
        if match:
            return Marker(text[match.end() :]) if match[1] else None
        after = self.url or f"{self.name}{specifiers}"
        found = _found(text, position)
        if self.url:
            hint = " (a blank must stand before ';')" if self.url.endswith(";") else ""
            raise InvalidRequirement(f"expected ' ;' and a marker after {excerpt(after)}{found}{hint}")
        what = "',' or ';'" if specifiers else "a version specifier"
        raise InvalidRequirement(f"expected {what} after {excerpt(after)}{found}{_specifier_hint(text[position:])}")

    def _identity(self) -> tuple[object, ...]:
        extras = frozenset(map(canonicalize_name, self.extras))
        return canonicalize_name(self.name), extras, self.specifier, self.url, self.marker

    def __eq__(self, other: object) -> bool:
        return self._identity() == other._identity() if isinstance(other, Requirement) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._identity())

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        url = f" @ {self.url}" if self.url else ""
        marker = f"{' ' if url else ''}; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{url}{marker}"

    def __repr__(self) -> str:
        return f"<Requirement({str(self)!r})>"


# ======================================================================================================================
# Bound files
# ======================================================================================================================


class BoundError(EnvlockError):
    """A bound file that cannot be used: `FILE:LINE: message`. A reader leaves the file, and maybe the line, empty."""

    def __init__(self, message: str, line: int = 0, file: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file
        self.place = place  # `packages[12].version`: of a file whose parser tells no lines

    def at(self, file: str, line: int = 0) -> BoundError:
        """The same error with its file and line, unless it has them (a nested file's error keeps its own)."""
        if not self.file:
            self.file, self.line = file, self.line or line
        return self

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.message}" if place else self.message


class DirectReference(NamedTuple):
    """Where a distribution comes from when it isn't an index (PEP 610), as a bound asks for it or a record tells it."""

    kind: str  # "vcs", "archive" or "directory"
    url: str  # without the "git+" of a requirement; a directory as a file: URL
    vcs: str = ""  # "git", "hg", "svn", "bzr"
    revision: str = ""  # the branch, tag or commit that was asked for
    commit: str = ""  # the exact commit
    editable: bool = False
    subdirectory: str = ""
    hashes: frozenset[str] = frozenset()  # "sha256:0123…", an archive's


class BoundRequirement(NamedTuple):
    """One package as a bound demands it; its marker has held already."""

    name: str  # normalised; "python" stands for the interpreter itself (requires-python)
    text: str  # as the report shows it: "zipp==3.18.1", "six @ git+file:///r@COMMIT"
    specifier: SpecifierSet | None = None  # a requirement: PEP 440 matching, pre-releases admitted
    version: str | None = None  # a tool's lock: this version exactly, the local label included
    reference: DirectReference | None = None
    hashes: frozenset[str] = (
        frozenset()
    )  # "sha256:0123…": an installed archive that tells its hash must have one of these
    constraint: bool = False  # narrows a requirement that is there, requires nothing by itself
    file: str = ""
    line: int = 0


class Bound(NamedTuple):
    """What bound files demand of an environment."""

    requirements: tuple[BoundRequirement, ...] = ()
    permitted: frozenset[str] = (
        frozenset()
    )  # normalised names that may be present and need not be (the project itself too)
    extras: frozenset[str] = frozenset()  # normalised names that a selection may give
    groups: frozenset[str] = frozenset()


class Selection(NamedTuple):
    """Which optional parts of a bound count; all names are normalised."""

    extras: frozenset[str] = frozenset()
    all_extras: bool = False
    groups: frozenset[str] = frozenset()
    all_groups: bool = False
    no_groups: frozenset[str] = frozenset()
    no_default_groups: bool = False
    package: str = ""  # a workspace member
    options: frozenset[str] = frozenset()  # --bound-options: each an extra or a group, whichever the file has


class Target:
    """For what a bound is read: the interpreter's marker variables, the selection; keeps the paths of files read."""

    def __init__(
        self,
        environment: Callable[[], Mapping[str, str]],
        selection: Selection = Selection(),  # noqa: B008 - a tuple, immutable
        directory: str = "",
    ) -> None:
        self.environment = environment  # called only if a marker or requires-python must be judged
        self.selection = selection
        self.directory = directory  # what relative paths mean; empty: the working directory
        self.files: list[str] = []  # absolute, in the order of reading; a file looked for and not found too

    def absolute(self, path: str) -> str:
        """A path as seen from the target's directory."""
        if os.path.isabs(path):
            return os.path.normpath(path)
        try:
            return os.path.normpath(os.path.join(self.directory or os.getcwd(), path))
        except OSError as error:
            raise BoundError(f"the working directory cannot be told ({error.strerror})") from None

    def holds(self, marker: Marker | None, extra: str = "") -> bool:
        """Whether a marker holds for this target."""
        try:
            return marker is None or marker.evaluate({**self.environment(), "extra": extra})
        except ValueError as error:
            raise BoundError(f"the marker {marker} cannot be judged: {error}") from None

    def is_file(self, path: str) -> bool:
        """Whether a file is there; what is read rests on the answer either way."""
        path = self.absolute(path)
        if path not in self.files:
            self.files.append(path)
        return os.path.isfile(path)

    def read_text(self, path: str) -> str:
        """Decode a bound file (BOM, PEP 263, else UTF-8)."""
        path = self.absolute(path)
        self.is_file(path)
        try:
            with open(path, "rb") as file:
                data = file.read(SIZE_LIMIT + 1)
        except (OSError, ValueError) as error:
            raise BoundError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
        return decode(data)


# -- text, TOML, JSON: what stands in a bound file, before it means anything

SIZE_LIMIT = 32 << 20  # bytes; no lock is so large, and /dev/zero ends here
TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "a table",
}
# UTF-32 before UTF-16, whose little-endian mark begins UTF-32's
BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
PEP_263_COMMENT = rb"#.*?coding[:=][ \t]*([-\w.]+)"
UNFIT_ENCODINGS = {
    "idna",
    "punycode",
    "undefined",
    "unicode_escape",
    "raw_unicode_escape",
}  # slow, or no text encodings


# the time that TOML parsers take grows with the square of a key's parts
LONG_KEY = r"(?:\.[ \t]{0,3}[\"'\w-]{1,40}[ \t]{0,3}){100}"


def decode(data: bytes) -> str:
    """The text of a bound file: by its byte order mark, its PEP 263 comment, else UTF-8."""
    if len(data) > SIZE_LIMIT:
        raise BoundError(f"larger than {SIZE_LIMIT >> 20} MB: no bound file")
    mark, encoding = next((pair for pair in BYTE_ORDER_MARKS if data.startswith(pair[0])), (b"", ""))
    if not mark:
        comments = (re.match(PEP_263_COMMENT, line) for line in data[:1000].split(b"\n")[:2])
        encoding = next((match[1].decode("ascii") for match in comments if match), "utf-8")
    try:
        if encoding.lower().replace("-", "_") in UNFIT_ENCODINGS:
            raise LookupError  # noqa: TRY301
        text = data[len(mark) :].decode(encoding)
    except LookupError:
        raise BoundError(f"unknown encoding {encoding!r}", 1) from None
    except ValueError as error:
        line_end = data.count(b"\n", 0, getattr(error, "start", 0))
        raise BoundError(f"not text in the encoding {encoding}", line_end + 1) from None
    if "\0" in text:
        raise BoundError("not a text file (it holds a NUL character)", text.count("\n", 0, text.index("\0")) + 1)
    return text


def load_toml(text: str) -> dict[str, Any]:
    """Parse TOML."""
    long_key = len(text) > 10_000 and re.search(LONG_KEY, text)
    if long_key:
        raise BoundError("invalid TOML: a key of a hundred parts", text.count("\n", 0, long_key.start()) + 1)
    try:
        data: dict[str, Any] = toml_parser().loads(text)
    except RecursionError:
        raise too_deep(text) from None
    except ValueError as error:
        match = re.match(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error), re.DOTALL)
        message, line = (match[1], match[2]) if match else (error, 0)
        raise BoundError(f"invalid TOML: {message}", int(line or text.count("\n") + 1)) from None
    return data


def toml_parser() -> Any:
    """The module tomllib, or before Python 3.11 what stands in for it."""
    from importlib import import_module

    for name in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return import_module(name)
        except ImportError:
            continue
    version = ".".join(map(str, sys.version_info[:2]))
    raise BoundError(f"reading TOML on Python {version} needs the package 'tomli' (pip install tomli)")


def load_json(text: str) -> dict[str, Any]:
    """Parse a JSON document whose top is an object."""
    import json

    try:
        data = json.loads(text)
    except RecursionError:
        raise too_deep(text) from None
    except ValueError as error:  # an integer of thousands of digits is a bare one
        raise BoundError(f"invalid JSON: {getattr(error, 'msg', error)}", getattr(error, "lineno", 1)) from None
    if not isinstance(data, dict):
        raise BoundError(f"expected an object, found {shown(data)}", 1)
    return data


def too_deep(text: str) -> BoundError:
    """The error for nesting that exhausts the stack, which tells no line: the one with the most brackets is named."""
    depths = [line.count("[") + line.count("{") for line in text.split("\n")]
    return BoundError("nested too deeply", depths.index(max(depths)) + 1)


def shown(value: object) -> str:
    """A value as error messages show it."""
    if isinstance(value, (dict, list)):
        return TYPE_NAMES[type(value)] if value else f"an empty {TYPE_NAMES[type(value)].split()[1]}"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def checked(value: object, kind: type[T], place: str) -> T:
    """The value, if it is of that type exactly (true is no integer here)."""
    if type(value) is not kind:
        raise BoundError(f"{place}: expected {TYPE_NAMES[kind]}, found {shown(value)}", place=place)
    return value


def place_of(place: str, key: str | int) -> str:
    """Where a member stands: `packages[12].version`."""
    if isinstance(key, int):
        return f"{place}[{key}]"
    return f"{place}.{key}" if place else key


def get_as(table: Mapping[str, Any], key: str, kind: type[T], place: str = "") -> T | None:
    """A member of a table, None where it is absent; `place` is the table's own."""
    value = table.get(key)
    return None if value is None else checked(value, kind, place_of(place, key))


def get_required(table: Mapping[str, Any], key: str, kind: type[T], place: str = "") -> T:
    """A member that must be there."""
    if key not in table:
        raise BoundError(f"{place_of(place, key)}: missing, expected {TYPE_NAMES[kind]}", place=place)
    return checked(table[key], kind, place_of(place, key))


def get_list(table: Mapping[str, Any], key: str, kind: type[T], place: str = "") -> list[T]:
    """A member that is an array of one type; empty where it is absent."""
    place = place_of(place, key)
    values = checked(table.get(key, []), list, place)
    return [checked(value, kind, place_of(place, index)) for index, value in enumerate(values)]


def get_table(table: Mapping[str, Any], key: str, place: str = "") -> dict[str, Any]:
    """A member that is a table; empty where it is absent."""
    return checked(table.get(key, {}), dict, place_of(place, key))


# -- requirements, as every format writes them


def parse_requirement(text: str, place: str = "") -> Requirement:
    """PEP 508."""
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise invalid(error, place) from None


def parse_specifier(text: str, place: str = "") -> SpecifierSet:
    """PEP 440."""
    try:
        return SpecifierSet(text)
    except InvalidSpecifier as error:
        raise invalid(error, place) from None


def parse_marker(text: str, place: str = "") -> Marker:
    """PEP 508."""
    try:
        return Marker(text)
    except InvalidMarker as error:
        raise invalid(error, place) from None


def invalid(error: ValueError, place: str) -> BoundError:
    message = str(error).partition("\n")[0]
    return BoundError(f"{place}: {message}" if place else message, place=place)


# -- selection: which extras and groups of a file count


def chosen_extras(selection: Selection, known: frozenset[str]) -> frozenset[str]:
    """The extras of a file that are asked for."""
    return known if selection.all_extras else known & (selection.extras | selection.options)


def chosen_groups(selection: Selection, known: frozenset[str], default: frozenset[str] = frozenset()) -> frozenset[str]:
    """The groups of a file that are asked for, and those that count unless told otherwise."""
    chosen = known if selection.all_groups else known & (selection.groups | selection.options)
    return (chosen if selection.no_default_groups else chosen | default) - selection.no_groups


# -- direct references: URLs and paths

VCS_SCHEME = r"(git|hg|svn|bzr)\+(?=[a-z])"
URL_SCHEMES = (
    r"(?:https?|ftp|file|git\+(?:https?|ssh|git|file)|hg\+(?:file|https?|ssh|static-http)"
    r"|svn\+(?:ssh|https?|svn|file)|bzr\+(?:https?|ssh|sftp|ftp|lp|file)):"
)
URL_PARTS = r"([a-z][a-z0-9+.-]*:(?://[^/?]*)?)([^?]*)(.*)"
ARCHIVE_NAMES = r".*\.(whl|zip|tar|tgz|tbz|txz|tlz|tar\.(gz|bz2|xz|lz|lzma))"
PROJECT_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
WHEEL_NAME = (
    r"([A-Z0-9](?:[\w.]*[A-Z0-9])?)-([^-]+)(?:-\d[^-]*)?"
    r"-[^\W\d]\w*(?:\.[^\W\d]\w*)*(?:-[^-.]+(?:\.[^-.]+)*){2}\.whl"
)
COMMIT = r"[0-9a-f]{40}([0-9a-f]{24})?"


def reference_from_url(url: str, target: Target, editable: bool = False) -> DirectReference:
    """`[VCS+]SCHEME://HOST/PATH[@REVISION][#egg=NAME&subdirectory=FOLDER&sha256=…]`."""
    address, fields = split_fragment(url)
    if "egg" in fields:
        parse_egg(fields["egg"])
    scheme, colon, rest = address.partition(":")
    address = scheme.lower() + colon + rest
    subdirectory = unquoted(fields.get("subdirectory", ""))
    vcs = re.match(VCS_SCHEME, address)
    if vcs:
        address, revision = split_revision(address[vcs.end() :])
        commit = revision if re.fullmatch(COMMIT, revision) else ""
        return DirectReference("vcs", address, vcs[1], revision, commit, editable, subdirectory)
    hashes = frozenset(f"{key}:{fields[key].lower()}" for key in HASH_ALGORITHMS if key in fields)
    if scheme.lower() != "file":
        return DirectReference("archive", without_credentials(address), subdirectory=subdirectory, hashes=hashes)
    return reference_from_path(path_of_url(address, target), editable, subdirectory, hashes)


def reference_from_path(
    path: str, editable: bool = False, subdirectory: str = "", hashes: frozenset[str] = frozenset()
) -> DirectReference:
    """An absolute path of a project's directory, or of an archive."""
    archive = re.fullmatch(ARCHIVE_NAMES, path, re.IGNORECASE | re.DOTALL) and not os.path.isdir(path)
    kind = "archive" if archive and not editable else "directory"
    return DirectReference(kind, url_of_path(path), "", "", "", editable, subdirectory, hashes)


def split_fragment(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its fragment, and the fields of that; of a field given twice the first."""
    address, _, fragment = url.partition("#")
    return address, dict(reversed(re.findall(r"([^=&]+)=([^&]*)", fragment)))


def split_revision(address: str) -> tuple[str, str]:
    """`SCHEME://HOST/PATH@REVISION`: the address without credentials, and the revision."""
    match = re.fullmatch(URL_PARTS, address, re.IGNORECASE | re.DOTALL)
    if not match:
        return address, ""
    start, path, query = match.groups()
    path, mark, revision = path.rpartition("@") if "@" in path else (path, "", "")
    if mark and not revision:
        raise BoundError(f"expected a revision after '@' in {without_credentials(address)!r}")
    return without_credentials(f"{start}{path}{query}"), unquoted(revision)


def without_credentials(text: str) -> str:
    """URLs without user and password; a user alone, as in ssh://git@host, stays with ssh (PEP 610)."""
    if "@" not in text:
        return text
    return re.sub(r"(?:(ssh://[^/\s@:?#]+@)|(://)[^/\s?#]*@)", lambda match: match[1] or match[2], text)


def url_of_path(path: str) -> str:
    """The file: URL of an absolute path."""
    if re.fullmatch(r"[\w./~-]*", path, re.ASCII):
        return "file://" + path
    if os.name == "nt":
        from urllib.request import pathname2url

        return "file:" + pathname2url(path)
    from urllib.parse import quote

    return "file://" + quote(os.fsencode(path))


def path_of_url(url: str, target: Target) -> str:
    """The absolute path that a file: URL means."""
    match = re.fullmatch(r"file:(?://([^/]*))?([^?]*).*", url, re.IGNORECASE | re.DOTALL)
    host, path = match.groups() if match else ("", "")
    if host not in (None, "", "localhost"):
        raise BoundError(f"expected the file: URL of a local file, found {url!r}")
    if os.name == "nt":
        from urllib.request import url2pathname

        return target.absolute(url2pathname(path))
    return target.absolute(unquoted(path))


def unquoted(text: str) -> str:
    """Without %-escapes."""
    if "%" not in text:
        return text
    from urllib.parse import unquote_to_bytes

    return os.fsdecode(unquote_to_bytes(text))


def archive_identity(filename: str) -> tuple[str, str]:
    """Name and version as a wheel's or sdist's file name tells them; empty where it doesn't."""
    if filename.endswith(".whl"):
        match = re.fullmatch(WHEEL_NAME, filename, re.IGNORECASE)
        if not match or "__" in match[1]:
            raise BoundError(f"invalid wheel file name {filename!r}")
        return match[1], match[2].replace("_", "-")
    match = re.fullmatch(rf"({PROJECT_NAME})-([^-]+)\.(?:zip|tar\.\w+|tgz|tbz|txz|tlz|tar)", filename, re.IGNORECASE)
    return (match[1], match[2]) if match and is_version(match[2]) else ("", "")


def is_version(text: str) -> bool:
    """Whether a text is a PEP 440 version."""
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True


def project_name(directory: str, target: Target) -> str:
    """A source tree's name, as far as one can tell without building it; empty where one can't."""
    for filename, name_in in (("pyproject.toml", toml_name), ("setup.cfg", cfg_name), ("setup.py", setup_name)):
        path = os.path.join(directory, filename)
        try:
            name = name_in(target.read_text(path)) if target.is_file(path) else ""
        except BoundError as error:
            raise error.at(path) from None
        if name:
            return name
    return ""


def toml_name(text: str) -> str:
    """The project's name in a pyproject.toml."""
    data = load_toml(text)
    poetry = get_table(get_table(data, "tool"), "poetry", "tool")
    return (
        get_as(get_table(data, "project"), "name", str, "project") or get_as(poetry, "name", str, "tool.poetry") or ""
    )


def cfg_name(text: str) -> str:
    """The project's name in a setup.cfg."""
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return ""
    return parser.get("metadata", "name", fallback="")


def setup_name(text: str) -> str:
    """The name that a setup.py passes to setup() as a literal."""
    import ast

    try:
        calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, MemoryError):
        return ""
    for call in calls:
        if getattr(call.func, "id", getattr(call.func, "attr", "")) == "setup":
            values = [word.value for word in call.keywords if word.arg == "name"]
            return next(
                (value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)),
                "",
            )
    return ""


# -- requirements files, by the rules of pip

HASH_ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
COUNT_LIMIT = 100_000  # requirements and options in one file
LINE_LIMIT = 1 << 20  # characters, of a line with its continuations
REQUIREMENT_LIMIT = 1 << 16  # of what stands before its options
FLAGS = ("--no-index", "--prefer-binary", "--require-hashes", "--no-require-hashes", "--pre")
# "--global-option" was known up to pip 25, the last for Python 3.8 and 3.9
VALUED_OPTIONS = (
    *("--index-url", "--pypi-url", "--extra-index-url", "--find-links", "--trusted-host", "--use-feature"),
    *("--no-binary", "--only-binary", "--all-releases", "--only-final", "--config-settings", "--global-option"),
    *("--requirement", "--constraint", "--editable", "--hash"),
)
SHORT_OPTIONS = dict(
    zip(
        ("-i", "-f", "-C", "-r", "-c", "-e"),
        ("--index-url", "--find-links", "--config-settings", "--requirement", "--constraint", "--editable"),
    )
)


class RequirementsFile(NamedTuple):
    """A requirements file that is being read."""

    path: str
    target: Target
    constraint: bool = False
    opened: tuple[str, ...] = ()  # absolute paths, from the bound file to this one


def read_requirements(lines: list[str], path: str, target: Target) -> Bound:
    """A requirements file and those that it names."""
    file = RequirementsFile(path, target, opened=(target.absolute(path),))
    return Bound(tuple(file_requirements(lines, file, set())))


def file_requirements(
    lines: Iterable[str], file: RequirementsFile, finished: set[tuple[str, bool]]
) -> Iterator[BoundRequirement]:
    """What a file's lines demand; a file that was read before adds nothing, so that diamonds of files stay small."""
    for count, (number, line) in enumerate(logical_lines(lines)):
        try:
            if count >= COUNT_LIMIT:
                raise BoundError(f"more than {COUNT_LIMIT} requirements: no requirements file")  # noqa: TRY301
            text, options = split_options(line)
            nested = options.get("--requirement") or options.get("--constraint")
            if text or "--editable" in options:
                found = line_requirement(text, options, file)
                if found:
                    yield found._replace(constraint=file.constraint, file=file.path, line=number)
            elif nested:
                yield from nested_requirements(nested[0], file, "--requirement" not in options, finished)
        except BoundError as error:
            raise error.at(file.path, number) from None


def nested_requirements(
    name: str, parent: RequirementsFile, constraint: bool, finished: set[tuple[str, bool]]
) -> Iterator[BoundRequirement]:
    """`-r FILE` and `-c FILE`: relative to the file that names it."""
    path = nested_path(name, parent)
    key = parent.target.absolute(path)
    if key in parent.opened:
        raise BoundError(f"{name} is being read already: the files name each other in a circle")
    if (key, constraint) in finished:
        return
    try:
        lines = parent.target.read_text(path).splitlines()
    except BoundError as error:
        raise (error.at(path) if error.line else BoundError(f"{path}: {error.message}")) from None
    file = RequirementsFile(path, parent.target, constraint, (*parent.opened, key))
    yield from file_requirements(lines, file, finished)
    finished.add((key, constraint))


def nested_path(name: str, parent: RequirementsFile) -> str:
    """The path of a file named by a requirements file."""
    if re.match("file:", name, re.IGNORECASE):
        return path_of_url(name, parent.target)
    if re.match("https?:", name, re.IGNORECASE):
        raise BoundError(f"{without_credentials(name)} is not read: a bound file must be a local file")
    return os.path.normpath(os.path.join(os.path.dirname(parent.path), name))


def logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines, joined, without comments, with variables expanded."""
    return expand_variables(strip_comments(join_lines(enumerate(lines, 1))))


def join_lines(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join what a backslash at the end continues, under the first line's number; a comment line ends it."""
    first, parts = 0, []
    for number, line in lines:
        comment = "#" in line and line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            first = first or number
            parts.append(line.strip("\\"))
            continue
        if not first:
            yield number, line
            continue
        # a blank, so that what was a comment is still one after the join
        yield first, "".join(parts) + (" " + line if comment else line)
        first, parts = 0, []
    if first:
        yield first, "".join(parts)


def strip_comments(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Drop comments and blank lines: `#` begins a comment at the line's start or after white space."""
    for number, line in lines:
        text, mark = line, line.find("#")
        while mark > 0 and not line[mark - 1].isspace():
            mark = line.find("#", mark + 1)
        if mark >= 0:
            text = line[:mark]
        text = text.strip()
        if text:
            yield number, text


def expand_variables(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Replace `${NAME}`; an unset or empty variable stays as it is written."""
    for number, line in lines:
        if "${" in line and len(line) <= LINE_LIMIT:
            yield number, re.sub(r"\$\{([A-Z0-9_]+)\}", lambda match: os.environ.get(match[1]) or match[0], line)
        else:
            yield number, line


def split_options(line: str) -> tuple[str, dict[str, list[str]]]:
    """`[REQUIREMENT] [OPTION]...`: options begin at the first word with a dash."""
    if len(line) > LINE_LIMIT:
        raise BoundError(f"longer than {LINE_LIMIT} characters: no requirement")
    if line[0] != "-" and " -" not in line:
        return line, {}
    start = 0 if line[0] == "-" else line.index(" -")
    text, marker = line[start:], ""
    if re.match(r"-e|--e", text):  # `-e PATH ; MARKER` is written and read by uv; pip passes over the marker
        text, _, marker = text.partition(" ;")
    options = parse_options(split_words(text))
    if marker:
        options[";"] = [marker.strip()]
    return line[:start].rstrip(), options


def split_words(text: str) -> list[str]:
    """Words as a POSIX shell splits them."""
    if not re.search(r"[\"'\\]", text):
        return [word for word in re.split(r"[ \t\r\n]+", text) if word]
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise BoundError(f"cannot split the options: {str(error).lower()}") from None


def parse_options(words: list[str]) -> dict[str, list[str]]:
    """Options by their long names, with their values; words that are no options are passed over, as by pip."""
    options: dict[str, list[str]] = {}
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            break
        if not word.startswith("-") or word == "-":
            continue
        name, value = split_option(word)
        if name in FLAGS:
            if value is not None:
                raise BoundError(f"expected no value after {name}, found {value!r}")
        elif value is None:
            value = next(remaining, None)
            if value is None:
                raise BoundError(f"expected a value after {name}")
        options.setdefault(name, []).append(checked_value(name, value or ""))
    return options


def checked_value(name: str, value: str) -> str:
    """An option's value, if it has the form that the option asks for."""
    if name == "--hash":
        if not re.match(r"sha(256|384|512):", value):
            raise BoundError(f"expected sha256:…, sha384:… or sha512:… after --hash, found {value!r}")
        return value.lower()
    if name == "--config-settings" and "=" not in value:
        raise BoundError(f"expected KEY=VALUE after --config-settings, found {value!r}")
    return value


def split_option(word: str) -> tuple[str, str | None]:
    """`--NAME[=VALUE]`, where NAME may be cut short as far as it is unambiguous, or `-N[VALUE]`."""
    if not word.startswith("--"):
        if word[:2] not in SHORT_OPTIONS:
            raise BoundError(f"unknown option {word[:2]}")
        return SHORT_OPTIONS[word[:2]], word[2:] or None
    given, mark, value = word.partition("=")
    known = FLAGS + VALUED_OPTIONS
    names = [given] if given in known else [name for name in known if name.startswith(given)]
    if len(names) != 1:
        raise BoundError(f"ambiguous option {given} ({', '.join(names)})" if names else f"unknown option {given}")
    return names[0], value if mark else None


def line_requirement(text: str, options: dict[str, list[str]], file: RequirementsFile) -> BoundRequirement | None:
    """What one line demands; None where its marker doesn't hold."""
    if len(text) > REQUIREMENT_LIMIT:
        raise BoundError(f"longer than {REQUIREMENT_LIMIT} characters: no requirement")
    if "--editable" in options:
        if file.constraint:
            raise BoundError("an editable requirement cannot be a constraint")
        marker = parse_marker(options[";"][0]) if ";" in options else None
        found = editable_requirement(text or options["--editable"][0], file)
        return with_name(found, file) if file.target.holds(marker) else None
    text, _, marker_text = text.partition("; " if is_url(text) else ";")
    text, marker_text = text.strip(), marker_text.strip()
    marker = parse_marker(marker_text) if marker_text else None
    location = location_of(text, file)
    found = location_requirement(location, text, file) if location else named_requirement(text, file)
    if not file.target.holds(marker):
        return None
    return with_name(found, file)._replace(hashes=frozenset(options.get("--hash", ())))


def is_url(text: str) -> bool:
    """Whether pip takes a line for a URL."""
    return ":" in text and bool(re.match(URL_SCHEMES, text, re.IGNORECASE))


def named_requirement(text: str, file: RequirementsFile) -> BoundRequirement:
    """`NAME[EXTRAS] SPECIFIER` or `NAME[EXTRAS] @ URL`, without its marker."""
    requirement = parse_requirement(text)
    if file.constraint and requirement.extras:
        raise BoundError(f"a constraint cannot have extras: {text}")
    return bound_requirement(requirement, file.target)


def location_of(text: str, file: RequirementsFile) -> str:
    """The URL of a line that is a URL or a path; empty where it is none."""
    if is_url(text):
        return text
    name = without_extras(text)
    pathlike = "/" in text or os.sep in text or text.startswith(".")
    archive = re.fullmatch(ARCHIVE_NAMES, name, re.IGNORECASE)
    if not pathlike and not archive:
        return ""
    path = find_path(name, file)
    if pathlike and os.path.isdir(path):
        if any(file.target.is_file(os.path.join(path, name)) for name in ("pyproject.toml", "setup.py")):
            return url_of_path(path)
        raise BoundError(f"expected a project's directory, found no pyproject.toml or setup.py in {text}")
    before, mark, _ = text.partition("@")
    named = mark and "/" not in before and not before.startswith(".")
    return url_of_path(path) if archive and (os.path.isfile(path) or not named) else ""


def without_extras(text: str) -> str:
    """A path without the `[EXTRAS]` at its end."""
    head, _, extras = text[:-1].rpartition("[")
    return head.rstrip() if text.endswith("]") and head and extras and "]" not in extras else text


def find_path(path: str, file: RequirementsFile) -> str:
    """Relative to the working directory, as pip has it, or where nothing is there, to the file's folder."""
    found = file.target.absolute(path)
    if not os.path.exists(found):
        beside = os.path.normpath(os.path.join(os.path.dirname(file.target.absolute(file.path)), path))
        found = beside if os.path.exists(beside) else found
    return found


def location_requirement(location: str, text: str, file: RequirementsFile, editable: bool = False) -> BoundRequirement:
    """A URL or path; its name is empty where neither `#egg=` nor the name of an archive tells it."""
    reference = reference_from_url(location, file.target, editable)
    address, fields = split_fragment(location)
    name, version = "", ""
    if reference.kind == "archive":
        name, version = archive_identity(os.path.basename(unquoted(address.partition("?")[0]).rstrip("/")))
    if not address.endswith(".whl"):
        if "egg" in fields:
            name, version = parse_egg(fields["egg"]), ""
        elif file.constraint:
            raise BoundError(f"a constraint needs a name: {without_credentials(text)}")
    specifier = parse_specifier(f"=={version}") if version else None
    return BoundRequirement(canonicalize_name(name), without_credentials(text), specifier, reference=reference)


def with_name(found: BoundRequirement, file: RequirementsFile) -> BoundRequirement:
    """With the name that a directory's own files tell, where the requirement has none."""
    name, reference = found.name, found.reference
    if not name and reference and reference.kind == "directory":
        folder = os.path.join(path_of_url(reference.url, file.target), reference.subdirectory)
        name = canonicalize_name(project_name(os.path.normpath(folder), file.target))
    if not name:
        raise BoundError(f"cannot tell the name of the project (write 'NAME @ URL'): {found.text}")
    return found._replace(name=name)


def parse_egg(text: str) -> str:
    """`NAME[EXTRAS]` of a URL's `#egg=`."""
    match = re.fullmatch(rf"({PROJECT_NAME})(\[[^]]*\])?", text, re.IGNORECASE | re.ASCII)
    if not match:
        raise BoundError(f"expected a project's name after 'egg=', found {text!r}")
    return match[1]


def editable_requirement(text: str, file: RequirementsFile) -> BoundRequirement:
    """`-e PATH[EXTRAS]`, `-e VCS+URL#egg=NAME` or `-e NAME @ URL`; its name may be empty still."""
    requirement = direct_requirement(text)
    if requirement:
        check_editable(requirement.url or "", text)
        found = bound_requirement(requirement, file.target, editable=True)
        return found._replace(text="-e " + found.text)
    location = without_extras(text)
    path = find_path(location, file)
    if os.path.isdir(path):
        location = url_of_path(path)
    elif location[:5].lower() != "file:":
        location = re.sub(r"^(git|hg|svn|bzr):", r"\1+\g<0>", text)
    check_editable(location, text)
    found = location_requirement(location, text, file, editable=True)
    return found._replace(text="-e " + found.text)


def direct_requirement(text: str) -> Requirement | None:
    """`NAME @ URL`; None where it is something else."""
    if "@" not in text:
        return None
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return requirement if requirement.url else None


def check_editable(location: str, text: str) -> None:
    if location[:5].lower() != "file:" and not (is_url(location) and re.match(VCS_SCHEME, location, re.IGNORECASE)):
        raise BoundError(f"expected a project's directory or a VCS URL after -e, found {without_credentials(text)!r}")


def bound_requirement(requirement: Requirement, target: Target, editable: bool = False) -> BoundRequirement:
    """A PEP 508 requirement whose marker holds."""
    name = requirement.name
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if requirement.url is None:
        return BoundRequirement(
            canonicalize_name(name), f"{name}{extras}{requirement.specifier}", requirement.specifier
        )
    url = requirement.url
    if not re.match(r"[a-z][a-z0-9+.-]+:", url, re.IGNORECASE):
        url = url_of_path(target.absolute(url))
    elif not is_url(url):
        raise BoundError(f"expected a URL that pip knows after '@', found {without_credentials(url)!r}")
    text = f"{name}{extras} @ {without_credentials(url)}"
    return BoundRequirement(canonicalize_name(name), text, reference=reference_from_url(url, target, editable))


# -- pyproject.toml and scripts

Entry = Tuple[str, str]  # where a requirement stands (`project.dependencies[0]`), and its text


def read_pyproject(data: dict[str, Any], path: str, target: Target) -> Bound:
    """PEP 621 and PEP 735; Poetry's own tables where `[project]` doesn't tell the dependencies."""
    project = get_table(data, "project")
    dynamic = get_list(project, "dynamic", str, "project")
    if "poetry" in get_table(data, "tool") and ("project" not in data or "dependencies" in dynamic):
        return read_poetry_project(data, path, target)
    if "project" not in data and "dependency-groups" not in data:
        raise BoundError("expected [project], [dependency-groups] or [tool.poetry], found none of them", 1)
    if "dependencies" in dynamic:
        raise BoundError(
            "project.dynamic: the build alone tells the dependencies (give a lock)", place="project.dynamic"
        )
    extras, table = extra_entries(project), get_table(data, "dependency-groups")
    groups = frozenset(by_normal_name(table, "dependency-groups"))
    entries = entries_of(project, "dependencies", "project")
    for extra in sorted(chosen_extras(target.selection, frozenset(extras))):
        entries += extras[extra]
    done: set[str] = set()
    for group in sorted(chosen_groups(target.selection, groups)):
        entries += group_entries(table, group, done)
    name = canonicalize_name(get_as(project, "name", str, "project") or "")
    requirements = (*python_requirement(project, "project"), *entry_requirements(entries, name, extras, target))
    return Bound(requirements, frozenset({name} - {""}), frozenset(extras), groups)


def entries_of(table: Mapping[str, Any], key: str, place: str) -> list[Entry]:
    """The texts of an array of requirements, with their places."""
    return [(f"{place_of(place, key)}[{n}]", text) for n, text in enumerate(get_list(table, key, str, place))]


def by_normal_name(table: dict[str, Any], place: str) -> dict[str, str]:
    """The members of a table of extras or groups by their normalised names."""
    found: dict[str, str] = {}
    for name in table:
        other = found.setdefault(canonicalize_name(name), name)
        if other != name:
            raise BoundError(f"{place}: {name!r} and {other!r} are the same name", place=place_of(place, name))
    return found


def extra_entries(project: dict[str, Any]) -> dict[str, list[Entry]]:
    """The requirements of each extra (PEP 621)."""
    place = "project.optional-dependencies"
    table = get_table(project, "optional-dependencies", "project")
    return {name: entries_of(table, key, place) for name, key in by_normal_name(table, place).items()}


def group_entries(table: dict[str, Any], name: str, done: set[str], including: tuple[str, ...] = ()) -> Iterator[Entry]:
    """A group's requirements and those of the groups that it includes, each once (PEP 735)."""
    keys = by_normal_name(table, "dependency-groups")
    if name in done:
        return
    place = place_of("dependency-groups", keys[name])
    for number, member in enumerate(checked(table[keys[name]], list, place)):
        at = place_of(place, number)
        if isinstance(member, str):
            yield at, member
            continue
        included = included_group(member, at)
        if included not in keys:
            raise BoundError(f"{at}: there is no group {included!r}", place=at)
        if included in (*including, name):
            raise BoundError(f"{at}: the groups include each other in a circle", place=at)
        yield from group_entries(table, included, done, (*including, name))
    done.add(name)


def included_group(member: object, place: str) -> str:
    """`{include-group = "NAME"}`"""
    if not isinstance(member, dict) or list(member) != ["include-group"]:
        raise BoundError(f"{place}: expected a string or {{include-group = …}}, found {shown(member)}", place=place)
    return canonicalize_name(get_required(member, "include-group", str, place))


def python_requirement(table: Mapping[str, Any], place: str = "") -> list[BoundRequirement]:
    """What `requires-python` demands of the interpreter; nothing where it is absent."""
    text = get_as(table, "requires-python", str, place)
    if text is None:
        return []
    specifier = parse_specifier(text, place_of(place, "requires-python"))
    return [BoundRequirement("python", f"python{specifier}", specifier)]


def entry_requirements(
    entries: list[Entry], project: str, extras: Mapping[str, list[Entry]], target: Target
) -> Iterator[BoundRequirement]:
    """The requirements whose markers hold; one on the project itself stands for those of its extras."""
    expanded: set[str] = set()
    for place, text in entries:
        requirement = parse_requirement(text, place)
        if not target.holds(requirement.marker):
            continue
        if not project or canonicalize_name(requirement.name) != project:
            yield bound_requirement(requirement, target)
            continue
        for extra in sorted(set(map(canonicalize_name, requirement.extras)) - expanded):
            expanded.add(extra)
            entries.extend(extras.get(extra, ()))  # the loop reaches them


def read_script(data: dict[str, Any], path: str, target: Target) -> Bound:  # noqa: ARG001
    """PEP 723."""
    entries = entries_of(data, "dependencies", "")
    return Bound((*python_requirement(data), *entry_requirements(entries, "", {}, target)))


def load_script(text: str) -> dict[str, Any]:
    """The TOML of a script's `# /// script` block, on the lines where it stands (PEP 723)."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    start = end = 0
    for number, line in enumerate(lines, 1):
        if line != "# /// script" or number < end:
            continue
        if start:
            raise BoundError("a second `# /// script` block", number)
        start, end = number, block_end(lines, number)
    if not start:
        raise BoundError("expected a `# /// script` block, found none", 1)
    return load_toml("\n" * start + "\n".join(line[2:] for line in lines[start : end - 1]))


def block_end(lines: list[str], start: int) -> int:
    """The number of the last `# ///` among the comment lines after a block's start."""
    end = 0
    for number, line in enumerate(lines[start:], start + 1):
        if line != "#" and not line.startswith("# "):
            break
        end = number if line == "# ///" else end
    if not end:
        raise BoundError("expected `# ///` after this block, found none", start)
    return end


# -- tools' locks


def read_poetry_project(data: dict[str, Any], path: str, target: Target) -> Bound:
    """A pyproject.toml whose dependencies stand in `[tool.poetry]`."""
    raise BoundError(f"Poetry's tables are not read yet ({path}, {len(data)}, {target})")


# -- the table of formats


class Format(NamedTuple):
    """A kind of bound file. `read(data, path, target)` gets what `load(text)` gives; errors need not name the file."""

    title: str  # in the error that lists the formats
    names: str  # pattern of the whole file name
    content: str  # pattern somewhere in the text of a file of another name (re.MULTILINE)
    load: Callable[[str], Any]
    read: Callable[[Any, str, Target], Bound]


# what a requirements file begins with, after comments and blank lines
FIRST_LINE = (
    r"\A(?:[^\S\n]*(?:#.*)?\n){0,10000}[^\S\n]*(?:(?:#.*)?\Z|-[a-zA-Z-]|[./]|file:|[a-z+]+://"
    r"|[\w.-]+[^\S\n]*(?:\[.*\][^\S\n]*)?(?:[=<>!~]=|\([^\S\n]*[<>=!~]|[<>@;#\\]|$))"
)

FORMATS = (
    Format(
        "pyproject.toml",
        r"pyproject\.toml",
        r"^\[(project|dependency-groups|tool\.poetry)\]",
        load_toml,
        read_pyproject,
    ),
    Format("*.py (PEP 723)", r".*\.pyw?", r"^# /// script\s*$", load_script, read_script),
    Format(
        "requirements files",
        r".*\.(txt|in|pip)|(requirements|constraints)([^.]*|.*\.lock)",
        FIRST_LINE,
        str.splitlines,
        read_requirements,
    ),
)


def format_of(path: str, text: str) -> Format:
    """By the file's name, else by its content."""
    name = os.path.basename(path)
    for form in FORMATS:
        if re.fullmatch(form.names, name, re.IGNORECASE | re.DOTALL):
            return form
    for form in FORMATS:
        if re.search(form.content, text, re.MULTILINE):
            return form
    titles = ", ".join(form.title for form in FORMATS)
    raise BoundError(f"no bound file that envlock knows (it knows {titles})", 1, path)


def read_bounds(paths: Sequence[str], target: Target, stdin: bool = True) -> Bound:
    """The union of what bound files demand; `-` is standard input, where that may be read."""
    if "-" in paths and not stdin:
        raise BoundError("a bound from standard input cannot be read again")
    bounds = [read_bound(path, target) for path in paths]
    union = Bound(
        tuple(requirement for bound in bounds for requirement in bound.requirements),
        *(frozenset().union(*parts) for parts in list(zip(*bounds))[1:]),
    )
    check_selection(union, target.selection, ", ".join(paths))
    return union


def read_bound(path: str, target: Target) -> Bound:
    """One bound file and those that it names."""
    text = ""
    try:
        text = read_standard_input() if path == "-" else target.read_text(path)
        path = "<stdin>" if path == "-" else path
        form = format_of(path, text)
        bound = form.read(form.load(text), path, target)
    except BoundError as error:
        line = line_of(text, error.place) if error.place else 0
        raise error.at(path, line) from None
    except RecursionError:
        raise too_deep(text).at(path) from None
    requirements = (each if each.file else each._replace(file=path) for each in bound.requirements)
    return bound._replace(requirements=tuple(requirements))


def read_standard_input() -> str:
    """What standard input gives."""
    try:
        return decode(sys.stdin.buffer.read(SIZE_LIMIT + 1))
    except (OSError, ValueError, AttributeError) as error:
        raise BoundError(f"standard input cannot be read ({error})") from None


def line_of(text: str, place: str) -> int:
    """About where a value stands: the parsers of TOML and JSON tell no lines, so its keys are looked for in turn."""
    position, key = 0, ""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", place):
        if name:
            key = re.escape(name)
            pattern, count = rf"^[^\n\S]*(?:# )?\[+[^]\n]*\b{key}\b[^]\n]*\]|[\"']?\b{key}\b[\"']?[^\n\S]*[=:]", 0
        elif re.match(r"[^\n\S]*\[\[", text[position : position + 80]):
            pattern, count = rf"^[^\n\S]*\[\[{key}\]\]", int(index)
        else:
            pattern, count = r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|\{[^{}\n]*\}", int(index)
            position = text.find("[", position) + 1
        starts = [match.start() for match in re.finditer(pattern, text[position:], re.MULTILINE)]
        if len(starts) <= count:
            break
        position += starts[count]
    return text.count("\n", 0, position) + 1


def check_selection(bound: Bound, selection: Selection, files: str) -> None:
    """A name that no bound file has is an error."""
    asked = (
        ("extra", selection.extras, bound.extras),
        ("group", selection.groups | selection.no_groups, bound.groups),
        ("extra or group", selection.options, bound.extras | bound.groups),
    )
    for kind, names, known in asked:
        for name in sorted(names - known):
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise BoundError(f"there is no {kind} {name!r} ({has})", file=files)


# ======================================================================================================================
# Interpreters
# ======================================================================================================================


# ======================================================================================================================
# Validation
# ======================================================================================================================


# ======================================================================================================================
# Reports
# ======================================================================================================================


# ======================================================================================================================
# Guard
# ======================================================================================================================


# ======================================================================================================================
# Command line
# ======================================================================================================================
