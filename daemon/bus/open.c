/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Manager.OpenSession: every option is checked before polkit is asked, what they say is kept with the
 * call, and the session is opened when polkit said yes. Strings stay borrowed from the message.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"
#include "daemon/limits.h"

#define NAME_MAX_BYTES 64U /* a structure, an application's name or version */
#define REASON_MIN     10U /* characters of an emergency's reason, blanks not counted */
#define REASON_MAX     1000U
#define REASON_BYTES   (4U * REASON_MAX)

#define EMERGENCY_INTENTS ((unsigned int)SESSION_INTENT_CONSULT | SESSION_INTENT_FEED)
#define DESK_INTENTS	  ((unsigned int)SESSION_INTENT_CLOSE | SESSION_INTENT_CODE)
#define FUND_INTENTS	  (DESK_INTENTS | SESSION_INTENT_CREATE | SESSION_INTENT_OPPOSE)

struct open_args {
	struct session_options o;
	json_t *patient;   /* owned, o.patient borrows it */
	struct buf reason; /* owned, with its end; o.reason borrows it */
	bool intent_given;
	const struct config *config;
};

static void args_free(void *data)
{
	struct open_args *args = data;

	json_decref(args->patient);
	buf_done(&args->reason);
	free(args);
}

static int set_mode(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;
	const char *word = wire_get_str(value);

	for (unsigned int i = 0; i < SESSION_MODE_COUNT; i++) {
		if (strcmp(word, session_mode_word((enum session_mode)i)) == 0) {
			args->o.mode = (enum session_mode)i;
			return 0;
		}
	}
	return WIRE_INVALID;
}

static int set_intent(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;
	DBusMessageIter array;

	dbus_message_iter_recurse(value, &array);
	while (dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING) {
		const char *word = wire_get_str(&array);
		unsigned int i = 0;

		while (i < SESSION_INTENTS && strcmp(session_intent_word(i), word) != 0)
			i++;
		if (i == SESSION_INTENTS || args->o.intents & 1U << i)
			return WIRE_INVALID;
		args->o.intents |= 1U << i;
		(void)dbus_message_iter_next(&array);
	}
	args->intent_given = true;
	return args->o.intents ? 0 : WIRE_INVALID;
}

static bool text_member(const json_t *v)
{
	return json_is_string(v) && json_string_length(v) > 0 && json_string_length(v) <= 128;
}

/* the shape only; whether such a person is on the card is the session's matter */
static bool patient_shape(const json_t *patient)
{
	size_t known = 0;

	if (!json_is_object(patient))
		return false;
	for (size_t i = 0; i < 4; i++) {
		static const char *const texts[] = {"ins", "nir", "birth-date", "birth-name"};
		const json_t *v = json_object_get(patient, texts[i]);

		if (!v)
			continue;
		if (!text_member(v))
			return false;
		known++;
	}
	if (json_object_get(patient, "rank")) {
		int64_t rank;

		if (json_get_int(patient, "rank", 0, UINT8_MAX, &rank))
			return false;
		known++;
	}
	return known == json_object_size(patient) && json_object_get(patient, "birth-date") &&
	       !json_object_get(patient, "ins") != !json_object_get(patient, "nir");
}

static int set_patient(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;
	_cleanup_fd_ int fd = wire_get_fd(value);
	int r;

	if (fd < 0)
		return WIRE_INVALID;
	r = json_read_fd(fd, LIMIT_JSON_FD, &args->patient);
	if (r < 0)
		return trace(r);
	if (r > 0 || !patient_shape(args->patient))
		return WIRE_INVALID;
	args->o.patient = args->patient;
	return 0;
}

/* Well-formed text of a few lines: no other control characters, and so many characters that are no
 * blanks. */
static bool reason_shape(const char *text)
{
	size_t n = 0, said = 0;

	if (!dbus_validate_utf8(text, NULL))
		return false;
	for (const char *p = text; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			return false;
		n += (c & 0xc0) != 0x80; /* the first byte of a character */
		said += (c & 0xc0) != 0x80 && c > 0x20;
	}
	return said >= REASON_MIN && n <= REASON_MAX;
}

static int set_reason(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;
	_cleanup_fd_ int fd = wire_get_fd(value);
	size_t len;
	int r;

	if (fd < 0)
		return WIRE_INVALID;
	r = json_read_text(fd, REASON_BYTES, &args->reason);
	if (r < 0)
		return trace(r);
	len = args->reason.len;
	buf_put_u8(&args->reason, 0);
	if (buf_check(&args->reason) < 0)
		return fault(-ENOMEM);
	args->o.reason = (const char *)args->reason.data;
	return r == 0 && strlen(args->o.reason) == len && reason_shape(args->o.reason)
		       ? 0
		       : WIRE_INVALID;
}

static bool short_name(const char *text)
{
	size_t n = strlen(text);

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20)
			return false;
	return n > 0 && n <= NAME_MAX_BYTES;
}

/* "default" stands for any two readers only where no pair is configured; else it is a name like
 * others, also when the caller gave none */
static int set_pair(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.pair = wire_get_str(value);
	return config_has_pair(args->config, args->o.pair) ? 0 : WIRE_INVALID;
}

static int set_structure(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.structure = wire_get_str(value);
	return short_name(args->o.structure) ? 0 : WIRE_INVALID;
}

static int set_application_name(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.application = wire_get_str(value);
	return short_name(args->o.application) ? 0 : WIRE_INVALID;
}

