#!/bin/sh
# SPDX-License-Identifier: MIT
#
# GNU make itself: three recipes under make -j4 run four tasks at once in all, and never more, and make, which counts its
# tokens when it ends and says if some are missing, misses none, however the tasks and the recipes end.
#
#     sh test_make.sh BUILD
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
job=$1/test/make_job
make --version 2>/dev/null | grep -q '^GNU Make' || skip_all 'no GNU make'
[ -x "$job" ] || skip_all 'no make_job'
unset MAKEFLAGS MFLAGS MAKELEVEL

cat >"$work/Makefile" <<'END'
all: one two three
one two three:
	+$(JOB) $(COUNT) 4 $(TASKS) $(END)
without_plus:
	$(JOB) $(COUNT) 1 1 return
END

# make [VARIABLE=VALUE...] TARGET
run_make() {
    rm -f "$work/count"
    timeout 100 make -f "$work/Makefile" -s "JOB=$job" "COUNT=$work/count" "$@" >"$work/why" 2>&1 ||
        echo "make ended with $?" >>"$work/why"
}

most() {
    od -An -td4 -j4 -N4 "$work/count" | tr -d ' '
}

for end in return panic exit; do
    tasks=12
    run_make -j4 TASKS=$tasks END=$end all
    [ "$(most)" = 4 ] || echo "at most $(most) ran at once" >>"$work/why"
    silent "three recipes have four places, and give all tokens back: $end"
done
run_make -j4 without_plus
grep -q 'EBADF\|descriptor' "$work/why" || echo 'not refused' >"$work/missing"
mv "$work/missing" "$work/why" 2>/dev/null || : >"$work/why"
silent "a recipe that make does not take for a make is refused"
finish
