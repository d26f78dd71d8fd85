/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The card of the driver tests. Its T=0 is that of the standard: 61XX after data with an answer,
 * 6CXX when more is asked than there is. Owns its files and its record; everything in it may be
 * overridden by rules, so that a test says only what is special about its card.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/model.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/tlv.h"

#define SW_DONE 0x9000

static struct model *of(struct transport *t)
{
	return (struct model *)(void *)t; /* base is the first member */
}

/* -- files --------------------------------------------------------------------------------- */

struct model_file *model_find(struct model *m, uint16_t df, uint16_t fid)
{
	for (size_t i = 0; i < m->n_files; i++) {
		if (m->files[i].df == df && m->files[i].fid == fid) {
			return &m->files[i];
		}
	}
	return NULL;
}

void model_put(struct model *m, uint16_t df, uint16_t fid, uint8_t sfi,
	enum model_access access, const char *hex)
{
	struct model_file *f = model_find(m, df, fid);

	if (!f) {
		assert_true(m->n_files < MODEL_FILES);
		f = &m->files[m->n_files++];
		*f = (struct model_file){.df = df, .fid = fid, .content = BUF_NULL(65536)};
	}
	f->sfi = sfi;
	f->access = access;
	buf_reset(&f->content);
	assert_int_equal(hex_decode(&f->content, view_str(hex)), 0);
}

void model_remove(struct model *m, uint16_t df, uint16_t fid)
{
	struct model_file *f = model_find(m, df, fid);

	assert_non_null(f);
	f->df = 0;
	f->sfi = 0;
}

void model_hide(struct model *m, uint16_t df, uint16_t fid)
{
	struct model_file *f = model_find(m, df, fid);

	assert_non_null(f);
	f->sfi = 0;
}

void model_rule(struct model *m, const char *command, const char *answer)
{
	for (size_t i = 0; i < MODEL_RULES; i++) {
		if (!m->rules[i].command) {
			m->rules[i] = (struct model_rule){.command = command, .answer = answer};
			return;
		}
	}
	fail_msg("too many rules");
}

/* -- the line ------------------------------------------------------------------------------ */

static void put_answer(struct buf *answer, struct view data, uint16_t sw)
{
	buf_put_view(answer, data);
	buf_put_u16(answer, sw);
}

static void give(struct model *m, struct view data, size_t le, struct buf *answer)
{
	size_t have = data.len < m->block ? data.len : m->block;

	if (le > have) {
		put_answer(answer, VIEW_NULL, (uint16_t)(0x6C00 | (have & 0xFF)));
		return;
	}
	put_answer(answer, view_sub(data, 0, le), SW_DONE);
}

static void get_response(struct model *m, size_t le, struct buf *answer)
{
	_cleanup_(buf_done) struct buf rest = BUF_NULL(65536);
	size_t have;

	if (m->pending.len == 0) {
		put_answer(answer, VIEW_NULL, 0x6985);
		return;
	}
	have = m->pending.len < m->block ? m->pending.len : m->block;
	if (le > have) {
		put_answer(answer, VIEW_NULL, (uint16_t)(0x6C00 | (have & 0xFF)));
		return;
	}
	buf_put_view(&rest, view_sub(buf_view(&m->pending), le, m->pending.len));
	put_answer(answer, view_sub(buf_view(&m->pending), 0, le),
		rest.len == 0 ? SW_DONE : (uint16_t)(0x6100 | (rest.len & 0xFF)));
	buf_reset(&m->pending);
	buf_put_view(&m->pending, buf_view(&rest));
}

static struct model_request parse(const struct model *m, struct view command, bool *ret_data)
{
	struct reader r = reader_of(command);
	struct model_request q = {.cla = reader_u8(&r)};
	uint8_t p3;

	q.ins = reader_u8(&r);
	q.p1 = reader_u8(&r);
	q.p2 = reader_u8(&r);
	p3 = reader_u8(&r);
	*ret_data = r.left > 0;
	if (r.left >= p3 && p3 > 0 && r.left > 0) {
		q.data = reader_take(&r, p3);
		q.le = r.left > 0 ? reader_u8(&r) : 0;
		if (m->base.protocol == TRANSPORT_T1 && command.len > 5 + q.data.len &&
			q.le == 0) {
			q.le = 256;
		}
	} else {
		q.le = command.len < 5 ? 0 : p3 == 0 ? 256 : p3;
	}
	return q;
}

static void answer_command(struct model *m, struct view command, struct buf *answer)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(65536);
	bool t1 = m->base.protocol == TRANSPORT_T1;
	bool has_data;
	struct model_request q = parse(m, command, &has_data);
	uint16_t sw;

	if (q.ins == APDU_GET_RESPONSE) {
		get_response(m, q.le, answer);
		return;
	}
	buf_reset(&m->pending);
	sw = model_process(m, &q, &data);
	if (data.len == 0 || sw != SW_DONE) {
		put_answer(answer, VIEW_NULL, sw);
	} else if (t1) {
		put_answer(answer, buf_view(&data), SW_DONE);
	} else if (has_data || (q.ins != APDU_READ_BINARY && data.len > m->block)) {
		buf_put_view(&m->pending, buf_view(&data));
		put_answer(answer, VIEW_NULL,
			(uint16_t)(0x6100 | (data.len < 256 ? data.len : 0)));
	} else {
		give(m, buf_view(&data), q.le, answer);
	}
}

