#!/usr/bin/env bash
# pipenv 2026.10.3: a local wheel whose key in the Pipfile isn't the wheel's own name is locked as a release of an index.
# The path is lost: `Pipfile.lock` has the wheel's name, its version and its hash, so `pipenv sync` asks the index for it.
# It needs no alias for that: a dot in the key is enough, though `odd.lib` and `odd-lib` are one name (PEP 503).
#
# Guess before the run: the key is the author's alias for the file. The lock has the alias or the wheel's name, with the
# path either way; and two spellings of one name (PEP 503) are one key.
#
# Seen, of `odd_lib-1.0-py3-none-any.whl`, its entry in Pipfile.lock besides `hashes`:
#     key odd_lib, Odd-Lib:  file=./odd_lib-1.0-py3-none-any.whl
#     key odd.lib, other:    version===1.0            (that is, "version": "==1.0")
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" --version
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pipenv==2026.10.3
mkdir "$folder/project"
cd "$folder/project"
export PIPENV_VENV_IN_PROJECT=1 PIPENV_VERBOSITY=-1 PIPENV_IGNORE_VIRTUALENVS=1

"$folder/venv/bin/python" - <<'END_OF_WHEEL'
import zipfile

with zipfile.ZipFile("odd_lib-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("odd_lib.py", "")
    info = "odd_lib-1.0.dist-info"
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: odd-lib\nVersion: 1.0\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/RECORD", "")
END_OF_WHEEL

lock() {  # the keys of what is locked, for a key of the Pipfile
    {
        printf '[[source]]\nurl = "https://index.example/simple"\nverify_ssl = true\nname = "example"\n'
        printf '[packages]\n"%s" = {file = "./odd_lib-1.0-py3-none-any.whl"}\n' "$1"
    } > Pipfile
    rm -f Pipfile.lock
    "$folder/venv/bin/pipenv" lock > log 2>&1 || { cat log; return; }
    "$folder/venv/bin/python" - "$1" <<'END_OF_LOCK'
import json, sys

with open("Pipfile.lock") as file:
    locked = json.load(file)["default"]
for name, entry in locked.items():
    told = [f"{key}={value}" for key, value in entry.items() if key != "hashes"]
    print(f"key {sys.argv[1]}: {name}: {' '.join(told)}")
END_OF_LOCK
}

seen=$(for key in odd_lib Odd-Lib odd.lib other; do lock "$key"; done)
echo "$seen"
expected='key odd_lib: odd-lib: file=./odd_lib-1.0-py3-none-any.whl
key Odd-Lib: odd-lib: file=./odd_lib-1.0-py3-none-any.whl
key odd.lib: odd-lib: version===1.0
key other: odd-lib: version===1.0'
[ "$seen" = "$expected" ] || { echo "CHANGED"; exit 1; }
