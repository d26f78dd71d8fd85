/* SPDX-License-Identifier: EUPL-1.2 */
/* The pure parts of both families over tables: numbers, templates, POINTERS, PKCS#15,
 * EF_ACTUA. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "drivers/card/vitale/vitale.h"

/* Blanks between bytes are free. */
static void put_hex(struct buf *b, const char *text)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(65536);

	for (const char *p = text; *p; p++) {
		if (*p != ' ') {
			buf_put_u8(&digits, (uint8_t)*p);
		}
	}
	assert_int_equal(hex_decode(b, buf_view(&digits)), 0);
}

/* -- NIR ----------------------------------------------------------------------------------- */

static void a_nir_is_known_by_its_key(void **state)
{
	static const struct {
		const char *nir;
		bool valid;
	} table[] = {
		{"299019999900157", true},
		{"299019999900158", false},
		{"199012A99900334", true}, /* 2A as 19 */
		{"199012A99900335", false},
		{"199012B99900361", true},  /* 2B as 18 */
		{"199013A99900334", false}, /* A only behind a 2 */
		{"19901A299900334", false},
		{"199012C99900334", false},
		{"19901299900334", false},   /* short */
		{"1990199999001577", false}, /* long */
		{"2990199999001X7", false},
		{"29901999990015X", false},
		{"29901999990015/", false},
		{"555555999999997", false},
		{"000000000000097", false}, /* no such first digit, though the key is right */
		{"900000000000000", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (nir_valid(view_str(table[i].nir)) != table[i].valid) {
			fail_msg("%s", table[i].nir);
		}
	}
}

/* Sexes, provisional numbers (3, 4, 7, 8), passing patients (5, 6), the agricultural 555555. */
static void every_kind_of_number_has_a_key(void **state)
{
	static const uint64_t numbers[] = {1850500990001, 2871100990002, 3850500990001,
		4850500990001, 5555550000001, 6850500990001, 7850500990001, 8850500990001,
		9850500990001};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(32);
		unsigned key = (unsigned)(97 - numbers[i] % 97);

		buf_printf(&text, "%013llu%02u", (unsigned long long)numbers[i], key);
		assert_int_equal(nir_valid(buf_view(&text)), i + 1 < ARRAY_LEN(numbers));
		text.data[14] = text.data[14] == '9' ? '8' : (uint8_t)(text.data[14] + 1);
		assert_false(nir_valid(buf_view(&text)));
	}
}

/* -- templates ----------------------------------------------------------------------------- */

#define WHO "651080014181014282083230303030313031"

