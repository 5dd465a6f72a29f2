#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_timeline.sh DIR [thorough]
#
# Traces as docs/examples/shared/trace.c writes them, by the program trace_runs, which is in DIR/../../test/examples; and
# the pictures that the example timeline, built in DIR, draws of these and of others. Prints TAP, a line for each behaviour.
set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
runs=$programs/../../test/examples/trace_runs
timeline=$programs/timeline

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
    [ "$(grep -c thread_name groups.json)" -ge 5 ]
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
    has strings.json '"name":"€ 😀 �� �� ��� ����"'
    has strings.json '..."'
    [ "$(awk '{ if (length > most) most = length } END { print most }' strings.json)" -lt 5000 ]
    is_json strings.json
}

no_part_of_a_trace_appears() {
    exits 1 "$runs" slow missing/trace.json >out 2>err
    has err 'missing/trace.json: No such file or directory'
    if [ -e /dev/full ]; then
        exits 1 "$runs" slow /dev/full >out 2>err
        has err '/dev/full: No space left on device'
    fi
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

#
# Pictures
#

is_xml() {
    if command -v xmllint >/dev/null; then
        xmllint --noout "$1"
    elif command -v python3 >/dev/null; then
        python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$1"
    else
        echo 'nothing here reads XML'
    fi
}

# draw [OPTION...] TRACE: the picture is in picture.svg, and what the marks in it are called in titles, a line each.
draw() {
    exits 0 "$timeline" "$@" >picture.svg 2>err
    is_empty err
    is_xml picture.svg
    tr '\n' ';' <picture.svg | grep -o '<title>[^<]*</title>' | sed 's/<[^>]*>//g' | tail -n +2 >titles
}

# trace_of EVENT...: a trace of them, in trace.json. `span LANE BEGIN END NAME` is one, in milliseconds.
trace_of() {
    printf '[' >trace.json
    printf '%s,\n' "$@" >>trace.json
    printf '{"ph":"M","name":"process_name","args":{"name":"p"}}]' >>trace.json
}

span() {
    echo "{\"ph\":\"X\",\"pid\":1,\"tid\":$1,\"ts\":${2}000,\"dur\":$(($3 - $2))000,\"name\":\"$4\"${5:-}}"
}

# path NAME...: the critical path is of these, in any order.
path() {
    sed -n 's/;.*;on the critical path$//p' titles | sort >found
    printf '%s\n' "$@" | sort | diff - found
    has picture.svg "critical path: $# span"
}

a_slow_job_is_the_critical_path() {
    trace slow
    draw slow.json
    path 'quick 1.0' 'quick 1.1' slow after
    has titles 'slow;200 ms, from 20.0 ms;on the critical path'
    has picture.svg '240 ms  ·  3 lanes  ·  17 spans  ·  1 failed  ·  critical path: 4 spans, 240 ms'
    # Its line goes along the lanes, and from one to another.
    [ "$(grep -c '<path class="path"' picture.svg)" -eq 2 ]
}

the_path_follows_what_ended_last() {
    # In another lane; and where the lane's own is as near, in that.
    trace_of "$(span 1 0 100 a)" "$(span 2 0 300 b)" "$(span 1 400 500 c)" "$(span 3 0 350 d)" "$(span 3 900 1000 e)" \
        "$(span 2 600 899 f)" "$(span 3 500 899 g)" "$(span 2 990 992 late)"
    draw trace.json
    path d c g e
    has picture.svg '<path class="wait"'
    trace_of "$(span 1 0 100 a)" "$(span 2 0 100 b)" "$(span 1 100 300 c)"
    draw trace.json
    path a c
    # What takes no time is no part of it, nor what lies within.
    trace_of "$(span 1 0 100 a)" "$(span 1 50 100 inner)" "$(span 2 100 100 nothing)" "$(span 1 100 200 b)" \
        "$(span 1 200 200 end)"
    draw trace.json
    path a b
}

spans_within_others_are_below_them() {
    trace_of "$(span 1 0 100 outer)" "$(span 1 10 90 middle)" "$(span 1 20 30 inner)" "$(span 1 90 100 beside)" \
        "$(span 1 100 200 after)"
    draw trace.json
    [ "$(grep -c '<rect class="lane"' picture.svg)" -eq 1 ]
    grep -o '<rect class="span[^>]*y="[0-9.]*"' picture.svg | sed 's/.*y="\([0-9.]*\)"/\1/' | sort -n | uniq -c |
        awk '{ print $1 }' | tr '\n' ' ' >rows
    has rows '2 2 1 '
    # A lane of many; and of spans that times with three digits have moved across each other.
    awk 'BEGIN { printf "["; for (i = 0; i < 100; i++)
        printf "{\"ph\":\"X\",\"tid\":1,\"ts\":%d,\"dur\":%d,\"name\":\"deep\"}\n,", i, 1000 - 2 * i
        for (i = 0; i < 100; i++)
        printf "{\"ph\":\"X\",\"tid\":2,\"ts\":%d,\"dur\":10.001,\"name\":\"flat\"}\n,", i * 10 }' >trace.json
    draw trace.json
    [ "$(grep '<rect class="lane"' picture.svg | sed 's/.*height="\([0-9.]*\)".*/\1/' | tr '\n' ' ')" = '320.00 20.00 ' ]
}

