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


# ======================================================================================================================
# Requirements and markers
# ======================================================================================================================


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
