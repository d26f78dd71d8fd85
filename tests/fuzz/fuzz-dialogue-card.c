/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A whole consultation with one hostile card, through the real vitaled-card (serve.h). The input is
 * drawn in dialogue-answers.h; its setting is
 *
 *   0: ATR (3 bits) | T=1 | shared | hint | keypad verifies | keypad changes     1..3: nothing yet
 *
 * and its steps are numbers of requests[]; without any it is a consultation from begin to end.
 * Calls into the system fail by the seed (harness.c).
 */
#include "base/tlv.h"
#include "tests/fuzz/dialogue.h"
#include "tests/fuzz/fail.h"

#define SHARED	  0x10U
#define HINT	  0x20U
#define PATTERNED 5000U

static const uint8_t atr_vitale[] = {
	0x3B, 0x75, 0x13, 0x00, 0x00, 0x43, 0x09, 0xEA, 0x90, 0x00};
static const uint8_t atr_cps3[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00, 0x64,
	0x80, 0x00, 0x03, 0x10, 0x00, 0x90, 0x00};
static const uint8_t atr_cps4[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00, 0x64,
	0x80, 0x04, 0x01, 0x00, 0x00, 0x90, 0x44};
static const uint8_t atr_vitale1[] = {0x3F, 0x65, 0x25, 0x00, 0x22, 0x09, 0x69, 0x90, 0x00};
static const uint8_t atr_contactless[] = {0x3B, 0x8F, 0x80, 0x01, 0x00, 0x31, 0xB8, 0x64, 0x00,
	0x00, 0xEC, 0xC0, 0x73, 0x94, 0x01, 0x80, 0x82, 0x90, 0x00, 0x0E};
static const uint8_t atr_family[] = {0x3B, 0x6B, 0x00, 0x00, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80,
	0x00, 0x01, 0x00, 0x90, 0x00};
static const uint8_t atr_other[] = {0x3B, 0x02, 0x14, 0x50};
static const uint8_t atr_broken[] = {0x3B, 0xFF};

static struct view atr_of(uint8_t how)
{
	const struct view atrs[] = {VIEW(atr_vitale), VIEW(atr_cps3), VIEW(atr_cps4),
		VIEW(atr_vitale1), VIEW(atr_contactless), VIEW(atr_family), VIEW(atr_other),
		VIEW(atr_broken)};

	return atrs[how % ARRAY_LEN(atrs)];
}

/* -- requests ------------------------------------------------------------------------------------- */

/** struct object - one of a body: @len pattern bytes, or @text, or the byte @value. */
struct object {
	enum {
		NOTHING,
		BYTE,
		PATTERN,
		TEXT,
		TEMPLATE, /* 7F21 of @len bytes */
		ATR,	  /* the card's */
		BROKEN,	  /* not even an object */
	} what;

	uint32_t tag;
	size_t len; /* or the byte */
	const char *text;
};

struct request {
	struct dialogue_request q;
	struct object body[4];
};

/* clang-format off: a table */
#define PLAIN(op_)                                                                             \
	{                                                                                      \
		.q = {.op = (op_) }                                                            \
	}
#define REQUEST(op_, ...)                                                                      \
	{                                                                                      \
		.q = {.op = (op_)}, .body = { __VA_ARGS__ }                                    \
	}
#define CODES(op_, a, b)                                                                       \
	{                                                                                      \
		.q = {.op = (op_), .codes = {(a), (b)} }                                       \
	}
#define CODE(op_, a, b, ...)                                                                   \
	{                                                                                      \
		.q = {.op = (op_), .codes = {(a), (b)}}, .body = { __VA_ARGS__ }               \
	}
#define O_READER                                                                               \
	{                                                                                      \
		TEXT, LINK_TAG_READER, 0, "a reader"                                           \
	}
#define O_KEYPAD                                                                               \
	{                                                                                      \
		BYTE, LINK_TAG_PINPAD, 1, NULL                                                 \
	}
#define O_LAST                                                                                 \
	{                                                                                      \
		BYTE, LINK_TAG_LAST_TRY, 1, NULL                                               \
	}
#define O_DATA(n)                                                                              \
	{                                                                                      \
		PATTERN, LINK_TAG_DATA, (n), NULL                                              \
	}
#define LONG_CODE "123456789012345678901234567890"

