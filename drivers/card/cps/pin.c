/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PIN and PUK: state, verify, change, unblock, each an act of one to three commands that the
 * generation's table names. Codes go from their pipes straight into the commands in the card's
 * secret, all of them before anything is sent; every command with a code is sent once and wiped.
 * Then pcscd is given a harmless command at least as long, so that its own buffer forgets it too.
 *
 * With a keypad the reader asks for the codes, one entry a command that carries one. When an act
 * ends between two commands (a card torn out, a second entry cancelled): a change has changed
 * nothing, the unblocking of a CPS3 has spent one use of the PUK, that of a CPS4 has left the PIN
 * unblocked and as it was.
 */
#include "base/clock.h"
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "drivers/card/sw.h"

#define TAG_OUTER 0x70U
#define TAG_CODE  0xBF8100U /* and the reference */
#define TAG_DOCP  0xA0U
#define TAG_TRIES 0x9BU
#define TAG_USES  0x9DU

#define HEAD	   5U  /* CLA INS P1 P2 Lc */
#define SLOT	   24U /* bytes of a command in the secret: head, two codes of 8, one too many */
#define BLANK	   0xFFU
#define NOT_TYPED  0xFFU
#define SCRUB_LONG 9U /* bytes from which the longer harmless command is needed: 11 and 13 */

/** struct act - one of the three, and what its first code is. */
struct act {
	const struct cps_step *steps;
	const struct cps_code_kind *old;
	const struct cps_code_kind *new; /* NULL: no code is set */
	bool puk;
};

/* -- the commands -------------------------------------------------------------------------- */

static size_t count_steps(const struct act *act)
{
	size_t n = 0;

	while (n < CPS_STEPS && act->steps[n].ins != 0) {
		n++;
	}
	return n;
}

static uint8_t old_digits(const struct act *act, const struct cps_step *s)
{
	return s->codes & CPS_CODE_OLD ? act->old->digits : 0;
}

static uint8_t new_digits(const struct act *act, const struct cps_step *s)
{
	return s->codes & CPS_CODE_NEW ? act->new->digits : 0;
}

static size_t step_len(const struct act *act, const struct cps_step *s)
{
	return HEAD + old_digits(act, s) + new_digits(act, s);
}

static uint8_t *slot(struct card *c, size_t i)
{
	return c->command.data + i * SLOT;
}

static void put_head(struct card *c, const struct act *act, size_t i)
{
	const struct cps_step *s = &act->steps[i];
	const uint8_t head[HEAD] = {
		c->driver->cla, s->ins, s->p1, s->p2, (uint8_t)(step_len(act, s) - HEAD)};

	bytes_copy(slot(c, i), SLOT, head, sizeof(head));
}

static void forget_codes(struct card *c)
{
	wipe(c->command.data, c->command.size);
	c->command.len = 0;
}

/* From a pipe into its place at @to: no copy of it is ever made. Return: 0, a fault, or
 * CARD_PIN_REFUSED. */
static int take_code(uint8_t *to, uint8_t digits, int fd)
{
	struct secret code = {.data = to, .size = digits};
	bool good;
	int r;

	r = secret_read_fd(&code, fd, clock_monotonic() + CARD_PIN_USEC);
	if (r < 0) {
		return trace(r);
	}
	good = r == 0 && code.len == digits;
	for (size_t i = 0; i < digits; i++) {
		good = good && code.data[i] >= '0' && code.data[i] <= '9';
	}
	return good ? 0 : CARD_PIN_REFUSED;
}

/* All codes of an act, each into its command. */
static int take_codes(struct card *c, const struct act *act, const struct card_entry *e)
{
	size_t n = count_steps(act);

	for (uint8_t code = CPS_CODE_OLD; code <= CPS_CODE_NEW; code++) {
		for (size_t i = 0; i < n; i++) {
			const struct cps_step *s = &act->steps[i];
			bool old = code == CPS_CODE_OLD;
			int r;

			if (!(s->codes & code)) {
				continue;
			}
			r = take_code(slot(c, i) + HEAD + (old ? 0 : old_digits(act, s)),
				old ? old_digits(act, s) : new_digits(act, s),
				e->fds[old ? 0 : 1]);
			if (r != 0) {
				return trace(r);
			}
		}
	}
	for (size_t i = 0; i < n; i++) {
		put_head(c, act, i);
	}
	return 0;
}

