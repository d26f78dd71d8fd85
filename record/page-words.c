/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The words of a receipt's page. The service has one configured language and no catalogues, vitalectl
 * its locale: both find them here. Words of the record that are not listed are printed as they are.
 */
#include "record/page-words.h"

#include <string.h>

#include "base/fault.h"

struct text {
	const char *english;
	const char *french;
};

static const struct text words[PAGE_WORDS] = {
	[PAGE_TITLE] = {"RECEIPT", "REÇU"},
	[PAGE_SUBTITLE] = {"Shared medical record: what was stated, signed and written down.",
		"Dossier médical partagé : ce qui a été déclaré, signé et noté."},
	[PAGE_RECEIPT] = {"Receipt", "Reçu"},
	[PAGE_DATE] = {"Date", "Date"},
	[PAGE_CLOCK_LOOSE] = {" (clock not synchronised)", " (horloge non synchronisée)"},
	[PAGE_DECISION] = {"Answer", "Réponse"},
	[PAGE_FORM] = {"Form", "Forme"},
	[PAGE_HELPED_BY] = {"Helped by", "Aide"},
	[PAGE_REPRESENTED_BY] = {"Represented", "Représentant"},
	[PAGE_ACTS] = {"For", "Pour"},
	[PAGE_TEXT] = {"Text shown", "Texte montré"},
	[PAGE_MODE] = {"Mode", "Mode"},
	[PAGE_REASON] = {"Reason", "Motif"},
	[PAGE_WHO] = {"WHO", "QUI"},
	[PAGE_PATIENT] = {"Patient", "Patient"},
	[PAGE_NO_NAME] = {"(the name is not written here; above: the record's pseudonym)",
		"(le nom n'est pas écrit ici ; ci-dessus : le pseudonyme du dossier)"},
	[PAGE_CARD] = {"Vitale card", "Carte Vitale"},
	[PAGE_CARD_ENDS] = {"number ending in", "numéro finissant par"},
	[PAGE_CARD_ABSENT] = {"not there", "absente"},
	[PAGE_PROFESSIONAL] = {"Professional", "Professionnel"},
	[PAGE_NOBODY_ELSE] = {"none: the patient alone", "aucun : le patient seul"},
	[PAGE_PROFESSION] = {"profession G15", "profession G15"},
	[PAGE_STRUCTURE] = {"Structure", "Structure"},
	[PAGE_APPLICATION] = {"Software", "Logiciel"},
	[PAGE_WORKSTATION] = {"Workstation", "Poste"},
	[PAGE_DONE] = {"WHAT WAS DONE", "CE QUI A ÉTÉ FAIT"},
	[PAGE_DONE_NOTHING] = {"Nothing so far.", "Rien jusqu'ici."},
	[PAGE_OMITTED] = {"older entries that are not in this receipt:",
		"écritures plus anciennes qui ne sont pas dans ce reçu :"},
	[PAGE_PROOFS] = {"PROOFS", "PREUVES"},
	[PAGE_SIGNED_BY] = {"Signed by", "Signé par"},
	[PAGE_BY_PROFESSIONAL] = {"the professional's card (CMS, RSA, SHA-256)",
		"la carte du professionnel (CMS, RSA, SHA-256)"},
	[PAGE_BY_PATIENT] = {"the Vitale card (it was present over this statement)",
		"la carte Vitale (présente, sur cette déclaration)"},
	[PAGE_BY_NO_PATIENT] = {"not by the Vitale card", "pas par la carte Vitale"},
	[PAGE_RECORD] = {"Record", "Registre"},
	[PAGE_ENTRY] = {"Entry", "Écriture"},
	[PAGE_ENTRY_OF] = {"of", "sur"},
	[PAGE_ROOT] = {"Root", "Racine"},
	[PAGE_CHECK] = {"TO CHECK IT, with the receipt's file (here receipt.json):",
		"POUR VÉRIFIER, avec le fichier du reçu (ici receipt.json) :"},
	[PAGE_CHECK_ALONE] = {"and without any program of ours, in PIECES (ANCHORS.pem: the "
			      "issuers):",
		"et sans aucun de nos programmes, dans PIECES (ANCHORS.pem : les émetteurs) :"},
	[PAGE_PAPER] = {"This page proves nothing by itself: the file does.",
		"Cette page ne prouve rien à elle seule : c'est le fichier qui prouve."},
	[PAGE_CODE] = {"The code says which receipt and which state of the record:",
		"Le code dit quel reçu et quel état du registre :"},
};

