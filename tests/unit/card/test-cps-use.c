/* SPDX-License-Identifier: EUPL-1.2 */
/* What a professional's card does after its PIN: activities, signatures; torn out at any
 * command. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = CARD_BODY_MAX};
static const uint8_t pattern[256];

static void begin(void (*make)(struct model *m))
{
	make(&m);
	model_card(&m, &c);
	model_forget_lines(&m);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
	buf_done(&body);
}

/* After other files of the same card: what was learned of it is gone. */
static void again(void)
{
	card_forget(&c);
	memset(m.rules, 0, sizeof(m.rules));
	model_forget_lines(&m);
	buf_reset(&body);
}

static int verify(const char *pin)
{
	struct card_entry e = {.fds = {model_pipe(pin), -1}};
	int r;

	r = c.driver->verify(&c, &e, &body);
	close(e.fds[0]);
	buf_reset(&body);
	return r;
}

static struct view found(uint32_t tag)
{
	struct tlv t;

	assert_int_equal(tlv_find(buf_view(&body), tag, &t), 0);
	return t.value;
}

static void text_is(struct view in, uint32_t tag, const char *text)
{
	struct tlv t;

	assert_int_equal(tlv_find(in, tag, &t), 0);
	assert_true(view_equal(t.value, view_str(text)));
}

static void (*const makes[])(struct model *m) = {model_cps3, model_cps4};

/* -- activities ---------------------------------------------------------------------------- */

static void one_activity_is(uint32_t n, uint8_t index, const char *name)
{
	struct reader r = reader_of(buf_view(&body));
	struct tlv t;
	uint8_t said;

	for (uint32_t i = 0; i <= n; i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
	}
	assert_int_equal(t.tag, LINK_TAG_ACTIVITY);
	assert_int_equal(tlv_find_u8(t.value, LINK_TAG_INDEX, &said), 0);
	assert_int_equal(said, index);
	text_is(t.value, LINK_TAG_NAME, name);
}

static size_t activities(void)
{
	struct reader r = reader_of(buf_view(&body));
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		n++;
	}
	return n;
}

static int read_activities(const char *directory)
{
	buf_reset(&body);
	return c.driver->read_activities(&c, view_str(directory), &body);
}

static void activities_are_read_once_and_only_after_the_pin(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		assert_int_equal(read_activities("\1\3"), CARD_DENIED);
		assert_int_equal(m.n_lines, 0);
		assert_int_equal(verify("1234"), CARD_DONE);
		model_forget_lines(&m);
		assert_int_equal(read_activities("\1\3"), CARD_DONE);
		assert_int_equal(activities(), 2);
		one_activity_is(0, 1, "CABINET DU DR MARECHAL");
		one_activity_is(1, 3, "CENTRE DE SANTE DES TILLEULS");
		assert_int_equal(m.n_lines, 5);
		assert_int_equal(read_activities(""), CARD_DONE);
		assert_int_equal(activities(), 2);
		assert_int_equal(m.n_lines, 5);
		card_forget(&c); /* a reset: with the PIN they go */
		assert_int_equal(read_activities("\1\3"), CARD_DENIED);
		assert_int_equal(verify("1234"), CARD_DONE);
		model_forget_lines(&m);
		assert_int_equal(read_activities("\1\3"), CARD_DONE);
		assert_int_equal(m.n_lines, 3); /* their sizes are known now */
		end();
	}
}

