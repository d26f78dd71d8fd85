/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The world: built whole before each test and taken down after it, with a look whether any child
 * is left. Waits can be divided, appends to the record can fail from the n-th on; both by wrapped
 * functions.
 */
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/session/played.h"

struct world world;
unsigned int world_audit_fails;

enum trust_revocation world_revocation;
struct view world_revoked;
struct view world_unasked;

static char pki_folder[32];

/* -- wrapped ------------------------------------------------------------------------------------- */

int __real_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index);
int __wrap_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index);

int __wrap_audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index)
{
	if (world_audit_fails == 1) {
		return AUDIT_UNAVAILABLE;
	}
	world_audit_fails -= world_audit_fails > 0 ? 1 : 0;
	return __real_audit_append(a, e, ret_index);
}

int __wrap_trust_revocation(
	const struct trust *t, struct view der, uint64_t now, enum trust_revocation *ret);

int __wrap_trust_revocation(
	const struct trust *t, struct view der, uint64_t now, enum trust_revocation *ret)
{
	assert_non_null(t);
	assert_true(der.len > 100 && now > 0);
	if (view_equal(der, world_unasked)) {
		return -ENOMEM;
	}
	*ret = view_equal(der, world_revoked) ? TRUST_REVOCATION_REVOKED : world_revocation;
	return 0;
}

/* -- people and upper rooms ---------------------------------------------------------------------- */

static void give_pin(struct session *s)
{
	unsigned int i = world.asked[ASK_PIN] - 1;
	const char *pin;
	int ends[2];

	while (i > 0 && (i >= ARRAY_LEN(world.pins) || !world.pins[i])) {
		i--;
	}
	pin = world.pins[i] ? world.pins[i] : "1234";
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], pin, strlen(pin)), (ssize_t)strlen(pin));
	close(ends[1]);
	session_pin_given(s, ends[0]);
}

static void answer_choice(struct session *s, enum session_choice kind, enum vitaled_reason fail)
{
	if (fail != VITALED_REASON_NONE) {
		session_choice_failed(s, kind, fail);
	} else {
		assert_int_equal(session_choose(s, kind, world.choice), 0);
	}
}

void world_answer(struct session *s, enum question q)
{
	enum vitaled_reason fail = world.fail[q];

	switch (q) {
	case ASK_PIN:
		if (fail != VITALED_REASON_NONE) {
			session_pin_failed(s, fail);
		} else {
			give_pin(s);
		}
		return;
	case ASK_LAST_TRY:
		if (fail != VITALED_REASON_NONE) {
			session_pin_failed(s, fail);
		} else {
			session_last_try(s, world.last_try);
		}
		return;
	case ASK_STRUCTURE:
		answer_choice(s, SESSION_CHOICE_STRUCTURE, fail);
		return;
	case ASK_PERSON:
		answer_choice(s, SESSION_CHOICE_BENEFICIARY, fail);
		return;
	case ASK_PREPARE:
		session_prepared(s, fail);
		return;
	case ASK_CODE:
		session_coded(s, fail);
		return;
	case ASK_CONSENT:
		consent_answered(world.consents, s,
			fail == VITALED_REASON_NONE ? &world.consent : NULL, fail);
		return;
	case ASK_CONFIRM:
		if (fail != VITALED_REASON_NONE) {
			consent_answered(world.consents, s, NULL, fail);
		} else {
			consent_confirmed(world.consents, s, !world.confirm_no, 1001, "agent");
		}
		return;
	case ASK_UNLOCK:
		session_granted(s, fail);
		return;
	case ASK_COUNT:
		return;
	}
}

struct later {
	sd_event_source *source;
	uint32_t session;
	enum question q;
};

static int on_later(sd_event_source *source, void *user)
{
	struct later *l = user;
	struct session *s = world.all ? sessions_by_id(world.all, l->session) : NULL;

	(void)source;
	sd_event_source_disable_unref(l->source);
	if (s) {
		world_answer(s, l->q);
	}
	free(l);
	return 0;
}

static void ask(struct session *s, enum question q)
{
	struct later *l;

	world.asked[q]++;
	if (world.when[q] == ANSWER_NOW) {
		world_answer(s, q);
	} else if (world.when[q] == ANSWER_LATER) {
		l = calloc(1, sizeof(*l));
		assert_non_null(l);
		l->session = session_id(s);
		l->q = q;
		assert_true(sd_event_add_defer(world.ev, &l->source, on_later, l) >= 0);
	}
}

static void on_added(void *user, struct session *s)
{
	(void)user;
	(void)s;
	world.added++;
}

