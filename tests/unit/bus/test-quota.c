/* SPDX-License-Identifier: EUPL-1.2 */
/* Quotas: the pure counters, what a message weighs, and both on the bus. */
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

#include "daemon/bus/objects.h"
#include "daemon/bus/weigh.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

/* -- counters -- */

static uint32_t taken(
	struct quotas *q, struct quota_user *u, struct quota_load *c, enum quota kind)
{
	uint32_t n = 0;

	while (quota_take(q, u, c, kind, 1))
		n++;
	return n;
}

static void a_connection_a_user_and_all_have_their_limits(void **state)
{
	struct quotas q = {0};
	struct quota_load c[2 * LIMIT_CALLS_ALL / LIMIT_CALLS_PEER] = {0};
	struct quota_user *users[LIMIT_CALLS_ALL / LIMIT_CALLS_UID + 1];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(users); i++) {
		users[i] = quota_user_ref(&q, (uid_t)i);
		assert_non_null(users[i]);
	}
	assert_int_equal(taken(&q, users[0], &c[n++], QUOTA_CALLS), LIMIT_CALLS_PEER);
	assert_int_equal(
		taken(&q, users[0], &c[n++], QUOTA_CALLS), LIMIT_CALLS_UID - LIMIT_CALLS_PEER);
	assert_int_equal(taken(&q, users[0], &c[n], QUOTA_CALLS), 0);
	for (size_t i = 1; i + 1 < ARRAY_LEN(users); i++)
		for (uint32_t held = 0; held < LIMIT_CALLS_UID; n++)
			held += taken(&q, users[i], &c[n], QUOTA_CALLS);
	assert_int_equal(q.load.of[QUOTA_CALLS], LIMIT_CALLS_ALL);
	assert_int_equal(taken(&q, users[ARRAY_LEN(users) - 1], &c[n], QUOTA_CALLS), 0);
	assert_int_equal(taken(&q, users[0], &c[0], QUOTA_AGENTS), LIMIT_AGENTS_PEER);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_null(quota_user_unref(&q, users[i]));
	assert_null(q.users);
}

static void what_is_given_back_can_be_taken_anew(void **state)
{
	struct quotas q = {0};
	struct quota_load c = {0};
	struct quota_user *u = quota_user_ref(&q, 7);

	(void)state;
	assert_true(quota_take(&q, u, &c, QUOTA_BYTES, LIMIT_BYTES_PEER));
	assert_false(quota_take(&q, u, &c, QUOTA_BYTES, 1));
	assert_false(quota_fits(&q, u, &c, QUOTA_BYTES, UINT32_MAX)); /* no overflow */
	quota_give(&q, u, &c, QUOTA_BYTES, LIMIT_BYTES_PEER);
	assert_int_equal(
		c.of[QUOTA_BYTES] + u->load.of[QUOTA_BYTES] + q.load.of[QUOTA_BYTES], 0);
	assert_true(quota_take(&q, u, &c, QUOTA_BYTES, 1));
	assert_ptr_equal(quota_user_ref(&q, 7), u);
	assert_null(quota_user_unref(&q, u));
	assert_ptr_equal(q.users, u); /* its other connection is there still */
	(void)quota_user_unref(&q, u);
	assert_null(quota_user_unref(&q, NULL));
}

static void strangers_hold_little_and_nothing_of_others(void **state)
{
	struct quotas q = {0};
	struct quota_load c[2 * LIMIT_FDS_STRANGERS / LIMIT_FDS_STRANGER] = {0}, mine = {0};
	struct quota_user *u = quota_user_ref(&q, 7);
	uint32_t fds = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		assert_int_equal(taken(&q, NULL, &c[i], QUOTA_CALLS), LIMIT_CALLS_STRANGER);
		fds += taken(&q, NULL, &c[i], QUOTA_DESCRIPTORS);
		assert_int_equal(taken(&q, NULL, &c[i], QUOTA_AGENTS), 0);
		assert_int_equal(taken(&q, NULL, &c[i], QUOTA_CHECKS), 0);
	}
	assert_int_equal(fds, LIMIT_FDS_STRANGERS);
	assert_int_equal(taken(&q, u, &mine, QUOTA_CALLS), LIMIT_CALLS_PEER);
	assert_int_equal(taken(&q, u, &mine, QUOTA_DESCRIPTORS), LIMIT_FDS_PEER);
	quota_give(&q, NULL, &c[0], QUOTA_CALLS, LIMIT_CALLS_STRANGER);
	assert_int_equal(c[0].of[QUOTA_CALLS], 0);
	(void)quota_user_unref(&q, u);
}