/* -- what is left -------------------------------------------------------------------------- */

/* A number of one or two bytes, at most 255. */
static uint8_t capped(struct view v)
{
	struct reader r = reader_of(v);
	unsigned n = 0;

	while (r.left > 0) {
		n = n << 8 | reader_u8(&r);
	}
	return n < CPS_USES_UNKNOWN ? (uint8_t)n : CPS_USES_UNKNOWN;
}

/* 70 { BF81 ref { A0 { 9A max | 9B left | 9D uses left | ... } } }, only with 3F00 current (IAS-ECC
 * SDO). */
static int ask_object(struct card *c, uint8_t ref, uint8_t *ret_tries, uint8_t *ret_uses)
{
	const uint8_t question[] = {0x4D, 0x08, 0x70, 0x06, 0xBF, 0x81, ref, 0x02, 0xA0, 0x80};
	const uint32_t way[] = {TAG_OUTER, TAG_CODE | ref, TAG_DOCP};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_LE_MAX);
	struct view in;
	struct tlv t;
	int r;

	r = cps_enter(c, CARD_DF_ROOT);
	if (r == CARD_DONE) {
		r = iso7816_get_data(
			&c->apdu, c->driver->cla, 0x3FFF, VIEW(question), APDU_LE_MAX, &answer);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	in = buf_view(&answer);
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		if (tlv_find(in, way[i], &t) != 0) {
			return CARD_BROKEN;
		}
		in = t.value;
	}
	if (tlv_find_u8(in, TAG_TRIES, ret_tries) != 0) {
		return CARD_BROKEN;
	}
	*ret_uses = CPS_USES_UNKNOWN;
	if (tlv_find(in, TAG_USES, &t) == 0 && t.value.len <= sizeof(uint16_t)) {
		*ret_uses = capped(t.value);
	}
	return 0;
}

/* VERIFY without data. Return: CARD_DONE also when the code is not verified; CARD_ABSENT when the
 * card does not know the question. */
static int ask_empty(
	struct card *c, const struct cps_code_kind *k, uint8_t *ret_tries, bool *ret_verified)
{
	uint8_t tries = SW_TRIES_UNKNOWN;
	int r;

	r = iso7816_verify_state(&c->apdu, c->driver->cla, k->ref, &tries);
	*ret_verified = r == CARD_DONE;
	if (r == CARD_DONE) {
		tries = k->tries; /* verified: the counter is full */
	} else if (r == CARD_PIN_WRONG || r == CARD_PIN_BLOCKED) {
		r = tries == SW_TRIES_UNKNOWN ? CARD_ABSENT : CARD_DONE;
	} else if (r == CARD_REFUSED) {
		r = CARD_ABSENT;
	}
	*ret_tries = tries;
	return trace(r);
}

/* The PUK's counters, from the card whatever we believe. */
static int ask_puk(struct card *c, struct card_pin *pin)
{
	const struct cps_generation *g = cps_generation(c);
	bool verified;
	int r = CARD_ABSENT;

	pin->puk_uses = CPS_USES_UNKNOWN;
	if (g->objects) {
		r = ask_object(c, g->puk.ref, &pin->puk_tries, &pin->puk_uses);
	}
	if (r == CARD_ABSENT || r == CARD_REFUSED) {
		r = ask_empty(c, &g->puk, &pin->puk_tries, &verified);
	}
	pin->puk_known = r == CARD_DONE;
	return trace(r);
}

