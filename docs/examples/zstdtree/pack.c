/* SPDX-License-Identifier: MIT */
/*
 * One file: read and compressed block by block into a file that has no name before it is complete (outfile.c).
 */

#include "pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "../shared/file.h"
#include "../shared/outfile.h"

struct packer {
	ZSTD_CCtx *zstd;
	void *input, *output;
};

struct packer *packer_create(const struct pack *pack)
{
	struct packer *packer = malloc(sizeof(*packer));

	if (packer == NULL)
		return NULL;
	*packer =
	    (struct packer){ZSTD_createCCtx(), malloc(ZSTD_CStreamInSize()), malloc(ZSTD_CStreamOutSize())};
	if (packer->zstd == NULL || packer->input == NULL || packer->output == NULL) {
		packer_destroy(packer);
		return NULL;
	}
	ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, pack->level);
	ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_checksumFlag, 1);
	return packer;
}

void packer_destroy(struct packer *packer)
{
	ZSTD_freeCCtx(packer->zstd);
	free(packer->input);
	free(packer->output);
	free(packer);
}

static int fail_path(const char *path, int error)
{
	return eg_fail(error, "%s: %s", path, file_strerror(error));
}

/* Compresses one block, the last one to its end, and writes what comes of it. */
static int pack_block(struct packer *packer, const char *target, size_t length, bool is_last, int fd)
{
	ZSTD_inBuffer input = {packer->input, length, 0};
	size_t left;

	do {
		ZSTD_outBuffer output = {packer->output, ZSTD_CStreamOutSize(), 0};
		int error;

		left = ZSTD_compressStream2(packer->zstd, &output, &input,
					    is_last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation
				   ? fail_path(target, -ENOMEM)
				   : eg_fail(-EIO, "%s: zstd cannot compress it", target);
		error = file_write(fd, packer->output, output.pos);
		if (error != 0)
			return fail_path(target, error);
	} while (is_last ? left != 0 : input.pos < input.size);
	return 0;
}

/* Looks at the context between blocks, a matter of milliseconds. */
static int pack_contents(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, int from,
			 const char *target, int to)
{
	ssize_t length;
	int error = 0;

	/* The file before may have been given up in the middle. */
	ZSTD_CCtx_reset(packer->zstd, ZSTD_reset_session_only);
	do {
		if (eg_ctx_err(ctx) != 0)
			return eg_ctx_err(ctx);
		length = read(from, packer->input, ZSTD_CStreamInSize());
		if (length < 0 && errno != EINTR)
			return fail_path(path, -errno);
		if (length < 0)
			continue;
		atomic_fetch_add(&pack->bytes_read, (uint64_t)length);
		error = pack_block(packer, target, (size_t)length, length == 0, to);
	} while (error == 0 && length != 0);
	return error;
}

/* As the original; where that owner cannot be given, nobody else gets to read it. */
static int copy_attributes(int to, const struct stat *from)
{
	const struct timespec times[2] = {from->st_atim, from->st_mtim};
	mode_t mode = from->st_mode & 0777;

	if (fchown(to, from->st_uid, from->st_gid) != 0)
		mode &= 0700;
	if (fchmod(to, mode) != 0 || futimens(to, times) != 0)
		return -errno;
	return 0;
}

/* The file is open as `from`. */
static int pack_open_file(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, int from,
			  const struct stat *status, const char *target)
{
	struct outfile out;
	int error;

	/* Nobody else's until it is complete and gets the original's permissions. */
	error = outfile_open(&out, target, 0600);
	if (error != 0)
		return fail_path(target, error);
	/* Found out before the work; that it is still so afterwards, only committing can tell. */
	if (!pack->replaces && outfile_exists(&out)) {
		outfile_abandon(&out);
		return PACK_EXISTS;
	}
	error = pack_contents(pack, packer, ctx, path, from, target, out.fd);
	if (error != 0) {
		outfile_abandon(&out);
		return error;
	}
	error = copy_attributes(out.fd, status);
	if (error != 0)
		outfile_abandon(&out);
	else
		error = outfile_commit(&out, pack->replaces);
	if (error == -EEXIST)
		return PACK_EXISTS;
	return error != 0 ? fail_path(target, error) : 0;
}

int pack_file(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, bool follows)
{
	struct stat status;
	int from = file_open_regular(path, follows, &status);
	int error = -ENOMEM;
	char *target;

	if (from < 0)
		return fail_path(path, from);
	target = malloc(strlen(path) + sizeof(PACK_SUFFIX));
	if (target != NULL) {
		strcpy(stpcpy(target, path), PACK_SUFFIX);
		error = pack_open_file(pack, packer, ctx, path, from, &status, target);
	} else {
		error = fail_path(path, error);
	}
	close(from);
	free(target);
	return error;
}
