/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One line a message. Whether stderr is the journal is found once, by comparing the socket's
 * device and inode with what systemd put into JOURNAL_STREAM (systemd.exec(5)); the journal then
 * receives the name as a field of its own (VITALED_MESSAGE) beside the line, and the MESSAGE_ID by
 * which its catalogue explains it (base/log-names.h). Nothing is buffered; a message that cannot be
 * written is lost, silently, since there is nobody left to tell.
 * For the main thread: log_open() sets state that the others read.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log-names.h"

#define SD_JOURNAL_SUPPRESS_LOCATION 1
#include <systemd/sd-journal.h>

#define MAX_LINE  1024U /* bytes of a message; what is longer is cut */
#define MAX_FIELD 64U
#define MESSAGE	  "MESSAGE="

static char arg_program[MAX_FIELD] = "vitaled";
static bool arg_journal;

static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0) {
		return false;
	}
	(void)snprintf(
		mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(mine, stream) == 0;
}

void log_open(const char *program)
{
	(void)snprintf(arg_program, sizeof(arg_program), "%s", program);
	arg_journal = stderr_is_journal();
}

/* One call, one line: control characters of foreign texts become question marks. */
static void flatten(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7F) {
			*text = '?';
		}
	}
}

static struct iovec field_of(char *field)
{
	return (struct iovec){.iov_base = field, .iov_len = strlen(field)};
}

/* NULL for a name that is not in the list: the journal has no explanation of it. */
static const char *id_of(const char *name)
{
	static const struct {
		const char *name;
		const char *id;
	} names[] = {

#define X(name, id) {name, id},
		LOG_NAMES(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i].name, name) == 0) {
			return names[i].id;
		}
	}
	return NULL;
}

/* @message begins with the journal's "MESSAGE=". */
static bool to_journal(int priority, const char *name, char *message)
{
	char level[MAX_FIELD];
	char program[MAX_FIELD + 32];
	char named[MAX_FIELD + 32];
	char identity[MAX_FIELD];
	const char *id = id_of(name);
	struct iovec iov[5];

	(void)snprintf(level, sizeof(level), "PRIORITY=%d", priority);
	(void)snprintf(program, sizeof(program), "SYSLOG_IDENTIFIER=%s", arg_program);
	(void)snprintf(named, sizeof(named), "VITALED_MESSAGE=%.*s", (int)MAX_FIELD, name);
	iov[0] = field_of(level);
	iov[1] = field_of(program);
	iov[2] = field_of(named);
	(void)snprintf(identity, sizeof(identity), "MESSAGE_ID=%s", id ? id : "");
	iov[3] = field_of(message);
	iov[4] = field_of(identity);
	return sd_journal_sendv(iov, id ? 5 : 4) >= 0; /* the identifier is the last */
}

static void to_stderr(int priority, const char *line)
{
	char text[MAX_LINE + MAX_FIELD];
	ssize_t done;

	(void)snprintf(text, sizeof(text), "<%d>%s\n", priority, line);
	/* one write, so that lines of several processes do not mix */
	done = write(STDERR_FILENO, text, strlen(text));
	(void)done;
}

void log_msg(int priority, const char *name, const char *fmt, ...)
{
	char message[MAX_LINE];
	char *line = message + sizeof(MESSAGE) - 1;
	size_t used;
	va_list args;

	(void)snprintf(message, sizeof(message), MESSAGE "%.*s: ", (int)MAX_FIELD, name);
	used = strlen(message);
	va_start(args, fmt);
	(void)vsnprintf(message + used, sizeof(message) - used, fmt, args);
	va_end(args);
	flatten(line);
	if (!arg_journal || !to_journal(priority, name, message)) {
		to_stderr(priority, line);
	}
}

int log_fault(int r, const char *name)
{
	const char *error = strerrorname_np(-r);
	char places[512];

	fault_describe(places, sizeof(places));
	log_msg(LOG_ERR, name, "%s (%d) at %s", error ? error : "unknown", r, places);
	return r;
}
