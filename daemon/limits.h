/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Every limit that bounds what a client, a card or a file can make us hold or wait for, and why.
 * Times in microseconds. What callers of the bus can make us hold stands in limits-bus.h.
 */
#include "daemon/limits-bus.h"

/* Waiting for people: the design's 120 s each. */
#define LIMIT_PERSON_WAIT	(120ULL * 1000000ULL)
/* A step of a session that waits for a person: the question's own 120 s end first, and are recorded. */
#define LIMIT_PERSON_STEP	(125ULL * 1000000ULL)
/* Mode patient: the code, asked for anew when it was wrong, five times at most. */
#define LIMIT_CODE_STEP		(5ULL * LIMIT_PERSON_STEP)
/* ... unlocked, and its owner does nothing: somebody has walked away from a screen that others see. */
#define LIMIT_PATIENT_IDLE	(60ULL * 1000000ULL)
/* ... locked, and the card is still in: so often somebody is told to take it. */
#define LIMIT_TAKE_CARD		(15ULL * 1000000ULL)
/* The PIN's bytes must follow the agent's reply. */
#define LIMIT_PIN_PIPE		(5ULL * 1000000ULL)
/* A child's first answer and short operations: measured 4 ms; a busy desk PC may take 100 times that. */
#define LIMIT_CHILD_START	(3ULL * 1000000ULL)
/* One card operation: reading two certificates from a CPS3 takes 3.6 s of line; a stuck exchange
 * (975 s by the card's own waiting time) must be answered within 5 s. */
#define LIMIT_CARD_OPERATION	(5ULL * 1000000ULL)
/* ... so a process must give a sign of life (CARD_OP_ALIVE, every second on the line) within this; */
#define LIMIT_CARD_STUCK	(4500000ULL)
/* and a whole reading ends here: a CPS3 on a reader that takes 100 ms a command needs 9 s. */
#define LIMIT_CARD_READ		(30ULL * 1000000ULL)
/* A person at the keypad: the reader's own 30 s, and its answer; */
#define LIMIT_CARD_KEYPAD	(40ULL * 1000000ULL)
/* ... who types an old code and a new one twice, each in 30 s. */
#define LIMIT_CARD_KEYPADS	(100ULL * 1000000ULL)
/* How long a session waits for a card that another program holds; each attempt takes 3.5 s of it. */
#define LIMIT_CARD_HELD		(10ULL * 1000000ULL)
/* A slot lent to another program: what a suspended dossier may wait (design: 120 s at most). */
#define LIMIT_LEASE		(120ULL * 1000000ULL)
/* One dossier operation; content streams have their own progress deadline in the child. */
#define LIMIT_DOSSIER		(10ULL * 1000000ULL)
#define LIMIT_DOSSIER_STREAM	(600ULL * 1000000ULL)
/* Emergencies of an hour: kept in mind, of all cards; of a uid, that end others and are not unlocked. */
#define LIMIT_EMERGENCIES	256U
#define LIMIT_PRE_EMPTIONS	3U
/* Waiting for cards to be put in. */
#define LIMIT_CARDS_WAIT	(120ULL * 1000000ULL)
#define LIMIT_ENDED_KEPT	(600ULL * 1000000ULL) /* ended sessions: object and receipt */
/* An unlocked session lives at most this long: one consultation with margin. */
#define LIMIT_SESSION_LIFE	(4ULL * 3600ULL * 1000000ULL)
/* Restarting a child that reports the readers: first at once, then doubling up to this. */
#define LIMIT_WATCH_BACKOFF	(10ULL * 1000000ULL)
/* ... at once again when it has lived so long: it was not that which ended it. */
#define LIMIT_WATCH_LIVED	(10ULL * 1000000ULL)
/* A watch of pcscd that has told nothing yet: pcscd takes connections and hangs, since libpcsclite waits for
 * it without end. One that is started by its socket answers within 1 s; slow readers take some more. */
#define LIMIT_WATCH_FIRST	(5ULL * 1000000ULL)
/* Events of a watch: at once (64 readers, a card in each and as much again), then one every 5 ms. People
 * put in and take out one card in a second, and tests forty; a reader that rattles more is let go of. */
#define LIMIT_WATCH_BURST	256U
#define LIMIT_WATCH_EACH	(5000ULL)
/* While a dossier is unlocked a second watch says every 2 s that it lives and that pcscd answers; after
 * this both are replaced and all cards are out; */
#define LIMIT_WATCH_SILENCE	(6ULL * 1000000ULL)
/* ... vitaled-usb, which clears a halted pipe in one thread for up to 5 s; and so may the kernel once more. A watch
 * that hears nothing of it says so itself, WATCH_ALIVE_MS and WATCH_ANSWER_MS after its last sign of life: it is
 * heard first (cards-guard.c) */
