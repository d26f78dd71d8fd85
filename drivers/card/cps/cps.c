/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Files, PIN and activities of the CPS family. The PIN goes from its pipe straight into the
 * command in the card's secret, is sent once, and is wiped before anything else is done; then pcscd
 * is given a harmless command of the same length, so that its own buffer forgets it too.
 */
#include "drivers/card/cps/cps.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/tlv.h"
#include "drivers/card/sw.h"

#define TAG_SERIAL     0x5AU
#define TAG_ACTUA      0xECU
#define TAG_INFO       0xEFU
#define TAG_ACTIVITY   0xEEU
#define TAG_CVC	       0x7F21U
#define TAG_SEQUENCE   0x30U
#define TAG_FROM       0x81U
#define TAG_TO	       0x82U
#define TAG_NAME       0x84U
#define TAG_STRUCTURE  0x85U
#define TAG_SECTOR     0x86U
#define TAG_SPECIALITY 0x87U

#define SERIAL_FILE 12U /* bytes of EF.SN.ICC */
#define ACTUA_FILE  20U /* bytes of a complete EF_ACTUA */
#define CVC_FILE    228U /* bytes of a certificate of the stand-in, as doc/stand-in.md draws it */
#define DATE_DIGITS 14U
#define VERIFY_HEAD 5U
#define EF_NOWHERE  0xFFFEU /* a file that no card has */

#define PKCS15_AUT 0x02U /* last byte of the identifiers (OpenSC PR 2217: CPS_PRIV_AUT) */
#define PKCS15_SIG 0x01U

unsigned cps_family(const struct atr *atr)
{
	static const uint8_t marker[] = {0x00, 0x12, 0x25, 0x00, 0x64, 0x80};

	return view_equal(view_sub(atr_view_historical(atr), 0, sizeof(marker)), VIEW(marker));
}

/* -- files --------------------------------------------------------------------------------------- */

static int select_path(struct card *c, struct view path, enum card_df df)
{
	int r;

	r = iso7816_select_path(&c->apdu, c->driver->cla, path);
	if (r == CARD_DONE) {
		c->df = df;
	}
	return trace(r);
}

int cps_select_root(struct card *c, uint16_t fid)
{
	const uint8_t path[] = {0x3F, 0x00, (uint8_t)(fid >> 8), (uint8_t)(fid & 0xFF)};

	return trace(select_path(c, VIEW(path), CARD_DF_ROOT));
}

int cps_select_app(struct card *c, uint16_t fid)
{
	const uint8_t path[] = {
		0x3F, 0x00, 0x00, 0x01, (uint8_t)(fid >> 8), (uint8_t)(fid & 0xFF)};

	return trace(select_path(c, VIEW(path), CARD_DF_APPLICATION));
}

int cps_enter_role(struct card *c)
{
	static const uint8_t path[] = {0x3F, 0x00, 0x00, 0x01};

	if (c->df == CARD_DF_APPLICATION) {
		return 0;
	}
	return trace(select_path(c, VIEW(path), CARD_DF_APPLICATION));
}

/* The object @tag that the selected file is. */
static int read_tagged(
	struct card *c, size_t guess, uint32_t tag, struct buf *whole, struct tlv *ret_t)
{
	struct reader in;
	int r;

	r = iso7816_read_object(&c->apdu, c->driver->cla, guess, whole);
	if (r != CARD_DONE) {
		return trace(r);
	}
	in = reader_of(buf_view(whole));
	if (tlv_next(&in, ret_t) != 0 || ret_t->tag != tag) {
		return CARD_BROKEN;
	}
	return 0;
}

int cps_read_serial(struct card *c, struct buf *value)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = cps_select_root(c, CPS_EF_SERIAL);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_tagged(c, SERIAL_FILE, TAG_SERIAL, &file, &t);
	if (r != CARD_DONE) {
		return trace(r);
	}
	buf_put_view(value, t.value);
	return 0;
}

/* 14 digits of @tag in @in, as @link_tag into @body. */
static int put_actua(struct view in, uint32_t tag, uint32_t link_tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(2 * DATE_DIGITS);
	struct tlv t;

	if (tlv_find(in, tag, &t) != 0 || bcd_decode(&digits, t.value) != 0 ||
		digits.len != DATE_DIGITS) {
		return CARD_BROKEN;
	}
	tlv_put(body, link_tag, buf_view(&digits));
	return 0;
}

