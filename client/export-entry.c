/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The usual form of an entry is recognised by export-scan.c, the rest is left to json_parse(), which
 * is strict.
 */
#include "client/export-entry.h"

#include <string.h>

#include "base/json.h"
#include "client/export-scan.h"

/* What scan_canonical() finds, of any entry. The boot's identifier is copied to @room. */
static void read_members(const json_t *j, uint8_t room[ENTRY_BOOT_MAX], struct scan_entry *ret)
{
	const char *boot = json_get_str(j, scan_member_name(SCAN_BOOT_ID));

	for (enum scan_member m = SCAN_NONE + 1; m < SCAN_MEMBERS; m++) {
		const char *name = scan_member_name(m);

		ret->has[m] = scan_is_text(m) ? json_get_str(j, name) != NULL
					      : json_get_int(j, name, INT64_MIN, INT64_MAX,
							&ret->numbers[m]) == 0;
	}
	if (boot && strlen(boot) <= ENTRY_BOOT_MAX) {
		bytes_copy(room, ENTRY_BOOT_MAX, boot, strlen(boot));
		ret->boot_id = view_of(room, strlen(boot));
	} else {
		ret->has[SCAN_BOOT_ID] = false;
	}
}

/* Canonical, whatever form it has. Return: 0, a fault or ENTRY_BAD. */
static int read_strange(struct view text, uint8_t room[ENTRY_BOOT_MAX], struct scan_entry *ret)
{
	_cleanup_json_ json_t *j = NULL;
	_cleanup_(buf_done) struct buf again = BUF_NULL(SCAN_TEXT_MAX);
	int r = json_parse(text, &j);

	if (r == 0) {
		r = json_canonical(j, &again);
	}
	if (r != 0) {
		return r < 0 ? trace(r) : ENTRY_BAD;
	}
	if (!view_equal(buf_view(&again), text) || !json_is_object(j)) {
		return ENTRY_BAD;
	}
	read_members(j, room, ret);
	return 0;
}

/* The one that belongs at @index, with all that an entry must say. */
static bool is_entry(const struct scan_entry *e, uint64_t index)
{
	for (enum scan_member m = SCAN_NONE + 1; m < SCAN_MEMBERS; m++) {
		if (!e->has[m]) {
			return false;
		}
	}
	return e->numbers[SCAN_FORMAT] == 1 && e->numbers[SCAN_SEQUENCE] >= 0 &&
	       (uint64_t)e->numbers[SCAN_SEQUENCE] == index && e->boot_id.len <= ENTRY_BOOT_MAX;
}

static bool goes_back(const struct scan_entry *e, const struct entry_boot *boot)
{
	return boot->known && e->numbers[SCAN_BOOT_TIME] < boot->time &&
	       view_equal(e->boot_id, view_of(boot->id, boot->len));
}

int entry_check(struct view text, uint64_t index, struct entry_boot *boot)
{
	uint8_t room[ENTRY_BOOT_MAX];
	struct scan_entry e = {0};
	int r = scan_canonical(text, &e) ? 0 : read_strange(text, room, &e);

	if (r != 0) {
		return trace(r);
	}
	if (!is_entry(&e, index) || goes_back(&e, boot)) {
		return ENTRY_BAD;
	}
	bytes_copy(boot->id, sizeof(boot->id), e.boot_id.data, e.boot_id.len);
	boot->len = e.boot_id.len;
	boot->time = e.numbers[SCAN_BOOT_TIME];
	boot->known = true;
	return 0;
}
