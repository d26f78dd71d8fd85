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

struct open_args {
	struct session_options o;
	json_t *patient; /* owned, o.patient borrows it */
	bool intent_given;
	const struct config *config;
};

static void args_free(void *data)
{
	struct open_args *args = data;

	json_decref(args->patient);
	free(args);
}

static int set_mode(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;
	const char *word = wire_get_str(value);

	if (strcmp(word, "normal") == 0)
		args->o.mode = SESSION_MODE_NORMAL;
	else if (strcmp(word, "identity") == 0)
		args->o.mode = SESSION_MODE_IDENTITY;
	else
		return WIRE_INVALID;
	return 0;
}

static int set_intent(void *user, DBusMessageIter *value)
{
	static const struct {
		const char *word;
		enum session_intent bit;
	} words[] = {
		{"consult", SESSION_INTENT_CONSULT},
		{"feed", SESSION_INTENT_FEED},
		{"create", SESSION_INTENT_CREATE},
	};
	struct open_args *args = user;
	DBusMessageIter array;

	dbus_message_iter_recurse(value, &array);
	while (dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING) {
		const char *word = wire_get_str(&array);
		size_t i = 0;

		while (i < ARRAY_LEN(words) && strcmp(words[i].word, word) != 0)
			i++;
		if (i == ARRAY_LEN(words) || args->o.intents & words[i].bit)
			return WIRE_INVALID;
		args->o.intents |= words[i].bit;
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
	for (size_t i = 0; i < 3; i++) {
		static const char *const texts[] = {"ins", "nir", "birth-date"};
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
static bool pair_known(const struct config *config, const char *name)
{
	bool known = config->n_pairs == 0 && strcmp(name, "default") == 0;

	for (size_t i = 0; i < config->n_pairs; i++)
		known = known || strcmp(config->pairs[i].name, name) == 0;
	return known;
}

static int set_pair(void *user, DBusMessageIter *value)
{
	struct open_args *args = user;

	args->o.pair = wire_get_str(value);
	return pair_known(args->config, args->o.pair) ? 0 : WIRE_INVALID;
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

static void open_allowed(struct call *call)
{
	const struct open_args *args = call->data;
	struct session *s = NULL;
	char path[48];
	struct wire w;
	int r = session_open(
		call->b->rooms.sessions, call->peer->name, call->peer->uid, &args->o, &s);

	if (r < 0) {
		call_fault(call, r);
		return;
	}
	if (r > 0) {
		call_fail(call, errors_of_open(r), NULL);
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

void manager_on_open(struct call *call)
{
	static const struct wire_option options[] = {
		{"mode", "s", set_mode},
		{"intent", "as", set_intent},
		{"patient", "h", set_patient},
		{"pair", "s", set_pair},
		{"structure", "s", set_structure},
		{"application", "a{sv}", set_application},
		{"lifetime", "u", set_lifetime},
		{"wait", "b", set_wait},
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
	call->data = args;
	call->data_free = args_free;
	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, options, ARRAY_LEN(options), args, &bad);
	if (r < 0) {
		call_fault(call, r);
		return;
	}
	if (r == 0 && args->o.mode == SESSION_MODE_IDENTITY && args->intent_given) {
		bad = "intent"; /* nothing is opened */
		r = WIRE_INVALID;
	}
	if (r == 0 && !args->o.pair && !pair_known(args->config, "default")) {
		bad = "pair";
		r = WIRE_INVALID;
	}
	if (r > 0) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, bad);
		return;
	}
	polkit_check(call,
		args->o.mode == SESSION_MODE_IDENTITY ? POLKIT_OPEN_IDENTITY : POLKIT_OPEN,
		open_allowed);
}
