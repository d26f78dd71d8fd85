/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Loader of card profiles. A profile is refused as a whole with one sentence of why; what comes out
 * holds invented people only (see profile.h) and every text fits on the card. Owns the profile
 * until profile_free().
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "drivers/card/atr.h"
#include "drivers/sim/profile-load.h"

#define SERIAL_BYTES 10U

static const struct {
	const char *name;
	enum profile_kind kind;
} kinds[] = {
	{"vitale", PROFILE_KIND_VITALE},
	{"vitale-1", PROFILE_KIND_VITALE_1},
	{"cps3", PROFILE_KIND_CPS3},
	{"cps4", PROFILE_KIND_CPS4},
	{"cps2ter", PROFILE_KIND_CPS2TER},
	{"other", PROFILE_KIND_OTHER},
};

void load_complain(struct loader *l, const char *member, const char *what)
{
	if (!l->bad)
		buf_printf(l->why, "\"%s\" %s", member, what);
	l->bad = true;
}

bool load_is_digits(const char *text)
{
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

void load_text(struct loader *l, const json_t *j, const char *member, size_t min, char *to,
	size_t size)
{
	const char *text = json_get_str(j, member);

	if (!text && min > 0)
		load_complain(l, member, "is missing");
	if (!text)
		return;
	if (strlen(text) < min || view_copy_str(view_str(text), to, size))
		load_complain(l, member, "is too short or too long");
}

void load_digits(struct loader *l, const json_t *j, const char *member, bool required, char *to,
	size_t size)
{
	if (!required && !json_get_str(j, member))
		return;
	load_text(l, j, member, size - 1, to, size);
	if (!load_is_digits(to))
		load_complain(l, member, "must be digits");
}

int64_t load_int(struct loader *l, const json_t *j, const char *member, int64_t min,
	int64_t max, int64_t absent)
{
	int64_t v = absent;

	if (!json_object_get(j, member))
		return absent;
	if (json_get_int(j, member, min, max, &v))
		load_complain(l, member, "is out of range");
	return v;
}

unsigned profile_luhn(struct view digits)
{
	struct reader r = reader_of(digits);
	unsigned sum = 0;

	while (r.left > 0) {
		bool doubled = r.left % 2 == 1; /* the check digit follows on the right */
		unsigned d = (unsigned)(reader_u8(&r) - '0') * (doubled ? 2 : 1);

		sum += d > 9 ? d - 9 : d;
	}
	return (10 - sum % 10) % 10;
}

static void load_kind(struct loader *l, const json_t *j)
{
	const char *name = json_get_str(j, "kind");

	for (size_t i = 0; name && i < ARRAY_LEN(kinds); i++) {
		if (strcmp(name, kinds[i].name) == 0) {
			l->p->kind = kinds[i].kind;
			return;
		}
	}
	load_complain(l, "kind", "is none that we simulate");
}

/* A Vitale 2 may give the one byte that tells its makes apart instead of the whole. */
static void load_atr(struct loader *l, const json_t *j)
{
	static const uint8_t head[] = {0x3B, 0x75, 0x13, 0x00, 0x00};
	static const uint8_t tail[] = {0x09, 0xEA, 0x90, 0x00};
	_cleanup_(buf_done) struct buf atr = BUF_NULL(sizeof(l->p->atr));
	const char *whole = json_get_str(j, "atr"), *one = json_get_str(j, "atr_byte");
	struct atr parsed;

	if (!whole && one && l->p->kind == PROFILE_KIND_VITALE) {
		buf_put_view(&atr, VIEW(head));
		if (hex_decode(&atr, view_str(one)) || atr.len != sizeof(head) + 1)
			load_complain(l, "atr_byte", "must be one byte in hexadecimal");
		buf_put_view(&atr, VIEW(tail));
	} else if (hex_decode(&atr, view_str(whole)) || buf_check(&atr) || atr.len < 2) {
		load_complain(l, "atr", "must be at most 33 bytes in hexadecimal");
	}
	if (l->bad)
		return;
	if (atr_parse(buf_view(&atr), &parsed)) {
		load_complain(l, "atr", "is no answer to reset (ISO/IEC 7816-3 §8.2)");
		return;
	}
	bytes_copy(l->p->atr, sizeof(l->p->atr), atr.data, atr.len);
	l->p->atr_len = atr.len;
}

static void load_common(struct loader *l, const json_t *j)
{
	load_kind(l, j);
	load_atr(l, j);
	load_text(l, j, "authority", 0, l->p->authority, sizeof(l->p->authority));
	load_text(l, j, "serial", 0, l->p->serial, sizeof(l->p->serial));
	if (!load_is_digits(l->p->serial))
		load_complain(l, "serial", "must be digits");
	l->p->from_days = load_int(l, j, "from_days", -36500, 36500, -1);
	l->p->until_days = load_int(l, j, "until_days", -36500, 36500, 1095);
	l->p->max_answer = (uint16_t)load_int(l, j, "max_answer", 16, 256, 256);
	l->p->rsa_ms = (uint16_t)load_int(l, j, "rsa_ms", 0, 10000, 0);
	l->p->ec_ms = (uint16_t)load_int(l, j, "ec_ms", 0, 10000, 0);
}

/* What has no place in Latin-1 would be found out too late when the files are built. */
static void check_texts(struct loader *l)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(65536);
	const struct profile *p = l->p;
	int r = 0;

	for (size_t i = 0; i < p->n_people && !r; i++) {
		r = profile_put_latin1(&out, p->people[i].surname, 0);
		if (!r)
			r = profile_put_latin1(&out, p->people[i].given, 0);
	}
	for (size_t i = 0; i < p->n_activities && !r; i++) {
		r = profile_put_latin1(&out, p->activities[i].name, 0);
		if (!r)
			r = profile_put_latin1(&out, p->activities[i].structure, 0);
	}
	if (!r)
		r = profile_put_latin1(&out, p->professional.surname, 0);
	if (!r)
		r = profile_put_latin1(&out, p->professional.given, 0);
	if (r)
		load_complain(l, "surname, given or name", "has a character outside Latin-1");
}

