/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/os-pin.c: codes, their counters, and that these survive whatever happens. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/sim/scene.h"

#define STATUS "0020000100"
#define GOOD                                                                                   \
	"0020000104"                                                                           \
	"31323334"
#define BAD                                                                                    \
	"0020000104"                                                                           \
	"39393939"
#define PUK                                                                                    \
	"0020000208"                                                                           \
	"3132333435363738"
#define NOPUK                                                                                  \
	"0020000208"                                                                           \
	"3838383838383838"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {"cps3-gp", "cps4-gp", "cps3-actua", NULL};

	(void)state;
	scene_make(&scene, names);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	return 0;
}

static void a_wrong_pin_costs_a_try_and_the_right_one_gives_all_back(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, STATUS), 0x63C3);
	assert_int_equal(play_send(&p, BAD), 0x63C2);
	assert_int_equal(play_send(&p, STATUS), 0x63C2);
	assert_int_equal(play_send(&p, BAD), 0x63C1);
	assert_int_equal(play_send(&p, GOOD), 0x9000);
	assert_int_equal(play_send(&p, STATUS), 0x9000);
	assert_int_equal(play_send(&p, BAD), 0x63C2); /* and the right is gone */
	assert_int_equal(play_send(&p, STATUS), 0x63C2);
	assert_int_equal(play_send(&p, GOOD), 0x9000);
	play_done(&p);
}

static void tries_survive_a_restart(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, BAD), 0x63C2);
	play_done(&p);
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, STATUS), 0x63C2);
	play_reset(&p);
	assert_int_equal(play_send(&p, STATUS), 0x63C2);
	assert_int_equal(play_send(&p, GOOD), 0x9000);
	play_done(&p);
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, STATUS), 0x63C3); /* the right did not survive */
	play_done(&p);
}

static void a_blocked_pin_opens_with_the_puk_only(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, BAD), 0x63C2);
	assert_int_equal(play_send(&p, BAD), 0x63C1);
	assert_int_equal(play_send(&p, BAD), 0x63C0);
	assert_int_equal(play_send(&p, GOOD), 0x6983);
	assert_int_equal(play_send(&p, STATUS), 0x6983);
	play_done(&p);
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, GOOD), 0x6983); /* after a restart too */
	assert_int_equal(play_send(&p, "002C02010434333231"), 0x6982);
	assert_int_equal(play_send(&p, NOPUK), 0x63C9);
	assert_int_equal(play_send(&p, PUK), 0x9000);
	assert_int_equal(play_send(&p, "0020000200"), 0x9000);
	assert_int_equal(p.card->state->puk.uses, 98);
	assert_int_equal(play_send(&p, "002C010104"
				       "34333231"),
		0x6A86);
	assert_int_equal(play_send(&p, "002C020204"
				       "34333231"),
		0x6A88);
	assert_int_equal(play_send(&p, "002C020103"
				       "343332"),
		0x6700);
	assert_int_equal(play_send(&p, "002C020104"
				       "41333231"),
		0x6A80);
	assert_int_equal(play_send(&p, "002C030104"
				       "34333231"),
		0x6700);
	assert_int_equal(play_send(&p, "002C020104"
				       "34333231"),
		0x9000);
	assert_int_equal(play_send(&p, STATUS), 0x63C3);
	assert_int_equal(play_send(&p, GOOD), 0x63C2);
	assert_int_equal(play_send(&p, "0020000104"
				       "34333231"),
		0x9000);
	/* back to what it was, and it is what comes from the disk */
	assert_int_equal(play_send(&p, "0024000108"
				       "3433323131323334"),
		0x9000);
	play_done(&p);
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, GOOD), 0x9000);
	play_done(&p);
}

static void changing_asks_for_the_old_pin(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, "0024000108"
				       "3939393931323334"),
		0x63C2);
	assert_int_equal(play_send(&p, "0024010104"
				       "31323334"),
		0x6982);
	assert_int_equal(play_send(&p, "0024020104"
				       "31323334"),
		0x6A86);
	assert_int_equal(play_send(&p, "0024000208"
				       "3132333431323334"),
		0x6A88);
	assert_int_equal(play_send(&p, "0024000107"
				       "31323334313233"),
		0x6700);
	assert_int_equal(play_send(&p, "0024000108"
				       "3132333431323334"),
		0x9000);
	assert_int_equal(play_send(&p, "0024010104"
				       "31323334"),
		0x9000);
	assert_int_equal(play_send(&p, "0024010105"
				       "3132333435"),
		0x6700);
	play_done(&p);
}

static void a_cps4_is_unblocked_in_two_steps(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
	for (int i = 0; i < 3; i++)
		play_send(&p, "0120000104"
			      "39393939");
	assert_int_equal(play_send(&p, "01200001"), 0x6983);
	assert_int_equal(play_send(&p, "012C0381"), 0x6982); /* no PUK yet */
	assert_int_equal(play_send(&p, "0120000208"
				       "3132333435363738"),
		0x9000);
	assert_int_equal(play_send(&p, "0124018104"
				       "31323334"),
		0x6983); /* a new code does not unblock */
	assert_int_equal(play_send(&p, "012C028104"
				       "31323334"),
		0x6A86); /* a CPS3's way */
	assert_int_equal(play_send(&p, "012C0381"), 0x9000);
	assert_int_equal(play_send(&p, "01200001"), 0x63C3); /* unblocked is not verified */
	assert_int_equal(play_send(&p, "0124018104"
				       "31323334"),
		0x9000);
	assert_int_equal(play_send(&p, "0120000104"
				       "31323334"),
		0x9000);
	play_done(&p);
}

