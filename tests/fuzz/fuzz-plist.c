/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of client/plist.h and of what the doctor makes of foreign bytes: a driver's Info.plist, the
 * program of pcscd, texts of sysfs, a node's list of rights. What is claimed is a number with a name,
 * twice the same, and whatever is shown is UTF-8 without control characters.
 */
#include <assert.h>
#include <string.h>

#include "client/doctor.h"
#include "client/plist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(json_t *j)
{
	assert(j && json_is_string(j));
	for (const char *c = json_string_value(j); *c; c++) {
		assert((unsigned char)*c >= 0x20 && *c != 0x7F);
	}
	json_decref(j);
}

static void check_claims(const json_t *map)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)map, key, value)
	{
		uint16_t vendor, product;
		char again[10];

		assert(strlen(key) == 9 && key[4] == ':' && json_is_string(value));
		assert(plist_hex(view_of(key, 4), &vendor));
		assert(plist_hex(view_of(key + 5, 4), &product));
		plist_key(vendor, product, again);
		assert(strcmp(again, key) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *map = json_object();
	_cleanup_json_ json_t *other = json_object();
	json_t *version = doctor_pcscd_version(view_of(data, size));
	int r;

	assert(map && other);
	r = plist_claimed(view_of(data, size), map);
	assert(r == 0 || r == PLIST_MALFORMED);
	check_claims(map);
	assert(plist_claimed(view_of(data, size), other) == r && json_equal(map, other));
	if (version) {
		assert(strspn(json_string_value(version), "0123456789.") ==
			json_string_length(version));
		json_decref(version);
	}
	check_text(doctor_text(view_of(data, size)));
	json_decref(plist_text(view_of(data, size), "ifdFriendlyName"));
	/* a list of nothing, or of less than two entries, lets nobody in whom the other did not */
	assert(!doctor_acl_allows(view_of(data, size), 0xFFFFFFFEU) || size >= 12);
	return 0;
}
