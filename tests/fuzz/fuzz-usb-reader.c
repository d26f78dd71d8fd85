/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A whole interface with two slots (drivers/usb/interface.h) whose bulk answers, interrupts,
 * ends of transfers and times are the input's, while jobs run that are the input's too. What
 * must hold, whatever comes: every job ends exactly once and within its whole time, nothing is
 * sent for a slot without a job, no transfer is begun while one of its kind runs, a time is
 * always armed while something is awaited, nothing is asked of a reader that was given up.
 *
 *   head     level, busy, interrupt, keys, display, size | features | voltages, protocols, IFSD
 *   records  (records.h) enum what
 */
#include <assert.h>
#include <errno.h>

#include "drivers/usb/interface.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

#define SLOTS	   2U
#define PACKET	   64U
#define LONG_PART  20000U
#define STEPS	   4000U /* calls of interface_due() in one input, at most */
#define TICK_USEC  50000U
#define FIRST_USEC 1000000U

const size_t record_head = 3;

enum what {
	WHAT_JOB,     /* arg: slot, job; bytes: the command */
	WHAT_LONG,    /* arg: slot; bytes: two of length: TRANSMIT of so many bytes */
	WHAT_ANSWER,  /* arg: slot, status, enum way; bytes: error, last, data */
	WHAT_BLOCK,   /* the same, with the checksum of T=1 behind the data */
	WHAT_PART,    /* the same, with many zeros behind the data */
	WHAT_RAW,     /* arg: end of the transfer, bit 3: slot and number as awaited; bytes */
	WHAT_SENT,    /* arg: end of the transfer */
	WHAT_NOTICE,  /* bytes */
	WHAT_TIME,    /* arg: 0: until the timer, else so many ticks */
	WHAT_RECOVER, /* arg: whether well; 6: by another interface of the device, or a sleep */
	WHAT_ASK,     /* arg: slot, enum asked */
	WHATS,
};

enum way {
	WAY_WHOLE,
	WAY_SPLIT, /* at the byte that error is */
	WAY_TWICE,
	WAY_STATUS, /* a status, whatever was asked */
};

enum asked {
	ASKED_ABORT,
	ASKED_IDLE,
	ASKED_WATCH,
	ASKED_UNWATCH,
	ASKED_LOOK,
	ASKED_DEAF,
	ASKED_GONE,
	ASKED_AGAIN, /* the next end begins a job */
};

struct job {
	bool runs;
	uint64_t until;
};

static struct {
	struct interface *i;
	uint64_t now, timer;
	bool sending, receiving, recovering, broken, again;
	size_t room;
	uint8_t seq[SLOTS];
	enum message_type type[SLOTS];
	struct job jobs[SLOTS];
} w;

static void started(unsigned slot, uint64_t whole, int r)
{
	assert(r == 0 || r == -EBUSY || r == -ENODEV || r == -ENOMEM || r == -EMSGSIZE);
	if (r == 0) {
		assert(!w.jobs[slot].runs && !w.broken);
		w.jobs[slot] =
			(struct job){.runs = true, .until = w.now + whole + SLOT_ABORT_USEC};
	}
}

/* -- the reader's side of interface_ops ---------------------------------------------------- */

static void op_send(void *user, struct view message)
{
	struct reader r = reader_of(message);
	uint8_t type = reader_u8(&r), slot;
	unsigned waiting = 0;

	(void)user;
	assert(!w.sending && !w.recovering && !w.broken);
	w.sending = true;
	(void)reader_u32(&r);
	slot = reader_u8(&r);
	assert(slot < SLOTS && w.i->slots[slot].job != SLOT_JOB_NONE && w.i->slots[slot].waits);
	w.seq[slot] = reader_u8(&r);
	w.type[slot] = (enum message_type)type;
	(void)reader_take(&r, 3);
	assert(!r.failed && r.left + MESSAGE_HEADER == message.len);
	for (size_t n = 0; n < SLOTS; n++) {
		waiting += w.i->slots[n].waits;
	}
	assert(waiting <= w.i->reader.busy);
}

static void op_receive(void *user, size_t size)
{
	(void)user;
	assert(!w.receiving && !w.recovering && !w.broken && size % PACKET == 0);
	assert(w.i->slots[0].waits || w.i->slots[1].waits);
	w.receiving = true;
	w.room = size;
}

