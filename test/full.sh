# SPDX-License-Identifier: MIT
#
# Sourced by test/run for --full: the same tests in other builds. Each build has a folder build-NAME; what a build is
# there to find is said at its head.

export UBSAN_OPTIONS=print_stacktrace=1
# The last: LeakSanitizer crashes on its guess about the thread-local data of libraries loaded at run time.
export ASAN_OPTIONS=use_sigaltstack=0:strict_string_checks=1:abort_on_error=0:detect_stack_use_after_return=1:intercept_tls_get_addr=0
# A forked child may start threads of its own, and need not sleep a second before it ends; history is deep enough to
# show the older access of most races.
export TSAN_OPTIONS="die_after_fork=0:history_size=4:second_deadlock_stack=1:atexit_sleep_ms=20"

# available NAME PACKAGE...: makes sure of packages that not every release of Debian has. Without them NAME is skipped.
available() {
    available_name=$1
    shift
    need_packages "$@" && return 0
    speaks_tap "$available_name-packages" printf '1..1\nok 1 - %s # SKIP not to be had: %s\n' "$available_name" "$*"
    return 1
}

# What does not depend on how the library was built is looked at once, in the build with the default options.
once='--no-suite checks --no-suite programs --no-suite thorough'

# Warnings, and how sanitizers call their runtimes, which the explorer stands in for, differ from version to version; the
# newest runs all tests, and optimises. gcc's warnings are errors in its builds below.
say "clang, the distribution's and newer ones, every warning an error"
for clang in clang clang-16; do
    if available $clang $clang && CC=$clang build $clang build-$clang --werror -Doptimization=0; then
        step $clang-explore build-$clang/test/explore/explore limit_shared_by_groups --delay 2
    fi
done
if available clang-19 clang-19 && CC=clang-19 build clang-19 build-clang-19 --werror; then
    # shellcheck disable=SC2086
    tests clang-19 build-clang-19 $once
fi

# The emulator keeps the memory order of the machine that it runs on. What it cannot do is skipped by test/support.c. The
# scripts run programs of this machine.
say "aarch64, cross-compiled and emulated: whatever differs by architecture, memory order aside"
if available aarch64 gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user &&
    step aarch64-packages sh test/aarch64.sh build-aarch64-packages; then
    # shellcheck disable=SC2086
    build aarch64 build-aarch64 --cross-file build-aarch64-packages/cross.ini --werror -Dbench=disabled \
        -Dexamples=disabled -Ddocs=disabled -Dlibdw=disabled &&
        tests aarch64 build-aarch64 --timeout-multiplier 5 $once
fi

say "release: optimised across files, assertions gone"
if CC=gcc build release build-release --werror --buildtype=release -Db_lto=true; then
    # shellcheck disable=SC2086
    tests release build-release $once
    speaks_tap release-stress build-release/test/stress --seconds 30
fi

# Twice as many as there are CPUs, which end by themselves should this script not get to it.
say "beside other programs that compute: nothing fails for want of time"
if [ -d "$build" ]; then
    loads=
    for _ in $(seq $((2 * $(nproc)))); do
        timeout 900 sh -c 'while :; do :; done' &
        loads="$loads $!"
    done
    tests busy "$build" --timeout-multiplier 3 --suite behaviour --suite stress
    # shellcheck disable=SC2086
    kill $loads
fi

say "backtraces and faults of programs built in every way: compiler, optimisation, debug information, sanitizer; a million panics"
if [ -x "$build"/test/fault_runner ]; then
    speaks_tap fault-soak "$build"/test/fault_runner 1000000 100000 1000
    begins traces-full sh "$top/test/trace/test_traces.sh" "$build" full
    speaks_tap fault-matrix sh test/fault/fault_matrix.sh "$build"
    ended
fi

say "schedules: all within a bound, and random ones, of small scenarios"
if [ -x "$build"/test/explore/explore ]; then
    speaks_tap explore-full "$build"/test/explore/explore --tap full
fi

say "AddressSanitizer and UndefinedBehaviorSanitizer: memory used after it was given back, leaks, undefined behaviour"
if CC=gcc build asan build-asan --werror -Db_sanitize=address,undefined \
    "-Dc_args=-fno-sanitize-recover=all -fno-omit-frame-pointer"; then
    # shellcheck disable=SC2086
    tests asan build-asan --timeout-multiplier 5 $once
    speaks_tap asan-stress build-asan/test/stress --seconds 30
fi

say "ThreadSanitizer: data that no atomic access orders"
if CC=gcc build tsan build-tsan -Db_sanitize=thread -Dc_args=-fno-omit-frame-pointer; then
    # shellcheck disable=SC2086
    tests tsan build-tsan --timeout-multiplier 10 $once
    speaks_tap tsan-stress build-tsan/test/stress --seconds 60
fi

say "valgrind memcheck: values read before they were written, leaks"
# Idle threads of the library's cache are alive at exit; what they hold is reachable or possibly lost, never
# definitely. Forked children are left out: they forget their parent's groups, as promised, and that is a leak.
memcheck="valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
--errors-for-leak-kinds=definite --child-silent-after-fork=yes --fair-sched=yes"
if [ -d "$build" ]; then
    ERRGROUP_TEST_SLOWDOWN=20 tests memcheck "$build" --timeout-multiplier 10 --wrapper "$memcheck" \
        --suite behaviour --no-suite fork
    # shellcheck disable=SC2086
    speaks_tap memcheck-stress $memcheck "$build"/test/stress --seconds 10
    if [ -x "$build"/docs/examples/md5all ]; then
        # shellcheck disable=SC2086
        step memcheck-md5all $memcheck "$build"/docs/examples/md5all include src
    fi
fi

say "static analysis"
if available cppcheck cppcheck; then
    # It takes the 0 that egi_store_release_u32 stores for a null pointer, and knows no system header: the macros of
    # this one are needed to read the code.
    queue=$(echo '#include <sys/queue.h>' | ${CC:-cc} -E -x c - | sed -n 's/^# 1 "\(.*queue.h\)".*/\1/p')
    step cppcheck cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --suppress=ctunullpointer:src/os/atomic.h \
        --enable=warning,performance,portability --include="$queue" -Iinclude -Isrc src
fi

say "the commands of README.md on bare machines, in one order and in another"
speaks_tap orders sh "$top/test/orders.sh"
