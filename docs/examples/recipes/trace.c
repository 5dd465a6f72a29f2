/* SPDX-License-Identifier: MIT */
/* trace WORD...: the middle letter of each word. An empty word has none: that
 * is a defect of the program, and told with the calls that led to it. */
#include <errgroup.h>
#include <string.h>

static const char *find_middle(const char *word)
{
	size_t length = strlen(word);

	if (length == 0)
		eg_panic("the middle of an empty word");
	return word + length / 2;
}

static int print_middle(eg_ctx *ctx, void *arg, size_t index)
{
	const char *word = ((char **)arg)[index];

	return printf("%s: %c\n", word, *find_middle(word)) < 0;
}

int main(int argc, char **argv)
{
	eg_error *error;

	if (argc < 2)
		return fputs("Usage: trace WORD...\n", stderr), 2;
	int err = eg_for(NULL, argc - 1, print_middle, argv + 1, NULL, &error);
	eg_error_print(error, stderr);
	eg_error_unref(error);
	return err ? 1 : 0;
}
