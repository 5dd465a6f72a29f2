/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_EXCEPTION_H
#define EGI_OS_EXCEPTION_H

/*
 * Where exceptions of other languages end.
 *
 * A C++ exception that leaves a function of the program's which the library has called would unwind the library's frames
 * as well, if somebody further up catches it: a thread that waits in a try block, and helps. What these frames were in the
 * middle of would stay so for ever. On a thread of the library's own nobody catches, and the process ends by
 * std::terminate. So that both are the same, such a frame says, while the handler is looked for and nothing has been
 * unwound yet, that there is none: the C++ library then calls std::terminate, where the exception was thrown. Rust ends
 * the process, too. What is no exception, the end of a thread by pthread_exit or cancellation, goes through.
 *
 * The frame says it by a personality routine, as C++ frames have them, in its unwind table: no instruction is spent.
 */

#include <unwind.h>

#include "os/compiler.h"

/* Hidden where it is used as well, so that its place is known when the library is linked. */
_Unwind_Reason_Code egi_exception_judge(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
					struct _Unwind_Exception *exception, struct _Unwind_Context *context)
    __attribute__((visibility("hidden")));

/*
 * A call of a function of the program's, EGI_CALL_PROGRAM(code = fn(arg)), that no exception leaves.
 *
 * What makes it so stands right before the call, in the same piece of the function: compilers put what they take for rare
 * elsewhere, with a table of its own. And the call is not the last thing, or it might take the frame's place.
 */
#define EGI_CALL_PROGRAM(call) EGI_CALL_JUDGED(egi_exception_judge, call)

/*
 * The same with another routine. It hands the search for a handler to egi_exception_judge, and is called once more when the
 * thread ends in there, right before the frame goes: all frames below it are still there, as unwinding goes on beyond them.
 */
#define EGI_CALL_JUDGED(routine, call)            \
	do {                                      \
		EGI_EXCEPTIONS_END_HERE(routine); \
		call;                             \
		__asm__ volatile("");             \
	} while (0)

#if defined(__GCC_HAVE_DWARF2_CFI_ASM) && (defined(__x86_64__) || defined(__aarch64__))
#define EGI_CALLS_ARE_JUDGED 1
#if defined(__x86_64__)
#define EGI_EXCEPTION_ROUTINE(fn) "i"(fn)
#else
#define EGI_EXCEPTION_ROUTINE(fn) "S"(fn)
#endif
/* 0x1b: four bytes, relative to where they are. */
#define EGI_EXCEPTIONS_END_HERE(routine) \
	__asm__ volatile(".cfi_personality 0x1b, %c0" : : EGI_EXCEPTION_ROUTINE(routine))
#else
#define EGI_CALLS_ARE_JUDGED 0
#define EGI_EXCEPTIONS_END_HERE(routine) ((void)(routine))
#endif

#endif
