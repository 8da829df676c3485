#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# MIT License
#
# Copyright (c) 2026 the envlock developers
#
# Permission is hereby granted, free of charge, to any person obtaining a copy
# of this software and associated documentation files (the "Software"), to deal
# in the Software without restriction, including without limitation the rights
# to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
# copies of the Software, and to permit persons to whom the Software is
# furnished to do so, subject to the following conditions:
#
# The above copyright notice and this permission notice shall be included in all
# copies or substantial portions of the Software.
#
# THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
# IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
# FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
# AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
# LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
# OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
# SOFTWARE.
"""Keep a Python environment equal to its lock file.

`validate` compares the packages that an interpreter holds with a lock file; `site-install` makes every start of that
interpreter compare them before any user code runs. One file, the standard library alone: copy it anywhere.

The rooms, in the order of use; each has its file in tests/. Those with a star touch the world: they read or write
files, streams or the environment, or start processes. The others compute.

    Records                      immutable records, and the errors that end a run
    Versions                     PEP 503 names, PEP 440 versions and specifiers
    Requirements and markers     PEP 508
    Text, TOML and JSON          decoding, parsing, typed access to what was parsed, line numbers
    Streams and URLs *           files and streams with a limit, bounds that are no files, messages
    Bound records *              what bound files demand, for which interpreter they are read, which parts count
    Sources *                    direct references (PEP 610): URLs, paths, archives, source trees
    Requirements files *         pip's format
    Lock graph                   what the locks of tools have in common
    Poetry projects              Poetry's constraints, and its own tables in pyproject.toml
    poetry.lock
    pyproject.toml and scripts   PEP 621, PEP 735, PEP 723
    uv.lock
    pylock.toml                  PEP 751
    pdm.lock
    Pipfile.lock *
    Bound files *                the table of formats
    Interpreters *               finding interpreters, and asking them
    Distributions *              site directories, and the distributions in them
    Recorded files *             which files records list, and whose a file is
    Findings                     policy, findings and their words
    Guard: files *               what a guard consists of
    Integrity *                  installed files against what the records say of them
    Validation                   (distributions, requirements, policy) to findings
    Reports *                    findings to text
    Repair *                     what aligns an environment, in the words of the tool that wrote the bound
    Processes *                  their command lines, by each system's own means
    Guard: which starts pass *   tools that repair an environment, children of a start that was judged
    Guard: a kept verdict *      how starts keep one, and whether it still holds
    Guard: a start *             what every start of a guarded interpreter runs, and what it says
    Guard: code *                that of a start, as an interpreter keeps it
    Guard: a verdict *           judging a start whose verdict isn't known, and keeping that
    Guard: installing *          how the guard gets there, and away
    Options                      what the command line takes: tables, and the texts of its help
    Guesses *                    answers to what users of other tools type
    Arguments                    from words to options and a command; the help
    Defaults *                   the environment, the bound and the options that nobody has named
    Command line *               commands, exit status

A name is defined above its use in another room; `main` is last. What not every run needs is imported where it is used.
"""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    import subprocess
    from concurrent.futures import Future
    from threading import Event
    from typing import (
        Any,
        BinaryIO,
        Callable,
        Container,
        Iterable,
        Iterator,
        Mapping,
        NamedTuple,
        Sequence,
        TextIO,
        TypedDict,
        TypeVar,
    )

    T = TypeVar("T")
    Path = str | os.PathLike[str]
    NamedRecord = TypeVar("NamedRecord", "BoundRequirement", "Distribution")
    Tell = Callable[[str, bool], object]  # (text, is_progress); progress is overwritten
    Names = frozenset[str]  # of extras or groups
    Identity = tuple[int, ...]  # what changes whenever a file does: see `file_identity`
    Files = dict[str, "Identity | None"]  # by path; None for one that isn't there
    Entries = list[tuple[str, "Identity | None"]]  # the same, in an order
    # By path: a file's digest as its record tells it, and its identity.
    Known = dict[str, tuple[str, Identity]]
    Invocation = tuple[str, str, list[str]]  # what a Python runs: see `python_command`
    # What was found for one interpreter
    Report = tuple["Interpreter", "Bound", list["Finding"]]
    # Compares in a marker: the variable's name, the left side, the operator, the right side.
    Compare = Callable[[str, str, str, str], bool]
    # Where a requirement stands (`project.dependencies[0]`), and its text
    Entry = tuple[str, str]
    DependenciesByExtra = dict[str, list["PoetryDependency"]]
    # By what their sources have in common: names, and the references that records have of them.
    NamesBySource = dict[tuple[str, ...], list[tuple[str, "DirectReference"]]]

    class StartVerdict(TypedDict):
        """A verdict that starts go by, as a guard keeps it for those to come."""

        # The guard's files, the Python's version, the environment's folder.
        key: tuple[str, str, str]
        # The start that it was found by, if it may not hold for others.
        whose: tuple[Any, ...] | None
        home: str | None  # the user site, if it counts
        user: int | None  # whose rights it depends on, if it does
        # release, version and machine, as far as they count
        kernel: tuple[str | None, ...] | None
        entries: Entries  # all that it rests on
        # How many of these are directories that hold packages: they come first
        sites: int
        digest: bytes  # of names and contents; empty with --integrity
        # With --integrity: of each entry, as its record tells it, or nothing
        digests: str
        message: str  # empty if the environment is aligned
        reason: str  # the end of that sentence
        details: str  # further lines
        code: int  # exit status of such a start; 0: it goes on
        embedded: bool  # so, too, for a program that embeds Python
        since: int  # when what caused it happened (ns)
        found: int  # when it was found (ns)
        # The log, the Python that it is told of, and how a line names that and this verdict
        logged: tuple[str, str, bytes, bytes] | None


__version__ = "1.0.0"
__all__ = [
    "EnvlockError",
    "Finding",
    "InvalidMarker",
    "InvalidRequirement",
    "InvalidSpecifier",
    "InvalidVersion",
    "Marker",
    "Policy",
    "Requirement",
    "Selection",
    "Specifier",
    "SpecifierSet",
    "Version",
    "canonicalize_name",
    "default_environment",
    "format_table",
    "main",
    "validate",
]
OLDEST_PYTHON = (3, 8)
PROJECT_URL = "https://git.example/envlock"


# ==================================================================================================
# Records
# ==================================================================================================


if not TYPE_CHECKING:
    try:
        from _collections import (
            _tuplegetter,
        )  # what collections has it from; its import is dear
    except ImportError:  # Python 3.7, which comes as far as to read that it is too old

        def _tuplegetter(index, doc):
            return property(lambda record: record[index], doc=doc)

    # As typing and collections have them, but for the time: typing's import takes a third of a
    # short run, and each `collections.namedtuple` compiles code of its own.

    class _Record(tuple):
        """What all records can do."""

        __slots__ = ()
        _fields = ()
        _field_defaults: Mapping[str, Any] = {}
        _defaults = ()

        def __new__(cls, *values, **named):
            missing = len(cls._fields) - len(values)
            if named or not 0 <= missing <= len(cls._defaults):
                values = cls._complete(values, named)
            elif missing:
                values += cls._defaults[-missing:]
            return tuple.__new__(cls, values)

        @classmethod
        def _complete(cls, values, named):
            """Values by place, then by name, then the defaults. Raises TypeError as a call does."""
            rest = cls._fields[len(values) :]
            merged = {**cls._field_defaults, **named}
            if (
                len(values) > len(cls._fields)
                or named.keys() - set(rest)
                or set(rest) - merged.keys()
            ):
                raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
            return (*values, *map(merged.__getitem__, rest))

        def __repr__(self):
            pairs = zip(self._fields, self)
            fields = [f"{name}={value!r}" for name, value in pairs]
            return f"{type(self).__name__}({', '.join(fields)})"

        # For copy and pickle, which make a tuple anew by `__new__`.
        def __getnewargs__(self):
            return tuple(self)

        def _asdict(self):
            """The values by the names of their fields."""
            return dict(zip(self._fields, self))

        def _replace(self, **named):
            """A record with other values for some fields."""
            if named.keys() - set(self._fields):
                raise ValueError(f"{type(self).__name__} has {', '.join(self._fields)}")
            # Straight into the tuple: each field is there, in its place.
            return tuple.__new__(type(self), {**self._asdict(), **named}.values())

    class _RecordType(type):
        """Lets `class X(NamedTuple)` make a record."""

        def __new__(cls, name, bases, body):
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body["__annotations__"])
            defaults = {field: body[field] for field in fields if field in body}
            body.update(__slots__=(), _fields=fields, _field_defaults=defaults)
            body["_defaults"] = tuple(defaults.values())
            for index, field in enumerate(fields):
                body[field] = _tuplegetter(index, None)
            return type(name, (_Record,), body)

    class NamedTuple(metaclass=_RecordType):
        pass


# Where a user, a password or a token may stand: before the host of a URL, or of a path that was
# made of one; there, too, if the password has a slash or a blank, so that what looks like a port is
# none; in git's own HOST:PATH; in the query. Each pattern takes time that grows with the length
# alone.
_AUTHORITY = r"""(?xi)
    ( :// | (?<![a-z])(?:https?|s?ftp|ssh|git|svn|hg|bzr)(?: : | %(?:25)*3A )/* )
    ( [^\s/?\#'"]* (?! (?<=:)// ) )"""
_BROKEN_AUTHORITY = r"""(?x)
    (://) [^\s/?\#'"@:\[]* :(?!//) ([^\s/?\#'"@]*) (?=[\s/?\#'"]|\Z)
    ((?:[ \t]{1,9}[^\s'"@/]*@)?[^\s'"]*)"""
_REMOTE_PATH = r"""(?x)
    (?<! [^\s'"(=+,/] ) [^\s'"(=+,/@:]{1,99} : [^\s'"/@]{0,200} @ (?= [\w.-]{1,99} : [^\s\d] )
  | (?<! [^\s'"(=+,] ) [^\s'"(=+,/@:]{1,99} @ (?= [\w.-]{1,99} : [^\s\d] )
  | (?<= / ) [^\s'"/]{1,99} %40 (?= [\w.-]{1,99} %3A )
"""
_QUERY = r"""(://[^\s?'"]*)(?:\?[^\s#'"]*)?"""


def without_secrets(text: str) -> str:
    """A text for people, without the user, password, token and query of any URL in it."""
    # Most texts hold no URL: a search for a word costs a tenth of a pattern.
    if "://" in text:
        text = re.sub(_BROKEN_AUTHORITY, _without_password, text)
    if "@" in text or "40" in text:
        text = re.sub(_AUTHORITY, _without_user, text)
        text = re.sub(_REMOTE_PATH, "", text)
    return re.sub(_QUERY, r"\1", text) if "?" in text else text


def _without_user(match: re.Match[str]) -> str:
    """The start of a URL without what stands before the last `@`, however often that is escaped."""
    host = re.split("@|%(?:25)*40", match[2])[-1]
    return match[1] + host


def _without_password(match: re.Match[str]) -> str:
    """A URL without what stands before its first `@`, if that has no port but a password."""
    start, port, rest = match.groups()
    is_port = not port or port.isdigit()
    if is_port or (rest and "@" not in rest):
        return match[0]
    return start + rest.partition("@")[2]


_ERROR_LENGTH = 4000  # an error names files, and the names that a file has
QUOTED_LENGTH = 10


class EnvlockError(Exception):
    """Input that cannot be used; the base of all errors that envlock raises.

    Its text is the one line that `main` prints, without what may be secret.
    """

    def __str__(self) -> str:
        text = without_secrets(super().__str__())
        return text if len(text) <= _ERROR_LENGTH else text[:_ERROR_LENGTH] + "..."


def excerpt(text: object) -> str:
    """Quote a piece of input for an error message: at most ten characters, and nothing of a URL.

    It may be a secret, or come from a file that was never meant as a bound.
    """
    whole = str(text)
    shown = whole.partition("?")[0]
    if "://" in shown:
        shown = shown[: shown.index("://") + 3]
    # A password may stand before an @.
    shown = shown[max(shown.rfind("@"), 0) :][:QUOTED_LENGTH]
    dots = "" if shown == whole else "..."
    return (repr(shown) if isinstance(text, str) else shown) + dots


def quote_name(text: str) -> str:
    """Quote the name of a project, extra, group or option whole; all else as `excerpt` does."""
    is_name = len(text) <= 100 and re.fullmatch(
        r"-{0,2}\w[\w.+-]*(?:\[[\w., -]*\])?", text
    )
    return repr(text) if is_name else excerpt(text)


class BoundError(EnvlockError):
    """A bound file that cannot be used: `FILE:LINE: message`.

    A reader may leave the file and the line empty: its caller adds them by `at`.
    """

    def __init__(
        self, message: str, line: int = 0, file: str = "", key_path: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.file = file
        # `packages[12].version`: of a file whose parser tells no lines
        self.key_path = key_path

    def at(self, file: str, line: int = 0) -> BoundError:
        """The same error with its file and line. An error of a nested file keeps its own."""
        if not self.file:
            self.file, self.line = file, self.line or line
        return self

    def __str__(self) -> str:
        key_path = f"{self.file}:{self.line}" if self.line else self.file
        # The base class takes its text from here, and hides what may be secret.
        self.args = (f"{key_path}: {self.message}" if key_path else self.message,)
        return super().__str__()


# ==================================================================================================
# Versions
# ==================================================================================================


# The limit of int() in Python 3.11 and newer. Without one, int() takes minutes for megabytes.
_NUMBER_DIGITS = 4300
_VERSION_LENGTH = 1 << 16  # characters: a segment takes hundreds of bytes


class Comparable:
    """Base of values that compare and hash by their `key`. A debugger shows `<Version('1.0')>`."""

    __slots__ = ()
    key: Any
    _spellings: tuple[type, ...] = ()  # types whose text it compares with, too

    def __eq__(self, other: object) -> bool:
        if isinstance(other, self._spellings):
            try:
                other = type(self)(str(other))  # type: ignore[call-arg]
            except InvalidSpecifier:
                # As in packaging: a text that is no specifier equals none, and is no error.
                return NotImplemented
        if not isinstance(other, type(self)):
            return NotImplemented
        return bool(self.key == other.key)

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({str(self)!r})>"


NO_NAMES: Names = frozenset()
PROJECT_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"  # PEP 508


def canonicalize_name(name: str) -> str:
    """Normalise the name of a project, an extra or a group (PEP 503, PEP 685, PEP 735)."""
    # Not the pattern of PEP 503, `[-_.]+`: three replacements take less time, and every package
    # comes here.
    name = name.lower().replace("_", "-").replace(".", "-")
    while "--" in name:
        name = name.replace("--", "-")
    return name


def is_plain_name(text: str) -> bool:
    """Whether a text is surely a project's name. Without `re`: a start imports nothing for it."""
    bare = text.replace("-", "").replace("_", "").replace(".", "")
    is_word = bare.isalnum() and bare.isascii()
    return is_word and text[0].isalnum() and text[-1].isalnum()


def is_plain_version(text: str) -> bool:
    """Whether a text is surely a version of numbers and dots; False for one that is long."""
    digits = text.replace(".", "")
    if not digits.isdigit() or not digits.isascii() or len(text) > 18:
        return False
    return text[0] != "." != text[-1] and ".." not in text


def normalised(names: Iterable[str]) -> Names:
    """Names as canonicalize_name gives them."""
    return frozenset(map(canonicalize_name, names))


def is_project_name(text: str) -> bool:
    """Whether a text may be the name of a project (PEP 508)."""
    return is_plain_name(text) or bool(re.fullmatch(PROJECT_NAME, text))


class InvalidVersion(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 440 version."""


class InvalidSpecifier(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 440 version specifier."""


# The grammar of PEP 440, appendix B, with all spellings that it normalises.
_VERSION_PATTERN = r"""(?aix)
    v? (?: (?P<epoch>\d+) ! )? (?P<release> \d+ (?:\.\d+)* )
    (?: [-_.]? (?P<pre> alpha|a|beta|b|preview|pre|c|rc ) [-_.]? (?P<pre_number>\d*) )?
    (?P<post> -(?P<post_bare>\d+) | [-_.]? (?:post|rev|r) [-_.]? (?P<post_number>\d*) )?
    (?P<dev> [-_.]? dev [-_.]? (?P<dev_number>\d*) )?
    (?: \+ (?P<local> [a-z0-9]+ (?:[-_.][a-z0-9]+)* ) )?"""

# The other spellings that PEP 440 takes for a, b and rc.
_PRE_SPELLINGS = {"alpha": "a", "beta": "b", "c": "rc", "pre": "rc", "preview": "rc"}

# The places of versions without a, b or rc among those with one:
# development releases stand before them, final releases after them.
_BEFORE_PRE: tuple[str, int] = ("", 0)
_AFTER_PRE: tuple[str, int] = ("z", 0)
_NO_DEV = float("inf")


def _refuse_long(text: str) -> None:
    if len(text) > _VERSION_LENGTH:
        raise InvalidVersion
    if max(map(len, re.findall(r"\d+", text)), default=0) > _NUMBER_DIGITS:
        raise InvalidVersion


def _normalize_local_segment(segment: str) -> str:
    return str(int(segment)) if segment.isdigit() else segment


def _local_key(local: str | None) -> tuple[tuple[int, int, str], ...]:
    """The segments of a local label as PEP 440 orders them: numbers after letters."""
    segments = local.split(".") if local else ()
    return tuple(map(_local_segment_key, segments))


def _local_segment_key(segment: str) -> tuple[int, int, str]:
    return (1, int(segment), "") if segment.isdigit() else (0, 0, segment)


def _key_comparison(method: str) -> Callable[[Version, object], Any]:
    """A rich comparison of two versions by their keys. A version compares with nothing else."""
    compare = getattr(tuple, method)

    def comparison(version: Version, other: object) -> Any:
        return (
            compare(version.key, other.key)
            if isinstance(other, Version)
            else NotImplemented
        )

    return comparison


class Version(Comparable):
    """A version (PEP 440). Raises InvalidVersion; `str` gives the normalised spelling."""

    __slots__ = ("_key", "dev", "epoch", "local", "post", "pre", "release")
    epoch: int
    release: tuple[int, ...]
    pre: tuple[str, int] | None
    post: int | None
    dev: int | None
    local: str | None

    def __init__(self, text: str) -> None:
        self.epoch = 0
        self.pre = self.post = self.dev = self.local = None
        self._key: tuple[Any, ...] = ()
        try:
            if len(text) > _NUMBER_DIGITS:
                _refuse_long(text)
            if text.strip("0123456789."):
                self._parse(text.strip())
            else:  # nearly all versions
                self.release = tuple(map(int, text.split(".")))
        except (ValueError, TypeError, AttributeError):
            raise InvalidVersion(f"invalid version {excerpt(text)}") from None

    def _parse(self, text: str) -> None:
        """version = [v][epoch!]release[pre][post][dev][+local], in any spelling of PEP 440"""
        match = re.fullmatch(_VERSION_PATTERN, text)
        if not match:
            raise InvalidVersion
        part = match.group
        self.epoch = int(part("epoch") or 0)
        self.release = tuple(map(int, part("release").split(".")))
        if part("pre"):
            spelling = part("pre").lower()
            letter = _PRE_SPELLINGS.get(spelling, spelling)
            self.pre = (letter, int(part("pre_number") or 0))
        if part("post"):
            # PEP 440: "1.0-1" is an implicit post release, 1.0.post1.
            self.post = int(part("post_bare") or part("post_number") or 0)
        if part("dev"):
            self.dev = int(part("dev_number") or 0)
        if part("local"):
            segments = re.split("[-_.]", part("local").lower())
            self.local = ".".join(map(_normalize_local_segment, segments))

    @property
    def key(self) -> tuple[Any, ...]:
        """(epoch, release without trailing zeros, pre, post, dev, local), in PEP 440's order."""
        # Made on demand: most versions of a lock are compared as text.
        if not self._key:
            epoch, release = self._release_key()
            self._key = (epoch, release, *self._suffix_key(), _local_key(self.local))
        return self._key

    @property
    def public_key(self) -> tuple[Any, ...]:
        """The key of the public version: without the local label."""
        return self.key[:5]

    def _release_key(self) -> tuple[int, tuple[int, ...]]:
        # PEP 440 pads the shorter release with zeros: 1.0 and 1.0.0 are one version.
        length = len(self.release)
        while length and not self.release[length - 1]:
            length -= 1
        return self.epoch, self.release[:length]

    def _suffix_key(self) -> tuple[tuple[str, int], int, float]:
        # PEP 440: suffixes "MUST be ordered as shown: .devN, aN, bN, rcN, <no suffix>, .postN".
        only_dev = self.dev is not None and self.post is None
        pre = self.pre or (_BEFORE_PRE if only_dev else _AFTER_PRE)
        post = -1 if self.post is None else self.post
        return pre, post, _NO_DEV if self.dev is None else self.dev

    __lt__ = _key_comparison("__lt__")
    __le__ = _key_comparison("__le__")
    __ge__ = _key_comparison("__ge__")
    __gt__ = _key_comparison("__gt__")

    def __str__(self) -> str:
        return f"{self.public}+{self.local}" if self.local else self.public

    @property
    def base_version(self) -> str:
        """The epoch and the release alone."""
        release = ".".join(map(str, self.release))
        return f"{self.epoch}!{release}" if self.epoch else release

    @property
    def public(self) -> str:
        """The version without its local label, as PEP 440 normalises it."""
        pre = "{}{}".format(*self.pre) if self.pre else ""
        post = "" if self.post is None else f".post{self.post}"
        dev = "" if self.dev is None else f".dev{self.dev}"
        return f"{self.base_version}{pre}{post}{dev}"

    @property
    def is_prerelease(self) -> bool:
        """Whether it is a pre-release; PEP 440 counts development releases among these."""
        return self.pre is not None or self.dev is not None

    @property
    def is_postrelease(self) -> bool:
        """Whether it is a post-release."""
        return self.post is not None

    @property
    def is_devrelease(self) -> bool:
        """Whether it is a development release."""
        return self.dev is not None

    @property
    def major(self) -> int:
        """The first number of the release."""
        return self.release[0]

    @property
    def minor(self) -> int:
        """The second number of the release; 0 where it has one alone."""
        return self.release[1] if len(self.release) > 1 else 0

    @property
    def micro(self) -> int:
        """The third number of the release; 0 where it has fewer."""
        return self.release[2] if len(self.release) > 2 else 0


def _as_version(item: object) -> Version | None:
    """The version that a text tells; None if it is no PEP 440 version."""
    if isinstance(item, Version):
        return item
    try:
        return Version(item) if isinstance(item, str) else None
    except InvalidVersion:
        return None


def is_version(text: str) -> bool:
    """Whether a text is a PEP 440 version."""
    # Nearly all are numbers and dots: that takes no parsing.
    return is_plain_version(text) or _as_version(text) is not None


def _starts_with(version: Version, epoch: int, prefix: tuple[int, ...]) -> bool:
    """Whether `==PREFIX.*` admits the version. A shorter release is padded with zeros."""
    padded = version.release + (0,) * len(prefix)
    return version.epoch == epoch and padded[: len(prefix)] == prefix


def _is_below(version: Version, limit: Version) -> bool:
    """PEP 440: `<V` admits a pre-release of V only if V is a pre-release itself."""
    epoch, release, pre, post, dev = limit.public_key
    # V.dev0 is the first of the pre-releases of V.
    if not limit.is_prerelease:
        dev = 0
        pre = _BEFORE_PRE if limit.post is None else pre
    return bool(version.public_key < (epoch, release, pre, post, dev))


def _is_above(version: Version, limit: Version) -> bool:
    """PEP 440: `>V` admits a post-release of V only if V is one, and never a local version of V."""
    # PEP 440: ">V MUST NOT allow a post-release of the given version unless V itself is a post
    # release", and it "MUST NOT match a local version of the specified version".
    is_plain = limit.post is None and limit.dev is None
    if is_plain and version.key[:3] == limit.key[:3]:
        return False
    return bool(version.public_key > limit.public_key)


def _equals(version: Version, wanted: Version) -> bool:
    """PEP 440: a public version admits each of its local versions."""
    # "If the specified version identifier is a public version identifier (no local version label),
    # then the local version label of any candidate versions MUST be ignored when matching
    # versions" (PEP 440).
    if wanted.local:
        return bool(version.key == wanted.key)
    return bool(version.public_key == wanted.public_key)


def _differs(version: Version, wanted: Version) -> bool:
    return not _equals(version, wanted)


def _is_at_most(version: Version, wanted: Version) -> bool:
    return bool(version.public_key <= wanted.public_key)


def _is_at_least(version: Version, wanted: Version) -> bool:
    return bool(version.key >= wanted.key)


def _is_compatible(version: Version, wanted: Version) -> bool:
    """PEP 440: "~=2.2.post3" is ">=2.2.post3,==2.*"."""
    starts = _starts_with(version, wanted.epoch, wanted.release[:-1])
    return starts and _is_at_least(version, wanted)


_COMPARISONS: dict[str, Callable[[Version, Version], bool]] = {
    "==": _equals,
    "!=": _differs,
    "<=": _is_at_most,
    ">=": _is_at_least,
    "<": _is_below,
    ">": _is_above,
    "~=": _is_compatible,
}


class _BaseSpecifier(Comparable):
    """Base of one specifier and of a set of them: what a version satisfies or doesn't."""

    __slots__ = ("_configured",)
    _configured: bool | None
    _specifiers: Sequence[Specifier]

    def contains(self, version: Version | str, prereleases: bool | None = None) -> bool:
        """Whether the version satisfies every clause.

        Pre-releases do so too unless they are excluded explicitly. PEP 440 admits them
        where nothing else is there to choose, and one version leaves no choice.
        """
        wants_pre = self._configured if prereleases is None else prereleases
        only_final = wants_pre is False
        clauses = self._specifiers
        # Most comparisons with a lock end here, with nothing parsed.
        if len(clauses) == 1 and clauses[0].is_pin_of(version) and not only_final:
            return True
        parsed = _as_version(version)
        if only_final and parsed is not None and parsed.is_prerelease:
            return False
        return all(clause.admits(version, parsed) for clause in clauses)

    def __contains__(self, version: Any) -> bool:
        return self.contains(version)


class Specifier(_BaseSpecifier):
    """One version specifier (PEP 440), such as `>=1.0`. Raises InvalidSpecifier."""

    __slots__ = ("_wanted", "_wildcard", "operator", "version")
    _spellings = (str,)

    def __init__(self, text: str, prereleases: bool | None = None) -> None:
        clause = text.strip()
        length = 2 if clause[1:2] == "=" else 1
        if clause.startswith("==="):
            length = 3
        self.operator = clause[:length]
        self.version = clause[length:].lstrip()
        if self.operator not in _COMPARISONS and length != 3:
            hint = specifier_hint(text)
            raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}{hint}")
        self._configured = prereleases
        self._wildcard = self.version.endswith(".*") and self.operator in ("==", "!=")
        self._wanted = self._parse_version(text)

    def _parse_version(self, text: str) -> Version | None:
        if self.operator == "===":
            if not self.version or re.search(r"[\s;)]", self.version):
                raise InvalidSpecifier(f"invalid version specifier {excerpt(text)}")
            return None
        wanted = _as_version(self.version[:-2] if self._wildcard else self.version)
        problem = self._problem(wanted)
        if problem:
            raise InvalidSpecifier(
                f"invalid version specifier {excerpt(text)}: {problem}"
            )
        return wanted

    def _problem(self, wanted: Version | None) -> str:
        """What keeps the parsed version from following the operator."""
        if not self.version:
            return "no version"
        if self.version.endswith(".*") and not self._wildcard:
            return "'.*' can only follow '==' and '!='"
        if wanted is None:
            return f"{excerpt(self.version)} is no version"
        # The version parser drops the blank of `1.0 .*`.
        if self._wildcard and self.version[-3] not in "0123456789":
            return f"{excerpt(self.version)} is no version"
        if self._wildcard and str(wanted) != wanted.base_version:
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
        # As in packaging: `!=` names a version in order not to have it, and a wildcard names none.
        if self.operator == "!=" or self._wildcard:
            return False
        wanted = self._wanted or _as_version(self.version)
        return wanted.is_prerelease if wanted else None

    @property
    def _specifiers(self) -> tuple[Specifier]:  # type: ignore[override]
        return (self,)

    def is_pin_of(self, item: object) -> bool:
        """Whether this is `==` and this very text."""
        return item == self.version and self.operator == "==" and not self._wildcard

    def admits(self, item: object, version: Version | None) -> bool:
        """Whether the clause holds. `version` is the parsed item, None if that is no version."""
        wanted = self._wanted
        # Arbitrary equality, `===`: PEP 440 compares the texts, packaging without their case.
        if wanted is None:
            return str(item).lower() == self.version.lower()
        if version is None:
            return False
        if self._wildcard:
            starts = _starts_with(version, wanted.epoch, wanted.release)
            return starts is (self.operator == "==")
        return _COMPARISONS[self.operator](version, wanted)

    @property
    def key(self) -> tuple[Any, ...]:
        """`==1.0` is `==1.0.0`, but `~=1.0` isn't `~=1.0.0`."""
        if self._wanted is None or self._wildcard:
            return (self.operator, self.version)
        length = len(self._wanted.release) if self.operator == "~=" else 0
        return (self.operator, self._wanted.key, length)

    def __str__(self) -> str:
        return self.operator + self.version


def specifier_hint(text: str) -> str:
    """A hint for an error: what somebody who wrote `=1.0`, `=>1.0` or `1.0` meant."""
    match = re.match(r"(=[<>]|=?)\s*(\d[^\s,;()]*)", text.strip())
    if not match or _as_version(match[2]) is None:
        return ""
    sign, version = match.groups()
    operator = sign[::-1] if len(sign) == 2 else "=="
    return f" (did you mean '{operator}{version}'?)"


class SpecifierSet(_BaseSpecifier):
    """Version specifiers that must all hold (PEP 440), such as `>=1.0,<2`.

    Without any, each version is admitted. Raises InvalidSpecifier.
    """

    __slots__ = ("_clauses", "_pin")
    _clauses: tuple[Specifier, ...]
    _pin: str
    _spellings = (str, Specifier)

    def __init__(self, text: str = "", prereleases: bool | None = None) -> None:
        parts = [part for part in text.split(",") if part.strip()]
        self._clauses = tuple(map(Specifier, parts))
        self._configured = prereleases
        self._pin = ""

    @classmethod
    def of_plain_pin(cls, version: str) -> SpecifierSet:
        """`==VERSION` of numbers and dots: nearly every line of a lock. It is parsed on demand."""
        pin = cls.__new__(cls)
        pin._clauses = ()
        pin._configured = None
        pin._pin = version
        return pin

    @property
    def _specifiers(self) -> tuple[Specifier, ...]:  # type: ignore[override]
        if self._pin and not self._clauses:
            self._clauses = (Specifier(f"=={self._pin}"),)
        return self._clauses

    def contains(self, version: Version | str, prereleases: bool | None = None) -> bool:
        """Whether the version satisfies every clause, as for a Specifier."""
        return bool(self._pin == version) or super().contains(version, prereleases)

    @property
    def prereleases(self) -> bool | None:
        """Whether pre-releases were asked for: by the argument, else by a clause that names one."""
        if self._configured is not None:
            return self._configured
        return any(clause.prereleases for clause in self._specifiers) or None

    def __iter__(self) -> Iterator[Specifier]:
        return iter(self._specifiers)

    def __len__(self) -> int:
        return 1 if self._pin else len(self._clauses)

    @property
    def key(self) -> tuple[Specifier, ...]:
        """Sorted, each clause once."""
        if len(self._specifiers) < 2:
            return self._specifiers
        return tuple(dict.fromkeys(sorted(self._specifiers, key=str)))

    def __str__(self) -> str:
        return ",".join(map(str, self.key))


# ==================================================================================================
# Requirements and markers
# ==================================================================================================


class InvalidMarker(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 508 marker, or a marker that cannot be evaluated."""


class InvalidRequirement(EnvlockError, ValueError):  # noqa: N818
    """A text that is no PEP 508 requirement."""


# Interpreters as old as 3.6 run the source of this function, too. They know nothing of this module.
def default_environment() -> "dict[str, str]":  # noqa: UP037
    """The marker variables of the running interpreter (PEP 508), by their names."""
    import os
    import sys

    if sys.platform in ("linux", "darwin") and sys.implementation.name in (
        "cpython",
        "pypy",
    ):
        # what the module platform tells, but for the time that its import takes
        system, _, release, kernel, machine = os.uname()
        python = sys.version.split(None, 1)[0]
        implementation = {"cpython": "CPython", "pypy": "PyPy"}[sys.implementation.name]
    else:
        import platform

        system, machine = platform.system(), platform.machine()
        release, kernel = platform.release(), platform.version()
        python = platform.python_version()
        implementation = platform.python_implementation()
    # PEP 508 gives this rule as `format_full_version`: of the level its first letter counts.
    version = sys.implementation.version
    level = version.releaselevel
    suffix = "" if level == "final" else level[0] + str(version.serial)
    implementation_version = f"{version.major}.{version.minor}.{version.micro}{suffix}"
    python_version = ".".join(python.split(".")[:2])
    of_interpreter = {
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version,
        "platform_python_implementation": implementation,
        "python_full_version": python,
        "python_version": python_version,
    }
    of_system = {
        "os_name": os.name,
        "platform_machine": machine,
        "platform_release": release,
        "platform_system": system,
        "platform_version": kernel,
        "sys_platform": sys.platform,
    }
    return {**of_interpreter, **of_system}


# packaging 26 compares these as versions where the other side is one, all others as text.
_VERSION_VARIABLES = frozenset(
    {
        "implementation_version",
        "platform_release",
        "python_full_version",
        "python_version",
    }
)
_SET_VARIABLES = frozenset({"dependency_groups", "extras"})  # PEP 751
_NAME_VARIABLES = _SET_VARIABLES | {"extra"}  # compared with normalised names
_TEXT_VARIABLES = frozenset(
    {
        *(
            "extra",
            "implementation_name",
            "os_name",
            "sys_platform",
            "platform_machine",
        ),
        *("platform_python_implementation", "platform_system", "platform_version"),
    }
)
_VARIABLES = _VERSION_VARIABLES | _SET_VARIABLES | _TEXT_VARIABLES
# The spellings of PEP 345, and the one of setuptools.
_VARIABLE_ALIASES = {
    "os.name": "os_name",
    "sys.platform": "sys_platform",
    "platform.version": "platform_version",
    "platform.machine": "platform_machine",
    "platform.python_implementation": "platform_python_implementation",
    "python_implementation": "platform_python_implementation",
}
_MARKER_WORD = r"""[ \t]*(\w[\w.]*|'[^']*'|"[^"]*"|===|[~=!<>]=|[<>()]|\Z)"""
_MARKER_OPERATORS = frozenset(
    {"===", "==", "~=", "!=", "<=", ">=", "<", ">", "in", "not in"}
)
# Nested parentheses in a marker, as packaging limits them: more would exhaust the stack.
_MARKER_DEPTH = 200


class _MarkerComparison(NamedTuple):
    """`python_version >= "3.8"`. PEP 508 allows a variable on either side, or on both."""

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
    # Comparisons and nested lists, with "and" and "or" between them; "and" binds closer.
    MarkerList = list[Any]


def _quote(text: str) -> str:
    if '"' not in text:
        return f'"{text}"'
    # With both kinds of quotes in it: `_unquote` reads this escape, as packaging does.
    return "'{}'".format(text.replace("'", r"\x27"))


def _unquote(token: str) -> str:
    """The text in quotes, with the escapes of Python."""
    if not re.search(r"[\\\r\n\0]", token):
        return token[1:-1]
    # packaging evaluates a quoted text as Python does, so that escapes count.
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            # An unknown escape such as "\d" means itself
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(token))
    except (SyntaxError, ValueError):
        raise InvalidMarker(f"invalid quoted text {excerpt(token)}") from None


def _marker_tokens(text: str) -> list[str]:
    """The tokens of a marker. The last one is empty and stands for the end."""
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
    return InvalidMarker(
        f"expected {what}, found {excerpt(token) if token else 'the end'}"
    )


def _parse_marker(
    tokens: Sequence[str], position: int, depth: int = 0
) -> tuple[int, MarkerList]:
    """marker = atom (('and' | 'or') atom)*"""
    position, atom = _parse_marker_atom(tokens, position, depth)
    parts = [atom]
    while tokens[position] in ("and", "or"):
        parts.append(tokens[position])
        position, atom = _parse_marker_atom(tokens, position + 1, depth)
        parts.append(atom)
    return position, parts


def _parse_marker_atom(
    tokens: Sequence[str], position: int, depth: int
) -> tuple[int, Any]:
    """atom = '(' marker ')' | comparison"""
    if tokens[position] != "(":
        return _parse_comparison(tokens, position)
    if depth == _MARKER_DEPTH:
        raise InvalidMarker(f"a marker nested more than {_MARKER_DEPTH} levels deep")
    position, parts = _parse_marker(tokens, position + 1, depth + 1)
    if tokens[position] != ")":
        raise _expected("'and', 'or' or ')'", tokens[position])
    return position + 1, parts[0] if len(parts) == 1 else parts


def _parse_comparison(
    tokens: Sequence[str], position: int
) -> tuple[int, _MarkerComparison]:
    """comparison = operand operator operand"""
    left, left_is_variable = _parse_operand(tokens[position])
    operator = tokens[position + 1]
    # "not in" is one operator, with any blanks in it (PEP 508).
    if operator == "not" and tokens[position + 2] == "in":
        operator, position = "not in", position + 1
    if operator not in _MARKER_OPERATORS:
        raise _expected(f"a comparison after {quote_name(tokens[position])}", operator)
    right, right_is_variable = _parse_operand(tokens[position + 2])
    # "tools MUST normalize the names being compared" (PEP 685)
    if left_is_variable and left == "extra" and not right_is_variable:
        right = canonicalize_name(right)
    elif right in _NAME_VARIABLES and right_is_variable and not left_is_variable:
        left = canonicalize_name(left)
    comparison = _MarkerComparison(
        left, operator, right, left_is_variable, right_is_variable
    )
    return position + 3, comparison


def _parse_operand(token: str) -> tuple[str, bool]:
    """operand = variable | quoted text"""
    if token[:1] in ("'", '"') and token:
        return _unquote(token), False
    name = _VARIABLE_ALIASES.get(token, token)
    if name in _VARIABLES:
        return name, True
    raise _expected("a marker variable or a quoted text", token)


def _format_marker(parts: MarkerList) -> str:
    return " ".join(map(_format_marker_part, parts))


def _format_marker_part(part: Any) -> str:
    return f"({_format_marker(part)})" if isinstance(part, list) else str(part)


def _marker_holds(
    parts: MarkerList, variables: dict[str, Any], compare: Compare
) -> bool:
    """Whether a marker holds. All comparisons are made, so that each senseless one is an error."""
    # "and" binds closer than "or": alternatives, each of which needs all of its parts.
    alternatives: list[list[bool]] = [[]]
    for part in parts:
        if part == "or":
            alternatives.append([])
        elif isinstance(part, list):
            alternatives[-1].append(_marker_holds(part, variables, compare))
        elif part != "and":
            alternatives[-1].append(_comparison_holds(part, variables, compare))
    return any(map(all, alternatives))


def _comparison_holds(
    comparison: _MarkerComparison, variables: dict[str, Any], compare: Compare
) -> bool:
    """Whether a comparison holds: of extras and groups by membership, of all else by `compare`."""
    left, operator, right, left_is_variable, _ = comparison
    name = left if left_is_variable else right
    value = _variable(name, variables)
    # PEP 508 lets the variable stand on either side, and the operator reads from left to right.
    subject, other = (value, right) if left_is_variable else (left, value)
    if name == "extra" and not isinstance(value, str):
        return _extra_is_selected(value, operator, right if left_is_variable else left)
    if not isinstance(subject, str):
        raise InvalidMarker(f"{name!r} can only stand behind 'in' and 'not in'")
    if name in _SET_VARIABLES:
        if isinstance(other, str):
            raise InvalidMarker(f"{name!r} must be a set, found {excerpt(other)}")
        return _compare_text(canonicalize_name(subject), operator, normalised(other))
    return compare(name, subject, operator, other)


def compare_values(name: str, left: str, operator: str, right: str) -> bool:
    """PEP 508: a version compares as a version if the other side is one, all else as text.

    `name` is the variable whose value is one of the sides.
    """
    if name in _VERSION_VARIABLES and operator not in ("in", "not in"):
        try:
            return Specifier(f"{operator}{right}").contains(left)
        except InvalidSpecifier:
            pass
    return _compare_text(left, operator, right)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}


def compare_in_order(left: Any, operator: str, right: Any) -> bool:
    """A marker's comparison by the order of its two sides, mostly text."""
    if operator not in _ORDERS:
        sides = f"{excerpt(left)} and {excerpt(right)}"
        raise InvalidMarker(f"{operator!r} has no meaning between {sides}")
    return _ORDERS[operator](left, right)


def compare_versions(left: str, operator: str, right: str) -> bool:
    """A marker's comparison by the order of versions, pre-releases included; else by that of text."""
    if operator in ("in", "not in") or not is_version(left):
        return compare_in_order(left, operator, right)
    # Not as a specifier: `<3.9` would exclude 3.9's pre-releases, which come before it.
    if operator in ("<", ">") and is_version(right):
        return compare_in_order(Version(left), operator, Version(right))
    try:
        return Specifier(f"{operator}{right}").contains(left, prereleases=True)
    except InvalidSpecifier:
        return compare_in_order(left, operator, right)


def _extra_is_selected(extras: Names, operator: str, name: str) -> bool:
    """Compare a name with all selected extras: of them `==` and `!=` alone have a meaning."""
    if operator not in ("==", "!="):
        raise InvalidMarker(
            f"{operator!r} has no meaning between 'extra' and a set of extras"
        )
    return (name in extras) is (operator == "==")


def _compare_text(left: str, operator: str, right: str | Names) -> bool:
    """Compare texts. They have no order: `<=` and `>=` mean `==`, `<` and `>` never hold."""
    if operator in ("in", "not in"):
        return (left in right) is (operator == "in")
    if operator in ("==", "!=", "<=", ">="):
        return (left == right) is (operator != "!=")
    if operator in ("<", ">"):
        return False
    raise InvalidMarker(
        f"{operator!r} has no meaning between {excerpt(left)} and {excerpt(right)}"
    )


def _variable(name: str, variables: dict[str, Any]) -> Any:
    """The value of a marker variable.

    The running interpreter is asked only for one that wasn't given, as that is slow.
    """
    if name not in variables:
        for variable, value in default_environment().items():
            variables.setdefault(variable, value)
    if name not in variables:
        raise InvalidMarker(f"the marker variable {name!r} has no value here")
    value = variables[name]
    if name == "extra":
        # None, or no extra in a set, stands for the package without extras.
        value = value or ""
        return canonicalize_name(value) if isinstance(value, str) else normalised(value)
    if name == "python_full_version" and value.endswith("+"):
        # An interpreter built between two releases is "3.13.0+", which is no version; packaging
        # adds this, too.
        return value + "local"
    return value


class Marker(Comparable):
    """A marker (PEP 508), such as `python_version >= "3.8" and os_name == "posix"`.

    Raises InvalidMarker, also on evaluation.
    """

    __slots__ = ("_parts",)

    def __init__(self, text: str) -> None:
        tokens = _marker_tokens(text)
        position, parts = _parse_marker(tokens, 0)
        if tokens[position]:
            raise _expected("'and', 'or' or the end", tokens[position])
        # Outer parentheses change nothing: "(a)" equals "a".
        only_group = len(parts) == 1 and isinstance(parts[0], list)
        self._parts: MarkerList = parts[0] if only_group else parts

    def evaluate(self, environment: Mapping[str, Any] | None = None) -> bool:
        """Whether the marker holds. Variables that are not given have this interpreter's values.

        `extra` is a name or a set of names; `extras` and `dependency_groups` are sets (PEP 751).
        """
        return self.holds({"extra": "", **(environment or {})}, compare_values)

    def holds(self, variables: dict[str, Any], compare: Compare) -> bool:
        """Whether the marker holds, if `compare` compares the values of variables."""
        return _marker_holds(self._parts, variables, compare)

    @property
    def key(self) -> str:
        """The marker as it is spelled: it equals no other that merely means the same."""
        return str(self)

    def __str__(self) -> str:
        return _format_marker(self._parts)


# As packaging has it: the end may be an underscore, too.
_IDENTIFIER = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_REQUIREMENT_HEAD = (
    r"[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)[ \t]*(\[[^\]]*\]?)?[ \t]*(@[ \t]*)?"
)
_CLAUSE = r"[ \t]*(===\s*[^\s;)%s]+|(?:[~=!<>]=|[<>])\s*[^\s,;)=<>]+)[ \t]*(,?)[ \t]*"
# packaging takes a comma for a part of what follows `===`, unless that leaves plain clauses.
_CLAUSES = (_CLAUSE % ",", _CLAUSE % "")
_PLAIN_CLAUSES = r"[\t -(*-:<-~]*(?:[;)]|\Z)"


def _parse_extras(text: str | None) -> set[str]:
    """extras = '[' (identifier (',' identifier)*)? ']'"""
    if not text:
        return set()
    # Empty brackets are allowed, an empty name between commas is not (PEP 508).
    inner = text[1:-1].strip(" \t")
    extras = [extra.strip(" \t") for extra in inner.split(",")] if inner else []
    right = all(re.fullmatch(_IDENTIFIER, extra) for extra in extras)
    if not right or not text.endswith("]"):
        raise InvalidRequirement(
            f"expected extras as in [one,two], found {excerpt(text)}"
        )
    return set(extras)


def _parse_specifiers(text: str, position: int, name: str) -> tuple[int, str]:
    """specifiers = '(' many? ')' | many?        many = specifier (',' specifier)* ','?"""
    parenthesised = text.startswith("(", position)
    start = position + parenthesised
    position, found = _parse_clauses(text, start, _CLAUSES[0])
    # What follows `===` is any text: only where the rest cannot be read so is a comma its end.
    if "===" in text:
        ends = position == len(text) or text[position] in ";)"
        if not ends or not re.compile(_PLAIN_CLAUSES).match(text, start):
            position, found = _parse_clauses(text, start, _CLAUSES[1])
    if parenthesised:
        if not text.startswith(")", position):
            what = f"')' after the version specifier of {quote_name(name)}"
            raise InvalidRequirement(f"expected {what}{_found(text[position:])}")
        position += 1
    return position, ",".join(found)


def _parse_clauses(text: str, position: int, pattern: str) -> tuple[int, list[str]]:
    """many = specifier (',' specifier)* ','?"""
    found = []
    match_clause = re.compile(pattern).match
    match = match_clause(text, position)
    while match:
        found.append(match[1])
        position = match.end()
        # Only a comma lets another clause follow, and the last one may have a comma, too.
        match = match_clause(text, position) if match[2] else None
    return _skip_blanks(text, position), found


def _skip_blanks(text: str, position: int) -> int:
    return len(text) - len(text[position:].lstrip(" \t"))


def _found(rest: str) -> str:
    return f", found {excerpt(rest.strip())}" if rest.strip() else ""


class Requirement(Comparable):
    """A requirement (PEP 508): `name[extras] specifiers; marker` or `name[extras] @ url ; marker`.

    Raises InvalidRequirement.
    """

    __slots__ = ("extras", "marker", "name", "specifier", "url")
    url: str | None
    marker: Marker | None

    def __init__(self, text: str) -> None:
        head = re.match(_REQUIREMENT_HEAD, text)
        if not head or head[1][-1] in ".-":
            raise InvalidRequirement(f"expected a package name{_found(text)}")
        self.name = head[1]
        self.url = self.marker = None
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
        """url = (any character but white space)+, with a blank before the ';' that may follow"""
        match = re.compile(r"\S+").match(text, position)
        if not match:
            raise InvalidRequirement(
                f"expected a URL after '@' of {quote_name(self.name)}"
            )
        self.url = match[0]
        after = text[match.end() : match.end() + 1]
        if after not in ("", " ", "\t"):
            what = f"a blank after {excerpt(self.url)}"
            raise InvalidRequirement(f"expected {what}, found {excerpt(after)}")
        return match.end()

    def _parse_marker(self, rest: str, specifiers: str) -> Marker | None:
        """(';' marker)?"""
        if not rest or rest[0] == ";":
            return Marker(rest[1:]) if rest else None
        if self.url:
            what, after = "' ;' and a marker", self.url
            hint = " (a blank must stand before ';')" if self.url.endswith(";") else ""
        else:
            what = "',' or ';'" if specifiers else "a version specifier"
            after, hint = f"{self.name}{specifiers}", specifier_hint(rest)
        raise InvalidRequirement(
            f"expected {what} after {quote_name(after)}{_found(rest)}{hint}"
        )

    @property
    def key(self) -> tuple[object, ...]:
        """(normalised name, normalised extras, specifiers, URL, marker)"""
        extras = frozenset(map(canonicalize_name, self.extras))
        return (
            canonicalize_name(self.name),
            extras,
            self.specifier,
            self.url,
            self.marker,
        )

    def __str__(self) -> str:
        extras = f"[{','.join(sorted(self.extras))}]" if self.extras else ""
        url = f" @ {self.url}" if self.url else ""
        marker = f"{' ' if url else ''}; {self.marker}" if self.marker else ""
        return f"{self.name}{extras}{self.specifier}{url}{marker}"


# ==================================================================================================
# Text, TOML and JSON
# ==================================================================================================


SIZE_LIMIT = 32 << 20  # bytes of a bound file: /dev/zero ends here
_TYPE_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "a table",
}
# UTF-32 stands before UTF-16: its little-endian mark begins with that of UTF-16.
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
# PEP 263 counts such a comment on the first two lines alone.
_PEP_263_COMMENT = rb"(?:.*\n)?#.*?coding[:=][ \t]*([-\w.]+)"

# The time that TOML parsers take grows with the square of a key's parts.
_LONG_KEY = r"(?:\.[ \t]{0,3}[\"'\w-]{1,40}[ \t]{0,3}){100}"


def read_at_most(file: BinaryIO, size: int) -> bytes:
    """As `file.read(size)`, but in pieces.

    PyPy first clears as many bytes as are asked for, which takes long.
    """
    pieces: list[bytes] = []
    while size and (not pieces or pieces[-1]):
        piece = file.read(min(size, 1 << 16))
        # A stream that does not wait returns None where nothing has come yet.
        if piece is None:
            from errno import EAGAIN

            raise BlockingIOError(EAGAIN, os.strerror(EAGAIN))
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def decode(data: bytes, commented: bool = True) -> str:
    """The text of a bound file.

    Its encoding is told by a byte order mark, by a PEP 263 comment (if it may have comments
    of Python), else it is UTF-8.
    """
    if len(data) > SIZE_LIMIT:
        raise BoundError(f"larger than {SIZE_LIMIT >> 20} MB: no bound file")
    mark, encoding = _encoding_of(data[:1000], commented)
    try:
        text = data[len(mark) :].decode(encoding)
    except LookupError:
        raise _unknown_encoding(encoding) from None
    except ValueError as error:
        line_end = data.count(b"\n", 0, getattr(error, "start", 0))
        raise BoundError(f"not text in the encoding {encoding}", line_end + 1) from None
    if "\0" in text:
        line_end = text.count("\n", 0, text.index("\0"))
        raise BoundError("not a text file (it holds a NUL character)", line_end + 1)
    return text


def _encoding_of(head: bytes, commented: bool) -> tuple[bytes, str]:
    """The byte order mark that a file begins with, or nothing, and its encoding."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return mark, encoding
    comment = (
        re.match(_PEP_263_COMMENT, head) if commented and b"coding" in head else None
    )
    encoding = comment[1].decode() if comment else "utf-8"
    # Their decoders take time that grows with the square of the text.
    if encoding.lower() in ("idna", "punycode"):
        raise _unknown_encoding(encoding)
    return b"", encoding


def _unknown_encoding(encoding: str) -> BoundError:
    return BoundError(f"unknown encoding {encoding!r}", 1)


def load_toml(text: str) -> dict[str, Any]:
    """Parse TOML. Raises BoundError with the line."""
    plain = _plain_toml(text)
    if plain is not None:
        return plain
    # Looked for in long texts alone: a short one cannot take long.
    long_key = re.search(_LONG_KEY, text) if len(text) > 10_000 else None
    if long_key:
        line_end = text.count("\n", 0, long_key.start())
        raise BoundError("invalid TOML: a key of a hundred parts", line_end + 1)
    try:
        data: dict[str, Any] = _toml_parser().loads(text)
    except RecursionError:
        raise too_deep(text) from None
    except ValueError as error:
        raise _invalid_toml(str(error), text) from None
    return data


def _invalid_toml(message: str, text: str) -> BoundError:
    """The parser's error. Its message ends with the line, or with "at end of document"."""
    key_path = r"(.*) \(at (?:line (\d+), column \d+|end of document)\)"
    match = re.match(key_path, message, re.DOTALL)
    message, line = match.groups() if match else (message, None)
    return BoundError(f"invalid TOML: {message}", int(line or text.count("\n") + 1))


def _toml_parser() -> Any:
    """The module tomllib; before Python 3.11 tomli, or pip's copy of it."""
    from importlib import import_module

    # In 3.11 tomli became tomllib; pip brings a copy of it for older Pythons.
    for name in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return import_module(name)
        except ImportError:
            continue
    version = ".".join(map(str, sys.version_info[:2]))
    raise BoundError(
        f"reading TOML on Python {version} needs the package 'tomli' (pip install tomli)"
    )


# Plain TOML is TOML as tools write it: it has no other lines than these, and no other values.
# JSON's parser is in C and reads it in a tenth of the time that tomllib takes.
# `%s` stands for a string or a key, `0` for an array or a table that was found to be plain.
_PLAIN_KEY = r"(?:[\w-]+|%s)"
_PLAIN_VALUE = r"(?:%s|true|false|0|[1-9]\d{0,17})"
_PLAIN_NESTED = (
    rf"(?a)\[(?:{_PLAIN_VALUE}(?:, {_PLAIN_VALUE})*)?\]"
    rf"|\{{ ?{_PLAIN_KEY} = {_PLAIN_VALUE}(?:, {_PLAIN_KEY} = {_PLAIN_VALUE})* ?\}}"
)
_PLAIN_PATH = rf"{_PLAIN_KEY}(?:\.{_PLAIN_KEY})*"
_PLAIN_LINE = (
    rf"(?a)(?P<member>%s = {_PLAIN_VALUE})|(?P<open>%s = \[)|(?P<item> +{_PLAIN_VALUE},)"
    rf"|(?P<close>\])|(?P<blank>)|(?P<table>\[{_PLAIN_PATH}\])|(?P<array>\[\[{_PLAIN_PATH}\]\])"
)
# The lines of an array, by the first letters of their kinds.
_PLAIN_ARRAY = "o[ib]*c"
# Lines as JSON. All together make an array of sections, each of them
# [path, whether it belongs to an array of tables, [null, [key, value], …]].
_PLAIN_JSON = {
    "m": ",[%s,{value}]",
    "o": ",[%s,[null",
    "i": ",{value}",
    "c": "]]",
    "b": "",
    "t": "]],[[{path}],false,[null",
    "a": "]],[[{path}],true,[null",
}


def _plain_toml(text: str) -> dict[str, Any] | None:
    """The data of plain TOML. None for any other TOML, right or wrong."""
    if "%s" in text or "\x7f" in text:
        return None
    # JSON may not have any other escape.
    if "\\" in text and re.search(r"\\[^\"nt]", text):
        return None
    import json

    # A NUL stands for an escaped quote while strings are split off.
    text = text.replace('\\"', "\0")
    if "\n#" in "\n" + text:
        text = re.sub(r"(?m)^#[^\0-\x08\n-\x1f\x7f]*$", "", text)
    parts = text.split('"')
    if len(parts) % 2 == 0:
        return None
    template = _plain_template("%s".join(parts[::2]).split("\n"))
    if template is None:
        return None
    strings = [f'"{part}"' for part in parts[1::2]]
    document = (template % tuple(strings)).replace("\0", '\\"')
    try:
        return _plain_tables(json.loads(document))
    except ValueError:
        return None


def _plain_template(lines: list[str]) -> str | None:
    """The sections of plain TOML as JSON, with `%s` for each string; None if a line isn't plain."""
    shapes: dict[str, tuple[str, str]] = {}  # by the line without its key
    forms: dict[str, tuple[str, str]] = {}  # by the line
    # Strings are cut out: most lines of a lock now differ by their keys alone, if at all.
    for line in set(lines):
        key = line.partition(" = ")[0]
        has_bare_key = re.fullmatch(r"(?a)[\w-]+", key)
        shape = "%s" + line[len(key) :] if has_bare_key else line
        if shape not in shapes:
            shapes[shape] = _plain_line(shape)
        kind, document = shapes[shape]
        if not kind:
            return None
        if has_bare_key:
            document = document.replace("%s", f'"{key}"', 1)
        forms[line] = kind, document
    kinds = "".join([forms[line][0] for line in lines])
    # A repeated group would keep a hundred bytes for each line.
    if re.sub(_PLAIN_ARRAY, "", kinds).strip("tamb"):
        return None
    documents = "".join([forms[line][1] for line in lines])
    return f"[[[],false,[null{documents}]]]"


def _plain_line(line: str) -> tuple[str, str]:
    """The first letter of a line's kind, empty if it isn't plain, and the line as JSON."""
    # A pattern's time may grow with the square of the line's length.
    shape = line if len(line) < 1000 else "?"
    # Arrays and tables are replaced from the inside out; no tool nests them deeper.
    for _ in range(4):
        shape = re.sub(_PLAIN_NESTED, "0", shape)
    match = re.fullmatch(_PLAIN_LINE, shape)
    if not match or not match.lastgroup:
        return "", ""
    if match.lastgroup in ("table", "array") and shape != line:
        return "", ""
    kind = match.lastgroup[0]
    key_pattern = rf"(?a)({_PLAIN_KEY}) = "
    keys = re.findall(key_pattern, line)
    # Perhaps the key stands twice in one table, which only tomllib can tell.
    if len(set(keys)) < len(keys):
        return "", ""
    path = ",".join(map(_quoted_key, line.strip("[]").split(".")))
    value = (line[5:] if kind == "m" else line).strip(" ,")
    value = re.sub(key_pattern, lambda key: _quoted_key(key[1]) + ":", value)
    return kind, _PLAIN_JSON[kind].format(path=path, value=value)


def _quoted_key(key: str) -> str:
    return key if key == "%s" else f'"{key}"'


def _plain_tables(sections: list[Any]) -> dict[str, Any]:
    """The document of all sections. Raises ValueError if only tomllib can tell its meaning."""
    root = _plain_members(sections[0][2])
    # Headers may add to tables that headers have made, but not to inline tables and arrays.
    made = {id(root)}
    for path, is_array, members in sections[1:]:
        parent, table = root, _plain_members(members)
        for key in path[:-1]:
            inner = _open_table(parent, key, {}, made)
            parent = inner[-1] if isinstance(inner, list) else inner
        array = _open_table(parent, path[-1], [], made) if is_array else None
        if isinstance(array, list):
            array.append(table)
        elif is_array or path[-1] in parent:
            raise ValueError
        else:
            parent[path[-1]] = table
        made.add(id(table))
    return root


def _open_table(parent: dict[str, Any], key: str, empty: Any, made: set[int]) -> Any:
    """The member of a table that a header made before, or makes now."""
    if key not in parent:
        parent[key] = empty
        made.add(id(empty))
    if id(parent[key]) not in made:
        raise ValueError
    return parent[key]


def _plain_members(pairs: list[Any]) -> dict[str, Any]:
    """The members of a section. A null begins the section, and each array of several lines."""
    table = {}
    for key, value in pairs[1:]:
        if key in table:
            raise ValueError
        has_null = isinstance(value, list) and value[:1] == [None]
        table[key] = value[1:] if has_null else value
    return table


def load_json(text: str) -> dict[str, Any]:
    """Parse a JSON document whose top is an object. Raises BoundError with the line."""
    import json

    try:
        data = json.loads(text)
    except ValueError as error:
        # One for an integer of thousands of digits has neither msg nor lineno.
        message = f"invalid JSON: {getattr(error, 'msg', error)}"
        raise BoundError(message, getattr(error, "lineno", 1)) from None
    if not isinstance(data, dict):
        raise BoundError(f"expected an object, found {describe_value(data)}", 1)
    return data


def too_deep(text: str) -> BoundError:
    """The error for nesting that exhausts the stack.

    No parser tells the line, so the one with the most brackets is named.
    """
    lines = text.split("\n")
    depths = [line.count("[") + line.count("{") for line in lines]
    return BoundError("nested too deeply", depths.index(max(depths)) + 1)


def describe_value(value: object) -> str:
    """A value of TOML or JSON for an error message."""
    if isinstance(value, (dict, list)):
        name = _TYPE_NAMES[type(value)]
        return name if value else f"an empty {name.split()[1]}"
    return str(value).lower() if isinstance(value, bool) else excerpt(value)


def error_at(key_path: str, problem: str) -> BoundError:
    """What is wrong with a value, behind its key path if that is known."""
    message = f"{key_path}: {problem}" if key_path else problem
    return BoundError(message, key_path=key_path)


def expect_type(value: object, kind: type[T], key_path: str) -> T:
    """The value, if it has exactly that type: true is no integer here. Else raises BoundError."""
    # No isinstance: a bool is an int for Python.
    if type(value) is not kind:
        what, found = _TYPE_NAMES[kind], describe_value(value)
        raise error_at(key_path, f"expected {what}, found {found}")
    return value


def key_path_of(key_path: str, key: str | int) -> str:
    """The path of a member of what stands at `key_path`: `packages[12].version`."""
    if isinstance(key, int):
        return f"{key_path}[{key}]"
    key = f'"{key}"' if "." in key else key
    needs_dot = key_path and key_path[-1] != " "
    return f"{key_path}.{key}" if needs_dot else key_path + key


class ParsedTable:
    """A table of TOML or an object of JSON, and where it stands.

    Its members are told with their types; what has another type is a BoundError with its key path.
    """

    __slots__ = ("data", "key_path")

    def __init__(self, data: dict[str, Any], key_path: str = "") -> None:
        self.data = data
        self.key_path = key_path

    def get(self, key: str, kind: type[T]) -> T | None:
        """A member; None where it is absent."""
        value = self.data.get(key)
        # First of all, since making the key path costs more than the answer.
        if value is None or type(value) is kind:
            return value
        return expect_type(value, kind, key_path_of(self.key_path, key))

    def require(self, key: str, kind: type[T]) -> T:
        """A member that must be there."""
        if key not in self.data:
            member, what = key_path_of(self.key_path, key), _TYPE_NAMES[kind]
            raise BoundError(
                f"{member}: missing, expected {what}", key_path=self.key_path
            )
        value: T = self.data[key]
        if type(value) is kind:
            return value
        return expect_type(value, kind, key_path_of(self.key_path, key))

    def members(self, key: str, kind: type[T]) -> list[T]:
        """An array of one type; empty where it is absent."""
        if key not in self.data:
            return []
        values: list[T] = self.require(key, list)
        for index, value in enumerate(values):
            if type(value) is not kind:
                expect_type(
                    value, kind, key_path_of(key_path_of(self.key_path, key), index)
                )
        return values

    def text(self, key: str) -> str:
        """A string; empty where it is absent."""
        return self.get(key, str) or ""

    def texts(self, key: str) -> list[str]:
        """An array of strings; empty where it is absent."""
        return self.members(key, str)

    def flag(self, key: str) -> bool:
        """A boolean; false where it is absent."""
        return self.get(key, bool) or False

    def table(self, *keys: str) -> ParsedTable:
        """A table within, by its path; empty where it is absent."""
        table = self
        for key in keys:
            data = table.require(key, dict) if key in table.data else {}
            table = ParsedTable(data, key_path_of(table.key_path, key))
        return table

    def tables(self, key: str) -> list[ParsedTable]:
        """An array of tables; empty where it is absent."""
        key_path = key_path_of(self.key_path, key)
        members = enumerate(self.members(key, dict))
        return [ParsedTable(data, f"{key_path}[{index}]") for index, data in members]


_URL_SCHEMES = (
    r"(?:https?|ftp|file|git\+(?:https?|ssh|git|file)|hg\+(?:file|https?|ssh|static-http)"
    r"|svn\+(?:ssh|https?|svn|file)|bzr\+(?:https?|ssh|sftp|ftp|lp|file)):"
)


def is_url(text: str) -> bool:
    """Whether pip takes a line for a URL."""
    return ":" in text and bool(re.match(_URL_SCHEMES, text, re.IGNORECASE))


# Tables of archives are most of a lock, and a comparison rarely needs them.
# They are cut out of the text before it is parsed, if they look exactly as the tools write them.
_ARCHIVE_FIELD = r'[a-z-]+ = (?:"[^"]*"|\d[\d:TZ.+-]*|\{ ?[a-z0-9]+ = "[^"]*" ?\})'
# What uv writes is tried first: it takes a third of the time. No table may match in two ways, since
# their combinations are all tried where an array has another end.
_UV_TABLE = r'\{ url = "[^"]*", hash = "[^"]*", size = \d+, upload-time = "[^"]*" \}'
_ARCHIVE_TABLE = (
    rf"(?:{_UV_TABLE}"
    rf"|(?!{_UV_TABLE})\{{ ?{_ARCHIVE_FIELD}(?:, {_ARCHIVE_FIELD})* ?\}})"
)
_ARCHIVES = r" = (\[?{0}\]?|\[\n(?: +{0},\n)+\])(?=\n)"
ARCHIVE_TABLES = (
    # a poetry.lock 1.x has them by package
    r"\n(sdist|wheels|files|[\w.\"-]+(?= = \[\n +\{file))"
    + _ARCHIVES.format(_ARCHIVE_TABLE)
)
# Compiling the pattern above takes as long as parsing a small lock. This one is for uv.lock, as most are.
UV_ARCHIVE_TABLES = r"\n(sdist|wheels)" + _ARCHIVES.format(_UV_TABLE)


# The parsers of TOML and JSON don't tell on which line a value stands. These words do, in a text
# without escaped quotes: a repeated group would keep two hundred bytes for each character.
_KEY = r"""[\w-]+|"[^"\n]*"|'[^'\n]*'"""
_TOKENS = rf"""(?xms)
    ^[ \t]*\[(?P<repeated>\[)?(?P<header>[^][{{}},=\n]+)\](?(repeated)\])
    | \#[^\n]* | \"{{3}}.*?\"{{3}} | \'{{3}}.*?\'{{3}}
    | (?P<key>(?:{_KEY})(?:[ \t]*\.[ \t]*(?:{_KEY}))*)[ \t]*[=:]
    | {_KEY} | [][{{}},]"""


def lines_of(text: str) -> dict[str, int]:
    """The lines of the values in a TOML or JSON document, by their paths."""
    from collections import defaultdict
    from itertools import count

    # Archives are most of a lock, and nobody asks for their lines.
    text = re.sub(ARCHIVE_TABLES, _line_breaks, text)
    text = text.replace("\\\\", "__").replace('\\"', "__")
    lines: dict[str, int] = {}
    arrays: dict[str, str] = {}
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    # What is around an open bracket: its path and index
    outer: list[tuple[str, int]] = []
    key_path = value_path = ""  # of what is around the value, and of the value
    index = -1  # of the next value in an array; -1 in a table
    position, line = 0, 1
    for match in re.finditer(_TOKENS, text):
        word, start = match[0], match.start()
        line += text.count("\n", position, start)
        position = start
        if word[0] == "#":
            continue
        # A bracket in an array at the start of a line looks like a header.
        if match["header"] and not outer:
            value_path = key_path = _header_path(match, arrays, numbers)
        elif match["key"]:
            value_path = ".".join(filter(None, (key_path, _path_of(match["key"]))))
        elif index >= 0:
            value_path = f"{key_path}[{index}]"
        lines.setdefault(value_path, line)
        if word in "[{":
            outer.append((key_path, index))
            key_path, index = value_path, -1 if word == "{" else 0
        elif word in "]}" and outer:
            key_path, index = outer.pop()
        elif word == "," and index >= 0:
            index += 1
    return lines


def _line_breaks(match: re.Match[str]) -> str:
    """The line breaks alone of a part that is passed over: later lines keep their numbers."""
    return "\n" * match[0].count("\n")


def _path_of(keys: str) -> str:
    """A dotted key as paths have it."""
    parts = [key.strip("\"'") for key in re.findall(_KEY, keys)]
    return ".".join([key_path_of("", part) for part in parts])


def _header_path(
    match: re.Match[str], arrays: dict[str, str], numbers: dict[str, Iterator[int]]
) -> str:
    """The path of the table that a header begins, with the numbers of tables in arrays.

    `arrays` keeps the path of the last table of each array of tables.
    """
    path = key_path = _path_of(match["header"])
    # The longest part of the path that is an array of tables: the header belongs to its last table.
    end = path.rfind(".")
    while end > 0 and path[:end] not in arrays:
        end = path.rfind(".", 0, end)
    if end > 0:
        key_path = arrays[path[:end]] + path[end:]
    if match["repeated"]:
        arrays[path] = key_path = f"{key_path}[{next(numbers[key_path])}]"
    return key_path


# ==================================================================================================
# Streams and URLs
# ==================================================================================================


def unquoted(text: str) -> str:
    """Without %-escapes."""
    if "%" not in text:
        return text
    from urllib.parse import unquote_to_bytes

    return os.fsdecode(unquote_to_bytes(text))


_BOUND_URL = (
    r"(?i)(https?://)(?:([^/?#]*)@)?((?:[^][/?#@:\s]+|\[[\da-f:.]+\])(?::\d+)?)"
    r"((?:/[^?#]*)?)((?:\?[^#]*)?)(?:#.*)?"
)
_READ_SECONDS = 10  # without a byte
_URL_SECONDS = 30  # in all


def is_remote(bound: str) -> bool:
    """Whether a bound is a URL."""
    # One letter is a drive of Windows, no scheme.
    return "://" in bound and bool(
        re.match(r"[a-z][a-z\d+.-]+://", bound, re.IGNORECASE)
    )


def is_stream(bound: str) -> bool:
    """Whether a bound is no file: standard input or a URL."""
    return bound in ("-", "<stdin>") or is_remote(bound)


def shown_bound(bound: str) -> str:
    """A bound's name for reports and errors. A URL is shown without what may be secret."""
    if not is_remote(bound):
        return "<stdin>" if bound == "-" else bound
    match = re.fullmatch(_BOUND_URL, bound)
    if not match:
        return bound.partition(":")[0] + "://…"
    scheme, _, host, path, _ = match.groups()
    return f"{scheme}{host}{path}"


def read_streams(bounds: Iterable[str]) -> dict[str, str]:
    """The texts of the bounds that are no files, read once for all interpreters."""
    texts = {}
    # A bound that is named twice is read once.
    for bound in dict.fromkeys(filter(is_stream, bounds)):
        try:
            data = _read_url(bound) if is_remote(bound) else _read_standard_input()
            texts[bound] = decode(data)
        except BoundError as error:
            raise error.at(shown_bound(bound)) from None
    return texts


def _read_standard_input() -> bytes:
    try:
        return read_at_most(sys.stdin.buffer, SIZE_LIMIT + 1)
    except AttributeError:  # Python sets sys.stdin to None where there is none
        raise BoundError("cannot be read (it is closed)") from None
    except (OSError, ValueError) as error:
        raise BoundError(f"cannot be read ({error})") from None


def _read_url(url: str) -> bytes:
    """What a server sends.

    A thread waits for it, since the time limit of a socket counts for each read anew.
    """
    from threading import Thread

    match = re.fullmatch(_BOUND_URL, url)
    if not match:
        raise BoundError("expected https://HOST/PATH or http://HOST/PATH")
    parts = match.groups()
    answers: list[bytes | str] = []
    # A daemon, so that a server which never ends holds up nothing.
    thread = Thread(target=lambda: answers.append(_fetch(*parts)), daemon=True)
    thread.start()
    thread.join(_URL_SECONDS)
    answer = answers[0] if answers else f"it takes more than {_URL_SECONDS} seconds"
    if isinstance(answer, str):
        raise BoundError(f"cannot be read ({answer})")
    return answer


def _fetch(
    scheme: str, user: str | None, host: str, path: str, query: str
) -> bytes | str:
    """What is at a URL, or what went wrong."""
    from base64 import b64encode
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Redirects(HTTPRedirectHandler):
        def redirect_request(self, req: Request, *details: Any) -> Request | None:
            # From https: to http: anybody on the way could give another bound.
            if not details[-1].lower().startswith(("https:", f"{req.type}:")):
                raise OSError(f"it redirects to {shown_bound(details[-1])}")
            return super().redirect_request(req, *details)

    try:
        request = Request(scheme + host + path + query)  # noqa: S310 - http: or https:
        # Unredirected: another host that this one redirects to must not get it.
        if user:
            user = unquoted(user if ":" in user else f"{user}:")
            request.add_unredirected_header(
                "Authorization", f"Basic {b64encode(os.fsencode(user)).decode()}"
            )
        with build_opener(Redirects).open(request, timeout=_READ_SECONDS) as answer:
            # 204 and the like have no bound, and a part (206) is not what was asked for.
            if answer.status != 200:
                return f"HTTP status {answer.status}"
            data = read_at_most(answer, SIZE_LIMIT + 1)
            return (
                "it ends too early"
                if answer.length and len(data) <= SIZE_LIMIT
                else data
            )
    except HTTPError as error:
        with error:
            return f"HTTP status {error.code}"
    except OSError as error:
        reason = getattr(error, "reason", error)
        return str(getattr(reason, "strerror", None) or reason)
    except Exception as error:  # whose text may show the URL
        return type(error).__name__


CHUNK = 1 << 20
READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)


def file_identity(path: str | int) -> Identity | None:
    """What changes whenever a file or a directory (or an open one) does; None if there is none."""
    from os import stat

    try:
        now = stat(path)
    except (OSError, ValueError):
        return None
    # By their numbers inode, device and size: a name costs more in code that runs once.
    return (now.st_mtime_ns, now.st_ctime_ns, now[1], now[2], now[6])


def open_regular(path: str) -> BinaryIO:
    """Open a regular file; OSError for anything else: a named pipe or a device might never end."""
    from stat import S_ISDIR, S_ISREG

    mode = os.stat(path).st_mode
    # Asked before it is opened, since opening some devices has an effect.
    if S_ISREG(mode):
        descriptor = os.open(path, READ_FLAGS)
        # Between the two it may have become another file.
        if S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb")
        os.close(descriptor)
    from errno import EINVAL, EISDIR

    if S_ISDIR(mode):
        raise OSError(EISDIR, os.strerror(EISDIR), path)
    raise OSError(EINVAL, "not a regular file", path)


def read_file(path: str, limit: int) -> bytes | None:
    """The bytes of a regular file; None for anything else, and for what is larger."""
    try:
        with open_regular(path) as file:
            data = read_at_most(file, limit + 1)
    except (OSError, ValueError):
        return None
    return data if len(data) <= limit else None


def write_file(path: str, data: bytes, mode: int | None = None) -> None:
    """Write a file so that it is there whole or not at all.

    What is no regular file (a pipe) is just written to. `mode` gives the file's rights, whatever
    the umask.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(data)
        return
    from contextlib import suppress

    # In the same folder: a rename is atomic within one file system alone.
    temporary = f"{path}.{os.urandom(4).hex()}.tmp"
    file = open(temporary, "xb")  # noqa: SIM115
    try:
        with file:
            file.write(data)
        if mode is not None:
            os.chmod(temporary, mode)
        patiently(os.replace, temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def patiently(function: Callable[..., None], *paths: str) -> None:
    """Replace or remove a file.

    On Windows that fails for the moments in which another process has it open.
    """
    from time import sleep

    # Two seconds: a virus scanner or an indexer has a new file open for a moment.
    for _ in range(40 if os.name == "nt" else 0):
        try:
            return function(*paths)
        except PermissionError:
            sleep(0.05)
    return function(*paths)


def printable(text: str) -> str:
    """Text with line breaks, terminal controls and undecodable bytes escaped.

    Names on disk may hold anything.
    """
    # Nearly always: isprintable looks at the whole text in C.
    return text if text.isprintable() else "".join(map(_printable_character, text))


def _printable_character(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode()


def say(text: str, stream: TextIO | None) -> None:
    """Print and flush.

    A closed pipe ends it quietly. A character that the stream can't show is escaped.
    """
    try:
        if stream is not None:
            encoding = stream.encoding or "utf-8"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            stream.flush()
    except OSError as error:
        # Python flushes once more at its end: give it a place to flush to.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno() if stream else 1)
        if stream is sys.stdout and not _is_closed_pipe(error):
            raise EnvlockError(f"standard output: {error.strerror}") from None


def _is_closed_pipe(error: OSError) -> bool:
    """Whether nobody reads any more, which Windows calls an invalid argument."""
    from errno import EINVAL

    if os.name == "nt" and error.errno == EINVAL:
        return True
    return isinstance(error, BrokenPipeError)


def report(text: str, passing: bool) -> None:
    """Note something on standard error. What is only passing is for terminals; it's overwritten."""
    if not passing:
        say(f"envlock: {printable(without_secrets(text))}\n", sys.stderr)
    elif sys.stderr is not None and sys.stderr.isatty() and _shows_escapes(-12):
        say(f"\r\033[K{text}", sys.stderr)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody reads along."""
    try:
        return stream is not None and stream.isatty()
    except (ValueError, OSError):  # it is closed
        return False


def terminal_width() -> int:
    """The columns of the terminal behind standard output; 0: it is none."""
    try:
        return (
            os.get_terminal_size(sys.stdout.fileno()).columns
            if sys.stdout.isatty()
            else 0
        )
    except (AttributeError, ValueError, OSError):
        return 0


def terminal_style(when: str) -> tuple[int, bool]:
    """The width of the terminal, and whether to colour (no-color.org)."""
    width = terminal_width()
    if when != "auto":
        return width, when == "always"
    # no-color.org: "when present and not an empty string (regardless of its value)".
    if os.environ.get("NO_COLOR"):
        return width, False
    if os.environ.get("FORCE_COLOR"):
        return width, True
    if not width or os.environ.get("TERM") == "dumb":
        return width, False
    return width, _shows_escapes(-11)


def windows_library(name: str) -> Any:
    """One of Windows's own libraries, by ctypes."""
    import ctypes

    # Type checkers know no WinDLL on other systems, nor have these one.
    return vars(ctypes)["WinDLL"](name)


def _shows_escapes(handle: int) -> bool:
    """Have a console of Windows interpret escape sequences; others do so anyway.

    The handle -11 is standard output, -12 is standard error.
    """
    if os.name != "nt":
        return True
    import ctypes

    kernel = windows_library("kernel32")
    kernel.GetStdHandle.restype = ctypes.c_void_p
    console = ctypes.c_void_p(kernel.GetStdHandle(handle))
    mode = ctypes.c_uint32()
    if not kernel.GetConsoleMode(console, ctypes.byref(mode)):
        return False
    enabled = mode.value | 4  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
    return bool(kernel.SetConsoleMode(console, enabled))


# ==================================================================================================
# Bound records
# ==================================================================================================


class DirectReference(NamedTuple):
    """Where a distribution comes from, if not from an index: a URL, a repository or a path.

    A bound asks for it, or a record tells it (PEP 610).
    """

    kind: str  # "vcs", "archive" or "directory"
    url: str  # without the "git+" of a requirement; a directory as a file: URL
    vcs: str = ""  # "git", "hg", "svn", "bzr"
    revision: str = ""  # the branch, tag or commit that was asked for
    commit: str = ""  # the exact commit
    editable: bool = False
    subdirectory: str = ""
    hashes: Names = NO_NAMES  # "sha256:0123…", of an archive


class BoundFile(str):
    """The name of a bound file, as reports show it, with what the file holds."""

    text = ""
    _lines: dict[str, int] | None = None

    def line_of(self, key_path: str) -> int:
        """The line of a value, or of what would hold it."""
        # Made on demand: most runs have nothing to show.
        if self._lines is None:
            self._lines = lines_of(self.text)
        # A missing key has no line: that of the table around it is the nearest.
        while key_path and key_path not in self._lines:
            key_path = key_path[: max(key_path.rfind("."), key_path.rfind("["), 0)]
        return self._lines.get(key_path, 1)


class BoundRequirement(NamedTuple):
    """One package as a bound demands it. Its marker has held already."""

    name: str  # normalised; "python" is the interpreter itself; empty if the text doesn't tell it
    text: str  # as the report shows it: "zipp==3.18.1", "six @ git+file:///r@COMMIT"
    specifier: SpecifierSet | None = None  # of a requirement: pre-releases are admitted
    # Of a tool's lock: exactly this one, the local label included
    version: str | None = None
    reference: DirectReference | None = None
    # "sha256:0123…": an archive that tells its hash must have one of these
    hashes: Names = NO_NAMES
    # Narrows a requirement that is there, requires nothing by itself
    constraint: bool = False
    file: BoundFile = BoundFile()
    line: int = 0  # of a requirements file; in other formats `key_path` tells it
    archives: str = ""  # of a lock: the text that holds further hashes, read on demand
    key_path: str = ""  # `packages[12]`
    likely_name: str = ""  # that a comment tells, for want of a name and of a record's


class Bound(NamedTuple):
    """What bound files demand of an environment."""

    requirements: tuple[BoundRequirement, ...] = ()
    permitted: Names = NO_NAMES  # may be present, and need not be: the project itself
    extras: Names = NO_NAMES  # that a selection may name
    groups: Names = NO_NAMES
    members: Names = NO_NAMES  # of a workspace
    formats: frozenset[Format] = frozenset()


class Selection(NamedTuple):
    """Which optional parts of a bound count; all names are normalised."""

    extras: Names = NO_NAMES
    all_extras: bool = False
    groups: Names = NO_NAMES
    all_groups: bool = False
    no_groups: Names = NO_NAMES
    no_default_groups: bool = False
    packages: Names = NO_NAMES  # members of a workspace
    all_packages: bool = False
    # --bound-options: each an extra or a group, whichever the file has
    options: Names = NO_NAMES
    no_extras: Names = NO_NAMES
    # These alone, without the project and its dependencies
    only_groups: Names = NO_NAMES
    no_editable: bool = False  # what would be editable is installed plainly
    no_install_project: bool = False
    no_install_workspace: bool = False  # no member of it is installed


class ReadContext:
    """For what a bound is read: the interpreter's marker variables, the selection, a directory.

    It keeps the files that were read, and those that were looked for.
    """

    def __init__(
        self,
        environment: Callable[[], Mapping[str, str]],
        selection: Selection = Selection(),
        directory: str = "",
        texts: dict[str, str] | None = None,
    ) -> None:
        self._environment = environment
        self._variables: Mapping[str, str] = {}
        self.selection = selection
        # Where relative paths begin; empty: the working directory
        self.directory = directory
        # By absolute path, and what `read_streams` gives. Contexts share it, because a pipe can be
        # read only once.
        self.texts = {} if texts is None else texts
        # By absolute path: what was read or looked for, as it was then.
        self.files: Files = {}
        self._are_files: dict[str, bool] = {}

    def environment(self) -> Mapping[str, str]:
        """The marker variables, which are asked for only if a marker or requires-python must be judged."""
        self._variables = self._variables or self._environment()
        return self._variables

    def absolute(self, path: str) -> str:
        """A path as seen from the context's directory."""
        if os.path.isabs(path):
            # Links stay in it: a guard watches the path that was named.
            return os.path.normpath(path)
        try:
            directory = self.directory or os.getcwd()
        except OSError as error:
            raise BoundError(
                f"the working directory cannot be told ({error.strerror})"
            ) from None
        return os.path.normpath(os.path.join(directory, path))

    def holds(
        self,
        marker: Marker | None,
        extra: str = "",
        compare: Compare = compare_values,
        **variables: Names,
    ) -> bool:
        """Whether a marker holds here, with these further variables. Raises BoundError."""
        if marker is None:
            return True
        try:
            return marker.holds(
                {**self.environment(), "extra": extra, **variables}, compare
            )
        except ValueError as error:
            raise BoundError(f"the marker {marker} cannot be judged: {error}") from None

    def is_file(self, path: str) -> bool:
        """Whether a file is there. What the bound means rests on the answer either way."""
        path = self.absolute(path)
        if path not in self._are_files:
            # The identity is taken before the look: a change between both is noticed then.
            self.files.setdefault(path, file_identity(path))
            self._are_files[path] = os.path.isfile(path)
        return self._are_files[path]

    def is_directory(self, path: str) -> bool:
        """Whether a directory is there.

        A file in its place isn't watched: a start would read it.
        """
        path = self.absolute(path)
        if not os.path.isfile(path):
            self.files.setdefault(path, file_identity(path))
        return os.path.isdir(path)

    def read_text(self, path: str, allow_pipe: bool = False) -> str:
        """The text of a bound file, as `decode` gives it. Raises BoundError.

        Only the user may name a pipe: one that another file names might never end.
        """
        if is_stream(path):
            if path not in self.texts:
                raise BoundError("only a file can be a bound here")
            return self.texts[path]
        path = self.absolute(path)
        # So that one that is not there is watched, too.
        self.is_file(path)
        if path not in self.texts:
            try:
                with open(path, "rb") if allow_pipe else open_regular(path) as file:
                    # Of the open file: the path may lead to another one by now.
                    self.files[path] = file_identity(file.fileno())
                    data = read_at_most(file, SIZE_LIMIT + 1)
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise BoundError(f"cannot be read ({reason})") from None
            self.texts[path] = decode(data, not path.endswith(".toml"))
        return self.texts[path]


# Characters of one requirement, constraint or marker, in every format.
LENGTH_LIMIT = 1 << 16


def parse_requirement(text: str, key_path: str = "") -> Requirement:
    """A requirement that stands at `key_path` in a bound (PEP 508). Raises BoundError."""
    return parse_value(Requirement, text, key_path)


def parse_specifier(text: str, key_path: str = "") -> SpecifierSet:
    """Version specifiers that stand at `key_path` in a bound (PEP 440). Raises BoundError."""
    return parse_value(SpecifierSet, text, key_path)


def parse_marker(text: str, key_path: str = "") -> Marker:
    """A marker that stands at `key_path` in a bound (PEP 508). Raises BoundError."""
    return parse_value(Marker, text, key_path)


def parse_value(kind: Callable[[str], T], text: str, key_path: str) -> T:
    """What `kind` makes of a text that stands at `key_path` in a bound. Raises BoundError."""
    check_length(text, key_path)
    try:
        return kind(text)
    except ValueError as error:
        raise error_at(key_path, str(error)) from None


def check_length(text: str, key_path: str = "") -> None:
    """Refuse a requirement, constraint or marker that nobody writes, whatever its format."""
    if len(text) > LENGTH_LIMIT:
        problem = f"longer than {LENGTH_LIMIT} characters: no requirement"
        raise error_at(key_path, problem)


def selected_extras(selection: Selection, known: Names) -> Names:
    """The extras of a file that are asked for."""
    if selection.all_extras:
        return known - selection.no_extras
    return (known & (selection.extras | selection.options)) - selection.no_extras


def selected_groups(
    selection: Selection, known: Names, default: Names = NO_NAMES
) -> Names:
    """The groups of a file that are asked for, and those that count unless told otherwise."""
    selected = known & (selection.groups | selection.options | selection.only_groups)
    if selection.all_groups:
        selected = known
    # As with uv's --only-group and Poetry's --only: then the default groups don't count.
    if not selection.no_default_groups and not selection.only_groups:
        selected |= default
    return selected - selection.no_groups


def entries_of(table: ParsedTable, key: str) -> list[Entry]:
    """The texts of an array of requirements, with their places."""
    key_path = key_path_of(table.key_path, key)
    texts = enumerate(table.texts(key))
    return [(f"{key_path}[{index}]", text) for index, text in texts]


def by_normal_name(table: ParsedTable) -> dict[str, str]:
    """The keys of a table of extras or groups by their normalised names."""
    keys: dict[str, str] = {}
    for name in table.data:
        # PEP 735: tools "SHOULD emit an error" where two names are the same once normalised.
        other = keys.setdefault(canonicalize_name(name), name)
        if other != name:
            both = f"{quote_name(name)} and {quote_name(other)}"
            message = f"{table.key_path}: {both} are the same name"
            raise BoundError(message, key_path=key_path_of(table.key_path, name))
    return keys


def extra_entries(project: ParsedTable) -> dict[str, list[Entry]]:
    """The requirements of each extra (PEP 621)."""
    table = project.table("optional-dependencies")
    keys = by_normal_name(table)
    return {name: entries_of(table, key) for name, key in keys.items()}


def included_group(member: object, key_path: str) -> str:
    """`{include-group = "NAME"}`"""
    if not isinstance(member, dict) or list(member) != ["include-group"]:
        expected, found = "a string or {include-group = …}", describe_value(member)
        raise error_at(key_path, f"expected {expected}, found {found}")
    return canonicalize_name(
        ParsedTable(member, key_path).require("include-group", str)
    )


def included_groups(groups: ParsedTable, chosen: Names) -> Names:
    """The groups that were chosen, and those that they include (PEP 735)."""
    keys = by_normal_name(groups)
    found = set(chosen.intersection(keys))
    queue = sorted(found)
    for group in queue:  # it grows
        key_path = key_path_of(groups.key_path, keys[group])
        for member in groups.require(keys[group], list):
            name = "" if isinstance(member, str) else included_group(member, key_path)
            if name in keys and name not in found:
                found.add(name)
                queue.append(name)
    return frozenset(found)


def python_requirement(table: ParsedTable) -> list[BoundRequirement]:
    """What `requires-python` demands of the interpreter; nothing where it is absent."""
    text = table.get("requires-python", str)
    if text is None:
        return []
    key_path = key_path_of(table.key_path, "requires-python")
    specifier = parse_specifier(text, key_path)
    return [python_demand(f"python{specifier}", specifier, key_path)]


def python_demand(
    text: str, specifier: SpecifierSet | None = None, key_path: str = ""
) -> BoundRequirement:
    """A demand on the interpreter's version. Without a specifier no interpreter meets it."""
    # No version is below 0.
    specifier = SpecifierSet("<0") if specifier is None else specifier
    return BoundRequirement("python", text, specifier, key_path=key_path)


class Format(NamedTuple):
    """A kind of bound file.

    `read(data, path, context)` gets what `load(text)` gives. Its errors need not name the file.
    """

    title: str  # in the error that lists the formats
    names: str  # pattern of the whole file name
    # Pattern somewhere in the text of a file of another name (re.MULTILINE)
    content: str
    load: Callable[[str], Any]
    read: Callable[[Any, BoundFile, ReadContext], Bound]
    # The words of the command that aligns an environment, with values in braces; True where further
    # packages may be present. None if the tool can't be asked for such a selection.
    repair: Callable[[Selection, bool], list[str] | None]
    project: str = ""  # the file that the tool needs beside the lock
    removes: bool = False  # whether the command also removes what isn't required
    # whether it also installs anew what has the right version from another source
    replaces: bool = False


def option_words(option: str, value: Names | bool) -> list[str]:
    """A tool's option for each of these names, or once if it is on."""
    if isinstance(value, bool):
        return [option] if value else []
    return [f"{option}{name}" for name in sorted(value)]


def install_files(selection: Selection, superset: bool) -> list[str]:  # noqa: ARG001
    """`pip install` of whole files."""
    return ["{pip}", "install", "{files}"]


def install_names(selection: Selection, superset: bool) -> list[str]:  # noqa: ARG001
    """`pip install` of what is missing or wrong."""
    return ["{pip}", "install", "{names}"]


# ==================================================================================================
# Sources
# ==================================================================================================


VCS_KINDS = ("git", "hg", "svn", "bzr")
VCS_SCHEME = rf"({'|'.join(VCS_KINDS)})\+(?=[a-z][a-z0-9+.-]*:)"


_HASH_ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
_URL_PARTS = r"(?is)\A([a-z][a-z0-9+.-]*:(?://[^/?]*)?)([^?]*)(.*)"
ARCHIVE_SUFFIXES = (
    *(".whl", ".zip", ".tar", ".tgz", ".tbz", ".txz", ".tlz"),
    *(".tar.gz", ".tar.bz2", ".tar.xz", ".tar.lz", ".tar.lzma"),
)
_SDIST_NAME = rf"({PROJECT_NAME})-([^-]+)\.(?:zip|tar\.\w+|tgz|tbz|txz|tlz|tar)"
# NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl (PEP 427); tags may be several with dots (PEP 425).
_WHEEL_NAME = (
    r"([A-Z0-9](?:[\w.]*[A-Z0-9])?)-([^-]+)(?:-\d[^-]*)?"
    r"-[^\W\d]\w*(?:\.[^\W\d]\w*)*(?:-[^-.]+(?:\.[^-.]+)*){2}\.whl"
)
COMMIT = r"[0-9a-f]{40}([0-9a-f]{24})?"  # git's SHA-1, or its SHA-256


def reference_from_url(
    url: str, context: ReadContext, editable: bool = False
) -> DirectReference:
    """url = [VCS+]SCHEME://HOST/PATH[@REVISION][#egg=NAME&subdirectory=FOLDER&sha256=…]"""
    address, fields = split_fragment(url)
    if "egg" in fields:
        parse_egg(fields["egg"])
    scheme, colon, rest = address.partition(":")
    address = scheme.lower() + colon + rest
    subdirectory = unquoted(fields.get("subdirectory", ""))
    vcs = re.match(VCS_SCHEME, address)
    if vcs:
        address, revision = _split_revision(address[vcs.end() :])
        # Only a whole hash is surely a commit: a short one may be the name of a branch.
        commit = revision if re.fullmatch(COMMIT, revision) else ""
        return DirectReference(
            "vcs", address, vcs[1], revision, commit, editable, subdirectory
        )
    algorithms = [algorithm for algorithm in _HASH_ALGORITHMS if algorithm in fields]
    texts = [f"{algorithm}:{fields[algorithm].lower()}" for algorithm in algorithms]
    hashes = frozenset(texts)
    if scheme.lower() != "file":
        address = without_credentials(address)
        return DirectReference(
            "archive", address, subdirectory=subdirectory, hashes=hashes
        )
    return reference_from_path(
        path_of_url(address, context), editable, subdirectory, hashes
    )


def reference_from_path(
    path: str, editable: bool = False, subdirectory: str = "", hashes: Names = NO_NAMES
) -> DirectReference:
    """The reference that the absolute path of a project's directory or of an archive means."""
    named_archive = path.lower().endswith(ARCHIVE_SUFFIXES)
    # As for pip: a folder may be called x.zip, and only a folder can be editable.
    is_archive = named_archive and not editable and not os.path.isdir(path)
    kind = "archive" if is_archive else "directory"
    return DirectReference(
        kind, url_of_path(path), "", "", "", editable, subdirectory, hashes
    )


def reference_text(reference: DirectReference) -> str:
    """A reference as a requirements file has it, without secrets."""
    revision = without_secrets(reference.commit or reference.revision)
    # A blank would end the URL.
    url = without_secrets(reference.url.replace(" ", "%20"))
    text = f"{reference.vcs}+{url}" if reference.vcs else url
    text += f"@{revision}" if revision else ""
    folder = without_secrets(reference.subdirectory)
    return text + (f"#subdirectory={folder}" if folder else "")


def split_fragment(url: str) -> tuple[str, dict[str, str]]:
    """A URL without its fragment, and the fields of that. The first of a field's values counts."""
    address, _, fragment = url.partition("#")
    fields: dict[str, str] = {}
    for field in fragment.split("&"):
        key, equals, value = field.partition("=")
        if key and equals:
            fields.setdefault(key, value)
    return address, fields


def _split_revision(address: str) -> tuple[str, str]:
    """The address of SCHEME://HOST/PATH@REVISION without credentials, and the revision."""
    start, path, query = re.findall(_URL_PARTS, address)[0]
    revision = ""
    if "@" in path:
        # The last `@`, as pip splits it: a path may have one itself.
        path, _, revision = path.rpartition("@")
        if not revision:
            raise BoundError(
                f"expected a revision after '@' in {without_secrets(address)!r}"
            )
    return without_credentials(f"{start}{path}{query}"), unquoted(revision)


def without_credentials(text: str) -> str:
    """URLs without user and password. PEP 610 keeps a user alone for ssh: ssh://git@host."""
    if "@" not in text:
        return text
    # A user alone stays for ssh, where it is a part of the address and no secret.
    credentials = r"(?:(ssh://[^/\s@:?#]+@)|(://)[^/\s?#]*@)"
    return re.sub(credentials, lambda match: match[1] or match[2], text)


def url_of_path(path: str) -> str:
    """The file: URL of an absolute path."""
    if re.fullmatch(r"[\w./~-]*", path, re.ASCII):
        return "file://" + path
    if os.name == "nt":
        from urllib.request import pathname2url

        return "file:" + pathname2url(path)
    from urllib.parse import quote

    try:
        return "file://" + quote(path.encode("utf-8", "surrogateescape"))
    # A lone surrogate that stands for no byte.
    except UnicodeEncodeError:
        raise BoundError(f"there can be no such path: {path!a}") from None


def path_of_url(url: str, context: ReadContext) -> str:
    """The absolute path that a file: URL means."""
    match = re.fullmatch(
        r"file:(?://([^/]*))?([^?]*).*", url, re.IGNORECASE | re.DOTALL
    )
    host, path = match.groups() if match else ("", "")
    if host not in (None, "", "localhost"):
        raise BoundError(
            f"expected the file: URL of a local file, found {without_secrets(url)!r}"
        )
    if os.name == "nt":
        from urllib.request import url2pathname

        return context.absolute(url2pathname(path))
    return context.absolute(unquoted(path))


def real_path(path: str) -> str:
    """A path without symbolic links. One that no file can have stays as it is."""
    try:
        return os.path.normcase(os.path.realpath(path))
    except (
        OSError,
        ValueError,
    ):  # a NUL, a loop, a character that the file system can't encode
        return path


def is_same_file(path: str, other: str) -> bool:
    """Whether two paths lead to one file.

    A volume that ignores case, or composes letters anew, takes two spellings for one.
    """
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):
        return False


def ignores_case(folder: str) -> bool:
    """Whether names in a folder mean the same in upper and lower case.

    So they do on Windows, and usually on macOS.
    """
    parent, name = os.path.split(folder)
    swapped = name.swapcase()
    return swapped != name and is_same_file(folder, os.path.join(parent, swapped))


def fold_name(name: str) -> str:
    """A name as a folder that ignores case compares it."""
    if not name.isascii():
        from unicodedata import normalize

        name = normalize("NFC", name)
    return name.casefold()


def archive_identity(filename: str) -> tuple[str, str]:
    """The name and version that a wheel's or sdist's file name tells; empty if it tells none."""
    if filename.endswith(".whl"):
        match = re.fullmatch(_WHEEL_NAME, filename, re.IGNORECASE)
        # PEP 427 escapes each run of signs as one underscore.
        if not match or "__" in match[1]:
            raise BoundError(f"invalid wheel file name {quote_name(filename)}")
        return match[1], match[2].replace("_", "-")
    match = re.fullmatch(_SDIST_NAME, filename, re.IGNORECASE)
    if not match or not is_version(match[2]):
        return "", ""
    return match[1], match[2]


def project_name(directory: str, context: ReadContext) -> str:
    """The name of a source tree, as far as one can tell without building it; else empty."""
    for file, find in _NAME_FINDERS.items():
        name = _name_in(os.path.join(directory, file), find, context)
        if name:
            return name
    return ""


def _name_in(path: str, find: Callable[[str], str], context: ReadContext) -> str:
    """The name in one of the files of a source tree; empty where there is none."""
    if not context.is_file(path):
        return ""
    try:
        return find(context.read_text(path))
    except BoundError as error:
        raise error.at(path) from None


_NAME_LINE = r'(?m)^name[ \t]*=[ \t]*"([^"\\\n]*)"'


def toml_name(text: str) -> str:
    """The name of the project of a pyproject.toml; empty if it tells none. Raises BoundError."""
    has_long_texts = '"""' in text or "'''" in text
    line = None if has_long_texts else _name_line(text)
    # Nearly always: the parser takes longer than all the rest of a short run.
    if line:
        return line[1]
    return declared_name(ParsedTable(load_toml(text)))


def _name_line(text: str) -> re.Match[str] | None:
    """A name in double quotes, on a line of its own in the table [project]."""
    header = re.search(r"(?m)^\[project\][ \t]*\n", text)
    if not header:
        return None
    end = text.find("\n[", header.end() - 1)
    search_in = re.compile(_NAME_LINE).search
    return search_in(text, header.end(), end if end >= 0 else len(text))


def declared_name(pyproject: ParsedTable) -> str:
    """The name in `[project]` or `[tool.poetry]`; empty if neither tells one."""
    name = pyproject.table("project").text("name")
    return name or pyproject.table("tool", "poetry").text("name")


def _cfg_name(text: str) -> str:
    """The name of the project in the section [metadata] of a setup.cfg."""
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line[1:].partition("]")[0]
        key, _, value = line.replace(":", "=", 1).partition("=")
        if section == "metadata" and key.rstrip().lower() == "name":
            return value.strip()
    return ""


# Characters of a setup.py: its syntax tree is a hundred times as large.
_SETUP_LIMIT = 1 << 20


def _setup_name(text: str) -> str:
    """The name that a setup.py passes to setup(), as a text or by a constant of the module."""
    import ast

    if len(text) > _SETUP_LIMIT:
        return ""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return ""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup":
            names = [word.value for word in node.keywords if word.arg == "name"]
            return _constant_text(names[0], tree) if names else ""
    return ""


def _constant_text(value: Any, tree: Any) -> str:
    """A text, or that of a name to which the module assigns once, and a text; else empty."""
    from ast import Load, walk

    name = getattr(value, "id", "")
    if name:
        # A name that is bound once, at the top level: all else could be another value by then.
        uses = [node for node in walk(tree) if getattr(node, "id", "") == name]
        stores = [
            node for node in uses if not isinstance(getattr(node, "ctx", None), Load)
        ]
        assignments = [
            node for node in tree.body if stores == getattr(node, "targets", None)
        ]
        value = assignments[0].value if assignments else None
    text = getattr(value, "value", "")
    return text if isinstance(text, str) else ""


_NAME_FINDERS = {
    "pyproject.toml": toml_name,
    "setup.cfg": _cfg_name,
    "setup.py": _setup_name,
}


def without_extras(text: str) -> str:
    """A path without the `[EXTRAS]` at its end."""
    head, _, extras = text[:-1].rpartition("[")
    has_extras = text.endswith("]") and extras and "]" not in extras
    return head.rstrip() if head and has_extras else text


def parse_egg(text: str) -> str:
    """The name in `NAME[EXTRAS]`, the value of a URL's `#egg=`. Raises BoundError."""
    match = re.fullmatch(rf"({PROJECT_NAME})(\[[^]]*\])?", text)
    if not match:
        raise BoundError(
            f"expected a project's name after 'egg=', found {excerpt(text)}"
        )
    return match[1]


def bound_requirement(
    requirement: Requirement,
    context: ReadContext,
    editable: bool = False,
    key_path: str = "",
) -> BoundRequirement:
    """What a requirement whose marker holds demands. Raises BoundError."""
    name = requirement.name
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if requirement.url is None:
        text = f"{name}{extras}{requirement.specifier}"
        return BoundRequirement(
            canonicalize_name(name), text, requirement.specifier, key_path=key_path
        )
    url = requirement.url
    if not re.match(r"[a-z][a-z0-9+.-]+:", url, re.IGNORECASE):
        url = url_of_path(context.absolute(url))
    elif not is_url(url):
        raise BoundError(
            f"expected a URL that pip knows after '@', found {excerpt(url)}"
        )
    text = f"{name}{extras} @ {without_credentials(url)}"
    reference = reference_from_url(url, context, editable)
    return BoundRequirement(
        canonicalize_name(name), text, reference=reference, key_path=key_path
    )


# ==================================================================================================
# Requirements files
# ==================================================================================================


_COUNT_LIMIT = 100_000  # requirements and options in one file
_DEPTH_LIMIT = 100  # of files that name files
_LINE_LIMIT = 1 << 20  # characters of a line with its continuations
# As pip's requirements file format documents them; pip 25, the last for Python 3.8 and 3.9, knows
# --global-option, too. Most say where and how pip finds archives, and are passed over.
_FLAGS = (
    *("--no-index", "--prefer-binary", "--pre"),
    *("--require-hashes", "--no-require-hashes"),
)
_VALUED_OPTIONS = (
    *("--index-url", "--pypi-url", "--extra-index-url", "--find-links"),
    *("--trusted-host", "--use-feature", "--no-binary", "--only-binary"),
    *("--all-releases", "--only-final", "--config-settings", "--global-option"),
    *("--requirement", "--constraint", "--editable", "--hash"),
)
_SHORT_OPTIONS = {
    "-i": "--index-url",
    "-f": "--find-links",
    "-C": "--config-settings",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
}
# By option: what its value looks like in words, and as a pattern.
_VALUE_FORMS = {
    "--hash": ("sha256:…, sha384:… or sha512:…", "sha(256|384|512):"),
    "--config-settings": ("KEY=VALUE", "(?s).*="),
}
_PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
_VARIABLE = r"\$\{([A-Z0-9_]+)\}"
_PLAIN_PIN = rf"({PROJECT_NAME})==([0-9]{{1,18}}(?:\.[0-9]{{1,18}})*)"


class _RequirementsFile(NamedTuple):
    """A requirements file that is being read."""

    path: BoundFile
    context: ReadContext
    lines: list[str]
    opened: tuple[str, ...]  # absolute paths, from the bound file to this one
    constraint: bool = False


def read_requirements(lines: list[str], path: BoundFile, context: ReadContext) -> Bound:
    """What a requirements file and those that it names demand, by the rules of pip."""
    file = _RequirementsFile(path, context, lines, opened=(context.absolute(path),))
    return Bound(tuple(_file_requirements(file, set())))


def _file_requirements(
    file: _RequirementsFile, finished: set[tuple[str, bool]]
) -> Iterator[BoundRequirement]:
    """What a file's lines demand.

    A file that was read before (as `finished` tells) adds nothing. So diamonds of files stay small.
    """
    for count, (number, line) in enumerate(_logical_lines(file.lines)):
        name, version = _plain_pin(line)
        if name and count < _COUNT_LIMIT:
            name, pin = canonicalize_name(name), SpecifierSet.of_plain_pin(version)
            # All by place: `_Record` sorts what is given by name in Python code.
            yield BoundRequirement(
                name,
                line,
                pin,
                None,
                None,
                NO_NAMES,
                file.constraint,
                file.path,
                number,
            )
            continue
        try:
            if count >= _COUNT_LIMIT:
                message = f"more than {_COUNT_LIMIT} requirements: no requirements file"
                raise BoundError(message)  # noqa: TRY301
            variables = _variables(line)
            expanded = _with_variables(line, variables)
            for demand in logical_line_requirements(expanded, number, file, finished):
                yield _without_values(demand, line, variables) if variables else demand
        except BoundError as error:
            if variables and not error.file:
                wrong = "what stands here is wrong once its variables are replaced"
                error.message = _hide_values(error.message, wrong, variables)
            raise error.at(file.path, number) from None


def _plain_pin(line: str) -> tuple[str, str]:
    """Name and version of a line `NAME==VERSION`, the version of numbers and dots; else ("", "")."""
    name, _, version = line.partition("==")
    # Nearly always, and without a pattern.
    if is_plain_name(name) and is_plain_version(version):
        return name, version
    match = re.fullmatch(_PLAIN_PIN, line) if version else None
    return (match[1], match[2]) if match else ("", "")


def logical_line_requirements(
    line: str, number: int, file: _RequirementsFile, finished: set[tuple[str, bool]]
) -> Iterator[BoundRequirement]:
    """What a line demands: one requirement, those of another file, or none."""
    text, options = _split_options(line)
    nested = options.get("--requirement") or options.get("--constraint")
    if text or "--editable" in options:
        demand = _line_requirement(text, options, number, file)
        if demand:  # a new record: _replace takes ten times as long
            place = file.constraint, file.path, number
            yield BoundRequirement(*demand[:6], *place, likely_name=demand.likely_name)
    elif nested:
        is_constraint = "--requirement" not in options
        yield from _nested_requirements(nested[0], file, is_constraint, finished)


def _nested_requirements(
    name: str,
    parent: _RequirementsFile,
    constraint: bool,
    finished: set[tuple[str, bool]],
) -> Iterator[BoundRequirement]:
    """What `-r FILE` or `-c FILE` demands. The path begins at the file that names it."""
    path = _nested_path(name, parent)
    key = parent.context.absolute(path)
    if key in parent.opened:
        raise BoundError(
            f"{name} is being read already: the files name each other in a circle"
        )
    if len(parent.opened) > _DEPTH_LIMIT:
        raise BoundError(f"{name}: files nested more than {_DEPTH_LIMIT} deep")
    # Read once as requirements and once as constraints: what it demands differs by that.
    if (key, constraint) in finished:
        return
    try:
        lines = parent.context.read_text(path).splitlines()
    except BoundError as error:
        if error.line:
            raise error.at(path) from None
        raise BoundError(f"{path}: {error.message}") from None
    opened = (*parent.opened, key)
    file = _RequirementsFile(BoundFile(path), parent.context, lines, opened, constraint)
    yield from _file_requirements(file, finished)
    finished.add((key, constraint))


def _nested_path(name: str, parent: _RequirementsFile) -> str:
    """The path of a file that a requirements file names."""
    # Only the user names servers: no bound makes envlock ask others.
    if is_remote(parent.path) or re.match("https?:", name, re.IGNORECASE):
        raise BoundError(
            f"{name} is not fetched from here: give it as a bound of its own"
        )
    if re.match("file:", name, re.IGNORECASE):
        return path_of_url(name, parent.context)
    folder = os.path.dirname(parent.path)
    return os.path.normpath(os.path.join(folder, name))


def _logical_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines, joined, without comments and blank lines, with variables expanded.

    A backslash at the end continues a line. Its number is that of the first line. A comment line
    ends it.
    """
    first, parts = 0, []
    for number, line in enumerate((*lines, ""), 1):
        is_comment = "#" in line and line.lstrip().startswith("#")
        # As in pip: a backslash at the end of a comment continues nothing.
        if line.endswith("\\") and not is_comment:
            first = first or number
            parts.append(line.strip("\\"))
            continue
        if first:
            # The blank keeps a comment a comment after the join.
            line = "".join((*parts, " " * is_comment, line))  # noqa: PLW2901
        text = _without_comment(line).strip()
        if text:
            yield first or number, text
        first, parts = 0, []


def _without_comment(line: str) -> str:
    """A line without its comment. `#` begins one at the line's start or after white space."""
    return re.split(r"(?<!\S)#", line, maxsplit=1)[0] if "#" in line else line


def _variables(line: str) -> dict[str, str]:
    """The values of a line's `${NAME}`. One that is unset or empty stays as it is written."""
    # As in pip: capitals alone, and what is unset or empty is left as it stands.
    if "${" not in line or len(line) > _LINE_LIMIT:
        return {}
    values: dict[str, str] = {}
    for name in re.findall(_VARIABLE, line):
        value = os.environ.get(name)
        if value:
            values[name] = value
    return values


def _with_variables(line: str, variables: dict[str, str]) -> str:
    """A line with its variables replaced."""
    if not variables:
        return line

    def value_of(match: re.Match[str]) -> str:
        return variables.get(match[1], match[0])

    return re.sub(_VARIABLE, value_of, line)


def _without_values(
    demand: BoundRequirement, line: str, variables: dict[str, str]
) -> BoundRequirement:
    """A requirement that shows the names of variables instead of their values."""
    return demand._replace(text=_hide_values(demand.text, line, variables))


def _hide_values(text: str, otherwise: str, variables: dict[str, str]) -> str:
    """A text for people, with the names of variables for their values, which may be secret.

    Where a part of a value is left over, `otherwise` is the text.
    """
    words: list[str] = []
    for name, value in variables.items():
        text = text.replace(value, f"${{{name}}}")
        text = text.replace(repr(value[:QUOTED_LENGTH]), f"${{{name}}}")
        words += re.findall(r"[\w-]{4,}", value.partition("://")[2] or value)
    return otherwise if any(word in text for word in words) else text


def _split_options(line: str) -> tuple[str, dict[str, list[str]]]:
    """line = [REQUIREMENT] [OPTION]...; options begin at the first word with a dash.

    The marker of `-e PATH ; MARKER` is given as the option ";".
    """
    if len(line) > _LINE_LIMIT:
        raise BoundError(f"longer than {_LINE_LIMIT} characters: no requirement")
    # Nearly always: nothing has to be split.
    if line[0] != "-" and " -" not in line:
        return line, {}
    start = 0 if line[0] == "-" else line.index(" -")
    text, marker = line[start:].lstrip(), ""
    path = text[3:]
    # `pip freeze` doesn't quote a path with blanks.
    if text[:4] == "-e /" and " " in path and os.path.isdir(path):
        return "", {"--editable": [path]}
    # uv writes and reads the marker of an editable, pip passes over it.
    if text.startswith(("-e", "--e")):
        text, _, marker = text.partition(" ;")
    options = _parse_options(_split_words(text))
    if marker:
        options[";"] = [marker.strip()]
    return line[:start].rstrip(), options


# A part of a word: plain characters, a text in single or double quotes, an escaped character.
_WORD_PART = (
    r"""(?s)([^ \t\r\n'"\\]+)|'([^']*)'|"([^"\\]*(?:\\.[^"\\]*)*)"|\\(.)|([ \t\r\n]+)"""
)


def _split_words(text: str) -> list[str]:
    """The words of a text as a POSIX shell splits them.

    The time that shlex takes grows with the square of a word's length.
    """
    if not re.search(r"[\"'\\]", text):
        return re.findall(r"[^ \t\r\n]+", text)
    words: list[list[str]] = [[]]
    match_part = re.compile(_WORD_PART).match
    position = 0
    while position < len(text):
        match = match_part(text, position)
        if not match:
            what = (
                "escaped character" if text[position:] == "\\" else "closing quotation"
            )
            raise BoundError(f"cannot split the options: no {what}")
        if match[5]:
            words.append([])
        elif match[3]:
            words[-1].append(re.sub(r'\\(["\\])', r"\1", match[3]))
        else:
            plain, single_quoted, _, escaped, _ = match.groups()
            words[-1].append(plain or single_quoted or escaped or "")
        position = match.end()
    return ["".join(parts) for parts in words if parts]


def _parse_options(words: list[str]) -> dict[str, list[str]]:
    """The values of options by their long names. Other words are passed over, as by pip."""
    options: dict[str, list[str]] = {}
    remaining = iter(words)
    for word in remaining:
        if word == "--":
            break
        if word[:1] != "-" or word == "-":
            continue
        name, value = _split_option(word)
        if name in _FLAGS:
            if value is not None:
                raise BoundError(
                    f"expected no value after {name}, found {excerpt(value)}"
                )
        else:
            value = next(remaining, None) if value is None else value
            _check_value(name, value)
        options.setdefault(name, []).append(value or "")
    return options


def _check_value(name: str, value: str | None) -> None:
    expected, pattern = _VALUE_FORMS.get(name, ("a value", ""))
    if value is None or not re.match(pattern, value):
        found = "" if value is None else f", found {excerpt(value)}"
        raise BoundError(f"expected {expected} after {name}{found}")


def _split_option(word: str) -> tuple[str, str | None]:
    """option = --NAME[=VALUE] | -N[VALUE]; NAME may be cut short as long as it is unambiguous"""
    if not word.startswith("--"):
        if word[:2] not in _SHORT_OPTIONS:
            raise BoundError(f"unknown option {word[:2]}")
        return _SHORT_OPTIONS[word[:2]], word[2:] or None
    given, equals, value = word.partition("=")
    long_options = _FLAGS + _VALUED_OPTIONS
    # pip parses with optparse, which takes an unambiguous beginning for the whole.
    names = [name for name in long_options if name.startswith(given)]
    if given in long_options:
        names = [given]
    if not names:
        shown = given if re.fullmatch(r"--[\w-]{1,60}", given) else excerpt(given)
        raise BoundError(f"unknown option {shown}")
    if len(names) > 1:
        raise BoundError(f"ambiguous option {given} ({', '.join(names)})")
    return names[0], value if equals else None


def _line_requirement(
    text: str, options: dict[str, list[str]], number: int, file: _RequirementsFile
) -> BoundRequirement | None:
    """What one line demands; None if its marker doesn't hold."""
    if "--editable" in options:
        marker = options.get(";", [""])[0]
        demand = _editable_requirement(text or options["--editable"][0], file)
    else:
        # As pip has it: in a URL a semicolon counts only with a blank after it.
        text, _, marker = text.partition("; " if is_url(text) else ";")
        demand = _plain_requirement(text.strip(), file)
        marker = marker.strip()
    if marker and not file.context.holds(parse_marker(marker)):
        return None
    demand = demand if demand.name else _with_name(demand, number, file)
    if "--hash" in options and "--editable" not in options:
        return demand._replace(hashes=frozenset(map(str.lower, options["--hash"])))
    return demand


def _plain_requirement(text: str, file: _RequirementsFile) -> BoundRequirement:
    """What a line without options and marker demands: a URL, a path or a requirement by name."""
    check_length(text)
    location = _location_of(text, file)
    if location:
        return _location_requirement(location, text, file)
    return _named_requirement(text, file)


def _named_requirement(text: str, file: _RequirementsFile) -> BoundRequirement:
    """requirement = NAME[EXTRAS] SPECIFIER | NAME[EXTRAS] @ URL, without its marker"""
    requirement = parse_requirement(text)
    if file.constraint and requirement.extras:
        raise BoundError(f"a constraint cannot have extras: {text}")
    url = requirement.url
    if url and not re.match(r"[a-z][a-z0-9+.-]+:", url, re.IGNORECASE):
        requirement.url = url_of_path(_find_path(url, file))
    return bound_requirement(requirement, file.context)


def _location_of(text: str, file: _RequirementsFile) -> str:
    """The URL of a line that is a URL or a path; empty if it is neither."""
    if is_url(text):
        return text
    name = without_extras(text)
    # A URL is looked for nowhere: what was looked for is kept, and a URL may hold a password.
    has_separator = "/" in text or os.sep in text
    is_pathlike = has_separator or text.startswith(".")
    if is_pathlike and re.search(r"(?i)@\s*[a-z][a-z0-9+.-]*:", text):
        is_pathlike = False
    is_archive = name.lower().endswith(ARCHIVE_SUFFIXES)
    if not is_pathlike and not is_archive:
        return ""
    # The extras behind a path follow the grammar of those behind a name.
    parse_requirement("name" + text[len(name) :])
    path = _find_path(name, file)
    if is_pathlike and file.context.is_directory(path):
        _check_project(path, text, file)
        return url_of_path(path)
    before, mark, _ = text.partition("@")
    has_name = mark and "/" not in before and not before.startswith(".")
    means_path = _has_archive(path, file.context) or not has_name
    return url_of_path(path) if is_archive and means_path else ""


def _check_project(path: str, text: str, file: _RequirementsFile) -> None:
    files = [os.path.join(path, name) for name in ("pyproject.toml", "setup.py")]
    if not any(map(file.context.is_file, files)):
        what = "found no pyproject.toml or setup.py in"
        raise BoundError(f"expected a project's directory, {what} {text}")


def _find_path(path: str, file: _RequirementsFile) -> str:
    """The absolute path of an archive or of a project's directory.

    As in pip, a relative path begins at the working directory. If nothing is there, it begins at
    the folder of the file that names it, else at that of the bound file.
    """
    context = file.context
    absolute = context.absolute(path)
    if os.path.isabs(path) or is_stream(file.path):
        return absolute
    for opened in (file.opened[-1], file.opened[0]):
        if _is_source(absolute, context):
            break
        folder = os.path.dirname(opened)
        absolute = os.path.normpath(os.path.join(folder, path))
    return absolute


def _is_source(path: str, context: ReadContext) -> bool:
    """Whether an archive or a project's directory is there."""
    if path.lower().endswith(ARCHIVE_SUFFIXES) and _has_archive(path, context):
        return True
    files = [os.path.join(path, name) for name in _PROJECT_FILES]
    return any(map(context.is_file, files))


def _has_archive(path: str, context: ReadContext) -> bool:
    """Whether an archive is there. Only one that isn't is watched: no start should read it."""
    return os.path.isfile(path) or context.is_file(path)


def _location_requirement(
    location: str, text: str, file: _RequirementsFile, editable: bool = False
) -> BoundRequirement:
    """What a URL demands. Its name is empty if neither `#egg=` nor an archive's name tells it."""
    reference = reference_from_url(location, file.context, editable)
    address, fields = split_fragment(location)
    name = version = ""
    if reference.kind == "archive":
        path = unquoted(address.partition("?")[0])
        name, version = archive_identity(os.path.basename(path.rstrip("/")))
    # A wheel's own name is surer than `#egg=`: pip goes by it, too.
    if not address.endswith(".whl"):
        if "egg" in fields:
            name, version = parse_egg(fields["egg"]), ""
        elif file.constraint:
            raise BoundError(f"a constraint needs a name: {text}")
    specifier = parse_specifier(f"=={version}") if version else None
    return BoundRequirement(
        canonicalize_name(name),
        without_credentials(text),
        specifier,
        reference=reference,
    )


def _with_name(
    demand: BoundRequirement, number: int, file: _RequirementsFile
) -> BoundRequirement:
    """A requirement with the name that the files of its directory tell.

    If they don't, the name stays empty: an installed record may tell it, else a comment.
    """
    name, likely_name, reference = "", "", demand.reference
    if reference and reference.kind == "directory":
        path = path_of_url(reference.url, file.context)
        folder = os.path.normpath(os.path.join(path, reference.subdirectory))
        name = project_name(folder, file.context)
    # Its record will be an editable directory, which tells no URL.
    elif reference and reference.editable:
        raise BoundError(
            f"cannot tell the name of the project (write 'NAME @ URL'): {demand.text}"
        )
    if reference and reference.editable and not name:
        likely_name = canonicalize_name(_frozen_name(file.lines, number))
    return demand._replace(name=canonicalize_name(name), likely_name=likely_name)


def _frozen_name(lines: list[str], number: int) -> str:
    """The name that `pip freeze` tells in a comment above the line with this number."""
    # pip freeze writes one comment line above an editable, or two where its remote is gone.
    above = lines[: number - 1][-2:]
    for line in reversed(above):
        if not line.startswith("#"):
            break
        # "# Editable install with no version control (NAME==VERSION)", or "# Editable Git … (…)"
        match = re.match(r"# Editable [^()]*\(([^()=]+)==", line)
        if match and is_project_name(match[1]):
            return match[1]
    return ""


def _editable_requirement(text: str, file: _RequirementsFile) -> BoundRequirement:
    """What `-e PATH[EXTRAS]`, `-e VCS+URL#egg=NAME` or `-e NAME @ URL` demands."""
    check_length(text)
    if file.constraint:
        raise BoundError("an editable requirement cannot be a constraint")
    requirement = _direct_requirement(text)
    if requirement:
        _check_editable(requirement.url or "", text)
        demand = bound_requirement(requirement, file.context, editable=True)
        return demand._replace(text="-e " + demand.text)
    location = without_extras(text)
    path = _find_path(location, file)
    if file.context.is_directory(path):
        location = url_of_path(path)
    elif location[:5].lower() != "file:":
        location = re.sub(r"^(git|hg|svn|bzr):", r"\1+\g<0>", text)
    _check_editable(location, text)
    demand = _location_requirement(location, text, file, editable=True)
    return demand._replace(text="-e " + demand.text)


def _direct_requirement(text: str) -> Requirement | None:
    """The requirement if it is NAME @ URL, else None."""
    if "@" not in text:
        return None
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    return requirement if requirement.url else None


def _check_editable(location: str, text: str) -> None:
    is_file = location[:5].lower() == "file:"
    # pip refuses an editable archive: only a tree of sources can be one.
    is_repository = is_url(location) and re.match(VCS_SCHEME, location, re.IGNORECASE)
    if not is_file and not is_repository:
        expected = "a project's directory or a VCS URL after -e"
        raise BoundError(f"expected {expected}, found {excerpt(text)}")


# ==================================================================================================
# Lock graph
# ==================================================================================================


# As TOML has it, or as Python shows what TOML had: `sha256:…` or `sha256 = "…"`.
_ARCHIVE_HASH = r"""\b(sha\d+|md5)(?::| = "|': ')([0-9a-f]+)["']"""


class ParsedLock(NamedTuple):
    """A parsed lock. An archive table that was cut out is replaced by its place in the text: `sdist = "120:345"`."""

    data: dict[str, Any]
    text: str = ""  # empty if nothing was cut out


def load_lock(text: str) -> ParsedLock:
    """Parse a TOML lock, without its tables of archives where that is safe."""
    is_of_uv = ', upload-time = "' in text
    tables = UV_ARCHIVE_TABLES if is_of_uv else ARCHIVE_TABLES
    rest = re.sub(tables, _cut_out, text)
    # in a string of several lines, what looks like a table may be text
    if '"""' not in rest and "'''" not in rest:
        try:
            return ParsedLock(load_toml(rest), text)
        except BoundError:
            pass  # the whole text tells the right line
    return ParsedLock(load_toml(text))


def _cut_out(match: re.Match[str]) -> str:
    """The place of tables instead of themselves, unless a line or an escape may stand in a string."""
    name, tables = match.group(1, 2)
    if "\\" in tables or (tables[0] == "[") != (tables[-1] == "]"):
        return match[0]
    if "\n" in tables and re.search(r"\n(?! +\{|\]\Z)", tables):
        return match[0]
    return f'\n{name} = "{match.start(2)}:{match.end(2)}"'


def name_of(package: ParsedTable) -> str:
    """A package's normalised name."""
    return canonicalize_name(package.require("name", str))


def grouped(
    packages: list[ParsedTable], key_of: Callable[[ParsedTable], str]
) -> dict[str, list[ParsedTable]]:
    """A lock's packages by their keys, by which dependencies find them."""
    by_key: dict[str, list[ParsedTable]] = {}
    for package in packages:
        by_key.setdefault(key_of(package), []).append(package)
    return by_key


def pinned_requirement(
    package: ParsedTable, reference: DirectReference | None, archives: str
) -> BoundRequirement:
    """What a locked package demands: its version from an index, or its source."""
    name = name_of(package)
    if reference:
        version = package.text("version")
        return source_requirement(name, reference, package.key_path, version, archives)
    version = package.require("version", str)
    if not is_version(version):
        key_path = key_path_of(package.key_path, "version")
        problem = f"expected a version, found {describe_value(version)}"
        raise error_at(key_path, problem)
    text = f"{name}=={version}"
    return BoundRequirement(  # all by place, since it is quicker
        name,
        text,
        None,
        version,
        None,
        NO_NAMES,
        False,
        BoundFile(),
        0,
        archives,
        package.key_path,
    )


def source_requirement(
    name: str,
    reference: DirectReference,
    key_path: str,
    version: str = "",
    archives: str = "",
) -> BoundRequirement:
    """A package from elsewhere: its source identifies it, and an archive's hash its content."""
    text = f"{'-e ' * reference.editable}{name} @ {reference_text(reference)}"
    if reference.kind != "archive":
        return BoundRequirement(name, text, reference=reference, key_path=key_path)
    reference = reference._replace(hashes=reference.hashes | _archive_hashes(archives))
    return BoundRequirement(
        name, text, version=version or None, reference=reference, key_path=key_path
    )


def _archive_hashes(text: str) -> Names:
    """The hashes in the text of tables of archives."""
    pairs = re.findall(_ARCHIVE_HASH, text, re.IGNORECASE)
    return frozenset(f"{name}:{value}".lower() for name, value in pairs)


def locked_hashes(requirement: BoundRequirement) -> Names:
    """The hashes that a bound gives for a package's archives."""
    return requirement.hashes | _archive_hashes(requirement.archives)


def project_names(pyproject: ParsedTable) -> Names:
    """The name of the project that a lock belongs to."""
    return normalised(filter(None, [declared_name(pyproject)]))


def check_version(version: str, pattern: str, key_path: str) -> None:
    """Raise BoundError unless the version of a lock's format matches.

    The patterns admit newer revisions of a known version.
    """
    if not re.fullmatch(pattern, version):
        found = describe_value(version)
        problem = f"envlock doesn't know version {found} of this format"
        raise error_at(key_path, problem)


def chosen_groups_with_main(
    selection: Selection, known: Names, default: Names, main: str
) -> Names:
    """The groups that count, of a format whose main dependencies are a group too."""
    groups = selected_groups(selection, known, default)
    return groups if selection.only_groups else (groups | {main}) - selection.no_groups


def source_key(table: ParsedTable, *keys: str) -> str:
    """The first of these keys that a table has; empty where it has none."""
    return next((key for key in keys if table.text(key)), "")


# In a lock several extras may be selected at once: `extra == "x"` means `"x" in extras`.
_EXTRA_COMPARISON = r"""\bextra\s*([!=])=\s*("[^"]*"|'[^']*')"""
_QUOTED = r"""'([^']*)'|"([^"]*)\""""


def wildcard_words(words: Iterable[str]) -> list[str]:
    """The versions in the list of an `in`, where `3.8` stands for each patch release: `3.8.*`."""
    return [word if word.count(".") > 1 else f"{word}.*" for word in words]


def _extra_membership(match: re.Match[str]) -> str:
    """`"x" in extras` instead of `extra == "x"`."""
    return f"{match[2]} {'in' if match[1] == '=' else 'not in'} extras"


class LockReader:
    """What every format's reader needs: the lock, the folder of its paths, its markers."""

    def __init__(
        self,
        lock: ParsedLock,
        path: str,
        context: ReadContext,
        assumption: bool = False,
    ) -> None:
        self.text = lock.text
        self.data = ParsedTable(lock.data)
        # paths in a bound that is no file are relative to the working directory
        folder = "" if is_stream(path) else os.path.dirname(path)
        self.folder = context.absolute(folder)
        self.remote = is_remote(path)
        self.context = context
        self.assumption = assumption
        self.has_assumed = False
        self.answers: dict[tuple[str, Names, Names], bool] = {}
        # the normalised texts in a marker that asks for extras or groups
        self.quoted: dict[str, Names] = {}

    def holds(
        self,
        table: ParsedTable,
        key: str,
        extras: Iterable[str] = (),
        groups: Names = NO_NAMES,
    ) -> bool:
        """Whether a table's marker holds while these extras and groups are selected."""
        text = table.text(key)
        if not text:
            return True
        key_path = key_path_of(table.key_path, key)
        return self.judge(text, key_path, extras, groups)

    def any_holds(
        self, table: ParsedTable, key: str, extras: Iterable[str] = ()
    ) -> bool:
        """Whether one of a table's markers holds, if it has any."""
        texts = table.texts(key)
        if not texts:
            return True
        key_path = key_path_of(table.key_path, key)
        return any(self.judge(text, key_path, extras) for text in texts)

    def judge(
        self,
        text: str,
        key_path: str,
        extras: Iterable[str] = (),
        groups: Names = NO_NAMES,
    ) -> bool:
        """Whether a marker holds; the same text is judged once for the same answer to what it asks."""
        quoted = self.asked_names(text)
        asked_extras, asked_groups = quoted.intersection(extras), quoted & groups
        key = (text, asked_extras, asked_groups)
        if key not in self.answers:
            # Several extras may be selected at once, which `extra == "x"` was not made for.
            clear = text
            if "extra" in text:
                clear = re.sub(_EXTRA_COMPARISON, _extra_membership, text)
            marker = parse_marker(clear, key_path)
            answer = self.context.holds(
                marker,
                compare=self.compare,
                extras=asked_extras,
                dependency_groups=asked_groups,
            )
            self.answers[key] = answer
        return self.answers[key]

    def compare(self, name: str, left: str, operator: str, right: str) -> bool:
        """A comparison in a marker, as the tool that wrote the lock makes it."""
        return compare_values(name, left, operator, right)

    def assume(self) -> bool:
        """The answer to a comparison that depends on what can't be told, as on the tool's own Python.

        A lock is then read twice: what only one of the answers demands may be there.
        """
        self.has_assumed = True
        return self.assumption

    def asked_names(self, text: str) -> Names:
        """The names of extras and groups that a marker may ask for."""
        if "extra" not in text and "dependency_groups" not in text:
            return NO_NAMES
        if text not in self.quoted:
            names = [single or double for single, double in re.findall(_QUOTED, text)]
            self.quoted[text] = normalised(names)
        return self.quoted[text]

    def environments(self, key: str) -> list[BoundRequirement]:
        """A requirement that no interpreter satisfies, where none of a lock's environments is the target."""
        if self.any_holds(self.data, key):
            return []
        text = "python; " + " or ".join(self.data.texts(key))
        return [python_demand(text, key_path=key)]

    def archives(self, table: ParsedTable, *keys: str) -> str:
        """A package's tables of archives as text."""
        return "".join([self.archive_text(table, key) for key in keys])

    def archive_text(self, table: ParsedTable, key: str) -> str:
        """A table of archives, or an array of them, as text."""
        value = table.data.get(key)
        if value is None:
            return ""
        # What `_cut_out` has left: START:END in the text.
        if self.text and type(value) is str:
            start, _, end = value.partition(":")
            if start.isdigit() and end.isdigit():
                return self.text[int(start) : int(end)]
        return str(value if isinstance(value, dict) else table.members(key, dict))

    def path(self, path: str) -> str:
        """A path in the lock as an absolute one."""
        return os.path.normpath(os.path.join(self.folder, path))

    def beside(self, folder: str = ".") -> ParsedTable:
        """The pyproject.toml in a folder of the lock's.

        Empty where there is none, or the lock was fetched from a URL.
        """
        path = os.path.join(self.path(folder), "pyproject.toml")
        # What lies beside a URL is another's, and would have to be fetched.
        if self.remote or not self.context.is_file(path):
            return ParsedTable({})
        try:
            return ParsedTable(
                load_toml(self.context.read_text(path)), "pyproject.toml: "
            )
        except BoundError as error:
            raise error.at(path) from None

    def reference(
        self,
        kind: str,
        where: str,
        subdirectory: str = "",
        commit: str = "",
        editable: bool = False,
    ) -> DirectReference:
        """A source: the commit of a repository, the archive at a URL, or what is at a path."""
        if kind in VCS_KINDS:
            # by which branch or tag a commit was found, each tool records differently
            prefix = f"{kind}+"
            where = where[len(prefix) :] if where.startswith(prefix) else where
            url = without_credentials(where)
            return DirectReference("vcs", url, kind, "", commit, editable, subdirectory)
        if kind == "url":
            reference = reference_from_url(where, self.context)
            return reference._replace(kind="archive", subdirectory=subdirectory)
        return reference_from_path(self.path(where), editable, subdirectory)


ANY_VERSION = SpecifierSet()


class Dependency(NamedTuple):
    """A dependency on one of several packages, with these of its extras."""

    candidates: list[ParsedTable]
    extras: Names
    table: ParsedTable = ParsedTable({})  # where it stands
    specifier: SpecifierSet = ANY_VERSION
    holds: bool = True  # its marker, in formats where no walk changes the answer


class WalkState(NamedTuple):
    """What a walk has asked for and turned on. It may change the walk's own answers: the next one begins with it."""

    active: Names  # extras and groups, as the markers of a uv.lock name them
    # of packages with several versions, by their key and the specifier's text
    specifiers: dict[str, dict[str, SpecifierSet]]


class Walk:
    """One walk through a graph, from what the one before has told."""

    def __init__(self, before: WalkState) -> None:
        self.before = before
        self.active = set(before.active)
        self.specifiers: dict[str, dict[str, SpecifierSet]] = {}
        # of several candidates those that all requesters admit
        self.remaining: dict[str, list[ParsedTable]] = {}

    def state(self) -> WalkState:
        """What the next walk begins with."""
        return WalkState(frozenset(self.active), self.specifiers)

    def narrow(
        self, key: str, candidates: list[ParsedTable], specifier: SpecifierSet
    ) -> list[ParsedTable]:
        """The candidates of one key that satisfy every requester, as far as these are known."""
        if key not in self.remaining:
            self.remaining[key], self.specifiers[key] = candidates, {}
            # Requesters that come later in this walk are known from the walk before.
            for previous in self.before.specifiers.get(key, {}).values():
                self.remaining[key] = _filter_candidates(self.remaining[key], previous)
        text = str(specifier)
        if text not in self.specifiers[key]:
            self.specifiers[key][text] = specifier
            self.remaining[key] = _filter_candidates(self.remaining[key], specifier)
        return self.remaining[key]


_MAX_WALKS = 20  # real locks take three at most


def _filter_candidates(
    packages: list[ParsedTable], specifier: SpecifierSet
) -> list[ParsedTable]:
    """The packages whose versions satisfy a specifier; all if none does."""
    admitted = [
        package
        for package in packages
        if specifier.contains(package.text("version"), prereleases=True)
    ]
    # None does where the project overrides versions (PDM's `resolution.overrides`).
    return admitted or packages


class LockGraph(LockReader):
    """A lock whose packages count if something that counts depends on them."""

    def __init__(
        self,
        lock: ParsedLock,
        path: str,
        context: ReadContext,
        assumption: bool = False,
    ) -> None:
        super().__init__(lock, path, context, assumption)
        self.pyproject = self.beside()
        self.packages = self.data.tables("package")
        self.by_key = grouped(self.packages, self.key_of)

    def key_of(self, package: ParsedTable) -> str:
        """By which key dependencies find a package."""
        return name_of(package)

    def fits(self, package: ParsedTable) -> bool:  # noqa: ARG002
        """Whether the target's Python can have a package."""
        return True

    def starts(self) -> Iterator[Dependency]:
        """The project's own dependencies that were chosen."""
        raise NotImplementedError

    def dependencies_of(self, package: ParsedTable) -> Iterator[Dependency]:
        """A package's dependencies, without those of its extras."""
        raise NotImplementedError

    def extra_dependencies(
        self,
        package: ParsedTable,  # noqa: ARG002
        extra: str,  # noqa: ARG002
    ) -> Iterator[Dependency]:
        """What an extra of a package adds."""
        return iter(())

    def counts(self, dependency: Dependency, active: set[str]) -> bool:  # noqa: ARG002
        """Whether a dependency's marker holds, while these extras and groups are active."""
        return dependency.holds

    def turned_on(self, dependency: Dependency) -> Names:  # noqa: ARG002
        """What becomes active once this dependency counts."""
        return NO_NAMES

    def resolve(self, active: Names = NO_NAMES) -> list[ParsedTable]:
        """The packages that count: those of the first walk that ends with what it began with."""
        reached: set[ParsedTable] = set()
        state = WalkState(active, {})
        # Conflicts (uv) and several versions of a package make a walk depend on its own result.
        for _ in range(_MAX_WALKS):
            before = state
            reached, state = self.walk(before)
            if state == before:
                break
        return [package for package in self.packages if package in reached]

    def walk(self, state: WalkState) -> tuple[set[ParsedTable], WalkState]:
        """The packages that the starts lead to, and those that they lead to in turn.

        A package's own dependencies are followed once, and those of each of its extras once.
        """
        walk = Walk(state)
        followed: dict[ParsedTable, set[str]] = {}
        queue = list(self.starts())
        # The queue grows in the loop: breadth first, without recursion, as graphs may be deep.
        for dependency in queue:
            if not self.counts(dependency, walk.active):
                continue
            active = self.turned_on(dependency)
            if active:
                walk.active |= active
            package = self.select_candidate(dependency, walk)
            if package is None:
                continue
            if package not in followed:
                followed[package] = set()
                queue.extend(self.dependencies_of(package))
            if not dependency.extras:
                continue
            for extra in sorted(dependency.extras - followed[package]):
                followed[package].add(extra)
                queue.extend(self.extra_dependencies(package, extra))
        return set(followed), walk.state()

    def select_candidate(
        self, dependency: Dependency, walk: Walk
    ) -> ParsedTable | None:
        """Among the packages of one key the newest version that satisfies every requester."""
        candidates = dependency.candidates
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        fitting = list(filter(self.fits, candidates)) or candidates
        best = walk.narrow(self.key_of(candidates[0]), fitting, dependency.specifier)
        return max(best, key=_version_of)

    def packages_without_project(self, doubtful: set[ParsedTable]) -> list[ParsedTable]:
        """Without the project the roots are packages without dependents: they count, and what they lead to.

        What only false markers or doubtful packages lead to is added to `doubtful`, and so are
        two packages of one key.
        """
        dependents, dependencies = self.both_directions()
        queue = list(doubtful)
        queue += [package for package, others in dependents.items() if not others]
        for package in queue:
            doubtful.add(package)
            for other in dependencies.get(package, set()) - doubtful:
                dependents[other].discard(package)
                if not dependents[other]:
                    doubtful.add(other)
                    queue.append(other)
        for packages in self.by_key.values():
            living = set(packages) - doubtful
            doubtful |= living if len(living) > 1 else set()
        return [package for package in self.packages if package not in doubtful]

    def both_directions(
        self,
    ) -> tuple[
        dict[ParsedTable, set[ParsedTable]], dict[ParsedTable, set[ParsedTable]]
    ]:
        """By package its dependents whose markers hold, and all of its dependencies."""
        dependents: dict[ParsedTable, set[ParsedTable]] = {}
        dependencies: dict[ParsedTable, set[ParsedTable]] = {}
        for package in self.packages:
            for dependency in self.dependencies_of(package):
                others = {package} if self.counts(dependency, set()) else set()
                # A package may depend on itself with an extra, which makes it no dependent of its
                # own.
                for candidate in _filter_candidates(
                    dependency.candidates, dependency.specifier
                ):
                    dependents.setdefault(candidate, set()).update(others - {candidate})
                    dependencies.setdefault(package, set()).add(candidate)
        return dependents, dependencies


def _version_of(package: ParsedTable) -> Version:
    """A package's version, 0 where the lock gives none."""
    return parse_value(Version, package.text("version") or "0", package.key_path)


# ==================================================================================================
# Poetry projects
# ==================================================================================================


_POETRY_CLAUSE = r"(\^|~=|~|===?|=|!=|<=|>=|<|>)?[ ]*v?([\w*][\w.*+!-]*)"
_POETRY_PLATFORM = r"(?s)(!=|==?=?)?\s*(.+)"


class _AnyOf(SpecifierSet):
    """Poetry's `||`: a version must satisfy one of several sets."""

    __slots__ = ("alternatives",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.alternatives = [
            SpecifierSet(_poetry_clauses(part)) for part in re.split(r"\|\|?", text)
        ]

    def contains(self, version: Version | str, prereleases: bool | None = None) -> bool:
        """Whether the version satisfies one of the sets."""
        return any(
            specifier.contains(version, prereleases) for specifier in self.alternatives
        )

    def __str__(self) -> str:
        return " || ".join(map(str, self.alternatives))


def parse_constraint(text: str, key_path: str) -> SpecifierSet:
    """CONSTRAINT ('||' CONSTRAINT)*, as Poetry and pdm write it. `key_path` is for the BoundError of an invalid one."""
    if "|" in text:
        return parse_value(_AnyOf, text, key_path)
    return parse_value(
        SpecifierSet, parse_value(_poetry_clauses, text, key_path), key_path
    )


def _poetry_clauses(text: str) -> str:
    """`^1.2`, `~1.2`, `1.*` and `1.2`, between commas or blanks, as PEP 440 clauses."""
    # The pattern's time grows with the square of the number of blanks.
    text = re.sub(" {2,}", " ", text)
    rest = re.sub(_POETRY_CLAUSE, "", text).strip(" ,\t")
    if rest:
        raise InvalidSpecifier(f"expected a version constraint, found {excerpt(text)}")
    clauses = re.findall(_POETRY_CLAUSE, text)
    return ",".join(
        [_poetry_clause(operator, version) for operator, version in clauses]
    )


def _poetry_clause(operator: str, version: str) -> str:
    """One of Poetry's clauses in terms of PEP 440."""
    # `*` and the empty constraint admit all versions.
    if version.strip("*.") == "":
        return ""
    if operator in ("", "=", "==", "!="):
        return f"!={version}" if operator == "!=" else f"=={version}"
    # Old locks have `>=3.6.*`.
    version = version[:-2] if version.endswith(".*") else version
    # PEP 440 orders no local labels, and its specifiers refuse one behind `>=`.
    if operator != "===":
        version = version.partition("+")[0]
    # `~=1` is no specifier of PEP 440; for Poetry it means >=1,<2.
    if operator in ("^", "~") or (operator == "~=" and version.isdigit()):
        return f">={version},<{_upper_bound(operator, Version(version))}"
    return operator + version


def _upper_bound(operator: str, version: Version) -> str:
    """The first version that is too new: a caret holds the leftmost part that isn't zero, a tilde the minor version."""
    release, held = version.release, 1
    if operator == "^":
        nonzero = [position for position, part in enumerate(release) if part]
        held = nonzero[0] if nonzero else len(release)
    # `~1` means >=1,<2 and `^0` means >=0,<1: there is no part to the right.
    held = min(held, len(release) - 1)
    epoch = f"{version.epoch}!" if version.epoch else ""
    bound = [*release[:held], release[held] + 1]
    return epoch + ".".join(map(str, bound))


class PoetryDependency(NamedTuple):
    """A dependency as Poetry writes it, in a pyproject.toml or in a lock."""

    name: str
    # { version, extras, optional, markers, python, platform, and a source's keys }
    table: ParsedTable
    group: str
    listed: Names  # the extras that list it

    def counts(self, reader: LockReader, extras: Names) -> bool:
        """Whether it counts for the target, while these extras of what depends on it are asked for."""
        if self.table.flag("optional") and not self.listed & extras:
            return False
        platform = reader.context.environment()["sys_platform"]
        if not _admits_platform(self.table.text("platform"), platform):
            return False
        admitted = admits_python(self.table, "python", reader.context)
        return admitted and reader.holds(self.table, "markers", extras)

    def specifier(self) -> SpecifierSet:
        """The versions that will do."""
        return parse_constraint(self.table.text("version") or "*", self.table.key_path)


def _admits_platform(constraint: str, platform: str) -> bool:
    """Whether Poetry's constraint (`linux || darwin`, `!=win32, !=cygwin`) admits a `sys_platform`."""

    def admits(clause: str) -> bool:
        """Whether a clause does: `linux`, `*` or `!=win32`."""
        match = re.fullmatch(_POETRY_PLATFORM, clause.strip())
        if match is None or match[2] == "*":
            return True
        excludes = match[1] == "!="
        return (match[2] == platform) is not excludes

    check_length(constraint)
    alternatives = constraint.replace("||", "|").split("|")
    return any(all(map(admits, clauses.split(","))) for clauses in alternatives)


def admits_python(table: ParsedTable, key: str, context: ReadContext) -> bool:
    """Whether the target's Python satisfies a constraint."""
    constraint = table.text(key)
    if not constraint:
        return True
    # The release alone: Poetry takes 3.14.0rc1 for 3.14.0.
    release = re.match(r"\d+(\.\d+)*", context.environment()["python_full_version"])
    return parse_constraint(constraint, table.key_path).contains(
        release[0] if release else "0"
    )


def poetry_dependencies(
    table: ParsedTable, listing: Mapping[str, set[str]], group: str = "main"
) -> Iterator[PoetryDependency]:
    """`NAME = "CONSTRAINT"`, `NAME = { … }` or an array of these."""
    for key, value in table.data.items():
        name, key_path = canonicalize_name(key), key_path_of(table.key_path, key)
        listed = frozenset(listing.get(name, ()))
        # An array has one entry for each of several markers or Pythons.
        for entry in value if isinstance(value, list) else [value]:
            data = {"version": entry}
            if not isinstance(entry, str):
                data = expect_type(entry, dict, key_path)
            yield PoetryDependency(name, ParsedTable(data, key_path), group, listed)


def poetry_listing(extras: ParsedTable) -> dict[str, set[str]]:
    """By the names of dependencies the extras that list them: `socks = ["PySocks (>=1.5)"]`"""
    listing: dict[str, set[str]] = {}
    for extra in extras.data:
        for text in extras.texts(extra):
            name = canonicalize_name(re.split(r"[^\w.-]", text)[0])
            listing.setdefault(name, set()).add(canonicalize_name(extra))
    return listing


class _PoetryProject(NamedTuple):
    """What a pyproject.toml tells of Poetry's project."""

    dependencies: list[PoetryDependency]
    extras: Names
    groups: Names
    optional_groups: Names
    includes: dict[str, Names]  # by group those that it includes

    def with_included(self, groups: Names) -> Names:
        """These groups and those that they include."""
        included = sorted(groups)
        for group in included:
            included += sorted(self.includes.get(group, NO_NAMES) - set(included))
        return frozenset(included)


def poetry_project(
    pyproject: ParsedTable, standard_groups: bool = True
) -> _PoetryProject:
    """Poetry's own tables and the standard ones."""
    groups, dependency_groups = (
        pyproject.table("tool", "poetry", "group"),
        ParsedTable({}),
    )
    if standard_groups:
        dependency_groups = pyproject.table("dependency-groups")
    project = pyproject.table("project")
    optional = project.table("optional-dependencies")
    extras = ParsedTable({})
    # Poetry passes its own extras over once [project] has dependencies or extras.
    if not optional.data and not project.data.get("dependencies"):
        extras = pyproject.table("tool", "poetry", "extras")
    own = _own_dependencies(pyproject.table("tool", "poetry"), poetry_listing(extras))
    standard = {"main": list(_project_dependencies(project))}
    standard.update(_standard_dependencies(dependency_groups))
    dynamic = not {"dependencies", "optional-dependencies"}.isdisjoint(
        project.texts("dynamic")
    )
    names = list({**own, **standard})
    dependencies: list[PoetryDependency] = []
    for name in names:
        own_dependencies = own.get(name, [])
        merged = _merge_dependencies(standard.get(name, []), own_dependencies, dynamic)
        dependencies += [
            dependency for dependency in merged if dependency.name != "python"
        ]
    all_extras = normalised([*extras.data, *optional.data])
    optional_groups = [
        group for group in groups.data if groups.table(group).flag("optional")
    ]
    includes = _poetry_includes(groups, dependency_groups)
    return _PoetryProject(
        dependencies,
        all_extras,
        frozenset(names),
        normalised(optional_groups),
        includes,
    )


def _own_dependencies(
    poetry: ParsedTable, listing: Mapping[str, set[str]]
) -> dict[str, list[PoetryDependency]]:
    """By group the dependencies in Poetry's own tables."""
    groups = poetry.table("group")
    tables = [("main", poetry.table("dependencies"))]
    # Before Poetry 1.2 this was the one group.
    if "dev-dependencies" in poetry.data:
        tables.append(("dev", poetry.table("dev-dependencies")))
    tables += [(group, groups.table(group, "dependencies")) for group in groups.data]
    by_group: dict[str, list[PoetryDependency]] = {}
    for group, table in tables:
        name = canonicalize_name(group)
        by_group.setdefault(name, []).extend(poetry_dependencies(table, listing, name))
    return by_group


def _standard_dependencies(groups: ParsedTable) -> dict[str, list[PoetryDependency]]:
    """By group the dependencies in `[dependency-groups]`, without what groups include."""
    by_group: dict[str, list[PoetryDependency]] = {}
    for group in groups.data:
        name = canonicalize_name(group)
        dependencies = by_group.setdefault(name, [])
        for key_path, member in _members_of(groups, group):
            if isinstance(member, str):
                dependencies.append(_standard_dependency((key_path, member), name))
    return by_group


def _merge_dependencies(
    standard: list[PoetryDependency], own: list[PoetryDependency], dynamic: bool
) -> Iterator[PoetryDependency]:
    """The dependencies of a group that stands in both places: Poetry's table only tells more of those listed there.

    But where the extras alone are standard, and `project.dynamic` says so, the rest of "main" is Poetry's.
    """
    by_name: dict[str, list[PoetryDependency]] = {}
    for dependency in own:
        by_name.setdefault(dependency.name, []).append(dependency)
    for dependency in standard:
        if dependency.name not in by_name:
            yield dependency
        for own_dependency in by_name.get(dependency.name, ()):
            yield from _both_places(dependency, own_dependency)
    rest = dynamic and all(dependency.table.flag("optional") for dependency in standard)
    for dependency in own:
        if not standard or (rest and not dependency.table.flag("optional")):
            yield dependency


def _both_places(
    standard: PoetryDependency, own: PoetryDependency
) -> Iterator[PoetryDependency]:
    """A dependency that stands in both places, as each tells it: one counts if both do."""
    conditions: dict[str, Any] = {}
    for key in ("python", "platform"):
        if key in own.table.data:
            conditions[key] = own.table.data[key]
    tables = (standard.table, own.table)
    markers = filter(None, [table.text("markers") for table in tables])
    conditions["markers"] = " and ".join([f"({marker})" for marker in markers])
    for dependency in (standard, own):
        table = dependency.table
        merged = ParsedTable({**table.data, **conditions}, table.key_path)
        yield dependency._replace(table=merged)


def _members_of(groups: ParsedTable, group: str) -> list[tuple[str, object]]:
    """What stands in one of the standard groups, each member with its key path."""
    key_path = key_path_of(groups.key_path, group)
    members = enumerate(groups.require(group, list))
    return [(key_path_of(key_path, number), member) for number, member in members]


def _poetry_includes(groups: ParsedTable, standard: ParsedTable) -> dict[str, Names]:
    """By group those that it includes, in Poetry's way or the standard one."""
    entries = []  # a group, the key path, and which groups are included there
    for group in groups.data:
        key_path = key_path_of(groups.key_path, group)
        entries.append((group, key_path, groups.table(group).texts("include-groups")))
    for group in standard.data:
        for key_path, member in _members_of(standard, group):
            if not isinstance(member, str):
                entries.append((group, key_path, [included_group(member, key_path)]))
    existing = normalised([*groups.data, *standard.data])
    includes: dict[str, Names] = {}
    for group, key_path, names in entries:
        for name in sorted(normalised(names) - existing):
            raise error_at(key_path, f"there is no group {quote_name(name)}")
        key = canonicalize_name(group)
        includes[key] = includes.get(key, NO_NAMES) | normalised(names)
    return includes


def _project_dependencies(project: ParsedTable) -> Iterator[PoetryDependency]:
    """PEP 621's dependencies, as Poetry writes them."""
    for entry in entries_of(project, "dependencies"):
        yield _standard_dependency(entry)
    for extra, members in extra_entries(project).items():
        for entry in members:
            yield _standard_dependency(entry, extra=extra)


def _standard_dependency(
    entry: Entry, group: str = "main", extra: str = ""
) -> PoetryDependency:
    """A PEP 508 requirement as Poetry would write it; where it says from where, as it stands."""
    key_path, text = entry
    requirement = parse_requirement(text, key_path)
    version, extras = str(requirement.specifier), sorted(requirement.extras)
    markers = str(requirement.marker or "")
    source = text if requirement.url else ""
    table = {
        "version": version,
        "extras": extras,
        "markers": markers,
        "optional": bool(extra),
        "requirement": source,
    }
    name = canonicalize_name(requirement.name)
    return PoetryDependency(
        name, ParsedTable(table, key_path), group, frozenset({extra})
    )


# ==================================================================================================
# poetry.lock
# ==================================================================================================


_POETRY_RELEASE = r"(\d+(?:\.\d+)*)(?:[+-]?([0-9a-zA-Z+-]+(?:\.[0-9a-zA-Z+-]+)*))?"


def _compare_releases(left: str, operator: str, right: str) -> bool:
    """The order of versions as poetry-core has it, where `6.1.0-13-amd64` is 6.1.0 with a label."""
    wildcard = right.endswith(".*")
    found = _poetry_release(left)
    wanted = _poetry_release(right[:-2] if wildcard else right)
    if found is None or wanted is None:
        return compare_values("platform_release", left, operator, right)
    if wildcard or operator == "~=":
        return compare_versions(str(found[0]), operator, right)
    # A label is compared only with another one.
    if not wanted[1]:
        found = (found[0], "")
    return compare_in_order(found, operator, wanted)


def _poetry_release(text: str) -> tuple[Version, str] | None:
    """A version and its label; None for what is no version for poetry-core either."""
    if is_version(text):
        return Version(Version(text).public), Version(text).local or ""
    match = re.fullmatch(_POETRY_RELEASE, text)
    return (Version(match[1]), match[2] or "") if match else None


class _PoetryLock(LockGraph):
    """A poetry.lock, before 2.1 a graph, and the project beside it."""

    def __init__(self, lock: ParsedLock, path: str, context: ReadContext) -> None:
        super().__init__(lock, path, context)
        self.metadata = self.data.table("metadata")
        # Poetry takes no lock that doesn't tell
        version = self.metadata.require("lock-version", str)
        check_version(version, r"[12]\.\d+", "metadata.lock-version")
        # since 2.1 Poetry writes down what its solver found out; before, the graph must be walked
        self.solved = version[:1] == "2" and version != "2.0"
        # who wrote older locks knew no standard groups
        self.project = poetry_project(self.pyproject, self.solved)
        self.by_extra: dict[ParsedTable, DependenciesByExtra] = {}
        selection, project = context.selection, self.project
        self.known_extras = project.extras | normalised(self.data.table("extras").data)
        self.known_groups = project.groups.union(*map(_poetry_groups, self.packages))
        self.extras = selected_extras(selection, self.known_extras)
        default = self.known_groups - project.optional_groups
        self.groups = chosen_groups_with_main(
            selection, self.known_groups, default, "main"
        )

    def compare(self, name: str, left: str, operator: str, right: str) -> bool:
        """As poetry-core compares: texts have no order, and `in` asks for a word of a list."""
        python = name in ("python_version", "python_full_version")
        versions = python or name == "platform_release"
        if operator not in ("in", "not in"):
            if versions:
                return _compare_releases(left, operator, right)
            if operator == "!=":
                return left != right
            return "==" in operator and left == right
        value = self.context.environment()[name]
        # a variable on the right: Poetry 1, which knew no solved locks, put it on the left
        if value == right and self.solved and not python:
            return compare_in_order(left, operator, right)
        # poetry-core takes the text for a list with blanks, commas or bars between its words.
        words = re.split(r"[ ,|]+", left if value == right else right)
        if versions:
            releases = wildcard_words(words)
            contains = any(_compare_releases(value, "==", word) for word in releases)
            return contains is (operator == "in")
        return (value in words) is (operator == "in")

    def fits(self, package: ParsedTable) -> bool:
        """Whether a package's `python-versions` admit the target."""
        return admits_python(package, "python-versions", self.context)

    def starts(self) -> Iterator[Dependency]:
        """The project tells what a lock's packages are there for."""
        groups = self.project.with_included(self.groups)
        for dependency in self.project.dependencies:
            if dependency.group in groups:
                yield self.dependency(dependency, self.extras)

    def dependencies_of(self, package: ParsedTable) -> Iterator[Dependency]:
        """The dependencies of a package, without those of its extras."""
        for dependency in self.all_dependencies(package):
            yield self.dependency(dependency, NO_NAMES)

    def extra_dependencies(
        self, package: ParsedTable, extra: str
    ) -> Iterator[Dependency]:
        """What an extra of a package adds."""
        if package not in self.by_extra:
            self.by_extra[package] = self.group_by_extra(package)
        for dependency in self.by_extra[package].get(extra, []):
            yield self.dependency(dependency, frozenset({extra}))

    def group_by_extra(self, package: ParsedTable) -> DependenciesByExtra:
        """A package's dependencies by the extras that may add them."""
        by_extra: DependenciesByExtra = {}
        for dependency in self.all_dependencies(package):
            in_marker = self.asked_names(dependency.table.text("markers"))
            for extra in dependency.listed | in_marker:
                by_extra.setdefault(extra, []).append(dependency)
        return by_extra

    def all_dependencies(self, package: ParsedTable) -> Iterator[PoetryDependency]:
        """All dependencies of a package."""
        listing = poetry_listing(package.table("extras"))
        return poetry_dependencies(package.table("dependencies"), listing)

    def dependency(self, dependency: PoetryDependency, extras: Names) -> Dependency:
        """A dependency, while these extras of what depends on it are asked for."""
        candidates = self.by_key.get(dependency.name, [])
        wanted = normalised(dependency.table.texts("extras"))
        specifier = dependency.specifier()
        holds = dependency.counts(self, extras)
        return Dependency(candidates, wanted, specifier=specifier, holds=holds)

    def doubtful(self) -> set[ParsedTable]:
        """Without the project: the packages that don't count as far as they themselves tell."""
        listing = poetry_listing(self.data.table("extras"))
        doubtful = set()
        for package in self.packages:
            category = canonicalize_name(package.text("category") or "main")
            listed = listing.get(name_of(package), set())
            unlisted = package.flag("optional") and not listed & self.extras
            if category not in self.groups or unlisted or not self.fits(package):
                doubtful.add(package)
        return doubtful

    def counting(self, doubtful: set[ParsedTable]) -> list[ParsedTable]:
        """The packages that count; those of which that can't be told are added to `doubtful`."""
        if self.solved:
            return list(filter(self.is_selected, self.packages))
        if self.pyproject.data:
            return self.resolve()
        doubtful |= self.doubtful()
        return self.packages_without_project(doubtful)

    def is_selected(self, package: ParsedTable) -> bool:
        """Whether a package of a lock 2.1 counts: one of its groups does, and its marker for that holds."""
        groups = self.groups & normalised(package.texts("groups"))
        if not isinstance(package.data.get("markers"), dict):
            return bool(groups) and self.holds(package, "markers", self.extras)
        markers = package.table("markers")
        keys = {canonicalize_name(key): key for key in markers.data}
        counting = [keys.get(group, group) for group in groups]
        return any(self.holds(markers, key, self.extras) for key in counting)


def read_poetry(lock: ParsedLock, path: str, context: ReadContext) -> Bound:
    """poetry.lock."""
    poetry = _PoetryLock(lock, path, context)
    doubtful: set[ParsedTable] = set()
    counting = poetry.counting(doubtful)
    requirements = _poetry_python(poetry.metadata, "python-versions")
    requirements += [_poetry_requirement(poetry, package) for package in counting]
    permitted = project_names(poetry.pyproject).union(map(name_of, doubtful))
    return Bound(
        tuple(requirements), permitted, poetry.known_extras, poetry.known_groups
    )


def _poetry_python(table: ParsedTable, key: str) -> list[BoundRequirement]:
    """What a constraint demands of the interpreter; nothing where it is absent."""
    text, key_path = table.text(key), key_path_of(table.key_path, key)
    if not text:
        return []
    return [python_demand(f"python {text}", parse_constraint(text, key_path), key_path)]


def _poetry_groups(package: ParsedTable) -> Names:
    """The groups that a package names: since 2.1 as groups, in 1.x as categories."""
    return normalised([*package.texts("groups"), package.text("category") or "main"])


_POETRY_SOURCES = {"git": "git", "url": "url", "file": "path", "directory": "path"}


def _poetry_requirement(poetry: _PoetryLock, package: ParsedTable) -> BoundRequirement:
    """What a package that counts demands."""
    # Before lock-version 2.0 archives stood here, by package.
    files = poetry.data.table("metadata", "files")
    name = package.require("name", str)
    archives = poetry.archives(package, "files") + poetry.archives(files, name)
    source = package.table("source")
    kind = source.text("type") or "legacy"
    if kind == "legacy":
        return pinned_requirement(package, None, archives)
    if kind not in _POETRY_SOURCES:
        expected = f"expected legacy, directory, git, file or url, found {describe_value(kind)}"
        raise BoundError(
            f"{source.key_path}.type: {expected}", key_path=source.key_path
        )
    commit = ""
    if kind == "git":
        commit = source.text("resolved_reference") or source.require("reference", str)
    where, subdirectory = source.require("url", str), source.text("subdirectory")
    editable = package.flag("develop")
    reference = poetry.reference(
        _POETRY_SOURCES[kind], where, subdirectory, commit, editable
    )
    return pinned_requirement(package, reference, archives)


def read_poetry_project(data: dict[str, Any], path: str, context: ReadContext) -> Bound:
    """A pyproject.toml whose dependencies stand in `[tool.poetry]`."""
    reader, selection = LockReader(ParsedLock(data), path, context), context.selection
    project = poetry_project(reader.data)
    extras = selected_extras(selection, project.extras)
    default = project.groups - project.optional_groups
    groups = chosen_groups_with_main(selection, project.groups, default, "main")
    groups = project.with_included(groups)
    requirements = python_requirement(reader.data.table("project"))
    requirements += _poetry_python(
        reader.data.table("tool", "poetry", "dependencies"), "python"
    )
    for dependency in project.dependencies:
        if dependency.group in groups and dependency.counts(reader, extras):
            requirements.append(_poetry_demand(reader, dependency))
    return Bound(
        tuple(requirements), project_names(reader.data), project.extras, project.groups
    )


def _poetry_demand(
    reader: LockReader, dependency: PoetryDependency
) -> BoundRequirement:
    """What a dependency of a project demands: a version, or where it comes from."""
    name, table, _, _ = dependency
    if table.text("requirement"):
        requirement = parse_requirement(table.text("requirement"), table.key_path)
        # A relative path begins at the project.
        if requirement.url and ":" not in requirement.url:
            requirement.url = url_of_path(reader.path(requirement.url))
        return bound_requirement(requirement, reader.context, key_path=table.key_path)
    kind = source_key(table, "git", "file", "path", "url")
    if not kind:
        text = f"{name} {table.text('version') or '*'}"
        return BoundRequirement(
            name, text, dependency.specifier(), key_path=table.key_path
        )
    where, subdirectory = table.text(kind), table.text("subdirectory")
    editable = table.flag("develop")
    kind = "path" if kind == "file" else kind
    reference = reader.reference(kind, where, subdirectory, editable=editable)
    if kind == "git":
        revision = table.text(source_key(table, "rev", "tag", "branch"))
        commit = revision if re.fullmatch(COMMIT, revision) else ""
        reference = reference._replace(revision=revision, commit=commit)
    return source_requirement(name, reference, table.key_path)


def poetry_sync(selection: Selection, superset: bool) -> list[str] | None:
    """`poetry sync`, or `install`, which leaves further packages alone."""
    only = selection.only_groups
    # `--only` is how Poetry is told to leave the default groups out.
    if selection.no_default_groups and not only:
        only = selection.groups | {"main"}
    unsaid = selection.packages or selection.all_packages or selection.no_extras
    if unsaid or (only and (selection.no_groups or selection.all_groups)):
        return None
    words = ["VIRTUAL_ENV={prefix}", "poetry", "install" if superset else "sync"]
    words += ["--directory={folder}"]
    words += option_words("--extras=", selection.extras)
    words += option_words("--all-extras", selection.all_extras)
    words += option_words("--no-root", selection.no_install_project)
    if only:
        return [*words, "--only=" + ",".join(sorted(only))]
    words += option_words("--with=", selection.groups)
    words += option_words("--all-groups", selection.all_groups)
    return words + option_words("--without=", selection.no_groups)


# ==================================================================================================
# pyproject.toml and scripts
# ==================================================================================================


def read_pyproject(data: dict[str, Any], path: str, context: ReadContext) -> Bound:
    """PEP 621 and PEP 735; Poetry's own tables where `[project]` doesn't tell the dependencies."""
    pyproject = ParsedTable(data)
    project, table = pyproject.table("project"), pyproject.table("dependency-groups")
    dynamic = project.texts("dynamic")
    # Poetry 2 reads [project] first; its own tables alone count where that has no dependencies.
    if "poetry" in pyproject.table("tool").data and "dependencies" not in project.data:
        return read_poetry_project(data, path, context)
    if "project" not in data and "dependency-groups" not in data:
        expected = "[project], [dependency-groups] or [tool.poetry]"
        raise BoundError(f"expected {expected}, found none of them", 1)
    if "dependencies" in dynamic:
        # PEP 621: a build backend supplies the fields that `dynamic` lists
        message = (
            "project.dynamic: the build alone tells the dependencies (give a lock)"
        )
        raise BoundError(message, key_path="project.dynamic")
    extras, groups = extra_entries(project), frozenset(by_normal_name(table))
    whole, entries = not context.selection.only_groups, []
    if whole:
        entries += entries_of(project, "dependencies")
        for extra in sorted(selected_extras(context.selection, frozenset(extras))):
            entries += extras[extra]
    entries += group_entries(table, sorted(selected_groups(context.selection, groups)))
    name = canonicalize_name(project.text("name"))
    # pip asks requires-python of the project alone, not of its groups.
    requirements = python_requirement(project) if whole else []
    requirements += _entry_requirements(entries, name, extras, context)
    permitted = frozenset({name} - {""})
    return Bound(tuple(requirements), permitted, frozenset(extras), groups)


def group_entries(table: ParsedTable, names: Iterable[str]) -> Iterator[Entry]:
    """The requirements of groups and of those that they include, each once (PEP 735)."""
    keys = by_normal_name(table)
    done: set[str] = set()
    for name in names:
        yield from _group_entries(table, name, keys, done)


def _group_entries(
    table: ParsedTable,
    name: str,
    keys: Mapping[str, str],
    done: set[str],
    including: tuple[str, ...] = (),
) -> Iterator[Entry]:
    """The requirements of a group that isn't done, and of those that it includes."""
    if name in done:
        return
    array = key_path_of(table.key_path, keys[name])
    for number, member in enumerate(table.require(keys[name], list)):
        key_path = key_path_of(array, number)
        if isinstance(member, str):
            yield key_path, member
            continue
        included = included_group(member, key_path)
        if included not in keys:
            raise error_at(key_path, f"there is no group {quote_name(included)}")
        if included in (*including, name):
            raise error_at(key_path, "the groups include each other in a circle")
        yield from _group_entries(table, included, keys, done, (*including, name))
    done.add(name)


def _entry_requirements(
    entries: list[Entry],
    project: str,
    extras: Mapping[str, list[Entry]],
    context: ReadContext,
) -> Iterator[BoundRequirement]:
    """The requirements whose markers hold; one on the project itself stands for those of its extras."""
    expanded: set[str] = set()
    for key_path, text in entries:
        requirement = parse_requirement(text, key_path)
        if not context.holds(requirement.marker):
            continue
        if not project or canonicalize_name(requirement.name) != project:
            yield bound_requirement(requirement, context, key_path=key_path)
            continue
        for extra in sorted(set(map(canonicalize_name, requirement.extras)) - expanded):
            expanded.add(extra)
            # The loop over them reaches these, too.
            entries.extend(extras.get(extra, ()))


def read_script(data: dict[str, Any], path: BoundFile, context: ReadContext) -> Bound:
    """PEP 723."""
    # So that key paths, and with them line numbers, refer to the embedded TOML.
    path.text = _toml_of_script(path.text)
    script = ParsedTable(data)
    entries = entries_of(script, "dependencies")
    return Bound(
        (*python_requirement(script), *_entry_requirements(entries, "", {}, context))
    )


def load_script(text: str) -> dict[str, Any]:
    """Parse the TOML in a script (PEP 723)."""
    return load_toml(_toml_of_script(text))


def _toml_of_script(text: str) -> str:
    """The TOML of a script's `# /// script` block, on the lines where it stands (PEP 723)."""
    lines = [line.rstrip("\r") for line in text.split("\n")]
    start = end = 0
    for number, line in enumerate(lines, 1):
        if line != "# /// script" or number < end:
            continue
        # PEP 723: "When there are multiple comment blocks of the same TYPE defined, tools MUST
        # produce an error".
        if start:
            raise BoundError("a second `# /// script` block", number)
        start, end = number, _block_end(lines, number)
    if not start:
        raise BoundError("expected a `# /// script` block, found none", 1)
    toml_lines = [line[2:] for line in lines[start : end - 1]]
    return "\n" * start + "\n".join(toml_lines)


def _block_end(lines: list[str], start: int) -> int:
    """The number of the last `# ///` among the comment lines after a block's start."""
    end = 0
    for number, line in enumerate(lines[start:], start + 1):
        if line != "#" and not line.startswith("# "):
            break
        # PEP 723: of several lines `# ///` the last one ends the block.
        end = number if line == "# ///" else end
    if not end:
        raise BoundError("expected `# ///` after this block, found none", start)
    return end


# ==================================================================================================
# uv.lock
# ==================================================================================================


_UV_DIRECTORIES = ("editable", "virtual", "directory")
_UV_SOURCES = ("registry", "git", "url", "path", *_UV_DIRECTORIES)


class _UvChoice(NamedTuple):
    """The extras and groups of a uv.lock's roots: those that there are, and those that count."""

    known_extras: Names
    known_groups: Names
    extras: Names
    groups: Names  # the roots' own
    shared_groups: Names  # the workspace's


class _UvLock(LockGraph):
    """The graph in a uv.lock, and which part of it is selected."""

    def __init__(self, lock: ParsedLock, path: str, context: ReadContext) -> None:
        check_version(
            str(ParsedTable(lock.data).require("version", int)), "1", "version"
        )
        super().__init__(lock, path, context)
        self.manifest = self.data.table("manifest")
        # Only then do markers ask for what is selected, and the walk must note it.
        self.conflicting = "conflicts" in lock.data
        self.sources = {package: _uv_source(package) for package in self.packages}
        projects = [package for package in self.packages if self.is_project(package)]
        self.project = projects[0] if projects else None
        self.members = normalised(self.manifest.texts("members"))
        # A project alone is no workspace, and not listed.
        if not self.members:
            self.members = normalised(map(name_of, projects))
        self.roots = self.selected_roots(context.selection)
        # a workspace's groups are those of its project, or stand in the manifest
        self.shared = self.manifest.table("dependency-groups")
        if self.project:
            self.shared = self.project.table("dev-dependencies")
        self.choice = self.select(context.selection)

    def is_project(self, package: ParsedTable) -> bool:
        """Whether a package is the project in the lock's own folder."""
        kind, where = self.sources[package]
        return where == "." and kind in _UV_DIRECTORIES

    def selected_roots(self, selection: Selection) -> list[ParsedTable]:
        """The members that were asked for, else the project, else all members of a workspace without one."""
        chosen = self.members if selection.all_packages else selection.packages
        if self.project and not chosen:
            return [self.project]
        roots = []
        for name in sorted(self.members & (chosen or self.members)):
            roots += self.by_key.get(name, [])
        return roots

    def select(self, selection: Selection) -> _UvChoice:
        """The extras and groups that count."""
        extras = NO_NAMES.union(*map(_uv_extras, self.roots))
        own = NO_NAMES.union(*map(_uv_groups, self.roots))
        known = own.union(self.shared.data)
        groups = selected_groups(selection, known, self.default_groups(known))
        shared = groups
        if selection.packages and (self.project or len(selection.packages) == 1):
            # a member takes the groups that it hasn't itself from the workspace, if they are asked for by name
            shared = selected_groups(selection, known) - own
        return _UvChoice(
            extras, known, selected_extras(selection, extras), groups, shared
        )

    def default_groups(self, known: Names) -> Names:
        """`tool.uv.default-groups` of the root's pyproject.toml, which newer locks tell too."""
        if not self.roots and not self.shared.data:
            return NO_NAMES
        project = self.project
        if self.roots and len(self.context.selection.packages) == 1:
            project = self.roots[0]
        pyproject = self.beside(self.sources[project][1] if project else ".")
        # uv takes the project's word, even where the lock is frozen and says something else
        table = (
            pyproject.table("tool", "uv")
            if pyproject.data
            else project or self.manifest
        )
        # uv: a list of names, or the word "all"; without it, "dev".
        if table.data.get("default-groups") == "all":
            return known
        listed = "default-groups" in table.data
        return normalised(table.texts("default-groups") if listed else ["dev"])

    def counting(self) -> list[ParsedTable]:
        """The packages that the roots reach and uv installs: no virtual one is."""
        active = NO_NAMES.union(*map(self.conflict_names, self.roots))
        left_out = self.not_installed(self.context.selection)
        packages = self.resolve(active)
        installed = [
            package for package in packages if self.sources[package][0] != "virtual"
        ]
        return [package for package in installed if name_of(package) not in left_out]

    def not_installed(self, selection: Selection) -> Names:
        """The names that `--no-install-project` and `--no-install-workspace` leave out."""
        left_out: list[ParsedTable] = []
        if selection.no_install_project:
            # of several members that were asked for, none is "the project"
            of_workspace = selection.all_packages or not selection.packages
            if of_workspace and self.project:
                left_out = [self.project]
            elif not of_workspace and len(selection.packages) == 1:
                left_out = self.roots
        members = self.members if selection.no_install_workspace else NO_NAMES
        return members.union(map(name_of, left_out))

    def conflict_names(self, root: ParsedTable) -> Names:
        """What is selected on a root, as the markers of conflicts name it."""
        # uv writes `extra-N-PACKAGE-EXTRA`, with N the length of PACKAGE: no two can look the same.
        name = root.require("name", str)
        groups = _uv_names("group", root, self.choice.groups & _uv_groups(root))
        if self.context.selection.only_groups:
            return groups
        extras = _uv_names("extra", root, self.choice.extras & _uv_extras(root))
        return extras | groups | {canonicalize_name(f"project-{len(name)}-{name}")}

    def python_requirements(self) -> list[BoundRequirement]:
        """What the lock and the groups that count demand of the interpreter."""
        requirements = [
            *python_requirement(self.data),
            *self.environments("supported-markers"),
        ]
        for root in self.roots if self.choice.groups else []:
            for key_path, text in self.group_pythons(root):
                specifier = parse_specifier(text, key_path)
                requirements.append(
                    python_demand(f"python{specifier}", specifier, key_path)
                )
        return requirements

    def group_pythons(self, root: ParsedTable) -> Iterator[Entry]:
        """What a root's groups that count demand of the interpreter."""
        pyproject, chosen = self.beside(self.sources[root][1]), self.choice.groups
        # uv asks the pyproject.toml, whatever the lock says.
        if not pyproject.data:
            table = root.table("group-requires-python")
            for group in sorted(chosen.intersection(table.data)):
                yield key_path_of(table.key_path, group), table.require(group, str)
            return
        settings = pyproject.table("tool", "uv", "dependency-groups")
        keys = by_normal_name(settings)
        counting = included_groups(pyproject.table("dependency-groups"), chosen)
        for group in sorted(counting.intersection(keys)):
            table = settings.table(keys[group])
            text = table.text("requires-python")
            if text:
                yield key_path_of(table.key_path, "requires-python"), text

    def permitted(self) -> Names:
        """The project may be there, unless uv takes it away for this selection."""
        selection = self.context.selection
        without = selection.only_groups or selection.packages
        if without or selection.no_install_project or selection.no_install_workspace:
            return NO_NAMES
        return project_names(self.pyproject)

    def starts(self) -> Iterator[Dependency]:
        """The roots with their extras, then their groups, the workspace's groups, and a script's requirements."""
        # `uv sync --only-group` leaves the project and its dependencies out.
        whole = not self.context.selection.only_groups
        for root in self.roots:
            if whole:
                yield Dependency([root], self.choice.extras & _uv_extras(root), root)
            yield from self.grouped_dependencies(
                root.table("dev-dependencies"), self.choice.groups
            )
        yield from self.grouped_dependencies(self.shared, self.choice.shared_groups)
        if whole:
            yield from self.dependencies_in(self.manifest, "requirements")

    def grouped_dependencies(
        self, table: ParsedTable, groups: Names
    ) -> Iterator[Dependency]:
        """The dependencies of these groups."""
        # Sorted, so that a walk and its error are the same each time.
        for group in sorted(groups.intersection(table.data)):
            yield from self.dependencies_in(table, group)

    def dependencies_of(self, package: ParsedTable) -> Iterator[Dependency]:
        """A package's dependencies, without those of its extras."""
        return self.dependencies_in(package, "dependencies")

    def extra_dependencies(
        self, package: ParsedTable, extra: str
    ) -> Iterator[Dependency]:
        """What an extra of a package adds."""
        return self.dependencies_in(package.table("optional-dependencies"), extra)

    def dependencies_in(self, table: ParsedTable, key: str) -> Iterator[Dependency]:
        """The dependencies in an array; several packages of one name are told apart when a walk comes to them."""
        for dependency in table.tables(key):
            # uv writes names normalised.
            candidates = self.by_key.get(dependency.require("name", str))
            if candidates is None:
                candidates = self.by_key.get(name_of(dependency), [])
            names = NO_NAMES
            if len(dependency.data) > 1:  # most tell their name alone
                names = frozenset(
                    dependency.texts("extra") or dependency.texts("extras")
                )
            yield Dependency(candidates, names, dependency, ANY_VERSION, True)

    def counts(self, dependency: Dependency, active: set[str]) -> bool:
        """Whether a dependency's marker holds; what it turns on may be what the marker asks for."""
        if "marker" not in dependency.table.data:
            return True
        extras = active | self.turned_on(dependency) if self.conflicting else active
        return self.holds(dependency.table, "marker", extras)

    def turned_on(self, dependency: Dependency) -> Names:
        """The extras of the target, as the markers of conflicts name them."""
        if not self.conflicting or not dependency.extras:
            return NO_NAMES
        return _uv_names("extra", dependency.table, dependency.extras)

    def compare(self, name: str, left: str, operator: str, right: str) -> bool:
        """As uv compares: platform_release and platform_version as text, but on macOS.

        A pre-release of Python counts as its release.
        """
        if name == "python_full_version":
            left = _release_of(left)
        elif name == "implementation_version":
            return compare_versions(left, operator, right)
        elif name in ("platform_release", "platform_version"):
            system = self.context.environment()["sys_platform"]
            if name == "platform_release" and system == "darwin":
                return compare_versions(left, operator, right)
            return compare_in_order(left, operator, right)
        return compare_values(name, left, operator, right)

    def select_candidate(
        self, dependency: Dependency, walk: Walk
    ) -> ParsedTable | None:
        """The package that a dependency means: the version and the source stand there if the name is ambiguous."""
        candidates, table = dependency.candidates, dependency.table
        for key in ("version", "source"):
            if key in table.data:
                wanted = table.data[key]
                candidates = [
                    candidate
                    for candidate in candidates
                    if candidate.data.get(key) == wanted
                ]
        if not candidates:
            name = quote_name(table.data["name"])
            raise error_at(table.key_path, f"there is no such package {name}")
        if len(candidates) > 1:
            candidates = [
                candidate
                for candidate in candidates
                if self.any_holds(candidate, "resolution-markers", walk.active)
            ]
        return candidates[0] if candidates else None


def _release_of(python: str) -> str:
    """A Python's version without its pre-release."""
    match = re.match(r"\d+(?:\.\d+)*", python)
    return match[0] if match else python


def _uv_source(package: ParsedTable) -> tuple[str, str]:
    """`{ KIND = "WHERE" }`"""
    source = package.table("source")
    kinds = [kind for kind in source.data if kind in _UV_SOURCES]
    if len(kinds) != 1:
        expected, found = ", ".join(_UV_SOURCES), describe_value(source.data)
        problem = f"expected one of {expected}, found {found}"
        raise error_at(source.key_path, problem)
    return kinds[0], source.require(kinds[0], str)


def _uv_names(kind: str, package: ParsedTable, names: Iterable[str]) -> Names:
    """Extras or groups of a package as the markers of conflicts name them."""
    name = package.require("name", str)
    prefix = f"{kind}-{len(name)}-{name}-"
    return normalised(prefix + each for each in names)


def _uv_extras(package: ParsedTable) -> Names:
    """A package's extras; one without dependencies stands in the metadata alone."""
    listed = package.table("metadata").texts("provides-extras")
    return frozenset([*package.table("optional-dependencies").data, *listed])


def _uv_groups(package: ParsedTable) -> Names:
    """A package's groups; one without dependencies stands in the metadata alone."""
    listed = package.table("metadata", "requires-dev")
    return frozenset([*package.table("dev-dependencies").data, *listed.data])


def read_uv(lock: ParsedLock, path: str, context: ReadContext) -> Bound:
    """uv.lock: what its roots reach."""
    uv = _UvLock(lock, path, context)
    requirements = uv.python_requirements()
    requirements += [_uv_requirement(uv, package) for package in uv.counting()]
    extras, groups = uv.choice.known_extras, uv.choice.known_groups
    return Bound(tuple(requirements), uv.permitted(), extras, groups, uv.members)


def _uv_requirement(uv: _UvLock, package: ParsedTable) -> BoundRequirement:
    """What a package that counts demands."""
    archives = uv.archives(package, "sdist", "wheels")
    kind, where = uv.sources[package]
    if kind == "registry":
        return pinned_requirement(package, None, archives)
    commit, subdirectory = "", package.table("source").text("subdirectory")
    # `URL?subdirectory=FOLDER&rev=NAME#COMMIT`.
    if kind == "git":
        where, _, commit = where.partition("#")
        where, _, query = where.partition("?")
        within = re.search(r"(?:^|&)subdirectory=([^&]*)", query)
        subdirectory = unquoted(within[1].replace("+", " ")) if within else ""
    editable = kind == "editable" and not uv.context.selection.no_editable
    reference = uv.reference(kind, where, subdirectory, commit, editable)
    return pinned_requirement(package, reference, archives)


def uv_sync(selection: Selection, superset: bool) -> list[str] | None:
    """`uv sync`."""
    # uv refuses `--only-group` beside these.
    if selection.only_groups and (
        selection.extras or selection.all_extras or selection.groups
    ):
        return None
    words = ["UV_PROJECT_ENVIRONMENT={prefix}", "uv", "sync"]
    words += option_words("--inexact", superset)
    words += ["--project={folder}"]
    words += option_words("--extra=", selection.extras)
    words += option_words("--all-extras", selection.all_extras)
    words += option_words("--no-extra=", selection.no_extras)
    words += option_words("--group=", selection.groups)
    words += option_words("--all-groups", selection.all_groups)
    words += option_words("--no-group=", selection.no_groups)
    words += option_words("--no-default-groups", selection.no_default_groups)
    words += option_words("--only-group=", selection.only_groups)
    words += option_words("--package=", selection.packages)
    words += option_words("--all-packages", selection.all_packages)
    words += option_words("--no-editable", selection.no_editable)
    words += option_words("--no-install-project", selection.no_install_project)
    return words + option_words(
        "--no-install-workspace", selection.no_install_workspace
    )


# ==================================================================================================
# pylock.toml
# ==================================================================================================


def read_pylock(lock: ParsedLock, path: str, context: ReadContext) -> Bound:
    """PEP 751."""
    reader, selection = LockReader(lock, path, context), context.selection
    check_version(
        reader.data.require("lock-version", str), r"1(\.\d+)*", "lock-version"
    )
    extras = normalised(reader.data.texts("extras"))
    default = normalised(reader.data.texts("default-groups"))
    groups = normalised(reader.data.texts("dependency-groups")) | default
    # PEP 751: the default groups stand for a choice that the user doesn't make
    named = selection.all_groups or (selection.groups | selection.options) & groups
    chosen_groups = selected_groups(selection, groups, NO_NAMES if named else default)
    chosen_extras = selected_extras(selection, extras)
    requirements = [
        *python_requirement(reader.data),
        *reader.environments("environments"),
    ]
    for name, packages in grouped(reader.data.tables("packages"), name_of).items():
        counting = [
            package
            for package in packages
            if reader.holds(package, "marker", chosen_extras, chosen_groups)
        ]
        if len(counting) > 1:
            problem = f"{quote_name(name)} counts twice for this interpreter"
            raise error_at(counting[1].key_path, problem)
        for package in counting:
            requirements += python_requirement(package)
            if not (
                selection.no_install_project and _is_pylock_project(reader, package)
            ):
                requirements.append(_pylock_requirement(reader, package))
    permitted = (
        NO_NAMES if selection.no_install_project else project_names(reader.beside())
    )
    return Bound(tuple(requirements), permitted, extras, groups)


def _is_pylock_project(reader: LockReader, package: ParsedTable) -> bool:
    """Whether a package is the project in the lock's own folder."""
    # uv exports the project as an editable directory, at ".".
    where = package.table("directory").text("path")
    return bool(where) and reader.path(where) == reader.folder


def _pylock_requirement(reader: LockReader, package: ParsedTable) -> BoundRequirement:
    """What a package that counts demands: one of the kinds of sources must be there."""
    # PEP 751: vcs, directory and archive exclude each other, and exclude sdist and wheels
    kinds = [kind for kind in ("vcs", "directory", "archive") if kind in package.data]
    indexed = "sdist" in package.data or "wheels" in package.data
    if len(kinds) + indexed != 1:
        expected = "expected one of vcs, directory, archive, or sdist and wheels"
        problem = f"{expected}, found {', '.join(kinds) or 'none'}"
        raise error_at(package.key_path, problem)
    if kinds:
        reference = _pylock_reference(reader, kinds[0], package.table(kinds[0]))
        archives = reader.archives(package, "archive") if kinds[0] == "archive" else ""
        return pinned_requirement(package, reference, archives)
    archives = reader.archives(package, "sdist", "wheels")
    if "version" in package.data:
        return pinned_requirement(package, None, archives)
    name = name_of(package)
    return BoundRequirement(
        name, name, SpecifierSet(), archives=archives, key_path=package.key_path
    )


def _pylock_reference(
    reader: LockReader, kind: str, source: ParsedTable
) -> DirectReference:
    """Where a package comes from that no index has."""
    subdirectory = source.text("subdirectory")
    if kind == "directory":
        editable = source.flag("editable") and not reader.context.selection.no_editable
        where = source.require("path", str)
        return reader.reference("path", where, subdirectory, editable=editable)
    url = source.text("url")
    if not url:
        url = url_of_path(reader.path(source.require("path", str)))
    if kind == "archive":
        return reader.reference("url", url, subdirectory)
    vcs = source.text("type") or "git"
    if vcs not in VCS_KINDS:
        expected, found = ", ".join(VCS_KINDS), describe_value(vcs)
        key_path = key_path_of(source.key_path, "type")
        raise error_at(key_path, f"expected one of {expected}, found {found}")
    return reader.reference(vcs, url, subdirectory, source.require("commit-id", str))


def uv_pip_sync(selection: Selection, superset: bool) -> list[str] | None:
    """`uv pip sync`, or `install`, which leaves further packages alone."""
    if selection != Selection():
        return None
    if superset:
        return ["uv", "pip", "install", "--python={python}", "-r", "{file}"]
    return ["uv", "pip", "sync", "--python={python}", "{file}"]


# ==================================================================================================
# pdm.lock
# ==================================================================================================


class _PdmLock(LockGraph):
    """A pdm.lock: of a package with extras, what they ask for is an entry of its own."""

    def __init__(
        self,
        lock: ParsedLock,
        path: str,
        context: ReadContext,
        assumption: bool = False,
    ) -> None:
        super().__init__(lock, path, context, assumption)
        self.metadata = self.data.table("metadata")
        version = self.metadata.require("lock_version", str)
        check_version(version, r"4(\.\d+)*", "metadata.lock_version")
        project = self.pyproject.table("project")
        self.name = canonicalize_name(project.text("name"))
        # PDM calls extras groups, too: these tell which they are.
        optional = normalised(project.table("optional-dependencies").data)
        older = self.pyproject.table("tool", "pdm", "dev-dependencies").data
        groups = self.pyproject.table("dependency-groups").data
        dev = normalised([*groups, *older]) - optional
        if "groups" in self.metadata.data:
            self.known = normalised(self.metadata.texts("groups")) | {"default"}
        else:  # lock_version 4.0 and older: the groups are those of the project
            self.known = optional | dev | {"default"}
        self.extras = self.known - {"default"}
        if self.pyproject.data:
            self.extras = self.known & optional
        listed = self.known if "groups" in self.metadata.data else dev
        known_dev = self.known & dev
        self.groups = _pdm_chosen(
            context.selection, self.known, self.extras, known_dev, listed
        )

    def compare(self, name: str, left: str, operator: str, right: str) -> bool:
        """As pdm compares: any two versions as versions, all else by the order of text.

        Of what its releases answer differently, nothing is known; implementation_version is that
        of the Python that pdm itself runs in.
        """
        if name == "implementation_version":
            return self.assume()
        if name not in ("python_version", "python_full_version"):
            return compare_versions(left, operator, right)
        answer = compare_values(name, left, operator, right)
        newer_answer = self.compare_full(name, left, operator, right)
        return answer if answer is newer_answer else self.assume()

    def compare_full(self, name: str, left: str, operator: str, right: str) -> bool:
        """A comparison with a Python's version as newer releases make it: always with the full one."""
        environment = self.context.environment()
        full, is_first = environment["python_full_version"], left == environment[name]
        literal = right if is_first else left
        if operator in ("in", "not in"):
            words = wildcard_words(re.split(r"[, ]+", literal))
            contains = any(
                compare_values("python_full_version", full, "==", word)
                for word in words
            )
            return contains is (operator == "in")
        if literal.count(".") < 2 or literal.endswith(".*"):
            return compare_values(name, left, operator, right)
        left, right = (full, literal) if is_first else (literal, full)
        return compare_values("python_full_version", left, operator, right)

    def key_of(self, package: ParsedTable) -> str:
        """The name with the extras."""
        return _pdm_key(
            package.require("name", str), normalised(package.texts("extras"))
        )

    def starts(self) -> Iterator[Dependency]:
        """Without inherited metadata the project tells what a lock's packages are there for."""
        return self.dependencies_in(self.project_entries())

    def dependencies_of(self, package: ParsedTable) -> Iterator[Dependency]:
        """The dependencies of an entry."""
        return self.dependencies_in(entries_of(package, "dependencies"))

    def dependencies_in(self, entries: Iterable[Entry]) -> Iterator[Dependency]:
        """Requirements as dependencies."""
        for key_path, text in entries:
            requirement, holds = self.requirement(key_path, text)
            extras = normalised(requirement.extras)
            candidates = self.by_key.get(_pdm_key(requirement.name, extras), [])
            specifier = requirement.specifier
            yield Dependency(candidates, extras, specifier=specifier, holds=holds)

    def requirement(self, key_path: str, text: str) -> tuple[Requirement, bool]:
        """A requirement, and whether its marker holds."""
        editable = re.match(r"-e\s.*#egg=([\w.-]+(?:\[[\w.,-]*\])?)", text)
        # PDM writes the place of the project in paths as this variable.
        text = editable[1] if editable else text.replace("${PROJECT_ROOT}", self.folder)
        requirement = parse_requirement(text, key_path)
        marker = requirement.marker
        return requirement, marker is None or self.judge(str(marker), key_path)

    def project_entries(self) -> list[Entry]:
        """The requirements of the chosen groups; one on the project itself stands for its extras.

        pdm looks into these once: not into what an extra's own requirement on the project asks for.
        """
        extras = extra_entries(self.pyproject.table("project"))
        entries = list(_pdm_entries(self.pyproject, self.groups))
        expanded = set(self.groups)
        for key_path, text in list(entries):
            requirement, holds = self.requirement(key_path, text)
            if self.name and canonicalize_name(requirement.name) == self.name and holds:
                for extra in sorted(normalised(requirement.extras) - expanded):
                    expanded.add(extra)
                    entries.extend(extras.get(extra, ()))
        return entries

    def counting(self, doubtful: set[ParsedTable]) -> list[ParsedTable]:
        """The packages that count; those of which that can't be told are added to `doubtful`."""
        if "inherit_metadata" in self.metadata.texts("strategy"):
            return [package for package in self.packages if self.is_selected(package)]
        return (
            self.resolve()
            if self.pyproject.data
            else self.packages_without_project(doubtful)
        )

    def is_selected(self, package: ParsedTable) -> bool:
        """Whether one of a package's groups is chosen and its marker holds."""
        groups = normalised(package.texts("groups"))
        return bool(groups & self.groups) and self.holds(package, "marker")

    def permitted(self) -> Names:
        """The project may be there, unless pdm takes it away for this selection."""
        selection = self.context.selection
        left_out = selection.only_groups and "default" not in self.groups
        if left_out or selection.no_install_project:
            return NO_NAMES
        return project_names(self.pyproject)


def _pdm_key(name: str, extras: Names) -> str:
    """By which key dependencies find the entry of a package with these extras."""
    # PDM locks `requests[socks]` as an entry beside `requests`.
    return f"{canonicalize_name(name)}{sorted(extras)}"


def _pdm_entries(pyproject: ParsedTable, chosen: Names) -> Iterator[Entry]:
    """The requirements of a project's groups."""
    project, groups = pyproject.table("project"), pyproject.table("dependency-groups")
    if "default" in chosen:
        yield from entries_of(project, "dependencies")
    for extra, members in extra_entries(project).items():
        yield from members if extra in chosen else ()
    yield from group_entries(groups, sorted(chosen & normalised(groups.data)))
    older = pyproject.table("tool", "pdm", "dev-dependencies")
    for group in older.data:
        yield from (
            entries_of(older, group) if canonicalize_name(group) in chosen else ()
        )


def _pdm_chosen(
    selection: Selection, known: Names, extras: Names, dev: Names, all_groups: Names
) -> Names:
    """All groups; once one is named, only the development groups besides, unless it is one of them."""
    # `pdm sync` takes all groups; `-G` names some, with the development groups besides; `--prod`
    # none of these.
    groups = selected_groups(selection._replace(all_groups=False), known)
    groups |= selected_extras(selection, extras) | (
        dev if selection.all_groups else NO_NAMES
    )
    default = (dev if groups else all_groups) | {"default"}
    if groups & dev or selection.no_default_groups:
        default = frozenset({"default"})
    if selection.only_groups:
        default = NO_NAMES if groups & (dev | {"default"}) else dev
    return (groups | default) - selection.no_groups - selection.no_extras


def read_pdm(lock: ParsedLock, path: str, context: ReadContext) -> Bound:
    """pdm.lock."""
    pdm = _PdmLock(lock, path, context)
    doubtful: set[ParsedTable] = set()
    counting = pdm.counting(doubtful)
    # An entry with extras names the package once more: one requirement each.
    by_name = {name_of(package): _pdm_requirement(pdm, package) for package in counting}
    permitted = pdm.permitted().union(map(name_of, doubtful))
    # The other answer may be the right one: what only it demands is permitted.
    if pdm.has_assumed:
        other = _PdmLock(lock, path, context, assumption=True)
        permitted = permitted.union(map(name_of, other.counting(doubtful)))
    requirements = (*_pdm_python(pdm.metadata, context), *by_name.values())
    return Bound(requirements, permitted, pdm.extras, pdm.known)


_PDM_PLATFORM = r"(windows|macos|linux|manylinux|musllinux|alpine)(?:_\d+_\d+)?_?(\w*)"
_PDM_SYSTEMS = {"windows": "win32", "macos": "darwin"}  # the others are Linux
_PDM_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "i386": "x86", "i686": "x86"}


def _pdm_python(metadata: ParsedTable, context: ReadContext) -> list[BoundRequirement]:
    """`metadata.targets`: one of them must admit the interpreter."""
    tables, key_path = metadata.tables("targets"), "metadata.targets[0]"
    texts = [
        table.text("requires_python") or "*"
        for table in tables
        if _pdm_admits(table, context)
    ]
    if "*" in texts or not tables:
        return []
    if texts:
        text = " || ".join(dict.fromkeys(texts))
        specifier = parse_constraint(text, key_path)
        return [python_demand(f"python{text}", specifier, key_path)]
    platforms = [
        table.text("platform") or table.text("implementation") for table in tables
    ]
    text = "python for " + " or ".join(platforms)
    return [python_demand(text, key_path=key_path)]


def _pdm_admits(table: ParsedTable, context: ReadContext) -> bool:
    """Whether a target can be this implementation and platform; of another C library's version pdm only warns."""
    environment = context.environment()
    if table.text("implementation") not in ("", environment["implementation_name"]):
        return False
    platform = re.fullmatch(_PDM_PLATFORM, table.text("platform"))
    if not platform:
        return True
    # As PDM completes a platform without a machine.
    machine = platform[2] or ("arm64" if platform[1] == "macos" else "x86_64")
    wanted = _PDM_SYSTEMS.get(platform[1], "linux"), _PDM_MACHINES.get(machine, machine)
    own_machine = environment["platform_machine"].lower()
    return wanted == (
        environment["sys_platform"],
        _PDM_MACHINES.get(own_machine, own_machine),
    )


def _pdm_requirement(pdm: _PdmLock, package: ParsedTable) -> BoundRequirement:
    """What a package that counts demands."""
    archives = pdm.archives(package, "files")
    kind = source_key(package, "git", "url", "path")
    if not kind:
        return pinned_requirement(package, None, archives)
    where = package.text(kind).replace("${PROJECT_ROOT}", pdm.folder)
    commit = package.require("revision", str) if kind == "git" else ""
    editable = kind == "path" and package.flag("editable")
    editable = editable and not pdm.context.selection.no_editable
    reference = pdm.reference(
        kind, where, package.text("subdirectory"), commit, editable
    )
    return pinned_requirement(package, reference, archives)


def pdm_sync(selection: Selection, superset: bool) -> list[str] | None:
    """`pdm sync`."""
    if selection.packages or selection.all_packages or selection.no_extras:
        return None
    groups = selection.extras | selection.groups | selection.only_groups
    if selection.no_default_groups and groups:
        return None
    production = selection.no_default_groups or selection.only_groups == {"default"}
    no_default = bool(selection.only_groups) and "default" not in groups
    words = ["PDM_PYTHON={prefix}/bin/python", "pdm", "sync"]
    words += option_words("--clean-unselected", not superset)
    words += ["--project={folder}"]
    words += option_words("--prod", production)
    words += option_words("--no-default", no_default)
    words += option_words("-G", groups - {"default"})
    words += option_words("-G:all", selection.all_extras)
    words += option_words("--dev", selection.all_groups and not selection.all_extras)
    words += option_words("--without=", selection.no_groups)
    words += option_words("--no-editable", selection.no_editable)
    return words + option_words("--no-self", selection.no_install_project)


# ==================================================================================================
# Pipfile.lock
# ==================================================================================================


class _PipfileLock(LockReader):
    """A Pipfile.lock."""

    def compare(self, name: str, left: str, operator: str, right: str) -> bool:
        """By PEP 508, but pipenv takes implementation_version from the Python that it runs in itself."""
        if name == "implementation_version":
            return self.assume()
        return compare_values(name, left, operator, right)

    def requirements(
        self, categories: Iterable[str]
    ) -> dict[tuple[str, str], BoundRequirement]:
        """What these categories demand; of two entries for one package the first counts."""
        found: dict[tuple[str, str], BoundRequirement] = {}
        for category in categories:
            table = self.data.table(category)
            for key in table.data:
                if self.holds(table.table(key), "markers"):
                    requirement = _pipfile_requirement(self, key, table.table(key))
                    # without a name the source tells entries apart
                    source = "" if requirement.name else requirement.text
                    found.setdefault((requirement.name, source), requirement)
        return found


def read_pipfile(data: dict[str, Any], path: str, context: ReadContext) -> Bound:
    """Pipfile.lock: the categories that are chosen."""
    reader = _PipfileLock(ParsedLock(data), path, context)
    meta = reader.data.table("_meta")
    check_version(str(meta.require("pipfile-spec", int)), "6", "_meta.pipfile-spec")
    categories = {canonicalize_name(key): key for key in data if key != "_meta"}
    groups = frozenset(categories) | {"default"}
    chosen = chosen_groups_with_main(
        context.selection, groups, frozenset({"default"}), "default"
    )
    keys = [categories[name] for name in sorted(chosen.intersection(categories))]
    requirements, permitted = reader.requirements(keys), project_names(reader.beside())
    if reader.has_assumed:
        other = _PipfileLock(ParsedLock(data), path, context, assumption=True)
        permitted = permitted.union(name for name, _ in other.requirements(keys))
    return Bound(tuple(requirements.values()), permitted, NO_NAMES, groups)


def _pipfile_requirement(
    reader: LockReader, key: str, entry: ParsedTable
) -> BoundRequirement:
    """What an entry demands."""
    kind = source_key(entry, *VCS_KINDS, "path", "file")
    if not kind:
        return _pipfile_pin(key, entry)
    # pipenv passes the hashes beside a path or URL over: they are of the index's project of that name
    name, where = canonicalize_name(key), entry.text(kind)
    editable = entry.flag("editable")
    if kind in VCS_KINDS:
        where = where.partition("#")[0]
    if kind == "git":
        # pipenv installs a local repository as `-e git+file://…`, whatever the entry says
        editable = "file://" in where or os.path.isdir(reader.path(where))
    elif kind == "file":
        kind = "url" if is_url(where) else "path"
    subdirectory, ref = entry.text("subdirectory"), entry.text("ref")
    reference = reader.reference(kind, where, subdirectory, ref, editable)
    requirement = source_requirement(name, reference, entry.key_path)
    if kind in VCS_KINDS:
        return requirement
    # the key may be a short hash, or what the Pipfile's author liked
    return requirement._replace(name=_source_name(reference, reader))


def _pipfile_pin(key: str, entry: ParsedTable) -> BoundRequirement:
    """A version from an index."""
    name, version = canonicalize_name(key), entry.text("version")
    key_path = key_path_of(entry.key_path, "version")
    # `*` is how pipenv writes that any version will do.
    specifier = parse_specifier("" if version == "*" else version, key_path)
    hashes = frozenset(text.lower() for text in entry.texts("hashes"))
    text = f"{name}{specifier}"
    return BoundRequirement(
        name, text, specifier, hashes=hashes, key_path=entry.key_path
    )


def _source_name(reference: DirectReference, reader: LockReader) -> str:
    """The project's name as its archive's or its directory tells it; else empty."""
    if reference.kind == "directory":
        folder = path_of_url(reference.url, reader.context)
        return canonicalize_name(project_name(folder, reader.context))
    filename = unquoted(reference.url.partition("?")[0].rpartition("/")[2])
    try:
        return canonicalize_name(archive_identity(filename)[0])
    except BoundError:
        return ""


def pipenv_sync(selection: Selection, superset: bool) -> list[str] | None:  # noqa: ARG001
    """`pipenv sync`, which removes nothing."""
    # pipenv finds its project and environment by variables alone.
    words = [
        "PIPENV_PIPFILE={folder}/Pipfile",
        "VIRTUAL_ENV={prefix}",
        "pipenv",
        "sync",
    ]
    groups = sorted(selection.only_groups)
    if selection.groups:
        groups = ["default", *sorted(selection.groups)]
    words += ["--categories=" + ",".join(groups)] if groups else []
    words += option_words("--all", selection.all_groups)
    rest = selection._replace(groups=NO_NAMES, only_groups=NO_NAMES, all_groups=False)
    unsaid = selection.groups and selection.only_groups
    return words if rest == Selection() and not unsaid else None


# ==================================================================================================
# Bound files
# ==================================================================================================


# what a requirements file begins with, after comments and blank lines
_FIRST_LINE = (
    r"\A(?:[^\S\n]*(?:#.*)?\n){0,10000}[^\S\n]*(?:(?:#.*)?\Z|-[a-zA-Z-]|[./]|file:|[a-z+]+://"
    r"|[\w.-]+[^\S\n]*(?:\[.*\][^\S\n]*)?(?:[=<>!~]=|\([^\S\n]*[<>=!~]|[<>@;#\\]|$))"
)

_FORMATS = (
    Format(
        "pyproject.toml",
        r"pyproject\.toml",
        r"^\[(project|dependency-groups|tool\.poetry)\]",
        load_toml,
        read_pyproject,
        install_names,
    ),
    Format(
        "*.py (PEP 723)",
        r".*\.pyw?",
        r"^# /// script\s*$",
        load_script,
        read_script,
        install_names,
    ),
    Format(
        "requirements files",
        r".*\.(txt|in|pip)|(requirements|constraints)([^.]*|.*\.lock)",
        _FIRST_LINE,
        str.splitlines,
        read_requirements,
        install_files,
    ),
    Format(
        "pylock.toml",
        r"pylock(\.[^.]+)?\.toml",
        r"^created-by = |^\[\[packages\]\]",
        load_lock,
        read_pylock,
        uv_pip_sync,
        removes=True,
    ),
    Format(
        "uv.lock",
        r"uv\.lock|.*\.py\.lock",
        r"^version = \d+$",
        load_lock,
        read_uv,
        uv_sync,
        "pyproject.toml",
        removes=True,
        replaces=True,
    ),
    Format(
        "poetry.lock",
        r"poetry\.lock",
        r"^content-hash = ",
        load_lock,
        read_poetry,
        poetry_sync,
        "pyproject.toml",
        removes=True,
        replaces=True,
    ),
    Format(
        "pdm.lock",
        r"pdm\.lock",
        r"^lock_version = ",
        load_lock,
        read_pdm,
        pdm_sync,
        "pyproject.toml",
        removes=True,
    ),
    Format(
        "Pipfile.lock",
        r"Pipfile\.lock",
        r'^ *"pipfile-spec"',
        load_json,
        read_pipfile,
        pipenv_sync,
        "Pipfile",
    ),
)


# Files that people take for a bound, by their names in lower case, and what to do instead.
_FREEZE = (
    "freeze what is installed: python -m pip list --format=freeze > requirements.lock"
)
_OTHER_FILES = {
    "environment.yml": f"conda's environment.yml is not read yet; {_FREEZE}",
    "environment.yaml": f"conda's environment.yaml is not read yet; {_FREEZE}",
    "pixi.lock": f"pixi.lock is not read yet; {_FREEZE}",
    "pixi.toml": f"pixi.toml is not read yet; {_FREEZE}",
    "conda-lock.yml": f"conda-lock.yml is not read yet; {_FREEZE}",
    "conda-lock.yaml": f"conda-lock.yaml is not read yet; {_FREEZE}",
    "pipfile": "a Pipfile names no versions; Pipfile.lock does (pipenv lock)",
    "setup.py": f"a setup.py names no versions; {_FREEZE}",
    "setup.cfg": f"a setup.cfg names no versions; {_FREEZE}",
}
LOCK_NAMES = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml")
REQUIREMENTS_NAMES = ("requirements.lock", "requirements.txt")


def _refuse_other_files(path: str, text: str) -> None:
    """Raise for a file that another tool reads, unless it is a script with its own requirements."""
    instead = _OTHER_FILES.get(os.path.basename(path).lower())
    # Even a setup.py may be a script with a block of its own (PEP 723).
    if instead and not re.search(r"(?m)^# /// script\s*$", text):
        raise BoundError(instead)


def _refuse_folder(path: str, context: ReadContext) -> None:
    """Raise for a folder, with the lock that is in it."""
    if is_stream(path) or not os.path.isdir(context.absolute(path)):
        return
    names = LOCK_NAMES + REQUIREMENTS_NAMES
    candidates = [os.path.join(path, name) for name in names]
    locks = [lock for lock in candidates if os.path.isfile(context.absolute(lock))]
    hint = f"{locks[0]} is in it" if locks else "no lock is in it"
    raise BoundError(f"expected a file, found a folder ({hint})")


def _format_of(path: str, text: str) -> Format:
    """By the file's name, else by its content."""
    name = os.path.basename(path)
    usual = (
        "requirements files"
        if name in REQUIREMENTS_NAMES or name.endswith(".txt")
        else name
    )
    for form in _FORMATS:
        if form.title == usual:
            return form
    # No two formats share a name, and the last rows are the most frequent.
    for form in _FORMATS[::-1]:
        if re.fullmatch(form.names, name, re.IGNORECASE | re.DOTALL):
            return form
    for form in _FORMATS:
        if re.search(form.content, text, re.MULTILINE):
            return form
    titles = ", ".join(form.title for form in _FORMATS)
    raise BoundError(f"no bound file that envlock knows (it knows {titles})", 1, path)


def read_bounds(paths: Sequence[str], context: ReadContext) -> Bound:
    """The union of what bounds demand; what is no file stands in the context's texts."""
    requirements: list[BoundRequirement] = []
    permitted = extras = groups = members = NO_NAMES
    formats: frozenset[Format] = frozenset()
    for path in paths:
        bound = _read_bound(path, context)
        requirements += bound.requirements
        permitted |= bound.permitted
        extras |= bound.extras
        groups |= bound.groups
        members |= bound.members
        formats |= bound.formats
    union = Bound(tuple(requirements), permitted, extras, groups, members, formats)
    _check_selection(union, context.selection, ", ".join(map(shown_bound, paths)))
    return union


def _read_bound(path: str, context: ReadContext) -> Bound:
    """One bound file and those that it names."""
    file = BoundFile(shown_bound(path))
    try:
        _refuse_folder(path, context)
        file.text = context.read_text(path, allow_pipe=True)
        _refuse_other_files(path, file.text)
        form = _format_of(file, file.text)
        bound = form.read(form.load(file.text), file, context)
    except BoundError as error:
        raise error.at(
            file, file.line_of(error.key_path) if error.key_path else 0
        ) from None
    # Only deep nesting exhausts the stack, of whatever parser.
    except RecursionError:
        raise too_deep(file.text).at(file) from None
    requirements = tuple(
        [_with_file(requirement, file) for requirement in bound.requirements]
    )
    permitted = bound.permitted
    # The other readers have looked for their project themselves.
    if form.read in (
        read_requirements,
        read_script,
    ):  # the others have looked for their project
        permitted = _project_beside(path, context)
    return bound._replace(
        requirements=requirements, permitted=permitted, formats=frozenset({form})
    )


def _project_beside(path: str, context: ReadContext) -> Names:
    """The project that the bound belongs to: the one of the pyproject.toml beside it."""
    beside = os.path.join(os.path.dirname(path), "pyproject.toml")
    if is_stream(path) or not context.is_file(beside):
        return NO_NAMES
    try:
        name = toml_name(context.read_text(beside))
    # A broken pyproject.toml is not the fault of this bound.
    except BoundError:
        return NO_NAMES
    return normalised([name] if name else [])


_FILE_INDEX = BoundRequirement._fields.index("file")


def _with_file(requirement: BoundRequirement, file: BoundFile) -> BoundRequirement:
    """A requirement with the file that it stands in, unless a nested file told another."""
    if requirement.file:
        return requirement
    # As a list, since each package of a bound comes here and `_replace` is slower.
    values: list[Any] = list(requirement)
    values[_FILE_INDEX] = file
    return BoundRequirement(*values)


def _check_selection(bound: Bound, selection: Selection, files: str) -> None:
    """Raise BoundError for a selected name that no bound file has."""
    extras = selection.extras | selection.no_extras
    groups = selection.groups | selection.no_groups | selection.only_groups
    _check_names("extra", extras, bound.extras, files)
    _check_names("group", groups, bound.groups, files)
    _check_names(
        "extra or group", selection.options, bound.extras | bound.groups, files
    )
    _check_names("workspace member", selection.packages, bound.members, files)


def _check_names(kind: str, names: Names, known: Names, files: str) -> None:
    """Raise BoundError for the first name that isn't known."""
    for name in sorted(names - known):
        has = f"it has {', '.join(sorted(known))}" if known else "it has none"
        raise BoundError(f"there is no {kind} {quote_name(name)} ({has})", file=files)


# ==================================================================================================
# Interpreters
# ==================================================================================================


# An interpreter that is asked prints this before its answer: what a wrapper prints besides is
# passed over.
ANSWER = "envlock-interpreter: "
ASK_SECONDS = 30

# The first micro versions of 3.8 to 3.12 whose `site` passes over a .pth file with a leading dot;
# from 3.13 all do.
HIDDEN_PTH_SINCE = {8: 19, 9: 19, 10: 14, 11: 8, 12: 2}


class InterpreterError(EnvlockError):
    """An interpreter that can't be found, doesn't answer or is no Python."""


# A foreign Python as old as 3.6 runs the source of this function and of the next, too: no later
# syntax, quoted annotations.
def describe_interpreter(
    user_site: "bool | None" = None,  # noqa: UP037
    forced: "bool" = False,  # noqa: UP037
    executable: "str" = "",  # noqa: UP037
) -> "dict[str, Any]":  # noqa: UP037
    """Tell, as JSON data, where this Python's packages lie, without running a start-up file.

    Works before, while and after `site` runs, and under -S. `user_site` says whether a usual start
    has the user site; None: as this one; `forced` adds it to any. `sites` are directories in
    sys.path's order, existing or not; `user` is the user site or null. `executable` makes it that
    of another virtual environment of this Python.
    """
    import os
    import site
    import sys

    executable = executable or sys.executable
    private, system = virtual_environment(executable)
    if user_site is None:
        user_site = not sys.flags.no_user_site
    # Pyodide has os.getuid alone.
    if hasattr(os, "geteuid"):
        # `site` leaves the user site out where the rights are another user's or group's.
        same_user = os.getuid() == os.geteuid()
        user_site = user_site and same_user and os.getgid() == os.getegid()
    user = site.getusersitepackages() if forced or (user_site and system) else None
    prefixes = [sys.base_prefix]
    if sys.base_exec_prefix != sys.base_prefix:
        prefixes.append(sys.base_exec_prefix)
    # Under -S they are the base's; Debian's site decides by them.
    before = sys.prefix, sys.exec_prefix
    if private:
        sys.prefix = sys.exec_prefix = private
    try:
        own = site.getsitepackages([private]) if private else []
        base = site.getsitepackages(prefixes) if system else []
    finally:
        sys.prefix, sys.exec_prefix = before
    # PyPy's standard library comes with distributions (cffi, greenlet, hpy), which pip lists and
    # freezes.
    implementation = sys.implementation.name
    library = os.path.dirname(os.__file__) if implementation == "pypy" else None
    sites = []
    for path in [library, *own, user, *base]:
        if path and path not in sites:
            sites.append(path)
    prefix = private or sys.base_prefix
    version = list(sys.version_info[:3])
    return {
        "executable": executable,
        "implementation": implementation,
        "version": version,
        "prefix": prefix,
        "sites": sites,
        "user": user,
        "library": library,
    }


def virtual_environment(executable: "str") -> "tuple[str | None, bool]":  # noqa: UP037
    """A Python's virtual environment (its folder or None), and whether the base's packages count.

    PEP 405: a pyvenv.cfg stands beside the executable or one folder above it.
    """
    import os

    if not executable:
        return None, True
    scripts = os.path.dirname(os.path.abspath(executable))
    prefix = os.path.dirname(scripts)
    for folder in (scripts, prefix):
        config = os.path.join(folder, "pyvenv.cfg")
        if os.path.isfile(config):
            break
    else:
        return None, True
    with open(config, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read(1 << 20).split("\n")
    system = "true"
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key.strip().lower() == "include-system-site-packages":
            system = value.strip().lower()
    return prefix, system == "true"


class Interpreter(NamedTuple):
    """A Python, and the directories that its packages lie in."""

    executable: str
    implementation: str  # "cpython", "pypy"
    version: tuple[int, int, int]
    prefix: str  # the virtual environment's folder, or the installation's
    sites: tuple[str, ...]  # in the order of sys.path, existing or not
    user: str | None  # the one of these that is the user site
    # The one that is the standard library's: what it holds came with the interpreter.
    library: str | None
    # For markers; None: this very interpreter's, found out when needed.
    variables: Mapping[str, str] | None

    def environment(self) -> Mapping[str, str]:
        """The marker variables (PEP 508)."""
        return default_environment() if self.variables is None else self.variables


def is_inside(path: str, folder: str) -> bool:
    """Whether a path lies below a folder.

    Windows compares without case, and a drive's root ends with a separator.
    """
    import os

    path = os.path.normcase(path)
    start = os.path.normcase(os.path.join(folder, ""))
    return path.startswith(start) and path != start


def this_interpreter(
    user_site: bool | None = None, executable: str = ""
) -> Interpreter:
    """The interpreter that runs envlock. Raises InterpreterError.

    `user_site` True adds the user site where a start would leave it out. `executable` makes it that
    of another virtual environment of this Python.
    """
    try:
        return _interpreter(
            describe_interpreter(user_site, bool(user_site), executable), None
        )
    except OSError as error:
        # Of pyvenv.cfg, under -S: a usual start would have failed by it.
        raise InterpreterError(
            f"{error.filename}: cannot be read ({error.strerror})"
        ) from None


def _interpreter(
    answer: dict[str, Any], variables: Mapping[str, str] | None
) -> Interpreter:
    """What `describe_interpreter` has told, as a record. Raises TypeError and LookupError."""
    version, sites = tuple(answer["version"]), tuple(answer["sites"])
    fields = {**answer, "version": version, "sites": sites, "variables": variables}
    return Interpreter(**fields)


def is_virtual(prefix: str) -> bool:
    """Whether a folder is that of a virtual environment (PEP 405)."""
    return os.path.isfile(os.path.join(prefix, "pyvenv.cfg"))


def find_executable(exe: str) -> str:
    """The path behind -e: a virtual environment's folder, a path, or a name to look up on PATH."""
    if not exe:
        raise InterpreterError("-e: expected an interpreter, found an empty name")
    # A shell leaves `~` as it is behind `--exe=`.
    path = os.path.expanduser(exe)
    inside = _python_inside(exe, path)
    if inside:
        return os.path.abspath(inside)
    if os.path.isdir(path):
        hint = (
            _other_environment(path)
            or f"(expected {os.path.join(path, 'bin', 'python')})"
        )
        raise InterpreterError(f"{exe}: this folder holds no Python {hint}")
    if os.path.islink(path) and not os.path.exists(path):
        raise InterpreterError(
            f"{exe}: a link to {os.readlink(path)}, which is not there"
        )
    if os.path.dirname(path):
        if os.name == "nt" and os.path.isfile(path + ".exe"):
            path += ".exe"
        if not os.path.exists(path):
            hint = _other_environment(path)
            raise InterpreterError(f"{exe}: no such interpreter {hint}".rstrip())
        return os.path.abspath(path)
    program = _find_on_path(path)
    if program:
        return os.path.abspath(program)
    hint = (
        f"(did you mean ./{exe}?)" if os.path.exists(path) else _other_environment(path)
    )
    what = "no such folder, and no such interpreter on PATH"
    raise InterpreterError(f"{exe}: {what} {hint}".rstrip())


def _python_inside(exe: str, folder: str) -> str:
    """The Python of an environment's folder, or of its folder of commands; empty: there is none."""
    places = ["bin/python", "bin/python3", "Scripts/python.exe", "python.exe"]
    if os.path.basename(os.path.normpath(folder)) in ("bin", "Scripts"):
        places += ["python", "python3"]
    for place in places:
        path = os.path.join(folder, place)
        if os.path.isfile(path):
            return path
        # A Python that was upgraded or removed leaves the environments made with it behind.
        if os.path.islink(path) and not os.path.exists(path):
            gone = f"{path} is a link to {os.readlink(path)}"
            raise InterpreterError(f"{exe}: its Python is gone ({gone})")
    return ""


def _other_environment(path: str) -> str:
    """A hint at a virtual environment in the same folder, or in this one."""
    for folder in (path, os.path.dirname(path) or os.curdir):
        try:
            entries = sorted(os.listdir(folder))
        except OSError:
            continue
        for entry in entries:
            other = os.path.normpath(os.path.join(folder, entry))
            if other == os.path.normpath(path):
                continue
            if is_virtual(other):
                return f"(did you mean {other}?)"
    return ""


def _find_on_path(name: str) -> str | None:
    """The program that a shell would run by this name; None if there is none."""
    import shutil

    if os.name != "nt":
        return shutil.which(name)
    # There `which` looks into the working directory first.
    folders = os.environ.get("PATH", "").split(os.pathsep)
    for folder in filter(os.path.isabs, folders):
        for suffix in ("", ".exe"):
            path = os.path.join(folder, name + suffix)
            if os.path.isfile(path):
                return path
    return None


def ask_interpreters(
    exes: Sequence[str], user_site: bool | None = None
) -> list[Interpreter]:
    """Ask interpreters, all at once; without any, the one that runs envlock.

    Each runs the source of the functions that answer, isolated and without `site`, so that none of
    its start-up files run. Raises InterpreterError.
    """
    if not exes:
        return [this_interpreter(user_site)]
    functions = describe_interpreter, virtual_environment, default_environment
    sources = map(_source_of, functions)
    wanted = "True" if user_site else 'not os.environ.get("PYTHONNOUSERSITE")'
    answer = (
        f"[describe_interpreter({wanted}, {bool(user_site)}), default_environment()]"
    )
    code = "\n".join((*sources, "import os", answer_code(answer)))
    children: list[subprocess.Popen[bytes]] = []
    try:
        for exe in exes:
            children.append(
                _spawn(exe, [find_executable(exe), "-I", "-S", "-B", "-c", code])
            )
        return [_answered(exe, child) for exe, child in zip(exes, children)]
    finally:
        for child in children:
            _reap(child)


def _source_of(function: Any) -> str:
    """The text of a function at the top level of this module.

    Importing `inspect` takes longer than asking an interpreter.
    """
    import linecache

    first = function.__code__.co_firstlineno
    lines = linecache.getlines(function.__code__.co_filename, globals())[first - 1 :]
    # `python3 - < envlock.py` has no file to read it from.
    if not lines:
        raise InterpreterError("-e needs envlock as a file")
    end = 1
    # `)` ends arguments that take several lines.
    while lines[end][0] in " \n#)":
        end += 1
    return "".join(lines[:end])


def _spawn(exe: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Start an interpreter that is asked, in a process group of its own."""
    import subprocess

    pipe, apart = subprocess.PIPE, os.name == "posix"
    # A ._pth file (Windows) makes start-up files run whatever the options are.
    environment = {**os.environ, "ENVLOCK_DISABLE": "1"}
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            start_new_session=apart,
        )
    except OSError as error:
        raise InterpreterError(f"{exe}: cannot be run: {error.strerror}") from None


def answer_code(expression: str) -> str:
    """A statement by which a child Python answers: a value as JSON, on a line of its own."""
    return f"import json; print('\\n' {ANSWER!r} + json.dumps({expression}))"


def read_answer(output: str) -> Any:
    """The value that a child Python has answered by `answer_code`. Raises ValueError."""
    import json

    answers = [line for line in output.splitlines() if line.startswith(ANSWER)]
    answer = answers[-1] if answers else ""
    return json.loads(answer[len(ANSWER) :])


def _answered(exe: str, child: subprocess.Popen[bytes]) -> Interpreter:
    """What an interpreter has answered. Raises InterpreterError."""
    import subprocess

    try:
        # Both are read to their ends, or a child that fills one pipe would wait for ever.
        output, errors = child.communicate(timeout=ASK_SECONDS)
    except subprocess.TimeoutExpired:
        message = f"{exe}: no answer from this interpreter in {ASK_SECONDS} seconds"
        raise InterpreterError(message) from None
    try:
        return _interpreter(*read_answer(output.decode(errors="replace")))
    except (ValueError, TypeError, LookupError):
        message = errors.decode(errors="replace").strip()
        last_line = message.rpartition("\n")[2]
        status = f"exit status {child.returncode}"
        # What isn't Python may quote the source that it was to run.
        if last_line and describe_interpreter.__name__ not in message:
            status += f", {last_line[:80]!r}"
        raise InterpreterError(f"{exe}: not a Python 3.6 or newer ({status})") from None


def _reap(child: subprocess.Popen[bytes]) -> None:
    """End an interpreter that was asked, and what it has started."""
    import signal

    if child.poll() is None:
        # The child of a wrapper script holds the pipes open: the whole group has to go.
        if os.name == "posix":
            os.killpg(child.pid, signal.SIGKILL)
        else:
            child.kill()
        child.wait()
    for stream in filter(None, (child.stdout, child.stderr)):
        stream.close()


# ==================================================================================================
# Distributions
# ==================================================================================================


class Distribution(NamedTuple):
    """An installed distribution: what its record tells."""

    name: str  # normalised; empty if the record doesn't tell it
    version: str  # as recorded; empty if the record doesn't tell it
    label: str  # NAME-VERSION as recorded
    site: str  # the directory on the path
    record: str  # the path of the *.dist-info, the *.egg-info or the egg
    # The source folder of a `setup.py develop` install, which has no direct_url.json.
    develop: str = ""


# What an environment holds is read up to limits, for it to make envlock neither hang nor swell.
METADATA_LIMIT = 16 << 20  # bytes, of each file that says what is installed
SMALL_LIMIT = 1 << 20  # bytes, of one that is parsed whole, or holds a few lines
_MOST_PATH_LINES = 10_000  # of one start-up file
_SHORT_TEXT = 1 << 16  # characters; what is longer is taken apart line by line
MOST_ROWS = 250_000  # of one RECORD


# -- records


def is_record(entry: str) -> bool:
    """Whether an entry of a site directory is a record.

    Leftovers of an uninstall ("~", once "-") are passed over.
    """
    return entry.lower().endswith((".dist-info", ".egg-info")) and entry[0] not in "~-"


# Each part of a record's name is escaped, so one dash divides it; an egg's may end with -py3.8 and
# a platform. A version with letters takes a whole grammar to recognise.
_PLAIN_RECORD = (
    r"(?ai)([a-z0-9](?:[\w.]*[a-z0-9])?)-(\d+(?:\.\d+)*)"
    r"(?:\.dist-info|(?:-py[^-]*(?:-.*)?)?\.(?!dist-info)[^.]+)"
)


def parse_record_name(entry: str) -> tuple[str, str]:
    """Name and version as the name of a record has them; ("", "") where only its metadata do."""
    name, _, version = entry[:-10].partition("-")
    if (
        entry[-10:] == ".dist-info"
        and is_plain_name(name)
        and is_plain_version(version)
    ):
        return name, version
    match = re.fullmatch(_PLAIN_RECORD, entry, re.DOTALL)
    return (match[1], match[2]) if match else ("", "")


def metadata_files(record: str) -> list[str]:
    """Where a record's metadata may stand, in the order of reading; last the egg or file itself."""
    return [
        record + inside
        for inside in ("/METADATA", "/PKG-INFO", "/EGG-INFO/PKG-INFO", "")
    ]


def version_files(record: str, entry: str) -> list[str]:
    """Where a record, whose own name is `entry`, tells its name and version, if not by that."""
    return [] if parse_record_name(entry)[0] else metadata_files(record)


# -- site directories


def site_directories(interpreter: Interpreter) -> Iterator[tuple[str, list[str]]]:
    """Each directory that holds packages, as (path, entries) in the order of sys.path.

    Those of path lines do so, too.
    """
    seen = set()
    for site in interpreter.sites:
        entries = list_entries(site)
        directories = [(site, entries)]
        lines = path_lines(start_up_files(site, entries, interpreter), interpreter)
        # `site` adds what exists alone.
        existing = filter(os.path.exists, lines)
        directories += [(path, list_entries(path)) for path in existing]
        for path, inside in directories:
            identity = os.path.normcase(os.path.abspath(path))
            if identity not in seen:
                seen.add(identity)
                yield path, inside


def list_entries(path: str) -> list[str]:
    """The sorted names in a directory; none where it can't be read."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        # Not there, no directory (a zipped egg), or not ours to read: Python can't import from it
        # either.
        return []


def start_up_files(
    site: str, entries: list[str], interpreter: Interpreter
) -> list[str]:
    """The .pth files that `site` reads in a directory, in its order."""
    names = [entry for entry in entries if entry.endswith(".pth")]
    _, minor, micro = interpreter.version
    hidden_since = HIDDEN_PTH_SINCE.get(minor, 99)
    reads_hidden = interpreter.version < (3, 13) and micro < hidden_since
    visible = [name for name in names if reads_hidden or name[0] != "."]
    paths = [os.path.join(site, name) for name in visible]
    if not reads_hidden and sys.platform in ("win32", "darwin"):
        return [path for path in paths if not _is_hidden(path)]
    return paths


def _is_hidden(path: str) -> bool:
    return os.path.lexists(path) and _has_hidden_flag(os.lstat(path))


def _has_hidden_flag(status: os.stat_result) -> bool:
    """Whether a file is hidden by its attribute (Windows) or its flag UF_HIDDEN (macOS)."""
    attributes = getattr(status, "st_file_attributes", 0)
    flags = getattr(status, "st_flags", 0)
    return bool(attributes & 2 or flags & 0x8000)


def path_lines(files: list[str], interpreter: Interpreter) -> Iterator[str]:
    """What start-up files add to the path, whether it exists or not."""
    for path in files:
        folder, count = os.path.dirname(path), 0
        for line in start_up_lines(path, interpreter) or ():
            if (
                not line.strip()
                or line.startswith(("#", "import ", "import\t"))
                or "\0" in line
            ):
                continue
            count += 1
            if count > _MOST_PATH_LINES:
                what = f"more than {_MOST_PATH_LINES} lines that add to the path"
                raise InterpreterError(f"{path}: {what}")
            yield os.path.abspath(os.path.join(folder, line.rstrip()))


def start_up_lines(path: str, interpreter: Interpreter) -> Iterator[str] | None:
    """The lines of a .pth file as that interpreter's `site` takes them; None: it can't be read."""
    newer = interpreter.version >= (3, 13)
    strips = interpreter.version >= (3, 15)
    data = read_file(path, METADATA_LIMIT)
    if data is None:
        return None
    text = _decode_start_up_file(data, newer)
    # As str.splitlines has them, and as a file in text mode.
    if len(text) < _SHORT_TEXT:
        short = text.splitlines() if newer else text.replace("\r", "\n").split("\n")
        return map(str.strip, short) if strips else iter(short)
    # One at a time, for there may be millions.
    ends = r"\n\r\v\f\x1c-\x1e\x85\u2028\u2029" if newer else r"\n\r"
    lines = (match[0] for match in re.finditer(f"[^{ends}]+", text))
    return map(str.strip, lines) if strips else lines


def _decode_start_up_file(data: bytes, newer: bool) -> str:
    """On Windows they are in the ANSI code page, from 3.13 (`newer`) only if they aren't UTF-8."""
    encoding = "utf-8-sig" if newer else "utf-8"
    if os.name == "nt":
        import locale

        try:
            text = data.decode(encoding if newer else "ascii")
        except UnicodeDecodeError:
            text = data.decode(locale.getpreferredencoding(False), "surrogateescape")
    else:
        text = data.decode(encoding, "surrogateescape")
    return text


# -- distributions


def scan(interpreter: Interpreter) -> list[Distribution]:
    """The distributions that count for an interpreter, by normalised name; no shadowed ones."""
    by_name: dict[str, list[Distribution]] = {}
    links: set[str] = set()
    for site, entries in site_directories(interpreter):
        linked_names = [entry[:-9] for entry in entries if entry.endswith(".egg-link")]
        links.update(map(canonicalize_name, linked_names))
        # An .egg-link stands beside the easy-install.pth whose line leads to the sources.
        linked = links if site not in interpreter.sites else set()
        for distribution in recorded_distributions(site, entries, linked):
            others = by_name.setdefault(distribution.name, [])
            # The first directory on the path has the distribution; only there are several records a
            # finding.
            if not others or not distribution.name or others[0].site == site:
                others.append(distribution)
    distributions: list[Distribution] = []
    for name in sorted(by_name):
        distributions += by_name[name]
    return distributions


def record_paths(site: str, entries: Iterable[str]) -> Iterator[str]:
    """What a directory of the path holds records of: itself if it is an egg, and entries."""
    if site.endswith(".egg"):
        yield site
    for entry in filter(is_record, entries):
        yield f"{site}{os.sep}{entry}"


def recorded_distributions(
    site: str, entries: list[str], linked: set[str]
) -> Iterator[Distribution]:
    """The distributions that a directory of the path holds records of.

    `linked` are the names of the *.egg-link files that may have led to it.
    """
    for record in record_paths(site, entries):
        yield _distribution(site, record, linked)


def _distribution(site: str, record: str, linked: set[str]) -> Distribution:
    """What a record tells of its distribution, by its own name or else by its metadata."""
    entry = record[len(site) + 1 :]
    if not entry:  # an egg, which is on the path itself
        entry = os.path.basename(record)
    name, version = parse_record_name(entry)
    if name and not linked:  # nearly always
        return Distribution(
            canonicalize_name(name), version, f"{name}-{version}", site, record, ""
        )
    stem = entry.rpartition(".")[0]
    if not name:
        name, version = _recorded_name_and_version(record)
    if not name and stem.count("-") == 1:
        name, _, version = stem.partition("-")
        if not is_project_name(name) or not is_version(version):
            name = version = ""
    normal = canonicalize_name(name)
    # `setup.py develop` leaves NAME.egg-info, without a version, among the sources.
    is_egg_info = stem == entry[: -len(".egg-info")] and "-" not in stem
    develop = site if normal in linked and is_egg_info else ""
    label = f"{name}-{version}" if name and version else stem
    return Distribution(normal, version, label, site, record, develop)


def origin_file(record: str) -> str:
    """Where a record tells what its distribution was installed from, if no index (PEP 610)."""
    return f"{record}/direct_url.json"


def _recorded_name_and_version(record: str) -> tuple[str, str]:
    """Name and version from a record's METADATA or PKG-INFO; ("", "") where one can't be told."""
    # Not by the standard library's parser of headers: its import would double a short run.
    headers = core_metadata(record).decode("utf-8", "surrogateescape")
    matches = [re.search(rf"(?mi)^{key}:(.*)$", headers) for key in ("Name", "Version")]
    name, version = (match[1].strip() if match else "" for match in matches)
    return (name, version) if is_project_name(name) and version else ("", "")


def core_metadata(record: str) -> bytes:
    """The headers of a record's METADATA or PKG-INFO; empty where there is neither."""
    for path in metadata_files(record):
        try:
            with open_regular(path) as file:
                zipped = path == record and path.endswith(".egg")
                return _zipped_metadata(file) if zipped else _read_headers(file)
        except (OSError, ValueError):
            continue
    return b""


def _read_headers(file: Any) -> bytes:
    """What stands before the first empty line; empty if that is beyond the limit."""
    data = bytearray()
    while len(data) <= METADATA_LIMIT:
        piece = file.read(1 << 14)
        # The empty line may lie across two pieces.
        before = max(len(data) - 3, 0)
        data += piece
        end = re.compile(rb"\n\r?\n").search(data, before)
        if end or not piece:
            return bytes(data[: end.start()] if end else data).replace(b"\r\n", b"\n")
    return b""


def _zipped_metadata(egg: BinaryIO) -> bytes:
    """The headers in a zipped egg; empty where they cannot be read."""
    import zipfile

    try:
        # What lists its contents may be as large.
        if os.fstat(egg.fileno()).st_size > METADATA_LIMIT:
            return b""
        with zipfile.ZipFile(egg) as archive:
            info = archive.getinfo("EGG-INFO/PKG-INFO")
            # Other methods ask for memory.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                return b""
            with archive.open(info) as file:
                return _read_headers(file)
    # Whatever a damaged, encrypted or unheard-of archive causes.
    except Exception:
        return b""


def is_from_conda(distribution: Distribution) -> bool:
    """Whether conda installed it, as its INSTALLER tells or the environment's conda-meta."""
    installer = read_file(f"{distribution.record}/INSTALLER", 1000) or b""
    if installer.strip() == b"conda":
        return True
    folder = os.path.dirname(distribution.site)
    while folder != os.path.dirname(folder):
        listed = os.path.join(folder, "conda-meta")
        if os.path.isdir(listed):
            return _is_listed_by_conda(distribution, listed)
        folder = os.path.dirname(folder)
    return False


def _is_listed_by_conda(distribution: Distribution, folder: str) -> bool:
    """Whether the files of a package of this version are listed in a folder conda-meta."""
    record = f"/{os.path.basename(distribution.record)}/".encode()
    for entry in list_entries(folder):
        if f"-{distribution.version}-" in entry and entry.endswith(".json"):
            listed = read_file(os.path.join(folder, entry), SIZE_LIMIT) or b""
            if record in listed:
                return True
    return False


def recorded_reference(distribution: Distribution) -> DirectReference | None:
    """What a distribution's direct_url.json tells (PEP 610).

    None for an index install, or if the file is no use.
    """
    # `setup.py develop` is older than PEP 610 and writes no such file.
    if distribution.develop:
        source = os.path.abspath(distribution.develop)
        return DirectReference("directory", url_of_path(source), editable=True)
    path = origin_file(distribution.record)
    # Nearly no record has one, and `access` is the cheapest way to know.
    if not os.access(path, os.F_OK) or not os.path.isfile(path):
        return None
    import json

    try:
        data = json.loads(read_file(path, SMALL_LIMIT) or b"")
        reference = parse_direct_url(data)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        # pip, too, takes such a record for an index install.
        return None
    texts = [reference.url, reference.vcs, reference.revision]
    texts += [reference.commit, reference.subdirectory]
    return reference if all(isinstance(text, str) for text in texts) else None


def parse_direct_url(data: dict[str, Any]) -> DirectReference:
    """The reference in a parsed direct_url.json (PEP 610). Raises LookupError, TypeError or AttributeError."""
    url, subdirectory = data["url"], data.get("subdirectory") or ""
    if "vcs_info" in data:
        info = data["vcs_info"]
        revision = info.get("requested_revision") or ""
        commit = info.get("commit_id") or ""
        return DirectReference(
            "vcs", url, info.get("vcs", ""), revision, commit, subdirectory=subdirectory
        )
    if "dir_info" in data:
        editable = bool(data["dir_info"].get("editable", False))
        return DirectReference(
            "directory", url, editable=editable, subdirectory=subdirectory
        )
    info = data.get("archive_info") or {}
    # `hashes` came after `hash`, an older key of the same file: "<algorithm>=<value>".
    recorded = (info.get("hashes") or {}).items()
    hashes = {f"{algorithm}:{digest}".lower() for algorithm, digest in recorded}
    if info.get("hash"):
        hashes.add(info["hash"].replace("=", ":", 1).lower())
    return DirectReference(
        "archive", url, subdirectory=subdirectory, hashes=frozenset(hashes)
    )


# ==================================================================================================
# Recorded files
# ==================================================================================================

# Which files an installer may write anew after it has recorded them, in a record's own folder.
_INSTALLER_FILES = (
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_cache.json",
    "uv_build.json",
    "RECORD",
    "RECORD.jws",
)


_START_MODULES = ("sitecustomize", "usercustomize")
MODULE_FILE = r"([^\W\d]\w*)(\.pyc?|(\.[\w-]+)*\.(so|pyd))"


class RecordEntry(NamedTuple):
    """What a record says of one file."""

    distribution: Distribution
    digest: str  # "sha256=…"; empty if the record doesn't tell it
    size: str


class RecordIndex(NamedTuple):
    """What the records of an environment say of files. Paths are absolute, their folders resolved."""

    # Further inputs that the guard must watch: records, folders that hold no module, folders behind links.
    watched: list[str]
    # What can be compared; several records may list one file
    claims: dict[str, list[RecordEntry]]
    # Of the right files among these: the digest of the claim that they meet
    hashes: dict[str, str]
    # Entries of site directories that records list: the name of a package
    owners: dict[str, str]
    # By site directory: packages that don't list their files
    unlisted: dict[str, set[str]]
    modules: set[str]  # the modules of those, as paths without a suffix
    # The site directories where one of those doesn't tell its modules either
    opaque: set[str]
    unhashed: list[str]  # labels
    # Recorded paths that no installation of the package could have written
    outside: list[str]


def read_records(interpreter: Interpreter) -> RecordIndex:
    """Read what each distribution's record lists; shadowed ones count, too."""
    recorded = RecordIndex([], {}, {}, {}, {}, set(), set(), [], [])
    roots, seen = _roots(interpreter), set()
    for site, entries in site_directories(interpreter):
        for distribution in recorded_distributions(site, entries, set()):
            rows = _record_rows(distribution)
            if rows is None:
                _add_unlisted(recorded, distribution)
                rows = []
            uncertain = _distributor_changed(distribution)
            _add_rows(recorded, distribution, rows, roots, uncertain)
            hashed = uncertain != "" and _tells_hashes(rows)
            if (
                not hashed
                and distribution.name not in seen
                and site != interpreter.library
            ):
                recorded.unhashed.append(distribution.label)
            seen.add(distribution.name)
    _drop_rows_without_a_hash(recorded.claims)
    return recorded


def _tells_hashes(rows: list[tuple[str, str, str]]) -> bool:
    """Whether a record tells the hash of any file."""
    return any(digest for _, digest, _ in rows)


def _drop_rows_without_a_hash(claims: dict[str, list[RecordEntry]]) -> None:
    """Where some record tells a file's hash, only those that do have a say: or any package could vouch for any file."""
    for path, entries in claims.items():
        if len(entries) > 1:
            hashed = [entry for entry in entries if hash_algorithm(entry.digest)]
            claims[path] = hashed or entries


def _roots(interpreter: Interpreter) -> tuple[str, ...]:
    """The folders that packages are installed below: scripts and data go to the one that site-packages is part of."""
    sites = [os.path.realpath(site) for site in interpreter.sites]
    prefix = os.path.realpath(interpreter.prefix)
    folders = [prefix, *map(_installation, sites), *sites]
    roots = [folder.rstrip(os.sep) + os.sep for folder in folders]
    return tuple(dict.fromkeys(roots))


def _installation(site: str) -> str:
    """The folder that holds lib/python3.13/site-packages and bin, or their like."""
    return re.sub(
        r"(?i)[/\\](lib(64)?[/\\]((python|pypy)[\w.]*[/\\])?)?(site|dist)-packages\Z",
        "",
        site,
    )


def _record_rows(distribution: Distribution) -> list[tuple[str, str, str]] | None:
    """The rows of RECORD (path, hash, size), or the paths of a legacy installed-files.txt; None if there is neither."""
    data = read_file(os.path.join(distribution.record, "RECORD"), METADATA_LIMIT)
    if data is not None:
        return _parse_record(data)
    data = read_file(
        os.path.join(distribution.record, "installed-files.txt"), SMALL_LIMIT
    )
    if data is None:
        return None
    inside = os.path.basename(distribution.record)
    lines = data.replace(b"\0", b"").decode("utf-8", "surrogateescape").splitlines()
    return [(f"{inside}/{line}", "", "") for line in lines if line]


def _parse_record(data: bytes) -> list[tuple[str, str, str]] | None:
    """The rows of a RECORD; None if it is no CSV file, or has too many."""
    import csv
    from io import StringIO
    from itertools import islice

    text = data.replace(b"\0", b"").decode("utf-8-sig", "surrogateescape")
    stream = StringIO(text, newline="")
    # A third of the lines may be of bytecode without a hash, which says nothing.
    lines = (
        line for line in stream if ".pyc,," not in line or "__pycache__/" not in line
    )
    reader = csv.reader(lines)
    rows = (_record_row(fields) for fields in reader if fields and fields[0])
    try:
        listed = list(islice(rows, MOST_ROWS + 1))
    except csv.Error:
        return None
    return listed if len(listed) <= MOST_ROWS else None


def _record_row(fields: list[str]) -> tuple[str, str, str]:
    """Path, hash and size; an unquoted comma belongs to the path, as for pip, which installs such a wheel."""
    if len(fields) == 3:
        return fields[0], fields[1], fields[2]
    if len(fields) > 3 and not re.fullmatch(r"\w+=[\w+/=-]+", fields[1]):
        *parts, digest, size = fields
        return ",".join(parts), digest, size
    path, digest, size = (*fields, "", "")[:3]
    return path, digest, size


def hash_algorithm(digest: str) -> str:
    """The algorithm of a recorded hash; empty if there is no hash, or hashlib doesn't know the algorithm."""
    import hashlib

    algorithm, _, value = digest.partition("=")
    algorithm = algorithm.lower()
    known = algorithm in hashlib.algorithms_available and not algorithm.startswith(
        "shake"
    )
    return algorithm if known and value else ""


def _add_unlisted(recorded: RecordIndex, distribution: Distribution) -> None:
    """A distribution that doesn't list its files may tell the modules it has."""
    site = os.path.realpath(os.path.dirname(distribution.record))
    recorded.unlisted.setdefault(site, set()).add(distribution.name)
    top_level = f"{distribution.record}/top_level.txt"
    recorded.watched.extend([f"{distribution.record}/installed-files.txt", top_level])
    data = read_file(top_level, SMALL_LIMIT)
    if data is None:
        recorded.opaque.add(site)
    modules = os.fsdecode(data or b"").split()
    recorded.modules.update(os.path.join(site, module) for module in modules)


def _add_rows(
    recorded: RecordIndex,
    distribution: Distribution,
    rows: list[tuple[str, str, str]],
    roots: tuple[str, ...],
    uncertain: str | None,
) -> None:
    """Add what a record lists; for `uncertain`, see `_distributor_changed`."""
    parent, folder = os.path.split(distribution.record)
    site = os.path.realpath(parent)
    recorded.watched.extend(
        [f"{distribution.record}/RECORD", f"{distribution.record}/INSTALLER"]
    )
    start, name = site + os.sep, distribution.name
    roots = (*roots, start)
    owners, claims = recorded.owners, recorded.claims
    resolved_folders: dict[str, str] = {}
    for listed, digest, size in rows:
        path = entry = start + listed
        if "/" in listed:
            entry = path[: path.find("/", len(start))]
        if listed[0] in "./\\" or ".." in listed or "\\" in listed or ":" in listed:
            path = _resolved(site, listed, resolved_folders)
            entry = _entry_of(path, roots)
            if not entry:
                recorded.outside.append(path)
                continue
        owners.setdefault(entry, name)
        if not _may_change(listed, folder) and (
            uncertain is None or not re.search(uncertain, listed)
        ):
            claims.setdefault(path, []).append(RecordEntry(distribution, digest, size))
    for written, resolved in resolved_folders.items():
        if written != resolved:
            recorded.watched.append(written)


def _resolved(site: str, listed: str, folders: dict[str, str]) -> str:
    """The path that a record means, with the symbolic links of its folder resolved; `folders` keeps those known."""
    if (
        "\\" in listed
        and os.sep == "/"
        and not os.path.lexists(os.path.join(site, listed))
    ):
        listed = listed.replace("\\", "/")  # a wheel made on Windows
    path = os.path.normpath(os.path.join(site, listed))
    folder, name = os.path.split(path)
    if folder not in folders:
        try:
            folders[folder] = os.path.realpath(folder)
        except (OSError, ValueError):
            # A locale that can't name the folder; on some versions, a loop.
            folders[folder] = folder
    return os.path.join(folders[folder], name)


def _entry_of(path: str, roots: tuple[str, ...]) -> str:
    """The entry of a site directory that a file lies in; itself if it lies elsewhere below the roots, else ""."""
    # Site directories are last, and the most special: they lie below the others.
    for root in reversed(roots):
        if path.startswith(root):
            if not re.match(r".*[/\\](site|dist)-packages[/\\]\Z", root):
                return path
            return root + path[len(root) :].partition(os.sep)[0]
    return ""


def _may_change(listed: str, folder: str) -> bool:
    """Whether a file may differ from its record without anybody's doing: bytecode, what installers write anew."""
    # Bytecode is written anew by any start whose source is newer.
    if listed.endswith((".pyc", ".pyo", "/")):
        return listed[-1] == "/" or "__pycache__" in listed
    if listed == ".gitignore":
        # Editables of pdm-backend share this one: the first that is uninstalled takes it along.
        return True
    if not listed.startswith(folder):
        return False
    return listed[len(folder) + 1 :] in _INSTALLER_FILES


def _distributor_changed(distribution: Distribution) -> str | None:
    """A pattern of the files that a packager changes after an installer has recorded them; "" for all.

    Debian strips shared objects and moves scripts (dpkg and debsums know better), conda writes its prefix into any
    file, other systems strip.
    """
    site = os.path.realpath(os.path.dirname(distribution.record))
    installer = (
        read_file(os.path.join(distribution.record, "INSTALLER"), SMALL_LIMIT) or b""
    )
    if re.match("/usr/lib/[^/]+/dist-packages$", site) or installer.strip() in (
        b"conda",
        b"rpm",
    ):
        return ""
    # PEP 668: a system's package manager, not pip, is in charge of this Python.
    marker = os.path.join(os.path.dirname(site), "EXTERNALLY-MANAGED")
    return r"\.so\b" if os.path.isfile(marker) else None


def is_start_module(entry: str) -> bool:
    """Whether an entry of a site directory is a module that `site` imports at each start."""
    return entry.partition(".")[0] in _START_MODULES


def made_by_virtualenv(interpreter: Interpreter) -> bool:
    """virtualenv and uv put a patch of distutils into each environment, and record it nowhere."""
    # Both write their name and version there: `virtualenv = 20.26.0`, `uv = 0.13.9`.
    data = read_file(os.path.join(interpreter.prefix, "pyvenv.cfg"), SMALL_LIMIT) or b""
    return bool(re.search(rb"(?m)^(virtualenv|uv) *=", data))


def packaged_entries(site: str) -> set[str]:
    """The entries of a site directory that dpkg or conda has installed, whose packages may have no RECORD."""
    import glob

    root = _installation(site)
    lists = glob.glob(os.path.join(glob.escape(root), "conda-meta", "*.json"))
    if site.startswith(("/usr/lib/", "/usr/share/")):
        lists += glob.glob("/var/lib/dpkg/info/*.list")
    # dpkg lists absolute paths, conda those relative to its environment.
    folders = (site, site[len(root) + 1 :])
    escaped = [re.escape(os.fsencode(folder)) for folder in folders if folder]
    pattern = rb'(?m)["/]?(?:%s)/([^/"\n]+)' % b"|".join(escaped)
    shortest = os.fsencode(folders[1] or site)
    entries: set[str] = set()
    for path in lists:
        data = read_file(path, METADATA_LIMIT) or b""
        if shortest in data:  # the pattern is slow where it finds nothing
            entries.update(map(os.fsdecode, re.findall(pattern, data)))
    return entries


# ==================================================================================================
# Findings
# ==================================================================================================


class Policy(NamedTuple):
    """Which differences count."""

    subset: bool = False  # locked packages may be absent
    superset: bool = False  # further packages may be present
    ignore: frozenset[str] = frozenset()  # normalised names
    # Installed files are compared with what is recorded of them
    integrity: bool = False
    # Globs on paths relative to site directories
    ignore_files: frozenset[str] = frozenset()


class Verdict:
    """What a finding says: the words of the column Explain."""

    UNREQUIRED = "Unrequired"  # installed, not in the bound
    MISSING = "Missing"  # in the bound, not installed
    MISDEFINED = "Misdefined"  # installed, but not as the bound says
    DUPLICATE = "Duplicate"  # one site directory holds records of several versions
    UNREADABLE = "Unreadable"  # a record whose name or version can't be told
    MODIFIED = "Modified"  # a file that isn't as recorded
    DELETED = "Deleted"  # a recorded file that isn't there
    UNRECORDED = "Unrecorded"  # a file that no record lists
    OF_FILES = (MODIFIED, DELETED, UNRECORDED)


class Reason:
    """What of a package is misdefined, in a word for programs."""

    VERSION = "version"
    SOURCE = "source"  # from elsewhere: an index, another URL, folder or subdirectory
    COMMIT = "commit"
    EDITABLE = "editable"  # it is, or it isn't
    HASH = "hash"  # its archive's
    PYTHON = "python"  # the interpreter itself


class Finding(NamedTuple):
    """One difference between an environment and its bound."""

    explain: str  # a word of `Verdict`
    package: str = ""  # NAME-VERSION as recorded; empty if it isn't installed
    dependency: str = ""  # the bound's requirement; empty if there is none
    sites: tuple[str, ...] = ()
    executable: str = ""
    # One sentence that says what differs; the path of a file that does
    detail: str = ""
    # Where the bound's requirement stands; empty if there is none
    file: BoundFile = BoundFile()
    key_path: str | int = 0  # the line there, or what tells it
    # normalised; empty if it is about no package, or the record doesn't tell it
    name: str = ""
    reason: str = ""  # a word of `Reason`; empty if the verdict says all

    @property
    def line(self) -> int:
        """The line in the bound file; 0 if there is none."""
        if isinstance(self.key_path, int):
            return self.key_path
        return self.file.line_of(self.key_path)


# ==================================================================================================
# Guard: files
# ==================================================================================================


GUARD_STARTS = ("0-envlock.pth", "0-envlock.start")


# What stands in site-packages: one start-up file (a .pth line, from 3.18 a .start entry), and one folder with
#     envlock.py, guard.json      a verbatim copy, and what site-install was told
#     HEX                         the code of `start_step_1`; HEX is the interpreter's version
#     HEX.lean, HEX.tell          the code of LEAN_FUNCTIONS, and of TELLING_FUNCTIONS
#     HEX.full                    the code of the whole of envlock.py
#     HEX.state0, HEX.state1      the last verdict, for starts with the user site and without it (`no_user_site`)
# The interpreter that will run the code marshals it; the file's name keeps any other from touching it.
GUARD_FOLDER = "_envlock"
START_STEM = "0-envlock"  # sorts before other packages' files, even 00…
CONFIGURATION = "guard.json"
# EX_CONFIG of sysexits.h. 3 makes the reloaders of Django, Werkzeug (Flask) and bottle start again,
# 1 and 2 are everyone's.
DEFAULT_CODE = 78

# `site` runs the first line twice in a virtual environment, and compiling is what that costs, by the character: the
# second time only the outer line is compiled. The modules named are there before `site` is; an import through sys.path
# would list site-packages. A statement that starts with `not` is no assignment, which the parser would try first; the
# version is that of `guard_base`. The second line is a comment that the first reads when it fails.
_LINES = (
    "import marshal;'_envlock'in sys.modules or exec({boot!r})\n#exec({damaged!r})\n"
)
_BOOT = """\
try:e=io.FileIO(sitedir+"/_envlock/%x"%{version});not exec(marshal.loads(e.read()))
except:not exec({recover})"""
_RECOVER = """\
try:d=open(fullname);exec([*d][1][1:])
except FileNotFoundError:0"""
# Runs when that code is not there (an upgraded interpreter), is damaged, or has failed; in a
# subinterpreter (see `start_step_1`) and for a guard that was removed meanwhile, it does nothing. A
# program that only embeds Python goes on, see `own_command`.
_DAMAGED = """\
i=sys.exc_info()[0]
for x in map(vars().get,'de'):x and x.close()
y='/proc/self/exe'
p=getattr(sys,'orig_argv',os.name=='nt'or not os.path.exists(y)or'py'in os.path.realpath(y)[-12:])
try:__import__('_signal').signal(2,'')
except ValueError:i=0
except TypeError:0
try:
 if i:
  m=sys.modules['_envlock']=type(sys)('_envlock')
  if not issubclass(i,Exception)and p:os._exit(130)
  k={{*sys.modules}}
  m.__file__=sitedir+'/_envlock/envlock.py'
  with open(m.__file__,'rb')as e:exec(compile(e.read(),m.__file__,'exec',0,1,2),m.__dict__)
  m.without_trace(k,m.start_from_source,sitedir)
except BaseException:
 if os.environ.get('ENVLOCK_DISABLE')!='1'and os.path.exists(fullname):
  try:os.write(2,os.fsencode('''envlock: this Python (%s) cannot be compared with its \
lock{told}: the guard failed
To repair: renew the guard with site-install
To pass once: set ENVLOCK_DISABLE=1
To remove the guard: site-uninstall
'''%sys.prefix))
  except OSError:0
  {end}
"""
# How the guard's own copy of envlock.py is run beside the guard, whatever stands in the working directory.
_NEW_MODULE = """\
import os,sys
sys.path.insert(0,os.path.dirname(os.__file__))
m=type(sys)('_envlock')
m.__file__=sys.argv[1]+'/_envlock/envlock.py'
"""
_LOAD_SOURCE = (
    _NEW_MODULE
    + """\
with open(m.__file__,'rb')as e:exec(compile(e.read(),m.__file__,'exec',0,1,2),m.__dict__)
"""
)
# The same from its code, as `write_guard_code` has just written it: in a tenth of the time.
_LOAD_CODE = (
    _NEW_MODULE
    + """\
import marshal
e=open(f'{sys.argv[1]}/_envlock/{sys.implementation.hexversion:x}.full','rb')
with e:c,m.REST=marshal.loads(e.read())
exec(c,m.__dict__)
m.load_rest()
"""
)
_MODULE = '''\
import io, marshal, os, sys
sitedir = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
fullname = sitedir + "/0-envlock.start"
{boot}
def start():
    """The work was done when this module was imported: once, however many .start files name it."""
'''


class GuardConfiguration(NamedTuple):
    """What `site-install` was told."""

    bounds: tuple[str, ...]  # absolute
    directory: str  # where relative paths in them start
    selection: Selection
    policy: Policy
    code: int = 0  # exit status of a start that is not aligned; 0: warn only
    # Whether such a start of a program that embeds Python ends, too
    embedded: bool = False
    log: str = ""  # the drift log, absolute

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        import json

        plain = self._asdict()
        # Paths as bytes: a start may have another file system encoding (PyPy 3.9 with LC_ALL=C).
        plain["bounds"] = list(map(_latin_path, self.bounds))
        plain["directory"] = _latin_path(self.directory)
        plain["log"] = _latin_path(self.log)
        plain["selection"] = self.selection._asdict()
        plain["policy"] = self.policy._asdict()
        return json.dumps(plain, default=sorted, indent=1) + "\n"

    @classmethod
    def for_bounds(
        cls, bounds: Iterable[str], selection: Selection, policy: Policy, **more: Any
    ) -> GuardConfiguration:
        """A guard that warns; relative paths mean the working directory."""
        try:
            directory = os.getcwd()
            paths = tuple(map(os.path.abspath, bounds))
        except OSError as error:
            raise GuardError(
                f"the working directory cannot be told ({error.strerror})"
            ) from None
        return cls(paths, directory, selection, policy, **more)

    @classmethod
    def from_json(cls, text: str) -> GuardConfiguration:
        """The configuration that `to_json` wrote; whatever Python raises for another text."""
        plain = _parse_json(text)
        bounds = tuple(map(_path_of_latin, plain["bounds"]))
        directory = _path_of_latin(plain["directory"])
        selection = Selection(**_fields_like(Selection(), plain["selection"]))
        policy = Policy(**_fields_like(Policy(), plain["policy"]))
        code, embedded = plain["code"], plain["embedded"]
        if type(code) is not int or type(embedded) is not bool:
            raise TypeError(text)
        log = _path_of_latin(plain["log"])
        return cls(bounds, directory, selection, policy, code, embedded, log)

    @classmethod
    def read(cls, folder: str) -> GuardConfiguration:
        """What `to_json` wrote into a guard's folder. Raises GuardError."""
        path = f"{folder}/{CONFIGURATION}"
        try:
            data = read_file(path, SMALL_LIMIT) or b""
            return cls.from_json(data.decode("utf-8", "surrogateescape"))
        except Exception:  # whatever a damaged one causes
            raise GuardError(f"{path} is missing or damaged") from None

    def mode(self) -> str:
        """What it was told to do, in the words of the command line."""
        exits = f"exit {self.code}{' --embedded' if self.embedded else ''}"
        return exits if self.code else "warn"

    def read_context(self, interpreter: Interpreter) -> ReadContext:
        """For what the bounds are read. Raises GuardError for one that can't be read again."""
        refuse_streams(self.bounds)
        return ReadContext(interpreter.environment, self.selection, self.directory)

    def demand(self, interpreter: Interpreter) -> Bound:
        """What the bounds demand of an interpreter."""
        return read_bounds(self.bounds, self.read_context(interpreter))


class _JsonRules:
    """How `_json` reads what `json.dumps` wrote."""

    strict = True
    object_hook = object_pairs_hook = array_hook = None
    parse_float, parse_int, parse_constant = float, int, float


def _parse_json(text: str) -> Any:
    """Parse JSON, if possible without the module json: its import takes all of `re` with it."""
    try:
        from _json import make_scanner
    except ImportError:
        import json

        return json.loads(text)
    rules: Any = _JsonRules
    value, end = make_scanner(rules)(text, 0)
    if text[end:].strip():
        raise ValueError(text)
    return value


def _latin_path(path: str) -> str:
    """A path as text of its bytes, a character each."""
    return os.fsencode(path).decode("latin-1")


def _path_of_latin(text: str) -> str:
    """The path whose `_latin_path` this is."""
    return os.fsdecode(text.encode("latin-1"))


def _fields_like(default: NamedTuple, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a record, whose sets JSON has as arrays. Raises for other types than the default's."""
    checked = {}
    for key, value in fields.items():
        kind = type(getattr(default, key))
        is_array = isinstance(value, list)
        names = is_array and all(isinstance(name, str) for name in value)
        checked[key] = kind(value) if names else value
        if type(checked[key]) is not kind:
            raise TypeError(key)
    return checked


def guard_base(site: str) -> str:
    """The installed files' path but for their suffixes, as the start-up line has it."""
    # PyPy's sys.hexversion is that of the language, this one its own.
    return f"{site}/{GUARD_FOLDER}/{sys.implementation.hexversion:x}"


def refuse_streams(bounds: Iterable[str]) -> None:
    """Raise for a bound that can't be read at every start: a URL, or what is no file (a pipe would never end)."""
    for bound in bounds:
        is_special = os.path.exists(bound) and not os.path.isfile(bound)
        if is_stream(bound) or (is_special and not os.path.isdir(bound)):
            why = (
                "a guard reads its bound at every start: "
                "it takes a file, no stream and nothing from the network"
            )
            raise GuardError(f"--bound {shown_bound(bound)}: {why}")


class GuardError(EnvlockError):
    """A guard that can't be installed or removed."""


def foreign_code(executable: str, site: str) -> list[str]:
    """What an interpreter finds by `damaged_code`."""
    names = run_source(executable, ["-I", "-S"], "m.damaged_code(sys.argv[1])", site)
    return [f"{GUARD_FOLDER}/{name}" for name in names]


def guard_site(interpreter: Interpreter) -> str:
    """The directory that a guard stands in: the first that belongs to the interpreter, not to a user or a base."""
    others = (interpreter.user, interpreter.library)
    for site in interpreter.sites:
        # A guard in a user site or a base would stop other environments, too.
        own = is_inside(site, interpreter.prefix) and site not in others
        if own and os.path.isdir(site):
            return site
    raise GuardError(
        f"{interpreter.executable}: there is no site-packages directory that a guard could stand in"
    )


class exclusive_lock:  # noqa: N801
    """One at a time changes a directory's guard; the lock is on the directory itself, so that no file is left over.

    Windows can't open a directory: there it is on a file, which the last that has it open removes.
    """

    def __init__(self, site: str) -> None:
        self.site = site
        self.path = os.path.join(site, f"{START_STEM}.lock")

    def __enter__(self) -> None:
        if os.name == "nt":
            self.descriptor = _lock_file(self.path)
            return
        import fcntl

        self.descriptor = os.open(self.site, os.O_RDONLY)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
        if os.name == "nt":
            from contextlib import suppress

            with suppress(OSError):
                os.unlink(self.path)


def _lock_file(path: str) -> int:
    """Wait for a lock on a file of Windows, and return its descriptor; -1 where no file can be written."""
    from time import sleep

    refused = 0
    # A virus scanner may have it open for a moment.
    while refused < 10:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        except OSError:
            refused += 1
        else:
            if has_locked(descriptor):
                return descriptor
            os.close(descriptor)
        sleep(0.05)
    return -1


def has_locked(descriptor: int) -> bool:
    """Lock a file for this process, if no other has it; whether it has been locked."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            from fcntl import LOCK_EX, LOCK_NB, flock

            flock(descriptor, LOCK_EX | LOCK_NB)
    except OSError:
        return False
    return True


def start_up_texts(
    code: int, interpreter: Interpreter, embedded: bool = False
) -> dict[str, bytes]:
    """What makes an interpreter start the guard: names in site-packages and contents, in the order of writing."""
    end = f"{'' if embedded else 'p and '}os._exit({code})" if code else "0"
    damaged = _DAMAGED.format(end=end, told=" and was not started" if code else "")
    # PyPy's code depends on its own version.
    is_cpython = interpreter.implementation == "cpython"
    hexversion = "sys.hexversion" if is_cpython else "sys.implementation.hexversion"
    if interpreter.version < (3, 18):
        boot = _BOOT.format(version=hexversion, recover=repr(_RECOVER))
        return {
            f"{START_STEM}.pth": _LINES.format(boot=boot, damaged=damaged).encode(
                "ascii"
            )
        }
    module = _MODULE.format(
        boot=_BOOT.format(version=hexversion, recover=repr(damaged))
    )
    texts = {
        f"{GUARD_FOLDER}/__init__.py": module,
        f"{START_STEM}.start": "_envlock:start\n",
    }
    return {name: text.encode("ascii") for name, text in texts.items()}


def start_once(command: str, configuration: GuardConfiguration) -> None:
    """Have a verdict kept: the starts to come may be another user's, or on a read-only disk, and can't keep theirs."""
    from contextlib import suppress
    from time import sleep

    # Or `save_verdict` would take the guard itself for something that is changing; what is younger than two seconds has
    # those starts compare anew, which costs much where files are compared.
    sleep(2.1 if configuration.policy.integrity else 0.1)
    with suppress(GuardError):  # the verdict, whatever it is
        _run_target(command, ["-c", "pass"], disable="")


def run_source(
    executable: str,
    options: list[str],
    expression: str,
    site: str,
    load: str = _LOAD_SOURCE,
) -> Any:
    """What an interpreter answers about a guard, whose own copy of envlock.py it has as `m`."""
    code = load + answer_code(expression)
    # -B: asking writes nothing.
    output = _run_target(executable, [*options, "-B", "-c", code, site])
    try:
        return read_answer(output)
    except ValueError:
        raise GuardError(
            f"{executable}: the guard cannot be tried: no answer"
        ) from None


def _run_target(executable: str, arguments: list[str], disable: str = "1") -> str:
    """What an interpreter writes to its standard output. Raises GuardError if it can't be started, or fails."""
    import subprocess

    # By default the guard passes over the starts that try it.
    environment = {**os.environ, "ENVLOCK_DISABLE": disable}
    command = [executable, *arguments]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GuardError(
            f"{executable}: cannot be started to try the guard ({error})"
        ) from None
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise GuardError(
            f"{executable}: the guard cannot be tried: {last or done.returncode}"
        )
    return done.stdout.decode(errors="replace").replace(os.linesep, "\n")


# ==================================================================================================
# Integrity
# ==================================================================================================


_UNSIZED_LIMIT = 8 << 30  # a file whose size its record doesn't tell is not read beyond
# easy_install's own lines, besides paths.
_EASY_INSTALL_LINES = (
    "import sys; sys.__plen = len(sys.path)",
    (
        "import sys; new=sys.path[sys.__plen:]; del sys.path[sys.__plen:]; "
        "p=getattr(sys,'__egginsert',0); sys.path[p:p]=new; sys.__egginsert = p+len(new)"
    ),
)
_DISTUTILS_PRECEDENCE = (
    rb"import os; var = 'SETUPTOOLS_USE_DISTUTILS'; "
    rb"enabled = os\.environ\.get\(var, '(stdlib|local)'\) == 'local'; "
    rb"enabled and __import__\('_distutils_hack'\)\.(do_override|add_shim)\(\);?\s*"
)
_SCRIPT_LIMIT = 10_000  # bytes: a pattern's time may grow with their square
# A console script as pip, uv or conda write it: its imports, and a call of what it imports.
_LAUNCHER = rb"""(?x)
    (?: \#(?!.*coding[:=](?![ \t]*(?i:utf-?8)\b)).*\n | \s | import\ (?:re|sys)\n )*
    from\ ([\w.]+)\ import\ (\w+)\s+
    (?: if\ __name__\ ==\ ['"]__main__['"]:\s+ )?
    (?: (?:el)?if\ sys\.argv\[0\]\.endswith\(['"][\w.-]+['"]\):\s+
      | sys\.argv\[0\]\ =\ (?: sys\.argv\[0\]\[:-\d+\]
        | sys\.argv\[0\]\.removesuffix\(['"]\.exe['"]\)
        | re\.sub\(r?['"][^'"\n]*['"],\ ?['"]{2},\ ?sys\.argv\[0\]\)
      )\s+ )*
    (?:sys\.exit|raise\ SystemExit)\( ([\w.]+) \(\)\)\s*"""
# On Windows the folder of an installation is a site directory itself. Of an embeddable Python it holds the extension
# modules of the standard library.
_WINDOWS_OWN_ENTRIES = r"""(?xi)
    DLLs | Doc | include | Lib | libs | Scripts | tcl | Tools | (?:
    _(?: asyncio | bz2 | ctypes | decimal | elementtree | hashlib
      | interpchannels | interpqueues | interpreters | lzma | msi | multiprocessing
      | overlapped | queue | remote_debugging | socket | sqlite3 | ssl | tkinter
      | uuid | wmi | zoneinfo | zstd )
    | pyexpat | select | unicodedata | winsound )\.pyd"""
# A script's first line that starts some Python, and what stands for one too long or with blanks; without a path, that
# finds its Python by itself.
_PYTHON = r"(?:python|pypy)[\w.]*"
_SHEBANG = rf"""(?x) \#!(?!.*coding[:=]) (?:
    /bin/sh\n'''exec'\ (?:
        "\$\(dirname\ --\ "\$\(realpath\ --\ "\$0"\)"\)"/(?:{_PYTHON}|'{_PYTHON}')
      | (?P<quote>["']?)(?P<path>/[^"'$`\\\n;|&<>()*?]*)(?P=quote) )
      (?:\ -[EIOPSsuB]+)*\ "\$0"\ "\$@"\n'\ '''\n
  | (?:/usr/bin/env\ )? {_PYTHON} (?:\ -[EIOPSsuB]+)*\n
  | (?P<plain>/[^\n]*?) (?:\ -[EIOPSsuB]+)*\n
)""".encode("ascii")


def integrity_findings(
    interpreter: Interpreter,
    policy: Policy,
    tell: Tell | None = None,
    hashes: dict[str, str] | None = None,
) -> dict[str, list[Finding]]:
    """What about installed files isn't as recorded, by normalised name; "" has the files of no package.

    `hashes` has digests that files are known to have, by path: those aren't read. Afterwards it has every path that the
    findings rest on, with the digest if the file is right, or "".
    """
    recorded = read_records(interpreter)
    results = _verify_files(recorded, interpreter, hashes or {}, tell)
    findings: dict[str, list[Finding]] = {}
    for path, remark in sorted(_unrecorded(interpreter, recorded)):
        if not _is_ignored_file(path, os.path.dirname(path), policy):
            finding = _file_finding(Verdict.UNRECORDED, None, path, remark)
            findings.setdefault("", []).append(finding)
    for path, verdict, remark in sorted(results):
        owner = _first_owner(path, recorded, policy)
        # Without a verdict the file could not be read: a note tells that, no finding.
        if verdict and owner:
            finding = _file_finding(verdict, owner, path, remark)
            findings.setdefault(owner.name, []).append(finding)
    if tell:
        unread = sorted(path for path, verdict, _ in results if not verdict)
        _tell_what_was_not_compared(recorded, unread, tell)
    if hashes is not None:
        hashes.clear()
        paths = (*recorded.watched, *recorded.claims)
        hashes.update(dict.fromkeys(paths, ""))
        hashes.update(recorded.hashes)
    return findings


def _first_owner(
    path: str, recorded: RecordIndex, policy: Policy
) -> Distribution | None:
    """The distribution whose finding a file's is; None if all that list it are ignored, or the file."""
    owners = [claim.distribution for claim in recorded.claims[path]]
    # Globs are meant from the site directory of the record that lists the file first.
    site = os.path.realpath(os.path.dirname(owners[0].record))
    if _is_ignored_file(path, site, policy):
        return None
    return next((owner for owner in owners if owner.name not in policy.ignore), None)


def _is_ignored_file(path: str, site: str, policy: Policy) -> bool:
    """Whether a file below a site directory is what one of the globs means."""
    if not policy.ignore_files:
        return False
    relative = os.path.relpath(path, site).replace(os.sep, "/")
    parts = relative.split("/")
    patterns = [pattern.split("/") for pattern in policy.ignore_files]
    return any(_matches_glob(parts, pattern) for pattern in patterns)


def _matches_glob(parts: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a path match those of a glob; `**` stands for any number of them."""
    # Part by part: the `*` of fnmatch would cross folders.
    from fnmatch import fnmatchcase

    if not pattern:
        return not parts
    if pattern[0] == "**":
        rest = (parts[start:] for start in range(len(parts) + 1))
        return any(_matches_glob(end, pattern[1:]) for end in rest)
    if not parts or not fnmatchcase(parts[0], pattern[0]):
        return False
    return _matches_glob(parts[1:], pattern[1:])


def _tell_what_was_not_compared(
    recorded: RecordIndex, unread: list[str], tell: Tell
) -> None:
    """A note for each kind, with the first five names."""
    for what, names in (
        ("packages without hashes in their records, not compared", recorded.unhashed),
        ("recorded files outside of the environment, not read", recorded.outside),
        ("recorded files that cannot be read", unread),
    ):
        if names:
            more = ", ..." if len(names) > 5 else ""
            first = ", ".join(names[:5])
            tell(f"{len(names)} {what}: {first}{more}", False)


def _file_finding(
    explain: str, distribution: Distribution | None, path: str, remark: str
) -> Finding:
    """The finding about a file, of a distribution or of none."""
    path = path.replace("/", os.sep)
    site = distribution.site if distribution else os.path.dirname(path)
    detail = f"{path} ({remark})" if remark else path
    finding = Finding(explain, sites=(site,), detail=detail)
    if distribution:
        finding = finding._replace(name=distribution.name, package=distribution.label)
    return finding


# -- files against what is recorded of them


def _verify_files(
    recorded: RecordIndex,
    interpreter: Interpreter,
    known: Mapping[str, str],
    tell: Tell | None,
) -> list[tuple[str, str, str]]:
    """Compare the files that records list, in threads.

    (path, verdict, remark) of each file that isn't as recorded, in no order; without a verdict: it can't be read.
    """
    from concurrent.futures import ThreadPoolExecutor
    from threading import Event

    stop = Event()
    results: list[tuple[str, str, str]] = []

    def examine(batch: list[str]) -> None:
        for path in batch:
            if stop.is_set():
                return
            verdict, remark = _verify_file(path, recorded, interpreter, stop)
            if verdict != "Right":
                results.append((path, verdict, remark))

    for path, claims in recorded.claims.items():
        # The caller has compared the identity: such a file is not read again.
        if path in known and any(claim.digest == known[path] for claim in claims):
            recorded.hashes[path] = known[path]
    fresh = [path for path in recorded.claims if path not in recorded.hashes]
    # Neighbours on the disk at the same time, but in several batches: large files come together.
    shares: list[list[str]] = []
    for start in range(0, len(fresh), 1024):
        neighbours = fresh[start : start + 1024]
        shares += [neighbours[first::16] for first in range(16)]
    # Threads are enough: hashlib and reads let others run meanwhile.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 16)) as pool:
        try:
            batches = [(pool.submit(examine, share), len(share)) for share in shares]
            _await(batches, tell)
        finally:
            # After Control-C, too: the pool waits for its threads, which look at this.
            stop.set()
    return results


def _await(batches: list[tuple[Future[None], int]], tell: Tell | None) -> None:
    """Wait for batches of files; after a second, tell how far they are."""
    from concurrent.futures import wait
    from time import monotonic

    began, shown = monotonic(), False
    try:
        for future, _ in batches:
            while wait((future,), 0.2).not_done:
                shown = monotonic() - began > 1
                _tell_progress(batches, tell if shown else None)
            future.result()
    finally:
        if tell and shown:
            tell("", True)


def _tell_progress(batches: list[tuple[Future[None], int]], tell: Tell | None) -> None:
    """Tell how far batches of files are."""
    if tell:
        done = sum(size for future, size in batches if future.done())
        total = sum(size for _, size in batches)
        tell(f"{done} of {total} files compared", True)


def _number(size: str) -> int:
    """A recorded size; -1 if it tells none."""
    return int(size) if size.isdecimal() and len(size) < 20 else -1


def _verify_file(
    path: str, recorded: RecordIndex, interpreter: Interpreter, stop: Event
) -> tuple[str, str]:
    """The verdict on one file, and a remark: "Right" where a record meets it, none where it can't be read."""
    claims = recorded.claims[path]
    try:
        status = os.stat(path)
        if status.st_mode & 0o170000 != 0o100000:
            if not any(claim.digest or claim.size for claim in claims):
                return "Right", ""
            return Verdict.MODIFIED, _link(path) or "not a regular file"
        for claim in claims:
            if _meets(path, status.st_size, claim, stop):
                recorded.hashes[path] = claim.digest
                return "Right", ""
        if any(_is_rewritten_script(path, claim, interpreter) for claim in claims):
            return "Right", ""
    except OSError as error:
        return _verdict_on_error(error, claims), _link(path)
    except UnicodeEncodeError:  # a locale that can't name the file
        return "", ""
    return Verdict.MODIFIED, _link(path)


def _verdict_on_error(error: OSError, claims: list[RecordEntry]) -> str:
    """The verdict on a file that the system refuses to read; none if it may be there."""
    from errno import ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR

    if not any(claim.digest or claim.size for claim in claims):
        return "Right"
    is_gone = error.errno in (ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG)
    return Verdict.DELETED if is_gone else ""


def _link(path: str) -> str:
    """A remark where a path is a symbolic link."""
    return f"a link to {os.readlink(path)}" if os.path.islink(path) else ""


def _meets(path: str, size: int, claim: RecordEntry, stop: Event) -> bool:
    """Whether a file is as one record says; by its size where the record tells no hash that is known."""
    digest = _hasher(claim)
    if digest is None:
        return _number(claim.size) in (-1, size)
    # A wrong size beside a right hash does happen, but not in what is too large to be read for nothing.
    is_large = size > CHUNK << 4 and size != _number(claim.size)
    if is_large and (claim.size or size > _UNSIZED_LIMIT):
        return False
    descriptor = os.open(path, READ_FLAGS)
    try:
        # No further than the size that stat has told: another process may append without end.
        while size > 0 and not stop.is_set():
            data = os.read(descriptor, min(size, CHUNK))
            digest.update(data)
            size = size - len(data) if data else 0
    finally:
        os.close(descriptor)
    return _is_digest(claim, digest)


def _hasher(claim: RecordEntry) -> Any:
    """The hash object for a record's hash; None if it tells none, or one that this Python doesn't know."""
    import hashlib

    algorithm = hash_algorithm(claim.digest)
    try:
        return hashlib.new(algorithm) if algorithm else None
    except ValueError:  # it has been forbidden
        return None


def _is_digest(claim: RecordEntry, digest: Any) -> bool:
    """Whether a hash is the recorded one: "urlsafe-base64-nopad" (PEP 376); some tools write other base64 or hex."""
    import binascii  # `from` would cost as much as all the rest

    recorded = claim.digest.partition("=")[2].rstrip("=")
    recorded = recorded.replace("-", "+").replace("_", "/")
    computed = binascii.b2a_base64(digest.digest()).decode().rstrip("=\n")
    return recorded == computed or recorded.lower() == digest.hexdigest()


def _is_rewritten_script(
    path: str, claim: RecordEntry, interpreter: Interpreter
) -> bool:
    """Whether a script is as recorded but for the first line, which names this environment, or a new launcher."""
    data = read_file(path, CHUNK) or b""
    shebang = re.match(_SHEBANG, data[:_SCRIPT_LIMIT])
    if not shebang:
        return False
    program = os.fsdecode(shebang["path"] or shebang["plain"] or b"")
    if program and not _is_environments_python(program, interpreter):
        return False
    rest = data[shebang.end() :]
    launcher = re.fullmatch(_LAUNCHER, rest[:_SCRIPT_LIMIT])
    if launcher and len(rest) <= _SCRIPT_LIMIT:
        module, function = launcher.group(1, 3)
        return _is_entry_point(module, function, claim.distribution)
    major, minor = interpreter.version[:2]
    # What the first line was in the wheel nobody records: all that builders write are tried.
    for folder in ("", "/usr/bin/env ", f"{interpreter.prefix}/bin/"):
        for name in ("python", "pythonw", f"python{major}", f"python{major}.{minor}"):
            digest = _hasher(claim)
            if digest:
                digest.update(os.fsencode(f"#!{folder}{name}\n") + rest)
            if digest and _is_digest(claim, digest):
                return True
    return False


def _is_environments_python(program: str, interpreter: Interpreter) -> bool:
    """Whether a path is that of a Python in the environment's own bin, whose prefix may be a link."""
    folder, name = os.path.split(program)
    prefixes = (interpreter.prefix, real_path(interpreter.prefix))
    folders = [os.path.join(prefix, "bin") for prefix in prefixes]
    return folder in folders and bool(re.fullmatch(_PYTHON, name))


def _is_entry_point(module: bytes, function: bytes, distribution: Distribution) -> bool:
    """Whether a distribution's entry_points.txt has a script that calls this function."""
    path = os.path.join(distribution.record, "entry_points.txt")
    entry_points = read_file(path, METADATA_LIMIT) or b""
    # `NAME = MODULE:FUNCTION [EXTRAS]`, in [console_scripts] or [gui_scripts].
    called = re.escape(module) + rb"\s*:\s*" + re.escape(function)
    return bool(re.search(rb"(?m)^[^\n=]+=\s*" + called + rb"\s*(\[|$)", entry_points))


# -- files that no record lists


def _unrecorded(
    interpreter: Interpreter, recorded: RecordIndex
) -> list[tuple[str, str]]:
    """(path, remark) of start-up files and importable modules in site directories that no record lists."""
    unrecorded: list[tuple[str, str]] = []
    library = os.path.realpath(interpreter.library or os.devnull)
    for site in dict.fromkeys(os.path.realpath(site) for site in interpreter.sites):
        entries = list_entries(site)
        loose = _loose_entries(site, entries, interpreter, recorded)
        foreign_guard = _foreign_guard(site, loose, interpreter)
        remarks = dict.fromkeys(foreign_guard, "not as this envlock writes it")
        remarks.update(_silenced(site, entries, interpreter, recorded))
        suspects = {
            entry for entry in loose if _is_foreign(site, entry, interpreter, recorded)
        }
        packaged = packaged_entries(site) if suspects else set()
        if site == library or (site in recorded.opaque and not packaged):
            suspects = set(filter(_is_start_up_code, suspects))
        if made_by_virtualenv(interpreter):
            packaged.add("_virtualenv.py")
        for entry in (suspects - packaged).union(remarks):
            path = f"{site}{os.sep}{entry}"
            unrecorded.append((path, remarks.get(entry, "")))
    return unrecorded


def _is_foreign(
    site: str, entry: str, interpreter: Interpreter, recorded: RecordIndex
) -> bool:
    """Whether an entry is start-up code or a module that nobody vouches for."""
    return _is_foreign_start(site, entry, interpreter, recorded) or _is_foreign_module(
        site, entry, recorded
    )


def _is_start_up_code(entry: str) -> bool:
    """Whether an entry runs at each start, whatever is imported."""
    return entry.endswith((".pth", ".start")) or is_start_module(entry)


def _loose_entries(
    site: str, entries: list[str], interpreter: Interpreter, recorded: RecordIndex
) -> list[str]:
    """The entries of a site directory that neither a record lists nor Python itself has brought."""
    start, owners = site + os.sep, recorded.owners
    loose = [entry for entry in entries if start + entry not in owners]
    # Records keep the spelling of the wheel, the folder may tell another.
    if loose and ignores_case(site):
        listed = set(map(fold_name, owners))
        loose = [entry for entry in loose if fold_name(start + entry) not in listed]
    if os.name == "nt" and site == os.path.realpath(interpreter.prefix):
        loose = [
            entry for entry in loose if not re.fullmatch(_WINDOWS_OWN_ENTRIES, entry)
        ]
    return loose


def _foreign_guard(site: str, loose: list[str], interpreter: Interpreter) -> list[str]:
    """What can run in the guard's place, and isn't as this envlock would write it for that interpreter."""
    names = [entry for entry in loose if entry in GUARD_STARTS]
    # A start can't judge the code that judges it, and what it keeps changes the folder.
    if GUARD_FOLDER in loose and __name__ != GUARD_FOLDER:
        folder = os.path.join(site, GUARD_FOLDER)
        modules = [
            entry for entry in list_entries(folder) if _is_module(folder, entry, [])
        ]
        names += [f"{GUARD_FOLDER}/{entry}" for entry in modules]
    foreign = [name for name in names if not _is_guards(site, name, interpreter)]
    source = f"{GUARD_FOLDER}/envlock.py"
    # Of another source nobody knows which code would be right.
    is_own = source in names and source not in foreign
    if is_own and os.path.isfile(__file__):
        foreign += foreign_code(interpreter.executable, site)
    return foreign


def _is_guards(site: str, name: str, interpreter: Interpreter) -> bool:
    """Whether a file has the bytes that `site-install` gives to one of this name, whatever its exit status."""
    data = read_file(os.path.join(site, name), METADATA_LIMIT) or b""
    if name == f"{GUARD_FOLDER}/envlock.py":
        own = read_file(__file__, METADATA_LIMIT)
        return own is None or own == data  # None: envlock came by standard input
    # The exit status stands in the start-up file, and any may have been asked for.
    for code in range(256):
        for embedded in (False, True):
            if data == start_up_texts(code, interpreter, embedded).get(name):
                return True
    return False


def _silenced(
    site: str, entries: list[str], interpreter: Interpreter, recorded: RecordIndex
) -> dict[str, str]:
    """The .start files that keep another package's .pth from running (PEP 829), with a remark."""
    # PEP 829 is of 3.15: before, nobody reads a .start file.
    if interpreter.version < (3, 15):
        return {}
    start, owners, silenced = site + os.sep, recorded.owners, {}
    for entry in entries:
        other = f"{entry[:-6]}.pth"
        if not entry.endswith(".start") or entry[0] == "." or other not in entries:
            continue
        owner = owners.get(start + entry)
        is_own = owner is not None and owner == owners.get(start + other)
        if not is_own and os.path.isfile(f"{site}/{entry}"):
            silenced[entry] = f"it silences {other}"
    return silenced


def _is_foreign_start(
    site: str, entry: str, interpreter: Interpreter, recorded: RecordIndex
) -> bool:
    """Whether an entry is a .pth or .start file that neither envlock nor an installer leaves unrecorded."""
    if not entry.endswith((".pth", ".start")) or entry in GUARD_STARTS:
        return False
    path = os.path.join(site, entry)
    if entry.endswith(".start"):
        return entry[0] != "." and not os.path.isdir(path)
    is_read = path in start_up_files(site, [entry], interpreter)
    if not is_read or os.path.isdir(path) or not os.path.exists(path):
        return False
    data = read_file(path, METADATA_LIMIT)
    if entry == "_virtualenv.pth":
        is_patch = (data or b"").strip() == b"import _virtualenv"
        return not (is_patch and made_by_virtualenv(interpreter))
    if entry == "distutils-precedence.pth":
        return not re.fullmatch(_DISTUTILS_PRECEDENCE, data or b"")
    by_pipx = _is_by_pipx(entry, interpreter)
    if by_pipx or entry in ("easy-install.pth", "setuptools.pth"):
        lines = None if data is None else start_up_lines(path, interpreter)
        return lines is None or not all(map(_is_easy_install_line, lines))
    # NAME-VERSION-pyX.Y-nspkg.pth, as setuptools made it for namespace packages.
    stem = re.sub(r"(-\d[^-]*)?(-py[\d.]+)?-nspkg\Z", "", entry[:-4])
    link = os.path.join(site, stem + ".egg-link")
    if entry.endswith("-nspkg.pth") and os.path.isfile(link):
        return False
    return canonicalize_name(stem) not in recorded.unlisted.get(site, set())


def _is_by_pipx(entry: str, interpreter: Interpreter) -> bool:
    """Whether an entry is the start-up file by which pipx shares one pip among its environments."""
    described = os.path.join(interpreter.prefix, "pipx_metadata.json")
    return entry == "pipx_shared.pth" and os.path.isfile(described)


def _is_easy_install_line(line: str) -> bool:
    """Whether a line of a .pth file is a path, or code that easy_install itself writes."""
    is_code = re.match(r"[\s;\ufeff]*import\s", line)
    return not is_code or line.strip() in _EASY_INSTALL_LINES


def _is_foreign_module(site: str, entry: str, recorded: RecordIndex) -> bool:
    """Whether an entry can be imported, and no package's own words claim it."""
    match = re.fullmatch(MODULE_FILE, entry)
    path = os.path.join(site, match[1] if match else entry)
    if path in recorded.modules or entry == GUARD_FOLDER:
        return False
    return _is_module(site, entry, recorded.watched)


def _is_module(folder: str, entry: str, watched: list[str]) -> bool:
    """Whether an entry can be imported; `watched` gets the folders that this rests on."""
    path = os.path.join(folder, entry)
    if re.fullmatch(MODULE_FILE, entry):
        # Of a .pyc beside its .py, the latter counts.
        is_bytecode = entry.endswith(".pyc")
        return not (is_bytecode and os.path.exists(path[:-1]))
    return _can_be_package(entry) and _holds_module(path, watched)


def _can_be_package(folder: str) -> bool:
    """Whether a folder of this name can be imported."""
    return folder.isidentifier() and folder != "__pycache__"


def _holds_module(folder: str, watched: list[str]) -> bool:
    """Whether a folder has a module somewhere: what has none can be imported, but to no effect."""
    for path, folders, files in os.walk(folder):
        watched.append(path)
        is_deep = path.count(os.sep) > 100  # some versions walk recursively
        folders[:] = [] if is_deep else list(filter(_can_be_package, folders))
        paths = [os.path.join(path, name) for name in folders]
        # os.walk does not follow links; what they lead to can be imported all the same.
        for link in filter(os.path.islink, paths):
            files.extend(list_entries(link))
        if any(re.fullmatch(MODULE_FILE, name) for name in files):
            return True
    return False


# ==================================================================================================
# Validation
# ==================================================================================================


# `pip freeze` leaves these out, the last three only before Python 3.12 (pip's commands/freeze.py). envlock is here
# because the tool that checks an environment may stand in it.
_NEVER_UNREQUIRED = frozenset(("pip", "argparse", "wsgiref", "python", "envlock"))
_NEVER_UNREQUIRED_BEFORE_3_12 = frozenset(("setuptools", "wheel", "distribute"))

_NO_MISMATCH = "", ""
_OTHER_HASH = Reason.HASH, "the hash of its archive is another"


def check(
    interpreter: Interpreter,
    bound: Bound,
    policy: Policy,
    tell: Tell | None = None,
    hashes: dict[str, str] | None = None,
) -> list[Finding]:
    """The findings for one interpreter: installed distributions by name, then what is missing by name.

    `hashes` is for integrity, see there.
    """
    files = (
        integrity_findings(interpreter, policy, tell, hashes)
        if policy.integrity
        else {}
    )
    distributions = scan(interpreter)
    required = _required_by_name(
        name_requirements(bound.requirements, distributions), policy
    )
    permitted = bound.permitted | _NEVER_UNREQUIRED
    if interpreter.version < (3, 12):
        # From 3.12 on `venv` installs no setuptools, and pip freeze lists it.
        permitted |= _NEVER_UNREQUIRED_BEFORE_3_12
    findings = _python_findings(interpreter, required.pop("python", []))
    findings += files.pop("", [])
    unnamed = required.pop("", [])
    for name, records in _by_name(distributions, policy).items():
        requirements = required.pop(name, [])
        bundled = records[0].site == interpreter.library
        is_permitted = bundled or policy.superset or name in permitted
        findings += _record_findings(records, requirements, is_permitted)
        findings += files.get(name, [])
    if not policy.subset:
        for requirement in unnamed:
            detail = "no installed package tells that it comes from there"
            findings.append(_finding(Verdict.MISSING, None, requirement, detail))
        for name in sorted(required):
            missing = _first(required[name])
            findings.append(_finding(Verdict.MISSING, None, missing, "not installed"))
    return [_for_people(finding, interpreter) for finding in findings]


def _for_people(finding: Finding, interpreter: Interpreter) -> Finding:
    """A finding without secrets: reports, the guard's message and its kept verdict show all of it."""
    name = without_secrets(finding.name)
    package = without_secrets(finding.package)
    dependency = without_secrets(finding.dependency)
    detail = without_secrets(finding.detail)
    return finding._replace(
        name=name,
        package=package,
        dependency=dependency,
        detail=detail,
        executable=interpreter.executable,
    )


def name_requirements(
    requirements: Sequence[BoundRequirement], distributions: Iterable[Distribution]
) -> Sequence[BoundRequirement]:
    """Requirements with the names of what was installed from their sources.

    The text of a requirement may tell a source alone (`-e .`, `git+URL`, the URL of an archive).
    If nothing was installed from there, a comment may tell the name; else it stays without one.
    """
    if all(requirement.name for requirement in requirements):
        return requirements
    names: NamesBySource = {}
    for distribution in distributions:
        reference = recorded_reference(distribution)
        if reference:
            same_source = names.setdefault(_source_key(reference), [])
            same_source.append((distribution.name, reference))
    return [with_recorded_name(requirement, names) for requirement in requirements]


def with_recorded_name(
    requirement: BoundRequirement, names: NamesBySource
) -> BoundRequirement:
    """A requirement with its name, or that of a record from its source, best of one that it admits."""
    source = requirement.reference
    if requirement.name or not source:
        return requirement
    same_source = names.get(_source_key(source), [])
    # Two records may come from one source: the one that also meets commit and hash is meant.
    for name, recorded in same_source:
        if reference_mismatch(source, recorded) == _NO_MISMATCH:
            return requirement._replace(name=name)
    name = same_source[0][0] if same_source else requirement.likely_name
    return requirement._replace(name=name)


def _source_key(reference: DirectReference) -> tuple[str, ...]:
    """Equal for references to one project, whatever its version."""
    return (
        reference.kind,
        _comparable_url(reference.url),
        reference.subdirectory.strip("/"),
    )


def _required_by_name(
    requirements: Iterable[BoundRequirement], policy: Policy
) -> dict[str, list[BoundRequirement]]:
    """The requirements by name, without names that have constraints alone.

    Constraints "only control which version of a requirement is installed, not whether it is
    installed" (pip).
    """
    grouped = _by_name(requirements, policy)
    return {name: same_name for name, same_name in grouped.items() if _first(same_name)}


def _by_name(
    entries: Iterable[NamedRecord], policy: Policy
) -> dict[str, list[NamedRecord]]:
    """Records by name, in their order, without the names that the policy ignores."""
    grouped: dict[str, list[NamedRecord]] = {}
    for entry in entries:
        if entry.name not in policy.ignore:
            grouped.setdefault(entry.name, []).append(entry)
    return grouped


def _first(requirements: list[BoundRequirement]) -> BoundRequirement | None:
    """The first that is no constraint; None if all are."""
    return next((entry for entry in requirements if not entry.constraint), None)


def _finding(
    verdict: str,
    distribution: Distribution | None,
    requirement: BoundRequirement | None,
    detail: str,
    reason: str = "",
) -> Finding:
    """A finding about a distribution, a requirement or both."""
    finding = Finding(verdict, detail=detail, reason=reason)
    if requirement:
        file, key_path = requirement.file, requirement.line or requirement.key_path or 0
        finding = finding._replace(
            name=requirement.name,
            dependency=requirement.text,
            file=file,
            key_path=key_path,
        )
    if distribution:
        finding = finding._replace(
            name=distribution.name,
            package=distribution.label,
            sites=(distribution.site,),
        )
    return finding


def _python_findings(
    interpreter: Interpreter, requirements: list[BoundRequirement]
) -> list[Finding]:
    """The first demand on the interpreter's version that it doesn't meet."""
    # pip, uv and poetry compare requires-python with the release alone: 3.14.0rc1 counts as 3.14.0.
    version = ".".join(map(str, interpreter.version))
    python = Distribution(
        "python", version, f"python-{version}", interpreter.prefix, ""
    )
    for requirement in requirements:
        specifier = requirement.specifier
        if specifier is not None and not specifier.contains(version):
            detail = f"the interpreter is Python {version}"
            return [
                _finding(Verdict.MISDEFINED, python, requirement, detail, Reason.PYTHON)
            ]
    return []


def _record_findings(
    records: list[Distribution],
    requirements: list[BoundRequirement],
    is_permitted: bool,
) -> list[Finding]:
    """The findings for all records of one name: of several in one site directory, or one."""
    first = records[0]
    if not first.name:
        return [_unreadable(record) for record in records]
    others = records[1:]
    if not all(is_same_version(other.version, first.version) for other in others):
        versions = " and ".join(record.version for record in records)
        detail = f"this site directory holds records of {versions}"
        required = _first(requirements)
        return [
            _finding(Verdict.DUPLICATE, record, required, detail) for record in records
        ]
    if not requirements:
        detail = "not in the bound"
        return (
            [] if is_permitted else [_finding(Verdict.UNREQUIRED, first, None, detail)]
        )
    # All must hold, and one row a package is enough: that of the first which fails.
    for requirement in requirements:
        reason, detail = _mismatch(first, requirement, requirements)
        if reason:
            return [_finding(Verdict.MISDEFINED, first, requirement, detail, reason)]
    return []


def _unreadable(record: Distribution) -> Finding:
    """The finding for a record that doesn't tell what it is of."""
    detail = f"no name or version in {record.record}"
    return _finding(Verdict.UNREADABLE, record, None, detail)


def is_same_version(version: str, other: str) -> bool:
    """PEP 440 equality, the local label included; text where either is no PEP 440 version."""
    if version == other:
        return True
    if not is_version(version) or not is_version(other):
        return False
    return Version(version) == Version(other)


def _mismatch(
    distribution: Distribution,
    requirement: BoundRequirement,
    requirements: list[BoundRequirement],
) -> tuple[str, str]:
    """What about a distribution isn't as the requirement says: a reason, and one sentence.

    Both are empty if it satisfies it. One of all `requirements` may tell where it comes from.
    """
    version, specifier = distribution.version, requirement.specifier
    # A lock's version is compared whole: 2.1.0 does not admit 2.1.0+cpu, unlike the pin `==2.1.0`.
    exact = requirement.version is None or is_same_version(version, requirement.version)
    if not exact or (specifier and not specifier.contains(version, prereleases=True)):
        return Reason.VERSION, f"version {version} is installed"
    recorded = recorded_reference(distribution)
    if requirement.reference is not None:
        return reference_mismatch(requirement.reference, recorded)
    if recorded is None:
        return _NO_MISMATCH
    # pip leaves it, too: what conda records is where the package was built.
    if requirement.version is None and is_from_conda(distribution):
        return _NO_MISMATCH
    if recorded.kind != "archive":
        tells_source = any(entry.reference for entry in requirements)
        if tells_source or not _is_pin(requirement):
            return _NO_MISMATCH
        reason = Reason.EDITABLE if recorded.editable else Reason.SOURCE
        return reason, _origin(recorded)
    if _hashes_meet(locked_hashes(requirement), recorded.hashes):
        return _NO_MISMATCH
    return _OTHER_HASH


def unpinned_names(bound: Bound) -> set[str]:
    """The names that a bound requires without an exact version or a source."""
    loose, pinned = set(), {"python"}
    for requirement in bound.requirements:
        exact = _is_pin(requirement) or requirement.reference is not None
        if exact:
            pinned.add(requirement.name)
        elif not requirement.constraint:
            loose.add(requirement.name)
    return loose - pinned


def _is_pin(requirement: BoundRequirement) -> bool:
    """Whether one version alone will do.

    What admits several is met by a source tree too, for pip as for uv.
    """
    if requirement.version is not None:
        return True
    for clause in requirement.specifier or ():
        if clause.operator in ("==", "===") and not clause.version.endswith(".*"):
            return True
    return False


def _hashes_meet(required: frozenset[str], recorded: frozenset[str]) -> bool:
    """False only where both sides tell a hash by the same algorithm and none is the same."""
    if required & recorded:
        return True
    # Other algorithms can't be compared: a lock may have sha256 and a record md5.
    return not _algorithms(required) & _algorithms(recorded)


def _algorithms(hashes: frozenset[str]) -> set[str]:
    """Those of hashes like `sha256:…`."""
    return {text.partition(":")[0] for text in hashes}


def _origin(reference: DirectReference) -> str:
    """What a finding says of a recorded source."""
    editable = "the editable " if reference.editable else ""
    return f"it was installed from {editable}{reference_text(reference)}"


def reference_mismatch(
    required: DirectReference, recorded: DirectReference | None
) -> tuple[str, str]:
    """How PEP 610's record differs from the reference that is required, as `_mismatch` tells it.

    What either doesn't tell is not compared.
    """
    if recorded is None:
        return Reason.SOURCE, "it was installed from an index"
    source = _origin(recorded)
    if required.editable != recorded.editable:
        return Reason.EDITABLE, source
    if required.kind == "vcs" and required.editable:
        # `pip install -e git+URL` leaves a record that is an editable directory and tells neither
        # URL nor commit.
        return _NO_MISMATCH
    if required.kind != recorded.kind:
        return Reason.SOURCE, source
    if required.kind == "archive" and _algorithms(required.hashes) & _algorithms(
        recorded.hashes
    ):
        # The same archive may come from elsewhere: a mirror, a cache.
        return (
            _NO_MISMATCH
            if _hashes_meet(required.hashes, recorded.hashes)
            else _OTHER_HASH
        )
    same_folder = required.subdirectory.strip("/") == recorded.subdirectory.strip("/")
    if not same_folder or not _same_url(required.url, recorded.url):
        return Reason.SOURCE, source
    if required.commit and recorded.commit and required.commit != recorded.commit:
        return Reason.COMMIT, source
    if not _meets_revision(required.revision, recorded):
        return Reason.COMMIT, source
    return _NO_MISMATCH


def _meets_revision(revision: str, recorded: DirectReference) -> bool:
    """Whether a record is of a branch, a tag or an abbreviated commit; what it doesn't tell is not compared."""
    if not revision or not recorded.commit or revision == recorded.revision:
        return True
    # git abbreviates a commit to seven digits, or more where these are ambiguous.
    return bool(re.match(r"[0-9a-f]{7,}\Z", revision)) and recorded.commit.startswith(
        revision
    )


def _same_url(url: str, other: str) -> bool:
    """Whether two URLs name the same resource, or the same file of this machine."""
    if url == other:
        return True
    url, other = _comparable_url(url), _comparable_url(other)
    if url == other:
        return True
    if not url.startswith("file://") or not other.startswith("file://"):
        return False
    return is_same_file(url[7:-1], other[7:-1])


def _comparable_url(url: str) -> str:
    """A URL without what doesn't name the resource: credentials, a trailing `.git` or `/`, the fragment, quoting."""
    from urllib.parse import urlsplit

    original = url
    # git's own HOST:PATH is what ssh://HOST/PATH means.
    if "://" not in url:
        url = re.sub(r"\A(?!file:)(?:[^/@:]+@)?([^/:@]{2,}):/*", r"ssh://\1/", url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return original
    path = unquoted(parts.path).rstrip("/")
    path = path[:-4] if path.endswith(".git") else path
    # Of `git+https` the part behind the plus.
    scheme = parts.scheme.lower().rpartition("+")[2]
    host = parts.netloc.rpartition("@")[2].lower()
    if scheme == "file":
        if os.name == "nt":
            path = re.sub(r"\A/(?=[A-Za-z]:)", "", path)
        host, path = "", real_path(path)
    return f"{scheme}://{host}{path}?{parts.query}"


# ==================================================================================================
# Reports
# ==================================================================================================


_COLUMNS = ("Package", "Dependency", "Explain", "Sites")
_COLORS = {
    Verdict.UNREQUIRED: "36",
    Verdict.MISSING: "31",
    Verdict.MISDEFINED: "33",
    Verdict.MODIFIED: "33",
    Verdict.DELETED: "31",
}
_MEANINGS = {
    Verdict.UNREQUIRED: "installed, not in the bound",
    Verdict.MISSING: "in the bound, not installed",
    Verdict.MISDEFINED: "installed, but not as the bound says",
    Verdict.DUPLICATE: "one site directory holds two records of one project",
    Verdict.UNREADABLE: "a record whose name or version cannot be told",
    Verdict.MODIFIED: "an installed file is not as recorded",
    Verdict.DELETED: "a recorded file is gone",
    Verdict.UNRECORDED: "a file that Python would run or import, and that no record lists",
}


def format_table(
    findings: Sequence[Finding],
    width: int = 0,
    color: bool = False,
    detail: bool = False,
) -> str:
    """Findings as four aligned columns, or five with their details.

    Lines are cut to `width` columns unless it is 0.
    """
    rows: list[tuple[str, ...]] = [(*_COLUMNS, "Detail")]
    for finding in findings:
        cells = (*_row(finding), finding.detail)
        rows.append(tuple(map(printable, cells)))
    if not detail:
        rows = [row[:4] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    start = widths[0] + widths[1] + 4
    lines = []
    for number, row in enumerate(rows):
        padded = [cell.ljust(column_width) for cell, column_width in zip(row, widths)]
        line = "  ".join(padded).rstrip()
        if width and len(line) > width:
            line = line[: width - 1].rstrip() + "…"
        # Last, since escape sequences have no width and must not be cut apart.
        if color:
            end = start + len(row[2])
            code = _COLORS.get(row[2], "35") if number else "1"
            colored = f"\033[{code}m{line[start:end]}\033[0m"
            line = line[:start] + colored + line[end:]
        lines.append(f"{line}\n")
    return "".join(lines)


def count(number: int, noun: str) -> str:
    """A number of things: `1 package`, `2 packages`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def count_verdicts(findings: Iterable[Finding]) -> str:
    """`2 Unrequired, 1 Missing`."""
    verdicts = [finding.explain for finding in findings]
    # In the order of the table of meanings, not of the findings.
    counted = [verdict for verdict in _MEANINGS if verdict in verdicts]
    return ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in counted)


def shorten_path(path: str) -> str:
    """A path as people write it: relative to the working directory if it is in there, else with the home as `~`."""
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # it is gone
        here = path
    if path.startswith(here):
        return path[len(here) :] or path
    return _with_tilde(path)


def _with_tilde(path: str) -> str:
    """A path with the home directory as `~`."""
    home = os.path.expanduser("~").rstrip(os.sep) + os.sep
    if not is_inside(path, home):
        return path
    return f"~{os.sep}{path[len(home) :]}"


def _row(finding: Finding) -> tuple[str, ...]:
    """The four columns of a finding."""
    # A finding about a file shows the file, not the directory that it lies in.
    places = (finding.detail,) if finding.explain in Verdict.OF_FILES else finding.sites
    sites = ", ".join(map(_with_tilde, places))
    return finding.package, finding.dependency, finding.explain, sites


def format_json(findings: Sequence[Finding]) -> str:
    """Findings as one JSON array; an absent value is null."""
    import json

    keys = (
        *("name", "package", "dependency", "explain", "reason"),
        *("sites", "executable", "detail", "file", "line"),
    )
    rows = []
    for finding in findings:
        # None and empty are both null, so that a program has one case to look for.
        row = {key: getattr(finding, key) or None for key in keys}
        row["sites"] = row["sites"] or []
        rows.append(row)
    return json.dumps(rows, indent=2) + "\n"


class _Place(NamedTuple):
    """Where a finding shows in a repository."""

    path: str  # as CI services name a file; empty: the bound is no file
    line: int


def _place_of(finding: Finding, bounds: Sequence[str]) -> _Place:
    """Where a finding shows: one that no requirement is about stands at the first bound file."""
    first = next((bound for bound in bounds if not is_stream(bound)), "")
    file = finding.file or first
    if not file or is_stream(file):
        return _Place("", 0)
    return _Place(_repository_path(file), finding.line or 1)


def _sentence(finding: Finding) -> str:
    """A finding in one line."""
    about = finding.dependency or finding.package
    return f"{about}{about and ': '}{finding.detail} ({finding.executable})"


def format_github(findings: Sequence[Finding], bounds: Sequence[str]) -> str:
    """Findings as annotations of GitHub Actions."""
    lines = []
    for finding in findings:
        path, line = _place_of(finding, bounds)
        position = f"file={_escaped(path, ':,')},line={line}," if path else ""
        title = f"title=envlock%3A {finding.explain}"
        lines.append(f"::error {position}{title}::{_escaped(_sentence(finding))}\n")
    return "".join(lines)


def format_sarif(findings: Sequence[Finding], bounds: Sequence[str]) -> str:
    """Findings as a log of SARIF 2.1.0, whose rules are the verdicts; without findings one without results."""
    import json

    rules = [
        {"id": verdict, "shortDescription": {"text": text}}
        for verdict, text in _MEANINGS.items()
    ]
    driver = {
        "name": "envlock",
        "version": __version__,
        "informationUri": PROJECT_URL,
        "rules": rules,
    }
    seen: dict[str, int] = {}
    results = [_sarif_result(finding, bounds, seen) for finding in findings]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2) + "\n"


def _sarif_result(
    finding: Finding, bounds: Sequence[str], seen: dict[str, int]
) -> dict[str, Any]:
    """One result; `seen` counts equal fingerprints.

    GitHub takes results of one rule on one line for the same alert, unless their fingerprints differ.
    """
    from hashlib import sha256
    from urllib.parse import quote

    # Without the line: an alert stays the same when lines above it are added.
    identity = "\n".join(
        (finding.explain, finding.package, finding.dependency, finding.detail)
    )
    digest = sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    seen[digest] = seen.get(digest, 0) + 1
    result: dict[str, Any] = {"ruleId": finding.explain, "level": "error"}
    result["message"] = {"text": printable(_sentence(finding))}
    fingerprint = f"{digest}:{seen[digest]}"
    result["partialFingerprints"] = {"primaryLocationLineHash": fingerprint}
    path, line = _place_of(finding, bounds)
    if path:
        address = quote(path.encode("utf-8", "surrogateescape"))
        if os.path.isabs(path):
            address = url_of_path(path)
        location = {"artifactLocation": {"uri": address}, "region": {"startLine": line}}
        result["locations"] = [{"physicalLocation": location}]
    return result


def format_junit(findings: Sequence[Finding], bounds: Sequence[str]) -> str:
    """Findings as JUnit XML, a failed test case each; without findings a suite without cases.

    GitLab keeps one of the cases that agree in class and name, and shows the text of a failure alone.
    """
    totals = f'tests="{len(findings)}" failures="{len(findings)}"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="envlock" {totals}>',
    ]
    lines.append(f'  <testsuite name="envlock" {totals} errors="0" skipped="0">')
    for finding in findings:
        path, line = _place_of(finding, bounds)
        words = [finding.explain, finding.package or finding.dependency]
        words += [finding.detail] if finding.explain in Verdict.OF_FILES else []
        about = " ".join(filter(None, words))
        position = f" file={_quoted(path)} line={_quoted(str(line))}" if path else ""
        names = f"classname={_quoted(finding.executable)} name={_quoted(about)}"
        lines.append(f"    <testcase {names}{position}>")
        text = _sentence(finding)
        failure = f"<failure type={_quoted(finding.explain)} message={_quoted(text)}>"
        where = f"{path}:{line}: {text}" if path else text
        lines += [f"      {failure}{_xml(where)}</failure>", "    </testcase>"]
    return "\n".join([*lines, "  </testsuite>", "</testsuites>", ""])


def _xml(text: str) -> str:
    """Text as XML has it; characters that XML knows none of are escaped as in the table."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;")
    # `]]>` is not allowed in text (XML 1.0, 2.4), hence `>`, too.
    return text.replace(">", "&gt;").replace('"', "&quot;")


def _quoted(text: str) -> str:
    return f'"{_xml(text)}"'


def _escaped(text: str, separators: str = "") -> str:
    """As GitHub reads a command's message, or between these separators its properties."""
    # The percent sign first, since the others become escapes with it.
    for char in "%\r\n" + separators:
        text = text.replace(char, f"%{ord(char):02X}")
    return printable(text)


def _repository_path(path: str) -> str:
    """A file's path relative to its repository or to the working directory, with `/`; absolute if it is in neither."""
    # Both without links: a temporary checkout is often behind one.
    path = os.path.realpath(path)
    for root in _repository_roots(path):
        inside = os.path.join(os.path.realpath(root), "")
        if path.startswith(inside):
            return path[len(inside) :].replace(os.sep, "/")
    return path


def _repository_roots(path: str) -> Iterator[str]:
    """What a file's path may be relative to: GitHub's or GitLab's checkout, a repository, the working directory."""
    yield from filter(None, map(os.environ.get, ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")))
    above = os.path.dirname(path)
    while above != os.path.dirname(above):
        if os.path.exists(os.path.join(above, ".git")):
            yield above
        above = os.path.dirname(above)
    try:
        yield os.getcwd()
    except OSError:  # it is gone
        return


def format_status(status: Mapping[str, Any]) -> str:
    """Lines `key: value`, several for several values, and the table of what differs."""
    lines = []
    for key, value in status.items():
        if key != "findings":
            values = [value] if isinstance(value, str) else value or ()
            label = key.replace("_", " ")
            lines += [f"{label}: {printable(text)}\n" for text in values]
    findings = status["findings"]
    return "".join(lines) + (format_table(findings) if findings else "")


def format_delimited(findings: Sequence[Finding], delimiter: str) -> str:
    """Findings as the four columns, delimited, with a heading line (module csv)."""
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for finding in findings:
        writer.writerow([_no_formula(printable(cell)) for cell in _row(finding)])
    return out.getvalue()


def _no_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: one begins with a sign, in wide letters too."""
    # OWASP on CSV injection: a single quote in front makes a spreadsheet show the text.
    return f"'{cell}" if cell[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") else cell


# ==================================================================================================
# Repair
# ==================================================================================================


def repair_commands(
    report: Report, paths: Sequence[str], selection: Selection, policy: Policy
) -> list[str]:
    """Shell commands, in their order; none for what no tool repairs, nor where one would do more than was asked for."""
    interpreter, bound, _ = report
    # No tool can be told to ignore a package, or to take the union of two formats.
    if policy.ignore or len(bound.formats) != 1 or any(map(is_stream, paths)):
        return []
    if _is_externally_managed(interpreter) or not _is_writable(interpreter):
        return []
    installed = {distribution.label: distribution for distribution in scan(interpreter)}
    removed, requirements, pins = _to_repair(report, installed)
    # Of a system's Python nothing is uninstalled: other programs may need it.
    removed = removed if is_virtual(interpreter.prefix) else []
    words = _repair_words(report, paths, selection, policy.superset)
    if not words or ("{names}" in words and not _can_be_words(requirements, bound)):
        return []
    pip = _pip_command(shell_word(interpreter.executable), installed.values())
    values = {"pip": pip, **_repair_values(interpreter, paths)}
    steps = (
        ("{pip} uninstall -y {names}", removed),
        (words, requirements),
        ("{pip} install --force-reinstall --no-deps {names}", pins),
    )
    commands = []
    for step, names in steps:
        if names and (pip or "{pip}" not in step):
            quoted = " ".join(map(shell_word, names))
            commands.append(step.format(names=quoted, **values))
    return (
        list(filter(None, map(_for_windows, commands))) if os.name == "nt" else commands
    )


def _can_be_words(requirements: Iterable[str], bound: Bound) -> bool:
    """Whether pip understands requirements as they are shown."""
    # The user of ssh://git@host and a query are hidden, but needed.
    texts = [requirement.text for requirement in bound.requirements]
    hidden = {without_secrets(text) for text in texts}.difference(texts)
    # Poetry's constraints aren't words of pip.
    plain = all(re.fullmatch(r"\S+( @ \S+)?", text) for text in requirements)
    return plain and hidden.isdisjoint(requirements)


def _repair_values(interpreter: Interpreter, paths: Sequence[str]) -> dict[str, str]:
    """What stands in braces in a repair."""
    words = {
        "python": interpreter.executable,
        "prefix": interpreter.prefix,
        "file": paths[0],
    }
    words["folder"] = os.path.dirname(paths[0])
    values = {name: shell_word(word) for name, word in words.items()}
    values["files"] = " ".join(f"-r {shell_word(path)}" for path in paths)
    return values


def shell_word(word: str) -> str:
    """A word as the shell of this system reads it."""
    if os.name == "nt":
        return quote_for_windows(word)
    from shlex import quote

    return quote(word)


def quote_for_windows(word: str) -> str:
    """A word as cmd and PowerShell read it: both take what is between double quotes as it is, but for % $ ` !."""
    from subprocess import list2cmdline

    quoted = list2cmdline([word])
    if quoted[:1] == '"' or re.fullmatch(r"[\w.:\\/=@+~-]+", quoted):
        return quoted
    # A backslash before the closing quote would escape it.
    end = len(quoted) - len(quoted.rstrip("\\"))
    return f'"{quoted}{quoted[len(quoted) - end :]}"'


def _for_windows(command: str) -> str:
    """A command for the shells of Windows, which set no variable in front of one; empty if there is none.

    None is said either with what cmd or PowerShell reads in a way of its own.
    """
    command = re.sub(r'UV_PYTHON=("[^"]*"|\S+) (.*)', r"\2 --python \1", command)
    return "" if re.match(r"\w+=", command) or re.search("[%$`!]", command) else command


def _is_externally_managed(interpreter: Interpreter) -> bool:
    """Whether pip refuses to change an interpreter's packages (PEP 668)."""
    if is_virtual(interpreter.prefix):
        return False
    major, minor, _ = interpreter.version
    name = "pypy" if interpreter.implementation == "pypy" else "python"
    python = f"{name}{major}.{minor}"
    library = os.path.join(interpreter.prefix, "lib", python)
    # PEP 668: the marker file stands in the standard library's folder.
    libraries = [library, f"{interpreter.prefix}/Lib"]
    if interpreter.library:
        libraries.append(interpreter.library)
    markers = [os.path.join(folder, "EXTERNALLY-MANAGED") for folder in libraries]
    return any(map(os.path.isfile, markers))


def _is_writable(interpreter: Interpreter) -> bool:
    """Whether this user may change the packages that belong to an interpreter."""
    inside = (site for site in interpreter.sites if is_inside(site, interpreter.prefix))
    own = list(filter(os.path.isdir, inside))
    return all(os.access(site, os.W_OK) for site in own[:1])


def _pip_command(python: str, installed: Iterable[Distribution]) -> str:
    """The nearest pip that can change an environment; empty if there is none."""
    from shutil import which

    if "pip" in [distribution.name for distribution in installed]:
        return f"{python} -m pip"
    if which("uv"):
        return f"UV_PYTHON={python} uv pip"
    return f"pip --python={python}" if which("pip") else ""


def surplus_advice(report: Report, policy: Policy) -> str:
    """A sentence on the installed packages that no command takes away; empty if there are none."""
    interpreter, bound, findings = report
    surplus = [finding for finding in findings if finding.explain == Verdict.UNREQUIRED]
    if not surplus or policy.ignore or len(bound.formats) != 1:
        return ""
    if not is_virtual(interpreter.prefix):
        reason = "nothing is uninstalled from a Python that is no virtual environment"
    elif _removes(bound):
        return ""
    else:
        needed = _needed(bound, scan(interpreter))
        surplus = [finding for finding in surplus if finding.name in needed]
        reason = "what the bound names needs them"
    if not surplus:
        return ""
    names = ", ".join(finding.package for finding in surplus[:3])
    more = f" and {len(surplus) - 3} more" if len(surplus) > 3 else ""
    return f"give --superset, or name {names}{more} in the bound ({reason})"


def _removes(bound: Bound) -> bool:
    """Whether the tool that wrote the bound also removes what isn't in it."""
    return any(form.removes for form in bound.formats)


def _to_repair(
    report: Report, installed: Mapping[str, Distribution]
) -> tuple[list[str], list[str], list[str]]:
    """Names to uninstall first, requirements that the bound's tool has to see to, and pins to install once more."""
    interpreter, bound, findings = report
    (form,) = bound.formats
    needed = set() if form.removes else _needed(bound, list(installed.values()))
    removed: list[str] = []
    unmet: dict[str, Finding] = {}
    pins: dict[str, str] = {}
    for finding in findings:
        distribution = installed.get(finding.package)
        if not all(is_inside(site, interpreter.prefix) for site in finding.sites):
            continue
        if finding.explain in (Verdict.MISSING, Verdict.MISDEFINED, Verdict.UNREQUIRED):
            unmet[finding.package or finding.dependency] = finding
        elif finding.explain not in (Verdict.MODIFIED, Verdict.DELETED):
            continue
        elif distribution and recorded_reference(distribution) is None:
            pins[finding.package] = f"{distribution.name}=={distribution.version}"
        if distribution and _goes_first(finding, form, needed):
            removed.append(distribution.name)
    # What is installed anew anyway need not be installed once more.
    for label in unmet:
        pins.pop(label, None)
    dependencies = [finding.dependency for finding in unmet.values()]
    # What isn't in the bound has none: only a tool that removes has to see to it.
    if not form.removes:
        dependencies = list(filter(None, dependencies))
    return removed, dependencies, list(pins.values())


def _goes_first(finding: Finding, form: Format, needed: Container[str]) -> bool:
    """Whether a package must be uninstalled because the bound's tool would leave it as it is."""
    if finding.explain == Verdict.MISDEFINED:
        return not form.replaces and finding.reason != Reason.VERSION
    if finding.explain == Verdict.UNREQUIRED:
        return not form.removes and finding.name not in needed
    return False


# In core metadata: the name, the bracket before its extras, and what follows up to the marker.
_REQUIRES_DIST = r"(?m)^Requires-Dist: *([\w.-]+) *(\[?)(.*)"


def _needed(bound: Bound, installed: Sequence[Distribution]) -> set[str]:
    """The names of what the required packages need in turn, as far as they tell; of a package's extras all or none."""
    # records, by name and whether extras count
    unread: dict[tuple[str, bool], str] = {}
    for distribution in installed:
        for with_extras in (False, True):
            unread[distribution.name, with_extras] = distribution.record
    required = name_requirements(bound.requirements, installed)
    queue = [(requirement.name, "[" in requirement.text) for requirement in required]
    # The queue grows meanwhile.
    for entry in queue:
        if entry not in unread:
            continue
        metadata = core_metadata(unread.pop(entry)).decode(errors="replace")
        for name, bracket, rest in re.findall(_REQUIRES_DIST, metadata):
            if entry[1] or "extra" not in rest:
                queue.append((canonicalize_name(name), bool(bracket)))
    return {name for name, _ in queue}


def _repair_words(
    report: Report, paths: Sequence[str], selection: Selection, superset: bool
) -> str:
    """A bound's repair for this environment, with values still in braces; empty where it wouldn't do."""
    interpreter, bound, _ = report
    (form,), prefix = bound.formats, interpreter.prefix
    words = form.repair(_with_options(selection, bound), superset)
    if words is None or "{pip}" in words:
        return " ".join(words or [])
    folder, name = os.path.split(paths[0])
    project = os.path.join(folder, form.project or name)
    is_complete = is_virtual(prefix) and os.path.isfile(project)
    # Tools look for their lock by its usual name, beside the project's file.
    if len(paths) > 1 or name != form.title or not is_complete:
        return ""
    if not folder:
        words = [word for word in words if "{folder}" not in word]
    return " ".join([word for word in words if not _is_default(word, prefix, folder)])


def _with_options(selection: Selection, bound: Bound) -> Selection:
    """A selection whose `options` are told apart: as extras and groups."""
    extras = selection.extras | (selection.options & bound.extras)
    groups = selection.groups | (selection.options & bound.groups)
    return selection._replace(extras=extras, groups=groups, options=NO_NAMES)


def _is_default(word: str, prefix: str, folder: str) -> bool:
    """Whether the variable in `VARIABLE={prefix}…` tells the tool what it takes anyway."""
    variable, separator, rest = word.partition("={prefix}")
    if not separator:
        return False
    default = os.path.abspath(os.path.join(folder, ".venv")) + rest
    # What the user has exported, the pasted command gets, too.
    taken = os.environ.get(variable) or default
    return os.path.normcase(taken) == os.path.normcase(prefix + rest)


# ==================================================================================================
# Processes
# ==================================================================================================


def own_words() -> list[str]:
    """The command line of this process; empty where it can't be told, or is that of a program that embeds Python."""
    # From Python 3.10; empty in a program that embeds Python.
    words: list[str] | None = getattr(sys, "orig_argv", None)
    if words is not None:
        return words
    return _windows_own_words() if os.name == "nt" else _process_words(os.getpid())


def parent_words() -> list[str]:
    """The command line of the process that started this one; empty where it can't be told."""
    return _windows_parent_words() if os.name == "nt" else _process_words(os.getppid())


def _process_words(number: int) -> list[str]:
    """The command line of a process of a POSIX system; empty where it can't be told."""
    try:
        with open(f"/proc/{number}/cmdline", "rb") as file:
            # Each word ends with a NUL, the last one, too.
            return os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        return _macos_words(number) if sys.platform == "darwin" else _ps_words(number)


def _ps_words(number: int) -> list[str]:
    """By its path: what the working directory or PATH holds of that name must decide nothing."""
    import subprocess

    try:
        done = subprocess.run(
            ["/bin/ps", "-o", "command=", "-p", str(number)],
            capture_output=True,
            check=False,
        )
    except OSError:
        return []
    return os.fsdecode(done.stdout).split()


def _macos_words(number: int) -> list[str]:
    """The words as the kernel keeps them; `ps` would join them with blanks."""
    import ctypes

    # CTL_KERN, KERN_PROCARGS2 of <sys/sysctl.h>; ARG_MAX is the most that it gives.
    query = (ctypes.c_int * 3)(1, 49, number)
    size = ctypes.c_size_t(1 << 20)  # ARG_MAX
    data = ctypes.create_string_buffer(size.value)
    if ctypes.CDLL(None).sysctl(
        query, 3, data, ctypes.byref(size), None, ctypes.c_size_t(0)
    ):
        return []
    return _split_process_arguments(data.raw[: size.value])


def _split_process_arguments(data: bytes) -> list[str]:
    """The command line in what KERN_PROCARGS2 tells: a C int that counts the words, the program's path, NULs, words."""
    count = int.from_bytes(data[:4], sys.byteorder)
    words = data[4:].partition(b"\0")[2].lstrip(b"\0").split(b"\0")
    return [os.fsdecode(word) for word in words[:count]]


def _windows_own_words() -> list[str]:
    """The command line of this process, as Windows keeps it."""
    import ctypes

    command_line = windows_library("kernel32").GetCommandLineW
    command_line.restype = ctypes.c_wchar_p
    return _split_command_line(command_line())


def _split_command_line(text: str) -> list[str]:
    """The words of a Windows command line, as the system itself tells them apart."""
    import ctypes

    split = windows_library("shell32").CommandLineToArgvW
    split.restype = ctypes.POINTER(ctypes.c_wchar_p)
    count = ctypes.c_int()
    # Never freed: a start asks once or twice.
    words = split(ctypes.c_wchar_p(text), ctypes.byref(count))
    return [words[index] for index in range(count.value)]


class _WindowsParent(NamedTuple):
    """A process above this one."""

    words: list[str]
    program: str  # its path
    began: int  # as `time.time_ns` has it


def _windows_parent_words() -> list[str]:
    """The command line of the process that started this one; empty where it can't be told."""
    parents = _windows_parents()
    return parents[0].words if parents else []


def _windows_parents() -> list[_WindowsParent]:
    """The nearest two processes above this one; before them, that of this very start is left out.

    In a virtual environment that is its python.exe, which starts the base's with its own words.
    """
    kernel, own, number = windows_library("kernel32"), own_words(), os.getpid()
    parents: list[_WindowsParent] = []
    while number and len(parents) < 3:
        number, parent = _windows_parent(kernel, number)
        if parent:
            parents.append(parent)
    if sys.prefix != sys.base_prefix and parents and parents[0].words[1:] == own[1:]:
        return parents[1:]
    return parents[:2]


def _windows_parent(kernel: Any, number: int) -> tuple[int, _WindowsParent | None]:
    """The process that started another, and its number; 0 if it is gone."""
    child = _WindowsProcess(kernel, number)
    parent = _WindowsProcess(kernel, child.parent)
    try:
        # The number of one that is gone may have been given to another since.
        if not parent.handle or parent.began > child.began:
            return 0, None
        # Windows counts from 1601, in units of 100 ns.
        began = (parent.began - 116_444_736_000_000_000) * 100
        return child.parent, _WindowsParent(parent.words(), parent.program(), began)
    finally:
        child.close()
        parent.close()


def was_warned_on_windows(since: int) -> bool:
    """Whether the parent has told a verdict: a start of this same Python, after what caused it."""
    parents = _windows_parents()
    if not parents or not sys.executable:
        return False
    program = parents[0].program
    if sys.prefix != sys.base_prefix:
        # The parent is the base's Python; a python.exe of a virtual environment has started it.
        if len(parents) < 2 or parents[0].words[1:] != parents[1].words[1:]:
            return False
        program = parents[1].program
    return is_same_file(program, sys.executable) and parents[0].began >= since


class _WindowsProcess:
    """What Windows tells of a process. `handle` is None where there is none, or none that may be asked."""

    def __init__(self, kernel: Any, number: int) -> None:
        import ctypes

        self.kernel, self.parent, self.began = kernel, 0, 0
        kernel.OpenProcess.restype = ctypes.c_void_p
        access = 0x410  # PROCESS_QUERY_INFORMATION, PROCESS_VM_READ
        self.handle = kernel.OpenProcess(access, False, number) if number else None
        if self.handle is None:
            return
        handle = ctypes.c_void_p(self.handle)
        times = (ctypes.c_uint64 * 4)()
        addresses = [ctypes.byref(times, 8 * index) for index in range(4)]
        kernel.GetProcessTimes(handle, *addresses)
        self.basic = (ctypes.c_size_t * 6)()  # PROCESS_BASIC_INFORMATION
        query = windows_library("ntdll").NtQueryInformationProcess
        query(handle, 0, self.basic, ctypes.sizeof(self.basic), None)
        self.parent, self.began = self.basic[5], times[0]

    def close(self) -> None:
        """Give the handle back, if there is one."""
        import ctypes

        if self.handle is not None:
            self.kernel.CloseHandle(ctypes.c_void_p(self.handle))

    def program(self) -> str:
        """The path of what it runs; empty where it can't be told."""
        import ctypes

        path, size = ctypes.create_unicode_buffer(32768), ctypes.c_uint32(32768)
        query = self.kernel.QueryFullProcessImageNameW
        query(ctypes.c_void_p(self.handle), 0, path, ctypes.byref(size))
        return path.value

    def words(self) -> list[str]:
        """The command line, which no function tells: it is read where the process itself finds it."""
        wide = sys.maxsize > 1 << 32
        # ProcessParameters of the process environment block (PEB), and CommandLine of these:
        # a UNICODE_STRING, which has its length in bytes, and the address of its text.
        parameters = self._pointer(self.basic[1] + (0x20 if wide else 0x10))
        command_line = parameters + (0x70 if wide else 0x40)
        size = int.from_bytes(self._read(command_line, 2), "little")
        address = self._pointer(command_line + (8 if wide else 4))
        text = self._read(address, size).decode("utf-16-le", "surrogatepass")
        return _split_command_line(text) if text else []

    def _pointer(self, address: int) -> int:
        """The address that stands at one."""
        import ctypes

        return int.from_bytes(
            self._read(address, ctypes.sizeof(ctypes.c_void_p)), "little"
        )

    def _read(self, address: int, size: int) -> bytes:
        """Bytes of its memory; none where they can't be read."""
        import ctypes

        data = ctypes.create_string_buffer(size)
        process, start = ctypes.c_void_p(self.handle), ctypes.c_void_p(address)
        read = self.kernel.ReadProcessMemory
        is_read = read(process, start, data, ctypes.c_size_t(size), None)
        return data.raw if is_read else b""


# ==================================================================================================
# Guard: which starts pass
# ==================================================================================================


# Asked before a guard speaks. They need neither `re` nor the rest of envlock.py: TELLING_FUNCTIONS.


def python_command(words: Sequence[str]) -> Invocation:
    """What a Python's command line makes it run: (kind, what, arguments).

    The kind is "-c", "-m", "script" or "" (the REPL, a program on standard input). Options before
    the program may be glued to it, as in `-Im pip`.
    """
    index = 1
    while index < len(words):
        word = words[index]
        index += 1
        rest = list(words[index:])
        if word == "-" or not word.startswith("-"):
            return "" if word == "-" else "script", word, rest
        if word.startswith("--"):
            index += word == "--check-hash-based-pycs"
            continue
        # Of glued letters the first that takes a value has the rest: `-Wc` is -W with "c".
        option = next((letter for letter in word if letter in "cmWX"), "")
        glued = word.partition(option)[2] if option else ""
        if option and option in "cm":
            if glued:
                return f"-{option}", glued, rest
            return f"-{option}", "".join(rest[:1]), rest[1:]
        index += bool(option) and not glued
    return "", "", []


def proc_words(process: str) -> list[str]:
    """The command line of a process, "self" or a number, where /proc tells it."""
    import os

    if os.name == "nt":
        return []  # a folder of that name is anybody's there
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return os.fsdecode(file.read()).split("\0")[:-1]
    except OSError:
        return []


def own_command(words: Sequence[str]) -> Invocation | None:
    """What this start runs; None in a program that embeds Python: its words are not Python's."""
    import os
    import sys

    # From Python 3.10; empty in a program that embeds Python.
    has_words = hasattr(sys, "orig_argv")
    if not words:
        return None if has_words else ("", "", [])
    command = python_command(words)
    kind, what, _ = command
    # A Python that reads these words as its own begins sys.argv with one of:
    first = {"": ("", "-"), "script": (what,)}.get(kind, (kind,))
    if sys.argv and sys.argv[0] not in first:
        return None
    if kind or has_words or os.name == "nt":
        return command
    try:
        name = os.path.basename(os.readlink("/proc/self/exe"))
    except OSError:
        return command
    return command if "python" in name or "pypy" in name else None


def program_name(word: str) -> str:
    """The base name of a program or script, without what only Windows adds to it."""
    import os

    name = os.path.basename(word)
    if os.name == "nt":
        name = name.lower()
        for suffix in (".exe", "-script.py", "-script.pyw"):
            name = name[: -len(suffix)] if name.endswith(suffix) else name
    return name


def is_worker(command: Invocation) -> bool:
    """Whether a start is a child of multiprocessing or one of its like: its parent was judged."""
    kind, what, arguments = command
    if kind == "-m":
        loky = "loky.backend.popen_loky_posix"
        if what not in (loky, f"joblib.externals.{loky}"):
            return False
        options = [word for word in arguments if word.startswith("--")]
        return options == ["--process-name", "--pipe"]
    if kind != "-c":
        return False
    text = " ".join((what, *arguments))  # `ps` tells words without quotes
    return runs_worker(what) or runs_worker(
        text.partition(" --multiprocessing-fork")[0]
    )


def runs_worker(code: str) -> bool:
    """Whether code does nothing but import and call the main function of such a package."""
    if not code.startswith(("from ", "import sys; from ")):
        return False
    try:
        # Only the names that it uses are looked at: nothing is run.
        compiled = compile(code, "<string>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    if any(hasattr(constant, "co_code") for constant in compiled.co_consts):
        return False  # it defines a function, or the like
    packages = {"multiprocessing", "multiprocess", "billiard"}
    packages |= {"loky.backend", "joblib.externals.loky.backend"}
    functions = dict.fromkeys(
        ("forkserver", "resource_tracker", "semaphore_tracker"), "main"
    )
    functions.update(spawn="spawn_main", popen_loky_win32="main")
    names = {*compiled.co_names} - {"sys", "argv"}
    for name in names:
        package, _, module = name.rpartition(".")
        if package in packages and names == {name, functions.get(module)}:
            return True
    return False


def is_repair(command: Invocation, parent: Sequence[str], isolated: bool) -> bool:
    """Whether a start is a tool that repairs the environment, or is asked by one."""
    import os

    kind, what, _ = command
    name = program_name(what) if kind == "script" else ""
    # By these dpkg compiles what it installs; else a package stays half installed.
    dpkg = {"py3compile", "py3clean", "pypy3compile", "pypy3clean"}
    if dpkg & {name, *map(program_name, parent[:2])}:
        return True
    if kind == "-m":
        return is_repair_module(what)
    if kind == "script":
        return is_repair_script(name) or "/pipenv/resolver/" in what.replace(
            os.sep, "/"
        )
    return kind == "-c" and asks_for_repair(parent, isolated)


def is_repair_module(name: str) -> bool:
    """Whether `-m NAME` is a tool that repairs."""
    tools = {
        "pip",
        "ensurepip",
        "venv",
        "virtualenv",
        "piptools",
        "uv",
        "poetry",
        "pdm",
        "pipenv",
    }
    return name in tools or name == "envlock"


def is_repair_script(name: str) -> bool:
    """Whether a script of this name is a tool that repairs, or what such a tool starts."""
    tools = {
        "pip",
        "pip3",
        "pip-sync",
        "pip-compile",
        "virtualenv",
        "poetry",
        "pdm",
        "pipenv",
    }
    helpers = {"__pip-runner__.py", "_in_process.py", "pip_compileall.py"}
    helpers |= {
        "sysconfig_get_paths.py",
        "_py_info_collect.py",
        "envlock",
        "envlock.py",
    }
    if name in tools or name in helpers:
        return True
    return name[:5] == "pip3." and name[5:].isdigit()  # pip3.13


def asks_for_repair(parent: Sequence[str], isolated: bool) -> bool:
    """Whether the parent of a start of code (-c) is a tool that repairs, and doesn't run the user's code by it."""
    kind, module, rest = python_command(parent)
    if kind == "-m" and is_repair_module(module):
        tool = module
    else:
        names = [program_name(word) for word in parent[:2]]
        tools = ("uv", "pdm", "poetry", "pipenv", "pip-sync")
        tool = next((name for name in names if name in tools), "")
        if not tool:
            return False
        rest = list(parent[names.index(tool) + 1 :])
    # Tools ask with -I; hardly anybody has them run his own code so.
    if isolated:
        return True
    if tool == "pdm":
        return is_pdm_command(rest)
    return tool not in ("uv", "poetry", "pipenv") or "run" not in rest


def is_pdm_command(words: Sequence[str]) -> bool:
    """Whether pdm is told one of its own commands but `run`; `pdm NAME` is short for `pdm run NAME`."""
    commands = "add build cache completion config export fix import info init install list lock new"
    commands += " outdated plugin publish py python remove search self show sync update use venv"
    # `-c FILE` before the command takes a value.
    for before, word in zip(("", *words), words):
        if word[:1] != "-" and before not in ("-c", "--config"):
            return word in commands.split()
    return True


# ==================================================================================================
# Guard: a kept verdict
# ==================================================================================================


def read_state(base: str) -> StartVerdict:
    """The verdict that was kept last. Raises whatever a missing or damaged file causes."""
    import os
    import sys
    from _imp import source_hash
    from marshal import loads

    path = f"{base}.state{sys.flags.no_user_site}"
    if not os.path.isfile(path):  # a named pipe or a device might never end
        raise ValueError(base)
    with open(path, "rb") as file:
        data = file.read(min(os.stat(path).st_size, 1 << 26))
    if data[:8] != source_hash(0, data[8:]):
        raise ValueError(base)
    key, whose, absent, paths, _, message, rest = loads(data[8:])
    gone, identities, kept = loads(rest)
    # In the order that they had.
    where = dict(zip(gone, absent))
    there = zip(paths.split("\0"), identities)
    entries = []
    for index in range(len(absent) + len(identities)):
        entries.append((where[index], None) if index in where else next(there))
    verdict: StartVerdict = kept
    verdict["key"], verdict["whose"], verdict["entries"] = key, whose, entries
    verdict["message"] = message
    return verdict


def identities_mark(identities: list[Identity]) -> int | None:
    """A hash of files' identities, the same in each process; None, which equals none, if one never holds.

    With it step 1 need not load them all. It is no secret: who can write here needs none.
    """
    mark = 0
    for identity in identities:
        if not identity:
            return None
        mark = hash((mark, *identity))
    return mark


def write_state(base: str, verdict: StartVerdict) -> None:
    """Keep a verdict, atomically, where the folder can be written."""
    import os
    import sys
    from _imp import source_hash
    from marshal import dumps

    kept: dict[str, Any] = dict(verdict)
    key, whose, entries, message = map(kept.pop, ("key", "whose", "entries", "message"))
    absent = [path for path, one in entries if one is None]
    gone = [index for index, (_, one) in enumerate(entries) if one is None]
    paths = "\0".join([path for path, one in entries if one is not None])
    identities = [one for _, one in entries if one is not None]
    # What step 1 needs comes first, so that it need not take the rest apart.
    rest = dumps((gone, identities, kept))
    mark = identities_mark(identities)
    data = dumps((key, whose, absent, paths, mark, message, rest))
    path = f"{base}.state{sys.flags.no_user_site}"
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            # Whatever the umask: starts of other users read it, too.
            os.chmod(temporary, 0o644)
            file.write(source_hash(0, data) + data)
        os.replace(temporary, path)
    except OSError:
        pass  # read-only, a full disk, or another start's sweep
    sweep(os.path.dirname(base))


def sweep(folder: str) -> None:
    """Remove what killed starts and installs left in the guard's folder."""
    import os
    from time import time

    try:
        for name in os.listdir(folder):
            stray = f"{folder}/{name}"
            if not name.endswith(".tmp"):
                continue
            # Another file may be one that a site-install or a start is writing just now.
            if ".state" in name or os.stat(stray).st_mtime < time() - 60:
                os.unlink(stray)
    except OSError:
        pass


def is_for_start(verdict: StartVerdict, base: str, prefix: str) -> bool:
    """Whether a verdict holds for this Python, user, machine and kernel, as far as it depends on them."""
    import os
    import sys

    # On Windows a path may be spelled in another case at each start.
    same = os.path.normcase
    key = base, sys.version, prefix
    if list(map(same, verdict["key"])) != list(map(same, key)):
        return False
    home = verdict["home"]
    if home is not None:
        user = sys.modules["site"].getusersitepackages()
        if same(user) != same(home) and any(map(os.path.exists, (home, user))):
            return False
    if verdict["user"] not in (None, getattr(os, "geteuid", int)()):
        return False
    kernel = verdict["kernel"]
    if not kernel:
        return True
    pairs = zip(kernel, os.uname()[2:])
    return all(one in (None, now) for one, now in pairs)


def is_old(identity: Identity | None, limit: int) -> bool:
    """Whether a file last changed before a time (ns): a younger one may change without a trace."""
    return identity is None or max(identity[:2]) < limit


def changed_at(identity: Identity) -> int:
    """When a file last changed (ns), as nobody can set it; Windows doesn't tell that: ctime is its creation."""
    import os

    return max(identity[:2]) if os.name == "nt" else identity[1]


def is_settled(entries: Entries, began: int) -> bool:
    """Whether nothing has changed since a time (ns), shortly before these identities were taken."""
    # A time stamp is that of the kernel's last tick, up to 10 ms ago; a file server has its own clock.
    limit = began - 100_000_000
    for path, identity in entries:
        if file_identity(path) != identity or (
            identity and changed_at(identity) >= limit
        ):
            return False
    return not was_turned([path for path, _ in entries], limit)


def was_turned(paths: Iterable[str], limit: int) -> bool:
    """Whether a link or a directory on the way to files was put in its place after a time (ns)."""
    import os

    ways, seen = list(paths), set()
    for way in ways:  # grows by the folders above, and by what links lead to
        if not way or way in seen:
            continue
        seen.add(way)
        folder = os.path.dirname(way)
        ways.append(folder)
        try:
            status = os.lstat(way)
            is_link = status.st_mode & 0o170000 == 0o120000
            if is_link:
                ways.append(os.path.join(folder, os.readlink(way)))
        except (OSError, ValueError):
            continue
        # A change of what is in a directory changes both its times; a rename leaves the first.
        is_renamed = is_link or status.st_mtime_ns < limit
        if is_renamed and status.st_ctime_ns >= limit:
            return True
    return False


def content_digest(sites: Sequence[str], files: Sequence[str]) -> bytes:
    """Of all that a verdict rests on: names of records, whether they tell an origin, bytes of files."""
    import os
    from _imp import source_hash

    kinds = (".dist-info", ".egg-info", ".egg", ".egg-link", ".pth", ".start")
    parts, read, data = [], list(files), []
    for site in sites:
        try:
            names = sorted(os.listdir(site))
        except OSError:
            parts.append(f"{site} {os.path.isfile(site)}")
            read.append(site)  # perhaps a zipped egg
            continue
        # Most are written in lower case: the others alone need a copy.
        names = [
            name
            for name in names
            if name.endswith(kinds) or name.lower().endswith(kinds)
        ]
        origins = [f"{site}/{name}/direct_url.json" for name in names]
        parts += [site, *names]
        data.append(bytes(map(os.access, origins, [os.F_OK] * len(origins))))
    data.append(os.fsencode("\0".join(parts)))
    for path in read:
        try:
            # A named pipe would never end, and nobody has read what is larger.
            mode, size = os.stat(path)[:7:6]
            is_read = mode >> 12 == 8 and size <= 32 << 20
            with open(path if is_read else "\0", "rb") as file:
                data.append(file.read())
        except (OSError, ValueError) as error:
            data.append(type(error).__name__.encode())
        data.append(b"%d" % len(data[-1]) + os.fsencode(path))
    return source_hash(0, b"\0".join(data))


# ==================================================================================================
# Guard: a start
# ==================================================================================================


def start_step_1() -> None:  # noqa: C901, PLR0912
    """Step 1 of a start: is all that the kept verdict rests on as it was?

    The start-up file executes its code, without arguments; `os` and `sys` are of `site`, too.
    """
    known = sys._getframe(1).f_locals
    file: Any = known["e"]
    loads = known["marshal"].loads
    file.close()
    base = file.name
    modules = sys.modules
    # A module of this name tells the second pass of `site` that this start was judged.
    modules.setdefault("_envlock", type(sys)("_envlock", base))
    # Else this is a subinterpreter, or a program that leaves signals to itself.
    if "_signal" not in modules:
        import _signal  # type: ignore[import-not-found]

        try:
            _signal.signal(2, "")
        except ValueError:  # "signal only works in … the main interpreter"
            return
        except Exception:  # noqa: S110 - it looks at the handler first, on every system
            pass
    message = None
    try:
        # The number stands for READ_FLAGS: a named pipe might never end.
        file = os.open(f"{base}.state{sys.flags.no_user_site}", 0x5EED)
        data = os.read(file, 65536)
        if data[65535:]:  # with integrity there is an entry for each recorded file
            data += os.read(file, 1 << 26)
        os.close(file)
        # `loads` might crash on damaged bytes. The hash is that of bytecode files: an import statement would cost more.
        if data[:8] != modules["_imp"].source_hash(0, data[8:]):
            raise ValueError  # noqa: TRY301
        key, whose, absent, paths, mark, verdict = loads(data[8:])[:6]
        if mark is None or key != (base, sys.version, sys.prefix):
            raise ValueError  # noqa: TRY301
        # Only where a verdict hangs on the user, the machine or the kernel: asking costs.
        if whose:
            environ = os.environ.get
            user = environ("HOME"), environ("APPDATA"), environ("PYTHONUSERBASE")
            if whose[:3] != user or (
                whose[3:] and whose[3:] != (os.geteuid(), os.uname()[2:])
            ):
                raise ValueError  # noqa: TRY301
        if any(map(os.access, absent, bytes(len(absent)))):
            raise ValueError  # noqa: TRY301
        mix = 0  # as `identities_mark` does it
        for path in paths.split("\0"):
            now = os.stat(path)  # [1], [2] and [6]: inode, device, size
            mix = hash((mix, now.st_mtime_ns, now.st_ctime_ns, now[1], now[2], now[6]))
        if mix == mark:
            message = verdict
    except Exception:  # noqa: S110 - no state yet, or another release's
        pass
    if message != "":
        with open(base + ".lean", "rb") as file:
            codes = loads(file.read())
        exec(codes[0])  # noqa: S102


def load_lean() -> None:
    """Make functions of the lean codes and begin step 2; executed by `start_step_1` like itself."""
    known = sys._getframe(1).f_locals
    names: dict[str, Any] = {"__name__": "_envlock", "__builtins__": __builtins__}
    # `types.FunctionType` without an import.
    function: Any = type(os.fsencode)
    for code in known["codes"]:
        names[code.co_name] = function(code, names)
    names["start_step_2"](known["base"], known["message"])


def start_step_2(base: str, message: str | None) -> None:
    """Step 2 of a start: has only what is shown of the files changed? Step 1 may know a verdict's `message`."""
    import sys

    prefix = guarded_prefix(base)
    if not prefix:
        return
    verdict = reuse_verdict(base, prefix, message is not None)
    if verdict is None or verdict["message"]:
        without_trace(set(sys.modules), run_telling, base, prefix, verdict)


def guarded_prefix(base: str) -> str:
    """The folder of the environment that this start is judged for; empty if the guard is not its own.

    An environment on top of the guarded one is not judged, nor is a program that adds the guarded
    site-packages. But `uv run --with` makes an environment that says which one it extends.
    """
    import sys

    if is_inside(base, sys.prefix):
        return sys.prefix
    prefix = extended_environment(sys.prefix)
    return prefix if prefix and is_inside(base, prefix) else ""


def extended_environment(prefix: str) -> str:
    """The environment that `uv run --with` has put another one before; empty if it hasn't."""
    path = f"{prefix}/pyvenv.cfg"
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return ""
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "extends-environment":
            return value.strip()
    return ""


def without_trace(
    known: set[str], function: Callable[..., None], *arguments: Any
) -> None:
    """Call what imports from the standard library alone, and take back what that does.

    Afterwards sys.path is as before, and sys.modules holds no more than what is `known`.
    """
    import sys

    path = sys.path[:]
    # In place: `site` and others hold this very list.
    sys.path[:] = library_path(path)
    try:
        function(*arguments)
    finally:
        sys.path[:] = path
        # Else they would come before modules of these names in a user's folder.
        for name in set(sys.modules) - known:
            del sys.modules[name]


def library_path(path: list[str]) -> list[str]:
    """A path for imports of the standard library: without PYTHONPATH, which is in front of that."""
    import os

    given = os.environ.get("PYTHONPATH")
    foreign = set()
    for entry in given.split(os.pathsep) if given else ():
        try:
            foreign.add(os.path.abspath(entry))
        except OSError:  # a relative one, and the working directory is gone
            foreign.add(entry)
    library = os.path.dirname(os.__file__)
    return [entry for entry in path if entry == library or entry not in foreign]


def load_telling(base: str) -> dict[str, Any]:
    """Load the functions that few starts need, beside those that are there; returns all by name."""
    from marshal import loads

    names = globals()
    function: Any = type(load_telling)
    with open(base + ".tell", "rb") as file:
        codes = loads(file.read())
    for code in codes:
        names[code.co_name] = function(code, names)
    return names


def run_telling(base: str, prefix: str, verdict: StartVerdict | None) -> None:
    """Let the functions that tell which starts pass go on with this one."""
    load_telling(base)["continue_start"](base, prefix, verdict)


def run_whole(base: str, prefix: str, verdict: StartVerdict | None) -> None:
    """Run the code of envlock.py, but for what `load_rest` adds, and step 3."""
    import gc
    import sys
    from marshal import loads

    module = sys.modules["_envlock"]
    module.__file__ = base.rpartition("/")[0] + "/envlock.py"
    collects = gc.isenabled()
    # It would look for cycles among all these functions again and again.
    gc.disable()
    try:
        with open(base + ".full", "rb") as file:
            code, rest = loads(file.read())
        module.__dict__["REST"] = rest
        exec(code, module.__dict__)  # noqa: S102
        module.finish_start(base, prefix, verdict)
    finally:
        if collects:
            gc.enable()


def reuse_verdict(base: str, prefix: str, is_known: bool) -> StartVerdict | None:
    """The kept verdict if step 1 knows it, or names of records and bytes of files are what they were; else None."""
    from os import environ
    from time import time_ns

    began = time_ns()
    try:
        verdict = read_state(base)
        if is_known:
            return verdict
        if not verdict["digest"] or not is_for_start(verdict, base, prefix):
            return None
        paths = [path for path, _ in verdict["entries"]]
        # Identities first, content second: what changes in between is not kept as known.
        entries = [(path, file_identity(path)) for path in paths]
        sites = verdict["sites"]
        if content_digest(paths[:sites], paths[sites:]) != verdict["digest"]:
            return None
        # Another was found meanwhile, and could not be kept: to judge anew is to log this one.
        if verdict["logged"] and not is_last_logged(*verdict["logged"]):
            return None
    except Exception:  # no state yet, or another release's
        return None
    # site-status starts it so, and may change nothing.
    passing = environ.get("ENVLOCK_DISABLE") == "1"
    limit = began - 2_000_000_000
    old = all(is_old(identity, limit) for _, identity in entries)
    if old and not passing:
        refresh_verdict(base, verdict, entries, began)
    return verdict


def is_last_logged(path: str, executable: str, python: bytes, told: bytes) -> bool:
    """Whether a log that this start can write tells this verdict last of this Python, or none at all."""
    import os
    import sys

    log = os.stat(path) if os.path.isfile(path) and os.access(path, 6) else None
    if not log or executable != sys.executable:
        return True
    with open(path, "rb") as file:
        file.seek(max(0, log.st_size - 65536))
        lines = [line for line in file.read().splitlines() if python in line]
    return not lines or told in lines[-1]


def refresh_verdict(
    base: str,
    verdict: StartVerdict,
    entries: Entries,
    began: int,
) -> None:
    """Keep a verdict with new identities, which were taken before the content was compared."""
    if is_settled(entries, began):
        verdict["entries"] = entries
        write_state(base, verdict)


# Step 2 must do without the rest of envlock.py and the modules that it needs.
LEAN_FUNCTIONS: tuple[Any, ...] = (
    *(load_lean, start_step_2, is_inside, guarded_prefix, extended_environment),
    *(without_trace, library_path, load_telling, run_telling, run_whole, sweep),
    *(reuse_verdict, read_state, is_for_start, file_identity, is_old, content_digest),
    *(is_last_logged, refresh_verdict, is_settled, changed_at, was_turned, write_state),
    identities_mark,
)


# -- telling a verdict


def continue_start(base: str, prefix: str, verdict: StartVerdict | None) -> None:
    """Judge a start whose verdict isn't known, tell one that isn't good; a worker needs neither."""
    import os
    import sys

    if os.environ.get("ENVLOCK_DISABLE") == "1":
        return
    words = getattr(sys, "orig_argv", None)
    command = own_command(proc_words("self") if words is None else words)
    if command and is_worker(command):
        return
    parent = proc_words(str(os.getppid()))
    # Step 3 needs the whole of envlock.py, and so do systems without /proc, to tell a parent.
    if verdict is None or os.name == "nt" or not os.path.exists("/proc/self/cmdline"):
        run_whole(base, prefix, verdict)
    else:
        tell_verdict(base, verdict, command, parent)


def tell_verdict(
    base: str, verdict: StartVerdict, command: Invocation | None, parent: Sequence[str]
) -> None:
    """Print a verdict that isn't good, and end the process, unless this start may pass."""
    import os
    import sys

    if command and is_repair(command, parent, bool(sys.flags.isolated)):
        return
    site = base.rpartition("/_envlock/")[0]
    starts = (f"{site}/0-envlock.pth", f"{site}/0-envlock.start")
    # The guard was removed while this start ran: nobody is ended for it any more.
    if not any(map(os.path.exists, starts)):
        return
    ends = verdict["code"] and (command or verdict["embedded"])
    text = f"envlock: {verdict['message']}"
    if ends:
        text += " and was not started"
    elif verdict["code"]:
        text += "; this program embeds it and goes on"
    text += verdict["reason"] + "\n"
    if verdict["code"] or not was_warned(parent, verdict["since"]):
        text += verdict["details"]
    print_error(text)
    if ends:
        # An exception would be printed here, or passed over: `site` catches all of them.
        os._exit(verdict["code"])


def print_error(text: str) -> None:
    """Print on standard error, if there is one."""
    import sys

    try:
        encoding = sys.stderr.encoding or "utf-8"
        sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):
        pass


def was_warned(words: Sequence[str], since: int) -> bool:
    """Whether the parent has told a verdict: a start of this same Python, after what caused the verdict.

    `words` are the parent's command line.
    """
    import os
    import sys

    parent = os.getppid()
    try:
        if not words or os.name == "nt" or process_start(parent) < since:
            return False
        # A tool that may repair passed without a word.
        if is_repair(python_command(words), [], False):
            return False
        if not os.path.samefile(f"/proc/{parent}/exe", "/proc/self/exe"):
            return False
        folder, name = os.path.split(words[0])
        folders = os.environ.get("PATH", "").split(os.pathsep)
        if folder:
            folders = [os.path.join(os.readlink(f"/proc/{parent}/cwd"), folder)]
        programs = [os.path.join(one, name) for one in folders]
        found = list(filter(os.path.exists, programs))
        if not found:
            return False
        own = os.path.dirname(sys.executable)
        return os.path.samefile(os.path.dirname(found[0]), own)
    except (OSError, ValueError, AttributeError):
        return False


def process_start(process: int) -> int:
    """When a process was started, as `time.time_ns` has it; the clock of /proc has steps of 0.01 s."""
    import os
    import time

    with open(f"/proc/{process}/stat", "rb") as file:
        # Behind the last bracket: a program's name in it may hold blanks and brackets.
        fields = file.read().rpartition(b")")[2].split()
    since_boot = (int(fields[19]) + 2) / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    return time.time_ns() - int(age * 10**9)


# Loaded only when a start can't go on in silence; they need no `re`, nor the rest of envlock.py.
TELLING_FUNCTIONS: tuple[Any, ...] = (
    *(continue_start, tell_verdict, print_error, was_warned, process_start),
    *(python_command, proc_words, program_name, own_command, is_worker, runs_worker),
    *(is_repair, is_repair_module, is_repair_script, asks_for_repair, is_pdm_command),
)


# ==================================================================================================
# Guard: code
# ==================================================================================================


REST: bytes | None = None  # what `load_rest` adds, in the module that `run_whole` makes

# What a start needs only for other bounds than plain pins, or where something differs; in the code
# for starts a stub stands for each, and for what nothing else uses the code is left out.
LATE_FUNCTIONS: tuple[Any, ...] = (
    default_environment,
    is_version,
    without_secrets,
    url_of_path,
    reference_text,
    load_toml,
    load_script,
    load_json,
    load_lock,
    toml_name,
    read_pyproject,
    read_script,
    read_pylock,
    read_uv,
    read_poetry,
    read_pdm,
    read_pipfile,
    install_names,
    install_files,
    uv_pip_sync,
    uv_sync,
    poetry_sync,
    pdm_sync,
    pipenv_sync,
    logical_line_requirements,
    find_executable,
    core_metadata,
    parse_direct_url,
    is_from_conda,
    integrity_findings,
    with_recorded_name,
    is_same_version,
    reference_mismatch,
    format_table,
    format_json,
    repair_commands,
    shell_word,
    was_warned_on_windows,
)


# Python 3.13 and newer warn where a function becomes a generator.
_STUB = """\
def {name}(*arguments, **named):
    {returns} load_rest()["{name}"](*arguments, **named)
"""


_GENERATOR = 0x20  # of a code's flags


class LateModule:
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, attribute: str) -> Any:
        module = globals()[self.name] = __import__(self.name)
        return getattr(module, attribute)


def load_rest() -> dict[str, Any]:
    """Add what the code for starts leaves out, once; returns all by name.

    Each stub becomes the function that it stands for: tables hold it already.
    """
    from marshal import loads

    names = globals()
    exec(loads(names.pop("REST")), names)  # noqa: S102
    for stub in LATE_FUNCTIONS:
        function = names[stub.__name__]
        stub.__code__ = function.__code__
        stub.__defaults__, stub.__kwdefaults__ = (
            function.__defaults__,
            function.__kwdefaults__,
        )
        names[stub.__name__] = stub
    return names


def _parts_of(source: bytes, path: str) -> tuple[Any, Any]:
    """The code of envlock.py in two parts: what `finish_start` uses, with stubs, and the rest."""
    import ast

    statements = ast.parse(source).body
    by_name: dict[str, ast.stmt] = {}
    for statement in statements:
        by_name.update((name, statement) for name in _bound_names(statement))
    late = {function.__name__: function.__code__ for function in LATE_FUNCTIONS}
    used, names = {"re"}, ["finish_start", "load_rest", "LateModule"]
    for name in names:  # grows by what these use
        if name in by_name and name not in used:
            used.add(name)
            names += [] if name in late else _used_names(by_name[name])
    first: list[ast.stmt] = []
    rest: list[ast.stmt] = []
    for each in statements:
        bound = used.intersection(_bound_names(each))
        if bound & late.keys():
            name = min(bound)
            returns = "yield from" if late[name].co_flags & _GENERATOR else "return"
            first += ast.parse(_STUB.format(name=name, returns=returns)).body
        elif bound and bound != {"re"}:
            first.append(each)
        if not bound or bound & {"re", *late}:
            rest.append(each)
    first += ast.parse("re = LateModule('re')").body
    return _compiled(first, path), _compiled(rest, path)


def _compiled(statements: list[ast.stmt], path: str) -> Any:
    """The code of statements of envlock.py, without docstrings, assertions and tables for tracebacks."""
    import __future__

    import ast

    others = [
        each for each in statements if getattr(each, "module", "") != "__future__"
    ]
    module = ast.Module(body=others, type_ignores=[])
    # The flag alone: else each start would import the module `__future__`.
    flags = __future__.annotations.compiler_flag
    return _bare_code(
        compile(module, path, "exec", flags, dont_inherit=True, optimize=2)
    )


def _bound_names(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module binds; none for what only type checkers read."""
    import ast

    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Import, ast.ImportFrom)):
        for alias in statement.names:
            yield alias.asname or alias.name
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
    elif isinstance(statement, (ast.If, ast.Try)) and not _is_for_checkers(statement):
        for inner in ast.iter_child_nodes(statement):
            if isinstance(inner, ast.stmt):
                yield from _bound_names(inner)


def _is_for_checkers(statement: ast.stmt) -> bool:
    import ast

    test = getattr(statement, "test", None)
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _used_names(node: ast.AST) -> Iterator[str]:
    """The names that a part of a program uses when it runs: annotations are never evaluated."""
    import ast

    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns"):
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.Name):
                yield inner.id
            elif isinstance(inner, ast.AST):
                yield from _used_names(inner)


def _guard_code(site: str) -> dict[str, Any]:
    """This interpreter's code of the guard by path, made from the envlock.py that stands in the guard's folder."""
    import gc

    base = guard_base(site)
    source = f"{os.path.dirname(base)}/envlock.py"
    collects = gc.isenabled()
    gc.disable()  # its looks at the whole syntax tree would take as long as all else
    try:
        with open(source, "rb") as file:
            parts = _parts_of(file.read(), source)
    finally:
        if collects:
            gc.enable()
    lean = [_bare_code(function.__code__) for function in LEAN_FUNCTIONS]
    telling = [_bare_code(function.__code__) for function in TELLING_FUNCTIONS]
    first: Any = _bare_code(start_step_1.__code__)
    names = [_short_name(*pair) for pair in enumerate(first.co_varnames)]
    constants = [READ_FLAGS if one == 0x5EED else one for one in first.co_consts]
    first = first.replace(
        co_name="", co_varnames=tuple(names), co_consts=tuple(constants)
    )
    if hasattr(first, "co_qualname"):
        first = first.replace(co_qualname="")
    # Last comes what the start-up line runs, as it needs the others.
    codes: dict[str, Any] = {}
    for kind, code in (("full", parts), ("tell", telling), ("lean", lean)):
        codes[f"{base}.{kind}"] = code
    codes[base] = first
    return codes


def _short_name(index: int, name: str) -> str:
    """A variable's name in the code of `start_step_1`: a new one costs the start, a letter is there already.

    Before Python 3.13 the start-up line sees them: `d` and `e` are files that it closes after a fault.
    """
    letter = chr(ord("f") + index)
    return name if name in ("base", "codes", "message") else letter


def _bare_code(code: Any) -> Any:
    """Code without the tables that only tracebacks need: reading these takes a third of the time."""
    if sys.implementation.name != "cpython":
        return code
    # PEP 626 replaced co_lnotab by it in 3.10.
    table = "co_linetable" if sys.version_info >= (3, 10) else "co_lnotab"
    constants = [
        _bare_code(one) if hasattr(one, "co_code") else one for one in code.co_consts
    ]
    return code.replace(co_filename="", co_consts=tuple(constants), **{table: b""})


def write_guard_code(site: str) -> None:
    """Write this interpreter's code of the guard."""
    from marshal import dumps

    for path, code in _guard_code(site).items():
        # The second part stays bytes until `load_rest` needs it.
        if isinstance(code, tuple):
            code = code[0], dumps(code[1])  # noqa: PLW2901
        write_file(path, dumps(code), 0o644)


def damaged_code(site: str) -> list[str]:
    """The files of this interpreter's code of the guard that hold another."""
    from marshal import loads

    damaged = []
    for path, code in _guard_code(site).items():
        try:
            kept = loads(read_file(path, SIZE_LIMIT) or b"")
            if isinstance(kept, tuple):
                kept = kept[0], loads(kept[1])
            same = kept == code
        except Exception:  # whatever such bytes cause
            # Where there is none, a start makes it anew from the source.
            same = not os.path.lexists(path)
        damaged += [] if same else [os.path.basename(path)]
    return damaged


# ==================================================================================================
# Guard: a verdict
# ==================================================================================================

_ROWS = 10  # of findings that a start shows

# The variables of PEP 508 (and their old names) that tell a machine or its kernel, in the order of
# the last three of `os.uname()`.
_KERNEL_VARIABLES = (
    ("platform_release",),
    ("platform_version", "platform.version"),
    ("platform_machine", "platform.machine"),
)


class _Watched(NamedTuple):
    """What tells the packages of an environment."""

    sites: int  # how many of these are directories that hold packages: they come first
    files: Files
    absent: list[str]  # where a record could tell another origin than an index


class _Basis(NamedTuple):
    """What a verdict rests on; identities were taken before or while a file was read."""

    watched: _Watched
    files: Files  # those, and what the bounds were read from
    # Of --integrity: a digest for a file that is right, "" for what else counts
    hashes: dict[str, str]
    known: Known  # those of them that were not read again


def start_from_source(site: str) -> None:
    """Judge a start of an interpreter for which the installed code is not, and install its own."""
    import contextlib

    if os.environ.get("ENVLOCK_DISABLE") == "1":
        return
    base = guard_base(site)
    # On a read-only disk each start goes by the source.
    with contextlib.suppress(OSError):
        write_guard_code(site)
    prefix = guarded_prefix(base)
    if prefix:
        finish_start(base, prefix, None)


def finish_start(base: str, prefix: str, verdict: StartVerdict | None) -> None:
    """Step 3 of a start, and the end of a bad one."""
    command = own_command(own_words())
    if command and is_worker(command):
        return
    if verdict is None:
        configuration = GuardConfiguration.read(os.path.dirname(base))
        verdict = _judge(base, prefix, configuration, command)
    if not verdict["message"]:
        return
    parent = parent_words()
    if (
        os.name == "nt"
        and not verdict["code"]
        and was_warned_on_windows(verdict["since"])
    ):
        # A parent that may repair passed without a word: then this start has to tell all.
        passed = is_repair(python_command(parent), [], False)
        verdict = verdict if passed else {**verdict, "details": ""}
    tell_verdict(base, verdict, command, parent)


def _judge(
    base: str,
    prefix: str,
    configuration: GuardConfiguration,
    command: Invocation | None,
) -> StartVerdict:
    """A verdict, whatever happens."""
    try:
        return _start_step_3(base, prefix, configuration)
    except EnvlockError as error:
        repair = "put the lock right, or name another with site-install"
        return _failure(base, prefix, configuration, str(error), repair)
    except KeyboardInterrupt:
        if command:
            # As a shell counts it: 128 and the number of SIGINT.
            os._exit(130)
        return _failure(base, prefix, configuration, "interrupted", "start again")
    except BaseException as error:  # one line, whatever happens
        reason = f"the guard failed: {type(error).__name__}: {error}"
        return _failure(
            base, prefix, configuration, reason, "renew the guard with site-install"
        )


def _start_step_3(
    base: str, prefix: str, configuration: GuardConfiguration
) -> StartVerdict:
    """Validate the environment that a start is judged for, and keep the verdict."""
    from time import time_ns

    began = time_ns()
    verdict = _new_verdict(base, prefix, configuration)
    interpreter = _guarded_interpreter(prefix)
    folder = os.path.dirname(base)
    site = os.path.normcase(os.path.dirname(folder))
    # The guard is another environment's, which this one has on its path.
    if site not in map(os.path.normcase, interpreter.sites):
        return verdict
    policy = configuration.policy
    known = _known_files(base) if policy.integrity else {}
    hashes = {path: digest for path, (digest, _) in known.items()}
    # Before anything is read: what changes meanwhile differs from this.
    watched = _watched(interpreter, policy)
    context = configuration.read_context(interpreter)
    bound = read_bounds(configuration.bounds, context)
    digests = hashes if policy.integrity else None
    findings = check(interpreter, bound, policy, _report_progress, digests)
    if findings:
        _describe(verdict, (interpreter, bound, findings), configuration)
    origins = _expected_origins(watched, bound)
    files = {**watched.files, **origins, **context.files}
    verdict["home"] = interpreter.user
    verdict["kernel"] = _kernel_of(context.texts.values())
    verdict["found"] = began
    previous = _previous(base)
    _compare_with_previous(verdict, previous, files)
    _log(configuration, verdict, findings, previous)
    basis = _Basis(watched, files, hashes, known)
    if not _keep(base, verdict, basis, policy) and not _is_same(previous, verdict):
        _note_verdict(base, verdict, previous)
    return verdict


def _guarded_interpreter(prefix: str) -> Interpreter:
    """The interpreter of the guarded environment: not that of one which extends it."""
    return this_interpreter(
        executable="" if prefix == sys.prefix else find_executable(prefix)
    )


_ALIGNED: StartVerdict = {
    "key": ("", "", ""),
    "whose": None,
    "home": None,
    "user": None,
    "kernel": None,
    "entries": [],
    "sites": 0,
    "digest": b"",
    "digests": "",
    "message": "",
    "reason": "",
    "details": "",
    "code": 0,
    "embedded": False,
    "since": 0,
    "found": 0,
    "logged": None,
}


def _new_verdict(
    base: str, prefix: str, configuration: GuardConfiguration
) -> StartVerdict:
    """The verdict of an aligned start, still without what it rests on."""
    key = base, sys.version, prefix
    return {
        **_ALIGNED,
        "key": key,
        "entries": [],
        "code": configuration.code,
        "embedded": configuration.embedded,
    }


def _failure(
    base: str, prefix: str, configuration: GuardConfiguration, reason: str, repair: str
) -> StartVerdict:
    """The verdict of a start that can't be judged; it is never kept."""
    verdict = _new_verdict(base, prefix, configuration)
    verdict["message"] = (
        f"this Python ({_place(prefix)}) cannot be compared with its lock"
    )
    verdict["reason"] = f": {printable(reason)}"
    verdict["details"] = f"To repair: {repair}\n{_last_lines(base, prefix)}"
    _log(configuration, verdict, [], _previous(base))
    return verdict


def _describe(
    verdict: StartVerdict, report: Report, configuration: GuardConfiguration
) -> None:
    """Say what differs, and what can be done."""
    base, _, prefix = verdict["key"]
    findings = report[2]
    bounds = ", ".join(map(printable, configuration.bounds))
    locks = "lock" if len(configuration.bounds) == 1 else "locks"
    table = format_table(findings[:_ROWS])
    if len(findings) > _ROWS:
        table += f"and {len(findings) - _ROWS} more: site-status lists all\n"
    commands = repair_commands(
        report, configuration.bounds, configuration.selection, configuration.policy
    )
    table += "".join(f"To align: {printable(command)}\n" for command in commands)
    verdict["message"] = (
        f"this Python ({_place(prefix)}) differs from its {locks} {bounds}"
    )
    verdict["details"] = table + _last_lines(base, prefix)


def _place(prefix: str) -> str:
    """How a message names the guarded Python: by a virtual environment's folder, or its executable."""
    return printable(prefix if is_virtual(prefix) else _executable(prefix))


def _executable(prefix: str) -> str:
    """What starts the guarded Python; not a program that embeds it."""
    if prefix == sys.prefix and own_command(own_words()):
        return sys.executable
    try:
        return find_executable(prefix)
    except InterpreterError:
        return sys.executable or prefix


def _last_lines(base: str, prefix: str) -> str:
    """How to pass once, and how to be rid of the guard."""
    command = removal_command(os.path.dirname(base), _executable(prefix))
    return f"To pass once: set ENVLOCK_DISABLE=1\nTo remove the guard: {printable(command)}\n"


def removal_command(folder: str, executable: str) -> str:
    """A shell command that removes a guard by its own copy of envlock, wherever that came from."""
    # The guard's own copy: whoever meets the message may not have envlock.
    python = shell_word(executable)
    copy = shell_word(os.path.join(folder, "envlock.py").replace("/", os.sep))
    return f"{python} {copy} -e {python} site-uninstall"


def _report_progress(text: str, passing: bool) -> None:
    """A start says how far it is, and leaves the notes out."""
    if passing:
        report(text, passing)


def _previous(base: str) -> StartVerdict | None:
    """The verdict that was kept last, whatever it rests on."""
    try:
        verdict = read_state(base)
        return verdict if verdict["found"] else None
    except Exception:  # no state yet, or another release's
        return None


def _known_files(base: str) -> Known:
    """The files that were right when the last verdict was found, and haven't changed since."""
    previous = _previous(base)
    if previous is None:
        return {}
    known = {}
    try:
        for (path, identity), digest in zip(
            previous["entries"], previous["digests"].split("\0")
        ):
            if digest and identity and file_identity(path) == identity:
                known[path] = digest, identity
    except (AttributeError, TypeError, ValueError):  # not as it was written
        return {}
    return known


def _watched(interpreter: Interpreter, policy: Policy) -> _Watched:
    """The directories that hold packages, or may, and the files that say which these are."""
    sites = list(interpreter.sites)
    files = [os.path.join(interpreter.prefix, "pyvenv.cfg")]
    for site in interpreter.sites:
        entries = list_entries(site)
        starts = [entry for entry in entries if entry.endswith((".pth", ".start"))]
        files += [os.path.join(site, entry) for entry in starts]
        sites += path_lines(start_up_files(site, entries, interpreter), interpreter)
    sites = list(dict.fromkeys(sites))
    identities = {site: file_identity(site) for site in sites}
    absent: list[str] = []
    for site in sites:
        entries = list_entries(site)
        for record in record_paths(site, entries):
            entry = record[record.rfind(os.sep) + 1 :]
            files += version_files(record, entry)
            origin = origin_file(record)
            there = policy.integrity or os.access(origin, os.F_OK)
            (files if there else absent).append(origin)
    identities.update((path, file_identity(path)) for path in files)
    return _Watched(len(sites), identities, absent)


def _expected_origins(watched: _Watched, bound: Bound) -> Files:
    """Origins that aren't there, of records whose distributions are demanded from elsewhere than an index.

    To watch all others, too, each start would look into each record; installers replace a record as a whole.
    """
    demanded = {demand.name for demand in bound.requirements if demand.reference}
    names = {
        origin: parse_record_name(os.path.basename(os.path.dirname(origin)))[0]
        for origin in watched.absent
    }
    return {
        origin: None
        for origin, name in names.items()
        if canonicalize_name(name) in demanded
    }


def _kernel_of(texts: Iterable[str]) -> tuple[str | None, ...] | None:
    """What of the kernel's release and version and the machine these bounds depend on, if any."""
    if not hasattr(os, "uname"):
        return None
    found: list[str | None] = [None, None, None]
    now = os.uname()[2:]
    for text in texts:
        # A name anywhere in the text is enough: at worst a verdict is kept for this machine alone.
        for index, names in enumerate(_KERNEL_VARIABLES):
            if any(name in text for name in names):
                found[index] = now[index]
    return tuple(found) if any(found) else None


def _compare_with_previous(
    verdict: StartVerdict, previous: StartVerdict | None, files: Files
) -> None:
    """Find out since when a verdict holds: since the last change, unless it was the same before."""
    times = [max(identity[:2]) for identity in files.values() if identity]
    verdict["since"] = max(times, default=0)
    if previous and _is_same(previous, verdict):
        verdict["since"] = min(verdict["since"], previous["since"])


def _is_same(previous: StartVerdict | None, verdict: StartVerdict) -> bool:
    """Whether a verdict is the one before. The first is compared with that of an aligned start."""
    before = (previous["message"], previous["details"]) if previous else ("", "")
    return before == (verdict["message"], verdict["details"])


def _keep(base: str, verdict: StartVerdict, basis: _Basis, policy: Policy) -> bool:
    """Keep a verdict with the identity of all that it rests on; False if some of that has changed.

    With integrity that is much more, and there is no step 2.
    """
    began, hashes = verdict["found"], basis.hashes
    files = dict(basis.files)
    # Another site-install changes what is asked for.
    settings = f"{os.path.dirname(base)}/{CONFIGURATION}"
    files[settings] = file_identity(settings)
    paths, sites = list(files), basis.watched.sites
    # Before the check that nothing has changed: else what changes after that would be in the digest.
    digest = b""
    if not policy.integrity:
        digest = content_digest(paths[:sites], paths[sites:])
    folders = [path for path, right in hashes.items() if not right]
    limit = began - 100_000_000
    appeared = any(os.access(path, os.F_OK) for path in basis.watched.absent)
    entries = list(files.items())
    if appeared or not is_settled(entries, began) or was_turned(folders, limit):
        return False
    for path, right in hashes.items():
        _, identity = basis.known.get(path) or ("", file_identity(path))
        if changed_at(identity) >= limit if identity else right:
            return False  # changed, or gone
        entries.append((path, identity))
    paths = [path for path, _ in entries]
    old = began - 2_000_000_000
    verdict["entries"] = _trusted(entries, old)
    verdict["digest"], verdict["sites"] = digest, sites
    verdict["digests"] = "\0".join(hashes.get(path, "") for path in paths)
    _tell_whose(verdict, paths)
    write_state(base, verdict)
    return True


def _trusted(entries: Entries, limit: int) -> Entries:
    """Entries whose times are too young to trust as ones that never recur: the next start compares content."""
    return [(path, one if is_old(one, limit) else ()) for path, one in entries]


def _note_verdict(
    base: str, verdict: StartVerdict, previous: StartVerdict | None
) -> None:
    """Tell the next start what was found, though it has to judge anew: the first entry never holds.

    What files were right before still counts for those that haven't changed.
    """
    entries: Entries = [(base, ())]
    verdict["digests"] = "\0"
    if previous:
        entries += previous["entries"]
        verdict["digests"] += previous["digests"]
    verdict["entries"] = entries
    write_state(base, verdict)


def _tell_whose(verdict: StartVerdict, paths: Iterable[str]) -> None:
    """Note for whom a verdict holds: for all, unless the user site, the kernel or rights count."""
    posix = hasattr(os, "geteuid")
    if posix and not all(map(_is_for_all, paths)):
        verdict["user"] = os.geteuid()
    if any(verdict[key] is not None for key in ("home", "user", "kernel")):
        # By these variables `site` finds the user site: a step 1 that asked `site` would cost more.
        environ = os.environ.get
        rights = (os.geteuid(), os.uname()[2:]) if posix else ()
        verdict["whose"] = (
            environ("HOME"),
            environ("APPDATA"),
            environ("PYTHONUSERBASE"),
            *rights,
        )


def _is_for_all(path: str) -> bool:
    """Whether every user can read a file or a directory; also where it isn't there."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return True
    # To list a directory and to reach what is in it takes both rights.
    needed = 0o005 if mode & 0o170000 == 0o040000 else 0o004
    return mode & needed == needed


# -- the drift log

_LOG_END = 1 << 20  # bytes that are searched for the verdict before


def _log(
    configuration: GuardConfiguration,
    verdict: StartVerdict,
    findings: Sequence[Finding],
    previous: StartVerdict | None,
) -> None:
    """Append a verdict to the log if it isn't the one before; whatever goes wrong, the start goes on."""
    if not configuration.log:
        return
    import json
    from contextlib import suppress

    word = "unusable" if verdict["message"] else "aligned"
    line: dict[str, Any] = {"time": utc_time()}
    line["executable"] = _executable(verdict["key"][2])
    line["bounds"] = list(configuration.bounds)
    line["verdict"] = "not aligned" if findings else word
    line["findings"] = json.loads(format_json(findings))
    line.update(pid=os.getpid(), user=_user_name())
    python = _json_members(line, "executable")
    told = _json_members(line, "verdict", "findings")
    verdict["logged"] = configuration.log, line["executable"], python, told
    with suppress(Exception):
        _append(configuration.log, line, _is_same(previous, verdict))


def _json_members(line: Mapping[str, Any], *keys: str) -> bytes:
    """Members of an object, as its line of JSON has them."""
    import json

    members = {key: line[key] for key in keys}
    return json.dumps(members)[1:-1].encode("ascii")


def _append(path: str, line: dict[str, Any], repeated: bool) -> None:
    """Append a line of JSON in one write, unless the log's last of this Python tells the same.

    Where the log has none, `repeated` says whether the verdict is the one before.
    """
    import json
    from stat import S_ISREG

    if repeated and not os.path.exists(path):
        return
    # O_RDONLY in READ_FLAGS is 0.
    flags = READ_FLAGS | os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(path, flags, 0o644)
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            return
        _lock_shortly(descriptor)
        last = _last_logged(path, line["executable"])
        if last is not None:
            told = (last.get("verdict"), last.get("findings"))
            repeated = told == (line["verdict"], line["findings"])
        if not repeated:
            # One write behind the end: lines of starts at the same time do not mix.
            os.write(descriptor, json.dumps(line).encode("ascii") + b"\n")
    finally:
        os.close(descriptor)


def _lock_shortly(descriptor: int) -> None:
    """Starts at the same time shall not log the same; but no lock may hold up a start."""
    from time import sleep

    # There a lock is on bytes, which nobody else can read meanwhile: one far beyond the end is free.
    if os.name == "nt":
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
    for _ in range(50):
        if has_locked(descriptor):
            return
        sleep(0.01)


def _last_logged(path: str, executable: str) -> dict[str, Any] | None:
    """What the log tells last of a Python, if it can be read."""
    import json

    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _LOG_END))
            lines = file.read().splitlines()
    except OSError:
        return None
    # The first line may be cut in two by where the reading began: it is no JSON then.
    for text in reversed(lines):
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and line.get("executable") == executable:
            return line
    return None


def utc_time(seconds: int | None = None) -> str:
    """A time in UTC as ISO 8601 has it; now, if none is given."""
    from time import gmtime, strftime

    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(seconds))


def _user_name() -> str:
    """Who runs this start; the number of a user without a name."""
    import getpass

    try:
        return getpass.getuser()
    except Exception:
        # Whatever getpass raises where neither a variable nor a database tells the name.
        return str(os.geteuid()) if hasattr(os, "geteuid") else ""


# ==================================================================================================
# Guard: installing
# ==================================================================================================


def install_guard(
    interpreter: Interpreter, configuration: GuardConfiguration, command: str = ""
) -> Callable[[], None]:
    """Make every start of an interpreter check its environment, prove that it does, or leave all as it was.

    Returns what takes it back, to what stood there before. `command` is what starts the interpreter, if that isn't its
    executable: a wrapper may silence start-up files.
    """
    from contextlib import suppress

    site, command = guard_site(interpreter), command or interpreter.executable
    try:
        with exclusive_lock(site):
            before = _replace_guard(command, interpreter, site, configuration)
    except OSError as error:
        raise GuardError(
            f"{error.filename or site}: cannot be written ({error.strerror})"
        ) from None

    def take_back() -> None:
        with suppress(OSError), exclusive_lock(site):
            _restore_guard(site, before)

    return take_back


def _replace_guard(
    command: str, interpreter: Interpreter, site: str, configuration: GuardConfiguration
) -> dict[str, bytes]:
    """Write a guard and prove it, or leave all as it was; returns the guard's files that stood there before."""
    from contextlib import suppress

    _refuse_foreign(site)
    before = _guard_files(site)
    try:
        _write_guard(interpreter, site, configuration)
        _prove_guard(command, interpreter, site, configuration, _LOAD_CODE)
        start_once(command, configuration)
    except BaseException:
        with suppress(OSError):
            _restore_guard(site, before)
        raise
    return before


def orphaned_guards(folder: str) -> list[str]:
    """What is left of a guard in an environment whose Python can't be asked any more."""
    from glob import escape, glob

    root = escape(os.path.expanduser(folder))
    names = (f"{START_STEM}.pth", f"{START_STEM}.start", GUARD_FOLDER)
    # By real path: lib64 is a link to lib.
    paths: dict[str, str] = {}
    for site in ("lib/p*/site-packages", "lib64/p*/site-packages", "Lib/site-packages"):
        for name in names:
            for path in glob(os.path.join(root, site, name)):
                paths.setdefault(os.path.realpath(path), path)
    return list(paths.values())


def uninstall_guard(interpreter: Interpreter) -> bool:
    """Remove an interpreter's guard; tells whether there was one."""
    site = guard_site(interpreter)
    try:
        with exclusive_lock(site):
            _refuse_foreign(site)
            return _remove_guard(site)
    except OSError as error:
        raise GuardError(
            f"{error.filename or site}: cannot be removed ({error.strerror})"
        ) from None


def guard_status(interpreter: Interpreter, command: str) -> dict[str, Any]:
    """Whether an interpreter's guard runs, and whether its environment is aligned; nothing is changed."""
    # The guard is "none", "not armed" (it can't run) or "armed".
    status: dict[str, Any] = {
        "executable": interpreter.executable,
        "guard": "none",
        "mode": None,
    }
    status.update(
        bounds=[], version=None, last_verdict=None, last_verdict_at=None, now=None
    )
    status.update(log=None, notes=[], findings=[])
    try:
        site = guard_site(interpreter)
        if not any(
            entry.startswith((START_STEM, GUARD_FOLDER)) for entry in list_entries(site)
        ):
            return status
        status["guard"] = "not armed"
        configuration = GuardConfiguration.read(os.path.join(site, GUARD_FOLDER))
        log = configuration.log or None
        status.update(mode=configuration.mode(), bounds=configuration.bounds, log=log)
        version, verdict, judged = _prove_guard(
            command, interpreter, site, configuration
        )
        status.update(guard="armed", version=version)
        status.update(last_verdict=verdict or None, last_verdict_at=judged or None)
        if version != __version__:
            note = f"its copy of envlock is another than this one, {__version__}"
            status["notes"].append(f"{note} (site-install renews it)")
        findings = check(
            interpreter, configuration.demand(interpreter), configuration.policy
        )
        status["now"] = "not aligned" if findings else "aligned"
        status["findings"] = findings
    except EnvlockError as error:
        status["notes"].append(str(error))
    return status


# The guard's own files, and what a start or an install that was killed may have left of them.
_OWN_NAME = (
    r"(envlock\.py|guard\.json|__init__\.py|__pycache__"
    r"|[0-9a-f]{7,8}(\.(lean|tell|full|state[01]))?)"
    r"(\.[0-9a-f]+\.tmp)?"
)
_LEFT_OVER = r"0-envlock\.(pth|start)\.[0-9a-f]+\.tmp"


def _refuse_foreign(site: str) -> None:
    """Raise for a path `_envlock` that may hold what is somebody else's."""
    folder = os.path.join(site, GUARD_FOLDER)
    if not os.path.lexists(folder):
        return
    problem = ""
    if os.path.realpath(folder) != os.path.join(os.path.realpath(site), GUARD_FOLDER):
        problem = "it is a link"
    elif not os.path.isdir(folder):
        problem = "it is no folder"
    else:
        names = os.listdir(folder)
        foreign = [name for name in names if not re.fullmatch(_OWN_NAME, name)]
        if foreign:
            problem = f"it holds {excerpt(min(foreign))}"
    if problem:
        raise GuardError(
            f"{folder}: not as envlock made it: {problem}; nothing was changed"
        )


def _remove_leftovers(site: str) -> None:
    """What an install left that was killed before it could rename its start-up file."""
    for name in list_entries(site):
        if re.fullmatch(_LEFT_OVER, name):
            os.unlink(os.path.join(site, name))


def _write_guard(
    interpreter: Interpreter, site: str, configuration: GuardConfiguration
) -> None:
    """Write the guard's folder first and its start-up file last, which needs all of it."""
    _remove_leftovers(site)
    with open(__file__, "rb") as file:
        source = file.read()
    _write_files(site, {f"{GUARD_FOLDER}/envlock.py": source})
    folder = os.path.join(site, GUARD_FOLDER)
    # An older guard's states and code go; starts meanwhile go by the source.
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and name not in ("envlock.py", CONFIGURATION):
            patiently(os.unlink, path)
    settings = configuration.to_json().encode("ascii")
    _write_files(site, {f"{GUARD_FOLDER}/{CONFIGURATION}": settings})
    # The target compiles its own code: bytecode and marshal's format differ between versions.
    run_source(
        interpreter.executable, ["-I", "-S"], "m.write_guard_code(sys.argv[1])", site
    )
    _write_files(site, _texts(configuration, interpreter))


def _texts(
    configuration: GuardConfiguration, interpreter: Interpreter
) -> dict[str, bytes]:
    """The start-up files of this configuration, as `start_up_texts` gives them."""
    return start_up_texts(configuration.code, interpreter, configuration.embedded)


def describe_guard(site: str) -> tuple[object, ...]:
    """Tell whether the guard of a site directory has run in this start, and what `_prove_guard` returns."""
    guard = sys.modules.get("_envlock")
    # Step 1 gives the module a docstring alone, the path of the code; the whole gives it
    # `__file__`.
    path = str(getattr(guard, "__file__", guard and guard.__doc__))
    # Else it has failed, or is the guard of an environment beneath this one.
    ran = hasattr(guard, "finish_start") or not path.endswith("envlock.py")
    ran = ran and path.startswith(f"{site}/{GUARD_FOLDER}/")
    try:
        verdict = read_state(guard_base(site))
        judged = utc_time(verdict["found"] // 10**9)
        last = ("not aligned" if verdict["message"] else "aligned", judged)
    except Exception:  # no state yet, or another release's
        last = ("", "")
    return (ran, sys.flags.no_site, __version__, *last)


def _prove_guard(
    command: str,
    interpreter: Interpreter,
    site: str,
    configuration: GuardConfiguration,
    load: str = _LOAD_SOURCE,
) -> list[str]:
    """Start the interpreter, and see that the guard has run.

    Returns the version of its envlock.py, the verdict that starts like this one keep, and when it was found (or "").
    """
    status: list[str]
    ran, no_site, *status = run_source(
        command, [], "m.describe_guard(sys.argv[1])", site, load
    )
    if ran:
        return status
    stem = os.path.join(site, START_STEM)
    texts = _texts(configuration, interpreter)
    reason = "its start-up file does not run, or fails"
    if no_site:
        reason = "it is started with -S, so that no start-up file runs"
    elif any(
        read_file(os.path.join(site, name), 1 << 16) != text
        for name, text in texts.items()
    ):
        reason = f"{' or '.join(texts)} in {site} is gone or changed"
    elif interpreter.version >= (3, 15) and os.path.exists(f"{stem}.start"):
        reason = f"{stem}.start suppresses the start-up file of the same name"
    raise GuardError(f"{command}: the guard cannot work in this interpreter: {reason}")


def _guard_files(site: str) -> dict[str, bytes]:
    """An installed guard, as `_write_files` takes it."""
    folder = os.path.join(site, GUARD_FOLDER)
    names = [f"{GUARD_FOLDER}/{name}" for name in list_entries(folder)]
    names += [f"{START_STEM}.pth", f"{START_STEM}.start"]
    files = {}
    for name in names:
        path = os.path.join(site, name)
        if os.path.isfile(path):
            with open(path, "rb") as file:
                files[name] = file.read()
    return files


def _restore_guard(site: str, before: Mapping[str, bytes]) -> None:
    """Make the guard what `_guard_files` returned before; other files are left alone."""
    if not before:
        _remove_guard(site)
        return
    # What is right already is not written anew: starts keep their verdict by its identity.
    now = _guard_files(site)
    for name in now.keys() - before.keys():
        patiently(os.unlink, os.path.join(site, name))
    for name, data in before.items():
        if now.get(name) != data:
            _write_files(site, {name: data})
    folder = os.path.join(site, GUARD_FOLDER)
    if os.path.isdir(folder) and not os.listdir(folder):
        os.rmdir(folder)


def _write_files(site: str, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below a site directory, in their order."""
    for name, data in files.items():
        path = os.path.join(site, name)
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.mkdir(folder)
            os.chmod(folder, 0o755)  # noqa: S103 - whatever the umask
        write_file(path, data, 0o644)


def _remove_guard(site: str) -> bool:
    """Remove what stands of a guard, the start-up file first: without its folder, it would stop every start."""
    import shutil

    removed = False
    for suffix in (".pth", ".start"):
        path = os.path.join(site, START_STEM + suffix)
        # An empty .start is somebody else's: it was to silence the guard.
        if os.path.isfile(path) and os.path.getsize(path):
            patiently(os.unlink, path)
            removed = True
    _remove_leftovers(site)
    folder = os.path.join(site, GUARD_FOLDER)
    if os.path.isdir(folder):
        # Starts may keep a verdict there meanwhile.
        for _ in range(20):
            shutil.rmtree(folder, ignore_errors=True)
        if os.path.isdir(folder):
            patiently(shutil.rmtree, folder)
        removed = True
    return removed


# ==================================================================================================
# Options
# ==================================================================================================

# Not argparse: its import takes as long as the comparison of a small environment, and it takes no
# option behind an output word.


class UsageError(EnvlockError):
    """A command line that cannot be understood."""


class Option(NamedTuple):
    """An option: a row of the tables below."""

    # Its spellings; the last one is its key, also in [tool.envlock]
    names: tuple[str, ...]
    help: str
    metavar: str = ""  # stands for the value in the help; empty: it takes none
    parse: Callable[[str], Any] = str  # raises ValueError: what was expected
    repeatable: bool = False
    # `--bound a b`: takes the words up to the next option or output word
    several: bool = False
    configured: bool = False  # may stand in [tool.envlock]

    @property
    def key(self) -> str:
        """The key of its value."""
        return self.names[-1].lstrip("-")


class Word(NamedTuple):
    """A word behind a command: an output format, or the mode of a guard."""

    word: str
    help: str
    options: tuple[Option, ...] = ()  # which this word alone has
    # Of an output format
    print: Callable[[Arguments, list[Report]], None] | None = None
    needs: Option | None = None  # one of the options that it can't do without


class Command(NamedTuple):
    """A command: a row of the table at the end."""

    word: str
    summary: str
    run: Callable[[Arguments], int]
    epilog: str
    groups: tuple[tuple[str, tuple[Option, ...]], ...]  # titles and options
    words: tuple[Word, ...] = ()
    words_title: str = ""

    def options(self) -> list[Option]:
        """All options of the command and of its words."""
        options: list[Option] = []
        for _, group in self.groups:
            options += group
        for word in self.words:
            options += [option for option in word.options if option not in options]
        return options


class Arguments(NamedTuple):
    """A command line that has been understood."""

    program: str  # as it was called
    command: Command
    word: str  # the output format or the mode; empty: none was given
    values: Mapping[str, Any]  # by the options' keys; only of those that were given

    def flag(self, key: str) -> bool:
        """Whether an option without a value was given."""
        return bool(self.values.get(key))

    def all(self, key: str) -> list[str]:
        """The values of a repeatable option."""
        return list(self.values.get(key, ()))


def _exit_status(text: str) -> int:
    # isdigit holds for digits of every script, and for ² too, which int() refuses.
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 255):
        raise ValueError("an exit status from 1 to 255")
    return int(text)


def _delimiter(text: str) -> str:
    # No shell makes typing a tab easy.
    text = "\t" if text in ("\\t", "tab") else text
    if len(text) != 1 or text in '\r\n"':
        raise ValueError("a single character")
    return text


def _color(text: str) -> str:
    if text not in ("auto", "always", "never"):
        raise ValueError("auto, always or never")
    return text


def _name(text: str) -> str:
    if not text:
        raise ValueError("a name")
    return canonicalize_name(text)


def _file(text: str) -> str:
    if not text:
        raise ValueError("a file")
    return text


_GENERAL_OPTIONS = (
    Option(
        ("-e", "--exe"),
        "the environment: its folder, the path of a Python, or a name on PATH "
        "(default: the virtual environment that is active, else the nearest .venv, "
        "else the Python that runs envlock)",
        "EXE",
        repeatable=True,
    ),
    Option(("--user-site",), "look at the user site, too"),
    Option(("-q", "--quiet"), "no notes on standard error"),
    Option(("-v", "--verbose"), "say what was compared; show each finding's detail"),
    Option(
        ("--color",),
        "colour the table: auto, always or never (default: auto, on a terminal; "
        "NO_COLOR and FORCE_COLOR are honoured)",
        "WHEN",
        _color,
    ),
    Option(("-h", "--help"), "print this help"),
    Option(("-V", "--version"), "print the version"),
)
_BOUND_OPTIONS = (
    Option(
        ("-b", "--bound"),
        "a lock or requirements file, or its URL; - is standard input; of several the union counts "
        "(default: bound of [tool.envlock], else the one lock of the project)",
        "FILE",
        _file,
        repeatable=True,
        several=True,
        configured=True,
    ),
    Option(("--no-config",), "pass over [tool.envlock] in pyproject.toml"),
)


def _names_option(
    name: str, text: str, configured: bool = True, several: bool = False
) -> Option:
    return Option((name,), text, "NAME", _name, True, several, configured)


def _switch(name: str, text: str, configured: bool = True) -> Option:
    return Option((name,), text, configured=configured)


_SELECTION_OPTIONS = (
    _names_option("--extra", "count this extra"),
    _switch("--all-extras", "count every extra"),
    _names_option("--no-extra", "leave this extra out", configured=False),
    _names_option("--group", "count this dependency group"),
    _switch("--all-groups", "count every dependency group"),
    _names_option("--no-group", "leave this group out"),
    _switch("--no-default-groups", "count only the groups that are named"),
    _names_option(
        "--only-group", "count these groups alone, without the project's dependencies"
    ),
    _names_option("--package", "count this member of the workspace, not its root"),
    _switch("--all-packages", "count every member of the workspace", configured=False),
    _switch(
        "--no-editable", "expect a plain install of what the lock installs as editable"
    ),
    _switch("--no-install-project", "expect the project itself not to be installed"),
    _switch(
        "--no-install-workspace", "expect no member of the workspace to be installed"
    ),
    _names_option(
        "--bound-options",
        "extras or groups, whichever the file has",
        False,
        several=True,
    ),
)
_POLICY_OPTIONS = (
    _switch("--subset", "locked packages may be absent"),
    _switch("--superset", "further packages may be present"),
    Option(
        ("--ignore",),
        "leave these packages out of every comparison: one, or several joined by commas",
        "NAME",
        repeatable=True,
        configured=True,
    ),
    _switch("--integrity", "compare installed files with their recorded hashes, too"),
    Option(
        ("--ignore-file",),
        "with --integrity: leave these files out, a glob on the path below site-packages",
        "PATTERN",
        repeatable=True,
        configured=True,
    ),
)
_LOG_GROUP = (
    "drift log",
    (
        Option(
            ("--log",),
            "append a line of JSON whenever a start finds another verdict than the one before",
            "FILE",
            _file,
            configured=True,
        ),
    ),
)
CODE_OPTION = Option(
    ("--code",),
    "exit status if not aligned, 1 to 255 (default: 3; of a guarded start: 78)",
    "N",
    _exit_status,
)
EXIT_OPTIONS = (
    CODE_OPTION,
    _switch(
        "--embedded",
        "end programs that embed Python, too (by default they are only warned)",
        configured=False,
    ),
)
WRITE_OPTIONS = (
    Option(("-o", "--output"), "the file to write", "FILE", _file),
    Option(("-d", "--delimiter"), "between columns (default: ,)", "CHAR", _delimiter),
)
GENERAL_GROUP = ("general options", _GENERAL_OPTIONS)
_COMPARISON_GROUPS = (
    ("bound: what must be installed", _BOUND_OPTIONS),
    ("selection: which optional parts of the bound count", _SELECTION_OPTIONS),
    ("policy: which differences count", _POLICY_OPTIONS),
)
VALIDATE_GROUPS = (*_COMPARISON_GROUPS, ("exit status", (CODE_OPTION,)), GENERAL_GROUP)
INSTALL_GROUPS = (*_COMPARISON_GROUPS, _LOG_GROUP, GENERAL_GROUP)

DESCRIPTION = """\
Keep a Python environment equal to its lock file.

validate compares the packages that are installed with a lock file; site-install makes every start
of that Python compare them before any other code runs."""

EPILOG = """\
examples:
  {call} validate                               the project's environment against its lock
  {call} validate --bound requirements.lock     another file
  {call} -e .venv validate --bound uv.lock json
  {call} site-install --bound uv.lock exit      each start compares, and ends if it fails
  {call} validate --help                        the options of one command

exit status:
  0  aligned    3  not aligned (or --code N)    4  not guarded (site-status)
  2  wrong usage or unusable input    130  interrupted

Without --bound, uv.lock, poetry.lock, pdm.lock, Pipfile.lock, pylock.toml, requirements.lock or
requirements.txt is taken. `python3 -m envlock` beside the file starts faster than
`python3 envlock.py`, which compiles it each time."""

VALIDATE_EPILOG = """\
examples:
  {call}                                        the project's environment against its lock
  {call} --bound requirements.txt --superset    further packages may be present
  {call} --bound pyproject.toml --extra web --group dev
  {call} --ignore ipython json
  {call} write -o report.csv
  pip freeze | {call} -e .venv --bound - exit --code 1

verdicts:
  Unrequired  installed, not in the bound
  Missing     in the bound, not installed
  Misdefined  installed, but not as the bound says
  Duplicate   two records of one project in one site directory
  Unreadable  a record whose name or version can't be told
  Modified, Deleted, Unrecorded
              with --integrity: a file isn't as recorded, is gone, or can be imported and no record
              lists it

exit status:
  0  aligned    3  not aligned (or --code N)
  2  wrong usage or unusable input    130  interrupted"""

INSTALL_EPILOG = """\
examples:
  {call} --bound requirements.lock         each start says what differs, and goes on
  {call} --bound requirements.lock exit    a start that differs ends with status 78
  {call} -e .venv --bound uv.lock --integrity exit

pip, uv, poetry, pdm, pipenv and pip-tools may start whatever differs, to repair it;
ENVLOCK_DISABLE=1 lets any one command pass. Starts that have the user site count it, those that
have not (-s, -I) don't.

exit status:
  0  installed, whatever was found
  2  wrong usage or unusable input; nothing changed    130  interrupted"""

UNINSTALL_EPILOG = """\
examples:
  {call}             the project's environment
  {call} -e .venv

exit status:
  0  there is no guard any more, or there was none
  2  wrong usage or unusable input    130  interrupted"""

STATUS_EPILOG = """\
examples:
  {call} -e .venv                  one environment
  {call} -e .venv -e python3.12    several
  {call} -e .venv json             for a program

The interpreter is started once, unjudged, to see whether its guard runs; nothing is changed. A
guard that can't run is not armed. Any start of the guarded interpreter says what differs.

exit status, the worst of several:
  0  armed and aligned    3  armed, but not aligned, or the bound can't be used
  4  not armed, or no guard
  2  wrong usage or unusable input    130  interrupted"""


# ==================================================================================================
# Guesses
# ==================================================================================================


# What users of other tools type: the right spelling, and the wrong ones. In brackets is a sentence;
# what is in capitals gives way to the value that was given.
OPTION_GUESSES = (
    (
        "--bound FILE",
        "-r -f -l --requirement --requirements --requirements-file --file --from",
    ),
    ("--bound FILE", "--lock --lockfile --lock-file --lock-path --constraint"),
    (
        "--exe EXE",
        "-p --python --interpreter --executable --venv --env --environment --prefix --path",
    ),
    ("WORD", "--format --output-format --report-format"),
    ("json", "--json"),
    ("github", "--github"),
    ("sarif", "--sarif"),
    ("junit", "--junit --junitxml --xml"),
    ("write -o FILE", "--csv --output-file --report --write"),
    ("exit", "--exit"),
    (
        "--ignore NAME",
        "-x --exclude --ignore-package --ignore-packages --skip --no-install-package",
    ),
    ("--extra NAME", "-E --extras"),
    ("--group NAME", "-G --groups --with --categories --include-group"),
    ("--group dev", "--dev"),
    ("--only-group NAME", "--only"),
    ("--only-group dev", "--only-dev"),
    ("--no-install-project", "--no-root --no-self"),
    ("--no-group NAME", "--without --exclude-group"),
    ("--no-group dev", "--no-dev"),
    ("--all-groups", "--all"),
    ("--superset", "--inexact --allow-extra --allow-unrequired"),
    ("--subset", "--allow-missing"),
    (
        "--integrity",
        "--hashes --verify --verify-hashes --check-hashes --require-hashes --files",
    ),
    ("--code N", "--exit-code"),
    ("--color never", "--no-color --no-colour --plain"),
    ("--color WHEN", "--colour --colors"),
    ("--quiet", "-s --silent"),
    ("--verbose", "--debug --details"),
    ("--user-site", "--user"),
    ("--no-config", "--isolated --no-project"),
    (
        "(leave it out: every difference counts)",
        "--strict --exact --error --exit-non-zero",
    ),
    (
        "(leave it out: envlock changes no lock)",
        "--frozen --locked --no-sync --dry-run --check",
    ),
    (
        "(envlock changes no package: on a terminal it names the command that does)",
        "--fix --sync --upgrade -U",
    ),
)
WORD_GUESSES = (
    ("validate", "check verify compare diff test audit scan lint drift ci doctor"),
    ("site-install", "install guard arm protect enable init hook activate"),
    ("site-uninstall", "uninstall unguard disarm unprotect disable remove deactivate"),
    ("site-status", "status info show"),
    ("--help", "help"),
    ("--version", "version"),
    (
        "(envlock makes no lock: pip freeze and every packaging tool do)",
        "lock freeze compile export",
    ),
    (
        "(envlock changes no package: on a terminal it names the command that does)",
        "sync fix repair upgrade update",
    ),
    ("validate WORD", "json github sarif junit exit display write"),
    ("display", "table text print"),
    ("write -o FILE", "csv tsv file"),
    ("github", "annotations gha actions"),
    ("junit", "xml gitlab junitxml"),
    ("exit", "quiet silent none block stop enforce fail error"),
    ("warn", "warning notify report"),
)


def _find_guess(
    guesses: Iterable[tuple[str, str]], word: str, rights: Container[str]
) -> str:
    """The right spelling for a wrong one; empty if it isn't known."""
    for right, wrongs in guesses:
        # A spelling is right only where this command has it; a sentence always is.
        if word in wrongs.split() and (right[0] == "(" or right.split()[0] in rights):
            return right
    return ""


def unknown_option(
    name: str,
    value: str,
    plain: Sequence[str],
    commands: Sequence[Command],
    program: str,
) -> UsageError:
    """An option that isn't there, with the right one where it can be told."""
    given = [command for command in commands if command.word in plain[:1]]
    command = (given or commands)[0]
    names: list[str] = []
    for option in command.options():
        names += option.names
    words = [word.word for word in command.words]
    right = _find_guess(OPTION_GUESSES, name, [*names, *words, "WORD"])
    if right == "WORD":
        advice = f"(the output is a word without dashes: {', '.join(words)})"
        right = value if value in words else advice
    if right:
        hint = _hint(right, value, f"{program} {command.word}")
    else:
        hint = nearest_word(name, names) or f"(see: {program} {command.word} --help)"
    return UsageError(f"there is no option {name} {hint}")


def unknown_command(word: str, commands: Sequence[Command], program: str) -> UsageError:
    """A command that isn't there, with the right one where it can be told."""
    words = [command.word for command in commands]
    right = _find_guess(WORD_GUESSES, word, [*words, "--help", "--version"])
    if right:
        hint = _hint(right, word, program)
    elif os.path.isdir(word):
        hint = _hint(f"-e {word} {words[0]}", "", program)
    elif _is_path(word):
        hint = _hint(f"{words[0]} --bound {shown_bound(word)}", "", program)
    else:
        hint = nearest_word(word, words) or f"(it is one of {', '.join(words)})"
    return UsageError(f"there is no command {shown_bound(word)!r} {hint}")


def unknown_word(word: str, command: Command, program: str) -> UsageError:
    """A word for which a command has no use, with the right one where it can be told."""
    words = [word.word for word in command.words]
    call = f"{program} {command.word}"
    right = _find_guess(WORD_GUESSES, word, words)
    if right:
        hint = _hint(right, "", call)
    elif _is_path(word):
        hint = _hint(f"--bound {shown_bound(word)}", "", call)
    elif words:
        advice = f"(after {command.word} may stand {', '.join(words)})"
        hint = nearest_word(word, words) or advice
    else:
        hint = f"({command.word} takes none)"
    return UsageError(f"there is no use for the word {shown_bound(word)!r} {hint}")


def _is_path(word: str) -> bool:
    """Whether a word is meant for a file, be it there or not."""
    if os.path.exists(word) or is_remote(word):
        return True
    return bool(re.search(r"[./\\]", word))


def _hint(right: str, value: str, call: str) -> str:
    """What to type instead, with `value` in the place of what is in capitals."""
    if right[0] == "(":
        return right
    if value:
        right = re.sub(r"\b[A-Z]+\Z", lambda _: shown_bound(value), right)
    return f"(did you mean '{call} {right}'?)"


def nearest_word(word: str, words: Sequence[str]) -> str:
    """A hint at the word that was meant; empty if none is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, words, 1)
    return f"(did you mean {near[0]!r}?)" if near else ""


# ==================================================================================================
# Arguments
# ==================================================================================================


def parse_arguments(
    given: Sequence[tuple[Option, str]],
    plain: Sequence[str],
    commands: Sequence[Command],
    program: str,
) -> Arguments:
    """Options and words, as `split_words` gives them, with their meaning. Raises UsageError."""
    command = _find_command(plain, commands, program)
    word = _find_word(plain[1:], command, program)
    for option, _ in given:
        _check_place(option, command, word, program)
    _check_needs(given, command, word, program)
    return Arguments(program, command, word, _read_values(given))


def split_words(
    argv: Sequence[str], commands: Sequence[Command], program: str
) -> tuple[list[tuple[Option, str]], list[str]]:
    """`[OPTION | COMMAND | WORD]...`: options with their values, and the other words.

    Options stand anywhere; `--` ends them. Raises UsageError.
    """
    options, output_words = _all_names(commands)
    given: list[tuple[Option, str]] = []
    plain: list[str] = []
    # Reversed, so that words are taken off the end, and a cluster's rest is put back there.
    rest = list(reversed(argv))
    while rest:
        word = rest.pop()
        if word == "--":
            plain += reversed(rest)
            break
        if not _is_option(word):
            plain.append(word)
            continue
        name, value = _name_and_value(word)
        if name not in options:
            raise unknown_option(
                name, value or _next_value(rest), plain, commands, program
            )
        option = options[name]
        if not option.metavar:
            given.append((option, ""))
            rest += _cluster(name, value)
            continue
        if value is not None:
            given.append((option, value))
            continue
        given.append((option, _take_value(option, name, rest)))
        # `--bound a b json`: values end at an output word, before the command at that, too.
        stops = (
            output_words
            if plain
            else output_words | {command.word for command in commands}
        )
        while (
            option.several
            and rest
            and not _is_option(rest[-1])
            and rest[-1] not in stops
        ):
            given.append((option, rest.pop()))
    return given, plain


def _all_names(commands: Iterable[Command]) -> tuple[dict[str, Option], set[str]]:
    """All options by each of their names, and the words that may stand behind a command."""
    options: dict[str, Option] = {}
    words: set[str] = set()
    for command in commands:
        words.update(word.word for word in command.words)
        for option in command.options():
            options.update(dict.fromkeys(option.names, option))
    return options, words


def _is_option(word: str) -> bool:
    """Whether a word has the form of an option; `-` is standard input."""
    return word[:1] == "-" and word != "-"


def _name_and_value(word: str) -> tuple[str, str | None]:
    """`--name=value` and `-nvalue` in two; None where there is no value."""
    if word.startswith("--"):
        name, mark, value = word.partition("=")
        return name, value if mark else None
    return word[:2], word[2:] or None


def _cluster(name: str, value: str | None) -> list[str]:
    """The option that follows another without a value: `-qv` is `-q -v`."""
    if value is None:
        return []
    if name.startswith("--"):
        raise UsageError(f"{name} takes no value")
    return [f"-{value}"]


def _next_value(rest: Sequence[str]) -> str:
    """What may be the value of an unknown option; empty if nothing may."""
    following = rest[-1] if rest else ""
    return "" if _is_option(following) else following


def _take_value(option: Option, name: str, rest: list[str]) -> str:
    """Take an option's value off the end of `rest`. Raises UsageError where there is none."""
    if not rest:
        raise UsageError(f"{name}: expected {option.metavar}")
    # A value that begins with a dash has to be joined: `--output=-x`.
    if _is_option(rest[-1]):
        following = rest[-1].partition("=")[0]
        raise UsageError(f"{name}: expected {option.metavar}, found {following!r}")
    return rest.pop()


def _read_values(given: Iterable[tuple[Option, str]]) -> dict[str, Any]:
    """By the options' keys: a list of a repeatable one, True of one without a value."""
    values: dict[str, Any] = {}
    for option, text in given:
        try:
            value = option.parse(text) if option.metavar else True
        except ValueError as error:
            problem = f"expected {error}, found {excerpt(text)}"
            raise UsageError(f"{option.names[-1]}: {problem}") from None
        if option.repeatable:
            values.setdefault(option.key, []).append(value)
        else:
            values[option.key] = value
    return values


def _find_command(
    plain: Sequence[str], commands: Sequence[Command], program: str
) -> Command:
    """The command that the first word names. Raises UsageError."""
    if not plain:
        words = ", ".join(command.word for command in commands)
        raise UsageError(f"expected a command: {words} (see: {program} --help)")
    for command in commands:
        if command.word == plain[0]:
            return command
    raise unknown_command(plain[0], commands, program)


def _find_word(plain: Sequence[str], command: Command, program: str) -> str:
    """The output format or the mode, of which there can be but one."""
    words = [word.word for word in command.words]
    for word in plain:
        if word not in words:
            raise unknown_word(word, command, program)
    if len(plain) > 1:
        raise UsageError(f"{plain[0]!r} and {plain[1]!r}: only one of them can be had")
    return plain[0] if plain else ""


def _check_place(option: Option, command: Command, word: str, program: str) -> None:
    """An option of another command, or of another output word, is an error."""
    name = option.names[-1]
    call = f"{program} {command.word}"
    if option not in command.options():
        raise UsageError(f"{name} is no option of {command.word} (see: {call} --help)")
    # An option of one word alone would be passed over in silence beside another.
    owners = [owner.word for owner in command.words if option in owner.options]
    if owners and word not in owners:
        owner = owners[0]
        spelling = f"{owner} {option.names[0]} {option.metavar}".rstrip()
        hint = f"(did you mean '{call} {spelling}'?)"
        raise UsageError(f"{name} goes with {owner!r} alone {hint}")


def _check_needs(
    given: Sequence[tuple[Option, str]], command: Command, word: str, program: str
) -> None:
    """An output word without the option that it needs is an error."""
    present = [option for option, _ in given]
    needed = [row.needs for row in command.words if row.word == word]
    for option in needed:
        if option and option not in present:
            call = f"{program} {command.word} {word}"
            hint = f"(did you mean '{call} {option.names[0]} {option.metavar}'?)"
            raise UsageError(f"{word} needs {option.names[-1]} {hint}")


def format_help(
    commands: Sequence[Command], plain: Sequence[str], program: str, width: int
) -> str:
    """The help of a command, or of the whole, in lines of at most `width` columns."""
    # `--help` behind a command is about that command.
    for command in commands:
        if command.word in plain[:1]:
            return _format_command_help(command, f"{program} {command.word}", width)
    usage = f"usage: {program} [OPTION]... COMMAND [OPTION | WORD]..."
    rows = [(command.word, command.summary) for command in commands]
    sections = [("commands", rows), *_option_sections([GENERAL_GROUP])]
    parts = [_format_rows(title, rows, width) for title, rows in sections]
    parts = [usage, DESCRIPTION, *parts, EPILOG.format(call=program)]
    return "\n\n".join(parts) + "\n"


def _format_command_help(command: Command, call: str, width: int) -> str:
    words = " | ".join(word.word for word in command.words)
    usage = f"usage: {call} [OPTION]... {words and f'[{words}]'}".rstrip()
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    *first, general = _option_sections(command.groups)
    sections = [*first, (command.words_title, _word_rows(command)), general]
    parts = [_format_rows(title, rows, width) for title, rows in sections if rows]
    parts = [usage, summary, *parts, command.epilog.format(call=call)]
    return "\n\n".join(parts) + "\n"


def _option_sections(
    groups: Iterable[tuple[str, Iterable[Option]]],
) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(title, list(map(_option_row, options))) for title, options in groups]


def _option_row(option: Option) -> tuple[str, str]:
    """Both columns of an option in the help."""
    more = "; repeatable" if option.repeatable else ""
    dots = "..." if option.several else ""
    names = ", ".join(option.names)
    left = f"{names} {option.metavar}{dots}".rstrip()
    return left, option.help + more


def _word_rows(command: Command) -> list[tuple[str, str]]:
    """Words, each with the options that it alone has."""
    rows = []
    for word in command.words:
        rows.append((word.word, word.help))
        for option in word.options:
            left, text = _option_row(option)
            rows.append((f"  {left}", text))
    return rows


def _format_rows(title: str, rows: Iterable[tuple[str, str]], width: int) -> str:
    from textwrap import wrap

    lines = [f"{title}:"]
    for left, text in rows:
        first, *further = wrap(text, max(width - 28, 30))
        # As argparse does: what is wider than the column has a line of its own.
        if len(left) > 24:
            lines += [f"  {left}", f"{'':28}{first}"]
        else:
            lines.append(f"  {left:24}  {first}")
        lines += [f"{'':28}{line}" for line in further]
    return "\n".join(lines)


# ==================================================================================================
# Defaults
# ==================================================================================================

# A header or a key that may begin [tool.envlock]; what has none isn't parsed.
_OWN_TABLE = (
    r"""(?m)^[ \t]*\[?[ \t]*["']?tool["']?[ \t]*(?:\.[ \t]*["']?envlock\b|[\]=])"""
)


def _project_folders() -> Iterator[str]:
    """The working directory and the folders above it, up to one that holds a repository."""
    try:
        folder = os.getcwd()
    except OSError:
        return
    while True:
        yield folder
        above = os.path.dirname(folder)
        # What lies above a repository is another project's.
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return
        folder = above


def _relative_path(path: str) -> str:
    """A path as seen from the working directory, if it leads out of it by `..` alone."""
    try:
        return os.path.relpath(path)
    except (OSError, ValueError):  # it is gone; another drive
        return path


def _is_tool_environment(prefix: str) -> bool:
    """Whether an environment was made for a command-line tool, by uv, pipx or pre-commit."""
    receipts = ("uv-receipt.toml", "pipx_metadata.json")
    if any(os.path.isfile(os.path.join(prefix, receipt)) for receipt in receipts):
        return True
    above, name = os.path.split(os.path.realpath(prefix))
    if os.environ.get("PRE_COMMIT") == "1" and name.startswith("py_env-"):
        return True
    # uvx runs a tool from uv's cache.
    stem, _, number = os.path.basename(above).partition("-v")
    return stem == "archive" and number.isdecimal()


def find_default_environment(here: Interpreter) -> tuple[str, str]:
    """What stands for -e where it isn't given, and why that; "" is the Python that runs envlock.

    Raises InterpreterError where that Python's environment was made for envlock alone, and there is no other.
    """
    extended = extended_environment(here.prefix)
    own = bool(extended) or _is_tool_environment(here.prefix)
    if not own and is_virtual(here.prefix):
        return "", ""
    # `uv run --with envlock` is asked about the project's environment, not its own layer.
    if extended and not _is_tool_environment(extended):
        return extended, "`uv run` extends it"
    active = os.environ.get("VIRTUAL_ENV", "")
    if (
        active
        and not is_same_file(active, here.prefix)
        and not _is_tool_environment(active)
    ):
        return active, "it is active: $VIRTUAL_ENV"
    for folder in _project_folders():
        path = os.path.join(folder, ".venv")
        if is_virtual(path):
            return _relative_path(path), "the nearest .venv"
    if own:
        reason = "was made for envlock alone, and there is no .venv here"
        raise InterpreterError(
            f"{here.prefix} {reason}: name the environment, as in -e .venv"
        )
    return "", ""


def _existing(folder: str, names: Iterable[str]) -> list[str]:
    """The names for which a folder has a file."""
    paths = {name: os.path.join(folder, name) for name in names}
    return [name for name, path in paths.items() if os.path.isfile(path)]


def find_default_bound() -> str:
    """The one lock of the project's folder. Raises BoundError."""
    for folder in _project_folders():
        locks = _existing(folder, LOCK_NAMES)
        if len(locks) > 1:
            problem = f"there are {', '.join(locks)} in {folder}"
            raise BoundError(f"{problem}: choose one, as in --bound {locks[0]}")
        # A tool's lock first: requirements.txt beside it is often an export, or older.
        for name in locks or _existing(folder, REQUIREMENTS_NAMES):
            return _relative_path(os.path.join(folder, name))
    names = ", ".join((*LOCK_NAMES, *REQUIREMENTS_NAMES))
    raise BoundError(
        f"there is no lock here (looked for {names}): name it, as in --bound FILE"
    )


def read_configuration(options: Iterable[Option]) -> tuple[str, dict[str, Any]]:
    """The path of the nearest pyproject.toml, and the values in its [tool.envlock] by the options' keys.

    Raises BoundError.
    """
    for folder in _project_folders():
        path = os.path.join(folder, "pyproject.toml")
        if os.path.isfile(path):
            file = BoundFile(_relative_path(path))
            configured = {option.key: option for option in options if option.configured}
            try:
                return file, _read_table(file, configured)
            except BoundError as error:
                line = file.line_of(error.key_path) if error.key_path else 0
                raise error.at(file, line) from None
    return "", {}


def _read_table(file: BoundFile, options: Mapping[str, Option]) -> dict[str, Any]:
    """The values in [tool.envlock] of a pyproject.toml. Raises BoundError with a key path."""
    file.text = ReadContext(dict).read_text(file)
    # Nearly no pyproject.toml has the table, and Pythons before 3.11 may lack a parser.
    if "envlock" not in file.text or not re.search(_OWN_TABLE, file.text):
        return {}
    table = ParsedTable(load_toml(file.text)).table("tool", "envlock")
    values, folder = {}, os.path.dirname(file)
    for key, value in table.data.items():
        key_path = f"tool.envlock.{key}"
        if key not in options:
            hint = nearest_word(key, list(options)) or f"(it has {', '.join(options)})"
            problem = f"tool.envlock: there is no key {quote_name(key)} {hint}"
            raise BoundError(problem, key_path=key_path)
        try:
            values[key] = _configured_value(options[key], value, folder)
        except ValueError as error:
            problem = f"expected {error}, found {describe_value(value)}"
            raise error_at(key_path, problem) from None
    return values


def _configured_value(option: Option, value: object, folder: str) -> Any:
    """A value of [tool.envlock] as the command line would give it. Raises ValueError with what was expected."""
    if not option.metavar:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        return value
    texts = value if option.repeatable else [value]
    # One lock is written as a string, several as an array.
    if option.key == "bound" and isinstance(value, str):
        texts = [value]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("an array of strings" if option.repeatable else "a string")
    values = [option.parse(text) for text in texts]
    if option.metavar == "FILE":
        values = [_join_folder(folder, path) for path in values]
    return values if option.repeatable else values[-1]


def _join_folder(folder: str, path: str) -> str:
    """The path of a bound file that is named in a folder's pyproject.toml."""
    return path if is_stream(path) else os.path.join(folder, path)


# ==================================================================================================
# Command line
# ==================================================================================================


def _settings(arguments: Arguments) -> Arguments:
    """The arguments with what [tool.envlock] says besides, and with a bound."""
    values = dict(arguments.values)
    origin = "the lock of this project"
    if not arguments.flag("no-config"):
        path, configured = read_configuration(_all_options())
        for option in arguments.command.options():
            # What stands on the command line wins, key by key.
            if option.key in configured:
                values.setdefault(option.key, configured[option.key])
        if "bound" in configured:
            origin = f"of [tool.envlock] in {path}"
    if "bound" not in arguments.values:
        values["bound"] = values.get("bound") or [find_default_bound()]
        shown = ", ".join(map(shown_bound, values["bound"]))
        _note(arguments, f"the bound is {shown} ({origin}; --bound names another)")
    return arguments._replace(values=values)


def _all_options() -> Iterator[Option]:
    for command in COMMANDS:
        yield from command.options()


def validate(
    bounds: Path | Sequence[Path],
    exe: Path | None = None,
    selection: Selection = Selection(),
    policy: Policy = Policy(),
    user_site: bool | None = None,
) -> list[Finding]:
    """Compare an interpreter's environment with bound files; an empty list means aligned. Raises EnvlockError.

    `bounds` is a path or several, whose union counts. `exe` is what -e takes; None is the interpreter that runs this.
    `user_site` True looks at the user site even if a start would leave it out.
    """
    interpreter = ask_interpreters([os.fspath(exe)] if exe else [], user_site)[0]
    if isinstance(bounds, (str, os.PathLike)):
        bounds = [bounds]
    paths = [os.fspath(bound) for bound in bounds]
    context = ReadContext(interpreter.environment, selection, texts=read_streams(paths))
    return check(interpreter, read_bounds(paths, context), policy)


def _interpreters(arguments: Arguments) -> list[tuple[Interpreter, str]]:
    """The interpreters that are meant, and what starts each."""
    exes, user_site = arguments.all("exe"), arguments.flag("user-site") or None
    if not exes:
        here = this_interpreter(user_site)
        exe, why = find_default_environment(here)
        if not exe:
            return [(here, here.executable)]
        _note(arguments, f"the environment is {exe} ({why}; -e names another)")
        exes = [exe]
    return list(zip(ask_interpreters(exes, user_site), map(find_executable, exes)))


# Fields of Selection, and the keys of the options that set them.
_SELECTION_FLAGS = (
    ("all_extras", "all-extras"),
    ("all_groups", "all-groups"),
    ("no_default_groups", "no-default-groups"),
    ("all_packages", "all-packages"),
    ("no_editable", "no-editable"),
    ("no_install_project", "no-install-project"),
    ("no_install_workspace", "no-install-workspace"),
)
_SELECTION_NAMES = (
    ("extras", "extra"),
    ("no_extras", "no-extra"),
    ("groups", "group"),
    ("no_groups", "no-group"),
    ("only_groups", "only-group"),
    ("packages", "package"),
    ("options", "bound-options"),
)


def _selection(arguments: Arguments) -> Selection:
    """Which optional parts of the bound count."""
    fields: dict[str, Any] = {}
    for field, key in _SELECTION_FLAGS:
        fields[field] = arguments.flag(key)
    for field, key in _SELECTION_NAMES:
        fields[field] = frozenset(arguments.all(key))
    return Selection(**fields)


def _policy(arguments: Arguments) -> Policy:
    """Which differences count."""
    subset, superset = arguments.flag("subset"), arguments.flag("superset")
    ignored = ",".join(arguments.all("ignore")).split(",")
    names = filter(None, map(str.strip, ignored))
    ignore = frozenset(map(canonicalize_name, names))
    ignore_files = frozenset(arguments.all("ignore-file"))
    integrity = arguments.flag("integrity")
    return Policy(subset, superset, ignore, integrity, ignore_files)


def _validate_command(arguments: Arguments) -> int:
    interpreters = _interpreters(arguments)
    arguments = _settings(arguments)
    bounds = arguments.all("bound")
    selection, policy = _selection(arguments), _policy(arguments)
    # Once for all interpreters: a pipe can be read only once.
    texts = read_streams(bounds)
    reports: list[Report] = []
    for interpreter, _ in interpreters:
        bound = read_bounds(
            bounds, ReadContext(interpreter.environment, selection, texts=texts)
        )
        findings = check(interpreter, bound, policy, _reporter(arguments))
        reports.append((interpreter, bound, findings))
    _note_idle_ignores(arguments, reports)
    _print_reports(arguments, reports)
    code: int = arguments.values.get("code", 3)
    return code if _findings(reports) else 0


def _note_idle_ignores(arguments: Arguments, reports: Iterable[Report]) -> None:
    """Say which names to ignore are neither installed nor in the bound: perhaps they are misspelt."""
    idle = set(_policy(arguments).ignore)
    for _, bound, _ in reports:
        idle -= _required_names(bound) | bound.permitted | bound.members
    for interpreter, _, _ in reports:
        if idle:
            idle -= {distribution.name for distribution in scan(interpreter)}
    for name in sorted(idle):
        _note(
            arguments, f"--ignore {name}: no such package is installed or in the bound"
        )


def _required_names(bound: Bound) -> set[str]:
    """Names, or the texts of requirements that have none."""
    return {
        requirement.name or requirement.likely_name or requirement.text
        for requirement in bound.requirements
    }


def _print_reports(arguments: Arguments, reports: list[Report]) -> None:
    """Print by the output format that was asked for."""
    name = arguments.word or "display"
    for word in _OUTPUTS:
        if word.word == name and word.print:
            word.print(arguments, reports)
    if name != "display" and arguments.flag("verbose"):
        for report in reports:
            _note_comparison(arguments, report)


def _findings(reports: Iterable[Report]) -> list[Finding]:
    together: list[Finding] = []
    for _, _, findings in reports:
        together += findings
    return together


def _print_json(arguments: Arguments, reports: list[Report]) -> None:  # noqa: ARG001
    say(format_json(_findings(reports)), sys.stdout)


def _print_github(arguments: Arguments, reports: list[Report]) -> None:
    say(format_github(_findings(reports), arguments.all("bound")), sys.stdout)


def _print_sarif(arguments: Arguments, reports: list[Report]) -> None:
    say(format_sarif(_findings(reports), arguments.all("bound")), sys.stdout)


def _print_junit(arguments: Arguments, reports: list[Report]) -> None:
    say(format_junit(_findings(reports), arguments.all("bound")), sys.stdout)


def _print_nothing(arguments: Arguments, reports: list[Report]) -> None:
    """The exit status is the answer."""


def _write_report(arguments: Arguments, reports: list[Report]) -> None:
    path: str = arguments.values["output"]
    text = format_delimited(_findings(reports), arguments.values.get("delimiter", ","))
    try:
        # A link stays a link: /dev/stdout must not be replaced.
        special = os.path.exists(path) and not os.path.isfile(path)
        target = path if special else os.path.realpath(path)
        write_file(target, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise EnvlockError(f"{path}: {error.strerror}") from None


def _print_tables(arguments: Arguments, reports: list[Report]) -> None:
    width, color = terminal_style(arguments.values.get("color", "auto"))
    for report in reports:
        interpreter, _, findings = report
        if findings:
            heading = (
                f"{printable(interpreter.executable)}\n" if len(reports) > 1 else ""
            )
            table = format_table(findings, width, color, arguments.flag("verbose"))
            say(heading + table, sys.stdout)
        if is_terminal(sys.stderr) or arguments.flag("verbose"):
            _note_comparison(arguments, report)
        # On a terminal alone: a log has no use for commands to paste.
        if findings and width:
            _advise(arguments, report)


def _advise(arguments: Arguments, report: Report) -> None:
    """Say what would align an environment."""
    if arguments.flag("quiet"):
        return
    bounds, policy = arguments.all("bound"), _policy(arguments)
    commands = repair_commands(report, bounds, _selection(arguments), policy)
    commands += filter(None, [surplus_advice(report, policy)])
    lines = [f"To align: {printable(command)}\n" for command in commands]
    say("".join(lines), sys.stderr)


def _note_comparison(arguments: Arguments, report: Report) -> None:
    """Say what was compared, how many findings there are, and what can't be seen."""
    interpreter, bound, findings = report
    names = {  # but for what comes with PyPy: nobody has installed it
        distribution.name
        for distribution in scan(interpreter)
        if distribution.site != interpreter.library
    }
    names -= _policy(arguments).ignore
    verdict = f"not aligned: {count_verdicts(findings)}" if findings else "aligned"
    files = ", ".join(_shown_bounds(arguments))
    packages = count(len(names), "package")
    where = f"{packages} of {shorten_path(interpreter.executable)}, {files}"
    _note(arguments, f"{verdict}: {where}")
    _note_unpinned(arguments, bound)


def _shown_bounds(arguments: Arguments) -> Iterator[str]:
    """The bounds' names, with -v their hashes."""
    for bound in arguments.all("bound"):
        digest = ""
        if arguments.flag("verbose") and not is_stream(bound):
            digest = _digest_of(bound)
        yield shown_bound(bound) + digest


def _digest_of(path: str) -> str:
    from hashlib import sha256

    data = read_file(path, SIZE_LIMIT)
    return "" if data is None else f" (sha256 {sha256(data).hexdigest()})"


def _note_unpinned(arguments: Arguments, bound: Bound) -> None:
    """Say for how many packages the bound admits several versions."""
    # A comparison with such a bound looks like more than it is.
    loose = unpinned_names(bound)
    if loose:
        names = _required_names(bound) - {"python"}
        required = count(len(names), "requirement")
        unseen = "drift among the versions that they admit can't be seen"
        _note(arguments, f"{len(loose)} of {required} name no exact version: {unseen}")


def _install_command(arguments: Arguments) -> int:
    interpreters = _interpreters(arguments)
    arguments = _settings(arguments)
    bounds = arguments.all("bound")
    refuse_streams(bounds)
    for interpreter, _ in interpreters:
        reason = "a guard needs {} or newer (validate can look at it)"
        _refuse_old(interpreter.version, reason, f"{interpreter.executable}: ")
    guard = _guard_configuration(arguments)
    # All bounds are read before the first guard is written: an error changes nothing.
    demands = [guard.demand(interpreter) for interpreter, _ in interpreters]
    _install_guards(interpreters, guard)
    shown = ", ".join(map(shown_bound, bounds))
    for interpreter, _ in interpreters:
        how = f"every start is checked against {shown} ({guard.mode()})"
        _note(arguments, f"{interpreter.executable}: {how}")
    # Not before: an older guard that stood there would be found.
    reports: list[Report] = []
    for (interpreter, _), bound in zip(interpreters, demands):
        findings = check(interpreter, bound, guard.policy, _reporter(arguments))
        reports.append((interpreter, bound, findings))
    _note_idle_ignores(arguments, reports)
    _print_tables(arguments, reports)
    for interpreter, _, findings in reports:
        if findings and guard.code:
            _note_ended(arguments, interpreter)
    return 0


def _guard_configuration(arguments: Arguments) -> GuardConfiguration:
    """What starts are to do."""
    code = arguments.values.get("code", DEFAULT_CODE) if arguments.word == "exit" else 0
    log = arguments.values.get("log", "")
    log = log and os.path.abspath(log)
    if code == 3:
        meaning = "the reloaders of Django, Flask and bottle take it for 'start again'"
        _note(arguments, f"--code 3: {meaning}")
    bounds, embedded = arguments.all("bound"), arguments.flag("embedded")
    selection, policy = _selection(arguments), _policy(arguments)
    return GuardConfiguration.for_bounds(
        bounds, selection, policy, code=code, embedded=embedded, log=log
    )


def _note_ended(arguments: Arguments, interpreter: Interpreter) -> None:
    """Say that this environment starts no more, and how to take the guard back."""
    folder = os.path.join(guard_site(interpreter), GUARD_FOLDER)
    command = removal_command(folder, interpreter.executable)
    _note(arguments, f"{interpreter.executable} will not start until this is repaired")
    _note(arguments, f"to take the guard back: {command}")


def _refuse_old(version: tuple[int, ...], reason: str, where: str = "") -> None:
    """Raise EnvlockError for a Python below OLDEST_PYTHON; `{}` in the reason stands for that."""
    if version < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        python = "Python " + ".".join(map(str, version))
        raise EnvlockError(f"{where}this is {python}, and {reason.format(oldest)}")


def _install_guards(
    interpreters: Iterable[tuple[Interpreter, str]], guard: GuardConfiguration
) -> None:
    """All of them, or none."""
    done: list[Callable[[], None]] = []
    try:
        for interpreter, command in interpreters:
            done.append(install_guard(interpreter, guard, command))
    except BaseException:
        # Some guarded and some not is a state that nobody asked for.
        for take_back in reversed(done):
            take_back()
        raise


def _status_command(arguments: Arguments) -> int:
    import json

    statuses = [
        guard_status(interpreter, command)
        for interpreter, command in _interpreters(arguments)
    ]
    if arguments.word == "json":
        rows = []
        for status in statuses:
            findings = json.loads(format_json(status["findings"]))
            rows.append({**status, "findings": findings})
        text = json.dumps(rows, indent=2) + "\n"
    else:
        text = "\n".join(map(format_status, statuses))
    say(text, sys.stdout)
    # The worst of several: 4 (no guard), 3 (not aligned), 0.
    return max(map(_status_code, statuses))


def _status_code(status: Mapping[str, Any]) -> int:
    """The exit status for one interpreter; that of several is the worst."""
    if status["guard"] != "armed":
        return 4
    return 0 if status["now"] == "aligned" else 3


def _uninstall_command(arguments: Arguments) -> int:
    try:
        interpreters = _interpreters(arguments)
    except InterpreterError as error:
        # Its Python is gone, so its site directories are looked for in its folder.
        orphans: list[str] = []
        for folder in arguments.all("exe") or [".venv"]:
            orphans += orphaned_guards(folder)
        if not orphans:
            raise
        remedy = f"its guard is removed by deleting {' and '.join(orphans)}"
        raise InterpreterError(f"{error}; {remedy}") from None
    for interpreter, _ in interpreters:
        was_guarded = uninstall_guard(interpreter)
        done = "the guard is removed" if was_guarded else "there is no guard to remove"
        _note(arguments, f"{interpreter.executable}: {done}")
    return 0


def _reporter(arguments: Arguments) -> Tell | None:
    return None if arguments.flag("quiet") else report


def _note(arguments: Arguments, text: str) -> None:
    if not arguments.flag("quiet"):
        report(text, False)


# Output formats: a new one is a function above and a row here, and a line of the README.
_OUTPUTS = (
    Word("display", "print a table (the default)", (), _print_tables),
    Word("json", "print a JSON array", (), _print_json),
    Word("github", "print annotations for GitHub Actions", (), _print_github),
    Word("sarif", "print SARIF 2.1.0, for code scanning", (), _print_sarif),
    Word("junit", "print JUnit XML, for GitLab's test reports", (), _print_junit),
    Word(
        "write",
        "write delimited text to a file",
        WRITE_OPTIONS,
        _write_report,
        WRITE_OPTIONS[0],
    ),
    Word("exit", "print nothing, answer by the exit status", (), _print_nothing),
)
_MODES = (
    Word("warn", "print what differs, go on (the default)"),
    Word("exit", "print what differs and end, before any other code", EXIT_OPTIONS),
)
COMMANDS = (
    Command(
        "validate",
        "compare an environment with a lock file, and print what differs",
        _validate_command,
        VALIDATE_EPILOG,
        VALIDATE_GROUPS,
        _OUTPUTS,
        "output (default: display)",
    ),
    Command(
        "site-install",
        "guard every start of an interpreter with a lock file",
        _install_command,
        INSTALL_EPILOG,
        INSTALL_GROUPS,
        _MODES,
        "mode (default: warn)",
    ),
    Command(
        "site-uninstall",
        "remove the guard of an interpreter",
        _uninstall_command,
        UNINSTALL_EPILOG,
        (GENERAL_GROUP,),
    ),
    Command(
        "site-status",
        "say whether an interpreter is guarded, and aligned",
        _status_command,
        STATUS_EPILOG,
        (GENERAL_GROUP,),
        (Word("json", "print a JSON array"),),
        "output (default: lines for people)",
    ),
)


def _called_as() -> str:
    """The program as it was called: `envlock`, `python3 envlock.py`, `python3 -m envlock`."""
    script = sys.argv[0] if sys.argv else ""
    if __name__ != "__main__" or not script.endswith(".py"):
        return "envlock"
    # For help and errors that can be pasted.
    python = os.path.basename(sys.executable or "python3")
    return f"{python} -m envlock" if __spec__ else f"{python} {script}"


def _run(argv: Sequence[str]) -> int:
    program, width = _called_as(), min(terminal_width() or 80, 100)
    # No command is an error, though the help is the answer.
    if not argv:
        say(format_help(COMMANDS, (), program, width), sys.stderr)
        return 2
    given, plain = split_words(argv, COMMANDS, program)
    keys = [option.key for option, _ in given]
    if "version" in keys:
        say(f"envlock {__version__}\n", sys.stdout)
        return 0
    if "help" in keys:
        say(format_help(COMMANDS, plain, program, width), sys.stdout)
        return 0
    arguments = parse_arguments(given, plain, COMMANDS, program)
    return arguments.command.run(arguments)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    import gc

    collects = gc.isenabled() and sys.implementation.name == "cpython"
    if collects:
        gc.disable()  # a run leaves no cycles, and looking for some takes a twentieth of its time
    try:
        # Python 3.7 gets as far as this.
        _refuse_old(
            tuple(sys.version_info[:3]),
            "envlock needs {} or newer (-e can name an older one)",
        )
        return _run(sys.argv[1:] if argv is None else argv)
    except EnvlockError as error:
        say(f"envlock: error: {printable(str(error))}\n", sys.stderr)
        return 2
    except KeyboardInterrupt:
        # 128 and the number of SIGINT, as shells count it.
        return 130
    finally:
        if collects:
            gc.enable()


if __name__ == "__main__":
    raise SystemExit(main())
