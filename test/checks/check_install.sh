#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `meson install` puts down is enough for somebody else's program: it is installed into an empty folder, and a
# program is compiled against it through pkg-config, with the shared and with the static library, as far as
# -Ddefault_library= has them built, and run. Of what the library itself is built with nothing is to be seen.
#
#     sh test/checks/check_install.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

# Knows our .pc file alone: a package that this one requires is not found.
config() {
    PKG_CONFIG_LIBDIR=$(dirname "$pc") PKG_CONFIG_PATH='' pkg-config "--define-variable=prefix=$root$prefix" \
        "$@" errgroup
}

need() {
    [ -n "$1" ] || skip "not built with this default_library"
}

installs() {
    meson install -C "$build" --no-rebuild --quiet --destdir "$root"
}

has_version() {
    config --modversion
}

requires_nothing() {
    [ -z "$(config --print-requires)$(config --print-requires-private)" ]
    # shellcheck disable=SC2046
    ${CC:-cc} $(config --static --cflags) -M consumer.c >headers
    has headers include/errgroup/group.h
    has_not headers /ck_
}

# The words of the flags are split on purpose, here and below.
shared_compiles() {
    need "$shared"
    # shellcheck disable=SC2046
    ${CC:-cc} $(config --cflags) consumer.c -o consumer-shared $(config --libs)
}

shared_runs() {
    need "$shared"
    LD_LIBRARY_PATH=$(dirname "$shared") ./consumer-shared
}

# As README.md has it, beside the shared library if that is there.
static_by_name_runs() {
    need "$static"
    # shellcheck disable=SC2046
    ${CC:-cc} $(config --cflags) consumer.c -o consumer-by-name "-L$(dirname "$static")" -l:liberrgroup.a -pthread
    ./consumer-by-name
}

# Without the shared library, which the linker would take first.
static_runs() {
    need "$static"
    rm -f "$(dirname "$static")"/*.so*
    # shellcheck disable=SC2046
    ${CC:-cc} $(config --static --cflags) consumer.c -o consumer-static $(config --static --libs)
    ! ldd consumer-static | grep -e liberrgroup -e libck
    ./consumer-static
}

# Not all linkers can, as static libraries of the system are not everywhere.
whole_static_runs() {
    need "$static"
    # shellcheck disable=SC2046
    ${CC:-cc} -static $(config --static --cflags) consumer.c -o consumer-whole $(config --static --libs) 2>output ||
        { grep -q 'cannot find' output && skip "no static libraries of the system" || { cat output && return 1; }; }
    ./consumer-whole
}

cat >consumer.c <<'END'
#include <errgroup.h>
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Only group functions are called: what the library sets up at load must come along with these. */
static int fail(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_fail(-5, "number %d", *(int *)arg);
}

int main(void)
{
	eg_group group = EG_GROUP_INIT;
	int value = 7, result;
	pid_t child;

	if (eg_group_go(&group, fail, &value) != 0)
		return 1;
	child = fork();
	if (child == 0)
		_exit(eg_group_wait(&group) != EG_EFORKED);
	if (child < 0 || waitpid(child, &result, 0) != child || result != 0)
		return 3;
	result = eg_group_wait(&group);
	if (result != -5 || strcmp(eg_error_message(eg_group_error(&group)), "number 7") != 0)
		return 2;
	return eg_group_destroy(&group);
}
END

root=$work/root
check "it installs" installs
pc=$(find "$root" -name errgroup.pc)
prefix=$(sed -n 's/^prefix=//p' "$pc")
shared=$(find "$root" -name liberrgroup.so)
static=$(find "$root" -name liberrgroup.a)

check "pkg-config knows the version" has_version
check "nothing but the library is needed to compile and link with it" requires_nothing
check "a program compiles with the shared library" shared_compiles
check "it runs" shared_runs
check "a program is linked with the static library, by name, and runs" static_by_name_runs
check "a program is linked with the static library, needs no shared one of ours, and runs" static_runs
check "a program without any shared library runs" whole_static_runs
finish
