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
#define AHEAD	 1U  /* month that a feed may be on its way */
#define ID_BYTES 16U /* of a UUID */

static unsigned int digits(struct reader *in, unsigned int n)
{
	unsigned int v = 0;

	for (unsigned int i = 0; i < n; i++) {
		v = v * 10 + (unsigned int)(reader_u8(in) - '0');
	}
	return v;
}

/* Two years before the day @text and @months (0 or 1) after that, as text: 29 February stands before 1
 * March in every year, and 31 June before 1 July. */
static void two_years_before(const char *text, unsigned int months, char ret[11])
{
	struct reader in = reader_of(view_str(text));
	unsigned int year = digits(&in, 4) - YEARS;
	unsigned int month;

	(void)reader_u8(&in);
	month = digits(&in, 2) + months;
	if (month > 12) {
		month = 1;
		year++;
	}
	(void)snprintf(ret, 11, "%04u-%02u%.3s", year % 10000, month % 100, text + 7);
}

/* The first day that still counts; "" with no clock. @made: NULL, or of the feed. */
static void oldest_of(const char *made, char ret[11])
{
	uint64_t now = clock_wall();
	char today[28];
	char by_feed[11];

	if (now < LIMIT_CLOCK_SET) {
		ret[0] = '\0';
		return;
	}
	clock_rfc3339(now, today);
	two_years_before(today, 0, ret);
	if (!made) {
		return;
	}
	two_years_before(made, AHEAD, by_feed);
	if (strcmp(by_feed, ret) < 0) {
		bytes_copy(ret, 11, by_feed, sizeof(by_feed));
	}
}

static bool is_before(const json_t *metadata, const char *made)
{
	const char *day = json_get_str(metadata, "date");
	char oldest[11];

	if (!day || !metadata_fed(json_get_str(metadata, "type"))) {
		return false;
	}
	oldest_of(made, oldest);
	return strcmp(day, oldest) < 0;
}

bool reimbursement_lapsed(const json_t *metadata)
{
	return is_before(metadata, NULL);
}

bool reimbursement_lapsed_by(const json_t *metadata, const char *made)
{
	return is_before(metadata, made);
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
