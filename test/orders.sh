#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/orders.sh
#
# The commands of README.md on machines that have nothing: in one order and, at the same time, in another order in
# another copy of the source tree, which lies in an odd place and belongs to somebody with odd settings. Before each
# command the machine is made anew, so that all packages are gone which the one before had installed; the tree with its
# build folders stays. Every command has to do what it does on a bare machine in a fresh tree. Prints TAP, and what each
# command took.
#
# A machine is a folder made by debootstrap from the distribution's packages, as this machine's apt is configured to
# fetch them; commands run in it by chroot, with /proc, /sys and /dev of this machine, mounted in a namespace of their
# own. So it takes root, Debian, mounts and device nodes, which a sandbox may forbid, and some 3 GB in build-orders/.
# Where one of these is not to be had everything is skipped.
set -u
LC_ALL=C
export LC_ALL
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
work=$top/build-orders
# shellcheck source=test/packages.sh
. "$top/test/packages.sh"

skip_all() {
    echo "1..0 # SKIP $1"
    exit 0
}

#
# What it takes
#

[ "$(id -u)" -eq 0 ] || skip_all "not root"
command -v apt-get >/dev/null || skip_all "not Debian"
need_packages debootstrap || skip_all "no debootstrap"
unshare --mount mount --rbind /proc /proc 2>/dev/null || skip_all "nothing can be mounted here"
# The first part of the distribution that apt knows; others of the same mirror have a suffix, as in bookworm-updates.
release=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }')
case $mirror in
http://* | https://* | file:*) ;;
*) skip_all "apt fetches $release from nothing that debootstrap knows: '$mirror'" ;;
esac

#
# Machines
#

# Where the tree is in a machine.
usual_place=/home/errgroup
odd_place='/home/some body/err group'

rm -rf --one-file-system "$work"
mkdir -p "$work/packages" || exit 1
orders=
# shellcheck disable=SC2086
trap '[ -z "$orders" ] || kill $orders 2>/dev/null; rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' HUP INT TERM

{ mknod "$work/null" c 1 3 && true >"$work/null"; } 2>/dev/null || skip_all "no devices can be made in $work"

