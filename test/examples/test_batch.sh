#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_batch.sh DIR [thorough]
#
# Runs the example batch built in DIR and prints TAP, a line for each behaviour.
#
# Jobs that have to meet do so at FIFOs, or wait for files to appear.

set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
batch=$programs/batch
newline='
'

# only PATTERN FILE: every line is one of these.
only() {
    ! grep -vx -- "$1" "$2"
}

# is_gone PID: there is no such process, or only its exit status.
is_gone() {
    state=$(sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null) || return 0
    [ "$state" = Z ] || [ -z "$state" ]
}

#
# Inputs
#

inputs_are_words_or_lines() {
    exits 0 "$batch" -k echo ::: a 'b  c' '' -n '*' >out 2>err
    said out a 'b  c' '' '-n' '*' || said out a 'b  c' '' '*'
    is_empty err
    printf 'one\n\n two \\ "\nlast' | "$batch" -k printf '<%s>\n' >out
    said out '<one>' '<>' '< two \ ">' '<last>'
    printf 'a\nb\0c\0' | "$batch" -0k printf '<%s>\n' >out
    said out "<a${newline}b>" '<c>'
    "$batch" echo ::: >out
    is_empty out
    exits 0 "$batch" false </dev/null
}

several_inputs_make_a_job() {
    seq 5 | "$batch" -k -n 2 echo {#}: >out
    said out '1:' '2:' '3:'
    seq 5 | "$batch" -k -n 2 echo >out
    said out '1 2' '3 4' '5'
    "$batch" -k -n 3 echo {} -o{}.o {#} ::: a b c d >out
    said out 'a b c -oa.o -ob.o -oc.o 1' 'd -od.o 2'
}

what_cannot_be_an_argument_is_refused() {
    printf 'a\nb\0c\nd\n' | exits 1 "$batch" -k echo >out 2>err
    said out a
    has err 'batch: input 2: has a NUL'
    head -c 200000 /dev/zero | tr '\0' x | exits 1 "$batch" echo >out 2>err
    is_empty out
    has err 'batch: input 1: longer than an argument can be'
    exits 1 "$batch" echo <&- >out 2>err
    has err 'batch: input 1: Bad file descriptor'
    exits 1 "$batch" echo </ >out 2>err
    has err 'Is a directory'
}

# The second line is not there before the first job has run.
a_job_starts_when_its_input_is_there() {
    mkfifo lines
    (
        exec >lines
        echo a
        until [ -e made-a ]; do :; done
        echo b
    ) &
    exits 0 "$batch" -j 1 touch made-{} <lines
    wait $!
    [ -e made-b ]
}

#
# Commands
#

placeholders_stand_for_parts_of_inputs() {
    "$batch" -k printf '<%s|%s|%s|%s|%s>\n' {} {.} {/} {//} {/.} ::: \
        a/b.c/d.tar.gz plain /x .hidden dir.d/name a/b/ >out
    said out '<a/b.c/d.tar.gz|a/b.c/d.tar|d.tar.gz|a/b.c|d.tar>' '<plain|plain|plain|.|plain>' '</x|/x|x|/|x>' \
        '<.hidden|.hidden|.hidden|.|.hidden>' '<dir.d/name|dir.d/name|name|dir.d|name>' '<a/b/|a/b/|b|a|b>'
    "$batch" -k -j 1 echo {#}-{%} {x} {{}} ::: a b >out
    said out '1-1 {x} {a}' '2-1 {x} {b}'
}

lines_for_a_shell_have_their_inputs_quoted() {
    set -- "it's" 'a  b' '$(touch bad) `touch bad`' '"\' '*' '' "two${newline}lines" '; touch bad'
    for input; do printf '<%s>\n' "$input"; done >wanted
    "$batch" -k 'printf "<%s>\n" {}' ::: "$@" >out
    cmp out wanted
    "$batch" -k 'printf "<%s>\n"' ::: "$@" >out
    cmp out wanted
    "$batch" -k -n 100 'printf "<%s>\n" {} && true' ::: "$@" >out
    cmp out wanted
    "$batch" -k printf '<%s>\n' ::: "$@" >out
    cmp out wanted
    [ ! -e bad ]
}

dry_runs_print_what_would_run() {
    exits 0 "$batch" -n 2 --dry-run rm -- {} '$x' ::: a "b'c" 'd e' >out
    said out "rm -- a 'b'\\''c' '\$x'" "rm -- 'd e' '\$x'"
    "$batch" --dry-run 'rm {} | wc' ::: 'd e' >out
    said out "rm 'd e' | wc"
}

jobs_have_no_input_and_keep_descriptors() {
    echo input | "$batch" 'cat; cat <&3; : {}' 3<"$top/LICENSE" >out
    cmp out "$top/LICENSE"
}

#
# Several at a time
#

# Each needs the other.
so_many_jobs_run_at_once() {
    mkfifo meet
    "$batch" -j 2 ::: -- 2>err || :
    exits 0 "$batch" -j 2 'case {} in a) echo hello >meet ;; b) cat meet ;; esac' ::: a b >out
    said out hello
}

# Two that have the same slot would meet in its folder.
no_more_run_and_each_has_a_slot() {
    seq 40 | exits 0 "$batch" -j 3 'mkdir in{%} && echo {%} && rmdir in{%}' >out
    [ "$(wc -l <out)" -eq 40 ]
    only '[123]' out
    seq 20 | exits 0 "$batch" -j auto 'mkdir in{%} && echo {} && rmdir in{%}' >out
    seq 20 | same_lines - out
    exits 0 "$batch" -j 0 true ::: a b c
}

# A makefile's recipes share its two places. What is broken leaves one.
make_says_how_many() {
    command -v make >/dev/null || skip 'make is not installed'
    unset MAKEFLAGS MAKELEVEL
    printf 'all: a b\na b:\n\t+@seq 10 | %s %s\n' "$batch" "'mkdir in-\$@-{%} && echo \$@ {%} && rmdir in-\$@-{%}'" >makefile
    exits 0 make -s -j 2 >out
    [ "$(wc -l <out)" -eq 20 ]
    only '[ab] [12]' out
    MAKEFLAGS='-j --jobserver-auth=77,78' exits 0 "$batch" echo {%} ::: a b c >out 2>err
    said out 1 1 1
    has err "make's jobserver cannot be used"
}

# The first job waits until the third is gone; and then for what the others print, which is there before it ends.
output_is_in_order_if_wanted() {
    exits 0 "$batch" -k -j 3 'case {} in 1) until [ -s third ] && ! kill -0 "$(cat third)"; do :; done 2>gone ;; 3) echo $$ >third ;; esac; echo {}' ::: 1 2 3 >out
    said out 1 2 3
    exits 0 "$batch" -j 3 'case {} in 1) until grep -q 2 out && grep -q 3 out; do :; done ;; esac; echo {}' ::: 1 2 3 >out
    [ "$(tail -n 1 out)" = 1 ]
    seq 3 | same_lines - out
}

#
# Output
#

# Lines and a large piece of each, in two streams. What is larger than some KiB is in a file meanwhile.
output_is_never_mixed() {
    mkdir tmp
    for size in 10 300000; do
        seq 12 | TMPDIR=$PWD/tmp exits 0 "$batch" -j 4 \
            "echo begin {}; head -c $size /dev/zero | tr '\\0' x; echo; echo err {} >&2; echo end {}; echo also {} >&2" >out 2>err
        awk -v size=$size '
            NR % 3 == 1 { job = $2; if ($1 != "begin") exit 1 }
            NR % 3 == 2 && length($0) != size { exit 1 }
            NR % 3 == 0 && $0 != "end " job { exit 1 }
            END { if (NR != 36) exit 1 }' out || { echo "mixed at $size"; cut -c 1-20 out; return 1; }
        awk 'NR % 2 == 1 { job = $2 } NR % 2 == 0 && $0 != "also " job { exit 1 } END { if (NR != 24) exit 1 }' err
        find tmp -type f >left
        is_empty left
    done
}

# The parent of the job is batch.
memory_is_bounded() {
    "$batch" 'head -c 64M /dev/zero; grep VmHWM "/proc/$PPID/status" >&2; : {}' ::: a 2>err | wc -c >out
    said out 67108864
    is_sanitized "$batch" || awk '$2 > 32768 { print "memory: " $0; exit 1 }' err
}

streams_may_be_opened_by_name() {
    exits 0 "$batch" 'echo a; echo b >/dev/stdout; echo c; echo d >&2; echo e >/dev/stderr; echo f >&2; : {}' ::: x >out 2>err
    said out a b c
    said err d e f
}

# What is left running has no say in when the job is over.
what_jobs_leave_running_is_left_alone() {
    exits 0 "$batch" -j 1 'sleep 1000 & echo $!; : {}' ::: a b >out
    while read -r pid; do
        exits 1 is_gone "$pid"
        kill "$pid"
    done <out
}

lost_output_is_a_failure() {
    printf abc | TMPDIR=$PWD/nowhere exits 1 "$batch" 'head -c 1000000 /dev/zero; exit 0; : {}' >out 2>err
    has err 'its output is lost from here on: No such file or directory'
    printf abc | TMPDIR=$PWD/nowhere exits 0 "$batch" 'head -c 10000 /dev/zero; : {}' >out 2>err
    [ "$(wc -c <out)" -eq 10000 ]
}

closed_and_full_outputs_end_the_run() {
    { got=0; seq 1000 | "$batch" echo 2>err || got=$?; echo $got >status; } | head -n 1 >out
    said status 141
    is_empty err
    [ -c /dev/full ] || skip 'no /dev/full'
    seq 1000 | exits 1 "$batch" echo >/dev/full 2>err
    has err 'batch: standard output: No space left on device'
    has err 'the rest not started'
}

#
# Taken up again
#

# What is in a command does not end its line.
the_log_has_a_line_for_each_job() {
    exits 125 "$batch" --joblog log --halt never -k 'echo out; eval {}' ::: 'exit 0' 'exit 3' 'kill -9 $$' >out 2>err
    head -n 1 log | cut -f 1,9 >out
    said out 'Seq	Command'
    fields 1,2,5-9 log >out
    said out "1	:	0	4	0	0	echo out; eval 'exit 0'" "2	:	0	4	3	0	echo out; eval 'exit 3'" \
        "3	:	0	4	-1	9	echo out; eval 'kill -9 \$\$'"
    exits 127 "$batch" --joblog log none ::: "a	b${newline}c\\d" 2>err
    fields 7-9 log >out
    said out "-1	0	none 'a\\tb\\nc\\\\d'"
}

only_what_is_missing_is_run_again() {
    exits 123 "$batch" --joblog log --halt never 'echo {}; exit {}' ::: 0 1 0 2 >out 2>err
    exits 123 "$batch" --joblog log --halt never --resume -k 'echo {}; exit {}' ::: 0 1 0 2 0 >out 2>err
    said out 1 2 0
    # Another command of that number is another job.
    exits 0 "$batch" --joblog log --resume -k 'echo {}; exit {}' ::: 0 0 00 >out
    said out 0 00
    "$batch" --joblog log --resume --dry-run 'echo {}; exit {}' ::: 0 0 0 5 >out
    said out 'echo 5; exit 5'
    # Without --resume it is begun anew.
    exits 0 "$batch" --joblog log true ::: a
    [ "$(wc -l <log)" -eq 2 ]
    exits 0 "$batch" --joblog log -k echo {%} {} ::: a b >out
    exits 0 "$batch" --joblog log --resume -k echo {%} {} ::: a b >out
    is_empty out
}

a_log_is_whole_or_refused() {
    "$batch" --joblog log true ::: a b
    printf '3\t:\t1.0' >>log
    exits 0 "$batch" --joblog log --resume true ::: a b c
    fields 1,9 log | sort >out
    said out '1	true a' '2	true b' '3	true c'
    # It may look like a job that is done.
    printf '4\t:\t1.0\t1.0\t0\t0\t0\t0\ttrue d' >>log
    exits 0 "$batch" --joblog log --resume --dry-run true ::: a b c d >out
    said out 'true d'
    printf 'Seq\tHo' >log
    exits 0 "$batch" --joblog log --resume true ::: a
    [ "$(wc -l <log)" -eq 2 ]
    for content in "precious$newline" precious; do
        printf %s "$content" >file
        exits 2 "$batch" --joblog file echo ::: a >out 2>err
        has err 'batch: file: is no log of jobs'
        printf %s "$content" | cmp - file
        is_empty out
    done
    mkfifo fifo-log
    exits 2 "$batch" --joblog fifo-log echo ::: a 2>err
    exits 1 "$batch" --joblog none/log echo ::: a 2>err
    exits 2 "$batch" --resume echo ::: a 2>err
    exits 123 "$batch" --joblog log "'$batch' --joblog log true ::: {}" ::: a 2>err
    has err 'batch: log: is in use by another run'
}

# A line that does not fit is not there at all, and its job is run again.
a_full_disk_leaves_no_part_of_a_line() {
    rm -f log
    (
        ulimit -f 1
        trap '' XFSZ
        seq 100 | exits 1 "$batch" --joblog log -j 1 true 2>err
        has err 'batch: the log of jobs: '
    )
    [ -z "$(tail -c 1 log | tr -d '\n')" ]
    fields 9 log | sed 's/true //' >before
    [ -s before ]
    [ "$(wc -l <before)" -lt 100 ]
    seq 100 | exits 0 "$batch" --joblog log --resume --dry-run true | sed 's/true //' >after
    seq 100 >all
    sort -n before after | cmp - all
}

failures_are_tried_again() {
    exits 0 "$batch" --retries 2 'echo {} >>tries; wc -l <tries; [ "$(wc -l <tries)" -eq 3 ]' ::: a >out 2>err
    said out 3
    is_empty err
    : >tries
    exits 123 "$batch" --joblog log --retries 2 'echo {} >>tries; exit 7' ::: a 2>err
    said tries a a a
    said err 'batch: job 1: echo a >>tries; exit 7: exit status 7'
    [ "$(wc -l <log)" -eq 2 ]
    exits 127 "$batch" --retries 1000000 none ::: a 2>err
}

# It and what it has started end; and what it has printed is printed.
what_takes_too_long_is_ended() {
    exits 125 "$batch" --joblog log --halt never -k -j 2 --timeout 0.5 'echo {}; sleep 1000 & echo $!; wait; exit 0' ::: 1 2 >out 2>err
    has err 'ended after 0.5 seconds'
    for pid in $(sed -n '2p; 4p' out); do
        until is_gone "$pid"; do :; done
    done
    [ "$(wc -l <out)" -eq 4 ]
    fields 7,8 log >out
    said out '-1	15' '-1	15'
    exits 0 "$batch" --timeout 1000 true ::: a
}

# What is printed without end is in a file that nobody sees, and that is gone.
endless_output_is_ended() {
    mkdir disk
    TMPDIR=$PWD/disk "$batch" --timeout 0.2 yes ::: a 2>err | head -n 3 >out
    said out a a a
    has err 'ended after 0.2 seconds'
    find disk -type f >left
    is_empty left
}

#
# Seen and held back
#

# The last waits until the bar has been drawn with it.
the_bar_is_for_terminals() {
    has_terminals || skip 'script is not installed'
    TERM=vt100 on_a_terminal "'$batch' --bar -j 2 'until [ {} -eq 1 ] || grep -qa \"#[2] until\" screen; do :; done; echo out {}' ::: 1 2"
    grep -qa '1/2  [0-9.]*/s  ETA [0-9:]*  [0-9:]* #2 until' screen
    grep -qa '^out 1' screen
    exits 0 "$batch" --bar true ::: a 2>err
    is_empty err
}

# There is never so much memory, nor so little load. What waits ends when it is told to.
jobs_wait_for_the_machine() {
    resets_signals || skip 'env cannot reset signals'
    exits 0 "$batch" --memfree 1k --load 1e6 -k echo ::: a b >out
    said out a b
    [ -r /proc/meminfo ] || skip 'no /proc/meminfo'
    interruptible pid "$batch" -j 2 --memfree 100000T touch ::: started started >out 2>err &
    until grep -q 'State:.S' "/proc/$(cat pid)/status" && [ "$(cat "/proc/$(cat pid)/comm")" = batch ]; do kill -0 $!; done 2>/dev/null
    kill -s TERM "$(cat pid)"
    exits 143 wait $!
    has err 'batch: stopped by SIGTERM: 0 jobs done, 0 failed, 0 ended, the rest not started'
    [ ! -e started ]
}

a_trace_has_every_job() {
    exits 123 "$batch" -j 2 --halt never --trace run.json 'exit {}' ::: 0 1 0 2>err
    [ "$(grep -c '"name":"exit 0"' run.json)" -eq 2 ]
    [ "$(grep -c '"name":"exit 1".*"error":"exit status 1"' run.json)" -eq 1 ]
    if command -v python3 >/dev/null; then
        python3 -m json.tool run.json >out
    fi
    if [ -x "$programs/timeline" ]; then
        "$programs/timeline" run.json >run.svg
        has run.svg 'exit 1'
    fi
    exits 1 "$batch" --trace none/run.json touch ::: ran 2>err
    has err 'batch: none/run.json: No such file or directory'
    [ ! -e ran ]
}

#
# What goes wrong
#

the_first_failure_ends_the_others() {
    rm -f pid
    exits 123 "$batch" -j 2 'case {} in a) until [ -s pid ]; do :; done; exit 3 ;; *) echo $$ >pid; exec sleep 1000 ;; esac' ::: a b c d >out 2>err
    has err 'exit status 3'
    has err 'batch: 0 jobs done, 1 failed, 1 ended, the rest not started'
    is_gone "$(cat pid)"
}

halting_soon_lets_them_end() {
    mkfifo gate
    exits 123 "$batch" --halt soon -j 2 'case {} in a) read -r x <gate; exit 3 ;; b) echo go >gate; echo b ;; *) echo {} ;; esac' ::: a b >out 2>err
    said out b
    exits 123 "$batch" --halt soon -j 1 'echo {}; exit {}' ::: 0 1 0 0 >out 2>err
    said out 0 1
    has err 'batch: job 2: echo 1; exit 1: exit status 1'
    has err 'batch: 1 jobs done, 1 failed, 0 ended, the rest not started'
}

without_halting_all_run() {
    exits 123 "$batch" --halt never -k 'echo {}; exit {}' ::: 1 0 2 0 >out 2>err
    said out 1 0 2 0
    said err 'batch: job 1: echo 1; exit 1: exit status 1' 'batch: job 3: echo 2; exit 2: exit status 2'
}

exit_statuses_are_those_of_xargs() {
    printf 'exit 3\n' >script
    for case in '0 true' '123 false' '123 exit 1; true' '123 exit 125; true' '123 exit 126; true' '124 exit 255; true' \
        '125 kill -9 $$; true' '125 kill -s TERM $$; true' '126 /' '126 ./script' '126 script/none' '127 ./none' '127 none' '127 none/none'; do
        exits "${case%% *}" "$batch" --halt never "${case#* }" ::: a >out 2>err
    done
    exits 127 "$batch" --halt never {} ::: false none true 2>err
    exits 125 "$batch" --halt never 'exit {}; kill -9 $$' ::: 0 1 255 2>err && return 1
    exits 124 "$batch" --halt never 'exit {}; true' ::: 0 1 255 2 2>err
    exits 126 "$batch" --halt never -n 100000 true <<-END 2>err
		$(seq 100000 | sed 's/^/a-rather-long-word-of-which-there-are-many-a-rather-long-word-of-which-there-are-many-/')
	END
    has err 'Argument list too long'
}

# alike INPUT STATUS COMMAND...: xargs and batch make the same of it. The words are after `xargs -r -d '\n'` and `batch -k`.
alike() {
    input=$1
    status=$2
    shift 2
    printf "$input" | exits "$status" xargs -r -d '\n' "$@" >wanted 2>err
    [ "$1" != -I ] || shift 2
    printf "$input" | exits "$status" "$batch" -k --halt never "$@" >out 2>err
    cmp wanted out
}

what_xargs_does_is_done() {
    xargs --version 2>/dev/null | grep -q GNU || skip 'xargs is not that of GNU'
    printf 'exit 0\n' >no-program
    alike 'a\nb c\n\n"d\\\\ e\n' 0 -n 1 printf '<%%s>\n'
    alike 'a\nb\nc' 0 -n 2 echo x
    alike 'a\nb\n' 0 -I {} echo 'x{}y' {} {}z
    alike '-n\n--\n*\n$HOME\n' 0 -n 1 printf '[%%s]'
    alike '' 0 -n 1 false
    alike '1\n0\n125\n' 123 -n 1 sh -c 'echo "$0"; exit "$0"'
    alike '126\n127\n' 123 -n 1 sh -c 'exit "$0"'
    alike '255\n' 124 -n 1 sh -c 'exit "$0"'
    alike 'KILL\n' 125 -n 1 sh -c 'kill -s "$0" $$'
    alike 'TERM\n' 125 -n 1 sh -c 'kill -s "$0" $$'
    alike 'a\n' 126 -n 1 ./no-program
    alike 'a\n' 126 -n 1 /
    alike 'a\n' 127 -n 1 ./missing
    printf 'echo "$0" "$@"; exit 3\n' >script
    chmod +x script
    alike 'a b\n' 123 -n 1 ./script
    PATH=$PWD:$PATH alike 'a b\n' 123 -n 1 script
    alike 'a\n' 127 -n 1 missing
    printf 'a\nb\0c\0' >nul
    xargs -0 -n 1 printf '<%s>' <nul >wanted
    "$batch" -0k printf '<%s>' <nul >out
    cmp wanted out
}

command_lines_are_checked() {
    refuses "$batch" '' '::: a' '-j' '-j -1 true' '-j 1x true' '-j 5000 true' '-n 0 true' '--halt later true' '--retries -1 true' \
        '--timeout 0 true' '--load -1 true' '--memfree x true' '--memfree 5X true' '--memfree 5MB true' '--none true' 'true ::: a ::: b' 'true :::: file' 'true :::+ a' '-n 1'
    exits 0 "$batch" --help >out
    has out 'Usage: batch'
    exits 0 "$batch" -k echo --help -n ::: a >out
    said out '--help -n a'
}

# The page, and the completions of the shells.
every_option_is_written_down() {
    "$batch" --help | grep -o -- '--[a-z][a-z-]*' | sort -u >options
    for file in docs/man/batch.1.scd docs/completions/batch.bash docs/completions/_batch; do
        while read -r option; do
            has "$top/$file" "$option"
        done <options
    done
    command -v bash >/dev/null || skip 'no bash'
    bash -c '. "$1"; COMP_WORDS=(batch -kj 4 --halt n) COMP_CWORD=4; _batch; echo "${COMPREPLY[@]}"' bash "$top/docs/completions/batch.bash" >out
    said out 'now never'
}

# The group of the job's, of which its own child is one, is ended; what ignores SIGTERM is killed.
signals_end_everything() {
    resets_signals || skip 'env cannot reset signals'
    for signal in TERM INT HUP; do
        rm -f child1 child2 child3 pid
        interruptible pid "$batch" -j 2 'sleep 1000 & echo out; echo $! >half{}; mv half{} child{}; wait' ::: 1 2 3 >out 2>err &
        until [ -e child1 ] && [ -e child2 ]; do kill -0 $!; done
        kill -s $signal "$(cat pid)"
        case $signal in TERM) status=143 ;; INT) status=130 ;; HUP) status=129 ;; esac
        exits $status wait $!
        has err "batch: stopped by SIG$signal: 0 jobs done, 0 failed, 2 ended, the rest not started"
        said out out out
        for i in 1 2; do
            until is_gone "$(cat child$i)"; do :; done
            rm child$i
        done
    done
}

# Standard output is a pipe that nobody reads. What was not printed is not in the log.
a_blocked_output_can_be_interrupted() {
    resets_signals || skip 'env cannot reset signals'
    mkfifo blocked
    sleep 1000 <blocked &
    reader=$!
    interruptible pid "$batch" --joblog log -j 1 'head -c 200000 /dev/zero; : >printed; : {}' ::: 1 2 >blocked 2>err &
    until [ -e printed ]; do kill -0 $!; done
    kill -s TERM "$(cat pid)"
    exits 143 wait $!
    kill $reader
    fields 1 log >out
    is_empty out
}

#
# Ended at random moments
#
# Forty inputs, of which the seventh of every ten lasts until it is ended, with a child of its own; and of which every third
# is long, so that the lines of the log that it makes are parts of several pages. Whatever belongs to a run has a variable
# in its environment that says so, and another one with the input.
#
# A moment is when the log has so many lines, which are fewer than there will be before all places are taken by jobs that
# last; or some time after the start. They are drawn anew each time, or from $ERRGROUP_TEST_SEED.
#

seed=${ERRGROUP_TEST_SEED:-$(awk 'BEGIN { srand(); print srand() }')}

prepare_moments() {
    [ -r "/proc/$$/environ" ] || skip 'no /proc'
    resets_signals || skip 'env cannot reset signals'
    awk 'BEGIN {
        for (i = 0; i < 2000; i++) long = long "-"
        for (i = 1; i <= 40; i++) print i (i % 3 == 0 ? long : "")
    }' >inputs
    sed 's/-.*//' inputs >numbers
    cat >job <<'END'
#!/bin/sh
number=${INPUT%%-*}
echo "$number begins"
echo "$number complains" >&2
case $LASTS$number in yes*7) sleep 100 & wait ;; esac
echo "$number ends"
END
    chmod +x job
    moment=none
    trap 'moments_end $?' EXIT
}

