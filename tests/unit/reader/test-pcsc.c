/* SPDX-License-Identifier: EUPL-1.2 */
/* The PC/SC transport: connecting, commands, result codes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/reader/fake-pcsc.h"

static const LONG good = SCARD_S_SUCCESS;

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
		{SCARD_W_SECURITY_VIOLATION, TRANSPORT_NO_SERVICE},
		{SCARD_E_UNKNOWN_READER, TRANSPORT_NO_READER},
		{SCARD_E_READER_UNAVAILABLE, TRANSPORT_NO_READER},
		{SCARD_E_NO_READERS_AVAILABLE, TRANSPORT_NO_READER},
		{SCARD_E_INSUFFICIENT_BUFFER, TRANSPORT_BROKEN},
		{SCARD_E_INVALID_HANDLE, TRANSPORT_GONE},
		{SCARD_E_INVALID_VALUE, TRANSPORT_GONE},
		{SCARD_E_UNSUPPORTED_FEATURE, TRANSPORT_NO_PINPAD},
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
	assert_int_equal(
		t->ops->secure(t, &(struct transport_pin){.digits = 4}, soon(), &answer),
		TRANSPORT_GONE);
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
		fake.status[0] = table[i].status;
		t = new_transport();
		assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), table[i].r);
		assert_int_equal(fake.disposition, SCARD_LEAVE_CARD);
		transport_free(t);
	}
}

static void a_busy_reader_is_asked_until_the_deadline(void **state)
{
	struct transport *t;
	uint64_t started;

	(void)state;
	fake_reset();
	fake.connect[0] = fake.connect[1] = SCARD_E_SHARING_VIOLATION;
	fake.status[0] = SCARD_E_SHARING_VIOLATION; /* a transaction began just behind us */
	t = new_transport();
	started = clock_monotonic();
	assert_int_equal(t->ops->open(t, "Reader 00 00", false, soon()), 0);
	assert_int_equal(fake.connects, 3);
	assert_int_equal(fake.looks, 2);
	assert_true(clock_monotonic() - started >= 40 * USEC_PER_MS);
	transport_free(t);

	fake_reset();
	for (size_t i = 0; i < ARRAY_LEN(fake.connect); i++) {
		fake.connect[i] = SCARD_E_SHARING_VIOLATION;
	}
	t = new_transport();
	started = clock_monotonic();
	/* after 0, 10, 30, 70 and, at the deadline, 100 ms */
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, started + 100 * USEC_PER_MS),
		TRANSPORT_BUSY);
	assert_in_range(fake.connects, 2, 5);
	assert_true(clock_monotonic() - started >= 100 * USEC_PER_MS);
	/* and not at all behind our deadline */
	fake.connects = 0;
	assert_int_equal(
		t->ops->open(t, "Reader 00 00", true, clock_monotonic()), TRANSPORT_BUSY);
	assert_int_equal(fake.connects, 1);
	transport_free(t);
}

static void a_card_that_stays_silent_at_first_is_asked_again(void **state)
{
	struct transport *t;

	(void)state;
	fake_reset();
	fake.connect[0] = SCARD_W_UNRESPONSIVE_CARD;
	fake.connect[1] = SCARD_W_UNPOWERED_CARD;
	fake.connect[2] = SCARD_E_SHARING_VIOLATION;
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), 0);
	assert_int_equal(fake.connects, 4);
	transport_free(t);

	fake_reset();
	for (size_t i = 0; i < ARRAY_LEN(fake.connect); i++) {
		fake.connect[i] = SCARD_W_UNPOWERED_CARD;
	}
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), TRANSPORT_MUTE);
	assert_int_equal(fake.connects, 5); /* a card upside down */
	transport_free(t);

	/* a reader that takes its time has tried for itself */
	fake_reset();
	for (size_t i = 0; i < ARRAY_LEN(fake.connect); i++) {
		fake.connect[i] = SCARD_W_UNPOWERED_CARD;
	}
	fake.connect_usec = 3 * USEC_PER_SEC;
	t = new_transport();
	assert_int_equal(t->ops->open(t, "Reader 00 00", true, soon()), TRANSPORT_MUTE);
	assert_int_equal(fake.connects, 1);
	transport_free(t);
}

static void the_socket_of_the_service_is_told(void **state)
{
	struct transport *t;
	int last = 0;
	int fd = -2;
	int n = 0;
	int fds[64];

	(void)state;
	fake_reset();
	fake.has_socket = true;
	assert_int_equal(pcsc_new(&t, &fd), 0);
	assert_int_equal(fd, fake.socket);
	transport_free(t);
	close(fake.socket);
	/* where so many are open, nobody looks for it */
	while (last < 63) {
		last = open("/dev/null", O_RDONLY | O_CLOEXEC);
		assert_true(last >= 0);
		fds[n++] = last;
	}
	fake_reset();
	transport_free(new_transport());
	while (n > 0) {
		close(fds[--n]);
	}
}

/* The context of a process that waited for its first card longer than pcscd lived. */
static void a_context_that_died_is_no_service(void **state)
{
	static const LONG codes[] = {
		SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED, SCARD_E_INVALID_HANDLE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct transport *t;

		fake_reset();
		fake.connect[0] = codes[i];
		t = new_transport();
		assert_int_equal(
			t->ops->open(t, "Reader 00 00", true, soon()), TRANSPORT_NO_SERVICE);
		assert_int_equal(fake.disposition, 99);
		transport_free(t);
	}
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
		{SCARD_E_INVALID_VALUE, good, SCARD_PRESENT, TRANSPORT_GONE, 1},
		{SCARD_E_SHARING_VIOLATION, good, SCARD_PRESENT, TRANSPORT_BUSY, 2},
		{SCARD_F_UNKNOWN_ERROR, good, SCARD_PRESENT, -EIO, 1},
	};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(600);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct transport *t = open_transport();

		for (size_t k = 0; k < ARRAY_LEN(fake.transmit); k++) {
			fake.transmit[k] = table[i].code;
		}
		fake.status[fake.looks] = table[i].status;
		fake.state = table[i].state | 7U << 16;
		assert_int_equal(t->ops->transmit(t, VIEW(read),
					 clock_monotonic() + 5 * USEC_PER_MS, &answer),
			table[i].r);
		assert_int_equal(answer.len, 0);
		assert_int_equal(fake.transmits, table[i].transmits);
		transport_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_its_outcome),
		cmocka_unit_test(without_a_service_there_is_a_transport_that_says_so),
		cmocka_unit_test(connecting_learns_protocol_and_atr),
		cmocka_unit_test(a_card_without_atr_or_protocol_is_mute),
		cmocka_unit_test(a_busy_reader_is_asked_until_the_deadline),
		cmocka_unit_test(a_card_that_stays_silent_at_first_is_asked_again),
		cmocka_unit_test(the_socket_of_the_service_is_told),
		cmocka_unit_test(a_context_that_died_is_no_service),
		cmocka_unit_test(a_command_travels_with_its_protocol),
		cmocka_unit_test(a_failed_command_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
