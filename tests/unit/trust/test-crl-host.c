/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-crl from its link: requests, answers, descriptors; and what its filter leaves, which only
 * logs on sanitizer and coverage builds: there that part says that it was skipped.
 */
#include "base/tlv.h"
#include "daemon/limits.h"
#include "daemon/trust/crl/filter.h"
#include "daemon/trust/crl/host.h"
#include "tests/unit/trust/lists.h"
#include "tests/unit/trust/pki.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int ends[2];
static struct host host;
static struct buf authorities;

static int prepare(void **state)
{
	int r = pki_prepare(state);

	authorities = BUF_NULL(65536);
	forge_der(pki.ca, &authorities);
	return r;
}

static int clean(void **state)
{
	buf_done(&authorities);
	return pki_clean(state);
}

static int open_link(void **state)
{
	(void)state;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	host_init(&host, ends[1]);
	return 0;
}

static int close_link(void **state)
{
	(void)state;
	host_done(&host);
	if (ends[0] >= 0)
		(void)close(ends[0]);
	return close(ends[1]);
}

static int memfd(struct view content)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.data, content.len), content.len);
	return fd;
}

/* Descriptors of this process: none may stay behind. */
static unsigned int open_fds(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
	return n;
}

/* One request and its answer: @ret_body holds it. Return: its outcome. */
static uint8_t request(
	uint8_t op, const int *fds, size_t n_fds, struct buf *storage, struct view *ret_body)
{
	struct link_frame f = LINK_FRAME_NULL, answer;

	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = 7;
	for (size_t i = 0; i < n_fds; i++)
		f.fds[i] = fds[i];
	f.n_fds = n_fds;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	assert_int_equal(host_turn(&host), 0);
	assert_int_equal(link_recv(ends[0], storage, &answer, true), 0);
	assert_int_equal(answer.kind, LINK_KIND_ANSWER);
	assert_int_equal(answer.op, op);
	assert_int_equal(answer.seq, 7);
	*ret_body = answer.body;
	return answer.outcome;
}

static uint8_t request_read(struct view list, struct buf *storage, struct view *ret_body)
{
	int fds[2] = {memfd(list), memfd(buf_view(&authorities))};
	unsigned int before = open_fds();
	uint8_t outcome = request(CRL_OP_READ, fds, 2, storage, ret_body);

	assert_int_equal(open_fds(), before);
	(void)close(fds[0]);
	(void)close(fds[1]);
	return outcome;
}

static void check_head(struct view body, uint32_t count)
{
	uint8_t id[ISSUER_ID];
	uint64_t seconds;
	struct tlv t;
	uint32_t n;

	assert_int_equal(issuer_id(pki.ca, id), 0);
	assert_int_equal(tlv_find(body, CRL_TAG_ISSUER, &t), 0);
	assert_true(view_equal(t.value, VIEW(id)));
	assert_int_equal(tlv_find_u64(body, CRL_TAG_THIS_UPDATE, &seconds), 0);
	assert_int_equal(seconds, NOW);
	assert_int_equal(tlv_find_u64(body, CRL_TAG_NEXT_UPDATE, &seconds), 0);
	assert_int_equal(seconds, NOW + 60);
	assert_int_equal(tlv_find(body, CRL_TAG_NUMBER, &t), 0);
	assert_int_equal(t.value.len, ISSUER_SERIAL);
	assert_int_equal(tlv_find(body, CRL_TAG_POINT, &t), 0);
	assert_true(view_equal(t.value, VIEW_TEXT("http://x/a.crl")));
	assert_int_equal(tlv_find_u32(body, CRL_TAG_COUNT, &n), 0);
	assert_int_equal(n, count);
}

static void a_list_is_handed_over_in_pieces(void **state)
{
	struct buf der = BUF_NULL(LIMIT_CRL_BYTES), storage = BUF_NULL(LINK_MAX_FRAME);
	static const uint32_t pieces[] = {CRL_CHUNK, CRL_CHUNK, 10, 0, 0};
	struct forged_list f = {.issuer = pki.ca,
		.key = pki.ca_key,
		.from = NOW,
		.until = NOW + 60,
		.number = "5",
		.point = "fullname:URI:http://x/a.crl",
		.many = 2 * CRL_CHUNK + 10};
	struct view body;
	struct tlv t;

	(void)state;
	forge_list_der(&f, &der);
	assert_int_equal(request_read(buf_view(&der), &storage, &body), CRL_DONE);
	check_head(body, f.many);
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		assert_int_equal(request(CRL_OP_MORE, NULL, 0, &storage, &body), CRL_DONE);
		assert_int_equal(tlv_find(body, CRL_TAG_SERIALS, &t), 0);
		assert_int_equal(t.value.len, pieces[i] * ISSUER_SERIAL);
	}
	/* a list that is refused takes the one before with it */
	assert_int_equal(request_read(buf_view(&der), &storage, &body), CRL_DONE);
	assert_int_equal(request_read(VIEW_TEXT("none"), &storage, &body), CRL_MALFORMED);
	assert_int_equal(body.len, 0);
	assert_int_equal(request(CRL_OP_MORE, NULL, 0, &storage, &body), CRL_DONE);
	assert_int_equal(tlv_find(body, CRL_TAG_SERIALS, &t), 0);
	assert_int_equal(t.value.len, 0);
	buf_done(&der);
	buf_done(&storage);
}

