#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Structures that grow at their end: a library whose headers have a field more, and programs that have not. What takes or
# fills such a structure is compiled anew with the field, and linked in place of its object.
#
#     sh test/checks/check_growth.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

# A field at the end of a structure, and its initializer.
cp -R "$top/include" "$work/include"
sed -i -e 's|^\tunsigned reserved;.*|&\n\tuint64_t later[4];|' -e 's|{sizeof(struct eg_group_options), .*}|{sizeof(struct eg_group_options), 0, 0, 0, 0, 0, 0, {0}}|' \
    "$work/include/errgroup/group.h"
sed -i -e 's|^\tuint32_t cut;.*|&\n\tuint64_t later[4];|' -e 's|{sizeof(struct eg_frame), .*}|{sizeof(struct eg_frame), NULL, NULL, 0, 0, 0, NULL, 0, "", 0, {0}}|' \
    "$work/include/errgroup/frame.h"
# What the library knows of the field: it fills it in.
sed 's|^\tframe\.cut = .*|&\n\tframe.later[0] = frame.later[3] = 7;|' "$top/src/error/frame.c" >"$work/frame.c"

cat >"$work/program.c" <<'END'
#include <errgroup.h>
#include <string.h>

/* What lies behind the structures is somebody else's. */
static struct {
	struct eg_frame frame;
	unsigned char behind[64];
} framed = {EG_FRAME_INIT, {0}};

static struct {
	struct eg_group_options options;
	unsigned char behind[64];
} opted = {EG_GROUP_OPTIONS_INIT, {0}};

static int task(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	eg_panic("for its frames");
}

int main(void)
{
	eg_group group;

	memset(framed.behind, 0x5a, sizeof(framed.behind));
	memset(opted.behind, 0x5a, sizeof(opted.behind));
	opted.options.limit = 1;
	if (eg_group_init(&group, NULL, &opted.options))
		return 2;
	eg_group_go(&group, task, NULL);
	if (eg_group_wait(&group) != EG_EPANIC)
		return 3;
	if (eg_error_frame(eg_group_error(&group), 0, &framed.frame) || !framed.frame.module)
		return 4;
	for (size_t i = 0; i < sizeof(framed.behind); i++)
		if (framed.behind[i] != 0x5a)
			return 5;
	return framed.frame.size != sizeof(framed.frame) ? 6 : 0;
}
END

compile() {
    "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -pthread "$@"
}

# link PROGRAM INCLUDE: a program built with those headers, and the library that has grown.
link() {
    # shellcheck disable=SC2086 # several
    compile "-I$2" "$work/program.c" "$work/frame.o" "$work/group.o" $others -o "$1" -ldl -lm
}

# The library's objects, in whichever folder meson keeps them.
for object in "$build"/src/*.p/error_frame.c.o; do
    objects=$(dirname "$object")
done
others=$(ls "$objects"/*.o | grep -v -e '/error_frame\.c\.o$' -e '/runtime_group_group\.c\.o$')
grow() {
    for file in include/errgroup/group.h include/errgroup/frame.h frame.c; do
        grep -q later "$work/$file" || { echo "$file has no field more"; return 1; }
    done
    compile "-I$work/include" "-I$top/src" -DEGI_BUILD -c "$work/frame.c" -o "$work/frame.o" &&
        compile "-I$work/include" "-I$top/src" -DEGI_BUILD -c "$top/src/runtime/group/group.c" -o "$work/group.o"
}

serves() {
    link "$1" "$2"
    "./$1"
}

check 'the library compiles with a field more' grow
check 'a program with the smaller structures is served, and nothing behind them is touched' serves older "$top/include"
check 'a program with the larger ones is, too' serves newer "$work/include"
finish