# What a failure leaves behind is ended here, too.
moments_end() {
    [ "$1" -eq 0 ] || [ "$1" -eq 77 ] || echo "at this moment: $moment. ERRGROUP_TEST_SEED=$seed draws it again"
    end_owned
}

# moments WAY COUNT: so many lines, of jobs at a time; `lines` or `seconds`; and of these how many.
moments() {
    awk -v seed="$seed" -v way="$1" -v count="$2" 'BEGIN {
        srand(seed + 1000 * index("KILL TERM INT HUP disk quota terminal", way))
        while (count-- > 0) {
            jobs = 1 + int(rand() * 4)
            if (rand() < 0.7)
                printf "%d lines %d\n", jobs, int(rand() * (9 * jobs - 2))
            else
                printf "%d seconds %.3f\n", jobs, rand() * 0.12
        }
    }'
}

# The folders in /proc of a run that are there. What has ended has no environment.
owned() {
    grep -lsaxzF "OWNED=$work" /proc/[0-9]*/environ | sed 's/environ$//'
}

end_owned() {
    for process in $(owned); do
        kill -s KILL "$(basename "$process")" 2>/dev/null || :
    done
    all_gone
}

# all_gone: as soon as the system has ended them.
all_gone() {
    deadline=$(($(date +%s) + 60))
    while owned >left && [ -s left ]; do
        [ "$(date +%s)" -lt $deadline ] || break
    done
    while read -r process; do
        echo "left: $(tr '\0' ' ' <"${process}cmdline")"
    done <left
    is_empty left
}

