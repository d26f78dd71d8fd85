/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Interindustry commands. Nothing is kept between calls except what the engine learned about the
 * card's block size. Reading goes block by block in the file's own terms (an object's length, the
 * end of the objects), so that a file costs as few commands as its bytes need; a card that gives
 * less than it announced ends as CARD_BROKEN.
 */
#include "drivers/card/iso7816.h"

#include <assert.h>

#include "drivers/card/sw.h"

#define CLA_OLD	    0xA0U
#define P2_NO_FCI   0x0CU
#define SFI_FLAG    0x80U
#define OFFSET_MAX  0x7FFFU
#define BLOCK_LEAST 64U /* a card's block below this is no block but a cut file */

/* One command; its status word through @outcome_of. Data of a refused command is dropped. */
static int run(struct apdu *a, const struct apdu_command *c, int (*outcome_of)(uint16_t),
	struct buf *out)
{
	size_t before = out->len;
	uint16_t sw = 0;
	int r;

	r = apdu_exchange(a, c, out, &sw);
	if (r != 0) {
		return trace(r);
	}
	r = outcome_of(sw);
	if (r != CARD_DONE) {
		buf_truncate(out, before);
	}
	return r;
}

/* A command that has no answer data. */
static int tell(struct apdu *a, const struct apdu_command *c, int (*outcome_of)(uint16_t))
{
	_cleanup_(buf_done) struct buf none = BUF_NULL(APDU_LE_MAX);

	return trace(run(a, c, outcome_of, &none));
}

/* A command whose answer has exactly @len bytes. */
static int ask(struct apdu *a, const struct apdu_command *c, size_t len, struct buf *out)
{
	size_t before = out->len;
	int r;

	r = run(a, c, sw_outcome, out);
	if (r == CARD_DONE && out->len - before != len) {
		buf_truncate(out, before);
		return CARD_BROKEN;
	}
	return trace(r);
}

/* -- SELECT -------------------------------------------------------------------------------- */

static int select_by(struct apdu *a, uint8_t cla, uint8_t p1, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){.cla = cla,
			.ins = APDU_SELECT,
			.p1 = p1,
			.p2 = P2_NO_FCI,
			.data = data},
		sw_outcome));
}

static int select_fid(struct apdu *a, uint8_t cla, uint8_t p1, uint16_t fid)
{
	const uint8_t id[] = {(uint8_t)(fid >> 8), (uint8_t)(fid & 0xFF)};

	return trace(select_by(a, cla, p1, VIEW(id)));
}

int iso7816_select_name(struct apdu *a, uint8_t cla, struct view name)
{
	return trace(select_by(a, cla, 0x04, name));
}

int iso7816_select_id(struct apdu *a, uint8_t cla, uint16_t fid)
{
	return trace(select_fid(a, cla, 0x00, fid));
}

int iso7816_select_ef(struct apdu *a, uint8_t cla, uint16_t fid)
{
	return trace(select_fid(a, cla, 0x02, fid));
}

int iso7816_select_path(struct apdu *a, uint8_t cla, struct view path)
{
	return trace(select_by(a, cla, 0x09, path));
}

int iso7816_select_old_root(struct apdu *a)
{
	static const uint8_t mf[] = {0x3F, 0x00};

	return trace(tell(a,
		&(struct apdu_command){.cla = CLA_OLD, .ins = APDU_SELECT, .data = VIEW(mf)},
		sw_outcome_old));
}

/* -- READ BINARY --------------------------------------------------------------------------- */

int iso7816_read(
	struct apdu *a, uint8_t cla, uint8_t sfi, size_t offset, size_t le, struct buf *out)
{
	uint8_t high = (uint8_t)(offset >> 8);

	if (offset > OFFSET_MAX || (sfi > 0 && offset > 0xFF)) {
		return CARD_BROKEN;
	}
	return trace(run(a,
		&(struct apdu_command){.cla = cla,
			.ins = APDU_READ_BINARY,
			.p1 = sfi > 0 ? (uint8_t)(SFI_FLAG | sfi) : high,
			.p2 = (uint8_t)(offset & 0xFF),
			.le = le},
		sw_outcome_read, out));
}

