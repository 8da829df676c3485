#!/usr/bin/env python3
"""Run packaging's own tests of versions, specifiers, markers, requirements and names against envlock.

The sdist is fetched with pip and the tests run in a virtual environment with pytest, where a package `packaging` stands
in that re-exports envlock's names. pytest loads this file as a plugin too: it deselects the tests of what envlock
doesn't promise (spec section 8), each for a reason given below.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

VERSION = "26.4"
ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ENVLOCK_CACHE") or ROOT / ".cache")
FILES = [
    "test_version.py",
    "test_specifiers.py",
    "test_markers.py",
    "test_requirements.py",
    "test_utils.py",
]

# Where packaging's names come from; a name that isn't promised is given as an empty class, so that imports succeed.
SHIM = """
import envlock
from envlock import *
from envlock import {names}
parse = Version
SpecifierSet.to_range = lambda self: self  # tests of `in` try it on the range of a set too
UndefinedComparison = UndefinedEnvironmentName = InvalidMarker
_MAX_MARKER_NESTING = 200
Marker.evaluate_prepared = Marker.evaluate  # tests of sets of extras try both

def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return type(name, (), {{"__init__": lambda self, *args: None, "cache_clear": staticmethod(lambda: None)}})
"""
NAMES = (
    "InvalidMarker, InvalidRequirement, InvalidSpecifier, InvalidVersion, Marker, Requirement, Specifier, "
    "SpecifierSet, Version, canonicalize_name, default_environment"
)
MODULES = [
    "_parser",
    "_structures",
    "markers",
    "ranges",
    "_ranges",
    "requirements",
    "specifiers",
    "tags",
    "utils",
    "version",
]

# What of packaging isn't promised, and which tests are about it, as regular expressions searched in a test's node id.
EXCLUDED = {
    "pickling": ["::test_pickle_"],
    "pattern matching, copies with other values, and what an exception keeps of the syntax": [
        "::test_match_args$",
        "::test_(copy_)?replace$",
        "::test_requirement_copy_preserves_inner_prereleases",
        "::test_invalid_marker_(syntax_details|manual_construction|defers_argument_formatting)",
    ],
    "error texts": [
        r"test_requirements\.py::TestRequirementParsing::test_error_(?!when_suffixed_with_line_break)",
        "::test_parses_invalid_malformed_quoted_string",
        "::test_oversized_version_raises_valueerror",
        "::test_contains_oversized_version_raises_valueerror",
        "::test_requirement_specifier_empty_items",
        "::test_set_valued_marker_rejects_string",
    ],
    "Version.__replace__ and from_parts": [
        "::test_replace_",
        "::test_from_parts",
    ],
    "private parts of the module version": [
        "::test_base_version_(hash|ne_|notimplemented_)",
        "::test_version_compare_with_base_version_subclass",
        "::test_deprecated__version",
        "::test_hatchling_usage__version",
        "::test_structures_shim_repr",
        "::test_trimmed_release_hash_",
    ],
    "private parts of the module specifiers": [
        "::TestSpecifierInternal::",
        "::TestFastMatch::test_(defers_|key_starts_with)",
        "_construction_is_lazy",
        "::test_specifierset_contains_reads_cached_bounds",
    ],
    "the setter of prereleases": [
        "::test_specifier_prereleases_set",
        "::test_specifier_prereleases_explicit",
        "::test_requirement_specifier_construction",
        "::test_requirement_specifiers_are_independent",
    ],
    "filter()": [
        "::test_(specifier_|specifierset_|empty_specifierset_)?filter_",
        "::test_specifier_filter",
        "::test_empty_specifier_(arbitrary_string|ordering_with_arbitrary)",
        "::test_arbitrary_equality_is_intersection_preserving",
        "::test_boundary_closure_short_release",
    ],
    "a SpecifierSet made from Specifier objects": [
        "::test_create_from_specifiers",
        "::test_iterable_",
    ],
    "the argument installed of SpecifierSet.contains": [
        "::test_specifier_contains_installed_prereleases",
        r"::TestSpecifierSetToRangeEquivalence::test_contains_equivalent\[",
    ],
    "& of sets": [
        "::test_specifiers_combine(_deduplicates)?$",
        r"::test_specifiers_combine\[",
        "::test_contains_with_compatible_operator",
    ],
    "ranges and set relations": [
        "::TestIsUnsatisfiable::(?!test_contains_identical_across_canonicalization)",
        "::test_is_(subset|superset|disjoint)",
        "::test_set_relations_",
        "::TestSpecifierSetToRangeEquivalence::test_(filter_equivalent|to_specifier_set)",
    ],
    "private parts of the module markers": [
        "::TestNode::",
        "::tests_when_releaselevel_",
        "::test_evaluate_does_not_mutate_cached_environment",
        "_serialization_reuses_the_string",
        "::test_restoring_state_discards_cached_serialization",
    ],
    "that the module platform is asked: its import takes too long": [
        "::test_multidigit_minor_version$",
        "::test_python_full_version_untagged$",
    ],
    "& and | of markers": [
        "test_markers.py::test_(and|or)_operator_",
        "test_markers.py::test_operator_rejects_non_marker",
        "test_markers.py::test_inplace_operators_fallback",
        "test_markers.py::test_right_hand_ops_and_typeerror",
        "test_markers.py::test_chaining_associativity_and_str",
        "test_markers.py::test_hash_eq_for_combined_markers",
        "test_markers.py::test_evaluation_of_combined_markers",
        "::test_combined_markers_have_their_own_serialization",
        "test_markers.py::test_long_chain_round_trips",
        "test_markers.py::test_chain_keeps_mixed_groups",
    ],
    "prepare_environment and evaluate_prepared": [
        "::TestPrepareEnvironment::",
        "::TestEvaluatePrepared::",
        "::TestExtraSetEvaluation::test_prepared$",
    ],
    "the argument context of Marker.evaluate, and that a missing variable is a KeyError": [
        "::test_environment_with_no_extras",
        "::test_extras_and_dependency_groups_disallowed",
        "::test_missing_environment_key_raises_undefined_environment_name",
        "::test_set_valued_marker_on_lhs_raises_undefined_comparison",
    ],
    "the other functions of the module utils, and canonicalize_name(validate=True)": [
        r"test_utils\.py::(?!test_canonicalize_name\[)",
    ],
}


def is_excluded(nodeid: str) -> bool:
    return any(
        re.search(pattern, nodeid)
        for patterns in EXCLUDED.values()
        for pattern in patterns
    )


def pytest_collection_modifyitems(config, items):  # type: ignore[no-untyped-def]
    """pytest's hook: take the excluded tests out."""
    excluded = [item for item in items if is_excluded(item.nodeid)]
    items[:] = [item for item in items if not is_excluded(item.nodeid)]
    config.hook.pytest_deselected(items=excluded)


