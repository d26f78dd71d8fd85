/* SPDX-License-Identifier: EUPL-1.2 */
/* What is told meanwhile: a line that is written anew at a terminal, lines elsewhere, nothing to programs. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/progress.h"

static char *text;
static size_t size;

/* One that writes into @text and is due. */
static struct progress begun(bool terminal, bool json)
{
	const struct ctl ctl = {.json = json};
	struct progress p;

	progress_begin(&p, &ctl);
	assert_false(progress_due(&p)); /* what is quick is not told of */
	p.terminal = terminal;
	p.to = open_memstream(&text, &size);
	assert_non_null(p.to);
	p.next = 0;
	return p;
}

static void ends(struct progress *p, const char *expected)
{
	progress_end(p);
	(void)fclose(p->to);
	assert_string_equal(text, expected);
	free(text);
}

static void a_terminal_has_one_line_that_goes_at_the_end(void **state)
{
	struct progress p = begun(true, false);

	(void)state;
	progress_bytes(&p, 1234567);
	progress_bytes(&p, 2000000); /* at once: not again */
	assert_true(p.next > clock_monotonic());
	p.next = 0;
	progress_bytes(&p, 256000000);
	ends(&p, "\r\033[KWritten: 1.2 MB\r\033[KWritten: 256.0 MB\r\033[K");
	p = begun(true, false);
	ends(&p, "");
}

static void a_file_has_lines_and_a_program_nothing(void **state)
{
	struct progress p = begun(false, false);

	(void)state;
	p.begun = clock_monotonic() - 90 * USEC_PER_SEC;
	progress_waiting(&p);
	assert_true(p.next > clock_monotonic() + 5 * USEC_PER_SEC);
	ends(&p, "Waiting for the service: 90 s\n");
	p = begun(true, true);
	progress_waiting(&p);
	progress_bytes(&p, 1);
	ends(&p, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_terminal_has_one_line_that_goes_at_the_end),
		cmocka_unit_test(a_file_has_lines_and_a_program_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