groups_of_threads_are_drawn() {
    for run in nested groups loop; do
        trace $run
        draw $run.json
        has picture.svg "$tasks spans"
        # Those that are drawn by themselves, and those of the bars, are all.
        sed -n -e 's/^\([0-9]*\) spans[;,].*/\1/p' -e 's/^trace_runs.c.*/1/p' titles |
            awk -v wanted="$tasks" '{ sum += $1 } END { if (sum != wanted) { print sum " drawn"; exit 1 } }'
    done
}

failures_and_moments_are_marked() {
    trace failures
    draw -w 20000 failures.json
    [ "$(grep -c 'class="span failed' picture.svg)" -eq "$errors" ]
    [ "$(grep -c 'class="cross" d="M[0-9. ]*l5' picture.svg)" -eq "$errors" ]
    [ "$(grep -c 'class="moment" d="M[0-9. ]*l4' picture.svg)" -eq 2 ]
    has titles ';failed: panic: panic 2'
    has picture.svg ' 12 failed'
    trace skipped
    draw skipped.json
    sed -n 's/^skipped: \([0-9]*\);.*/\1/p' titles |
        awk -v wanted="$skips" '{ sum += $1 } END { if (sum != wanted) { print sum " skipped"; exit 1 } }'
    # One of many that are drawn together.
    { echo '['; for i in 1 2 3 4 5 6 7 8 9; do echo "$(span 1 $i $i x),"; done; span 1 5 5 y ',"args":{"error":"E"}'
        echo ','; span 1 90000 90001 z; echo ']'; } >trace.json
    draw trace.json
    grep -q '^10 spans;.*;1 failed;failed: E$' titles || { cat titles; return 1; }
    grep -q 'class="cross" d="M[0-9. ]*l5' picture.svg
}

# marks MICROSECONDS FIRST SECOND: the first marks of the axis of a run of that length.
marks() {
    echo "[{\"ph\":\"X\",\"ts\":5,\"dur\":$1}]" >trace.json
    "$timeline" trace.json | awk -F '[<>]' -v first="$2" -v second="$3" '
        /<text class="mark" text-anchor="middle"/ { mark[n++] = $3; twice = twice || seen[$3]++ }
        END { if (mark[0] mark[1] mark[2] != 0 first second || twice || n < 6) {
            print mark[0] ", " mark[1] ", " mark[2] " of " n; exit 1 } }'
}

the_axis_has_round_marks() {
    marks 0.020 '2 ns' '4 ns'
    marks 999 '100 µs' '200 µs'
    marks 3500 '0.5 ms' '1.0 ms'
    marks 240000 '20 ms' '40 ms'
    marks 1000000 '0.1 s' '0.2 s'
    marks 130000000 '10 s' '20 s'
    marks 3600000000 '5 min' '10 min'
    marks 18000000000 '0:30 h' '1:00 h'
    marks 2600000000000 '5 d' '10 d'
    marks 2000000000000000 '2000 d' '4000 d'
    draw --from 0.000001 --to 0.0000011 trace.json
    has picture.svg '>1.02 µs<'
}

gaps_are_marked() {
    trace_of "$(span 1 0 100 a)" "$(span 1 300 1000 b)" "$(span 2 0 1000 c)" "$(span 3 500 600 d)"
    draw trace.json
    grep '^idle' titles | sort >found
    printf '%s\n' 'idle;200 ms, from 100 ms' 'idle;400 ms, from 600 ms' 'idle;500 ms, from 0 ns' | diff - found
    for busy in 80 100 10; do
        has picture.svg ">$busy%</text>"
    done
}

# As others write it.
every_form_is_read() {
    # No end, and a comma behind the last; what is not known; threads with names.
    cat >trace.json <<'END'
[
{"ph":"M","pid":"a","tid":"one","name":"thread_name","args":{"name":"first"}},
{"ph":"X","pid":"a","tid":"one","ts":1.5e3,"dur":"2000","name":"x","id":{"deep":[[],{},[{"a":[null,true,-1.5e-3]}]]}},
{"args":{},"name":"begun","ts":2000,"tid":"one","pid":"a","ph":"B","cat":"","tts":1},
{"name":"\u00e4\ud83d\ude00\ud800\"<&>\/","ph":"B","ts":2100,"pid":"a","tid":"one"},
{"ph":"E","ts":2200,"pid":"a","tid":"one","args":{"error":"lost"}},
{"ph":"E","ts":2300,"pid":"a","tid":"one"},
{"ph":"E","ts":2300,"pid":"a","tid":"one"},
{"ph":"b","ts":1,"id":1}, {"ph":"C","ts":1,"args":{"n":1}}, {"ph":"s"},
{"ph":"B","ts":3000,"pid":"b","tid":2,"name":"endless"},
{"ph":"M","pid":"b","name":"process_name","args":{"name":"second"}},
{"ph":"i","ts":4000,"pid":"b","tid":2,"name":"now","s":"g"},
END
    draw trace.json
    has titles 'x;2.00 ms, from 0 ns'
    has titles 'begun;300 µs, from 500 µs'
    has titles 'ä😀�&quot;&lt;&amp;&gt;/;100 µs, from 600 µs;failed: lost'
    has titles 'endless;1.00 ms, from 1.50 ms;its end is not in the trace'
    has titles 'now;0 ns, from 2.50 ms'
    has picture.svg '>a: first<'
    has picture.svg '>second: thread 2<'
    # An object, after the mark of UTF-8; read from standard input.
    { printf '\357\273\277{"otherData":{},"traceEvents":[' && span 1 1 2 only && echo '],"x":[]}'; } >trace.json
    draw - <trace.json
    draw <trace.json
    has titles 'only;1.00 ms, from 0 ns'
    # Times since 1970, to the nanosecond.
    echo '[{"ph":"X","ts":1700000000000000.123,"dur":0.001},{"ph":"X","ts":1700000000000000.999,"dur":1,"name":"n"}]' >trace.json
    draw trace.json
    has titles 'n;1.00 µs, from 876 ns'
    for empty in '[]' '{"traceEvents":[]}' '[' '[{"ph":"M","name":"process_name","args":{"name":"none"}}]'; do
        echo "$empty" >trace.json
        draw trace.json
        has picture.svg 'Nothing ran.'
    done
    # All at one moment.
    trace_of "$(span 1 5 5 moment)"
    draw trace.json
    has titles 'moment;0 ns, from 0 ns'
}

# wrong TEXT MESSAGE: it is no trace, and that is what is said.
wrong() {
    # shellcheck disable=SC2059
    printf "$1" >trace.json
    exits 1 "$timeline" trace.json >out 2>err
    is_empty out
    has err "timeline: trace.json:$2"
}

what_is_no_trace_is_told() {
    wrong '' '1: the file is empty'
    wrong '\n\n' '3: the file is empty'
    wrong 'hello' "1: no trace: it begins with neither '[' nor '{'"
    wrong '{}' '1: an object without "traceEvents"'
    wrong '{"traceEvents":[\n{"ph":"i","ts":1}\n' "3: ']' expected, and the file ends"
    wrong '[\n1\n]' "2: '{' expected, not '1'"
    wrong '[{"name":"x"}]' '1: an event without "ph"'
    wrong '[\n{"ph":"X"}]' '2: an event of phase X without "ts"'
    wrong '[{"ph":"X",\n"ts":"x"}]' "2: \"ts\" is no time in microseconds: 'x'"
    wrong '[{"ph":"X","ts":9e99}]' '1: "ts" is no time'
    wrong '[{"ph":"X","ts":99999999999999999999}]' '1: "ts" is no time'
    wrong '[{"ph":"X","ts":1.2.3}]' '1: "ts" is no time'
    wrong '[{"ph":"XX","ts":1}]' "1: \"ph\" is no letter: 'XX'"
    wrong '[{"ph":"i","ts":1,\n"a":tru}]' "2: 'tru' is no value"
    wrong '[{"ph":"i","ts":1 "a":1}]' "1: ',' expected, not '\"'"
    wrong '[{"ph":"i","ts":1,"a":"\nb"}]' '1: a string without an end'
    wrong '[{"ph":"i","ts":1,"a":"\\x"}]' '1: a backslash in a string'
    wrong '[{"ph":"i","ts":1,"a":"\\u12"}]' '1: \u without four digits'
    wrong '[{"ph":"i","ts":1}]\n\nx' '3: something follows the end of the trace'
    wrong '[{"ph":"i","ts":1},\n,]' "2: '{' expected, not ','"
    wrong '[\033]' "1: '{' expected, not the byte 0x1b"
    wrong "[{\"a\":$(printf '%0300d' 0 | tr 0 '[')" '1: objects and arrays more than 200 within each other'
    exits 1 "$timeline" -o picture trace.json 2>err
    [ ! -e picture ]
    [ "$(wc -l <err)" -eq 1 ]
    exits 1 "$timeline" missing 2>err
    has err 'timeline: missing: No such file or directory'
    exits 1 "$timeline" . 2>err
    has err 'timeline: .: Is a directory'
    printf '[{"ph":"%s"}]' "$controls" >trace.json
    exits 1 "$timeline" trace.json 2>err
    is_harmless err 'is no letter'
}

# It is whole until there, or not a trace; an array may end behind any event.
a_trace_may_be_cut_anywhere() {
    trace failures
    size=$(wc -c <failures.json)
    at=0
    while [ $at -lt "$size" ]; do
        head -c $at failures.json | exits 1 "$timeline" >out 2>err
        is_empty out
        at=$((at + 61))
    done
}

any_name_can_be_drawn() {
    trace strings
    draw -t "$(cat strings.json)" -w 300 strings.json
    draw strings.json
    printf '[{"ph":"X","ts":0,"dur":9,"name":"\\u0000\\u0001\\ufffe\\u202e%s"}]' "$controls" >trace.json
    draw trace.json
    has titles '␡'
    # In the middle of a character, where a name is cut.
    for length in 397 398 399; do
        { printf '[{"ph":"X","ts":0,"dur":9,"name":"%0*d' $length 0; printf 'ä😀€ä😀€"}]'; } >trace.json
        draw trace.json
        has_not titles '�'
    done
}

a_part_can_be_shown() {
    trace slow
    draw --from 0.025 --to 0.045 slow.json
    has titles 'quick 0.2;'
    has titles 'quick 2.4;'
    has titles 'slow;200 ms, from 20.0 ms;'
    has_not titles 'quick 0.1;'
    has_not titles 'quick 2.5;'
    has_not titles ' spans;'
    has picture.svg '>30 ms<'
    has picture.svg 'critical path: 4 spans, 240 ms'
    exits 1 "$timeline" --from 0.24 slow.json >out 2>err
    is_empty out
    has err 'timeline: the run is over by then: it took 0.24'
    draw --from 0.2 --to 1000 slow.json
}

# inside WIDTH: no rectangle or text begins or ends outside.
inside() {
    grep -o '<rect class="[a-z ]*" x="[-0-9.]*" y="[0-9.]*" width="[0-9.]*"' picture.svg | tr '"' ' ' |
        sed 's/.* x= \([-0-9.]*\) .* width= \([0-9.]*\) .*/\1 \2/' |
        awk -v width="$1" '$1 < 0 || $1 + $2 > width { print "outside: " $0; bad = 1 } END { exit bad }'
}

it_fits_any_width() {
    trace nested
    for width in 300 1200 20000; do
        draw -w $width nested.json
        has picture.svg "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"$width\""
        inside $width
    done
}

it_needs_nothing_else() {
    trace slow
    draw slow.json
    has picture.svg '@media (prefers-color-scheme:dark)'
    for word in '<script' 'href' 'onload' '@import' 'var('; do
        has_not picture.svg "$word"
    done
}

# many COUNT: spans of that number, in four lanes, in many.json.
many() {
    awk -v count="$1" 'BEGIN { print "["; for (i = 0; i < count; i++)
        printf "{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%d,\"dur\":7,\"name\":\"job %d\"},\n", i % 4, i * 2, i }' >many.json
}

many_spans_make_no_large_picture() {
    many 50000
    draw many.json
    has picture.svg '50000 spans'
    [ "$(wc -c <picture.svg)" -lt 500000 ]
    sed -n 's/^\([0-9]*\) spans[;,].*/\1/p' titles | awk '{ sum += $1 } END { exit sum != 50000 }'
    has titles '88% of it busy'
}

a_million_spans_take_little_memory() {
    many 1000000
    ! is_sanitized "$timeline" || skip 'a sanitizer needs more memory'
    # shellcheck disable=SC3045
    (ulimit -v 160000 && exits 0 "$timeline" -o picture.svg many.json)
    has picture.svg '1000000 spans'
    [ "$(wc -c <picture.svg)" -lt 500000 ]
}

# A picture comes whole or not at all, and what there is no memory for is said.
what_cannot_be_written_is_told() {
    trace slow
    if [ -e /dev/full ]; then
        exits 1 "$timeline" slow.json >/dev/full 2>err
        has err 'timeline: standard output: No space left on device'
        exits 1 "$timeline" -o /dev/full slow.json 2>err
        has err 'timeline: /dev/full: No space left on device'
    fi
    exits 1 "$timeline" -o missing/x slow.json 2>err
    has err 'timeline: missing/x: No such file or directory'
    exits 1 "$timeline" slow.json >&- 2>err
    has err 'timeline: standard output: Bad file descriptor'
    mkdir full
    (trap '' XFSZ && ulimit -f 2 && exits 1 "$timeline" -o full/x slow.json 2>err && has err 'File too large')
    [ "$(ls -A full)" = '' ]
    echo old >full/x
    exits 0 "$timeline" -o full/x slow.json
    is_xml full/x
}

shortage_is_told() {
    many 200000
    ! is_sanitized "$timeline" || skip 'a sanitizer needs more memory'
    for room in 6000 10000 15000 20000 25000; do
        got=0
        # shellcheck disable=SC3045
        (ulimit -v "$room" && exec "$timeline" many.json) >out 2>err || got=$?
        # Enough; or too little to load it.
        [ $got -ne 0 ] && [ $got -ne 127 ] || continue
        [ $got -eq 1 ]
        is_empty out
        has err 'timeline: many.json: Cannot allocate memory'
    done
}

a_wrong_command_line_is_refused() {
    refuses "$timeline" '-w 299' '-w x' '--from -1' '--from 2 --to 1' '--to 0' '-z' 'a b'
    exits 0 "$timeline" --help >out 2>err
    has out 'Usage: timeline'
    is_empty err
}

memcheck_finds_nothing() {
    need_memcheck "$timeline"
    for run in nested failures slow; do
        trace $run
        exits 0 $memcheck "$timeline" $run.json >out
    done
    head -c 2000 failures.json | exits 1 $memcheck "$timeline" >out 2>err
    [ "$(wc -l <err)" -eq 1 ]
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

[ -x "$runs" ] && [ -x "$timeline" ] || skip_all 'timeline is not built'

if [ "$part" = thorough ]; then
    check 'traces leave no memory' a_trace_leaks_nothing
    check 'the trace of a long run is whole' a_long_run_is_whole
    check 'timeline: memcheck finds no error and no leak' memcheck_finds_nothing
    check 'timeline: a trace may be cut anywhere' a_trace_may_be_cut_anywhere
    check 'timeline: a million spans take little memory' a_million_spans_take_little_memory
    check 'timeline: what there is no memory for is told' shortage_is_told
else
    check 'every task is in the trace once, in lanes with names' every_task_is_there_once
    check 'tasks of inner groups are there once, and lie within the outer ones' inner_groups_lie_within
    check 'groups that run at once have lanes of their own' groups_at_once_have_lanes_of_their_own
    check 'tasks that fail, panic or pass on an error are there once, with it' failures_are_there
    check 'skipped tasks are counted' skipped_tasks_are_counted
    check 'anything may be a name' anything_may_be_a_name
    check 'no part of a trace appears' no_part_of_a_trace_appears
    check 'a trace is written to what is no file' what_is_no_file_is_written_to
    check 'timeline: a slow job is the critical path' a_slow_job_is_the_critical_path
    check 'timeline: the path follows what ended last, in the same lane if that was just before' \
        the_path_follows_what_ended_last
    check 'timeline: spans within others are in rows below them' spans_within_others_are_below_them
    check 'timeline: all tasks of groups are drawn' groups_of_threads_are_drawn
    check 'timeline: failures and moments are marked' failures_and_moments_are_marked
    check 'timeline: the axis has round marks' the_axis_has_round_marks
    check 'timeline: gaps are marked, and how busy a lane was' gaps_are_marked
    check 'timeline: every form of the format is read' every_form_is_read
    check 'timeline: what is no trace is told with its line' what_is_no_trace_is_told
    check 'timeline: any name can be drawn' any_name_can_be_drawn
    check 'timeline: a part can be shown' a_part_can_be_shown
    check 'timeline: a picture fits any width' it_fits_any_width
    check 'timeline: a picture needs nothing else' it_needs_nothing_else
    check 'timeline: many spans make no large picture' many_spans_make_no_large_picture
    check 'timeline: what cannot be written is told' what_cannot_be_written_is_told
    check 'timeline: a wrong command line ends with status 2' a_wrong_command_line_is_refused
fi

finish
