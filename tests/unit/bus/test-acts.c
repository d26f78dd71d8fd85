/* SPDX-License-Identifier: EUPL-1.2 */
/* The acts on an unlocked dossier, and the intents that open for them, on a private bus. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/bus/wire.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"
#define ONE	"/org/vitaled1/session/1"
#define SESSION "org.vitaled1.Session"
#define DOSSIER "org.vitaled1.Dossier"

static struct session *unlocked(struct client *owner)
{
	struct session *s = opened(owner);

	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	return s;
}

static DBusPendingCall *waiting(struct client *c, DBusMessage *m)
{
	DBusPendingCall *pending = client_send(c, m);

	while (!fakes.done)
		bed_turn();
	return pending;
}

/* @c asks for @m, which is answered by @r. Return: the name of the error; @ret_text: its message. */
static const char *answered(struct client *c, DBusMessage *m, enum vitaled_reason r,
	const char *rule, char ret_text[64])
{
	DBusPendingCall *pending = waiting(c, m);
	const char *text = "";

	fakes_answer(r, rule, NULL, -1, -1);
	m = client_wait(pending);
	assert_non_null(m);
	if (dbus_message_get_error_name(m))
		assert_true(dbus_message_get_args(
			m, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	(void)snprintf(ret_text, 64, "%.63s", text);
	return error_of(m);
}

/* -- arguments -- */

enum kind { /* of argument lists */
	KIND_NONE,
	KIND_ID,
	KIND_ID_ON,
	KIND_WHO,
	KIND_WHO_ON,
	KIND_ON,
	KIND_REPLACE,
};

static const char *const id = "0197";

static DBusMessage *act(const char *member, enum kind kind, dbus_bool_t on, int fd, int other)
{
	switch (kind) {
	case KIND_NONE:
		return method(ONE, DOSSIER, member, DBUS_TYPE_INVALID);
	case KIND_ID:
		return method(ONE, DOSSIER, member, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID);
	case KIND_ID_ON:
		return method(ONE, DOSSIER, member, DBUS_TYPE_STRING, &id, DBUS_TYPE_BOOLEAN,
			&on, DBUS_TYPE_INVALID);
	case KIND_WHO:
		return method(ONE, DOSSIER, member, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	case KIND_WHO_ON:
		return method(ONE, DOSSIER, member, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_BOOLEAN,
			&on, DBUS_TYPE_INVALID);
	case KIND_ON:
		return method(ONE, DOSSIER, member, DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID);
	case KIND_REPLACE:
		return method(ONE, DOSSIER, member, DBUS_TYPE_STRING, &id, DBUS_TYPE_UNIX_FD,
			&fd, DBUS_TYPE_UNIX_FD, &other, DBUS_TYPE_INVALID);
	}
	return NULL;
}

static const struct {
	const char *member;
	enum kind kind;
	dbus_bool_t on;
	const char *noted; /* by the dossier's room */
} acts[] = {
	{"Replace", KIND_REPLACE, FALSE, "replace 0197 text"},
	{"Archive", KIND_ID_ON, TRUE, "archive 0197 1"},
	{"Archive", KIND_ID_ON, FALSE, "archive 0197 0"},
	{"Delete", KIND_ID, FALSE, "delete 0197"},
	{"Authorise", KIND_WHO, FALSE, "authorise {\"id\":\"899700218896\"}"},
	{"Revoke", KIND_WHO, FALSE, "revoke {\"id\":\"899700218896\"}"},
	{"Block", KIND_WHO_ON, TRUE, "block {\"id\":\"899700218896\"}"},
	{"Block", KIND_WHO_ON, FALSE, "unblock {\"id\":\"899700218896\"}"},
	{"SetTreatingDoctor", KIND_ON, TRUE, "treating-doctor 1"},
	{"SetTreatingDoctor", KIND_ON, FALSE, "treating-doctor 0"},
	{"SetOpposition", KIND_ID_ON, TRUE, "oppose 0197 1"},
	{"SetOpposition", KIND_ID_ON, FALSE, "oppose 0197 0"},
	{"SetMaskedAllowed", KIND_ON, TRUE, "allow-masked 1"},
	{"SetMaskedAllowed", KIND_ON, FALSE, "allow-masked 0"},
	{"Close", KIND_WHO, FALSE, "close {\"id\":\"899700218896\"}"},
	{"Reopen", KIND_NONE, FALSE, "reopen"},
	{"IssueActivationCode", KIND_NONE, FALSE, "issue-code"},
	{"SetPersonalCode", KIND_NONE, FALSE, "set-code"},
	{"ListProfessionals", KIND_NONE, FALSE, "professionals"},
};

struct given { /* the descriptors of one call */
	int who, content, rest;
};

static struct given given(void)
{
	_cleanup_json_ json_t *j = json_pack("{s:s}", "id", "899700218896");
	struct given g;
	int ends[2];

	assert_int_equal(json_memfd(j, "who", &g.who), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "text", 4), 4);
	g.content = ends[0];
	g.rest = ends[1];
	return g;
}

static void given_done(struct given *g)
{
	(void)close(g->who);
	(void)close(g->content);
	(void)close(g->rest);
}

static DBusMessage *act_of(size_t i, const struct given *g)
{
	bool replaces = acts[i].kind == KIND_REPLACE;

	return act(acts[i].member, acts[i].kind, acts[i].on, replaces ? g->content : g->who,
		g->who);
}

/* -- the acts -- */

static void every_act_reaches_the_dossier_and_is_answered_as_it_says(void **state)
{
	struct client *owner = client_new(OWN);

	(void)state;
	(void)unlocked(owner);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		bool memfd = strcmp(acts[i].member, "ListProfessionals") == 0;
		struct given g = given();
		char text[64];

		assert_string_equal(answered(owner, act_of(i, &g), VITALED_REASON_NOT_PERMITTED,
					    "not-self", text),
			"NotPermitted");
		assert_string_equal(fakes.dossier_call, acts[i].noted);
		assert_non_null(strstr(text, "not-self"));
		given_done(&g);
		g = given();
		assert_string_equal(answered(owner, act_of(i, &g),
					    VITALED_REASON_INVALID_ARGUMENT, "until", text),
			"InvalidArgument");
		assert_non_null(strstr(text, "until"));
		given_done(&g);
		g = given();
		/* who answers with a memfd must bring one */
		assert_string_equal(
			answered(owner, act_of(i, &g), VITALED_REASON_NONE, NULL, text),
			memfd ? "Failed" : "");
		given_done(&g);
	}
}

static void an_act_on_a_dossier_that_is_not_unlocked_is_in_the_wrong_state(void **state)
{
	struct client *owner = client_new(OWN), *other = client_new(OWN);

	(void)state;
	(void)opened(owner);
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct given g = given();

		assert_string_equal(error_of(client_call(owner, act_of(i, &g))), "WrongState");
		assert_string_equal(
			error_of(client_call(other, act_of(i, &g))), DBUS_ERROR_UNKNOWN_OBJECT);
		given_done(&g);
	}
	assert_null(fakes.done);
}

