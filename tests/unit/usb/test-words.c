/* SPDX-License-Identifier: EUPL-1.2 */
/* Devices in words: what is said of readers that are sold, what is kept back, and another language. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "drivers/usb/words.h"
#include "tests/unit/usb/real-readers.h"

static char text[16384];

static struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];

/* The device with the descriptor @v in words. */
static void tell_as(struct view v, const struct words_device *like, words_fn say)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(sizeof(text));
	struct words_device d = *like;
	int r;

	d.readers = readers;
	r = descriptor_parse(v, readers, &d.n_readers);
	d.refused = (enum descriptor_outcome)r;
	words_device(&d, say, &out);
	assert_int_equal(view_copy_str(buf_view(&out), text, sizeof(text)), 0);
}

static void tell(struct view v, const struct words_device *like)
{
	tell_as(v, like, words_english);
}

static bool said(const char *line)
{
	return strstr(text, line) != NULL;
}

static unsigned count(const char *what)
{
	unsigned n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++) {
		n++;
	}
	return n;
}

static void a_composite_device_is_told_reader_by_reader(void **state)
{
	const struct words_device d = {.port = "1-2.3",
		.vendor = 0x2947,
		.product = 0x0101,
		.release = 0x0108,
		.manufacturer = "KAPELSE",
		.model = "KAP-LINK",
		.serial = words_hidden,
		.known = readers_known(0x2947, 0x0101)};

	(void)state;
	tell(VIEW(kap_link), &d);
	assert_memory_equal(text, "1-2.3 2947:0101 Kapelse KAP-LINK\n", 33);
	assert_true(said("\n  says of itself: KAPELSE KAP-LINK, release 1.08\n"));
	assert_true(said("\n  serial number: it has one\n"));
	assert_true(said("\n  in the table: Kapelse KAP-LINK, slots 2 ("));
	assert_true(said("\n  note: It has a serial port besides"));
	assert_false(said("In this mode"));
	assert_true(said("\n  reader: 0 (interface 0, CCID 1.10)\n"));
	assert_true(said("\n  reader: 1 (interface 1, CCID 1.10)\n"));
	assert_int_equal(count("    slots: 1\n"), 2);
	assert_int_equal(count("    exchange level: TPDUs\n"), 2);
	assert_int_equal(count("    protocols: T=0, T=1\n"), 2);
	assert_int_equal(count("    voltages: 5 V\n"), 2);
	assert_int_equal(count("    clock: 4000 kHz\n"), 2);
	assert_int_equal(count("    data rate: 10752 - 344064 bit/s\n"), 2);
	assert_int_equal(count("    longest message: 271 bytes\n"), 2);
	assert_int_equal(count("    longest block (T=1): 254 bytes\n"), 2);
	assert_int_equal(count("    keypad: none\n"), 2);
	assert_true(
		said("    done by the reader: voltage, parameters from the answer to reset, "
		     "negotiation with the card (PPS), clock, data rate, "
		     "procedure bytes (T=0)\n"));
	assert_true(said("    done by the driver: power at insertion, block size (T=1), the "
			 "protocol with the card (T=0, T=1)\n"));
	assert_true(said("    endpoints: 01 (64 bytes), 81 (64 bytes), 82 (8 bytes)\n"));
	assert_false(said("why it cannot be used"));
}

static void slots_and_keypads_are_told(void **state)
{
	const struct words_device d = {.port = "1-1", .manufacturer = "Maker", .serial = NULL};

	(void)state;
	tell(VIEW(af_care), &d);
	assert_memory_equal(text, "1-1 0000:0000 Maker\n", 20);
	assert_true(said("\n  in the table: no\n"));
	assert_false(said("serial number"));
	assert_true(said("    slots: 2 (1 at a time)\n"));
	assert_true(said("    exchange level: short and extended APDUs\n"));
	assert_true(said("    voltages: 5 V, 3 V, 1.8 V\n"));
	assert_true(said("    longest message: 65554 bytes\n"));
	assert_true(said("    done by the driver: none\n"));
	tell(VIEW(leo), &d);
	assert_true(said("    exchange level: short APDUs\n"));
	assert_true(said("    keypad: PIN verification, PIN change\n"));
	assert_true(said("    display: 2 x 16 characters\n"));
	assert_true(said("    data rate: 9600 - 230400 bit/s, 11 of them listed\n"));
	tell(VIEW(scr3310), &d);
	assert_true(said("    longest message: 271 bytes (it says 263)\n"));
	assert_true(said("    clock: 4000 - 12000 kHz\n"));
}

