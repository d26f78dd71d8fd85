/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The list of sessions and the engine that carries out the table of state.h. Events are carried
 * out one after the other: one that is posted while another runs waits for it, so answers may
 * come from within the question. A session ends once, at once and whole: the patient's process is
 * killed, everybody is told to forget it, its end is recorded, its data are wiped; the empty
 * object stays for its owner. Sessions are owned here; they own what is in struct session.
 */
#include "daemon/session/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"
#include "daemon/session/steps.h"

static void record_end(struct session *s);

/* -- telling ------------------------------------------------------------------------------------- */

bool session_over(const struct session *s)
{
	return s->step == SESSION_STEP_ENDED;
}

void session_changed(struct session *s)
{
	s->told = session_state(s);
	s->all->ops.changed(s->all->user, s);
}

/* -- the record ---------------------------------------------------------------------------------- */

static const char *mode_word(enum session_mode m)
{
	return m == SESSION_MODE_IDENTITY ? "identity" : "normal";
}

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
	entry.mode = mode_word(s->mode);
	return entry;
}

static int append(struct session *s, enum audit_event e, const char *outcome, const char *rule,
	const json_t *details)
{
	struct audit_entry entry = session_audit(s, e);

	entry.outcome = outcome;
	entry.rule = rule;
	entry.details = details;
	return audit_append(s->all->audit, &entry, NULL);
}

bool session_record(struct session *s, enum audit_event e, const char *outcome,
	const char *rule, json_t *details)
{
	_cleanup_json_ json_t *owned = details;

	if (append(s, e, outcome, rule, owned) == 0) {
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

static void ask_last_try(struct session *s)
{
	s->pin_last = false;
	s->all->ops.ask_last_try(s->all->user, s);
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
	session_post(s, SESSION_EVENT_GO);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user);

/* Times of sessions run on while the machine sleeps. */
static void arm(struct session *s, uint64_t usec)
{
	s->timer = sd_event_source_disable_unref(s->timer);
	if (usec != 0 && sd_event_add_time_relative(s->all->ev, &s->timer, CLOCK_BOOTTIME, usec,
				 0, on_time, s) < 0) {
		session_end(s, VITALED_REASON_FAILED); /* a wait without end is none */
	}
}

static void begin(struct session *s)
{
	s->expires = clock_wall() + s->lifetime;
	arm(s, s->lifetime);
	if (!session_over(s)) {
		session_changed(s);
	}
}

static void (*const actions[SESSION_ACTION_COUNT])(struct session *s) = {
	[SESSION_ACTION_NONE] = nothing,
	[SESSION_ACTION_LOOK] = session_look,
	[SESSION_ACTION_OPEN] = session_open_cards,
	[SESSION_ACTION_PIN_STATE] = session_pin_state,
	[SESSION_ACTION_ASK_LAST_TRY] = ask_last_try,
	[SESSION_ACTION_ASK_PIN] = session_ask_pin,
	[SESSION_ACTION_VERIFY] = session_verify,
	[SESSION_ACTION_ACTIVITIES] = session_activities,
	[SESSION_ACTION_ASK_STRUCTURE] = session_ask_structure,
	[SESSION_ACTION_ADMIT] = session_admit,
	[SESSION_ACTION_PATIENT] = session_read_patient,
	[SESSION_ACTION_EXCHANGE] = session_exchange,
	[SESSION_ACTION_ACTIVE] = session_active,
	[SESSION_ACTION_PEOPLE] = session_people,
	[SESSION_ACTION_ASK_PERSON] = session_ask_person,
	[SESSION_ACTION_PREPARE] = prepare,
	[SESSION_ACTION_ASK_CONSENT] = ask_consent,
	[SESSION_ACTION_SIGN] = sign,
	[SESSION_ACTION_COVERAGE] = session_coverage,
	[SESSION_ACTION_GRANT] = grant,
	[SESSION_ACTION_GRANT_IDENTITY] = grant_identity,
	[SESSION_ACTION_BEGIN] = begin,
};

static void step(struct session *s, enum session_event e)
{
	enum vitaled_reason late;
	struct state_next next;

	if (!state_next(s->mode, s->step, e, &next)) {
		return;
	}
	if (next.step != s->step) {
		s->step = next.step;
		arm(s, state_limit(next.step, &late));
	}
	if (!session_over(s) && session_state(s) != s->told) {
		session_changed(s);
	}
	if (!session_over(s)) {
		actions[next.action](s);
	}
}

static void destroy(struct session *s);

void session_post(struct session *s, enum session_event e)
{
	if (session_over(s) || s->posted) {
		return;
	}
	s->event = e;
	s->posted = true;
	if (s->running) {
		return;
	}
	s->running = true;
	while (s->posted && !session_over(s)) {
		s->posted = false;
		step(s, s->event);
	}
	s->running = false;
	if (s->removed) {
		destroy(s);
	}
}

static int on_turn(sd_event_source *source, void *user)
{
	struct session *s = user;

	(void)source;
	session_post(s, s->step == SESSION_STEP_START ? SESSION_EVENT_GO : SESSION_EVENT_CARDS);
	return 0;
}

void session_nudge(struct session *s)
{
	if (s->step == SESSION_STEP_CARDS || s->step == SESSION_STEP_QUEUED) {
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
	side->card = NULL;
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
	s->expires = 0;
}

static void remove_session(struct session *s)
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
	s->all->ops.removed(s->all->user, s);
	s->removed = true;
	if (!s->running) {
		destroy(s);
	}
}

static void destroy(struct session *s)
{
	wipe_session(s);
	sd_event_source_disable_unref(s->turn);
	sd_event_source_disable_unref(s->timer);
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
		remove_session(s);
		return 0;
	}
	(void)state_limit(s->step, &late);
	session_end(s, late);
	return 0;
}

static void record_end(struct session *s)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	_cleanup_json_ json_t *details = NULL;

	details = json_pack("{s:s,s:s}", "state", session_state_word(s->ended), "proof",
		proof_word(s->proof));
	/* what cannot be recorded has ended all the same */
	if (append(s, AUDIT_EVENT_SESSION_ENDED,
		    s->reason == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(s->reason),
		    NULL, details) == 0 &&
		audit_checkpoint(s->all->audit, &note) != 0) {
		return; /* the next checkpoint covers it */
	}
}

