/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The filter from inside: forked processes load it and try what they must not. On sanitizer and
 * coverage builds the filter only logs: a coverage build loads it once, a sanitizer's says that the
 * test was skipped (77).
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/json.h"
#include "base/link-ops.h"
#include "base/link.h"
#include "base/rng.h"
#include "base/tlv.h"
#include "daemon/dossier/seal.h"
#include "daemon/dossier/store/filter.h"

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

typedef void (*try_fn)(void);

static void try_open(void)
{
	(void)open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void try_create(void)
{
	(void)syscall(SYS_open, "/tmp/x", O_CREAT | O_WRONLY, 0600);
}

static void try_unlink(void)
{
	(void)unlink("/tmp/nothing-of-that-name");
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

static void try_peek(void)
{
	char byte;
	struct iovec v = {.iov_base = &byte, .iov_len = 1};

	(void)process_vm_readv(1, &v, 1, &v, 1, 0);
}

static void try_executable_memory(void)
{
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_make_executable(void)
{
	(void)mprotect((void *)((uintptr_t)&try_open & ~4095UL), 4096, PROT_READ | PROT_EXEC);
}

static void try_map_a_file(void)
{
	(void)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}

static void try_stat(void)
{
	struct stat st;

	(void)stat("/etc/passwd", &st);
}

static void try_other_socket(void)
{
	(void)sendto(5, "x", 1, 0, NULL, 0);
}

static void try_mount(void)
{
	(void)syscall(SYS_mount, "a", "b", "c", 0UL, NULL);
}

/* Load limits and filters, the last one unless @early, then @attempt. Return: wait status. */
static int run_confined(try_fn attempt, bool early)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (filter_limits() < 0 || filter_load_early() < 0 ||
			(!early && filter_load() < 0)) {
			_exit(3);
		}
		attempt();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void what_is_given_up_kills(void **state)
{
	static const try_fn attempts[] = {try_open, try_create, try_unlink, try_socket,
		try_connect, try_fork, try_exec, try_kill, try_ptrace, try_peek,
		try_executable_memory, try_make_executable, try_map_a_file, try_stat,
		try_other_socket, try_mount};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int status = run_confined(attempts[i], false);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void before_the_file_is_opened_only_opening_is_left(void **state)
{
	static const try_fn attempts[] = {try_socket, try_connect, try_fork, try_exec, try_kill,
		try_ptrace, try_peek, try_executable_memory, try_make_executable,
		try_map_a_file, try_other_socket, try_mount};
	static const try_fn allowed[] = {try_open, try_unlink, try_stat};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
		int status = run_confined(attempts[i], true);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		assert_int_equal(run_confined(allowed[i], true), 0);
	}
}

static void use_what_is_needed(void)
{
	_cleanup_json_ json_t *j = json_pack("{s:i}", "a", 1);
	_cleanup_(secret_done) struct secret derived = SECRET_NULL;
	uint8_t key[SEAL_KEY];
	int ends[2];
	int fd;

	if (rng_fill(key, sizeof(key)) < 0 || pipe2(ends, O_CLOEXEC) < 0 ||
		write(ends[1], "x", 1) != 1 || json_memfd(j, "x", &fd) != 0 ||
		seal_derive(VIEW(key), VIEW_NULL, "x", VIEW_NULL, &derived) < 0) {
		_exit(4);
	}
	free(malloc((size_t)64 * 1024 * 1024));
}

static void what_is_needed_works(void **state)
{
	int status = run_confined(use_what_is_needed, false);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* in this process, so that what ran is counted; nothing is killed on such a build */
static void filter_that_only_logs_loads(void **state)
{
	(void)state;
	assert_int_equal(filter_limits(), 0);
	assert_int_equal(filter_load_early(), 0);
	assert_int_equal(filter_load(), 0);
	use_what_is_needed();
}

static void look_at_limits(void)
{
	struct rlimit core;
	struct rlimit files;
	int death;

	/* looked at before the filter, which does not allow asking */
	if (prctl(PR_GET_DUMPABLE) != 0 || prctl(PR_GET_PDEATHSIG, &death) < 0 ||
		death != SIGKILL || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ||
		getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0 ||
		getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_max != 64 ||
		umask(0) != 077) {
		_exit(5);
	}
}

static void limits_are_set(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		if (filter_limits() < 0) {
			_exit(3);
		}
		look_at_limits();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* -- the real program ------------------------------------------------------------------------- */

static pid_t start_program(int *ret_link)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(ends[1], LINK_CHILD_FD) < 0) {
			_exit(6);
		}
		(void)execl(CHILDREN "/vitaled-dossier", "vitaled-dossier", (char *)NULL);
		_exit(7);
	}
	close(ends[1]);
	*ret_link = ends[0];
	return pid;
}

static void ask(int link, enum dossier_op op, struct buf *body)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	struct link_frame answer;

	f.kind = LINK_KIND_REQUEST;
	f.op = (uint8_t)op;
	f.body = buf_view(body);
	assert_int_equal(link_send(link, &f, false), 0);
	assert_int_equal(link_recv(link, &storage, &answer, false), 0);
	assert_int_equal(answer.outcome, 0);
	link_frame_done(&answer);
	buf_done(body);
}

static void play_creation(int link, const char *folder, const char *pseudonym)
{
	static const uint8_t key[SEAL_KEY] = {1};
	struct buf body = BUF_NULL(4096);
	struct secret people;

	tlv_put_str(&body, LINK_TAG_FOLDER, folder);
	tlv_put_str(&body, LINK_TAG_PSEUDONYM, pseudonym);
	tlv_put_u8(&body, LINK_TAG_VALUE, 1);
	ask(link, DOSSIER_OP_OPEN, &body);
	assert_int_equal(seal_people_key(VIEW(key), view_str(pseudonym), &people), 0);
	tlv_put(&body, LINK_TAG_KEY, view_of(people.data, people.len));
	secret_done(&people);
	ask(link, DOSSIER_OP_KEY, &body);
	tlv_put(&body, LINK_TAG_KEY, VIEW(key));
	ask(link, DOSSIER_OP_KEY, &body);
	tlv_put_str(&body, LINK_TAG_FACTS, "{\"kind\":\"professional\",\"id\":\"8\"}");
	ask(link, DOSSIER_OP_CREATE, &body);
}

/* Metadata of @n bytes, as a memfd. */
static int metadata_of(const uint8_t *content, size_t n)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(256);
	_cleanup_json_ json_t *j = NULL;
	uint8_t hash[SEAL_HASH];
	int fd;

	assert_int_equal(seal_sha256(view_of(content, n), hash), 0);
	hex_encode(&hex, VIEW(hash));
	buf_put_u8(&hex, 0);
	j = json_pack("{s:i,s:s,s:s,s:s,s:s,s:i,s:s}", "format", 1, "type", "image", "title",
		"T", "date", "2026-01-02", "mime", "a/b", "size", (int)n, "sha256",
		(const char *)hex.data);
	assert_int_equal(json_memfd(j, "m", &fd), 0);
	return fd;
}

