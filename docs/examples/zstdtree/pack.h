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

#include <zstd.h>

#include <errgroup.h>

struct packer {
	ZSTD_CCtx *zstd; /* NULL until the first file */
	void *input, *output;
};

struct pack {
	int level;
	bool replaces; /* compressed files that are there already are made anew */

	_Atomic uint64_t bytes_read;
	_Atomic uint64_t bytes_written;
};

/* Instead of an errno. */
#define PACK_EXISTS 1 /* the compressed file is there already, and nothing was done */
#define PACK_ZSTD_FAILED 2

/*
 * Compresses the file into `target`, which appears when it is complete, with the owner, mode and time of the original.
 *
 * @follows  if the path is a symbolic link, what it leads to is taken
 * Return: 0; one of the above; the code of eg_ctx_err if the context was over first; -errno or FILE_NOT_REGULAR
 * (../shared/file.h), with *ret_path the path, of the two, that it is about.
 */
int pack_file(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, bool follows,
	      const char *target, const char **ret_path);

void packer_finish(struct packer *packer);

#endif
