/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/readers.c, reader-port.c and the IFD handler with more than one reader: a reader of two
 * slots, and a composite device of two readers; unplugging, blocking, keypads, endless
 * waits. */
#include <arpa/inet.h>
#include <poll.h>
#include <reader.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "drivers/sim/reader-link.h"
#include "tests/unit/sim/process.h"

#define SELECT_MF  "00A4000C023F00"
#define VERIFY_PIN 0x42000D4E /* SCARD_CTL_CODE(3400 + FEATURE_VERIFY_PIN_DIRECT) */

/* Readers as pcscd numbers them: 0 and 1 are the device of two slots, then the composite. */
enum {
	LUN_A0 = 0x00000,
	LUN_A1 = 0x00001,
	LUN_B = 0x10000,
	LUN_C = 0x20000,
};

static struct scene scene;
static struct process simulator;

static int make(void **state)
{
	static const char *const names[] = {"vitale-family", "vitale-single", "cps4-gp", NULL};
	static const char *const cards[] = {
		"cps4-gp", "vitale-single", "", "vitale-family", NULL};

	(void)state;
	scene_make(&scene, names);
	process_start(&simulator, &scene,
		(struct server_options){.readers = "2,1+1", .keypads = 0x9}, cards);
	return 0;
}

static const char *control(const char *line)
{
	return process_control(&simulator, line);
}

static int unmake(void **state)
{
	(void)state;
	assert_string_equal(control("quit\n"), "ok");
	process_end(&simulator);
	scene_done(&scene);
	return 0;
}

static RESPONSECODE open_lun(DWORD lun, unsigned number)
{
	char name[160];

	snprintf(name, sizeof(name), "%s:%u", simulator.reader, number);
	return IFDHCreateChannelByName(lun, name);
}

static void open_all(void)
{
	assert_int_equal(open_lun(LUN_A0, 0), IFD_SUCCESS);
	assert_int_equal(open_lun(LUN_A1, 0), IFD_SUCCESS);
	assert_int_equal(open_lun(LUN_B, 1), IFD_SUCCESS);
	assert_int_equal(open_lun(LUN_C, 2), IFD_SUCCESS);
}

static void close_all(void)
{
	static const DWORD luns[] = {LUN_A0, LUN_A1, LUN_B, LUN_C};

	for (size_t i = 0; i < ARRAY_LEN(luns); i++)
		assert_int_equal(IFDHCloseChannel(luns[i]), IFD_SUCCESS);
}

/* -- which readers there are --------------------------------------------------------------- */

static void lists_of_devices_are_understood(void **state)
{
	static const struct {
		const char *text;
		unsigned readers, slots;
	} rows[] = {
		{"2", 1, 2},
		{"1", 1, 1},
		{"1+1", 2, 2},
		{"2,2,2,2", 4, 8},
		{"2,1+1,1", 4, 5},
		{"1+1,1+1", 4, 4},
		{"", 0, 0},
		{"3", 0, 0},
		{"2,", 0, 0},
		{",2", 0, 0},
		{"2+1", 0, 0},
		{"1+2", 0, 0},
		{"1+", 0, 0},
		{"1+1+1", 0, 0},
		{"22", 0, 0},
		{"1,1,1,1,1", 0, 0},
		{"2,2,2,1+1", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct server_reader r[SERVER_READERS_MAX];
		unsigned n = 0;

		assert_int_equal(readers_lay_out(rows[i].text, r, &n), rows[i].readers > 0);
		if (rows[i].readers == 0)
			continue;
		assert_int_equal(n, rows[i].readers);
		assert_int_equal(r[n - 1].first + r[n - 1].slots, rows[i].slots);
	}
}

static void a_simulator_without_such_readers_does_not_start(void **state)
{
	struct server *s = NULL;

	(void)state;
	assert_true(server_new(&(struct server_options){.reader_socket = "/nonexistent/x",
				       .readers = "9"},
			    &s) < 0);
	assert_true(server_new(&(struct server_options){.reader_socket = "/nonexistent/x",
				       .keypads = 4},
			    &s) < 0);
}

static void slots_are_numbered_through_all_readers(void **state)
{
	UCHAR value[4];
	DWORD len = sizeof(value);

	(void)state;
	assert_string_equal(
		control("list\n"), "ok 0=cps4-gp 1=vitale-single 2=- 3=vitale-family");
	assert_string_equal(
		control("readers\n"), "ok 0=0:2:plugged 1=1:1:plugged 2=1:1:plugged");
	open_all();
	assert_int_equal(
		IFDHGetCapabilities(LUN_A0, TAG_IFD_SLOTS_NUMBER, &len, value), IFD_SUCCESS);
	assert_int_equal(value[0], 2);
	len = sizeof(value);
	assert_int_equal(
		IFDHGetCapabilities(LUN_C, TAG_IFD_SLOTS_NUMBER, &len, value), IFD_SUCCESS);
	assert_int_equal(value[0], 1);
	assert_int_equal(IFDHICCPresence(LUN_A1), IFD_ICC_PRESENT);
	assert_int_equal(IFDHICCPresence(LUN_B), IFD_ICC_NOT_PRESENT);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_PRESENT);
	assert_int_equal(ifd_power(LUN_C), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_C, SELECT_MF, "9000"), IFD_SUCCESS);
	assert_string_equal(control("insert 4 cps4-gp\n"), "error usage: insert SLOT NAME");
	close_all();
}

