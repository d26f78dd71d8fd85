# SPDX-License-Identifier: EUPL-1.2
"""What goes wrong in practices: each ends with a name, nothing unlocked and no process behind."""
import contextlib
import os
import re
import signal
import subprocess

import pytest

from actor import BusError
from bed import wait_for
from conftest import cards, nothing_behind, pids
from test_consultation import open_dossier


def ended(app, session, seconds=30):
    """(state, reason) of a session that ends."""
    return app.until(session, "refused", "locked", "failed", seconds=seconds)


CARDS = [
    (("cps4-gp", None), "no-card"),
    (("vitale-family", "vitale-single"), "card-ambiguous"),
    (("cps4-gp", "vitale-1"), "card-unsupported"),
    (("cps4-gp", "unknown"), "card-unknown"),
    (("cps4-expired", "vitale-family"), "card-expired"),
    (("cps4-stranger", "vitale-family"), "not-trusted"),
    (("cps4-test", "vitale-family"), "nature-mixed"),
    (("cps4-insurer", "vitale-family"), "forbidden-sector"),
]


@pytest.mark.parametrize("cards,reason", CARDS[1:], ids=[r for _, r in CARDS[1:]])
def test_cards_that_do_not_go_are_named(make_bed, people, cards, reason):
    bed = make_bed(*cards)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open()
    assert ended(app, session)[1] == reason
    nothing_behind(bed, professional=reason in ("nature-mixed", "forbidden-sector"))


def test_a_missing_card_is_waited_for(make_bed, people):
    bed = make_bed("cps4-gp", None)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "waiting-for-cards")
    bed.sim("insert 1 vitale-single")
    app.until(session, "unlocked")


