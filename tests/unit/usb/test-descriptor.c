/* SPDX-License-Identifier: EUPL-1.2 */
/* Descriptors: readers that are sold, every lie that one may tell, and what is passed over. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "drivers/usb/descriptor.h"
#include "tests/unit/usb/real-readers.h"

static struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
static size_t n_readers;

static int parse(struct view v)
{
	memset(readers, 0x5A, sizeof(readers));
	n_readers = 77;
	return descriptor_parse(v, readers, &n_readers);
}

/* -- readers that are sold --------------------------------------------------------------------- */

static void kap_link_is_two_readers_of_one_slot(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(kap_link)), 0);
	assert_int_equal(n_readers, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct ccid_interface *c = &readers[i];

		assert_int_equal(c->configuration, 1);
		assert_int_equal(c->number, i);
		assert_int_equal(c->name, 4);
		assert_int_equal(c->version, 0x0110);
		assert_int_equal(c->slots, 1);
		assert_int_equal(c->busy, 1);
		assert_int_equal(c->voltages, 1);
		assert_int_equal(c->protocols, 3);
		assert_int_equal(c->clock, 4000);
		assert_int_equal(c->rate, 10752);
		assert_int_equal(c->rate_max, 344064);
		assert_int_equal(c->ifsd, 254);
		assert_int_equal(c->level, CCID_LEVEL_TPDU);
		assert_true(c->features & CCID_AUTO_PARAMETERS);
		assert_true(c->features & CCID_AUTO_PPS);
		assert_false(c->features & CCID_AUTO_ACTIVATION);
		assert_int_equal(c->message, 271);
		assert_false(c->message_short);
		assert_int_equal(c->pin, 0);
		assert_int_equal(c->packet_out, 64);
		assert_int_equal(c->packet_in, 64);
		assert_int_equal(c->packet_interrupt, 8);
		assert_int_equal(c->interval, 24);
	}
	assert_int_equal(readers[0].bulk_out, 0x01);
	assert_int_equal(readers[0].bulk_in, 0x81);
	assert_int_equal(readers[0].interrupt_in, 0x82);
	assert_int_equal(readers[1].bulk_out, 0x03);
	assert_int_equal(readers[1].bulk_in, 0x83);
	assert_int_equal(readers[1].interrupt_in, 0x84);
}

static void af_care_is_one_reader_of_two_slots_with_extended_apdus(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(af_care)), 0);
	assert_int_equal(n_readers, 1);
	assert_int_equal(readers[0].slots, 2);
	assert_int_equal(readers[0].busy, 1);
	assert_int_equal(readers[0].level, CCID_LEVEL_EXTENDED_APDU);
	assert_int_equal(readers[0].message, 65554);
	assert_int_equal(readers[0].voltages, 7);
	assert_true(readers[0].features & CCID_AUTO_NEGOTIATION);
	assert_true(readers[0].features & CCID_AUTO_IFSD);
}

static void leo_has_a_keypad_and_a_display(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(leo)), 0);
	assert_int_equal(readers[0].pin, CCID_PIN_VERIFY | CCID_PIN_MODIFY);
	assert_int_equal(readers[0].display, 0x0210);
	assert_int_equal(readers[0].level, CCID_LEVEL_SHORT_APDU);
	assert_int_equal(readers[0].message, 356);
	assert_int_equal(readers[0].rates, 11);
	assert_int_equal(readers[0].bulk_out, 0x02);
	assert_int_equal(readers[0].bulk_in, 0x82);
	assert_int_equal(readers[0].interrupt_in, 0x81);
}

static void gempc_twin_leaves_the_parameters_to_us(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(gempc_twin)), 0);
	assert_int_equal(readers[0].version, 0x0100);
	assert_int_equal(readers[0].level, CCID_LEVEL_TPDU);
	assert_false(readers[0].features &
		     (CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE | CCID_AUTO_PPS |
			     CCID_AUTO_NEGOTIATION | CCID_AUTO_IFSD));
	assert_true(readers[0].features & CCID_AUTO_CLOCK);
	assert_true(readers[0].features & CCID_AUTO_RATE);
	assert_true(readers[0].features & CCID_NAD);
}

