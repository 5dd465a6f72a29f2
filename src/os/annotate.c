/* SPDX-License-Identifier: MIT */
/*
 * How a tool is found and told. ThreadSanitizer's run-time library is in the program or it is not: weak symbols tell, before any
 * code runs. Under valgrind the program runs on a processor that is made up, and speaks to the tool by instructions that do
 * nothing on a real one.
 */
#include "os/annotate.h"

#include <stdlib.h>
#include <string.h>

/*
 * ThreadSanitizer's run-time library has these, in whichever way it comes into the program. The linker or the loader fills
 * the addresses in, so that they are known before any code runs.
 */
#if defined(__SANITIZE_THREAD__)
#define IS_SEEN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IS_SEEN
#endif
#endif

#ifdef IS_SEEN
struct egi_annotation egi_annotation;
#else
extern void __tsan_acquire(void *at) __attribute__((weak));
extern void __tsan_release(void *at) __attribute__((weak));

struct egi_annotation egi_annotation = {__tsan_acquire, __tsan_release};
#endif

/*
 * A program under valgrind makes requests by instructions that do nothing elsewhere: some rotations of a register that
 * together are none, then an exchange of a register with itself. The request and five arguments lie in memory. The numbers
 * are those of valgrind's headers, which promise that they stay: helgrind's begin with its letters, H and G.
 */
#define REQUEST_RUNNING UINT64_C(0x1001)
#define REQUEST_RELEASE UINT64_C(0x48470121)
#define REQUEST_ACQUIRE UINT64_C(0x48470122)

static uint64_t valgrind_request(uint64_t request, const void *at)
{
	volatile uint64_t words[6] = {request, (uintptr_t)at};
	uint64_t result = 0;

#if defined(__x86_64__)
	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(result)
			 : "a"(words)
			 : "cc", "memory");
#elif defined(__aarch64__)
	register const volatile uint64_t *from __asm__("x4") = words;
	register uint64_t to __asm__("x3") = 0;

	__asm__ volatile("ror x12, x12, #3\n\t"
			 "ror x12, x12, #13\n\t"
			 "ror x12, x12, #51\n\t"
			 "ror x12, x12, #61\n\t"
			 "orr x10, x10, x10"
			 : "+r"(to)
			 : "r"(from)
			 : "cc", "memory");
	result = to;
#else
	(void)words;
#endif
	return result;
}

static void helgrind_acquire(void *at)
{
	valgrind_request(REQUEST_ACQUIRE, at);
}

static void helgrind_release(void *at)
{
	valgrind_request(REQUEST_RELEASE, at);
}

void egi_annotate_begin(void)
{
	const char *preloaded;

	if (egi_annotates() || valgrind_request(REQUEST_RUNNING, NULL) == 0)
		return;
	/* Its other tools need not be told, and valgrind says which it is by what it preloads. */
	preloaded = getenv("LD_PRELOAD");
	if (preloaded && strstr(preloaded, "helgrind"))
		egi_annotation = (struct egi_annotation){helgrind_acquire, helgrind_release};
}