static void a_cps4_is_changed_in_two_steps(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
	assert_int_equal(play_send(&p, "0124000108"
				       "3132333431313131"),
		0x6A86); /* a CPS3's way: nothing is compared */
	assert_int_equal(play_send(&p, "01200001"), 0x63C3);
	assert_int_equal(play_send(&p, "0124010104"
				       "31313131"),
		0x6982);
	assert_int_equal(play_send(&p, "0120000104"
				       "31323334"),
		0x9000);
	assert_int_equal(play_send(&p, "0124010104"
				       "3131313A"),
		0x6A80);
	assert_int_equal(play_send(&p, "0124010104"
				       "31313131"),
		0x9000);
	play_done(&p);
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
	assert_int_equal(play_send(&p, "0120000104"
				       "31323334"),
		0x63C2);
	assert_int_equal(play_send(&p, "0120000104"
				       "31313131"),
		0x9000);
	assert_int_equal(play_send(&p, "0124010104"
				       "31323334"),
		0x9000);
	play_done(&p);
}

/* The unblocking code has ten tries; each costs one of its hundred uses, right or wrong. */
static void a_puk_has_ten_tries_and_a_hundred_uses(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-actua", 0);
	for (unsigned left = 9;; left--) {
		assert_int_equal(play_send(&p, NOPUK), 0x63C0 | left);
		if (left == 0)
			break;
	}
	assert_int_equal(play_send(&p, PUK), 0x6983);
	assert_int_equal(play_send(&p, "0020000200"), 0x6983);
	assert_int_equal(p.card->state->puk.uses, 90);
	play_done(&p);
	play_start(&p, &scene, "cps3-actua", 0);
	assert_int_equal(play_send(&p, PUK), 0x6983);  /* after a restart too */
	assert_int_equal(play_send(&p, GOOD), 0x9000); /* the PIN does not need it */
	play_done(&p);
}

static void a_cps3_changes_with_the_puk_by_unblocking_only(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	assert_int_equal(play_send(&p, PUK), 0x9000);
	assert_int_equal(play_send(&p, "0024010104"
				       "31323334"),
		0x6982);
	assert_int_equal(play_send(&p, "002C020104"
				       "31323334"),
		0x9000);
	play_done(&p);
}

static void a_puk_wears_out(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps4-gp", 1);
	assert_int_equal(play_send(&p, "01A4040C088025000001FF0100"), 0x9000);
	p.card->state->puk.uses = 1;
	assert_int_equal(play_send(&p, "0120000208"
				       "3132333435363738"),
		0x9000);
	assert_int_equal(play_send(&p, "0120000208"
				       "3132333435363738"),
		0x6983);
	assert_int_equal(play_send(&p, "01200002"), 0x6983);
	play_done(&p);
}

static void what_cannot_be_counted_is_not_compared(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	free(p.card->state->path);
	p.card->state->path = strdup("/nonexistent/card.json");
	assert_int_equal(play_send(&p, GOOD), 0x6581);
	assert_false(p.card->rights.pin);
	p.card->rights.pin = true;
	assert_int_equal(play_send(&p, "0024010104"
				       "34333231"),
		0x6581);
	assert_string_equal(p.card->state->pin.value, "1234"); /* not changed in memory alone */
	p.card->rights.puk = true;
	p.card->state->pin.tries = 1;
	assert_int_equal(play_send(&p, "002C0301"), 0x6581);
	assert_int_equal(p.card->state->pin.tries, 1);
	assert_int_equal(play_send(&p, "002C020104"
				       "34333231"),
		0x6581);
	assert_string_equal(p.card->state->pin.value, "1234");
	play_done(&p);
}

static void the_state_file_is_private(void **state)
{
	char path[128];
	struct stat st;
	struct play p;

	(void)state;
	play_start(&p, &scene, "cps3-gp", 0);
	play_send(&p, GOOD);
	play_done(&p);
	snprintf(path, sizeof(path), "%s/cards/cps3-gp.json", scene.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	snprintf(path, sizeof(path), "%s/cards/cps3-gp.json.new", scene.dir);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wrong_pin_costs_a_try_and_the_right_one_gives_all_back),
		cmocka_unit_test(tries_survive_a_restart),
		cmocka_unit_test(a_blocked_pin_opens_with_the_puk_only),
		cmocka_unit_test(changing_asks_for_the_old_pin),
		cmocka_unit_test(a_cps4_is_unblocked_in_two_steps),
		cmocka_unit_test(a_cps4_is_changed_in_two_steps),
		cmocka_unit_test(a_puk_has_ten_tries_and_a_hundred_uses),
		cmocka_unit_test(a_cps3_changes_with_the_puk_by_unblocking_only),
		cmocka_unit_test(a_puk_wears_out),
		cmocka_unit_test(what_cannot_be_counted_is_not_compared),
		cmocka_unit_test(the_state_file_is_private),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
