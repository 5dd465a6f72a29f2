/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_WALK_H
#define EXAMPLES_WALK_H

/*
 * A walk: an iterator over the regular files of directory trees.
 *
 * The walk holds one open directory at a time, so a tree may be as deep as it likes, and its paths may be
 * longer than PATH_MAX. The files of a directory come before its subdirectories. Unsorted, files are handed
 * out while the directory is read, and only the names of subdirectories still to be visited are kept. Sorted,
 * the names of one directory are kept as well.
 *
 * Symbolic links are followed when they are operands and nowhere else. Whatever is neither a regular file nor
 * a directory is passed over; as an operand it is an error.
 *
 * A walk is used by one thread at a time.
 */

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>

/* Names, each with the length of the path that it belongs under. */
struct walk_names {
	char *bytes;
	size_t bytes_used;
	size_t bytes_size;
	struct walk_name *items;
	size_t count;
	size_t size;
};

struct walk_name {
	size_t parent; /* the directory's path is the first `parent` bytes of the walk's path */
	size_t offset; /* into bytes; the name ends with a NUL */
};

struct walk {
	char *const *operands; /* ends with NULL */
	bool sorted;

	char *path;
	size_t path_size;

	DIR *directory;          /* being read, or NULL */
	size_t directory_length; /* its path, with the slash at the end */

	/*
	 * Subdirectories to visit, the next one last. Depth first means that the path of the directory that
	 * was read last begins with the path of the next one's parent, so one path buffer serves the whole
	 * walk.
	 */
	struct walk_names pending;

	/* Sorted only: the files of the directory read last, and its subdirectories while it is read. */
	struct walk_names files;
	size_t files_next;
	struct walk_names subdirectories;
};

struct walk_file {
	const char *path; /* the walk's own, until its next call */
	size_t length;
	bool is_operand; /* named by the user: a symbolic link is followed */
};

void walk_init(struct walk *walk, char *const *operands, bool sorted);
void walk_finish(struct walk *walk);

/*
 * Moves to the next file. Returns 1 with the file; 0 at the end; or -errno or FILE_NOT_REGULAR (file.h) with the path
 * that the error is about, after which the walk goes on with what is left.
 */
int walk_next(struct walk *walk, struct walk_file *ret_file);

#endif
