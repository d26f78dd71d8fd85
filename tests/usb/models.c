/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The table of models and their descriptors (USB 2.0 §9.6, CCID 1.1 §5.1). Endpoints of interface n: bulk out
 * 01 + 3n, bulk in 82 + 3n, interrupt 83 + 3n.
 */
#include "tests/usb/models.h"

#include <string.h>

#define AUTO_ALL                                                                               \
	(CCID_AUTO_PARAMETERS | CCID_AUTO_VOLTAGE | CCID_AUTO_CLOCK | CCID_AUTO_RATE |         \
		CCID_AUTO_PPS | CCID_AUTO_IFSD)
#define AUTO_SOME  (CCID_AUTO_VOLTAGE | CCID_AUTO_CLOCK | CCID_AUTO_RATE)
#define AUTO_CLOCK (CCID_AUTO_CLOCK | CCID_AUTO_RATE)
#define SHORTEST   DESCRIPTOR_MESSAGE_MIN
#define DOCTOLIB                                                                               \
	.vendor = 0x1C34, .product = 0xAFD0, .maker = "SpringCard", .text = "Doctolib SR"

static const struct model models[] = {
	{.name = "character",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_CHARACTER,
		.features = AUTO_SOME,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "tpdu",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_SOME,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "short",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_SHORT_APDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "extended",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_EXTENDED_APDU,
		.features = AUTO_ALL,
		.message = DESCRIPTOR_MESSAGE_MAX,
		.voltages = 7},
	{.name = "chained",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_EXTENDED_APDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.part = 100,
		.voltages = 7},
	{.name = "volts",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_CLOCK,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "polled",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_SOME,
		.message = SHORTEST,
		.voltages = 7,
		.silent = true},
	{.name = "in-turn",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_SOME,
		.message = SHORTEST,
		.voltages = 7,
		.busy = 1},
	{.name = "kap-link",
		.vendor = 0x2947,
		.product = 0x0101,
		.maker = "KAPELSE",
		.text = "KAP-LINK",
		.faces = 2,
		.slots = 1,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "single",
		.vendor = 0x0F14,
		.product = 0x0011,
		.maker = "XIRING",
		.text = "XI-SIGN USB V2",
		.faces = 1,
		.slots = 1,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_SOME,
		.message = SHORTEST,
		.voltages = 7},
	{.name = "leo",
		.vendor = 0x0F14,
		.product = 0x003B,
		.maker = "Ingenico",
		.text = "Leo",
		.faces = 1,
		.slots = 1,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.voltages = 7,
		.pin = CCID_PIN_VERIFY | CCID_PIN_MODIFY},
	{.name = "display",
		.vendor = 0x0F14,
		.product = 0x003B,
		.maker = "Ingenico",
		.text = "Leo",
		.faces = 1,
		.slots = 1,
		.level = CCID_LEVEL_TPDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.voltages = 7,
		.pin = CCID_PIN_VERIFY | CCID_PIN_MODIFY,
		.lcd = 0x0210},
	{.name = "keys",
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_SHORT_APDU,
		.features = AUTO_ALL,
		.message = SHORTEST,
		.voltages = 7,
		.pin = CCID_PIN_VERIFY | CCID_PIN_MODIFY},
	{.name = "by-hand", /* all is left to the host; not each rate that a card offers is listed */
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.message = SHORTEST,
		.voltages = 7,
		.clocks = {MODELS_CLOCK, 2 * MODELS_CLOCK},
		.rates = {10753, 21506, 129036}}, /* rounded, and a clock that is */
	{.name = "one-rate",			  /* the same, and nothing to choose from */
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.message = SHORTEST,
		.voltages = 7,
		.clocks = {MODELS_CLOCK},
		.rates = {10752}},
	{.name = "no-rate", /* by-hand, but it takes none of them */
		DOCTOLIB,
		.faces = 1,
		.slots = 2,
		.level = CCID_LEVEL_TPDU,
		.message = SHORTEST,
		.voltages = 7,
		.clocks = {MODELS_CLOCK},
		.rates = {10753, 21506, 129036},
		.lie = MODEL_LIE_RATES},
#define LIE(word, what)                                                                        \
	{                                                                                      \
		.name = word, DOCTOLIB, .faces = 1, .slots = 2, .level = CCID_LEVEL_TPDU,      \
		.features = AUTO_SOME, .message = SHORTEST, .voltages = 7, .lie = what         \
	}
	LIE("lie-length", MODEL_LIE_LENGTH),
	LIE("lie-class", MODEL_LIE_CLASS),
	LIE("lie-slots", MODEL_LIE_SLOTS),
	LIE("lie-endpoints", MODEL_LIE_ENDPOINTS),
	LIE("lie-size", MODEL_LIE_SIZE),
	LIE("lie-message", MODEL_LIE_MESSAGE),
	LIE("lie-levels", MODEL_LIE_LEVELS),
	LIE("lie-protocols", MODEL_LIE_PROTOCOLS),
	LIE("lie-many", MODEL_LIE_MANY),
#undef LIE
};

const struct model *models_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(models); i++) {
		if (strcmp(models[i].name, name) == 0)
			return &models[i];
	}
	return NULL;
}

void models_list(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(models); i++)
		buf_printf(out, "%s\n", models[i].name);
}

