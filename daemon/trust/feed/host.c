/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One request, one answer. The feed is read once, by position and at most to its limit, into memory
 * of our own: what its sender changes later changes nothing. What was verified is what is handed on.
 * struct host owns feed and lines until the next READ.
 */
#include "daemon/trust/feed/host.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "daemon/limits.h"

#define DAY_USEC (24ULL * 3600ULL * USEC_PER_SEC)
#define WHY_MAX	 64U

struct answer {
	struct buf body;
	int fd; /* -1: none */
};

void host_init(struct host *h, int link)
{
	*h = (struct host){.link = link, .feed = FEED_SIGNED_NULL, .lines = FEED_LINES_NULL};
}

void host_done(struct host *h)
{
	feed_lines_done(&h->lines);
	feed_signed_done(&h->feed);
	h->at = 0;
	h->n = 0;
}

/* -- reading ------------------------------------------------------------------------------------ */

/* The whole regular file @fd. Return: 0, a fault, LARGE or NO_FILE. */
static int read_whole(int fd, size_t max, struct buf *out)
{
	struct stat st;
	uint8_t *to;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < 0)
		return FEED_NO_FILE;
	if ((uint64_t)st.st_size > max)
		return FEED_LARGE;
	if (st.st_size == 0)
		return 0;
	to = buf_extend(out, (size_t)st.st_size);
	for (off_t at = 0; to && at < st.st_size;) {
		ssize_t n = pread(fd, to + at, (size_t)(st.st_size - at), at);

		if (n <= 0)
			return FEED_NO_FILE; /* it cannot be read, or was cut under us */
		at += n;
	}
	return trace(buf_check(out));
}

static int invalid(struct answer *a, const char *why)
{
	tlv_put_str(&a->body, FEED_TAG_WHY, why);
	return FEED_INVALID;
}

/* The header names who signed. */
static int check_feeder(const struct host *h, struct answer *a)
{
	return view_equal(view_str(h->lines.feeder), view_str(h->feed.signer))
		       ? 0
		       : invalid(a, "line 1: feeder");
}

static int take_lines(struct host *h, uint64_t now, struct answer *a)
{
	struct feed_where where = {.line = 0};
	char latest[28], why[WHY_MAX];
	int r;

	/* a day ahead: the sender's midnight may come before ours */
	clock_rfc3339(now + DAY_USEC, latest);
	latest[10] = '\0';
	r = feed_lines_read(
		h->feed.content, now < LIMIT_CLOCK_SET ? NULL : latest, &h->lines, &where);
	if (r <= 0)
		return r < 0 ? trace(r) : check_feeder(h, a);
	(void)snprintf(why, sizeof(why), "line %u: %s", where.line, where.member);
	return invalid(a, why);
}

static int take_feed(
	struct host *h, struct view file, struct view anchors, uint64_t now, struct answer *a)
{
	uint8_t hash[CRYPTO_SHA256];
	const char *why = NULL;
	int r;

	r = feed_verify(file, anchors, now, &h->feed, &why);
	if (r > 0)
		return invalid(a, why);
	if (r == 0)
		r = crypto_sha256(&file, 1, hash);
	if (r == 0)
		r = take_lines(h, now, a);
	if (r != 0)
		return trace(r);
	tlv_put_u8(&a->body, FEED_TAG_NATURE, (uint8_t)h->feed.nature);
	tlv_put_str(&a->body, FEED_TAG_FEEDER, h->feed.signer);
	tlv_put_str(&a->body, FEED_TAG_MADE, h->lines.made);
	tlv_put(&a->body, FEED_TAG_HASH, VIEW(hash));
	tlv_put_u32(&a->body, FEED_TAG_COUNT, h->lines.n);
	tlv_put_u32(&a->body, FEED_TAG_PERSONS, h->lines.persons);
	tlv_put(&a->body, FEED_TAG_CHAIN, buf_view(&h->feed.chain));
	return 0;
}

static int serve_read(struct host *h, const struct link_frame *q, struct answer *a)
{
	_cleanup_(buf_done) struct buf file = BUF_NULL(LIMIT_FEED_BYTES);
	_cleanup_(buf_done) struct buf anchors = BUF_NULL(LIMIT_FEED_ANCHORS);
	uint64_t now;
	int r;

	host_done(h);
	if (q->n_fds != 2 || tlv_find_u64(q->body, FEED_TAG_NOW, &now) != 0)
		return fault(-EBADMSG);
	r = read_whole(q->fds[0], LIMIT_FEED_BYTES, &file);
	if (r == 0)
		r = read_whole(q->fds[1], LIMIT_FEED_ANCHORS, &anchors);
	if (r == 0)
		r = take_feed(h, buf_view(&file), buf_view(&anchors), now, a);
	if (r != 0)
		host_done(h);
	return trace(r);
}

/* -- handing over ------------------------------------------------------------------------------- */

static int serve_next(struct host *h, struct answer *a)
{
	h->at += h->n;
	h->n = h->at < h->lines.n ? feed_lines_person(&h->lines, h->at) : 0;
	if (h->n > 0) {
		tlv_put_str(&a->body, FEED_TAG_NUMBER, h->lines.lines[h->at].number);
		tlv_put_u32(&a->body, FEED_TAG_COUNT, h->n);
	}
	return 0;
}

static int serve_lines(struct host *h, struct answer *a)
{
	_cleanup_json_ json_t *list = NULL;
	int r = feed_lines_metadata(&h->lines, h->at, h->n, &list);

	if (r == 0)
		r = json_memfd(list, "vitaled-reimbursements", &a->fd);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

/* Return: 0, a fault, or an outcome for the broker; FEED_OUTCOMES for what is no request of ours. */
static int serve(struct host *h, const struct link_frame *q, struct answer *a)
{
	switch (q->op) {
	case FEED_OP_READ:
		return trace(serve_read(h, q, a));
	case FEED_OP_NEXT:
		return trace(serve_next(h, a));
	case FEED_OP_LINES:
		return trace(serve_lines(h, a));
	default: /* a byte of the link, not our enum */
		return FEED_OUTCOMES;
	}
}

static int send_answer(struct host *h, const struct link_frame *q, int r, struct answer *a)
{
	struct link_frame f = LINK_FRAME_NULL;

	if (a->body.failed)
		r = a->body.failed;
	f.kind = LINK_KIND_ANSWER;
	f.op = q->op;
	f.seq = q->seq;
	f.outcome = r < 0 ? FEED_FAULT : (uint8_t)r;
	f.body = r < 0 ? VIEW_NULL : buf_view(&a->body);
	f.fds[0] = a->fd;
	f.n_fds = r == 0 && a->fd >= 0 ? 1 : 0;
	r = link_send(h->link, &f, false);
	if (a->fd >= 0)
		(void)close(a->fd);
	buf_done(&a->body);
	return r > 0 ? HOST_ENDED : trace(r);
}

int host_turn(struct host *h)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct answer a = {.body = BUF_NULL(FEED_CHAIN_MAX + 4096U), .fd = -1};
	struct link_frame q;
	int r;

	r = link_recv(h->link, &storage, &q, false);
	if (r != 0)
		return r < 0 ? trace(r) : HOST_ENDED;
	r = q.kind == LINK_KIND_REQUEST ? serve(h, &q, &a) : FEED_OUTCOMES;
	if (r == FEED_OUTCOMES) {
		link_frame_done(&q);
		return HOST_ENDED;
	}
	r = send_answer(h, &q, r, &a);
	link_frame_done(&q);
	return trace(r);
}