/* ADD, or REPLACE of @replaces, of @n bytes, into @ret_id. */
static void add(int link, size_t n, const char *replaces, char ret_id[37])
{
	static const uint8_t content[400000] = {7};
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct link_frame f = LINK_FRAME_NULL;
	struct link_frame answer;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	tlv_put_str(&body, LINK_TAG_FACTS, "{\"kind\":\"professional\",\"id\":\"8\"}");
	if (replaces) {
		tlv_put_str(&body, LINK_TAG_ID, replaces);
	}
	f.kind = LINK_KIND_REQUEST;
	f.op = replaces ? DOSSIER_OP_REPLACE : DOSSIER_OP_ADD;
	f.body = buf_view(&body);
	f.n_fds = 2;
	f.fds[0] = ends[0];
	f.fds[1] = metadata_of(content, n);
	assert_int_equal(link_send(link, &f, false), 0);
	close(f.fds[0]);
	close(f.fds[1]);
	for (size_t sent = 0; sent < n;) {
		ssize_t w = write(ends[1], content + sent, n - sent);

		assert_true(w > 0);
		sent += (size_t)w;
	}
	close(ends[1]);
	assert_int_equal(link_recv(link, &storage, &answer, false), 0);
	assert_int_equal(answer.outcome, 0);
	assert_int_equal(tlv_find_str(answer.body, LINK_TAG_ID, ret_id, 37), 0);
	link_frame_done(&answer);
}

/* Every operation that writes or shows, at the sizes at which SQLite and glibc do more. */
static void play_a_life(int link)
{
	struct buf body = BUF_NULL(4096);
	char id[37];

	for (int i = 0; i < 200; i++) {
		add(link, 1, NULL, id);
	}
	add(link, 400000, id, id);
	tlv_put_str(&body, LINK_TAG_FILTER, "{\"text\":\"t\",\"limit\":500}");
	ask(link, DOSSIER_OP_ROWS, &body);
	tlv_put_str(&body, LINK_TAG_ID, id);
	tlv_put_str(&body, LINK_TAG_FLAG, "masque_ps");
	tlv_put_u8(&body, LINK_TAG_VALUE, 1);
	ask(link, DOSSIER_OP_FLAG, &body);
	tlv_put_str(&body, LINK_TAG_FACTS,
		"{\"act\":\"block\",\"id\":\"9\",\"by\":{\"id\":\"8\"},\"time\":1}");
	ask(link, DOSSIER_OP_PEOPLE, &body);
	tlv_put_str(&body, LINK_TAG_IDS, "[]");
	ask(link, DOSSIER_OP_SUMMARY, &body);
	tlv_put_str(&body, LINK_TAG_ID, id);
	tlv_put_str(&body, LINK_TAG_STATUS, "deleted");
	tlv_put_str(&body, LINK_TAG_FACTS, "{\"kind\":\"professional\",\"id\":\"8\"}");
	ask(link, DOSSIER_OP_STATUS, &body);
	add(link, 1, NULL, id);
}

static void program_leaves_with_success_when_its_link_closes(void **state)
{
	static const char pseudonym[] =
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	static const char *const suffixes[] = {"", "-wal"};
	char folder[] = "/tmp/vitaled-filter-XXXXXX";
	char path[256];
	int status;
	int link;
	pid_t pid;

	(void)state;
	assert_non_null(mkdtemp(folder));
	pid = start_program(&link);
	play_creation(link, folder, pseudonym);
	play_a_life(link);
	close(link);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(path, sizeof(path), "%s/01/%s.dossier%s", folder, pseudonym,
			suffixes[i]);
		assert_int_equal(unlink(path), 0);
	}
	(void)snprintf(path, sizeof(path), "%s/01", folder);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(program_leaves_with_success_when_its_link_closes),
		cmocka_unit_test(what_is_given_up_kills),
		cmocka_unit_test(before_the_file_is_opened_only_opening_is_left),
		cmocka_unit_test(what_is_needed_works),
		cmocka_unit_test(limits_are_set),
	};

	const struct CMUnitTest logging[] = {
		cmocka_unit_test(filter_that_only_logs_loads),
	};

	json_setup();
	if (seal_setup() < 0) {
		return 1;
	}
	if (VITALED_FILTER_LOGS) {
		return SANITIZED ? 77 : cmocka_run_group_tests(logging, NULL, NULL);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
