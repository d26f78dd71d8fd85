# SPDX-License-Identifier: EUPL-1.2
"""The patient's codes over the real stack: the fund issues one, the patient opens their dossier alone with it, sets
one of their own, lifts an opposition with it; who guesses is blocked, and no process but the dossier's has digits."""
import contextlib
import json
import os
import signal

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, cards, pids
from test_consultation import add, memory_of
from test_dossier import do, ids, refused

CONFIG = """
[pair counter]
professional-reader = Vitale Sim 00 00
patient-reader = Vitale Sim 00 01

[pair kiosk]
patient-reader = Vitale Sim 01 00
self-service = yes

[agent display]
capability = patient-display
pair = kiosk
user = vddisplay
"""
PERSONAL = "31415926535"
OPPOSED = "bris_de_glace"


def carry(bed, app, slot, card="vitale-family"):
    """The patient goes there with their card."""
    for other in {1, 2} - {slot}:
        bed.sim(f"remove {other}")
    wait_for(lambda: "vitale" not in cards(app).values())
    bed.sim(f"insert {slot} {card}")
    wait_for(lambda: "vitale" in cards(app).values())


def at_counter(app, mode, *intents):
    session = app.open(mode=mode, intent=list(intents), pair="counter")
    app.until(session, "unlocked")
    return session


def lock(app, session):
    app.call("Lock", path=session, interface="Session")
    app.until(session, "locked")


def shown(agent, after=0):
    """The digits of the newest activation code that an agent was told, and until when they are good."""
    facts = agent.event("inform", after=after, what="activation-code")["facts"]
    code = facts["code"]
    return (code["text"] if isinstance(code, dict) else f"{code:08}"), facts["until"]


def issue(app, agent):
    """A new activation code by the fund, at the counter."""
    session = at_counter(app, "administration", "code")
    before = len(agent.events)
    do(app, session, "IssueActivationCode")
    code = shown(agent, before)[0]
    lock(app, session)
    return code


def other_than(code):
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def alone(kiosk, display, *codes, pair="kiosk"):
    """A session of the patient alone; what is typed is @codes, one after the other."""
    display.answers(code_patient_code=list(codes) or ["error"])
    session = kiosk.open(mode="patient", pair=pair)
    wait_for(lambda: kiosk.state(session) not in ("queued", "waiting-for-cards", "reading", "authenticating"), 30)
    if kiosk.state(session) == "waiting-for-choice":
        with contextlib.suppress(BusError):  # an agent of the place may have been faster
            kiosk.call("Choose", {"u": 0}, path=session, interface="Session")
    return session


def opened_alone(kiosk, display, *codes):
    session = alone(kiosk, display, *codes)
    kiosk.until(session, "unlocked")
    return session


@pytest.fixture
def scene(make_bed, people):
    """(bed, the fund's application and agent, the kiosk's application and display); Théo has an empty dossier."""
    bed = make_bed("cps4-fund", "vitale-family", None, readers="2,1", config=CONFIG)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    display = people.actor(bed, "vddisplay")
    display.agent("patient-display")
    kiosk = people.actor(bed, "vdother")
    session = at_counter(app, "administration", "create")
    do(app, session, "Create", {"a{sv}": {}})
    lock(app, session)
    return bed, app, agent, kiosk, display


def codes_asked(display, kind="patient-code"):
    return [e["facts"] for e in display.seen("code", kind=kind)]


