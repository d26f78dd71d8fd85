/* SPDX-License-Identifier: EUPL-1.2 */
/* The import of reimbursements, played: the one that waits is noted with who asked. */
#include "tests/unit/bus/fakes-feed.h"

#include <stdio.h>

struct fakes_feed fakes_feed;

int feeders_read(const char *folder, const struct trust *t, struct buf *out, char ret_name[256])
{
	(void)folder;
	(void)t;
	(void)snprintf(ret_name, 256, "real/bad.pem");
	if (fakes_feed.anchors != 0)
		return fakes_feed.anchors;
	buf_put_str(out, "anchors");
	return 0;
}

enum vitaled_reason dossiers_import(struct dossiers *ds, int feed, int anchors, uid_t uid,
	const char *caller, import_done_fn done, void *user)
{
	(void)ds;
	(void)feed;
	(void)anchors;
	fakes_feed.uid = uid;
	(void)snprintf(fakes_feed.caller, sizeof(fakes_feed.caller), "%s", caller);
	if (fakes_feed.begin != VITALED_REASON_NONE)
		return fakes_feed.begin;
	fakes_feed.done = done;
	fakes_feed.user = user;
	return VITALED_REASON_NONE;
}

void dossiers_import_forget(struct dossiers *ds, void *user)
{
	(void)ds;
	if (fakes_feed.user == user)
		fakes_feed.done = NULL;
}

void fakes_imported(enum vitaled_reason reason, const char *detail, uint32_t added)
{
	const struct import_result result = {
		.reason = reason, .detail = detail, .added = added};
	import_done_fn done = fakes_feed.done;

	fakes_feed.done = NULL;
	done(fakes_feed.user, &result);
}
