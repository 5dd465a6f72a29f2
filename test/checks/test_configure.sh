#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/checks/test_configure.sh
#
# What a build folder was like before does not show in what `configure` makes of it: a small project is configured, and
# what it finds is changed in between. And what `need_packages` does about packages that are missing, with commands of
# the package manager that only write down that they were called. Prints TAP.
set -u
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
# shellcheck source=test/configure.sh
. "$top/test/configure.sh"
# shellcheck source=test/packages.sh
. "$top/test/packages.sh"

# In folders with blanks, as a checkout's may be.
mkdir -p 'the source' later tools
cat >'the source/meson.build' <<'END'
project('probe', 'c', default_options: 'c_std=gnu11')
cc = meson.get_compiler('c')
args = []
if cc.has_header('later.h')
        args += '-DHAVE_HEADER'
endif
if dependency('later', required: false).found()
        args += '-DHAVE_PACKAGE'
endif
if find_program('later', required: false).found()
        args += '-DHAVE_PROGRAM'
endif
if get_option('probe').auto()
        args += '-DAUTO'
endif
executable('probe', 'probe.c', c_args: args)
END
echo "option('probe', type: 'feature', value: 'auto')" >'the source/meson_options.txt'
cat >'the source/probe.c' <<'END'
#include <stdio.h>
#define NAME_OF(word) #word
#define NAME(word) NAME_OF(word)

int main(void)
{
#ifdef HAVE_HEADER
	fputs("header ", stdout);
#endif
#ifdef HAVE_PACKAGE
	fputs("package ", stdout);
#endif
#ifdef HAVE_PROGRAM
	fputs("program ", stdout);
#endif
#ifdef AUTO
	fputs("auto ", stdout);
#endif
#ifdef BY
	fputs("by " NAME(BY) " ", stdout);
#endif
	puts("end");
	return 0;
}
END
CPATH=$work/later
PKG_CONFIG_PATH=$work/later
PATH=$work/tools:$PATH
export CPATH PKG_CONFIG_PATH PATH

# probe FOLDER OPTION...: what a program says that is configured and built so.
probe() {
    folder=$1
    shift
    { configure 'the source' "$folder" "$@" && ninja -C "$folder"; } >log 2>&1 || { cat log; return 1; }
    "$folder/probe"
}

says() {
    text=$1
    shift
    probe "$@" >out
    echo "$text" | diff - out
}

give() {
    : >later/later.h
    printf 'Name: later\nDescription: of the test\nVersion: 1\n' >later/later.pc
    printf '#!/bin/sh\n' >tools/later
    chmod +x tools/later
}

take() {
    rm -f later/* tools/*
}

found_later() {
    take
    says 'auto end' 'a folder'
    give
    says 'header package program auto end' 'a folder'
}

gone_later() {
    take
    says 'auto end' 'a folder'
}

options_are_not_kept() {
    says 'end' 'a folder' -Dprobe=disabled
    says 'auto end' 'a folder'
}

half_configured() {
    : >'a folder/build.ninja'
    : >'a folder/meson-private/coredata.dat'
    says 'auto end' 'a folder'
    mkdir -p half/meson-private
    says 'auto end' half
}

# A compiler of the same name and with the same command line, but another version.
compiler() {
    printf '#!/bin/sh\n[ "$1" != --version ] || { echo "cc (%s) 12.0"; exec gcc --version; }\nexec gcc -DBY=%s "$@"\n' \
        "$1" "$1" >tools/other-cc
    chmod +x tools/other-cc
}

compiler_changed() {
    compiler first
    (CC=other-cc && export CC && says 'auto by first end' 'a folder')
    compiler second
    (CC=other-cc && export CC && says 'auto by second end' 'a folder')
}

# What is compiled stays when nothing has changed: the second time there is nothing to do.
nothing_changed() {
    says 'auto end' half
    has log 'no work to do'
}

moved() {
    mkdir -p first
    cp -r 'the source' first/source
    (cd first && configure source build && ninja -C build) >log 2>&1
    mv first second
    (cd second && configure source build && ninja -C build && build/probe) >log 2>&1
    has log 'auto end'
}

not_ours() {
    rm -rf locked
    mkdir -p locked/folder/meson-private
    : >locked/folder/meson-private/coredata.dat
    chmod 755 "$work"
    for file in test/configure.sh; do
        unprivileged test -r "$top/$file" || skip "the source tree is for its owner alone"
    done
    exits 1 unprivileged sh -c '. "$1" && configure "the source" locked/folder' sh "$top/test/configure.sh" >out 2>err
    echo "locked/folder cannot be written to; it may be another user's" | diff - err
}

#
# Packages
#

# command_is NAME SCRIPT: in the path, before others of the name.
command_is() {
    printf '#!/bin/sh\n%s\n' "$2" >"tools/$1"
    chmod +x "tools/$1"
}

# None is installed before apt-get has been called for the second time.
bare_machine() {
    take
    chmod 755 "$work" tools
    : >calls
    command_is dpkg-query '[ "$(grep -c "^apt-get install" calls)" -ge 2 ] && echo installed'
    command_is dpkg 'echo "dpkg $*" >>calls'
    command_is apt-get 'echo "apt-get $*" >>calls; [ "$(grep -c "^apt-get install" calls)" -ge 2 ]'
    command_is sudo 'exit 1'
}

installs_with_new_lists() {
    [ "$(id -u)" -eq 0 ] || skip "not root"
    bare_machine
    need_packages one two >out
    is_empty out
    cut -d ' ' -f 1,2 calls >verbs
    printf '%s\n' 'apt-get install' 'dpkg --configure' 'apt-get update' 'apt-get install' | diff - verbs
    [ "$(grep -c ' one two' calls)" -eq 2 ]
    need_packages one two
    [ "$(wc -l <calls)" -eq 4 ]
}

names_what_is_missing() {
    bare_machine
    unprivileged test -r "$top/test/packages.sh" || skip "the source tree is for its owner alone"
    exits 1 unprivileged sh -c '. "$1" && need_packages one two' sh "$top/test/packages.sh" >out 2>err
    is_empty out
    has err 'apt-get install -y --no-install-recommends one two'
    is_empty calls
}

not_debian() {
    mkdir -p empty
    exits 1 env "PATH=$work/empty" "$(command -v sh)" -c '. "$1" && need_packages one two' sh "$top/test/packages.sh" \
        >out 2>err
    is_empty out
    has err 'not found'
    has err 'one two'
}

check "what appeared is found" found_later
check "what has gone is not relied on" gone_later
check "options of another time are not kept" options_are_not_kept
check "a folder that is half configured is configured" half_configured
check "another version of the compiler compiles everything again" compiler_changed
check "when nothing changed nothing is compiled" nothing_changed
check "a source tree may have been moved" moved
check "a folder that cannot be written to is said to be one" not_ours
check "missing packages are installed, with new lists when the old do not do" installs_with_new_lists
check "who may not install is told what is missing" names_what_is_missing
check "so is who has no Debian" not_debian
finish
