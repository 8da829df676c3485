# ruff: noqa: E501 - the lines are those of the files
"""The projects that locks.py makes: small real packages from the index, and local ones made here."""

from __future__ import annotations

import json
import re
from typing import Mapping, NamedTuple, Sequence, Tuple

Run = Tuple[str, str]  # envlock's options, and the tool's own for the same selection
PLAIN: Sequence[Run] = (("", ""),)
NO_FILES: Mapping[str, str] = {}

BACKEND = '''"""A build backend that needs nothing: one module a project."""
import os
import zipfile


def metadata():
    with open("PKG-INFO.in", encoding="utf-8") as stream:
        text = stream.read()
    fields = dict(line.split(": ", 1) for line in text.splitlines() if line.startswith(("Name: ", "Version: ")))
    return fields["Name"].replace("-", "_").replace(".", "_"), fields["Version"], text


def wheel(folder, files):
    name, version, text = metadata()
    info = name + "-" + version + ".dist-info/"
    tags = "Wheel-Version: 1.0\\nGenerator: backend\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files = {**files, info + "METADATA": text, info + "WHEEL": tags}
    record = "".join(path + ",,\\n" for path in [*files, info + "RECORD"])
    filename = name + "-" + version + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, filename), "w") as archive:
        for path, content in [*files.items(), (info + "RECORD", record)]:
            archive.writestr(zipfile.ZipInfo(path), content)
    return filename


def build_wheel(folder, config_settings=None, metadata_directory=None):
    return wheel(folder, {"mod_" + metadata()[0].lower() + ".py": "x = 1\\n"})


def build_editable(folder, config_settings=None, metadata_directory=None):
    return wheel(folder, {"__editable__." + metadata()[0] + ".pth": os.getcwd() + "\\n"})


def build_sdist(folder, config_settings=None):
    import io
    import tarfile

    name, version, _ = metadata()
    stem = name + "-" + version
    with tarfile.open(os.path.join(folder, stem + ".tar.gz"), "w:gz") as archive:
        for path in sorted(os.listdir(".")):
            if os.path.isfile(path):
                archive.add(path, stem + "/" + path)
        data = metadata()[2].encode()
        info = tarfile.TarInfo(stem + "/PKG-INFO")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return stem + ".tar.gz"
'''

BUILD = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


class Project(NamedTuple):
    """A project, the tool that locks it, and the selections to sync."""

    tool: str
    name: str
    files: dict[
        str, str
    ]  # `DIR/` holds "NAME VERSION [REQUIREMENT; …]": a local package
    runs: Sequence[Run] = PLAIN
    lock: str = ""  # further options of the locking command
    each: bool = False  # locked anew for each interpreter
    refused: Sequence[
        Run
    ] = ()  # selections that the tool refuses for some interpreters


def uv(
    name: str,
    text: str,
    files: Mapping[str, str] = NO_FILES,
    runs: Sequence[Run] = PLAIN,
) -> Project:
    head = f'[project]\nname = "{name}"\nversion = "0.1"\nrequires-python = ">=3.9"\n'
    return Project(
        "uv",
        name,
        {"pyproject.toml": text if text.startswith("#") else head + text, **files},
        runs,
    )


def same(*options: str) -> list[Run]:
    """Runs whose options are spelled alike."""
    return [(text, text) for text in options]


LIB = {"lib_b/": "lib-b 2.0", "ed_lib/": "ed.lib 1.0"}
GIT = "https://git.example/repo"

