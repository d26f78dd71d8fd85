/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers that are plugged in: whose they are is what the service's own parser says, and nothing else. */
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
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/plugged.h"
#include "daemon/config.h"
#include "tests/unit/record/forge.h"
#include "tests/unit/usb/real-readers.h"

#define CONFIG	"etc/vitaled/vitaled.conf"
#define DEVICE	"sys/bus/usb/devices/1-1/"
#define LONGEST (18U + 8U * DESCRIPTOR_MAX) /* bytes of descriptors that vitaled-usb takes */

static char root[32];
static struct plugged seen; /* the last one */
static const struct doctor doctor = {.root = root, .group = ""};
static const uint8_t head[18] = {
	18, 1, 0, 2, [8] = 0x47, [9] = 0x29, [10] = 1, [11] = 1, [17] = 1};

static const char *at(const char *name)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return path;
}

static void put(const char *name, struct view content)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s", at(name));
	for (char *c = strchr(path + strlen(root) + 1, '/'); c; c = strchr(c + 1, '/')) {
		*c = '\0';
		(void)mkdir(path, 0755);
		*c = '/';
	}
	forge_file(path, content);
}

static void put_text(const char *name, const char *text)
{
	put(name, view_str(text));
}

/* @configuration behind the device's own descriptor, and then zeros: @n bytes in all. */
static void put_descriptors(struct view configuration, size_t n)
{
	_cleanup_(buf_done) struct buf all = BUF_NULL(n);

	buf_put_view(&all, VIEW(head));
	buf_put_view(&all, configuration);
	assert_non_null(buf_extend(&all, n - all.len));
	put(DEVICE "descriptors", buf_view(&all));
}

/* A computer with a KAP-LINK, 2947:0101, serial number "S 1". */
static int setup(void **state)
{
	(void)state;
	forge_folder(root);
	put_text(DEVICE "idVendor", "2947\n");
	put_text(DEVICE "idProduct", "0101\n");
	put_text(DEVICE "serial", "S 1\n");
	put_descriptors(VIEW(kap_link), sizeof(head) + sizeof(kap_link));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forge_remove(root);
	return 0;
}

static void on_one(void *user, const struct plugged *p)
{
	assert_null(user);
	seen = *p;
}

static void ignore(void *user _unused_, const char *group _unused_, const char *name _unused_,
	const char *detail _unused_, const json_t *facts _unused_)
{
}

/* Return: what could be read of the configuration, as doctor_rules() says; @seen is the reader. */
static int look(struct doctor_rules *ret)
{
	struct doctor d = doctor;

	d.found = ignore;
	doctor_rules(&d, ret);
	assert_int_equal(plugged_each(&d, ret, on_one, NULL), 1);
	doctor_rules_done(ret);
	return ret->outcome;
}

/* Whose the reader is in the service. Return: whether it starts with the configuration. */
static bool served(enum claims_mode *ret)
{
	static struct config c;
	_cleanup_(buf_done) struct buf rules = BUF_NULL(4096);
	char *where = NULL;
	int r = config_load(at(CONFIG), &c, &where);

	free(where);
	assert_true(r >= 0);
	if (r == 0) {
		config_usb_rules(&c, &rules);
		assert_int_equal(
			claims_mode(buf_view(&rules), 0x2947, 0x0101, "S 1", true, ret), 0);
	}
	return r == 0;
}