int cps_pin_state(struct card *c, struct card_pin *ret_pin)
{
	const struct cps_generation *g = cps_generation(c);
	struct card_pin pin = {.tries = 0};
	bool verified = false;
	uint8_t uses;
	int r;

	r = ask_empty(c, &g->pin, &pin.tries, &verified);
	if (r == CARD_DONE) {
		c->verified = c->verified && verified;
	} else if (r == CARD_ABSENT && g->objects) {
		r = ask_object(c, g->pin.ref, &pin.tries, &uses);
	}
	if (r == CARD_DONE && pin.tries == 0) {
		r = ask_puk(c, &pin);
		r = r == CARD_ABSENT ? CARD_DONE : r;
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	pin.verified = c->verified; /* by us: another program's PIN is not ours */
	*ret_pin = pin;
	return 0;
}

int cps_may_use_key(const struct card *c)
{
	return c->verified ? 0 : CARD_DENIED;
}

/* Whether the first code may be tried. @tries: what is left of it, kept for the answer. */
static int may_try(struct card *c, const struct act *act, bool last_try, uint8_t *tries)
{
	struct card_pin pin = {.puk_uses = CPS_USES_UNKNOWN};
	int r = 0;

	if (act->puk) {
		r = ask_puk(c, &pin);
		*tries = pin.puk_tries;
	} else if (c->exclusive && c->tries_known) {
		*tries = c->tries;
	} else {
		r = cps_pin_state(c, &pin);
		*tries = pin.tries;
		c->tries = pin.tries;
		c->tries_known = r == CARD_DONE;
		pin.puk_uses = CPS_USES_UNKNOWN;
	}
	if (r != CARD_DONE) {
		*tries = SW_TRIES_UNKNOWN;
		return trace(r);
	}
	if (*tries == 0 || pin.puk_uses == 0) {
		return CARD_PIN_BLOCKED;
	}
	return (*tries == 1 || pin.puk_uses == 1) && !last_try ? CARD_PIN_LAST : 0;
}

/* -- one act ------------------------------------------------------------------------------- */

/* What the answer to a step means: the first code is compared, a new one is taken or not. */
static int outcome_of_both(uint16_t sw, uint8_t *ret_tries)
{
	int r = sw_outcome_verify(sw, ret_tries);

	return r == CARD_REFUSED ? CARD_PIN_REFUSED : r;
}

static int (*outcome_of(const struct cps_step *s))(uint16_t sw, uint8_t *ret_tries)
{
	switch ((enum cps_code)s->codes) {
	case CPS_CODE_OLD:
		return sw_outcome_verify;
	case CPS_CODE_NEW:
	case CPS_CODE_NONE:
		return sw_outcome_code;
	}
	return outcome_of_both; /* old and new */
}

static int send_step(
	struct card *c, const struct act *act, size_t i, bool keypad, uint8_t *tries)
{
	const struct cps_step *s = &act->steps[i];
	struct view command = view_of(slot(c, i), step_len(act, s));
	uint8_t old = old_digits(act, s);
	uint8_t new = new_digits(act, s);
	struct transport_pin pin = {.command = command,
		.digits = old > 0 ? old : new,
		.new_digits = new,
		.old_at = old > 0 ? 0 : NOT_TYPED,
		.new_at = old};
	struct iso7816_code code = {.command = command,
		.keypad = keypad ? &pin : NULL,
		.outcome_of = outcome_of(s)};
	int r;

	if (s->codes == CPS_CODE_NONE) {
		return trace(iso7816_plain(&c->apdu, c->driver->cla, s->ins, s->p1, s->p2));
	}
	r = iso7816_code_once(&c->apdu, &code, tries);
	wipe(slot(c, i), SLOT);
	return trace(r);
}

/* The harmless command: where the activities begin, which is needed next; or nowhere, when it has
 * to be longer. Return: what it says of the card's presence only. */
static int scrub(struct card *c, size_t longest)
{
	static const uint8_t nowhere[] = {0x3F, 0x00, 0x00, 0x01, 0xFF, 0xFE, 0xFF, 0xFE};
	const struct cps_file *f = &cps_generation(c)->files[CPS_ACTIVITY];
	int r;

	if (longest > SCRUB_LONG) {
		r = cps_select_path(c, VIEW(nowhere));
	} else {
		card_selected(c, CARD_DF_UNKNOWN, 0); /* the whole path: the length matters */
		r = cps_select(c, f->df, f->fid);
		c->missing = r == CARD_ABSENT ? f->fid : 0;
	}
	return r < 0 || r == CARD_GONE ? trace(r) : 0;
}

/* All steps; the first failure ends them. @ret_compared: whether the first one got through. */
static int send_steps(struct card *c, const struct act *act, const struct card_entry *e,
	uint8_t *tries, bool *ret_compared)
{
	size_t n = count_steps(act);
	int r = 0;

	for (size_t i = 0; i < n && r == CARD_DONE; i++) {
		uint8_t unused;

		r = send_step(c, act, i, e->keypad, i == 0 ? tries : &unused);
		*ret_compared = r == CARD_DONE || i > 0;
	}
	return r;
}

static int run_steps(
	struct card *c, const struct act *act, const struct card_entry *e, uint8_t *tries)
{
	bool compared = false;
	bool used = c->used;
	size_t longest = 0;
	int end;
	int r;

	for (size_t i = 0; i < count_steps(act); i++) {
		size_t len = step_len(act, &act->steps[i]);

		longest = len > longest ? len : longest;
	}
	*tries = SW_TRIES_UNKNOWN;
	c->tries_known = false;
	c->verified = false;
	c->used = true; /* also when its answer gets lost */
	r = send_steps(c, act, e, tries, &compared);
	forget_codes(c);
	if (compared) {
		*tries = act->old->tries;
	} else if (r == CARD_PIN_WRONG || r == CARD_PIN_BLOCKED || r == CARD_CANCELLED ||
		   r == CARD_LATE) {
		c->used = used;
	}
	end = scrub(c, longest);
	return r == CARD_DONE && end != 0 ? trace(end) : trace(r);
}

/* A keypad must be able to do every step before the first is begun; its templates are not
 * secret. */
static int prepare_keypad(struct card *c, const struct act *act)
{
	uint8_t can = c->apdu.transport->pinpad;
	size_t n = count_steps(act);

	for (size_t i = 0; i < n; i++) {
		const struct cps_step *s = &act->steps[i];
		uint8_t needs = s->codes & CPS_CODE_NEW ? TRANSPORT_PINPAD_MODIFY
							: TRANSPORT_PINPAD_VERIFY;

		if (s->codes != CPS_CODE_NONE && !(can & needs)) {
			return CARD_ABSENT;
		}
		put_head(c, act, i);
		for (size_t k = HEAD; k < step_len(act, s); k++) {
			slot(c, i)[k] = BLANK;
		}
	}
	return 0;
}

static int perform(
	struct card *c, const struct act *act, const struct card_entry *e, struct buf *body)
{
	uint8_t tries = SW_TRIES_UNKNOWN;
	int r;

	r = e->keypad ? prepare_keypad(c, act) : take_codes(c, act, e);
	if (r == 0) {
		r = may_try(c, act, e->last_try, &tries);
	}
	if (r == CARD_DONE) {
		r = run_steps(c, act, e, &tries);
	}
	forget_codes(c);
	if (!act->puk && tries != SW_TRIES_UNKNOWN) {
		c->tries = tries;
		c->tries_known = true;
	}
	if (tries != SW_TRIES_UNKNOWN) {
		tlv_put_u8(body, LINK_TAG_TRIES, tries);
	}
	return trace(r);
}

int cps_verify(struct card *c, const struct card_entry *e, struct buf *body)
{
	const struct cps_generation *g = cps_generation(c);
	int r;

	r = perform(c, &(struct act){.steps = g->verify, .old = &g->pin}, e, body);
	c->verified = r == CARD_DONE;
	return trace(r);
}

/* Whether the PIN counts as entered afterwards is not told by the standard: it is asked
 * again. */
int cps_change_pin(struct card *c, const struct card_entry *e, struct buf *body)
{
	const struct cps_generation *g = cps_generation(c);

	return trace(perform(
		c, &(struct act){.steps = g->change, .old = &g->pin, .new = &g->pin}, e, body));
}

int cps_unblock_pin(struct card *c, const struct card_entry *e, struct buf *body)
{
	const struct cps_generation *g = cps_generation(c);

	return trace(perform(c,
		&(struct act){.steps = g->unblock, .old = &g->puk, .new = &g->pin, .puk = true},
		e, body));
}
