/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The side of the simulator that the IFD handler talks to. A request that takes time keeps its
 * peer waiting; a card that leaves meanwhile turns the answer into "no card", a reader that is
 * unplugged into "no reader". While a slot of a blocking reader has a request, those to its
 * other slot stay in their sockets.
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "drivers/sim/reader-link.h"
#include "drivers/sim/server.h"

enum {
	HANG_UP = 1,
};

/* -- answers ------------------------------------------------------------------------------- */

static int send_now(struct server *s, struct server_peer *p)
{
	ssize_t n = send(p->fd, p->answer.data, p->answer.len, MSG_NOSIGNAL);
	bool whole = n == (ssize_t)p->answer.len;

	if (p->wait == SERVER_WAIT_LINE && p->due > 0 && s->slots[p->slot].clocked)
		clock_sent(&s->slots[p->slot].late_us, p->due, clock_monotonic());
	p->wait = SERVER_WAIT_NOT;
	p->stuck = false;
	buf_reset(&p->answer);
	return whole ? 0 : HANG_UP;
}

static void begin(struct server_peer *p, uint8_t op, unsigned status)
{
	buf_reset(&p->answer);
	buf_put_u8(&p->answer, op);
	buf_put_u8(&p->answer, (uint8_t)status);
}

static int answer_status(struct server *s, struct server_peer *p, uint8_t op, unsigned status)
{
	begin(p, op, status);
	return send_now(s, p);
}

static int send_event(struct server *s, struct server_peer *p)
{
	unsigned event =
		s->slots[p->slot].present ? READER_EVENT_IN : (unsigned)READER_EVENT_OUT;

	if (!readers_of_slot(s, p->slot)->plugged)
		event = READER_EVENT_GONE;
	return answer_status(s, p, READER_OP_EVENT, event);
}

void reader_port_tell(struct server *s, unsigned slot)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind == SERVER_PEER_WATCH && p->slot == slot && send_event(s, p))
			shutdown(p->fd, SHUT_RDWR); /* its end of file comes round the loop */
	}
}

/* The answer that is ready goes out at the next turn of the loop. */
static void let_go(struct server_peer *p)
{
	p->wait = SERVER_WAIT_LINE;
	p->due = 0;
}

void reader_port_cut(struct server *s, unsigned slot, unsigned status)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind != SERVER_PEER_READER || p->slot != slot ||
			p->wait == SERVER_WAIT_NOT)
			continue;
		begin(p, p->op, status);
		let_go(p);
	}
}

void reader_port_changed(void *server, unsigned slot, bool present)
{
	struct server *s = server;

	control_follow_card(s, &s->slots[slot]); /* before anybody can have noticed */
	if (!present) {
		keypad_done(&s->slots[slot].keypad);
		reader_port_cut(s, slot, READER_STATUS_NO_CARD);
	}
	if (readers_of_slot(s, slot)->plugged)
		reader_port_tell(s, slot);
}

void reader_port_release(struct server *s, unsigned slot, enum server_wait wait)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind != SERVER_PEER_READER || p->slot != slot || p->wait != wait ||
			(wait == SERVER_WAIT_LINE && !p->stuck))
			continue;
		if (wait == SERVER_WAIT_EVER)
			begin(p, p->op, READER_STATUS_MUTE);
		let_go(p);
	}
}

static enum reader_status status_of(int outcome)
{
	switch (outcome) {
	case 0:
	case SLOT_WTX:
		return READER_STATUS_OK;
	case SLOT_NO_CARD:
		return READER_STATUS_NO_CARD;
	case SLOT_UNPOWERED:
		return READER_STATUS_UNPOWERED;
	case SLOT_REFUSED:
		return READER_STATUS_REFUSED;
	}
	return READER_STATUS_MUTE;
}

/* -- commands ------------------------------------------------------------------------------ */

