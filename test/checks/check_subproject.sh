#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What README.md says of having the source tree as a subproject of one's own.
#
#     sh test/checks/check_subproject.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
# shellcheck source=test/checks/configured.sh
. "$top/test/checks/configured.sh"

# The lines of README.md, in a project of somebody else's, in a folder whose name has a blank.
is_a_subproject() {
    mkdir -p 'other project/subprojects'
    ln -s "$top" 'other project/subprojects/errgroup'
    {
        echo "project('other', 'c')"
        awk '/^```meson$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$top/README.md"
    } >'other project/meson.build'
    has 'other project/meson.build' "fallback: 'errgroup'"
    cp "$top/docs/examples/hello.c" 'other project/program.c'
    # An installed library would be found first.
    configured other 'other project' --force-fallback-for=errgroup -Doptimization=0 -Ddebug=false
    introspect other --targets "entry['build_by_default'] and entry['name']" >made
    has made program
    has_not made test
    has_not made man-
    ninja -C other
    exits 1 other/program >out
    has out '35 has no half'
}

check "README.md's lines make it a subproject of a program that runs" is_a_subproject
finish