uint8_t models_out(unsigned face)
{
	return (uint8_t)(0x01 + 3 * face);
}

uint8_t models_in(unsigned face)
{
	return (uint8_t)(0x82 + 3 * face);
}

uint8_t models_interrupt(const struct model *m, unsigned face)
{
	return m->silent ? 0 : (uint8_t)(0x83 + 3 * face);
}

/* -- descriptors ----------------------------------------------------------------------------- */

static void put16(struct buf *out, unsigned v)
{
	buf_put_u8(out, (uint8_t)v);
	buf_put_u8(out, (uint8_t)(v >> 8));
}

static void put32(struct buf *out, uint32_t v)
{
	put16(out, v & 0xFFFF);
	put16(out, v >> 16);
}

static void put_device(const struct model *m, bool serial, struct buf *out)
{
	static const uint8_t head[] = {18, 1, 0x00, 0x02, 0, 0, 0, 64};

	buf_put(out, head, sizeof(head));
	put16(out, m->vendor);
	put16(out, m->product);
	put16(out, 0x0100);
	buf_put_u8(out, 1);
	buf_put_u8(out, 2);
	buf_put_u8(out, serial ? 3 : 0);
	buf_put_u8(out, 1);
}

static uint32_t features_of(const struct model *m)
{
	static const uint32_t levels[] = {0, 0x10000, 0x20000, 0x40000};
	uint32_t features = m->features | levels[m->level];

	return m->lie == MODEL_LIE_LEVELS ? features | 0x20000 : features;
}

static uint8_t count(const uint32_t list[MODELS_LIST_MAX])
{
	uint8_t n = 0;

	while (n < MODELS_LIST_MAX && list[n] > 0)
		n++;
	return n;
}

static uint8_t last_slot(const struct model *m)
{
	if (m->lie == MODEL_LIE_MANY)
		return DESCRIPTOR_SERVED_MAX;
	return m->lie == MODEL_LIE_SLOTS ? 31 : (uint8_t)(m->slots - 1);
}

static void put_class(const struct model *m, struct buf *out)
{
	size_t start = out->len;

	buf_put_u8(out, m->lie == MODEL_LIE_CLASS ? 30 : 54);
	buf_put_u8(out, 0x21);
	put16(out, 0x0110);
	buf_put_u8(out, last_slot(m));
	buf_put_u8(out, m->voltages);
	put32(out, m->lie == MODEL_LIE_PROTOCOLS ? 0 : 3);
	put32(out, MODELS_CLOCK);
	put32(out, count(m->clocks) > 1 ? 2 * MODELS_CLOCK : MODELS_CLOCK);
	buf_put_u8(out, count(m->clocks));
	put32(out, 10752);
	put32(out, 344086);
	buf_put_u8(out, count(m->rates));
	put32(out, 254);
	put32(out, 0);
	put32(out, 0);
	put32(out, features_of(m));
	put32(out, m->lie == MODEL_LIE_MESSAGE ? 9 : m->message);
	buf_put_u8(out, 0xFF);
	buf_put_u8(out, 0xFF);
	put16(out, m->lcd);
	buf_put_u8(out, m->pin);
	buf_put_u8(out, (uint8_t)(m->busy ? m->busy : m->slots));
	if (m->lie == MODEL_LIE_CLASS)
		buf_truncate(out, start + 30);
}

static void put_endpoint(
	const struct model *m, uint8_t address, uint8_t kind, uint8_t size, struct buf *out)
{
	buf_put_u8(out, 7);
	buf_put_u8(out, 5);
	buf_put_u8(out, address);
	buf_put_u8(out, kind);
	put16(out, m->lie == MODEL_LIE_SIZE ? 0 : size);
	buf_put_u8(out, kind == 3 ? 16 : 0);
}

static void put_face(const struct model *m, unsigned face, struct buf *out)
{
	bool in = m->lie != MODEL_LIE_ENDPOINTS;
	uint8_t endpoints = (uint8_t)(1 + in + !m->silent);
	const uint8_t head[] = {9, 4, (uint8_t)face, 0, endpoints, 0x0B, 0, 0, 4};

	buf_put(out, head, sizeof(head));
	put_class(m, out);
	put_endpoint(m, models_out(face), 2, 64, out);
	if (in)
		put_endpoint(m, models_in(face), 2, 64, out);
	if (!m->silent)
		put_endpoint(m, models_interrupt(m, face), 3, 8, out);
}

void models_descriptors(const struct model *m, bool serial, struct buf *out)
{
	_cleanup_(buf_done) struct buf faces = BUF_NULL(DESCRIPTOR_MAX);

	for (unsigned i = 0; i < m->faces; i++)
		put_face(m, i, &faces);
	put_device(m, serial, out);
	buf_put_u8(out, 9);
	buf_put_u8(out, 2);
	put16(out, (unsigned)(9 + faces.len + (m->lie == MODEL_LIE_LENGTH ? 20 : 0)));
	buf_put_u8(out, (uint8_t)m->faces);
	buf_put_u8(out, 1);
	buf_put_u8(out, 0);
	buf_put_u8(out, 0xA0);
	buf_put_u8(out, 50);
	buf_put_view(out, buf_view(&faces));
}
