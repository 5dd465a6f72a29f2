/* SPDX-License-Identifier: MIT */
/*
 * Digests of files. A station is what one running file needs, a digest state and a read buffer; a file takes
 * an idle one or makes one, and puts it back.
 */

#include "digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../shared/file.h"

#define DIGEST_BUFFER_SIZE (128 * 1024)

struct digest_station {
	struct digest_station *next;
	EVP_MD_CTX *state;
	unsigned char buffer[DIGEST_BUFFER_SIZE];
};

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
	pthread_mutex_init(&digest->lock, NULL);
	return 0;
}

static void station_destroy(struct digest_station *station)
{
	EVP_MD_CTX_free(station->state);
	free(station);
}

void digest_finish(struct digest *digest)
{
	while (digest->idle != NULL) {
		struct digest_station *station = digest->idle;

		digest->idle = station->next;
		station_destroy(station);
	}
	EVP_MD_free(digest->algorithm);
	pthread_mutex_destroy(&digest->lock);
}

static struct digest_station *station_take(struct digest *digest)
{
	struct digest_station *station;

	pthread_mutex_lock(&digest->lock);
	station = digest->idle;
	if (station != NULL)
		digest->idle = station->next;
	pthread_mutex_unlock(&digest->lock);
	if (station != NULL)
		return station;

	station = malloc(sizeof(*station));
	if (station == NULL)
		return NULL;
	station->state = EVP_MD_CTX_new();
	if (station->state == NULL) {
		free(station);
		return NULL;
	}
	return station;
}

static void station_give(struct digest *digest, struct digest_station *station)
{
	pthread_mutex_lock(&digest->lock);
	station->next = digest->idle;
	digest->idle = station;
	pthread_mutex_unlock(&digest->lock);
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
		got = read(fd, station->buffer, sizeof(station->buffer));
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

int digest_file(struct digest *digest, const char *path, bool follow, const eg_ctx *watch,
		unsigned char *ret_value)
{
	struct digest_station *station;
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
	station = station_take(digest);
	if (station == NULL) {
		close(fd);
		return -ENOMEM;
	}
	result = station_run(station, digest, fd, watch, ret_value);
	station_give(digest, station);
	close(fd);
	return result;
}