static void on_changed(void *user, struct session *s)
{
	static char word[40];

	(void)user;
	world.changes++;
	assert_true(
		snprintf(word, sizeof(word), " %s", session_state_word(session_state(s))) > 0);
	memory_pause();
	if (!view_equal(view_last(buf_view(&world.states), strlen(word)), view_str(word))) {
		buf_put_str(&world.states, word);
	}
	memory_resume();
}

static void on_removed(void *user, struct session *s)
{
	(void)user;
	consent_removed(world.consents, s);
	world.removed++;
}

static void ask_pin(void *user, struct session *s, unsigned int tries, bool again)
{
	(void)user;
	world.tries_told = tries;
	world.again_told = again;
	ask(s, ASK_PIN);
}

static void ask_last_try(void *user, struct session *s)
{
	(void)user;
	ask(s, ASK_LAST_TRY);
}

static void ask_choice(
	void *user, struct session *s, enum session_choice kind, const json_t *choices)
{
	(void)user;
	memory_pause();
	json_put(&world.choices);
	world.choices = json_deep_copy(choices);
	memory_resume();
	ask(s, kind == SESSION_CHOICE_STRUCTURE ? ASK_STRUCTURE : ASK_PERSON);
}

static void tell_keypad(void *user, struct session *s, unsigned int tries, bool again)
{
	(void)user;
	(void)s;
	world.tries_told = tries;
	world.again_told = again;
	world.keypads++;
}

static void stop_asking(void *user, struct session *s, enum vitaled_reason why)
{
	(void)user;
	(void)s;
	(void)why;
	world.stopped++;
}

static enum vitaled_reason admit(void *user, struct session *s, const char **ret_rule)
{
	(void)user;
	assert_non_null(session_professional(s));
	*ret_rule = "the-rule";
	return world.admit;
}

/* The test answers. */
static void ask_exceed(void *user, struct session *s)
{
	(void)user;
	(void)s;
	world.exceeds++;
}

/* Is a session about a patient whose card is of @nature? */
static bool patient_has(enum nature nature)
{
	for (struct session *s = sessions_next(world.all, NULL); s;
		s = sessions_next(world.all, s)) {
		const struct session_patient *p = session_patient(s);

		if (p && p->nature == nature) {
			return true;
		}
	}
	return false;
}

static int pseudonym(void *user, const char *number, enum nature nature, char ret_hex[65])
{
	(void)user;
	assert_true(patient_has(nature));
	assert_int_equal(strlen(number), 13);
	for (size_t i = 0; i < 64; i++) {
		ret_hex[i] = 'a';
	}
	ret_hex[64] = '\0';
	return world.pseudonym_result;
}

static void prepare(void *user, struct session *s)
{
	(void)user;
	ask(s, ASK_PREPARE);
}

static void ask_code(void *user, struct session *s)
{
	(void)user;
	ask(s, ASK_CODE);
}

static void take_card(void *user, const struct session_left *left)
{
	struct session *s = sessions_by_id(world.all, left->session);

	(void)user;
	assert_true(!s || session_state_ended(session_state(s)));
	assert_string_equal(left->owner, ":1.9");
	assert_int_equal(left->uid, 1001);
	assert_string_equal(left->pair, "default");
	world.take_cards++;
}

static bool busy(void *user, const struct session *s)
{
	(void)user;
	assert_int_equal(session_state(s), SESSION_STATE_UNLOCKED);
	world.busy_asked++;
	return world.busy;
}

static void ask_consent(void *user, struct session *s)
{
	(void)user;
	if (world.agreed) {
		consent_running(world.consents, s);
	} else {
		consent_ask(world.consents, s);
	}
}

static void sign(void *user, struct session *s)
{
	(void)user;
	consent_sign(world.consents, s);
}

static void unlock(void *user, struct session *s)
{
	(void)user;
	ask(s, ASK_UNLOCK);
}

static void emergency(void *user, struct session *s)
{
	(void)user;
	assert_int_equal(session_state(s), SESSION_STATE_UNLOCKED);
	world.emergencies++;
}

static void lock(void *user, struct session *s)
{
	(void)user;
	world.locked++;
	consent_forget(world.consents, s);
}

static void ask_agent(void *user, struct session *s, const json_t *request)
{
	(void)user;
	memory_pause();
	json_put(&world.request);
	world.request = json_deep_copy(request);
	memory_resume();
	ask(s, ASK_CONSENT);
}

static void failed(void *user, int r)
{
	(void)user;
	assert_true(r < 0);
	world.faults++;
}

static const struct session_ops session_ops = {
	.added = on_added,
	.changed = on_changed,
	.removed = on_removed,
	.ask_pin = ask_pin,
	.ask_last_try = ask_last_try,
	.ask_choice = ask_choice,
	.tell_keypad = tell_keypad,
	.stop_asking = stop_asking,
	.admit = admit,
	.ask_exceed = ask_exceed,
	.pseudonym = pseudonym,
	.prepare = prepare,
	.ask_code = ask_code,
	.ask_consent = ask_consent,
	.sign = sign,
	.unlock = unlock,
	.emergency = emergency,
	.take_card = take_card,
	.busy = busy,
	.lock = lock,
	.failed = failed,
};

