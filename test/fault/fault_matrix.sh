#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Faults in programs built by other compilers, with other options: builds test/fault/fault_runner.c in each way, runs it, and
# speaks TAP, a case for each way.
#
#     sh test/fault/fault_matrix.sh [BUILD]        BUILD is build/ unless given; its library is the one that is used
#
# {gcc, clang} x {-O0, -O2, -O3 -flto} x _FORTIFY_SOURCE {0, 2, 3} x {no sanitizer, address, thread, undefined},
# without _FORTIFY_SOURCE at -O0, which ignores it. For ThreadSanitizer, which has to see the library's
# synchronisation, the library is built along. Last, the library in the program itself, optimised across files.
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
build=${1:-$top/build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
# By a name without blanks, as its options are split into words.
ln -s "$build" "$work/build"
build=$work/build
cd "$top" || exit 1
# shellcheck source=test/packages.sh
. "$top/test/packages.sh"
need_packages gcc clang libclang-rt-dev lld libck-dev >&2 || exit 1

# Sanitizers are to leave the signals to the library, and not to find what the runner does on purpose.
ASAN_OPTIONS="detect_leaks=0:detect_stack_use_after_return=0:allow_user_segv_handler=1"
UBSAN_OPTIONS="halt_on_error=0:print_summary=0"
TSAN_OPTIONS="halt_on_error=0:exitcode=66:report_signal_unsafe=0"
export ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS

# Of what the runner or the compiler has said, the end of what is no success. A way that has left nothing has failed, too.
report_ways() {
    way=0
    while [ $way -lt $ways ]; do
        grep -v '^ok' "$work/$way.output" | tail -n 30 >"$work/why"
        report "$(cat "$work/$way.name")" "$(cat "$work/$way.status" || echo 1)"
        way=$((way + 1))
    done
}

# beside FUNCTION ARGUMENT...: the function with the number of the next way before its arguments; as many at once as there
# are CPUs.
ways=0
beside() {
    function=$1
    shift
    "$function" "$ways" "$@" &
    ways=$((ways + 1))
    [ $((ways % $(nproc))) -ne 0 ] || wait
}

language="-std=gnu11 -D_GNU_SOURCE -g -pthread -Iinclude"
program="test/fault/fault_runner.c test/fault/fault_kinds.c"
library_options="-DEGI_BUILD -Isrc -fno-strict-aliasing -ftls-model=initial-exec -fvisibility=hidden"
shared="-L$build/src -Wl,-rpath,$build/src -lerrgroup"

# The library's objects, into a folder: compiler, folder, options.
build_library() {
    mkdir -p "$2"
    for source in $(find src -name '*.c'); do
        echo "$source $(echo "${source%.c}" | tr / -)"
    done | xargs -P "$(nproc)" -L 1 sh -c "
        $1 $language $library_options $3 -c \"\$0\" -o \"$2/\$1.o\" || exit 255" >&2
}

# built NUMBER NAME COMPILER OPTIONS LIBRARIES: builds the runner, runs it, and leaves how that went.
built() {
    echo "$2" >"$work/$1.name"
    # shellcheck disable=SC2086
    $3 $language $4 $program $5 -lm -o "$work/$1.program" >"$work/$1.output" 2>&1 &&
        "$work/$1.program" 2000 500 20 >"$work/$1.output" 2>&1
    echo $? >"$work/$1.status"
    rm -f "$work/$1.program"
}

# way NUMBER COMPILER LEVEL FORTIFY SANITIZER
way() {
    options="$3"
    libraries=$shared
    [ "$4" -eq 0 ] || options="$options -D_FORTIFY_SOURCE=$4"
    case $2$3 in clang*lto) options="$options -fuse-ld=lld" ;; esac
    case $5 in
    none) ;;
    # As the runner divides by zero on purpose, the division still has to happen after it was reported.
    thread) options="$options -fsanitize=thread" libraries="$work/$2-tsan/*.o -ldl" ;;
    *) options="$options -fsanitize=$5" ;;
    esac
    built "$1" "$2 $3, fortify $4, sanitizer $5" "$2" "$options" "$libraries"
}

# whole NUMBER COMPILER OPTIONS: the library in the program itself
whole() {
    built "$1" "$2 $3, the library in the program" "$2" "$3" "$work/$2-lto/*.o -ldl"
}

for compiler in gcc clang; do
    build_library $compiler "$work/$compiler-tsan" "-O1 -fsanitize=thread -Itest/tsan"
    for sanitizer in none address thread undefined; do
        beside way $compiler -O0 0 $sanitizer
        for fortify in 0 2 3; do
            beside way $compiler -O2 $fortify $sanitizer
            beside way $compiler "-O3 -flto" $fortify $sanitizer
        done
    done
done
for compiler in gcc clang; do
    options="-O3 -flto"
    [ $compiler = gcc ] || options="$options -fuse-ld=lld"
    build_library $compiler "$work/$compiler-lto" "$options"
    beside whole $compiler "$options"
done
wait
report_ways
finish
