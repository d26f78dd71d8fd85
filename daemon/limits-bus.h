/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The limits of limits.h that bound callers of the bus: what they can make us hold, and how often. */

/* What callers can make us hold: one connection, one user's connections together, all of them
 * (daemon/bus/quota.h counts; LimitsExceeded names which). "Strangers" are connections whose uid the
 * bus has not told yet, which takes it less than a millisecond. */
/* Connections that are remembered: dbus-daemon lets one user have 256 and us 512 match rules, one
 * for each; past this the idlest of the user with the most is forgotten. */
#define LIMIT_PEERS	     480U
/* Calls that wait: for credentials, polkit, people, cards, a dossier. A program has a few. */
#define LIMIT_CALLS_PEER     64U
#define LIMIT_CALLS_UID	     128U
#define LIMIT_CALLS_ALL	     1024U
#define LIMIT_CALLS_STRANGER 16U
/* ... of them, questions to polkit: dbus-daemon lets us have 128 calls outstanding, and agents need
 * theirs. Four busy users before anybody is refused. */
#define LIMIT_CHECKS_PEER    16U
#define LIMIT_CHECKS_UID     16U
#define LIMIT_CHECKS_ALL     64U
/* One call: OpenSession with every option has 2 KiB, two descriptors (Add) and four levels. */
#define LIMIT_CALL_BYTES     8192U
#define LIMIT_CALL_FDS	     2U
#define LIMIT_CALL_DEPTH     8U
/* Messages of calls that wait, bytes. */
#define LIMIT_BYTES_PEER     (128U * 1024U)
#define LIMIT_BYTES_UID	     (256U * 1024U)
#define LIMIT_BYTES_ALL	     (4U * 1024U * 1024U)
#define LIMIT_BYTES_STRANGER (16U * 1024U)
/* Their descriptors, each twice: the message's own, and the one that a handler has taken out. In all
 * well below the 1024 that we may have open, of which 64 sessions take a third. */
#define LIMIT_FDS_PEER	     32U
#define LIMIT_FDS_UID	     64U
#define LIMIT_FDS_ALL	     256U
/* 32 new connections with two each fill this while the bus says who they are; no others notice. */
#define LIMIT_FDS_STRANGER   4U
#define LIMIT_FDS_STRANGERS  128U
/* Descriptors of replies and of agents' questions that were not closed yet: dbus-daemon reads nothing
 * more from us while it keeps 64 for those who do not read. A program that reads closes each soon. */
#define LIMIT_UNREAD_PEER    12U
#define LIMIT_UNREAD_UID     16U
#define LIMIT_UNREAD_ALL     36U
#define LIMIT_UNREAD_RESERVE 4U /* past ALL each user may have this many: six users' reserve, */
#define LIMIT_UNREAD_MOST    60U /* up to this */
/* Agents: one for a desk's professional, one for a display, and one that is being replaced. */
#define LIMIT_AGENTS_PEER    3U
#define LIMIT_AGENTS_UID     4U
#define LIMIT_AGENTS	     32U
/* An agent's object path, bytes: it is kept. Names on the bus have 255 at most. */
#define LIMIT_AGENT_PATH     255U
/* How often one uid may call what costs; tokens at once, and microseconds until the next one.
 * Calls that make durable entries in the record (a session, an agent, a receipt): an
 * application that restarts or a bench of test cards may do a minute's worth at once, a person at a
 * desk never keeps up two a second; at that rate a runaway client adds about 100 MB a day, which a
 * disk holds until somebody looks. */
#define LIMIT_RECORDS_BURST  60U
#define LIMIT_RECORDS_EACH   500000ULL /* microseconds until the next is free again */
/* Calls on an unlocked dossier make an entry each: a folder of documents may be read or filed at
 * once; a runaway client that holds both cards' session adds 250 MB a day. */
#define LIMIT_DOSSIERS_BURST 1000U
#define LIMIT_DOSSIERS_EACH  200000ULL
/* Calls that look at everything (objects, findings, introspection) take some 0.2 ms: a tenth of a
 * processor for one user's loop, and every program of a desk may start at the same moment. */
#define LIMIT_COSTLY_BURST   1000U
#define LIMIT_COSTLY_EACH    2000ULL
#define LIMIT_BUCKET_UIDS    64U /* uids remembered; past that the idlest is forgotten */
#define LIMIT_LEASES_UID     4U	 /* slots that one user's programs may borrow at a time */
