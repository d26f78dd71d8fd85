/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Configuration descriptors of USB devices, walked once from front to back. Guarantees: nothing beyond the
 * configuration's own length is read; what is given back has two bulk endpoints of its own, at least one
 * slot and one protocol, one exchange level and messages within what CCID 1.1 §5.1 allows; all of them have
 * DESCRIPTOR_SERVED_MAX slots at most. Interfaces of other classes are passed over, whatever is in them, as
 * long as their lengths lead through; so is what is longer than DESCRIPTOR_MAX and has no reader.
 */
#include "drivers/usb/descriptor.h"

#define TYPE_DEVICE	   0x01U /* bDescriptorType, USB 2.0 table 9-5 */
#define TYPE_CONFIGURATION 0x02U
#define TYPE_INTERFACE	   0x04U
#define TYPE_ENDPOINT	   0x05U
#define TYPE_CLASS	   0x21U /* CCID 1.1 §5.1 */

#define LENGTH_DEVICE	     18U
#define DEVICE_IDS	     8U /* offset of idVendor, idProduct, bcdDevice */
#define LENGTH_CONFIGURATION 9U /* bytes, with bLength and bDescriptorType */
#define LENGTH_INTERFACE     9U
#define LENGTH_CLASS	     54U
#define HEAD		     2U /* bLength, bDescriptorType */

#define CLASS_SMART_CARD 0x0BU
#define INTERFACES_MAX	 32U /* bInterfaceNumber of a device: the kernel's USB_MAXINTERFACES */

#define ENDPOINT_IN	   0x80U
#define ENDPOINT_RFU	   0x70U
#define ENDPOINT_NUMBER	   0x0FU
#define ENDPOINT_KIND	   0x03U /* bmAttributes */
#define ENDPOINT_BULK	   0x02U
#define ENDPOINT_INTERRUPT 0x03U
#define PACKET_MASK	   0x07FFU /* wMaxPacketSize, bits 0..10 */
#define PACKET_MAX	   1024U

#define VOLTAGE_MASK   0x07U
#define PROTOCOL_MASK  0x03U
#define LEVEL_TPDU     0x00010000U
#define LEVEL_SHORT    0x00020000U
#define LEVEL_EXTENDED 0x00040000U
#define LEVEL_MASK     0x00070000U

/* each reader has a slot: there are never more readers than slots that are served */
_Static_assert(DESCRIPTOR_INTERFACES_MAX >= DESCRIPTOR_SERVED_MAX, "room for them");

/* what is known so far */
struct walk {
	struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
	size_t n;
	uint8_t configuration;
	bool too_long;
	unsigned slots;	     /* of those in readers */
	unsigned announced;  /* bNumInterfaces */
	unsigned interfaces; /* with alternate setting 0 */
	uint32_t numbers;    /* bit i: bInterfaceNumber i was there */
	uint32_t used;	     /* bit i: endpoint i; bit 16 + i: endpoint i, in */
	bool counts;	     /* the interface that we are in has alternate setting 0 */
	/* the reader that we are in */
	bool open;
	bool described; /* its class descriptor was there */
	unsigned endpoints_announced, endpoints;
	struct ccid_interface reader;
};

static uint16_t read_le16(struct reader *r)
{
	uint16_t low = reader_u8(r);

	return (uint16_t)(low | (unsigned)reader_u8(r) << 8U);
}

static uint32_t read_le32(struct reader *r)
{
	uint32_t low = read_le16(r);

	return low | (uint32_t)read_le16(r) << 16U;
}

/* -- the class descriptor
 * --------------------------------------------------------------------- */

static int take_level(struct ccid_interface *c)
{
	switch (c->features & LEVEL_MASK) {
	case 0:
		c->level = CCID_LEVEL_CHARACTER;
		return 0;
	case LEVEL_TPDU:
		c->level = CCID_LEVEL_TPDU;
		return 0;
	case LEVEL_SHORT:
		c->level = CCID_LEVEL_SHORT_APDU;
		return 0;
	case LEVEL_EXTENDED:
		c->level = CCID_LEVEL_EXTENDED_APDU;
		return 0;
	default:
		return DESCRIPTOR_LEVEL;
	}
}

