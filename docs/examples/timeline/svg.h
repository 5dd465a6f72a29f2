/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_SVG_H
#define TIMELINE_SVG_H

/*
 * SVG: what a document consists of. Colours, light and dark, and patterns belong to classes, which svg.c has.
 */

#include <stdbool.h>
#include <stdio.h>

/* How wide a character of a text is at most, nearly always. */
#define SVG_TEXT_WIDTH 6.7  /* of the classes title, note and label */
#define SVG_NAME_WIDTH 6.65 /* of the class name, in which all have the same width */

void svg_begin(FILE *out, int width, int height, const char *title);
void svg_end(FILE *out);

/* A text as it may stand in XML, of which characters that may not are replaced. */
void svg_escape(FILE *out, const char *text);

/* The same, of a text that has this many columns: what is longer is cut and ends with an ellipsis. Returns the columns. */
int svg_escape_cut(FILE *out, const char *text, int columns);

/* How many columns a text takes. */
int svg_columns(const char *text);

/* A text, cut to this width. */
void svg_text(FILE *out, const char *classes, double x, double y, double width, const char *text);

/* A rectangle; it is followed by its title, if any, and svg_rect_end. */
void svg_rect(FILE *out, const char *classes, double x, double y, double width, double height);
void svg_rect_end(FILE *out);

#endif
