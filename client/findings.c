/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The sentences of findings: one row a name of include/vitaled/findings.h, a designated initialiser,
 * so that a new name without a row is found by tests/unit/client/test-messages.c. An exit code of
 * CTL_OK makes a finding a remark. A data table.
 */
#include <string.h>

#include "client/lang.h"
#include "client/messages.h"

#define ROW(id, code, person_, technician_, remedy_)                                           \
	[VITALED_FINDING_##id] = {(code), (person_), (technician_), (remedy_)}

static const struct message findings[VITALED_FINDING_COUNT] = {
	ROW(NO_ANCHORS, CTL_OK, N_("No issuer of cards of this nature is trusted here."),
		N_("The anchors folder holds no anchor of the named nature."),
		N_("Nothing needs to be done unless such cards are to be used.")),
	ROW(PROOF_LOCKED, CTL_OK, N_("Cards of this nature cannot open a dossier here."),
		N_("The configuration locks the named nature, whatever a card proves."),
		N_("Nothing needs to be done unless such cards are to be used.")),
	ROW(CRL_MISSING, CTL_OK, N_("Nobody says whether cards of this issuer were revoked."),
		N_("No revocation list of the named authority was handed in."),
		N_("Put its list into the folder of revocation lists (crl in vitaled.conf).")),
	ROW(CRL_EXPIRED, CTL_OK, N_("The list of revoked cards of this issuer is too old."),
		N_("The lists of the named authority are past their nextUpdate."),
		N_("Put a newer list into the folder of revocation lists.")),
	ROW(CRL_REJECTED, CTL_USAGE, N_("A list of revoked cards or feeders was not taken."),
		N_("The named file of the folder of revocation lists was refused, for this "
		   "reason."),
		N_("Replace or remove the file.")),
	ROW(CRL_FAILED, CTL_FAILED,
		N_("The lists of revoked cards and feeders could not be read."),
		N_("The folder of revocation lists could not be looked at, for this reason."),
		N_("Correct the folder (crl in vitaled.conf) and its rights.")),
	ROW(FEEDER_CRL_MISSING, CTL_OK,
		N_("Nobody says whether a feeder of reimbursements was revoked."),
		N_("No revocation list of the named authority was handed in."),
		N_("Put its list into the folder of revocation lists (crl in vitaled.conf).")),
	ROW(FEEDER_CRL_EXPIRED, CTL_OK,
		N_("The list of revoked feeders of reimbursements is too old."),
		N_("The lists of the named authority are past their nextUpdate."),
		N_("Put a newer list into the folder of revocation lists.")),
	ROW(FEEDER_ANCHORS, CTL_USAGE, N_("No feed of reimbursements is taken here."),
		N_("The named file is no anchor of a feeder, stands for cards or another "
		   "nature as well, or cannot be read."),
		N_("Replace or remove the file; it counts at once.")),
	ROW(FEEDER_ANCHOR_EXPIRED, CTL_OK,
		N_("The anchor of a feeder of reimbursements has expired."),
		N_("The named anchor's dates do not include today: no feed that it vouches "
		   "for is taken."),
		N_("Put the feeder's new anchor into the folder, or correct the date of this "
		   "computer.")),
	ROW(FILTER_LOGS, CTL_OK,
		N_("This is a build for tests: its processes are not fully confined."),
		N_("The system call filter only logs (sanitizer or coverage build)."),
		N_("Do not use this build with real cards.")),
	ROW(NOT_CONFINED, CTL_FAILED, N_("The service is less protected than it should be."),
		N_("systemd did not put the named directive of the unit into force."),
		N_("Look at systemctl cat vitaled for a drop-in that changes it; a kernel or a "
		   "container may refuse it.")),
	ROW(SECRETS_NOT_LOCKED, CTL_OK, N_("Secrets may be written to the swap space."),
		N_("The secure heap could not be locked into memory (mlock)."),
		N_("Raise LimitMEMLOCK of the unit, or encrypt the swap space.")),
	ROW(RECORD_KEY_FILE, CTL_OK, N_("The record's key lies in a plain file."),
		N_("No credential was given (LoadCredential); a key with mode 0600 was made in "
		   "the state folder."),
		N_("Where the disk is not encrypted: encrypt the keys that are there, never "
		   "new "
		   "ones, and give them as credentials: man 8 vitaled.")),
	ROW(CLOCK_UNSET, CTL_FAILED, N_("The date of this computer is wrong."),
		N_("The clock shows a time before this program was made."),
		N_("Set the clock, or let it be set: timedatectl set-ntp true. Look at the "
		   "battery of its clock.")),
	ROW(ANCHOR_EXPIRED, CTL_CARDS, N_("The certificate of an issuer of cards has expired."),
		N_("The named anchor's dates do not include today: no card below it is "
		   "believed."),
		N_("Put the issuer's new anchor into the folder and restart vitaled, or "
		   "correct "
		   "the date of this computer.")),
	ROW(ANCHOR_EXPIRES, CTL_OK, N_("The certificate of an issuer of cards expires soon."),
		N_("The named anchor ends within 30 days."),
		N_("Put the issuer's new anchor into the folder beside the old one, then: "
		   "systemctl restart vitaled.")),
	ROW(STORE_LOW, CTL_STORE, N_("The disk is nearly full."),
		N_("There is little free space on the file system of the state folder; without "
		   "any, nothing is opened."),
		N_("Free space on the disk of the state folder. Never delete files of the "
		   "state folder itself.")),
	ROW(RECORD_BEHIND, CTL_OK,
		N_("What is recorded here does not reach the site's log at the moment."),
		N_("Entries wait: the syslog daemon does not read the named socket. They are "
		   "kept "
		   "here and sent in order when it does."),
		N_("Look at the syslog daemon (systemctl status rsyslog) and at syslog in "
		   "vitaled.conf.")),
	ROW(OUTBOX_STUCK, CTL_OK, N_("Messages for patients wait on this computer."),
		N_("The named folder takes no message of the site's to its patients; cause: "
		   "full, no-space, read-only, denied, failed. They are kept in the record."),
		N_("Full: see to the job of the site that takes them away, or set outbox = no "
		   "in vitaled.conf. Else: the disk and the permissions of the folder.")),
	ROW(NO_SLEEP_SIGNAL, CTL_OK, N_("A dossier may stay open while the computer sleeps."),
		N_("systemd-logind is absent (state absent): nothing is locked before sleep. "
		   "Or it "
		   "refused to wait (refused): sessions are locked when sleep is announced, "
		   "and "
		   "nobody waits for that."),
		N_("Absent: start systemd-logind where the computer may be suspended. Refused: "
		   "see "
		   "the polkit rules for org.freedesktop.login1.inhibit-delay-sleep.")),
	ROW(NO_POLKIT, CTL_NO_SERVICE, N_("Nobody can be allowed to do anything."),
		N_("polkit is not on the bus and the bus cannot start it: every action is "
		   "refused."),
		N_("Install and start polkit: systemctl start polkit.")),
	ROW(CONFIGURATION_REJECTED, CTL_USAGE, N_("The changed configuration was not taken."),
		N_("Upon reload the named line was refused; the configuration from before "
		   "stays in force."),
		N_("Correct the line in vitaled.conf, then: systemctl reload vitaled.")),
	ROW(BUS, CTL_NO_SERVICE, N_("The system bus cannot be reached."),
		N_("dbus-daemon does not run, or DBUS_SYSTEM_BUS_ADDRESS is wrong."),
		N_("Start dbus, or correct the variable.")),
	ROW(SERVICE, CTL_NO_SERVICE, N_("The service vitaled does not run."),
		N_("Nobody owns the name org.vitaled1."),
		N_("Start it: systemctl start vitaled; then look at journalctl -u vitaled.")),
	ROW(SERVICE_IDLE, CTL_OK, N_("The service vitaled starts with the first call."),
		N_("Nobody owns the name org.vitaled1; the bus can start it, and the unit has "
		   "not "
		   "failed."),
		N_("Nothing needs to be done. To start it now: systemctl start vitaled.")),
	ROW(ACTIVATION, CTL_NO_SERVICE, N_("The bus does not know how to start vitaled."),
		N_("org.vitaled1 is not among the activatable names."),
		N_("Install the package again; its bus service file is missing.")),
	ROW(PCSCD, CTL_CARDS, N_("The card reader service is not running."),
		N_("pcscd cannot be reached on its socket."),
		N_("Start pcscd: systemctl start pcscd.socket.")),
	ROW(LIBRARY, CTL_FAILED, N_("A library that the service needs is missing."),
		N_("The dynamic linker does not find the named library."),
		N_("Install the package that holds the named library.")),
	ROW(PROGRAM, CTL_FAILED, N_("A part of vitaled is not installed."),
		N_("The named program is missing or not executable."),
		N_("Install the package again.")),
	ROW(ANCHORS, CTL_CARDS, N_("No issuer of cards is trusted on this computer."),
		N_("The anchors folder is missing, unreadable or holds no anchor."),
		N_("Put the issuers' anchors into the folder, below real, test or simulated, "
		   "then: systemctl restart vitaled.")),
	ROW(PCSCD_SILENT, CTL_CARDS, N_("The card reader service does not answer."),
		N_("pcscd took the connection and said nothing; a reader's driver may hang."),
		N_("Unplug the reader and plug it in again; else: systemctl restart pcscd.")),
	ROW(PCSCD_DENIED, CTL_OK, N_("You may not ask the card reader service yourself."),
		N_("pcscd, its socket or polkit refused this user; the service vitaled may "
		   "still be allowed."),
		N_("Run this command as root to see what it sees.")),
	ROW(PCSCD_RULE, CTL_REFUSED, N_("The service is not allowed to use the card readers."),
		N_("pcscd asks polkit here, and no polkit rule lets the user vitaled reach "
		   "it."),
		N_("Install the package again; its rule in /usr/share/polkit-1/rules.d is "
		   "missing.")),
	ROW(NO_DRIVERS, CTL_CARDS, N_("No driver of card readers is installed."),
		N_("pcscd finds no driver bundle in the named folder."),
		N_("Install the package libccid.")),
	ROW(DRIVER_BROKEN, CTL_CARDS, N_("A driver of card readers is damaged."),
		N_("The named Info.plist is unreadable, too large or not what it should be."),
		N_("Install the driver's package again.")),
	ROW(READER_UNCLAIMED, CTL_CARDS,
		N_("A reader is plugged in that this computer cannot use."),
		N_("No driver of pcscd claims this USB device, and vitaled-usb does not serve "
		   "it."),
		N_("Install the package vitaled-usb. If the reader is not of the list in man 1 "
		   "vitalectl, also write driver = usb for it into vitaled.conf.")),
	ROW(READER_UNSEEN, CTL_CARDS,
		N_("A reader is plugged in but the card reader service does not see it."),
		N_("A driver of pcscd, or vitaled-usb, is for this USB device and does not "
		   "list it."),
		N_("Unplug it and plug it in again; else: systemctl restart pcscd or "
		   "vitaled-usb, then journalctl -u pcscd -u vitaled-usb.")),
	ROW(READER_DENIED, CTL_CARDS,
		N_("A reader is plugged in and vitaled-usb may not open it."),
		N_("The node of this USB device has no entry for the group vitaled-usb, which "
		   "udev's rules add by setfacl."),
		N_("Install the package acl, then unplug the reader and plug it in again.")),
	ROW(READER_USB_MISSING, CTL_CARDS,
		N_("A reader is plugged in that is for vitaled-usb, which is not installed."),
		N_("The configuration gives this USB device to vitaled-usb ([usb ...], "
		   "driver = usb), and its program is not there."),
		N_("Install the package vitaled-usb, or write driver = pcsc for the reader "
		   "into vitaled.conf where a driver of pcscd claims it.")),
	ROW(READER_USB_SILENT, CTL_CARDS,
		N_("A reader is plugged in that is for vitaled-usb, which cannot be reached."),
		N_("Nobody listens at the socket of vitaled-usb that the configuration "
		   "names, so the service cannot have this USB device from it."),
		N_("systemctl enable --now vitaled-usb.socket; if that runs, correct "
		   "usb-socket under [paths] in vitaled.conf.")),
	ROW(READER_HELD, CTL_CARDS,
		N_("A reader is plugged in that is for vitaled-usb, and pcscd has taken it."),
		N_("The configuration gives this USB device to vitaled-usb ([usb ...], "
		   "driver = usb); pcscd holds it under the name that its driver gives it, "
		   "and the kernel gives a reader to one program only."),
		N_("systemctl stop pcscd.socket pcscd.service; vitaled-usb has the reader "
		   "within a minute, then start pcscd.socket again if other readers need it. "
		   "Or write driver = auto for it into vitaled.conf, then: systemctl reload "
		   "vitaled.")),
	ROW(READER_TO_PCSCD, CTL_CARDS,
		N_("A reader is plugged in that the configuration gives to a service that "
		   "cannot use it."),
		N_("The configuration gives this USB device to pcscd ([usb ...], driver = "
		   "pcsc), no driver of which claims it; it is a smart card reader (CCID), "
		   "which vitaled-usb can use."),
		N_("Write driver = auto or driver = usb for it into vitaled.conf, with the "
		   "package vitaled-usb installed, then: systemctl reload vitaled.")),
	ROW(READER_REFUSED, CTL_CARDS,
		N_("A reader is plugged in that vitaled-usb cannot use."),
		N_("What this USB device says of itself is wrong or more than is served, for "
		   "the named reason, or is not of a smart card reader (CCID); and pcscd does "
		   "not drive it here."),
		N_("Where a driver of pcscd claims it, write driver = pcsc for it into "
		   "vitaled.conf; else send what vitalectl readers --usb says to the "
		   "developers.")),
	ROW(READER_OLD_MODE, CTL_CARDS,
		N_("A reader is plugged in that works in an old mode, which Linux cannot use."),
		N_("This USB device is no smart card reader (CCID) in its old mode; with the "
		   "application EI96S 4.0 or later it is one."),
		N_("Have the reader's software updated to EI96S 4.0 or later, in PC/SC mode, "
		   "by who sold it; then plug it in again.")),
	ROW(READER_BLOCKED, CTL_CARDS,
		N_("A reader is plugged in and blocked by this computer."),
		N_("The kernel was told not to authorise this USB device (authorized is 0)."),
		N_("Allow the device in USBGuard, or whatever guards the USB ports here.")),
	ROW(READER_SHARED, CTL_OK, N_("Another user may take a reader of vitaled-usb away."),
		N_("The node of this USB device is open to a user besides root: the kernel "
		   "lets "
		   "them take a claimed reader, and talk to a card whose PIN was verified."),
		N_("Write VITALED_READER=1 for it into /etc/udev/hwdb.d (man 8 vitaled-usb, "
		   "RIGHTS), "
		   "then: systemd-hwdb update, and plug it in again.")),
	ROW(READER_RULES, CTL_OK, N_("The readers' descriptions of vitaled are not installed."),
		N_("Neither udev rules nor hwdb entries of vitaled were found."),
		N_("Install the package again if readers are not recognised.")),
	ROW(CARD_HELD, CTL_LATER, N_("Another program is using a card."),
		N_("The card in the named reader is open in another PC/SC program."),
		N_("Close that program, or let it use the card while vitaled does not: "
		   "vitalectl lend.")),
	ROW(CARD_MUTE, CTL_CARDS, N_("A card in a reader does not answer."),
		N_("The card in the named reader gives no answer to reset; it slows every look "
		   "at the readers."),
		N_("Take it out; put it in again the right way round, with clean contacts.")),
	ROW(BUS_POLICY, CTL_NO_SERVICE,
		N_("The rules of the bus for vitaled are not installed."),
		N_("The named bus policy is missing: the bus does not let the service own its "
		   "name."),
		N_("Install the package again, then: systemctl reload dbus.")),
	ROW(POLKIT_ACTIONS, CTL_REFUSED, N_("Nobody can be allowed to open a dossier."),
		N_("The named file of polkit actions is missing: polkit refuses what it does "
		   "not know."),
		N_("Install the package again.")),
	ROW(USER_MISSING, CTL_NO_SERVICE, N_("The service has no user of its own."),
		N_("The named user is not in /etc/passwd; systemd-sysusers makes it at "
		   "installation."),
		N_("Run systemd-sysusers, or install the package again.")),
	ROW(STATE_FOLDER, CTL_STORE,
		N_("The folder of the dossiers has the wrong owner or rights."),
		N_("It must be a folder of the user vitaled with mode 0700."),
		N_("Run: chown vitaled: and chmod 0700 on the named folder, and ask who could "
		   "read it until now.")),
	ROW(STATE_READ_ONLY, CTL_STORE, N_("The disk of the dossiers cannot be written."),
		N_("The file system of the state folder is mounted read-only."),
		N_("Look for disk faults (journalctl -k), then mount it writable again.")),
	ROW(KEY_EXPOSED, CTL_STORE, N_("A key of the service can be read by others."),
		N_("The named file is not of mode 0600 or less."),
		N_("Run chmod 0600 on it; a key cannot be replaced without losing what it "
		   "protects: find out who could read it.")),
	ROW(CONFIGURATION, CTL_USAGE,
		N_("The configuration is not right, and the service does not start with it."),
		N_("The named line has an unknown key or a wrong value."),
		N_("Correct the line: man 5 vitaled.conf.")),
	ROW(CLOCK_UNSYNCHRONISED, CTL_OK, N_("Nobody sets the clock of this computer."),
		N_("The kernel does not call the clock synchronised."),
		N_("Let it be set by the network or by hand: timedatectl set-ntp true.")),
	ROW(ANCHOR_BROKEN, CTL_CARDS, N_("A certificate of an issuer of cards is damaged."),
		N_("The named file of the anchors folder is no certificate; the service does "
		   "not start with it."),
		N_("Replace or remove the file.")),
	ROW(NOT_ALLOWED, CTL_OK, N_("You may not do this from here."),
		N_("polkit refuses the named action to this user in this session."),
		N_("Use the session in front of the computer, or add a polkit rule.")),
	ROW(UNIT_MISSING, CTL_NO_SERVICE,
		N_("A service of the system that is needed is not installed."),
		N_("systemd does not know the named unit."),
		N_("Install the package that holds the named unit.")),
	ROW(UNIT_MASKED, CTL_NO_SERVICE,
		N_("A service of the system that is needed was switched off."),
		N_("The named unit is masked."),
		N_("If that was not intended: systemctl unmask, with the unit's name.")),
	ROW(UNIT_FAILED, CTL_NO_SERVICE,
		N_("A service of the system that is needed has failed."),
		N_("The named unit is in the state failed, for this reason."),
		N_("Look into its journal: journalctl -u, with the unit's name; then systemctl "
		   "restart.")),
	ROW(UNIT_STOPPED, CTL_NO_SERVICE,
		N_("A service of the system that is needed is not started."),
		N_("The named unit is not active."),
		N_("Start it for now and always: systemctl enable --now, with the unit's "
		   "name.")),
};

const struct message *message_finding_of(enum vitaled_finding f)
{
	return (unsigned int)f < VITALED_FINDING_COUNT ? &findings[f] : NULL;
}

const struct message *message_finding(const char *name)
{
	for (int i = 0; i < VITALED_FINDING_COUNT; i++) {
		if (strcmp(vitaled_finding_word((enum vitaled_finding)i), name) == 0) {
			return &findings[i];
		}
	}
	return NULL;
}
