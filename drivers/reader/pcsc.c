/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A transport over pcscd (PC/SC part 5, by libpcsclite). One context and at most one connection,
 * both owned by the transport. Every result code becomes an outcome by one table; a code that we do
 * not know is a fault, never "removed".
 *
 * Waiting for another program is ours, in steps that grow from 10 ms, until a deadline: the
 * environment of this process carries PCSCLITE_NO_BLOCKING=1, without which libpcsclite would sleep
 * inside SCardTransmit and SCardConnect. One wait is not ours: pcscd itself holds back SCardConnect
 * while another program is in a transaction; card/stuck.h then answers in our place.
 *
 * What tells that others were at the card, measured with 1.9.9: SCardStatus says W_REMOVED for every
 * absence that the reader noticed, however short, until the connection is made anew, and W_RESET for
 * every reset by another program; it carries PC/SC's event counter, which is compared too. Nothing
 * tells of a power-down at the end of another program's transaction, nor of its commands.
 */
#include <PCSC/reader.h>
#include <PCSC/winscard.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "drivers/reader/pinpad.h"
#include "drivers/reader/reader.h"

#define STEP_FIRST   (10 * USEC_PER_MS) /* between two attempts, doubled up to ... */
#define STEP_LAST    (320 * USEC_PER_MS)
#define GLITCHES     4U /* more attempts at a card that does not answer its first reset */
#define GLITCH_FIRST (30 * USEC_PER_MS)
#define GLITCH_WITHIN                                                                          \
	(2 * USEC_PER_SEC) /* a reader tries three voltages, 1 s for each, by itself */
#define GONE_WITHIN (450 * USEC_PER_MS)
#define GONE_LOOK   (10 * USEC_PER_MS)
#define FD_SEARCHED 64	 /* a child has descriptors 0..3 when it starts */
#define SPARE	    6U	 /* over-long answers shall be seen as such, not as a PC/SC error */
#define CONTROL_MAX 264U /* bytes of an answer to SCardControl */
#define COUNTER	    0xFFFF0000U

struct pcsc {
	struct transport base;
	SCARDCONTEXT context;
	bool has_context;
	SCARDHANDLE card;
	bool has_card;
	DWORD share;
	DWORD events; /* PC/SC's counter in the upper half, when we connected */
	struct pinpad pinpad;
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
	{SCARD_E_INVALID_HANDLE,
		TRANSPORT_GONE},		 /* pcscd forgot it: the reader was unplugged */
	{SCARD_E_INVALID_VALUE, TRANSPORT_GONE}, /* the same, elsewhere in 1.9.9 */
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
	/* pcscd ends with a command unread (1.9.9), or refuses us (polkit) */
	{SCARD_W_SECURITY_VIOLATION, TRANSPORT_NO_SERVICE},
	{SCARD_E_UNKNOWN_READER, TRANSPORT_NO_READER},
	{SCARD_E_READER_UNAVAILABLE, TRANSPORT_NO_READER},
	{SCARD_E_READER_UNSUPPORTED, TRANSPORT_NO_READER},
	{SCARD_E_NO_READERS_AVAILABLE, TRANSPORT_NO_READER},
	{SCARD_E_INSUFFICIENT_BUFFER, TRANSPORT_BROKEN},
	{SCARD_E_UNSUPPORTED_FEATURE, TRANSPORT_NO_PINPAD},
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

/* -- waiting ------------------------------------------------------------------------------------ */

struct wait {
	uint64_t deadline;
	uint64_t step;
};

static struct wait wait_until(uint64_t deadline)
{
	return (struct wait){.deadline = deadline, .step = STEP_FIRST};
}

static void pause_for(uint64_t usec)
{
	const struct timespec pause = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC) * 1000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* One more attempt? Sleeps when so; the last one is at the deadline. */
static bool again(int r, struct wait *w)
{
	uint64_t now = clock_monotonic();

	if (r != TRANSPORT_BUSY || now >= w->deadline) {
		return false;
	}
	pause_for(w->step < w->deadline - now ? w->step : w->deadline - now);
	w->step = w->step * 2 < STEP_LAST ? w->step * 2 : STEP_LAST;
	return true;
}

/* -- what PC/SC says of the card --------------------------------------------------------------- */

struct look {
	LONG code;
	DWORD state;
	DWORD protocol;
	BYTE atr[MAX_ATR_SIZE];
	DWORD atr_len;
};

static struct look look_at(const struct pcsc *p)
{
	struct look l = {.atr_len = sizeof(l.atr)};
	DWORD name_len = 0;

