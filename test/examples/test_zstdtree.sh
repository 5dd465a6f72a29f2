#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_zstdtree.sh DIR [thorough]
#
# Runs the example zstdtree built in DIR and prints TAP, a line for each behaviour. What it makes is read by zstd's own
# program.
#
# Runs are interrupted at random moments, so what one of these tests sees differs; what has to hold does not.

set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
zstdtree=$programs/zstdtree
newline='
'

#
# Trees
#

make_tree() {
    mkdir -p "tree/a b/c" tree/-dash "tree/new${newline}line" tree/empty
    seq 1 100000 >"tree/a b/numbers"
    printf 'one' >"tree/a b/c/one"
    printf 'two' >"tree/-dash/-f"
    printf 'three' >"tree/new${newline}line/x${newline}y"
    : >tree/zero
    ln -s zero tree/link
    mkfifo tree/fifo
    chmod 640 tree/zero
    touch -d '2001-02-03 04:05:06' tree/zero
}

# Sixty files that take some tenths of a second together.
make_many() {
    mkdir many
    i=0
    while [ $i -lt 60 ]; do
        seq $i 7 200000 >many/$i
        i=$((i + 1))
    done
}

# whole DIR: every compressed file there is its original, and nothing else is there that was not. All files at a time:
# zstd gives them back into a folder of their own, and fails for what is not the whole of a file; the lines of md5sum
# then say that each is what has its name without the suffix.
whole() {
    find "$1" -name '.outfile-*' >left
    is_empty left
    rm -rf back
    mkdir back
    find "./$1" -type f -name '*.zst' -exec zstd -qd --output-dir-mirror back {} +
    find "./$1" -type f ! -name '*.zst' -exec md5sum -z {} + | sort -z >originals
    (cd back && find . -type f -exec md5sum -z {} +) | sort -z >unpacked
    comm -z -13 originals unpacked | tr '\0' '\n' >broken
    is_empty broken
}

all_done() {
    whole "$1"
    cmp originals unpacked
}

wipe() {
    find "$1" -name '*.zst' -delete
}

#
# What it does
#

every_file_is_compressed() {
    for jobs in 1 2 8; do
        wipe tree
        exits 0 "$zstdtree" -j $jobs tree >out 2>err
        is_empty out
        is_empty err
        all_done tree
    done
    [ "$(find tree -name '*.zst' -printf x)" = xxxxx ]
    [ ! -e tree/link.zst ]
    [ "$(stat -c '%a %Y %u' tree/zero)" = "$(stat -c '%a %Y %u' tree/zero.zst)" ]
}

what_is_there_is_kept() {
    wipe tree
    exits 0 "$zstdtree" tree
    echo mine >tree/zero.zst
    exits 0 "$zstdtree" tree 2>err
    has err 'zstdtree: 0 files done, 5 there already'
    [ "$(cat tree/zero.zst)" = mine ]
    exits 0 "$zstdtree" -f -l 19 -j 3 tree 2>err
    is_empty err
    all_done tree
}

operands_may_be_files_and_links() {
    wipe tree
    ln -s tree/zero to-zero
    exits 0 "$zstdtree" "tree/a b/numbers" to-zero
    [ -e "tree/a b/numbers.zst" ]
    whole tree
    zstd -qdc to-zero.zst | cmp - tree/zero
    [ "$(find tree -name '*.zst' | wc -l)" -eq 1 ]
}

a_trace_has_every_file() {
    wipe tree
    exits 0 "$zstdtree" -j 2 --trace trace.json tree
    [ "$(grep -c '"ph":"X"' trace.json)" -eq 5 ]
    has trace.json '"name":"tree/new\nline/x\ny"'
    exits 1 "$zstdtree" --trace trace.json missing tree/zero 2>err
    exits 1 "$zstdtree" -f --trace missing/trace.json tree 2>err
    has err 'zstdtree: missing/trace.json: No such file or directory'
}

#
# What goes wrong
#

the_first_error_names_its_path() {
    wipe tree
    exits 1 "$zstdtree" -j 2 missing tree >out 2>err
    is_empty out
    has err 'zstdtree: missing: No such file or directory'
    has err 'the rest not done'
    exits 1 "$zstdtree" tree/fifo 2>err
    has err 'zstdtree: tree/fifo: Not a regular file'
    unprivileged "$zstdtree" --help >out || skip 'no user without privileges that can run the program'
    mkdir denied
    chmod 777 denied
    echo 1 >denied/closed
    chmod 0 denied/closed
    exits 1 unprivileged "$zstdtree" denied 2>err
    has err 'zstdtree: denied/closed: Permission denied'
    chmod 644 denied/closed
    chmod 555 denied
    exits 1 unprivileged "$zstdtree" denied 2>err
    has err 'zstdtree: denied/closed.zst: Permission denied'
    [ "$(ls -A denied)" = closed ]
}

messages_reach_no_file_of_a_program_without_standard_descriptors() {
    wipe tree
    exits 1 "$zstdtree" -j 1 tree/zero missing <&- >&- 2>&-
    exits 0 "$zstdtree" tree <&- >&- 2>&-
    exits 0 "$zstdtree" tree <&- >&- 2>&-
    all_done tree
}