static void names_from_the_bus_lead_to_the_same_readers(void **state)
{
	char good[] = "usb:ffff/8601:libudev:1:/dev/bus/usb/001/002";
	static const char *const wrong[] = {"usb:ffff/8601:libudev:0:/dev/bus/usb/001/009",
		"usb:ffff/8601:libudev:0:/dev/bus/usb/001/000",
		"usb:ffff/8601:libudev:x:/dev/bus/usb/001/002",
		"usb:ffff/8601:libudev:0:/dev/hidraw/001/002",
		"usb:ffff/8601:libudev:0:/dev/bus/usb/001/", "usb:", ""};
	char text[80], far[160];

	(void)state;
	unsetenv("VITALE_SIM_READER");
	assert_int_not_equal(IFDHCreateChannelByName(LUN_C, good), IFD_SUCCESS);
	setenv("VITALE_SIM_READER", simulator.reader, 1);
	assert_int_equal(IFDHCreateChannelByName(LUN_C, good), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_PRESENT);
	assert_int_equal(IFDHCloseChannel(LUN_C), IFD_SUCCESS);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		snprintf(text, sizeof(text), "%s", wrong[i]);
		assert_int_not_equal(IFDHCreateChannelByName(LUN_C, text), IFD_SUCCESS);
	}
	assert_int_equal(open_lun(LUN_C, 3), IFD_NO_SUCH_DEVICE);
	assert_int_equal(open_lun(LUN_C, 99), IFD_COMMUNICATION_ERROR);
	assert_int_equal(open_lun(LUN_C + 1, 2), IFD_NO_SUCH_DEVICE); /* one slot only */
	snprintf(far, sizeof(far), "%s:1234", simulator.reader);
	assert_int_not_equal(IFDHCreateChannelByName(LUN_C, far), IFD_SUCCESS);
	unsetenv("VITALE_SIM_READER");
}

/* -- plug and unplug ----------------------------------------------------------------------- */

