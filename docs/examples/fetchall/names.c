/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/arguments.h"

#define NAME_OF_DIRECTORY "index.html" /* for a URL that ends in a slash */

/* The path of a URL, allocated by libcurl. Return: 0 or -ENOMEM. */
static int url_path(const char *url, char **ret_path)
{
	CURLU *parts = curl_url();
	CURLUcode code;

	code = curl_url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_PATH, ret_path, 0);
	curl_url_cleanup(parts);
	if (parts == NULL || code == CURLUE_OUT_OF_MEMORY)
		return -ENOMEM;
	if (code != CURLUE_OK)
		arguments_refuse("%s: %s", url, curl_url_strerror(code));
	return 0;
}

/* The file for a URL, allocated; NULL without memory. */
static char *name_make(const char *directory, const char *url)
{
	char *path, *result;
	const char *name;

	if (url_path(url, &path) != 0)
		return NULL;
	name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	if (*name == '\0')
		name = NAME_OF_DIRECTORY;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		arguments_refuse("%s: it gives no file name", url);
	if (asprintf(&result, "%s/%s", directory, name) < 0)
		result = NULL;
	curl_free(path);
	return result;
}

static int path_compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Two tasks that write one file would make it be either's. Return: 0 or -ENOMEM. */
static int names_check(char *const *paths, size_t count)
{
	char **sorted = malloc(count * sizeof(*sorted));

	if (sorted == NULL)
		return -ENOMEM;
	memcpy(sorted, paths, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), path_compare);
	for (size_t i = 1; i < count; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			arguments_refuse("%s: two URLs would be fetched into this file", sorted[i]);
	free(sorted);
	return 0;
}

int names_make(const char *directory, char *const *urls, size_t count, char ***ret_paths)
{
	char **paths = calloc(count, sizeof(*paths));
	int error = 0;

	if (paths == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count && error == 0; i++) {
		paths[i] = name_make(directory, urls[i]);
		error = paths[i] == NULL ? -ENOMEM : 0;
	}
	if (error == 0)
		error = names_check(paths, count);
	if (error == 0)
		*ret_paths = paths;
	else
		names_free(paths, count);
	return error;
}

void names_free(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}