/* Dates written after issue. Present but incomplete: such a card must not be used (ANS). */
static int read_actua(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = cps_select_root(c, CPS_EF_ACTUA);
	if (r == CARD_ABSENT) {
		return 0;
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_tagged(c, ACTUA_FILE, TAG_ACTUA, &file, &t);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = put_actua(t.value, TAG_FROM, LINK_TAG_ACTUA_FROM, body);
	return r != 0 ? r : put_actua(t.value, TAG_TO, LINK_TAG_ACTUA_TO, body);
}

/* The EF of a certificate: where the stand-in puts it, else where the card says. */
static int select_certificate(struct card *c, uint16_t fid, uint8_t id)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(APDU_DATA_MAX);
	int r;

	r = cps_select_app(c, fid);
	if (r != CARD_ABSENT) {
		return trace(r);
	}
	r = pkcs15_certificate(c, id, &path);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(select_path(c, buf_view(&path), CARD_DF_UNKNOWN));
}

static int read_certificate(
	struct card *c, uint16_t fid, uint8_t id, uint32_t link_tag, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = select_certificate(c, fid, id);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_tagged(c, ISO7816_WHOLE, TAG_SEQUENCE, &file, &t);
	if (r != CARD_DONE) {
		return trace(r);
	}
	tlv_put(body, link_tag, t.whole);
	return 0;
}

/* A card without the stand-in has none: that is no mistake of the card's. */
static int read_cvc(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int r;

	r = cps_select_app(c, CPS_EF_CVC);
	if (r == CARD_DONE) {
		r = read_tagged(c, CVC_FILE, TAG_CVC, &file, &t);
	} else if (r == CARD_ABSENT) {
		return 0;
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	tlv_put(body, LINK_TAG_CVC, t.whole);
	return 0;
}

static void put_text(struct buf *body, uint32_t link_tag, struct view latin1)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CARD_BODY_MAX);

	latin1_to_utf8(&text, latin1);
	tlv_put(body, link_tag, buf_view(&text));
}

static int read_speciality(struct card *c, struct buf *body)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
	struct tlv t;
	int q;
	int r;

	r = cps_select_app(c, CPS_EF_INFO);
	if (r == CARD_ABSENT) {
		return 0;
	}
	if (r == CARD_DONE) {
		r = read_tagged(c, ISO7816_WHOLE, TAG_INFO, &file, &t);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	q = tlv_find(t.value, TAG_SPECIALITY, &t);
	if (q == 0) {
		put_text(body, LINK_TAG_SPECIALITY, t.value);
	}
	return q == TLV_BROKEN ? CARD_BROKEN : 0;
}

int cps_read_public(struct card *c, struct buf *body)
{
	struct view serial;
	int r;

	r = card_serial(c, &serial);
	if (r != CARD_DONE) {
		return trace(r);
	}
	tlv_put(body, LINK_TAG_SERIAL, serial);
	r = read_actua(c, body);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_certificate(c, CPS_EF_CERT_AUT, PKCS15_AUT, LINK_TAG_CERT_AUT, body);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_certificate(c, CPS_EF_CERT_SIG, PKCS15_SIG, LINK_TAG_CERT_SIG, body);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = read_speciality(c, body);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(read_cvc(c, body)); /* last: it leaves the role keys' DF current */
}

/* -- activities ---------------------------------------------------------------------------------- */

static int put_activity(struct buf *body, uint8_t number, struct view file)
{
	static const struct {
		uint32_t tag;
		uint32_t link_tag;
	} fields[] = {
		{TAG_NAME, LINK_TAG_NAME},
		{TAG_STRUCTURE, LINK_TAG_STRUCTURE},
		{TAG_SECTOR, LINK_TAG_SECTOR},
	};

	size_t mark = tlv_open(body, LINK_TAG_ACTIVITY);

	tlv_put_u8(body, LINK_TAG_INDEX, number);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		struct tlv t;

		if (tlv_find(file, fields[i].tag, &t) != 0) {
			return CARD_BROKEN;
		}
		put_text(body, fields[i].link_tag, t.value);
	}
	tlv_close(body, mark);
	return 0;
}