static void the_barest_reader_is_told_too(void **state)
{
	uint8_t bare[ONE_READER - 7];
	const struct words_device d = {.port = "1-1", .vendor = 0x1234, .serial = "S/N 7"};

	(void)state;
	bytes_copy(bare, sizeof(bare), gempc_twin, sizeof(bare));
	bare[AT_TOTAL] = sizeof(bare);
	bare[AT_INTERFACE + 4] = 2; /* no interrupt pipe */
	bare[AT_CLASS + 5] = 0;	    /* no voltage */
	bare[AT_CLASS + 40] = 0;    /* no feature */
	bare[AT_CLASS + 41] = 0;
	bare[AT_CLASS + 42] = 0; /* characters */
	tell(VIEW(bare), &d);
	assert_memory_equal(text, "1-1 1234:0000 USB 1234:0000\n", 28);
	assert_true(said("\n  serial number: S/N 7\n"));
	assert_true(said("    exchange level: characters\n"));
	assert_true(said("    voltages: none\n"));
	assert_true(said("    done by the reader: none\n"));
	assert_true(said(", no interrupt pipe: slots are asked\n"));
}

static void the_old_mode_is_explained(void **state)
{
	static const uint8_t old[] = {CONFIGURATION(18U, 1), 9, 4, 0, 0, 0, 0xFF, 0, 0, 0};
	const struct words_device d = {.port = "1-1",
		.vendor = 0x0B00,
		.product = 0x0090,
		.known = readers_known(0x0B00, 0x0090)};

	(void)state;
	tell(VIEW(old), &d);
	assert_true(said("note: In this mode it is no card reader for computers"));
	assert_true(said("why it cannot be used: It has no interface of the smart card class. "
			 "[descriptor-no-reader]\n"));
	assert_false(said("slots"));
	tell(VIEW(leo), &d); /* newer software has made a reader of it */
	assert_false(said("In this mode"));
}

static void every_refusal_has_a_sentence_of_its_own(void **state)
{
	(void)state;
	for (int i = DESCRIPTOR_NO_READER; i <= DESCRIPTOR_MANY; i++) {
		const char *sentence = words_refusal((enum descriptor_outcome)i);

		assert_int_equal(sentence[strlen(sentence) - 1], '.');
		for (int j = DESCRIPTOR_NO_READER; j < i; j++) {
			assert_string_not_equal(
				sentence, words_refusal((enum descriptor_outcome)j));
		}
	}
}

static unsigned asked;

static const char *shouted(const char *english)
{
	asked++;
	return strcmp(english, ": ") == 0      ? " : "
	       : strcmp(english, "slots") == 0 ? "SLOTS"
					       : english;
}

static void words_go_through_the_translation(void **state)
{
	const struct words_device d = {.port = "1-1"};

	(void)state;
	asked = 0;
	tell_as(VIEW(gempc_twin), &d, shouted);
	assert_true(said("    SLOTS : 1\n"));
	assert_false(said(": 1\n    slots"));
	assert_in_range(asked, 30, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_composite_device_is_told_reader_by_reader),
		cmocka_unit_test(slots_and_keypads_are_told),
		cmocka_unit_test(the_barest_reader_is_told_too),
		cmocka_unit_test(the_old_mode_is_explained),
		cmocka_unit_test(every_refusal_has_a_sentence_of_its_own),
		cmocka_unit_test(words_go_through_the_translation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
