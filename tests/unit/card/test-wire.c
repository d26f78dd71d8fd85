/* SPDX-License-Identifier: EUPL-1.2 */
/* Every command that the drivers send against doc/wire.csv, and the budgets of an unlock. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "tests/unit/card/model.h"

#define SIGNED 168U /* bytes: the last block has 40 */

static const uint8_t pattern[256];

/* -- doing it ------------------------------------------------------------------------------ */

struct play {
	struct model m;
	struct card c;
	size_t marks[MODEL_LINES]; /* lines when a phase ended */
	const char *phases[16];
	size_t n_phases;
	struct buf body;
	size_t signed_bytes;
};

static void done(struct play *p, const char *phase, int r)
{
	if (r != CARD_DONE) {
		fail_msg("%s: %d", phase, r);
	}
	p->phases[p->n_phases] = phase;
	p->marks[p->n_phases++] = p->m.n_lines;
	buf_reset(&p->body);
}

static void play_begin(struct play *p, void (*make)(struct model *m))
{
	memset(p, 0, sizeof(*p));
	p->body = BUF_NULL(65536);
	p->signed_bytes = SIGNED;
	make(&p->m);
}

static void play_end(struct play *p)
{
	card_done(&p->c);
	model_done(&p->m);
	buf_done(&p->body);
}

/* The recogniser's process, then the session's. */
static void recognise_and_open(struct play *p, bool resumes)
{
	char generation[16];

	model_card(&p->m, &p->c);
	snprintf(generation, sizeof(generation), "%s", p->c.driver->generation);
	done(p, "recognise", 0);
	const char *kind = p->c.driver->kind;

	card_done(&p->c);
	model_opened(&p->m, &p->c);
	assert_int_equal(card_resume(&p->c, view_str(kind), view_str(generation),
				 transport_atr(&p->m.base)),
		CARD_DONE);
	if (resumes) {
		done(p, "open", 0);
	}
}

static void exchange(struct play *p)
{
	uint8_t cvc[228] = {0x7F, 0x21, 0x81, 0xE0};
	struct view name = view_of(pattern, ROLE_NAME_LEN);

	done(p, "certificate", role_check_certificate(&p->c, name, VIEW(cvc)));
	done(p, "challenge", role_challenge(&p->c, name, &p->body));
	done(p, "prove", role_internal_authenticate(&p->c, view_of(pattern, 24), &p->body));
	done(p, "check",
		role_external_authenticate(&p->c, view_of(pattern, ROLE_SIGNATURE_LEN)));
}

static void vitale_unlock(struct play *p)
{
	play_begin(p, model_vitale);
	recognise_and_open(p, false);
	done(p, "public", p->c.driver->read_public(&p->c, &p->body));
	done(p, "people", p->c.driver->keep_people(&p->c, &p->body));
	exchange(p);
	assert_int_equal(p->c.driver->read_people(&p->c, &p->body), CARD_DONE); /* no command */
	done(p, "presence", role_internal_authenticate(&p->c, view_of(pattern, 40), &p->body));
}

static void enter_pin(struct play *p)
{
	struct card_entry e = {.fds = {model_pipe("1234"), -1}};
	struct card_pin pin;

	assert_int_equal(p->c.driver->pin_state(&p->c, &pin), CARD_DONE);
	p->c.tries = pin.tries;
	p->c.tries_known = true;
	done(p, "state", 0);
	done(p, "verify", p->c.driver->verify(&p->c, &e, &p->body));
	close(e.fds[0]);
}

static void sign(struct play *p)
{
	done(p, "sign", p->c.driver->sign(&p->c, view_of(pattern, p->signed_bytes), &p->body));
}

static void cps_unlock(struct play *p, void (*make)(struct model *m), bool first)
{
	static const uint8_t directory[] = {1, 3};

	play_begin(p, make);
	recognise_and_open(p, make == model_cps4);
	done(p, "identify", p->c.driver->identify(&p->c, &p->body));
	if (first) {
		done(p, "role", p->c.driver->read_role(&p->c, &p->body));
		done(p, "public", p->c.driver->read_public(&p->c, &p->body));
	}
	enter_pin(p);
	done(p, "activities", p->c.driver->read_activities(&p->c, VIEW(directory), &p->body));
	exchange(p);
	sign(p);
}

