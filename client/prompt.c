/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading of answers. The terminal stays in canonical mode (line editing is the kernel's), only the
 * echo changes; the buffer is never reallocated. A line longer than the buffer is read to its end
 * and refused, never cut.
 */
#include "client/prompt.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

int prompt_init(struct prompt *p, int fd)
{
	*p = (struct prompt){.fd = fd, .tty = isatty(fd) == 1};
	if (p->tty && tcgetattr(fd, &p->was) < 0) {
		p->tty = false;
	}
	return trace(secret_new(&p->line, PROMPT_MAX));
}

static void echo_back(struct prompt *p)
{
	if (p->silent) {
		(void)tcsetattr(p->fd, TCSAFLUSH, &p->was);
		p->silent = false;
	}
}

void prompt_end(struct prompt *p)
{
	echo_back(p);
	wipe(p->line.data, p->line.len);
	p->line.len = 0;
}

void prompt_withdraw(struct prompt *p)
{
	p->stale = !p->tty;
	p->cut = p->stale && (p->cut || p->line.len > 0);
}

/* What is there now, byte by byte like all that may hold a PIN; not what comes meanwhile, of which
 * there may be no end. */
static void drop_stale(struct prompt *p)
{
	uint8_t byte = 0;
	int n = 0;

	p->stale = false;
	if (ioctl(p->fd, FIONREAD, &n) < 0) {
		return; /* a device that holds nothing back */
	}
	while (n-- > 0 && read(p->fd, &byte, 1) == 1) {
		p->cut = byte != '\n';
	}
	wipe(&byte, 1);
}

void prompt_done(struct prompt *p)
{
	if (p->line.data) {
		prompt_end(p);
	}
	secret_done(&p->line);
}

int prompt_begin(struct prompt *p, bool secret)
{
	prompt_end(p);
	if (p->stale) {
		drop_stale(p);
	}
	if (!p->tty) {
		return 0;
	}
	if (!secret) {
		if (!p->keep) {
			(void)tcflush(p->fd, TCIFLUSH);
		}
		return 0;
	}
	/* ECHONL: the person sees that Enter was taken */
	struct termios quiet = p->was;

	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ECHONL | ICANON | ISIG;
	if (tcsetattr(p->fd, TCSAFLUSH, &quiet) < 0) {
		return fault(-errno);
	}
	p->silent = true;
	return 0;
}

/* The line is complete: without its CR and NUL-terminated behind its end. */
static int line_ends(struct prompt *p)
{
	if (p->line.len >= PROMPT_MAX - 1) {
		wipe(p->line.data, p->line.len);
		p->line.len = 0;
		return PROMPT_LONG;
	}
	if (p->line.len > 0 && p->line.data[p->line.len - 1] == '\r') {
		p->line.len--;
	}
	p->line.data[p->line.len] = 0;
	return 0;
}

int prompt_read(struct prompt *p)
{
	uint8_t byte = 0;
	ssize_t n = read(p->fd, &byte, 1);

	if (n < 0) {
		return errno == EINTR || errno == EAGAIN ? PROMPT_MORE : fault(-errno);
	}
	if (n == 0) {
		return p->line.len > 0 ? line_ends(p) : PROMPT_END;
	}
	if (p->cut) {
		p->cut = byte != '\n';
		wipe(&byte, 1);
		return PROMPT_MORE;
	}
	if (byte == '\n') {
		return line_ends(p);
	}
	if (p->line.len < PROMPT_MAX - 1) { /* at MAX - 1 the line is too long already */
		p->line.data[p->line.len++] = byte;
	}
	wipe(&byte, 1);
	return PROMPT_MORE;
}

const char *prompt_text(const struct prompt *p)
{
	return (const char *)p->line.data;
}
