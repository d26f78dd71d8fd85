/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Command line of vitale-sim. The texts go to the person: this is the only file of the room
 * that prints.
 */
#include "drivers/sim/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"vitale-sim --socket PATH --state DIR [--control PATH] [--clock] [--readers DEVICES]\n"
	"           [--keypad SLOT|all]... [--slotN NAME]... [--trace FILE] [--ready-fd N]\n"
	"    play the cards of DIR/cards in simulated readers. DEVICES is 2 (a reader of two\n"
	"    slots, the default), 1, 1+1 (a composite of two readers), or several with "
	"commas;\n"
	"    slots are numbered through all of them\n"
	"vitale-sim personalise --out DIR [--nature simulated|test] [--profiles DIR] "
	"PROFILE...\n"
	"    make a test authority and cards: DIR/anchors, DIR/authorities, DIR/cards\n";

enum {
	OPTION_SOCKET = 1,
	OPTION_CONTROL,
	OPTION_STATE,
	OPTION_CLOCK,
	OPTION_READERS,
	OPTION_KEYPAD,
	OPTION_TRACE,
	OPTION_READY_FD,
	OPTION_OUT,
	OPTION_NATURE,
	OPTION_PROFILES,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_SLOT0, /* and those after it up to SLOTS_MAX */
};

static const struct option serve_options[] = {
	{"socket", required_argument, NULL, OPTION_SOCKET},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"state", required_argument, NULL, OPTION_STATE},
	{"clock", no_argument, NULL, OPTION_CLOCK},
	{"readers", required_argument, NULL, OPTION_READERS},
	{"keypad", required_argument, NULL, OPTION_KEYPAD},
	{"slot0", required_argument, NULL, OPTION_SLOT0},
	{"slot1", required_argument, NULL, OPTION_SLOT0 + 1},
	{"slot2", required_argument, NULL, OPTION_SLOT0 + 2},
	{"slot3", required_argument, NULL, OPTION_SLOT0 + 3},
	{"slot4", required_argument, NULL, OPTION_SLOT0 + 4},
	{"slot5", required_argument, NULL, OPTION_SLOT0 + 5},
	{"slot6", required_argument, NULL, OPTION_SLOT0 + 6},
	{"slot7", required_argument, NULL, OPTION_SLOT0 + 7},
	{"trace", required_argument, NULL, OPTION_TRACE},
	{"ready-fd", required_argument, NULL, OPTION_READY_FD},
	{"help", no_argument, NULL, OPTION_HELP},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

static const struct option personalise_options[] = {
	{"out", required_argument, NULL, OPTION_OUT},
	{"nature", required_argument, NULL, OPTION_NATURE},
	{"profiles", required_argument, NULL, OPTION_PROFILES},
	{"help", no_argument, NULL, OPTION_HELP},
	{NULL, 0, NULL, 0},
};

static int wrong(const char *what)
{
	fprintf(stderr, "vitale-sim: %s\n%s", what, usage);
	return OPTIONS_USAGE;
}

/* A descriptor as one or two digits. */
static bool parse_fd(const char *text, int *ret)
{
	int n = 0;

	if (!*text || strlen(text) > 2)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		n = n * 10 + (*text - '0');
	}
	*ret = n;
	return true;
}

static int take_trace(const char *path, struct options *o)
{
	o->server.trace = fopen(path, "we");
	return o->server.trace ? 0 : wrong("the trace cannot be written");
}

/* A slot, or all: which slots there are is known when all options are. */
static int take_keypad(const char *text, struct options *o)
{
	int slot;

	if (strcmp(text, "all") == 0)
		o->all_keypads = true;
	else if (parse_fd(text, &slot) && slot < (int)SLOTS_MAX)
		o->server.keypads |= 1U << slot;
	else
		return wrong("--keypad wants a slot, or all");
	return 0;
}