UV = [
    uv(
        "root-built",
        'dependencies = ["idna", "six"]\n' + BUILD,
        {"PKG-INFO.in": "root-built 0.1", "backend.py": BACKEND},
    ),
    uv(
        "forks",
        """dependencies = ["click", "colorama; sys_platform == 'win32'",
  "importlib-metadata<7; python_version < '3.11'", "importlib-metadata>=8; python_version >= '3.11'"]
""",
    ),
    uv(
        "extras",
        """dependencies = ["idna"]
[project.optional-dependencies]
one = ["attrs"]
two = ["extras[one]", "toolz"]
nested = ["extras[two]", "six"]
empty = []
""",
        runs=same(
            "",
            "--extra one",
            "--extra nested",
            "--extra empty",
            "--all-extras",
            "--all-extras --no-extra nested",
            "--extra two --no-extra one",
        ),
    ),
    uv(
        "self-cycle",
        """dependencies = ["self-cycle[a]"]
[project.optional-dependencies]
a = ["self-cycle[b]", "six"]
b = ["self-cycle[a]", "idna"]
""",
        runs=same("", "--extra b"),
    ),
    uv(
        "groups",
        """dependencies = ["idna"]
[dependency-groups]
dev = ["pluggy", {include-group = "lint"}]
lint = ["iniconfig"]
docs = ["toolz"]
empty = []
""",
        runs=same(
            "",
            "--group docs",
            "--no-group dev",
            "--no-group lint",
            "--no-default-groups",
            "--all-groups",
            "--group empty",
            "--only-group lint",
            "--only-group docs --only-group dev",
            "--only-group dev --no-group lint",
            "--only-group empty",
            "--only-group lint --no-default-groups",
        ),
    ),
    uv(
        "group-python",
        """dependencies = ["idna"]
[dependency-groups]
dev = ["pluggy"]
lint = ["iniconfig", {include-group = "docs"}]
docs = ["toolz"]
[tool.uv.dependency-groups]
dev = {requires-python = ">=3.9"}
lint = {requires-python = ">=3.11"}
docs = {requires-python = ">=3.10,<3.13"}
""",
    )._replace(
        refused=same(
            "--group lint",
            "--group docs",
            "--only-group lint",
            "--only-group docs",
            "--no-default-groups --group docs",
        )
    ),
    uv(
        "default-groups",
        """dependencies = ["idna"]
[dependency-groups]
dev = ["pluggy"]
lint = ["iniconfig"]
docs = ["toolz"]
[tool.uv]
default-groups = ["lint", "docs"]
""",
        runs=same("", "--group dev", "--no-group docs", "--no-default-groups"),
    ),
    uv(
        "default-all",
        """dependencies = ["idna"]
[dependency-groups]
dev = ["pluggy"]
lint = ["iniconfig"]
[tool.uv]
default-groups = "all"
""",
        runs=same("", "--no-group dev"),
    ),
    uv(
        "groups-alone",
        "# no project\n[dependency-groups]\ndev = ['pluggy', 'idna']\nlint = ['iniconfig']\n",
        runs=same("", "--group lint", "--no-group dev", "--no-default-groups"),
    )._replace(each=True),
    uv(
        "groups-alone-default",
        "# no project\n[dependency-groups]\ndev = ['pluggy']\nlint = ['iniconfig']\n[tool.uv]\ndefault-groups = ['lint']\n",
        runs=same("", "--group dev"),
    )._replace(each=True),
    uv(
        "not-a-package",
        'dependencies = ["idna"]\n[tool.uv]\npackage = false\n' + BUILD,
        {"PKG-INFO.in": "not-a-package 0.1", "backend.py": BACKEND},
    ),
    uv(
        "local",
        """dependencies = ["lib-b", "ed.lib"]
[tool.uv.sources]
lib-b = {path = "lib_b"}
ed-lib = {path = "ed_lib", editable = true}
""",
        LIB,
    ),
    uv(
        "dynamic",
        'dependencies = ["dyn.pkg"]\n[tool.uv.sources]\n"dyn.pkg" = {path = "dyn"}\n',
        {"dyn/": "dyn.pkg 3.0 dynamic"},
    ),
    uv(
        "git",
        f'''dependencies = ["gitpkg", "gitsub", "idna"]
[tool.uv.sources]
gitpkg = {{git = "{GIT}", tag = "v1"}}
gitsub = {{git = "{GIT}", branch = "br", subdirectory = "sub dir"}}
''',
    ),
    uv(
        "archives",
        """dependencies = ["whl-lib", "tgz-lib", "six"]
[tool.uv.sources]
whl-lib = {path = "dist/whl_lib-1.0-py3-none-any.whl"}
tgz-lib = {path = "dist/tgz_lib-1.0.tar.gz"}
six = {url = "SIX_URL"}
""",
        {"dist/whl": "whl-lib 1.0", "dist/tgz": "tgz-lib 1.0"},
    ),
    uv(
        "odd-versions",
        """dependencies = ["loc-ver", "post-ver", "pre-ver>=1rc1", "dev-ver>=1.dev0"]
[[tool.uv.index]]
name = "flat"
url = "./links"
format = "flat"
""",
        {
            "links/loc": "loc-ver 1.0+cpu.1",
            "links/post": "post-ver 1.0.post2",
            "links/pre": "pre-ver 2.0rc1",
            "links/dev": "dev-ver 1.0.dev3",
        },
    ),
    uv("nested-extras", 'dependencies = ["markdown-it-py[linkify]<4"]\n'),
    uv(
        "cycle",
        """dependencies = ["cyc-a"]
[tool.uv.sources]
cyc-a = {path = "cyc_a"}
""",
        {
            "cyc_a/": "cyc-a 1.0 cyc-b",
            "cyc_a/pyproject.toml+": '[tool.uv.sources]\ncyc-b = {path = "../cyc_b"}\n',
            "cyc_b/": "cyc-b 1.0 cyc-a",
            "cyc_b/pyproject.toml+": '[tool.uv.sources]\ncyc-a = {path = "../cyc_a"}\n',
        },
    ),
    uv(
        "conflict-extras",
        """dependencies = ["click"]
[project.optional-dependencies]
one = ["idna<3"]
two = ["idna>=3", "six"]
[tool.uv]
conflicts = [[{extra = "one"}, {extra = "two"}]]
""",
        runs=same("", "--extra one", "--extra two"),
    ),
    uv(
        "conflict-groups",
        """dependencies = ["idna"]
[project.optional-dependencies]
x = ["attrs<22"]
[dependency-groups]
g = ["attrs>=23"]
h = ["attrs==22.2.0"]
[tool.uv]
conflicts = [[{extra = "x"}, {group = "g"}, {group = "h"}]]
""",
        runs=same("", "--extra x", "--group g", "--group h"),
    ),
    uv(
        "workspace",
        """dependencies = ["member-a"]
[dependency-groups]
dev = ["iniconfig"]
rootgroup = ["toolz"]
[tool.uv.workspace]
members = ["a", "b", "c"]
[tool.uv.sources]
member-a = {workspace = true}
""",
        {
            "a/": "member-a 1.0 member-b; six",
            "a/pyproject.toml+": "[tool.uv.sources]\nmember-b = {workspace = true}\n[dependency-groups]\ndev = ['idna']\nown = ['zipp']\n",
            "b/": "member-b 1.0",
            "b/pyproject.toml+": "[project.optional-dependencies]\ne = ['click<8']\n[tool.uv]\ndefault-groups = ['h']\n[dependency-groups]\nh = ['attrs']\n",
            "c/": "member-c 1.0 packaging",
        },
        runs=same(
            "",
            "--package member-a",
            "--package member-b",
            "--package member-b --extra e",
            "--package member-c",
            "--package member-c --group rootgroup",
            "--package member-a --group own",
            "--package member-c --group dev",
            "--package member-a --package member-b",
            "--package member-a --package member-c --group own",
            "--all-packages",
            "--all-packages --extra e --group own",
            "--all-packages --no-default-groups",
            "--group rootgroup",
            "--no-editable",
            "--no-install-project",
            "--no-install-workspace",
            "--all-packages --no-editable",
            "--all-packages --no-install-project",
            "--all-packages --no-install-workspace",
            "--package member-a --no-install-project",
            "--package member-a --package member-b --no-install-project",
            "--package member-a --no-editable --group own",
            "--only-group rootgroup",
            "--only-group rootgroup --no-install-project",
            "--package member-a --only-group own",
            "--all-packages --only-group own",
        ),
    ),
    uv(
        "own-extra-group",
        """dependencies = ["idna"]
[project.optional-dependencies]
yaml = ["toolz"]
[dependency-groups]
own = ["own-extra-group[yaml]", "ed.lib"]
[tool.uv.sources]
ed-lib = {path = "ed_lib", editable = true}
own-extra-group = {workspace = true}
[tool.uv.workspace]
members = []
"""
        + BUILD,
        {"PKG-INFO.in": "own-extra-group 0.1", "backend.py": BACKEND, **LIB},
        runs=same(
            "",
            "--only-group own",
            "--only-group own --no-editable",
            "--only-group own --no-install-project",
            "--group own --no-editable",
            "--no-install-project",
        ),
    ),
    Project(
        "uv",
        "virtual-workspace",
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['a', 'b']\n[dependency-groups]\ndev = ['iniconfig']\nws = ['toolz']\n",
            "a/": "member-a 1.0 six",
            "a/pyproject.toml+": "[dependency-groups]\ndev = ['idna']\nown = ['zipp']\n[project.optional-dependencies]\ne = ['click<8']\n",
            "b/": "member-b 1.0",
            "b/pyproject.toml+": "[tool.uv]\ndefault-groups = ['h']\n[dependency-groups]\nh = ['attrs']\n",
        },
        same(
            "",
            "--package member-a",
            "--package member-b",
            "--group ws",
            "--group own",
            "--extra e",
            "--all-groups",
            "--no-default-groups",
            "--package member-b --group ws",
            "--package member-a --all-groups",
            "--package member-a --package member-b",
            "--package member-a --package member-b --group ws",
            "--all-packages --group own",
        ),
    ),
    uv(
        "member-conflict",
        """dependencies = ["member-d[x]"]
[project.optional-dependencies]
other = ["idna<3"]
[tool.uv]
conflicts = [[{package = "member-d", extra = "x"}, {extra = "other"}, {package = "member-d", extra = "y"}]]
[tool.uv.workspace]
members = ["d"]
[tool.uv.sources]
member-d = {workspace = true}
""",
        {
            "d/": "member-d 1.0",
            "d/pyproject.toml+": "[project.optional-dependencies]\nx = ['idna>=3', 'six']\ny = ['idna<2.9']\n",
        },
        runs=same("", "--package member-d --extra x", "--package member-d --extra y"),
    ),
    uv(
        "platforms",
        """dependencies = ["click", "pywin32; sys_platform == 'win32'", "colorama; platform_system == 'Darwin'",
  "iniconfig; python_full_version >= '3.11' and implementation_name == 'cpython'"]
""",
    ),
    uv(
        "environments",
        """dependencies = ["click", "attrs"]
[tool.uv]
environments = ["sys_platform == 'linux'"]
""",
    ),
]

