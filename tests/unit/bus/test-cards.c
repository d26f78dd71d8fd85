/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers and cards on a private bus; what is private to a card's own user; losing the bus. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/bus/people.h"

#define ROOT   "/org/vitaled1"
#define READER "org.vitaled1.Reader"
#define CARD   "org.vitaled1.Card"

static struct card card;

static struct card_reader *plug(size_t i, const char *name)
{
	struct card_reader *r = &fakes.readers[i];

	*r = (struct card_reader){.id = (uint32_t)i + 1,
		.driver = "simulated",
		.slot = (uint32_t)i,
		.present = true};
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	fakes.n_readers = i + 1;
	fakes.listener->reader_added(fakes.listener_user, r);
	return r;
}

static void insert(struct card_reader *r)
{
	static const uint8_t atr[] = {0x3B, 0x75};

	card = (struct card){.id = 7,
		.reader = r,
		.kind = CARD_KIND_CPS,
		.nature = NATURE_SIMULATED,
		.atr_len = 2,
		.in_use_uid = (uid_t)-1};
	bytes_copy(card.atr, sizeof(card.atr), atr, sizeof(atr));
	r->card = &card;
	fakes.listener->card_added(fakes.listener_user, &card);
}

static void eject(struct card_reader *r)
{
	r->card = NULL;
	fakes.listener->card_removed(fakes.listener_user, &card);
}

static struct client *watcher(uid_t uid)
{
	struct client *c = client_new(uid);

	dbus_bus_add_match(c->c, "type='signal',sender='org.vitaled1'", NULL);
	dbus_connection_flush(c->c);
	/* known to the service */
	assert_string_equal(error_of(client_call(c, method(ROOT, "org.vitaled1.Manager",
							    "Diagnose", DBUS_TYPE_INVALID))),
		"");
	return c;
}

static char *value(struct client *c, const char *path, const char *interface, const char *name)
{
	static char text[160];
	DBusMessage *m =
		client_call(c, method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
				       &interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	DBusMessageIter it, v;

	if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR) {
		(void)snprintf(text, sizeof(text), "%s", error_of(m));
		return text;
	}
	(void)dbus_message_iter_init(m, &it);
	dbus_message_iter_recurse(&it, &v);
	if (dbus_message_iter_get_arg_type(&v) == DBUS_TYPE_STRING ||
		dbus_message_iter_get_arg_type(&v) == DBUS_TYPE_OBJECT_PATH) {
		const char *s;

		dbus_message_iter_get_basic(&v, &s);
		(void)snprintf(text, sizeof(text), "%s", s);
	} else {
		dbus_uint64_t n = 0;

		dbus_message_iter_get_basic(&v, &n);
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	}
	dbus_message_unref(m);
	return text;
}

static void gone(struct client *c, const char *member)
{
	DBusMessage *m = client_take(c, member);

	assert_non_null(m);
	dbus_message_unref(m);
}

static void readers_and_cards_come_and_go_for_everybody(void **state)
{
	struct client *c = watcher(OWN);
	struct card_reader *r = plug(0, "Simulated reader 00 00");

	(void)state;
	gone(c, "InterfacesAdded");
	assert_string_equal(
		value(c, ROOT "/reader/1", READER, "Name"), "Simulated reader 00 00");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Driver"), "simulated");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Slot"), "0");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Card"), "/");
	insert(r);
	gone(c, "PropertiesChanged"); /* the reader's Card */
	gone(c, "InterfacesAdded");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Card"), ROOT "/card/7");
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Kind"), "cps");
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Nature"), "simulated");
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Reader"), ROOT "/reader/1");
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Generation"), "");
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Advice"), "");
	card.kind = CARD_KIND_CPE;
	fakes.listener->card_changed(fakes.listener_user, &card);
	gone(c, "PropertiesChanged");
	eject(r);
	gone(c, "InterfacesRemoved");
	insert(r);
	fakes.listener->reader_changed(fakes.listener_user, r);
	r->present = false;
	fakes.listener->reader_removed(fakes.listener_user, r);
	turns();
	assert_string_equal(
		value(c, ROOT "/reader/1", READER, "Name"), DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(value(c, ROOT "/card/7", CARD, "Kind"), DBUS_ERROR_UNKNOWN_OBJECT);
}

static void the_configuration_gives_pair_and_role(void **state)
{
	struct client *c = watcher(OWN);

	(void)state;
	(void)plug(0, "A");
	(void)plug(1, "B");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Pair"), "default");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Role"), "any");
	fakes.config.pairs[0] = (struct config_pair){
		.name = "counter", .patient_reader = "A", .professional_reader = "C"};
	fakes.config.n_pairs = 1;
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Role"), "patient");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Pair"), "counter");
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Pair"), "");
	fakes.config.pairs[1] =
		(struct config_pair){.name = "second", .professional_reader = "B"};
	fakes.config.n_pairs = 2;
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "professional");
	fakes.config.pairs[1].professional_reader[0] = 'X';
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "patient");
	fakes.config.pairs[1].professional_reader[0] = '\0';
	fakes.config.pairs[1].patient_reader[0] = 'X';
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "professional");
	fakes.config.pairs[1].patient_reader[0] = '\0';
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "any");
	(void)snprintf(fakes.config.pairs[1].patient_reader, 8, "B");
	(void)snprintf(fakes.config.pairs[1].professional_reader, 8, "B");
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "any");
	fakes.readers[1].role = CONFIG_ROLE_PROFESSIONAL; /* a section of its own says more */
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "professional");
	fakes.readers[1].role = CONFIG_ROLE_PATIENT;
	assert_string_equal(value(c, ROOT "/reader/2", READER, "Role"), "patient");
}

