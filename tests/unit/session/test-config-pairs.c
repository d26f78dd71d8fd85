/* SPDX-License-Identifier: EUPL-1.2 */
/* Pairs of readers where the patient is alone, as the configuration says it. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/config.h"

/* Return: what config_load() says of @text; @ret_where: why, to be freed, or NULL. */
static int load(const char *text, struct config *ret, char **ret_where)
{
	char path[] = "/tmp/config-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	*ret_where = NULL;
	r = config_load(path, ret, ret_where);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void a_pair_is_self_service_when_it_says_so(void **state)
{
	static const char text[] = "[pair desk]\npatient-reader = A\n"
				   "[pair other]\npatient-reader = B\nself-service = no\n"
				   "[pair kiosk]\npatient-reader = C\nself-service = yes\n";
	struct config *c = calloc(1, sizeof(*c));
	char *where;

	(void)state;
	assert_non_null(c);
	assert_int_equal(load(text, c, &where), 0);
	assert_int_equal(c->n_pairs, 3);
	assert_false(config_self_service(c, "desk"));
	assert_false(config_self_service(c, "other"));
	assert_true(config_self_service(c, "kiosk"));
	assert_false(config_self_service(c, "default"));
	assert_int_equal(load("", c, &where), 0);
	assert_false(config_self_service(c, "default"));
	free(c);
}

static void what_is_neither_yes_nor_no_is_refused(void **state)
{
	struct config *c = calloc(1, sizeof(*c));
	char *where;

	(void)state;
	assert_non_null(c);
	assert_int_equal(
		load("[pair kiosk]\nself-service = maybe\n", c, &where), CONFIG_INVALID);
	assert_non_null(strstr(where, ":2: [pair kiosk] self-service"));
	free(where);
	free(c);
}

static void a_reload_takes_it_over(void **state)
{
	struct config *was = calloc(1, sizeof(*was));
	struct config *now = calloc(1, sizeof(*now));
	struct buf restart = BUF_NULL(512);
	char *where;

	(void)state;
	assert_non_null(was);
	assert_non_null(now);
	assert_int_equal(load("[pair kiosk]\npatient-reader = A\n", was, &where), 0);
	assert_int_equal(
		load("[pair kiosk]\npatient-reader = A\nself-service = yes\n", now, &where), 0);
	config_adopt(was, now, &restart);
	assert_true(config_self_service(was, "kiosk"));
	assert_int_equal(restart.len, 0);
	buf_done(&restart);
	free(now);
	free(was);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_self_service_when_it_says_so),
		cmocka_unit_test(what_is_neither_yes_nor_no_is_refused),
		cmocka_unit_test(a_reload_takes_it_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