static void an_act_that_waits_when_the_session_ends_gets_wrong_state(void **state)
{
	struct client *owner = client_new(OWN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		struct session *s = unlocked(owner);
		struct given g = given();
		DBusPendingCall *pending;

		fakes.last_id = 0; /* the path of the next one is the same */
		fakes.forgotten = false;
		pending = waiting(owner, act_of(i, &g));
		fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_PATIENT_CARD_REMOVED);
		assert_string_equal(error_of(client_wait(pending)), "WrongState");
		assert_true(fakes.forgotten);
		session_release(s);
		turns();
		client_clear(owner);
		given_done(&g);
	}
}

static void a_new_document_takes_the_place_of_another_under_an_id_of_its_own(void **state)
{
	struct client *owner = client_new(OWN);
	struct given g = given();
	DBusPendingCall *pending;
	const char *made = "";
	DBusMessage *m;

	(void)state;
	(void)unlocked(owner);
	pending = waiting(owner, act("Replace", KIND_REPLACE, FALSE, g.content, g.who));
	fakes_answer(VITALED_REASON_NONE, NULL, "0198-new", -1, -1);
	m = client_wait(pending);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &made, DBUS_TYPE_INVALID));
	assert_string_equal(made, "0198-new");
	dbus_message_unref(m);
	given_done(&g);
}

static void the_professionals_come_in_a_sealed_memfd(void **state)
{
	struct client *owner = client_new(OWN);
	struct given g = given();
	DBusPendingCall *pending;
	int fd = -1;
	DBusMessage *m;

	(void)state;
	(void)unlocked(owner);
	pending = waiting(owner, act("ListProfessionals", KIND_NONE, FALSE, -1, -1));
	fakes_answer(VITALED_REASON_NONE, NULL, NULL, g.who, -1);
	m = client_wait(pending);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	assert_true(fd_is_sealed_memfd(fd, LIMIT_JSON_FD));
	(void)close(fd);
	dbus_message_unref(m);
	(void)close(g.content);
	(void)close(g.rest);
}

/* -- what is refused here -- */