# reach KIND AMOUNT PID: waits for the moment, as long as that process is there.
reach() {
    case $1 in
    lines) until [ "$(wc -l <log)" -gt "$2" ]; do kill -0 "$3"; done 2>/dev/null ;;
    seconds) sleep "$2" ;;
    esac
}

# run_jobs RUNNER...: `batch` with further options, on the inputs.
run_jobs() {
    "$@" --joblog log -j "$jobs" env 'INPUT={}' ./job <inputs
}

# Of commands, the numbers that their inputs begin with.
input_numbers() {
    sed 's/^[^0-9]*//; s/[^0-9].*//'
}

# numbers_done LOG: of jobs that its lines say have succeeded.
numbers_done() {
    awk -F '\t' '$7 == "0" && $8 == "0" { print $9 }' "$1" | input_numbers
}

# take_lines: those of the log, which there may not be yet, to the file `lines`. SIGKILL alone may have left a part of one,
# as it ends a write between two pages of a file.
take_lines() {
    touch log
    if [ -z "$(tail -c 1 log | tr -d '\n')" ]; then
        cp log lines
    elif [ "$way" = KILL ]; then
        sed '$d' log >lines
    else
        echo 'no end:'
        tail -n 1 log
        return 1
    fi
    awk -F '\t' 'NF != 9 { print "columns: " $0; exit 1 }' lines
}

