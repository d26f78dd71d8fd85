/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Manager.ImportReimbursements(). What comes is looked at by vitaled-feed alone: here only that it is
 * not a pipe or a device that could be read for ever, nor writable through what was handed in. The
 * anchors of feeders are read once at each call: who renews one need not restart the service; the import
 * has the folder of revocation lists read with new ones, and waits for that. It goes on when its caller
 * leaves; the record tells what came of it.
 */
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/interfaces.h"
#include "daemon/dossier/import.h"
#include "daemon/limits.h"
#include "daemon/trust/feeders.h"

/* A sealed memfd, or something open for reading only. Nothing here asks its file system, which may
 * be anybody's and never answer. */
static bool is_steady(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	int seals = fcntl(fd, F_GET_SEALS);
	int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	if (flags < 0 || flags & O_PATH)
		return false;
	return (flags & O_ACCMODE) == O_RDONLY || (seals >= 0 && (seals & wanted) == wanted);
}

/* Return: whether @anchors have been read; else @call has ended, and the journal names the file, once. */
static bool read_anchors(struct call *call, struct buf *anchors)
{
	const char *folder = call->b->rooms.config->anchors;
	char bad[256];
	int r = feeders_read(folder, call->b->rooms.trust, anchors, bad);

	if (r == 0)
		return true;
	if (r < 0) {
		char places[512];

		fault_describe(places, sizeof(places));
		log_msg(LOG_ERR, "trust-anchors", "%s/feeder/%s: %s at %s", folder, bad,
			strerror(-r), places);
		call_fail(call, VITALED_REASON_FAILED, NULL);
	} else {
		log_msg(LOG_ERR, "trust-anchors", "%s/feeder/%s", folder, bad);
		call_fail(call, VITALED_REASON_FEED_INVALID, "anchors");
	}
	return false;
}

void feed_forget(struct call *call)
{
	dossiers_import_forget(call->b->rooms.dossiers, call);
}

static void on_done(void *user, const struct import_result *result)
{
	struct call *call = user;
	struct wire w;

	if (result->reason != VITALED_REASON_NONE) {
		call_fail(call, errors_of_reason(result->reason), result->detail);
		return;
	}
	wire_reply(&w, call->m);
	wire_u32(&w, result->added);
	call_reply(call, &w);
}

void manager_on_import(struct call *call)
{
	struct bus *b = call->b;
	struct import_request request = {.uid = call->peer->uid,
		.caller = call->peer->name,
		.trust = b->rooms.trust,
		.crls = b->rooms.crls};
	_cleanup_(buf_done) struct buf believed = BUF_NULL(LIMIT_FEED_ANCHORS);
	_cleanup_fd_ int anchors = -1;
	enum vitaled_reason reason;
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	call->fds[0] = wire_get_fd(&it);
	if (call->fds[0] < 0 || !is_steady(call->fds[0])) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "feed");
		return;
	}
	if (!read_anchors(call, &believed))
		return;
	r = json_memfd_text(buf_view(&believed), "vitaled-anchors", &anchors);
	if (r < 0) {
		call_fault(call, r);
		return;
	}
	call->forget = feed_forget;
	request.feed = call->fds[0];
	request.anchors = anchors;
	request.believed = buf_view(&believed);
	reason = dossiers_import(b->rooms.dossiers, &request, on_done, call);
	if (reason == VITALED_REASON_NONE)
		return;
	call->forget = NULL;
	call_fail(call, reason, reason == VITALED_REASON_BUSY ? "import" : NULL);
}
