#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_batch_peers.sh DIR
#
# Runs the example batch built in DIR beside the programs that it stands in for, GNU xargs and GNU parallel, which are given
# the same to do. Where batch(1) says that they agree, what they print, how they end and what they ran has to be the same;
# where it says that they differ, both sides are held to that. Prints TAP.
#
# Jobs that have to meet wait for files to have something in them. Whatever waits gives up some time, so a program that does
# not do its part fails the test instead of holding it up.

set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
batch=$programs/batch
newline='
'
tab='	'

# What parallel would read of its user's, and write. It runs jobs by the shell that it was started from, if it is not told.
mkdir home
export HOME="$work/home" PARALLEL_SHELL=/bin/sh
unset PARALLEL PARALLEL_HOME PARALLEL_ENV XDG_CONFIG_DIRS XDG_CONFIG_HOME XDG_CACHE_HOME
parallel='parallel --plain --will-cite'

is_gnu_xargs() {
    xargs --version 2>/dev/null | grep -q GNU
}

# There is another program of that name.
is_gnu_parallel() {
    # shellcheck disable=SC2086
    timeout 100 $parallel --version 2>/dev/null </dev/null | grep -q '^GNU parallel'
}

#
# Programs that jobs run
#

# program NAME: in this folder, a script with what standard input says.
program() {
    { echo '#!/bin/sh'; cat; } >"$1"
    chmod +x "$1"
}

# Its arguments, so that each is told from the next; by one write, as xargs -P keeps no more together.
program show <<'END'
shown=$(printf '<%s>' "$@" && echo .)
printf '%s\n' "${shown%.}"
END

# Says what it was given and ends so: by a status or by a signal.
program end <<'END'
echo "$1"
case $1 in
[0-9]*) exit "$1" ;;
*) kill -s "$1" $$ ;;
esac
END

# await FILE [TEXT]: ends when the file has something in it, or a line that begins with the text.
program await <<'END'
exec timeout 60 sh -c 'until grep -qs "^$2" "$1"; do :; done' sh "$1" "${2:-.}"
END

#
# How programs are compared
#

# says FILE STATUS COMMAND...: what it prints is in the file, what it complains of in FILE.err, and it ends with that status.
# Its jobs take less than a minute each.
says() {
    file=$1
    wanted=$2
    shift 2
    got=0
    timeout -k 10 90 "$@" >"$file" 2>"$file.err" || got=$?
    [ "$got" -eq "$wanted" ] || { echo "status $got instead of $wanted: $*"; cat "$file" "$file.err"; return 1; }
}

# alike FILE FILE...: all have the same in them.
alike() {
    first=$1
    shift
    for other; do
        cmp "$first" "$other" || { diff "$first" "$other"; return 1; }
    done
}

# only PATTERN FILE: every line is one of these, and there are some.
only() {
    [ -s "$2" ] && ! grep -vx -- "$1" "$2"
}

# by_number LOG COLUMNS: the same in the order of the jobs.
by_number() {
    fields "$2" "$1" | sort -n
}

