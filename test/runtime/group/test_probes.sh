#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The static probes: the library's file says what they are, all have one semaphore, and a tracer that raises it sees what
# happens in a group.
#
#     sh test/runtime/group/test_probes.sh [BUILD [PROGRAM]]        build/ and test/runtime/group/probes.c unless given
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../../.." && pwd) || exit 1
build=${1:-$top/build}
build=$(CDPATH='' cd -- "$build" && pwd) || exit 1
program=${2:-$top/test/runtime/group/probes.c}

# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

library=$build/src/liberrgroup.so
[ -e "$library" ] || skip_all 'no liberrgroup.so with this default_library'
command -v readelf >/dev/null || skip_all 'no readelf'
readelf -n "$library" >notes 2>/dev/null || true
grep -q stapsdt notes || skip_all 'the library was built without static probes'

names() {
    printf '%s\n' begin end fail over skip steal thread >names.expected
    grep -q 'Provider: errgroup' notes
    sed -n 's/^ *Name: //p' notes | sort >names
    diff names.expected names
}

one_semaphore() {
    [ "$(sed -n 's/.*Semaphore: //p' notes | sort -u | wc -l)" -eq 1 ]
    ! grep -q 'Semaphore: 0x0*$' notes
}

# Breakpoints at probes, which gdb raises the semaphore for, as tracers do.
debugger_sees_events() {
    command -v gdb >/dev/null || skip 'no gdb'
    gcc -std=gnu11 -g "-I$top/include" "$program" "-L$build/src" -lerrgroup "-Wl,-rpath,$build/src" -o probes
    ./probes
    {
        echo 'set breakpoint pending on'
        for probe in begin end fail skip thread over; do
            echo "break -probe-stap errgroup:$probe"
            echo commands
            echo silent
            # The dollars are gdb's.
            # shellcheck disable=SC2016
            case $probe in
            begin) printf '%s\n' 'printf "seen: begin %d %d\n", $_probe_arg1, $_probe_arg2' ;;
            end) printf '%s\n' 'printf "seen: end %d %d %d\n", $_probe_arg1, $_probe_arg2, $_probe_arg3' ;;
            fail) printf '%s\n' 'printf "seen: fail %d %d %d %s\n", $_probe_arg1, $_probe_arg2, $_probe_arg3, (char *)$_probe_arg5' ;;
            skip) printf '%s\n' 'printf "seen: skip %d %d\n", $_probe_arg1, $_probe_arg2' ;;
            thread) printf '%s\n' 'printf "seen: thread %d\n", $_probe_arg1' ;;
            over) printf '%s\n' 'printf "seen: over %d\n", $_probe_arg1' ;;
            esac
            echo continue
            echo end
        done
        echo run
    } >script
    gdb -nx -batch -x script ./probes >out 2>&1 </dev/null || true
    grep -q 'exited normally' out || skip "gdb cannot run it here: $(tail -n 1 out)"
    grep '^seen: ' out >seen || true
    cat >seen.expected <<'END'
seen: thread 0
seen: begin 0 0
seen: end 0 0 0
seen: begin 0 1
seen: fail 0 1 -5 on purpose
seen: end 0 1 -5
seen: skip 0 1
seen: over 3
END
    diff seen.expected seen
}

check "the library has a probe for each kind of event" names
check "all probes have the same semaphore" one_semaphore
check "a debugger at the probes sees what happens in a group" debugger_sees_events
finish
