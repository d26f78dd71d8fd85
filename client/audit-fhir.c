/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * AuditEvent by FHIR R4: required are type, recorded, agent.requestor, source.observer; type and
 * subtype are DICOM's audit codes (PS3.16 CID 400, 401), and the record's own word is always a second
 * subtype. Members that have no element of their own are details of the last entity, which is the
 * entry itself.
 */
#include "client/audit-fhir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "record/merkle.h"

#define DCM	"http://dicom.nema.org/resources/ontology/DCM"
#define HL7(x)	"http://terminology.hl7.org/CodeSystem/" x
#define OWN(x)	"https://vitaled.example/fhir/" x /* *invented* */
#define PERSONS "urn:oid:1.2.250.1.71.4.2.1"	  /* national identifiers of professionals */
#define HOUSES	"urn:oid:1.2.250.1.71.4.2.2"	  /* of structures */

/* DICOM PS3.16: audit event identifiers (CID 400) and types (CID 401) */
#define CODES(X)                                                                               \
	X(ACTIVITY, "110100", "Application Activity")                                          \
	X(LOG_USED, "110101", "Audit Log Used")                                                \
	X(EXPORT, "110106", "Export")                                                          \
	X(PATIENT, "110110", "Patient Record")                                                 \
	X(QUERY, "110112", "Query")                                                            \
	X(ALERT, "110113", "Security Alert")                                                   \
	X(USER, "110114", "User Authentication")                                               \
	X(START, "110120", "Application Start")                                                \
	X(STOP, "110121", "Application Stop")                                                  \
	X(LOGIN, "110122", "Login")                                                            \
	X(ATTACH, "110124", "Attach")                                                          \
	X(DETACH, "110125", "Detach")                                                          \
	X(NODE, "110126", "Node Authentication")                                               \
	X(EMERGENCY, "110127", "Emergency Override Started")                                   \
	X(SOFTWARE, "110131", "Software Configuration")                                        \
	X(RESTRICTED, "110132", "Use of Restricted Function")                                  \
	X(OBJECT, "110135", "Object Security Attributes Changed")                              \
	X(ROLES, "110136", "Security Roles Changed")                                           \
	X(ATTRIBUTES, "110137", "User Security Attributes Changed")

enum code {
	CODE_NONE = 0,
#define X(id, number, display) CODE_##id,
	CODES(X)
#undef X
};

static const struct {
	const char *number;
	const char *display;
} codes[] = {{NULL, NULL},

#define X(id, number, display) {number, display},
	CODES(X)
#undef X
};

