/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/console.h"

#define NAME_OF_DIRECTORY "index.html" /* for a URL that ends in a slash */

/* The name of the file for a URL, allocated; NULL after a report. */
static char *name_make(const char *directory, const char *url)
{
	const char *name = NULL, *why;
	CURLU *parts = curl_url();
	char *path = NULL, *result = NULL;
	CURLUcode code;

	code = curl_url_set(parts, CURLUPART_URL, url, 0);
	if (code == CURLUE_OK)
		code = curl_url_get(parts, CURLUPART_PATH, &path, 0);
	why = code != CURLUE_OK ? curl_url_strerror(code) : NULL;
	if (path != NULL) {
		name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
		if (*name == '\0')
			name = NAME_OF_DIRECTORY;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			why = "it gives no file name";
	}
	if (why == NULL && (name == NULL || asprintf(&result, "%s/%s", directory, name) < 0)) {
		result = NULL;
		why = "out of memory";
	}
	if (why != NULL)
		console_report("%s: %s", url, why);
	curl_free(path);
	curl_url_cleanup(parts);
	return result;
}

static int path_compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Two tasks that write one file would make it be either's. */
static int names_check(char *const *paths, size_t count)
{
	char **sorted = malloc(count * sizeof(*sorted));
	size_t same = 0;

	if (sorted == NULL) {
		console_report("out of memory");
		return -1;
	}
	memcpy(sorted, paths, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), path_compare);
	for (size_t i = 1; i < count && same == 0; i++)
		if (strcmp(sorted[i - 1], sorted[i]) == 0)
			same = i;
	if (same != 0)
		console_report("%s: two URLs would be fetched into this file", sorted[same]);
	free(sorted);
	return same != 0 ? -1 : 0;
}

int names_make(const char *directory, char *const *urls, size_t count, char ***ret_paths)
{
	char **paths = calloc(count, sizeof(*paths));
	int error = paths == NULL ? -1 : 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		paths[i] = name_make(directory, urls[i]);
		if (paths[i] == NULL)
			error = -1;
	}
	if (error == 0)
		error = names_check(paths, count);
	if (error != 0) {
		if (paths != NULL)
			names_free(paths, count);
		return -1;
	}
	*ret_paths = paths;
	return 0;
}

void names_free(char **paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(paths[i]);
	free(paths);
}