static int set_application_version(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.application_version = wire_get_str(value);
	return short_name(args->o.application_version) ? 0 : WIRE_INVALID;
}

static int set_application(void *user, DBusMessageIter *value)
{
	static const struct wire_option options[] = {
		{"name", "s", set_application_name},
		{"version", "s", set_application_version},
	};
	const char *bad = NULL;

	return wire_options(value, options, ARRAY_LEN(options), user, &bad);
}

static int set_lifetime(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.lifetime = wire_get_u32(value);
	return args->o.lifetime > 0 && args->o.lifetime <= LIMIT_SESSION_LIFE / 1000000U
		       ? 0
		       : WIRE_INVALID;
}

static int set_wait(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.wait = wire_get_bool(value);
	return 0;
}

static int set_without_card(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.without_card = wire_get_bool(value);
	return 0;
}

static void open_allowed(struct call *call)
{
	struct open_args *args = call->data;
	struct session *s = NULL;
	char path[48];
	struct wire w;
	int r;

	args->o.interactive = dbus_message_get_allow_interactive_authorization(call->m);
	r = session_open(
		call->b->rooms.sessions, call->peer->name, call->peer->uid, &args->o, &s);

	if (r < 0) {
		call_fault(call, r);
		return;
	}
	if (r > 0) {
		call_fail(call, errors_of_open(r), r == SESSION_OPEN_LIMIT ? "sessions" : NULL);
		return;
	}
	if (!objects_get(call->b, OBJECT_SESSION, session_id(s))) {
		session_release(s); /* nobody could ever reach it */
		call_fault(call, fault(-ENOMEM));
		return;
	}
	object_path(OBJECT_SESSION, session_id(s), path);
	wire_reply(&w, call->m);
	wire_path(&w, path);
	call_reply(call, &w);
}

/* Whether what is asked of the patient stands in a text that they are shown. */
static bool said_to_the_patient(const struct call *call, unsigned int intents)
{
	return consent_covers(
		call->b->rooms.consents, intents ? intents : SESSION_INTENT_CONSULT);
}

/* Whether that may be meant in that mode, and nothing is missing. */
static bool intents_fit(const struct call *call, const struct open_args *args)
{
	unsigned int intents = args->o.intents;

	switch (args->o.mode) {
	case SESSION_MODE_NORMAL: /* a dossier is closed in mode administration, and a code made;
				   * and none is created without the patient's card */
		return said_to_the_patient(call, intents) && !(intents & DESK_INTENTS) &&
		       !(args->o.without_card && intents & SESSION_INTENT_CREATE);
	case SESSION_MODE_ADMINISTRATION: /* and no document: so there is no default */
		return intents && !(intents & ~FUND_INTENTS) &&
		       said_to_the_patient(call, intents);
	case SESSION_MODE_BRIS_DE_GLACE:
	case SESSION_MODE_CENTRE_15: /* nobody has agreed to more */
		return !(intents & ~EMERGENCY_INTENTS);
	case SESSION_MODE_IDENTITY: /* nothing is opened */
	case SESSION_MODE_PATIENT:  /* it is their own */
	case SESSION_MODE_COUNT:
		break;
	}
	return !args->intent_given;
}

/* The key that does not go with the mode, or is missing; NULL: none. */
static const char *not_of_mode(const struct call *call, const struct open_args *args)
{
	bool emergency = session_mode_emergency(args->o.mode);

	if (!args->o.pair && !config_has_pair(args->config, "default"))
		return "pair";
	if (args->o.mode != SESSION_MODE_PATIENT &&
		config_self_service(args->config, args->o.pair ? args->o.pair : "default"))
		return "mode";
	if (!intents_fit(call, args))
		return "intent";
	if (emergency != (args->o.reason != NULL))
		return "reason";
	if (args->o.structure && args->o.mode == SESSION_MODE_PATIENT)
		return "structure"; /* nobody's */
	if (args->o.without_card && args->o.mode != SESSION_MODE_NORMAL)
		return "without-card"; /* an emergency finds out by itself */
	if (args->o.without_card && !args->o.patient)
		return "patient"; /* nobody's card says who it is */
	return NULL;
}

static const char *action_of(enum session_mode mode)
{
	if (session_mode_emergency(mode))
		return POLKIT_OPEN_EMERGENCY;
	return mode == SESSION_MODE_IDENTITY ? POLKIT_OPEN_IDENTITY : POLKIT_OPEN;
}

void manager_on_open(struct call *call)
{
	static const struct wire_option options[] = {
		{"mode", "s", set_mode},
		{"intent", "as", set_intent},
		{"patient", "h", set_patient},
		{"reason", "h", set_reason},
		{"pair", "s", set_pair},
		{"structure", "s", set_structure},
		{"application", "a{sv}", set_application},
		{"lifetime", "u", set_lifetime},
		{"wait", "b", set_wait},
		{"without-card", "b", set_without_card},
	};
	struct open_args *args = calloc(1, sizeof(*args));
	const char *bad = NULL;
	DBusMessageIter it;
	int r;

	if (!args) {
		call_fault(call, fault(-ENOMEM));
		return;
	}
	args->config = call->b->rooms.config;
	args->reason = BUF_NULL(REASON_BYTES + 1);
	call->data = args;
	call->data_free = args_free;
	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, options, ARRAY_LEN(options), args, &bad);
	if (r < 0) {
		call_fault(call, r);
		return;
	}
	if (r == 0)
		bad = not_of_mode(call, args);
	if (bad) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, bad);
		return;
	}
	polkit_check(call, action_of(args->o.mode), open_allowed);
}
