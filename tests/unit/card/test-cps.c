/* SPDX-License-Identifier: EUPL-1.2 */
/* The drivers of CPS3 and CPS4 over replayed dialogues. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "tests/unit/card/dialogue.h"

#define CONFIRMED     "D80101"
#define NOT_CONFIRMED "D80100"

/* DATA of 22, 64 and 150 bytes: 00 01 02 ... */
#define BYTES_22 "000102030405060708090A0B0C0D0E0F101112131415"
#define BYTES_64                                                                               \
	BYTES_22 "161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3" \
		 "B3C3D"                                                                       \
		 "3E3F"
#define BYTES_150                                                                              \
	BYTES_64 "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F60616263646" \
		 "56667"                                                                       \
		 "68696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F808182838485868788898A8B8C8" \
		 "D8E8F"                                                                       \
		 "909192939495"
#define SIGN_22	 "DF2116" BYTES_22
#define SIGN_64	 "DF2140" BYTES_64
#define SIGN_150 "DF218196" BYTES_150

static void check_cps3(struct view body)
{
	text_is(body, LINK_TAG_KIND, "cps");
	text_is(body, LINK_TAG_GENERATION, "cps3");
}

static void check_cps4(struct view body)
{
	text_is(body, LINK_TAG_KIND, "cps");
	text_is(body, LINK_TAG_GENERATION, "cps4");
}

static void check_certificates(struct view body)
{
	struct tlv t;

	assert_int_equal(tlv_find(body, LINK_TAG_SERIAL, &t), 0);
	assert_int_equal(t.value.len, 10);
	assert_int_equal(tlv_find(body, LINK_TAG_CERT_AUT, &t), 0);
	assert_int_equal(t.value.len, 604);
	assert_int_equal(tlv_find(body, LINK_TAG_CERT_SIG, &t), 0);
	assert_int_equal(t.value.len, 512);
}

static void check_public(struct view body)
{
	struct tlv t;

	check_certificates(body);
	text_is(body, LINK_TAG_SPECIALITY, "SM26");
	assert_int_equal(tlv_find(body, LINK_TAG_CVC, &t), 0);
	assert_int_equal(t.value.len, 228);
}

static void check_public_with_dates(struct view body)
{
	check_public(body);
	text_is(body, LINK_TAG_ACTUA_FROM, "20240102030405");
	text_is(body, LINK_TAG_ACTUA_TO, "20270102030405");
}

