/* SPDX-License-Identifier: EUPL-1.2 */
/* Whole dialogues through the requests of the broker and the real drivers. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/dialogue.h"

#define CONFIRMED "D80101"
#define DIRECTORY "DF2D020103"

/* DATA of 64 and 150 bytes: 00 01 02 ... */
#define BYTES_64                                                                               \
	"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"                     \
	"202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F"
#define SIGN_64 "DF2140" BYTES_64
#define SIGN_150                                                                               \
	"DF218196" BYTES_64 "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F" \
	"606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F"                     \
	"808182838485868788898A8B8C8D8E8F909192939495"

static size_t count(struct view body, uint32_t tag)
{
	struct reader r = reader_of(body);
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		n += t.tag == tag ? 1 : 0;
	}
	return n;
}

static void certificate_and_serial(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_CVC), 1);
	assert_int_equal(count(body, LINK_TAG_SERIAL), 1);
	assert_int_equal(count(body, LINK_TAG_VALID_FROM), 0);
}

static void nobody(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_PERSON), 0);
}

static void four_people(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_PERSON), 4);
	assert_int_equal(count(body, LINK_TAG_VALID_FROM), 0);
}

static void four_periods(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_COVERAGE), 4);
}

static void two_activities(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_ACTIVITY), 2);
}

static void public_files(struct view body)
{
	assert_int_equal(count(body, LINK_TAG_CERT_AUT), 1);
	assert_int_equal(count(body, LINK_TAG_CERT_SIG), 1);
	assert_int_equal(count(body, LINK_TAG_CVC), 1);
	text_is(body, LINK_TAG_SPECIALITY, "SM26");
	text_is(body, LINK_TAG_DIRECTORY, "\1\3");
}

static void a_vitale_is_read_and_proves_itself(void **state)
{
	static const struct scene scene = {"vitale-family", 2,
		{
			{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
			{.op = CARD_OP_READ_PUBLIC, .check = certificate_and_serial},
			{.op = CARD_OP_KEEP_PEOPLE,
				.answer = "CA083230323430323031",
				.check = nobody},
			{.op = CARD_OP_KEEP_PEOPLE, .answer = "CA083230323430323031"},
			{.op = CARD_OP_READ_PEOPLE, .check = four_people},
			{.op = CARD_OP_CHECK_CERTIFICATE, .request = CAR_NAME CVC_OBJECT},
			{.op = CARD_OP_CHALLENGE,
				.request = CHR_NAME,
				.answer = "DF2110000102"},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.request = DATA_24,
				.answer = SIGNATURE},
			{.op = CARD_OP_EXTERNAL_AUTHENTICATE, .request = SIGNATURE},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.request = DATA_40,
				.answer = SIGNATURE},
			{.op = CARD_OP_READ_PROTECTED, .check = four_periods},
			{.op = CARD_OP_PRESENT},
			{.op = CARD_OP_VERIFY, .outcome = CARD_ABSENT, .pin = "1234"},
			{.op = CARD_OP_CHANGE_PIN, .outcome = CARD_ABSENT, .pin = "1234+4321"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	play(&scene);
}

static void a_professionals_card_from_its_files_to_its_puk(void **state)
{
	static const char *const dialogues[] = {"cps3-consultation", "cps4-t0", "cps4-t1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(dialogues); i++) {
		play(&(struct scene){dialogues[i], 2,
			{
				{.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE},
				{.op = CARD_OP_IDENTIFY, .answer = "C90A80250000019900"},
				{.op = CARD_OP_READ_PUBLIC, .check = public_files},
				{.op = CARD_OP_PIN_STATE, .answer = "D60103D70100"},
				{.op = CARD_OP_SIGN,
					.outcome = CARD_DENIED,
					.request = SIGN_64},
				{.op = CARD_OP_VERIFY, .pin = "1234", .answer = "D60103"},
				{.op = CARD_OP_READ_ACTIVITIES,
					.request = DIRECTORY,
					.check = two_activities},
				{.op = CARD_OP_READ_ACTIVITIES, .check = two_activities},
				{.op = CARD_OP_CHECK_CERTIFICATE,
					.request = CAR_NAME CVC_OBJECT},
				{.op = CARD_OP_CHALLENGE, .request = CHR_NAME},
				{.op = CARD_OP_INTERNAL_AUTHENTICATE,
					.request = DATA_24,
					.answer = SIGNATURE},
				{.op = CARD_OP_EXTERNAL_AUTHENTICATE, .request = SIGNATURE},
				{.op = CARD_OP_SIGN, .request = SIGN_150},
				{.op = CARD_OP_SIGN, .request = SIGN_64},
				{.op = CARD_OP_PRESENT},
				{.op = CARD_OP_CHANGE_PIN,
					.pin = "1234+4321",
					.answer = "D60103"},
				{.op = CARD_OP_UNBLOCK_PIN,
					.request = CONFIRMED,
					.pin = "12345678+1234",
					.answer = "D6010A"},
				{.op = CARD_OP_SIGN,
					.outcome = CARD_DENIED,
					.request = SIGN_64},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vitale_is_read_and_proves_itself),
		cmocka_unit_test(a_professionals_card_from_its_files_to_its_puk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
