/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/server.h, control.c, reader-port.c and the IFD handler: the simulator in a process of
 * its own, seen through both of its sockets, and through the functions that pcscd calls. */
#include <errno.h>
#include <poll.h>
#include <reader.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "drivers/sim/reader-link.h"
#include "drivers/sim/server.h"
#include "tests/unit/sim/process.h"

static struct scene scene;
static struct process simulator;

static void start_simulator(bool clocked)
{
	static const char *const cards[] = {"vitale-family", NULL};

	process_start(&simulator, &scene, (struct server_options){.clocked = clocked}, cards);
}

static int make(void **state)
{
	static const char *const names[] = {"vitale-family", "vitale-single", "cps4-gp", NULL};

	(void)state;
	scene_make(&scene, names);
	start_simulator(false);
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

static const struct {
	const char *line, *answer;
} dialogue[] = {
	{"list\n", "ok 0=vitale-family 1=-"},
	{"insert 1 cps4-gp\n", "ok"},
	{"insert 1 cps4-gp\n", "error a card is in"},
	{"insert 1 nobody\n", "error a card is in"},
	{"replace 1 nobody\n", "error no such card or file"},
	{"insert 1\n", "error usage: insert SLOT NAME"},
	{"insert 2 cps4-gp\n", "error usage: insert SLOT NAME"},
	{"insert x cps4-gp\n", "error usage: insert SLOT NAME"},
	{"replace 1 cps4-gp\n", "ok"},
	{"list\n", "ok 0=vitale-family 1=cps4-gp"},
	{"counters 1\n", "ok pin 3 puk 10 100"},
	{"counters 0\n", "error no card with codes is in"},
	{"count 0\n", "ok 0 0 0"},
	{"count-reset 0\n", "ok"},
	{"tear 0 x\n", "error a number of commands is needed"},
	{"tear 0 0\n", "error a number of commands is needed"},
	{"tear 0 5 more\n", "error usage: tear SLOT N"},
	{"tear-insert 0 5 ../x\n", "error no such card or file"},
	{"tear-insert 0 5 vitale-single\n", "ok"},
	{"mute 0 maybe\n", "error on or off"},
	{"mute 0 on\n", "ok"},
	{"mute 0 off\n", "ok"},
	{"mute-atr 0 on\n", "ok"},
	{"hang 0 on\n", "ok"},
	{"hang 0 off\n", "ok"},
	{"yes 0 on\n", "ok"},
	{"loop61 0\n", "ok"},
	{"loop61 0 off\n", "ok"},
	{"loop61 0 perhaps\n", "error on or off"},
	{"record 0 off\n", "ok"},
	{"record 0 /nonexistent/x\n", "error failed"},
	{"replay 0 /nonexistent/x\n", "error no such card or file"},
	{"truncate 0 3\n", "ok"},
	{"truncate 0 off\n", "ok"},
	{"truncate 0 -1\n", "error a number of bytes is needed, or off"},
	{"overlong 0 70000\n", "error a number of bytes up to 65000 is needed, or off"},
	{"overlong 0 4\n", "ok"},
	{"overlong 0 off\n", "ok"},
	{"delay 0 x\n", "error a number of milliseconds is needed"},
	{"delay 0 7\n", "ok"},
	{"delay 0 1234567890\n", "error a number of milliseconds is needed"},
	{"faults 0\n", "ok mute-atr yes delay=7 tear=5"},
	{"normal 0\n", "ok"},
	{"faults 0\n", "ok none"},
	{"loop6c 0\n", "ok"},
	{"loop6c 0 off\n", "ok"},
	{"procedure 0 two\n", "error one, sw1, empty or off"},
	{"procedure 0 one\n", "ok"},
	{"procedure 0 off\n", "ok"},
	{"glitch 0 x\n", "error a number of power-ups is needed, or off"},
	{"glitch 0 2\n", "ok"},
	{"stuck 0 x\n", "error a number of seconds is needed, or off"},
	{"stuck 0 2\n", "ok"},
	{"garbage 0 x\n", "error a seed is needed, or off"},
	{"garbage 0 7\n", "ok"},
	{"flip 0 x\n", "error a number of answers is needed, or off"},
	{"flip 0 1 x\n", "error a number of bits is needed"},
	{"flip 0 3 9\n", "ok"},
	{"wtx 0 on\n", "ok"},
	{"faults 0\n", "ok wtx garbage stuck=2 glitch=2 flip=3"},
	{"normal 0\n", "ok"},
	{"tear-insert 0 5 vitale-single x\n", "error a number of milliseconds is needed"},
	{"swap 0 vitale-single loud\n", "error seen, quiet or live"},
	{"swap 0 nobody\n", "error no such card or file"},
	{"swap 0 vitale-family seen\n", "ok"},
	{"upside-down 0 nobody\n", "error no such card or file"},
	{"upside-down 0 vitale-family\n", "ok"},
	{"faults 0\n", "ok upside-down"},
	{"replace 0 vitale-family\n", "ok"},
	{"unplug 1\n", "error usage: unplug READER [N]"},
	{"plug x\n", "error usage: plug READER"},
	{"readers\n", "ok 0=0:2:plugged"},
	{"keypad 0\n", "error no keypad"},
	{"\n", "error unknown command"},
	{"fly 0\n", "error unknown command"},
	{"a b c d e f\n", "error unknown command"},
	{"list now\n", "error usage: list"},
	{"remove 1\r\n", "ok"},
	{"remove 1\n", "ok"},
};

static void control_answers_every_command(void **state)
{
	int one, two;

	(void)state;
	one = process_connect(simulator.control, SOCK_STREAM);
	two = process_connect(simulator.control, SOCK_STREAM);
	for (size_t i = 0; i < ARRAY_LEN(dialogue); i++) {
		const char *answer = process_ask(i % 2 ? one : two, dialogue[i].line);

		if (strcmp(answer, dialogue[i].answer) != 0)
			fail_msg("%s -> %s", dialogue[i].line, answer);
	}
	close(one);
	close(two);
}

static void control_tells_its_commands(void **state)
{
	const char *help = control("help\n");

	(void)state;
	assert_non_null(strstr(help, "ok insert SLOT NAME; remove SLOT; "));
	assert_non_null(strstr(help, "; unplug READER [N]; "));
	assert_non_null(strstr(help, "; quit"));
}

static void control_takes_lines_in_pieces_and_in_heaps(void **state)
{
	char line[1200], rest[64] = {0};
	int fd = process_connect(simulator.control, SOCK_STREAM);

	(void)state;
	assert_int_equal(send(fd, "li", 2, 0), 2);
	poll(NULL, 0, 20);
	assert_string_equal(process_ask(fd, "st\nlist\n"), "ok 0=vitale-family 1=-");
	assert_true(recv(fd, rest, 23, MSG_WAITALL) == 23);
	assert_string_equal(rest, "ok 0=vitale-family 1=-\n");
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 2] = '\n';
	line[sizeof(line) - 1] = '\0';
	assert_string_equal(process_ask(fd, line), "error too long");
	close(fd);
	/* who sends no end of line at all is hung up */
	fd = process_connect(simulator.control, SOCK_STREAM);
	for (int i = 0; i < 8; i++)
		if (send(fd, line, sizeof(line) - 2, MSG_NOSIGNAL) < 0)
			break;
	assert_true(recv(fd, rest, sizeof(rest), 0) <= 0);
	close(fd);
}

