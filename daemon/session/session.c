/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The engine that carries out the tables of state.h for one session: its own steps and the tracks
 * of its two cards. Events are carried out one after the other: one that is posted while another
 * runs waits for it, so answers may come from within the question. A session ends once, at once and
 * whole: the patient's process is killed, everybody is told to forget it, its end is recorded, its
 * data are wiped; the empty object stays for its owner. What is in struct session is owned here.
 */
#include "daemon/session/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/session/steps.h"

/* after everything that a card may be waiting for */
#define SLEPT		  (2ULL * USEC_PER_SEC) /* the clocks are read one after the other */
#define PROGRESS_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 20)

/* -- telling ------------------------------------------------------------------------------------- */

bool session_over(const struct session *s)
{
	return s->step == SESSION_STEP_ENDED;
}

bool session_on_tracks(const struct session *s)
{
	return s->step == SESSION_STEP_TRACKS || s->step == SESSION_STEP_RESUME ||
	       state_renews(s->step);
}

bool session_suspended(const struct session *s)
{
	return s->step == SESSION_STEP_LENT || s->step == SESSION_STEP_BACK ||
	       s->step == SESSION_STEP_RESUME;
}

struct state_where session_where(const struct session *s)
{
	return (struct state_where){.step = s->step,
		.patient = s->patient_side.track,
		.professional = s->professional_side.track};
}

void session_changed(struct session *s)
{
	(void)sd_event_source_set_enabled(s->progress, SD_EVENT_OFF);
	s->told = session_state(s);
	s->all->ops.changed(s->all->user, s);
}

static int on_progress(sd_event_source *source, void *user)
{
	(void)source;
	session_changed(user);
	return 0;
}

void session_progressed(struct session *s)
{
	(void)sd_event_source_set_enabled(s->progress, SD_EVENT_ONESHOT);
}

static int progress_add(struct session *s)
{
	int r = sd_event_add_defer(s->all->ev, &s->progress, on_progress, s);

	if (r >= 0) {
		r = sd_event_source_set_priority(s->progress, PROGRESS_PRIORITY);
	}
	if (r >= 0) {
		r = sd_event_source_set_enabled(s->progress, SD_EVENT_OFF);
	}
	return r < 0 ? fault(r) : 0;
}

/* -- the record ---------------------------------------------------------------------------------- */

struct audit_entry session_audit(const struct session *s, enum audit_event e)
{
	const struct session_activity *at = s->professional.chosen;
	const char *professional = s->professional.person.national_id;
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event = e;
	entry.session = s->audit_id;
	entry.caller_uid = s->uid;
	entry.caller = s->owner;
	entry.application = s->application[0] ? s->application : NULL;
	entry.professional = professional[0] ? professional : NULL;
	entry.structure = at ? at->structure : NULL;
	entry.pseudonym = s->patient.pseudonym[0] ? s->patient.pseudonym : NULL;
	entry.mode = session_mode_word(s->mode);
	return entry;
}

int session_append(struct session *s, enum audit_event e, const char *outcome, const char *rule,
	const json_t *details)
{
	struct audit_entry entry = session_audit(s, e);

	entry.outcome = outcome;
	entry.rule = rule;
	entry.details = details;
	return trace(audit_append(s->all->audit, &entry, NULL));
}

bool session_record(struct session *s, enum audit_event e, const char *outcome,
	const char *rule, json_t *details)
{
	_cleanup_json_ json_t *owned = details;

	if (session_append(s, e, outcome, rule, owned) == 0) {
		return true;
	}
	session_end(s, VITALED_REASON_AUDIT_UNAVAILABLE);
	return false;
}

/* -- the engine ---------------------------------------------------------------------------------- */

static void nothing(struct session *s)
{
	(void)s;
}

static void prepare(struct session *s)
{
	s->all->ops.prepare(s->all->user, s);
}

static void ask_consent(struct session *s)
{
	s->all->ops.ask_consent(s->all->user, s);
}

static void sign(struct session *s)
{
	s->all->ops.sign(s->all->user, s);
}

static void grant(struct session *s)
{
	json_t *details = json_pack("{s:s}", "proof", proof_word(s->proof));

	if (session_record(s, AUDIT_EVENT_UNLOCKED, "ok", NULL, details)) {
		s->all->ops.unlock(s->all->user, s);
	}
}

/* Its entry is in the record since the names were read. */
static void grant_identity(struct session *s)
{
	if (s->proof < session_required(s)) {
		session_end(s, VITALED_REASON_PROOF_TOO_WEAK);
		return;
	}
	session_post(s, SESSION_EVENT_GO);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user);

