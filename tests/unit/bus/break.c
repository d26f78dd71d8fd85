/* SPDX-License-Identifier: EUPL-1.2 */
/* The functions that may fail, each wrapped by the linker: one call of all of them fails. */
#include "tests/unit/bus/break.h"

#include <dbus/dbus.h>
#include <stdlib.h>
#include <systemd/sd-event.h>

#include "base/json.h"
#include "tests/unit/bus/bed.h"

static struct {
	bool on;
	unsigned int left; /* 0: none fails any more */
} state;

void break_at(unsigned int n)
{
	state.left = n;
}

void break_on(bool on)
{
	state.on = on;
}

bool break_done(void)
{
	return state.left == 0;
}

static bool now(void)
{
	return state.on && state.left && --state.left == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return now() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_realloc(void *p, size_t size)
{
	return now() ? NULL : __real_realloc(p, size);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);

char *__wrap_strdup(const char *s)
{
	return now() ? NULL : __real_strdup(s);
}

DBusMessage *__real_dbus_message_new_method_call(
	const char *d, const char *p, const char *i, const char *m);
DBusMessage *__wrap_dbus_message_new_method_call(
	const char *d, const char *p, const char *i, const char *m);

DBusMessage *__wrap_dbus_message_new_method_call(
	const char *d, const char *p, const char *i, const char *m)
{
	return now() ? NULL : __real_dbus_message_new_method_call(d, p, i, m);
}

DBusMessage *__real_dbus_message_new_method_return(DBusMessage *m);
DBusMessage *__wrap_dbus_message_new_method_return(DBusMessage *m);

DBusMessage *__wrap_dbus_message_new_method_return(DBusMessage *m)
{
	return now() ? NULL : __real_dbus_message_new_method_return(m);
}

DBusMessage *__real_dbus_message_new_signal(const char *p, const char *i, const char *n);
DBusMessage *__wrap_dbus_message_new_signal(const char *p, const char *i, const char *n);

DBusMessage *__wrap_dbus_message_new_signal(const char *p, const char *i, const char *n)
{
	return now() ? NULL : __real_dbus_message_new_signal(p, i, n);
}

DBusMessage *__real_dbus_message_new_error(DBusMessage *m, const char *n, const char *t);
DBusMessage *__wrap_dbus_message_new_error(DBusMessage *m, const char *n, const char *t);

DBusMessage *__wrap_dbus_message_new_error(DBusMessage *m, const char *n, const char *t)
{
	return now() ? NULL : __real_dbus_message_new_error(m, n, t);
}

dbus_bool_t __real_dbus_message_iter_append_basic(DBusMessageIter *it, int type, const void *v);
dbus_bool_t __wrap_dbus_message_iter_append_basic(DBusMessageIter *it, int type, const void *v);

dbus_bool_t __wrap_dbus_message_iter_append_basic(DBusMessageIter *it, int type, const void *v)
{
	return now() ? FALSE : __real_dbus_message_iter_append_basic(it, type, v);
}

dbus_bool_t __real_dbus_message_iter_open_container(
	DBusMessageIter *it, int type, const char *s, DBusMessageIter *sub);
dbus_bool_t __wrap_dbus_message_iter_open_container(
	DBusMessageIter *it, int type, const char *s, DBusMessageIter *sub);

dbus_bool_t __wrap_dbus_message_iter_open_container(
	DBusMessageIter *it, int type, const char *s, DBusMessageIter *sub)
{
	return now() ? FALSE : __real_dbus_message_iter_open_container(it, type, s, sub);
}

dbus_bool_t __real_dbus_connection_send(DBusConnection *c, DBusMessage *m, dbus_uint32_t *n);
dbus_bool_t __wrap_dbus_connection_send(DBusConnection *c, DBusMessage *m, dbus_uint32_t *n);

dbus_bool_t __wrap_dbus_connection_send(DBusConnection *c, DBusMessage *m, dbus_uint32_t *n)
{
	return now() ? FALSE : __real_dbus_connection_send(c, m, n);
}

dbus_bool_t __real_dbus_connection_send_with_reply(
	DBusConnection *c, DBusMessage *m, DBusPendingCall **p, int t);
dbus_bool_t __wrap_dbus_connection_send_with_reply(
	DBusConnection *c, DBusMessage *m, DBusPendingCall **p, int t);

dbus_bool_t __wrap_dbus_connection_send_with_reply(
	DBusConnection *c, DBusMessage *m, DBusPendingCall **p, int t)
{
	return now() ? FALSE : __real_dbus_connection_send_with_reply(c, m, p, t);
}

dbus_bool_t __real_dbus_pending_call_set_notify(
	DBusPendingCall *p, DBusPendingCallNotifyFunction f, void *u, DBusFreeFunction d);
dbus_bool_t __wrap_dbus_pending_call_set_notify(
	DBusPendingCall *p, DBusPendingCallNotifyFunction f, void *u, DBusFreeFunction d);

dbus_bool_t __wrap_dbus_pending_call_set_notify(
	DBusPendingCall *p, DBusPendingCallNotifyFunction f, void *u, DBusFreeFunction d)
{
	return now() ? FALSE : __real_dbus_pending_call_set_notify(p, f, u, d);
}

dbus_bool_t __real_dbus_message_marshal(DBusMessage *m, char **b, int *n);
dbus_bool_t __wrap_dbus_message_marshal(DBusMessage *m, char **b, int *n);

dbus_bool_t __wrap_dbus_message_marshal(DBusMessage *m, char **b, int *n)
{
	return now() ? FALSE : __real_dbus_message_marshal(m, b, n);
}

dbus_bool_t __real_dbus_message_set_destination(DBusMessage *m, const char *d);
dbus_bool_t __wrap_dbus_message_set_destination(DBusMessage *m, const char *d);

dbus_bool_t __wrap_dbus_message_set_destination(DBusMessage *m, const char *d)
{
	return now() ? FALSE : __real_dbus_message_set_destination(m, d);
}

int __real_json_memfd(const json_t *j, const char *n, int *r);
int __wrap_json_memfd(const json_t *j, const char *n, int *r);

int __wrap_json_memfd(const json_t *j, const char *n, int *r)
{
	return now() ? -12 : __real_json_memfd(j, n, r);
}

json_t *__real_json_object(void);
json_t *__wrap_json_object(void);

json_t *__wrap_json_object(void)
{
	return now() ? NULL : __real_json_object();
}

json_t *__real_json_array(void);
json_t *__wrap_json_array(void);

json_t *__wrap_json_array(void)
{
	return now() ? NULL : __real_json_array();
}

json_t *__real_json_string(const char *s);
json_t *__wrap_json_string(const char *s);

json_t *__wrap_json_string(const char *s)
{
	return now() ? NULL : __real_json_string(s);
}

int __real_json_parse(struct view t, json_t **r);
int __wrap_json_parse(struct view t, json_t **r);

int __wrap_json_parse(struct view t, json_t **r)
{
	return now() ? JSON_INVALID : __real_json_parse(t, r);
}

/* the design's 120 s are not waited for: bed.faster */
int __real_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *userdata);
int __real_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec);

