#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Structures that grow at their end: a library whose headers have a field more, and programs that have not. What takes or
# fills such a structure is compiled anew with the field, and linked in place of its object.
#
#     sh test/checks/check_growth.sh [BUILD]        BUILD is build/ unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

echo 1..3

# A field at the end of a structure, and its initializer.
cp -R "$top/include" "$scratch/include"
sed -i -e 's|^\tunsigned reserved;.*|&\n\tuint64_t later[4];|' -e 's|{sizeof(struct eg_group_options), .*}|{sizeof(struct eg_group_options), 0, 0, 0, 0, 0, 0, {0}}|' \
    "$scratch/include/errgroup/group.h"
sed -i -e 's|^\tuint32_t cut;.*|&\n\tuint64_t later[4];|' -e 's|{sizeof(struct eg_frame), .*}|{sizeof(struct eg_frame), NULL, NULL, 0, 0, 0, NULL, 0, "", 0, {0}}|' \
    "$scratch/include/errgroup/frame.h"
# What the library knows of the field: it fills it in.
sed 's|^\tframe\.cut = .*|&\n\tframe.later[0] = frame.later[3] = 7;|' "$top/src/error/frame.c" >"$scratch/frame.c"

cat >"$scratch/program.c" <<'END'
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

number=0
failed=0
# result STATUS TITLE
result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$scratch/why"
        failed=1
    fi
}

compile() {
    "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -pthread "$@"
}

# link PROGRAM INCLUDE: a program built with those headers, and the library that has grown.
link() {
    # shellcheck disable=SC2086 # several
    compile "-I$2" "$scratch/program.c" "$scratch/frame.o" "$scratch/group.o" $others -o "$1" -ldl -lm
}

# The library's objects, in whichever folder meson keeps them.
for object in "$build"/src/*.p/error_frame.c.o; do
    objects=$(dirname "$object")
done
others=$(ls "$objects"/*.o | grep -v -e '/error_frame\.c\.o$' -e '/runtime_group_group\.c\.o$')
grow() {
    for file in include/errgroup/group.h include/errgroup/frame.h frame.c; do
        grep -q later "$scratch/$file" || { echo "$file has no field more"; return 1; }
    done
    compile "-I$scratch/include" "-I$top/src" -DEGI_BUILD -c "$scratch/frame.c" -o "$scratch/frame.o" &&
        compile "-I$scratch/include" "-I$top/src" -DEGI_BUILD -c "$top/src/runtime/group/group.c" -o "$scratch/group.o"
}

grow >"$scratch/why" 2>&1
result $? 'the library compiles with a field more'
{ link "$scratch/older" "$top/include" && "$scratch/older"; } >"$scratch/why" 2>&1
result $? 'a program with the smaller structures is served, and nothing behind them is touched'
{ link "$scratch/newer" "$scratch/include" && "$scratch/newer"; } >"$scratch/why" 2>&1
result $? 'a program with the larger ones is, too'
exit $failed
