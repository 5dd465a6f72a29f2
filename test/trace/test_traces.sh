#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/trace/test_traces.sh BUILD [full]
#
# What a panic's backtrace says of a program that was compiled, linked and stripped in one way or another: a small
# program is built against the library in BUILD, run, and its output compared. `full` takes every combination of
# compiler, optimisation and debug information, without it there are a few. Prints TAP. What the machine has not got
# (clang, eu-addr2line) is reported as skipped. The compiler is $CC or cc.
set -u
unset ERRGROUP_DEBUG_DIR
library=$(CDPATH='' cd -- "$1" && pwd)/src
full=${2:-}
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
include=$top/include
cc=${CC:-cc}
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"
# By a name without blanks, as its options are split into words.
ln -s "$library" library
library=$work/library

need() {
    command -v "${1%% *}" >/dev/null 2>&1 || skip "no ${1%% *}"
}

#
# The program
#

cat >probe.c <<'END'
#include <errgroup.h>
#include <inttypes.h>
#include <stdlib.h>

#define KEEP __attribute__((noinline))
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static inline __attribute__((always_inline)) void probe_inlined(int number)
{
	if (number > 2)
		eg_panic("number %d", number); /* in probe_inlined */
}

static KEEP void probe_inner(int number)
{
	probe_inlined(number); /* in probe_inner */
	NO_TAIL_CALL();
}

static KEEP int probe_task(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	probe_inner(*(int *)arg); /* in probe_task */
	NO_TAIL_CALL();
	return 0;
}

/* Runs the command that it is given between the panic and the look-up of names; says last whether faults can be errors. */
int main(int argc, char **argv)
{
	struct eg_frame frame = EG_FRAME_INIT;
	eg_group group = EG_GROUP_INIT;
	const eg_error *error;
	int number = 3;

	eg_group_go(&group, probe_task, &number);
	if (eg_group_wait(&group) != EG_EPANIC)
		return 1;
	if (argc > 1 && system(argv[1]) != 0)
		return 2;
	error = eg_group_error(&group);
	for (size_t i = 0; eg_error_frame(error, i, &frame) == 0; i++)
		fprintf(stderr, "%s %s %s:%" PRIu32 " 0x%" PRIx64 " %s\n", frame.inlined ? "inlined" : "called",
			frame.function ? frame.function : "??", frame.file ? frame.file : "??", frame.line,
			frame.offset, frame.build_id);
	eg_error_print(error, stdout);
	eg_group_destroy(&group);
	if (argc > 2)
		printf("faults: %d\n", eg_fault_set_mode(EG_FAULT_GO));
	return 0;
}
END

# build NAME COMPILER OPTION...: against the shared library, or the static one where -static or -archive is said.
build() {
    name=$1
    compiler=$2
    shift 2
    link="-L$library -Wl,-rpath,$library -lerrgroup"
    for option in "$@"; do
        case $option in
        -static*)
            [ -e "$library/liberrgroup.a" ] || skip "no static library with this default_library"
            link="-L$library -l:liberrgroup.a -pthread"
            ;;
        esac
    done
    # Compilers and options are split into words on purpose.
    # shellcheck disable=SC2086
    $compiler -w "-I$include" "$@" -o "$name" probe.c $link || return 1
}

lacks() {
    if grep -F -e "$2" "$1"; then
        return 1
    fi
}

line_of() {
    grep -n "/\* in $1 \*/" probe.c | cut -d : -f 1
}

# One line a frame, as "function file:line" or "function", from what eg_error_print wrote.
frames_of_text() {
    sed -e '1,/\[running\]:$/d' -e '/^created by/,$d' "$1" | sed 'N; s/(\.\.\.)\n/\n/; s/\n\t/ /; s/ ([^)]*)$//' |
        sed -e 's/ [^ ]*+0x[0-9a-f]*$//' -e 's| [^ ]*/\([^/ ]*:[0-9]*\)$| \1|'
}

# shows FILE LINE...: the program's frames begin with these.
shows() {
    file=$1
    shift
    printf '%s\n' "$@" >expected
    frames_of_text "$file" | head -n $# | diff expected - || { cat "$file"; return 1; }
}

with_lines() {
    shows "$1" "probe_inlined probe.c:$(line_of probe_inlined)" "probe_inner probe.c:$(line_of probe_inner)" \
        "probe_task probe.c:$(line_of probe_task)"
}

build_id() {
    eu-readelf -n "$1" | sed -n 's/.*Build ID: //p'
}

has_libdw() {
    build has-libdw "$cc" -g -O1
    ./has-libdw 2>/dev/null | grep -q 'probe\.c:[0-9]'
}

#
# The cases
#

