/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Every call that may fail fails once: for each step the first, the second, ... wrapped call of the
 * service fails until the step needs no more. Nothing may crash, leak (the sanitizers look) or say
 * yes in place of a failure, and the service answers afterwards. With VITALED_SOAK=1 in the
 * environment every place is tried, else every eighth from a seed that is printed.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/bus/core.h"
#include "tests/unit/bus/break.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"
#define MOST	400U /* wrapped calls in one step: no step comes near */

struct scene {
	struct client *owner;
	struct client *agent;
	struct session *s;
};

static unsigned int seed;

typedef void (*step_fn)(struct scene *sc);

static void ask(struct client *c, DBusMessage *m)
{
	DBusMessage *reply = client_call(c, m);

	if (reply)
		dbus_message_unref(reply);
}

static void settle(void)
{
	for (int i = 0; i < 10; i++)
		bed_turn();
}

static bool answers(void)
{
	struct client *c = client_new(OWN);
	DBusMessage *reply;

	bed.patience = 5000000;
	reply = client_call(c, method(ROOT, MANAGER, "GetCheckpoint", DBUS_TYPE_INVALID));
	return strcmp(error_of(reply), "") == 0;
}

/* @step with one failure after the other, each on a fresh bus with a session and an agent */
static void break_each(step_fn step, bool scene)
{
	bool soak = getenv("VITALED_SOAK") != NULL;
	unsigned int n = soak ? 1 : 1 + seed % 8;

	do {
		struct scene sc = {.owner = client_new(OWN)};

		if (scene) {
			sc.agent = agent_new(OWN, "pin", "professional");
			sc.s = opened(sc.owner);
			settle();
			client_clear(sc.owner);
		}
		bed.patience = 6000; /* an answer that could not be built never comes */
		break_at(n);
		step(&sc);
		for (int i = 0; i < 4; i++)
			bed_turn();
		if (!break_done()) {
			break_at(0);
			n = MOST;
		}
		n += soak ? 1 : 8;
		assert_true(answers());
		assert_int_equal(bed_teardown(NULL), 0);
		assert_int_equal(bed_setup(NULL), 0);
	} while (n < MOST);
}

/* -- steps -- */

static void step_open(struct scene *sc)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	ask(sc->owner, m);
}

static void a_session_opens_or_does_not(void **state)
{
	(void)state;
	break_each(step_open, false);
}

static void step_register(struct scene *sc)
{
	(void)registered(sc->owner, "/other", "pin", "professional");
}

static void an_agent_registers_or_does_not(void **state)
{
	(void)state;
	break_each(step_register, false);
}

static void step_pin(struct scene *sc)
{
	int ends[2];
	DBusMessage *m;
	uint64_t until;

	break_on(true);
	bus_ask_pin(bed.bus, sc->s, 3, true);
	break_on(false);
	until = clock_monotonic() + 5 * USEC_PER_SEC;
	while (sc->s->pin_failed == VITALED_REASON_NONE &&
		!client_has(sc->agent, "RequestPin") && clock_monotonic() < until)
		bed_turn();
	if (sc->s->pin_failed != VITALED_REASON_NONE)
		return;
	m = client_take(sc->agent, "RequestPin");
	assert_non_null(m);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)close(ends[1]);
	reply_with(sc->agent, m, DBUS_TYPE_UNIX_FD, &ends[0], DBUS_TYPE_INVALID);
	(void)close(ends[0]);
}

static void a_pin_is_asked_or_the_session_hears_why_not(void **state)
{
	(void)state;
	break_each(step_pin, true);
}

static void step_last_try(struct scene *sc)
{
	break_on(true);
	bus_ask_last_try(bed.bus, sc->s);
	break_on(false);
	assert_int_equal(sc->s->last_try, -1);
}

static void a_last_try_is_never_confirmed_by_a_failure(void **state)
{
	(void)state;
	break_each(step_last_try, true);
}

static void step_choice(struct scene *sc)
{
	json_t *list = json_pack("[{s:s},{s:s}]", "a", "1", "a", "2");

	break_on(true);
	bus_ask_choice(bed.bus, sc->s, SESSION_CHOICE_BENEFICIARY, list);
	bus_ask_choice(bed.bus, sc->s, SESSION_CHOICE_STRUCTURE, list);
	break_on(false);
	json_decref(list);
	settle();
	break_on(true);
	bus_stop_asking(bed.bus, sc->s, VITALED_REASON_CANCELLED);
	break_on(false);
	assert_int_equal(sc->s->chosen, -1);
}