static void op_abort(void *user, uint8_t slot, uint8_t seq)
{
	(void)user;
	assert(slot < SLOTS && w.i->slots[slot].waits && !w.broken);
	assert(seq == (uint8_t)(w.i->slots[slot].seq + 1));
}

static void op_recover(void *user, enum interface_recover how)
{
	(void)user;
	assert((!w.recovering || how == INTERFACE_RESET) && !w.broken);
	w.recovering = true;
	w.sending = w.receiving = false;
}

static void op_timer(void *user, uint64_t when)
{
	(void)user;
	assert(when > 0 && !w.broken && (w.timer == 0 || when < w.timer));
	w.timer = when;
}

static void op_ended(void *user, struct slot *slot, enum slot_job job, enum slot_end end)
{
	struct job *j = &w.jobs[slot->number];

	(void)user;
	assert(j->runs && slot->job == SLOT_JOB_NONE && !w.broken);
	assert(w.now <= j->until);
	if (end == SLOT_DONE && (job == SLOT_JOB_TRANSMIT || job == SLOT_JOB_SECURE)) {
		assert(slot->active && slot->answer.len >= 2);
	} else {
		assert(slot->answer.len == 0);
	}
	j->runs = false;
	if (w.again) { /* from inside, as its owner may */
		w.again = false;
		started(slot->number, SLOT_JOB_USEC,
			interface_job(w.i, slot->number, SLOT_JOB_RESET, VIEW_NULL, w.now));
	}
}

static void op_presence(void *user, struct slot *slot)
{
	(void)user;
	assert(slot->presence != SLOT_UNKNOWN && !w.broken);
}

static void op_broken(void *user, const char *why)
{
	(void)user, (void)why;
	assert(!w.broken && !w.jobs[0].runs && !w.jobs[1].runs);
	w.broken = true;
}

static const struct interface_ops ops = {
	.send = op_send,
	.receive = op_receive,
	.abort = op_abort,
	.recover = op_recover,
	.timer = op_timer,
	.ended = op_ended,
	.presence = op_presence,
	.broken = op_broken,
};

/* -- steps --------------------------------------------------------------------------------- */

static void run_job(uint8_t arg, struct view bytes)
{
	static const enum slot_job jobs[] = {SLOT_JOB_POWER, SLOT_JOB_TRANSMIT, SLOT_JOB_RESET,
		SLOT_JOB_OFF, SLOT_JOB_STATUS};

	unsigned slot = arg & 1, which = arg >> 1 & 7;
	struct reader r = reader_of(bytes);
	struct slot_pin pin;

	if (which < ARRAY_LEN(jobs)) {
		started(slot, SLOT_JOB_USEC,
			interface_job(w.i, slot, jobs[which], bytes, w.now));
		return;
	}
	pin.digits = reader_u8(&r);
	pin.new_digits = reader_u8(&r);
	pin.old_at = reader_u8(&r);
	pin.new_at = reader_u8(&r);
	pin.command = reader_rest(&r);
	started(slot, SLOT_KEYS_USEC, interface_pin(w.i, slot, &pin, w.now));
}

static void run_long(uint8_t arg, struct view bytes)
{
	static uint8_t command[UINT16_MAX];
	struct reader r = reader_of(bytes);
	size_t len = reader_u16(&r);

	started(arg & 1, SLOT_JOB_USEC,
		interface_job(w.i, arg & 1, SLOT_JOB_TRANSMIT, view_of(command, len), w.now));
}

static void give(enum interface_transfer end, struct view bytes)
{
	if (w.receiving) {
		w.receiving = false;
		interface_received(w.i, end, view_sub(bytes, 0, w.room), w.now);
	}
}

static uint8_t answer_to(enum message_type type)
{
	for (unsigned t = MESSAGE_DATA_BLOCK; t <= MESSAGE_RATE; t++) {
		if (message_answers(type, (uint8_t)t)) {
			return (uint8_t)t;
		}
	}
	return MESSAGE_SLOT_STATUS;
}

