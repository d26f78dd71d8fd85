/* SPDX-License-Identifier: EUPL-1.2 */
/* The import of reimbursements, played: the one that waits is noted with who asked. */
#include "tests/unit/bus/fakes-feed.h"

#include <errno.h>
#include <stdio.h>

struct fakes_feed fakes_feed;

int feeders_read(const char *folder, const struct trust *t, struct buf *out, char ret_name[256])
{
	(void)folder;
	(void)t;
	(void)snprintf(ret_name, 256, "real/bad.pem");
	if (fakes_feed.anchors != 0)
		return fakes_feed.anchors < 0 ? fault(fakes_feed.anchors) : fakes_feed.anchors;
	buf_put_str(out, "anchors");
	return 0;
}

int feeders_each(struct view anchors, trust_anchor_fn each, void *user)
{
	if (fakes_feed.end.subject[0])
		each(user, &fakes_feed.end);
	return anchors.len > 0 ? 0 : -EBADMSG;
}

void crls_feeders(struct crls *c, struct view anchors)
{
	(void)c;
	fakes_feed.told = view_equal(anchors, VIEW_TEXT("anchors"));
}

enum vitaled_reason dossiers_import(struct dossiers *ds, const struct import_request *request,
	import_done_fn done, void *user)
{
	(void)ds;
	fakes_feed.uid = request->uid;
	fakes_feed.believed = view_equal(request->believed, VIEW_TEXT("anchors"));
	(void)snprintf(fakes_feed.caller, sizeof(fakes_feed.caller), "%s", request->caller);
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
