/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The table says which DICOM event (PS3.15 A.5.3, CID 400 and 401) an event of ours is; its own word goes
 * along as a second type code. Texts are bounded after they were escaped, so that no message is longer
 * than a syslog daemon takes. The last object is the entry itself, by number and leaf hash: whoever
 * keeps the messages can build the tree, and holds the record against it years later.
 */
#include "daemon/audit/atna.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/audit/entry.h"

#define PRIORITY  85 /* facility 10 (security), severity 5 (notice): ITI-20 */
#define ALERT	  84 /* ... 4 (warning) */
#define MSGID	  "IHE+RFC-3881"
#define TEXT_MAX  192U /* bytes of one value, escaped */
#define NAME_MAX_ 64U  /* ... of a name in the header */
#define DCM	  "DCM"

#define APPLICATION "110100", "Application Activity"
#define LOG_USED    "110101", "Audit Log Used"
#define EXPORT	    "110106", "Export"
#define RECORD	    "110110", "Patient Record"
#define QUERY	    "110112", "Query"
#define ALARM	    "110113", "Security Alert"
#define LOGIN	    "110114", "User Authentication"

struct kind {
	const char *code;
	const char *meaning;
	char action; /* Create, Read, Update, Delete, Execute */
	const char *type;
	const char *type_meaning;
};

static const struct kind kinds[AUDIT_EVENT_COUNT] = {
	[AUDIT_EVENT_START] = {APPLICATION, 'E', "110120", "Application Start"},
	[AUDIT_EVENT_STOP] = {APPLICATION, 'E', "110121", "Application Stop"},
	[AUDIT_EVENT_SESSION_OPENED] = {LOGIN, 'E', NULL, NULL},
	[AUDIT_EVENT_SESSION_ENDED] = {LOGIN, 'E', "110123", "Logout"},
	[AUDIT_EVENT_CARD_IN] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_CARD_OUT] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_PIN] = {LOGIN, 'E', "110122", "Login"},
	[AUDIT_EVENT_PROOF] = {LOGIN, 'E', "110126", "Node Authentication"},
	[AUDIT_EVENT_CONSENT] = {RECORD, 'C', NULL, NULL},
	[AUDIT_EVENT_UNLOCKED] = {RECORD, 'R', NULL, NULL},
	[AUDIT_EVENT_IDENTITY_READ] = {RECORD, 'R', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_CREATED] = {RECORD, 'C', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_LISTED] = {QUERY, 'E', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_SUMMARY] = {RECORD, 'R', NULL, NULL},
	[AUDIT_EVENT_DOCUMENT_READ] = {RECORD, 'R', NULL, NULL},
	[AUDIT_EVENT_DOCUMENT_ADDED] = {RECORD, 'C', NULL, NULL},
	[AUDIT_EVENT_DOCUMENT_FLAGGED] = {RECORD, 'U', "110135",
		"Object Security Attributes Changed"},
	[AUDIT_EVENT_DOCUMENT_REPLACED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_DOCUMENT_ARCHIVED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_DOCUMENT_DELETED] = {RECORD, 'D', NULL, NULL},
	[AUDIT_EVENT_PEOPLE_LISTED] = {QUERY, 'E', NULL, NULL},
	[AUDIT_EVENT_AUTHORISED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_REVOKED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_BLOCKED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_TREATING_DOCTOR] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_OPPOSITION] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_PRUNED] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_HISTORY_READ] = {LOG_USED, 'R', NULL, NULL},
	[AUDIT_EVENT_DENIED] = {ALARM, 'E', NULL, NULL},
	[AUDIT_EVENT_RECEIPT] = {EXPORT, 'R', NULL, NULL},
	[AUDIT_EVENT_EXPORT] = {LOG_USED, 'R', NULL, NULL},
	[AUDIT_EVENT_CONFIGURATION] = {ALARM, 'E', "110131", "Software Configuration"},
	[AUDIT_EVENT_AGENT] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_CLOCK_JUMP] = {ALARM, 'E', NULL, NULL},
	[AUDIT_EVENT_CARD_LENT] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_CARD_RETURNED] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_SUSPENDED] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_RESUMED] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_PIN_CHANGED] = {ALARM, 'E', "110137", "User Security Attributes Changed"},
	[AUDIT_EVENT_PIN_UNBLOCKED] = {ALARM, 'E', "110137",
		"User Security Attributes Changed"},
	[AUDIT_EVENT_CHILD_FAILED] = {APPLICATION, 'E', NULL, NULL},
	[AUDIT_EVENT_STORE_REJECTED] = {ALARM, 'E', NULL, NULL},
	[AUDIT_EVENT_EMERGENCY] = {ALARM, 'E', "110127", "Emergency Override Started"},
	[AUDIT_EVENT_PRE_EMPTION] = {ALARM, 'E', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_CLOSED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_REOPENED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_EXPORTED] = {EXPORT, 'R', NULL, NULL},
	[AUDIT_EVENT_DOSSIER_ERASED] = {RECORD, 'D', NULL, NULL},
	[AUDIT_EVENT_CODE_TRIED] = {LOGIN, 'E', NULL, NULL},
	[AUDIT_EVENT_CODE] = {LOGIN, 'E', "110122", "Login"},
	[AUDIT_EVENT_CODE_SET] = {ALARM, 'E', "110137", "User Security Attributes Changed"},
	[AUDIT_EVENT_CODE_ISSUED] = {ALARM, 'E', "110137", "User Security Attributes Changed"},
	[AUDIT_EVENT_IMPORTED] = {RECORD, 'C', NULL, NULL},
	[AUDIT_EVENT_INFORMED] = {RECORD, 'R', NULL, NULL},
	[AUDIT_EVENT_MASKED_ALLOWED] = {RECORD, 'U', NULL, NULL},
	[AUDIT_EVENT_RATE_EXCEEDED] = {ALARM, 'E', NULL, NULL},
};

