# SPDX-License-Identifier: EUPL-1.2
"""pcscd and vitaled-usb beside each other, as the broker sees them: what one loses is not the other's."""
import os
import signal
import time

import pytest

from bed import wait_for
from conftest import cards, shown, watches_usb
from test_fault_list import idle
from test_usb import drivers, unlocked

MIXED = {"usb": "tpdu,kap-link", "usb_rules": "1c34:afd0=usb 2947:0101=pcsc"}


@pytest.fixture
def mixed(make_bed, people):
    """(bed, application, session) with a dossier open by vitaled-usb's reader, and another reader at pcscd."""
    bed = make_bed("cps4-gp", "vitale-family", None, "vitale-single", **MIXED)
    app, _ = people(bed, choice_beneficiary=[0], choice_structure=[0])
    wait_for(lambda: drivers(app) == ["usb", "usb"], 20)
    bed.start_pcscd()
    wait_for(lambda: drivers(app) == ["pcsc", "pcsc", "usb", "usb"], 20)
    bed.sim("remove 3")  # one patient
    wait_for(lambda: len(cards(app)) == 2)
    session = app.open(intent=["create"])
    app.until(session, "unlocked")
    return bed, app, session


def watch_of_usb():
    """Process numbers of the watches of vitaled-usb."""
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and watches_usb(pid)]


def guarded():
    """Whether the guard's watch of vitaled-usb is there, and through with its start: none of the two does anything."""
    before = {pid: idle.switches(pid) for pid in watch_of_usb()}
    time.sleep(0.3)
    return len(before) == 2 and {pid: idle.switches(pid) for pid in before} == before


def test_a_pcscd_that_ends_leaves_what_is_open_by_vitaled_usb(mixed):
    bed, app, session = mixed
    bed.end("pcscd")
    wait_for(lambda: drivers(app) == ["usb", "usb"], 20)
    assert app.state(session) == "unlocked"
    app.call("Lock", path=session, interface="Session")
    app.until(app.open(intent=["create"]), "unlocked")  # and without pcscd as before


def test_a_vitaled_usb_that_hangs_does_not_keep_a_dossier_unlocked(mixed):
    bed, app, session = mixed
    wait_for(guarded)
    bed.processes["vitaled-usb"].send_signal(signal.SIGSTOP)
    try:
        assert app.ended(session) == ("locked", "no-reader-service")  # the guard says so, whom nobody answers
        wait_for(lambda: drivers(app) == ["pcsc", "pcsc"])
    finally:
        bed.processes["vitaled-usb"].send_signal(signal.SIGCONT)
    wait_for(lambda: drivers(app) == ["pcsc", "pcsc", "usb", "usb"], 60)


def test_other_rules_are_taken_by_a_reload(mixed):
    bed, app, session = mixed
    path = bed.path("vitaled.conf")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + "[usb *]\ndriver = maybe\n")
    bed.processes["vitaled"].send_signal(signal.SIGHUP)
    wait_for(lambda: "driver: the old one is kept" in bed.log("vitaled"))
    assert app.state(session) == "unlocked"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("driver = usb", "driver = pcsc"))
    bed.processes["vitaled"].send_signal(signal.SIGHUP)
    assert app.ended(session)[0] == "locked"
    wait_for(lambda: drivers(app) == ["pcsc", "pcsc"], 30)  # pcscd looks at the other when it is plugged in anew


def test_where_there_is_no_vitaled_usb_nothing_wakes_up_for_it(bed, people):
    app, _ = people(bed)
    watch, = wait_for(watch_of_usb)
    wait_for(lambda: len(shown(app, "Reader")) == 2)

    def quiet():
        before = idle.switches(watch)
        time.sleep(1)
        return idle.switches(watch) == before
    wait_for(quiet, 30)
    before = idle.switches(watch)
    time.sleep(15)  # longer than the pauses after which anything of ours looks again
    assert idle.switches(watch) == before
