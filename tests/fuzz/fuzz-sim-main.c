/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitale-sim from its command line on: the input is its words, one a line. Both forms run whole:
 * cards are personalised in files of memory, the loop ends at its first turn. What it prints goes
 * nowhere, and a descriptor that a word names is none of ours.
 */
#include <assert.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/sim-scene.h"
#include "tests/fuzz/sim-world.h"

#define WORDS 48U
#define TEXT  4096U

static int main_sigaction(int number, const struct sigaction *how);
static ssize_t main_write(int fd);
static int main_close(int fd);
int sim_main(int argc, char **argv);

#define main		       sim_main
#define sigaction(n, new, old) main_sigaction(n, new)
#define write(fd, data, len)   main_write(fd)
#define close(fd)	       main_close(fd)
#include "drivers/sim/main.c"
#undef main
#undef sigaction
#undef write
#undef close

static int main_sigaction(int number, const struct sigaction *how)
{
	if (number == SIGTERM) {
		how->sa_handler(number); /* too early: server_new() forgets it */
	}
	return 0;
}

static ssize_t main_write(int fd)
{
	assert(fd >= 0 && fd <= 99);
	errno = EBADF;
	return fail_now() ? -1 : 1;
}

static int main_close(int fd)
{
	(void)fd;
	return 0;
}

void log_open(const char *program)
{
	assert(strcmp(program, "vitale-sim") == 0);
}

void log_msg(int priority, const char *name, const char *fmt, ...)
{
	assert(priority == LOG_ERR && name && fmt);
}

int log_fault(int r, const char *name)
{
	assert(r < 0 && name);
	return r;
}

bool world_next(struct world_step *ret)
{
	(void)ret;
	return false;
}

void world_heard(unsigned peer, bool control, struct view bytes)
{
	(void)peer, (void)control, (void)bytes;
}

/* @text is written into: an end behind each word. Return: how many words. */
static int split(char *text, char **ret_words)
{
	int n = 0;
	char *save = NULL;

	for (char *w = strtok_r(text, "\n", &save); w && n < (int)WORDS;
		w = strtok_r(NULL, "\n", &save)) {
		ret_words[n++] = w;
	}
	ret_words[n] = NULL;
	return n;
}

/* getopt may be in the middle of a word of the run before. */
static void forget_words(void)
{
	static char name[] = "vitale-sim";
	char *none[] = {name, NULL};

	optind = 0;
	assert(getopt_long(1, none, "", NULL, NULL) == -1);
}

void target_run(struct view in)
{
	static char text[TEXT];
	static FILE *nowhere;
	char *words[WORDS + 1];
	FILE *out = stdout;
	FILE *err = stderr;

	if (view_copy_str(in, text, sizeof(text)) != 0) {
		return;
	}
	if (!nowhere) {
		nowhere = files_nowhere();
	}
	stdout = stderr = nowhere;
	forget_words();
	world_begin();
	(void)sim_main(split(text, words), words);
	world_end();
	(void)fflush(nowhere);
	stdout = out;
	stderr = err;
}
