/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TEST_FAULTS_H
#define ERRGROUP_TEST_FAULTS_H

/*
 * Fault injection: the allocator and pthread_create, as the library's objects call them, fail on request, and
 * every block that they hold is on the books.
 *
 * The linker's --wrap sends the calls of the static library and of the test here. What libc and other shared
 * libraries allocate for themselves neither fails nor counts; a block of theirs that the library frees is passed
 * on. Threads: any, but arm and disarm belong to one.
 */

#include <pthread.h>
#include <stdbool.h>

enum fault_kind { FAULT_MEMORY, FAULT_THREAD };

/* From now on the call number `at` of that kind fails, counted from 1, and with `persists` every later one. */
void faults_arm(enum fault_kind kind, long at, bool persists);

/* Ends it and returns how many calls were made to fail. */
long faults_disarm(void);

/* Blocks allocated and not freed, and a line on standard error for each that is newer than the arming. */
long faults_live(void);
void faults_list_new(void);

/* For threads of the test's own, which never fail. */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);

#endif