static void scr3310_is_taken_although_it_miscounts(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(scr3310)), 0);
	assert_int_equal(readers[0].message, 271);
	assert_true(readers[0].message_short);
	assert_int_equal(readers[0].clock_max, 12000);
}

/* -- lies -------------------------------------------------------------------------------------- */

/* GemPC Twin with @n of its bytes at @at replaced by @bytes */
static int lie(size_t at, const uint8_t *bytes, size_t n)
{
	uint8_t copy[ONE_READER];
	int r;

	bytes_copy(copy, sizeof(copy), gempc_twin, sizeof(copy));
	bytes_copy(copy + at, n, bytes, n);
	r = parse(VIEW(copy));
	if (r != 0) {
		assert_int_equal(n_readers, 77); /* nothing is written */
		assert_int_equal(readers[0].slots, 0x5A);
	}
	return r;
}

static int lie_byte(size_t at, uint8_t byte)
{
	return lie(at, &byte, 1);
}

static int lie_le32(size_t at, uint32_t v)
{
	const uint8_t bytes[] = {LE32(v)};

	return lie(at, bytes, sizeof(bytes));
}

static void every_cut_is_named(void **state)
{
	(void)state;
	for (size_t n = 0; n < ONE_READER; n++) {
		assert_int_equal(
			parse(view_sub(VIEW(gempc_twin), 0, n)), DESCRIPTOR_CUT); /* by total */
	}
	/* and where the total is cut with it, the pieces do not fit any more */
	for (size_t n = 9; n < ONE_READER; n++) {
		uint8_t copy[ONE_READER];
		int r;

		bytes_copy(copy, sizeof(copy), gempc_twin, sizeof(copy));
		copy[AT_TOTAL] = (uint8_t)n;
		r = parse(VIEW(copy));
		assert_true(r == DESCRIPTOR_CUT || r == DESCRIPTOR_CLASS ||
			    r == DESCRIPTOR_ENDPOINTS || (r == DESCRIPTOR_NO_READER && n == 9));
	}
	assert_int_equal(parse(VIEW_NULL), DESCRIPTOR_CUT);
}

static void what_stands_behind_the_configuration_is_not_its_own(void **state)
{
	static const uint8_t second[] = {CONFIGURATION(9U, 0)};
	uint8_t both[ONE_READER + sizeof(second)];

	(void)state;
	bytes_copy(both, ONE_READER, gempc_twin, ONE_READER);
	bytes_copy(both + ONE_READER, sizeof(second), second, sizeof(second));
	assert_int_equal(parse(VIEW(both)), 0);
	assert_int_equal(n_readers, 1);
}

static void lies_about_lengths_are_named(void **state)
{
	(void)state;
	assert_int_equal(lie_byte(0, 8), DESCRIPTOR_LENGTH); /* the configuration's own */
	assert_int_equal(lie_byte(0, 94), DESCRIPTOR_CUT);
	assert_int_equal(lie_byte(1, 4), DESCRIPTOR_LENGTH); /* no configuration */
	assert_int_equal(lie_byte(AT_TOTAL, 8), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_TOTAL, ONE_READER + 1), DESCRIPTOR_CUT);
	assert_int_equal(lie_byte(AT_TOTAL, ONE_READER - 1), DESCRIPTOR_CUT);
	assert_int_equal(lie_byte(AT_INTERFACE, 0), DESCRIPTOR_LENGTH); /* would not end */
	assert_int_equal(lie_byte(AT_INTERFACE, 1), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_INTERFACE, 8), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_INTERFACE, 255), DESCRIPTOR_CUT);
	assert_int_equal(lie_byte(AT_CLASS, 53), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_CLASS, 55), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_OUT, 6), DESCRIPTOR_LENGTH);
	assert_int_equal(lie_byte(AT_INTERRUPT, 8), DESCRIPTOR_CUT);
}

