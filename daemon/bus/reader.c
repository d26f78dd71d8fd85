/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.vitaled1.Reader. Pair and role come from the configuration: a reader that a pair names has that
 * pair's role; any other serves the first pair that names none for a role.
 */
#include <string.h>

#include "daemon/bus/interfaces.h"

static const struct card_reader *reader_of_object(const struct object *o)
{
	return o->what;
}

struct place {
	const char *pair;
	const char *role;
};

static struct place place_of(const struct config *config, const struct card_reader *r)
{
	for (size_t i = 0; i < config->n_pairs; i++) {
		const struct config_pair *p = &config->pairs[i];
		bool patient = strcmp(p->patient_reader, r->name) == 0;
		bool professional = strcmp(p->professional_reader, r->name) == 0;

		if (patient || professional)
			return (struct place){p->name, patient && professional ? "any"
						       : patient	       ? "patient"
								 : "professional"};
	}
	for (size_t i = 0; i < config->n_pairs; i++) {
		const struct config_pair *p = &config->pairs[i];

		if (!*p->patient_reader || !*p->professional_reader)
			return (struct place){p->name, *p->patient_reader ? "professional"
						       : *p->professional_reader ? "patient"
										 : "any"};
	}
	return (struct place){config->n_pairs ? "" : "default", "any"};
}

static void get_name(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, reader_of_object(o)->name);
}

static void get_driver(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, reader_of_object(o)->driver);
}

static void get_slot(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u32(w, reader_of_object(o)->slot);
}

static void get_pair(struct bus *b, const struct object *o, struct wire *w)
{
	wire_str(w, place_of(b->rooms.config, reader_of_object(o)).pair);
}

static void get_role(struct bus *b, const struct object *o, struct wire *w)
{
	wire_str(w, place_of(b->rooms.config, reader_of_object(o)).role);
}

static void get_card(struct bus *b, const struct object *o, struct wire *w)
{
	const struct card *c = reader_of_object(o)->card;
	char path[48] = "/";

	if (c && objects_get(b, OBJECT_CARD, c->id))
		object_path(OBJECT_CARD, c->id, path);
	wire_path(w, path);
}

static const struct property properties[] = {
	{"Name", "s", PROPERTY_CONST, get_name},
	{"Driver", "s", PROPERTY_CONST, get_driver},
	{"Slot", "u", PROPERTY_CONST, get_slot},
	{"Pair", "s", PROPERTY_CONST, get_pair},
	{"Role", "s", PROPERTY_CONST, get_role},
	{"Card", "o", 0, get_card},
};

const struct interface interface_reader = {
	.name = "org.vitaled1.Reader",
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};