/* @arrival: when it came, so that the time we think is part of the time on the line */
static int transmit(
	struct server *s, struct server_peer *p, struct view command, uint64_t arrival)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(SLOT_ANSWER_MAX);
	struct slot *slot = &s->slots[p->slot];
	bool stuck = slot->faults.stuck_us > 0;
	uint64_t delay = 0;
	int r;

	p->wait = SERVER_WAIT_NOT;
	r = slot_transmit(slot, command, &answer, &delay);
	if (r < 0)
		return trace(r);
	if (readers_count(s, p->slot))
		return answer_status(s, p, p->op, READER_STATUS_NO_READER);
	begin(p, p->op, status_of(r));
	if (r == 0 || r == SLOT_WTX)
		buf_put_view(&p->answer, buf_view(&answer));
	p->stuck = stuck;
	p->wait = SERVER_WAIT_LINE;
	p->due = clock_due(&slot->late_us, arrival, delay);
	if (r == SLOT_HANG)
		p->wait = SERVER_WAIT_EVER;
	if (r == SLOT_WTX) {
		p->wait = SERVER_WAIT_ALIVE;
		p->due = arrival + SERVER_ALIVE_US;
	}
	return delay == 0 && p->wait == SERVER_WAIT_LINE ? send_now(s, p) : 0;
}

/* The entry of a peer that waits for keys: its command goes to the card, or its end to the
 * reader. */
static int press_on(struct server *s, struct server_peer *p)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(KEYPAD_COMMAND_MAX);
	uint16_t sw = 0;
	int r = keypad_finish(&s->slots[p->slot].keypad, &sw, &command);

	if (r == KEYPAD_WAITS)
		return 0;
	if (r < 0)
		return trace(r);
	if (sw == 0)
		return transmit(s, p, buf_view(&command), clock_monotonic());
	begin(p, p->op, READER_STATUS_OK);
	buf_put_u16(&p->answer, sw);
	return send_now(s, p);
}

int reader_port_keys(struct server *s, unsigned slot)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];
		int r;

		if (p->kind != SERVER_PEER_READER || p->slot != slot ||
			p->wait != SERVER_WAIT_KEYS)
			continue;
		r = press_on(s, p);
		if (r > 0)
			shutdown(p->fd, SHUT_RDWR);
		if (r < 0)
			return trace(r);
	}
	return 0;
}

static int use_keypad(struct server *s, struct server_peer *p, struct view payload)
{
	struct slot *slot = &s->slots[p->slot];
	struct reader r = reader_of(payload);
	enum keypad_feature feature = reader_u8(&r);
	int outcome;

	begin(p, READER_OP_KEYPAD, READER_STATUS_OK);
	if (r.failed || !slot->keypad.fitted)
		return answer_status(s, p, READER_OP_KEYPAD, READER_STATUS_REFUSED);
	if (keypad_properties(feature, &p->answer))
		return send_now(s, p);
	if (feature != KEYPAD_VERIFY && feature != KEYPAD_MODIFY)
		return answer_status(s, p, READER_OP_KEYPAD, READER_STATUS_REFUSED);
	if (!slot->present || !slot->powered)
		return answer_status(s, p, READER_OP_KEYPAD,
			slot->present ? READER_STATUS_UNPOWERED : READER_STATUS_NO_CARD);
	outcome = keypad_begin(&slot->keypad, feature, reader_rest(&r));
	if (outcome < 0)
		return trace(outcome);
	if (outcome == KEYPAD_INVALID) {
		buf_put_u16(&p->answer, KEYPAD_SW_PARAMETER);
		return send_now(s, p);
	}
	p->wait = SERVER_WAIT_KEYS;
	p->due = clock_monotonic() + slot->keypad.entry.timeout_s * USEC_PER_SEC;
	return press_on(s, p);
}