static void confirm_agent(void *user, struct session *s, const json_t *request)
{
	(void)user;
	memory_pause();
	json_put(&world.request);
	world.request = json_deep_copy(request);
	memory_resume();
	ask(s, ASK_CONFIRM);
}

static const struct consent_ops consent_ops = {.ask = ask_agent, .confirm = confirm_agent};

/* -- building and taking down -------------------------------------------------------------------- */

static void text(char *to, size_t size, const char *value)
{
	assert_int_equal(view_copy_str(view_str(value), to, size), 0);
}

int world_group_setup(void **state)
{
	sigset_t signals;

	(void)state;
	json_setup();
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	text(pki_folder, sizeof(pki_folder), "/tmp/anchors-XXXXXX");
	assert_non_null(mkdtemp(pki_folder));
	pki_open(pki_folder);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int world_group_teardown(void **state)
{
	(void)state;
	pki_close();
	return nftw(pki_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void configure(struct config *c)
{
	char path[64];

	*c = (struct config){.pin_lifetime = 3600, .pin_idle = 600};
	text(c->state, sizeof(c->state), world.folder);
	text(c->anchors, sizeof(c->anchors), pki_folder);
	text(c->children, sizeof(c->children), TEST_CHILDREN);
	assert_true(snprintf(path, sizeof(path), "%s/relays", world.folder) > 0);
	text(c->pcsc_socket, sizeof(c->pcsc_socket), path);
	text(c->origin, sizeof(c->origin), "vitaled.example/record");
	text(c->workstation, sizeof(c->workstation), "desk 1");
	text(c->consent_language, sizeof(c->consent_language), "fr");
	c->required[NATURE_REAL] = PROOF_LOCKED;
	c->required[NATURE_TEST] = PROOF_MUTUAL;
	c->required[NATURE_SIMULATED] = PROOF_MUTUAL;
}

int world_rooms(struct cards *cards, struct consents **ret_consents, struct sessions **ret_all)
{
	int r = consents_new(&world.config, TEST_WORDINGS, world.trust, world.audit,
		&consent_ops, NULL, ret_consents);

	if (r == 0) {
		r = sessions_new(world.ev, &world.config, cards, world.trust, world.audit,
			&session_ops, NULL, ret_all);
	}
	return r;
}

static void broker_open(void)
{
	played_open(world.ev, world.config.pcsc_socket);
	assert_int_equal(cards_new(world.ev, &world.config, &world.cards), 0);
	assert_int_equal(world_rooms(world.cards, &world.consents, &world.all), 0);
}

static void broker_close(void)
{
	siginfo_t si;

	world.all = sessions_free(world.all);
	world.consents = consents_free(world.consents);
	world.cards = cards_free(world.cards);
	/* no child is left */
	assert_int_equal(waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT), -1);
	assert_int_equal(errno, ECHILD);
}

int world_setup(void **state)
{
	(void)state;
	world = (struct world){.states = BUF_NULL(4096)};
	world.consent = (struct consent_answer){
		.decision = CONSENT_GIVEN,
		.form = CONSENT_FORM_ORAL,
		.agent_uid = 1001,
		.agent_name = "agent",
	};
	world_hurry = 1;
	world_slept = 0;
	world_audit_fails = 0;
	world_revocation = TRUST_REVOCATION_UNKNOWN;
	world_unasked = VIEW_NULL;
	world_revoked = VIEW_NULL;
	text(world.folder, sizeof(world.folder), "/tmp/world-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	configure(&world.config);
	assert_int_equal(sd_event_new(&world.ev), 0);
	assert_int_equal(trust_new(world.config.anchors, &world.trust, NULL), 0);
	assert_int_equal(
		audit_open(world.folder, world.config.origin, VIEW_NULL, &world.audit), 0);
	broker_open();
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_audit_fails = 0;
	broker_close();
	played_close();
	world.audit = audit_free(world.audit);
	world.trust = trust_free(world.trust);
	/* answers that were put off belong to nobody now */
	while (sd_event_run(world.ev, 0) > 0) {
	}
	world.ev = sd_event_unref(world.ev);
	json_put(&world.choices);
	json_put(&world.request);
	buf_done(&world.states);
	return nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void world_restart(void)
{
	world.all = sessions_free(world.all);
	assert_int_equal(sessions_new(world.ev, &world.config, world.cards, world.trust,
				 world.audit, &session_ops, NULL, &world.all),
		0);
}
