/* SPDX-License-Identifier: MIT */
/*
 * Digests of files: opened, read block by block into the station's buffer, and closed.
 */

#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../shared/file.h"

#define DIGEST_BUFFER_SIZE (128 * 1024)

int digest_init(struct digest *digest, const char *algorithm)
{
	EVP_MD *found = EVP_MD_fetch(NULL, algorithm, NULL);

	if (found == NULL)
		return -EINVAL;
	if (EVP_MD_get_size(found) <= 0 || EVP_MD_get_size(found) > EVP_MAX_MD_SIZE) {
		EVP_MD_free(found);
		return -EINVAL;
	}
	*digest = (struct digest){.algorithm = found, .length = EVP_MD_get_size(found)};
	return 0;
}

void digest_finish(struct digest *digest)
{
	EVP_MD_free(digest->algorithm);
}

void digest_station_finish(struct digest_station *station)
{
	EVP_MD_CTX_free(station->state);
	free(station->buffer);
}

static int station_prepare(struct digest_station *station)
{
	if (station->state == NULL)
		station->state = EVP_MD_CTX_new();
	if (station->buffer == NULL)
		station->buffer = malloc(DIGEST_BUFFER_SIZE);
	return station->state != NULL && station->buffer != NULL ? 0 : -ENOMEM;
}

/*
 * Digests what the descriptor has to give. Returns 0, DIGEST_STOPPED or -errno.
 */
static int station_run(struct digest_station *station, struct digest *digest, int fd, const eg_ctx *watch,
		       unsigned char *ret_value)
{
	if (EVP_DigestInit_ex(station->state, digest->algorithm, NULL) != 1)
		return -ENOMEM;
	for (;;) {
		ssize_t got;

		if (eg_ctx_err(watch) != 0)
			return DIGEST_STOPPED;
		got = read(fd, station->buffer, DIGEST_BUFFER_SIZE);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		if (EVP_DigestUpdate(station->state, station->buffer, (size_t)got) != 1)
			return -EIO;
		atomic_fetch_add_explicit(&digest->bytes_read, (uint64_t)got, memory_order_relaxed);
	}
	if (EVP_DigestFinal_ex(station->state, ret_value, NULL) != 1)
		return -EIO;
	return 0;
}

int digest_file(struct digest *digest, struct digest_station *station, const char *path, bool follow,
		const eg_ctx *watch, unsigned char *ret_value)
{
	struct stat status;
	int result;
	int fd;

	if (eg_ctx_err(watch) != 0)
		return DIGEST_STOPPED;
	fd = file_open_regular(path, follow, &status);
	if (fd < 0)
		return fd;
	if (status.st_size > DIGEST_BUFFER_SIZE)
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	result = station_prepare(station);
	if (result == 0)
		result = station_run(station, digest, fd, watch, ret_value);
	close(fd);
	return result;
}
