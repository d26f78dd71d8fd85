/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a descriptor says, line by line. Guarantees: the same facts give the same lines in the same order;
 * nothing that the device says of itself is left out because it is odd; a serial number is shown only when
 * the caller gave it.
 */
#include "drivers/usb/words.h"

#include <inttypes.h>

#include "drivers/usb/names.h"

#define N_(text) text /* is translated where it is shown */

#define INDENT 2U

static const char hidden[] = "";

const char *const words_hidden = hidden;

const char *words_english(const char *english)
{
	return english;
}

void words_line(struct buf *out, unsigned indent, words_fn say, const char *label)
{
	for (unsigned i = 0; i < indent; i++) {
		buf_put_u8(out, ' ');
	}
	buf_put_str(out, say(label));
	buf_put_str(out, say(N_(": ")));
}

/* @word, behind a comma where it is not the first of its line. */
static void put_item(struct buf *out, bool *any, const char *word)
{
	buf_put_str(out, *any ? ", " : "");
	buf_put_str(out, word);
	*any = true;
}

static void end_line(struct buf *out, bool any, words_fn say)
{
	buf_put_str(out, any ? "" : say(N_("none")));
	buf_put_u8(out, '\n');
}

/* -- who does what ---------------------------------------------------------------------------------- */

const struct words_task *words_task(const struct ccid_interface *c, size_t i, bool *ret_reader)
{
	static const struct {
		struct words_task task;
		uint32_t features; /* one of them: the reader's */
		enum ccid_level
			level; /* from this one on: the reader's; CHARACTER: no matter */
	} tasks[] = {
		{{"activation", N_("power at insertion")}, CCID_AUTO_ACTIVATION,
			CCID_LEVEL_CHARACTER},
		{{"voltage", N_("voltage")}, CCID_AUTO_VOLTAGE, CCID_LEVEL_CHARACTER},
		{{"parameters", N_("parameters from the answer to reset")},
			CCID_AUTO_PARAMETERS | CCID_AUTO_NEGOTIATION, CCID_LEVEL_CHARACTER},
		{{"pps", N_("negotiation with the card (PPS)")},
			CCID_AUTO_PPS | CCID_AUTO_NEGOTIATION, CCID_LEVEL_CHARACTER},
		{{"clock", N_("clock")}, CCID_AUTO_CLOCK, CCID_LEVEL_CHARACTER},
		{{"rate", N_("data rate")}, CCID_AUTO_RATE, CCID_LEVEL_CHARACTER},
		{{"ifsd", N_("block size (T=1)")}, CCID_AUTO_IFSD, CCID_LEVEL_CHARACTER},
		{{"procedure", N_("procedure bytes (T=0)")}, 0, CCID_LEVEL_TPDU},
		{{"protocol", N_("the protocol with the card (T=0, T=1)")}, 0,
			CCID_LEVEL_SHORT_APDU},
	};

	if (i >= ARRAY_LEN(tasks)) {
		return NULL;
	}
	*ret_reader = (c->features & tasks[i].features) != 0 ||
		      (tasks[i].level != CCID_LEVEL_CHARACTER && c->level >= tasks[i].level);
	return &tasks[i].task;
}

static void put_tasks(
	const struct ccid_interface *c, bool by_reader, words_fn say, struct buf *out)
{
	const struct words_task *t;
	bool any = false;
	bool reader;

	for (size_t i = 0; (t = words_task(c, i, &reader)) != NULL; i++) {
		if (reader == by_reader) {
			put_item(out, &any, say(t->english));
		}
	}
	end_line(out, any, say);
}

/* -- one reader ----------------------------------------------------------------------------------- */

const char *words_level(enum ccid_level level)
{
	switch (level) {
	case CCID_LEVEL_CHARACTER:
		return N_("characters");
	case CCID_LEVEL_TPDU:
		return N_("TPDUs");
	case CCID_LEVEL_SHORT_APDU:
		return N_("short APDUs");
	case CCID_LEVEL_EXTENDED_APDU:
		break;
	}
	return N_("short and extended APDUs");
}

static void put_bits(
	uint8_t bits, const char *const names[], size_t n, words_fn say, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < n; i++) {
		if (bits & 1U << i) {
			put_item(out, &any, names[i]);
		}
	}
	end_line(out, any, say);
}

