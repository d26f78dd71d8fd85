/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One slot: jobs, their messages and deadlines, and what is believed of the card. Each answer
 * tells whether a card is there and has power (bmICCStatus); that is compared with what was
 * believed before the job's own step looks at it. An answer to a message that was sent before a
 * card came or went is worth nothing.
 */
#include "drivers/usb/slot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "drivers/usb/slot-steps.h"

#define SECURE_DATA 23U /* bytes before the command in a Secure message, at most */
#define USEC_UNIT                                                                              \
	1000000U /* a time extension before the card has said what its waiting time is */

int slot_init(struct slot *s, const struct ccid_interface *reader, uint8_t number)
{
	*s = (struct slot){.reader = reader, .number = number};
	s->answer = BUF_NULL(SLOT_ANSWER_MAX);
	t0_init(&s->t0, reader->level == CCID_LEVEL_CHARACTER ? T0_CHARACTERS : T0_BLOCKS);
	t1_init(&s->t1, T1_INF_MAX, false);
	s->steps = calloc(1, sizeof(*s->steps));
	if (!s->steps) {
		return fault(-ENOMEM);
	}
	s->steps->data = BUF_NULL(SLOT_COMMAND_MAX + SECURE_DATA);
	s->steps->command = BUF_NULL(SLOT_COMMAND_MAX);
	s->steps->block = BUF_NULL(T1_BLOCK_MAX);
	return 0;
}

void slot_done(struct slot *s)
{
	if (s->steps) {
		buf_done(&s->steps->data);
		buf_done(&s->steps->command);
		buf_done(&s->steps->block);
		free(s->steps);
		s->steps = NULL;
	}
	t0_done(&s->t0);
	t1_done(&s->t1);
	buf_done(&s->answer);
}

/* -- the card ------------------------------------------------------------------------------ */

void slot_unpower(struct slot *s)
{
	if (s->active) {
		s->powers++;
	}
	s->active = false;
}

/* Return: whether that is news. */
static bool see(struct slot *s, bool present)
{
	enum slot_presence now = present ? SLOT_IN : SLOT_OUT;

	if (s->presence == now) {
		return false;
	}
	if (s->presence != SLOT_UNKNOWN || present) {
		s->events++;
	}
	s->presence = now;
	if (!present) {
		slot_unpower(s);
		s->hot = false;
	}
	return true;
}

bool slot_notice(struct slot *s, bool present, bool changed, uint64_t now)
{
	bool ahead = now < s->ahead;

	if (changed || present != (s->presence == SLOT_IN)) {
		s->ahead = 0; /* else it is about another slot */
	}
	if (see(s, present)) {
		return true;
	}
	if (!changed || ahead) {
		return false;
	}
	s->events += 2;
	slot_unpower(s);
	return true;
}

/* What an answer says of the card. */
static void see_icc(struct slot *s, enum message_icc icc, uint64_t now)
{
	enum slot_step step = s->steps->step;

	if (see(s, icc != MESSAGE_ICC_ABSENT)) {
		s->ahead = now + SLOT_AHEAD_USEC;
	}
	s->hot = icc == MESSAGE_ICC_ACTIVE;
	if (icc == MESSAGE_ICC_INACTIVE && step != STEP_ON) {
		slot_unpower(s);
	}
}

/* -- messages ------------------------------------------------------------------------------ */

static void forget_command(struct slot *s)
{
	struct slot_steps *st = s->steps;

	buf_reset(&st->data);
	buf_reset(&st->command);
	buf_reset(&st->block);
	buf_reset(&s->t0.data);
	buf_reset(&s->t0.answer);
	buf_reset(&s->t1.command);
	buf_reset(&s->t1.answer);
	buf_reset(&s->t1.last);
	st->sent = 0;
	st->ready = false;
	s->again = 0;
}

void slot_finish(struct slot *s, enum slot_end end)
{
	bool power = s->job == SLOT_JOB_POWER || s->job == SLOT_JOB_RESET;

	forget_command(s);
	if (end != SLOT_DONE) {
		buf_reset(&s->answer);
	}
	if (end != SLOT_DONE && power && s->steps->begun) {
		slot_unpower(s); /* nothing is agreed on with it */
	}
	s->steps->over = true;
	s->steps->end = end;
	s->deadline = 0;
}

void slot_lose(struct slot *s, enum slot_end end)
{
	slot_unpower(s);
	slot_finish(s, end);
}

void slot_send(struct slot *s, enum slot_step step, enum message_type type, uint64_t wait)
{
	struct slot_steps *st = s->steps;

	if (buf_check(&st->data) < 0) {
		slot_lose(s, SLOT_FAILED);
		return;
	}
	st->step = step;
	st->type = type;
	st->wait = wait;
	st->until = 0;
	st->ready = true;
}