int reader_port_due(struct server *s, struct server_peer *p)
{
	static const uint8_t alive[READER_LINK_HEADER] = {READER_OP_ALIVE, 0};

	if (p->wait == SERVER_WAIT_KEYS) {
		s->slots[p->slot].keypad.answer = KEYPAD_ANSWER_LATE;
		return press_on(s, p);
	}
	if (p->wait != SERVER_WAIT_ALIVE)
		return send_now(s, p);
	p->due += SERVER_ALIVE_US;
	return send(p->fd, alive, sizeof(alive), MSG_NOSIGNAL) == sizeof(alive) ? 0 : HANG_UP;
}

/* -- requests ------------------------------------------------------------------------------ */

static int describe(struct server *s, struct server_peer *p, unsigned number)
{
	const struct server_reader *reader;
	uint8_t keypads = 0;

	if (number >= s->n_readers || !s->readers[number].plugged)
		return answer_status(s, p, READER_OP_DESCRIBE, READER_STATUS_NO_READER);
	reader = &s->readers[number];
	for (unsigned i = 0; i < reader->slots; i++)
		if (s->slots[reader->first + i].keypad.fitted)
			keypads |= (uint8_t)(1U << i);
	begin(p, READER_OP_DESCRIBE, READER_STATUS_OK);
	buf_put_u8(&p->answer, (uint8_t)reader->first);
	buf_put_u8(&p->answer, (uint8_t)reader->slots);
	buf_put_u8(&p->answer, keypads);
	return send_now(s, p);
}

static int answer_request(
	struct server *s, struct server_peer *p, struct view payload, uint64_t arrival)
{
	struct slot *slot = &s->slots[p->slot];
	struct reader r = reader_of(payload);

	if (p->op == READER_OP_WATCH) {
		p->kind = SERVER_PEER_WATCH;
		return send_event(s, p);
	}
	if (!readers_of_slot(s, p->slot)->plugged)
		return answer_status(s, p, p->op, READER_STATUS_NO_READER);
	switch (p->op) {
	case READER_OP_POWER_UP:
		begin(p, p->op, status_of(slot_power(slot)));
		buf_put_view(&p->answer, atr_view(&slot->atr));
		return send_now(s, p);
	case READER_OP_POWER_DOWN:
		slot_power_down(slot);
		return answer_status(s, p, p->op, READER_STATUS_OK);
	case READER_OP_PROTOCOL:
		return answer_status(
			s, p, p->op, status_of(slot_protocol(slot, reader_u8(&r))));
	case READER_OP_PRESENCE:
		begin(p, p->op, READER_STATUS_OK);
		buf_put_u8(&p->answer, slot->present);
		return send_now(s, p);
	case READER_OP_TRANSMIT:
		return transmit(s, p, payload, arrival);
	case READER_OP_KEYPAD:
		return use_keypad(s, p, payload);
	}
	return HANG_UP;
}

static bool is_request(uint8_t op)
{
	return op >= READER_OP_WATCH && op <= READER_OP_KEYPAD && op != READER_OP_EVENT;
}

int reader_port_receive(struct server *s, struct server_peer *p)
{
	uint8_t bytes[READER_LINK_HEADER + SLOT_COMMAND_MAX];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_TRUNC);
	uint64_t arrival = clock_monotonic();
	struct reader r;
	uint8_t op, number;
	int result;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || (size_t)n > sizeof(bytes))
		return HANG_UP;
	r = reader_of(view_of(bytes, (size_t)n));
	op = reader_u8(&r);
	number = reader_u8(&r);
	if (r.failed || !is_request(op) || p->wait != SERVER_WAIT_NOT ||
		p->kind == SERVER_PEER_WATCH)
		return HANG_UP;
	if (op == READER_OP_DESCRIBE)
		return describe(s, p, number);
	if (number >= s->n_slots)
		return HANG_UP;
	p->op = op;
	p->slot = number;
	result = answer_request(s, p, reader_rest(&r), arrival);
	wipe(bytes, sizeof(bytes)); /* a VERIFY has a code in it */
	return result;
}
