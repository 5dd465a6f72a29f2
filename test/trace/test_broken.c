/* SPDX-License-Identifier: MIT */

/*
 * Backtraces where the stack, the unwind tables or the modules are not what they should be: what is known is
 * shown, and nothing crashes.
 */

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/names.h"
#include "trace/trace.h"
#include "trace/unwind/step.h"

/*
 * AddressSanitizer asks this for its defaults. Its leak check guesses where a library loaded with dlopen has
 * its thread-local data, and crashes on a wrong guess about libdw's.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

/* Keeps the call before it from becoming a tail call, which would have no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#define FRAMES_MAX 16

struct names {
	unsigned count;
	char functions[FRAMES_MAX][64];
};

static struct names names_of(const struct egi_trace *backtrace)
{
	struct egi_frames frames = egi_frames_find(backtrace, true);
	struct names names = {0};

	assert_non_null(backtrace);
	for (size_t i = 0; i < egi_frames_count(frames); i++) {
		struct egi_frame frame = egi_frames_read(frames, i);

		assert_true(frame.is_cut ==
			    (egi_trace_is_cut(backtrace) && i + 1 == egi_frames_count(frames)));
		if (frame.is_inlined || names.count == FRAMES_MAX)
			continue;
		snprintf(names.functions[names.count++], sizeof(names.functions[0]), "%s",
			 frame.function == NULL ? "" : frame.function);
	}
	return names;
}

static struct egi_trace *captured;
static const void *stop;

static NOINLINE void capture(void)
{
	captured = egi_trace_capture(0, stop);
	NO_TAIL_CALL();
}

/*
 * Overwritten stacks
 */

static void (*body)(void);

/* With arguments on the stack, gcc finds this function's caller through a word beside the frame pointer. */
static NOINLINE int level_aligned(int a, int b, int c, int d, int e, int f, int g, int h)
{
	volatile char bytes[64] __attribute__((aligned(64)));
	volatile char *more = __builtin_alloca((size_t)(a + h));

	more[0] = bytes[0] = 1;
	body();
	return more[0] + bytes[0] + a + b + c + d + e + f + g + h;
}

static NOINLINE void level_alloca(void)
{
	volatile char *bytes = __builtin_alloca((size_t)((uintptr_t)&body % 64 + 32));

	bytes[0] = 1;
	bytes[1] = (char)level_aligned(1, 2, 3, 4, 5, 6, 7, 8);
}

static NOINLINE void level_plain(void)
{
	level_alloca();
	NO_TAIL_CALL();
}

static NOINLINE void run(void (*fn)(void))
{
	body = fn;
	stop = __builtin_frame_address(0);
	level_plain();
	NO_TAIL_CALL();
}

/* Captures while one word of the stack above is another. */
static NOINLINE __attribute__((no_sanitize_address)) struct egi_trace *
capture_with_word(volatile uintptr_t *word, uintptr_t value)
{
	uintptr_t saved = *word;
	struct egi_trace *backtrace;

	*word = value;
	backtrace = egi_trace_capture(0, stop);
	*word = saved;
	return backtrace;
}

static unsigned overwritten;

static NOINLINE __attribute__((no_sanitize_address)) void overwrite_each_word(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), above = (uintptr_t)stop;
	const uintptr_t values[] = {0,
				    1,
				    4095,
				    0x123456789000,
				    (uintptr_t)1 << 63,
				    UINTPTR_MAX,
				    UINTPTR_MAX - 7,
				    here,
				    above,
				    above - 8,
				    above + 8,
				    above - 4,
				    (uintptr_t)&stop,
				    (uintptr_t)overwrite_each_word,
				    (uintptr_t)level_aligned + 1,
				    (uintptr_t)level_plain + 6,
				    (uintptr_t)printf,
				    (uintptr_t)raise + 3};

	for (uintptr_t at = here; at < above; at += sizeof(uintptr_t))
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct egi_trace *backtrace = capture_with_word((volatile uintptr_t *)at, values[i]);

			if (backtrace == NULL || egi_trace_count(backtrace) == 0)
				abort();
			egi_trace_free(backtrace);
			overwritten++;
		}
	NO_TAIL_CALL();
}

static void any_overwritten_word_of_the_stack_is_survived(void **state)
{
	(void)state;
	run(overwrite_each_word);
	assert_true(overwritten > 18 * 10);
}

