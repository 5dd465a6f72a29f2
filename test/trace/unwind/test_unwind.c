/* SPDX-License-Identifier: MIT */

/*
 * The quick walk up a stack shows the frames that libgcc's unwinder shows: on random stacks of functions of
 * many shapes, and at every instruction of some. On a machine that it does not know, these tests are skipped.
 */

#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include <cmocka.h>

#include "trace/unwind/step.h"

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#define UNOPTIMIZED __attribute__((noinline, optnone))
#define FRAME_POINTER NOINLINE
#else
#define NOINLINE __attribute__((noinline, noclone))
#define UNOPTIMIZED __attribute__((noinline, noclone, optimize("O0")))
#define FRAME_POINTER __attribute__((noinline, noclone, optimize("no-omit-frame-pointer")))
#endif

/* Keeps the call before it from becoming a tail call, which would have no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#define FRAMES_MAX 512

struct frames {
	unsigned count;
	bool is_cut;
	uintptr_t stop;
	uintptr_t inner; /* frames whose low end is not above this are left out */
	bool is_inside;  /* of libgcc's walk: the interrupted function was reached */
	uintptr_t pcs[FRAMES_MAX];
	uintptr_t lows[FRAMES_MAX];
};

static void frames_add(struct frames *frames, uintptr_t pc, uintptr_t low)
{
	if (low <= frames->inner)
		return;
	if (frames->count == FRAMES_MAX)
		abort();
	frames->pcs[frames->count] = pc;
	frames->lows[frames->count++] = low;
}

/* Frames come before their extent is known, so the one to stop at comes last, and is taken back. */
static _Unwind_Reason_Code visit(struct _Unwind_Context *context, void *arg)
{
	struct frames *frames = arg;
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context);
	int is_exact = 0;
	uintptr_t pc = (uintptr_t)_Unwind_GetIPInfo(context, &is_exact);

	if (low > frames->stop) {
		frames->count--;
		return _URC_END_OF_STACK;
	}
	if (pc == 0)
		return _URC_END_OF_STACK;
	if (is_exact)
		frames->is_inside = true;
	if (frames->is_inside)
		frames_add(frames, is_exact ? pc : pc - 1, low);
	return _URC_NO_REASON;
}

static void walk(struct frames *frames, const struct egi_unwind_registers *registers)
{
	struct egi_unwind unwind;

	frames->is_cut = !egi_unwind_begin(&unwind, registers, (const void *)frames->stop);
	while (!frames->is_cut) {
		uintptr_t pc = egi_unwind_lookup(&unwind), low = unwind.at.sp;
		enum egi_unwind_result result = egi_unwind_step(&unwind);

		if (result == EGI_UNWIND_STOPPED)
			return;
		frames->is_cut = result == EGI_UNWIND_CUT;
		frames_add(frames, pc, low);
		if (result == EGI_UNWIND_ENDED)
			return;
	}
}

static void frames_print(const char *title, const struct frames *frames)
{
	print_message("# %s%s\n", title, frames->is_cut ? " (cut)" : "");
	for (unsigned i = 0; i < frames->count; i++)
		print_message("#   %#lx at %#lx\n", (unsigned long)frames->pcs[i],
			      (unsigned long)frames->lows[i]);
}

static bool frames_are_alike(const struct frames *a, const struct frames *b)
{
	bool are_alike = a->count == b->count && memcmp(a->pcs, b->pcs, a->count * sizeof(a->pcs[0])) == 0 &&
			 memcmp(a->lows, b->lows, a->count * sizeof(a->lows[0])) == 0;

	if (!are_alike) {
		frames_print("libgcc", a);
		frames_print("quick", b);
	}
	return are_alike;
}

/*
 * Random stacks
 */

static uintptr_t stop;
static uint64_t seed;
static unsigned compared, frames_total, deepest;
static bool has_failed, is_stepping;

