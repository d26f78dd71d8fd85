# SPDX-License-Identifier: EUPL-1.2
"""Readers without pcscd: the service's whole job through vitaled-usb, and pcscd beside it."""
import pytest

import demo
import scenes
from actor import BusError
from bed import wait_for
from conftest import card_at, cards, reader_at, shown
from stage import CONFIG, READERS, USB, Stage
from terminal import Terminal
from test_pins import Hands

LEVELS = [USB, *(pytest.param(f"{m},{m},{m},single", marks=pytest.mark.minutes)
                 for m in ("character", "tpdu", "short", "extended", "by-hand"))]


@pytest.mark.parametrize("models", LEVELS)
def test_the_whole_main_job_runs_without_pcscd(make_bed, models):
    """The first: each pair's reader at another exchange level; with --soak every level for itself."""
    bed = make_bed("cps4-fund", None, "cps4-pharmacist", None, scenes.CARDS[0], readers=READERS, config=CONFIG,
                   usb=models)
    assert "pcscd" not in bed.processes
    stage = Stage(bed, quiet=True)
    demo.play(stage)
    assert sorted(stage.receipts) == ["consultation", "creation", "delivery", "emergency", "visit"]


@pytest.mark.parametrize("model", ["tpdu", "by-hand"])
def test_the_main_job_runs_by_t1(make_bed, people, model):
    """At TPDU level, where the blocks are ours, and where the data rate is, too. A Vitale has T=0 alone, whatever it is told."""
    bed = make_bed(usb=model, only_t1=(0, 1))
    app, _, session = unlocked(bed, people)
    assert bed.orders("protocols") == "0=1 1=0"
    app.call("Lock", path=session, interface="Session")
    bed.sim("remove 0")
    wait_for(lambda: len(cards(app)) == 1)
    bed.sim("insert 0 cps4-gp")
    wait_for(lambda: len(cards(app)) == 2)
    app.until(app.open(intent=["create"]), "unlocked")
    assert bed.orders("protocols") == "0=1 1=0"


def unlocked(bed, people):
    """(application, agent, session) with a dossier that is open."""
    app, agent = people(bed, choice_beneficiary=[0], choice_structure=[0])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    return app, agent, session


# a reader that leaves with both cards: which of them the broker hears of first is not promised
BOTH_LEFT = [("locked", "professional-card-removed"), ("locked", "patient-card-removed")]


@pytest.mark.parametrize("card", ["cps3-gp", "cps4-gp"])
@pytest.mark.parametrize("model", ["character", "kap-link"])
def test_a_dossier_opens_and_ends_with_the_card_or_the_reader(make_bed, people, model, card):
    bed = make_bed(card, "vitale-family", usb=model)
    app, _, session = unlocked(bed, people)
    drivers = {r["Driver"] for r in shown(app, "Reader").values()}
    assert drivers == {"usb"}
    bed.sim("remove 1")
    assert app.ended(session) == ("locked", "patient-card-removed")
    bed.sim("insert 1 vitale-family")
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    bed.sim("unplug 0")
    assert app.ended(session) in BOTH_LEFT
    wait_for(lambda: not shown(app, "Reader"))
    bed.sim("plug 0")
    wait_for(lambda: len(cards(app)) == 2)
    session = app.open(intent=["create"])
    app.until(session, "unlocked")


def test_a_slot_of_ours_is_not_lent(make_bed, people):
    bed = make_bed(usb="tpdu")
    app, _, _ = unlocked(bed, people)
    with pytest.raises(BusError) as e:
        app.call("Lend", {"u": 60}, path=reader_at(app, "00 00"), interface="Reader")
    assert e.value.short == "InvalidArgument" and "driver" in str(e.value)


