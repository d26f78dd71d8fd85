/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The tables of a consultation: the session's, the two cards' and the joins between them. Pure: no
 * clock, no memory, no card. The session's table goes through TRACKS as one step; what happens in
 * it stands in the two other tables, one a card. Neither has a row that waits for the other card:
 * that is what the joins say, and within the exchange the needs of its commands (exchange.c).
 */
#include "daemon/session/state.h"

#include "daemon/limits.h"

#define NORMAL	  1U /* of tracks and joins: a consultation of whatever mode with two cards */
#define IDENTITY  2U /* ... and the modes of the patient's card alone */
#define RESUME	  4U
#define RENEW	  8U
#define EMERGENCY 16U /* of the session's table: both emergency modes */
#define PATIENT	  32U /* likewise */
#define BOTH	  (NORMAL | IDENTITY)
#define DOSSIER	  (NORMAL | EMERGENCY) /* with a professional */
#define OPENS	  (DOSSIER | PATIENT)
#define LENDS	  (DOSSIER | IDENTITY)
#define ALL	  (LENDS | PATIENT)
#define ASKING	  (NORMAL | RESUME | RENEW)

/* -- the session --------------------------------------------------------------------------------- */

struct row {
	unsigned int modes;
	enum session_step step;
	enum session_event event;
	enum session_step next;
	enum session_action action;
};

#define ROW(modes, step, event, next, action)                                                  \
	{                                                                                      \
		modes, SESSION_STEP_##step, SESSION_EVENT_##event, SESSION_STEP_##next,        \
			SESSION_ACTION_##action                                                \
	}

/* clang-format off */
static const struct row table[] = {
	ROW(ALL,      START,      GO,         CARDS,      LOOK),
	ROW(ALL,      CARDS,      CARDS,      CARDS,      LOOK),
	ROW(ALL,      CARDS,      MISSING,    CARDS,      NONE),
	ROW(ALL,      CARDS,      SOON,       CARDS,      NONE),
	ROW(ALL,      CARDS,      BUSY,       QUEUED,     NONE),
	ROW(ALL,      CARDS,      READY,      TRACKS,     TRACKS),
	ROW(ALL,      QUEUED,     CARDS,      QUEUED,     LOOK),
	ROW(ALL,      QUEUED,     MISSING,    CARDS,      NONE),
	ROW(ALL,      QUEUED,     SOON,       QUEUED,     NONE),
	ROW(ALL,      QUEUED,     BUSY,       QUEUED,     NONE),
	ROW(ALL,      QUEUED,     READY,      TRACKS,     TRACKS),

	ROW(DOSSIER,  TRACKS,     MET,        TRACKS,     MEET),
	ROW(DOSSIER,  TRACKS,     STALE,      TRACKS,     REREAD),
	ROW(ALL,      TRACKS,     AGREED,     PEOPLE,     PEOPLE),

	ROW(DOSSIER,  TRACKS,     RENEW,      RENEW,      RENEW),
	ROW(DOSSIER,  RENEW,      AGREED,     EXCHANGE,   MEET),
	ROW(DOSSIER,  EXCHANGE,   STALE,      EXCHANGE,   REREAD),
	ROW(DOSSIER,  EXCHANGE,   MET,        EXCHANGE,   MEET),
	ROW(DOSSIER,  EXCHANGE,   AGREED,     PEOPLE,     PEOPLE),

	ROW(ALL,      PEOPLE,     ASK,        CHOICE,     ASK_PERSON),
	ROW(OPENS,    PEOPLE,     GO,         PREPARE,    PREPARE),
	ROW(OPENS,    CHOICE,     GO,         PREPARE,    PREPARE),
	ROW(DOSSIER,  PREPARE,    GO,         CONSENT,    ASK_CONSENT),
	ROW(PATIENT,  PREPARE,    GO,         CODE,       ASK_CODE),
	ROW(PATIENT,  CODE,       GO,         CONSENT,    ASK_CONSENT),
	ROW(OPENS,    CONSENT,    GO,         SIGN,       SIGN),
	ROW(DOSSIER,  CONSENT,    RENEW,      RENEW_SIGN, RENEW),
	ROW(DOSSIER,  RENEW_SIGN, AGREED,     SIGN,       SIGN),
	ROW(DOSSIER,  SIGN,       STALE,      REREAD,     REREAD),
	ROW(DOSSIER,  REREAD,     GO,         CONSENT,    ASK_CONSENT),
	ROW(OPENS,    SIGN,       GO,         GRANT,      GRANT),
	ROW(DOSSIER,  SIGN,       READ,       PRESENT,    PRESENT),
	ROW(DOSSIER,  PRESENT,    GO,         GRANT,      GRANT),

	ROW(IDENTITY, PEOPLE,     GO,         GRANT,      GRANT_IDENTITY),
	ROW(IDENTITY, PEOPLE,     READ,       PRESENT,    PRESENT),
	ROW(IDENTITY, CHOICE,     GO,         GRANT,      GRANT_IDENTITY),
	ROW(IDENTITY, CHOICE,     READ,       PRESENT,    PRESENT),
	ROW(IDENTITY, PRESENT,    GO,         GRANT,      GRANT_IDENTITY),
	ROW(ALL,      GRANT,      GO,         UNLOCKED,   BEGIN),

	ROW(LENDS,    UNLOCKED,   LEND,       LENT,       NONE),
	ROW(LENDS,    LENT,       RETURN,     BACK,       SEEK),
	ROW(LENDS,    BACK,       CARDS,      BACK,       SEEK),
	ROW(LENDS,    BACK,       READY,      RESUME,     RESUME),
	ROW(LENDS,    RESUME,     AGREED,     RESUME,     RESUMED),
	ROW(LENDS,    RESUME,     GO,         UNLOCKED,   NONE),
};

