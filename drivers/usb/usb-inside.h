/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c, the only files that know libusb: usb.c finds and opens devices, usb-pipe.c moves
 * bytes, usb-recover.c clears and resets, usb-close.c lets go of devices, usb-worker.c waits for
 * the kernel, usb-loop.c lives on the program's loop. What libusb calls back only notes an end;
 * everything else is done in usb_settle(), when libusb has returned: so an interface, a device and
 * what its owner does in a callback never meet a libusb that is at work.
 *
 * usb owns devices, their handles and workers; a handle owns its pipes, interfaces and transfers,
 * three a pipe. While its worker is at work (usb_handle.work) nobody else calls libusb for it.
 */
#include "drivers/usb/usb-worker.h"

#define USB_ASK_MS	500U /* milliseconds: a control request of ours */
#define USB_FDS_MAX	64U
#define USB_NOTICE_ROOM 2048U  /* bytes of one packet of an interrupt pipe, at most */
#define USB_PACKET_MASK 0x7FFU /* of wMaxPacketSize */

/* CCID 1.1 §5.3 */
#define USB_REQUEST_ABORT     0x01U
#define USB_REQUEST_GET_RATES 0x03U

struct usb_pipe;

struct usb_urb {
	struct libusb_transfer *transfer;
	struct usb_pipe *pipe;
	bool busy;    /* with libusb */
	bool ended;   /* its end has not been told yet */
	bool dropped; /* nor will be */
	enum interface_transfer end;
};

struct usb_pipe {
	struct usb_handle *handle;
	size_t index;
	bool claimed;
	struct interface *machine;
	struct usb_urb out, in, notice;
	struct buf message; /* on its way out */
	bool empty_packet;  /* ... and must be followed by one of no length */
	uint8_t *arriving;  /* room for the longest message, in whole packets */
	size_t arriving_room;
	uint8_t noticed[USB_NOTICE_ROOM];
	unsigned stalls; /* of the interrupt pipe, in a row; above the limit it is left alone */
	bool unhalt;	 /* ... and its halt is to be cleared */
	int recover;	 /* enum interface_recover that is wanted, or 0 */
	/* while the device is paused for somebody's recovery (usb-recover.c): */
	bool parked;   /* its bulk-in transfer was taken back, and is not late */
	bool held;     /* its message goes out afterwards */
	size_t wanted; /* bytes of the bulk-in transfer that begins afterwards; 0: none */
	sd_event_source *timer;
};

/* the end of a handle, in this order */
enum usb_closing {
	USB_CLOSING_NOT = 0,
	USB_CLOSING_OFF,   /* messages that take power from cards are on their way */
	USB_CLOSING_QUIET, /* transfers end */
	USB_CLOSING_RESET, /* where messages did not help */
};

struct usb_handle {
	struct usb *usb;
	struct usb_device *device;
	libusb_device_handle *open;
	struct usb_pipe pipes[DESCRIPTOR_INTERFACES_MAX];
	size_t n_pipes;
	struct usb_worker *worker; /* of its place */
	enum usb_work work;	   /* that is under way there */
	struct usb_pipe *clearing; /* whose recovery that is, or NULL */
	bool resetting;		   /* asked for; all of its pipes wait for that */
	unsigned aborts;	   /* control requests on their way */
	bool gone;		   /* the device is not there any more */
	bool released;		   /* the owner is told of nothing but how jobs end */
	bool leaving;		   /* let go of, turn by turn: */
	enum usb_closing closing;
	unsigned offs; /* jobs of usb-close.c that have not ended */
	bool lost;     /* nobody can say what its cards have: it is reset */
	uint64_t until;
	sd_event_source *timer;
};

struct usb_place {
	struct usb_device d; /* first: the owner's pointer is ours */
	libusb_device *there;
	bool left; /* told; it stays until its handle is closed */
};

struct usb {
	sd_event *ev;
	const struct usb_ops *ops;
	void *user;
	libusb_context *context;
	libusb_hotplug_callback_handle hotplug;
	bool plugged; /* something came or left */
	bool settling;
	bool ending; /* usb_free(): nothing new */
	struct usb_place *devices[USB_DEVICES_MAX];
	struct usb_worker workers[USB_DEVICES_MAX]; /* of the same places */
	bool working;				    /* they are there */
	int done; /* eventfd: one of them has ended something */
	sd_event_source *on_done;
	sd_event_source *turn, *awake;

	struct {
		int fd;
		sd_event_source *source;
	} fds[USB_FDS_MAX];

	uint64_t asleep; /* boot time less monotonic time, when last looked at */
};

/* usb-pipe.c */
extern const struct interface_ops usb_pipe_ops;
void usb_pipe_listen(struct usb_pipe *p);
void usb_pipe_tell(struct usb_pipe *p); /* what has ended in it, in the order of a reader */
bool usb_pipe_quiet(const struct usb_pipe *p);
void usb_pipe_cancel(struct usb_pipe *p); /* without a word of it */
void usb_pipe_stop(struct usb_pipe *p);	  /* ... but what the interrupt pipe has brought */
void usb_pipe_park(struct usb_pipe *p);	  /* what can wait is taken back, and goes on by: */
void usb_pipe_resume(struct usb_pipe *p);
void usb_pipe_forget(struct usb_pipe *p); /* what its bulk pipes carried */
int usb_pipe_timer(struct usb_pipe *p) _must_check_;

/* usb-recover.c */
bool usb_paused(const struct usb_handle *h); /* nothing may begin */
bool usb_quiet(const struct usb_handle *h);
void usb_pause(struct usb_handle *h);
void usb_reset(struct usb_handle *h);
void usb_slept(struct usb_handle *h); /* no card of it counts as powered any more */
void usb_gone(struct usb_handle *h);  /* all of its readers are of no use any more */
void usb_turn(struct usb_handle *h);  /* what has ended, then what is next */

/* usb-close.c */
void usb_close(struct usb_handle *h); /* a step further; @h may be no more */
struct usb_handle *usb_handle_free(struct usb_handle *h); /* nothing runs any more */

/* usb.c */
void usb_rescan(struct usb *u); /* whoever left, then whoever came */
void usb_place_free(struct usb_place *one);

/* usb-loop.c */
int usb_loop_start(struct usb *u) _must_check_;
void usb_loop_mute(struct usb *u); /* nothing of it is called any more */
void usb_loop_stop(struct usb *u);
bool usb_loop_slept(const struct usb *u); /* ... since usb_settle() looked last */
void usb_loop_stir(struct usb *u);	  /* usb_settle() in the loop's next turn */
void usb_settle(struct usb *u);
