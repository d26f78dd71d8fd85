/* SPDX-License-Identifier: EUPL-1.2 */
/* That the record only grew: proofs between checkpoints, and who is told of a new one. */
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

static void every_earlier_size_is_the_beginning_of_the_newest_checkpoint(void **state)
{
	enum {
		N = 40
	};

	struct audit *a = scene_open();
	uint8_t roots[N + 1][MERKLE_HASH];
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	struct checkpoint c;
	uint64_t size = 0;

	(void)state;
	for (unsigned int i = 0; i <= N; i++) {
		audit_head(a, &size, roots[i]);
		assert_int_equal(size, i);
		scene_fill(a, i < N ? 1 : 0);
	}
	assert_int_equal(audit_checkpoint(a, &note), 0);
	scene_fill(a, 3); /* behind the checkpoint */
	assert_int_equal(
		checkpoint_verify(view_str(audit_note(a, &size)), audit_vkey(a), &c), 0);
	assert_int_equal(size, N);
	assert_int_equal(c.size, N);
	for (unsigned int i = 0; i <= N; i++) {
		_cleanup_(buf_done) struct buf path = BUF_NULL(4096);

		assert_int_equal(audit_consistency(a, i, &path), 0);
		assert_int_equal(
			merkle_check_consistency(i, roots[i], N, c.root, buf_view(&path)), 0);
		if (i > 0) { /* and of no other tree of that size */
			roots[i][5] ^= 1;
			assert_int_equal(merkle_check_consistency(
						 i, roots[i], N, c.root, buf_view(&path)),
				MERKLE_FALSE);
		}
	}
	buf_reset(&note);
	assert_int_equal(audit_consistency(a, N + 1, &note), AUDIT_NO_ENTRY);
	audit_free(a);
}

static void count(void *user)
{
	++*(unsigned int *)user;
}

static void who_wants_to_know_is_told_of_each_new_checkpoint_once(void **state)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(65536);
	struct audit *a = scene_open();
	unsigned int told = 0;
	char *kept;

	(void)state;
	audit_on_checkpoint(a, count, &told);
	scene_fill(a, 2);
	assert_int_equal(told, 0);
	assert_int_equal(audit_checkpoint(a, &note), 0);
	assert_int_equal(audit_checkpoint(a, &note), 0); /* the same one */
	assert_int_equal(told, 1);
	buf_reset(&note);
	scene_fill(a, 1);
	assert_int_equal(audit_checkpoint(a, &note), 0);
	assert_int_equal(told, 2);
	assert_true(view_equal(buf_view(&note), view_str(audit_note(a, NULL))));
	audit_on_checkpoint(a, NULL, NULL);
	kept = buf_take_str(&note);
	audit_free(a);
	a = scene_open(); /* it is known again after a start */
	assert_string_equal(audit_note(a, NULL), kept);
	free(kept);
	audit_free(a);
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(every_earlier_size_is_the_beginning_of_the_newest_checkpoint),
		test_scene(who_wants_to_know_is_told_of_each_new_checkpoint_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