/* The limit of where the session stands now. Times of sessions run on while the machine sleeps. */
static void arm(struct session *s)
{
	enum vitaled_reason late;
	uint64_t usec = state_limit(session_where(s), &late);

	if (usec == STATE_LIMIT_KEEP) {
		return;
	}
	s->timer = sd_event_source_disable_unref(s->timer);
	if (usec != 0 && sd_event_add_time_relative(s->all->ev, &s->timer, CLOCK_BOOTTIME, usec,
				 0, on_time, s) < 0) {
		session_end(s, VITALED_REASON_FAILED); /* a wait without end is none */
	}
}

static int on_expiry(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	session_end(user, VITALED_REASON_EXPIRED);
	return 0;
}

static void begin(struct session *s)
{
	s->expires = clock_wall() + s->lifetime;
	if (sd_event_add_time_relative(
		    s->all->ev, &s->expiry, CLOCK_BOOTTIME, s->lifetime, 0, on_expiry, s) < 0) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	session_changed(s);
	session_keep_public(s);
	if (session_mode_emergency(s->mode)) {
		session_emergency_opened(s);
	}
	session_input(s);
}

static void (*const actions[SESSION_ACTION_COUNT])(struct session *s) = {
	[SESSION_ACTION_NONE] = nothing,
	[SESSION_ACTION_LOOK] = session_look,
	[SESSION_ACTION_TRACKS] = session_start_tracks,
	[SESSION_ACTION_MEET] = session_meet,
	[SESSION_ACTION_RENEW] = session_renew,
	[SESSION_ACTION_REREAD] = session_reread,
	[SESSION_ACTION_PEOPLE] = session_people,
	[SESSION_ACTION_ASK_PERSON] = session_ask_person,
	[SESSION_ACTION_PREPARE] = prepare,
	[SESSION_ACTION_ASK_CODE] = session_ask_code,
	[SESSION_ACTION_ASK_CONSENT] = ask_consent,
	[SESSION_ACTION_SIGN] = sign,
	[SESSION_ACTION_PRESENT] = session_present,
	[SESSION_ACTION_GRANT] = grant,
	[SESSION_ACTION_GRANT_IDENTITY] = grant_identity,
	[SESSION_ACTION_BEGIN] = begin,
	[SESSION_ACTION_SEEK] = session_seek,
	[SESSION_ACTION_RESUME] = session_resume,
	[SESSION_ACTION_RESUMED] = session_resumed,
};

static void rest(struct session *s, struct side *side)
{
	(void)s;
	(void)side;
}

static void (*const track_actions[TRACK_ACTION_COUNT])(struct session *s, struct side *side) = {
	[TRACK_ACTION_NONE] = rest,
	[TRACK_ACTION_OPEN] = session_open_side,
	[TRACK_ACTION_IDENTIFY] = session_identify,
	[TRACK_ACTION_READ] = session_read,
	[TRACK_ACTION_PIN_STATE] = session_pin_state,
	[TRACK_ACTION_ASK_LAST_TRY] = session_ask_last_try,
	[TRACK_ACTION_ASK_PIN] = session_ask_pin,
	[TRACK_ACTION_VERIFY] = session_verify,
	[TRACK_ACTION_ACTIVITIES] = session_activities,
	[TRACK_ACTION_ASK_STRUCTURE] = session_ask_structure,
	[TRACK_ACTION_ADMIT] = session_admit,
	[TRACK_ACTION_PROVE] = session_prove,
};

static void tell_state(struct session *s)
{
	if (!session_over(s) && session_state(s) != s->told) {
		session_changed(s);
	}
}

static void moved(struct session *s, enum session_step from)
{
	arm(s);
	if (s->step == SESSION_STEP_QUEUED) {
		session_queue_begin(s);
	} else if (from == SESSION_STEP_QUEUED) {
		session_queue_end(s);
	}
}

static void carry_out(struct session *s, enum session_event e)
{
	enum session_step from = s->step;
	struct state_next next;

	if (!state_next(s->mode, s->step, e, &next)) {
		return;
	}
	s->step = next.step;
	if (from != next.step) {
		moved(s, from);
	}
	tell_state(s);
	if (!session_over(s)) {
		actions[next.action](s);
	}
}

