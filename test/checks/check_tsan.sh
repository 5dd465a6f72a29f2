#!/bin/sh
# SPDX-License-Identifier: MIT
#
# That ThreadSanitizer sees what it is asked about: it is silent about the library's queue as it is, and reports it
# when a release or an acquire is taken out of it. Without this, silence would prove nothing.
#
#     sh test/checks/check_tsan.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
TSAN_OPTIONS="exitcode=66"
export TSAN_OPTIONS

# The end of what the program said.
ran() {
    tail -n 30 "$work/output" >"$work/why"
    report "$1" "$2"
}

# compile FOLDER: the program, with the queue in that copy of src/.
compile() {
    gcc -std=gnu11 -D_GNU_SOURCE -DEGI_BUILD -g -O1 -fsanitize=thread -pthread -I"$top/test/tsan" -I"$1" \
        -I"$top/include" "$top/test/tsan/queue_race.c" "$1"/os/*.c "$1"/runtime/queue/*.c -ldl \
        -o "$work/program" >"$work/output" 2>&1
}

# Its status, 66 with a report.
run() {
    "$work/program" >"$work/output" 2>&1
}

# planted TITLE FILES FROM TO: the race must be reported within some runs. Most take one; on a busy machine, where threads
# hardly ever run at the same time, it may be more.
planted() {
    rm -rf "$work/src"
    cp -r "$top/src" "$work/src"
    for file in $2; do
        sed "s/$3/$4/" "$top/src/$file" >"$work/src/$file"
        if cmp -s "$top/src/$file" "$work/src/$file"; then
            echo "the source has changed: $file has no $3" >"$work/output"
            ran "$1 is reported" 1
            return
        fi
    done
    status=1
    if compile "$work/src"; then
        for _ in $(seq 30); do
            run
            status=$?
            [ "$status" -ne 0 ] && break
        done
    fi
    [ "$status" -eq 66 ]
    ran "$1 is reported" $?
}

# Relaxed accesses reach ThreadSanitizer as such only when atomic.h asks for them.
grep -q CK_PR_ORDERED "$top/src/os/atomic.h" ||
    skip_all 'src/os/atomic.h gives relaxed accesses the plain names, which order in this build'

compile "$top/src" && run
ran "the queue as it is gives no report" $?
planted "a relaxed publication of the overflow" runtime/queue/overflow.h 'egi_store_release_u64(&overflow->published' \
    'egi_store_relaxed_u64(\&overflow->published'
planted "a relaxed look at the overflow" "runtime/queue/overflow.h runtime/queue/queue.h" 'egi_load_acquire_u64(&\([a-z>-]*overflow[.>-]*published\)' \
    'egi_load_relaxed_u64(\&\1'
finish