static void check_no_stand_in(struct view body)
{
	struct tlv t;

	check_certificates(body);
	assert_int_equal(tlv_find(body, LINK_TAG_CVC, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(body, LINK_TAG_SPECIALITY, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(body, LINK_TAG_ACTUA_FROM, &t), TLV_ABSENT);
}

static void check_activities(struct view body)
{
	struct reader r = reader_of(body);
	struct tlv t;
	uint8_t index;

	assert_int_equal(tlv_next(&r, &t), 0);
	assert_int_equal(t.tag, LINK_TAG_ACTIVITY);
	assert_int_equal(tlv_find_u8(t.value, LINK_TAG_INDEX, &index), 0);
	assert_int_equal(index, 1);
	text_is(t.value, LINK_TAG_NAME, "Cabinet de la Forêt");
	text_is(t.value, LINK_TAG_STRUCTURE, "499700001");
	text_is(t.value, LINK_TAG_SECTOR, "SA07");
	assert_int_equal(tlv_next(&r, &t), 0);
	assert_int_equal(t.tag, LINK_TAG_ACTIVITY);
	assert_int_equal(tlv_find_u8(t.value, LINK_TAG_INDEX, &index), 0);
	assert_int_equal(index, 3); /* a gap */
	assert_int_equal(tlv_next(&r, &t), 0);
	assert_int_not_equal(t.tag, LINK_TAG_ACTIVITY);
}

static void check_signature(struct view body)
{
	struct tlv t;

	assert_int_equal(tlv_find(body, LINK_TAG_SIGNATURE, &t), 0);
	assert_int_equal(t.value.len, 256);
}

static void public_data_is_read_from_both_generations(void **state)
{
	static const struct scene cps3 = {"cps3-public", 1,
		{
			{CARD_OP_OPEN, CARD_DONE, OPEN_EXCLUSIVE, NULL, NULL, check_cps3},
			{.op = CARD_OP_READ_PUBLIC, .check = check_public_with_dates},
			{.op = CARD_OP_READ_PEOPLE, .outcome = CARD_ABSENT},
			{.op = CARD_OP_READ_PROTECTED, .outcome = CARD_ABSENT},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&cps3);
}

static void a_consultation_with_a_cps3(void **state)
{
	static const struct scene scene = {"cps3-consultation", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_PIN_STATE, .answer = "D60103D70100"},
			{.op = CARD_OP_SIGN, .outcome = CARD_DENIED, .request = SIGN_22},
			{.op = CARD_OP_READ_ACTIVITIES, .outcome = CARD_DENIED},
			{.op = CARD_OP_VERIFY,
				.request = NOT_CONFIRMED,
				.pin = "1234",
				.answer = "D60103"},
			{.op = CARD_OP_READ_ACTIVITIES, .check = check_activities},
			{.op = CARD_OP_SIGN, .request = SIGN_150, .check = check_signature},
			{.op = CARD_OP_SIGN, .request = SIGN_64, .check = check_signature},
			{.op = CARD_OP_SIGN, .outcome = CARD_REFUSED, .request = "DF2100"},
			{.op = CARD_OP_SIGN, .outcome = CARD_REFUSED},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.request = DATA_40,
				.answer = SIGNATURE},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_consultation_with_a_cps4_over_both_protocols(void **state)
{
	static const char *const dialogues[] = {"cps4-t1", "cps4-t0"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		play(&(struct scene){dialogues[i], 2,
			{
				{CARD_OP_OPEN, CARD_DONE, OPEN_EXCLUSIVE, NULL, NULL,
					check_cps4},
				{.op = CARD_OP_READ_PUBLIC, .check = check_public},
				{.op = CARD_OP_PIN_STATE, .answer = "D60103D70100"},
				{.op = CARD_OP_VERIFY, .pin = "1234", .answer = "D60103"},
				{.op = CARD_OP_PIN_STATE, .answer = "D60103D70101"},
				{.op = CARD_OP_SIGN,
					.request = SIGN_150,
					.check = check_signature},
				{.op = CARD_OP_INTERNAL_AUTHENTICATE,
					.request = DATA_40,
					.answer = SIGNATURE},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void a_card_may_leave_at_any_command(void **state)
{
	static const struct scene scenes[] = {
		{"cps3-public", 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_READ_PUBLIC},
			}},
		{"cps3-directory", 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_READ_PUBLIC},
			}},
		{"cps3-consultation", 2,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_PIN_STATE},
				{.op = CARD_OP_VERIFY, .pin = "1234"},
				{.op = CARD_OP_READ_ACTIVITIES},
				{.op = CARD_OP_SIGN, .request = SIGN_150},
				{.op = CARD_OP_SIGN, .request = SIGN_64},
				{.op = CARD_OP_INTERNAL_AUTHENTICATE, .request = DATA_40},
			}},
		{"cps4-t1", 2,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_READ_PUBLIC},
				{.op = CARD_OP_PIN_STATE},
				{.op = CARD_OP_VERIFY, .pin = "1234"},
				{.op = CARD_OP_PIN_STATE},
				{.op = CARD_OP_SIGN, .request = SIGN_150},
				{.op = CARD_OP_INTERNAL_AUTHENTICATE, .request = DATA_40},
			}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++) {
		play_broken(&scenes[i], "! gone", CARD_GONE, true);
		play_broken(&scenes[i], "! fault", CARD_FAILED, false);
		play_broken(&scenes[i], "< 6F00", CARD_BROKEN, false);
	}
}

static void pin_wrong_leaves_two_tries(void **state)
{
	static const struct scene scene = {"cps3-wrong-pin", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_WRONG,
				.pin = "9999",
				.answer = "D60102"},
			{.op = CARD_OP_SIGN, .outcome = CARD_DENIED, .request = SIGN_22},
			{.op = CARD_OP_VERIFY, .pin = "1234", .answer = "D60103"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void the_last_try_needs_a_confirmation(void **state)
{
	static const struct scene scene = {"cps3-last-try", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_LAST,
				.request = NOT_CONFIRMED,
				.pin = "9999",
				.answer = "D60101"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_BLOCKED,
				.request = CONFIRMED,
				.pin = "9999",
				.answer = "D60100"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_BLOCKED,
				.request = CONFIRMED,
				.pin = "9999",
				.answer = "D60100"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_blocked_pin_is_sent_nothing(void **state)
{
	static const struct scene scene = {"cps3-blocked", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_BLOCKED,
				.request = CONFIRMED,
				.pin = "1234",
				.answer = "D60100"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void what_is_no_pin_is_never_sent(void **state)
{
	static const struct scene scene = {"cps3-refused-pins", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = ""},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "123"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "12345"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "123a"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "/234"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "1234\n"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_REFUSED,
				.request = "D8020101",
				.pin = "1234"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_verify_whose_answer_got_lost_is_not_sent_again(void **state)
{
	static const struct scene lost = {"cps3-pin-lost", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY, .outcome = CARD_MUTE, .pin = "1234"},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_CLOSE},
		}};
	static const struct scene uncounted = {"cps3-pin-uncounted", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_WRONG,
				.pin = "9999",
				.answer = "DF2304"},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&lost);
	play(&uncounted);
}

static void a_pin_whose_state_is_unknown_is_not_tried(void **state)
{
	static const struct scene cps3 = {"cps3-no-pin-object", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY, .outcome = CARD_ABSENT, .pin = "1234"},
			{.op = CARD_OP_PIN_STATE, .outcome = CARD_BROKEN},
			{.op = CARD_OP_PIN_STATE, .outcome = CARD_BROKEN},
			{.op = CARD_OP_PIN_STATE, .outcome = CARD_ABSENT},
			{.op = CARD_OP_CLOSE},
		}};
	static const struct scene cps4 = {"cps4-blocked", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_PIN_STATE, .answer = "D60100D70100"},
			{.op = CARD_OP_PIN_STATE, .outcome = CARD_ABSENT},
			{.op = CARD_OP_PIN_STATE, .answer = "D60100D70100"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&cps3);
	play(&cps4);
}

static void read_public_ends(const char *dialogue, uint8_t outcome)
{
	play(&(struct scene){dialogue, 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .outcome = outcome},
			{.op = CARD_OP_CLOSE},
		}});
}