/* @all a reader, and behind it what nobody asks for, until it is of @total bytes */
static int parse_long(const uint8_t *reader, size_t n, uint8_t *all, size_t total)
{
	bytes_copy(all, n, reader, n);
	all[AT_TOTAL] = (uint8_t)total;
	all[AT_TOTAL + 1] = (uint8_t)(total >> 8U);
	for (size_t at = n; at < total;) {
		size_t length = total - at > 200 ? 100 : total - at;

		all[at] = (uint8_t)length;
		all[at + 1] = 0x24;
		at += length;
	}
	return parse(view_of(all, total));
}

static void a_reader_in_a_long_configuration_is_refused_and_what_is_none_is_not(void **state)
{
	static const uint8_t camera[] = {CONFIGURATION(18U, 1), 9, 4, 0, 0, 0, 0x0E, 1, 0, 0};
	static uint8_t all[DESCRIPTOR_MAX + 904];

	(void)state;
	assert_int_equal(parse_long(gempc_twin, ONE_READER, all, DESCRIPTOR_MAX), 0);
	assert_int_equal(n_readers, 1);
	for (size_t n = DESCRIPTOR_MAX + 1; n <= sizeof(all); n += 903) {
		assert_int_equal(parse_long(gempc_twin, ONE_READER, all, n), DESCRIPTOR_LENGTH);
		assert_int_equal(n_readers, 77);
		assert_int_equal(
			parse_long(camera, sizeof(camera), all, n), DESCRIPTOR_NO_READER);
	}
	assert_int_equal(parse(view_of(all, sizeof(all) - 1)), DESCRIPTOR_CUT);
	assert_int_equal(parse_long(gempc_twin, ONE_READER - 1, all, 5000), DESCRIPTOR_LENGTH);
}

static void lies_about_slots_are_named(void **state)
{
	static const uint8_t index_and_busy[][3] = {
		/* bMaxSlotIndex, bMaxCCIDBusySlots, outcome */
		{7, 8, 0},
		{7, 1, 0},
		{8, 1, DESCRIPTOR_MANY},
		{8, 9, DESCRIPTOR_MANY},
		{15, 16, DESCRIPTOR_MANY},
		{15, 1, DESCRIPTOR_MANY},
		{15, 17, DESCRIPTOR_SLOTS},
		{16, 1, DESCRIPTOR_SLOTS},
		{255, 1, DESCRIPTOR_SLOTS},
		{0, 0, DESCRIPTOR_SLOTS},
		{0, 2, DESCRIPTOR_SLOTS},
		{1, 2, 0},
		{1, 3, DESCRIPTOR_SLOTS},
		{3, 255, DESCRIPTOR_SLOTS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(index_and_busy); i++) {
		uint8_t copy[ONE_READER];

		bytes_copy(copy, sizeof(copy), gempc_twin, sizeof(copy));
		copy[AT_CLASS + 4] = index_and_busy[i][0];
		copy[AT_CLASS + 53] = index_and_busy[i][1];
		assert_int_equal(parse(VIEW(copy)), index_and_busy[i][2]);
		if (!index_and_busy[i][2]) {
			assert_int_equal(readers[0].slots, index_and_busy[i][0] + 1);
			assert_int_equal(readers[0].busy, index_and_busy[i][1]);
		}
	}
}

static void lies_about_endpoints_are_named(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		int outcome;
	} lies[] = {
		{AT_INTERFACE + 4, 2, DESCRIPTOR_ENDPOINTS}, /* fewer than there are */
		{AT_INTERFACE + 4, 4, DESCRIPTOR_ENDPOINTS},
		{AT_OUT + 2, 0x00, DESCRIPTOR_ENDPOINTS}, /* the control pipe */
		{AT_OUT + 2, 0x11, DESCRIPTOR_ENDPOINTS}, /* reserved bits */
		{AT_OUT + 2, 0x85, DESCRIPTOR_ENDPOINTS}, /* no way out, two in */
		{AT_IN + 2, 0x02, DESCRIPTOR_ENDPOINTS},
		{AT_INTERRUPT + 2, 0x82, DESCRIPTOR_ENDPOINTS}, /* the bulk pipe's address */
		{AT_INTERRUPT + 2, 0x03, DESCRIPTOR_ENDPOINTS}, /* interrupt, out */
		{AT_OUT + 3, 0, DESCRIPTOR_ENDPOINTS},		/* control */
		{AT_OUT + 3, 1, DESCRIPTOR_ENDPOINTS},		/* isochronous */
		{AT_IN + 3, 3, DESCRIPTOR_ENDPOINTS},		/* two interrupt pipes */
		{AT_IN + 3, 0xFE, 0}, /* only the two low bits tell the kind */
		{AT_OUT + 4, 0, DESCRIPTOR_ENDPOINTS}, {AT_IN + 4, 0, DESCRIPTOR_ENDPOINTS},
		{AT_INTERRUPT + 4, 0, DESCRIPTOR_ENDPOINTS},
		{AT_OUT + 5, 0x04, DESCRIPTOR_ENDPOINTS}, /* 1088 bytes */
		{AT_OUT + 5, 0x18, 0}, /* bits 11 and 12 are something else */
		{AT_OUT + 1, 0x06, DESCRIPTOR_ENDPOINTS}, /* none at all */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		assert_int_equal(lie_byte(lies[i].at, lies[i].byte), lies[i].outcome);
	}
}

