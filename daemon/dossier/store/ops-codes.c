/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Operations on the patient's codes. Digits come by a pipe that the broker hands on unread, and go, an
 * activation code's, in a sealed memfd that it hands on unread: it never has them. How often may be
 * tried is its to count; here each request is one comparison, and what is no code is a wrong one.
 */
#include <errno.h>

#include "base/tlv.h"
#include "daemon/dossier/store/codes.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/dossier/store/people.h"

/* -- trying ------------------------------------------------------------------------------------- */

/* Every code that is asked for is compared, whatever came of the one before. */
static int compare(
	const json_t *people, unsigned int which, struct view digits, const char **ret_which)
{
	const char *found = NULL;
	const json_t *kept[2];
	int r = 0;

	which &= people_codes(people, &kept[0], &kept[1]);
	for (unsigned int i = 0; i < ARRAY_LEN(kept) && r == 0; i++) {
		bool same = false;

		if (which & 1U << i) {
			r = codes_check(kept[i], digits, &same);
		}
		if (same && !found) {
			found = 1U << i == CODES_PERSONAL ? "personal" : "activation";
		}
	}
	*ret_which = found;
	return trace(r);
}

int ops_code(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(secret_done) struct secret digits = SECRET_NULL;
	_cleanup_json_ json_t *people = NULL;
	const char *which = NULL;
	uint8_t asked;
	int r;

	if (request->n_fds != 1 || tlv_find_u8(request->body, LINK_TAG_VALUE, &asked) != 0) {
		return fault(-EBADMSG);
	}
	r = codes_read(request->fds[0], &digits);
	if (r == CODES_REFUSED) {
		return DOSSIER_CODE_WRONG;
	}
	if (r == 0) {
		r = ops_load_people(h, &people);
	}
	if (r == 0) {
		r = compare(people, asked, view_of(digits.data, digits.len), &which);
	}
	if (r != 0) {
		return trace(r);
	}
	if (!which) {
		return DOSSIER_CODE_WRONG;
	}
	tlv_put_str(&a->body, LINK_TAG_STATUS, which);
	return 0;
}

/* -- setting ------------------------------------------------------------------------------------ */

/* FACTS, the act, with @digits as they are kept; carried out. */
static int apply(struct host *h, const struct link_frame *request, const struct secret *digits,
	struct host_answer *a)
{
	_cleanup_json_ json_t *act = NULL;
	json_t *kept = NULL;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, &act);
	if (r == 0) {
		r = codes_seal(view_of(digits->data, digits->len), &kept);
	}
	if (r == 0) {
		r = json_set(act, "scrypt", kept);
	}
	return r < 0 ? trace(r) : trace(ops_apply_people(h, act, a));
}

int ops_set_code(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(secret_done) struct secret digits = SECRET_NULL;
	int r;

	if (request->n_fds != 1) {
		return fault(-EBADMSG);
	}
	r = codes_read(request->fds[0], &digits);
	if (r == CODES_REFUSED) {
		return ops_advise(a, DOSSIER_INVALID, "code");
	}
	return r < 0 ? trace(r) : trace(apply(h, request, &digits, a));
}

int ops_issue_code(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(secret_done) struct secret digits = SECRET_NULL;
	int fd = -1;
	int r;

	r = codes_make(&digits);
	if (r == 0) {
		r = json_memfd_text(view_of(digits.data, digits.len), "vitaled-code", &fd);
	}
	if (r < 0) {
		return trace(r);
	}
	a->fds[a->n_fds++] = fd; /* closed with the answer, whatever comes of this */
	return trace(apply(h, request, &digits, a));
}
