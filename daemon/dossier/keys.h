/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Keys of the broker: the master key, which wraps every dossier's key, and the key of the
 * pseudonyms. Each is 32 bytes of a systemd credential ("dossier.key", "pseudonym.key") or, where
 * there is none, of a file of that name in the state folder, made at the first start (0600).
 *
 * Beside a dossier's store lies <pseudonym>.key, written by the broker alone:
 *   nonce (12) || AES-256-GCM by the master key of the dossier's key (32) || tag (16)
 */
#include "base/secret.h"

struct keys {
	struct secret master;
	struct secret pseudonym;
};

#define KEYS_NULL ((struct keys){0})

enum keys_load_outcome { /* what is there was made with another one, or the file holds another one */
	KEYS_OTHER_MASTER = 1,
	KEYS_OTHER_PSEUDONYM,
};

/** keys_load() - @state: the state folder. A key that is used for the first time leaves its check value
 *  there, <name>.check. Return: 0, an outcome, or a fault (-EBADMSG: not 32 bytes; -ENOKEY: there are
 *  dossiers or a check value but no key; -EPERM: the file is open to others). */
int keys_load(const char *state, struct keys *ret) _must_check_;
void keys_done(struct keys *k);

/** keys_pseudonym() - HMAC-SHA256 of @prefix and the 13 characters of a number, lower case hex. */
int keys_pseudonym(const struct keys *k, const char *prefix, const char *number,
	char ret_hex[65]) _must_check_;

enum keys_outcome {
	KEYS_ABSENT = 1, /* there is no key file */
	KEYS_DAMAGED,	 /* another master key wrapped it, or it is not whole */
};

/** keys_unwrap() - the key of dossier @pseudonym in <folder>/<two hex>/. */
int keys_unwrap(const struct keys *k, const char *folder, const char *pseudonym,
	struct secret *ret) _must_check_;
/** keys_make() - a new random key, and what is to be written of it by keys_save(). */
int keys_make(const struct keys *k, const char *pseudonym, struct secret *ret,
	struct buf *ret_wrapped) _must_check_;
/** keys_save() - durable when 0 is returned; the folder <two hex> is there. */
int keys_save(const char *folder, const char *pseudonym, struct view wrapped) _must_check_;
/** keys_remove() - of a dossier that was not created after all. */
void keys_remove(const char *folder, const char *pseudonym);