# Whatever a shell, printf, a template or a program's options would see something in. Lines, of which the last has no end.
awkward() {
    cat <<'END'
plain
it's
a  b
 a blank on either side 
"quoted"
'
"
$HOME ${HOME} $(touch bad) `touch bad`
back\slash\n\
\
* ? [a-z]
; touch bad &
a|b<c>d(e)
#no comment
~

-n
--
-0 -I -k
:::
{}
{#} {.} {%}
!!
a=b
%s %d %%
END
    printf 'tab\there\nreturn\r\nnot ASCII: \303\274 \377\nno end'
}

# What only NUL can end, too.
awkward0() {
    awkward | tr '\n' '\0'
    printf '\0a\nb\0\n\0c\n\0\n\nd'
}

#
# xargs
#

inputs_of_xargs() {
    awkward >inputs
    says x 0 xargs -d '\n' -n 1 ./show <inputs
    says b 0 "$batch" -j 1 ./show <inputs
    alike x b
    says b 0 "$batch" -k -j 4 ./show <inputs
    alike x b
    says b 0 "$batch" -k './show' <inputs
    alike x b
    # The shell has it from batch.
    says b 0 "$batch" -k './show {} && :' <inputs
    alike x b
    [ "$(wc -l <x)" -eq "$(($(wc -l <inputs) + 1))" ]
    awkward0 >inputs
    says x 0 xargs -0 -n 1 ./show <inputs
    says b 0 "$batch" -0 -k ./show <inputs
    alike x b
    says b 0 "$batch" -0 -k './show {} && :' <inputs
    alike x b
    [ ! -e bad ]
}

words_of_xargs() {
    printf '%s\n' '  a "b c"' '' "d'e'\\f" >inputs
    says x 0 xargs -n 1 ./show <inputs
    said x '<a>' '<b c>' '<def>'
    says b 0 "$batch" -k ./show <inputs
    said b '<  a "b c">' '<>' "<d'e'\\f>"
    says x 0 xargs -d '\n' -n 1 ./show <inputs
    alike x b
}

several_inputs_of_xargs() {
    awkward >inputs
    for n in 2 7 100; do
        says x 0 xargs -d '\n' -n $n ./show before <inputs
        says b 0 "$batch" -k -n $n ./show before <inputs
        alike x b
        says x 0 xargs -d '\n' -P 4 -n $n ./show <inputs
        says b 0 "$batch" -j 4 -n $n ./show <inputs
        same_lines x b
    done
    # Without -n as many as there is room for, and one.
    says x 0 xargs -d '\n' ./show <inputs
    says b 0 "$batch" -n 1000 ./show <inputs
    alike x b
    says b 0 "$batch" ./show <inputs
    [ "$(wc -l <x) $(wc -l <b)" = "1 $(($(wc -l <inputs) + 1))" ]
}

placeholders_of_xargs() {
    awkward >inputs
    says x 0 xargs -d '\n' -I {} ./show {} 'x{}y' '{}{} {}' '{' '}' '{ }' end <inputs
    says b 0 "$batch" -k ./show {} 'x{}y' '{}{} {}' '{' '}' '{ }' end <inputs
    alike x b
    awkward0 >inputs
    says x 0 xargs -0 -I {} ./show '-o{}' <inputs
    says b 0 "$batch" -0 -k ./show '-o{}' <inputs
    alike x b
    # As it reads words, blanks at the begin and lines without anything are none of them.
    printf '%s\n' '  a b' '' c >inputs
    says x 0 xargs -I {} ./show {} <inputs
    said x '<a b>' '<c>'
    says b 0 "$batch" -k ./show {} <inputs
    said b '<  a b>' '<>' '<c>'
}

no_inputs_of_xargs() {
    says x 0 xargs -r false </dev/null
    says b 0 "$batch" false </dev/null
    alike x b
    says b 0 "$batch" false :::
    alike x b
    says x 0 xargs ./show ran </dev/null
    said x '<ran>'
    printf '\n' >inputs
    says x 0 xargs -r -d '\n' ./show <inputs
    says b 0 "$batch" ./show <inputs
    alike x b
    said b '<>'
}

# long BYTES: a line of so many, and a short one.
long() {
    head -c "$1" /dev/zero | tr '\0' x
    printf '\nshort\n'
}

# What the kernel takes as an argument is 32 pages.
long_inputs_of_xargs() {
    most=$((32 * $(getconf PAGESIZE) - 1))
    [ "$most" -eq 131071 ] || skip "pages have $(getconf PAGESIZE) bytes"
    long $most >inputs
    says x 0 xargs -s 1000000 -d '\n' -n 1 sh -c 'echo ${#0}' <inputs
    says b 0 "$batch" -k sh -c 'echo ${#0}' <inputs
    alike x b
    said b $most 5
    # Not without being told to, as all of a command counts.
    says x 1 xargs -d '\n' -n 1 sh -c 'echo ${#0}' <inputs
    has x.err 'too long'
    long $((most + 1)) >inputs
    says x 1 xargs -s 1000000 -d '\n' -n 1 sh -c 'echo ${#0}' <inputs
    says b 1 "$batch" -k --halt never sh -c 'echo ${#0}' <inputs
    alike x b
    is_empty b
    has b.err 'input 1: longer than an argument can be'
}

# Of three inputs the second fails.
statuses_of_xargs() {
    for status in 1 2 100 125 126 127 128 254; do
        printf '%s\n' 0 $status 0 >inputs
        says x 123 xargs -n 1 ./end <inputs
        says b 123 "$batch" -k --halt never ./end <inputs
        alike x b
        said b 0 $status 0
    done
    printf '%s\n' 0 0 >inputs
    says x 0 xargs -n 1 ./end <inputs
    says b 0 "$batch" -k ./end <inputs
    alike x b
    # 1 and 255.
    printf '%s\n' 1 255 >inputs
    says x 124 xargs -n 1 ./end <inputs
    says b 124 "$batch" -k --halt never ./end <inputs
    alike x b
}

# xargs goes on after the one and not after the other; batch as --halt says.
what_stops_xargs() {
    for case in '124 255' '125 KILL' '125 TERM' '125 PIPE'; do
        printf '%s\n' 0 "${case#* }" 0 >inputs
        says x "${case% *}" xargs -n 1 ./end <inputs
        said x 0 "${case#* }"
        for halt in now soon; do
            says b "${case% *}" "$batch" -j 1 --halt $halt ./end <inputs
            alike x b
        done
        says b "${case% *}" "$batch" -j 1 --halt never ./end <inputs
        said b 0 "${case#* }" 0
    done
    printf '%s\n' 0 1 0 >inputs
    says b 123 "$batch" -j 1 ./end <inputs
    said b 0 1
}

what_cannot_be_run_by_xargs() {
    echo 'exit 0' >no-program
    printf '#!/nowhere/sh\n' >no-interpreter
    chmod +x no-interpreter
    ln -s loop loop
    program tells <<'END'
echo "$1 ran"
END
    for case in '127 ./none' '127 none/none' '126 ./no-program' '126 /' '126 no-program/none' '126 ./loop' \
        '127 ./no-interpreter'; do
        printf '%s\n' a b >inputs
        says x "${case% *}" xargs -n 1 "${case#* }" <inputs
        says b "${case% *}" "$batch" -k --halt never "${case#* }" {} <inputs
        alike x b
    done
    # What ends xargs at once is one failure of many to --halt never.
    mkdir -p bin
    cp show bin/a
    cp no-program bin/b
    cp show bin/c
    printf '%s\n' a b none c >inputs
    says b 127 "$batch" -k --halt never bin/{} x <inputs
    said b '<x>' '<x>'
    # Programs that are a text.
    echo 'printf "%s," "$0" "$@"; exit 3' >text
    chmod +x text
    printf '%s\n' a 'b  c' >inputs
    says x 123 xargs -d '\n' -n 1 ./text <inputs
    says b 123 "$batch" -k --halt never ./text <inputs
    alike x b
    # A name is looked for in folders, of which the user's may be closed to who runs the test; these have no program, or this.
    real_xargs=$(command -v xargs)
    for case in "127 $PWD/bin none" "127 $PWD/no-program:$PWD/missing none" "123 $PWD/no-program:$PWD text"; do
        folders=${case#* }
        folders=PATH=${folders% *}:/usr/bin:/bin
        says x "${case%% *}" env "$folders" "$real_xargs" -d '\n' -n 1 "${case##* }" <inputs
        says b "${case%% *}" env "$folders" "$batch" -k --halt never "${case##* }" {} <inputs
        alike x b
    done
}

# The first prints before and after the second does.
program mixed <<'END'
case $1 in
1)
    echo first
    echo go >one
    ./await two
    echo first again
    ;;
2)
    ./await one
    echo second
    echo go >two
    ;;