static void dates_that_are_not_whole_make_the_card_unusable(void **state)
{
	static const char *const dialogues[] = {"cps3-actua-cut", "cps3-actua-empty",
		"cps3-actua-letters", "cps3-actua-other", "cps3-actua-short"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		read_public_ends(dialogues[i], CARD_BROKEN);
	}
}

static void certificates_are_found_by_the_cards_own_directory(void **state)
{
	static const struct scene scene = {"cps3-directory", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .check = check_no_stand_in},
			{.op = CARD_OP_CLOSE},
		}};

	static const struct {
		const char *dialogue;
		uint8_t outcome;
	} table[] = {
		{"cps3-directory-relative-long", CARD_ABSENT},
		{"cps3-directory-path-long", CARD_BROKEN},
		{"cps3-directory-entry-empty", CARD_BROKEN},
		{"cps3-directory-cdf-cut", CARD_BROKEN},
		{"cps3-directory-none", CARD_ABSENT},
		{"cps3-directory-odf", CARD_ABSENT},
		{"cps3-directory-odf-broken", CARD_BROKEN},
		{"cps3-directory-relative", CARD_ABSENT},
		{"cps3-directory-odd", CARD_ABSENT},
		{"cps3-directory-cdf-absent", CARD_ABSENT},
		{"cps3-directory-other", CARD_ABSENT},
		{"cps3-directory-entry-short", CARD_BROKEN},
		{"cps3-directory-entry-no-id", CARD_ABSENT},
		{"cps3-directory-entry-id-cut", CARD_BROKEN},
		{"cps3-directory-entry-id-empty", CARD_ABSENT},
		{"cps3-directory-entry-no-path", CARD_ABSENT},
	};

	(void)state;
	play(&scene);
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		read_public_ends(table[i].dialogue, table[i].outcome);
	}
}

static void professional_data_may_lack_a_speciality_but_not_be_cut(void **state)
{
	(void)state;
	play(&(struct scene){"cps3-info-none", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .check = check_no_stand_in},
			{.op = CARD_OP_CLOSE},
		}});
	read_public_ends("cps3-info-cut", CARD_BROKEN);
}

