/* SPDX-License-Identifier: EUPL-1.2 */
/* The calls of libpcsclite, answered from one table. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/reader/fake-pcsc.h"

#include <PCSC/reader.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"

struct fake_pcsc fake;

static const LONG good = SCARD_S_SUCCESS;

static uint64_t clock_ahead; /* of the real one */

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + clock_ahead;
}

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.state = SCARD_PRESENT | SCARD_POWERED | 7U << 16;
	fake.protocol = SCARD_PROTOCOL_T0;
	fake.atr_len = 4;
	fake.answer_len = 2;
	fake.disposition = 99;
}

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret);
LONG __wrap_SCardReleaseContext(SCARDCONTEXT c);
LONG __wrap_SCardConnect(SCARDCONTEXT c, LPCSTR name, DWORD share, DWORD protocols,
	LPSCARDHANDLE ret, LPDWORD ret_protocol);
LONG __wrap_SCardStatus(SCARDHANDLE h, LPSTR name, LPDWORD name_len, LPDWORD state,
	LPDWORD protocol, LPBYTE atr, LPDWORD atr_len);
LONG __wrap_SCardTransmit(SCARDHANDLE h, const SCARD_IO_REQUEST *pci, LPCBYTE data, DWORD len,
	SCARD_IO_REQUEST *ret_pci, LPBYTE answer, LPDWORD answer_len);
LONG __wrap_SCardReconnect(
	SCARDHANDLE h, DWORD share, DWORD protocols, DWORD how, LPDWORD ret_protocol);
LONG __wrap_SCardBeginTransaction(SCARDHANDLE h);
LONG __wrap_SCardEndTransaction(SCARDHANDLE h, DWORD disposition);
LONG __wrap_SCardDisconnect(SCARDHANDLE h, DWORD disposition);
LONG __wrap_SCardControl(SCARDHANDLE h, DWORD code, LPCVOID data, DWORD len, LPVOID answer,
	DWORD room, LPDWORD ret_len);

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	(void)a;
	(void)b;
	assert_int_equal(scope, SCARD_SCOPE_SYSTEM);
	*ret = 1;
	if (fake.has_socket) {
		fake.socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(fake.socket >= 0);
	}
	return fake.establish;
}

LONG __wrap_SCardReleaseContext(SCARDCONTEXT c)
{
	assert_int_equal(c, 1);
	fake.released++;
	return good;
}

LONG __wrap_SCardConnect(SCARDCONTEXT c, LPCSTR name, DWORD share, DWORD protocols,
	LPSCARDHANDLE ret, LPDWORD ret_protocol)
{
	assert_int_equal(c, 1);
	assert_string_equal(name, "Reader 00 00");
	clock_ahead += fake.connect_usec;
	if (protocols == SCARD_PROTOCOL_T0 && fake.protocol != SCARD_PROTOCOL_T0) {
		return SCARD_E_PROTO_MISMATCH; /* a card without T=0 is asked for both */
	}
	assert_true(protocols & SCARD_PROTOCOL_T0);
	fake.share = share;
	*ret = 2;
	*ret_protocol = fake.protocol;
	return fake.connect[fake.connects < 7 ? fake.connects++ : 7];
}

LONG __wrap_SCardStatus(SCARDHANDLE h, LPSTR name, LPDWORD name_len, LPDWORD state,
	LPDWORD protocol, LPBYTE atr, LPDWORD atr_len)
{
	assert_int_equal(h, 2);
	assert_null(name);
	*name_len = 13;
	*state = fake.state;
	*protocol = fake.protocol;
	memset(atr, 0x3B, *atr_len);
	*atr_len = fake.atr_len;
	return fake.status[fake.looks < 7 ? fake.looks++ : 7];
}

LONG __wrap_SCardTransmit(SCARDHANDLE h, const SCARD_IO_REQUEST *pci, LPCBYTE data, DWORD len,
	SCARD_IO_REQUEST *ret_pci, LPBYTE answer, LPDWORD answer_len)
{
	assert_int_equal(h, 2);
	assert_null(ret_pci);
	assert_int_equal(len, 5);
	assert_int_equal(data[1], 0xB0);
	fake.pci = pci;
	memset(answer, 0x90, fake.answer_len);
	assert_true(*answer_len >= TRANSPORT_ANSWER_MAX);
	*answer_len = fake.answer_len;
	return fake.transmit[fake.transmits < 7 ? fake.transmits++ : 7];
}

LONG __wrap_SCardReconnect(
	SCARDHANDLE h, DWORD share, DWORD protocols, DWORD how, LPDWORD ret_protocol)
{
	(void)protocols;
	assert_int_equal(h, 2);
	assert_int_equal(share, fake.share);
	*ret_protocol = fake.protocol;
	if (fake.state_after) {
		fake.state = fake.state_after;
	}
	fake.reconnected_how[fake.reconnects < 7 ? fake.reconnects : 7] = how;
	return fake.reconnect[fake.reconnects < 7 ? fake.reconnects++ : 7];
}

LONG __wrap_SCardBeginTransaction(SCARDHANDLE h)
{
	assert_int_equal(h, 2);
	return fake.begin[fake.begins < 7 ? fake.begins++ : 7];
}

LONG __wrap_SCardEndTransaction(SCARDHANDLE h, DWORD disposition)
{
	assert_int_equal(h, 2);
	assert_int_equal(disposition, SCARD_LEAVE_CARD);
	fake.ends++;
	return fake.end;
}

LONG __wrap_SCardDisconnect(SCARDHANDLE h, DWORD disposition)
{
	assert_int_equal(h, 2);
	fake.disposition = disposition;
	return good;
}

/* Answers are texts of the table, their length in front. */
LONG __wrap_SCardControl(SCARDHANDLE h, DWORD code, LPCVOID data, DWORD len, LPVOID answer,
	DWORD room, LPDWORD ret_len)
{
	unsigned i = fake.controlled < 7 ? fake.controlled++ : 7;
	const char *text = fake.controls[i];

	assert_int_equal(h, 2);
	assert_true(len <= sizeof(fake.sent));
	assert_true(i > 0 || code == CM_IOCTL_GET_FEATURE_REQUEST);
	bytes_copy(fake.sent, sizeof(fake.sent), data, len);
	fake.sent_len = len;
	fake.sent_code = code;
	*ret_len = text ? (DWORD)text[0] : 0;
	bytes_copy(answer, room, text ? text + 1 : NULL, *ret_len);
	return fake.control[i];
}

uint64_t soon(void)
{
	return clock_monotonic() + 10 * USEC_PER_SEC;
}

struct transport *new_transport(void)
{
	struct transport *t = NULL;
	int fd = 99;

	assert_int_equal(pcsc_new(&t, &fd), 0);
	assert_int_equal(fd, -1); /* ours opens no socket */
	return t;
}

struct transport *open_transport(void)
{
	struct transport *t;

	fake_reset();
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
	return t;
}