/* "4000 kHz", "4000 - 12000 kHz" */
static void put_range(uint32_t from, uint32_t to, const char *unit, struct buf *out)
{
	buf_printf(out, "%" PRIu32, from);
	if (to != from) {
		buf_printf(out, " - %" PRIu32, to);
	}
	buf_printf(out, " %s", unit);
}

static void put_speed(
	const struct ccid_interface *c, unsigned indent, words_fn say, struct buf *out)
{
	words_line(out, indent, say, N_("clock"));
	put_range(c->clock, c->clock_max, "kHz", out);
	buf_put_u8(out, '\n');
	words_line(out, indent, say, N_("data rate"));
	put_range(c->rate, c->rate_max, N_("bit/s"), out);
	if (c->rates > 0) {
		buf_printf(out, ", %u %s", c->rates, say(N_("of them listed")));
	}
	buf_put_u8(out, '\n');
}

static void put_sizes(
	const struct ccid_interface *c, unsigned indent, words_fn say, struct buf *out)
{
	words_line(out, indent, say, N_("longest message"));
	buf_printf(out, "%" PRIu32 " %s", c->message, say(N_("bytes")));
	if (c->message_short) {
		buf_printf(out, " (%s %u)", say(N_("it says")), DESCRIPTOR_MESSAGE_SCM);
	}
	buf_put_u8(out, '\n');
	words_line(out, indent, say, N_("longest block (T=1)"));
	buf_printf(out, "%" PRIu32 " %s\n", c->ifsd, say(N_("bytes")));
}

static void put_keypad(
	const struct ccid_interface *c, unsigned indent, words_fn say, struct buf *out)
{
	unsigned lines = (unsigned)c->display >> 8U;
	unsigned characters = c->display & 0xFFU;
	bool any = false;

	words_line(out, indent, say, N_("keypad"));
	if (c->pin & CCID_PIN_VERIFY) {
		put_item(out, &any, say(N_("PIN verification")));
	}
	if (c->pin & CCID_PIN_MODIFY) {
		put_item(out, &any, say(N_("PIN change")));
	}
	end_line(out, any, say);
	if (c->display != 0) {
		words_line(out, indent, say, N_("display"));
		buf_printf(out, "%u x %u %s\n", lines, characters, say(N_("characters")));
	}
}

static void put_pipes(
	const struct ccid_interface *c, unsigned indent, words_fn say, struct buf *out)
{
	words_line(out, indent, say, N_("endpoints"));
	buf_printf(out, "%02x (%u %s), %02x (%u %s)", c->bulk_out, c->packet_out,
		say(N_("bytes")), c->bulk_in, c->packet_in, say(N_("bytes")));
	if (c->interrupt_in) {
		buf_printf(out, ", %02x (%u %s)\n", c->interrupt_in, c->packet_interrupt,
			say(N_("bytes")));
	} else {
		buf_printf(out, ", %s\n", say(N_("no interrupt pipe: slots are asked")));
	}
}

static void put_reader(const struct words_device *d, size_t i, words_fn say, struct buf *out)
{
	static const char *const voltages[] = {"5 V", "3 V", "1.8 V"};
	static const char *const protocols[] = {"T=0", "T=1"};
	const struct ccid_interface *c = &d->readers[i];
	const unsigned in = 2 * INDENT;

	words_line(out, INDENT, say, N_("reader"));
	buf_printf(out, "%zu (%s %u, CCID %x.%02x)\n", i, say(N_("interface")), c->number,
		(unsigned)c->version >> 8U, c->version & 0xFFU);
	words_line(out, in, say, N_("slots"));
	buf_printf(out, "%u", c->slots);
	if (c->slots > 1) {
		buf_printf(out, " (%u %s)", c->busy, say(N_("at a time")));
	}
	buf_put_u8(out, '\n');
	words_line(out, in, say, N_("exchange level"));
	buf_printf(out, "%s\n", say(words_level(c->level)));
	words_line(out, in, say, N_("protocols"));
	put_bits(c->protocols, protocols, ARRAY_LEN(protocols), say, out);
	words_line(out, in, say, N_("voltages"));
	put_bits(c->voltages, voltages, ARRAY_LEN(voltages), say, out);
	put_speed(c, in, say, out);
	put_sizes(c, in, say, out);
	put_keypad(c, in, say, out);
	words_line(out, in, say, N_("done by the reader"));
	put_tasks(c, true, say, out);
	words_line(out, in, say, N_("done by the driver"));
	put_tasks(c, false, say, out);
	put_pipes(c, in, say, out);
}