static enum state_purpose purpose_of(const struct session *s)
{
	if (s->step == SESSION_STEP_RESUME) {
		return STATE_PURPOSE_RESUME;
	}
	if (state_renews(s->step)) {
		return STATE_PURPOSE_RENEW;
	}
	return session_mode_one_card(s->mode) ? STATE_PURPOSE_IDENTITY : STATE_PURPOSE_CONSULT;
}

/* Where a track has come to may be all that the other card, or the session, has waited for. */
void session_join(struct session *s)
{
	enum session_event e;

	session_exchange_on(s);
	if (!session_over(s) && state_join(purpose_of(s), s->patient_side.track,
					s->professional_side.track, s->meeting, &e)) {
		s->meeting = e == SESSION_EVENT_MET ? STATE_MEETING_RUNS : s->meeting;
		session_post(s, e);
	}
}

static void carry_out_track(struct session *s, struct side *side, enum session_event e)
{
	bool professional = side == &s->professional_side;
	struct track_next next;

	if (!session_on_tracks(s) ||
		!track_next(purpose_of(s), professional, side->track, e, &next)) {
		return;
	}
	side->track = next.step;
	if (s->step != SESSION_STEP_RESUME && professional) {
		arm(s);
	}
	tell_state(s);
	/* what the exchange may send now goes before what the track does next */
	if (!session_over(s)) {
		session_join(s);
	}
	if (!session_over(s)) {
		track_actions[next.action](s, side);
	}
}

static void post(struct session *s, struct posted p)
{
	if (session_over(s)) {
		return;
	}
	if (s->n_posted == SESSION_EVENTS) {
		session_end(
			s, VITALED_REASON_FAILED); /* more than any row of the tables posts */
		return;
	}
	s->posted[s->n_posted++] = p;
	if (s->running) {
		return;
	}
	s->running = true;
	while (s->n_posted > 0) {
		p = s->posted[0];
		s->n_posted--;
		for (size_t i = 0; i < s->n_posted; i++) {
			s->posted[i] = s->posted[i + 1];
		}
		if (p.side) {
			carry_out_track(s, p.side, p.event);
		} else {
			carry_out(s, p.event);
		}
	}
	s->running = false;
	if (s->removed) {
		session_destroy(s);
	}
}

void session_post(struct session *s, enum session_event e)
{
	post(s, (struct posted){.event = e});
}

void session_post_track(struct session *s, struct side *side, enum session_event e)
{
	post(s, (struct posted){.side = side, .event = e});
}

static int on_turn(sd_event_source *source, void *user)
{
	struct session *s = user;

	(void)source;
	session_post(s, s->step == SESSION_STEP_START ? SESSION_EVENT_GO : SESSION_EVENT_CARDS);
	return 0;
}

int session_turn_add(struct session *s)
{
	int r = sd_event_add_defer(s->all->ev, &s->turn, on_turn, s);

	return r < 0 ? fault(r) : trace(progress_add(s));
}

void session_nudge(struct session *s)
{
	if (s->step == SESSION_STEP_CARDS || s->step == SESSION_STEP_QUEUED ||
		s->step == SESSION_STEP_BACK) {
		(void)sd_event_source_set_enabled(s->turn, SD_EVENT_ONESHOT);
	}
}

/* -- the end ------------------------------------------------------------------------------------- */

static void wipe_side(struct side *side)
{
	side->again = sd_event_source_disable_unref(side->again);
	buf_done(&side->serial);
	buf_done(&side->certificate);
	wipe(&side->cvc, sizeof(side->cvc));
	side->shown = false;
	side->card = NULL;
	side->lent = false;
	side->away = false;
}

/* Everything that the session knows of people and cards; its own facts stay. */
static void wipe_session(struct session *s)
{
	if (s->pin >= 0) {
		close(s->pin);
		s->pin = -1;
	}
	wipe_side(&s->patient_side);
	wipe_side(&s->professional_side);
	json_put(&s->wanted);
	if (s->grounds) {
		wipe(s->grounds, strlen(s->grounds));
		free(s->grounds);
		s->grounds = NULL;
	}
	if (s->data) {
		wipe(s->data, sizeof(*s->data));
		free(s->data);
		s->data = NULL;
	}
	s->chosen = NULL;
	buf_done(&s->professional_der);
	wipe(&s->professional, sizeof(s->professional));
	wipe(&s->patient, sizeof(s->patient));
	wipe(&s->exchange, sizeof(s->exchange));
	s->exchange_runs = false;
	s->expiry = sd_event_source_disable_unref(s->expiry);
	s->tick = sd_event_source_disable_unref(s->tick);
	s->idle = sd_event_source_disable_unref(s->idle);
	s->expires = 0;
}

