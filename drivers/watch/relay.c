/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers and cards of vitaled-usb in words of our own. */
#include "drivers/watch/relay.h"

#include "base/link-ops.h"
#include "base/readers.h"
#include "base/tlv.h"
#include "drivers/watch/track.h"

#define PRINTABLE_FIRST 0x20U
#define PRINTABLE_LAST	0x7EU

/* A name of vitaled-usb's form (drivers/usb/names.h), printable ASCII: it goes to the bus and into the journal. */
static bool take_name(struct view body, struct buf *out)
{
	char name[TRACK_NAME_MAX];

	if (tlv_find_str(body, LINK_TAG_READER, name, sizeof(name)) != 0 || name[0] == '\0') {
		return false;
	}
	for (const char *c = name; *c; c++) {
		if ((uint8_t)*c < PRINTABLE_FIRST || (uint8_t)*c > PRINTABLE_LAST) {
			return false;
		}
	}
	if (!readers_name_usb(name)) {
		return false; /* one that pcscd could have */
	}
	tlv_put_str(out, LINK_TAG_READER, name);
	return true;
}

/* A byte that need not be there. */
static bool take_byte(struct view body, uint32_t tag, uint8_t most, struct buf *out)
{
	uint8_t value;
	int r = tlv_find_u8(body, tag, &value);

	if (r == 0 && value <= most) {
		tlv_put_u8(out, tag, value);
		return true;
	}
	return r == TLV_ABSENT;
}

static bool take_events(struct view body, struct buf *out)
{
	uint32_t events;

	if (tlv_find_u32(body, LINK_TAG_EVENTS, &events) != 0) {
		return false;
	}
	tlv_put_u32(out, LINK_TAG_EVENTS, events);
	return true;
}

/* Without one the card has not been given power yet. */
static bool take_atr(struct view body, struct buf *out)
{
	struct tlv atr;
	int r = tlv_find(body, LINK_TAG_ATR, &atr);

	if (r == 0 && atr.value.len <= TRACK_ATR_MAX) {
		tlv_put(out, LINK_TAG_ATR, atr.value);
		return true;
	}
	return r == TLV_ABSENT;
}

static bool take(enum watch_op op, struct view body, struct buf *out)
{
	switch (op) {
	case WATCH_OP_READER_IN:
		return take_name(body, out) && take_byte(body, LINK_TAG_SLOT, UINT8_MAX, out);
	case WATCH_OP_READER_OUT:
		return take_name(body, out);
	case WATCH_OP_CARD_IN:
		return take_name(body, out) && take_atr(body, out) &&
		       take_byte(body, LINK_TAG_STATE, 1, out) && take_events(body, out);
	case WATCH_OP_CARD_OUT:
		return take_name(body, out) && take_events(body, out);
	case WATCH_OP_LISTED:
		return true;
	case WATCH_OP_SERVICE: /* ours to say */
	case WATCH_OP_ALIVE:
	case WATCH_OP_LOOK:
		return false;
	}
	return false;
}

int relay_event(uint8_t op, struct view body, struct buf *out)
{
	return take((enum watch_op)op, body, out) ? 0 : RELAY_BROKEN;
}