static void lies_about_sizes_levels_and_protocols_are_named(void **state)
{
	(void)state;
	assert_int_equal(lie_le32(AT_CLASS + 44, 0), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 44, 262), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 44, 264), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 44, 270), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 44, 65554), 0);
	assert_int_equal(lie_le32(AT_CLASS + 44, 65555), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 44, 0xFFFFFFFFU), DESCRIPTOR_MESSAGE);
	assert_int_equal(lie_le32(AT_CLASS + 6, 0), DESCRIPTOR_PROTOCOLS);
	assert_int_equal(lie_le32(AT_CLASS + 6, 0x00010004U), DESCRIPTOR_PROTOCOLS);
	assert_int_equal(lie_le32(AT_CLASS + 6, 2), 0);
	assert_int_equal(readers[0].protocols, 2);
	assert_int_equal(lie_le32(AT_CLASS + 40, 0x00030000U), DESCRIPTOR_LEVEL);
	assert_int_equal(lie_le32(AT_CLASS + 40, 0x00060000U), DESCRIPTOR_LEVEL);
	assert_int_equal(lie_le32(AT_CLASS + 40, 0x00070000U), DESCRIPTOR_LEVEL);
	assert_int_equal(lie_le32(AT_CLASS + 40, 0x00000000U), 0);
	assert_int_equal(readers[0].level, CCID_LEVEL_CHARACTER);
	assert_int_equal(lie_byte(AT_CLASS + 5, 0xF9), 0); /* reserved bits are nothing */
	assert_int_equal(readers[0].voltages, 1);
	assert_int_equal(lie_byte(AT_CLASS + 52, 0xFE), 0);
	assert_int_equal(readers[0].pin, CCID_PIN_MODIFY);
}

static void lies_about_interfaces_are_named(void **state)
{
	uint8_t copy[sizeof(kap_link)];

	(void)state;
	assert_int_equal(lie_byte(AT_INTERFACES, 0), DESCRIPTOR_INTERFACES);
	assert_int_equal(lie_byte(AT_INTERFACES, 2), DESCRIPTOR_INTERFACES);
	assert_int_equal(lie_byte(AT_INTERFACE + 2, 32), DESCRIPTOR_INTERFACES);
	assert_int_equal(lie_byte(AT_INTERFACE + 2, 31), 0);
	assert_int_equal(readers[0].number, 31);
	assert_int_equal(lie_byte(AT_INTERFACE + 7, 1), DESCRIPTOR_PROTOCOL); /* ICCD */
	assert_int_equal(lie_byte(AT_INTERFACE + 7, 2), DESCRIPTOR_PROTOCOL);
	assert_int_equal(lie_byte(AT_CLASS + 1, 0x24), DESCRIPTOR_CLASS); /* none of it */
	bytes_copy(copy, sizeof(copy), kap_link, sizeof(copy));
	copy[ONE_READER + 2] = 0; /* the second one has the first one's number */
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_INTERFACES);
	bytes_copy(copy, sizeof(copy), kap_link, sizeof(copy));
	copy[ONE_READER + AT_OUT - AT_INTERFACE + 2] = 0x01; /* ... its way out */
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_ENDPOINTS);
	bytes_copy(copy, sizeof(copy), kap_link, sizeof(copy));
	copy[ONE_READER + AT_CLASS - AT_INTERFACE + 1] = 0; /* lies only in the second one */
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_CLASS);
	bytes_copy(copy, sizeof(copy), kap_link, sizeof(copy));
	copy[AT_CLASS + 1] = 0; /* ... only in the first one */
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_CLASS);
}

