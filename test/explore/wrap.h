/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_WRAP_H
#define EXPLORE_WRAP_H

/*
 * Functions put in place of those that the library calls, by the linker (--wrap; meson.build has the list).
 * Outside a run, while the program loads and ends, they call the real ones.
 */

#define WRAP(type, name, ...)            \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

#endif
