/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * IFD handler of pcsc-lite (IFDHandler 3.0) for the simulated readers. Two connections to
 * vitale-sim a slot: one for commands, under the slot's lock, and one for events, which belongs
 * to pcscd's polling thread. When the simulator goes away the slots are empty until it comes
 * back. Lives in pcscd's process: it never aborts and prints nothing.
 *
 * DEVICENAME of reader.conf is SOCKET, or SOCKET:READER with the number of the reader. Where
 * pcscd found a device on the bus instead, its name is
 * usb:VID/PID:libudev:INTERFACE:.../DEVICE: that is reader DEVICE - 1 + INTERFACE of the socket
 * in the environment's VITALE_SIM_READER, so that a composite device is two readers that follow
 * each other.
 */
/* clang-format off: everything is hidden but what pcscd calls */
#pragma GCC visibility push(default)
#include <ifdhandler.h>
#pragma GCC visibility pop
/* clang-format on */

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <reader.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "drivers/sim/reader-link.h"

#define READERS_MAX 16U
#define SLOTS_MAX   2U	   /* of one reader */
#define DEADLINE_MS 600000 /* a reader that hangs longer is given up */
#define RETRY_MS    200

/** struct unit - one slot of one reader as pcscd knows it. */
struct unit {
	bool open;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uint8_t reader; /* number of the reader, as vitale-sim counts */
	uint8_t slot;	/* of all slots */
	uint8_t slots;	/* of its reader */
	bool keypad;
	pthread_mutex_t lock; /* over command_fd and atr */
	int command_fd;
	int event_fd;	  /* polling thread only, after opening */
	atomic_int event; /* the last one: enum reader_event */
	uint8_t atr[MAX_ATR_SIZE];
	size_t atr_len;
};

static struct unit units[READERS_MAX][SLOTS_MAX];

static struct unit *find_unit(DWORD lun)
{
	size_t reader = lun >> 16, slot = lun & 0xFFFF;

	return reader < READERS_MAX && slot < SLOTS_MAX ? &units[reader][slot] : NULL;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (view_copy_str(view_str(path), a.sun_path, sizeof(a.sun_path)))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool send_request(int fd, uint8_t op, uint8_t slot, struct view payload)
{
	uint8_t header[READER_LINK_HEADER] = {op, slot};
	struct iovec parts[2] = {
		{.iov_base = header, .iov_len = sizeof(header)},
		/* sendmsg() does not write through it */
		{.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.len},
	};
	struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2};

	return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)(sizeof(header) + payload.len);
}

/* One datagram, waited for at most @timeout_ms. Return: its length, 0 = late, -1 = broken. */
static ssize_t receive(int fd, int timeout_ms, uint8_t *data, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;
	int r;

	r = poll(&p, 1, timeout_ms);
	if (r <= 0)
		return r < 0 && errno != EINTR ? -1 : 0;
	n = recv(fd, data, size, 0);
	return n <= 0 ? -1 : n;
}

/* The answer, however often the simulator says that it will take longer. */
static ssize_t receive_answer(int fd, uint8_t *answer, size_t size)
{
	ssize_t n;

	do {
		n = receive(fd, DEADLINE_MS, answer, size);
	} while (n == (ssize_t)READER_LINK_HEADER && answer[0] == READER_OP_ALIVE);
	return n;
}

/* Request and answer under the unit's lock. Return: the status, or -1 when nobody is there. */
static int ask_of(struct unit *u, uint8_t op, uint8_t number, struct view payload,
	uint8_t *answer, size_t size, struct view *ret_payload)
{
	struct reader r;
	ssize_t n = -1;
	uint8_t status;

	if (u->command_fd < 0)
		u->command_fd = connect_to(u->path);
	if (u->command_fd >= 0 && send_request(u->command_fd, op, number, payload))
		n = receive_answer(u->command_fd, answer, size);
	if (n <= 0) { /* a late answer would be taken for the next one: begin anew */
		close_fd(&u->command_fd);
		return -1;
	}
	r = reader_of(view_of(answer, (size_t)n));
	reader_u8(&r);
	status = reader_u8(&r);
	if (r.failed)
		return -1;
	if (ret_payload)
		*ret_payload = reader_rest(&r);
	return status;
}