int profile_new(const json_t *j, struct buf *why, struct profile **ret_profile)
{
	struct loader l = {.p = calloc(1, sizeof(struct profile)), .why = why};

	if (!l.p)
		return fault(-ENOMEM);
	load_common(&l, j);
	if (!l.bad && profile_is_cps(l.p))
		load_cps(&l, j);
	if (!l.bad && l.p->kind == PROFILE_KIND_VITALE)
		load_vitale(&l, j);
	if (!l.bad)
		check_texts(&l);
	if (l.bad) {
		profile_free(l.p);
		return PROFILE_INVALID;
	}
	*ret_profile = l.p;
	return 0;
}

struct profile *profile_free(struct profile *p)
{
	if (p)
		wipe(p, sizeof(*p));
	free(p);
	return NULL;
}

int profile_put_latin1(struct buf *out, const char *utf8, size_t pad)
{
	struct reader r = reader_of(view_str(utf8));
	size_t start = out->len;

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c >= 0xC2 && c <= 0xC3) /* two bytes of UTF-8: U+0080 to U+00FF */
			c = (uint8_t)((c & 3) << 6 | (reader_u8(&r) & 0x3F));
		else if (c >= 0x80)
			return PROFILE_INVALID;
		buf_put_u8(out, c);
	}
	while (!out->failed && out->len < start + pad)
		buf_put_u8(out, 0);
	return trace(buf_check(out));
}

void profile_serial(const struct profile *p, uint8_t ret_serial[SERIAL_BYTES])
{
	struct reader r = reader_of(view_str(p->serial));

	for (size_t i = 0; i < SERIAL_BYTES; i++) {
		unsigned high = r.left ? (unsigned)(reader_u8(&r) - '0') : 0xF;
		unsigned low = r.left ? (unsigned)(reader_u8(&r) - '0') : 0xF;

		ret_serial[i] = (uint8_t)(high << 4 | low);
	}
}
