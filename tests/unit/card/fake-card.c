/* SPDX-License-Identifier: EUPL-1.2 */
/* A kind of card for tests of serve.c; fake-card.h shows its commands. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/fake-card.h"

#include <unistd.h>

#include "base/tlv.h"

enum fake_kind fake_kind;
struct card_entry fake_last_entry;
size_t fake_much;

/* One command with one byte of data at most. Return: DONE, ABSENT at 6A82, DENIED at 6982, ... */
static int ask(struct card *c, uint8_t ins, uint16_t p, struct view data, size_t le,
	struct buf *answer)
{
	_cleanup_(buf_done) struct buf unused = BUF_NULL(8);
	uint16_t sw = 0;
	int r;

	r = apdu_exchange(&c->apdu,
		&(struct apdu_command){.ins = ins,
			.p1 = (uint8_t)(p >> 8),
			.p2 = (uint8_t)p,
			.data = data,
			.le = le},
		answer ? answer : &unused, &sw);
	if (r != 0) {
		return r;
	}
	if (sw == 0x6A82) {
		return CARD_ABSENT;
	}
	if (sw == 0x6982) {
		return CARD_DENIED;
	}
	return sw == 0x9000 ? CARD_DONE : CARD_REFUSED;
}

static int probe(struct card *c)
{
	return ask(c, APDU_SELECT, 0, VIEW_TEXT("\xAA"), 0, NULL);
}

static int resume(struct card *c)
{
	return ask(c, APDU_SELECT, 0, VIEW_TEXT("\xBB"), 0, NULL);
}

static int read_serial(struct card *c, struct buf *value)
{
	return ask(c, APDU_READ_BINARY, 0x8200, VIEW_NULL, 2, value);
}

/* @tag: the card's byte */
static int read_byte(struct card *c, uint16_t p, uint32_t tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf byte = BUF_NULL(1);
	int r = ask(c, 0xCA, p, VIEW_NULL, 1, &byte);

	if (r == CARD_DONE) {
		tlv_put(body, tag, buf_view(&byte));
	}
	return r;
}

static int identify(struct card *c, struct buf *body)
{
	int r = read_byte(c, 1, LINK_TAG_SERIAL, body);

	(void)buf_extend(body, fake_much);
	return r == CARD_REFUSED ? CARD_UNUSABLE : r;
}

static int read_role(struct card *c, struct buf *body)
{
	return read_byte(c, 7, LINK_TAG_CVC, body);
}

static int read_public(struct card *c, struct buf *body)
{
	return read_byte(c, 2, LINK_TAG_CERT_AUT, body);
}

static int keep_people(struct card *c, struct buf *body)
{
	return read_byte(c, 6, LINK_TAG_VALID_FROM, body);
}

static int read_people(struct card *c, struct buf *body)
{
	return read_byte(c, 3, LINK_TAG_SURNAME, body);
}

static int read_protected(struct card *c, struct buf *body)
{
	return read_byte(c, 5, LINK_TAG_COVER_FROM, body);
}

static int read_activities(struct card *c, struct view directory, struct buf *body)
{
	_cleanup_(buf_done) struct buf byte = BUF_NULL(1);
	int r = ask(c, 0xCA, 4, directory, 1, &byte);

	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_INDEX, buf_view(&byte));
	}
	return r;
}

static int pin_state(struct card *c, struct card_pin *ret_pin)
{
	uint16_t sw = 0;
	int r;

	r = apdu_send_once(&c->apdu, VIEW_TEXT("\0\x20\0\1"), &sw);
	if (r == 0) {
		*ret_pin = (struct card_pin){.tries = sw & 0x0F,
			.verified = c->verified,
			.puk_known = (sw & 0xF0) == 0xD0,
			.puk_tries = 9,
			.puk_uses = 255};
	}
	return r;
}

/* @header: CLA INS P1 P2 Lc; a PIN of four from each pipe */
static int enter(struct card *c, const struct card_entry *e, struct view header, size_t codes,
	struct buf *body)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(32);
	uint16_t sw = 0;
	int r;

	fake_last_entry = *e;
	buf_put_view(&command, header);
	for (size_t i = 0; i < codes; i++) {
		uint8_t pin[4] = {0xFF, 0xFF, 0xFF, 0xFF};

		if (!e->keypad) {
			assert_int_equal(read(e->fds[i], pin, sizeof(pin)), sizeof(pin));
		}
		buf_put(&command, pin, sizeof(pin));
	}
	c->used = true;
	if (e->keypad) {
		struct transport_pin pin = {.command = buf_view(&command),
			.digits = 4,
			.new_digits = codes == 2 ? 4 : 0,
			.new_at = 4};

		r = apdu_secure(&c->apdu, &pin, &sw);
	} else {
		r = apdu_send_once(&c->apdu, buf_view(&command), &sw);
	}
	if (r != 0) {
		return r;
	}
	tlv_put_u8(body, LINK_TAG_TRIES, sw == 0x9000 ? 3 : sw & 0x0F);
	c->verified = sw == 0x9000;
	return sw == 0x9000 ? CARD_DONE : CARD_PIN_WRONG;
}