static int ask(struct unit *u, uint8_t op, struct view payload, uint8_t *answer, size_t size,
	struct view *ret_payload)
{
	return ask_of(u, op, u->slot, payload, answer, size, ret_payload);
}

static RESPONSECODE code_of(int status)
{
	switch (status) {
	case READER_STATUS_OK:
		return IFD_SUCCESS;
	case READER_STATUS_NO_CARD:
		return IFD_ICC_NOT_PRESENT;
	case READER_STATUS_REFUSED:
		return IFD_PROTOCOL_NOT_SUPPORTED;
	case READER_STATUS_NO_READER:
		return IFD_NO_SUCH_DEVICE;
	}
	return IFD_COMMUNICATION_ERROR;
}

/* -- channels ------------------------------------------------------------------------------ */

static bool start_watch(struct unit *u)
{
	uint8_t event[READER_LINK_HEADER];

	u->event_fd = connect_to(u->path);
	if (u->event_fd < 0)
		return false;
	if (!send_request(u->event_fd, READER_OP_WATCH, u->slot, VIEW_NULL) ||
		receive(u->event_fd, RETRY_MS, event, sizeof(event)) != sizeof(event)) {
		close_fd(&u->event_fd);
		return false;
	}
	atomic_store(&u->event, event[1]);
	return true;
}

/* A decimal number up to 999 at the end of @text, after @mark. Return: whether there is one. */
static bool number_after(struct view text, char mark, struct view *ret_before, unsigned *ret)
{
	unsigned n = 0, unit = 1;

	for (size_t i = 0; i < text.len && i < 4; i++) {
		struct reader r = reader_of(view_sub(text, text.len - 1 - i, 1));
		uint8_t c = reader_u8(&r);

		if (c == (uint8_t)mark && i > 0) {
			*ret_before = view_sub(text, 0, text.len - 1 - i);
			*ret = n;
			return true;
		}
		if (c < '0' || c > '9')
			return false;
		n += (unsigned)(c - '0') * unit;
		unit *= 10;
	}
	return false;
}

/* usb:VID/PID:libudev:INTERFACE:/dev/bus/usb/BUS/DEVICE, as pcscd's hot plugging makes it */
static bool name_of_bus(struct view name, char *ret_path, size_t size, unsigned *ret_reader)
{
	static const char dir[] = ":/dev/bus/usb";
	const char *path = secure_getenv("VITALE_SIM_READER");
	unsigned device, bus, interface;
	struct view rest;

	if (!path || !view_equal(view_sub(name, 0, 4), VIEW_TEXT("usb:")) ||
		!number_after(name, '/', &rest, &device) || device == 0 ||
		!number_after(rest, '/', &rest, &bus) ||
		!view_equal(view_last(rest, sizeof(dir) - 1), view_str(dir)))
		return false;
	rest.len -= sizeof(dir) - 1;
	if (!number_after(rest, ':', &rest, &interface) ||
		view_copy_str(view_str(path), ret_path, size))
		return false;
	*ret_reader = device - 1 + interface;
	return true;
}

static bool parse_name(struct view name, char *ret_path, size_t size, unsigned *ret_reader)
{
	struct view path = name;

	if (name_of_bus(name, ret_path, size, ret_reader))
		return true;
	*ret_reader = 0;
	(void)number_after(name, ':', &path, ret_reader);
	return view_copy_str(path, ret_path, size) == 0;
}

