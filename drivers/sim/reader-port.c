/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The side of the simulator that the IFD handler talks to. A request that takes time keeps its peer
 * waiting with the answer ready; a card that leaves meanwhile turns the answer into "no card".
 */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "drivers/sim/reader-link.h"
#include "drivers/sim/server.h"

enum {
	HANG_UP = 1,
};

static int send_now(struct server_peer *p)
{
	ssize_t n = send(p->fd, p->answer.data, p->answer.len, MSG_NOSIGNAL);

	p->waiting = false;
	return n == (ssize_t)p->answer.len ? 0 : HANG_UP;
}

int reader_port_due(struct server_peer *p)
{
	return send_now(p);
}

static void begin(struct server_peer *p, enum reader_op op, enum reader_status status)
{
	buf_reset(&p->answer);
	buf_put_u8(&p->answer, (uint8_t)op);
	buf_put_u8(&p->answer, (uint8_t)status);
}

static int send_event(struct server_peer *p, bool present)
{
	buf_reset(&p->answer);
	buf_put_u8(&p->answer, READER_OP_EVENT);
	buf_put_u8(&p->answer, present);
	return send_now(p);
}

void reader_port_changed(void *server, unsigned slot, bool present)
{
	struct server *s = server;

	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->slot != slot)
			continue;
		if (p->kind == SERVER_PEER_WATCH && send_event(p, present))
			shutdown(p->fd, SHUT_RDWR); /* its end of file comes round the loop */
		if (p->kind == SERVER_PEER_READER && p->waiting && !present) {
			begin(p, READER_OP_TRANSMIT, READER_STATUS_NO_CARD);
			p->due = 0;
			p->silent = false;
		}
	}
}

void reader_port_release(struct server *s, unsigned slot)
{
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind != SERVER_PEER_READER || p->slot != slot || !p->silent)
			continue;
		begin(p, READER_OP_TRANSMIT, READER_STATUS_MUTE);
		p->due = 0;
		p->silent = false;
	}
}

static enum reader_status status_of(int outcome)
{
	switch (outcome) {
	case 0:
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

static int transmit(struct slot *slot, struct server_peer *p, struct view command)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(SLOT_ANSWER_MAX);
	uint64_t delay = 0;
	int r;

	r = slot_transmit(slot, command, &answer, &delay);
	if (r < 0)
		return trace(r);
	begin(p, READER_OP_TRANSMIT, status_of(r));
	if (r == 0)
		buf_put_view(&p->answer, buf_view(&answer));
	p->silent = r == SLOT_HANG;
	p->waiting = true;
	p->due = clock_monotonic() + delay;
	return delay == 0 && !p->silent ? send_now(p) : 0;
}

static int answer_request(
	struct server *s, struct server_peer *p, uint8_t op, struct view payload)
{
	struct slot *slot = &s->slots[p->slot];
	struct reader r = reader_of(payload);

	switch (op) {
	case READER_OP_WATCH:
		p->kind = SERVER_PEER_WATCH;
		return send_event(p, slot->present);
	case READER_OP_POWER_UP:
		begin(p, READER_OP_POWER_UP, status_of(slot_power(slot)));
		buf_put_view(&p->answer, atr_view(&slot->atr));
		return send_now(p);
	case READER_OP_POWER_DOWN:
		slot_power_down(slot);
		begin(p, READER_OP_POWER_DOWN, READER_STATUS_OK);
		return send_now(p);
	case READER_OP_PROTOCOL:
		begin(p, READER_OP_PROTOCOL, status_of(slot_protocol(slot, reader_u8(&r))));
		return send_now(p);
	case READER_OP_PRESENCE:
		begin(p, READER_OP_PRESENCE, READER_STATUS_OK);
		buf_put_u8(&p->answer, slot->present);
		return send_now(p);
	case READER_OP_TRANSMIT:
		return transmit(slot, p, payload);
	}
	return HANG_UP;
}

int reader_port_receive(struct server *s, struct server_peer *p)
{
	uint8_t bytes[READER_LINK_HEADER + SLOT_COMMAND_MAX];
	ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_TRUNC);
	struct reader r;
	uint8_t op, slot;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || (size_t)n > sizeof(bytes))
		return HANG_UP;
	r = reader_of(view_of(bytes, (size_t)n));
	op = reader_u8(&r);
	slot = reader_u8(&r);
	if (r.failed || slot >= SLOT_COUNT || p->waiting || p->kind == SERVER_PEER_WATCH)
		return HANG_UP;
	p->slot = slot;
	return answer_request(s, p, op, reader_rest(&r));
}