static uint64_t draw(uint64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

static NOINLINE void compare(void)
{
	struct frames slow = {.stop = stop, .is_inside = true}, quick = {.stop = stop};
	struct egi_unwind_registers registers = {0, 0, 0, 0};

	slow.inner = quick.inner = (uintptr_t)__builtin_frame_address(0);
	_Unwind_Backtrace(visit, &slow);
	EGI_UNWIND_HERE(&registers);
	walk(&quick, &registers);
	compared++;
	frames_total += slow.count;
	deepest = slow.count > deepest ? slow.count : deepest;
	if (quick.is_cut || !frames_are_alike(&slow, &quick))
		has_failed = true;
}

static void go_on(unsigned depth);

static NOINLINE void shape_plain(unsigned depth)
{
	go_on(depth);
	NO_TAIL_CALL();
}

static NOINLINE void shape_tail_call(unsigned depth)
{
	go_on(depth);
}

static NOINLINE void shape_large(unsigned depth)
{
	volatile char bytes[40000];

	bytes[depth] = 1;
	go_on(depth);
	bytes[depth]++;
}

static NOINLINE void shape_alloca(unsigned depth)
{
	volatile char *bytes = alloca(draw(3000) + 1);

	bytes[0] = 1;
	go_on(depth);
	bytes[0] = 2;
}

static NOINLINE void shape_aligned(unsigned depth)
{
	volatile char bytes[100] __attribute__((aligned(64)));

	bytes[depth] = 1;
	go_on(depth);
	bytes[depth]++;
}

static NOINLINE void shape_aligned_alloca(unsigned depth)
{
	volatile char bytes[100] __attribute__((aligned(64)));
	volatile char *more = alloca(draw(300) + 1);

	more[0] = bytes[depth] = 1;
	go_on(depth);
	more[0] = bytes[depth]++;
}

/* With arguments on the stack, gcc finds this function's caller through a word beside the frame pointer. */
static NOINLINE unsigned shape_aligned_arguments(unsigned depth, unsigned a, unsigned b, unsigned c,
						 unsigned d, unsigned e, unsigned f, unsigned g, unsigned h)
{
	volatile char bytes[100] __attribute__((aligned(64)));
	volatile char *more = alloca(draw(300) + 1);

	more[0] = bytes[depth] = 1;
	go_on(depth);
	more[0] = bytes[depth]++;
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h;
}

static NOINLINE uint64_t shape_saves_all(unsigned depth, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
					 uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
	uint64_t i = a * b, j = c * d, k = e * f, l = g * h;

	go_on(depth);
	return a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l;
}

static NOINLINE void shape_many_arguments(unsigned depth)
{
	volatile uint64_t sum =
	    shape_saves_all(depth, draw(9), draw(9), draw(9), draw(9), draw(9), draw(9), draw(9), draw(9));

	(void)sum;
}

static NOINLINE void shape_variadic(unsigned depth, ...)
{
	va_list arguments;

	va_start(arguments, depth);
	go_on(depth + (unsigned)va_arg(arguments, int));
	va_end(arguments);
}

static UNOPTIMIZED void shape_unoptimized(unsigned depth)
{
	volatile int unused = 1;

	go_on(depth);
	(void)unused;
}

static FRAME_POINTER void shape_frame_pointer(unsigned depth)
{
	go_on(depth);
	NO_TAIL_CALL();
}

static __attribute__((cold)) NOINLINE void shape_cold(unsigned depth)
{
	go_on(depth);
	NO_TAIL_CALL();
}

/* An early return makes two ways out of the function, and its table remembers and restores a state. */
static NOINLINE unsigned shape_two_ends(unsigned depth, unsigned number)
{
	volatile unsigned kept = number;

	if (number % 2 == 0)
		return kept;
	go_on(depth);
	if (number % 3 == 0)
		return kept + 1;
	go_on(depth > 2 ? 2 : depth);
	return kept + shape_two_ends(0, number + 1);
}

static unsigned callback_depth;

static int shape_in_libc(const void *a, const void *b)
{
	unsigned depth = callback_depth;

	(void)a;
	(void)b;
	callback_depth = 0;
	go_on(depth);
	NO_TAIL_CALL();
	return 0;
}

static NOINLINE void shape_calls_libc(unsigned depth)
{
	int numbers[] = {1, 2};

	callback_depth = depth;
	qsort(numbers, 2, sizeof(numbers[0]), shape_in_libc);
}

static unsigned handler_depth;

static void shape_in_handler(int signal)
{
	unsigned depth = handler_depth;

	(void)signal;
	go_on(depth);
	NO_TAIL_CALL();
}

/* Elsewhere the frames that the kernel makes for handlers have no rules. */
static NOINLINE void shape_signal(unsigned depth)
{
#if EGI_UNWIND_SIGNAL_SP != 0
	handler_depth = depth;
	raise(SIGUSR1);
#else
	go_on(depth);
	NO_TAIL_CALL();
#endif
}

#if defined(__x86_64__)

/* A function that keeps the stack pointer it was called with in its frame, as OpenSSL's do. */
void shape_kept_sp(void (*fn)(void));

__asm__(".text\n"
	".type shape_kept_sp, @function\n"
	"shape_kept_sp:\n"
	"	.cfi_startproc\n"
	"	movq %rsp, %rax\n"
	"	.cfi_def_cfa_register %rax\n"
	"	subq $120, %rsp\n"
	"	andq $-64, %rsp\n"
	"	movq %rax, 40(%rsp)\n"
	"	.cfi_escape 0x0f, 5, 0x77, 40, 0x06, 0x23, 8\n"
	"	call *%rdi\n"
	"	movq 40(%rsp), %rax\n"
	"	.cfi_def_cfa %rax, 8\n"
	"	movq %rax, %rsp\n"
	"	.cfi_def_cfa %rsp, 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size shape_kept_sp, . - shape_kept_sp\n");

static unsigned kept_depth;

static void shape_below_kept_sp(void)
{
	go_on(kept_depth);
	NO_TAIL_CALL();
}

#endif

static NOINLINE void shape_assembly(unsigned depth)
{
#if defined(__x86_64__)
	kept_depth = depth;
	shape_kept_sp(shape_below_kept_sp);
#else
	go_on(depth);
#endif
	NO_TAIL_CALL();
}

static NOINLINE void go_on(unsigned depth)
{
	if (depth == 0) {
		if (!is_stepping)
			compare();
		NO_TAIL_CALL();
		return;
	}
	depth--;
	switch (draw(16)) {
	case 0:
		shape_tail_call(depth);
		break;
	case 1:
		shape_large(depth);
		break;
	case 2:
		shape_alloca(depth);
		break;
	case 3:
		shape_aligned(depth);
		break;
	case 4:
		shape_aligned_alloca(depth);
		break;
	case 5:
		shape_many_arguments(depth);
		break;
	case 6:
		shape_variadic(depth, 0);
		break;
	case 7:
		shape_unoptimized(depth);
		break;
	case 8:
		shape_frame_pointer(depth);
		break;
	case 9:
		shape_cold(depth);
		break;
	case 10:
		shape_two_ends(depth, (unsigned)draw(4) | 1);
		break;
	case 11:
		shape_calls_libc(depth);
		break;
	case 12:
		shape_aligned_arguments(depth, 1, 2, 3, 4, 5, 6, 7, 8);
		break;
	case 13:
		shape_signal(depth);
		break;
	case 14:
		shape_assembly(depth);
		break;
	default:
		shape_plain(depth);
		break;
	}
	NO_TAIL_CALL();
}

static NOINLINE void random_stack(unsigned depth)
{
	stop = (uintptr_t)__builtin_frame_address(0);
	go_on(depth);
	NO_TAIL_CALL();
}

static void handle(int signal, void (*handler)(int), void (*action)(int, siginfo_t *, void *))
{
	struct sigaction sigaction_new = {.sa_flags = SA_NODEFER};

	if (action != NULL) {
		sigaction_new.sa_sigaction = action;
		sigaction_new.sa_flags |= SA_SIGINFO;
	} else {
		sigaction_new.sa_handler = handler;
	}
	assert_int_equal(sigaction(signal, &sigaction_new, NULL), 0);
}

static void frames_of_random_stacks_are_those_of_libgcc(void **state)
{
	(void)state;
	if (!EGI_UNWIND_IS_NATIVE)
		skip();
	handle(SIGUSR1, shape_in_handler, NULL);
	for (seed = 1; seed <= 2000 && !has_failed; seed++) {
		uint64_t before = seed;

		random_stack((unsigned)draw(25));
		if (has_failed)
			print_message("# seed %lu\n", (unsigned long)before);
		seed = before;
	}
	handle(SIGUSR1, SIG_DFL, NULL);
	print_message("# %u stacks, %u frames, the deepest %u\n", compared, frames_total, deepest);
	assert_false(has_failed);
}

/*
 * Every instruction of some functions: the trap flag has the processor raise SIGTRAP after each
 */

#if defined(__x86_64__)

/* A function whose unwind table is that of stubs of a procedure linkage table, as GNU's linkers write it. */
void shape_linkage_stub(void);

__asm__(".text\n"
	".p2align 4\n"
	".type shape_linkage_stub, @function\n"
	"shape_linkage_stub:\n"
	"	.cfi_startproc\n"
	"	.cfi_escape 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22\n"
	"	.byte 0x66, 0x0f, 0x1f, 0x44, 0, 0\n" /* nopw */
	"	.byte 0x68, 1, 0, 0, 0\n"             /* pushq $1 */
	"	.byte 0xe9, 0, 0, 0, 0\n"             /* jmp, to what follows */
	"	.cfi_def_cfa rsp, 16\n"
	"	addq $8, %rsp\n"
	"	.cfi_def_cfa_offset 8\n"
	"	ret\n"
	"	.cfi_endproc\n"
	".size shape_linkage_stub, . - shape_linkage_stub\n");

static unsigned steps, steps_cut, steps_in_stub;

static void step(int signal, siginfo_t *info, void *context)
{
	struct frames slow = {.stop = stop}, quick = {.stop = stop};
	struct egi_unwind_registers registers = egi_unwind_interrupted(context);

	(void)signal;
	(void)info;
	if (has_failed || registers.sp >= stop)
		return;
	walk(&quick, &registers);
	steps++;
	if (registers.pc - (uintptr_t)shape_linkage_stub < 16) {
		steps_in_stub++;
		if (quick.is_cut)
			has_failed = true;
	}
	if (quick.is_cut) {
		steps_cut++;
		return;
	}
	_Unwind_Backtrace(visit, &slow);
	if (!frames_are_alike(&slow, &quick))
		has_failed = true;
}

static void set_trap_flag(bool is_on)
{
	uint64_t flags;

	/* Below the red zone. */
	__asm__ volatile("subq $128, %%rsp\n\tpushfq\n\tpopq %0\n\taddq $128, %%rsp" : "=r"(flags)::"memory");
	flags = is_on ? flags | 0x100 : flags & ~UINT64_C(0x100);
	__asm__ volatile("subq $128, %%rsp\n\tpushq %0\n\tpopfq\n\taddq $128, %%rsp" ::"r"(flags)
			 : "memory", "cc");
}

/* Not the aligned shapes: at their last instruction gcc's table is wrong, and leads libgcc astray. */
static NOINLINE void stepped(bool is_on)
{
	char text[100];
	void *memory;

	set_trap_flag(is_on);
	for (unsigned i = 0; i < 3; i++)
		shape_two_ends(0, i);
	shape_large(0);
	shape_alloca(0);
	shape_many_arguments(0);
	shape_variadic(0, 0);
	shape_unoptimized(0);
	shape_frame_pointer(0);
	shape_cold(0);
	shape_calls_libc(0);
	shape_linkage_stub();
	memory = malloc(500);
	free(memory);
	snprintf(text, sizeof(text), "%s %d %g", "text", 15, 0.3);
	set_trap_flag(false);
	NO_TAIL_CALL();
}

/* The first time without the flag, because the dynamic linker's code that looks up functions has no rules. */
static NOINLINE void stepped_base(void)
{
	stop = (uintptr_t)__builtin_frame_address(0);
	stepped(false);
	stepped(true);
	NO_TAIL_CALL();
}

static void frames_at_every_instruction_are_those_of_libgcc(void **state)
{
	(void)state;
	has_failed = false;
	is_stepping = true;
	handle(SIGTRAP, NULL, step);
	stepped_base();
	handle(SIGTRAP, SIG_DFL, NULL);
	if (steps < 100)
		skip(); /* valgrind has no trap flag */
	print_message("# %u instructions, %u of them without a rule\n", steps, steps_cut);
	assert_false(has_failed);
	assert_int_equal(steps_in_stub, 3);
	assert_true(steps_cut < steps / 10);
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_random_stacks_are_those_of_libgcc),
#if defined(__x86_64__)
		cmocka_unit_test(frames_at_every_instruction_are_those_of_libgcc),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