static void what_a_list_does_not_say_is_not_said(void **state)
{
	struct buf der = BUF_NULL(65536), storage = BUF_NULL(LINK_MAX_FRAME);
	struct forged_list f = {.issuer = pki.ca, .key = pki.ca_key, .from = NOW};
	struct view body;
	struct tlv t;

	(void)state;
	forge_list_der(&f, &der);
	assert_int_equal(request_read(buf_view(&der), &storage, &body), CRL_DONE);
	assert_int_equal(tlv_find(body, CRL_TAG_THIS_UPDATE, &t), 0);
	assert_int_equal(tlv_find(body, CRL_TAG_NEXT_UPDATE, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(body, CRL_TAG_NUMBER, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(body, CRL_TAG_POINT, &t), TLV_ABSENT);
	buf_done(&der);
	buf_done(&storage);
}

static void descriptors_must_be_files_of_their_size(void **state)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fds[2] = {memfd(VIEW_TEXT("x")), memfd(VIEW_NULL)};
	struct view body;
	int ends_of_pipe[2];

	(void)state;
	assert_int_equal(request(CRL_OP_READ, NULL, 0, &storage, &body), CRL_MALFORMED);
	assert_int_equal(request(CRL_OP_READ, fds, 1, &storage, &body), CRL_MALFORMED);
	assert_int_equal(ftruncate(fds[0], (off_t)LIMIT_CRL_BYTES + 1), 0);
	assert_int_equal(request(CRL_OP_READ, fds, 2, &storage, &body), CRL_LARGE);
	assert_int_equal(ftruncate(fds[0], 1), 0);
	assert_int_equal(ftruncate(fds[1], (off_t)1 << 30), 0);
	assert_int_equal(request(CRL_OP_READ, fds, 2, &storage, &body), CRL_LARGE);
	(void)close(fds[1]);
	assert_int_equal(pipe2(ends_of_pipe, O_CLOEXEC), 0);
	fds[1] = ends_of_pipe[0];
	assert_int_equal(request(CRL_OP_READ, fds, 2, &storage, &body), CRL_MALFORMED);
	(void)close(fds[1]);
	fds[1] = ends_of_pipe[1];
	(void)close(fds[0]);
	fds[0] = open("/tmp", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fds[0] >= 0 && ftruncate(fds[0], 4) == 0);
	assert_int_equal(
		request(CRL_OP_READ, fds, 2, &storage, &body), CRL_FAULT); /* unreadable */
	(void)close(fds[0]);
	(void)close(fds[1]);
	buf_done(&storage);
}

static void what_is_no_request_of_ours_ends_it(void **state)
{
	static const struct {
		enum link_kind kind;
		uint8_t op;
	} frames[] = {{LINK_KIND_REQUEST, 0}, {LINK_KIND_REQUEST, 99},
		{LINK_KIND_EVENT, CRL_OP_READ}, {LINK_KIND_ANSWER, CRL_OP_MORE}};

	int fd = memfd(VIEW_TEXT("x"));
	unsigned int before = open_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(frames); i++) {
		struct link_frame f = LINK_FRAME_NULL;

		f.kind = frames[i].kind;
		f.op = frames[i].op;
		f.fds[0] = fd;
		f.n_fds = 1;
		assert_int_equal(link_send(ends[0], &f, true), 0);
		assert_int_equal(host_turn(&host), HOST_ENDED);
		assert_int_equal(open_fds(), before);
	}
	assert_int_equal(send(ends[0], "x", 1, 0), 1);
	assert_int_equal(host_turn(&host), HOST_ENDED);
	(void)close(fd);
}

static void a_broker_that_leaves_ends_it(void **state)
{
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_REQUEST;
	f.op = CRL_OP_MORE;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	(void)close(ends[0]);
	ends[0] = -1;
	assert_int_equal(host_turn(&host), HOST_ENDED); /* nobody to answer */
	assert_int_equal(host_turn(&host), HOST_ENDED);
}

