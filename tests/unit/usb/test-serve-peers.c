/* SPDX-License-Identifier: EUPL-1.2 */
/* Hostile and clumsy peers of vitaled-usb: each ends alone. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/usb/serve-scene.h"

/* -- hostile peers ------------------------------------------------------------------------- */

/* What is no request of a connection that @kind has (n: new, w: watch, a: attached). */
static const struct {
	char kind;
	const char *hex;
} bad[] = {{'n', "00"}, {'n', "5644010000000000000000"}, {'n', "56440201000000000001"},
	{'n', "56440301000000000000"}, {'n', "56440145000000000001DF210100"},
	{'n', "56440143000000000001"}, {'n', "56440146000000000001"},
	{'n', "56440141000000000001"}, {'n', "56440141000000000001C20103"},
	{'n', "56440141000000000001DF4B05782A3D7573C20103"},
	{'n', "56440141000000000001DF4B052A3D757362C20104"}, {'n', "56440144000000000001"},
	{'n', "56440144000000000001C00100"},
	{'w', "56440141000000000001DF4B052A3D757362C20103"}, {'w', "56440142000000000001"},
	{'w', "56440144000000000001C00141"}, {'w', "56440149000000000001"},
	{'a', "56440141000000000001"}, {'a', "56440143000000000001"},
	{'a', "56440144000000000001C00141"}, {'a', "56440145000000000001"},
	{'a', "56440145000000000001DF2100"}, {'a', "56440146000000000001DF210100"},
	{'a', "56440146000000000001DF210100DF4F03040506"}, {'a', "5644014A000000000001"},
	{'a', "5644014A000000000001C20102"}, {'a', "564401FF000000000001"},
	{'a', "56440142000000000001C20103"}};

static size_t bytes_of(const char *hex, uint8_t *ret, size_t size)
{
	size_t n = 0;

	while (hex[2 * n] && n < size) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * n, "%2x", &byte), 1);
		ret[n++] = (uint8_t)byte;
	}
	return n;
}

static void what_is_no_request_ends_that_connection_alone(void **state)
{
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		uint8_t bytes[64];
		size_t n = bytes_of(bad[i].hex, bytes, sizeof(bytes));

		if (bad[i].kind == 'a') {
			user = attach();
		} else {
			user = bad[i].kind == 'w' ? join_watch() : join();
		}
		if (bad[i].kind == 'w') {
			ask_watch(user, "*=usb", WATCH_SERVICE_ABSENT);
		}
		assert_return_code(send(user, bytes, n, 0), errno);
		turn();
		if (!closed(user)) {
			fail_msg("%s was taken", bad[i].hex);
		}
		close(user);
		fake_end(0, 0, SLOT_DONE); /* the power goes */
	}
	ask(fd, USB_OP_PING, NULL);
	(void)answer(fd, USB_OP_PING, USB_DONE);
	close(fd);
}

static void who_came_for_cards_rules_no_readers_and_a_watch_has_no_card(void **state)
{
	int fd, user;

	(void)state;
	start((uid_t)-1, false);
	fd = watch_empty();
	card(fd);
	user = join();
	ask_watch(user, "*=pcsc", WATCH_SERVICE_ABSENT);
	assert_true(closed(user));
	assert_int_equal(fake_usb.devices[0].releases, 0);
	close(user);
	user = join_watch();
	ask_attach(user, NAME_0);
	assert_true(closed(user));
	close(user);
	assert_int_equal(fake_slot(0, 0)->job, SLOT_JOB_NONE);
	close(fd);
}

static void a_second_request_before_the_answer_ends_it(void **state)
{
	int fd, user;

	(void)state;
	user = start_attached(&fd);
	ask_transmit(user);
	ask_transmit(user);
	assert_true(closed(user));
	close(user);
	close(fd);
}

static void descriptors_are_not_wanted(void **state)
{
	struct link_frame f = LINK_FRAME_NULL;
	int user;

	(void)state;
	start((uid_t)-1, false);
	user = join();
	f.kind = LINK_KIND_REQUEST;
	f.op = USB_OP_ATTACH;
	f.fds[0] = listening;
	f.n_fds = 1;
	assert_int_equal(link_send(user, &f, true), 0);
	turn();
	assert_true(closed(user));
	close(user);
}

static void a_peer_that_does_not_read_is_closed(void **state)
{
	const int room = 2048;
	int fd, slow;

	(void)state;
	start((uid_t)-1, false);
	slow = watch_empty();
	assert_return_code(setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), errno);
	fd = join_watch();
	ask_watch(fd, "*=usb", WATCH_SERVICE_ABSENT);
	for (unsigned i = 0; i < 4000; i++) {
		fake_card(0, 0, true);
		fake_answer(0, 0, VIEW(atr));
		fake_card(0, 0, false);
		while (!silent(fd)) {
		}
	}
	ask(fd, USB_OP_PING, NULL);
	(void)answer(fd, USB_OP_PING, USB_DONE);
	assert_true(closed(slow));
	close(slow);
	close(fd);
}

static void so_many_connections_and_no_more(void **state)
{
	int fds[SERVE_CONNECTIONS_MAX + 1];

	(void)state;
	start((uid_t)-1, false);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = join();
	}
	assert_true(closed(fds[SERVE_CONNECTIONS_MAX]));
	assert_true(silent(fds[0]) && silent(fds[SERVE_CONNECTIONS_MAX - 1]));
	close(fds[0]);
	turn();
	close(fds[SERVE_CONNECTIONS_MAX]);
	fds[0] = join();
	assert_true(silent(fds[0]));
	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		close(fds[i]);
	}
}

/* This user is either root, who is always taken, or any other. */
static void another_user_is_not_taken(void **state)
{
	int fd;

	(void)state;
	start(getuid() + 1, false);
	fd = join();
	assert_int_equal(closed(fd), getuid() != 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_no_request_ends_that_connection_alone),
		CASE(who_came_for_cards_rules_no_readers_and_a_watch_has_no_card),
		CASE(a_second_request_before_the_answer_ends_it),
		CASE(descriptors_are_not_wanted),
		CASE(a_peer_that_does_not_read_is_closed),
		CASE(so_many_connections_and_no_more),
		CASE(another_user_is_not_taken),
	};

	return cmocka_run_group_tests_name("usb-serve-peers", tests, NULL, NULL);
}
