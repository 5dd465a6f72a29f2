/* SPDX-License-Identifier: MIT */

/*
 * Stepping up a stack: see step.h.
 *
 * A step is: the module of the frame's address (the one before, mostly), the rule of the address (cached, mostly), the
 * frame's high end, which is the caller's stack pointer, and two words of the frame, the return address and the caller's
 * frame pointer. Nothing of it is believed: an end that is not above the stack pointer, a word that is not between the
 * stack pointer and the stop, end the walk. What is read may still be wrong where the stack was overwritten, and then the
 * frames beyond are, too; but each step rises, so there is an end.
 */

#include "trace/unwind/step.h"

#include <link.h>
#include <string.h>

#include "os/compiler.h"
#include "trace/unwind/cache.h"
#include "trace/unwind/registered.h"

/*
 * Modules
 */

/*
 * A number for what a module's unwind tables say and where: from its place and its build id, so that another
 * module that is loaded there later has another number. The program itself is never unloaded and needs no
 * build id.
 */
static uint64_t module_key(const struct egi_module_view *view)
{
	uint64_t words[2] = {0, 0}, key = view->base ^ view->start << 1;
	size_t size = view->file.build_id_size;

	if (size < sizeof(words[0]) && !view->file.is_program)
		return 0;
	if (size > 0)
		memcpy(words, view->file.build_id, size < sizeof(words) ? size : sizeof(words));
	key = (key ^ words[0]) * UINT64_C(0x9e3779b97f4a7c15);
	key = ((key ^ key >> 32) + words[1]) * UINT64_C(0xd6e8feb86659fd93);
	return key | 1;
}

/* Finds the module of an address. NULL: it has none. */
static EGI_NOINLINE const struct egi_unwind_module *unwind_find_module(struct egi_unwind *unwind,
								       uintptr_t address)
{
	unsigned met = unwind->module_count;
	struct egi_module_view view;
	struct egi_unwind_module *module;

	for (unsigned i = 0; i < met && i < EGI_UNWIND_MODULES_MAX; i++) {
		module = &unwind->modules[i];
		if (egi_module_holds(&module->view, address)) {
			unwind->module = module;
			return module;
		}
	}
	if (!egi_module_find(address, &view))
		return NULL;
	module = &unwind->modules[met % EGI_UNWIND_MODULES_MAX];
	*module = (struct egi_unwind_module){view, module_key(&view)};
	unwind->module = module;
	unwind->module_count++;
	return module;
}

static inline const struct egi_unwind_module *unwind_module(struct egi_unwind *unwind, uintptr_t address)
{
	if (EGI_LIKELY(unwind->module != NULL && egi_module_holds(&unwind->module->view, address)))
		return unwind->module;
	return unwind_find_module(unwind, address);
}

/*
 * Finds a module's .eh_frame_hdr and the segment around it, through its ELF header, which the loader maps
 * first. .eh_frame is in the same segment; where it is not, its records are out of bounds, and its places have
 * no rules.
 */
static bool module_find_tables(const struct egi_module_view *view, struct egi_unwind_memory *ret_memory,
			       struct egi_unwind_memory *ret_header)
{
	const ElfW(Ehdr) *elf = (const ElfW(Ehdr) *)view->start;
	size_t size = view->end - view->start;
	struct egi_unwind_memory header = {0, 0}, memory = {0, 0};
	const ElfW(Phdr) * segments;

	if (size <= sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
	    elf->e_phentsize != sizeof(*segments) || elf->e_phoff >= size ||
	    elf->e_phnum > (size - elf->e_phoff) / sizeof(*segments))
		return false;
	segments = (const ElfW(Phdr) *)(view->start + elf->e_phoff);
	for (unsigned i = 0; i < elf->e_phnum; i++)
		if (segments[i].p_type == PT_GNU_EH_FRAME) {
			header.start = view->base + segments[i].p_vaddr;
			header.end = header.start + segments[i].p_memsz;
		}
	for (unsigned i = 0; i < elf->e_phnum && header.end > header.start; i++) {
		memory.start = view->base + segments[i].p_vaddr;
		memory.end = memory.start + segments[i].p_memsz;
		if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_R) != 0 &&
		    memory.start >= view->start && memory.end <= view->end && header.start >= memory.start &&
		    header.end <= memory.end) {
			*ret_memory = memory;
			*ret_header = header;
			return true;
		}
	}
	return false;
}