static void who_holds_little_has_room_when_others_hold_all_that_is_not_read(void **state)
{
	struct quotas q = {0};
	struct quota_load c[LIMIT_UNREAD_MOST] = {0};
	struct quota_user *users[ARRAY_LEN(c)];
	uint32_t n = 0, held = 0, late;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		users[i] = quota_user_ref(&q, (uid_t)i);
		assert_non_null(users[i]);
	}
	assert_int_equal(taken(&q, users[0], &c[0], QUOTA_UNREAD), LIMIT_UNREAD_PEER);
	assert_int_equal(
		taken(&q, users[0], &c[1], QUOTA_UNREAD), LIMIT_UNREAD_UID - LIMIT_UNREAD_PEER);
	held = LIMIT_UNREAD_UID;
	for (n = 2; held < LIMIT_UNREAD_ALL; n++)
		held += taken(&q, users[n], &c[n], QUOTA_UNREAD);
	assert_int_equal(held, LIMIT_UNREAD_ALL);
	assert_false(quota_take(&q, users[2], &c[2], QUOTA_UNREAD, 1)); /* who has much */
	for (late = 0; held < LIMIT_UNREAD_MOST; late++, n++) {
		assert_int_equal(
			taken(&q, users[n], &c[n], QUOTA_UNREAD), LIMIT_UNREAD_RESERVE);
		held += LIMIT_UNREAD_RESERVE;
	}
	assert_int_equal(late, 6);
	assert_false(quota_take(&q, users[n], &c[n], QUOTA_UNREAD, 1));
	assert_true(held < 64); /* dbus-daemon reads from us still */
	quota_give(&q, users[0], &c[0], QUOTA_UNREAD, 1);
	assert_false(quota_take(&q, users[2], &c[2], QUOTA_UNREAD, 1));
	assert_true(quota_take(&q, users[n], &c[n], QUOTA_UNREAD, 1));
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		assert_null(quota_user_unref(&q, users[i]));
}

static void each_quota_has_the_word_that_the_interface_names(void **state)
{
	static const char *const words[] = {
		"calls", "checks", "descriptors", "bytes", "agents", "unread"};

	(void)state;
	_Static_assert(ARRAY_LEN(words) == QUOTA_KINDS, "a word for each kind");
	for (unsigned int k = 0; k < QUOTA_KINDS; k++)
		assert_string_equal(quota_word((enum quota)k), words[k]);
}

/* -- weight -- */

static DBusMessage *message(void)
{
	DBusMessage *m = dbus_message_new_method_call("org.x", ROOT, MANAGER, "M");

	assert_non_null(m);
	dbus_message_set_serial(m, 7); /* as one that came */
	return m;
}

static int weighed(DBusMessage *m, struct weight *w)
{
	int r = weigh(m, w);

	dbus_message_unref(m);
	return r;
}

static DBusMessage *with_text(size_t n)
{
	char *text = malloc(n + 1);
	DBusMessage *m = message();

	assert_non_null(text);
	for (size_t i = 0; i < n; i++)
		text[i] = 'x';
	text[n] = 0;
	assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	free(text);
	return m;
}

static void a_message_is_as_heavy_as_its_path_and_text(void **state)
{
	struct weight w = {0};

	(void)state;
	assert_int_equal(weighed(message(), &w), 0);
	assert_in_range(w.bytes, strlen(ROOT), 64);
	assert_int_equal(weighed(with_text(1000), &w), 0);
	assert_in_range(w.bytes, 1000, 1100);
	assert_int_equal(weighed(with_text(LIMIT_CALL_BYTES), &w), WEIGH_HEAVY);
	assert_int_equal(weighed(with_text(8U * 1024U * 1024U), &w), WEIGH_HEAVY);
}

static void a_long_path_is_heavy(void **state)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(65536);
	DBusMessage *m = message();
	struct weight w = {0};

	(void)state;
	for (size_t i = 0; i < LIMIT_CALL_BYTES; i++)
		buf_put_str(&path, "/a");
	buf_put_u8(&path, 0);
	assert_int_equal(buf_check(&path), 0);
	assert_true(dbus_message_set_path(m, (const char *)path.data));
	assert_int_equal(weighed(m, &w), WEIGH_HEAVY);
}

static void a_long_array_is_heavy_whatever_it_holds(void **state)
{
	uint8_t *bytes = calloc(1, LIMIT_CALL_BYTES);
	DBusMessage *m = message();
	struct weight w = {0};

	(void)state;
	assert_non_null(bytes);
	assert_true(dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &bytes,
		(int)LIMIT_CALL_BYTES, DBUS_TYPE_INVALID));
	free(bytes);
	assert_int_equal(weighed(m, &w), WEIGH_HEAVY);
}

