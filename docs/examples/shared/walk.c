/* SPDX-License-Identifier: MIT */
/*
 * The walk over directory trees: a state machine that hands out one file a call.
 *
 *     directory open       read entries; files go out at once, or into the list `files` when sorted
 *     files left           hand out the next one of the sorted list
 *     subdirectories left  open the one on top
 *     operands left        a file goes out, a directory is opened
 */

#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/*
 * Grows a buffer to at least `wanted` bytes. Returns 0, or -ENOMEM with the buffer as it was.
 */
static int buffer_reserve(void **buffer, size_t *size, size_t wanted)
{
	size_t grown = *size + *size / 2 + 256;
	void *moved;

	if (wanted <= *size)
		return 0;
	if (grown < wanted)
		grown = wanted;
	moved = realloc(*buffer, grown);
	if (moved == NULL)
		return -ENOMEM;
	*buffer = moved;
	*size = grown;
	return 0;
}

static int names_push(struct walk_names *names, size_t parent, const char *name)
{
	size_t length = strlen(name) + 1;
	size_t items_bytes = names->size * sizeof(*names->items);
	void *bytes = names->bytes;
	void *items = names->items;
	int error;

	error = buffer_reserve(&bytes, &names->bytes_size, names->bytes_used + length);
	names->bytes = bytes;
	if (error != 0)
		return error;
	error = buffer_reserve(&items, &items_bytes, (names->count + 1) * sizeof(*names->items));
	names->items = items;
	names->size = items_bytes / sizeof(*names->items);
	if (error != 0)
		return error;

	memcpy(names->bytes + names->bytes_used, name, length);
	names->items[names->count].parent = parent;
	names->items[names->count].offset = names->bytes_used;
	names->count++;
	names->bytes_used += length;
	return 0;
}

static void names_clear(struct walk_names *names)
{
	names->count = 0;
	names->bytes_used = 0;
}

static void names_finish(struct walk_names *names)
{
	free(names->bytes);
	free(names->items);
	*names = (struct walk_names){0};
}

static int name_compare(const void *left, const void *right, void *bytes)
{
	const struct walk_name *a = left;
	const struct walk_name *b = right;

	return strcmp((const char *)bytes + a->offset, (const char *)bytes + b->offset);
}

static void names_sort(struct walk_names *names)
{
	if (names->count > 1)
		qsort_r(names->items, names->count, sizeof(*names->items), name_compare, names->bytes);
}

/*
 * Makes the path read: its first `parent` bytes, then the name. The name must not lie in the path itself.
 */
static int walk_set_path(struct walk *walk, size_t parent, const char *name, size_t *ret_length)
{
	size_t length = strlen(name);
	void *path = walk->path;
	int error;

	/* Two bytes over: the NUL, and the slash that a directory's path gets. */
	error = buffer_reserve(&path, &walk->path_size, parent + length + 2);
	walk->path = path;
	if (error != 0)
		return error;
	memcpy(walk->path + parent, name, length + 1);
	*ret_length = parent + length;
	return 0;
}

/*
 * Opens the directory whose path is the first `length` bytes of the walk's path, to be read next.
 */
static int walk_open_directory(struct walk *walk, size_t length, int flags)
{
	int fd = file_open(walk->path, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC | flags);

	if (fd < 0)
		return fd;
	walk->directory = fdopendir(fd);
	if (walk->directory == NULL) {
		int error = -errno;

		close(fd);
		return error;
	}
	if (walk->path[length - 1] != '/')
		walk->path[length++] = '/';
	walk->path[length] = '\0';
	walk->directory_length = length;
	return 0;
}

/*
 * What an entry is: S_IFREG, S_IFDIR, or something else.
 */
static unsigned entry_type(DIR *directory, const struct dirent *entry)
{
	struct stat status;

	if (entry->d_type != DT_UNKNOWN)
		return DTTOIF((unsigned)entry->d_type);
	/*
	 * Some file systems do not say. An entry that is gone by now is taken for a file: opening it will
	 * give the reason, with the path.
	 */
	if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return S_IFREG;
	return status.st_mode & S_IFMT;
}

/*
 * A sorted directory has been read to its end: puts its names in order.
 */
static int walk_sort(struct walk *walk)
{
	int result = 0;
	size_t i;

	names_sort(&walk->files);
	names_sort(&walk->subdirectories);
	for (i = walk->subdirectories.count; i-- > 0;) {
		struct walk_name *name = &walk->subdirectories.items[i];
		int error;

		error = names_push(&walk->pending, name->parent, walk->subdirectories.bytes + name->offset);
		if (error != 0)
			result = error;
	}
	names_clear(&walk->subdirectories);
	return result;
}

