# SPDX-License-Identifier: EUPL-1.2
"""Lending a slot to another program and having it back: what is suspended, what resumes, what ends."""
import os
import pathlib
import subprocess
import time

import pytest

from actor import BusError
from bed import wait_for
from conftest import audit_is_whole, card_at, children, nothing_behind, reader_at, shown
from terminal import PcscError, Terminal

AUT = "e828bd080f8025000001ff001002"
MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
CPS, VITALE = "00 00", "00 01"


class Desk:
    """A dossier that is open, and the two readers."""

    def __init__(self, bed, people, **answers):
        self.bed = bed
        self.app, self.agent = people(bed, **({"choice_beneficiary": [0], "choice_structure": [0]} | answers))
        self.session = self.app.open(intent=["consult", "feed", "create"])
        self.app.until(self.session, "unlocked")
        self.readers = {name: reader_at(self.app, name) for name in (CPS, VITALE)}

    def lend(self, name=CPS, seconds=60, actor=None):
        """The lease's path."""
        return (actor or self.app).call("Lend", {"u": seconds}, path=self.readers[name], interface="Reader")

    def give_back(self, lease):
        self.app.call("Return", path=lease, interface="Lease")

    def state(self):
        return self.app.state(self.session)

    def asked(self, after=0):
        return len(self.agent.seen("pin", after))

    def read(self):
        return self.app.call("List", {"a{sv}": {}}, path=self.session, interface="Dossier")


def name_of(call, *args, **more):
    with pytest.raises(BusError) as e:
        call(*args, **more)
    return e.value.short


@pytest.fixture(params=["cps3-gp", "cps4-gp"])
def desk(request, make_bed, people):
    return Desk(make_bed(request.param, "vitale-family"), people)


@pytest.fixture
def one(make_bed, people):
    return Desk(make_bed("cps3-gp", "vitale-family"), people)


# -- the professional's slot ----------------------------------------------------------------------------

def test_another_program_signs_while_the_dossier_waits_and_a_new_pin_resumes_it(one):
    """Billing, as practices do it: OpenSC logs in and signs on the borrowed card."""
    desk, out = one, pathlib.Path(one.bed.path("app"))
    desk.app.call("Create", {"a{sv}": {}}, path=desk.session, interface="Dossier")
    lease = desk.lend()
    assert desk.state() == "suspended"
    reader = shown(desk.app, "Reader")[desk.readers[CPS]]
    assert reader["Lent"] and shown(desk.app, "Lease")[lease]["Reader"] == desk.readers[CPS]
    assert shown(desk.app, "Lease")[lease]["Until"] > time.time() * 1e6
    out.mkdir()
    os.chmod(out, 0o777)
    (out / "data").write_bytes(bytes.fromhex("3031300d060960864801650304020105000420") + bytes(32))
    done = desk.bed.run(["pkcs11-tool", "--module", MODULE, "--login", "--pin", "1234", "--sign", "-m", "RSA-PKCS",
                         "--id", AUT, "-i", str(out / "data"), "-o", str(out / "signature")])
    assert done.returncode == 0 and len((out / "signature").read_bytes()) == 256, done.stderr
    assert desk.state() == "suspended"
    for call, path, interface in (("List", desk.session, "Dossier"), ("GetPatient", desk.session, "Session"),
                                  ("GetProfessional", desk.session, "Session"),
                                  ("GetBeneficiaries", desk.session, "Session")):
        arguments = [{"a{sv}": {}}] if call == "List" else []
        assert name_of(desk.app.call, call, *arguments, path=path, interface=interface) in (
            "WrongState", "UnknownInterface", "UnknownMethod")
    before = len(desk.agent.events)
    desk.give_back(lease)
    desk.app.until(desk.session, "unlocked")
    assert desk.asked(before) == 1  # the verified PIN went with the reset
    assert desk.read() == [] and desk.app.get(desk.session, "Session", "Proof") == "mutual"
    assert desk.app.call("GetPatient", path=desk.session, interface="Session")["surname"] == "BÉRANGER"
    events = [(e["event"], e["outcome"]) for e in audit_is_whole(desk.bed, desk.app)]
    assert [e for e in events if e[0] in ("card-lent", "suspended", "card-returned", "resumed")] == [
        ("suspended", "ok"), ("card-lent", "ok"), ("card-returned", "ok"), ("resumed", "ok")]


def test_the_card_is_reset_before_another_program_has_it(desk):
    """Nobody meets our verified PIN."""
    select = {"cps3": "00A4040C0DE828BD080F8025000001FF0010", "cps4": "01A4040C088025000001FF0100"}
    path = card_at(desk.app, CPS)
    generation = shown(desk.app, "Card")[path]["Generation"]
    with Terminal(desk.bed) as t:
        with pytest.raises(PcscError):
            t.connect("Vitale Sim 00 00")  # exclusively ours while it is in use
        lease = desk.lend()
        t.connect("Vitale Sim 00 00")
        assert t.send(select[generation]) == "9000"
        assert t.send({"cps3": "0020000100", "cps4": "01200001"}[generation])[:3] == "63c"
        t.disconnect(1)
    desk.give_back(lease)
    desk.app.until(desk.session, "unlocked")