static int take_class(struct walk *w, struct view body)
{
	struct reader r = reader_of(body);
	struct ccid_interface *c = &w->reader;
	unsigned slots;

	if (body.len != LENGTH_CLASS - HEAD) {
		return DESCRIPTOR_LENGTH;
	}
	if (w->described) {
		return DESCRIPTOR_CLASS;
	}
	w->described = true;
	c->version = read_le16(&r);
	slots = reader_u8(&r) + 1U;
	c->voltages = reader_u8(&r) & VOLTAGE_MASK;
	c->protocols = (uint8_t)(read_le32(&r) & PROTOCOL_MASK);
	c->clock = read_le32(&r);
	c->clock_max = read_le32(&r);
	(void)reader_u8(&r); /* bNumClockSupported */
	c->rate = read_le32(&r);
	c->rate_max = read_le32(&r);
	c->rates = reader_u8(&r);
	c->ifsd = read_le32(&r);
	(void)read_le32(&r); /* dwSynchProtocols */
	(void)read_le32(&r); /* dwMechanical */
	c->features = read_le32(&r);
	c->message = read_le32(&r);
	(void)reader_u16(&r); /* bClassGetResponse, bClassEnvelope */
	c->display = read_le16(&r);
	c->pin = reader_u8(&r) & (CCID_PIN_VERIFY | CCID_PIN_MODIFY);
	c->busy = reader_u8(&r);
	if (slots > DESCRIPTOR_SLOTS_MAX || c->busy == 0 || c->busy > slots) {
		return DESCRIPTOR_SLOTS;
	}
	c->slots = (uint8_t)slots;
	if (c->protocols == 0) {
		return DESCRIPTOR_PROTOCOLS;
	}
	c->message_short = c->message == DESCRIPTOR_MESSAGE_SCM;
	if (c->message_short) {
		c->message = DESCRIPTOR_MESSAGE_MIN;
	}
	if (c->message < DESCRIPTOR_MESSAGE_MIN || c->message > DESCRIPTOR_MESSAGE_MAX) {
		return DESCRIPTOR_MESSAGE;
	}
	return take_level(c);
}

/* -- endpoints
 * ---------------------------------------------------------------------------------
 */

/* Whether @address is one that no interface had before. */
static bool mark(struct walk *w, uint8_t address)
{
	unsigned number = address & ENDPOINT_NUMBER;
	uint32_t bit = 1U << (number + ((address & ENDPOINT_IN) ? 16U : 0U));
	bool fresh = (w->used & bit) == 0;

	w->used |= bit;
	return fresh && number != 0 && (address & ENDPOINT_RFU) == 0;
}

/* Which of a reader's three endpoints this is; NULL: none that it can have. */
static uint8_t *pipe_of(
	struct ccid_interface *c, uint8_t address, uint8_t kind, uint16_t **ret_packet)
{
	bool in = (address & ENDPOINT_IN) != 0;

	if (kind == ENDPOINT_BULK) {
		*ret_packet = in ? &c->packet_in : &c->packet_out;
		return in ? &c->bulk_in : &c->bulk_out;
	}
	*ret_packet = &c->packet_interrupt;
	return kind == ENDPOINT_INTERRUPT && in ? &c->interrupt_in : NULL;
}

static int take_endpoint(struct walk *w, struct view body)
{
	struct reader r = reader_of(body);
	uint8_t address = reader_u8(&r);
	uint8_t kind = reader_u8(&r) & ENDPOINT_KIND;
	uint16_t packet = read_le16(&r) & PACKET_MASK;
	uint8_t interval = reader_u8(&r);
	uint16_t *size;
	uint8_t *pipe;
	bool fresh;

	if (r.failed) {
		return DESCRIPTOR_LENGTH;
	}
	fresh = mark(w, address);
	if (!w->open) {
		return 0;
	}
	w->endpoints++;
	pipe = pipe_of(&w->reader, address, kind, &size);
	if (!fresh || !pipe || *pipe != 0 || packet == 0 || packet > PACKET_MAX) {
		return DESCRIPTOR_ENDPOINTS;
	}
	*pipe = address;
	*size = packet;
	if (kind == ENDPOINT_INTERRUPT) {
		w->reader.interval = interval;
	}
	return 0;
}

/* -- interfaces
 * --------------------------------------------------------------------------------
 */