/* what the message is made of */
struct scene {
	const json_t *entry;
	const struct atna_source *from;
	const char *event;
	const struct kind *kind;
	int64_t sequence;
	char time[28];
	const uint8_t *leaf;
};

/* NULL: an event of a newer version. */
static const struct kind *kind_of(const char *word)
{
	for (unsigned int e = 0; e < AUDIT_EVENT_COUNT; e++)
		if (kinds[e].code && strcmp(audit_event_word((enum audit_event)e), word) == 0)
			return &kinds[e];
	return NULL;
}

bool atna_knows(const char *event)
{
	return kind_of(event) != NULL;
}

/* -- texts -------------------------------------------------------------------------------------- */

static const char *escape_of(uint8_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&apos;";
	default:
		return c < 0x20 || c == 0x7f ? "?" : NULL;
	}
}

/* Bytes of the character at @at of the UTF-8 text @v. */
static size_t character(struct view v, size_t at)
{
	size_t n = 1;

	while (at + n < v.len && (view_sub(v, at + n, 1).data[0] & 0xc0) == 0x80)
		n++;
	return n;
}

/* @text as a value of XML; what does not fit is cut, what XML 1.0 has no place for is a question mark. */
static void put_text(struct buf *out, const char *text)
{
	struct view v = view_str(text);
	size_t end = out->len + TEXT_MAX, n;

	for (size_t at = 0; at < v.len; at += n) {
		struct view c;
		const char *escape;

		n = character(v, at);
		c = view_sub(v, at, n);
		escape = escape_of(c.data[0]);
		if (view_equal(c, VIEW_TEXT("\xef\xbf\xbe")) ||
			view_equal(c, VIEW_TEXT("\xef\xbf\xbf")))
			escape = "?";
		if (escape)
			c = view_str(escape);
		if (out->len + c.len > end)
			return;
		buf_put_view(out, c);
	}
}

/* Nothing where there is no @text. */
static void put_attribute(struct buf *out, const char *name, const char *text)
{
	if (!text)
		return;
	buf_printf(out, " %s=\"", name);
	put_text(out, text);
	buf_put_str(out, "\"");
}

static void put_code(struct buf *out, const char *element, const char *code, const char *system,
	const char *meaning)
{
	buf_printf(out, "<%s", element);
	put_attribute(out, "csd-code", code);
	put_attribute(out, "codeSystemName", system);
	put_attribute(out, "originalText", meaning);
	buf_put_str(out, "/>");
}

/* A name in the header: visible ASCII (RFC 5424 section 6). */
static void put_name(struct buf *out, const char *text)
{
	size_t n = 0;

	for (; text && *text && n < NAME_MAX_; text++, n++)
		buf_put_u8(out, *text > ' ' && *text < 0x7f ? (uint8_t)*text : '?');
	if (n == 0)
		buf_put_str(out, "-");
}

/* -- parts of the message ----------------------------------------------------------------------- */