SOURCES_POETRY = f'''lib-b = {{path = "lib_b"}}
"ed.lib" = {{path = "ed_lib", develop = true}}
gitpkg = {{git = "{GIT}", tag = "v1"}}
gitsub = {{git = "{GIT}", branch = "br", subdirectory = "sub dir"}}
whl-lib = {{path = "dist/whl_lib-1.0-py3-none-any.whl"}}
six = {{url = "SIX_URL"}}
'''
SOURCE_FILES = {**LIB, "dist/whl": "whl-lib 1.0"}


def poetry(
    name: str,
    dependencies: str,
    rest: str = "",
    files: Mapping[str, str] = NO_FILES,
    runs: Sequence[Run] = PLAIN,
) -> list[Project]:
    """The same project for Poetry 1.8 and for the newest."""
    text = f'[tool.poetry]\nname = "{name}"\nversion = "0.1.0"\ndescription = ""\nauthors = ["a <a@example.org>"]\n'
    text += '[tool.poetry.dependencies]\npython = ">=3.9,<4.0"\n' + dependencies + rest
    if "package-mode" not in text:
        text += '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    files = {
        "pyproject.toml": text,
        name.replace("-", "_") + "/__init__.py": "",
        **files,
    }
    return [Project(tool, name, files, runs) for tool in ("poetry18", "poetry2")]


