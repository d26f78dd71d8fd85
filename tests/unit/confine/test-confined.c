/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * daemon/confined.h: which directives are missing, from texts of a service that has them all (taken
 * from a booted Debian 12) and of one that has none; then each taken away alone. The look itself is
 * at this very process, whatever it runs in.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "daemon/confined.h"

#define BIT(d) (UINT32_C(1) << CONFINED_##d)

static struct confined_facts facts;

static const char status[] = "Name:\tvitaled\nUmask:\t0077\nState:\tR (running)\n"
			     "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			     "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
			     "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n"
			     "Seccomp_filters:\t24\n";
static const char mountinfo[] =
	"36 35 8:1 /usr/lib/vitaled/root / ro,nosuid,noexec - ext4 /dev/sda1 rw\n"
	"37 36 0:31 /systemd-private-0a1b-vitaled.service-x/tmp /tmp rw,nosuid - tmpfs tmpfs "
	"rw\n"
	"38 36 0:22 / /proc rw,nosuid,nodev,noexec - proc proc "
	"rw,hidepid=invisible,subset=pid\n";
static const char no_routes[] = "Iface\tDestination\tGateway \tFlags\n";
static const char only_lo[] = "00000000000000000000000000000001 01 80 10 80       lo\n";

static void put(char *to, size_t size, const char *text)
{
	assert_int_equal(view_copy_str(view_str(text), to, size), 0);
}

#define PUT(member, text) put(facts.member, sizeof(facts.member), text)

/* A service in its unit. */
static int in_force(void **state)
{
	(void)state;
	wipe(&facts, sizeof(facts));
	facts.asked = true;
	PUT(status, status);
	PUT(uid_map, "         0          0          1\n       990        990          1\n");
	PUT(mountinfo, mountinfo);
	PUT(routes, no_routes);
	PUT(addresses, only_lo);
	PUT(ipc, "ipc:[4026532401]");
	PUT(uts, "uts:[4026532400]");
	facts.filtered = facts.write_execute = facts.personality = facts.suid = EPERM;
	facts.inet = EAFNOSUPPORT;
	facts.root_noexec = true;
	return 0;
}

static void with_everything_in_force_nothing_is_missing(void **state)
{
	(void)state;
	assert_int_equal(confined_missing(&facts), 0);
	facts.filtered = ECANCELED; /* an administrator wants such calls killed */
	PUT(routes, "");	    /* no IPv4 in this kernel */
	PUT(addresses, "");
	assert_int_equal(confined_missing(&facts), 0);
}

static void without_a_unit_all_is_missing_and_nothing_else_is_said(void **state)
{
	(void)state;
	facts.asked = false;
	assert_int_equal(confined_missing(&facts), BIT(ALL));
	wipe(&facts, sizeof(facts));
	assert_int_equal(confined_missing(&facts), BIT(ALL));
}

static void without_any_sandbox_each_is_named(void **state)
{
	(void)state;
	wipe(&facts, sizeof(facts));
	facts.asked = true;
	facts.core = UINT64_MAX;
	facts.system_writable = facts.homes = facts.devices = facts.init = facts.meminfo = true;
	facts.tunables = facts.control_groups = facts.modules = facts.kernel_logs = true;
	PUT(routes, "Iface\tDestination\neth0\t00000000\n");
	assert_int_equal(
		confined_missing(&facts), ((UINT32_C(1) << CONFINED_COUNT) - 1) & ~BIT(ALL));
}

/* -- one at a time ------------------------------------------------------------------------------- */

/* @was in the status becomes @is. */
static void status_says(const char *was, const char *is)
{
	struct buf b = BUF_NULL(sizeof(facts.status));
	const char *at = strstr(status, was);

	assert_non_null(at);
	buf_put(&b, status, (size_t)(at - status));
	buf_put_str(&b, is);
	buf_put_str(&b, at + strlen(was));
	buf_put_u8(&b, 0);
	assert_int_equal(buf_check(&b), 0);
	bytes_copy(facts.status, sizeof(facts.status), b.data, b.len);
	buf_done(&b);
}