@pytest.mark.parametrize("model", ["keys", "leo,single"])
@pytest.mark.parametrize("card", ["cps3-gp", "cps4-gp"])
def test_a_pin_is_typed_and_changed_on_the_keypad(make_bed, people, model, card):
    bed = make_bed(card, "vitale-single", usb=model, keypad=[0])
    app, _ = people(bed, choice_structure=[0], choice_beneficiary=[0])
    hands = Hands(bed, ["9999", "1234"])
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    hands.rest()
    app.call("Lock", path=session, interface="Session")
    path = next(p for p, c in shown(app, "Card").items() if c["Kind"] == "cps")
    hands = Hands(bed, ["1234", "5678", "5678"])
    assert app.call("ChangePin", path=path, interface="Card") == []
    hands.rest()
    hands = Hands(bed, ["cancel"])
    with pytest.raises(BusError) as e:
        app.call("ChangePin", path=path, interface="Card")
    assert e.value.short == "Cancelled"
    hands.rest()
    assert bed.sim("counters 0").startswith("pin 3 ")


def drivers(app):
    return sorted(r["Driver"] for r in shown(app, "Reader").values())


def test_pcscd_that_starts_later_does_not_disturb(make_bed, people):
    bed = make_bed(usb="tpdu,single", usb_rules="1c34:afd0=usb 0f14:0011=pcsc")
    app, _, session = unlocked(bed, people)
    bed.start_pcscd()
    with Terminal(bed) as t:
        free, = wait_for(t.readers, 20)  # it sees the other; libccid cannot have what is claimed
        assert free.startswith("XIRING")
    assert "LIBUSB_ERROR_BUSY" in bed.log("pcscd")
    wait_for(lambda: drivers(app) == ["pcsc", "usb", "usb"], 20)
    assert app.state(session) == "unlocked"
    app.call("Lock", path=session, interface="Session")
    app.until(app.open(intent=["create"]), "unlocked")


@pytest.mark.parametrize("end", ["ended", "killed"])
def test_auto_leaves_a_reader_to_pcscd_that_holds_it_and_takes_it_when_it_is_gone(make_bed, people, end):
    bed = make_bed(usb="tpdu", usb_by="both", usb_rules="*=auto")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: drivers(app) == ["pcsc", "pcsc"], 20)
    if end == "killed":
        bed.processes["pcscd"].kill()  # it leaves its socket
    bed.end("pcscd")
    wait_for(lambda: drivers(app) == ["usb", "usb"], 60)  # not before a pcscd that restarts would be back
    app.until(app.open(intent=["create"]), "unlocked")


def test_a_rule_keeps_a_reader_for_pcscd(make_bed, people):
    bed = make_bed("cps4-gp", None, None, "vitale-family", usb="tpdu,kap-link",
                   usb_rules="1c34:afd0=pcsc 2947:0101=usb")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: drivers(app) == ["usb", "usb"])
    bed.start_pcscd()
    wait_for(lambda: drivers(app) == ["pcsc", "pcsc", "usb", "usb"], 20)
    wait_for(lambda: len(cards(app)) == 2)
    app.until(app.open(intent=["create"]), "unlocked")


def test_a_service_that_ends_takes_its_readers_and_brings_them_back(make_bed, people):
    bed = make_bed(usb="tpdu")
    app, _, session = unlocked(bed, people)
    bed.kill_usb()
    assert app.ended(session) == ("locked", "no-reader-service")
    bed.end("vitaled-usb")
    bed.start_usb()
    wait_for(lambda: len(cards(app)) == 2, 30)
    app.until(app.open(intent=["create"]), "unlocked")
    assert card_at(app, "00 00")


# what the first application hears of; a reader that is gone takes both cards with it
FAULTS = {"stall-in 0": {"reader-failed"}, "huge 0": {"reader-failed"},
          "unplug 5": {"professional-card-removed", "patient-card-removed"},
          "silence 0": {"card-broken"}}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("slot", [0, 1])
def test_a_reader_that_fails_in_the_middle_ends_the_session_by_name(make_bed, people, fault, slot):
    bed = make_bed(usb="tpdu")
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: len(cards(app)) == 2)
    bed.orders(f"fault {slot} {fault} 1 6")  # after six answers that go well
    state, reason = app.ended(app.open(intent=["create"]), 60)
    assert state == "failed" and reason in FAULTS[fault]
    wait_for(lambda: bed.log("usb-words").count("reader-lied: ") == (reason == "reader-failed"))
    wait_for(lambda: f"{slot}=none/0/-" in bed.orders("faults").split())