static void an_unplugged_device_is_gone_with_all_its_slots(void **state)
{
	char line[64] = {0};
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);
	poll_fn wait;
	int fd = process_connect(simulator.control, SOCK_STREAM);

	(void)state;
	open_all();
	wait = ifd_poll(LUN_B);
	assert_string_equal(
		process_ask(fd, "follow\n"), "ok 0=0:2:plugged 1=1:1:plugged 2=1:1:plugged");
	assert_int_equal(ifd_power(LUN_C), IFD_SUCCESS);
	assert_string_equal(control("unplug 2\n"), "ok");
	assert_int_equal(recv(fd, line, 9, MSG_WAITALL), 9);
	assert_string_equal(line, "unplug 1\n");
	for (DWORD lun = LUN_B; lun <= LUN_C; lun += LUN_C - LUN_B) {
		assert_int_equal(wait(lun, 5000), IFD_SUCCESS);
		assert_int_equal(IFDHICCPresence(lun), IFD_NO_SUCH_DEVICE);
		assert_int_equal(ifd_send(lun, SELECT_MF, ""), IFD_NO_SUCH_DEVICE);
		assert_int_equal(
			IFDHPowerICC(lun, IFD_POWER_UP, atr, &len), IFD_NO_SUCH_DEVICE);
	}
	assert_int_equal(IFDHICCPresence(LUN_A0), IFD_ICC_PRESENT);
	assert_int_equal(IFDHCloseChannel(LUN_C), IFD_SUCCESS);
	assert_int_equal(open_lun(LUN_C, 2), IFD_NO_SUCH_DEVICE);
	assert_string_equal(control("unplug 1\n"), "ok"); /* it is out already: no word of it */
	assert_string_equal(control("faults 3\n"), "ok unplugged");
	assert_string_equal(control("remove 3\n"), "ok");
	assert_string_equal(control("insert 3 vitale-family\n"), "ok");
	assert_string_equal(control("plug 1\n"), "ok");
	memset(line, 0, sizeof(line));
	assert_int_equal(recv(fd, line, 7, MSG_WAITALL), 7);
	assert_string_equal(line, "plug 1\n");
	assert_int_equal(wait(LUN_B, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_B), IFD_ICC_NOT_PRESENT);
	assert_int_equal(open_lun(LUN_C, 2), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_PRESENT);
	assert_int_equal(
		ifd_send(LUN_C, SELECT_MF, ""), IFD_COMMUNICATION_ERROR); /* no power */
	close(fd);
	close_all();
}

static void cards_that_come_and_leave_are_told_with_the_time(void **state)
{
	char line[128] = {0};
	unsigned long long at = 0;
	int fd = process_connect(simulator.control, SOCK_STREAM);
	uint64_t before = clock_monotonic();

	(void)state;
	assert_string_equal(process_ask(fd, "follow readers\n"), "error cards, or nothing");
	process_ask(fd, "follow cards\n");
	assert_string_equal(control("remove 3\n"), "ok");
	assert_true(recv(fd, line, sizeof(line) - 1, 0) > 0);
	assert_int_equal(sscanf(line, "out 3 - %llu\n", &at), 1);
	assert_true(at >= before && at <= clock_monotonic());
	assert_string_equal(control("insert 3 vitale-family\n"), "ok");
	memset(line, 0, sizeof(line));
	assert_true(recv(fd, line, sizeof(line) - 1, 0) > 0);
	assert_int_equal(sscanf(line, "in 3 vitale-family %llu\n", &at), 1);
	close(fd);
}

static void a_reader_is_lost_in_the_command_that_was_named(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(ifd_power(LUN_A0), IFD_SUCCESS);
	assert_int_equal(ifd_power(LUN_A1), IFD_SUCCESS);
	assert_string_equal(control("unplug 0 0\n"), "error a number of commands is needed");
	assert_string_equal(control("unplug 0 2\n"), "ok");
	assert_string_equal(control("faults 1\n"), "ok unplug=2");
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_A0, SELECT_MF, ""), IFD_NO_SUCH_DEVICE);
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, ""), IFD_NO_SUCH_DEVICE);
	assert_string_equal(control("plug 0\n"), "ok");
	assert_string_equal(control("unplug 0 1\n"), "ok");
	assert_string_equal(control("normal 1\n"), "ok"); /* taken back */
	assert_int_equal(ifd_power(LUN_A1), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	close_all();
}

static void a_command_under_way_ends_when_the_reader_is_unplugged(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(ifd_power(LUN_A1), IFD_SUCCESS);
	control("hang 1 on\n");
	process_free_by(&simulator, "unplug 0\n");
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, ""), IFD_NO_SUCH_DEVICE);
	control("plug 0\n");
	control("normal 1\n");
	process_reap();
	close_all();
}

/* -- two requests at once: over raw sockets ------------------------------------------------ */

static int raw(uint8_t op, uint8_t slot)
{
	uint8_t answer[64], request[2] = {op, slot};
	int fd = process_connect(simulator.reader, SOCK_SEQPACKET);

	assert_int_equal(send(fd, request, 2, 0), 2);
	assert_true(recv(fd, answer, sizeof(answer), 0) >= 2);
	assert_int_equal(answer[1], READER_STATUS_OK);
	return fd;
}

