#!/bin/sh
# SPDX-License-Identifier: MIT
#
# test/tally.py counts what programs say in TAP, and what they do not say: that they ended early, or with a status that no
# case accounts for, as tools that look for leaks and races leave it when all cases have passed.
#
#     sh test/checks/test_tally.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

# tallies STATUS TOTAL CODE LINE...: what is made of a program that has printed these lines and ended with that code.
tallies() {
    status=$1
    total=$2
    code=$3
    shift 3
    printf '%s\n' "$@" >program.tap
    exits "$status" python3 -B "$top/test/tally.py" "program:$code:0=program.tap" >out
    [ "$(tail -n 1 out)" = "$total" ] || { cat out; return 1; }
}

check 'cases are counted' tallies 0 '1 passed, 0 failed, 1 skipped' 0 1..2 'ok 1 - this' 'ok 2 - that # SKIP not here'
check 'so are those that cmocka skips' tallies 0 '1 passed, 0 failed, 1 skipped' 0 1..2 'ok 1 - this' 'not ok 2 # SKIP that'
check 'a program that was skipped is one case' tallies 1 '0 passed, 0 failed, 1 skipped' 0 '1..0 # SKIP not here'
check 'a case that fails is no second one by the status' tallies 1 '1 passed, 1 failed, 0 skipped' 1 1..2 'ok 1 - this' 'not ok 2 - that'
check 'a program that ends early has failed' tallies 1 '1 passed, 1 failed, 0 skipped' 0 1..2 'ok 1 - this'
check 'one without a plan, too' tallies 1 '1 passed, 1 failed, 0 skipped' 0 'ok 1 - this'
check 'a status that no case accounts for is a failure' tallies 1 '1 passed, 1 failed, 0 skipped' 23 1..1 'ok 1 - this'
check 'whatever was skipped' tallies 1 '1 passed, 1 failed, 1 skipped' 23 1..2 'ok 1 - this' 'ok 2 - that # SKIP not here'
finish