int cps_read_activities(struct card *c, struct buf *body)
{
	int r;

	r = cps_may_use_key(c);
	for (uint8_t i = 0; i < CPS_ACTIVITIES && r == CARD_DONE; i++) {
		_cleanup_(buf_done) struct buf file = BUF_NULL(ISO7816_FILE_MAX);
		struct tlv t;

		r = cps_select_app(c, (uint16_t)(CPS_EF_ACTIVITY + i));
		if (r == CARD_ABSENT) {
			r = CARD_DONE; /* gaps are normal */
			continue;
		}
		if (r == CARD_DONE) {
			r = read_tagged(c, ISO7816_WHOLE, TAG_ACTIVITY, &file, &t);
		}
		if (r == CARD_DONE) {
			r = put_activity(body, (uint8_t)(i + 1), t.value);
		}
	}
	return trace(r);
}

/* -- PIN ----------------------------------------------------------------------------------------- */

int cps_may_use_key(const struct card *c)
{
	return c->verified ? 0 : CARD_DENIED;
}

/* From the pipe into @c->command: 00 20 00 01 04 and the four digits. Return: 0, a fault, or
 * CARD_PIN_REFUSED; the secret is empty then. */
static int take_pin(struct card *c, int pin_fd)
{
	const uint8_t head[] = {c->driver->cla, APDU_VERIFY, 0x00, CPS_PIN_REF, CPS_PIN_LEN};
	struct secret *command = &c->command;
	/* the PIN's place in the command: no copy of it is ever made */
	struct secret pin = {.data = command->data + VERIFY_HEAD, .size = CPS_PIN_LEN};
	bool digits;
	int r;

	bytes_copy(command->data, command->size, head, sizeof(head));
	r = secret_read_fd(&pin, pin_fd, clock_monotonic() + CARD_PIN_USEC);
	if (r < 0) {
		return trace(r);
	}
	digits = r == 0 && pin.len == CPS_PIN_LEN;
	for (size_t i = 0; i < CPS_PIN_LEN; i++) {
		digits = digits && pin.data[i] >= '0' && pin.data[i] <= '9';
	}
	if (!digits) {
		wipe(command->data, command->size);
		return CARD_PIN_REFUSED;
	}
	command->len = VERIFY_HEAD + CPS_PIN_LEN;
	return 0;
}

/* What the card says is left; asked anew unless nobody else can have changed it. */
static int know_tries(struct card *c)
{
	struct card_pin pin;
	int r;

	if (c->exclusive && c->tries_known) {
		return 0;
	}
	r = c->driver->pin_state(c, &pin);
	if (r != CARD_DONE) {
		return trace(r);
	}
	c->tries = pin.tries;
	c->tries_known = true;
	return 0;
}

/* Return: CARD_DONE when a VERIFY may be sent. */
static int may_try(struct card *c, bool last_try)
{
	int r;

	r = know_tries(c);
	if (r != CARD_DONE) {
		return trace(r);
	}
	if (c->tries == 0) {
		return CARD_PIN_BLOCKED;
	}
	return c->tries == 1 && !last_try ? CARD_PIN_LAST : 0;
}

/* Send the command that take_pin() built, once, and make everyone forget it. */
static int send_pin(struct card *c)
{
	uint8_t tries = SW_TRIES_UNKNOWN;
	bool used = c->used;
	int scrub;
	int r;

	c->tries_known = false;
	c->verified = false;
	c->used = true; /* also when its answer gets lost */
	r = iso7816_verify_once(&c->apdu, view_of(c->command.data, c->command.len), &tries);
	wipe(c->command.data, c->command.size);
	c->command.len = 0;
	if (r == CARD_DONE) {
		tries = CPS_PIN_TRIES;
		c->verified = true;
	}
	if (r == CARD_PIN_WRONG || r == CARD_PIN_BLOCKED) {
		c->used = used;
	}
	c->tries = tries;
	c->tries_known = tries != SW_TRIES_UNKNOWN;
	/* nine bytes, as VERIFY has: pcscd keeps its last command (measured, 1.9.9) */
	scrub = cps_select_root(c, EF_NOWHERE);
	if (r == CARD_DONE && (scrub < 0 || scrub == CARD_GONE)) {
		r = scrub; /* the PIN was right, and the card has left since */
	}
	return trace(r);
}

int cps_verify(struct card *c, int pin_fd, bool last_try, struct buf *body)
{
	int r;

	r = take_pin(c, pin_fd);
	if (r != 0) {
		return trace(r);
	}
	r = may_try(c, last_try);
	if (r == CARD_DONE) {
		r = send_pin(c);
	}
	wipe(c->command.data, c->command.size);
	if (c->tries_known) {
		tlv_put_u8(body, LINK_TAG_TRIES, c->tries);
	}
	return trace(r);
}
