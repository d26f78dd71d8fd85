/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * See dialogue.h. What must hold whatever a card says is asserted here: one answer a request, at
 * most, with an outcome that exists; what link-ops.h promises of a body; no code sent more often
 * than people gave one; memory bounded by the frame.
 */
#include "tests/fuzz/dialogue.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tlv.h"
#include "drivers/card/serve.h"
#include "drivers/card/stuck.h"
#include "drivers/card/vitale/vitale.h"

#define NO_FD -1

bool dialogue_init(struct dialogue *d)
{
	*d = (struct dialogue){.ends = {NO_FD, NO_FD}};
	for (size_t i = 0; i < ARRAY_LEN(d->held); i++) {
		d->held[i] = NO_FD;
	}
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, d->ends) == 0;
}

static void shut(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = NO_FD;
	}
}

void dialogue_done(struct dialogue *d)
{
	shut(&d->ends[0]);
	shut(&d->ends[1]);
	for (size_t i = 0; i < ARRAY_LEN(d->held); i++) {
		shut(&d->held[i]);
	}
}

/* -- requests ------------------------------------------------------------------------------------- */

static void hold(struct dialogue *d, int *fd)
{
	for (size_t i = 0; i < ARRAY_LEN(d->held); i++) {
		if (d->held[i] < 0) {
			d->held[i] = *fd;
			*fd = NO_FD;
			return;
		}
	}
}

/* The reading end of a pipe that holds @code. */
static int piped(struct dialogue *d, const char *code, bool slow)
{
	int fds[2];

	if (!code || pipe2(fds, O_CLOEXEC) < 0) {
		return NO_FD;
	}
	if (slow) {
		hold(d, &fds[1]);
	} else if (write(fds[1], code, strlen(code)) < 0) {
		shut(&fds[0]);
	}
	shut(&fds[1]);
	return fds[0];
}

void dialogue_ask(struct dialogue *d, const struct dialogue_request *q, struct view body)
{
	struct link_frame f = LINK_FRAME_NULL;

	assert(d->seq < DIALOGUE_MAX);
	f.kind = q->kind ? q->kind : LINK_KIND_REQUEST;
	f.op = q->op;
	f.seq = f.kind == LINK_KIND_EVENT ? 0 : d->seq + 1;
	f.body = body;
	f.fds[0] = piped(d, q->codes[0], q->slow);
	f.fds[1] = piped(d, q->codes[1], false);
	f.n_fds = (size_t)(f.fds[0] >= 0) + (size_t)(f.fds[1] >= 0);
	if (link_send(d->ends[0], &f, true) == 0) { /* else a call was made to fail */
		d->seq++;
		d->ops[d->seq] = q->op;
		d->codes += q->op == CARD_OP_VERIFY || q->op == CARD_OP_CHANGE_PIN ||
			    q->op == CARD_OP_UNBLOCK_PIN;
	}
	shut(&f.fds[0]);
	shut(&f.fds[1]);
}

/* -- answers -------------------------------------------------------------------------------------- */

static size_t length(struct view body, uint32_t tag)
{
	struct tlv t;

	return tlv_find(body, tag, &t) == 0 ? t.value.len : SIZE_MAX;
}

static void judge_person(struct view person)
{
	struct tlv t;

	assert(tlv_find(person, LINK_TAG_SURNAME, &t) == 0);
	assert(tlv_find(person, LINK_TAG_GIVEN, &t) == 0);
	assert(tlv_find(person, LINK_TAG_BIRTH, &t) == 0);
	assert(vitale_digits(t.value, VITALE_DATE_DIGITS) ||
		vitale_digits(t.value, VITALE_SHORT_DATE_DIGITS));
	if (tlv_find(person, LINK_TAG_NIR, &t) == 0) {
		assert(nir_valid(t.value));
	}
}

