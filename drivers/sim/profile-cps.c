/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The members of a professional's card: who it is, the activities, the codes, EF_ACTUA, and what
 * becomes of its certificates. Only numbers that no professional and no structure has are taken.
 */
#include <string.h>

#include "drivers/sim/profile-load.h"

static void load_activities(struct loader *l, const json_t *array)
{
	if (json_array_size(array) > PROFILE_ACTIVITIES_MAX) {
		load_complain(l, "activities", "are more than 16");
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *one = json_array_get(array, i);
		struct profile_activity *a = &l->p->activities[l->p->n_activities++];

		a->number = (uint8_t)load_int(l, one, "number", 1, PROFILE_ACTIVITIES_MAX, 1);
		load_text(l, one, "name", 1, a->name, sizeof(a->name));
		load_text(l, one, "structure", 1, a->structure, sizeof(a->structure));
		load_text(l, one, "sector", 4, a->sector, sizeof(a->sector));
		for (size_t k = 0; k + 1 < l->p->n_activities; k++)
			if (l->p->activities[k].number == a->number)
				load_complain(l, "number", "stands twice");
	}
}

/* Table G08: 8 and a RPPS number from 899; 3 (FINESS) and 5 (SIRET) of a structure from 99, a slash
 * and the number in the structure's register. */
static void check_id(struct loader *l, const char *id)
{
	struct view v = view_str(id);
	const char *slash = strchr(id, '/');
	struct view rest = slash ? view_str(slash + 1) : VIEW_NULL;

	if (strspn(id, "0123456789/") != v.len)
		load_complain(l, "id", "must be digits, and a slash before a register number");
	if (slash) {
		struct view head = view_sub(v, 0, 3);

		if ((!view_equal(head, VIEW_TEXT("399")) &&
			    !view_equal(head, VIEW_TEXT("599"))) ||
			rest.len == 0 || strchr(slash + 1, '/'))
			load_complain(l, "id",
				"of a structure's member must start 399 or 599: invented");
		return;
	}
	if (v.len != 12 || !view_equal(view_sub(v, 0, 4), VIEW_TEXT("8899")))
		load_complain(
			l, "id", "must be 12 digits and start 8899: an invented professional");
}

static void load_professional(struct loader *l, const json_t *j)
{
	struct profile_professional *p = &l->p->professional;

	load_text(l, j, "id", 12, p->id, sizeof(p->id));
	check_id(l, p->id);
	load_text(l, j, "surname", 0, p->surname, sizeof(p->surname));
	load_text(l, j, "given", 0, p->given, sizeof(p->given));
	load_text(l, j, "title", 1, p->title, sizeof(p->title));
	p->type = (uint8_t)load_int(l, j, "type", 0, 3, 0);
	p->profession = (uint8_t)load_int(l, j, "profession", 0, 99, 10);
	p->future = (uint8_t)load_int(l, j, "future_profession", 1, 99, 0);
	p->responsibility = (uint8_t)load_int(l, j, "responsibility", 0, 2, 0);
	load_text(l, j, "speciality", 0, p->speciality, sizeof(p->speciality));
	load_text(l, j, "organisation", 0, p->organisation, sizeof(p->organisation));
	load_text(l, j, "structure", 0, p->structure, sizeof(p->structure));
	load_text(l, j, "department", 0, p->department, sizeof(p->department));
}

static void load_actua(struct loader *l, const json_t *j)
{
	const char *broken = json_get_str(j, "actua");

	load_digits(l, j, "actua_from", false, l->p->actua_from, sizeof(l->p->actua_from));
	load_digits(l, j, "actua_to", false, l->p->actua_to, sizeof(l->p->actua_to));
	if (!broken)
		return;
	if (strcmp(broken, "empty") == 0)
		l->p->actua = PROFILE_ACTUA_EMPTY;
	else if (strcmp(broken, "zeros") == 0)
		l->p->actua = PROFILE_ACTUA_ZEROS;
	else
		load_complain(l, "actua", "is neither empty nor zeros");
}

/* The contactless side has no code; its ATR is another one. */
static void load_interface(struct loader *l, const json_t *j)
{
	static const uint8_t contactless[] = {0x3B, 0x8F, 0x80, 0x01};
	struct view head = view_sub(view_of(l->p->atr, l->p->atr_len), 0, 4);

	l->p->contactless = json_get_bool(j, "contactless");
	if (l->p->contactless && l->p->kind != PROFILE_KIND_CPS3)
		load_complain(l, "contactless", "is a cps3 only");
	if (l->p->contactless != view_equal(head, VIEW(contactless)))
		load_complain(l, "contactless", "and the ATR do not agree");
	if (l->p->contactless)
		return;
	load_digits(l, j, "pin", true, l->p->pin, sizeof(l->p->pin));
	load_digits(l, j, "puk", true, l->p->puk, sizeof(l->p->puk));
}

/* The 8 digits after the issuer number get their Luhn digit here. */
void load_cps(struct loader *l, const json_t *j)
{
	struct view serial;

	load_professional(l, json_object_get(j, "professional"));
	load_activities(l, json_object_get(j, "activities"));
	load_actua(l, j);
	load_interface(l, j);
	l->p->pin_each_signature = json_get_bool(j, "pin_each_signature");
	l->p->revoked = json_get_bool(j, "revoked");
	l->p->crl_days = load_int(l, j, "crl_days", -36500, 36500, 30);
	serial = view_str(l->p->serial);
	if (serial.len != 18 || !view_equal(view_sub(serial, 0, 10), VIEW_TEXT("8025000001"))) {
		load_complain(l, "serial", "must be 8025000001 and 8 digits");
		return;
	}
	l->p->serial[18] = (char)('0' + profile_luhn(serial));
}
