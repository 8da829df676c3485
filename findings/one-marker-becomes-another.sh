#!/usr/bin/env bash
# poetry-core 2.5.0: a marker that was parsed before in the same process gives a later one its meaning, if the two differ
# only by the sides of `in`. `'linux darwin' in sys_platform` asks for a platform whose name holds that text, and
# `sys_platform in 'linux darwin'` for one of the names in it: the second holds on Linux, the first nowhere. After the
# first was parsed, the second is the first, in its answer and in its text.
#
# Guess before the run: the meaning of a marker hangs on its text alone. Parsed markers are kept for speed, but two texts
# with unlike answers would have two entries.
#
# Seen (CPython 3.11, poetry-core 2.5.0), `sys_platform in 'linux darwin'` judged for linux:
#     alone:                  True   sys_platform in "linux darwin"
#     after the other order:  False  "linux darwin" in sys_platform
#     in the other order, the first one after the second:  True   sys_platform in "linux darwin"
# So the answer for a package hangs on which other packages' markers came first.
# Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" --version
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check poetry-core==2.5.0

judge() {  # parse all markers in their order, tell what the last one means
    "$folder/venv/bin/python" - "$@" <<'END'
import sys
from poetry.core.version.markers import parse_marker

*_, last = map(parse_marker, sys.argv[1:])
print(last.validate({"sys_platform": "linux"}), last)
END
}

one="sys_platform in 'linux darwin'" other="'linux darwin' in sys_platform"
seen=$(judge "$one"; judge "$other" "$one"; judge "$other"; judge "$one" "$other")
echo "$seen"
expected='True sys_platform in "linux darwin"
False "linux darwin" in sys_platform
False "linux darwin" in sys_platform
True sys_platform in "linux darwin"'
[ "$seen" = "$expected" ] || { echo "CHANGED"; exit 1; }
