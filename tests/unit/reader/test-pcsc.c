/* SPDX-License-Identifier: EUPL-1.2 */
/* The PC/SC transport against a libpcsclite of ours that says what a test wants (linker wrap). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <PCSC/winscard.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "drivers/reader/reader.h"

/* What the next calls return; a queue, its last entry stays. */
static struct {
	LONG establish;
	LONG connect[8];
	unsigned connects;
	LONG status;
	DWORD state;
	DWORD protocol;
	DWORD atr_len;
	LONG transmit[8];
	unsigned transmits;
	DWORD answer_len;
	const SCARD_IO_REQUEST *pci;
	LONG reconnect;
	unsigned reconnects;
	LONG begin;
	LONG end;
	DWORD share;
	DWORD disposition; /* of the last disconnect; 99: none */
	unsigned released;
} fake;

static const LONG good = SCARD_S_SUCCESS;

static void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.state = SCARD_PRESENT;
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

LONG __wrap_SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT ret)
{
	(void)a;
	(void)b;
	assert_int_equal(scope, SCARD_SCOPE_SYSTEM);
	*ret = 1;
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
	assert_int_equal(protocols, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
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
	return fake.status;
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
	assert_int_equal(how, SCARD_RESET_CARD);
	*ret_protocol = fake.protocol;
	fake.reconnects++;
	return fake.reconnect;
}

LONG __wrap_SCardBeginTransaction(SCARDHANDLE h)
{
	assert_int_equal(h, 2);
	return fake.begin;
}

LONG __wrap_SCardEndTransaction(SCARDHANDLE h, DWORD disposition)
{
	assert_int_equal(h, 2);
	assert_int_equal(disposition, SCARD_LEAVE_CARD);
	return fake.end;
}

LONG __wrap_SCardDisconnect(SCARDHANDLE h, DWORD disposition)
{
	assert_int_equal(h, 2);
	fake.disposition = disposition;
	return good;
}

static uint64_t soon(void)
{
	return clock_monotonic() + 10 * USEC_PER_SEC;
}

static struct transport *new_transport(void)
{
	struct transport *t = NULL;
	int fd = 99;

	assert_int_equal(pcsc_new(&t, &fd), 0);
	assert_int_equal(fd, -1); /* ours opens no socket */
	return t;
}

static struct transport *open_transport(void)
{
	struct transport *t;

	fake_reset();
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
	return t;
}

/* -- tests ------------------------------------------------------------------------------------------- */

static void every_code_has_its_outcome(void **state)
{
	static const struct {
		LONG code;
		int outcome;
	} table[] = {
		{SCARD_S_SUCCESS, 0},
		{SCARD_W_REMOVED_CARD, TRANSPORT_GONE},
		{SCARD_W_RESET_CARD, TRANSPORT_GONE},
		{SCARD_E_NO_SMARTCARD, TRANSPORT_GONE},
		{SCARD_W_UNRESPONSIVE_CARD, TRANSPORT_MUTE},
		{SCARD_W_UNPOWERED_CARD, TRANSPORT_MUTE},
		{SCARD_E_NOT_TRANSACTED, TRANSPORT_MUTE},
		{SCARD_E_PROTO_MISMATCH, TRANSPORT_MUTE},
		{SCARD_E_SHARING_VIOLATION, TRANSPORT_BUSY},
		{SCARD_E_NO_SERVICE, TRANSPORT_NO_SERVICE},
		{SCARD_E_SERVICE_STOPPED, TRANSPORT_NO_SERVICE},
		{SCARD_E_UNKNOWN_READER, TRANSPORT_NO_READER},
		{SCARD_E_READER_UNAVAILABLE, TRANSPORT_NO_READER},
		{SCARD_E_NO_READERS_AVAILABLE, TRANSPORT_NO_READER},
		{SCARD_E_INSUFFICIENT_BUFFER, TRANSPORT_BROKEN},
		{SCARD_E_INVALID_HANDLE, -EIO},
		{SCARD_F_INTERNAL_ERROR, -EIO},
		{0x12345678, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(pcsc_outcome(table[i].code), table[i].outcome);
	}
}

static void without_a_service_there_is_a_transport_that_says_so(void **state)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(600);
	struct transport *t;
	int fd;

	(void)state;
	fake_reset();
	fake.establish = SCARD_E_NO_SERVICE;
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), TRANSPORT_NO_SERVICE);
	assert_int_equal(t->ops->transmit(t, VIEW_NULL, soon(), &answer), TRANSPORT_GONE);
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	assert_int_equal(t->ops->lock(t, soon()), TRANSPORT_GONE);
	assert_int_equal(t->ops->unlock(t), TRANSPORT_GONE);
	assert_int_equal(t->ops->status(t), TRANSPORT_GONE);
	t->ops->close(t, true);
	transport_free(t);
	assert_int_equal(fake.released, 0);
	fake.establish = SCARD_F_INTERNAL_ERROR;
	assert_int_equal(pcsc_new(&t, &fd), -EIO);
}

