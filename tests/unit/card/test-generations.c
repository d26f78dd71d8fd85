/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A new card generation is a table: two invented ones, which no program ships, are recognised, read
 * and used by the drivers as they are. Their names, classes, keys and files are others than those
 * of any shipped generation.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>
#include <unistd.h>

#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "drivers/card/vitale/vitale.h"
#include "tests/unit/card/model.h"

/* -- a Vitale of another year -------------------------------------------------------------- */

static const uint8_t name_new[] = {0xF0, 'V', 'I', 'T', 'A', '3'};
static const uint8_t name_new_root[] = {0xF0, 'R', 'O', 'O', 'T'};

static const struct card_atr new_vitale_atrs[] = {{"3B751300007?09EA9000", .score = 2}};

static const struct vitale_generation vitale_of_the_test = {
	.driver = {VITALE_FUNCTIONS, .generation = "vitale-of-the-test", .cla = 0x00,
		.role_key = 0x07, .atrs = new_vitale_atrs,
		.n_atrs = ARRAY_LEN(new_vitale_atrs)},
	.application = {.data = name_new, .len = sizeof(name_new)},
	.root = {.data = name_new_root, .len = sizeof(name_new_root)},
	.files =
		{
			[VITALE_IDENTITIES] = {.df = CARD_DF_APPLICATION,
				.fid = 0x6001,
				.tag = 0x65,
				.several = true},
			[VITALE_NUMBERS] = {.df = CARD_DF_APPLICATION,
				.sfi = 9,
				.tag = 0x65,
				.several = true},
			[VITALE_SERIAL] =
				{.df = CARD_DF_APPLICATION, .sfi = 10, .tag = 0x5A, .size = 12},
			[VITALE_CVC] = {.df = CARD_DF_APPLICATION,
				.name = "CVC_CA  ",
				.tag = 0x7F21},
			[VITALE_VALIDITY] = {.df = CARD_DF_ROOT, .fid = 0x6003, .tag = 0x66},
			[VITALE_COVERAGE] = {.df = CARD_DF_APPLICATION,
				.fid = 0x6004,
				.tag = 0xA6,
				.several = true},
			[VITALE_POINTERS] = {.df = CARD_DF_ROOT, .fid = 0x6005, .tag = 0xE0},
		},
};

static void move(
	struct model *m, uint16_t df, uint16_t fid, uint16_t to_df, uint16_t to, uint8_t sfi)
{
	struct model_file *f = model_find(m, df, fid);

	assert_non_null(f);
	f->df = to_df;
	f->fid = to;
	f->sfi = sfi;
}

static void make_new_vitale(struct model *m)
{
	model_vitale(m);
	m->base.atr[5] = 0x71;
	m->names[0] = "F05649544133";
	m->names[1] = "F0524F4F54";
	move(m, MODEL_ROOT, 0x2F82, MODEL_APP, 0x6001, 0);
	move(m, MODEL_APP, 0x2002, MODEL_APP, 0x6002, 9);
	move(m, MODEL_ROOT, 0x2F02, MODEL_APP, 0x6007, 10);
	move(m, MODEL_APP, 0x2003, MODEL_ROOT, 0x6003, 0);
	move(m, MODEL_APP, 0x2010, MODEL_APP, 0x6004, 0);
	move(m, MODEL_ROOT, 0x2F83, MODEL_APP, 0x6008, 0);
	model_remove(m, MODEL_APP, 0x2001);
	model_put(m, MODEL_ROOT, 0x6005, 0, MODEL_FREE,
		"E01CA00C820A00020000F05649544133800C4356435F4341202000026008");
}

/* -- a professional's card of another year ------------------------------------------------- */

static const uint8_t name_new_cps[] = {0xF0, 'C', 'P', 'S', '5'};

static const struct card_atr new_cps_atrs[] = {
	{"3BAC00402A0012250064800005", .score = 3},
	{"3B????????001225006480??05??009000", .score = 3},
};

static const struct cps_generation cps_of_the_test = {
	.driver = {CPS_FUNCTIONS, .generation = "cps-of-the-test", .cla = 0x02,
		.role_key = 0x11, .atrs = new_cps_atrs, .n_atrs = ARRAY_LEN(new_cps_atrs)},
	.application = {.data = name_new_cps, .len = sizeof(name_new_cps)},
	.selected = CARD_DF_APPLICATION,
	.reselect = true,
	.pin = {.ref = 0x01, .digits = 4, .tries = 3},
	.puk = {.ref = 0x02, .digits = 8, .tries = 10},
	.verify = {{APDU_VERIFY, 0x00, 0x01, CPS_CODE_OLD}},
	.change = {{APDU_CHANGE_REFERENCE_DATA, 0x00, 0x01, CPS_CODE_OLD | CPS_CODE_NEW}},
	.unblock = {{APDU_VERIFY, 0x00, 0x02, CPS_CODE_OLD},
		{APDU_RESET_RETRY_COUNTER, 0x02, 0x01, CPS_CODE_NEW}},
	.signature = {.sets = {{0x41, 0xB6, 3, {0x84, 0x01, 0x09}}}, .size = 256},
	.files =
		{
			[CPS_SERIAL] = {.df = CARD_DF_APPLICATION, .fid = 0x7003, .tag = 0x5A},
			[CPS_ACTUA] = {.df = CARD_DF_APPLICATION,
				.fid = 0x7010,
				.tag = 0xEC,
				.size = 20},
			[CPS_CERT_AUT] = {.df = CARD_DF_APPLICATION,
				.sfi = 3,
				.fid = 0x7102,
				.tag = 0x30},
			[CPS_CERT_SIG] = {.df = CARD_DF_APPLICATION,
				.fid = 0x7101,
				.tag = 0x30},
			[CPS_INFO] = {.df = CARD_DF_APPLICATION, .fid = 0x7104, .tag = 0xEF},
			[CPS_CVC] = {.df = CARD_DF_APPLICATION, .fid = 0x7103, .tag = 0x7F21},
			[CPS_ODF] = {.df = CARD_DF_APPLICATION, .fid = 0x7031},
			[CPS_ACTIVITY] = {.df = CARD_DF_APPLICATION,
				.fid = 0x7220,
				.tag = 0xEE},
		},
};