static void judge_list(struct view body, uint32_t tag)
{
	struct reader r = reader_of(body);
	uint32_t unused;
	struct tlv t;
	size_t n = 0;

	while (tlv_next(&r, &t) == 0) {
		assert(t.tag == tag || t.tag == LINK_TAG_TPDUS || t.tag == LINK_TAG_CHARACTERS);
		n += t.tag == tag;
		if (t.tag == LINK_TAG_PERSON) {
			judge_person(t.value);
		}
	}
	assert(!r.failed && n <= VITALE_PERIODS_MAX);
	assert(tag != LINK_TAG_PERSON || (n > 0 && n <= VITALE_PEOPLE_MAX));
	assert(tlv_find_u32(body, LINK_TAG_TPDUS, &unused) == 0);
}

/* What a body promises when all went well. */
static void judge(uint8_t op, struct view body)
{
	size_t len;
	uint8_t n;

	switch ((enum card_op)op) {
	case CARD_OP_OPEN:
		assert(length(body, LINK_TAG_KIND) > 0 && length(body, LINK_TAG_ATR) >= 2);
		break;
	case CARD_OP_IDENTIFY:
		len = length(body, LINK_TAG_SERIAL);
		assert(len > 0 && len <= CARD_SERIAL_MAX);
		break;
	case CARD_OP_READ_PEOPLE:
		judge_list(body, LINK_TAG_PERSON);
		break;
	case CARD_OP_READ_ACTIVITIES:
		judge_list(body, LINK_TAG_ACTIVITY);
		break;
	case CARD_OP_READ_PROTECTED:
		judge_list(body, LINK_TAG_COVERAGE);
		break;
	case CARD_OP_PIN_STATE:
		assert(tlv_find_u8(body, LINK_TAG_TRIES, &n) == 0);
		assert(tlv_find_u8(body, LINK_TAG_VERIFIED, &n) == 0 && n <= 1);
		break;
	case CARD_OP_CHALLENGE:
		assert(length(body, LINK_TAG_DATA) == ROLE_CHALLENGE_LEN);
		break;
	case CARD_OP_INTERNAL_AUTHENTICATE:
		assert(length(body, LINK_TAG_SIGNATURE) == ROLE_SIGNATURE_LEN);
		break;
	case CARD_OP_SIGN:
		assert(length(body, LINK_TAG_SIGNATURE) == 256);
		break;
	case CARD_OP_READ_PUBLIC:
	case CARD_OP_VERIFY:
	case CARD_OP_CHECK_CERTIFICATE:
	case CARD_OP_EXTERNAL_AUTHENTICATE:
	case CARD_OP_RESET:
	case CARD_OP_PRESENT:
	case CARD_OP_CLOSE:
	case CARD_OP_CHANGE_PIN:
	case CARD_OP_UNBLOCK_PIN:
	case CARD_OP_KEEP_PEOPLE:
	case CARD_OP_READ_ROLE:
		break;
	case CARD_OP_ALIVE:
	case CARD_OP_COUNT:
		assert(false);
	}
}

static void take_answers(struct dialogue *d)
{
	uint32_t last = 0;

	for (;;) {
		_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
		struct link_frame f = LINK_FRAME_NULL;

		if (link_recv(d->ends[0], &storage, &f, true) != 0) {
			return;
		}
		assert(f.n_fds == 0);
		if (f.kind == LINK_KIND_EVENT) {
			assert(f.op == CARD_OP_ALIVE);
			continue;
		}
		assert(f.kind == LINK_KIND_ANSWER && f.seq > last && f.seq <= d->seq);
		assert(f.op == d->ops[f.seq] && f.outcome <= CARD_READER_FAILED);
		last = f.seq;
		if (f.outcome == CARD_DONE) {
			judge(f.op, f.body);
		}
	}
}

void dialogue_run(struct dialogue *d, struct hostile *h)
{
	struct serve s;
	int r;

	shutdown(d->ends[0], SHUT_WR);
	if (serve_init(&s, d->ends[1], READER_DRIVER_PCSC, &h->base) == 0) {
		if (stuck_init(d->ends[1]) == 0) {
			r = serve_run(&s);
			assert(r <= SERVE_MALFORMED);
		}
		serve_done(&s);
	}
	assert(!h->open);
	assert(h->codes[APDU_VERIFY] <= d->codes);
	assert(h->codes[APDU_CHANGE_REFERENCE_DATA] <= d->codes);
	assert(h->codes[APDU_RESET_RETRY_COUNTER] <= d->codes);
	take_answers(d);
}