static const struct {
	const char *text;
	bool good;		/* the service starts with it */
	enum claims_mode whose; /* where it does */
	bool given;		/* a section says so */
} cases[] = {
	{"", true, CLAIMS_AUTO, false},
	{"[usb 2947:0101]\ndriver = usb\n", true, CLAIMS_USB, true},
	/* remarks */
	{"[usb 2947:0101]\ndriver = usb ; ours\n", true, CLAIMS_USB, true},
	{"[usb 2947:0101]\ndriver = usb\t; ours\n", true, CLAIMS_USB, true},
	{"[usb 2947:0101]\ndriver = usb ;\n", true, CLAIMS_USB, true},
	{"[usb 2947:0101]\ndriver = usb;ours\n", false, 0, false},
	{"[usb 2947:0101]\ndriver = usb # ours\n", false, 0, false},
	{"[usb 2947:0101] ; at the counter\ndriver = usb\n", true, CLAIMS_USB, true},
	{"; [usb 2947:0101]\n# [usb *]\n;driver = usb\n", true, CLAIMS_AUTO, false},
	{"[usb 2947:0101]\n; driver = usb\ndriver = pcsc\n", true, CLAIMS_PCSC, true},
	/* lines that go on */
	{"[usb 2947:0101]\ndriver = usb\n auto\n", false, 0, false},
	{"[usb 2947:0101]\ndriver =\n usb\n", false, 0, false},
	{"[usb 2947:0101]\n\tdriver = usb\n", true, CLAIMS_USB, true},
	{"[usb 2947:0101]\ndriver = usb\n [usb *]\ndriver = pcsc\n", false, 0, false},
	/* spacing, ends of lines, other signs */
	{" [usb 2947:0101]\n", false, 0, false},
	{" \t[usb 2947:0101]\t \ndriver=usb", true, CLAIMS_USB, true},
	{"[usb 2947:0101]\r\n  driver \t=\t usb \t\r\n", true, CLAIMS_USB, true},
	{"\xEF\xBB\xBF[usb 2947:0101]\ndriver : usb\n", true, CLAIMS_USB, true},
	{"[ usb 2947:0101]\ndriver = usb\n", false, 0, false},
	{"[usb  2947:0101]\ndriver = usb\n", false, 0, false},
	{"[usb 2947:0101 ]\ndriver = usb\n", false, 0, false},
	{"[usb 2947:0101]\ndriver = USB\n", false, 0, false},
	{"[usb 2947:0101\ndriver = usb\n", false, 0, false},
	/* the most exact one */
	{"[usb *]\ndriver = pcsc\n", true, CLAIMS_PCSC, true},
	{"[usb 2947:0101 S 1]\ndriver = usb\n[usb 2947:0101]\ndriver = pcsc\n", true,
		CLAIMS_USB, true},
	{"[usb 2947:0101 S_1]\ndriver = usb ; a blank\n", true, CLAIMS_USB, true},
	{"[usb 2947:0101 S 2]\ndriver = usb\n", true, CLAIMS_AUTO, false},
	{"[usb 2947:0101]\ndriver = usb\n[usb 2947:0101]\ndriver = pcsc\n", true, CLAIMS_PCSC,
		true},
	{"[usb 2947:0102]\ndriver = usb\n", true, CLAIMS_AUTO, false},
	/* what stops the service elsewhere counts for readers too */
	{"[usb 2947:0101]\ndriver = usb\n[paths]\nnothing = /x\n", false, 0, false},
	{"[reader a]\ndriver = usb\n", false, 0, false},
};

static void a_configuration_says_here_what_it_says_in_the_service(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum claims_mode whose = CLAIMS_AUTO; /* where nobody can tell */
		struct doctor_rules rules;
		int outcome;

		put_text(CONFIG, cases[i].text);
		outcome = look(&rules);
		if (served(&whose) != cases[i].good || seen.told != cases[i].good ||
			outcome != (cases[i].good ? 0 : DOCTOR_ODD) || seen.claims != whose ||
			(cases[i].good && whose != cases[i].whose) ||
			seen.given != cases[i].given) {
			fail_msg("case %zu: %s", i, cases[i].text);
		}
	}
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	struct doctor_rules rules;
	char wanted[512];

	(void)state;
	put_text(CONFIG, "[usb 2947:0101]\ndriver = usb\n auto\n");
	assert_int_equal(look(&rules), DOCTOR_ODD);
	(void)snprintf(wanted, sizeof(wanted), "%s:3: [usb 2947:0101] driver has two values",
		at(CONFIG));
	assert_string_equal(rules.where, wanted);
	assert_true(rules.there);
}

static void without_a_file_the_defaults_count(void **state)
{
	struct doctor_rules rules;

	(void)state;
	assert_int_equal(look(&rules), 0);
	assert_false(rules.there);
	assert_true(seen.told && !seen.given);
	assert_string_equal(rules.socket, "/run/vitaled-usb/socket");
	put_text(CONFIG, "[paths]\nusb-socket = /s ; ours\n");
	assert_int_equal(look(&rules), 0);
	assert_true(rules.there);
	assert_string_equal(rules.socket, "/s");
}

