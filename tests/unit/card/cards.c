/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The three cards that the driver tests start from, with files of the sizes of the shipped
 * profiles: a family of four, and a general practitioner with two practices. Invented people.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "base/hex.h"
#include "base/tlv.h"
#include "tests/unit/card/model.h"

#define PAD_SURNAME 26U
#define PAD_GIVEN   19U
#define CERT_SIG    1553U /* bytes: as measured on real cards */
#define CERT_AUT    1619U
#define CVC	    228U

#define NAME_MF	    "D2500000024D465F564954414C45"
#define NAME_VITALE "D250000002564954414C45"

static struct buf *file_of(
	struct model *m, uint16_t df, uint16_t fid, uint8_t sfi, enum model_access access)
{
	model_put(m, df, fid, sfi, access, "");
	return &model_find(m, df, fid)->content;
}

static void put_padded(struct buf *b, uint32_t tag, const char *latin1, size_t len)
{
	size_t mark = tlv_open(b, tag);

	buf_put_str(b, latin1);
	for (size_t i = strlen(latin1); i < len; i++) {
		buf_put_u8(b, 0);
	}
	tlv_close(b, mark);
}

/* -- Vitale -------------------------------------------------------------------------------- */

static const struct {
	const char *surname;
	const char *given;
	const char *birth;
	const char *nir;
	uint8_t rank;
} people[] = {
	{"B\xC9RANGER", "Th\xE9o", "19850514", "185050099000117", 0},
	{"LEF\xC8VRE", "Zo\xE9", "19871103", "287110099000261", 0},
	{"B\xC9RANGER", "No\xEBl", "20190627", "185050099000117", 1},
	{"B\xC9RANGER", "Ma\xEBlle", "20190627", "185050099000117", 2},
};

static void add_people(struct model *m)
{
	struct buf *who = file_of(m, MODEL_ROOT, 0x2F82, 2, MODEL_FREE);

	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		size_t mark = tlv_open(who, 0x65);

		put_padded(who, 0x80, people[i].surname, PAD_SURNAME);
		put_padded(who, 0x81, people[i].given, PAD_GIVEN);
		tlv_put_str(who, 0x82, people[i].birth);
		if (people[i].rank) {
			tlv_put_u8(who, 0x94, people[i].rank);
		}
		tlv_close(who, mark);
	}
	struct buf *which = file_of(m, MODEL_APP, 0x2002, 2, MODEL_FREE);

	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		size_t mark = tlv_open(which, 0x65);

		tlv_put_str(which, 0x93, people[i].nir);
		tlv_put_str(which, 0x90, "FRA");
		tlv_close(which, mark);
	}
}

static void add_pointers(struct model *m)
{
	static const struct {
		const char *name;
		uint32_t place; /* key and identifier */
	} files[] = {
		{"IDENTITE", 0x00012F82},
		{"CVC_CA  ", 0x00012F83},
		{"NIR     ", 0x00022002},
		{"VALIDITE", 0x00022003},
		{"COUVERTU", 0x00022010},
	};
	struct buf *b = file_of(m, MODEL_APP, 0x2001, 1, MODEL_FREE);
	size_t whole = tlv_open(b, 0xE0);
	size_t list = tlv_open(b, 0xA0);

	assert_int_equal(hex_decode(b, view_str("821200010000" NAME_MF)), 0);
	assert_int_equal(hex_decode(b, view_str("820F00020000" NAME_VITALE)), 0);
	assert_int_equal(hex_decode(b, view_str("821000030000D2500000044164E86C650101")), 0);
	tlv_close(b, list);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		size_t mark = tlv_open(b, 0x80);

		buf_put_str(b, files[i].name);
		buf_put_u32(b, files[i].place);
		tlv_close(b, mark);
	}
	tlv_close(b, whole);
}

static void add_cvc(struct model *m, uint16_t df, uint16_t fid, uint8_t sfi)
{
	struct buf *b = file_of(m, df, fid, sfi, MODEL_FREE);

	buf_put_u32(b, 0x7F2181E0); /* 224 bytes of value */
	(void)buf_extend(b, CVC - 4);
}

void model_vitale(struct model *m)
{
	static const uint8_t atr[] = {
		0x3B, 0x75, 0x13, 0x00, 0x00, 0x43, 0x09, 0xEA, 0x90, 0x00};

	struct buf *periods = NULL;

	*m = (struct model){.names = {NAME_VITALE, NAME_MF},
		.dfs = {MODEL_APP, MODEL_ROOT},
		.pin = "",
		.puk = "",
		.block = 256,
		.pending = BUF_NULL(65536)};
	bytes_copy(m->base.atr, sizeof(m->base.atr), atr, sizeof(atr));
	m->base.atr_len = sizeof(atr);
	add_people(m);
	add_pointers(m);
	model_put(m, MODEL_ROOT, 0x2F02, 4, MODEL_FREE, "5A0A92500001000004170F00");
	add_cvc(m, MODEL_ROOT, 0x2F83, 3);
	model_put(m, MODEL_APP, 0x2003, 3, MODEL_FREE, "660A80083230323430323031");
	for (uint8_t i = 0; i < ARRAY_LEN(people); i++) {
		struct buf *b = i == 0 ? file_of(m, MODEL_APP, 0x2010, 4, MODEL_ROLE) : periods;
		size_t mark = tlv_open(b, 0xA6);

		periods = b;
		tlv_put_u8(b, 0x80, i);
		tlv_put_str(b, 0x81, "202401010000");
		tlv_put_str(b, 0x82, "202612312359");
		tlv_put_str(b, 0x83, "1");
		tlv_put_str(b, 0x84, "0100");
		tlv_close(b, mark);
	}
	model_reset(m);
}

