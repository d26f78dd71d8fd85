/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The bare loop of `run bench dossier`: a content in chunks of 64 KiB under AES-256-GCM in an SQLite
 * file, read, opened and written to standard output, and nothing else.
 *
 * usage: bare-read make FILE BYTES    BYTES of one letter
 *        bare-read read FILE          once for each byte that comes on standard input
 */
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536
#define TAG   16

static const uint8_t key[32] = {1, 2, 3};
static uint8_t plain[CHUNK], sealed[CHUNK + TAG];

static void need(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "bare-read: %s\n", what);
		exit(1);
	}
}

static void nonce_of(uint32_t number, uint8_t ret[12])
{
	(void)memset(ret, 0, 12);
	for (int i = 0; i < 4; i++)
		ret[8 + i] = (uint8_t)(number >> (8 * i));
}

static void make(sqlite3 *db, EVP_CIPHER_CTX *c, uint64_t bytes)
{
	sqlite3_stmt *put = NULL;
	uint8_t nonce[12];
	int n;

	need(sqlite3_exec(db,
		     "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; BEGIN;"
		     "CREATE TABLE chunk(key INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
		     NULL, NULL, NULL) == SQLITE_OK &&
			sqlite3_prepare_v2(db, "INSERT INTO chunk VALUES(?1, ?2)", -1, &put,
				NULL) == SQLITE_OK,
		"cannot be made");
	(void)memset(plain, 'x', sizeof(plain));
	for (uint32_t i = 0; i < bytes / CHUNK; i++) {
		nonce_of(i, nonce);
		need(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
				EVP_EncryptUpdate(c, sealed, &n, plain, CHUNK) == 1 &&
				EVP_EncryptFinal_ex(c, sealed + n, &n) == 1 &&
				EVP_CIPHER_CTX_ctrl(
					c, EVP_CTRL_GCM_GET_TAG, TAG, sealed + CHUNK) == 1,
			"cannot be sealed");
		(void)sqlite3_bind_int64(put, 1, i);
		(void)sqlite3_bind_blob(put, 2, sealed, CHUNK + TAG, SQLITE_STATIC);
		need(sqlite3_step(put) == SQLITE_DONE && sqlite3_reset(put) == SQLITE_OK,
			"cannot be written");
	}
	(void)sqlite3_finalize(put);
	need(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "cannot be committed");
}

static void write_all(const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, data, len);

		need(n > 0, "nobody reads");
		data += n;
		len -= (size_t)n;
	}
}

static void open_chunk(EVP_CIPHER_CTX *c, uint32_t number, sqlite3_stmt *get)
{
	const uint8_t *blob = sqlite3_column_blob(get, 0);
	uint8_t nonce[12], tag[TAG];
	int n;

	need(sqlite3_column_bytes(get, 0) == CHUNK + TAG, "is not a chunk");
	nonce_of(number, nonce);
	for (int i = 0; i < TAG; i++)
		tag[i] = blob[CHUNK + i];
	need(EVP_DecryptInit_ex(c, NULL, NULL, NULL, nonce) == 1 &&
			EVP_DecryptUpdate(c, plain, &n, blob, CHUNK) == 1 &&
			EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1 &&
			EVP_DecryptFinal_ex(c, plain + n, &n) == 1,
		"cannot be opened");
	write_all(plain, CHUNK);
}

static void read_once(sqlite3 *db, EVP_CIPHER_CTX *c)
{
	sqlite3_stmt *get = NULL;
	uint32_t i = 0;

	need(sqlite3_prepare_v2(db, "SELECT sealed FROM chunk ORDER BY key", -1, &get, NULL) ==
				SQLITE_OK &&
			EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, NULL) == 1,
		"cannot be read");
	while (sqlite3_step(get) == SQLITE_ROW)
		open_chunk(c, i++, get);
	(void)sqlite3_finalize(get);
}

static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n;
}

int main(int argc, char **argv)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	sqlite3 *db = NULL;
	char go;

	need(c && argc >= 3 && sqlite3_open(argv[2], &db) == SQLITE_OK,
		"usage: make FILE BYTES | read FILE");
	if (strcmp(argv[1], "make") == 0 && argc == 4)
		make(db, c, number_of(argv[3]));
	else
		while (read(STDIN_FILENO, &go, 1) == 1)
			read_once(db, c);
	(void)sqlite3_close(db);
	EVP_CIPHER_CTX_free(c);
	return 0;
}