/* 65 { 80 "A" 81 "B" 82 "20000101" } and its number, with one thing changed at a time */
static void templates_that_are_not_whole_are_broken(void **state)
{
	static const struct {
		const char *identities;
		const char *numbers;
		int r;
	} table[] = {
		{"65108001418101428208323030303030303165", "6500", CARD_BROKEN},
		{WHO, "6500", 0},
		{WHO, "65059003465241", 0},
		{WHO, "00650000", 0},
		{WHO, "", 0}, /* a card without numbers */
		{WHO WHO, "", 0},
		{WHO, "00", CARD_BROKEN}, /* a file of numbers, and none in it */
		{"A1006510800141810142820832303030303130310000", "6500", 0},
		{"650D8101428208323030303031303100", "6500", CARD_BROKEN},     /* no 80 */
		{"650D80014182083230303030313031", "6500", CARD_BROKEN},       /* no 81 */
		{"6506800141810142", "6500", CARD_BROKEN},		       /* no 82 */
		{"650E8001418101428206303030313031", "6500", 0},	       /* no century */
		{"650F800141810142820730303030313031", "6500", CARD_BROKEN},   /* 7 digits */
		{"651080014181014282083230303030313041", "6500", CARD_BROKEN}, /* a letter */
		{"65108001418101428208323030303031302F", "6500", CARD_BROKEN},
		{"651080014181014282083230303031333332", "6500", 0}, /* lunar */
		{"651380014181014282083230303030313031940101", "6500", 0},
		{"6514800141810142820832303030303130319402"
		 "0101",
			"6500", CARD_BROKEN},
		{"651280014181014282083230303030313031 8005", "6500", CARD_BROKEN},
		{"651280014181014282083230303030313031 9401", "6500", CARD_BROKEN},
		{WHO, "65029005", CARD_BROKEN},
		{WHO, "65039305", CARD_BROKEN},
		{WHO WHO, "6500", CARD_BROKEN},
		{WHO, "65006500", CARD_BROKEN},
		{"", "6500", CARD_BROKEN},
		{"", "", CARD_BROKEN},
		{"6581", "6500", CARD_BROKEN},
		{"6581", "", CARD_BROKEN},
		{WHO, "65FF", CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf a = BUF_NULL(256);
		_cleanup_(buf_done) struct buf b = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(1024);
		int r;

		put_hex(&a, table[i].identities);
		put_hex(&b, table[i].numbers);
		r = vitale_people(buf_view(&a), buf_view(&b), &body);
		if (r != table[i].r) {
			fail_msg("row %zu: %d", i, r);
		}
	}
}

static void only_a_number_with_its_key_is_passed_on(void **state)
{
	static const struct {
		const char *number;
		int r;
	} table[] = {
		{"6511930F323939303139393939393030313537", 0},
		{"6511930F323939303139393939393030313538", TLV_ABSENT},
		{"6511930F202020202020202020202020202020", TLV_ABSENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf a = BUF_NULL(256);
		_cleanup_(buf_done) struct buf b = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(1024);
		struct tlv person;
		struct tlv t;

		put_hex(&a, WHO);
		put_hex(&b, table[i].number);
		assert_int_equal(vitale_people(buf_view(&a), buf_view(&b), &body), 0);
		assert_int_equal(tlv_find(buf_view(&body), LINK_TAG_PERSON, &person), 0);
		assert_int_equal(tlv_find(person.value, LINK_TAG_NIR, &t), table[i].r);
	}
}

static void more_people_than_a_card_can_hold_are_broken(void **state)
{
	_cleanup_(buf_done) struct buf a = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf b = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf body = BUF_NULL(8192);

	(void)state;
	for (size_t i = 0; i <= VITALE_PEOPLE_MAX; i++) {
		put_hex(&a, WHO);
		put_hex(&b, "6500");
		if (i + 1 == VITALE_PEOPLE_MAX) {
			assert_int_equal(vitale_people(buf_view(&a), buf_view(&b), &body), 0);
		}
	}
	assert_int_equal(vitale_people(buf_view(&a), buf_view(&b), &body), CARD_BROKEN);
}

static void periods_that_are_not_whole_are_broken(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"", 0}, {"0000", 0}, {"A60C800100810130820130830130 840130", CARD_BROKEN},
		{"A60F800100810130820130830130840130", 0},
		{"A50100A60F8001008101308201308301308401300000", 0},
		{"A60C810130820130830130840130", CARD_BROKEN},	     /* no index */
		{"A610800200008101308201308301308401", CARD_BROKEN}, /* cut */
		{"A610800200008101308201308301308401 30", CARD_BROKEN},
		{"A60C800100820130830130840130", CARD_BROKEN}, /* no start */
		{"A60C800100810130830130840130", CARD_BROKEN}, /* no end */
		{"A60C800100810130820130840130", CARD_BROKEN}, /* no ALD */
		{"A60C800100810130820130830130", CARD_BROKEN}, /* no situation */
	};
	_cleanup_(buf_done) struct buf many = BUF_NULL(8192);
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(1024);

		put_hex(&file, table[i].file);
		if (vitale_periods(buf_view(&file), &body) != table[i].r) {
			fail_msg("row %zu", i);
		}
	}
	for (size_t i = 0; i <= VITALE_PERIODS_MAX; i++) {
		put_hex(&many, "A60F800100810130820130830130840130");
	}
	assert_int_equal(vitale_periods(buf_view(&many), &out), CARD_BROKEN);
}

/* -- POINTERS ------------------------------------------------------------------------------ */

#define VITALE_NAME "D250000002564954414C45"
#define FOLDER                                                                                 \
	"820F"                                                                                 \
	"00020000" VITALE_NAME
#define ENTRY                                                                                  \
	"800C"                                                                                 \
	"56414C4944495445"                                                                     \
	"0002"                                                                                 \
	"2003"