/* Return: -1 when @text is bytes, which were put, else the outcome it names. */
static int say(const char *text, struct buf *answer)
{
	static const struct {
		const char *name;
		int outcome;
	} outcomes[] = {
		{"gone", TRANSPORT_GONE},
		{"mute", TRANSPORT_MUTE},
		{"late", TRANSPORT_LATE},
		{"cancelled", TRANSPORT_CANCELLED},
		{"fault", -EIO},
	};

	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		if (strcmp(outcomes[i].name, text) == 0) {
			return outcomes[i].outcome;
		}
	}
	assert_int_equal(hex_decode(answer, view_str(text)), 0);
	return 0;
}

static bool begins_with(struct view command, const char *hex)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(300);

	assert_int_equal(hex_decode(&b, view_str(hex)), 0);
	return command.len >= b.len && view_equal(view_sub(command, 0, b.len), buf_view(&b));
}

static const struct model_rule *find_rule(struct model *m, struct view command)
{
	for (size_t i = MODEL_RULES; i > 0; i--) {
		const struct model_rule *rule = &m->rules[i - 1];

		if (!rule->command || !begins_with(command, rule->command)) {
			continue;
		}
		m->met[i - 1]++;
		if (m->met[i - 1] > rule->skip &&
			(rule->times == 0 || m->met[i - 1] <= rule->skip + rule->times)) {
			return rule;
		}
	}
	return NULL;
}

static int line(struct model *m, struct view command, bool keypad, struct buf *answer)
{
	struct model_line *l = &m->lines[m->n_lines];
	const struct model_rule *rule = find_rule(m, command);
	struct reader last;
	int r = 0;

	assert_true(m->n_lines < MODEL_LINES);
	*l = (struct model_line){.len = command.len, .keypad = keypad};
	bytes_copy(l->command, sizeof(l->command), command.data,
		command.len < sizeof(l->command) ? command.len : sizeof(l->command));
	m->n_lines++;
	if (m->fail_at == m->n_lines) {
		r = say(m->failure, answer);
	} else if (rule) {
		r = say(rule->answer, answer);
	} else {
		answer_command(m, command, answer);
	}
	if (r != 0) {
		return r < 0 ? fault(r) : r;
	}
	last = reader_of(view_last(buf_view(answer), 2));
	l->sw = reader_u16(&last);
	l->out = answer->len >= 2 ? answer->len - 2 : 0;
	return 0;
}

static int model_transmit(
	struct transport *t, struct view command, uint64_t deadline, struct buf *answer)
{
	(void)deadline;
	return line(of(t), command, false, answer);
}

/* Digits of m->keys into the template. */
static int model_secure(struct transport *t, const struct transport_pin *pin, uint64_t deadline,
	struct buf *answer)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(64);
	struct model *m = of(t);

	(void)deadline;
	if (!m->keys) {
		return TRANSPORT_CANCELLED;
	}
	buf_put_view(&command, pin->command);
	for (size_t i = 5; i < command.len; i++) {
		assert_int_equal(command.data[i], 0xFF);
		assert_int_not_equal(*m->keys, 0);
		command.data[i] = (uint8_t)*m->keys++;
	}
	return line(m, buf_view(&command), true, answer);
}

static int model_open(_unused_ struct transport *t, _unused_ const char *reader, bool exclusive,
	uint64_t deadline)
{
	(void)exclusive;
	(void)deadline;
	return 0;
}

static const struct transport_ops ops = {
	.open = model_open,
	.transmit = model_transmit,
	.secure = model_secure,
};

/* -- making them --------------------------------------------------------------------------- */

void model_reset(struct model *m)
{
	m->df = MODEL_ROOT;
	m->ef = NULL;
	m->verified = m->puk_verified = m->role = m->hashed = false;
	m->n_sets = 0;
	buf_reset(&m->pending);
}

void model_done(struct model *m)
{
	for (size_t i = 0; i < m->n_files; i++) {
		buf_done(&m->files[i].content);
	}
	buf_done(&m->pending);
}

void model_forget_lines(struct model *m)
{
	m->n_lines = 0;
	memset(m->met, 0, sizeof(m->met));
}

void model_opened(struct model *m, struct card *c)
{
	m->base.ops = &ops;
	assert_int_equal(card_init(c, &m->base), 0);
	apdu_begin(&c->apdu, clock_monotonic() + 60 * USEC_PER_SEC);
}

void model_card(struct model *m, struct card *c)
{
	model_opened(m, c);
	assert_int_equal(card_recognise(c), CARD_DONE);
}

uint32_t model_characters(const struct model *m)
{
	uint32_t n = 0;

	for (size_t i = 0; i < m->n_lines; i++) {
		const struct model_line *l = &m->lines[i];

		n += apdu_characters(l->len > 5 ? l->len - 5 : 0, l->out, l->sw);
	}
	return n;
}

size_t model_sent(const struct model *m, const char *hex)
{
	size_t n = 0;

	for (size_t i = 0; i < m->n_lines; i++) {
		const struct model_line *l = &m->lines[i];
		size_t len = l->len < sizeof(l->command) ? l->len : sizeof(l->command);

		n += begins_with(view_of(l->command, len), hex) ? 1 : 0;
	}
	return n;
}

int model_pipe(const char *text)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
	return fds[0];
}