static void run_answer(enum what what, uint8_t arg, struct view bytes)
{
	struct buf all = BUF_NULL(2 * LONG_PART), data = BUF_NULL(2 * LONG_PART);
	unsigned slot = arg & 1;
	enum way way = (enum way)(arg >> 5 & 3);
	uint8_t status = (uint8_t)((arg >> 1 & 3) | (arg >> 3 & 3) << 6);
	uint8_t type = way == WAY_STATUS ? MESSAGE_SLOT_STATUS : answer_to(w.type[slot]);
	struct reader r = reader_of(bytes);
	uint8_t error = reader_u8(&r);
	const uint8_t three[3] = {status, error, reader_u8(&r)};
	uint16_t crc;

	fail_pause(true); /* a reader has memory */
	buf_put_view(&data, reader_rest(&r));
	crc = t1_crc(buf_view(&data));
	if (what == WHAT_BLOCK && w.i->slots[slot].t1.crc) {
		buf_put_u16(&data, crc);
	} else if (what == WHAT_BLOCK) {
		buf_put_u8(&data, t1_lrc(buf_view(&data)));
	} else if (what == WHAT_PART) {
		(void)buf_extend(&data, LONG_PART);
	}
	message_put(&all, (enum message_type)type, (uint8_t)slot, w.seq[slot], three,
		buf_view(&data));
	fail_pause(false);
	if (way == WAY_SPLIT) {
		give(INTERFACE_OK, view_sub(buf_view(&all), 0, error));
		give(INTERFACE_OK, view_sub(buf_view(&all), error, all.len));
	} else {
		give(INTERFACE_OK, buf_view(&all));
	}
	if (way == WAY_TWICE) {
		give(INTERFACE_OK, buf_view(&all));
	}
	buf_done(&all);
	buf_done(&data);
}

static void run_raw(uint8_t arg, struct view bytes)
{
	static const enum interface_transfer ends[] = {INTERFACE_OK, INTERFACE_STALLED,
		INTERFACE_LATE, INTERFACE_ERROR, INTERFACE_GONE, INTERFACE_OK, INTERFACE_OK,
		INTERFACE_OK};

	uint8_t copy[UINT8_MAX];

	bytes_copy(copy, sizeof(copy), bytes.data, bytes.len);
	if ((arg & 8) && bytes.len > 6) {
		copy[5] = arg >> 4 & 1;
		copy[6] = w.seq[copy[5]];
	}
	give(ends[arg & 7], view_of(copy, bytes.len));
}

static void run_sent(uint8_t arg)
{
	static const enum interface_transfer ends[] = {INTERFACE_OK, INTERFACE_STALLED,
		INTERFACE_LATE, INTERFACE_ERROR, INTERFACE_GONE, INTERFACE_OK, INTERFACE_OK,
		INTERFACE_OK};

	if (w.sending) {
		w.sending = false;
		interface_sent(w.i, ends[arg & 7], w.now);
	}
}

/* Time goes on until @when; the timer is heard on the way. */
static void go_on(uint64_t when)
{
	for (unsigned n = 0; w.timer && w.timer <= when; n++) {
		assert(n < STEPS);
		if (w.timer > w.now) {
			w.now = w.timer;
		}
		w.timer = 0;
		interface_due(w.i, w.now);
	}
	if (when > w.now) {
		w.now = when;
	}
}

static void run_ask(uint8_t arg)
{
	unsigned slot = arg & 1;

	switch ((enum asked)(arg >> 1 & 7)) {
	case ASKED_ABORT:
		interface_abort(w.i, slot, w.now);
		break;
	case ASKED_IDLE:
		interface_idle(w.i, slot, w.now);
		break;
	case ASKED_WATCH:
		interface_watch(w.i, true, w.now);
		break;
	case ASKED_UNWATCH:
		interface_watch(w.i, false, w.now);
		break;
	case ASKED_LOOK:
		interface_look(w.i, w.now);
		break;
	case ASKED_DEAF:
		interface_deaf(w.i, w.now);
		break;
	case ASKED_GONE:
		interface_gone(w.i);
		break;
	case ASKED_AGAIN:
		w.again = true;
		break;
	}
}

static void run_recover(uint8_t arg)
{
	if ((arg & 6) ==
		6) { /* by another interface of the device, or while the machine slept */
		w.recovering = w.sending = w.receiving = false;
		interface_was_reset(w.i, w.now);
	} else if (w.recovering) {
		w.recovering = false;
		interface_recovered(w.i, arg & 1, w.now);
	}
}

