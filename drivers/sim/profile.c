/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Loader of card profiles. A profile is refused as a whole with one sentence of why; what comes out
 * holds invented people only (see profile.h) and every text fits on the card. Owns the profile
 * until profile_free().
 */
#include "drivers/sim/profile.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

#define SERIAL_BYTES 10U

/** struct loader - what the readers of members share: the first complaint wins. */
struct loader {
	struct profile *p;
	struct buf *why;
	bool bad;
};

static const struct {
	const char *name;
	enum profile_kind kind;
} kinds[] = {
	{"vitale", PROFILE_KIND_VITALE},
	{"vitale-1", PROFILE_KIND_VITALE_1},
	{"cps3", PROFILE_KIND_CPS3},
	{"cps4", PROFILE_KIND_CPS4},
	{"other", PROFILE_KIND_OTHER},
};

static void complain(struct loader *l, const char *member, const char *what)
{
	if (!l->bad)
		buf_printf(l->why, "\"%s\" %s", member, what);
	l->bad = true;
}

static bool is_digits(const char *text)
{
	for (; *text; text++)
		if (!isdigit((unsigned char)*text))
			return false;
	return true;
}

/* A text member; @min = 0 makes it optional. Left as it was when absent. */
static void load_text(struct loader *l, const json_t *j, const char *member, size_t min,
	char *to, size_t size)
{
	const char *text = json_get_str(j, member);

	if (!text && min > 0)
		complain(l, member, "is missing");
	if (!text)
		return;
	if (strlen(text) < min || view_copy_str(view_str(text), to, size))
		complain(l, member, "is too short or too long");
}

/* As above, decimal digits only and exactly size - 1 of them unless absent. */
static void load_digits(struct loader *l, const json_t *j, const char *member, bool required,
	char *to, size_t size)
{
	if (!required && !json_get_str(j, member))
		return;
	load_text(l, j, member, size - 1, to, size);
	if (!is_digits(to))
		complain(l, member, "must be digits");
}

static int64_t load_int(struct loader *l, const json_t *j, const char *member, int64_t min,
	int64_t max, int64_t absent)
{
	int64_t v = absent;

	if (!json_object_get(j, member))
		return absent;
	if (json_get_int(j, member, min, max, &v))
		complain(l, member, "is out of range");
	return v;
}

