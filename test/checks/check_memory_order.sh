#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every access in src/ that orders something has a label, in the comment above its statement or on its line
# ("[Q2] release: ..."), and these labels and the rows of docs/memory-order.md are the same: every label of the source has
# exactly one row, a table row that begins with it, and every row a label.
#
#     sh test/checks/check_memory_order.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
document=$top/docs/memory-order.md
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
[ -f "$document" ] || skip_all 'no docs/memory-order.md'

find "$top/src" -name '*.[ch]' -exec cat {} + | grep -o '\[[A-Z][0-9][0-9]*\]' | sort -u >"$work/source"
sed -n 's/^| *`*\(\[[A-Z][0-9][0-9]*\]\)`* *|.*/\1/p' "$document" | sort >"$work/rows"

# Statements with such an access and no label. atomic.h and fence.h only define what others use.
unlabelled() {
    # No name has a blank.
    for file in $(find "$top/src" -name '*.[ch]' | sort); do
        case ${file##*/} in atomic.h | fence.h) ;; *) set -- "$@" "$file" ;; esac
    done
    awk '
        function reset() { text = ""; above = "" }
        FNR == 1 { in_comment = 0; reset() }
        in_comment { above = above $0; if ($0 ~ /\*\//) in_comment = 0; next }
        /^[ \t]*\/\*/ { above = $0; in_comment = $0 !~ /\*\//; next }
        /^[ \t]*[{}]*[ \t\\]*$/ || /^#/ { if (text == "" || /[{}]/) reset(); next }
        {
            if (text == "") start = FNR
            text = text " " $0
            code = text
            gsub(/\/\*[^*]*\*\//, "", code)
            ends = code ~ /[;{}:][ \t]*\\?$/
            if (!ends && code ~ /^[ \t]*(if|while|for|else|do)/) ends = code ~ /\)[ \t]*\\?$/
            if (!ends) next
            orders = code ~ /egi_(load_acquire|store_release|cas|add)_[a-z0-9]+ *\(/ ||
                     code ~ /egi_fence_(light|heavy|heaviest|full|compiler) *\(/
            if (orders && text above !~ /\[[A-Z][0-9]+\]/) {
                file = FILENAME
                sub(/.*\/src\//, "", file)
                gsub(/[ \t]+/, " ", code)
                printf "%s:%d:%s\n", file, start, code
            }
            reset()
        }' "$@"
}

unlabelled >"$work/why"
silent "every access that orders something has a label"
comm -23 "$work/source" "$work/rows" | sed 's/$/ is in the source and has no row/' >"$work/why"
silent "every label has a row"
sort -u "$work/rows" | comm -13 "$work/source" - | sed 's/$/ has a row and is not in the source/' >"$work/why"
silent "every row has a label"
uniq -d "$work/rows" | sed 's/$/ has more than one row/' >"$work/why"
silent "no label has two rows"
finish
