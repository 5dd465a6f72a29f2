#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No test is left out: every source and every check below test/ is named in test/meson.build, or the explorer's in its own,
# and every script that runs programs there or in docs/examples/meson.build. What is named and not there fails when the
# build is configured.
#
#     sh test/checks/check_tests.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
cd "$top/test" || exit 1

missing=
# named NAME FILE BUILD...: notes the file as missing unless a build file names it so.
named() {
    name=$1
    file=$2
    shift 2
    grep -q -e "'$name'" -e "[/']$file'" "$@" || missing="$missing $file"
}

# No name has a blank.
for file in $(find . -path ./explore -prune -o -path ./tsan -prune -o -name '*.c' -print); do
    file=${file#./}
    case $file in
    fault/*) name=$(basename "$file" .c) ;; # whose folder is said once for all
    *) name=${file%.c} ;;
    esac
    named "$name" "$file" meson.build
done
for file in checks/check_*.sh; do
    name=${file#checks/check_}
    named "${name%.sh}" "$file" meson.build
done
for file in $(find . -name 'test_*.sh'); do
    name=$(basename "$file" .sh)
    named "${name#test_}" "${file#./}" meson.build ../docs/examples/meson.build
done
cd explore || exit 1
for file in *.c; do
    named "$file" "$file" meson.build
done

echo 1..1
if [ -n "$missing" ]; then
    echo "not ok 1 - every test is registered"
    echo "# not in a meson.build:$missing"
    exit 1
fi
echo "ok 1 - every test is registered"