static void what_is_no_file_or_too_large_is_never_parsed(void **state)
{
	_cleanup_(buf_done) struct buf large = BUF_NULL(DOCTOR_FILE_MAX + 1U);
	struct doctor_rules rules;

	(void)state;
	put_text(CONFIG, "");
	assert_int_equal(unlink(at(CONFIG)), 0);
	assert_int_equal(mkfifo(at(CONFIG), 0600), 0);
	assert_int_equal(look(&rules), DOCTOR_ODD); /* and did not wait for a writer */
	assert_string_equal(rules.where, at(CONFIG));
	assert_false(seen.told);
	assert_int_equal(unlink(at(CONFIG)), 0);
	assert_non_null(buf_extend(&large, DOCTOR_FILE_MAX + 1U));
	put(CONFIG, buf_view(&large));
	assert_int_equal(look(&rules), DOCTOR_ODD);
	assert_string_equal(rules.socket, "");
}

static void descriptors_are_refused_where_vitaled_usb_refuses_them(void **state)
{
	struct doctor_rules rules;

	(void)state;
	put_text(DEVICE "bConfigurationValue", "1\n");
	put_descriptors(VIEW(leo), LONGEST);
	assert_int_equal(look(&rules), 0);
	assert_true(seen.described);
	assert_int_equal(seen.refused, 0);
	assert_int_equal(seen.n_readers, 1);
	put_descriptors(VIEW(leo), LONGEST + 1);
	assert_int_equal(look(&rules), 0);
	assert_true(seen.described);
	assert_int_equal(seen.refused, DESCRIPTOR_LENGTH);
	assert_int_equal(seen.n_readers, 0);
	put_text(DEVICE "bConfigurationValue", "2\n"); /* somewhere behind what is read */
	assert_int_equal(look(&rules), 0);
	assert_int_equal(seen.refused, DESCRIPTOR_LENGTH);
	assert_int_equal(unlink(at(DEVICE "descriptors")), 0);
	assert_int_equal(look(&rules), 0);
	assert_false(seen.described);
}

static void a_long_device_that_is_no_reader_is_none(void **state)
{
	/* a configuration with an interface of the class of disks and no endpoint */
	static const uint8_t disk[] = {
		9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0x08, 0, 0, 0};
	struct doctor_rules rules;

	(void)state;
	put_descriptors(VIEW(disk), LONGEST + 1);
	assert_int_equal(look(&rules), 0); /* known by its number all the same */
	assert_int_equal(seen.refused, DESCRIPTOR_NO_READER);
}

static void what_a_device_says_of_itself_is_made_printable_and_cut(void **state)
{
	struct doctor_rules rules;
	char lengthy[200];

	(void)state;
	for (size_t i = 0; i < sizeof(lengthy); i++) {
		lengthy[i] = 'x';
	}
	put(DEVICE "manufacturer", VIEW(lengthy));
	put_text(DEVICE "product", "\t L\xC3\xA9o \t \x01 two  \n");
	put_text(DEVICE "serial", " \n");
	assert_int_equal(look(&rules), 0);
	assert_int_equal(strlen(seen.manufacturer), PLUGGED_TEXT - 1);
	assert_string_equal(seen.model, "L??o ? two");
	assert_string_equal(seen.serial, "");
}

static void the_node_is_found_by_its_numbers(void **state)
{
	static const char *const none[] = {"", "x\n", "0\n", "1234\n", "-1\n", "1.\n"};
	struct doctor_rules rules;

	(void)state;
	put_text(DEVICE "busnum", "1\n");
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		put_text(DEVICE "devnum", none[i]);
		assert_int_equal(look(&rules), 0);
		assert_string_equal(seen.node, "");
	}
	put_text(DEVICE "devnum", "127\n");
	assert_int_equal(look(&rules), 0);
	assert_string_equal(seen.node, "/dev/bus/usb/001/127");
	assert_int_equal(seen.mode, 0); /* unplugged meanwhile */
	put_text("dev/bus/usb/001/127", "");
	assert_int_equal(chmod(at("dev/bus/usb/001/127"), 0600), 0);
	put_text("etc/group", "vitaled-usb:x:5432:\n");
	assert_int_equal(look(&rules), 0);
	assert_int_equal(seen.mode, 0600);
	assert_true(seen.mine && seen.denied && seen.has_service_group && !seen.service);
	assert_int_equal(chmod(at("dev/bus/usb/001/127"), 0666), 0);
	assert_int_equal(look(&rules), 0);
	assert_true(seen.service && !seen.denied);
	put_text(DEVICE "busnum", "");
	assert_int_equal(look(&rules), 0);
	assert_string_equal(seen.node, "");
	if (getuid() == 0) { /* of nobody's and of no group's */
		put_text(DEVICE "busnum", "1\n");
		assert_int_equal(chown(at("dev/bus/usb/001/127"), 4000001, 4000002), 0);
		assert_int_equal(look(&rules), 0);
		assert_string_equal(seen.owner, "?");
		assert_string_equal(seen.group, "?");
	}
}

