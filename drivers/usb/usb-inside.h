/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside usb*.c: one device that is open. usb.c opens it, usb-pipe.c moves bytes, usb-recover.c clears
 * and resets, usb-close.c lets go of it. A handle owns its pipes, interfaces and transfers, three a
 * pipe. While its worker is at work nobody else calls libusb for it. usb-bus.h has what stands above.
 */
#include "drivers/usb/usb-bus.h"

#define USB_ASK_MS	500U   /* milliseconds: a control request of ours */
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
	/* rooms for the longest message, in whole packets: libusb's while a transfer runs; and
	 * what came before, which is told meanwhile and wiped then */
	uint8_t *arriving, *arrived;
	size_t arriving_room;
	uint8_t noticed[USB_NOTICE_ROOM];
	unsigned stalls; /* of the interrupt pipe; above the limit it is left alone */
	uint64_t calm;	 /* when they are forgotten */
	bool unhalt;	 /* ... and its halt is to be cleared */
	int recover;	 /* enum interface_recover that is wanted, or 0 */
	/* what begins when the device runs again (usb-recover.c); nothing while it does: */
	bool held;	 /* its message goes out */
	size_t wanted;	 /* bytes of the bulk-in transfer; 0: none */
	size_t n_aborts; /* control requests: */
	uint16_t aborts[DESCRIPTOR_SLOTS_MAX];
	bool offs[DESCRIPTOR_SLOTS_MAX]; /* slots with a job of usb-close.c */
	sd_event_source *timer;
};

/* what a device is at */
enum usb_phase {
	USB_RUNS = 0,
	USB_PAUSES, /* for a recovery: nothing begins, what can wait is taken back */
	USB_CLEARS, /* its worker is at that */
	USB_RESETS,
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
	enum usb_phase phase;
	struct usb_pipe
		*clearing; /* whose recovery USB_CLEARS is; NULL: an interrupt pipe's halt */
	bool resetting;	   /* asked for; all of its pipes wait for that */
	unsigned aborts;   /* control requests on their way */
	bool gone;	   /* the device is not there any more */
	bool released;	   /* the owner is told of nothing but how jobs end */
	bool leaving;	   /* let go of, turn by turn: */
	enum usb_closing closing;
	unsigned offs; /* jobs of usb-close.c that have not ended */
	bool lost;     /* nobody can say what its cards have: it is reset */
	uint64_t until;
	sd_event_source *timer;
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
bool usb_works(const struct usb_handle *h); /* its worker does */
bool usb_quiet(const struct usb_handle *h);
void usb_pause(struct usb_handle *h);
void usb_reset(struct usb_handle *h);	    /* when all is quiet */
void usb_begin_reset(struct usb_handle *h); /* now: all is */
void usb_slept(struct usb_handle *h);	    /* no card of it counts as powered any more */
void usb_gone(struct usb_handle *h);	    /* unplugged: its readers are of no use any more */
void usb_turn(struct usb_handle *h);	    /* what has ended, then what is next */

/* usb-close.c */
void usb_close(struct usb_handle *h);	    /* a step further; @h may be no more */
void usb_handle_mute(struct usb_handle *h); /* its timers call nobody any more */
struct usb_handle *usb_handle_free(struct usb_handle *h); /* nothing runs any more */