/* -- the filter --------------------------------------------------------------------------------- */

typedef void (*try_fn)(void);

static void try_open(void)
{
	(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_socket(void)
{
	(void)socket(AF_INET, SOCK_STREAM, 0);
}

static void try_connect(void)
{
	(void)connect(3, NULL, 0);
}

static void try_fork(void)
{
	(void)fork();
}

static void try_exec(void)
{
	(void)execl("/bin/true", "true", (char *)NULL);
}

static void try_kill(void)
{
	(void)kill(getppid(), 0);
}

static void try_ptrace(void)
{
	(void)ptrace(PTRACE_ATTACH, 1, NULL, NULL);
}

static void try_stat(void)
{
	struct stat st;

	(void)stat("/etc/passwd", &st);
}

static void try_write(void)
{
	if (write(1, "x", 1) < 0)
		_exit(1);
}

static void try_other_socket(void)
{
	(void)sendto(5, "x", 1, 0, NULL, 0);
}

static void try_executable_memory(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_map_a_file(void)
{
	(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}

static void use_what_is_needed(void)
{
	free(malloc((size_t)64 * 1024 * 1024));
	if (write(STDERR_FILENO, "", 0) < 0)
		_exit(4);
}

static void use_too_much(void)
{
	void *p = mmap(NULL, (size_t)2 << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p != MAP_FAILED)
		_exit(5);
}

static int run_confined(try_fn attempt)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (filter_limits() < 0 || filter_load() < 0)
			_exit(3);
		attempt();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void what_is_given_up_kills(void **state)
{
	static const try_fn attempts[] = {try_open, try_socket, try_connect, try_fork, try_exec,
		try_kill, try_ptrace, try_stat, try_write, try_other_socket,
		try_executable_memory, try_map_a_file};

	(void)state;
	if (VITALED_FILTER_LOGS)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int status = run_confined(attempts[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
	assert_int_equal(run_confined(use_what_is_needed), 0);
	assert_int_equal(run_confined(use_too_much), 0);
}

/* The program itself, under its filter, from its start to the end of its link. */
static void the_program_serves_until_its_link_closes(void **state)
{
	struct forged_list good = {.issuer = pki.ca, .key = pki.ca_key, .from = NOW};
	struct buf der = BUF_NULL(65536), storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL, answer;
	pid_t pid;
	int status;

	(void)state;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(ends[1], LINK_CHILD_FD) == LINK_CHILD_FD)
			(void)execl(TEST_PROGRAM, TEST_PROGRAM, (char *)NULL);
		_exit(9);
	}
	(void)close(ends[1]);
	forge_list_der(&good, &der);
	f.kind = LINK_KIND_REQUEST;
	f.op = CRL_OP_READ;
	f.fds[0] = memfd(buf_view(&der));
	f.fds[1] = memfd(buf_view(&authorities));
	f.n_fds = 2;
	assert_int_equal(link_send(ends[0], &f, true), 0);
	assert_int_equal(link_recv(ends[0], &storage, &answer, false), 0);
	assert_int_equal(answer.outcome, CRL_DONE);
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	ends[0] = -1;
	ends[1] = f.fds[1];
	(void)close(f.fds[0]);
	buf_done(&der);
	buf_done(&storage);
}

/* in this process, so that what ran is counted; nothing is killed on such a build */
static void a_filter_that_only_logs_loads(void **state)
{
	(void)state;
	if (!VITALED_FILTER_LOGS || SANITIZED)
		skip();
	assert_int_equal(filter_limits(), 0);
	assert_int_equal(filter_load(), 0);
	use_what_is_needed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_list_is_handed_over_in_pieces, open_link, close_link),
		cmocka_unit_test_setup_teardown(
			what_a_list_does_not_say_is_not_said, open_link, close_link),
		cmocka_unit_test_setup_teardown(
			descriptors_must_be_files_of_their_size, open_link, close_link),
		cmocka_unit_test_setup_teardown(
			what_is_no_request_of_ours_ends_it, open_link, close_link),
		cmocka_unit_test_setup_teardown(
			a_broker_that_leaves_ends_it, open_link, close_link),
		cmocka_unit_test_setup_teardown(
			the_program_serves_until_its_link_closes, open_link, close_link),
		cmocka_unit_test(what_is_given_up_kills),
		cmocka_unit_test(a_filter_that_only_logs_loads),
	};

	return cmocka_run_group_tests(tests, prepare, clean);
}
