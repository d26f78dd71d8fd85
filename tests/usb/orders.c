/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The control socket: one command a line, one line back. Slots are the simulator's, devices those of
 * --readers, from 0.
 *
 *   fault SLOT NAME [ARGUMENT [TIMES [SKIP [TYPE]]]]  what goes wrong with the next answers (pipes.c); TIMES 0:
 *                                               always; TYPE: of the command, decimal; 0: any
 *   fault SLOT off
 *   card SLOT NAME [VALUE [TIMES]]              what goes wrong with the card's T=1 blocks (t1-card.h)
 *   long SLOT on|off                            the bench's own card answers (long-card.c)
 *   secure SLOT                                 the last PC_to_RDR_Secure that came, in hex
 *   only-t1 SLOT on|off                         from its next reset a card with both protocols has T=1 alone
 *   stall SLOT out|in|interrupt                 the endpoint is halted, now
 *   stall SLOT control                          the next request of the class on the control pipe stalls
 *   unplug DEVICE, plug DEVICE                  whatever the simulator says
 *   serial DEVICE TEXT|-                        from its next plug on
 *   hold DEVICE clear|reset|off                 the next clearing of a halt, or reset, does not end until "off",
 *                                               or an unplug; reset: halts are not cleared until then
 *   steal DEVICE once|stays|off                 another program takes the interfaces from who claimed them; once: until
 *                                               a reset
 *   powered                                     SLOT=0|1
 *   held                                        DEVICE=0|1: somebody waits in one
 *   count, count-reset                          FACE out URBS BYTES in URBS BYTES interrupt URBS BYTES, control URBS
 *   faults                                      what has not happened yet, of all slots: SLOT=FAULT/BLOCKS/HALTED,
 *                                               "0=none/0/-": all has; BLOCKS: orders for the card's blocks
 *   refused                                     DEVICE=N commands for which its slots were busy
 *   protocols                                   SLOT=T in force
 *   rates                                       SLOT=T/FIDI/KHZ/RATE/TOLD: PPS1 that the card took, the reader's clock
 *                                               and bit/s, and how often the host has set them, since the reset
 *   root, devices, quit
 */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/usb/card.h"

#define LINE_MAX_BYTES 512U
#define WORDS_MAX      7

static unsigned number_of(char **words, int n, int at, unsigned otherwise)
{
	guint64 v;

	return at < n && g_ascii_string_to_unsigned(words[at], 10, 0, G_MAXUINT32, &v, NULL)
		       ? (unsigned)v
		       : otherwise;
}

static struct bench_slot *slot_of(struct bench *b, unsigned sim)
{
	for (unsigned i = 0; i < b->n_devices; i++) {
		struct bench_device *d = &b->devices[i];

		for (unsigned f = 0; f < d->model->faces; f++)
			for (unsigned s = 0; s < d->model->slots; s++)
				if (d->faces[f].slots[s].sim == sim)
					return &d->faces[f].slots[s];
	}
	return NULL;
}

static bool order_fault(struct bench_slot *s, char **words, int n)
{
	if (n < 3)
		return false;
	if (strcmp(words[2], "off") == 0) {
		s->fault.kind = NULL;
		return true;
	}
	return pipes_order(s, words[2],
		&(struct fault_order){.argument = number_of(words, n, 3, 0),
			.times = number_of(words, n, 4, 1),
			.skip = number_of(words, n, 5, 0),
			.of = (uint8_t)number_of(words, n, 6, 0)});
}

static bool order_stall(struct bench_slot *s, const char *which)
{
	struct bench_face *f = s->face;

	if (strcmp(which, "out") == 0)
		f->out.halted = true;
	else if (strcmp(which, "in") == 0)
		f->in.halted = true;
	else if (strcmp(which, "interrupt") == 0)
		f->interrupt.halted = true;
	else if (strcmp(which, "control") == 0)
		f->device->control_halted = true;
	else
		return false;
	node_progress(f->device->node);
	return true;
}

/* Once: the next one is another one. */
static void put_secured(struct bench_slot *s, GString *to)
{
	struct reader r = reader_of(buf_view(&s->secured));

	g_string_append_c(to, ' ');
	while (r.left > 0)
		g_string_append_printf(to, "%02x", reader_u8(&r));
	buf_reset(&s->secured);
}

