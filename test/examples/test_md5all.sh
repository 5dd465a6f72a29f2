#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_md5all.sh DIR [thorough]
#
# Runs md5all built in DIR and prints TAP, a line for each behaviour. It is compared with md5sum over find. What the
# machine has not got (md5all itself, valgrind, script) is reported as skipped.
#
# Nothing here depends on how fast anything is. Where a run has to be in the middle of its work, it is held
# there: by a pipe that nobody reads, or by a sparse file that takes hours to digest.
set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
md5all=$programs/md5all
newline='
'

#
# Trees
#

# A small tree with everything that a name or a file can be.
make_odd_tree() {
    mkdir -p "odd/dir with spaces/a/b/c/d/e" odd/-dash odd/empty "odd/new${newline}line"
    printf 'one' >odd/one
    printf 'two' >"odd/dir with spaces/two words"
    printf 'three' >"odd/dir with spaces/a/b/c/d/e/deep"
    printf 'four' >odd/-dash/-f
    printf 'five' >"odd/new${newline}line/x${newline}y"
    printf 'six' >'odd/back\slash'
    printf 'seven' >"$(printf 'odd/carriage\rreturn')"
    printf 'eight' >"$(printf 'odd/latin\351')"
    printf 'nine' >"odd/ leading and trailing "
    printf 'ten' >'odd/*glob?[x]'
    printf 'eleven' >odd/.hidden
    printf 'twelve' >odd/-
    : >odd/zero
    i=0
    while [ $i -lt 40 ]; do
        printf '%s\n' $i >"odd/dir with spaces/a/$i"
        i=$((i + 1))
    done
    # Neither a multiple of any buffer nor a repetition of a block.
    seq 1 700000 >odd/large
    ln -s one odd/link
    ln -s .. odd/link-to-directory
    ln -s nowhere odd/link-to-nothing
    mkfifo odd/fifo
    find odd -type f -exec md5sum -- {} + >odd.md5
}

# Many small files in one directory: their digests take several times what a pipe holds.
make_wide_tree() {
    mkdir wide
    (cd wide && seq 10001 14000 | split -l 1 -a 4 -d - a-file-with-a-name-that-is-somewhat-long-)
    find wide -type f -exec md5sum -- {} + >wide.md5
}

# A directory whose path is some 9000 bytes long, put together from pieces that system calls can take.
make_deep_tree() {
    name=dddddddddddddddddddddddddddddddddddddddddddddddddd
    piece=$name
    i=1
    while [ $i -lt 60 ]; do
        piece=$piece/$name
        i=$((i + 1))
    done
    mkdir -p "piece1/$piece" "piece2/$piece" "deep/$piece"
    printf 'at the bottom' >"piece1/$piece/bottom"
    mv piece1 "piece2/$piece/"
    mv piece2 "deep/$piece/"
}

#
# md5all: what it prints
#

digests_equal_md5sum() {
    for jobs in 1 2 8; do
        exits 0 "$md5all" -j $jobs odd >out 2>err
        same_lines odd.md5 out
        is_empty err
    done
    exits 0 "$md5all" odd >out
    same_lines odd.md5 out
}

odd_names_are_escaped() {
    exits 0 "$md5all" odd >out
    # A newline printed as it is would make more lines than there are files.
    [ "$(wc -l <out)" -eq "$(find odd -type f -printf x | wc -c)" ]
    has out '  odd/new\nline/x\ny'
    has out '  odd/back\\slash'
    has out '  odd/carriage\rreturn'
    # shellcheck disable=SC1003
    [ "$(grep -c '^\\' out)" -eq 3 ]
}

md5sum_accepts_the_output() {
    exits 0 "$md5all" odd >out
    md5sum -c --quiet out
}

order_is_kept() {
    exits 0 "$md5all" -j 1 -k wide odd >first
    for jobs in 2 3 8; do
        exits 0 "$md5all" -j $jobs -k wide odd >out
        cmp first out
    done
    cat wide.md5 odd.md5 >both
    same_lines both first
    # All of wide is in one directory, so its lines come sorted by name.
    head -n 4000 first >beginning
    sort -k 2 wide.md5 | cmp - beginning
}

