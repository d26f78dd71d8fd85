/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Every limit that bounds what a client, a card or a file can make us hold or wait for, and why.
 * Times in microseconds.
 */

/* Waiting for people: the design's 120 s each. */
#define LIMIT_PERSON_WAIT    (120ULL * 1000000ULL)
/* A step of a session that waits for a person: the question's own 120 s end first, and are recorded. */
#define LIMIT_PERSON_STEP    (125ULL * 1000000ULL)
/* The PIN's bytes must follow the agent's reply. */
#define LIMIT_PIN_PIPE	     (5ULL * 1000000ULL)
/* A child's first answer and short operations: measured 4 ms; a busy desk PC may take 100 times that. */
#define LIMIT_CHILD_START    (3ULL * 1000000ULL)
/* One card operation: reading two certificates from a CPS3 takes 3.6 s of line; a stuck exchange
 * (975 s by the card's own waiting time) must be answered within 5 s. */
#define LIMIT_CARD_OPERATION (5ULL * 1000000ULL)
/* ... so a process must give a sign of life (CARD_OP_ALIVE, every second on the line) within this; */
#define LIMIT_CARD_STUCK     (4500000ULL)
/* and a whole reading ends here: a CPS3 on a reader that takes 100 ms a command needs 9 s. */
#define LIMIT_CARD_READ	     (30ULL * 1000000ULL)
/* A person at the keypad: the reader's own 30 s, and its answer. */
#define LIMIT_CARD_KEYPAD    (40ULL * 1000000ULL)
/* How long a session waits for a card that another program holds; each attempt takes 3.5 s of it. */
#define LIMIT_CARD_HELD	     (10ULL * 1000000ULL)
/* A slot lent to another program: what a suspended dossier may wait (design: 120 s at most). */
#define LIMIT_LEASE	     (120ULL * 1000000ULL)
/* One dossier operation; content streams have their own progress deadline in the child. */
#define LIMIT_DOSSIER	     (10ULL * 1000000ULL)
#define LIMIT_DOSSIER_STREAM (600ULL * 1000000ULL)
/* Emergencies of an hour: kept in mind, of all cards; of a uid, that end others and are not unlocked. */
#define LIMIT_EMERGENCIES    256U
#define LIMIT_PRE_EMPTIONS   3U
/* Waiting for cards to be put in. */
#define LIMIT_CARDS_WAIT     (120ULL * 1000000ULL)
#define LIMIT_ENDED_KEPT     (600ULL * 1000000ULL) /* ended sessions: object and receipt */
/* An unlocked session lives at most this long: one consultation with margin. */
#define LIMIT_SESSION_LIFE   (4ULL * 3600ULL * 1000000ULL)
/* Restarting a child that reports the readers: first at once, then doubling up to this. */
#define LIMIT_WATCH_BACKOFF  (10ULL * 1000000ULL)
/* While a dossier is unlocked a second watch says every 2 s that it lives and that pcscd answers; after
 * this both are replaced and all cards are out; */
#define LIMIT_WATCH_SILENCE  (6ULL * 1000000ULL)
/* ... so are they when one has seen a card leave and the other does not within this. */
#define LIMIT_WATCH_LAG	     (1000000ULL)
/* polkit: its answer, without and with a person. */
#define LIMIT_POLKIT	     (10ULL * 1000000ULL)
#define LIMIT_POLKIT_PERSON  (120ULL * 1000000ULL)
/* A wall clock before 2026-01-01, when no version of this program was made, was never set. */
#define LIMIT_CLOCK_SET	     (1767225600ULL * 1000000ULL)
/* Anchors whose end is told ahead: who issues them needs weeks. */
#define LIMIT_ANCHOR_NOTICE  (30ULL * 24ULL * 3600ULL * 1000000ULL)
/* Room for the state that is told to be low: a year of a practice's record, or a hundredth. */
#define LIMIT_STORE_FREE     (100ULL * 1024ULL * 1024ULL)
/* Sleep: cards are reset and let go of within this, well before logind's own 5 s (InhibitDelayMaxSec=); */
#define LIMIT_SLEEP_CLOSE    (2ULL * 1000000ULL)
/* ... and who was told of a sleep that does not come looks at the cards again after this time awake. */
#define LIMIT_SLEEP_AWAKE    (60ULL * 1000000ULL)
#define LIMIT_LOGIND	     (10ULL * 1000000ULL)  /* logind's answer */
#define LIMIT_NOTIFY	     (1000000ULL)	   /* room in systemd's socket for READY=1 */
#define LIMIT_CHECKPOINT     (300ULL * 1000000ULL) /* when something new happened */

#define LIMIT_READERS	     16U /* pcscd's own limit */
#define LIMIT_SESSIONS	     64U /* in all; each may hold three children */
#define LIMIT_SESSIONS_ENDED 64U /* kept for receipts; a user's own: LIMIT_SESSIONS_UID */
#define LIMIT_SESSIONS_UID   8U	 /* one person's applications */
#define LIMIT_SESSIONS_PEER  6U	 /* one application: others of its user get a place */

