/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* One dossier's file with two documents of two chunks each, for the tests of the store. */
#include "daemon/dossier/store/store.h"

#define FILE_PSEUDONYM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILE_ID_A      "00000000-0000-4000-8000-00000000000a"
#define FILE_ID_B      "00000000-0000-4000-8000-00000000000b"

extern char file_root[64];
extern const uint8_t file_key[SEAL_KEY];
extern const uint8_t file_salt[32]; /* of both contents */

int file_folder(void **state); /* setup and teardown of a test */
int file_remove(void **state);
void file_put(struct store *s, int64_t seq, const char *id, const char *record);
void file_fill(void); /* version 1: created; version 2: the documents */
/** file_reopen() - open, load, grant. Return: the first outcome that is not 0. */
int file_reopen(struct store *s);
int file_reopen_with(struct store *s, struct view k);
const char *file_path(const char *suffix);
void file_tamper(const char *sql); /* on the closed file, as a thief would write it */
/** file_read_all() - everything of the two documents. Return: the first outcome that is not 0. */
int file_read_all(struct store *s);
