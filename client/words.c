/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The words of closed sets as people read them: states, proofs, natures, kinds of card, labels of
 * facts. Clients bear words that they do not know: those are shown as they came. Data only.
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
		{"mutual", N_("both cards authenticated each other")},
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

const char *message_mode(const char *word)
{
	static const struct word words[] = {
		{"normal", N_("with consent (normal)")},
		{"identity", N_("identity only (identity)")},
		{"bris_de_glace", N_("breaking the glass (bris_de_glace)")},
		{"centre_15", N_("medical regulation (centre_15)")},
		{"administration", N_("administration of the dossier (administration)")},
		{"patient", N_("the patient alone (patient)")},
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
		{"authorise",
			N_("let this professional open the dossier later, or block somebody")},
		{"treating-doctor",
			N_("take the role of treating doctor, who sees everything")},
		{"oppose", N_("keep the dossier closed in emergencies")},
		{"close", N_("close the dossier")},
		{"code", N_("make an activation code for the patient")},
		{"patient", N_("use one's own dossier, alone")},
		{"emergency", N_("open the dossier in an emergency, without consent")},
		{"regulation", N_("open the dossier for medical regulation, without consent")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_helper(const char *word)
{
	static const struct word words[] = {
		{"relative", N_("relative")},
		{"staff", N_("staff")},
		{"interpreter", N_("interpreter")},
		{"parent", N_("parent")},
		{"guardian", N_("guardian")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

const char *message_inform(const char *what)
{
	static const struct word words[] = {
		{"use-pinpad", N_("Type the PIN on the reader's keypad.")},
		{"unlocked", N_("The dossier is open.")},
		{"ended", N_("The session has ended.")},
		{"emergency", N_("A professional opened the dossier in an emergency.")},
		{"take-card", N_("Please take your card out of the reader.")},
		{"activation-code", N_("A new activation code was made for the patient.")},
		{"emergency-access",
			N_("The dossier was opened in an emergency since the last visit.")},
	};

	return look_up(words, ARRAY_LEN(words), what);
}

const char *message_entry(const char *word)
{
	static const struct word words[] = {
		{"mild", N_("mild")},
		{"moderate", N_("moderate")},
		{"severe", N_("severe")},
		{"medical", N_("medical")},
		{"surgical", N_("surgical")},
		{"obstetric", N_("obstetric")},
		{"family", N_("of the family")},
		{"smear", N_("smear")},
		{"mammography", N_("mammography")},
		{"colonoscopy", N_("colonoscopy")},
		{"other", N_("other")},
		{"here", N_("in this dossier")},
		{"elsewhere", N_("kept elsewhere")},
	};

	return look_up(words, ARRAY_LEN(words), word);
}

static const struct word labels[] = {
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
	{"service", N_("service")},
	{"version", N_("version")},
	{"unit", N_("unit")},
	{"load", N_("loaded")},
	{"result", N_("result")},
	{"usb", N_("USB number")},
	{"usb-devices", N_("USB devices")},
	{"usb-reader", N_("reader plugged in")},
	{"port", N_("USB port")},
	{"driver", N_("driver's name for it")},
	{"configured", N_("driver by the configuration")},
	{"socket", N_("socket")},
	{"libccid", N_("claimed by libccid since")},
	{"program", N_("program at the readers")},
	{"programs", N_("programs at the readers")},
	{"hidden-processes", N_("processes that this user may not look at")},
	{"configuration", N_("configuration")},
	{"store", N_("data")},
	{"path", N_("path")},
	{"file", N_("file")},
	{"owner", N_("owner's number")},
	{"free", N_("free")},
	{"anchor", N_("issuer's certificate")},
	{"feeder-anchor", N_("certificate of a feeder or of its authority")},
	{"until", N_("until")},
	{"subject", N_("issuer")},
	{"authority", N_("authority")},
	{"clock", N_("clock")},
	{"capability", N_("capability")},
	{"cause", N_("cause")},
	{"action", N_("action")},
	{"right", N_("right")},
	{"directive", N_("directive")},
	{"current-treatments", N_("current treatments")},
	{"pathologies", N_("diseases")},
	{"antecedents", N_("medical history")},
	{"persons-to-warn", N_("people to warn")},
	{"treating-doctor", N_("treating doctor")},
	{"advance-directives", N_("advance directives")},
	{"vaccinations", N_("vaccinations")},
	{"prevention-dates", N_("prevention")},
	{"dose", N_("dose")},
	{"lot", N_("lot")},
	{"next", N_("next")},
	{"long-term", N_("long-term illness")},
	{"place", N_("place")},
	{"phone", N_("telephone")},
	{"relation", N_("relation")},
	{"trusted", N_("trusted person")},
	{"authorised", N_("may open the dossier")},
	{"blocked", N_("blocked")},
	{"oppositions", N_("emergencies opposed")},
	{"masked-allowed", N_("masked documents in an emergency")},
	{"without-card", N_("also without the card")},
	{"reaction", N_("reaction")},
	{"severity", N_("severity")},
	{"dosage", N_("dosage")},
	{"code", N_("code")},
	{"since", N_("since")},
	{"by", N_("by")},
	{"added", N_("added")},
	{"replaces", N_("replaces")},
	{"replaced-by", N_("replaced by")},
};

const char *message_label(const char *name)
{
	return look_up(labels, ARRAY_LEN(labels), name);
}
