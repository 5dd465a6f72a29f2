/* SPDX-License-Identifier: MIT */
/*
 * Text that may reach a terminal: what is shown as it is, what as escapes, and where it is cut.
 */

#include "support.h"

#include "os/text.h"

static void expect_shown(const char *text, size_t size, bool has_lines, const char *expected)
{
	char shown[256];
	size_t taken, length = egi_text_show(text, size, has_lines, shown, sizeof(shown), &taken);

	assert_int_equal(taken, size);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(shown, expected, length);
}

#define EXPECT_SHOWN(text, expected) expect_shown(text, sizeof(text) - 1, false, expected)

static void text_of_any_language_is_shown_as_it_is(void **state)
{
	(void)state;
	EXPECT_SHOWN("", "");
	EXPECT_SHOWN("plain ~\\", "plain ~\\");
	EXPECT_SHOWN("\xc3\xa4\xc2\xa0\xdf\xbf", "\xc3\xa4\xc2\xa0\xdf\xbf");
	EXPECT_SHOWN("\xe0\xa0\x80\xe6\x97\xa5\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd",
		     "\xe0\xa0\x80\xe6\x97\xa5\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbd");
	EXPECT_SHOWN("\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
		     "\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
	/* Letters that are written from right to left are letters. */
	EXPECT_SHOWN("\xd7\xa9\xd8\xb4", "\xd7\xa9\xd8\xb4");
}

static void controls_are_escaped(void **state)
{
	(void)state;
	EXPECT_SHOWN("a\033[2Jb", "a\\033[2Jb");
	EXPECT_SHOWN("\a\b\r\v\f\x7f\x01\x1f", "\\007\\010\\015\\013\\014\\177\\001\\037");
	EXPECT_SHOWN("\0", "\\000");
	/* C1, as UTF-8 and as bytes. */
	EXPECT_SHOWN("\xc2\x9b"
		     "2J",
		     "\\302\\2332J");
	EXPECT_SHOWN("\xc2\x80\xc2\x9f", "\\302\\200\\302\\237");
	EXPECT_SHOWN("\x9b\x80\x9f", "\\233\\200\\237");
}

static void every_control_is_escaped_and_nothing_else_below_256(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		char text[2] = {(char)code, 0}, shown[16];
		size_t size = 1, taken, length;
		bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);

		if (code >= 0x80) {
			text[0] = (char)(0xc0 | code >> 6);
			text[1] = (char)(0x80 | (code & 0x3f));
			size = 2;
		}
		length = egi_text_show(text, size, false, shown, sizeof(shown), &taken);
		assert_int_equal(taken, size);
		assert_int_equal(length, is_control ? 4 * size : size);
	}
}

static void what_is_no_utf_8_is_escaped(void **state)
{
	(void)state;
	EXPECT_SHOWN("\xe4", "\\344");                   /* another encoding's letter */
	EXPECT_SHOWN("\xc3(", "\\303(");                 /* not continued */
	EXPECT_SHOWN("\xe2\x82", "\\342\\202");          /* cut */
	EXPECT_SHOWN("\xc0\x9b", "\\300\\233");          /* overlong */
	EXPECT_SHOWN("\xc1\xbf", "\\301\\277");          /* overlong */
	EXPECT_SHOWN("\xe0\x82\x9b", "\\340\\202\\233"); /* overlong */
	EXPECT_SHOWN("\xf0\x80\x82\x9b", "\\360\\200\\202\\233");
	EXPECT_SHOWN("\xed\xa0\x80", "\\355\\240\\200");          /* half a pair */
	EXPECT_SHOWN("\xf4\x90\x80\x80", "\\364\\220\\200\\200"); /* beyond the last */
	EXPECT_SHOWN("\xf8\x88\x80\x80\x80\xff\xfe", "\\370\\210\\200\\200\\200\\377\\376");
}

static void what_changes_the_order_of_text_is_escaped(void **state)
{
	(void)state;
	EXPECT_SHOWN("\xe2\x80\xae"
		     "gpj.exe",
		     "\\342\\200\\256gpj.exe");
	EXPECT_SHOWN("\xd8\x9c\xe2\x80\x8e\xe2\x80\x8f\xe2\x80\xaa\xe2\x81\xa6\xe2\x81\xa9",
		     "\\330\\234\\342\\200\\216\\342\\200\\217\\342\\200\\252\\342\\201\\246\\342\\201\\251");
	EXPECT_SHOWN("\xe2\x80\xa8\xe2\x80\xa9", "\\342\\200\\250\\342\\200\\251"); /* separators */
	EXPECT_SHOWN("\xe2\x80\x93\xe2\x80\xa7\xe2\x80\xaf", "\xe2\x80\x93\xe2\x80\xa7\xe2\x80\xaf");
}

static void lines_stay_where_they_are_the_texts_own(void **state)
{
	(void)state;
	expect_shown("a\n\tb\r\n", 6, true, "a\n\tb\\015\n");
	expect_shown("a\n\tb", 4, false, "a\\012\\011b");
}

/* Nothing is cut in the middle, and a buffer is never overrun. */
static void text_is_cut_between_characters_and_escapes(void **state)
{
	static const char text[] = "a\033\xe6\x97\xa5\xff";
	static const size_t lengths[] = {0, 1, 1, 1, 1, 5, 5, 5, 8, 8, 8, 8, 12};
	static const size_t takens[] = {0, 1, 1, 1, 1, 2, 2, 2, 5, 5, 5, 5, 6};

	(void)state;
	for (size_t room = 0; room < sizeof(lengths) / sizeof(lengths[0]); room++) {
		char *shown = malloc(room ? room : 1); /* exactly that much, for the sanitizers */
		size_t taken;

		assert_non_null(shown);
		assert_int_equal(egi_text_show(text, 6, false, shown, room, &taken), lengths[room]);
		assert_int_equal(taken, takens[room]);
		free(shown);
	}
}

static void a_tail_fits_as_it_is_shown(void **state)
{
	(void)state;
	assert_string_equal(egi_text_tail("some/path/to.c", 64), "some/path/to.c");
	assert_string_equal(egi_text_tail("some/path/to.c", 4), "to.c");
	assert_string_equal(egi_text_tail("\033\033\033to.c", 8), "\033to.c");
	assert_string_equal(egi_text_tail("\033\033\033to.c", 7), "to.c");
	assert_string_equal(egi_text_tail("\xe6\x97\xa5.c", 5), "\xe6\x97\xa5.c");
	/* What is left of a character is shown as bytes. */
	assert_string_equal(egi_text_tail("\xe6\x97\xa5.c", 4), ".c");
	assert_string_equal(egi_text_tail("", 0), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(text_of_any_language_is_shown_as_it_is),
	    TEST(controls_are_escaped),
	    TEST(every_control_is_escaped_and_nothing_else_below_256),
	    TEST(what_is_no_utf_8_is_escaped),
	    TEST(what_changes_the_order_of_text_is_escaped),
	    TEST(lines_stay_where_they_are_the_texts_own),
	    TEST(text_is_cut_between_characters_and_escapes),
	    TEST(a_tail_fits_as_it_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