static void a_serial_number_is_told_where_the_name_carries_one(void **state)
{
	static const struct {
		const char *name;
		const char *serial;
	} rows[] = {
		{"Gemalto PC Twin Reader (70D7E2EE) 00 00", "70D7E2EE"},
		{"Identiv CLOUD 4700 F [Contact Reader] (53201329201234) 00 01",
			"53201329201234"},
		{"Kapelse KAP-LINK (K:12) [usb 1-2.3] 00 01", "K:12"},
		{"Kapelse KAP-LINK [usb 1-2] 00 01", ""},
		{"Simulated reader 00 00", ""},
		{"Reader (revision 2) 00 00", ""},
		{"Reader () 00 00", ""},
		{"Reader (123) of somebody", ""},
		{"Reader (123", ""},
		{"Reader )123( 00 00", ""},
		{"A (12345678901234567890123456789012345678901234567890123456789012345) 00 00",
			""},
	};
	struct client *c = watcher(OWN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct card_reader *r = plug(0, rows[i].name);

		assert_string_equal(
			value(c, ROOT "/reader/1", READER, "Serial"), rows[i].serial);
		fakes.listener->reader_removed(fakes.listener_user, r);
		turns();
	}
}

static void a_keypad_that_was_found_is_told(void **state)
{
	struct client *c = watcher(OWN);
	struct card_reader *r = plug(0, "A");

	(void)state;
	gone(c, "InterfacesAdded");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Pinpad"), "0");
	r->pinpad = true;
	fakes.listener->reader_changed(fakes.listener_user, r);
	gone(c, "PropertiesChanged");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Pinpad"), "1");
}

static void a_name_that_is_not_utf8_is_made_so(void **state)
{
	struct client *c = watcher(OWN);

	(void)state;
	(void)plug(0, "Lecteur \xE9\xE8");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Name"), "Lecteur ?\?");
}

static int count_all(struct client *c, const char *path, const char *interface)
{
	DBusMessage *m =
		client_call(c, method(path, DBUS_INTERFACE_PROPERTIES, "GetAll",
				       DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID));
	DBusMessageIter it, dict;
	int n = -1;

	if (dbus_message_has_signature(m, "a{sv}")) {
		(void)dbus_message_iter_init(m, &it);
		for (n = 0, dbus_message_iter_recurse(&it, &dict);
			dbus_message_iter_get_arg_type(&dict);
			(void)dbus_message_iter_next(&dict))
			n++;
	}
	dbus_message_unref(m);
	return n;
}

static void get_all_holds_what_the_caller_may_see(void **state)
{
	struct client *c = watcher(OWN);

	(void)state;
	insert(plug(0, "A"));
	assert_int_equal(count_all(c, ROOT "/card/7", CARD), 6);
	card.in_use_uid = geteuid();
	assert_int_equal(count_all(c, ROOT "/card/7", CARD), 8);
	assert_int_equal(count_all(c, ROOT "/card/7", READER), -1);
	assert_int_equal(count_all(c, ROOT, "org.vitaled1.Manager"), 7);
	assert_int_equal(count_all(c, ROOT, DBUS_INTERFACE_PROPERTIES), 0);
}

static void who_uses_a_card_is_told_to_that_user_alone(void **state)
{
	struct client *mine, *other;
	struct card_reader *r;
	DBusMessage *m;

	(void)state;
	if (geteuid() != 0)
		skip();
	mine = watcher(OTHER_UID);
	other = watcher(OWN);
	r = plug(0, "A");
	insert(r);
	turns();
	client_clear(mine);
	client_clear(other);
	assert_string_equal(value(mine, ROOT "/card/7", CARD, "InUseBy"), "AccessDenied");
	assert_string_equal(
		error_of(client_call(mine, method(ROOT "/card/7", CARD, "Lock", 0))),
		"AccessDenied");
	card.in_use_uid = OTHER_UID;
	card.pin_until = clock_monotonic() + 60 * USEC_PER_SEC;
	fakes.listener->card_changed(fakes.listener_user, &card);
	m = client_take(mine, "PropertiesChanged");
	assert_non_null(m);
	assert_string_equal(dbus_message_get_destination(m), mine->name);
	dbus_message_unref(m);
	turns();
	assert_int_equal(other->n, 0);
	assert_string_equal(value(mine, ROOT "/card/7", CARD, "InUseBy"), "65534");
	assert_true(strlen(value(mine, ROOT "/card/7", CARD, "PinVerifiedUntil")) > 10);
	assert_string_equal(value(other, ROOT "/card/7", CARD, "InUseBy"), "AccessDenied");
	assert_string_equal(
		error_of(client_call(other, method(ROOT "/card/7", CARD, "Lock", 0))),
		"AccessDenied");
	assert_string_equal(
		error_of(client_call(mine, method(ROOT "/card/7", CARD, "Lock", 0))), "");
	assert_int_equal(fakes.locked_card, 1);
	gone(mine, "PropertiesChanged"); /* invalidated */
	assert_string_equal(value(mine, ROOT "/card/7", CARD, "InUseBy"), "AccessDenied");
	turns();
	assert_int_equal(other->n, 0);
	eject(r);
}

