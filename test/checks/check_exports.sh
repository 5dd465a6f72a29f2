#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The shared library is what a distribution expects: it exports the functions of the public headers and nothing
# else, carries its soname, and is hardened.
#
#     sh test/checks/check_exports.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
library=$build/src/liberrgroup.so
archive=$build/src/liberrgroup.a
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0

# result FILE STATUS TITLE: what is in $scratch/why is shown when the status is not 0. Which of the two libraries there
# is, -Ddefault_library= says; a case is skipped when its FILE is not there.
result() {
    number=$((number + 1))
    file=$1
    shift
    if [ ! -e "$file" ]; then
        echo "ok $number - $2 # SKIP no ${file##*/} with this default_library"
    elif [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$scratch/why"
        failed=1
    fi
}

echo 1..7

nm -D --defined-only "$library" 2>/dev/null | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$scratch/exported"
# Comments go by the preprocessor, directives by sed; what is left is one declaration a line.
cat "$top"/include/*.h "$top"/include/errgroup/*.h | gcc -fpreprocessed -dD -E -P - 2>/dev/null |
    sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' -e '/^ *#/d' | tr '\n;{}' ' \n\n\n' |
    sed -n 's/.*EG_PUBLIC[^(]*[ *]\(eg_[a-z0-9_]*\)(.*/\1/p' | sort -u >"$scratch/declared"

diff "$scratch/declared" "$scratch/exported" >"$scratch/why" && [ -s "$scratch/declared" ]
result "$library" $? "exports are exactly what the headers declare"

grep -v '^eg_' "$scratch/exported" >"$scratch/why"
[ ! -s "$scratch/why" ]
result "$library" $? "every export is named eg_"

nm -g --defined-only "$archive" 2>/dev/null | awk 'NF == 3 && $3 !~ /^(eg_|egi_)/ { print $3 }' >"$scratch/why"
[ ! -s "$scratch/why" ]
result "$archive" $? "the static library defines no name outside eg_ and egi_"

readelf -dW "$library" >"$scratch/why" 2>&1
grep -q 'SONAME.*\[liberrgroup\.so\.[0-9]*\]' "$scratch/why"
result "$library" $? "the soname is liberrgroup.so and a number"
grep -Eq 'FLAGS.*(BIND_NOW|NOW)' "$scratch/why"
result "$library" $? "symbols are bound at load time"

readelf -lW "$library" >"$scratch/why" 2>&1
grep -q GNU_RELRO "$scratch/why"
result "$library" $? "relocations are read-only"
grep GNU_STACK "$scratch/why" | grep -vq 'RWE'
result "$library" $? "the stack is not executable"
exit $failed
