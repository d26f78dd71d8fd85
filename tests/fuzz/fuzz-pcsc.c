/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The transport over a libpcsclite whose every result comes from the input: return codes, states
 * with their counters, protocols, ATRs, answers and their lengths, the keypad's features. Head: which
 * reader | exclusive. A step (records.h): @kind the call of the transport, @arg its variant, @bytes
 * what PC/SC says meanwhile: for each of its calls a code (an index), and then what that call gives.
 * Time goes on by itself, so that every wait ends.
 */
#include <PCSC/reader.h>
#include <PCSC/winscard.h>
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "drivers/reader/reader.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

#define STEPS 40U

const size_t record_head = 2;

static const LONG codes[] = {SCARD_S_SUCCESS, SCARD_S_SUCCESS, SCARD_S_SUCCESS, SCARD_S_SUCCESS,
	SCARD_W_REMOVED_CARD, SCARD_W_RESET_CARD, SCARD_E_NO_SMARTCARD, SCARD_E_INVALID_HANDLE,
	SCARD_W_UNRESPONSIVE_CARD, SCARD_W_UNPOWERED_CARD, SCARD_F_COMM_ERROR,
	SCARD_E_SHARING_VIOLATION, SCARD_E_NO_SERVICE, SCARD_E_UNKNOWN_READER,
	SCARD_E_INSUFFICIENT_BUFFER, SCARD_E_UNSUPPORTED_FEATURE, SCARD_E_NOT_TRANSACTED,
	SCARD_E_SERVER_TOO_BUSY, SCARD_F_INTERNAL_ERROR, SCARD_E_NO_MEMORY,
	SCARD_E_PROTO_MISMATCH};

static const char *const names[] = {
	"a reader 00 00", "GemPCPinpad 00 00", "Dell keyboard 00 00"};

static struct reader said;  /* by PC/SC in this step */
static uint8_t said_before; /* what goes on when nothing more is said */
static uint64_t now;
static unsigned contexts, cards;

/* in place of base/clock.c's, by the linker */
uint64_t __wrap_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
	now += 5 * USEC_PER_MS;
	return now;
}

static uint8_t next(void)
{
	return said.left > 0 ? reader_u8(&said) : 0;
}

static LONG code(void)
{
	if (fail_now()) {
		return SCARD_E_NO_MEMORY;
	}
	if (said.left > 0) {
		said_before = reader_u8(&said) % ARRAY_LEN(codes);
	}
	return codes[said_before];
}

LONG SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	LONG rv = code();

	(void)scope, (void)a, (void)b;
	if (rv == SCARD_S_SUCCESS) {
		*ret = 77;
		contexts++;
	}
	return rv;
}

LONG SCardReleaseContext(SCARDCONTEXT c)
{
	assert(c == 77 && contexts == 1 && cards == 0);
	contexts--;
	return code();
}

LONG SCardConnect(SCARDCONTEXT c, LPCSTR name, DWORD share, DWORD protocols, LPSCARDHANDLE ret,
	LPDWORD ret_protocol)
{
	LONG rv = code();

	assert(c == 77 && contexts == 1 && cards == 0 && strlen(name) > 0 && share > 0);
	assert(protocols > 0 && !(protocols & ~(DWORD)(SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1)));
	if (rv == SCARD_S_SUCCESS) {
		*ret = 88;
		*ret_protocol = next();
		cards++;
	}
	return rv;
}

LONG SCardDisconnect(SCARDHANDLE h, DWORD disposition)
{
	assert(h == 88 && cards == 1);
	assert(disposition == SCARD_LEAVE_CARD || disposition == SCARD_RESET_CARD);
	cards--;
	return code();
}

LONG SCardStatus(SCARDHANDLE h, LPSTR name, LPDWORD name_len, LPDWORD state, LPDWORD protocol,
	LPBYTE atr, LPDWORD atr_len)
{
	LONG rv = code();
	uint8_t how = next();

	assert(h == 88 && cards == 1 && !name && *name_len == 0 && *atr_len == MAX_ATR_SIZE);
	*state = (how & 1 ? 0 : SCARD_PRESENT) | (how & 2 ? 0 : SCARD_POWERED) |
		 (DWORD)(how >> 4) << 16;
	*protocol = how & 4 ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0;
	if (how & 8) {
		*protocol = next();
		*atr_len = next(); /* more than there can be: libpcsclite is not believed */
		memset(atr, 0x3B, MAX_ATR_SIZE);
		return rv;
	}
	memset(atr, 0x3B, 10);
	*atr_len = 10;
	return rv;
}

LONG SCardReconnect(
	SCARDHANDLE h, DWORD share, DWORD protocols, DWORD how, LPDWORD ret_protocol)
{
	assert(h == 88 && cards == 1 && share > 0 && protocols > 0);
	assert(how == SCARD_LEAVE_CARD || how == SCARD_RESET_CARD);
	*ret_protocol = SCARD_PROTOCOL_T0;
	return code();
}

