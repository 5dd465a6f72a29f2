/* SPDX-License-Identifier: MIT */
#ifndef MD5ALL_DIGEST_H
#define MD5ALL_DIGEST_H

/*
 * Digests of files through OpenSSL's EVP interface.
 *
 * A file is streamed through a buffer of fixed size. Digest states and buffers are kept for the next file, so
 * there are never more of them than files being read at once. Threads: any, once initialised.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include <errgroup.h>

#define DIGEST_STOPPED 1

struct digest {
	EVP_MD *algorithm;
	int length;                  /* bytes in a digest */
	_Atomic uint64_t bytes_read; /* of all files so far, for the progress bar */
	pthread_mutex_t lock;        /* protects idle */
	struct digest_station *idle;
};

/*
 * Returns 0; -EINVAL when OpenSSL offers no such algorithm.
 */
int digest_init(struct digest *digest, const char *algorithm);
void digest_finish(struct digest *digest);

/*
 * Computes the digest of a regular file.
 *
 * @follow  open a symbolic link's target
 * @watch   reading ends early when this context is cancelled
 *
 * Returns 0 with EVP_MAX_MD_SIZE bytes at most; DIGEST_STOPPED; or -errno or FILE_NOT_REGULAR (../shared/file.h).
 */
int digest_file(struct digest *digest, const char *path, bool follow, const eg_ctx *watch,
		unsigned char *ret_value);

#endif
