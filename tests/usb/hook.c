/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The device node as programs see it: usbfs' ioctls, each file description a client of its own. Transfers
 * (URBs) wait here in the order of their submission until pipes.c has something for them.
 *
 * The node is a FIFO instead of the plain file that umockdev makes of it: full while there is nothing to
 * reap, empty when there is, so that poll() and epoll() for POLLOUT tell what they tell of usbfs. A plain
 * file would be ready always (and none of epoll's): every waiting program would spin.
 *
 * Calls come in umockdev's thread, progress from either; all is under the bench's lock. One that is held
 * back by order keeps its program waiting, and whoever else calls for the same node, as the kernel does.
 */
#include "tests/usb/hook.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/usbdevice_fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/usb/clients.h"

/** struct transfer - one URB. */
struct transfer {
	UMockdevIoctlClient *client; /* a reference: no other client may get its address */
	UMockdevIoctlData *urb, *bytes;
	bool done;
};

struct bench_node {
	struct bench_device *device; /* NULL: unplugged */
	struct bench *bench;
	UMockdevIoctlBase *base;
	GQueue transfers;
	int fifo;
	bool told; /* the FIFO is empty: there is something to reap */
};

static struct usbdevfs_urb *urb_of(const struct transfer *t)
{
	return (struct usbdevfs_urb *)(void *)t->urb->data;
}

/* Memory of the program under test; NULL: it has ended in the middle of its call. */
static UMockdevIoctlData *memory_of(UMockdevIoctlData *arg, gsize at, gsize size)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, at, size, NULL);

	return data ? g_object_ref(data) : NULL;
}

static void transfer_free(struct transfer *t)
{
	g_clear_object(&t->urb);
	g_clear_object(&t->bytes);
	g_object_unref(t->client);
	g_free(t);
}

static void finish(struct transfer *t, int status)
{
	urb_of(t)->status = status;
	t->done = true;
}

/* Ready for POLLOUT or not: one byte fills a FIFO of one page. */
static void tell(struct bench_node *n)
{
	bool ready = !n->device;
	uint8_t byte = 0;

	for (GList *l = n->transfers.head; l && !ready; l = l->next)
		ready = ((struct transfer *)l->data)->done;
	if (ready != n->told &&
		(ready ? read(n->fifo, &byte, 1) : write(n->fifo, &byte, 1)) == 1)
		n->told = ready;
}

/* -- progress ------------------------------------------------------------------------------------ */

static void take_packets(struct bench_pipe *p, struct transfer *t)
{
	struct usbdevfs_urb *u = urb_of(t);

	while (!t->done && !g_queue_is_empty(&p->packets)) {
		g_autoptr(GBytes) packet = g_queue_pop_head(&p->packets);
		size_t len = g_bytes_get_size(packet);
		size_t got = (size_t)u->actual_length, room = (size_t)u->buffer_length - got;

		if (len > room) {
			finish(t, -EOVERFLOW);
			return;
		}
		if (len > 0)
			bytes_copy(t->bytes->data + got, room, g_bytes_get_data(packet, NULL),
				len);
		u->actual_length += (int)len;
		p->bytes += len;
		if (len < BENCH_PACKET || len == room)
			finish(t, 0);
	}
}

static void take_notice(struct bench_face *f, struct transfer *t)
{
	uint8_t notice[BENCH_NOTICE];
	size_t len = pipes_notice(f, notice);

	if (len == 0)
		return;
	if (len > (size_t)urb_of(t)->buffer_length) {
		finish(t, -EOVERFLOW);
		return;
	}
	bytes_copy(t->bytes->data, len, notice, len);
	urb_of(t)->actual_length = (int)len;
	f->interrupt.bytes += len;
	finish(t, 0);
}

/* A transfer that waits in front of its endpoint. */
static void advance(struct bench_device *d, struct transfer *t)
{
	for (unsigned i = 0; i < d->model->faces; i++) {
		struct bench_face *f = &d->faces[i];
		uint8_t endpoint = urb_of(t)->endpoint;

		if (endpoint == f->in.address && f->in.halted)
			finish(t, -EPIPE);
		else if (endpoint == f->in.address)
			take_packets(&f->in, t);
		else if (endpoint == f->interrupt.address && f->interrupt.halted)
			finish(t, -EPIPE);
		else if (endpoint == f->interrupt.address)
			take_notice(f, t);
	}
}

static bool is_told_of(UMockdevIoctlClient *c)
{
	return umockdev_ioctl_client_get_connected(c);
}

