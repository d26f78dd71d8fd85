/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The session ends as the real one does: at once, telling the dossier's room to lock first. The
 * record keeps entries as JSON with the member names of doc/audit.md.
 */
#include "tests/unit/dossier/fakes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/session/crl.h"
#include "tests/unit/dossier/faults.h"

struct fake_audit fake_audit;

/* -- session ------------------------------------------------------------------------------------ */

void fake_session(struct session *ret_s)
{
	struct session_professional *p = &ret_s->professional;
	struct session_activity *a = &p->activities[0];

	memset(ret_s, 0, sizeof(*ret_s));
	ret_s->intents = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE;
	ret_s->state = SESSION_STATE_WAITING_FOR_CONSENT;
	ret_s->mode = SESSION_MODE_NORMAL;
	ret_s->proof = PROOF_MUTUAL;
	(void)snprintf(p->person.national_id, sizeof(p->person.national_id), "899700000001");
	(void)snprintf(p->person.surname, sizeof(p->person.surname), "DUVAL");
	(void)snprintf(p->person.given, sizeof(p->person.given), "Anne");
	p->person.profession = 10;
	(void)snprintf(a->structure, sizeof(a->structure), "0B0000001");
	(void)snprintf(a->sector, sizeof(a->sector), "SA07");
	p->n_activities = 1;
	p->chosen = a;
	for (size_t i = 0; i < 64; i++) {
		ret_s->patient.pseudonym[i] = "0123456789abcdef"[i % 16];
	}
	ret_s->patient.nature = NATURE_SIMULATED;
}

void session_set_dossier(struct session *s, void *dossier)
{
	s->dossier = dossier;
}

void *session_dossier(const struct session *s)
{
	return s->dossier;
}

const struct session_professional *session_professional(const struct session *s)
{
	return s->no_professional ? NULL : &s->professional;
}

const struct session_patient *session_patient(const struct session *s)
{
	return &s->patient;
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
	return s->proof;
}

enum session_state session_state(const struct session *s)
{
	return s->state;
}

unsigned int session_emergencies(const struct session *s)
{
	return s->emergencies;
}

bool session_may_pre_empt(const struct session *by)
{
	return !by->may_not_pre_empt;
}

bool session_pre_empt(struct session *by, struct session *victim)
{
	if (by->pre_empt_fails) {
		session_end(by, VITALED_REASON_AUDIT_UNAVAILABLE);
		return false;
	}
	by->pre_empted = victim;
	session_end(victim, VITALED_REASON_PRE_EMPTED);
	return true;
}

const char *session_audit_id(const struct session *s)
{
	(void)s;
	return "session/1@0123";
}

uid_t session_uid(const struct session *s)
{
	return s->uid ? s->uid : 1000;
}

const char *session_pair(const struct session *s)
{
	return s->pair ? s->pair : "default";
}

const char *session_owner(const struct session *s)
{
	(void)s;
	return ":1.7";
}

const char *session_application(const struct session *s)
{
	(void)s;
	return "";
}

bool consent_given(const struct session *s)
{
	return s->consented;
}

bool consent_is_running(const struct session *s)
{
	return s->running;
}

unsigned int consent_told(const struct session *s)
{
	return s->without_card;
}

void session_end(struct session *s, enum vitaled_reason r)
{
	if (s->ended) {
		return;
	}
	s->ended = true;
	s->end_reason = r;
	s->state = SESSION_STATE_LOCKED;
	dossier_lock(s->all, s);
}

void session_input(struct session *s)
{
	s->inputs++;
	if (s->input_ends) {
		session_end(s, VITALED_REASON_FAILED);
	}
}

void session_prepared(struct session *s, enum vitaled_reason r)
{
	s->prepared = true;
	s->prepared_reason = r;
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
}

void session_coded(struct session *s, enum vitaled_reason r)
{
	s->coded = true;
	s->coded_reason = r;
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
}

void session_granted(struct session *s, enum vitaled_reason r)
{
	s->granted = true;
	s->granted_reason = r;
	if (r == VITALED_REASON_NONE) {
		s->state = SESSION_STATE_UNLOCKED;
	} else {
		session_end(s, r);
	}
}

/* -- people ------------------------------------------------------------------------------------- */

struct fake_people fake_people;