static void nobody_is_chosen_by_a_failure(void **state)
{
	(void)state;
	break_each(step_choice, true);
}

static void step_consent(struct scene *sc)
{
	json_t *request = json_pack("{s:s}", "acts", "consult");

	break_on(true);
	bus_ask_consent(bed.bus, sc->s, request);
	break_on(false);
	json_decref(request);
	settle();
	client_free(sc->agent);
	settle();
	assert_int_equal(sc->s->consent_given, 0);
}

static void no_failure_is_consent(void **state)
{
	(void)state;
	break_each(step_consent, true);
}

static void step_changes(struct scene *sc)
{
	sc->s->dossier = "open";
	fakes_state(sc->s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	settle();
	ask(sc->owner,
		method(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", 0));
	ask(sc->owner, method("/org/vitaled1/session/1", DBUS_INTERFACE_INTROSPECTABLE,
			       "Introspect", 0));
	fakes_state(sc->s, SESSION_STATE_LOCKED, VITALED_REASON_EXPIRED);
	settle();
}

static void signals_may_be_lost_but_nothing_else(void **state)
{
	(void)state;
	break_each(step_changes, true);
}

static void step_dossier(struct scene *sc)
{
	DBusPendingCall *pending;
	DBusMessage *reply;

	sc->s->dossier = "open";
	fakes_state(sc->s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	pending = client_send(sc->owner,
		method("/org/vitaled1/session/1", "org.vitaled1.Dossier", "Summary", 0));
	settle();
	if (fakes.done) {
		break_on(true);
		fakes_answer(VITALED_REASON_NO_SUCH_DOCUMENT, "rule", NULL, -1, -1);
		break_on(false);
	}
	reply = client_wait(pending);
	if (reply)
		dbus_message_unref(reply);
}

static void a_dossier_call_ends_once(void **state)
{
	(void)state;
	break_each(step_dossier, true);
}

static void step_replace(struct scene *sc)
{
	_cleanup_json_ json_t *j = json_pack("{s:i}", "size", 1);
	const char *id = "0197";
	DBusPendingCall *pending;
	DBusMessage *reply;
	int ends[2], metadata = -1;

	sc->s->dossier = "open";
	fakes_state(sc->s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(json_memfd(j, "metadata", &metadata), 0);
	(void)close(ends[1]);
	pending = client_send(
		sc->owner, method("/org/vitaled1/session/1", "org.vitaled1.Dossier", "Replace",
				   DBUS_TYPE_STRING, &id, DBUS_TYPE_UNIX_FD, &ends[0],
				   DBUS_TYPE_UNIX_FD, &metadata, DBUS_TYPE_INVALID));
	(void)close(ends[0]);
	(void)close(metadata);
	settle();
	if (fakes.done) {
		break_on(true);
		fakes_answer(VITALED_REASON_NONE, NULL, "0198", -1, -1);
		break_on(false);
	}
	reply = client_wait(pending);
	if (reply)
		dbus_message_unref(reply);
}

static void a_document_is_replaced_or_its_caller_hears_why_not(void **state)
{
	(void)state;
	break_each(step_replace, true);
}

static struct card card;

static void step_cards(struct scene *sc)
{
	struct card_reader *r = &fakes.readers[0];

	break_on(true);
	*r = (struct card_reader){.id = 1, .name = "A", .driver = "pcsc", .present = true};
	fakes.listener->reader_added(fakes.listener_user, r);
	card = (struct card){.id = 1, .reader = r, .in_use_uid = geteuid(), .pin_until = 1};
	r->card = &card;
	fakes.listener->card_added(fakes.listener_user, &card);
	break_on(false);
	settle();
	card.kind = CARD_KIND_CPS;
	fakes.listener->card_changed(fakes.listener_user, &card);
	settle();
	card.in_use_uid = (uid_t)-1;
	fakes.listener->card_changed(fakes.listener_user, &card);
	settle();
	fakes.listener->card_changed(fakes.listener_user, &card);
	break_on(true);
	fakes.listener->reader_removed(fakes.listener_user, r);
	break_on(false);
	ask(sc->owner, method(ROOT, MANAGER, "Diagnose", 0));
}

static void cards_come_and_go_whatever_fails(void **state)
{
	(void)state;
	break_each(step_cards, true);
}

static void plug(void)
{
	struct card_reader *r = &fakes.readers[0];

	*r = (struct card_reader){.id = 1, .name = "A", .driver = "pcsc", .present = true};
	fakes.listener->reader_added(fakes.listener_user, r);
	card = (struct card){.id = 1, .reader = r, .in_use_uid = (uid_t)-1};
	r->card = &card;
	fakes.listener->card_added(fakes.listener_user, &card);
}

static void step_lend(struct scene *sc)
{
	dbus_uint32_t seconds = 60;
	DBusMessage *m, *reply;
	DBusPendingCall *pending;

	plug();
	m = method(ROOT "/reader/1", "org.vitaled1.Reader", "Lend", DBUS_TYPE_UINT32, &seconds,
		DBUS_TYPE_INVALID);
	pending = client_send(sc->owner, m);
	settle();
	if (fakes.lend_done) {
		break_on(true);
		(void)fakes_lent(VITALED_REASON_NONE);
		break_on(false);
	}
	reply = client_wait(pending);
	/* who did not get the path holds no slot */
	assert_true(!reply || dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_ERROR ||
		    !fakes.leases || !fakes.n_returned);
	if (reply)
		dbus_message_unref(reply);
	client_free(sc->owner);
	settle();
	assert_null(fakes.leases);
}

static void a_slot_is_lent_or_not(void **state)
{
	(void)state;
	break_each(step_lend, false);
}

static void step_codes(struct scene *sc)
{
	DBusPendingCall *pending;
	DBusMessage *reply;

	plug();
	pending = client_send(
		sc->owner, method(ROOT "/card/1", "org.vitaled1.Card", "ChangePin", 0));
	settle();
	if (fakes.job.done) {
		break_on(true);
		bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
		bus_tell_job_keypad(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
		bus_ask_code_last_try(bed.bus, &fakes.job, PIN_CODE_PIN);
		break_on(false);
		settle();
		assert_int_equal(fakes.job.codes_given, 0);
		assert_int_equal(fakes.job.last_try, -1);
		break_on(true);
		fakes_job_ends(VITALED_REASON_PIN_WRONG, 2);
		break_on(false);
	}
	reply = client_wait(pending);
	assert_true(!reply || dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_ERROR);
	if (reply)
		dbus_message_unref(reply);
}

static void a_pin_job_ends_once_and_never_well_by_a_failure(void **state)
{
	(void)state;
	break_each(step_codes, true);
}

static void step_patient(struct scene *sc)
{
	DBusPendingCall *pending;
	DBusMessage *reply;

	sc->s->dossier = "open";
	fakes_state(sc->s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	pending = client_send(sc->owner,
		method("/org/vitaled1/session/1", "org.vitaled1.Session", "GetPatient", 0));
	settle();
	if (sc->s->coverage_done) {
		break_on(true);
		fakes_covered(sc->s, VITALED_REASON_NONE);
		break_on(false);
	}
	reply = client_wait(pending);
	if (reply)
		dbus_message_unref(reply);
}

static void the_patient_is_told_whole_or_not(void **state)
{
	(void)state;
	break_each(step_patient, true);
}

static void step_record(struct scene *sc)
{
	const char *entry = "1", *interface = MANAGER;

	ask(sc->owner, method(ROOT, DBUS_INTERFACE_PROPERTIES, "GetAll", DBUS_TYPE_STRING,
			       &interface, DBUS_TYPE_INVALID));
	ask(sc->owner, method(ROOT, MANAGER, "GetAuditProof", DBUS_TYPE_STRING, &entry, 0));
	ask(sc->owner, method(ROOT, MANAGER, "Diagnose", 0));
}

static void a_proof_is_whole_or_absent(void **state)
{
	(void)state;
	break_each(step_record, false);
}

static void step_diagnose(struct scene *sc)
{
	bed.bus->polkit[0] = '\0'; /* nobody: the bus is asked whether it would start one */
	ask(sc->owner, method(ROOT, MANAGER, "Diagnose", 0));
}

static void findings_that_the_bus_is_asked_for_are_whole_or_absent(void **state)
{
	(void)state;
	break_each(step_diagnose, false);
}

static void a_bus_that_cannot_be_made_is_a_fault(void **state)
{
	unsigned int n = 0;
	int r;

	(void)state;
	do {
		struct bus_rooms rooms = {.config = &fakes.config};
		struct bus *b = NULL;

		break_at(++n);
		break_on(true);
		r = bus_new(bed.ev, &b);
		if (r == 0)
			r = bus_serve(b, &rooms); /* the name is taken: never 0 */
		break_on(false);
		assert_true(r < 0);
		(void)bus_free(b);
	} while (break_done() && n < MOST);
	break_at(0);
}

/* -- without the bus policy -- */

static void nothing_can_be_set_even_when_the_bus_lets_it_through(void **state)
{
	struct client *c = client_new(OWN);
	const char *interface = MANAGER, *name = "Version";
	DBusMessage *m = method(ROOT, DBUS_INTERFACE_PROPERTIES, "Set", DBUS_TYPE_STRING,
		&interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
	DBusMessageIter it, v;

	(void)state;
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, "s", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &name);
	(void)dbus_message_iter_close_container(&it, &v);
	assert_string_equal(error_of(client_call(c, m)), DBUS_ERROR_PROPERTY_READ_ONLY);
}

static void unknown_members_and_unnamed_interfaces_are_refused(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	assert_string_equal(error_of(client_call(c, method(ROOT, MANAGER, "Format", 0))),
		DBUS_ERROR_UNKNOWN_METHOD);
	assert_string_equal(error_of(client_call(c, method(ROOT, NULL, "GetCheckpoint", 0))),
		DBUS_ERROR_UNKNOWN_INTERFACE);
	assert_string_equal(
		error_of(client_call(c, method(ROOT "/reader", MANAGER, "Diagnose", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(
		error_of(client_call(
			c, method(ROOT "/reader", DBUS_INTERFACE_INTROSPECTABLE, "X", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(
		error_of(client_call(c, method(ROOT, DBUS_INTERFACE_PEER, "Ping", 0))), "");
}

static void a_call_that_wants_no_reply_gets_none(void **state)
{
	struct client *c = client_new(OWN);
	DBusMessage *m = method(ROOT, MANAGER, "GetCheckpoint", DBUS_TYPE_INVALID);

	(void)state;
	dbus_message_set_no_reply(m, TRUE);
	assert_true(dbus_connection_send(c->c, m, NULL));
	dbus_message_unref(m);
	for (int i = 0; i < 200 && fakes.n_checkpoints == 0; i++)
		bed_turn();
	assert_int_equal(fakes.n_checkpoints, 1);
}

static void a_caller_that_left_before_it_was_known_is_forgotten(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending = client_send(c, method(ROOT, MANAGER, "GetCheckpoint", 0));

	(void)state;
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(c);
	(void)usleep(20000); /* the bus notices before the service reads */
	settle();
	assert_true(answers());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_session_opens_or_does_not),
		T(an_agent_registers_or_does_not),
		T(a_pin_is_asked_or_the_session_hears_why_not),
		T(a_last_try_is_never_confirmed_by_a_failure),
		T(nobody_is_chosen_by_a_failure),
		T(no_failure_is_consent),
		T(signals_may_be_lost_but_nothing_else),
		T(a_dossier_call_ends_once),
		T(a_document_is_replaced_or_its_caller_hears_why_not),
		T(cards_come_and_go_whatever_fails),
		T(a_slot_is_lent_or_not),
		T(a_pin_job_ends_once_and_never_well_by_a_failure),
		T(the_patient_is_told_whole_or_not),
		T(a_proof_is_whole_or_absent),
		T(findings_that_the_bus_is_asked_for_are_whole_or_absent),
		T(a_bus_that_cannot_be_made_is_a_fault),
		T(nothing_can_be_set_even_when_the_bus_lets_it_through),
		T(unknown_members_and_unnamed_interfaces_are_refused),
		T(a_call_that_wants_no_reply_gets_none),
		T(a_caller_that_left_before_it_was_known_is_forgotten),
	};
	int r;

	seed = (unsigned int)(clock_monotonic() / 1000);
	print_message("seed %u\n", seed);
	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