void session_end(struct session *s, enum vitaled_reason r)
{
	struct sessions *all = s->all;

	if (session_over(s)) {
		return;
	}
	s->ended = state_of_end(s->step, r);
	s->reason = r;
	s->step = SESSION_STEP_ENDED;
	s->posted = false;
	(void)sd_event_source_set_enabled(s->turn, SD_EVENT_OFF);
	s->timer = sd_event_source_disable_unref(s->timer);
	all->ops.lock(
		all->user, s); /* first: it still reaches the cards to forget its requests */
	session_drop_cards(s);
	all->ops.stop_asking(all->user, s, r);
	record_end(s);
	wipe_session(s);
	if (sd_event_add_time_relative(
		    all->ev, &s->timer, CLOCK_BOOTTIME, LIMIT_ENDED_KEPT, 0, on_time, s) < 0) {
		s->timer = NULL; /* it stays until its owner releases it or leaves */
	}
	session_changed(s);
}

void session_release(struct session *s)
{
	session_end(s, VITALED_REASON_RELEASED);
	remove_session(s);
}

/* -- opening ------------------------------------------------------------------------------------- */

static char *join_application(const struct session_options *o)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(256);

	buf_put_str(&text, o->application ? o->application : "");
	if (o->application && o->application_version) {
		buf_put_str(&text, " ");
		buf_put_str(&text, o->application_version);
	}
	return buf_take_str(&text);
}

static int copy_texts(struct session *s, const char *owner, const struct session_options *o)
{
	s->owner = strdup(owner);
	s->pair = strdup(o->pair ? o->pair : "default");
	s->application = join_application(o);
	s->application_name = strdup(o->application ? o->application : "");
	s->application_version = strdup(o->application_version ? o->application_version : "");
	s->structure = o->structure ? strdup(o->structure) : NULL;
	s->wanted = o->patient ? json_deep_copy(o->patient) : NULL;
	if (!s->application_name || !s->application_version) {
		return fault(-ENOMEM);
	}
	if (!s->owner || !s->pair || !s->application || (o->structure && !s->structure) ||
		(o->patient && !s->wanted)) {
		return fault(-ENOMEM);
	}
	return 0;
}

static void copy_facts(struct session *s, const struct session_options *o)
{
	uint64_t life = o->lifetime * USEC_PER_SEC;

	s->mode = o->mode;
	s->intents = o->intents ? o->intents : SESSION_INTENT_CONSULT;
	s->lifetime = life == 0 || life > LIMIT_SESSION_LIFE ? LIMIT_SESSION_LIFE : life;
	s->wait = o->wait;
	s->pin_tries = UINT8_MAX;
	(void)snprintf(
		s->audit_id, sizeof(s->audit_id), "session/%u@%.8s", s->id, s->all->boot);
}

