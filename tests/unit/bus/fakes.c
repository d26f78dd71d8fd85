/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The functions of session, cards, consent, audit and trust that the bus calls, played.
 * Sessions are real enough to be opened, changed, ended and removed; all else is noted.
 */
#include "tests/unit/bus/fakes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/audit/keep.h"
#include "daemon/broker/forward.h"

struct fakes fakes;

static void session_free(struct session *s)
{
	json_decref(s->people);
	free(s);
}

void fakes_reset(void)
{
	while (fakes.sessions) {
		struct session *s = fakes.sessions;

		fakes.sessions = s->next;
		session_free(s);
	}
	fakes_jobs_reset();
	fakes = (struct fakes){.size = 3,
		.cause = "",
		.service = READER_SERVICE_RUNNING,
		.anchors = {0, 1, 1, 1}};
	fakes.config.required[NATURE_REAL] = PROOF_READ;
	fakes.config.required[NATURE_TEST] = PROOF_MUTUAL;
	fakes.config.required[NATURE_SIMULATED] = PROOF_MUTUAL;
	(void)snprintf(fakes.config.state, sizeof(fakes.config.state), "/tmp");
}

struct session *fakes_session(void)
{
	return fakes.sessions;
}

void fakes_state(struct session *s, enum session_state st, enum vitaled_reason r)
{
	s->state = st;
	s->reason = r;
	if (session_state_ended(st))
		s->dossier = NULL;
	bus_session_changed(fakes.bus, s);
}

/* -- session -- */

int session_open(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret_s)
{
	struct session *s;

	(void)all;
	fakes.opened = *o;
	fakes.opened_patient = o->patient != NULL;
	(void)snprintf(fakes.opened_reason, sizeof(fakes.opened_reason), "%.63s",
		o->reason ? o->reason : "");
	(void)snprintf(fakes.opened_texts, sizeof(fakes.opened_texts), "%s/%s/%s/%s",
		o->pair ? o->pair : "", o->structure ? o->structure : "",
		o->application ? o->application : "",
		o->application_version ? o->application_version : "");
	if (fakes.open_result)
		return fakes.open_result;
	s = calloc(1, sizeof(*s));
	if (!s)
		return fault(-12);
	*s = (struct session){.next = fakes.sessions,
		.id = ++fakes.last_id,
		.uid = uid,
		.mode = o->mode,
		.intents = o->intents ? o->intents : SESSION_INTENT_CONSULT,
		.tries = 255,
		.last_try = -1,
		.chosen = -1,
		.confirmed = -1};
	(void)snprintf(s->owner, sizeof(s->owner), "%s", owner);
	(void)snprintf(s->pair, sizeof(s->pair), "%s", o->pair ? o->pair : "default");
	s->state = SESSION_STATE_WAITING_FOR_CARDS;
	fakes.sessions = s;
	bus_session_added(fakes.bus, s);
	*ret_s = s;
	return 0;
}

struct session *sessions_by_id(struct sessions *all, uint32_t id)
{
	struct session *s = fakes.sessions;

	(void)all;
	while (s && s->id != id)
		s = s->next;
	return s;
}

struct session *sessions_next(struct sessions *all, struct session *after)
{
	(void)all;
	return after ? after->next : fakes.sessions;
}

static void remove_session(struct session *s)
{
	bus_session_removed(fakes.bus, s);
	for (struct session **at = &fakes.sessions; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	session_free(s);
}

void sessions_owner_gone(struct sessions *all, const char *owner)
{
	struct session *s = fakes.sessions;

	(void)all;
	while (s) {
		struct session *next = s->next;

		if (strcmp(s->owner, owner) == 0) {
			fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_OWNER_GONE);
			remove_session(s);
		}
		s = next;
	}
}

uint32_t session_id(const struct session *s)
{
	return s->id;
}

const char *session_owner(const struct session *s)
{
	return s->owner;
}

