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
/* Waiting for cards to be put in. */
#define LIMIT_CARDS_WAIT     (120ULL * 1000000ULL)
/* Sessions that ended keep object and receipt. */
#define LIMIT_ENDED_KEPT     (600ULL * 1000000ULL)
/* An unlocked session lives at most this long: one consultation with margin. */
#define LIMIT_SESSION_LIFE   (4ULL * 3600ULL * 1000000ULL)
/* Restarting a child that reports the readers: first at once, then doubling up to this. */
#define LIMIT_WATCH_BACKOFF  (10ULL * 1000000ULL)
/* A watch over a card says every 2 s that it lives; after this it is replaced and its cards are out. */
#define LIMIT_WATCH_SILENCE  (6ULL * 1000000ULL)
/* polkit: its answer, without and with a person. */
#define LIMIT_POLKIT	     (10ULL * 1000000ULL)
#define LIMIT_POLKIT_PERSON  (120ULL * 1000000ULL)
/* Checkpoint when something new happened. */
#define LIMIT_CHECKPOINT     (300ULL * 1000000ULL)

#define LIMIT_READERS	    16U	 /* pcscd's own limit */
#define LIMIT_SESSIONS	    64U	 /* in all; each may hold three children */
#define LIMIT_SESSIONS_UID  8U	 /* one person's applications */
#define LIMIT_PEERS	    256U /* below dbus-daemon's 512 match rules a connection */
/* Calls of one uid that make durable entries in the record (a session, an agent, a receipt): an
 * application that restarts or a bench of test cards may do a minute's worth at once, a person at a
 * desk never keeps up two a second; at that rate a runaway client adds about 100 MB a day, which a
 * disk holds until somebody looks. */
#define LIMIT_RECORDS_BURST 60U
#define LIMIT_RECORDS_EACH  500000ULL /* microseconds until the next is free again */
#define LIMIT_RECORDS_UIDS  64U	      /* uids remembered; past that the idlest is forgotten */
#define LIMIT_LEASES_UID    4U	      /* slots that one user's programs may borrow at a time */
#define LIMIT_SPARE_CARDS   2U	/* card processes waiting, confined, for the next two cards */
#define LIMIT_CRL_FILES	    64U /* revocation lists; IGC-Sante has eight issuers of persons */
#define LIMIT_CRL_BYTES	    (32U * 1024U * 1024U) /* one list; the public ones are below 10 MB */
#define LIMIT_CRL_ENTRIES   1000000U /* revoked serial numbers in all, 20 bytes each */
#define LIMIT_CACHED_CARDS  64U	     /* professionals whose public files are kept */
#define LIMIT_AGENTS	    32U
#define LIMIT_AGENTS_UID    4U
#define LIMIT_CALLS_WAITING                                                                    \
	64U /* polkit and agents: dbus-daemon allows 128 outstanding calls */
#define LIMIT_OUTGOING	      (1024U * 1024U) /* bytes queued to the bus before signals are dropped */
#define LIMIT_JSON_FD	      (1024U * 1024U) /* bytes of a memfd from a client */
#define LIMIT_BENEFICIARIES   19U	      /* largest published card set */
#define LIMIT_ACTIVITIES      16U	      /* D120..D12F */
#define LIMIT_PIN_TRIES_ASKED 3U    /* prompts for one session; the card's counter is 3 */
#define LIMIT_CHILD_QUEUE     16U   /* requests waiting for one child */
#define LIMIT_DOSSIER_CALLS   8U    /* calls waiting on one dossier */
#define LIMIT_HISTORY	      1000U /* entries of one History answer */
#define LIMIT_LIST	      5000U /* rows of one List answer; the memfd's 1 MiB binds earlier */