# In $work/bare, with this machine's ways to packages: where from, by whom signed, and through which proxy.
make_bare() {
    bare=$work/bare
    eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
    # shellcheck disable=SC2154
    [ -z "${http_proxy-}" ] || export http_proxy
    # shellcheck disable=SC2154
    [ -z "${https_proxy-}" ] || export https_proxy
    debootstrap --variant=minbase "$release" "$bare" "$mirror" || return 1
    rm -rf "$bare"/var/lib/apt/lists/* "$bare"/var/cache/apt/archives/*.deb "$bare"/etc/apt/sources.list
    for path in etc/apt/sources.list etc/apt/sources.list.d etc/apt/auth.conf etc/apt/auth.conf.d etc/apt/preferences \
        etc/apt/preferences.d etc/apt/trusted.gpg etc/apt/trusted.gpg.d etc/apt/keyrings usr/share/keyrings \
        etc/ssl/certs usr/share/ca-certificates usr/local/share/ca-certificates etc/resolv.conf etc/hosts; do
        if [ -e "/$path" ]; then
            rm -rf "${bare:?}/$path"
            mkdir -p "$bare/${path%/*}"
            cp -RL "/$path" "$bare/$path" 2>/dev/null
        fi
    done
    # The hooks of this machine's apt call programs of this machine, and are left out.
    apt-config dump | grep '^Acquire::' | grep -v -e '^Acquire::IndexTargets' -e '"";$' >"$bare/etc/apt/apt.conf.d/50machine"
    # What is written need not survive a power cut.
    echo force-unsafe-io >"$bare/etc/dpkg/dpkg.cfg.d/unsafe-io"
}

# renew MACHINE: as bare as ever, but for packages that need not be fetched again, and the tree that was there.
renew() {
    if [ -d "$1" ]; then
        ln "$1"/var/cache/apt/archives/*.deb "$work/packages" 2>/dev/null
        mv "$1$place" "$1.tree"
        rm -rf --one-file-system "$1"
    else
        mkdir "$1.tree"
        tar -C "$top" --exclude=./.git --exclude=./build --exclude='./build-*' -c . | tar -C "$1.tree" -x
    fi
    cp -a "$work/bare" "$1"
    ln "$work"/packages/*.deb "$1/var/cache/apt/archives" 2>/dev/null
    mkdir -p "$1${place%/*}"
    mv "$1.tree" "$1$place"
}

# inside MACHINE COMMANDS: in the source tree, as on a console of a machine that was just started. Of the odd settings no
# file is readable to others, the home folder cannot be written to, and there is no such language.
inside() {
    settings=HOME=/root
    mask=022
    if [ "$place" = "$odd_place" ]; then
        settings='HOME=/proc LANG=tlh_XX CDPATH=/usr:/'
        mask=077
    fi
    # The words in quotes are for the shell that is started.
    # shellcheck disable=SC2016,SC2086
    timeout -k 10 1500 unshare --mount sh -ec '
        machine=$1
        shift
        for folder in proc sys dev; do
            mount --rbind "/$folder" "$machine/$folder"
        done
        exec chroot "$machine" env -i "$@"
    ' sh "$1" $settings TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        sh -ec "umask $mask; cd '$place'; $2" </dev/null
}

#
# Commands: what somebody types, and whether it did what it is for
#

# The first block of commands after a heading of README.md, or the second.
readme_block() {
    awk -v heading="## $1" -v number="$2" '
        /^## / { inside = $0 == heading }
        /^```/ && fenced { fenced = 0; next }
        inside && /^```sh$/ { fenced = ++count == number; next }
        fenced' "$top/README.md"
}

# The digests are right, and a failure shows the lines it came from.
run_examples() {
    inside "$1" '
        sh docs/examples/run include >/tmp/digests
        [ "$(wc -l </tmp/digests)" -ge 5 ]
        md5sum -c --quiet /tmp/digests
        sh docs/examples/run --program crash >/tmp/crash 2>&1 || [ $? -eq 1 ]
        cat /tmp/crash
        grep -q "docs/examples/crash\.c:[0-9]" /tmp/crash
        grep -q "^order_price(\.\.\.)$" /tmp/crash'
}

# Those that need most of what is installed. Which there are in all is compared, and all are run where this script is
# called from.
run_tests() {
    inside "$1" '
        sh test/run test_small test_md5all test_servers test_zstdtree test_traces test_symbolize check_docs check_install' \
        >"$1.tests"
    status=$?
    cat "$1.tests"
    inside "$1" 'meson test -C build-test --list' >"$1.list"
    [ $status -eq 0 ] && tail -n 1 "$1.tests" | grep -q '^[1-9][0-9]* passed, 0 failed, [0-9]* skipped$'
}

run_bench() {
    inside "$1" '
        sh bench/run --quick --only batch_empty --runtimes errgroup,floor >/tmp/table
        cat /tmp/table
        grep -q errgroup /tmp/table'
}

# What README.md says, to the letter: with these lines a library is installed, with its pages, and programs are built.
# A program's backtrace has lines.
run_build() {
    readme_block 'Build, install, link' 1 >"$1/tmp/install"
    readme_block 'Build, install, link' 2 >"$1/tmp/link"
    echo 'APT::Get::Assume-Yes "true";' >"$1/etc/apt/apt.conf.d/90yes"
    inside "$1" '
        export DEBIAN_FRONTEND=noninteractive
        sh -ex /tmp/install
        for page in man7/errgroup.7 man3/eg_group_go.3 man3/eg_group_wait.3; do
            ls "/usr/local/share/man/$page"
        done
        cd /tmp
        cp "$OLDPWD/docs/examples/hello.c" program.c
        [ "$(grep -c "^cc program.c" link)" -eq 2 ]
        while read -r line; do
            rm -f a.out
            echo "$line"
            eval "$line"
            ./a.out >output || [ $? -eq 1 ]
            cat output
            grep -q "35 has no half" output
        done <link
        cp "$OLDPWD/docs/examples/crash.c" program.c
        cc -g program.c $(pkg-config --cflags --libs errgroup)
        ./a.out >output 2>&1 || [ $? -eq 1 ]
        cat output
        grep -q "program\.c:[0-9]" output'
}

#
# Orders
#

# order NAME PLACE COMMAND...: a line of TAP, without its number, for each command, in $work/NAME.tap.
order() {
    machine=$work/$1
    place=$2
    shift 2
    before='a fresh tree'
    for command in "$@"; do
        renew "$machine"
        begin=$(date +%s)
        verdict=ok
        "run_$command" "$machine" >"$machine.out" 2>&1 || verdict='not ok'
        echo "$verdict - on a bare machine, in a tree after $before: $command"
        echo "# $(($(date +%s) - begin)) s"
        [ "$verdict" = ok ] || tail -n 60 "$machine.out" | sed 's/^/# /'
        before=$command
    done >"$machine.tap"
}

begin=$(date +%s)
if ! make_bare >"$work/bare.out" 2>&1; then
    echo 1..1
    echo 'not ok 1 - a bare machine is made'
    tail -n 20 "$work/bare.out" | sed 's/^/# /'
    exit 1
fi
echo "# a bare machine: $(($(date +%s) - begin)) s"
order one "$usual_place" examples tests &
orders=$!
order other "$odd_place" tests bench build examples &
orders="$orders $!"
wait
orders=

{
    cat "$work/one.tap" "$work/other.tap"
    if diff "$work/one.list" "$work/other.list" >"$work/difference" 2>&1; then
        echo 'ok - the same tests are there in both'
    else
        echo 'not ok - the same tests are there in both'
        sed 's/^/# /' "$work/difference"
    fi
} | awk '/^(not )?ok - / { sub(/ok - /, "ok " ++number " - ") } { print }'
echo 1..7