static int session_make(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		return fault(-ENOMEM);
	}
	*s = (struct session){.all = all, .id = all->next_id + 1, .uid = uid, .pin = -1};
	s->patient_side.serial = BUF_NULL(SERIAL_MAX);
	s->patient_side.certificate = BUF_NULL(CVC_MAX);
	s->professional_side.serial = BUF_NULL(SERIAL_MAX);
	s->professional_side.certificate = BUF_NULL(CVC_MAX);
	s->professional_der = BUF_NULL(16384);
	copy_facts(s, o);
	r = copy_texts(s, owner, o);
	if (r == 0) {
		r = sd_event_add_defer(all->ev, &s->turn, on_turn, s);
		r = r < 0 ? fault(r) : 0;
	}
	if (r < 0) {
		destroy(s);
		return trace(r);
	}
	*ret = s;
	return 0;
}

static bool evictable(const struct session *s, uid_t uid)
{
	return s->uid == uid && session_over(s) && !s->running;
}

static void evict_oldest(struct sessions *all, uid_t uid)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (evictable(s, uid)) {
			remove_session(s);
			return;
		}
	}
}

/* Room for one more: sessions count against their user, those that run and those that have ended
 * each for itself. Only the user's own oldest ended one makes way, nobody else's. */
static bool make_room(struct sessions *all, uid_t uid)
{
	size_t live = 0;
	size_t ended = 0;
	size_t total = 0;

	for (struct session *s = all->first; s; s = s->next) {
		total++;
		live += s->uid == uid && !session_over(s) ? 1 : 0;
		ended += evictable(s, uid) ? 1 : 0;
	}
	if (live >= LIMIT_SESSIONS_UID || (total >= LIMIT_SESSIONS && ended == 0)) {
		return false;
	}
	while (ended > 0 && (ended >= LIMIT_SESSIONS_UID || total >= LIMIT_SESSIONS)) {
		evict_oldest(all, uid);
		ended--;
		total--;
	}
	return true;
}

int session_open(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret_s)
{
	struct session **at = &all->first;
	struct session *s;
	int r;

	if (!make_room(all, uid)) {
		return SESSION_OPEN_LIMIT;
	}
	r = session_make(all, owner, uid, o, &s);
	if (r < 0) {
		return trace(r);
	}
	if (append(s, AUDIT_EVENT_SESSION_OPENED, "ok", NULL, NULL) != 0) {
		destroy(s);
		return SESSION_OPEN_AUDIT;
	}
	all->next_id = s->id;
	while (*at) {
		at = &(*at)->next;
	}
	*at = s; /* oldest first: so they are served when cards get free */
	s->told = session_state(s);
	all->ops.added(all->user, s);
	*ret_s = s;
	return 0;
}

/* -- all ----------------------------------------------------------------------------------------- */

int sessions_new(sd_event *ev, const struct config *config, struct cards *cards,
	const struct trust *trust, struct audit *audit, const struct session_ops *ops,
	void *user, struct sessions **ret)
{
	struct sessions *all = calloc(1, sizeof(*all));
	int r;

	if (!all) {
		return fault(-ENOMEM);
	}
	*all = (struct sessions){.ev = sd_event_ref(ev),
		.config = config,
		.cards = cards,
		.trust = trust,
		.audit = audit,
		.ops = *ops,
		.user = user};
	r = clock_boot_id(all->boot);
	if (r == 0) {
		r = session_cards_listen(all);
	}
	if (r < 0) {
		sd_event_unref(all->ev);
		free(all);
		return trace(r);
	}
	*ret = all;
	return 0;
}

struct sessions *sessions_free(struct sessions *all)
{
	if (!all) {
		return NULL;
	}
	all->closing = true;
	while (all->first) {
		session_release(all->first);
	}
	professional_free_all(all);
	cards_unlisten(all->cards, all);
	sd_event_unref(all->ev);
	free(all);
	return NULL;
}

struct session *sessions_by_id(struct sessions *all, uint32_t id)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (s->id == id) {
			return s;
		}
	}
	return NULL;
}

struct session *sessions_next(struct sessions *all, struct session *after)
{
	return after ? after->next : all->first;
}

void sessions_owner_gone(struct sessions *all, const char *owner)
{
	struct session *next;

	for (struct session *s = all->first; s; s = next) {
		next = s->next;
		if (strcmp(s->owner, owner) == 0) {
			session_end(s, VITALED_REASON_OWNER_GONE);
			remove_session(s);
		}
	}
}

void sessions_card_lock(struct sessions *all, struct card *c, enum vitaled_reason r)
{
	professional_lock(all, c);
	for (struct session *s = all->first; s; s = s->next) {
		if (s->professional_side.card == c || s->patient_side.card == c) {
			session_end(s, r);
		}
	}
}
