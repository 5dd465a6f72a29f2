#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The cases of the measurements: bench/plan.py has the list, bench/cases.h those that C runtimes can do, bench/README.md
# says what each is. All three name the same, and every file of a case is used.
#
#     sh test/checks/check_bench.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
cd "$top/bench" || exit 1

# What is measured by whole programs is no case of a runtime, and is in the table alone.
python3 -B plan.py | cut -d ' ' -f 1 | sort -u >"$work/plan"
sed -n 's/^ *{"\([a-z0-9_]*\)", [a-z0-9_]*_run},$/\1/p' cases.h | sort >"$work/cases"
sed -n 's/^    Case("\([a-z0-9_]*\)",.*/\1/p' whole_programs.py | sort - "$work/plan" >"$work/all"
sed -n '/^## Cases/,/^## /s/^| `\([a-z0-9_]*\)` |.*/\1/p' README.md | sort >"$work/readme"

{
    [ -s "$work/plan" ] || echo 'bench/plan.py has none'
    diff "$work/plan" "$work/cases"
} >"$work/why"
silent "bench/cases.h has the cases of bench/plan.py"
diff "$work/all" "$work/readme" >"$work/why"
silent "so has the table in bench/README.md"

for file in cases/*.h; do
    grep -qF -e "\"$file\"" -e "\"${file#cases/}\"" cases.h cases/*.h || echo "$file"
done >"$work/why"
silent "every file of a case is included"

# Quoted names in the peers that are not C: those of their tables of cases.
sed -n 's/^[^"]*cases\["\([a-z0-9_]*\)"\].*/\1/p; s/^\t*"\([a-z0-9_]*\)": *[a-zA-Z]*,$/\1/p' peers/go/cases.go \
    >"$work/others"
grep -o '("[a-z0-9_]*", [a-z]*::' peers/rayon/src/main.rs | cut -d '"' -f 2 >>"$work/others"
{
    [ -s "$work/others" ] || echo 'no case of theirs found'
    sort -u "$work/others" | comm -23 - "$work/plan"
} >"$work/why"
silent "the peers in other languages have no case that is not in it"
finish
