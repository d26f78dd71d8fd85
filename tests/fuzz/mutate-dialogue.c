/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The mutator of the dialogues (dialogue-answers.h): whole answers are put in, taken out, doubled,
 * exchanged; status words are changed; inside an answer whole objects are (mutate-objects.h).
 */
#include "tests/fuzz/dialogue-answers.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/mutate-objects.h"

#define ITEMS 400U
#define EDITS 4U

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
	size_t other_size, uint8_t *out, size_t out_size, unsigned int seed);

static const uint16_t words[] = {0x9000, 0x9000, 0x9000, 0x6A82, 0x6A82, 0x6982, 0x6983, 0x63C3,
	0x63C1, 0x63C0, 0x6140, 0x6100, 0x610C, 0x6C0C, 0x6C00, 0x6CE4, 0x6700, 0x6A86, 0x6A88,
	0x6985, 0x6A80, 0x6D00, 0x6E00, 0x6B00, 0x6282, 0x6283, 0x6300, 0x6984, 0x9F0C, 0x9404,
	0x6F00, 0x6110, 0x6881, 0x6982};

/* -- the list of items ----------------------------------------------------------------------------- */

struct list {
	uint8_t head[DIALOGUE_SETTING + 1 + DIALOGUE_STEPS];
	size_t steps;
	struct dialogue_item at[ITEMS];
	size_t n;
};

static void parse(struct view in, struct list *l)
{
	struct dialogue_input input;
	struct reader r;

	dialogue_parse(in, &input);
	bytes_copy(l->head, sizeof(l->head), input.setting, DIALOGUE_SETTING);
	l->steps = input.steps.len;
	bytes_copy(l->head + DIALOGUE_SETTING + 1, DIALOGUE_STEPS, input.steps.data,
		input.steps.len);
	l->n = 0;
	r = reader_of(input.items);
	while (l->n < ITEMS && dialogue_next(&r, &l->at[l->n])) {
		l->n++;
	}
}

static size_t build(struct list *l, uint8_t *data, size_t max_size)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(ITEMS * (MUTATE_ANSWER + 3));
	size_t good;

	l->head[DIALOGUE_SETTING] = (uint8_t)l->steps;
	buf_put(&out, l->head, DIALOGUE_SETTING + 1 + l->steps);
	good = out.len;
	for (size_t i = 0; i < l->n; i++) {
		dialogue_put(&out, &l->at[i]);
		if (out.len > max_size || buf_check(&out) < 0) {
			break;
		}
		good = out.len;
	}
	good = good < max_size ? good : max_size;
	bytes_copy(data, max_size, out.data, good);
	return good;
}

static void insert(struct list *l, size_t at, struct dialogue_item one)
{
	if (l->n == ITEMS) {
		return;
	}
	for (size_t i = l->n; i > at; i--) {
		l->at[i] = l->at[i - 1];
	}
	l->at[at] = one;
	l->n++;
}

static void take_out(struct list *l, size_t at, size_t count)
{
	if (at >= l->n) {
		return;
	}
	count = count < l->n - at ? count : l->n - at;
	l->n -= count;
	for (size_t i = at; i < l->n; i++) {
		l->at[i] = l->at[i + count];
	}
}

/* Data and status word of an answer anew. */
static void change_answer(struct dialogue_item *one, struct buf *b)
{
	struct view data = view_sub(one->bytes, 0, one->bytes.len < 2 ? 0 : one->bytes.len - 2);
	struct reader last = reader_of(view_last(one->bytes, 2));
	uint16_t sw = one->bytes.len < 2 ? 0x9000 : reader_u16(&last);

	buf_reset(b);
	switch (mutate_pick(10)) {
	case 0:
	case 1:
		buf_put_view(b, data);
		sw = words[mutate_pick(ARRAY_LEN(words))];
		break;
	case 2:
	case 3:
		sw = words[mutate_pick(ARRAY_LEN(words))];
		break;
	case 4:
		mutate_put_object(b);
		break;
	case 5:
		buf_put_view(b, data);
		mutate_put_object(b);
		break;
	case 6:
		buf_put_view(b, view_sub(data, 0, mutate_pick(data.len)));
		break;
	case 7:
		mutate_put_bytes(data, b);
		break;
	default:
		mutate_objects(data, b);
	}
	buf_put_u16(b, sw);
	if (mutate_pick(64) == 0) {
		buf_truncate(b, b->len - 1);
	}
	one->is_event = false;
	one->bytes = view_sub(buf_view(b), 0, MUTATE_ANSWER);
}