names_lines() {
    has_libdw || skip 'no libdw'
    need "$1"
    build program "$@" || skip "$1 does not take $*"
    ./program >out 2>err
    with_lines out
}

# Without the .dwo files, which are searched for nowhere: what the program itself has.
split_debug_information() {
    has_libdw || skip 'no libdw'
    build program "$cc" -g -gsplit-dwarf -O1
    rm -f ./*.dwo
    ./program >out 2>err
    shows out "probe_inner probe.c:$(line_of probe_inlined)" "probe_task probe.c:$(line_of probe_task)"
}

# Names come from files, which anybody may have written.
names_are_no_commands() {
    need objcopy
    has_libdw || skip 'no libdw'
    escape=$(printf '\033')
    cat >hostile.c <<'END'
#include <errgroup.h>

__attribute__((noinline)) void hostile(void);
#line 7 "dir\033[2J/\xc2\x9b.c"
void hostile(void)
{
	eg_panic("hostile");
}

static int task(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	hostile();
	return 0;
}

int main(void)
{
	eg_group group = EG_GROUP_INIT;

	eg_group_go(&group, task, 0);
	(void)!eg_group_wait(&group);
	eg_error_print(eg_group_error(&group), stdout);
	eg_group_destroy(&group);
	return 0;
}
END
    $cc -w "-I$include" -g -O1 -fPIE -c hostile.c
    objcopy --redefine-sym "hostile=hostile$escape[2J" hostile.o
    $cc -o "hostile$escape[2J" hostile.o "-L$library" "-Wl,-rpath,$library" -lerrgroup
    ./"hostile$escape[2J" >out
    cat -v out
    lacks out "$escape"
    grep -qF 'dir\033[2J/\302\233.c:9 (hostile\033[2J+0x' out
    # Without debug information the name is the symbol's.
    strip -g "hostile$escape[2J"
    ./"hostile$escape[2J" >out
    cat -v out
    lacks out "$escape"
    grep -qF 'hostile\033[2J(...)' out
}

# Without .eh_frame_hdr stacks cannot be followed, and no fault recovered: with the library in it the program is told.
tables_may_be_missing() {
    build program "$cc" -g -O1 "$@" || skip "no static libraries"
    ./program true faults >out 2>err
    grep -q '^panic: number 3$' out
    grep -q '^created by main$' out
    grep -q '^probe_inner' out
    case $* in
    -static*) grep -q '^faults: -95$' out ;;
    esac
}

# In a mount namespace of its own, as in a chroot that lacks it.
proc_may_be_missing() {
    need unshare
    has_libdw || skip 'no libdw'
    build program "$cc" -g -O1
    cat >within <<'END'
umount -l /proc || exit 77
"$@"
END
    unshare -m sh within true 2>unshared || skip "no mount namespaces: $(cat unshared)"
    unshare -m sh within "$work/program" >out 2>err
    with_lines out
}

static_names_functions() {
    build program "$cc" -g -O1 "$@" || skip "no static libraries"
    ./program >out 2>err
    shows out probe_inner probe_task
    grep -q '^called probe_task ??:0 0x[0-9a-f]* [0-9a-f]\{16\}' err || skip 'no build id'
}

started_through_the_loader_names_lines() {
    need readelf
    has_libdw || skip 'no libdw'
    build program "$cc" -g -O2
    "$(readelf -l program | sed -n 's/.*interpreter: \(.*\)\]/\1/p')" ./program >out 2>err
    with_lines out
    grep -q '(program+0x' out
}

# Something of the name of libdw that has none of its functions.
mkdir fake
echo 'int nothing;' >fake/nothing.c

without_libdw_functions_are_named() {
    $cc -shared -fPIC -o fake/libdw.so.1 fake/nothing.c
    for options in '-O1 -g' '-O2'; do
        # shellcheck disable=SC2086
        build program "$cc" $options
        LD_LIBRARY_PATH=fake ./program >out 2>err
        shows out probe_inner probe_task
    done
    strip --strip-debug program
    LD_LIBRARY_PATH=fake ./program >out 2>err
    shows out probe_inner probe_task
}

# strips HOW: program is stripped of program.full, and both have run.
strips() {
    build program.full "$cc" -g -O2 "$@"
    cp program.full program
    strip program
    ./program.full >full.out 2>full.err
    ./program >out 2>err
}

stripped_shows_places() {
    need eu-readelf
    strips
    shows out '??' '??'
    id=$(build_id program.full)
    [ -n "$id" ]
    [ "$(grep -c "^	program+0x[0-9a-f]* (build-id $(echo "$id" | cut -c 1-8))\$" out)" -ge 2 ]
    # The same calls as the unstripped program shows, inlined ones aside.
    awk '$1 == "called" { print $4, $5 }' full.err >expected
    awk '{ print $4, $5 }' err | diff expected -
    [ "$(awk '{ print $5 }' err | sort -u)" = "$id" ]
}

# The commands that eg_error_frame(3) shows. eu-addr2line says of an inlined call also where, which frames do not.
# resolve BUILD-ID TEXT FILE TOOL
resolve() {
    sed -n "s/.*+\\(0x[0-9a-f]*\\).*build-id $1)\$/\\1/p" "$2" | $4 -f -i -e "$3" |
        sed 'N; s/ inlined at [^\n]*//; s|\n[^\n]*/|\n|; s/\n/ /; s/:\([0-9]*\):[0-9]*$/:\1/; s/ (discriminator.*//'
}

# stripped_resolves TOOL OPTION...: the stripped program's text gives, elsewhere, what the unstripped one printed.
stripped_resolves() {
    tool=$1
    shift
    need "$tool"
    has_libdw || skip 'no libdw'
    # eu-addr2line looks units up in an index, which clang writes only when it is told to.
    if $cc -Werror -gdwarf-aranges -c -o aranges.o fake/nothing.c 2>/dev/null; then
        set -- "$@" -gdwarf-aranges
    fi
    strips "$@"
    mkdir -p elsewhere
    objcopy --only-keep-debug program.full elsewhere/program.debug
    with_lines full.out
    frames_of_text full.out | sed 's/^\(main\|__libc.*\|start_thread\|clone3*\|??\).*//; /^$/d' >expected
    id=$(sed -n 's/.*(build-id \([0-9a-f]*\))$/\1/p' out | head -n 1)
    for file in program.full elsewhere/program.debug; do
        resolve "$id" out $file "$tool" >resolved
        head -n "$(wc -l <expected)" resolved | diff expected -
    done
    if command -v eu-readelf >/dev/null; then
        eu-readelf -n elsewhere/program.debug | grep -q "Build ID: $id"
    fi
}

# Puts a debug file where the program's build id leads.
place_debug_file() {
    id=$(build_id "$2")
    target=$1/.build-id/$(echo "$id" | cut -c 1-2)/$(echo "$id" | cut -c 3-).debug
    mkdir -p "${target%/*}"
    cp "$3" "$target"
}

debug_folder_names_lines() {
    need eu-readelf
    has_libdw || skip 'no libdw'
    strips
    objcopy --only-keep-debug program.full program.debug
    place_debug_file folder program program.debug
    ERRGROUP_DEBUG_DIR=$work/folder ./program >out 2>err
    with_lines out
    diff full.err err
    # The program's own file is not needed then.
    ERRGROUP_DEBUG_DIR=$work/folder ./program 'rm program' >out 2>err
    with_lines out
}

debug_folder_is_used_by_build_id_only() {
    need eu-readelf
    build other "$cc" -g -O0
    strips
    place_debug_file wrong program other
    ERRGROUP_DEBUG_DIR=$work/wrong ./program >out 2>err
    shows out '??' '??'
    objcopy --only-keep-debug program.full program.debug
    place_debug_file folder program program.debug
    for value in '' folder "$work/missing" "$work/program" "/$(printf '%5000s' x | tr ' ' y)"; do
        ERRGROUP_DEBUG_DIR=$value ./program >out 2>err
        shows out '??' '??'
    done
}

debug_link_is_not_followed() {
    strips
    objcopy --only-keep-debug program.full program.debug
    objcopy --add-gnu-debuglink=program.debug program
    ./program >out 2>err
    shows out '??' '??'
}

# The program that runs is reached although its name is another's now; without a build id just as well.
replaced_program_keeps_its_names() {
    for id in sha1 none; do
        build other "$cc" -O0 -g "-Wl,--build-id=$id" -Dprobe_inner=wrong_inner -Dprobe_task=wrong_task
        build program "$cc" -O2 -g "-Wl,--build-id=$id"
        ./program 'mv other program' >out 2>err
        lacks out wrong
        build program "$cc" -O2 -g "-Wl,--build-id=$id"
        ./program 'rm program' >out 2>err
        shows out "probe_inlined probe.c:$(line_of probe_inlined)" || shows out probe_inner probe_task
    done
}

# Sixty-odd functions with names of 2,000 bytes, as templates have them, on top of each other.
long_names_are_cut() {
    awk 'BEGIN {
        name = sprintf("%1990s", ""); gsub(/ /, "n", name)
        print "#include <errgroup.h>\n#include <stdio.h>"
        print "static __attribute__((noinline)) void f0(int n) { if (n > 0) eg_panic(\"%d\", n); }"
        before = "f0"
        for (i = 1; i <= 62; i++) {
            printf "static __attribute__((noinline)) void f%d_%s(int n) { %s(n); __asm__ volatile(\"\"); }\n", \
                i, name, before
            before = "f" i "_" name
        }
        print "static int task(eg_ctx *ctx, void *arg) { " before "(1); return 0; }"
        print "int main(void) { eg_group g = EG_GROUP_INIT; struct eg_frame f = EG_FRAME_INIT; int n = 0;"
        print "(void)!eg_group_go(&g, task, NULL); (void)!eg_group_wait(&g);"
        print "eg_error_print(eg_group_error(&g), stdout);"
        print "for (size_t i = 0; eg_error_frame(eg_group_error(&g), i, &f) == 0; i++)"
        print "n += f.function && f.function[0] == 102 && f.function[100] == 110 && f.function[1990] == 110;"
        print "fprintf(stderr, \"%d\\n\", n); return eg_group_destroy(&g); }"
    }' >long.c
    # shellcheck disable=SC2086
    $cc -w -O1 -g "-I$include" -o long long.c "-L$library" "-Wl,-rpath,$library" -lerrgroup
    ./long >out 2>err
    [ "$(wc -c <out)" -lt 65536 ]
    [ "$(wc -c <out)" -gt 50000 ]
    [ "$(awk 'length > most { most = length } END { print most }' out)" -lt 1100 ]
    grep -q '^f0(\.\.\.)$' out
    grep -q '^task(\.\.\.)$' out
    grep -q '^\.\.\.[0-9]* frames elided\.\.\.$' out
    grep -q '^created by main$' out
    # To programs they are given whole, up to 4,096 bytes; without libdw's names, from the symbol table, up to 511.
    ! has_libdw || [ "$(cat err)" -ge 55 ]
}