/* The rule of a place that is not in the cache. `module` may be NULL. */
static EGI_NOINLINE struct egi_rule unwind_make_rule(const struct egi_unwind *unwind,
						     const struct egi_unwind_module *module, uintptr_t lookup)
{
	struct egi_unwind_memory memory, header;
	struct egi_rule rule;

	if (module != NULL && module_find_tables(&module->view, &memory, &header))
		rule = egi_rule_find(memory, header, lookup);
	else if (unwind->may_lock)
		rule = egi_registered_find(lookup);
	else
		return (struct egi_rule){.kind = EGI_RULE_NONE};
	if (module != NULL && module->key != 0)
		egi_rule_cache_enter(egi_rule_cache_key(module->key, lookup), rule);
	return rule;
}

static inline struct egi_rule unwind_rule(struct egi_unwind *unwind, uintptr_t lookup)
{
	const struct egi_unwind_module *module = unwind_module(unwind, lookup);
	struct egi_rule rule;

	if (module == NULL || module->key == 0 ||
	    !egi_rule_cache_find(egi_rule_cache_key(module->key, lookup), &rule))
		rule = unwind_make_rule(unwind, module, lookup);
	return rule;
}

/*
 * Steps
 */

/* Reads a word of the stack that the frame or one of its callers may own. */
static inline __attribute__((no_sanitize_address)) bool unwind_read(const struct egi_unwind *unwind,
								    uintptr_t address, uintptr_t *ret_word)
{
	if (address % sizeof(uintptr_t) != 0 || address - unwind->at.sp >= unwind->stop - unwind->at.sp)
		return false;
	*ret_word = *(const uintptr_t *)address;
	return true;
}

/* Takes the authentication code off a return address. */
static inline uintptr_t address_strip(uintptr_t address)
{
#if defined(__aarch64__)
	register uintptr_t x30 __asm__("x30") = address;

	__asm__("hint #7" : "+r"(x30)); /* xpaclri; nothing on machines that do not know it */
	return x30;
#else
	return address;
#endif
}

bool egi_unwind_begin(struct egi_unwind *unwind, const struct egi_unwind_registers *registers,
		      const void *stop)
{
	unwind->at = *registers;
	unwind->is_exact = true;
	unwind->may_lock = false;
	egi_unwind_set_stop(unwind, stop);
	unwind->module = NULL;
	unwind->module_count = 0;
	return EGI_UNWIND_IS_NATIVE && registers->sp < unwind->stop;
}

struct egi_unwind_registers egi_unwind_interrupted(const ucontext_t *context)
{
	struct egi_unwind_registers registers = {0, 0, 0, 0};

#if EGI_UNWIND_IS_NATIVE && defined(__x86_64__)
	registers.pc = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
	registers.sp = (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
	registers.fp = (uintptr_t)context->uc_mcontext.gregs[REG_RBP];
#elif EGI_UNWIND_IS_NATIVE
	registers.pc = (uintptr_t)context->uc_mcontext.pc;
	registers.sp = (uintptr_t)context->uc_mcontext.sp;
	registers.fp = (uintptr_t)context->uc_mcontext.regs[29];
	registers.ra = (uintptr_t)context->uc_mcontext.regs[30];
#else
	(void)context;
#endif
	return registers;
}

/* Out of a signal handler, to what it interrupted. From a handler on a stack of its own nothing leads there. */
static enum egi_unwind_result unwind_step_signal(struct egi_unwind *unwind)
{
	struct egi_unwind_registers up = {0, 0, 0, 0};

