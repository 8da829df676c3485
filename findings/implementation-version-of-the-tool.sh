#!/usr/bin/env bash
# PDM and pipenv read the marker variable implementation_version by the Python that the tool itself runs in. All other
# variables of the same lock they read by the Python of the environment that they fill.
#
# Guess before the run: by the environment's. A marker describes the interpreter that is installed for (PEP 508), both
# tools ask that interpreter, and on CPython implementation_version and python_full_version are the same text. So of two
# packages whose markers are `implementation_version < '3.N'` and `python_full_version < '3.N'`, both or none would come.
#
# Seen with pdm 2.29.3 and pipenv 2026.10.3 in CPython 3.13, the environment CPython 3.10, limit 3.13:
#     pdm sync:    idna        (python_full_version decides for 3.10)
#     pipenv sync: idna
#     left out:    six         (implementation_version is that of 3.13)
# Both tools end with 0. A tool that pipx has installed into a newer Python than the project's thus leaves out what its
# lock demands, or installs what it excludes.
#
# Needs two CPythons of different minor versions, 3.10 or newer: the newest that is found runs the tools, and the oldest
# is the environment. Exits 1 if what was seen changes, 2 if there are not two Pythons.
set -euo pipefail
shopt -s nullglob

newest= oldest=
for minor in 10 11 12 13 14; do
    for python in $(type -ap "python3.$minor" || true) ~/.pyenv/versions/3."$minor".*/bin/python; do
        if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            oldest="${oldest:-$python}" newest="$python" limit="3.$minor"
            break
        fi
    done
done
[ "$newest" != "$oldest" ] || { echo "needs two Pythons, 3.10 or newer"; exit 2; }
"$oldest" --version
"$newest" --version

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
unset VIRTUAL_ENV PYTHONPATH
export PDM_CHECK_UPDATE=0 PIPENV_VENV_IN_PROJECT=1 PIPENV_IGNORE_VIRTUALENVS=1 PIPENV_NOSPIN=1 PIP_DISABLE_PIP_VERSION_CHECK=1

"$newest" -m venv pdm-tool
pdm-tool/bin/pip install -q 'pdm[locked]==2.29.3'
"$newest" -m venv pipenv-tool
pipenv-tool/bin/pip install -q pipenv==2026.10.3

installed() {  # the names of the two packages that an environment holds
    "$1" -c 'import importlib.metadata as m; print(*sorted({d.name for d in m.distributions()} & {"six", "idna"}))'
}

mkdir pdm-project
cd pdm-project
cat > pyproject.toml <<END
[project]
name = "demo"
version = "1"
requires-python = ">=3.10"
dependencies = [
    "six==1.16.0; implementation_version < '$limit'",
    "idna==3.7; python_full_version < '$limit'",
]
END
"$oldest" -m venv --without-pip .venv
../pdm-tool/bin/pdm use -q -f .venv/bin/python
../pdm-tool/bin/pdm lock -q
grep -c 'implementation_version' pdm.lock
../pdm-tool/bin/pdm sync -q --no-self
pdm=$(installed .venv/bin/python)
cd ..

mkdir pipenv-project
cd pipenv-project
../pipenv-tool/bin/pipenv --python "$oldest" install >/dev/null 2>&1
sed -i "s/^\[packages\]\$/&\nsix = {version = \"==1.16.0\", markers = \"implementation_version < '$limit'\"}\nidna = {version = \"==3.7\", markers = \"python_full_version < '$limit'\"}/" Pipfile
../pipenv-tool/bin/pipenv lock >/dev/null 2>&1
grep -c 'implementation_version' Pipfile.lock
../pipenv-tool/bin/pipenv sync >/dev/null 2>&1
pipenv=$(installed .venv/bin/python)

echo "pdm sync:    $pdm"
echo "pipenv sync: $pipenv"
[ "$pdm" = idna ] && [ "$pipenv" = idna ] || { echo "CHANGED: expected idna alone from both"; exit 1; }