/* Up to @want bytes of the current file from @out's end on. A first short answer in a file that is
 * known to go on is the card's block size. Return: as iso7816_read(), CARD_BROKEN at a real end. */
static int read_on(struct apdu *a, uint8_t cla, size_t start, size_t want, struct buf *out)
{
	size_t before = out->len;
	size_t got;
	int r;

	r = iso7816_read(a, cla, 0, before - start, want, out);
	if (r != CARD_DONE) {
		return trace(r);
	}
	got = out->len - before;
	if (got < want) {
		if (got < BLOCK_LEAST) {
			return CARD_BROKEN;
		}
		a->block = got;
	}
	return 0;
}

/* Whether @head begins with the bytes of @tag. */
static bool begins_with(struct view head, uint32_t tag)
{
	struct reader r = reader_of(head);
	uint32_t first = 0;

	for (uint32_t left = tag; left > 0; left >>= 8) {
		first = first << 8 | reader_u8(&r);
	}
	return !r.failed && first == tag;
}

int iso7816_read_object(
	struct apdu *a, uint8_t cla, const struct iso7816_file *f, struct buf *out)
{
	size_t start = out->len;
	size_t first = f->guess == ISO7816_WHOLE || f->guess > a->block ? a->block : f->guess;
	size_t total = 0;
	int r;

	r = iso7816_read(a, cla, f->sfi, 0, first, out);
	if (r != CARD_DONE) {
		return trace(r);
	}
	if (f->tag != 0 && !begins_with(view_sub(buf_view(out), start, out->len), f->tag)) {
		buf_truncate(out, start);
		return CARD_ABSENT;
	}
	if (tlv_total(view_sub(buf_view(out), start, out->len), &total) != 0 ||
		total > ISO7816_FILE_MAX) {
		return CARD_BROKEN;
	}
	if (out->len - start < first && out->len - start < total) {
		if (out->len - start < BLOCK_LEAST) {
			return CARD_BROKEN;
		}
		a->block = out->len - start;
	}
	while (out->len - start < total) {
		size_t left = total - (out->len - start);

		r = read_on(a, cla, start, left < a->block ? left : a->block, out);
		if (r != 0) {
			return trace(r);
		}
	}
	buf_truncate(out, start + total);
	return 0;
}

/* Whether @v is a sequence of whole objects, with or without padding. */
static bool complete(struct view v)
{
	struct reader r = reader_of(v);
	struct tlv t;
	int q;

	do {
		q = tlv_next_padded(&r, &t);
	} while (q == 0);
	return q == TLV_END;
}

/* Bytes to ask for when @got of a file of @guess bytes are there. */
static size_t next_part(const struct apdu *a, size_t guess, size_t got)
{
	return guess > got && guess - got < a->block ? guess - got : a->block;
}

struct tlv iso7816_object(const struct buf *whole)
{
	struct reader in = reader_of(buf_view(whole));
	struct tlv t = {0};
	int r = tlv_next(&in, &t);

	assert(r == 0);
	return t;
}

int iso7816_read_objects(
	struct apdu *a, uint8_t cla, const struct iso7816_file *f, struct buf *out)
{
	size_t start = out->len;

	for (;;) {
		size_t before = out->len;
		size_t want = next_part(a, f->guess, before - start);
		size_t got;
		bool whole;
		int r;

		r = iso7816_read(
			a, cla, before == start ? f->sfi : 0, before - start, want, out);
		if (r != CARD_DONE) {
			return trace(r);
		}
		got = out->len - before;
		if (out->len - start > ISO7816_FILE_MAX) {
			return CARD_BROKEN;
		}
		whole = complete(view_sub(buf_view(out), start, out->len));
		if (whole && (got < want || out->len - start == f->guess)) {
			return 0;
		}
		if (got < want && got < BLOCK_LEAST) {
			return CARD_BROKEN;
		}
		if (got < want) {
			a->block = got; /* it goes on: so this is what the card gives at once */
		}
	}
}

