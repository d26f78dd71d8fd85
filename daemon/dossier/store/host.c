/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The loop. Requests are read only while no content is coming in (its own request is still
 * unanswered); contents go out beside everything else, as fast as their readers read. A stream
 * that stalls is given up: an incoming one is answered LATE, an outgoing pipe is closed short, which
 * its reader sees by size and hash.
 */
#include "daemon/dossier/store/host.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tlv.h"

#define WAIT_FOREVER (24ULL * 3600ULL * USEC_PER_SEC)
#define EXPORT_POLL  (2 + HOST_OUTFLOWS) /* its place among what is polled; the last */

void host_init(struct host *h, int link, int (*confine)(void))
{
	*h = (struct host){
		.link = link, .confine = confine, .in = INFLOW_NULL, .export = EXPORT_NULL};
	h->store.state = DOSSIER_STATE_ABSENT;
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		h->out[i] = OUTFLOW_NULL;
	}
}

void host_done(struct host *h)
{
	inflow_done(&h->in, &h->store);
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		outflow_done(&h->out[i]);
	}
	export_done(&h->export);
	json_put(&h->released);
	order_done(&h->order);
	store_done(&h->store);
}

/* -- answering ------------------------------------------------------------------------------- */

static int sent(int r)
{
	assert(r != LINK_AGAIN);
	return r == LINK_CLOSED ? HOST_ENDED : trace(r);
}

static int send_frame(struct host *h, enum link_kind kind, uint8_t op, uint32_t seq,
	uint8_t outcome, const struct host_answer *a)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = kind;
	f.op = op;
	f.seq = seq;
	f.outcome = outcome;
	f.body = buf_view(&a->body);
	f.n_fds = a->n_fds;
	for (size_t i = 0; i < a->n_fds; i++) {
		f.fds[i] = a->fds[i];
	}
	return sent(link_send(h->link, &f, false));
}

/* A fault is told as such: the broker ends the session, and this process with it. */
static int answer(struct host *h, uint8_t op, uint32_t seq, int r, struct host_answer *a)
{
	uint8_t outcome = r < 0 ? DOSSIER_FAULT : (uint8_t)r;

	if (outcome == 0 && a->body.failed) {
		outcome = DOSSIER_FAULT;
	}
	r = send_frame(h, LINK_KIND_ANSWER, op, seq, outcome, a);
	for (size_t i = 0; i < a->n_fds; i++) {
		close(a->fds[i]);
	}
	a->n_fds = 0;
	buf_done(&a->body);
	return trace(r);
}

static int serve(struct host *h, struct link_frame *request)
{
	struct host_answer a = {
		.body = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER), .fds = {-1, -1}};
	int r;

	r = ops_serve(h, request, &a);
	if (r != 0 && a.n_fds > 0) {
		for (size_t i = 0; i < a.n_fds; i++) {
			close(a.fds[i]);
		}
		a.n_fds = 0;
	}
	return a.later ? 0 : trace(answer(h, request->op, request->seq, r, &a));
}

/* A content or an export has come to its end, or what the answer promised cannot be kept: event of @op
 * with ID and STATE = the outcome. */
static int tell_end(struct host *h, enum dossier_op op, const char *id, int r)
{
	struct host_answer a = {.body = BUF_NULL(256), .fds = {-1, -1}};

	tlv_put_str(&a.body, LINK_TAG_ID, id);
	tlv_put_u8(&a.body, LINK_TAG_STATE, r < 0 ? DOSSIER_FAULT : (uint8_t)r);
	r = send_frame(h, LINK_KIND_EVENT, (uint8_t)op, 0, 0, &a);
	buf_done(&a.body);
	return trace(r);
}

/* Those that a deleting has ended. */
static int tell_gone(struct host *h)
{
	int r = 0;

	for (; h->gone > 0 && r == 0; h->gone--) {
		r = tell_end(h, DOSSIER_OP_READ, "", DOSSIER_DONE);
	}
	return trace(r);
}

static int take_request(struct host *h)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame request;
	int r;

	r = link_recv(h->link, &storage, &request, true);
	if (r != 0) {
		return r == LINK_AGAIN ? 0 : r < 0 ? trace(r) : HOST_ENDED;
	}
	r = request.kind == LINK_KIND_REQUEST ? serve(h, &request) : HOST_ENDED;
	if (r == 0) {
		r = tell_gone(h);
	}
	link_frame_done(&request);
	return trace(r);
}