static int close_interface(struct walk *w)
{
	const struct ccid_interface *c = &w->reader;

	if (!w->open) {
		return 0;
	}
	w->open = false;
	if (!w->described) {
		return DESCRIPTOR_CLASS;
	}
	if (c->bulk_out == 0 || c->bulk_in == 0 || w->endpoints != w->endpoints_announced) {
		return DESCRIPTOR_ENDPOINTS;
	}
	w->slots += c->slots;
	if (w->slots > DESCRIPTOR_SERVED_MAX) {
		return DESCRIPTOR_MANY;
	}
	w->readers[w->n++] = *c;
	return 0;
}

static int open_reader(struct walk *w, uint8_t number, uint8_t endpoints, struct reader *r)
{
	uint8_t protocol;

	(void)reader_u8(r); /* bInterfaceSubClass */
	protocol = reader_u8(r);
	if (protocol != 0) {
		return DESCRIPTOR_PROTOCOL;
	}
	w->open = true;
	w->described = false;
	w->endpoints_announced = endpoints;
	w->endpoints = 0;
	w->reader = (struct ccid_interface){
		.configuration = w->configuration,
		.number = number,
		.protocol = protocol,
		.name = reader_u8(r),
	};
	return 0;
}

static int take_interface(struct walk *w, struct view body)
{
	struct reader r = reader_of(body);
	uint8_t number = reader_u8(&r);
	uint8_t alternate = reader_u8(&r);
	uint8_t endpoints = reader_u8(&r);
	uint8_t class = reader_u8(&r);
	int outcome = close_interface(w);

	if (outcome != 0) {
		return outcome;
	}
	if (body.len < LENGTH_INTERFACE - HEAD) {
		return DESCRIPTOR_LENGTH;
	}
	w->counts = alternate == 0;
	if (!w->counts) {
		return 0;
	}
	if (number >= INTERFACES_MAX || (w->numbers & 1U << number) != 0) {
		return DESCRIPTOR_INTERFACES;
	}
	w->numbers |= 1U << number;
	w->interfaces++;
	return class == CLASS_SMART_CARD ? open_reader(w, number, endpoints, &r) : 0;
}

/* -- the configuration
 * ------------------------------------------------------------------------- */

static int take_configuration(struct walk *w, struct view *configuration)
{
	struct reader r = reader_of(*configuration);
	uint8_t length = reader_u8(&r);
	uint8_t type = reader_u8(&r);
	uint16_t total = read_le16(&r);

	w->announced = reader_u8(&r);
	w->configuration = reader_u8(&r);
	if (r.failed || configuration->len < length || configuration->len < total) {
		return DESCRIPTOR_CUT;
	}
	if (type != TYPE_CONFIGURATION || length < LENGTH_CONFIGURATION || total < length) {
		return DESCRIPTOR_LENGTH;
	}
	w->too_long = total > DESCRIPTOR_MAX;
	*configuration = view_sub(*configuration, length, total - length);
	return 0;
}

static int take_one(struct walk *w, uint8_t type, struct view body)
{
	if (type == TYPE_INTERFACE) {
		return take_interface(w, body);
	}
	if (type == TYPE_ENDPOINT && w->counts) {
		return take_endpoint(w, body);
	}
	if (type == TYPE_CLASS && w->open) {
		return take_class(w, body);
	}
	return 0;
}

static int take_all(struct walk *w, struct view rest)
{
	struct reader r = reader_of(rest);

	while (r.left > 0) {
		uint8_t length = reader_u8(&r);
		uint8_t type = reader_u8(&r);
		struct view body;
		int outcome;

		if (r.failed) {
			return DESCRIPTOR_CUT;
		}
		if (length < HEAD) {
			return DESCRIPTOR_LENGTH;
		}
		body = reader_take(&r, length - HEAD);
		if (r.failed) {
			return DESCRIPTOR_CUT;
		}
		outcome = take_one(w, type, body);
		if (outcome != 0) {
			return outcome;
		}
	}
	return close_interface(w);
}

