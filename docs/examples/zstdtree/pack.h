/* SPDX-License-Identifier: MIT */
#ifndef ZSTDTREE_PACK_H
#define ZSTDTREE_PACK_H

/*
 * Compresses one file into another.
 *
 * A packer is what that needs and what is dear to make: zstd's context, some megabytes, and the buffers. It is used by one
 * thread at a time, for any number of files.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

struct pack {
	int level;
	bool replaces; /* compressed files that are there already are made anew */

	_Atomic uint64_t bytes_read;
};

struct packer;

/* Return: NULL without memory. */
struct packer *packer_create(const struct pack *pack);
void packer_destroy(struct packer *packer);

#define PACK_EXISTS 1 /* the compressed file is there already, and nothing was done */

/*
 * Compresses the file into one of its name with PACK_SUFFIX added, which appears when it is complete, with the owner, mode
 * and time of the original.
 *
 * @follows  if the path is a symbolic link, what it leads to is taken
 * Return: 0; PACK_EXISTS; the code of eg_ctx_err if the context was over first; or a negative code with a message, attached
 * by eg_fail, that names the path that it is about.
 */
int pack_file(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, bool follows);

#define PACK_SUFFIX ".zst"

#endif
