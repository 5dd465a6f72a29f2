#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What the operations of src/os/atomic.h become on the machines for which there is a compiler here: a read-modify-write is in
# full order on both sides; loads that acquire and stores that release are one instruction where the machine has it.
#
#     sh test/checks/check_atomic.sh
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd) || exit 1
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

cat >"$work/operations.c" <<'END'
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
mkdir "$work/weak" "$work/own"
echo '#define CK_MD_RMO' >"$work/weak/ck_md.h"

# compiled COMPILER ORDER [OPTION...]: makes operations.s; false if there is no such compiler, or it does not work.
compiled() {
    compiler=$1 order=$2
    shift 2
    command -v "$compiler" >/dev/null 2>&1 || return 1
    "$compiler" "$@" -std=gnu11 -O2 -ffreestanding -fno-asynchronous-unwind-tables -I"$work/$order" -I"$top/src" \
        -idirafter /usr/include -S "$work/operations.c" -o "$work/operations.s" 2>"$work/why"
}

# holds FUNCTION COUNT PATTERN: the function has so many such instructions.
holds() {
    sed -n "/^$1:/,/^	\.size	$1/p" "$work/operations.s" >"$work/function"
    found=$(grep -c -E "^	($3)" "$work/function")
    [ "$found" -eq "$2" ] && return 0
    echo "$1: $found of '$3' instead of $2" >>"$work/why"
    sed 's/^/  /' "$work/function" >>"$work/why"
    return 1
}

# fenced PATTERN: each read-modify-write has a full fence before and after it.
fenced() {
    holds add 2 "$1" && holds cas 2 "$1" && holds swap 2 "$1"
}

if [ "$(uname -m)" = x86_64 ] && compiled cc own; then
    holds add 1 'lock' && holds cas 1 'lock' && holds add 0 'mfence' && holds cas 0 'mfence' && holds swap 1 'xchgq' &&
        holds swap 0 'mfence' && holds load 1 'movl' && holds store 1 'movq' && holds load 0 'mfence' && holds store 0 'mfence'
    report "x86-64: an access is all there is" $?
else
    skipped "x86-64" "no compiler for it"
fi
if compiled aarch64-linux-gnu-gcc weak; then
    fenced 'dmb ish' && holds load 1 'ldar' && holds load 0 'dmb' && holds store 1 'stlr' && holds store 0 'dmb'
    report "aarch64: read-modify-writes are fenced, the others acquire and release" $?
else
    skipped "aarch64" "no compiler for it"
fi
if compiled powerpc64le-linux-gnu-gcc weak -D__ppc64__; then
    fenced '(sync|hwsync)' && holds load 0 '(sync|hwsync)' && holds store 0 '(sync|hwsync)'
    report "ppc64: read-modify-writes are fenced, the others have no full fence" $?
else
    skipped "ppc64" "no compiler for it"
fi
if compiled riscv64-linux-gnu-gcc weak; then
    holds add 2 'fence.iorw,iorw' && holds swap 2 'fence.iorw,iorw' && holds load 1 'fence' && holds store 1 'fence'
    report "riscv64: read-modify-writes are fenced, the others have half a fence" $?
else
    skipped "riscv64" "no compiler for it"
fi
finish
