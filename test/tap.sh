# SPDX-License-Identifier: MIT
#
# Sourced by the scripts that test programs: test points and what they check. The working folder is the script's own; the
# files why, left and right in it are used here.

number=0

# report NAME STATUS: a test point; what it had to say is in the file `why`.
report() {
    number=$((number + 1))
    if [ "$2" -eq 0 ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        awk '{ print "# " $0 }' why # the last line may have no end
    fi
}

# check NAME FUNCTION: runs the function in a shell of its own, where any command that fails ends it.
check() {
    (
        set -e
        "$2"
    ) >why 2>&1
    report "$1" $?
}

# try NAME FUNCTION: the same, and 77 means skipped, with the reason as the output.
try() {
    (
        set -e
        "$2"
    ) >why 2>&1
    status=$?
    if [ $status -eq 77 ]; then
        number=$((number + 1))
        echo "ok $number - $1 # SKIP $(tail -n 1 why)"
    else
        report "$1" $status
    fi
}

skip() {
    echo "$1"
    exit 77
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
