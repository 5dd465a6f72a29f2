#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The labels of memory-order comments in src/ ("[Q2] release: ...") and the rows of docs/memory-order.md are the same:
# every label of the source has exactly one row, a table row that begins with it, and every row a label.
#
#     sh test/check_memory_order.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
document=$top/docs/memory-order.md
if [ ! -f "$document" ]; then
    echo '1..0 # SKIP no docs/memory-order.md'
    exit 0
fi
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0
result() {
    number=$((number + 1))
    if [ -s "$scratch/why" ]; then
        echo "not ok $number - $1"
        sed 's/^/# /' "$scratch/why"
        failed=1
    else
        echo "ok $number - $1"
    fi
}

cat "$top"/src/*.[ch] | grep -o '\[[A-Z][0-9][0-9]*\]' | sort -u >"$scratch/source"
sed -n 's/^| *`*\(\[[A-Z][0-9][0-9]*\]\)`* *|.*/\1/p' "$document" | sort >"$scratch/rows"

echo 1..3
comm -23 "$scratch/source" "$scratch/rows" | sed 's/$/ is in the source and has no row/' >"$scratch/why"
result "every label has a row"
sort -u "$scratch/rows" | comm -13 "$scratch/source" - | sed 's/$/ has a row and is not in the source/' >"$scratch/why"
result "every row has a label"
uniq -d "$scratch/rows" | sed 's/$/ has more than one row/' >"$scratch/why"
result "no label has two rows"
exit $failed