POETRY = [
    *poetry(
        "po-basic",
        """idna = "^3.2"
click = "*"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
iniconfig = {version = "*", platform = "win32"}
""",
        '[tool.poetry.group.dev.dependencies]\npluggy = "1.*"\n[tool.poetry.group.docs]\noptional = true\n[tool.poetry.group.docs.dependencies]\ntoolz = "~0.12"\n',
        runs=[
            ("", ""),
            ("--group docs", "--with docs"),
            ("--no-group dev", "--without dev"),
            ("--no-default-groups", "--only main"),
            ("--only-group main", "--only main"),
            ("--only-group docs", "--only docs"),
            ("--only-group dev --only-group docs", "--only dev,docs"),
            ("--no-install-project", "--no-root"),
        ],
    ),
    *poetry(
        "po-extras",
        """markdown-it-py = {version = "^3.0", extras = ["linkify"]}
attrs = {version = ">=22", optional = true}
toolz = {version = "0.12.*", optional = true}
""",
        '[tool.poetry.extras]\nOne_Extra = ["attrs"]\nboth = ["attrs", "toolz"]\n',
        runs=[
            ("", ""),
            ("--extra one-extra", "--extras one-extra"),
            ("--extra both", "--extras both"),
            ("--all-extras", "--all-extras"),
        ],
    ),
    *poetry(
        "po-forks",
        """six = [{version = "1.15.0", python = "<3.10"}, {version = "1.16.0", python = ">=3.10"}]
importlib-metadata = [{version = "<7", python = "<3.11"}, {version = ">=8,<9", python = ">=3.11"}]
""",
    ),
    *poetry(
        "po-platforms",
        """idna = "*"
pluggy = {version = "*", platform = "!=win32"}
iniconfig = {version = "*", platform = "linux || darwin"}
toolz = {version = "*", platform = "!=linux, !=win32"}
click = {version = "<8.2", platform = "*"}
""",
    ),
    *poetry("po-sources", SOURCES_POETRY, files=SOURCE_FILES),
    *poetry(
        "po-unions",
        'idna = "<2.9 || >=3.4,!=3.5"\nattrs = "^22.1 || ^23.1"\n',
        "[tool.poetry]\n".replace("[tool.poetry]\n", ""),
    ),
    Project(
        "poetry2",
        "po-standard",
        {
            "pyproject.toml": """[project]
name = "po-standard"
version = "0.1"
requires-python = ">=3.9,<4.0"
dependencies = ["idna>=3", "click; sys_platform == 'linux'", "pywin32; sys_platform == 'win32'"]
[project.optional-dependencies]
one = ["attrs"]
[dependency-groups]
test = ["pluggy"]
[tool.poetry]
package-mode = false
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
toolz = "*"
"""
        },
        [
            ("", ""),
            ("--extra one", "--extras one"),
            ("--group docs", "--with docs"),
            ("--no-group test", "--without test"),
        ],
    ),
    Project(
        "poetry2",
        "po-includes",
        {
            "pyproject.toml": """[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = ">=3.9,<4.0"
idna = "*"
[dependency-groups]
dev = ["pluggy", {include-group = "lint"}]
lint = ["iniconfig"]
[tool.poetry.group.lint]
optional = true
[tool.poetry.group.more]
include-groups = ["docs"]
[tool.poetry.group.more.dependencies]
six = "*"
[tool.poetry.group.docs]
optional = true
[tool.poetry.group.docs.dependencies]
toolz = "*"
"""
        },
        [
            ("", ""),
            ("--no-group dev", "--without dev"),
            ("--no-group more", "--without more"),
        ],
    ),
]