	if (!unwind_read(unwind, unwind->at.sp + EGI_UNWIND_SIGNAL_PC, &up.pc) ||
	    !unwind_read(unwind, unwind->at.sp + EGI_UNWIND_SIGNAL_SP, &up.sp) ||
	    !unwind_read(unwind, unwind->at.sp + EGI_UNWIND_SIGNAL_FP, &up.fp) || up.sp <= unwind->at.sp)
		return EGI_UNWIND_CUT;
	if (up.sp > unwind->stop)
		return EGI_UNWIND_STOPPED;
	unwind->at = up;
	unwind->is_exact = true;
	return EGI_UNWIND_STEPPED;
}

/* Finds a frame's high end that the stack itself tells. Return: 0 when it makes no sense where. */
static EGI_NOINLINE uintptr_t unwind_read_cfa(const struct egi_unwind *unwind, struct egi_rule rule)
{
	bool is_beyond = rule.kind == EGI_RULE_BEYOND_SP;
	uintptr_t base = is_beyond ? unwind->at.sp : unwind->at.fp, word;

	if (!unwind_read(unwind, base + egi_rule_offset(rule.cfa_at), &word))
		return 0;
	return is_beyond ? word + sizeof(word) : word;
}

/* Return: false when the frame's high end makes no sense. */
static bool unwind_find_cfa(const struct egi_unwind *unwind, struct egi_rule rule, uintptr_t *ret_cfa)
{
	uintptr_t cfa = rule.kind == EGI_RULE_SP ? unwind->at.sp : unwind->at.fp;

	if (EGI_UNLIKELY(rule.kind >= EGI_RULE_AT_FP))
		cfa = unwind_read_cfa(unwind, rule);
	else
		cfa += egi_rule_offset(rule.cfa_at);
	/*
	 * Only a function that was interrupted before it did anything may have no frame, on machines where
	 * calls push nothing.
	 */
	if (cfa % sizeof(uintptr_t) != 0 || cfa < unwind->at.sp ||
	    (cfa == unwind->at.sp && (!unwind->is_exact || rule.ra_at != 0)))
		return false;
	*ret_cfa = cfa;
	return true;
}

/* Return: false when it makes no sense where the caller's frame pointer is said to be. */
static bool unwind_find_fp(const struct egi_unwind *unwind, struct egi_rule rule, uintptr_t cfa,
			   uintptr_t *ret_fp)
{
	uintptr_t base = rule.fp_saved == EGI_RULE_AT_CFA ? cfa : unwind->at.fp, address;

	if (rule.fp_saved == EGI_RULE_SAME)
		return true;
	address = base + egi_rule_offset(rule.fp_at);
	/*
	 * A function that was interrupted on its way out has popped it already, though its table still tells
	 * where it was.
	 */
	if (unwind->is_exact && rule.fp_saved == EGI_RULE_AT_CFA && address < unwind->at.sp)
		return true;
	return unwind_read(unwind, address, ret_fp);
}

/* Return: false when it makes no sense where the return address is said to be. */
static inline bool unwind_find_ra(const struct egi_unwind *unwind, struct egi_rule rule, uintptr_t cfa,
				  uintptr_t *ret_ra)
{
	if (EGI_LIKELY(rule.ra_at != 0))
		return unwind_read(unwind, cfa + egi_rule_offset(rule.ra_at), ret_ra);
	*ret_ra = unwind->at.ra;
	return unwind->is_exact; /* after a call the link register is the callee's */
}

enum egi_unwind_result egi_unwind_step(struct egi_unwind *unwind)
{
	struct egi_rule rule = unwind_rule(unwind, egi_unwind_lookup(unwind));
	uintptr_t cfa, pc, fp = unwind->at.fp;

	if (EGI_UNLIKELY(rule.kind < EGI_RULE_SP)) {
		if (rule.kind == EGI_RULE_SIGNAL)
			return unwind_step_signal(unwind);
		return rule.kind == EGI_RULE_END ? EGI_UNWIND_ENDED : EGI_UNWIND_CUT;
	}
	if (!unwind_find_cfa(unwind, rule, &cfa))
		return EGI_UNWIND_CUT;
	if (cfa > unwind->stop)
		return EGI_UNWIND_STOPPED;
	if (!unwind_find_ra(unwind, rule, cfa, &pc) || !unwind_find_fp(unwind, rule, cfa, &fp))
		return EGI_UNWIND_CUT;
	if (rule.ra_is_signed)
		pc = address_strip(pc);
	if (pc == 0)
		return EGI_UNWIND_ENDED;
	unwind->at.pc = pc;
	unwind->at.sp = cfa;
	unwind->at.fp = fp;
	unwind->is_exact = false;
	return EGI_UNWIND_STEPPED;
}

bool egi_unwind_return(struct egi_unwind *unwind)
{
	uintptr_t pc = address_strip(unwind->at.ra);

	if (!unwind->is_exact || unwind_module(unwind, unwind->at.pc) != NULL)
		return false;
#if defined(__x86_64__)
	if (!unwind_read(unwind, unwind->at.sp, &pc))
		return false;
	unwind->at.sp += sizeof(uintptr_t);
#endif
	if (pc == 0)
		return false;
	unwind->at.pc = pc;
	unwind->is_exact = false;
	return true;
}

const struct egi_module_view *egi_unwind_view_at(struct egi_unwind *unwind, uintptr_t address)
{
	const struct egi_unwind_module *module = unwind_module(unwind, address);

	return module != NULL ? &module->view : NULL;
}

bool egi_unwind_find_function(const struct egi_module_view *view, uintptr_t address, uintptr_t *ret_start,
			      uintptr_t *ret_end)
{
	struct egi_unwind_memory memory, header;

	return module_find_tables(view, &memory, &header) &&
	       egi_rule_find_extent(memory, header, address, ret_start, ret_end);
}
