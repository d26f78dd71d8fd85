/* SPDX-License-Identifier: EUPL-1.2 */
/* Requests over the kind of card of fake-card.h while memory runs out, at each allocation in turn: no
 * answer is half an answer, and no card is blamed for it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/reader/script.h"
#include "tests/unit/card/act.h"
#include "tests/unit/card/no-memory.h"

#define MUCH	300U /* bytes of an answer: its buffer grows more than once */
#define ANSWERS 3U
#define HEAD	3U
#define NEVER	10000U

static const char dialogue[] = OPENED "> 00CA000101\n< 07 9000\n> 0084000002\n< 0A0B 9000\n";

static void send_request(int fd, uint8_t op, struct view body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.body = body;
	assert_int_equal(link_send(fd, &f, true), 0);
}

/* All requests served while allocation @n fails. Return: how many answers wait in *@ret_fd. */
static unsigned serve_without(unsigned n, bool *ret_met, int *ret_fd)
{
	struct transport *t = NULL;
	struct serve s;
	int fds[2];
	int r;

	assert_int_equal(script_new(view_str(dialogue), &t), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	send_request(fds[0], CARD_OP_OPEN, VIEW_TEXT("\xC0\x01\x41\xC5\x01\x01"));
	send_request(fds[0], CARD_OP_IDENTIFY, VIEW_NULL);
	send_request(fds[0], CARD_OP_CHALLENGE, VIEW_TEXT("\xDE\x02HO"));
	assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
	assert_int_equal(serve_init(&s, fds[1], READER_DRIVER_PCSC, t), 0);
	no_memory_after(n);
	r = serve_run(&s);
	*ret_met = no_memory_met();
	assert_true(r == 0 || (r == -ENOMEM && *ret_met));
	serve_done(&s);
	transport_free(t);
	close(fds[1]);
	*ret_fd = fds[0];
	return r == 0 ? ANSWERS : 0;
}

/* @whole: the answer when nothing is lacking. Return: whether this one was given up. */
static bool is_given_up(const struct link_frame *f, struct view whole)
{
	uint32_t count;

	if (f->outcome == CARD_DONE) {
		/* the counters at its end know what was not sent before */
		assert_int_equal(f->body.len, whole.len);
		assert_true(view_equal(view_sub(f->body, 0, HEAD), view_sub(whole, 0, HEAD)));
		return false;
	}
	/* nothing but the counters, or nothing */
	assert_int_equal(f->outcome, CARD_FAILED);
	assert_true(f->body.len < MUCH);
	assert_true(f->body.len == 0 || tlv_find_u32(f->body, LINK_TAG_TPDUS, &count) == 0);
	return true;
}

static void no_answer_is_half_an_answer(void **state)
{
	struct buf whole[ANSWERS] = {
		BUF_NULL(LINK_MAX_FRAME), BUF_NULL(LINK_MAX_FRAME), BUF_NULL(LINK_MAX_FRAME)};
	unsigned given_up = 0;
	bool met = false;
	unsigned n = NEVER; /* first a run that lacks nothing */

	(void)state;
	fake_much = MUCH;
	do {
		int fd;
		unsigned answers = serve_without(n, &met, &fd);

		for (unsigned i = 0; i < answers; i++) {
			_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
			struct link_frame f;

			assert_int_equal(link_recv(fd, &storage, &f, true), 0);
			if (n == NEVER) {
				assert_int_equal(f.outcome, CARD_DONE);
				buf_put_view(&whole[i], f.body);
			}
			given_up += is_given_up(&f, buf_view(&whole[i]));
		}
		close(fd);
		n = n == NEVER ? 0 : n + 1;
	} while (met || n == 0);
	assert_true(given_up > 0 && whole[1].len > MUCH);
	for (unsigned i = 0; i < ANSWERS; i++) {
		buf_done(&whole[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(no_answer_is_half_an_answer, act_setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
