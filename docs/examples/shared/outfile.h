/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_OUTFILE_H
#define EXAMPLES_OUTFILE_H

/*
 * A file that appears whole or not at all.
 *
 * It is written without a name, where the file system can do that, and gets its name when it is complete; so not even a
 * process that is killed leaves a part of it behind. Where the file system cannot, it is written under another name in
 * the same directory and renamed; then only outfile_abandon takes that away.
 *
 * A struct is used by one thread at a time.
 */

#include <stdbool.h>
#include <sys/types.h>

struct outfile {
	int fd; /* to write to */
	int directory;
	const char *name;   /* the last part of the caller's path */
	char temporary[32]; /* the name that it has meanwhile, or "" */
	bool is_direct;     /* it is written to what was there */
};

/*
 * @path  where the file is to appear; of any length; must live until the file is committed or abandoned
 * @mode  its permissions, from which the umask is taken as from every new file's
 * Return: 0 or -errno.
 */
int outfile_open(struct outfile *outfile, const char *path, mode_t mode);

/*
 * The same for a path that a user has given to have something written to. What is there and is no regular file, as a pipe, a
 * device or a symbolic link, is not replaced, but opened, where it leads to emptied, and written to as it is; committing
 * and abandoning then close it. Blocking: a pipe is opened when somebody reads it.
 */
int outfile_open_any(struct outfile *outfile, const char *path, mode_t mode);

/* Whether there is a file of that name already. */
bool outfile_exists(const struct outfile *outfile);

/*
 * The file is complete: it appears. A file that is there already is replaced in one step; or, without `replaces`, left as
 * it is, with -EEXIST. Either way the struct is done with. Return: 0 or -errno.
 */
int outfile_commit(struct outfile *outfile, bool replaces);

/* The file is not wanted: nothing is left of it. */
void outfile_abandon(struct outfile *outfile);

/* Whether a path is that of a file being written, or left behind, by this. */
bool outfile_is_temporary(const char *path);

#endif
