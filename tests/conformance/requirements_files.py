"""Requirements files as pip's own parser reads them, against envlock: the same requirements, or both refuse.

Runs itself again inside a scratch environment that holds pip 26. `requirements_files.py [FILES [SEED]]`
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("ENVLOCK_CACHE", ROOT / ".cache"))
sys.path.insert(0, str(ROOT))

if sys.argv[-1:] == ["--inside"]:
    from pip._internal.models.link import LinkHash
    from pip._internal.network.session import PipSession
    from pip._internal.req import constructors, req_file, req_install
    from pip._internal.utils.misc import split_auth_netloc_from_url
    from pip._internal.utils.urls import path_to_url
    from pip._internal.vcs.versioncontrol import vcs
    from pip._vendor.packaging.utils import canonicalize_name

    import envlock

TREE = {
    "n.txt": "nested==1\n-r sub/deep.txt\n",
    "c.txt": "one<3\ntwo==2 ; python_version > '3'\n",
    "sub/deep.txt": "deep==4\n",
    "sub/up.txt": "-r ../n.txt\n",
    "loop.txt": "-r loop.txt\n",
    "circle.txt": "-c sub/circle.txt\n",
    "sub/circle.txt": "-r ../circle.txt\n",
    "bad.txt": "good\nbad=1\n",
    "badc.txt": "-e ./proj\n",
    "proj/pyproject.toml": "[project]\nname='proj'\nversion='1'\n",
    "legacy/setup.py": "from setuptools import setup\nsetup(name='legacy')\n",
    "with blank/setup.py": "from setuptools import setup\nsetup(name='with-blank')\n",
    "empty/readme": "",
    "pkg-1.0.tar.gz": "",
    "pkg-1.0-py3-none-any.whl": "",
    "odd.zip": "",
}
NAMES = ["one", "Two", "three.four", "five_six", "a", "x-1", "_bad", "bad_", "é"]
SPECIFIERS = [
    "",
    "==1.0",
    ">=1,<2",
    "~=1.4",
    "!=1.*",
    "===x",
    " == 2 ",
    "(>=1)",
    "=1",
    "==",
    ">1,",
    "==1.0+local",
    "> 1 , != 3",
]
EXTRAS = ["", "", "", "[x]", "[x,y]", " [ x , y ]", "[]", "[x", "[x]y"]
MARKERS = [
    *(
        "",
        "",
        "",
        '; python_version > "3"',
        ";python_version<'3'",
        "; sys_platform == 'linux' and os_name=='posix'",
    ),
    *(
        " ; extra == 'x'",
        "; bogus == 1",
        ";",
        "; python_version in '3.8'",
        " ; (os_name == 'posix')",
    ),
]
HASHES = [
    "--hash=sha256:" + "ab" * 32,
    "--hash sha512:CD",
    "--hash=md5:12",
    "--hash=sha256",
    "--has sha384:ee",
    "--hash='sha256:ab'",
]
LOCATIONS = [
    *(
        "./proj",
        "./proj[x]",
        "proj/",
        "./legacy",
        "./empty",
        ".",
        "..",
        "./missing",
        "proj",
        "./with blank",
    ),
    *(
        "./pkg-1.0.tar.gz",
        "pkg-1.0-py3-none-any.whl",
        "pkg-1.0-py3-none-any.whl[x]",
        "gone-2.0.zip",
        "bad.whl",
        "odd.zip",
    ),
    *(
        "a-1-1x-py3-none-any.whl",
        "a__b-1-py3-none-any.whl",
        "a-1.x-py3-none-any.whl",
        "c:\\dir\\pkg-1.zip",
        "sub\\x.tar.bz2",
    ),
    *(
        "file:./proj",
        "file:proj",
        "file:///nowhere/x-1.tar.gz",
        "file://host/x",
        "file:../x.zip",
        "file:///a%20b/c-1.zip#egg=c",
    ),
    *(
        "https://host/x-1.tar.gz",
        "https://u:p@host/x-1-py3-none-any.whl#sha256=AB",
        "HTTPS://host/X.zip#egg=up",
        "ftp://h/p.zip",
    ),
    *(
        "git+https://host/r.git#egg=repo",
        "git+https://u@host/r@main#egg=r-r&subdirectory=s",
        "git+ssh://git@h/r.git@v1",
    ),
    *(
        "git+file:///r@0123456789abcdef0123456789abcdef01234567#egg=f",
        "hg+https://h/r#egg=h",
        "svn+svn://h/r@7#egg=s",
    ),
    *(
        "bzr+lp:thing#egg=lp",
        "git+https://h/r#egg=bad name",
        "git+https://h/r#egg=-x",
        "git://host/x#egg=g",
        "git+foo://h/r",
    ),
    *(
        "https://host/x-1.zip#sha512=aa&egg=q&md5=bb",
        "https://host/a;b.zip",
        "https://host/p?q=1#egg=pq",
        "notascheme://x",
    ),
]
LINES = [
    *(
        "-r n.txt",
        "-rn.txt",
        "--requirement=n.txt",
        "--requirement n.txt",
        "--req n.txt",
        "-r missing.txt",
        "-r sub/up.txt",
        "-r",
    ),
    *(
        "-c c.txt",
        "--constraint c.txt",
        "-c badc.txt",
        "-r loop.txt",
        "-r circle.txt",
        "-r bad.txt",
        "-r 'n.txt'",
        '-r "n.txt',
    ),
    *(
        "-r n.txt -r c.txt",
        "-r n.txt -c c.txt",
        "-r ./sub/../n.txt",
        "--const c.txt",
        "--re n.txt",
        "--r n.txt",
        "-c n.txt",
    ),
    *(
        "-i https://index.example/simple",
        "--index-url=https://index.example/simple",
        "--extra-index-url x",
        "--no-index",
        "--pre",
    ),
    *(
        "--no-index=1",
        "--find-links .",
        "-f .",
        "-f.",
        "--no-binary :all:",
        "--only-binary=one,two",
        "--prefer-binary",
    ),
    *(
        "--require-hashes",
        "--trusted-host h",
        "--use-feature fast-deps",
        "--bogus",
        "-x",
        "--pre --no-index",
        "--",
        "-- x",
        "-",
    ),
    *(
        "--hash=sha256:ab",
        "--hash=bad",
        "--all-releases a",
        "--only-final a",
        "--config-settings a=b",
        "-C a",
        "-Ca=b",
        "--no-",
    ),
    *(
        "# comment",
        "  # comment",
        "   ",
        "",
        "one#two",
        "one #two",
        "one\t# x",
        "one \\",
        "two==2 \\",
        "# c \\",
        "   three",
        "\\",
    ),
    *(
        "${SET}",
        "${UNSET}",
        "$SET",
        "${set}",
        "one==${NUMBER}",
        "${SET}${SET}",
        "one ; python_version > '${NUMBER}'",
    ),
    *(
        "one -e ./proj",
        "one -r n.txt",
        "one stray words",
        "one --pre",
        "one --hash",
        "-e ./proj --hash=sha256:aa",
        "--editable=./proj",
    ),
]
SPECIAL = " \t\\#\"'-=;@[](),${}:/.\x0b\x0c\x85é\r~<>!0a&%+"


def requirement(rng: random.Random) -> str:
    line = (
        rng.choice(NAMES[:6] if rng.random() < 0.9 else NAMES)
        + rng.choice(EXTRAS)
        + rng.choice(SPECIFIERS)
        + rng.choice(MARKERS)
    )
    return (
        line
        if rng.random() < 0.6
        else " ".join([line, *rng.choices(HASHES, k=rng.choice([1, 1, 2]))])
    )


def located(rng: random.Random) -> str:
    location = rng.choice(LOCATIONS)
    form = rng.choice(
        [
            "{}",
            "{}",
            "-e {}",
            "-e{}",
            "name @ {}",
            "name[x]@{}",
            "-e name @ {}",
            "--editable {}",
        ]
    )
    line = form.format(location)
    if line.startswith("-"):
        return line
    return line + rng.choice(
        [
            "",
            "",
            "",
            " ; python_version > '3'",
            "; python_version < '3'",
            " --hash=sha256:ab",
        ]
    )


def option(rng: random.Random) -> str:
    return rng.choice(LINES)


def joined(rng: random.Random, line: str) -> str:
    if rng.random() < 0.1 and " " in line:
        head, _, tail = line.partition(" ")
        return f"{head} \\\n{rng.choice(['', '    ', '# x', '#'])}{tail}"
    return line


def mutated(rng: random.Random, text: str) -> str:
    characters = list(text)
    for _ in range(rng.choice([1, 1, 2, 3])):
        place = rng.randrange(len(characters) + 1)
        characters[place : place + rng.choice([0, 0, 1, 2])] = rng.choice(SPECIAL)
    return "".join(characters)


def generated(rng: random.Random) -> bytes:
    makers = [requirement, requirement, located, option]
    lines = [
        joined(rng, rng.choice(makers)(rng)) for _ in range(rng.choice([1, 1, 1, 2, 3]))
    ]
    text = rng.choice(["\n", "\n", "\r\n"]).join(lines) + rng.choice(["", "\n"])
    if (
        rng.random() < 0.3 and "://" not in text
    ):  # within URLs pip strips tabs, moves hashes …
        text = mutated(rng, text)
    head = rng.choice(
        [
            "",
            "",
            "",
            "",
            "# -*- coding: latin-1 -*-\n",
            "\ufeff",
            "#!x\n# vim: coding=utf-8\n",
            "# coding: nope\n",
        ]
    )
    encoding = (
        "latin-1"
        if "latin" in head
        else rng.choice(["utf-8"] * 9 + ["utf-16"])
        if not head
        else "utf-8"
    )
    return (head + text).encode(encoding, "replace")


def pip_reading(path: str, session: Any) -> list[tuple[Any, ...]]:
    lines = req_file.parse_requirements(path, session)
    found = [constructors.install_req_from_parsed_requirement(line) for line in lines]
    problems = [
        req_install.check_invalid_constraint_type(each)
        for each in found
        if each.constraint
    ]
    if any(problems):
        raise ValueError(problems)
    entries = [(pip_entry(each), each.match_markers()) for each in found]
    return [entry for entry, holds in entries if holds]


def pip_entry(found: Any) -> tuple[Any, ...]:
    name = canonicalize_name(found.req.name) if found.req else None
    hashes = frozenset(
        f"{key}:{value.lower()}"
        for key, values in found.hash_options.items()
        for value in values
    )
    specifier = frozenset(map(str, found.req.specifier)) if found.req else frozenset()
    link = pip_link(found.link) if found.link else None
    link = link and (re.sub(r"^([a-z]+):/*", r"\1:", link[0]), *link[1:])
    return name, specifier, link, bool(found.editable), hashes, bool(found.constraint)


def pip_link(link: Any) -> tuple[str, str, str, frozenset[str]]:
    # pip keeps the first hash of a URL only
    hashes = frozenset(
        f"{key}:{value.lower()}"
        for key, value in LinkHash._hash_url_fragment_re.findall(link.url)
    )
    backend = vcs.get_backend_for_scheme(link.scheme)
    if backend:
        url, revision, _ = backend.get_url_rev_and_auth(link.url)
        url = url if url.startswith("ssh:") else split_auth_netloc_from_url(url)[0]
        return url, revision or "", link.subdirectory_fragment or "", frozenset()
    if (
        len(link.scheme) < 2
    ):  # uv takes this for a path, pip for a URL that can't be fetched
        return path_to_url(link.url), "", "", hashes
    if link.scheme not in {"http", "https", "ftp", "file"}:
        raise ValueError(link.scheme)  # as pip does when it comes to fetching
    url = split_auth_netloc_from_url(link.url_without_fragment)[0]
    if link.is_file:
        url = path_to_url(link.file_path)
    return url, "", link.subdirectory_fragment or "", hashes


def own_reading(path: str) -> list[tuple[Any, ...]]:
    target = envlock.ReadContext(envlock.default_environment)
    return [
        own_entry(each) for each in envlock.read_bounds([path], target).requirements
    ]


def own_entry(each: Any) -> tuple[Any, ...]:
    reference, link = each.reference, None
    if reference:
        link = (
            re.sub(r"^([a-z]+):/*", r"\1:", reference.url),
            reference.revision,
            reference.subdirectory,
            reference.hashes,
        )
    specifier = frozenset(map(str, each.specifier or ()))
    return (
        each.name,
        specifier,
        link,
        bool(reference and reference.editable),
        each.hashes,
        each.constraint,
    )


def differences(path: str, session: Any) -> str:
    theirs: Any
    ours: Any
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # optparse prints its usage
            theirs = pip_reading(path, session)
    except Exception as error:  # pip refuses by whatever comes up
        theirs = f"refused: {type(error).__name__}: {error}"
    try:
        ours = own_reading(path)
    except envlock.EnvlockError as error:
        ours = f"refused: {error}"
    return "" if agree(theirs, ours) else f"  pip:     {theirs}\n  envlock: {ours}"


def agree(theirs: Any, ours: Any) -> bool:
    if "--use-feature: invalid choice" in theirs:
        return True  # each pip knows others
    if isinstance(theirs, str) or isinstance(ours, str):
        return isinstance(ours, str) and isinstance(theirs, str)
    # pip reads a file again when it is named again
    return set(map(comparable, theirs)) == {
        comparable(o, t) for o, t in pairs(ours, theirs)
    }


def pairs(ours: list[Any], theirs: list[Any]) -> list[tuple[Any, bool]]:
    unnamed = [entry for entry in theirs if entry[0] is None]
    ours = list(set(ours))
    return [
        (own, own not in theirs and any(entry[2:] == own[2:] for entry in unnamed))
        for own in ours
    ]


def comparable(entry: Any, unnamed: bool = False) -> Any:
    """An entry; where pip learns name and version later only, without them."""
    return (None, frozenset(), *entry[2:]) if unnamed or entry[0] is None else entry


def main(count: int = 4000, seed: int = 1) -> int:
    logging.disable(logging.CRITICAL)
    os.environ.update({"SET": "two==2", "NUMBER": "3"})
    rng, session, failures = random.Random(seed), PipSession(), 0
    hand = [
        line.encode()
        for line in [*LINES, *LOCATIONS, *(f"-e {location}" for location in LOCATIONS)]
    ]
    cases = hand + [generated(rng) for _ in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, text in TREE.items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text)
        for data in cases:
            Path("requirements.txt").write_bytes(data)
            difference = differences("requirements.txt", session)
            failures += bool(difference)
            if difference:
                print(f"{data!r}\n{difference}")
        os.chdir(ROOT)
    print(f"requirements_files: {len(cases)} comparisons, {failures} failures")
    return int(failures > 0)


def in_environment() -> int:
    folder = CACHE / "requirements_files"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "pip==26.*"], check=True)
    return subprocess.run([python, *sys.argv, "--inside"], check=False).returncode


if __name__ == "__main__":
    if sys.argv[-1:] == ["--inside"]:
        raise SystemExit(main(*map(int, sys.argv[1:-1])))
    raise SystemExit(in_environment())