static void pointers_say_where_a_file_is(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"E021 A011" FOLDER ENTRY, 0},
		{"E025 A013 0000" FOLDER "8500" ENTRY, 0},
		{"E025 A013 8500" FOLDER "0000" ENTRY "0000", 0},
		{"E0812F A011" FOLDER "800C5858585858585858 0002 9999" ENTRY, 0},
		{"E021 A011 820F 00030000" VITALE_NAME ENTRY, CARD_ABSENT}, /* no such folder */
		{"E013 A011" FOLDER, CARD_ABSENT},			    /* no such file */
		{"E010 A000" ENTRY, CARD_ABSENT},
		{"E00E" ENTRY, CARD_BROKEN}, /* no folders at all */
		{"E000", CARD_BROKEN},
		{"", CARD_BROKEN},
		{"A011" FOLDER, CARD_BROKEN},
		{"E0FF", CARD_BROKEN},
		{"E021 A012" FOLDER ENTRY, CARD_BROKEN},
		{"E020 A011" FOLDER "800B 56414C4944495445 0002 20", CARD_BROKEN},
		{"E022 A011" FOLDER "800D 56414C4944495445 0002 2003 00", CARD_BROKEN},
		{"E015 A004 8202 0002"
		 "800C"
		 "56414C4944495445"
		 "0002"
		 "2003"
		 "00",
			CARD_BROKEN},
		{"E014 A006 8204 00020000" ENTRY, CARD_BROKEN}, /* a folder without a name */
		{"E027 A017 8215 00020000 0102030405060708090A0B0C0D0E0F1011" ENTRY,
			CARD_BROKEN},		      /* a name of 17 bytes */
		{"E023 A013" FOLDER "82FF" ENTRY, 0}, /* found before what is broken */
		{"E023 A013 82FF" FOLDER ENTRY, CARD_BROKEN},
		{"E015 A011" FOLDER "80FF", CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(256);
		_cleanup_(buf_done) struct buf name = BUF_NULL(32);
		struct pointer p = {.fid = 0};
		int r;

		put_hex(&file, table[i].file);
		put_hex(&name, VITALE_NAME);
		r = pointers_find(buf_view(&file), "VALIDITE", &p);
		if (r != table[i].r) {
			fail_msg("%s: %d", table[i].file, r);
		}
		assert_int_equal(p.fid, r == 0 ? 0x2003 : 0);
		assert_true(r != 0 || view_equal(p.aid, buf_view(&name)));
	}
}

/* -- EF_ACTUA ------------------------------------------------------------------------------ */

