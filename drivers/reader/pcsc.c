/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A transport over pcscd (PC/SC part 5, by libpcsclite). One context and at most one connection,
 * both owned by the transport. Every result code becomes an outcome by one table; a code that we do
 * not know is a fault, never "removed". Waiting for another program is ours, in small steps and
 * with a deadline: the environment of this process carries PCSCLITE_NO_BLOCKING=1, without which
 * libpcsclite would sleep inside SCardTransmit and SCardConnect (measured with 1.9.9). One wait is
 * not ours: pcscd itself holds back SCardConnect while another program is in a transaction, without
 * limit; then the parent's deadline ends this process, and means "busy".
 */
#include <PCSC/winscard.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "drivers/reader/reader.h"

#define RETRIES	    4U			/* beside the first attempt */
#define RETRY_USEC  (100 * USEC_PER_MS) /* between two attempts */
#define FD_SEARCHED 64			/* a child has descriptors 0..3 when it starts */
#define SPARE	    6U /* over-long answers shall be seen as such, not as a PC/SC error */

struct pcsc {
	struct transport base;
	SCARDCONTEXT context;
	bool has_context;
	SCARDHANDLE card;
	bool has_card;
	DWORD share;
};

static struct pcsc *of(struct transport *t)
{
	return (struct pcsc *)(void *)t; /* base is the first member */
}

/* -- codes ------------------------------------------------------------------------------------- */

static const struct {
	LONG code;
	int outcome;
} codes[] = {
	{SCARD_S_SUCCESS, 0},
	{SCARD_W_REMOVED_CARD, TRANSPORT_GONE},
	{SCARD_W_RESET_CARD, TRANSPORT_GONE},
	{SCARD_E_NO_SMARTCARD, TRANSPORT_GONE},
	{SCARD_W_UNRESPONSIVE_CARD, TRANSPORT_MUTE},
	{SCARD_W_UNPOWERED_CARD, TRANSPORT_MUTE},
	{SCARD_W_UNSUPPORTED_CARD, TRANSPORT_MUTE},
	{SCARD_E_NOT_TRANSACTED, TRANSPORT_MUTE},
	{SCARD_E_PROTO_MISMATCH, TRANSPORT_MUTE},
	{SCARD_E_NOT_READY, TRANSPORT_MUTE},
	{SCARD_F_COMM_ERROR, TRANSPORT_MUTE},
	{SCARD_E_COMM_DATA_LOST, TRANSPORT_MUTE},
	{SCARD_E_TIMEOUT, TRANSPORT_MUTE},
	{SCARD_E_INVALID_ATR, TRANSPORT_MUTE},
	{SCARD_E_SHARING_VIOLATION, TRANSPORT_BUSY},
	{SCARD_E_SERVER_TOO_BUSY, TRANSPORT_BUSY},
	{SCARD_E_NO_SERVICE, TRANSPORT_NO_SERVICE},
	{SCARD_E_SERVICE_STOPPED, TRANSPORT_NO_SERVICE},
	{SCARD_P_SHUTDOWN, TRANSPORT_NO_SERVICE},
	{SCARD_E_SYSTEM_CANCELLED, TRANSPORT_NO_SERVICE},
	{SCARD_E_UNKNOWN_READER, TRANSPORT_NO_READER},
	{SCARD_E_READER_UNAVAILABLE, TRANSPORT_NO_READER},
	{SCARD_E_READER_UNSUPPORTED, TRANSPORT_NO_READER},
	{SCARD_E_NO_READERS_AVAILABLE, TRANSPORT_NO_READER},
	{SCARD_E_INSUFFICIENT_BUFFER, TRANSPORT_BROKEN},
};

int pcsc_outcome(long code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].code == code) {
			return codes[i].outcome;
		}
	}
	return fault(-EIO);
}

/* -- waiting for others ------------------------------------------------------------------------- */

/* One more attempt? Sleeps when so. */
static bool again(int r, unsigned *attempt, uint64_t deadline)
{
	const struct timespec pause = {.tv_nsec = RETRY_USEC * 1000};

	if (r != TRANSPORT_BUSY || *attempt == RETRIES ||
		clock_monotonic() + RETRY_USEC >= deadline) {
		return false;
	}
	(*attempt)++;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	return true;
}

/* -- the table ---------------------------------------------------------------------------------- */

/* Protocol and ATR of the card that is connected. */
static int learn(struct pcsc *p)
{
	BYTE atr[MAX_ATR_SIZE];
	DWORD atr_len = sizeof(atr);
	DWORD name_len = 0;
	DWORD state = 0;
	DWORD protocol = 0;
	LONG rv = SCardStatus(p->card, NULL, &name_len, &state, &protocol, atr, &atr_len);

	if (rv != SCARD_S_SUCCESS) {
		return trace(pcsc_outcome(rv));
	}
	if (atr_len == 0 || atr_len > sizeof(p->base.atr)) {
		return TRANSPORT_MUTE;
	}
	if (protocol != SCARD_PROTOCOL_T0 && protocol != SCARD_PROTOCOL_T1) {
		return TRANSPORT_MUTE;
	}
	bytes_copy(p->base.atr, sizeof(p->base.atr), atr, atr_len);
	p->base.atr_len = atr_len;
	p->base.protocol = protocol == SCARD_PROTOCOL_T1 ? TRANSPORT_T1 : TRANSPORT_T0;
	return 0;
}