/* PS3.15 A.5.1: 0 when it is as it should be or nobody can tell, 4 minor failure, 8 serious failure. */
static unsigned int outcome_of(const struct scene *s)
{
	static const char *const serious[] = {
		"denied", "store-rejected", "child-failed", "unreadable"};
	static const char *const fine[] = {"ok", "started", "recovered", "given", "refused",
		"impossible", "none", "not-needed"};
	const char *outcome = json_get_str(s->entry, "outcome");

	for (size_t i = 0; i < ARRAY_LEN(serious); i++)
		if (strcmp(s->event, serious[i]) == 0)
			return 8;
	if (!outcome || strcmp(s->event, "session-ended") == 0)
		return 0; /* the ends of a session are many, and most are good */
	for (size_t i = 0; i < ARRAY_LEN(fine); i++)
		if (strcmp(outcome, fine[i]) == 0)
			return 0;
	return 4;
}

static void put_event(struct buf *out, const struct scene *s)
{
	const char *outcome = json_get_str(s->entry, "outcome");

	buf_printf(out,
		"<EventIdentification EventActionCode=\"%c\" EventDateTime=\"%s\""
		" EventOutcomeIndicator=\"%u\">",
		s->kind->action, s->time, outcome_of(s));
	put_code(out, "EventID", s->kind->code, DCM, s->kind->meaning);
	if (s->kind->type)
		put_code(out, "EventTypeCode", s->kind->type, DCM, s->kind->type_meaning);
	put_code(out, "EventTypeCode", s->event, "vitaled", s->event);
	if (outcome) {
		buf_put_str(out, "<EventOutcomeDescription>");
		put_text(out, outcome);
		buf_put_str(out, "</EventOutcomeDescription>");
	}
	buf_put_str(out, "</EventIdentification>");
}

static void put_participants(struct buf *out, const struct scene *s)
{
	const char *professional = json_get_str(s->entry, "professional");
	const char *caller = json_get_str(s->entry, "caller");
	int64_t uid = -1;
	bool application = json_get_int(s->entry, "caller-uid", 0, INT64_MAX, &uid) == 0;

	if (professional) {
		buf_put_str(out, "<ActiveParticipant");
		put_attribute(out, "UserID", professional);
		buf_put_str(out, " UserIsRequestor=\"true\"/>");
	}
	if (application) {
		buf_printf(out, "<ActiveParticipant UserID=\"uid %lld\"", (long long)uid);
		put_attribute(out, "AlternativeUserID", caller);
		put_attribute(out, "UserName", json_get_str(s->entry, "application"));
		buf_printf(out, " UserIsRequestor=\"%s\"", professional ? "false" : "true");
		put_attribute(out, "NetworkAccessPointID", s->from->host);
		buf_put_str(out, " NetworkAccessPointTypeCode=\"1\">");
		put_code(out, "RoleIDCode", "110150", DCM, "Application");
		buf_put_str(out, "</ActiveParticipant>");
	}
	buf_put_str(out, "<ActiveParticipant UserID=\"vitaled\"");
	put_attribute(out, "UserName", s->from->version);
	buf_printf(
		out, " UserIsRequestor=\"%s\"", professional || application ? "false" : "true");
	put_attribute(out, "NetworkAccessPointID", s->from->host);
	buf_put_str(out, " NetworkAccessPointTypeCode=\"1\">");
	put_code(out, "RoleIDCode", "110150", DCM, "Application");
	buf_put_str(out, "</ActiveParticipant>");
}

static void put_source(struct buf *out, const struct scene *s)
{
	buf_put_str(out, "<AuditSourceIdentification");
	put_attribute(out, "AuditEnterpriseSiteID", json_get_str(s->entry, "structure"));
	put_attribute(out, "AuditSourceID", s->from->record);
	buf_put_str(out, "><AuditSourceTypeCode csd-code=\"4\"/></AuditSourceIdentification>");
}

/* An object but for its end. @type, @role, @code: PS3.15 A.5.1 and RFC 3881 section 5.5. */
static void put_object(struct buf *out, const char *id, const char *type_and_role,
	const char *code, const char *meaning, const char *name)
{
	buf_put_str(out, "<ParticipantObjectIdentification");
	put_attribute(out, "ParticipantObjectID", id);
	buf_printf(out, "%s>", type_and_role);
	put_code(out, "ParticipantObjectIDTypeCode", code, "RFC-3881", meaning);
	buf_printf(out, "<ParticipantObjectName>%s</ParticipantObjectName>", name);
}

