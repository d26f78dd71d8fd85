/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * libifdvitalesim.so, as pcscd calls it, with a simulator that says anything. A step (records.h):
 * @kind the function, @arg its unit (bits 0-1 slot, 4-6 reader) and variant, @bytes what the other
 * side does: a byte for each connect (FF: refused) and for each poll (1: nothing comes, 2: a signal,
 * 3: an error), and for each datagram its length and its bytes; 0, or nothing more: as a simulator
 * would answer that has a card.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

#define STEPS 64U

const size_t record_head = 1;

static int ifd_socket(void);
static int ifd_connect(int fd);
struct msghdr;
static ssize_t ifd_sendmsg(int fd, const struct msghdr *m);
struct pollfd;
static int ifd_poll(const struct pollfd *p, int ms);
static ssize_t ifd_recv(int fd, void *data, size_t size);

/* the module, with the sockets ours */
#include <poll.h>
#define socket(family, type, protocol) ifd_socket()
#define connect(fd, name, len)	       ifd_connect(fd)
#define sendmsg(fd, m, flags)	       ifd_sendmsg(fd, m)
#define poll(p, n, ms)		       ifd_poll(p, ms)
#define recv(fd, data, size, flags)    ifd_recv(fd, data, size)
#include "drivers/sim/ifd.c"
#undef socket
#undef connect
#undef sendmsg
#undef poll
#undef recv

static struct reader said;
static uint8_t asked; /* the operation that an answer is due for */

static uint8_t next(void)
{
	return said.left > 0 ? reader_u8(&said) : 0;
}

static int ifd_socket(void)
{
	errno = EMFILE;
	return fail_now() ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int ifd_connect(int fd)
{
	assert(fd >= 0);
	errno = ECONNREFUSED;
	return fail_now() || next() == 0xFF ? -1 : 0;
}

static ssize_t ifd_sendmsg(int fd, const struct msghdr *m)
{
	const uint8_t *header = m->msg_iov[0].iov_base;

	assert(fd >= 0 && m->msg_iovlen == 2 && m->msg_iov[0].iov_len == READER_LINK_HEADER);
	asked = *header;
	if (fail_now()) {
		errno = EPIPE;
		return -1;
	}
	return (ssize_t)(READER_LINK_HEADER + m->msg_iov[1].iov_len);
}

static int ifd_poll(const struct pollfd *p, int ms)
{
	assert(ms <= DEADLINE_MS && (!p || p->fd >= 0));
	errno = ENOMEM;
	switch (p && !fail_now() ? next() : 3) {
	case 1:
		return 0;
	case 2:
		errno = EINTR;
		return -1;
	case 3:
		return -1;
	}
	return 1;
}

static struct view polite(void)
{
	static const uint8_t event[] = {READER_OP_EVENT, READER_EVENT_IN};
	static const uint8_t described[] = {READER_OP_DESCRIBE, 0, 0, 2, 3};
	static const uint8_t up[] = {READER_OP_POWER_UP, 0, 0x3B, 0x00};
	static const uint8_t answered[] = {READER_OP_TRANSMIT, 0, 0x90, 0x00};

	switch (asked) {
	case READER_OP_WATCH:
		return VIEW(event);
	case READER_OP_DESCRIBE:
		return VIEW(described);
	case READER_OP_POWER_UP:
		return VIEW(up);
	}
	return VIEW(answered);
}

static ssize_t ifd_recv(int fd, void *data, size_t size)
{
	size_t len = next();
	struct view v;

	assert(fd >= 0);
	v = len == 0 ? polite() : reader_take(&said, len < said.left ? len : said.left);
	if (len == 0xFE) { /* more than anybody reads */
		memset(data, 0x90, size);
		return (ssize_t)size;
	}
	bytes_copy(data, size, v.data, v.len < size ? v.len : size);
	return (ssize_t)(v.len < size ? v.len : size);
}

/* -- pcscd ------------------------------------------------------------------------------------------ */

static DWORD lun_of(uint8_t arg)
{
	return (DWORD)(arg >> 4 & 7) << 16 | (arg & 3U);
}

static void create(uint8_t arg, struct view name)
{
	char *text = calloc(1, name.len + 1);

	if (text && view_copy_str(name, text, name.len + 1) == 0) {
		(void)IFDHCreateChannelByName(lun_of(arg), text);
	}
	free(text);
}

static void capability(uint8_t arg)
{
	static const DWORD tags[] = {TAG_IFD_ATR, SCARD_ATTR_ATR_STRING, TAG_IFD_SLOTS_NUMBER,
		TAG_IFD_SIMULTANEOUS_ACCESS, TAG_IFD_THREAD_SAFE, TAG_IFD_SLOT_THREAD_SAFE,
		TAG_IFD_POLLING_THREAD_KILLABLE, TAG_IFD_POLLING_THREAD_WITH_TIMEOUT,
		SCARD_ATTR_VENDOR_NAME, 0x1234};
	uint8_t value[64];
	DWORD room = arg & 8 ? 0 : sizeof(value);
	DWORD len = room;

	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		RESPONSECODE code = IFDHGetCapabilities(lun_of(arg), tags[i], &len, value);

		assert(code != IFD_SUCCESS || len <= room);
		len = room;
	}
	(void)IFDHSetCapabilities(lun_of(arg), TAG_IFD_ATR, 0, NULL);
}

