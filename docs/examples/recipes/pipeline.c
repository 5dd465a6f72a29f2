/* SPDX-License-Identifier: MIT */
/* pipeline <IN >OUT: makes lower case upper case, block by block: one is read,
 * some are worked on, one is written, in order, however long the input is. */
#include <ctype.h>
#include <errgroup.h>
#include <errno.h>
#include <stdlib.h>

struct block {
	size_t size;
	unsigned char bytes[65536];
};

static int read_block(eg_ctx *ctx, void *arg, void **item)
{
	struct block *block = malloc(sizeof(*block));

	if (!block)
		return -ENOMEM;
	block->size = fread(block->bytes, 1, sizeof(block->bytes), stdin);
	if (block->size == 0)
		return free(block),
		       ferror(stdin) ? eg_fail(-EIO, "cannot read") : 0;
	*item = block;
	return 1;
}

static int convert_block(eg_ctx *ctx, void *arg, void **item)
{
	struct block *block = *item;

	for (size_t i = 0; i < block->size; i++)
		block->bytes[i] = toupper(block->bytes[i]);
	return 0;
}

static int write_block(eg_ctx *ctx, void *arg, void **item)
{
	struct block *block = *item;

	if (fwrite(block->bytes, 1, block->size, stdout) < block->size)
		return eg_fail(-errno, "cannot write");
	free(block);
	return 0;
}

static void drop_block(void *item, void *arg)
{
	free(item);
}

int main(void)
{
	static const struct eg_stage stages[] = {
	    {read_block, NULL, EG_STAGE_SERIAL},
	    {convert_block, NULL, EG_STAGE_PARALLEL},
	    {write_block, NULL, EG_STAGE_IN_ORDER}};
	eg_error *error;
	int err = eg_pipeline(NULL, stages, 3,
			      EG_PIPELINE_OPTIONS(.drop = drop_block), &error);

	eg_error_print(error, stderr);
	eg_error_unref(error);
	return err || fflush(stdout) ? 1 : 0;
}
