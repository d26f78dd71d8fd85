/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Values of D-Bus messages as JSON, which is what every command prints: dictionaries and arrays of
 * dictionary entries become objects, structs and arrays become arrays, ay becomes hexadecimal text,
 * object paths and signatures text, file descriptors null.
 */
#include <dbus/dbus.h>

#include "base/json.h"

#define VALUE_DEPTH 16U /* nesting that we follow; the API's deepest is 6 */

enum value_outcome {
	VALUE_STRANGE = 1, /* a type that the API does not use (doubles), or nested too deep */
};

/** value_args() - all arguments of @m as a new array. */
int value_args(DBusMessage *m, json_t **ret) _must_check_;
/** value_fds() - the @n file descriptors among @m's arguments, in order; owned by the caller.
 *  Return: 0 or VALUE_STRANGE when there are not exactly @n. */
int value_fds(DBusMessage *m, size_t n, int *ret_fds) _must_check_;

/** value_dict_fd() - the descriptor @key of the a{sv} that is @m's last argument; owned by the caller.
 *  Return: 0 or VALUE_STRANGE when there is none. */
int value_dict_fd(DBusMessage *m, const char *key, int *ret_fd) _must_check_;

/* Writers for a{sv}. false: out of memory. */
bool value_open_dict(DBusMessageIter *args, DBusMessageIter *ret_dict);
bool value_put_str(DBusMessageIter *dict, const char *key, const char *value);
bool value_put_u32(DBusMessageIter *dict, const char *key, uint32_t value);
bool value_put_bool(DBusMessageIter *dict, const char *key, bool value);
bool value_put_fd(DBusMessageIter *dict, const char *key, int fd);
/** value_put_list() - "a,b" as an array of strings. */
bool value_put_list(DBusMessageIter *dict, const char *key, const char *list);
/** value_put_name() - {name s, version s} as a{sv}: the option application. */
bool value_put_name(
	DBusMessageIter *dict, const char *key, const char *name, const char *version);
/** value_append_list() - "a,b" as an argument of type as. */
bool value_append_list(DBusMessageIter *args, const char *list);