#define LIMIT_WATCH_SILENCE_USB (13ULL * 1000000ULL)
/* ... so are they when one has seen a card leave and the other does not within this. */
#define LIMIT_WATCH_LAG		(1000000ULL)
/* polkit: its answer, without and with a person. */
#define LIMIT_POLKIT		(10ULL * 1000000ULL)
#define LIMIT_POLKIT_PERSON	(120ULL * 1000000ULL)
/* A wall clock before 2026-01-01, when no version of this program was made, was never set. */
#define LIMIT_CLOCK_SET		(1767225600ULL * 1000000ULL)
/* Anchors whose end is told ahead: who issues them needs weeks. */
#define LIMIT_ANCHOR_NOTICE	(30ULL * 24ULL * 3600ULL * 1000000ULL)
/* Room for the state that is told to be low: a year of a practice's record, or a hundredth. */
#define LIMIT_STORE_FREE	(100ULL * 1024ULL * 1024ULL)
/* Sleep: cards are reset and let go of within this, well before logind's own 5 s (InhibitDelayMaxSec=); */
#define LIMIT_SLEEP_CLOSE	(2ULL * 1000000ULL)
/* ... and who was told of a sleep that does not come looks at the cards again after this time awake. */
#define LIMIT_SLEEP_AWAKE	(60ULL * 1000000ULL)
#define LIMIT_LOGIND		(10ULL * 1000000ULL)  /* logind's answer */
#define LIMIT_NOTIFY		(1000000ULL)	      /* room in systemd's socket for READY=1 */
#define LIMIT_CHECKPOINT	(300ULL * 1000000ULL) /* when something new happened */

#define LIMIT_READERS	     16U /* pcscd's own limit */
#define LIMIT_SESSIONS	     64U /* in all; each may hold three children */
#define LIMIT_SESSIONS_ENDED 64U /* kept for receipts; a user's own: LIMIT_SESSIONS_UID */
#define LIMIT_SESSIONS_UID   8U	 /* one person's applications */
#define LIMIT_SESSIONS_PEER  6U	 /* one application: others of its user get a place */

#define LIMIT_SPARE_CARDS                                                                      \
	2U /* card processes of a service waiting, confined, for the next two cards */
#define LIMIT_CRL_FILES	      64U /* revocation lists; IGC-Sante has eight issuers of persons */
#define LIMIT_CRL_BYTES	      (32U * 1024U * 1024U) /* one list; the public ones are below 10 MB */
#define LIMIT_CRL_ENTRIES     1000000U /* revoked serial numbers of a side, 20 bytes each */
/* One list, whatever its process does meanwhile (invented): 32 MB take 1 s, a busy desk PC twenty times that.
 * A reading of all files ends within LIMIT_CRL_FILES times as long. */
#define LIMIT_CRL_READ	      (30ULL * 1000000ULL)
#define LIMIT_CACHED_CARDS    64U	      /* professionals whose public files are kept */
#define LIMIT_OUTGOING	      (1024U * 1024U) /* bytes queued to the bus before signals are dropped */
#define LIMIT_JSON_FD	      (1024U * 1024U) /* bytes of a memfd from a client */
#define LIMIT_BENEFICIARIES   19U	      /* largest published card set */
#define LIMIT_ACTIVITIES      16U	      /* D120..D12F */
#define LIMIT_PIN_TRIES_ASKED 3U    /* prompts for one session; the card's counter is 3 */
#define LIMIT_CHILD_QUEUE     16U   /* requests waiting for one child */
#define LIMIT_DOSSIER_CALLS   8U    /* calls waiting on one dossier */
#define LIMIT_HISTORY	      1000U /* entries of one History answer */
#define LIMIT_LIST	      5000U /* rows of one List answer; the memfd's 1 MiB binds earlier */
#define LIMIT_LIST_ASKED      500U /* rows that a List can be limited to: a screen has fewer */
#define LIMIT_NAME	      200U /* bytes of a professional's name, as an application gives it */
#define LIMIT_AUTHORISED      (365ULL * 86400ULL * 1000000ULL) /* when no end is said */
/* Wrong codes of a patient, of a dossier within an hour and of one activation code at all (design: 5). */
#define LIMIT_CODE_TRIES      5U
#define LIMIT_CODE_WINDOW     (3600ULL * 1000000ULL)
#define LIMIT_ACTIVATION      (7ULL * 86400ULL * 1000000ULL)	/* an activation code's life */
#define LIMIT_AUTHORISED_MOST (3653ULL * 86400ULL * 1000000ULL) /* as a dossier is kept */
/* Messages that the site's job has not taken yet: some months of a practice, 40 MiB of blocks. */
#define LIMIT_OUTBOX	      10000U
/* Reimbursements handed in at once: 64 MiB are some 200,000 lines, a large practice's patients. */
#define LIMIT_FEED_BYTES      (64U * 1024U * 1024U)
#define LIMIT_FEED_LINES      250000U
#define LIMIT_FEED_LINE	      4096U /* bytes of one; with every member as long as may be: 2 KiB */
#define LIMIT_FEED_PERSON     2000U /* lines of one person: three a day for 24 months */
#define LIMIT_FEED_JSON	      (4U * 1024U * 1024U) /* bytes of those lines as they are stored */
#define LIMIT_FEED_ANCHORS    (4U * 1024U * 1024U)
/* Hashing and parsing 64 MiB takes 3 s; a busy desk PC may take twenty times that. */
#define LIMIT_FEED_READ	      (60ULL * 1000000ULL)
#define LIMIT_FEED_STEP	      (10ULL * 1000000ULL)
/* An import that waits until the revocation lists have been read (invented): those of a site take seconds. */
#define LIMIT_FEED_LISTS      (120ULL * 1000000ULL)
