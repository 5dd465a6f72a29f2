/* SPDX-License-Identifier: MIT */
#ifndef MD5ALL_DIGEST_H
#define MD5ALL_DIGEST_H

/*
 * Digests of files through OpenSSL's EVP interface.
 *
 * A file is streamed through a buffer of fixed size. A station is what that takes, a digest state and a buffer. It is used by one
 * thread at a time, for any number of files. Threads: any, once initialised, each with a station.
 */

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
};

struct digest_station {
	EVP_MD_CTX *state; /* NULL until the first file */
	unsigned char *buffer;
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
int digest_file(struct digest *digest, struct digest_station *station, const char *path, bool follow,
		const eg_ctx *watch, unsigned char *ret_value);

void digest_station_finish(struct digest_station *station);

#endif