/* clang-format on */

static unsigned int mode_bit(enum session_mode mode)
{
	switch (mode) {
	case SESSION_MODE_NORMAL:
	case SESSION_MODE_ADMINISTRATION: /* the same way; what is asked and allowed differs */
		return NORMAL;
	case SESSION_MODE_IDENTITY:
		return IDENTITY;
	case SESSION_MODE_BRIS_DE_GLACE:
	case SESSION_MODE_CENTRE_15:
		return EMERGENCY;
	case SESSION_MODE_PATIENT:
		return PATIENT;
	case SESSION_MODE_COUNT:
		break;
	}
	return 0;
}

bool state_next(enum session_mode mode, enum session_step step, enum session_event event,
	struct state_next *ret)
{
	unsigned int bit = mode_bit(mode);

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct row *row = &table[i];

		if ((row->modes & bit) && row->step == step && row->event == event) {
			*ret = (struct state_next){.step = row->next, .action = row->action};
			return true;
		}
	}
	return false;
}

/* -- the cards ----------------------------------------------------------------------------------- */

struct track_row {
	unsigned int purposes;
	enum track_step step;
	enum session_event event;
	enum track_step next;
	enum track_action action;
};

#define TRACK(purposes, step, event, next, action)                                             \
	{                                                                                      \
		purposes, TRACK_STEP_##step, SESSION_EVENT_##event, TRACK_STEP_##next,         \
			TRACK_ACTION_##action                                                  \
	}

/* clang-format off */
static const struct track_row patient_track[] = {
	TRACK(BOTH | RESUME,   IDLE,       NEW,        OPEN,       OPEN),
	TRACK(BOTH,            OPEN,       GO,         READ,       READ),
	TRACK(NORMAL,          READ,       GO,         READY,      NONE),
	TRACK(IDENTITY,        READ,       GO,         PROVE,      PROVE),
	TRACK(RESUME,          OPEN,       GO,         IDENTIFY,   IDENTIFY),
	TRACK(RESUME,          IDENTIFY,   GO,         PROVE,      PROVE),
	TRACK(IDENTITY|RESUME, PROVE,      GO,         READY,      NONE),
};