order_is_files_then_subdirectories() {
    mkdir -p order/b order/a/z
    : >order/c
    : >order/b/1
    : >order/a/2
    : >order/a/z/3
    : >order/0
    exits 0 "$md5all" -k -j 8 order >out
    sed 's/.*  //' out >names
    printf 'order/%s\n' 0 c a/2 a/z/3 b/1 | cmp - names
}

other_algorithms() {
    find odd -type f -exec sha256sum -- {} + >expected
    exits 0 "$md5all" -a sha256 odd >out
    same_lines expected out
    exits 2 "$md5all" --algorithm nonsense odd >out 2>err
    is_empty out
    has err nonsense
}

operands_of_every_kind() {
    exits 0 "$md5all" odd/one odd/-dash wide/ odd/link odd/link-to-directory/odd/zero odd/one >out
    md5sum odd/one odd/-dash/-f odd/link odd/link-to-directory/odd/zero odd/one >expected
    cat wide.md5 >>expected
    same_lines expected out
    cd odd/-dash
    exits 0 "$md5all" -- -f >../../out
    exits 0 "$md5all" . >>../../out
    exits 0 "$md5all" >>../../out
    md5sum -- -f ./-f ./-f >../../expected
    cd ../..
    same_lines expected out
}

long_paths() {
    exits 0 "$md5all" deep >out 2>err
    is_empty err
    [ "$(wc -l <out)" -eq 1 ]
    [ "$(cut -c 1-32 out)" = "$(printf 'at the bottom' | md5sum | cut -c 1-32)" ]
    [ "$(wc -c <out)" -gt 9000 ]
}

few_descriptors() {
    # Not in POSIX, but in every shell that is some system's sh.
    # shellcheck disable=SC3045
    (ulimit -n 16 && exits 0 "$md5all" -k -j 2 deep wide >out 2>err)
    is_empty err
    [ "$(wc -l <out)" -eq 4001 ]
}

#
# md5all: what goes wrong
#

errors_are_all_reported() {
    [ -r /proc/self/mem ] || skip 'no /proc/self/mem'
    exits 1 "$md5all" -j 2 missing1 odd missing2 odd/fifo /proc/self/mem wide >out 2>err
    cat odd.md5 wide.md5 >both
    same_lines both out
    has err 'missing1: No such file or directory'
    has err 'missing2: No such file or directory'
    has err 'odd/fifo: Not a regular file'
    has err '/proc/self/mem: Input/output error'
    has err "$(wc -l <both) files done, 4 failed"
}

denied_is_reported() {
    unprivileged "$md5all" --version >out || skip 'no user without privileges that can run the program'
    mkdir -p denied/closed denied/open
    echo 1 >denied/file
    echo 2 >"denied/unreadable"
    echo 3 >denied/closed/hidden
    echo 4 >denied/open/file
    chmod 0 denied/unreadable denied/closed
    exits 1 unprivileged "$md5all" denied >out 2>err
    chmod 755 denied/closed
    md5sum denied/file denied/open/file >expected
    same_lines expected out
    has err 'denied/unreadable: Permission denied'
    has err 'denied/closed: Permission denied'
    has err '2 files done, 2 failed'
}

# With one job, in order: the names are read first, and the pipe holds the run far from the last file.
vanished_is_reported() {
    last=$(sort -k 2 wide.md5 | tail -n 1 | sed 's/.*  //')
    mv "$last" kept
    : >"$last"
    {
        exits 1 "$md5all" -j 1 -k wide 2>err && echo right >result || echo wrong >result
    } | {
        read -r line
        rm "$last"
        cat >/dev/null
    }
    mv kept "$last"
    has result right
    has err "$last: No such file or directory"
    has err '3999 files done, 1 failed'
}