static void the_status_tells_the_processes_rights(void **state)
{
	static const struct {
		const char *was, *is;
		uint32_t missing;
	} rows[] = {
		{"NoNewPrivs:\t1", "NoNewPrivs:\t0", BIT(NO_NEW_PRIVILEGES)},
		{"NoNewPrivs:\t1\n", "", BIT(NO_NEW_PRIVILEGES)},
		{"NoNewPrivs:\t1", "NoNewPrivs:\t10", BIT(NO_NEW_PRIVILEGES)},
		{"CapBnd:\t0000000000000000", "CapBnd:\t0000000000000400", BIT(CAPABILITIES)},
		{"CapEff:\t0000000000000000", "CapEff:\t8000000000000000", BIT(CAPABILITIES)},
		{"CapAmb:\t0000000000000000", "CapAmb:\t0000000000000001", BIT(CAPABILITIES)},
		{"CapInh:\t0000000000000000\n", "", BIT(CAPABILITIES)},
		{"Umask:\t0077", "Umask:\t0022", BIT(UMASK)},
		{"Seccomp:\t2", "Seccomp:\t0", BIT(SYSTEM_CALLS)},
		{"Seccomp:\t2", "Seccomp:\t1", BIT(SYSTEM_CALLS)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		status_says(rows[i].was, rows[i].is);
		if (confined_missing(&facts) != rows[i].missing)
			fail_msg("%s: %x", rows[i].is, confined_missing(&facts));
	}
}

static void an_attempt_that_is_not_refused_tells_its_directive(void **state)
{
	static const int allowed[] = {0, EBADF, ENOENT};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
		(void)in_force(NULL);
		facts.write_execute = allowed[i];
		assert_int_equal(confined_missing(&facts), BIT(MEMORY));
		(void)in_force(NULL);
		facts.personality = allowed[i];
		assert_int_equal(confined_missing(&facts), BIT(PERSONALITY));
		(void)in_force(NULL);
		facts.suid = allowed[i];
		assert_int_equal(confined_missing(&facts), BIT(SUID));
		(void)in_force(NULL);
		facts.inet = allowed[i];
		assert_int_equal(confined_missing(&facts), BIT(FAMILIES));
	}
	(void)in_force(NULL);
	facts.filtered = ESRCH; /* the kernel looked for that process */
	assert_int_equal(confined_missing(&facts), BIT(SYSTEM_CALLS));
	(void)in_force(NULL);
	facts.core = 1;
	assert_int_equal(confined_missing(&facts), BIT(CORE));
}

static void namespaces_must_be_others_than_the_machines(void **state)
{
	static const char *const everybody[] = {
		"         0          0 4294967295\n", "0 0 4294967295\n", "0 0 4294967295", ""};
	static const char *const own[] = {"0 0 1\n", "0 0 4294967294\n", "990 990 1\n",
		"         0     100000      65536\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(everybody); i++) {
		PUT(uid_map, everybody[i]);
		assert_int_equal(confined_missing(&facts), BIT(USERS));
	}
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		PUT(uid_map, own[i]);
		assert_int_equal(confined_missing(&facts), 0);
	}
	PUT(ipc, "ipc:[4026531839]");
	PUT(uts, "uts:[4026531838]");
	assert_int_equal(confined_missing(&facts), BIT(IPC) | BIT(HOSTNAME));
	PUT(ipc, "");
	PUT(uts, "");
	assert_int_equal(confined_missing(&facts), BIT(IPC) | BIT(HOSTNAME));
}

static void a_route_or_an_address_is_a_network(void **state)
{
	(void)state;
	PUT(routes, "Iface\tDestination\neth0\t00000000\n");
	assert_int_equal(confined_missing(&facts), BIT(NETWORK));
	PUT(routes, no_routes);
	PUT(addresses, "00000000000000000000000000000001 01 80 10 80       lo\n"
		       "fe800000000000000000000000000001 02 40 20 80     eth0\n");
	assert_int_equal(confined_missing(&facts), BIT(NETWORK));
	PUT(addresses, "fe80");
	assert_int_equal(confined_missing(&facts), BIT(NETWORK));
}