static const struct track_row professional_track[] = {
	TRACK(NORMAL | RESUME, IDLE,       NEW,        OPEN,       OPEN),
	TRACK(NORMAL,          IDLE,       HELD,       IDENTIFY,   IDENTIFY),
	TRACK(NORMAL,          IDLE,       KNOWN,      PIN_STATE,  PIN_STATE),
	TRACK(RENEW,           IDLE,       HELD,       PIN_STATE,  PIN_STATE),
	TRACK(NORMAL | RESUME, OPEN,       GO,         IDENTIFY,   IDENTIFY),
	TRACK(NORMAL,          IDENTIFY,   GO,         ROLE,       READ),
	TRACK(NORMAL,          ROLE,       GO,         READ,       NONE),
	TRACK(NORMAL,          IDENTIFY,   KNOWN,      PIN_STATE,  PIN_STATE),
	TRACK(NORMAL,          READ,       GO,         PIN_STATE,  PIN_STATE),
	TRACK(RESUME,          IDENTIFY,   GO,         PIN_STATE,  PIN_STATE),
	TRACK(ASKING,          PIN_STATE,  PIN_NEEDED, PIN,        ASK_PIN),
	TRACK(ASKING,          PIN_STATE,  PIN_LAST,   LAST_TRY,   ASK_LAST_TRY),
	TRACK(ASKING,          LAST_TRY,   GO,         PIN,        ASK_PIN),
	TRACK(ASKING,          PIN,        GO,         VERIFY,     VERIFY),
	TRACK(ASKING,          VERIFY,     PIN_NEEDED, PIN,        ASK_PIN),
	TRACK(ASKING,          VERIFY,     PIN_LAST,   LAST_TRY,   ASK_LAST_TRY),
	TRACK(NORMAL,          PIN_STATE,  PIN_HELD,   ACTIVITIES, ACTIVITIES),
	TRACK(NORMAL,          VERIFY,     PIN_HELD,   ACTIVITIES, ACTIVITIES),
	TRACK(NORMAL,          ACTIVITIES, GO,         ADMISSION,  ADMIT),
	TRACK(NORMAL,          ACTIVITIES, ASK,        STRUCTURE,  ASK_STRUCTURE),
	TRACK(NORMAL,          STRUCTURE,  GO,         ADMISSION,  ADMIT),
	TRACK(NORMAL,          ADMISSION,  GO,         READY,      NONE),
	TRACK(RENEW,           PIN_STATE,  PIN_HELD,   READY,      NONE),
	TRACK(RENEW,           VERIFY,     PIN_HELD,   READY,      NONE),
	TRACK(RESUME,          VERIFY,     PIN_HELD,   PROVE,      PROVE),
	TRACK(RESUME,          PROVE,      GO,         READY,      NONE),
};

/* clang-format on */

static unsigned int purpose_bit(enum state_purpose p)
{
	switch (p) {
	case STATE_PURPOSE_CONSULT:
		break;
	case STATE_PURPOSE_IDENTITY:
		return IDENTITY;
	case STATE_PURPOSE_RESUME:
		return RESUME;
	case STATE_PURPOSE_RENEW:
		return RENEW;
	}
	return NORMAL;
}

bool track_next(enum state_purpose purpose, bool professional, enum track_step step,
	enum session_event event, struct track_next *ret)
{
	const struct track_row *rows = professional ? professional_track : patient_track;
	size_t n = professional ? ARRAY_LEN(professional_track) : ARRAY_LEN(patient_track);

	for (size_t i = 0; i < n; i++) {
		if ((rows[i].purposes & purpose_bit(purpose)) && rows[i].step == step &&
			rows[i].event == event) {
			*ret = (struct track_next){
				.step = rows[i].next, .action = rows[i].action};
			return true;
		}
	}
	return false;
}

/* -- the joins ----------------------------------------------------------------------------------- */