def pdm(
    name: str,
    text: str,
    files: Mapping[str, str] = NO_FILES,
    runs: Sequence[Run] = PLAIN,
    lock: str = "",
) -> Project:
    head = f'[project]\nname = "{name}"\nversion = "0.1"\nrequires-python = ">=3.9"\n'
    local = {"PKG-INFO.in": f"{name} 0.1", "backend.py": BACKEND}
    return Project(
        "pdm",
        name,
        {"pyproject.toml": head + text + BUILD, **local, **files},
        runs,
        lock,
    )


PDM_GROUPS = """dependencies = ["idna", "click<8.2", "markdown-it-py[linkify]<4", "colorama; sys_platform == 'win32'"]
[project.optional-dependencies]
one = ["attrs"]
two = ["toolz"]
[dependency-groups]
test = ["pluggy", {include-group = "lint"}]
lint = ["iniconfig"]
[tool.pdm.dev-dependencies]
old = ["packaging"]
"""
PDM_RUNS = [
    ("", ""),
    ("--group test", "-G test"),
    ("--extra one", "-G one"),
    ("--extra two --group test", "-G two -G test"),
    ("--no-default-groups", "--prod"),
    ("--all-groups", "--dev"),
    ("--all-groups --all-extras", "-G:all"),
    ("--only-group default", "--prod"),
    ("--only-group lint", "--no-default -G lint"),
    ("--only-group one", "--no-default -G one"),
    ("--no-install-project", "--no-self"),
    ("--no-editable", "--no-editable"),
    ("--only-group old --no-install-project", "--no-default -G old --no-self"),
]
PDM_OWN = """dependencies = ["idna"]
[project.optional-dependencies]
yaml = ["toolz"]
both = ["NAME[yaml]", "attrs"]
[dependency-groups]
test = ["pluggy"]
own = ["NAME[both]"]
"""
PDM_OWN_RUNS = [
    ("", ""),
    ("--extra both", "-G both"),
    ("--group own", "-G own"),
    ("--only-group own", "--no-default -G own"),
    ("--only-group both", "--no-default -G both"),
]
PDM = [
    pdm("pdm-groups", PDM_GROUPS, runs=PDM_RUNS, lock="-G:all"),
    # The last three ask nothing of the metadata.
    pdm(
        "pdm-static",
        PDM_GROUPS,
        runs=PDM_RUNS[:-3],
        lock="-G:all -S no_inherit_metadata",
    ),
    pdm(
        "pdm-own", PDM_OWN.replace("NAME", "pdm-own"), runs=PDM_OWN_RUNS, lock="-G:all"
    ),
    pdm(
        "pdm-own-static",
        PDM_OWN.replace("NAME", "pdm-own-static"),
        runs=PDM_OWN_RUNS,
        lock="-G:all -S no_inherit_metadata",
    ),
    pdm(
        "pdm-old",
        """dependencies = ["idna", "lib-b @ file:///${PROJECT_ROOT}/lib_b", "markdown-it-py[linkify]<4"]
[project.optional-dependencies]
one = ["attrs"]
two = ["toolz", "pdm-old[one]"]
[tool.pdm.dev-dependencies]
dev = ["pluggy", "-e file:///${PROJECT_ROOT}/ed_lib#egg=ed.lib"]
lint = ["iniconfig"]
""",
        LIB,
        [
            ("", ""),
            ("--group dev", "-G dev"),
            ("--extra two", "-G two"),
            ("--no-default-groups", "--prod"),
            ("--only-group lint", "--no-default -G lint"),
        ],
        "-G:all",
    )._replace(tool="pdm212"),
    pdm(
        "pdm-sources",
        f"""dependencies = ["gitpkg @ git+{GIT}@v1", "lib-b @ file:///${{PROJECT_ROOT}}/lib_b", "six @ SIX_URL",
  "whl-lib @ file:///${{PROJECT_ROOT}}/dist/whl_lib-1.0-py3-none-any.whl"]
[tool.pdm.dev-dependencies]
ed = ["-e file:///${{PROJECT_ROOT}}/ed_lib#egg=ed.lib"]
""",
        SOURCE_FILES,
    ),
    pdm(
        "pdm-markers",
        """dependencies = ["importlib-metadata; python_version < '3.11'", "iniconfig; python_version >= '3.11'", "zipp"]
""",
    ),
]