/* -- order and company -------------------------------------------------------------------------- */

static void the_class_descriptor_may_stand_behind_the_endpoints(void **state)
{
	uint8_t copy[ONE_READER];

	(void)state;
	bytes_copy(copy, AT_CLASS, gempc_twin, AT_CLASS);
	bytes_copy(
		copy + AT_CLASS, ONE_READER - AT_OUT, gempc_twin + AT_OUT, ONE_READER - AT_OUT);
	bytes_copy(copy + AT_CLASS + (ONE_READER - AT_OUT), 54, gempc_twin + AT_CLASS, 54);
	assert_int_equal(parse(VIEW(copy)), 0);
	assert_int_equal(readers[0].message, 271);
	assert_int_equal(readers[0].bulk_in, 0x82);
}

static void two_class_descriptors_are_refused(void **state)
{
	uint8_t copy[ONE_READER + 54];

	(void)state;
	bytes_copy(copy, ONE_READER, gempc_twin, ONE_READER);
	bytes_copy(copy + ONE_READER, 54, gempc_twin + AT_CLASS, 54);
	copy[AT_TOTAL] = sizeof(copy);
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_CLASS);
}

static void a_reader_without_interrupt_pipe_is_one(void **state)
{
	uint8_t copy[ONE_READER - 7];

	(void)state;
	bytes_copy(copy, sizeof(copy), gempc_twin, sizeof(copy));
	copy[AT_TOTAL] = sizeof(copy);
	copy[AT_INTERFACE + 4] = 2;
	assert_int_equal(parse(VIEW(copy)), 0);
	assert_int_equal(readers[0].interrupt_in, 0);
	assert_int_equal(readers[0].packet_interrupt, 0);
	assert_int_equal(readers[0].interval, 0);
}

/* a keyboard with a reader: HID, the reader, an alternate setting of it, a vendor's own */
static const uint8_t keyboard[] = {CONFIGURATION(9U + 25U + 84U + 23U + 16U, 3),
	/* HID with its descriptor, of the same type 21 as the reader's */
	9, 4, 0, 0, 1, 3, 1, 1, 0, 9, 0x21, 0x11, 0x01, 0, 1, 0x22, LE16(65U), 7, 5, 0x84, 3,
	LE16(8U), 10, INTERFACE(1, 3), KAP_CLASS, ENDPOINTS(0x01, 0x81, 0x82),
	/* alternate setting 1: other sizes, no class descriptor */
	9, 4, 1, 1, 2, 0x0B, 0, 0, 0, 7, 5, 0x01, 2, LE16(32U), 0, 7, 5, 0x81, 2, LE16(32U), 0,
	/* the vendor's own, which takes an address twice */
	9, 4, 2, 0, 1, 0xFF, 0, 0, 0, 7, 5, 0x81, 2, LE16(64U), 0};

static void other_interfaces_and_settings_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(parse(VIEW(keyboard)), 0);
	assert_int_equal(n_readers, 1);
	assert_int_equal(readers[0].number, 1);
	assert_int_equal(readers[0].packet_out, 64);
}

static void an_endpoint_that_another_interface_has_is_refused(void **state)
{
	uint8_t copy[sizeof(keyboard)];

	(void)state;
	bytes_copy(copy, sizeof(copy), keyboard, sizeof(copy));
	copy[9 + 9 + 9 + 2] = 0x82; /* the keyboard's */
	assert_int_equal(parse(VIEW(copy)), DESCRIPTOR_ENDPOINTS);
}