uid_t session_uid(const struct session *s)
{
	return s->uid;
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

enum vitaled_reason session_reason(const struct session *s)
{
	return s->reason;
}

enum session_mode session_mode(const struct session *s)
{
	return s->mode;
}

unsigned int session_intents(const struct session *s)
{
	return s->intents;
}

enum proof session_proof(const struct session *s)
{
	return s->state == SESSION_STATE_UNLOCKED ? PROOF_MUTUAL : PROOF_NONE;
}

uint64_t session_expires(const struct session *s)
{
	return s->state == SESSION_STATE_UNLOCKED ? 1700000000000000ULL : 0;
}

uint8_t session_pin_tries(const struct session *s)
{
	return s->tries;
}

void session_progress(const struct session *s, uint32_t *ret_done, uint32_t *ret_expected)
{
	*ret_done = s->done;
	*ret_expected = 100;
}

const char *session_pair(const struct session *s)
{
	return s->pair;
}

const char *session_application(const struct session *s)
{
	(void)s;
	return "test 1";
}

const struct session_professional *session_professional(const struct session *s)
{
	static struct session_professional p = {
		.person = {.nature = NATURE_SIMULATED,
			.national_id = "899700218896",
			.surname = "DOC0021889",
			.profession = 10},
		.speciality = "SM26",
		.activities = {{.index = 1,
			.name = "Cabinet",
			.structure = "100000",
			.sector = "SA07"}},
		.n_activities = 1,
	};

	p.chosen = &p.activities[0];
	return s->professional ? &p : NULL;
}

int session_beneficiaries(const struct session *s, json_t **ret)
{
	*ret = json_incref(s->people);
	return 0;
}

int session_patient_json(const struct session *s, json_t **ret)
{
	*ret = s->state == SESSION_STATE_UNLOCKED ? json_pack("{s:s}", "surname", "DUPONT")
						  : NULL;
	return 0;
}

void session_pin_given(struct session *s, int fd)
{
	ssize_t n = read(fd, s->pin, sizeof(s->pin) - 1);

	s->pin[n > 0 ? n : 0] = '\0';
	s->pin_given++;
	(void)close(fd);
}

void session_pin_failed(struct session *s, enum vitaled_reason r)
{
	s->pin_failed = r;
}

void session_last_try(struct session *s, bool yes)
{
	s->last_try = yes;
}

int session_choose(struct session *s, enum session_choice kind, uint32_t index)
{
	if (fakes.choose_result)
		return fakes.choose_result;
	s->chosen = (int)index;
	s->chosen_kind = kind;
	return 0;
}

void session_input(struct session *s)
{
	s->inputs++;
}

void session_choice_failed(struct session *s, enum session_choice kind, enum vitaled_reason r)
{
	s->chosen_kind = kind;
	s->choice_failed = r;
}

void session_end(struct session *s, enum vitaled_reason r)
{
	fakes_state(s,
		s->state == SESSION_STATE_UNLOCKED ? SESSION_STATE_LOCKED
						   : SESSION_STATE_FAILED,
		r);
}

void session_release(struct session *s)
{
	if (!session_state_ended(s->state))
		session_end(s, VITALED_REASON_RELEASED);
	remove_session(s);
}

const char *session_state_word(enum session_state st)
{
	static const char *const words[] = {"queued", "waiting-for-cards", "reading",
		"waiting-for-pin", "authenticating", "waiting-for-choice",
		"waiting-for-consent", "unlocked", "suspended", "refused", "locked", "failed"};

	return words[st];
}

bool session_state_ended(enum session_state st)
{
	return st >= SESSION_STATE_REFUSED;
}

const char *proof_word(enum proof p)
{
	static const char *const words[] = {"none", "read", "active", "mutual", "locked"};

	return words[p];
}

void sessions_card_lock(struct sessions *all, struct card *c, enum vitaled_reason r)
{
	(void)all;
	(void)r;
	fakes.locked_card++;
	c->in_use_uid = (uid_t)-1;
	c->pin_until = 0;
	fakes.listener->card_changed(fakes.listener_user, c);
}

/* -- cards -- */

int cards_listen(struct cards *cs, const struct cards_ops *ops, void *user)
{
	(void)cs;
	if (ops->reader_added) { /* what shows readers and cards; sleep.c listens too */
		fakes.listener = ops;
		fakes.listener_user = user;
	} else {
		fakes.let_go = ops->card_changed;
		fakes.let_go_user = user;
	}
	return 0;
}

enum reader_service cards_service(const struct cards *cs)
{
	(void)cs;
	return fakes.service;
}

bool cards_listed(const struct cards *cs)
{
	(void)cs;
	return true;
}

struct card_reader *cards_reader(struct cards *cs, size_t i)
{
	(void)cs;
	return i < fakes.n_readers ? &fakes.readers[i] : NULL;
}

const char *card_kind_word(enum card_kind k)
{
	static const char *const words[] = {
		"unknown", "unsupported", "mute", "vitale", "cps", "cpf", "cpe", "cpa"};

	return words[k];
}

/* -- trust -- */

const char *nature_word(enum nature n)
{
	static const char *const words[] = {"unknown", "real", "test", "simulated"};

	return words[n];
}

unsigned int trust_count(const struct trust *t, enum nature n)
{
	(void)t;
	return fakes.anchors[n];
}

void trust_anchors(const struct trust *t, trust_anchor_fn each, void *user)
{
	const struct trust_anchor a = {.nature = NATURE_TEST,
		.subject = "/CN=authority of the tests",
		.until = fakes.anchors_end};

	(void)t;
	if (fakes.anchors_end)
		each(user, &a);
}

uint64_t __real_clock_wall(void);
uint64_t __wrap_clock_wall(void);

uint64_t __wrap_clock_wall(void)
{
	return fakes.wall ? fakes.wall : __real_clock_wall();
}

/* -- consent -- */

bool consent_covers(const struct consents *cs, unsigned int intents)
{
	(void)cs;
	return (fakes.uncovered & intents) == 0;
}

void consent_confirmed(
	struct consents *cs, struct session *s, bool yes, uid_t uid, const char *name)
{
	(void)cs;
	s->confirmed = yes;
	s->consent.agent_uid = uid;
	(void)snprintf(s->consent_agent, sizeof(s->consent_agent), "%s", name);
}

void consent_answered(struct consents *cs, struct session *s,
	const struct consent_answer *answer, enum vitaled_reason why)
{
	(void)cs;
	s->consent_why = why;
	if (!answer)
		return;
	s->consent_given++;
	s->consent = *answer;
	(void)snprintf(s->consent_agent, sizeof(s->consent_agent), "%s", answer->agent_name);
	(void)snprintf(s->consent_reason, sizeof(s->consent_reason), "%s",
		answer->reason ? answer->reason : "");
	(void)snprintf(s->consent_helper[0], sizeof(s->consent_helper[0]), "%s",
		answer->helper ? answer->helper : "");
	(void)snprintf(s->consent_helper[1], sizeof(s->consent_helper[1]), "%s",
		answer->quality ? answer->quality : "");
}

int consent_receipt(struct consents *cs, struct session *s, struct buf *ret)
{
	(void)cs;
	(void)s;
	if (fakes.receipt_result == 0)
		buf_put_str(ret, "{\"format\":1}");
	return fakes.receipt_result;
}

int consent_receipt_page(struct consents *cs, struct session *s, struct buf *ret)
{
	(void)cs;
	(void)s;
	if (fakes.receipt_result == 0)
		buf_put_str(ret, "REÇU\n");
	return fakes.receipt_result;
}

/* -- audit -- */

int audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index)
{
	(void)a;
	(void)ret_index;
	if (fakes.append_result)
		return fakes.append_result;
	fakes.last_event = e->event;
	fakes.n_appended++;
	fakes.size++;
	return 0;
}