# is_resumed [FILE]: the log's lines are of jobs whose output was printed, to the file if it is known; and the next run does
# what is missing, and nothing else.
is_resumed() {
    take_lines
    numbers_done lines | sort >in-log
    if [ $# -gt 0 ]; then
        awk '$2 == "begins" { number = $1 } $2 == "ends" && $1 == number { print number }' "$1" | sort >printed
        comm -13 printed in-log >unprinted
        is_empty unprinted
    fi
    exits 0 run_jobs "$batch" --resume >second 2>err
    sed -n 's/ ends$//p' second >ran
    sort -n in-log ran | cmp - numbers
    exits 0 run_jobs "$batch" --resume --dry-run >third
    is_empty third
    way=end
    take_lines
    numbers_done lines | sort -n | cmp - numbers
}

# What is left is jobs that the log does not have. What is between its begin and the program that it is to run has no input
# yet.
left_are_not_in_the_log() {
    deadline=$(($(date +%s) + 60))
    while
        unnamed=
        : >left-numbers
        for process in $(owned); do
            number=$(cat "${process}environ" "${process}cmdline" 2>/dev/null | tr '\0' '\n' | sed -n 's/^INPUT=\([0-9]*\).*/\1/p' | head -n 1)
            [ -n "$number" ] || [ ! -s "${process}cmdline" ] || unnamed=$process
            echo "$number" >>left-numbers
        done 2>/dev/null
        [ -n "$unnamed" ]
    do
        [ "$(date +%s)" -lt $deadline ] || { echo "who is $unnamed?"; tr '\0' ' ' <"${unnamed}cmdline"; return 1; }
    done
    take_lines
    fields 9 lines | input_numbers | sort >in-log
    sed '/^$/d' left-numbers | sort -u | comm -12 - in-log >both
    is_empty both
    [ "$(sed '/^$/d' left-numbers | sort -u | wc -l)" -le "$jobs" ]
}

# ended_by SIGNAL COUNT
ended_by() {
    prepare_moments
    case $1 in KILL) status=137 ;; TERM) status=143 ;; INT) status=130 ;; HUP) status=129 ;; esac
    moments "$1" "$2" >moments
    while read -r jobs kind amount; do
        way=$1
        moment="SIG$1, -j $jobs, $kind $amount"
        rm -f log pid
        run_jobs interruptible pid env OWNED="$work" LASTS=yes "$batch" >first 2>err &
        runner=$!
        until [ "$(cat "/proc/$(cat pid)/comm")" = batch ]; do kill -0 $runner; done 2>/dev/null
        reach "$kind" "$amount" $runner
        kill -s "$1" "$(cat pid)"
        exits $status wait $runner
        if [ "$1" = KILL ]; then
            left_are_not_in_the_log
            end_owned
        else
            all_gone
        fi
        is_resumed first
    done <moments
}

