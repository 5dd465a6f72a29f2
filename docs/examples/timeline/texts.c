/* SPDX-License-Identifier: MIT */
/*
 * One piece of memory with the texts one behind the other, and a hash table of where they begin, never more than half full.
 */

#include "texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void texts_finish(struct texts *texts)
{
	free(texts->bytes);
	free(texts->table);
	*texts = (struct texts){0};
}

const char *texts_get(const struct texts *texts, uint32_t number)
{
	return number != 0 ? texts->bytes + number : "";
}

static uint64_t hash(const char *text)
{
	uint64_t sum = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3;
	return sum ^ sum >> 32;
}

/* Where the text is in the table, or would be. */
static uint32_t *place_of(const struct texts *texts, const char *text)
{
	size_t mask = texts->table_size - 1, place = (size_t)hash(text) & mask;

	while (texts->table[place] != 0 && strcmp(texts->bytes + texts->table[place], text) != 0)
		place = (place + 1) & mask;
	return &texts->table[place];
}

static int table_grow(struct texts *texts)
{
	struct texts grown = *texts;
	size_t old_size = texts->table_size;

	grown.table_size = old_size != 0 ? 2 * old_size : 1024;
	grown.table = calloc(grown.table_size, sizeof(*grown.table));
	if (grown.table == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < old_size; i++)
		if (texts->table[i] != 0)
			*place_of(&grown, grown.bytes + texts->table[i]) = texts->table[i];
	free(texts->table);
	*texts = grown;
	return 0;
}

static int bytes_reserve(struct texts *texts, size_t more)
{
	size_t size = texts->size != 0 ? texts->size : 4096;
	char *bytes;

	while (size < texts->length + more)
		size *= 2;
	if (texts->length + more > UINT32_MAX)
		return -EFBIG;
	if (size == texts->size)
		return 0;
	bytes = realloc(texts->bytes, size);
	if (bytes == NULL)
		return -ENOMEM;
	texts->bytes = bytes;
	texts->size = size;
	if (texts->length == 0)
		texts->length = 1; /* so that no text has the number 0 */
	return 0;
}

int texts_add(struct texts *texts, const char *text, uint32_t *ret_number)
{
	size_t length = strlen(text);
	uint32_t *place;
	int error;

	*ret_number = 0;
	if (length == 0)
		return 0;
	error = 2 * texts->count >= texts->table_size ? table_grow(texts) : 0;
	if (error == 0)
		error = bytes_reserve(texts, length + 2);
	if (error != 0)
		return error;
	place = place_of(texts, text);
	if (*place == 0) {
		*place = (uint32_t)texts->length;
		memcpy(texts->bytes + texts->length, text, length + 1);
		texts->length += length + 1;
		texts->count++;
	}
	*ret_number = *place;
	return 0;
}