def test_a_code_of_the_fund_opens_once_and_the_patients_own_from_then_on(scene):
    bed, app, agent, kiosk, display = scene
    session = at_counter(app, "administration", "oppose")
    assert refused(app, session, "IssueActivationCode") == "intent"  # the patient was told of no code
    lock(app, session)
    session = at_counter(app, "administration", "code")
    assert "* Recevoir un code" in agent.seen("consent")[-1]["request"]["text"]["wording"]
    do(app, session, "IssueActivationCode")
    first = shown(agent)[0]
    before = len(agent.events)
    do(app, session, "IssueActivationCode")  # it takes the place of the first
    code, until = shown(agent, before)
    assert len(code) == 8 and code.isdigit() and len(agent.seen("inform", what="activation-code")) == 2
    assert refused(app, session, "SetPersonalCode") == "mode"
    lock(app, session)

    carry(bed, app, 2)
    wrong = [first] if first != code else []
    session = opened_alone(kiosk, display, *wrong, code)
    asked = codes_asked(display)
    assert [f["again"] for f in asked] == [False, True][:len(asked)] and asked[0]["tries-left"] == 5
    assert all(f["activation"] and not f["personal"] for f in asked)
    assert kiosk.get(session, "Session", "Mode") == "patient"
    assert refused(kiosk, session, "IssueActivationCode") == "mode"
    note = add(kiosk, session, "what I want to say", type="patient-note")
    for bad in ("123", "1234567890123", "12 34", ""):
        display.answers(code_new_code=[bad])
        assert refused(kiosk, session, "SetPersonalCode") == "InvalidArgument"
    display.answers(code_new_code=["error"])
    assert refused(kiosk, session, "SetPersonalCode") == "Cancelled"
    display.answers(code_new_code=[PERSONAL])
    do(kiosk, session, "SetPersonalCode")
    lock(kiosk, session)

    session = opened_alone(kiosk, display, code, PERSONAL)  # the one of before is none any more
    assert [f["personal"] for f in codes_asked(display)[-2:]] == [True, True]
    assert not codes_asked(display)[-1]["activation"] and ids(kiosk, session) == [note]
    history = do(kiosk, session, "History", {"a{sv}": {}})
    assert {"code-issued", "code-set", "code"} <= {e["event"] for e in history}
    assert any(e.get("professional") for e in history)
    lock(kiosk, session)

    record = audit_is_whole(bed, app)
    codes = [(e["event"], e["outcome"]) for e in record if e["event"].startswith("code")]
    assert codes.count(("code-issued", "ok")) == 2 and codes.count(("code", "ok")) == 2
    assert codes.index(("code-tried", "started")) < codes.index(("code", "ok"))
    issued = [e["details"] for e in record if e["event"] == "code-issued"]
    assert issued[-1]["until"] == until
    used = [e["details"] for e in record if (e["event"], e["outcome"]) == ("code", "ok")]
    assert [d["kind"] for d in used] == ["activation", "personal"] and used[0]["id"] == issued[-1]["id"]
    for secret in (code, PERSONAL):
        assert secret not in json.dumps([{k: v for k, v in e.items() if k not in ("time", "boot-time")} for e in record])


def test_who_issued_a_code_and_their_place_cannot_use_it(scene):
    bed, app, agent, kiosk, display = scene
    code = issue(app, agent)
    session = alone(app, agent, code, pair="counter")  # by the same hands, at the same place
    assert app.ended(session) == ("failed", "code-missing")
    assert not agent.seen("code")
    carry(bed, app, 2)
    session = alone(app, display, code)  # the issuer's program, elsewhere
    assert app.ended(session) == ("failed", "code-missing") and not codes_asked(display)
    session = opened_alone(kiosk, display, code)
    lock(kiosk, session)
    session = alone(kiosk, display, code)  # once
    assert kiosk.ended(session) == ("failed", "code-missing")
    assert len(codes_asked(display)) == 1


def test_who_guesses_is_blocked_and_a_restart_gives_no_try_back(scene):
    bed, app, agent, kiosk, display = scene
    code = issue(app, agent)
    carry(bed, app, 2)
    session = opened_alone(kiosk, display, code)
    display.answers(code_new_code=[PERSONAL])
    do(kiosk, session, "SetPersonalCode")
    lock(kiosk, session)

    session = alone(kiosk, display, "1111", "", "0" * 40, "error")
    assert kiosk.ended(session) == ("failed", "cancelled")
    assert [f["tries-left"] for f in codes_asked(display)[-4:]] == [5, 4, 3, 2]
    session = alone(kiosk, display, "never")
    wait_for(lambda: codes_asked(display)[-1]["tries-left"] == 2)
    wait_for(lambda: pids("vitaled-dossier"))
    os.kill(bed.processes["vitaled"].pid, signal.SIGKILL)
    bed.end("vitaled")
    bed.start_broker()
    for actor, capabilities in ((agent, ("pin", "professional")), (display, ("patient-display",))):
        actor.agent(*capabilities)
    wait_for(lambda: "vitale" in cards(app).values())
    session = alone(kiosk, display, "2222", "3333", PERSONAL)
    assert kiosk.ended(session) == ("failed", "code-blocked")
    assert [f["tries-left"] for f in codes_asked(display)[-2:]] == [2, 1]
    before = len(codes_asked(display))
    session = alone(kiosk, display, PERSONAL)
    assert kiosk.ended(session) == ("failed", "code-blocked") and len(codes_asked(display)) == before
    record = audit_is_whole(bed, app)
    outcomes = [e["outcome"] for e in record if e["event"] == "code"]
    assert outcomes.count("code-wrong") == 5 and outcomes.count("code-blocked") == 2

    carry(bed, app, 1)  # at the fund's counter there is a way out
    code = issue(app, agent)
    carry(bed, app, 2)
    session = opened_alone(kiosk, display, code)
    display.answers(code_new_code=["2718"])
    do(kiosk, session, "SetPersonalCode")
    lock(kiosk, session)
    lock(kiosk, opened_alone(kiosk, display, "2718"))