/* Which of the simulator's slots this is. Return: whether there is such a one. */
static bool describe(struct unit *u, uint8_t slot)
{
	uint8_t answer[16], keypads;
	struct view payload;
	struct reader r;

	if (ask_of(u, READER_OP_DESCRIBE, u->reader, VIEW_NULL, answer, sizeof(answer),
		    &payload) != READER_STATUS_OK)
		return false;
	r = reader_of(payload);
	u->slot = (uint8_t)(reader_u8(&r) + slot);
	u->slots = reader_u8(&r);
	keypads = reader_u8(&r);
	u->keypad = keypads >> slot & 1;
	return !r.failed && slot < u->slots && u->slots <= SLOTS_MAX;
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
	struct unit *u = find_unit(Lun);
	unsigned number;

	if (!u || u->open ||
		!parse_name(view_str(DeviceName), u->path, sizeof(u->path), &number) ||
		number >= READERS_MAX)
		return IFD_COMMUNICATION_ERROR;
	u->reader = (uint8_t)number;
	u->command_fd = u->event_fd = -1;
	u->atr_len = 0;
	if (!describe(u, (uint8_t)(Lun & 0xFFFF)) || !start_watch(u)) {
		close_fd(&u->command_fd);
		return IFD_NO_SUCH_DEVICE;
	}
	pthread_mutex_init(&u->lock, NULL);
	u->open = true;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHCreateChannel(_unused_ DWORD Lun, _unused_ DWORD Channel)
{
	return IFD_NO_SUCH_DEVICE; /* we are found by name only */
}

RESPONSECODE IFDHCloseChannel(DWORD Lun)
{
	struct unit *u = find_unit(Lun);

	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	close_fd(&u->command_fd);
	close_fd(&u->event_fd);
	pthread_mutex_destroy(&u->lock);
	u->open = false;
	return IFD_SUCCESS;
}

/* -- presence ------------------------------------------------------------------------------ */

/*
 * pcscd's polling thread: wait for the next change, at most @timeout_ms. One event a call, so
 * that a card that is replaced at once is seen leaving before the next is seen coming.
 */
static RESPONSECODE wait_for_event(DWORD lun, int timeout_ms)
{
	struct unit *u = find_unit(lun);
	uint8_t event[READER_LINK_HEADER];
	ssize_t n;

	if (!u || !u->open)
		return IFD_NO_SUCH_DEVICE;
	if (u->event_fd < 0 && !start_watch(u)) {
		poll(NULL, 0, timeout_ms < RETRY_MS ? timeout_ms : RETRY_MS);
		return IFD_SUCCESS;
	}
	n = receive(u->event_fd, timeout_ms, event, sizeof(event));
	if (n == sizeof(event)) {
		atomic_store(&u->event, event[1]);
	} else if (n != 0) {
		close_fd(&u->event_fd);
		atomic_store(&u->event, READER_EVENT_OUT);
	}
	return IFD_SUCCESS;
}

RESPONSECODE IFDHICCPresence(DWORD Lun)
{
	const struct unit *u = find_unit(Lun);

	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	switch (atomic_load(&u->event)) {
	case READER_EVENT_IN:
		return IFD_ICC_PRESENT;
	case READER_EVENT_GONE:
		return IFD_NO_SUCH_DEVICE;
	}
	return IFD_ICC_NOT_PRESENT;
}

/* -- capabilities -------------------------------------------------------------------------- */

static RESPONSECODE give(struct view v, PDWORD Length, PUCHAR Value)
{
	if (view_copy(v, Value, *Length))
		return IFD_ERROR_INSUFFICIENT_BUFFER;
	*Length = v.len;
	return IFD_SUCCESS;
}

static RESPONSECODE give_byte(uint8_t v, PDWORD Length, PUCHAR Value)
{
	return give(view_of(&v, 1), Length, Value);
}

static RESPONSECODE give_poll_function(PDWORD Length, PUCHAR Value)
{
	RESPONSECODE (*function)(DWORD, int) = wait_for_event;

	return give(view_of(&function, sizeof(function)), Length, Value);
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length, PUCHAR Value)
{
	static const char vendor[] = "vitaled";
	struct unit *u = find_unit(Lun);

	if (!u)
		return IFD_COMMUNICATION_ERROR;
	switch (Tag) {
	case TAG_IFD_ATR:
	case SCARD_ATTR_ATR_STRING:
		return give(view_of(u->atr, u->atr_len), Length, Value);
	case TAG_IFD_SLOTS_NUMBER:
		return give_byte(u->slots, Length, Value);
	case TAG_IFD_SIMULTANEOUS_ACCESS:
		return give_byte(READERS_MAX, Length, Value);
	case TAG_IFD_THREAD_SAFE:
	case TAG_IFD_SLOT_THREAD_SAFE:
	case TAG_IFD_POLLING_THREAD_KILLABLE:
		return give_byte(1, Length, Value);
	case TAG_IFD_POLLING_THREAD_WITH_TIMEOUT:
		return give_poll_function(Length, Value);
	case SCARD_ATTR_VENDOR_NAME:
		return give(VIEW(vendor), Length, Value);
	}
	return IFD_ERROR_TAG;
}

RESPONSECODE IFDHSetCapabilities(
	_unused_ DWORD Lun, _unused_ DWORD Tag, _unused_ DWORD Length, _unused_ PUCHAR Value)
{
	return IFD_NOT_SUPPORTED;
}

/* -- the card ------------------------------------------------------------------------------ */

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, _unused_ UCHAR Flags,
	_unused_ UCHAR PTS1, _unused_ UCHAR PTS2, _unused_ UCHAR PTS3)
{
	struct unit *u = find_unit(Lun);
	uint8_t t = Protocol == SCARD_PROTOCOL_T1 ? 1 : 0, answer[64];
	int status;

	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	pthread_mutex_lock(&u->lock);
	status = ask(u, READER_OP_PROTOCOL, view_of(&t, 1), answer, sizeof(answer), NULL);
	pthread_mutex_unlock(&u->lock);
	return code_of(status);
}

