# SPDX-License-Identifier: EUPL-1.2
"""The two emergency modes over the real stack: with the patient's card and without, what they open and
what they do not, how they are seen afterwards; and what they take from sessions that are none."""
import base64
import hashlib
import json
import os
import subprocess

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, card_at, cards, children, put_in, reader_at

REASON = "Patiente inconsciente, allergies inconnues"
THEO = {"nir": "185050099000117", "birth-date": "1985-05-14"}
NOEL = {"birth-date": "2019-06-27", "rank": 1}
NUMBER_OF_NOEL = "1190600990004"  # an INS of his own; the card lists him with his father's number
CPS, VITALE = "00 00", "00 01"
REGULATION = "[emergency]\nregulation-structures = 10B0127190 {}\n"


def key(number):
    return f"{number}{97 - int(number) % 97:02d}"


def metadata(text, **more):
    data = text.encode()
    return json.dumps({"format": 1, "type": "consultation", "title": "Consultation", "date": "2026-11-21",
                       "mime": "text/plain", "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                       "flags": [], **more})


def add(app, session, text="note", **more):
    return app.call("Add", {"pipe": text}, {"fd": metadata(text, **more)}, path=session, interface="Dossier")


def listed(app, session):
    return [r["id"] for r in app.call("List", {"a{sv}": {}}, path=session, interface="Dossier")]


def opened(app, **options):
    session = app.open(**{"intent": ["consult", "feed", "create"], **options})
    app.until(session, "unlocked")
    return session


def lock(app, session):
    app.call("Lock", path=session, interface="Session")
    app.until(session, "locked")


def fd(value):
    return {"fd": value if isinstance(value, str) else json.dumps(value)}


def emergency(app, mode="bris_de_glace", reason=REASON, **options):
    return app.open(mode=mode, reason=fd(reason), **options)


def entries(app, session, event=None):
    """What the record has of @session."""
    number = session.rsplit("/", 1)[1]
    log = app.call("ExportAudit", {"a{sv}": {}})
    found = [json.loads(e) for e in log["entries"]]
    return [e for e in found if e.get("session", "").startswith(f"session/{number}@") and event in (None, e["event"])]


def statement(app, session):
    receipt = app.call("GetReceipt", "json", path=session, interface="Session")
    return receipt, json.loads(base64.b64decode(receipt["statement"]))


def named(call, *args, **more):
    with pytest.raises(BusError) as e:
        call(*args, **more)
    return e.value.short


@pytest.fixture
def filled(bed, people):
    """(application, agent, a plain document, a masked one) of Théo's dossier, locked again."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    plain, hidden = add(app, session), add(app, session, "hidden")
    app.call("SetVisibility", hidden, "masque_ps", True, path=session, interface="Dossier")
    lock(app, session)
    return app, agent, plain, hidden


def take_out(bed, app, slot):
    bed.sim(f"remove {slot}")
    wait_for(lambda: len(cards(app)) == 1)


# -- bris_de_glace ------------------------------------------------------------------------------------

def test_with_the_vitale_the_glass_is_broken_by_pin_reason_and_confirmation(bed, filled):
    app, agent, plain, hidden = filled
    pins = len(agent.seen("pin"))
    session = emergency(app, intent=["consult", "feed"])
    app.until(session, "unlocked")
    assert len(agent.seen("pin")) == pins + 1  # although the card had kept its right
    asked = agent.seen("confirm")
    assert len(asked) == 1 and asked[0]["what"] == "bris-de-glace" and asked[0]["session"] == session
    assert asked[0]["facts"]["reason"] == REASON and asked[0]["facts"]["acts"] == ["emergency", "consult", "feed"]
    assert asked[0]["facts"]["patient"]["birth-date"] == "1985-05-14"
    assert not [e for e in agent.seen("consent") if e["session"] == session]  # the patient is not asked
    assert app.get(session, "Session", "Proof") == "mutual"
    assert app.get(session, "Session", "Mode") == "bris_de_glace"
    assert listed(app, session) == [plain]
    assert named(app.call, "Read", hidden, path=session, interface="Dossier") == "NotPermitted"
    content, _ = app.call("Read", plain, path=session, interface="Dossier")
    assert content["text"] == "note"
    assert app.call("Summary", path=session, interface="Dossier")["format"] == 1
    add(app, session, "seen in an emergency")
    for flag, on in (("masque_ps", True), ("masque_ps", False), ("invisible_patient", True)):
        assert named(app.call, "SetVisibility", plain, flag, on, path=session, interface="Dossier") == "NotPermitted"
    _, said = statement(app, session)
    assert said["acts"] == ["emergency", "consult", "feed"] and said["mode"] == "bris_de_glace"
    assert said["decision"] == "not-needed" and said["form"] is None and said["text"] is None
    assert said["explained"] is False and said["patient"]["proof"] == "mutual"
    assert said["reason"] == hashlib.sha256(REASON.encode()).hexdigest()
    assert said["agent"]["capability"] == "professional"
    lock(app, session)
    recorded = entries(app, session)
    own = [e for e in recorded if e["event"] == "emergency"]
    assert [e["outcome"] for e in own] == ["ok"] and own[0]["details"]["reason-sha256"] == said["reason"]
    assert {e["mode"] for e in recorded} == {"bris_de_glace"}
    assert not [e for e in recorded if e["event"] == "consent"]
    text = json.dumps(audit_is_whole(bed, app))
    assert REASON not in text and "inconsciente" not in text
    told = [line for line in bed.log("vitaled").splitlines() if "bris_de_glace" in line]
    assert len(told) == 1 and f"session/{session.rsplit('/', 1)[1]}@" in told[0]  # in the journal, once
    assert "inconsciente" not in bed.log("vitaled") and THEO["nir"][:13] not in bed.log("vitaled")


def test_without_the_vitale_the_patient_option_says_who_it_is(bed, filled, tmp_path):
    app, agent, plain, hidden = filled
    take_out(bed, app, 1)
    session = emergency(app, patient=fd({**THEO, "birth-name": "Béranger"}))
    app.until(session, "unlocked")
    assert app.get(session, "Session", "Proof") == "none"
    assert listed(app, session) == [plain]
    patient = app.call("GetPatient", path=session, interface="Session")
    assert patient["nir"] == THEO["nir"] and patient["birth-date"] == THEO["birth-date"]
    asked = agent.seen("confirm")[-1]["facts"]["patient"]
    assert asked["surname"] == "Béranger" and "nir" not in asked
    receipt, said = statement(app, session)
    assert said["patient"]["proof"] == "none" and said["patient"]["serial"] is None
    assert receipt["patient"] == {"certificate": None, "proof": "none", "signature": None}
    (tmp_path / "r.json").write_text(json.dumps(receipt))
    done = subprocess.run([bed.program("vitalectl"), "receipt", "verify", str(tmp_path / "r.json"), "--anchors",
                           bed.path("anchors")], capture_output=True, text=True, env=bed.env)
    assert done.returncode == 0, done.stdout + done.stderr
    history = app.call("History", {"a{sv}": {}}, path=session, interface="Dossier")
    assert "emergency" in {e["event"] for e in history}
    assert len(cards(app)) == 1
    bed.sim("remove 0")
    assert app.ended(session) == ("locked", "professional-card-removed")
    wait_for(lambda: cards(app) == {})
    wait_for(lambda: "vitaled-dossier" not in children(bed))


def test_the_vitale_that_comes_later_is_not_taken_and_one_that_is_in_counts(bed, filled):
    app, agent, plain, _ = filled
    take_out(bed, app, 1)
    session = emergency(app, patient=fd(THEO))
    app.until(session, "unlocked")
    bed.sim("insert 1 vitale-single")
    card_at(app, VITALE)
    assert listed(app, session) == [plain] and app.state(session) == "unlocked"
    lock(app, session)
    other = emergency(app, patient=fd(THEO))  # the card in the reader is somebody else's
    assert app.ended(other) == ("refused", "other-patient")


def test_when_the_vitale_that_was_used_leaves_it_locks(bed, filled):
    app, agent, _, _ = filled
    session = emergency(app, patient=fd(THEO))
    app.until(session, "unlocked")
    assert app.get(session, "Session", "Proof") == "mutual"
    bed.sim("remove 1")
    assert app.ended(session) == ("locked", "patient-card-removed")


@pytest.mark.parametrize("patient, end", [
    ({"nir": "185050099000118", "birth-date": "1985-05-14"}, ("failed", "invalid-argument")),  # its key is wrong
    ({"nir": "185050099000", "birth-date": "1985-05-14"}, ("failed", "invalid-argument")),
    ({"nir": "185050099000117", "birth-date": "2019-06-27"}, ("refused", "no-own-identity")),  # a parent's number
    ({"ins": "185050099000117", "birth-date": "1986-05-14"}, ("refused", "no-own-identity")),
    ({"nir": key("2870700990001"), "birth-date": "1987-07-03"}, ("refused", "no-dossier")),
])
def test_without_the_vitale_a_number_must_be_the_persons_own(bed, filled, patient, end):
    app, agent, _, _ = filled
    take_out(bed, app, 1)
    session = emergency(app, patient=fd(patient))
    assert app.ended(session) == end
    assert not entries(app, session, "unlocked")


def test_nobody_who_does_not_confirm_opens_it(bed, filled):
    app, agent, _, _ = filled
    for answer, end in ((False, "cancelled"), ("error", "cancelled")):
        agent.answers(confirm=[answer])
        session = emergency(app)
        assert app.ended(session) == ("failed", end)
        assert entries(app, session, "emergency")[0]["outcome"] == end
        assert not entries(app, session, "unlocked")


def test_without_an_agent_of_the_professional_the_glass_stays_whole(bed, filled, people):
    app, agent, _, _ = filled
    agent.end()
    wait_for(lambda: not app.get("/org/vitaled1", "Manager", "Agents"))
    people.actor(bed, "vdagent").agent("pin")
    session = emergency(app, patient=fd(THEO), structure="489900000011")
    assert app.ended(session) == ("failed", "no-agent")
    assert not entries(app, session, "unlocked")


@pytest.mark.parametrize("options", [
    {"mode": "bris_de_glace"}, {"mode": "centre_15"},
    {"mode": "bris_de_glace", "reason": fd("too few")}, {"mode": "bris_de_glace", "reason": fd("          x         ")},
    {"mode": "bris_de_glace", "reason": fd("x" * 1001)}, {"mode": "bris_de_glace", "reason": {"unsealed": REASON}},
    {"mode": "bris_de_glace", "reason": {"pipe": REASON}}, {"mode": "bris_de_glace", "reason": fd(REASON + "\x07")},
    {"mode": "bris_de_glace", "reason": fd(REASON), "intent": ["consult", "create"]},
    {"mode": "normal", "reason": fd(REASON)}, {"reason": fd(REASON)}, {"mode": "identity", "reason": fd(REASON)},
    {"mode": "bris-de-glace", "reason": fd(REASON)},
])
def test_a_reason_goes_with_an_emergency_and_with_nothing_else(bed, people, options):
    app, agent = people(bed)
    assert named(app.open, **options) == "InvalidArgument"


def test_only_whom_polkit_lets_opens_an_emergency(bed, people):
    display = people.actor(bed, "vddisplay")
    assert named(emergency, display) == "AccessDenied"


def test_one_card_breaks_the_glass_so_often_in_an_hour_and_no_more(make_bed, people):
    bed = make_bed(config="[emergency]\nper-hour = 2\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    for _ in range(2):
        session = emergency(app)
        app.until(session, "unlocked")
        lock(app, session)
    session = emergency(app)
    assert app.ended(session) == ("refused", "limits-exceeded")
    assert [e["rule"] for e in entries(app, session, "denied")] == ["rate"]
    lock(app, opened(app))  # with the patient's consent as ever
    put_in(bed, app, 0, "cps4-pharmacist")
    app.until(emergency(app), "unlocked")  # another card's own count


def test_the_patients_display_hears_of_it(make_bed, people):
    pair = "[pair counter]\npatient-reader = Vitale Sim 00 01\nprofessional-reader = Vitale Sim 00 00\n"
    bed = make_bed(config=pair + "[agent display]\ncapability = patient-display\npair = counter\nuser = vddisplay\n")
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    display = people.actor(bed, "vddisplay")
    display.agent("patient-display", consent=["given"])
    session = opened(app, pair="counter")
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    session = emergency(app, pair="counter")
    app.until(session, "unlocked")
    told = display.event("inform", session=session, what="emergency")
    assert told["facts"] == {"mode": "bris_de_glace"}
    assert len(display.seen("consent")) == 1  # of the first session


def test_the_command_opens_one_with_the_reason_from_a_file(bed, filled):
    app, agent, plain, _ = filled
    folder = bed.path("reason")
    os.makedirs(folder)
    os.chmod(folder, 0o755)
    with open(os.path.join(folder, "why.txt"), "w", encoding="utf-8") as f:
        f.write(REASON)
    done = bed.run([bed.program("vitalectl"), "--json", "open", "--mode", "bris_de_glace", "--structure", "489900000011",
                    "--reason", os.path.join(folder, "why.txt"), "list"])
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["result"][0]["id"] for r in results if r.get("command") == "list"] == [plain]
    assert agent.seen("confirm")[-1]["facts"]["reason"] == REASON
    refused = bed.run([bed.program("vitalectl"), "open", "--mode", "bris_de_glace", "list"], input="no\n")
    assert refused.returncode == 2 and "reason" in refused.stderr


# -- centre_15 ----------------------------------------------------------------------------------------

def test_medical_regulation_needs_a_structure_that_is_listed(make_bed, people):
    bed = make_bed()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    structure = app.call("GetProfessional", path=session, interface="Session")["structure"]
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    plain = add(app, session)
    lock(app, session)
    refused = emergency(app, "centre_15")
    assert app.ended(refused) == ("refused", "role-forbidden")
    assert [e["rule"] for e in entries(app, refused, "denied")] == ["regulation"]
    bed.extra = REGULATION.format(structure)
    bed.write_config()
    bed.end("vitaled")
    bed.start_broker()
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("remove 1")
    wait_for(lambda: len(cards(app)) == 1 and "cps" in cards(app).values())
    session = emergency(app, "centre_15", patient=fd(THEO))
    app.until(session, "unlocked")
    assert listed(app, session) == [plain] and not agent.seen("confirm")
    _, said = statement(app, session)
    assert said["acts"] == ["regulation", "consult"] and said["agent"] is None and said["mode"] == "centre_15"
    assert [e["outcome"] for e in entries(app, session, "emergency")] == ["ok"]


# -- the option patient -------------------------------------------------------------------------------

def test_a_child_who_bears_a_parents_number_is_opened_by_an_ins_of_its_own(bed, people):
    app, agent = people(bed, choice_structure=[0])
    session = app.open(patient=fd({"ins": key(NUMBER_OF_NOEL), **NOEL}), intent=["create"])
    app.until(session, "unlocked")
    assert app.call("GetPatient", path=session, interface="Session")["given"] == "Noël"
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    for patient, end in (({"nir": THEO["nir"], **NOEL}, "no-own-identity"),  # his father's number
                         ({"ins": THEO["nir"], **NOEL}, "no-own-identity"),
                         ({"nir": key(NUMBER_OF_NOEL), **NOEL}, "other-patient"),  # no NIR of this card
                         ({"ins": key("1180600990004"), **NOEL}, "other-patient"),  # contradicts the year
                         ({"ins": key("2871100990002"), "birth-date": "1987-11-03"}, None)):
        session = app.open(patient=fd(patient))
        assert app.ended(session)[0] == "refused", patient
        if end:
            assert app.ended(session)[1] == end, patient


def test_two_whom_it_fits_are_told_apart_by_rank_or_by_somebody(bed, people):
    app, agent = people(bed, choice_structure=[0], choice_beneficiary=[3])
    session = app.open(patient=fd({"ins": key(NUMBER_OF_NOEL), "birth-date": "2019-06-27"}), intent=["create"])
    app.until(session, "unlocked")
    assert agent.seen("choice", kind="beneficiary")
    assert app.call("GetPatient", path=session, interface="Session")["given"] == "Maëlle"


@pytest.mark.parametrize("name", ["BERANGER", "Durand"])
def test_a_birth_name_never_contradicts_a_card_that_shows_a_surname(bed, people, name):
    app, agent = people(bed, choice_structure=[0])
    session = app.open(patient=fd({**THEO, "birth-name": name}), intent=["create"])
    app.until(session, "unlocked")
    assert app.call("GetPatient", path=session, interface="Session")["surname"] == "BÉRANGER"


def test_without_a_vitale_and_without_an_emergency_the_session_waits_for_it(make_bed, people):
    bed = make_bed("cps4-gp", None)
    app, agent = people(bed, choice_structure=[0])
    session = app.open(patient=fd(THEO), intent=["create"])
    app.until(session, "waiting-for-cards")
    without = emergency(app)  # and so does an emergency that names nobody
    app.until(without, "waiting-for-cards")
    app.call("Release", path=without, interface="Session")
    bed.sim("insert 1 vitale-family")
    app.until(session, "unlocked")


# -- pre-emption --------------------------------------------------------------------------------------

def pre_empted(app, victim, by, other=None):
    """@victim (of @other) is ended by @by, and both are recorded."""
    assert (other or app).ended(victim) == ("locked", "pre-empted")
    app.until(by, "unlocked")
    assert [e["details"]["session"].split("@")[0] for e in entries(app, by, "pre-emption")] == \
        ["session/" + victim.rsplit("/", 1)[1]]
    ended = entries(app, victim, "session-ended")
    assert [e["outcome"] for e in ended] == ["pre-empted"]
    assert ended[0]["details"]["by"].startswith("session/" + by.rsplit("/", 1)[1] + "@")


@pytest.fixture
def desk(filled, bed, people):
    """(application, agent, another user's application): the dossier is there, nobody has the cards."""
    app, agent, _, _ = filled
    return app, agent, people.actor(bed, "vdother")


def test_an_unlocked_session_of_another_user_gives_way_and_its_dossier_with_it(bed, desk):
    app, agent, other = desk
    victim = opened(other)
    assert other.call("List", {"a{sv}": {}}, path=victim, interface="Dossier")
    pid = [p for p in children(bed) if p == "vitaled-dossier"]
    assert len(pid) == 1
    by = emergency(app)
    pre_empted(app, victim, by, other)
    assert named(other.call, "List", {"a{sv}": {}}, path=victim, interface="Dossier") == "WrongState"
    assert [p for p in children(bed) if p == "vitaled-dossier"] == pid  # the emergency's own


def test_an_unlocked_session_of_the_same_user_gives_way(bed, desk):
    app, agent, _ = desk
    victim = opened(app)
    pre_empted(app, victim, emergency(app))


def test_one_that_reads_its_cards_gives_way(make_bed, people):
    bed = make_bed(clock=True)  # real time on the line: reading takes its time
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    other = people.actor(bed, "vdother")
    victim = other.open(intent=["consult"])
    other.until(victim, "reading", "waiting-for-pin", "authenticating")
    pre_empted(app, victim, emergency(app), other)


@pytest.mark.parametrize("answers, state", [
    ({"pin": ["never", "1234"]}, "waiting-for-pin"),
    ({"choice_beneficiary": ["never", 0]}, "waiting-for-choice"),
    ({"consent": ["never"]}, "waiting-for-consent"),
])
def test_one_that_asks_somebody_gives_way_and_the_question_goes(bed, desk, answers, state):
    app, agent, other = desk
    agent.answers(**answers)
    victim = other.open(intent=["consult"])
    other.until(victim, state)
    by = emergency(app)
    pre_empted(app, victim, by, other)
    assert agent.event("cancel", session=victim)["reason"] == "pre-empted"


@pytest.mark.parametrize("slot", [CPS, VITALE])
def test_a_suspended_session_gives_way_and_the_lent_slot_is_waited_for(bed, desk, slot):
    app, agent, other = desk
    victim = opened(other)
    lease = other.call("Lend", {"u": 60}, path=reader_at(other, slot), interface="Reader")
    assert other.state(victim) == "suspended"
    assert app.ended(emergency(app)) == ("failed", "busy")  # one that would get nothing takes nothing
    by = emergency(app, wait=True)
    app.until(by, "queued")
    assert other.state(victim) == "suspended"
    other.call("Return", path=lease, interface="Lease")
    pre_empted(app, victim, by, other)


def test_while_the_patients_slot_is_lent_the_patient_option_is_enough(bed, desk):
    app, agent, other = desk
    victim = opened(other)
    other.call("Lend", {"u": 60}, path=reader_at(other, VITALE), interface="Reader")
    by = emergency(app, patient=fd(THEO))
    pre_empted(app, victim, by, other)
    assert app.get(by, "Session", "Proof") == "none"


def test_nobody_loses_a_card_to_an_emergency_that_waits_for_another(make_bed, people):
    bed = make_bed("cps4-gp", None)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    bed.sim("insert 1 vitale-family")
    session = opened(app)
    app.call("Create", {"a{sv}": {}}, path=session, interface="Dossier")
    lock(app, session)
    take_out(bed, app, 1)
    first = emergency(app, patient=fd(THEO))
    app.until(first, "unlocked")
    bed.sim("insert 1 vitale-family")
    other = people.actor(bed, "vdother")
    victim = other.open(mode="identity", wait=True)
    other.until(victim, "unlocked")
    assert other.ended(emergency(other)) == ("failed", "busy")
    second = emergency(app, wait=True)
    app.until(second, "queued")
    assert other.state(victim) == "unlocked"
    lock(app, first)
    pre_empted(app, victim, second, other)


def test_a_pin_job_that_asks_somebody_gives_way(bed, desk):
    app, agent, other = desk
    victim = other.open(mode="identity")
    other.until(victim, "unlocked")
    agent.answers(code_pin=["never"])
    job = app.start("ChangePin", path=card_at(app, CPS), interface="Card")
    agent.event("code", kind="pin")
    by = emergency(app)
    assert named(app.answer, job) == "Cancelled"
    assert agent.event("cancel")["reason"] == "cancelled"
    assert other.ended(victim) == ("locked", "pre-empted")
    app.until(by, "unlocked")
    card = int(card_at(app, CPS).rsplit("/", 1)[1])
    taken = [e["details"] for e in entries(app, by, "pre-emption")]
    assert taken[0] == {"card": card} and len(taken) == 2
    lock(app, by)
    agent.answers(code_pin=["1234"], code_new_pin=["5678"])
    assert app.call("ChangePin", path=card_at(app, CPS), interface="Card") == []  # no try was spent
    assert audit_is_whole(bed, app)


def test_without_a_pin_emergencies_take_cards_three_times_an_hour_and_then_wait(bed, desk):
    app, agent, other = desk
    for _ in range(3):
        victim = opened(other)
        agent.answers(pin=["never"])
        by = emergency(app)
        app.until(by, "waiting-for-pin")
        assert other.ended(victim) == ("locked", "pre-empted")
        app.call("Release", path=by, interface="Session")
        agent.answers(pin=["1234"])
    victim = opened(other)
    assert app.ended(emergency(app)) == ("failed", "busy")
    by = emergency(app, wait=True)
    app.until(by, "queued")
    assert other.state(victim) == "unlocked"
    lock(other, victim)
    app.until(by, "unlocked")  # it is an emergency all the same
    lock(app, by)
    victim = opened(app)
    other.until(emergency(other), "unlocked")  # another uid's own
    assert app.ended(victim) == ("locked", "pre-empted")


def test_those_that_wait_are_passed_by_and_not_ended(bed, desk):
    app, agent, other = desk
    first = opened(other)
    queued = other.open(intent=["consult"], wait=True)
    other.until(queued, "queued")
    by = emergency(app)
    pre_empted(app, first, by, other)
    assert other.state(queued) == "queued"
    lock(app, by)
    other.until(queued, "unlocked")


def test_an_emergency_does_not_end_another_one_but_waits_or_is_busy(bed, desk):
    app, agent, other = desk
    first = emergency(app)
    app.until(first, "unlocked")
    assert other.ended(emergency(other)) == ("failed", "busy")
    second = emergency(other, wait=True)
    other.until(second, "queued")
    normal = app.open(intent=["consult"], wait=True)
    app.until(normal, "queued")
    third = emergency(other, wait=True)
    other.until(third, "queued")
    assert other.get(third, "Session", "Queue")[0] == 2 and app.get(normal, "Session", "Queue")[0] == 3
    lock(app, first)
    other.until(second, "unlocked")
    assert app.state(normal) == "queued"


def test_nothing_but_an_emergency_ends_a_session(bed, desk):
    app, agent, other = desk
    session = opened(other)
    for options in ({}, {"mode": "identity"}):
        assert app.ended(app.open(**options)) == ("failed", "busy")
    assert other.state(session) == "unlocked"
    by = emergency(app)
    app.until(by, "unlocked")
    assert other.ended(other.open(intent=["consult"])) == ("failed", "busy")
    assert app.state(by) == "unlocked"


def test_the_same_dossier_open_with_other_cards_is_taken_over(make_bed, people):
    pairs = "".join(f"[pair {name}]\npatient-reader = Vitale Sim {reader} 01\n"
                    f"professional-reader = Vitale Sim {reader} 00\n\n"
                    for name, reader in (("one", "00"), ("two", "01")))
    bed = make_bed("cps4-gp", "vitale-family", "cps4-pharmacist", None, readers="2,2", config=pairs)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    victim = opened(app, pair="one")
    app.call("Create", {"a{sv}": {}}, path=victim, interface="Dossier")
    by = emergency(app, pair="two", patient=fd(THEO))
    pre_empted(app, victim, by)
    assert app.get(by, "Session", "Proof") == "none"