static bool answers_within(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static void slots_of_a_blocking_reader_wait_for_each_other(void **state)
{
	static const uint8_t command[] = {
		READER_OP_TRANSMIT, 1, 0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00};
	uint8_t answer[64];
	int a = raw(READER_OP_POWER_UP, 1), b = raw(READER_OP_POWER_UP, 0),
	    c = raw(READER_OP_POWER_UP, 3);

	(void)state;
	control("hang 1 on\n");
	assert_string_equal(control("blocking 0 maybe\n"), "error on or off");
	assert_string_equal(control("blocking 0 on\n"), "ok");
	assert_string_equal(control("faults 0\n"), "ok blocking");
	assert_int_equal(send(a, command, sizeof(command), 0), sizeof(command));
	assert_string_equal(control("list\n"), /* by now it has been read */
		"ok 0=cps4-gp 1=vitale-single 2=- 3=vitale-family");
	assert_int_equal(send(b, "\x06\x00", 2, 0), 2);
	assert_int_equal(send(c, "\x06\x03", 2, 0), 2);
	assert_true(answers_within(c, 5000)); /* another reader */
	assert_false(answers_within(b, 50));
	control("hang 1 off\n");
	assert_true(answers_within(a, 5000));
	assert_true(answers_within(b, 5000));
	assert_int_equal(recv(b, answer, sizeof(answer), 0), 3);
	/* who goes away while it waits is let go */
	control("hang 1 on\n");
	recv(a, answer, sizeof(answer), 0);
	assert_int_equal(send(a, command, sizeof(command), 0), sizeof(command));
	control("list\n");
	assert_int_equal(send(b, "\x06\x00", 2, 0), 2);
	close(b);
	control("list\n");
	assert_string_equal(control("blocking 0 off\n"), "ok");
	control("normal 1\n");
	assert_true(answers_within(a, 5000));
	close(a);
	close(c);
}

static void an_endless_wait_is_full_of_signs_of_life(void **state)
{
	static const uint8_t command[] = {
		READER_OP_TRANSMIT, 1, 0x00, 0xA4, 0x00, 0x0C, 0x02, 0x3F, 0x00};
	uint8_t answer[64];
	int fd = raw(READER_OP_POWER_UP, 1);

	(void)state;
	control("wtx 1 on\n");
	assert_int_equal(send(fd, command, sizeof(command), 0), sizeof(command));
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 2);
	assert_int_equal(answer[0], READER_OP_ALIVE);
	control("wtx 1 off\n");
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 4);
	assert_view_hex(view_of(answer, 4), "05009000");
	close(fd);
}

static void the_handler_outwaits_signs_of_life(void **state)
{
	uint64_t before = clock_monotonic();
	pid_t child;

	(void)state;
	open_all();
	assert_int_equal(ifd_power(LUN_A1), IFD_SUCCESS);
	control("wtx 1 on\n");
	child = fork();
	if (child == 0) {
		poll(NULL, 0, 1200);
		control("normal 1\n");
		_exit(0);
	}
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	assert_true(clock_monotonic() - before > USEC_PER_SEC);
	process_reap();
	close_all();
}

static void a_stuck_command_is_freed(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(ifd_power(LUN_A1), IFD_SUCCESS);
	control("stuck 1 1000\n");
	process_free_by(&simulator, "stuck 1 off\n");
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	control("stuck 1 1000\n");
	process_free_by(&simulator, "normal 1\n");
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, "9000"), IFD_SUCCESS);
	control("wtx 1 on\n");
	process_free_by(&simulator, "swap 1 vitale-family quiet\n");
	assert_int_equal(ifd_send(LUN_A1, SELECT_MF, ""), IFD_COMMUNICATION_ERROR);
	assert_string_equal(control("normal 1\n"), "ok");
	control("replace 1 vitale-single\n");
	process_reap();
	close_all();
}

/* -- keypad -------------------------------------------------------------------------------- */

static RESPONSECODE verify(DWORD lun, uint8_t seconds, const char *want)
{
	_cleanup_(buf_done) struct buf tx = BUF_NULL(128);
	PIN_VERIFY_STRUCTURE s = {.bTimerOut = seconds,
		.bmFormatString = 0x82,
		.wPINMaxExtraDigit = 0x0404,
		.bEntryValidationCondition = 2,
		.bNumberMessage = 1,
		.ulDataLength = 9};
	UCHAR rx[16];
	DWORD n = 0;
	RESPONSECODE code;

	buf_put(&tx, &s, offsetof(PIN_VERIFY_STRUCTURE, abData));
	buf_put_view(&tx, VIEW_TEXT("\x01\x20\x00\x01\x04\xFF\xFF\xFF\xFF"));
	code = IFDHControl(lun, VERIFY_PIN, tx.data, tx.len, rx, sizeof(rx), &n);
	if (code == IFD_SUCCESS)
		assert_view_hex(view_of(rx, n), want);
	return code;
}