static void a_directory_is_believed_about_numbers_only(void **state)
{
	static const struct {
		const char *directory;
		size_t n;
		size_t commands;
	} table[] = {
		{"\3", 1, 3},
		{"\3\3\21\1\377", 2, 6}, /* twice, and numbers that are none */
		{"\2", 0, 1},		 /* none there */
		{"\20", 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		begin(model_cps3);
		assert_int_equal(verify("1234"), CARD_DONE);
		model_forget_lines(&m);
		assert_int_equal(read_activities(table[i].directory), CARD_DONE);
		assert_int_equal(activities(), table[i].n);
		assert_int_equal(m.n_lines, table[i].commands);
		end();
	}
	begin(model_cps3);
	assert_int_equal(verify("1234"), CARD_DONE);
	model_forget_lines(&m);
	assert_int_equal(c.driver->read_activities(&c, view_of("\0", 1), &body), CARD_DONE);
	assert_int_equal(m.n_lines, 0); /* a card that has none */
	end();
}

static void a_first_activity_that_is_not_there_is_not_asked_for_twice(void **state)
{
	(void)state;
	begin(model_cps3);
	model_remove(&m, MODEL_APP, 0xD120);
	assert_int_equal(verify("1234"), CARD_DONE);
	model_forget_lines(&m);
	assert_int_equal(read_activities("\1\3"), CARD_DONE);
	assert_int_equal(activities(), 1);
	assert_int_equal(m.n_lines, 3);
	end();
}

static void without_a_directory_the_cards_own_is_asked(void **state)
{
	(void)state;
	begin(model_cps3);
	assert_int_equal(verify("1234"), CARD_DONE);
	model_forget_lines(&m);
	assert_int_equal(read_activities(""), CARD_DONE);
	assert_int_equal(activities(), 2);
	assert_int_equal(model_sent(&m, "00A4020C02D1"), 2);
	end();
}

static void without_any_directory_the_sixteen_are_tried(void **state)
{
	static const struct {
		uint16_t file;
		const char *content; /* NULL: it is not there */
	} table[] = {
		{0x5031, NULL},
		{0x7006, NULL},
		{0x5031, "A40A300804063F0000017005"},
		{0x5031, "A7FF"},
		{0x7006, "30FF"},
		{0x7006, "3003A181"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		begin(model_cps3);
		if (table[i].content) {
			model_put(
				&m, MODEL_APP, table[i].file, 0, MODEL_FREE, table[i].content);
		} else {
			model_remove(&m, MODEL_APP, table[i].file);
		}
		assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
		text_is(buf_view(&body), LINK_TAG_DIRECTORY, "\1\3");
		assert_int_equal(model_sent(&m, "00A4020C02D1"), 17); /* and D104 */
		end();
	}
	begin(model_cps3);
	model_remove(&m, MODEL_APP, 0x5031);
	model_rule(&m, "00A4020C02D122", "6982"); /* SELECT itself is protected: there is one */
	model_rule(&m, "00A4020C02D120", "6A82");
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	text_is(buf_view(&body), LINK_TAG_DIRECTORY, "\3");
	model_rule(&m, "00A4020C02D122", "6A82");
	buf_reset(&body);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	assert_true(view_equal(found(LINK_TAG_DIRECTORY), view_of("\0", 1)));
	model_rule(&m, "00A4020C02D12F", "gone");
	assert_int_equal(c.driver->read_public(&c, &body), CARD_GONE);
	end();
}

static void activities_of_another_shape_are_broken(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"EE09840141850142860143", CARD_DONE},
		{"EE06850142860143", CARD_BROKEN},
		{"EE06840141860143", CARD_BROKEN},
		{"EE06840141850142", CARD_BROKEN},
		{"EE09840141850142860243", CARD_BROKEN},
		{"EF09840141850142860143", CARD_BROKEN},
		{"EE", CARD_BROKEN},
		{"", CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		begin(model_cps3);
		model_put(&m, MODEL_APP, 0xD122, 0, MODEL_PIN, table[i].file);
		assert_int_equal(verify("1234"), CARD_DONE);
		if (read_activities("\1\3") != table[i].r) {
			fail_msg("%s", table[i].file);
		}
		assert_int_equal(c.kept_valid, table[i].r == CARD_DONE);
		end();
	}
	begin(model_cps3);
	assert_int_equal(verify("1234"), CARD_DONE);
	m.verified = false;
	assert_int_equal(read_activities("\1\3"), CARD_DENIED);
	end();
}

/* -- signature ----------------------------------------------------------------------------- */

static int sign(size_t n)
{
	buf_reset(&body);
	return c.driver->sign(&c, view_of(pattern, n), &body);
}

static void templates_are_told_once_for_many_signatures(void **state)
{
	static const size_t sizes[] = {1, 64, 65, 128, 256};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		assert_int_equal(sign(22), CARD_DENIED);
		assert_int_equal(m.n_lines, 0);
		assert_int_equal(verify("1234"), CARD_DONE);
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			assert_int_equal(sign(sizes[k]), CARD_DONE);
			assert_int_equal(body.len, 256);
		}
		assert_int_equal(model_sent(&m, i == 0 ? "0022" : "0122"), i == 0 ? 2 : 1);
		end();
	}
}

static void the_last_block_and_the_state_go_to_the_card(void **state)
{
	static const struct {
		size_t n;
		const char *head; /* of PSO HASH */
	} table[] = {
		{22, "002A90A01A90008016"},
		{64, "002A90A044900080"},
		{65, "002A90A02D9028"},
		{192, "002A90A06C9028"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		begin(model_cps3);
		assert_int_equal(verify("1234"), CARD_DONE);
		assert_int_equal(sign(table[i].n), CARD_DONE);
		assert_int_equal(model_sent(&m, table[i].head), 1);
		end();
	}
}

static void a_card_that_forgets_its_templates_is_told_once_more(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		m.forgets_sets = true;
		assert_int_equal(verify("1234"), CARD_DONE);
		assert_int_equal(sign(22), CARD_DONE);
		model_forget_lines(&m);
		assert_int_equal(sign(22), CARD_DONE);
		assert_int_equal(model_sent(&m, i == 0 ? "0022" : "0122"), i == 0 ? 2 : 1);
		model_rule(&m, i == 0 ? "002A9E" : "012A9E", "6985");
		assert_int_equal(sign(22), CARD_REFUSED);
		assert_int_equal(sign(22), CARD_REFUSED);
		model_rule(&m, i == 0 ? "002A9E" : "012A9E", "6A88");
		assert_int_equal(sign(22), CARD_ABSENT);
		end();
	}
}