static void strange_datagrams_are_hung_up(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} rows[] = {
		{"\x02", 1}, {"\x02\x07", 2}, /* no such slot */
		{"\x63\x00", 2},	      /* no such request */
	};

	uint8_t big[400] = {READER_OP_TRANSMIT, 0}, answer[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int fd = process_connect(simulator.reader, SOCK_SEQPACKET);

		assert_int_equal(send(fd, rows[i].bytes, rows[i].len, 0), rows[i].len);
		assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
		close(fd);
	}
	for (int i = 0; i < 2; i++) {
		int fd = process_connect(simulator.reader, SOCK_SEQPACKET);

		if (i == 0) {
			send(fd, big, sizeof(big), 0);
		} else { /* a watcher asks nothing more */
			send(fd, "\x01\x00", 2, 0);
			assert_int_equal(recv(fd, answer, sizeof(answer), 0), 2);
			send(fd, "\x02\x00", 2, 0);
		}
		assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
		close(fd);
	}
}

static void presence_can_be_asked(void **state)
{
	uint8_t answer[16];
	int fd = process_connect(simulator.reader, SOCK_SEQPACKET);

	(void)state;
	assert_int_equal(send(fd, "\x06\x01", 2, 0), 2);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 3);
	assert_int_equal(answer[2], 0);
	close(fd);
}