static void features_are_those_of_the_slot(void **state)
{
	UCHAR rx[64];
	DWORD n = 1;
	PCSC_TLV_STRUCTURE first;

	(void)state;
	open_all();
	assert_int_equal(
		IFDHControl(LUN_A0, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, rx, sizeof(rx), &n),
		IFD_SUCCESS);
	assert_int_equal(n, 4 * sizeof(first));
	assert_int_equal(view_copy(view_of(rx, sizeof(first)), &first, sizeof(first)), 0);
	assert_int_equal(first.tag, FEATURE_VERIFY_PIN_DIRECT);
	assert_int_equal(ntohl(first.value), VERIFY_PIN);
	assert_int_equal(IFDHControl(LUN_A0, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, rx, 5, &n),
		IFD_ERROR_INSUFFICIENT_BUFFER);
	assert_int_equal(
		IFDHControl(LUN_A1, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, rx, sizeof(rx), &n),
		IFD_SUCCESS);
	assert_int_equal(n, 0);
	assert_int_equal(verify(LUN_A1, 0, ""), IFD_ERROR_NOT_SUPPORTED);
	assert_int_equal(IFDHControl(LUN_A0, SCARD_CTL_CODE(3400 + FEATURE_GET_TLV_PROPERTIES),
				 NULL, 0, rx, 4, &n),
		IFD_ERROR_INSUFFICIENT_BUFFER);
	assert_int_equal(IFDHControl(LUN_A0, SCARD_CTL_CODE(3400 + FEATURE_IFD_PIN_PROPERTIES),
				 NULL, 0, rx, sizeof(rx), &n),
		IFD_SUCCESS);
	assert_int_equal(n, 4);
	assert_int_equal(
		IFDHControl(LUN_A0, 1, NULL, 0, rx, sizeof(rx), &n), IFD_ERROR_NOT_SUPPORTED);
	assert_string_equal(control("keypad 1\n"), "error no keypad");
	assert_string_equal(control("keypad 3\n"), "ok idle");
	close_all();
	assert_int_equal(verify(LUN_A0, 0, ""), IFD_COMMUNICATION_ERROR);
}

static void the_card_judges_what_was_typed(void **state)
{
	(void)state;
	open_all();
	assert_int_equal(IFDHPowerICC(LUN_A0, IFD_POWER_DOWN, NULL, &(DWORD){0}), IFD_SUCCESS);
	assert_int_equal(verify(LUN_A0, 0, ""), IFD_COMMUNICATION_ERROR); /* no power */
	assert_int_equal(ifd_power(LUN_A0), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_A0, "01A4040C088025000001FF0100", "9000"), IFD_SUCCESS);
	assert_string_equal(control("keypad 0 type 12x4\n"), "error a code is 1 to 12 digits");
	assert_string_equal(control("keypad 0 type 1 2 3 4\n"),
		"error usage: keypad SLOT [type CODE [CODE "
		"[CODE]]|cancel|late|wait]");
	assert_string_equal(control("keypad 0 shout\n"), "error type, cancel, late or wait");
	assert_string_equal(control("keypad 0 type 9999\n"), "ok");
	assert_int_equal(verify(LUN_A0, 0, "63C2"), IFD_SUCCESS);
	process_free_by(&simulator, "keypad 0 type 1234\n");
	assert_int_equal(verify(LUN_A0, 0, "9000"), IFD_SUCCESS);
	process_free_by(&simulator, "keypad 0 cancel\n");
	assert_int_equal(verify(LUN_A0, 0, "6401"), IFD_SUCCESS);
	process_free_by(&simulator, "keypad 0 late\n");
	assert_int_equal(verify(LUN_A0, 0, "6400"), IFD_SUCCESS);
	control("keypad 0 type 1234\n");
	control("keypad 0 wait\n"); /* thinks better of it */
	assert_int_equal(verify(LUN_A0, 1, "6400"), IFD_SUCCESS);
	process_free_by(&simulator, "normal 0\n");
	assert_int_equal(verify(LUN_A0, 0, "6401"), IFD_SUCCESS);
	control("keypad 0 type 1 2 3\n");
	assert_string_equal(control("keypad 0 type 4\n"), "error too many codes");
	control("normal 0\n");
	process_free_by(&simulator, "remove 0\n");
	assert_int_equal(verify(LUN_A0, 0, ""), IFD_ICC_NOT_PRESENT);
	assert_int_equal(verify(LUN_A0, 0, ""), IFD_ICC_NOT_PRESENT);
	assert_string_equal(control("keypad 0\n"), "ok idle");
	assert_string_equal(control("insert 0 cps4-gp\n"), "ok");
	assert_string_equal(control("counters 0\n"), "ok pin 3 puk 10 100");
	process_reap();
	close_all();
}

