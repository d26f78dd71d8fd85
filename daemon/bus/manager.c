/* SPDX-License-Identifier: EUPL-1.2 */
/* org.vitaled1.Manager: its table and its properties. */
#include "daemon/bus/agents.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"

static void get_version(struct bus *b _unused_, const struct object *o _unused_, struct wire *w)
{
	wire_str(w, VITALED_VERSION);
}

/* intent-..., of those that a patient can be asked for: there is a text that says what it opens */
static void put_intents(const struct bus *b, struct wire *list)
{
	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		_cleanup_(buf_done) struct buf name = BUF_NULL(64);

		if (!consent_covers(b->rooms.consents, 1U << i))
			continue;
		buf_printf(&name, "intent-%s", session_intent_word(i));
		buf_put_u8(&name, 0);
		if (buf_check(&name) < 0)
			list->ok = false;
		else
			wire_str(list, (const char *)name.data);
	}
}

static void get_features(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	static const char *const features[] = {"mode-normal", "mode-identity",
		"mode-bris-de-glace", "mode-centre-15", "mode-administration", "mode-patient",
		"patient-codes", "without-card", "pre-emption", "backend-local", "receipt-json",
		"audit-export-json", "lend", "pin-change", "pin-unblock", "pinpad", "queue",
		"reader-roles", "professional-cache", "crl", "import-reimbursements"};
	struct wire list;

	wire_open(w, DBUS_TYPE_ARRAY, "s", &list);
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		wire_str(&list, features[i]);
	put_intents(b, &list);
	wire_close(w, &list);
}

static void get_service(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	wire_str(w, reader_service_word(cards_service(b->rooms.cards)));
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

static void get_checkpoint(struct bus *b, const struct object *o _unused_, struct wire *w)
{
	wire_str(w, audit_note(b->rooms.audit, NULL));
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
	{"GetAuditConsistency", "s", "h", "old proof", METHOD_COSTLY | METHOD_PURE, NULL,
		manager_on_consistency},
	{"ExportAudit", "a{sv}", "h", "options export", METHOD_RECORDS, POLKIT_AUDIT_READ,
		manager_on_export},
	{"ImportReimbursements", "h", "u", "feed lines", METHOD_RECORDS, POLKIT_FEED_IMPORT,
		manager_on_import},
};

static const struct property properties[] = {
	{"Version", "s", PROPERTY_CONST, get_version},
	{"Features", "as", PROPERTY_CONST, get_features},
	{"ReaderService", "s", 0, get_service},
	{"Agents", "a(ss)", 0, get_agents},
	{"RequiredProof", "a{ss}", 0, get_required},
	{"RecordKey", "s", PROPERTY_CONST, get_record_key},
	{"Checkpoint", "s", 0, get_checkpoint},
};

const struct interface interface_manager = {
	.name = "org.vitaled1.Manager",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};