static void too_many_peers_are_turned_away(void **state)
{
	int fds[SERVER_PEERS_MAX + 4];
	char byte;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = process_connect(simulator.control, SOCK_STREAM);
	assert_int_equal(recv(fds[ARRAY_LEN(fds) - 1], &byte, 1, 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	assert_string_equal(control("list\n"), "ok 0=vitale-family 1=-");
}

/* -- what pcscd does ------------------------------------------------------------------------------ */

static void open_reader(void)
{
	for (DWORD slot = 0; slot < 2; slot++)
		assert_int_equal(IFDHCreateChannelByName(slot, simulator.reader), IFD_SUCCESS);
}

static void close_reader(void)
{
	for (DWORD slot = 0; slot < 2; slot++)
		assert_int_equal(IFDHCloseChannel(slot), IFD_SUCCESS);
}

static void the_handler_reads_a_card(void **state)
{
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);

	(void)state;
	open_reader();
	assert_int_equal(IFDHICCPresence(0), IFD_ICC_PRESENT);
	assert_int_equal(IFDHICCPresence(1), IFD_ICC_NOT_PRESENT);
	assert_int_equal(
		ifd_send(0, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR); /* no power */
	assert_int_equal(IFDHPowerICC(1, IFD_POWER_UP, atr, &len), IFD_ERROR_POWER_ACTION);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_UP, atr, &len), IFD_SUCCESS);
	assert_view_hex(view_of(atr, len), "3B751300004309EA9000");
	len = sizeof(atr);
	assert_int_equal(IFDHGetCapabilities(0, TAG_IFD_ATR, &len, atr), IFD_SUCCESS);
	assert_int_equal(len, 10);
	assert_int_equal(IFDHSetProtocolParameters(0, SCARD_PROTOCOL_T1, 0, 0, 0, 0),
		IFD_PROTOCOL_NOT_SUPPORTED);
	assert_int_equal(
		IFDHSetProtocolParameters(0, SCARD_PROTOCOL_T0, 0, 0, 0, 0), IFD_SUCCESS);
	assert_int_equal(ifd_send(0, "00A4000C023F00", "9000"), IFD_SUCCESS);
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_ICC_NOT_PRESENT);
	assert_int_equal(IFDHPowerICC(0, IFD_RESET, atr, &len), IFD_SUCCESS);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_DOWN, atr, &len), IFD_SUCCESS);
	assert_int_equal(IFDHPowerICC(0, 999, atr, &len), IFD_NOT_SUPPORTED);
	close_reader();
}

