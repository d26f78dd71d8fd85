/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Plays a scene in one process and one thread: all requests are queued in the socket pair first,
 * then serve_run() works them off until it finds the other end shut, then the answers are read.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/dialogue.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hex.h"
#include "drivers/reader/script.h"

static void read_text(const char *name, struct buf *text)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	uint8_t block[1024];
	ssize_t n;
	int fd;

	buf_printf(&path, "%s/%s.txt%c", DIALOGUES, name, 0);
	fd = open((const char *)path.data, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fail_msg("no dialogue %s", name);
	}
	while ((n = read(fd, block, sizeof(block))) > 0) {
		buf_put(text, block, (size_t)n);
	}
	close(fd);
}

struct transport *load_dialogue(const char *name)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(262144);
	struct transport *t = NULL;

	read_text(name, &text);
	assert_int_equal(script_new(buf_view(&text), &t), 0);
	return t;
}

static int pipe_with(struct view text)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], text.data, text.len), text.len);
	close(fds[1]);
	return fds[0];
}

/* A pipe for each side of a "+". */
static void put_pipes(struct link_frame *f, const char *pin)
{
	const char *plus = pin ? strchr(pin, '+') : NULL;

	if (pin) {
		f->fds[f->n_fds++] =
			pipe_with(plus ? view_of(pin, (size_t)(plus - pin)) : view_str(pin));
	}
	if (plus) {
		f->fds[f->n_fds++] = pipe_with(view_str(plus + 1));
	}
}

static void send_step(int fd, const struct step *s, uint32_t seq)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;

	if (s->request) {
		assert_int_equal(hex_decode(&body, view_str(s->request)), 0);
	}
	f.kind = LINK_KIND_REQUEST;
	f.op = s->op;
	f.seq = seq;
	f.body = buf_view(&body);
	put_pipes(&f, s->pin);
	assert_int_equal(link_send(fd, &f, true), 0);
	link_frame_done(&f);
}

/* The next answer; events before it are noted in @seen. */
static void next_answer(int fd, struct buf *storage, struct link_frame *f, struct buf *seen)
{
	uint32_t count;

	assert_int_equal(link_recv(fd, storage, f, true), 0);
	while (f->kind == LINK_KIND_EVENT) {
		assert_int_equal(f->op, CARD_OP_ALIVE);
		assert_int_equal(tlv_find_u32(f->body, LINK_TAG_TPDUS, &count), 0);
		assert_int_equal(tlv_find_u32(f->body, LINK_TAG_CHARACTERS, &count), 0);
		buf_put_str(seen, "+");
		assert_int_equal(link_recv(fd, storage, f, true), 0);
	}
	buf_put_str(seen, ".");
}

static void check_step(int fd, const struct scene *scene, size_t i, struct buf *seen)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * LINK_MAX_FRAME);
	const struct step *s = &scene->steps[i];
	struct link_frame f;
	uint32_t count;

	next_answer(fd, &storage, &f, seen);
	hex_encode(&hex, f.body);
	buf_put_u8(&hex, 0);
	if (f.outcome != s->outcome) {
		fail_msg("%s, request %zu (op %u): outcome %u, expected %u, body %s",
			scene->dialogue, i, s->op, f.outcome, s->outcome, (char *)hex.data);
	}
	assert_int_equal(f.kind, LINK_KIND_ANSWER);
	assert_int_equal(f.op, s->op);
	assert_int_equal(f.seq, i + 1);
	assert_int_equal(tlv_find_u32(f.body, LINK_TAG_TPDUS, &count), 0);
	assert_int_equal(tlv_find_u32(f.body, LINK_TAG_CHARACTERS, &count), 0);
	if (s->answer && strncasecmp((char *)hex.data, s->answer, strlen(s->answer)) != 0) {
		fail_msg("%s, request %zu: body %s, expected %s", scene->dialogue, i,
			(char *)hex.data, s->answer);
	}
	if (s->check) {
		s->check(f.body);
	}
}

