/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What an agent replied. Only an answer in exactly the form that was asked for counts; anything else
 * ends the question as unanswered, and so does an answer that another connection than the agent's
 * sent. A PIN's pipe is looked at from outside and handed on unread.
 */
#include <string.h>
#include <unistd.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/limits.h"

static int none(enum vitaled_reason why, enum vitaled_reason *ret_why)
{
	*ret_why = why;
	return ANSWER_NONE;
}

static int read_pin(struct bus *b, struct session *s, const struct ask *k, DBusMessageIter *it,
	enum vitaled_reason *ret_why)
{
	_cleanup_fd_ int fd = wire_get_fd(it);

	if (fd < 0 || !fd_is_pipe_reader(fd))
		return none(k->kind == ASK_PATIENT_CODE ? VITALED_REASON_INVALID_ARGUMENT
							: VITALED_REASON_PIN_REFUSED,
			ret_why);
	if (k->about.job)
		pin_job_code(k->about.job, fd);
	else if (k->kind == ASK_PATIENT_CODE)
		dossier_code_given(b->rooms.dossiers, s, fd);
	else
		session_pin_given(s, fd);
	fd = -1;
	return ANSWER_USED;
}

static int read_choice(struct session *s, const struct ask *k, DBusMessageIter *it,
	enum vitaled_reason *ret_why)
{
	enum session_choice kind = k->kind == ASK_STRUCTURE ? SESSION_CHOICE_STRUCTURE
							    : SESSION_CHOICE_BENEFICIARY;
	uint32_t index = wire_get_u32(it);
	int r;

	if (index >= k->n_choices)
		return none(VITALED_REASON_INVALID_ARGUMENT, ret_why);
	r = session_choose(s, kind, index);
	if (r < 0)
		return trace(r);
	/* it went on without this answer: nothing is being asked any more */
	if (r == SESSION_CHOOSE_STATE)
		return ANSWER_USED;
	return r ? none(errors_of_choose(r), ret_why) : ANSWER_USED;
}

/* It goes into the record for years, hence a word: no room for a sentence about the patient. */
#define REASON_MAX     64U
#define REASON_LETTERS "abcdefghijklmnopqrstuvwxyz-"
#define HELPER_BYTES   4096U /* of the JSON that names who helped */

struct consent_words {
	const char *reason; /* NULL: none, or not a word */
	enum consent_form helped;
	json_t *helper; /* {name, quality}, owned; NULL: none was named */
};

static void words_done(struct consent_words *words)
{
	json_put(&words->helper);
}

static bool is_word(const char *text)
{
	size_t n = strlen(text);

	return n >= 1 && n <= REASON_MAX && strspn(text, REASON_LETTERS) == n;
}

static int set_reason(void *user, DBusMessageIter *value)
{
	struct consent_words *words = user;
	const char *text = wire_get_str(value);

	words->reason = is_word(text) ? text : NULL;
	return 0;
}

static int set_form(void *user, DBusMessageIter *value)
{
	struct consent_words *words = user;
	const char *text = wire_get_str(value);

	if (strcmp(text, "assisted") == 0)
		words->helped = CONSENT_FORM_ASSISTED;
	else if (strcmp(text, "representative") == 0)
		words->helped = CONSENT_FORM_REPRESENTATIVE;
	else
		return WIRE_INVALID;
	return 0;
}

/* A name as people write it, and what they are to the patient, which goes into the record. */
static bool helper_shape(const json_t *helper)
{
	const char *name = json_get_str(helper, "name");
	const char *quality = json_get_str(helper, "quality");

	return json_object_size(helper) == 2 && name && json_text_fits(name, LIMIT_NAME) &&
	       strlen(name) <= LIMIT_NAME && quality && is_word(quality);
}

static int set_helper(void *user, DBusMessageIter *value)
{
	struct consent_words *words = user;
	_cleanup_fd_ int fd = wire_get_fd(value);
	int r = fd < 0 ? WIRE_INVALID : json_read_fd(fd, HELPER_BYTES, &words->helper);

	if (r < 0)
		return trace(r);
	return r == 0 && helper_shape(words->helper) ? 0 : WIRE_INVALID;
}

/* The decision's word and its details. Return: whether it is an answer at all. */
static bool well_answered(
	const char *word, const struct consent_words *words, enum consent_decision *ret)
{
	static const struct {
		const char *word;
		enum consent_decision decision;
	} decisions[] = {
		{"given", CONSENT_GIVEN},
		{"refused", CONSENT_REFUSED},
		{"impossible", CONSENT_IMPOSSIBLE},
	};

	if ((words->helped != CONSENT_FORM_NONE) != (words->helper != NULL))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(decisions); i++) {
		if (strcmp(decisions[i].word, word) == 0) {
			*ret = decisions[i].decision;
			return true;
		}
	}
	return false;
}