def test_an_opposition_is_lifted_with_the_code_in_a_doctors_session(scene):
    bed, app, agent, kiosk, display = scene
    code = issue(app, agent)
    bed.sim("replace 0 cps4-gp")
    wait_for(lambda: sorted(cards(app).values()) == ["cps", "vitale"])
    session = at_counter(app, "normal", "consult", "oppose")
    do(app, session, "SetOpposition", OPPOSED, True)
    assert refused(app, session, "SetOpposition", OPPOSED, False) == "CodeMissing"  # an activation code is none here
    lock(app, session)
    carry(bed, app, 2)
    session = opened_alone(kiosk, display, code)
    display.answers(code_new_code=[PERSONAL])
    do(kiosk, session, "SetPersonalCode")
    lock(kiosk, session)
    carry(bed, app, 1)

    session = at_counter(app, "normal", "consult", "oppose")
    agent.answers(code_patient_code=["1234", PERSONAL])
    do(app, session, "SetOpposition", OPPOSED, False)
    assert [f["again"] for f in codes_asked(agent)] == [False, True]  # typed at the counter: it has no display
    do(app, session, "SetOpposition", OPPOSED, True)
    do(app, session, "SetOpposition", OPPOSED, False)
    assert len(codes_asked(agent)) == 2  # given once, it holds for the session
    lock(app, session)
    session = at_counter(app, "normal", "consult", "oppose")
    do(app, session, "SetOpposition", OPPOSED, True)
    agent.answers(code_patient_code=["error"])
    assert refused(app, session, "SetOpposition", OPPOSED, False) == "Cancelled"
    assert app.state(session) == "unlocked"
    agent.answers(code_patient_code=["1", "2", "3", "4", "5", PERSONAL])
    assert refused(app, session, "SetOpposition", OPPOSED, False) == "CodeBlocked"
    lock(app, session)
    session = at_counter(app, "normal", "consult")
    before = len(codes_asked(agent))
    assert refused(app, session, "SetOpposition", OPPOSED, False) == "intent"
    assert len(codes_asked(agent)) == before


def test_no_memory_holds_the_digits_but_the_dossiers_and_not_for_long(scene):
    bed, app, agent, kiosk, display = scene
    session = at_counter(app, "administration", "code")
    do(app, session, "IssueActivationCode")
    code = shown(agent)[0]

    def scan(*needles):
        for program in ("vitaled", "vitaled-watch", "vitaled-card", "vitaled-dossier"):
            for pid in pids(program):
                memory = memory_of(pid)
                assert memory
                for needle in needles:
                    assert needle.encode() not in memory, f"a code is in {program}"
    scan(code)
    lock(app, session)
    carry(bed, app, 2)
    session = opened_alone(kiosk, display, "00000000" if code != "00000000" else "00000001", code)
    display.answers(code_new_code=[PERSONAL])
    do(kiosk, session, "SetPersonalCode")
    scan(code, PERSONAL)  # the dossier is open all the while
    lock(kiosk, session)
    scan(code, PERSONAL)


def test_an_agent_that_leaves_or_hands_in_no_pipe_gives_no_code(scene):
    bed, app, agent, kiosk, display = scene
    issue(app, agent)
    carry(bed, app, 2)
    session = alone(kiosk, display, "exit")
    assert kiosk.ended(session) == ("failed", "no-agent")
    session = alone(kiosk, agent, "1234")  # a display that is away is nobody's to stand in for
    assert kiosk.ended(session) == ("failed", "no-agent")
    assert not agent.seen("code")
    record = audit_is_whole(bed, app)
    assert not [e for e in record if e["event"] == "code-tried"]
    with pytest.raises(BusError) as error:
        kiosk.open(mode="patient", pair="kiosk", intent=["consult"])
    assert error.value.short == "InvalidArgument"