/* what happened to the thing: create, read, update, delete, execute */
static const struct kind {
	const char *event;
	enum code type;
	enum code subtype;
	char action;
	bool reason; /* its outcome says why, and is not a failure */
} kinds[] = {
	{"start", CODE_ACTIVITY, CODE_START, 'E', false},
	{"stop", CODE_ACTIVITY, CODE_STOP, 'E', false},
	{"session-opened", CODE_ACTIVITY, CODE_NONE, 'E', false},
	{"session-ended", CODE_ACTIVITY, CODE_NONE, 'E', true},
	{"card-in", CODE_ACTIVITY, CODE_ATTACH, 'E', false},
	{"card-out", CODE_ACTIVITY, CODE_DETACH, 'E', true},
	{"pin", CODE_USER, CODE_LOGIN, 'E', false},
	{"proof", CODE_USER, CODE_NODE, 'E', false},
	{"consent", CODE_PATIENT, CODE_NONE, 'E', true},
	{"unlocked", CODE_PATIENT, CODE_NONE, 'R', false},
	{"identity-read", CODE_PATIENT, CODE_NONE, 'R', false},
	{"dossier-created", CODE_PATIENT, CODE_NONE, 'C', false},
	{"dossier-listed", CODE_QUERY, CODE_NONE, 'E', false},
	{"dossier-summary", CODE_PATIENT, CODE_NONE, 'R', false},
	{"document-read", CODE_PATIENT, CODE_NONE, 'R', false},
	{"document-added", CODE_PATIENT, CODE_NONE, 'C', false},
	{"document-flagged", CODE_PATIENT, CODE_OBJECT, 'U', false},
	{"document-replaced", CODE_PATIENT, CODE_NONE, 'U', false},
	{"document-archived", CODE_PATIENT, CODE_NONE, 'U', false},
	{"document-deleted", CODE_PATIENT, CODE_NONE, 'D', false},
	{"people-listed", CODE_PATIENT, CODE_NONE, 'R', false},
	{"authorised", CODE_PATIENT, CODE_ROLES, 'U', false},
	{"revoked", CODE_PATIENT, CODE_ROLES, 'U', false},
	{"blocked", CODE_PATIENT, CODE_ROLES, 'U', false},
	{"treating-doctor", CODE_PATIENT, CODE_ROLES, 'U', false},
	{"opposition", CODE_PATIENT, CODE_ROLES, 'U', false},
	{"pruned", CODE_LOG_USED, CODE_NONE, 'D', false},
	{"history-read", CODE_LOG_USED, CODE_NONE, 'R', false},
	{"denied", CODE_ALERT, CODE_RESTRICTED, 'E', false},
	{"receipt", CODE_EXPORT, CODE_NONE, 'R', false},
	{"export", CODE_LOG_USED, CODE_NONE, 'R', false},
	{"configuration", CODE_ACTIVITY, CODE_SOFTWARE, 'U', false},
	{"agent", CODE_ACTIVITY, CODE_NONE, 'E', false},
	{"clock-jump", CODE_ALERT, CODE_NONE, 'E', false},
	{"card-lent", CODE_ACTIVITY, CODE_DETACH, 'E', false},
	{"card-returned", CODE_ACTIVITY, CODE_ATTACH, 'E', true},
	{"suspended", CODE_ACTIVITY, CODE_NONE, 'E', false},
	{"resumed", CODE_ACTIVITY, CODE_NONE, 'E', false},
	{"pin-changed", CODE_USER, CODE_ATTRIBUTES, 'U', false},
	{"pin-unblocked", CODE_USER, CODE_ATTRIBUTES, 'U', false},
	{"child-failed", CODE_ALERT, CODE_NONE, 'E', false},
	{"store-rejected", CODE_ALERT, CODE_NONE, 'E', false},
	{"emergency", CODE_ALERT, CODE_EMERGENCY, 'E', false},
	{"pre-emption", CODE_ALERT, CODE_NONE, 'E', false},
	{"dossier-closed", CODE_PATIENT, CODE_NONE, 'U', false},
	{"dossier-reopened", CODE_PATIENT, CODE_NONE, 'U', false},
	{"dossier-exported", CODE_EXPORT, CODE_NONE, 'R', false},
	{"dossier-erased", CODE_PATIENT, CODE_NONE, 'D', false},
	{"code-tried", CODE_USER, CODE_NONE, 'E', false},
	{"code", CODE_USER, CODE_NONE, 'E', false},
	{"code-set", CODE_USER, CODE_ATTRIBUTES, 'U', false},
	{"code-issued", CODE_USER, CODE_ATTRIBUTES, 'U', false},
	{"imported", CODE_PATIENT, CODE_NONE, 'C', false},
	{"informed", CODE_PATIENT, CODE_NONE, 'R', false},
	{"masked-allowed", CODE_PATIENT, CODE_ATTRIBUTES, 'U', false},
	{"rate-exceeded", CODE_ALERT, CODE_NONE, 'E', false},
};

static const struct kind *kind_of(const char *event)
{
	static const struct kind other = {"", CODE_ACTIVITY, CODE_NONE, 'E', false};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].event, event) == 0) {
			return &kinds[i];
		}
	}
	return &other; /* of a newer service */
}