static void make_new_cps(struct model *m)
{
	model_cps3(m);
	m->base.atr[12] = 0x05;
	m->cla = 0x02;
	m->objects = false;
	m->names[0] = "F043505335";
	move(m, MODEL_ROOT, 0xD003, MODEL_APP, 0x7003, 0);
	move(m, MODEL_APP, 0xB001, MODEL_APP, 0x7101, 0);
	move(m, MODEL_APP, 0xB002, MODEL_APP, 0x7102, 0);
	move(m, MODEL_APP, 0xB003, MODEL_APP, 0x7103, 0);
	move(m, MODEL_APP, 0xD104, MODEL_APP, 0x7104, 0);
	move(m, MODEL_APP, 0xD120, MODEL_APP, 0x7220, 0);
	move(m, MODEL_APP, 0xD122, MODEL_APP, 0x7222, 0);
	model_remove(m, MODEL_APP, 0x5031);
}

/* -- used as any other --------------------------------------------------------------------- */

static struct model m;
static struct card c;
static const uint8_t pattern[64];

static const struct card_driver *const table[] = {
	&vitale_2.driver,
	&cps_3.driver,
	&cps_4.driver,
	&vitale_of_the_test.driver,
	&cps_of_the_test.driver,
};

static void begin(void (*make)(struct model *m), const struct card_driver *driver)
{
	make(&m);
	model_opened(&m, &c);
	c.drivers = table;
	c.n_drivers = ARRAY_LEN(table);
	assert_int_equal(card_recognise(&c), CARD_DONE);
	assert_ptr_equal(c.driver, driver);
	assert_int_equal(card_resume(&c, view_str(driver->kind), view_str(driver->generation),
				 transport_atr(&m.base)),
		CARD_DONE);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
}

static void has(const struct buf *body, uint32_t tag)
{
	struct tlv t;

	assert_int_equal(tlv_find(buf_view(body), tag, &t), 0);
}

static void an_invented_vitale_works_by_its_table_alone(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(65536);

	(void)state;
	begin(make_new_vitale, &vitale_of_the_test.driver);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	has(&body, LINK_TAG_SERIAL);
	has(&body, LINK_TAG_CVC);
	assert_int_equal(c.driver->keep_people(&c, &body), CARD_DONE);
	has(&body, LINK_TAG_VALID_FROM);
	assert_int_equal(c.driver->read_people(&c, &body), CARD_DONE);
	has(&body, LINK_TAG_PERSON);
	assert_int_equal(role_challenge(&c, view_of(pattern, 16), &body), CARD_DONE);
	assert_int_equal(model_sent(&m, "0022C1A415"), 1);
	m.role = true;
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_DONE);
	has(&body, LINK_TAG_COVERAGE);
	model_remove(&m, MODEL_APP, 0x6004); /* which POINTERS does not know either */
	assert_int_equal(c.driver->read_protected(&c, &body), CARD_ABSENT);
	end();
}

static void an_invented_cps_works_by_its_table_alone(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(65536);
	struct card_entry e = {.fds = {model_pipe("1234"), model_pipe("9876")}};

	(void)state;
	begin(make_new_cps, &cps_of_the_test.driver);
	assert_int_equal(c.driver->identify(&c, &body), CARD_DONE);
	assert_int_equal(c.driver->read_public(&c, &body), CARD_DONE);
	has(&body, LINK_TAG_CERT_AUT);
	has(&body, LINK_TAG_CERT_SIG);
	has(&body, LINK_TAG_CVC);
	has(&body, LINK_TAG_SPECIALITY);
	assert_int_equal(c.driver->change_pin(&c, &e, &body), CARD_DONE);
	assert_string_equal(m.pin_now, "9876");
	close(e.fds[0]);
	e.fds[0] = model_pipe("9876");
	assert_int_equal(c.driver->verify(&c, &e, &body), CARD_DONE);
	assert_int_equal(c.driver->read_activities(&c, VIEW_TEXT("\1\3"), &body), CARD_DONE);
	has(&body, LINK_TAG_ACTIVITY);
	assert_int_equal(c.driver->sign(&c, VIEW(pattern), &body), CARD_DONE);
	assert_int_equal(model_sent(&m, "022241B603840109"), 1);
	assert_int_equal(model_sent(&m, "00"), 0);
	close(e.fds[0]);
	close(e.fds[1]);
	end();
}

static void the_shipped_table_knows_nothing_of_them(void **state)
{
	(void)state;
	make_new_vitale(&m);
	model_opened(&m, &c);
	assert_int_equal(card_recognise(&c), CARD_UNKNOWN);
	end();
	make_new_cps(&m);
	model_opened(&m, &c);
	assert_int_equal(card_recognise(&c), CARD_UNKNOWN);
	for (size_t i = 0; i < card_n_drivers; i++) {
		assert_ptr_not_equal(card_drivers[i], &vitale_of_the_test.driver);
		assert_ptr_not_equal(card_drivers[i], &cps_of_the_test.driver);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_invented_vitale_works_by_its_table_alone),
		cmocka_unit_test(an_invented_cps_works_by_its_table_alone),
		cmocka_unit_test(the_shipped_table_knows_nothing_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
