/* SPDX-License-Identifier: MIT */
#ifndef BATCH_TEMPLATE_H
#define BATCH_TEMPLATE_H

/*
 * The command as it was given, and the command of each job that is made of it.
 *
 *     {}    the input                         {#}   the job's number, from 1
 *     {.}   the input without its extension   {%}   the job's slot, from 1: no other job that runs has it
 *     {/}   its last part, the base name
 *     {//}  its folder
 *     {/.}  its base name without extension
 *
 * A command of several words is run as it is. A word with a placeholder for inputs is there once for each input of the
 * job; where no word has any placeholder at all, the inputs follow as words.
 *
 * A command of one word that has blanks, or characters that mean something to a shell, is a line for `sh -c`. In it a
 * placeholder stands for all inputs of the job, quoted for the shell, with blanks between; without any the inputs follow.
 *
 * A template is not changed after its making. Threads: any.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct template
{
	char *const *words; /* ended by NULL */
	bool is_shell;
	bool has_placeholders;
};

/* What a job puts in. */
struct template_values {
	char *const *inputs;
	size_t count;
	uint64_t number;
	int slot; /* 0: {%} stays as it is */
};

/* @words  at least one, ended by NULL; must live as long as the template */
void template_init(struct template *template, char *const *words);

/* The words to run, ended by NULL; NULL without memory. Given back by template_free. */
char **template_expand(const struct template *template, const struct template_values *values);
void template_free(char **words);

/* The same as one line that a shell would understand: for readers. The caller frees it; NULL without memory. */
char *template_line(const struct template *template, const struct template_values *values);

#endif