static int take_serve(int option, struct options *o)
{
	if (option >= OPTION_SLOT0 && option < OPTION_SLOT0 + (int)SLOTS_MAX) {
		o->slots[option - OPTION_SLOT0] = optarg;
		return 0;
	}
	switch (option) {
	case OPTION_SOCKET:
		o->server.reader_socket = optarg;
		return 0;
	case OPTION_CONTROL:
		o->server.control_socket = optarg;
		return 0;
	case OPTION_STATE:
		o->server.state_dir = optarg;
		return 0;
	case OPTION_CLOCK:
		o->server.clocked = true;
		return 0;
	case OPTION_READERS:
		o->server.readers = optarg;
		return 0;
	case OPTION_KEYPAD:
		return take_keypad(optarg, o);
	case OPTION_TRACE:
		return take_trace(optarg, o);
	case OPTION_READY_FD:
		return parse_fd(optarg, &o->ready_fd) ? 0 : wrong("--ready-fd wants a number");
	}
	return wrong("unknown option");
}

static int take_personalise(int option, struct options *o)
{
	switch (option) {
	case OPTION_OUT:
		o->job.dir = optarg;
		return 0;
	case OPTION_NATURE:
		o->job.nature = optarg;
		return 0;
	case OPTION_PROFILES:
		o->job.profiles = optarg;
		return 0;
	}
	return wrong("unknown option");
}

/* The readers, with the keypads and cards of slots that there are. */
static int check_slots(struct options *o)
{
	struct server_reader readers[SERVER_READERS_MAX];
	unsigned n, slots;

	if (!readers_lay_out(o->server.readers ? o->server.readers : "2", readers, &n))
		return wrong("--readers wants devices: 2, 1 or 1+1, with commas, four at most");
	slots = readers[n - 1].first + readers[n - 1].slots;
	if (o->all_keypads)
		o->server.keypads |= (1U << slots) - 1;
	for (unsigned i = slots; i < SLOTS_MAX; i++)
		if (o->slots[i] || o->server.keypads >> i & 1)
			return wrong("no such slot");
	return 0;
}

static int check(struct options *o)
{
	if (o->personalise && (!o->job.dir || !o->profiles[0]))
		return wrong("--out and at least one profile are needed");
	if (!o->personalise && (!o->server.reader_socket || !o->server.state_dir))
		return wrong("--socket and --state are needed");
	if (!o->personalise && o->profiles[0])
		return wrong("too many words");
	return o->personalise ? 0 : check_slots(o);
}

static void tell(int option)
{
	if (option == OPTION_VERSION) {
		fputs("vitale-sim " VITALED_VERSION "\n", stdout);
		return;
	}
	fputs(usage, stdout);
	fputs("commands of the control socket, one a line, answered by ok or error:\n", stdout);
	control_usage(stdout, "    ");
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {.ready_fd = -1,
		.job = {.nature = "simulated", .profiles = VITALE_SIM_PROFILES}};
	const struct option *known = serve_options;
	int option, r = 0;

	o.personalise = argc > 1 && strcmp(argv[1], "personalise") == 0;
	if (o.personalise)
		known = personalise_options;
	optind = o.personalise ? 2 : 1;
	while (r == 0 && (option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == OPTION_HELP || option == OPTION_VERSION) {
			tell(option);
			return OPTIONS_DONE;
		}
		r = o.personalise ? take_personalise(option, &o) : take_serve(option, &o);
	}
	o.profiles = argv + optind;
	if (r == 0)
		r = check(&o);
	if (r) {
		options_done(&o);
		return r;
	}
	*ret_options = o;
	return 0;
}

void options_done(struct options *o)
{
	if (o->server.trace)
		fclose(o->server.trace);
	o->server.trace = NULL;
}

int options_personalise(const struct options *o)
{
	_cleanup_(buf_done) struct buf why = BUF_NULL(1024);

	for (char **profile = o->profiles; *profile; profile++) {
		int r;

		buf_reset(&why);
		r = personalise_card(&o->job, *profile, &why);
		buf_put_u8(&why, 0);
		if (r == PERSONALISE_ABSENT)
			fprintf(stderr, "vitale-sim: no such profile: %s\n", *profile);
		else if (r == PERSONALISE_INVALID)
			fprintf(stderr, "vitale-sim: %s: %s\n", *profile,
				buf_check(&why) ? "invalid" : (const char *)why.data);
		else if (r == PERSONALISE_AUTHORITY)
			fprintf(stderr, "vitale-sim: %s: its authority cannot be simulated\n",
				*profile);
		if (r)
			return r > 0 ? OPTIONS_USAGE : trace(r);
	}
	return 0;
}