/* Both tracks at least so far, and the exchange exactly there. */
static const struct join {
	unsigned int purposes;
	enum track_step patient;
	enum track_step professional;
	enum state_meeting meeting;
	enum session_event event;
} joins[] = {
	/* the role certificates of both are verified: they may be shown to each other, PIN or not */
	{NORMAL, TRACK_STEP_READY, TRACK_STEP_READ, STATE_MEETING_NONE, SESSION_EVENT_MET},
	/* the professional is admitted and the cards have authenticated each other */
	{NORMAL, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_DONE, SESSION_EVENT_AGREED},
	{NORMAL, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_LATER, SESSION_EVENT_RENEW},
	{RENEW, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_LATER, SESSION_EVENT_AGREED},
	{RENEW, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_DONE, SESSION_EVENT_AGREED},
	{IDENTITY, TRACK_STEP_READY, TRACK_STEP_IDLE, STATE_MEETING_NONE, SESSION_EVENT_AGREED},
	/* the side that was not lent is there already; what they agreed on before stands */
	{RESUME, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_DONE, SESSION_EVENT_AGREED},
	{RESUME, TRACK_STEP_READY, TRACK_STEP_READY, STATE_MEETING_NONE, SESSION_EVENT_AGREED},
};

bool state_join(enum state_purpose purpose, enum track_step patient,
	enum track_step professional, enum state_meeting meeting, enum session_event *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(joins); i++) {
		const struct join *j = &joins[i];

		if ((j->purposes & purpose_bit(purpose)) && patient >= j->patient &&
			professional >= j->professional && meeting == j->meeting) {
			*ret = j->event;
			return true;
		}
	}
	return false;
}

/* -- what clients see ---------------------------------------------------------------------------- */

/* ... of each step, and how long it may wait; ENDED is told by state_of_end(), TRACKS
 * and RENEW below. */
struct seen {
	enum session_state state;
	uint64_t limit;
	enum vitaled_reason late;
};

static const struct seen steps[SESSION_STEP_COUNT] = {
	[SESSION_STEP_START] = {SESSION_STATE_WAITING_FOR_CARDS, 0, VITALED_REASON_NONE},
	[SESSION_STEP_CARDS] = {SESSION_STATE_WAITING_FOR_CARDS, LIMIT_CARDS_WAIT,
		VITALED_REASON_NO_CARD},
	[SESSION_STEP_QUEUED] = {SESSION_STATE_QUEUED, LIMIT_SESSION_LIFE, VITALED_REASON_BUSY},
	[SESSION_STEP_EXCHANGE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_PEOPLE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_CHOICE] = {SESSION_STATE_WAITING_FOR_CHOICE, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_PREPARE] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_STORE_UNAVAILABLE},
	[SESSION_STEP_CODE] = {SESSION_STATE_WAITING_FOR_PIN, LIMIT_CODE_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_CONSENT] = {SESSION_STATE_WAITING_FOR_CONSENT, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_SIGN] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_REREAD] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_PRESENT] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_GRANT] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_STORE_UNAVAILABLE},
	[SESSION_STEP_UNLOCKED] = {SESSION_STATE_UNLOCKED, 0, VITALED_REASON_NONE},
	[SESSION_STEP_LENT] = {SESSION_STATE_SUSPENDED, LIMIT_LEASE, VITALED_REASON_CARD_LENT},
	[SESSION_STEP_BACK] = {SESSION_STATE_SUSPENDED, STATE_LIMIT_KEEP,
		VITALED_REASON_CARD_LENT},
	[SESSION_STEP_RESUME] = {SESSION_STATE_SUSPENDED, STATE_LIMIT_KEEP,
		VITALED_REASON_CARD_LENT},
	[SESSION_STEP_ENDED] = {SESSION_STATE_FAILED, 0, VITALED_REASON_NONE},
};