/* -- whole items ----------------------------------------------------------------------------------- */

static void change_head(struct list *l)
{
	uint8_t *steps = l->head + DIALOGUE_SETTING + 1;

	switch (mutate_pick(4)) {
	case 0:
		l->head[mutate_pick(DIALOGUE_SETTING)] = (uint8_t)mutate_pick(256);
		break;
	case 1:
		if (l->steps > 0) {
			steps[mutate_pick(l->steps)] = (uint8_t)mutate_pick(64);
		}
		break;
	case 2:
		if (l->steps < DIALOGUE_STEPS) {
			steps[l->steps++] = (uint8_t)mutate_pick(64);
		}
		break;
	default:
		if (l->steps > 0) { /* one away, the last in its place */
			l->steps--;
			steps[mutate_pick(l->steps + 1)] = steps[l->steps];
		}
	}
}

static void change_list(struct list *l, struct buf *b)
{
	size_t at = mutate_pick(l->n + 1);
	struct dialogue_item one = {.is_event = true, .event = (uint8_t)mutate_pick(256)};

	switch (mutate_pick(8)) {
	case 0:
		take_out(l, at, 1);
		break;
	case 1:
		take_out(l, at, 1 + mutate_pick(8));
		break;
	case 2:
		if (l->n > 0) {
			insert(l, at, l->at[mutate_pick(l->n)]);
		}
		break;
	case 3:
		if (at < l->n) {
			one = l->at[at];
			l->at[at] = l->at[l->n - 1];
			l->at[l->n - 1] = one;
		}
		break;
	case 4:
		insert(l, at, one);
		break;
	default:
		one = l->n > 0 ? l->at[mutate_pick(l->n)]
			       : (struct dialogue_item){.is_event = false};
		change_answer(&one, b);
		insert(l, at, one);
	}
}

static void mutate(struct list *l, struct buf *b)
{
	switch (mutate_pick(8)) {
	case 0:
		change_head(l);
		break;
	case 1:
	case 2:
	case 3:
		change_list(l, b);
		break;
	default:
		if (l->n > 0) {
			change_answer(&l->at[mutate_pick(l->n)], b);
		}
	}
}

size_t target_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct list l;
	struct buf bytes[EDITS] = {BUF_NULL(4 * MUTATE_ANSWER), BUF_NULL(4 * MUTATE_ANSWER),
		BUF_NULL(4 * MUTATE_ANSWER), BUF_NULL(4 * MUTATE_ANSWER)};
	size_t n;

	mutate_seed(seed);
	parse(view_of(data, size), &l);
	for (size_t i = 0, times = 1 + mutate_pick(EDITS); i < times; i++) {
		mutate(&l, &bytes[i]);
	}
	n = build(&l, data, max_size);
	for (size_t i = 0; i < EDITS; i++) {
		buf_done(&bytes[i]);
	}
	return n;
}

/* The begin of one dialogue and the end of another. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other,
	size_t other_size, uint8_t *out, size_t out_size, unsigned int seed)
{
	static struct list a;
	static struct list b;
	size_t from;
	size_t n;

	if (one_size < 4 || other_size < 4 || out_size < 64) {
		return 0;
	}
	mutate_seed(seed);
	parse(view_of(one, one_size - 4), &a);
	parse(view_of(other, other_size - 4), &b);
	a.n = mutate_pick(a.n + 1);
	for (from = mutate_pick(b.n + 1); from < b.n && a.n < ITEMS; from++) {
		a.at[a.n++] = b.at[from];
	}
	n = build(&a, out, out_size - 4);
	bytes_copy(out + n, out_size - n, one + one_size - 4, 4);
	return n + 4;
}