static RESPONSECODE power_up(struct unit *u, PUCHAR Atr, PDWORD AtrLength)
{
	uint8_t answer[READER_LINK_HEADER + MAX_ATR_SIZE];
	struct view atr = VIEW_NULL;
	int status;

	u->atr_len = 0;
	status = ask(u, READER_OP_POWER_UP, VIEW_NULL, answer, sizeof(answer), &atr);
	if (status == READER_STATUS_NO_READER)
		return IFD_NO_SUCH_DEVICE;
	if (status != READER_STATUS_OK || view_copy(atr, u->atr, sizeof(u->atr)) ||
		view_copy(atr, Atr, MAX_ATR_SIZE))
		return IFD_ERROR_POWER_ACTION;
	u->atr_len = atr.len;
	*AtrLength = atr.len;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr, PDWORD AtrLength)
{
	struct unit *u = find_unit(Lun);
	RESPONSECODE code = IFD_SUCCESS;
	uint8_t answer[64];

	*AtrLength = 0;
	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	pthread_mutex_lock(&u->lock);
	switch (Action) {
	case IFD_POWER_UP:
	case IFD_RESET:
		code = power_up(u, Atr, AtrLength);
		break;
	case IFD_POWER_DOWN:
		u->atr_len = 0;
		if (ask(u, READER_OP_POWER_DOWN, VIEW_NULL, answer, sizeof(answer), NULL) < 0)
			code = IFD_COMMUNICATION_ERROR;
		break;
	default:
		code = IFD_NOT_SUPPORTED;
	}
	pthread_mutex_unlock(&u->lock);
	return code;
}

static RESPONSECODE transmit(
	struct unit *u, struct view command, PUCHAR RxBuffer, DWORD size, PDWORD RxLength)
{
	static _Thread_local uint8_t answer[READER_LINK_MAX];
	struct view payload = VIEW_NULL;
	RESPONSECODE code;