static void the_driver_in_the_kernel_is_told_by_its_name_alone(void **state)
{
	struct doctor_rules rules;
	char path[256];

	(void)state;
	assert_int_equal(look(&rules), 0);
	assert_string_equal(seen.driver, "");
	(void)snprintf(path, sizeof(path), "%s", at("sys/bus/usb/devices/1-1:1.0"));
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s", at("sys/bus/usb/devices/1-1:1.0/driver"));
	assert_int_equal(symlink("../../drivers/usbfs", path), 0);
	assert_int_equal(look(&rules), 0);
	assert_string_equal(seen.driver, "usbfs");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("usbfs\x1b", path), 0);
	assert_int_equal(look(&rules), 0);
	assert_string_equal(seen.driver, "usbfs?");
}

static void versions_are_told_of_what_is_there(void **state)
{
	json_t *told = plugged_versions(&doctor);

	(void)state;
	assert_non_null(json_get_str(told, "vitalectl"));
	assert_null(json_get_str(told, "kernel"));
	assert_null(json_get_str(told, "libccid"));
	json_decref(told);
	put_text("proc/sys/kernel/osrelease", "6.1.0-99-amd64\n");
	put_text("usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
		"<key>CFBundleShortVersionString</key><string>1.5.2</string>");
	told = plugged_versions(&doctor);
	assert_string_equal(json_get_str(told, "kernel"), "6.1.0-99-amd64");
	assert_string_equal(json_get_str(told, "libccid"), "1.5.2");
	json_decref(told);
	put_text("proc/sys/kernel/osrelease", "");
	told = plugged_versions(&doctor);
	assert_string_equal(json_get_str(told, "kernel"), "");
	json_decref(told);
}

/* -- who listens --------------------------------------------------------------------------------- */

#define LISTENS(path) "00: 00000002 00000000 00010000 0005 01 31337 " path "\n"
#define BOUND(path)   "00: 00000002 00000000 00000000 0002 01 31338 " path "\n"
#define SYSTEM	      BOUND("/run/systemd/notify")

static void put_list(const char *lines)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"Num       RefCount Protocol Flags    Type St Inode Path\n%s", lines);
	put_text("proc/net/unix", text);
}

/* A socket at @name, with somebody behind it when it is of a kind that listens. */
static int bind_at(const char *name, int kind)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(view_copy_str(view_str(at(name)), a.sun_path, sizeof(a.sun_path)), 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	if (kind != SOCK_DGRAM) {
		assert_int_equal(listen(fd, 4), 0);
	}
	return fd;
}

static void who_listens_is_known_by_the_socket_and_hears_nothing(void **state)
{
	static const int kinds[] = {SOCK_SEQPACKET, SOCK_STREAM, SOCK_DGRAM};

	(void)state;
	assert_int_equal(mkdir(at("run"), 0755), 0);
	assert_int_equal(mkdir(at("var"), 0755), 0);
	assert_int_equal(symlink("../run", at("var/run")), 0);
	assert_false(doctor_silent(&doctor, "/run/s")); /* a computer that does not run */
	put_list(SYSTEM LISTENS("/run/s"));		/* whatever names it has */
	assert_true(doctor_silent(&doctor, "/run/s"));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int fd = bind_at("run/s", kinds[i]);
		char byte;

		put_list(SYSTEM);
		assert_false(doctor_silent(&doctor, "/run/s"));
		assert_false(doctor_silent(&doctor, "/var/run/s"));
		assert_true(doctor_silent(&doctor, "/run/ss"));
		assert_true(doctor_silent(&doctor, "/run/s/s"));
		assert_int_equal(kinds[i] == SOCK_DGRAM ? (int)recv(fd, &byte, 1, 0)
							: accept(fd, NULL, NULL),
			-1);
		assert_int_equal(errno, EAGAIN);
		(void)close(fd);
		put_list(SYSTEM LISTENS("/run/s"));
		assert_true(doctor_silent(&doctor, "/run/s")); /* the file that is left */
		assert_int_equal(unlink(at("run/s")), 0);
	}
	put_text("run/file", "x");
	assert_true(doctor_silent(&doctor, "/run/file"));
}

