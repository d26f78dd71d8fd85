/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The simulator in a process of its own, its two sockets, and the IFD handler as pcscd calls it. */
#include <ifdhandler.h>

#include "drivers/sim/server.h"
#include "tests/unit/sim/scene.h"

struct process {
	char reader[128], control[128];
	pid_t pid;
};

/** process_start() - @o: its sockets and state are filled in; @cards: of slot 0, 1, ..., NULL ends,
 *  "" is an empty slot. Listens when it returns. */
void process_start(struct process *p, const struct scene *s, struct server_options o,
	const char *const *cards);
/** process_end() - wait for its end after quit. */
void process_end(struct process *p);
int process_connect(const char *path, int type);
/** process_ask() - @line to a control connection. Return: one answer line in a static text. */
const char *process_ask(int fd, const char *line);
const char *process_control(
	const struct process *p, const char *line); /* on its own connection */
/** process_free_by() - a child sends @line after 100 ms, while we wait in the handler. */
void process_free_by(const struct process *p, const char *line);
void process_reap(void); /* those children */

typedef RESPONSECODE (*poll_fn)(DWORD, int);

poll_fn ifd_poll(DWORD lun);
/** ifd_send() - one command; on success the answer must be @want. Return: the handler's code. */
RESPONSECODE ifd_send(DWORD lun, const char *hex, const char *want);
RESPONSECODE ifd_power(DWORD lun); /* up */