/* Transfers of programs that have ended: those the testbed knows of, or all (a call of the kernel for each). */
static void drop_dead(struct bench_node *n, bool (*lives)(UMockdevIoctlClient *c))
{
	for (GList *l = n->transfers.head, *next; l; l = next) {
		struct transfer *t = l->data;

		next = l->next;
		if (!lives(t->client)) {
			g_queue_delete_link(&n->transfers, l);
			transfer_free(t);
		}
	}
}

void node_progress(struct bench_node *n)
{
	bool waits[32] = {false};

	if (!n)
		return;
	drop_dead(n, is_told_of);
	for (GList *l = n->transfers.head; l; l = l->next) {
		struct transfer *t = l->data;
		bool *before = &waits[urb_of(t)->endpoint & 31U];

		if (!t->done && !n->device)
			finish(t, -ESHUTDOWN);
		if (!t->done && !*before)
			advance(n->device, t);
		*before = *before || !t->done;
	}
	tell(n);
}

void node_tick(struct bench_node *n)
{
	if (!n)
		return;
	drop_dead(n, client_lives);
	node_progress(n);
}

/* -- submission ------------------------------------------------------------------------------------ */

static struct bench_face *face_of(struct bench_device *d, unsigned number)
{
	return number < d->model->faces ? &d->faces[number] : NULL;
}

static struct bench_pipe *pipe_of(
	struct bench_device *d, uint8_t endpoint, struct bench_face **ret_face)
{
	for (unsigned i = 0; i < d->model->faces; i++) {
		struct bench_face *f = &d->faces[i];
		struct bench_pipe *all[] = {&f->out, &f->in, &f->interrupt};

		*ret_face = f;
		for (size_t k = 0; k < ARRAY_LEN(all); k++) {
			if (all[k]->address == endpoint && endpoint != 0)
				return all[k];
		}
	}
	return NULL;
}

static void submit_control(struct bench_node *n, struct transfer *t)
{
	struct view all = view_of(t->bytes->data, (size_t)t->bytes->data_len);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(DESCRIPTOR_MAX);
	int r;

	n->device->control_urbs++;
	r = control_request(n->device, all, &answer);
	if (r == 0) {
		size_t room = all.len - 8;
		size_t len = answer.len < room ? answer.len : room;

		if (len > 0)
			bytes_copy(t->bytes->data + 8, room, answer.data, len);
		urb_of(t)->actual_length = (int)len;
	}
	finish(t, r);
}

static int submit(struct bench_node *n, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	struct transfer *t = g_new0(struct transfer, 1);
	struct bench_face *f = NULL;
	struct bench_pipe *p;
	struct usbdevfs_urb *u;

	t->client = g_object_ref(client);
	t->urb = memory_of(arg, 0, sizeof(struct usbdevfs_urb));
	if (!t->urb) {
		transfer_free(t);
		return -EFAULT;
	}
	u = urb_of(t);
	u->status = 0;
	u->actual_length = 0;
	if (u->buffer_length > 0) {
		t->bytes = memory_of(t->urb, G_STRUCT_OFFSET(struct usbdevfs_urb, buffer),
			(gsize)u->buffer_length);
		if (!t->bytes) {
			transfer_free(t);
			return -EFAULT;
		}
	}
	p = pipe_of(n->device, u->endpoint, &f);
	g_queue_push_tail(&n->transfers, t);
	if (u->type == USBDEVFS_URB_TYPE_CONTROL && t->bytes && t->bytes->data_len >= 8) {
		submit_control(n, t);
	} else if (!p || f->owner != client) {
		finish(t, -ENOENT);
	} else {
		p->urbs++;
		if (p == &f->out && p->halted) {
			finish(t, -EPIPE);
		} else if (p == &f->out) {
			struct view v =
				t->bytes ? view_of(t->bytes->data, (size_t)u->buffer_length)
					 : VIEW_NULL;
			int r = ccid_receive(f, v);

			p->bytes += v.len;
			u->actual_length = r ? 0 : (int)v.len;
			finish(t, r);
		}
	}
	node_progress(n);
	return 0;
}

static int discard(struct bench_node *n, UMockdevIoctlClient *client, gulong address)
{
	for (GList *l = n->transfers.head; l; l = l->next) {
		struct transfer *t = l->data;

		if (t->client == client && t->urb->client_addr == address && !t->done) {
			finish(t, -ENOENT);
			node_progress(n);
			return 0;
		}
	}
	return -EINVAL;
}

