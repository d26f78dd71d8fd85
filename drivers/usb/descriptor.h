/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a USB device says of itself: from the bytes of a configuration descriptor (USB 2.0 §9.6.3) to
 * the card readers in it (CCID 1.1 §5.1). Pure: bytes in, facts out; every length, count, slot and
 * endpoint is compared with what there is. One interface of the smart card class is one reader of one
 * slot or several; a composite device has several such interfaces.
 *
 *   configuration | interface | CCID class descriptor (54 bytes) | endpoints | interface | ...
 *
 * The class descriptor stands behind its interface; some readers put it behind the endpoints, which is
 * taken too. Alternate settings other than 0 are passed over. Numbers on the wire are little endian.
 */
#include "base/buf.h"

#define DESCRIPTOR_MAX		  4096U /* bytes of a configuration with a reader */
#define DESCRIPTOR_INTERFACES_MAX 8U	/* readers of one device */
#define DESCRIPTOR_SLOTS_MAX	  16U	/* slots of one reader: bMaxSlotIndex is 0..15 */
#define DESCRIPTOR_SERVED_MAX	  8U /* slots of all readers of a device; with more it is refused */
#define DESCRIPTOR_RATES_MAX	  64U	 /* data rates kept of those that a reader lists */
#define DESCRIPTOR_MESSAGE_MIN	  271U	 /* bytes, TPDU level and short APDUs (§5.1) */
#define DESCRIPTOR_MESSAGE_SCM	  263U	 /* what firmware of SCM says for it (libccid: bogus) */
#define DESCRIPTOR_MESSAGE_MAX	  65554U /* bytes, extended APDUs: 10 + 65,544 (§5.1) */

/* dwFeatures (§5.1, table 5.1-1) */
enum ccid_feature {
	CCID_AUTO_PARAMETERS = 0x00000002, /* from the ATR */
	CCID_AUTO_ACTIVATION = 0x00000004,
	CCID_AUTO_VOLTAGE = 0x00000008,
	CCID_AUTO_CLOCK = 0x00000010,
	CCID_AUTO_RATE = 0x00000020,
	CCID_AUTO_NEGOTIATION = 0x00000040, /* parameters negotiated by the reader */
	CCID_AUTO_PPS = 0x00000080,
	CCID_CLOCK_STOP = 0x00000100,
	CCID_NAD = 0x00000200,
	CCID_AUTO_IFSD = 0x00000400,
	CCID_WAKE_UP = 0x00100000,
};

/* the exchange level, of dwFeatures' bits 16..18; none set: characters */
enum ccid_level {
	CCID_LEVEL_CHARACTER = 0,
	CCID_LEVEL_TPDU,
	CCID_LEVEL_SHORT_APDU,
	CCID_LEVEL_EXTENDED_APDU,
};

enum ccid_pin { /* bPINSupport */
	CCID_PIN_VERIFY = 0x01,
	CCID_PIN_MODIFY = 0x02,
};

/** struct ccid_interface - one reader as it describes itself; what it leaves out is 0. */
struct ccid_interface {
	uint8_t configuration; /* bConfigurationValue */
	uint8_t number;	       /* bInterfaceNumber */
	uint8_t protocol;      /* bInterfaceProtocol: 0 bulk; others (ICCD) are refused */
	uint8_t name;	       /* iInterface: index of its string */
	uint16_t version;      /* bcdCCID */
	uint8_t slots;	       /* 1..DESCRIPTOR_SERVED_MAX */
	uint8_t busy;	       /* bMaxCCIDBusySlots: commands at a time, 1..slots */
	uint8_t voltages;      /* bit 0: 5 V, bit 1: 3 V, bit 2: 1.8 V */
	uint8_t protocols;     /* bit 0: T=0, bit 1: T=1 */
	uint32_t clock;	       /* dwDefaultClock, kHz */
	uint32_t clock_max;    /* kHz */
	uint32_t rate;	       /* dwDataRate, bit/s */
	uint32_t rate_max;     /* bit/s */
	uint8_t rates;	       /* bNumDataRatesSupported: 0: any between rate and rate_max */
	uint8_t n_listed; /* of listed[]: parameters_rates() puts them, not descriptor_parse() */
	uint32_t ifsd;	  /* dwMaxIFSD, bytes */
	uint32_t features; /* enum ccid_feature, and the level */
	enum ccid_level level;
	uint32_t message;   /* dwMaxCCIDMessageLength, bytes, header included */
	bool message_short; /* it said DESCRIPTOR_MESSAGE_SCM, taken as DESCRIPTOR_MESSAGE_MIN */
	uint16_t
		display; /* wLcdLayout: lines in the high byte, characters in the low; 0: none */
	uint8_t pin;	 /* enum ccid_pin */
	uint8_t bulk_out, bulk_in;			  /* endpoint addresses */
	uint8_t interrupt_in;				  /* 0: none, slots must be asked */
	uint16_t packet_out, packet_in, packet_interrupt; /* wMaxPacketSize, bytes */
	uint8_t interval;				  /* bInterval of interrupt_in */
	uint32_t listed[DESCRIPTOR_RATES_MAX]; /* bit/s, of GET_DATA_RATES (§5.3.3) */
};