static void certificates_that_lie_about_their_length_are_broken(void **state)
{
	(void)state;
	read_public_ends("cps3-certificate-cut", CARD_BROKEN);
	read_public_ends("cps3-certificate-endless", CARD_BROKEN);
}

static void blocks_of_231_are_learned_once(void **state)
{
	static const struct scene scene = {"cps3-blocks-of-231", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .check = check_public},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_SIGN, .request = SIGN_22, .check = check_signature},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void answers_of_another_size_or_shape_are_broken(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t op;
		uint8_t outcome;
	} table[] = {
		{"cps3-signature-short", CARD_OP_SIGN, CARD_BROKEN},
		{"cps3-activity-broken", CARD_OP_READ_ACTIVITIES, CARD_BROKEN},
		{"cps3-pin-dropped", CARD_OP_READ_ACTIVITIES, CARD_DENIED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 2,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_VERIFY, .pin = "1234"},
				{.op = table[i].op,
					.outcome = table[i].outcome,
					.request = SIGN_22},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void a_reset_takes_every_right_away(void **state)
{
	static const struct scene scene = {"cps3-reset", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_RESET},
			{.op = CARD_OP_SIGN, .outcome = CARD_DENIED, .request = SIGN_22},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_card_that_is_another_one_after_a_reset_is_gone(void **state)
{
	static const struct scene other_kind = {"cps3-reset-other-kind", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_RESET},
			{.op = CARD_OP_PRESENT, .outcome = CARD_GONE},
			{.op = CARD_OP_PRESENT, .outcome = CARD_GONE},
			{.op = CARD_OP_CLOSE},
		}};
	static const char *const dialogues[] = {"cps3-reset-gone", "cps3-reset-other"};

	(void)state;
	play(&other_kind);
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		play(&(struct scene){dialogues[i], 1,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_RESET, .outcome = CARD_GONE},
				{.op = CARD_OP_PRESENT, .outcome = CARD_GONE},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

static void on_a_shared_connection_a_signature_ends_the_right(void **state)
{
	static const struct scene scene = {"cps4-sharing", 1,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_SHARED},
			{.op = CARD_OP_VERIFY, .pin = "1234"},
			{.op = CARD_OP_SIGN, .request = SIGN_150, .check = check_signature},
			{.op = CARD_OP_SIGN, .outcome = CARD_DENIED, .request = SIGN_150},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_card_of_the_family_that_no_list_has_is_tried(void **state)
{
	static const struct scene scene = {"cps-unknown-family", 1,
		{
			{CARD_OP_OPEN, CARD_DONE, OPEN_EXCLUSIVE, NULL, NULL, check_cps4},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(public_data_is_read_from_both_generations),
		cmocka_unit_test(a_consultation_with_a_cps3),
		cmocka_unit_test(a_consultation_with_a_cps4_over_both_protocols),
		cmocka_unit_test(a_card_may_leave_at_any_command),
		cmocka_unit_test(pin_wrong_leaves_two_tries),
		cmocka_unit_test(the_last_try_needs_a_confirmation),
		cmocka_unit_test(a_blocked_pin_is_sent_nothing),
		cmocka_unit_test(what_is_no_pin_is_never_sent),
		cmocka_unit_test(a_verify_whose_answer_got_lost_is_not_sent_again),
		cmocka_unit_test(a_pin_whose_state_is_unknown_is_not_tried),
		cmocka_unit_test(dates_that_are_not_whole_make_the_card_unusable),
		cmocka_unit_test(certificates_are_found_by_the_cards_own_directory),
		cmocka_unit_test(professional_data_may_lack_a_speciality_but_not_be_cut),
		cmocka_unit_test(certificates_that_lie_about_their_length_are_broken),
		cmocka_unit_test(blocks_of_231_are_learned_once),
		cmocka_unit_test(answers_of_another_size_or_shape_are_broken),
		cmocka_unit_test(a_reset_takes_every_right_away),
		cmocka_unit_test(a_card_that_is_another_one_after_a_reset_is_gone),
		cmocka_unit_test(on_a_shared_connection_a_signature_ends_the_right),
		cmocka_unit_test(a_card_of_the_family_that_no_list_has_is_tried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
