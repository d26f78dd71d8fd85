/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Card.ChangePin and Card.UnblockPin, and the questions of the jobs that they start. The codes come
 * from an agent of the caller's uid, as a pipe that is handed on unread, or are typed on the reader's
 * keypad. A job that loses its caller is given up, and its questions are withdrawn.
 */
#include "daemon/bus/ask.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/interfaces.h"

#define TRIES_UNKNOWN 255U

static const char *word_of(enum vitaled_reason why)
{
	return why == VITALED_REASON_NONE ? "answered" : vitaled_reason_word(why);
}

/* -- the questions -- */

static struct agent *pick(struct bus *b, const struct pin_job *j)
{
	const char *pair = reader_pair(b->rooms.config, pin_job_card(j)->reader);

	return agents_pick(b, AGENT_PIN, pair, pin_job_owner(j), pin_job_uid(j));
}

void bus_ask_code(void *bus, struct pin_job *j, enum pin_code code, unsigned int tries_left)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_job(j);
	struct agent *a = pick(b, j);
	struct wire w, facts;

	if (!a) {
		pin_job_failed(j, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "RequestCode");
	wire_str(&w, pin_code_word(code));
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	if (code != PIN_CODE_NEW && tries_left < TRIES_UNKNOWN) /* a new one cannot be wrong */
		wire_sv_u8(&facts, "tries-left", (uint8_t)tries_left);
	wire_sv_str(&facts, "job", pin_job_kind(j) == PIN_JOB_CHANGE ? "change" : "unblock");
	wire_close(&w, &facts);
	ask_new(b, &about, ASK_CODE, a, &w, 0, CONSENT_FORM_ORAL);
}

void bus_ask_code_last_try(void *bus, struct pin_job *j, enum pin_code code)
{
	struct bus *b = bus;
	_cleanup_json_ json_t *facts =
		json_pack("{s:i, s:s}", "tries-left", 1, "code", pin_code_word(code));
	struct ask_about about = ask_about_job(j);
	struct agent *a = pick(b, j);
	struct wire w;

	if (!a) {
		pin_job_failed(j, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "Confirm");
	wire_str(&w, "last-try");
	people_memfd(&w, facts, "vitaled-confirm");
	ask_new(b, &about, ASK_LAST_TRY, a, &w, 0, CONSENT_FORM_ORAL);
}

void bus_tell_job_keypad(
	void *bus, struct pin_job *j, enum pin_code first, unsigned int tries_left)
{
	const char *const codes[] = {pin_code_word(first), pin_code_word(PIN_CODE_NEW)};
	struct bus *b = bus;
	struct ask_about about = ask_about_job(j);
	struct agent *a = pick(b, j);

	if (a)
		people_tell_keypad(
			b, &about, a, codes, first == PIN_CODE_NEW ? 1 : 2, tries_left, false);
}

void bus_stop_asking_job(void *bus, struct pin_job *j, enum vitaled_reason why)
{
	ask_stop_job(bus, j, word_of(why));
}

/* -- the calls -- */

void code_forget(struct call *call)
{
	pins_forget(call->b->rooms.pins, call);
	/* what is being typed on the keypad goes on: its end is the job's to tell */
	ask_stop(
		call->b, OBJECT_CARD, call->card, ASK_CODE, word_of(VITALED_REASON_OWNER_GONE));
	ask_stop(call->b, OBJECT_CARD, call->card, ASK_LAST_TRY,
		word_of(VITALED_REASON_OWNER_GONE));
}

static void on_done(void *user, enum vitaled_reason why, uint8_t tries)
{
	struct call *call = user;
	_cleanup_(buf_done) struct buf detail = BUF_NULL(32);

	ask_stop(call->b, OBJECT_CARD, call->card, 0,
		word_of(why)); /* the job goes after this */
	if (why == VITALED_REASON_NONE) {
		call_done(call);
		return;
	}
	if (tries != TRIES_UNKNOWN)
		buf_printf(&detail, "tries-left %u", tries);
	buf_put_u8(&detail, 0);
	call_fail(call, errors_of_reason(why),
		buf_check(&detail) < 0 ? NULL : (const char *)detail.data);
}

static void start(struct call *call, enum pin_job_kind kind)
{
	struct card *c = call->object->what;
	int r;

	if (c->in_use_uid != (uid_t)-1 && c->in_use_uid != call->peer->uid) {
		call_fail(call, VITALED_REASON_ACCESS_DENIED, "not your card");
		return;
	}
	call->card = c->id;
	call->forget = code_forget;
	r = pin_job_start(
		call->b->rooms.pins, c, kind, call->peer->name, call->peer->uid, on_done, call);
	if (r == 0)
		return;
	call->forget = NULL;
	if (r < 0)
		call_fault(call, r);
	else
		call_fail(call, errors_of_pin_job(r), r == PIN_JOB_KIND_CARD ? "no PIN" : NULL);
}

void card_on_change_pin(struct call *call)
{
	start(call, PIN_JOB_CHANGE);
}

void card_on_unblock_pin(struct call *call)
{
	start(call, PIN_JOB_UNBLOCK);
}
