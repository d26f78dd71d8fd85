/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Small private files, and what the local backend leaves beside the stores. A dossier that is only
 * about to be created already has a store file (its process can open none later); the marker
 * <folder>/pending/<pseudonym> tells that it goes away unless Create is called.
 */
#include "base/buf.h"

/** files_read() - a file of at most @max bytes. Return: 0 or a fault (-ENOENT, -EFBIG; -EPERM when
 *  @private and others may read it). */
int files_read(const char *path, size_t max, bool private, struct buf *ret) _must_check_;
/** files_write() - new content under @path, 0600, durable with its name when 0 is returned. */
int files_write(const char *path, struct view content) _must_check_;
/** files_mkdir() - 0700, durable; one that exists is taken. */
int files_mkdir(const char *path) _must_check_;

/** files_path() - "<folder>/<two hex>/<pseudonym><suffix>" and NUL in @out. */
int files_path(struct buf *out, const char *folder, const char *pseudonym,
	const char *suffix) _must_check_;
/** files_store_exists() - also when that cannot be told. */
bool files_store_exists(const char *folder, const char *pseudonym);
int files_mark_pending(const char *folder, const char *pseudonym) _must_check_;
void files_unmark_pending(const char *folder, const char *pseudonym);
/** files_drop_pending() - remove store and marker of a dossier that was never created. */
void files_drop_pending(const char *folder, const char *pseudonym);
/** files_key_exists() - whether the dossier @pseudonym has its key; one that cannot be looked at is there. */
bool files_key_exists(const char *folder, const char *pseudonym);
/** files_remove() - @path, durable with its name gone; one that is not there is. */
int files_remove(const char *path) _must_check_;
/** files_erase() - the key of the dossier @pseudonym, overwritten, and when that is durable its store.
 *  What is gone already is. Return: 0 or a fault. */
int files_erase(const char *folder, const char *pseudonym) _must_check_;
/** files_sweep() - drop what a broker that was killed left pending: a store with a key beside it is
 *  kept, since only Create writes keys. Makes the folders. */
int files_sweep(const char *folder) _must_check_;