check 'gcc or clang, the default' names_lines "$cc" -g -O2
check 'no optimisation' names_lines "$cc" -g -O0
check 'clang, whose units have no index' names_lines clang -g -O2
check 'line tables only' names_lines "$cc" -g1 -O2
check 'DWARF 4' names_lines "$cc" -gdwarf-4 -O2
check 'optimised at link time' names_lines "$cc" -g -O2 -flto
check 'a program at a fixed place' names_lines "$cc" -g -O2 -no-pie -fno-pie
check 'compressed debug information' names_lines "$cc" -g -O2 -gz
check 'no build id' names_lines "$cc" -g -O2 -Wl,--build-id=none
if [ -n "$full" ]; then
    for compiler in gcc clang; do
        for level in -O0 -O1 -O2 -O3 -Os '-O2 -flto -fuse-ld=lld' '-O2 -flto'; do
            for debug in -g -g1 '-g -gdwarf-3' '-g -gdwarf-4' '-g -gdwarf-5' '-g -ggdb3' '-g -gz'; do
                for place in '-fPIE -pie' '-fno-pie -no-pie'; do
                    # shellcheck disable=SC2086
                    check "$compiler $level $debug $place" names_lines $compiler $level $debug $place
                done
            done
        done
    done
fi
check 'split debug information gives lines of the outer functions' split_debug_information
check 'a static program has its functions named' static_names_functions -static
check 'a static program at any place has its functions named' static_names_functions -static-pie
check 'a program started through the loader has its lines named' started_through_the_loader_names_lines
check 'a static program without unwind tables runs, and says where the task was created' \
    tables_may_be_missing -static-pie -Wl,--no-eh-frame-hdr
check 'so does one that is not at any place' tables_may_be_missing -static -Wl,--no-eh-frame-hdr
check 'so does one that only has this library in it' tables_may_be_missing -static-libgcc -Wl,--no-eh-frame-hdr
check 'so does one with the shared library' tables_may_be_missing -Wl,--no-eh-frame-hdr
check 'without /proc lines are named' proc_may_be_missing
check 'without libdw functions are named, static ones too' without_libdw_functions_are_named
check 'a stripped program shows module, offset and build id' stripped_shows_places
check 'its text resolves elsewhere with eu-addr2line' stripped_resolves eu-addr2line
check 'so does that of a program at a fixed place' stripped_resolves eu-addr2line -no-pie -fno-pie
check 'and with llvm-addr2line' stripped_resolves llvm-addr2line
check 'a folder of debug files, when asked for, names lines' debug_folder_names_lines
check 'files there are used by their build id only' debug_folder_is_used_by_build_id_only
check 'a debug link is not followed' debug_link_is_not_followed
check 'a program that was replaced or removed keeps its names' replaced_program_keeps_its_names
check 'names that a terminal would act on are escaped' names_are_no_commands
check 'text of long names is cut at 64 KiB and keeps both ends' long_names_are_cut
finish