LONG SCardBeginTransaction(SCARDHANDLE h)
{
	assert(h == 88 && cards == 1);
	return code();
}

LONG SCardEndTransaction(SCARDHANDLE h, DWORD disposition)
{
	assert(h == 88 && cards == 1 && disposition == SCARD_LEAVE_CARD);
	return code();
}

/* @len bytes from what is said, as long as it says, at most @room. */
static DWORD give(LPBYTE to, DWORD room)
{
	size_t len = next();
	struct view v;

	if (len == 0xFF) {
		memset(to, 0x61, room);
		return room;
	}
	v = reader_take(&said, len < said.left ? len : said.left);
	bytes_copy(to, room, v.data, v.len < room ? v.len : room);
	return v.len < room ? v.len : room;
}

LONG SCardTransmit(SCARDHANDLE h, const SCARD_IO_REQUEST *pci, LPCBYTE data, DWORD len,
	SCARD_IO_REQUEST *ret_pci, LPBYTE answer, LPDWORD answer_len)
{
	LONG rv = code();

	assert(h == 88 && cards == 1 && pci && data && len > 0 && !ret_pci);
	assert(*answer_len >= TRANSPORT_ANSWER_MAX);
	*answer_len = give(answer, *answer_len);
	return rv;
}

LONG SCardControl(SCARDHANDLE h, DWORD control, LPCVOID data, DWORD len, LPVOID answer,
	DWORD room, LPDWORD ret_len)
{
	LONG rv = code();

	assert(h == 88 && cards == 1 && (data || len == 0));
	*ret_len = give(answer, room);
	if (control != CM_IOCTL_GET_FEATURE_REQUEST && (next() & 0x80)) {
		*ret_len = room + 1; /* a driver that lies */
	}
	return rv;
}

/* -- the transport --------------------------------------------------------------------------------- */

static const uint8_t read_binary[] = {0x00, 0xB0, 0x00, 0x00, 0x00};
static const uint8_t verify[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t modify[] = {
	0x00, 0x24, 0x00, 0x01, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

static int secure(struct transport *t, uint8_t arg, uint64_t deadline, struct buf *answer)
{
	const struct transport_pin pins[] = {
		{.command = VIEW(verify), .digits = 4},
		{.command = VIEW(modify), .digits = 4, .new_digits = 4, .new_at = 4},
		{.command = VIEW(modify), .digits = 8, .new_digits = 4, .old_at = 0xFF},
		{.command = VIEW(verify), .digits = 8},
	};

	return t->ops->secure(t, &pins[arg % ARRAY_LEN(pins)], deadline, answer);
}

static void step(struct transport *t, const struct record *one, const char *reader)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(TRANSPORT_ANSWER_MAX + 6);
	uint64_t deadline = now + (one->arg & 0x80 ? 0 : 400 * USEC_PER_MS);
	int r = 0;

	said = reader_of(one->bytes);
	said_before = 0;
	switch (one->kind % 8) {
	case 0:
		r = t->ops->open(t, reader, one->arg & 1, deadline);
		break;
	case 1:
		r = t->ops->transmit(t, VIEW(read_binary), deadline, &answer);
		break;
	case 2:
		r = secure(t, one->arg, deadline, &answer);
		break;
	case 3:
		r = t->ops->reset(t, deadline);
		break;
	case 4:
		r = t->ops->status(t);
		break;
	case 5:
		r = t->ops->lock(t, deadline);
		break;
	case 6:
		r = t->ops->unlock(t);
		break;
	case 7:
		t->ops->close(t, one->arg & 1);
		assert(cards == 0);
		break;
	}
	assert(r <= TRANSPORT_TOUCHED);
	assert(answer.len <= TRANSPORT_ANSWER_MAX + 6 && (r == 0 || answer.len == 0));
	assert(t->atr_len <= TRANSPORT_ATR_MAX && t->pinpad <= 3);
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	const char *reader = names[reader_u8(&r) % ARRAY_LEN(names)];
	struct transport *t = NULL;
	uint8_t first = reader_u8(&r);
	struct record one;
	int fd = -2;

	now = USEC_PER_SEC;
	contexts = cards = 0;
	said = reader_of(view_of(&first, 1));
	said_before = 0;
	if (pcsc_new(&t, &fd) != 0) {
		return;
	}
	assert(fd >= -1);
	for (size_t i = 0; i < STEPS && record_next(&r, &one); i++) {
		step(t, &one, reader);
	}
	said = reader_of(VIEW_NULL);
	said_before = 0;
	transport_free(t);
	assert(contexts == 0 && cards == 0);
}
