/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The schema as tables: for each kind of object its members, whether they must be there, and what
 * checks them. doc/metadata.schema.json says the same for people and other programs; a test plays
 * one set of vectors against both. Depth is fixed by the tables: nothing here recurses on input.
 */
#include "daemon/dossier/store/metadata.h"

#include <string.h>

#include "base/clock.h"
#include "daemon/dossier/store/store.h"
#include "daemon/limits.h"

#define DAY_USEC (24ULL * 3600ULL * USEC_PER_SEC)

/* Return: whether the value is as the schema wants it. */
typedef bool (*check_fn)(const json_t *value);

struct member {
	const char *name;
	check_fn check;
	bool required;
};

static const struct {
	const char *type;
	const char *section;
} types[] = {

#include "daemon/dossier/types-table.h"
};

bool metadata_fed(const char *type)
{
	return type && strcmp(type, "reimbursement") == 0;
}

const char *metadata_section(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].type, type) == 0) {
			return types[i].section;
		}
	}
	return NULL;
}

/* -- values ---------------------------------------------------------------------------------- */

bool metadata_text_valid(const char *text)
{
	return json_text_fits(text, 200);
}

static bool short_text(const json_t *value)
{
	return json_text_fits(json_string_value(value), 64);
}

static bool long_text(const json_t *value)
{
	return metadata_text_valid(json_string_value(value));
}

static bool one_of(const json_t *value, const char *const *words, size_t n)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < n; i++) {
		if (strcmp(words[i], text) == 0) {
			return true;
		}
	}
	return false;
}

#define ONE_OF(value, ...)                                                                     \
	one_of(value, (const char *const[]){__VA_ARGS__},                                      \
		ARRAY_LEN(((const char *const[]){__VA_ARGS__})))

static unsigned int digits(struct reader *in, size_t n)
{
	unsigned int v = 0;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = reader_u8(in);

		in->failed |= c < '0' || c > '9';
		v = v * 10 + (unsigned int)(c - '0');
	}
	return v;
}

static unsigned int days_of(unsigned int year, unsigned int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

bool metadata_date_valid(const char *text)
{
	struct reader in = reader_of(view_str(text));
	unsigned int year = digits(&in, 4);
	bool dashes = reader_u8(&in) == '-';
	unsigned int month = digits(&in, 2);
	unsigned int day;

	dashes = reader_u8(&in) == '-' && dashes;
	day = digits(&in, 2);
	if (in.failed || in.left > 0 || !dashes || month < 1 || month > 12) {
		return false;
	}
	return year >= 1850 && year < 2200 && day >= 1 && day <= days_of(year, month);
}

static bool any_date(const json_t *value)
{
	return metadata_date_valid(json_string_value(value));
}

/* Of something that was, or that is arranged: a year ahead at most. A clock that was never set does
 * not refuse everything. */
static bool date(const json_t *value)
{
	uint64_t now = clock_wall() > LIMIT_CLOCK_SET ? clock_wall() : LIMIT_CLOCK_SET;
	char most[28];

	clock_rfc3339(now + 366 * DAY_USEC, most);
	return any_date(value) && strncmp(json_string_value(value), most, 10) <= 0;
}

static bool format(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) == 1;
}

static bool type_code(const json_t *value)
{
	return json_is_string(value) && metadata_section(json_string_value(value));
}

/* What the health insurer feeds nobody else adds. */
static bool submitted_type(const json_t *value)
{
	return type_code(value) && !metadata_fed(json_string_value(value));
}

static bool section_code(const json_t *value)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].section, text) == 0) {
			return true;
		}
	}
	return false;
}

/* RFC 6838 §4.2 without parameters, lower case. Return: bytes of a restricted name at @text. */
static size_t restricted_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-");

	return n >= 1 && n <= 63 && strspn(text, "!#$&^_.+-") == 0 ? n : 0;
}

static bool mime(const json_t *value)
{
	const char *text = json_string_value(value);
	size_t first = text ? restricted_name(text) : 0;
	size_t second;

	if (first == 0 || text[first] != '/') {
		return false;
	}
	text += first + 1;
	second = restricted_name(text);
	return second > 0 && text[second] == '\0';
}

