#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_small.sh DIR
#
# Runs the examples of one file, hello, search, loop and crash, built in DIR, and prints TAP, a line for each behaviour.
set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"

hello_works() {
    exits 1 "$programs/hello" >out
    [ "$(head -n 1 out)" = '5 10 35 20' ]
    has out '35 has no half'
}

search_prints_in_order() {
    exits 0 "$programs/search" 'a query' >out
    printf '%s result for "a query"\n' web image video | cmp - out
}

search_shows_no_control_characters() {
    exits 0 "$programs/search" "$controls" >out
    printf '%s result for "'"$controls"'"\n' web image video | cmp - out
    has_terminals || return 0
    TERM=dumb on_a_terminal "'$programs/search' '$controls'"
    grep ' result for ' screen | tr -d '\r' >line
    is_harmless line 'web result for'
}

search_fails_with_the_first_error() {
    exits 1 "$programs/search" '' >out 2>err
    is_empty out
    has err 'an empty query'
}

loop_counts_in_order() {
    printf '%s\n' 'limit 3' 'primes 100000' 'primes 1000' stats 'primes 2' | exits 0 "$programs/loop" >out 2>err
    is_empty err
    grep -q '^[0-9]* done, [0-9]* running, at most 3$' out
    grep : out >counts
    printf '%s\n' '100000: 9592' '1000: 168' '2: 0' | cmp - counts
    exits 0 "$programs/loop" </dev/null >out
    is_empty out
    echo 'primes 1000' | exits 0 "$programs/loop" 8 >out
    has out '1000: 168'
}

loop_stops() {
    printf '%s\n' 'primes 1000000000000' 'primes 10' stop | exits 1 "$programs/loop" >out 2>err
    is_empty out
    has err 'loop: stopped by a command'
}

loop_tells_of_what_it_does_not_know() {
    printf '%s\n' 'prime 10' 'limit 0' 'primes 10' | exits 0 "$programs/loop" >out 2>err
    has err 'loop: Invalid argument: prime 10'
    has err 'loop: Invalid argument: limit 0'
    echo '10: 4' | cmp - out
}

# The kinds that crash shows, and what their reports begin with. Of faults sanitizers make errors of their own.
crash_kinds() {
    if is_sanitized "$programs/crash"; then
        echo panic
    else
        echo nil division abort assert wild call overflow panic
    fi
}

crash_message() {
    case $1 in
    nil) echo 'fault: nil pointer dereference' ;;
    division) echo 'fault: integer division by zero' ;;
    abort) echo 'fault: abort() called' ;;
    assert) echo 'fault: assertion failed: order->quantity >= 0 (' ;;
    wild) echo 'fault: wild pointer' ;;
    call) echo 'fault: call of a nil pointer' ;;
    overflow) echo 'fault: stack overflow' ;;
    panic) echo 'panic: order 4: quantity -2' ;;
    esac
}

# The function in which it happened; with its line, the text that stands there in the source.
crash_function() {
    case $1 in
    nil | wild) echo order_read_discount 'customer->discount;' ;;
    division) echo order_split '/ order->parts' ;;
    abort) echo order_give_up ' abort();' ;;
    assert) echo order_assert_quantity ' assert(' ;;
    call) echo order_add_tax 'order->tax(' ;;
    overflow) echo order_sum_up 'order_sum(order, 0)' ;;
    panic) echo order_check_quantity 'eg_panic(' ;;
    esac
}

crash_finishes_the_other_tasks() {
    for kind in $(crash_kinds); do
        exits 1 "$programs/crash" $kind >out 2>err
        echo "$kind: 6 of 7 orders priced" | cmp - out
    done
}

crash_names_the_kind() {
    for kind in $(crash_kinds); do
        exits 1 "$programs/crash" $kind >out 2>err
        has err "$(crash_message $kind)"
        [ "$(grep -c '^worker [0-9]*, task 3 \[running\]:$' err)" -eq 1 ]
    done
}

# A frame is a function and, on the next line, its file and line.
crash_names_the_functions() {
    for kind in $(crash_kinds); do
        exits 1 "$programs/crash" $kind >out 2>err
        for function in "$(crash_function $kind | cut -d ' ' -f 1)" order_compute_total order_price; do
            grep -A 1 "^$function(\.\.\.)\$" err | grep -q 'crash\.c:[1-9]' || { echo "no $function:"; cat err; return 1; }
        done
    done
}

crash_names_the_lines() {
    for kind in $(crash_kinds); do
        exits 1 "$programs/crash" $kind >out 2>err
        crash_function $kind >where
        read -r function text <where
        line=$(grep -nF -- "$text" "$top/docs/examples/crash.c" | head -n 1 | cut -d : -f 1)
        # The two lines of a frame are joined; an overflow shows other frames first.
        sed -n "/^$function(/{N;s/\n//;p;}" err | grep -q "crash\.c:$line " || { echo "$line"; cat err; return 1; }
    done
}

crash_names_the_creator() {
    for kind in $(crash_kinds); do
        exits 1 "$programs/crash" $kind >out 2>err
        grep -q '^created by orders_submit$' err || { cat err; return 1; }
        grep -A 1 'created by' err | grep -q 'crash\.c:[1-9]' || { cat err; return 1; }
    done
}

crash_shows_no_control_characters() {
    exits 2 "$programs/crash" "$controls" >out 2>err
    has_not err "$controls"
}

crash_survives_one_after_the_other() {
    # Split into words on purpose.
    # shellcheck disable=SC2046
    exits 1 "$programs/crash" $(crash_kinds) $(crash_kinds) >out 2>err
    [ "$(grep -c ': 6 of 7 orders priced$' out)" -eq "$(crash_kinds | wc -w | awk '{ print 2 * $1 }')" ]
    exits 2 "$programs/crash" nothing >out 2>err
    is_empty out
    has err 'no such kind: argument 1'
}

#
# The run
#

check 'hello prints results and the first error' hello_works
check 'search prints its results in a fixed order' search_prints_in_order
check 'search: what it is asked for does not reach the terminal' search_shows_no_control_characters
check 'search fails with the first error' search_fails_with_the_first_error
check 'loop counts, and prints in order' loop_counts_in_order
check 'loop gives up when it is told so' loop_stops
check 'loop tells of lines that it does not know, and goes on' loop_tells_of_what_it_does_not_know
check 'crash: the tasks beside the one that fails complete and are counted' crash_finishes_the_other_tasks
check 'crash: the kind of failure is named' crash_names_the_kind
check 'crash: the backtrace names functions with file and line' crash_names_the_functions
check 'crash: the line is that of the failure' crash_names_the_lines
check 'crash: the site that created the task is named' crash_names_the_creator
check 'crash: its arguments do not reach the terminal' crash_shows_no_control_characters
check 'crash: one kind after the other, twice' crash_survives_one_after_the_other

finish