def fetch_sdist() -> Path:
    folder = CACHE / f"packaging-{VERSION}"
    if not folder.is_dir():
        command = [
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--no-build-isolation",
            "-d",
            str(CACHE),
        ]
        subprocess.run(
            [str(make_venv()), "-m", "pip", *command, f"packaging=={VERSION}"],
            check=True,
        )
        with tarfile.open(CACHE / f"packaging-{VERSION}.tar.gz") as archive:
            archive.extractall(CACHE)
    return folder


def make_venv() -> Path:
    folder = CACHE / "suite-venv-{}.{}".format(*sys.version_info)
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True
        )
        packages = ["pytest", "pretend", "hypothesis", "flit_core"]
        subprocess.run(
            [
                str(python),
                "-m",
                "pip",
                "install",
                "-q",
                "--disable-pip-version-check",
                *packages,
            ],
            check=True,
        )
        (folder / "complete").touch()
    return python


def write_shim() -> Path:
    folder = CACHE / "packaging-shim"
    (folder / "packaging").mkdir(parents=True, exist_ok=True)
    (folder / "packaging" / "__init__.py").write_text("__version__ = 'envlock'\n")
    for module in MODULES:
        (folder / "packaging" / f"{module}.py").write_text(SHIM.format(names=NAMES))
    return folder


def main() -> int:
    CACHE.mkdir(parents=True, exist_ok=True)
    sdist, python = fetch_sdist(), make_venv()
    path = os.pathsep.join(map(str, [write_shim(), ROOT, Path(__file__).parent]))
    files = [f"tests/{name}" for name in FILES]
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "packaging_suite",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--tb=short",
        *files,
    ]
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command,
        cwd=sdist,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(done.stdout[-20000:] if done.returncode else "")
    counts = {
        word: int(number)
        for number, word in re.findall(
            r"(\d+) (passed|failed|error|deselected)", done.stdout
        )
    }
    failures = (
        counts.get("failed", 0)
        + counts.get("error", 0)
        + (done.returncode not in (0, 1))
    )
    print(
        f"packaging_suite: {counts.get('passed', 0)} passed, {counts.get('deselected', 0)} deselected"
    )
    print(
        f"packaging_suite: {counts.get('passed', 0) + failures} comparisons, {failures} failures"
    )
    return 1 if failures or not counts.get("passed") else 0


if __name__ == "__main__":
    raise SystemExit(main())