static void connecting_learns_protocol_and_atr(void **state)
{
	struct transport *t = open_transport();

	(void)state;
	assert_int_equal(fake.share, SCARD_SHARE_EXCLUSIVE);
	assert_int_equal(t->protocol, TRANSPORT_T0);
	assert_int_equal(t->atr_len, 4);
	fake.protocol = SCARD_PROTOCOL_T1;
	assert_int_equal(t->ops->open(t, "Reader 00 00", false, soon()), 0);
	assert_int_equal(fake.disposition, SCARD_LEAVE_CARD); /* of the first connection */
	assert_int_equal(fake.share, SCARD_SHARE_SHARED);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	t->ops->close(t, true);
	assert_int_equal(fake.disposition, SCARD_RESET_CARD);
	transport_free(t);
	assert_int_equal(fake.released, 1);
}

static void a_card_without_atr_or_protocol_is_mute(void **state)
{
	static const struct {
		DWORD protocol;
		DWORD atr_len;
		LONG status;
		int r;
	} table[] = {
		{SCARD_PROTOCOL_RAW, 4, good, TRANSPORT_MUTE},
		{SCARD_PROTOCOL_T0, 0, good, TRANSPORT_MUTE},
		{SCARD_PROTOCOL_T0, TRANSPORT_ATR_MAX + 1, good, TRANSPORT_MUTE},
		{SCARD_PROTOCOL_T0, 4, SCARD_W_REMOVED_CARD, TRANSPORT_GONE},
		{SCARD_PROTOCOL_T0, 4, SCARD_F_INTERNAL_ERROR, -EIO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t;

		fake_reset();
		fake.protocol = table[i].protocol;
		fake.atr_len = table[i].atr_len;
		fake.status = table[i].status;
		t = new_transport();
		assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), table[i].r);
		assert_int_equal(fake.disposition, SCARD_LEAVE_CARD);
		transport_free(t);
	}
}

static void a_busy_reader_is_asked_a_few_times(void **state)
{
	struct transport *t;

	(void)state;
	fake_reset();
	fake.connect[0] = fake.connect[1] = SCARD_E_SHARING_VIOLATION;
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
	assert_int_equal(fake.connects, 3);
	transport_free(t);

	fake_reset();
	for (size_t i = 0; i < ARRAY_LEN(fake.connect); i++) {
		fake.connect[i] = SCARD_E_SHARING_VIOLATION;
	}
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), TRANSPORT_BUSY);
	assert_int_equal(fake.connects, 5);
	/* and not at all behind our deadline */
	assert_int_equal(
		t->ops->open(t, "Reader 00 00", true, clock_monotonic()), TRANSPORT_BUSY);
	assert_int_equal(fake.connects, 6);
	transport_free(t);
}

static void a_command_travels_with_its_protocol(void **state)
{
	static const uint8_t read[] = {0x00, 0xB0, 0x00, 0x00, 0x00};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(600);
	_cleanup_(buf_done) struct buf small = BUF_NULL(10);
	struct transport *t = open_transport();

	(void)state;
	assert_int_equal(t->ops->transmit(t, VIEW(read), soon(), &answer), 0);
	assert_ptr_equal(fake.pci, SCARD_PCI_T0);
	assert_int_equal(answer.len, 2);
	t->protocol = TRANSPORT_T1;
	fake.answer_len = 258;
	assert_int_equal(t->ops->transmit(t, VIEW(read), soon(), &answer), 0);
	assert_ptr_equal(fake.pci, SCARD_PCI_T1);
	assert_int_equal(answer.len, 260);
	assert_int_equal(t->ops->transmit(t, VIEW(read), soon(), &small), -EMSGSIZE);
	transport_free(t);
}

