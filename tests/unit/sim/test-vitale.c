/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/vitale.c: the files of a family as public readers walk them. */
#include <string.h>

#include "base/tlv.h"
#include "tests/unit/sim/scene.h"

#define SELECT_VITALE "00A4040C0BD250000002564954414C45"
#define SELECT_MF     "00A4040C0ED2500000024D465F564954414C45"
#define SELECT_ADELE  "00A4040C0CD2500000044164E86C650101"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"vitale-family", "vitale-single", "vitale-lunar", NULL};

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

static void serial_and_validity_are_free(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(
		play_send(&p, "00A40000023F00"), 0x6118); /* as a reader without AIDs does */
	assert_int_equal(play_send(&p, "00A4020C022F02"), 0x9000);
	assert_int_equal(play_send(&p, "00B000000C"), 0x9000);
	assert_answer_hex(&p, "5A0A9250000100000417FFFF");
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C022003"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x9000);
	assert_answer_hex(&p, "660A80083230323430323031");
	play_done(&p);
}

static void names_are_latin1_and_zero_padded(void **state)
{
	static const uint8_t surname[26] = "B\xC9RANGER";
	static const uint8_t given[19] = "Th\xE9o";
	struct tlv t, name;
	struct reader r;
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_fetch(&p, "00B0820000"), 0x9000);
	assert_true(p.answer.len <= 256);
	r = reader_of(buf_view(&p.answer));
	assert_int_equal(tlv_next(&r, &t), 0);
	assert_int_equal(t.tag, 0x65);
	assert_int_equal(tlv_find(t.value, 0x80, &name), 0);
	assert_true(view_equal(name.value, VIEW(surname)));
	assert_int_equal(tlv_find(t.value, 0x81, &name), 0);
	assert_true(view_equal(name.value, VIEW(given)));
	assert_int_equal(tlv_find(t.value, 0x82, &name), 0);
	assert_true(view_equal(name.value, VIEW_TEXT("19850514")));
	assert_int_equal(tlv_find(t.value, 0x94, &name), TLV_ABSENT);
	play_done(&p);
}

static void twins_share_a_number_and_differ_by_rank(void **state)
{
	struct view numbers[4], ranks[4] = {VIEW_NULL, VIEW_NULL, VIEW_NULL, VIEW_NULL};
	_cleanup_(buf_done) struct buf identities = BUF_NULL(512);
	struct tlv t, one;
	struct reader r;
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_fetch(&p, "00B0820000"), 0x9000);
	buf_put_view(&identities, buf_view(&p.answer));
	r = reader_of(buf_view(&identities));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
		if (tlv_find(t.value, 0x94, &one) == 0)
			ranks[i] = one.value;
	}
	assert_int_equal(r.left, 0);
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0820000"), 0x9000);
	r = reader_of(buf_view(&p.answer));
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
		assert_int_equal(tlv_find(t.value, 0x93, &one), 0);
		assert_int_equal(one.value.len, 15);
		numbers[i] = one.value;
	}
	assert_true(view_equal(numbers[0], numbers[2]));
	assert_true(view_equal(numbers[0], numbers[3]));
	assert_false(view_equal(numbers[0], numbers[1]));
	assert_int_equal(ranks[0].len + ranks[1].len, 0);
	assert_view_hex(ranks[2], "01");
	assert_view_hex(ranks[3], "02");
	play_done(&p);
}

static void pointers_list_every_folder_and_file(void **state)
{
	struct tlv whole, list, entry;
	unsigned folders = 0, files = 0;
	struct reader r;
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C022001"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x9000);
	assert_int_equal(tlv_find(buf_view(&p.answer), 0xE0, &whole), 0);
	r = reader_of(whole.value);
	assert_int_equal(tlv_next(&r, &list), 0);
	assert_int_equal(list.tag, 0xA0);
	while (tlv_next(&r, &entry) == 0) {
		assert_int_equal(entry.tag, 0x80);
		assert_int_equal(entry.value.len, 12);
		files++;
	}
	r = reader_of(list.value);
	while (tlv_next(&r, &entry) == 0) {
		assert_int_equal(entry.tag, 0x82);
		folders++;
	}
	assert_int_equal(folders, 3);
	assert_int_equal(files, 8);
	play_done(&p);
}

