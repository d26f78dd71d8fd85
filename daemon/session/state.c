/* SPDX-License-Identifier: EUPL-1.2 */
/* The table of a consultation. Pure: no clock, no memory, no card. */
#include "daemon/session/state.h"

#include "daemon/limits.h"

#define NORMAL	 1U
#define IDENTITY 2U
#define BOTH	 (NORMAL | IDENTITY)

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
	ROW(BOTH,     START,      GO,         CARDS,      LOOK),
	ROW(BOTH,     CARDS,      CARDS,      CARDS,      LOOK),
	ROW(BOTH,     CARDS,      MISSING,    CARDS,      NONE),
	ROW(BOTH,     CARDS,      BUSY,       QUEUED,     NONE),
	ROW(BOTH,     CARDS,      READY,      READING,    OPEN),
	ROW(BOTH,     QUEUED,     CARDS,      QUEUED,     LOOK),
	ROW(BOTH,     QUEUED,     MISSING,    CARDS,      NONE),
	ROW(BOTH,     QUEUED,     BUSY,       QUEUED,     NONE),
	ROW(BOTH,     QUEUED,     READY,      READING,    OPEN),

	ROW(NORMAL,   READING,    GO,         PIN_STATE,  PIN_STATE),
	ROW(NORMAL,   PIN_STATE,  PIN_HELD,   ACTIVITIES, ACTIVITIES),
	ROW(NORMAL,   PIN_STATE,  PIN_NEEDED, PIN,        ASK_PIN),
	ROW(NORMAL,   PIN_STATE,  PIN_LAST,   LAST_TRY,   ASK_LAST_TRY),
	ROW(NORMAL,   LAST_TRY,   GO,         PIN,        ASK_PIN),
	ROW(NORMAL,   PIN,        GO,         VERIFY,     VERIFY),
	ROW(NORMAL,   VERIFY,     PIN_HELD,   ACTIVITIES, ACTIVITIES),
	ROW(NORMAL,   VERIFY,     PIN_NEEDED, PIN,        ASK_PIN),
	ROW(NORMAL,   VERIFY,     PIN_LAST,   LAST_TRY,   ASK_LAST_TRY),
	ROW(NORMAL,   ACTIVITIES, GO,         ADMISSION,  ADMIT),
	ROW(NORMAL,   ACTIVITIES, ASK,        STRUCTURE,  ASK_STRUCTURE),
	ROW(NORMAL,   STRUCTURE,  GO,         ADMISSION,  ADMIT),
	ROW(NORMAL,   ADMISSION,  GO,         PATIENT,    PATIENT),
	ROW(NORMAL,   PATIENT,    GO,         EXCHANGE,   EXCHANGE),
	ROW(NORMAL,   PATIENT,    PLAIN,      PEOPLE,     PEOPLE),
	ROW(NORMAL,   EXCHANGE,   GO,         PEOPLE,     PEOPLE),

	ROW(IDENTITY, READING,    GO,         ACTIVE,     ACTIVE),
	ROW(IDENTITY, READING,    PLAIN,      PEOPLE,     PEOPLE),
	ROW(IDENTITY, ACTIVE,     GO,         PEOPLE,     PEOPLE),

	ROW(BOTH,     PEOPLE,     ASK,        CHOICE,     ASK_PERSON),
	ROW(NORMAL,   PEOPLE,     GO,         PREPARE,    PREPARE),
	ROW(NORMAL,   CHOICE,     GO,         PREPARE,    PREPARE),
	ROW(IDENTITY, PEOPLE,     GO,         GRANT,      GRANT_IDENTITY),
	ROW(IDENTITY, CHOICE,     GO,         GRANT,      GRANT_IDENTITY),
	ROW(NORMAL,   PREPARE,    GO,         CONSENT,    ASK_CONSENT),
	ROW(NORMAL,   CONSENT,    GO,         SIGN,       SIGN),
	ROW(NORMAL,   SIGN,       GO,         COVERAGE,   COVERAGE),
	ROW(NORMAL,   COVERAGE,   GO,         GRANT,      GRANT),
	ROW(BOTH,     GRANT,      GO,         UNLOCKED,   BEGIN),
};