void session_remove(struct session *s)
{
	struct session **at = &s->all->first;

	while (*at && *at != s) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = s->next;
	}
	s->turn = sd_event_source_disable_unref(s->turn);
	s->timer = sd_event_source_disable_unref(s->timer);
	s->progress = sd_event_source_disable_unref(s->progress);
	session_coverage_flush(s);
	s->all->ops.removed(s->all->user, s);
	s->removed = true;
	if (!s->running) {
		session_destroy(s);
	}
}

void session_destroy(struct session *s)
{
	wipe_session(s);
	sd_event_source_disable_unref(s->turn);
	sd_event_source_disable_unref(s->timer);
	sd_event_source_disable_unref(s->progress);
	sd_event_source_disable_unref(s->coverage_turn);
	free(s->owner);
	free(s->structure);
	free(s->pair);
	free(s->application);
	free(s->application_name);
	free(s->application_version);
	free(s);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;
	enum vitaled_reason late;

	(void)source;
	(void)usec;
	if (session_over(s)) {
		session_remove(s);
		return 0;
	}
	(void)state_limit(session_where(s), &late);
	session_end(s, late);
	return 0;
}

static void record_end(struct session *s)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	_cleanup_json_ json_t *details = NULL;

	details = json_pack("{s:s,s:s}", "state", session_state_word(s->ended), "proof",
		proof_word(s->proof));
	if (s->ended_by && json_set(details, "by", json_string(s->ended_by->audit_id)) < 0) {
		json_put(&details); /* the entry itself matters more */
	}
	/* what cannot be recorded has ended all the same */
	if (session_append(s, AUDIT_EVENT_SESSION_ENDED,
		    s->reason == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(s->reason),
		    NULL, details) == 0 &&
		audit_checkpoint(s->all->audit, &note) != 0) {
		return; /* the next checkpoint covers it */
	}
}

uint64_t session_slept(void)
{
	uint64_t up = clock_monotonic(); /* first: it is never ahead then */

	return clock_boottime() - up;
}

/* Cards, readers and their service had no power: what they say of it may come before the clock's word. */
static bool is_of_sleep(const struct session *s, enum vitaled_reason r)
{
	static const enum vitaled_reason without_power[] = {VITALED_REASON_CARD_BROKEN,
		VITALED_REASON_PATIENT_CARD_REMOVED, VITALED_REASON_PROFESSIONAL_CARD_REMOVED,
		VITALED_REASON_CARD_REPLACED, VITALED_REASON_NO_READER,
		VITALED_REASON_READER_FAILED, VITALED_REASON_NO_READER_SERVICE};

	bool without = false;

	for (size_t i = 0; i < ARRAY_LEN(without_power); i++) {
		without = without || r == without_power[i];
	}
	return without && session_slept() > s->slept + SLEPT;
}

void session_end(struct session *s, enum vitaled_reason r)
{
	struct sessions *all = s->all;
	enum session_step from = s->step;
	uint32_t card = s->patient_side.card ? s->patient_side.card->id : 0;

	if (session_over(s)) {
		return;
	}
	r = is_of_sleep(s, r) ? VITALED_REASON_SLEEP : r;
	s->ended = state_of_end(from, r);
	s->reason = r;
	s->step = SESSION_STEP_ENDED;
	s->n_posted = 0;
	(void)sd_event_source_set_enabled(s->turn, SD_EVENT_OFF);
	s->timer = sd_event_source_disable_unref(s->timer);
	all->ops.lock(
		all->user, s); /* first: it still reaches the cards to forget its requests */
	session_drop_cards(s);
	all->ops.stop_asking(all->user, s, r);
	record_end(s);
	session_coverage_over(s);
	wipe_session(s);
	if (sd_event_add_time_relative(
		    all->ev, &s->timer, CLOCK_BOOTTIME, LIMIT_ENDED_KEPT, 0, on_time, s) < 0) {
		s->timer = NULL; /* it stays until its owner releases it or leaves */
	}
	session_changed(s);
	session_card_left(s, card);
	if (from == SESSION_STEP_CARDS || from == SESSION_STEP_QUEUED ||
		from >= SESSION_STEP_LENT) {
		session_nudge_all(all); /* who waited behind it */
	}
	session_queue_tell(all);
}

void session_release(struct session *s)
{
	session_end(s, VITALED_REASON_RELEASED);
	session_remove(s);
}
