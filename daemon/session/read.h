/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Small readers that this room needs where an absent value has a fixed sense. */
#include "base/tlv.h"

/** read_u8_or() - the number of @tag, or @otherwise when it is absent or of another size. */
static inline uint8_t read_u8_or(struct view in, uint32_t tag, uint8_t otherwise)
{
	uint8_t v;

	return tlv_find_u8(in, tag, &v) == 0 ? v : otherwise;
}

/** read_text() - the text of @tag, or an empty one when it is absent or does not fit. */
static inline void read_text(struct view in, uint32_t tag, char *ret, size_t size)
{
	if (tlv_find_str(in, tag, ret, size) != 0) {
		ret[0] = '\0';
	}
}

/** read_copy() - a copy of @text, or an empty one when it does not fit. */
static inline void read_copy(char *ret, size_t size, const char *text)
{
	if (view_copy_str(view_str(text), ret, size) < 0) {
		ret[0] = '\0';
	}
}

/** read_optional() - the text of @tag, empty when absent. Return: whether it is absent or fits. */
static inline bool read_optional(struct view in, uint32_t tag, char *ret, size_t size)
{
	int q = tlv_find_str(in, tag, ret, size);

	if (q == TLV_ABSENT) {
		ret[0] = '\0';
	}
	return q == 0 || q == TLV_ABSENT;
}
