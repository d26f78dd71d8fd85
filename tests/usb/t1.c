/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * T=1 where the blocks are the host's: the card's side of it is t1-card.h, which gives a whole command to
 * its callback and wants the answer at once. So it runs in a thread of the slot, one block after the other,
 * with a connection to the simulator of its own; what it brings back counts if the command is still the same.
 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/sim/reader-link.h"
#include "drivers/usb/message.h"
#include "tests/usb/card.h"
#include "tests/usb/t1-card.h"

struct bench_t1 {
	struct t1_card card; /* the thread's, but for orders, under guard */
	GMutex guard;
	GThreadPool *pool; /* one thread */
	bool fresh;	   /* the card has been reset */
	unsigned waiting;  /* tasks that are not through */
	int link;
	bool failed;	   /* the simulator did not answer the last command */
	struct view keyed; /* of the task */
};

/** struct task - one block for the thread. */
struct task {
	struct bench_slot *slot;
	unsigned generation;
	struct buf block, answer;
	struct buf
		keyed; /* not empty: the card's answer to a command of the keypad, which it has */
};

static int link_of(struct bench_slot *s)
{
	struct bench *b = s->face->device->bench;

	g_mutex_lock(&b->lock);
	if (s->t1->link < 0)
		s->t1->link = card_connect(b);
	g_mutex_unlock(&b->lock);
	return s->t1->link;
}

/* Return: whether the bench's own card has answered. */
static bool ask_long(struct bench_slot *s, struct view command, struct buf *answer)
{
	struct bench *b = s->face->device->bench;
	bool own;

	g_mutex_lock(&b->lock);
	own = s->has_long;
	if (own)
		long_card(&s->memory, command, answer);
	g_mutex_unlock(&b->lock);
	return own;
}

/* One command to the simulator. */
static void ask_card(struct bench_slot *s, struct view command, struct buf *answer)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(READER_LINK_MAX);
	uint8_t bytes[READER_LINK_HEADER + T1_CARD_BLOCK_MAX + 100];
	int fd = link_of(s);
	ssize_t n;

	buf_put_u8(&m, READER_OP_TRANSMIT);
	buf_put_u8(&m, (uint8_t)s->sim);
	buf_put_view(&m, command);
	n = send(fd, m.data, m.len, MSG_NOSIGNAL);
	while (n > 0) {
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n > 0 && bytes[0] != READER_OP_ALIVE)
			break;
	}
	s->t1->failed = n < (ssize_t)READER_LINK_HEADER || bytes[1] != READER_STATUS_OK;
	if (!s->t1->failed)
		buf_put(answer, bytes + READER_LINK_HEADER, (size_t)n - READER_LINK_HEADER);
	wipe(bytes, sizeof(bytes));
	if (n <= 0) {
		struct bench *b = s->face->device->bench;

		g_mutex_lock(&b->lock);
		close(s->t1->link);
		s->t1->link = -1;
		g_mutex_unlock(&b->lock);
	}
}

/* The card's application. */
static void ask(void *slot, struct view command, struct buf *answer)
{
	struct bench_slot *s = slot;

	if (s->t1->keyed.len > 0)
		buf_put_view(answer, s->t1->keyed);
	else if (!ask_long(s, command, answer))
		ask_card(s, command, answer);
}

/* What was ordered before a reset holds for the card after it. */
static void begin(struct bench_slot *s, uint8_t ifsc, bool crc)
{
	struct t1_card *c = &s->t1->card, before = *c;

	t1_card_done(c);
	t1_card_init(c, ifsc, crc, ask, s);
	for (size_t i = 0; i < before.n_orders; i++)
		t1_card_order(c, before.orders[i].fault, before.orders[i].value, 1);
}