static int verify(struct card *c, const struct card_entry *e, struct buf *body)
{
	return enter(c, e, VIEW_TEXT("\0\x20\0\1\x04"), 1, body);
}

static int change_pin(struct card *c, const struct card_entry *e, struct buf *body)
{
	return enter(c, e, VIEW_TEXT("\0\x24\0\1\x08"), 2, body);
}

static int unblock_pin(struct card *c, const struct card_entry *e, struct buf *body)
{
	return enter(c, e, VIEW_TEXT("\0\x2C\0\1\x08"), 2, body);
}

static int sign(struct card *c, struct view data, struct buf *signature)
{
	return ask(c, APDU_PSO, 0x9E9A, data, 2, signature);
}

static const struct card_driver drivers[] = {
	[FAKE_CARD] = {.kind = "fake",
		.generation = "fake-1",
		.probe = probe,
		.resume = resume,
		.read_serial = read_serial,
		.identify = identify,
		.read_role = read_role,
		.read_public = read_public,
		.keep_people = keep_people,
		.read_people = read_people,
		.pin_state = pin_state,
		.verify = verify,
		.change_pin = change_pin,
		.unblock_pin = unblock_pin,
		.read_activities = read_activities,
		.read_protected = read_protected,
		.sign = sign},
	[FAKE_BARE] = {.kind = "fake",
		.generation = "fake-0",
		.probe = probe,
		.resume = probe,
		.read_serial = read_serial},
	[FAKE_UNKNOWN] = {.kind = ""},
	[FAKE_OLD] = {.kind = "unsupported", .generation = "fake-old", .advice = "buy-another"},
};

/* -- card.c --------------------------------------------------------------------------------------- */

int card_init(struct card *c, struct transport *t)
{
	*c = (struct card){.exclusive = true};
	apdu_init(&c->apdu, t);
	return 0;
}

void card_done(struct card *c)
{
	wipe(c, sizeof(*c));
}

void card_selected(struct card *c, enum card_df df, uint16_t ef)
{
	c->df = df;
	c->ef = ef;
}

void card_forget(struct card *c)
{
	card_selected(c, CARD_DF_UNKNOWN, 0);
	c->asleep = true;
	c->verified = false;
	c->used = false;
}

bool card_has_rights(const struct card *c)
{
	return c->used;
}

int card_recognise(struct card *c)
{
	int r = 0;

	c->driver = fake_kind == FAKE_UNKNOWN ? NULL : &drivers[fake_kind];
	if (!c->driver || c->driver->advice) {
		return c->driver ? CARD_UNSUPPORTED : CARD_UNKNOWN;
	}
	r = probe(c);
	c->asleep = r != CARD_DONE;
	return r;
}

int card_resume(struct card *c, struct view kind, struct view generation, struct view atr)
{
	assert_true(view_equal(kind, VIEW_TEXT("fake")));
	assert_true(view_equal(generation, VIEW_TEXT("fake-1")));
	if (!view_equal(atr, transport_atr(c->apdu.transport))) {
		return CARD_GONE;
	}
	c->driver = &drivers[FAKE_CARD];
	c->asleep = false;
	return CARD_DONE;
}

int card_serial(struct card *c, struct view *ret_serial)
{
	_cleanup_(buf_done) struct buf value = BUF_NULL(CARD_SERIAL_MAX);
	int r = c->driver->read_serial(c, &value);

	if (r != CARD_DONE) {
		return r;
	}
	if (c->serial_len > 0 &&
		!view_equal(view_of(c->serial, c->serial_len), buf_view(&value))) {
		return CARD_GONE;
	}
	bytes_copy(c->serial, sizeof(c->serial), value.data, value.len);
	c->serial_len = value.len;
	*ret_serial = view_of(c->serial, c->serial_len);
	return 0;
}

/* -- role.c --------------------------------------------------------------------------------------- */

int role_check_certificate(struct card *c, struct view car, struct view cvc)
{
	assert_true(view_equal(car, VIEW_TEXT("CA")));
	return ask(c, APDU_PSO, 0x00BE, cvc, 0, NULL);
}

int role_challenge(struct card *c, struct view chr, struct buf *out)
{
	assert_true(view_equal(chr, VIEW_TEXT("HO")));
	return ask(c, APDU_GET_CHALLENGE, 0, VIEW_NULL, 2, out);
}

int role_internal_authenticate(struct card *c, struct view data, struct buf *out)
{
	return ask(c, APDU_INTERNAL_AUTHENTICATE, 0, data, 2, out);
}

int role_external_authenticate(struct card *c, struct view signature)
{
	c->used = true;
	return ask(c, APDU_EXTERNAL_AUTHENTICATE, 0, signature, 0, NULL);
}