/* The same process, the same professional, another patient. */
static void cps_next(struct play *p, void (*make)(struct model *m))
{
	static const uint8_t directory[] = {1, 3};

	cps_unlock(p, make, false);
	model_forget_lines(&p->m);
	p->n_phases = 0;
	assert_int_equal(
		p->c.driver->read_activities(&p->c, VIEW(directory), &p->body), CARD_DONE);
	assert_int_equal(p->m.n_lines, 0);
	exchange(p);
	sign(p);
}

/* -- against the table --------------------------------------------------------------------- */

struct row {
	char plan[24];
	char phase[16];
	char command[16];
	unsigned to, from, characters;
};

static bool next_row(FILE *f, const char *plan, struct row *row)
{
	char text[512];

	while (fgets(text, sizeof(text), f)) {
		if (sscanf(text, "%23[^,],%15[^,],%15[^,],%u,%u,%u", row->plan, row->phase,
			    row->command, &row->to, &row->from, &row->characters) == 6 &&
			strcmp(row->plan, plan) == 0) {
			return true;
		}
	}
	return false;
}

static const char *phase_of(const struct play *p, size_t line)
{
	for (size_t i = 0; i < p->n_phases; i++) {
		if (line < p->marks[i]) {
			return p->phases[i];
		}
	}
	return "none";
}

static void is_like_the_table(const struct play *p, const char *plan)
{
	FILE *f = fopen(WIRE, "re");
	struct row row;
	size_t i = 0;

	assert_non_null(f);
	while (next_row(f, plan, &row)) {
		_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
		const struct model_line *l = &p->m.lines[i];
		size_t to = l->len > 5 ? l->len - 5 : 0;

		assert_true(i < p->m.n_lines);
		hex_encode(&hex, view_of(l->command, 5));
		buf_put_u8(&hex, 0);
		if (strcasecmp((char *)hex.data, row.command) != 0 || to != row.to ||
			l->out != row.from || strcmp(phase_of(p, i), row.phase) != 0 ||
			apdu_characters(to, l->out, l->sw) != row.characters) {
			fail_msg(
				"%s, command %zu: %s %s, %zu and %zu bytes, SW %04X; the table "
				"says %s %s, %u and %u",
				plan, i + 1, phase_of(p, i), (char *)hex.data, to, l->out,
				l->sw, row.phase, row.command, row.to, row.from);
		}
		i++;
	}
	if (i == 0 || i != p->m.n_lines) {
		fail_msg("%s: %zu commands, the table has %zu", plan, p->m.n_lines, i);
	}
	assert_int_equal(fclose(f), 0);
}

static void a_vitale_is_unlocked_as_the_table_says(void **state)
{
	static struct play p;

	(void)state;
	vitale_unlock(&p);
	is_like_the_table(&p, "vitale");
	assert_true(p.m.n_lines <= 22);
	assert_true(model_characters(&p.m) <= 1350);
	model_forget_lines(&p.m);
	p.n_phases = 0;
	done(&p, "coverage", p.c.driver->read_protected(&p.c, &p.body));
	is_like_the_table(&p, "vitale-coverage");
	play_end(&p);
}

static void the_serial_of_a_vitale_alone_is_two_commands(void **state)
{
	struct view serial;
	static struct play p;

	(void)state;
	vitale_unlock(&p);
	model_forget_lines(&p.m);
	p.n_phases = 0;
	done(&p, "present", card_serial(&p.c, &serial));
	is_like_the_table(&p, "vitale-present");
	play_end(&p);
}

