#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_recipes.sh DIR [thorough]
#
# Runs the recipes built in DIR/recipes: what they print, what they say of errors, and how they end. Prints TAP.
set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
recipes=$programs/recipes
sources=$top/docs/examples/recipes

# usage PROGRAM...: without arguments each says how it is called, and nothing else.
usage() {
    for program; do
        exits 2 "$recipes/$program" >out 2>err </dev/null
        is_empty out
        has err "Usage: $program "
    done
}

# Some files with something in them, one without, and a name that is none.
files() {
    seq 1 10000 >numbers
    printf 'no end' >cut
    : >empty
    cat "$sources"/*.c >code
}

#
# One job after the other
#

checksum_is_that_of_sum() {
    files
    exits 0 "$recipes/checksum" numbers cut empty code >out
    sum numbers cut empty code | cmp - out
}

checksum_tries_again() {
    files
    exits 1 "$recipes/checksum" numbers missing >out 2>err
    is_empty out
    has err 'cannot open missing'
    # The third attempt is as good as the first, if the file is there by then.
    mkfifo late
    "$recipes/checksum" late numbers >out &
    cat numbers >late
    exits 0 wait $!
    [ "$(awk '{ print $1 }' out | uniq | wc -l)" -eq 1 ]
}

map_finds_factors_in_order() {
    exits 0 "$recipes/map" $(seq 2 3000) >out
    factor $(seq 2 3000) | awk '{ print $2 }' | cmp - out
}

map_tells_the_first_error() {
    exits 1 "$recipes/map" 5 7 x1 >out 2>err
    is_empty out
    has err 'not a number from 2: x1'
}

for_draws_a_picture() {
    exits 0 "$recipes/for" >out
    [ "$(head -n 3 out | tr '\n' ' ')" = 'P5 512 512 255 ' ]
    [ "$(tail -n +4 out | wc -c)" -eq $((512 * 512)) ]
    # The set is there, and around it nothing; and it is its own mirror image.
    tail -c $((512 * 512)) out | od -An -v -w512 -t u1 >rows
    grep -q ' 255 255 255 ' rows
    [ "$(head -n 1 rows | tr -s ' ' '\n' | sort -un | tail -n 1)" -lt 10 ]
    tac rows | cmp - rows
}

commands_runs_all() {
    exits 0 "$recipes/commands" 'echo one' 'echo two; echo and more' 'echo three' >out
    printf '%s\n' one two 'and more' three >expected
    same_lines out expected
    # What one says stays together.
    grep -A 1 two out | grep -q 'and more'
}

commands_stops_at_the_first_failure() {
    exits 1 "$recipes/commands" 'echo what it says >&2; exit 3' 'sleep 1000' >out 2>err
    has err 'exit status 3'
    has err 'what it says'
}

# As many tokens as `make -j3` has: two in the pipe and one that is free.
commands_keeps_to_make() {
    mkfifo tokens
    exec 7<>tokens
    printf '++' >&7
    exits 0 env "MAKEFLAGS= -j3 --jobserver-auth=7,7" "$recipes/commands" $(yes ./busy | head -n 12)
    [ "$(sort -n most | tail -n 1)" -le 3 ]
    # All tokens are back.
    [ "$(dd bs=2 count=1 <&7 2>/dev/null)" = '++' ]
    exec 7>&-
}

race_prints_what_the_winner_said() {
    exits 0 "$recipes/race" 'sleep 1000' 'exit 1' 'echo here' 'sleep 1000; echo late' >out
    echo here | cmp - out
}

race_tells_the_first_error_if_none_wins() {
    exits 1 "$recipes/race" 'exit 4' 'exit 4' >out 2>err
    is_empty out
    has err 'exit status 4'
}

pipeline_keeps_the_order() {
    seq -f 'number %.0f' 1 200000 >in
    exits 0 "$recipes/pipeline" <in >out
    tr '[:lower:]' '[:upper:]' <in | cmp - out
    exits 0 "$recipes/pipeline" </dev/null >out
    is_empty out
}

pipeline_tells_of_errors() {
    exits 1 "$recipes/pipeline" <. >out 2>err
    has err 'cannot read'
    [ ! -e /dev/full ] || { exits 1 "$recipes/pipeline" <"$sources/map.c" >/dev/full 2>err; }
}

all_errors_tells_all() {
    files
    exits 0 "$recipes/all_errors" numbers code empty >out 2>err
    is_empty err
    exits 1 "$recipes/all_errors" numbers cut missing code gone >out 2>err
    has err 'no last newline: cut'
    has err 'cannot open missing'
    has err 'cannot open gone'
}

progress_says_how_far_it_is() {
    files
    exits 0 "$recipes/progress" numbers code empty cut 2>err
    tr '\r' '\n' <err | grep -q '^4 of 4 files$'
    exits 1 "$recipes/progress" numbers missing 2>err
    has err 'cannot open missing'
}

slots_counts_as_grep_does() {
    exits 0 "$recipes/slots" '(eg|int)_[a-f]+' "$sources"/*.c >out
    grep -Ec '(eg|int)_[a-f]+' "$sources"/*.c | cmp - out
}

slots_tells_of_errors() {
    exits 1 "$recipes/slots" '(' "$sources/map.c" >out 2>err
    has err 'not a pattern: ('
    exits 1 "$recipes/slots" x "$sources/map.c" missing >out 2>err
    has err 'cannot open missing'
    is_empty out
}

trace_shows_the_calls() {
    exits 0 "$recipes/trace" abc x >out 2>err
    is_empty err
    printf '%s\n' 'abc: b' 'x: x' >expected
    same_lines out expected
    exits 1 "$recipes/trace" abc '' >out 2>err
    has err 'panic: the middle of an empty word'
    for function in find_middle print_middle; do
        grep -A 1 "^$function(\.\.\.)\$" err | grep -q 'trace\.c:[1-9]' || { cat err; return 1; }
    done
    grep -A 1 '^created by main$' err | grep -q 'trace\.c:[1-9]'
}

reduce_adds_up() {
    # Of the numbers below 2^n every bit is set in half.
    exits 0 "$recipes/reduce" 1048576 >out
    [ "$(cat out)" -eq $((20 * 524288)) ]
    exits 0 "$recipes/reduce" 1 >out
    [ "$(cat out)" -eq 0 ]
    exits 2 "$recipes/reduce" x >out 2>err
}

sort_sorts() {
    for words in 1 2 99 100 101 1000 12345; do
        seq "$words" | LC_ALL=C sort -R --random-source=/bin/sh >shuffled
        # shellcheck disable=SC2046
        exits 0 "$recipes/sort" $(cat shuffled) >out
        LC_ALL=C sort shuffled | cmp - out
    done
}

stop_ends_by_a_signal() {
    resets_signals || skip 'env cannot reset signals'
    [ -p upper ] || mkfifo upper lower
    : >out
    interruptible pid "$recipes/stop" upper lower >out 2>err &
    echo from above >upper
    echo from below >lower
    until [ "$(wc -l <out)" -eq 2 ]; do
        kill -0 $! || { cat err; return 1; }
    done
    kill -s "$1" "$(cat pid)"
    exits 0 wait $!
    is_empty err
    printf '%s\n' 'from above' 'from below' >expected
    same_lines out expected
}

stop_ends_by_an_error() {
    mkfifo only
    exits 1 "$recipes/stop" only missing >out 2>err
    has err 'cannot open missing'
}

#
# All of them
#

nothing_is_leaked() {
    files
    need_memcheck "$programs/hello"
    for command in 'checksum numbers missing' 'map 5 x' 'all_errors cut missing' 'slots 1 numbers missing' \
        'trace a' 'progress numbers missing'; do
        # Split into words on purpose.
        # shellcheck disable=SC2086
        $memcheck "$recipes"/$command >out 2>err || [ $? -ne 99 ] || { echo "$command"; cat err; return 1; }
    done
}

#
# What is written
#

they_are_short() {
    # On average under 43 1/3 lines: 520 for twelve.
    count=$(cat "$sources"/*.c | wc -l)
    recipes_count=$(ls "$sources"/*.c | wc -l)
    [ $((count * 12)) -lt $((recipes_count * 520)) ] || { echo "$count lines"; return 1; }
    [ "$recipes_count" -eq 13 ]
    for source in "$sources"/*.c; do
        expand "$source" | awk -v name="${source##*/}" 'length > 80 { print name ":" NR; bad = 1 } END { exit bad }'
    done
}