	l.code =
		SCardStatus(p->card, NULL, &name_len, &l.state, &l.protocol, l.atr, &l.atr_len);
	return l;
}

/* Protocol, ATR and counter of the card that is connected. */
static int learn(struct pcsc *p)
{
	struct look l = look_at(p);

	if (l.code != SCARD_S_SUCCESS) {
		return trace(pcsc_outcome(l.code));
	}
	if (l.atr_len == 0 || l.atr_len > sizeof(p->base.atr)) {
		return TRANSPORT_MUTE;
	}
	if (l.protocol != SCARD_PROTOCOL_T0 && l.protocol != SCARD_PROTOCOL_T1) {
		return TRANSPORT_MUTE;
	}
	bytes_copy(p->base.atr, sizeof(p->base.atr), l.atr, l.atr_len);
	p->base.atr_len = l.atr_len;
	p->base.protocol = l.protocol == SCARD_PROTOCOL_T1 ? TRANSPORT_T1 : TRANSPORT_T0;
	p->events = l.state & COUNTER;
	return 0;
}

/* What @l means: the card is there and was never away. */
static int judge(const struct pcsc *p, const struct look *l)
{
	if (l->code != SCARD_S_SUCCESS) {
		return trace(pcsc_outcome(l->code));
	}
	return (l->state & SCARD_PRESENT) && (l->state & COUNTER) == p->events ? 0
									       : TRANSPORT_GONE;
}

static int pcsc_status(struct transport *t)
{
	struct pcsc *p = of(t);
	struct look l;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	l = look_at(p);
	return trace(judge(p, &l));
}

/* A card that is silent may have left: pcscd notices that a little after us, and looks at readers that
 * do not tell only every 400 ms. */
static bool torn_out(struct transport *t, uint64_t deadline)
{
	uint64_t until = clock_monotonic() + GONE_WITHIN;

	while (pcsc_status(t) != TRANSPORT_GONE) {
		uint64_t next = clock_monotonic() + GONE_LOOK;

		if (next > until || next > deadline) {
			return false;
		}
		pause_for(GONE_LOOK);
	}
	return true;
}

/* -- the keypad --------------------------------------------------------------------------------- */

/* Send @data by control code @code. Return: 0, a fault or an outcome. */
static int control(
	struct pcsc *p, DWORD code, struct view data, uint64_t deadline, struct buf *answer)
{
	struct wait w = wait_until(deadline);
	size_t before = answer->len;
	uint8_t *to = buf_extend(answer, CONTROL_MAX);
	DWORD len = 0;
	int r;

	if (!to) {
		return trace(buf_check(answer));
	}
	do {
		r = pcsc_outcome(SCardControl(
			p->card, code, data.data, data.len, to, CONTROL_MAX, &len));
	} while (again(r, &w)); /* BUSY: pcscd did not send it */
	buf_truncate(answer, before + (r == 0 && len <= CONTROL_MAX ? len : 0));
	return trace(r);
}

/* What the reader's keypad can do; a reader that does not say has none. */
static void learn_pinpad(struct pcsc *p, const char *reader, uint64_t deadline)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(CONTROL_MAX);

	p->pinpad = (struct pinpad){.verify = 0};
	p->base.pinpad = 0;
	if (control(p, CM_IOCTL_GET_FEATURE_REQUEST, VIEW_NULL, deadline, &answer) != 0 ||
		pinpad_features(buf_view(&answer), reader, &p->pinpad) != 0) {
		return;
	}
	p->base.pinpad = pinpad_can(&p->pinpad);
	if (p->base.pinpad == 0) {
		return;
	}
	buf_reset(&answer);
	if (p->pinpad.properties &&
		control(p, p->pinpad.properties, VIEW_NULL, deadline, &answer) == 0) {
		pinpad_properties(&p->pinpad, buf_view(&answer));
	}
	buf_reset(&answer);
	if (p->pinpad.tlv && control(p, p->pinpad.tlv, VIEW_NULL, deadline, &answer) == 0) {
		pinpad_tlv(&p->pinpad, buf_view(&answer));
	}
}

