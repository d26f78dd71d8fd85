/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a refusal of the rights function means to people: for every rule of doc/rights.md a sentence
 * for the person, one for the technician, and what to do. tests/unit/client/test_words.py lays the
 * table beside the document. Data table.
 */
#include <string.h>

#include "client/lang.h"
#include "client/messages.h"

static const struct {
	const char *name;
	struct message message;
} rules[] = {
	{"forbidden-sector",
		{CTL_REFUSED, N_("The law keeps this sector of activity out of the dossier."),
			N_("The sector of the chosen structure is never admitted, or is not "
			   "known "
			   "(sectors.json)."),
			N_("Choose another practice of the professional, if there is one.")}},
	{"role-forbidden",
		{CTL_REFUSED, N_("Your profession may not do this in a dossier."),
			N_("The matrix has no yes for this card, profession and action."),
			N_("A professional whose role allows it must do it.")}},
	{"mode", {CTL_REFUSED,
			 N_("The way in which the dossier was opened does not allow this."),
			 N_("The session's mode does not include the action."),
			 N_("Open the dossier with the patient's consent (mode normal).")}},
	{"regulation",
		{CTL_REFUSED, N_("This structure does not regulate emergency calls."),
			N_("Mode centre_15 is for the structures of regulation-structures "
			   "(vitaled.conf)."),
			N_("Have the structure listed if it is one, or break the glass.")}},
	{"rate", {CTL_REFUSED, N_("This card has broken the glass too often within an hour."),
			 N_("per-hour of vitaled.conf is reached for this card."),
			 N_("Wait, or let another professional open the dossier.")}},
	{"blocked",
		{CTL_REFUSED,
			N_("The patient has blocked you: this dossier stays closed to you."),
			N_("The dossier's people name the card's holder as blocked, which wins "
			   "over every consent."),
			N_("Respect it; the patient can take it back, also through the "
			   "treating "
			   "doctor.")}},
	{"opposed",
		{CTL_REFUSED,
			N_("The patient does not want the dossier opened in an emergency of "
			   "this "
			   "kind."),
			N_("The dossier holds an opposition to this mode."),
			N_("Treat without it; with the patient's consent it opens as usual.")}},
	{"no-consent",
		{CTL_REFUSED, N_("The patient has not agreed to this."),
			N_("There is no consent of this session and no running authorisation."),
			N_("Open the dossier again and let the patient be asked.")}},
	{"not-told-without-card",
		{CTL_REFUSED,
			N_("The patient was not told that this also opens without their card."),
			N_("There is an authorisation, or a consent to feed of today, whose "
			   "text "
			   "did not tell of openings without the card."),
			N_("Open the dossier with the patient's card; to do without it later, "
			   "let them be asked again.")}},
	{"proof", {CTL_REFUSED, N_("The cards have not proved enough for this."),
			  N_("Session.Proof is below what is required, or the patient's card "
			     "is not "
			     "there."),
			  N_("Put in the patient's card, one that can authenticate.")}},
	{"intent",
		{CTL_REFUSED, N_("The patient was not asked about this."),
			N_("The consent does not cover the intent that this action needs."),
			N_("Open the dossier again with --intent naming what will be done.")}},
	{"not-author", {CTL_REFUSED, N_("This document was written by somebody else."),
			       N_("The matrix allows the action for one's own documents only."),
			       N_("Ask its author, or the treating doctor.")}},
	{"masked",
		{CTL_REFUSED, N_("This document is hidden from professionals."),
			N_("It carries masque_ps and is not one's own; emergencies see none."),
			N_("Ask the patient, who can show it.")}},
	{"document-type",
		{CTL_REFUSED, N_("Documents of this type are not for your profession."),
			N_("professions.json does not list the type for this profession."),
			N_("A professional who is given such documents must do it.")}},
	{"not-self",
		{CTL_REFUSED, N_("You can do this for yourself only."),
			N_("The act names another professional than the holder of the card."),
			N_("The other professional does it with their own card.")}},
	{"code", {CTL_REFUSED, N_("This needs the patient's own code."),
			 N_("The action wants the patient's personal code in this session."),
			 N_("The patient does it with their code.")}},
	{"not-holder",
		{CTL_REFUSED, N_("Only the holder of this card may do that with it."),
			N_("Mode patient is for the card's own holder, and for a minor through "
			   "them."),
			N_("The person comes with their own card.")}},
	{"no-end", {CTL_REFUSED, N_("This authorisation needs an end."),
			   N_("The action wants a date until which it holds."),
			   N_("Give a day with --until.")}},
	{"read-only", {CTL_REFUSED,
			      N_("Only the health insurer changes what the health insurer put "
				 "there."),
			      N_("The document's author is of the kind insurer."),
			      N_("Ask the insurer to correct it.")}},
	{"patients-own",
		{CTL_REFUSED, N_("The patient brought this document themselves."),
			N_("The document's author is the patient; the matrix leaves it to the "
			   "patient and, for some actions, the treating doctor."),
			N_("Ask the patient, or the treating doctor.")}},
	{"invisible",
		{CTL_REFUSED, N_("A doctor wants to speak with you about this document first."),
			N_("It carries invisible_patient, or invisible_representants_legaux."),
			N_("Ask a doctor, who can show it to you.")}},
};

const struct message *message_rule(const char *rule)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		if (strcmp(rules[i].name, rule) == 0) {
			return &rules[i].message;
		}
	}
	return NULL;
}

const char *message_rule_name(size_t index)
{
	return index < ARRAY_LEN(rules) ? rules[index].name : NULL;
}