static void pcsc_close(struct transport *t, bool reset)
{
	struct pcsc *p = of(t);

	if (p->has_card) {
		(void)SCardDisconnect(p->card, reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
		p->has_card = false;
	}
}

static int pcsc_open(struct transport *t, const char *reader, bool exclusive, uint64_t deadline)
{
	struct pcsc *p = of(t);
	unsigned attempt = 0;
	int r;

	if (!p->has_context) {
		return TRANSPORT_NO_SERVICE;
	}
	pcsc_close(t, false);
	p->share = exclusive ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED;
	do {
		DWORD protocol;

		r = pcsc_outcome(SCardConnect(p->context, reader, p->share,
			SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &p->card, &protocol));
	} while (again(r, &attempt, deadline));
	if (r != 0) {
		return trace(r);
	}
	p->has_card = true;
	r = learn(p);
	if (r != 0) {
		pcsc_close(t, false);
	}
	return trace(r);
}

static int pcsc_status(struct transport *t)
{
	struct pcsc *p = of(t);
	BYTE atr[MAX_ATR_SIZE];
	DWORD atr_len = sizeof(atr);
	DWORD name_len = 0;
	DWORD state = 0;
	DWORD protocol = 0;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	r = pcsc_outcome(
		SCardStatus(p->card, NULL, &name_len, &state, &protocol, atr, &atr_len));
	if (r != 0) {
		return trace(r);
	}
	return state & SCARD_PRESENT ? 0 : TRANSPORT_GONE;
}

static int transmit_once(struct pcsc *p, struct view command, struct buf *answer)
{
	const SCARD_IO_REQUEST *pci =
		p->base.protocol == TRANSPORT_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0;
	size_t before = answer->len;
	DWORD len = TRANSPORT_ANSWER_MAX + SPARE;
	uint8_t *to = buf_extend(answer, len);
	int r;

	if (!to) {
		return trace(buf_check(answer));
	}
	r = pcsc_outcome(
		SCardTransmit(p->card, pci, command.data, command.len, NULL, to, &len));
	buf_truncate(answer, before + (r == 0 ? len : 0));
	return trace(r);
}

static int pcsc_transmit(
	struct transport *t, struct view command, uint64_t deadline, struct buf *answer)
{
	struct pcsc *p = of(t);
	unsigned attempt = 0;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	do {
		r = transmit_once(p, command, answer);
	} while (again(r, &attempt, deadline)); /* BUSY: pcscd did not send it */
	if (r == TRANSPORT_MUTE && pcsc_status(t) == TRANSPORT_GONE) {
		return TRANSPORT_GONE; /* torn out in the middle: the reader only knew silence */
	}
	return trace(r);
}

static int pcsc_reset(struct transport *t, uint64_t deadline)
{
	struct pcsc *p = of(t);
	unsigned attempt = 0;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	do {
		DWORD protocol;

		r = pcsc_outcome(SCardReconnect(p->card, p->share,
			SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_RESET_CARD, &protocol));
	} while (again(r, &attempt, deadline));
	return r != 0 ? trace(r) : trace(learn(p));
}

static int pcsc_lock(struct transport *t, uint64_t deadline)
{
	struct pcsc *p = of(t);
	unsigned attempt = 0;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	do {
		/* SCardBeginTransaction of 1.9.9 waits without end, whatever PCSCLITE_NO_BLOCKING
		 * says; SCardStatus does not, so it goes ahead (measured) */
		r = pcsc_status(t);
		if (r == 0) {
			r = pcsc_outcome(SCardBeginTransaction(p->card));
		}
	} while (again(r, &attempt, deadline));
	return trace(r);
}

static int pcsc_unlock(struct transport *t)
{
	struct pcsc *p = of(t);

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	return trace(pcsc_outcome(SCardEndTransaction(p->card, SCARD_LEAVE_CARD)));
}

static void pcsc_free(struct transport *t)
{
	struct pcsc *p = of(t);

	pcsc_close(t, false);
	if (p->has_context) {
		(void)SCardReleaseContext(p->context);
	}
	wipe(p, sizeof(*p));
	free(p);
}

static const struct transport_ops pcsc_ops = {
	.open = pcsc_open,
	.transmit = pcsc_transmit,
	.reset = pcsc_reset,
	.status = pcsc_status,
	.lock = pcsc_lock,
	.unlock = pcsc_unlock,
	.close = pcsc_close,
	.free = pcsc_free,
};

/* -- the context -------------------------------------------------------------------------------- */

/* Descriptors in use below FD_SEARCHED, one bit each. */
static uint64_t fds_in_use(void)
{
	uint64_t used = 0;

	for (int fd = 0; fd < FD_SEARCHED; fd++) {
		if (fcntl(fd, F_GETFD) >= 0) {
			used |= UINT64_C(1) << fd;
		}
	}
	return used;
}

int pcsc_new(struct transport **ret_t, int *ret_fd)
{
	struct pcsc *p = calloc(1, sizeof(*p));
	uint64_t used = fds_in_use();
	int r;

	if (!p) {
		return fault(-ENOMEM);
	}
	p->base.ops = &pcsc_ops;
	r = pcsc_outcome(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &p->context));
	if (r < 0) {
		free(p);
		return trace(r);
	}
	p->has_context = r == 0;
	used ^= fds_in_use(); /* libpcsclite does not show its socket */
	*ret_fd = used && r == 0 ? __builtin_ctzll(used) : -1;
	*ret_t = &p->base;
	return 0;
}
