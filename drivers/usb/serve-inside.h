/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inside serve*.c. serve.c: connections and their requests; serve-reader.c: devices, who may
 * have them; serve-seat.c: slots and what runs in them; serve-watch.c: what watches are told;
 * serve-frame.c: how it is said.
 * serve owns peers and readers; a reader owns its seats (one a slot) while it is taken. A peer
 * that ended is freed when the loop turns. A seat has one owner, or none; peers that wait for
 * it point to it.
 */
#include "base/link.h"
#include "drivers/usb/claims.h"
#include "drivers/usb/names.h"
#include "drivers/usb/serve.h"

enum peer_role {
	PEER_NEW = 0,
	PEER_WATCH,
	PEER_SLOT,
};

enum peer_at {
	PEER_DETACHED = 0,
	PEER_WAITS, /* ATTACH: for the slot's last user, or for the card's answer */
	PEER_ATTACHED,
};

struct peer {
	struct serve *serve;
	uint64_t id; /* never used twice */
	int fd;
	sd_event_source *io, *timer; /* timer: LISTED of a watch, the wait of an ATTACH */
	bool watches;		     /* it came by the socket of watches */
	enum peer_role role;
	bool ended;
	bool listed; /* a watch: the first list is complete */
	enum peer_at at;
	struct seat *seat;	 /* NULL: none, or its reader is gone */
	uint32_t events, powers; /* of the slot when it was attached or reset */
	bool asks;		 /* a request has no answer yet: */
	uint8_t op;
	uint32_t seq;
};

/* what runs in a slot */
enum seat_work {
	SEAT_NOTHING = 0,
	SEAT_LEARN, /* the ATR of a card that came */
	SEAT_OFF,
	SEAT_CHANGE, /* the power of the last user goes, before the next one's comes */
	SEAT_ATTACH,
	SEAT_RESET,
	SEAT_STATUS,
	SEAT_COMMAND, /* TRANSMIT */
	SEAT_SECURE,
};

struct seat {
	struct served *reader;
	size_t interface;	   /* of the device */
	struct interface *machine; /* NULL: it broke, the device's others did not */
	struct slot *slot;
	char name[NAMES_MAX];
	struct peer *owner;
	enum seat_work work;
	uint64_t user; /* id of the peer that had the card last; 0: nobody since it has power */
	bool off;      /* power must go before anything else */
	bool stopped;  /* what runs was aborted by its owner */
	unsigned learns;       /* how often the card has bounced while its ATR was read */
	uint32_t came, powers; /* events and losses of power when that began */
	bool told, mute;       /* CARD_IN; without an answer; with these: */
	uint32_t events;
};

struct served {
	struct serve *serve;
	struct usb_device *device;
	enum claims_mode mode;
	bool taken, failed; /* ... and some of it has broken */
	bool tried;	    /* since the rules say that it may be ours */
	bool waits;	    /* it is taken as soon as it is closed */
	bool lied;	    /* the log has said that it answered nonsense, since it was taken */
	uint64_t since;	    /* it is taken */
	uint64_t retry, broken, held; /* the next pauses */
	sd_event_source *timer;	      /* the next attempt */
	const char *why; /* it is not taken: what the log said last; of each interface: */
	const char *broke[DESCRIPTOR_INTERFACES_MAX];
	unsigned breaks[DESCRIPTOR_INTERFACES_MAX]; /* in a row, none after SERVE_GOOD_USEC */
	struct seat *seats;			    /* while taken */
	size_t n_seats;				    /* those that broke included */
};

struct serve {
	sd_event *ev;
	int cards, watches; /* they listen */
	uid_t uid;
	bool stays;
	struct usb *usb;
	sd_event_source *accepts_cards, *accepts_watches, *empty, *reap;
	struct peer *peers[SERVE_CONNECTIONS_MAX];
	uint64_t last_id;
	struct served *readers[USB_DEVICES_MAX];
	bool ruled; /* a watch has said whose readers are whose */
	struct buf rules;
	uint8_t pcscd; /* enum watch_service */
	struct buf storage;
	uint64_t silent_until; /* of the journal */
	bool leaving, idles;   /* nobody has been connected for SERVE_HOLD_USEC */
};

/* serve-frame.c */
void frame_answer(struct peer *p, enum usb_outcome o, const struct buf *body); /* NULL: empty */
void frame_event(struct peer *p, uint8_t op, const struct buf *body);
void frame_reader(struct peer *watch, uint8_t op, const struct seat *seat);
void frame_card(struct peer *watch, uint8_t op, const struct seat *seat, uint32_t events);

/* serve.c */
void peer_end(struct peer *p, const char *why); /* @why: for the journal; NULL: it hung up */

/* serve-reader.c */
extern const struct usb_ops reader_ops;
struct seat *reader_seat(struct serve *s, const char *name);
/** reader_rules() - as the newest watch says. Return: 0 or CLAIMS_BROKEN. */
int reader_rules(struct serve *s, struct view rules, uint8_t pcscd) _must_check_;
void reader_look(struct serve *s, uint8_t pcscd);
void reader_release_all(struct serve *s);
void reader_free_all(struct serve *s);

/* serve-watch.c */
void reader_tell(struct seat *seat, uint8_t op); /* to all watches, as: */
void reader_card(struct seat *seat, bool in, uint32_t events);
void reader_tell_all(struct peer *watch);
void reader_listed(struct serve *s, bool whatever); /* LISTED to whom it is due */

/* serve-seat.c */
void seat_turn(struct seat *seat); /* whatever is to be done next */
void seat_leave(struct peer *p);   /* the peer is gone, or gives it back */
void seat_gone(struct seat *seat); /* the reader is */
bool seat_used(const struct seat *seat);
void seat_presence(struct seat *seat);
void seat_ended(struct seat *seat, enum slot_end end);
/* requests; each is answered, now or later */
void seat_attach(struct peer *p, const char *name);
void seat_transmit(struct peer *p, struct view command);
void seat_secure(struct peer *p, const struct slot_pin *pin);
void seat_reset(struct peer *p);
void seat_status(struct peer *p);
void seat_detach(struct peer *p, bool reset);
void seat_abort(struct peer *p);
void seat_late(struct peer *p); /* an ATTACH has waited long enough */