	code = code_of(ask(u, READER_OP_TRANSMIT, command, answer, sizeof(answer), &payload));
	if (code == IFD_SUCCESS && view_copy(payload, RxBuffer, size))
		code = IFD_COMMUNICATION_ERROR; /* longer than any reader would take */
	if (code == IFD_SUCCESS)
		*RxLength = payload.len;
	wipe(answer, payload.len + READER_LINK_HEADER);
	return code;
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci, PUCHAR TxBuffer,
	DWORD TxLength, PUCHAR RxBuffer, PDWORD RxLength, PSCARD_IO_HEADER RecvPci)
{
	struct unit *u = find_unit(Lun);
	DWORD size = *RxLength;
	RESPONSECODE code;

	*RxLength = 0;
	if (RecvPci)
		*RecvPci = SendPci;
	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	pthread_mutex_lock(&u->lock);
	code = transmit(u, view_of(TxBuffer, TxLength), RxBuffer, size, RxLength);
	pthread_mutex_unlock(&u->lock);
	return code;
}

/* -- the keypad: PC/SC part 10 ------------------------------------------------------------- */

#define CODE_OF(feature) ((DWORD)SCARD_CTL_CODE(3400 + (feature)))

static const uint8_t features[] = {FEATURE_VERIFY_PIN_DIRECT, FEATURE_MODIFY_PIN_DIRECT,
	FEATURE_IFD_PIN_PROPERTIES, FEATURE_GET_TLV_PROPERTIES};

/* | feature | 4 | control code, big endian | for each; none for a reader without keypad */
static RESPONSECODE list_features(const struct unit *u, PUCHAR Rx, DWORD size, LPDWORD ret)
{
	PCSC_TLV_STRUCTURE list[ARRAY_LEN(features)];

	if (!u->keypad)
		return IFD_SUCCESS;
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		list[i] = (PCSC_TLV_STRUCTURE){.tag = features[i],
			.length = sizeof(list[i].value),
			.value = htonl((uint32_t)CODE_OF(features[i]))};
	if (view_copy(VIEW(list), Rx, size))
		return IFD_ERROR_INSUFFICIENT_BUFFER;
	*ret = sizeof(list);
	return IFD_SUCCESS;
}

static RESPONSECODE use_feature(struct unit *u, uint8_t feature, struct view structure,
	PUCHAR Rx, DWORD size, LPDWORD ret)
{
	_cleanup_(buf_done) struct buf payload = BUF_NULL(READER_LINK_MAX - READER_LINK_HEADER);
	uint8_t answer[READER_LINK_HEADER + 512];
	struct view given = VIEW_NULL;
	int status;

	buf_put_u8(&payload, feature);
	buf_put_view(&payload, structure);
	if (buf_check(&payload))
		return IFD_COMMUNICATION_ERROR;
	pthread_mutex_lock(&u->lock);
	status = ask(u, READER_OP_KEYPAD, buf_view(&payload), answer, sizeof(answer), &given);
	pthread_mutex_unlock(&u->lock);
	if (status == READER_STATUS_REFUSED)
		return IFD_ERROR_NOT_SUPPORTED;
	if (status != READER_STATUS_OK)
		return code_of(status);
	if (view_copy(given, Rx, size))
		return IFD_ERROR_INSUFFICIENT_BUFFER;
	*ret = given.len;
	return IFD_SUCCESS;
}

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer, DWORD TxLength,
	PUCHAR RxBuffer, DWORD RxLength, LPDWORD pdwBytesReturned)
{
	struct unit *u = find_unit(Lun);

	*pdwBytesReturned = 0;
	if (!u || !u->open)
		return IFD_COMMUNICATION_ERROR;
	if (dwControlCode == CM_IOCTL_GET_FEATURE_REQUEST)
		return list_features(u, RxBuffer, RxLength, pdwBytesReturned);
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		if (dwControlCode == CODE_OF(features[i]))
			return use_feature(u, features[i], view_of(TxBuffer, TxLength),
				RxBuffer, RxLength, pdwBytesReturned);
	return IFD_ERROR_NOT_SUPPORTED;
}
