# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# To read in scripts that look at what meson makes of a source tree.

# configured FOLDER SOURCE OPTION...
configured() {
    folder=$1
    source=$2
    shift 2
    meson setup "$folder" "$source" "$@" >log 2>&1 || { cat log; return 1; }
}

# introspect FOLDER WHAT EXPRESSION: a line for each entry that the expression, of python, is not empty for.
introspect() {
    meson introspect "$1" "$2" | python3 -c "
import json, os, sys
found = json.load(sys.stdin)
for entry in found.items() if isinstance(found, dict) else found:
    line = $3
    if line: print(line)"
}