def test_a_wrong_pin_after_the_lease_is_one_try(desk):
    lease, before = desk.lend(), len(desk.agent.events)
    desk.agent.answers(pin=["9999", "1234"])
    desk.give_back(lease)
    desk.app.until(desk.session, "unlocked")
    assert [e["facts"]["tries-left"] for e in desk.agent.seen("pin", before)] == [3, 2]
    assert desk.bed.sim("counters 0").startswith("pin 3 ")


@pytest.mark.parametrize("other", ["cps4-pharmacist", "cps3-nurse", "vitale-single", "unknown"])
def test_another_card_in_the_slot_ends_the_session(desk, other):
    before = card_at(desk.app, CPS)
    lease = desk.lend()
    desk.bed.sim(f"replace 0 {other}")
    wait_for(lambda: [p for p, c in shown(desk.app, "Card").items() if c["Reader"] == desk.readers[CPS] and p != before])
    assert desk.state() == "suspended"
    desk.give_back(lease)
    assert desk.app.ended(desk.session) == ("locked", "card-lent")
    wait_for(lambda: "vitaled-dossier" not in children(desk.bed))


def test_the_card_may_be_out_and_in_again_during_the_lease(desk):
    lease = desk.lend()
    name = desk.bed.sim("list").split()[0].removeprefix("0=")
    desk.bed.sim("remove 0")
    wait_for(lambda: not [c for c in shown(desk.app, "Card").values() if c["Reader"] == desk.readers[CPS]])
    assert desk.state() == "suspended"
    desk.give_back(lease)
    time.sleep(0.2)
    assert desk.state() == "suspended"  # it waits for the card
    desk.bed.sim(f"insert 0 {name}")
    desk.app.until(desk.session, "unlocked")


# -- ends -----------------------------------------------------------------------------------------------

def test_a_lease_runs_out(desk):
    lease, before = desk.lend(seconds=1), time.monotonic()
    wait_for(lambda: lease not in shown(desk.app, "Lease"))
    assert 0.9 < time.monotonic() - before < 5
    desk.app.until(desk.session, "unlocked")
    outcomes = [e["outcome"] for e in audit_is_whole(desk.bed, desk.app) if e["event"] == "card-returned"]
    assert outcomes == ["timeout"]


def test_a_borrower_that_does_not_let_go_is_waited_for(desk):
    with Terminal(desk.bed) as t:
        lease = desk.lend()
        t.connect("Vitale Sim 00 00", 1)  # exclusive
        desk.give_back(lease)
        time.sleep(0.5)
        assert desk.state() == "suspended"
        t.disconnect(1)
        desk.app.until(desk.session, "unlocked")


@pytest.mark.minutes
def test_what_is_not_back_in_time_is_locked(one):
    before = time.monotonic()
    lease = one.lend(seconds=120)
    one.bed.sim("remove 0")
    assert one.app.ended(one.session, seconds=150) == ("locked", "card-lent")
    assert 115 < time.monotonic() - before < 130
    wait_for(lambda: lease not in shown(one.app, "Lease"))
    nothing_behind(one.bed)


def test_an_owner_that_vanishes_gives_everything_back(one, people):
    one.lend()
    one.app.end()
    nothing_behind(one.bed)
    other = people.actor(one.bed, "vdother")
    wait_for(lambda: not [r for r in shown(other, "Reader").values() if r["Lent"]])
    other.until(other.open(intent=["create"]), "unlocked")


def test_the_owners_lock_and_release_end_a_suspended_session(one):
    lease = one.lend()
    one.app.call("Lock", path=one.session, interface="Session")
    assert one.app.ended(one.session)[0] in ("locked", "failed")
    one.app.call("Release", path=one.session, interface="Session")
    one.give_back(lease)
    assert name_of(one.app.call, "Return", path=lease, interface="Lease") == "UnknownObject"
    nothing_behind(one.bed)
    one.app.until(one.app.open(intent=["create"]), "unlocked")


def test_a_patient_who_takes_the_card_during_the_lease_locks(one):
    lease = one.lend()
    one.bed.sim("remove 1")
    assert one.app.ended(one.session) == ("locked", "patient-card-removed")
    wait_for(lambda: "vitaled-dossier" not in children(one.bed))
    one.give_back(lease)
    nothing_behind(one.bed)


# -- the patient's slot ------------------------------------------------------------------------------------