static void await(uint8_t arg)
{
	RESPONSECODE (*function)(DWORD, int) = NULL;
	DWORD len = sizeof(function);
	DWORD lun = lun_of(arg);

	if (IFDHGetCapabilities(lun, TAG_IFD_POLLING_THREAD_WITH_TIMEOUT, &len,
		    (PUCHAR)&function) == IFD_SUCCESS) {
		(void)function(lun, arg & 8 ? 1000 : 10);
	}
	(void)IFDHICCPresence(lun);
}

static void power(uint8_t arg)
{
	static const DWORD actions[] = {IFD_POWER_UP, IFD_RESET, IFD_POWER_DOWN, 99};
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);

	(void)IFDHPowerICC(lun_of(arg), actions[arg >> 2 & 3], atr, &len);
	assert(len <= MAX_ATR_SIZE);
}

/* The answer's room is exactly what was said, on the heap, where the sanitizer sees its end. */
static void exchange(uint8_t arg, bool control)
{
	static const DWORD codes[] = {CM_IOCTL_GET_FEATURE_REQUEST,
		CODE_OF(FEATURE_VERIFY_PIN_DIRECT), CODE_OF(FEATURE_IFD_PIN_PROPERTIES), 1};
	UCHAR command[] = {0x00, 0xB0, 0x00, 0x00, 0x00};
	SCARD_IO_HEADER pci = {.Protocol = 0};
	DWORD room = arg & 8 ? 2 : 300;
	DWORD len = room;
	UCHAR *answer = malloc(room);

	if (answer && control) {
		(void)IFDHControl(lun_of(arg), codes[arg >> 2 & 1 ? arg >> 6 : arg & 1],
			command, sizeof(command), answer, room, &len);
	} else if (answer) {
		(void)IFDHTransmitToICC(lun_of(arg), pci, command, sizeof(command), answer,
			&len, arg & 4 ? &pci : NULL);
	}
	assert(!answer || len <= room);
	free(answer);
}

static void step(const struct record *one)
{
	said = reader_of(one->kind % 10 == 0 ? VIEW_NULL : one->bytes);
	switch (one->kind % 10) {
	case 0:
		create(one->arg, one->bytes);
		break;
	case 1:
		create(one->arg, VIEW_TEXT("/run/sim:1"));
		break;
	case 2:
		(void)IFDHCloseChannel(lun_of(one->arg));
		break;
	case 3:
		capability(one->arg);
		break;
	case 4:
		await(one->arg);
		break;
	case 5:
		power(one->arg);
		break;
	case 6:
		(void)IFDHSetProtocolParameters(lun_of(one->arg),
			one->arg & 8 ? SCARD_PROTOCOL_T1 : SCARD_PROTOCOL_T0, 0, 0, 0, 0);
		break;
	case 7:
		exchange(one->arg, false);
		break;
	case 8:
		exchange(one->arg, true);
		break;
	case 9:
		(void)IFDHCreateChannel(lun_of(one->arg), 0);
		break;
	}
}

void target_run(struct view in)
{
	struct reader r = reader_of(in);
	struct record one;

	if (reader_u8(&r) & 1) {
		setenv("VITALE_SIM_READER", "/run/sim", 1);
	} else {
		unsetenv("VITALE_SIM_READER");
	}
	for (size_t i = 0; i < STEPS && record_next(&r, &one); i++) {
		step(&one);
	}
	for (uint8_t reader = 0; reader < 8; reader++) {
		for (uint8_t slot = 0; slot < SLOTS_MAX; slot++) {
			(void)IFDHCloseChannel(lun_of((uint8_t)(reader << 4 | slot)));
		}
	}
	memset(units, 0, sizeof(units));
}