esac
END

# in_one_piece FILE: what `mixed` prints, of each job.
in_one_piece() {
    said "$1" first 'first again' second || said "$1" second first 'first again'
}

outputs_of_xargs() {
    rm -f one two
    printf '%s\n' 1 2 >inputs
    says x 0 xargs -P 2 -n 1 ./mixed <inputs
    said x first second 'first again'
    rm -f one two
    says b 0 "$batch" -j 2 ./mixed <inputs
    in_one_piece b
}

# They print to both, and find nothing to read.
program streams <<'END'
cat
echo "out $1"
echo "err $1" >&2
END

# streams_beside PEER OPTION...
streams_beside() {
    seq 5 >inputs
    says peer 0 "$@" ./streams <inputs
    says b 0 "$batch" -k ./streams <inputs
    alike peer b
    alike peer.err b.err
    [ "$(wc -l <b) $(wc -l <b.err)" = '5 5' ]
}

#
# GNU parallel. Its options are words of $parallel.
#

# shellcheck disable=SC2086
inputs_of_parallel() {
    awkward >inputs
    says p 0 $parallel -k ./show <inputs
    says b 0 "$batch" -k ./show <inputs
    alike p b
    says b 0 "$batch" -k './show' <inputs
    alike p b
    says p 0 $parallel -k './show {} && :' <inputs
    says b 0 "$batch" -k './show {} && :' <inputs
    alike p b
    awkward0 >inputs
    says p 0 $parallel -0 -k ./show <inputs
    says b 0 "$batch" -0 -k ./show <inputs
    alike p b
    says p 0 $parallel -k ./show ::: a '' -n 'b  c' "it's" '*' '{}'
    says b 0 "$batch" -k ./show ::: a '' -n 'b  c' "it's" '*' '{}'
    alike p b
    says p 0 $parallel false </dev/null
    says b 0 "$batch" false </dev/null
    [ ! -e bad ]
}

