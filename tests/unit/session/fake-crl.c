/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A vitaled-crl that does what the list's text says, good or bad. "good" and the texts about numbers
 * name as their authority whatever stands in the second descriptor's first certificate: the test puts
 * the name's 32 bytes after the word, in hexadecimal.
 */
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/link-crl.h"
#include "base/tlv.h"

static char text[128];

static bool is(const char *word)
{
	return strncmp(text, word, strlen(word)) == 0;
}

static void answer(const struct link_frame *q, uint8_t outcome, struct buf *body)
{
	if (link_answer(LINK_CHILD_FD, q, outcome, buf_view(body)) != 0)
		_exit(1);
}

static void put_head(struct buf *body, uint32_t count)
{
	struct buf id = BUF_NULL(64);

	if (hex_decode(&id, view_of(text + 10, 64)) != 0)
		_exit(1);
	tlv_put(body, CRL_TAG_ISSUER, is("issuer") ? VIEW_TEXT("short") : buf_view(&id));
	if (is("until"))
		tlv_put(body, CRL_TAG_NEXT_UPDATE, VIEW_TEXT("short"));
	tlv_put_u64(body, CRL_TAG_THIS_UPDATE, is("year") ? UINT64_MAX / 2 : 1000);
	if (is("number"))
		tlv_put(body, CRL_TAG_NUMBER, VIEW_TEXT("short"));
	if (is("point"))
		tlv_put(body, CRL_TAG_POINT, view_of("\0", 1));
	tlv_put_u32(body, CRL_TAG_COUNT, is("many") ? 1000001 : is("drip") ? 1000000 : count);
	buf_done(&id);
}

static void on_read(const struct link_frame *q)
{
	struct buf body = BUF_NULL(4096);

	(void)memset(text, 0, sizeof(text));
	if (pread(q->fds[0], text, sizeof(text) - 1, 0) < 0)
		_exit(1);
	if (is("crash"))
		(void)raise(SIGKILL);
	if (is("leave"))
		_exit(0);
	while (is("hang"))
		(void)pause();
	if (is("garbage") && write(LINK_CHILD_FD, "x", 1) < 0)
		_exit(1);
	if (!is("nohead") && !is("outcome"))
		put_head(&body, 2);
	answer(q, is("outcome") ? 77 : 0, &body);
	buf_done(&body);
}

static void on_more(const struct link_frame *q)
{
	static const uint8_t ascending[2][20] = {{1}, {2}};
	static const uint8_t descending[2][20] = {{2}, {1}};
	static uint8_t drop[20];
	struct buf body = BUF_NULL(4096);

	if (is("die"))
		(void)raise(SIGKILL);
	if (is("ascend"))
		tlv_put(&body, CRL_TAG_SERIALS, VIEW(ascending));
	if (is("descend"))
		tlv_put(&body, CRL_TAG_SERIALS, VIEW(descending));
	if (is("drip")) { /* one at a time, and never in haste */
		if (++drop[19] == 0 && ++drop[18] == 0)
			drop[17]++;
		tlv_put(&body, CRL_TAG_SERIALS, VIEW(drop));
	}
	if (is("none"))
		tlv_put(&body, CRL_TAG_SERIALS, VIEW_NULL);
	answer(q, is("refuse") ? CRL_FAULT : 0, &body);
	buf_done(&body);
}

int main(void)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame q;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (link_recv(LINK_CHILD_FD, &storage, &q, false) == 0) {
		if (q.op == CRL_OP_READ)
			on_read(&q);
		else
			on_more(&q);
		link_frame_done(&q);
	}
	return 0;
}
