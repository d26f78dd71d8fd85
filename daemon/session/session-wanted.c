/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The option "patient": the person whose file is open on the caller's screen. With a Vitale it
 * selects a beneficiary; without one it is all that says who is meant. A number
 * opens the dossier of the person whose own it is: by the card (year and month of birth, borne by
 * one), or because a professional gives it as that person's INS; then it must still not contradict
 * the date of birth, as far as its digits tell one. Nothing of it is ever guessed.
 */
#include <string.h>

#include "daemon/session/steps.h"

#define NUMBER 13U /* NIR or INS without key */
#define KEY    97U

static const char *wanted_number(const json_t *wanted)
{
	const char *ins = json_get_str(wanted, "ins");

	return ins ? ins : json_get_str(wanted, "nir");
}

/* "1958-03-14" or "19580314" as eight digits. */
static bool date_digits(const char *text, char ret[9])
{
	size_t n = 0;

	for (size_t i = 0; text && text[i] != '\0'; i++) {
		if (text[i] == '-' && (i == 4 || i == 7)) {
			continue;
		}
		if (n == 8 || text[i] < '0' || text[i] > '9') {
			return false;
		}
		ret[n++] = text[i];
	}
	ret[n] = '\0';
	return n == 8;
}

bool session_wanted_valid(const struct session *s)
{
	const char *number = s->wanted ? wanted_number(s->wanted) : NULL;
	char birth[9];

	if (!s->wanted) {
		return !s->without_card; /* somebody must say who it is */
	}
	return number && (strlen(number) == NUMBER || strlen(number) == NUMBER + 2) &&
	       date_digits(json_get_str(s->wanted, "birth-date"), birth);
}

/* -- numbers ------------------------------------------------------------------------------------- */

/* 12 digits and at the seventh place a digit, or A or B of Corsica; then no key, or the right one:
 * 97 less the remainder, with 2A as 19 and 2B as 18. */
static bool is_number(const char *text)
{
	uint32_t rest = 0;
	uint32_t key = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		char c = text[i];
		bool corsica = i == 6 && (c == 'A' || c == 'B');

		if ((c < '0' || c > '9') && !corsica) {
			return false;
		}
		if (corsica) { /* the 2 before it was counted as such: 19 or 18 stands there */
			rest = (rest + KEY - 1) % KEY;
			c = c == 'A' ? '9' : '8';
		}
		if (i < NUMBER) {
			rest = (rest * 10 + (uint32_t)(c - '0')) % KEY;
		} else {
			key = key * 10 + (uint32_t)(c - '0');
		}
	}
	return strlen(text) == NUMBER || key == KEY - rest;
}

static bool is_month(struct view two)
{
	return strncmp((const char *)two.data, "01", 2) >= 0 &&
	       strncmp((const char *)two.data, "12", 2) <= 0;
}

/* Digits 2 to 5 of an INS say year and month; a month that is none (lunar, unknown) says nothing. */
static bool not_contradicted(const char *ins, const struct person *p)
{
	struct view birth = view_last(view_str(p->birth), 6);
	struct view number = view_str(ins);
	struct view month = view_sub(number, 3, 2);

	if (!view_equal(view_sub(number, 1, 2), view_sub(birth, 0, 2))) {
		return false;
	}
	return !is_month(month) || !is_month(view_sub(birth, 2, 2)) ||
	       view_equal(month, view_sub(birth, 2, 2));
}

static bool bears(const struct person *p, const char *number)
{
	return p->nir[0] != '\0' && strncmp(p->nir, number, NUMBER) == 0;
}

/* Whether the INS that was given may be @p's: it does not contradict the date of birth, and the card
 * knows nobody else to whom the same would apply. */
static bool may_be_ins_of(const struct session *s, const struct person *p, const char *ins)
{
	const struct patient_data *d = s->data;

	for (size_t i = 0; i < d->n_people; i++) {
		const struct person *o = &d->people[i];

		if (o != p && bears(o, ins) && (o->own || not_contradicted(ins, o))) {
			return false;
		}
	}
	return not_contradicted(ins, p);
}

bool session_wanted_number(const struct session *s, const struct person *p, char ret[14])
{
	const char *ins = s->wanted ? json_get_str(s->wanted, "ins") : NULL;
	const char *number = NULL;

	if (p->own) {
		number = p->nir;
	} else if (ins && is_number(ins) && may_be_ins_of(s, p, ins)) {
		number = ins;
	}
	return number &&
	       view_copy_str(view_sub(view_str(number), 0, NUMBER), ret, NUMBER + 1) == 0;
}

