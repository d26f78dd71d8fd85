/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A vitaled-dossier that answers what a test wrote down: line by line from the file "script" beside
 * the folder of OPEN, each "KIND OUTCOME FDS HEX": KIND A an answer, E an event, Q a request, X no
 * frame at all, N nothing, and anything else the end. What it is asked it notes beside it in "heard",
 * line by line "OP HEX".
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/link-ops.h"
#include "base/link.h"
#include "base/tlv.h"

static FILE *script;
static FILE *notes;

static FILE *open_beside(const char *folder, const char *name, const char *how)
{
	char path[1100];

	(void)snprintf(path, sizeof(path), "%s/../%s", folder, name);
	return fopen(path, how);
}

static void open_files(const struct link_frame *request)
{
	char folder[1024];

	if (tlv_find_str(request->body, LINK_TAG_FOLDER, folder, sizeof(folder)) != 0) {
		_exit(2);
	}
	script = open_beside(folder, "script", "r");
	notes = open_beside(folder, "heard", "w");
	if (!script || !notes) {
		_exit(3);
	}
}

static void note(const struct link_frame *request)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL((size_t)2 * LINK_MAX_FRAME + 1);

	hex_encode(&hex, request->body);
	buf_put_u8(&hex, 0);
	(void)fprintf(notes, "%u %s\n", request->op,
		request->body.len > 0 ? (const char *)hex.data : "-");
	(void)fflush(notes);
}

static void play(const struct link_frame *request)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	static char hex[16384];
	unsigned int outcome;
	unsigned int n_fds;
	char kind;

	if (fscanf(script, " %c %u %u %16383s", &kind, &outcome, &n_fds, hex) != 4 ||
		(strcmp(hex, "-") != 0 && hex_decode(&body, view_str(hex)) != 0)) {
		_exit(0);
	}
	f.kind = LINK_KIND_ANSWER;
	f.op = request->op;
	f.seq = request->seq;
	f.outcome = (uint8_t)outcome;
	f.body = buf_view(&body);
	f.n_fds = n_fds;
	f.fds[0] = STDIN_FILENO;
	f.fds[1] = STDIN_FILENO;
	if (kind == 'N') {
		return;
	}
	if (kind == 'X') {
		(void)!write(LINK_CHILD_FD, "nonsense", 8);
		return;
	}
	if (kind == 'E') {
		f.kind = LINK_KIND_EVENT;
		f.seq = 0;
		f.op = (uint8_t)outcome;
		f.outcome = 0;
	}
	if (kind == 'Q') {
		f.kind = LINK_KIND_REQUEST;
	}
	if ((kind != 'A' && kind != 'E' && kind != 'Q') ||
		link_send(LINK_CHILD_FD, &f, false) != 0) {
		_exit(0);
	}
}

int main(void)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame request;

	while (link_recv(LINK_CHILD_FD, &storage, &request, false) == 0) {
		if (!script) {
			open_files(&request);
		}
		note(&request);
		play(&request);
		link_frame_done(&request);
	}
	return 0;
}
