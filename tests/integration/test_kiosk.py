# SPDX-License-Identifier: EUPL-1.2
"""The patient alone at a kiosk: what its pair opens, what happens to a card or a screen that is left, and who goes
before. The codes are test_patient.py's."""
import time

import pytest

from actor import ROOT, BusError
from bed import wait_for
from conftest import cards, reader_at
from test_consultation import add
from test_dossier import do, ids, opened
from test_emergency import REASON, THEO, fd
from test_patient import CONFIG, carry, issue, lock, opened_alone

NOTHING = {"a{sv}": {}}


@pytest.fixture
def kiosk(make_bed, people):
    """(bed, the doctor's application, the kiosk's, its display), Théo at the kiosk with his dossier unlocked."""
    bed = make_bed("cps4-gp", "vitale-family", None, readers="2,1", config=CONFIG)
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    display = people.actor(bed, "vddisplay")
    display.agent("patient-display")
    alone = people.actor(bed, "vdother")
    session = opened(app, "create", pair="counter")
    do(app, session, "Create", NOTHING)
    lock(app, session)
    code = issue(app, agent)
    carry(bed, app, 2)
    alone.session = opened_alone(alone, display, code)
    return bed, app, alone, display


def told(display):
    display.get(ROOT, "Manager", "Version")  # what was sent before this has come
    return display.seen("inform", what="take-card")


def test_a_kiosk_is_for_the_patient_alone_who_is_told_to_take_the_card(kiosk):
    bed, app, alone, display = kiosk
    for mode, more in (("normal", {}), ("identity", {}), ("administration", {"intent": ["create"]})):
        with pytest.raises(BusError) as error:
            alone.open(mode=mode, pair="kiosk", **more)
        assert error.value.short == "InvalidArgument" and "mode" in str(error.value)
    assert alone.get(alone.session, "Session", "Proof") == "active"
    assert alone.get(alone.session, "Session", "Intent") == []
    offered = alone.call("GetBeneficiaries", path=alone.session, interface="Session")
    assert [p["given"] for p in offered] == ["Théo", "Noël", "Maëlle"]  # his wife has a card of her own
    with pytest.raises(BusError) as error:
        alone.call("GetProfessional", path=alone.session, interface="Session")
    assert error.value.short == "WrongState"
    with pytest.raises(BusError) as error:
        alone.call("Lend", {"u": 10}, path=reader_at(alone, "01 00"), interface="Reader")
    assert error.value.short in ("Busy", "AccessDenied")
    alone.call("Refresh", path=alone.session, interface="Session")
    assert not told(display)
    lock(alone, alone.session)
    display.event("inform", what="take-card", session=alone.session)
    with pytest.raises(BusError) as error:
        alone.call("Refresh", path=alone.session, interface="Session")
    assert error.value.short == "WrongState"
    session = alone.open(mode="patient", pair="kiosk", patient=fd({"nir": "287110099000261", "birth-date": "1987-11-03"}))
    assert alone.ended(session) == ("refused", "not-permitted")
    session = alone.open(mode="patient", pair="kiosk", patient=fd({**THEO, "birth-date": "1985-05-15"}))
    assert alone.ended(session) == ("refused", "other-patient")
    display.answers(choice_beneficiary=["never"])
    for leave in (lambda: alone.call("Release", path=session, interface="Session"), alone.end):
        before = len(display.events)
        session = alone.open(mode="patient", pair="kiosk")
        alone.until(session, "waiting-for-choice")
        leave()  # with the card in
        display.event("inform", before, what="take-card", session=session)


def test_an_emergency_elsewhere_takes_the_dossier_from_the_kiosk(kiosk):
    bed, app, alone, display = kiosk
    session = app.open(mode="bris_de_glace", reason=fd(REASON), patient=fd(THEO), pair="counter")
    app.until(session, "unlocked")
    assert alone.ended(alone.session) == ("locked", "pre-empted")


def test_a_card_that_is_taken_locks_at_once(kiosk):
    bed, app, alone, display = kiosk
    bed.sim("remove 2")
    assert alone.ended(alone.session) == ("locked", "patient-card-removed")
    wait_for(lambda: "vitale" not in cards(app).values())
    assert not told(display)


@pytest.mark.minutes
def test_a_screen_that_is_left_locks_after_a_minute_and_one_that_is_used_does_not(kiosk):
    bed, app, alone, display = kiosk
    document = add(alone, alone.session, "a note", type="patient-note")
    began = time.monotonic()
    while time.monotonic() - began < 90:  # looking at properties is nobody's doing, a call is
        time.sleep(20)
        assert ids(alone, alone.session) == [document]
    assert alone.ended(alone.session, seconds=120) == ("locked", "idle")
    display.event("inform", what="take-card")
    before = len(told(display))
    wait_for(lambda: len(told(display)) >= before + 2, 60)