/* -- the device --------------------------------------------------------------------------------- */

const char *words_refusal(enum descriptor_outcome o)
{
	switch (o) {
	case DESCRIPTOR_NO_READER:
		return N_("It has no interface of the smart card class.");
	case DESCRIPTOR_CUT:
		return N_("Its descriptor is shorter than it says.");
	case DESCRIPTOR_LENGTH:
		return N_("Its descriptor is longer than is looked at, or a part of it has a "
			  "length that it cannot have.");
	case DESCRIPTOR_INTERFACES:
		return N_("It counts its interfaces wrong, or numbers two alike.");
	case DESCRIPTOR_CLASS:
		return N_("A smart card interface has no description, or two.");
	case DESCRIPTOR_PROTOCOL:
		return N_("It is a token of another protocol (ICCD), not a reader.");
	case DESCRIPTOR_ENDPOINTS:
		return N_("Its endpoints are not those that a reader needs.");
	case DESCRIPTOR_SLOTS:
		return N_("It tells a number of slots that cannot be.");
	case DESCRIPTOR_PROTOCOLS:
		return N_("It speaks neither T=0 nor T=1 with cards.");
	case DESCRIPTOR_MESSAGE:
		return N_("Its longest message is too short or too long for any reader.");
	case DESCRIPTOR_LEVEL:
		return N_("It says that it works in two ways at once.");
	case DESCRIPTOR_MANY:
		break;
	}
	return N_("It has more slots than are served of one device (8).");
}

static void put_quirks(const struct words_device *d, words_fn say, struct buf *out)
{
	uint32_t quirks = d->known ? d->known->quirks : 0;

	if ((quirks & READER_QUIRK_NOT_CCID) && d->n_readers == 0) {
		words_line(out, INDENT, say, N_("note"));
		buf_printf(out, "%s\n",
			say(N_("In this mode it is no card reader for computers: it speaks its "
			       "maker's own protocol. Newer software of the reader has a PC/SC "
			       "mode (EI96S 4.00 and later); ask its maker.")));
	}
	if (quirks & READER_QUIRK_SERIAL_PORT) {
		words_line(out, INDENT, say, N_("note"));
		buf_printf(out, "%s\n",
			say(N_("It has a serial port besides, which ModemManager must leave "
			       "alone.")));
	}
}

static void put_known(const struct words_device *d, words_fn say, struct buf *out)
{
	words_line(out, INDENT, say, N_("in the table"));
	if (!d->known) {
		buf_printf(out, "%s\n", say(N_("no")));
		return;
	}
	buf_put_str(out, d->known->name);
	if (d->known->slots > 0) {
		buf_printf(out, ", %s %u", say(N_("slots")), d->known->slots);
	}
	buf_printf(out, " (%s)\n", d->known->source);
}

void words_device(const struct words_device *d, words_fn say, struct buf *out)
{
	const struct names_device words = {.vendor = d->vendor,
		.product = d->product,
		.manufacturer = d->manufacturer,
		.model = d->model};
	char model[NAMES_MAX];

	names_model(&words, model);
	buf_printf(out, "%s %04x:%04x %s\n", d->port, d->vendor, d->product,
		d->known ? d->known->name : model);
	words_line(out, INDENT, say, N_("says of itself"));
	buf_printf(out, "%s, %s %x.%02x\n", model, say(N_("release")),
		(unsigned)d->release >> 8U, d->release & 0xFFU);
	if (d->serial) {
		words_line(out, INDENT, say, N_("serial number"));
		buf_printf(out, "%s\n",
			d->serial == words_hidden ? say(N_("it has one")) : d->serial);
	}
	put_known(d, say, out);
	put_quirks(d, say, out);
	if (d->refused != 0) {
		words_line(out, INDENT, say, N_("why it cannot be used"));
		buf_printf(out, "%s [%s]\n", say(words_refusal(d->refused)),
			descriptor_reason(d->refused));
	}
	for (size_t i = 0; i < d->n_readers; i++) {
		put_reader(d, i, say, out);
	}
}