static void odd_requests_to_the_keypad_are_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {{"\x09\x00", 2}, {"\x09\x00\x01", 3}, {"\x09\x01\x06", 3}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t answer[64];
		int fd = process_connect(simulator.reader, SOCK_SEQPACKET);

		assert_int_equal(send(fd, rows[i].bytes, rows[i].len, 0), rows[i].len);
		assert_int_equal(recv(fd, answer, sizeof(answer), 0), 2);
		assert_int_equal(answer[1], READER_STATUS_REFUSED);
		close(fd);
	}
}

static void a_card_that_bounces_comes_back_by_itself(void **state)
{
	poll_fn wait;

	(void)state;
	open_all();
	wait = ifd_poll(LUN_C);
	assert_string_equal(control("bounce 2 10\n"), "error no card is in");
	assert_string_equal(
		control("bounce 3 x\n"), "error a number of milliseconds is needed");
	assert_string_equal(control("bounce 3 150\n"), "ok");
	assert_string_equal(control("faults 3\n"), "ok bounce");
	assert_int_equal(wait(LUN_C, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_NOT_PRESENT);
	assert_int_equal(wait(LUN_C, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_PRESENT);
	assert_int_equal(ifd_power(LUN_C), IFD_SUCCESS);
	control("tear-insert 3 1 vitale-family 30\n");
	assert_int_equal(ifd_send(LUN_C, SELECT_MF, ""), IFD_ICC_NOT_PRESENT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(wait(LUN_C, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(LUN_C), IFD_ICC_PRESENT);
	control("tear-insert 3 1 nobody 1\n");
	assert_int_equal(ifd_power(LUN_C), IFD_SUCCESS);
	assert_int_equal(ifd_send(LUN_C, SELECT_MF, ""), IFD_ICC_NOT_PRESENT);
	assert_int_equal(wait(LUN_C, 5000), IFD_SUCCESS);
	poll(NULL, 0, 30);
	assert_string_equal(control("list\n"), "ok 0=cps4-gp 1=vitale-single 2=- 3=-");
	control("insert 3 vitale-family\n");
	close_all();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_of_devices_are_understood),
		cmocka_unit_test(a_simulator_without_such_readers_does_not_start),
		cmocka_unit_test(slots_are_numbered_through_all_readers),
		cmocka_unit_test(names_from_the_bus_lead_to_the_same_readers),
		cmocka_unit_test(an_unplugged_device_is_gone_with_all_its_slots),
		cmocka_unit_test(cards_that_come_and_leave_are_told_with_the_time),
		cmocka_unit_test(a_reader_is_lost_in_the_command_that_was_named),
		cmocka_unit_test(a_command_under_way_ends_when_the_reader_is_unplugged),
		cmocka_unit_test(slots_of_a_blocking_reader_wait_for_each_other),
		cmocka_unit_test(an_endless_wait_is_full_of_signs_of_life),
		cmocka_unit_test(the_handler_outwaits_signs_of_life),
		cmocka_unit_test(a_stuck_command_is_freed),
		cmocka_unit_test(features_are_those_of_the_slot),
		cmocka_unit_test(the_card_judges_what_was_typed),
		cmocka_unit_test(odd_requests_to_the_keypad_are_refused),
		cmocka_unit_test(a_card_that_bounces_comes_back_by_itself),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
