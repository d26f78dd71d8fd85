/* SPDX-License-Identifier: EUPL-1.2 */
/* See recorded.h. */
#include "tests/unit/session/recorded.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/json.h"

unsigned int recorded_in(struct audit *a, enum audit_event e, const char *outcome)
{
	struct buf entry = BUF_NULL(65536);
	struct buf path = BUF_NULL(4096);
	uint8_t root[MERKLE_HASH];
	unsigned int n = 0;
	uint64_t size;

	audit_head(a, &size, root);
	for (uint64_t i = 0; i < size; i++) {
		json_t *j = NULL;
		const char *said;

		buf_reset(&entry);
		buf_reset(&path);
		assert_int_equal(audit_proof(a, i, &entry, &path), 0);
		assert_int_equal(json_parse(buf_view(&entry), &j), 0);
		said = json_get_str(j, "outcome");
		n += strcmp(json_get_str(j, "event"), audit_event_word(e)) == 0 &&
				     (!outcome || (said && strcmp(said, outcome) == 0))
			     ? 1
			     : 0;
		json_decref(j);
	}
	buf_done(&entry);
	buf_done(&path);
	return n;
}
