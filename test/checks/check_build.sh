#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What meson makes of the source tree for somebody who builds to install: the library and its pages and nothing else, shared or
# static as asked for.
#
#     sh test/checks/check_build.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
# shellcheck source=test/checks/configured.sh
. "$top/test/checks/configured.sh"

default_is_small() {
    configured default "$top"
    introspect default --targets "entry['build_by_default'] and entry['name']" | sort -u >made
    grep -v '^man-' made >others || true
    echo errgroup | diff - others
    # All of a target's objects would be compiled; those of the library are compiled once.
    ninja -C default -t inputs | grep -c '\.c\.o$' >objects || true
    find "$top/src" -name '*.c' | wc -l | diff - objects
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
    PKG_CONFIG_LIBDIR=$work/packages configured later "$top" -Ddocs=disabled
    has_not later/build.ninja EGI_HAVE_LIBDW
    configured later "$top" --reconfigure
    has later/build.ninja EGI_HAVE_LIBDW
}

check "the default makes the library and its pages, each object once" default_is_small
check "the default has a page for every function" default_has_pages
check "default_library is honoured" library_is_as_asked
check "what was not there at first is found when meson configures again" later_is_found
finish