int descriptor_parse(struct view configuration, struct ccid_interface *ret, size_t *ret_n)
{
	struct walk w = {0};
	int outcome = take_configuration(&w, &configuration);

	if (outcome == 0) {
		outcome = take_all(&w, configuration);
	}
	if (outcome != 0) {
		return outcome;
	}
	if (w.n == 0) {
		return DESCRIPTOR_NO_READER;
	}
	if (w.too_long) {
		return DESCRIPTOR_LENGTH;
	}
	if (w.interfaces != w.announced) {
		return DESCRIPTOR_INTERFACES;
	}
	for (size_t i = 0; i < w.n; i++) {
		ret[i] = w.readers[i];
	}
	*ret_n = w.n;
	return 0;
}

/* -- the device ---------------------------------------------------------------------------------- */

/* The configuration at the front of @rest, which is shortened by it. */
static int next_configuration(struct view *rest, uint8_t *ret_value, struct view *ret)
{
	struct reader r = reader_of(*rest);
	uint16_t total;

	(void)reader_u8(&r); /* bLength, bDescriptorType: descriptor_parse() looks at them */
	(void)reader_u8(&r);
	total = read_le16(&r);
	(void)reader_u8(&r); /* bNumInterfaces */
	*ret_value = reader_u8(&r);
	if (r.failed || total > rest->len) {
		return DESCRIPTOR_CUT;
	}
	if (total < LENGTH_CONFIGURATION) {
		return DESCRIPTOR_LENGTH;
	}
	*ret = view_sub(*rest, 0, total);
	*rest = view_sub(*rest, total, rest->len);
	return 0;
}

int descriptor_device(struct view bytes, uint8_t value, struct descriptor_device *ret)
{
	struct descriptor_device d = {0};
	struct reader r = reader_of(bytes);
	uint8_t length = reader_u8(&r);
	uint8_t type = reader_u8(&r);
	uint8_t found = 0;

	(void)reader_take(&r, DEVICE_IDS - HEAD);
	d.vendor = read_le16(&r);
	d.product = read_le16(&r);
	d.release = read_le16(&r);
	if (r.failed || bytes.len < LENGTH_DEVICE) {
		return DESCRIPTOR_CUT;
	}
	if (length != LENGTH_DEVICE || type != TYPE_DEVICE) {
		return DESCRIPTOR_LENGTH;
	}
	bytes = view_sub(bytes, LENGTH_DEVICE, bytes.len);
	do {
		int outcome;

		if (bytes.len == 0) {
			return DESCRIPTOR_NO_READER;
		}
		outcome = next_configuration(&bytes, &found, &d.configuration);
		if (outcome != 0) {
			return outcome;
		}
	} while (value != 0 && found != value);
	*ret = d;
	return 0;
}

bool descriptor_of_reader(struct view bytes)
{
	struct ccid_interface readers[DESCRIPTOR_INTERFACES_MAX];
	struct view rest = view_sub(bytes, LENGTH_DEVICE, bytes.len);
	struct descriptor_device d;
	size_t n;
	int r = descriptor_device(bytes, 0, &d);

	while (r == 0 && rest.len > 0) {
		uint8_t value;

		r = next_configuration(&rest, &value, &d.configuration);
		if (r == 0 && descriptor_parse(d.configuration, readers, &n) !=
				      DESCRIPTOR_NO_READER) {
			return true;
		}
	}
	return r != 0 && r != DESCRIPTOR_NO_READER;
}

const char *descriptor_reason(enum descriptor_outcome o)
{
	switch (o) {
	case DESCRIPTOR_NO_READER:
		return "descriptor-no-reader";
	case DESCRIPTOR_CUT:
		return "descriptor-cut";
	case DESCRIPTOR_LENGTH:
		return "descriptor-length";
	case DESCRIPTOR_INTERFACES:
		return "descriptor-interfaces";
	case DESCRIPTOR_CLASS:
		return "descriptor-class";
	case DESCRIPTOR_PROTOCOL:
		return "descriptor-protocol";
	case DESCRIPTOR_ENDPOINTS:
		return "descriptor-endpoints";
	case DESCRIPTOR_SLOTS:
		return "descriptor-slots";
	case DESCRIPTOR_PROTOCOLS:
		return "descriptor-protocols";
	case DESCRIPTOR_MESSAGE:
		return "descriptor-message";
	case DESCRIPTOR_LEVEL:
		return "descriptor-level";
	case DESCRIPTOR_MANY:
		return "descriptor-many";
	}
	return "descriptor-good";
}