/* clang-format on */

bool state_next(enum session_mode mode, enum session_step step, enum session_event event,
	struct state_next *ret)
{
	unsigned int bit = mode == SESSION_MODE_IDENTITY ? IDENTITY : NORMAL;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		const struct row *row = &table[i];

		if ((row->modes & bit) && row->step == step && row->event == event) {
			*ret = (struct state_next){.step = row->next, .action = row->action};
			return true;
		}
	}
	return false;
}

/* What clients see of each step, and how long it may wait; ENDED is told by state_of_end(). */
static const struct {
	enum session_state state;
	uint64_t limit;
	enum vitaled_reason late;
} steps[SESSION_STEP_COUNT] = {
	[SESSION_STEP_START] = {SESSION_STATE_WAITING_FOR_CARDS, 0, VITALED_REASON_NONE},
	[SESSION_STEP_CARDS] = {SESSION_STATE_WAITING_FOR_CARDS, LIMIT_CARDS_WAIT,
		VITALED_REASON_NO_CARD},
	[SESSION_STEP_QUEUED] = {SESSION_STATE_QUEUED, LIMIT_SESSION_LIFE, VITALED_REASON_BUSY},
	[SESSION_STEP_READING] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_PIN_STATE] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_LAST_TRY] = {SESSION_STATE_WAITING_FOR_PIN, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_PIN] = {SESSION_STATE_WAITING_FOR_PIN, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_VERIFY] = {SESSION_STATE_WAITING_FOR_PIN, 0, VITALED_REASON_NONE},
	[SESSION_STEP_ACTIVITIES] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_STRUCTURE] = {SESSION_STATE_WAITING_FOR_CHOICE, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_ADMISSION] = {SESSION_STATE_READING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_PATIENT] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_EXCHANGE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_ACTIVE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_PEOPLE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_CHOICE] = {SESSION_STATE_WAITING_FOR_CHOICE, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_PREPARE] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_STORE_UNAVAILABLE},
	[SESSION_STEP_CONSENT] = {SESSION_STATE_WAITING_FOR_CONSENT, LIMIT_PERSON_STEP,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_SIGN] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_TIMEOUT},
	[SESSION_STEP_COVERAGE] = {SESSION_STATE_AUTHENTICATING, 0, VITALED_REASON_NONE},
	[SESSION_STEP_GRANT] = {SESSION_STATE_AUTHENTICATING, LIMIT_PERSON_WAIT,
		VITALED_REASON_STORE_UNAVAILABLE},
	[SESSION_STEP_UNLOCKED] = {SESSION_STATE_UNLOCKED, 0, VITALED_REASON_EXPIRED},
	[SESSION_STEP_ENDED] = {SESSION_STATE_FAILED, 0, VITALED_REASON_NONE},
};

enum session_state state_of(enum session_step step)
{
	return steps[step].state;
}

uint64_t state_limit(enum session_step step, enum vitaled_reason *ret_reason)
{
	*ret_reason = steps[step].late;
	return steps[step].limit;
}

/* Somebody said no, and rightly: not an error. */
static bool is_refusal(enum vitaled_reason r)
{
	return r == VITALED_REASON_CONSENT_REFUSED || r == VITALED_REASON_OTHER_PATIENT ||
	       r == VITALED_REASON_NO_DOSSIER || r == VITALED_REASON_NO_OWN_IDENTITY ||
	       r == VITALED_REASON_FORBIDDEN_SECTOR || r == VITALED_REASON_ROLE_FORBIDDEN ||
	       r == VITALED_REASON_NOT_PERMITTED;
}

/* Somebody ended it, in good order. */
static bool is_closing(enum vitaled_reason r)
{
	return r == VITALED_REASON_RELEASED || r == VITALED_REASON_OWNER_GONE ||
	       r == VITALED_REASON_SLEEP || r == VITALED_REASON_CARD_LENT ||
	       r == VITALED_REASON_PRE_EMPTED || r == VITALED_REASON_EXPIRED;
}

enum session_state state_of_end(enum session_step step, enum vitaled_reason r)
{
	if (step == SESSION_STEP_UNLOCKED || is_closing(r)) {
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