# The terminal is gone, with who would have read what is printed there, when the program that made it is. Every other time
# what jobs print is in a file.
ended_by_its_terminal() {
    has_terminals || skip 'script is not installed'
    prepare_moments
    moments terminal "$1" >moments
    to=
    while read -r jobs kind amount; do
        way=terminal
        moment="terminal${to:+ and file}, -j $jobs, $kind $amount"
        rm -f log pid first
        command="echo \$\$ >pid; exec env OWNED=$work LASTS=yes '$batch' --bar --joblog log -j $jobs env 'INPUT={}' ./job <inputs $to"
        TERM=vt100 SHELL=/bin/sh script -qefc "$command" screen >/dev/null 2>&1 </dev/null &
        runner=$!
        until [ "$(cat "/proc/$(cat pid)/comm")" = batch ]; do kill -0 $runner; done 2>/dev/null
        reach "$kind" "$amount" $runner
        kill -s KILL $runner
        wait $runner || :
        all_gone
        if [ -n "$to" ]; then
            is_resumed first
            to=
        else
            is_resumed
            to='>first'
        fi
    done <moments
}

# What ends it is the log, which takes no more, and so nothing lasts.
stopped_by_a_quota() {
    prepare_moments
    awk -v seed="$seed" -v count="$1" 'BEGIN { srand(seed); while (count-- > 0) print 1 + int(rand() * 4), 1 + int(rand() * 40) }' >moments
    while read -r jobs blocks; do
        way=quota
        moment="$blocks blocks, -j $jobs"
        rm -f log
        {
            got=0
            (
                ulimit -f "$blocks"
                trap '' XFSZ
                OWNED=$work LASTS=no run_jobs "$batch" 2>err
            ) || got=$?
            echo $got >status
        } | cat >first
        said status 1
        has err 'batch: the log of jobs: '
        all_gone
        is_resumed first
    done <moments
}