enum slot_end slot_fails(const struct message *m)
{
	static const struct {
		enum message_error error;
		enum slot_end end;
	} ends[] = {
		{MESSAGE_ERROR_MUTE, SLOT_MUTE},
		{MESSAGE_ERROR_DEACTIVATED, SLOT_UNPOWERED},
		{MESSAGE_ERROR_PROCEDURE, SLOT_BROKEN},
		{MESSAGE_ERROR_CLASS, SLOT_BROKEN},
		{MESSAGE_ERROR_PROTOCOL, SLOT_BROKEN},
		{MESSAGE_ERROR_TCK, SLOT_BROKEN},
		{MESSAGE_ERROR_TS, SLOT_BROKEN},
		{MESSAGE_ERROR_HARDWARE, SLOT_BROKEN},
		{MESSAGE_ERROR_OVERRUN, SLOT_BROKEN},
		{MESSAGE_ERROR_PARITY, SLOT_BROKEN},
	};

	if (m->icc == MESSAGE_ICC_ABSENT) {
		return SLOT_EMPTY;
	}
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		if (ends[i].error == m->error) {
			return ends[i].end;
		}
	}
	return SLOT_LIED; /* words of a keypad too: there was none in it */
}

bool slot_next(struct slot *s, struct buf *out, uint64_t now)
{
	struct slot_steps *st = s->steps;

	if (!st->ready || now < s->again) {
		return false;
	}
	message_put(out, st->type, s->number, s->seq, st->three, buf_view(&st->data));
	st->ready = false;
	st->begun = true;
	s->again = 0;
	if (st->type == MESSAGE_POWER_ON) {
		s->hot = true;
		st->powers = s->powers; /* what was lost while it waited is of no interest */
	}
	st->events = s->events;
	s->waits = true;
	if (st->until == 0) {
		st->until = now + st->wait < s->whole ? now + st->wait : s->whole;
	}
	s->deadline = st->until;
	return true;
}

/* More time (§6.2.6): the multiplier of a waiting time, never beyond the whole; too many end
 * it. */
static void extend(struct slot *s, uint8_t multiplier, uint64_t now)
{
	uint64_t until = now + SLOT_ASK_USEC + s->steps->unit * (multiplier ? multiplier : 1);

	s->steps->extensions++;
	if (s->steps->extensions == SLOT_EXTENSIONS_MAX + 1) {
		s->whole = s->deadline = now;
	}
	if (until > s->whole) {
		until = s->whole;
	}
	if (until > s->deadline) {
		s->deadline = until;
	}
}

static void take_status(struct slot *s, const struct message *m)
{
	bool failed = m->command == MESSAGE_COMMAND_FAILED;

	if (failed && m->error == MESSAGE_ERROR_SLOT) {
		slot_finish(s, SLOT_LIED);
	} else if (s->presence != SLOT_IN) {
		slot_finish(s, SLOT_EMPTY);
	} else {
		slot_finish(s, s->powers != s->steps->powers ? SLOT_UNPOWERED : SLOT_DONE);
	}
}

static void take_off(struct slot *s, const struct message *m)
{
	slot_unpower(s);
	s->hot = s->hot || (m->command == MESSAGE_COMMAND_FAILED && s->presence == SLOT_IN);
	slot_finish(s, SLOT_DONE);
}

static void take_step(struct slot *s, const struct message *m)
{
	static void (*const takes[])(struct slot *, const struct message *) = {
		[STEP_ON] = slot_power_take,
		[STEP_LEARN] = slot_power_take,
		[STEP_PPS] = slot_power_take,
		[STEP_RATE] = slot_power_take,
		[STEP_SET] = slot_power_take,
		[STEP_OFF_AGAIN] = slot_power_take,
		[STEP_OFF_END] = slot_power_take,
		[STEP_IFSD] = slot_transfer_take,
		[STEP_OFF] = take_off,
		[STEP_STATUS] = take_status,
		[STEP_T0] = slot_transfer_take,
		[STEP_T1] = slot_transfer_take,
		[STEP_APDU] = slot_transfer_take,
		[STEP_SECURE] = slot_pin_take,
	};

	takes[s->steps->step](s, m);
}

/* Whether the job needs the card that was there when the last message was sent, with its
 * power. */
static bool needs_card(const struct slot *s)
{
	enum slot_step step = s->steps->step;

	return step != STEP_OFF && step != STEP_STATUS && step != STEP_OFF_END;
}

/* A reader that is busy by itself for a moment gets the same message again (§6.2.6,
 * BUSY_WITH_AUTO_SEQUENCE); a status it has told all the same. */
static bool repeats(struct slot *s, const struct message *m, uint64_t now)
{
	struct slot_steps *st = s->steps;

	if (m->command != MESSAGE_COMMAND_FAILED || m->error != MESSAGE_ERROR_BUSY_AUTO ||
		st->step == STEP_STATUS || now + SLOT_BUSY_USEC >= st->until) {
		return false;
	}
	st->ready = true;
	s->again = now + SLOT_BUSY_USEC;
	return true;
}

