/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * usb-bench: emulated USB card readers whose slots are those of a running vitale-sim.
 *
 *   usb-bench --readers MODEL[,MODEL...] --sim SOCKET --control SOCKET [--serials A,B] [-- PROGRAM ARGUMENT...]
 *
 * Interface after interface is one reader of the simulator, in its order: a model of one interface with two slots
 * wants its `2`, one of two interfaces its `1+1`. With PROGRAM: runs it in the testbed and ends with it. Without:
 * serves until it is told to quit; programs join by the environment that tests/bed/usb_bench.py sets.
 */
#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/sim/reader-link.h"
#include "tests/usb/card.h"
#include "tests/usb/pipes.h"

#define TICK_MS	   200U
#define SECURE_MAX 300U

static char *readers, *serials;
static gint unplug_ms;
static gboolean list;
static char **program;
static struct bench bench;

static const GOptionEntry options[] = {
	{"readers", 0, 0, G_OPTION_ARG_STRING, &readers, "models, separated by commas",
		"MODELS"},
	{"serials", 0, 0, G_OPTION_ARG_STRING, &serials, "their serial numbers", "TEXTS"},
	{"sim", 0, 0, G_OPTION_ARG_FILENAME, &bench.simulator, "of vitale-sim", "SOCKET"},
	{"control", 0, 0, G_OPTION_ARG_FILENAME, &bench.control, "for orders", "SOCKET"},
	{"unplug-delay", 0, 0, G_OPTION_ARG_INT, &unplug_ms,
		"between a device's end and the message of it", "MS"},
	{"list", 0, 0, G_OPTION_ARG_NONE, &list, "the models", NULL},
	{G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &program, NULL, NULL},
	{NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
};

/* The first slot of a reader of the simulator. */
static unsigned first_slot(const struct bench *b, const struct bench_face *f)
{
	uint8_t ask[] = {READER_OP_DESCRIBE, (uint8_t)f->reader}, answer[16];
	int fd = card_connect(b);

	if (fd < 0 || send(fd, ask, sizeof(ask), MSG_NOSIGNAL) != sizeof(ask) ||
		recv(fd, answer, sizeof(answer), 0) < 5 || answer[1] != READER_STATUS_OK ||
		answer[3] < f->device->model->slots)
		g_error("the simulator has no reader %u of %u slots", f->reader,
			f->device->model->slots);
	close(fd);
	return answer[2];
}

static void make_slot(struct bench_face *f, unsigned i, unsigned sim)
{
	struct bench_slot *s = &f->slots[i];

	*s = (struct bench_slot){.face = f,
		.number = i,
		.sim = sim,
		.memory = BUF_NULL(DESCRIPTOR_MESSAGE_MAX),
		.secured = BUF_NULL(SECURE_MAX),
		.command = BUF_NULL(DESCRIPTOR_MESSAGE_MAX),
		.answer = BUF_NULL(DESCRIPTOR_MESSAGE_MAX),
		.line = BUF_NULL(DESCRIPTOR_MESSAGE_MAX),
		.received = BUF_NULL(DESCRIPTOR_MESSAGE_MAX)};
	card_open(s);
}

static void make_device(struct bench *b, const char *name, const char *serial, unsigned *reader)
{
	struct bench_device *d = &b->devices[b->n_devices];

	d->bench = b;
	d->index = b->n_devices++;
	d->model = models_find(name);
	if (!d->model)
		g_error("%s: no such model; --list names them", name);
	g_strlcpy(d->serial, serial, sizeof(d->serial));
	for (unsigned i = 0; i < d->model->faces; i++) {
		struct bench_face *f = &d->faces[i];
		unsigned first;

		f->device = d;
		f->number = i;
		f->reader = (*reader)++;
		f->out.address = models_out(i);
		f->in.address = models_in(i);
		f->interrupt.address = models_interrupt(d->model, i);
		f->assembly = BUF_NULL(DESCRIPTOR_MESSAGE_MAX + BENCH_PACKET);
		first = first_slot(b, f);
		for (unsigned k = 0; k < d->model->slots; k++)
			make_slot(f, k, first + k);
	}
	bus_plug(d);
}

static void make_devices(struct bench *b)
{
	g_auto(GStrv) names = g_strsplit(readers ? readers : "tpdu", ",", 0);
	g_auto(GStrv) texts = g_strsplit(serials ? serials : "", ",", 0);
	unsigned n_texts = g_strv_length(texts), reader = 0;

	for (unsigned i = 0; names[i]; i++) {
		if (i >= BENCH_DEVICES_MAX)
			g_error("at most %u readers", BENCH_DEVICES_MAX);
		make_device(b, names[i], i < n_texts ? texts[i] : "", &reader);
	}
}

/* -- the program, and the end ---------------------------------------------------------------------------- */

static void on_child(_unused_ GPid pid, gint status, gpointer b)
{
	((struct bench *)b)->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
	((struct bench *)b)->child = 0;
	g_main_loop_quit(((struct bench *)b)->loop);
}

static gboolean on_signal(gpointer b)
{
	g_main_loop_quit(((struct bench *)b)->loop);
	return G_SOURCE_CONTINUE;
}

static void start(struct bench *b)
{
	unsigned flags =
		G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN;
	g_autoptr(GError) error = NULL;

	if (!program)
		return;
	if (!g_spawn_async(
		    NULL, program, NULL, (GSpawnFlags)flags, NULL, NULL, &b->child, &error))
		g_error("%s", error->message);
	g_child_watch_add(b->child, on_child, b);
}

static gboolean on_tick(gpointer user)
{
	struct bench *b = user;

	g_mutex_lock(&b->lock);
	for (unsigned i = 0; i < b->n_devices; i++) {
		for (unsigned f = 0; f < b->devices[i].model->faces; f++)
			ccid_tick(&b->devices[i].faces[f]);
		node_tick(b->devices[i].node);
	}
	g_mutex_unlock(&b->lock);
	return G_SOURCE_CONTINUE;
}

static void open_to_all(struct bench *b)
{
	g_autofree char *root = umockdev_testbed_get_root_dir(b->testbed);

	if (chmod(root, 0777) < 0)
		g_error("%s: %s", root, g_strerror(errno));
}

int main(int argc, char **argv)
{
	g_autoptr(GOptionContext) context = g_option_context_new("[-- PROGRAM ARGUMENT...]");
	g_autoptr(GError) error = NULL;
	_cleanup_(buf_done) struct buf names = BUF_NULL(4096);
	struct bench *b = &bench;

	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error))
		g_error("%s", error->message);
	models_list(&names);
	if (list)
		return printf("%.*s", (int)names.len, names.data) < 0;
	if (!b->simulator || !b->control)
		g_error("--sim and --control are needed");
	umask(0); /* programs of other users work in the testbed */
	b->unplug_ms = (unsigned)unplug_ms;
	b->numbers = 1;
	b->testbed = umockdev_testbed_new();
	b->loop = g_main_loop_new(NULL, FALSE);
	bus_hub(b);
	open_to_all(b);
	make_devices(b);
	g_unix_signal_add(SIGTERM, on_signal, b);
	g_unix_signal_add(SIGINT, on_signal, b);
	g_timeout_add(TICK_MS, on_tick, b);
	start(b);
	if (orders_listen(b)) /* whoever sees it finds all the rest */
		g_error("%s: %s", b->control, g_strerror(errno));
	g_main_loop_run(b->loop);
	if (b->child)
		kill(b->child, SIGTERM);
	g_clear_object(&b->testbed); /* takes its folder away */
	return b->status;
}
