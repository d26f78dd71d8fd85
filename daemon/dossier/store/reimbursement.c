/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which reimbursements count, and by what name they are known. A name follows from the dossier's key
 * and the line's own id, so that a feed that is imported again finds what is there, and a thief of the
 * file learns nothing from it.
 */
#include "daemon/dossier/store/reimbursement.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/dossier/store/metadata.h"
#include "daemon/limits.h"

#define YEARS	 2U  /* 24 months */
#define ID_BYTES 16U /* of a UUID */

/* The same day two years ago, as text: 29 February stands before 1 March in every year. */
void reimbursement_oldest(char ret[11])
{
	uint64_t now = clock_wall();
	struct reader in;
	char today[28];
	unsigned int year = 0;

	if (now < LIMIT_CLOCK_SET) {
		ret[0] = '\0';
		return;
	}
	clock_rfc3339(now, today);
	in = reader_of(view_str(today));
	for (unsigned int i = 0; i < 4; i++) {
		year = year * 10 + (unsigned int)(reader_u8(&in) - '0');
	}
	(void)snprintf(ret, 11, "%04u%.6s", (year - YEARS) % 10000, today + 4);
}

bool reimbursement_lapsed(const json_t *metadata)
{
	const char *day = json_get_str(metadata, "date");
	char oldest[11];

	if (!day || !metadata_fed(json_get_str(metadata, "type"))) {
		return false;
	}
	reimbursement_oldest(oldest);
	return strcmp(day, oldest) < 0;
}

static int hex_id(const uint8_t bytes[ID_BYTES], char ret_id[STORE_ID + 1])
{
	static const uint8_t parts[] = {4, 2, 2, 2, 6};
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ID);
	struct reader in = reader_of(view_of(bytes, ID_BYTES));
	int r;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		buf_put_str(&text, i > 0 ? "-" : "");
		hex_encode(&text, reader_take(&in, parts[i]));
	}
	r = buf_check(&text);
	return r < 0 ? trace(r) : trace(view_copy_str(buf_view(&text), ret_id, STORE_ID + 1));
}

/* RFC 9562: version 8, whose bits are the maker's own. */
int reimbursement_id(const struct store *s, const char *line, char ret_id[STORE_ID + 1])
{
	uint8_t hash[SEAL_HASH], id[ID_BYTES];
	_cleanup_(secret_done) struct secret key = SECRET_NULL;
	int r;

	r = seal_derive(view_of(s->key.data, s->key.len), VIEW_NULL, "vitaled reimbursement 1",
		store_pseudonym(s), &key);
	if (r == 0) {
		r = seal_hmac(view_of(key.data, key.len), view_str(line), hash);
	}
	if (r < 0) {
		return trace(r);
	}
	bytes_copy(id, sizeof(id), hash, sizeof(id));
	id[6] = (uint8_t)((id[6] & 0x0FU) | 0x80U);
	id[8] = (uint8_t)((id[8] & 0x3FU) | 0x80U);
	return trace(hex_id(id, ret_id));
}