static void a_device_without_a_reader_is_none(void **state)
{
	static const uint8_t other[] = {CONFIGURATION(25U, 1), 9, 4, 0, 0, 1, 0xFF, 0, 0, 0, 7,
		5, 0x81, 2, LE16(64U), 0};
	static const uint8_t bare[] = {CONFIGURATION(9U, 0)};

	(void)state;
	assert_int_equal(parse(VIEW(other)), DESCRIPTOR_NO_READER);
	assert_int_equal(parse(VIEW(bare)), DESCRIPTOR_NO_READER);
	assert_int_equal(n_readers, 77);
}

/* @n readers of one device, of which the last has @last slots, the others one. */
static int parse_many(uint8_t n, uint8_t last)
{
	static const uint8_t class[] = {KAP_CLASS};
	uint8_t all[9 + 9 * 77] = {CONFIGURATION(9U, 0)};
	size_t total = 9U + 77U * n;
	uint8_t *p = all + 9;

	all[AT_TOTAL] = (uint8_t)total;
	all[AT_TOTAL + 1] = (uint8_t)(total >> 8U);
	all[AT_INTERFACES] = n;
	for (uint8_t i = 0; i < n; i++) {
		const uint8_t interface[] = {INTERFACE(i, 2)};
		const uint8_t out[] = {7, 5, (uint8_t)(i + 1), 2, LE16(64U), 0};
		const uint8_t in[] = {7, 5, (uint8_t)(i + 0x81), 2, LE16(64U), 0};

		bytes_copy(p, 9, interface, 9);
		bytes_copy(p + 9, 54, class, 54);
		p[9 + 4] = i + 1 == n ? (uint8_t)(last - 1) : 0; /* bMaxSlotIndex */
		bytes_copy(p + 63, 7, out, 7);
		bytes_copy(p + 70, 7, in, 7);
		p += 77;
	}
	return parse(view_of(all, total));
}

static void more_slots_than_are_served_are_too_many(void **state)
{
	(void)state;
	assert_int_equal(parse_many(9, 1), DESCRIPTOR_MANY);
	assert_int_equal(n_readers, 77);
	assert_int_equal(parse_many(8, 1), 0);
	assert_int_equal(n_readers, DESCRIPTOR_SERVED_MAX);
	assert_int_equal(parse_many(8, 2), DESCRIPTOR_MANY);
	assert_int_equal(parse_many(2, 7), 0);
	assert_int_equal(readers[0].slots + readers[1].slots, DESCRIPTOR_SERVED_MAX);
	assert_int_equal(parse_many(2, 8), DESCRIPTOR_MANY);
	assert_int_equal(parse_many(2, 16), DESCRIPTOR_MANY);
	assert_int_equal(parse_many(2, 17), DESCRIPTOR_SLOTS);
	assert_int_equal(parse_many(1, 8), 0);
	assert_int_equal(parse_many(1, 9), DESCRIPTOR_MANY);
	assert_int_equal(parse_many(1, 16), DESCRIPTOR_MANY);
}

static void every_outcome_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int i = DESCRIPTOR_NO_READER; i <= DESCRIPTOR_MANY; i++) {
		const char *name = descriptor_reason((enum descriptor_outcome)i);

		assert_memory_equal(name, "descriptor-", 11);
		for (int j = DESCRIPTOR_NO_READER; j < i; j++) {
			assert_string_not_equal(
				name, descriptor_reason((enum descriptor_outcome)j));
		}
	}
	assert_string_equal(descriptor_reason((enum descriptor_outcome)0), "descriptor-good");
}

/* -- the file of sysfs -------------------------------------------------------------------------- */

#define DEVICE                                                                                 \
	18, 1, LE16(0x0200U), 0, 0, 0, 64, LE16(0x2947U), LE16(0x0101U), LE16(0x0108U), 1, 2,  \
		3, 2

static const uint8_t two_configurations[] = {DEVICE, CONFIGURATION(9U, 0), 9, 2, LE16(18U), 1,
	7, 0, 0x80, 50, 9, 4, 0, 0, 0, 0xFF, 0, 0, 0};