static const struct seen tracks[TRACK_STEP_COUNT] = {
	[TRACK_STEP_IDLE] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_OPEN] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_IDENTIFY] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_ROLE] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_READ] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_PIN_STATE] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_LAST_TRY] = {SESSION_STATE_WAITING_FOR_PIN, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[TRACK_STEP_PIN] = {SESSION_STATE_WAITING_FOR_PIN, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[TRACK_STEP_VERIFY] = {SESSION_STATE_WAITING_FOR_PIN, 0, VITALED_REASON_NONE},
	[TRACK_STEP_ACTIVITIES] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_STRUCTURE] = {SESSION_STATE_WAITING_FOR_CHOICE, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	/* an administrator may be asked */
	[TRACK_STEP_ADMISSION] = {SESSION_STATE_READING, LIMIT_PERSON_STEP,
		VITALED_REASON_LIMITS_EXCEEDED},
	[TRACK_STEP_PROVE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[TRACK_STEP_READY] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
};

bool state_renews(enum session_step step)
{
	return step == SESSION_STEP_RENEW || step == SESSION_STEP_RENEW_SIGN;
}

/* On the tracks it is the professional's that people have to do with; alone, or when nothing is
 * left to do there, the patient's. */
static const struct seen *seen_of(struct state_where w)
{
	bool patient = w.professional == TRACK_STEP_IDLE || w.professional == TRACK_STEP_READY;

	if (w.step != SESSION_STEP_TRACKS && !state_renews(w.step)) {
		return &steps[w.step];
	}
	return &tracks[patient ? w.patient : w.professional];
}

enum session_state state_of(struct state_where w)
{
	return seen_of(w)->state;
}

uint64_t state_limit(struct state_where w, enum vitaled_reason *ret_reason)
{
	*ret_reason = seen_of(w)->late;
	return seen_of(w)->limit;
}

/* Somebody said no, and rightly: not an error. */
static bool is_refusal(enum vitaled_reason r)
{
	return r == VITALED_REASON_CONSENT_REFUSED || r == VITALED_REASON_OTHER_PATIENT ||
	       r == VITALED_REASON_NO_DOSSIER || r == VITALED_REASON_NO_OWN_IDENTITY ||
	       r == VITALED_REASON_FORBIDDEN_SECTOR || r == VITALED_REASON_ROLE_FORBIDDEN ||
	       r == VITALED_REASON_NOT_PERMITTED || r == VITALED_REASON_LIMITS_EXCEEDED;
}

/* Somebody ended it, in good order. */
static bool is_closing(enum vitaled_reason r)
{
	return r == VITALED_REASON_RELEASED || r == VITALED_REASON_OWNER_GONE ||
	       r == VITALED_REASON_SLEEP || r == VITALED_REASON_CARD_LENT ||
	       r == VITALED_REASON_PRE_EMPTED || r == VITALED_REASON_EXPIRED ||
	       r == VITALED_REASON_REVOKED || r == VITALED_REASON_IDLE;
}

enum session_state state_of_end(enum session_step step, enum vitaled_reason r)
{
	if ((step >= SESSION_STEP_UNLOCKED && step < SESSION_STEP_ENDED) || is_closing(r)) {
		return SESSION_STATE_LOCKED;
	}
	return is_refusal(r) ? SESSION_STATE_REFUSED : SESSION_STATE_FAILED;
}

const char *session_state_word(enum session_state st)
{
	static const char *const words[] = {
		[SESSION_STATE_QUEUED] = "queued",
		[SESSION_STATE_WAITING_FOR_CARDS] = "waiting-for-cards",
		[SESSION_STATE_READING] = "reading",
		[SESSION_STATE_WAITING_FOR_PIN] = "waiting-for-pin",
		[SESSION_STATE_AUTHENTICATING] = "authenticating",
		[SESSION_STATE_WAITING_FOR_CHOICE] = "waiting-for-choice",
		[SESSION_STATE_WAITING_FOR_CONSENT] = "waiting-for-consent",
		[SESSION_STATE_UNLOCKED] = "unlocked",
		[SESSION_STATE_SUSPENDED] = "suspended",
		[SESSION_STATE_REFUSED] = "refused",
		[SESSION_STATE_LOCKED] = "locked",
		[SESSION_STATE_FAILED] = "failed",
	};

	return (unsigned int)st < ARRAY_LEN(words) ? words[st] : "failed";
}

bool session_state_ended(enum session_state st)
{
	return st == SESSION_STATE_REFUSED || st == SESSION_STATE_LOCKED ||
	       st == SESSION_STATE_FAILED;
}