/* Send all requests, serve them, leave the answers in the socket. Return: how many, and the socket. */
static size_t run_scene(const struct scene *scene, struct transport *t, int *ret_fd)
{
	struct serve s;
	size_t n = 0;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	while (n < SCENE_STEPS && scene->steps[n].op) {
		send_step(fds[0], &scene->steps[n], (uint32_t)n + 1);
		n++;
	}
	assert_int_equal(shutdown(fds[0], SHUT_WR), 0);
	assert_int_equal(serve_init(&s, fds[1], READER_DRIVER_PCSC, t), 0);
	assert_int_equal(serve_run(&s), 0);
	serve_done(&s);
	close(fds[1]);
	*ret_fd = fds[0];
	return n;
}

static void play_on(const struct scene *scene, struct transport *t, const char *events)
{
	_cleanup_(buf_done) struct buf seen = BUF_NULL(256);
	size_t n;
	int fd;

	n = run_scene(scene, t, &fd);
	for (size_t i = 0; i < n; i++) {
		check_step(fd, scene, i, &seen);
	}
	buf_put_u8(&seen, 0);
	if (events) {
		assert_string_equal((char *)seen.data, events);
	}
	if (!script_finished(t)) {
		fail_msg("%s: not all of the dialogue was used", scene->dialogue);
	}
	if (script_closed(t) != scene->closed) {
		fail_msg("%s: closed %d, expected %d", scene->dialogue, script_closed(t),
			scene->closed);
	}
	close(fd);
	transport_free(t);
}

void play(const struct scene *scene)
{
	play_on(scene, load_dialogue(scene->dialogue), NULL);
}

void play_text(const struct scene *scene, const char *text, const char *events)
{
	struct transport *t = NULL;

	assert_int_equal(script_new(view_str(text), &t), 0);
	play_on(scene, t, events);
}

/* -- breaking a dialogue --------------------------------------------------------------------------- */

/* @text up to its answer @index, which becomes @word. Return: whether there is such an answer. */
static bool cut(struct view text, size_t index, const char *word, struct buf *out)
{
	struct reader r = reader_of(text);
	bool line_start = true;
	size_t n = 0;

	while (r.left > 0) {
		uint8_t c = reader_u8(&r);

		if (line_start && c == '<' && n++ == index) {
			buf_put_str(out, word);
			return true;
		}
		buf_put_u8(out, c);
		line_start = c == '\n';
	}
	return false;
}

/* The answers of a scene that met @outcome somewhere. */
static void check_broken(
	int fd, const struct scene *scene, size_t n, uint8_t outcome, bool sticky)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf seen = BUF_NULL(256);
	bool met = false;

	for (size_t i = 0; i < n; i++) {
		struct link_frame f;
		bool alone = scene->steps[i].op == CARD_OP_CLOSE;

		next_answer(fd, &storage, &f, &seen);
		if (!met && f.outcome == scene->steps[i].outcome) {
			continue;
		}
		/* FAILED: what follows a broken answer that harms nothing stands in no dialogue */
		if ((!met || (sticky && !alone)) && f.outcome != outcome &&
			f.outcome != CARD_FAILED) {
			fail_msg("%s, request %zu: outcome %u", scene->dialogue, i, f.outcome);
		}
		met = true;
	}
	assert_true(met);
}

void play_broken(const struct scene *scene, const char *word, uint8_t outcome, bool sticky)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(262144);

	read_text(scene->dialogue, &text);
	for (size_t i = 0;; i++) {
		_cleanup_(buf_done) struct buf broken = BUF_NULL(262144);
		struct transport *t = NULL;
		size_t n;
		int fd;

		if (!cut(buf_view(&text), i, word, &broken)) {
			assert_true(i > 0);
			return;
		}
		assert_int_equal(script_new(buf_view(&broken), &t), 0);
		n = run_scene(scene, t, &fd);
		check_broken(fd, scene, n, outcome, sticky);
		close(fd);
		transport_free(t);
	}
}

void text_is(struct view body, uint32_t tag, const char *text)
{
	struct tlv t;

	assert_int_equal(tlv_find(body, tag, &t), 0);
	assert_int_equal(t.value.len, strlen(text));
	assert_memory_equal(t.value.data, text, strlen(text));
}