static void run(const struct record *one)
{
	enum what what = (enum what)(one->kind % WHATS);

	switch (what) {
	case WHAT_JOB:
		run_job(one->arg, one->bytes);
		break;
	case WHAT_LONG:
		run_long(one->arg, one->bytes);
		break;
	case WHAT_ANSWER:
	case WHAT_BLOCK:
	case WHAT_PART:
		run_sent(0); /* it has come to the reader */
		run_answer(what, one->arg, one->bytes);
		break;
	case WHAT_RAW:
		run_raw(one->arg, one->bytes);
		break;
	case WHAT_SENT:
		run_sent(one->arg);
		break;
	case WHAT_NOTICE:
		interface_notified(w.i, one->bytes, w.now);
		break;
	case WHAT_TIME:
		go_on(one->arg == 0 ? w.timer : w.now + one->arg * (uint64_t)TICK_USEC);
		break;
	case WHAT_RECOVER:
		run_recover(one->arg);
		break;
	case WHAT_ASK:
		run_ask(one->arg);
		break;
	case WHATS:
		break;
	}
}

/* Whatever runs has a time. */
static void judge(void)
{
	bool runs = w.jobs[0].runs || w.jobs[1].runs || w.sending || w.receiving;

	assert(w.broken || !runs || w.timer > 0);
	for (unsigned n = 0; n < SLOTS; n++) {
		assert(w.broken || !w.jobs[n].runs || w.timer <= w.jobs[n].until);
	}
}

/* -- the world ----------------------------------------------------------------------------- */

static struct ccid_interface reader_by(struct reader *r)
{
	static const uint32_t features[] = {CCID_AUTO_PARAMETERS, CCID_AUTO_ACTIVATION,
		CCID_AUTO_VOLTAGE, CCID_AUTO_RATE, CCID_AUTO_NEGOTIATION, CCID_AUTO_PPS,
		CCID_AUTO_IFSD, CCID_CLOCK_STOP};
	static const uint32_t ifsds[] = {254, 32, 0, 100000};

	static const enum ccid_level levels[] = {CCID_LEVEL_CHARACTER, CCID_LEVEL_TPDU,
		CCID_LEVEL_SHORT_APDU, CCID_LEVEL_EXTENDED_APDU};

	uint8_t shape = r->left ? reader_u8(r) : 0;
	uint8_t can = r->left ? reader_u8(r) : 0;
	uint8_t more = r->left ? reader_u8(r) : 0;
	struct ccid_interface reader = {.slots = SLOTS,
		.level = levels[shape & 3],
		.busy = shape & 4 ? 2 : 1,
		.interrupt_in = shape & 8 ? 0x83 : 0,
		.pin = shape >> 4 & 3,
		.display = shape & 0x40,
		.message = shape & 0x80 ? DESCRIPTOR_MESSAGE_MAX : 263,
		.voltages = more & 7,
		.protocols = more >> 3 & 3,
		.ifsd = ifsds[more >> 5 & 3],
		.clock = 4000,
		.rate = 10752,
		.rate_max = 344086,
		.packet_in = PACKET,
		.packet_out = PACKET};

	for (unsigned n = 0; n < ARRAY_LEN(features); n++) {
		reader.features |= can >> n & 1 ? features[n] : 0;
	}
	return reader;
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	struct ccid_interface reader = reader_by(&r);
	struct record one;

	w.now = FIRST_USEC;
	w.timer = 0;
	w.sending = w.receiving = w.recovering = w.broken = w.again = false;
	w.jobs[0].runs = w.jobs[1].runs = false;
	if (interface_new(&reader, &ops, NULL, &w.i) < 0) {
		return;
	}
	assert(w.timer > 0 && !w.sending && !w.receiving);
	while (record_next(&r, &one)) {
		run(&one);
		judge();
	}
	w.again = false;
	interface_watch(w.i, false, w.now);
	go_on(w.now + 10ULL * SLOT_KEYS_USEC); /* nobody answers any more */
	assert(!w.jobs[0].runs && !w.jobs[1].runs);
	assert(w.broken || (!w.sending && !w.receiving && !w.recovering));
	w.i = interface_free(w.i);
}