/* What callers can make us hold: one connection, one user's connections together, all of them
 * (daemon/bus/quota.h counts; LimitsExceeded names which). "Strangers" are connections whose uid the
 * bus has not told yet, which takes it less than a millisecond. */
/* Connections that are remembered: dbus-daemon lets one user have 256 and us 512 match rules, one
 * for each; past this the idlest of the user with the most is forgotten. */
#define LIMIT_PEERS	      480U
/* Calls that wait: for credentials, polkit, people, cards, a dossier. A program has a few. */
#define LIMIT_CALLS_PEER      64U
#define LIMIT_CALLS_UID	      128U
#define LIMIT_CALLS_ALL	      1024U
#define LIMIT_CALLS_STRANGER  16U
/* ... of them, questions to polkit: dbus-daemon lets us have 128 calls outstanding, and agents need
 * theirs. Four busy users before anybody is refused. */
#define LIMIT_CHECKS_PEER     16U
#define LIMIT_CHECKS_UID      16U
#define LIMIT_CHECKS_ALL      64U
/* One call: OpenSession with every option has 2 KiB, two descriptors (Add) and four levels. */
#define LIMIT_CALL_BYTES      8192U
#define LIMIT_CALL_FDS	      2U
#define LIMIT_CALL_DEPTH      8U
/* Messages of calls that wait, bytes. */
#define LIMIT_BYTES_PEER      (128U * 1024U)
#define LIMIT_BYTES_UID	      (256U * 1024U)
#define LIMIT_BYTES_ALL	      (4U * 1024U * 1024U)
#define LIMIT_BYTES_STRANGER  (16U * 1024U)
/* Their descriptors, each twice: the message's own, and the one that a handler has taken out. In all
 * well below the 1024 that we may have open, of which 64 sessions take a third. */
#define LIMIT_FDS_PEER	      32U
#define LIMIT_FDS_UID	      64U
#define LIMIT_FDS_ALL	      256U
/* 32 new connections with two each fill this while the bus says who they are; no others notice. */
#define LIMIT_FDS_STRANGER    4U
#define LIMIT_FDS_STRANGERS   128U
/* Descriptors of replies and of agents' questions that were not closed yet: dbus-daemon reads nothing
 * more from us while it keeps 64 for those who do not read. A program that reads closes each soon. */
#define LIMIT_UNREAD_PEER     12U
#define LIMIT_UNREAD_UID      16U
#define LIMIT_UNREAD_ALL      36U
#define LIMIT_UNREAD_RESERVE  4U /* past ALL each user may have this many: six users' reserve, */
#define LIMIT_UNREAD_MOST     60U /* up to this */
/* Agents: one for a desk's professional, one for a display, and one that is being replaced. */
#define LIMIT_AGENTS_PEER     3U
#define LIMIT_AGENTS_UID      4U
#define LIMIT_AGENTS	      32U
/* An agent's object path, bytes: it is kept. Names on the bus have 255 at most. */
#define LIMIT_AGENT_PATH      255U
/* How often one uid may call what costs; tokens at once, and microseconds until the next one.
 * Calls that make durable entries in the record (a session, an agent, a receipt): an
 * application that restarts or a bench of test cards may do a minute's worth at once, a person at a
 * desk never keeps up two a second; at that rate a runaway client adds about 100 MB a day, which a
 * disk holds until somebody looks. */
#define LIMIT_RECORDS_BURST   60U
#define LIMIT_RECORDS_EACH    500000ULL /* microseconds until the next is free again */
/* Calls on an unlocked dossier make an entry each: a folder of documents may be read or filed at
 * once; a runaway client that holds both cards' session adds 250 MB a day. */
#define LIMIT_DOSSIERS_BURST  1000U
#define LIMIT_DOSSIERS_EACH   200000ULL
/* Calls that look at everything (objects, findings, introspection) take some 0.2 ms: a tenth of a
 * processor for one user's loop, and every program of a desk may start at the same moment. */
#define LIMIT_COSTLY_BURST    1000U
#define LIMIT_COSTLY_EACH     2000ULL
#define LIMIT_BUCKET_UIDS     64U /* uids remembered; past that the idlest is forgotten */
#define LIMIT_LEASES_UID      4U  /* slots that one user's programs may borrow at a time */
#define LIMIT_SPARE_CARDS     2U  /* card processes waiting, confined, for the next two cards */
#define LIMIT_CRL_FILES	      64U /* revocation lists; IGC-Sante has eight issuers of persons */
#define LIMIT_CRL_BYTES	      (32U * 1024U * 1024U) /* one list; the public ones are below 10 MB */
#define LIMIT_CRL_ENTRIES     1000000U	      /* revoked serial numbers in all, 20 bytes each */
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
#define LIMIT_AUTHORISED      (365ULL * 86400ULL * 1000000ULL)	/* when no end is said */
#define LIMIT_AUTHORISED_MOST (3653ULL * 86400ULL * 1000000ULL) /* as a dossier is kept */
