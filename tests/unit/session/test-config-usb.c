/* SPDX-License-Identifier: EUPL-1.2 */
/* Who serves which USB reader, as the configuration says it. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/link-usb.h"
#include "daemon/config.h"
#include "drivers/usb/claims.h"

static struct config c;

/* Return: what config_load() says of @text; @ret_where: why, to be freed, or NULL. */
static int load(const char *text, char **ret_where)
{
	char path[] = "/tmp/config-XXXXXX";
	int fd = mkstemp(path);
	int r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(close(fd), 0);
	*ret_where = NULL;
	r = config_load(path, &c, ret_where);
	assert_int_equal(unlink(path), 0);
	return r;
}

static const char *rules(void)
{
	static char text[1024];
	_cleanup_(buf_done) struct buf out = BUF_NULL(sizeof(text) - 1);

	config_usb_rules(&c, &out);
	assert_int_equal(view_copy_str(buf_view(&out), text, sizeof(text)), 0);
	return text;
}

static void without_a_section_there_is_no_rule_and_readers_may_be_ours(void **state)
{
	char *where;

	(void)state;
	assert_int_equal(load("", &where), 0);
	assert_string_equal(c.usb_socket, LINK_USB_SOCKET);
	assert_string_equal(rules(), "");
	assert_true(config_usb_any(&c));
	c.usb_socket[0] = '\0';
	assert_false(config_usb_any(&c));
}

static void sections_become_rules_that_vitaled_usb_takes(void **state)
{
	static const char text[] = "[usb 2947:0101]\ndriver = usb\n"
				   "[usb 0f14:003d  AB:12 x]\ndriver = pcsc\n"
				   "[usb *]\ndriver = auto\n"
				   "[usb 2947:0101]\ndriver = auto\n"
				   "[paths]\nusb-socket = /s\n";
	enum claims_mode mode;
	char *where;

	(void)state;
	assert_int_equal(load(text, &where), 0);
	assert_string_equal(rules(), "2947:0101=auto 0F14:003D:_AB:12_x=pcsc *=auto");
	assert_string_equal(c.usb_socket, "/s");
	assert_int_equal(
		claims_mode(view_str(rules()), 0x0F14, 0x003D, " AB:12 x", true, &mode), 0);
	assert_int_equal(mode, CLAIMS_PCSC);
	assert_int_equal(claims_mode(view_str(rules()), 0x2947, 0x0101, NULL, true, &mode), 0);
	assert_int_equal(mode, CLAIMS_AUTO);
}

static void a_configuration_may_keep_vitaled_usb_out(void **state)
{
	static const struct {
		const char *text;
		bool any;
	} rows[] = {
		{"[usb *]\ndriver = pcsc\n", false},
		{"[usb *]\ndriver = auto\n", true},
		{"[usb *]\ndriver = usb\n", true},
		{"[usb 2947:0101]\ndriver = pcsc\n", true}, /* others that are known */
		{"[usb *]\ndriver = pcsc\n[usb 2947:0101]\ndriver = pcsc\n", false},
		{"[usb *]\ndriver = pcsc\n[usb 2947:0101]\ndriver = auto\n", true},
		{"[usb 2947:0101]\ndriver = usb\n[usb *]\ndriver = pcsc\n", true},
		{"[usb 2947:0101]\ndriver = usb\n[usb 2947:0102]\ndriver = pcsc\n[usb *]\n"
		 "driver = pcsc\n",
			true},
	};

	char *where;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(load(rows[i].text, &where), 0);
		assert_int_equal(config_usb_any(&c), rows[i].any);
	}
}

static void what_is_no_number_serial_or_driver_is_refused_by_line(void **state)
{
	static const char *const bad[] = {"[usb 2947]\ndriver = usb\n",
		"[usb 2947-0101]\ndriver = usb\n", "[usb 2947:01]\ndriver = usb\n",
		"[usb 2947:010G]\ndriver = usb\n", "[usb 294g:0101]\ndriver = usb\n",
		"[usb 294/:0101]\ndriver = usb\n", "[usb 294@:0101]\ndriver = usb\n",
		"[usb 2947:01011]\ndriver = usb\n", "[usb 2947:0101 ]\ndriver = usb\n",
		"[usb 2947:0101 a=b]\ndriver = usb\n", "[usb 2947:0101 \x7F]\ndriver = usb\n",
		"[usb 2947:0101 \x1F]\ndriver = usb\n",
		"[usb 2947:0101 "
		"1234567890123456789012345678901234567890123456789012345678901234]"
		"\ndriver = usb\n",
		"[usb **]\ndriver = usb\n", "[usb *]\ndriver = maybe\n",
		"[usb *]\ndriver = USB\n", "[usb *]\nrole = any\n",
		"[paths]\nusb-socket = relative\n"};
	char *where;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(load(bad[i], &where), CONFIG_INVALID);
		assert_non_null(strstr(where, ":2: ["));
		free(where);
	}
	assert_int_equal(load("[usb *]\n", &where), CONFIG_INVALID); /* says nothing */
	free(where);
	assert_int_equal(load("[usb 2947:0101 123456789012345678901234567890123456789012345678"
			      "901234567890123]\ndriver = usb\n",
				 &where),
		0);
}

static void too_many_are_refused(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	char *where;
	char *all;

	(void)state;
	for (unsigned int i = 0; i <= CONFIG_USB_MAX; i++) {
		buf_printf(&text, "[usb 2947:%04x]\ndriver = usb\n", i);
	}
	all = buf_take_str(&text);
	assert_non_null(all);
	assert_int_equal(load(all, &where), CONFIG_INVALID);
	assert_non_null(strstr(where, ":34: [usb 2947:0010] driver"));
	free(where);
	free(all);
}

static void a_reload_takes_them_over_but_not_the_socket(void **state)
{
	static struct config was;
	struct buf restart = BUF_NULL(512);
	char *where;

	(void)state;
	assert_int_equal(load("", &where), 0);
	was = c;
	assert_int_equal(
		load("[usb *]\ndriver = pcsc\n[paths]\nusb-socket = /other\n", &where), 0);
	config_adopt(&was, &c, &restart);
	assert_int_equal(was.n_usb, 1);
	assert_false(config_usb_any(&was));
	assert_string_equal(was.usb_socket, LINK_USB_SOCKET);
	assert_true(view_equal(buf_view(&restart), VIEW_TEXT("[paths] usb-socket")));
	buf_done(&restart);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_section_there_is_no_rule_and_readers_may_be_ours),
		cmocka_unit_test(sections_become_rules_that_vitaled_usb_takes),
		cmocka_unit_test(a_configuration_may_keep_vitaled_usb_out),
		cmocka_unit_test(what_is_no_number_serial_or_driver_is_refused_by_line),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(a_reload_takes_them_over_but_not_the_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