# shellcheck disable=SC2086
sources_of_parallel() {
    seq 3 >inputs
    says b 0 "$batch" -k ./show <inputs
    says p 0 $parallel -k ./show :::: inputs
    alike p b
    says p 0 $parallel -k -a inputs ./show
    alike p b
    refuses "$batch" 'true :::: inputs' 'true ::: a ::: b' '-a inputs true'
    # A word that has two lines.
    says p 0 $parallel -k ./show ::: "a${newline}b"
    said p '<a>' '<b>'
    says b 0 "$batch" ./show ::: "a${newline}b"
    said b "<a${newline}b>"
    printf '%s\n' 'echo a; echo b' "./show 'c  d'" >inputs
    says p 0 $parallel -k <inputs
    says b 0 "$batch" -k sh -c {} <inputs
    alike p b
    said b a b '<c  d>'
}

# shellcheck disable=SC2086
placeholders_of_parallel() {
    printf '%s\n' a/b.c/d.tar.gz plain /x a/.b.c dir.d/name / // a//b b/..c a.b.c '' 'a b/c d.e f' -x.y ./a.b ../a.b '*.x' >inputs
    says p 0 $parallel -k ./show {} {.} {/} {//} {/.} {#} 'x{.}y{/}' <inputs
    says b 0 "$batch" -k ./show {} {.} {/} {//} {/.} {#} 'x{.}y{/}' <inputs
    alike p b
    says b 0 "$batch" -k './show {} {.} {/} {//} {/.} {#} x{.}y{/}' <inputs
    alike p b
    # Names that begin or end with a dot, or a slash.
    printf '%s\n' .hidden a/.h x. a/b/ .. >inputs
    says p 0 $parallel -k ./show {.} {/} {/.} <inputs
    said p '<><.hidden><>' '<a/><.h><>' '<x><x.><x>' '<a/b/><><>' '<.><..><.>'
    says b 0 "$batch" -k ./show {.} {/} {/.} <inputs
    said b '<.hidden><.hidden><.hidden>' '<a/.h><.h><.h>' '<x.><x.><x.>' '<a/b/><b><b>' '<..><..><..>'
    says p 0 $parallel -k ./show {//} <inputs
    says b 0 "$batch" -k ./show {//} <inputs
    alike p b
    # Inputs are added where no part of them is asked for, but not where anything is.
    for word in before {#} {%} x{#}y; do
        says p 0 $parallel -k -j 1 ./show "$word" <inputs
        says b 0 "$batch" -j 1 ./show "$word" <inputs
        alike p b
    done
    says p 0 $parallel -k ./show {1} ::: a
    said p '<a>'
    says b 0 "$batch" -k ./show {1} ::: a
    said b '<{1}><a>'
}

# shellcheck disable=SC2086
several_inputs_of_parallel() {
    seq 7 | sed 's/$/.x/' >inputs
    says p 0 $parallel -k -n 3 ./show before <inputs
    says b 0 "$batch" -k -n 3 ./show before <inputs
    alike p b
    says p 0 $parallel -k -n 3 ./show {#} -- {.} <inputs
    says b 0 "$batch" -k -n 3 ./show {#} -- {.} <inputs
    alike p b
    # The other words of what they stand in.
    says p 0 $parallel -k -X -n 3 ./show '-o{}' <inputs
    says b 0 "$batch" -k -n 3 ./show '-o{}' <inputs
    alike p b
    said b '<-o1.x><-o2.x><-o3.x>' '<-o4.x><-o5.x><-o6.x>' '<-o7.x>'
    says p 0 $parallel -k -n 3 ./show '-o{}' <inputs
    says b 0 "$batch" -k -n 3 './show -o{}' <inputs
    alike p b
    said b '<-o1.x><2.x><3.x>' '<-o4.x><5.x><6.x>' '<-o7.x>'
}

# What of a command a shell sees.
# shellcheck disable=SC2086,SC2016
shells_of_parallel() {
    says p 0 $parallel -k './show {} "$0" | tr a-z A-Z; ./show *' ::: a 'b c' --
    says b 0 "$batch" -k './show {} "$0" | tr a-z A-Z; ./show *' ::: a 'b c' --
    sed 's/<[^<]*>$//' p >left
    sed 's/<[^<]*>$//' b >right
    alike left right
    says p 0 $parallel ./show "'a  b'" '"$HOME"' '>redirected' ::: a
    is_empty p
    said redirected "<a  b><$HOME><a>"
    rm redirected
    says b 0 "$batch" ./show "'a  b'" '"$HOME"' '>redirected' ::: a
    said b "<'a  b'><\"\$HOME\"><>redirected><a>"
    [ ! -e redirected ]
}

# The first waits for the third.
# shellcheck disable=SC2086
orders_of_parallel() {
    for order in '-j 1' '-k -j 3'; do
        case $order in *3) job='case {} in 1) ./await third ;; 3) echo 3 >third ;; esac; echo {}' ;; *) job='echo {}' ;; esac
        rm -f third
        says p 0 $parallel $order "$job" ::: 1 2 3 4
        rm -f third
        says b 0 "$batch" $order "$job" ::: 1 2 3 4
        alike p b
        said b 1 2 3 4
    done
    rm -f one two
    says p 0 $parallel -j 2 ./mixed ::: 1 2
    in_one_piece p
    rm -f one two
    says b 0 "$batch" -j 2 ./mixed ::: 1 2
    in_one_piece b
}

# Three that wait for each other.
# shellcheck disable=SC2086
slots_of_parallel() {
    for program in "$parallel" "$batch"; do
        rm -f in-1 in-2 in-3
        says out 0 $program -j 3 'echo {%}; echo go >in-{}; for other in 1 2 3; do ./await in-$other; done' ::: 1 2 3
        sort out >sorted
        said sorted 1 2 3
    done
}

# A shell makes the same of what each has printed, and of what batch runs.
# shellcheck disable=SC2086
dry_runs_of_parallel() {
    awkward0 >inputs
    for options in '' '-n 2'; do
        says dry-p 0 $parallel -0 -k $options --dry-run ./show before {} {.} <inputs
        says dry-b 0 "$batch" -0 $options --dry-run ./show before {} {.} <inputs
        says p 0 sh dry-p
        says b 0 sh dry-b
        alike p b
        says b 0 "$batch" -0 -k $options ./show before {} {.} <inputs
        alike p b
    done
    says dry-p 0 $parallel -0 -k --dry-run ./show 'x{}y' '{}{}' <inputs
    says dry-b 0 "$batch" -0 --dry-run ./show 'x{}y' '{}{}' <inputs
    says p 0 sh dry-p
    says b 0 sh dry-b
    alike p b
    says dry-p 0 $parallel -0 -k --dry-run './show a{} | sed s/a/b/' <inputs
    says dry-b 0 "$batch" -0 --dry-run './show a{} | sed s/a/b/' <inputs
    says p 0 sh dry-p
    says b 0 sh dry-b
    alike p b
    # Words that need no quotes are the same.
    says p 0 $parallel -k --dry-run ./show {} {#} ::: a.b /c-d 12
    says b 0 "$batch" --dry-run ./show {} {#} ::: a.b /c-d 12
    alike p b
    [ ! -e bad ]
}

# It ends as its input says, and it is the shell that does: of a program's signal that might know and tell by its status.
ending='echo {}; case {} in [0-9]*) exit {} ;; *) kill -s {} $$ ;; esac'

# shellcheck disable=SC2086
logs_of_parallel() {
    printf '%s\n' 0 3 KILL 0 255 TERM >inputs
    says p 4 $parallel --joblog p-log "$ending" <inputs
    says b 125 "$batch" --joblog b-log --halt never "$ending" <inputs
    for log in p-log b-log; do
        head -n 1 $log >$log-head
        by_number $log 1,2,5,6,8,9 >$log-columns
        fields 3 $log >started
        only '[0-9]\{10,\}\.[0-9]\{3\}' started
        # One has blanks before it.
        fields 4 $log >took
        only ' *[0-9]*\.[0-9]\{3\}' took
    done
    alike p-log-head b-log-head
    alike p-log-columns b-log-columns
    has b-log-columns "3$tab:${tab}0${tab}5${tab}9${tab}echo KILL; case KILL in"
    # Exit statuses, but for those of signals.
    by_number p-log 1,7 >p
    by_number b-log 1,7 >b
    said p "1${tab}0" "2${tab}3" "3${tab}0" "4${tab}0" "5${tab}255" "6${tab}0"
    said b "1${tab}0" "2${tab}3" "3${tab}-1" "4${tab}0" "5${tab}255" "6${tab}-1"
    # So each has what the other needs to go on with its log.
    says b 125 "$batch" --joblog p-log --resume --halt never -k "$ending" <inputs
    said b 3 KILL 255 TERM
    says p 4 $parallel --joblog b-log --resume-failed -k "$ending" <inputs
    alike p b
    # What cannot be run has its shell's status.
    says p 1 $parallel --joblog p-log ./none ::: a
    says b 127 "$batch" --joblog b-log ./none {} ::: a
    fields 7,8 p-log >p
    fields 7,8 b-log >b
    said p "127${tab}0"
    said b "-1${tab}0"
    # Where a command has blanks, it is one line and has no tab but in one of them.
    printf '%s\0' "a${newline}b" "c${tab}d" 'e\' >inputs
    says p 0 $parallel -0 -j 1 --joblog p-log true {} <inputs
    says b 0 "$batch" -0 -j 1 --joblog b-log true {} <inputs
    fields 9 b-log >b
    said b "true 'a\\nb'" "true 'c\\td'" "true 'e\\\\'"
    fields 9- p-log | tail -n 2 >p
    said p "true 'c${tab}d'" "true 'e\\'"
}

# shellcheck disable=SC2086
failures_of_parallel() {
    printf '%s\n' 0 1 0 255 3 0 >inputs
    says p 3 $parallel -k ./end <inputs
    says b 124 "$batch" -k --halt never ./end <inputs
    alike p b
    printf '%s\n' 0 1 0 >inputs
    says p 1 $parallel -j 1 ./end <inputs
    said p 0 1 0
    says b 123 "$batch" -j 1 ./end <inputs
    said b 0 1
    for case in '127 ./none' '126 /'; do
        says p 2 $parallel -k "${case#* }" ::: a b
        says b "${case% *}" "$batch" -k --halt never "${case#* }" {} ::: a b
        alike p b
    done
}

# The first fails once the second runs; and the second is not to come to its end.
# shellcheck disable=SC2086
now_of_parallel() {
    job='case {} in a) ./await ready; echo a; exit 3 ;; b) echo b; echo b >ready; sleep 100; echo survived ;; *) echo {} ;; esac'
    rm -f ready
    says p 3 $parallel --termseq TERM,60000 -j 2 --halt now,fail=1 --joblog p-log "$job" ::: a b c d
    rm -f ready
    says b 123 "$batch" -j 2 --halt now --joblog b-log "$job" ::: a b c d
    said p a
    said b a b
    fields 1,7,8 p-log >p
    fields 1,7,8 b-log >b
    said p "1${tab}3${tab}0"
    said b "1${tab}3${tab}0" "2${tab}-1${tab}15"
    rm -f ready
    says b 123 "$batch" -j 2 "$job" ::: a b c d
    said b a b
}

# The first fails once the second runs, which ends when that is in the log, so is known.
# shellcheck disable=SC2086
soon_of_parallel() {
    job='case {} in a) ./await ready; echo a; exit 3 ;; b) echo b >ready; ./await log 1; echo b ;; *) echo {} ;; esac'
    rm -f ready log
    says p 3 $parallel -j 2 --halt soon,fail=1 --joblog log "$job" ::: a b c d
    fields 1,7,8 log >p-fields
    rm -f ready log
    says b 123 "$batch" -j 2 --halt soon --joblog log "$job" ::: a b c d
    fields 1,7,8 log >b-fields
    alike p b
    said b a b
    alike p-fields b-fields
}

# The one always fails, the other once.
# shellcheck disable=SC2086
retries_of_parallel() {
    job='echo {} >>tried-{}; echo {}; case {} in a) exit 7 ;; b) [ "$(wc -l <tried-b)" -gt 1 ] ;; esac'
    rm -f tried-*
    says p 1 $parallel -k --retries 3 --joblog p-log "$job" ::: a b c
    cat tried-a tried-b tried-c >tried-p
    rm -f tried-[abc]
    says b 123 "$batch" -k --halt never --retries 2 --joblog b-log "$job" ::: a b c
    cat tried-a tried-b tried-c >tried
    alike tried tried-p
    said tried a a a b b c
    alike p b
    by_number p-log 1,6,7,8 >p
    by_number b-log 1,6,7,8 >b
    alike p b
}

# How much of it has run by then is not said.
# shellcheck disable=SC2086
timeouts_of_parallel() {
    says p 1 $parallel --termseq TERM,60000 --timeout 1 --joblog p-log 'sleep 100; echo survived; : {}' ::: a
    says b 125 "$batch" --timeout 1 --joblog b-log 'sleep 100; echo survived; : {}' ::: a
    is_empty p
    alike p b
    fields 1,7,8,9 p-log >p
    fields 1,7,8,9 b-log >b
    alike p b
    said b "1${tab}-1${tab}15${tab}sleep 100; echo survived; : a"
}

# As if the run had been ended before the fourth was.
# shellcheck disable=SC2086
resumed_of_parallel() {
    says p 3 $parallel -j 1 --joblog p-log "$ending" ::: 0 1 KILL 0 5
    says b 125 "$batch" -j 1 --halt never --joblog b-log "$ending" ::: 0 1 KILL 0 5
    for log in p-log b-log; do
        sed 5,6d $log >shortened
        mv shortened $log
    done
    cp p-log again-log
    says p 3 $parallel -j 1 --joblog p-log --resume-failed "$ending" ::: 0 1 KILL 0 5 0
    says b 125 "$batch" -j 1 --halt never --joblog b-log --resume "$ending" ::: 0 1 KILL 0 5 0
    alike p b
    said b 1 KILL 0 5 0
    fields 1,8,9 p-log >p
    fields 1,8,9 b-log >b
    alike p b
    # Both append, so the last line of a job is what counts. It is the failures that are left.
    says p 3 $parallel -j 1 --joblog p-log --resume-failed "$ending" ::: 0 1 KILL 0 5 0
    says b 125 "$batch" -j 1 --halt never --joblog b-log --resume "$ending" ::: 0 1 KILL 0 5 0
    alike p b
    said b 1 KILL 5
    # --resume alone takes failures for done.
    says p 1 $parallel -j 1 --joblog again-log --resume "$ending" ::: 0 1 KILL 0 5 0
    said p 0 5 0
}

# shellcheck disable=SC2086
resumed_otherwise_than_parallel() {
    says p 0 $parallel -j 1 --joblog p-log ./show ::: a b
    says b 0 "$batch" -j 1 --joblog b-log ./show ::: a b
    says p 0 $parallel -j 1 --joblog p-log --resume-failed ./show ::: new a b c
    said p '<b>' '<c>'
    says b 0 "$batch" -j 1 --joblog b-log --resume ./show ::: new a b c
    said b '<new>' '<a>' '<b>' '<c>'
    # Another command is another job, and one that is back is known.
    says b 0 "$batch" -j 1 --joblog b-log --resume ./show ::: a other b
    said b '<other>'
}

# compare PEER NAME FUNCTION [ARGUMENT...]: a test point, for which that program has to be here.
compare() {
    case $1 in
    xargs) is_there=$has_xargs ;;
    parallel) is_there=$has_parallel ;;
    esac
    point="$1: $2"
    if [ -n "$is_there" ]; then
        shift 2
        check "$point" "$@"
    else
        skipped "$point" "GNU $1 is not installed"
    fi
}

has_xargs=
has_parallel=
! is_gnu_xargs || has_xargs=yes
! is_gnu_parallel || has_parallel=yes

compare xargs 'inputs are the same, whatever is in them' inputs_of_xargs
compare xargs 'a line is an input and no words' words_of_xargs
compare xargs '-n makes the same jobs' several_inputs_of_xargs
compare xargs '-I {} stands for the same' placeholders_of_xargs
compare xargs 'without inputs nothing is run, as with -r' no_inputs_of_xargs
compare xargs 'inputs may be as long as arguments' long_inputs_of_xargs
compare xargs 'the exit status is the same' statuses_of_xargs
compare xargs '255 and signals stop it, --halt says what stops batch' what_stops_xargs
compare xargs 'what cannot be run is told from what fails' what_cannot_be_run_by_xargs
compare xargs '-P mixes what jobs print, batch does not' outputs_of_xargs
compare xargs 'standard error is apart, and there is nothing to read' streams_beside xargs -n 1
compare parallel 'inputs are the same, whatever is in them' inputs_of_parallel
compare parallel 'where inputs are from' sources_of_parallel
compare parallel 'placeholders stand for the same, but for odd names' placeholders_of_parallel
compare parallel '-n is -n and -X' several_inputs_of_parallel
compare parallel 'a command of one word is a line for the shell, others are not' shells_of_parallel
compare parallel 'what jobs print is in one piece, and with -k and -j 1 in order' orders_of_parallel
compare parallel 'slots are from 1 to -j' slots_of_parallel
# shellcheck disable=SC2086
compare parallel 'standard error is apart, and there is nothing to read' streams_beside $parallel -k
compare parallel 'a shell makes the same of --dry-run' dry_runs_of_parallel
compare parallel '--joblog has the same columns, and each can go on with that of the other' logs_of_parallel
compare parallel 'failures end nothing, as with --halt never, but the status is another' failures_of_parallel
compare parallel '--halt now,fail=1 is --halt now' now_of_parallel
compare parallel '--halt soon,fail=1 is --halt soon' soon_of_parallel
compare parallel '--retries counts attempts, batch further ones' retries_of_parallel
compare parallel '--timeout ends the same' timeouts_of_parallel
compare parallel '--resume-failed runs the same as --resume' resumed_of_parallel
compare parallel 'another command is another job, not so to its --resume-failed' resumed_otherwise_than_parallel
finish
