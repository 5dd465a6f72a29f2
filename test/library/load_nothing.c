/* SPDX-License-Identifier: MIT */
/*
 * A program that is linked with the library, or not, and calls nothing of it. Exit status 1 when anybody has asked for
 * fork handlers or a thread-specific key before main.
 */
#include <pthread.h>

#ifdef LOAD_LIBRARY
#include <errgroup.h>

static __attribute__((used)) int (*never_called)(void) = eg_version_number;
#endif

static int asked;

/* The program's come before those of the C library. The first one is what glibc's pthread_atfork calls. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
{
	(void)prepare;
	(void)parent;
	(void)child;
	(void)object;
	asked++;
	return 0;
}

int pthread_key_create(pthread_key_t *ret_key, void (*destroy)(void *value))
{
	(void)destroy;
	*ret_key = 0;
	asked++;
	return 0;
}

int main(void)
{
	return asked != 0;
}