PIPENV_HEAD = '[[source]]\nurl = "INDEX_URL"\nverify_ssl = true\nname = "index"\n'
PIPENV = [
    Project(
        "pipenv",
        "pe-basic",
        {
            "Pipfile": PIPENV_HEAD
            + """[packages]
idna = "*"
colorama = {version = "*", markers = "sys_platform == 'win32'"}
markdown-it-py = {extras = ["linkify"], version = "<4"}
[dev-packages]
pluggy = "*"
[docs]
toolz = "*"
"""
        },
        [
            ("", ""),
            ("--group develop", "--dev"),
            ("--group docs", "--categories 'packages docs'"),
            ("--only-group docs", "--categories docs"),
            (
                "--only-group docs --only-group develop",
                "--categories 'docs dev-packages'",
            ),
        ],
    ),
    # No archive has another key than its name: pipenv 2026.10 can't sync what it locks of it.
    Project(
        "pipenv",
        "pe-sources",
        {
            "Pipfile": PIPENV_HEAD
            + f'''[packages]
gitpkg = {{git = "{GIT}", ref = "v1"}}
lib-b = {{path = "./lib_b"}}
ed-two = {{path = "./ed_two", editable = true}}
whl-lib = {{file = "./dist/whl_lib-1.0-py3-none-any.whl"}}
''',
            **SOURCE_FILES,
            "ed_two/": "ed-two 1.0",
        },
        [("", "")],
    ),
]