/* 0: see open_card(); new ones at the end, for the corpus names them by number */
static const struct request requests[] = {
	REQUEST(CARD_OP_OPEN, O_READER),
	PLAIN(CARD_OP_IDENTIFY),
	PLAIN(CARD_OP_READ_PUBLIC),
	PLAIN(CARD_OP_READ_PEOPLE),
	PLAIN(CARD_OP_PIN_STATE),
	CODES(CARD_OP_VERIFY, "1234", NULL),
	PLAIN(CARD_OP_READ_ACTIVITIES),
	REQUEST(CARD_OP_CHECK_CERTIFICATE, {PATTERN, LINK_TAG_CAR, 16, NULL},
		{TEMPLATE, LINK_TAG_CVC, 220, NULL}),
	REQUEST(CARD_OP_CHALLENGE, {PATTERN, LINK_TAG_CHR, 16, NULL}),
	REQUEST(CARD_OP_INTERNAL_AUTHENTICATE, O_DATA(24)),
	REQUEST(CARD_OP_EXTERNAL_AUTHENTICATE,
		{PATTERN, LINK_TAG_SIGNATURE, 64, NULL}), /* 10 */
	PLAIN(CARD_OP_READ_PROTECTED),
	REQUEST(CARD_OP_SIGN, O_DATA(230)),
	PLAIN(CARD_OP_RESET),
	PLAIN(CARD_OP_PRESENT),
	PLAIN(CARD_OP_CLOSE),
	CODES(CARD_OP_CHANGE_PIN, "1234", "4321"),
	CODES(CARD_OP_UNBLOCK_PIN, "12345678", "1234"),
	CODE(CARD_OP_VERIFY, "1234", NULL, O_LAST),
	CODE(CARD_OP_CHANGE_PIN, "1234", "4321", O_LAST),
	CODE(CARD_OP_UNBLOCK_PIN, "12345678", "1234", O_LAST), /* 20 */
	REQUEST(CARD_OP_VERIFY, O_KEYPAD),
	REQUEST(CARD_OP_CHANGE_PIN, O_KEYPAD, O_LAST),
	REQUEST(CARD_OP_UNBLOCK_PIN, O_KEYPAD, O_LAST),
	CODES(CARD_OP_VERIFY, "12x4", NULL),
	CODES(CARD_OP_VERIFY, "123", NULL),
	CODES(CARD_OP_VERIFY, "", NULL),
	CODES(CARD_OP_VERIFY, LONG_CODE, NULL),
	PLAIN(CARD_OP_VERIFY),
	{.q = {.op = CARD_OP_VERIFY, .codes = {"1234", NULL}, .slow = true}},
	REQUEST(CARD_OP_READ_ACTIVITIES,
		{TEXT, LINK_TAG_DIRECTORY, 0, "\1\2\20\21\1"}), /* 30 */
	REQUEST(CARD_OP_INTERNAL_AUTHENTICATE, O_DATA(40)),
	REQUEST(CARD_OP_INTERNAL_AUTHENTICATE, O_DATA(23)),
	REQUEST(CARD_OP_SIGN, O_DATA(64)),
	REQUEST(CARD_OP_SIGN, O_DATA(4096)),
	REQUEST(CARD_OP_SIGN, O_DATA(4097)),
	REQUEST(CARD_OP_SIGN, O_DATA(1)),
	PLAIN(CARD_OP_SIGN),
	REQUEST(CARD_OP_CHECK_CERTIFICATE, {PATTERN, LINK_TAG_CAR, 16, NULL},
		{PATTERN, LINK_TAG_CVC, 220, NULL}),
	REQUEST(CARD_OP_CHECK_CERTIFICATE, {PATTERN, LINK_TAG_CAR, 15, NULL},
		{TEMPLATE, LINK_TAG_CVC, 220, NULL}),
	REQUEST(CARD_OP_CHECK_CERTIFICATE, {PATTERN, LINK_TAG_CAR, 16, NULL},
		{TEMPLATE, LINK_TAG_CVC, 600, NULL}), /* 40 */
	REQUEST(CARD_OP_CHECK_CERTIFICATE, {PATTERN, LINK_TAG_CAR, 16, NULL},
		{TEMPLATE, LINK_TAG_CVC, 5000, NULL}),
	REQUEST(CARD_OP_CHALLENGE, {PATTERN, LINK_TAG_CHR, 15, NULL}),
	REQUEST(CARD_OP_EXTERNAL_AUTHENTICATE, {PATTERN, LINK_TAG_SIGNATURE, 63, NULL}),
	PLAIN(CARD_OP_OPEN),
	REQUEST(CARD_OP_OPEN, O_READER, {BYTE, LINK_TAG_SHARE, 2, NULL}),
	REQUEST(CARD_OP_OPEN, O_READER, {PATTERN, LINK_TAG_SHARE, 2, NULL}),
	REQUEST(CARD_OP_OPEN, O_READER, {TEXT, LINK_TAG_KIND, 0, "cps"},
		{TEXT, LINK_TAG_GENERATION, 0, "cps9"}, {ATR, LINK_TAG_ATR, 0, NULL}),
	REQUEST(CARD_OP_OPEN, O_READER, {TEXT, LINK_TAG_KIND, 0, "cps"},
		{TEXT, LINK_TAG_GENERATION, 0, "cps3"}, {PATTERN, LINK_TAG_ATR, 5, NULL}),
	REQUEST(CARD_OP_OPEN, O_READER, {TEXT, LINK_TAG_KIND, 0, "unsupported"},
		{TEXT, LINK_TAG_GENERATION, 0, "vitale-1"}, {ATR, LINK_TAG_ATR, 0, NULL}),
	CODE(CARD_OP_VERIFY, "1234", NULL, {PATTERN, LINK_TAG_LAST_TRY, 2, NULL}), /* 50 */
	CODE(CARD_OP_VERIFY, "1234", NULL, {PATTERN, LINK_TAG_PINPAD, 2, NULL}),
	CODES(CARD_OP_VERIFY, "1234", "1234"),
	REQUEST(CARD_OP_IDENTIFY, {BROKEN, 0, 0, NULL}),
	CODE(CARD_OP_VERIFY, "1234", NULL, {BROKEN, 0, 0, NULL}),
	PLAIN(0),
	PLAIN(CARD_OP_ALIVE),
	PLAIN(255),
	{.q = {.op = CARD_OP_IDENTIFY, .kind = LINK_KIND_EVENT}},
	{.q = {.op = CARD_OP_IDENTIFY, .kind = LINK_KIND_ANSWER}},
	CODES(CARD_OP_CHANGE_PIN, "1234", "43x1"), /* 60 */
	CODES(CARD_OP_UNBLOCK_PIN, "1234567", "1234"),
	CODES(CARD_OP_READ_PUBLIC, "1234", "1234"),
	PLAIN(CARD_OP_KEEP_PEOPLE),
	PLAIN(CARD_OP_READ_ROLE),
};