static void a_failed_command_leaves_nothing_behind(void **state)
{
	static const uint8_t read[] = {0x00, 0xB0, 0x00, 0x00, 0x00};

	static const struct {
		LONG code;
		LONG status;
		DWORD state;
		int r;
		unsigned transmits;
	} table[] = {
		{SCARD_W_REMOVED_CARD, good, SCARD_PRESENT, TRANSPORT_GONE, 1},
		/* silence, and the card is still there, or not any more */
		{SCARD_E_NOT_TRANSACTED, good, SCARD_PRESENT, TRANSPORT_MUTE, 1},
		{SCARD_E_NOT_TRANSACTED, good, SCARD_ABSENT, TRANSPORT_GONE, 1},
		{SCARD_E_NOT_TRANSACTED, SCARD_W_REMOVED_CARD, SCARD_PRESENT, TRANSPORT_GONE,
			1},
		{SCARD_E_NO_SERVICE, good, SCARD_PRESENT, TRANSPORT_NO_SERVICE, 1},
		{SCARD_E_INSUFFICIENT_BUFFER, good, SCARD_PRESENT, TRANSPORT_BROKEN, 1},
		{SCARD_E_SHARING_VIOLATION, good, SCARD_PRESENT, TRANSPORT_BUSY, 5},
		{SCARD_F_UNKNOWN_ERROR, good, SCARD_PRESENT, -EIO, 1},
	};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(600);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t = open_transport();

		for (size_t k = 0; k < ARRAY_LEN(fake.transmit); k++) {
			fake.transmit[k] = table[i].code;
		}
		fake.status = table[i].status;
		fake.state = table[i].state;
		assert_int_equal(t->ops->transmit(t, VIEW(read), soon(), &answer), table[i].r);
		assert_int_equal(answer.len, 0);
		assert_int_equal(fake.transmits, table[i].transmits);
		transport_free(t);
	}
}

static void a_reset_learns_the_card_anew(void **state)
{
	struct transport *t = open_transport();

	(void)state;
	fake.atr_len = 7;
	fake.protocol = SCARD_PROTOCOL_T1;
	assert_int_equal(t->ops->reset(t, soon()), 0);
	assert_int_equal(t->atr_len, 7);
	assert_int_equal(t->protocol, TRANSPORT_T1);
	fake.reconnect = SCARD_W_REMOVED_CARD;
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_GONE);
	fake.reconnect = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->reset(t, soon()), TRANSPORT_BUSY);
	assert_int_equal(fake.reconnects, 2 + 5);
	transport_free(t);
}

static void a_lock_keeps_others_out_until_unlock(void **state)
{
	struct transport *t = open_transport();

	(void)state;
	assert_int_equal(t->ops->lock(t, soon()), 0);
	assert_int_equal(t->ops->unlock(t), 0);
	fake.begin = SCARD_E_SHARING_VIOLATION;
	assert_int_equal(t->ops->lock(t, clock_monotonic()), TRANSPORT_BUSY);
	fake.begin = good;
	fake.status = SCARD_E_SHARING_VIOLATION; /* another program is in a transaction */
	assert_int_equal(t->ops->lock(t, clock_monotonic()), TRANSPORT_BUSY);
	fake.status = good;
	fake.end = SCARD_W_RESET_CARD;
	assert_int_equal(t->ops->unlock(t), TRANSPORT_GONE);
	fake.status = SCARD_W_RESET_CARD;
	assert_int_equal(t->ops->status(t), TRANSPORT_GONE);
	fake.status = good;
	assert_int_equal(t->ops->status(t), 0);
	transport_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_outcome),
		cmocka_unit_test(without_a_service_there_is_a_transport_that_says_so),
		cmocka_unit_test(connecting_learns_protocol_and_atr),
		cmocka_unit_test(a_card_without_atr_or_protocol_is_mute),
		cmocka_unit_test(a_busy_reader_is_asked_a_few_times),
		cmocka_unit_test(a_command_travels_with_its_protocol),
		cmocka_unit_test(a_failed_command_leaves_nothing_behind),
		cmocka_unit_test(a_reset_learns_the_card_anew),
		cmocka_unit_test(a_lock_keeps_others_out_until_unlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
