/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The words of closed sets as people read them: states, proofs, natures, kinds of card, labels of
 * facts, findings of the doctor. Clients bear words that they do not know: those are shown as they
 * came. Data only.
 */
#include <string.h>

#include "client/lang.h"
#include "client/messages.h"

struct word {
	const char *word;
	const char *text;
};

static const char *look_up(const struct word *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i].word, word) == 0) {
			return gettext(words[i].text);
		}
	}
	return word;
}

const char *message_state(const char *word)
{
	static const struct word words[] = {
		{"queued", N_("waiting for another session to end")},
		{"waiting-for-cards", N_("waiting for the cards")},
		{"reading", N_("reading the cards")},
		{"waiting-for-pin", N_("waiting for the professional's PIN")},
		{"authenticating", N_("the cards authenticate each other")},
		{"waiting-for-choice", N_("waiting for a choice")},
		{"waiting-for-consent", N_("waiting for the patient's consent")},
		{"unlocked", N_("unlocked")},
		{"suspended", N_("suspended while the card is lent")},
		{"refused", N_("refused")},
		{"locked", N_("locked")},
		{"failed", N_("failed")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_proof(const char *word)
{
	static const struct word words[] = {
		{"none", N_("no patient card")},
		{"read", N_("the card was read, it proved nothing")},
		{"active", N_("the card proved that it is genuine")},
		{"mutual", N_("both cards proved themselves to each other")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_nature(const char *word)
{
	static const struct word words[] = {
		{"real", N_("real card")},
		{"test", N_("test card")},
		{"simulated", N_("simulated card")},
		{"unknown", N_("card of unknown nature")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_kind(const char *word)
{
	static const struct word words[] = {
		{"vitale", N_("Vitale card")},
		{"cps", N_("health professional's card (CPS)")},
		{"cpf", N_("professional in training (CPF)")},
		{"cpe", N_("staff card (CPE)")},
		{"cpa", N_("authorised staff card (CPA)")},
		{"unknown", N_("unknown card")},
		{"unsupported", N_("unsupported card")},
		{"mute", N_("card that does not answer")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_advice(const char *word)
{
	static const struct word words[] = {
		{"vitale-1",
			N_("The first Vitale cannot be read: its holder asks for a new card.")},
		{"cps2ter", N_("A CPS2ter cannot be used: its holder asks for a new card.")},
		{"cps-contactless", N_("This is the card's contactless side: put it into a "
				       "reader with contacts.")},
		{"unknown-card",
			N_("This card is neither a Vitale nor a professional's card.")},
		{"card-busy", N_("Another program holds the card; it is tried again.")},
		{"no-answer", N_("The card did not answer in time; it is tried again.")},
		{"child-failed", N_("The program that reads the card stopped.")},
		{"card-update-incomplete",
			N_("An update of the card was not completed: update it again, else "
			   "have it replaced.")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_act(const char *word)
{
	static const struct word words[] = {
		{"consult", N_("read the documents of the dossier")},
		{"feed", N_("add documents to the dossier")},
		{"create", N_("create the dossier if there is none")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_inform(const char *what)
{
	static const struct word words[] = {
		{"use-pinpad", N_("Type the PIN on the reader's keypad.")},
		{"unlocked", N_("The dossier is open.")},
		{"ended", N_("The session has ended.")},
	};

	return look_up(words, ARRAY_LEN(words), what);
}

const char *message_label(const char *name)
{
	static const struct word words[] = {
		{"surname", N_("surname")},
		{"given", N_("given names")},
		{"name", N_("name")},
		{"birth-date", N_("date of birth")},
		{"nir", N_("number (NIR)")},
		{"rank", N_("rank")},
		{"country", N_("country")},
		{"coverage", N_("coverage")},
		{"profession", N_("profession")},
		{"speciality", N_("speciality")},
		{"structure", N_("structure")},
		{"sector", N_("sector")},
		{"title", N_("title")},
		{"date", N_("date")},
		{"type", N_("type")},
		{"section", N_("section")},
		{"author", N_("author")},
		{"size", N_("size in bytes")},
		{"status", N_("status")},
		{"flags", N_("flags")},
		{"application", N_("application")},
		{"acts", N_("what will be done")},
		{"decision", N_("decision")},
		{"form", N_("form")},
		{"time", N_("time")},
		{"nature", N_("nature")},
		{"proof", N_("proof")},
		{"mode", N_("mode")},
		{"patient", N_("patient")},
		{"professional", N_("professional")},
		{"tries-left", N_("tries left")},
		{"reader", N_("reader")},
		{"blood-group", N_("blood group")},
		{"allergies", N_("allergies")},
		{"national-id", N_("national number")},
		{"structure-name", N_("name of the structure")},
		{"organisation", N_("organisation")},
		{"card-number", N_("card number")},
		{"card-type", N_("card type")},
		{"category", N_("category")},
		{"workstation", N_("workstation")},
		{"language", N_("language")},
		{"reason", N_("reason")},
		{"state", N_("state")},
		{"treatments", N_("current treatments")},
		{"revocation", N_("revocation")},
	};

	return look_up(words, ARRAY_LEN(words), name);
}

#define FINDING(name_, code, person_, technician_, remedy_)                                    \
	{                                                                                      \
		(name_),                                                                       \
		{                                                                              \
			(code), (person_), (technician_), (remedy_)                            \
		}                                                                              \
	}

static const struct {
	const char *name;
	struct message message;
} findings[] = {
	FINDING("bus", CTL_NO_SERVICE, N_("The system bus cannot be reached."),
		N_("dbus-daemon does not run, or DBUS_SYSTEM_BUS_ADDRESS is wrong."),
		N_("Start dbus, or correct the variable.")),
	FINDING("service", CTL_NO_SERVICE, N_("The service vitaled does not run."),
		N_("Nobody owns the name org.vitaled1."),
		N_("Start it: systemctl start vitaled; then look at journalctl -u vitaled.")),
	FINDING("activation", CTL_NO_SERVICE, N_("The bus does not know how to start vitaled."),
		N_("org.vitaled1 is not among the activatable names."),
		N_("Install the package again; its bus service file is missing.")),
	FINDING("pcscd", CTL_CARDS, N_("The card reader service is not running."),
		N_("pcscd cannot be reached on its socket."),
		N_("Start pcscd: systemctl start pcscd.socket.")),
	FINDING("library", CTL_FAILED, N_("A library that the service needs is missing."),
		N_("The dynamic linker does not find the named library."),
		N_("Install the package that holds the named library.")),
	FINDING("program", CTL_FAILED, N_("A part of vitaled is not installed."),
		N_("The named program is missing or not executable."),
		N_("Install the package again.")),
	FINDING("no-anchors", CTL_OK, N_("No issuer of cards of this nature is trusted here."),
		N_("The anchors folder holds no anchor of the named nature."),
		N_("Nothing needs to be done unless such cards are to be used.")),
	FINDING("proof-locked", CTL_OK, N_("Cards of this nature cannot open a dossier here."),
		N_("The configuration locks the named nature, whatever a card proves."),
		N_("Nothing needs to be done unless such cards are to be used.")),
	FINDING("crl-missing", CTL_OK,
		N_("Nobody says whether cards of this issuer were revoked."),
		N_("No revocation list of the named authority was handed in."),
		N_("Put its list into the folder of revocation lists (crl in vitaled.conf).")),
	FINDING("crl-expired", CTL_OK,
		N_("The list of revoked cards of this issuer is too old."),
		N_("The lists of the named authority are past their nextUpdate."),
		N_("Put a newer list into the folder of revocation lists.")),
	FINDING("crl-rejected", CTL_USAGE, N_("A list of revoked cards was not taken."),
		N_("The named file of the folder of revocation lists was refused, for this "
		   "reason."),
		N_("Replace or remove the file.")),
	FINDING("crl-failed", CTL_FAILED, N_("The lists of revoked cards could not be read."),
		N_("The folder of revocation lists could not be looked at, for this reason."),
		N_("Correct the folder (crl in vitaled.conf) and its rights.")),
	FINDING("filter-logs", CTL_OK,
		N_("This is a build for tests: its processes are not fully confined."),
		N_("The system call filter only logs (sanitizer or coverage build)."),
		N_("Do not use this build with real cards.")),
	FINDING("anchors", CTL_CARDS, N_("No issuer of cards is trusted on this computer."),
		N_("The anchors folder is missing, unreadable or holds no anchor."),
		N_("Put the issuers' anchors into the folder, below real, test or simulated.")),
};

const struct message *message_finding(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(findings); i++) {
		if (strcmp(findings[i].name, name) == 0) {
			return &findings[i].message;
		}
	}
	return NULL;
}