/* clang-format on */

static void put_object(const struct object *o, uint8_t how, struct buf *body)
{
	static const uint8_t pattern[PATTERNED];
	size_t mark;

	switch (o->what) {
	case NOTHING:
		break;
	case BYTE:
		tlv_put_u8(body, o->tag, (uint8_t)o->len);
		break;
	case PATTERN:
		tlv_put(body, o->tag, view_of(pattern, o->len));
		break;
	case TEXT:
		tlv_put_str(body, o->tag, o->text);
		break;
	case TEMPLATE:
		mark = tlv_open(body, o->tag);
		tlv_put(body, 0x7F21, view_of(pattern, o->len));
		tlv_close(body, mark);
		break;
	case ATR:
		tlv_put(body, o->tag, atr_of(how));
		break;
	case BROKEN:
		buf_put_u8(body, 0x1F);
		break;
	}
}

static void put_hint(uint8_t how, struct buf *body)
{
	static const char *const generations[] = {"vitale-2", "cps3", "cps4"};
	unsigned n = how % 8U;

	if (how & HINT && n < ARRAY_LEN(generations)) { /* as it was recognised before */
		tlv_put_str(body, LINK_TAG_KIND, n == 0 ? "vitale" : "cps");
		tlv_put_str(body, LINK_TAG_GENERATION, generations[n]);
		tlv_put(body, LINK_TAG_ATR, atr_of(how));
	}
	tlv_put_u8(body, LINK_TAG_SHARE,
		how & SHARED ? CARD_SHARE_TRANSACTIONS : CARD_SHARE_EXCLUSIVE);
}

static void ask(struct dialogue *d, uint8_t number, uint8_t how)
{
	const struct request *q = &requests[number % ARRAY_LEN(requests)];
	_cleanup_(buf_done) struct buf body = BUF_NULL(2 * PATTERNED);

	for (size_t i = 0; i < ARRAY_LEN(q->body); i++) {
		put_object(&q->body[i], how, &body);
	}
	if (q == requests) {
		put_hint(how, &body);
	}
	dialogue_ask(d, &q->q, buf_view(&body));
}

/* -- the run -------------------------------------------------------------------------------------- */

static struct hostile card;

bool target_silent(void)
{
	return card.base.ops && hostile_silent(&card);
}

void target_run(struct view in)
{
	static const uint8_t consultation[] = {
		0, 1, 63, 2, 4, 5, 6, 7, 8, 9, 10, 3, 11, 12, 14, 19, 20, 13, 3, 6, 15};
	struct dialogue_input input;
	struct reader steps;
	struct dialogue d;
	uint8_t how;

	dialogue_parse(in, &input);
	how = input.setting[0];
	steps = reader_of(input.steps.len > 0 ? input.steps : VIEW(consultation));
	hostile_init(&card, input.items, atr_of(how),
		(uint8_t)((how & 0x08 ? HOSTILE_T1 : 0) | (how & 0x40 ? HOSTILE_VERIFY : 0) |
			  (how & 0x80 ? HOSTILE_MODIFY : 0)));
	if (dialogue_init(&d)) {
		while (steps.left > 0) {
			ask(&d, reader_u8(&steps), how);
		}
		dialogue_run(&d, &card);
	}
	dialogue_done(&d);
}