static int reap(struct bench_node *n, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *to = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);

	node_progress(n);
	for (GList *l = n->transfers.head; l && to; l = l->next) {
		struct transfer *t = l->data;

		if (t->client != client || !t->done)
			continue;
		umockdev_ioctl_data_set_ptr(to, 0, t->urb);
		g_queue_delete_link(&n->transfers, l);
		transfer_free(t);
		tell(n);
		return 0;
	}
	return n->device ? -EAGAIN : -ENODEV;
}

/* -- interfaces ------------------------------------------------------------------------------------ */

static int claim(struct bench_device *d, UMockdevIoctlClient *client, unsigned number)
{
	struct bench_face *f = face_of(d, number);

	if (!f)
		return -ENOENT;
	if (f->owner && f->owner != client && client_lives(f->owner))
		return -EBUSY;
	if (d->node)
		drop_dead(d->node, client_lives); /* or they would have the first answers */
	g_set_object(&f->owner, client);
	return 0;
}

static int release(struct bench_device *d, UMockdevIoctlClient *client, unsigned number)
{
	struct bench_face *f = face_of(d, number);

	if (!f || f->owner != client)
		return -EINVAL;
	g_clear_object(&f->owner);
	return 0;
}

static int clear_halt(struct bench_device *d, uint8_t endpoint)
{
	struct bench_face *f;
	struct bench_pipe *p = pipe_of(d, endpoint, &f);

	if (!p)
		return -ENOENT;
	d->control_urbs++;
	if (d->hold == USBDEVFS_RESET)
		return -EPIPE; /* so that a reset is asked for */
	p->halted = false;
	return 0;
}

/* Of interfaces that another program has nothing works but what the whole device does. */
static bool is_stolen(const struct bench_node *n, gulong request)
{
	switch (request) {
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_DISCONNECT_CLAIM: /* libusb's spares an interface that "usbfs" has */
	case USBDEVFS_CLEAR_HALT:
	case USBDEVFS_RESETEP:
	case USBDEVFS_SUBMITURB:
		return n->device->stolen != BENCH_STEAL_NOT;
	default:
		return false;
	}
}

void node_steal(struct bench_device *d, enum bench_steal how)
{
	d->stolen = (uint8_t)how;
	for (unsigned i = 0; how != BENCH_STEAL_NOT && i < d->model->faces; i++)
		g_clear_object(&d->faces[i].owner);
	for (GList *l = how != BENCH_STEAL_NOT && d->node ? d->node->transfers.head : NULL; l;
		l = l->next) {
		struct transfer *t = l->data;

		if (!t->done)
			finish(t, -ESHUTDOWN); /* as of a device that has left */
	}
	node_progress(d->node);
}

static int reset(struct bench_node *n)
{
	if (n->device->stolen == BENCH_STEAL_ONCE)
		n->device->stolen = BENCH_STEAL_NOT;
	for (unsigned i = 0; i < n->device->model->faces; i++)
		ccid_reset(&n->device->faces[i]);
	node_progress(n);
	return 0;
}

static int claim_at_once(struct bench_device *d, UMockdevIoctlClient *client,
	UMockdevIoctlData *arg, size_t size)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, size, NULL);

	if (!data)
		return -EFAULT;
	return claim(
		d, client, ((struct usbdevfs_disconnect_claim *)(void *)data->data)->interface);
}

static unsigned number_in(UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(unsigned), NULL);

	return data ? *(unsigned *)(void *)data->data
		    : UINT_MAX; /* no interface, no endpoint */
}

/* As of a host controller that takes a transfer of any length in one piece (xHCI). */
static int capabilities(UMockdevIoctlData *arg)
{
	UMockdevIoctlData *data = umockdev_ioctl_data_resolve(arg, 0, sizeof(uint32_t), NULL);

	if (!data)
		return -EFAULT;
	*(uint32_t *)(void *)data->data =
		USBDEVFS_CAP_ZERO_PACKET | USBDEVFS_CAP_NO_PACKET_SIZE_LIM |
		USBDEVFS_CAP_BULK_SCATTER_GATHER | USBDEVFS_CAP_REAP_AFTER_DISCONNECT;
	return 0;
}