static const struct {
	const char *word;
	struct text text;
} terms[] = {
	/* acts */
	{"consult", {"read the record", "lire le dossier"}},
	{"feed", {"add documents", "ajouter des documents"}},
	{"create", {"create the record", "créer le dossier"}},
	{"authorise",
		{"open it later without asking", "l'ouvrir plus tard sans le redemander"}},
	{"treating-doctor", {"be the treating doctor", "être le médecin traitant"}},
	{"oppose", {"decide on openings in an emergency", "décider des ouvertures en urgence"}},
	{"close", {"close the record", "fermer le dossier"}},
	{"emergency", {"open it in an emergency", "l'ouvrir en urgence"}},
	{"regulation",
		{"open it at the emergency call centre", "l'ouvrir à la régulation du 15"}},
	{"patient", {"use one's own record", "utiliser son propre dossier"}},
	/* decisions */
	{"given", {"agreement given", "accord donné"}},
	{"not-needed", {"not asked: an emergency", "non demandée : urgence"}},
	/* forms */
	{"oral", {"aloud; the professional states it",
			 "de vive voix ; le professionnel l'atteste"}},
	{"screen", {"on the patient's own screen", "sur l'écran du patient"}},
	{"screen-shared",
		{"on a screen of the professional's", "sur un écran du professionnel"}},
	{"running",
		{"an earlier agreement is in force", "un accord donné plus tôt est en cours"}},
	{"code", {"the patient's own code", "le code du patient"}},
	{"assisted", {"the patient, who was helped", "le patient, qui a été aidé"}},
	{"representative", {"the minor's representative", "le représentant du mineur"}},
	/* who helps */
	{"relative", {"relative", "proche"}},
	{"staff", {"staff", "personnel"}},
	{"interpreter", {"interpreter", "interprète"}},
	{"parent", {"parent", "parent"}},
	{"guardian", {"guardian", "tuteur"}},
	{"holder", {"holder of the card", "titulaire de la carte"}},
	/* people and cards */
	{"adult", {"adult", "majeur"}},
	{"minor", {"minor", "mineur"}},
	{"real", {"real", "réelle"}},
	{"test", {"test card", "carte de test"}},
	{"simulated", {"simulated card", "carte simulée"}},
	/* modes */
	{"normal", {"normal", "normal"}},
	{"administration", {"administration", "administration"}},
	{"bris_de_glace", {"bris de glace (emergency)", "bris de glace (urgence)"}},
	{"centre_15", {"centre 15 (emergency calls)", "centre 15 (régulation)"}},
	/* what was done */
	{"unlocked", {"record opened", "dossier ouvert"}},
	{"session-ended", {"session ended", "session terminée"}},
	{"suspended", {"session suspended", "session suspendue"}},
	{"resumed", {"session resumed", "session reprise"}},
	{"identity-read",
		{"identities on the card given out", "identités de la carte données"}},
	{"dossier-created", {"record created", "dossier créé"}},
	{"dossier-listed", {"list of documents shown", "liste des documents montrée"}},
	{"dossier-summary", {"summary shown", "synthèse montrée"}},
	{"dossier-closed", {"record closed", "dossier fermé"}},
	{"dossier-reopened", {"record reopened", "dossier rouvert"}},
	{"dossier-exported", {"copy of everything given out", "copie de tout remise"}},
	{"document-read", {"document read", "document lu"}},
	{"document-added", {"document added", "document ajouté"}},
	{"document-flagged", {"document hidden or shown", "document caché ou montré"}},
	{"document-replaced", {"document replaced", "document remplacé"}},
	{"document-archived", {"document put away or back", "document rangé ou ressorti"}},
	{"document-deleted", {"document deleted", "document supprimé"}},
	{"people-listed", {"list of professionals shown", "liste des professionnels montrée"}},
	{"authorised", {"professional authorised", "professionnel autorisé"}},
	{"revoked", {"authorisation taken back", "autorisation retirée"}},
	{"blocked", {"professional blocked or unblocked", "professionnel bloqué ou débloqué"}},
	{"opposition",
		{"opposition to emergencies changed", "opposition aux urgences changée"}},
	{"masked-allowed", {"hidden documents in emergencies", "documents cachés en urgence"}},
	{"history-read", {"history shown", "historique montré"}},
	{"denied", {"refused", "refusé"}},
	{"receipt", {"receipt given out", "reçu remis"}},
	{"started", {"begun", "commencé"}},
	{"proof", {"proof of the cards", "preuve des cartes"}},
	{"code-tried", {"code tried", "code essayé"}},
	{"code-set", {"personal code set", "code personnel choisi"}},
	{"code-issued", {"activation code issued", "code d'activation émis"}},
	{"informed", {"told of emergencies", "informé des urgences"}},
	{"card-lent", {"card lent", "carte prêtée"}},
	{"card-returned", {"card returned", "carte rendue"}},
};

/* the act that has the word of a form */
static const struct text code_act = {
	"receive an activation code", "recevoir un code d'activation"};

const char *page_word(enum page_word w, bool french)
{
	return french ? words[w].french : words[w].english;
}

const char *page_term(const char *word, bool french)
{
	for (size_t i = 0; i < ARRAY_LEN(terms); i++) {
		if (strcmp(terms[i].word, word) == 0) {
			return french ? terms[i].text.french : terms[i].text.english;
		}
	}
	return word;
}

const char *page_act(const char *word, bool french)
{
	if (strcmp(word, "code") == 0) {
		return french ? code_act.french : code_act.english;
	}
	return page_term(word, french);
}
