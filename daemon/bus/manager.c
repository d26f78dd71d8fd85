/* SPDX-License-Identifier: EUPL-1.2 */
/* org.vitaled1.Manager: its table and its properties. */
#include "daemon/bus/agents.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"

static void get_version(struct bus *b _unused_, const struct object *o _unused_, struct wire *w)
{
	wire_str(w, VITALED_VERSION);
}

static void get_features(
	struct bus *b _unused_, const struct object *o _unused_, struct wire *w)
{
	static const char *const features[] = {"mode-normal", "mode-identity",
		"mode-bris-de-glace", "mode-centre-15", "pre-emption", "intent-consult",
		"intent-feed", "intent-create", "backend-local", "receipt-json",
		"audit-export-json", "lend", "pin-change", "pin-unblock", "pinpad", "queue",
		"reader-roles", "professional-cache", "crl"};
	struct wire list;

	wire_open(w, DBUS_TYPE_ARRAY, "s", &list);
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		wire_str(&list, features[i]);
	wire_close(w, &list);
}

static void get_service(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	const char *word = "absent";

	switch (cards_service(b->rooms.cards)) {
	case READER_SERVICE_RUNNING:
		word = "running";
		break;
	case READER_SERVICE_STOPPED:
		word = "stopped";
		break;
	case READER_SERVICE_ABSENT:
		break;
	}
	wire_str(w, word);
}

static void get_agents(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	agents_put(b, w);
}

static void get_required(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	static const enum nature natures[] = {NATURE_REAL, NATURE_TEST, NATURE_SIMULATED};
	struct wire dict, e;

	wire_open(w, DBUS_TYPE_ARRAY, "{ss}", &dict);
	for (size_t i = 0; i < ARRAY_LEN(natures); i++) {
		wire_open(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		wire_str(&e, nature_word(natures[i]));
		wire_str(&e, proof_word(b->rooms.config->required[natures[i]]));
		wire_close(&dict, &e);
	}
	wire_close(w, &dict);
}

static void get_record_key(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	wire_str(w, audit_vkey(b->rooms.audit));
}

static const struct method methods[] = {
	{"OpenSession", "a{sv}", "o", "options session", METHOD_RECORDS, NULL, manager_on_open},
	{"RegisterAgent", "oas", "", "agent capabilities", METHOD_RECORDS, NULL,
		agents_on_register},
	{"UnregisterAgent", "o", "", "agent", METHOD_AT_ONCE, NULL, agents_on_unregister},
	{"Diagnose", "", "aa{sv}", "findings", METHOD_COSTLY | METHOD_PURE, NULL,
		manager_on_diagnose},
	{"GetCheckpoint", "", "s", "checkpoint", METHOD_COSTLY, NULL, manager_on_checkpoint},
	{"GetAuditProof", "s", "h", "entry proof", METHOD_COSTLY, POLKIT_AUDIT_READ,
		manager_on_proof},
	{"ExportAudit", "a{sv}", "h", "options export", METHOD_RECORDS, POLKIT_AUDIT_READ,
		manager_on_export},
};

static const struct property properties[] = {
	{"Version", "s", PROPERTY_CONST, get_version},
	{"Features", "as", PROPERTY_CONST, get_features},
	{"ReaderService", "s", 0, get_service},
	{"Agents", "a(ss)", 0, get_agents},
	{"RequiredProof", "a{ss}", 0, get_required},
	{"RecordKey", "s", PROPERTY_CONST, get_record_key},
};

const struct interface interface_manager = {
	.name = "org.vitaled1.Manager",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};