/* -- pieces; each takes NULL for what could not be made, so that one check at the end is enough - */

static json_t *coding(const char *system, const char *code, const char *display)
{
	json_t *j = json_pack("{s:s, s:s}", "system", system, "code", code);

	if (display && json_set(j, "display", json_string(display)) < 0) {
		json_put(&j);
	}
	return j;
}

static json_t *coding_of(enum code c)
{
	return coding(DCM, codes[c].number, codes[c].display);
}

static json_t *concept(json_t *of)
{
	return json_pack("{s:[o]}", "coding", of);
}

/* A reference by identifier: nothing of ours lies on a FHIR server. */
static json_t *reference(const char *type, const char *system, const char *value)
{
	return json_pack("{s:s, s:{s:s, s:s}}", "type", type, "identifier", "system", system,
		"value", value);
}

static bool append(json_t *list, json_t *item)
{
	return json_array_append_new(list, item) == 0;
}

/* FHIR has no empty strings. */
static const char *text_of(const json_t *entry, const char *name)
{
	const char *text = json_get_str(entry, name);

	return text && text[0] ? text : NULL;
}

/* -- who, what ------------------------------------------------------------------------------- */

static bool put_application(const json_t *entry, bool requestor, json_t *agents)
{
	const char *name = text_of(entry, "application");
	const char *caller = text_of(entry, "caller");
	json_t *agent = json_pack("{s:o, s:b}", "type",
		concept(coding(DCM, "110150", "Application")), "requestor", requestor);
	int64_t uid = 0;
	char text[32];
	bool ok = agent != NULL;

	if (ok && name) {
		ok = json_set(agent, "name", json_string(name)) == 0;
	}
	if (ok && caller) {
		ok = json_set(agent, "altId", json_string(caller)) == 0;
	}
	if (ok && json_get_int(entry, "caller-uid", 0, INT64_MAX, &uid) == 0) {
		(void)snprintf(text, sizeof(text), "%lld", (long long)uid);
		ok = json_set(agent, "who", reference("Device", OWN("uid"), text)) == 0;
	}
	if (!ok) {
		json_decref(agent);
		return false;
	}
	return append(agents, agent);
}

/* The initiator is the professional where there is one, else the application, else nobody. */
static json_t *agents_of(const json_t *entry, const char *origin)
{
	const char *professional = text_of(entry, "professional");
	const char *structure = text_of(entry, "structure");
	json_t *list = json_array();
	bool ok = list != NULL;

	if (ok && professional) {
		ok = append(list, json_pack("{s:o, s:b}", "who",
					  reference("Practitioner", PERSONS, professional),
					  "requestor", 1));
	}
	if (ok && structure) {
		ok = append(list,
			json_pack("{s:o, s:b}", "who",
				reference("Organization", HOUSES, structure), "requestor", 0));
	}
	if (ok && (text_of(entry, "caller") || text_of(entry, "application"))) {
		ok = put_application(entry, !professional, list);
	}
	if (ok && json_array_size(list) == 0) {
		ok = append(list,
			json_pack("{s:o, s:b}", "who",
				reference("Device", OWN("record"), origin), "requestor", 0));
	}
	if (!ok) {
		json_put(&list);
	}
	return list;
}

static json_t *entity(json_t *what, const char *type, const char *role, const char *role_text)
{
	static const char types[] = HL7("audit-entity-type");
	static const char roles[] = HL7("object-role");

	return json_pack("{s:o, s:o, s:o}", "what", what, "type",
		coding(types, type, type[0] == '1' ? "Person" : "System Object"), "role",
		coding(roles, role, role_text));
}

