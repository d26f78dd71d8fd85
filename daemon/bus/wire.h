/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Building and reading D-Bus messages: one sticky failure flag instead of a check at each append.
 * Text that is not UTF-8 (a reader's name) is made so, since libdbus refuses anything else.
 */
#include <dbus/dbus.h>

#include "base/json.h"

struct wire {
	DBusMessage *m; /* owned by the top one; NULL in a container */
	DBusMessageIter it;
	bool ok;
};

void wire_reply(struct wire *w, DBusMessage *call);
void wire_signal(struct wire *w, const char *path, const char *interface, const char *member);
void wire_call(struct wire *w, const char *destination, const char *path, const char *interface,
	const char *member);
void wire_done(struct wire *w);
DBusMessage *wire_take(struct wire *w); /* the message, or NULL when something failed */

void wire_str(struct wire *w, const char *text);
void wire_path(struct wire *w, const char *path);
void wire_u8(struct wire *w, uint8_t v);
void wire_u32(struct wire *w, uint32_t v);
void wire_u64(struct wire *w, uint64_t v);
void wire_bool(struct wire *w, bool v);
void wire_fd(struct wire *w, int fd); /* duplicated: the caller keeps its own */
void wire_bytes(struct wire *w, struct view v);

/** wire_open() - begin a container in @w; ended by wire_close() whatever happened in between. */
void wire_open(struct wire *w, int type, const char *signature, struct wire *ret_sub);
void wire_close(struct wire *w, struct wire *sub);
/** wire_entry() - begin {sv} with @key in dictionary @dict: @ret_e the entry, @ret_v the variant. */
void wire_entry(struct wire *dict, const char *key, const char *signature, struct wire *ret_e,
	struct wire *ret_v);
void wire_entry_close(struct wire *dict, struct wire *e, struct wire *v);
void wire_sv_str(struct wire *dict, const char *key, const char *text);
void wire_sv_u8(struct wire *dict, const char *key, uint8_t v);
void wire_sv_u32(struct wire *dict, const char *key, uint32_t v);
void wire_sv_u64(struct wire *dict, const char *key, uint64_t v);
void wire_sv_bool(struct wire *dict, const char *key, bool v);

/* -- reading: the signature was checked before -- */
const char *wire_get_str(DBusMessageIter *it); /* s or o, borrowed from the message */
uint32_t wire_get_u32(DBusMessageIter *it);
bool wire_get_bool(DBusMessageIter *it);
int wire_get_fd(DBusMessageIter *it); /* the caller owns it; -1 when the message has none */

enum wire_outcome {
	WIRE_INVALID = 1,
};

/** struct wire_option - one key that a dictionary may hold. @set: 0, a fault or WIRE_INVALID. */
struct wire_option {
	const char *key;
	const char *signature;
	int (*set)(void *user, DBusMessageIter *value);
};

/**
 * wire_options() - give the entries of an a{sv} to their setters
 * @ret_bad: on WIRE_INVALID the name of the key that is unknown, twice there, of another type or
 *           refused by its setter; borrowed from the message. It is never a value.
 */
int wire_options(DBusMessageIter *dict, const struct wire_option *options, size_t n, void *user,
	const char **ret_bad) _must_check_;
/** wire_filter() - the same for a filter whose entries become members of a new JSON object. */
int wire_filter(DBusMessageIter *dict, const struct wire_option *options, size_t n,
	json_t **ret, const char **ret_bad) _must_check_;