static void stack_is_shown_up_to_the_stop(void **state)
{
	struct names names;

	(void)state;
	run(capture);
	names = names_of(captured);
	assert_int_equal(names.count, 4);
	assert_string_equal(names.functions[0], "capture");
	assert_string_equal(names.functions[1], "level_aligned");
	assert_string_equal(names.functions[2], "level_alloca");
	assert_string_equal(names.functions[3], "level_plain");
	assert_false(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

#if defined(__x86_64__)

/*
 * Code without unwind tables
 */

/* Calls its argument, with a frame that nothing describes. */
void call_without_table(void (*fn)(void));

__asm__(".text\n"
	".type call_without_table, @function\n"
	"call_without_table:\n"
	"	subq $24, %rsp\n"
	"	call *%rdi\n"
	"	addq $24, %rsp\n"
	"	ret\n"
	".size call_without_table, . - call_without_table\n");

static NOINLINE void call_assembly(void)
{
	call_without_table(capture);
	NO_TAIL_CALL();
}

static void frame_without_a_table_is_the_last(void **state)
{
	struct names names;

	(void)state;
	run(call_assembly);
	names = names_of(captured);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.functions[0], "capture");
	assert_string_equal(names.functions[1], "call_without_table");
	assert_true(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
static const unsigned char made_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void *made;

static NOINLINE void call_made(void)
{
	((void (*)(void (*)(void)))made)(capture);
	NO_TAIL_CALL();
}

static void frame_of_code_made_at_run_time_is_the_last(void **state)
{
	struct names names;

	(void)state;
	made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(made != MAP_FAILED);
	memcpy(made, made_code, sizeof(made_code));
	assert_int_equal(mprotect(made, 4096, PROT_READ | PROT_EXEC), 0);
	run(call_made);
	munmap(made, 4096);
	names = names_of(captured);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.functions[0], "capture");
	assert_int_equal(egi_trace_frame(captured, 1).module, EGI_TRACE_NO_MODULE);
	assert_true(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

/* The unwind table of that code: its CIE, its FDE with the code's address to be filled in, and an end. */
static struct {
	uint32_t cie_size, cie_id;
	unsigned char cie[12];
	uint32_t fde_size, fde_cie;
	uint64_t code, code_size;
	unsigned char fde[12];
	uint32_t end;
} __attribute__((packed, aligned(8))) made_table = {
    .cie_size = 16,
    /* version 1, no augmentation, alignments 1 and -8, return address 16; CFA is rsp + 8, and that at CFA - 8 */
    .cie = {1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1},
    .fde_size = 32,
    .fde_cie = 24,
    .code_size = sizeof(made_code),
    /* after 1 byte CFA is rsp + 16, rbp at CFA - 16; after 3 more CFA is rbp + 16; after 3 more it is rsp + 8 */
    .fde = {0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x43, 0x0c, 7, 8},
};

/* libgcc's: compilers at run time call them. */
void __register_frame(void *table);
void __deregister_frame(void *table);

static void frame_of_code_made_at_run_time_with_a_registered_table_is_passed(void **state)
{
	struct names names;

	(void)state;
	made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(made != MAP_FAILED);
	memcpy(made, made_code, sizeof(made_code));
	assert_int_equal(mprotect(made, 4096, PROT_READ | PROT_EXEC), 0);
	made_table.code = (uint64_t)(uintptr_t)made;
	__register_frame(&made_table);
	run(call_made);
	__deregister_frame(&made_table);
	munmap(made, 4096);
	names = names_of(captured);
	assert_int_equal(names.count, 6);
	assert_int_equal(egi_trace_frame(captured, 1).module, EGI_TRACE_NO_MODULE);
	assert_string_equal(names.functions[2], "call_made");
	assert_string_equal(names.functions[5], "level_plain");
	assert_false(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

/*
 * Faults, recorded in a handler on a stack of its own
 */

static struct egi_trace_record record;
static volatile char *page;
static void (*volatile nowhere)(void) = (void (*)(void))16;

/* Makes the page accessible, so that the faulting instruction succeeds; returns from a call to nowhere. */
static void fault(int signal, siginfo_t *info, void *arg)
{
	ucontext_t *context = arg;

	(void)signal;
	egi_trace_record_interrupted(context, stop, &record);
	if (info->si_addr == page) {
		if (mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) != 0)
			_exit(1);
	} else {
		uintptr_t sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];

		if (context->uc_mcontext.gregs[REG_RIP] != 16)
			_exit(1);
		context->uc_mcontext.gregs[REG_RIP] = *(long long *)sp;
		context->uc_mcontext.gregs[REG_RSP] += 8;
	}
}

static NOINLINE void touch_page(void)
{
	*page;
	NO_TAIL_CALL();
}

static NOINLINE void call_nowhere(void)
{
	nowhere();
	NO_TAIL_CALL();
}

static void with_fault_handler(void (*fn)(void))
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK}, before;
	stack_t stack = {.ss_size = (size_t)64 << 10}, stack_before;

	action.sa_sigaction = fault;
	stack.ss_sp = malloc(stack.ss_size);
	assert_non_null(stack.ss_sp);
	assert_int_equal(sigaltstack(&stack, &stack_before), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	run(fn);
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
	assert_int_equal(sigaltstack(&stack_before, NULL), 0);
	free(stack.ss_sp);
	captured = egi_trace_create(&record);
}

static void fault_is_recorded_from_its_handler(void **state)
{
	struct names names;

	(void)state;
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(page != MAP_FAILED);
	with_fault_handler(touch_page);
	munmap((void *)page, 4096);
	names = names_of(captured);
	assert_int_equal(names.count, 4);
	assert_string_equal(names.functions[0], "touch_page");
	assert_string_equal(names.functions[1], "level_aligned");
	assert_string_equal(names.functions[3], "level_plain");
	egi_trace_free(captured);
}

static void call_to_nowhere_is_recorded_with_its_caller(void **state)
{
	struct names names;

	(void)state;
	with_fault_handler(call_nowhere);
	names = names_of(captured);
	assert_int_equal(names.count, 5);
	assert_int_equal(egi_trace_frame(captured, 0).module, EGI_TRACE_NO_MODULE);
	assert_string_equal(names.functions[1], "call_nowhere");
	assert_string_equal(names.functions[2], "level_aligned");
	assert_false(egi_trace_is_cut(captured));
	egi_trace_free(captured);
}

#endif

/*
 * Modules
 */

typedef int through_fn(void (*fn)(void));

static char folder[] = "/tmp/errgroup-broken-XXXXXX";
static bool is_built;

static int build(void **state)
{
	static const char source[] = "int through(void (*fn)(void));\\nint through(void (*fn)(void))\\n"
				     "{ volatile char bytes[SIZE]; bytes[0] = 1; fn(); return bytes[0]; }\\n";
	const char *cc = getenv("CC") != NULL ? getenv("CC") : "cc";
	char command[2048];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	/* The frames differ, the code has the same length. */
	snprintf(command, sizeof(command),
		 "cd %s && unset LD_PRELOAD && { printf '%s' >m.c && for n in 1000 3000; do"
		 " %s -DSIZE=$n -O1 -fPIC -shared -Wl,--build-id=sha1 -o m$n.so m.c || exit 1; done; }"
		 " >/dev/null 2>&1",
		 folder, source, cc);
	is_built = system(command) == 0;
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void *module_open(const char *name, through_fn **ret_through)
{
	char path[128];
	void *handle;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(handle);
	*(void **)ret_through = dlsym(handle, "through");
	assert_non_null(*ret_through);
	return handle;
}

static through_fn *through;
static unsigned steps;

/* Without a backtrace, which would be cut where a step fails. */
static void count_steps(void)
{
	struct egi_unwind_registers registers = {0, 0, 0, 0};
	struct egi_unwind unwind;

	EGI_UNWIND_HERE(&registers);
	steps = 0;
	if (!egi_unwind_begin(&unwind, &registers, stop))
		return;
	while (egi_unwind_step(&unwind) == EGI_UNWIND_STEPPED)
		steps++;
}

static NOINLINE void call_through(void)
{
	through(count_steps);
	NO_TAIL_CALL();
}

/* The second module's frames must not be taken for those of the first, which was at the same address. */
static void module_in_the_place_of_another_has_its_own_rules(void **state)
{
	const char *names[] = {"m1000.so", "m3000.so"};
	through_fn *places[2] = {NULL, NULL};

	(void)state;
	if (!is_built || !EGI_UNWIND_IS_NATIVE)
		skip();
	for (unsigned i = 0; i < 10; i++) {
		void *handle = module_open(names[i % 2], &through);

		places[i % 2] = through;
		run(call_through);
		assert_int_equal(dlclose(handle), 0);
		assert_int_equal(steps, 6);
	}
	if (places[0] != places[1])
		print_message("# the modules were not at the same address\n");
}

#define COPIES 20 /* more than a walk keeps */

static through_fn *copies[COPIES];
static unsigned copies_entered;

static void go_through_copies(void)
{
	if (copies_entered < COPIES)
		copies[copies_entered++](go_through_copies);
	else
		capture();
	NO_TAIL_CALL();
}

static void stack_may_lead_through_any_number_of_modules(void **state)
{
	void *handles[COPIES];
	struct egi_trace_frame frame;
	char command[256];

	(void)state;
	if (!is_built)
		skip();
	for (unsigned i = 0; i < COPIES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "copy%u.so", i);
		snprintf(command, sizeof(command), "cp %s/m1000.so %s/%s", folder, folder, name);
		assert_int_equal(system(command), 0);
		handles[i] = module_open(name, &copies[i]);
	}
	copies_entered = 0;
	run(go_through_copies);
	/* capture, each copy's function between two of go_through_copies, and the levels. */
	assert_int_equal(egi_trace_count(captured), 1 + 2 * COPIES + 1 + 3);
	for (unsigned i = 0; i < COPIES; i++) {
		char name[32];

		snprintf(name, sizeof(name), "/copy%u.so", COPIES - 1 - i);
		frame = egi_trace_frame(captured, 2 + 2 * i);
		assert_non_null(strstr(egi_trace_module(captured, frame.module)->path, name));
	}
	assert_false(egi_trace_is_cut(captured));
	egi_trace_free(captured);
	for (unsigned i = 0; i < COPIES; i++)
		dlclose(handles[i]);
}

static void *closed_handle;
static jmp_buf out;

static NOINLINE void close_and_capture(void)
{
	dlclose(closed_handle);
	capture();
	longjmp(out, 1);
}

static NOINLINE void call_through_closed(void)
{
	through(close_and_capture);
	NO_TAIL_CALL();
}

static void frame_in_a_module_that_is_gone_is_the_last(void **state)
{
	struct names names;

	(void)state;
	if (!is_built)
		skip();
	closed_handle = module_open("m1000.so", &through);
	if (setjmp(out) == 0)
		run(call_through_closed);
	names = names_of(captured);
	assert_int_equal(names.count, 3);
	assert_string_equal(names.functions[0], "capture");
	assert_string_equal(names.functions[1], "close_and_capture");
	assert_int_equal(egi_trace_frame(captured, 2).module, EGI_TRACE_NO_MODULE);
	egi_trace_free(captured);
}

#define ROUNDS 200

static void *open_and_close(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		char path[128];
		void *handle;

		snprintf(path, sizeof(path), "%s/m%s.so", folder, i % 2 == 0 ? "1000" : "3000");
		handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (handle == NULL)
			return arg;
		dlclose(handle);
	}
	return NULL;
}

static void modules_may_come_and_go_meanwhile(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
	if (!is_built)
		skip();
	assert_int_equal(pthread_create(&thread, NULL, open_and_close, folder), 0);
	for (unsigned i = 0; i < 100 * ROUNDS; i++) {
		run(capture);
		assert_int_equal(egi_trace_count(captured), 4);
		egi_trace_free(captured);
	}
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stack_is_shown_up_to_the_stop),
		cmocka_unit_test(any_overwritten_word_of_the_stack_is_survived),
#if defined(__x86_64__)
		cmocka_unit_test(frame_without_a_table_is_the_last),
		cmocka_unit_test(frame_of_code_made_at_run_time_is_the_last),
		cmocka_unit_test(frame_of_code_made_at_run_time_with_a_registered_table_is_passed),
		cmocka_unit_test(fault_is_recorded_from_its_handler),
		cmocka_unit_test(call_to_nowhere_is_recorded_with_its_caller),
#endif
		cmocka_unit_test(module_in_the_place_of_another_has_its_own_rules),
		cmocka_unit_test(stack_may_lead_through_any_number_of_modules),
		cmocka_unit_test(frame_in_a_module_that_is_gone_is_the_last),
		cmocka_unit_test(modules_may_come_and_go_meanwhile),
	};

	egi_module_prime();
	return cmocka_run_group_tests(tests, build, remove_folder);
}