#define OBJECT(type, role)                                                                     \
	" ParticipantObjectTypeCode=\"" type "\" ParticipantObjectTypeCodeRole=\"" role "\""

static void put_detail(struct buf *out, const char *type, struct view value)
{
	buf_printf(out, "<ParticipantObjectDetail type=\"%s\" value=\"", type);
	base64_encode(out, view_sub(value, 0, TEXT_MAX / 2));
	buf_put_str(out, "\"/>");
}

static void put_entry(struct buf *out, const struct scene *s)
{
	static const char *const details[] = {"session", "mode", "rule", "dossier-hash"};
	_cleanup_(buf_done) struct buf id = BUF_NULL(512);

	buf_printf(&id, "%s#%lld", s->from->record, (long long)s->sequence);
	buf_put_u8(&id, 0);
	if (id.failed) {
		out->failed = id.failed;
		return;
	}
	put_object(out, (const char *)id.data, OBJECT("2", "13"), "12", "URI", "entry");
	put_detail(out, "leaf", view_of(s->leaf, MERKLE_HASH));
	for (size_t i = 0; i < ARRAY_LEN(details); i++) {
		const char *text = json_get_str(s->entry, details[i]);

		if (text)
			put_detail(out, details[i], view_str(text));
	}
	buf_put_str(out, "</ParticipantObjectIdentification>");
}

static void put_objects(struct buf *out, const struct scene *s)
{
	const char *pseudonym = json_get_str(s->entry, "pseudonym");
	const char *document = json_get_str(s->entry, "document");

	if (pseudonym) {
		put_object(
			out, pseudonym, OBJECT("1", "1"), "2", "Patient Number", "pseudonym");
		buf_put_str(out, "</ParticipantObjectIdentification>");
	}
	if (document) {
		put_object(out, document, OBJECT("2", "3"), "9", "Report Number", "document");
		buf_put_str(out, "</ParticipantObjectIdentification>");
	}
	put_entry(out, s);
}

/* RFC 5424 section 6: what stands before the XML, which is UTF-8 and says so by its first mark. */
static void put_header(struct buf *out, const struct scene *s)
{
	buf_printf(out, "<%d>1 %s ", outcome_of(s) == 0 ? PRIORITY : ALERT, s->time);
	put_name(out, s->from->host);
	buf_printf(out, " vitaled - " MSGID " [meta sequenceId=\"%lld\"] \xef\xbb\xbf",
		(long long)(s->sequence % INT32_MAX + 1)); /* section 7.3.1 */
}

static int put_message(struct buf *out, const struct scene *s)
{
	put_header(out, s);
	buf_put_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?><AuditMessage>");
	put_event(out, s);
	put_participants(out, s);
	put_source(out, s);
	put_objects(out, s);
	buf_put_str(out, "</AuditMessage>");
	return trace(buf_check(out));
}

int atna_message(struct view entry, const uint8_t leaf[MERKLE_HASH],
	const struct atna_source *from, struct buf *out)
{
	_cleanup_json_ json_t *j = NULL;
	static const struct kind other = {APPLICATION, 'E', NULL, NULL};
	struct scene s = {.from = from, .leaf = leaf};
	int64_t wall;
	int r = json_parse(entry, &j);

	if (r != 0)
		return r < 0 ? trace(r) : ATNA_MALFORMED;
	s.entry = j;
	s.event = json_get_str(j, "event");
	if (!s.event || json_get_int(j, "time", 0, INT64_MAX, &wall) != 0 ||
		json_get_int(j, "sequence", 0, INT64_MAX, &s.sequence) != 0)
		return ATNA_MALFORMED;
	s.kind = kind_of(s.event);
	if (!s.kind)
		s.kind = &other;
	clock_rfc3339((uint64_t)wall, s.time);
	return trace(put_message(out, &s));
}

int atna_unreadable(uint64_t index, const uint8_t leaf[MERKLE_HASH], uint64_t wall,
	const struct atna_source *from, struct buf *out)
{
	static const struct kind alarm = {ALARM, 'E', NULL, NULL};
	_cleanup_json_ json_t *nothing = json_object();
	struct scene s = {.entry = nothing,
		.from = from,
		.event = "unreadable",
		.kind = &alarm,
		.sequence = (int64_t)(index & INT64_MAX),
		.leaf = leaf};

	if (!nothing)
		return fault(-ENOMEM);
	clock_rfc3339(wall, s.time);
	return trace(put_message(out, &s));
}