static void one_pin_may_be_for_one_signature(void **state)
{
	(void)state;
	begin(model_cps4);
	assert_int_equal(verify("1234"), CARD_DONE);
	assert_int_equal(sign(22), CARD_DONE);
	m.verified = false; /* the card used it up */
	assert_int_equal(sign(22), CARD_DENIED);
	assert_false(c.verified);
	model_forget_lines(&m);
	assert_int_equal(sign(22), CARD_DENIED);
	assert_int_equal(m.n_lines, 0);
	end();
}

static void signatures_of_another_size_and_missing_keys_are_named(void **state)
{
	(void)state;
	begin(model_cps4);
	assert_int_equal(verify("1234"), CARD_DONE);
	model_rule(&m, "012A9E", "6110");
	model_rule(&m, "01C0", "00112233445566778899AABBCCDDEEFF9000");
	assert_int_equal(sign(22), CARD_BROKEN);
	assert_int_equal(body.len, 0);
	again();
	assert_int_equal(verify("1234"), CARD_DONE);
	model_rule(&m, "0122", "6A88");
	assert_int_equal(sign(22), CARD_ABSENT);
	card_selected(&c, CARD_DF_UNKNOWN, 0);
	model_rule(&m, "01A4", "6A82");
	assert_int_equal(sign(22), CARD_ABSENT);
	end();
}

/* -- at every command ---------------------------------------------------------------------- */

/* A whole consultation; the outcome of the first step that failed. */
static int consult(void)
{
	struct card_entry e = {.fds = {model_pipe("1234"), -1}};
	struct card_pin pin;
	struct view serial;
	int r;

	buf_reset(&body);
	r = card_recognise(&c);
	if (r == CARD_DONE) {
		r = c.driver->identify(&c, &body);
	}
	if (r == CARD_DONE) {
		r = c.driver->read_public(&c, &body);
	}
	if (r == CARD_DONE) {
		r = c.driver->pin_state(&c, &pin);
	}
	if (r == CARD_DONE) {
		r = c.driver->verify(&c, &e, &body);
	}
	if (r == CARD_DONE) {
		r = c.driver->read_activities(&c, VIEW_NULL, &body);
	}
	if (r == CARD_DONE) {
		r = sign(150);
	}
	if (r == CARD_DONE) {
		r = role_internal_authenticate(&c, view_of(pattern, 40), &body);
	}
	if (r == CARD_DONE) {
		r = card_serial(&c, &serial);
	}
	close(e.fds[0]);
	return r;
}

/* @outcome: 0: any that has a name. Return: how many commands there were. */
static size_t fail_at(
	void (*make)(struct model *m), size_t at, const char *failure, int outcome)
{
	size_t n;
	int r;

	make(&m);
	model_opened(&m, &c);
	m.fail_at = at;
	m.failure = failure;
	r = consult();
	if (outcome > 0 ? r != outcome : r < 0) {
		fail_msg("%s at %zu: %d", failure, at, r);
	}
	assert_true(model_sent(&m, "0020000104") <= 1);
	assert_true(model_sent(&m, "0120000104") <= 1);
	n = m.n_lines;
	end();
	return n;
}

static void at_every_command(void (*make)(struct model *m), const char *failure, int outcome)
{
	size_t n = fail_at(make, 0, failure, 0);

	for (size_t i = 1; i <= n; i++) {
		(void)fail_at(make, i, failure, outcome);
	}
}

static void a_card_may_leave_at_any_command(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		at_every_command(makes[i], "gone", CARD_GONE);
		at_every_command(makes[i], "mute", 0);
		at_every_command(makes[i], "9000", 0);
		at_every_command(makes[i], "6F00", 0);
		at_every_command(makes[i], "6100", 0);
		at_every_command(makes[i], "00", 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(activities_are_read_once_and_only_after_the_pin),
		cmocka_unit_test(a_directory_is_believed_about_numbers_only),
		cmocka_unit_test(a_first_activity_that_is_not_there_is_not_asked_for_twice),
		cmocka_unit_test(without_a_directory_the_cards_own_is_asked),
		cmocka_unit_test(without_any_directory_the_sixteen_are_tried),
		cmocka_unit_test(activities_of_another_shape_are_broken),
		cmocka_unit_test(templates_are_told_once_for_many_signatures),
		cmocka_unit_test(the_last_block_and_the_state_go_to_the_card),
		cmocka_unit_test(a_card_that_forgets_its_templates_is_told_once_more),
		cmocka_unit_test(one_pin_may_be_for_one_signature),
		cmocka_unit_test(signatures_of_another_size_and_missing_keys_are_named),
		cmocka_unit_test(a_card_may_leave_at_any_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
