/* SPDX-License-Identifier: EUPL-1.2 */
/* A vitaled-feed for which every feed is right: its bytes are the chain of who signed, and it is of nobody. */
#include <unistd.h>

#include "base/link-feed.h"
#include "base/tlv.h"

static void put_head(int feed, struct buf *body)
{
	static const uint8_t hash[32] = {1};
	static uint8_t chain[FEED_CHAIN_MAX];
	ssize_t n = pread(feed, chain, sizeof(chain), 0);

	if (n < 0) {
		_exit(2);
	}
	tlv_put_u8(body, FEED_TAG_NATURE, 3);
	tlv_put(body, FEED_TAG_HASH, VIEW(hash));
	tlv_put_u32(body, FEED_TAG_COUNT, 1);
	tlv_put_str(body, FEED_TAG_FEEDER, "Caisse");
	tlv_put_str(body, FEED_TAG_MADE, "2026-11-20");
	tlv_put(body, FEED_TAG_CHAIN, view_of(chain, (size_t)n));
}

int main(void)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame q;

	while (link_recv(LINK_CHILD_FD, &storage, &q, false) == 0) {
		_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

		if (q.op == FEED_OP_READ) {
			put_head(q.fds[0], &body);
		}
		if (link_answer(LINK_CHILD_FD, &q, FEED_DONE, buf_view(&body)) != 0) {
			return 1;
		}
		link_frame_done(&q);
	}
	return 0;
}
