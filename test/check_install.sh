#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What `meson install` puts down is enough for somebody else's program: it is installed into an empty folder, and a
# program is compiled against it through pkg-config, with the shared and with the static library, and run.
#
#     sh test/check_install.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
build=${1:-$top/build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0

# try TITLE COMMAND...
try() {
    title=$1
    shift
    number=$((number + 1))
    if "$@" >"$scratch/output" 2>&1; then
        echo "ok $number - $title"
        return 0
    fi
    echo "not ok $number - $title"
    sed 's/^/# /' "$scratch/output"
    failed=1
    return 1
}

config() {
    PKG_CONFIG_PATH=$(dirname "$pc") pkg-config "--define-variable=prefix=$root$prefix" "$@" errgroup
}

# The words of the flags are split on purpose.
# shellcheck disable=SC2046
compile_shared() {
    ${CC:-cc} $(config --cflags) "$scratch/consumer.c" -o "$scratch/consumer-shared" $(config --libs)
}

# shellcheck disable=SC2046
compile_static() {
    rm -f "$libdir"/*.so*
    ${CC:-cc} $(config --static --cflags) "$scratch/consumer.c" -o "$scratch/consumer-static" $(config --static --libs)
}

needs_no_library() {
    ! ldd "$scratch/consumer-static" | grep liberrgroup
}

cat >"$scratch/consumer.c" <<'END'
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

root=$scratch/root
echo 1..7
try "it installs" meson install -C "$build" --no-rebuild --quiet --destdir "$root"
pc=$(find "$root" -name errgroup.pc | head -n 1)
prefix=$(sed -n 's/^prefix=//p' "$pc")
libdir=$(dirname "$(find "$root" -name 'liberrgroup.so' | head -n 1)")

try "pkg-config knows the version" config --modversion
try "a program compiles with the shared library" compile_shared
try "it runs" env "LD_LIBRARY_PATH=$libdir" "$scratch/consumer-shared"
try "a program compiles with the static library" compile_static
try "it needs no shared library of ours" needs_no_library
try "it runs" "$scratch/consumer-static"
exit $failed
