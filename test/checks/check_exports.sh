#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The shared library is what a distribution expects: it exports the functions of the public headers and nothing
# else, carries its soname, and is hardened.
#
#     sh test/checks/check_exports.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
library=$build/src/liberrgroup.so
archive=$build/src/liberrgroup.a
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

# of FILE NAME STATUS: a test point about one of the two libraries, of which -Ddefault_library= says which there are.
of() {
    if [ -e "$1" ]; then
        report "$2" "$3"
    else
        skipped "$2" "no ${1##*/} with this default_library"
    fi
}

nm -D --defined-only "$library" 2>/dev/null | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u >"$work/exported"
# Comments go by the preprocessor, directives by sed; what is left is one declaration a line.
cat "$top"/include/*.h "$top"/include/errgroup/*.h | gcc -fpreprocessed -dD -E -P - 2>/dev/null |
    sed -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' -e '/^ *#/d' | tr '\n;{}' ' \n\n\n' |
    sed -n 's/.*EG_PUBLIC[^(]*[ *]\(eg_[a-z0-9_]*\)(.*/\1/p' | sort -u >"$work/declared"

diff "$work/declared" "$work/exported" >"$work/why" && [ -s "$work/declared" ]
of "$library" "exports are exactly what the headers declare" $?

grep -v '^eg_' "$work/exported" >"$work/why"
[ ! -s "$work/why" ]
of "$library" "every export is named eg_" $?

# But for what <sys/sdt.h> leaves beside probes: a weak name, of which a program keeps one whoever brings it.
nm -g --defined-only "$archive" 2>/dev/null |
    awk 'NF == 3 && $3 !~ /^(eg_|egi_)/ && $3 != "_.stapsdt.base" { print $3 }' >"$work/why"
[ ! -s "$work/why" ]
of "$archive" "the static library defines no name outside eg_ and egi_" $?

readelf -dW "$library" >"$work/why" 2>&1
grep -q 'SONAME.*\[liberrgroup\.so\.[0-9]*\]' "$work/why"
of "$library" "the soname is liberrgroup.so and a number" $?
grep -Eq 'FLAGS.*(BIND_NOW|NOW)' "$work/why"
of "$library" "symbols are bound at load time" $?

readelf -lW "$library" >"$work/why" 2>&1
grep -q GNU_RELRO "$work/why"
of "$library" "relocations are read-only" $?
grep GNU_STACK "$work/why" | grep -vq 'RWE'
of "$library" "the stack is not executable" $?
finish
