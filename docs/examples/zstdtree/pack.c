/* SPDX-License-Identifier: MIT */
#include "pack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd_errors.h>

#include "../shared/file.h"
#include "../shared/outfile.h"

static int packer_prepare(struct packer *packer, int level)
{
	if (packer->zstd == NULL)
		packer->zstd = ZSTD_createCCtx();
	if (packer->input == NULL)
		packer->input = malloc(ZSTD_CStreamInSize());
	if (packer->output == NULL)
		packer->output = malloc(ZSTD_CStreamOutSize());
	if (packer->zstd == NULL || packer->input == NULL || packer->output == NULL)
		return -ENOMEM;
	/* The file before may have been given up in the middle. */
	ZSTD_CCtx_reset(packer->zstd, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_compressionLevel, level);
	ZSTD_CCtx_setParameter(packer->zstd, ZSTD_c_checksumFlag, 1);
	return 0;
}

void packer_finish(struct packer *packer)
{
	ZSTD_freeCCtx(packer->zstd);
	free(packer->input);
	free(packer->output);
}

/* Compresses one block, the last one to its end, and writes what comes of it. */
static int pack_block(struct pack *pack, struct packer *packer, size_t length, bool is_last, int fd)
{
	ZSTD_inBuffer input = {packer->input, length, 0};
	size_t left;

	do {
		ZSTD_outBuffer output = {packer->output, ZSTD_CStreamOutSize(), 0};
		int error;

		left = ZSTD_compressStream2(packer->zstd, &output, &input,
					    is_last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? -ENOMEM
										       : PACK_ZSTD_FAILED;
		error = file_write(fd, packer->output, output.pos);
		if (error != 0)
			return error;
		atomic_fetch_add(&pack->bytes_written, output.pos);
	} while (is_last ? left != 0 : input.pos < input.size);
	return 0;
}

/* Looks at the context between blocks, a matter of milliseconds. */
static int pack_contents(struct pack *pack, struct packer *packer, eg_ctx *ctx, int from, int to,
			 bool *ret_is_source)
{
	int error = 0;

	for (bool is_last = false; error == 0 && !is_last;) {
		ssize_t length = read(from, packer->input, ZSTD_CStreamInSize());

		*ret_is_source = length < 0;
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		error = eg_ctx_err(ctx);
		if (error != 0)
			break;
		atomic_fetch_add(&pack->bytes_read, (uint64_t)length);
		is_last = length == 0;
		error = pack_block(pack, packer, (size_t)length, is_last, to);
	}
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

int pack_file(struct pack *pack, struct packer *packer, eg_ctx *ctx, const char *path, bool follows,
	      const char *target, const char **ret_path)
{
	bool is_source = false;
	struct outfile out;
	struct stat status;
	int from, error;

	*ret_path = path;
	from = file_open_regular(path, follows, &status);
	if (from < 0)
		return from;
	error = packer_prepare(packer, pack->level);
	if (error != 0) {
		close(from);
		return error;
	}

	/* Nobody else's until it is complete and gets the original's permissions. */
	error = outfile_open(&out, target, 0600);
	if (error == 0 && !pack->replaces && outfile_exists(&out)) {
		/* Found out before the work; that it is still so afterwards, only committing can tell. */
		outfile_abandon(&out);
		error = -EEXIST;
	} else if (error == 0) {
		error = pack_contents(pack, packer, ctx, from, out.fd, &is_source);
		if (error == 0)
			error = copy_attributes(out.fd, &status);
		if (error != 0)
			outfile_abandon(&out);
		else
			error = outfile_commit(&out, pack->replaces);
	}
	close(from);
	if (!is_source)
		*ret_path = target;
	return error == -EEXIST ? PACK_EXISTS : error;
}
