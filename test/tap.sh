# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that test: they print TAP, and this is how. A script
#
#     sets `top`, the source tree, and sources this: it is then in a folder of its own, $work, which goes when it ends;
#     says of each thing whether it is so, by one of report, silent, check and skipped;
#     ends with `finish`.
#
# $work/why is what the next test point has to say if it fails.

LC_ALL=C
export LC_ALL
# `cd src` would go to /usr/src for who has it search there.
unset CDPATH
work=$(mktemp -d) || exit 1
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
# Some tests run as another user.
chmod 755 "$work"
cd "$work" || exit 1
: >why
number=0
failed=0

# report NAME STATUS: a test point; it fails with `why` unless the status is 0.
report() {
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        awk '{ print "# " $0 }' "$work/why" # the last line may have no end
        failed=1
    fi
}

# silent NAME: a test point; it fails if `why` has a line.
silent() {
    [ ! -s "$work/why" ]
    report "$1" $?
}

skipped() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# check NAME FUNCTION [ARGUMENT...]: a test point; the function runs in a shell of its own, where any command that fails
# ends it, and so does `skip`.
check() {
    name=$1
    shift
    (
        set -e
        "$@"
    ) >"$work/why" 2>&1
    status=$?
    if [ $status -eq 77 ]; then
        skipped "$name" "$(tail -n 1 "$work/why")"
    else
        report "$name" $status
    fi
}

# skip REASON: in a function that is checked.
skip() {
    echo "$1"
    exit 77
}

# skip_all REASON: instead of every test point.
skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

finish() {
    echo "1..$number"
    exit "$failed"
}

# exits STATUS COMMAND...: the command ends with that status.
exits() {
    wanted=$1
    shift
    got=0
    "$@" || got=$?
    [ "$got" -eq "$wanted" ] || { echo "status $got instead of $wanted: $*"; return 1; }
}

# has FILE TEXT: some line of the file contains the text.
has() {
    grep -qF -- "$2" "$1" || { echo "no '$2' in $1:"; cat "$1"; return 1; }
}

# said FILE LINE...: the file has exactly these lines.
said() {
    saying=$1
    shift
    printf '%s\n' "$@" | cmp -s - "$saying" || { echo "in $saying:"; cat "$saying"; return 1; }
}

has_not() {
    ! grep -qF -- "$2" "$1" || { echo "'$2' in $1:"; cat "$1"; return 1; }
}

is_empty() {
    [ ! -s "$1" ] || { echo "$1 is not empty:"; cat "$1"; return 1; }
}

# same_lines FILE FILE: the same lines in any order.
same_lines() {
    sort "$1" >left
    sort "$2" >right
    cmp left right || { diff left right; return 1; }
}

# refuses PROGRAM ARGUMENTS...: each a command line, split into words, that the program calls wrong.
refuses() {
    refusing=$1
    shift
    for arguments; do
        # Split into words on purpose.
        # shellcheck disable=SC2086
        exits 2 "$refusing" $arguments >out 2>err
        is_empty out
        has err "Try '${refusing##*/} --help'"
    done
}

# As a user to whom permissions mean something.
unprivileged() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# Text that a terminal acts on: an escape sequence; the controls of 8-bit terminals, as UTF-8 and as a byte; a mark that
# turns the direction of what follows.
controls=$(printf '\033[2J\302\2331m\233\342\200\256\177')

# is_harmless FILE TEXT: some line has the text, with the controls above as escapes, and all of it a terminal shows.
is_harmless() {
    has "$1" "$2" && has "$1" '\033[2J\302\2331m\233\342\200\256\177'
    [ -z "$(tr -d '\n\t -~' <"$1")" ] || { echo "controls in $1:"; cat -v "$1"; return 1; }
}