static int read_consent(struct bus *b, struct session *s, const struct ask *k,
	DBusMessageIter *it, enum vitaled_reason *ret_why)
{
	static const struct wire_option options[] = {
		{"reason", "s", set_reason},
		{"form", "s", set_form},
		{"helper", "h", set_helper},
	};
	_cleanup_(words_done) struct consent_words words = {.helped = CONSENT_FORM_NONE};
	const char *word = wire_get_str(it), *bad = NULL;
	struct consent_answer answer = {.form = k->form,
		.agent_uid = k->agent->peer->uid,
		.agent_name = k->agent->user};
	int r;

	(void)dbus_message_iter_next(it);
	r = wire_options(it, options, ARRAY_LEN(options), &words, &bad);
	if (r < 0)
		return trace(r);
	if (r > 0 || !well_answered(word, &words, &answer.decision))
		return none(VITALED_REASON_INVALID_ARGUMENT, ret_why);
	answer.reason = words.reason;
	answer.helped = words.helped;
	answer.helper = json_get_str(words.helper, "name");
	answer.quality = json_get_str(words.helper, "quality");
	consent_answered(b->rooms.consents, s, &answer, VITALED_REASON_NONE);
	return ANSWER_USED;
}

static int read_yes(struct bus *b, struct session *s, const struct ask *k, bool yes)
{
	if (k->kind == ASK_EMERGENCY)
		consent_confirmed(
			b->rooms.consents, s, yes, k->agent->peer->uid, k->agent->user);
	else if (k->about.job)
		pin_job_last_try(k->about.job, yes);
	else
		session_last_try(s, yes);
	return ANSWER_USED;
}

static const char *signature_of(enum ask_kind kind)
{
	switch (kind) {
	case ASK_PIN:
	case ASK_CODE:
	case ASK_PATIENT_CODE:
		return "h";
	case ASK_LAST_TRY:
	case ASK_EMERGENCY:
		return "b";
	case ASK_STRUCTURE:
	case ASK_BENEFICIARY:
		return "u";
	case ASK_CONSENT:
		return "sa{sv}";
	case ASK_TELL_PATIENT:
	case ASK_TELL_DOCTOR:
	case ASK_KEYPAD: /* never on the wire */
		break;
	}
	return "";
}

/* An answer of the form that was asked for. */
static int use(struct bus *b, struct session *s, const struct ask *k, DBusMessageIter *it,
	enum vitaled_reason *ret_why)
{
	switch (k->kind) {
	case ASK_PIN:
	case ASK_CODE:
	case ASK_PATIENT_CODE:
		return read_pin(b, s, k, it, ret_why);
	case ASK_LAST_TRY:
	case ASK_EMERGENCY:
		return read_yes(b, s, k, wire_get_bool(it));
	case ASK_STRUCTURE:
	case ASK_BENEFICIARY:
		return read_choice(s, k, it, ret_why);
	case ASK_CONSENT:
		return read_consent(b, s, k, it, ret_why);
	case ASK_TELL_PATIENT:
		dossier_informed(s, DOSSIER_TOLD_PATIENT);
		return ANSWER_USED;
	case ASK_TELL_DOCTOR:
		dossier_informed(s, DOSSIER_TOLD_DOCTOR);
		return ANSWER_USED;
	case ASK_KEYPAD:
		break;
	}
	return none(VITALED_REASON_FAILED, ret_why);
}

int answer_read(struct bus *b, struct session *s, const struct ask *k, DBusMessage *reply,
	enum vitaled_reason *ret_why)
{
	DBusMessageIter it;

	if (!reply)
		return none(VITALED_REASON_FAILED, ret_why);
	if (dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) &&
		dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR)
		return none(errors_of_delivery(dbus_message_get_error_name(reply)), ret_why);
	if (!dbus_message_has_sender(reply, k->agent->peer->name))
		return none(VITALED_REASON_FAILED, ret_why);
	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN)
		return none(errors_of_agent(dbus_message_get_error_name(reply)), ret_why);
	if (!dbus_message_has_signature(reply, signature_of(k->kind)))
		return none(VITALED_REASON_INVALID_ARGUMENT, ret_why);
	(void)dbus_message_iter_init(reply, &it);
	return use(b, s, k, &it, ret_why);
}