#
# The run
#

# Whoever runs it knows how many run: those that have a file at once.
cat >busy <<'END'
#!/bin/sh
touch "running.$$"
ls running.* | wc -l >>most
rm "running.$$"
END
chmod +x busy

if [ "$part" = thorough ]; then
    check 'no memory is left' nothing_is_leaked
else
    check 'each says how it is called' usage all_errors checksum commands map progress race reduce slots sort stop trace
    check 'checksum prints what sum prints' checksum_is_that_of_sum
    check 'checksum tells of a file that cannot be read, and waits for one that is late' checksum_tries_again
    check 'map prints factors in order' map_finds_factors_in_order
    check 'map: the first error is told' map_tells_the_first_error
    check 'for draws the Mandelbrot set' for_draws_a_picture
    check 'commands runs all, and keeps the output of each together' commands_runs_all
    check 'commands: the first failure ends the others, and is told' commands_stops_at_the_first_failure
    check 'commands stays within the jobs of make' commands_keeps_to_make
    check 'race prints what the first success said' race_prints_what_the_winner_said
    check 'race: if none succeeds an error is told' race_tells_the_first_error_if_none_wins
    check 'pipeline writes what it has read in order' pipeline_keeps_the_order
    check 'pipeline tells of what it cannot read or write' pipeline_tells_of_errors
    check 'all_errors tells all of them' all_errors_tells_all
    check 'progress says how far it is' progress_says_how_far_it_is
    check 'slots counts as grep does' slots_counts_as_grep_does
    check 'slots: patterns and files that are none are told' slots_tells_of_errors
    check 'trace shows the calls that led to a panic' trace_shows_the_calls
    check 'reduce adds up what its workers did' reduce_adds_up
    check 'sort puts lines in order' sort_sorts
    check 'stop ends by SIGINT' stop_ends_by_a_signal INT
    check 'stop ends by SIGTERM' stop_ends_by_a_signal TERM
    check 'stop ends by the first error' stop_ends_by_an_error
    check 'they are short' they_are_short
fi

finish