static int pcsc_secure(struct transport *t, const struct transport_pin *pin, uint64_t deadline,
	struct buf *answer)
{
	_cleanup_(buf_done) struct buf structure = BUF_NULL(PINPAD_STRUCTURE_MAX);
	_cleanup_(buf_done) struct buf raw = BUF_NULL(CONTROL_MAX);
	struct pcsc *p = of(t);
	uint32_t code;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	r = pinpad_build(&p->pinpad, pin, &structure, &code);
	if (r == 0) {
		r = buf_check(&structure);
	}
	if (r != 0) {
		return trace(r);
	}
	if (p->pinpad.quirk && p->pinpad.quirk->pause_ms > 0) {
		pause_for(p->pinpad.quirk->pause_ms * USEC_PER_MS);
	}
	r = control(p, code, buf_view(&structure), deadline, &raw);
	if (r == TRANSPORT_MUTE && torn_out(t, deadline)) {
		return TRANSPORT_GONE;
	}
	if (r == 0) {
		r = pinpad_answer(buf_view(&raw));
	}
	if (r == 0) {
		buf_put_view(answer, buf_view(&raw));
	}
	return trace(r);
}

/* -- the table ---------------------------------------------------------------------------------- */

static void pcsc_close(struct transport *t, bool reset)
{
	struct pcsc *p = of(t);

	if (p->has_card) {
		(void)SCardDisconnect(p->card, reset ? SCARD_RESET_CARD : SCARD_LEAVE_CARD);
		p->has_card = false;
	}
}

/* T=0 where the card offers both: a CPS4 takes 32 bytes a block with T=1, and each block costs four
 * characters and an acknowledgement (doc/wire.md). Left to itself pcscd takes T=1. */
static LONG connect_once(struct pcsc *p, const char *reader)
{
	DWORD protocol;
	LONG code = SCardConnect(
		p->context, reader, p->share, SCARD_PROTOCOL_T0, &p->card, &protocol);

	if (code == SCARD_E_PROTO_MISMATCH) {
		code = SCardConnect(p->context, reader, p->share,
			SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &p->card, &protocol);
	}
	return code;
}

/* One attempt after another, for as long as another program holds the reader, and a few more at a
 * card that stays silent: contacts that just closed are not all good yet. */
static int connect_card(struct pcsc *p, const char *reader, uint64_t deadline)
{
	uint64_t glitch_until = clock_monotonic() + GLITCH_WITHIN;
	uint64_t pause = GLITCH_FIRST;
	struct wait w = wait_until(deadline);
	unsigned glitches = 0;

	for (;;) {
		LONG code = connect_once(p, reader);
		int r = code == SCARD_E_INVALID_HANDLE ? TRANSPORT_NO_SERVICE
						       : pcsc_outcome(code);

		if (r == TRANSPORT_MUTE && glitches < GLITCHES &&
			clock_monotonic() + pause < glitch_until) {
			glitches++;
			pause_for(pause);
			pause *= 2;
		} else if (!again(r, &w)) {
			return trace(r);
		}
	}
}

static int pcsc_open(struct transport *t, const char *reader, bool exclusive, uint64_t deadline)
{
	struct pcsc *p = of(t);
	struct wait w = wait_until(deadline);
	int r;

	if (!p->has_context) {
		return TRANSPORT_NO_SERVICE;
	}
	pcsc_close(t, false);
	p->share = exclusive ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED;
	r = connect_card(p, reader, deadline);
	if (r != 0) {
		return trace(r);
	}
	p->has_card = true;
	do {
		r = learn(p);
	} while (again(r, &w)); /* shared: somebody began a transaction meanwhile */
	if (r == 0) {
		learn_pinpad(p, reader, deadline);
	} else {
		pcsc_close(t, false);
	}
	return trace(r);
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
	struct wait w = wait_until(deadline);
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	do {
		r = transmit_once(p, command, answer);
	} while (again(r, &w)); /* BUSY: pcscd did not send it */
	if (r == TRANSPORT_MUTE && torn_out(t, deadline)) {
		return TRANSPORT_GONE; /* in the middle: the reader only knew silence */
	}
	return trace(r);
}

