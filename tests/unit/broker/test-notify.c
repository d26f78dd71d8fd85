/* SPDX-License-Identifier: EUPL-1.2 */
/* What systemd is told: where to, word by word, and that a socket without room holds nobody for ever. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/broker/notify.h"

static struct {
	char folder[32];
	char name[64]; /* as NOTIFY_SOCKET has it */
	int fd;
} bed;

static void listen_at(const char *name)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	assert_int_equal(view_copy_str(view_str(name), a.sun_path, sizeof(a.sun_path)), 0);
	if (*name == '@')
		a.sun_path[0] = 0;
	bed.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(bed.fd >= 0);
	len += offsetof(struct sockaddr_un, sun_path);
	assert_int_equal(bind(bed.fd, (struct sockaddr *)&a, (socklen_t)len), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(bed.folder, sizeof(bed.folder), "/tmp/test-notify-XXXXXX");
	assert_non_null(mkdtemp(bed.folder));
	(void)snprintf(bed.name, sizeof(bed.name), "%s/socket", bed.folder);
	listen_at(bed.name);
	(void)alarm(60); /* what waits for ever fails */
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)alarm(0);
	(void)close(bed.fd);
	(void)unlink(bed.name);
	(void)rmdir(bed.folder);
	return unsetenv("NOTIFY_SOCKET");
}

static const char *heard(void)
{
	static char text[4096];
	ssize_t n = recv(bed.fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = 0;
	return text;
}

/* Return: how many it took to leave no room. */
static unsigned int fill(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int n = 0;

	assert_true(fd >= 0);
	assert_int_equal(view_copy_str(view_str(bed.name), a.sun_path, sizeof(a.sun_path)), 0);
	while (sendto(fd, "X=1", 3, MSG_DONTWAIT, (struct sockaddr *)&a, sizeof(a)) == 3)
		n++;
	assert_int_equal(errno, EAGAIN);
	(void)close(fd);
	return n;
}

static void every_step_is_told_word_by_word(void **state)
{
	unsigned long long usec = 0;

	(void)state;
	notify_ready();
	assert_string_equal(heard(), "READY=1");
	notify_reloading();
	assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%llu", &usec), 1);
	assert_true(usec > 0);
	notify_stopping();
	assert_string_equal(heard(), "STOPPING=1");
	notify_failed(-EINVAL, "vitaled.conf:3: x");
	assert_string_equal(
		heard(), "ERRNO=22\nEXIT_STATUS=1\nSTATUS=failed: vitaled.conf:3: x");
	assert_string_equal(heard(), "");
}

static void a_name_may_be_abstract(void **state)
{
	char name[64];

	(void)state;
	(void)close(bed.fd);
	(void)snprintf(name, sizeof(name), "@vitaled-test-notify-%d", (int)getpid());
	listen_at(name);
	notify_ready();
	assert_string_equal(heard(), "READY=1");
}

static void what_is_no_address_is_told_nothing(void **state)
{
	static const char *const names[] = {"", "/", "@", "vsock:2:1", "relative/socket"};
	char longer[sizeof(struct sockaddr_un) + 8];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
		notify_ready();
	}
	for (size_t i = 0; i < sizeof(longer); i++)
		longer[i] = i + 1 < sizeof(longer) ? '/' : 0;
	assert_int_equal(setenv("NOTIFY_SOCKET", longer, 1), 0);
	notify_ready();
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	notify_ready();
	assert_string_equal(heard(), "");
}

static void a_reason_that_is_long_is_cut_and_its_number_is_not(void **state)
{
	char what[2000];
	const char *said;

	(void)state;
	for (size_t i = 0; i < sizeof(what); i++)
		what[i] = i + 1 < sizeof(what) ? 'x' : 0;
	notify_failed(-ENOENT, what);
	said = heard();
	assert_ptr_equal(strstr(said, "ERRNO=2\nEXIT_STATUS=1\nSTATUS=failed: xxx"), said);
}

static void without_room_a_step_is_given_up(void **state)
{
	unsigned int n = fill();

	(void)state;
	notify_ready();
	for (; n > 0; n--)
		assert_string_equal(heard(), "X=1");
	assert_string_equal(heard(), "");
	notify_ready();
	assert_string_equal(heard(), "READY=1");
}

static void a_step_waits_until_there_is_room(void **state)
{
	unsigned int n = fill();
	pid_t reader = fork();
	int status = -1;

	(void)state;
	assert_true(reader >= 0);
	if (reader == 0) {
		(void)usleep(100000); /* the step is tried before, and after */
		for (unsigned int i = 0; i < n; i++)
			(void)heard();
		_exit(0);
	}
	notify_ready();
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_int_equal(status, 0);
	assert_string_equal(heard(), "READY=1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(every_step_is_told_word_by_word),
		T(a_name_may_be_abstract),
		T(what_is_no_address_is_told_nothing),
		T(a_reason_that_is_long_is_cut_and_its_number_is_not),
		T(without_room_a_step_is_given_up),
		T(a_step_waits_until_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
