#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/examples/test_servers.sh DIR [thorough]
#
# Runs the examples httpd and fetchall built in DIR and prints TAP, a line for each behaviour. Servers listen on
# loopback, on any port that is free. What the machine has not got (a program, curl, valgrind) is reported as
# skipped.
#
# Nothing here depends on how fast anything is. A server is known to listen by the line that it prints, and what
# has to be in flight is held there: by an answer without an end, or by a body that nobody goes on sending.

set -u
# shellcheck source=test/examples/programs.sh
. "$(dirname -- "$0")/programs.sh"
httpd=$programs/httpd
fetchall=$programs/fetchall
unset http_proxy https_proxy all_proxy ALL_PROXY
NO_PROXY='*'
export NO_PROXY

# start NAME COMMAND...: runs a command beside the script, with signals as in a terminal; its id is in NAME.pid, its output
# comes through the pipe NAME.out, what it says is in NAME.err.
start() {
    name=$1
    shift
    rm -f "$name.out"
    mkfifo "$name.out"
    interruptible "$name.pid" "$@" >"$name.out" 2>"$name.err" &
    started=$!
}

# serve ARGUMENT...: starts a server and waits until it listens. Sets `server`, its process, and `url`.
serve() {
    start httpd "$httpd" "$@" 127.0.0.1:0
    server=$started
    exec 3<httpd.out
    read -r line <&3 || { echo "no line:"; cat httpd.err; return 1; }
    url=${line#listening on }
    url=${url%/}
}

# ends STATUS TEXT: the server ends with that status, and its last line has the text.
ends() {
    exits "$1" wait "$server"
    rm -f httpd.pid
    exec 3<&-
    tail -n 1 httpd.err >last
    has last "$2"
}

get() {
    curl -sS --max-time 60 "$@"
}

# Returns once nobody listens there any more.
await_closed() {
    while get -o closed "$1/ping" 2>closed.err; do
        :
    done
}

#
# httpd
#

ping_is_answered() {
    serve
    [ "$(get "$url/ping")" = pong ]
    [ "$(get -T - "$url/ping" </dev/null)" = pong ]
    get -I "$url/ping" >headers
    has headers 'Content-Length: 4'
    [ "$(get -o body -w '%{http_code}' "$url/nothing")" = 404 ]
    [ "$(get -o body -w '%{http_code}' -X DELETE "$url/ping")" = 405 ]
    [ "$(get -o body -w '%{http_code}' "$url/bytes/x")" = 404 ]
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

bytes_are_right() {
    serve
    for count in 0 1 16 65536 65537 3000000; do
        get "$url/bytes/$count" >body
        yes 0123456789abcde | head -c $count | cmp - body
    done
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

a_request_ends_it() {
    serve
    [ "$(get "$url/shutdown")" = stopping ]
    ends 0 'httpd: ended: /shutdown was requested'
}

a_signal_ends_it() {
    for signal in INT TERM; do
        serve
        kill -s $signal "$(cat httpd.pid)"
        ends 0 "httpd: ended: signal SIG$signal"
    done
}

a_failing_server_ends_it() {
    serve
    exits 1 "$httpd" "${url#http://}" >out 2>err
    is_empty out
    has err 'httpd: ended: cannot listen: Address already in use'
    [ "$(get "$url/ping")" = pong ]
    kill -s TERM "$(cat httpd.pid)"
    ends 0 'signal SIGTERM'
    exits 1 "$httpd" 127.0.0.1:0 >/dev/full 2>err
    has err 'ended: standard output: No space left on device'
}

an_ignored_signal_stays_ignored() {
    mkfifo ignoring.out
    sh -c 'trap "" INT; echo $$ >httpd.pid; exec "$1" 127.0.0.1:0' start "$httpd" >ignoring.out 2>httpd.err &
    server=$!
    exec 3<ignoring.out
    read -r line <&3
    kill -s INT "$(cat httpd.pid)"
    [ "$(get "${line#listening on }ping")" = pong ]
    kill -s TERM "$(cat httpd.pid)"
    ends 0 'signal SIGTERM'
}

# The clock's answer has begun and has no end of its own.
streams_end_in_order() {
    serve -g 60
    start clock curl -sSN "$url/clock"
    client=$started
    exec 4<clock.out
    read -r line <&4
    [ "$line" = 0 ]
    kill -s TERM "$(cat httpd.pid)"
    cat <&4 >rest
    tail -n 1 rest >left
    has left stopping
    exits 0 wait "$client"
    ends 0 'signal SIGTERM'
}

# upload: begins a request whose body does not end before descriptor 4 is closed.
upload() {
    mkfifo body.in
    start upload curl -sSN -D headers -H 'Expect: 100-continue' -T body.in "$url/ping"
    client=$started
    exec 5<upload.out
    exec 4>body.in
    # The server has seen the request once it has answered that the body may come.
    until [ -s headers ] && grep -q '100 Continue' headers; do
        kill -0 "$client"
    done
}

requests_in_flight_are_finished() {
    serve -g 60
    upload
    echo some >&4
    kill -s TERM "$(cat httpd.pid)"
    await_closed "$url"
    kill -0 "$(cat httpd.pid)"
    echo more >&4
    exec 4>&-
    [ "$(cat <&5)" = pong ]
    exits 0 wait "$client"
    ends 0 'signal SIGTERM'
}

requests_that_take_too_long_are_cut_off() {
    serve -g 0.01
    upload
    kill -s TERM "$(cat httpd.pid)"
    ends 1 'signal SIGTERM'
    has httpd.err 'requests cut off: 1'
    exec 4>&-
    wait "$client" || :
}

# Nothing but the second signal could end it: the body never ends, and the grace is a day.
a_second_signal_kills_it() {
    serve -g 86400
    upload
    kill -s TERM "$(cat httpd.pid)"
    await_closed "$url"
    kill -s TERM "$(cat httpd.pid)"
    exits 143 wait "$server"
    rm -f httpd.pid
    exec 4>&-
    wait "$client" || :
}

httpd_refuses_a_wrong_command_line() {
    refuses "$httpd" x 127.0.0.1 127.0.0.1: 127.0.0.1:x 127.0.0.1:99999 '127.0.0.1:0 b' '-g x' '-g -1' '-g' -z
    exits 0 "$httpd" --help >out 2>err
    has out 'Usage: httpd'
    is_empty err
}

httpd_shows_no_control_characters() {
    for arguments in "$controls" "--grace=$controls" "--no$controls"; do
        exits 2 "$httpd" "$arguments" 2>err
        is_harmless err 'httpd: '
    done
}

#
# fetchall
#

nothing_is_left() {
    [ -z "$(ls -A "$1")" ] || { echo "left in $1:"; ls -A "$1"; return 1; }
}

all_are_fetched() {
    serve
    for jobs in 1 3 8; do
        set --
        for count in 0 1 2 3 1000 65536 100000 2000000 2000001 2000002; do
            set -- "$@" "$url/bytes/$count"
        done
        mkdir "to$jobs"
        exits 0 "$fetchall" -j $jobs -d "to$jobs" "$@" >out 2>err
        is_empty err
        for count in 0 1 2 3 1000 65536 100000 2000000 2000001 2000002; do
            echo "to$jobs/$count" >>"expected$jobs"
            yes 0123456789abcde | head -c $count | cmp - "to$jobs/$count"
        done
        same_lines "expected$jobs" out
    done
    # What is there already is replaced. Permissions are those of every new file.
    echo old >to1/1
    for mask in 022 007 077; do
        (umask $mask && exits 0 "$fetchall" -d to1 "$url/bytes/2" >out && : >"made$mask")
        [ "$(stat -c %a to1/2)" = "$(stat -c %a "made$mask")" ]
    done
    (cd to1 && exits 0 "$fetchall" "$url/bytes/1" >../out)
    [ "$(cat to1/1)" = 0 ]
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

# A transfer that has no end is in flight when another fails; only being cancelled ends it.
a_failure_ends_the_others() {
    serve
    mkdir to-failing
    exits 1 "$fetchall" -j 2 -d to-failing "$url/clock" "$url/bytes/100000" "$url/missing" "$url/bytes/1" >out 2>err
    has err "fetchall: $url/missing: The requested URL returned error: 404; 1 of 4 fetched"
    echo to-failing/100000 | cmp - out
    [ "$(ls -A to-failing)" = 100000 ]
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

a_signal_ends_transfers() {
    for signal in INT:130 TERM:143; do
        serve
        rm -rf to-signal
        mkdir to-signal
        start fetchall "$fetchall" -j 2 -d to-signal "$url/clock" "$url/bytes/1"
        client=$started
        exec 4<fetchall.out
        read -r line <&4
        [ "$line" = to-signal/1 ]
        kill -s "${signal%:*}" "$(cat fetchall.pid)"
        exits "${signal#*:}" wait "$client"
        rm -f fetchall.pid
        has fetchall.err "stopped by SIG${signal%:*}: 1 of 2 fetched"
        [ "$(ls -A to-signal)" = 1 ]
        get "$url/shutdown" >body
        ends 0 '/shutdown was requested'
    done
}

# The server says nothing at all, and no signal comes: only the descriptor of the context can end the poll. On a busy machine
# a short time is over before the other transfer is done, and a longer one has to do.
a_deadline_ends_silent_transfers() {
    serve
    mkdir to-silent
    for seconds in 1 10 60; do
        start fetchall "$fetchall" -t $seconds -j 2 -d to-silent "$url/clock" "$url/bytes/1"
        client=$started
        exec 4<fetchall.out
        ! read -r line <&4 || break
        exits 1 wait "$client"
    done
    [ "$line" = to-silent/1 ]
    kill -s STOP "$(cat httpd.pid)"
    exits 1 wait "$client"
    rm -f fetchall.pid
    has fetchall.err "not done in $seconds seconds: 1 of 2 fetched"
    [ "$(ls -A to-silent)" = 1 ]
    kill -s CONT "$(cat httpd.pid)"
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

a_deadline_ends_transfers() {
    serve
    mkdir to-late
    exits 1 "$fetchall" -t 0.2 -d to-late "$url/clock" >out 2>err
    has err 'not done in 0.2 seconds: 0 of 1 fetched'
    nothing_is_left to-late
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
    # Nobody listens there now.
    exits 1 "$fetchall" -d to-late "$url/bytes/1" >out 2>err
    has err "$url/bytes/1: Failed to connect"
    nothing_is_left to-late
}

# The server is killed in the middle of an answer.
a_broken_answer_leaves_nothing() {
    serve
    mkdir to-broken
    start fetchall "$fetchall" -j 2 -d to-broken "$url/clock" "$url/bytes/1"
    client=$started
    exec 4<fetchall.out
    read -r line <&4
    kill -s KILL "$(cat httpd.pid)"
    exits 1 wait "$client"
    has fetchall.err "$url/clock: "
    [ "$(ls -A to-broken)" = 1 ]
    wait "$server" || :
}

fetchall_reports_files() {
    serve
    exits 1 "$fetchall" -d nowhere "$url/bytes/1" >out 2>err
    has err 'fetchall: nowhere/1: No such file or directory'
    mkdir -p to-files/1
    exits 1 "$fetchall" -d to-files "$url/bytes/1" >out 2>err
    has err 'fetchall: to-files/1: Is a directory'
    [ "$(ls -A to-files)" = 1 ]
    exits 1 "$fetchall" -d to-files "$url/bytes/2" 2>err >/dev/full
    has err 'standard output: No space left on device'
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

# A pipe that nobody reads any more, as descriptor 6. A program writing there ends as by SIGPIPE, without a word; where the
# signal is ignored it says so.
open_unread_pipe() {
    mkfifo unread
    : <unread &
    exec 6>unread
    wait $!
}

fetchall_ends_with_its_reader() {
    serve
    open_unread_pipe
    exits 141 env --default-signal=PIPE "$fetchall" -d . "$url/bytes/1" "$url/bytes/2" >&6 2>err
    is_empty err
    exits 1 env --ignore-signal=PIPE "$fetchall" -d . "$url/bytes/1" >&6 2>err
    has err 'standard output: Broken pipe'
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

httpd_ends_with_its_reader() {
    open_unread_pipe
    exits 141 env --default-signal=PIPE "$httpd" 127.0.0.1:0 >&6 2>err
    is_empty err
    exits 1 env --ignore-signal=PIPE "$httpd" 127.0.0.1:0 >&6 2>err
    has err 'standard output: Broken pipe'
}

fetchall_refuses_a_wrong_command_line() {
    refuses "$fetchall" '' '-j 0 http://x/y' '-j x http://x/y' '-j 2.5 http://x/y' '-t 0 http://x/y' '-z' 'no:url' 'http://x/y http://z/y'
    exits 0 "$fetchall" --help >out 2>err
    has out 'Usage: fetchall'
    is_empty err
    exits 0 "$fetchall" --version >out
    has out 'fetchall (liberrgroup '
}

# What a server says is as foreign as a name.
fetchall_shows_no_control_characters() {
    mkdir to-controls
    for arguments in "$controls" "--jobs=$controls" "--no$controls"; do
        exits 2 "$fetchall" "$arguments" 2>err
        is_harmless err 'fetchall: '
    done
    exits 1 "$fetchall" -d "to$controls" file:///nowhere/1 2>err
    is_harmless err '\177/1: No such file or directory'
    exits 2 "$fetchall" -d to-controls "http://localhost/$controls" >out 2>err
    is_harmless err 'fetchall: http://'
    serve
    mkdir "to-controls/$controls"
    exits 0 "$fetchall" -d "to-controls/$controls" "$url/bytes/1" >out
    echo "to-controls/$controls/1" | cmp - out
    if has_terminals; then
        TERM=dumb on_a_terminal "'$fetchall' -d 'to-controls/$controls' '$url/bytes/1'"
        grep -v '^Script' screen | grep -F 'to-controls/' | tr -d '\r' >line
        is_harmless line '/1'
    fi
    get "$url/shutdown" >body
    ends 0 '/shutdown was requested'
}

memcheck_finds_nothing() {
    need_memcheck "$httpd"
    mkfifo memcheck.out
    # Split into words on purpose.
    # shellcheck disable=SC2086
    interruptible httpd.pid $memcheck "$httpd" 127.0.0.1:0 >memcheck.out 2>httpd.err &
    server=$!
    exec 3<memcheck.out
    read -r line <&3
    url=${line#listening on }
    mkdir to-memcheck
    # shellcheck disable=SC2086
    exits 0 $memcheck "$fetchall" -j 2 -d to-memcheck "${url}bytes/1000" "${url}bytes/1001" "${url}ping" >out
    # shellcheck disable=SC2086
    exits 1 $memcheck "$fetchall" -j 2 -d to-memcheck "${url}clock" "${url}bytes/1" "${url}missing" >out
    get "${url}shutdown" >body
    ends 0 '/shutdown was requested'
}

#
# The run
#

[ -x "$httpd" ] || skip_all 'httpd is not built'
command -v curl >/dev/null || skip_all 'curl is not installed'
resets_signals || skip_all 'this env cannot reset signals'

# point NAME FUNCTION: a test point, after which nothing is left running.
point() {
    mkdir "$work/point"
    cd "$work/point" || exit 1
    check "$1" "$2"
    for file in ./*.pid; do
        [ ! -f "$file" ] || kill -s KILL "$(cat "$file")" 2>/dev/null
    done
    cd "$work" || exit 1
    rm -rf "$work/point"
}

if [ "$part" = thorough ]; then
    [ ! -x "$fetchall" ] || point 'httpd and fetchall: memcheck finds no error and no leak' memcheck_finds_nothing
else
    point 'httpd: /ping is answered, and what is not there is not' ping_is_answered
    point 'httpd: /bytes/N gives N bytes' bytes_are_right
    point 'httpd: /shutdown ends it' a_request_ends_it
    point 'httpd: SIGINT and SIGTERM end it' a_signal_ends_it
    point 'httpd: a server that cannot listen ends it' a_failing_server_ends_it
    point 'httpd: a signal that was ignored stays ignored' an_ignored_signal_stays_ignored
    point 'httpd: answers without an end come to one' streams_end_in_order
    point 'httpd: requests in flight are finished, and no others accepted' requests_in_flight_are_finished
    point 'httpd: requests that take longer than the grace are cut off' requests_that_take_too_long_are_cut_off
    point 'httpd: a second signal kills it' a_second_signal_kills_it
    point 'httpd: control characters do not reach the terminal' httpd_shows_no_control_characters
    point 'httpd: it ends with the reader of its output' httpd_ends_with_its_reader
    point 'httpd: a wrong command line ends with status 2' httpd_refuses_a_wrong_command_line

    if [ -x "$fetchall" ]; then
        point 'fetchall: files have the contents, with any number of jobs' all_are_fetched
        point 'fetchall: the first failure ends transfers in flight and leaves no part' a_failure_ends_the_others
        point 'fetchall: a signal ends transfers in flight and leaves no part' a_signal_ends_transfers
        point 'fetchall: a deadline ends transfers on which nothing happens' a_deadline_ends_silent_transfers
        point 'fetchall: a deadline ends transfers in flight and leaves no part' a_deadline_ends_transfers
        point 'fetchall: an answer that breaks off leaves no part' a_broken_answer_leaves_nothing
        point 'fetchall: it ends with the reader of its output' fetchall_ends_with_its_reader
        point 'fetchall: what cannot be written is reported' fetchall_reports_files
        point 'fetchall: control characters do not reach the terminal' fetchall_shows_no_control_characters
        point 'fetchall: a wrong command line ends with status 2' fetchall_refuses_a_wrong_command_line
    fi
fi

finish