/* A member without an element of its own: text as it is, anything else as canonical JSON. */
static int put_detail(json_t *details, const char *name, const json_t *value)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)256 * 1024);
	json_t *detail;
	int r = 0;

	if (json_is_string(value)) {
		buf_put_str(&text, json_string_value(value));
	} else {
		r = json_canonical(value, &text);
	}
	if (r == 0) {
		r = buf_check(&text);
	}
	if (r != 0 || text.len == 0) {
		return trace(r);
	}
	detail = json_pack(
		"{s:s, s:s%}", "type", name, "valueString", (const char *)text.data, text.len);
	return append(details, detail) ? 0 : fault(-ENOMEM);
}

static int put_details(const json_t *entry, json_t *details)
{
	static const char *const names[] = {"format", "boot-id", "boot-time", "session", "mode",
		"dossier-version", "dossier-hash", "rule", "details"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const json_t *value = json_object_get(entry, names[i]);
		int r = value ? put_detail(details, names[i], value) : 0;

		if (r != 0) {
			return trace(r);
		}
	}
	return 0;
}

/* The entry itself: where it is found in the record, and what the other elements do not say. */
static int entry_entity(const json_t *entry, uint64_t index, const char *origin,
	const uint8_t leaf[MERKLE_HASH], json_t **ret)
{
	_cleanup_(buf_done) struct buf hash = BUF_NULL(64);
	_cleanup_json_ json_t *details = json_array();
	char number[24];
	json_t *j;
	int r;

	(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)index);
	base64_encode(&hash, view_of(leaf, MERKLE_HASH));
	if (!details || buf_check(&hash) < 0 ||
		!append(details,
			json_pack("{s:s, s:s%}", "type", "leaf-hash", "valueBase64Binary",
				(const char *)hash.data, hash.len))) {
		return fault(-ENOMEM);
	}
	r = put_details(entry, details);
	if (r != 0) {
		return trace(r);
	}
	j = entity(json_pack("{s:{s:s, s:s}, s:s}", "identifier", "system", OWN("record"),
			   "value", number, "display", origin),
		"2", "13", "Security Resource");
	if (json_set(j, "detail", json_incref(details)) < 0) {
		json_decref(j);
		return fault(-ENOMEM);
	}
	*ret = j;
	return 0;
}

static int entities_of(const json_t *entry, uint64_t index, const char *origin,
	const uint8_t leaf[MERKLE_HASH], json_t **ret)
{
	const char *pseudonym = text_of(entry, "pseudonym");
	const char *document = text_of(entry, "document");
	_cleanup_json_ json_t *list = json_array();
	json_t *self = NULL;
	int r;

	if (!list ||
		(pseudonym &&
			!append(list, entity(reference("Patient", OWN("pseudonym"), pseudonym),
					      "1", "1", "Patient"))) ||
		(document && !append(list, entity(reference("DocumentReference",
							  OWN("document"), document),
						   "2", "3", "Report")))) {
		return fault(-ENOMEM);
	}
	r = entry_entity(entry, index, origin, leaf, &self);
	if (r == 0 && !append(list, self)) {
		r = fault(-ENOMEM);
	}
	if (r == 0) {
		*ret = json_incref(list);
	}
	return trace(r);
}

/* -- the event ------------------------------------------------------------------------------- */

/* HL7 v3 PurposeOfUse: BTG and ETREAT are below TREAT. */
static int put_purpose(const json_t *entry, json_t *event)
{
	static const char *const purposes[][3] = {
		{"normal", "TREAT", "treatment"},
		{"bris_de_glace", "BTG", "break the glass"},
		{"centre_15", "ETREAT", "Emergency Treatment"},
	};
	const char *mode = text_of(entry, "mode");

	for (size_t i = 0; mode && i < ARRAY_LEN(purposes); i++) {
		if (strcmp(mode, purposes[i][0]) == 0) {
			return trace(json_set(event, "purposeOfEvent",
				json_pack("[o]", concept(coding(HL7("v3-ActReason"),
							 purposes[i][1], purposes[i][2])))));
		}
	}
	return 0;
}

