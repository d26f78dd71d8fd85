/* SPDX-License-Identifier: EUPL-1.2 */
/* The scene of the simulator's tests; see scene.h. */
#include "tests/unit/sim/scene.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"

void scene_make(struct scene *s, const char *const *names)
{
	struct personalise_job job = {.nature = "simulated", .profiles = TEST_PROFILES};
	struct buf why = BUF_NULL(1024);

	snprintf(s->dir, sizeof(s->dir), "/tmp/vitaled-sim.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	job.dir = s->dir;
	for (; *names; names++)
		assert_int_equal(personalise_card(&job, *names, &why), 0);
	buf_done(&why);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void scene_done(struct scene *s)
{
	nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void play_start(struct play *p, const struct scene *s, const char *name, unsigned protocol)
{
	struct state *state;

	*p = (struct play){.answer = BUF_NULL(1024)};
	assert_int_equal(state_load(s->dir, name, &state), 0);
	assert_int_equal(card_new(state, &p->card), 0);
	transport_init(&p->transport);
	transport_reset(&p->transport, protocol, 32);
}

void play_done(struct play *p)
{
	p->card = card_free(p->card);
	transport_done(&p->transport);
	buf_done(&p->answer);
}

void play_reset(struct play *p)
{
	card_reset(p->card);
	transport_reset(&p->transport, p->transport.protocol, 32);
}

uint16_t play_send_view(struct play *p, struct view command)
{
	struct reader last;

	p->characters = transport_exchange(&p->transport, p->card, command, &p->answer);
	assert_int_equal(buf_check(&p->answer), 0);
	last = reader_of(view_last(buf_view(&p->answer), 2));
	p->sw = reader_u16(&last);
	assert_false(last.failed);
	buf_truncate(&p->answer, p->answer.len - 2);
	return p->sw;
}

uint16_t play_send(struct play *p, const char *hex)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1024);

	assert_int_equal(hex_decode(&command, view_str(hex)), 0);
	return play_send_view(p, buf_view(&command));
}

uint16_t play_fetch_view(struct play *p, struct view command)
{
	_cleanup_(buf_done) struct buf again = BUF_NULL(1024), all = BUF_NULL(1024);
	uint16_t sw = play_send_view(p, command);

	if (sw >> 8 == 0x6C) {
		buf_put_view(&again, view_sub(command, 0, 4));
		buf_put_u8(&again, (uint8_t)sw);
		return play_send_view(p, buf_view(&again));
	}
	buf_put_view(&all, buf_view(&p->answer));
	while (sw >> 8 == 0x61) {
		uint8_t get[] = {0x00, 0xC0, 0x00, 0x00, (uint8_t)sw};

		sw = play_send_view(p, VIEW(get));
		buf_put_view(&all, buf_view(&p->answer));
	}
	buf_reset(&p->answer);
	buf_put_view(&p->answer, buf_view(&all));
	return sw;
}

uint16_t play_fetch(struct play *p, const char *hex)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1024);

	assert_int_equal(hex_decode(&command, view_str(hex)), 0);
	return play_fetch_view(p, buf_view(&command));
}

void assert_view_hex(struct view v, const char *hex)
{
	_cleanup_(buf_done) struct buf want = BUF_NULL(4096), text = BUF_NULL(8192);

	assert_int_equal(hex_decode(&want, view_str(hex)), 0);
	if (view_equal(buf_view(&want), v))
		return;
	hex_encode(&text, v);
	buf_put_u8(&text, 0);
	fail_msg("%s instead of %s", (const char *)text.data, hex);
}