static bool of_slot(struct bench *b, char **words, int n, GString *to)
{
	struct bench_slot *s = slot_of(b, number_of(words, n, 1, G_MAXUINT));

	if (!s)
		return false;
	if (strcmp(words[0], "secure") == 0) {
		put_secured(s, to);
		return true;
	}
	if (strcmp(words[0], "fault") == 0)
		return order_fault(s, words, n);
	if (strcmp(words[0], "stall") == 0)
		return n > 2 && order_stall(s, words[2]);
	if (n < 3)
		return false;
	if (strcmp(words[0], "long") == 0) {
		s->has_long = strcmp(words[2], "on") == 0;
		buf_reset(&s->memory);
	} else if (strcmp(words[0], "only-t1") == 0) {
		s->only_t1 = strcmp(words[2], "on") == 0;
	} else {
		return false;
	}
	return true;
}

static bool order_hold(struct bench_device *d, const char *what)
{
	if (strcmp(what, "off") == 0)
		node_let_go(d);
	else if (strcmp(what, "clear") == 0 || strcmp(what, "reset") == 0)
		node_hold(d, strcmp(what, "clear") == 0);
	else
		return false;
	return true;
}

static bool order_steal(struct bench_device *d, const char *how)
{
	if (strcmp(how, "once") == 0)
		node_steal(d, BENCH_STEAL_ONCE);
	else if (strcmp(how, "stays") == 0)
		node_steal(d, BENCH_STEAL_STAYS);
	else if (strcmp(how, "off") == 0)
		node_steal(d, BENCH_STEAL_NOT);
	else
		return false;
	return true;
}

static bool of_device(struct bench *b, char **words, int n)
{
	unsigned index = number_of(words, n, 1, G_MAXUINT);
	struct bench_device *d = index < b->n_devices ? &b->devices[index] : NULL;

	if (!d)
		return false;
	if (strcmp(words[0], "plug") == 0) {
		d->kept_out = false;
		bus_plug(d);
	} else if (strcmp(words[0], "unplug") == 0) {
		d->kept_out = true;
		bus_unplug(d);
	} else if (strcmp(words[0], "serial") == 0 && n > 2) {
		g_strlcpy(d->serial, strcmp(words[2], "-") == 0 ? "" : words[2],
			sizeof(d->serial));
	} else if (strcmp(words[0], "hold") == 0 && n > 2) {
		return order_hold(d, words[2]);
	} else if (strcmp(words[0], "steal") == 0 && n > 2) {
		return order_steal(d, words[2]);
	} else {
		return false;
	}
	return true;
}

static void put_counts(const struct bench *b, GString *to)
{
	for (unsigned i = 0; i < b->n_devices; i++) {
		const struct bench_device *d = &b->devices[i];

		for (unsigned k = 0; k < d->model->faces; k++) {
			const struct bench_face *f = &d->faces[k];

			g_string_append_printf(to,
				" %u out %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
				" in %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
				" interrupt %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT
				" control %" G_GUINT64_FORMAT,
				f->reader, f->out.urbs, f->out.bytes, f->in.urbs, f->in.bytes,
				f->interrupt.urbs, f->interrupt.bytes, d->control_urbs);
		}
	}
}

static void forget_counts(struct bench *b)
{
	for (unsigned i = 0; i < b->n_devices; i++) {
		b->devices[i].control_urbs = 0;
		for (unsigned k = 0; k < MODELS_FACES_MAX; k++) {
			struct bench_face *f = &b->devices[i].faces[k];
			struct bench_pipe *all[] = {&f->out, &f->in, &f->interrupt};

			for (size_t p = 0; p < ARRAY_LEN(all); p++)
				all[p]->urbs = all[p]->bytes = 0;
		}
	}
}

static void put_devices(const struct bench *b, GString *to)
{
	for (unsigned i = 0; i < b->n_devices; i++)
		g_string_append_printf(to, " %u=%s:%s:%u", i, b->devices[i].model->name,
			b->devices[i].plugged ? "plugged" : "unplugged", b->devices[i].number);
}

static const char *halted(const struct bench_face *f)
{
	if (f->out.halted)
		return "out";
	if (f->in.halted)
		return "in";
	if (f->device->control_halted)
		return "control";
	return f->interrupt.halted ? "interrupt" : "-";
}

/* The card's thread takes its own lock before the bench's: so they are not held both. */
static void put_faults(struct bench *b, GString *to)
{
	for (unsigned i = 0; i < 2U * BENCH_DEVICES_MAX; i++) {
		struct bench_slot *s = slot_of(b, i);
		unsigned blocks = s ? t1_ordered(s) : 0;

		if (!s)
			continue;
		g_mutex_lock(&b->lock);
		g_string_append_printf(
			to, " %u=%s/%u/%s", i, pipes_ordered(s), blocks, halted(s->face));
		g_mutex_unlock(&b->lock);
	}
}