# Each marker decides over a package of its own; those that a tool refuses stand in its pattern.
MARKERS = """platform_release >= '5.10'
platform_release != '6'
platform_release > '6.2'
platform_release < '9.0'
platform_release <= '20.0'
platform_release == '6.*'
platform_release != '6.*'
platform_release >= '6.1.0-13-amd64'
platform_release < '6.1.0-13-amd64'
platform_release > 'a'
platform_release >= '10'
'5.10' <= platform_release
'a' in platform_release
'amd' not in platform_release
platform_version >= '#'
platform_version < '9'
platform_version != '9'
'SMP' in platform_version
platform_version >= '10.0.19045'
sys_platform > 'a'
sys_platform >= 'linux'
sys_platform < 'win32'
sys_platform != 'win32'
sys_platform in 'linux darwin'
sys_platform in 'linux2'
'nux' in sys_platform
implementation_version >= '3.9'
implementation_version < '4'
implementation_version == '3.11.*'
implementation_version != '3.11.*'
implementation_version in '3.12.1 3.11.7'
implementation_name >= 'cpython'
implementation_name in 'cpython pypy'
os_name <= 'posix'
os_name > 'nt'
platform_machine >= 'x86_64'
platform_machine not in 'arm64 aarch64'
platform_python_implementation < 'PyPy'
platform_system > 'Darwin'
platform_system != 'Windows'
python_version in '3.11 3.12'
python_version ~= '3.10'
python_version > '3.9'
python_version >= '3.11.1'
python_version != '3.11.7'
python_full_version > '3.11'
python_full_version != '3.11.*'
'3.11' == python_version
os_name == 'nt' or platform_release >= '5.10'
os_name == 'posix' and platform_release >= '5.10' and platform_release < '5.20'
platform_release >= '5.10' or platform_release < '5.9'""".splitlines()
REFUSED = {
    "poetry2": r"^'.*' [=<>!]|> 'a'$|^'amd' not in",
    "poetry18": r"platform_(release|version)|^'.*' [=<>!]",
    "pdm": r"^$",
    "pipenv": r"^$",
    "uv": r"^$",
}


# What hangs on the Python that the tool itself runs in, or on its release: envlock holds nothing against either answer.
OPEN = r"implementation_version|python_version .= '3\.11\."


def marked(tool: str) -> Project:
    """A project with a wheel for each marker that the tool takes."""
    texts = [text for text in MARKERS if not re.search(REFUSED[tool], text)]
    title, is_open = f"{tool}-marked", tool in ("pdm", "pipenv")
    names = [
        f"open{n}" if is_open and re.search(OPEN, text) else f"m{n}"
        for n, text in enumerate(texts)
    ]
    wheels = {f"wheels/{name}": f"{name} 1.0" for name in names}
    paths = [f"wheels/{name}-1.0-py3-none-any.whl" for name in names]
    pairs = list(zip(names, paths, texts))
    if tool == "uv":
        sources = "".join(f'{name} = {{path = "{path}"}}\n' for name, path, _ in pairs)
        listed = json.dumps([f"{name} ; {text}" for name, _, text in pairs])
        return uv(
            title, f"dependencies = {listed}\n[tool.uv.sources]\n{sources}", wheels
        )
    if tool == "pdm":
        root = "file:///${PROJECT_ROOT}/"
        listed = json.dumps(
            [f"{name} @ {root}{path} ; {text}" for name, path, text in pairs]
        )
        return pdm(title, f"dependencies = {listed}\n", wheels)
    key = "file" if tool == "pipenv" else "path"
    lines = [
        f'{name} = {{{key} = "./{path}", markers = "{text}"}}\n'
        for name, path, text in pairs
    ]
    if tool == "pipenv":
        head = PIPENV_HEAD + "[packages]\nidna = '*'\n"
        return Project("pipenv", title, {"Pipfile": head + "".join(lines), **wheels})
    projects = poetry(title, "".join(lines), files=wheels)
    return next(project for project in projects if project.tool == tool)


