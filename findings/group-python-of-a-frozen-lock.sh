#!/usr/bin/env bash
# uv 0.13.9: a uv.lock tells which Python a dependency group needs (`[package.group-requires-python]`), and no installation
# goes by it, not even `uv sync --frozen`, which is to install from the lock alone. What counts is
# `[tool.uv.dependency-groups]` in the pyproject.toml of that moment, though `--frozen` takes all other edits there as not
# made: a dependency that was added to the group since is not installed.
#
# Guess before the run: `--frozen` reads the pyproject.toml for the project's name and layout. Which packages and which
# Python a group needs stands in the lock, and is taken from there, as the project's own `requires-python` is.
#
# Seen, of `uv sync --frozen` on a Python that the setting excludes:
#     the group's, in both:                     refused
#     the group's, in the lock alone:           installed
#     the group's, in pyproject.toml alone:     refused
#     the project's own, in the lock alone:     refused
#     a dependency in pyproject.toml that the lock's group hasn't, and no index: installed without it
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" --version
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check uv==0.13.9
mkdir "$folder/project"
cd "$folder/project"
export UV_OFFLINE=1 UV_NO_CONFIG=1 UV_PYTHON_DOWNLOADS=never UV_PYTHON="$folder/venv/bin/python"

project() {  # the members of the group
    printf '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.8"\n[dependency-groups]\ndev = [%s]\n' "$1"
}
setting=$'[tool.uv.dependency-groups]\ndev = { requires-python = ">=3.99" }'

sync() {
    if "$folder/venv/bin/uv" sync -q --frozen 2> error; then
        echo "$1: installed"
    elif grep -Eq 'dependency-groups.dev.requires-python|locked Python requirement' error; then
        echo "$1: refused"
    else
        cat error
    fi
}

{ project ""; echo "$setting"; } > pyproject.toml
"$folder/venv/bin/uv" lock -q
grep -A1 group-requires-python uv.lock
cp pyproject.toml both.toml
seen=$(
    sync "in both"
    project "" > pyproject.toml
    sync "in the lock alone"
    project '"a-package-of-no-index"' > pyproject.toml
    sync "a dependency more"
    cp both.toml pyproject.toml
    sed -i '/group-requires-python/,/^$/d' uv.lock
    sync "in pyproject.toml alone"
    project "" > pyproject.toml
    sed -i 's/^requires-python = .*/requires-python = ">=3.99"/' uv.lock
    sync "the project's own in the lock alone"
)
echo "$seen"
expected='in both: refused
in the lock alone: installed
a dependency more: installed
in pyproject.toml alone: refused
the project'"'"'s own in the lock alone: refused'
[ "$seen" = "$expected" ] || { echo "CHANGED"; exit 1; }