def test_the_patients_slot_is_lent_and_the_card_proves_itself_anew(desk):
    lease, before = desk.lend(VITALE), len(desk.agent.events)
    assert desk.state() == "suspended"
    with Terminal(desk.bed) as t:
        t.connect("Vitale Sim 00 01")
        assert t.send("00A4040C0BD250000002564954414C45") == "9000"
        t.disconnect(1)
    desk.give_back(lease)
    desk.app.until(desk.session, "unlocked")
    assert desk.asked(before) == 0 and not desk.agent.seen("consent", before)
    assert desk.app.get(desk.session, "Session", "Proof") == "mutual"


@pytest.mark.parametrize("other", ["vitale-single", "vitale-lunar", "cps4-gp", "vitale-1"])
def test_another_patients_card_ends_the_session(one, other):
    lease = one.lend(VITALE)
    one.bed.sim(f"replace 1 {other}")
    one.give_back(lease)
    assert one.app.ended(one.session) == ("locked", "card-lent")
    nothing_behind(one.bed, professional=True)


def test_both_slots_may_be_lent(desk):
    first, second = desk.lend(CPS), desk.lend(VITALE)
    desk.give_back(first)
    time.sleep(0.1)
    assert desk.state() == "suspended"
    desk.give_back(second)
    desk.app.until(desk.session, "unlocked")


# -- who may --------------------------------------------------------------------------------------------------

def test_a_slot_in_use_is_lent_to_its_user_only(one, people):
    other = people.actor(one.bed, "vdother")
    stranger = people.actor(one.bed, "vddisplay")
    for name in (CPS, VITALE):
        assert name_of(one.lend, name, actor=other) == "Busy"
        assert name_of(one.lend, name, actor=stranger) == "AccessDenied"  # polkit
    assert name_of(one.lend, seconds=0) == "InvalidArgument"
    assert name_of(one.lend, seconds=121) == "InvalidArgument"
    lease = one.lend()
    assert name_of(one.lend) == "Busy"
    assert name_of(other.call, "Return", path=lease, interface="Lease") == "UnknownObject"
    assert lease not in shown(other, "Lease")
    one.give_back(lease)
    one.app.until(one.session, "unlocked")
    one.app.call("Release", path=one.session, interface="Session")
    assert name_of(one.lend, actor=other) == "Busy"  # the PIN of another user is verified on it
    other.call("Return", path=one.lend(VITALE, actor=other), interface="Lease")  # that slot is free


def test_nothing_is_lent_on_the_way_to_the_dossier(one):
    one.app.call("Release", path=one.session, interface="Session")
    one.agent.answers(consent=["never"])
    one.session = one.app.open(intent=["create"])
    one.app.until(one.session, "waiting-for-consent")
    for name in (CPS, VITALE):
        assert name_of(one.lend, name) == "Busy"
    assert one.app.state(one.session) == "waiting-for-consent"


def test_an_idle_card_is_lent_and_its_pin_forgotten(one):
    one.app.call("Release", path=one.session, interface="Session")
    lease, before = one.lend(), len(one.agent.events)
    waiting = one.app.open(intent=["create"], wait={"b": True})
    one.app.until(waiting, "queued", "waiting-for-cards")
    one.give_back(lease)
    one.app.until(waiting, "unlocked")
    assert one.asked(before) == 1


def test_a_lent_slot_is_left_alone(one):
    """No command of ours, whatever comes into it."""
    one.app.call("Release", path=one.session, interface="Session")
    lease = one.lend(VITALE)
    one.bed.sim("replace 1 vitale-single")
    one.bed.sim("count-reset 1")
    one.bed.sim("replace 1 vitale-lunar")
    time.sleep(0.5)
    assert one.bed.sim("count 1").startswith("0 ")
    one.give_back(lease)
    path = card_at(one.app, VITALE)
    assert shown(one.app, "Card")[path]["Kind"] == "vitale"


def test_vitalectl_lend_runs_a_command_and_gives_back(one):
    program = one.bed.program("vitalectl")
    number = one.readers[CPS].rsplit("/", 1)[1]
    one.app.call("Release", path=one.session, interface="Session")
    done = one.bed.run([program, "lend", number, "--", "opensc-tool", "-r", "0", "-s", "00A4040C0DE828BD080F8025000001FF0010"])
    assert done.returncode == 0 and "90, SW2=0x00" in done.stdout, done.stdout + done.stderr
    assert one.bed.run([program, "lend", number, "--", "sh", "-c", "exit 7"]).returncode == 7
    with subprocess.Popen(["setpriv", "--reuid=vdapp", "--regid=vdapp", "--clear-groups", "--", program, "lend", number,
                           "--", "sleep", "60"], env=one.bed.env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as p:
        wait_for(lambda: shown(one.app, "Reader")[one.readers[CPS]]["Lent"])
        p.terminate()
    wait_for(lambda: not shown(one.app, "Reader")[one.readers[CPS]]["Lent"])
    one.app.until(one.app.open(intent=["create"]), "unlocked")
