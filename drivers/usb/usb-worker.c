/* SPDX-License-Identifier: EUPL-1.2 */
/* Threads that wait for the kernel: see the header. */
#include "drivers/usb/usb-worker.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "drivers/usb/usb-inside.h"
#include "drivers/usb/usb-sysfs.h"

#define STACK_BYTES (256UL * 1024UL)

/* After the first that fails no other is tried: each may take the kernel's whole time. */
static int clear_halts(libusb_device_handle *open, const uint8_t ends[USB_PIPE_ENDS])
{
	int r = 0;

	for (size_t i = 0; i < USB_PIPE_ENDS && r == 0; i++) {
		r = ends[i] == 0 ? 0 : libusb_clear_halt(open, ends[i]);
	}
	return r;
}

static int do_job(const struct usb_job *job)
{
	switch (job->what) {
	case USB_WORK_NONE:
		break;
	case USB_WORK_CLEAR:
		return clear_halts(job->open, job->ends);
	case USB_WORK_RESET:
		return libusb_reset_device(job->open);
	case USB_WORK_LOOK:
		return usb_sysfs_read(job->device);
	}
	return 0;
}

/* One piece of work, without the lock. */
static void work(struct usb_worker *w)
{
	const struct usb_job job = w->job;
	int r;

	(void)pthread_mutex_unlock(&w->lock);
	r = do_job(&job);
	(void)pthread_mutex_lock(&w->lock);
	w->result = r;
	w->ended = true;
	(void)eventfd_write(w->usb->done, 1);
}

static void *usb_worker_run(void *user)
{
	struct usb_worker *w = user;

	(void)pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		if (w->job.what != USB_WORK_NONE && !w->ended) {
			work(w);
		} else {
			(void)pthread_cond_wait(&w->wake, &w->lock);
		}
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

void usb_work(struct usb_worker *w, const struct usb_job *job)
{
	(void)pthread_mutex_lock(&w->lock);
	assert(w->job.what == USB_WORK_NONE && job->what != USB_WORK_NONE);
	w->job = *job;
	(void)pthread_cond_signal(&w->wake);
	(void)pthread_mutex_unlock(&w->lock);
}

bool usb_worked(struct usb_worker *w, int *ret)
{
	bool ended;

	(void)pthread_mutex_lock(&w->lock);
	ended = w->ended;
	*ret = w->result;
	if (ended) {
		w->ended = false;
		w->job = (struct usb_job){.what = USB_WORK_NONE};
	}
	(void)pthread_mutex_unlock(&w->lock);
	return ended;
}

static int on_done(sd_event_source *s, int fd, uint32_t revents, void *user)
{
	eventfd_t n;

	(void)s;
	(void)revents;
	(void)eventfd_read(fd, &n);
	usb_settle(user);
	return 0;
}

/* Signals are the loop's. Return: 0 or an errno. */
static int start(struct usb_worker *w, const pthread_attr_t *small)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	(void)pthread_mutex_init(&w->lock, NULL); /* of that kind it cannot fail */
	(void)pthread_cond_init(&w->wake, NULL);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&w->thread, small, usb_worker_run, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->started = r == 0;
	return r;
}

int usb_workers_start(struct usb *u)
{
	pthread_attr_t small;
	int r;

	if (pthread_attr_init(&small) != 0) {
		return fault(-ENOMEM);
	}
	(void)pthread_attr_setstacksize(&small, STACK_BYTES);
	u->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = u->done < 0 ? errno : 0;
	u->working = r == 0;
	if (r == 0) {
		r = -sd_event_add_io(u->ev, &u->on_done, u->done, EPOLLIN, on_done, u);
		r = r > 0 ? r : 0;
	}
	for (size_t i = 0; i < USB_DEVICES_MAX && r == 0; i++) {
		u->workers[i].usb = u;
		r = start(&u->workers[i], &small);
	}
	(void)pthread_attr_destroy(&small);
	return r == 0 ? 0 : fault(-r);
}

void usb_workers_stop(struct usb *u)
{
	for (size_t i = 0; i < USB_DEVICES_MAX; i++) {
		struct usb_worker *w = &u->workers[i];

		if (!w->started) {
			continue;
		}
		(void)pthread_mutex_lock(&w->lock);
		assert(w->job.what == USB_WORK_NONE);
		w->stop = true;
		(void)pthread_cond_signal(&w->wake);
		(void)pthread_mutex_unlock(&w->lock);
		(void)pthread_join(w->thread, NULL);
		(void)pthread_cond_destroy(&w->wake);
		(void)pthread_mutex_destroy(&w->lock);
		w->started = false;
	}
	(void)sd_event_source_disable_unref(u->on_done);
	u->on_done = NULL;
	if (u->working) {
		(void)close(u->done);
		u->working = false;
	}
}