static void the_active_configuration_is_found(void **state)
{
	struct descriptor_device d = {.vendor = 77};

	(void)state;
	assert_int_equal(descriptor_device(VIEW(two_configurations), 0, &d), 0);
	assert_int_equal(d.vendor, 0x2947);
	assert_int_equal(d.product, 0x0101);
	assert_int_equal(d.release, 0x0108);
	assert_int_equal(d.configuration.len, 9);
	assert_int_equal(descriptor_device(VIEW(two_configurations), 7, &d), 0);
	assert_int_equal(d.configuration.len, 18);
	assert_int_equal(descriptor_device(VIEW(two_configurations), 1, &d), 0);
	assert_int_equal(d.configuration.len, 9);
	assert_int_equal(
		descriptor_device(VIEW(two_configurations), 2, &d), DESCRIPTOR_NO_READER);
	assert_int_equal(descriptor_device(view_sub(VIEW(two_configurations), 0, 18), 0, &d),
		DESCRIPTOR_NO_READER);
	assert_int_equal(d.configuration.len, 9); /* as it was */
}

static void what_is_no_device_is_named(void **state)
{
	uint8_t copy[sizeof(two_configurations)];
	struct descriptor_device d;

	(void)state;
	for (size_t n = 0; n < 18; n++) {
		assert_int_equal(
			descriptor_device(view_sub(VIEW(two_configurations), 0, n), 0, &d),
			DESCRIPTOR_CUT);
	}
	for (size_t n = 28; n < sizeof(copy); n++) {
		assert_int_equal(
			descriptor_device(view_sub(VIEW(two_configurations), 0, n), 7, &d),
			DESCRIPTOR_CUT);
	}
	for (size_t at = 0; at < 2; at++) {
		bytes_copy(copy, sizeof(copy), two_configurations, sizeof(copy));
		copy[at] = 17;
		assert_int_equal(descriptor_device(VIEW(copy), 0, &d), DESCRIPTOR_LENGTH);
	}
	bytes_copy(copy, sizeof(copy), two_configurations, sizeof(copy));
	copy[18 + AT_TOTAL] = 8; /* it would not go on */
	assert_int_equal(descriptor_device(VIEW(copy), 7, &d), DESCRIPTOR_LENGTH);
	copy[18 + AT_TOTAL] = 0;
	assert_int_equal(descriptor_device(VIEW(copy), 7, &d), DESCRIPTOR_LENGTH);
}

/* -- strings ------------------------------------------------------------------------------------ */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kap_link_is_two_readers_of_one_slot),
		cmocka_unit_test(af_care_is_one_reader_of_two_slots_with_extended_apdus),
		cmocka_unit_test(leo_has_a_keypad_and_a_display),
		cmocka_unit_test(gempc_twin_leaves_the_parameters_to_us),
		cmocka_unit_test(scr3310_is_taken_although_it_miscounts),
		cmocka_unit_test(every_cut_is_named),
		cmocka_unit_test(what_stands_behind_the_configuration_is_not_its_own),
		cmocka_unit_test(lies_about_lengths_are_named),
		cmocka_unit_test(
			a_reader_in_a_long_configuration_is_refused_and_what_is_none_is_not),
		cmocka_unit_test(lies_about_slots_are_named),
		cmocka_unit_test(lies_about_endpoints_are_named),
		cmocka_unit_test(lies_about_sizes_levels_and_protocols_are_named),
		cmocka_unit_test(lies_about_interfaces_are_named),
		cmocka_unit_test(the_class_descriptor_may_stand_behind_the_endpoints),
		cmocka_unit_test(two_class_descriptors_are_refused),
		cmocka_unit_test(a_reader_without_interrupt_pipe_is_one),
		cmocka_unit_test(other_interfaces_and_settings_are_passed_over),
		cmocka_unit_test(an_endpoint_that_another_interface_has_is_refused),
		cmocka_unit_test(a_device_without_a_reader_is_none),
		cmocka_unit_test(more_slots_than_are_served_are_too_many),
		cmocka_unit_test(every_outcome_has_a_name_of_its_own),
		cmocka_unit_test(the_active_configuration_is_found),
		cmocka_unit_test(what_is_no_device_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
