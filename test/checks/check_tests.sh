#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No test is left out: every source below test/ and every script that tests is named in the meson.build of its folder, or,
# where there is none, of test/. What is named and not there fails when the build is configured.
#
#     sh test/checks/check_tests.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
cd "$top/test" || exit 1

# named FILE NAME: whether the file, or the name that a list has for it, is in the build file of its folder.
named() {
    build=${1%/*}/meson.build
    [ -f "$build" ] || build=meson.build
    grep -q -e "[/']${1##*/}'" -e "[/']$2'" "$build" || echo "$1 is not in test/${build#./}"
}

find . -name '*.c' -not -path './tsan/*' -o -name 'check_*.sh' -o -name 'test_*.sh' >"$work/files"
{
    [ -s "$work/files" ] || echo 'there are none'
    while read -r file; do
        name=${file##*/}
        name=${name%.*}
        case $file in *.sh) name=${name#check_} ;; esac
        named "$file" "$name"
    done <"$work/files"
    # What a script compiles itself.
    for file in tsan/*.c; do
        grep -q "test/$file" checks/*.sh || echo "$file is in no script"
    done
} >"$work/why"
silent "every test is registered"
finish