static LONG reconnect(const struct pcsc *p, DWORD protocols, DWORD how)
{
	DWORD protocol;

	return SCardReconnect(p->card, p->share, protocols, how, &protocol);
}

static LONG reset_card(const struct pcsc *p)
{
	return reconnect(p,
		p->base.protocol == TRANSPORT_T1 ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0,
		SCARD_RESET_CARD);
}

static int pcsc_reset(struct transport *t, uint64_t deadline)
{
	struct pcsc *p = of(t);
	struct wait w = wait_until(deadline);
	DWORD events = p->events;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	r = pcsc_status(t);
	if (r == TRANSPORT_GONE) {
		return r; /* SCardReconnect would take what is in the reader now for the same */
	}
	do {
		r = pcsc_outcome(reset_card(p));
	} while (again(r, &w));
	if (r == 0) {
		r = learn(p);
	}
	return r == 0 && p->events != events ? TRANSPORT_GONE : trace(r);
}

/* Another program has reset the card: take the connection up again, without a word to the card
 * unless it lost its power too. */
static int renew(struct pcsc *p)
{
	DWORD events = p->events;
	struct look l;
	int r;

	/* the protocol is the one that the other program has chosen with its reset */
	r = pcsc_outcome(reconnect(p, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD));
	if (r != 0) {
		return trace(r);
	}
	l = look_at(p);
	if (l.code == SCARD_S_SUCCESS && !(l.state & SCARD_POWERED)) {
		r = pcsc_outcome(reset_card(p));
	}
	if (r == 0) {
		r = learn(p);
	}
	return r == 0 && p->events != events ? TRANSPORT_GONE : trace(r);
}

/* The card as others left it. Return: 0, a fault, or an outcome; @touched: it was reset. */
static int look_again(struct pcsc *p, bool *touched)
{
	struct look l = look_at(p);

	if (l.code != SCARD_W_RESET_CARD) {
		return trace(judge(p, &l));
	}
	*touched = true;
	return trace(renew(p));
}

/* SCardBeginTransaction of 1.9.9 waits without end, whatever PCSCLITE_NO_BLOCKING says; SCardStatus
 * does not, so it goes ahead. It comes after it too: a wait that a reset ended is told as success. */
static int lock_once(struct pcsc *p, bool *touched)
{
	LONG code;
	int r;

	r = look_again(p, touched);
	if (r != 0) {
		return trace(r);
	}
	code = SCardBeginTransaction(p->card);
	if (code == SCARD_W_RESET_CARD) {
		return TRANSPORT_BUSY; /* between the two calls: look again */
	}
	r = pcsc_outcome(code);
	if (r != 0) {
		return trace(r);
	}
	r = look_again(p, touched);
	if (r != 0) {
		(void)SCardEndTransaction(p->card, SCARD_LEAVE_CARD);
	}
	return trace(r);
}

static int pcsc_lock(struct transport *t, uint64_t deadline)
{
	struct pcsc *p = of(t);
	struct wait w = wait_until(deadline);
	bool touched = false;
	int r;

	if (!p->has_card) {
		return TRANSPORT_GONE;
	}
	do {
		r = lock_once(p, &touched);
	} while (again(r, &w));
	return r == 0 && touched ? TRANSPORT_TOUCHED : trace(r);
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
	.secure = pcsc_secure,
	.reset = pcsc_reset,
	.status = pcsc_status,
	.lock = pcsc_lock,
	.unlock = pcsc_unlock,
	.close = pcsc_close,
	.free = pcsc_free,
};

/* -- the context -------------------------------------------------------------------------------- */

/* The lowest free descriptor is where libpcsclite's socket will be; it does not show it. */
static int lowest_free(void)
{
	int fd = 0;

	while (fd < FD_SEARCHED && fcntl(fd, F_GETFD) >= 0) {
		fd++;
	}
	return fd;
}

int pcsc_new(struct transport **ret_t, int *ret_fd)
{
	struct pcsc *p = calloc(1, sizeof(*p));
	int fd = lowest_free();
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
	*ret_fd = p->has_context && fcntl(fd, F_GETFD) >= 0 ? fd : -1;
	*ret_t = &p->base;
	return 0;
}