int __wrap_sd_event_add_time_relative(sd_event *e, sd_event_source **s, clockid_t clock,
	uint64_t usec, uint64_t accuracy, sd_event_time_handler_t callback, void *userdata)
{
	if (now())
		return -12;
	return __real_sd_event_add_time_relative(
		e, s, clock, usec / bed.faster, accuracy ? accuracy : 1000, callback, userdata);
}

int __wrap_sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec)
{
	return __real_sd_event_source_set_time_relative(s, usec / bed.faster);
}

int __real_sd_event_add_defer(
	sd_event *e, sd_event_source **s, sd_event_handler_t callback, void *userdata);
int __wrap_sd_event_add_defer(
	sd_event *e, sd_event_source **s, sd_event_handler_t callback, void *userdata);

int __wrap_sd_event_add_defer(
	sd_event *e, sd_event_source **s, sd_event_handler_t callback, void *userdata)
{
	return now() ? -12 : __real_sd_event_add_defer(e, s, callback, userdata);
}

int __real_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *userdata);
int __wrap_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *userdata);

int __wrap_sd_event_add_io(sd_event *e, sd_event_source **s, int fd, uint32_t events,
	sd_event_io_handler_t callback, void *userdata)
{
	return now() ? -12 : __real_sd_event_add_io(e, s, fd, events, callback, userdata);
}