static void capabilities_are_those_of_a_two_slot_reader(void **state)
{
	static const struct {
		DWORD tag;
		UCHAR value;
	} rows[] = {
		{TAG_IFD_SLOTS_NUMBER, 2},
		{TAG_IFD_SIMULTANEOUS_ACCESS, 16},
		{TAG_IFD_THREAD_SAFE, 1},
		{TAG_IFD_SLOT_THREAD_SAFE, 1},
		{TAG_IFD_POLLING_THREAD_KILLABLE, 1},
	};

	UCHAR value[64];
	DWORD len;

	(void)state;
	open_reader();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		len = sizeof(value);
		assert_int_equal(IFDHGetCapabilities(0, rows[i].tag, &len, value), IFD_SUCCESS);
		assert_int_equal(len, 1);
		assert_int_equal(value[0], rows[i].value);
	}
	len = 2;
	assert_int_equal(IFDHGetCapabilities(0, SCARD_ATTR_VENDOR_NAME, &len, value),
		IFD_ERROR_INSUFFICIENT_BUFFER);
	len = sizeof(value);
	assert_int_equal(
		IFDHGetCapabilities(0, SCARD_ATTR_VENDOR_NAME, &len, value), IFD_SUCCESS);
	assert_int_equal(IFDHGetCapabilities(0, 0x7777, &len, value), IFD_ERROR_TAG);
	assert_int_equal(IFDHGetCapabilities(0x110000, TAG_IFD_ATR, &len, value),
		IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHSetCapabilities(0, TAG_IFD_ATR, 0, value), IFD_NOT_SUPPORTED);
	len = 1;
	assert_int_equal(IFDHControl(0, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, value,
				 sizeof(value), &len),
		IFD_SUCCESS);
	assert_int_equal(len, 0);
	assert_int_equal(IFDHControl(0, 1, NULL, 0, value, sizeof(value), &len),
		IFD_ERROR_NOT_SUPPORTED);
	close_reader();
}

static void channels_that_are_not_ours_are_refused(void **state)
{
	char nowhere[] = "/nonexistent";
	SCARD_IO_HEADER pci = {0};
	UCHAR bytes[MAX_ATR_SIZE];
	DWORD len = sizeof(bytes);

	(void)state;
	assert_int_equal(IFDHCreateChannel(0, 1), IFD_NO_SUCH_DEVICE);
	assert_int_equal(IFDHCreateChannelByName(0, nowhere), IFD_NO_SUCH_DEVICE);
	assert_int_equal(IFDHCreateChannelByName(0x200000, nowhere), IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHCreateChannelByName(2, nowhere), IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHCloseChannel(0), IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHICCPresence(0), IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHSetProtocolParameters(0, SCARD_PROTOCOL_T0, 0, 0, 0, 0),
		IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_UP, bytes, &len), IFD_COMMUNICATION_ERROR);
	len = sizeof(bytes);
	assert_int_equal(IFDHTransmitToICC(0, pci, bytes, 5, bytes, &len, NULL),
		IFD_COMMUNICATION_ERROR);
	open_reader();
	assert_int_equal(IFDHCreateChannelByName(0, simulator.reader), IFD_COMMUNICATION_ERROR);
	close_reader();
}