/* a memfd of @size bytes with @seals */
static int memfd(size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void who_comes_in_a_sealed_memfd_and_in_nothing_else(void **state)
{
	static const char *const members[] = {"Authorise", "Revoke", "Block"};
	const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	struct client *owner = client_new(OWN);
	struct given g = given();
	const int wrong[] = {g.content, g.rest, memfd(2, 0), memfd(2, all & ~F_SEAL_GROW),
		memfd(2, all & ~F_SEAL_SHRINK), memfd(2, all & ~F_SEAL_WRITE),
		memfd(LIMIT_JSON_FD + 1, all), open("/tmp", O_RDONLY | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC)};

	(void)state;
	(void)unlocked(owner);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		for (size_t k = 0; k < ARRAY_LEN(members); k++) {
			DBusMessage *m = client_call(
				owner, act(members[k], k == 2 ? KIND_WHO_ON : KIND_WHO, TRUE,
					       wrong[i], -1));
			const char *text = "";

			assert_true(dbus_message_get_args(
				m, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
			assert_non_null(strstr(text, "who"));
			assert_string_equal(error_of(m), "InvalidArgument");
		}
	}
	assert_null(fakes.done);
	for (size_t i = 2; i < ARRAY_LEN(wrong); i++)
		(void)close(wrong[i]);
	given_done(&g);
}

static void a_replacement_comes_by_pipe_and_sealed_memfd_only(void **state)
{
	struct client *owner = client_new(OWN);
	struct given g = given();
	const int wrong[][2] = {
		{g.who, g.who}, {g.rest, g.who}, {g.content, g.content}, {g.content, g.rest}};

	(void)state;
	(void)unlocked(owner);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_string_equal(
			error_of(client_call(owner,
				act("Replace", KIND_REPLACE, FALSE, wrong[i][0], wrong[i][1]))),
			"InvalidArgument");
	assert_null(fakes.done);
	given_done(&g);
}

static void an_id_that_cannot_be_one_is_no_document(void **state)
{
	static const char *const ids[] = {"", "0123456789012345678901234567890123456"};
	struct client *owner = client_new(OWN);
	struct given g = given();
	dbus_bool_t on = TRUE;

	(void)state;
	(void)unlocked(owner);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		assert_string_equal(error_of(client_call(owner,
					    method(ONE, DOSSIER, "Archive", DBUS_TYPE_STRING,
						    &ids[i], DBUS_TYPE_BOOLEAN, &on, 0))),
			"NoSuchDocument");
		assert_string_equal(
			error_of(client_call(owner,
				method(ONE, DOSSIER, "Delete", DBUS_TYPE_STRING, &ids[i], 0))),
			"NoSuchDocument");
		assert_string_equal(error_of(client_call(owner,
					    method(ONE, DOSSIER, "Replace", DBUS_TYPE_STRING,
						    &ids[i], DBUS_TYPE_UNIX_FD, &g.content,
						    DBUS_TYPE_UNIX_FD, &g.who, 0))),
			"NoSuchDocument");
	}
	assert_null(fakes.done);
	given_done(&g);
}

/* -- filters -- */

static void put_text(DBusMessageIter *dict, const char *key, const char *text)
{
	DBusMessageIter e, v;

	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "s", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &text);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

static void put_number(DBusMessageIter *dict, const char *key, dbus_uint32_t n)
{
	DBusMessageIter e, v;

	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "u", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UINT32, &n);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

static void a_list_is_searched_by_author_and_text_and_cut_off(void **state)
{
	struct client *owner = client_new(OWN);
	DBusMessage *m = method(ONE, DOSSIER, "List", DBUS_TYPE_INVALID);
	DBusPendingCall *pending;
	DBusMessageIter it, dict;

	(void)state;
	(void)unlocked(owner);
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	put_text(&dict, "author", "899700218896");
	put_text(&dict, "text", "bilan");
	put_text(&dict, "status", "deleted");
	put_number(&dict, "limit", 20);
	(void)dbus_message_iter_close_container(&it, &dict);
	pending = waiting(owner, m);
	assert_string_equal(fakes.dossier_call,
		"list {\"author\":\"899700218896\",\"limit\":20,\"status\":\"deleted\","
		"\"text\":\"bilan\"}");
	fakes_answer(VITALED_REASON_INVALID_ARGUMENT, "limit", NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "InvalidArgument");
}

/* -- intents -- */

static DBusMessage *open_for(const char *mode, const char *const *intents, int n)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict, e, v, a;
	const char *key = "intent";

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	put_text(&dict, "mode", mode);
	(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "as", &v);
	(void)dbus_message_iter_open_container(&v, DBUS_TYPE_ARRAY, "s", &a);
	for (int i = 0; i < n; i++)
		(void)dbus_message_iter_append_basic(&a, DBUS_TYPE_STRING, &intents[i]);
	(void)dbus_message_iter_close_container(&v, &a);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(&dict, &e);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

/* a property of strings: they are the same as @words, in this order */
static void assert_words(struct client *c, const char *path, const char *interface,
	const char *name, const char *const *words, int n)
{
	DBusMessage *m =
		client_call(c, method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
				       &interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	DBusMessageIter it, v, a;

	(void)dbus_message_iter_init(m, &it);
	dbus_message_iter_recurse(&it, &v);
	dbus_message_iter_recurse(&v, &a);
	for (int i = 0; i < n; i++) {
		assert_int_equal(dbus_message_iter_get_arg_type(&a), DBUS_TYPE_STRING);
		assert_string_equal(wire_get_str(&a), words[i]);
		(void)dbus_message_iter_next(&a);
	}
	assert_int_equal(dbus_message_iter_get_arg_type(&a), DBUS_TYPE_INVALID);
	dbus_message_unref(m);
}

static const char *const intents[] = {
	"consult", "feed", "create", "authorise", "treating-doctor", "oppose"};

static void a_session_is_opened_for_each_of_the_intents_and_for_all(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(intents); i++) {
		assert_string_equal(
			error_of(client_call(c, open_for("normal", &intents[i], 1))), "");
		assert_int_equal(fakes.opened.intents, 1U << i);
		session_release(fakes_session());
		turns();
		client_clear(c);
	}
	assert_string_equal(
		error_of(client_call(c, open_for("normal", intents, ARRAY_LEN(intents)))), "");
	assert_int_equal(fakes.opened.intents, 0x3f);
	assert_words(
		c, "/org/vitaled1/session/7", SESSION, "Intent", intents, ARRAY_LEN(intents));
}

static void an_intent_goes_with_its_mode_and_is_said_once(void **state)
{
	const char *const twice[] = {"oppose", "oppose"};
	struct client *c = client_new(OWN);

	(void)state;
	assert_string_equal(
		error_of(client_call(c, open_for("normal", twice, 2))), "InvalidArgument");
	for (size_t i = 0; i < ARRAY_LEN(intents); i++) {
		DBusMessage *m = client_call(c, open_for("bris_de_glace", &intents[i], 1));
		const char *text = "";

		/* what an emergency may be opened for lacks its reason only */
		assert_true(dbus_message_get_args(
			m, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
		assert_non_null(strstr(text, i < 2 ? "reason" : "intent"));
		assert_string_equal(error_of(m), "InvalidArgument");
		assert_string_equal(
			error_of(client_call(c, open_for("identity", &intents[i], 1))),
			"InvalidArgument");
	}
	assert_null(fakes_session());
}

static void what_no_wording_tells_the_patient_of_is_not_asked(void **state)
{
	static const char *const left[] = {"mode-normal", "mode-identity", "mode-bris-de-glace",
		"mode-centre-15", "mode-administration", "mode-patient", "patient-codes",
		"without-card", "pre-emption"};
	struct client *c = client_new(OWN);
	const char *interface = MANAGER, *name = "Features";
	const char *const both[] = {"consult", "oppose"};
	DBusMessage *m;
	DBusMessageIter it, v, a;
	size_t n = 0;

	(void)state;
	fakes.uncovered = SESSION_INTENT_OPPOSE | SESSION_INTENT_AUTHORISE;
	assert_string_equal(
		error_of(client_call(c, open_for("normal", both, 2))), "InvalidArgument");
	assert_string_equal(error_of(client_call(c, open_for("normal", both, 1))), "");
	m = client_call(c, method(ROOT, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
				   &interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	(void)dbus_message_iter_init(m, &it);
	dbus_message_iter_recurse(&it, &v);
	dbus_message_iter_recurse(&v, &a);
	for (size_t i = 0; i < ARRAY_LEN(left); i++) {
		assert_string_equal(wire_get_str(&a), left[i]);
		(void)dbus_message_iter_next(&a);
	}
	for (; dbus_message_iter_get_arg_type(&a); (void)dbus_message_iter_next(&a)) {
		const char *word = wire_get_str(&a);

		assert_string_not_equal(word, "intent-oppose");
		assert_string_not_equal(word, "intent-authorise");
		n += strncmp(word, "intent-", strlen("intent-")) == 0;
	}
	assert_int_equal(n, SESSION_INTENTS - 2);
	dbus_message_unref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(every_act_reaches_the_dossier_and_is_answered_as_it_says),
		T(an_act_on_a_dossier_that_is_not_unlocked_is_in_the_wrong_state),
		T(an_act_that_waits_when_the_session_ends_gets_wrong_state),
		T(a_new_document_takes_the_place_of_another_under_an_id_of_its_own),
		T(the_professionals_come_in_a_sealed_memfd),
		T(who_comes_in_a_sealed_memfd_and_in_nothing_else),
		T(a_replacement_comes_by_pipe_and_sealed_memfd_only),
		T(an_id_that_cannot_be_one_is_no_document),
		T(a_list_is_searched_by_author_and_text_and_cut_off),
		T(a_session_is_opened_for_each_of_the_intents_and_for_all),
		T(an_intent_goes_with_its_mode_and_is_said_once),
		T(what_no_wording_tells_the_patient_of_is_not_asked),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