static void the_mounts_tell_root_and_tmp(void **state)
{
	static const struct {
		const char *mountinfo;
		uint32_t missing;
	} rows[] = {
		{"", BIT(ROOT) | BIT(TMP)},
		{"36 35 8:1 / / rw - ext4 /dev/sda1 rw\n", BIT(ROOT) | BIT(TMP)},
		{"36 35 8:1 /machines/x/usr/lib/vitaled/root / ro\n", BIT(TMP)},
		{"36 35 8:1 /usr/lib/vitaled/root/more / ro\n", BIT(ROOT) | BIT(TMP)},
		{"36 35 8:1 /vitaled/root /elsewhere ro\n", BIT(ROOT) | BIT(TMP)},
		/* what is mounted last is what is seen */
		{"36 35 8:1 /lib/vitaled/root / ro\n37 36 8:1 / / rw\n", BIT(ROOT) | BIT(TMP)},
		{"37 36 0:31 /tmp/systemd-private-1-x/tmp /tmp rw\n", BIT(ROOT)},
		{"37 36 0:31 / /tmp rw - tmpfs /systemd-private-x rw\n", BIT(ROOT) | BIT(TMP)},
		{"37 36\n\n37 36 0:31 / /tm", BIT(ROOT) | BIT(TMP)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		PUT(mountinfo, rows[i].mountinfo);
		if (confined_missing(&facts) != rows[i].missing)
			fail_msg("row %zu: %x", i, confined_missing(&facts));
	}
}

static void what_can_be_seen_tells_its_directive(void **state)
{
	static const struct {
		size_t at;
		uint32_t missing;
	} rows[] = {

#define ROW(member, d) {offsetof(struct confined_facts, member), BIT(d)}
		ROW(system_writable, SYSTEM), ROW(homes, HOME), ROW(devices, DEVICES),
		ROW(init, PROC), ROW(meminfo, PROC_SUBSET), ROW(tunables, TUNABLES),
		ROW(control_groups, CONTROL_GROUPS), ROW(modules, MODULES),
		ROW(kernel_logs, KERNEL_LOGS)
#undef ROW
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)in_force(NULL);
		*(bool *)((char *)&facts + rows[i].at) = true;
		assert_int_equal(confined_missing(&facts), rows[i].missing);
	}
	(void)in_force(NULL);
	facts.root_noexec = false;
	assert_int_equal(confined_missing(&facts), BIT(EXECUTION));
}

static void every_directive_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (enum confined_directive d = CONFINED_ALL; d < CONFINED_COUNT; d++) {
		assert_true(confined_word(d)[0] != '\0');
		for (enum confined_directive e = CONFINED_ALL; e < d; e++)
			assert_string_not_equal(confined_word(d), confined_word(e));
	}
	assert_string_equal(confined_word(CONFINED_COUNT), "");
}

/* -- looking ------------------------------------------------------------------------------------- */

static void nobody_looks_where_nothing_was_asked_for(void **state)
{
	uint32_t missing = 0;

	(void)state;
	assert_int_equal(unsetenv("VITALED_CONFINED"), 0);
	assert_int_equal(confined_check(&missing), 0);
	assert_int_equal(missing, BIT(ALL));
	assert_int_equal(setenv("VITALED_CONFINED", "no", 1), 0);
	assert_int_equal(confined_check(&missing), 0);
	assert_int_equal(missing, BIT(ALL));
}

/* In a process of its own: what it gives up is found to be in force, what it does not is not. */
static int look_before_and_after(void)
{
	const struct rlimit none = {0};
	uint32_t before = 0, after = 0;
	const uint32_t ours = BIT(NO_NEW_PRIVILEGES) | BIT(CORE) | BIT(UMASK);

	(void)umask(022);
	if (setenv("VITALED_CONFINED", "1", 1) < 0 || confined_check(&before) < 0)
		return 1;
	(void)umask(077);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
		prctl(PR_SET_DUMPABLE, 0) < 0 || confined_check(&after) < 0)
		return 2;
	if ((before & BIT(UMASK)) == 0 || (before & BIT(ROOT)) == 0 ||
		(before & BIT(MEMORY)) == 0)
		return 3;
	if ((after & ours) != 0)
		return 4;
	return (before & ~ours) == after ? 0 : 5;
}

static void what_a_process_gives_up_is_seen(void **state)
{
	int status_of;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(look_before_and_after());
	assert_int_equal(waitpid(pid, &status_of, 0), pid);
	assert_int_equal(status_of, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, in_force)
		T(with_everything_in_force_nothing_is_missing),
		T(without_a_unit_all_is_missing_and_nothing_else_is_said),
		T(without_any_sandbox_each_is_named),
		T(the_status_tells_the_processes_rights),
		T(an_attempt_that_is_not_refused_tells_its_directive),
		T(namespaces_must_be_others_than_the_machines),
		T(a_route_or_an_address_is_a_network),
		T(the_mounts_tell_root_and_tmp),
		T(what_can_be_seen_tells_its_directive),
		T(every_directive_has_a_word_of_its_own),
		T(nobody_looks_where_nothing_was_asked_for),
		T(what_a_process_gives_up_is_seen),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
