#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The cases of the measurements: bench/plan.py has the list, bench/cases.h those that C runtimes can do, bench/README.md
# says what each is. All three name the same, and every file of a case is used.
#
#     sh test/checks/check_bench.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$top/bench" || exit 1
number=0
failed=0

# case_is STATUS NAME: a test point; what it had to say is in the file `why`.
case_is() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$scratch/why"
        failed=1
    fi
}

# What is measured by whole programs is no case of a runtime.
python3 -B plan.py | cut -d ' ' -f 1 | sort -u >"$scratch/plan"
sed -n 's/^ *{"\([a-z0-9_]*\)", [a-z0-9_]*_run},$/\1/p' cases.h | sort >"$scratch/cases"
sed -n '/^## Cases/,/^## /s/^| `\([a-z0-9_]*\)` |.*/\1/p' README.md | grep -v '^md5all$' | sort >"$scratch/readme"

echo 1..4
[ -s "$scratch/plan" ] && diff "$scratch/plan" "$scratch/cases" >"$scratch/why"
case_is $? "bench/cases.h has the cases of bench/plan.py"
diff "$scratch/plan" "$scratch/readme" >"$scratch/why"
case_is $? "so has the table in bench/README.md"

for file in cases/*.h; do
    grep -qF -e "\"$file\"" -e "\"${file#cases/}\"" cases.h cases/*.h || echo "$file"
done >"$scratch/why"
[ ! -s "$scratch/why" ]
case_is $? "every file of a case is included"

# Quoted names in the peers that are not C: those of their tables of cases.
sed -n 's/^[^"]*cases\["\([a-z0-9_]*\)"\].*/\1/p; s/^\t*"\([a-z0-9_]*\)": *[a-zA-Z]*,$/\1/p' peers/go/cases.go \
    >"$scratch/others"
grep -o '("[a-z0-9_]*", [a-z]*::' peers/rayon/src/main.rs | cut -d '"' -f 2 >>"$scratch/others"
[ -s "$scratch/others" ] && sort -u "$scratch/others" | comm -23 - "$scratch/plan" >"$scratch/why"
[ ! -s "$scratch/why" ]
case_is $? "the peers in other languages have no case that is not in it"
exit $failed