def test_a_wrong_pin_is_asked_anew_with_the_tries_left(bed, people):
    app, agent = people(bed, pin=["0000", "1234"], choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    asked = [e["facts"] for e in agent.events if e["event"] == "pin"]
    assert len(asked) == 2 and asked[1]["tries-left"] == 2



def test_one_entry_of_the_pin_is_one_verify(bed, people):
    file = bed.path("sim", "verify.record")
    app, agent = people(bed, pin=["0000", "1234"], choice_beneficiary=[0], choice_structure=[0])
    bed.sim(f"record 0 {file}")
    app.until(app.open(intent=["create"]), "unlocked")
    bed.sim("record 0 off")
    with open(file, encoding="utf-8") as f:  # INS 20 with four digits of data
        commands = re.findall(r"\b0[01] ?20 ?00 ?01 ?04", f.read(), re.I)
    assert len(commands) == 2


def test_the_last_try_is_not_sent_unless_confirmed_and_a_blocked_pin_is_named(bed, people):
    app, agent = people(bed, pin=["0000", "0001", "0002"], confirm=[False], choice_structure=[0])
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "cancelled"
    assert [e["what"] for e in agent.events if e["event"] == "confirm"] == ["last-try"]
    agent.answers(confirm=[True], pin=["0003"])
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "pin-blocked"
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "pin-blocked"


def test_a_pin_that_is_no_pin_is_never_sent(bed, people):
    before = bed.sim("counters 0")
    app, agent = people(bed, pin=["12", "", "12345", "abcd"], choice_structure=[0])
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "pin-refused"
    assert bed.sim("counters 0") == before


def test_no_agent_is_named(bed, people):
    app = people.actor(bed, "vdapp")
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "no-agent"
    nothing_behind(bed)


@pytest.mark.parametrize("question", ["pin", "consent"])
def test_an_agent_that_vanishes_gave_no_answer(bed, people, question):
    app, agent = people(bed, **{"choice_beneficiary": [0], "choice_structure": [0], question: ["exit"]})
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "no-agent"
    nothing_behind(bed, professional=question == "consent")


def test_the_owner_may_choose_when_the_agent_is_gone(bed, people):
    app, agent = people(bed, choice_structure=[0], choice_beneficiary=["exit"])
    session = app.open(mode="identity")
    app.until(session, "waiting-for-choice")
    wait_for(lambda: agent.process.poll() is not None)
    assert len(app.call("GetBeneficiaries", path=session, interface="Session")) == 4
    app.call("Choose", {"u": 2}, path=session, interface="Session")
    app.until(session, "unlocked")


def test_refused_consent_unlocks_nothing_and_is_recorded(bed, people):
    app, agent = people(bed, consent=["refused"], choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    assert ended(app, session) == ("refused", "consent-refused")
    log = app.call("ExportAudit", {"a{sv}": {}})
    assert any('"consent"' in e and "refused" in e for e in log["entries"])
    with pytest.raises(BusError):
        app.call("GetPatient", path=session, interface="Session")
    nothing_behind(bed, professional=True)


STEPS = ["waiting-for-pin", "waiting-for-choice", "waiting-for-consent", "unlocked"]
HOLD = {"waiting-for-pin": {"pin": ["never"]}, "waiting-for-choice": {"choice_beneficiary": ["never"]},
        "waiting-for-consent": {"consent": ["never"]}, "unlocked": {}}


def hold_at(bed, people, step):
    """A session that stands at @step, and its people."""
    app, agent = people(bed, **{"choice_beneficiary": [0], "choice_structure": [0], **HOLD[step]})
    session = app.open(intent=["create"])
    app.until(session, step)
    if step == "waiting-for-choice":
        agent.event("choice", kind="beneficiary")
    return app, agent, session


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("slot,reason", [(0, "professional-card-removed"), (1, "patient-card-removed")])
def test_a_card_removed_at_each_step_ends_the_session(bed, people, step, slot, reason):
    app, agent, session = hold_at(bed, people, step)
    bed.sim(f"remove {slot}")
    state, why = ended(app, session)
    assert why == reason and state == ("locked" if step == "unlocked" else "failed")
    nothing_behind(bed, professional=slot == 1)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("slot,other", [(0, "cps4-pharmacist"), (1, "vitale-single")])
def test_a_card_replaced_at_each_step_ends_the_session(bed, people, step, slot, other):
    app, agent, session = hold_at(bed, people, step)
    bed.sim(f"replace {slot} {other}")
    whose = "professional" if slot == 0 else "patient"
    assert ended(app, session)[1] in ("card-replaced", f"{whose}-card-removed")
    nothing_behind(bed, professional=slot == 1)


@pytest.mark.parametrize("step", STEPS)
def test_an_owner_that_vanishes_takes_the_session_along(bed, people, step):
    app, agent, session = hold_at(bed, people, step)
    app.end()
    nothing_behind(bed, professional=True)
    other = people.actor(bed, "vdapp")
    with pytest.raises(BusError):
        other.state(session)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_card_torn_out_at_the_nth_command_unlocks_nothing(bed, people, slot, nth):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: kinds(app) == ["cps", "vitale"])  # recognition has ended
    nothing_behind(bed)
    bed.sim(f"count-reset {slot}")
    bed.sim(f"tear {slot} {nth}")
    session = app.open(intent=["create"])
    state, reason = app.until(session, "refused", "locked", "failed", "unlocked")
    if state == "unlocked":  # the consultation has fewer commands than that
        assert int(bed.sim(f"count {slot}").split()[0]) < nth
    else:
        assert (state, reason) == ("failed", f"{('professional', 'patient')[slot]}-card-removed")
    app.end()
    nothing_behind(bed, professional=slot == 1 or state == "unlocked")


def kinds(app):
    return sorted(cards(app).values())


@pytest.mark.parametrize("fault,reasons", [
    ("truncate {slot} 3", ("card-broken", "card-unknown", "not-trusted")),
    ("overlong {slot} 40", ("card-broken", "card-unknown", "not-trusted")),
    ("loop61 {slot}", ("card-broken", "card-unknown", "child-failed")),
])
@pytest.mark.parametrize("slot", [0, 1])
def test_answers_that_lie_about_their_length_are_named(bed, people, slot, fault, reasons):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim(fault.format(slot=slot))
    session = app.open(intent=["create"])
    state, reason = ended(app, session)
    assert state == "failed" and reason in reasons
    bed.sim(f"normal {slot}")
    nothing_behind(bed, professional=slot == 1)


def test_a_reader_that_never_answers_costs_one_process_and_is_named(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("hang 1 on")
    session = app.open(intent=["create"])
    state, reason = ended(app, session, seconds=60)
    assert state == "failed" and reason in ("child-failed", "timeout", "card-broken", "busy")
    bed.sim("normal 1")


@pytest.mark.minutes
@pytest.mark.parametrize("question,reason", [("pin", "timeout"), ("consent", "consent-refused")])
def test_a_question_that_nobody_answers_is_refused_in_the_end(bed, people, question, reason):
    app, agent = people(bed, **{"choice_beneficiary": [0], "choice_structure": [0], question: ["never"]})
    session = app.open(intent=["create"])
    assert ended(app, session, seconds=150)[1] in (reason, "timeout")
    nothing_behind(bed, professional=True)


def test_a_second_application_is_told_busy(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    first = app.open(intent=["create"])
    app.until(first, "unlocked")
    other = people.actor(bed, "vdother")
    second = other.open(intent=["create"])
    assert ended(other, second)[1] == "busy"
    assert app.state(first) == "unlocked"


def test_a_session_belongs_to_its_connection(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    twin = people.actor(bed, "vdapp")
    with pytest.raises(BusError):
        twin.call("GetPatient", path=session, interface="Session")
    objects = twin.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
    assert session not in objects


def test_a_card_that_says_yes_to_everything_proves_nothing(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("yes 1 on")
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "card-broken"
    nothing_behind(bed, professional=True)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_mute_card_is_named(bed, people, slot):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim(f"mute {slot} on")
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "card-broken"
    nothing_behind(bed, professional=slot == 1)


# without the cache all is read each time; with it, what does not verify is read once more, so that the
# replay falls out of step
REPLAYS = [("no", False, "proof-failed"), ("no", True, "proof-failed"), ("yes", True, "card-broken")]


@pytest.mark.parametrize("cache,restart,reason", REPLAYS, ids=["no-restart", "restart", "cache"])
def test_two_emulators_that_replay_a_whole_exchange_get_nothing(make_bed, people, cache, restart, reason):
    bed = make_bed(config=f"[cards]\nprofessional-cache = {cache}\n", clock=True)
    # with the links' own times, and a person's, the cards get their commands in the same order each time
    typed = {"later": 500, "answer": "1234"}
    app, agent = people(bed, pin=[typed], choice_beneficiary=[0], choice_structure=[0])
    names = ("cps4-gp", "vitale-family")
    files = [bed.path("sim", f"slot{n}.record") for n in (0, 1)]
    if cache == "yes":
        app.until(app.open(intent=["create"]), "unlocked")
    for slot in (0, 1):
        bed.sim(f"remove {slot}")
    for slot in (0, 1):  # from recognition on, so that the replay is in step
        bed.sim(f"record {slot} {files[slot]}")
        bed.sim(f"insert {slot} {names[slot]}")
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    app.call("Release", path=session, interface="Session")
    for slot in (0, 1):
        bed.sim(f"record {slot} off")
        bed.sim(f"remove {slot}")
    nothing_behind(bed)
    if restart:  # a broker that has never seen these challenges: only its own nonce stops them
        bed.end("vitaled")
        bed.start_broker()
        app, agent = people(bed, pin=[typed], choice_beneficiary=[0], choice_structure=[0])
    before = len(agent.events)
    for slot in (0, 1):
        bed.sim(f"replay {slot} {files[slot]}")
    session = app.open(intent=["create"])
    assert ended(app, session) == ("failed", reason)
    assert bool(agent.seen("consent", before)) == restart
    nothing_behind(bed, professional=True)


def test_no_reader_service_is_named_and_its_return_is_seen(bed, people):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.end("pcscd")
    wait_for(lambda: app.get("/org/vitaled1", "Manager", "ReaderService") != "running")
    session = app.open()
    assert ended(app, session)[1] == "no-reader-service"
    bed.start_pcscd()
    wait_for(lambda: app.get("/org/vitaled1", "Manager", "ReaderService") == "running", 15)
    session = app.open(intent=["create"])
    app.until(session, "unlocked")


def test_pcscd_killed_under_an_unlocked_session_locks_it(bed, people):
    app, agent, session = hold_at(bed, people, "unlocked")
    bed.processes["pcscd"].kill()
    state, reason = ended(app, session)
    assert state == "locked" and reason in ("no-reader-service", "patient-card-removed",
                                            "professional-card-removed")
    nothing_behind(bed, spares=0)


@pytest.mark.parametrize("program", ["vitaled-card", "vitaled-dossier"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGABRT])
def test_a_child_that_crashes_ends_the_session_by_name(bed, people, program, how):
    app, agent, session = hold_at(bed, people, "unlocked")
    for pid in pids(program):
        os.kill(pid, how)
    assert ended(app, session) == ("locked", "child-failed")
    nothing_behind(bed, professional=program == "vitaled-dossier")


@pytest.mark.parametrize("cps", ["cps3-gp"])
def test_the_fault_table_holds_for_a_cps3_too(make_bed, people, cps):
    bed = make_bed(cps, "vitale-family")
    app, agent = people(bed, pin=["0000", "1234"], choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    assert [e["facts"]["tries-left"] for e in agent.events if e["event"] == "pin"] == [3, 2]
    bed.sim("remove 0")
    assert ended(app, session) == ("locked", "professional-card-removed")
    nothing_behind(bed)
    bed.sim(f"insert 0 {cps}")
    agent.answers(pin=["0000"], confirm=[True])
    session = app.open(intent=["create"])
    assert ended(app, session)[1] == "pin-blocked"
    nothing_behind(bed)


def test_no_reader_is_named(make_bed, people):
    bed = make_bed()
    app, agent = people(bed)
    bed.end("pcscd")
    bed.start_pcscd(readers=False)
    wait_for(lambda: app.get("/org/vitaled1", "Manager", "ReaderService") == "running", 15)
    wait_for(lambda: kinds(app) == [])
    assert ended(app, app.open())[1] == "no-reader"


def test_a_hanging_card_process_locks(bed, people):
    app, agent, session = hold_at(bed, people, "unlocked")
    for pid in pids("vitaled-card")[:2]:
        os.kill(pid, signal.SIGSTOP)
    bed.sim("remove 1")
    assert ended(app, session) == ("locked", "patient-card-removed")
    nothing_behind(bed, professional=True)


def test_a_watch_that_hangs_does_not_keep_a_dossier_unlocked(bed, people):
    app, agent, session = hold_at(bed, people, "unlocked")
    for pid in pids("vitaled-watch"):
        os.kill(pid, signal.SIGSTOP)
    bed.sim("remove 1")
    assert ended(app, session) == ("locked", "child-failed")
    nothing_behind(bed)


@pytest.mark.parametrize("step", ["waiting-for-cards", "queued"])
def test_an_owner_that_vanishes_while_it_waits_leaves_nothing(bed, people, step):
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    if step == "queued":
        app.until(app.open(intent=["create"]), "unlocked")
        waiting = people.actor(bed, "vdother")
        session = waiting.open(intent=["create"], wait={"b": True})
        waiting.until(session, "queued")
    else:
        bed.sim("remove 1")
        waiting = app
        waiting.until(waiting.open(), "waiting-for-cards")
    waiting.end()
    app.end()
    nothing_behind(bed, professional=True)


def test_a_child_that_hangs_is_killed_by_its_deadline(bed, people):
    app, agent, session = hold_at(bed, people, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    app.call("Release", path=session, interface="Session")
    session = app.open()
    app.until(session, "unlocked")
    for pid in pids("vitaled-dossier"):
        os.kill(pid, signal.SIGSTOP)
    with pytest.raises(BusError):
        app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")
    assert ended(app, session) == ("locked", "child-failed")
    nothing_behind(bed, professional=True)


def test_polkit_gone_grants_nothing(bed, people):
    app, agent = people(bed)
    bed.end("polkitd")
    with pytest.raises(BusError) as e:
        app.open()
    assert e.value.short == "Failed"


def test_a_user_without_the_right_is_refused(bed, people):
    stranger = people.actor(bed, "vdagent")
    with pytest.raises(BusError) as e:
        stranger.open()
    assert e.value.short == "AccessDenied"


def test_a_full_disk_locks_and_unlocks_nothing_until_there_is_room(make_bed, people):
    bed = make_bed(state_size="4m")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    first = app.open(intent=["create"])
    app.until(first, "unlocked")
    app.call("Create", {"a{sv}": {}}, path=first, interface="Dossier")
    filler = bed.path("state", "filler")
    with open(filler, "wb", 0) as f, contextlib.suppress(OSError):
        while f.write(b"0" * 4096):
            pass
    with pytest.raises(BusError) as e:  # the space that SQLite holds already is used up first
        for _ in range(5000):
            app.call("History", {"a{sv}": {}}, path=first, interface="Dossier")
    assert e.value.short == "AuditUnavailable"
    assert ended(app, first) == ("locked", "audit-unavailable")
    with pytest.raises(BusError) as e:
        app.open(intent=["create"])
    assert e.value.short == "AuditUnavailable"
    nothing_behind(bed, professional=True)
    os.unlink(filler)
    session = app.open(intent=["create"])
    app.until(session, "unlocked")


def test_a_bad_call_is_named(bed, people):
    app, agent = people(bed)
    for options in ({"mode": "sideways"}, {"intent": ["fly"]}, {"unknown": "x"}, {"mode": ["normal"]}):
        with pytest.raises(BusError) as e:
            app.open(**options)
        assert e.value.short == "InvalidArgument"
    with pytest.raises(BusError) as e:
        app.open(patient={"unsealed": "{}"})
    assert e.value.short == "InvalidArgument"