static void run(gpointer data, _unused_ gpointer user)
{
	struct task *t = data;
	struct bench_slot *s = t->slot;
	struct bench *b = s->face->device->bench;
	const struct atr_level *c;
	bool fresh, crc;
	uint8_t ifsc;

	g_mutex_lock(&b->lock);
	c = atr_level_for(&s->atr, 1, ATR_HAS_C);
	crc = c && c->c & 1;
	ifsc = (uint8_t)atr_ifsc(&s->atr);
	fresh = s->t1->fresh;
	s->t1->fresh = false;
	g_mutex_unlock(&b->lock);
	g_mutex_lock(&s->t1->guard);
	if (fresh)
		begin(s, ifsc, crc);
	s->t1->failed = false;
	s->t1->keyed = buf_view(&t->keyed);
	if (t->keyed.len > 0)
		t1_card_seal(&s->t1->card, &t->block);
	t1_card_take(&s->t1->card, buf_view(&t->block), &t->answer);
	g_mutex_unlock(&s->t1->guard);
	g_mutex_lock(&b->lock);
	s->t1->waiting--;
	if (s->busy && s->generation == t->generation)
		lines_block(s, s->t1->failed ? VIEW_NULL : buf_view(&t->answer), 0);
	g_mutex_unlock(&b->lock);
	buf_done(&t->block);
	buf_done(&t->answer);
	buf_done(&t->keyed);
	g_free(t);
}

static struct bench_t1 *machine(struct bench_slot *s)
{
	if (!s->t1) {
		s->t1 = g_new0(struct bench_t1, 1);
		s->t1->link = -1;
		g_mutex_init(&s->t1->guard);
		s->t1->pool = g_thread_pool_new(run, NULL, 1, TRUE, NULL);
		s->t1->fresh = true;
		t1_card_init(&s->t1->card, 32, false, ask, s);
	}
	return s->t1;
}

void t1_reset(struct bench_slot *s)
{
	machine(s)->fresh = true;
}

static void take(struct bench_slot *s, struct view block, struct view keyed)
{
	struct task *t = g_new0(struct task, 1);

	t->slot = s;
	t->generation = s->generation;
	t->block = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);
	t->answer = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);
	t->keyed = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);
	buf_put_view(&t->block, block);
	buf_put_view(&t->keyed, keyed);
	machine(s)->waiting++;
	g_thread_pool_push(s->t1->pool, t, NULL);
}

void t1_take(struct bench_slot *s, struct view block)
{
	take(s, block, VIEW_NULL);
}

void t1_keys(struct bench_slot *s, struct view command, struct view answer)
{
	take(s, command, answer);
}

void t1_cancel(struct bench_slot *s)
{
	if (s->t1 && s->t1->waiting > 0 && s->t1->link >= 0)
		shutdown(s->t1->link, SHUT_RDWR);
}

bool t1_order(struct bench_slot *s, const char *name, unsigned value, unsigned times)
{
	static const char *const names[] = {[T1_CARD_CHECKSUM] = "checksum",
		[T1_CARD_SILENCE] = "silence",
		[T1_CARD_DEAF] = "deaf",
		[T1_CARD_NOISE] = "noise",
		[T1_CARD_WTX] = "wtx",
		[T1_CARD_IFS] = "ifs",
		[T1_CARD_ABORT] = "abort",
		[T1_CARD_RESYNCH] = "resynch",
		[T1_CARD_SEQUENCE] = "sequence",
		[T1_CARD_NAD] = "nad",
		[T1_CARD_LENGTH] = "length",
		[T1_CARD_CUT] = "cut",
		[T1_CARD_LONG] = "long",
		[T1_CARD_UNKNOWN] = "unknown",
		[T1_CARD_TWICE] = "twice",
		[T1_CARD_MUTE] = "mute"};

	for (size_t i = 1; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		g_mutex_lock(&machine(s)->guard);
		t1_card_order(&s->t1->card, (enum t1_card_fault)i, (uint8_t)value, times);
		g_mutex_unlock(&s->t1->guard);
		return true;
	}
	return false;
}

unsigned t1_ordered(struct bench_slot *s)
{
	unsigned left;

	g_mutex_lock(&machine(s)->guard);
	left = (unsigned)s->t1->card.n_orders;
	g_mutex_unlock(&s->t1->guard);
	return left;
}