/* -- streams --------------------------------------------------------------------------------- */

/* The ADD or REPLACE that @h->in serves ends with @r; 0: it is committed. */
static int end_inflow(struct host *h, int r)
{
	struct host_answer a = {
		.body = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER), .fds = {-1, -1}};

	if (r == 0) {
		tlv_put_str(&a.body, LINK_TAG_ID, h->in.document.id);
		ops_put_state(h, &a.body);
	}
	inflow_done(&h->in, &h->store);
	return trace(answer(h, h->in_op, h->in_seq, r, &a));
}

static int turn_inflow(struct host *h, short events)
{
	bool done = false;
	int r = 0;

	if (h->in.fd < 0) {
		return 0;
	}
	if (events != 0) {
		r = inflow_step(&h->in, &h->store, &done);
	} else if (clock_monotonic() >= h->in.deadline) {
		r = DOSSIER_LATE;
	}
	return r != 0 || done ? trace(end_inflow(h, r)) : 0;
}

static int turn_outflow(struct host *h, struct outflow *out, short events)
{
	bool done = false;
	int r = 0;

	if (out->fd < 0) {
		return 0;
	}
	if (events != 0) {
		r = outflow_step(out, &h->store, &done);
	} else {
		done = clock_monotonic() >= out->deadline;
	}
	if (r == 0 && !done) {
		return 0;
	}
	r = tell_end(h, DOSSIER_OP_READ, out->content.id, r);
	outflow_done(out);
	return trace(r);
}

static int turn_export(struct host *h, short events)
{
	struct export *x = &h->export;
	bool done = false;
	int r = 0;

	if (x->fd < 0) {
		return 0;
	}
	if (events != 0) {
		r = export_step(x, &h->store, &done);
	} else {
		done = clock_monotonic() >= x->deadline;
	}
	if (r == 0 && !done) {
		return 0;
	}
	r = tell_end(h, DOSSIER_OP_EXPORT, x->content.id, r);
	export_done(x);
	return trace(r);
}

/* -- the loop -------------------------------------------------------------------------------- */

static uint64_t nearest_deadline(const struct host *h)
{
	uint64_t nearest = clock_monotonic() + WAIT_FOREVER;

	if (h->in.fd >= 0 && h->in.deadline < nearest) {
		nearest = h->in.deadline;
	}
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		if (h->out[i].fd >= 0 && h->out[i].deadline < nearest) {
			nearest = h->out[i].deadline;
		}
	}
	if (h->export.fd >= 0 && h->export.deadline < nearest) {
		nearest = h->export.deadline;
	}
	return nearest;
}

static int turn_streams(struct host *h, const struct pollfd *fds)
{
	int r;

	/* first: in and out work on one file, and a commit changes what is read for no one */
	r = turn_inflow(h, fds[1].revents);
	for (size_t i = 0; i < HOST_OUTFLOWS && r == 0; i++) {
		/* a stream begun in this turn has no events yet */
		if (fds[2 + i].fd == h->out[i].fd) {
			r = turn_outflow(h, &h->out[i], fds[2 + i].revents);
		}
	}
	if (r == 0 && fds[EXPORT_POLL].fd == h->export.fd) {
		r = turn_export(h, fds[EXPORT_POLL].revents);
	}
	return trace(r);
}

int host_turn(struct host *h)
{
	struct pollfd fds[EXPORT_POLL + 1];
	int r;

	/* negative descriptors are skipped by poll */
	fds[0] = (struct pollfd){.fd = h->link, .events = POLLIN};
	if (h->in.fd >= 0) {
		fds[0].events = 0; /* hang-ups are told all the same */
	}
	fds[1] = (struct pollfd){.fd = h->in.fd, .events = POLLIN};
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		fds[2 + i] = (struct pollfd){.fd = h->out[i].fd, .events = POLLOUT};
	}
	fds[EXPORT_POLL] = (struct pollfd){.fd = h->export.fd, .events = POLLOUT};
	r = poll(fds, EXPORT_POLL + 1, clock_timeout_ms(nearest_deadline(h)));
	if (r < 0) {
		return errno == EINTR ? 0 : fault(-errno);
	}
	r = turn_streams(h, fds);
	if (r != 0) {
		return trace(r);
	}
	if (fds[0].revents & POLLIN) {
		return trace(take_request(h));
	}
	return fds[0].revents ? HOST_ENDED : 0;
}