unsigned profile_nir_key(struct view nir13)
{
	struct reader r = reader_of(nir13);
	uint64_t n = 0;

	while (r.left > 0)
		n = n * 10 + (uint64_t)(reader_u8(&r) - '0');
	return (unsigned)(97 - n % 97);
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

static void check_nir(struct loader *l, const char *nir)
{
	struct view n = view_str(nir);
	char key[3] = {0};

	if (l->bad)
		return;
	if (!view_equal(view_sub(n, 5, 2), VIEW_TEXT("00")))
		complain(l, "nir", "must have department 00, which no person has");
	bytes_copy(key, 2, nir + 13, 2);
	if (profile_nir_key(view_sub(n, 0, 13)) !=
		(unsigned)(key[0] - '0') * 10 + (unsigned)(key[1] - '0'))
		complain(l, "nir", "has a wrong key");
}

static void load_people(struct loader *l, const json_t *array)
{
	size_t i;
	json_t *one;

	if (json_array_size(array) > PROFILE_PEOPLE_MAX) {
		complain(l, "people", "are more than 19");
		return;
	}
	json_array_foreach(array, i, one)
	{
		struct profile_person *p = &l->p->people[l->p->n_people++];

		load_text(l, one, "surname", 1, p->surname, sizeof(p->surname));
		load_text(l, one, "given", 1, p->given, sizeof(p->given));
		load_digits(l, one, "birth", true, p->birth, sizeof(p->birth));
		load_digits(l, one, "nir", true, p->nir, sizeof(p->nir));
		check_nir(l, p->nir);
		load_text(l, one, "country", 0, p->country, sizeof(p->country));
		p->rank = (uint8_t)load_int(l, one, "rank", 1, 9, 0);
	}
}

static void load_coverages(struct loader *l, const json_t *array)
{
	size_t i;
	json_t *one;

	if (json_array_size(array) > PROFILE_COVERAGES_MAX) {
		complain(l, "coverage", "has too many periods");
		return;
	}
	json_array_foreach(array, i, one)
	{
		struct profile_coverage *c = &l->p->coverages[l->p->n_coverages++];

		c->index = (uint8_t)load_int(l, one, "index", 0, PROFILE_PEOPLE_MAX - 1, 0);
		load_digits(l, one, "from", true, c->from, sizeof(c->from));
		load_digits(l, one, "to", true, c->to, sizeof(c->to));
		load_digits(l, one, "ald", true, c->ald, sizeof(c->ald));
		load_digits(l, one, "situation", true, c->situation, sizeof(c->situation));
	}
}

static void load_activities(struct loader *l, const json_t *array)
{
	size_t i;
	json_t *one;

	if (json_array_size(array) > PROFILE_ACTIVITIES_MAX) {
		complain(l, "activities", "are more than 16");
		return;
	}
	json_array_foreach(array, i, one)
	{
		struct profile_activity *a = &l->p->activities[l->p->n_activities++];

		a->number = (uint8_t)load_int(l, one, "number", 1, PROFILE_ACTIVITIES_MAX, 1);
		load_text(l, one, "name", 1, a->name, sizeof(a->name));
		load_text(l, one, "structure", 1, a->structure, sizeof(a->structure));
		load_text(l, one, "sector", 4, a->sector, sizeof(a->sector));
	}
}

static void load_professional(struct loader *l, const json_t *j)
{
	struct profile_professional *p = &l->p->professional;

	load_text(l, j, "id", 12, p->id, sizeof(p->id));
	if (!view_equal(view_sub(view_str(p->id), 0, 4), VIEW_TEXT("8899")))
		complain(l, "id", "must start 8899: an invented professional");
	load_text(l, j, "surname", 0, p->surname, sizeof(p->surname));
	load_text(l, j, "given", 0, p->given, sizeof(p->given));
	load_text(l, j, "title", 1, p->title, sizeof(p->title));
	p->type = (uint8_t)load_int(l, j, "type", 0, 3, 0);
	p->profession = (uint8_t)load_int(l, j, "profession", 1, 99, 10);
	load_text(l, j, "speciality", 0, p->speciality, sizeof(p->speciality));
}

/* The 8 digits after the issuer number get their Luhn digit here. */
static void load_cps(struct loader *l, const json_t *j)
{
	struct view serial;

	load_professional(l, json_object_get(j, "professional"));
	load_activities(l, json_object_get(j, "activities"));
	load_digits(l, j, "actua_from", false, l->p->actua_from, sizeof(l->p->actua_from));
	load_digits(l, j, "actua_to", false, l->p->actua_to, sizeof(l->p->actua_to));
	load_digits(l, j, "pin", true, l->p->pin, sizeof(l->p->pin));
	load_digits(l, j, "puk", true, l->p->puk, sizeof(l->p->puk));
	l->p->pin_each_signature = json_get_bool(j, "pin_each_signature");
	serial = view_str(l->p->serial);
	if (serial.len != 18 || !view_equal(view_sub(serial, 0, 10), VIEW_TEXT("8025000001"))) {
		complain(l, "serial", "must be 8025000001 and 8 digits");
		return;
	}
	l->p->serial[18] = (char)('0' + profile_luhn(serial));
}

static void load_vitale(struct loader *l, const json_t *j)
{
	load_digits(l, j, "valid_from", true, l->p->valid_from, sizeof(l->p->valid_from));
	load_people(l, json_object_get(j, "people"));
	load_coverages(l, json_object_get(j, "coverage"));
	load_digits(l, j, "organisation", true, l->p->organisation, sizeof(l->p->organisation));
	l->p->photo = (uint16_t)load_int(l, j, "photo", 0, 8192, 0);
	if (l->p->n_people == 0)
		complain(l, "people", "are missing");
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
	complain(l, "kind", "is none that we simulate");
}

static void load_atr(struct loader *l, const json_t *j)
{
	_cleanup_(buf_done) struct buf atr = BUF_NULL(sizeof(l->p->atr));

	if (hex_decode(&atr, view_str(json_get_str(j, "atr"))) || buf_check(&atr) ||
		atr.len < 2) {
		complain(l, "atr", "must be at most 33 bytes in hexadecimal");
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
	if (!is_digits(l->p->serial))
		complain(l, "serial", "must be digits");
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
	for (size_t i = 0; i < p->n_activities && !r; i++)
		r = profile_put_latin1(&out, p->activities[i].name, 0);
	if (!r)
		r = profile_put_latin1(&out, p->professional.surname, 0);
	if (!r)
		r = profile_put_latin1(&out, p->professional.given, 0);
	if (r)
		complain(l, "surname, given or name", "has a character outside Latin-1");
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
