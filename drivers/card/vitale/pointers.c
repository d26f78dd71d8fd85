/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * POINTERS, the file of a Vitale that lists all its folders and files (cardpeek vitale_2.lua).
 * Pure: bytes in, a place out; the name of the DF that it returns borrows from the file.
 *
 *   E0 { A0 { 82 { key 2 | 2 bytes | name of the DF } ... }
 *        80 { name of the EF, 8 ASCII | key of its DF 2 | identifier 2 } ... }
 *
 * Objects of other tags are not ours; an entry that is shorter than its fields is CARD_BROKEN.
 */
#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"

#define TAG_LIST    0xE0U
#define TAG_FOLDERS 0xA0U
#define TAG_FOLDER  0x82U
#define TAG_FILE    0x80U

#define NAME_LEN    8U
#define UNUSED	    2U
#define DF_NAME_MAX 16U /* ISO/IEC 7816-4:2020 §8.2.1.2 */

/* The name of the DF whose key is @key. Return: 0, CARD_ABSENT or CARD_BROKEN. */
static int find_folder(struct view folders, uint16_t key, struct view *ret_aid)
{
	struct reader r = reader_of(folders);
	struct tlv t;
	int q;

	while ((q = tlv_next_padded(&r, &t)) == 0) {
		struct reader entry = reader_of(t.value);
		uint16_t of = reader_u16(&entry);

		(void)reader_take(&entry, UNUSED);
		if (t.tag != TAG_FOLDER) {
			continue;
		}
		if (entry.failed || entry.left == 0 || entry.left > DF_NAME_MAX) {
			return CARD_BROKEN;
		}
		if (of == key) {
			*ret_aid = reader_rest(&entry);
			return 0;
		}
	}
	return q == TLV_END ? CARD_ABSENT : CARD_BROKEN;
}

/* The file @name: its folder's key and its identifier. Return: 0, CARD_ABSENT or
 * CARD_BROKEN. */
static int find_file(struct view list, const char *name, uint16_t *ret_key, uint16_t *ret_fid)
{
	struct reader r = reader_of(list);
	struct tlv t;
	int q;

	while ((q = tlv_next_padded(&r, &t)) == 0) {
		struct reader entry = reader_of(t.value);
		struct view of = reader_take(&entry, NAME_LEN);
		uint16_t key = reader_u16(&entry);
		uint16_t fid = reader_u16(&entry);

		if (t.tag != TAG_FILE) {
			continue;
		}
		if (entry.failed || entry.left > 0) {
			return CARD_BROKEN;
		}
		if (view_equal(of, view_str(name))) {
			*ret_key = key;
			*ret_fid = fid;
			return 0;
		}
	}
	return q == TLV_END ? CARD_ABSENT : CARD_BROKEN;
}

int pointers_find(struct view file, const char *name, struct pointer *ret_pointer)
{
	struct pointer p = {.fid = 0};
	struct tlv list;
	struct tlv folders;
	uint16_t key;
	int r;

	if (tlv_find(file, TAG_LIST, &list) != 0 ||
		tlv_find(list.value, TAG_FOLDERS, &folders) != 0) {
		return CARD_BROKEN;
	}
	r = find_file(list.value, name, &key, &p.fid);
	if (r == 0) {
		r = find_folder(folders.value, key, &p.aid);
	}
	if (r == 0) {
		*ret_pointer = p;
	}
	return r;
}