static void a_path_that_no_socket_can_have_is_not_called_silent(void **state)
{
	char path[2 * DOCTOR_PATH_MAX] = "/";

	(void)state;
	put_list(SYSTEM);
	memset(path + 1, 'x', 108); /* as one of sockaddr_un, and the folder that cannot be */
	assert_true(doctor_silent(&doctor, path));
	path[1 + 50] = '/';
	assert_false(doctor_silent(&doctor, path));
	memset(path, 'x', 108);
	assert_false(doctor_silent(&doctor, path));
	memset(path, '/', sizeof(path) - 1);
	assert_false(doctor_silent(&doctor, path));
}

/* What a user may tell who may not reach the socket /run/hidden/s, whose folder is root's and of mode 0700. */
static const struct {
	const char *path;
	const char *lines;
	bool silent;
} lists[] = {
	{"/run/hidden/s", SYSTEM, true},
	{"/run/hidden/s", SYSTEM LISTENS("/run/hidden/s"), false},
	{"/run/hidden/s", LISTENS("/run/hidden/s") SYSTEM, false},
	{"/run/hidden/s", SYSTEM BOUND("/run/hidden/s"), true},
	{"/run/hidden/s", SYSTEM LISTENS("/run/hidden/ss"), true},
	{"/run/hidden/s", SYSTEM LISTENS("/run/s"), true},
	{"/run/hidden/s", SYSTEM LISTENS("/x/run/hidden/s"),
		false}, /* a folder that nobody finds */
	{"/run/hidden/s", SYSTEM LISTENS("@/run/hidden/s"), true},
	{"/run/hidden/s", SYSTEM LISTENS("run/hidden/s"), true},
	{"/run/hidden/s", SYSTEM "/run/hidden/s\n\n s\n 0 0 0 00010000\n", true},
	/* the folder by another name */
	{"/var/run/hidden/s", SYSTEM LISTENS("/run/hidden/s"), false},
	{"/run/hidden/s", SYSTEM LISTENS("/var/run/hidden/s"), false},
	{"/run/hidden/s", SYSTEM "00: 0 0 00010000 0005 01 1 /var/run/hidden/s", false},
	{"/var/run/hidden/s", SYSTEM LISTENS("/var/hidden/s"), false},
	{"/run/hidden/s", SYSTEM LISTENS("/run/other/s"), true},
	/* not of this system, or of another network namespace */
	{"/run/hidden/s", "", false},
	{"/run/hidden/s", LISTENS("/run/other/s"), false},
	{"/run/hidden/s", BOUND("/run/systemd/notify2"), false},
	{"/run/hidden/s", "/run/systemd/notify\n", false},
};

static void what_may_not_be_reached_is_looked_for_in_the_list_of_the_system(void **state)
{
	int status, fd;
	pid_t pid;

	(void)state;
	assert_int_equal(mkdir(at("run"), 0755), 0);
	assert_int_equal(mkdir(at("run/other"), 0755), 0);
	assert_int_equal(mkdir(at("run/hidden"), 0700), 0);
	assert_int_equal(mkdir(at("var"), 0755), 0);
	assert_int_equal(symlink("../run", at("var/run")), 0);
	assert_int_equal(chmod(root, 0755), 0);
	fd = bind_at("run/hidden/s", SOCK_SEQPACKET);
	assert_int_equal(chmod(at("run/hidden"), 0), 0);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		put_list(lists[i].lines);
		pid = fork(); /* a test may run as root, who may reach everything */
		if (pid == 0) {
			bool dropped = getuid() != 0 || setresuid(65534, 65534, 65534) == 0;

			_exit(!dropped ? 9 : doctor_silent(&doctor, lists[i].path) ? 1 : 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)lists[i].silent) {
			fail_msg("list %zu: %d", i, status);
		}
	}
	assert_int_equal(chmod(at("run/hidden"), 0700), 0);
	(void)close(fd);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_configuration_says_here_what_it_says_in_the_service),
		T(what_is_wrong_is_told_with_its_line),
		T(without_a_file_the_defaults_count),
		T(what_is_no_file_or_too_large_is_never_parsed),
		T(descriptors_are_refused_where_vitaled_usb_refuses_them),
		T(a_long_device_that_is_no_reader_is_none),
		T(what_a_device_says_of_itself_is_made_printable_and_cut),
		T(the_node_is_found_by_its_numbers),
		T(the_driver_in_the_kernel_is_told_by_its_name_alone),
		T(versions_are_told_of_what_is_there),
		T(who_listens_is_known_by_the_socket_and_hears_nothing),
		T(a_path_that_no_socket_can_have_is_not_called_silent),
		T(what_may_not_be_reached_is_looked_for_in_the_list_of_the_system),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
