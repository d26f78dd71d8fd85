/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One request, one answer. Files are read through the descriptors that came with the request, by
 * position and at most to their limits; both are closed before the answer. struct host owns the list
 * that is being handed over.
 */
#include "daemon/trust/crl/host.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tlv.h"
#include "daemon/limits.h"

#define AUTHORITIES_MAX (4U * 1024U * 1024U) /* as daemon/trust/revocation.c makes them */

void host_init(struct host *h, int link)
{
	*h = (struct host){.link = link, .list = CRL_NULL};
}

void host_done(struct host *h)
{
	crl_done(&h->list);
}

/* The whole regular file @fd. Return: 0, a fault, LARGE or MALFORMED. */
static int read_whole(int fd, size_t max, struct buf *out)
{
	struct stat st;
	uint8_t *to;

	if (fstat(fd, &st) < 0)
		return fault(-errno);
	if (!S_ISREG(st.st_mode) || st.st_size < 0)
		return CRL_MALFORMED;
	if ((uint64_t)st.st_size > max)
		return CRL_LARGE;
	to = buf_extend(out, (size_t)st.st_size);
	for (off_t at = 0; to && at < st.st_size;) {
		ssize_t n = pread(fd, to + at, (size_t)(st.st_size - at), at);

		if (n < 0)
			return fault(-errno);
		if (n == 0)
			return CRL_MALFORMED; /* it was cut under us */
		at += n;
	}
	return trace(buf_check(out));
}

static void put_head(const struct crl *c, struct buf *out)
{
	tlv_put(out, CRL_TAG_ISSUER, VIEW(c->issuer));
	tlv_put_u64(out, CRL_TAG_THIS_UPDATE, c->this_update);
	if (c->next_update)
		tlv_put_u64(out, CRL_TAG_NEXT_UPDATE, c->next_update);
	if (c->numbered)
		tlv_put(out, CRL_TAG_NUMBER, VIEW(c->number));
	if (c->point[0])
		tlv_put_str(out, CRL_TAG_POINT, c->point);
	tlv_put_u32(out, CRL_TAG_COUNT, c->n);
}

static int serve_read(struct host *h, const struct link_frame *q, struct buf *out)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(LIMIT_CRL_BYTES);
	_cleanup_(buf_done) struct buf authorities = BUF_NULL(AUTHORITIES_MAX);
	int r;

	crl_done(&h->list);
	h->at = 0;
	if (q->n_fds != 2)
		return CRL_MALFORMED;
	r = read_whole(q->fds[0], LIMIT_CRL_BYTES, &file);
	if (r == 0)
		r = read_whole(q->fds[1], AUTHORITIES_MAX, &authorities);
	if (r == 0)
		r = crl_read(buf_view(&file), buf_view(&authorities), &h->list);
	if (r == 0)
		put_head(&h->list, out);
	return trace(r);
}

static int serve_more(struct host *h, struct buf *out)
{
	uint32_t left = h->list.n - h->at;
	uint32_t n = left < CRL_CHUNK ? left : CRL_CHUNK;
	size_t mark = tlv_open(out, CRL_TAG_SERIALS);

	for (uint32_t i = 0; i < n; i++)
		buf_put(out, h->list.serials[h->at + i], ISSUER_SERIAL);
	tlv_close(out, mark);
	h->at += n;
	return 0;
}

/* Return: 0, a fault, or an outcome for the broker; CRL_OUTCOMES for what is no request of ours. */
static int serve(struct host *h, const struct link_frame *q, struct buf *out)
{
	switch (q->op) {
	case CRL_OP_READ:
		return trace(serve_read(h, q, out));
	case CRL_OP_MORE:
		return trace(serve_more(h, out));
	default: /* a byte of the link, not our enum */
		return CRL_OUTCOMES;
	}
}

static int answer(struct host *h, const struct link_frame *q, int r, struct buf *out)
{
	if (r == 0 && out->failed)
		r = out->failed;
	if (r != 0)
		buf_reset(out);
	r = link_answer(h->link, q, r < 0 ? CRL_FAULT : (uint8_t)r, buf_view(out));
	return r > 0 ? HOST_ENDED : trace(r);
}

int host_turn(struct host *h)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf out = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER);
	struct link_frame q;
	int r;

	r = link_recv(h->link, &storage, &q, false);
	if (r != 0)
		return r < 0 ? trace(r) : HOST_ENDED;
	r = q.kind == LINK_KIND_REQUEST ? serve(h, &q, &out) : CRL_OUTCOMES;
	if (r == CRL_OUTCOMES) {
		link_frame_done(&q);
		return HOST_ENDED;
	}
	for (size_t i = 0; i < q.n_fds; i++) {
		(void)close(q.fds[i]);
		q.fds[i] = -1;
	}
	return trace(answer(h, &q, r, &out));
}
