#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tools that look for data races in programs say nothing of a program without any that uses the library as it is installed,
# and find the one of a program that has one: ThreadSanitizer, with each compiler that there is, and helgrind.
#
#     sh test/stress/test_races.sh [BUILD [PROGRAM]]        build/ and test/stress/races.c unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
build=$(CDPATH='' cd -- "$build" && pwd) || exit 1
program=${2:-$top/test/stress/races.c}
unset TSAN_OPTIONS

# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

[ -e "$build/src/liberrgroup.so" ] || skip_all 'no liberrgroup.so with this default_library'

# compile COMPILER FLAG... OUTPUT
compile() {
    compiler=$1
    shift
    "$compiler" -std=gnu11 -D_GNU_SOURCE -g -O1 -pthread "-I$top/include" "$@" "-L$build/src" -lerrgroup \
        "-Wl,-rpath,$build/src"
}

# sanitized COMPILER: the program, built so. Some kernels do not let such programs run.
sanitized() {
    command -v "$1" >/dev/null || skip "no $1"
    echo 'int main(void) { return 0; }' >nothing.c
    "$1" -fsanitize=thread nothing.c -o nothing && ./nothing || skip "no ThreadSanitizer with $1"
    compile "$1" -fsanitize=thread "$program" -o races
}

gcc_is_silent() {
    sanitized gcc
    exits 0 ./races 10
}

gcc_finds_the_race() {
    sanitized gcc
    exits 66 ./races race 2>found
    has found 'WARNING: ThreadSanitizer: data race'
    has found task_race
}

clang_is_silent() {
    sanitized clang
    exits 0 ./races 10
}

clang_finds_the_race() {
    sanitized clang
    exits 66 ./races race 2>found
    has found 'WARNING: ThreadSanitizer: data race'
    has found task_race
}

# helgrind PROGRAM-ARGUMENT
helgrind() {
    command -v valgrind >/dev/null || skip 'no valgrind'
    compile "${CC:-cc}" "$program" -o races
    valgrind -q --tool=helgrind "--suppressions=$top/docs/helgrind.supp" --error-exitcode=9 ./races "$1"
}

helgrind_is_silent() {
    exits 0 helgrind 1
}

helgrind_finds_the_race() {
    exits 9 helgrind race 2>found
    has found 'Possible data race'
    has found task_race
}

check 'a program built with gcc and ThreadSanitizer has no reports' gcc_is_silent
check 'but of its own race' gcc_finds_the_race
check 'a program built with clang and ThreadSanitizer has no reports' clang_is_silent
check 'but of its own race' clang_finds_the_race
check 'helgrind, with the suppressions that are installed, has none' helgrind_is_silent
check 'but of its own race' helgrind_finds_the_race
finish