/* 0 success, 4 minor failure: what was asked for was not done. */
static int put_outcome(const json_t *entry, const struct kind *k, json_t *event)
{
	const char *outcome = text_of(entry, "outcome");
	bool done = !outcome || strcmp(outcome, "ok") == 0 || k->reason;
	int r = json_set(event, "outcome", json_string(done ? "0" : "4"));

	if (r == 0 && outcome) {
		r = json_set(event, "outcomeDesc", json_string(outcome));
	}
	return trace(r);
}

static json_t *subtypes_of(const struct kind *k, const char *event)
{
	json_t *own = coding(OWN("event"), event, NULL);

	return k->subtype == CODE_NONE ? json_pack("[o]", own)
				       : json_pack("[o, o]", coding_of(k->subtype), own);
}

static json_t *source_of(const char *origin)
{
	return json_pack("{s:s, s:o, s:[o]}", "site", origin, "observer",
		reference("Device", OWN("record"), origin), "type",
		coding(HL7("security-source-type"), "4", "Application Server"));
}

/* All are stolen, in the order of @names. */
static int set_all(json_t *event, const char *const *names, json_t *const *values, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n; i++) {
		int e = json_set(event, names[i], values[i]);

		r = r == 0 ? e : r;
	}
	return trace(r);
}

static int put_head(const json_t *entry, const char *word, uint64_t index, uint64_t time,
	const char *origin, json_t *event)
{
	static const char *const names[] = {"resourceType", "id", "type", "subtype", "action",
		"recorded", "agent", "source"};
	const struct kind *k = kind_of(word);
	const char action[2] = {k->action, '\0'};
	char recorded[28];
	char id[32];
	int r;

	clock_rfc3339(time, recorded);
	(void)snprintf(id, sizeof(id), "entry-%llu", (unsigned long long)index);
	r = set_all(event, names,
		(json_t *[]){json_string("AuditEvent"), json_string(id), coding_of(k->type),
			subtypes_of(k, word), json_string(action), json_string(recorded),
			agents_of(entry, origin), source_of(origin)},
		ARRAY_LEN(names));
	if (r == 0) {
		r = put_outcome(entry, k, event);
	}
	return r == 0 ? trace(put_purpose(entry, event)) : trace(r);
}

/* RFC 9562 §5.8: 122 bits of the leaf hash. */
static void name_of(const uint8_t leaf[MERKLE_HASH], char ret[FHIR_URL_MAX])
{
	uint8_t id[16];

	bytes_copy(id, sizeof(id), leaf, sizeof(id));
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x80);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	(void)snprintf(ret, FHIR_URL_MAX,
		"urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10],
		id[11], id[12], id[13], id[14], id[15]);
}

int fhir_audit_event(struct view entry, uint64_t index, const char *origin, json_t **ret,
	char ret_url[FHIR_URL_MAX])
{
	_cleanup_json_ json_t *event = json_object();
	_cleanup_json_ json_t *j = NULL;
	json_t *entities = NULL;
	uint8_t leaf[MERKLE_HASH];
	int64_t time = 0;
	int r = json_parse(entry, &j);

	if (r == 0 && !event) {
		r = fault(-ENOMEM);
	}
	if (r == 0 &&
		(!text_of(j, "event") || json_get_int(j, "time", 0, INT64_MAX, &time) != 0)) {
		r = JSON_INVALID;
	}
	if (r == 0) {
		r = merkle_leaf_hash(entry, leaf);
	}
	if (r == 0) {
		r = put_head(j, text_of(j, "event"), index, (uint64_t)time, origin, event);
	}
	if (r == 0) {
		r = entities_of(j, index, origin, leaf, &entities);
	}
	if (r == 0) {
		r = json_set(event, "entity", entities);
	}
	if (r != 0) {
		return trace(r);
	}
	name_of(leaf, ret_url);
	*ret = json_incref(event);
	return 0;
}
