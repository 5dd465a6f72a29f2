#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What meson makes of the source tree for somebody who builds to install, or has it as a subproject: the library and its
# pages and nothing else, shared or static as asked for.
#
#     sh test/check_build.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

# configured FOLDER SOURCE OPTION...
configured() {
    folder=$1
    source=$2
    shift 2
    meson setup "$folder" "$source" "$@" >log 2>&1 || { cat log; return 1; }
}

# introspect FOLDER WHAT EXPRESSION: a line for each entry that the expression, of python, is not empty for.
introspect() {
    meson introspect "$1" "$2" | python3 -c "
import json, os, sys
found = json.load(sys.stdin)
for entry in found.items() if isinstance(found, dict) else found:
    line = $3
    if line: print(line)"
}

default_is_small() {
    configured default "$top"
    introspect default --targets "entry['build_by_default'] and entry['name']" | sort -u >made
    grep -v '^man-' made >others || true
    echo errgroup | diff - others
    # All of a target's objects would be compiled; those of the library are compiled once.
    ninja -C default -t inputs | grep -c '\.c\.o$' >objects || true
    ls "$top"/src/*.c | wc -l | diff - objects
    introspect default --installed "'/include/' not in entry[1] and os.path.basename(entry[1])" | sort >installed
    has installed liberrgroup.so
    has installed liberrgroup.a
    has_not installed internal
}

# The pages are what scdoc makes; the default takes it when it is there.
default_has_pages() {
    command -v scdoc >/dev/null || skip "no scdoc"
    sed -n 's/^[[:space:]]*\(eg_[a-z0-9_]*\);.*/\1.3/p' "$top/src/errgroup.map" >functions
    introspect default --installed "os.path.basename(entry[1])" >installed
    while read -r page; do
        has installed "$page"
    done <functions
    has functions eg_group_go.3
    has installed errgroup.7
}

# libraries VALUE: what is made and installed with -Ddefault_library=VALUE.
libraries() {
    configured "library-$1" "$top" "-Ddefault_library=$1" -Ddocs=disabled
    introspect "library-$1" --installed "os.path.basename(entry[1])" | grep '^liberrgroup\.' | sort >installed
    introspect "library-$1" --targets \
        "entry['build_by_default'] and entry['installed'] and entry['type'].split()[0]" | sort >types
}

library_is_as_asked() {
    libraries shared
    echo shared | diff - types
    has installed liberrgroup.so
    has_not installed liberrgroup.a
    libraries static
    echo static | diff - types
    echo liberrgroup.a | diff - installed
    libraries both
    printf 'shared\nstatic\n' | diff - types
    has installed liberrgroup.so
    has installed liberrgroup.a
}

# First pkg-config knows Concurrency Kit alone.
later_is_found() {
    pkg-config --exists libdw || skip "no libdw"
    mkdir packages
    ln -s "$(pkg-config --variable=pcfiledir ck)/ck.pc" packages
    PKG_CONFIG_LIBDIR=$scratch/packages configured later "$top" -Ddocs=disabled
    has_not later/build.ninja EGI_HAVE_LIBDW
    configured later "$top" --reconfigure
    has later/build.ninja EGI_HAVE_LIBDW
}

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

echo 1..5
check "the default makes the library and its pages, each object once" default_is_small
try "the default has a page for every function" default_has_pages
check "default_library is honoured" library_is_as_asked
try "what was not there at first is found when meson configures again" later_is_found
check "README.md's lines make it a subproject of a program that runs" is_a_subproject