void fake_people_reset(void)
{
	if (fake_people.held > 0) {
		close(fake_people.held);
	}
	fake_people =
		(struct fake_people){.patient_uid = 2001, .professional_uid = 2002, .held = -1};
}

static void on_changed(void *user, struct session *s)
{
	(void)user;
	s->changed++;
}

static bool code_agent(
	void *user, struct session *s, bool patient, struct dossier_agent *ret_agent)
{
	(void)user;
	(void)s;
	if (patient ? fake_people.no_patient : fake_people.no_professional) {
		return false;
	}
	*ret_agent = (struct dossier_agent){.number = patient ? 11 : 12,
		.uid = patient ? fake_people.patient_uid : fake_people.professional_uid};
	return true;
}

static void ask_code(void *user, struct session *s, const struct dossier_agent *agent,
	const struct dossier_question *q)
{
	const char *code = fake_people.codes[fake_people.asked++ % 16];
	int ends[2];

	(void)user;
	fake_people.question = *q;
	fake_people.number = agent->number;
	if (!code) {
		if (fake_people.why != VITALED_REASON_NONE) {
			dossier_code_failed(s->all, s, fake_people.why);
		}
		return;
	}
	if (pipe(ends) < 0) {
		return;
	}
	if (strcmp(code, "-") == 0) {
		fake_people.held = ends[1];
	} else {
		(void)!write(ends[1], code, strlen(code));
		close(ends[1]);
	}
	dossier_code_given(s->all, s, ends[0]);
}

static bool show_code(void *user, struct session *s, const struct dossier_agent *agent, int fd,
	uint64_t until)
{
	ssize_t n = pread(fd, fake_people.shown, sizeof(fake_people.shown) - 1, 0);

	(void)user;
	(void)s;
	fake_people.shown[n > 0 ? n : 0] = '\0';
	fake_people.until = until;
	fake_people.number = agent->number;
	return !fake_people.left;
}

static void on_inform(void *user, struct session *s, const struct dossier_told *told)
{
	(void)user;
	s->informs++;
	s->told[told->to] = *told;
}

unsigned int fake_faults;

static void on_failed(void *user, int r)
{
	(void)user;
	fake_faults += r < 0;
}

const struct dossier_ops fake_dossier_ops = {.changed = on_changed,
	.inform = on_inform,
	.failed = on_failed,
	.code_agent = code_agent,
	.ask_code = ask_code,
	.show_code = show_code};

/* -- record ------------------------------------------------------------------------------------- */

void fake_audit_reset(void)
{
	json_decref(fake_audit.entries);
	fake_audit = (struct fake_audit){.entries = json_array()};
}

const char *audit_event_word(enum audit_event e)
{
	static const char *const words[] = {
#define X(id, word) word,
		AUDIT_EVENTS(X)
#undef X
	};

	return words[e];
}

static void set(json_t *j, const char *name, const char *text)
{
	if (text) {
		json_object_set_new(j, name, json_string(text));
	}
}

static bool refuses(void)
{
	if (fake_audit.refuse == 0) {
		return false;
	}
	if (fake_audit.after > 0) {
		fake_audit.after--;
		return false;
	}
	fake_audit.refuse -= fake_audit.refuse == UINT_MAX ? 0 : 1;
	return true;
}

static int append(const struct audit_entry *e)
{
	char boot_id[33] = "";
	json_t *j;

	if (refuses()) {
		return AUDIT_UNAVAILABLE;
	}
	j = json_object();
	set(j, "event", audit_event_word(e->event));
	json_object_set_new(j, "time", json_integer((json_int_t)clock_wall()));
	json_object_set_new(j, "boot-time", json_integer((json_int_t)clock_boottime()));
	if (clock_boot_id(boot_id) < 0) {
		boot_id[0] = '\0';
	}
	set(j, "boot-id", boot_id);
	set(j, "outcome", e->outcome);
	set(j, "session", e->session);
	set(j, "application", e->application);
	set(j, "professional", e->professional);
	set(j, "structure", e->structure);
	set(j, "pseudonym", e->pseudonym);
	set(j, "mode", e->mode);
	set(j, "document", e->document);
	set(j, "rule", e->rule);
	set(j, "dossier-hash", e->dossier_hash);
	if (e->dossier_version >= 0) {
		json_object_set_new(j, "dossier-version", json_integer(e->dossier_version));
	}
	if (e->details) {
		json_object_set_new(j, "details", json_deep_copy(e->details));
	}
	json_array_append_new(fake_audit.entries, j);
	return 0;
}

int audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index)
{
	bool before = faults_pause(true);
	int r = append(e);

	(void)a;
	(void)ret_index;
	(void)faults_pause(before);
	return r;
}

static bool is_wanted(const json_t *e, const struct audit_wanted *w)
{
	const char *of = json_get_str(e, "pseudonym");
	const char *by = json_get_str(e, "professional");

	if (!of || strcmp(of, w->pseudonym) != 0 ||
		(w->professional && (!by || strcmp(by, w->professional) != 0))) {
		return false;
	}
	for (size_t i = 0; i < w->n_events; i++) {
		if (strcmp(json_get_str(e, "event"), audit_event_word(w->events[i])) == 0) {
			return true;
		}
	}
	return w->n_events == 0;
}

int audit_find(struct audit *a, const struct audit_wanted *wanted, audit_row_fn row, void *user)
{
	(void)a;
	if (fake_audit.broken) {
		return fault(-EIO);
	}
	for (size_t i = json_array_size(fake_audit.entries); i > 0; i--) {
		const json_t *e = json_array_get(fake_audit.entries, i - 1);
		bool fits =
			(wanted->below == 0 || i - 1 < wanted->below) && is_wanted(e, wanted);
		int r = fits ? row(user, i - 1, e) : 0;

		fake_audit.rows += fits;
		if (r != 0) {
			return r < 0 ? trace(r) : 0;
		}
	}
	return 0;
}

static int last_version(const char *pseudonym, uint64_t *ret_version, uint8_t ret_hash[32])
{
	if (fake_audit.broken) {
		return fault(-EIO);
	}
	for (size_t i = json_array_size(fake_audit.entries); i > 0; i--) {
		const json_t *e = json_array_get(fake_audit.entries, i - 1);
		const char *of = json_get_str(e, "pseudonym");
		_cleanup_(buf_done) struct buf hash = BUF_NULL(32);
		int64_t version;

		if (!of || strcmp(of, pseudonym) != 0 ||
			json_get_int(e, "dossier-version", 0, INT64_MAX, &version) != 0) {
			continue;
		}
		if (hex_decode(&hash, view_str(json_get_str(e, "dossier-hash"))) != 0 ||
			hash.len != 32) {
			return fault(-EBADMSG);
		}
		*ret_version = (uint64_t)version;
		bytes_copy(ret_hash, 32, hash.data, 32);
		return 0;
	}
	return AUDIT_NO_ENTRY;
}

int audit_last_version(
	struct audit *a, const char *pseudonym, uint64_t *ret_version, uint8_t ret_hash[32])
{
	bool before = faults_pause(true);
	int r = last_version(pseudonym, ret_version, ret_hash);

	(void)a;
	(void)faults_pause(before);
	return r;
}

const json_t *fake_audit_last(const char *event)
{
	for (size_t i = json_array_size(fake_audit.entries); i > 0; i--) {
		const json_t *e = json_array_get(fake_audit.entries, i - 1);

		if (strcmp(json_get_str(e, "event"), event) == 0) {
			return e;
		}
	}
	return NULL;
}

size_t fake_audit_count(const char *event, const char *outcome)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(fake_audit.entries); i++) {
		const json_t *e = json_array_get(fake_audit.entries, i);

		n += strcmp(json_get_str(e, "event"), event) == 0 &&
		     strcmp(json_get_str(e, "outcome"), outcome) == 0;
	}
	return n;
}

/* -- revocation lists: who signed is asked in tests/unit/trust ------------------------------------ */

struct fake_crls fake_crls;

bool crls_reading(const struct crls *c)
{
	(void)c;
	return fake_crls.reading;
}

int crls_hold(struct crls *c, struct view anchors)
{
	(void)c;
	if (fake_crls.refuse) {
		return -ENOMEM;
	}
	fake_crls.holds++;
	fake_crls.anchors = view_equal(anchors, VIEW_TEXT("anchors"));
	return 0;
}

bool crls_held(const struct crls *c)
{
	(void)c;
	return !fake_crls.failed;
}

void crls_release(struct crls *c)
{
	(void)c;
	fake_crls.holds--;
}