/* -- names --------------------------------------------------------------------------------------- */

/* The capital letter of a letter of Latin-1 (its second byte in UTF-8); blank: it is none. */
static char plain_letter(uint8_t second)
{
	static const char letters[] = "AAAAAAACEEEEIIIIDNOOOOO OUUUUY S";

	return letters[second & 0x1fU];
}

/* The letters of a name, without case, accents, blanks, hyphens and apostrophes. */
static void plain_name(const char *name, struct buf *out)
{
	struct reader r = reader_of(view_str(name));

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (c == 0xc3 && r.left > 0) {
			c = (uint8_t)plain_letter(reader_u8(&r));
		} else if (c == 0xcc && r.left > 0) { /* an accent of its own */
			(void)reader_u8(&r);
			continue;
		}
		if (c >= 'a' && c <= 'z') {
			c = (uint8_t)(c - 'a' + 'A');
		}
		if ((c >= 'A' && c <= 'Z') || c >= 0x80) {
			buf_put_u8(out, c);
		}
	}
}

static bool same_name(const char *a, const char *b)
{
	_cleanup_(buf_done) struct buf x = BUF_NULL(512);
	_cleanup_(buf_done) struct buf y = BUF_NULL(512);

	plain_name(a, &x);
	plain_name(b, &y);
	return buf_check(&x) == 0 && buf_check(&y) == 0 && x.len > 0 &&
	       view_equal(buf_view(&x), buf_view(&y));
}

/* -- who is meant -------------------------------------------------------------------------------- */

static bool number_fits(const struct session *s, const struct person *p)
{
	const char *number = wanted_number(s->wanted);
	const char *ins = json_get_str(s->wanted, "ins");

	if (p->nir[0] != '\0' && strncmp(number, p->nir, strlen(number)) == 0) {
		return true;
	}
	/* the card lists a child with a parent's number; the child's INS is another */
	return ins && !p->own && is_number(ins) && may_be_ins_of(s, p, ins);
}

static bool fits(const struct session *s, const struct person *p)
{
	char birth[9] = "";
	int64_t rank;

	if (!date_digits(json_get_str(s->wanted, "birth-date"), birth) || !number_fits(s, p)) {
		return false;
	}
	if (json_get_int(s->wanted, "rank", 0, UINT8_MAX, &rank) == 0 &&
		rank != (int64_t)p->rank) {
		return false;
	}
	return view_equal(view_last(view_str(birth), strlen(p->birth)), view_str(p->birth));
}

/* A card shows one surname and does not say whether it is the birth name: one that differs is no
 * contradiction, and one that is the same tells those apart who fit otherwise. */
static size_t narrow(struct patient_data *d, const char *name, size_t n)
{
	size_t same = 0;

	for (size_t i = 0; i < d->n_people; i++) {
		same += d->people[i].wanted && same_name(name, d->people[i].surname) ? 1 : 0;
	}
	if (same == 0) {
		return n;
	}
	for (size_t i = 0; i < d->n_people; i++) {
		struct person *p = &d->people[i];

		p->wanted = p->wanted && same_name(name, p->surname);
	}
	return same;
}

size_t session_wanted(struct session *s)
{
	const char *name = s->wanted ? json_get_str(s->wanted, "birth-name") : NULL;
	struct patient_data *d = s->data;
	size_t n = 0;

	for (size_t i = 0; i < d->n_people; i++) {
		d->people[i].wanted = !s->wanted || fits(s, &d->people[i]);
		n += d->people[i].wanted ? 1 : 0;
	}
	return name && n > 1 ? narrow(d, name, n) : n;
}

enum vitaled_reason session_wanted_person(const struct session *s, struct person *ret)
{
	const char *number = wanted_number(s->wanted);
	const char *name = json_get_str(s->wanted, "birth-name");
	struct person p = {.wanted = true};
	int64_t rank = 0;

	if (!is_number(number) || view_copy_str(view_str(number), p.nir, sizeof(p.nir)) != 0 ||
		!date_digits(json_get_str(s->wanted, "birth-date"), p.birth)) {
		return VITALED_REASON_INVALID_ARGUMENT;
	}
	if (json_get_int(s->wanted, "rank", 0, UINT8_MAX, &rank) == 0) {
		p.rank = (unsigned int)rank;
	}
	if (name && view_copy_str(view_str(name), p.surname, sizeof(p.surname)) != 0) {
		return VITALED_REASON_INVALID_ARGUMENT;
	}
	*ret = p;
	wipe(&p, sizeof(p));
	return VITALED_REASON_NONE;
}
