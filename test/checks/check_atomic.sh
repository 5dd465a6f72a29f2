#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the operations of src/os/atomic.h become on the machines for which there is a compiler here: a read-modify-write is in
# full order on both sides; loads that acquire and stores that release are one instruction where the machine has it.
#
#     sh test/checks/check_atomic.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
number=0
failed=0

cat >"$scratch/operations.c" <<'END'
#include "os/atomic.h"

uint64_t add(uint64_t *at)
{
	return egi_add_u64(at, 3);
}

bool cas(uint32_t *at, uint32_t *expected)
{
	return egi_cas_u32(at, expected, 3);
}

void *swap(void **at, void *to)
{
	return egi_swap_ptr(at, to);
}

uint32_t load(const uint32_t *from)
{
	return egi_load_acquire_u32(from);
}

void store(void **to, void *value)
{
	egi_store_release_ptr(to, value);
}
END
# Concurrency Kit's own description of the machine is that of the host.
mkdir "$scratch/weak" "$scratch/own"
echo '#define CK_MD_RMO' >"$scratch/weak/ck_md.h"

result() {
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$scratch/why"
        failed=1
    fi
}

# compiled COMPILER ORDER [OPTION...]: makes operations.s; false if there is no such compiler, or it does not work.
compiled() {
    compiler=$1 order=$2
    shift 2
    command -v "$compiler" >/dev/null 2>&1 || return 1
    "$compiler" "$@" -std=gnu11 -O2 -ffreestanding -fno-asynchronous-unwind-tables -I"$scratch/$order" -I"$top/src" \
        -idirafter /usr/include -S "$scratch/operations.c" -o "$scratch/operations.s" 2>"$scratch/why"
}

# has FUNCTION COUNT PATTERN: the function has so many such instructions.
has() {
    sed -n "/^$1:/,/^	\.size	$1/p" "$scratch/operations.s" >"$scratch/function"
    found=$(grep -c -E "^	($3)" "$scratch/function")
    [ "$found" -eq "$2" ] && return 0
    echo "$1: $found of '$3' instead of $2" >>"$scratch/why"
    sed 's/^/  /' "$scratch/function" >>"$scratch/why"
    return 1
}

# fenced PATTERN: each read-modify-write has a full fence before and after it.
fenced() {
    has add 2 "$1" && has cas 2 "$1" && has swap 2 "$1"
}

skip() {
    number=$((number + 1))
    echo "ok $number - $1 # SKIP no compiler for it"
}

echo 1..4
if [ "$(uname -m)" = x86_64 ] && compiled cc own; then
    has add 1 'lock' && has cas 1 'lock' && has add 0 'mfence' && has cas 0 'mfence' && has swap 1 'xchgq' &&
        has swap 0 'mfence' && has load 1 'movl' && has store 1 'movq' && has load 0 'mfence' && has store 0 'mfence'
    result $? "x86-64: an access is all there is"
else
    skip "x86-64"
fi
if compiled aarch64-linux-gnu-gcc weak; then
    fenced 'dmb ish' && has load 1 'ldar' && has load 0 'dmb' && has store 1 'stlr' && has store 0 'dmb'
    result $? "aarch64: read-modify-writes are fenced, the others acquire and release"
else
    skip "aarch64"
fi
if compiled powerpc64le-linux-gnu-gcc weak -D__ppc64__; then
    fenced '(sync|hwsync)' && has load 0 '(sync|hwsync)' && has store 0 '(sync|hwsync)'
    result $? "ppc64: read-modify-writes are fenced, the others have no full fence"
else
    skip "ppc64"
fi
if compiled riscv64-linux-gnu-gcc weak; then
    has add 2 'fence.iorw,iorw' && has swap 2 'fence.iorw,iorw' && has load 1 'fence' && has store 1 'fence'
    result $? "riscv64: read-modify-writes are fenced, the others have half a fence"
else
    skip "riscv64"
fi
exit $failed
