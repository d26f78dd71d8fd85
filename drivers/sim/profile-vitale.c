/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The members of a Vitale's profile: the people with their numbers, the coverage periods, and which
 * files the card lacks. Who could be a real person is refused here (profile.h says how we tell).
 */
#include <ctype.h>
#include <string.h>

#include "drivers/sim/profile-load.h"

static const struct {
	const char *name;
	enum profile_file file;
} files[] = {
	{"pointers", PROFILE_FILE_POINTERS},
	{"validity", PROFILE_FILE_VALIDITY},
	{"certificate", PROFILE_FILE_CERTIFICATE},
	{"coverage", PROFILE_FILE_COVERAGE},
	{"rights", PROFILE_FILE_RIGHTS},
	{"photo", PROFILE_FILE_PHOTO},
};

static bool is_corsican(struct view nir13)
{
	struct view department = view_sub(nir13, 5, 2);

	return view_equal(department, VIEW_TEXT("2A")) ||
	       view_equal(department, VIEW_TEXT("2B"));
}

unsigned profile_nir_key(struct view nir13)
{
	struct reader r = reader_of(nir13);
	bool corsican = is_corsican(nir13);
	uint64_t n = 0;

	while (r.left > 0) {
		size_t at = nir13.len - r.left;
		unsigned c = reader_u8(&r);

		if (corsican && at == 5)
			c = '1';
		else if (corsican && at == 6)
			c = c == 'A' ? '9' : '8';
		n = n * 10 + (uint64_t)(c - '0');
	}
	return (unsigned)(97 - n % 97);
}

/* A letter where no NIR has one; every character a digit or a capital letter. */
static bool is_lettered(const char *nir)
{
	bool corsican = is_corsican(view_str(nir));
	bool lettered = false;

	for (size_t i = 0; nir[i]; i++) {
		if (isdigit((unsigned char)nir[i]))
			continue;
		if (!isupper((unsigned char)nir[i]))
			return false;
		lettered = lettered || !corsican || i != 6;
	}
	return lettered;
}

/* Only digits, but for the letter of Corsica. */
static bool is_number(const char *nir)
{
	for (size_t i = 0; nir[i]; i++)
		if (!isdigit((unsigned char)nir[i]) && !(i == 6 && is_corsican(view_str(nir))))
			return false;
	return true;
}

/* Whether no person can have it: the rules of profile.h. */
static bool is_nobodys(struct view nir13)
{
	if (is_corsican(nir13))
		return view_equal(view_last(nir13, 6), VIEW_TEXT("000000"));
	if (view_equal(view_sub(nir13, 0, 6), VIEW_TEXT("555555")))
		return view_equal(view_sub(nir13, 6, 5), VIEW_TEXT("00000"));
	return view_equal(view_sub(nir13, 5, 2), VIEW_TEXT("00"));
}

static void load_nir(struct loader *l, const json_t *j, char nir[16])
{
	struct view n;
	char key[3] = {0};

	if (!json_object_get(j, "nir"))
		return; /* a child that has no number of its own on the card */
	load_text(l, j, "nir", 15, nir, 16);
	if (l->bad || is_lettered(nir))
		return;
	n = view_str(nir);
	if (!is_number(nir)) {
		load_complain(l, "nir", "must be digits, 2A and 2B apart");
		return;
	}
	if (!is_nobodys(view_sub(n, 0, 13)))
		load_complain(l, "nir",
			"must have department 00, or 2A or 2B with commune and order 000, "
			"which no "
			"person has");
	bytes_copy(key, 2, nir + 13, 2);
	if (profile_nir_key(view_sub(n, 0, 13)) !=
		(unsigned)(key[0] - '0') * 10 + (unsigned)(key[1] - '0'))
		load_complain(l, "nir", "has a wrong key");
}

/* YYYYMMDD, any month and day; or YYMMDD, as old cards without the century. */
static void load_birth(struct loader *l, const json_t *j, char *to, size_t size)
{
	load_text(l, j, "birth", 6, to, size);
	if (strlen(to) == 7 || !load_is_digits(to))
		load_complain(l, "birth", "must be 8 digits, or 6 without the century");
}

static void load_people(struct loader *l, const json_t *array)
{
	if (json_array_size(array) > PROFILE_PEOPLE_MAX) {
		load_complain(l, "people", "are more than 19");
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *one = json_array_get(array, i);
		struct profile_person *p = &l->p->people[l->p->n_people++];

		load_text(l, one, "surname", 1, p->surname, sizeof(p->surname));
		load_text(l, one, "given", 1, p->given, sizeof(p->given));
		load_birth(l, one, p->birth, sizeof(p->birth));
		load_nir(l, one, p->nir);
		load_text(l, one, "country", 0, p->country, sizeof(p->country));
		p->rank = (uint8_t)load_int(l, one, "rank", 1, 9, 0);
	}
}

static void load_coverages(struct loader *l, const json_t *array)
{
	if (json_array_size(array) > PROFILE_COVERAGES_MAX) {
		load_complain(l, "coverage", "has too many periods");
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *one = json_array_get(array, i);
		struct profile_coverage *c = &l->p->coverages[l->p->n_coverages++];

		c->index = (uint8_t)load_int(l, one, "index", 0, PROFILE_PEOPLE_MAX - 1, 0);
		load_digits(l, one, "from", true, c->from, sizeof(c->from));
		load_digits(l, one, "to", true, c->to, sizeof(c->to));
		load_digits(l, one, "ald", true, c->ald, sizeof(c->ald));
		load_digits(l, one, "situation", true, c->situation, sizeof(c->situation));
	}
}

static void load_absent(struct loader *l, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *one = json_array_get(array, i);
		const char *name = json_string_value(one);
		uint8_t before = l->p->absent;

		for (size_t f = 0; name && f < ARRAY_LEN(files); f++)
			if (strcmp(name, files[f].name) == 0)
				l->p->absent |= (uint8_t)files[f].file;
		if (l->p->absent == before)
			load_complain(
				l, "absent", "names no file that may be absent, or one twice");
	}
}

void load_vitale(struct loader *l, const json_t *j)
{
	load_digits(l, j, "valid_from", true, l->p->valid_from, sizeof(l->p->valid_from));
	load_people(l, json_object_get(j, "people"));
	load_coverages(l, json_object_get(j, "coverage"));
	load_digits(l, j, "organisation", true, l->p->organisation, sizeof(l->p->organisation));
	l->p->photo = (uint16_t)load_int(l, j, "photo", 0, 8192, 0);
	load_absent(l, json_object_get(j, "absent"));
	l->p->no_sfi = json_get_bool(j, "no_sfi");
	if (l->p->n_people == 0)
		load_complain(l, "people", "are missing");
}