# The log and what is printed are on it, and something else that leaves from nothing to half of the 64 KiB.
stopped_by_a_full_disk() {
    prepare_moments
    mkdir small
    unshare -rm mount -t tmpfs none small 2>err || skip "no disk of its own: $(cat err)"
    awk -v seed="$seed" -v count="$1" 'BEGIN { srand(seed); while (count-- > 0) print 1 + int(rand() * 4), 32768 + int(rand() * 32768) }' >moments
    while read -r jobs bytes; do
        way=disk
        moment="$bytes bytes, -j $jobs"
        rm -f log first
        exits 1 unshare -rm sh -c '
            mount -t tmpfs -o size=64k none small && head -c "$1" /dev/zero >small/full || exit 2
            cd small && OWNED=$2 LASTS=no "$3" --joblog log -j "$4" env "INPUT={}" ../job <../inputs >first 2>../err
            status=$?
            cp log first ..
            exit $status' sh "$bytes" "$work" "$batch" "$jobs"
        has err 'No space left on device'
        all_gone
        sed 's#\.\./job$#./job#' log >moved
        mv moved log
        is_resumed first
    done <moments
}

# A moment between two calls that make a line is too short to be met by chance.
a_line_of_the_log_is_one_call() {
    command -v strace >/dev/null || skip 'strace is not installed'
    ! is_sanitized "$batch" || skip 'built with a sanitizer, which strace cannot run'
    strace -o calls true 2>err || skip "strace cannot trace: $(cat err)"
    prepare_moments
    : >log
    jobs=3
    LASTS=no exits 0 run_jobs strace -f -qq -o calls -P "$PWD/log" -e trace=write,writev,pwrite64,pwritev "$batch" >out 2>err
    [ "$(grep -c 'write.*(' calls)" -eq 41 ] || { cat calls; return 1; }
    [ "$(wc -l <log)" -eq 41 ]
}

