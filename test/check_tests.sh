#!/bin/sh
# SPDX-License-Identifier: MIT
#
# No test is left out: every test/test_*.c and test/check_*.sh is named in test/meson.build.
#
#     sh test/check_tests.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
cd "$top/test" || exit 1
missing=
for file in test_*.c; do
    grep -q "'${file%.c}'" meson.build || missing="$missing $file"
done
for file in check_*.sh; do
    name=${file#check_}
    grep -q "'${name%.sh}'" meson.build || missing="$missing $file"
done
echo 1..1
if [ -n "$missing" ]; then
    echo "not ok 1 - every test is registered"
    echo "# not in test/meson.build:$missing"
    exit 1
fi
echo "ok 1 - every test is registered"
