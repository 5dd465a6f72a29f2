/* SPDX-License-Identifier: MIT */
/*
 * A template is read anew for each job: it is short, and starting a program takes a thousand times as long. Texts are put
 * together in streams that grow in memory, which remember whether there was enough of that.
 */

#include "template.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct placeholder {
	const char *text;
	char kind;
	bool is_input;
} placeholders[] = {
    {"{}", 'i', true},   {"{.}", '.', true},  {"{/}", '/', true},  {"{//}", 'd', true},
    {"{/.}", 'b', true}, {"{#}", '#', false}, {"{%}", '%', false},
};

/* The placeholder that a text begins with, or NULL. */
static const struct placeholder *placeholder_at(const char *text)
{
	for (size_t i = 0; *text == '{' && i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
		if (strncmp(text, placeholders[i].text, strlen(placeholders[i].text)) == 0)
			return &placeholders[i];
	return NULL;
}

static bool has_placeholder(const char *word, bool of_inputs)
{
	for (; *word != '\0'; word++) {
		const struct placeholder *placeholder = placeholder_at(word);

		if (placeholder != NULL && (placeholder->is_input || !of_inputs))
			return true;
	}
	return false;
}

void template_init(struct template *template, char *const *words)
{
	*template = (struct template){.words = words};
	template->is_shell = words[1] == NULL &&strpbrk(words[0], " \t\n|&;<>()$`\\\"'*?[") != NULL;
	for (size_t i = 0; words[i] != NULL; i++)
		template->has_placeholders |= has_placeholder(words[i], false);
}

/* Puts a text in quotes if a shell would otherwise see more in it than a text. */
static void quote(FILE *stream, const char *text, size_t length)
{
	bool is_plain = length > 0;

	for (size_t i = 0; i < length; i++)
		is_plain =
		    is_plain && (isalnum((unsigned char)text[i]) || strchr("-_./,:+@%", text[i]) != NULL);
	if (is_plain) {
		fwrite(text, 1, length, stream);
		return;
	}
	putc('\'', stream);
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\'')
			fputs("'\\'", stream);
		putc(text[i], stream);
	}
	putc('\'', stream);
}

/* The part of an input that a placeholder stands for. Trailing slashes belong to no name. */
static const char *input_part(char kind, const char *input, size_t *ret_length)
{
	size_t end = strlen(input), name;

	*ret_length = end;
	if (kind == 'i')
		return input;
	while (kind != '.' && end > 1 && input[end - 1] == '/')
		end--;
	for (name = end; name > 0 && input[name - 1] != '/';)
		name--;
	if (kind == 'd') {
		if (name == 0) {
			*ret_length = 1;
			return ".";
		}
		while (name > 1 && input[name - 1] == '/')
			name--;
		*ret_length = name;
		return input;
	}
	if (kind == '.' || kind == 'b') {
		const char *dot = name < end ? memrchr(input + name, '.', end - name) : NULL;

		/* What a name begins with is no extension's dot. */
		if (dot != NULL && dot > input + name && dot + 1 < input + end)
			end = (size_t)(dot - input);
	}
	if (kind == '.')
		name = 0;
	*ret_length = end - name;
	return input + name;
}

static void put_inputs(FILE *stream, char kind, char *const *inputs, size_t count, bool quotes)
{
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *part = input_part(kind, inputs[i], &length);

		if (i > 0)
			putc(' ', stream);
		if (quotes)
			quote(stream, part, length);
		else
			fwrite(part, 1, length, stream);
	}
}

/* Writes a word with `count` of the inputs, from the given one on, in the places for these. */
static void put_word(FILE *stream, const char *word, const struct template_values *values, size_t first,
		     size_t count, bool quotes)
{
	while (*word != '\0') {
		const struct placeholder *placeholder = placeholder_at(word);

		if (placeholder == NULL || (placeholder->kind == '%' && values->slot == 0)) {
			putc(*word++, stream);
			continue;
		}
		if (placeholder->is_input)
			put_inputs(stream, placeholder->kind, values->inputs + first, count, quotes);
		else if (placeholder->kind == '#')
			fprintf(stream, "%" PRIu64, values->number);
		else
			fprintf(stream, "%d", values->slot);
		word += strlen(placeholder->text);
	}
}

/* Closes a stream made by open_memstream. Return: its text, or NULL if there was no memory for all of it. */
static char *stream_take(FILE *stream, char **text)
{
	bool is_whole = !ferror(stream);

	if (fclose(stream) == 0 && is_whole)
		return *text;
	free(*text);
	return NULL;
}

static char *expand_word(const char *word, const struct template_values *values, size_t input)
{
	size_t size;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	put_word(stream, word, values, input, values->count > 0 ? 1 : 0, false);
	return stream_take(stream, &text);
}

static char *shell_line(const struct template *template, const struct template_values *values)
{
	size_t size;
	char *text = NULL;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return NULL;
	put_word(stream, template->words[0], values, 0, values->count, true);
	if (!template->has_placeholders && values->count > 0) {
		putc(' ', stream);
		put_inputs(stream, 'i', values->inputs, values->count, true);
	}
	return stream_take(stream, &text);
}

void template_free(char **words)
{
	for (size_t i = 0; words != NULL && words[i] != NULL; i++)
		free(words[i]);
	free(words);
}

/*
 * Takes a word over. Without one, or without room for it, all of them are given back, and *words is NULL. There is room for as
 * many as the next power of two, the NULL at the end included.
 */
static void words_add(char ***words, size_t *count, char *word)
{
	size_t used = *count + 1;
	char **grown = word != NULL ? *words : NULL;

	if (grown != NULL && (used & (used - 1)) == 0)
		grown = realloc(*words, 2 * used * sizeof(*grown));
	if (grown == NULL) {
		free(word);
		template_free(*words);
		*words = NULL;
		return;
	}
	grown[(*count)++] = word;
	grown[*count] = NULL;
	*words = grown;
}

char **template_expand(const struct template *template, const struct template_values *values)
{
	char **words = calloc(1, sizeof(*words));
	size_t count = 0;

	if (words != NULL && template->is_shell) {
		words_add(&words, &count, strdup("sh"));
		if (words != NULL)
			words_add(&words, &count, strdup("-c"));
		if (words != NULL)
			words_add(&words, &count, shell_line(template, values));
		return words;
	}
	for (size_t i = 0; words != NULL && template->words[i] != NULL; i++) {
		size_t times = has_placeholder(template->words[i], true) ? values->count : 1;

		for (size_t input = 0; words != NULL && input < times; input++)
			words_add(&words, &count, expand_word(template->words[i], values, input));
	}
	for (size_t i = 0; words != NULL && !template->has_placeholders && i < values->count; i++)
		words_add(&words, &count, strdup(values->inputs[i]));
	return words;
}

char *template_line(const struct template *template, const struct template_values *values)
{
	char **words, *text = NULL;
	FILE *stream;
	size_t size;

	if (template->is_shell)
		return shell_line(template, values);
	words = template_expand(template, values);
	stream = words != NULL ? open_memstream(&text, &size) : NULL;
	for (size_t i = 0; stream != NULL && words[i] != NULL; i++) {
		if (i > 0)
			putc(' ', stream);
		quote(stream, words[i], strlen(words[i]));
	}
	template_free(words);
	return stream != NULL ? stream_take(stream, &text) : NULL;
}
