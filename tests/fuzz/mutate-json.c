/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The mutator of inputs that are two bytes and JSON (fuzz-profile.c): members are set, taken out,
 * doubled and changed, one in eight times the bytes are. Nothing is walked deeper than the members
 * of members of members.
 */
#include <jansson.h>
#include <string.h>

#include "tests/fuzz/fail.h"

#define HEAD	   2U
#define CONTAINERS 128U
#define TEXT	   256U

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

static const char *const names[] = {"kind", "atr", "atr_byte", "authority", "serial",
	"from_days", "until_days", "max_answer", "rsa_ms", "ec_ms", "valid_from", "people",
	"coverage", "organisation", "photo", "absent", "no_sfi", "surname", "given", "birth",
	"nir", "country", "rank", "index", "from", "to", "ald", "situation", "professional",
	"activities", "id", "title", "type", "profession", "future_profession",
	"responsibility", "speciality", "structure", "department", "number", "name", "sector",
	"actua", "actua_from", "actua_to", "contactless", "pin", "puk", "pin_each_signature",
	"revoked", "crl_days", "keys", "card", "authentication", "signature", "technical",
	"certificates", "root", "point", "value", "tries", "max", "uses", "version", "profile"};

static const char *const texts[] = {"", "vitale", "vitale-1", "cps3", "cps4", "other",
	"simulated", "test", "real", "stranger", "3B751300004309EA9000",
	"3BAC00402A001225006480530310009000", "3B8F80010031B86404B0ECC1739401808290000E",
	"3B9B188001001225006480040100009044", "43", "zz", "3B", "802500000199000101",
	"8025000001990001", "9250000100000528", "20250115", "019990000", "pointers", "validity",
	"certificate", "coverage", "rights", "photo", "19720308", "720308", "1972030",
	"272030099001177", "555555000000100", "27203002A000000", "2720 30099001178",
	"A72030099001177", "889900000012", "399999999/1", "599/", "399/1/2", "empty", "zeros",
	"20250101000000", "202501010000", "1234", "12345678", "SA07", "SM26",
	"H\xC3\xA9l\xC3\xA8ne", "\xE2\x82\xAC", "0", "0100",
	"123456789012345678901234567890123456789012345678901234567890123456789"};

static const json_int_t numbers[] = {0, 1, -1, 2, 3, 9, 10, 15, 16, 17, 19, 60, 64, 99, 100,
	255, 256, 257, 4000, 8192, 8193, 10000, 36500, -36500, 65535, 65536};

static uint32_t state;

static size_t pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return n ? state % n : 0;
}

static json_t *value(void)
{
	switch (pick(8)) {
	case 0:
		return json_boolean(pick(2));
	case 1:
		return pick(2) ? json_array() : json_object();
	case 2:
		return json_null();
	case 3:
	case 4:
		return json_integer(numbers[pick(ARRAY_LEN(numbers))]);
	}
	return json_string(texts[pick(ARRAY_LEN(texts))]);
}

/* Every object and array in @root, itself first. Return: how many. */
static size_t list(json_t *root, json_t **to)
{
	size_t n = 1;

	to[0] = root;
	for (size_t at = 0; at < n; at++) {
		const char *name;
		json_t *one;
		size_t i;

		json_object_foreach(to[at], name, one)
		{
			if (n < CONTAINERS && (json_is_object(one) || json_is_array(one))) {
				to[n++] = one;
			}
		}
		json_array_foreach(to[at], i, one)
		{
			if (n < CONTAINERS && (json_is_object(one) || json_is_array(one))) {
				to[n++] = one;
			}
		}
	}
	return n;
}

/* Some member of @object; NULL: it has none. */
static const char *member(json_t *object)
{
	void *at = json_object_iter(object);
	size_t skip = pick(json_object_size(object));

	while (at && skip-- > 0) {
		at = json_object_iter_next(object, at);
	}
	return at ? json_object_iter_key(at) : NULL;
}

static json_t *changed(const json_t *old)
{
	uint8_t text[TEXT];
	size_t n;

	if (!json_is_string(old) || json_string_length(old) > TEXT / 2) {
		return value();
	}
	n = json_string_length(old);
	bytes_copy(text, sizeof(text), json_string_value(old), n);
	n = LLVMFuzzerMutate(text, n, TEXT);
	return json_stringn((const char *)text, n); /* NULL when it is no UTF-8 */
}

static void change_object(json_t *object)
{
	const char *name = member(object);
	json_t *new = NULL;

	switch (pick(4)) {
	case 0:
		if (name) {
			json_object_del(object, name);
		}
		return;
	case 1:
		json_object_set_new(object, names[pick(ARRAY_LEN(names))], value());
		return;
	}
	if (name) {
		new = changed(json_object_get(object, name));
		if (new) {
			json_object_set_new(object, name, new);
		}
	}
}

static void change_array(json_t *array)
{
	size_t at = pick(json_array_size(array));
	json_t *old = json_array_get(array, at);

	if (!old || pick(4) == 0) {
		json_array_append_new(array, value());
	} else if (pick(2)) {
		json_array_append_new(array, json_deep_copy(old));
	} else {
		json_array_remove(array, at);
	}
}

static size_t dump(const json_t *root, uint8_t *to, size_t max_size)
{
	char *text = json_dumps(root, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;

	if (n > max_size) {
		n = 0;
	}
	bytes_copy(to, max_size, text, n);
	free(text);
	return n;
}

size_t target_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static json_t *found[CONTAINERS];
	json_t *root;
	size_t n;

	state = seed * 2654435761U | 1U;
	if (size < HEAD || pick(8) == 0) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	root = json_loadb((const char *)data + HEAD, size - HEAD, 0, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return LLVMFuzzerMutate(data, size, max_size);
	}
	for (size_t times = 1 + pick(3); times > 0; times--) {
		json_t *one = found[pick(list(root, found))];

		if (json_is_object(one)) {
			change_object(one);
		} else {
			change_array(one);
		}
	}
	if (pick(8) == 0) {
		data[pick(HEAD)] = (uint8_t)pick(256);
	}
	n = dump(root, data + HEAD, max_size - HEAD);
	json_decref(root);
	return n > 0 ? HEAD + n : size;
}