static void protected_files_stay_shut_without_a_role(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C022010"), 0x9000);
	assert_int_equal(play_send(&p, "00B0000000"), 0x6982);
	assert_int_equal(play_send(&p, "00A4020C022011"), 0x9000);
	assert_int_equal(play_send(&p, "00B0000000"), 0x6982);
	/* a patient's own role opens nothing */
	p.card->rights.role = true;
	p.card->rights.role_value = CVC_ROLE_PATIENT;
	assert_int_equal(play_send(&p, "00B0000000"), 0x6982);
	p.card->rights.role_value = 10;
	assert_int_equal(play_send(&p, "00B0000000"), 0x9000);
	/* the two folders of the application share the role, another application drops it */
	assert_int_equal(play_send(&p, SELECT_MF), 0x9000);
	assert_true(p.card->rights.role);
	assert_int_equal(play_send(&p, SELECT_ADELE), 0x9000);
	assert_false(p.card->rights.role);
	play_done(&p);
}

static void a_reset_drops_the_role(void **state)
{
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	p.card->rights.role = true;
	p.card->rights.role_value = 10;
	play_reset(&p);
	assert_false(p.card->rights.role);
	play_done(&p);
}

static void coverage_periods_name_their_beneficiary(void **state)
{
	struct play p;
	struct reader r;
	struct tlv t;
	uint8_t index;

	(void)state;
	play_start(&p, &scene, "vitale-family", 0);
	assert_int_equal(play_send(&p, SELECT_VITALE), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C022010"), 0x9000);
	p.card->rights.role = true;
	p.card->rights.role_value = 10;
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x9000);
	r = reader_of(buf_view(&p.answer));
	for (uint8_t i = 0; i < 4; i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
		assert_int_equal(t.tag, 0xA6);
		assert_int_equal(tlv_find_u8(t.value, 0x80, &index), 0);
		assert_int_equal(index, i);
		assert_int_equal(tlv_find(t.value, 0x81, &t), 0);
		assert_int_equal(t.value.len, 12);
	}
	play_done(&p);
}

static void lunar_dates_stand_as_they_are(void **state)
{
	static const char *const dates[] = {"19561332", "19611901", "20021332"};
	struct reader r;
	struct tlv t;
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-lunar", 0);
	assert_int_equal(play_fetch(&p, "00B0820000"), 0x9000);
	r = reader_of(buf_view(&p.answer));
	for (size_t i = 0; i < ARRAY_LEN(dates); i++) {
		assert_int_equal(tlv_next(&r, &t), 0);
		assert_int_equal(tlv_find(t.value, 0x82, &t), 0);
		assert_true(view_equal(t.value, view_str(dates[i])));
	}
	play_done(&p);
}

static void the_certificate_is_in_its_file(void **state)
{
	struct cvc c;
	struct play p;

	(void)state;
	play_start(&p, &scene, "vitale-single", 0);
	assert_int_equal(play_send(&p, SELECT_MF), 0x9000);
	assert_int_equal(play_send(&p, "00A4020C022F83"), 0x9000);
	assert_int_equal(play_fetch(&p, "00B0000000"), 0x9000);
	assert_int_equal(cvc_parse_whole(buf_view(&p.answer), &c), 0);
	assert_true(view_equal(c.chr, VIEW_TEXT("FRV0000052800001")));
	assert_int_equal(c.role, CVC_ROLE_PATIENT);
	play_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serial_and_validity_are_free),
		cmocka_unit_test(names_are_latin1_and_zero_padded),
		cmocka_unit_test(twins_share_a_number_and_differ_by_rank),
		cmocka_unit_test(pointers_list_every_folder_and_file),
		cmocka_unit_test(protected_files_stay_shut_without_a_role),
		cmocka_unit_test(a_reset_drops_the_role),
		cmocka_unit_test(coverage_periods_name_their_beneficiary),
		cmocka_unit_test(lunar_dates_stand_as_they_are),
		cmocka_unit_test(the_certificate_is_in_its_file),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