# Names in messages, options, and on a terminal the output, too; elsewhere that is md5sum's form.
control_characters_are_not_shown() {
    exits 1 "$md5all" "a$controls${newline}b" 2>err
    is_harmless err '\177\012b: No such file'
    for arguments in "--halt=$controls" "--jobs=$controls" "--no$controls" "--algorithm=$controls"; do
        "$md5all" "$arguments" 2>err && return 1
        is_harmless err 'md5all: '
    done
    mkdir controls
    echo 1 >"controls/$controls$newline"
    exits 0 "$md5all" controls >out
    md5sum -- controls/* | cmp - out
    md5sum -c --quiet out
    has_terminals || return 0
    TERM=dumb on_a_terminal "'$md5all' controls"
    grep -F '  controls/' screen | tr -d '\r' >line
    is_harmless line '\177\n'
}

# The walk comes to the missing file when those before it are done or under way, and to none of those after it.
halt_soon_starts_nothing_more() {
    for jobs in 1 2; do
        exits 1 "$md5all" -j $jobs --halt soon odd missing wide >out 2>err
        has_not out wide
        has err 'missing: No such file'
        has err "$(wc -l <out) files done, 1 failed, the rest not done"
    done
}

# The sparse file is taken first and takes longer than the others together, of which the last one fails.
halt_soon_finishes_what_runs() {
    [ -r /proc/self/mem ] || skip 'no /proc/self/mem'
    exits 1 "$md5all" -j 2 --halt soon sparse odd/large odd/large odd/large /proc/self/mem wide >out 2>err
    has out '  sparse'
    has out '  odd/large'
    has err '/proc/self/mem: Input/output error'
}

# This test ends within its time only if the endless file is given up.
halt_now_stops_what_runs() {
    [ -r /proc/self/mem ] || skip 'no /proc/self/mem'
    exits 1 "$md5all" -j 2 --halt now endless odd/large odd/large odd/large /proc/self/mem wide >out 2>err
    has_not out endless
    has err '/proc/self/mem: Input/output error'
}

# The first file is never finished, so all lines wait for it; those that are done must not be lost.
halt_prints_lines_kept_back() {
    [ -r /proc/self/mem ] || skip 'no /proc/self/mem'
    exits 1 "$md5all" -j 2 -k --halt now endless odd/zero odd/one odd/large /proc/self/mem wide >out 2>err
    md5sum odd/zero odd/one odd/large | cmp - out
}

bad_options() {
    refuses "$md5all" '-j 0' '-j -1' '-j x' '-j 5x' '-j 99999999999999999999' '-j' '--halt later' '--halt' \
        '--unknown' '-z' '-'
}

help_and_version() {
    exits 0 "$md5all" --help >out 2>err
    has out 'Usage: md5all'
    is_empty err
    exits 0 "$md5all" --version >out 2>err
    has out 'md5all (liberrgroup '
    is_empty err
}

full_disk() {
    [ -w /dev/full ] || skip 'no /dev/full'
    exits 1 "$md5all" -j 2 wide >/dev/full 2>err
    has err 'standard output: No space left on device'
    exits 1 "$md5all" -j 2 odd >/dev/full 2>err
    has err 'standard output: No space left on device'
    exits 1 "$md5all" --help >/dev/full 2>err
}

# Without a word, as any program that SIGPIPE ends. Where the signal is ignored, it is an error like another.
reader_gone() {
    resets_signals || skip 'this env cannot reset signals'
    {
        exits 141 env --default-signal=PIPE "$md5all" -j 2 wide 2>err && echo right >result || echo wrong >result
    } | head -n 1 >out
    has result right
    is_empty err
    {
        exits 1 env --ignore-signal=PIPE "$md5all" -j 2 wide 2>err && echo right >result || echo wrong >result
    } | head -n 1 >out
    has result right
    has err 'standard output: Broken pipe'
    [ "$(grep -c 'standard output' err)" -eq 1 ]
}

output_closed() {
    exits 1 "$md5all" odd >&- 2>err
    has err 'standard output: Bad file descriptor'
}

#
# md5all: signals and terminals
#

# The endless file keeps the run going. The first line to come through the pipe says that it is under way.
stops_by_signal() {
    resets_signals || skip 'this env cannot reset signals'
    for signal in INT:130 TERM:143; do
        {
            exits "${signal#*:}" interruptible pid "$md5all" -j 3 endless wide 2>err && echo right >result || echo wrong >result
        } | {
            read -r line
            printf '%s\n' "$line"
            kill -s "${signal%:*}" "$(cat pid)"
            cat
        } >out
        has result right
        cat err
        has err "stopped by SIG${signal%:*}: $(wc -l <out) files done, 0 failed"
        # Every line is whole and right.
        sort wide.md5 >left
        sort out >right
        [ -z "$(comm -13 left right)" ]
    done
}

# Nobody reads on, so the run cannot end by itself. Were the second signal not deadly, this would not end.
second_signal_kills() {
    resets_signals || skip 'this env cannot reset signals'
    {
        exits 143 interruptible pid "$md5all" -j 3 endless wide 2>err && echo right >result || echo wrong >result
    } | {
        read -r line
        while kill -s TERM "$(cat pid)" 2>/dev/null; do
            :
        done
    }
    has result right
}

# The endless file keeps the run going until the bar has been drawn. A terminal that cannot draw, and what is no terminal,
# gets none, though the sparse file takes longer than a bar needs to come up.
bar_on_a_terminal_only() {
    has_terminals || skip 'script is not installed'
    resets_signals || skip 'this env cannot reset signals'
    stopped_at_its_bar "'$md5all' -j 2 endless odd >out"
    # One line says what was done, and it is not the one about a run that came to its end.
    has screen 'stopped by SIGINT: '
    has_not screen ' files, '
    sort odd.md5 >left
    sort out >right
    [ -z "$(comm -13 left right)" ]
    TERM=vt100 on_a_terminal "'$md5all' -j 2 sparse odd >out"
    has screen ' files, '
    TERM=dumb on_a_terminal "'$md5all' -j 2 sparse odd >out"
    has_not screen ETA
    exits 0 "$md5all" sparse odd >out 2>err
    is_empty err
}

memcheck_finds_nothing() {
    need_memcheck "$md5all"
    for options in '-j 4 -k' '-j 2 missing' '-j 1 --halt now missing'; do
        wanted=0
        [ "${options%missing}" = "$options" ] || wanted=1
        # Split into words on purpose.
        # shellcheck disable=SC2086
        exits $wanted $memcheck "$md5all" $options odd >out
    done
}

#
# The run
#

[ -x "$md5all" ] || skip_all 'md5all is not built'

make_odd_tree
make_wide_tree
make_deep_tree
truncate -s 512M sparse
endless endless

if [ "$part" = thorough ]; then
    check 'memcheck finds no error and no leak' memcheck_finds_nothing
else
    check 'digests equal those of md5sum with 1, 2, 8 and default jobs' digests_equal_md5sum
    check 'odd names are escaped as md5sum does' odd_names_are_escaped
    check 'md5sum -c accepts the output' md5sum_accepts_the_output
    check '-k prints the same with any number of jobs' order_is_kept
    check '-k prints files before subdirectories, each sorted' order_is_files_then_subdirectories
    check '--algorithm takes digests that OpenSSL knows' other_algorithms
    check 'files, directories, links, dashes and nothing as operands' operands_of_every_kind
    check 'paths longer than PATH_MAX' long_paths
    check 'deep and wide trees with 16 descriptors' few_descriptors
    check 'every error is reported and the rest is done' errors_are_all_reported
    check 'files and directories without permission are reported' denied_is_reported
    check 'a file that vanishes before it is read is reported' vanished_is_reported
    check 'control characters in names do not reach the terminal' control_characters_are_not_shown
    check '--halt soon starts no further file' halt_soon_starts_nothing_more
    check '--halt soon finishes the files being read' halt_soon_finishes_what_runs
    check '--halt now stops the files being read' halt_now_stops_what_runs
    check 'lines that -k holds back are printed when it stops' halt_prints_lines_kept_back
    check 'a wrong command line ends with status 2' bad_options
    check '--help and --version' help_and_version
    check 'a full disk is an error' full_disk
    check 'it ends with the reader of its output' reader_gone
    check 'a closed standard output is an error' output_closed
    check 'a signal stops it with whole lines and status 128 + signal' stops_by_signal
    check 'a second signal kills it' second_signal_kills
    check 'the bar is drawn on a terminal only' bar_on_a_terminal_only
fi

finish
