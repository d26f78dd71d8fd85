/* SPDX-License-Identifier: EUPL-1.2 */
/* Another configuration in the running service, as the bus shows it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "daemon/bus/agents.h"
#include "tests/unit/bus/people.h"

#define CHANGED "PropertiesChanged"

/* Whether the next PropertiesChanged of the path that @c hears of names @property. */
static bool told(struct client *c, const char *path, const char *property)
{
	DBusMessage *m;
	bool named = false;

	while ((m = client_take(c, CHANGED)) != NULL) {
		DBusMessageIter it, dict, e;
		const char *key = "";

		assert_true(dbus_message_iter_init(m, &it));
		assert_true(dbus_message_iter_next(&it));
		dbus_message_iter_recurse(&it, &dict);
		while (dbus_message_has_path(m, path) &&
			dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY) {
			dbus_message_iter_recurse(&dict, &e);
			dbus_message_iter_get_basic(&e, &key);
			named = named || strcmp(key, property) == 0;
			(void)dbus_message_iter_next(&dict);
		}
		dbus_message_unref(m);
		if (named)
			return true;
	}
	return false;
}

static void listen(struct client *c)
{
	dbus_bus_add_match(c->c, "type='signal',member='" CHANGED "'", NULL);
	turns();
}

static void what_is_required_now_is_told(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	listen(c);
	fakes.config.required[NATURE_TEST] = PROOF_READ;
	bus_configured(bed.bus);
	assert_true(told(c, "/org/vitaled1", "RequiredProof"));
	bus_configured(bed.bus); /* nothing has changed */
	turns();
	assert_false(client_has(c, CHANGED));
}

static void a_reader_in_another_pair_is_told(void **state)
{
	struct client *c = client_new(OWN);
	struct card_reader *r = &fakes.readers[0];

	(void)state;
	*r = (struct card_reader){.id = 7, .driver = "pcsc", .present = true};
	assert_int_equal(view_copy_str(view_str("A"), r->name, sizeof(r->name)), 0);
	fakes.readers[1] = (struct card_reader){.id = 8}; /* gone */
	fakes.n_readers = 2;
	fakes.listener->reader_added(fakes.listener_user, r);
	listen(c);
	assert_int_equal(view_copy_str(view_str("desk"), fakes.config.pairs[0].name,
				 sizeof(fakes.config.pairs[0].name)),
		0);
	assert_int_equal(view_copy_str(view_str("A"), fakes.config.pairs[0].patient_reader,
				 sizeof(fakes.config.pairs[0].patient_reader)),
		0);
	fakes.config.n_pairs = 1;
	bus_configured(bed.bus);
	assert_true(told(c, "/org/vitaled1/reader/7", "Pair"));
}

static void an_agent_that_may_not_be_one_any_more_hears_release(void **state)
{
	struct client *one = agent_new(OWN, "pin", NULL);
	struct client *both = agent_new(OWN, "pin", "professional");
	struct client *other = agent_new(OWN, "professional", NULL);

	(void)state;
	bus_configured(bed.bus);
	turns();
	assert_false(client_has(one, "Release"));
	configure("pin", "", OTHER_UID); /* somebody else alone */
	bus_configured(bed.bus);
	dbus_message_unref(asked(one, "Release", ""));
	dbus_message_unref(asked(both, "Release", ""));
	assert_false(client_has(other, "Release"));
	assert_non_null(bed.bus->agents);
	assert_null(bed.bus->agents->next);
	assert_string_equal(bed.bus->agents->peer->name, other->name);
}

static void what_was_refused_is_found_until_another_is_taken(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	bus_rejected(bed.bus, "/etc/x:3: [pin] idle");
	assert_true(finds(c, "configuration-rejected", "/etc/x:3: [pin] idle"));
	bus_rejected(bed.bus, "/etc/x:4: [pin] lifetime");
	assert_true(finds(c, "configuration-rejected", "/etc/x:4: [pin] lifetime"));
	assert_false(finds(c, "configuration-rejected", "/etc/x:3: [pin] idle"));
	bus_configured(bed.bus);
	assert_false(finds(c, "configuration-rejected", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(what_is_required_now_is_told),
		T(a_reader_in_another_pair_is_told),
		T(an_agent_that_may_not_be_one_any_more_hears_release),
		T(what_was_refused_is_found_until_another_is_taken),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
