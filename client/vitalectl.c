/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl: the user's command. Global options, then a command, which has a file of its own. Holds
 * no privilege: what it may do is what its user may do on the bus.
 */
#include <stdio.h>
#include <string.h>

#include "client/ctl.h"
#include "client/lang.h"

static const struct command {
	const char *name;
	ctl_fn fn;
	const char *usage;
	const char *help;
} commands[] = {
	{"status", cmd_status, "", N_("service, readers, cards and own sessions")},
	{"readers", cmd_readers, "[--usb [--serials] [--root DIR]]",
		N_("readers of the service; --usb: those plugged in, for a bug report")},
	{"watch", cmd_watch, "", N_("print changes as they come")},
	{"agent", cmd_agent, "[--capability pin,professional|patient-display] [--once]",
		N_("answer PIN, choice and consent at this terminal")},
	{"open", cmd_open,
		"[--mode MODE] [--intent LIST] [--patient FILE] [--without-card] "
		"[--structure ID] [--pair NAME] [--lifetime S] [--wait] [--keep-going] "
		"[COMMAND…]",
		N_("hold a session; commands from arguments or standard input (help lists "
		   "them)")},
	{"pin", cmd_pin, "status|change|unblock [--card N]",
		N_("the PIN of a professional's card; the codes are asked by the agent")},
	{"lend", cmd_lend, "READER [SECONDS] [-- COMMAND…]",
		N_("lend a reader to another program, for as long as the command runs")},
	{"receipt", cmd_receipt,
		"show|verify|extract FILE [--anchors DIR] [--vkey KEY] [--out DIR]",
		N_("look at the receipt of a consent, check it, take it apart")},
	{"audit", cmd_audit,
		"verify|export|prove|history|stats|watch|checkpoint [ENTRY|EXPORT] "
		"[--checkpoint FILE] [--vkey KEY] [--output FILE] "
		"[--format json|fhir|fhir-ndjson] [--pseudonym TEXT] [--professional ID] "
		"[--session SESSION] [--once]",
		N_("take the record along, check it, look into it, watch over it")},
	{"import", cmd_import, "FILE",
		N_("put the health insurer's signed reimbursements into the dossiers")},
	{"doctor", cmd_doctor, "[--anchors DIR] [--root DIR]",
		N_("what keeps this computer from working")},
	{"explain", cmd_explain, "[NAME]", N_("what an error, a reason or a finding means")},
};

static const struct args_option options[] = {
	{"json", 'j', NULL},
	{"help", 'h', NULL},
	{"version", 0, NULL},
};

static void print_help(FILE *to)
{
	(void)fprintf(to, _("Usage: vitalectl [--json] [--help] [--version] COMMAND …\n\n"));
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		(void)fprintf(to, "  %s%s%s\n      %s\n", commands[i].name,
			commands[i].usage[0] ? " " : "", commands[i].usage,
			gettext(commands[i].help));
	}
	(void)fprintf(to, _("\nExit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 no service, "
			    "5 cards or readers,\n"
			    "6 PIN, 7 record or store, 8 what was checked is false, 9 nobody "
			    "answered or busy,\n"
			    "10 the record was rewritten.\n"));
}

/* --json and --help may also stand behind the command. */
static void take_global(
	struct ctl *ctl, const struct args *all, struct args *ret_line, bool *ret_help)
{
	bool over = false;

	ret_line->n_words = 0;
	for (size_t i = 1; i < all->n_words; i++) {
		const char *word = all->words[i];

		over = over || strcmp(word, "--") == 0;
		if (!over && strcmp(word, "--json") == 0) {
			ctl->json = true;
		} else if (!over && strcmp(word, "--help") == 0) {
			*ret_help = true;
		} else {
			ret_line->words[ret_line->n_words++] = word;
		}
	}
}

static enum ctl_exit run(struct ctl *ctl, const struct args *all)
{
	struct args line = {0};
	bool help = args_flag(all, "help");

	ctl->json = args_flag(all, "json");
	take_global(ctl, all, &line, &help);
	if (args_flag(all, "version")) {
		(void)puts("vitalectl " VITALED_VERSION);
		return CTL_OK;
	}
	if (help || all->n_words == 0) {
		print_help(help ? stdout : stderr);
		return help ? CTL_OK : CTL_USAGE;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, all->words[0]) == 0) {
			return commands[i].fn(ctl, &line);
		}
	}
	return ctl_usage(ctl, all->words[0], _("there is no such command (--help lists them)"));
}

int main(int argc, char **argv)
{
	static struct ctl ctl; /* its connection must stay where it is */
	struct args all;
	enum ctl_exit code;
	int r;

	json_setup();
	lang_setup();
	conn_catch_signals();
	r = args_parse(options, ARRAY_LEN(options), true, argc > 1 ? (size_t)argc - 1 : 0,
		(const char *const *)argv + 1, &all);
	code = r != 0 ? ctl_usage(&ctl, all.bad, args_explain(r)) : run(&ctl, &all);
	if (fflush(stdout) != 0 && code == CTL_OK) {
		code = CTL_FAILED; /* what was asked for did not arrive */
	}
	return (int)code;
}
