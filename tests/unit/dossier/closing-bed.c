/* SPDX-License-Identifier: EUPL-1.2 */
/* What the tests of a dossier's end do alike. */
#include "tests/unit/dossier/closing-bed.h"

#include <unistd.h>

void alone(struct bed *b)
{
	TYPE(CODE);
	codes_open_alone(b);
}

static int sealed(struct view text)
{
	int fd;

	assert_int_equal(json_memfd_text(text, "reason", &fd), 0);
	return fd;
}

struct reply close_for(struct bed *b, struct view why)
{
	struct reply r = bed_reply();
	int fd = sealed(why);

	dossier_close(&b->s, fd, bed_done_fn, &r);
	close(fd);
	bed_wait(b, &r);
	return r;
}

void closed_now(struct bed *b)
{
	alone(b);
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_NONE);
	assert_string_equal(dossier_state_of(&b->s), "closed");
}

int closing_setup(void **state)
{
	if (codes_bed_setup(state) != 0) {
		return -1;
	}
	codes_personal(*state, CODE);
	return 0;
}

int64_t until_of(const json_t *entry)
{
	int64_t until = 0;

	(void)!json_get_int(json_object_get(entry, "details"), "until", 0, INT64_MAX, &until);
	return until;
}

void run(struct bed *b)
{
	while (dossiers_keep(b->all)) {
		continue;
	}
}

void runs(struct bed *b, unsigned int n, uint64_t apart)
{
	for (unsigned int i = 0; i < n; i++) {
		codes_pass(apart);
		run(b);
	}
}

size_t erased(void)
{
	return fake_audit_count("dossier-erased", "ok");
}