void slot_take(struct slot *s, const struct message *m, uint64_t now)
{
	struct slot_steps *st = s->steps;
	bool stale = s->events != st->events;

	assert(s->waits && !st->over);
	if (m->command == MESSAGE_COMMAND_TIME) {
		extend(s, m->error, now);
		return;
	}
	s->waits = false;
	s->seq++;
	s->deadline = 0;
	if (!stale) {
		see_icc(s, m->icc, now);
	}
	if (needs_card(s) && (stale || s->powers != st->powers)) {
		slot_lose(s, s->presence == SLOT_IN ? SLOT_UNPOWERED : SLOT_EMPTY);
	} else if (!repeats(s, m, now)) {
		buf_reset(&st->data);
		take_step(s, m);
	}
	if (!st->over && now >= s->whole) {
		slot_lose(s, slot_late(s));
	}
}

/* -- jobs ---------------------------------------------------------------------------------- */

static void begin(struct slot *s, enum slot_job job, uint64_t whole)
{
	struct slot_steps *st = s->steps;

	assert(s->job == SLOT_JOB_NONE && !s->waits);
	buf_reset(&s->answer);
	forget_command(s);
	s->job = job;
	s->whole = whole;
	s->deadline = 0;
	st->step = STEP_NONE;
	st->over = st->begun = st->untouched = false;
	st->extensions = 0;
	st->unit = USEC_UNIT;
	st->powers = s->powers;
	st->three[0] = st->three[1] = st->three[2] = 0;
}

/* What needs a card with power: whether there is one; else the job is over. */
static bool has_power(struct slot *s)
{
	if (s->presence == SLOT_OUT) {
		slot_finish(s, SLOT_EMPTY);
	} else if (!s->active) {
		slot_finish(s, SLOT_UNPOWERED);
	}
	return !s->steps->over;
}

static void start_power(struct slot *s)
{
	if (s->active) {
		slot_finish(s, SLOT_DONE);
	} else {
		slot_power_start(s);
	}
}

static void start_off(struct slot *s)
{
	slot_send(s, STEP_OFF, MESSAGE_POWER_OFF, SLOT_ASK_USEC);
}

static void start_status(struct slot *s)
{
	slot_send(s, STEP_STATUS, MESSAGE_GET_SLOT_STATUS, SLOT_ASK_USEC);
}

static void start_transmit(struct slot *s)
{
	if (has_power(s)) {
		slot_transfer_start(s);
	}
}

void slot_start(struct slot *s, enum slot_job job, struct view command, uint64_t now)
{
	static void (*const starts[])(struct slot *) = {
		[SLOT_JOB_POWER] = start_power,
		[SLOT_JOB_RESET] = slot_power_start,
		[SLOT_JOB_OFF] = start_off,
		[SLOT_JOB_STATUS] = start_status,
		[SLOT_JOB_TRANSMIT] = start_transmit,
	};
	bool brief = job == SLOT_JOB_STATUS || job == SLOT_JOB_OFF;

	assert(job != SLOT_JOB_NONE && job != SLOT_JOB_SECURE);
	/* what the reader knows by itself needs no time extension */
	begin(s, job, now + (brief ? 2 * SLOT_ASK_USEC : SLOT_JOB_USEC));
	buf_put_view(&s->steps->command, command);
	starts[job](s);
}

void slot_start_pin(struct slot *s, const struct slot_pin *pin, uint64_t now)
{
	begin(s, SLOT_JOB_SECURE, now + SLOT_KEYS_USEC);
	if (has_power(s)) {
		slot_pin_start(s, pin);
	}
}

void slot_spoil(struct slot *s, enum slot_end why)
{
	struct slot_steps *st = s->steps;
	bool card = s->job != SLOT_JOB_STATUS && !st->untouched;

	if (s->job == SLOT_JOB_NONE || st->over) {
		return;
	}
	if (s->waits) {
		s->waits = false;
		s->seq++;
	}
	if (st->begun && card) {
		slot_unpower(s);
	}
	slot_finish(s, why);
}

void slot_dropped(struct slot *s, const struct message *m)
{
	s->steps->untouched = s->job == SLOT_JOB_SECURE && slot_pin_untouched(m);
}

enum slot_end slot_late(const struct slot *s)
{
	if (s->presence == SLOT_OUT) {
		return SLOT_EMPTY;
	}
	if (s->job == SLOT_JOB_SECURE && s->waits && s->events != s->steps->events) {
		return SLOT_UNPOWERED; /* it left while the code was typed, and came back */
	}
	if (s->job == SLOT_JOB_SECURE && s->steps->extensions <= SLOT_EXTENSIONS_MAX) {
		return SLOT_LATE;
	}
	return s->steps->extensions > 0 ? SLOT_LIED : SLOT_MUTE;
}

enum message_type slot_asked(const struct slot *s)
{
	return s->steps->type;
}

bool slot_over(const struct slot *s)
{
	return s->job != SLOT_JOB_NONE && s->steps->over;
}

bool slot_expects_long(const struct slot *s)
{
	return s->waits && s->steps->step == STEP_APDU && s->steps->extended_apdu;
}

bool slot_begun(const struct slot *s)
{
	return s->steps->begun;
}

bool slot_ended(struct slot *s, enum slot_end *ret_end)
{
	if (!slot_over(s)) {
		return false;
	}
	s->job = SLOT_JOB_NONE;
	*ret_end = s->steps->end;
	return true;
}