static int call(struct bench_node *n, UMockdevIoctlClient *client)
{
	gulong request = umockdev_ioctl_client_get_request(client);
	UMockdevIoctlData *arg = umockdev_ioctl_client_get_arg(client);

	if (request == USBDEVFS_REAPURB || request == USBDEVFS_REAPURBNDELAY)
		return reap(n, client, arg);
	if (!n->device)
		return -ENODEV;
	if (is_stolen(n, request))
		return -EBUSY;
	switch (request) {
	case USBDEVFS_GET_CAPABILITIES:
		return capabilities(arg);
	case USBDEVFS_CLAIMINTERFACE:
		return claim(n->device, client, number_in(arg));
	case USBDEVFS_DISCONNECT_CLAIM:
		return claim_at_once(
			n->device, client, arg, sizeof(struct usbdevfs_disconnect_claim));
	case USBDEVFS_RELEASEINTERFACE:
		return release(n->device, client, number_in(arg));
	case USBDEVFS_CLEAR_HALT:
	case USBDEVFS_RESETEP:
		return clear_halt(n->device, (uint8_t)number_in(arg));
	case USBDEVFS_RESET:
		return reset(n);
	case USBDEVFS_SETINTERFACE:
	case USBDEVFS_SETCONFIGURATION:
		return 0;
	case USBDEVFS_SUBMITURB:
		return submit(n, client, arg);
	case USBDEVFS_DISCARDURB:
		return discard(n, client, *(gulong *)(void *)arg->data);
	case USBDEVFS_GETDRIVER:
		return -ENODATA;
	default:
		return -ENOTTY;
	}
}

/* -- requests that do not end ------------------------------------------------------------------------ */

/* Return: whether the call has to wait for an order. */
static bool holds(struct bench_node *n, UMockdevIoctlClient *client)
{
	struct bench_device *d = n->device;
	gulong request = umockdev_ioctl_client_get_request(client);

	if (!d || d->held || request != d->hold)
		return false;
	d->held = g_object_ref(client);
	d->held_at = n;
	if (request == USBDEVFS_CLEAR_HALT)
		d->held_number = number_in(umockdev_ioctl_client_get_arg(client));
	return true;
}

void node_hold(struct bench_device *d, bool clear)
{
	d->hold = clear ? USBDEVFS_CLEAR_HALT : USBDEVFS_RESET;
}

void node_let_go(struct bench_device *d)
{
	struct bench_node *n = d->held_at;
	int r = -ENODEV;

	if (d->held && n->device)
		r = d->hold == USBDEVFS_RESET ? reset(n)
					      : clear_halt(d, (uint8_t)d->held_number);
	if (d->held)
		umockdev_ioctl_client_complete(d->held, r < 0 ? -1 : 0, r < 0 ? -r : 0);
	g_clear_object(&d->held);
	d->hold = 0;
}

/* -- the node ---------------------------------------------------------------------------------------- */

static gboolean on_ioctl(
	_unused_ UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer node)
{
	struct bench_node *n = node;
	bool waits;
	int r;

	g_mutex_lock(&n->bench->lock);
	waits = holds(n, client);
	r = waits ? 0 : call(n, client);
	g_mutex_unlock(&n->bench->lock);
	if (!waits)
		umockdev_ioctl_client_complete(client, r < 0 ? -1 : 0, r < 0 ? -r : 0);
	return TRUE;
}

static void on_came(
	_unused_ UMockdevIoctlBase *base, UMockdevIoctlClient *client, _unused_ gpointer node)
{
	client_came(client);
}

struct bench_node *node_new(struct bench_device *d, const char *path)
{
	struct bench_node *n = g_new0(struct bench_node, 1);
	g_autofree char *root = umockdev_testbed_get_root_dir(d->bench->testbed);
	g_autofree char *file = g_strconcat(root, path, NULL);

	n->device = d;
	n->bench = d->bench;
	n->base = umockdev_ioctl_base_new();
	g_signal_connect(n->base, "handle-ioctl", G_CALLBACK(on_ioctl), n);
	g_signal_connect(n->base, "client-connected", G_CALLBACK(on_came), n);
	if (mkfifo(file, 0666) < 0)
		g_error("%s: %s", file, g_strerror(errno));
	n->fifo = open(file, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	n->told = true;
	if (n->fifo < 0 || fcntl(n->fifo, F_SETPIPE_SZ, 4096) < 0)
		g_error("%s: %s", file, g_strerror(errno));
	tell(n);
	if (!umockdev_testbed_attach_ioctl(d->bench->testbed, path, n->base, NULL))
		g_error("%s: cannot be served", path);
	return n;
}

/* The record stays: a client may still have it open. */
void node_end(struct bench_node *n)
{
	struct bench_device *d = n->device;

	n->device = NULL;
	node_let_go(d); /* of a port where nothing is the kernel has its answer */
	node_progress(n);
}
