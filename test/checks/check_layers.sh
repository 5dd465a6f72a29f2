#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A source file includes only what lies below it. The table is the order, lowest first; a file may include its own
# header and those of earlier lines. Files of one line may not include each other. Concurrency Kit comes in through
# one door each: ck_pr.h through atomic.h, ck_ring.h through ring.h.
#
#     sh test/checks/check_layers.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# A name stands for its .c and its .h.
cat >"$scratch/layers" <<'END'
os/compiler
os/affinity os/annotate os/atomic os/exception os/fpenv task/task os/text os/text_file trace/unwind/reader trace/unwind/build_id os/verify context/wheel
os/clock trace/libdw_memory trace/libdw_room
trace/libdw trace/elf fault/machine os/fence runtime/group/gate os/event os/process os/cpus os/status trace/unwind/cfi
os/identity trace/debuginfo
os/likeness
os/pause os/thread trace/unwind/rule
os/leave trace/unwind/cache trace/unwind/registered
task/guarded_call trace/unwind/module runtime/queue/segments runtime/queue/ring error/call_site context/timer
runtime/queue/overflow runtime/crew/pulse runtime/crew/request
trace/unwind/step
trace/unwind/walk fault/libc task/live
trace/trace
error/error trace/symbolize
trace/names
trace/text error/frame
runtime/crew/board context/context error/failures task/hook runtime/queue/queue error/print
task/panic runtime/crew/roster runtime/crew/notices
task/copy task/defer task/spawn fault/chain fault/altstack runtime/crew/growth runtime/crew/hire
fault/judge runtime/crew/watch
fault/handler
fault/mode
runtime/queue/claim runtime/crew/crew
context/callback context/caller context/derive context/wait context/signals runtime/group/state
runtime/group/bias runtime/group/schedule runtime/group/slots
runtime/group/worker
runtime/group/serve runtime/group/submit runtime/group/wait
runtime/member/look
runtime/member/dismiss runtime/member/member
runtime/group/group
library
END

number=0
failed=0
result() {
    number=$((number + 1))
    if [ -s "$scratch/why" ]; then
        echo "not ok $number - $1"
        sed 's/^/# /' "$scratch/why"
        failed=1
    else
        echo "ok $number - $1"
    fi
}

cd "$top/src" || exit 1
echo 1..4

find . -name '*.[ch]' | sed -e 's|^\./||' -e 's/\..$//' | sort -u >"$scratch/files"
tr ' ' '\n' <"$scratch/layers" | sort >"$scratch/listed"
comm -23 "$scratch/files" "$scratch/listed" | sed 's/$/ has no line in the table/' >"$scratch/why"
comm -13 "$scratch/files" "$scratch/listed" | sed 's/$/ is in the table and has no file/' >>"$scratch/why"
result "the table lists every source file and no other"

# shellcheck disable=SC2046 # several
awk 'NR == FNR { for (i = 1; i <= NF; i++) layer[$i] = FNR; next }
     FNR == 1 { name = FILENAME; sub(/^\.\//, "", name); sub(/\.[ch]$/, "", name) }
     /^#include "/ {
         split($0, part, "\"")
         target = part[2]
         sub(/\.[ch]$/, "", target)
         if (name != target && !(layer[target] < layer[name]))
             printf "%s:%d: includes %s, which is not below it\n", FILENAME, FNR, part[2]
     }' "$scratch/layers" $(find . -name '*.[ch]') | sed 's|^\./||' >"$scratch/why"
result "every include points down"

grep -rn '#include.*ck_pr\.h' . | grep -v '^\./os/atomic\.h:' >"$scratch/why"
result "only atomic.h includes ck_pr.h"
grep -rn '#include.*<ck_' . | grep -v -e '^\./os/atomic\.h:.*ck_pr\.h' -e '^\./runtime/queue/ring\.h:.*ck_ring\.h' \
    >"$scratch/why"
result "only ring.h includes ck_ring.h, and nothing else of Concurrency Kit comes in"
exit $failed
