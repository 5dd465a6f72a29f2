/* SPDX-License-Identifier: MIT */
#include "svg.h"

#include <stdint.h>
#include <string.h>

#include "../shared/utf8.h"

/*
 * What is told by colour is told otherwise, too: failed is hatched and has a cross, the critical path is a line, idle is
 * dotted.
 */
/* clang-format off */
static const char style[] =
    "text{font:12px system-ui,'Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif}\n"
    "text{fill:#1f2328;pointer-events:none}\n"
    "text.title{font-size:15px;font-weight:600}\n"
    "text.note,text.mark{fill:#59636e}\n"
    "text.name{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace}\n"
    "text.name{fill:#10243a}text.mark,text.name{font-size:11px}\n"
    "text.halo{paint-order:stroke;stroke:#f9d4d1;stroke-width:4;stroke-linejoin:round}\n"
    ".page{fill:#ffffff}.lane{fill:#f3f5f8}.grid{stroke:#d5dae0;stroke-width:1}\n"
    ".span{fill:#b3d0ef;stroke:#5b86b8;stroke-width:.8}.many{fill:#6f9fd4}\n"
    ".failed{fill:url(#hatch);stroke:#b3261e;stroke-width:1}\n"
    ".hatch{fill:#f9d4d1;stroke:#e58f88;stroke-width:2}\n"
    ".cross{stroke:#a3150d;stroke-width:1.8;fill:none}\n"
    ".idle{fill:url(#dots)}.dot{fill:#b4bcc6}\n"
    ".moment{fill:#7b3fb5;stroke:#ffffff;stroke-width:.8}\n"
    ".path,.wait,.case{fill:none;stroke:#b35900;stroke-width:3;stroke-linejoin:round}\n"
    ".wait{stroke-width:2;stroke-dasharray:3 3}\n"
    ".case{stroke:#ffffff;stroke-width:5;opacity:.8}\n"
    ".span.on{stroke:#b35900;stroke-width:1.4}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text,text.name{fill:#e6edf3}text.note,text.mark{fill:#9198a1}text.halo{stroke:#571512}\n"
    ".page{fill:#0d1117}.lane{fill:#161c24}.grid{stroke:#2d343d}\n"
    ".span{fill:#1d4a7a;stroke:#4f8fd0}.many{fill:#3f7fc0}\n"
    ".failed{fill:url(#hatch);stroke:#ff7b72}.hatch{fill:#571512;stroke:#96332c}.cross{stroke:#ffa198}\n"
    ".dot{fill:#4a525c}.moment{fill:#c297ff;stroke:#0d1117}\n"
    ".path,.wait,.span.on{stroke:#f0a04b}.case{stroke:#0d1117}\n"
    "}\n";

static const char patterns[] =
    "<defs>\n"
    "<pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
    "patternTransform=\"rotate(45)\">"
    "<path class=\"hatch\" d=\"M-2 -2h12v12h-12zM1 -2v12M7 -2v12\"/></pattern>\n"
    "<pattern id=\"dots\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\">"
    "<circle class=\"dot\" cx=\"2.5\" cy=\"2.5\" r=\".8\"/></pattern>\n"
    "</defs>\n";
/* clang-format on */

void svg_begin(FILE *out, int width, int height, const char *title)
{
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
		"role=\"img\">\n<title>",
		width, height, width, height);
	svg_escape(out, title);
	fprintf(out, "</title>\n<style>\n%s</style>\n%s", style, patterns);
	fprintf(out, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", width, height);
}

void svg_end(FILE *out)
{
	fputs("</svg>\n", out);
}

/* Controls have pictures; marks that turn the direction of what follows, and what is no character, have none. */
static uint32_t shown(uint32_t character)
{
	if (character < ' ' && character != '\n')
		return 0x2400 + character;
	if (character == 0x7f)
		return 0x2421;
	if ((character >= 0x80 && character < 0xa0) || (character & 0xfffe) == 0xfffe ||
	    (character >= 0x202a && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069))
		return UTF8_REPLACEMENT;
	return character;
}

/* Those of the scripts of East Asia, and pictures, are two wide. */
static int columns_of(uint32_t character)
{
	bool is_wide = (character >= 0x1100 && character <= 0x115f) ||
		       (character >= 0x2e80 && character <= 0xd7ff) ||
		       (character >= 0xf900 && character <= 0xfaff) ||
		       (character >= 0xff00 && character <= 0xff60) || character >= 0x1f000;

	return is_wide ? 2 : 1;
}

static void put_character(FILE *out, uint32_t character)
{
	char bytes[UTF8_MAX];

	switch (character) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	default:
		fwrite(bytes, 1, utf8_encode(character, bytes), out);
	}
}

int svg_columns(const char *text)
{
	size_t left = strlen(text);
	int columns = 0;

	while (left > 0) {
		uint32_t character;
		size_t length = utf8_decode(text, left, &character);

		columns += columns_of(shown(character));
		text += length;
		left -= length;
	}
	return columns;
}

void svg_escape(FILE *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t character;
		size_t length = utf8_decode(text, left, &character);

		put_character(out, shown(character));
		text += length;
		left -= length;
	}
}

int svg_escape_cut(FILE *out, const char *text, int columns)
{
	bool is_cut = svg_columns(text) > columns;
	int room = is_cut ? columns - 1 : columns, used = 0;
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t character;
		size_t length = utf8_decode(text, left, &character);

		character = shown(character == '\n' ? ' ' : character);
		if (used + columns_of(character) > room)
			break;
		put_character(out, character);
		used += columns_of(character);
		text += length;
		left -= length;
	}
	if (is_cut)
		fputs("\342\200\246", out);
	return used + is_cut;
}

void svg_text(FILE *out, const char *classes, double x, double y, double width, const char *text)
{
	double each = strstr(classes, "name") != NULL    ? SVG_NAME_WIDTH
		      : strstr(classes, "title") != NULL ? SVG_TEXT_WIDTH * 1.3
							 : SVG_TEXT_WIDTH;

	if (width < each)
		return;
	fprintf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", classes, x, y);
	svg_escape_cut(out, text, (int)(width / each));
	fputs("</text>\n", out);
}

void svg_rect(FILE *out, const char *classes, double x, double y, double width, double height)
{
	fprintf(out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\">", classes, x,
		y, width, height);
}

void svg_rect_end(FILE *out)
{
	fputs("</rect>\n", out);
}