control_characters_are_not_shown() {
    exits 1 "$zstdtree" "$controls" 2>err
    is_harmless err '\177: No such file or directory'
    mkfifo "tree/$controls$newline"
    exits 1 "$zstdtree" "tree/$controls$newline" 2>err
    is_harmless err '\177\012: Not a regular file'
    rm "tree/$controls$newline"
    for arguments in "--jobs=$controls" "--level=$controls" "--no$controls"; do
        exits 2 "$zstdtree" "$arguments" 2>err
        is_harmless err 'zstdtree: '
    done
}

an_error_ends_what_runs() {
    endless endless
    exits 1 "$zstdtree" -j 2 endless missing 2>err
    has err 'zstdtree: missing: No such file or directory'
    [ ! -e endless.zst ]
    rm endless
}

a_wrong_command_line_is_refused() {
    refuses "$zstdtree" '' '-j 0' '-j x' '-j' '-l 99 .' '-l x .' '-z'
    exits 0 "$zstdtree" --help >out 2>err
    has out 'Usage: zstdtree'
    is_empty err
    exits 0 "$zstdtree" --version >out
    has out 'zstdtree (liberrgroup '
}

#
# Signals
#

# The endless file keeps the run going.
a_signal_stops_it() {
    resets_signals || skip 'this env cannot reset signals'
    mkdir endless
    endless endless/endless
    echo small >endless/small
    for signal in INT:130 TERM:143; do
        wipe endless
        interruptible pid "$zstdtree" -j 2 endless 2>err &
        until [ -e endless/small.zst ]; do
            kill -0 $!
        done
        kill -s "${signal%:*}" "$(cat pid)"
        exits "${signal#*:}" wait $!
        has err "stopped by SIG${signal%:*}: 1 files done"
        [ "$(ls -A endless)" = "endless${newline}small${newline}small.zst" ]
    done
    rm -r endless
}

# At any moment, from before main to after the end. Without -f the next run takes up where the last one was stopped.
interrupted_at_any_moment() {
    seed=$(od -An -N3 -tu4 /dev/urandom)
    echo "seed $seed"
    moments=$(awk -v seed="$seed" 'BEGIN { srand(seed); for (i = 0; i < 12; i++) printf "%.3f ", rand() * 0.4 }')
    for signal in INT KILL; do
        i=0
        for moment in $moments; do
            [ $((i % 5)) -ne 0 ] || wipe many
            i=$((i + 1))
            timeout --foreground -s $signal "$moment" "$zstdtree" -j 2 -l 9 many >out 2>err || :
            # Where files have names while they are written, a process that is killed cannot take them away.
            [ $signal = INT ] || find many -name '.outfile-*' -delete
            whole many
        done
    done
    exits 0 "$zstdtree" many
    all_done many
}

# The same over files that are there: each is the old one or the new one.
interrupted_while_replacing() {
    exits 0 "$zstdtree" many
    for moment in 0.01 0.05 0.1 0.15 0.2 0.3; do
        timeout --foreground -s INT $moment "$zstdtree" -f -j 2 -l 7 many >out 2>err || :
        all_done many
    done
}

# The endless file keeps the run going until the bar has been drawn.
bar_on_a_terminal_only() {
    has_terminals || skip 'script is not installed'
    resets_signals || skip 'this env cannot reset signals'
    mkdir endless
    endless endless/endless
    stopped_at_its_bar "'$zstdtree' -j 2 endless"
    rm -r endless
    exits 0 "$zstdtree" -f -j 2 many 2>err
    has_not err ETA
}

memcheck_finds_nothing() {
    need_memcheck "$zstdtree"
    wipe tree
    for wanted in 0 1; do
        missing=
        [ $wanted -eq 0 ] || missing=missing
        # Split into words on purpose.
        # shellcheck disable=SC2086
        exits $wanted $memcheck "$zstdtree" -f -j 2 tree $missing
    done
}

#
# The run
#

[ -x "$zstdtree" ] || skip_all 'zstdtree is not built'
command -v zstd >/dev/null || skip_all 'zstd is not installed'

make_tree
make_many

if [ "$part" = thorough ]; then
    check 'SIGINT and SIGKILL at any moment leave no part of a file' interrupted_at_any_moment
    check 'memcheck finds no error and no leak' memcheck_finds_nothing
else
    check 'every file is compressed, with any number of jobs' every_file_is_compressed
    check 'compressed files that are there are kept, or made anew with -f' what_is_there_is_kept
    check 'operands may be files and links' operands_may_be_files_and_links
    check 'a trace has every file' a_trace_has_every_file
    check 'the first error names its path and nothing is left' the_first_error_names_its_path
    check 'messages reach no file of a program without standard descriptors' \
        messages_reach_no_file_of_a_program_without_standard_descriptors
    check 'control characters in names do not reach the terminal' control_characters_are_not_shown
    check 'an error ends the files being compressed' an_error_ends_what_runs
    check 'a wrong command line ends with status 2' a_wrong_command_line_is_refused
    check 'a signal ends the files being compressed' a_signal_stops_it
    check 'SIGINT while files are replaced leaves the old or the new' interrupted_while_replacing
    check 'the bar is drawn on a terminal only' bar_on_a_terminal_only
fi

finish