memcheck_finds_nothing() {
    need_memcheck "$batch"
    # Split into words on purpose.
    # shellcheck disable=SC2086
    {
        exits 0 $memcheck "$batch" --joblog log -k -n 2 'echo {}; head -c 100000 /dev/zero' ::: a b c d e >out
        exits 123 $memcheck "$batch" --joblog log --resume --retries 1 --timeout 100 -j 2 'test {} = a' ::: a b c d e >out 2>err
        exits 0 $memcheck "$batch" --dry-run echo {%} ::: a b >out
        exits 124 $memcheck "$batch" --halt soon 'exit 255; : {}' ::: a b 2>err
    }
}

if [ "$part" != thorough ]; then
    check 'inputs are the words behind ::: or the lines of standard input' inputs_are_words_or_lines
    check '-n gives a job several inputs' several_inputs_make_a_job
    check 'what cannot be an argument, or not be read, ends the run' what_cannot_be_an_argument_is_refused
    check 'a job starts when its input is there' a_job_starts_when_its_input_is_there
    check 'placeholders stand for parts of the input' placeholders_stand_for_parts_of_inputs
    check 'in a line for a shell inputs are quoted' lines_for_a_shell_have_their_inputs_quoted
    check '--dry-run prints commands that a shell understands' dry_runs_print_what_would_run
    check 'jobs have no standard input, and the descriptors that there were' jobs_have_no_input_and_keep_descriptors
    check '-j jobs run at once' so_many_jobs_run_at_once
    check 'no more than -j, each with a slot of its own' no_more_run_and_each_has_a_slot
    check 'without -j it is make that says how many' make_says_how_many
    check 'output comes as jobs end, with -k in the order of the inputs' output_is_in_order_if_wanted
    check 'output of jobs is never mixed, and leaves no file' output_is_never_mixed
    check 'memory is bounded, whatever a job prints' memory_is_bounded
    check 'jobs may open their streams by name' streams_may_be_opened_by_name
    check 'what a job leaves running is neither waited for nor ended' what_jobs_leave_running_is_left_alone
    check 'output that cannot be kept is a failure' lost_output_is_a_failure
    check 'a closed or full standard output ends the run' closed_and_full_outputs_end_the_run
    check '--joblog has a line for each job, in columns' the_log_has_a_line_for_each_job
    check '--resume runs what is missing, or has another command' only_what_is_missing_is_run_again
    check 'a log is whole, and nothing else is overwritten' a_log_is_whole_or_refused
    check 'a full disk leaves no part of a line' a_full_disk_leaves_no_part_of_a_line
    check '--retries tries failures again and prints the last attempt' failures_are_tried_again
    check '--timeout ends a job and what it has started' what_takes_too_long_is_ended
    check '--bar shows on a terminal how far it is' the_bar_is_for_terminals
    check '--load and --memfree keep jobs from starting' jobs_wait_for_the_machine
    check '--trace has every job' a_trace_has_every_job
    check 'the first failure ends the jobs that run' the_first_failure_ends_the_others
    check '--halt soon lets them come to their end' halting_soon_lets_them_end
    check '--halt never runs all' without_halting_all_run
    check 'exit statuses are those of xargs' exit_statuses_are_those_of_xargs
    check 'what xargs does is done' what_xargs_does_is_done
    check 'wrong command lines are refused' command_lines_are_checked
    check 'every option is in the page and the completions' every_option_is_written_down
    check 'SIGINT, SIGTERM and SIGHUP end the jobs and what they have started' signals_end_everything
    check 'a reader that does not read holds no interrupted run up' a_blocked_output_can_be_interrupted
else
    # Two hundred moments.
    check 'SIGKILL at random moments: the log does not have who is left; resumed exactly' ended_by KILL 50
    check 'SIGTERM at random moments: nobody is left; resumed exactly' ended_by TERM 40
    check 'SIGINT at random moments: nobody is left; resumed exactly' ended_by INT 30
    check 'SIGHUP at random moments: nobody is left; resumed exactly' ended_by HUP 30
    check 'its terminal closed at random moments: nobody is left; resumed exactly' ended_by_its_terminal 20
    check 'a log that may not grow, at random sizes: no part of a line; resumed exactly' stopped_by_a_quota 15
    check 'a full disk, at random sizes: no part of a line, what is in it was printed; resumed exactly' stopped_by_a_full_disk 15
    check 'a line of the log is written by one call' a_line_of_the_log_is_one_call
    check 'a job that prints without end is ended, and nothing is left' endless_output_is_ended
    check 'memcheck finds no error and no leak' memcheck_finds_nothing
fi
finish