enum descriptor_outcome {
	DESCRIPTOR_NO_READER = 1, /* well formed, and no interface of the smart card class */
	DESCRIPTOR_CUT,	   /* shorter than it says, or a descriptor that ends beyond it */
	DESCRIPTOR_LENGTH, /* a descriptor of a length that its type cannot have, or more bytes
				* than we look at */
	DESCRIPTOR_INTERFACES, /* more or fewer than it counts, one twice, or a number above 31 */
	DESCRIPTOR_CLASS, /* an interface of the class without its class descriptor, or with two */
	DESCRIPTOR_PROTOCOL, /* bInterfaceProtocol other than 0 (ICCD, another page) */
	DESCRIPTOR_ENDPOINTS, /* without bulk in and out, one twice (also in another interface), more or
				 fewer than it counts, one of another kind, or of no packet size */
	DESCRIPTOR_SLOTS, /* more than 16 slots, or more busy than there are, or none busy */
	DESCRIPTOR_PROTOCOLS, /* neither T=0 nor T=1 */
	DESCRIPTOR_MESSAGE,   /* a longest message that its level does not allow */
	DESCRIPTOR_LEVEL,     /* two exchange levels at once */
	DESCRIPTOR_MANY,      /* more slots in it than we serve: DESCRIPTOR_SERVED_MAX */
};

/**
 * descriptor_parse() - all readers of one configuration
 * @configuration: as GET_DESCRIPTOR gives it; a reader in one above DESCRIPTOR_MAX bytes is refused
 * @ret:           room for DESCRIPTOR_INTERFACES_MAX; *@ret_n of them are filled
 *
 * A reader that lies makes the whole device refused: what else it says is worth as little.
 * Return: 0 or an outcome.
 */
int descriptor_parse(
	struct view configuration, struct ccid_interface *ret, size_t *ret_n) _must_check_;

/** struct descriptor_device - a device's own descriptor (USB 2.0 §9.6.1), and its configuration. */
struct descriptor_device {
	uint16_t vendor, product;
	uint16_t release;	   /* bcdDevice */
	struct view configuration; /* borrowed; for descriptor_parse() */
};

/**
 * descriptor_device() - of what sysfs' file "descriptors" holds: the device's, then all configurations
 * @value: bConfigurationValue of the one that is wanted; 0: the first
 * Return: 0, DESCRIPTOR_CUT, DESCRIPTOR_LENGTH or DESCRIPTOR_NO_READER (no such configuration).
 */
int descriptor_device(
	struct view bytes, uint8_t value, struct descriptor_device *ret) _must_check_;
/**
 * descriptor_of_reader() - whether any configuration has, or is too broken to say that it has not, an
 * interface of the smart card class
 * @bytes: as descriptor_device(); a beginning of it will do
 */
bool descriptor_of_reader(struct view bytes);
/** descriptor_reason() - the stable name of an outcome ("descriptor-cut"), for logs and reports. */
const char *descriptor_reason(enum descriptor_outcome o);
