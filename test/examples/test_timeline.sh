#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_timeline.sh DIR [thorough]
#
# Traces as ../../docs/examples/shared/trace.c writes them, by the program trace_runs, which is in DIR/../../test/examples.
# Prints TAP, a line for each behaviour.
set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
runs=$programs/../../test/examples/trace_runs

#
# Traces
#

# trace RUN: the run's trace is in RUN.json, and what has to be in it in $tasks, $errors and $skips.
trace() {
    rm -f "$1.json"
    exits 0 "$runs" "$1" "$1.json" >told 2>err
    is_empty err
    # shellcheck disable=SC2034
    read -r tasks errors skips <told
}

# events RUN PHASE: so many events of that kind are in the trace. Each is a line of its own.
events() {
    grep -c "^{\"ph\":\"$2\"," "$1.json" || :
}

is_json() {
    command -v python3 >/dev/null || skip 'python3 is not installed'
    python3 -m json.tool "$1" >/dev/null
}

# Which tasks are in it, as names that are there once each.
has_each_once() {
    trace "$1"
    [ "$(events "$1" X)" -eq "$tasks" ]
    [ "$(grep '"ph":"X"' "$1.json" | grep -c '"error":' || :)" -eq "$errors" ]
    grep -o '"name":"trace_runs.c:[0-9]* #[0-9]*","ts":[-0-9.]*' "$1.json" | sort | uniq -d >twice
    is_empty twice
}

every_task_is_there_once() {
    has_each_once loop
    [ "$(grep -o '"name":"trace_runs.c:[0-9]* #[0-9]*"' loop.json | sort -u | wc -l)" -eq 1000 ]
    # As many lanes as slots at most, and each has its name.
    [ "$(grep -c thread_name loop.json)" -le 3 ]
    has loop.json '"name":"slot '
    has loop.json '"args":{"name":"trace_runs"}'
}

# nests FILE: spans of a lane lie within each other or apart.
nests() {
    sed -n 's/.*"ph":"X".*"tid":\([0-9]*\),.*"ts":\([-0-9.]*\),"dur":\([0-9.]*\).*/\1 \2 \3/p' "$1" |
        awk '{ printf "%d %.0f %.0f\n", $1, $2 * 1000, ($2 + $3) * 1000 }' | sort -k 1,1n -k 2,2n -k 3,3nr |
        awk '$1 != lane { lane = $1; depth = 0 }
             { while (depth > 0 && ends[depth] <= $2) depth--
               if (depth > 0 && $3 > ends[depth]) { print "lies across: " $0; bad = 1 }
               ends[++depth] = $3; if (depth > deepest) deepest = depth }
             END { print "deepest " deepest >"deepest"; exit bad }'
}

inner_groups_lie_within() {
    has_each_once nested
    nests nested.json
    has deepest 'deepest 3'
}

groups_at_once_have_lanes_of_their_own() {
    has_each_once groups
    nests groups.json
    has deepest 'deepest 1'
    [ "$(grep -c thread_name groups.json)" -eq 5 ]
}

failures_are_there() {
    has_each_once failures
    is_json failures.json
    has failures.json '"code":-5,"error":"Input/output error"'
    has failures.json '"error":"panic: panic 2"'
    # What the group was given from outside belongs to no task.
    [ "$(events failures i)" -eq 2 ]
    has failures.json '"error":"from outside: No space left on device"'
}

skipped_tasks_are_counted() {
    has_each_once skipped
    grep '"name":"skipped"' skipped.json | sed 's/.*"count":\([0-9]*\).*/\1/' |
        awk -v wanted="$skips" '{ sum += $1 } END { if (sum != wanted) { print sum " skipped"; exit 1 } }'
}

anything_may_be_a_name() {
    trace strings
    [ "$(events strings X)" -eq "$tasks" ]
    has strings.json '\u0001\u0002'
    has strings.json '\u001f !\"#'
    has strings.json '€ 😀'
    has strings.json '..."'
    [ "$(awk '{ if (length > most) most = length } END { print most }' strings.json)" -lt 5000 ]
    is_json strings.json
}

no_part_of_a_trace_appears() {
    exits 1 "$runs" slow missing/trace.json >out 2>err
    has err 'missing/trace.json: No such file or directory'
    [ ! -e /dev/full ] || { exits 1 "$runs" slow /dev/full >out 2>err && has err 'No space left'; }
    mkdir small
    # More than the limit: the signal is ignored, and writing fails.
    (trap '' XFSZ && ulimit -f 100 && exits 1 "$runs" loop small/trace.json >out 2>err && [ "$(ls -A small)" = '' ] &&
        has err 'small/trace.json: File too large')
}

what_is_no_file_is_written_to() {
    mkfifo pipe
    cat pipe >copy &
    exits 0 "$runs" slow pipe >out 2>err
    wait $!
    [ -p pipe ]
    [ "$(grep -c '"ph":"X"' copy)" -eq 17 ]
    echo old >target
    ln -s target link
    exits 0 "$runs" slow link >out
    [ -h link ]
    cmp copy target >out || [ "$(grep -c '"ph":"X"' target)" -eq 17 ]
    has_not target old
}

a_trace_leaks_nothing() {
    need_memcheck "$runs"
    for run in failures strings; do
        exits 0 $memcheck "$runs" $run $run.json >out
    done
}

a_long_run_is_whole() {
    rm -f storm.json
    exits 0 "$runs" storm storm.json >told 2>err
    [ "$(events storm X)" -eq 60000 ]
    command -v python3 >/dev/null || skip 'python3 is not installed'
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' storm.json
}

#
# The run
#

[ -x "$runs" ] || skip_all 'trace_runs is not built'

if [ "$part" = thorough ]; then
    check 'traces leave no memory' a_trace_leaks_nothing
    check 'the trace of a long run is whole' a_long_run_is_whole
else
    check 'every task is in the trace once, in lanes with names' every_task_is_there_once
    check 'tasks of inner groups are there once, and lie within the outer ones' inner_groups_lie_within
    check 'groups that run at once have lanes of their own' groups_at_once_have_lanes_of_their_own
    check 'tasks that fail, panic or pass on an error are there once, with it' failures_are_there
    check 'skipped tasks are counted' skipped_tasks_are_counted
    check 'anything may be a name' anything_may_be_a_name
    check 'no part of a trace appears' no_part_of_a_trace_appears
    check 'a trace is written to what is no file' what_is_no_file_is_written_to
fi

finish
