# SPDX-License-Identifier: EUPL-1.2
"""Faults of the physical world on one pair of readers while another session works on a second pair:
each ends in its named reason, in its time, and leaves neither process nor descriptor."""
import contextlib
import os
import threading
import time

import pytest

from actor import Actor
from bed import Bed, wait_for
from conftest import SPARES, card_at, is_empty, pids, profiles, reader_at, running, shown, taken
from terminal import Terminal
from test_consultation import add

PAIRS = "".join(f"[pair {name}]\nprofessional-reader = Vitale Sim 0{n} 00\npatient-reader = Vitale Sim 0{n} 01\n"
                for n, name in enumerate(("counter", "office")))
CARDS = ("cps4-gp", "vitale-family", "cps3-nurse", "vitale-single")
REMOVED = ("professional-card-removed", "patient-card-removed")


class Office:
    """Somebody whose dossier is open at the other pair of readers, and who works in it all the time."""

    def __init__(self, actor, session):
        self.actor, self.session, self.calls, self.slowest, self.over = actor, session, 0, 0.0, False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.over:
            before = time.monotonic()
            self.actor.call("List", {"a{sv}": {}}, path=self.session, interface="Dossier")
            self.slowest = max(self.slowest, time.monotonic() - before)
            self.calls += 1
            time.sleep(0.2)  # as often as one user's programs may for ever (LIMIT_DOSSIERS_EACH)

    def undisturbed(self):
        self.over = True
        self.thread.join()
        assert self.calls > 0 and self.actor.state(self.session) == "unlocked"
        assert self.slowest < 1.5, self.slowest


class World:
    """Both pairs of readers, for many tests: each begins with fresh cards at the first."""

    def __init__(self, bed):
        self.bed, self.office, self.session, self.healthy, self.stuck = bed, None, None, True, None
        self.agent, self.app, self.other = (Actor(bed, user) for user in ("vdagent", "vdapp", "vdother"))
        self.agent.agent("pin", "professional", choice_beneficiary=[0], choice_structure=[0])
        for name in ("00 00", "00 01", "01 00", "01 01"):
            card_at(self.app, name)
        self.away = self.other.open(intent=["consult", "feed", "create"], pair="office")
        self.other.until(self.away, "unlocked")
        self.other.call("Create", {"a{sv}": {}}, path=self.away, interface="Dossier")
        add(self.other, self.away)
        self.quiet()
        self.descriptors = descriptors()

    def quiet(self):
        """What runs while the office works: its two cards, its dossier and the guard, besides the usual."""
        wait_for(lambda: (len(pids("vitaled-card")), len(pids("vitaled-dossier")), len(pids("vitaled-watch")))
                 == (2 + SPARES, 1, 2), 10)

    def begin(self):
        self.healthy = False  # until this test has left nothing
        self.agent.answers(pin=["1234"], consent=["given"], choice_beneficiary=[0], choice_structure=[0])
        for slot in (0, 1):
            if self.bed.sim("list").split()[slot].endswith("=-"):
                self.bed.sim(f"insert {slot} {CARDS[slot]}")
            card_at(self.app, f"00 0{slot}")
        self.quiet()
        self.office = Office(self.other, self.away)

    def open(self, **options):
        return self.app.open(intent=["create"], pair="counter", **options)

    def unlock(self):
        session = self.open()
        self.app.until(session, "unlocked")
        return session

    def leaves_nothing(self):
        """No process and no descriptor more than before; the office did not notice."""
        self.office.undisturbed()
        self.app.call("Release", path=self.session, interface="Session")
        for slot in (0, 1):
            self.bed.sim(f"normal {slot}")
        if self.stuck:
            # pcscd 1.9.9: a card that leaves while the command of a program that died comes to its end
            # is called mute, and present, until the next one
            with Terminal(self.bed) as t:
                wait_for(lambda: taken(t, f"Vitale Sim 00 0{self.stuck}"))
                t.disconnect()
            self.stuck = None
        for slot in (0, 1):
            self.bed.sim(f"remove {slot}")
        wait_for(lambda: len(shown(self.app, "Card")) == 2)
        self.quiet()
        wait_for(lambda: descriptors() <= self.descriptors, 10)
        self.healthy = True

    def end(self):
        if self.office:
            self.office.over = True
        for actor in (self.agent, self.app, self.other):
            actor.__exit__()


def descriptors():
    """Those of the broker, without the two that it has for a process that waits for a dossier."""
    broker, = pids("vitaled")
    waiting = [pid for pid, comm in running() if comm == "vitaled-dossier" and is_empty(pid)]
    return len(os.listdir(f"/proc/{broker}/fd")) - 2 * len(waiting)