static DBusMessage *nested(size_t levels)
{
	DBusMessage *m = message();
	DBusMessageIter at[48];
	uint32_t n = 1;

	assert_true(levels < ARRAY_LEN(at));
	dbus_message_iter_init_append(m, &at[0]);
	for (size_t i = 0; i < levels; i++)
		assert_true(dbus_message_iter_open_container(
			&at[i], DBUS_TYPE_VARIANT, i + 1 < levels ? "v" : "u", &at[i + 1]));
	assert_true(dbus_message_iter_append_basic(&at[levels], DBUS_TYPE_UINT32, &n));
	for (size_t i = levels; i-- > 0;)
		assert_true(dbus_message_iter_close_container(&at[i], &at[i + 1]));
	return m;
}

static void what_nests_deep_is_not_walked(void **state)
{
	struct weight w = {0};

	(void)state;
	assert_int_equal(weighed(nested(LIMIT_CALL_DEPTH - 1), &w), 0);
	assert_int_equal(weighed(nested(LIMIT_CALL_DEPTH), &w), WEIGH_DEEP);
	assert_int_equal(weighed(nested(40), &w), WEIGH_DEEP);
}

static DBusMessage *with_fds(size_t n)
{
	DBusMessage *m = message();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(dbus_message_set_sender(m, ":1.7"));
	for (size_t i = 0; i < n; i++)
		assert_true(
			dbus_message_append_args(m, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	(void)close(fd);
	return m;
}

static void descriptors_are_counted(void **state)
{
	struct weight w = {0};

	(void)state;
	for (uint32_t n = 0; n <= LIMIT_CALL_FDS; n++) {
		assert_int_equal(weighed(with_fds(n), &w), 0);
		assert_int_equal(w.fds, n);
	}
	assert_int_equal(weighed(with_fds(LIMIT_CALL_FDS + 1), &w), WEIGH_FDS);
	assert_int_equal(weighed(with_fds(16), &w), WEIGH_FDS);
}

/* -- on the bus -- */

static const char *text_of(DBusMessage *m)
{
	static char text[128];
	const char *said = "";

	assert_non_null(m);
	(void)dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &said, DBUS_TYPE_INVALID);
	assert_int_equal(view_copy_str(view_str(said), text, sizeof(text)), 0);
	dbus_message_unref(m);
	return text;
}

static void the_quota_that_is_full_is_named(void **state)
{
	struct client *c = client_new(OWN);
	DBusMessage *m = with_text(LIMIT_CALL_BYTES);

	(void)state;
	assert_true(dbus_message_set_destination(m, "org.vitaled1"));
	assert_true(dbus_message_set_member(m, "GetAuditProof"));
	dbus_message_set_serial(m, 0);
	assert_string_equal(text_of(client_call(c, m)), "limits-exceeded: bytes");
	m = with_fds(3);
	assert_true(dbus_message_set_destination(m, "org.vitaled1"));
	assert_true(dbus_message_set_member(m, "Diagnose"));
	assert_true(dbus_message_set_sender(m, NULL));
	dbus_message_set_serial(m, 0);
	assert_string_equal(text_of(client_call(c, m)), "limits-exceeded: descriptors");
	m = with_fds(1);
	assert_true(dbus_message_set_destination(m, "org.vitaled1"));
	assert_true(dbus_message_set_member(m, "GetCheckpoint"));
	assert_true(dbus_message_set_sender(m, NULL));
	dbus_message_set_serial(m, 0);
	assert_string_equal(text_of(client_call(c, m)), "invalid-argument: signature");
	assert_int_equal(fakes.n_checkpoints, 0);
}

static void agents_count_for_their_connection_and_their_user(void **state)
{
	struct client *c = client_new(OWN), *d = client_new(OWN);
	static const char *const paths[] = {"/a", "/b", "/c", "/d"};

	(void)state;
	for (size_t i = 0; i < LIMIT_AGENTS_PEER; i++)
		assert_string_equal(registered(c, paths[i], "pin", NULL), "");
	assert_string_equal(registered(c, "/d", "pin", NULL), "LimitsExceeded");
	for (size_t i = LIMIT_AGENTS_PEER; i < LIMIT_AGENTS_UID; i++)
		assert_string_equal(registered(d, paths[i], "pin", NULL), "");
	assert_string_equal(registered(d, "/e", "pin", NULL), "LimitsExceeded");
	client_free(c);
	turns();
	assert_string_equal(registered(d, "/e", "pin", NULL), ""); /* all came back */
}

static void an_agent_with_an_endless_path_is_refused(void **state)
{
	struct client *c = client_new(OWN);
	char path[LIMIT_AGENT_PATH + 3] = "/";

	(void)state;
	for (size_t i = 1; i < LIMIT_AGENT_PATH; i++)
		path[i] = 'a';
	assert_string_equal(registered(c, path, "pin", NULL), "");
	path[LIMIT_AGENT_PATH] = 'a';
	assert_string_equal(registered(c, path, "pin", NULL), "InvalidArgument");
}

static void who_wants_no_answer_gets_no_work(void **state)
{
	struct client *c = client_new(OWN);
	DBusMessage *m = method(ROOT, MANAGER, "Diagnose", 0);
	uint64_t before;

	(void)state;
	assert_true(finds(c, "no-reader", NULL));
	before = bed.bus->costly.of[0].full;
	dbus_message_set_no_reply(m, TRUE);
	assert_true(dbus_connection_send(c->c, m, NULL));
	dbus_message_unref(m);
	turns();
	assert_int_equal(bed.bus->costly.of[0].full, before); /* no token was taken */
	assert_null(bed.bus->peers->calls);
}

static void the_user_with_the_most_connections_makes_room(void **state)
{
	struct client *quiet = client_new(geteuid() == 0 ? OTHER_UID : OWN);
	struct peer *p;

	(void)state;
	assert_true(finds(quiet, "no-reader", NULL));
	for (size_t i = 0; i < LIMIT_PEERS + 8; i++)
		assert_true(finds(client_new(OWN), "no-reader", NULL));
	assert_int_equal(bed.bus->n_peers, LIMIT_PEERS);
	p = peers_find(bed.bus, quiet->name);
	assert_true(geteuid() != 0 || p); /* it was idle the longest */
}

static DBusMessage *asked_consent(struct client *agent, struct session *s)
{
	_cleanup_json_ json_t *request = json_pack("{s:[s]}", "acts", "consult");

	s->consent_why = VITALED_REASON_NONE;
	bus_ask_consent(bed.bus, s, request);
	turns();
	return client_take(agent, "RequestConsent");
}

static void an_agent_that_keeps_what_it_is_shown_is_asked_no_more_until_it_closes_some(
	void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	struct peer *p = peers_find(bed.bus, agent->name);
	DBusMessage *kept[LIMIT_UNREAD_PEER], *m;

	(void)state;
	assert_non_null(p);
	for (uint32_t i = 0; i < LIMIT_UNREAD_PEER; i++) {
		kept[i] = asked_consent(agent, s);
		assert_non_null(kept[i]);
		assert_int_equal(p->load.of[QUOTA_UNREAD], i + 1);
		reply_error(agent, dbus_message_ref(kept[i]), "org.x.Error.No");
	}
	assert_null(asked_consent(agent, s));
	assert_int_equal(s->consent_why, VITALED_REASON_FAILED);
	dbus_message_unref(kept[0]); /* with its descriptor */
	turns();
	assert_int_equal(p->load.of[QUOTA_UNREAD], LIMIT_UNREAD_PEER - 1);
	m = asked_consent(agent, s);
	assert_non_null(m);
	reply_error(agent, m, "org.x.Error.No");
	for (size_t i = 1; i < ARRAY_LEN(kept); i++)
		dbus_message_unref(kept[i]);
	turns();
	assert_int_equal(p->load.of[QUOTA_UNREAD], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		cmocka_unit_test(a_connection_a_user_and_all_have_their_limits),
		cmocka_unit_test(what_is_given_back_can_be_taken_anew),
		cmocka_unit_test(strangers_hold_little_and_nothing_of_others),
		cmocka_unit_test(
			who_holds_little_has_room_when_others_hold_all_that_is_not_read),
		cmocka_unit_test(each_quota_has_the_word_that_the_interface_names),
		cmocka_unit_test(a_message_is_as_heavy_as_its_path_and_text),
		cmocka_unit_test(a_long_path_is_heavy),
		cmocka_unit_test(a_long_array_is_heavy_whatever_it_holds),
		cmocka_unit_test(what_nests_deep_is_not_walked),
		cmocka_unit_test(descriptors_are_counted),
		T(the_quota_that_is_full_is_named),
		T(agents_count_for_their_connection_and_their_user),
		T(an_agent_with_an_endless_path_is_refused),
		T(an_agent_that_keeps_what_it_is_shown_is_asked_no_more_until_it_closes_some),
		T(who_wants_no_answer_gets_no_work),
		T(the_user_with_the_most_connections_makes_room),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