static void a_replaced_card_is_seen_leaving_and_coming(void **state)
{
	uint64_t before;
	poll_fn wait;

	(void)state;
	open_reader();
	wait = ifd_poll(1);
	assert_int_equal(wait(1, 1), IFD_SUCCESS); /* nothing happened */
	control("insert 1 cps4-gp\n");
	before = clock_monotonic();
	assert_int_equal(wait(1, 5000), IFD_SUCCESS);
	assert_true(clock_monotonic() - before < USEC_PER_SEC);
	assert_int_equal(IFDHICCPresence(1), IFD_ICC_PRESENT);
	control("replace 1 vitale-single\n");
	assert_int_equal(wait(1, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(1), IFD_ICC_NOT_PRESENT);
	assert_int_equal(wait(1, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(1), IFD_ICC_PRESENT);
	control("remove 1\n");
	assert_int_equal(wait(1, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(1), IFD_ICC_NOT_PRESENT);
	assert_int_equal(wait(0x20, 1), IFD_NO_SUCH_DEVICE);
	close_reader();
}

static void faults_reach_the_handler(void **state)
{
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);

	(void)state;
	open_reader();
	control("insert 1 vitale-single\n");
	assert_int_equal(IFDHPowerICC(1, IFD_POWER_UP, atr, &len), IFD_SUCCESS);
	control("overlong 1 300\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR);
	control("overlong 1 off\n");
	control("delay 1 30\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", "9000"), IFD_SUCCESS);
	control("delay 1 0\n");
	control("mute 1 on\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR);
	control("mute 1 off\n");
	control("tear-insert 1 1 vitale-single\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_ICC_NOT_PRESENT);
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR);
	control("mute-atr 1 on\n");
	assert_int_equal(IFDHPowerICC(1, IFD_POWER_UP, atr, &len), IFD_ERROR_POWER_ACTION);
	control("normal 1\n");
	control("remove 1\n");
	close_reader();
}

static void one_who_waits_is_freed_by_removal_or_release(void **state)
{
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);

	(void)state;
	open_reader();
	control("insert 1 vitale-single\n");
	assert_int_equal(IFDHPowerICC(1, IFD_POWER_UP, atr, &len), IFD_SUCCESS);
	control("hang 1 on\n");
	process_free_by(&simulator, "hang 1 off\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR);
	control("hang 1 on\n");
	process_free_by(&simulator, "remove 1\n");
	assert_int_equal(ifd_send(1, "00A4000C023F00", ""), IFD_ICC_NOT_PRESENT);
	process_reap();
	control("normal 1\n");
	close_reader();
}

static void the_handler_outlives_the_simulator(void **state)
{
	UCHAR atr[MAX_ATR_SIZE];
	DWORD len = sizeof(atr);
	poll_fn wait;

	(void)state;
	open_reader();
	wait = ifd_poll(0);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_UP, atr, &len), IFD_SUCCESS);
	assert_string_equal(control("quit\n"), "ok");
	process_end(&simulator);
	assert_int_equal(wait(0, 5000), IFD_SUCCESS);
	assert_int_equal(IFDHICCPresence(0), IFD_ICC_NOT_PRESENT);
	assert_int_equal(ifd_send(0, "00A4000C023F00", ""), IFD_COMMUNICATION_ERROR);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_DOWN, atr, &len), IFD_COMMUNICATION_ERROR);
	assert_int_equal(wait(0, 10), IFD_SUCCESS); /* nobody there yet */
	start_simulator(true);
	for (int i = 0; i < 100 && IFDHICCPresence(0) != IFD_ICC_PRESENT; i++)
		assert_int_equal(wait(0, 50), IFD_SUCCESS);
	assert_int_equal(IFDHPowerICC(0, IFD_POWER_UP, atr, &len), IFD_SUCCESS);
	assert_int_equal(ifd_send(0, "00A4000C023F00", "9000"), IFD_SUCCESS); /* by the clock */
	close_reader();
}

static void a_socket_that_cannot_be_had_is_a_fault(void **state)
{
	struct server_options o = {.reader_socket = "/nonexistent/reader", .state_dir = "/tmp"};
	char longer[200];
	struct server *s = NULL;

	(void)state;
	assert_int_equal(server_new(&o, &s), -ENOENT);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	o.reader_socket = longer;
	assert_int_equal(server_new(&o, &s), -ENAMETOOLONG);
	assert_null(server_free(NULL));
}

static void a_signal_ends_the_loop(void **state)
{
	char path[160];
	struct server_options o = {.reader_socket = path, .state_dir = scene.dir};
	struct server *s = NULL;

	(void)state;
	snprintf(path, sizeof(path), "%s/other", scene.dir);
	assert_int_equal(server_new(&o, &s), 0);
	server_stop();
	assert_int_equal(server_run(s), 0);
	server_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_answers_every_command),
		cmocka_unit_test(control_tells_its_commands),
		cmocka_unit_test(control_takes_lines_in_pieces_and_in_heaps),
		cmocka_unit_test(strange_datagrams_are_hung_up),
		cmocka_unit_test(presence_can_be_asked),
		cmocka_unit_test(too_many_peers_are_turned_away),
		cmocka_unit_test(the_handler_reads_a_card),
		cmocka_unit_test(capabilities_are_those_of_a_two_slot_reader),
		cmocka_unit_test(channels_that_are_not_ours_are_refused),
		cmocka_unit_test(a_replaced_card_is_seen_leaving_and_coming),
		cmocka_unit_test(faults_reach_the_handler),
		cmocka_unit_test(one_who_waits_is_freed_by_removal_or_release),
		cmocka_unit_test(the_handler_outlives_the_simulator),
		cmocka_unit_test(a_socket_that_cannot_be_had_is_a_fault),
		cmocka_unit_test(a_signal_ends_the_loop),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