@pytest.fixture(scope="module")
def worlds(build, personal):
    """worlds(): the present world, or a new one when the last test left something behind."""
    made, stack = [], contextlib.ExitStack()

    def end():
        if made:
            made.pop().end()
        stack.close()

    def get():
        if made and not made[0].healthy:
            end()
        if not made:
            made.append(World(stack.enter_context(
                Bed(build, cards=CARDS, personal=personal, readers="2,2", hotplug=True, config=PAIRS))))
        return made[0]
    yield get
    end()


@pytest.fixture
def world(worlds):
    world = worlds()
    world.begin()
    return world


@pytest.fixture
def told(capsys, request):
    """told(seconds): print how long it took; nothing is asserted about it."""
    def tell(before):
        with capsys.disabled():
            print(f"\n{request.node.name}: {time.monotonic() - before:.2f} s", end="")
    return tell


def fails(world, told, reasons, before_open=None):
    before = time.monotonic()
    world.session = world.open()
    if before_open:
        before_open()
    state, reason = world.app.ended(world.session, seconds=60)
    told(before)
    assert (state, reason) in [("failed", r) for r in reasons], (state, reason)
    world.leaves_nothing()


# -- cards that do not behave --------------------------------------------------------------------------------

BROKEN = ("card-broken",)
ODD = ("card-broken", "card-unknown", "not-trusted", "proof-failed", "card-removed", *REMOVED)
FAULTS = [
    ("mute {slot} on", BROKEN), ("loop61 {slot}", BROKEN), ("loop6c {slot}", BROKEN),
    ("overlong {slot} 1", ODD), ("overlong {slot} 300", BROKEN), ("overlong {slot} 60000", BROKEN),
    ("truncate {slot} 1", BROKEN), ("procedure {slot} one", BROKEN), ("procedure {slot} sw1", BROKEN),
    ("procedure {slot} empty", BROKEN), ("garbage {slot} 7", ODD), ("wtx {slot} on", BROKEN),
    ("stuck {slot} 900", BROKEN), ("hang {slot} on", BROKEN), ("yes {slot} on", ODD),
]


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("fault,reasons", FAULTS, ids=["-".join(f.split()[::2] if len(f.split()) > 2 else f.split()[:1])
                                                        for f, _ in FAULTS])
def test_a_card_that_does_not_behave_is_named(world, told, slot, fault, reasons):
    world.bed.sim(fault.format(slot=slot))
    world.stuck = str(slot) if reasons is BROKEN else None
    fails(world, told, reasons)


@pytest.mark.parametrize("slot", [0, 1])
def test_one_false_bit_in_the_nth_answer_unlocks_nothing_wrong(world, told, slot, nth):
    """Either the fault is found and named, or it met nothing that matters."""
    world.bed.sim(f"flip {slot} {nth} {nth * 37}")
    before = time.monotonic()
    world.session = world.open()
    state, reason = world.app.until(world.session, "unlocked", "failed", "refused", "locked", seconds=60)
    told(before)
    if state == "unlocked":
        who = world.app.call("GetPatient", path=world.session, interface="Session")
        assert who["birth-date"].startswith("19") and len(who.get("nir", "1" * 15)) == 15
    else:
        assert (state, reason) in [("failed", r) for r in (*ODD, "card-expired", "nature-mixed", "pin-blocked",
                                                           "pin-wrong", "card-unsupported", "proof-too-weak")] + \
            [("refused", "no-own-identity"), ("refused", "role-forbidden"), ("refused", "forbidden-sector"),
             ("refused", "not-permitted"), ("failed", "cancelled")]
    assert world.bed.sim("counters 0").startswith("pin 3 ")  # one VERIFY, with the right PIN
    world.leaves_nothing()


@pytest.mark.parametrize("slot", [0, 1])
def test_a_quiet_swap_is_found_before_anything_is_released(world, told, slot):
    """The reader saw nothing: no event, and the next command reaches another card."""
    world.agent.answers(consent=["never"])
    world.session = world.open()
    world.app.until(world.session, "waiting-for-consent")
    world.bed.sim(f"swap {slot} {('cps4-pharmacist', 'vitale-corsica')[slot]} live")
    before = time.monotonic()
    world.agent.answers(consent=["given"])
    world.app.call("Lock", path=world.session, interface="Session")
    world.agent.answers(consent=["given"])
    again = world.open()
    world.app.call("Release", path=world.session, interface="Session")
    world.session = again
    state, reason = world.app.until(again, "unlocked", "failed", "refused", "locked")
    told(before)
    if state == "unlocked":
        call = ("GetProfessional", "GetPatient")[slot]
        names = (profiles()["cps4-pharmacist"]["professional"], profiles()["vitale-corsica"]["people"][0])
        assert world.app.call(call, path=again, interface="Session")["surname"] == names[slot]["surname"]
    else:
        assert reason in (*REMOVED, "proof-failed", "card-broken", "not-trusted")
    world.leaves_nothing()


