/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl import: the health insurer's feed is handed over as it is, open for reading only; the
 * service verifies and reads it. It says once what it begins and once what came of it; until then
 * nothing is told by the service, which may wait for dossiers that are being opened: for how long is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/ctl.h"
#include "client/lang.h"
#include "client/progress.h"

#define WAIT_S 7200U /* 64 MiB, and consultations that are under way */

static void fd_put(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
	}
}

/* Return: CTL_OK, or why not, printed. */
static enum ctl_exit open_feed(const struct ctl *ctl, const char *path, int *ret_fd)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int e = errno;

		fd_put(&fd);
		return ctl_wrong(ctl, CTL_USAGE, path, strerror(e));
	}
	if (!S_ISREG(st.st_mode)) {
		(void)close(fd);
		return ctl_wrong(ctl, CTL_USAGE, path, _("this is no regular file"));
	}
	ctl_note(ctl,
		_("%s: %jd bytes are handed over; nothing is imported unless all of it is "
		  "right."),
		path, (intmax_t)st.st_size);
	*ret_fd = fd;
	return CTL_OK;
}

static enum ctl_exit hand_over(struct ctl *ctl, int fd, dbus_uint32_t *ret_lines)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	struct progress p;
	DBusMessage *call = conn_method(CONN_ROOT, "Manager", "ImportReimbursements");
	int r;

	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	progress_begin(&p, ctl);
	ctl->conn.waiting = progress_waiting;
	ctl->conn.waiting_user = &p;
	r = conn_call(&ctl->conn, call, WAIT_S, NULL, &f, &reply);
	ctl->conn.waiting = NULL;
	progress_end(&p);
	if (r == 0 && !dbus_message_get_args(
			      reply, NULL, DBUS_TYPE_UINT32, ret_lines, DBUS_TYPE_INVALID)) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "ImportReimbursements");
		r = CONN_FAILED;
	}
	return ctl_result(ctl, r, &f);
}

enum ctl_exit cmd_import(struct ctl *ctl, const struct args *line)
{
	_cleanup_(fd_put) int fd = -1;
	dbus_uint32_t lines = 0;
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, NULL, 0, line, 1, 1, &a);

	if (code == CTL_OK) {
		code = open_feed(ctl, a.words[0], &fd);
	}
	if (code == CTL_OK) {
		code = ctl_connect(ctl, NULL, NULL);
	}
	if (code != CTL_OK) {
		return code;
	}
	code = hand_over(ctl, fd, &lines);
	conn_close(&ctl->conn);
	if (code != CTL_OK) {
		return code;
	}
	if (ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:I}", "command", "import", "lines", (json_int_t)lines));
	}
	ctl_line(ctl, _("%u lines are new in the dossiers of this computer."), lines);
	return CTL_OK;
}
