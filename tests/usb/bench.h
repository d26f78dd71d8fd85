/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The test bench for USB readers: devices of a umockdev testbed whose pipes we serve, with the cards of a
 * running vitale-sim in their slots. Programs under the preload library see them as the kernel would show
 * real ones: libusb, libudev, libccid, pcscd and our own driver.
 *
 *   program -- ioctl --> hook.c --> pipes.c --> ccid.c (the reader) --> card.c --> vitale-sim
 *                        URBs       packets,     messages, levels       line protocols,
 *                                   faults                              the simulator's link
 *
 * Two threads: umockdev's for ioctls, and the loop of main.c for the simulator, the control socket and
 * time. All that is here is under one lock.
 */
#include <glib.h>
#include <umockdev.h>

#include "base/buf.h"
#include "tests/usb/faults.h"
#include "tests/usb/models.h"
#include "tests/usb/rates.h"

#define BENCH_DEVICES_MAX 4U
#define BENCH_PACKET	  64U /* bytes, bulk; full speed */
#define BENCH_NOTICE	  8U  /* bytes, interrupt */

struct bench;
struct bench_face;

/** struct bench_slot - as the reader knows it. */
struct bench_slot {
	struct bench_face *face;
	unsigned number; /* in its reader */
	unsigned sim;	 /* in the simulator */
	int link, watch; /* connections: for commands, for events */
	guint link_source, watch_source;
	bool present, changed, active;
	bool settled; /* anything but a PPS came since the reset */
	struct atr atr;
	uint8_t protocol;      /* in force */
	uint8_t parameters[7]; /* as the reader has them */
	struct bench_wire wire;
	/* the command in progress */
	bool busy;
	uint8_t type, seq; /* of its message */
	int step;	   /* card.c */
	bool abort_control, abort_bulk;
	uint8_t abort_seq;
	unsigned generation;	/* of commands */
	bool mute;		/* by order: nothing more comes for this command */
	uint64_t ask_at;	/* monotonic microseconds: then it asks for more time */
	uint8_t held[10];	/* the message's header */
	bool case_4;		/* an APDU with data both ways */
	bool has_long, only_t1; /* orders: a card of the bench's own; no T=0 */
	struct buf memory;	/* of that card */
	struct buf secured;	/* the last PC_to_RDR_Secure, as it came */
	struct buf command;	/* what came in parts, or is under way */
	struct buf answer;	/* of an APDU; what is left of it goes out in parts */
	size_t given;		/* of answer */
	struct buf line;	/* character level: what the card has sent and nobody fetched */
	struct buf received;	/* character level: what the card has got */
	size_t wanted;		/* character level: bytes that the host waits for */
	struct bench_t1 *t1;
	struct fault_order fault;
};

/** struct bench_pipe - one endpoint of a reader. */
struct bench_pipe {
	uint8_t address; /* 0: it has none */
	bool halted;
	GQueue packets; /* in: GBytes that wait for a URB */
	uint64_t urbs, bytes;
};

/** struct bench_face - one interface, one reader of the simulator. */
struct bench_face {
	struct bench_device *device;
	unsigned number, reader; /* reader: of the simulator */
	struct bench_pipe out, in, interrupt;
	struct buf assembly; /* a message that is not complete */
	struct bench_slot slots[MODELS_SLOTS_MAX];
	UMockdevIoctlClient *owner; /* who claimed it */
};

struct bench_device {
	struct bench *bench;
	const struct model *model;
	unsigned index;
	uint8_t number; /* on the bus; grows with each plug */
	char serial[33];
	bool plugged;
	bool kept_out; /* by order, whatever the simulator says */
	bool leaving; /* its message of removal is still to come; then it is plugged if it is wanted */
	bool wanted;
	struct bench_face faces[MODELS_FACES_MAX];
	struct bench_node *node; /* hook.c; NULL: unplugged */
	uint64_t control_urbs;	 /* a halt that is cleared is one */
	unsigned refused;	 /* commands: CMD_SLOT_BUSY */
	unsigned cut;		 /* bytes of bulk-in until it is unplugged; 0: it stays */
	bool control_halted;	 /* the next request of the class stalls */
	/* by order: requests that the kernel does not come back from */
	gulong hold;		   /* 0, USBDEVFS_CLEAR_HALT or USBDEVFS_RESET */
	UMockdevIoctlClient *held; /* who waits in one, or NULL */
	struct bench_node *held_at;
	unsigned held_number; /* the endpoint */
	uint8_t stolen;	      /* enum bench_steal */
};

struct bench {
	GMutex lock;
	GMainLoop *loop;
	UMockdevTestbed *testbed;
	struct bench_device devices[BENCH_DEVICES_MAX];
	unsigned n_devices;
	uint8_t numbers; /* of the device that came last */
	const char *simulator, *control;
	unsigned unplug_ms; /* between the end of the pipes and the message of it */
	int status;	    /* of the child */
	GPid child;
};

/* -- ccid.c: the reader ----------------------------------------------------------------------------- */

/** ccid_receive() - bytes of a bulk-out transfer. Return: 0, -EPIPE: the endpoint stalls. */
int ccid_receive(struct bench_face *f, struct view bytes) _must_check_;
void ccid_abort(struct bench_face *f, unsigned slot, uint8_t seq); /* on the control pipe */
/** ccid_reply() - the command of @s has ended well; @last: byte 9. */
void ccid_reply(struct bench_slot *s, uint8_t last, struct view data);
void ccid_fail(struct bench_slot *s, uint8_t error);
void ccid_powered(struct bench_slot *s);    /* its answer to reset is in s->atr */
void ccid_parameters(struct bench_slot *s); /* those in force, as an answer */
void ccid_tick(struct bench_face *f);	    /* commands that take long ask for more time */
void ccid_reset(struct bench_face *f);	    /* of the bus: as if just plugged */

/* -- bus.c: devices come and go ---------------------------------------------------------------------- */

void bus_plug(struct bench_device *d);
void bus_unplug(struct bench_device *d);

void bus_hub(struct bench *b); /* the root hub that they hang on */

/* -- orders.c ------------------------------------------------------------------------------------------ */

/** orders_listen() - one line, one answer ("ok ..." or "error ..."). Return: 0 or a fault. */
int orders_listen(struct bench *b) _must_check_;