bool forward_behind(const struct forward *f, uint64_t *ret_entries, const char **ret_socket)
{
	(void)f;
	*ret_entries = fakes.behind;
	*ret_socket = "/run/log.socket";
	return fakes.behind > 0;
}

const char *audit_cause(const struct audit *a)
{
	(void)a;
	return fakes.cause;
}

const char *audit_note(const struct audit *a, uint64_t *ret_size)
{
	static char note[64];

	(void)a;
	(void)snprintf(note, sizeof(note), "origin\n%u\nroot\n", (unsigned int)fakes.noted);
	if (ret_size)
		*ret_size = fakes.noted;
	return note;
}

void audit_on_checkpoint(struct audit *a, void (*made)(void *user), void *user)
{
	(void)a;
	fakes.made = made;
	fakes.made_user = user;
}

int audit_checkpoint(struct audit *a, struct buf *out)
{
	if (fakes.append_result)
		return fakes.append_result;
	if (fakes.n_checkpoints == 0 || fakes.noted != fakes.size) {
		fakes.n_checkpoints++;
		fakes.noted = fakes.size;
		if (fakes.made)
			fakes.made(fakes.made_user);
	}
	buf_put_str(out, audit_note(a, NULL));
	return 0;
}

int audit_consistency(struct audit *a, uint64_t old, struct buf *ret_path)
{
	(void)a;
	if (fakes.consistency_result)
		return fault(fakes.consistency_result);
	if (old > fakes.noted)
		return AUDIT_NO_ENTRY;
	(void)buf_extend(ret_path, (size_t)2 * MERKLE_HASH);
	return 0;
}

const char *audit_vkey(const struct audit *a)
{
	(void)a;
	return "origin+00000000+AQ==";
}

int audit_proof(struct audit *a, uint64_t index, struct buf *ret_entry, struct buf *ret_path)
{
	(void)a;
	if (index >= fakes.size)
		return AUDIT_NO_ENTRY;
	buf_put_str(ret_entry, index == 0 ? "" : "{\"sequence\":1}"); /* 0 was pruned */
	(void)buf_extend(ret_path, (size_t)2 * MERKLE_HASH);
	return 0;
}

static struct audit_export {
	int fd;
	int steps;
} exporting;

int audit_export_new(struct audit *a, int fd, struct audit_export **ret)
{
	(void)a;
	exporting = (struct audit_export){.fd = fd};
	*ret = &exporting;
	return 0;
}

int audit_export_step(struct audit_export *x, bool *ret_more)
{
	*ret_more = ++x->steps < 3;
	if (fakes.export_result != 0) {
		return fault(fakes.export_result);
	}
	return *ret_more || write(x->fd, "{}", 2) == 2 ? 0 : fault(-5);
}

struct audit_export *audit_export_free(struct audit_export *x)
{
	(void)x;
	return NULL;
}

int audit_leaf(struct audit *a, uint64_t index, uint8_t ret[MERKLE_HASH])
{
	(void)a;
	memset(ret, (int)index, MERKLE_HASH);
	return 0;
}
