/* SPDX-License-Identifier: MIT */

/*
 * The cache of unwind rules: see cache.h.
 *
 * An entry is two words, the rule and the key xored with the rule. They are written and read one after the
 * other in no particular order, so a reader may see halves of two entries; the xor of such halves is the key
 * that is looked for only if the difference of two keys is the difference of two rules, and keys are spread
 * over all 64 bits. So there is nothing to lock, nothing to order and nothing to undo when a signal handler
 * comes in between. Were it ever to happen, the trace would have a wrong frame: what is read from the stack
 * is bounded whatever a rule says.
 */

#include "trace/unwind/cache.h"

#include <string.h>

#include "os/atomic.h"

/*
 * 4,096 rules in 64 KiB, of which the pages come to be as they are used. A program needs one for each call that was on a
 * stack that panicked; the library's own tests of faults, with every kind of them, come to 55. One that is not there costs
 * 2,000 instructions instead of 14 (callgrind, gcc 12 for x86-64).
 */
#define SETS_LOG2 10
#define WAYS 4 /* a set is one cache line */

struct entry {
	uint64_t rule;
	uint64_t key_xor_rule; /* 0 beside a rule of 0: empty */
};

struct set {
	struct entry entries[WAYS];
} __attribute__((aligned(64)));

static struct set cache[1 << SETS_LOG2];

/* A product is spread best in its upper bits. */
static inline struct set *cache_set(uint64_t key)
{
	return &cache[key >> (64 - SETS_LOG2)];
}

bool egi_rule_cache_find(uint64_t key, struct egi_rule *ret_rule)
{
	const struct set *set = cache_set(key);

	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t rule = egi_load_relaxed_u64(&set->entries[i].rule);

		if ((egi_load_relaxed_u64(&set->entries[i].key_xor_rule) ^ rule) == key) {
			memcpy(ret_rule, &rule, sizeof(rule));
			return true;
		}
	}
	return false;
}

void egi_rule_cache_enter(uint64_t key, struct egi_rule rule)
{
	static uint32_t turn;
	struct set *set = cache_set(key);
	unsigned way = 0;
	uint64_t word;

	memcpy(&word, &rule, sizeof(word));
	while (way < WAYS && egi_load_relaxed_u64(&set->entries[way].key_xor_rule) != 0)
		way++;
	if (way == WAYS) {
		/* Any will do. Turns that threads miscount are turns nevertheless. */
		way = egi_load_relaxed_u32(&turn);
		egi_store_relaxed_u32(&turn, way + 1);
		way %= WAYS;
	}
	egi_store_relaxed_u64(&set->entries[way].rule, word);
	egi_store_relaxed_u64(&set->entries[way].key_xor_rule, key ^ word);
}