static void put_protocols(struct bench *b, GString *to)
{
	for (unsigned i = 0; i < 2U * BENCH_DEVICES_MAX; i++) {
		const struct bench_slot *s = slot_of(b, i);

		if (s)
			g_string_append_printf(to, " %u=%u", i, s->protocol);
	}
}

static void put_powered(struct bench *b, GString *to)
{
	for (unsigned i = 0; i < 2U * BENCH_DEVICES_MAX; i++) {
		const struct bench_slot *s = slot_of(b, i);

		if (s)
			g_string_append_printf(to, " %u=%d", i, s->active);
	}
}

static void put_rates(struct bench *b, GString *to)
{
	for (unsigned i = 0; i < 2U * BENCH_DEVICES_MAX; i++) {
		const struct bench_slot *s = slot_of(b, i);

		if (s)
			g_string_append_printf(to, " %u=%u/%02x/%u/%u/%u", i, s->wire.protocol,
				s->wire.fidi, s->wire.clock, s->wire.rate, s->wire.told);
	}
}

static void put_refused(const struct bench *b, GString *to)
{
	for (unsigned i = 0; i < b->n_devices; i++)
		g_string_append_printf(to, " %u=%u", i, b->devices[i].refused);
}

static void put_held(const struct bench *b, GString *to)
{
	for (unsigned i = 0; i < b->n_devices; i++)
		g_string_append_printf(to, " %u=%d", i, b->devices[i].held != NULL);
}

static bool of_bench(struct bench *b, const char *word, GString *to)
{
	g_autofree char *root = umockdev_testbed_get_root_dir(b->testbed);

	if (strcmp(word, "root") == 0)
		g_string_append_printf(to, " %s", root);
	else if (strcmp(word, "devices") == 0)
		put_devices(b, to);
	else if (strcmp(word, "protocols") == 0)
		put_protocols(b, to);
	else if (strcmp(word, "powered") == 0)
		put_powered(b, to);
	else if (strcmp(word, "rates") == 0)
		put_rates(b, to);
	else if (strcmp(word, "refused") == 0)
		put_refused(b, to);
	else if (strcmp(word, "held") == 0)
		put_held(b, to);
	else if (strcmp(word, "count") == 0)
		put_counts(b, to);
	else if (strcmp(word, "count-reset") == 0)
		forget_counts(b);
	else if (strcmp(word, "quit") == 0)
		g_main_loop_quit(b->loop);
	else
		return false;
	return true;
}

static void obey(struct bench *b, const char *line, GString *to)
{
	g_auto(GStrv) words = g_strsplit(line, " ", WORDS_MAX);
	int n = (int)g_strv_length(words);
	bool done;

	g_string_assign(to, "ok");
	if (n >= 3 && strcmp(words[0], "card") == 0) {
		struct bench_slot *s = slot_of(b, number_of(words, n, 1, G_MAXUINT));

		done = s && t1_order(s, words[2], number_of(words, n, 3, 0),
				    number_of(words, n, 4, 1)); /* has a lock of its own */
	} else if (n == 1 && strcmp(words[0], "faults") == 0) {
		put_faults(b, to);
		done = true;
	} else {
		g_mutex_lock(&b->lock);
		done = n > 0 && (of_bench(b, words[0], to) || of_slot(b, words, n, to) ||
					of_device(b, words, n));
		g_mutex_unlock(&b->lock);
	}
	if (!done)
		g_string_assign(to, "error no such order");
	g_string_append_c(to, '\n');
}

static gboolean on_line(gint fd, _unused_ GIOCondition c, gpointer bench)
{
	g_autoptr(GString) answer = g_string_new(NULL);
	char line[LINE_MAX_BYTES + 1];
	ssize_t n = recv(fd, line, LINE_MAX_BYTES, 0);

	if (n <= 0) {
		close(fd);
		return G_SOURCE_REMOVE;
	}
	line[n] = '\0';
	g_strchomp(line);
	obey(bench, line, answer);
	if (send(fd, answer->str, answer->len, MSG_NOSIGNAL) != (ssize_t)answer->len)
		shutdown(fd, SHUT_RDWR);
	return G_SOURCE_CONTINUE;
}

static gboolean on_connection(gint listening, _unused_ GIOCondition c, gpointer bench)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		g_unix_fd_add(fd, G_IO_IN, on_line, bench);
	return G_SOURCE_CONTINUE;
}

int orders_listen(struct bench *b)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (view_copy_str(view_str(b->control), a.sun_path, sizeof(a.sun_path)))
		return fault(-ENAMETOOLONG);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(b->control);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(fd, 16) < 0)
		return fault(-errno);
	if (chmod(b->control, 0666) < 0)
		return fault(-errno);
	g_unix_fd_add(fd, G_IO_IN, on_connection, b);
	return 0;
}
