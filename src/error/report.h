/* SPDX-License-Identifier: MIT */
#ifndef EGI_ERROR_REPORT_H
#define EGI_ERROR_REPORT_H

/*
 * Many errors for whoever uses the program: a line for each kind of them.
 */

#include "error/failures.h"

/* Return: 0, or -EIO when the stream failed. */
int egi_report(struct egi_failures *failures, FILE *stream);

#endif
