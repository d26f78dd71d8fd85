/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.vitaled1.Reader. Pair and role come from the configuration: a section of the reader's own names
 * its role; else a reader that a pair names has that pair's role, and any other serves the first pair
 * that names none for a role.
 */
#include <string.h>

#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"

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

const char *reader_pair(const struct config *config, const struct card_reader *r)
{
	return place_of(config, r).pair;
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
	const struct card_reader *r = reader_of_object(o);
	const char *word = "";

	switch (r->role) {
	case CONFIG_ROLE_ANY:
		word = place_of(b->rooms.config, r).role;
		break;
	case CONFIG_ROLE_PATIENT:
		word = "patient";
		break;
	case CONFIG_ROLE_PROFESSIONAL:
		word = "professional";
		break;
	}
	wire_str(w, word);
}

/* pcscd names a reader "Model [Interface] (SERIAL) 00 00"; without a serial number there are no
 * round brackets behind the interface (pcsc-lite, src/hotplug_libudev.c). vitaled-usb: "Model (SERIAL)
 * [usb 1-2] 00 00", and no other brackets */
static const char usb_port[] = " [usb ";

static struct view serial_in(const char *name)
{
	const char *open = strrchr(name, '('), *close = open ? strchr(open, ')') : NULL;
	size_t n = close ? (size_t)(close - open) - 1 : 0;

	if (n == 0 || strcspn(open + 1, " )") != n ||
		(strncmp(close + 1, usb_port, strlen(usb_port)) != 0 &&
			close[1 + strspn(close + 1, " 0123456789ABCDEF")]))
		return VIEW_NULL;
	return view_of(open + 1, n);
}

static void get_serial(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	char text[64] = "";

	if (view_copy_str(serial_in(reader_of_object(o)->name), text, sizeof(text)) != 0)
		text[0] = '\0';
	wire_str(w, text);
}

static void get_pinpad(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_bool(w, reader_of_object(o)->pinpad);
}

static void get_lent(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_bool(w, reader_of_object(o)->lent);
}

static void get_card(struct bus *b, const struct object *o, struct wire *w)
{
	const struct card *c = reader_of_object(o)->card;
	char path[48] = "/";

	if (c && objects_get(b, OBJECT_CARD, c->id))
		object_path(OBJECT_CARD, c->id, path);
	wire_path(w, path);
}

static const struct method methods[] = {
	{"Lend", "u", "o", "seconds lease", METHOD_RECORDS, POLKIT_LEND, reader_on_lend},
};

static const struct property properties[] = {
	{"Name", "s", PROPERTY_CONST, get_name},
	{"Driver", "s", PROPERTY_CONST, get_driver},
	{"Serial", "s", PROPERTY_CONST, get_serial},
	{"Slot", "u", PROPERTY_CONST, get_slot},
	{"Pair", "s", 0, get_pair},
	{"Role", "s", 0, get_role},
	{"Card", "o", 0, get_card},
	{"Pinpad", "b", 0, get_pinpad},
	{"Lent", "b", 0, get_lent},
};

const struct interface interface_reader = {
	.name = "org.vitaled1.Reader",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};