static void a_cps_is_unlocked_as_the_table_says(void **state)
{
	static const struct {
		void (*make)(struct model *m);
		bool first;
		const char *plan;
		const char *present;
		uint32_t most;
	} table[] = {
		{model_cps3, true, "cps3-first", "cps3-present", 9999},
		{model_cps3, false, "cps3-cached", "cps3-present", 1180},
		{model_cps4, true, "cps4-first", "cps4-present", 9999},
		{model_cps4, false, "cps4-cached", "cps4-present", 1120},
	};
	struct view serial;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		static struct play p;

		cps_unlock(&p, table[i].make, table[i].first);
		is_like_the_table(&p, table[i].plan);
		assert_true(table[i].first || p.m.n_lines <= 24);
		assert_true(model_characters(&p.m) <= table[i].most);
		model_forget_lines(&p.m);
		p.n_phases = 0;
		done(&p, "present", card_serial(&p.c, &serial));
		is_like_the_table(&p, table[i].present);
		play_end(&p);
	}
}

static void the_next_patient_costs_less(void **state)
{
	static const struct {
		void (*make)(struct model *m);
		const char *plan;
		uint32_t most;
	} table[] = {{model_cps3, "cps3-next", 900}, {model_cps4, "cps4-next", 840}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		static struct play p;

		cps_next(&p, table[i].make);
		is_like_the_table(&p, table[i].plan);
		assert_true(model_characters(&p.m) <= table[i].most);
		play_end(&p);
	}
}

/* The longest statement's last block, and a card that gives 231 bytes at once. */
static void the_budgets_hold_for_the_worst_card_too(void **state)
{
	static void (*const makes[])(struct model * m) = {model_cps3, model_cps4};
	static const uint32_t most[] = {1180, 1120};
	static const uint8_t directory[] = {1, 3};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		static struct play p;

		play_begin(&p, makes[i]);
		p.m.block = 231;
		p.signed_bytes = 192;
		model_put(&p.m, MODEL_ROOT, 0xD010, 0, MODEL_FREE,
			"EC128107202401020304058207202701020304"
			"05");
		recognise_and_open(&p, false);
		done(&p, "identify", p.c.driver->identify(&p.c, &p.body));
		enter_pin(&p);
		done(&p, "activities",
			p.c.driver->read_activities(&p.c, VIEW(directory), &p.body));
		exchange(&p);
		sign(&p);
		if (model_characters(&p.m) > most[i] || p.m.n_lines > 27) {
			fail_msg("%u characters, %zu TPDUs", model_characters(&p.m),
				p.m.n_lines);
		}
		play_end(&p);
	}
}

static void codes_cost_what_the_table_says(void **state)
{
	static const struct {
		void (*make)(struct model *m);
		bool unblock;
		const char *plan;
	} table[] = {
		{model_cps3, false, "cps3-change"},
		{model_cps3, true, "cps3-unblock"},
		{model_cps4, false, "cps4-change"},
		{model_cps4, true, "cps4-unblock"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		bool unblock = table[i].unblock;
		struct card_entry e = {
			.fds = {model_pipe(unblock ? "12345678" : "1234"), model_pipe("4321")}};
		static struct play p;

		play_begin(&p, table[i].make);
		recognise_and_open(&p, true);
		model_forget_lines(&p.m);
		p.n_phases = 0;
		done(&p, unblock ? "unblock" : "change",
			unblock ? p.c.driver->unblock_pin(&p.c, &e, &p.body)
				: p.c.driver->change_pin(&p.c, &e, &p.body));
		is_like_the_table(&p, table[i].plan);
		assert_string_equal(p.m.pin_now, "4321");
		close(e.fds[0]);
		close(e.fds[1]);
		play_end(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vitale_is_unlocked_as_the_table_says),
		cmocka_unit_test(the_serial_of_a_vitale_alone_is_two_commands),
		cmocka_unit_test(a_cps_is_unlocked_as_the_table_says),
		cmocka_unit_test(the_next_patient_costs_less),
		cmocka_unit_test(the_budgets_hold_for_the_worst_card_too),
		cmocka_unit_test(codes_cost_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
