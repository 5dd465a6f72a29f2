/* SPDX-License-Identifier: MIT */
/*
 * What makes a coroutine a thread: a stack of its own and thread-local variables of its own.
 */
#include <link.h>
#include <string.h>

#include "engine.h"

#define TLS_MAX 512

/*
 * Switching stacks. Saves what a function call must preserve; the floating point modes never change here.
 */

#if defined(__x86_64__)
__asm__(".text\n"
	".globl switch_stacks\n"
	".type switch_stacks, @function\n"
	"switch_stacks:\n"
	"	pushq %rbp\n"
	"	pushq %rbx\n"
	"	pushq %r12\n"
	"	pushq %r13\n"
	"	pushq %r14\n"
	"	pushq %r15\n"
	"	movq %rsp, (%rdi)\n"
	"	movq %rsi, %rsp\n"
	"	popq %r15\n"
	"	popq %r14\n"
	"	popq %r13\n"
	"	popq %r12\n"
	"	popq %rbx\n"
	"	popq %rbp\n"
	"	ret\n"
	".size switch_stacks, . - switch_stacks\n");
#define FRAME_WORDS 8
#define FRAME_RETURN 6
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl switch_stacks\n"
	".type switch_stacks, %function\n"
	"switch_stacks:\n"
	"	sub sp, sp, #160\n"
	"	stp x19, x20, [sp]\n"
	"	stp x21, x22, [sp, #16]\n"
	"	stp x23, x24, [sp, #32]\n"
	"	stp x25, x26, [sp, #48]\n"
	"	stp x27, x28, [sp, #64]\n"
	"	stp x29, x30, [sp, #80]\n"
	"	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n"
	"	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n"
	"	mov x9, sp\n"
	"	str x9, [x0]\n"
	"	mov sp, x1\n"
	"	ldp x19, x20, [sp]\n"
	"	ldp x21, x22, [sp, #16]\n"
	"	ldp x23, x24, [sp, #32]\n"
	"	ldp x25, x26, [sp, #48]\n"
	"	ldp x27, x28, [sp, #64]\n"
	"	ldp x29, x30, [sp, #80]\n"
	"	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n"
	"	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n"
	"	add sp, sp, #160\n"
	"	ret\n"
	".size switch_stacks, . - switch_stacks\n");
#define FRAME_WORDS 20
#define FRAME_RETURN 11
#else
#error "no stack switch for this machine"
#endif

void *switch_prepare(char *stack_end, void (*begin)(void))
{
	void **frame = (void **)(void *)stack_end - FRAME_WORDS;

	memset(frame, 0, FRAME_WORDS * sizeof(*frame));
	frame[FRAME_RETURN] = (void *)(uintptr_t)begin;
	return frame;
}

/*
 * The program's thread-local variables: a block that is copied at every switch.
 */

static struct {
	char *at;
	size_t size, image_size;
	const void *image;
	char of[THREADS_MAX][TLS_MAX];
} tls KEPT;

static int tls_find(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		if (info->dlpi_phdr[i].p_type != PT_TLS)
			continue;
		tls.at = info->dlpi_tls_data;
		tls.size = info->dlpi_phdr[i].p_memsz;
		tls.image_size = info->dlpi_phdr[i].p_filesz;
		tls.image = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	}
	return 1; /* the first is the program itself */
}

void switch_begin(unsigned thread)
{
	memcpy(tls.of[thread], tls.image, tls.image_size);
	memset(tls.of[thread] + tls.image_size, 0, tls.size - tls.image_size);
}

void switch_load(unsigned thread)
{
	memcpy(tls.at, tls.of[thread], tls.size);
}

void switch_save(unsigned thread)
{
	memcpy(tls.of[thread], tls.at, tls.size);
}

void switch_init(void)
{
	dl_iterate_phdr(tls_find, NULL);
	if (tls.size > TLS_MAX)
		explore_fail("internal: TLS_MAX is too small");
}