/* TOO_LARGE is told apart in metadata_check() */
static bool size(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool sha256(const json_t *value)
{
	const char *text = json_string_value(value);

	return json_string_length(value) == 2 * SEAL_HASH &&
	       strspn(text, "0123456789abcdef") == 2 * SEAL_HASH;
}

static bool flags(const json_t *value)
{
	static const char *const words[] = {
		"masque_ps", "invisible_patient", "invisible_representants_legaux"};
	unsigned int seen = 0;
	json_t *flag;
	size_t i;

	json_array_foreach(value, i, flag)
	{
		size_t w = 0;

		while (w < ARRAY_LEN(words) && !one_of(flag, &words[w], 1)) {
			w++;
		}
		if (w == ARRAY_LEN(words) || (seen & (1U << w))) {
			return false;
		}
		seen |= 1U << w;
	}
	return json_is_array(value);
}

/* -- objects --------------------------------------------------------------------------------- */

/* Every member known and right, every required one there. Return: NULL, or what is wrong. */
static const char *wrong_member(const json_t *j, const struct member *members, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *value = json_object_get(j, members[i].name);

		if (value ? !members[i].check(value) : members[i].required) {
			return members[i].name;
		}
		known += value != NULL;
	}
	return known == json_object_size(j) ? NULL : "metadata";
}

static bool kind(const json_t *value)
{
	return json_is_string(value);
}

static bool group(const json_t *value)
{
	return ONE_OF(value, "A", "B", "AB", "O");
}

static bool rhesus(const json_t *value)
{
	return ONE_OF(value, "+", "-");
}

static bool severity(const json_t *value)
{
	return ONE_OF(value, "mild", "moderate", "severe");
}

static bool truth(const json_t *value)
{
	return json_is_boolean(value);
}

static bool here(const json_t *value)
{
	return ONE_OF(value, "here");
}

static bool elsewhere(const json_t *value)
{
	return ONE_OF(value, "elsewhere");
}

static bool nature(const json_t *value)
{
	return ONE_OF(value, "medical", "surgical", "obstetric", "family", "other");
}

static bool examination(const json_t *value)
{
	return ONE_OF(value, "smear", "mammography", "colonoscopy", "other");
}

static bool phone(const json_t *value)
{
	size_t len = json_string_length(value);
	const char *text = json_string_value(value);

	return text && len >= 3 && len <= 30 && strspn(text, "0123456789+ .()-") == len &&
	       strspn(text, " .()-") == 0;
}

static const struct member blood_group[] = {
	{"kind", kind, true},
	{"group", group, true},
	{"rhesus", rhesus, true},
	{"date", date, false},
};

/* allergies and intolerances */
static const struct member allergy[] = {
	{"kind", kind, true},
	{"substance", long_text, true},
	{"reaction", long_text, false},
	{"severity", severity, false},
	{"since", date, false},
};

static const struct member current_treatment[] = {
	{"kind", kind, true},
	{"substance", long_text, true},
	{"dosage", long_text, false},
	{"code", short_text, false},
	{"since", date, false},
	{"until", any_date, false},
};

static const struct member antecedent[] = {
	{"kind", kind, true},
	{"text", long_text, true},
	{"nature", nature, false},
	{"code", short_text, false},
	{"date", date, false},
};

static const struct member pathology[] = {
	{"kind", kind, true},
	{"text", long_text, true},
	{"code", short_text, false},
	{"long-term", truth, false},
	{"since", date, false},
	{"until", any_date, false},
};

static const struct member vaccination[] = {
	{"kind", kind, true},
	{"vaccine", long_text, true},
	{"date", date, true},
	{"dose", short_text, false},
	{"lot", short_text, false},
};

static const struct member prevention_date[] = {
	{"kind", kind, true},
	{"examination", examination, true},
	{"date", date, true},
	{"text", long_text, false},
	{"next", any_date, false},
};

static const struct member directive_here[] = {
	{"kind", kind, true},
	{"kept", here, true},
	{"date", date, false},
};

static const struct member directive_elsewhere[] = {
	{"kind", kind, true},
	{"kept", elsewhere, true},
	{"place", long_text, true},
	{"date", date, false},
};

static const struct member person_to_warn[] = {
	{"kind", kind, true},
	{"name", long_text, true},
	{"phone", phone, false},
	{"relation", long_text, false},
	{"trusted", truth, false},
};