static void the_managers_properties_change_too(void **state)
{
	struct client *c = watcher(OWN);

	(void)state;
	assert_string_equal(value(c, ROOT, "org.vitaled1.Manager", "ReaderService"), "running");
	assert_string_equal(value(c, ROOT, "org.vitaled1.Manager", "Version"), VITALED_VERSION);
	assert_string_equal(
		value(c, ROOT, "org.vitaled1.Manager", "RecordKey"), "origin+00000000+AQ==");
	turns();
	client_clear(c);
	fakes.service = READER_SERVICE_STOPPED;
	fakes.listener->service_changed(fakes.listener_user);
	gone(c, "PropertiesChanged");
	assert_string_equal(value(c, ROOT, "org.vitaled1.Manager", "ReaderService"), "stopped");
	fakes.service = READER_SERVICE_ABSENT;
	assert_string_equal(value(c, ROOT, "org.vitaled1.Manager", "ReaderService"), "absent");
	(void)agent_new(OWN, "pin", NULL);
	gone(c, "PropertiesChanged");
}

static void readers_that_were_there_before_are_announced_too(void **state)
{
	struct bus_rooms rooms = {.config = &fakes.config};
	struct client *c;

	(void)state;
	(void)bus_free(bed.bus);
	fakes.readers[0] = (struct card_reader){.id = 1, .driver = "pcsc", .present = true};
	fakes.readers[1] = (struct card_reader){.id = 2, .driver = "pcsc"};
	fakes.n_readers = 2;
	card = (struct card){.id = 9, .reader = &fakes.readers[0], .in_use_uid = (uid_t)-1};
	fakes.readers[0].card = &card;
	assert_int_equal(bus_new(bed.ev, &bed.bus), 0);
	fakes.bus = bed.bus;
	assert_int_equal(bus_serve(bed.bus, &rooms), 0);
	c = client_new(OWN);
	assert_string_equal(value(c, ROOT "/card/9", CARD, "Kind"), "unknown");
	assert_string_equal(value(c, ROOT "/reader/1", READER, "Driver"), "pcsc");
	assert_string_equal(
		value(c, ROOT "/reader/2", READER, "Driver"), DBUS_ERROR_UNKNOWN_OBJECT);
}

static void a_second_service_does_not_get_the_name(void **state)
{
	struct bus_rooms rooms = {.config = &fakes.config};
	struct bus *second = NULL;

	(void)state;
	assert_int_equal(bus_new(bed.ev, &second), 0);
	assert_int_equal(bus_serve(second, &rooms), -EEXIST);
	assert_null(bus_free(second));
	assert_null(bus_free(NULL));
}

static void a_user_that_may_not_own_the_name_is_told_so(void **state)
{
	struct bus_rooms rooms = {.config = &fakes.config};
	struct bus *second = NULL;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(seteuid(OTHER_UID), 0);
	assert_int_equal(bus_new(bed.ev, &second), 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(bus_serve(second, &rooms), -EACCES);
	(void)bus_free(second);
}

/* last: the bus is gone afterwards */
static void losing_the_bus_ends_the_loop(void **state)
{
	struct bus *second = NULL;
	int r = 0, code = 0;

	(void)state;
	(void)opened(client_new(OWN));
	bed_kill();
	for (int i = 0; i < 200 && sd_event_get_state(bed.ev) != SD_EVENT_FINISHED; i++)
		r = sd_event_run(bed.ev, 10000);
	assert_int_equal(sd_event_get_state(bed.ev), SD_EVENT_FINISHED);
	assert_true(r >= 0);
	assert_true(sd_event_get_exit_code(bed.ev, &code) >= 0);
	assert_int_equal(code, -ECONNRESET);
	assert_int_equal(bus_new(bed.ev, &second), -ECONNREFUSED);
	assert_null(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(readers_and_cards_come_and_go_for_everybody),
		T(the_configuration_gives_pair_and_role),
		T(a_serial_number_is_told_where_the_name_carries_one),
		T(a_keypad_that_was_found_is_told),
		T(a_name_that_is_not_utf8_is_made_so),
		T(get_all_holds_what_the_caller_may_see),
		T(who_uses_a_card_is_told_to_that_user_alone),
		T(the_managers_properties_change_too),
		T(readers_that_were_there_before_are_announced_too),
		T(a_second_service_does_not_get_the_name),
		T(a_user_that_may_not_own_the_name_is_told_so),
		T(losing_the_bus_ends_the_loop),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
