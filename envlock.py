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
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

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


class Shown:
    """What is shown in a debugger as `<Version('1.0')>`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({str(self)!r})>"


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


class Version(Shown):
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
            if len(text) > _NUMBER_DIGITS < max(map(len, re.findall(r"\d+", text)), default=0):
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
        length = len(self.release)
        while length and not self.release[length - 1]:
            length -= 1
        only_dev = self.dev is not None and self.post is None
        return (
            self.epoch,
            self.release[:length],
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


def _as_version(item: object) -> Version | None:
    """What is installed may call itself anything: None for what is no PEP 440 version."""
    if isinstance(item, Version):
        return item
    try:
        return Version(item) if isinstance(item, str) else None
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


class Specifier(Shown):
    """One PEP 440 clause, such as `>=1.0`."""

    __slots__ = ("_configured", "_wanted", "_wildcard", "operator", "version")

    def __init__(self, text: str, prereleases: bool | None = None) -> None:
        clause = text.strip()
        length = 3 if clause.startswith("===") else 2 if clause[1:2] == "=" else 1
        self.operator, self.version = clause[:length], clause[length:].lstrip()
        if self.operator not in _COMPARISONS and length != 3:
            raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}{_specifier_hint(text)}")
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

    def __contains__(self, version: object) -> bool:
        return _contains((self,), version, self._configured)

    def is_pin_of(self, item: object) -> bool:
        """Whether this is `==` and the very text."""
        return item == self.version and self.operator == "==" and not self._wildcard

    def admits(self, item: object, version: Version | None) -> bool:
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


def _specifier_hint(text: str) -> str:
    """What somebody who wrote `=1.0`, `=>1.0` or `1.0` meant."""
    match = re.match(r"\s*(=[<>]|=?)\s*(\d[^\s,;()]*)", text)
    if not match or _as_version(match[2]) is None:
        return ""
    return f" (did you mean '{match[1][::-1] if len(match[1]) == 2 else '=='}{match[2]}'?)"


def _contains(specifiers: Sequence[Specifier], item: object, prereleases: bool | None) -> bool:
    """PEP 440: pre-releases count where nothing else is there to choose, and one version leaves no choice."""
    if prereleases is not False and len(specifiers) == 1 and specifiers[0].is_pin_of(item):
        return True  # most comparisons with a lock end here, nothing parsed
    version = _as_version(item)
    if prereleases is False and version is not None and version.is_prerelease:
        return False
    return all(specifier.admits(item, version) for specifier in specifiers)


class SpecifierSet(Shown):
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

    def __contains__(self, version: object) -> bool:
        return _contains(self._specifiers, version, self._configured)

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
            rest = text[position : position + 81].lstrip(" \t")
            raise InvalidMarker(f"unexpected {excerpt(rest)} in a marker")
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


class Marker(Shown):
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


_IDENTIFIER = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REQUIREMENT_HEAD = r"[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(\[[^\]]*\]?)?[ \t]*(@[ \t]*)?"
_CLAUSE = r"[ \t]*(===\s*[^\s;)]*|(?:[~=!<>]=|[<>])\s*[^\s,;)=<>]+)[ \t]*(,?)[ \t]*"


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
    parenthesised = text.startswith("(", position)
    position += parenthesised
    found = []
    match_clause = re.compile(_CLAUSE).match
    match = match_clause(text, position)
    while match:
        found.append(match[1])
        position = match.end()
        match = match_clause(text, position) if match[2] else None
    if parenthesised:
        rest = text[position:].lstrip(" \t")
        if not rest.startswith(")"):
            raise InvalidRequirement(f"expected ')' after the version specifier of {excerpt(name)}{_found(rest)}")
        position = len(text) - len(rest) + 1
    return position, ",".join(found)


def _found(rest: str) -> str:
    return f", found {excerpt(rest.strip())}" if rest.strip() else ""


class Requirement(Shown):
    """A PEP 508 requirement: `name[extras] specifiers; marker` or `name[extras] @ url ; marker`."""

    __slots__ = ("extras", "marker", "name", "specifier", "url")
    url: str | None
    marker: Marker | None

    def __init__(self, text: str) -> None:
        head = re.match(_REQUIREMENT_HEAD, text)
        if not head or head[1][-1] in ".-":
            raise InvalidRequirement(f"expected a package name{_found(text)}")
        self.name, self.url, self.marker = head[1], None, None
        self.extras = _parse_extras(head[2])
        position, specifiers = head.end(), ""
        if head[3]:
            position = self._parse_url(text, position)
        else:
            position, specifiers = _parse_specifiers(text, position, self.name)
        try:
            self.specifier = SpecifierSet(specifiers)
            self.marker = self._parse_marker(text[position:].lstrip(" \t"), specifiers)
        except (InvalidSpecifier, InvalidMarker) as error:
            raise InvalidRequirement(str(error)) from None

    def _parse_url(self, text: str, position: int) -> int:
        """url = (any character but a blank)+, and a blank before the ';' that may follow"""
        match = re.compile(r"[^ \t]+").match(text, position)
        if not match:
            raise InvalidRequirement(f"expected a URL after '@' of {excerpt(self.name)}")
        self.url = match[0]
        return match.end()

    def _parse_marker(self, rest: str, specifiers: str) -> Marker | None:
        """(';' marker)?"""
        if not rest or rest[0] == ";":
            return Marker(rest[1:]) if rest else None
        if self.url:
            hint = " (a blank must stand before ';')" if self.url.endswith(";") else ""
            raise InvalidRequirement(f"expected ' ;' and a marker after {excerpt(self.url)}{_found(rest)}{hint}")
        what = "',' or ';'" if specifiers else "a version specifier"
        after = excerpt(f"{self.name}{specifiers}")
        raise InvalidRequirement(f"expected {what} after {after}{_found(rest)}{_specifier_hint(rest)}")

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


# ======================================================================================================================
# Bound files
# ======================================================================================================================


class BoundError(EnvlockError):
    """A bound file that cannot be used: `FILE:LINE: message`. A reader that knows only the line leaves the file empty."""

    def __init__(self, message: str, line: int = 0, file: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file

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
    hashes: frozenset[str] = frozenset()  # "sha256:0123…": an installed archive that tells its hash must have one of these
    constraint: bool = False  # narrows a requirement that is there, requires nothing by itself
    file: str = ""
    line: int = 0


class Bound(NamedTuple):
    """What bound files demand of an environment."""

    requirements: tuple[BoundRequirement, ...] = ()
    permitted: frozenset[str] = frozenset()  # normalised names that may be present and need not be (the project itself too)
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
    """For what a bound is read: the interpreter's marker variables, the selection; keeps the paths of the files read."""

    def __init__(self, environment: Callable[[], Mapping[str, str]], selection: Selection = Selection()) -> None:
        self.environment = environment  # called only if a marker or requires-python must be judged
        self.selection = selection
        self.files: list[str] = []  # absolute, in the order of reading; a file looked for and not found too

    def read_text(self, path: str) -> str:
        """Decode a bound file (BOM, PEP 263, else UTF-8); errors are BoundError without a traceback's noise."""
        raise NotImplementedError


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