/* a kind that has two forms is there twice */
static const struct {
	const char *kind;
	const struct member *members;
	size_t n;
} entry_kinds[] = {
	{"blood-group", blood_group, ARRAY_LEN(blood_group)},
	{"allergy", allergy, ARRAY_LEN(allergy)},
	{"intolerance", allergy, ARRAY_LEN(allergy)},
	{"current-treatment", current_treatment, ARRAY_LEN(current_treatment)},
	{"antecedent", antecedent, ARRAY_LEN(antecedent)},
	{"pathology", pathology, ARRAY_LEN(pathology)},
	{"vaccination", vaccination, ARRAY_LEN(vaccination)},
	{"prevention-date", prevention_date, ARRAY_LEN(prevention_date)},
	{"advance-directive", directive_here, ARRAY_LEN(directive_here)},
	{"advance-directive", directive_elsewhere, ARRAY_LEN(directive_elsewhere)},
	{"person-to-warn", person_to_warn, ARRAY_LEN(person_to_warn)},
};

static bool entry(const json_t *j)
{
	const char *word = json_get_str(j, "kind");

	for (size_t i = 0; word && i < ARRAY_LEN(entry_kinds); i++) {
		if (strcmp(entry_kinds[i].kind, word) == 0 &&
			!wrong_member(j, entry_kinds[i].members, entry_kinds[i].n)) {
			return true;
		}
	}
	return false;
}

static const struct member metadata[] = {
	{"format", format, true},
	{"type", submitted_type, true},
	{"section", section_code, false},
	{"title", long_text, true},
	{"date", date, true},
	{"mime", mime, true},
	{"size", size, true},
	{"sha256", sha256, true},
	{"flags", flags, false},
	{"entry", entry, false},
};

/* What no member can say alone. Return: NULL, or what is wrong. */
static const char *wrong_together(const json_t *j)
{
	const char *section = json_get_str(j, "section");

	if (section && strcmp(section, metadata_section(json_get_str(j, "type"))) != 0) {
		return "section";
	}
	/* nothing at all is no document */
	if (json_integer_value(json_object_get(j, "size")) == 0 &&
		!json_object_get(j, "entry")) {
		return "size";
	}
	return NULL;
}

/* An unknown member's own name is the client's text: it is not given back. */
int metadata_check(const json_t *j, const char **ret_member)
{
	const char *wrong;

	if (!json_is_object(j)) {
		*ret_member = "metadata";
		return METADATA_INVALID;
	}
	wrong = wrong_member(j, metadata, ARRAY_LEN(metadata));
	if (!wrong) {
		wrong = wrong_together(j);
	}
	if (wrong) {
		*ret_member = wrong;
		return METADATA_INVALID;
	}
	if (json_integer_value(json_object_get(j, "size")) > STORE_CONTENT) {
		*ret_member = "size";
		return METADATA_TOO_LARGE;
	}
	return 0;
}

/* -- what the health insurer feeds (doc/feed.md) --------------------------------------------------- */

static bool whole(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0;
}

static bool nothing(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) == 0;
}

static const struct member reimbursement[] = {
	{"kind", kind, true},
	{"id", short_text, true},
	{"act", short_text, true},
	{"code", short_text, false},
	{"quantity", whole, true},
	{"amount", whole, true},
	{"reimbursed", whole, true},
	{"performer", short_text, true},
	{"profession", whole, false},
	{"prescriber", short_text, false},
};

static bool fed_type(const json_t *value)
{
	return metadata_fed(json_string_value(value));
}

static bool fed_entry(const json_t *value)
{
	return fed_type(json_object_get(value, "kind")) &&
	       !wrong_member(value, reimbursement, ARRAY_LEN(reimbursement));
}

static const struct member fed[] = {
	{"format", format, true},
	{"type", fed_type, true},
	{"title", long_text, true},
	{"date", any_date, true},
	{"mime", mime, true},
	{"size", nothing, true},
	{"sha256", sha256, true},
	{"entry", fed_entry, true},
};

bool metadata_check_fed(const json_t *j)
{
	return json_is_object(j) && !wrong_member(j, fed, ARRAY_LEN(fed));
}

bool metadata_stored(const json_t *j)
{
	const json_t *flag_list = json_object_get(j, "flags");
	const json_t *typed = json_object_get(j, "entry");

	return type_code(json_object_get(j, "type")) && any_date(json_object_get(j, "date")) &&
	       (!flag_list || flags(flag_list)) && (!typed || json_get_str(typed, "kind"));
}
