/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The connection of the load generator: EXTERNAL by hand, libdbus for marshalling only, one send and
 * one recv for a call. Little-endian, like every machine that it is run on.
 */
#include "tests/bench/peers/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

void die(const char *what, const char *why)
{
	(void)fprintf(stderr, "load: %s: %s\n", what, why);
	exit(EXIT_FAILURE);
}

void marshal(struct buf *out, DBusMessage *m)
{
	char *bytes;
	int len;

	*out = BUF_NULL(8192);
	dbus_message_set_serial(m, 1);
	if (!dbus_message_marshal(m, &bytes, &len))
		die("marshal", "no memory");
	buf_put(out, bytes, (size_t)len);
	dbus_free(bytes);
	dbus_message_unref(m);
}

DBusMessage *unmarshal(const struct message *m)
{
	DBusMessage *d =
		dbus_message_demarshal((const char *)m->whole.data, (int)m->whole.len, NULL);

	if (!d)
		die("message", "not valid");
	return d;
}

static void send_all(int fd, const void *data, size_t len)
{
	ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

	if (n < 0 || (size_t)n != len)
		die("send", n < 0 ? strerror(errno) : "cut short");
}

void client_send(struct client *c, struct buf *m, uint64_t began)
{
	uint32_t serial = ++c->serial;

	for (size_t i = 0; i < 4; i++)
		m->data[8 + i] = (uint8_t)(serial >> (8 * i));
	c->began[serial % CLIENT_WAITING] = began;
	c->waiting++;
	send_all(c->fd, m->data, m->len);
}

void client_read(struct client *c, bool wait)
{
	static uint8_t rest[sizeof(c->in)];
	ssize_t n;

	c->have -= c->read;
	if (c->read && c->have) {
		bytes_copy(rest, sizeof(rest), c->in + c->read, c->have);
		bytes_copy(c->in, sizeof(c->in), rest, c->have);
	}
	c->read = 0;
	n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, wait ? 0 : MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		die("recv", n < 0 ? strerror(errno) : "the bus closed");
	c->have += (size_t)n;
}

/* -- the header -- */

static uint32_t get_u32(struct reader *r)
{
	return __builtin_bswap32(reader_u32(r));
}

static void align(struct reader *r, size_t whole, size_t to)
{
	(void)reader_take(r, (to - (whole - r->left) % to) % to);
}

static void read_field(struct reader *r, size_t whole, struct message *ret)
{
	struct view text;
	uint8_t code, kind;
	uint32_t number;

	align(r, whole, 8);
	code = reader_u8(r);
	(void)reader_u8(r); /* length of the signature: 1 in all fields */
	kind = reader_u8(r);
	(void)reader_u8(r);
	if (kind == 'g') {
		(void)reader_take(r, (size_t)reader_u8(r) + 1);
		return;
	}
	align(r, whole, 4);
	number = get_u32(r);
	if (kind == 'u') {
		if (code == DBUS_HEADER_FIELD_REPLY_SERIAL)
			ret->reply_to = number;
		return;
	}
	text = reader_take(r, (size_t)number);
	(void)reader_u8(r);
	if (code == DBUS_HEADER_FIELD_MEMBER)
		ret->member = text;
}

bool client_next(struct client *c, struct message *ret)
{
	struct view all = {.data = c->in + c->read, .len = c->have - c->read};
	struct reader r = reader_of(all);
	struct message m = {.type = 0};
	uint32_t body, fields;
	size_t head, whole;

	if (all.len < 16)
		return false;
	(void)reader_u8(&r);
	m.type = reader_u8(&r);
	(void)reader_u16(&r);
	body = get_u32(&r);
	(void)get_u32(&r);
	fields = get_u32(&r);
	head = ((size_t)16 + fields + 7) / 8 * 8;
	whole = head + body;
	if (whole > sizeof(c->in))
		die("message", "too large");
	if (all.len < whole)
		return false;
	r = reader_of(view_sub(all, 0, (size_t)16 + fields));
	(void)reader_take(&r, 16);
	while (r.left && !r.failed)
		read_field(&r, (size_t)16 + fields, &m);
	if (r.failed)
		die("message", "header");
	m.whole = view_sub(all, 0, whole);
	c->read += whole;
	if (m.type == DBUS_MESSAGE_TYPE_METHOD_RETURN || m.type == DBUS_MESSAGE_TYPE_ERROR)
		c->waiting--;
	*ret = m;
	return true;
}

int client_reply(struct client *c)
{
	struct message m;

	for (;;) {
		while (client_next(c, &m))
			if (m.reply_to == c->serial)
				return m.type;
		client_read(c, true);
	}
}

/* -- opening -- */

static void authenticate(int fd)
{
	struct buf line = BUF_NULL(128), uid = BUF_NULL(32);
	char answer[128] = "";

	buf_printf(&uid, "%u", geteuid());
	buf_put_u8(&line, 0);
	buf_put_str(&line, "AUTH EXTERNAL ");
	for (size_t i = 0; i < uid.len; i++)
		buf_printf(&line, "%02x", uid.data[i]);
	buf_put_str(&line, "\r\n");
	send_all(fd, line.data, line.len);
	if (recv(fd, answer, sizeof(answer) - 1, 0) < 3 || strncmp(answer, "OK ", 3) != 0)
		die("auth", answer);
	send_all(fd, "BEGIN\r\n", 7);
	buf_done(&line);
	buf_done(&uid);
}

static void bus_call(struct client *c, const char *member, const char *text)
{
	DBusMessage *m = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, member);
	struct buf b;

	if (text)
		(void)dbus_message_append_args(m, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID);
	marshal(&b, m);
	client_send(c, &b, 0);
	buf_done(&b);
	if (client_reply(c) != DBUS_MESSAGE_TYPE_METHOD_RETURN)
		die(member, "refused");
}

void client_open(struct client *c)
{
	const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!address || strncmp(address, "unix:path=", 10) != 0 ||
		view_copy_str(view_str(address + 10), to.sun_path, sizeof(to.sun_path)) < 0)
		die("address", address ? address : "none");
	*c = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		die("connect", strerror(errno));
	authenticate(c->fd);
	bus_call(c, "Hello", NULL);
}

void client_close(struct client *c)
{
	(void)close(c->fd);
	c->fd = -1;
}

void client_match(struct client *c, const char *rule)
{
	bus_call(c, "AddMatch", rule);
}