static int walk_end_directory(struct walk *walk, int error)
{
	closedir(walk->directory);
	walk->directory = NULL;
	walk->files_next = 0;
	if (walk->sorted) {
		int sort_error = walk_sort(walk);

		if (error == 0)
			error = sort_error;
	}
	return error;
}

/*
 * Reads the open directory until there is a file to hand out, an error, or the end of it (0).
 */
static int walk_read(struct walk *walk, struct walk_file *ret_file)
{
	for (;;) {
		const struct dirent *entry;
		unsigned type;
		int error = 0;

		errno = 0;
		entry = readdir(walk->directory);
		if (entry == NULL) {
			error = walk_end_directory(walk, -errno);
			if (error == 0)
				return 0;
			walk->path[walk->directory_length] = '\0';
			ret_file->path = walk->path;
			ret_file->length = walk->directory_length;
			return error;
		}
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;

		type = entry_type(walk->directory, entry);
		if (type == S_IFDIR)
			error = names_push(walk->sorted ? &walk->subdirectories : &walk->pending,
					   walk->directory_length, entry->d_name);
		else if (type != S_IFREG)
			continue;
		else if (walk->sorted)
			error = names_push(&walk->files, walk->directory_length, entry->d_name);
		else if (walk_set_path(walk, walk->directory_length, entry->d_name, &ret_file->length) != 0)
			error = -ENOMEM;
		else {
			ret_file->path = walk->path;
			return 1;
		}
		if (error != 0) {
			walk->path[walk->directory_length] = '\0';
			ret_file->path = walk->path;
			ret_file->length = walk->directory_length;
			return error;
		}
	}
}

static int walk_next_sorted(struct walk *walk, struct walk_file *ret_file)
{
	const struct walk_name *name = &walk->files.items[walk->files_next++];
	int error;

	error = walk_set_path(walk, name->parent, walk->files.bytes + name->offset, &ret_file->length);
	ret_file->path = walk->path;
	if (walk->files_next == walk->files.count)
		names_clear(&walk->files);
	return error != 0 ? error : 1;
}

/*
 * Opens the next subdirectory. Returns 0, or -errno with its path.
 */
static int walk_next_subdirectory(struct walk *walk, struct walk_file *ret_file)
{
	const struct walk_name *name = &walk->pending.items[--walk->pending.count];
	size_t parent = name->parent;
	int error;

	error = walk_set_path(walk, parent, walk->pending.bytes + name->offset, &ret_file->length);
	walk->pending.bytes_used = name->offset;
	if (error == 0)
		error = walk_open_directory(walk, ret_file->length, O_NOFOLLOW);
	else
		walk->path[parent] = '\0';
	ret_file->path = walk->path;
	return error;
}

/*
 * Takes the next operand. Returns 1 for a file, 0 for a directory, now open, or -errno with the path.
 */
static int walk_next_operand(struct walk *walk, struct walk_file *ret_file)
{
	const char *operand = *walk->operands++;
	struct stat status;
	int error;

	ret_file->path = operand;
	ret_file->length = strlen(operand);
	ret_file->is_operand = true;
	if (stat(operand, &status) != 0)
		return -errno;
	if (S_ISREG(status.st_mode))
		return 1;
	if (!S_ISDIR(status.st_mode))
		return FILE_NOT_REGULAR;
	error = walk_set_path(walk, 0, operand, &ret_file->length);
	if (error != 0)
		return error;
	return walk_open_directory(walk, ret_file->length, 0);
}

int walk_next(struct walk *walk, struct walk_file *ret_file)
{
	int result = 0;

	ret_file->is_operand = false;
	while (result == 0) {
		if (walk->directory != NULL)
			result = walk_read(walk, ret_file);
		else if (walk->files_next < walk->files.count)
			result = walk_next_sorted(walk, ret_file);
		else if (walk->pending.count > 0)
			result = walk_next_subdirectory(walk, ret_file);
		else if (*walk->operands != NULL)
			result = walk_next_operand(walk, ret_file);
		else
			break;
	}
	return result;
}

void walk_init(struct walk *walk, char *const *operands, bool sorted)
{
	*walk = (struct walk){.operands = operands, .sorted = sorted};
}

void walk_finish(struct walk *walk)
{
	if (walk->directory != NULL)
		closedir(walk->directory);
	names_finish(&walk->pending);
	names_finish(&walk->files);
	names_finish(&walk->subdirectories);
	free(walk->path);
	*walk = (struct walk){0};
}