/* -- CPS ----------------------------------------------------------------------------------- */

static void add_certificate(struct model *m, uint16_t fid, size_t size)
{
	struct buf *b = file_of(m, MODEL_APP, fid, 0, MODEL_FREE);

	buf_put_u16(b, 0x3082);
	buf_put_u16(b, (uint16_t)(size - 4));
	(void)buf_extend(b, size - 4);
}

static void add_activity(struct model *m, uint8_t number, const char *name,
	const char *structure, const char *sector)
{
	struct buf *b = file_of(m, MODEL_APP, (uint16_t)(0xD120 + number - 1), 0, MODEL_PIN);
	size_t mark = tlv_open(b, 0xEE);

	tlv_put_str(b, 0x84, name);
	tlv_put_str(b, 0x85, structure);
	tlv_put_str(b, 0x86, sector);
	tlv_close(b, mark);
}

static void add_cps_files(struct model *m)
{
	m->pin = "1234";
	m->puk = "12345678";
	bytes_copy(m->pin_now, sizeof(m->pin_now), "1234", 5);
	m->tries = 3;
	m->puk_tries = 10;
	m->puk_uses = 100;
	m->block = 256;
	m->pending = BUF_NULL(65536);
	model_put(m, MODEL_ROOT, 0xD003, 0x1C, MODEL_FREE, "5A0A8025000001990001017F");
	add_certificate(m, 0xB001, CERT_SIG);
	add_certificate(m, 0xB002, CERT_AUT);
	add_cvc(m, MODEL_APP, 0xB003, 0);
	model_put(m, MODEL_APP, 0xD104, 0, MODEL_FREE,
		"EF0F80010A810180820100"
		"8704534D3236");
	add_activity(m, 1, "CABINET DU DR MARECHAL", "489900000011", "SA07");
	add_activity(m, 3, "CENTRE DE SANTE DES TILLEULS", "1990000123", "SA05");
	model_reset(m);
}

/* 30 { 30 { label, flags } 30 { application } A1 { 30 { 04 path } } }; the flags break DER */
static void put_data_object(struct buf *b, const char *label, const char *path)
{
	size_t whole = tlv_open(b, 0x30);
	size_t mark = tlv_open(b, 0x30);

	tlv_put_str(b, 0x0C, label);
	assert_int_equal(hex_decode(b, view_str("0302FF80")), 0);
	tlv_close(b, mark);
	assert_int_equal(hex_decode(b, view_str("30050C03435053")), 0);
	mark = tlv_open(b, 0xA1);
	assert_int_equal(hex_decode(b, view_str("30080406")), 0);
	assert_int_equal(hex_decode(b, view_str(path)), 0);
	tlv_close(b, mark);
	tlv_close(b, whole);
}

static void add_directory(struct model *m)
{
	struct buf *b;

	model_put(m, MODEL_APP, 0x5031, 0, MODEL_FREE,
		"A80A300804063F0000017001A00A300804063F0000017002"
		"A40A300804063F0000017005A70A300804063F0000017006");
	b = file_of(m, MODEL_APP, 0x7006, 0, MODEL_FREE);
	put_data_object(b, "CPS_ID_CARD", "3F000001D101");
	put_data_object(b, "CPS_NAME_PS", "3F000001D102");
	put_data_object(b, "CPS_LANG_PS", "3F000001D103");
	put_data_object(b, "CPS_INFO_PS", "3F000001D104");
	put_data_object(b, "CPS_DATA", "3F000001D107");
	put_data_object(b, "CPS_ACTIVITY_01_PS", "3F000001D120");
	put_data_object(b, "CPS_ACTIVITY_03_PS", "3F000001D122");
}

static void put_certificate_object(struct buf *b, uint8_t id, const char *path)
{
	size_t whole = tlv_open(b, 0x30);
	size_t mark;

	assert_int_equal(hex_decode(b, view_str("30070C014303020640")), 0);
	mark = tlv_open(b, 0x30);
	tlv_put_u8(b, 0x04, id);
	tlv_close(b, mark);
	mark = tlv_open(b, 0xA1);
	assert_int_equal(hex_decode(b, view_str("300A30080406")), 0);
	assert_int_equal(hex_decode(b, view_str(path)), 0);
	tlv_close(b, mark);
	tlv_close(b, whole);
}

static void add_certificate_directory(struct model *m)
{
	struct buf *b = file_of(m, MODEL_APP, 0x7005, 0, MODEL_FREE);

	put_certificate_object(b, 0x01, "3F000001B001");
	put_certificate_object(b, 0x02, "3F000001B002");
}

void model_cps3(struct model *m)
{
	static const uint8_t atr[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00,
		0x64, 0x80, 0x00, 0x03, 0x10, 0x00, 0x90, 0x00};

	*m = (struct model){
		.names = {"E828BD080F8025000001FF0010"}, .dfs = {MODEL_APP}, .objects = true};
	bytes_copy(m->base.atr, sizeof(m->base.atr), atr, sizeof(atr));
	m->base.atr_len = sizeof(atr);
	add_cps_files(m);
	add_directory(m);
	add_certificate_directory(m);
}

void model_cps4(struct model *m)
{
	static const uint8_t atr[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00,
		0x64, 0x80, 0x04, 0x01, 0x00, 0x00, 0x90, 0x44};

	*m = (struct model){.cla = 0x01, .names = {"8025000001FF0100"}, .dfs = {MODEL_ROOT}};
	bytes_copy(m->base.atr, sizeof(m->base.atr), atr, sizeof(atr));
	m->base.atr_len = sizeof(atr);
	add_cps_files(m);
	add_directory(m);
	add_certificate_directory(m);
}