@pytest.mark.parametrize("how", ["quiet", "live"])
@pytest.mark.parametrize("slot", [0, 1])
def test_a_card_swapped_unseen_while_consent_is_asked_signs_nothing(world, told, slot, how):
    world.agent.answers(consent=[{"later": 700, "answer": "given"}])
    world.session = world.open()
    world.app.until(world.session, "waiting-for-consent")
    world.bed.sim(f"swap {slot} {('cps4-pharmacist', 'vitale-corsica')[slot]} {how}")
    before = time.monotonic()
    assert world.app.ended(world.session) in [("failed", r) for r in (*REMOVED, "proof-failed", "card-broken")]
    told(before)
    world.leaves_nothing()


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("ms", [1, 30, 120, 300])
def test_a_card_that_bounces_locks(world, told, slot, ms):
    world.session = world.unlock()
    before = time.monotonic()
    world.bed.sim(f"bounce {slot} {ms}")
    assert world.app.ended(world.session) in [("locked", REMOVED[slot]), ("locked", "card-replaced")]
    told(before)
    wait_for(lambda: world.bed.sim("list").split()[slot] == f"{slot}={CARDS[slot]}")
    world.app.call("Release", path=world.session, interface="Session")
    world.session = world.unlock()  # it is in again
    world.leaves_nothing()


@pytest.mark.parametrize("slot", [0, 1])
def test_a_card_upside_down_is_mute_until_it_is_turned(world, told, slot):
    world.bed.sim(f"upside-down {slot} {CARDS[slot]}")
    name = f"00 0{slot}"
    reader = reader_at(world.app, name)

    def kinds():
        return [c["Kind"] for c in shown(world.app, "Card").values() if c["Reader"] == reader]

    wait_for(lambda: kinds() == ["mute"])
    before = time.monotonic()
    world.session = world.open()
    assert world.app.ended(world.session) == ("failed", "card-broken")
    told(before)
    world.app.call("Release", path=world.session, interface="Session")
    world.bed.sim(f"replace {slot} {CARDS[slot]}")
    # a session opened before the service has seen the turned card would meet the mute one
    wait_for(lambda: kinds() and "mute" not in kinds())
    world.session = world.unlock()
    world.leaves_nothing()


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("glitches", [1, 2])
def test_a_glitch_at_power_up_is_tried_again(world, told, slot, glitches):
    world.bed.sim(f"remove {slot}")
    wait_for(lambda: len(shown(world.app, "Card")) == 3)
    world.bed.sim(f"glitch {slot} {glitches}")
    before = time.monotonic()
    world.bed.sim(f"insert {slot} {CARDS[slot]}")
    world.session = world.unlock()
    told(before)
    world.leaves_nothing()


# -- a reader that hangs --------------------------------------------------------------------------------------

@pytest.mark.parametrize("fault", ["wtx 1 on", "stuck 1 900", "hang 1 on"])
def test_a_stuck_card_in_an_unlocked_session_ends_when_it_is_used(world, told, fault):
    world.session = world.unlock()
    world.bed.sim(fault)
    world.stuck = fault.split()[1]
    before = time.monotonic()
    ident = world.app.start("GetPatient", path=world.session, interface="Session")
    assert world.app.ended(world.session) == ("locked", "card-broken")
    told(before)
    with pytest.raises(Exception):
        world.app.answer(ident)
    world.leaves_nothing()


# -- a reader that leaves -------------------------------------------------------------------------------------

@pytest.mark.parametrize("step", ["waiting-for-pin", "waiting-for-consent", "unlocked"])
def test_an_unplugged_reader_ends_its_sessions_only(world, told, step):
    if step != "unlocked":
        world.agent.answers(**{step.removeprefix("waiting-for-"): ["never"]})
    world.session = world.open()
    world.app.until(world.session, step)
    before = time.monotonic()
    world.bed.sim("unplug 0")
    state, reason = world.app.ended(world.session)
    told(before)
    assert state == ("locked" if step == "unlocked" else "failed") and reason in (*REMOVED, "no-reader")
    wait_for(lambda: len(shown(world.app, "Reader")) == 2)
    assert world.app.ended(world.open())[1] == "no-reader"
    world.bed.sim("plug 0")
    wait_for(lambda: len(shown(world.app, "Reader")) == 4)
    world.agent.answers(pin=["1234"], consent=["given"])
    world.app.call("Release", path=world.session, interface="Session")
    world.session = world.unlock()
    world.leaves_nothing()