/* -- data objects and codes ---------------------------------------------------------------- */

int iso7816_get_data(struct apdu *a, uint8_t cla, uint16_t p1p2, struct view data, size_t le,
	struct buf *out)
{
	return trace(run(a,
		&(struct apdu_command){.cla = cla,
			.ins = APDU_GET_DATA,
			.p1 = (uint8_t)(p1p2 >> 8),
			.p2 = (uint8_t)(p1p2 & 0xFF),
			.data = data,
			.le = le},
		sw_outcome, out));
}

int iso7816_code_once(struct apdu *a, const struct iso7816_code *c, uint8_t *ret_tries)
{
	uint16_t sw = 0;
	int r;

	r = c->keypad ? apdu_secure(a, c->keypad, &sw) : apdu_send_once(a, c->command, &sw);
	if (r != 0) {
		return trace(r);
	}
	return c->outcome_of(sw, ret_tries);
}

int iso7816_plain(struct apdu *a, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2)
{
	return trace(tell(a, &(struct apdu_command){.cla = cla, .ins = ins, .p1 = p1, .p2 = p2},
		sw_outcome));
}

int iso7816_verify_state(struct apdu *a, uint8_t cla, uint8_t ref, uint8_t *ret_tries)
{
	_cleanup_(buf_done) struct buf none = BUF_NULL(APDU_LE_MAX);
	uint16_t sw = 0;
	int r;

	r = apdu_exchange(a, &(struct apdu_command){.cla = cla, .ins = APDU_VERIFY, .p2 = ref},
		&none, &sw);
	if (r != 0) {
		return trace(r);
	}
	return sw_outcome_verify(sw, ret_tries);
}

/* -- security environment and authentication ----------------------------------------------- */

int iso7816_mse(struct apdu *a, uint8_t cla, uint8_t p1, uint8_t p2, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_MSE, .p1 = p1, .p2 = p2, .data = data},
		sw_outcome));
}

int iso7816_mse_role(struct apdu *a, uint8_t cla, uint8_t p1, uint8_t p2, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_MSE, .p1 = p1, .p2 = p2, .data = data},
		sw_outcome_role));
}

int iso7816_get_challenge(struct apdu *a, uint8_t cla, size_t len, struct buf *out)
{
	return trace(
		ask(a, &(struct apdu_command){.cla = cla, .ins = APDU_GET_CHALLENGE, .le = len},
			len, out));
}

int iso7816_internal_authenticate(
	struct apdu *a, uint8_t cla, struct view data, size_t le, struct buf *out)
{
	return trace(ask(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_INTERNAL_AUTHENTICATE, .data = data, .le = le},
		le, out));
}

int iso7816_external_authenticate(struct apdu *a, uint8_t cla, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_EXTERNAL_AUTHENTICATE, .data = data},
		sw_outcome_role));
}

int iso7816_pso_verify_certificate(struct apdu *a, uint8_t cla, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_PSO, .p1 = 0x00, .p2 = 0xBE, .data = data},
		sw_outcome_role));
}

int iso7816_pso_hash(struct apdu *a, uint8_t cla, struct view data)
{
	return trace(tell(a,
		&(struct apdu_command){
			.cla = cla, .ins = APDU_PSO, .p1 = 0x90, .p2 = 0xA0, .data = data},
		sw_outcome));
}

int iso7816_pso_sign(struct apdu *a, uint8_t cla, struct view data, size_t len, struct buf *out)
{
	return trace(ask(a,
		&(struct apdu_command){.cla = cla,
			.ins = APDU_PSO,
			.p1 = 0x9E,
			.p2 = 0x9A,
			.data = data,
			.le = len},
		len, out));
}