static void dates_after_issue_are_whole_or_the_card_is_unusable(void **state)
{
	static const struct {
		const char *file;
		int r;
	} table[] = {
		{"EC12 8107 20240102030405 8207 20270102030405", 0},
		{"EC12 8207 20270102030405 8107 20240102030405 FFFF", 0},
		{"EC12 8107 20240102030405 8207 2027010203040F", CARD_UNUSABLE},
		{"EC12 8107 20240102030405 8207 FFFFFFFFFFFFFF", CARD_UNUSABLE},
		{"EC14 8109 202401020304050607 8207 20270102030405", CARD_UNUSABLE},
		{"EC24 8118 202401020304050607 202401020304050607 202401020304 8107 "
		 "2024010203040506",
			CARD_UNUSABLE},
		{"EC09 8107 20240102030405", CARD_UNUSABLE},
		{"EC09 8207 20240102030405", CARD_UNUSABLE},
		{"EC00", CARD_UNUSABLE},
		{"EC", CARD_UNUSABLE},
		{"", CARD_UNUSABLE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(256);
		_cleanup_(buf_done) struct buf body = BUF_NULL(256);

		put_hex(&file, table[i].file);
		if (actua_parse(buf_view(&file), &body) != table[i].r) {
			fail_msg("%s", table[i].file);
		}
	}
}

/* -- PKCS#15 ------------------------------------------------------------------------------- */

static void path_is(
	int r, int outcome, const struct buf *path, const char *hex, const char *row)
{
	_cleanup_(buf_done) struct buf want = BUF_NULL(64);

	if (r != outcome) {
		fail_msg("%s: %d", row, r);
	}
	put_hex(&want, hex);
	assert_true(r != 0 || view_equal(buf_view(path), buf_view(&want)));
}

static void a_directory_is_found_in_the_object_directory(void **state)
{
	static const struct {
		const char *odf;
		int r;
	} table[] = {
		{"A80A 30080406 3F0000017001 A70A 30080406 3F0000017006", 0},
		{"A70C 300A0406 3F0000017006 0201", 0},	  /* cut behind the path */
		{"A70D 300B0406 3F0000017006 020100", 0}, /* a path with an index */
		{"A80A 30080406 3F0000017001", CARD_ABSENT},
		{"A700", CARD_ABSENT},
		{"A702 3000", CARD_ABSENT},
		{"A706 30040402 7006", CARD_ABSENT}, /* relative */
		{"A708 30060404 00017006", CARD_ABSENT},
		{"A707 30050403 3F0000", CARD_ABSENT}, /* odd */
		{"A704 30020400", CARD_ABSENT},
		{"A70A 30090406 3F0000017006", CARD_BROKEN},
		{"A7FF", CARD_BROKEN},
		{"", CARD_ABSENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf odf = BUF_NULL(256);
		_cleanup_(buf_done) struct buf path = BUF_NULL(64);

		put_hex(&odf, table[i].odf);
		path_is(pkcs15_find_directory(buf_view(&odf), 0xA7, &path), table[i].r, &path,
			"3F0000017006", table[i].odf);
	}
}

static void a_path_longer_than_a_command_is_broken(void **state)
{
	_cleanup_(buf_done) struct buf odf = BUF_NULL(1024);
	_cleanup_(buf_done) struct buf path = BUF_NULL(255);
	size_t a = tlv_open(&odf, 0xA7);
	size_t b = tlv_open(&odf, 0x30);
	size_t c = tlv_open(&odf, 0x04);

	(void)state;
	for (size_t i = 0; i < 150; i++) {
		buf_put_u16(&odf, 0x3F00);
	}
	tlv_close(&odf, c);
	tlv_close(&odf, b);
	tlv_close(&odf, a);
	assert_int_equal(pkcs15_find_directory(buf_view(&odf), 0xA7, &path), CARD_BROKEN);
}

#define FLAGS	 "3004 0302FF80" /* label left out; the bit string breaks DER */
#define AT(path) "A10C 300A 3008 0406" path

static void a_certificate_is_found_by_the_last_byte_of_its_name(void **state)
{
	static const struct {
		const char *cdf;
		int r;
	} table[] = {
		{"3019" FLAGS "3003040102" AT("3F000001C002"), 0},
		{"3019" FLAGS "3003040120" AT("3F000001C002"),
			0}, /* as the official software */
		{"3019" FLAGS "3003040101" AT("3F000001C001") "0000"
							      "3019" FLAGS
							      "3003040102" AT("3F000001C002"),
			0},
		{"301A" FLAGS "30040402FF02" AT("3F000001C002"), 0},
		{"301B" FLAGS "3003040102"
		 "A000" AT("3F000001C002"),
			0},
		{"3019" FLAGS "3003040103" AT("3F000001C002"), CARD_ABSENT},
		{"3018" FLAGS "30020400" AT("3F000001C002"), CARD_ABSENT}, /* no name */
		{"3016" FLAGS "3000" AT("3F000001C002"), CARD_ABSENT},
		{"3018" FLAGS "30020402" AT("3F000001C002"), CARD_BROKEN},
		{"300B" FLAGS "3003040102", CARD_ABSENT}, /* no path */
		{"300D" FLAGS "3003040102"
		 "A1FF",
			CARD_BROKEN},
		{"3006" FLAGS, CARD_BROKEN},
		{"3000", CARD_BROKEN},
		{"30FF", CARD_BROKEN},
		{"", CARD_ABSENT},
	};

	static const uint8_t ids[] = {
		0x02, 0x20, 0x00}; /* 00: what an empty name must not be */

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf cdf = BUF_NULL(256);
		_cleanup_(buf_done) struct buf path = BUF_NULL(64);

		put_hex(&cdf, table[i].cdf);
		path_is(pkcs15_find_certificate(buf_view(&cdf), VIEW(ids), &path), table[i].r,
			&path, "3F000001C002", table[i].cdf);
	}
}

#define DO(path, n)                                                                            \
	FLAGS "3000"                                                                           \
	      "A1" n path

static void activities_are_numbered_by_where_they_lie(void **state)
{
	static const struct {
		const char *dodf;
		const char *numbers;
		int r;
	} table[] = {
		{"3014" DO("30080406 3F000001D120", "0A"), "01", 0},
		{"3014" DO("30080406 3F000001D12F", "0A"), "10", 0},
		{"3014" DO("30080406 3F000001D130", "0A"), "", 0},
		{"3014" DO("30080406 3F000001D11F", "0A"), "", 0},
		{"3010" DO("30040402 D122", "06"), "03", 0}, /* relative */
		{"3011" DO("30050403 01D122", "07"), "", 0},
		{"300F" DO("30030401 22", "05"), "", 0},
		{"300A" FLAGS "3000"
		 "A000",
			"", 0}, /* no path: not by reference */
		{"3008" FLAGS "3000", "", 0},
		{"3014" DO("30080406 3F000001D122", "0A") "00 3014" DO("30080406 3F000001D120",
			 "0A") "3014" DO("30080406 3F000001D122", "0A"),
			"0301", 0},
		{"", "", 0},
		{"3014" DO("30090406 3F000001D120", "0A"), "", CARD_BROKEN},
		{"30FF", "", CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf dodf = BUF_NULL(256);
		_cleanup_(buf_done) struct buf numbers = BUF_NULL(16);

		put_hex(&dodf, table[i].dodf);
		path_is(pkcs15_list_activities(buf_view(&dodf), 0xD120, &numbers), table[i].r,
			&numbers, table[i].numbers, table[i].dodf);
	}
}

/* Every parser over every beginning and every single changed byte of a good input: it ends. */
static void no_input_is_too_strange(void **state)
{
	static const char *const inputs[] = {"E021A011" FOLDER ENTRY, WHO "6500",
		"EC128107202401020304058207"
		"20270102030405",
		"A70A300804063F0000017006",
		"3019300403"
		"02FF803003040102A10C300A300804063F000001C002"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(inputs); i++) {
		_cleanup_(buf_done) struct buf good = BUF_NULL(256);

		put_hex(&good, inputs[i]);
		for (size_t n = 0; n < good.len * 257; n++) {
			_cleanup_(buf_done) struct buf out = BUF_NULL(4096);
			uint8_t *exact = malloc(good.len);
			size_t at = n % good.len;
			struct view v;
			struct pointer p;

			assert_non_null(exact);
			bytes_copy(exact, good.len, good.data, good.len);
			v = view_of(exact, n < good.len ? at : good.len);
			if (n >= good.len) {
				exact[at] = (uint8_t)(n / good.len - 1);
			}
			(void)!pointers_find(v, "VALIDITE", &p);
			(void)!vitale_people(v, v, &out);
			(void)!vitale_periods(v, &out);
			(void)!actua_parse(v, &out);
			(void)!pkcs15_find_directory(v, 0xA7, &out);
			(void)!pkcs15_find_certificate(v, VIEW_TEXT("\2"), &out);
			(void)!pkcs15_list_activities(v, 0xD120, &out);
			(void)!nir_valid(v);
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nir_is_known_by_its_key),
		cmocka_unit_test(every_kind_of_number_has_a_key),
		cmocka_unit_test(templates_that_are_not_whole_are_broken),
		cmocka_unit_test(only_a_number_with_its_key_is_passed_on),
		cmocka_unit_test(more_people_than_a_card_can_hold_are_broken),
		cmocka_unit_test(periods_that_are_not_whole_are_broken),
		cmocka_unit_test(pointers_say_where_a_file_is),
		cmocka_unit_test(dates_after_issue_are_whole_or_the_card_is_unusable),
		cmocka_unit_test(a_directory_is_found_in_the_object_directory),
		cmocka_unit_test(a_path_longer_than_a_command_is_broken),
		cmocka_unit_test(a_certificate_is_found_by_the_last_byte_of_its_name),
		cmocka_unit_test(activities_are_numbered_by_where_they_lie),
		cmocka_unit_test(no_input_is_too_strange),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
