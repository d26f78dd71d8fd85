/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The table of sentences. One row a name of include/vitaled/errors.h: a designated initialiser, so
 * that a new name without a row is found by tests/unit/client/test-messages.c. Data only; the words
 * of states and labels are in words.c.
 */
#include "client/messages.h"

#include <string.h>

#include "client/lang.h"

#define ROW(id, code, person_, technician_, remedy_)                                           \
	[VITALED_REASON_##id] = {(code), (person_), (technician_), (remedy_)}

static const struct message messages[VITALED_REASON_COUNT] = {
	ROW(ACCESS_DENIED, CTL_REFUSED, N_("You are not allowed to do this on this computer."),
		N_("polkit or the bus policy refused the action to this user."),
		N_("Ask the administrator to allow the action in the polkit rules.")),
	ROW(INTERACTION_REQUIRED, CTL_REFUSED, N_("An authorisation must be given first."),
		N_("polkit wants to ask somebody, and no authentication agent answered."),
		N_("Run the command in a session where a polkit agent runs, or add a rule.")),
	ROW(NOT_PERMITTED, CTL_REFUSED, N_("The rules of the dossier do not permit this."),
		N_("The rights function refused; the rule is named in the detail."),
		N_("Read the named rule in the documentation; nothing was done.")),
	ROW(NO_READER_SERVICE, CTL_CARDS, N_("The card reader service is not running."),
		N_("Neither pcscd nor vitaled-usb can be reached on its socket."),
		N_("Start pcscd: systemctl start pcscd.socket; or vitaled-usb: systemctl start "
		   "vitaled-usb.socket.")),
	ROW(NO_READER, CTL_CARDS, N_("No card reader is connected."),
		N_("Neither pcscd nor vitaled-usb has a reader, or none of those configured "
		   "for "
		   "this pair."),
		N_("Plug the reader in; check the names of the pair in vitaled.conf.")),
	ROW(NO_CARD, CTL_CARDS, N_("A card is missing."),
		N_("No card of the kind that is needed was put in before the time ran out."),
		N_("Put in the Vitale card and the professional's card.")),
	ROW(CARD_REMOVED, CTL_CARDS, N_("A card was taken out."),
		N_("The card left its reader while it was needed."),
		N_("Put both cards in and open the session again.")),
	ROW(CARD_AMBIGUOUS, CTL_CARDS, N_("There are two patient cards in the readers."),
		N_("Two cards of the kind vitale are in; none is chosen by position."),
		N_("Leave only the card of the patient who is present.")),
	ROW(CARD_UNKNOWN, CTL_CARDS, N_("This card is not one that is known here."),
		N_("Neither the ATR nor the applications on it match a known kind."),
		N_("Check that it is a Vitale or CPS card; report its ATR if it is.")),
	ROW(CARD_UNSUPPORTED, CTL_CARDS,
		N_("This kind of card is recognised but not supported."),
		N_("The kind is known; its generation has no driver."),
		N_("Use a card of a supported generation: Vitale 2, CPS3 or CPS4.")),
	ROW(CARD_BROKEN, CTL_CARDS, N_("The card does not answer as it should."),
		N_("The card was mute, or its answer was cut, too long or malformed."),
		N_("Clean the contacts and put it in again; else have it replaced.")),
	ROW(CARD_EXPIRED, CTL_CARDS, N_("The card has expired or is not valid yet."),
		N_("The dates in the card or in its certificate do not include today."),
		N_("Check the date of this computer; else have the card renewed.")),
	ROW(CARD_OPPOSED, CTL_CARDS,
		N_("The card has been declared lost, stolen or withdrawn."),
		N_("The card or its certificate stands on an opposition or revocation list."),
		N_("Do not use it; its holder turns to the issuer.")),
	ROW(BUSY, CTL_LATER, N_("The cards are being used by another program."),
		N_("Another session or another PC/SC program holds the cards."),
		N_("Wait for the other program to end, or open with --wait.")),
	ROW(PIN_WRONG, CTL_PIN, N_("The PIN is wrong."),
		N_("The card refused VERIFY; PinTriesLeft tells the tries that remain."),
		N_("Type the PIN again with care.")),
	ROW(PIN_BLOCKED, CTL_PIN, N_("The card is blocked after too many wrong PINs."),
		N_("The PIN's counter is at zero."),
		N_("The holder unblocks the card with the code from its issuer.")),
	ROW(PIN_REFUSED, CTL_PIN, N_("The PIN was not given."),
		N_("The holder refused the entry, or what was given is no PIN."),
		N_("Open the session again when the holder wants to give the PIN.")),
	ROW(NO_AGENT, CTL_LATER, N_("No program is there to ask for the PIN or the consent."),
		N_("No agent with the needed capability is registered for this user."),
		N_("Start one: vitalectl agent, in another terminal of the same user.")),
	ROW(CANCELLED, CTL_LATER, N_("The request was cancelled."),
		N_("The agent or the application gave the request up."),
		N_("Start again if that was not intended.")),
	ROW(CONSENT_REFUSED, CTL_REFUSED, N_("The patient did not consent."),
		N_("The answer was no, or there was no answer, which is the same."),
		N_("Respect the answer; nothing was opened.")),
	ROW(CODE_WRONG, CTL_PIN, N_("The code is wrong."),
		N_("The personal or activation code is not the one of this dossier."),
		N_("Type it again with care; five tries an hour.")),
	ROW(CODE_BLOCKED, CTL_PIN, N_("Too many wrong codes were given."),
		N_("Five tries within an hour, or five of an activation code, are used up."),
		N_("Wait an hour, or ask the fund for a new activation code.")),
	ROW(CODE_MISSING, CTL_PIN, N_("There is no code for this dossier yet."),
		N_("No personal code was set and no activation code is in force here."),
		N_("Ask the fund, or the reception, for an activation code.")),
	ROW(FEED_INVALID, CTL_USAGE, N_("The reimbursements cannot be taken."),
		N_("Signature, certificate or a line of the feed is wrong; the detail names "
		   "it. "
		   "Nothing was imported; only where the signer was revoked meanwhile, "
		   "dossiers reached before keep their lines."),
		N_("Ask the sender for a correct file.")),
	ROW(NOT_TRUSTED, CTL_CARDS, N_("The card was issued by somebody unknown here."),
		N_("No anchor of the anchors folder signed the card's certificate."),
		N_("Check the anchors folder (a genuine card needs the issuer's anchor "
		   "there), then: systemctl restart vitaled.")),
	ROW(NATURE_MIXED, CTL_CARDS, N_("A real card and a test card cannot be used together."),
		N_("The anchors that verified the two cards are of different natures."),
		N_("Use two real cards, or two test cards.")),
	ROW(PROOF_TOO_WEAK, CTL_CARDS,
		N_("The patient's card proves too little to open a dossier."),
		N_("Session.Proof is below Manager.RequiredProof for the card's nature."),
		N_("Use a card that can authenticate, or change the required proof "
		   "knowingly.")),
	ROW(PROOF_FAILED, CTL_CARDS, N_("A card could not prove that it is genuine."),
		N_("A signature did not verify, or was replayed."),
		N_("Do not trust this card; keep it and tell the person in charge of "
		   "security.")),
	ROW(CHILD_FAILED, CTL_FAILED, N_("A part of the service stopped."),
		N_("A child process crashed, hung or sent a malformed frame; it was replaced."),
		N_("Try again; the journal of vitaled tells which part it was.")),
	ROW(READER_FAILED, CTL_CARDS, N_("The card reader does not work as it should."),
		N_("What it answers is not what a reader may say, or it refuses its own "
		   "pipes; of the card nothing is known."),
		N_("Unplug it and plug it in again, without a hub between; else have it "
		   "replaced.")),
	ROW(WRONG_STATE, CTL_FAILED, N_("This cannot be done at this moment."),
		N_("The session's or the dossier's state does not allow the call."),
		N_("Look at the state first: vitalectl status.")),
	ROW(INVALID_ARGUMENT, CTL_USAGE, N_("What was given is not in the right form."),
		N_("An argument, option or descriptor was refused; the detail names it."),
		N_("Correct what the detail names.")),
	ROW(NO_SUCH_DOCUMENT, CTL_FAILED, N_("There is no such document."),
		N_("No document of this dossier has this identifier, or it may not be seen."),
		N_("List the documents and use an identifier from there.")),
	ROW(LIMITS_EXCEEDED, CTL_LATER, N_("There is too much at once."),
		N_("A limit on sessions, agents, calls or sizes was reached."),
		N_("End sessions that are not needed, or send less.")),
	ROW(TIMEOUT, CTL_LATER, N_("It took too long."),
		N_("A deadline passed: of a person, a card or a process."), N_("Try again.")),
	ROW(AUDIT_UNAVAILABLE, CTL_STORE,
		N_("The record cannot be written, so nothing is opened."),
		N_("The audit store is full, read-only or damaged; the service fails closed."),
		N_("Free space on the state folder's disk; see the journal of vitaled.")),
	ROW(STORE_UNAVAILABLE, CTL_STORE, N_("The dossier's store cannot be used."),
		N_("The dossier's file cannot be opened, or is older than the record says."),
		N_("See the journal of vitaled; restore the store from its backup.")),
	ROW(FAILED, CTL_FAILED, N_("Something failed that has no name of its own."),
		N_("An unexpected fault; the cause is in the journal of vitaled."),
		N_("Look into the journal: journalctl -u vitaled.")),
	ROW(PATIENT_CARD_REMOVED, CTL_CARDS, N_("The patient's card was taken out."),
		N_("The Vitale left its reader; the session was locked at once."),
		N_("Put the card in and open the session again.")),
	ROW(PROFESSIONAL_CARD_REMOVED, CTL_CARDS, N_("The professional's card was taken out."),
		N_("The CPS left its reader; the session was locked at once."),
		N_("Put the card in and open the session again.")),
	ROW(CARD_REPLACED, CTL_CARDS, N_("A card was exchanged for another."),
		N_("The card that came back has another serial number."),
		N_("Open a new session for the new card.")),
	ROW(CARD_LENT, CTL_CARDS,
		N_("The card was lent to another program and did not come back."),
		N_("The lease ended without the same card and a new proof."),
		N_("Open the session again.")),
	ROW(RELEASED, CTL_OK, N_("The session was closed."),
		N_("Its owner locked or released it."), N_("Nothing needs to be done.")),
	ROW(OWNER_GONE, CTL_FAILED, N_("The program that opened the session is gone."),
		N_("The owner's connection left the bus; the session was locked."),
		N_("Open a new session.")),
	ROW(SLEEP, CTL_LATER, N_("The computer went to sleep."),
		N_("Sessions are locked before the system is suspended."),
		N_("Open the session again.")),
	ROW(PRE_EMPTED, CTL_LATER, N_("An emergency took the cards."),
		N_("An emergency session pre-empted this one."),
		N_("Open the session again afterwards.")),
	ROW(OTHER_PATIENT, CTL_REFUSED,
		N_("The card is not that of the patient whose file is open."),
		N_("No beneficiary on the card matches the option patient."),
		N_("Check the file on the screen and the card.")),
	ROW(NO_DOSSIER, CTL_REFUSED, N_("This patient has no dossier."),
		N_("The dossier is absent and the intent create was not given."),
		N_("Open with --intent create if the patient wants one.")),
	ROW(NO_OWN_IDENTITY, CTL_REFUSED,
		N_("The card does not hold this person's own number."),
		N_("The number belongs to another beneficiary, or disagrees with the birth "
		   "date."),
		N_("Give the person's INS with --patient.")),
	ROW(FORBIDDEN_SECTOR, CTL_REFUSED,
		N_("The law keeps this sector of activity out of the dossier."),
		N_("The professional's activity is in a forbidden sector; nothing was read."),
		N_("Choose another practice of the professional, if there is one.")),
	ROW(ROLE_FORBIDDEN, CTL_REFUSED, N_("This role may not open a dossier."),
		N_("The rights table has no line for this profession and mode."),
		N_("A professional whose role allows it must open the dossier.")),
	ROW(EXPIRED, CTL_LATER, N_("The session reached the end of its time."),
		N_("Its lifetime ran out; it was locked."), N_("Open a new session.")),
	ROW(REVOKED, CTL_REFUSED, N_("The right to open this dossier was taken back."),
		N_("This professional's authorisation was revoked, or they were blocked."),
		N_("Only the patient can give the right anew.")),
	ROW(IDLE, CTL_LATER, N_("Nobody did anything for a minute."),
		N_("A session of the patient alone locks after 60 s without a call."),
		N_("Take the card out, or begin anew.")),
};

/* errors of the bus itself, and of this program */
static const struct {
	const char *name;
	struct message message;
} bus_messages[] = {
	{"org.freedesktop.DBus.Error.ServiceUnknown",
		{CTL_NO_SERVICE, N_("The service vitaled is not installed or does not start."),
			N_("Nobody owns org.vitaled1 and the bus cannot start it."),
			N_("Install vitaled, or start it: systemctl start vitaled.")}},
	{"org.freedesktop.DBus.Error.NoServer",
		{CTL_NO_SERVICE, N_("The system bus cannot be reached."),
			N_("dbus-daemon does not run, or DBUS_SYSTEM_BUS_ADDRESS is wrong."),
			N_("Start dbus, or correct the variable.")}},
	{"org.freedesktop.DBus.Error.NoReply",
		{CTL_NO_SERVICE, N_("The service does not answer."),
			N_("No reply came before the time ran out, or the service stopped."),
			N_("Look into the journal: journalctl -u vitaled.")}},
	{"org.freedesktop.DBus.Error.AccessDenied",
		{CTL_REFUSED, N_("The bus does not let you talk to the service."),
			N_("The bus policy of vitaled refuses this user."),
			N_("Check the installed bus policy and the user's groups.")}},
	{"org.freedesktop.DBus.Error.UnknownMethod",
		{CTL_FAILED, N_("The running service cannot do this."),
			N_("The member or object does not exist: another version, or it has "
			   "ended."),
			N_("Compare the versions: vitalectl status.")}},
};

const struct message *message_of(enum vitaled_reason r)
{
	if ((unsigned int)r >= VITALED_REASON_COUNT || r == VITALED_REASON_NONE) {
		return &messages[VITALED_REASON_FAILED];
	}
	return &messages[r];
}

const struct message *message_of_word(const char *word)
{
	for (int i = VITALED_REASON_NONE + 1; i < VITALED_REASON_COUNT; i++) {
		if (strcmp(vitaled_reason_word((enum vitaled_reason)i), word) == 0) {
			return &messages[i];
		}
	}
	return NULL;
}

const char *message_bus_name(size_t index)
{
	return index < ARRAY_LEN(bus_messages) ? bus_messages[index].name : NULL;
}

/* names of the bus that say the same as one of the rows above */
static const char *same_as(const char *name)
{
	static const char *const same[][2] = {
		{"org.freedesktop.DBus.Error.NameHasNoOwner", "ServiceUnknown"},
		{"org.freedesktop.DBus.Error.Spawn.ServiceNotFound", "ServiceUnknown"},
		{"org.freedesktop.DBus.Error.Spawn.ChildExited", "ServiceUnknown"},
		{"org.freedesktop.DBus.Error.Spawn.Failed", "ServiceUnknown"},
		{"org.freedesktop.DBus.Error.FileNotFound", "NoServer"},
		{"org.freedesktop.DBus.Error.BadAddress", "NoServer"},
		{"org.freedesktop.DBus.Error.Disconnected", "NoReply"},
		{"org.freedesktop.DBus.Error.Timeout", "NoReply"},
		{"org.freedesktop.DBus.Error.TimedOut", "NoReply"},
		{"org.freedesktop.DBus.Error.UnknownObject", "UnknownMethod"},
		{"org.freedesktop.DBus.Error.UnknownInterface", "UnknownMethod"},
		{"org.freedesktop.DBus.Error.UnknownProperty", "UnknownMethod"},
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		if (strcmp(name, same[i][0]) == 0) {
			return same[i][1];
		}
	}
	return strrchr(name, '.') ? strrchr(name, '.') + 1 : name;
}

const struct message *message_of_error(const char *name)
{
	for (int i = VITALED_REASON_NONE + 1; i < VITALED_REASON_COUNT; i++) {
		const char *own = vitaled_error_bus((enum vitaled_reason)i);

		if (strcmp(own, name) == 0) {
			return &messages[i];
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(bus_messages); i++) {
		const char *last = strrchr(bus_messages[i].name, '.') + 1;

		if (strncmp(name, "org.freedesktop.DBus.Error.", 27) == 0 &&
			strcmp(last, same_as(name)) == 0) {
			return &bus_messages[i].message;
		}
	}
	return &messages[VITALED_REASON_FAILED];
}
