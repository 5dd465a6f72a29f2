# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that test the example programs, whose first argument is the folder in which these were built, and
# the second `thorough` for the cases that take long, instead of the others: that folder, $programs, which cases, $part,
# and how programs are run.

part=${2:-}
programs=$(CDPATH='' cd -- "$1" && pwd) || exit 1
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

resets_signals() {
    env --default-signal=INT true 2>/dev/null
}

# interruptible FILE COMMAND...: the command in place of a shell that has left its process id in the file. SIGINT would
# otherwise be ignored, as it is in what a script runs in the background.
interruptible() {
    sh -c 'echo $$ >"$1"; shift; exec env --default-signal=INT,TERM "$@"' sh "$@"
}

# on_a_terminal COMMAND: what it shows on a terminal of the type $TERM is in the file screen.
on_a_terminal() {
    script -qefc "$1" screen >/dev/null </dev/null
}

has_terminals() {
    script --version >/dev/null 2>&1
}

# stopped_at_its_bar COMMAND: the command, on a terminal, is interrupted once it has drawn its bar, and ends by that.
stopped_at_its_bar() {
    TERM=vt100 on_a_terminal "sh -c 'echo \$\$ >pid; exec env --default-signal=INT \"\$@\"' sh $1" &
    until grep -qF ETA screen; do
        kill -0 $!
    done 2>/dev/null
    kill -s INT "$(cat pid)"
    exits 130 wait $!
}

# endless FILE: takes days to read, and no room.
endless() {
    truncate -s 4T "$1" || truncate -s 1T "$1"
}

# fields NUMBERS LOG: those columns of batch's log of jobs, without the header.
fields() {
    tail -n +2 "$2" | cut -f "$1"
}

is_sanitized() {
    grep -q '__[a-z]*san_init' "$1"
}

# The threads that the library keeps for the next group are alive at exit; valgrind calls what the C library holds for
# them possibly lost.
memcheck="valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
--errors-for-leak-kinds=definite,indirect"

# need_memcheck PROGRAM: $memcheck can be put before it. Some versions of valgrind give up on the debug information that
# some compilers write.
need_memcheck() {
    command -v valgrind >/dev/null || skip 'valgrind is not installed'
    ! is_sanitized "$1" || skip 'built with a sanitizer, which valgrind cannot run'
    valgrind -q "$1" --help >out 2>err || ! grep -q debuginfo err || skip 'valgrind cannot read the debug information'
    is_empty err
}