MARKED = [marked(tool) for tool in REFUSED]

PYLOCK_PROJECT = """dependencies = ["idna", "click", "lib-b", "ed.lib", "gitpkg", "six"]
[project.optional-dependencies]
one = ["attrs"]
[dependency-groups]
dev = ["iniconfig"]
[tool.uv.sources]
"""  # sources follow
PYLOCK = [
    Project(
        "pip-lock",
        "pl-pip",
        {
            "requirements.in": f"idna\nmarkdown-it-py[linkify]<4\n./lib_b\n-e ./ed_lib\ngitpkg @ git+{GIT}@v1\nsix @ SIX_URL\n",
            **SOURCE_FILES,
        },
    ),
    # pip itself refuses a pylock.toml of its own with a repository or a directory: nothing there can be hashed
    Project(
        "pip-lock-pip",
        "pl-hashed",
        {
            "requirements.in": "idna\nmarkdown-it-py[linkify]<4\n./dist/whl_lib-1.0-py3-none-any.whl\nsix @ SIX_URL\n",
            **SOURCE_FILES,
        },
    ),
    uv(
        "pl-uv",
        PYLOCK_PROJECT
        + SOURCES_POETRY.replace("develop = true", "editable = true")
        .replace('"ed.lib"', "ed-lib")
        .replace(SOURCES_POETRY.splitlines()[3] + "\n", "")
        .replace(SOURCES_POETRY.splitlines()[4] + "\n", ""),
        SOURCE_FILES,
    )._replace(tool="uv-export"),
    uv(
        "pl-uv-all",
        'dependencies = ["idna"]\n[project.optional-dependencies]\none = ["attrs"]\n[dependency-groups]\ndev = ["iniconfig"]\n'
        + BUILD,
        {"PKG-INFO.in": "pl-uv-all 0.1", "backend.py": BACKEND},
    )._replace(tool="uv-export", lock="--all-extras --all-groups"),
    pdm(
        "pl-pdm",
        'dependencies = ["idna", "click<8.2", "colorama; sys_platform == \'win32\'"]\n',
    )._replace(tool="pdm-export"),
    uv(
        "pl-nab",
        """dependencies = ["idna", "click<8.2", "colorama; sys_platform == 'win32'"]
[project.optional-dependencies]
one = ["attrs"]
[dependency-groups]
dev = ["iniconfig"]
""",
    )._replace(tool="nab"),
    uv(
        "pl-nab-all",
        'dependencies = ["idna"]\n[project.optional-dependencies]\none = ["attrs"]\n'
        '[dependency-groups]\ndev = ["iniconfig"]\n',
    )._replace(tool="nab", lock="--all-extras --all-groups"),
    Project(
        "hatch",
        "pl-hatch",
        {
            "pyproject.toml": """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "pl-hatch"
version = "0.1"
requires-python = ">=3.9"
dependencies = ["idna", "click<8.2"]
[tool.hatch.build.targets.wheel]
bypass-selection = true
[tool.hatch.envs.default]
dependencies = ["iniconfig"]
installer = "uv"
locker = "uv"
locked = true
"""
        },
    ),
    uv(
        "pip-groups",
        """dependencies = ["attrs"]
[dependency-groups]
lint = ["idna==3.10", {include-group = "docs"}]
docs = ["six==1.17.0", "toolz==1.0.0; python_version < '3'"]
""",
        runs=[
            ("--only-group lint", "--group lint"),
            ("--only-group docs", "--group docs"),
            ("--only-group lint --only-group docs", "--group lint --group docs"),
        ],
    )._replace(tool="pip-group"),
    Project(
        "pip-tools",
        "pt-basic",
        {"requirements.in": "idna\nclick\nmarkdown-it-py[linkify]<4\n"},
    ),
    Project(
        "pip-tools",
        "pt-sources",
        {"requirements.in": f"gitpkg @ git+{GIT}@v1\n-e ./ed_lib\nsix<1.17\n", **LIB},
    ),
]

PROJECTS = [*UV, *POETRY, *PDM, *PIPENV, *PYLOCK, *MARKED]

# Here the version of Python decides, so that each has its turn.
EVERYWHERE = ("forks", "group-python", "uv-marked", "po-forks", "pdm-markers")
